"""Outlook stores with 4k pages, generated (tests/pst_make): blocks that are compressed, encoded, or both in either order, lists of blocks
that are compressed, a table that spans blocks. `check` finds nothing, libpff opens them, and the messages are those of the list of
the generator and, to the octet, those of the same store with pages of 512 octets."""
import json
import os
import shutil
import struct
import subprocess

import judge
import pst_bulk
from judge import equal, items_of, run, same, say

MAKE = os.environ.get("MAKE_PST") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/make_pst")
VALUES = ("--bulk", "1", "--folders", "1", "--seed", "4", "--attachment", "4200000")  # figures: 65 blocks, in a list that is compressed
ROWS = ("--bulk", "640", "--folders", "1", "--tiny")  # 519 rows of a contents table fill a block, their texts another
ENCODINGS = (("compressible",), ("high", "--pack-first"))
if os.environ.get("HAUL_LONG"):
    ENCODINGS += (("none",), ("high",), ("compressible", "--pack-first"))


def make(work, name, *options):
    path = os.path.join(work, name)
    subprocess.run([MAKE, *options, "--list", path + ".list", path], stdin=subprocess.DEVNULL, check=True, timeout=120)
    return path


def blocks(path):
    """Of the block tree: (id, octets in the file, octets inflated)."""
    with open(path, "rb") as f:
        d = f.read()
    equal((d[8:12], d[512]), (b"SO\x24\0", 0x80), f"{path}: version")

    def page(at):
        n, _, size, level = struct.unpack_from("<HHBB", d, at + 4056)
        for entry in range(at, at + n * size, size):
            if level:
                yield from page(struct.unpack_from("<Q", d, entry + 16)[0])
            else:
                bid, _, stored, inflated = struct.unpack_from("<QQHH", d, entry)
                yield bid, stored, inflated
    return list(page(struct.unpack_from("<Q", d, 240)[0]))


def digests(work, path):
    """By Message-ID, of a store that must be as its list says."""
    done = run("check", "--json", path)
    equal(json.loads(done.stdout)["stores"][0]["findings"], [], f"{path}: check")
    target = path + ".out"
    run("convert", "--quiet", "--to", "eml", path, target)
    want, messages = pst_bulk.wanted(path + ".list"), 0
    for message in pst_bulk.eml_messages(target):
        messages += 1
        equal(pst_bulk.differences(want[message["message-id"]], message), [], f"{path}: {message['message-id']}")
    equal(messages, len(want), f"{path}: messages")
    items = items_of(target)
    for item in items:
        equal(pst_bulk.item_differences(want[item["message_id"]], item), [], f"{path}: {item['message_id']}")
    return {item["message_id"]: item["sha256"] for item in items}


def opens(path):
    if not shutil.which("pffinfo"):
        return
    said = subprocess.run(["pffinfo", path], capture_output=True, check=False, timeout=60).stdout
    same(b"64-bit with 4k page" in said, f"{path}: pffinfo says {said!r}")


def main():
    work = judge.temporary(memory=True)
    narrow = digests(work, make(work, "narrow.pst", *VALUES))
    made = judge.read(os.path.join(work, "narrow.pst.list"))
    for encoding, *more in ENCODINGS:
        path = make(work, "-".join([encoding, *more]) + ".ost", *VALUES, "--4k", "--encryption", encoding, *more)
        same(judge.read(path + ".list") == made, f"{path}: what was made")
        same(digests(work, path) == narrow, f"{path}: messages differ from those of 512-octet pages")
        if not more:
            opens(path)
        lists, data = [[b for b in blocks(path) if b[1] < b[2] and bool(b[0] & 2) == wanted] for wanted in (True, False)]
        same(lists, f"{path}: no list of blocks is compressed")
        # What is encoded with a key that changes with the place cannot be compressed any more.
        full = [size for _, _, size in data if size == 65512]
        same(bool(full) != ((encoding, *more) == ("high",)), f"{path}: {len(full)} full blocks are compressed")
    path = make(work, "rows.ost", *ROWS, "--4k")
    digests(work, path)
    same(len([b for b, stored, size in blocks(path) if size == 65512]) >= 2, "a table of several blocks")
    say(f"{len(ENCODINGS) + 1} stores with 4k pages")
    judge.finish()


main()
