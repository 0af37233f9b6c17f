"""A Unicode PST, checked octet by octet against MS-PST: pages, blocks, maps, B-trees, data trees. Readers pass over wrong checksums
and maps that disagree with what they map; this does not. Nothing of it is shared with the writer."""
import collections
import struct
import zlib

AMAP_AT, REGION = 0x4400, 0x3e000
PAGE_FMAP, PAGE_PMAP, PAGE_AMAP, PAGE_FPMAP, PAGE_DENSITY = range(0x82, 0x87)
HEAP_MAX = 3580
LEVELS = (3584, 2560, 2048, 1792, 1536, 1280, 1024, 768, 512, 256, 128, 64, 32, 16, 8, 0)  # 2.3.1.2
FIXED = {0x02: 2, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0a: 4, 0x0b: 1, 0x14: 8, 0x40: 8}
LISTS = {0x06, 0x1f}  # types of nodes whose data are no heap: search queues, values and rows


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
            if self.d[513] == 0:
                self.heaps()
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
        if PAGE_FMAP <= kind <= PAGE_FPMAP:
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

    def maps(self):  # 2.2.2.7.2 to 2.2.2.7.5
        mapped = set()
        for at in range(AMAP_AT, len(self.d), REGION):
            n = (at - AMAP_AT) // REGION
            bits = self.page(at, PAGE_AMAP)[:496]
            others = ((n % 8 == 0, PAGE_PMAP), (n >= 128 and (n - 128) % 496 == 0, PAGE_FMAP),
                      (n >= 8192 and (n - 8192) % 31744 == 0, PAGE_FPMAP))
            self.taken.append((at, 512))
            for i, (there, kind) in enumerate(others):
                if there:
                    self.page(at + 512 * (i + 1), kind)
                    self.taken.append((at + 512 * (i + 1), 512))
            mapped.update(at + 64 * (8 * i + j) for i, b in enumerate(bits) for j in range(8) if b & 0x80 >> j)
        slots = [at + i for at, size in self.taken for i in range(0, size, 64)]
        self.want(len(slots) == len(set(slots)), "pages or blocks lie over one another")
        self.want(mapped == set(slots), "the maps are not what is there")
        regions = (len(self.d) - AMAP_AT) // REGION
        self.want(self.free == regions * REGION - 64 * len(mapped), "free octets in the header")

    # ── lists, tables and properties: only where blocks are not encoded ──

    def leaves(self, bid):
        """Data blocks of a tree, in order."""
        if not bid:
            return []
        at, size = self.blocks[bid]
        if not bid & 2:
            return [self.d[at:at + size]]
        n = struct.unpack_from("<H", self.d, at + 2)[0]
        return [x for b in struct.unpack_from(f"<{n}Q", self.d, at + 8) for x in self.leaves(b)]

    def entries(self, bid):
        """nid → (data, sub) of a subnode tree."""
        if not bid:
            return {}
        at = self.blocks[bid][0]
        level, n = struct.unpack_from("<BH", self.d, at + 1)
        if level:
            return {k: v for i in range(n) for k, v in
                    self.entries(struct.unpack_from("<Q", self.d, at + 16 + 16 * i)[0]).items()}
        rows = [struct.unpack_from("<QQQ", self.d, at + 8 + 24 * i) for i in range(n)]
        return {nid: (data, sub) for nid, data, sub in rows}

    def heaps(self):
        for nid, (data, sub, _) in self.nodes.items():
            if data and nid not in (0x201, 0x261, 0xe01, 0xee1, 0xf01):
                self.heap_tree(f"{nid:#x}", nid, data, sub)

    def heap_tree(self, name, nid, data, sub):
        if nid & 31 not in LISTS and data:
            Heap(self, name, data, self.entries(sub)).check()
            for child, (d, s) in self.entries(sub).items():
                self.heap_tree(f"{name} > {child:#x}", child, d, s)


class Heap:
    """A heap on a node (2.3.1) and what is built on it (2.3.2 to 2.3.4)."""

    def __init__(self, store, name, bid, subs):
        self.store, self.name, self.subs = store, name, subs
        self.pages = store.leaves(bid)
        self.used = set()

    def want(self, good, what):
        self.store.want(good, f"node {self.name}: {what}")

    def check(self):
        first = self.pages[0]
        self.want(first[2] == 0xec, "no heap")
        client, root = first[3], struct.unpack_from("<I", first, 4)[0]
        self.want(all(len(p) == 8176 for p in self.pages[:-1]), "a short page")
        for i in range(len(self.pages)):
            self.page(i)
        if client == 0xbc:
            self.props(root)
        elif client == 0x7c:
            self.table(root)
        else:
            self.want(client == 0x9c, f"client {client:#x}")
            return
        values = {n for n in self.subs if n & 31 == 0x1f}
        self.want(values <= self.used, f"values that nothing names: {values - self.used}")

    def map_of(self, i):
        p = self.pages[i]
        at = struct.unpack_from("<H", p)[0]
        n = struct.unpack_from("<H", p, at)[0]
        return at, struct.unpack_from(f"<{n + 1}H", p, at + 4)

    def page(self, i):
        at, starts = self.map_of(i)
        bitmap = i >= 8 and (i - 8) % 128 == 0
        self.want(at % 2 == 0 and at + 4 + 2 * len(starts) == len(self.pages[i]), f"map of page {i}")
        self.want(starts[0] == (12 if i == 0 else 66 if bitmap else 2), f"first allocation of page {i}")
        self.want(list(starts) == sorted(starts) and starts[-1] <= at, f"order of page {i}")
        holder, at = (0, 8) if i < 8 else (8 + (i - 8) // 128 * 128, 2)
        level = self.pages[holder][at + (i - holder) // 2] >> (4 if (i - holder) % 2 else 0) & 15
        free = 8176 - len(self.pages[i])
        self.want(free >= LEVELS[level] and (level == 0 or free < LEVELS[level - 1]), f"fill level {level} of page {i}")

    def at(self, hid):
        page, index = hid >> 16, hid >> 5 & 0x7ff
        _, starts = self.map_of(page)
        octets = self.pages[page][starts[index - 1]:starts[index]]
        self.want(index and 0 < len(octets) <= HEAP_MAX, f"size {len(octets)} of {hid:#x}")
        return octets

    def value(self, hnid):
        if not hnid:
            return b""
        if hnid & 31 == 0:
            return self.at(hnid)
        self.used.add(hnid)
        self.want(hnid in self.subs, f"no subnode {hnid:#x}")
        return b"".join(self.store.leaves(self.subs[hnid][0]))

    def records(self, header, key, entry):  # 2.3.2
        kind, k, e, levels, root = struct.unpack("<BBBBI", self.at(header))
        self.want((kind, k, e) == (0xb5, key, entry), f"B-tree {header:#x}")
        parts = [root] if root else []
        for _ in range(levels):
            parts = [struct.unpack_from("<I", o, i + key)[0] for p in parts for o in [self.at(p)]
                     for i in range(0, len(o), key + 4)]
        found = [o[i:i + key + entry] for p in parts for o in [self.at(p)] for i in range(0, len(o), key + entry)]
        keys = [int.from_bytes(r[:key], "little") for r in found]
        self.want(keys == sorted(set(keys)), f"order of B-tree {header:#x}")
        return found

    def props(self, root):
        for record in self.records(root, 2, 6):
            _, kind, value = struct.unpack("<HHI", record)
            if FIXED.get(kind, 8) > 4:
                size = len(self.value(value))
                self.want(kind not in FIXED or size == FIXED[kind], f"size of {record[:4].hex()}")
                if kind == 0x0d and size == 8:
                    nid = struct.unpack("<I", self.value(value)[:4])[0]
                    self.used.add(nid)
                    self.want(nid in self.subs, f"no subnode {nid:#x}")

    def table(self, root):  # 2.3.4
        info = self.at(root)
        kind, n, end4, end2, end1, row, index, rows = struct.unpack_from("<BB4HII", info)
        columns = [struct.unpack_from("<IHBB", info, 22 + 8 * i) for i in range(n)]
        self.want(kind == 0x7c and len(info) == 22 + 8 * n, "TCINFO")
        self.want(columns == sorted(columns), "order of columns")
        self.want(sorted(c[3] for c in columns) == list(range(n)) and row == end1 + (n + 7) // 8, "bits of columns")
        places = sorted((at, at + size) for _, at, size, _ in columns)
        self.want(all(a[1] == b[0] for a, b in zip(places, places[1:])) and places[-1][1] == end1, "columns side by side")
        self.want(all(at + size <= {4: end4, 8: end4, 2: end2, 1: end1}[size] for _, at, size, _ in columns), "groups")
        found = {struct.unpack("<I", r[4:])[0]: struct.unpack("<I", r[:4])[0] for r in self.records(index, 4, 4)}
        data = self.value(rows)
        per = 8176 // row if rows & 31 else len(data) // row
        for i, nid in found.items():
            start = i // per * 8176 + i % per * row
            self.row(data[start:start + row], nid, columns, end1)
        self.want(sorted(found) == list(range(len(found))), "rows without gaps")

    def row(self, row, nid, columns, bits):
        self.want(struct.unpack_from("<I", row)[0] == nid, f"row of {nid:#x}")
        for tag, at, size, bit in columns:
            there = row[bits + bit // 8] & 0x80 >> bit % 8
            self.want(size == FIXED.get(tag & 0xffff, 4), f"size of column {tag:#x}")
            self.want(there or not any(row[at:at + size]), f"a value in the absent cell {tag:#x} of {nid:#x}")
            if there and tag & 0xffff not in FIXED:
                self.value(struct.unpack_from("<I", row, at)[0])
