"""Where things lie in an Outlook store of any format: pages of both B-trees, blocks, and which pages and blocks each node hangs on. After
MS-PST 2.2.2, and docs/formats/pst.md for 4k pages; nothing of it is shared with the program. Sound stores only."""
import struct
import zlib

NBT, BBT = 0x81, 0x80
AMAP = 0x4400


class Map:
    def __init__(self, octets):
        self.d = octets
        version = struct.unpack_from("<H", octets, 10)[0]
        self.ansi, self.big = version < 0x15, version >= 0x24
        self.width = 4 if self.ansi else 8
        self.page, self.foot, self.trailer = (4096, 4056, 4072) if self.big else (512, 496, 500) if self.ansi else (512, 488, 496)
        self.block_trailer, self.align = (24, 512) if self.big else (12, 64) if self.ansi else (16, 64)
        self.pages = {NBT: [], BBT: []}  # (offset, level)
        self.nodes, self.blocks = {}, {}  # nid → (data, sub, parent, offset of the entry); bid → (offset, stored, size, entry)
        root = 184 if self.ansi else 216
        for kind, skip in ((NBT, 0), (BBT, 2)):
            self.walk(kind, self.id(root + (skip + 1) * self.width))

    def id(self, at):
        return int.from_bytes(self.d[at:at + self.width], "little")

    def walk(self, kind, at):
        f, w = at + self.foot, self.width
        n = struct.unpack_from("<H", self.d, f)[0] if self.big else self.d[f]
        size, level = self.d[f + (4 if self.big else 2)], self.d[f + (5 if self.big else 3)]
        self.pages[kind].append((at, level))
        for e in range(at, at + n * size, size):
            if level:
                self.walk(kind, self.id(e + 2 * w))
            elif kind == NBT:
                nid, parent = self.id(e) & 0xffffffff, struct.unpack_from("<I", self.d, e + 3 * w)[0]
                self.nodes[nid] = (self.id(e + w), self.id(e + 2 * w), parent, (e, size))
            else:
                stored, size2 = struct.unpack_from("<HH", self.d, e + 2 * w)
                self.blocks[self.id(e) & ~1] = (self.id(e + w), stored, size2 if self.big else stored, (e, size))

    def room(self, bid):
        """The octets that a block takes: data, and trailer."""
        at, stored, _, _ = self.blocks[bid & ~1]
        end = at + -(-(stored + self.block_trailer) // self.align) * self.align
        return [(at, at + stored), (end - self.block_trailer, end)]

    def octets(self, bid):
        at, stored, size, _ = self.blocks[bid & ~1]
        p = self.d[at:at + stored]
        return zlib.decompress(p) if size != stored else p

    def data(self, bid):
        """All blocks of a data tree."""
        if not bid or bid & ~1 not in self.blocks:
            return
        yield bid & ~1
        if bid & 2:
            p = self.octets(bid)
            for i in range(struct.unpack_from("<H", p, 2)[0]):
                yield from self.data(int.from_bytes(p[8 + i * self.width:8 + (i + 1) * self.width], "little"))

    def below(self, data, sub):
        """All blocks that a node hangs on."""
        yield from self.data(data)
        if not sub or sub & ~1 not in self.blocks:
            return
        yield sub & ~1
        p, w = self.octets(sub), self.width
        head, level = (4 if self.ansi else 8), p[1]
        for i in range(struct.unpack_from("<H", p, 2)[0]):
            e = head + i * (2 if level else 3) * w
            ids = [int.from_bytes(p[e + k * w:e + (k + 1) * w], "little") for k in range(2 if level else 3)]
            yield from self.below(0, ids[1]) if level else self.below(ids[1], ids[2])

    def of_node(self, nid):
        data, sub, _, _ = self.nodes[nid]
        return set(self.below(data, sub))
