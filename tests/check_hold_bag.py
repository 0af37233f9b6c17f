"""A package on disk, and verify: sha256sum takes it, and nothing in it can be changed without verify naming the place: an octet
anywhere, the end of a file, a file more or less, the log in every way that somebody who knows its form would try."""
import hashlib
import json
import os
import random
import shutil
import stat
import subprocess
import sys

import judge
from judge import equal, read, same, say

PACK = os.environ.get("HOLD_PACK") or os.path.join(os.path.dirname(judge.PROGRAM), "tests", "hold_pack")
MANIFEST, SEAL, LOG, INFO = "manifest-sha256.txt", "tagmanifest-sha256.txt", "audit.jsonl", "bag-info.txt"
DAT, EDRM, EAXS = "load/concordance.dat", "load/edrm.xml", "load/eaxs.xml"
CATALOG, REPORT = ".mailhaul/catalog.db", "report.json"
PLACES = 240  # octets that are changed, at least
random.seed(5)


def pack(path, *args):
    subprocess.run([PACK, path, *map(str, args)], check=True)
    return path


def files_of(root):
    found = []
    for directory, _, names in os.walk(root):
        found += [os.path.relpath(os.path.join(directory, n), root) for n in names]
    return sorted(found)


def sha(octets):
    return hashlib.sha256(octets).hexdigest()


def verify(root, *sources, exits=(0, 1)):
    """(exit status, the object) of verify --json."""
    done = judge.run("verify", "--json", root, *sources, exits=exits)
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        same(False, "no JSON: " + done.text[-500:])
        return done.returncode, {"differences": []}


def names(o):
    """Every file that a difference points to: its own place, and the list that says otherwise."""
    found = set()
    for d in o["differences"]:
        found.add(d["place"])
        found.update(word for word in (d["detail"] or "").split() if word in (MANIFEST, SEAL))
    return found


def kinds(o):
    return {(d["kind"], d["place"]) for d in o["differences"]}


def expect(root, place, what, kind=None, text=None):
    """verify fails, and says where. place: or several, of which one will do."""
    status, o = verify(root)
    places = {place} if isinstance(place, str) else set(place)
    shown = json.dumps(o["differences"][:4])
    same(status == 1, f"{what}: exit status {status}")
    same(bool(places & names(o)), f"{what}: {sorted(places)} is not named in {shown}")
    if kind:
        same(any((kind, p) in kinds(o) for p in places), f"{what}: no {kind} of {sorted(places)} in {shown}")
    if text:
        same(text in shown, f"{what}: no {text!r} in {shown}")
    return o


class Changed:
    """A file with other octets for a while."""

    def __init__(self, root, path, octets):
        self.path, self.octets = os.path.join(root, path), octets

    def __enter__(self):
        self.before = read(self.path) if os.path.exists(self.path) else None
        if self.octets is None:
            os.unlink(self.path)
        else:
            judge.write(self.path, self.octets)

    def __exit__(self, *_):
        if self.before is None:
            os.unlink(self.path)
        else:
            judge.write(self.path, self.before)


class Resealed(Changed):
    """The same by somebody who brings tagmanifest into agreement."""

    def __init__(self, root, path, octets):
        super().__init__(root, path, octets)
        seal = read(os.path.join(root, SEAL)).decode().splitlines()
        mine = [(sha(octets) + line[64:] if line[66:] == path else line) for line in seal]
        self.seal = Changed(root, SEAL, "".join(line + "\n" for line in mine).encode())

    def __enter__(self):
        super().__enter__()
        self.seal.__enter__()

    def __exit__(self, *args):
        self.seal.__exit__(*args)
        super().__exit__(*args)


# ── as it is made ──

def check_tools(root, what):
    for name in (MANIFEST, SEAL):
        done = subprocess.run(["sha256sum", "-c", "--quiet", "--strict", name], cwd=root, capture_output=True, check=False)
        same(done.returncode == 0, f"{what}: sha256sum -c {name}: {(done.stdout + done.stderr)[-300:]}")


def check_whole(root, what, documents):
    before = judge.snapshot(root, ignore=(), times=True)
    status, o = verify(root)
    equal(status, 0, f"{what}: verify")
    equal(o["differences"], [], f"{what}: differences")
    equal(o["checked"]["documents"], documents, f"{what}: documents")
    tags = [f for f in files_of(root) if not f.startswith("data/") and f != SEAL]
    payload = [f for f in files_of(root) if f.startswith("data/")]
    equal(o["checked"]["files"], len(payload), f"{what}: files")
    equal(o["checked"]["tag_files"], len(tags), f"{what}: tag files")
    equal(o["agree"], len(payload) + len(tags), f"{what}: agree")
    equal(o["checked"]["octets"], sum(os.path.getsize(os.path.join(root, f)) for f in payload), f"{what}: octets")
    equal(o["checked"]["log_lines"], read(os.path.join(root, LOG)).count(b"\n"), f"{what}: log lines")
    equal(o["seal"], sha(read(os.path.join(root, SEAL))), f"{what}: seal")
    same(judge.differences(judge.snapshot(root, ignore=(), times=True), before) == "", f"{what}: verify changes nothing")
    text = judge.run("verify", root).stdout.decode()
    same("no difference" in text and o["seal"] in text, f"{what}: {text}")


def decoded(path):
    return path.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def check_lists(root, what):
    """Both manifests by hand: every file, its digest, in octet order; the fields of bag-info.txt."""
    for name, mine in ((MANIFEST, lambda f: f.startswith("data/")), (SEAL, lambda f: not f.startswith("data/") and f != SEAL)):
        lines = [line.split("  ", 1) for line in read(os.path.join(root, name)).decode().split("\n")[:-1]]
        listed = [decoded(p) for _, p in lines]
        equal(listed, sorted((f for f in files_of(root) if mine(f)), key=os.fsencode), f"{what}: {name}")
        for (digest, _), path in zip(lines, listed):
            equal(digest, sha(read(os.path.join(root, path))), f"{what}: {name}: {path}")
    info = dict(line.split(": ", 1) for line in read(os.path.join(root, INFO)).decode().splitlines())
    payload = [os.path.getsize(os.path.join(root, f)) for f in files_of(root) if f.startswith("data/")]
    log = read(os.path.join(root, LOG)).splitlines()
    equal(info["Payload-Oxum"], f"{sum(payload)}.{len(payload)}", f"{what}: Payload-Oxum")
    equal(info["Audit-Log-Count"], str(len(log)), f"{what}: Audit-Log-Count")
    equal(info["Audit-Log-Head"], sha(log[-1]), f"{what}: Audit-Log-Head")
    equal(read(os.path.join(root, "bagit.txt")), b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n", f"{what}: bagit.txt")


# ── octets ──

def positions(size, n):
    if size == 0:
        return []
    some = {0, size - 1} | {random.randrange(size) for _ in range(n)}
    return sorted(some)


def check_octets(root):
    files = files_of(root)
    each = -(-PLACES // len(files))
    count = 0
    for path in files:
        before = read(os.path.join(root, path))
        for at in positions(len(before), each + (6 if path in (SEAL, MANIFEST, LOG, INFO, CATALOG) else 0)):
            octet = before[at] ^ (1 << random.randrange(8))
            with Changed(root, path, before[:at] + bytes([octet]) + before[at + 1:]):
                expect(root, path, f"octet {at} of {path} is {octet:#x}")
            count += 1
    same(count >= 200, f"{count} places")
    say(f"{count} octets changed in {len(files)} files")


def check_ends(root):
    for path in files_of(root):
        before = read(os.path.join(root, path))
        where = os.path.join(root, path)
        if before:
            with Changed(root, path, before[:-1]):
                expect(root, path, f"{path} is one octet shorter")
        with Changed(root, path, before + b"\n"):
            expect(root, path, f"{path} is one octet longer")
        with Changed(root, path, None):
            expect(root, path, f"{path} is gone", kind="not-sealed" if path == SEAL else "missing")
        os.rename(where, where + ".away")
        os.symlink(os.path.basename(where) + ".away", where)
        expect(root, path, f"{path} is a symbolic link", kind="unreadable" if path == SEAL else "special")
        os.unlink(where)
        os.rename(where + ".away", where)


def check_more(root):
    for path in ("data/new", "data/eml/Inbox/T00000001.eml.bak", "data/zzz", "new.txt", ".mailhaul/journal.db-wal", "load/x"):
        with Changed(root, path, b"new"):
            expect(root, path, f"{path} was added", kind="extra")
    os.mkfifo(os.path.join(root, "data/pipe"))
    expect(root, "data/pipe", "a FIFO in the payload", kind="special")
    os.unlink(os.path.join(root, "data/pipe"))
    for a, b in (("data/eml/Inbox/T00000001.eml", "data/eml/Inbox/T00000004.eml"), ("exceptions.csv", "attachments.csv"),
                 (LOG, REPORT)):
        one, two = read(os.path.join(root, a)), read(os.path.join(root, b))
        with Changed(root, a, two), Changed(root, b, one):
            o = expect(root, a, f"{a} and {b} swapped", kind="changed")
            same(("changed", b) in kinds(o), f"{b} is named, too")
    folder = os.path.join(root, "data/eml/Inbox")
    os.rename(folder, folder + "2")
    expect(root, "data/eml/Inbox/T00000001.eml", "a directory renamed", kind="missing")
    expect(root, "data/eml/Inbox2/T00000001.eml", "a directory renamed", kind="extra")
    os.rename(folder + "2", folder)
    os.chmod(os.path.join(root, "load/edrm.xml"), 0)
    if os.geteuid() != 0:
        expect(root, EDRM, "a file that cannot be read", kind="unreadable")
    os.chmod(os.path.join(root, "load/edrm.xml"), stat.S_IRUSR | stat.S_IWUSR)


# ── manifests ──

def check_manifests(root):
    for name in (MANIFEST, SEAL):
        lines = read(os.path.join(root, name)).splitlines(keepends=True)
        variants = {
            "upper case": [lines[0].upper()[:64] + lines[0][64:], *lines[1:]],
            "one blank": [lines[0][:64] + lines[0][65:], *lines[1:]],
            "binary mark": [lines[0][:65] + b"*" + lines[0][66:], *lines[1:]],
            "CRLF": [line.replace(b"\n", b"\r\n") for line in lines],
            "a line twice": [lines[0], *lines],
            "two lines swapped": [lines[1], lines[0], *lines[2:]],
            "no last line end": [*lines[:-1], lines[-1][:-1]],
            "an empty line": [*lines, b"\n"],
            "out of the bag": [*lines, b"0" * 64 + b"  ../x\n"],
            "absolute": [*lines, b"0" * 64 + b"  /etc/passwd\n"],
            "needless code": [lines[0].replace(b".", b"%2E", 1), *lines[1:]],
            "NULs": [*lines, b"\0" * 100],
        }
        for what, changed in variants.items():
            kind = Resealed if name == MANIFEST else Changed
            with kind(root, name, b"".join(changed)):
                expect(root, name, f"{name}: {what}", kind="manifest-line")


# ── the log ──

def rechained(lines):
    out, prev = [], "0" * 64
    for i, line in enumerate(lines):
        o = json.loads(line)
        o["seq"], o["prev"] = i + 1, prev
        out.append(json.dumps(o, separators=(",", ":"), ensure_ascii=False).encode())
        prev = sha(out[-1])
    return out


def check_log(root):
    lines = read(os.path.join(root, LOG)).splitlines()
    equal(rechained(lines), lines, "the log, chained by Python")
    middle = len(lines) // 2
    forged = [line.replace(b"T00000002", b"T00000003") for line in lines]
    same(forged != lines, "something was forged")
    broken = {
        "a line from the middle": (lines[:middle] + lines[middle + 1:], middle + 1),
        "two lines swapped": (lines[:middle - 1] + [lines[middle], lines[middle - 1]] + lines[middle + 1:], middle),
        "a forged line": (forged, next(i for i, line in enumerate(forged) if line != lines[i]) + 2),
        "a line inserted": (lines[:middle] + lines[middle - 1:], middle + 1),
        "an empty line": (lines[:middle] + [b""] + lines[middle:], middle + 1),
    }
    for what, (changed, at) in broken.items():
        for kind in (Changed, Resealed):
            with kind(root, LOG, b"\n".join(changed) + b"\n"):
                o = expect(root, LOG, f"log: {what}", kind="log-link")
                links = [d for d in o["differences"] if d["kind"] == "log-link"]
                equal([d["line"] for d in links], [at], f"log: {what}: first broken link")
                offset = len(b"".join(line + b"\n" for line in changed[:at - 1]))
                equal([d["detail"] for d in links], [f"at octet {offset}"], f"log: {what}: octet")
    whole = {
        "without its last line": lines[:-1],
        "without its last three": lines[:-3],
        "empty": [],
        "chained anew, one event forged": rechained(forged),
        "chained anew, one event gone": rechained(lines[:middle] + lines[middle + 1:]),
        "chained anew, one event more": rechained(lines + [lines[-1]]),
    }
    for what, changed in whole.items():
        for kind in (Changed, Resealed):
            with kind(root, LOG, b"".join(line + b"\n" for line in changed)):
                expect(root, LOG, f"log: {what}", kind="log-head")
    for cut in (1, 2, 30, len(lines[-1])):
        with Resealed(root, LOG, (b"\n".join(lines) + b"\n")[:-cut]):
            expect(root, LOG, f"log: {cut} octets short", kind="log-link", text="no line end")
    with Resealed(root, LOG, b"\0" * 5000):
        expect(root, LOG, "log: NULs", kind="log-link")


# ── behind the seal: somebody who knew how to make tagmanifest agree ──

def check_info(root):
    info = read(os.path.join(root, INFO))
    for field in (b"Bag-Type", b"External-Identifier", b"Payload-Oxum", b"Audit-Log-Head", b"Mailbag-Agent-Version"):
        line = next(x for x in info.splitlines(keepends=True) if x.startswith(field + b":"))
        with Resealed(root, INFO, info.replace(line, b"")):
            expect(root, INFO, f"{field} is gone", kind="bag-info", text=field.decode())
        with Resealed(root, INFO, info + line):
            expect(root, INFO, f"{field} twice", kind="bag-info", text=field.decode())
    with Resealed(root, INFO, info.replace(b"Payload-Oxum: ", b"Payload-Oxum: 1")):
        expect(root, INFO, "another Payload-Oxum", kind="bag-info", text="Payload-Oxum")
    with Resealed(root, INFO, info.replace(b"Audit-Log-Count: ", b"Audit-Log-Count: 1")):
        expect(root, LOG, "another Audit-Log-Count", kind="log-head")


def check_load(root, cp1252=False):
    thorn, sep = (b"\xfe", b"\x14") if cp1252 else (b"\xc3\xbe", b"\x14")
    dat = read(os.path.join(root, DAT))
    records = dat.split(b"\r\n")[:-1]
    names_ = [v.strip(thorn).decode() for v in records[0].removeprefix(b"\xef\xbb\xbf").split(sep)]

    def with_value(record, column, value):
        values = records[record].split(sep)
        values[names_.index(column)] = thorn + value + thorn
        return b"\r\n".join(records[:record] + [sep.join(values)] + records[record + 1:]) + b"\r\n"

    def value(record, column):
        return records[record].split(sep)[names_.index(column)].replace(thorn, b"")

    for column in ("MD5HASH", "SHA1HASH", "SHA256HASH", "FILESIZE"):
        other = value(1, column)[:-1] + (b"1" if value(1, column)[-1:] != b"1" else b"2")
        with Resealed(root, DAT, with_value(1, column, other)):
            expect(root, DAT, f"DAT: another {column}", kind="load-file", text=value(1, "NATIVEPATH").decode())
        with Resealed(root, DAT, with_value(1, column, b"")):
            expect(root, DAT, f"DAT: no {column}", kind="load-file", text=column)
    for column in ("NATIVEPATH", "TEXTPATH"):
        for path in (b"data/eml/none.eml", b"../../etc/passwd", b"/etc/passwd"):
            with Resealed(root, DAT, with_value(1, column, path)):
                expect(root, DAT, f"DAT: {column} {path}", kind="load-file", text="no such file")
    with Resealed(root, DAT, with_value(2, "DOCID", value(1, "DOCID"))):
        expect(root, DAT, "DAT: a DOCID twice", kind="load-file")
    with Resealed(root, DAT, with_value(2, "DOCID", b"")):
        expect(root, DAT, "DAT: no DOCID", kind="load-file")
    with Resealed(root, DAT, b"\r\n".join(records[:-1]) + b"\r\n"):
        expect(root, DAT, "DAT: a record less", kind="count")
    with Resealed(root, DAT, dat[:-1]):
        expect(root, DAT, "DAT: cut", kind="load-file", text="line end")
    with Resealed(root, DAT, dat.replace(thorn + sep, thorn, 1)):
        expect(root, DAT, "DAT: a separator less", kind="load-file")
    with Resealed(root, DAT, b""):
        expect(root, DAT, "DAT: empty", kind="load-file")
    edrm = read(os.path.join(root, EDRM))
    md5 = value(1, "MD5HASH")
    changes = {
        "a document renamed": edrm.replace(b'DocID="' + value(1, "DOCID") + b'"', b'DocID="X1"'),
        "another hash": edrm.replace(md5, md5[::-1]),
        "another path": edrm.replace(b'FilePath="data', b'FilePath="../data', 1),
        "not well-formed": edrm.replace(b"</Documents>", b"</Document>"),
        "cut": edrm[:-10],
        "a document type": edrm.replace(b"<Root", b'<!DOCTYPE Root [<!ENTITY a "b">]><Root', 1),
    }
    for what, octets in changes.items():
        same(octets != edrm, f"EDRM: {what}: nothing was changed")
        with Resealed(root, EDRM, octets):
            expect(root, EDRM, f"EDRM: {what}", kind="load-file")
    eaxs = read(os.path.join(root, EAXS))
    at, end = eaxs.index(b"<Message>"), eaxs.index(b"</Message>") + 10
    digest = value(1, "SHA256HASH").upper()
    changes = {
        "another hash": ("load-file", eaxs.replace(digest, digest[::-1])),
        "another path": ("load-file", eaxs.replace(b"<RelPath>../data/", b"<RelPath>../data/x/")),
        "out of the package": ("load-file", eaxs.replace(b"<RelPath>../data/", b"<RelPath>/data/", 1)),
        "a message less": ("count", eaxs[:at] + eaxs[end:]),
        "not well-formed": ("load-file", eaxs.replace(b"</Message>", b"</Massage>", 1)),
        "cut": ("load-file", eaxs[:-10]),
        "empty": ("load-file", b""),
        "a document type": ("load-file", eaxs.replace(b"<Account", b'<!DOCTYPE Account [<!ENTITY a "b">]><Account', 1)),
    }
    for what, (kind, octets) in changes.items():
        same(octets != eaxs, f"EAXS: {what}: nothing was changed")
        with Resealed(root, EAXS, octets):
            expect(root, EAXS, f"EAXS: {what}", kind=kind)
    for name in ("mailbag.csv", "attachments.csv", "load/items.csv"):
        csv = read(os.path.join(root, name))
        with Resealed(root, name, csv + csv.splitlines(keepends=True)[0]):
            expect(root, name, f"{name}: a record more", kind="count")
        with Resealed(root, name, csv.replace(b'","', b'",', 1)):
            expect(root, name, f"{name}: a quote less", kind="load-file")


def check_report(root):
    report = json.loads(read(os.path.join(root, REPORT)))
    for key in report["package"]:
        other = dict(report, package=dict(report["package"], **{key: report["package"][key] + 1}))
        with Resealed(root, REPORT, json.dumps(other).encode()):
            expect(root, REPORT, f"report: another {key}", kind="report", text=key)
    for what, octets in {"no package": json.dumps({k: v for k, v in report.items() if k != "package"}).encode(),
                         "no JSON": b"{", "a list": b"[]",
                         "a sum": json.dumps(dict(report, totals=dict(report["totals"], found=99))).encode()}.items():
        with Resealed(root, REPORT, octets):
            expect(root, REPORT, f"report: {what}", kind="report")
    with Resealed(root, CATALOG, b"SQLite format 3\0" + bytes(4000)):
        expect(root, CATALOG, "a catalogue that is none", kind="catalogue")


def check_sources(root):
    source = root + ".source"
    status, o = verify(root, source)
    equal((status, o["checked"]["sources"]), (0, 1), "its source")
    copy = judge.write(root + ".copy", read(source))
    equal(verify(root, copy)[0], 0, "a copy of its source")
    with Changed("/", source, read(source) + b"x"):
        status, o = verify(root, source)
        equal((status, kinds(o)), (1, {("source", source)}), "a source that was changed")
    other = judge.write(root + ".other", b"other")
    equal(verify(root, other)[0], 1, "another source")
    judge.run("verify", root, root + ".none", exits=(3,))


def check_states(root, top):
    with Changed(root, SEAL, None):
        done = judge.run("verify", root, exits=(1,))
        same("not sealed: a run has not ended; run the same command again" in done.text, done.text)
        status, o = verify(root)
        equal((status, o["sealed"], kinds(o)), (1, False, {("not-sealed", SEAL)}), "not sealed")
        with Changed(root, LOG, read(os.path.join(root, LOG))[:-9]):
            same(("log-link", LOG) in kinds(verify(root)[1]), "its log is looked at all the same")
    many = os.path.join(root, "data/many")
    os.mkdir(many)
    for i in range(1200):
        judge.write(os.path.join(many, f"{i:04}"), b"")
    _, o = verify(root)
    equal((len(o["differences"]), o["truncated"]), (1000, True), "many differences")
    same(o["differ"] >= 1200, "all are counted")
    shutil.rmtree(many)
    equal(verify(root)[0], 0, "all as it was")
    closed = os.path.join(top, "closed")
    os.makedirs(closed)
    judge.run("verify", closed, exits=(4,))


def main():
    if not os.path.exists(PACK):
        judge.skip("no hold_pack")
    top = judge.temporary(memory=True)
    root = pack(os.path.join(top, "package"))
    check_tools(root, "small")
    check_lists(root, "small")
    check_whole(root, "small", 8)
    check_octets(root)
    check_ends(root)
    check_more(root)
    check_manifests(root)
    check_log(root)
    check_info(root)
    check_load(root)
    check_report(root)
    check_sources(root)
    check_states(root, top)
    ansi = pack(os.path.join(top, "ansi"), 3, 100, "cp1252")
    check_tools(ansi, "cp1252")
    check_whole(ansi, "cp1252", 7)
    check_load(ansi, cp1252=True)
    odd = pack(os.path.join(top, "odd"), 2, 10, "odd")
    check_lists(odd, "odd names")
    check_whole(odd, "odd names", 4)
    empty = pack(os.path.join(top, "empty"), 0)
    check_lists(empty, "empty")
    check_whole(empty, "empty", 0)
    judge.finish()


sys.exit(main())
