"""The same input gives the same output: two runs in other time zones, locales, umasks and working directories write the
same names, octets and mtimes, items.jsonl included; report.json differs in the times of the run only. Outlook stores, too, by one
process and by three; and a copy of a store in another directory, read without a confined parser, is the same source."""
import json
import os
import re
import shutil
import subprocess
import zipfile

import judge
from judge import equal, run, same, say

HERE = {"TZ": "UTC", "LANG": "C", "LC_ALL": "C"}
THERE = {"TZ": "Pacific/Chatham", "LANG": "de_DE.UTF-8", "LC_ALL": "C.UTF-8", "COLUMNS": "30", "HOME": "/nonexistent"}


def source(work):
    path = os.path.join(work, "mail")
    messages = [judge.message(i, body=b"From here\n" * i, extra=b"Status: RO\nX-Keywords: b a\n" if i % 2 else b"",
                              date=f"{1 + i % 28} Mar 2019 09:15:20 EST") for i in range(40)]
    judge.write(os.path.join(path, "Inbox"), judge.mbox_of(messages))
    judge.write(os.path.join(path, "Über"), judge.mbox_of(messages[:9], start=1300000000))
    judge.write(os.path.join(path, "no-dates"), b"From nobody\n" + judge.message(99) + b"\nFrom nobody\nSubject: x\n\ny\n\n")
    return path


def once(src, target, fmt, env, umask, cwd, options=()):
    os.makedirs(cwd, exist_ok=True)
    run("convert", "--to", fmt, *options, src, target, exits=(0, 1), env=judge.environment(**env), cwd=cwd, umask=umask)
    report = judge.report_of(target)
    for key in ("started", "finished"):
        report.pop(key, None)
    # Where a file is one message, its mtime counts; that of an index or an mbox is the time of the run.
    files = {path: what if re.search(r"(^|/)cur/|\.eml$", path) else what[:2]
             for path, what in snapshot(target).items() if what[0] == "file"}
    return files, judge.read(os.path.join(judge.state_of(target), "items.jsonl")), report


def check(work, src, fmt, options=(), again=()):
    # The same path both times: the target's own path may be part of report.json.
    target = os.path.join(work, "out", fmt)
    first = once(src, target, fmt, HERE, 0o022, os.path.join(work, "cwd1"), options)
    state = judge.state_of(target)
    os.rename(target, target + ".first")
    if os.path.exists(state):
        os.rename(state, target + ".first-state")
    second = once(src, target, fmt, THERE, 0o077, os.path.join(work, "cwd2", "deeper"), (*options, *again))
    same(first[0] == second[0], f"{fmt}: {judge.differences(second[0], first[0])}")
    same(first[1] == second[1], f"{fmt}: items.jsonl differs: " + first_difference(first[1], second[1]))
    same(first[2] == second[2], f"{fmt}: report.json differs: "
         + judge.short([k for k in first[2] if first[2][k] != second[2].get(k)]))
    say(f"{fmt}: {len(first[0])} files, {len(first[1].splitlines())} items")


# What depends on time zones, character sets, order and made-up names.
RULES = ("class-appointment", "class-contact", "class-distlist", "class-task", "recurrence-weekly", "recurrence-kinds", "time-zones",
         "report-ndr", "smime-clear", "attachment-inline", "embedded-kinds", "rtf-codepages", "text-codepages", "headers-made",
         "orphans", "tnef-class", "folders-same-name")
MAKE = os.environ.get("MAKE_PST") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/make_pst")


def stores(path):
    """Outlook stores of the rules, as one tree."""
    os.makedirs(path)
    for name in RULES:
        rule = os.path.join(judge.TESTDATA, "pst/rules", name + ".json")
        subprocess.run([MAKE, rule, os.path.join(path, name + ".pst")], check=True, timeout=60)
    return path


def zipped(path):
    """Messages whose files have times without a zone, as zips of many programs have them."""
    os.makedirs(os.path.dirname(path))
    with zipfile.ZipFile(path, "w") as z:
        for i in range(3):
            z.writestr(zipfile.ZipInfo(f"m{i}.eml", (2015, 7, 1, 12, 0, 2 * i)), f"Subject: {i}\n\nx\n")
    return path


def check_copy(work, path):
    """items.jsonl of a store and of a copy elsewhere, each in its own target."""
    said = []
    for name, options in (("one", ()), ("two", ("--confine", "no"))):
        store = os.path.join(work, name, "store.pst")
        os.makedirs(os.path.dirname(store))
        shutil.copy(path, store)
        target = os.path.join(work, name, "out")
        run("convert", "--to", "eml", *options, store, target, exits=(0, 1))
        said.append(judge.read(os.path.join(judge.state_of(target), "items.jsonl")))
        run("verify", target, store, exits=(0,))
    same(said[0] == said[1], "items.jsonl of a copy of a store: " + first_difference(*said))


def snapshot(target):
    return judge.snapshot(target, times=True) if os.path.isdir(target) else {"": ("file", judge.sha256(judge.read(target)))}


def first_difference(a, b):
    for x, y in zip(a.splitlines(), b.splitlines()):
        if x != y:
            return judge.short(x) + " / " + judge.short(y)
    return f"{len(a)} and {len(b)} octets"


def main():
    work = judge.temporary()
    for name, src in (("own", source(work)), ("demo", os.path.join(judge.TESTDATA, "demo/mail"))):
        for fmt in ("maildir", "mbox", "eml", "dump"):
            check(os.path.join(work, name), src, fmt)
    for fmt in ("maildir", "eml"):
        check(os.path.join(work, "zip"), zipped(os.path.join(work, f"zip-{fmt}", "mail.zip")), fmt)
    if os.access(MAKE, os.X_OK):
        src = stores(os.path.join(work, "stores"))
        for fmt in ("maildir", "mbox", "eml"):
            check(os.path.join(work, "outlook"), src, fmt, ("--from", "pst", "--recover", "--unpack-tnef"), ("--jobs", "3"))
        bulk = os.path.join(work, "bulk.pst") # several stretches of items
        subprocess.run([MAKE, "--bulk", "130", "--seed", "5", bulk], check=True, timeout=60)
        check(os.path.join(work, "bulk"), bulk, "eml", again=("--jobs", "2"))
        check_copy(os.path.join(work, "copies"), os.path.join(src, "embedded-kinds.pst"))
    a = json.loads(run("inspect", "--json", source(work), env=judge.environment(**HERE)).stdout)
    b = json.loads(run("inspect", "--json", source(work), env=judge.environment(**THERE)).stdout)
    equal(a, b, "inspect --json in another zone and locale")
    judge.finish()


main()
