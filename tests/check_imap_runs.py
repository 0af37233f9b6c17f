"""Runs after the first one, and options: a second run stores nothing, a grown source brings what is new, --dedupe, --folder,
--skip-existing, keywords that a server does not hold, verify before and after another client changed something."""
import imaplib
import os
import re

import judge
from imap_client import quoted
from imap_judge import LONG, Target, Truth, by_message_id, compare, cyrus, fresh, make_pst, named, quiet, unmangled
from imap_fake import SYSTEM as SYSTEM_FLAGS
from imap_servers import Dovecot, FakeServer, Unavailable
from judge import equal, same, say

imaplib.MapCRLF = re.compile(rb"(?!)")  # its append() shall change nothing
WHEN = 1500000000


class Maildir:
    """A source that grows."""
    def __init__(self, folders=("", "Work", "Work.2019")):
        self.path, self.truth, self.folders = fresh("grows"), {}, folders
        for folder in folders:
            for sub in ("cur", "new", "tmp"):
                os.makedirs(os.path.join(self.root(folder), sub))

    def root(self, folder):
        return os.path.join(self.path, "." + folder if folder else "")

    def add(self, n, octets=None, flags="S", where=None):
        for _ in range(n):
            i = len(self.truth)
            folder = self.folders[i % len(self.folders)] if where is None else where
            mine = octets or judge.message(i, subject="runs", body=b"line\n" * (i % 50))
            judge.write(os.path.join(self.root(folder), "cur", f"{WHEN + i}.M{i:05}.h:2,{flags}"), mine, WHEN + i)
            place = "/".join(folder.split(".")) if folder else "INBOX"
            self.truth[f"{place}/{WHEN + i}.M{i:05}.h"] = Truth(place.split("/"), judge.canonical(mine), WHEN + i, frozenset(
                {"S": "\\Seen", "F": "\\Flagged"}[c] for c in flags))
        return self


def only_new(target, truth, before):
    """Of the last run's items, the new ones are compared with the truth."""
    items = target.items()
    target.items = lambda: [i for i in items if i["source_place"] not in before]
    compare("what is new", target, {p: t for p, t in truth.items() if p not in before}, "source_place", extra=len(before))
    del target.items


def check_grown(server, what):
    source = Maildir().add(200)
    target = Target(server, "Grown")
    target.convert(source.path)
    compare(f"{what}, first run", target, source.truth, "source_place")
    for _ in range(2):
        before = {k: s["UIDNEXT"] for k, s in server.statuses().items()}
        target.convert(source.path)
        equal(target.totals(), {"already_stored": 200}, f"{what}: a second run")
        equal({k: s["UIDNEXT"] for k, s in server.statuses().items()}, before, f"{what}: UIDNEXT after a second run")
    known = set(source.truth)
    source.add(77, flags="FS")
    target.convert(source.path)
    equal(target.totals(), {"stored": 77, "already_stored": 200}, f"{what}: a grown source")
    only_new(target, source.truth, known)
    target.verify()
    target.verify("--full")
    target.verify(source.path)
    # another spelling of the same folder is the same target; another folder is another
    other = Target(server, "Grown", options=["--state", target.state])
    other.state = target.state
    other.convert(source.path)
    equal(other.totals(), {"already_stored": 277}, f"{what}: the same state, said again")
    say(f"{what}: 200 messages, none, 77 more")


def check_dedupe(server):
    source = Maildir(("", "Work")).add(10).add(5, octets=judge.message(1, subject="twin")).add(3)
    target = Target(server, "Dedupe")
    target.convert(source.path, "--dedupe")
    equal(target.totals(), {"stored": 14, "duplicate": 4}, "--dedupe")
    equal(sum(map(len, target.held().values())), 14, "--dedupe: messages on the server")
    target = Target(server, "Twins")
    target.convert(source.path)
    equal(target.totals(), {"stored": 18}, "twins")
    compare("twins", target, source.truth, "source_place")


def check_broken(server, what):
    """No place for a large message: the run ends; what was on its way is accounted for, and the next run brings the rest."""
    source = Maildir(("",)).add(30).add(1, octets=judge.message(99, body=b"a line of it\n" * 800_000))
    target = Target(server, "Broken")
    target.convert(source.path, exits=(4,), env=judge.environment(TMPDIR="/nonexistent"))  # convert() adds its totals up
    equal(target.report()["totals"]["found"], 31, f"{what}: found by a run that breaks")
    target.convert(source.path)
    compare(f"{what}, after a run that broke", target, source.truth, "source_place")


def check_selection(server):
    source = Maildir().add(60)
    middle = "2017-07-14T02:40:30Z"
    cases = ((("--folder", "Work*"), 40), (("--folder", "Work"), 20), (("--not-folder", "INBOX"), 40),
             (("--folder", "Work*", "--not-folder", "*2019"), 20), (("--since", middle), 30), (("--until", middle), 30),
             (("--max-size", "300"), None))
    for n, (options, wanted) in enumerate(cases):
        target = Target(server, f"Chosen{n}")
        target.convert(source.path, *options)
        totals = target.totals()
        held = sum(map(len, target.held().values()))
        equal(held, totals.get("stored", 0), f"{options}: stored")
        equal(totals.get("stored", 0) + totals.get("filtered", 0), 60, f"{options}: items")
        if wanted is not None:
            equal(held, wanted, f"{options}: messages")
        target.verify(*options, source.path)
        target.convert(source.path)  # the rest
        equal(sum(map(len, target.held().values())), 60, f"{options}: and the rest")


def check_skip_existing(server, what):
    """What another tool brought is found by its octets and not sent again; twins count one by one."""
    twin = judge.message(7, subject="twin")
    source = Maildir(("", "Work")).add(20).add(3, octets=twin, where="Work").add(17)
    for options, stored in (((), 40), (("--skip-existing",), 40 - 9)):
        target = Target(server, f"Skip{stored}")
        top = target.name("Work")
        imap = server.connect()
        imap.create(quoted(top))
        there = [t for p, t in source.truth.items() if t.folder == ["Work"] and t.octets != judge.canonical(twin)][:7]
        there += [Truth(["Work"], judge.canonical(twin), 0, frozenset())] * 2
        there += [Truth([], octets, 0, ()) for octets in (there[0].octets + b"changed\r\n", b"Subject: other\r\n\r\nx\r\n")]
        for t in there:
            imap.append(quoted(top), "\\Answered", '"01-Jan-2020 00:00:00 +0000"', t.octets)
        imap.logout()
        target.convert(source.path, *options)
        equal(sum(map(len, target.held().values())), stored + len(there), f"{what}, {options}: messages")
        equal(target.report()["totals"]["issues"].get("imap.already-there", 0), 40 - stored, f"{what}, {options}: imap.already-there")
        target.convert(source.path, *options)
        equal(target.totals(), {"already_stored": 40}, f"{what}, {options}: a second run")
    say(f"{what}: --skip-existing found 9 of 40")


def check_verify(server, what):
    """verify names what another client changed."""
    source = Maildir().add(30)
    target = Target(server, "Verified")
    target.convert(source.path)
    target.verify("--full", source.path)
    imap = server.connect()
    work, inbox, deep = (target.name(n) for n in ("Work", "INBOX", "Work/2019"))

    def differs(how, wanted, *more):
        done = target.verify("--json", *more, exits=(1,))
        try:
            got = judge.json.loads(done.stdout)
        except ValueError:
            same(False, f"{what}: {how}: verify --json says {done.stdout[-300:]!r}")
            return
        kinds = sorted(d["kind"] for d in got["differences"])
        equal(kinds, sorted(wanted), f"{what}: {how}")
    imap.select(quoted(work))
    imap.uid("STORE", "3", "-FLAGS.SILENT", "(\\Seen)")
    imap.uid("STORE", "4", "+FLAGS.SILENT", "(\\Flagged)")
    differs("flags", ["flags", "flags"])
    imap.uid("STORE", "3", "+FLAGS.SILENT", "(\\Seen)")
    imap.uid("STORE", "4", "-FLAGS.SILENT", "(\\Flagged)")
    imap.uid("STORE", "5", "+FLAGS.SILENT", "(Planted)")
    differs("a keyword", ["keywords"])
    imap.uid("STORE", "5", "-FLAGS.SILENT", "(Planted)")
    target.verify("--full")
    imap.uid("STORE", "6", "+FLAGS.SILENT", "(\\Deleted)")
    imap.expunge()
    differs("a message that was deleted", ["missing"])
    imap.select(quoted(inbox))
    octets = imap.uid("FETCH", "2", "(BODY.PEEK[])")[1][0][1]
    imap.append(quoted(inbox), "\\Seen", '"02-Feb-2002 02:02:02 +0000"', octets)
    imap.uid("STORE", "2", "+FLAGS.SILENT", "(\\Deleted)")
    imap.expunge()
    differs("and one with another date in place of it", ["missing", "missing"])
    found = judge.json.loads(target.verify("--json", "--full", exits=(1,)).stdout)["differences"]
    same({d["kind"] for d in found} <= {"missing", "extra", "received", "moved"} and len(found) >= 2, f"{what}: --full: {found}")
    imap.select(quoted(deep))
    imap.logout()
    # a run after that: what verify names stays as it is, or is brought again; nothing is there twice
    target.convert(source.path)
    held = [m.octets for messages in target.held().values() for m in messages]
    equal(len(held), len(set(held)), f"{what}: copies after a further run")
    say(f"{what}: verify names changed flags, keywords, dates and what is gone")


def check_verify_changed():
    """A server that changes what it has: octets, dates, sizes."""
    source = Maildir(("",)).add(20)
    server = FakeServer()
    target = Target(server, "V", how="plain")
    target.convert(source.path)
    folder = server.folders["V/INBOX"]
    folder.messages[3].internaldate += 1
    folder.messages[4].octets = folder.messages[4].octets.replace(b"runs", b"RUNS")
    folder.messages[5].octets += b"more\r\n"
    folder.messages[6].flags = set()
    said = {}
    for how in ((), ("--full",)):
        found = judge.json.loads(target.verify("--json", *how, exits=(1,)).stdout)["differences"]
        said[how] = sorted(d["kind"] for d in found)
    equal(said[("--full",)], ["digest", "digest", "flags", "received"], "a server that changes messages: verify --full")
    same({"flags", "received"} <= set(said[()]) and len(said[()]) in (3, 4), f"a server that changes messages: verify {said[()]}")
    folder.renumber()
    target.verify(exits=(1, 4, 5))
    target.convert(source.path, exits=(0, 1))
    say(f"a server that changes messages: {said}; numbered anew: {target.totals()}")


# ── keywords ──

def check_keywords():
    r"""PERMANENTFLAGS without \*; a server that takes no more keywords."""
    words = ["Urgent", "Later", "Größe (neu)"]
    source = make_pst([{"name": "Work", "messages": [(f"m {i}", "x", [words[i % 3]]) for i in range(30)]}])
    server = FakeServer(permanent=(*SYSTEM_FLAGS, "Urgent"))
    target = Target(server, how="plain")
    target.convert(source)
    flags = [m.flags - set(SYSTEM_FLAGS) for m in server.held()["Imported/Work"]]
    equal((flags.count({"Urgent"}), flags.count(set())), (10, 20), "PERMANENTFLAGS without \\*: keywords")
    equal(target.report()["totals"]["issues"].get("keyword.not-held"), 20, "PERMANENTFLAGS without \\*: keyword.not-held")
    server = FakeServer(permanent=("\\Answered",))
    source = Maildir(("",)).add(10, flags="FS")
    target = Target(server, how="plain")
    target.convert(source.path)
    equal(target.report()["totals"]["issues"].get("target.flags-not-held"), 10, "PERMANENTFLAGS without \\Seen: target.flags-not-held")
    target.verify(exits=(0, 1))
    say("PERMANENTFLAGS is kept to")


def check_many_keywords():
    """Cyrus takes about a hundred keywords a folder; what comes then is stored without them, and named."""
    for what, server in (("Cyrus", cyrus()), ("Dovecot", Dovecot())):
        if not server:
            continue
        named(server, "/")
        many = 130
        source = make_pst([{"name": "Work", "messages": [(f"m {i}", "x", [f"Project {i:03}"]) for i in range(many)]}])
        target = Target(server)
        target.convert(source)
        found = by_message_id(target.held())
        equal(len(found), many, f"{what}: messages with many keywords")
        bare = [mid for mid, (_, m) in found.items() if not m.flags - {"\\Seen"}]
        items = {i["message_id"]: i for i in target.items()}
        named_items = [mid for mid, i in items.items() if "keyword.not-held" in judge.issues_of(i)]
        equal(sorted(named_items), sorted(bare), f"{what}: items without their keyword, and those that say so")
        for mid, (_, m) in found.items():
            if mid not in bare:
                equal({unmangled(f) for f in m.flags if not f.startswith("\\")}, set(items[mid]["keywords"]), f"{what}: {mid}: keywords")
        target.convert(source)
        equal(target.totals(), {"already_stored": many}, f"{what}: a second run with many keywords")
        say(f"{what}: {many - len(bare)} of {many} keywords are held, the others are named")
        server.stop()


def main():
    try:
        dovecot = named(Dovecot(), "/")
    except Unavailable as e:
        judge.skip(str(e))
    server = cyrus()
    both = [("Dovecot", dovecot)] + ([("Cyrus", named(server, "/"))] if server else [])
    both += [("Dovecot without UIDPLUS", named(Dovecot(without=["UIDPLUS"]), "/"))] if LONG else []
    for what, server in both:
        check_grown(server, what)
        check_skip_existing(server, what)
        check_broken(server, what)
        check_verify(server, what)
        quiet(server)
    check_dedupe(dovecot)
    check_selection(dovecot)
    check_verify_changed()
    check_keywords()
    check_many_keywords()
    judge.finish()


main()
