"""Made-up series of appointments of every Gregorian kind (MS-OXOCAL 2.2.1.44.1), in zones with and without summer time, with
cancelled and moved occurrences, of which one store is made: the iCalendar that mailhaul writes must expand, as
python3-icalendar and dateutil do it, to the days that tests/series.py counts from the specification."""
import datetime
import email
import email.policy
import json
import os
import random
import struct
import subprocess
import sys

sys.path.append("/usr/lib/python3/dist-packages")  # python3-icalendar, python3-dateutil of Debian
import judge
from judge import equal, run, same, say

try:
    import icalendar
    from series import NEVER, Series, expanded, local
except ImportError as missing:
    judge.skip(f"{missing}: scripts/setup test")

MAKE = os.environ.get("MAKE_PST") or os.path.join(os.path.dirname(judge.PROGRAM), "tests/make_pst")
COUNT = int(os.environ.get("SERIES") or 120)
SEED = int(os.environ.get("SEED") or 20240304)
UNTIL = datetime.datetime(2033, 12, 31, 23, 59)
DAY = datetime.timedelta(days=1)
# PidLidTimeZoneStruct (MS-OXOCAL 2.2.1.39): bias, standard and daylight bias, when they begin: month, weekday, week, hour
ZONES = {"New York": (300, (11, 0, 1, 2), (3, 0, 2, 2)), "Berlin": (-60, (10, 0, 5, 3), (3, 0, 5, 2)),
         "Sydney": (-600, (4, 0, 1, 3), (10, 0, 1, 2)), "Tokyo": (-540, None, None), "Kolkata": (-330, None, None)}


def minutes(t):
    return (t - datetime.datetime(1601, 1, 1)) // datetime.timedelta(minutes=1)


def zone_struct(zone):
    bias, standard, daylight = zone
    def date(rule):
        month, weekday, week, hour = rule or (0, 0, 0, 0)
        return struct.pack("<8H", 0, month, weekday, week, hour, 0, 0, 0)
    return struct.pack("<iii", bias, 0, -60 if daylight else 0) + b"\0\0" + date(standard) + b"\0\0" + date(daylight)


def transition(rule, year):
    month, weekday, week, hour = rule
    days = [d for d in (datetime.datetime(year, month, 1) + DAY * n for n in range(31))
            if d.month == month and (d.weekday() + 1) % 7 == weekday]
    return days[min(week, len(days)) - 1] + datetime.timedelta(hours=hour)


def utc(local_time, zone):
    """Wall clock → UTC, away from the hours that are there twice or not at all."""
    bias, standard, daylight = zone
    if daylight:
        on, off = transition(daylight, local_time.year), transition(standard, local_time.year)
        summer = on <= local_time < off if on < off else not off <= local_time < on
        bias -= 60 * summer
    return local_time + datetime.timedelta(minutes=bias)


def first_date(frequency, kind, period, start, week_starts):
    """FirstDateTime (2.2.1.44.1)"""
    if frequency in (0x200c, 0x200d):
        months = ((start.year - 1601) * 12 + start.month - 1) % period
        return minutes(datetime.datetime(1601 + months // 12, months % 12 + 1, 1))
    if kind == 0:
        return minutes(start) % period
    week = start - DAY * (((start.weekday() + 1) % 7 - week_starts) % 7)
    return minutes(week) % (10080 * (1 if frequency == 0x200a else period))


class Made:
    """One series: what is stored of it, and the fields to compare."""

    def __init__(self, r):
        self.zone_name = r.choice(sorted(ZONES))
        self.zone = ZONES[self.zone_name]
        self.all_day = r.random() < 0.2
        self.offset = 0 if self.all_day else r.choice((480, 555, 840, 1290))
        self.length = 1440 * r.choice((1, 1, 3)) if self.all_day else r.choice((0, 30, 90, 720))
        self.week_starts = r.choice((0, 0, 1, 6))
        self.frequency, self.kind, self.period, self.specific = self.pattern(r)
        day = datetime.datetime(r.randrange(2005, 2026), r.randrange(1, 13), r.randrange(1, 29))
        probe = Series(self.blob(day, [], [], NEVER, 0x2023, 10))
        n = 0
        while not probe.on(day) and n < 1500:
            day, n = day + DAY, n + 1
            if self.frequency in (0x200c, 0x200d):  # counts from the month it begins in
                probe = Series(self.blob(day, [], [], NEVER, 0x2023, 10))
        self.day = day
        end = r.choice((0x2021, 0x2022, 0x2023))
        probe = Series(self.blob(day, [], [], NEVER, 0x2023, 10))
        self.days = [d for d in probe.occurrences(datetime.datetime(2033, 12, 31))]
        self.days = [d.replace(hour=0, minute=0) for d in self.days]
        if end != 0x2023:
            self.days = self.days[:r.choice((1, 2, 7, 30))]
        last = NEVER if end == 0x2023 else minutes(self.days[-1] + (DAY * r.choice((0, 0, 1)) if end == 0x2021 else DAY * 0))
        touched = r.sample(self.days[:40], min(len(self.days[:40]) - 1, r.choice((0, 0, 1, 3, 6)))) if len(self.days) > 1 else []
        self.moved = {}
        for d in sorted(touched):
            if r.random() < 0.5:
                later = 0 if self.all_day else r.choice((30, -45, 0))
                to = d + DAY * r.choice((0, 0, 1, -1)) + datetime.timedelta(minutes=self.offset + later)
                taken = {x + datetime.timedelta(minutes=self.offset) for x in self.days} | set(self.moved.values())
                self.moved[d] = to if to not in taken else d + datetime.timedelta(minutes=self.offset)
        self.touched = sorted(touched)
        self.octets = self.blob(day, self.touched, sorted(self.moved.items()), last, end, len(self.days) if end != 0x2023 else 10)

    @staticmethod
    def pattern(r):
        which = r.randrange(8)
        if which == 0:
            return 0x200a, 0, 1440 * r.choice((1, 2, 3, 10)), b""
        if which == 1:
            return 0x200a, 1, 1, struct.pack("<I", 0x3e)  # every weekday
        if which in (2, 3):
            return 0x200b, 1, r.choice((1, 1, 2, 3)), struct.pack("<I", r.randrange(1, 128))
        frequency, period = r.choice(((0x200c, r.choice((1, 2, 3, 6))), (0x200d, 12), (0x200d, 24)))
        if which == 4:
            return frequency, 2, period, struct.pack("<I", r.choice((1, 15, 28, 29, 30, 31)))
        if which == 5:
            return frequency, 4, period, struct.pack("<I", 31)
        days = r.choice([1 << n for n in range(7)] + [0x7f, 0x3e, 0x41])  # one weekday, any day, workdays, weekends
        return frequency, 3, period, struct.pack("<II", days, r.randrange(1, 6))

    def blob(self, start, touched, moved, last, end, count):
        pieces = [struct.pack("<HHHHHIII", 0x3004, 0x3004, self.frequency, self.kind, 0, first_date(
            self.frequency, self.kind, self.period, start, self.week_starts), self.period, 0), self.specific,
                  struct.pack("<III", end, count, self.week_starts)]
        for dates in (touched, sorted(to.replace(hour=0, minute=0) for _, to in moved)):
            pieces.append(struct.pack(f"<I{len(dates)}I", len(dates), *map(minutes, dates)))
        pieces.append(struct.pack("<IIIIIIH", minutes(start), last, 0x3006, 0x3009, self.offset, self.offset + self.length,
                                  len(moved)))
        for day, to in moved:
            at = minutes(to)
            pieces.append(struct.pack("<IIIH", at, at + self.length, minutes(day) + self.offset, 0))
        pieces.append(struct.pack("<I", 0))
        pieces += [struct.pack("<III", 4, 0, 0)] * len(moved)  # ChangeHighlight, ReservedBlockEE1
        pieces.append(struct.pack("<I", 0))
        return b"".join(pieces)

    def message(self, name):
        start = utc(self.day + datetime.timedelta(minutes=self.offset), self.zone)
        end = utc(self.day + datetime.timedelta(minutes=self.offset + self.length), self.zone)
        named = [(0x820d, "0x0040", start.isoformat() + "Z"), (0x820e, "0x0040", end.isoformat() + "Z"),
                 (0x8215, "0x000B", self.all_day), (0x8223, "0x000B", True), (0x8216, "0x0102", {"hex": self.octets.hex()}),
                 (0x8233, "0x0102", {"hex": zone_struct(self.zone).hex()}), (0x8234, "0x001F", self.zone_name)]
        return {"class": "IPM.Appointment", "subject": name, "sent": "2024-03-04T09:00:00Z", "received": "2024-03-04T09:00:00Z",
                "named": [{"set": "APPOINTMENT", "lid": lid, "type": kind, "value": value} for lid, kind, value in named]}


def check(made, octets, what):
    e = email.message_from_bytes(octets, policy=email.policy.default)
    part = next((p for p in e.walk() if p.get_content_type() == "text/calendar"), None)
    if not same(part is not None, f"{what}: no text/calendar"):
        return
    text = part.get_payload(decode=True)
    events = icalendar.Calendar.from_ical(text).walk("VEVENT")
    main = next(x for x in events if "RECURRENCE-ID" not in x)
    what += f" ({made.octets.hex()}, {main['RRULE'].to_ical().decode()}, {made.zone_name})"
    equal(isinstance(main["DTSTART"].dt, datetime.datetime), not made.all_day, f"{what}: all day")
    got, want = expanded(events, UNTIL), [t for t in Series(made.octets).occurrences(UNTIL)]
    if got != want:
        equal((sorted(set(got) - set(want))[:4], sorted(set(want) - set(got))[:4]), ([], []), f"{what}: too many, missing")
    same(got == want, f"{what}: occurrences")
    if not made.all_day:  # the instants of the zone, over all changes of its clock
        for t in want[:60]:
            zone = main["DTSTART"].dt.tzinfo
            instant = zone.localize(t) if hasattr(zone, "localize") else t.replace(tzinfo=zone)
            instant = instant.astimezone(datetime.timezone.utc).replace(tzinfo=None)
            if not equal(instant, utc(t, made.zone), f"{what}: {t} in UTC"):
                break
    for x in events:
        length = local(x["DTEND"]) - local(x["DTSTART"]) if "DTEND" in x else datetime.timedelta(0)
        equal(length, datetime.timedelta(minutes=made.length), f"{what}: length")


def main():
    r = random.Random(SEED)
    made = {f"series {n}": Made(r) for n in range(COUNT)}
    work = judge.temporary(memory=True)
    pst = os.path.join(work, "series.pst")
    with open(pst + ".json", "w", encoding="utf-8") as f:
        json.dump({"store": {"folders": [{"name": "Calendar", "class": "IPF.Appointment", "messages": [
            x.message(name) for name, x in made.items()]}]}}, f)
    done = subprocess.run([MAKE, pst + ".json", pst], capture_output=True, check=False, timeout=60)
    same(done.returncode == 0, f"make_pst: {done.stderr.decode()}")
    target = os.path.join(work, "eml")
    run("convert", "--to", "eml", pst, target)
    items = judge.items_of(target)
    equal(len(items), len(made), "items")
    for item, (name, one) in zip(items, made.items()):
        check(one, judge.read(os.path.join(target, item["stored_as"])), name)
        found = {x for x in judge.issues_of(item) if not x.startswith("target.")}
        equal(found, set(), f"{name}: issues")
    say(f"{len(made)} series, {sum(len(x.moved) for x in made.values())} occurrences changed, seed {SEED}")
    judge.finish()


main()
