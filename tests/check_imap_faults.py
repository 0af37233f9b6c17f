"""Exactly once: an upload to a real server is killed, cut, muted and lied to at random moments, and run again until it is done. Then
another client counts: nothing is lost, nothing is there twice, and the journal's UIDs are right.

HAUL_LONG=1: 100 moments and more, each server and each way of sending. SEED: which moments. CASES: only those whose name has this."""
import collections
import concurrent.futures
import os
import random
import re
import signal
import threading
import time

import judge
from imap_client import quoted
from imap_proxy import KINDS
from imap_servers import Cyrus, Dovecot, Fault, Proxy, Unavailable, connect
from imap_upload import FOLDERS, Source, Upload, count, folder_of, wait_for
from judge import say

LONG = os.environ.get("HAUL_LONG") == "1"
SEED = int(os.environ.get("SEED") or 1)
CASES = os.environ.get("CASES") or ""
TIMEOUT = "3"  # --timeout, for mute
tally = collections.defaultdict(collections.Counter)


# ── one moment ──

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
    foreign = Foreign(upload, stop) if case.foreign else None
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
    lost, doubled, _ = count(upload, what, there)
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
        while not self.stop_it.wait(0.2):
            name = folder_of(upload, dice.choice(list(FOLDERS)))
            octets = judge.canonical(judge.message(dice.randrange(20), subject="foreign", body=b"x\n" * dice.randrange(3)))
            if imap.append(quoted(name), None, None, octets)[0] == "OK":
                self.delivered[name][octets] += 1
        imap.logout()

    def result(self):
        self.join()
        return self.delivered


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
        upload.finish(f"{self.name}, undisturbed")
        count(upload, f"{self.name}, undisturbed")
        proxy.stop()
        return proxy.forwarded()[0]


def users(n=400):
    return {f"u{i}": "secret" for i in range(n)}


def named(server, n=400):
    server.names = iter(users(n))
    return server


QUICK = ("multiappend", "pipelined, 2 connections", "no UIDPLUS", "foreign deliveries", "Cyrus")  # the others with HAUL_LONG=1


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


def all_moments(case, octets, scale):
    dice = random.Random(f"{SEED} {case.name}")
    for i in range(case.share * scale if LONG or CASES else min(case.share, 2)):
        moment(case, dice, octets, i)
    say(f"{case.name}: {octets / 1e6:.1f} MB; " + ", ".join(f"{n} {kind}" for kind, n in tally[case.name].items()))


def moments(source):
    measured, todo = [], []
    scale = int(os.environ.get("SCALE") or (10 if LONG else 1))
    for case in cases(source):
        if CASES not in case.name or not (LONG or CASES or case.name in QUICK):
            continue
        measured.append(case.measure() if LONG or not measured else measured[0])  # they differ little
        todo.append((case, measured[-1], scale))
    with concurrent.futures.ThreadPoolExecutor(1 if LONG else 2) as pool:  # they wait most of the time
        list(pool.map(lambda one: all_moments(*one), todo))


def main():
    try:
        moments(Source("mail", seed=SEED))
    except Unavailable as e:
        judge.skip(e)
    judge.finish()


main()
