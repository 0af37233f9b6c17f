"""What the judges of Outlook stores share: which stores there are, and what pffexport and readpst make of one."""
import collections
import email
import glob
import hashlib
import html.parser
import os
import re
import shutil
import subprocess

import judge

FETCHED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../build/stores")  # scripts/stores


def stores():
    """Paths of real stores: those of the corpus, else the ones that scripts/stores fetched."""
    found = glob.glob(os.path.join(judge.CORPUS, "pst", "*.[po]st")) if judge.CORPUS else []
    return sorted(found or glob.glob(os.path.join(FETCHED, "*.[po]st")))


def need_readers():
    for program in ("pffexport", "readpst"):
        if not shutil.which(program):
            judge.skip(program + " is missing: scripts/setup test")


def folded(text):
    """Text for comparing: white space folded away, and what one character may be written as in two ways."""
    return re.sub(r"\s+", "", text.replace("\ufeff", "").replace("\u00a0", " ").replace("\x00", ""))


class Text(html.parser.HTMLParser):
    """The text of HTML."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.words, self.hidden = [], 0

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in ("style", "script", "title")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("style", "script", "title") and self.hidden > 0

    def handle_data(self, data):
        if not self.hidden:
            self.words.append(data)


def html_text(text):
    parser = Text()
    parser.feed(text)
    parser.close()
    return "".join(parser.words)


def decoded(octets, declared=None):
    for charset in (declared, "utf-8", "windows-1252"):
        try:
            if charset:
                return octets.decode(charset)
        except (LookupError, UnicodeDecodeError):
            continue
    return octets.decode("latin-1")


def charset_in(octets):
    found = re.search(rb"charset=[\"']?([-\w]+)", octets[:4096])
    return found.group(1).decode() if found else None


def subject(text):
    return re.sub(r"\s+", " ", text.replace("\0", "")).strip()


def quietly(*args, timeout=300):
    """Exit status of a reader of somebody else's; None when it crashed or hung."""
    try:
        done = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=timeout, check=False)
        return done.returncode if done.returncode >= 0 else None
    except subprocess.TimeoutExpired:
        return None


class Export:
    """A store as pffexport writes it out."""

    def __init__(self, store, base):
        self.attachments = collections.Counter()  # SHA-256
        self.subjects = collections.Counter()     # of items, embedded ones apart
        self.texts = []                           # (file, folded text) of bodies
        self.items = 0
        self.status = quietly("pffexport", "-q", "-m", "items", "-t", base, store)
        self.base = base + ".export"
        for directory, _, files in os.walk(self.base):
            self.read(directory, files)

    def read(self, directory, files):
        if os.path.basename(directory) == "Attachments":
            for name in files:
                self.attachments[hashlib.sha256(judge.read(os.path.join(directory, name))).hexdigest()] += 1
            return
        rel = os.path.relpath(directory, self.base)
        for name in files:
            path = os.path.join(directory, name)
            if name in ("Message.txt", "Message.html"):
                octets = judge.read(path)
                html_body = name.endswith("html")
                text = decoded(octets, charset_in(octets) if html_body else None)
                self.texts.append((os.path.join(rel, name), folded(html_text(text) if html_body else text)))
        if "/Attachments/" not in rel + "/":
            self.top(directory, files)

    def top(self, directory, files):
        kinds = ("OutlookHeaders.txt", "Appointment.txt", "Contact.txt", "DistributionList.txt", "Meeting.txt", "Note.txt",
                 "Task.txt", "Activity.txt", "Journal.txt")
        head = next((f for f in kinds if f in files), None)
        if not head:
            return
        self.items += 1
        found = re.search(r"(?m)^Subject:[ \t]*(.*)$", decoded(judge.read(os.path.join(directory, head))))
        if found:
            self.subjects[subject(found.group(1))] += 1


def readpst_texts(store, base):
    """The folded texts of all bodies that readpst writes."""
    texts = set()
    os.makedirs(base)
    quietly("readpst", "-q", "-r", "-D", "-e", "-te", "-j", "0", "-o", base, store)
    for path in glob.iglob(glob.escape(base) + "/**/*.eml", recursive=True):
        for part in email.message_from_bytes(judge.read(path)).walk():
            if part.get_content_maintype() != "text" or part.get_filename():
                continue
            payload = part.get_payload(decode=True) or b""
            for charset in {part.get_content_charset(), charset_in(payload), None}:
                text = decoded(payload, charset)
                texts.add(folded(html_text(text) if part.get_content_subtype() == "html" else text))
    return texts
