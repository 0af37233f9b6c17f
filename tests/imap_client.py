"""The independent client of the judges: what an IMAP server holds, asked through imaplib.

    held = download(server.port, "ada", "secret")          # {"Work/2019": [Message(uid, flags, …), …], …}
    counts = statuses(server.port, "ada", "secret")        # {"Work/2019": {"MESSAGES": 12, "UIDNEXT": 13, …}, …}
"""
import base64
import calendar
import collections
import imaplib
import re
import ssl
import time

Message = collections.namedtuple("Message", "uid flags internaldate size octets")
Mailbox = collections.namedtuple("Mailbox", "raw attributes separator")
imaplib._MAXLINE = 100_000_000  # BODYSTRUCTURE, SEARCH and LIST come on one line each
ITEMS = "UID FLAGS INTERNALDATE RFC822.SIZE"


def mutf7(name):
    """Modified UTF-7 of IMAP (RFC 3501 5.1.3) to text."""
    def part(m):
        return base64.b64decode(m.group(1).replace(",", "/") + "===").decode("utf-16-be") if m.group(1) else "&"
    return re.sub(r"&([^-]*)-", part, name)


def to_mutf7(text):
    """Text to modified UTF-7 of IMAP."""
    def part(m):
        if m.group() == "&":
            return "&-"
        return "&" + base64.b64encode(m.group().encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"
    return re.sub(r"&|[^\x20-\x7e]+", part, text)


def quoted(raw):
    """A mailbox name or another string as a quoted string."""
    return '"' + raw.replace("\\", "\\\\").replace('"', '\\"') + '"'


def internal(text):
    """INTERNALDATE to seconds since 1970."""
    m = re.match(r"\s*(\d+-\w+-\d+ [\d:]+) ([+-])(\d\d)(\d\d)", text)
    offset = (int(m.group(3)) * 60 + int(m.group(4))) * 60
    return calendar.timegm(time.strptime(m.group(1), "%d-%b-%Y %H:%M:%S")) - (offset if m.group(2) == "+" else -offset)


def connect(port, user=None, password=None, tls=False, ca_file=None, host="localhost", timeout=60):
    """An imaplib connection, logged in when a user is given; the certificate is checked when ca_file is given."""
    if tls or ca_file:
        context = ssl.create_default_context(cafile=ca_file)
        if not ca_file:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        imap = imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=timeout)
    else:
        imap = imaplib.IMAP4("127.0.0.1" if host == "localhost" else host, port, timeout=timeout)
    if user is not None:
        imap.login(quoted(user), password or "")  # which it quotes itself
    return imap


def mailboxes(imap, command="LIST"):
    """Every mailbox that can be selected: {decoded name: Mailbox(raw name, {attributes in lower case}, separator)}.
    command LSUB: the subscribed ones."""
    found = {}
    for line in (imap.list() if command == "LIST" else imap.lsub())[1]:
        head, literal = (line[0], line[1]) if isinstance(line, tuple) else (line or b"", None)
        m = re.match(rb'\(([^)]*)\) ("(?:[^"\\]|\\.)*"|NIL) (.*)$', head, re.S)
        if not m:  # None of nothing found, or the rest of a line with a literal
            continue
        raw = (m.group(3) if literal is None else literal).decode()
        if literal is None and raw.startswith('"'):
            raw = re.sub(r"\\(.)", r"\1", raw[1:-1])
        separator = None if m.group(2) == b"NIL" else re.sub(r"\\(.)", r"\1", m.group(2).decode()[1:-1])
        found[mutf7(raw)] = Mailbox(raw, set(m.group(1).decode().lower().split()), separator)
    if command == "LIST":
        found = {n: box for n, box in found.items() if not box.attributes & {"\\noselect", "\\nonexistent"}}
    return found


def listed(imap):
    """Decoded name → raw name of every mailbox that can be selected."""
    return {name: box.raw for name, box in mailboxes(imap).items()}


def responses(data):
    """One (text, literals) a FETCH response; imaplib gives a literal as the second of a pair, what follows it apart."""
    text, literals = b"", []
    for part in data:
        if isinstance(part, tuple):
            text += part[0]
            literals.append(part[1])
            continue
        text += part or b""
        if text:
            yield text, literals
        text, literals = b"", []


def messages(imap, raw, bodies=True):
    """The messages of one mailbox in the order of their UIDs; octets is None without bodies."""
    ok, data = imap.select(quoted(raw), readonly=True)
    if ok != "OK":
        raise imaplib.IMAP4.error(f"EXAMINE {raw}: {data}")
    if not int(data[0]):
        return []
    ok, data = imap.uid("FETCH", "1:*", f"({ITEMS} BODY.PEEK[])" if bodies else f"({ITEMS})")
    if ok != "OK":
        raise imaplib.IMAP4.error(f"FETCH of {raw}: {data}")
    found = {}
    for text, literals in responses(data):
        uid, date = re.search(rb"\bUID (\d+)", text), re.search(rb'\bINTERNALDATE "([^"]*)"', text)
        if not uid or not date:  # a change of flags that nobody asked for
            continue
        octets = (literals[0] if literals else b"") if bodies else None
        if bodies and not literals:
            short = re.search(rb'BODY\[\] "((?:[^"\\]|\\.)*)"', text, re.S)  # a server may quote a small body
            octets = re.sub(rb"\\(.)", rb"\1", short.group(1)) if short else b""
        flags = frozenset(re.search(rb"\bFLAGS \(([^)]*)\)", text).group(1).decode().split()) - {"\\Recent"}
        size = int(re.search(rb"\bRFC822\.SIZE (\d+)", text).group(1))
        found[int(uid.group(1))] = Message(int(uid.group(1)), flags, internal(date.group(1).decode()), size, octets)
    return [found[uid] for uid in sorted(found)]


def download(port, user, password, folders=None, bodies=True, **how):
    """Everything a user has: {folder name: [Message, …]}. folders: only these (decoded names); how: see connect()."""
    imap = connect(port, user, password, **how)
    try:
        return {name: messages(imap, raw, bodies) for name, raw in listed(imap).items()
                if folders is None or name in folders}
    finally:
        imap.logout()


def statuses(port, user, password, items="MESSAGES UIDNEXT UIDVALIDITY UNSEEN", **how):
    """STATUS of every folder: {folder name: {item: number}}."""
    imap = connect(port, user, password, **how)
    try:
        found = {}
        for name, raw in listed(imap).items():
            data = imap.status(quoted(raw), f"({items})")[1]
            text = b"".join(b"".join(d) if isinstance(d, tuple) else d for d in data)
            found[name] = {k.decode(): int(v) for k, v in re.findall(rb"([A-Z]+) (\d+)", text[text.rindex(b"("):])}
        return found
    finally:
        imap.logout()
