"""Exports of Google Vault as they are downloaded: zips of MBOX files, and beside them metadata, counts and checksums; in one
directory, unpacked, in one zip. Flags, labels, folders and times of each message against what the metadata were made from.
And directories of the zips of Takeout. All of it is made here, after docs/formats/mbox.md [mbox-60]."""
import base64
import csv
import hashlib
import io
import os
import random
import tarfile
import uuid
import zipfile
from xml.sax.saxutils import quoteattr

import judge
from judge import equal, items_of, report_of, run, same, say, write

# label in the metadata → (flag, keyword); UNREAD takes "seen" away
LABELS = {"^INBOX": (None, "Inbox"), "^SENT": (None, "Sent"), "^UNREAD": ("unread", None), "^OPENED": (None, None),
          "^STARRED": ("flagged", None), "^DRAFT": ("draft", None), "^TRASH": (None, "Trash"), "^SPAM": ("junk", None),
          "^IMPORTANT": (None, "Important"), "^CHAT": (None, "Chat"), "^DELETED": (None, "^DELETED"), "^sq_ig_i_social": (None, "^sq_ig_i_social"),
          "Müller & Söhne": (None, "Müller & Söhne"), "Work/Taxes": (None, "Work/Taxes"), '"a, b"': (None, "a, b"), "仕事": (None, "仕事")}


class Export:
    """Messages of several accounts, and what the metadata say of each."""

    def __init__(self, rng, count, by="file", dated=True):
        self.rng, self.mails = rng, []
        for n in range(count):
            labels = rng.sample(sorted(LABELS), rng.randrange(0, 6))
            self.mails.append({"n": n, "id": f"{1500000000000000000 + n}-{uuid.UUID(int=rng.getrandbits(128))}", "labels": labels,
                               "account": f"user{n % 3}@x.example", "by": by, "dated": dated})

    def mbox(self, account):
        out = []
        for m in self.mails:
            if m["account"] != account:
                continue
            first = {"file": m["id"] + ".mbox", "gmail": m["id"].split("-")[0] + "@xxx", "message": "MAILER-DAEMON"}[m["by"]]
            when = f" Fri May 23 16:{m['n'] // 60 % 60:02}:{m['n'] % 60:02} 2025" if m["dated"] else ""
            out.append(f"From {first}{when}\nMessage-ID: <{m['n']}@vault>\nSubject: {m['n']}\nFrom: a@x.example\n\nbody {m['n']}\n\n")
        return "".join(out).encode()

    def xml(self, spelling="DocID", extra=(), labelled=True):
        out = ["<?xml version='1.0' encoding='UTF-8'?>\n<Root DataInterchangeType='Update' Description='Vault'><Batch name='New Batch'><Documents>"]
        for m in [*self.mails, *extra]:
            tags = [("#From", "Text", "a@x.example"), ("#Subject", "Text", "<&> \"q\" 'x'"), ("#DateReceived", "DateTime", "2019-07-04T07:15:20.123Z")]
            if labelled:
                tags.insert(0, ("Labels", "Text", ",".join(m["labels"])))
            if m["by"] == "message":
                tags.append(("Rfc822MessageId", "Text", f"{m['n']}@vault"))
            doc = m["id"].split("-")[0] if m["by"] == "gmail" else f"doc-{m['n']}"
            name = m["id"] + ".mbox" if m["by"] == "file" else "unknown"
            out.append(f"<Document {spelling}={quoteattr(doc)} DocType='Message' MimeType='message/rfc822'><Tags>"
                       + "".join(f"<Tag TagName={quoteattr(a)} TagDataType='{b}' TagValue={quoteattr(c)}/>" for a, b, c in tags)
                       + f"</Tags><Files><File FileType='Native'><ExternalFile FileName={quoteattr(name)} FileSize='100' Hash='0'/></File></Files>"
                       f"<Locations><Location><Custodian>{m['account']}</Custodian></Location></Locations></Document>\n")
        return ("".join(out) + "</Documents></Batch></Root>\n").encode()

    def csv(self, ids):
        """The metadata of newer exports."""
        out = io.StringIO()
        rows = csv.writer(out, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
        rows.writerow(["Rfc822MessageId", "GmailMessageId", "Account", "Labels", "Subject", "DateReceived"])
        for m in self.mails:
            number = f"{int(m['id'].split('-')[0]):x}" if ids else ""
            rows.writerow(["" if ids else f"<{m['n']}@vault>", number, m["account"], ",".join(m["labels"]), 'a "subject",\r\nin lines', "2019-07-04T07:15:20Z"])
        return b"\xef\xbb\xbf" + out.getvalue().encode()

    def expected(self):
        """number → (flags, keywords)"""
        wanted = {}
        for m in self.mails:
            flags = {LABELS[x][0] for x in m["labels"]} - {None}
            flags = (flags - {"unread"}) | (set() if "unread" in flags else {"seen"})
            wanted[m["n"]] = (sorted(flags), sorted(LABELS[x][1] for x in m["labels"] if LABELS[x][1]))
        return wanted

    def accounts(self):
        return sorted({m["account"] for m in self.mails})


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, octets in members.items():
            z.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), octets)
    return out.getvalue()


def tarred(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as t:
        for name, octets in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(octets)
            t.addfile(info, io.BytesIO(octets))
    return out.getvalue()


def word(text):
    """With padding within a row of words, where the octets say so."""
    return f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="


def told(target):
    return {int(i["message_id"][1:].split("@")[0]): (sorted(i["flags"]), sorted(i["keywords"])) for i in items_of(target)}


def notices(target):
    """Of the source; a target may change names of folders."""
    return {(n["issue"], n["detail"]) for n in report_of(target)["notices"] if not n["issue"].startswith("folder.")}


def sums(files):
    return ("File name,MD5\r\n" + "".join(f'"{n}",{hashlib.md5(o).hexdigest()}\r\n' for n, o in files.items())).encode()


def files_of(export, xml=None):
    """name → octets of all that is downloaded."""
    files = {f"case-{n}.zip": zipped({f"case-{a}-{n}.mbox": export.mbox(a)}) for n, a in enumerate(export.accounts())}
    files["case-metadata.xml"] = xml or export.xml()
    files["case-results-count.csv"] = b"Account,Count\n"
    files["case-File_checksums.csv"] = sums(files)
    return files


def place(root, files):
    for name, octets in files.items():
        write(f"{root}/{name}", octets)
    return root


def check_layouts(root):
    export = Export(random.Random(3), 200)
    files = files_of(export)
    plain = {f"case-{a}.mbox": export.mbox(a) for a in export.accounts()} | {"case-metadata.xml": export.xml("DocId")}
    layouts = {"downloads": place(f"{root}/downloads", files), "unpacked": place(f"{root}/unpacked", plain),
               "one zip": write(f"{root}/all.zip", zipped(plain)), "zips in a zip": write(f"{root}/outer.zip", zipped(files)),
               "deeper": os.path.dirname(place(f"{root}/deeper/export", plain))}
    for name, source in layouts.items():
        target = f"{root}/out-{name}".replace(" ", "-")
        run("convert", "--to", "mbox", source, target)
        equal(told(target), export.expected(), f"{name}: flags and labels")
        equal(notices(target), set(), f"{name}: notices")
        equal({i["received"] for i in items_of(target)} - {None}, {f"2025-05-23T16:{n // 60:02}:{n % 60:02}Z" for n in range(200)}, f"{name}: received")
        run("verify", target, source)
        run("convert", "--to", "mbox", source, target)
        equal(report_of(target)["totals"]["already_stored"], 200, f"{name}: a second run stores nothing")
    folders = f"{root}/out-folders"
    run("convert", "--to", "maildir", "--labels", "folders", layouts["downloads"], folders)
    first = {"^INBOX": "Inbox", "^SENT": "Sent", "^TRASH": "Trash", "^CHAT": "Chat"}
    own = [m for m in export.mails if m["labels"] == ["Work/Taxes"] or (m["labels"] and set(m["labels"]) <= {"^INBOX", "^UNREAD", "^OPENED"})]
    same(own, "some have one place only")
    got = {i["message_id"]: i["folder"] for i in items_of(folders)}
    for m in own:
        wanted = "Work/Taxes" if "Work/Taxes" in m["labels"] else first["^INBOX"] if "^INBOX" in m["labels"] else None
        if wanted:
            equal(got[f"<{m['n']}@vault>"], wanted, f"--labels folders: {m['labels']}")


def check_keys(root):
    """How an entry names its message, and From_ lines without a date."""
    for by in ("file", "gmail", "message"):
        for dated in (True, False):
            if by == "message" and not dated:
                continue  # "From MAILER-DAEMON" alone is no separator
            export = Export(random.Random(by), 60, by, dated)
            source = place(f"{root}/{by}-{dated}", files_of(export))
            target = f"{root}/{by}-{dated}-out"
            run("convert", "--to", "maildir", source, target)
            equal(told(target), export.expected(), f"by {by}, dated {dated}")
            equal(notices(target), set(), f"by {by}, dated {dated}: notices")
            if not dated:
                equal({i["received"] for i in items_of(target)}, {"2019-07-04T07:15:20Z"}, f"by {by}: received comes from the metadata")
    for ids in (False, True):
        export = Export(random.Random(8), 60, "gmail" if ids else "message")
        files = files_of(export)
        del files["case-metadata.xml"], files["case-File_checksums.csv"]
        files["case-metadata.csv"] = export.csv(ids)
        run("convert", "--to", "maildir", place(f"{root}/csv-{ids}", files), f"{root}/csv-{ids}-out")
        equal(told(f"{root}/csv-{ids}-out"), export.expected(), f"CSV, ids {ids}")
        equal(notices(f"{root}/csv-{ids}-out"), set(), f"CSV, ids {ids}: notices")
    files["case-metadata.csv"] = files["case-metadata.csv"] + b'"' + b"x" * 2000000
    run("convert", "--to", "maildir", place(f"{root}/csv-long", files), f"{root}/csv-long-out", exits=(1,))
    same(any(i == "source.unreadable" and "a record of more than" in d for i, d in notices(f"{root}/csv-long-out")), "a record without end")
    equal(told(f"{root}/csv-long-out"), export.expected(), "what stands before it counts")
    twins = Export(random.Random(9), 4, "message")
    for m in twins.mails:
        m["n"] = 7
    twins.mails[0]["labels"], twins.mails[1]["labels"], twins.mails[2]["labels"], twins.mails[3]["labels"] = ["one"], ["two"], ["three"], ["four"]
    for m in twins.mails:
        m["account"] = "user@x.example"
    LABELS.update({w: (None, w) for w in ("one", "two", "three", "four")})
    run("convert", "--to", "maildir", place(f"{root}/twins", files_of(twins)), f"{root}/twins-out")
    equal([i["keywords"] for i in items_of(f"{root}/twins-out")], [["one"], ["two"], ["three"], ["four"]], "the same Message-ID several times")


def check_odd(root):
    export = Export(random.Random(4), 30)
    # entries too many, messages without entry, no labels, an export of something else
    extra = [dict(export.mails[0], id=f"99-{uuid.UUID(int=n)}", n=1000 + n, labels=[]) for n in range(3)]
    run("convert", "--to", "maildir", place(f"{root}/extra", files_of(export, export.xml(extra=extra))), f"{root}/extra-out")
    equal(notices(f"{root}/extra-out"), {("mbox.vault-unmatched", "case-metadata.xml: 3 of 33")}, "entries without message")
    equal(told(f"{root}/extra-out"), export.expected(), "the others have their labels")
    fewer = Export(random.Random(4), 30)
    fewer.mails = fewer.mails[:29]
    run("convert", "--to", "maildir", place(f"{root}/fewer", files_of(export, fewer.xml())), f"{root}/fewer-out")
    without = {i["message_id"] for i in items_of(f"{root}/fewer-out") if "mbox.vault-no-entry" in judge.issues_of(i)}
    equal(without, {"<29@vault>"}, "a message without entry")
    other = Export(random.Random(5), 30)
    for m in other.mails:
        m["n"] += 500
    run("convert", "--to", "maildir", place(f"{root}/other", files_of(export, other.xml())), f"{root}/other-out")
    same(("mbox.vault-unmatched", "case-metadata.xml: 30 of 30") in notices(f"{root}/other-out"), "the metadata of another export")
    run("convert", "--to", "maildir", place(f"{root}/bare", files_of(export, export.xml(labelled=False))), f"{root}/bare-out")
    equal({(tuple(i["flags"]), tuple(i["keywords"])) for i in items_of(f"{root}/bare-out")}, {((), ())}, "without Labels nothing is known")


def check_damage(root):
    export = Export(random.Random(6), 40)
    whole = export.xml()
    bombs = {"cut": whole[:len(whole) // 2], "no xml": b"not xml at all", "empty": b"",
             "entities": b"<?xml version='1.0'?><!DOCTYPE r [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;&a;'>]><Root>&b;</Root>",
             "outside": b"<?xml version='1.0'?><!DOCTYPE r SYSTEM 'file:///etc/passwd'><Root/>",
             "deep": b"<a>" * 100000, "octets": whole.replace("Müller".encode(), b"M\xfcller")}
    for name, xml in bombs.items():
        target = f"{root}/{name}-out"
        run("convert", "--to", "maildir", place(f"{root}/{name}", files_of(export, xml or b" ")), target, exits=(0, 1))
        same(any(i == "source.unreadable" and d.startswith("case-metadata.xml: ") for i, d in notices(target)), f"{name}: it is said")
        equal(report_of(target)["totals"]["stored"], 40, f"{name}: every message is read all the same")
    got = told(f"{root}/cut-out")
    wanted = export.expected()
    right = sum(got[n] == wanted[n] for n in wanted)
    same(15 <= right < 40, f"what stands before the cut counts: {right}")
    rng = random.Random(11)
    for n in range(40):
        octets, name = bytearray((whole, export.csv(False))[n % 2]), ("case-metadata.xml", "case-metadata.csv")[n % 2]
        for _ in range(rng.randrange(1, 30)):
            at = rng.randrange(len(octets))
            octets[at:at + rng.randrange(0, 3)] = bytes(rng.choices(b"<>&\"',\0\r\n\xffaZ=/^", k=rng.randrange(0, 4)))
        files = {k: o for k, o in files_of(export).items() if "metadata" not in k and "sums" not in k} | {name: bytes(octets)}
        run("convert", "--to", "maildir", place(f"{root}/mutant{n}", files), f"{root}/mutant{n}-out", exits=(0, 1))
        equal(report_of(f"{root}/mutant{n}-out")["totals"]["stored"], 40, f"mutant {n}: every message is read all the same")
    changed = files_of(export)
    changed["case-1.zip"] = changed["case-1.zip"][:-10] + b"x" + changed["case-1.zip"][-9:]
    del changed["case-2.zip"]
    run("convert", "--to", "maildir", place(f"{root}/sums", changed), f"{root}/sums-out", exits=(1,))
    got = sorted((i, d.split(":")[0]) for i, d in notices(f"{root}/sums-out") if i.startswith("source.checksum"))
    equal(got, [("source.checksum", "case-1.zip"), ("source.checksum-absent", "case-File_checksums.csv")], "checksums")
    letters = {"a.eml": judge.message(1), "b.eml": judge.message(2)}
    letters["x.md5"] = "".join(f"{hashlib.md5(letters[n] + (b'!' if n == 'b.eml' else b'')).hexdigest()}  {n}\n" for n in ("a.eml", "b.eml")).encode()
    run("convert", "--to", "maildir", place(f"{root}/eml", letters), f"{root}/eml-out", exits=(1,))
    equal({(i, d.split(":")[0]) for i, d in notices(f"{root}/eml-out") if i.startswith("source.checksum")}, {("source.checksum", "b.eml")},
          "checksums beside other formats")
    for name, text in (("md5sum", "{1}  {0}\n"), ("binary", "{1} *{0}\n"), ("turned", "{1};{0};12\n"), ("quoted", '"{1}","{0}"\n'), ("path", "out/{0}\t{1}\n")):
        files = files_of(export)
        lines = "".join(text.format(n, hashlib.sha256(o).hexdigest() if name == "turned" else hashlib.md5(o).hexdigest()) for n, o in files.items())
        del files["case-File_checksums.csv"]
        files["case-mbox_checksums.csv"] = lines.replace("\n", "\n", 1).encode()
        lines = [x for x in lines.splitlines(True) if "checksums" not in x]
        inner = export.mbox(export.accounts()[0])
        lines.append(text.format(f"case-{export.accounts()[0]}-0.mbox", hashlib.md5(inner).hexdigest()))
        files["case-mbox_checksums.csv"] = "".join(lines).encode()
        run("convert", "--to", "maildir", place(f"{root}/s-{name}", files), f"{root}/s-{name}-out")
        equal(notices(f"{root}/s-{name}-out"), set(), f"checksums, {name}")


def labelled(number, labels):
    return (b"From %d@xxx Fri May 23 16:35:%02d +0000 2025\nX-GM-THRID: %d\nX-Gmail-Labels: %s\nMessage-ID: <%d@x>\n\nx\n\n"
            % (number, number, number, labels.encode(), number))


def check_takeout(root):
    """Several parts in one directory, as the browser left them; their labels in the languages of three accounts."""
    parts = {"takeout-20250523T163553Z-001.zip": {"Takeout/archive_browser.html": b"<html>", "Takeout/Mail/Inbox.mbox": labelled(1, "Inbox,Unread") + labelled(2, "Inbox,Starred,Opened")},
             "takeout-20250523T163553Z-002.zip": {"Takeout/Mail/Sent.mbox": labelled(3, "Sent"), "Takeout/Mail/Inbox.mbox": labelled(4, "Inbox,Drafts")},
             "takeout-20250523T163553Z-003.zip": {"Takeout/E-Mail/Alle E-Mails.mbox": labelled(5, "Posteingang,Ungelesen,Markiert") + labelled(6, "=?UTF-8?Q?Entw=C3=BCrfe,\"Steuer,_2019\"?=")},
             "takeout-20250523T163553Z-005.tgz": {"Takeout/Courrier/Tous.mbox": labelled(7, "\r\n ".join(word(t) for t in ("Messages envoyés,N", "on lus,Cat", "égorie : Promotions,\"a,", " b\"")))},
             "takeout-20250523T163553Z-004.zip": {"Takeout/Photos/a.jpg": b"\xff\xd8" + bytes(99)}}
    source = place(f"{root}/takeout", {n: zipped(m) if n.endswith(".zip") else tarred(m) for n, m in parts.items()})
    run("convert", "--to", "maildir", source, f"{root}/takeout-out")
    got = {i["message_id"]: (i["folder"], i["flags"], i["keywords"]) for i in items_of(f"{root}/takeout-out")}
    equal(got, {"<1@x>": ("Inbox", [], ["Inbox"]), "<2@x>": ("Inbox", ["seen", "flagged"], ["Inbox"]), "<3@x>": ("Sent", ["seen"], ["Sent"]),
                "<4@x>": ("Inbox", ["seen", "draft"], ["Inbox"]), "<5@x>": ("Alle E-Mails", ["flagged"], ["Posteingang"]),
                "<6@x>": ("Alle E-Mails", ["seen", "draft"], ["Steuer, 2019"]),
                "<7@x>": ("Tous", [], ["Messages envoyés", "Catégorie : Promotions", "a, b"])}, "a directory of parts")
    places = [i["source_place"] for i in items_of(f"{root}/takeout-out")]
    same(len(set(places)) == 7 and all(p.startswith("takeout-2025") for p in places), "places name the part")
    run("verify", f"{root}/takeout-out", source)
    several = [f"{source}/{n}" for n in parts if not n.endswith("004.zip")]
    run("convert", "--to", "maildir", *several, f"{root}/several")
    equal(sorted(i["message_id"] for i in items_of(f"{root}/several")), sorted(got), "the same parts, each as a source")


def main():
    for name, check in (("layouts", check_layouts), ("keys", check_keys), ("odd exports", check_odd), ("damage", check_damage), ("takeout", check_takeout)):
        say(name)
        check(judge.temporary(memory=True))
    judge.finish()


main()
