"""`--engine both`: what it gives is what `--engine auto` gives, and what it says of the two engines is what docs/formats/pst.md has.

  corpus  every store (two unless HAUL_LONG=1): the same dump as with auto but for issues of the comparison; what was
          compared, and differences by class, as in the table of docs/formats/pst.md
  rules   stores made from testdata/pst/rules: no difference but cells that are not there
  odd     stores in which one thing is odd (odd_stores.py): each of these differences is found, as in the second table
  large   an attachment of 257 MiB, which libpff is not asked for (HAUL_LONG=1)
  damage  copies with flipped octets: the same dump as with auto, no crash

HAUL_STORE=part of a name: only those stores. HAUL_FIGURES=1: the tables as they should be."""
import collections
import concurrent.futures
import glob
import json
import os
import random
import re
import subprocess

import judge
import odd_stores
import outlook
from judge import equal, run, same, say

LONG = bool(os.environ.get("HAUL_LONG"))
EACH = 24
ONLY = os.environ.get("HAUL_STORE", "")
SEED = int(os.environ.get("SEED") or 1)
PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../docs/formats/pst.md")
RULES = os.path.join(judge.TESTDATA, "pst/rules")
OURS = "pst.engines-"
# What differs, by its words; the name of its column.
CLASSES = [
    ("cells", "known", "cell bitmap ignored"),
    ("names", "known", "set without GUID"),
    ("repaired", "known", "one odd value costs the object"),
    ("tables", "differ", "table contains record entries but no value array"),
    ("deleted", "uncompared", "deleted items, which only libpff looks for"),
    ("large", "uncompared", "which libpff would load into memory at once"),
    ("others", "", ""),
]
SUMS = ("folders", "items", "recipients", "attachments", "values")
ODD = ("cell_that_is_not_there", "type of a property", "names without strings")  # without HAUL_LONG


def convert(engine, store, target):
    return run("convert", "--engine", engine, "--to", "dump", "--progress", "none", "--associated", "--recover", store, target,
               exits=(0, 1, 3)).returncode


def lines(target):
    with open(target, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def without(rows):
    """A dump as it would be without the comparison, in words."""
    for row in rows:
        if "issues" in row:
            row["issues"] = [i for i in row["issues"] if not (i["id"] if isinstance(i, dict) else i).startswith(OURS)]
    return rows


def said(target):
    """All that was told of the comparison: (kind, detail)."""
    found = [(n["issue"], n["detail"]) for n in judge.report_of(target).get("notices", [])]
    found += [(i["id"], i.get("detail", "")) for item in judge.items_of(target) for i in item.get("issues") or []]
    return [(i[len(OURS):], detail) for i, detail in found if i.startswith(OURS)]


def class_of(kind, detail):
    return next(name for name, k, words in CLASSES if kind.startswith(k) and words in detail)


def both(store, work, name):
    """Convert with both and with auto. Returns the sums and the differences: class → number, or None where nothing can be read."""
    auto, target = (os.path.join(work, f"{name}.{e}") for e in ("auto", "both"))
    codes = [convert("auto", store, auto), convert("both", store, target)]
    equal(codes[1], codes[0], f"{name}: exit status")
    if 3 in codes:
        return None
    equal(without(lines(target)), without(lines(auto)), f"{name}: what is given")
    counts, sums = collections.Counter(), None
    for kind, detail in said(target):
        if kind == "compared":
            same(sums is None, f"{name}: one sum")
            sums = {w: int(n) for n, w in re.findall(r"(\d+) (\w+)", detail)}
            continue
        counts[class_of(kind, detail)] += 1
        if os.environ.get("HAUL_FIGURES") and class_of(kind, detail) == "others":
            say(f"  {name}: {kind}: {detail}")
    if not sums and "!BDN" not in str(judge.read(store)[:4]):
        return None  # no Outlook store
    same(sums is not None, f"{name}: it says what was compared")
    sums = sums or {}
    listed, more = counted(target)
    told = sum(sums.get(w, 0) for w in ("differences", "of", "parts"))
    same(told >= listed if more else told == listed, f"{name}: it says {told} were told, it told {listed}")
    return sums, counts


def counted(target):
    """Issues of the comparison; at least, where further ones of an item are not listed."""
    rows = [(kind, detail) for kind, detail in said(target) if kind != "compared"]
    return len(rows), any("not listed" in detail for _, detail in rows)


def table(head):
    """Rows of a table of the page, by the first column: column → text."""
    rows, names = {}, None
    for line in judge.read(PAGE).decode().splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if line.startswith(f"| {head} |"):
            names = cells[1:]
        elif names and not line.startswith("|"):
            break
        elif names and not line.startswith("|-"):
            rows[cells[0]] = dict(zip(names, cells[1:]))
    return rows


def short(path, every):
    """The name of a store of the corpus in the page: the last part, with the project in front where two are called alike."""
    parts = os.path.splitext(os.path.basename(path))[0].split("__")
    alike = [p for p in every if os.path.splitext(os.path.basename(p))[0].split("__")[-1] == parts[-1]]
    return parts[-1] if len(alike) == 1 else f"{parts[0]}/{parts[1]}/{parts[-1]}" if parts[0] != parts[-1] else parts[-1]


def row_of(name, sums, counts, columns):
    cells = [str(sums.get(s, 0)) for s in columns if s in SUMS] + [str(counts.get(c, 0) or "") for c in columns if c not in SUMS]
    return f"| {name} | " + " | ".join(cells) + " |"


def compare_row(kind, name, found, wanted, columns):
    if os.environ.get("HAUL_FIGURES") and found:
        say(row_of(name, *found, columns))
    if found is None:
        return same(name not in wanted, f"{name}: {kind}: the page has it, and it cannot be read")
    sums, counts = found
    got = {c: sums.get(c, 0) if c in SUMS else counts.get(c, 0) for c in columns}
    row = wanted.get(name, {})
    return equal(got, {c: int(row.get(c) or 0) for c in columns}, f"{name}: {kind}, docs/formats/pst.md")


def corpus(work, pool):
    every = outlook.stores() if judge.CORPUS else []
    stores = [s for i, s in enumerate(every) if ONLY in s and (LONG or ONLY or i % EACH == 16)]
    wanted, columns = table("store compared"), (*SUMS, "cells", "names", "tables", "deleted", "others")
    for store, found in zip(stores, pool.map(lambda s: both(s, work, os.path.basename(s)), stores)):
        compare_row("corpus", short(store, every), found, wanted, columns)
    return len(stores)


def rule(path, work):
    name = os.path.basename(path)[:-len(".json")]
    store = os.path.join(work, name + ".pst")
    done = subprocess.run([odd_stores.MAKE, path, store], capture_output=True, timeout=120, check=False)
    same(done.returncode == 0, f"{name}: make_pst: {done.stderr.decode()}")
    found = both(store, work, name)
    if same(found is not None, f"{name}: it can be read"):
        same(not set(found[1]) - {"cells"}, f"{name}: {dict(found[1])}")
        same(found[0].get("values", 0) > 30 and found[0].get("differences") == 0, f"{name}: {found[0]}")


def rules(work, pool):
    paths = sorted(glob.glob(os.path.join(RULES, "*.json")))
    paths = [p for i, p in enumerate(paths) if (LONG or ONLY or i % 88 == 30) and ONLY in p]
    list(pool.map(lambda p: rule(p, work), paths))
    return len(paths)


def odd(work):
    wanted, columns = table("odd thing"), ("repaired", "others")
    plain = odd_stores.made(work, "plain.pst", "none")
    n = 0
    for name, (change, *_) in odd_stores.CASES.items():
        if (not LONG and not ONLY and name not in ODD) or ONLY not in name:
            continue
        store = odd_stores.Store(plain)
        change(store)
        found = both(store.seal(os.path.join(work, "odd.pst")), work, f"odd.{n}")
        compare_row("odd", name.replace("_", " "), found, wanted, columns)
        n += 1
    return n


def large(work):
    """It is told, and the other attachment of the message is compared."""
    files = [{"name": f"{size}.bin", "data": {"fill": size, "seed": 1}} for size in (257 << 20, 2 << 20)]
    found = both(odd_stores.made(work, "large.pst", "compressible", attachments=files), work, "large")
    if same(found is not None, "large: it can be read"):
        equal((found[0]["attachments"], dict(found[1])), (3, {"cells": 2, "large": 1}), "large: two messages, four attachments")


def damage(work, pool):
    """Octets flipped anywhere in copies of a made store."""
    plain = judge.read(odd_stores.made(work, "whole.pst", "compressible"))

    def one(i):
        dice, octets = random.Random(SEED * 1000 + i), bytearray(plain)
        for _ in range(dice.choice((1, 8, 64, 400))):
            octets[dice.randrange(0x200, len(octets))] ^= 1 << dice.randrange(8)
        both(judge.write(os.path.join(work, f"damaged.{i}.pst"), octets), work, f"damaged.{i}")
    n = int(os.environ.get("CASES") or (120 if LONG else 1))
    list(pool.map(one, range(n)))
    return n


def main():
    same(os.access(odd_stores.MAKE, os.X_OK), f"no {odd_stores.MAKE}")
    work = judge.temporary(memory=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        if LONG and not ONLY:
            large(work)
        numbers = corpus(work, pool), rules(work, pool), odd(work), 0 if ONLY else damage(work, pool)
    say("stores: {} of the corpus, {} rules, {} odd ones, {} damaged copies".format(*numbers))
    judge.finish()


main()
