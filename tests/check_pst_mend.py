"""Stores in which one thing is odd: a property of an unknown type, a cell that leads nowhere, a map of names without GUIDs. libpff
gives up the whole object then; mailhaul must lose that one thing only, and say so.

Each store is made by tests/pst, changed at one place by the layouts of MS-PST 2.2 and 2.3 (read here anew, in Python), and given
right checksums again, so that nothing but the change itself can be noticed. What pffexport makes of it is printed beside."""
import collections
import email
import email.policy
import json
import os
import shutil
import struct
import subprocess
import zipfile
import zlib

import judge
from judge import equal, issues_of, items_of, report_of, run, same, say

MAKE = os.environ.get("MAKE_PST") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/make_pst")
QUIET = {"target.flags-not-held", "keyword.not-held"}
SEARCH = {"pst.search-folder"}  # every store of ours has some
DOWN = 0x7E0  # a reference into a heap that has fewer allocations
AWAY = 0x813F  # a reference to a subnode that is not there
ODD = 0x0099  # a type that is none
NOTHING = 0xFFF0  # a block that is not there


class Store:
    """A Unicode store without encoding, to be changed in memory."""

    def __init__(self, path):
        self.octets = bytearray(judge.read(path))
        self.nodes = {e[0]: e for e in self.leaves(self.get(224, "<Q"), "<QQQII")}
        self.blocks = {e[0]: e for e in self.leaves(self.get(240, "<Q"), "<QQHHI")}

    def get(self, at, form):
        return struct.unpack_from(form, self.octets, at)[0]

    def put(self, at, form, value):
        struct.pack_into(form, self.octets, at, value)

    def leaves(self, page, form):
        """Entries of a B-tree (2.2.2.7.7), each with its place."""
        n, _, size, level = self.octets[page + 488:page + 492]
        for at in range(page, page + n * size, size):
            if level:
                yield from self.leaves(self.get(at + 16, "<Q"), form)
            else:
                yield *struct.unpack_from(form, self.octets, at), at

    def block(self, bid):
        _, at, size = self.blocks[bid & ~1][:3]
        return at, size

    def clear(self, bid):
        at, size = self.block(bid)
        self.octets[at:at + size] = bytes(size)

    def subnodes(self, bid):
        """nid → place of its entry (2.2.2.8.3.3.1)."""
        at, _ = self.block(bid)
        return {self.get(e, "<I"): e for e in range(at + 8, at + 8 + 24 * self.get(at + 2, "<H"), 24)}

    def allocation(self, heap, hid):
        page = heap + self.get(heap, "<H") + 4 + 2 * ((hid >> 5) - 1)
        start, end = struct.unpack_from("<HH", self.octets, page)
        return heap + start, end - start

    def properties(self, bid):
        """id → place of its record (2.3.3.3)."""
        heap, _ = self.block(bid)
        tree, _ = self.allocation(heap, self.get(heap + 4, "<I"))
        at, size = self.allocation(heap, self.get(tree + 4, "<I"))
        return {self.get(p, "<H"): p for p in range(at, at + size, 8)}

    def table(self, bid):
        """Places of the columns by id, of the first row and of the first entry of the index of rows (2.3.4)."""
        heap, _ = self.block(bid)
        info, _ = self.allocation(heap, self.get(heap + 4, "<I"))
        columns = {self.get(c + 2, "<H"): c for c in range(info + 22, info + 22 + 8 * self.octets[info + 1], 8)}
        index, _ = self.allocation(heap, self.get(self.allocation(heap, self.get(info + 10, "<I"))[0] + 4, "<I"))
        return columns, self.allocation(heap, self.get(info + 14, "<I"))[0], index

    def message(self):
        return self.nodes[min(n for n in self.nodes if n & 31 == 4)]

    def of_message(self, nid=None):
        """Block of the first message's properties, or of one of its subnodes."""
        m = self.message()
        return self.get(self.subnodes(m[2])[nid] + 8, "<Q") if nid else m[1]

    def cell(self, nid, column):
        columns, row, _ = self.table(self.of_message(nid))
        return row + self.get(columns[column] + 4, "<H")

    def seal(self, path):
        """Right checksums in all pages of the trees and all blocks (2.2.2.7.1, 2.2.2.8.1)."""
        for page in self.pages(self.get(224, "<Q")) + self.pages(self.get(240, "<Q")):
            self.put(page + 500, "<I", crc(self.octets[page:page + 496]))
        for _, at, size, *_ in self.blocks.values():
            self.put(at + (size + 16 + 63) // 64 * 64 - 12, "<I", crc(self.octets[at:at + size]))
        return judge.write(path, self.octets)

    def pages(self, page):
        n, _, size, level = self.octets[page + 488:page + 492]
        below = [self.pages(self.get(page + i * size + 16, "<Q")) for i in range(n)] if level else []
        return [page] + sum(below, [])


def crc(octets):
    return zlib.crc32(octets, 0xFFFFFFFF) ^ 0xFFFFFFFF


RECIPIENTS, ATTACHMENTS = 0x692, 0x671
CASES = {}


def case(stored=2, attachments=4, people=4, named=True, items=(), store=()):
    """What must come out: messages, attachments, recipients with an address; a category; issues of the first message, of the store."""
    def keep(change):
        CASES[change.__name__] = (change, stored, attachments, people, named, set(items), set(store))
        return change
    return keep


def property_case(name, offset, form, value, pid=0x37, **wanted):
    def change(s):
        s.put(s.properties(s.of_message())[pid] + offset, form, value)
    change.__name__ = name
    case(**wanted)(change)


property_case("type of a property", 2, "<H", ODD, items=["pst.property-type"])
property_case("type null", 2, "<H", 1, pid=0x0E06, items=["pst.property-type", "time.guessed"])
property_case("type unspecified", 2, "<H", 0, pid=0x1000, items=["pst.property-type"])
property_case("subject in no allocation", 4, "<I", DOWN, items=["pst.property-lost"])
property_case("body in no subnode", 4, "<I", AWAY, pid=0x1000, items=["pst.property-lost"])
property_case("class empty", 4, "<I", 0, pid=0x1A)
property_case("class gone", 0, "<H", 0x1B, pid=0x1A, items=["pst.property-lost"])


def column_case(name, offset, form, value, column=0x3003, **wanted):
    def change(s):
        s.put(s.table(s.of_message(RECIPIENTS))[0][column] + offset, form, value)
    change.__name__ = name
    case(**wanted)(change)


column_case("type of a column", 0, "<H", ODD, column=0x0C15, items=["pst.property-type"])
column_case("column behind the row", 4, "<H", 4000, people=2, items=["pst.property-lost"])
column_case("column of 16 octets", 6, "<B", 16, people=2, items=["pst.property-lost"])
column_case("bit of a column", 7, "<B", 200)


@case(items=["pst.property-lost"])
def cell_in_no_subnode(s):
    s.put(s.cell(RECIPIENTS, 0x3001), "<I", AWAY)


@case(items=["pst.property-lost"])
def cell_in_no_allocation(s):
    s.put(s.cell(RECIPIENTS, 0x3001), "<I", DOWN)


@case(items=["pst.row-mended"])
def recipient_row_id(s):
    s.put(s.table(s.of_message(RECIPIENTS))[1], "<I", 0x77)


@case(items=["pst.row-mended"])
def attachment_row_id(s):
    s.put(s.table(s.of_message(ATTACHMENTS))[1], "<I", 0x77)


@case(items=["pst.row-mended"])
def attachment_index_id(s):
    s.put(s.table(s.of_message(ATTACHMENTS))[2], "<I", 0x77)


@case()
def cell_that_is_not_there(s):
    columns, row, _ = s.table(s.of_message(RECIPIENTS))
    bit = s.octets[columns[0x3003] + 7]  # in the cell existence block, 2.3.4.4.2
    s.octets[row + s.get(min(columns.values()) - 22 + 6, "<H") + bit // 8] &= ~(0x80 >> bit % 8)


@case(attachments=2, items=["pst.attachments-lost"])
def attachments_without_heap(s):
    s.clear(s.of_message(ATTACHMENTS))


@case(attachments=2, items=["pst.attachments-lost"])
def attachments_without_table(s):
    s.put(s.subnodes(s.message()[2])[ATTACHMENTS], "<I", ATTACHMENTS + 1)


@case(people=2, items=["pst.recipients-lost"])
def recipients_without_heap(s):
    s.clear(s.of_message(RECIPIENTS))


@case(attachments=3, items=["mapi.attachment-lost"])
def attachment_without_block(s):
    entries = s.subnodes(s.message()[2])
    s.put(entries[min(n for n in entries if n & 31 == 5)] + 8, "<Q", NOTHING)


@case(attachments=2, people=2, items=["pst.attachments-lost", "pst.property-lost", "pst.recipients-lost"])
def subnodes_cleared(s):
    s.clear(s.message()[2])


@case(stored=1, attachments=2, people=2)
def message_without_block(s):
    s.put(s.message()[-1] + 8, "<Q", NOTHING)


@case(attachments=2, items=["pst.attachments-lost"])
def key_in_front(s):
    """The block B-tree's entry in front of the message's, in the same page, which is that of its table of attachments, is named as if
    it came last."""
    m = s.blocks[s.of_message() & ~1][-1]
    same(any(e[-1] == m - 24 for e in s.blocks.values()), "key_in_front: the entry is the first of its page")
    s.put(m - 24, "<Q", 0xFFFFF0)


def names_case(name, pid, **wanted):
    def change(s):
        s.put(s.properties(s.nodes[0x61][1])[pid] + 4, "<I", 0)
    change.__name__ = name
    case(named=False, store=["pst.name-map"], **wanted)(change)


names_case("names without GUIDs", 2)
names_case("names without entries", 3)
names_case("names without strings", 4)


@case(named=False, store=["pst.name-map"])
def names_cleared(s):
    s.clear(s.nodes[0x61][1])


@case(named=False, store=["pst.name-map"])
def names_gone(s):
    s.put(s.nodes[0x61][-1], "<I", 0x60)


@case(store=["pst.property-type"])
def names_with_odd_type(s):
    p = s.properties(s.nodes[0x61][1])
    s.put(p[max(p)] + 2, "<H", ODD)


@case(store=["pst.property-type"])
def store_with_odd_type(s):
    s.put(s.properties(s.nodes[0x21][1])[0x3001] + 2, "<H", ODD)


@case(store=["pst.store-damaged"])
def store_gone(s):
    s.put(s.nodes[0x21][-1], "<I", 0x20)


@case(store=["pst.property-type"])
def folder_with_odd_type(s):
    s.put(s.properties(s.nodes[s.message()[3]][1])[0x3602] + 2, "<H", ODD)


@case(items=["pst.recovered"])
def root_gone(s):
    s.put(s.nodes[0x122][-1], "<I", 0x120)


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


def made(top, name, encryption, **more):
    person = {"name": "Ada Keeper", "address": "ada@harbour.example"}
    message = {
        "from": person, "sent": "2024-03-04T09:15:20Z", "received": "2024-03-04T09:15:25Z", "body": "x",
        "recipients": [{"type": "to", "name": "Ben", "address": "ben@lighthouse.example"},
                       {"type": "cc", "name": "Cy", "address": "cy@lighthouse.example"}],
        "attachments": [{"name": "a.bin", "data": {"hex": "00ff"}}, {"name": "b.txt", "data": "hello"}],
        "named": [{"set": "PUBLIC_STRINGS", "name": "Keywords", "type": "0x101F", "value": ["Blue"]}],
    }
    folder = {"name": "Inbox", "role": "inbox", "class": "IPF.Note",
              "messages": [dict(message, subject="first", **more), dict(message, subject="second")]}
    rule, path = os.path.join(top, "rule.json"), os.path.join(top, name)
    judge.write(rule, json.dumps({"store": {"encryption": encryption, "folders": [folder]}}).encode())
    subprocess.run([MAKE, rule, path], stdin=subprocess.DEVNULL, check=True, timeout=60)
    return path


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
    "as made": ([], AT_HOME, set(), 0),
    "folder in itself": ([(B, "parent", B)], {"A": 3, "Store root/B": 3, "Store root/B/C": 3}, {"pst.parent-mended"}, 0),
    "folders in a circle": ([(A, "parent", C)], {"Store root/A": 3, "Store root/A/B": 3, "Store root/A/B/C": 3}, {"pst.parent-mended"}, 0),
    "two circles": ([(A, "parent", B), (C, "parent", C)], {"Store root/A": 3, "Store root/A/B": 3, "Store root/C": 3},
                    {"pst.parent-mended"}, 0),
    "root in a circle": ([(ROOT, "parent", SUBTREE)], AT_HOME, {"pst.parent-mended"}, 0),
    "root in nothing": ([(ROOT, "parent", 0)], AT_HOME, {"pst.parent-mended"}, 0),
    "root met early": ([(0x21, "parent", SUBTREE)], AT_HOME, set(), 0),
    "folder in an item": ([(B, "parent", A1)], {"A": 3, "Store root/B": 3, "Store root/B/C": 3}, {"pst.parent-mended"}, 0),
    "folder in nothing": ([(B, "parent", 0x999982)], {"A": 3, ORPHANS: 6}, set(), 0),
    "item in itself": ([(A1, "parent", A1)], {"A": 2, "A/B": 3, "A/B/C": 3, ORPHANS: 1}, {"pst.parent-mended"}, 1),
    "item in an item": ([(A1, "parent", A2)], {"A": 2, "A/B": 3, "A/B/C": 3, ORPHANS: 1}, {"pst.parent-mended"}, 1),
    "items in a circle": ([(A1, "parent", A2), (A2, "parent", A1)], {"A": 1, "A/B": 3, "A/B/C": 3, ORPHANS: 2},
                          {"pst.parent-mended"}, 2),
    "item in the store": ([(A1, "parent", 0)], {"A": 2, "A/B": 3, "A/B/C": 3, ORPHANS: 1}, {"pst.parent-mended"}, 1),
    "two items of one number": ([(A2, "number", A1)], AT_HOME, {"pst.parent-mended"}, 0),
    "two folders of one number": ([(C, "number", B), (C, "parent", B)], AT_HOME, {"pst.parent-mended"}, 0),
    "a folder of a later one's number": ([(B, "number", C)], AT_HOME, {"pst.parent-mended"}, 0),
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
    for name, (changes, wanted, issues, absent) in PARENTS.items():
        store = Store(path)
        same(name != "as made" or [store.nodes[n][3] for n in (A, B, C, A1, A2, B1)] == [SUBTREE, A, B, A, A, B], "the numbers of the generator")
        for nid, what, value in changes:
            store.put(store.nodes[nid][-1] + (24 if what == "parent" else 0), "<I", value)
        changed = store.seal(os.path.join(top, "changed.pst"))
        run("convert", "--to", "eml", "--progress", "none", changed, target, exits=(1 if absent else 0,))
        rows = items_of(target)
        stored = collections.Counter(r["folder"] for r in rows if r["status"] == "stored")
        equal(dict(stored), wanted, f"{name}: folders")
        equal(sum(r["status"] == "failed" for r in rows), absent, f"{name}: listed and not there")
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
