"""IMAP servers of the judges' own: private ones on free ports of 127.0.0.1, everything in temporary directories, ended at exit.

    server = Dovecot(separator=".", prefix="INBOX.", without=["MULTIAPPEND", "UIDPLUS"])
    proxy = Proxy(server.port, rtt=0.03, plan=[Fault("reset", up=100_000)])        # imap_proxy.py
    ...upload to 127.0.0.1:proxy.port as server.user with server.password, or to localhost:server.tls_port with server.ca_file...
    held = server.download()                                                       # {folder: [Message, …]}
    server.log()                                                                   # its warnings and errors

Dovecot and Cyrus are real; FakeServer (imap_fake.py) is scripted, for what real servers do not show on demand.
A server that this machine cannot have raises Unavailable.
"""
import atexit
import base64
import glob
import grp
import hashlib
import hmac
import imaplib
import json
import os
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

from imap_client import Mailbox, Message, connect, download, listed, mailboxes, statuses, to_mutf7  # noqa: F401
from imap_fake import Bye, Delay, Drop, FakeServer  # noqa: F401
from imap_proxy import Fault, Proxy, faults  # noqa: F401

SPECIAL_USE = {"Drafts": "\\Drafts", "Sent": "\\Sent", "Trash": "\\Trash", "Junk": "\\Junk", "Archive": "\\Archive"}
SPECIAL_USE_DE = {"Entwürfe": "\\Drafts", "Gesendet": "\\Sent", "Papierkorb": "\\Trash", "Spam": "\\Junk", "Archiv": "\\Archive"}


class Unavailable(Exception):
    """This server cannot be had here; the message says what would help."""


def account():
    """The user a server's processes run as: this one, or nobody when this one is root."""
    me = pwd.getpwuid(os.getuid())
    return pwd.getpwnam("nobody") if me.pw_uid == 0 else me


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def directory(name):
    """A fresh directory that the server's account may reach, removed at exit."""
    path = tempfile.mkdtemp(prefix=f"mailhaul-{name}-")
    os.chmod(path, 0o755)
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    return path


def give(*paths):
    """To the account of the servers, when this is root."""
    if os.getuid() == 0:
        who = account()
        subprocess.run(["chown", "-R", f"{who.pw_uid}:{who.pw_gid}", *paths], check=True)


class Certificates:
    """A certificate authority, a server's certificate for localhost and 127.0.0.1, clients' ones by user name."""
    def __init__(self):
        self.path = directory("tls")
        self.ca_file, self.ca_key = self.file("ca.pem"), self.file("ca.key")
        self.openssl("req", "-x509", *self.new("ca"), "-out", self.ca_file, "-days", "2", "-subj", "/CN=mailhaul test CA",
                     "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.cert, self.key = self.signed("server", "localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1")

    def file(self, name):
        return os.path.join(self.path, name)

    def new(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", self.file(name + ".key")]

    def openssl(self, *args):
        done = subprocess.run(["openssl", *args], capture_output=True, check=False)
        if done.returncode:
            raise Unavailable("openssl " + args[0] + ": " + done.stderr.decode())

    def signed(self, name, subject, extension):
        cert, request = self.file(name + ".pem"), self.file(name + ".csr")
        if not os.path.exists(cert):
            write(self.file(name + ".ext"), extension + "\n")
            self.openssl("req", *self.new(name), "-out", request, "-subj", "/CN=" + subject)
            self.openssl("x509", "-req", "-in", request, "-CA", self.ca_file, "-CAkey", self.ca_key, "-out", cert, "-days", "2",
                         "-set_serial", str(len(os.listdir(self.path))), "-extfile", self.file(name + ".ext"))
        return cert, self.file(name + ".key")

    def client(self, user):
        """(certificate file, key file) that name this user, for EXTERNAL."""
        return self.signed("client-" + re.sub(r"\W", "_", user), user, "extendedKeyUsage=clientAuth")

    def context(self):
        """Of the server's side, for servers written in Python."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context


_certificates = []


def certificates():
    """One set a process; openssl makes it when it is first wanted."""
    if not _certificates:
        if not shutil.which("openssl"):
            raise Unavailable("openssl is not installed: scripts/setup test")
        _certificates.append(Certificates())
    return _certificates[0]


def process_state(pid):
    """(state, parent, command) of a process, None when there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            text = f.read()
    except OSError:
        return None
    state, parent = text[text.rindex(")") + 2:].split()[:2]
    return state, int(parent), text[text.index("(") + 1:text.rindex(")")]


def alive(pid):
    state = process_state(pid)
    return state is not None and state[0] != "Z"


def descendants(pid, name=None):
    """Living children of a process, theirs too; only those whose command is `name` when given."""
    there = {int(p): process_state(p) for p in os.listdir("/proc") if p.isdigit()}
    there = {p: state for p, state in there.items() if state and state[0] != "Z"}
    wanted, found = [pid], []
    while wanted:
        parent = wanted.pop()
        children = [p for p, state in there.items() if state[1] == parent]
        wanted += children
        found += [p for p in children if name is None or there[p][2] == name]
    return found


def kill9(pids):
    """SIGKILL; the number of processes that were still there."""
    killed = 0
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
            killed += 1
        except ProcessLookupError:
            pass
    return killed


class Server:
    """What the private servers share: a master process, its directory, a client's view."""
    user, password = "ada", "secret"
    worker = "imapd"  # the command of the processes that serve sessions
    program = "server"

    def __init__(self, name, tls):
        self.run = directory(name)
        self.port, self.tls_port = free_port(), free_port() if tls else 0
        self.tls = certificates() if tls else None
        self.ca_file = self.tls.ca_file if tls else None
        self.process = None
        atexit.register(self.stop)

    def command(self):
        raise NotImplementedError

    def start(self):
        """Start, and return when a login works (or at the greeting, for a server without a password of ours)."""
        with open(os.path.join(self.run, "output"), "ab") as out:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            env=self.environment(), start_new_session=True)
        deadline, last = time.monotonic() + 30, ""
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.connect(timeout=5).logout()
                return self
            except (OSError, imaplib.IMAP4.error) as e:
                last = repr(e)
                time.sleep(0.03)
        said = f"{last}\n" + open(os.path.join(self.run, "output"), encoding="utf-8", errors="replace").read() + self.log()
        self.stop()
        raise Unavailable(f"our {self.program} did not start: {said}")

    def environment(self):
        return None

    def stop(self):
        """End it, by SIGTERM, by SIGKILL when it takes too long."""
        if self.process and self.process.poll() is None:
            below = descendants(self.process.pid)
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            for _ in range(50):  # they follow their master by themselves
                if not any(map(alive, below)):
                    return
                time.sleep(0.02)
            kill9(filter(alive, below))

    def kill9(self):
        """SIGKILL every process that serves a session; the master goes on. Returns how many."""
        return kill9(descendants(self.process.pid, self.worker))

    def kill9_all(self):
        """SIGKILL everything, the master first; restart() brings it back on the same ports."""
        os.kill(self.process.pid, signal.SIGSTOP)  # or it would start another one meanwhile, which keeps the port
        time.sleep(0.01)
        killed = kill9(descendants(self.process.pid) + [self.process.pid])
        self.process.wait()
        return killed

    def restart(self):
        """Also after kill9_all(), of which some process may still be dying."""
        self.stop()
        for wait in (0.2, 1):
            try:
                return self.start()
            except Unavailable:
                time.sleep(wait)
        return self.start()

    def connect(self, user=None, password=None, tls=False, **how):
        """An imaplib connection, logged in."""
        return connect(self.tls_port if tls else self.port, user or self.user, password or self.password,
                       ca_file=self.ca_file if tls else None, **how)

    def download(self, user=None, **how):
        return download(self.port, user or self.user, self.password, **how)

    def statuses(self, user=None, **how):
        return statuses(self.port, user or self.user, self.password, **how)


# ── Dovecot ──

DOVECOT = """
base_dir = {run}/base
state_dir = {run}/state
log_path = {run}/dovecot.log
info_log_path = {run}/info.log
debug_log_path = {run}/debug.log
protocols = imap
listen = 127.0.0.1
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
auth_ssl_username_from_cert = yes
ssl_cert_username_field = commonName
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
default_vsz_limit = 0
first_valid_uid = 0
mail_uid = {user}
mail_gid = {group}
mail_location = {location}
mail_fsync = {fsync}
mail_max_userip_connections = 1000
imap_capability = {capability}
mail_plugins = listescape {quota_plugin}
{tls}
protocol imap {{
  mail_plugins = $mail_plugins {imap_plugins}
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {run}/users
  mechanisms = plain login scram-sha-1 scram-sha-256
}}
passdb {{
  driver = oauth2
  args = {run}/oauth2.conf
  mechanisms = xoauth2 oauthbearer
}}
{external}
userdb {{
  driver = static
  args = home={run}/home/%u
}}
namespace inbox {{
  inbox = yes
  separator = {separator}
  prefix = {prefix}
{mailboxes}
}}
service imap-login {{
  chroot =
  service_count = 0
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
plugin {{
  {quota}
}}
{extra}
"""
OAUTH2 = """
introspection_mode = local
username_attribute = sub
local_validation_key_dict = fs:posix:prefix={run}/keys/
"""
# What 2.3 says of itself after login; a mask has to name what stays.
DOVECOT_CAPABILITY = (
    "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES THREAD=REFS THREAD=ORDEREDSUBJECT "
    "MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH "
    "ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY PREVIEW=FUZZY PREVIEW STATUS=SIZE SAVEDATE "
    "LITERAL+ NOTIFY SPECIAL-USE")


def dovecot_program():
    return shutil.which("dovecot", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


class Dovecot(Server):
    """A private Dovecot 2.3, started at once: .port (plain, with STARTTLS), .tls_port (imaps), .ca_file, .user, .password.

    format       maildir, sdbox or mdbox; layout of a maildir: "maildir++" or "fs"
    quota        octets that a user may store; None: no QUOTA at all
    without      capabilities that are not advertised (the server still answers to them); capability: the whole list instead
    special_use  {mailbox name: attribute}; they exist and are subscribed (SPECIAL_USE, SPECIAL_USE_DE)
    users        {name: password}; with oauth tokens and client certificates any name is good
    maildir      a Maildir that becomes the first user's mail (it is moved)
    """
    program, worker = "Dovecot", "imap"

    def __init__(self, separator="/", prefix="", format="maildir", layout="maildir++", tls=True, quota=None, without=(),
                 capability="", special_use=None, users=None, compress=True, fsync=False, maildir=None,
                 mechanisms="plain login scram-sha-1 scram-sha-256 xoauth2 oauthbearer external", extra=""):
        if not dovecot_program():
            raise Unavailable("dovecot is not installed: scripts/setup test")
        super().__init__("dovecot", tls)
        users = users or {self.user: self.password}
        self.user, self.password = next(iter(users.items()))
        self.secret = os.urandom(32)
        if without:
            plugins = ["COMPRESS=DEFLATE"] * compress + ["QUOTA"] * bool(quota)
            capability = " ".join(c for c in DOVECOT_CAPABILITY.split() + plugins if c not in without)
        layout = "" if format != "maildir" or layout == "maildir++" else ":LAYOUT=fs"
        location = {"maildir": "maildir:~/Maildir", "sdbox": "sdbox:~/sdbox", "mdbox": "mdbox:~/mdbox"}[format] + layout
        boxes = "".join(f'  mailbox "{name}" {{\n    special_use = {use}\n    auto = subscribe\n  }}\n'
                        for name, use in (special_use or {}).items())
        if not tls:
            mechanisms = mechanisms.replace("external", "")
        who = account()
        self.config = write(os.path.join(self.run, "dovecot.conf"), DOVECOT.format(
            run=self.run, user=who.pw_name, group=grp.getgrgid(who.pw_gid).gr_name, location=location,
            fsync="always" if fsync else "never", capability=capability, mechanisms=mechanisms,
            quota_plugin="quota" if quota else "", mailboxes=boxes,
            imap_plugins=" ".join(["imap_zlib"] * compress + ["imap_quota"] * bool(quota)),
            separator=separator, prefix=prefix, port=self.port, tls_port=self.tls_port,
            tls=self.tls_lines() if tls else "ssl = no",
            external="passdb {\n  driver = static\n  args = nopassword=y\n  mechanisms = external\n}" if tls else "",
            quota=f"quota = count:User quota\n  quota_vsizes = yes\n  quota_rule = *:bytes={quota}\n  quota_grace = 0"
            if quota else "", extra=extra))
        write(os.path.join(self.run, "users"), "".join(f"{n}:{{PLAIN}}{p}::::::\n" for n, p in users.items()))
        write(os.path.join(self.run, "oauth2.conf"), OAUTH2.format(run=self.run))
        write(os.path.join(self.run, "keys/default/HS256/default"), base64.b64encode(self.secret))
        self.home = os.path.join(self.run, "home", self.user)
        for path in (self.home, os.path.join(self.run, "base"), os.path.join(self.run, "state")):
            os.makedirs(path, exist_ok=True)
        if maildir:
            shutil.move(maildir, os.path.join(self.home, "Maildir"))
        give(self.run)
        self.start()

    def tls_lines(self):
        return "\n".join((f"ssl = yes\nssl_cert = <{self.tls.cert}", f"ssl_key = <{self.tls.key}", f"ssl_ca = <{self.ca_file}",
                          "ssl_verify_client_cert = yes", "ssl_require_crl = no", "ssl_dh ="))

    def command(self):
        return [dovecot_program(), "-F", "-c", self.config]

    def log(self):
        """Warnings and errors so far."""
        try:
            with open(os.path.join(self.run, "dovecot.log"), encoding="utf-8", errors="replace") as f:
                return "".join(l for l in f if re.search("warning|error|fatal|panic", l, re.I) and "signal 15" not in l)
        except OSError:
            return ""

    def token(self, user=None, seconds=3600):
        """An OAuth token (JWT, HS256) for XOAUTH2 and OAUTHBEARER; negative seconds: it has run out."""
        now = int(time.time())
        claims = {"sub": user or self.user, "iat": now - 10000, "nbf": now - 10000, "exp": now + seconds}
        head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
                      for part in ({"alg": "HS256", "typ": "JWT", "kid": "default"}, claims))
        mac = hmac.new(self.secret, head + b"." + body, hashlib.sha256).digest()
        return (head + b"." + body + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()

    def client_certificate(self, user=None):
        """(certificate file, key file) for EXTERNAL."""
        return self.tls.client(user or self.user)


# ── Cyrus ──

IMAPD = """
configdirectory: {run}/conf
proc_path: {run}/proc
mboxname_lockpath: {run}/lock
defaultpartition: default
partition-default: {run}/mail
cyrus_user: {user}
admins: cyrus
servername: localhost
umask: 077
altnamespace: {alternative}
unixhierarchysep: {slash}
virtdomains: off
allowplaintext: yes
autocreate_quota: {quota}
{special}
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {run}/sasldb2
sasl_mech_list: PLAIN LOGIN SCRAM-SHA-1 SCRAM-SHA-256
sasl_auto_transition: no
delete_mode: immediate
expunge_mode: immediate
duplicatesuppression: no
skiplist_unsafe: {unsafe}
imapidlepoll: 60
failedloginpause: 0
{tls}
{extra}
"""
MASTER = """
START {{
  recover cmd="{bin}/ctl_cyrusdb -C {run}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="{bin}/imapd -C {run}/imapd.conf -U 30" listen="127.0.0.1:{port}" proto="tcp4" prefork=1 maxchild=100
{imaps}
}}
EVENTS {{
}}
"""
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


SYSLOG = r"""
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

void vsyslog(int priority, const char *format, va_list args)
{
    const char *file = getenv("SYSLOG_FILE");
    if (!file || LOG_PRI(priority) > LOG_WARNING)
        return;
    char text[4096];
    int n = vsnprintf(text, sizeof text - 1, format, args), fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    n = n < 0 ? 0 : n < (int)sizeof text - 2 ? n : (int)sizeof text - 2;
    text[n++] = '\n';
    if (fd >= 0 && write(fd, text, (size_t)n) >= 0)
        close(fd);
}
void syslog(int priority, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsyslog(priority, format, args);
    va_end(args);
}
void __vsyslog_chk(int priority, int flag, const char *format, va_list args)
{
    (void)flag;
    vsyslog(priority, format, args);
}
void __syslog_chk(int priority, int flag, const char *format, ...)
{
    (void)flag;
    va_list args;
    va_start(args, format);
    vsyslog(priority, format, args);
    va_end(args);
}
"""


def syslog_library():
    """A library that takes syslog()'s warnings and errors into $SYSLOG_FILE; None without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        return None
    path = directory("syslog")
    source, library = write(os.path.join(path, "syslog.c"), SYSLOG), os.path.join(path, "syslog.so")
    done = subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-w", "-o", library, source], capture_output=True, check=False)
    return None if done.returncode else library


def cyrus_files():
    """The unpacked Debian packages; scripts/cyrus fetches them when they are not there."""
    path = os.path.join(ROOT, "build/cyrus")
    if not os.path.exists(os.path.join(path, ".complete")):
        try:
            done = subprocess.run([os.path.join(ROOT, "scripts/cyrus")], stdin=subprocess.DEVNULL, capture_output=True,
                                  check=False, timeout=180)
        except (OSError, subprocess.TimeoutExpired) as e:
            raise Unavailable(f"scripts/cyrus: {e}") from e
        if done.returncode:
            raise Unavailable("scripts/cyrus: " + done.stderr.decode("utf-8", "replace").strip())
    return path


def reachable(path):
    """Whether another user may come to path."""
    while path != "/":
        if not os.stat(path).st_mode & 0o001:
            return False
        path = os.path.dirname(path)
    return True


class Cyrus(Server):
    """A private Cyrus 3.6 out of Debian's packages, started at once; members and methods as Dovecot's.

    separator    "/" or "."; prefix: "" or "INBOX" and the separator (altnamespace off)
    quota        octets that a user may store; None: no limit
    special_use  {mailbox name: attribute}, made at the first login
    users        {name: password}; an INBOX is made at the first login. "cyrus", with the password "admin", is the administrator
    extra        more lines of imapd.conf, for instance "maxmessagesize: 100000"
    """
    program = "Cyrus"

    def __init__(self, separator="/", prefix="", tls=True, quota=None, special_use=None, users=None, fsync=False, extra=""):
        files = cyrus_files()
        super().__init__("cyrus", tls)
        users = users or {self.user: self.password}
        self.user, self.password = next(iter(users.items()))
        if os.getuid() == 0 and not reachable(files):
            files = shutil.copytree(files, os.path.join(self.run, "files"), symlinks=True)
        self.files, self.bin = files, os.path.join(files, "usr/lib/cyrus/bin")
        self.syslog = syslog_library()
        who, lines = account(), []
        if special_use:
            names = {to_mutf7(name): use[1:].lower() for name, use in special_use.items()}
            lines = [f"autocreate_{what}_folders: " + "|".join(names) for what in ("inbox", "subscribe")]
            lines += [f"xlist-{use}: {name}" for name, use in names.items()]
        self.config = write(os.path.join(self.run, "imapd.conf"), IMAPD.format(
            run=self.run, user=who.pw_name, alternative="no" if prefix else "yes", slash="yes" if separator == "/" else "no",
            quota=max(1, quota // 1024) if quota else 0, special="\n".join(lines), unsafe="no" if fsync else "yes", extra=extra,
            tls=f"tls_server_cert: {self.run}/server.pem\ntls_server_key: {self.run}/server.key\ntls_client_ca_file: {self.ca_file}"
            if tls else ""))
        if tls:
            shutil.copy(self.tls.cert, os.path.join(self.run, "server.pem"))
            shutil.copy(self.tls.key, os.path.join(self.run, "server.key"))
        write(os.path.join(self.run, "cyrus.conf"), MASTER.format(
            bin=self.bin, run=self.run, port=self.port,
            imaps=f'  imaps cmd="{self.bin}/imapd -C {self.config} -s -U 30" listen="127.0.0.1:{self.tls_port}" proto="tcp4"'
            if tls else ""))
        for name in ("db", "socket", "log", "msg", "proc", "ptclient", "user", "quota", "backup"):
            os.makedirs(os.path.join(self.run, "conf", name))
        for name in ("mail", "proc", "lock"):
            os.makedirs(os.path.join(self.run, name))
        for user, password in (users | {"cyrus": "admin"}).items():
            self.set_password(user, password)
        give(*(os.path.join(self.run, name) for name in os.listdir(self.run) if name != "files"), self.run)
        self.start()

    def environment(self):
        """Debian's libraries and SASL plugins first, and a syslog() that writes into a file, where there is a compiler."""
        libraries = glob.glob(os.path.join(self.files, "usr/lib/*-linux-gnu"))
        plugins = [os.path.join(l, "sasl2") for l in libraries]
        preload = {"LD_PRELOAD": self.syslog, "SYSLOG_FILE": os.path.join(self.run, "syslog")} if self.syslog else {}
        return os.environ | {"LD_LIBRARY_PATH": ":".join(libraries), "SASL_PATH": ":".join(plugins)} | preload

    def set_password(self, user, password):
        done = subprocess.run([os.path.join(self.files, "usr/sbin/saslpasswd2"), "-p", "-c", "-u", "localhost",
                               "-f", os.path.join(self.run, "sasldb2"), user], input=password.encode(), capture_output=True,
                              check=False, env=self.environment() | {"SYSLOG_FILE": "/dev/null"})
        if done.returncode:
            raise Unavailable("saslpasswd2: " + done.stderr.decode("utf-8", "replace"))

    def command(self):
        return [os.path.join(self.bin, "master"), "-C", self.config, "-M", os.path.join(self.run, "cyrus.conf"),
                "-p", os.path.join(self.run, "master.pid"), "-D"]

    def log(self):
        """Warnings and errors so far; nothing without a C compiler, as Cyrus knows only syslog."""
        try:
            with open(os.path.join(self.run, "syslog"), encoding="utf-8", errors="replace") as f:
                return f.read()
        except OSError:
            return ""
