"""What `make_pst --bulk N --list FILE` says it made, against what comes out of a store: messages as Python's email package reads
them. The digests of the list are the generator's own, so that a reader which loses octets cannot agree with itself."""
import email
import email.utils
import hashlib
import json
import os

FIELDS = ("subject", "from", "to", "plain", "html", "rtf", "attachments")


def wanted(path):
    """By Message-ID."""
    with open(path, encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    found = {r["message_id"]: r for r in rows}
    if len(found) != len(rows):
        raise RuntimeError(f"{path}: two messages with one id")
    return found


def sha256(octets):
    return hashlib.sha256(octets).hexdigest()


def crlf(octets):
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def facts(message):
    """The same of a message."""
    people = [a for name in ("to", "cc") for _, a in email.utils.getaddresses(message.get_all(name, []))]
    found = {"subject": message["subject"], "from": email.utils.parseaddr(message["from"])[1], "to": people, "attachments": []}
    for part in message.walk():
        if part.is_multipart():
            continue
        octets, kind = part.get_payload(decode=True), part.get_content_type()
        if part.get_filename():
            found["attachments"].append({"name": part.get_filename(), "size": len(octets), "sha256": sha256(octets)})
        elif kind == "text/plain":
            found["plain"] = sha256(crlf(octets))
            found["rtf"] = sha256(b" ".join(octets.split()))
        elif kind == "text/html":
            found["html"] = sha256(crlf(octets))
    return found


def differences(want, message):
    """Names of what is not as the list says; what the list does not say does not count."""
    found = facts(message)
    return [k for k in FIELDS if k in want and want[k] != found.get(k)]


def item_differences(want, item):
    """The same of a line of items.jsonl."""
    seen = "seen" in item["flags"]
    return [k for k, good in (("received", item["received"] == want["received"]), ("read", seen == want["read"]),
                              ("folder", item["folder"].split("/")[-1] == want["folder"])) if not good]


def eml_messages(target):
    for directory, below, names in os.walk(target):
        below[:] = [n for n in below if n != ".mailhaul"]
        for name in names:
            with open(os.path.join(directory, name), "rb") as f:
                yield email.message_from_binary_file(f)


def mbox_messages(path):
    """Of an mbox without quoted lines: what is generated has none."""
    lines = []
    with open(path, "rb") as f:
        for line in f:
            if line.startswith(b"From ") and (not lines or lines[-1] in (b"\n", b"\r\n")):
                if lines:
                    yield email.message_from_bytes(b"".join(lines))
                lines = []
            else:
                lines.append(line)
    if lines:
        yield email.message_from_bytes(b"".join(lines))
