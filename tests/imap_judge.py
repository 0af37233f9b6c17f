"""What the judges of the IMAP upload (check_imap*.py) share: a target and its runs, what the source says by itself, what the server says.

    target = Target(server)                                # imaps://ada@localhost:…/Imported, state and password file of its own
    target.convert(source)
    compare("demo", target, truth_of(source))              # every item: octets, time, flags, keywords, folder, UID
"""
import collections
import itertools
import os
import re
import subprocess

import judge
from imap_client import listed, mailboxes, messages
from imap_servers import Cyrus, Unavailable
from judge import equal, run, same, say

LONG = os.environ.get("HAUL_LONG") == "1"
WORK = judge.temporary(memory=True)
EARLIEST, LATEST = 86400, 2145916799  # what every server keeps (imap-engine.md)
FLAGS = {"seen": "\\Seen", "answered": "\\Answered", "flagged": "\\Flagged", "draft": "\\Draft", "deleted": "\\Deleted",
         "forwarded": "$Forwarded", "junk": "$Junk", "notjunk": "$NotJunk", "mdnsent": "$MDNSent"}
LETTERS = {"S": "\\Seen", "R": "\\Answered", "F": "\\Flagged", "D": "\\Draft", "T": "\\Deleted", "P": "$Forwarded"}
numbers = itertools.count()

Truth = collections.namedtuple("Truth", "folder octets when flags")  # folder: names from the top; flags: with keywords as they were


def fresh(name):
    path = os.path.join(WORK, f"{name}{next(numbers)}")
    os.makedirs(path)
    return path


def secret_file(text):
    path = judge.write(os.path.join(fresh("secret"), "pw"), text.encode() + b"\n")
    os.chmod(path, 0o600)
    return path


def cyrus(**how):
    """A Cyrus, or None where this machine has none, which is said once."""
    try:
        return Cyrus(**how)
    except Unavailable as e:
        if not cyrus.said:
            say(f"without Cyrus: {e}")
            cyrus.said = True
        return None


cyrus.said = False


class Target:
    """A server's folder as the target of runs of its own. how: tls, starttls or plain."""
    def __init__(self, server, below="Imported", how="tls", user=None, port=None, options=(), password=True):
        self.server, self.user, self.below = server, user or server.user, below
        self.state = os.path.join(fresh("target"), "state")
        port = port or (server.tls_port if how == "tls" else server.port)
        self.url = f"{'imaps' if how == 'tls' else 'imap'}://{self.user}@localhost:{port}/{below}"
        self.options = ["--state", self.state, "--progress", "none", *options]
        self.options += ["--insecure-plaintext"] if how == "plain" else ["--ca-file", server.ca_file]
        if password:
            self.options += ["--password-file", secret_file(server.password)]

    def convert(self, *sources, exits=(0,), **how):
        sources = [s if str(s).startswith("-") else os.fspath(s) for s in sources]
        done = run("convert", *self.options, *sources, self.url, exits=exits, **how)
        if os.path.exists(os.path.join(self.state, "report.json")):
            same(judge.adds_up(self.report()), f"{self.url}: totals do not add up: {self.report()['totals']}")
        return done

    def verify(self, *sources, exits=(0,), **how):
        return run("verify", *self.options, self.url, *sources, exits=exits, **how)

    def report(self):
        return judge.json.loads(judge.read(os.path.join(self.state, "report.json")))

    def totals(self):
        counts = ("stored", "filtered", "duplicate", "failed", "already_stored")
        return {k: v for k, v in self.report()["totals"].items() if k in counts and v}

    def items(self):
        return judge.items_of(None, self.state)

    def notices(self, issue):
        return [n for n in self.report()["notices"] if n["issue"] == issue]

    def held(self):
        """{folder: [Message]} of the target, without the folders that have none."""
        if hasattr(self.server, "held"):
            held = self.server.held()
        else:
            imap = self.server.connect(self.user)
            held = {name: messages(imap, raw) for name, raw in listed(imap).items() if self.is_mine(name)}
            imap.logout()
        return {name: found for name, found in held.items() if found and self.is_mine(name)}

    def is_mine(self, name):
        separator = self.server_names()[0]
        top = self.name("")
        return not self.below or name == top or name.startswith(top + separator)

    def subscribed(self):
        if hasattr(self.server, "held"):
            return {n for n, f in self.server.folders.items() if f.subscribed}
        imap = self.server.connect(self.user)
        names = set(mailboxes(imap, "LSUB"))
        imap.logout()
        return names

    def name(self, text):
        """The server's name of a folder that the report calls text."""
        separator, prefix = self.server_names()
        parts = [p for p in [*self.below.split("/"), *text.split("/")] if p]
        return "INBOX" if parts == ["INBOX"] else prefix + separator.join(parts)

    def server_names(self):
        return getattr(self.server, "separator", "/"), getattr(self.server, "prefix", "")


def named(server, separator, prefix=""):
    """A server that remembers how it names folders."""
    if server:
        server.separator, server.prefix = separator, prefix
    return server


# ── names and keywords as the server has them, undone ──

def unescaped(name):
    """One level of a folder's name without mailhaul's =XX."""
    octets = re.sub(rb"=([0-9A-F]{2})", lambda m: bytes([int(m.group(1), 16)]), name.encode())
    return octets.decode("utf-8", "replace")


def unmangled(atom):
    """A keyword as the source had it: "$q_" and _HH."""
    if not atom.startswith("$q_"):
        return atom
    octets = re.sub(rb"_([0-9A-F]{2})", lambda m: bytes([int(m.group(1), 16)]), atom[3:].encode())
    return octets.decode("utf-8", "replace")


def path_parts(text):
    """A path of the report as names: "a/b\\/c" → ["a", "b/c"]."""
    return [re.sub(r"\\(.)", r"\1", part) for part in re.findall(r"(?:[^/\\]|\\.)+", text or "")]


def clamped(when):
    return min(max(int(when // 1), EARLIEST), LATEST)


# ── what the source says ──

def by_conversion(sources, options=()):
    """{item id: Truth} by way of a Maildir that mailhaul writes: octets, times and letters of its files, keywords of its report.
    .plain: ids of EML items that are their file. A judge of the upload, not of the reader;
    those of the readers are check_roundtrip, check_pst_corpus, check_mbox …"""
    target = fresh("reference") + "/maildir"
    run("convert", "--to", "maildir", "--progress", "none", *options, *sources, target, exits=(0, 1))
    paths, truth, plain = judge.by_name(target), {}, {}
    for item in judge.items_of(target):
        found = paths.get(os.path.basename(item["stored_as"] or ""))
        if item["status"] != "stored" or not same(found and len(found) == 1, f"reference: {item['id']} is {item['status']}"):
            continue
        letters = os.path.basename(found[0]).partition(":2,")[2]
        flags = {LETTERS[c] for c in letters if c in LETTERS} | {FLAGS[f] for f in item["flags"] if f in ("junk", "notjunk", "mdnsent")}
        mended = any(i.startswith("eml.") for i in judge.issues_of(item))
        plain[item["id"]] = not mended and not re.search(r"@\d+$|\.emlx$", item["source_place"])
        truth[item["id"]] = Truth(path_parts(item["folder"]), judge.canonical(judge.read(found[0])),
                                  clamped(os.stat(found[0]).st_mtime), frozenset(flags | set(item["keywords"])))
    by_conversion.plain = plain
    return truth


# ── comparing ──

def inboxed(names):
    """A path as it is below the folder of the URL: its INBOX is written so."""
    return ["INBOX"] + names[1:] if not names or names[0].upper() == "INBOX" else names


def place_of(item):
    folder, uid = re.fullmatch(r"(.*)/;UID=(\d+)", item["stored_as"], re.S).groups()
    return folder, int(uid)


def compare(what, target, truth, key="id", faults=(), extra=0, folders=True, may_fail=None):
    """Every item of the last run is on the server where items.jsonl says, as the truth says, and nothing else is.
    key: of items, into truth; faults: reasons that may make an item fail, may_fail: the test that the octets deserve it;
    extra: messages that were there before; folders: False where names are mapped otherwise."""
    where = {(name, m.uid): m for name, found in target.held().items() for m in found}
    total, claimed, failed = len(where), set(), 0
    items = target.items()
    for item in items:
        wanted = truth.get(item[key])
        tag = f"{what}: {item['source_place']} → {item['stored_as']}"
        if item["status"] == "failed":
            failed += 1
            same(any(f in item["reason"] for f in faults), f"{tag}: failed: {item['reason']}")
            same(wanted is None or may_fail is None or may_fail(wanted.octets), f"{tag}: refused without need: {item['reason']}")
            continue
        if not same(item["status"] == "stored", f"{tag}: {item['status']}") or not same(wanted, f"{tag}: it is not in the source"):
            continue
        folder, uid = place_of(item)
        got = where.pop((target.name(folder), uid), None)
        if not same(got, f"{tag}: not on the server as {target.name(folder)!r}") or not same(
                (folder, uid) not in claimed, f"{tag}: two items at one place"):
            continue
        claimed.add((folder, uid))
        same(got.octets == wanted.octets, f"{tag}: {len(got.octets or b'')} octets, {len(wanted.octets)} in the source")
        equal(got.size, len(got.octets), f"{tag}: RFC822.SIZE")
        same(got.internaldate in (wanted.when if isinstance(wanted.when, range) else (wanted.when,)),
             f"{tag}: INTERNALDATE {got.internaldate}, wanted {wanted.when}")
        equal(sorted(map(unmangled, got.flags)), sorted(wanted.flags), f"{tag}: flags and keywords")
        if folders:
            equal([unescaped(n) for n in folder.split("/")], inboxed(wanted.folder), f"{tag}: folder")
    equal(len(where), extra, f"{what}: messages on the server that no item names, of {total}")
    equal(len(items), len(truth), f"{what}: items")
    return len(items) - failed, failed


def check_subscribed(what, target):
    """Every folder of the report is subscribed to."""
    there = target.subscribed()
    wanted = {target.name(f["target"]) for f in target.report()["folders"] if f["target"]} - {"INBOX"}
    equal(sorted(wanted - there), [], f"{what}: folders that are not subscribed")
    return len(wanted)


REASONS = ("NUL", "empty", "8-bit", "header")  # of refusals before anything is sent


def deserved(octets):
    """Whether a server would have refused the message or changed it."""
    head = re.split(rb"\r\n\r\n", octets, maxsplit=1)[0]
    lines = re.split(rb"\r\n(?![ \t])", head)
    return (b"\0" in octets or not octets.strip() or any(c > 127 for c in head) or not head.endswith(b"\r\n") and head == octets
            or any(not re.match(rb"[!-9;-~]+:", l) for l in lines))


def round_trip(what, target, sources, truth, key="id", again=False):
    target.convert(*sources, exits=(0, 1))
    stored, failed = compare(what, target, truth, key, faults=REASONS, may_fail=deserved)
    subscribed = check_subscribed(what, target)
    if again:
        target.convert(*sources, exits=(0, 1))
        same(not target.totals().get("stored"), f"{what}: a second run stored {target.totals()}")
        target.verify("--full")
    say(f"{what}: {stored} messages stored and compared, {failed} refused beforehand, {subscribed} folders")


def quiet(server, allowed=None):
    log = server.log()
    lines = [l for l in log.splitlines() if not (allowed and re.search(allowed, l))]
    same(not lines, f"{server.program}'s log speaks:\n" + judge.indent("\n".join(lines[:10])))


# ── Outlook stores of our own ──

def make_pst(folders):
    """A store with these folders: {"name", "role", "messages": [(subject, body, keywords)], "folders"}. Each message has a Message-ID
    that ends in its number, counted through the whole store; the path is returned."""
    count = itertools.count()

    def message(subject, body, keywords):
        n = next(count)
        head = (f"From: Ada Keeper <ada@harbour.example>\r\nTo: ben@lighthouse.example\r\nSubject: {subject}\r\n"
                f"Date: Mon, 4 Mar 2024 10:15:20 +0100\r\nMessage-ID: <pst.{n}@harbour.example>\r\n")
        named = [{"set": "PUBLIC_STRINGS", "name": "Keywords", "type": "0x101F", "value": list(keywords)}] if keywords else []
        return {"subject": subject, "headers": head, "received": "2024-03-04T09:15:25Z", "body": body, "named": named}

    def folder(f):
        return {k: v for k, v in f.items() if k in ("name", "role", "class")} | {
            "messages": [message(*m) for m in f.get("messages", ())], "folders": [folder(g) for g in f.get("folders", ())]}
    path = fresh("pst")
    judge.write(path + "/a.json", judge.json.dumps({"store": {"folders": [folder(f) for f in folders]}}).encode())
    program = os.environ.get("MAKE_PST") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/make_pst")
    done = subprocess.run([program, path + "/a.json", path + "/a.pst"], capture_output=True, check=False)
    same(done.returncode == 0, f"make_pst: {done.stderr[-300:]}")
    return path + "/a.pst"


def by_message_id(held):
    """{Message-ID: (folder, Message)} of what a server holds."""
    found = {}
    for name, messages_here in held.items():
        for m in messages_here:
            mid = re.search(rb"(?im)^message-id: *(<[^>\r\n]*>)", m.octets)
            found[mid.group(1).decode() if mid else (name, m.uid)] = (name, m)
    return found
