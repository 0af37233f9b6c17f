"""Exactly once: an upload to a real server is killed, cut, muted and lied to at random moments, and run again until it is done. Then
another client counts: nothing is lost, nothing is there twice, and the journal's UIDs are right.

HAUL_LONG=1: 100 moments and more, each server and each way of sending. SEED: which moments. CASES: only those whose name has this."""
import collections
import itertools
import os
import random
import re
import signal
import subprocess
import threading
import time

import judge
from imap_servers import Bye, Cyrus, Delay, Dovecot, Drop, FakeServer, Fault, Proxy, Unavailable, connect
from imap_client import quoted
from imap_proxy import KINDS
from judge import equal, same, say

LONG = os.environ.get("HAUL_LONG") == "1"
SEED = int(os.environ.get("SEED") or 1)
CASES = os.environ.get("CASES") or ""
MESSAGES = 400 if judge.sanitized() and not LONG else 2000
FOLDERS = {"": 0.4, "Work": 0.3, "Work.2019": 0.2, "Sent": 0.1}  # shares; of a Maildir++
RUNS = 8           # of one command, at most
TIMEOUT = "3"      # --timeout, for mute
FLAGS = {"S": "\\Seen", "R": "\\Answered", "F": "\\Flagged", "D": "\\Draft"}
WORK = judge.temporary(memory=True)
tally = collections.defaultdict(collections.Counter)


# ── the source ──

def bodies(n, seed, huge=4):
    """So many messages of 200 octets to 20 kB and a few of 2 MB; one in eight is its neighbour again."""
    dice, out = random.Random(seed), []
    big = set(dice.sample(range(n), huge))
    for i in range(n):
        if i % 8 == 7:
            out.append(out[-1])
            continue
        size = 2_000_000 if i in big else int(200 * 100 ** dice.random())
        line = "%08x " % dice.getrandbits(32) * 8 + "\n"
        out.append(judge.message(i, subject="upload", body=(line * (size // len(line) + 1)).encode()))
    return out


class Source:
    """A Maildir++ whose files tell flags and times."""
    def __init__(self, name, n=MESSAGES, seed=SEED, huge=4):
        self.path, self.wanted, at = os.path.join(WORK, name), {}, 0
        every, dice = bodies(n, seed, huge), random.Random(seed)
        for folder, share in FOLDERS.items():
            root = os.path.join(self.path, "." + folder if folder else "")
            for sub in ("cur", "new", "tmp"):
                os.makedirs(os.path.join(root, sub))
            mine = every[at:at + round(n * share)]
            for i, octets in enumerate(mine, at):
                flags = "".join(f for f in "DFRS" if dice.random() < 0.3)
                judge.write(os.path.join(root, "cur", f"{1500000000 + i}.M{i:06}.h:2,{flags}"), octets, 1500000000 + 60 * i)
            self.wanted[folder] = collections.Counter(map(judge.canonical, mine))
            at += len(mine)
        self.count = at


# ── the program ──

class Upload:
    """One target and the command for it."""
    def __init__(self, server, port, source, user, tls=False, options=(), below="Imported"):
        self.server, self.source, self.user, self.below = server, source, user, below
        self.work = os.path.join(WORK, f"upload{next(numbers)}")
        self.state = os.path.join(self.work, "state")
        secret = judge.write(os.path.join(self.work, "secret"), (server.password + "\n").encode())
        os.chmod(secret, 0o600)
        self.options = ["--password-file", secret, "--state", self.state, *options]
        self.options += ["--ca-file", server.ca_file] if tls else ["--insecure-plaintext"]
        self.url = f"{'imaps' if tls else 'imap'}://{user}@localhost:{port}/{below}"
        self.ends, self.said = [], ""

    def command(self, verb, *more):
        parts = [self.source.path, self.url] if verb == "convert" else [self.url, self.source.path]
        return [judge.PROGRAM, verb, *self.options, *more, *parts]

    def start(self, *more):
        return subprocess.Popen(self.command("convert", *more), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, env=judge.environment())

    def end(self, process, timeout=240):
        try:
            out, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
            same(False, f"{self.user}: it ran for {timeout} s: {out[-300:]!r}")
        self.said = out.decode("utf-8", "replace")
        if "Sanitizer" in self.said or "runtime error" in self.said:
            same(False, "a sanitizer spoke:\n" + judge.indent(self.said[-3000:]))
        self.ends.append(process.returncode)
        return process.returncode

    def run(self, *more, timeout=240):
        return self.end(self.start(*more), timeout)

    def report(self):
        return judge.json.loads(judge.read(os.path.join(self.state, "report.json")))

    def finish(self, what, allowed=(5,), more=()):
        """Again and again until it is done."""
        for _ in range(RUNS):
            code = self.run(*more)
            same(judge.adds_up(self.report()), f"{what}: totals {self.report()['totals']}")
            if code == 0:
                return True
            same(code in allowed, f"{what}: exit status {code}:\n" + judge.indent(self.said[-1500:]))
        return same(False, f"{what}: not done after {RUNS} runs: {self.ends}, {self.said[-500:]}")

    def issues(self):
        return self.report()["totals"]["issues"]


numbers = itertools.count(1)


# ── the count ──

def folder_of(upload, folder):
    """The source's folder on the server."""
    return upload.below + "/" + (folder.replace(".", "/") or "INBOX")


def count(upload, what, foreign=None, held=None, verify=True):
    """By another client: (lost, doubled). foreign: {folder on the server: Counter of octets} that are there besides."""
    held = held if held is not None else upload.server.download(user=upload.user)
    lost = doubled = 0
    for folder, wanted in upload.source.wanted.items():
        name = folder_of(upload, folder)
        got = collections.Counter(m.octets for m in held.get(name, []))
        wanted = wanted + (foreign or {}).get(name, collections.Counter())
        lost += (wanted - got).total()
        doubled += (got - wanted).total()
    equal((lost, doubled), (0, 0), f"{what}: lost, doubled")
    places(upload, what, held)
    if verify:
        code = subprocess.run(upload.command("verify", "--full"), stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              env=judge.environment(), timeout=240)
        same(code.returncode == 0 or foreign, f"{what}: verify --full: {code.returncode} {code.stdout[-800:]} {code.stderr[-300:]}")
    return lost, doubled


def places(upload, what, held):
    """Every item of the last run is where the journal says, as it was, and nothing else is there."""
    seen, wrong = set(), collections.Counter()
    there = {(name, m.uid): m for name, messages in held.items() for m in messages}
    for item in judge.items_of(None, upload.state):
        name, _, uid = (item["stored_as"] or "").rpartition("/;UID=")
        at = (upload.below + "/" + name, int(uid or 0))
        message = there.get(at)
        if not message or at in seen:
            wrong["no message" if not message else "two items"] += 1
            continue
        seen.add(at)
        wrong["content"] += judge.sha256(message.octets) != item["sha256"]
        wrong["time"] += time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(message.internaldate)) != item["received"]
        wrong["flags"] += {FLAGS[f] for f in FLAGS if FLAGS[f][1:].lower() in item["flags"]} - message.flags != set()
    same(not +wrong and len(seen) == upload.source.count, f"{what}: {len(seen)} places, wrong: {dict(+wrong)}")


# ── one moment ──

def wait_for(proxy, octets, process):
    while proxy.forwarded()[0] < octets and process.poll() is None:
        time.sleep(0.001)


def plan_of(dice, octets, n, connections=1):
    """Faults of the first connections; the later ones have less left to send. Mute costs time: seldom."""
    plan = []
    for i in range(n):
        kind = dice.choice([k for k in KINDS if k != "mute" or dice.random() < 0.5])
        plan.append(Fault(kind, up=dice.randrange(200, int(octets / connections / (i + 1))), seconds=0.3,
                          way=dice.choice(["up", "down"])))
    return plan


def moment(case, dice, octets, i):
    """One upload with what befalls it, and what is counted after it."""
    proxy = Proxy(case.server.tls_port if case.tls else case.server.port, edit=case.edit)
    upload = Upload(case.server, proxy.port, case.source, case.user(), case.tls, [*case.options, "--timeout", TIMEOUT])
    kill = i % 2 == 0
    proxy.plan = [] if kill and dice.random() < 0.7 else plan_of(dice, octets, dice.choice([1, 1, 2, 3]), case.connections)
    what = f"{case.name} {i}: " + (f"killed, " if kill else "") + ", ".join(f"{f.kind}@{f.up}" for f in proxy.plan)
    stop = threading.Event()
    foreign = deliver(case, upload, stop) if case.foreign else None
    if kill:
        for _ in range(dice.choice([1, 1, 1, 2, 3])):
            process = upload.start()
            wait_for(proxy, proxy.forwarded()[0] + dice.randrange(octets), process)
            process.send_signal(signal.SIGKILL)
            tally[case.name]["killed"] += upload.end(process) == -signal.SIGKILL
    upload.finish(what)
    stop.set()
    there = foreign.result() if foreign else None
    tally[case.name]["moments"] += 1
    for happened in proxy.happened:
        tally[case.name][happened.fault.kind] += 1
    lost, doubled = count(upload, what, there)
    tally[case.name]["lost"] += lost
    tally[case.name]["doubled"] += doubled
    proxy.stop()


class Foreign(threading.Thread):
    """Another client that delivers into the same folders meanwhile: some messages, most of them twice."""
    def __init__(self, upload, stop):
        super().__init__(daemon=True)
        self.upload, self.stop_it, self.delivered = upload, stop, collections.defaultdict(collections.Counter)
        self.start()

    def run(self):
        upload, dice = self.upload, random.Random(7)
        imap = connect(upload.server.port, upload.user, upload.server.password)
        while not self.stop_it.wait(0.02):
            name = folder_of(upload, dice.choice(list(FOLDERS)))
            octets = judge.canonical(judge.message(dice.randrange(20), subject="foreign", body=b"x\n" * dice.randrange(3)))
            if imap.append(quoted(name), None, None, octets)[0] == "OK":
                self.delivered[name][octets] += 1
        imap.logout()

    def result(self):
        self.join()
        return self.delivered


def deliver(case, upload, stop):
    return Foreign(upload, stop)


# ── ways of sending ──

def without(*capabilities):
    """An edit of what the server says."""
    names = b"|".join(re.escape(c.encode()) for c in capabilities)

    def edit(lines):
        if b"CAPABILITY" in lines:
            lines = re.sub(rb" (%s)(?=[ \]\r])" % names, b"", lines)
        return re.sub(rb"\[APPENDUID [^\]]*\] ", b"", lines) if "UIDPLUS" in capabilities else lines
    return edit


class Case:
    def __init__(self, name, server, source, share, tls=False, mask=(), options=(), foreign=False, connections=1):
        self.name, self.server, self.source, self.share, self.tls = name, server, source, share, tls
        self.edit, self.foreign, self.connections = without(*mask) if mask else None, foreign, connections
        self.options = [*options, "--connections", str(connections)]

    def user(self):
        return next(self.server.names)

    def measure(self):
        """Octets of an undisturbed run, counted as the others."""
        proxy = Proxy(self.server.tls_port if self.tls else self.server.port, edit=self.edit)
        upload = Upload(self.server, proxy.port, self.source, self.user(), self.tls, self.options)
        began = time.monotonic()
        upload.finish(f"{self.name}, undisturbed")
        self.seconds = time.monotonic() - began
        count(upload, f"{self.name}, undisturbed")
        proxy.stop()
        return proxy.forwarded()[0]


def users(n=400):
    return {f"u{i}": "secret" for i in range(n)}


def named(server, n=400):
    server.names = iter(users(n))
    return server


def cases(source):
    dovecot = named(Dovecot(users=users()))
    yield Case("multiappend", dovecot, source, 3, tls=True)
    yield Case("multiappend, 4 connections", dovecot, source, 1, tls=True, connections=4)
    yield Case("pipelined, 2 connections", dovecot, source, 2, mask=["MULTIAPPEND"], connections=2)
    yield Case("no UIDPLUS", dovecot, source, 1, mask=["UIDPLUS", "MULTIAPPEND"])
    yield Case("no UIDPLUS, multiappend, 2 connections", dovecot, source, 1, mask=["UIDPLUS"], connections=2)
    yield Case("no LITERAL+", dovecot, source, 1, mask=["LITERAL+", "MULTIAPPEND"], connections=2)
    yield Case("no LITERAL+, no UIDPLUS", dovecot, source, 1, mask=["LITERAL+", "MULTIAPPEND", "UIDPLUS"], connections=4)
    yield Case("foreign deliveries", dovecot, source, 1, tls=True, foreign=True, connections=2)
    yield Case("foreign deliveries, no UIDPLUS", dovecot, source, 1, mask=["UIDPLUS"], foreign=True)
    try:
        yield Case("Cyrus", named(Cyrus(users=users(60)), 60), source, 1, tls=True, connections=2)
    except Unavailable as e:
        say(f"no Cyrus: {e}")


def moments(source):
    scale = int(os.environ.get("SCALE") or (10 if LONG else 1))
    for case in cases(source):
        if CASES not in case.name:
            continue
        dice = random.Random(f"{SEED} {case.name}")
        octets = case.measure()
        for i in range(case.share * scale):
            moment(case, dice, octets, i)
        say(f"{case.name}: undisturbed {case.seconds:.1f} s, {octets / 1e6:.1f} MB; " + ", ".join(
            f"{n} {kind}" for kind, n in tally[case.name].items()))


def main():
    try:
        moments(Source("mail"))
    except Unavailable as e:
        judge.skip(e)
    judge.finish()


main()
