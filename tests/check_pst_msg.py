"""Outlook's own .msg files (the corpus has appointments with exceptions, contacts, tasks, notes, posts, votes, messages in
messages, 200 recipients, Japanese in cp932) go into one store made by tests/pst_make/make_pst. What mailhaul makes of it as EML and as
Maildir is compared with what tests/msg_store.py reads in the .msg: addresses, dates, texts, attachments, embedded messages;
occurrences of series as python3-icalendar and dateutil give them, contacts as python3-vobject does.
Then each .tnef of the corpus goes out as a winmail.dat, kept and unpacked, and is compared with what others unpacked."""
import base64
import collections
import datetime
import email
import email.policy
import email.utils
import glob
import hashlib
import json
import os
import re
import subprocess
import sys

sys.path.append("/usr/lib/python3/dist-packages")  # python3-icalendar, python3-vobject, python3-dateutil of Debian
import judge
import outlook
from judge import equal, run, same, say
from msg_store import Message
from outlook import folded, html_text

try:
    import icalendar
    import vobject
    from series import Series, expanded, local
except ImportError as missing:
    judge.skip(f"{missing}: scripts/setup test")

MISC = os.path.join(judge.CORPUS, "misc")
MAKE = os.environ.get("MAKE_PST") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/make_pst")
LINE_MAX = 998
UTC = datetime.timezone.utc
CODEPAGES = {50220: "cp932", 20127: "cp1252", 28591: "cp1252", 20866: "cp1251", 65001: "cp1252"}  # on the wire → of Windows
EXCEPTION = "IPM.OLE.CLASS."
BUSY = ("FREE", "TENTATIVE", "BUSY", "OOF")


def A(lid):
    return "APPOINTMENT", lid


# ── what the .msg says ──

def codepage(m):
    """Of 8-bit strings: PidTagMessageCodepage, else that of a Windows which writes such mail."""
    wire = m.props.integer(0x3fde, 1252)
    return f"cp{m.props.integer(0x3ffd)}" if m.props.octets(0x3ffd) else CODEPAGES.get(wire, f"cp{wire}")


def text(m, name):
    return m.props.text(name, codepage(m)) or ""


def subject(m):
    z = text(m, 0x37)
    return outlook.subject(z[2:] if z[:1] == "\1" else z)


def transport(m):
    z = re.sub(r"\AMicrosoft Mail Internet Headers Version [\d.]+\r?\n", "", text(m, 0x7d))
    return email.message_from_string(z, policy=email.policy.default) if re.search(r"(?m)^\S+:", z) else None


# ── one message ──

def walk(part):
    """Parts of this message, not of those embedded in it."""
    yield part
    if part.get_content_maintype() == "multipart":
        for p in part.iter_parts():
            yield from walk(p)


def text_of(part):
    return part.get_payload(decode=True).decode(part.get_content_charset("us-ascii"), "replace")


def first(e, kind):
    return next((p for p in walk(e) if p.get_content_type() == kind and not p.get_filename()), None)


def check_form(octets, head, what):
    """No defects, but for those of transport headers."""
    field = re.split(rb"\r?\n\r?\n", octets, maxsplit=1)[0]
    same(not re.search(rb"[\x80-\xff]", field), f"{what}: 8-bit octets in the header")
    same(max(map(len, octets.split(b"\n"))) <= LINE_MAX + 1, f"{what}: a long line")
    e = email.message_from_bytes(octets, policy=email.policy.default)
    for part in e.walk():
        same(not part.defects, f"{what}: defects of {part.get_content_type()}: {part.defects}")
        for name, value in part.items():
            given = part is e and head is not None and head[name] is not None and head[name].defects
            same(given or not value.defects, f"{what}: defects of {name}: {value.defects}")
    return e


def addresses(e, *names):
    return sorted(a.addr_spec.lower() for n in names for h in e.get_all(n, []) for a in h.addresses if a.addr_spec)


def smtp_of(props, page):
    """The Internet address of a recipient, where it has one."""
    for name in (0x39fe, 0x3003):
        z = props.text(name, page) or ""
        if "@" in z and not z.startswith("/"):
            return z.lower()
    return None


def check_people(m, e, what):
    page, head = codepage(m), transport(m)
    for name, kind in (("To", 1), ("Cc", 2), ("Bcc", 3)):
        mine = [r for r in m.recipients if r.integer(0x0c15, 1) & 0xf == kind]
        if head is not None:
            if name != "Bcc":
                equal(addresses(e, name), addresses(head, name), f"{what}: {name}")
            continue
        equal(addresses(e, name), sorted(filter(None, (smtp_of(r, page) for r in mine))), f"{what}: {name}")
        shown = " ".join(str(h) for h in e.get_all(name, []))
        for r in mine:
            z = r.text(0x3001, page) or ""
            if r.text(0x3002, page) == "UNKNOWN":  # Outlook's nobody
                continue
            same(folded(z.strip("'\"")) in folded(shown.replace("\\", "")), f"{what}: {name} lacks {z!r}")
    me = text(m, 0x65).lower()
    twin = next((smtp_of(r, page) for r in m.recipients if me and (r.text(0x3003, page) or "").lower() == me), None)
    smtp = next((z for z in (text(m, 0x5d02), text(m, 0x65)) if "@" in z and not z.startswith("/")), None)
    if head is not None and head["From"]:
        equal(addresses(e, "From"), addresses(head, "From"), f"{what}: From")
    elif smtp:
        equal(addresses(e, "From"), [smtp.lower()], f"{what}: From")
    elif twin:
        equal(addresses(e, "From"), [twin], f"{what}: From, who is a recipient as well")
    elif text(m, 0x42) and text(m, 0x64) != "UNKNOWN":
        same(folded(text(m, 0x42)) in folded(str(e["From"])), f"{what}: From is {e['From']}")


def check_dates(m, e, item, what):
    head, sent = transport(m), m.props.time(0x39)
    if head is not None and head["Date"] and head["Date"].datetime:
        equal(e["Date"].datetime, head["Date"].datetime, f"{what}: Date")
    elif sent and same(e["Date"] is not None, f"{what}: no Date"):
        equal(e["Date"].datetime, sent.replace(microsecond=0), f"{what}: Date")
    wanted = next(filter(None, (m.props.time(n) for n in (0x0e06, 0x39, 0x3007, 0x3008))), None)
    if item and wanted:
        got = datetime.datetime.fromisoformat(item["received"].replace("Z", "+00:00"))
        same(abs(got - wanted) < datetime.timedelta(seconds=1), f"{what}: received {got}, wanted {wanted}")


def words(z):
    """What a body says, without what Outlook writes in text for HTML: links in <>, bullets."""
    return re.sub(r"[\W_]+", "", re.sub(r'HYPERLINK\s*("[^"]*"|\S+)|<[^>]*>', "", z))


def check_body(m, e, what):
    said, plain, html = text(m, 0x1000), first(e, "text/plain"), first(e, "text/html")
    if folded(said):
        same(plain is not None or html is not None, f"{what}: no text and no HTML")
        if plain is not None:
            equal(folded(text_of(plain)), folded(said), f"{what}: text")
        if html is not None and first(e, "text/rtf") is None:  # else that is the best body, and HTML may be older
            equal(words(html_text(text_of(html))), words(said), f"{what}: text of the HTML")
    octets = m.props.octets(0x1013)
    if octets and same(html is not None, f"{what}: no HTML"):
        page = {65001: "utf-8", 20127: "cp1252"}.get(m.props.integer(0x3fde), codepage(m))
        want = octets.decode(page, "replace") if isinstance(octets, bytes) else octets
        equal(folded(html_text(text_of(html))), folded(html_text(want)), f"{what}: HTML")


def check_shown(m, e, what):
    """What the HTML shows from an attachment is there under that Content-ID."""
    ids = {a.props.text(0x3712, codepage(m)) for a in m.attachments}
    html = first(e, "text/html")
    wanted = set(re.findall(r"(?i)src=[\"']?cid:([^\"'\s>]+)", text_of(html))) & ids if html is not None else set()
    shown = {str(p["Content-ID"])[1:-1] for p in walk(e) if p["Content-ID"]}
    equal(wanted - shown, set(), f"{what}: cid: without a part")
    same(not wanted or "multipart/related" in {p.get_content_type() for p in walk(e)}, f"{what}: no multipart/related")


def check_twin(name, e):
    """NAME.rtf is the RTF of NAME.msg as another program unpacked it."""
    found = glob.glob(os.path.join(glob.escape(MISC), "*__" + glob.escape(name) + ".rtf"))
    part = next((p for p in walk(e) if p.get_content_type() == "text/rtf"), None)
    if found and part is not None:
        equal(part.get_payload(decode=True).rstrip(b"\0\r\n"), judge.read(found[0]).rstrip(b"\0\r\n"), f"{name}: RTF")
        return 1
    return 0


def check_attachments(m, e, what):
    """Names and octets of attached files, in order; the messages among them are compared like the ones around them."""
    page = codepage(m)
    wanted = []
    for a in m.attachments:
        if a.method == 1 and a.data is not None:
            name = next(filter(None, (a.props.text(n, page) for n in (0x3707, 0x3704, 0x3001))), "")
            wanted.append((name, hashlib.sha256(a.data).hexdigest()))
    found = [(p.get_filename(), hashlib.sha256(p.get_payload(decode=True) or b"").hexdigest()) for p in walk(e)
             if p.get_content_maintype() not in ("multipart", "message") and p.get_filename() and
             p.get_content_type() not in ("text/vcard", "text/calendar")]
    messages = [p for p in walk(e) if p.get_content_type() == "message/rfc822"]
    files = [p for p in messages if p.get_filename() in dict(wanted)]  # a message attached as a file
    found += [(p.get_filename(), hashlib.sha256(judge.canonical(p.get_payload(0).as_bytes())).hexdigest()) for p in files]
    equal(sorted(found), sorted(wanted), f"{what}: attachments")
    if not files and "multipart/related" not in {p.get_content_type() for p in walk(e)}:
        equal(found, wanted, f"{what}: order of attachments")
    inner = [p.get_payload(0) for p in messages if p not in files]
    mine = [a.embedded for a in m.attachments if a.embedded and not a.embedded.message_class.startswith(EXCEPTION)]
    if equal(len(inner), len(mine), f"{what}: embedded messages"):
        for i, (x, one) in enumerate(zip(mine, inner)):
            check_message(x, one, None, f"{what} > {i}")


# ── calendars ──

def calendar_of(e, what):
    part = next((p for p in walk(e) if p.get_content_type() == "text/calendar"), None)
    if same(part is not None, f"{what}: no text/calendar"):
        c = icalendar.Calendar.from_ical(part.get_payload(decode=True))
        equal([x.errors for x in c.walk() if x.errors], [], f"{what}: errors of icalendar")
        return c
    return None


def check_times(m, event, what):
    for name, lid in (("DTSTART", 0x820d), ("DTEND", 0x820e)):
        want, got = m.props.time(A(lid)), event[name].dt
        if not isinstance(got, datetime.datetime):  # all-day: midnight in the zone of the writer, UTC-14 to UTC+12
            same(m.props.integer(A(0x8215)), f"{what}: {name} is a date")
            midnight = datetime.datetime(got.year, got.month, got.day, tzinfo=UTC)
            same(abs(midnight - want) <= datetime.timedelta(hours=14), f"{what}: {name} is {got}, wanted {want}")
        else:
            equal(got.astimezone(UTC), want, f"{what}: {name}")


def check_meeting(m, event, what):
    """ORGANIZER and ATTENDEEs: the recipients of a meeting, the organizer (0x2 of PidTagRecipientFlags) apart."""
    organizer, guests = event.get("ORGANIZER"), event.get("ATTENDEE", [])
    guests = guests if isinstance(guests, list) else [guests]
    page, meeting = codepage(m), bool(m.props.integer(A(0x8217), 0) & 1)
    who = [(bool(r.integer(0x5ffd, 0) & 2), smtp_of(r, page)) for r in m.recipients]
    equal(sorted(str(z).lower().removeprefix("mailto:") for z in guests),
          sorted(smtp for mine, smtp in who if meeting and not mine and smtp), f"{what}: ATTENDEE")
    known = [smtp for mine, smtp in who if mine and smtp]
    equal(str(organizer).lower().removeprefix("mailto:") if organizer else None, known[0] if known else None,
          f"{what}: ORGANIZER")


def check_appointment(m, e, what):
    c = calendar_of(e, what)
    if c is None:
        return
    events = c.walk("VEVENT")
    main = events[0]
    check_times(m, main, what)
    equal(folded(str(main["SUMMARY"])), folded(subject(m)), f"{what}: SUMMARY")
    equal(str(main.get("LOCATION", "")), text(m, A(0x8208)), f"{what}: LOCATION")
    equal({str(x["UID"]) for x in events}, {m.props.octets(("MEETING", 3)).hex().upper()}, f"{what}: UID")
    equal(bool(main.walk("VALARM")), bool(m.props.integer(("COMMON", 0x8503))), f"{what}: reminder")
    if main.walk("VALARM"):
        equal(main.walk("VALARM")[0]["TRIGGER"].dt, datetime.timedelta(minutes=-m.props.integer(("COMMON", 0x8501))),
              f"{what}: TRIGGER")
    equal(folded(str(main.get("DESCRIPTION", ""))), folded(text(m, 0x1000)), f"{what}: DESCRIPTION")
    equal(str(main["X-MICROSOFT-CDO-BUSYSTATUS"]), BUSY[m.props.integer(A(0x8205), 0)],
          f"{what}: busy")
    check_meeting(m, main, what)
    octets = m.props.octets(A(0x8216))
    equal("RRULE" in main, bool(octets), f"{what}: RRULE")
    if not octets:
        return
    series, until = Series(octets), datetime.datetime(2030, 1, 1)
    days = series.occurrences(until)
    gone = len(series.deleted) - len(series.exceptions)
    say(f"{what}: {len(days)} occurrences, {len(series.exceptions)} changed, {gone} cancelled")
    equal(expanded(events, until), days, f"{what}: occurrences")
    ends = {local(x["DTSTART"]): local(x["DTEND"]) for x in events[1:]}
    equal(ends, {start: end for start, end, _ in series.exceptions}, f"{what}: changed ones")
    inner = {x.props.time(A(0x820d)): x for x in (a.embedded for a in m.attachments) if x}
    for x in events[1:]:
        one = inner.get(x["DTSTART"].dt.astimezone(UTC))
        if same(one is not None, f"{what}: a changed occurrence without a message of its own"):
            equal(x["RECURRENCE-ID"].dt.astimezone(UTC), one.props.time(A(0x8228)), f"{what}: RECURRENCE-ID")
            equal(str(x["X-MICROSOFT-CDO-BUSYSTATUS"]), BUSY[one.props.integer(A(0x8205))], f"{what}: busy, the changed one")
            equal(str(x.get("LOCATION", "")), text(one, A(0x8208)), f"{what}: LOCATION of the changed one")
            equal(folded(str(x["SUMMARY"])), folded(subject(one) or subject(m)), f"{what}: SUMMARY of the changed one")
            equal(folded(str(x.get("DESCRIPTION", ""))), folded(text(one, 0x1000) or text(m, 0x1000)),
                  f"{what}: DESCRIPTION of the changed one")
            files = x.get("ATTACH", [])
            equal(sorted(base64.b64decode(f) for f in (files if isinstance(files, list) else [files])),
                  sorted(a.data for a in one.attachments if a.data), f"{what}: ATTACH of the changed one")


def check_task(m, e, what):
    c = calendar_of(e, what)
    if c is None:
        return
    todo, = c.walk("VTODO")
    for name, lid in (("DTSTART", 0x8104), ("DUE", 0x8105)):
        want = m.props.time(("TASK", lid))
        equal(todo[name].dt if name in todo else None, want.date() if want else None, f"{what}: {name}")
    equal(folded(str(todo["SUMMARY"])), folded(subject(m)), f"{what}: SUMMARY")
    equal(folded(str(todo.get("DESCRIPTION", ""))), folded(text(m, 0x1000)), f"{what}: DESCRIPTION")
    equal(str(todo["STATUS"]), ("NEEDS-ACTION", "IN-PROCESS", "COMPLETED", "NEEDS-ACTION", "CANCELLED")[
        m.props.integer(("TASK", 0x8101), 0)], f"{what}: STATUS")


def check_note(m, e, what):
    c = calendar_of(e, what)
    if c is not None:
        journal, = c.walk("VJOURNAL")
        equal(folded(str(journal["SUMMARY"])), folded(subject(m)), f"{what}: SUMMARY")
        equal(folded(str(journal["DESCRIPTION"])), folded(text(m, 0x1000)), f"{what}: DESCRIPTION")


# ── contacts ──

NAMES = (0x3a11, 0x3a06, 0x3a44, 0x3a45, 0x3a05)
PHONES = (0x3a08, 0x3a1b, 0x3a09, 0x3a2f, 0x3a1c, 0x3a24, 0x3a25, 0x3a21, 0x3a1e, 0x3a02, 0x3a1d, 0x3a1f, 0x3a2e, 0x3a23, 0x3a4b)
PLACES = tuple((("ADDRESS", n), ("ADDRESS", n + 1), ("ADDRESS", n + 2), ("ADDRESS", n + 3), ("ADDRESS", n + 4))
               for n in (0x8045,)) + ((0x3a5d, 0x3a59, 0x3a5c, 0x3a5b, 0x3a5a), (0x3a63, 0x3a5f, 0x3a62, 0x3a61, 0x3a60))


def values(card, name):
    return [x.value for x in card.contents.get(name, [])]


def check_contact(m, e, what):
    part = next((p for p in walk(e) if p.get_content_type() == "text/vcard"), None)
    if not same(part is not None, f"{what}: no text/vcard"):
        return
    equal(part.get_filename(), re.sub(r'[/\\\\:*?"<>|]', "_", subject(m)) + ".vcf", f"{what}: name of the card")
    card = vobject.readOne(text_of(part).replace("\r\n", "\n"))
    said = [text(m, n) for n in NAMES]
    n = card.n.value
    got = [z if isinstance(z, str) else " ".join(z) for z in (n.family, n.given, n.additional, n.prefix, n.suffix)]
    equal(got, [said[0], said[1], said[2], said[3], said[4]], f"{what}: N")
    equal(card.fn.value, text(m, 0x3001), f"{what}: FN")
    digits = collections.Counter(re.sub(r"\W", "", z) for z in values(card, "tel"))
    for tag in PHONES:
        z = text(m, tag)
        same(not z or digits[re.sub(r"\W", "", z)], f"{what}: TEL lacks {tag:#x} {z!r}")
    mails = {z.lower() for z in values(card, "email")}
    for lid in (0x8083, 0x8093, 0x80a3):
        z = text(m, ("ADDRESS", lid)).lower()
        same("@" not in z or z in mails, f"{what}: EMAIL lacks {z!r}")
    equal("".join(values(card, "title")), text(m, 0x3a17), f"{what}: TITLE")
    org = [z for one in values(card, "org") for z in one]
    for tag in (0x3a16, 0x3a18):
        same(not text(m, tag) or text(m, tag) in org, f"{what}: ORG lacks {text(m, tag)!r}")
    lines = [folded(f"{a.street}{a.city}{a.region}{a.code}{a.country}{a.box}{a.extended}") for a in values(card, "adr")]
    for place in PLACES:
        pieces = [folded(text(m, name)) for name in place]
        same(not any(pieces) or any(all(z in line for z in pieces) for line in lines), f"{what}: ADR lacks {pieces}")
    if folded(text(m, 0x1000)):
        same(any(folded(text(m, 0x1000)) in folded(z) for z in values(card, "note")), f"{what}: NOTE lacks the body")
    for tag, name in ((0x3a42, "bday"), (0x3a41, "anniversary")):
        equal(name in card.contents, m.props.time(tag) is not None, f"{what}: {name}")


def check_message(m, e, item, what):
    equal(outlook.subject(str(e["Subject"] or "")), subject(m), f"{what}: Subject")
    check_people(m, e, what)
    check_dates(m, e, item, what)
    check_attachments(m, e, what)
    check_shown(m, e, what)
    special = {"IPM.Contact": check_contact, "IPM.Task": check_task, "IPM.StickyNote": check_note,
               "IPM.Appointment": check_appointment}.get(m.message_class)
    if m.message_class != "IPM.Contact":
        check_body(m, e, what)
    if special:
        special(m, e, what)


# ── stores ──

def make(work, name, store):
    path = os.path.join(work, name)
    with open(path + ".json", "w", encoding="utf-8") as f:
        json.dump({"store": store}, f)
    done = subprocess.run([MAKE, path + ".json", path + ".pst"], capture_output=True, check=False, timeout=60)
    same(done.returncode == 0, f"make_pst: {done.stderr.decode()}")
    return path + ".pst"


def short(path):
    return os.path.basename(path).split("__")[-1].rsplit(".", 1)[0]


def check_messages(work):
    paths = sorted(glob.glob(os.path.join(glob.escape(MISC), "*.msg")))
    found = {short(p): Message.load(p) for p in paths}
    equal(len(found), len(paths), "names")
    pst = make(work, "msg", {"folders": [{"name": n, "messages": [m.description()]} for n, m in found.items()]})
    twins = 0
    for form in ("eml", "maildir"):
        target = os.path.join(work, form)
        run("convert", "--to", form, pst, target)
        run("verify", target)
        items = {item["folder"]: item for item in judge.items_of(target)}
        equal(sorted(items), sorted(found), f"{form}: items")
        files = judge.by_name(target)
        for name, m in found.items():
            path = files.get(os.path.basename(items[name]["stored_as"]), [])
            if not equal(len(path), 1, f"{form}: files of {name}"):
                continue
            octets = judge.read(path[0])
            equal(judge.sha256(octets), items[name]["sha256"], f"{form}: {name}")
            if form == "eml":
                e = check_form(octets, transport(m), name)
                check_message(m, e, items[name], name)
                twins += check_twin(name, e)
    say(f"{twins} RTF bodies as others unpacked them")
    say(f"{len(found)} messages")


# ── winmail.dat ──

def same_file(octets, twin):
    """The same but for line ends, which the repository of the twins turned, and for the class id in front of an OLE object."""
    lines = octets.replace(b"\r\n", b"\n").rstrip(b"\0\n")
    return lines in (twin.replace(b"\r\n", b"\n").rstrip(b"\0\n"), twin[16:].replace(b"\r\n", b"\n").rstrip(b"\0\n"))


def check_unpacked(name, e, issues):
    """What another program unpacked (NAME__FILE) and lists (NAME.list) is there, under the same names."""
    if "mapi.tnef-kept" in issues:
        return 0
    parts = list(walk(e))[1:] if e.is_multipart() else [e]
    base = os.path.join(glob.escape(MISC), "*tnef__" + glob.escape(name))
    octets = [p.get_payload(decode=True) or b"" for p in parts if not p.is_multipart() and p.get_content_maintype() != "message"]
    listed = "".join(judge.read(p).decode() for p in glob.glob(base + ".list")).split("\n")
    names = {p.get_filename() for p in parts}
    for one in listed:
        if one and not one.startswith(("body.", "Untitled")):
            same(one in names, f"{name}: {one!r} is not among {names}")
    count = 0
    for path in glob.glob(base + "__*"):
        file = os.path.basename(path).split("tnef__" + name + "__")[-1]
        twin = judge.read(path)
        if file.startswith("message.") and not file.endswith("rtf"):
            found = any(folded(html_text(text_of(p))) == folded(html_text(outlook.decoded(twin, outlook.charset_in(twin))))
                        for p in parts if p.get_content_type() == f"text/{'html' if file.endswith('html') else 'plain'}")
        elif file == "message.rtf" and b"\\from" in twin[:400]:
            found = any(p.get_content_type() in ("text/html", "text/plain") and p.get_content_disposition() == "inline"
                        for p in parts)
        elif file.startswith("Untitled Attachment.") and any(p.get_content_type() == "message/rfc822" for p in parts):
            continue  # a message, which is one here as well
        else:
            found = any(same_file(z, twin) for z in octets)
        same(found, f"{name}: {file} is nowhere")
        count += 1
    return count


def check_tnef(work):
    paths = [p for kind in ("*.tnef", "*WINMAIL.dat") for p in glob.glob(os.path.join(glob.escape(MISC), kind))]
    files = {short(p): judge.read(p) for p in paths}
    pst = make(work, "tnef", {"folders": [{"name": n, "messages": [
        {"subject": n, "body": "See the file.", "sent": "2024-03-04T10:00:00Z", "received": "2024-03-04T10:00:00Z",
         "from": {"name": "Ada", "address": "ada@harbour.example"},
         "attachments": [{"name": "winmail.dat", "mime": "application/ms-tnef", "data": {"hex": z.hex()}}]}]}
        for n, z in sorted(files.items())]})
    count = 0
    for options in ((), ("--unpack-tnef",)):
        target = os.path.join(work, "tnef" + "".join(options))
        run("convert", "--to", "eml", *options, pst, target)
        items = judge.items_of(target)
        equal(sorted(i["folder"] for i in items), sorted(files), "winmail.dat: items")
        for item in items:
            name, issues = item["folder"], judge.issues_of(item)
            e = check_form(judge.read(os.path.join(target, item["stored_as"])), None, name)
            if options:
                count += check_unpacked(name, e, issues)
            if not options or "mapi.tnef-kept" in issues:
                found = [p.get_payload(decode=True) for p in walk(e) if p.get_filename() == "winmail.dat"]
                equal([hashlib.sha256(z).digest() for z in found], [hashlib.sha256(files[name]).digest()], f"{name}: kept")
    say(f"{len(files)} winmail.dat, {count} parts as others unpacked them")


def main():
    if not glob.glob(os.path.join(glob.escape(MISC), "*.msg")) or not judge.CORPUS:
        judge.skip("no corpus")
    judge.SHOWN = 80
    work = judge.temporary(memory=True)
    check_messages(work)
    check_tnef(work)
    judge.finish()


main()
