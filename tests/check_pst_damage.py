"""Damaged Outlook stores: cut off, octets flipped, blocks zeroed. Whatever happens to a store, the program ends by itself with an
exit status of its table, its totals add up, and every item that pffexport still gets, by subject, is stored.

Five stores, a few mutations each; HAUL_LONG=1 makes 200 each, HAUL_MUTATIONS=N that many."""
import email
import email.policy
import os
import random
import shutil
import subprocess

import judge
import outlook
from judge import run, same, say

NAMES = ("variousBodyTypes", "dist-list.pst", "32-bit.pst", "submessage", "sample@c574296.ost", "support.pst", "enron.pst")
WANTED = 5
BLOCK = 512


def mutate(octets, rng):
    """A damaged copy, and how it was damaged."""
    data = bytearray(octets)
    kind = rng.choice(("cut", "flip", "flips", "zero", "zeros"))
    if kind == "cut":
        at = rng.randrange(len(data))
        return bytes(data[:at]), f"cut at {at}"
    if kind.startswith("flip"):
        at = [rng.randrange(len(data)) for _ in range(1 if kind == "flip" else 64)]
        for i in at:
            data[i] ^= 1 << rng.randrange(8)
        return bytes(data), f"bits flipped at {at[:4]}"
    at = [rng.randrange(len(data) // BLOCK) * BLOCK for _ in range(1 if kind == "zero" else 8)]
    for i in at:
        data[i:i + BLOCK] = bytes(BLOCK)
    return bytes(data), f"{BLOCK} octets zeroed at {at}"


def subjects(target):
    """Of what is stored, and how many of them are said to be damaged: their subjects may be, too."""
    found, damaged = [], 0
    for item in judge.items_of(target):
        if item["status"] == "stored":
            damaged += any(i["id"] == "pst.block-damaged" for i in item["issues"])
            with open(os.path.join(target, item["stored_as"]), "rb") as f:
                head = email.message_from_binary_file(f, policy=email.policy.default)
            found.append(outlook.subject(str(head.get("Subject", ""))))
    return found, damaged


def check(store, number, work):
    rng = random.Random(f"{os.path.basename(store)} {number}")
    octets, how = mutate(judge.read(store), rng)
    what = f"{os.path.basename(store)} mutation {number} ({how})"
    path, target = os.path.join(work, "store.pst"), os.path.join(work, "eml")
    judge.write(path, octets)
    export = outlook.Export(path, os.path.join(work, "pff"))
    try:
        done = run("convert", "--to", "eml", "--progress", "none", "--item-timeout", "60", path, target, exits=(0, 1, 3), timeout=200)
    except subprocess.TimeoutExpired:
        same(False, f"{what}: did not end")
        return
    same(done.returncode or not how.startswith("cut"), f"{what}: the end is missing, and nothing is said: {done.text[-300:]}")
    if not os.path.exists(judge.state_of(target)):
        same(not export.items, f"{what}: nothing written, but pffexport gets {export.items} items: {done.text[-300:]}")
        return
    same(judge.adds_up(judge.report_of(target)), f"{what}: the totals do not add up")
    ours, damaged = subjects(target)
    missing = 0
    for text, n in export.subjects.items():
        missing += max(0, n - ours.count(text))
    # The octets of a subject itself may be hit; pffexport shows the property, we the header that was stored beside it. Then the
    # item is there, and its damage is named.
    if missing and len(ours) >= export.items:
        missing = 0 if judge.report_of(target)["totals"]["issues"].get("pst.block-damaged") else missing
    same(missing <= damaged, f"{what}: {missing} of {export.items} items that pffexport gets are not stored; exit {done.returncode}")


def main():
    outlook.need_readers()
    stores = outlook.stores()
    chosen = [s for n in NAMES for s in stores if s.endswith(n) or n in os.path.basename(s)][:WANTED]
    if not chosen:
        judge.skip("no stores: scripts/stores fetches some")
    each = int(os.environ.get("HAUL_MUTATIONS") or (200 if os.environ.get("HAUL_LONG") else 4))
    work = judge.temporary(memory=True)
    for store in chosen:
        for number in range(each):
            own = os.path.join(work, "one")
            os.makedirs(own)
            check(store, number, own)
            shutil.rmtree(own)
        say(f"{os.path.basename(store)}: {each} mutations")
    judge.finish()


main()
