"""Every rule of testdata/pst/rules is a small Outlook store and what must come out of it. tests/pst_make/make_pst makes the store; its
structure is checked from the specification, and pffexport, readpst and lspst, which nobody here wrote, must read it and
see as many items. Then mailhaul converts it to EML, Python's email package parses that, and what it says is compared with
the rule. testdata/pst/README.md tells how to write one."""
import email
import email.policy
import glob
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import judge
from judge import equal, run, same, say
from pst_structure import Store

RULES = os.path.join(judge.TESTDATA, "pst/rules")
MAKE = os.environ.get("MAKE_PST") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/make_pst")
ONLY = sys.argv[2:]  # names of rules, for working on one
LINE_MAX = 998
MASK = (1 << 64) - 1


def fill(size, seed):
    """The octets make_pst makes of {"fill": size, "seed": seed} (splitmix64, little-endian)."""
    out = []
    for _ in range((size + 7) // 8):
        seed = (seed + 0x9e3779b97f4a7c15) & MASK
        z = ((seed ^ seed >> 30) * 0xbf58476d1ce4e5b9) & MASK
        z = ((z ^ z >> 27) * 0x94d049bb133111eb) & MASK
        out.append(z ^ z >> 31)
    return struct.pack(f"<{len(out)}Q", *out)[:size]


def quiet(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=120)


# ── the store, as others see it ──

def described(folders, associated=False):
    """Items that a description puts into folders."""
    n = 0
    for f in folders:
        for key in ("messages", "associated") if associated else ("messages",):
            n += sum(m.get("repeat", 1) for m in f.get(key, []))
        n += described(f.get("folders", []), associated)
    return n


def embedded(message):
    """Messages inside of one, at any depth."""
    inner = [a["embedded"] for a in message.get("attachments", []) if "embedded" in a]
    return len(inner) + sum(embedded(m) for m in inner)


def embedded_in(folders):
    return sum(sum(embedded(m) * m.get("repeat", 1) for m in f.get("messages", [])) + embedded_in(f.get("folders", []))
               for f in folders)


def pffexport_items(pst, out):
    """Items and messages embedded in them. It says "Exporting email item 1 out of 7.", also of items that it leaves out."""
    done = quiet("pffexport", "-m", "items", "-f", "text", "-t", out, pst)
    shutil.rmtree(out + ".export", ignore_errors=True)
    found = re.findall(rb"^(?!.*folder item|.*attachment ).* \d+ out of \d+", done.stdout, re.M)
    return done.returncode, len(found)


def plain(name, rule, work):
    """The same store with nothing encoded, so that what lies in the blocks can be checked as well."""
    path = os.path.join(work, name + ".plain")
    with open(path + ".json", "w", encoding="utf-8") as f:
        json.dump({"store": rule["store"] | {"encryption": "none"}}, f)
    quiet(MAKE, path + ".json", path)
    os.unlink(path + ".json")
    return path


def others(name, rule, pst, work):
    """[(good, what)] of the judges of the store; run beside one another, counted by the caller."""
    seen = []
    store = rule["store"]
    wanted = described(store.get("folders", []))
    for path in (pst, plain(name, rule, work)):
        faults = Store(path).faults()
        seen.append((not faults, f"{name}: structure: {faults}"))
    os.unlink(path)
    status, items = pffexport_items(pst, os.path.join(work, name))
    seen.append((status == 0, f"{name}: pffexport ends with {status}"))
    whole = wanted + embedded_in(store.get("folders", []))
    seen.append((items == whole, f"{name}: pffexport sees {items} items of {whole}"))
    out = os.path.join(work, name + ".readpst")
    os.makedirs(out)
    done = quiet("readpst", "-q", "-r", "-D", "-j", "0", "-o", out, pst)
    shutil.rmtree(out, ignore_errors=True)
    seen.append((done.returncode == 0, f"{name}: readpst ends with {done.returncode}: {done.stderr[-200:]}"))
    done = quiet("lspst", pst)
    lines = [x for x in done.stdout.split(b"\n") if re.match(rb"(Email|Appointment|Contact|Journal)\t", x)]
    known = rule.get("lspst", wanted)
    seen.append((done.returncode == 0, f"{name}: lspst ends with {done.returncode}"))
    seen.append((len(lines) == known, f"{name}: lspst sees {len(lines)} items of {known}"))
    return seen


# ── what mailhaul makes of it ──

def tree_of(part):
    kind = part.get_content_type()
    if part.is_multipart():
        return [kind] + [tree_of(p) for p in part.iter_parts()] if kind != "message/rfc822" else \
            [kind, tree_of(part.get_payload(0))]
    return kind


def walk(part):
    """Parts of this message, not of those embedded in it."""
    yield part
    if part.get_content_maintype() == "multipart":
        for p in part.iter_parts():
            yield from walk(p)


def folded(text):
    """Text without what transport may change: line ends, blanks at the end."""
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n")).strip("\n")


def text_of(part):
    return part.get_payload(decode=True).decode(part.get_content_charset("us-ascii"), "replace")


def has_all(text, wanted, what):
    """wanted: what must be in the text; with a leading "!", what must not."""
    for piece in [wanted] if isinstance(wanted, str) else wanted:
        if piece.startswith("!"):
            same(piece[1:] not in text, f"{what}: has {piece[1:]!r}")
        else:
            same(piece in text, f"{what}: lacks {piece!r} in {judge.short(text)}")


def unfolded(text):
    return re.sub(r"\r?\n[ \t]", "", text)


def check_attachments(message, wanted, what):
    found = [p for p in walk(message) if not p.is_multipart() and p.get_filename() is not None]
    if not equal(len(found), len(wanted), f"{what}: named parts {[p.get_filename() for p in found]}"):
        return
    for part, want in zip(found, wanted):
        octets = part.get_payload(decode=True) or b""
        what_one = f"{what}: attachment {want.get('name', '?')}"
        for key, got in (("name", part.get_filename()), ("type", part.get_content_type()), ("size", len(octets)),
                         ("cid", part["Content-ID"]), ("disposition", part.get_content_disposition()),
                         ("location", part["Content-Location"])):
            if key in want:
                equal(got, want[key], f"{what_one}: {key}")
        if "data" in want:
            equal(octets, want["data"].encode(), f"{what_one}: data")
        if "hex" in want:
            equal(octets.hex(), want["hex"], f"{what_one}: data")
        if "fill" in want:
            equal(hashlib.sha256(octets).hexdigest(), hashlib.sha256(fill(want["fill"], want.get("seed", 0))).hexdigest(),
                  f"{what_one}: sha256")


def check_header(message, wanted, what):
    for name, value in wanted.items():
        got = message.get_all(name, [])
        if value is None:
            equal([str(x) for x in got], [], f"{what}: {name}")
        elif isinstance(value, list):
            equal([str(x) for x in got], value, f"{what}: {name}")
        elif same(len(got) == 1, f"{what}: {name} is there {len(got)} times"):
            equal(str(got[0]), value, f"{what}: {name}")


def check_message(message, want, what):
    if "tree" in want:
        equal(tree_of(message), want["tree"], f"{what}: tree")
    check_header(message, want.get("headers", {}), what)
    for kind, key in (("text/plain", "text"), ("text/html", "html")):
        if key not in want:
            continue
        part = next((p for p in walk(message) if p.get_content_type() == kind and not p.get_filename()), None)
        if same(part is not None, f"{what}: no {kind}"):
            got = folded(text_of(part))
            if key == "text":
                equal(got, folded(want[key]), f"{what}: text")
            else:
                has_all(got, want[key], f"{what}: html")
    for kind, pieces in want.get("within", {}).items():
        part = next((p for p in walk(message) if p.get_content_type() == kind), None)
        if same(part is not None, f"{what}: no {kind} in {tree_of(message)}"):
            raw = part.as_bytes() if part.is_multipart() or kind.startswith("message/") else None
            has_all(unfolded(raw.decode("utf-8", "replace") if raw else text_of(part)), pieces, f"{what}: {kind}")
    if "raw" in want:
        has_all(message.as_bytes().decode("utf-8", "replace"), want["raw"], f"{what}: octets")
    if "attachments" in want:
        check_attachments(message, want["attachments"], what)
    inner = [p.get_payload(0) for p in walk(message) if p.get_content_type() == "message/rfc822"]
    for i, one in enumerate(want.get("embedded", [])):
        if same(i < len(inner), f"{what}: embedded message {i} is not there"):
            check_message(inner[i], one, f"{what} > {i}")


def check_form(octets, what):
    """Holds for every message: no defects, header of 7 bits, lines not too long."""
    head = re.split(rb"\r?\n\r?\n", octets, maxsplit=1)[0]
    same(not re.search(rb"[\x80-\xff]", head), f"{what}: 8-bit octets in the header")
    longest = max(len(line) for line in octets.split(b"\n"))
    same(longest <= LINE_MAX + 1, f"{what}: a line of {longest} octets")
    message = email.message_from_bytes(octets, policy=email.policy.default)
    for part in message.walk():
        same(not part.defects, f"{what}: defects of {part.get_content_type()}: {part.defects}")
        for name, value in part.items():
            same(not value.defects, f"{what}: defects of {name}: {value.defects}")
    return message


def check_item(item, want, what):
    for key in ("kind", "received", "sent", "message_id", "status"):
        if key in want:
            equal(item.get(key), want[key], f"{what}: {key}")
    for key in ("flags", "keywords"):
        if key in want:
            equal(sorted(item.get(key) or []), sorted(want[key]), f"{what}: {key}")
    if "issues" in want:
        found = {x for x in judge.issues_of(item) if not x.startswith("target.")}  # what EML cannot hold is no matter here
        equal(sorted(found), sorted(want["issues"]), f"{what}: issues")


def check_folders(name, pst, wanted, options):
    seen = json.loads(run("inspect", "--json", *options, pst).stdout)["sources"][0]["folders"]
    seen = {f["path"]: f for f in seen}
    for path, want in wanted.items():
        if same(path in seen, f"{name}: no folder {path!r} among {sorted(seen)}"):
            for key, value in want.items():
                equal(seen[path].get(key) or None, value or None, f"{name}: folder {path!r}: {key}")


def check_converted(name, rule, pst, work):
    expect, options = rule["expect"], rule.get("options", [])
    target = os.path.join(work, name + ".eml")
    run("convert", "--to", "eml", *options, pst, target, exits=(expect.get("exit", 0),))
    if not os.path.isdir(target):
        return
    items = judge.items_of(target)
    wanted = expect.get("items", described(rule["store"].get("folders", []), "--associated" in options))
    equal(len(items), wanted, f"{name}: items")
    folders = {}
    for item in items:
        folders.setdefault(item["folder"], []).append(item)
    messages = {}
    for item in items:
        if same(item["status"] == "stored", f"{name}: {item['id']} is {item['status']}: {item.get('reason')}"):
            octets = judge.read(os.path.join(target, item["stored_as"]))
            messages[item["id"]] = check_form(octets, f"{name}: {item['stored_as']}")
    for want in expect.get("messages", []):
        what = f"{name}: {want['folder']} {want.get('index', 0)}"
        in_folder = folders.get(want["folder"], [])
        if same(want.get("index", 0) < len(in_folder), f"{what}: not there; folders are {sorted(folders)}"):
            item = in_folder[want.get("index", 0)]
            check_item(item, want, what)
            if item["id"] in messages:
                check_message(messages[item["id"]], want, what)
    notices = {n["issue"] for n in judge.report_of(target).get("notices", [])}
    for one in expect.get("notices", []):
        same(one in notices, f"{name}: no notice {one} among {sorted(notices)}")
    if "folders" in expect:
        check_folders(name, pst, expect["folders"], options)
    shutil.rmtree(target)


def main():
    rules = sorted(glob.glob(os.path.join(RULES, "*.json")))
    for tool in ("pffexport", "readpst", "lspst"):
        if not shutil.which(tool):
            judge.skip(f"no {tool}")
    same(os.access(MAKE, os.X_OK), f"no {MAKE}")
    judge.SHOWN = 60
    work = judge.temporary(memory=True)
    ready, count = [], 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for path in rules:
            name = os.path.basename(path)[:-len(".json")]
            if ONLY and name not in ONLY:
                continue
            with open(path, encoding="utf-8") as f:
                rule = json.load(f)
            same(rule.get("rule") and rule.get("source"), f"{name}: says no rule, or no source")
            pst = os.path.join(work, name + ".pst")
            done = quiet(MAKE, path, pst)
            if same(done.returncode == 0, f"{name}: make_pst: {done.stderr.decode()}"):
                ready.append((name, rule, pst, pool.submit(others, name, rule, pst, work)))
        for name, rule, pst, future in ready:
            for good, what in future.result():
                same(good, what)
            if not os.environ.get("STORES_ONLY"):
                check_converted(name, rule, pst, work)
            os.unlink(pst)
            count += 1
    say(f"{count} rules")
    judge.finish()


main()
