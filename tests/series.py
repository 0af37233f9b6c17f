"""Series of appointments, twice over: PidLidAppointmentRecur (MS-OXOCAL 2.2.1.44.5) read day by day from the specification,
and iCalendar as icalendar and dateutil expand it. Neither shares anything with mailhaul."""
import datetime
import struct

import dateutil.rrule
import icalendar

from judge import same

NEVER = 0x5AE980DF  # EndDate of a series without end


class Series:
    """PidLidAppointmentRecur (MS-OXOCAL 2.2.1.44.5), the Gregorian ones."""

    def __init__(self, octets):
        self.octets, self.at = octets, 4
        self.frequency, self.kind, _, _, self.period, _ = self.take("<HHHIII")
        self.days = self.day = self.nth = None
        if self.kind == 1:
            self.days, = self.take("<I")
        elif self.kind in (2, 4):
            self.day, = self.take("<I")
        elif self.kind == 3:
            self.days, self.nth = self.take("<II")
        self.end, _, self.week_starts = self.take("<III")
        self.deleted, self.modified = self.dates(), self.dates()
        self.first, self.last = (self.date(self.take("<I")[0]) for _ in range(2))
        _, _, self.offset, _, count = self.take("<IIIIH")
        self.exceptions = [self.exception() for _ in range(count)]

    def take(self, form):
        found = struct.unpack_from(form, self.octets, self.at)
        self.at += struct.calcsize(form)
        return found

    @staticmethod
    def date(minutes):
        try:
            return datetime.datetime(1601, 1, 1) + datetime.timedelta(minutes=minutes)
        except OverflowError:
            return None

    def dates(self):
        count, = self.take("<I")
        return [self.date(n) for n in self.take(f"<{count}I")]

    def exception(self):
        start, end, original, flags = self.take("<IIIH")
        for bit, size in ((1, None), (2, 4), (4, 4), (8, 4), (16, None), (32, 4), (64, 4), (128, 4), (256, 4)):
            if flags & bit:
                size = size or self.take("<HH")[1]
                self.at += size
        return self.date(start), self.date(end), self.date(original)

    def on(self, day):
        days = (day - self.first).days
        weekday = (day.weekday() + 1) % 7  # Sunday = 0
        if self.kind == 0:
            return days % (self.period // 1440) == 0
        if self.kind == 1:
            start = self.first - datetime.timedelta(((self.first.weekday() + 1) % 7 - self.week_starts) % 7)
            weeks = (day - start).days // 7
            return bool(self.days >> weekday & 1) and weeks % (1 if self.frequency == 0x200a else self.period) == 0
        months = (day.year - self.first.year) * 12 + day.month - self.first.month
        if months % self.period:
            return False
        following = day + datetime.timedelta(1)
        if self.kind == 3 and not self.days >> weekday & 1:
            return False
        if self.kind == 3:  # the nth, or last, of the days of the month that are in the set
            of_month = [day.replace(day=1) + datetime.timedelta(n) for n in range(31)]
            fit = [d for d in of_month if d.month == day.month and self.days >> (d.weekday() + 1) % 7 & 1]
            return day == (fit[-1] if self.nth == 5 else fit[self.nth - 1])
        return day.day == self.day or (day.day < self.day and following.month != day.month)

    def occurrences(self, until):
        """Local starts, as people see them."""
        days, day = set(), self.first
        while day <= min(self.last or until, until):
            if self.on(day):
                days.add(day)
            day += datetime.timedelta(1)
        plain = {d + datetime.timedelta(minutes=self.offset) for d in days - set(self.deleted)}
        return sorted(plain | {start for start, _, _ in self.exceptions})


def local(value):
    """A DATE or DATE-TIME of icalendar as a local time without zone."""
    z = value.dt
    return z.replace(tzinfo=None) if isinstance(z, datetime.datetime) else datetime.datetime(z.year, z.month, z.day)


def dates_of(event, name):
    lists = event.get(name, [])
    return [local(d) for one in (lists if isinstance(lists, list) else [lists]) for d in one.dts]


def expanded(events, until):
    main = next(x for x in events if "RECURRENCE-ID" not in x)
    start, zone = local(main["DTSTART"]), getattr(main["DTSTART"].dt, "tzinfo", None)
    rule = dict(main["RRULE"])
    if "UNTIL" in rule:
        last = rule["UNTIL"][0]
        if isinstance(last, datetime.datetime):
            same(zone is not None and last.tzinfo is not None, "UNTIL is in UTC where DTSTART has a zone (RFC 5545 3.3.10)")
            rule["UNTIL"] = [last.astimezone(zone).replace(tzinfo=None)]
    days = set(dateutil.rrule.rrulestr(icalendar.vRecur(rule).to_ical().decode(), dtstart=start).between(
        datetime.datetime(1601, 1, 1), until, inc=True)) - set(dates_of(main, "EXDATE"))
    for x in events:
        if "RECURRENCE-ID" in x:
            same(local(x["RECURRENCE-ID"]) in days, f"{main['SUMMARY']}: RECURRENCE-ID is no occurrence")
            days.discard(local(x["RECURRENCE-ID"]))
    return sorted(days | {local(x["DTSTART"]) for x in events if "RECURRENCE-ID" in x})
