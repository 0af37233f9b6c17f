"""Judge of load/eaxs.xml: xmllint says that it is valid EAXS v2, and Python's email says what is in the messages.

Messages: those of the corpus (also out of its mboxes), and hostile ones made up here. `--many N` as second argument: time
and memory of N small ones instead.
"""
import base64
import collections
import email
import email.errors
import email.header
import email.utils
import glob
import hashlib
import mailbox
import os
import random
import re
import shutil
import subprocess
import sys
import urllib.parse
import warnings
import xml.etree.ElementTree as ET

import judge
from judge import equal, same, say

HOLD = os.environ.get("HOLD_EAXS") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/hold_eaxs")
SCHEMA = os.path.join(judge.CORPUS, "../schemas/eaxs_schema_v2.xsd")
NS = "{https://github.com/StateArchivesOfNorthCarolina/tomes-eaxs-2}"
FLAGS = ["Seen", "Answered", "Flagged", "Draft", "Deleted"]  # by bit
ROUNDS = int(os.environ.get("HAUL_EAXS_ROUNDS") or 2)
INLINE, BASE64 = 1 << 20, 6 << 20


def hold(*args):
    done = subprocess.run([HOLD, *args], capture_output=True, check=False, timeout=3000)
    text = (done.stdout + done.stderr).decode("utf-8", "replace")
    same(done.returncode == 0 and "Sanitizer" not in text, f"hold_eaxs {args[0]}: {done.returncode}: {text[-2000:]}")
    return done.stdout.decode("utf-8", "surrogateescape").splitlines()


def peak(line):
    """KiB that writing took at most, from what hold_eaxs says last."""
    return int(line.split("\t")[2].split()[0])


def check_peak(line, what):
    if b"__asan_init" not in judge.read(HOLD):
        same(peak(line) < 64 * 1024, f"{what}: {peak(line)} KiB of memory")


def validate(path, what):
    done = subprocess.run(["xmllint", "--nonet", "--noout", "--schema", SCHEMA, path], capture_output=True, check=False)
    same(done.returncode == 0, f"{what}: xmllint: {done.stderr.decode('utf-8', 'replace')[-1500:]}")


# ── hostile messages ──

def head(subject="a test", extra=b""):
    return (f"From: Ada <ada@harbour.example>\r\nTo: ben@lighthouse.example\r\nSubject: {subject}\r\n"
            "Date: Mon, 4 Mar 2019 09:15:20 +0100\r\nMessage-ID: <a@harbour.example>\r\nMIME-Version: 1.0\r\n").encode() + extra


def multi(kind, boundary, parts, preamble=b"", epilogue=b"", close=True):
    b = boundary.encode()
    out = b"Content-Type: multipart/" + kind.encode() + b'; boundary="' + b + b'"\r\n\r\n' + preamble
    out += b"".join(b"\r\n--" + b + b"\r\n" + p for p in parts)
    return out + (b"\r\n--" + b + b"--\r\n" + epilogue if close else b"")


def text(content, kind="plain", charset="utf-8", encoding="8bit", extra=b""):
    return f"Content-Type: text/{kind}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n".encode() + extra + b"\r\n" + content


def lines64(octets):
    return base64.encodebytes(octets).replace(b"\n", b"\r\n")


def attachment(octets, name="a.bin", kind="application/octet-stream"):
    return (f'Content-Type: {kind}; name="{name}"\r\nContent-Transfer-Encoding: base64\r\n'
            f'Content-Disposition: attachment; filename="{name}"\r\n\r\n').encode() + lines64(octets)


def nested(depth):
    inner = text(b"at the bottom\r\n")
    for i in reversed(range(depth)):
        inner = multi("mixed", f"level{i:04}", [inner])
    return head() + inner


def forwarded(depth):
    inner = head("the innermost") + text(b"at the bottom\r\n")
    for i in range(depth):
        inner = head(f"forward {i}") + b"Content-Type: message/rfc822\r\n\r\n" + inner
    return inner


def hostile():
    rng = random.Random(5)
    noise = rng.randbytes
    yield "empty", b""
    yield "no header", b"\r\nJust text.\r\n"
    yield "text alone", b"Just text, and no header at all.\nA second line.\n"
    yield "header alone", b"Subject: nothing below\r\nX-Last: line"
    yield "blank lines", b"\n\n\n\n"
    yield "nul header", head(extra=b"X-Nul: a\0b\0\0c\r\n") + b"\r\nText.\r\n"
    yield "nul subject", head("a\0b\x01c") + b"\r\nText\0 with NULs.\r\n"
    yield "nul all", b"\0" * 3000
    yield "controls", head("bell \x07 and \x1b[1m", b"X-Ctl: \x01\x02\x1f\x7f\r\n") + b"\r\n\x0cform feed\x0b\x08\r\n"
    yield "eight bit", head(extra=b"X-Latin: caf\xe9\r\nX-Utf: caf\xc3\xa9\r\nX-Both: \xc3\xa9\xe9\r\n") + b"\r\ncaf\xe9\r\n"
    yield "eight bit from", b"From: Andr\xe9 <andre@x.example>\nTo: \xc3\x89va <eva@x.example>, \xff\xfe\nSubject: \x93quoted\x94\n\nx\n"
    yield "nested 128", nested(128)
    yield "nested 400", nested(400)
    yield "forwarded 40", forwarded(40)
    yield "forwarded 3000", forwarded(3000)
    yield "charsets", head() + multi("mixed", "b", [text(b"caf\xe9\r\n", charset=c) for c in (
        "x-none", '""', '"iso-8859-1"', "utf-16", "ISO-8859-1?", "\xff", "cp1252", "us-ascii", "utf-7", "shift_jis", "hz-gb-2312")])
    yield "utf-16", head() + text(lines64("Grüße ]]> und mehr\r\n".encode("utf-16-le")), charset="utf-16le", encoding="base64")
    yield "fffe", head("a \ufffe and \uffff here", "X-F: \ufffe\r\n".encode()) + text("bad \ufffe\r\n".encode())
    yield "surrogates", head(extra=b"X-S: \xed\xa0\x80\r\n") + text(b"\xed\xa0\x80\xf4\x90\x80\x80\r\n")
    yield "cdata", head("]]> <b> & \" '") + text(b"]]> <![CDATA[ & &amp; <!-- -- --> ]]]]>>\r\n")
    yield "big attachment", head() + multi("mixed", "big", [text(b"see below\r\n"), attachment(noise(60 << 20))])
    yield "big text", head() + text(b"A line of a long text.\r\n" * 100000)
    yield "text at the limit", head() + text(b"x" * INLINE)
    yield "text over the limit", head() + text(b"x" * (INLINE + 1))
    yield "8 MiB within a forward", head() + multi("mixed", "f", [
        b"Content-Type: message/rfc822\r\n\r\n" + head("inner") + multi("mixed", "g", [
            text(b"inner\r\n"), attachment(noise(8 << 20)), attachment(noise(100000), "small.bin")])])
    yield "5000 parts", head() + multi("mixed", "many", [attachment(b"part %d" % i, f"{i}.txt", "text/plain") for i in range(5000)])
    yield "equal parts", head() + multi("mixed", "eq", [text(b"same")] + [attachment(b"same", f"{i}.txt") for i in range(20)])
    yield "empty parts", head() + multi("mixed", "e", [text(b""), attachment(b""), b"", b"\r\n", b"X: y"])
    for i, t in enumerate([b"", b"text", b"/", b"text/", b"/plain", b"text/plain; charset", b"text/plain;;;=", b"a b/c d", b"TEXT/HTML",
                           b"multipart/mixed", b'multipart/mixed; boundary=""', b"multipart/mixed; boundary=\" \"",
                           b"multipart/digest; boundary=none", b"message/rfc822", b"message/partial; id=1", b"text/plain; " + b"x" * 20000,
                           b"text/plain; name*0*=utf-8''%C3%A9; name*1=b; name*9=z", b"application/x; name==?utf-8?q?=C3=A9?=",
                           b"text/plain; a=\"\x01\x02\"; b=\xff", b"text/\xe9", b"multipart/" + b"m" * 300 + b"; boundary=b"]):
        yield f"type {i}", head(extra=b"Content-Type: " + t + b"\r\n") + b"\r\n--b\r\n\r\nwhat?\r\n--b--\r\n"
    for i, d in enumerate([b"", b";", b"attachment; filename=", b"attachment; filename*=x'y'%ZZ", b"inline; size=5; filename=\"a/../b\0.txt\"",
                           b"\xff\xff", b"attachment; " + b"filename=a; " * 3000]):
        yield f"disposition {i}", head(extra=b"Content-Disposition: " + d + b"\r\n") + b"\r\nwhat?\r\n"
    for i, d in enumerate(["", "yesterday", "Mon, 99 Mar 2019 09:15:20 +0100", "Mon, 4 Mar 2019 09:15:20 +2359", "Fri, 31 Dec 9999 23:59:59 -1200",
                           "1 Jan 1900 00:00:00 +1400", "4 Mar 19 09:15", "Mon, 4 Mar 2019 23:59:60 -0000", "Mon, 4 Mar 0019 09:15:20"]):
        yield f"date {i}", f"Date: {d}\nSubject: {i}\n\nx\n".encode()
    yield "duplicates", head("first", b"Subject: second\r\nTo: cy@x.example, dee@x.example\r\nMessage-ID: <b@x>\r\n"
                             b"Date: never\r\nContent-Type: text/html\r\nContent-Type: text/plain\r\n" + b"X-Same: v\r\n" * 50) + b"\r\n<b>x</b>\r\n"
    for i, a in enumerate(["root", "Ada <ada>", "a@b@c", "<>", ",,,;;", "undisclosed-recipients:;", "Team: a@x.example, B <b@x.example>;, c@x.example",
                           '"unclosed <a@x.example>, b@x.example', "(comment (in) comment) a@x.example (end)", "<a@x.example", "a@[IPv6:::1]",
                           "=?utf-8?q?=C3=89va?= <eva@x.example>", "=?utf-8?q?=01?= <e@x>", "a:b:c:d@x.example;;;", "a:" * 100000, "(" * 100000,
                           '",' * 100000, "<" * 100000, "a@x.example," * 20000, "G: " + "a@x.example," * 5000 + ";", "x" * 100000 + "@y",
                           "\\", '"\\', "a.@.b", "@", ":", ";", "é@ü.example", "A; B; c@x.example"]):
        yield f"address {i}", f"From: {a}\r\nTo: {a}\r\nSender: {a}\r\nReply-To: {a}\r\nCc:\r\nBcc: {a}\r\nSubject: {i}\r\n\r\nx\r\n".encode()
    yield "ids", head(extra=b"In-Reply-To: Your message of Monday <x@y> and <z@y>\r\nReferences: <1@x> <2@x>\r\n <3@x>\r\nReferences: no id\r\n") + b"\r\nx\r\n"
    yield "empty id", b"Message-ID:  \nSubject: x\n\nx\n"
    yield "odd id", b"Message-ID: no brackets <\nIn-Reply-To:\n\nx\n"
    yield "keywords", head(extra=b"Keywords: one, two\r\nKeywords: =?utf-8?q?=C3=A9?=\r\nComments: a comment\r\nComments:\r\n") + b"\r\nx\r\n"
    yield "long field", head(extra=b"X-Long: " + b"word " * 500000 + b"\r\n") + b"\r\nx\r\n"
    yield "long name", b"X" * 200000 + b": v\r\n\r\nx\r\n"
    yield "many fields", head(extra=b"".join(b"X-%d: v\r\n" % i for i in range(50000))) + b"\r\nx\r\n"
    yield "no fields", head(extra=b"this is no field\r\nX-After: v\r\n") + b"\r\nx\r\n"
    yield "mbox line", b"From ada@x Mon Mar  4 09:15:20 2019\n>From x\nSubject: y\n\nx\n"
    yield "cr alone", b"Subject: x\rX-Y: z\r\rtext\rmore\r"
    yield "mixed ends", b"Subject: x\r\nX-Y: z\n\ntext\r\nmore\rand\n"
    yield "truncated", head() + multi("mixed", "t", [text(b"x\r\n"), attachment(b"y" * 100)], close=False)
    yield "no parts", head() + multi("mixed", "n", [], preamble=b"only a preamble")
    yield "never begun", head() + multi("mixed", "n", [], preamble=b"only a preamble", close=False)
    yield "preamble", head() + multi("mixed", "p", [text(b"x")], b"A preamble <&>\r\nof two lines\0.\r\n", b"An epilogue \xe9.\r\n\r\n")
    yield "same boundary", head() + multi("mixed", "s", [multi("mixed", "s", [text(b"x")]), text(b"y")])
    yield "prefix boundary", head() + multi("mixed", "s", [multi("mixed", "ss", [text(b"x")]), text(b"y")])
    yield "digest", head() + multi("digest", "d", [b"\r\n" + head("one") + b"\r\nx\r\n", b"\r\n" + head("two") + b"\r\ny\r\n"])
    yield "alternative", head() + multi("alternative", "al", [text(b"plain\r\n"), text(b"<b>html</b>\r\n", "html"),
                                                               text(b"BEGIN:VCALENDAR\r\n", "calendar")])
    yield "bad base64", head() + text(b"SGVs!!bG8\xff=\r\n=====", encoding="base64")
    yield "bad qp", head() + text(b"=ZZ = =\r\n=4\r\nx=", encoding="quoted-printable")
    yield "uuencode", head(extra=b"Content-Transfer-Encoding: x-uuencode\r\n") + b"\r\nbegin 644 x\r\n#86)C\r\n`\r\nend\r\n"
    yield "encodings", head() + multi("mixed", "x", [text(b"x", encoding=e) for e in ("7BIT", "BASE-64", "x-yenc", "\x01", '"base64"', "binary ; x")])
    yield "delivery", head() + multi("report; report-type=delivery-status", "r", [
        text(b"failed\r\n"), b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@x\r\nAction: failed\r\n",
        b"Content-Type: text/rfc822-headers\r\n\r\nSubject: was\r\n"])
    yield "encoded forward", head(extra=b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n") + b"\r\n" + lines64(head("inner") + b"\r\nx\r\n")
    yield "part fields", head() + multi("related", "pf", [text(b"x", extra=b"Content-ID: <i@x>\r\nContent-Description: =?utf-8?q?=C3=A9?=\r\n"
                                        b"Content-Language: en, de\r\nContent-Location: http://x/\r\nX-Own: y\r\nContent-MD5: abc==\r\n")])


WORDS = [b"\0", b"\x01", b"\xff\xfe", b"\xef\xbf\xbf", b"\r", b"\n\n", b"\r\n--", b"<", b"&", b"]]>", b"=?utf-8?q?=00?=", b"(", b'"', b":", b";", b",",
         b"Content-Type: message/rfc822\n\n", b"Content-Type: multipart/mixed; boundary=x\n\n--x\n", b"\n--x\n", b"\n--x--\n",
         b"Content-Transfer-Encoding: base64\n", b"To: a:b:c@d;\n", b"Date: 31 Dec 9999 23:59:59 +9999\n", "\U0001f4e7\u202e".encode()]


def mutated(octets, others, rng):
    """What a bad disk, or a person, makes of a message."""
    out = bytearray(octets)
    for _ in range(rng.randint(1, 8)):
        at = rng.randint(0, len(out)) if rng.random() < 0.5 else rng.randint(0, min(len(out), 1500))
        what = rng.randrange(5)
        if what == 0 and out:
            out[min(at, len(out) - 1)] = rng.randrange(256)
        elif what == 1:
            del out[at:at + rng.choice((1, 2, 20, 300))]
        elif what == 2:
            other = rng.choice(others)
            out[at:at] = other[:rng.randint(0, min(len(other), 5000))]
        else:
            out[at:at] = rng.choice(WORDS) * rng.choice((1, 1, 3))
    return bytes(out[:rng.randint(0, len(out))] if rng.random() < 0.2 else out)


# ── what Python sees ──

FIELD = re.compile(rb"[!-9;-~]+:")


def plain_header(octets):
    """Python reads this header as we do: fields and folds alone, up to an empty line; a From_ line may come first."""
    lines = re.split(rb"\r?\n", octets[:re.search(rb"\A\r?\n|\r?\n\r?\n|\Z", octets).start()])
    if lines and lines[0].startswith(b"From "):
        del lines[0]
    if lines and not lines[-1]:
        del lines[-1]  # the last line end of a header without a body
    if not lines:
        return not octets.startswith(b"From ")
    if not FIELD.match(lines[0]) or any(b"\r" in line or not line.strip() for line in lines):
        return False
    return all(FIELD.match(line) or line[:1] in (b" ", b"\t") for line in lines)


def plain_parts(octets, parsed):
    """Python reads the parts as we do: no boundary that is folded, empty or there twice, none right after another, no part
    whose header ends in text, no line end or NUL of another kind."""
    found = re.findall(rb"(?is)\bboundary\s*=\s*(\"[^\"]*\"|[^\s;]+)", octets)
    if len(found) != len(set(found)) or any(b"\n" in f for f in found) or re.search(rb"\r(?!\n)|\0", octets):
        return False
    names = [f.strip(b'"') for f in found]
    if any(re.search(rb"(?m)^--" + re.escape(n) + rb"[ \t]*\r?\n--" + re.escape(n), octets) for n in names[:500]):
        return False
    return not any(isinstance(d, (email.errors.MissingHeaderBodySeparatorDefect, email.errors.FirstHeaderLineIsContinuationDefect))
                   for part in parsed.walk() for d in part.defects)


def raw(value):
    return value.encode("utf-8", "surrogateescape")


def clean(octets):
    """A field's octets as characters, as the judge would write them; None where it cannot tell."""
    octets = octets.replace(b"\r", b"").replace(b"\n", b"").strip(b" \t")
    try:
        chars = octets.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd", chars)


def header_text(value):
    if any("\ud800" <= c <= "\udfff" for c in value):
        return None
    try:
        words = [p if isinstance(p, str) else p.decode(c or "ascii") for p, c in email.header.decode_header(value)]
    except (LookupError, UnicodeDecodeError, email.errors.HeaderParseError, ValueError):
        return None
    return re.sub(r"[\s\x00-\x1f\ufffd\ufffe\uffff]+", "", "".join(words))


def python_leaves(part):
    """(content type, its field, octets or None where Python cannot give them) of all leaves, through forwarded messages."""
    kind, wrote = part.get_content_type(), part.get("Content-Type", "")
    encoding = str(part.get("Content-Transfer-Encoding") or "").lower()  # with its blanks, which Python does not decode
    if part.is_multipart() and kind in ("message/rfc822", "message/global") and encoding in ("", "7bit", "8bit", "binary"):
        return python_leaves(part.get_payload(0))
    if part.is_multipart() and not kind.startswith("message/"):
        return [leaf for child in part.get_payload() for leaf in python_leaves(child)]
    if kind.startswith("message/") or (encoding and encoding not in ("7bit", "8bit", "binary", "base64", "quoted-printable")):
        return [(kind, wrote, None)]
    if encoding == "quoted-printable" and re.search(r"=(?![0-9A-Fa-f]{2}|\r?\n)|[ \t]\r?\n|[ \t]\Z", str(part.get_payload())):
        return [(kind, wrote, None)]  # what cannot be decoded, and blanks before a line end, which go
    if encoding == "base64" and not re.fullmatch(r"(?:[A-Za-z0-9+/]{4}|\s)*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\s*",
                                                 re.sub(r"\s+", "", str(part.get_payload()))):
        return [(kind, wrote, None)]
    return [(kind, wrote, part.get_payload(decode=True))]


# ── what the document says ──

def one(node, name):
    return node.find(NS + name)


def word(node, name):
    found = one(node, name)
    return None if found is None else found.text or ""


def xml_leaves(node, into):
    for child in node:
        if child.tag == NS + "MultiBody":
            xml_leaves(child, into)
        elif child.tag == NS + "SingleBody":
            forwarded_one = one(child, "ChildMessage")
            if forwarded_one is not None:
                xml_leaves(forwarded_one, into)
            else:
                into.append(child)
        elif child.tag == NS + "MissingBody":
            into.append(child)
    return into


class Tally:
    messages = headers = fields = subjects = ids = dates = addresses = leaves = digests = external = inline = encoded = texts = 0
    other_view = unlike = incomplete = alike = mutated = 0


def content_of(package, leaf, name):
    """The SHA-256 that the document states for a leaf, checked against what it holds or points at."""
    body, ext = one(leaf, "BodyContent"), one(leaf, "ExtBodyContent")
    if ext is not None:
        path = os.path.join(package, "load", "..", urllib.parse.unquote(word(ext, "RelPath")))
        if not same(os.path.isfile(path), f"{name}: {path} is not there"):
            return None
        octets = judge.read(path)
        equal(word(ext, "Size"), str(len(octets)), f"{name}: size of {path}")
        equal(ext.findtext(f"{NS}Hash/{NS}Value"), hashlib.sha256(octets).hexdigest().upper(), f"{name}: digest of {path}")
        Tally.external += 1
        return octets
    if body is None:
        return None
    value, transfer = word(body, "Content"), word(body, "TransferEncoding")
    if transfer == "base64":
        octets = base64.b64decode(value)
        equal(body.findtext(f"{NS}Hash/{NS}Value"), hashlib.sha256(octets).hexdigest().upper(), f"{name}: digest of its base64")
        Tally.encoded += 1
        return octets
    Tally.inline += 1
    return value


def decoded(octets, charset):
    try:
        return octets.decode(charset or "utf-8").replace("\r\n", "\n")
    except (LookupError, UnicodeDecodeError, ValueError):
        return None


def check_leaf(package, leaf, kind, wrote, octets, cut, name):
    Tally.leaves += 1
    if leaf.tag == NS + "MissingBody":
        return
    if re.match(r"\s*[\w.+-]+/[\w.+-]+\s*(;|$)", str(wrote)) and len(str(wrote)) < 16384:
        equal(word(leaf, "ContentType"), kind, f"{name}: content type")
    held = content_of(package, leaf, name)
    if octets is None or (held is None and len(octets) > BASE64):
        return
    stated = leaf.findtext(f"{NS}BodyContent/{NS}Hash/{NS}Value") or leaf.findtext(f"{NS}ExtBodyContent/{NS}Hash/{NS}Value")
    Tally.digests += 1
    if one(leaf, "ExtBodyContent") is not None and held != octets and held.rstrip(b"\r\n") == octets.rstrip(b"\r\n"):
        Tally.alike += 1  # GMime keeps the CR in front of a last delimiter without line end
    elif cut and stated in {hashlib.sha256(o).hexdigest().upper() for o in (octets + b"\n", octets + b"\r\n")}:
        Tally.alike += 1  # Python takes the line end from in front of a delimiter that is not there
    elif not equal(stated, hashlib.sha256(octets).hexdigest().upper(), f"{name}: digest of a {kind} of {len(octets)} octets"):
        return
    elif isinstance(held, str):
        charset = word(leaf, "Charset")
        wanted = decoded(octets, charset)
        if wanted is not None and (charset or "").lower().replace("_", "-") not in ("iso-8859-1", "latin1", "iso-8859-9", "utf-7"):
            equal(held, wanted, f"{name}: its text")
            Tally.texts += 1


def check_header(message, parsed, name):
    fields = message.findall(f"{NS}Headers/{NS}Header")
    equal([word(f, "Name") for f in fields], [k for k, _ in parsed._headers], f"{name}: names of its fields")
    Tally.headers += 1
    for field, (key, value) in zip(fields, parsed._headers):
        wanted = clean(raw(value))
        if wanted is not None and len(wanted) < INLINE:
            equal(word(field, "Value"), wanted, f"{name}: {key}")
            Tally.fields += 1
    subject = next((v for k, v in parsed._headers if k.lower() == "subject"), None)
    got = word(message, "Subject")
    equal(got is None, subject is None, f"{name}: has a subject")
    wanted = header_text(subject) if subject is not None else None
    if wanted is not None and len(wanted) < INLINE:
        equal(re.sub(r"[\s\ufffd]+", "", got), wanted, f"{name}: subject")
        Tally.subjects += 1


def check_ids(message, parsed, name):
    node = one(message, "MessageId")
    ids = [v.strip() for k, v in parsed._headers if k.lower() == "message-id"]
    there = bool(ids) and bool(ids[0].strip("\0 \t\r\n"))
    equal(node.get("Supplied") == "true", not there, f"{name}: Message-ID supplied")
    m = re.match(r"<([!-;=?-~]+)>$", ids[0]) if there else None
    if m:
        equal(node.text, m.group(1), f"{name}: Message-ID")
        Tally.ids += 1
    date = next((v for k, v in parsed._headers if k.lower() == "date"), None)
    try:
        wanted = email.utils.parsedate_to_datetime(date)
    except (TypeError, ValueError, IndexError, OverflowError):
        return
    got = word(message, "OrigDate")
    if got and re.search(r"[^)] [+-]\d{4}(?: \(\w+\))?$", date.strip()) and 1900 < wanted.year < 9999 and abs((wanted.utcoffset() or wanted - wanted).total_seconds()) <= 14 * 3600:
        stamp = wanted.isoformat(timespec="seconds")
        equal(got.replace("Z", "+00:00"), stamp if wanted.tzinfo else stamp + "+00:00", f"{name}: OrigDate")
        Tally.dates += 1


ADDRESS = r"[A-Za-z0-9._+-]*[A-Za-z0-9]@[A-Za-z0-9.-]+[A-Za-z0-9]"
MAILBOX = rf"(?:[A-Za-z0-9 .-]*<{ADDRESS}>|{ADDRESS})"
PLAIN_LIST = re.compile(rf"{MAILBOX}(?: ?, ?{MAILBOX})*")


def check_addresses(message, parsed, name):
    """Of lists in which nothing is quoted, grouped or encoded; the others are in test_hold_eaxs.c."""
    for element, field in (("From", "from"), ("To", "to"), ("Cc", "cc")):
        values = [re.sub(r"\s+", " ", v).strip() for k, v in parsed._headers if k.lower() == field]
        if not values or not all(len(v) < 10000 and PLAIN_LIST.fullmatch(v) for v in values):
            continue
        node = one(message, element)
        got = [] if node is None else [m.get("address") for m in node.iter(NS + "Mailbox")]
        equal(got, [a for _, a in email.utils.getaddresses(values)], f"{name}: addresses of {element}")
        Tally.addresses += len(got)


def check_message(package, message, octets, number, name):
    Tally.messages += 1
    equal([e.text for e in message.findall(NS + "StatusFlag")],
          [FLAGS[i] for i in (0, 1, 2, 4, 3) if number & 31 & 1 << i], f"{name}: flags")
    properties = one(message, "MessageProperties")
    equal(properties.findtext(f"{NS}Hash/{NS}Value"), hashlib.sha256(octets).hexdigest().upper(), f"{name}: digest of the native")
    equal(word(properties, "Size"), str(len(octets)), f"{name}: size of the native")
    path = os.path.join(package, "load", urllib.parse.unquote(word(properties, "RelPath")))
    same(os.path.isfile(path) and judge.read(path) == octets, f"{name}: the native is where RelPath says")
    ends = {"\n": "LF", "\r\n": "CRLF"}.get("".join(sorted(set(re.findall(r"\r?\n", octets[:65536].decode("latin-1"))))))
    equal(word(properties, "Eol"), ends or ("CR" if b"\r" in octets[:65536] and b"\n" not in octets[:65536] else "UNKNOWN"), f"{name}: line ends")
    Tally.incomplete += one(message, "Incomplete") is not None
    if not plain_header(octets):
        Tally.other_view += 1
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            parsed = email.message_from_bytes(octets)
            leaves = python_leaves(parsed)
        except (RecursionError, AttributeError, KeyError, ValueError):
            Tally.other_view += 1
            return
        check_header(message, parsed, name)
        check_ids(message, parsed, name)
        check_addresses(message, parsed, name)
    check_leaves(package, message, parsed, leaves, octets, name)


def check_leaves(package, message, parsed, leaves, octets, name):
    found = xml_leaves(message, [])
    said = {word(i, "ErrorType") for i in message.findall(NS + "Incomplete")}
    cut = "Multipart" in said
    if "Depth" in said or not plain_parts(octets, parsed):
        Tally.unlike += 1
        for leaf in found:
            if leaf.tag == NS + "SingleBody":
                content_of(package, leaf, name)
        return
    if not equal(len(found), len(leaves), f"{name}: number of leaves"):
        return
    for i, (leaf, (kind, wrote, content)) in enumerate(zip(found, leaves)):
        check_leaf(package, leaf, kind, wrote, content, cut and i + 1 == len(found), f"{name}, leaf {i}")


# ── the run ──

def corpus_messages():
    for path in sorted(glob.glob(os.path.join(judge.CORPUS, "eml", "*"))):
        octets = judge.read(path)
        if not octets.startswith(b"\xd0\xcf\x11\xe0"):
            yield os.path.basename(path), octets
    for path in sorted(glob.glob(os.path.join(judge.CORPUS, "mbox", "*"))):
        box = mailbox.mbox(path, create=False)
        for key in box.keys():
            yield f"{os.path.basename(path)}#{key}", box.get_bytes(key)
        box.close()


def expectations(messages):
    """What no other judge could tell: of messages made up here."""
    def incomplete(name):
        return {word(i, "ErrorType") for i in messages[name].findall(NS + "Incomplete")}
    same("Depth" in incomplete("forwarded 3000"), "3 000 forwards: said to be too deep")
    same("Multipart" in incomplete("truncated"), "a truncated message: said so")
    same("BodyContent" in incomplete("8 MiB within a forward"), "8 MiB within a forward: said to be in the native alone")
    same("Header" in incomplete("no fields"), "a line that is no field: said so")
    same("Date" in incomplete("date 1"), "a date that cannot be read: said so")
    same("TransferEncoding" in incomplete("bad base64"), "broken base64: said so")
    same("TransferEncoding" in incomplete("encodings"), "an unknown encoding: said so")
    equal(messages["uuencode"].findtext(f"{NS}SingleBody/{NS}BodyContent/{NS}Content"), "abc", "uuencode")
    same(not incomplete("cdata") and not incomplete("alternative") and not incomplete("nested 128"), "nothing said of whole messages")
    equal(len(messages["empty"].findall(NS + "SingleBody")), 1, "an empty message has one empty body")
    groups = messages["address 6"].findall(f"{NS}To/{NS}Group")
    equal([[m.get("address") for m in g] for g in groups], [[None, "a@x.example", "b@x.example"]], "a group of addresses")
    equal([r.text for r in messages["ids"].findall(NS + "References")], ["1@x", "2@x", "3@x", "no id"], "References one by one")
    equal([r.text for r in messages["ids"].findall(NS + "InReplyTo")], ["x@y", "z@y"], "In-Reply-To one by one")
    equal(word(one(messages["preamble"], "MultiBody"), "Preamble"), "A preamble <&>\nof two lines\ufffd.", "a preamble")
    equal(word(one(messages["preamble"], "MultiBody"), "Epilogue"), "An epilogue é.", "an epilogue")
    equal(messages["no parts"].find(f"{NS}MultiBody/{NS}MissingBody") is not None, True, "a multipart without parts")
    part = messages["part fields"].find(f"{NS}MultiBody/{NS}SingleBody")
    equal([word(part, n) for n in ("ContentId", "Description", "Charset")], ["i@x", "é", "utf-8"], "fields of a part")
    equal([e.text for e in part.findall(NS + "ContentLanguage")], ["en", "de"], "languages of a part")
    equal([word(e, "Name") for e in part.findall(NS + "OtherMimeHeader")], ["Content-Location", "X-Own", "Content-MD5"], "other fields of a part")
    equal(len(list(messages["forwarded 40"].iter(NS + "ChildMessage"))), 40, "40 forwards in one another")


def folders(root):
    """No two neighbours of one name, and every message where its path says."""
    count = 0
    for folder in root.iter(NS + "Folder"):
        names = [word(f, "Name") for f in folder.findall(NS + "Folder")]
        equal(len(names), len(set(names)), f"subfolders of {word(folder, 'Name')!r} stand once")
        count += 1
    return count


def run_all():
    package, source = judge.temporary(memory=True), judge.temporary(memory=True)
    octets, names = [], []
    for number, (name, content) in enumerate([*corpus_messages(), *hostile()]):
        tree = ["", "A", "A/B", "A B", "A/B/C", "Ä ü", "A-", "A'&<>", "back\\slash"][number % 9]
        judge.write(os.path.join(source, tree, f"{number:05}"), content)
        octets.append(content)
        names.append(name)
    made = hold("make", package, source)
    order = [int(os.path.basename(line.split("\t")[1])) for line in made if not line.startswith("+")]
    equal(sorted(order), list(range(len(octets))), "messages in the package")
    said = hold("write", package)
    path = os.path.join(package, "load", "eaxs.xml")
    validate(path, "the corpus and the hostile ones")
    first = judge.read(path)
    hold("write", package)
    same(judge.read(path) == first, "two runs write the same octets")
    root = ET.parse(path).getroot()
    equal(root.tag, NS + "Account", "the root")
    count = folders(root)
    by_name, local = {}, []
    for message in root.iter(NS + "Message"):
        number = int(word(message, "Guid")[3:])
        name = names[order[number - 1]]
        by_name[name] = message
        check_message(package, message, octets[order[number - 1]], number, name)
    for node in [*root.iter(NS + "Message"), *root.iter(NS + "ChildMessage")]:
        local.append(word(node, "LocalId"))
    equal(len(local), len(set(local)), "LocalIds are unique")
    equal(len(by_name), len(set(names)), "every message is there once")
    expectations(by_name)
    check_attachments(root, [line[1:].split("\t") for line in made if line.startswith("+")], by_name)
    check_notes(said)
    check_peak(said[-1], "with an attachment of 60 MiB")
    run_mutated(ROUNDS)
    t = Tally
    say(f"{said[-1]}; {t.messages} messages in {count} folders, {t.incomplete} with an Incomplete: {t.headers} headers of {t.fields} fields, "
        f"{t.subjects} subjects, {t.ids} ids, {t.dates} dates, {t.addresses} addresses; {t.leaves} leaves, {t.digests} digests as Python's, "
        f"{t.alike} but for a line end, {t.texts} texts; {t.external} files, {t.inline} texts, {t.encoded} base64; {t.other_view} headers and {t.unlike} bodies "
        f"that Python reads in another way; {t.mutated} mutated ones are valid")


def run_mutated(rounds):
    """Is it valid, whatever comes?"""
    rng = random.Random(11)
    sources = [octets for _, octets in corpus_messages() if len(octets) < 100000]
    for i in range(rounds):
        package, source = judge.temporary(memory=True), judge.temporary(memory=True)
        for number, octets in enumerate(sources):
            judge.write(os.path.join(source, f"{number:05}"), mutated(octets, sources, rng))
        hold("make", package, source)
        hold("write", package)
        validate(os.path.join(package, "load", "eaxs.xml"), f"mutated messages, round {i}")
        Tally.mutated += len(sources)


def check_attachments(root, made, messages):
    """Every attachment that was taken out of a message is referred to by its part, once."""
    files = collections.Counter(urllib.parse.unquote(word(e, "RelPath")) for e in root.iter(NS + "ExtBodyContent"))
    children = collections.Counter(word(c, "Guid") for c in root.iter(NS + "ChildMessage"))
    deep = {word(m, "Guid") for m in messages.values()
            if any(word(i, "ErrorType") == "Depth" for i in m.findall(NS + "Incomplete"))}
    for docid, kind, path in made:
        if docid[:11] not in deep and not kind.startswith("multipart/"):  # one without parts is no SingleBody
            equal(files[path] + children[docid], 1, f"parts that refer to {docid}, a {kind}")
    same(set(files) <= {path for _, _, path in made}, "no part refers to another file")


def check_notes(said):
    notes = [line.split("\t") for line in said if line.startswith("replaced\t")]
    seen = {(field, cp) for _, _, field, cp, _ in notes}
    for wanted in (("X-Nul", "0000"), ("Subject", "FFFE"), ("X-F", "FFFE"), ("X-Ctl", "001F"), ("Preamble", "0000")):
        same(wanted in seen, f"a note of {wanted}")
    total = int(said[-1].split("\t")[3].split()[0])
    equal(sum(int(n[4]) for n in notes), total, "the notes add up")


def run_many(n):
    package = judge.temporary(memory=True)
    hold("many", package, str(n))
    small = hold("write", package)[-1]
    path = os.path.join(package, "load", "eaxs.xml")
    say(f"{n} messages: {small}, {os.path.getsize(path)} octets")
    check_peak(small, f"{n} messages")
    validate(path, f"{n} messages")


def main():
    if not judge.CORPUS or not os.path.isfile(SCHEMA):
        judge.skip("the schemas are not here")
    if not shutil.which("xmllint"):
        judge.skip("xmllint is not here")
    if len(sys.argv) > 3 and sys.argv[2] == "--many":
        run_many(int(sys.argv[3]))
    else:
        run_all()
    judge.finish()


main()
