"""kill -9 at many moments, then the same command again: the target is the one an uninterrupted run makes, and a third run
stores nothing. Moments: chosen system calls of each kind that change the disk (strace injects SIGKILL at the Nth), and
delays. Also: SIGINT ends with 130 and can be gone on from; a grown source brings what is new; --merge keeps what was there.
Outlook stores, too: there a store that grew, whose messages were read meanwhile and have other node ids, brings what is new."""
import collections
import json
import mailbox
import os
import re
import shutil
import signal
import subprocess
import time

import judge
from judge import equal, run, same, say

FORMATS = ("maildir", "mbox", "eml", "mbox-file")  # the last: all folders in one file
CALLS = ["openat", "write", "writev", "pwrite64", "mkdirat,mkdir", "renameat,renameat2,rename", "linkat,link",
         "unlinkat,unlink", "utimensat", "ftruncate", "fsync,fdatasync,syncfs", "close"]
POINTS = 4     # moments a kind of system call
DELAYS = 6    # moments by the clock, a format
SMALL, LARGE = 60, 2600   # messages of the first folder, five sixths more in others; a batch of mailhaul has 4096

KEYWORDS = [b"", b"X-Keywords: Alpha\n", b"X-Keywords: Beta Gamma\n", b"X-Status: AF\n"]


def messages(first, n):
    return [judge.message(i, subject=f"item {i % 7}", body=b"From me to you\n" * (i % 9), extra=b"Status: RO\n" + KEYWORDS[i % 4])
            for i in range(first, first + n)]


def source(path, parts):
    """Three folders of an mbox tree. parts: message counts of the growing first folder."""
    n = sum(parts)
    judge.write(os.path.join(path, "Inbox"), judge.mbox_of(messages(0, n)))
    judge.write(os.path.join(path, "Work"), judge.mbox_of(messages(100000, n // 2)))
    judge.write(os.path.join(path, "Work.sbd", "2019"), judge.mbox_of(messages(200000, n // 3)))
    return path


def to(fmt):
    return fmt.removesuffix("-file")


def named(path, fmt):
    """A target's path: one that ends in .mbox is one file, here in a directory of its own."""
    if fmt != "mbox-file":
        return path
    os.makedirs(path, exist_ok=True)
    return os.path.join(path, "all.mbox")


def snapshot(target, fmt):
    if os.path.isfile(target):
        return {"": ("file", judge.sha256(judge.read(target)))}
    return judge.snapshot(target, times="mbox" not in fmt) if os.path.isdir(target) else {}


def remove(target):
    for path in (target, judge.state_of(target), target + judge.STATE):
        shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) else os.path.exists(path) and os.unlink(path)


def files_only(snap, fmt):
    """mtimes of directories and of index files are those of the run."""
    return {k: (v if re.search(r"(^|/)(cur|new)/|\.eml$", k) else v[:2]) for k, v in snap.items()}


def check_same(target, reference, fmt, what):
    got = files_only(snapshot(target, fmt), fmt)
    return same(got == reference, f"{fmt}, {what}: {judge.differences(got, reference)}")


def reference_of(src, work, fmt):
    target = named(os.path.join(work, "reference-" + fmt), fmt)
    started = time.monotonic()
    run("convert", "--to", to(fmt), src, target)
    return files_only(snapshot(target, fmt), fmt), time.monotonic() - started, target


def finish_run(src, target, fmt, what, reference, third):
    """The second run, and sometimes the third one."""
    run("convert", "--to", to(fmt), *MERGE, src, target)
    good = check_same(target, reference, fmt, what)
    report = judge.report_of(target)["totals"]
    same(judge.adds_up({"totals": report}), f"{fmt}, {what}: {report}")
    if third:
        run("convert", "--to", to(fmt), *MERGE, src, target)
        totals = judge.report_of(target)["totals"]
        equal((totals["already_stored"], totals["stored"]), (totals["found"], 0), f"{fmt}, {what}: the third run")
        good &= check_same(target, reference, fmt, what + ", third run")
    return good


MERGE = []  # --merge, in that part


# ── moments by system call ──

def strace(options, src, target, fmt):
    env = judge.environment(ASAN_OPTIONS="detect_leaks=0")
    follow = [] if src.endswith(".pst") else ["-f"]  # the death of a confined parser is another matter: check_pst_faults.py
    return subprocess.run(["strace", *follow, "-qq", "-o", target + ".strace", *options, judge.PROGRAM, "convert", "--to", to(fmt),
                           *MERGE, src, target], stdin=subprocess.DEVNULL, capture_output=True, env=env, timeout=300, check=False)


def can_trace(work):
    if not shutil.which("strace"):
        return False
    done = subprocess.run(["strace", "-o", os.path.join(work, "probe"), "-e", "trace=exit_group", "true"],
                          capture_output=True, check=False)
    return done.returncode == 0


def counts(src, work, fmt, start, calls):
    """How often each kind of call is made by an uninterrupted run, from the start state."""
    target = fresh(work, "counted", fmt, start)
    strace(["-e", "trace=" + ",".join(calls)], src, target, fmt)
    seen = collections.Counter(re.findall(r"(?m)^(?:\d+ +)?(\w+)\(", judge.read(target + ".strace").decode("utf-8", "replace")))
    return {kind: sum(seen[c] for c in kind.split(",")) for kind in calls}


def fresh(work, name, fmt, start):
    """A target path where nothing is, or a copy of the start state."""
    target = named(os.path.join(work, "t", name), fmt)
    remove(target)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if start:
        subprocess.run(["cp", "-a", start, target], check=True)
        if os.path.isdir(start + judge.STATE):
            subprocess.run(["cp", "-a", start + judge.STATE, target + judge.STATE], check=True)
    return target


def spread(count, points):
    return sorted({max(1, round(1 + (count - 1) * i / max(1, points - 1))) for i in range(points)}) if count else []


def by_calls(src, work, fmt, reference, start, points, what, calls=CALLS):
    killed = unhit = 0
    for kind, count in counts(src, work, fmt, start, calls).items():
        for n in spread(count, points):
            target = fresh(work, "killed", fmt, start)
            done = strace(["-e", "trace=" + kind, "-e", f"inject={kind}:signal=KILL:when={n}"], src, target, fmt)
            if done.returncode != 0:
                killed += 1
            else:
                unhit += 1  # the count differs a little from run to run
            finish_run(src, target, fmt, f"{what}, killed at {kind} {n} of {count}", reference, third=killed % 5 == 1)
    same(killed > 3 * unhit, f"{fmt}, {what}: {killed} runs were killed, {unhit} ended before")
    return killed


# ── moments by the clock ──

def by_delay(src, work, fmt, reference, seconds, delays=DELAYS):
    killed = 0
    for i in range(delays):
        target = fresh(work, "delayed", fmt, None)
        process = subprocess.Popen([judge.PROGRAM, "convert", "--to", to(fmt), src, target], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=judge.environment())
        time.sleep(seconds * (i + 0.5) / delays)
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        again = 0
        while again < i % 3:  # and killed once or twice more on the way
            process = subprocess.Popen([judge.PROGRAM, "convert", "--to", to(fmt), src, target], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=judge.environment())
            time.sleep(seconds * 0.3)
            process.kill()
            process.wait()
            again += 1
        finish_run(src, target, fmt, f"killed after {i + 1} of {delays} delays", reference, third=i % 4 == 0)
    return killed


def begun(process, target):
    """Wait until the run has its journal: before that, a signal ends it as any program."""
    for _ in range(1000):
        if process.poll() is not None or any(os.path.exists(os.path.join(d, "journal.db"))
                                             for d in (os.path.join(target, judge.STATE), target + judge.STATE)):
            return
        time.sleep(0.01)


def by_interrupt(src, work, fmt, reference, seconds):
    target = fresh(work, "interrupted", fmt, None)
    process = subprocess.Popen([judge.PROGRAM, "convert", "--to", to(fmt), src, target], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=judge.environment())
    begun(process, target)
    time.sleep(seconds * 0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    equal(process.returncode in (0, 130), True, f"{fmt}: exit status {process.returncode} after SIGINT: {said[-300:]}")
    finish_run(src, target, fmt, "interrupted", reference, third=True)
    return process.returncode == 130


# ── grown sources, foreign targets ──

def grown(work, fmt, trace):
    small = source(os.path.join(work, "grown", fmt, "mail"), [SMALL])
    start = named(os.path.join(work, "grown", fmt, "start"), fmt)
    run("convert", "--to", to(fmt), small, start)
    before = judge.report_of(start)["totals"]
    source(small, [SMALL, 60])
    target = fresh(work, "grown", fmt, start)
    run("convert", "--to", to(fmt), small, target)
    after = judge.report_of(target)["totals"]
    equal((after["already_stored"], after["stored"]), (before["found"], after["found"] - before["found"]),
          f"{fmt}: a grown source: already stored, stored")
    run("verify", target)
    reference = files_only(snapshot(target, fmt), fmt)
    killed = by_calls(small, work, fmt, reference, start, 2, "grown source") if trace else 0
    whole = named(os.path.join(work, "grown", fmt, "whole"), fmt)
    run("convert", "--to", to(fmt), small, whole)
    same(sorted(digests(whole)) == sorted(digests(target)), f"{fmt}: grown in two runs is not the same mail as in one")
    say(f"{fmt}: grown source: {after['stored']} new of {after['found']}, {killed} kills on the way")


def digests(target):
    return [i["sha256"] for i in {i["id"]: i for i in judge.items_of(target) if i["status"] in ("stored", "already_stored")}.values()]


def foreign(work, fmt):
    root = named(os.path.join(work, "foreign", fmt), fmt)
    os.makedirs(os.path.dirname(root), exist_ok=True)
    if fmt == "mbox-file":
        judge.write(root, judge.mbox_of([judge.message(900000 + i, subject="foreign") for i in range(3)]))
    elif fmt == "maildir":
        box = mailbox.Maildir(root)
        for i in range(3):
            box.add(judge.message(900000 + i, subject="foreign"))
        box.add_folder("Work").add(judge.message(900003, subject="foreign"))
    elif fmt == "mbox":
        judge.write(os.path.join(root, "Inbox"), judge.mbox_of([judge.message(900000 + i, subject="foreign") for i in range(3)]))
        judge.write(os.path.join(root, "Other"), judge.mbox_of([judge.message(900009, subject="foreign")]))
    else:
        judge.write(os.path.join(root, "Inbox", "old.eml"), judge.message(900000, subject="foreign"))
        judge.write(os.path.join(root, "notes.txt"), b"not mail\n")
    return root


def octets_of(root):
    """Relative path → octets of every file; "" where root is a file itself."""
    if os.path.isfile(root):
        return {"": judge.read(root)}
    return {p: judge.read(os.path.join(root, p)) for p, what in judge.snapshot(root, ignore=()).items() if what[0] == "file"}


def kept(target, before, what):
    for path, octets in before.items():
        full = os.path.join(target, path).rstrip("/")
        same(os.path.exists(full) and judge.read(full)[:len(octets)] == octets, f"{what}: {path} did not keep what was there")


def merged(work, fmt, trace):
    src = source(os.path.join(work, "merge", "mail"), [SMALL])
    start = foreign(work, fmt)
    before = octets_of(start)
    run("convert", "--to", to(fmt), src, start, exits=(4,))
    same(octets_of(start) == before, f"{fmt}: a refused target was changed")
    same(not os.path.exists(judge.state_of(start)), f"{fmt}: a refused target got a state directory")
    target = fresh(work, "merged", fmt, start)
    run("convert", "--merge", "--to", to(fmt), src, target)
    totals = judge.report_of(target)["totals"]
    equal(totals["stored"], totals["found"], f"{fmt}: --merge: stored")
    kept(target, before, f"{fmt}: --merge")
    run("verify", target)
    reference = files_only(snapshot(target, fmt), fmt)
    MERGE.append("--merge")
    killed = by_calls(src, work, fmt, reference, start, 2, "merge") if trace else 0
    MERGE.clear()
    say(f"{fmt}: --merge beside {len(before)} foreign files, {killed} kills on the way")


# ── Outlook stores ──

MAKE = os.environ.get("MAKE_PST") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/make_pst")


def mailboxes(path, n, read):
    """A store of n messages in each of two folders; the first `read` of each are read. More in front of them, and in a folder of
    its own, move all node ids."""
    def message(folder, i):
        return {"subject": f"{folder} {i}", "message_id": f"<{folder}.{i}@harbour.example>", "body": f"words {i}\r\n" * 40,
                "received": f"2024-03-{1 + i % 28:02}T09:15:{i % 60:02}Z", "flags": 1 if i < read else 0,
                "from": {"name": "Ada", "address": "ada@harbour.example"},
                "attachments": [{"name": "a.bin", "data": {"fill": 3000, "seed": i}}] if i % 5 == 0 else []}
    folders = [{"name": f, "messages": [message(f, i) for i in reversed(range(n))]} for f in ("Inbox", "Work")]
    judge.write(path + ".json", json.dumps({"store": {"encryption": "none", "folders": folders}}).encode())
    subprocess.run([MAKE, path + ".json", path], check=True, timeout=60)
    os.unlink(path + ".json")
    return path


def outlook(work, trace):
    work = os.path.join(work, "outlook")
    store = os.path.join(work, "bulk.pst")
    os.makedirs(work)
    subprocess.run([MAKE, "--bulk", "170", "--folders", "4", store], check=True, timeout=60)
    for fmt in ("maildir", "mbox-file"):
        reference, seconds, _ = reference_of(store, work, fmt)
        killed = by_delay(store, work, fmt, reference, seconds, 3)
        by_interrupt(store, work, fmt, reference, seconds)
        if trace:
            calls = ["write", "pwrite64", "renameat,renameat2,rename"] if fmt == "maildir" else ["fsync,fdatasync,syncfs"]
            killed += by_calls(store, work, fmt, reference, None, 1, "store", calls)
        same(killed > 0, f"{fmt}: no run of a store was killed")
        again(work, fmt)
        say(f"{fmt}: a store, killed {killed} times")


def again(work, fmt):
    """Read marks change, messages are added: those that were stored are known."""
    store = mailboxes(os.path.join(work, "grown.pst"), 30, 5)
    target = fresh(work, "store-grown", fmt, None)
    run("convert", "--to", to(fmt), store, target)
    mailboxes(store, 40, 20)
    run("convert", "--to", to(fmt), store, target)
    totals = judge.report_of(target)["totals"]
    equal((totals["already_stored"], totals["stored"]), (60, 20), f"{fmt}: a grown store: already stored, stored")
    run("verify", target)
    run("verify", target, store)
    run("convert", "--to", to(fmt), "--dedupe", store, target)
    equal(judge.report_of(target)["totals"]["already_stored"], 80, f"{fmt}: a grown store again: already stored")


def completed(work, fmt):
    """A message that was at the end of its file, and not all there, is stored again when it is, also when others came behind it."""
    path, target = os.path.join(work, "delivery.mbox"), fresh(work, "delivery", fmt, None)
    sent = messages(0, 4)
    whole, begun = judge.mbox_of(sent), judge.mbox_of(sent[:3])[:-12]
    same(whole.startswith(begun), "a file that grows")
    judge.write(path, begun)
    run("convert", "--to", to(fmt), path, target)
    judge.write(path, whole)
    run("convert", "--to", to(fmt), path, target)
    report = judge.report_of(target)
    equal((report["totals"]["already_stored"], report["totals"]["stored"]), (2, 2), f"{fmt}: an end that grew: already stored, stored")
    equal(report["totals"]["issues"].get("source.changed"), 1, f"{fmt}: an end that grew: source.changed")
    run("convert", "--to", to(fmt), path, target)
    equal(judge.report_of(target)["totals"]["already_stored"], 4, f"{fmt}: an end that grew, again: already stored")


def namesakes(work, fmt):
    """Files of two people that are called the same, in two runs, are two sources; one that was moved is the same."""
    target = fresh(work, "namesakes", fmt, None)
    ada, bob, moved = (os.path.join(work, d, "Inbox.mbox") for d in ("ada", "bob", "moved"))
    judge.write(ada, judge.mbox_of(messages(0, 4)))
    judge.write(bob, judge.mbox_of(messages(0, 1) + messages(10, 3)))
    for path in (ada, bob, ada):
        run("convert", "--to", to(fmt), path, target)
        equal(judge.report_of(target)["totals"]["stored"], 0 if path is ada and judge.report_of(target)["totals"]["already_stored"] else 4,
              f"{fmt}: namesakes: stored of {path}")
    run("verify", target, ada, bob)
    os.makedirs(os.path.dirname(moved))
    os.rename(bob, moved)
    done = run("convert", "--to", to(fmt), moved, target)
    totals = judge.report_of(target)["totals"]
    equal((totals["stored"], totals["already_stored"]), (0, 4), f"{fmt}: namesakes: a source that was moved")
    equal(totals["issues"].get("source.moved"), 1, f"{fmt}: namesakes: source.moved")
    for path in (ada, bob, moved):
        shutil.rmtree(os.path.dirname(path))


def main():
    work = judge.temporary(memory=True)
    trace = can_trace(work)
    if not trace:
        say("strace cannot be used here: moments by the clock only")
    small = source(os.path.join(work, "small"), [SMALL])
    large = source(os.path.join(work, "large"), [LARGE // 4 if judge.sanitized() else LARGE])
    for fmt in FORMATS:
        reference, _, _ = reference_of(small, work, fmt)
        calls = by_calls(small, work, fmt, reference, None, 3 if judge.sanitized() else POINTS, "first run") if trace else 0
        remove(named(os.path.join(work, "reference-" + fmt), fmt))
        reference, seconds, _ = reference_of(large, work, fmt)
        delays = by_delay(large, work, fmt, reference, seconds)
        same(delays > 0, f"{fmt}: no run was killed by the clock in {seconds:.2f} s")
        stopped = by_interrupt(large, work, fmt, reference, seconds)
        say(f"{fmt}: killed {calls} times at system calls, {delays} times by the clock"
            + (", interrupted once" if stopped else ", SIGINT came too late"))
        grown(work, fmt, trace)
        merged(work, fmt, trace)
        completed(work, fmt)
        namesakes(work, fmt)
    if os.access(MAKE, os.X_OK):
        outlook(work, trace)
    judge.finish()


main()
