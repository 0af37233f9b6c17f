"""A Unicode PST, checked octet by octet against MS-PST: pages, blocks, maps, B-trees, data trees. Readers pass over wrong checksums
and maps that disagree with what they map; this does not. Nothing of it is shared with the writer."""
import collections
import struct
import zlib

AMAP_AT, REGION = 0x4400, 0x3e000
PAGE_AMAP, PAGE_PMAP, PAGE_DENSITY = 0x84, 0x83, 0x86


def crc(octets):
    return zlib.crc32(octets, 0xffffffff) ^ 0xffffffff


def signature(at, bid):
    x = at ^ bid
    return (x >> 16 ^ x) & 0xffff


class Store:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.d = f.read()
        self.bad = []
        self.blocks, self.refs, self.nodes, self.taken = {}, {}, {}, []

    def want(self, good, what):
        if not good:
            self.bad.append(what)

    def faults(self):
        """What is wrong, in words."""
        try:
            self.header()
            self.page_tree(self.bbt, self.block_entry)
            self.page_tree(self.nbt, self.node_entry)
            for bid in self.blocks:
                self.block(bid)
            self.used()
            self.maps()
        except (struct.error, IndexError, KeyError) as e:
            self.bad.append(f"not to be read: {e!r}")
        return self.bad[:10]

    def header(self):  # 2.2.2.6
        d = self.d
        self.want(d[:4] == b"!BDN" and d[8:14] == b"SM\x17\0\x13\0", "magic or version")
        self.want(struct.unpack_from("<I", d, 4)[0] == crc(d[8:479]), "partial CRC of the header")
        self.want(struct.unpack_from("<I", d, 524)[0] == crc(d[8:524]), "full CRC of the header")
        eof, last, self.free = struct.unpack_from("<QQQ", d, 184)
        self.nbt, self.bbt = struct.unpack_from("<QQ", d, 216), struct.unpack_from("<QQ", d, 232)
        self.want(eof == len(d) and (eof - AMAP_AT) % REGION == 0, f"the end is {eof}")
        self.want(last == eof - REGION, "the last AMap")
        self.want(d[248] == 2 and d[512] == 0x80, "fAMapValid or sentinel")
        self.last_index = struct.unpack_from("<32I", d, 44)
        self.next_page, self.next_block = struct.unpack_from("<Q", d, 32)[0], struct.unpack_from("<Q", d, 516)[0]
        self.page(0x4200, PAGE_DENSITY)

    def page(self, at, kind):  # 2.2.2.7.1
        p = self.d[at:at + 512]
        sig, sum_, bid = struct.unpack_from("<HIQ", p, 498)
        self.want(p[496] == p[497] == kind, f"type of the page at {at:#x}")
        self.want(sum_ == crc(p[:496]), f"CRC of the page at {at:#x}")
        if kind in (PAGE_AMAP, PAGE_PMAP):
            self.want(bid == at and sig == 0, f"id of the map at {at:#x}")
        else:
            self.want(sig == signature(at, bid) and bid <= self.next_page, f"signature of the page at {at:#x}")
        return p

    def page_tree(self, ref, leaf, level=None, kind=None):
        bid, at = ref
        kind = kind or (0x80 if leaf == self.block_entry else 0x81)
        p = self.page(at, kind)
        n, most, size, own = p[488:492]
        self.taken.append((at, 512))
        self.want(struct.unpack_from("<Q", p, 504)[0] == bid, f"id of the page at {at:#x}")
        self.want(n <= most == 488 // size, f"entries of the page at {at:#x}")
        self.want(level is None or own == level, f"level of the page at {at:#x}")
        keys = [struct.unpack_from("<Q", p, i * size)[0] for i in range(n)]
        self.want(keys == sorted(set(keys)), f"order of the page at {at:#x}")
        for i in range(n):
            if own:
                key, *child = struct.unpack_from("<QQQ", p, i * size)
                first = struct.unpack_from("<Q", self.d, child[1])[0]
                self.want(key == first, f"key {i} of the page at {at:#x}")
                self.page_tree(child, leaf, own - 1, kind)
            else:
                leaf(p[i * size:(i + 1) * size])

    def block_entry(self, e):
        bid, at, size, refs = struct.unpack_from("<QQHH", e)
        self.blocks[bid] = (at, size)
        self.refs[bid] = refs

    def node_entry(self, e):
        nid, data, sub, parent = struct.unpack_from("<QQQI", e)
        self.nodes[nid] = (data, sub, parent)
        self.want(nid >> 5 <= self.last_index[nid & 31], f"node {nid:#x} is beyond its counter")

    def block(self, bid):  # 2.2.2.8.1
        at, size = self.blocks[bid]
        room = (size + 16 + 63) // 64 * 64
        b = self.d[at:at + room]
        cb, sig, sum_, own = struct.unpack_from("<HHIQ", b, room - 16)
        self.want(at % 64 == 0 and 0 < size <= 8176, f"place of block {bid:#x}")
        self.want((cb, own, sig) == (size, bid, signature(at, bid)), f"trailer of block {bid:#x}")
        self.want(sum_ == crc(b[:size]), f"CRC of block {bid:#x}")
        self.want(bid & ~3 < self.next_block, f"block {bid:#x} is beyond its counter")
        self.taken.append((at, room))

    def data(self, bid, seen):
        """Octets below a block id."""
        seen.append(bid)
        at, size = self.blocks[bid]
        if not bid & 2:
            return size
        kind, level, n, total = struct.unpack_from("<BBHI", self.d, at)
        self.want(kind == 1 and level in (1, 2) and 8 + 8 * n == size, f"XBLOCK {bid:#x}")
        sizes = [self.data(b, seen) for b in struct.unpack_from(f"<{n}Q", self.d, at + 8)]
        self.want(sum(sizes) == total, f"total of XBLOCK {bid:#x}")
        self.want(level == 2 or all(s == 8176 for s in sizes[:-1]), f"a short block in XBLOCK {bid:#x}")
        return total

    def subnodes(self, bid, seen):  # 2.2.2.8.3.3
        seen.append(bid)
        at, size = self.blocks[bid]
        kind, level, n = struct.unpack_from("<BBH", self.d, at)
        width = 16 if level else 24
        self.want(bid & 2 and kind == 2 and 8 + width * n == size, f"SLBLOCK {bid:#x}")
        nids = [struct.unpack_from("<Q", self.d, at + 8 + width * i)[0] for i in range(n)]
        self.want(nids == sorted(set(nids)), f"order of SLBLOCK {bid:#x}")
        for i in range(n):
            if level:
                self.subnodes(struct.unpack_from("<Q", self.d, at + 16 + 16 * i)[0], seen)
            else:
                self.tree(*struct.unpack_from("<QQ", self.d, at + 16 + 24 * i), seen)

    def tree(self, data, sub, seen):
        if data:
            self.data(data, seen)
        if sub:
            self.subnodes(sub, seen)

    def used(self):
        seen = []
        for nid, (data, sub, parent) in self.nodes.items():
            self.tree(data, sub, seen)
            self.want(not parent or parent in self.nodes, f"parent {parent:#x} of node {nid:#x}")
        users = collections.Counter(seen)
        for bid, refs in self.refs.items():  # one for the entry itself
            self.want(users[bid] + 1 == refs, f"block {bid:#x} has {users[bid]} users and {refs} references")

    def maps(self):  # 2.2.2.7.2
        mapped, at = set(), AMAP_AT
        for at in range(AMAP_AT, len(self.d), REGION):
            bits = self.page(at, PAGE_AMAP)[:496]
            self.taken.append((at, 512))
            if (at - AMAP_AT) // REGION % 8 == 0:
                self.page(at + 512, PAGE_PMAP)
                self.taken.append((at + 512, 512))
            mapped.update(at + 64 * (8 * i + j) for i, b in enumerate(bits) for j in range(8) if b & 0x80 >> j)
        slots = [at + i for at, size in self.taken for i in range(0, size, 64)]
        self.want(len(slots) == len(set(slots)), "pages or blocks lie over one another")
        self.want(mapped == set(slots), "the maps are not what is there")
        regions = (len(self.d) - AMAP_AT) // REGION
        self.want(self.free == regions * REGION - 64 * len(mapped), "free octets in the header")
