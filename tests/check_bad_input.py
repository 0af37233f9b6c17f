"""Bad input: every case ends with an exit status of the table, the rest is converted, nothing outside the target is written,
memory stays small. HAUL_LONG=1 adds a message of 2 GB."""
import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile

import judge
from judge import equal, run, same, say

MEMORY = 64 * 1024 * 1024
GOOD = [judge.message(i, subject="good") for i in range(3)]
FORMATS = ("maildir", "mbox", "eml")
BAD_DISK = os.environ.get("BAD_DISK") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/bad_disk.so")


class Yard:
    """A directory with the cases in it; everything in it except target/ must stay as it was."""

    def __init__(self, work):
        self.root = os.path.join(work, "yard")
        self.sources = os.path.join(self.root, "sources")
        self.targets = os.path.join(self.root, "target")
        for path in (self.sources, self.targets, os.path.join(self.root, "home"), os.path.join(self.root, "cwd")):
            os.makedirs(path)
        judge.write(os.path.join(self.root, "canary"), b"do not touch\n")
        self.number = 0

    def outside(self):
        return {k: v for k, v in judge.snapshot(self.root, ignore=(), times=True).items() if not k.startswith("target")}

    def path(self, name):
        return os.path.join(self.sources, name)

    def put(self, name, octets):
        return judge.write(self.path(name), octets)

    def convert(self, sources, fmt="maildir", exits=(0, 1), **kwargs):
        """Convert to a new target; returns (completed process, target, totals or None)."""
        self.number += 1
        target = os.path.join(self.targets, f"{self.number}-{fmt}")
        done = run("convert", "--to", fmt, *sources, target, exits=exits, cwd=os.path.join(self.root, "cwd"),
                   env=judge.environment(HOME=os.path.join(self.root, "home")), **kwargs)
        same(done.returncode == 0 or done.stderr.strip(), f"{sources}: exit status {done.returncode} without a word")
        report = os.path.join(target, judge.STATE, "report.json")
        totals = None
        if os.path.exists(report):
            totals = judge.report_of(target)["totals"]
            same(judge.adds_up({"totals": totals}), f"{sources}: totals do not add up: {totals}")
            if totals["stored"] and done.returncode in (0, 1):
                run("verify", target, exits=(0,))
        return done, target, totals


def digests(target):
    return {i["sha256"] for i in judge.items_of(target) if i["status"] == "stored"}


def has_good(target, what):
    found = digests(target)
    same({judge.sha256(g) for g in GOOD} <= found, f"{what}: the good messages are not all there")


# ── files ──

def small_files(yard):
    whole = judge.mbox_of(GOOD)
    cases = {
        "truncated.mbox": whole[:-40],
        "cut-in-header.mbox": whole + b"From a@b Mon Mar  4 09:15:20 2019\nSubj",
        "only-from.mbox": b"From a@b Mon Mar  4 09:15:20 2019\n",
        "nul.mbox": whole.replace(b"Hello", b"He\0llo"),
        "no-end.mbox": whole.rstrip(b"\n"),
        "cr.mbox": whole.replace(b"\n", b"\r"),
        "binary.mbox": whole + bytes(range(256)) * 200,
        "froms.mbox": b"From a@b Mon Mar  4 09:15:20 2019\n" * 5000,
        "long-line.mbox": judge.mbox_of([judge.message(7, body=b"x" * 3_000_000 + b"\n")]),
        "long-header.mbox": judge.mbox_of([judge.message(8, extra=b"X-Long: " + b"y" * 3_000_000 + b"\n")]),
        "headers.mbox": judge.mbox_of([judge.message(9, extra=b"".join(b"X-%d: v\n" % i for i in range(100_000)))]),
        "keywords.mbox": judge.mbox_of([judge.message(10, extra=b"X-Keywords: " + b" ".join(b"k%d" % i for i in range(5000)) + b"\n")]),
        "utf.mbox": judge.mbox_of([judge.message(11, extra=b"X-Keywords: \xff\xfe \xc3( ok\n")]),
        "dates.mbox": b"".join(b"From a@b " + d + b"\nSubject: x\nDate: " + d + b"\n\nx\n\n" for d in
                               (b"Mon Feb 31 25:61:61 2019", b"Thu Jan  1 00:00:00 0000", b"Fri Dec 31 23:59:59 9999",
                                b"Mon Mar  4 09:15:20 -2019", b"Mon Jan 18 03:14:08 2038", b"Wed Jan  1 00:00:00 1800")),
        "one.eml": GOOD[0],
        "cut.eml": GOOD[0][:30],
        "empty-line.eml": b"\n\n\n",
    }
    for name, octets in cases.items():
        path = yard.put(name, octets)
        for fmt in FORMATS:
            done, target, totals = yard.convert([path], fmt, exits=(0, 1, 3))
            if name in ("truncated.mbox", "no-end.mbox", "cut-in-header.mbox", "binary.mbox") and totals:
                equal(totals["found"] >= 3, True, f"{name} to {fmt}: messages found {totals['found']}")
        run("inspect", path, exits=(0, 1, 3))
    for name, octets in {"empty.mbox": b"", "noise.bin": bytes(range(256)) * 64, "elf": b"\x7fELF" + bytes(4000),
                         "cut.gz": gzip.compress(whole)[:-20], "cut.zip": b"PK\x03\x04" + b"x" * 100,
                         "header.gz": b"\x1f\x8b\x08"}.items():
        done, _, _ = yard.convert([yard.put(name, octets)], exits=(0, 1, 3))
        same(done.returncode in (1, 3) or name == "empty.mbox", f"{name}: exit status {done.returncode}")
    for name, octets, said in (("one.msg", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4000), ".msg"),
                               ("Inbox.dbx", b"\xcf\xad\x12\xfe" + bytes(4000), ".dbx"),
                               ("noise", bytes(range(256)) * 16, "no format is recognised")):
        same(said in run("inspect", yard.put(name, octets), exits=(3,)).text, f"{name}: {said} is not named")
    for name, octets in (("a.txt", b"nothing\n"), ("b.msg", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4000))):
        judge.write(os.path.join(yard.path("msgs"), name), octets)
    same("b.msg, for one, is an OLE file" in run("inspect", yard.path("msgs"), exits=(3,)).text, "a directory of .msg: what it holds is not named")
    same("--from" not in run("inspect", yard.put("broken.gz", b"\x1f\x8b\x08\0" + b"garbage" * 9), exits=(3,)).text,
         "broken gzip: --from does not help")
    say(f"{len(cases) + 10} files cut, binary, endless or odd")


def tree_entries(yard):
    """One tree full of traps around three good messages."""
    tree = yard.path("tree")
    judge.write(os.path.join(tree, "Inbox"), judge.mbox_of(GOOD))
    os.mkfifo(os.path.join(tree, "fifo"))
    os.symlink("loop", os.path.join(tree, "loop"))
    os.symlink(".", os.path.join(tree, "self"))
    os.symlink("../../canary", os.path.join(tree, "out"))
    os.symlink("/etc", os.path.join(tree, "etc"))
    judge.write(os.path.join(os.fsencode(tree), b"bad\xff\xfename"), judge.mbox_of([judge.message(20)]))
    judge.write(os.path.join(tree, "n" * 255), judge.mbox_of([judge.message(21)]))
    judge.write(os.path.join(tree, "..."), judge.mbox_of([judge.message(22)]))
    judge.write(os.path.join(tree, "CON"), judge.mbox_of([judge.message(23)]))
    judge.write(os.path.join(tree, "new\nline"), judge.mbox_of([judge.message(24)]))
    judge.write(os.path.join(tree, "~root"), judge.mbox_of([judge.message(25)]))
    os.makedirs(os.path.join(tree, "dir.mbox", "inner"))
    deep = tree
    for _ in range(80):
        deep = os.path.join(deep, "d")
    judge.write(os.path.join(deep, "mail"), judge.mbox_of([judge.message(26)]))
    secret = judge.write(os.path.join(tree, "secret"), judge.mbox_of([judge.message(27)]))
    os.chmod(secret, 0)
    for fmt in FORMATS:
        started = time.monotonic()
        done, target, totals = yard.convert([tree], fmt)
        same(time.monotonic() - started < 20, f"tree to {fmt}: waited for something")
        if not same(totals, f"tree to {fmt}: no report: {done.text[-500:]}"):
            continue
        has_good(target, f"tree to {fmt}")
        equal(totals["stored"] >= 8, True, f"tree to {fmt}: stored {totals['stored']}")
        names = [n for _, d, f in os.walk(os.fsencode(target)) for n in d + f]
        same(not [n for n in names if len(n) > 255 or b"\n" in n], f"tree to {fmt}: odd names in the target")
    os.chmod(secret, 0o600)
    say("a tree with FIFO, loops, links outwards, odd and long names, 80 levels, an unreadable file")


def unreadable(yard):
    """chmod 000 does not bind root, so the program runs as nobody where the judge is root."""
    path = yard.put("unreadable.mbox", judge.mbox_of(GOOD))
    os.chmod(path, 0)
    root = os.getuid() == 0
    work = os.path.join(yard.targets, "nobody")
    os.makedirs(work)
    kwargs = {}
    if root:
        os.chown(work, 65534, 65534)
        for directory in (os.path.dirname(yard.root), yard.root, yard.sources, yard.targets):
            os.chmod(directory, 0o755)
        copy = shutil.copy2(judge.PROGRAM, os.path.join(yard.targets, "mailhaul"))
        os.chmod(copy, 0o755)
        kwargs = {"user": 65534, "group": 65534}
    program = copy if root else judge.PROGRAM
    done = subprocess.run([program, "convert", "--to", "mbox", path, os.path.join(work, "out")], capture_output=True,
                          stdin=subprocess.DEVNULL, check=False, env=judge.environment(HOME="/nonexistent"), **kwargs)
    equal(done.returncode, 3, f"an unreadable source: {done.stderr.decode()}")
    os.chmod(path, 0o600)
    readonly = os.path.join(yard.targets, "readonly")
    os.makedirs(readonly)
    os.chmod(readonly, 0o555)
    if root:
        os.chmod(path, 0o644)
    done = subprocess.run([program, "convert", "--to", "mbox", path, os.path.join(readonly, "out")], capture_output=True,
                          stdin=subprocess.DEVNULL, check=False, env=judge.environment(HOME="/nonexistent"), **kwargs)
    equal(done.returncode, 4, f"a target that cannot be written: {done.stderr.decode()}")
    say("an unreadable source is 3, a target in a read-only directory is 4" + (" (as nobody)" if root else ""))


def wrong_kinds(yard):
    """Sources and targets of the wrong kind."""
    good = yard.put("good.mbox", judge.mbox_of(GOOD))
    fifo = yard.path("a-fifo")
    os.mkfifo(fifo)
    os.symlink("circle", yard.path("circle"))
    os.makedirs(yard.path("empty-dir"))
    for source in (fifo, yard.path("circle"), yard.path("not-there"), "/dev/null", "/dev/zero"):
        yard.convert([source], exits=(3,), timeout=20)
    yard.convert([yard.path("empty-dir")], exits=(0, 1, 3))
    yard.convert([yard.path("empty-dir"), "--from", "mbox"], exits=(0, 1, 3))
    yard.convert([good, "--from", "maildir"], exits=(3,))
    for bad in (["--from", "nonsense", good], ["--no-such-option", good], ["--since", "yesterday", good], ["--max-size", "x", good]):
        yard.convert(bad, exits=(2,))
    run("convert", good, exits=(2,))
    run("nonsense", exits=(2,))
    # The good source of two is converted, the bad one decides the exit status.
    done, target, totals = yard.convert([yard.path("not-there"), good], exits=(1, 3))
    if totals:
        has_good(target, "a good source after a bad one")
    # Targets.
    occupied = os.path.join(yard.targets, "occupied")
    judge.write(os.path.join(occupied, "mine.txt"), b"mine\n")
    before = judge.snapshot(occupied, ignore=(), times=True)
    for fmt in FORMATS:
        run("convert", "--to", fmt, good, occupied, exits=(4,))
        run("convert", "--to", fmt, good, "/dev/full", exits=(4,))
        run("convert", "--to", fmt, good, os.path.join(yard.root, "canary", "below-a-file"), exits=(4,))
    equal(judge.snapshot(occupied, ignore=(), times=True), before, "a refused target")
    # Source inside target and target inside source must not eat each other.
    box = yard.path("selfish")
    judge.write(os.path.join(box, "Inbox"), judge.mbox_of(GOOD))
    mail = judge.read(os.path.join(box, "Inbox"))
    run("convert", "--to", "mbox", box, box, exits=(2, 4))
    equal(judge.read(os.path.join(box, "Inbox")), mail, "a source that is its own target")
    say("FIFO, loop, device, nothing, wrong format, wrong options, occupied targets, a source as its own target")


# ── containers ──

def containers(yard):
    mbox = judge.mbox_of(GOOD)
    slip = io.BytesIO()
    with zipfile.ZipFile(slip, "w", zipfile.ZIP_DEFLATED) as z:
        for name in ("../../canary", "/etc/mailhaul-was-here", "a/../../../b.mbox", "..\\..\\c.mbox", "C:\\d.mbox", "Takeout/Mail/good.mbox",
                     "n" * 300 + ".mbox", "bad\udcff.mbox".encode("utf-8", "surrogateescape").decode("latin-1")):
            z.writestr(name, mbox)
    tarred = io.BytesIO()
    with tarfile.open(fileobj=tarred, mode="w:gz") as t:
        for name, kind, link in (("../canary", tarfile.REGTYPE, ""), ("/abs/x.mbox", tarfile.REGTYPE, ""), ("ln", tarfile.SYMTYPE, "/etc/passwd"),
                                 ("hard", tarfile.LNKTYPE, "../../canary"), ("pipe", tarfile.FIFOTYPE, ""), ("mail/good.mbox", tarfile.REGTYPE, "")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            info.size = len(mbox) if kind == tarfile.REGTYPE else 0
            t.addfile(info, io.BytesIO(mbox) if info.size else None)
    for name, octets in (("slip.zip", slip.getvalue()), ("slip.tgz", tarred.getvalue())):
        for fmt in FORMATS:
            done, target, totals = yard.convert([yard.put(name, octets)], fmt)
            has_good(target, f"{name} to {fmt}")
    for end in (40, 400, len(slip.getvalue()) - 60):
        yard.convert([yard.put(f"cut-at-{end}.zip", slip.getvalue()[:end])], exits=(0, 1, 3))
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
        for i in range(4):
            with z.open(f"bomb{i}.mbox", "w", force_zip64=True) as member:
                member.write(judge.mbox_of([judge.message(30 + i)])[:-1])
                for _ in range(20):
                    member.write(b"\0" * 1_000_000)
    path = yard.put("bomb.zip", bomb.getvalue())
    peak, done = measured(["convert", "--to", "eml", path, os.path.join(yard.targets, "bomb")])
    same(done in (0, 1, 3), f"bomb.zip: exit status {done}")
    in_memory(peak, "a zip of 80 KB that unpacks to 80 MB")
    say("zip and tar with names that climb, links, FIFOs; cut ones; one that unpacks to 1000 times its size")


# ── size ──

# A child's peak memory counts the process that started it, so a small one does.
MEASURE = """
import os, resource, signal, subprocess, sys
def limit():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
p = subprocess.Popen(sys.argv[2:], preexec_fn=limit if sys.argv[1] != "0" else None,
                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(p.pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024)
"""


def measured(args, file_size=0):
    """Run in a child of its own; peak resident octets and exit status. file_size: RLIMIT_FSIZE, 0 = none."""
    done = subprocess.run([sys.executable, "-IS", "-c", MEASURE, str(file_size), judge.PROGRAM, *args], check=True,
                          stdout=subprocess.PIPE, env=judge.environment())
    status, peak = map(int, done.stdout.split())
    return peak, status


def in_memory(peak, what):
    if judge.sanitized():
        say(f"{what}: {peak >> 20} MB under a sanitizer, not judged")
    else:
        same(peak < MEMORY, f"{what}: peak memory {peak >> 20} MB")
        say(f"{what}: peak memory {peak >> 20} MB")


def giant(yard, octets):
    path = yard.path("giant.mbox")
    line = b"The quick brown fox jumps over the lazy dog, again and again.\n"
    with open(path, "wb") as f:
        f.write(judge.mbox_of(GOOD[:1]))
        f.write(b"From a@b Mon Mar  4 09:15:20 2019\n" + judge.message(40))
        for _ in range(octets // (len(line) * 1000)):
            f.write(line * 1000)
        f.write(b"\n" + judge.mbox_of(GOOD[1:]))
    for fmt in FORMATS:
        target = os.path.join(yard.targets, "giant-" + fmt)
        peak, status = measured(["convert", "--to", fmt, path, target])
        equal(status, 0, f"a message of {octets >> 20} MB to {fmt}: exit status")
        in_memory(peak, f"a message of {octets >> 20} MB to {fmt}")
        has_good(target, "around the giant")
        sizes = sorted(i["size"] for i in judge.items_of(target))
        same(sizes[-1] > octets * 0.99, f"giant to {fmt}: largest item {sizes[-1]}")
        peak, status = measured(["verify", target])
        equal(status, 0, f"giant to {fmt}: verify")
        in_memory(peak, f"verify of it as {fmt}")
        shutil.rmtree(target)
    os.unlink(path)


# ── full disk ──

def full_disk(yard):
    """A file size limit stands in for a full disk; on a tmpfs, where root may mount one, the real thing."""
    path = yard.put("much.mbox", judge.mbox_of([judge.message(i, body=b"0123456789abcde\n" * 2000) for i in range(200)]))

    for fmt, name in (("mbox", "limited"), ("pst", "limited.pst")):
        target = os.path.join(yard.targets, name)
        _, status = measured(["convert", "--to", fmt, path, target], file_size=1_000_000)
        equal(status, 4, f"{fmt}: a file size limit of 1 MB: exit status")
        same(judge.adds_up(judge.report_of(target)), f"{fmt}: totals of a run that breaks do not add up")
        run("convert", "--to", fmt, path, target)
        equal(judge.report_of(target)["totals"]["found"], 200, f"{fmt}: after the limit is gone: found")
        run("verify", target)
    mount = os.path.join(yard.targets, "tmpfs")
    os.makedirs(mount)
    if os.getuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,nr_inodes=4000", "none", mount], capture_output=True, check=False).returncode:
        say("full disk: a file size limit (no tmpfs may be mounted here)")
        return
    try:
        for fmt in FORMATS:
            target = os.path.join(mount, fmt)
            run("convert", "--to", fmt, path, target, exits=(4,))
            subprocess.run(["mount", "-o", "remount,size=64m", mount], check=True)
            run("convert", "--to", fmt, path, target)
            totals = judge.report_of(target)["totals"]
            equal((totals["found"], totals["stored"] + totals["already_stored"], totals["failed"]), (200, 200, 0), f"{fmt}: after there was room again")
            run("verify", target)
            files = len(mails(target, fmt))
            equal(files, 200 if fmt != "mbox" else files, f"{fmt}: message files after a full disk")
            shutil.rmtree(target)
            subprocess.run(["mount", "-o", "remount,size=2m", mount], check=True)
    finally:
        subprocess.run(["umount", mount], check=False)
    say("full disk: a file size limit and a tmpfs of 2 MB; both go on when there is room")


def writes_fail(yard):
    """No room for one of the files that a run keeps, from some write on (tests/bad_disk.c): status 4, totals that add up, and the
    next run ends in the octets of one that nothing disturbed. The journal fails in the middle of a commit's items: they are long."""
    if not os.path.exists(BAD_DISK) or judge.sanitized():
        say("writes that fail: not judged here")
        return
    texts = [f"Message-ID: <{i}.{'q' * 900}@x>\n".encode() + b"X-Keywords: " + b", ".join(b"kw%dx%d%s" % (i, k, b"k" * 60) for k in range(60))
             + b"\n" + judge.message(i, body=b"short\n") for i in range(2500)]
    path = yard.put("long.mbox", judge.mbox_of(texts))
    whole = os.path.join(yard.targets, "whole.pst")
    run("convert", path, whole)
    for name, at in (("journal.db", (1, 60, 700)), ("store-1.log", (1, 6)), ("failing.pst.part", (1, 3)), ("items.jsonl", (1, 9))):
        for n in at:
            target = os.path.join(yard.targets, "failing.pst")
            run("convert", path, target, exits=(4,), env=judge.environment(LD_PRELOAD=BAD_DISK, FULL_DISK=f"{name}:{n}"))
            report = os.path.join(target + ".mailhaul", "report.json")
            same(not os.path.exists(report) or judge.adds_up(judge.report_of(target)), f"write {n} of {name} fails: totals do not add up")
            run("convert", path, target)
            equal(judge.sha256(judge.read(target)), judge.sha256(judge.read(whole)), f"write {n} of {name} fails: the store of the next run")
            os.remove(target)
            shutil.rmtree(target + ".mailhaul")


def mails(target, fmt):
    return [f for d, _, fs in os.walk(target) for f in fs
            if (fmt == "maildir" and os.path.basename(d) in ("cur", "new", "tmp")) or f.endswith(".eml")]


# ── names that come out of messages ──

def names_from_messages(yard):
    nasty = ["../../../canary", "/etc/passwd", "a\0b", "CON", "x" * 300, "..", ".", "trailing. ", "\x1b[31mred", "ü" * 200, "%2e%2e/", "a\\b:c*?"]
    messages = [b"Subject: " + n.encode() + b"\nMessage-ID: <" + n.encode() + b">\nDate: Mon, 4 Mar 2019 09:15:20 +0100\n\nbody\n" for n in nasty]
    messages += [messages[0]] * 3
    labels = [b"Subject: l\nX-Gmail-Labels: " + n.replace("\0", "").encode() + b"\n\nx\n" for n in nasty]
    for name, octets in (("nasty.mbox", judge.mbox_of(messages)), ("labels.mbox", judge.mbox_of(labels))):
        path = yard.put(name, octets)
        for fmt in FORMATS:
            done, target, totals = yard.convert([path, *(["--labels", "folders"] if name == "labels.mbox" else [])], fmt)
            equal(totals["stored"], totals["found"], f"{name} to {fmt}: stored")
            odd = [n for _, d, f in os.walk(os.fsencode(target)) for n in d + f if len(n) > 255 or any(c < 32 for c in n)]
            equal(odd, [], f"{name} to {fmt}: names with controls")
            if fmt == "eml":
                windows = [n for _, d, f in os.walk(target) for n in d + f if judge.STATE not in _ and
                           (set(n) & set('<>:"\\|?*') or n[-1] in ". ") and n != judge.STATE]
                equal(windows, [], f"{name} to eml: names that Windows cannot hold")
    for prefix in ("../up", "/abs", "a/../../b"):
        yard.convert([yard.path("nasty.mbox"), "--prefix", prefix], exits=(0, 1, 2))
        yard.convert([yard.path("nasty.mbox"), "--map", f"nasty={prefix}"], exits=(0, 1, 2))
    say(f"{len(nasty)} nasty subjects, Message-IDs and labels; prefixes that climb")


def links_in_target(yard):
    """A symbolic link that somebody left in the target is not followed."""
    good = yard.path("good.mbox")
    for fmt, link in (("maildir", "cur"), ("maildir", "tmp"), ("mbox", "good"), ("mbox", "good.mbox"), ("eml", "good"), ("eml", "INBOX")):
        target = os.path.join(yard.targets, f"linked-{fmt}-{link}")
        os.makedirs(target)
        elsewhere = os.path.join(yard.root, "home")
        os.symlink(elsewhere, os.path.join(target, link))
        run("convert", "--merge", "--to", fmt, good, target, exits=(0, 1, 4))
    say("links in the target that lead outside")


def main():
    work = judge.temporary()
    yard = Yard(work)
    steps = [small_files, tree_entries, wrong_kinds, containers, names_from_messages, links_in_target, unreadable]
    for step in steps:
        before = yard.outside()
        step(yard)
        after = yard.outside()
        # Every step adds sources of its own; nothing else may appear, and nothing that was there may change.
        changed = [k for k, v in before.items() if v[0] == "file" and after.get(k) != v]
        new = [k for k in after if k not in before and not k.startswith("sources")]
        same(not changed and not new, f"{step.__name__}: outside the target: changed {changed}, new {new}")
    same(not os.path.exists("/etc/mailhaul-was-here"), "a zip member was written to /etc")
    giant(yard, (100 if judge.sanitized() else 300) << 20)
    if os.environ.get("HAUL_LONG"):
        giant(yard, 2 << 30)
    full_disk(yard)
    writes_fail(yard)
    judge.finish()


main()
