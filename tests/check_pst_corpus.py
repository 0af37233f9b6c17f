"""Real Outlook stores, judged by readers that nobody here wrote: pffexport, readpst, and the figures of java-libpst and
pst-extractor that the corpus carries. For every store:

  items        every item that another reader lists is there, of its kind, embedded ones included
  attachments  the SHA-256 of every attachment that pffexport writes is among ours
  bodies       the text of every text part of a mail is what pffexport or readpst has, white space folded, or has a reason
  validity     Python's email package finds no defect, headers are 7-bit, no line exceeds 998 octets; every text/calendar
               part is taken by an iCalendar parser and every text/vcard part by a vCard parser

A difference that is right has its reason in REASONS, and docs/formats/pst.md has the table. HAUL_STORE=part of a name: only those stores.
HAUL_FIGURES=1: what is counted differently by whom.
"""
import collections
import csv
import email
import email.policy
import hashlib
import os
import re
import shutil
import sys

import judge
import outlook
from judge import equal, run, same, say

sys.path.append("/usr/lib/python3/dist-packages")  # python3-vobject, python3-icalendar of Debian

LINE_MAX = 998
KINDS = {  # kind of ours: columns of PST_COUNTS.tsv by reader, summed
    "contact": [["pff_contacts", "pff_distlists"], ["pstx_contacts", "pstx_distlists"], ["jlp_contacts", "jlp_distlists"],
                ["readpst_vcards"]],
    "task": [["pff_tasks"], ["pstx_tasks"], ["jlp_tasks"]],
    "note": [["pff_notes", "pff_journal"], ["pstx_notes", "pstx_journal"], ["jlp_notes", "jlp_journal"]],
    "calendar": [["pff_appointments"], ["pstx_appointments"], ["jlp_appointments"]],
}
ALL = [["pff_" + k for k in ("messages", "meetings", "appointments", "contacts", "tasks", "notes", "journal", "distlists")],
       ["jlp_" + k for k in ("messages", "contacts", "appointments", "tasks", "notes", "journal", "distlists", "other")]]
SHOWN = {  # what HAUL_FIGURES prints besides: not compared, readers count it in different ways
    "items": ALL + [["pstx_" + k for k in ("messages", "contacts", "appointments", "tasks", "notes", "journal", "distlists",
                                           "other")], ["readpst_items_done"]],
    "embedded": [["pff_embedded_msgs"], ["jlp_embedded_msgs"]],
    "attachments": [["pff_attachments"], ["pstx_attachments"], ["jlp_attachments"], ["readpst_attachments"]],
}
CLASSES = [  # message class, its kind of ours: the first that fits, of a class or of one below it
    ("IPM.Appointment", "calendar"), ("IPM.Schedule", "calendar"), ("IPM.OLE.CLASS.{00061055-0000-0000-C000-000000000046}", "calendar"),
    ("IPM.Contact", "contact"), ("IPM.DistList", "contact"), ("IPM.Task", "task"), ("IPM.StickyNote", "note"),
    ("IPM.Activity", "note"), ("IPM.Note", "mail"), ("IPM", "mail"),
]
# Texts of ours that neither pffexport nor readpst has: (end of the store's name, part of the file name, type) → why it is right.
REASONS = {
    ("Java__outlook__sample.pst", "New-message-created", "text/html"): "HTML taken out of the RTF that encapsulates it; the others "
        "write the plain text only",
    ("pstextractortest@outlook.com.ost", "Synchronization-Log", "text/plain"): "text drawn out of real RTF; the others write the RTF only",
}


def number(text):
    return int(text) if text and text.isdigit() else 0


class Ours:
    """What we wrote, read by Python's email package."""

    def __init__(self, target):
        self.items = judge.items_of(target)
        self.attachments, self.texts = collections.Counter(), []
        self.embedded, self.instances, self.files = 0, 0, 0
        self.subjects = collections.Counter()
        for item in self.items:
            if item["status"] == "stored":
                self.read(item, judge.read(os.path.join(target, item["stored_as"])))

    def read(self, item, octets):
        where = item["stored_as"]
        check_octets(octets, where)
        message = email.message_from_bytes(octets, policy=email.policy.default)
        self.subjects[outlook.subject(str(message.get("Subject", "")))] += 1
        for part in message.walk():
            same(not part.defects, f"{where}: {part.get_content_type()}: {part.defects}")
            self.embedded += part.get_content_type() == "message/rfc822" and part is not message
            self.files += bool(part is not message and (part.get_filename() or part.is_attachment()))
            if not part.is_multipart():
                self.leaf(item, where, part)
        for report in re.findall(rb"(?s)Content-Type: message/d[a-z]*-[a-z]+(?:\r\n[^\r\n]+)*\r\n\r\n(.*?)\r\n--=_mail",
                                 octets):
            self.attachments[hashlib.sha256(report).hexdigest()] += 1
        for signed in re.findall(rb"(?s)multipart/signed.*", octets):
            self.attachments[hashlib.sha256(signed).hexdigest()] += 1

    def leaf(self, item, where, part):
        kind = part.get_content_type()
        payload = part.get_payload(decode=True) or b""
        self.attachments[hashlib.sha256(payload).hexdigest()] += 1
        if part.is_attachment() or part.get_filename() and kind in ("text/plain", "text/html"):
            return
        if kind == "text/calendar":
            self.instances += check_calendar(payload, where)
        elif kind == "text/vcard":
            check_card(payload, where)
        elif kind in ("text/plain", "text/html"):
            try:
                text = payload.decode(part.get_content_charset() or "us-ascii")
            except (LookupError, UnicodeDecodeError) as why:
                same(False, f"{where}: {kind}: {why}")
                return
            text = outlook.folded(outlook.html_text(text) if kind == "text/html" else text)
            self.texts.append((item, kind, text))


def check_octets(octets, where):
    head = re.split(rb"\r?\n\r?\n", octets, maxsplit=1)[0]
    same(all(0 < c < 0x80 for c in head), f"{where}: a header octet that is NUL or has 8 bits")
    longest = max((len(line.rstrip(b"\r")) for line in octets.split(b"\n")), default=0)
    same(longest <= LINE_MAX, f"{where}: a line of {longest} octets")


def check_calendar(octets, where):
    """Instances that override one of a series: the embedded items of a recurring appointment."""
    import icalendar
    try:
        calendar = icalendar.Calendar.from_ical(octets)
        problems = [e for c in calendar.walk() for e in getattr(c, "errors", [])]
        same(not problems, f"{where}: text/calendar: {problems}")
        names = [c.name for c in calendar.subcomponents if c.name in ("VEVENT", "VTODO", "VJOURNAL")]
        same(names, f"{where}: text/calendar without a component")
        return sum(1 for c in calendar.subcomponents if c.get("RECURRENCE-ID") is not None)
    except ValueError as why:
        same(False, f"{where}: text/calendar: {why}")
        return 0


def check_card(octets, where):
    import vobject
    try:
        card = next(vobject.readComponents(octets.decode("utf-8"), validate=False))
        same(card.name == "VCARD" and hasattr(card, "fn") and card.version.value == "4.0", f"{where}: text/vcard without FN")
    except (UnicodeDecodeError, StopIteration, AttributeError, vobject.base.ParseError) as why:
        same(False, f"{where}: text/vcard: {why!r}")


# ── comparing ──

def check_counts(name, row, ours):
    kinds = collections.Counter(i["kind"] for i in ours.items)
    for kind, readers in KINDS.items():
        best = max(sum(number(row[c]) for c in columns) for columns in readers)
        same(kinds[kind] >= best, f"{name}: {kinds[kind]} items of kind {kind}, others see {best}")
    best = max(sum(number(row[c]) for c in columns) for columns in ALL)
    same(len(ours.items) >= best, f"{name}: {len(ours.items)} items, others see {best}")
    best = max(number(row["pff_embedded_msgs"]), number(row["jlp_embedded_msgs"]))
    same(ours.embedded + ours.instances >= best, f"{name}: {ours.embedded} embedded messages and {ours.instances} instances, "
         f"others see {best}")


def show_figures(name, row, ours):
    """Where a reader counts something else than we do."""
    own = collections.Counter(i["kind"] for i in ours.items)
    own.update(items=len(ours.items), embedded=ours.embedded + ours.instances, attachments=ours.files)
    for what, readers in (KINDS | SHOWN).items():
        theirs = {columns[0].split("_")[0]: sum(number(row[c]) for c in columns) for columns in readers}
        if set(theirs.values()) != {own[what]}:
            say(f"{name}: {what}: {own[what]}; {theirs}")


def kind_of(of):
    return next((kind for name, kind in CLASSES if (of.upper() + ".").startswith(name.upper() + ".")), "mail")


def check_oracle(name, ours):
    """Every item that java-libpst lists, by subject; as many of each class as it lists."""
    path = os.path.join(judge.CORPUS, "oracle", name + ".items.tsv")
    wanted, classes = collections.Counter(), collections.Counter()
    for line in judge.read(path).decode("utf-8", "replace").splitlines():
        _, depth, of, _, text = (line.split("\t") + [""] * 5)[:5]
        if depth == "0":
            wanted[outlook.subject(text)] += 1
            classes[kind_of(of)] += 1
    kinds = collections.Counter(i["kind"] for i in ours.items)
    for kind, n in classes.items():
        same(kinds[kind] >= n, f"{name}: {kinds[kind]} items of kind {kind}, java-libpst lists {n} of its classes")
    check_subjects(name, wanted, ours, "java-libpst")


def check_subjects(name, wanted, ours, who):
    for text, n in wanted.items():
        same(ours.subjects[text] >= n, f"{name}: {ours.subjects[text]} items with a subject that {who} has {n} times: {text!r}")


def check_pim(name, pim, ours):
    """--pim-files: as many cards as contacts, and as many objects as there are other items that are no mail."""
    import icalendar
    import vobject
    cards = objects = 0
    for directory, _, files in os.walk(pim):
        for file in files:
            octets = judge.read(os.path.join(directory, file))
            if file.endswith(".vcf"):
                cards += sum(1 for _ in vobject.readComponents(octets.decode("utf-8"), validate=False))
                continue
            calendar = icalendar.Calendar.from_ical(octets)
            same(not [e for c in calendar.walk() for e in getattr(c, "errors", [])], f"{name}: {file} has errors")
            objects += sum(1 for c in calendar.subcomponents
                           if c.name in ("VEVENT", "VTODO", "VJOURNAL") and c.get("RECURRENCE-ID") is None)
    kinds = collections.Counter(i["kind"] for i in ours.items)
    equal(cards, kinds["contact"], f"{name}: cards in .vcf files")
    equal(objects, kinds["calendar"] + kinds["task"] + kinds["note"], f"{name}: objects in .ics files")


def check_content(name, store, ours, export, work):
    for digest, n in export.attachments.items():
        same(ours.attachments[digest] >= n, f"{name}: an attachment that pffexport writes {n} times, we {ours.attachments[digest]}: "
             f"{digest}")
    own = {text for _, _, text in ours.texts}
    for where, text in export.texts:
        same(not text or text in own, f"{name}: the text of pffexport's {where} is not among ours")
    theirs = {text for _, text in export.texts} | outlook.readpst_texts(store, os.path.join(work, "readpst"))
    for item, kind, text in ours.texts:
        if item["kind"] == "mail" and text and text not in theirs:
            why = any(name.endswith(s) and part in item["stored_as"] and kind == k for s, part, k in REASONS)
            same(why, f"{name}: {item['stored_as']}: {kind}: neither pffexport nor readpst has this text")


def check_store(store, row, work):
    name = os.path.basename(store)
    export = outlook.Export(store, os.path.join(work, "pff"))
    target = os.path.join(work, "eml")
    done = run("convert", "--to", "eml", "--pim-files", "--progress", "none", store, target, exits=(0, 1, 3))
    if done.returncode == 3:
        same(export.status != 0, f"{name}: pffexport reads it, we do not: {done.text[-300:]}")
        return
    report = judge.report_of(target)
    if report["sources"][0]["format"] != "pst":  # an mbox was written over one of them
        same(export.status != 0, f"{name}: read as {report['sources'][0]['format']}, but pffexport reads it")
        return
    same(judge.adds_up(report), f"{name}: the totals do not add up")
    equal(report["totals"]["failed"], 0, f"{name}: failed")
    ours = Ours(target)
    check_subjects(name, export.subjects, ours, "pffexport")
    if row:
        check_counts(name, row, ours)
        if os.environ.get("HAUL_FIGURES"):
            show_figures(name, row, ours)
        check_oracle(name, ours)
    check_content(name, store, ours, export, work)
    check_pim(name, target + ".pim", ours)
    run("verify", target, store)


def main():
    outlook.need_readers()
    stores = [s for s in outlook.stores() if os.environ.get("HAUL_STORE", "") in s]
    if not stores:
        judge.skip("no stores: scripts/stores fetches some")
    rows = {}
    counts = os.path.join(judge.CORPUS, "PST_COUNTS.tsv")
    if os.path.exists(counts):
        with open(counts, encoding="utf-8", newline="") as f:
            rows = {row["file"]: row for row in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE)}
    work = judge.temporary(memory=True)
    for store in stores:
        own = os.path.join(work, "store")
        os.makedirs(own)
        check_store(store, rows.get(os.path.basename(store)), own)
        shutil.rmtree(own)
    say(f"{len(stores)} stores")
    judge.finish()


main()
