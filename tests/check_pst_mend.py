"""Stores in which one thing is odd (odd_stores.py). libpff gives up the whole object then; mailhaul must lose that one thing only, and
say so. What pffexport makes of it is printed beside."""
import collections
import email
import email.policy
import json
import os
import shutil
import subprocess
import zipfile

import judge
from judge import equal, issues_of, items_of, report_of, run, same, say
from odd_stores import CASES, MAKE, Store, made

QUIET = {"target.flags-not-held", "keyword.not-held"}
SEARCH = {"pst.search-folder"}  # every store of ours has some


# What the native engine gets, where it is more, or told otherwise: it needs no class, believes a cell's size where it is larger than
# its value, but not a cell that its row says is not there, finds attachments without their table, knows the sets of the names that need no stream (wGuid 1 and 2, MS-PST 2.4.7.1),
# and looks at nothing of the map of names but its three streams.
NATIVE = {
    "class gone": {"items": set()},
    "column of 16 octets": {"people": 4, "items": set()},
    "cell_that_is_not_there": {"people": 3},
    "attachments_without_heap": {"attachments": 4, "items": {"pst.attachments-found"}},
    "key_in_front": {"attachments": 4, "items": {"pst.attachments-found"}},
    "attachments_without_table": {"attachments": 4, "items": {"pst.attachments-found"}},
    "subnodes_cleared": {"items": {"pst.attachments-lost", "pst.recipients-lost"}},
    "names without GUIDs": {"named": True},
    "names_with_odd_type": {"store": set()},
}


def messages(target):
    for item in items_of(target):
        if item["status"] == "stored":
            yield email.message_from_bytes(judge.read(os.path.join(target, item["stored_as"])), policy=email.policy.default)


def by_pffexport(store, top):
    """Messages, attachments that pffexport gets."""
    where = os.path.join(top, "pff")
    subprocess.run(["pffexport", "-q", "-t", where, store], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)
    found = [d for d, _, files in os.walk(where + ".export") if "OutlookHeaders.txt" in files]
    files = sum(len(f) for d, _, f in os.walk(where + ".export") if os.path.basename(d) == "Attachments")
    shutil.rmtree(where + ".export", ignore_errors=True)
    return f"{len(found)} messages, {files} attachments"


def check(name, path, top, *wanted):
    fields = dict(zip(("stored", "attachments", "people", "named", "items", "store"), wanted))
    fields.update({} if judge.ENGINE == "libpff" else NATIVE.get(name, {}))
    check_fields(name, path, top, **fields)


def check_fields(name, path, top, stored, attachments, people, named, items, store):
    target = os.path.join(top, "eml")
    run("convert", "--to", "eml", "--progress", "none", path, target, exits=(0, 1))
    report, rows = report_of(target), items_of(target)
    same(judge.adds_up(report), f"{name}: the totals do not add up")
    equal(report["totals"]["stored"], stored, f"{name}: stored")
    equal(report["totals"]["failed"], 2 - stored, f"{name}: failed")
    mails = list(messages(target))
    equal(sum(1 for m in mails for p in m.iter_attachments() if p.get_filename() in ("a.bin", "b.txt")), attachments,
          f"{name}: attachments")
    equal(sum(str(m.get(f, "")).count("@lighthouse.example") for m in mails for f in ("To", "Cc")), people, f"{name}: recipients")
    equal([r["keywords"] for r in rows if r["status"] == "stored"], [["Blue"] if named else []] * stored, f"{name}: categories")
    seen = issues_of(next((r for r in rows if r["status"] == "stored"), {})) - QUIET if stored == 2 else items
    equal(seen, items, f"{name}: issues of the item")
    told = {i for i in report["totals"]["issues"]} - QUIET - set().union(*(issues_of(r) for r in rows))
    equal(told - SEARCH, store, f"{name}: issues of the store")
    say(f"{name}: {stored} messages, {attachments} attachments; pffexport {by_pffexport(path, top)}")
    shutil.rmtree(target)


def check_encodings(top):
    """An odd type made by the generator itself, in stores of each encoding, in a message, an attachment, an embedded message."""
    odd = {"0x67120099": {"hex": "0102030405"}}
    plain = {"name": "a.bin", "data": {"hex": "00ff"}}
    places = {"message": {"props": odd}, "attachment": {"attachments": [dict(plain, props=odd), plain]},
              "embedded message": {"attachments": [plain, {"embedded": {"subject": "in", "body": "deep", "props": odd}}]}}
    for encryption in ("none", "compressible", "high"):
        for place, more in places.items():
            path = made(top, "odd.pst", encryption, **more)
            check(f"{encryption}, {place}", path, top, 2, 3 if "embedded" in place else 4, 4, True, {"pst.property-type"}, set())
            os.remove(path)


def check_trees(top, plain):
    """Stores in a zip, and of the same name in two directories, one of them ANSI."""
    packed = os.path.join(top, "packed.zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as z:
        z.write(plain, "backup/old/mail.pst")
        z.writestr("backup/readme.txt", "nothing")
    target = os.path.join(top, "from-zip")
    run("convert", "--to", "eml", "--progress", "none", packed, target)
    equal(sorted({r["folder"] for r in items_of(target)}), ["backup/old/mail/Inbox"], "zip: folders")
    equal(report_of(target)["totals"]["stored"], 2, "zip: stored")
    tree = os.path.join(top, "tree")
    judge.write(os.path.join(tree, "a/mail.pst"), judge.read(plain))
    other, wanted, n = plain, "b/mail/Inbox", 2
    ansi = os.path.join(judge.CORPUS, "pst/mooijtech__go-pst__data__32-bit.pst") if judge.CORPUS else ""
    if os.path.exists(ansi):
        other, wanted, n = ansi, "b/mail/", 1
    judge.write(os.path.join(tree, "b/mail.pst"), judge.read(other))
    target = os.path.join(top, "from-tree")
    run("convert", "--to", "eml", "--progress", "none", tree, target)
    rows = items_of(target)
    equal(sum(r["folder"] == "a/mail/Inbox" for r in rows), 2, "tree: items of the first")
    equal(sum(r["folder"].startswith(wanted) for r in rows), n, "tree: items of the second")
    equal(len({r["id"] for r in rows}), len(rows), "tree: ids differ")


A, B, C = 0x8082, 0x80A2, 0x80C2  # folders that the generator numbers so: C is in B, B in A, A in the IPM subtree
A1, A2, B1 = 0x200024, 0x200044, 0x200084  # two items of A; the first of B
ROOT, SUBTREE = 0x122, 0x8022
AT_HOME = {"A": 3, "A/B": 3, "A/B/C": 3}
ORPHANS = "Recovered items/Orphans"

# What the node tree says (2.2.2.7.7.4): (node, "parent" or "number", new value). libpff refuses a store with the loops, with
# an item or folder that is its own parent and with a root folder that is not; the items below items nobody would find.
PARENTS = {
    "as made": ([], AT_HOME, set()),
    "folder in itself": ([(B, "parent", B)], {"A": 3, "Store root/B": 3, "Store root/B/C": 3}, {"pst.parent-mended"}),
    "folders in a circle": ([(A, "parent", C)], {"Store root/A": 3, "Store root/A/B": 3, "Store root/A/B/C": 3}, {"pst.parent-mended"}),
    "two circles": ([(A, "parent", B), (C, "parent", C)], {"Store root/A": 3, "Store root/A/B": 3, "Store root/C": 3},
                    {"pst.parent-mended"}),
    "root in a circle": ([(ROOT, "parent", SUBTREE)], AT_HOME, {"pst.parent-mended"}),
    "root in nothing": ([(ROOT, "parent", 0)], AT_HOME, {"pst.parent-mended"}),
    "root met early": ([(0x21, "parent", SUBTREE)], AT_HOME, set()),
    "folder in an item": ([(B, "parent", A1)], {"A": 3, "Store root/B": 3, "Store root/B/C": 3}, {"pst.parent-mended"}),
    "folder in nothing": ([(B, "parent", 0x999982)], {"A": 3, ORPHANS: 6}, set()),
    "item in itself": ([(A1, "parent", A1)], {"A": 2, "A/B": 3, "A/B/C": 3, ORPHANS: 1}, {"pst.parent-mended"}),
    "item in an item": ([(A1, "parent", A2)], {"A": 2, "A/B": 3, "A/B/C": 3, ORPHANS: 1}, {"pst.parent-mended"}),
    "items in a circle": ([(A1, "parent", A2), (A2, "parent", A1)], {"A": 1, "A/B": 3, "A/B/C": 3, ORPHANS: 2},
                          {"pst.parent-mended"}),
    "item in the store": ([(A1, "parent", 0)], {"A": 2, "A/B": 3, "A/B/C": 3, ORPHANS: 1}, {"pst.parent-mended"}),
    "two items of one number": ([(A2, "number", A1)], AT_HOME, {"pst.parent-mended"}),
    "two folders of one number": ([(C, "number", B), (C, "parent", B)], AT_HOME, {"pst.parent-mended"}),
    "a folder of a later one's number": ([(B, "number", C)], AT_HOME, {"pst.parent-mended"}),
}


def check_parents(top):
    """Every item comes out, in its folder where that can be known."""
    a, b, c = ({"name": f, "messages": [
        {"subject": f"{f}{n}", "body": "x", "attachments": [{"name": f"{f}{n}", "data": f"{f}{n} " * 900}]} for n in range(3)
    ]} for f in "ABC")
    nested = dict(a, folders=[dict(b, folders=[c])])
    rule, path, target = (os.path.join(top, n) for n in ("parents.json", "parents.pst", "parents"))
    judge.write(rule, json.dumps({"store": {"encryption": "none", "folders": [nested]}}).encode())
    subprocess.run([MAKE, rule, path], stdin=subprocess.DEVNULL, check=True, timeout=60)
    for name, (changes, wanted, issues) in PARENTS.items():
        store = Store(path)
        same(name != "as made" or [store.nodes[n][3] for n in (A, B, C, A1, A2, B1)] == [SUBTREE, A, B, A, A, B], "the numbers of the generator")
        for nid, what, value in changes:
            store.put(store.nodes[nid][-1] + (24 if what == "parent" else 0), "<I", value)
        changed = store.seal(os.path.join(top, "changed.pst"))
        run("convert", "--to", "eml", "--progress", "none", changed, target)
        rows = items_of(target)
        stored = collections.Counter(r["folder"] for r in rows if r["status"] == "stored")
        equal(dict(stored), wanted, f"{name}: folders")
        equal(len(rows), 9, f"{name}: items, none of them twice")  # a folder's table may name one that lies elsewhere
        told = report_of(target)["totals"]["issues"]
        equal({i for i in told if i.startswith("pst.")} - SEARCH - {"pst.recovered", "pst.folder-count"}, issues, f"{name}: issues")
        mails = list(messages(target))
        equal(len({m["subject"] for m in mails}), 9, f"{name}: messages")
        for m in mails:
            parts = [(p.get_filename(), bytes(p.get_content())) for p in m.iter_attachments()]
            same(parts == [(m["subject"], f"{m['subject']} ".encode() * 900)], f"{name}: attachment of {m['subject']}: {str(parts)[:80]}")
        shutil.rmtree(target)


def main():
    if not os.access(MAKE, os.X_OK):
        judge.skip("make_pst is not built")
    if not shutil.which("pffexport"):
        judge.skip("pffexport is missing: scripts/setup test")
    top = judge.temporary(memory=True)
    plain = made(top, "plain.pst", "none")
    check("as made", plain, top, 2, 4, 4, True, set(), set())
    for name, (change, *wanted) in CASES.items():
        store = Store(plain)
        change(store)
        check(name, store.seal(os.path.join(top, "changed.pst")), top, *wanted)
    check_parents(top)
    check_encodings(top)
    check_trees(top, plain)
    judge.finish()


main()
