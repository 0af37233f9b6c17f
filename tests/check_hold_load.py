"""The load files and tag files of a package, read by what nobody here wrote: Python's csv and xml.etree, and a DAT parser that
knows only the format. Each value must be the one that was put into the catalogue, and the same in every file; what a format
cannot hold is replaced and told, character by character; every reference leads somewhere."""
import collections
import csv
import datetime
import io
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import judge
from judge import equal, same, say

FILL = os.environ.get("HOLD_FILL") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/hold_fill")
ZONE = 330  # minutes: dates change day, and half hours count
FIELDS = """DOCID PARENT_DOCID BEGDOC ENDDOC BEGATTACH ENDATTACH ATTCHIDS CUSTODIAN ALL_CUSTODIANS SOURCEFILE FOLDERPATH
 RECORDTYPE FROM TO CC BCC SUBJECT DATESENT TIMESENT DATERCVD TIMERCVD TIMEZONE INTMSGID EDRM_MIH INREPLYTO REFERENCES
 CONVERSATIONINDEX IMPORTANCE READ FLAGGED ATTACHCOUNT ATTACHNAMES FILENAME FILEEXT MIMETYPE FILESIZE MD5HASH SHA1HASH
 SHA256HASH DATECRTD DATEMOD NATIVEPATH TEXTPATH EXCEPTION""".split()
KINDS = {"mail": "Email", "calendar": "Calendar", "contact": "Contact", "task": "Task", "note": "Note"}
SEEN, FLAGGED = 1, 4  # of haul_doc.flags
EPOCH = datetime.datetime(1970, 1, 1)


def fill(messages, *options):
    """Run hold_fill; its directory."""
    where = judge.temporary()
    done = subprocess.run([FILL, str(messages), where, *options], capture_output=True, text=True, check=False, timeout=500)
    same(done.returncode == 0, f"hold_fill: exit status {done.returncode}: {done.stderr[-1000:]}")
    same("Sanitizer" not in done.stderr and "runtime error" not in done.stderr, f"a sanitizer spoke: {done.stderr[-2000:]}")
    return where


def read(where, name):
    with open(os.path.join(where, name), "rb") as f:
        return f.read()


def lines(where, name):
    return [json.loads(x) for x in read(where, name).decode().split("\n") if x]


class Truth:
    """What was put in: families with their twins, and the lists."""

    def __init__(self, where):
        self.families, self.left, self.exceptions = [], [], []
        for x in lines(where, "truth.jsonl"):
            if x["what"] == "doc" and not x["parent"]:
                self.families.append(([x], []))
            elif x["what"] == "doc":
                self.families[-1][0].append(x)
            elif x["what"] == "twin":
                equal(self.families[-1][0][0]["docid"], x["docid"], "a twin belongs to the message before it")
                self.families[-1][1].append(x)
            else:
                (self.left if x["what"] == "left" else self.exceptions).append(x)

    def docs(self):
        for docs, twins in self.families:
            for d in docs:
                yield d, docs, twins


# ── what must be in a field ──

def local(us, zone):
    return None if us is None else EPOCH + datetime.timedelta(microseconds=us) + datetime.timedelta(minutes=zone)


def zone_text(zone):
    return "UTC" if not zone else f"{'-' if zone < 0 else '+'}{abs(zone) // 60:02}:{abs(zone) % 60:02}"


def extension(d):
    name = d["file_name"] or d["native"]
    name = name.rsplit("/", 1)[-1]
    at = name.rfind(".")
    ext = name[at + 1:]
    if at <= 0 or not ext or len(ext.encode()) > 32 or re.search(r"[\x00-\x20]", ext):
        return ""
    return re.sub("[A-Z]", lambda m: m.group().lower(), ext)


def custodians(docs, twins):
    return list(dict.fromkeys(c for c in [docs[0]["custodian"], *(t["custodian"] for t in twins)] if c))


def expected(d, docs, twins, zone):
    """The 44 fields of one document, from what was put in."""
    message = not d["parent"]
    day = {k: (t.strftime("%Y%m%d") if t else "") for k, t in ((k, local(d[k + "_us"], zone)) for k in
                                                               ("sent", "received", "created", "modified"))}
    hour = {k: (t.strftime("%H:%M:%S") if t else "") for k, t in ((k, local(d[k + "_us"], zone)) for k in ("sent", "received"))}
    flags = d["flags"] if message else None
    v = dict(DOCID=d["docid"], PARENT_DOCID="" if message else docs[0]["docid"], BEGDOC=d["docid"], ENDDOC=d["docid"],
             BEGATTACH=docs[0]["docid"], ENDATTACH=docs[-1]["docid"],
             ATTCHIDS=";".join(x["docid"] for x in docs[1:]) if message else "", CUSTODIAN=d["custodian"],
             ALL_CUSTODIANS="; ".join(custodians(docs, twins)).replace("; ", ";"), SOURCEFILE=d["source"], FOLDERPATH=d["folder"],
             RECORDTYPE=KINDS[d["kind"]] if message else "Attachment", FROM=d["from"], TO=d["to"], CC=d["cc"], BCC=d["bcc"],
             SUBJECT=d["subject"], DATESENT=day["sent"], TIMESENT=hour["sent"], DATERCVD=day["received"],
             TIMERCVD=hour["received"], TIMEZONE=zone_text(zone), INTMSGID=d["message_id"], EDRM_MIH=d["mih"],
             INREPLYTO=d["in_reply_to"], REFERENCES=d["references"], CONVERSATIONINDEX=d["conversation_index"],
             IMPORTANCE=d["importance"], READ="" if flags is None else "NY"[bool(flags & SEEN)],
             FLAGGED="" if flags is None else "NY"[bool(flags & FLAGGED)], ATTACHCOUNT=str(len(docs) - 1) if message else "",
             ATTACHNAMES=";".join(x["file_name"] for x in docs[1:]) if message else "", FILENAME=d["file_name"],
             FILEEXT=extension(d), MIMETYPE=d["mime_type"], FILESIZE=str(d["size"]), MD5HASH=d["md5"], SHA1HASH=d["sha1"],
             SHA256HASH=d["sha256"], DATECRTD=day["created"], DATEMOD=day["modified"], NATIVEPATH=d["native"],
             TEXTPATH=d["text"], EXCEPTION=d["exception"])
    return [v[f] for f in FIELDS]


# ── DAT ──

def parse_dat(data, encoding):
    """Records of a Concordance file, octet by octet. Anything that a reader could stumble over is a failure."""
    thorn = "\xfe".encode(encoding)
    if encoding == "utf-8":
        same(data.startswith(b"\xef\xbb\xbf"), "the DAT has no BOM")
        data = data[3:]
    records, record, at = [], [], 0
    while at < len(data):
        if not data.startswith(thorn, at):
            raise ValueError(f"octet {at}: no qualifier but {data[at:at + 20]!r}")
        end = data.find(thorn, at + len(thorn))
        value = data[at + len(thorn):end]
        if end < 0 or re.search(rb"[\r\n\x14]", value):
            raise ValueError(f"octet {at}: a value that does not end, or with a delimiter in it: {value[:80]!r}")
        record.append(value.decode(encoding))
        at = end + len(thorn)
        if data.startswith(b"\x14", at):
            at += 1
        elif data.startswith(b"\r\n", at):
            records.append(record)
            record, at = [], at + 2
        else:
            raise ValueError(f"octet {at}: neither separator nor CRLF but {data[at:at + 20]!r}")
    same(not record, "the last record has no CRLF")
    return records


def fits_cp1252(c):
    try:
        c.encode("cp1252")
        return True
    except UnicodeEncodeError:
        return False


def dat_value(text, cp1252, lost):
    """As it must stand in the DAT; what is replaced is counted in lost."""
    out = []
    for c in re.sub(r"\r\n|\r|\n", "\x00", text):
        if c == "\x00":
            out.append("\xae")
        elif c in "\x14\xfe\xae" or (cp1252 and not fits_cp1252(c)):
            out.append("?" if cp1252 else "\ufffd")
            lost[ord(c)] += 1
        else:
            out.append(c)
    return "".join(out)


def notes_of(where, name):
    found = collections.Counter()
    for n in lines(where, "notes.jsonl"):
        if n["file"] == name:
            same((n["docid"], n["field"], n["codepoint"]) not in found or n["field"] in ("Custodian", "Description"),
                 f"told twice: {n}")
            found[n["docid"], n["field"], n["codepoint"]] += n["n"]
    return found


def check_dat(where, truth, cp1252, zone):
    records = parse_dat(read(where, "concordance.dat"), "cp1252" if cp1252 else "utf-8")
    equal(records[0], FIELDS, "header of the DAT")
    told = collections.Counter()
    want = list(truth.docs())
    equal(len(records) - 1, len(want), "documents in the DAT")
    for record, (d, docs, twins) in zip(records[1:], want):
        row = []
        for field, value in zip(FIELDS, expected(d, docs, twins, zone)):
            lost = collections.Counter()
            row.append(dat_value(value, cp1252, lost))
            for cp, n in lost.items():
                told[d["docid"], field, cp] += n
        equal(record, row, f"DAT record {d['docid']}")
    same(told and told == notes_of(where, "concordance.dat"), "what the DAT writer told is not what it replaced")
    equal(read(where, "concordance.opt"), b"", "OPT without images")
    return len(want), sum(told.values())


# ── CSV ──

def parse_csv(where, name, header=True):
    """Rows; the file must be, octet for octet, what Python would write with every field quoted."""
    text = read(where, name).decode()
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    again = io.StringIO(newline="")
    csv.writer(again, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    same(again.getvalue() == text, f"{name} is not as RFC 4180 has it, with every field quoted")
    same(not text.startswith("\ufeff"), f"{name} begins with a BOM")
    same(len({len(r) for r in rows}) == 1, f"{name}: rows of different lengths")
    return rows if header else rows[1:]


def check_csv(where, truth, zone):
    rows = parse_csv(where, "items.csv")
    equal(rows[0], FIELDS, "header of items.csv")
    for row, (d, docs, twins) in zip(rows[1:], truth.docs()):
        equal(row, expected(d, docs, twins, zone), f"items.csv {d['docid']}")
    equal(len(rows) - 1, sum(1 for _ in truth.docs()), "documents in items.csv")


def check_tags(where, truth):
    rows = parse_csv(where, "mailbag.csv")
    equal(",".join(rows[0]), "Error,Mailbag-Message-ID,Message-ID,Original-File,Message-Path,Derivatives-Path,Attachments,Date,"
          "From,To,Cc,Bcc,Subject,Content-Type", "header of mailbag.csv")
    want = [[m["exception"], m["docid"], m["message_id"], m["source"], m["folder"], m["folder_written"], str(len(docs) - 1),
             m["date_field"], m["from"], m["to"], m["cc"], m["bcc"], m["subject"], m["mime_type"]]
            for docs, _ in truth.families for m in docs[:1]]
    equal(rows[1:], want, "mailbag.csv")
    want = [[docs[0]["docid"], d["docid"], d["file_name"] or "unknown", d["native"].rsplit("/", 1)[1], d["mime_type"],
             d["content_id"]] for docs, _ in truth.families for d in docs[1:]]
    equal(parse_csv(where, "attachments.csv", False), want, "attachments.csv")
    keys = ["docid", "item_id", "custodian", "source", "folder", "place", "kind", "issue", "detail", "disposition"]
    equal(parse_csv(where, "exceptions.csv", False), [[x[k] for k in keys] for x in truth.exceptions], "exceptions.csv")
    keys = ["item_id", "status", "reason", "kind", "message_id", "subject", "custodian", "source", "folder", "place", "issues",
            "stored_as"]
    equal(parse_csv(where, "messages_not_retained.csv", False), [[x[k] for k in keys] for x in truth.left],
          "messages_not_retained.csv")
    want = [x["message_id"][1:-1] for x in truth.left if x["message_id"] and x["status"] != "duplicate"]
    same(want, "no left-out items to look for")
    equal(read(where, "messages_not_retained.txt").decode().split("\n"), [*want, ""], "messages_not_retained.txt")
    kept = {tuple(x[k] for k in ("custodian", "source", "folder"))
            for docs, twins in truth.families for x in [docs[0], *twins]}
    left = {tuple(x[k] for k in ("custodian", "source", "folder")) for x in truth.left if x["status"] != "duplicate"}
    want = [f.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
            for _, _, f in sorted(left - kept, key=lambda t: [x.encode() for x in t])]
    same(len(truth.families) < 1000 or (want and left & kept), "no folders to look for")
    equal(read(where, "folders_not_retained.txt").decode().split("\n"), [*want, ""], "folders_not_retained.txt")


# ── EDRM ──

ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def xml_value(text, where, docid, field, told):
    for c in ILLEGAL.findall(text):
        told[docid, field, ord(c)] += 1
    equal(where, ILLEGAL.sub("\ufffd", text), f"EDRM {docid} {field}")


def iso(us, zone):
    t = local(us, zone)
    return "" if t is None else t.strftime("%Y-%m-%dT%H:%M:%S") + (zone_text(zone) if zone else "+00:00")


def expected_tags(d, docs, twins, zone):
    v = dict(zip(FIELDS, expected(d, docs, twins, zone)))
    boolean = {"Y": "true", "N": "false", "": ""}
    tags = {"#From": v["FROM"], "#To": v["TO"], "#CC": v["CC"], "#BCC": v["BCC"], "#Subject": v["SUBJECT"],
            "#DateSent": iso(d["sent_us"], zone), "#DateReceived": iso(d["received_us"], zone),
            "#HasAttachments": "" if d["parent"] else str(len(docs) > 1).lower(), "#AttachmentCount": v["ATTACHCOUNT"],
            "#AttachmentNames": v["ATTACHNAMES"], "#ReadFlag": boolean[v["READ"]], "#ImportanceFlag": v["IMPORTANCE"],
            "#FlagStatus": {"Y": "Flagged", "N": "Unflagged", "": ""}[v["FLAGGED"]], "#MessageID": v["INTMSGID"],
            "#FileName": v["FILENAME"], "#FileExtension": v["FILEEXT"], "#FileSize": v["FILESIZE"],
            "#DateCreated": iso(d["created_us"], zone), "#DateModified": iso(d["modified_us"], zone), "DATEFIELD": d["date_field"]}
    for name in ("BEGATTACH ENDATTACH ALL_CUSTODIANS SOURCEFILE FOLDERPATH RECORDTYPE TIMEZONE EDRM_MIH INREPLYTO REFERENCES "
                 "CONVERSATIONINDEX SHA1HASH SHA256HASH EXCEPTION").split():
        tags[name] = v[name]
    return {k: x for k, x in tags.items() if x}


def check_document(x, d, docs, twins, zone, told):
    docid = d["docid"]
    equal((x.get("DocID"), x.get("DocType")), (docid, "File" if d["parent"] else "Message"), "EDRM document")
    xml_value(d["mime_type"], x.get("MimeType"), docid, "MimeType", told)
    files = {f.get("FileType"): f.find("ExternalFile").attrib for f in x.iterfind("Files/File")}
    want = {"Native": {"FilePath": d["native"].rsplit("/", 1)[0], "FileName": d["native"].rsplit("/", 1)[1],
                       "FileSize": str(d["size"]), "Hash": d["md5"]}}
    if d["text"]:
        want["Text"] = {"FilePath": d["text"].rsplit("/", 1)[0], "FileName": d["text"].rsplit("/", 1)[1],
                        "FileSize": str(d["text_size"])}
    equal(files, want, f"EDRM files of {docid}")
    places = [docs[0], *twins]
    found = x.findall("Locations/Location")
    equal(len(found), len(places), f"EDRM locations of {docid}")
    for at, place in zip(found, places):
        xml_value(place["custodian"], at.findtext("Custodian"), docid, "Custodian", told)
        xml_value(place["folder"], at.findtext("Description"), docid, "Description", told)
        same(re.fullmatch(r"[!-~]+", at.findtext("LocationURI")), f"EDRM {docid}: no URI: {at.findtext('LocationURI')}")
    tags = {t.get("TagName"): t.get("TagValue") for t in x.iterfind("Tags/Tag")}
    want = expected_tags(d, docs, twins, zone)
    equal(sorted(tags), sorted(want), f"EDRM tags of {docid}")
    for name, value in want.items():
        xml_value(value, tags.get(name, ""), docid, name, told)


def check_folders(root, truth, told):
    groups = {}
    for docs, _ in truth.families:
        groups.setdefault(tuple(docs[0][k] for k in ("custodian", "source", "folder")), []).append(docs)
    want = sorted(groups.items(), key=lambda g: [x.encode() for x in g[0]])
    found = root.findall("Batch/Folders/Folder")
    equal(len(found), len(want), "EDRM folders")
    for x, (key, families) in zip(found, want):
        xml_value("/".join(p for p in key if p), x.get("FolderName"), families[0][0]["docid"], "FolderName", told)
        equal([d.get("DocID") for d in x], [d["docid"] for docs in families for d in docs], f"EDRM folder {key}")


def check_edrm(where, truth, zone):
    data = read(where, "edrm.xml")
    same(data.startswith(b"<?xml "), "the EDRM file does not begin with its declaration")
    root = ET.fromstring(data)
    equal((root.tag, root.get("MajorVersion"), root.get("MinorVersion"), root.get("DataInterchangeType")),
          ("Root", "1", "2", "Update"), "EDRM root")
    equal([x.tag for x in root], ["Fields", "Batch"], "EDRM root's elements")
    equal([x.tag for x in root.find("Batch")], ["Documents", "Relationships", "Folders"], "EDRM batch's elements")
    told = collections.Counter()
    xml_value('M-17 "quoted" \x01', root.find("Batch").get("name"), "", "name", told)
    keys = {f.get("Key"): f.get("DataType") for f in root.iterfind("Fields/Field")}
    documents = root.findall("Batch/Documents/Document")
    want = list(truth.docs())
    equal(len(documents), len(want), "EDRM documents")
    for x, (d, docs, twins) in zip(documents, want):
        check_document(x, d, docs, twins, zone, told)
        for t in x.iterfind("Tags/Tag"):
            equal(keys.get(t.get("TagName")), t.get("TagDataType"), f"EDRM field {t.get('TagName')} is declared")
    ids = {x.get("DocID") for x in documents}
    equal(len(ids), len(documents), "EDRM DocIDs are unique")
    relations = [(x.get("Type"), x.get("ParentDocID"), x.get("ChildDocID")) for x in root.iterfind("Batch/Relationships/Relationship")]
    equal(relations, [("Attachment", docs[0]["docid"], d["docid"]) for d, docs, _ in want if d["parent"]], "EDRM relationships")
    referred = {p for _, p, _ in relations} | {c for _, _, c in relations} | {x.get("DocID") for x in root.iter("Document")}
    same(referred <= ids, f"EDRM refers to what is not there: {sorted(referred - ids)[:5]}")
    check_folders(root, truth, told)
    same(told and told == notes_of(where, "edrm.xml"), "what the EDRM writer told is not what it replaced")
    return len(relations), sum(told.values())


def check_all(messages, cp1252, zone):
    where = fill(messages, "truth", *(["cp1252"] if cp1252 else []), *([str(zone)] if zone else []))
    truth = Truth(where)
    docs, replaced = check_dat(where, truth, cp1252, zone)
    check_csv(where, truth, zone)
    check_tags(where, truth)
    relations, in_xml = check_edrm(where, truth, zone)
    say(f"{messages} messages{', cp1252' if cp1252 else ''}: {docs} documents the same in DAT, CSV and EDRM; {relations} "
        f"relationships; {replaced} characters replaced in the DAT and {in_xml} in the XML, each told")
    return where


def check_twice(where, messages):
    again = fill(messages, "truth")
    for name in ("concordance.dat", "items.csv", "edrm.xml", "mailbag.csv", "exceptions.csv"):
        same(read(where, name) == read(again, name), f"{name} is not the same in two runs")


def check_split():
    """Above 100 000 messages mailbag.csv is in parts, its header in the first only (Mailbag 5.3.3)."""
    messages = 100_003
    where = fill(messages, "tags")
    names = sorted(n for n in os.listdir(where) if n.startswith("mailbag"))
    equal(names, ["mailbag-1.csv", "mailbag-2.csv"], "parts of mailbag.csv")
    first, second = (parse_csv(where, n) for n in names)
    equal((len(first), len(second)), (100_001, 3), "rows of the parts, with one header")
    equal(first[0][1], "Mailbag-Message-ID", "the first part has the header")
    same(len({r[1] for r in first[1:] + second}) == messages, "every message once")
    say("100 003 messages: mailbag.csv in two parts")


def main():
    if not os.access(FILL, os.X_OK):
        sys.exit(77)
    check_twice(check_all(2000, False, 0), 2000)
    check_all(1000, True, ZONE)
    check_all(50, False, -90)
    empty = fill(0, "truth")
    equal(len(parse_dat(read(empty, "concordance.dat"), "utf-8")), 1, "a DAT without documents is its header")
    equal(ET.fromstring(read(empty, "edrm.xml")).findall("Batch/Documents/Document"), [], "an EDRM file without documents")
    if not judge.sanitized():
        check_split()


main()
judge.finish()
