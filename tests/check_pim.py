"""--pim-files: one calendar and one address book a folder beside the target, whole after every run, each zone once, the same
after a kill as without, and grown when the source grows. Judges: python3-icalendar and python3-vobject where they are installed,
else a small reader of lines."""
import glob
import os
import re
import signal
import subprocess
import sys
import time

import judge
from judge import equal, run, same

sys.path.append("/usr/lib/python3/dist-packages")
BAD_DISK = os.environ.get("BAD_DISK") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/bad_disk.so")

ZONE = """BEGIN:VTIMEZONE
TZID:Harbour time
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0%d00
END:STANDARD
END:VTIMEZONE
"""


def event(number, offset=None):
    zone = ZONE % offset if offset else ""
    start = ";TZID=Harbour time:20190102T030405" if offset else ":20190102T030405Z"
    body = (f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//a test//EN\nMETHOD:PUBLISH\n{zone}BEGIN:VEVENT\nUID:event-{number}\n"
            f"DTSTAMP:20190101T000000Z\nDTSTART{start}\nSUMMARY:Event {number}\nEND:VEVENT\nEND:VCALENDAR\n")
    return ("Subject: event\nMIME-Version: 1.0\nContent-Type: text/calendar; charset=utf-8; method=PUBLISH\n"
            f"Message-ID: <event-{number}@harbour.example>\n\n{body}").encode()


def card(number):
    """Every third one as Outlook items come: attached, behind the notes; with somebody else's card in an attached message."""
    vcard = f"BEGIN:VCARD\nVERSION:4.0\nFN:Card {number}\nEND:VCARD\n"
    if number % 3 == 0:
        return ("Subject: card\nX-Mailhaul-Class: IPM.Contact\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n"
                f"Message-ID: <card-{number}@harbour.example>\n\n--b\nContent-Type: message/rfc822\n\n"
                "Subject: x\nContent-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: text/vcard\n\n"
                "BEGIN:VCARD\nVERSION:4.0\nFN:Nobody\nEND:VCARD\n--c--\n--b\n"
                f"Content-Type: text/vcard; charset=utf-8\nContent-Disposition: attachment; filename=x.vcf\n\n{vcard}--b--\n").encode()
    return ("Subject: card\nMIME-Version: 1.0\nContent-Type: text/vcard; charset=utf-8\n"
            f"Message-ID: <card-{number}@harbour.example>\n\n{vcard}").encode()


def source(root, events, cards):
    for n in events:
        judge.write(f"{root}/Appointments 50% sure/{n:05}.eml", event(n, n % 3 or None))
    for n in cards:
        judge.write(f"{root}/People/{n:05}.eml", card(n))
    judge.write(f"{root}/Letters/1.eml", judge.message(1))
    return root


def unfolded(path):
    octets = judge.read(path)
    same(octets.count(b"\n") == octets.count(b"\r\n"), f"{path}: every line ends in CRLF")
    return re.sub(rb"\r\n[ \t]", b"", octets).replace(b"\r\n", b"\n").decode()


def check_calendar(path, wanted):
    text = unfolded(path)
    lines = text.splitlines()
    equal(lines[0], "BEGIN:VCALENDAR", path)
    equal(lines[-1], "END:VCALENDAR", path)
    equal(text.count("BEGIN:VCALENDAR"), 1, f"{path}: calendars")
    equal(sorted(re.findall(r"(?m)^UID:(.*)$", text)), sorted(f"event-{n}" for n in wanted), f"{path}: events")
    zones = re.findall(r"(?ms)^BEGIN:VTIMEZONE\nTZID:(.*?)$.*?TZOFFSETTO:(.*?)$", text)
    equal(len(zones), len({z for z, _ in zones}), f"{path}: each zone once")
    equal(len(zones), len({n % 3 for n in wanted if n % 3}), f"{path}: zones")
    offset = dict(zones)
    for uid, zone in re.findall(r"(?ms)^UID:event-(\d+).*?DTSTART;TZID=\"?(.*?)\"?:", re.sub(r"(?m)^DTSTART:.*", "", text)):
        if int(uid) % 3:
            equal(offset.get(zone), f"+0{int(uid) % 3}00", f"{path}: the zone of event {uid}")
    try:
        import icalendar
    except ImportError:
        return
    calendar = icalendar.Calendar.from_ical(judge.read(path))
    equal(sum(1 for c in calendar.walk("VEVENT")), len(list(wanted)), f"{path}: as icalendar reads it")


def check_cards(path, wanted):
    text = unfolded(path)
    equal(sorted(re.findall(r"(?m)^FN:(.*?)$", text)), sorted(f"Card {n}" for n in wanted), f"{path}: cards")
    try:
        import vobject
    except ImportError:
        return
    equal(len(list(vobject.readComponents(text, validate=False))), len(list(wanted)), f"{path}: as vobject reads it")


def check(target, events, cards):
    pim = target + ".pim"
    equal(sorted(judge.snapshot(pim)), ["Appointments 50% sure.ics", "People.vcf"], "files")
    check_calendar(f"{pim}/Appointments 50% sure.ics", events)
    check_cards(f"{pim}/People.vcf", cards)


def convert(src, target, fmt, **kwargs):
    return run("convert", "--pim-files", "--to", fmt, "--progress", "none", src, target, **kwargs)


def check_grown(work, fmt):
    src, target = source(f"{work}/grown-{fmt}", range(20), range(5)), f"{work}/to-{fmt}"
    convert(src, target, fmt)
    check(target, range(20), range(5))
    source(src, range(20, 30), range(5, 9))
    convert(src, target, fmt)
    check(target, range(30), range(9))
    run("verify", target, src)
    before = judge.snapshot(target + ".pim")
    run("convert", "--to", fmt, src, target)
    equal(judge.snapshot(target + ".pim"), before, "a run that brings nothing")


def check_killed(work):
    src = source(f"{work}/killed", range(2500), range(1000))
    whole = f"{work}/whole"
    started = time.monotonic()
    convert(src, whole, "maildir")
    took = time.monotonic() - started
    wanted = judge.snapshot(whole + ".pim")
    for part in range(1, 6):
        target = f"{work}/part{part}"
        child = subprocess.Popen([judge.PROGRAM, "convert", "--pim-files", "--to", "maildir", "--progress", "none", src, target],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            child.wait(took * part / 6)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
        convert(src, target, "maildir")
        equal(judge.snapshot(target + ".pim"), wanted, f"killed after {part}/6 of the time")


def check_refused(work):
    src = source(f"{work}/refused", range(2), range(2))
    foreign = f"{work}/foreign"
    judge.write(f"{foreign}.pim/mine.ics", b"not yours\n")
    done = convert(src, foreign, "eml", exits=(4,))
    same("is not empty" in done.text, f"a directory of somebody else: {done.text}")
    equal(judge.read(f"{foreign}.pim/mine.ics"), b"not yours\n", "it is left alone")
    late = f"{work}/late"
    run("convert", "--to", "eml", src, late)
    done = convert(src, late, "eml", exits=(2,))
    same("--pim-files" in done.text, f"asked for too late: {done.text}")
    run("convert", "--dry-run", "--pim-files", "--to", "eml", src, f"{work}/dry")
    same(not os.path.exists(f"{work}/dry.pim"), "a dry run writes nothing")


def check_hostile(work):
    """200 000 groups in one field: a parser that calls itself for each has no stack for that. And a calendar of somebody else."""
    ics = "Content-Type: text/calendar\n\nBEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:%s\nDTSTART:20200101T000000Z\nEND:VEVENT\nEND:VCALENDAR\n"
    head = "From: ada@harbour.example\nDate: Mon, 4 Mar 2019 09:15:20 +0100\nMIME-Version: 1.0\n"
    within = ("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nSubject: within\n" + ics % "theirs" +
              "\n--b\n" + ics % "ours" + "\n--b--\n")
    for name, octets in (("groups", head + "To: " + "a:" * 200_000 + "\n" + ics % "groups"), ("within", head + "X-Mailhaul-Class: IPM.Appointment\n" + within)):
        judge.write(f"{work}/hostile/{name}.eml", octets.encode())
    convert(f"{work}/hostile", f"{work}/hostile-out", "eml")
    found = "".join(unfolded(path) for path in glob.glob(f"{work}/hostile-out.pim/**/*.ics", recursive=True))
    equal([("UID:" + uid) in found for uid in ("groups", "ours", "theirs")], [True, True, False], "calendars of hostile messages")


def check_split(work):
    """A store ends between two commits (--split-size), and the run right behind that: what the journal has then, the files have."""
    if not os.path.exists(BAD_DISK) or judge.sanitized():
        return
    mails = [make(i) for i in range(20) for make in (event, card, lambda i: judge.message(i, body=b"The quick brown fox.\n" * 50000))]
    judge.write(f"{work}/split.mbox", judge.mbox_of(mails))
    command = ("convert", "--pim-files", "--split-size", "16M", "--progress", "none", f"{work}/split.mbox")
    run(*command, f"{work}/one.pst")
    run(*command, f"{work}/two.pst", exits=(4,), env=judge.environment(LD_PRELOAD=BAD_DISK, FULL_DISK="two-2.pst.part:1"))
    stored = judge.report_of(f"{work}/two.pst")["totals"]["stored"]
    same(stored, f"nothing was stored before the second store: {stored}")
    run(*command, f"{work}/two.pst")
    equal(judge.snapshot(f"{work}/two.pst.pim"), judge.snapshot(f"{work}/one.pst.pim"), "a run that ends where a store does")


def main():
    work = judge.temporary(memory=True)
    for fmt in ("maildir", "mbox", "eml"):
        check_grown(work, fmt)
    check_refused(work)
    check_hostile(work)
    check_killed(work)
    check_split(work)
    judge.finish()


main()
