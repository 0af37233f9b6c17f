"""What damage costs an Outlook store: exactly what it covers. A copy of a sound store is damaged at one place (a block of each kind, a
page of each kind, the header, its end), and tests/pst_map.py says from the specification what hangs on the octets that are gone:

  untouched   items whose entry in the node tree and whose blocks are whole come out with the same SHA-256, without an issue of damage,
              in their folder where that is whole too
  touched     items come out marked, or are named as failed; where the entry of a node is gone with its folder's table, the page is named
  nothing     comes twice, and nothing is stored that the store did not hold
  exit        1 where something is lost or in doubt, 3 where nothing is left, 0 where one wrong octet of a page was put right
  unreadable  octets that the disk cannot read (tests/bad_disk.c) cost what octets that are wrong would
  unindexed   where no page of the node tree is left, messages whose blocks lie in front of a cut come out of the blocks alone, with their
              recipients, texts and attachments; none comes with those of another

Made stores, a few places of each; HAUL_LONG=1: more places, and the stores of the corpus in all three formats. HAUL_STORE=part of a
name: only those. HAUL_CASE=part of a name: only that damage."""
import collections
import email
import email.policy
import hashlib
import json
import os
import random
import re
import shutil
import struct
import subprocess

import judge
import outlook
from judge import equal, run, same, say
from pst_faults import Editor
from pst_map import AMAP, BBT, NBT, Map

BAD_DISK = os.environ.get("BAD_DISK") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/bad_disk.so")
MAKE = os.environ.get("MAKE_PST") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/make_pst")
LONG = bool(os.environ.get("HAUL_LONG"))
ONLY, CASE = os.environ.get("HAUL_STORE", ""), os.environ.get("HAUL_CASE", "")
DAMAGE = {"pst.block-damaged", "pst.attachments-lost", "pst.property-lost", "pst.recipients-lost", "mapi.attachment-lost",
          "mapi.attachment-short", "pst.second-engine", "mapi.exception-lost"}
ITEM = {0x04}
SHARED = {0x21, 0x61}  # nodes that every item depends on: the store, the map of names
LISTS_FOUND = {"Java__outlook__Outlook.pst": 8, "support.pst": 17, "pstextractortest@outlook.com.ost": 155, "enron.pst": 69}  # items of stores that Outlook wrote which come with their subnodes out of the blocks alone, at least


FROM_BLOCKS = 0xe0000000  # the ids of items that were put together from blocks begin here, unless a row gave them theirs


def convert(store, target, **environment):
    """Exit status, item by key (place), issues of the store."""
    for path in (target, target + judge.STATE):
        shutil.rmtree(path, ignore_errors=True)
        if os.path.isfile(path):
            os.remove(path)
    done = run("convert", "--from", "pst", "--to", "dump", "--progress", "none", store, target, exits=(0, 1, 3), timeout=300,
               env=judge.environment(**environment))
    items, notices = collections.defaultdict(list), collections.Counter()
    if os.path.exists(os.path.join(judge.state_of(target), "items.jsonl")):
        for item in judge.items_of(target):
            items[int(item["source_place"].rsplit("#", 1)[1], 16)].append(item)
        notices.update(n["issue"] for n in judge.report_of(target).get("notices", []))
        same(judge.adds_up(judge.report_of(target)), "the totals do not add up")
    return done.returncode, items, notices


def blocks_of(item):
    """Of an item put together from blocks: (data, subnodes); 0 = none."""
    told = [i["detail"] for i in item.get("issues") or [] if i["id"] == "pst.item-unindexed"]
    return [tuple(int(b, 16) & ~1 for b in re.findall("0x([0-9a-f]+)", detail)) for detail in told]


class Sound:
    def __init__(self, name, path, work):
        self.name = name
        self.octets = judge.read(path)
        self.map = Map(self.octets)
        self.exit, self.items, self.notices = convert(path, os.path.join(work, "sound.jsonl"))
        self.uses = {nid: self.map.of_node(nid) for nid in self.map.nodes}


def overlap(ranges, damage):
    return any(a < d and c < b for a, b in ranges for c, d in damage)


def gone(sound, damage, mended):
    """What is touched: entries of nodes, and blocks."""
    m = sound.map
    pages = {at for kind in m.pages for at, _ in m.pages[kind] if overlap([(at, at + m.page)], damage)}
    leaves = {at for at, level in m.pages[NBT] if not level}  # what is above says that, and their entries count
    if pages & {at for at, level in m.pages[NBT] if level}:
        leaves = set()
    blunt = {at for at in pages - leaves if overlap([(at + m.foot, at + m.page)], damage)}  # nothing is known of their entries
    nodes, blocks = set(), {b for b in m.blocks if overlap(m.room(b), damage)}
    for nid, (_, _, _, (e, size)) in m.nodes.items():
        page = e // m.page * m.page
        if not mended and (page in blunt or overlap([(e, e + size)], damage)):
            nodes.add(nid)
    return nodes, blocks


def folder_whole(sound, nid, nodes, blocks):
    """Is the way from the top to what a node is in whole?"""
    seen = set()
    while nid and nid not in seen:
        seen.add(nid)
        if nid not in sound.map.nodes or nid in nodes or sound.uses[nid] & blocks:
            return False
        nid = sound.map.nodes[nid][2]
    return True


def table_whole(sound, folder, nodes, blocks):
    table = folder & ~31 | 0x0e
    return folder_whole(sound, folder, nodes, blocks) and table in sound.map.nodes and table not in nodes \
        and not sound.uses[table] & blocks


def compare(sound, what, damage, got, mended):
    code, items, notices = got
    alone = {data for of in items.values() for data, _ in blocks_of(of[0])}
    nodes, blocks = gone(sound, damage, mended)
    adopted = {n: of for n, of in items.items() if blocks_of(of[0]) and n < FROM_BLOCKS}
    items = {n: of for n, of in items.items() if not blocks_of(of[0])}
    for nid, of in adopted.items():
        entry, was = sound.map.nodes.get(nid), sound.items.get(nid)
        same(was and nid in nodes and [data for data, _ in blocks_of(of[0])] == [entry[0] & ~1] and len(of) == 1,
             f"{what}: the row of item {nid:#x} was given to another: {of}")
        if was and folder_whole(sound, entry[2], nodes, blocks):
            same(of[0]["folder"] == was[0]["folder"], f"{what}: item {nid:#x} was in {was[0]['folder']}, is in {of[0]['folder']}")
    common = any(n in nodes or sound.uses[n] & blocks for n in SHARED if n in sound.map.nodes)
    lost = 0
    for nid, of in sound.items.items():
        ours, entry = items.get(nid) or adopted.get(nid, []), sound.map.nodes.get(nid)
        same(len(ours) <= len(of), f"{what}: item {nid:#x} comes {len(ours)} times")
        if entry and nid in nodes:  # the node itself is gone
            lost += 1
            same(sound.uses[nid] & blocks or any(i["status"] != "failed" for i in ours) or entry[0] & ~1 in alone,
                 f"{what}: the node of item {nid:#x} is gone, its blocks are there: it does not come")
            if table_whole(sound, entry[2], nodes, blocks):
                same(ours, f"{what}: item {nid:#x} is gone, and its folder's table is whole: it is not named")
            continue
        if not same(ours, f"{what}: item {nid:#x} is missing"):
            continue
        mine, was = ours[0], of[0]
        alike = mine["status"] == was["status"] and mine.get("sha256") == was.get("sha256")
        if entry and sound.uses[nid] & blocks:
            marked = mine["status"] == "failed" or judge.issues_of(mine) & DAMAGE
            lost += bool(marked)
            same(alike or marked, f"{what}: item {nid:#x} is damaged, and does not say so: {mine['issues']}")
            continue
        same(alike or common, f"{what}: item {nid:#x} is whole, and another message came: {mine}")
        same(not (judge.issues_of(mine) - judge.issues_of(was)) & DAMAGE, f"{what}: item {nid:#x} is whole: {mine['issues']}")
        if folder_whole(sound, entry[2] if entry else 0, nodes, blocks):
            same(mine["folder"] == was["folder"], f"{what}: item {nid:#x} was in {was['folder']}, is in {mine['folder']}")
    # A table of an earlier state may be all that is left, and name what was deleted since: as failed, and no more.
    extra = [f"{n:#x}" for n, of in items.items() if n not in sound.items and any(i["status"] != "failed" for i in of)]
    same(not extra, f"{what}: items that the store does not hold: {extra[:5]}")
    return lost, len(adopted)


class Tester:
    def __init__(self, sound, work):
        self.sound, self.work = sound, work
        self.runs = self.lost = self.adopted = 0

    def damage(self, what, changes, exits, cut=None, wanted=(), mended=False):
        """changes: [(offset, octets)]"""
        what = f"{self.sound.name}: {what}"
        if CASE not in what:
            return
        octets = bytearray(self.sound.octets)
        for at, new in changes:
            octets[at:at + len(new)] = new
        damage = [(at, at + len(new)) for at, new in changes if new != self.sound.octets[at:at + len(new)]]
        if cut is not None:
            del octets[cut:]
            damage.append((cut, len(self.sound.octets)))
        path = judge.write(os.path.join(self.work, "damaged.pst"), bytes(octets))
        self.judge(what, damage, convert(path, os.path.join(self.work, "damaged.jsonl")), exits, wanted, mended)

    def unreadable(self, what, at, n, exits, wanted=()):
        """Octets in whole sectors that the disk cannot read."""
        what, first, end = f"{self.sound.name}: {what}, cannot be read", at // 512 * 512, -(-(at + n) // 512) * 512
        if CASE not in what:
            return
        path = judge.write(os.path.join(self.work, "damaged.pst"), self.sound.octets)
        got = convert(path, os.path.join(self.work, "damaged.jsonl"), LD_PRELOAD=BAD_DISK, BAD_OCTETS=f"{path}:{first}-{end}",
                      ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")
        self.judge(what, [(first, end)], got, exits, wanted)

    def judge(self, what, damage, got, exits, wanted, mended=False):
        self.runs += 1
        same(got[0] in exits, f"{what}: exit {got[0]}, wanted {exits}")
        for issue in wanted:
            same(got[2][issue], f"{what}: {issue} is not told: {dict(got[2])}")
        if got[0] == 3:
            same(not got[1], f"{what}: items, and exit 3")
            return
        lost, adopted = compare(self.sound, what, damage, got, mended)
        self.lost += lost
        self.adopted += adopted

    def zero(self, what, at, n, exits, **more):
        self.damage(what, [(at, bytes(n))], exits, **more)

    def flip(self, what, at, exits, **more):
        self.damage(what, [(at, bytes([self.sound.octets[at] ^ 0x24]))], exits, **more)


def pages(t, rng):
    m = t.sound.map
    needed = set().union(*(t.sound.uses[n] for n in t.sound.items if n in t.sound.uses))
    read = {m.blocks[b][3][0] // m.page * m.page for b in needed}  # leaf pages of the block tree that items cannot do without
    for kind, name in ((NBT, "node"), (BBT, "block")):
        of_level = collections.defaultdict(list)
        for at, level in m.pages[kind]:
            of_level[level].append(at)
        for level, places in sorted(of_level.items()):
            for at in rng.sample(places, min(len(places), 6 if LONG else 1)):
                what = f"{name} page of level {level} at {at:#x}"
                asked = kind == NBT or level or at in read
                bypassed = {"exits": (1,), "wanted": ["pst.page-bypassed"]} if asked else {"exits": (0, 1)}
                mended = {"exits": (0,), "wanted": ["pst.page-mended"]} if asked else {"exits": (0,)}
                t.zero(what + " zeroed", at, m.page, **bypassed)
                half = at + m.foot // 2 // 8 * 8
                t.zero(what + ", some octets zeroed", half - 20, 40, (0, 1))
                if LONG or (kind == NBT and level == 0):
                    t.damage(what + ", NULs for its trailer", [(at + m.trailer, bytes(16))], **bypassed)
                    t.damage(what + ", NULs for its counts", [(at + m.foot, bytes(4))], **bypassed)
                    t.damage(what + ", NULs for all behind its entries", [(at + m.foot, bytes(m.page - m.foot))], **bypassed)
                if LONG:
                    t.damage(what + ", another page over it",
                             [(at, t.sound.octets[m.pages[kind][0][0]:m.pages[kind][0][0] + m.page])], (0, 1))
                n = t.sound.octets[at + m.foot] if not m.big else 4
                for place in [at + rng.randrange(n * 12), at + m.trailer + rng.randrange(12)][0 if LONG else level == 0:]:
                    t.flip(what + f", octet {place - at}", place, mended=True, **mended)


def maps(t):
    m = t.sound.map
    if m.big:
        return
    for at, name in ((AMAP, "allocation map"), (AMAP + 512, "PMap"), (AMAP - 512, "density list")):
        t.zero(name + " zeroed", at, 512, (t.sound.exit,))
        if LONG:
            t.flip(name + ", an octet", at + 40, (t.sound.exit,))


def header(t):
    lost = {"wanted": ["pst.header-lost"]}
    for n in (512, 4096) if LONG else (4096,):
        t.zero(f"header, {n} octets zeroed", 0, n, (1,), **lost)
    for _ in range(LONG):
        t.damage("header, other octets", [(0, bytes(i * 7 & 255 for i in range(564)))], (1,), **lost)
    places = (0, 190, 461, 10, 170) if t.sound.map.ansi else (0, 220, 513, 10, 190)  # magic, root, encoding, version, end
    for at in places if LONG else places[1:3]:
        t.flip(f"header, octet {at}", at, (0,), wanted=["pst.header-damaged"])
    octets = bytearray(t.sound.octets)
    octets[0] ^= 1
    done = run("inspect", "--progress", "none", judge.write(os.path.join(t.work, "damaged.pst"), bytes(octets)))
    same("(pst)" in done.text, f"{t.sound.name}: a store whose magic has a wrong octet is not recognised: {done.text[:300]}")


def cuts(t):
    size = len(t.sound.octets)
    for i in range(1, 10) if LONG else (3, 4, 9):
        t.damage(f"cut at {i} tenths", [], (1, 3), cut=size * i // 10 // 3 * 3, wanted=["pst.truncated"])
    t.damage("cut by an octet", [], (1,), cut=size - 1, wanted=["pst.truncated"])


def kinds(sound):
    """Blocks by what they are: kind → [bid]."""
    m, found = sound.map, collections.defaultdict(list)
    for nid, (data, sub, _, _) in m.nodes.items():
        of = {0x04: "message", 0x02: "folder", 0x0e: "contents table"}.get(nid & 31)
        if not of:
            continue
        for bid in m.data(data):
            found[of + (" list" if bid & 2 else " heap")].append(bid)
        for bid in m.below(0, sub):
            found[of + (" subnodes, or list of them" if bid & 2 else " subnode data")].append(bid)
    for bid in m.blocks:
        if bid & 2 and m.octets(bid)[0] == 1:
            found["XBLOCK" if m.octets(bid)[1] == 1 else "XXBLOCK"].append(bid)
    return found


def sectors(t, rng):
    """The disk gives no octets, where others are wrong."""
    m = t.sound.map
    for kind, name in ((NBT, "node"), (BBT, "block")):
        for at, level in rng.sample(m.pages[kind], min(len(m.pages[kind]), 6)) if LONG else m.pages[kind][:1] + m.pages[kind][-1:]:
            t.unreadable(f"{name} page of level {level} at {at:#x}", at, m.page, (1,) if kind == NBT or level else (0, 1))
    t.unreadable("header", 0, 564, (1,), wanted=["pst.header-lost"])
    for bid in rng.sample(sorted(m.blocks), min(len(m.blocks), 40 if LONG else 4)):
        (a, _), (_, d) = m.room(bid)
        t.unreadable(f"block {bid:#x}", a, d - a, (0, 1))


def blocks(t, rng):
    m = t.sound.map
    for kind, bids in sorted(kinds(t.sound).items()):
        for bid in rng.sample(sorted(bids), min(len(bids), 8 if LONG else 1)):
            (a, b), (c, d) = m.room(bid)
            t.zero(f"{kind} {bid:#x} zeroed", a, d - a, (0, 1))
            if LONG:
                t.flip(f"{kind} {bid:#x}, an octet", rng.randrange(a, b), (0, 1))
                t.zero(f"{kind} {bid:#x}, trailer zeroed", c, d - c, (0, 1))


def both(t, rng):
    """Two at a time: a page, and a block that it does not name; the header, and a root."""
    m = t.sound.map
    root, top = m.pages[NBT][0][0], m.pages[BBT][0][0]
    t.damage("both roots zeroed", [(root, bytes(m.page)), (top, bytes(m.page))], (1,))
    t.damage("header and both roots zeroed", [(0, bytes(564)), (root, bytes(m.page)), (top, bytes(m.page))], (1,))
    if LONG:
        every = [(at, bytes(m.page)) for at, _ in m.pages[BBT]]
        t.damage("no page of the block tree", every, (1,))
        t.damage("no page of the block tree, no header", every + [(0, bytes(564))], (1,))


def facts(path):
    """What a message says, and digests of its parts."""
    m = email.message_from_bytes(judge.read(path), policy=email.policy.default)
    parts = [(p.get_content_type(), p.get_filename(), hashlib.sha256(p.get_payload(decode=True) or b"").hexdigest())
             for p in m.walk() if not p.is_multipart()]
    return tuple(str(m[h]) for h in ("Message-ID", "Subject", "From", "To", "Cc", "Date")) + (tuple(parts),)


def messages(store, work, exits):
    target = os.path.join(work, "messages")
    shutil.rmtree(target, ignore_errors=True)
    run("convert", "--from", "pst", "--to", "eml", "--progress", "none", store, target, exits=exits, timeout=300)
    return [facts(os.path.join(d, f)) for d, _, files in os.walk(target) for f in sorted(files) if f.endswith(".eml")]


def unindexed(work, options, changes=lambda m, octets: octets):
    """A store cut in front of all pages of the node tree, at ten places."""
    name, path = " ".join(["bulk", *options]), os.path.join(work, "bulk.pst")
    subprocess.run([MAKE, "--bulk", "300" if LONG else "40", "--seed", "7", *options, path], check=True, timeout=120)
    sound = Sound(name, path, work)
    whole = {f[0]: f for f in messages(path, work, (0,))}
    ends = {of[0]["message_id"]: max(end for b in sound.uses[nid] for _, end in sound.map.room(b)) for nid, of in sound.items.items()}
    same(whole.keys() == ends.keys(), f"{name}: ids of the messages of the sound store")
    start, end = min(at for at, _, _, _ in sound.map.blocks.values()), min(at for at, _ in sound.map.pages[NBT])
    for i in range(1, 11):
        cut = start + (end - start) * i // 10
        damaged = judge.write(os.path.join(work, "damaged.pst"), changes(sound.map, sound.octets)[:cut])
        got = messages(damaged, work, (1, 3))
        same(len({f[0] for f in got}) == len(got), f"{name}: cut at {cut}: something comes twice")
        for f in got:
            same(whole.get(f[0]) == f or ends.get(f[0], 0) > cut, f"{name}: cut at {cut}: another message came: {f[:3]}")
        missing = [s for s, end in ends.items() if end <= cut and s not in {f[0] for f in got}]
        same(not missing, f"{name}: cut at {cut}: {missing[:3]} are missing")
    say(f"{name}: {len(whole)} messages, cut at 10 places in front of the node tree")


def test(name, path, work):
    try:
        sound = Sound(name, path, work)
    except (IndexError, KeyError, struct.error):
        say(f"{name}: its trees are not sound: nothing can be computed from them")
        return 0
    if not sound.items:
        say(f"{name}: no items: nothing to lose")
        return 0
    rng = random.Random(name)
    t = Tester(sound, work)
    pages(t, rng)
    maps(t)
    header(t)
    cuts(t)
    blocks(t, rng)
    sectors(t, rng)
    both(t, rng)
    say(f"{name}: {len(sound.items)} items, {t.runs} damaged copies, {t.lost} items touched in all, {t.adopted} of them back by their rows")
    return t.runs


def pairs(octets, m, work):
    """Of a store without any page of nodes: data of each item → its subnodes, as the program found them; 0 = none."""
    octets = bytearray(octets)
    for at in range(0, len(octets) - m.page + 1, m.page):
        if octets[at + m.trailer] == octets[at + m.trailer + 1] == NBT:
            octets[at:at + m.page] = bytes(m.page)
    _, items, _ = convert(judge.write(os.path.join(work, "damaged.pst"), bytes(octets)), os.path.join(work, "damaged.jsonl"))
    return dict(pair for of in items.values() for pair in blocks_of(of[0]))


def nobody_elses(work):
    """Lists of subnodes lie side by side in stores of Outlook: where some are gone, or contexts, no item gets those of another."""
    found = {}
    for path in [s for s in outlook.stores() if (LONG or s.endswith(tuple(LISTS_FOUND))) and os.path.getsize(s) < 20e6]:
        octets, name = judge.read(path), os.path.basename(path)
        try:
            m = Map(octets)
        except (IndexError, struct.error):
            continue
        true = {data & ~1: sub & ~1 for data, sub, _, _ in m.nodes.values()}
        items = [(data & ~1, sub & ~1) for nid, (data, sub, _, _) in m.nodes.items() if nid & 31 in ITEM and sub]
        rng = random.Random(name)
        alone = [[sub] for _, sub in rng.sample(items, min(len(items), 40 if LONG else 10))]
        several = [[b for item in items for b in item if rng.random() < share] for share in (.05, .2, .4, .6) * (10 if LONG else 2)]
        for gone in [[]] + alone + several:
            damaged = bytearray(octets)
            for a, b in (m.room(block)[0] for block in gone):
                damaged[a:b] = bytes(b - a)
            got = pairs(damaged, m, work)
            wrong = {d: s for d, s in got.items() if s and d in true and true[d] != s}
            same(not wrong, f"{name}: without blocks {gone}: {wrong}")
            if not gone:
                found[name] = sum(got.get(d) == s for d, s in items), len(items)
    say(f"lists of subnodes and contexts gone: no item has those of another; with all blocks there: {found}")
    for name, least in LISTS_FOUND.items():
        for of in (f for n, f in found.items() if n.endswith(name)):
            same(of[0] >= least, f"{name}: only {of[0]} of {of[1]} items have their subnodes")


def only_item_lost(work):
    """A store whose only item lies in the top folder, which is shown for what is in it: also when its node is gone."""
    for path in [s for s in outlook.stores() if "attachAndInline@2dc2dab" in s]:
        t = Tester(Sound(os.path.basename(path), path, work), work)
        for at, level in t.sound.map.pages[NBT]:
            if not level:
                t.zero(f"node page at {at:#x} zeroed", at, t.sound.map.page, (0, 1))


def back_in_their_folders(work):
    """Where a page of the node tree is gone, and the tables of folders are there, items that come from blocks go back to their rows."""
    wanted = {"support.pst": 17, "pstextractortestpdf@outlook.com.ost": 162}
    for path in [s for s in outlook.stores() if s.endswith(tuple(wanted))]:
        t = Tester(Sound(os.path.basename(path), path, work), work)
        for at in {e // t.sound.map.page * t.sound.map.page for nid, (_, _, _, (e, _)) in t.sound.map.nodes.items() if nid & 31 == 4}:
            t.zero(f"node page at {at:#x} zeroed, for its rows", at, t.sound.map.page, (0, 1))
        say(f"{t.sound.name}: {t.adopted} items of lost pages are in their folders")
        least = next(n for name, n in wanted.items() if path.endswith(name))
        same(t.adopted >= least, f"{t.sound.name}: only {t.adopted} items of lost pages are in their folders, not {least}")


def one_id_twice(work):
    """Rows of two folders with one id, and both items lost: none goes back, since they would become one, and both come."""
    description, path = os.path.join(work, "twice.json"), os.path.join(work, "twice.pst")
    folders = [{"name": f"Folder {f}", "messages": [message(i, f) for i in range(20)]} for f in range(4)]
    judge.write(description, json.dumps({"encryption": "none", "folders": folders}).encode())
    subprocess.run([MAKE, description, path], check=True, timeout=120)
    _, good, _ = convert(path, os.path.join(work, "twice.jsonl"))
    editor = Editor(path)
    leaf = {nid: editor.leaf_of(NBT, nid)[0] for nid in editor.nodes if nid & 31 in ITEM}
    page, first, second = next((leaf[a], a, b) for a in leaf for b in leaf
                               if leaf[a] == leaf[b] and editor.nodes[a][2] != editor.nodes[b][2])
    for bid in Map(bytes(editor.d)).of_node(editor.nodes[second][2] & ~31 | 0x0e):
        at, size = editor.blocks[bid]
        editor.d[at:at + size] = editor.d[at:at + size].replace(struct.pack("<I", second), struct.pack("<I", first))
        editor.seal_block(bid)
    editor.d[page:page + 512] = bytes(512)
    judge.write(path, bytes(editor.d))
    _, got, _ = convert(path, os.path.join(work, "twice.jsonl"))
    wanted, stored = ({i["message_id"] or i["sha256"] for of in items.values() for i in of if i["status"] == "stored"} for items in (good, got))
    equal(len(stored), len(wanted), "two rows with one id: stored items")
    same(all(i["status"] == "failed" for i in got[first]), "two rows with one id: an item went back")


def old_versions(work):
    """Stores of Outlook hold older pages and blocks, which must not take the place of those in use."""
    for path in [s for s in outlook.stores() if s.endswith(("MergePST__SampleContacts.pst", "Outlook_part1@2d9332e.pst"))]:
        t = Tester(Sound(os.path.basename(path), path, work), work)
        both(t, random.Random(0))
        cuts(t)


def message(number, folder):
    big = [{"name": "a.bin", "data": {"fill": 30000, "seed": number + 1}}] if number % 7 == 3 else []
    return {"subject": f"{folder} {number}", "body": "Light and bell. " * 60, "received": "2024-03-04T09:15:25Z",
            "from": {"name": "Ada", "address": "ada@harbour.example"},
            "recipients": [{"type": "to", "name": "Ben", "address": "ben@lighthouse.example"}], "attachments": big}


def made(work, encryption):
    folders = [{"name": f"Folder {f}", "messages": [message(i, f) for i in range(120 if LONG else 9)]} for f in range(3)]
    huge = [{"name": "b.bin", "data": {"fill": 9000000, "seed": 5}}]
    if LONG:
        folders[0]["messages"].append(dict(message(1, "huge"), attachments=huge))
    description, path = os.path.join(work, "made.json"), os.path.join(work, f"made-{encryption}.pst")
    with open(description, "w", encoding="utf-8") as f:
        json.dump({"encryption": encryption, "folders": folders}, f)
    subprocess.run([MAKE, description, path], check=True, timeout=120)
    return f"made-{encryption}", path


def main():
    work = judge.temporary(memory=True)
    stores = [made(work, e) for e in (("none", "compressible", "high") if LONG else ("compressible",))]
    if LONG and judge.CORPUS:
        stores += [(os.path.basename(s), s) for s in outlook.stores()]
    for name, path in stores:
        if ONLY in name:
            test(name, path, work)
    if ONLY in "one id twice":
        one_id_twice(work)
    if judge.CORPUS and ONLY in "only item lost":
        only_item_lost(work)
        back_in_their_folders(work)
        old_versions(work)
        nobody_elses(work)
    for options in [[], ["--4k"]] + ([["--encryption", "high"], ["--4k", "--pack-first"]] if LONG else []):
        if ONLY in "bulk":
            unindexed(work, options)
    if LONG:
        unindexed(work, [], lambda m, octets: bytes(564) + octets[564:])
    judge.finish()


main()
