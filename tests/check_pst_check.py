"""mailhaul check: a good store of ours is clean, and each of the faults below, put alone into a copy of it, is found under its id
and at its place (offset, node or block). Checksums in front of a fault are made right again, so that it is the fault that is found
and not a checksum. Then mutations at random end by themselves, and the stores of the corpus are as docs/check.md says."""
import glob
import gzip
import json
import os
import random
import re
import shutil
import subprocess

import judge
import pst_item_faults
from judge import equal, run, same, say
from pst_faults import Editor

MAKE = os.environ.get("MAKE_PST") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/make_pst")
MUTATIONS = int(os.environ.get("HAUL_MUTATIONS") or 20)
ROOT, TOP, TRASH, STORE, NAMES = 0x122, 0x8022, 0x8062, 0x21, 0x61
# of a message, what 2.4.5.1.1 asks for and make_pst does not write by itself
ASKED = {"0x30070040": "2020-01-01T00:00:00Z", "0x30080040": "2020-01-01T00:00:00Z", "0x300b0102": {"hex": "0102030405060708"}}
FAULTS = []


def description():
    """Two folders; many messages, one with values and an attachment of several blocks and a message within it."""
    person = {"type": "to", "name": "Ben", "address": "ben@lighthouse.example"}
    inner = {"subject": "inner", "body": "x", "recipients": [person], "props": ASKED}
    large = {"subject": "large", "props": ASKED, "body": {"fill": 20000, "seed": 1}, "recipients": [person],
             "named": [{"set": "PUBLIC_STRINGS", "name": "Keywords", "type": "0x101F", "value": ["a", "b"]}],
             "attachments": [{"method": "value", "name": "a.bin", "data": {"fill": 30000, "seed": 2}},
                             {"method": "embedded", "name": "inner", "embedded": inner}]}
    many = {"subject": "number {n}", "body": "x", "props": ASKED, "recipients": [person], "repeat": 60}
    return {"store": {"encryption": "none", "folders": [
        {"name": "Inbox", "role": "inbox", "messages": [large, many], "folders": [{"name": "Below"}]}]}}


def fault(finding):
    """Decorator: a function that spoils an Editor and returns {offset, node, block} that the finding has to have."""
    def keep(function):
        FAULTS.append((finding, function))
        return function
    return keep


def simple(finding, name, function):
    function.__name__ = name
    FAULTS.append((finding, function))


# ── header ──

def header(finding, name, at, fmt, value, seal=True, offset=None):
    def spoil(s):
        s.put(at, fmt, value(s.get(at, fmt)))
        if seal:
            s.seal_header()
        return {"offset": at if offset is None else offset}
    simple(finding, name, spoil)


header("header-crc", "partial CRC", 4, "I", lambda v: v ^ 1, seal=False)
header("header-crc", "full CRC", 524, "I", lambda v: v ^ 1, seal=False)
header("header-magic", "client magic", 8, "H", lambda v: 0x5858)
header("header-sentinel", "sentinel", 512, "B", lambda v: 0)
header("header-crypt", "encoding", 513, "B", lambda v: 9)
header("header-size", "end beyond the file", 184, "Q", lambda v: v + 0x3e000)
header("header-tail", "end before the file's", 184, "Q", lambda v: v - 512)
header("amap-last", "last AMap", 192, "Q", lambda v: v + 64)
header("amap-total", "free octets", 200, "Q", lambda v: v + 64)
header("amap-stale", "maps said not valid", 248, "B", lambda v: 0)
header("page-outside", "root outside", 224, "Q", lambda v: 1 << 40, offset=1 << 40)


@fault("page-id")
def root_with_another_id(s):
    s.put(216, "Q", s.get(216, "Q") - 1)
    s.seal_header()
    return {"offset": s.get(224, "Q")}


@fault("header-nodes")
def counter_of_messages(s):
    s.put(44 + 4 * 4, "I", 1)
    s.seal_header()
    return {"node": min(n for n in s.nodes if n & 31 == 4)}


@fault("header-counter")
def next_block(s):
    s.put(516, "Q", 4)
    s.seal_header()
    return {"block": sorted(b for b in s.blocks if b & ~3 > 4)[0]}


# ── pages ──

def page(finding, name, kind, spoil, seal=True, leaf=True):
    def put(s):
        at = [p for p, level in s.pages[kind] if bool(level) != leaf][0]
        spoil(s, at)
        if seal:
            s.seal_page(at)
        return {"offset": at}
    simple(finding, name, put)


for tree, title in ((0x80, "BBT"), (0x81, "NBT")):
    page("page-crc", title + " octet flipped", tree, lambda s, at: s.put(at + 480, "B", s.get(at + 480, "B") ^ 1), seal=False)
    page("page-type", title + " type", tree, lambda s, at: s.put(at + 496, "B", 0x84))
    page("page-type", title + " repeated type", tree, lambda s, at: s.put(at + 497, "B", 0x84))
    page("page-id", title + " id", tree, lambda s, at: s.put(at + 504, "Q", s.get(at + 504, "Q") + 1))
    page("page-signature", title + " signature", tree, lambda s, at: s.put(at + 498, "H", s.get(at + 498, "H") ^ 1))
    page("page-entries", title + " too many entries", tree, lambda s, at: s.put(at + 488, "B", 200))
    page("page-entries", title + " size of entries", tree, lambda s, at: s.put(at + 490, "B", 16))

    def level(s, tree=tree):
        at = [p for p, above in s.pages[tree] if above][0]
        s.put(at + 491, "B", 2)
        s.seal_page(at)
        return {"offset": s.get(at + 16, "Q")}  # the first page below
    simple("page-level", title + " level", level)


@fault("page-order")
def order_of_page(s):
    at = [p for p, level in s.pages[0x81] if not level][0]
    s.d[at:at + 64] = s.d[at + 32:at + 64] + s.d[at:at + 32]
    s.seal_page(at)
    return {"block": s.get(at + 504, "Q")}


@fault("page-twice")
def page_twice(s):
    at = [p for p, level in s.pages[0x80] if level][0]
    s.d[at + 32:at + 48] = s.d[at + 8:at + 24]
    s.seal_page(at)
    return {"offset": s.get(at + 16, "Q")}


def map_page(finding, name, at, spoil, seal=True):
    def put(s):
        spoil(s)
        if seal:
            s.seal_page(at)
        return {"offset": at}
    simple(finding, name, put)


map_page("page-crc", "AMap octet flipped", 0x4400, lambda s: s.put(0x4400 + 400, "B", 0x10), seal=False)
map_page("page-type", "AMap type", 0x4400, lambda s: s.put(0x4400 + 496, "B", 0x83))
map_page("page-id", "AMap id", 0x4400, lambda s: s.put(0x4400 + 504, "Q", 0))
map_page("page-crc", "PMap", 0x4600, lambda s: s.put(0x4600 + 10, "B", 0x77), seal=False)
map_page("density", "density list", 0x4200, lambda s: s.put(0x4200 + 10, "B", 0x77), seal=False)


@fault("density")
def entry_of_density(s):
    s.put(0x4201, "B", 1)
    s.put(0x4208, "I", 5 << 20)
    s.seal_page(0x4200)
    return {"offset": 0x4208}


@fault("amap-free")
def bit_cleared(s):
    at = s.blocks[min(s.blocks)][0]
    s.amap(at, False)
    return {"offset": at}


@fault("amap-unused")
def bit_set(s):
    at = 0x4400 + 0x3e000 - 64
    s.amap(at, True)
    return {"offset": at}


# ── blocks ──

def data_block(s):
    return sorted(b for b in s.blocks if not b & 2)[3]


def block(finding, name, spoil):
    def put(s):
        bid = data_block(s)
        spoil(s, bid)
        return {"offset": s.blocks[bid][0], "block": bid}
    simple(finding, name, put)


block("block-crc", "block octet flipped", lambda s, b: s.put(s.blocks[b][0], "B", s.get(s.blocks[b][0], "B") ^ 1))
block("block-size", "size in the trailer", lambda s, b: s.put(s.trailer(b), "H", s.blocks[b][1] + 1))
block("block-id", "id in the trailer", lambda s, b: s.put(s.trailer(b) + 8, "Q", b + 4))
block("block-signature", "signature of a block", lambda s, b: s.put(s.trailer(b) + 2, "H", s.get(s.trailer(b) + 2, "H") ^ 1))
block("block-refs", "cRef", lambda s, b: s.entry(0x80, b, 18, "H", 5))


@fault("block-place")
def off_the_grid(s):
    bid = data_block(s)
    s.entry(0x80, bid, 8, "Q", s.blocks[bid][0] + 8)
    return {"offset": s.blocks[bid][0] + 8, "block": bid}


@fault("block-place")
def beyond_the_file(s):
    bid = data_block(s)
    s.entry(0x80, bid, 8, "Q", 1 << 41)
    return {"offset": 1 << 41, "block": bid}


@fault("block-size")
def size_of_none(s):
    bid = data_block(s)
    s.entry(0x80, bid, 16, "H", 9000)
    return {"block": bid}


@fault("overlap")
def overlap(s):
    a, b = sorted(b for b in s.blocks if not b & 2)[3:5]
    s.entry(0x80, b, 8, "Q", s.blocks[a][0])
    return {"offset": s.blocks[a][0]}


@fault("block-missing")
def data_nowhere(s):
    at = s.entry(0x81, TRASH, 8, "Q", 0xfff0)
    return {"offset": at, "node": TRASH, "block": 0xfff0}


@fault("block-unused")
def unreferenced(s):
    bid = s.nodes[0x201][0]
    s.entry(0x81, 0x201, 8, "Q", 0)
    return {"block": bid}


@fault("list-total")
def total(s):
    bid, at = s.internal(1, 1)
    s.put(at + 4, "I", s.get(at + 4, "I") + 1)
    s.seal_block(bid)
    return {"offset": at, "block": bid}


@fault("list-short")
def short_block(s):
    bid, at = s.internal(1, 1)
    s.entry(0x80, s.get(at + 8, "Q"), 16, "H", 8000)
    return {"offset": at, "block": bid}


@fault("list")
def level_of_list(s):
    bid, at = s.internal(1, 1)
    s.put(at + 1, "B", 7)
    s.seal_block(bid)
    return {"offset": at, "block": bid}


@fault("list")
def list_too_long(s):
    bid, at = s.internal(2, 0)
    s.put(at + 2, "H", 3000)
    s.seal_block(bid)
    return {"offset": at, "block": bid}


@fault("list-order")
def order_of_list(s):
    bid, at = s.internal(2, 0)
    s.d[at + 8:at + 56] = s.d[at + 32:at + 56] + s.d[at + 8:at + 32]
    s.seal_block(bid)
    return {"offset": at, "block": bid}


# ── heaps, properties, tables ──

def heap(finding, name, nid, spoil, place=None):
    def put(s):
        bid, at = s.data_at(nid)
        spoil(s, at)
        s.seal_block(bid)
        return place or {"node": nid}
    simple(finding, name, put)


def table_of(s, at):
    return at + s.get(at, "H")


heap("heap", "signature of a heap", TRASH, lambda s, at: s.put(at + 2, "B", 0xed))
heap("heap", "client of a heap", TRASH, lambda s, at: s.put(at + 3, "B", 0x7c))
heap("heap-map", "page map beyond the block", TRASH, lambda s, at: s.put(at, "H", 0xfff0))
heap("heap-map", "allocations out of order", TRASH, lambda s, at: s.put(table_of(s, at) + 6, "H", 0xfff))
heap("heap-id", "root of a heap", TRASH, lambda s, at: s.put(at + 4, "I", 0xfe0))


def alloc(finding, name, nid, hid, offset, fmt, value):
    def put(s):
        bid, at, _ = s.allocation(nid, hid)
        s.put(at + offset, fmt, value)
        s.seal_block(bid)
        return {"node": nid}
    simple(finding, name, put)


alloc("tree", "type of a B-tree", TRASH, 0x20, 0, "B", 0xb6)
alloc("tree", "width of a key", TRASH, 0x20, 1, "B", 4)
alloc("heap-id", "root of a B-tree", TRASH, 0x20, 4, "I", 0xfc0)
alloc("table", "type of a table", 0x60d, 0x40, 0, "B", 0x7d)
alloc("table", "ends of columns", 0x60d, 0x40, 6, "H", 3)
alloc("table-column", "size of a column", 0x60d, 0x40, 22 + 6, "B", 2)
alloc("table-column", "bit of a column", 0x60d, 0x40, 22 + 7, "B", 200)


@fault("tree-order")
def order_of_tree(s):
    bid, at, n = s.records(STORE)
    same(n > 1, "more than one property")
    s.d[at:at + 16] = s.d[at + 8:at + 16] + s.d[at:at + 8]
    s.seal_block(bid)
    return {"node": STORE}


def record(finding, name, nid, prop, offset, fmt, value):
    def put(s):
        bid, at = s.record(nid, prop)
        s.put(at + offset, fmt, value)
        s.seal_block(bid)
        return {"node": nid}
    simple(finding, name, put)


record("prop-type", "type of a property", STORE, 0x3001, 2, "H", 0x77)
record("prop-value", "value that is nowhere", STORE, 0x3001, 4, "I", 0xfe0)
record("prop-value", "value in no subnode", STORE, 0x3001, 4, "I", 0x9fff)
record("prop-size", "eight octets that are not", TRASH, 0x3001, 2, "H", 0x14)
record("folder-count", "number of items", TRASH, 0x3602, 4, "I", 77)
record("folder-unread", "number of unread items", TRASH, 0x3603, 4, "I", 77)
record("folder-subfolders", "has subfolders", TRASH, 0x360a, 4, "I", 1)


def contents_row(s, nid, offset, value):
    """Change the first entry of the row index of a table that is in one block: row id (0) or row (4)."""
    bid, at, _ = s.allocation(nid, 0x20)
    bid, at, _ = s.allocation(nid, s.get(at + 4, "I"))
    s.put(at + offset, "I", value)
    s.seal_block(bid)


@fault("table-index")
def row_beyond(s):
    contents_row(s, 0x802d, 4, 99)
    return {"node": 0x802d}


@fault("table-index")
def row_of_another(s):
    contents_row(s, 0x802d, 0, 0x8002)
    return {"node": 0x802d}


@fault("row-node")
def row_of_no_node(s):
    s.remove_node(TRASH)
    return {"node": 0x802d}


# ── messaging ──

for missing in (STORE, NAMES, 0x60e, 0x692):
    simple("node-missing", f"no node {missing:#x}", lambda s, nid=missing: s.remove_node(nid) or {"node": None})
simple("node-missing", "no contents of a folder", lambda s: s.remove_node(0x806e) or {"node": TRASH})


simple("search-table", "no table of a search folder", lambda s: s.remove_node(0x2230) or {"node": 0x2223})


def parent(finding, name, nid, value, place="offset"):
    def put(s):
        at = s.entry(0x81, nid, 24, "I", value)
        return {"offset": at, "node": nid}
    simple(finding, name, put)


parent("parent-missing", "parent to nowhere", TRASH, 0x9fe2)
parent("parent-missing", "root with a parent", ROOT, TOP)
parent("parent-cycle", "circle", TOP, TRASH)


@fault("row-parent")
def another_parent(s):
    at = s.entry(0x81, TRASH, 24, "I", ROOT)
    return {"offset": at, "node": 0x802d}


@fault("unlisted")
def not_listed(s):
    at = s.entry(0x81, TRASH, 24, "I", ROOT)
    return {"offset": at, "node": TRASH}


@fault("names")
def names(s):
    bid, at = s.record(NAMES, 3)
    _, where, size = s.allocation(NAMES, s.get(at + 4, "I")) if not s.get(at + 4, "I") & 31 else (0, 0, 0)
    same(size, "the entries of the map are in its heap")
    block_at = s.blocks[bid][0]
    hid = s.get(at + 4, "I")
    ends = block_at + s.get(block_at, "H") + 4 + 2 * (hid >> 5)
    s.put(ends, "H", s.get(ends, "H") - 2)
    s.seal_block(bid)
    return {"node": NAMES}


@fault("header-size")
def cut_off(s):
    del s.d[len(s.d) // 2:]
    return {"offset": 184}


# ── faults in lists of lists: in a store of its own, which is larger ──

def list_of_lists(s):
    bid, at = s.internal(1, 2)
    s.put(at + 4, "I", s.get(at + 4, "I") - 1)
    s.seal_block(bid)
    return {"offset": at, "block": bid}


def order_of_lists(s):
    bid, at = s.internal(2, 1)
    s.d[at + 8:at + 40] = s.d[at + 24:at + 40] + s.d[at + 8:at + 24]
    s.seal_block(bid)
    return {"offset": at, "block": bid}


def list_in_the_wrong_list(s):
    top, at = s.internal(1, 2)
    bid, low = s.internal(1, 1)
    s.put(low + 8, "Q", top)
    s.seal_block(bid)
    return {"offset": low, "block": bid}


LARGE = [("list-total", list_of_lists), ("list-order", order_of_lists), ("list", list_in_the_wrong_list)]


def large_description():
    parts = [{"method": "value", "name": "{n}.bin", "data": "x", "repeat": 400},
             {"method": "value", "name": "large.bin", "data": {"fill": 9000000, "seed": 2}}]
    people = [{"type": "to", "name": "Person {n} of the harbour watch", "address": "person{n}@lighthouse.example", "repeat": 600}]
    return {"store": {"encryption": "none", "folders": [{"name": "Inbox", "messages": [{"subject": "s", "props": ASKED, "attachments": parts, "recipients": people}]}]}}


# ── ANSI and 4k pages: stores of the corpus, an octet flipped in pages and blocks ──

# version → octets of an id, offset of the roots, of the foot and trailer of a page, of the level in the foot, trailer of a block, unit
LAYOUTS = {14: (4, 184, 496, 500, 3, 12, 64), 15: (4, 184, 496, 500, 3, 12, 64), 36: (8, 216, 4056, 4072, 5, 24, 512)}


def leaves(d, layout, at):
    """(offset of a page, its entries, level): those of the block tree below a page."""
    wide, _, foot, _, level, _, _ = layout
    n, width, own = d[at + foot], d[at + foot + (4 if wide == 8 else 2)], d[at + foot + level]
    entries = [at + i * width for i in range(n)]
    yield at, entries, own
    for e in entries if own else ():
        yield from leaves(d, layout, int.from_bytes(d[e + 2 * wide:e + 3 * wide], "little"))


def flips(path):
    """Places of an octet in a page of the block tree, and in blocks: with the finding and the offset that it has to give."""
    with open(path, "rb") as f:
        d = f.read()
    layout = LAYOUTS.get(d[10])
    if not layout:
        return
    wide, roots, foot, _, _, trailer, unit = layout
    pages = list(leaves(d, layout, int.from_bytes(d[roots + 3 * wide:roots + 4 * wide], "little")))
    yield 40, "header-crc", 4
    yield pages[0][0] + foot - 1, "page-crc", pages[0][0]
    for _, entries, level in pages[-2:]:
        for e in entries[::9] if not level else ():
            at = int.from_bytes(d[e + wide:e + 2 * wide], "little")
            size = int.from_bytes(d[e + 2 * wide:e + 2 * wide + 2], "little")
            end = at + (size + trailer + unit - 1) // unit * unit - trailer
            yield at + size - 1, "block-crc", at
            yield end, "block-size", at
            yield end + 2, "block-signature", at
            yield end + (8 if wide == 8 else 4), "block-id", at


def other_layouts(work):
    for part in ("sample2@58070a6.pst", "32-bit.pst", "pstextractortest@outlook.com.ost"):
        for path in glob.glob(os.path.join(judge.CORPUS, "pst", "*" + part)):
            for at, finding, where in list(flips(path))[:10 if path.endswith("ost") else 18]:
                with open(path, "rb") as f:
                    d = bytearray(f.read())
                d[at] ^= 0x10
                bad = os.path.join(work, "bad.pst")
                with open(bad, "wb") as f:
                    f.write(d)
                _, found = check(bad)
                same(any(f["id"] == "pst." + finding and f["offset"] == where for f in found["findings"]),
                     f"{part}: octet {at} flipped: pst.{finding} at {where}; got {found['findings'][:4]}")


# ── the judge ──

def check(path, exits=(0, 1)):
    done = run("check", "--json", path, exits=exits)
    return done.returncode, json.loads(done.stdout)["stores"][0]


def make(work, name, plan_of):
    store, plan = os.path.join(work, name + ".pst"), os.path.join(work, name + ".json")
    with open(plan, "w", encoding="utf-8") as f:
        json.dump(plan_of, f)
    subprocess.run([MAKE, plan, store], stdin=subprocess.DEVNULL, check=True, timeout=120)
    return store


def judge_fault(found, finding, name, place):
    hits = [f for f in found["findings"] if f["id"] == "pst." + finding]
    right = [f for f in hits if all(f[k] == v for k, v in place.items())]
    same(right, f"{name}: pst.{finding} at {place}; got {[(f['id'], f['offset'], f['node'], f['block']) for f in found['findings']][:6]}")


def spoil_all(good, work, faults):
    """Each fault in a copy of its own; one run checks them all."""
    whole = Editor(good)
    paths, places = [], []
    for i, (_, spoil) in enumerate(faults):
        s = whole.copy()
        places.append(spoil(s))
        paths.append(os.path.join(work, f"bad{i}.pst"))
        with open(paths[-1], "wb") as f:
            f.write(s.d)
    done = run("check", "--json", *paths, exits=(1,), timeout=300)
    stores = json.loads(done.stdout)["stores"]
    for (finding, spoil), place, found, path in zip(faults, places, stores, paths):
        judge_fault(found, finding, getattr(spoil, "__name__", "?"), place)
        os.remove(path)


def statuses(good, work):
    """0 with nothing but notes, 1 with damage."""
    for spoil, finding, status in ((bit_set, "amap-unused", 0), (cut_off, "header-size", 1)):
        s = Editor(good)
        spoil(s)
        path = os.path.join(work, "bad.pst")
        with open(path, "wb") as f:
            f.write(s.d)
        got, found = check(path)
        equal((got, "pst." + finding in found["counts"]), (status, True), f"exit status with {finding}")


def findings_of(s, work):
    path = os.path.join(work, "bad.pst")
    with open(path, "wb") as f:
        f.write(s.d)
    return check(path)[1]["findings"]


def out_of_order(good, work):
    """Every leaf of a tree backwards: that is found, and nothing else, as each entry is still the one of its id."""
    for kind, size in ((0x80, 24), (0x81, 32)):
        s = Editor(good)
        leaves_of = [(at, s.get(at + 488, "B")) for at, level in s.pages[kind] if not level]
        for at, n in leaves_of:
            s.d[at:at + n * size] = b"".join(s.d[at + i * size:at + (i + 1) * size] for i in range(n)[::-1])
            s.seal_page(at)
        equal([(f["id"], f["offset"]) for f in findings_of(s, work)],
              [("pst.page-order", at + size) for at, n in sorted(leaves_of, key=lambda x: s.get(x[0], "Q")) if n > 1],
              f"leaves of 0x{kind:x} backwards")


def one_place(good, work):
    """All blocks said to be at one place: each but the first lies over it, in the order of ids."""
    s = Editor(good)
    every = sorted(s.blocks)
    place = s.blocks[every[0]][0]
    for b in every:
        s.entry(0x80, b, 8, "Q", place)
    over = [f["block"] for f in findings_of(s, work) if f["id"] == "pst.overlap" and f["offset"] == place]
    same(len(every) > 64, "few blocks")
    equal(over, every[1:], "blocks at one place")


def dead_process(good, work):
    """The process that checks dies: what it had found is there, the store has an error, the exit status is 3, and the next is checked."""
    s = Editor(good)
    for at in (4, 524):
        s.put(at, "I", 0)
    bad = os.path.join(work, "bad.pst")
    with open(bad, "wb") as f:
        f.write(s.d)
    text = "its check did not come to its end: the process "
    for fault_at, n, why in (("kill@0", 0, "was ended by signal 9"), ("kill@1", 1, "was ended by signal 9"),
                             ("oom@1", 1, "takes more than 4294967296 octets of memory")):
        done = run("check", "--json", bad, good, exits=(3,), env={**judge.environment(), "MAILHAUL_CHECK_FAULT": fault_at})
        first, second = json.loads(done.stdout)["stores"]
        if first["error"] is None:
            return say("no faults on demand in this build")
        equal((len(first["findings"]), first["error"]), (n, f"{bad}: {text}{why}"), fault_at)
        equal(second["error"], None if fault_at == "kill@1" or fault_at == "oom@1" else f"{good}: {text}{why}", f"{fault_at}: the next store")


def found_in(work, *paths):
    done = run("check", "--json", *paths, exits=(0, 1, 3))
    return done.returncode, [(os.path.relpath(s["path"], work), len(s["findings"]), s["error"] is None) for s in json.loads(done.stdout)["stores"]]


def places(good, work):
    """Stores in directories and containers, in order; other files are passed over."""
    top = os.path.join(work, "tree")
    os.makedirs(os.path.join(top, "b/c"))
    os.makedirs(os.path.join(work, "none"))
    s = Editor(good)
    s.put(4, "I", 0)
    for path, octets in (("b/c/bad.pst", s.d), ("a.pst", whole(good)), ("notes.txt", b"no store\n"), ("a.txt", b"!BD")):
        with open(os.path.join(top, path), "wb") as f:
            f.write(octets)
    stores = [("a.pst", 0, True), ("b/c/bad.pst", 1, True)]
    equal(found_in(work, top), (1, [("tree/" + p, n, fine) for p, n, fine in stores]), "a directory")
    shutil.make_archive(os.path.join(work, "all"), "zip", top)
    with open(os.path.join(work, "a.gz"), "wb") as f:
        f.write(gzip.compress(whole(good), 1))
    status, got = found_in(work, os.path.join(work, "all.zip"), os.path.join(work, "a.gz"))
    equal((status, sorted(got)), (1, [("a.gz", 0, True)] + [("all.zip/" + p, n, fine) for p, n, fine in stores]), "containers")
    with open(os.path.join(top, "b/old.ost"), "wb") as f:
        f.write(bytes(600))
    equal(found_in(work, os.path.join(top, "b")), (3, [("tree/b/c/bad.pst", 1, True), ("tree/b/old.ost", 0, False)]), "named as a store")
    equal(found_in(work, os.path.join(work, "none"), good), (3, [("none", 0, False), (os.path.basename(good), 0, True)]), "a directory without a store")
    with open(os.path.join(work, "cut.zip"), "wb") as f:
        f.write(whole(os.path.join(work, "all.zip"))[:-400])
    status, got = found_in(work, os.path.join(work, "cut.zip"))
    equal((status, [g for g in got if not g[2]] != []), (3, True), f"a container that is cut off: {got}")


def whole(path):
    with open(path, "rb") as f:
        return f.read()


def mutate(good, work):
    """Octets changed anywhere, or in blocks whose checksums are made right again: the check ends by itself."""
    chance = random.Random(7)
    path = os.path.join(work, "mutant.pst")
    for i in range(MUTATIONS):
        s = Editor(good)
        d = s.d
        for bid in chance.sample(sorted(s.blocks), 20) if i % 2 else ():
            at, size = s.blocks[bid]
            for _ in range(chance.choice((1, 2, 8))):
                d[at + chance.randrange(min(size, 64) if chance.randrange(2) else size)] = chance.choice((0, 1, 0x20, 0xff, chance.randrange(256)))
            s.seal_block(bid)
        if i % 2:
            with open(path, "wb") as f:
                f.write(d)
            run("check", "--json", path, exits=(0, 1), timeout=60)
            continue
        for _ in range(chance.choice((1, 4, 64, 1000))):
            d[chance.randrange(16, len(d))] = chance.choice((0, 1, 0xff, chance.randrange(256)))
        if i % 5 == 4:
            del d[chance.randrange(600, len(d)):]
        with open(path, "wb") as f:
            f.write(d)
        run("check", "--json", path, exits=(0, 1, 3), timeout=60)


def corpus(page):
    """Which stores have damage, and what: as the table of the page says."""
    known = dict(re.findall(r"^\| `([^`]+)` \| ([a-z.,\- ]+) \|", page, re.M))
    for path in sorted(glob.glob(os.path.join(judge.CORPUS, "pst", "*.[po]st"))):
        status, found = check(path, exits=(0, 1, 3))
        damage = sorted({f["id"] for f in found["findings"] if f["severity"] == "damage"})
        if status == 3:
            continue
        said = [v for k, v in known.items() if k in os.path.basename(path)]
        same(len(said) == bool(damage), f"{path}: {damage}, the page says {said}")
        if damage and said:
            equal(", ".join(damage), said[0].strip(), path)


def main():
    if not os.access(MAKE, os.X_OK):
        judge.skip("make_pst is not built")
    work = judge.temporary(memory=True)
    good = make(work, "good", description())
    large = make(work, "large", large_description())
    every = ((good, FAULTS + pst_item_faults.FAULTS), (large, LARGE + pst_item_faults.LARGE))
    for store, faults in every:
        status, found = check(store)
        equal((status, found["findings"]), (0, []), f"the good store {store}")
        spoil_all(store, work, faults)
    statuses(good, work)
    out_of_order(good, work)
    one_place(good, work)
    dead_process(good, work)
    places(good, work)
    mutate(good, work)
    with open(os.path.join(judge.TESTDATA, "../docs/check.md"), encoding="utf-8") as f:
        page_text = f.read()
    if judge.CORPUS:
        corpus(page_text)
        other_layouts(work)
    say(f"{sum(len(faults) for _, faults in every)} faults, {MUTATIONS} mutations")
    judge.finish()


if __name__ == "__main__":
    main()
