"""Dovecot serves the Maildir that real Outlook stores were converted to: every item is there with its octets, INTERNALDATE, flags
and keywords, its structure parses, and the log is quiet."""
import collections
import datetime
import hashlib
import os
import re

import check_dovecot as dovecot
import judge
import outlook
from judge import equal, run, same, say

SYSTEM = {"seen": "\\Seen", "answered": "\\Answered", "flagged": "\\Flagged", "draft": "\\Draft", "deleted": "\\Deleted",
          "forwarded": "$Forwarded", "junk": "$Junk", "notjunk": "$NotJunk", "mdnsent": "$MDNSent"}


def served(imap):
    """SHA-256 → (flags, received) of every message of the server, with what is wrong about its structure."""
    found = collections.defaultdict(list)
    for raw in dovecot.listed(imap).values():
        ok, data = imap.select(dovecot.quoted(raw), readonly=True)
        if not same(ok == "OK", f"SELECT {raw}: {data}") or not int(data[0]):
            continue
        _, data = imap.fetch("1:*", "(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)")
        lines = [b"".join(d) if isinstance(d, tuple) else d for d in data]
        structures = b" ".join(lines)
        same(b"BODYSTRUCTURE" in structures, f"{raw}: no BODYSTRUCTURE")
        _, data = imap.fetch("1:*", "(FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")
        for head, body in (d for d in data if isinstance(d, tuple)):
            head = head.decode()
            flags = set(re.search(r"FLAGS \(([^)]*)\)", head).group(1).split()) - {"\\Recent"}
            date = dovecot.internal(re.search(r'INTERNALDATE "([^"]*)"', head).group(1))
            equal(int(re.search(r"RFC822\.SIZE (\d+)", head).group(1)), len(body), f"{raw}: RFC822.SIZE")
            found[hashlib.sha256(body).hexdigest()].append((flags, date))
    return found


def seconds(iso):
    return int(datetime.datetime.fromisoformat(iso).timestamp()) if iso else 0


def is_outlook(path):
    """An mbox was written over one of the stores."""
    with open(path, "rb") as f:
        return f.read(4) == b"!BDN"


def main():
    stores = outlook.stores()
    if not stores:
        judge.skip("no stores: scripts/stores fetches some")
    dovecot.skip_without()
    work = judge.temporary()
    stores = [s for s in stores if is_outlook(s)]
    readable = [s for s in stores if run("inspect", "-q", s, exits=(0, 1, 3)).returncode != 3]
    target = os.path.join(work, "maildir")
    run("convert", "--to", "maildir", "--progress", "none", *readable, target, exits=(0, 1))
    items = [i for i in judge.items_of(target) if i["status"] == "stored"]
    server, imap = dovecot.serving(target, "maildir++")
    found = served(imap)
    imap.logout()
    server.stop()
    equal(sum(map(len, found.values())), len(items), "messages on the server")
    for item in items:
        where = f"{item['source']}: {item['stored_as']}"
        keywords = set(item["keywords"])
        if "keyword.name-changed" in judge.issues_of(item):  # IMAP has no keyword with a blank
            keywords = {k.replace(" ", "_") for k in keywords}
        wanted = ({SYSTEM[f] for f in item["flags"]} | keywords, seconds(item["received"]))
        have = found.get(item["sha256"], [])
        if same(wanted in have, f"{where}: wanted {wanted}, the server has {have}"):
            have.remove(wanted)
    dovecot.quiet(server)
    say(f"{len(items)} items of {len(readable)} stores")
    judge.finish()


main()
