"""Outlook stores that we write, as others read them: pffinfo, pffexport, readpst, lspst and, where HAUL_PST_EXTRACTOR names the directory
node_modules that has it, npm's pst-extractor: the same folders, counts, subjects, dates, recipients, bodies and digests of attachments, and no
complaint. `mailhaul check` finds nothing. Runs that are killed end in the same octets; a grown source adds what is new; a store that
would be too large becomes several. HAUL_LONG=1: more kills, and large ones: SCALE messages (20 000), 5 000 folders, an attachment of 300 MB."""
import base64
import collections
import email
import email.policy
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from email.message import EmailMessage
from email.utils import format_datetime
from datetime import datetime, timedelta, timezone

import judge
from judge import equal, items_of, run, same, say

LONG = os.environ.get("HAUL_LONG")
SCALE = int(os.environ.get("SCALE") or 20000)
SEED = int(os.environ.get("SEED") or 7)
EXTRACTOR = os.environ.get("HAUL_PST_EXTRACTOR")
START = datetime(2024, 2, 29, 23, 58, 7, tzinfo=timezone.utc)
# Around what fits a heap, a block, a list of blocks (MS-PST 2.3.3.3, 2.2.2.8.3).
SIZES = (0, 1, 3580, 3581, 8176, 8177, 2 * 8176, 8176 * 1021, 8176 * 1021 + 1)
MEMORY = 96 << 20


class Sent:
    """A message that goes in, and what is to come out."""
    def __init__(self, folder, number, flags="", **parts):
        self.folder, self.flags = folder, flags
        self.subject = parts.get("subject", f"message {number}")
        self.received = START + timedelta(seconds=61 * number)
        self.to = parts.get("to", ["ben@harbour.example"])
        self.body, self.html = parts.get("body", f"Body of {number}.\n"), parts.get("html")
        self.attachments = parts.get("attachments", [])
        self.embedded = parts.get("embedded")
        self.id = f"<{number}.{folder.count('.')}@harbour.example>"
        self.octets = self.build()

    def build(self):
        m = EmailMessage(policy=email.policy.SMTP)
        m["From"], m["Subject"] = "Ada Keeper <ada@harbour.example>", self.subject
        m["To"] = ", ".join(self.to)
        m["Date"], m["Message-ID"] = format_datetime(self.received - timedelta(seconds=5)), self.id
        m.set_content(self.body)
        if self.html:
            m.add_alternative(self.html, subtype="html")
        large = {f"in place of {i}".encode(): o for i, (_, o) in enumerate(self.attachments) if len(o) > 1 << 20}
        for i, (name, octets) in enumerate(self.attachments):
            octets = f"in place of {i}".encode() if len(octets) > 1 << 20 else octets
            m.add_attachment(octets, maintype="application", subtype="octet-stream", filename=name)
        if self.embedded:
            m.add_attachment(email.message_from_bytes(self.embedded.octets, policy=email.policy.SMTP))
        whole = m.as_bytes()
        for place, octets in large.items():  # the email package takes seconds for them
            text = base64.b64encode(octets)
            whole = whole.replace(base64.b64encode(place), b"\r\n".join(text[i:i + 76] for i in range(0, len(text), 76)))
        return whole


def octets_of(size):
    return hashlib.shake_128(str(size).encode()).digest(size)


def messages():
    yield Sent("", 1, "S", subject="plain ascii")
    yield Sent("", 2, "", subject="Grüße – naïve 日本語 🙂", body="Ünïcödé\nlast line\n")
    yield Sent("", 3, "RS", subject="both bodies", html="<html><body><p>Hällo <b>you</b></p></body></html>\n")
    yield Sent("", 4, "FS", subject="many recipients", to=[f"Person {i} <p{i}@harbour.example>" for i in range(200)])
    inner = Sent("", 99, subject="the inner one", attachments=[("inner.bin", octets_of(5000))])
    yield Sent("", 5, "S", subject="holds another", embedded=inner)
    yield Sent("", 6, "S", subject="re: " + "long " * 60 + "subject", body="x" * 70 + "\n")
    for i, size in enumerate(SIZES if LONG else SIZES[:-2]):
        yield Sent(".Sizes", 10 + i, "S", subject=f"size {size}", attachments=[(f"f{size}.bin", octets_of(size))])
    yield Sent(".Sizes", 30, "P", subject="several", attachments=[(f"n{i}.bin", octets_of(i)) for i in range(12)])
    for i in range(60):
        yield Sent(".A.B.C", 40 + i, "S" if i % 3 else "")
    yield Sent(".A.B.Größe", 120, "S", subject="in a folder with another name")


def make_source(root, sent):
    """A Maildir++ tree (ASCII names in modified UTF-7 where needed) whose files have the times of receiving."""
    folders = {""} | {m.folder for m in sent} | {".A", ".A.B", ".Empty"}
    for f in folders:
        name = f.encode("utf-7").decode().replace("+", "&") if not f.isascii() else f
        for sub in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(root, name, sub))
    for i, m in enumerate(sent):
        name = m.folder.encode("utf-7").decode().replace("+", "&") if not m.folder.isascii() else m.folder
        path = os.path.join(root, name, "cur", f"{1000000000 + i}.{i}.host:2,{m.flags}")
        judge.write(path, m.octets, m.received.timestamp())
    return folders


def path_of(folder):
    return folder.lstrip(".").replace(".", "/") or "INBOX"


def quiet(what, *command, **kwargs):
    p = subprocess.run(command, capture_output=True, timeout=600, env=judge.environment(TZ="UTC"), **kwargs)
    same(p.returncode == 0 and not p.stderr.strip(), f"{what}: {p.returncode} {p.stderr[:300]}")
    return p.stdout.decode("utf-8", "replace")


def check(store):
    p = run("check", store, exits=(0, 1))
    same(p.returncode == 0 and b"clean" in p.stdout, f"check: {p.stdout.decode()[-600:]}")


# ── libpff ──

def field(text, name):
    m = re.search(rf"^{name}:\t+([^\t\n]*)$", text, re.M)
    return m.group(1) if m else ""


def slurp(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def digests_below(path):
    out = []
    for base, _, files in os.walk(path):
        out += [hashlib.sha256(judge.read(os.path.join(base, f))).hexdigest() for f in files]
    return sorted(out)


def compare_pffexport(store, sent, top):
    quiet("pffinfo", "pffinfo", store)
    target = os.path.join(top, "pff")
    quiet("pffexport", "pffexport", "-q", "-f", "all", "-t", target, store)
    root = os.path.join(target + ".export", "Top of Outlook data file")
    wanted = {m.subject: m for m in sent}
    seen = 0
    for base, _, files in os.walk(root):
        if "OutlookHeaders.txt" not in files or "Attachments" in base:
            continue
        head = slurp(os.path.join(base, "OutlookHeaders.txt"))
        m = wanted.get(field(head, "Subject").replace("\U0001f243", "\U0001f642"))  # it loses a bit of surrogates
        if not same(m is not None, f"pffexport: subject {field(head, 'Subject')!r}"):
            continue
        seen += 1
        folder = os.path.relpath(os.path.dirname(base), root)
        equal(folder, path_of(m.folder), f"pffexport: folder of {m.subject}")
        when = m.received.strftime("%b %d, %Y %H:%M:%S.000000000 UTC")
        equal(field(head, "Delivery time"), when, f"pffexport: received, {m.subject}")
        same("Unread" in field(head, "Flags") or "S" in m.flags or "Read" not in field(head, "Flags"), f"read: {m.subject}")
        who = re.findall(r"^Email address:\t+([^\t\n]*)$", slurp(os.path.join(base, "Recipients.txt")), re.M)
        equal(who, [t.split("<")[-1].rstrip(">") for t in m.to], f"pffexport: recipients of {m.subject}")
        text = os.path.join(base, "Message.txt")
        if os.path.exists(text):
            equal(slurp(text).replace("\r\n", "\n").rstrip(), m.body.rstrip(), f"pffexport: body of {m.subject}")
        same(os.path.exists(os.path.join(base, "Message.html")) == bool(m.html), f"pffexport: html of {m.subject}")
        if m.attachments:
            got = digests_below(os.path.join(base, "Attachments"))
            full = sorted(hashlib.sha256(o).hexdigest() for _, o in m.attachments if o)  # it makes no empty files
            equal([g for g in got if g != hashlib.sha256(b"").hexdigest()], full, f"pffexport: attachments of {m.subject}")
        if m.embedded:
            got = digests_below(os.path.join(base, "Attachments"))
            same(hashlib.sha256(m.embedded.attachments[0][1]).hexdigest() in got, "pffexport: the attachment within")
    equal(seen, len(sent), "pffexport: messages")


# ── readpst, lspst ──

def compare_readpst(store, sent, top):
    target = os.path.join(top, "readpst")
    os.mkdir(target)
    quiet("readpst", "readpst", "-q", "-j", "0", "-D", "-e", "-o", target, store)
    wanted = {m.subject: m for m in sent}
    seen = 0
    for base, _, files in os.walk(target):
        for f in files:
            with open(os.path.join(base, f), "rb") as o:
                got = email.message_from_binary_file(o, policy=email.policy.default)
            m = wanted.get(str(got["Subject"]))
            if not same(m is not None, f"readpst: subject {got['Subject']!r}"):
                continue
            seen += 1
            parts = [p.get_payload(decode=True) for p in got.walk()
                     if p.get_content_disposition() == "attachment" and p.get_content_type() != "message/rfc822"]
            equal(sorted(hashlib.sha256(p).hexdigest() for p in parts if p),
                  sorted(hashlib.sha256(o).hexdigest() for _, o in m.attachments if o), f"readpst: attachments of {m.subject}")
    equal(seen, len(sent), "readpst: messages")
    lines = [l for l in quiet("lspst", "lspst", store).splitlines() if l.startswith("Email")]
    equal(sorted(l.split("Subject: ")[1] for l in lines), sorted(m.subject for m in sent), "lspst: subjects")


# ── pst-extractor ──

SCRIPT = """
const {PSTFile} = require(process.argv[2] + '/pst-extractor');
const crypto = require('crypto');
const f = new PSTFile(process.argv[3]);
function walk(folder, path) {
  for (const c of folder.getSubFolders()) if (c.getNodeType() != 3) walk(c, path.concat(c.displayName));
  if (!folder.contentCount) return;
  for (let m = folder.getNextChild(); m; m = folder.getNextChild()) {
    const a = [];
    for (let i = 0; i < m.numberOfAttachments; i++) {
      const x = m.getAttachment(i), s = x.fileInputStream, h = crypto.createHash('sha256'), b = Buffer.alloc(8176);
      if (x.attachMethod == 5) { a.push('embedded'); continue; }  // which it does not open, of Outlook's stores neither
      for (let n = s ? s.read(b) : 0; n > 0; n = s.read(b)) h.update(b.subarray(0, n));
      a.push(h.digest('hex'));
    }
    console.log(JSON.stringify({path: path.join('/'), subject: m.subject, received: m.messageDeliveryTime.getTime(),
      read: m.isRead, recipients: m.numberOfRecipients, body: m.body, attachments: a}));
  }
}
walk(f.getRootFolder(), []);
"""


def compare_extractor(store, sent, top):
    if not EXTRACTOR:
        return
    script = os.path.join(top, "extract.js")
    judge.write(script, SCRIPT.encode())
    lines = [json.loads(l) for l in quiet("pst-extractor", "node", script, EXTRACTOR, store).splitlines()]
    wanted = {m.subject: m for m in sent}
    equal(len(lines), len(sent), "pst-extractor: messages")
    for got in lines:
        m = wanted.get(got["subject"])
        if not same(m is not None, f"pst-extractor: subject {got['subject']!r}"):
            continue
        equal(got["path"], "Top of Outlook data file/" + path_of(m.folder), f"pst-extractor: folder of {m.subject}")
        equal(got["received"], int(m.received.timestamp() * 1000), f"pst-extractor: received, {m.subject}")
        equal(got["read"], "S" in m.flags, f"pst-extractor: read, {m.subject}")
        equal(got["recipients"], len(m.to), f"pst-extractor: recipients of {m.subject}")
        equal(got["body"].replace("\r\n", "\n").rstrip(), m.body.rstrip(), f"pst-extractor: body of {m.subject}")
        if m.attachments:
            equal(sorted(got["attachments"]), sorted(hashlib.sha256(o).hexdigest() for _, o in m.attachments),
                  f"pst-extractor: attachments of {m.subject}")
        if m.embedded:
            equal(got["attachments"], ["embedded"], "pst-extractor: the message within")


# ── back again ──

def compare_back(store, sent, top, whole):
    target = os.path.join(top, "back-whole" if whole else "back")
    run("convert", "--to", "eml", "--progress", "none", store, target)
    wanted = {m.id: m for m in sent}
    items = items_of(target)
    equal(len(items), len(sent), "back: messages")
    for it in items:
        m = wanted.get(it["message_id"])
        if not same(m is not None, f"back: {it['message_id']}"):
            continue
        equal(it["folder"], path_of(m.folder), f"back: folder of {m.subject}")
        equal(it["received"][:19], m.received.isoformat()[:19], f"back: received, {m.subject}")
        flags = set(it["flags"].split() if isinstance(it["flags"], str) else it["flags"] or [])
        equal(flags, {{"S": "seen", "R": "answered", "F": "flagged", "P": "forwarded"}[c] for c in m.flags}, f"back: flags of {m.subject}")
        octets = judge.read(os.path.join(target, it["stored_as"]))
        if whole:
            same(judge.canonical(octets) == judge.canonical(m.octets), f"back: the octets of {m.subject}")
            continue
        got = email.message_from_bytes(octets, policy=email.policy.default)
        equal(str(got["Subject"]), m.subject, "back: subject")
        equal(sorted(hashlib.sha256(p.get_payload(decode=True)).hexdigest() for p in got.walk()
                     if p.get_content_disposition() == "attachment" and not p.is_multipart() and p.get_filename() != "inner.bin"),
              sorted(hashlib.sha256(o).hexdigest() for _, o in m.attachments), f"back: attachments of {m.subject}")


def compare_store(top, source, sent):
    store, again, whole = (os.path.join(top, n) for n in ("out.pst", "again.pst", "whole.pst"))
    run("convert", "--progress", "none", source, store)
    same(not os.path.exists(store + ".part"), "the unfinished name is gone")
    check(store)
    compare_pffexport(store, sent, top)
    compare_readpst(store, sent, top)
    compare_extractor(store, sent, top)
    compare_back(store, sent, top, False)
    run("convert", "--progress", "none", source, again)
    same(judge.read(store) == judge.read(again), "the same messages, the same octets")
    run("verify", store, source)
    before = judge.sha256(judge.read(store))
    run("convert", "--progress", "none", source, store)
    equal(judge.sha256(judge.read(store)), before, "nothing new, nothing changed")
    run("convert", "--progress", "none", "--keep-original", source, whole)
    check(whole)
    compare_back(whole, sent, top, True)
    return before


def kill_and_go_on(top, source, wanted, times):
    rng = random.Random(SEED)
    for turn in range(times):
        store = os.path.join(top, f"killed{turn}.pst")
        for _ in range(3):
            p = subprocess.Popen([judge.PROGRAM, "convert", "--progress", "none", source, store], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, env=judge.environment())
            time.sleep(rng.random() * 0.4)
            p.send_signal(signal.SIGKILL)
            p.wait()
        run("convert", "--progress", "none", source, store)
        equal(judge.sha256(judge.read(store)), wanted, f"killed three times ({turn})")


def grow(top, source, sent):
    store = os.path.join(top, "out.pst")
    extra = [Sent("", 900, "S", subject="one more"), Sent(".New", 901, "", subject="in a new folder")]
    for i, m in enumerate(extra):
        for sub in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(source, m.folder, sub), exist_ok=True)
        judge.write(os.path.join(source, m.folder, "cur", f"2000000000.{i}.host:2,{m.flags}"), m.octets, m.received.timestamp())
    run("convert", "--progress", "none", source, store)
    check(store)
    equal(judge.report_of(store)["totals"]["stored"], 2, "grown: only what is new")
    target = os.path.join(top, "grown")
    run("convert", "--to", "eml", "--progress", "none", store, target)
    equal({i["message_id"] for i in items_of(target)}, {m.id for m in sent + extra}, "grown: all messages")


def split(top):
    source, store = os.path.join(top, "split"), os.path.join(top, "parts.pst")
    sent = [Sent("", i, "S", subject=f"part {i}", attachments=[("big.bin", octets_of(size))]) for i, size in enumerate((9 << 20, 15 << 19))]
    make_source(source, sent)
    one, kept = os.path.join(top, "one.eml"), os.path.join(top, "kept.pst")
    judge.write(one, sent[0].octets)
    run("convert", "--progress", "none", "--keep-original", one, kept)  # larger than what a process without files holds
    run("convert", "--progress", "none", kept, os.path.join(top, "kept.jsonl"))
    equal([i["sha256"] for i in items_of(os.path.join(top, "kept.jsonl"))], [judge.sha256(sent[0].octets)], "kept")
    os.remove(kept)
    done = run("convert", "--progress", "none", "--split-size", "16M", source, store)
    same(b"2 files: %s and %s\n" % (store.encode(), store.encode().replace(b".pst", b"-2.pst")) in done.stdout, "split: the files are named")
    parts = sorted(p for p in os.listdir(top) if re.fullmatch(r"parts(-\d+)?\.pst", p))
    equal(parts, ["parts-2.pst", "parts.pst"], "split: stores")
    subjects = []
    for p in parts:
        same(os.path.getsize(os.path.join(top, p)) <= 16 << 20, f"split: size of {p}")
        check(os.path.join(top, p))
        subjects += re.findall(r"Subject: (.*)", quiet("lspst", "lspst", os.path.join(top, p)))
    equal(sorted(subjects), sorted(m.subject for m in sent), "split: messages")
    run("verify", store)
    os.remove(os.path.join(top, "parts-2.pst"))
    run("verify", store, exits=(1, 4))


def volumes(store):
    """Stores of a run by name: (octets' digest, file)."""
    top, stem = os.path.split(store[:-len(".pst")])
    names = sorted(p for p in os.listdir(top) if re.fullmatch(re.escape(stem) + r"(-\d+)?\.pst", p))
    return {p.replace(stem, "", 1): (judge.sha256(judge.read(os.path.join(top, p))), os.stat(os.path.join(top, p)).st_ino) for p in names}


def digests(store):
    return [digest for digest, _ in volumes(store).values()]


def split_fully(top):
    """Texts of a MB, which take twice that, and many recipients, which take most in tables: no store is larger than was asked for, and each
    is nearly as large; runs that are killed divide them as one that was not; another run touches nothing, empty folders or not."""
    source, store = os.path.join(top, "texts"), os.path.join(top, "texts.pst")
    line = b"The quick brown fox jumps over the lazy dog, again and again.\n"
    people = ", ".join(f"Person Number {i} <person.{i}@harbour.example>" for i in range(60)).encode()
    texts = [judge.message(i, body=line * ((1 << 20) // len(line))) for i in range(30)]
    small = [b"To: " + people + b"\n" + judge.message(100 + i) for i in range(1500)]
    os.makedirs(source)
    for name, mails in (("Texts", texts), ("Small", small), ("Both", small[:300] + texts[:9] + small[300:400]), ("Empty", [])):
        judge.write(os.path.join(source, name + ".mbox"), judge.mbox_of(mails))
    command = ("convert", "--progress", "none", "--split-size", "16M", source)
    run(*command, store)
    whole, sizes = volumes(store), [os.path.getsize(os.path.join(top, "texts" + p)) for p in volumes(store)]
    same(len(sizes) > 4 and max(sizes) <= 16 << 20, f"split: sizes {sizes}")
    same(sorted(sizes)[1] > 13 << 20, f"split: room is left in {sizes}")
    for p in whole:
        check(os.path.join(top, "texts" + p))
    listed = sum(len(quiet("lspst", "lspst", os.path.join(top, "texts" + p)).splitlines()) for p in whole)
    same(listed >= 30 + 1500 + 409, f"split: lspst lists {listed}")
    equal(judge.report_of(store)["totals"]["stored"], 30 + 1500 + 409, "split: stored")
    run(*command, store)
    equal(volumes(store), whole, "split: another run")
    rng = random.Random(SEED)
    for turn in range(8 if LONG else 2):
        cut = os.path.join(top, f"divided{turn}.pst")
        for _ in range(3):
            p = subprocess.Popen([judge.PROGRAM, *command, cut], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=judge.environment())
            time.sleep(rng.random() * 0.8)
            p.send_signal(signal.SIGKILL)
            p.wait()
        run(*command, cut)
        equal(digests(cut), digests(store), f"split and killed three times ({turn})")
        for p in volumes(cut):
            os.remove(os.path.join(top, f"divided{turn}{p}"))


def split_shapes(top):
    """What a store holds beside messages counts, too: folders that come behind them, folders of a message that is one too many, names of
    properties."""
    line = b"The quick brown fox jumps over the lazy dog, again and again.\n"
    mails = [judge.message(i, body=line * 140) for i in range(750)]
    fields = b"".join(b"X-Mailhaul-Field: f%03d%s=1\n" % (i, b"z" * 8000) for i in range(250))
    shapes = {"folders": [(f"m/{i:03}", [m]) for i, m in enumerate(mails[:300])] + [(f"z/{i:04}" + "x" * 200, []) for i in range(4000)],
              "behind": [("a", mails)] + [(f"z/{i:04}" + "x" * 200, []) for i in range(4000)],
              "names": [("a", mails + [fields + mails[0]] + mails[:20])]}
    for shape, folders in shapes.items():
        source, store = os.path.join(top, shape), os.path.join(top, shape + ".pst")
        for name, held in folders:
            os.makedirs(os.path.join(source, name))
            for i, m in enumerate(held):
                judge.write(os.path.join(source, name, f"{i:05}.eml"), m)
        run("convert", "--progress", "none", "--split-size", "16M", source, store)
        sizes = {p: os.path.getsize(os.path.join(top, shape + p)) for p in volumes(store)}
        same(max(sizes.values()) <= 16 << 20, f"split, {shape}: sizes {sizes}")
        for p in sizes:
            check(os.path.join(top, shape + p))
        equal(judge.report_of(store).get("files", 1), len(sizes), f"split, {shape}: files in the report")
        run("verify", store)
        shutil.rmtree(source)


def split_grown(top):
    """A run that ends a message in front of the end of a store, and goes on when there are more: divided as in one go. The folder's path is
    long, and must not count again."""
    deep = os.path.join(top, "deep", *(f"{k:02}" + "d" * 240 for k in range(7)))
    os.makedirs(deep)
    mails = [judge.message(i, body=b"The quick brown fox jumps over it\n" * 40) for i in range(7500)]

    def convert(n, name):
        judge.write(os.path.join(deep, "m.mbox"), judge.mbox_of(mails[:n]))
        run("convert", "--progress", "none", "--split-size", "16M", os.path.join(top, "deep"), os.path.join(top, name))

    convert(len(mails), "go.pst")
    wanted = digests(os.path.join(top, "go.pst"))
    held = collections.Counter("go-2.pst/" in i["stored_as"] or ("go-" in i["stored_as"] and "later") for i in items_of(os.path.join(top, "go.pst")))
    convert(held[False] + held[True] - 1, "grew.pst")
    convert(len(mails), "grew.pst")
    same(len(wanted) == 3 and held["later"], f"split, grown: {len(wanted)} stores, {held}")
    equal(digests(os.path.join(top, "grew.pst")), wanted, "split, grown: stores")


def split_roles(top):
    """A folder that comes into a further store for the sake of one below it keeps what it is for."""
    source, store = os.path.join(top, "roles"), os.path.join(top, "roles.pst")
    large = [judge.message(i, body=b"x y z\n" * 400000) for i in range(6)]
    make_source(source, [])
    for folder, mails in ((".Trash", [judge.message(90)]), (".Trash.Sub", large)):
        for sub in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(source, folder, sub))
        for i, m in enumerate(mails):
            judge.write(os.path.join(source, folder, "cur", f"1700000000.{i}.host:2,S"), m)
    run("convert", "--progress", "none", "--split-size", "16M", source, store)
    for p in volumes(store):
        done = json.loads(run("inspect", "--json", os.path.join(top, "roles" + p)).stdout)
        roles = {f["path"]: f["role"] for f in done["sources"][0]["folders"]}
        same(roles.get("Trash", "trash") == "trash" and list(roles.values()).count("trash") <= 1, f"split, roles of {p}: {roles}")


def inbox(top):
    """The Inbox is the only folder that no property names: the table of receive folders does, for every engine."""
    source, store = os.path.join(top, "inbox"), os.path.join(top, "inbox.pst")
    make_source(source, [])
    judge.write(os.path.join(source, "cur", "1700000000.1.host:2,S"), judge.message(1))
    run("convert", "--progress", "none", source, store)
    for engine in ("native", "libpff", "both"):
        done = json.loads(run("inspect", "--json", "--engine", engine, store).stdout)
        equal([f["role"] for f in done["sources"][0]["folders"] if f["path"] == "INBOX"], ["inbox"], f"inbox: {engine}")


def taken(top):
    """Names of further stores that are somebody else's: there before, there by the time the store is finished, those of another run."""
    source = os.path.join(top, "texts")
    command = ("convert", "--progress", "none", "--split-size", "16M", source)
    for number in "23":
        where = os.path.join(top, "taken" + number)
        os.makedirs(where)
        judge.write(os.path.join(where, f"out-{number}.pst"), b"!BDN precious")
        run(*command, os.path.join(where, "out.pst"), exits=(4,))
        equal(judge.read(os.path.join(where, f"out-{number}.pst")), b"!BDN precious", "a further store of somebody else's")
        report = os.path.join(where, "out.pst.mailhaul/report.json")
        same(not os.path.exists(report) or judge.adds_up(judge.report_of(os.path.join(where, "out.pst"))), "totals do not add up")
    for name in ("out.pst.part", "out-2.pst.part", "out-3.pst.part"):
        where = os.path.join(top, "taken-" + name)
        os.makedirs(where)
        judge.write(os.path.join(where, name), b"precious")
        done = run(*command, os.path.join(where, "out.pst"), exits=(4,))
        equal(judge.read(os.path.join(where, name)), b"precious", f"{name} of somebody else's")
        same(name.encode() in done.stderr, f"{name} of somebody else's is not named: {done.stderr}")
        os.remove(os.path.join(where, name))
        run(*command, os.path.join(where, "out.pst"))
        equal(digests(os.path.join(where, "out.pst")), digests(os.path.join(top, "texts.pst")), f"{name} was somebody else's, and is gone")
    killed = os.path.join(top, "killed")
    os.makedirs(killed)
    process = subprocess.Popen([judge.PROGRAM, *command, os.path.join(killed, "out.pst")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not os.path.exists(os.path.join(killed, "out.pst.part")):
        time.sleep(0.0005)
    process.kill()
    process.wait()
    run(*command, os.path.join(killed, "out.pst"))
    equal(digests(os.path.join(killed, "out.pst")), digests(os.path.join(top, "texts.pst")), "ended as soon as the store was there")
    late = os.path.join(top, "late")
    os.makedirs(late)
    process = subprocess.Popen([judge.PROGRAM, *command, os.path.join(late, "out.pst")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not os.path.exists(os.path.join(late, "out-2.pst.part")):
        time.sleep(0.001)
    if process.poll() is None:
        judge.write(os.path.join(late, "out-2.pst"), b"!BDN precious")
    equal(process.wait(), 4, "a further store whose name is taken meanwhile: exit status")
    equal(judge.read(os.path.join(late, "out-2.pst")), b"!BDN precious", "a further store of somebody else's, made meanwhile")
    other = os.path.join(top, "other")
    os.makedirs(os.path.join(other, "out-2.pst.mailhaul"))
    run(*command, os.path.join(other, "out.pst"), exits=(4,))
    one = os.path.join(top, "alone.pst")
    judge.write(os.path.join(top, "alone-2.pst"), b"!BDN precious")
    done = run("convert", "--progress", "none", os.path.join(source, "Empty.mbox"), os.path.join(source, "Small.mbox"), one)
    same(b"alone-2.pst" not in done.stdout, "a store of somebody else's is called ours")
    run("verify", one)


def refused(top, source):
    """What is there is never added to; names that are no names."""
    store = os.path.join(top, "foreign.pst")
    judge.write(store, b"!BDN precious")
    for options in ((), ("--merge",)):
        run("convert", "--progress", "none", *options, source, store, exits=(4,))
    equal(judge.read(store), b"!BDN precious", "a store of somebody else's")
    run("convert", "--progress", "none", "--split-size", "1K", source, os.path.join(top, "x.pst"), exits=(2,))


# ── large ──

# A child's peak memory counts the process that started it, so a small one does.
MEASURE = """
import os, subprocess, sys, time
start = time.monotonic()
p = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(p.pid, 0)
print(os.waitstatus_to_exitcode(status), time.monotonic() - start, usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime)
"""


def measured(*args):
    """Seconds, the most memory, and seconds of CPU of the program."""
    done = subprocess.run([sys.executable, "-S", "-c", MEASURE, judge.PROGRAM, *args], capture_output=True, text=True,
                          env=judge.environment(), timeout=1800, check=True)
    status, seconds, memory, cpu = done.stdout.split()
    equal(int(status), 0, f"{args[:1]}")
    return float(seconds), int(memory), float(cpu)


def large(top):
    mbox, store = os.path.join(top, "large.mbox"), os.path.join(top, "large.pst")
    judge.write(mbox, judge.mbox_of([judge.message(i, body=b"A line of text.\n" * 300) for i in range(SCALE)]))
    seconds, memory, cpu = measured("convert", "--progress", "none", mbox, store)
    say(f"{SCALE} messages: {os.path.getsize(mbox) >> 20} MiB in {seconds:.1f} s ({cpu:.1f} s CPU), {memory >> 20} MiB of memory")
    check(store)
    equal(len(quiet("lspst", "lspst", store).splitlines()), SCALE + 1, "large: lspst")
    os.remove(store)
    source, store = os.path.join(top, "one.eml"), os.path.join(top, "one.pst")
    big = octets_of(300 << 20)
    judge.write(source, Sent("", 1, attachments=[("big.bin", big)]).octets)
    seconds, memory, _ = measured("convert", "--progress", "none", source, store)
    say(f"an attachment of 300 MiB: {seconds:.1f} s, {memory >> 20} MiB of memory")
    same(judge.sanitized() or memory < MEMORY, f"memory for an attachment of 300 MiB: {memory >> 20} MiB")
    check(store)
    quiet("pffexport", "pffexport", "-q", "-t", os.path.join(top, "one"), store)
    same(hashlib.sha256(big).hexdigest() in digests_below(os.path.join(top, "one.export")), "300 MiB: the octets")
    tree, store = os.path.join(top, "tree"), os.path.join(top, "tree.pst")
    deep = "." + ".".join(f"d{i}" for i in range(50))
    make_source(tree, [Sent(f".F{i}", i, "S") for i in range(5000)] + [Sent(deep, 5001, "S", subject="at the bottom")])
    seconds, memory, _ = measured("convert", "--progress", "none", tree, store)
    say(f"5000 folders and one 50 deep: {seconds:.1f} s, {memory >> 20} MiB of memory")
    check(store)
    lines = quiet("lspst", "lspst", store).splitlines()
    equal(sum(l.startswith("Email") for l in lines), 5001, "folders: lspst")


def main():
    for tool in ("pffinfo", "pffexport", "readpst", "lspst"):
        if not shutil.which(tool):
            judge.skip(f"{tool} is not installed")
    top = judge.temporary(memory=True)
    sent = list(messages())
    source = os.path.join(top, "source")
    make_source(source, sent)
    whole = compare_store(top, source, sent)
    kill_and_go_on(top, source, whole, 12 if LONG else 1)
    grow(top, source, sent)
    split(top)
    split_fully(top)
    split_shapes(top)
    split_grown(top)
    split_roles(top)
    inbox(top)
    taken(top)
    refused(top, source)
    if LONG:
        large(top)
    judge.finish()


if __name__ == "__main__":
    main()
