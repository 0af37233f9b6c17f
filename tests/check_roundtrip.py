"""Real files that nobody here wrote (when ../shared/corpus is there) and the demo mailbox, each to Maildir, MBOX and
EML, and from each of these to each of the three: message count, canonical digest, received time to the second,
flags and keywords agree, or an issue on that very item says why. Where a message is a file of its own, its octets
and mtime are taken from the file, not from what mailhaul says. verify agrees with every target."""
import collections
import datetime
import glob
import os
import re

import judge
from judge import equal, run, same, say

FORMATS = ("maildir", "mbox", "eml")

# An issue with this prefix, on the item in either run, explains a difference of this kind.
EXPLAINS = {
    "sha256": ("mbox.quoting-lost", "mbox.ambiguous-split", "msg.eol", "eml.", "mbox.leading-text"),
    "received": ("time.unknown", "target.time-clamped"),
    "flags": ("target.flags-not-held", "maildir.flag-unknown", "mbox.status-conflict"),
    "keywords": ("keyword.", "maildir.keyword"),
}


def looks_like_mail(path):
    """Judged here, not by mailhaul: begins with a From_ line or with a header field."""
    with open(path, "rb") as f:
        head = f.read(4096)
    first = head.split(b"\n", 1)[0].rstrip(b"\r")
    name = first.split(b":", 1)[0]
    return first.startswith(b"From ") or (b":" in first and b" " not in name and len(name) > 1
                                          and not first.startswith((b"{", b"[")))


def sources():
    """name → list of sources for one run."""
    groups = {"demo": [os.path.join(judge.TESTDATA, "demo/mail")]}
    if not os.path.isdir(os.path.join(judge.CORPUS, "mbox")):
        say(f"no corpus at {judge.CORPUS or 'HAUL_CORPUS'}: the demo mailbox only")
        return groups
    files = sorted(glob.glob(os.path.join(judge.CORPUS, "mbox/*")))
    groups["mbox"], rest = [], []
    for path in files:
        # A few octets are too little to be recognised without a word from the user; what is, is for the run to show.
        refused = run("inspect", path, exits=(0, 1, 3)).returncode == 3
        same(not refused or not looks_like_mail(path) or os.path.getsize(path) < 16, f"{path} is not recognised")
        (rest if refused else groups["mbox"]).append(path)
    groups["eml"] = [os.path.join(judge.CORPUS, "eml")]
    groups["maildir"] = sorted(glob.glob(os.path.join(judge.CORPUS, "maildir/*/*")))
    say(f"corpus: {len(groups['mbox'])} mbox files, {len(rest)} that are not mail or too short to tell, "
        f"{len(os.listdir(groups['eml'][0]))} EML files, {len(groups['maildir'])} Maildirs")
    return groups


def seconds(item):
    """The instant, in seconds; the zone that is shown beside it may differ."""
    text = item.get("received")
    return text and int(datetime.datetime.fromisoformat(text).timestamp() // 1)


def facts(item):
    return {"sha256": item["sha256"], "received": seconds(item), "flags": sorted(words(item.get("flags"))),
            "keywords": sorted(words(item.get("keywords")))}


def words(value):
    return value.split() if isinstance(value, str) else value or []


def stored(target):
    """The items that are in the target: the last word on each id."""
    last = {}
    for item in judge.items_of(target):
        last[item["id"]] = item
    return [i for i in last.values() if i["status"] == "stored"]


def convert(srcs, target, fmt):
    run("convert", "--to", fmt, *srcs, target, exits=(0, 1))
    report = judge.report_of(target)
    same(judge.adds_up(report), f"{target}: totals do not add up: {report['totals']}")
    items = judge.items_of(target)
    equal(len(items), report["totals"]["found"], f"{target}: lines of items.jsonl")
    for item in items:
        same(item["status"] == "stored" or judge.issues_of(item),
             f"{target}: {item['id']} is {item['status']} and no issue says why")
    run("verify", target)
    if fmt != "mbox":
        check_files(target, fmt)
    return stored(target)


def check_files(target, fmt):
    """Every file of a target with one file a message holds what items.jsonl says, judged without mailhaul."""
    paths = judge.by_name(target)
    for item in stored(target):
        found = paths.get(os.path.basename(item["stored_as"]), [])
        if not same(len(found) == 1, f"{target}: {item['stored_as']} is {len(found)} files"):
            continue
        path = found[0]
        octets = judge.read(path)
        equal(judge.sha256(octets), item["sha256"], f"{path}: digest of the file")
        if item.get("received"):
            equal(int(os.stat(path).st_mtime // 1), seconds(item), f"{path}: mtime")


def compare(before, after, what):
    """Both lists of items hold the same messages. Pairs by digest, then by the order of equal ones."""
    equal(len(after), len(before), f"{what}: count")
    left = collections.defaultdict(list)
    for item in after:
        left[item["sha256"]].append(item)
    unpaired = []
    explained = collections.Counter()
    for item in before:
        twins = left.get(item["sha256"])
        if not twins:
            unpaired.append(item)
            continue
        wanted = facts(item)
        twin = next((t for t in twins if facts(t) == wanted), twins[0])
        twins.remove(twin)
        explained.update(differ(item, twin, what))
    strangers = [i for v in left.values() for i in v]
    for item in unpaired:
        twin = next((s for s in strangers if s.get("message_id") == item.get("message_id")), strangers[0] if strangers else None)
        if twin:
            strangers.remove(twin)
            explained.update(differ(item, twin, what))
        else:
            same(False, f"{what}: {name(item)} is gone")
    return explained


def name(item):
    return f"{os.path.basename(item.get('source') or '')} {item['id'][:12]} {item.get('stored_as')}"


def differ(a, b, what):
    """Compare two items; returns the fields that differ with an issue that explains it."""
    fa, fb = facts(a), facts(b)
    issues = judge.issues_of(a) | judge.issues_of(b)
    unexplained = [k for k in fa if fa[k] != fb[k] and not any(i.startswith(EXPLAINS[k]) for i in issues)]
    same(not unexplained, f"{what}: {name(a)} " + ", ".join(f"{k} {fa[k]} became {fb[k]}" for k in unexplained)
         + f" (issues {sorted(issues)})")
    return [k for k in fa if fa[k] != fb[k] and k not in unexplained]


def check_truth(group, srcs, items, report):
    """EML files: the digest of each file is the digest of its item, but where an issue says what was taken off."""
    if group != "eml":
        return
    # A file that begins with a From_ line is an mbox; its place says at which octet.
    by_place = {re.sub(r"@\d+$", "", i["source_place"]): i for i in items}
    passed_over = [n["detail"].split(": ")[0] for n in report["notices"] if n["issue"] == "source.entry-skipped"]
    repaired = 0
    for name in sorted(os.listdir(srcs[0])):
        item = by_place.get(name)
        if not item:
            same(name in passed_over, f"{name}: no item, and not named as passed over")
        elif name.endswith(".emlx") or "@" in item["source_place"] or any(i.startswith("eml.") for i in judge.issues_of(item)):
            repaired += 1
        else:
            equal(item["sha256"], judge.sha256(judge.read(os.path.join(srcs[0], name))), f"{name}: digest")
    equal(len({i["source_place"] for i in items}), len(items), "eml: items with a place of their own")
    say(f"eml: {len(items)} items hold the octets of their files, {repaired} of them cut out of more; {len(passed_over)} files passed over by name")


def main():
    work = judge.temporary(memory=True)
    for group, srcs in sources().items():
        first = {}
        for fmt in FORMATS:
            first[fmt] = convert(srcs, os.path.join(work, f"{group}.{fmt}"), fmt)
        check_truth(group, srcs, first["eml"], judge.report_of(os.path.join(work, f"{group}.eml")))
        compare(first["maildir"], first["mbox"], f"{group}: to mbox as to maildir")
        compare(first["maildir"], first["eml"], f"{group}: to eml as to maildir")
        explained = collections.Counter()
        for fmt in FORMATS:
            for back in FORMATS:
                target = os.path.join(work, f"{group}.{fmt}.{back}")
                items = convert([os.path.join(work, f"{group}.{fmt}")], target, back)
                explained.update(compare(first[fmt], items, f"{group} → {fmt} → {back}"))
        say(f"{group}: {len(first['maildir'])} messages, 3 targets, 9 ways on; differences that issues explain: {dict(explained) or 'none'}")
    judge.finish()


if __name__ == "__main__":
    main()
