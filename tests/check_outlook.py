"""Internet messages through Outlook items and back (mime/outlook.h, mime/build.h), against Python's email package: what it
reads of the message that comes out is what it reads of the one that went in. Over the mail of the corpus and over messages
made here. With --original the octets are the same."""
import collections
import email
import email.policy
import email.utils
import hashlib
import json
import os
import re
import subprocess
import sys
from email.message import EmailMessage

import judge
from judge import equal, same, say

TOOL = os.environ.get("OUTLOOK_MESSAGE")
SIZE_MAX = 4 << 20
BATCH = 100
LONG = bool(os.environ.get("HAUL_LONG"))

FIELD = re.compile(rb"(From |[!-9;-~]+[ \t]*:)")  # what is wrapped (.emlx) has a reader of its own

Seen = collections.Counter()


def through(paths, *options):
    """(path, what the tool says, the octets that came back)"""
    for at in range(0, len(paths), BATCH):
        batch = paths[at:at + BATCH]
        done = subprocess.run([TOOL, *options, *batch], capture_output=True, check=False, timeout=300)
        if not equal((done.returncode, done.stderr[-2000:]), (0, b""), f"messages from {batch[0]}"):
            continue
        out, pos = done.stdout, 0
        for path in batch:
            end = out.index(b"\n", pos)
            line = json.loads(out[pos:end])
            pos = end + 1 + line["octets"]
            yield path, line, out[end + 1:pos]


# ── what Python reads ──

def parse(octets):
    return email.message_from_bytes(octets, policy=email.policy.compat32)


def content(part):
    payload = part.get_payload(decode=True)
    return payload if payload is not None else b""


def text_of(part):
    octets = content(part)
    try:
        charset = part.get_content_charset() or "us-ascii"
        return octets.decode("cp1252" if charset in ("iso-8859-1", "latin-1") else charset)
    except (LookupError, UnicodeDecodeError):
        return None


def lines(text):
    return re.sub(r"\r\n|\r", "\n", text).strip("\n ")


def name_of(part):
    for field, key in (("content-disposition", "filename"), ("content-type", "name")):
        name = part.get_param(key, None, field)
        if name:
            return decoded(email.utils.collapse_rfc2231_value(name))
    return ""


def decoded(value):
    try:
        return str(email.header.make_header(email.header.decode_header(value)))
    except (LookupError, UnicodeError, ValueError, email.errors.HeaderParseError):
        return None


def leaves(message):
    if message.get_content_maintype() == "multipart" and message.is_multipart():
        for part in message.get_payload():
            yield from leaves(part)
    else:
        yield message


def plain(text):
    return re.sub(r"[\s\"'\\]+", "", (text or "").replace("\\", "/").rsplit("/", 1)[-1])  # a path is no name: [mapi-33]


def header(message, name):
    value = message.get(name)
    return None if value is None else re.sub(r"\s+", "", str(value))


def digest(part):
    if part.get_content_type() in ("message/rfc822", "message/global") and part.is_multipart():
        return "a message"
    if part.is_multipart():
        return None  # Python takes it apart
    octets = content(part).replace(b"\r\n", b"\n").rstrip(b"\n")  # Python drops the last line end of a message
    return hashlib.sha256(octets).hexdigest() if octets else None


# ── comparing ──

FIELDS = ("from", "sender", "reply-to", "to", "cc", "bcc", "subject", "date", "message-id", "in-reply-to", "references", "importance",
          "x-priority", "list-id", "received", "dkim-signature", "thread-index", "thread-topic", "return-path")


def check_header(was, now, name):
    for field in FIELDS:
        one, two = header(was, field), header(now, field)
        if one is None or any(ord(c) > 126 for c in one):
            continue
        Seen["fields"] += 1
        if "=?" in one:
            one, two = plain(decoded(str(was[field]))), plain(decoded(str(now.get(field) or "")))
        equal(two, one, f"{name}: {field}")


def bodies(message):
    """The texts that a reader shows first, and all other leaves."""
    found, others = {}, []
    for part in leaves(message):
        kind = part.get_content_type()
        attached = str(part.get("content-disposition", "")).strip().lower().startswith("attachment")
        if kind in ("text/plain", "text/html") and kind not in found and not attached and not name_of(part):
            found[kind] = part
        else:
            others.append(part)
    return found, others


def check_parts(was, now, name):
    before, after = (collections.Counter() for _ in range(2))
    for message, to in ((was, before), (now, after)):
        found, others = bodies(message)
        for part in list(found.values()) + others:
            text = part.get_content_maintype() == "text"
            value = text_of(part) if text else digest(part)
            if value is not None and (not text or lines(value)):
                to[lines(value)] += 1
            file = name_of(part)
            if part in others and part.get_content_maintype() != "multipart" and file and re.fullmatch("[ -~]+", file):
                to["name:" + plain(file)] += 1
    missing = before - after
    same(not missing, f"{name}: not found again: {[v[:200] for v in missing][:3]!r}, there is {[v[:200] for v in after - before][:3]!r}")
    Seen["parts"] += sum(before.values())


def check_model(line, name):
    gave, got = line["gave"], line["got"]
    for key in ("flags", "keywords", "message_id", "received"):
        if key in gave:
            equal(got.get(key), gave[key], f"{name}: {key}")
    if "sent" in gave:
        equal(got["sent"][0], gave["sent"][0], f"{name}: sent")
    Seen["messages"] += 1


def check(path, line, octets):
    name = os.path.basename(path)
    with open(path, "rb") as f:
        was = parse(f.read())
    now = parse(octets)
    Seen[line["class"]] += 1
    for issue in line["issues"]:
        Seen[issue.split(":")[0]] += 1
    check_model(line, name)
    check_header(was, now, name)
    if name in ODD or any(p.defects for p in was.walk()):  # read in another way by Python, or not at all
        Seen["odd"] += 1
        return
    check_parts(was, now, name)


def corpus():
    if not judge.CORPUS or not os.path.isdir(judge.CORPUS):
        return []
    found = []
    for folder in ("eml",):
        top = os.path.join(judge.CORPUS, folder)
        found += [os.path.join(d, f) for d, _, files in sorted(os.walk(top)) for f in sorted(files)]
    return [f for f in found if os.path.getsize(f) <= SIZE_MAX and FIELD.match(judge.read(f))]


def main():
    if not TOOL:
        sys.exit(77)
    paths = corpus()
    for path, line, octets in through(paths):
        check(path, line, octets)
    for path, line, octets in through(paths, "--original"):
        with open(path, "rb") as f:
            same(octets == f.read(), f"{path}: the original is another")
        Seen["originals"] += 1
    say(", ".join(f"{n} {k}" for k, n in sorted(Seen.items())))


MIME4J = "apache__james-mime4j__"
TOOLS = MIME4J + "mimetools-testmsgs__"
NAMED = "the text of the message has a file name: it is the body nevertheless, and the name is in the transport headers alone"
TYPE = "a type without subtype is a text for Python"
ODD = {
    TOOLS + "badfile.msg": NAMED,
    TOOLS + "x-gzip64.msg": NAMED,
    TOOLS + "infinite.msg": "the name of a part that ends in the middle",
    TOOLS + "twopart.msg": "a blank behind \"base64\": Python does not decode it",
    "debian__libpython3.11-testsuite__test_email__data__msg_14.txt": TYPE,
    "jstedfast__MimeKit__messages__missing-subtype.txt": TYPE,
}

if __name__ == "__main__":
    main()
    judge.finish()
