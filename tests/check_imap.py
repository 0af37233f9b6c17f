"""Uploads to real servers, judged by a client of others: what Python's imaplib, and once mbsync, downloads from Dovecot and Cyrus is
what was in the source: octets (line ends as CRLF), INTERNALDATE, flags, keywords, folders, subscriptions, UIDs of items.jsonl. The
sources are of our own making, so that the truth needs no mailhaul; those of others are in check_imap_corpus."""
import os
import re
import shutil
import subprocess

import check_dovecot
import judge
from imap_client import mutf7, to_mutf7
from imap_judge import LETTERS, Target, Truth, cyrus, fresh, named, quiet, round_trip
from imap_servers import Dovecot, FakeServer, Proxy, Unavailable
from judge import equal, say


# ── sources, and what they say ──

def mbox_tree():
    """A tree of mbox files of our own making: (source, truth by Message-ID)."""
    root, truth = check_dovecot.source(fresh("mbox"))
    out = {}
    for folder, messages in truth.items():
        for mid, (octets, flags, keywords, when) in messages.items():
            octets = judge.canonical(octets)  # the mbox gives a last line end to what has none
            octets += b"" if octets.endswith(b"\r\n") else b"\r\n"
            out[mid] = Truth(folder.split("/"), octets, when, frozenset(flags | keywords))
    return root, out


MAILDIRS = {"": "DFRS", "Work": "S", "Work.2019": "", to_mutf7("Äpfel & Birnen"): "FT", to_mutf7("日本") + ".x": "PRS"}
KEYWORDS = ["Urgent", "Größe (neu)", "two words", "$Label1"]
BODIES = [b"Hello.\n", "Größe 5 €\n".encode(), b"From the sea\n>From afar\n", b"no line end", b"a\r\nb\r\n", b"x" * 5000 + b"\n",
          b"", b".\n..\n", b"* 5 EXISTS\r\n+ go on\r\na1 OK\r\n", b"y" * 300_000 + b"\n", b"\xff\xfe\x80 8-bit\n"]


def maildir():
    """A Maildir++ of our own making: (source, truth by Message-ID)."""
    root, out, number = fresh("maildir"), {}, 0
    for name, letters in MAILDIRS.items():
        path = os.path.join(root, "." + name if name else "")
        for sub in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(path, sub))
        judge.write(os.path.join(path, "dovecot-keywords"), "".join(f"{i} {k}\n" for i, k in enumerate(KEYWORDS)).encode())
        parts = [mutf7(p) for p in name.split(".")] if name else ["INBOX"]
        for i, body in enumerate(BODIES):
            octets = judge.message(number, subject="maildir", body=body)
            some = "".join(c for j, c in enumerate(letters) if (i >> j) & 1)
            keywords = "".join("abcd"[j] for j in range(4) if (number >> j) & 1)
            when = 1400000000 + 86400 * number
            judge.write(os.path.join(path, "cur", f"{when}.M{number:04}.h:2,{some}{keywords}"), octets, when)
            flags = {LETTERS[c] for c in some} | {KEYWORDS["abcd".index(c)] for c in keywords}
            out[f"<{number}.maildir@harbour.example>"] = Truth(parts, judge.canonical(octets), when, frozenset(flags))
            number += 1
    return root, out


# ── rounds ──

def ways():
    """Every way to a Dovecot and a Cyrus."""
    yield "Dovecot, imaps", named(Dovecot(), "/"), "tls"
    yield "Dovecot, STARTTLS, '.'", named(Dovecot(separator=".", prefix="INBOX."), ".", "INBOX."), "starttls"
    yield "Dovecot, plain, sdbox", named(Dovecot(format="sdbox"), "/"), "plain"
    yield "Dovecot, mdbox, INBOX/", named(Dovecot(format="mdbox", prefix="INBOX/"), "/", "INBOX/"), "tls"
    yield "Dovecot without UIDPLUS", named(Dovecot(without=["UIDPLUS"]), "/"), "tls"
    yield "Dovecot without MULTIAPPEND", named(Dovecot(without=["MULTIAPPEND"]), "/"), "tls"
    yield "Dovecot without all", named(Dovecot(without=["UIDPLUS", "MULTIAPPEND", "LITERAL+", "SPECIAL-USE", "NAMESPACE", "ENABLE"]), "/"), "tls"
    server = cyrus()
    if server:
        yield "Cyrus, imaps", named(server, "/"), "tls"
        yield "Cyrus, STARTTLS, INBOX.", named(cyrus(separator=".", prefix="INBOX."), ".", "INBOX."), "starttls"
        yield "Cyrus, '.'", named(cyrus(separator="."), "."), "plain"
    bare = "IMAP4rev1"
    yield "FakeServer that can nothing", FakeServer(capability=bare), "plain"
    yield "FakeServer with LITERAL-", FakeServer(capability=bare + " LITERAL- MULTIAPPEND UIDPLUS", separator="."), "plain"
    yield "FakeServer with UTF8", FakeServer(), "plain"


def check_ways():
    mbox, mails = mbox_tree(), maildir()
    for what, server, how in ways():
        round_trip(what + ", mbox", Target(server, "Post", how), [mbox[0]], mbox[1], "message_id", again=True)
        round_trip(what + ", Maildir", Target(server, "Box/Deep", how), [mails[0]], mails[1], "message_id")
        if not hasattr(server, "held"):
            quiet(server)
            server.stop()


def check_without_appenduid():
    """A server that says UIDPLUS and gives no APPENDUID."""
    server = named(Dovecot(), "/")
    proxy = Proxy(server.port, edit=lambda lines: re.sub(rb"\[APPENDUID [^\]]*\] ", b"", lines))
    source, truth = mbox_tree()
    round_trip("Dovecot, APPENDUID taken out", Target(server, "Post", "plain", port=proxy.port), [source], truth, "message_id", True)


# ── mbsync as the judge ──

MBSYNC = """
IMAPStore far
Host 127.0.0.1
Port {port}
User {user}
Pass {password}
{tls}
PathDelimiter /

MaildirStore near
SubFolders Verbatim
Path {path}/
Inbox {path}/INBOX

Channel all
Far :far:
Near :near:
Patterns *
Create Near
Sync Pull
CopyArrivalDate yes
SyncState *
"""


def check_mbsync():
    program = shutil.which("mbsync")
    if not program:
        say("mbsync is not installed: without it")
        return
    server = named(Dovecot(), "/")
    source, truth = mbox_tree()
    target = Target(server, "Post")
    target.convert(source)
    path = fresh("mbsync")
    config = judge.write(os.path.join(fresh("config"), "mbsyncrc"), MBSYNC.format(
        port=server.port, user=server.user, password=server.password, path=path, tls="SSLType None\nAuthMechs LOGIN").encode())
    done = subprocess.run([program, "-c", config, "-a"], capture_output=True, check=False, env=judge.environment(HOME=path))
    equal(done.returncode, 0, f"mbsync: {done.stderr[-500:]}")
    found = {}
    for directory in judge.maildirs(path):
        for sub in ("cur", "new"):
            for f in os.listdir(os.path.join(path, directory, sub)):
                at = os.path.join(path, directory, sub, f)
                octets = re.sub(rb"X-TUID: [^\n]*\n", b"", judge.canonical(judge.read(at)))
                mid = re.search(rb"Message-ID: (<[^>]*>)", octets).group(1).decode()
                letters = frozenset(LETTERS[c] for c in f.partition(":2,")[2])
                found[mid] = (directory, octets, int(os.stat(at).st_mtime), letters)
    equal(sorted(found), sorted(truth), "mbsync: messages")
    for mid in sorted(set(found) & set(truth)):
        wanted = truth[mid]
        letters = frozenset(f for f in wanted.flags if f in LETTERS.values())
        equal(found[mid], ("Post/" + to_mutf7("/".join(wanted.folder)), wanted.octets, wanted.when, letters), f"mbsync: {mid}")
    say(f"mbsync: {len(found)} messages")


def main():
    try:
        Dovecot().stop()
    except Unavailable as e:
        judge.skip(str(e))
    for check in (check_ways, check_without_appenduid, check_mbsync):
        check()
    judge.finish()


main()
