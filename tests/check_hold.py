"""Packages of `mailhaul hold`, judged from outside: sha256sum, xmllint, csv, xml.etree, sqlite3, a DAT parser of our own, Python's email.

  corpus    every Outlook store and some mboxes: manifests, counts in every file against report.json, digests of natives and attachments
  runs      filters, duplicates with custodians, control numbers, hostile names, sources that are copied
  resume    kill -9 at many moments, SIGINT, a further source: one chain, nothing twice, sealed at the end
  change    octets changed all over a package: verify names the place

HAUL_STORE=part of a name: only those stores. CASES: only those parts."""
import collections
import csv
import email
import email.policy
import glob
import hashlib
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
import xml.etree.ElementTree as ElementTree

import judge
from judge import equal, run, same, say

CORPUS = os.environ.get("HAUL_CORPUS", "")
SCHEMA = os.path.join(CORPUS, "..", "schemas", "eaxs_schema_v2.xsd")
LONG = os.environ.get("HAUL_LONG") == "1"
CASES = (os.environ.get("CASES") or "corpus,runs,resume,change").split(",")
WORK = judge.temporary(memory=True)
ZEROS = "0" * 64
_serial = iter(range(1 << 30))


def fresh(name):
    return os.path.join(WORK, f"{name}-{next(_serial)}")


def hold(sources, target, *options, exits=(0, 1)):
    return run("hold", *sources, target, *options, exits=exits, timeout=600)


def text(target, name):
    return judge.read(os.path.join(target, name)).decode()


# ── the parts of a package ──

def dat(target, encoding="utf-8-sig"):
    """A Concordance file: a parser of our own, by its description alone."""
    octets = judge.read(os.path.join(target, "load/concordance.dat"))
    if encoding == "utf-8-sig":
        same(octets.startswith(b"\xef\xbb\xbf"), "DAT: no byte order mark")
    same(octets.endswith(b"\r\n"), "DAT: the last record has no CRLF")
    lines = octets.decode(encoding).split("\r\n")[:-1]
    rows = []
    for line in lines:
        same(line.startswith("þ") and line.endswith("þ"), f"DAT: a record without qualifiers: {line[:80]!r}")
        rows.append(line[1:-1].split("þ\x14þ"))
    for row in rows:
        equal(len(row), len(rows[0]), f"DAT: fields of {row[:1]}")
        same(not any("\x14" in f or "þ" in f or "\n" in f or "\r" in f for f in row), f"DAT: a delimiter within {row[0]}")
    return [dict(zip(rows[0], row)) for row in rows[1:]]


def table(target, name):
    with io.StringIO(text(target, name), newline="") as f:
        return list(csv.DictReader(f))


def log_of(target):
    """The chain, followed by somebody else."""
    prev, events = ZEROS, []
    for i, line in enumerate(judge.read(os.path.join(target, "audit.jsonl")).split(b"\n")[:-1]):
        event = json.loads(line)
        if event["prev"] != prev or event["seq"] != i + (events[0]["seq"] if events else event["seq"]):
            same(False, f"log: line {i + 1} does not follow the one before")
        prev = hashlib.sha256(line).hexdigest()
        events.append(event)
    return events, prev


def info_of(target):
    fields = collections.OrderedDict()
    for line in text(target, "bag-info.txt").splitlines():
        if line[:1] in " \t":
            fields[list(fields)[-1]] += line.strip()
            continue
        name, _, value = line.partition(": ")
        same(name not in fields, f"bag-info: {name} twice")
        fields[name] = value
    return fields


def sums(target, manifest):
    done = subprocess.run(["sha256sum", "--quiet", "--strict", "-c", manifest], cwd=target, capture_output=True, text=True, check=False)
    same(done.returncode == 0, f"sha256sum -c {manifest}: {done.stdout[-300:]}{done.stderr[-300:]}")
    return [line.split("  ", 1)[1] for line in text(target, manifest).splitlines()]


def files_below(target):
    return sorted(os.path.relpath(os.path.join(d, f), target) for d, _, names in os.walk(target) for f in names)


def bag(target, what):
    """Manifests, bag-info, log: as BagIt, Mailbag and our own rules want them."""
    payload, tags = sums(target, "manifest-sha256.txt"), sums(target, "tagmanifest-sha256.txt")
    there = files_below(target)
    equal(sorted(payload), [f for f in there if f.startswith("data/")], f"{what}: payload and manifest")
    equal(sorted(tags), [f for f in there if not f.startswith("data/") and f != "tagmanifest-sha256.txt"], f"{what}: tag files")
    equal(text(target, "bagit.txt"), "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n", f"{what}: bagit.txt")
    info, (events, head) = info_of(target), log_of(target)
    octets = sum(os.path.getsize(os.path.join(target, f)) for f in payload)
    equal(info["Payload-Oxum"], f"{octets}.{len(payload)}", f"{what}: Payload-Oxum")
    for name in ("Bag-Type", "Mailbag-Source", "Mailbag-Specification-Version", "Original-Included", "Bagging-Timestamp", "Bagging-Date",
                 "External-Identifier", "Mailbag-Agent", "Mailbag-Agent-Version"):
        same(name in info, f"{what}: bag-info has no {name}")
    equal((info["Bag-Type"], info["Mailbag-Agent"]), ("Mailbag", "mailhaul"), f"{what}: bag-info")
    equal((int(info["Audit-Log-Count"]), info["Audit-Log-Head"]), (len(events), head), f"{what}: the log's head")
    return info, events


def families(rows):
    """Every attachment behind its message, numbers in a row, and the fields that name the family agree."""
    family = []
    for row in rows:
        if not row["PARENT_DOCID"]:
            family = [row]
        else:
            family.append(row)
            equal(row["PARENT_DOCID"], family[0]["DOCID"], "a family that is split")
        same(row["BEGDOC"] == row["ENDDOC"] == row["DOCID"], f"BEGDOC, ENDDOC of {row['DOCID']}")
    by_id = {row["DOCID"]: row for row in rows}
    equal(len(by_id), len(rows), "ids that are not unique")
    same(len({k.lower() for k in by_id}) == len(rows), "ids that differ in case only")
    for row in rows:
        for child in filter(None, row["ATTCHIDS"].split(";")):
            same(by_id.get(child, {}).get("PARENT_DOCID") == row["DOCID"], f"ATTCHIDS of {row['DOCID']}: {child}")
    return by_id


def digests(target, rows, what):
    for row in rows:
        octets = judge.read(os.path.join(target, row["NATIVEPATH"]))
        got = [hashlib.new(n, octets).hexdigest() for n in ("md5", "sha1", "sha256")]
        if got != [row["MD5HASH"].lower(), row["SHA1HASH"].lower(), row["SHA256HASH"].lower()] or len(octets) != int(row["FILESIZE"]):
            same(False, f"{what}: {row['DOCID']}: digests or size")
        if row["TEXTPATH"]:
            same(os.path.exists(os.path.join(target, row["TEXTPATH"])), f"{what}: {row['TEXTPATH']}")
    same(True, what)


def mih(row, octets):
    value = re.search(rb"(?im)^message-id[ \t]*:((?:.|\r?\n[ \t])*)", octets.split(b"\n\n")[0].split(b"\r\n\r\n")[0])
    found = re.search(rb"<[^<>\s]+@[^<>\s]+>", value.group(1)) if value else None
    if row["EDRM_MIH"]:
        same(found and hashlib.md5(found.group(0)).hexdigest() == row["EDRM_MIH"].lower(), f"MIH of {row['DOCID']}")


def edrm(target, rows, what):
    root = ElementTree.parse(os.path.join(target, "load/edrm.xml")).getroot()
    documents = {d.get("DocID"): d for d in root.iter("Document") if d.get("DocType")}
    equal(sorted(documents), sorted(r["DOCID"] for r in rows), f"{what}: EDRM documents")
    for relation in root.iter("Relationship"):
        same({relation.get("ParentDocID"), relation.get("ChildDocID")} <= set(documents), f"{what}: EDRM {relation.attrib}")
    in_folders = [d.get("DocID") for f in root.iter("Folder") for d in f if d.tag == "Document"]
    same(set(in_folders) <= set(documents), f"{what}: EDRM folders")


def eaxs(target, messages, what):
    path = os.path.join(target, "load/eaxs.xml")
    if os.path.exists(SCHEMA) and shutil.which("xmllint"):
        done = subprocess.run(["xmllint", "--nonet", "--noout", "--huge", "--schema", SCHEMA, path], capture_output=True, text=True, check=False)
        same(done.returncode == 0, f"{what}: EAXS: {done.stderr[-600:]}")
    guids = []
    for _, e in ElementTree.iterparse(path):  # messages within messages are ChildMessage
        if e.tag.rpartition("}")[2] == "Message":
            guids += [child.text for child in e if child.tag.rpartition("}")[2] == "Guid"]
            e.clear()
    equal(sorted(guids), sorted(messages), f"{what}: EAXS messages")


def package(target, what, eaxs_too=True, encoding="utf-8-sig"):
    """Everything of a sealed package. Returns (DAT rows, report, log events)."""
    info, events = bag(target, what)
    rows = dat(target, encoding)
    by_id = families(rows)
    messages = [r for r in rows if not r["PARENT_DOCID"]]
    report = json.loads(text(target, "report.json"))
    totals, own = report["totals"], report["package"]
    same(judge.adds_up(report), f"{what}: {totals}")
    equal(totals["stored"] + totals["already_stored"] - duplicates_again(report, events), len(messages), f"{what}: messages in the DAT file")
    equal((own["messages"], own["documents"]), (len(messages), len(rows)), f"{what}: report.json")
    digests(target, rows, what)
    items = table(target, "load/items.csv")
    if encoding == "utf-8-sig":
        equal([r["DOCID"] for r in items], [r["DOCID"] for r in rows], f"{what}: items.csv")
    bags = [r for name in sorted(glob.glob(os.path.join(target, "mailbag*.csv"))) for r in table(target, os.path.basename(name))]
    equal(sorted(r["Mailbag-Message-ID"] for r in bags), sorted(r["DOCID"] for r in messages), f"{what}: mailbag.csv")
    for r in messages:
        mih(r, judge.read(os.path.join(target, r["NATIVEPATH"])))
    edrm(target, rows, what)
    if eaxs_too:
        eaxs(target, [r["DOCID"] for r in messages], what)
    exceptions = table(target, "exceptions.csv")
    equal(len(exceptions), own["exceptions"], f"{what}: exceptions.csv")
    same(all(by_id.get(v, {}) for v in (e.get("DOCID") or e.get("DocID") for e in exceptions) if v), f"{what}: exceptions of no document")
    same(events[-1]["event"] == "sealed", f"{what}: the log ends with {events[-1]['event']}")
    run("verify", target)
    return rows, report, events, info


def duplicates_again(report, events):
    """A duplicate of an earlier run is a duplicate in the next one, too: nothing of it is in the package."""
    return 0


# ── corpus ──

def attachments_of(octets):
    """SHA-256 of what Python's email calls an attachment; a message within is one, whole."""
    found, todo = collections.Counter(), [email.message_from_bytes(octets, policy=email.policy.compat32)]
    while todo:
        part = todo.pop()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            todo += part.get_payload()
        if part.is_multipart() or part.get_content_disposition() != "attachment":
            continue
        found[hashlib.sha256(part.get_payload(decode=True) or b"").hexdigest()] += 1
    return found


def stores():
    wanted = os.environ.get("HAUL_STORE") or ""
    found = sorted(glob.glob(os.path.join(CORPUS, "pst", "*")))
    found += sorted(glob.glob(os.path.join(CORPUS, "mbox", "*")))[::1 if LONG else 6]
    return [s for s in found if wanted in s and os.path.isfile(s)]


def corpus():
    items = 0
    for store in stores():
        target, what = fresh("case"), os.path.basename(store)
        before = judge.read(store)
        done = hold([store], target, "--matter", "M-1", "--custodian", "ada", "--text", exits=(0, 1, 3))
        if done.returncode == 3:
            continue
        rows, report, events, _ = package(target, what)
        equal(judge.read(store), before, f"{what}: the source")
        opened = [e for e in events if e["event"] in ("source-opened", "source-closed")]
        equal({e["sha256"] for e in opened}, {hashlib.sha256(before).hexdigest()}, f"{what}: the source's digest in the log")
        by_parent = collections.defaultdict(collections.Counter)
        for r in rows:
            if r["PARENT_DOCID"]:
                by_parent[r["PARENT_DOCID"]][r["SHA256HASH"].lower()] += 1
        for r in rows:
            if not r["PARENT_DOCID"]:
                missing = attachments_of(judge.read(os.path.join(target, r["NATIVEPATH"]))) - by_parent[r["DOCID"]]
                same(not missing, f"{what}: {r['DOCID']}: attachments that Python sees: {dict(missing)}")
        items += report["totals"]["found"]
        shutil.rmtree(target)
    say(f"corpus: {items} items")


# ── runs ──

NAMES = ["plain.txt", "a/b\\c:d*e?f\"g<h>i|j.txt", "x" * 300 + ".pdf", "CON", "nul.txt", "ends with dot.", "‮gnp.exe", "😀 smile.png", "þorn ®.doc",
         "tab\tname.txt", "..", ".hidden", "ünï çødé.txt", "a;b,c.txt", "%41.txt", "=41.txt", ""]


def with_attachments(number, names, subject="with attachments"):
    from email.message import EmailMessage
    m = EmailMessage(policy=email.policy.SMTP.clone(linesep="\n", refold_source="none"))
    m["From"], m["To"], m["Date"] = "Ada <ada@harbour.example>", "Ben <ben@lighthouse.example>, cat@lighthouse.example", "Mon, 4 Mar 2019 09:15:20 +0100"
    m["Subject"], m["Message-ID"] = subject, f"<{number}.att@harbour.example>"
    m.set_content(f"Body of {number}: þ and ® are letters.\n")
    for i, name in enumerate(names):
        m.add_attachment(f"octets {number} {i}".encode() * 20, maintype="application", subtype="octet-stream", filename=name or None)
    return m.as_bytes()


def hostile_names():
    target, source = fresh("case"), judge.write(os.path.join(fresh("src"), "names.mbox"),
                                                judge.mbox_of([with_attachments(i, NAMES, s) for i, s in enumerate(
                                                    ["plain", "0x14 \x14 within", "þorn ®egistered", "‮right to left", "😀", "x" * 5000])]))
    hold([source], target, "--text", "--matter", "þ", "--custodian", "Ada þ")
    rows, _, _, _ = package(target, "hostile names")
    equal(len(rows), 6 * (1 + len(NAMES)), "hostile names: documents")
    for path in files_below(target):
        name = os.path.basename(path)
        same(len(name.encode()) <= 255 and not re.search(r'[\x00-\x1f\\:*?"<>|\x7f‮]', name) and not name.endswith((".", " ")),
             f"hostile names: {path!r}")
    listed = {r["FILENAME"] for r in rows if r["PARENT_DOCID"]}
    same("ünï çødé.txt" in listed and "😀 smile.png" in listed, f"hostile names: {sorted(listed)[:5]}")
    replaced = [e for e in table(target, "exceptions.csv") if "replaced" in e.values()]
    same(replaced, "hostile names: what was replaced is not listed")
    for r in table(target, "load/items.csv"):
        if r["SUBJECT"].startswith("þorn"):
            equal(r["SUBJECT"], "þorn ®egistered", "items.csv keeps what DAT cannot")
    hold([source], fresh("case"), "--dat-encoding", "cp1252")


def folders_and_numbers():
    source = fresh("src")
    judge.write(os.path.join(source, "Inbox"), judge.mbox_of([judge.message(i) for i in range(5)]))
    judge.write(os.path.join(source, "A:B"), judge.mbox_of([with_attachments(i, ["one.txt", "two.txt"]) for i in range(3)]))
    judge.write(os.path.join(source, "A:B.sbd", "50% off"), judge.mbox_of([judge.message(i, subject="deep") for i in range(2)]))
    target = fresh("case")
    hold([source], target, "--control-prefix", "ABC", "--control-start", "41", "--time-zone", "+01:00", "--include-source")
    rows, _, events, info = package(target, "numbers")
    equal([r["DOCID"] for r in rows], [f"ABC{n:08}" for n in range(41, 41 + 16)], "control numbers")
    equal({r["TIMEZONE"] for r in rows}, {"+01:00"}, "the declared zone")
    first = next(r for r in rows if not r["PARENT_DOCID"])
    equal((first["DATESENT"], first["TIMESENT"]), ("20190304", "09:15:20"), "the time in the declared zone")
    equal(info["Original-Included"], "True", "Original-Included")
    same(any(e["event"] == "source-copied" for e in events), "the log has no source-copied")
    copied = {p: judge.read(os.path.join(target, p)) for p in files_below(target) if p.startswith("data/mbox/")}
    equal(sorted(map(hashlib.sha256, copied.values()), key=lambda h: h.digest())[0].hexdigest(),
          sorted((hashlib.sha256(judge.read(os.path.join(source, p))) for p in files_below(source)), key=lambda h: h.digest())[0].hexdigest(),
          "copies of the source")
    equal(len(copied), 3, "copies of the source: files")
    run("verify", target, source)
    judge.write(os.path.join(source, "Inbox"), judge.mbox_of([judge.message(9)]))
    run("verify", target, source, exits=(1,))
    run("hold", source, fresh("case"), "--control-start", "4", exits=(2,))
    run("hold", source, fresh("case"), "--control-prefix", "a/b", exits=(2,))
    run("hold", source, fresh("case"), "--time-zone", "Europe/Berlin", exits=(2,))
    run("hold", source, fresh("case"), "--dedupe", "sha1", exits=(2,))
    run("hold", source, os.path.join(source, "in"), exits=(2,))


def duplicates():
    sources = [judge.write(os.path.join(fresh("src"), f"{who}.mbox"), judge.mbox_of(
        [judge.message(i) for i in range(10)] + [judge.message(0, subject=who)] +
        [judge.message(50, body=who.encode() + b"\n")] + [b"Subject: no id\n\nsame\n"])) for who in ("ada", "ben", "cat")]
    owners = judge.write(os.path.join(fresh("map"), "map.txt"), b"# who\n*ada.mbox = Ada\n*ben.mbox = Ben, Jr\n*cat.mbox = Cat\n")
    for how, scope, kept in (("off", "all", 39), ("digest", "all", 10 + 3 + 3 + 1), ("mih", "all", 10 + 3 + 1 + 3), ("digest", "custodian", 39)):
        target, what = fresh("case"), f"dedupe {how} {scope}"
        hold(sources, target, "--custodian-map", owners, "--dedupe", how, "--dedupe-scope", scope)
        rows, report, _, _ = package(target, what)
        equal(len(rows), kept, f"{what}: kept")
        equal(report["totals"]["duplicate"], 39 - kept, f"{what}: duplicates")
        if kept < 39:
            first = next(r for r in rows if r["SUBJECT"] == "a message 3")
            equal(first["CUSTODIAN"], "Ada", f"{what}: the first one's custodian")
            same(all(n in first["ALL_CUSTODIANS"] for n in ("Ada", "Ben", "Cat")), f"{what}: ALL_CUSTODIANS {first['ALL_CUSTODIANS']}")
        hold(sources, target, "--custodian-map", owners, "--dedupe", how, "--dedupe-scope", scope)
        again = dat(target)
        equal([r["DOCID"] for r in again], [r["DOCID"] for r in rows], f"{what}: again")
        run("verify", target)


def selection():
    source = judge.write(os.path.join(fresh("src"), "s.mbox"), judge.mbox_of(
        [judge.message(1, subject="the contract"), judge.message(2, sender="eve@evil.example"), judge.message(3, body=b"about the Contract here\n"),
         judge.message(4, date="Mon, 4 Mar 2013 09:15:20 +0100"), judge.message(5)]))
    terms = judge.write(os.path.join(fresh("t"), "terms.txt"), b"contract\nnothing*\n")
    target = fresh("case")
    hold([source], target, "--term", terms, "--party", "harbour.example")
    rows, report, _, _ = package(target, "selection")
    equal(len(rows), 2, "selection: documents")
    equal({t["term"]: t["items"] for t in report["terms"]}, {"contract": 2, "nothing*": 0}, "selection: terms")
    left = table(target, "messages_not_retained.csv")
    equal(len(left), 3, "selection: what was left out is listed")
    equal(report["totals"]["filtered"], 3, "selection: filtered")


def dry_run():
    source = judge.write(os.path.join(fresh("src"), "s.mbox"), judge.mbox_of([judge.message(1)]))
    twice = judge.write(os.path.join(fresh("src"), "t.mbox"), judge.mbox_of([judge.message(1), judge.message(2), judge.message(2)]))
    target = fresh("case")
    for how, counts, blind in (((), (4, 0), False), (("--dedupe", "digest"), (2, 2), False), (("--dedupe", "mih"), (4, 0), True),
                               (("--dedupe", "digest", "--dedupe-scope", "custodian"), (4, 0), True)):
        totals = json.loads(hold([source, twice], target, "--dry-run", "--json", *how, exits=(0,)).stdout)["totals"]
        equal((totals["stored"], totals["duplicate"]), counts, f"a dry run with {how}")
        equal("looks for duplicates" in hold([source, twice], target, "--dry-run", *how, exits=(0,)).text, blind, f"a dry run with {how}: said")
    same(not os.path.exists(target), "a dry run made a package")
    run("hold", "/nonexistent/x.pst", target, exits=(3,))
    run("convert", source, os.path.join(target, "x"), "--matter", "M", "--to", "eml", exits=(2,))
    judge.write(os.path.join(target, "mine.txt"), b"mine\n")
    run("hold", source, target, exits=(4, 2))
    equal(judge.read(os.path.join(target, "mine.txt")), b"mine\n", "a directory of somebody else")


def mistakes():
    """A command that was wrong must not cost the seal of a package, nor touch what is no package."""
    source = judge.write(os.path.join(fresh("src"), "s.mbox"), judge.mbox_of([judge.message(i) for i in range(3)]))
    target = fresh("case")
    hold([source], target, "--control-prefix", "K", "--text", exits=(0,))
    before = judge.snapshot(target, ignore=())
    for options, status in ((("--control-prefix", "L", "--text"), 2), (("--text",), 2), (("--control-prefix", "K"), 2), (("--time-zone", "x"), 2)):
        hold([source], target, *options, exits=(status,))
        equal(judge.differences(judge.snapshot(target, ignore=()), before), "", f"mistakes: {options}")
    hold([source + ".typo"], target, "--control-prefix", "K", "--text", exits=(3,))
    equal(judge.differences(judge.snapshot(target, ignore=()), before), "", "mistakes: a source that is not there")
    hold([source + ".typo"], fresh("case") + "/new", exits=(3,))
    same(not os.path.exists(target + "/new"), "mistakes: nothing to read, but a target")
    foreign = fresh("bag")
    for name in ("bagit.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt"):
        judge.write(os.path.join(foreign, name), b"x\n")
    before = judge.snapshot(foreign)
    done = hold([source], foreign, exits=(4,))
    equal(judge.differences(judge.snapshot(foreign), before), "", "mistakes: the bag of somebody else")
    same("--merge" not in done.text, "mistakes: an option that hold does not have")


def lost_sources():
    """One source of three cannot be read: the others are sealed, and the package says so."""
    where = fresh("src")
    good = [judge.write(os.path.join(where, f"{n}.mbox"), judge.mbox_of([judge.message(i, subject=n)])) for i, n in enumerate("ab")]
    garbage = judge.write(os.path.join(where, "garbage.bin"), bytes(range(256)) * 9)
    for lost in (os.path.join(where, "c.mbox"), garbage):
        target, name = fresh("case"), os.path.basename(lost)
        hold([good[0], lost, good[1]], target, "--include-source", "--matter", "M-3", exits=(3,))
        rows, _, events, _ = package(target, f"lost source {name}")
        equal(len(rows), 2, f"{name}: documents")
        same(any(x["Source"] == name and x["Kind"] == "failed" for x in table(target, "exceptions.csv")), f"{name}: no exception")
        steps = [e for e in events if e.get("source") == name and e["event"].startswith("source-")]
        equal([e["event"] for e in steps][:2], ["source-opened", "source-closed"], f"{name}: events")
        same(not any(e.get("unchanged") is False for e in steps), f"{name}: said to have changed")
        same(all("error" not in e or "sha256" not in e for e in steps), f"{name}: a digest of what could not be read")
    judge.write(lost, judge.mbox_of([judge.message(7)]))
    hold([lost], target, exits=(0,))
    (info, _), rows = bag(target, "a source that came back"), dat(target)
    run("verify", target)
    equal((len(rows), table(target, "exceptions.csv")), (3, []), "a source that came back")
    equal((info["External-Identifier"], info["Original-Included"]), ("M-3", "True"), "what an earlier run said of the package")


def other_filters():
    """What is in the package is not listed as left out, whatever the filters of a later run; and what is taken later no longer is."""
    source = judge.write(os.path.join(fresh("src"), "s.mbox"), judge.mbox_of([judge.message(i) for i in range(3)] + [judge.message(1)]))
    target = fresh("case")
    for options, left, rows in ((("--since", "2100-01-01"), 4, 0), (("--dedupe", "digest"), 0, 3), (("--since", "2100-01-01"), 0, 3), ((), 0, 4)):
        hold([source], target, *options, exits=(0,))
        equal(len(table(target, "messages_not_retained.csv")), left, f"other filters {options}: left out")
        equal(len([r for r in dat(target)]), rows, f"other filters {options}: documents")
        run("verify", target)
    equal(json.loads(text(target, "report.json"))["package"]["twins"], 0, "other filters: an item that is its own duplicate")


def several_runs():
    """report.html is of the package, not of the last run: totals, sources, folders of all of them."""
    where, target = fresh("src"), fresh("case")
    first = judge.write(os.path.join(where, "first.mbox"), judge.mbox_of([judge.message(i) for i in range(7)] + [judge.message(3)]))
    second = judge.write(os.path.join(where, "second.mbox"), judge.mbox_of([judge.message(i, subject="x", date="Mon, 4 Mar 2013 09:15:20 +0100")
                                                                           for i in range(2)], start=1362390000) + judge.mbox_of([judge.message(40)]))
    for source in (first, second, second):
        hold([source], target, "--dedupe", "digest", "--since", "2015-01-01", exits=(0,))
    package_facts = json.loads(text(target, "report.json"))["package"]
    equal([package_facts[k] for k in ("messages", "twins", "left_out")], [8, 1, 2], "several runs: report.json")
    body = ElementTree.fromstring(re.sub(r"<!DOCTYPE[^>]*>", "", text(target, "report.html")).replace("&nbsp;", " "))
    words = " ".join("".join(body.itertext()).split())
    totals = re.sub(r"\D+", " ", words.split("Totals", 1)[1].split("Sources", 1)[0]).split()
    equal(totals, ["11", "8", "2", "1", "0"], "several runs: totals of the page")
    same("first.mbox" in words and "second.mbox" in words, "several runs: sources of the page")
    folders = words.split("Folders", 1)[1].split("by month", 1)[0]
    equal(re.findall(r"Total ?(\d+)", folders)[-1][:2], "11", f"several runs: folders of the page {folders[-80:]}")
    run("verify", target)


def looked_at():
    """Verify of a package that a killed run left: what reading its databases leaves behind must not keep it from being sealed."""
    source = judge.write(os.path.join(fresh("src"), "s.mbox"), judge.mbox_of([judge.message(i) for i in range(5)]))
    target = fresh("case")
    hold([source], target, exits=(0,))
    os.remove(os.path.join(target, "tagmanifest-sha256.txt"))
    for name in ("journal", "catalog"):
        judge.write(os.path.join(target, ".mailhaul", name + ".db-shm"), bytes(32768))
    hold([source], target, exits=(0,))
    package(target, "looked at")


def maps():
    """A line of a map that fits nothing is named, where that is certain."""
    source = fresh("src")
    for who in ("ada", "ben"):
        judge.write(os.path.join(source, who + ".mbox"), judge.mbox_of([judge.message(who)]))
    lines = judge.write(os.path.join(fresh("map"), "map.txt"), b"\xef\xbb\xbf# who\r\n\r\n*ada.mbox = Ada\r\n*bne.mbox = Ben\r\n")
    target = fresh("case")
    done = hold([source], target, "--custodian-map", lines, "--custodian", "nobody", exits=(0,))
    same("line 4 fits nothing that was read: *bne.mbox" in done.text and "line 3" not in done.text, f"maps: {done.text}")
    equal(sorted(r["CUSTODIAN"] for r in dat(target)), ["Ada", "nobody"], "maps: custodians")
    for options in ((), ("--dry-run",)):
        same("fits nothing" not in hold([source], target, "--custodian-map", lines, *options, exits=(0,)).text, f"maps: again {options}")


def at_once():
    source = judge.write(os.path.join(fresh("src"), "s.mbox"), judge.mbox_of([judge.message(i) for i in range(1500)]))
    target = fresh("case")
    both = [subprocess.Popen([judge.PROGRAM, "hold", source, target], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=judge.environment()) for _ in range(2)]
    said = [p.communicate()[1].decode() for p in both]
    same(0 in [p.returncode for p in both], f"at once: {said}")
    for p, words in zip(both, said):
        same(p.returncode == 0 or (p.returncode == 4 and "another run" in words), f"at once: {p.returncode} {words}")
    equal(len(package(target, "at once", eaxs_too=False)[0]), 1500, "at once: documents")


def runs():
    for case in (hostile_names, folders_and_numbers, duplicates, selection, dry_run, mistakes, lost_sources, other_filters, several_runs, looked_at, maps, at_once):
        case()
        say(f"{case.__name__}: done")


# ── resume ──

def plain(target):
    """What must not depend on how often a run was cut off."""
    keep = {p: hashlib.sha256(judge.read(os.path.join(target, p))).hexdigest() for p in files_below(target)
            if p.startswith(("data/", "load/concordance.dat", "load/items.csv", "load/edrm.xml"))}
    return keep


def resume():
    source = fresh("src")
    judge.write(os.path.join(source, "Inbox"), judge.mbox_of([judge.message(i, body=b"x\n" * (i % 50)) for i in range(700)]))
    judge.write(os.path.join(source, "Work"), judge.mbox_of([with_attachments(i, ["a.txt", "b.bin"]) for i in range(150)]))
    whole = fresh("case")
    hold([source], whole, "--control-prefix", "K", "--text")
    wanted, _ = plain(whole), package(whole, "uninterrupted")
    dice, stopped = random.Random(int(os.environ.get("SEED") or 1)), 0
    for i in range(30 if LONG else 5):
        target = fresh("case")
        for _ in range(2):
            process = subprocess.Popen([judge.PROGRAM, "hold", source, target, "--control-prefix", "K", "--text"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=judge.environment())
            time.sleep(dice.random() * (1.5 if judge.sanitized() else 0.4))
            process.send_signal(signal.SIGINT if i % 3 == 2 else signal.SIGKILL)
            process.communicate()
            stopped += process.returncode in (-9, 130)
        run("verify", target, exits=(0, 1, 3, 4))
        hold([source], target, "--control-prefix", "K", "--text", exits=(0,))
        equal(plain(target), wanted, f"resumed {i}")
        package(target, f"resumed {i}", eaxs_too=False)
        shutil.rmtree(target)
    say(f"resume: {stopped} runs stopped")
    more = judge.write(os.path.join(fresh("src"), "more.mbox"), judge.mbox_of([judge.message(9000)]))
    hold([more], whole, "--control-prefix", "K", "--text", exits=(0,))
    rows = dat(whole)
    equal(rows[-1]["DOCID"], f"K{700 + 450 + 1:08}", "a further source gets the next number")
    bag(whole, "a further source")
    run("verify", whole)
    run("hold", more, whole, "--control-prefix", "L", exits=(2,))


# ── change ──

def change():
    source = judge.write(os.path.join(fresh("src"), "c.mbox"), judge.mbox_of([with_attachments(i, ["a.txt"]) for i in range(6)]))
    target = fresh("case")
    hold([source], target, "--text", exits=(0,))
    run("verify", target)
    dice, places = random.Random(7), []
    every = files_below(target)
    for path in every:
        size = os.path.getsize(os.path.join(target, path))
        places += [(path, at) for at in {0, size - 1, size // 2} if size and 0 <= at < size]
    while len(places) < 200:
        path = dice.choice(every)
        size = os.path.getsize(os.path.join(target, path))
        if size:
            places.append((path, dice.randrange(size)))
    if not LONG:
        places = places[::1 if not judge.sanitized() else 3]
    for path, at in places:
        whole = os.path.join(target, path)
        octets = bytearray(judge.read(whole))
        kept = octets[at]
        octets[at] ^= 1 << dice.randrange(8)
        judge.write(whole, bytes(octets))
        done = run("verify", target, exits=(1, 3, 4))
        same(os.path.basename(path) in done.text or path in done.text, f"octet {at} of {path} changed: verify says {done.text[-300:]}")
        octets[at] = kept
        judge.write(whole, bytes(octets))
    run("verify", target)
    say(f"change: {len(places)} octets")


def main():
    for name, part in (("corpus", corpus), ("runs", runs), ("resume", resume), ("change", change)):
        if name in CASES:
            part()
    judge.finish()


main()
