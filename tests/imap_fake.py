"""A scripted IMAP server, for what real servers do not show on demand. It keeps its mail in memory and every command it was given.

    def hook(command):                                     # before each command; command.number counts those of its name
        if command.name == "APPEND" and command.number == 7:
            return Drop()                                  # stored, and the connection is gone before the answer
    server = FakeServer(hook=hook)                         # or FakeServer.gmail(), .exchange(), .yahoo(), .trapping()
    ...upload to 127.0.0.1:server.port as server.user with server.password...
    held = server.held()                                   # {folder: [Message, …]}, as imap_client.download() says it
    names = [c.name for c in server.commands]

A hook returns None (go on), "NO …" or "BAD …" (the tagged answer, nothing is done), or one of Delay, Bye, Drop.
What `capability` does not name is refused. Mailboxes are named in decoded text.
"""
import atexit
import base64
import binascii
import calendar
import collections
import email.parser
import email.utils
import json
import os
import re
import socket
import struct
import threading
import time
import zlib

from imap_client import Message, internal, mutf7, to_mutf7

Delay = collections.namedtuple("Delay", "seconds")  # wait, then do it
Bye = collections.namedtuple("Bye", "text", defaults=["Go away"])  # * BYE text, and close; nothing is done
Drop = collections.namedtuple("Drop", "execute", defaults=[True])  # do it (or not), and close without an answer

SYSTEM = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
CAPABILITY = ("IMAP4rev1 SASL-IR ID ENABLE LITERAL+ MULTIAPPEND UIDPLUS NAMESPACE UNSELECT SPECIAL-USE CREATE-SPECIAL-USE "
              "COMPRESS=DEFLATE UTF8=ACCEPT")
GMAIL = ("IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 UIDPLUS COMPRESS=DEFLATE ENABLE MOVE CONDSTORE "
         "ESEARCH UTF8=ACCEPT LIST-EXTENDED LIST-STATUS LITERAL- SPECIAL-USE APPENDLIMIT=35651584 SASL-IR")
GMAIL_FOLDERS = {"[Gmail]/All Mail": "\\All", "[Gmail]/Drafts": "\\Drafts", "[Gmail]/Sent Mail": "\\Sent", "[Gmail]/Spam": "\\Junk",
                 "[Gmail]/Starred": "\\Flagged", "[Gmail]/Trash": "\\Trash"}
EXCHANGE = "IMAP4 IMAP4rev1 SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+"
EARLY = ("CAPABILITY", "NOOP", "LOGOUT", "ID", "LOGIN", "AUTHENTICATE", "STARTTLS")  # commands without a login
DATE = re.compile(r"[ \d]\d-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-\d{4} \d\d:\d\d:\d\d [+-]\d{4}")
FLAG = re.compile(r"\\?[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")
LITERAL = re.compile(rb"(~?)\{(\d+)([+-]?)\}$")
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


class Command:
    """One command as it came: at (time.monotonic()), session, tag, name (with UID before it), line (without the octets of
    literals), literals (their sizes), number among those of its name, from_body, and the answer it got."""
    def __init__(self, session, line, from_body):
        self.at, self.session, self.from_body = time.monotonic(), session.number, from_body
        words = line.split(b" ", 3)
        self.tag = words[0].decode("latin-1")
        self.name = (words[1] if len(words) > 1 else b"").decode("latin-1").upper()
        self.rest = b" ".join(words[2:])
        if self.name == "UID" and len(words) > 2:
            self.name += " " + words[2].decode("latin-1").upper()
            self.rest = b" ".join(words[3:])
        self.line, self.literals, self.number, self.answer = line, [], 0, None
        self.parts = [self.rest]

    def __repr__(self):
        return f"<{self.session}: {self.line!r} → {self.answer}>"


class Folder:
    def __init__(self, name, uidvalidity, special=None):
        self.name, self.uidvalidity, self.special = name, uidvalidity, special
        self.uidnext, self.messages, self.subscribed = 1, [], False

    def add(self, octets, flags=(), internaldate=None):
        """Put a message in, as another client would; returns it."""
        stored = Stored(self.uidnext, set(flags), int(time.time()) if internaldate is None else internaldate, octets)
        self.uidnext += 1
        self.messages.append(stored)
        return stored

    def renumber(self):
        """A new UIDVALIDITY and new UIDs, as after the loss of an index."""
        self.uidvalidity, self.uidnext = self.uidvalidity + 1000, len(self.messages) + 1
        for i, stored in enumerate(self.messages):
            stored.uid = i + 1


class Stored:
    def __init__(self, uid, flags, internaldate, octets):
        self.uid, self.flags, self.internaldate, self.octets, self.labels = uid, flags, internaldate, octets, set()


class Refused(Exception):
    """A tagged NO or BAD."""


class Gone(Exception):
    """The connection is over."""


# ── parsing ──

class Text(bytes):
    """A quoted string or a literal; atoms are str."""


class Utf8(Text):
    """The literal of APPEND … UTF8 (~{n})."""


def parse(parts):
    """Parts (octets of lines and Text of literals, in turns) to nested lists of str (atoms), Text and lists."""
    stack, glued = [[]], False
    for part in parts:
        if isinstance(part, Text):
            stack[-1].append(part)
            continue
        at = 0
        while at < len(part):
            c = part[at:at + 1]
            if c == b" ":
                at += 1
            elif c == b"(":
                stack.append([])
                at += 1
            elif c == b")":
                if len(stack) == 1:
                    raise Refused("BAD Unexpected ')'")
                done = stack.pop()
                stack[-1].append(done)
                at += 1
            elif c == b'"':
                m = re.compile(rb'"((?:[^"\\\r\n]|\\["\\])*)"').match(part, at)
                if not m:
                    raise Refused("BAD Missing '\"'")
                stack[-1].append(Text(re.sub(rb"\\(.)", rb"\1", m.group(1))))
                at = m.end()
            else:
                m = re.compile(rb"(?:[^ ()\"\[\x00-\x1f\x7f]|\[[^\]]*\])+").match(part, at)
                if not m:
                    raise Refused("BAD Invalid characters in atom")
                stack[-1].append(m.group().decode("latin-1"))
                at = m.end()
    if len(stack) > 1:
        raise Refused("BAD Missing ')'")
    return stack[0]


def text(value):
    """An atom or a string as str."""
    if isinstance(value, list) or value is None:
        raise Refused("BAD A string is wanted")
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")


def number(value):
    if not re.fullmatch(r"\d+", text(value)):
        raise Refused("BAD A number is wanted")
    return int(text(value))


def numbers(sequence, last):
    """A set of sequence numbers or UIDs as a test of membership."""
    if not re.fullmatch(r"(\d+|\*)(:(\d+|\*))?(,(\d+|\*)(:(\d+|\*))?)*", sequence):
        raise Refused("BAD Invalid set")
    ranges = []
    for part in sequence.split(","):
        ends = sorted(last if e == "*" else int(e) for e in (part.split(":") * 2)[:2])
        ranges.append(ends)
    return lambda n: any(low <= n <= high for low, high in ranges)


def flags_of(value):
    """A list of flags as an APPEND or a STORE may have it."""
    values = value if isinstance(value, list) else [value]
    for flag in values:
        if not isinstance(flag, str) or not FLAG.fullmatch(flag):
            raise Refused(f"BAD Invalid flag {flag!r}")
        if flag.startswith("\\") and flag.title() not in SYSTEM:
            raise Refused(f"BAD Invalid system flag {flag}")
    return {f.title() if f.startswith("\\") else f for f in values}


def date_of(value):
    if not DATE.fullmatch(text(value)):
        raise Refused("BAD Invalid date-time in Append command")
    return internal(text(value))


def date_text(seconds):
    t = time.gmtime(seconds)
    return f"{t.tm_mday:2d}-{MONTHS[t.tm_mon - 1]}-{t.tm_year:04d} {t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} +0000"


def string(value):
    """A string as the server sends it."""
    if value is None:
        return b"NIL"
    value = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    if re.fullmatch(rb"[\x20\x21\x23-\x5b\x5d-\x7e]{0,500}", value):
        return b'"' + value + b'"'
    return b"{%d}\r\n" % len(value) + value


def envelope(octets):
    """ENVELOPE (RFC 3501 7.4.2)."""
    headers = email.parser.BytesHeaderParser().parsebytes(octets)

    def raw(name):
        value = headers.get(name)
        return None if value is None else re.sub(r"\r?\n", "", str(value))

    def addresses(name):
        people = [p for p in email.utils.getaddresses([raw(name) or ""]) if p[1]]
        people = [(n or None, *(a.rsplit("@", 1) if "@" in a else (a, ""))) for n, a in people]
        one = [b"(%s NIL %s %s)" % tuple(map(string, person)) for person in people]
        return b"(" + b"".join(one) + b")" if one else b"NIL"
    who = [addresses(n) if headers.get(n) else addresses("From") for n in ("From", "Sender", "Reply-To")]
    who += [addresses(n) for n in ("To", "Cc", "Bcc")]
    return b"(" + b" ".join([string(raw("Date")), string(raw("Subject")), *who, string(raw("In-Reply-To")),
                             string(raw("Message-ID"))]) + b")"


# ── one connection ──

class Session:
    """A connection, in a thread of its own."""
    def __init__(self, server, sock, number, tls):
        self.server, self.sock, self.number, self.secure = server, sock, number, tls
        self.pending, self.out = bytearray(), bytearray()
        self.inflate = self.deflate = None
        self.user, self.folder, self.shown, self.read_only = None, None, 0, False
        self.utf8 = False
        self.poisoned = 0  # octets at the front of what is pending that came as a literal's

    # transport

    def fill(self):
        self.flush()
        data = self.sock.recv(1 << 18)
        if not data:
            raise Gone
        self.pending += self.inflate.decompress(data) if self.inflate else data

    def take(self, n):
        data = bytes(self.pending[:n])
        del self.pending[:n]
        self.poisoned = max(0, self.poisoned - n)
        return data

    def line(self):
        start = 0
        while (end := self.pending.find(b"\n", start)) < 0:
            start = len(self.pending)
            if start > 1 << 20:
                raise Gone
            self.fill()
        return self.take(end + 1).rstrip(b"\r\n")

    def octets(self, n):
        while len(self.pending) < n:
            self.fill()
        return self.take(n)

    def send(self, *parts):
        for part in parts:
            self.out += part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        self.out += b"\r\n"

    def flush(self):
        if self.out:
            data, self.out = bytes(self.out), bytearray()
            if self.deflate:
                data = self.deflate.compress(data) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
            self.sock.sendall(data)

    # the loop

    def serve(self):
        try:
            self.send("* OK [CAPABILITY ", self.capability(), "] ready")
            while True:
                self.one()
        except (Gone, OSError, ValueError, zlib.error):
            pass
        finally:
            try:
                self.flush()
                self.sock.shutdown(socket.SHUT_RDWR)
            except (OSError, ValueError):
                pass
            self.sock.close()

    def one(self):
        """One command, from its line to its answer."""
        while not self.pending:
            self.fill()
        from_body = self.poisoned > 0
        command = Command(self, self.line(), from_body)
        if not command.tag:
            return  # an empty line
        with self.server.lock:
            self.server.commands.append(command)
            command.number = self.server.counts[command.name] = self.server.counts[command.name] + 1
        try:
            if not self.read_literals(command):
                return
            self.obey(command)
        except Refused as e:
            self.tagged(command, str(e))

    def tagged(self, command, answer):
        if self.folder and self.folder.messages is not None and len(self.folder.messages) != self.shown:
            self.shown = len(self.folder.messages)
            self.send(f"* {self.shown} EXISTS")
        command.answer = answer
        self.send(command.tag, " ", answer)

    def read_literals(self, command):
        """What follows the first line; False when the command was refused over it, and answered."""
        line = command.rest
        while m := LITERAL.search(line):
            size, waits = int(m.group(2)), not m.group(3)
            command.parts[-1] = line[:m.start()].removesuffix(b"UTF8 (") if m.group(1) else line[:m.start()]
            refusal = self.early(command, size, waits)
            if refusal and waits:
                self.tagged(command, refusal)
                return False
            if not waits and not self.may_not_wait(size):
                self.tagged(command, "BAD Non-synchronizing literals are not taken here")
                self.send("* BYE The literal would be commands")
                raise Gone
            if refusal and self.server.trap and refusal.startswith("BAD"):
                self.poisoned = size  # as Dovecot does: the octets of the literal come next, as commands
                self.tagged(command, refusal)
                return False
            if waits:
                self.send("+ OK")
            octets = self.octets(size)
            command.literals.append(size)
            command.parts.append((Utf8 if m.group(1) else Text)(octets))
            line = self.line()
            command.line += b"\r\n" + line
            if m.group(1):
                line = line.removeprefix(b")")
            command.parts.append(line)
            command.refusal = getattr(command, "refusal", None) or refusal
        if getattr(command, "refusal", None):
            raise Refused(command.refusal)
        return True

    def may_not_wait(self, size):
        return self.server.has("LITERAL+") or (self.server.has("LITERAL-") and size <= 4096)

    def early(self, command, size, waits):
        """What an APPEND is refused for before its literal is read; None: nothing."""
        if command.name != "APPEND":
            return None
        try:
            words = parse([p for p in command.parts if not isinstance(p, Text)])
            if self.user is None:
                raise Refused("BAD Log in first")
            after = [p for p in command.parts if isinstance(p, bytes)][-1] if len(command.parts) > 1 else None
            words = words[1:] if after is None else parse([after])
            for word in words:
                (flags_of if isinstance(word, list) else date_of)(word)
            with self.server.lock:
                self.find(parse(command.parts)[0])
            self.server.check_size(size)
        except Refused as e:
            return str(e)
        except IndexError:
            return None
        return None

    def obey(self, command):
        """Ask the hook, do it, answer."""
        wish = self.server.ask(self.server.hook, command)
        if isinstance(wish, str):
            raise Refused(wish)
        if isinstance(wish, Drop) and not wish.execute:
            raise Gone
        if command.name == "APPEND":
            command.messages, wish = self.appended(command, wish)
        method = getattr(self, "do_" + command.name.lower().replace(" ", "_"), None)
        if not method:
            raise Refused(f"BAD Unknown command {command.name}")
        if self.user is None and command.name not in EARLY:
            raise Refused("BAD Log in first")
        if command.name in ("AUTHENTICATE", "STARTTLS", "COMPRESS", "LOGOUT", "IDLE"):  # they talk, or wait
            method(command)
            return
        with self.server.lock:
            before = len(self.out)
            answer = method(command)
            if isinstance(wish, Drop):
                command.answer = f"(dropped) {answer}"
                del self.out[before:]
                raise Gone
            self.tagged(command, answer or f"OK {command.name} completed")

    def bye(self, wish):
        self.send("* BYE ", wish.text)
        raise Gone

    # logging in

    def capability(self):
        if self.user is not None:
            return " ".join(self.server.capability)
        early = [c for c in self.server.capability if c in ("IMAP4", "IMAP4rev1", "SASL-IR", "ID", "LITERAL+", "LITERAL-", "ENABLE")]
        if self.server.tls and not self.secure:
            early.append("STARTTLS")
        return " ".join(early + ["AUTH=" + a for a in self.server.auth] + ["LOGINDISABLED"] * (not self.server.login))

    def enter(self, command, user):
        self.user = user
        self.tagged(command, f"OK [CAPABILITY {self.capability()}] Logged in")

    def do_login(self, command):
        words = parse(command.parts)
        if len(words) != 2:
            raise Refused("BAD LOGIN user password")
        user, password = map(text, words)
        if not self.server.login or self.server.users.get(user) != password:
            raise Refused("NO [AUTHENTICATIONFAILED] Authentication failed.")
        self.user = user
        return f"OK [CAPABILITY {self.capability()}] Logged in"

    def do_authenticate(self, command):
        words = [text(w) for w in parse(command.parts)]
        mechanism = words[0].upper() if words else ""
        if mechanism not in self.server.auth:
            raise Refused("NO [CANNOT] Unsupported authentication mechanism.")
        if len(words) > 1 and self.server.has("SASL-IR"):
            first = b"" if words[1] == "=" else self.unbase64(words[1])
        else:
            first = self.challenge(b"")
        if mechanism == "PLAIN":
            parts = first.split(b"\0")
            parts = [part.decode("utf-8", "replace") for part in parts]
            if len(parts) != 3 or self.server.users.get(parts[1]) != parts[2]:
                raise Refused("NO [AUTHENTICATIONFAILED] Authentication failed.")
            return self.enter(command, parts[1])
        m = re.search(rb"(?:^user=|a=)([^\x01,]*)", first)
        token = re.search(rb"\x01auth=Bearer ([^\x01]*)\x01\x01$", first)
        if m and token and self.server.use(token.group(1).decode("latin-1")):
            return self.enter(command, m.group(1).decode())
        self.challenge(json.dumps({"status": "400", "schemes": "Bearer", "scope": "https://mail.example/"}).encode())
        raise Refused("NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)")

    @staticmethod
    def unbase64(value):
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error:
            raise Refused("BAD Invalid base64") from None

    def challenge(self, octets):
        self.send("+ ", base64.b64encode(octets))
        answer = self.line()
        if answer == b"*":
            raise Refused("BAD Authentication cancelled")
        return self.unbase64(answer)

    def do_starttls(self, command):
        if not self.server.tls or self.secure:
            raise Refused("BAD TLS is not to be had")
        self.tagged(command, "OK Begin TLS negotiation now.")
        self.flush()
        self.pending.clear()
        self.sock = self.server.tls.context().wrap_socket(self.sock, server_side=True)
        self.secure = True

    def do_compress(self, command):
        if not self.server.has("COMPRESS=DEFLATE") or text((parse(command.parts) + [""])[0]).upper() != "DEFLATE" or self.deflate:
            raise Refused("BAD Not compressed")
        self.tagged(command, "OK Begin compression.")
        self.flush()
        self.deflate, self.inflate = zlib.compressobj(1, zlib.DEFLATED, -15), zlib.decompressobj(-15)
        if self.pending:
            self.pending = bytearray(self.inflate.decompress(bytes(self.pending)))

    def do_logout(self, command):
        self.send("* BYE Logging out")
        self.tagged(command, "OK Logout completed.")
        raise Gone

    def do_idle(self, command):
        self.send("+ idling")
        self.line()
        self.tagged(command, "OK Idle completed.")

    # small ones

    def do_capability(self, command):
        self.send("* CAPABILITY ", self.capability())

    def do_noop(self, command):
        pass

    do_check = do_noop

    def do_id(self, command):
        self.need("ID")
        self.send('* ID ("name" "fake")')

    def do_enable(self, command):
        self.need("ENABLE")
        enabled = [text(w).upper() for w in parse(command.parts) if self.server.has(text(w).upper())]
        self.utf8 |= "UTF8=ACCEPT" in enabled
        self.send("* ENABLED", *(" " + e for e in enabled))

    def need(self, capability):
        if not self.server.has(capability):
            raise Refused(f"BAD There is no {capability} here")

    # mailboxes

    def name(self, value):
        """A mailbox name from the wire as text."""
        octets = text(value)
        if self.utf8:
            name = octets
        elif octets.isascii():
            try:
                name = mutf7(octets)
            except (UnicodeDecodeError, binascii.Error):
                raise Refused("NO [CANNOT] Invalid modified UTF-7 in the mailbox name") from None
            if to_mutf7(name) != octets:
                raise Refused("NO [CANNOT] Invalid modified UTF-7 in the mailbox name")
        else:
            raise Refused("NO [CANNOT] Mailbox name is not valid mUTF-7")
        return "INBOX" + name[5:] if (name.upper() + self.server.separator).startswith("INBOX" + self.server.separator) else name

    def wire(self, name):
        return string(name if self.utf8 else to_mutf7(name))

    def find(self, value, code="[TRYCREATE] "):
        name = self.name(value)
        if name not in self.server.folders:
            raise Refused(f"NO {code}Mailbox doesn't exist: {to_mutf7(name)}")
        return self.server.folders[name]

    def do_namespace(self, command):
        self.need("NAMESPACE")
        self.send("* NAMESPACE ((", string(self.server.prefix), " ", string(self.server.separator), ")) NIL NIL")

    def names(self, reference, pattern, folders):
        spec = re.escape(reference + pattern).replace(r"\*", ".*").replace("%", "[^" + re.escape(self.server.separator) + "]*")
        return [f for f in folders if re.fullmatch(spec, f, re.S)]

    def do_list(self, command):
        words = parse(command.parts)
        only_special = False
        if words and isinstance(words[0], list):  # LIST (SPECIAL-USE) "" "*"
            only_special = "SPECIAL-USE" in [text(w).upper() for w in words.pop(0)]
        if len(words) < 2:
            raise Refused("BAD LIST reference pattern")
        separator = string(self.server.separator)
        patterns = words[1] if isinstance(words[1], list) else [words[1]]
        if not any(map(text, patterns)):
            self.send(rb"* LIST (\Noselect) ", separator, b' ""')
        folders = self.server.folders
        for pattern in patterns:
            pattern = text(pattern) if self.utf8 else mutf7(text(pattern))
            for name in self.names(text(words[0]), pattern, sorted(folders)):
                below = any(f.startswith(name + self.server.separator) for f in folders)
                special = folders[name].special if self.server.has("SPECIAL-USE") else None
                if special or not only_special:
                    attributes = [special or "", "\\HasChildren" if below else "\\HasNoChildren"]
                    self.send("* LIST (", " ".join(filter(None, attributes)), ") ", separator, " ", self.wire(name))

    def do_lsub(self, command):
        words = parse(command.parts)
        subscribed = [n for n, f in sorted(self.server.folders.items()) if f.subscribed]
        for name in self.names(text(words[0]), mutf7(text(words[1])), subscribed):
            self.send("* LSUB () ", string(self.server.separator), " ", self.wire(name))

    def do_create(self, command):
        words = parse(command.parts)
        name = self.name(words[0]).removesuffix(self.server.separator)
        if name in self.server.folders:
            raise Refused("NO [ALREADYEXISTS] Mailbox already exists")
        parts = name.split(self.server.separator)
        if not all(parts) or not name.startswith(self.server.prefix) or "\0" in name:
            raise Refused("NO [CANNOT] Invalid mailbox name")
        special = None
        if len(words) > 1:
            self.need("CREATE-SPECIAL-USE")
            special = text(words[1][1][0])
            if any(f.special == special for f in self.server.folders.values()):
                raise Refused("NO [USEATTR] There is one already")
        if parts[0] in self.server.reserved:
            raise Refused(f"NO [CANNOT] {name} is reserved")
        for depth in range(1, len(parts)):
            self.server.folder(self.server.separator.join(parts[:depth]))
        self.server.folder(name).special = special

    def do_delete(self, command):
        del self.server.folders[self.find(parse(command.parts)[0], "[NONEXISTENT] ").name]

    def do_subscribe(self, command):
        self.find(parse(command.parts)[0], "").subscribed = True

    def do_unsubscribe(self, command):
        self.find(parse(command.parts)[0], "").subscribed = False

    def do_select(self, command, read_only=False):
        folder = self.folder = self.find(parse(command.parts)[0], "[NONEXISTENT] ")
        self.shown, self.read_only = len(folder.messages), read_only
        keywords = {f for m in folder.messages for f in m.flags if not f.startswith("\\")}
        self.send("* FLAGS (", " ".join([*SYSTEM, *sorted(keywords)]), ")")
        self.send("* OK [PERMANENTFLAGS (", " ".join(() if read_only else self.server.permanent), ")] Flags permitted.")
        self.send(f"* {self.shown} EXISTS")
        self.send("* 0 RECENT")
        self.send(f"* OK [UIDVALIDITY {folder.uidvalidity}] UIDs valid")
        self.send(f"* OK [UIDNEXT {folder.uidnext}] Predicted next UID")
        return f"OK [READ-{'ONLY' if read_only else 'WRITE'}] {command.name} completed."

    def do_examine(self, command):
        return self.do_select(command, True)

    def do_close(self, command):
        if self.folder and not self.read_only:
            self.folder.messages[:] = [m for m in self.folder.messages if "\\Deleted" not in m.flags]
        self.folder = None

    def do_unselect(self, command):
        self.need("UNSELECT")
        self.folder = None

    def do_status(self, command):
        name, items = parse(command.parts)
        folder = self.find(name, "[NONEXISTENT] ")
        values = {"MESSAGES": len(folder.messages), "RECENT": 0, "UIDNEXT": folder.uidnext, "UIDVALIDITY": folder.uidvalidity,
                  "UNSEEN": sum("\\Seen" not in m.flags for m in folder.messages), "SIZE": sum(len(m.octets) for m in folder.messages)}
        unknown = [i for i in map(str.upper, map(text, items)) if i not in values]
        if unknown:
            raise Refused(f"BAD STATUS of {unknown}")
        shown = " ".join(f"{i} {values[i]}" for i in map(str.upper, map(text, items)))
        self.send("* STATUS ", self.wire(folder.name), " (", shown, ")")

    def do_getquotaroot(self, command):
        self.need("QUOTA")
        self.send("* QUOTAROOT ", self.wire(self.find(parse(command.parts)[0]).name), ' ""')
        self.do_getquota(command)

    def do_getquota(self, command):
        self.need("QUOTA")
        if self.server.quota is not None:
            self.send(f'* QUOTA "" (STORAGE {self.server.used() // 1024} {self.server.quota // 1024})')

    # messages

    def appended(self, command, wish):
        """The messages of an APPEND, each past its own hook: ([(flags, date, octets)], what is to be done)."""
        words, found = parse(command.parts)[1:], []
        while words:
            flags, date, literal = set(), None, None
            if isinstance(words[0], list):
                flags = flags_of(words.pop(0))
            if len(words) > 1 and not isinstance(words[1], list) and DATE.fullmatch(text(words[0])):
                date = date_of(words.pop(0))
            if words and isinstance(words[0], Text):
                literal = words.pop(0)
            if literal is None:
                raise Refused("BAD APPEND mailbox [flags] [date] literal")
            if isinstance(literal, Utf8) and not self.utf8:
                raise Refused("BAD ENABLE UTF8=ACCEPT first")
            found.append((flags, date, bytes(literal)))
        if not found or (len(found) > 1 and not self.server.has("MULTIAPPEND")):
            raise Refused("BAD One message is wanted")
        name = self.name(parse(command.parts)[0])
        for flags, date, octets in found:
            self.server.offered += 1
            for hook in self.server.append_hooks:
                said = self.server.ask(hook, Offered(self.server.offered, name, flags, date, octets), self)
                if isinstance(said, str):
                    raise Refused(said)
                if isinstance(said, Drop) and not said.execute:
                    raise Gone
                wish = said or wish
        return found, wish

    def do_append(self, command):
        folder = self.find(parse(command.parts)[0])
        for _, _, octets in command.messages:
            self.server.check_size(len(octets))
        if self.server.quota is not None and self.server.used() + sum(len(m[2]) for m in command.messages) > self.server.quota:
            raise Refused("NO [OVERQUOTA] Quota exceeded")
        uids = [folder.add(octets, self.kept(flags), date).uid for flags, date, octets in command.messages]
        if not self.server.has("UIDPLUS"):
            return "OK Append completed."
        last = f":{uids[-1]}" if len(uids) > 1 else ""
        return f"OK [APPENDUID {folder.uidvalidity} {uids[0]}{last}] Append completed."

    def kept(self, flags):
        """Those that PERMANENTFLAGS lets in; the others vanish without a word, as servers do."""
        return flags if "\\*" in self.server.permanent else {f for f in flags if f in self.server.permanent}

    def chosen(self, sequence, by_uid):
        """[(sequence number, message)] of a set in the selected mailbox."""
        if not self.folder:
            raise Refused("BAD No mailbox selected")
        held = self.folder.messages
        inside = numbers(text(sequence), (held[-1].uid if held else 0) if by_uid else len(held))
        return [(i, m) for i, m in enumerate(held, 1) if inside(m.uid if by_uid else i)]

    def do_fetch(self, command, by_uid=False):
        words = parse(command.parts)
        if len(words) != 2:
            raise Refused("BAD FETCH set items")
        items = words[1] if isinstance(words[1], list) else [words[1]]
        items = [i for item in items for i in {"ALL": ["FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"],
                                               "FAST": ["FLAGS", "INTERNALDATE", "RFC822.SIZE"]}.get(text(item).upper(), [text(item)])]
        if by_uid and "UID" not in map(str.upper, items):
            items.insert(0, "UID")
        for i, message in self.chosen(words[0], by_uid):
            self.send(f"* {i} FETCH (", b" ".join(self.item(message, item) for item in items), ")")

    def item(self, m, item):
        name = item.upper()
        if name == "X-GM-LABELS":
            return b"X-GM-LABELS (" + b" ".join(string(to_mutf7(label)) for label in sorted(m.labels)) + b")"
        simple = {"UID": lambda: b"%d" % m.uid, "FLAGS": lambda: b"(" + " ".join(sorted(m.flags)).encode() + b")",
                  "INTERNALDATE": lambda: string(date_text(m.internaldate)), "RFC822.SIZE": lambda: b"%d" % len(m.octets),
                  "ENVELOPE": lambda: envelope(m.octets), "X-GM-MSGID": lambda: b"%d" % (1 << 60 | m.uid)}
        if name in simple:
            return name.encode() + b" " + simple[name]()
        part = re.fullmatch(r"BODY(\.PEEK)?\[(.*)\](?:<(\d+)\.(\d+)>)?", name, re.S)
        if not part:
            raise Refused(f"BAD Cannot fetch {item}")
        end = re.search(rb"(?:\A|\n)\r?\n", m.octets)
        head, body = (m.octets[:end.end()], m.octets[end.end():]) if end else (m.octets, b"")
        fields = re.fullmatch(r"HEADER\.FIELDS \((.*)\)", part.group(2))
        if fields:
            wanted = {f.strip('"').encode().lower() for f in fields.group(1).split()}
            lines = re.findall(rb"[^\r\n][^\n]*\n(?:[ \t][^\n]*\n)*", head)
            octets = b"".join(l for l in lines if l.split(b":")[0].strip().lower() in wanted) + b"\r\n"
        else:
            octets = {"": m.octets, "HEADER": head, "TEXT": body}.get(part.group(2))
            if octets is None:
                raise Refused(f"BAD Cannot fetch {item}")
        where = ""
        if part.group(3) is not None:
            octets, where = octets[int(part.group(3)):][:int(part.group(4))], f"<{part.group(3)}>"
        if not part.group(1) and not self.read_only:
            m.flags.add("\\Seen")
        return f"BODY[{part.group(2)}]{where} {{{len(octets)}}}\r\n".encode() + octets

    def do_uid_fetch(self, command):
        self.do_fetch(command, True)

    def do_search(self, command, by_uid=False):
        words = parse(command.parts)
        if words and words[0] == "CHARSET":
            words = words[2:]
        held = self.chosen("1:*", False) if self.folder and self.folder.messages else []
        if not self.folder:
            raise Refused("BAD No mailbox selected")
        tests = []
        while words:
            tests.append(self.criterion(words))
        self.send("* SEARCH", *(f" {m.uid if by_uid else i}" for i, m in held if all(t(i, m) for t in tests)))

    def do_uid_search(self, command):
        self.do_search(command, True)

    def criterion(self, words):
        """One search key from the front of words, as a test of (sequence number, message)."""
        key = words.pop(0)
        if isinstance(key, list):
            tests = []
            while key:
                tests.append(self.criterion(key))
            return lambda i, m: all(t(i, m) for t in tests)
        key = text(key).upper()
        held = self.folder.messages
        if key[0].isdigit() or key[0] == "*":
            inside = numbers(key, len(held))
            return lambda i, m: inside(i)
        state = key.removeprefix("UN")
        if state in ("SEEN", "ANSWERED", "FLAGGED", "DELETED", "DRAFT"):
            return lambda i, m: ("\\" + state.title() in m.flags) != (key != state)
        if key in ("ALL", "OLD"):
            return lambda i, m: True
        if key in ("NEW", "RECENT"):
            return lambda i, m: False
        if key in ("NOT", "OR"):
            tests = [self.criterion(words) for _ in range(1 + (key == "OR"))]
            return (lambda i, m: not tests[0](i, m)) if key == "NOT" else lambda i, m: any(t(i, m) for t in tests)
        if not words:
            raise Refused(f"BAD Search key {key}")
        value = text(words.pop(0))
        if key == "UID":
            inside = numbers(value, held[-1].uid if held else 0)
            return lambda i, m: inside(m.uid)
        if key in ("LARGER", "SMALLER"):
            size = number(value)
            return lambda i, m: len(m.octets) > size if key == "LARGER" else len(m.octets) < size
        if key in ("KEYWORD", "UNKEYWORD"):
            return lambda i, m: (value in m.flags) == (key == "KEYWORD")
        if key in ("SINCE", "BEFORE", "ON"):
            day = calendar.timegm(time.strptime(value.strip('"'), "%d-%b-%Y"))
            return lambda i, m: {"SINCE": m.internaldate >= day, "BEFORE": m.internaldate < day,
                                 "ON": day <= m.internaldate < day + 86400}[key]
        if key in ("HEADER", "SUBJECT", "FROM", "TO", "CC"):
            field, value = (value, text(words.pop(0))) if key == "HEADER" else (key, value)
            return lambda i, m: value.lower() in str(email.parser.BytesHeaderParser().parsebytes(m.octets).get(field, "")).lower()
        if key in ("TEXT", "BODY"):
            return lambda i, m: value.lower().encode() in m.octets.lower()
        raise Refused(f"BAD Unknown search key {key}")

    def do_store(self, command, by_uid=False):
        words = parse(command.parts)
        if len(words) < 3 or self.read_only:
            raise Refused("BAD STORE set item value" if len(words) < 3 else "NO [READ-ONLY] The mailbox was examined")
        m = re.fullmatch(r"([+-]?)(FLAGS|X-GM-LABELS)(\.SILENT)?", text(words[1]).upper())
        if not m:
            raise Refused("BAD STORE of " + text(words[1]))
        value = words[2] if isinstance(words[2], list) else words[2:]
        if m.group(2) == "FLAGS":
            attribute, change = "flags", self.kept(flags_of(value))
        else:
            self.need("X-GM-EXT-1")
            attribute, change = "labels", {text(v) if self.utf8 else mutf7(text(v)) for v in value}
        for i, message in self.chosen(words[0], by_uid):
            old = getattr(message, attribute)
            setattr(message, attribute, {"": set(change), "+": old | change, "-": old - change}[m.group(1)])
            if not m.group(3):
                self.send(f"* {i} FETCH (", b"UID %d " % message.uid if by_uid else b"", self.item(message, m.group(2)), ")")

    def do_uid_store(self, command):
        self.do_store(command, True)

    def do_expunge(self, command, inside=lambda uid: True):
        if not self.folder or self.read_only:
            raise Refused("NO [READ-ONLY] Nothing to expunge")
        held = self.folder.messages
        for i in range(len(held) - 1, -1, -1):
            if "\\Deleted" in held[i].flags and inside(held[i].uid):
                del held[i]
                self.send(f"* {i + 1} EXPUNGE")
        self.shown = len(held)

    def do_uid_expunge(self, command):
        self.need("UIDPLUS")
        if not self.folder:
            raise Refused("BAD No mailbox selected")
        held = self.folder.messages
        self.do_expunge(command, numbers(text(parse(command.parts)[0]), held[-1].uid if held else 0))


Offered = collections.namedtuple("Offered", "number folder flags internaldate octets")  # what an append_hook is asked about


# ── the server ──

class FakeServer:
    """See the head of this file. Listens at once: .port (plain; STARTTLS when tls is a Certificates of imap_servers), .tls_port.

    capability   one string or a list; auth: mechanisms of AUTHENTICATE (PLAIN XOAUTH2 OAUTHBEARER); login: False is LOGINDISABLED
    prefix       of the NAMESPACE; names without it are refused by CREATE (but INBOX)
    folders      that exist, {name: special use or None} or names; reserved: top folders that CREATE refuses
    permanent    PERMANENTFLAGS; flags that it does not let in vanish
    quota        octets in all; APPENDLIMIT=n in capability refuses bigger messages with NO [TOOBIG]
    hook         of each command (Command), append_hook of each message of an APPEND (Offered); see above
    trap         after a BAD to an APPEND with LITERAL+ its body is executed as commands, as Dovecot does
    """
    def __init__(self, capability=CAPABILITY, auth=("PLAIN", "XOAUTH2", "OAUTHBEARER"), login=True, users=None, separator="/",
                 prefix="", folders=(), reserved=(), permanent=(*SYSTEM, "\\*"), quota=None, hook=None, append_hook=None,
                 trap=False, tls=None):
        self.capability = capability.split() if isinstance(capability, str) else list(capability)
        self.auth, self.login, self.separator, self.prefix, self.reserved = auth, login, separator, prefix, reserved
        self.permanent, self.quota, self.hook, self.trap, self.tls = permanent, quota, hook, trap, tls
        self.append_hooks = [append_hook] if append_hook else []
        self.users = users or {"ada": "secret"}
        self.user, self.password = next(iter(self.users.items()))
        self.ca_file = tls.ca_file if tls else None
        self.lock, self.commands, self.counts, self.offered = threading.RLock(), [], collections.Counter(), 0
        self.tokens, self.sessions, self.folders, self.validity = {}, [], {}, 1_600_000_000
        for name in ["INBOX", *folders]:
            self.folder(name).special = folders.get(name) if isinstance(folders, dict) else None
        self.listeners = []
        self.port, self.tls_port = self.listen(False), self.listen(True) if tls else 0
        atexit.register(self.stop)

    @classmethod
    def gmail(cls, said=None, **more):
        """Gmail. said: {number of a message offered: what is said}, for instance {5: "NO [THROTTLED] …", 9: Bye()}."""
        more = {"capability": GMAIL, "folders": GMAIL_FOLDERS, "auth": ("XOAUTH2", "PLAIN", "OAUTHBEARER")} | more
        server = cls(**more)
        server.append_hooks.append(lambda offered: (said or {}).get(offered.number))
        return server

    THROTTLED = "NO [THROTTLED] Account exceeded command or bandwidth limits."
    OVERQUOTA = "NO [OVERQUOTA] Not enough disk space"

    @classmethod
    def exchange(cls, burst=None, milliseconds=300, **more):
        """Exchange Online. burst: after so many messages nothing is taken for so many milliseconds, and it says so."""
        more = {"capability": EXCHANGE, "reserved": ("Files",), "auth": ("PLAIN", "XOAUTH2"),
                "permanent": (*SYSTEM, "$MDNSent")} | more
        server = cls(**more)
        state = {"left": burst, "until": 0.0}

        def hook(offered):
            if max(map(len, offered.octets.split(b"\r\n"))) > 10000:
                return "BAD Command Argument Error. 11"
            if burst is None:
                return None
            now = time.monotonic()
            if now < state["until"]:
                return f"NO Request is throttled. Suggested Backoff Time: {int((state['until'] - now) * 1000) + 1} milliseconds"
            if not state["left"]:
                state.update(left=burst, until=now + milliseconds / 1000)
                return f"NO Request is throttled. Suggested Backoff Time: {milliseconds} milliseconds"
            state["left"] -= 1
            return None
        server.append_hooks.append(hook)
        return server

    @classmethod
    def yahoo(cls, **more):
        """A message without a final CRLF is the client's fault."""
        more = {"capability": "IMAP4rev1 ID NAMESPACE UIDPLUS LITERAL+ APPENDLIMIT=41697280 SASL-IR"} | more
        server = cls(**more)
        refusal = "BAD [CLIENTBUG] APPEND Command arguments invalid"
        server.append_hooks.append(lambda offered: None if offered.octets.endswith(b"\r\n") else refusal)
        return server

    @classmethod
    def trapping(cls, **more):
        """Dovecot's trap; from_bodies() says what was executed."""
        return cls(trap=True, **more)

    def from_bodies(self):
        """Commands that came out of a message body."""
        return [c for c in self.commands if c.from_body]

    # what it holds

    def folder(self, name):
        """A folder, made when it is not there."""
        with self.lock:
            if name not in self.folders:
                self.validity += 1
                self.folders[name] = Folder(name, self.validity)
            return self.folders[name]

    def held(self):
        """Everything, as imap_client.download() would say it."""
        with self.lock:
            return {name: [Message(m.uid, frozenset(m.flags), m.internaldate, len(m.octets), m.octets) for m in folder.messages]
                    for name, folder in self.folders.items()}

    def used(self):
        return sum(len(m.octets) for f in self.folders.values() for m in f.messages)

    def has(self, capability):
        return capability in self.capability

    def check_size(self, size):
        for c in self.capability:
            if c.startswith("APPENDLIMIT=") and size > int(c[12:]):
                raise Refused("NO [TOOBIG] Message too large")

    # tokens

    def token(self, uses=None):
        """A new OAuth token that is good for so many logins (None: for ever)."""
        token = base64.b64encode(os.urandom(24)).decode()
        self.tokens[token] = uses
        return token

    def use(self, token):
        with self.lock:
            left = self.tokens.get(token, 0)
            if left is not None:
                self.tokens[token] = left - 1
            return left is None or left > 0

    def expire(self, token=None):
        """This token, or every one, is refused from now on."""
        self.tokens.update({t: 0 for t in ([token] if token else self.tokens)})

    # the network

    def ask(self, hook, about, session=None):
        """A hook's wish, with a delay already waited and a farewell already said."""
        wish = hook(about) if hook else None
        if isinstance(wish, Delay):
            time.sleep(wish.seconds)
            return None
        if isinstance(wish, Bye):
            (session or self.sessions[about.session]).bye(wish)
        return wish

    def listen(self, tls):
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.listeners.append(listener)
        threading.Thread(target=self.accept, args=(listener, tls), daemon=True).start()
        return listener.getsockname()[1]

    def accept(self, listener, tls):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                session = Session(self, sock, len(self.sessions), tls)
                self.sessions.append(session)
            threading.Thread(target=self.run, args=(session, tls), daemon=True).start()

    def run(self, session, tls):
        try:
            if tls:
                session.sock = self.tls.context().wrap_socket(session.sock, server_side=True)
        except OSError:
            session.sock.close()
            return
        session.serve()

    def cut(self, reset=True):
        """Every connection, now."""
        for session in self.sessions:
            try:
                if reset:
                    session.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                session.sock.shutdown(socket.SHUT_RDWR)
            except (OSError, ValueError):
                pass

    def stop(self):
        for listener in self.listeners:
            listener.close()
        self.cut(False)
