"""Places in a Unicode PST that is not encoded, and faults put there with the checksums behind them made right again. After MS-PST;
nothing of it is shared with the program."""
import copy
import struct

from pst_structure import AMAP_AT, Store, crc


class Editor(Store):
    """A store whose octets can be changed. blocks: bid → (offset, size); nodes: nid → (data, sub, parent)."""

    def __init__(self, path):
        super().__init__(path)
        self.d = bytearray(self.d)
        self.header()
        self.pages = {0x80: [], 0x81: []}  # (offset, level) of the pages of either tree
        self.page_tree(self.bbt, self.block_entry)
        self.page_tree(self.nbt, self.node_entry)
        self.taken.clear()

    def copy(self):
        other = copy.copy(self)
        other.d, other.blocks, other.nodes = bytearray(self.d), dict(self.blocks), dict(self.nodes)
        return other

    def page_tree(self, ref, leaf, level=None, kind=None):
        if hasattr(self, "pages"):
            self.pages[kind or (0x80 if leaf == self.block_entry else 0x81)].append((ref[1], self.d[ref[1] + 491]))
        super().page_tree(ref, leaf, level, kind)

    def put(self, at, fmt, *values):
        struct.pack_into("<" + fmt, self.d, at, *values)

    def get(self, at, fmt):
        return struct.unpack_from("<" + fmt, self.d, at)[0]

    def seal_header(self):
        self.put(4, "I", crc(self.d[8:479]))
        self.put(524, "I", crc(self.d[8:524]))

    def seal_page(self, at):
        self.put(at + 500, "I", crc(self.d[at:at + 496]))

    def trailer(self, bid):
        at, size = self.blocks[bid]
        return at + (size + 16 + 63) // 64 * 64 - 16

    def seal_block(self, bid):
        at, size = self.blocks[bid]
        self.put(self.trailer(bid) + 4, "I", crc(self.d[at:at + size]))

    def leaf_of(self, kind, key):
        """Page and offset of the entry of a block or node."""
        width = 24 if kind == 0x80 else 32
        for page, level in self.pages[kind]:
            for i in range(self.d[page + 488] if not level else 0):
                if self.get(page + i * width, "Q") == key:
                    return page, page + i * width
        raise KeyError(hex(key))

    def entry(self, kind, key, offset, fmt, value):
        """Change a field of a leaf entry. Returns the place of the entry."""
        page, at = self.leaf_of(kind, key)
        self.put(at + offset, fmt, value)
        self.seal_page(page)
        return at

    def remove_node(self, nid):
        """Take a node out of its page of the node tree."""
        page, at = self.leaf_of(0x81, nid)
        n = self.d[page + 488]
        end = page + 32 * n
        self.d[at:end] = self.d[at + 32:end] + bytes(32)
        self.d[page + 488] = n - 1
        self.seal_page(page)

    def data_at(self, nid):
        """Block id, and offset of the only block of a node's data."""
        bid = self.nodes[nid][0]
        return bid, self.blocks[bid][0]

    def allocation(self, nid, hid):
        """Block id, offset and size of an allocation of the first page of a node's heap."""
        bid, at = self.data_at(nid)
        return (bid, *self.heap_at(at, hid))

    def heap_at(self, at, hid):
        """Offset and size of an allocation of the heap whose first page is at an offset."""
        table = at + self.get(at, "H") + 4 + 2 * ((hid >> 5) - 1)
        return at + self.get(table, "H"), self.get(table + 2, "H") - self.get(table, "H")

    def subnodes_of(self, nid):
        return self.entries(self.nodes[nid][1])

    def subnode(self, nid, sub):
        return self.subnodes_of(nid)[sub]

    def subnode_entry(self, nid, sub):
        """Block id and offset of an entry of a node's list of subnodes, which is one block."""
        bid = self.nodes[nid][1]
        at = self.blocks[bid][0]
        return bid, next(p for p in range(at + 8, at + 8 + 24 * self.get(at + 2, "H"), 24) if self.get(p, "Q") == sub)

    def leaf_ids(self, bid):
        """The data blocks below an XBLOCK."""
        at = self.blocks[bid][0]
        return [self.get(at + 8 + 8 * i, "Q") for i in range(self.get(at + 2, "H"))]

    def records(self, nid):
        """Block id, offset and number of the records of a property context."""
        _, head, _ = self.allocation(nid, self.get(self.data_at(nid)[1] + 4, "I"))
        bid, at, size = self.allocation(nid, self.get(head + 4, "I"))
        return bid, at, size // 8

    def record(self, nid, prop):
        bid, at, n = self.records(nid)
        for i in range(n):
            if self.get(at + 8 * i, "H") == prop:
                return bid, at + 8 * i
        raise KeyError(hex(prop))

    def internal(self, kind, level):
        """The first list of blocks (kind 1) or subnodes (kind 2) of a level with at least two entries."""
        for bid, (at, _) in sorted(self.blocks.items()):
            if bid & 2 and self.d[at] == kind and self.d[at + 1] == level and self.get(at + 2, "H") > 1:
                return bid, at
        raise KeyError(f"list {kind} {level}")

    def amap(self, at, there):
        """Set or clear the bit of the unit at an offset, with the total in the header kept."""
        bit = (at - AMAP_AT) // 64
        octet, mask = AMAP_AT + bit // 8, 0x80 >> bit % 8
        self.d[octet] = self.d[octet] | mask if there else self.d[octet] & ~mask
        self.seal_page(AMAP_AT)
        self.put(200, "Q", self.get(200, "Q") + (-64 if there else 64))
        self.seal_header()
