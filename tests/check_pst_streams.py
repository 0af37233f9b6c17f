"""Large attachments of Outlook stores: every octet in all encodings and at the borders of blocks and lists of blocks, memory that does
not grow with them, and damage that costs what it covers: a block that is gone is so many NULs, a flipped octet is one octet."""
import email
import email.policy
import json
import os
import struct
import subprocess
import sys
import zlib

import judge
from judge import equal, issues_of, items_of, run, same, say

MAKE = os.environ.get("MAKE_PST") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/make_pst")
BLOCK = 8176  # MS-PST 2.2.2.8.3.1
LIST = BLOCK * 1021  # what one XBLOCK names
SIZES = (BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 1 << 20, (1 << 20) + 1, LIST - 1, LIST, LIST + 1)
TARGET = {"target.flags-not-held"}
OBJECT = (1 << 20) + 7
MEMORY = 64 << 20
SEED = 7


def fill(size):
    """What make_pst makes of {"fill": size, "seed": SEED} (splitmix64)."""
    mask, out, seed = (1 << 64) - 1, [], SEED
    for _ in range((size + 7) // 8):
        seed = (seed + 0x9e3779b97f4a7c15) & mask
        z = ((seed ^ seed >> 30) * 0xbf58476d1ce4e5b9) & mask
        z = ((z ^ z >> 27) * 0x94d049bb133111eb) & mask
        out.append(z ^ z >> 31)
    return struct.pack(f"<{len(out)}Q", *out)[:size]


LARGEST = fill(2 * LIST + 1000)


def attachment(size, **more):
    return {"name": f"{size}.bin", "data": {"fill": size, "seed": SEED}, **more}


def make(top, name, attachments, encryption="none"):
    message = {"subject": name, "body": "x", "received": "2024-03-04T09:15:25Z", "attachments": attachments}
    store = {"encryption": encryption, "folders": [{"name": "Inbox", "messages": [message]}]}
    description, path = os.path.join(top, name + ".json"), os.path.join(top, name + ".pst")
    with open(description, "w", encoding="utf-8") as f:
        json.dump(store, f)
    subprocess.run([MAKE, description, path], check=True, timeout=120)
    return path


def convert(top, path, exits=(0,)):
    """Attachments of the one message, in order, and its issues."""
    target = os.path.join(top, os.path.basename(path) + ".out")
    run("convert", "--to", "eml", "--progress", "none", path, target, exits=exits)
    items = items_of(target)
    equal(len(items), 1, f"{path}: items")
    with open(os.path.join(target, items[0]["stored_as"]), "rb") as f:
        message = email.message_from_binary_file(f, policy=email.policy.default)
    parts = {p.get_filename(): p.get_content() for p in message.iter_attachments()}
    return parts, issues_of(items[0]) - TARGET


def borders(top):
    for encryption in ("none", "compressible", "high"):
        sizes = SIZES if encryption == "high" else (BLOCK + 1, LIST + 1)
        path = make(top, encryption, [attachment(s) for s in sizes] + [attachment(OBJECT, method="ole", object=True)], encryption)
        parts, issues = convert(top, path)
        for size in sizes:
            same(parts.get(f"{size}.bin") == LARGEST[:size], f"{encryption}: {size} octets")
        same(parts.get(f"{OBJECT}.bin.ole") == LARGEST[:OBJECT], f"{encryption}: an object")
        equal(issues, set(), f"{encryption}: issues")


def embedded(top):
    inner = {"subject": "inner", "body": "y", "attachments": [attachment(3 << 20)]}
    path = make(top, "embedded", [{"method": "embedded", "name": "m", "embedded": inner}])
    parts, _ = convert(top, path)
    found = [p.get_content() for m in parts.values() for p in m.iter_attachments()]
    same(found == [LARGEST[:3 << 20]], "an attachment of an embedded message")


class Octets:
    """A store without encoding: where its blocks are."""

    def __init__(self, path):
        self.path, self.d = path, bytearray(judge.read(path))
        self.blocks = {bid: (at, size) for bid, at, size in self.leaves(struct.unpack_from("<Q", self.d, 240)[0])}

    def leaves(self, page):
        n, _, size, level = self.d[page + 488:page + 492]
        for at in range(page, page + n * size, size):
            if level:
                yield from self.leaves(struct.unpack_from("<Q", self.d, at + 16)[0])
            else:
                yield struct.unpack_from("<QQH", self.d, at)

    def names(self, bid):
        at, _ = self.blocks[bid]
        return struct.unpack_from(f"<{struct.unpack_from('<H', self.d, at + 2)[0]}Q", self.d, at + 8)

    def trees(self, level):
        return [b for b, (at, _) in self.blocks.items() if b & 2 and self.d[at:at + 2] == bytes((1, level))]

    def zero(self, bid):
        at, size = self.blocks[bid]
        end = (at + size + 16 + 63) // 64 * 64
        self.d[at:end] = bytes(end - at)

    def damaged(self, name):
        path = os.path.join(os.path.dirname(self.path), name + ".pst")
        judge.write(path, bytes(self.d))
        return path


def damage(top):
    size = 2 * LIST + 1000
    path = make(top, "large", [attachment(size)])
    want = LARGEST[:size]

    def check(name, change, expected):
        s = Octets(path)
        change(s, s.names(s.trees(2)[0]))
        parts, issues = convert(top, s.damaged(name), exits=(1,))
        got = parts.get(f"{size}.bin", b"")
        equal(len(got), len(expected), f"{name}: size")
        same(got == expected, f"{name}: the octets")
        equal(issues, {"pst.block-damaged"}, f"{name}: issues")

    def nulls(at, n):
        return want[:at] + bytes(n) + want[at + n:]

    def flip(s, lists):
        s.d[s.blocks[s.names(lists[1])[5]][0] + 100] ^= 1

    def shorten(s, _):
        top, length = s.blocks[s.trees(2)[0]]
        struct.pack_into("<I", s.d, top + 4, size - 1)
        end = (top + length + 16 + 63) // 64 * 64
        struct.pack_into("<I", s.d, end - 12, zlib.crc32(s.d[top:top + length], 0xffffffff) ^ 0xffffffff)

    at = LIST + 5 * BLOCK
    check("a block is gone", lambda s, lists: s.zero(s.names(lists[1])[5]), nulls(at, BLOCK))
    check("the last block is gone", lambda s, lists: s.zero(s.names(lists[2])[-1]), nulls(2 * LIST, 1000))
    check("a list is gone", lambda s, lists: s.zero(lists[1]), nulls(LIST, LIST))
    check("less is said than there is", shorten, want[:-1])
    check("an octet is flipped", flip, want[:at + 100] + bytes([want[at + 100] ^ 1]) + want[at + 101:])


def memory(top):
    if judge.sanitized():
        return
    path = make(top, "memory", [attachment(100 << 20)])
    # The parser is a child of mailhaul: the largest of all that a process of its own waits for.
    script = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);" \
             "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    most = int(subprocess.run([sys.executable, "-c", script, judge.PROGRAM, "convert", "--to", "eml", "--progress", "none", path,
                               os.path.join(top, "memory")], capture_output=True, check=True, timeout=300).stdout)
    say(f"an attachment of 100 MiB: {most // 1024} MiB at most in one process")
    same(most < MEMORY >> 10, f"{most} KiB for an attachment of 100 MiB")


def main():
    top = judge.temporary()
    memory(top)
    borders(top)
    embedded(top)
    damage(top)


if __name__ == "__main__":
    main()
    judge.finish()
