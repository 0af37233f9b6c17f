"""Calendars of real stores against readpst: the same appointments, with the same start, end
and rule; and every iCalendar object is one that libical parses without an error and finds in order for its METHOD."""
import collections
import ctypes
import ctypes.util
import datetime
import email
import email.policy
import os
import re
import shutil
import subprocess
import zoneinfo

import judge
import outlook
from judge import equal, run, say

STORES = ("pstextractortest@outlook.com.ost", "pstextractortestpdf@outlook.com.ost", "dist-list.pst")
ZONES = {"Pacific Standard Time": "America/Los_Angeles"}  # Windows names in these stores


def libical():
    name = ctypes.util.find_library("ical")
    lib = ctypes.CDLL(name) if name else None
    if lib:
        lib.icalparser_parse_string.restype = ctypes.c_void_p
        for f in (lib.icalrestriction_check, lib.icalcomponent_count_errors, lib.icalcomponent_free):
            f.argtypes = [ctypes.c_void_p]
    return lib


def accepted(lib, octets):
    c = lib.icalparser_parse_string(octets)
    good = bool(c) and bool(lib.icalrestriction_check(c)) and lib.icalcomponent_count_errors(c) == 0
    if c:
        lib.icalcomponent_free(c)
    return good


def objects(directory):
    """(is a message about a meeting, text/calendar part) of every .eml."""
    for where, _, names in os.walk(directory):
        for name in sorted(n for n in names if n.endswith(".eml")):
            with open(os.path.join(where, name), "rb") as f:
                m = email.message_from_bytes(f.read(), policy=email.policy.default)
            for p in m.walk():
                if p.get_content_type() == "text/calendar":
                    octets = p.get_payload(decode=True)
                    method = re.search(rb"^METHOD:(\S+)", octets, re.M)
                    equal(p.get_param("method") or "", method.group(1).decode() if method else "", f"{name}: method")
                    yield p.get_param("method") in ("REQUEST", "REPLY", "CANCEL", "COUNTER"), octets


def value(event, name):
    m = re.search(rf"^{name}([^:\n]*):(.*)$", event, re.M)
    return (m.group(1), m.group(2)) if m else (None, None)


def instant(params, text):
    """A date as it is; a time in UTC."""
    if text is None or len(text) == 8:
        return text
    t = datetime.datetime.strptime(text[:15], "%Y%m%dT%H%M%S")
    zone = re.search(r'TZID="?([^";]*)', params)
    if zone:
        t = t.replace(tzinfo=zoneinfo.ZoneInfo(ZONES[zone.group(1)])).astimezone(datetime.timezone.utc)
    return t.strftime("%Y%m%dT%H%M%SZ")


def first_event(text):
    text = re.sub(r"\n[ \t]", "", text.replace("\r\n", "\n"))
    m = re.search(r"BEGIN:VEVENT\n(.*?)END:VEVENT", text, re.S)
    if not m:
        return None
    rule = value(m.group(1), "RRULE")[1]
    return (value(m.group(1), "SUMMARY")[1], instant(*value(m.group(1), "DTSTART")), instant(*value(m.group(1), "DTEND")),
            ",".join(sorted(rule.split(";"))) if rule else "")


def as_days(e):
    """readpst writes an all-day event as the UTC of its midnights: the day is that of the nearest one."""
    def day(t):
        if t is None or len(t) == 8:
            return t
        noon = datetime.datetime.strptime(t, "%Y%m%dT%H%M%SZ") + datetime.timedelta(hours=12)
        return noon.strftime("%Y%m%d")
    return (e[0], day(e[1]), day(e[2]), e[3])


def theirs_of(store, directory):
    os.mkdir(directory)
    subprocess.run(["readpst", "-q", "-o", directory, "-e", "-ta", store], check=False, capture_output=True, timeout=300)
    found = []
    for where, _, names in os.walk(directory):
        for name in names:
            with open(os.path.join(where, name), encoding="utf-8", errors="replace") as f:
                e = first_event(f.read())
            if e:
                found.append(e)
    return found


def compare(lib, store, directory):
    target = os.path.join(directory, "ours")
    run("convert", store, target, "--to", "eml")
    ours, n = [], 0
    for about_meeting, octets in objects(target):
        n += 1
        equal(accepted(lib, octets), True, f"libical accepts object {n}")
        e = None if about_meeting else first_event(octets.decode("utf-8"))
        if e:
            ours.append(e)
    whole_days = {e for e in ours if e[1] and len(e[1]) == 8}
    theirs = [as_days(e) if as_days(e) in whole_days else e for e in theirs_of(store, os.path.join(directory, "theirs"))]
    missing = collections.Counter(theirs) - collections.Counter(ours)
    equal(sorted(missing.elements()), [], f"{os.path.basename(store)}: appointments of readpst that mailhaul has not")
    say(f"{os.path.basename(store)}: {n} objects, {len(theirs)} appointments of readpst")
    equal(len(theirs) > 0, True, "readpst found some")


def known(store):
    """What java-libpst's own test says of its store: a series on Tuesdays at 8, one day deleted, two moved to 9 and 10."""
    directory = judge.temporary()
    run("convert", store, os.path.join(directory, "ours"), "--to", "eml")
    text = "".join(o.decode("utf-8") for _, o in objects(directory)).replace("\r\n", "\n")
    equal(sorted(t[-6:-4] for t in re.findall(r"^DTSTART;TZID=[^:]*:(.*)$", text, re.M)), ["08", "09", "10"], "hours")
    equal(re.findall(r"^EXDATE[^:]*:(.*)$", text, re.M), ["20160809T080000"], "deleted")
    equal(re.findall(r"^RECURRENCE-ID[^:]*:(.*)$", text, re.M), ["20160823T080000", "20160830T080000"], "moved")
    for words in ("appointment at 9", "the one at 10"):
        equal(words in text, True, words)


def main():
    lib = libical()
    stores = [p for p in outlook.stores() if p.endswith(STORES)]
    if not lib or not shutil.which("readpst") or not stores:
        judge.skip("no libical, readpst or stores: scripts/stores fetches two")
    for store in stores:
        compare(lib, store, judge.temporary())
        if "dist-list" in store:
            known(store)
    judge.finish()


main()
