"""Repaired messages against Python's email parser: the same parts with the same content before and after, fields without a
fault octet for octet, and no fault left. Over the mail of the corpus as it is, with lines limited to 78 octets, and with
NULs, bare CRs, 8-bit octets and lines that are no fields put into it at random places."""
import email
import email.header
import os
import random
import re
import subprocess
import sys

import judge
from judge import equal, say

REPAIR = os.environ.get("REPAIR_MESSAGE") or sys.exit(77)
ALL = "nul,bare-cr,8-bit-header,malformed-header,long-line"
FIELD = re.compile(rb"[!-9;-~\0]+[ \t]*:")
# A line of a content, as far as one line can tell: no field, no fold, no delimiter, no escape of quoted-printable.
LINE = re.compile(rb"(?m)^(?!--|[ \t]|[!-9;-~]+[ \t]*:)[^\r\n=\0]+(?=\r?\n)")
# Read in another way by Python: encodings with more behind their name, multiparts in which it finds no part.
ODD = re.compile(rb"(?im)^content-transfer-encoding:\s*(quoted-printable|base64)[^\s]|boundary=[^\";\r\n]+[ ]\S|boundary=\s*$")
# What is left, and refused then: lines of encodings that nobody here knows; delimiters that are too long themselves.
FOREIGN = re.compile(rb"(?i)content-transfer-encoding:\s*(x-|uu|binhex)")
SIZE_MAX = 4 << 20


def repair(octets, line_max):
    done = subprocess.run([REPAIR, ALL, str(line_max)], input=octets, capture_output=True, check=False, timeout=120)
    what = done.stderr.decode("utf-8", "replace")
    equal(done.returncode, 0, f"exit status: {what}")
    return done.stdout, what


def header(octets):
    """The header section as [field with its folds, …] and what is behind it; lines end as they do in the source."""
    fields, at = [], 0
    while at < len(octets):
        end = octets.find(b"\n", at) + 1 or len(octets)
        line = octets[at:end]
        if not line.strip(b"\r\n"):
            break
        if line[:1] in b" \t" and fields:
            fields[-1] += line
        else:
            fields.append(line)
        at = end
    return fields, octets[at:]


def crlf(octets):
    return re.sub(rb"(?<!\r)\n", b"\r\n", octets)


def faulty(field, line_max):
    text = field.replace(b"\r\n", b"\n")
    return (b"\0" in text or b"\r" in text or any(c > 127 for c in text) or not FIELD.match(text) or
            any(len(line) > line_max for line in text.split(b"\n")) or re.match(rb"[!-9;-~]+[ \t]+:", text))


def same_lines(payload):
    return re.sub(rb"\r+\n|\r|\n", b"\n", payload)


def leaves(octets):
    """(type, file name, decoded content) of every leaf."""
    found = []
    for part in email.message_from_bytes(octets).walk():
        if part.is_multipart():
            found.append((part.get_content_type(), None, b""))
            continue
        name = part.get_filename()
        found.append((part.get_content_type(), str(name) if name else None, same_lines(part.get_payload(decode=True) or b"")))
    return found


def plain_header(octets):
    """For Python, whose header ends at the first line that is no field: without such lines, and without the NULs that
    a header loses."""
    fields, rest = header(octets)
    kept = [f.replace(b"\0", b"").replace(b"\r", b"") for f in fields if FIELD.match(f.lstrip(b"\0"))]
    kept = [re.sub(rb"^([!-9;-~]+)[ \t]+:", rb"\1:", f) for f in kept]
    kept = [f for f in kept if not f.startswith(b"X-Mailhaul-Line:")]
    return b"".join(kept) + rest


def text_of(value):
    """A field's text, encoded words or 8-bit octets decoded, blanks made one."""
    raw = re.sub(rb"[\r\n\0]+", b"", value)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")
    try:
        text = "".join(p if isinstance(p, str) else p.decode(c or "ascii", "replace")
                       for p, c in email.header.decode_header(text))
    except (LookupError, email.errors.HeaderParseError):
        return None
    return re.sub(r"[\s\"\\]+", "", text)


class Tally:
    messages = changed = fields = leaves = without_nul = left = skipped = decoded = 0


def check_fields(before, after, line_max, name):
    """Fields without a fault come out in their order, octet for octet."""
    old = [crlf(f) for f in header(before)[0] if not faulty(f, line_max)]
    new = iter(header(after)[0])
    for field in old:
        if re.match(rb"(?i)content-transfer-encoding\s*:", field):
            continue  # a leaf that was encoded
        if not any(field == n for n in new):
            equal(field[:200], None, f"{name}: a field without a fault is gone or changed")
            return
        Tally.fields += 1


def check_subject(before, after, name):
    get = lambda o: next((f.split(b":", 1)[1] for f in header(o)[0] if re.match(rb"(?i)subject:", f)), None)
    old, new = get(before), get(after)
    if old is None or not any(c > 127 for c in old) or b"\r" in old.replace(b"\r\n", b"") or b"charset" in before.lower():
        return
    if text_of(old) is not None and text_of(new or b"") is not None:
        equal(text_of(new or b""), text_of(old), f"{name}: the text of its subject")
        Tally.decoded += 1


def check(octets, line_max, name):
    after, what = repair(octets, line_max)
    Tally.messages += 1
    Tally.changed += bool(what.strip())
    Tally.left += "left:" in what
    if "left:" in what and not FOREIGN.search(octets) and "long-boundary" not in name and line_max >= 998:
        equal(what, "", f"{name}: a fault is left")
    if not what.strip():
        equal(after, crlf(octets), f"{name}: nothing to repair")
        return
    if "empty line" in what or ODD.search(octets) or re.match(rb"[^\n]*\r[^\n]", octets):
        Tally.skipped += 1  # Python takes another view of where the header ends
        return
    check_fields(octets, after, line_max, name)
    check_subject(octets, after, name)
    old, new = leaves(plain_header(octets)), leaves(plain_header(after))
    equal([o[:2] for o in new], [o[:2] for o in old], f"{name}: its parts ({what.strip()[:200]})")
    for o, n in zip(old, new):
        if o[0].startswith("multipart/") or (line_max < 998 and b"delivery-status" in octets):
            continue  # one in which Python finds no part; fields of 78 octets without a blank
        blanks = rb"[\0\s]+" if b"message/rfc822" in octets and b"base64" in octets else rb"\0"
        if o[2] != n[2] and "removed" in what and re.sub(blanks, b"", o[2]) == re.sub(blanks, b"", n[2]):
            Tally.without_nul += 1  # where no encoding could keep them: said, and nothing else is missing
            continue
        Tally.leaves += 1
        if o[2] != n[2]:
            equal(n[2][:300], o[2][:300], f"{name}: content of a {o[0]} ({what.strip()[:200]})")


def mutated(octets, rng):
    """With faults at random places in contents, and some in the header."""
    fields, rest = header(octets)
    body = bytearray(rest)
    places = [i for m in LINE.finditer(bytes(body)) for i in range(m.start() + 1, m.end())]
    for at in sorted((rng.choice(places or [len(body)]) for _ in range(rng.randint(1, 4))), reverse=True):
        body[at:at] = rng.choice([b"\0", b"\0\0", b"\r", b"x" * 1200, b"\0\r", "é".encode() * 3])
    if rng.random() < 0.5 and fields:
        fields.insert(rng.randint(1, len(fields)), rng.choice([b"no field at all\n", b"X-New: \xe9t\xe9\n", b"X-Old : x\n",
                                                              b"X-Nul: a\0b\n", b"X-Long: " + b"word " * 300 + b"\n"]))
    return b"".join(fields) + bytes(body)


def sources():
    for where in (os.path.join(judge.CORPUS, "eml"), judge.TESTDATA):
        for root, _, names in os.walk(where):
            for name in sorted(names):
                path = os.path.join(root, name)
                if where == judge.TESTDATA and not name.endswith(".eml"):
                    continue
                if os.path.getsize(path) > SIZE_MAX or not os.path.isfile(path):
                    continue
                with open(path, "rb") as f:
                    octets = f.read()
                if FIELD.match(octets):
                    yield name, octets


def main():
    if not os.path.isdir(os.path.join(judge.CORPUS, "eml")):
        sys.exit(77)
    rng = random.Random(4)
    n = 0
    for name, octets in sources():
        n += 1
        check(octets, 998, name)
        check(octets, 78, name + ", lines of 78")
        for i in range(2):
            check(mutated(octets, rng), 998, f"{name}, mutated {i}")
    t = Tally
    say(f"{n} messages in 4 forms: {t.messages} repaired, {t.changed} changed, {t.left} with a fault left; {t.fields} fields "
        f"octet for octet, {t.leaves} parts with the same content, {t.without_nul} the same but for NULs, {t.decoded} subjects; {t.skipped} that Python reads in "
        "another way passed over")
    judge.finish()


main()
