"""The two engines for Outlook stores against each other: every store of the corpus, and one made from each description in
testdata/pst/rules, read by libpff and by our own layers.

  dump   the same folders with the same roles in the same order, the same items with the same flags, times, keywords, issues and
         SHA-256; the same notices about the store
  eml    of stores of the corpus, one in EACH unless HAUL_LONG=1, the same files with the same octets

A difference that is right has its reason in REASONS, and docs/formats/pst.md has the table. HAUL_STORE=part of a name: only those
stores."""
import concurrent.futures
import glob
import hashlib
import json
import os
import subprocess

import judge
import outlook
from judge import run, same, say

MAKE = os.environ.get("MAKE_PST") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/make_pst")
RULES = os.path.join(judge.TESTDATA, "pst/rules")
EACH = 1 if os.environ.get("HAUL_LONG") else 8
ONLY = os.environ.get("HAUL_STORE", "")
# (end of the store's name, key of the item, field) → why the native engine is right.
REASONS = {
    ("AddingBulkMessagesWithImprovedPerformance.pst", "", "notices"): "libpff finds no block of it; without its header there are some",
    ("AddingBulkMessagesWithImprovedPerformance.pst", "", "folders"): "as above",
    ("AddingBulkMessagesWithImprovedPerformance.pst", "0x200024", "item"): "as above",
}


def convert(engine, target, kind, store):
    done = run("convert", "--engine", engine, "--to", kind, "--progress", "none", "--associated", "--recover", store, target,
               exits=(0, 1, 3))
    return done.returncode


def notices(target):
    """What is said of the store, in any order."""
    return sorted((n["issue"], n["detail"]) for n in judge.report_of(target).get("notices", []))


def lines(target):
    """Folders and items of a dump: key → everything that is said."""
    with open(target, encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    folders = [(r["folder"], r["role"]) for r in rows if r["type"] == "folder"]
    items = {r["key"]: r for r in rows if r["type"] != "folder"}
    order = [r["key"] for r in rows if r["type"] != "folder"]
    return folders, order, items


def octets(target):
    found = {}
    for top, dirs, files in os.walk(target):
        dirs[:] = [d for d in dirs if d != judge.STATE]
        for name in files:
            path = os.path.join(top, name)
            found[os.path.relpath(path, target)] = hashlib.sha256(judge.read(path)).hexdigest()
    return found


def explained(name, key, field):
    return any(name.endswith(end) and key == k and field == f for end, k, f in REASONS)


def compare_items(name, theirs, ours):
    """Items by key, field by field. Returns keys with an explained difference."""
    odd = set()
    for key in sorted(theirs.keys() | ours.keys()):
        a, b = theirs.get(key), ours.get(key)
        if a is None or b is None:
            if explained(name, key, "item"):
                odd.add(key)
            else:
                same(False, f"{name}: {key} is given by {'native' if a is None else 'libpff'} only: {a or b}")
            continue
        for field in sorted(a.keys() | b.keys()):
            if a.get(field) != b.get(field) and explained(name, key, field):
                odd.add(key)
            else:
                judge.equal(b.get(field), a.get(field), f"{name}: {key}: {field}")
    return odd


def compare(name, store, files_too, work):
    """All about one store. Returns the number of its items."""
    targets = {e: os.path.join(work, f"{name}.{e}") for e in ("libpff", "native")}
    codes = {e: convert(e, t + ".jsonl", "dump", store) for e, t in targets.items()}
    judge.equal(codes["native"], codes["libpff"], f"{name}: exit status")
    if 3 in codes.values():
        return 0
    (folders, order, theirs), (own_folders, own_order, ours) = (lines(t + ".jsonl") for t in targets.values())
    if not explained(name, "", "folders"):
        judge.equal(own_folders, folders, f"{name}: folders")
    odd = compare_items(name, theirs, ours)
    if not odd:
        judge.equal(own_order, order, f"{name}: order of items")
    said, own_said = (notices(t + ".jsonl") for t in targets.values())
    if not explained(name, "", "notices"):
        judge.equal(own_said, said, f"{name}: notices")
    if not files_too:  # the SHA-256 in the dump are of the same octets
        return len(ours)
    for e, t in targets.items():
        convert(e, t, "eml", store)
    files, own_files = (octets(t) for t in targets.values())
    differ = [f for f in files.keys() | own_files.keys() if files.get(f) != own_files.get(f)]
    same(len(differ) <= 2 * len(odd), f"{name}: {len(differ)} files differ: {sorted(differ)[:4]}")
    return len(ours)


def made(path, work):
    name = os.path.basename(path)[:-len(".json")] + ".pst"
    store = os.path.join(work, name)
    done = subprocess.run([MAKE, path, store], capture_output=True, timeout=120, check=False)
    same(done.returncode == 0, f"{name}: make_pst: {done.stderr.decode()}")
    return name, store, False


def main():
    same(os.access(MAKE, os.X_OK), f"no {MAKE}")
    work = judge.temporary(memory=True)
    corpus = [(os.path.basename(s), s, i % EACH == 0) for i, s in enumerate(outlook.stores())] if judge.CORPUS else []
    stores = corpus + [made(p, work) for p in sorted(glob.glob(os.path.join(RULES, "*.json")))]
    stores = [s for s in stores if ONLY in s[0]]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        items = sum(pool.map(lambda s: compare(*s, work), stores))
    say(f"{len(stores)} stores, {len(corpus)} of them of the corpus: {items} items")
    judge.finish()


main()
