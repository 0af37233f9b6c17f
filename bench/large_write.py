"""The case `write` of bench/large: large Outlook stores that mailhaul writes, read back by itself and by others.

  texts   100 000 messages of text: each one's subject, date and text out of the store as Python's email package and a walk over lines
          see them, and written once more with --keep-original, each one's SHA-256
  shapes  5 000 folders with a message each, folders 50 deep, 200 recipients, an attachment of 300 MB
  size    a store of 10 GB (--size), the usual mailbox of bench/gen.c: each message as in texts

Every store: `mailhaul check` finds nothing, `mailhaul convert` gives all of it, readpst in one process (-j 0) has as many items, and
pffexport, which opens a store in time that grows with the square of its items and is stopped after --seconds."""
import email
import email.policy
import hashlib
import json
import os
import re
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
FIELDS = (b"message-id", b"subject", b"date", b"content-type", b"content-transfer-encoding")
DEEP, RECIPIENTS = 50, 200
QUOTED = re.compile(rb">+From ")


# ── messages ──

def messages_of(path):
    """The octets of each message of an mboxrd file."""
    lines = []
    with open(path, "rb") as f:
        for line in f:
            if line.startswith(b"From ") and (not lines or lines[-1] in (b"\n", b"\r\n")):
                if lines:
                    yield b"".join(lines)
                lines = []
            else:
                lines.append(line[1:] if QUOTED.match(line) else line)
    if lines:
        yield b"".join(lines)


def leaves(octets):
    """Digests of a message's parts, decoded. Its header has to be well-formed: the generated ones, whose signatures are not folded, end
    early for Python."""
    return [hashlib.sha256((p.get_payload(decode=True) or b"").replace(b"\r\n", b"\n").rstrip(b"\n")).hexdigest()
            for p in email.message_from_bytes(octets).walk() if not p.is_multipart()]


def facts(octets):
    """Message-ID, and what has to be the same behind the store. The email package is slow: it is asked about what is encoded or has
    parts only."""
    head, _, body = octets.replace(b"\r\n", b"\n").partition(b"\n\n")
    fields = {}
    for line in re.sub(rb"\n[ \t]+", b" ", head).split(b"\n"):
        name, _, value = line.partition(b":")
        if name.lower() in FIELDS:
            fields.setdefault(name.lower(), value.strip())
    plain = fields.get(b"content-transfer-encoding", b"7bit").lower() in (b"7bit", b"8bit")
    if plain and not fields.get(b"content-type", b"").lower().startswith(b"multipart/"):
        found = [hashlib.sha256(body.rstrip(b"\n")).hexdigest()]
    else:
        found = leaves(b"".join(n + b": " + fields[n] + b"\n" for n in FIELDS if n in fields) + b"\n" + body)
    return fields.get(b"message-id"), (fields.get(b"subject"), fields.get(b"date"), *found)


def digest(seen):
    return hashlib.blake2b(repr(seen).encode(), digest_size=12).digest()


# ── the case ──

class Write:
    def __init__(self, large):
        self.large, self.options = large, large.options
        flags = ["cc", "-std=c17", "-D_POSIX_C_SOURCE=200809L", "-O2"]
        subprocess.run([*flags, "-o", large.path("gen"), os.path.join(HERE, "gen.c")], check=True)

    def row(self, step, m=None, said=""):
        self.large.row("write", step, m, said)

    def want(self, good, what):
        return self.large.want(good, "write: " + what)

    def generate(self, name, octets, *median):
        path = self.large.path(name)
        with open(path, "wb") as f:
            subprocess.run([self.large.path("gen"), str(octets), *median], stdout=f, check=True)
        return path

    def convert(self, what, source, name, items, *options):
        """To a store, or back. Returns the target and the lines of items.jsonl."""
        target = self.large.path(name)
        m = self.large.run(self.options.program, "convert", "-q", *options, source, target)
        with open(target + ".mailhaul/report.json" if os.path.isfile(target) else target + "/.mailhaul/report.json", encoding="utf-8") as f:
            report = json.load(f)
        stored = report["totals"]["stored"]
        size = f", {os.path.getsize(target) / 1e9:.2f} GB" if os.path.isfile(target) else ""
        self.row(what, m, self.want(stored == report["totals"]["found"] == (items or stored), f"{what}: {report['totals']}")
                 + f"{stored} stored{size}")
        return target, stored

    def items(self, target):
        state = target + ".mailhaul" if os.path.isfile(target) else target + "/.mailhaul"
        with open(state + "/items.jsonl", encoding="utf-8") as f:
            return {(i["message_id"]): i["sha256"] for i in map(json.loads, f)}

    def same(self, what, source, target):
        """Every message of one mbox in the other."""
        left = {}
        for octets in messages_of(source):
            name, seen = facts(octets)
            left[name] = digest(seen)
        n, odd = len(left), []
        for octets in messages_of(target):
            name, seen = facts(octets)
            if left.pop(name, None) != digest(seen):
                odd.append((name, seen))
        good = not left and not odd
        self.row(what, None, self.want(good, f"{what}: {len(left)} missing, {len(odd)} differ, {odd[:1]}") + f"{n - len(left)} of {n} messages")

    def others(self, store, items):
        """readpst and libpff over it. Returns where readpst put its files."""
        out = self.large.path("readpst")
        os.mkdir(out)
        m = self.large.run("readpst", "-D", "-e", "-j", "0", "-o", out, store, seconds=self.options.seconds * 5)
        done = sum(n.endswith(".eml") for _, _, names in os.walk(out) for n in names)
        said = "stopped" if m["stopped"] else self.want(done == items, f"readpst has {done} messages of {items}") + f"{done} messages"
        self.large.row("write", "readpst -e -j 0", m, said, others=True)
        target = self.large.path("pff")
        m = self.large.run("pffexport", "-q", "-m", "items", "-t", target, store, seconds=self.options.seconds, interrupted=(1,))
        found = sum(any(n in ("Message.txt", "OutlookHeaders.txt") for n in names) for _, _, names in os.walk(target + ".export"))
        said = (f"stopped after {self.options.seconds} s" if m["stopped"] else
                self.want(found >= items, f"pffexport has {found} items of {items}") + f"{found} items")
        self.large.row("write", "pffexport", m, said, others=True)
        shutil.rmtree(target + ".export", ignore_errors=True)
        return out

    def texts(self):
        source = self.generate("texts.mbox", self.options.messages * 4850, "2500")
        store, n = self.convert("texts to a store", source, "texts.pst", 0)
        self.large.check("write", store)
        back, _ = self.convert("texts back", store, "back.mbox", n)
        self.same("texts, compared", source, back)
        shutil.rmtree(self.others(store, n))
        for path in (store, back):
            os.unlink(path)
        store, _ = self.convert("texts, --keep-original", source, "kept.pst", n, "--keep-original")
        made = self.items(store)
        back, _ = self.convert("texts back", store, "again.mbox", n)
        good = self.items(back) == made
        self.row("texts, SHA-256", None, self.want(good, "digests differ") + f"{len(made)} agree")
        self.large.clean("gen")

    # ── shapes ──

    def message(self, number, to=("ada@example.org",), attachment=None):
        m = email.message.EmailMessage(policy=email.policy.SMTP)
        m["From"], m["To"], m["Subject"] = "Ben Mole <ben@example.org>", ", ".join(to), f"shape {number}"
        m["Date"], m["Message-ID"] = "Thu, 01 Jan 2015 00:00:00 +0000", f"<{number}@shapes.example>"
        m.set_content(f"Text of {number}.\n")
        if attachment:
            m.add_attachment(attachment, maintype="application", subtype="octet-stream", filename="large.bin")
        return m.as_bytes()

    def folder(self, root, name, number, octets):
        for sub in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(root, name, sub), exist_ok=True)
        with open(os.path.join(root, name, "cur", f"1000000000.{number}.host:2,S"), "wb") as f:
            f.write(octets)

    def shapes(self):
        source, octets = self.large.path("shapes"), self.options.folders
        large = hashlib.shake_128(b"large").digest(1 << 20) * (self.options.file >> 20)
        self.folder(source, "", 1, self.message(1))
        self.folder(source, "", 2, self.message(2, [f"Person {i} <p{i}@example.org>" for i in range(RECIPIENTS)]))
        self.folder(source, "", 3, self.message(3, attachment=large))
        for depth in range(1, DEEP + 1):
            self.folder(source, "." + ".".join(f"d{i:02}" for i in range(1, depth + 1)), 10 + depth, self.message(10 + depth))
        for i in range(self.options.folders):
            self.folder(source, f".folder {i:05}", 100 + i, self.message(100 + i))
        items = 3 + DEEP + octets
        store, _ = self.convert("shapes to a store", source, "shapes.pst", items)
        self.large.check("write", store)
        back, _ = self.convert("shapes back", store, "back.maildir", items, "--to", "maildir")
        self.shapes_back(source, back, hashlib.sha256(large).hexdigest())
        out = self.others(store, items)
        found = max((os.path.join(d, f) for d, _, names in os.walk(out) for f in names), key=os.path.getsize)
        size, got = self.large.last_part(found)
        self.row("its attachment out of readpst", None, self.want(got == hashlib.sha256(large).hexdigest(), f"readpst: {size} octets, {got}")
                 + f"{size} octets, SHA-256 agrees")
        self.large.clean("gen")

    def shapes_back(self, source, back, want):
        """Folders by name with a message each, 200 recipients, the attachment."""
        def tree(root):
            return sorted(os.path.relpath(d, root) for d, _, names in os.walk(root) if os.path.basename(d) in ("cur", "new") and names)
        good = [d.replace("/new", "/cur") for d in tree(back)] == tree(source)
        self.row("folders", None, self.want(good, "folders differ") + f"{len(tree(source))} with messages, the same")
        for d, _, names in os.walk(back):
            for name in names if d in (back + "/cur", back + "/new") else ():
                path = os.path.join(d, name)
                if os.path.getsize(path) > 1 << 20:
                    self.want(self.large.last_part(path)[1] == want, "the attachment differs")
                    continue
                with open(path, "rb") as f:
                    m = email.message_from_binary_file(f, policy=email.policy.default)
                n = len(m["to"].addresses)
                self.want(n == (RECIPIENTS if m["subject"] == "shape 2" else 1), f"{m['subject']}: {n} recipients")

    def size(self):
        source = self.generate("size.mbox", int(self.options.size * 1e9 / 1.45))
        store, n = self.convert("size to a store", source, "size.pst", 0)
        self.large.check("write", store)
        back, _ = self.convert("size back", store, "back.mbox", n)
        self.same("size, compared", source, back)
        os.unlink(source)
        os.unlink(back)
        shutil.rmtree(self.others(store, n))
        self.large.clean("gen")
