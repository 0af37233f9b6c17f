"""Messages that servers refuse or change in silence, among 500 good ones, to Dovecot, Cyrus and scripted servers: every good one
arrives, each other one is stored octet for octet or is listed as failed with a reason; nothing is changed, nothing ends the run."""
import collections
import os
import time

import judge
from imap_judge import LONG, Target, Truth, clamped, compare, cyrus, fresh, named, quiet
from imap_servers import Bye, Dovecot, Drop, FakeServer, Unavailable
from judge import equal, same, say

GOOD = 500
LIMIT = 3_000_000  # octets, of the servers that have one
HEAD = b"From: ada@harbour.example\r\nSubject: bad\r\nDate: Mon, 4 Mar 2019 09:15:20 +0100\r\n"
BAD = {
    "nul": HEAD + b"\r\na\0b\r\n",
    "nul in header": HEAD + b"X-Nul: \0\r\n\r\nbody\r\n",
    "mixed line ends": HEAD + b"\r\none\r\ntwo\nthree\r\n\n\nfour\r\n",
    "bare CR": HEAD + b"\r\none\rtwo\n\rthree\r\n",
    "CR before CRLF": HEAD + b"\r\none\r\r\ntwo\r\n",
    "CR at the end": HEAD + b"\r\nend\r",
    "8-bit header": HEAD + "X-Größe: ä\r\nX-Other: Größe\r\n\r\nbody\r\n".encode("latin-1"),
    "UTF-8 header": HEAD + "X-Other: Größe\r\n\r\nbody\r\n".encode(),
    "malformed header": HEAD + b"this is no field\r\n\r\nbody\r\n",
    "From_ in header": b">From ada Mon Mar  4 09:15:20 2019\r\n" + HEAD + b"\r\nbody\r\n",
    "no header": b"\r\nonly a body\r\n",
    "no body": HEAD,
    "no line end": HEAD[:-2],
    "2 MB line": HEAD + b"\r\n" + b"x" * 2_000_000 + b"\r\n",
    "2 MB header line": HEAD + b"X-Long: " + b"y" * 2_000_000 + b"\r\n\r\nbody\r\n",
    "998 and more": HEAD + b"\r\n" + b"z" * 998 + b"\r\n" + b"z" * 999 + b"\r\n" + b"z" * 10_001 + b"\r\n",
    "too large": HEAD + b"\r\n" + (b"0123456789" * 7 + b"\r\n") * (LIMIT // 72 + 100),
    "empty": b"",
    "line ends": b"\r\n\r\n\r\n",
    "one octet": b"x",
    "100000 lines": HEAD + b"\r\n" + b"\r\n" * 100_000,
    "before 1970": HEAD + b"X-When: -86400\r\n\r\nbody\r\n",
    "in 1970": HEAD + b"X-When: 3600\r\n\r\nbody\r\n",
    "in 2106": HEAD + b"X-When: 4294967295\r\n\r\nbody\r\n",
}
WHEN = {"before 1970": -86400, "in 1970": 3600, "in 2106": 4294967295}
SILENT = {"nul", "nul in header", "CR before CRLF", "CR at the end"}  # changed by Dovecot, if it got them
CYRUS = {"8-bit header", "UTF-8 header", "malformed header", "From_ in header", "no line end", "one octet", "nul", "nul in header"}


def source(good=GOOD, bad=BAD, size=300):
    """A Maildir: (its path, truth by source_place, place → kind of the bad ones)."""
    root, truth, kinds = fresh("source"), {}, {}
    for sub in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(root, sub))
    every = [(None, judge.message(i, body=b"line %06d\n" % i * (size // 12))) for i in range(good)]
    step = max(1, good // max(1, len(bad)))
    for i, (kind, octets) in enumerate(bad.items()):
        every.insert(min(len(every), i * (step + 1) + 3), (kind, octets))
    for i, (kind, octets) in enumerate(every):
        name, when = f"{1500000000 + i}.M{i:06}.h:2,S", WHEN.get(kind, 1500000000 + i)
        judge.write(os.path.join(root, "cur", name), octets, when)
        place = "INBOX/" + name.split(":")[0]
        truth[place] = Truth(["INBOX"], judge.canonical(octets), clamped(when), frozenset({"\\Seen"}))
        if kind:
            kinds[place] = kind
    return root, truth, kinds


def check(what, target, src, wanted, exits=(1,), now=()):
    """wanted: the kinds that fail; now: those that get the time of day instead of theirs, which has to be named."""
    root, truth, kinds = src
    t = time.monotonic()
    target.convert(root, exits=exits)
    bad = {truth[p].octets for p in kinds}
    for place, kind in kinds.items():
        if kind in now:  # to the hour; that it is said is asked for below
            truth = truth | {place: truth[place]._replace(when=range(int(time.time()) - 3600, int(time.time()) + 3600))}
    stored, failed = compare(what, target, truth, "source_place", faults=[""], may_fail=lambda octets: octets in bad)
    items = {i["source_place"]: i for i in target.items()}
    refused = {kinds[p]: items[p]["reason"] for p in kinds if p in items and items[p]["status"] == "failed"}
    equal(sorted(refused), sorted(wanted), f"{what}: what is refused")
    for kind, reason in refused.items():
        same(len(reason or "") > 10 and "not sent" not in reason, f"{what}: {kind}: no reason but {reason!r}")
    for place, kind in kinds.items():
        if kind in WHEN and WHEN[kind] != clamped(WHEN[kind]) and kind not in refused and place in items:
            same("target.time-clamped" in judge.issues_of(items[place]), f"{what}: {kind}: nothing says that the time was changed")
    equal(len(target.notices("imap.date-changed")), len(now), f"{what}: notices of changed times")
    same(not target.notices("imap.changed"), f"{what}: the audit found changes: {target.notices('imap.changed')}")
    target.convert(root, exits=(1,) if failed else (0,))
    equal(target.totals().get("already_stored"), stored, f"{what}: a second run, already stored")
    equal(target.totals().get("stored", 0), 0, f"{what}: a second run, stored")
    target.verify("--full")
    say(f"{what}: {time.monotonic() - t:.1f} s, {stored} stored, {failed} refused: " + ", ".join(sorted(refused)))
    return refused


LATE = {"in 2106"}  # Dovecot lets no message be more than two hours ahead
EMPTY, NUL = {"empty"}, {"nul", "nul in header"}


def on_dovecot(src):
    for form, without in (("maildir", ()), ("sdbox", ("MULTIAPPEND",)), ("mdbox", ("UIDPLUS", "LITERAL+"))):
        server = named(Dovecot(format=form, without=without), "/")
        check(f"Dovecot, {form}, without {without}", Target(server), src, SILENT | EMPTY, now=LATE)
        quiet(server)
        server.stop()
    server = named(Dovecot(extra=f"plugin {{\n  quota_max_mail_size = {LIMIT}\n}}", quota=1 << 30, without=["QUOTA"]), "/")
    check("Dovecot with a largest size", Target(server), src, SILENT | EMPTY | {"too large"}, now=LATE)
    server.stop()


def on_cyrus(src):
    server = named(cyrus(), "/")
    if not server:
        return
    check("Cyrus", Target(server), src, EMPTY | CYRUS)
    server.stop()
    server = named(cyrus(extra=f"maxmessagesize: {LIMIT}"), "/")
    check("Cyrus with a largest size", Target(server), src, EMPTY | CYRUS | {"too large"})
    server.stop()


def refusing(answer):
    """An append_hook that gives this answer to messages with one of our marks, always."""
    def hook(offered):
        return answer if offered.octets.startswith(b"From: ada@harbour.example\r\nSubject: bad") else None
    return hook


SOME = {k: BAD[k] for k in ("mixed line ends", "998 and more", "UTF-8 header")}


def on_scripted(src):
    say("scripted servers:")
    server = FakeServer(capability=f"IMAP4rev1 LITERAL+ MULTIAPPEND UIDPLUS APPENDLIMIT={LIMIT}")
    check("APPENDLIMIT", Target(server, how="plain"), src, NUL | EMPTY | {"too large"})
    same(not any(c.answer and "TOOBIG" in c.answer for c in server.commands), "APPENDLIMIT: a message that is too large was sent")
    few, one = source(100, SOME), source(60, {"mixed line ends": BAD["mixed line ends"]})
    multi, single = "IMAP4rev1 LITERAL+ MULTIAPPEND UIDPLUS", "IMAP4rev1 LITERAL+"
    for answer in ("NO [TOOBIG] Message too large", "NO No such luck", "NO [LIMIT] Too long", "NO [CANNOT] Invalid",
                   "NO [OVERQUOTA] Quota exceeded", "BAD Command Argument Error. 11", Bye("[ALERT] Not that one"), Drop(False)):
        hard = not isinstance(answer, str)  # each loss of a connection costs seconds
        for capability in (multi, single):
            if hard and (capability == multi or isinstance(answer, Drop)) and not LONG:
                continue
            server = FakeServer(capability=capability, append_hook=refusing(answer))
            src = one if hard and not LONG else few
            refused = check(f"{answer}, {capability}", Target(server, how="plain"), src, set(src[2].values()))
            words = answer.split(" ", 1)[1] if isinstance(answer, str) else "connection"
            for kind, reason in refused.items():
                same(words in reason or "connection" in reason, f"{answer}: {kind}: the reason is {reason!r}")


def check_quota():
    """What does not fit is refused, known before or not; what fits is stored. A full account ends the run, with room it goes on."""
    big = {f"big {i}": HEAD + b"\r\n" + b"%09d\r\n" % i * 150_000 for i in range(3)}
    src = source(300, big)
    for masked in ((), ("QUOTA",)):
        server = named(Dovecot(quota=1_000_000, without=masked), "/")
        check(f"Dovecot with a quota, {masked or 'told'}", Target(server), src, big)
        server.stop()
    server = FakeServer(quota=60_000)
    root, truth, _ = src = source(300, {})
    target = Target(server, how="plain")
    done = target.convert(root, exits=(4,))
    same("full" in done.text, f"a full account: it says {done.text[-300:]}")
    here = target.report()["totals"]["stored"]
    equal(sum(map(len, server.held().values())), here, "a full account: stored")
    same(here > 100, f"a full account: only {here} are stored in 60 kB")
    server.quota = None
    target.convert(root)
    there = collections.Counter(m.octets for held in server.held().values() for m in held)
    equal(there, collections.Counter(t.octets for t in truth.values()), "after room was made: every message once")
    say(f"a full account: {here} of 300 stored, then the rest")


def main():
    try:
        Dovecot().stop()
    except Unavailable as e:
        judge.skip(str(e))
    src = source()
    on_dovecot(src)
    on_cyrus(src)
    on_scripted(src)
    check_quota()
    judge.finish()


main()
