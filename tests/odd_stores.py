"""Stores in which one thing is odd, for the judges of Outlook stores: a property of an unknown type, a cell that leads nowhere, a map
of names without GUIDs. libpff gives up the whole object then.

Each is made by tests/pst_make, changed at one place by the layouts of MS-PST 2.2 and 2.3 (read here anew, in Python), and given right
checksums again, so that nothing but the change itself can be noticed."""
import json
import os
import struct
import subprocess
import zlib

import judge
from judge import same

MAKE = os.environ.get("MAKE_PST") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/make_pst")
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
