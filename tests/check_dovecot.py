"""Dovecot serves a Maildir that mailhaul wrote, in both layouts: the same folders, counts, octets, RFC822.SIZE, INTERNALDATE,
flags and keywords, and not one warning or error in its log. The Dovecot is our own: its configuration, its log, its sockets
in a temporary directory, on a free port of 127.0.0.1; only the processes started here are ended."""
import atexit
import base64
import calendar
import imaplib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time

import judge
from judge import equal, run, same, say

SYSTEM = {"\\Seen": "S", "\\Answered": "R", "\\Flagged": "F", "\\Draft": "D", "\\Deleted": "T"}

CONFIG = """
base_dir = {run}/base
state_dir = {run}/state
log_path = {run}/dovecot.log
info_log_path = {run}/info.log
debug_log_path = {run}/debug.log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 0
mail_uid = {user}
mail_gid = {group}
mail_location = maildir:~/Maildir:LAYOUT={layout}
mail_plugins = listescape
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = home={home}
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


def account():
    """The user Dovecot's processes run as: this one, or nobody when this one is root."""
    me = pwd.getpwuid(os.getuid())
    return pwd.getpwnam("nobody") if me.pw_uid == 0 else me


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Dovecot:
    def __init__(self, work, maildir, layout):
        import grp
        self.run = os.path.join(work, "run-" + layout.strip("+"))
        home = os.path.join(work, "home-" + layout.strip("+"))
        for path in (self.run, home, os.path.join(self.run, "base"), os.path.join(self.run, "state")):
            os.makedirs(path, exist_ok=True)
        who = account()
        shutil.move(maildir, os.path.join(home, "Maildir"))
        if os.getuid() == 0:
            for path in (work, self.run, home):
                os.chmod(path, 0o755)
            subprocess.run(["chown", "-R", f"{who.pw_uid}:{who.pw_gid}", home, self.run], check=True)
        self.port = free_port()
        text = CONFIG.format(run=self.run, user=who.pw_name, group=grp.getgrgid(who.pw_gid).gr_name, layout=layout,
                             home=home, port=self.port)
        self.config = os.path.join(self.run, "dovecot.conf")
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text)
        self.process = None

    def start(self):
        self.process = subprocess.Popen([dovecot_program(), "-F", "-c", self.config], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        atexit.register(self.stop)
        for _ in range(100):
            try:
                return imaplib.IMAP4("127.0.0.1", self.port, timeout=20)
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        said = self.process.stdout.read().decode() if self.process.poll() is not None else "no answer"
        same(False, f"our Dovecot did not start: {said}\n" + judge.indent(self.log()))
        judge.finish()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()

    def log(self):
        path = os.path.join(self.run, "dovecot.log")
        return judge.read(path).decode("utf-8", "replace") if os.path.exists(path) else ""


def dovecot_program():
    return shutil.which("dovecot", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


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

def mutf7(name):
    """Modified UTF-7 of IMAP (RFC 3501 5.1.3) to text."""
    def part(m):
        return base64.b64decode(m.group(1).replace(",", "/") + "===").decode("utf-16-be") if m.group(1) else "&"
    return re.sub(r"&([^-]*)-", part, name)


def listed(imap):
    names = {}
    for line in imap.list()[1]:
        if isinstance(line, tuple):  # a literal
            raw = line[1].decode()
        else:
            raw = re.match(rb'\(.*?\) "?[^ ]*"? (.*)$', line).group(1).decode()
            raw = re.sub(r"\\(.)", r"\1", raw[1:-1]) if raw.startswith('"') else raw
        attributes = (line[0] if isinstance(line, tuple) else line).lower()
        if b"\\noselect" not in attributes and b"\\nonexistent" not in attributes:
            names[mutf7(raw)] = raw
    return names


def fetch(imap, raw):
    """Message-ID → (octets, flags, size, internal date) of one folder."""
    ok, data = imap.select('"' + raw.replace("\\", "\\\\").replace('"', '\\"') + '"', readonly=True)
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


def internal(text):
    m = re.match(r"\s*(\d+-\w+-\d+ [\d:]+) ([+-])(\d\d)(\d\d)", text)
    offset = (int(m.group(3)) * 60 + int(m.group(4))) * 60
    return calendar.timegm(time.strptime(m.group(1), "%d-%b-%Y %H:%M:%S")) - (offset if m.group(2) == "+" else -offset)


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
    server = Dovecot(work, target, "maildir++" if layout == "maildir++" else "fs")
    imap = server.start()
    imap.login("harbour", "x")
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
    noise = [l for l in server.log().splitlines() if re.search(r"warning|error|fatal|panic", l, re.I) and "signal 15" not in l]
    same(not noise, f"{layout}: Dovecot's log speaks:\n" + judge.indent("\n".join(noise[:10])))
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
    if not dovecot_program():
        judge.skip("dovecot is not installed: scripts/setup test")
    work = judge.temporary()
    src, truth = source(work)
    for layout in ("maildir++", "fs"):
        serve(work, src, truth, layout)
    judge.finish()


if __name__ == "__main__":
    main()
