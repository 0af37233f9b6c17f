"""Dovecot serves a Maildir that mailhaul wrote, in both layouts: the same folders, counts, octets, RFC822.SIZE, INTERNALDATE,
flags and keywords, and not one warning or error in its log. The Dovecot is our own: its configuration, its log, its sockets
in a temporary directory, on a free port of 127.0.0.1; only the processes started here are ended."""
import os
import re

import imap_servers
import judge
from imap_client import internal, listed, mutf7, quoted
from judge import equal, run, same, say

SYSTEM = {"\\Seen": "S", "\\Answered": "R", "\\Flagged": "F", "\\Draft": "D", "\\Deleted": "T"}


def skip_without():
    if not imap_servers.dovecot_program():
        judge.skip("dovecot is not installed: scripts/setup test")


def serving(maildir, layout):
    """A private Dovecot over this Maildir (which it takes), and a client of it."""
    server = imap_servers.Dovecot(layout=layout, maildir=maildir, tls=False)
    return server, server.connect()


def quiet(server, where=""):
    log = server.log()
    same(not log, f"{where}Dovecot's log speaks:\n" + judge.indent("\n".join(log.splitlines()[:10])))


# ── the source: an mbox tree of our own, and what must be found on the server ──

FOLDERS = ["INBOX", "Work", "Work/2019", "Äpfel & Birnen", "v1.2 (final)", "日本"]
CASES = [  # Status, X-Status, X-Keywords → IMAP
    ("RO", "", "", {"\\Seen"}, set()),
    ("O", "", "", set(), set()),
    ("RO", "A", "", {"\\Seen", "\\Answered"}, set()),
    ("RO", "F", "Urgent", {"\\Seen", "\\Flagged"}, {"Urgent"}),
    ("RO", "T", "", {"\\Seen", "\\Draft"}, set()),
    ("RO", "D", "", {"\\Seen", "\\Deleted"}, set()),
    ("RO", "AF", "Urgent Later $Junk", {"\\Seen", "\\Answered", "\\Flagged"}, {"Urgent", "Later", "$Junk"}),
    ("O", "", "$Forwarded", set(), {"$Forwarded"}),
]
BODIES = [b"Hello.\n", "Größe 5 €\n".encode(), b"From the sea\n>From afar\n", b"no line end", b"a\r\nb\nc\r\n", b"x" * 5000 + b"\n", b""]


def source(work):
    """A Maildir would let mailhaul copy names; a tree of mbox files makes it build everything itself."""
    root = os.path.join(work, "source")
    truth = {}
    number = 0
    for depth, folder in enumerate(FOLDERS):
        messages = []
        truth[folder] = {}
        for status, x_status, keywords, flags, kw in CASES:
            extra = f"Status: {status}\nX-Status: {x_status}\nX-Keywords: {keywords}\n".encode()
            octets = judge.message(number, body=BODIES[number % len(BODIES)], extra=extra)
            when = 1400000000 + 100000 * depth + 60 * len(messages)
            messages.append(octets)
            truth[folder][f"<{number}.a.message@harbour.example>"] = (octets, flags, kw, when)
            number += 1
        path = os.path.join(root, *[p + ".sbd" for p in folder.split("/")[:-1]], folder.split("/")[-1])
        judge.write(path, judge.mbox_of(messages, start=1400000000 + 100000 * depth))
    return root, truth


# ── the client ──

def fetch(imap, raw):
    """Message-ID → (octets, flags, size, internal date) of one folder."""
    ok, data = imap.select(quoted(raw), readonly=True)
    found = {}
    if not same(ok == "OK", f"SELECT {raw}: {data}") or int(data[0]) == 0:
        return found
    _, data = imap.fetch("1:*", "(FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")
    for part in (d for d in data if isinstance(d, tuple)):
        head = part[0].decode()
        flags = set(re.search(r"FLAGS \(([^)]*)\)", head).group(1).split()) - {"\\Recent"}
        size = int(re.search(r"RFC822\.SIZE (\d+)", head).group(1))
        date = re.search(r'INTERNALDATE "([^"]*)"', head).group(1)
        found[re.search(rb"Message-ID: (<[^>]*>)", part[1]).group(1).decode()] = (part[1], flags, size, internal(date))
    return found


def plain(octets):
    """Octets as IMAP shows them; a final line end is what an mbox source adds."""
    return judge.canonical(octets)


def compare_folder(name, wanted, found, layout):
    equal(sorted(found), sorted(wanted), f"{layout} {name}: messages")
    for mid in sorted(set(found) & set(wanted)):
        octets, flags, keywords, when = wanted[mid]
        body, got_flags, size, date = found[mid]
        where = f"{layout} {name} {mid}"
        # The mbox that was the source gave a last line end to bodies that had none; its empty line stays outside.
        equal(body in (plain(octets), plain(octets) + b"\r\n"), True, f"{where}: octets, {len(body)} for {len(plain(octets))}")
        equal(size, len(body), f"{where}: RFC822.SIZE")
        equal(got_flags, flags | keywords, f"{where}: flags and keywords")
        equal(date, when, f"{where}: INTERNALDATE")


def serve(work, src, truth, layout):
    target = os.path.join(work, "maildir")
    run("convert", "--to", "maildir", "--maildir-layout", layout, src, target)
    wrong_w = check_w(target)
    server, imap = serving(target, layout)
    names = listed(imap)
    shown = {unescaped(n): raw for n, raw in names.items()}
    for folder in truth:
        if same(folder in shown, f"{layout}: the server does not list {folder}: {sorted(shown)}"):
            compare_folder(folder, truth[folder], fetch(imap, shown[folder]), layout)
    # In Maildir++ the state directory .mailhaul looks like a folder; it must at least be an empty one.
    extra = set(shown) - set(truth)
    for folder in extra:
        equal(len(fetch(imap, shown[folder])), 0, f"{layout}: an unexpected folder {folder} with messages")
    subscribed = {mutf7(l.decode().rsplit(' ', 1)[-1].strip('"')) for l in imap.lsub()[1] if l}
    imap.logout()
    server.stop()
    quiet(server, f"{layout}: ")
    say(f"{layout}: {sum(map(len, truth.values()))} messages in {len(truth)} folders, {wrong_w} names without W=, "
        f"{len(subscribed)} subscribed; log is quiet")


def check_w(target):
    """S= is the octets stored, W= the octets with CRLF; W may be missing, a wrong one breaks the server."""
    missing = 0
    for name in judge.maildirs(target):
        for sub in ("cur", "new"):
            for f in os.listdir(os.path.join(target, name, sub)):
                octets = judge.read(os.path.join(target, name, sub, f))
                s, w = re.search(r",S=(\d+)", f), re.search(r",W=(\d+)", f)
                if s:
                    equal(int(s.group(1)), len(octets), f"{f}: S=")
                if w:
                    equal(int(w.group(1)), len(octets) + len(re.findall(rb"(?<!\r)\n", octets)), f"{f}: W=")
                missing += not w
    return missing


def unescaped(name):
    """mailhaul's reversible %XX escapes undone, where Maildir++ cannot hold a name as it is."""
    try:
        return re.sub(r"((?:%[0-9A-Fa-f]{2})+)", lambda m: bytes.fromhex(m.group(1).replace("%", "")).decode(), name)
    except UnicodeDecodeError:
        return name


def main():
    skip_without()
    work = judge.temporary()
    src, truth = source(work)
    for layout in ("maildir++", "fs"):
        serve(work, src, truth, layout)
    judge.finish()


if __name__ == "__main__":
    main()
