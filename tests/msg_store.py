"""Outlook .msg files (MS-CFB, MS-OXMSG) as descriptions of messages for tests/pst_make/make_pst: real items, in a store of ours.

Message.load(path) reads one; message.description() is what testdata/pst/README.md describes, with every property as it is
stored. It shares no code with mailhaul: the judge asks it what a message says."""
import datetime
import struct
import uuid

FREE_MAX = 0xFFFFFFFA         # sector numbers from here on mean something else (MS-CFB 2.1)
FILE_MAX = 32 << 20           # octets of a .msg
ENTRIES_MAX = 65536           # of the directory
DEPTH_MAX = 16                # messages in messages
PROPS_MAX = 250               # of one object: what make_pst takes, less what it adds
FIXED = {0x02: 2, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0b: 1, 0x14: 8, 0x40: 8}  # octets by type
UNICODE, STRING8, BINARY, OBJECT, GUID, MULTI = 0x1f, 0x1e, 0x102, 0x0d, 0x48, 0x1000
SETS = {"APPOINTMENT": "00062002-0000-0000-C000-000000000046", "TASK": "00062003-0000-0000-C000-000000000046",
        "ADDRESS": "00062004-0000-0000-C000-000000000046", "COMMON": "00062008-0000-0000-C000-000000000046",
        "PUBLIC_STRINGS": "00020329-0000-0000-C000-000000000046", "MEETING": "6ED8DA90-450B-101B-98DA-00AA003F1305"}
MANAGED = {0x0e08, 0x0e12, 0x0e13, 0x0e1b, 0x0e20, 0x0e21, 0x3701}  # what a store writes itself


class Malformed(Exception):
    pass


class Compound:
    """A compound file: a tree of dicts, leaves are octets (MS-CFB)."""

    def __init__(self, octets):
        if octets[:8] != b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" or not 512 <= len(octets) <= FILE_MAX:
            raise Malformed("no compound file")
        self.octets = octets
        self.size, self.small = 1 << struct.unpack_from("<H", octets, 30)[0], 1 << struct.unpack_from("<H", octets, 32)[0]
        if self.size not in (512, 4096) or self.small != 64:
            raise Malformed("sector sizes")
        directory, self.cutoff, small_fat = struct.unpack_from("<I4xII", octets, 48)
        self.fat = self.read_fat()
        self.small_fat = self.numbers(self.chain(small_fat)) if small_fat < FREE_MAX else []
        entries = self.chain(directory)
        self.entries = [entries[i:i + 128] for i in range(0, min(len(entries), 128 * ENTRIES_MAX), 128)]
        start, size = struct.unpack_from("<IQ", self.entries[0], 116)
        self.mini = self.chain(start)[:size] if start < FREE_MAX else b""
        self.root = self.storage(0, 0)

    def sector(self, n):
        return self.octets[(n + 1) * self.size:(n + 2) * self.size].ljust(self.size, b"\0")

    def numbers(self, octets):
        return struct.unpack(f"<{len(octets) // 4}I", octets[:len(octets) // 4 * 4])

    def read_fat(self):
        listed, (more, count) = list(self.numbers(self.octets[76:512])), struct.unpack_from("<II", self.octets, 68)
        while more < FREE_MAX and count:
            *part, more = self.numbers(self.sector(more))
            listed, count = listed + part, count - 1
        return self.numbers(b"".join(self.sector(n) for n in listed if n < FREE_MAX))

    def chain(self, n, fat=None, sector=None):
        fat, out, seen = self.fat if fat is None else fat, [], set()
        while n < FREE_MAX:
            if n in seen or n >= len(fat):
                raise Malformed("a chain of sectors")
            seen.add(n)
            out.append((sector or self.sector)(n))
            n = fat[n]
        return b"".join(out)

    def stream(self, entry):
        start, size = struct.unpack_from("<II", entry, 116)
        if size >= self.cutoff:
            return self.chain(start)[:size]
        small = self.chain(start, self.small_fat, lambda n: self.mini[n * 64:n * 64 + 64]) if size else b""
        return small[:size]

    def storage(self, index, depth):
        if depth > 4 * DEPTH_MAX:
            raise Malformed("storages in storages")
        tree, ahead, seen = {}, [struct.unpack_from("<I", self.entries[index], 76)[0]], set()
        while ahead:
            i = ahead.pop()
            if i >= len(self.entries) or i in seen:
                continue
            seen.add(i)
            entry = self.entries[i]
            name = entry[:max(0, struct.unpack_from("<H", entry, 64)[0] - 2)].decode("utf-16-le", "replace")
            tree[name] = self.storage(i, depth + 1) if entry[66] == 1 else self.stream(entry)
            ahead += struct.unpack_from("<II", entry, 68)
        return tree


def names_of(storage):
    """Property id → (set, number or name) (MS-OXMSG 2.2.3)."""
    guids, entries, strings = (storage.get(f"__substg1.0_{n:04X}0102", b"") for n in (2, 3, 4))
    found = {}
    for at in range(0, len(entries) // 8 * 8, 8):
        number, kind, index = struct.unpack_from("<IHH", entries, at)
        which = kind >> 1
        own = guids[(which - 3) * 16:(which - 2) * 16] if which >= 3 else b""
        guid = str(uuid.UUID(bytes_le=own)).upper() if len(own) == 16 else \
            ("00020328-0000-0000-C000-000000000046", SETS["PUBLIC_STRINGS"])[which == 2]
        if kind & 1:
            size = struct.unpack_from("<I", strings, number)[0]
            number = strings[number + 4:number + 4 + size].decode("utf-16-le")
        found[0x8000 + index] = (guid, number)
    return found


class Properties:
    """Tag → octets as stored, or a list of such (multi-values); by name for the named ones."""

    def __init__(self, storage, head, names):
        self.storage, self.names, self.values = storage, names, {}
        table = storage.get("__properties_version1.0", b"")
        for at in range(head, len(table) - 15, 16):
            tag, _, inline = struct.unpack_from("<II8s", table, at)
            value = self.value(tag, inline)
            if value is not None:
                self.values.setdefault(tag, value)

    def value(self, tag, inline):
        kind = tag & 0xffff
        if kind in FIXED:
            return inline[:FIXED[kind]]
        stream = self.storage.get(f"__substg1.0_{tag:08X}")
        if not isinstance(stream, bytes) or kind == OBJECT:
            return None
        if not kind & MULTI:
            return stream
        kind &= ~MULTI
        if kind in (UNICODE, STRING8, BINARY):
            count = len(stream) // (8 if kind == BINARY else 4)
            return [self.storage.get(f"__substg1.0_{tag:08X}-{i:08X}", b"") for i in range(min(count, 2048))]
        size = FIXED.get(kind, 16)
        return [stream[i:i + size] for i in range(0, len(stream) // size * size, size)]

    def find(self, name):
        """name: a property id, or (set, number or name)."""
        for tag, value in self.values.items():
            own = self.names.get(tag >> 16) if tag >> 31 else None
            if tag >> 16 == name or (own and isinstance(name, tuple) and own == (SETS.get(name[0], name[0]), name[1])):
                return tag, value
        return None, None

    def octets(self, name):
        return self.find(name)[1]

    def integer(self, name, otherwise=None):
        value = self.octets(name)
        return otherwise if value is None else int.from_bytes(value, "little", signed=True)

    def time(self, name):
        """UTC, or None."""
        value = self.octets(name)
        ticks = int.from_bytes(value, "little") if value else 0
        # 31 December 4500 and later stand for "none" (MS-OXPROPS, PidLidTaskDueDate)
        return datetime.datetime(1601, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(microseconds=ticks // 10) \
            if 0 < ticks < 0x0CB34557A3DD4000 else None

    def text(self, name, codepage="cp1252"):
        tag, value = self.find(name)
        if value is None:
            return None
        one = [v.decode("utf-16-le" if tag & 0xfff == UNICODE else codepage, "replace").split("\0")[0]
               for v in (value if isinstance(value, list) else [value])]
        return one if isinstance(value, list) else one[0]

    def described(self):
        """What make_pst wants as "props" and "named"."""
        props, named = {}, []
        for tag, value in list(self.values.items())[:PROPS_MAX]:
            kind = tag & 0xffff
            if kind & ~MULTI in (UNICODE, STRING8):
                end = b"\0\0" if kind & ~MULTI == UNICODE else b"\0"
                value = [v.removesuffix(end) for v in value] if kind & MULTI else value.removesuffix(end)
            stored = [{"hex": v.hex()} for v in value] if isinstance(value, list) else {"hex": value.hex()}
            if tag >> 31:
                guid, name = self.names.get(tag >> 16, (None, None))
                if guid:
                    named.append({"set": guid, "name" if isinstance(name, str) else "lid": name, "type": f"0x{kind:04X}",
                                  "value": stored})
            elif tag >> 16 not in MANAGED:
                props[f"0x{tag:08X}"] = stored
        return {"props": props, "named": named}


class Attachment:
    def __init__(self, storage, names, depth):
        self.props = Properties(storage, 8, names)
        self.method = self.props.integer(0x3705, 1)
        inner = storage.get("__substg1.0_3701000D")
        self.data = storage.get("__substg1.0_37010102")
        self.embedded = self.storage = None
        if isinstance(inner, dict) and self.method == 5:
            self.embedded = Message(inner, names, depth + 1)
        elif isinstance(inner, dict):
            self.storage = inner  # an OLE object: a compound file of its own

    def description(self):
        said = self.props.described()
        if self.embedded:
            said["embedded"] = self.embedded.description()
        elif self.data is not None:
            said["data"] = {"hex": self.data.hex()}
        return said


class Message:
    """root: the storage of a message; depth 0 is the file itself (MS-OXMSG 2.4: the head is longer there)."""

    def __init__(self, root, names=None, depth=0):
        if depth > DEPTH_MAX:
            raise Malformed("messages in messages")
        names = names_of(root.get("__nameid_version1.0", {})) if names is None else names
        self.props = Properties(root, 24 if depth else 32, names)
        parts = sorted((k, v) for k, v in root.items() if isinstance(v, dict))
        self.recipients = [Properties(v, 8, names) for k, v in parts if k.startswith("__recip_version1.0_#")]
        self.attachments = [Attachment(v, names, depth) for k, v in parts if k.startswith("__attach_version1.0_#")]

    @classmethod
    def load(cls, path):
        with open(path, "rb") as f:
            return cls(Compound(f.read(FILE_MAX + 1)).root)

    @property
    def codepage(self):
        """Of 8-bit strings: PidTagMessageCodepage, as Python names it."""
        return f"cp{self.props.integer(0x3ffd, 1252)}"

    @property
    def message_class(self):
        return self.text(0x001a) or "IPM.Note"

    def text(self, name):
        return self.props.text(name, self.codepage)

    @staticmethod
    def recipient(props):
        said = props.described()["props"]
        said = {k: v for k, v in said.items() if k not in ("0x0C150003", "0x0FFE0003", "0x39000003")}  # make_pst writes them
        return {"props": said, "type": ("originator", "to", "cc", "bcc")[props.integer(0x0c15, 1) & 3]}

    def description(self):
        said = self.props.described()
        said["props"] = {k: v for k, v in said["props"].items() if not k.startswith("0x001A")}
        return said | {"class": self.message_class, "recipients": [self.recipient(r) for r in self.recipients],
                       "attachments": [a.description() for a in self.attachments]}
