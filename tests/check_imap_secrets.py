"""Logging in, and what is never told: the password is in no command line, journal, report, message or core dump; every mechanism works
and takes no wrong password; certificates, pins and host names are checked before anything is sent; tokens are renewed."""
import base64
import hashlib
import os
import shutil
import subprocess
import threading
import time

import judge
from imap_judge import Target, fresh, secret_file
from imap_servers import Certificates, Dovecot, FakeServer, Unavailable, certificates
from judge import equal, same, say

SECRET = "ugb7-Ge heim\"\\ort"  # which has to be quoted in LOGIN
FOREIGN = "Wörter-日本-größe"  # which imaplib cannot say
PLAIN = "Kx93hfQz71-plain-" + "7pLqZ0" * 10  # larger than any register, whose contents are in a core, too
SOURCE = os.path.join(judge.TESTDATA, "demo/mail")
AUTH = {"plain": "PLAIN", "login": "LOGIN", "scram-sha-1": "SCRAM-SHA-1", "scram-sha-256": "SCRAM-SHA-256"}


def forms(secret, user="ada"):
    """Every way in which a secret may stand somewhere."""
    raw = secret.encode()
    found = {raw, base64.b64encode(raw), base64.b64encode(b"\0" + user.encode() + b"\0" + raw), raw.hex().encode(),
             raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"'), secret.encode("utf-16-le"),
             base64.b64encode(f"user={user}\x01auth=Bearer {secret}\x01\x01".encode())}
    return [f for f in found if len(f) > 6]


def silent(what, secret, *octets):
    for text in octets:
        for form in forms(secret):
            same(form not in text, f"{what}: the secret is told, in form {form[:8]!r}…: …{text[max(0, text.find(form) - 60):text.find(form)]!r}")


def files_of(target):
    for directory, _, names in os.walk(os.path.dirname(target.state)):
        for name in names:
            yield judge.read(os.path.join(directory, name))


def told_nothing(what, target, done, secret):
    silent(what, secret, done.stdout, done.stderr, *files_of(target))


def script(text):
    path = judge.write(os.path.join(fresh("script"), "run"), ("#!/bin/sh\n" + text + "\n").encode())
    os.chmod(path, 0o700)
    return path


def target_of(server, *options, how="tls", below="Secrets"):
    return Target(server, below, how, options=options, password=False)


# ── passwords ──

def check_ways(server):
    """Each way of giving a password, and each mechanism with a good and a bad one."""
    good, bad = secret_file(server.password), secret_file("wrong-" + PLAIN)
    n = 0

    def works(what, *options, env=None, secret=server.password):
        nonlocal n
        target = target_of(server, *options, below=f"S{n}")
        n += 1
        done = target.convert(SOURCE, "--json", env=judge.environment(**(env or {})))
        equal(judge.json.loads(done.stdout)["totals"]["stored"], 13, f"{what}: stored")
        told_nothing(what, target, done, secret)
        return target

    def refused(what, *options, env=None, exits=(5,), secret="wrong-" + PLAIN):
        target = target_of(server, *options, below="Never")
        done = target.convert(SOURCE, exits=exits, env=judge.environment(**(env or {})))
        told_nothing(what, target, done, secret)
        return done
    for option, name in AUTH.items():
        works(name, "--auth", option, "--password-file", good)
        done = refused(f"{name}, wrong password", "--auth", option, "--password-file", bad)
        same("Authentication failed" in done.text, f"{name}: the server's words are not told: {done.text}")
    works("--password-command", "--password-command", script(f"cat {good}"))
    works("MAILHAUL_PASSWORD", env={"MAILHAUL_PASSWORD": server.password})
    works("more than the first line", "--password-file", judge.write(fresh("pw") + "/pw", server.password.encode() + b"\r\nsecond\n"))
    refused("no password at all", exits=(5, 2))
    refused("an empty file", "--password-file", judge.write(fresh("pw") + "/pw", b""), exits=(2, 4, 5))
    refused("no such file", "--password-file", "/nonexistent/pw", exits=(2, 4, 5))
    refused("a command that fails", "--password-command", script("echo oops; exit 3"), exits=(2, 4, 5))
    refused("a wrong one in the environment", env={"MAILHAUL_PASSWORD": "wrong-" + PLAIN})
    refused("an unknown mechanism", "--auth", "gssapi", "--password-file", good, exits=(2,))
    refused("a file wins over the environment", "--password-file", bad, env={"MAILHAUL_PASSWORD": server.password})
    open_to_all = judge.write(fresh("pw") + "/pw", server.password.encode() + b"\n")
    os.chmod(open_to_all, 0o644)
    target = works("a file that all may read", "--password-file", open_to_all)
    equal(target.report()["totals"]["issues"].get("imap.password-exposed"), 1, "a file that all may read: imap.password-exposed")
    equal([(n["issue"], n["detail"]) for n in target.report()["notices"] if n["issue"] == "imap.password-exposed"],
          [("imap.password-exposed", open_to_all)], "a file that all may read: the notice")
    held = server.download(bodies=False)
    same(not any(name.startswith("Never") for name in held), "a run with a wrong password left something")
    for auth in AUTH:
        options = ("--auth", auth, "--password-file", secret_file(FOREIGN))
        target = Target(server, "Foreign-" + auth, user="umlaut", password=False, options=options)
        done = target.convert(SOURCE, exits=(0,) if auth != "login" else (0, 5))
        told_nothing(f"{auth}, a password that is no ASCII", target, done, FOREIGN)
    say(f"passwords: {n} uploads with good ones; wrong ones end with 5")


def check_url(server):
    for url in (f"imaps://ada:{PLAIN}@localhost:{server.tls_port}/X", f"imaps://ada:{PLAIN}@localhost/", f"imaps://:{PLAIN}@localhost/",
                f"imaps://ada;AUTH=PLAIN:{PLAIN}@localhost/X", f"imaps://ada%3A{PLAIN}:x@localhost/"):
        state = fresh("state")
        done = judge.run("convert", SOURCE, url, "--state", state + "/s", exits=(2,))
        silent("a password in the URL", PLAIN, done.stdout, done.stderr)
        equal(os.listdir(state), [], "a password in the URL: files")
    done = judge.run("convert", SOURCE, f"imaps://ada@localhost:{server.tls_port}/X", "--proxy", f"http://u:{PLAIN}@localhost:1",
                     exits=(2,))
    silent("a password in a proxy's URL", PLAIN, done.stdout, done.stderr)


# ── a process that is looked at ──

def looked_at(what, secret, options, env=None):
    """A run that is stopped by a slow server in the middle: its command line, its children's, and its core."""
    seen, there, looked = [], threading.Event(), threading.Event()

    def hook(command):
        if command.name == "APPEND" and command.number == 2:
            there.set()
            looked.wait(20)
    server = FakeServer(capability="IMAP4rev1 LITERAL+ SASL-IR", users={"ada": secret}, hook=hook)
    server.tokens[secret] = None
    target = target_of(server, *options, how="plain")
    process = subprocess.Popen([judge.PROGRAM, "convert", *target.options, "--connections", "1", SOURCE, target.url],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=judge.environment(**(env or {})))
    core = os.path.join(fresh("core"), f"core.{process.pid}")
    while process.poll() is None:
        for pid in [process.pid, *children(process.pid)]:
            try:
                seen.append(judge.read(f"/proc/{pid}/cmdline").replace(b"\0", b" "))
            except OSError:
                pass
        if there.is_set() and not looked.is_set():
            if shutil.which("gcore") and not judge.sanitized():
                subprocess.run(["gcore", "-o", core.rpartition(".")[0], str(process.pid)], capture_output=True, check=False)
            looked.set()
        time.sleep(0.01)
    out, err = process.communicate()
    equal(process.returncode, 0, f"{what}: {err[-300:]}")
    same(any(b"convert" in line for line in seen), f"{what}: the command line was not seen")
    silent(f"{what}: command lines", secret, *set(seen))
    silent(what, secret, out, err, *files_of(target))
    if os.path.exists(core):
        octets = judge.read(core)
        same(b"imap://ada@localhost" in octets, f"{what}: the core holds nothing of the run")
        silent(f"{what}: core", secret, octets)
        os.unlink(core)
        return f"{what} (core of {len(octets) >> 20} MB)"
    return what + " (no core: gcore gives none)"


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []


def check_process():
    seen = []
    seen.append(looked_at("--password-file", SECRET, ["--password-file", secret_file(SECRET)]))
    seen.append(looked_at("--password-command", PLAIN, ["--password-command", script(f"cat {secret_file(PLAIN)}")]))
    seen.append(looked_at("MAILHAUL_PASSWORD", PLAIN, [], {"MAILHAUL_PASSWORD": PLAIN}))
    seen.append(looked_at("--oauth-token-command", PLAIN, ["--oauth-token-command", script(f"cat {secret_file(PLAIN)}")]))
    say("looked at: " + ", ".join(seen))


# ── tokens and client certificates ──

def check_tokens(server):
    """Dovecot checks real tokens; the scripted server lets one run out in the middle."""
    for auth in ("xoauth2", "oauthbearer", "auto"):
        token = server.token()
        target = target_of(server, "--auth", auth, "--oauth-token-command", script(f"echo {token}"), below="T" + auth)
        done = target.convert(SOURCE)
        equal(target.totals(), {"stored": 13}, f"{auth}: stored")
        told_nothing(auth, target, done, token)
        stale = server.token(seconds=-10)
        done = target_of(server, "--auth", auth, "--oauth-token-command", script(f"echo {stale}"), below="Never").convert(SOURCE, exits=(5,))
        silent(f"{auth}, a token that ran out", stale, done.stdout, done.stderr)
    done = target_of(server, "--auth", "xoauth2", below="E").convert(SOURCE, env=judge.environment(MAILHAUL_OAUTH_TOKEN=server.token()))

    def hook(command):
        return "NO [EXPIRED] Session expired" if command.name == "APPEND" and command.number in (3, 6) else None
    fake = FakeServer(hook=hook, auth=("XOAUTH2", "OAUTHBEARER"), login=False, capability="IMAP4rev1 SASL-IR LITERAL+ UIDPLUS")
    tokens = [fake.token(uses=1) for _ in range(12)]
    queue = judge.write(fresh("tokens") + "/q", "".join(t + "\n" for t in tokens).encode())
    command = script(f"flock {queue} sh -c 'head -n1 {queue}; sed -i 1d {queue}'")
    target = target_of(fake, "--oauth-token-command", command, "--connections", "1", how="plain")
    target.convert(SOURCE)
    equal(target.totals(), {"stored": 13}, "tokens that are good once")
    logins = [c for c in fake.commands if c.name == "AUTHENTICATE"]
    same(len(logins) >= 2 and all("OK" in (c.answer or "") for c in logins), f"tokens that are good once: {logins}")
    equal(sum(map(len, fake.held().values())), 13, "tokens that are good once: messages")
    for token in tokens:
        silent("tokens that are good once", token, *files_of(target))
    say(f"tokens: three ways with real ones; {len(logins)} logins with a new one each")


def check_external(server):
    cert, key = server.client_certificate()
    target = target_of(server, "--auth", "external", "--client-cert", cert, "--client-key", key, below="External")
    target.convert(SOURCE)
    equal(target.totals(), {"stored": 13}, "EXTERNAL: stored")
    target_of(server, "--auth", "external", below="Never").convert(SOURCE, exits=(2, 5))
    other = Certificates()  # of another authority
    cert, key = other.client(server.user)
    target_of(server, "--auth", "external", "--client-cert", cert, "--client-key", key, below="Never").convert(SOURCE, exits=(5,))
    say("EXTERNAL: by a certificate of the right authority only")


# ── whom we talk to ──

def pin_of(cert):
    key = subprocess.run(["openssl", "x509", "-in", cert, "-pubkey", "-noout"], capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=key, capture_output=True, check=True).stdout
    return "sha256//" + base64.b64encode(hashlib.sha256(der).digest()).decode()


class Elsewhere(Certificates):
    """A server's certificate of the same kind, for another host."""
    def __init__(self):
        super().__init__()
        self.cert, self.key = self.signed("elsewhere", "elsewhere.example", "subjectAltName=DNS:elsewhere.example")


def check_certificates():
    good, elsewhere = FakeServer(tls=certificates()), FakeServer(tls=Elsewhere())
    pw = secret_file(good.password)
    wrong_pin = "sha256//" + base64.b64encode(b"\0" * 32).decode()

    def tried(what, server, how, *options, exits=(0,), ca=True):
        target = Target(server, "C", how, options=options, password=False)
        if not ca:
            at = len(target.options) - 1 - target.options[::-1].index("--ca-file")
            del target.options[at:at + 2]
        before = len(server.commands)
        done = target.convert(SOURCE, "--password-file", pw, exits=exits)
        if exits != (0,):
            secret = [c.line for c in server.commands[before:] if c.name in ("LOGIN", "AUTHENTICATE", "APPEND")]
            equal(secret, [], f"{what}: sent before the certificate was found wrong")
            silent(what, server.password, *files_of(target))
        return done
    for how in ("tls", "starttls"):
        tried(f"{how}, right authority", good, how)
        tried(f"{how}, unknown authority", good, how, exits=(5,), ca=False)
        tried(f"{how}, another host's certificate", elsewhere, how, exits=(5,))
        tried(f"{how}, right pin", good, how, "--pin", pin_of(good.tls.cert))
        tried(f"{how}, wrong pin", good, how, "--pin", wrong_pin, exits=(5,))
        tried(f"{how}, right pin, unknown authority", good, how, "--pin", pin_of(good.tls.cert), exits=(5,), ca=False)
        tried(f"{how}, authority file that is not there", good, how, "--ca-file", "/nonexistent.pem", exits=(2, 3, 4, 5), ca=False)
    bare = FakeServer()  # has no STARTTLS
    bare.ca_file = good.ca_file
    tried("no STARTTLS", bare, "starttls", exits=(5,))
    for option in ("--insecure-plaintext", "--insecure-plaintext=other.example"):
        done = judge.run("convert", SOURCE, f"imap://ada@mail.example:{bare.port}/", option, "--state", fresh("s") + "/s",
                         "--password-file", pw, exits=(2,))
        same("mail.example" in done.text, f"{option} of another host: it does not say which")
    closed = FakeServer(login=False, auth=())
    tried("a server that lets nobody in", closed, "plain", exits=(5,))
    say("certificates: unknown authorities, other hosts, wrong pins and no TLS are refused before anything is sent")


def main():
    try:
        server = Dovecot(users={"ada": SECRET, "umlaut": FOREIGN})
    except Unavailable as e:
        judge.skip(str(e))
    check_ways(server)
    check_url(server)
    check_tokens(server)
    check_external(server)
    server.stop()
    check_process()
    check_certificates()
    judge.finish()


main()
