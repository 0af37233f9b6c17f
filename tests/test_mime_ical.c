/* Calendar objects from MAPI items made by hand. What they should say follows MS-OXCICAL, RFC 5545 and RFC 5546; libical's
 * parser and its iTIP restrictions judge every one of them. */
#include "base/time.h"
#include "mime/ical.h"
#include "mime/recur.h"
#include "testing_mapi.h"

#include <criterion/criterion.h>
#include <libical/ical.h>
#include <string.h>

#define APPT(n)  LID(HAUL_PSET_APPOINTMENT, n)
#define MEET(n)  LID(HAUL_PSET_MEETING, n)
#define COMM(n)  LID(HAUL_PSET_COMMON, n)
#define TASK(n)  LID(HAUL_PSET_TASK, n)
#define SUBJECT  TAG(0x0037)
#define MODIFIED TAG(0x3008)

typedef struct built {
    haul_msg *msg;
    haul_str text;     /* as written */
    haul_str unfolded; /* LF line ends, one property a line, "\n" in front of the first */
    const char *method;
} built;

static void check_lines(const haul_str *text)
{
    const char *p = haul_strz(text);
    for (const char *end; (end = strstr(p, "\r\n")); p = end + 2)
        cr_expect(end - p <= 75 && !memchr(p, '\n', (size_t)(end - p)), "%.*s", (int)(end - p), p);
    cr_expect(!*p);
}

static void check_libical(const haul_str *text)
{
    icalcomponent *c = icalparser_parse_string(haul_strz(text));
    cr_assert(c);
    cr_expect(icalrestriction_check(c) && icalcomponent_count_errors(c) == 0, "%s",
              icalcomponent_as_ical_string(c));
    icalcomponent_free(c);
}

static built build(haul_mapi *o, const char *body)
{
    built b = {.msg = haul_msg_new(), .method = "?"};
    haul_err e = {0};
    cr_assert(haul_ical_is(o));
    cr_assert(haul_ical_build(o, b.msg, body, &b.text, &b.method, &e) == HAUL_OK, "%s", e.text);
    check_lines(&b.text);
    check_libical(&b.text);
    haul_str_addc(&b.unfolded, '\n');
    for (const char *p = haul_strz(&b.text); *p; p++) {
        if (!strncmp(p, "\r\n ", 3))
            p += 2;
        else if (*p != '\r')
            haul_str_addc(&b.unfolded, *p);
    }
    haul_str again = {0};
    cr_assert(haul_ical_build(o, b.msg, body, &again, &b.method, &e) == HAUL_OK);
    cr_expect_str_eq(haul_strz(&again), haul_strz(&b.text));
    haul_str_done(&again);
    return b;
}

static void done(built *b)
{
    haul_msg_unref(b->msg);
    haul_str_done(&b->text);
    haul_str_done(&b->unfolded);
}

static void has(const built *b, const char *line)
{
    haul_auto_str want = {0};
    haul_str_addf(&want, "\n%s\n", line);
    cr_expect(strstr(haul_strz(&b->unfolded), haul_strz(&want)), "no line %s in%s", line,
              haul_strz(&b->unfolded));
}

static void lacks(const built *b, const char *begin)
{
    haul_auto_str want = {0};
    haul_str_addf(&want, "\n%s", begin);
    cr_expect(!strstr(haul_strz(&b->unfolded), haul_strz(&want)), "%s in%s", begin, haul_strz(&b->unfolded));
}

/* ---- blobs ---- */

static void put(haul_str *s, uint32_t v, unsigned octets)
{
    for (unsigned i = 0; i < octets; i++)
        haul_str_addc(s, (char)(v >> (8 * i)));
}

static uint32_t minute(const char *iso)
{
    int64_t us = 0;
    cr_assert(haul_iso_parse(iso, &us));
    return (uint32_t)((us / HAUL_US + INT64_C(11644473600)) / 60);
}

/* RecurrencePattern: every week on the days of the mask, n times, from a day on. */
static void put_weekly(haul_str *s, uint32_t mask, uint32_t n, const char *from, const char *const *deleted,
                       size_t n_deleted, const char *modified)
{
    put(s, 0x3004, 2), put(s, 0x3004, 2), put(s, 0x200b, 2), put(s, 1, 2), put(s, 0, 2);
    put(s, 8640, 4), put(s, 1, 4), put(s, 0, 4), put(s, mask, 4);
    put(s, 0x2022, 4), put(s, n, 4), put(s, 0, 4);
    put(s, (uint32_t)n_deleted, 4);
    for (size_t i = 0; i < n_deleted; i++)
        put(s, minute(deleted[i]), 4);
    put(s, modified ? 1 : 0, 4);
    if (modified)
        put(s, minute(modified), 4);
    put(s, minute(from), 4), put(s, minute(from) + 7 * 1440 * n, 4);
}

static void put_times(haul_str *s, uint32_t start, uint32_t end)
{
    put(s, 0x3006, 4), put(s, 0x3009, 4), put(s, start, 4), put(s, end, 4);
}

static void put_text16(haul_str *s, const char *z)
{
    put(s, (uint32_t)strlen(z), 2);
    for (; *z; z++)
        put(s, (unsigned char)*z, 2);
}

/* TZDEFINITION of one rule: Berlin as Windows names it (MS-OXOCAL 2.2.1.41). */
static void set_berlin(haul_mapi *o, haul_bag *b, haul_prop which)
{
    haul_auto_str s = {0};
    const char *name = "W. Europe Standard Time";
    put(&s, 2, 1), put(&s, 1, 1), put(&s, 6 + 2 * (uint32_t)strlen(name), 2), put(&s, 2, 2);
    put_text16(&s, name);
    put(&s, 1, 2), put(&s, 0x102, 2), put(&s, 0x3e, 2), put(&s, 2, 2), put(&s, 1601, 2);
    put(&s, 0, 4), put(&s, 0, 4), put(&s, 0, 4), put(&s, 0, 2);
    put(&s, (uint32_t)-60, 4), put(&s, 0, 4), put(&s, (uint32_t)-60, 4);
    const uint32_t standard[] = {0, 10, 0, 5, 3, 0, 0, 0}, daylight[] = {0, 3, 0, 5, 2, 0, 0, 0};
    for (size_t i = 0; i < 8; i++)
        put(&s, standard[i], 2);
    for (size_t i = 0; i < 8; i++)
        put(&s, daylight[i], 2);
    set_bin(o, b, which, s.p, s.len);
}

static haul_mapi *appointment(const char *class)
{
    haul_mapi *o = testing_mapi(class);
    set_text(o, &o->props, SUBJECT, "Weekly, round");
    set_time(o, &o->props, MODIFIED, "2024-02-01T08:00:00Z");
    set_time(o, &o->props, APPT(0x820d), "2024-03-26T09:00:00Z");
    set_time(o, &o->props, APPT(0x820e), "2024-03-26T10:30:00Z");
    return o;
}

/* The global object id of MS-OXOCAL 2.2.1.27, with a day of an instance or none. */
static void set_goid(haul_mapi *o, unsigned year, unsigned month, unsigned day, const char *vcal)
{
    haul_auto_str s = {0};
    static const uint8_t head[16] = {4,    0,    0,    0,    0x82, 0,    0xe0, 0,
                                     0x74, 0xc5, 0xb7, 0x10, 0x1a, 0x82, 0xe0, 8};
    haul_str_add(&s, head, 16);
    put(&s, year >> 8, 1), put(&s, year & 0xff, 1), put(&s, month, 1), put(&s, day, 1);
    put(&s, 0, 4), put(&s, 0, 4), put(&s, 0, 4), put(&s, 0, 4);
    put(&s, vcal ? (uint32_t)strlen(vcal) + 13 : 2, 4);
    if (vcal)
        haul_str_add(&s, "vCal-Uid\1\0\0\0", 12), haul_str_add(&s, vcal, strlen(vcal) + 1);
    else
        put(&s, 0xabcd, 2);
    set_bin(o, &o->props, MEET(3), s.p, s.len);
}

static void set_sender(haul_mapi *o, const char *name, const char *address)
{
    set_text(o, &o->props, TAG(0x0042), name);
    set_text(o, &o->props, TAG(0x0064), "SMTP");
    set_text(o, &o->props, TAG(0x0065), address);
    set_text(o, &o->props, TAG(0x5d02), address);
}

/* ---- single appointments and meeting messages ---- */

Test(ical, single)
{
    haul_auto(haul_mapi) *o = appointment("IPM.Appointment");
    haul_prop keywords = NAMED(HAUL_PSET_PUBLIC_STRINGS, "Keywords");
    set_text(o, &o->props, APPT(0x8208), "Room 1; left\\right");
    set_int(o, &o->props, APPT(0x8205), 3);
    set_int(o, &o->props, TAG(0x0036), 2);
    set_int(o, &o->props, TAG(0x0017), 2);
    set_bool(o, &o->props, COMM(0x8503), true);
    set_int(o, &o->props, COMM(0x8501), 30);
    set_texts(o, &o->props, keywords, (const char *const[]){"blau", "grün, hell"}, 2);
    set_goid(o, 0, 0, 0, "abc-1@example.org");
    set_sender(o, "Ann", "ann@example.org");
    built b = build(o, "Line one\r\nLine\ttwo\x01, \xc3\xa4\r\n");
    cr_expect_str_eq(b.method, "PUBLISH");
    has(&b, "METHOD:PUBLISH");
    has(&b, "PRODID:-//mailhaul//EN");
    has(&b, "UID:abc-1@example.org");
    has(&b, "DTSTAMP:20240201T080000Z");
    has(&b, "LAST-MODIFIED:20240201T080000Z");
    has(&b, "DTSTART:20240326T090000Z");
    has(&b, "DTEND:20240326T103000Z");
    has(&b, "SUMMARY:Weekly\\, round");
    has(&b, "LOCATION:Room 1\\; left\\\\right");
    has(&b, "DESCRIPTION:Line one\\nLine\ttwo\\, ä\\n");
    has(&b, "CLASS:PRIVATE");
    has(&b, "PRIORITY:1");
    has(&b, "CATEGORIES:blau");
    has(&b, "CATEGORIES:grün  hell");
    has(&b, "X-MICROSOFT-CDO-BUSYSTATUS:OOF");
    has(&b, "X-MICROSOFT-CDO-INSTTYPE:0");
    has(&b, "TRIGGER:-PT30M");
    has(&b, "ORGANIZER;CN=Ann:mailto:ann@example.org");
    cr_expect(haul_msg_has_issue(b.msg, HAUL_ISSUE_MAPI_CALENDAR_CONTROL));
    cr_expect(haul_msg_has_issue(b.msg, HAUL_ISSUE_KEYWORD_NAME_CHANGED));
    lacks(&b, "RECURRENCE-ID");
    done(&b);
}

/* The zone that an appointment is shown in names its times; the day of an all-day event is that of its zone. */
Test(ical, zone)
{
    haul_auto(haul_mapi) *o = appointment("IPM.Appointment");
    set_berlin(o, &o->props, APPT(0x825e));
    built b = build(o, NULL);
    has(&b, "DTSTART;TZID=W. Europe Standard Time:20240326T100000");
    has(&b, "DTEND;TZID=W. Europe Standard Time:20240326T113000");
    has(&b, "TZID:W. Europe Standard Time");
    has(&b, "DTSTART:19700329T020000");
    has(&b, "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3");
    has(&b, "DTSTART:19701025T030000");
    has(&b, "TZOFFSETTO:+0200");
    done(&b);
}

Test(ical, all_day)
{
    for (int with_zone = 0; with_zone < 2; with_zone++) {
        haul_auto(haul_mapi) *o = testing_mapi("IPM.Appointment");
        set_time(o, &o->props, APPT(0x820d), "2024-07-09T22:00:00Z");
        set_time(o, &o->props, APPT(0x820e), "2024-07-11T22:00:00Z");
        set_bool(o, &o->props, APPT(0x8215), true);
        if (with_zone)
            set_berlin(o, &o->props, APPT(0x825e));
        built b = build(o, NULL);
        has(&b, "DTSTART;VALUE=DATE:20240710");
        has(&b, "DTEND;VALUE=DATE:20240712");
        has(&b, "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE");
        lacks(&b, "BEGIN:VTIMEZONE");
        cr_expect(haul_msg_has_issue(b.msg, HAUL_ISSUE_MAPI_CALENDAR_ZONE) == !with_zone);
        cr_expect(!b.method); /* nothing to publish it under: no organizer, no summary */
        done(&b);
    }
}

static haul_mapi *meeting(const char *class)
{
    haul_mapi *o = appointment(class);
    set_goid(o, 0, 0, 0, NULL);
    set_sender(o, "Ann \"A\" Ä", "ann@example.org");
    return o;
}

Test(ical, request)
{
    haul_auto(haul_mapi) *o = meeting("IPM.Schedule.Meeting.Request");
    set_bool(o, &o->props, TAG(0x0063), true);
    set_int(o, &o->props, APPT(0x8201), 4);
    set_int(o, &o->props, APPT(0x8224), 2);
    set_time(o, &o->props, MEET(0x1a), "2024-01-31T07:00:00Z");
    haul_bag *bob = testing_recipient(o, 1, "Bob", "bob@example.org");
    set_int(o, bob, TAG(0x5fff), 3);
    testing_recipient(o, 2, "Eve", "eve@example.org");
    haul_bag *room = testing_recipient(o, 3, "Room 7", NULL);
    set_int(o, room, TAG(0x3905), 7);
    haul_bag *ann = testing_recipient(o, 1, "Ann", "ann@example.org");
    set_int(o, ann, TAG(0x5ffd), 3);
    built b = build(o, NULL);
    cr_expect_str_eq(b.method, "REQUEST");
    has(&b, "UID:040000008200E00074C5B7101A82E008000000000000000000000000000000000000000002000000CDAB");
    has(&b, "ORGANIZER;CN=Ann:mailto:ann@example.org");
    has(&b, "ATTENDEE;CN=Bob;ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED;RSVP=TRUE:mailto:bob@example.org");
    has(&b, "ATTENDEE;CN=Eve;ROLE=OPT-PARTICIPANT;RSVP=TRUE:mailto:eve@example.org");
    has(&b, "ATTENDEE;CN=Room 7;CUTYPE=ROOM;ROLE=NON-PARTICIPANT;RSVP=TRUE:invalid:nomail");
    has(&b, "SEQUENCE:4");
    has(&b, "DTSTAMP:20240131T070000Z");
    has(&b, "X-MICROSOFT-CDO-INTENDEDSTATUS:BUSY");
    done(&b);
}

/* PUBLISH has no attendees (RFC 5546 3.2.1): a meeting in a calendar is a snapshot without METHOD. */
Test(ical, meeting_in_calendar)
{
    haul_auto(haul_mapi) *o = meeting("IPM.Appointment");
    testing_recipient(o, 1, "Bob", "bob@example.org");
    built b = build(o, NULL);
    cr_expect(!b.method);
    lacks(&b, "METHOD");
    has(&b, "ATTENDEE;CN=Bob;ROLE=REQ-PARTICIPANT:mailto:bob@example.org");
    has(&b, "ORGANIZER;CN=Ann ^'A^' Ä:mailto:ann@example.org");
    done(&b);
}

Test(ical, replies)
{
    static const struct {
        const char *class, *method, *attendee;
    } rows[] = {
        {"IPM.Schedule.Meeting.Resp.Pos", "REPLY", "PARTSTAT=ACCEPTED"},
        {"IPM.Schedule.Meeting.Resp.Neg", "REPLY", "PARTSTAT=DECLINED"},
        {"IPM.Schedule.Meeting.Resp.Tent", "REPLY", "PARTSTAT=TENTATIVE"},
        {"IPM.Schedule.Meeting.Resp.Tent", "COUNTER", "PARTSTAT=TENTATIVE"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = meeting(rows[i].class);
        testing_recipient(o, 1, "Boss", "boss@example.org");
        bool counter = !strcmp(rows[i].method, "COUNTER");
        if (counter) {
            set_bool(o, &o->props, APPT(0x8257), true);
            set_time(o, &o->props, APPT(0x8250), "2024-03-27T09:00:00Z");
            set_time(o, &o->props, APPT(0x8251), "2024-03-27T09:30:00Z");
        }
        built b = build(o, NULL);
        cr_expect_str_eq(b.method, rows[i].method);
        haul_auto_str line = {0};
        haul_str_addf(&line, "ATTENDEE;CN=Ann ^'A^' Ä;%s:mailto:ann@example.org", rows[i].attendee);
        has(&b, haul_strz(&line));
        has(&b, "ORGANIZER;CN=Boss:mailto:boss@example.org");
        has(&b, counter ? "DTSTART:20240327T090000Z" : "DTSTART:20240326T090000Z");
        if (counter)
            has(&b, "X-MS-OLK-ORIGINALSTART:20240326T090000Z");
        done(&b);
    }
}

Test(ical, cancelled_instance)
{
    haul_auto(haul_mapi) *o = appointment("IPM.Schedule.Meeting.Canceled");
    set_sender(o, "Ann", "ann@example.org");
    set_goid(o, 2024, 4, 2, NULL);
    set_int(o, &o->props, MEET(0x0e), 11 << 12 | 30 << 6);
    set_berlin(o, &o->props, APPT(0x8260));
    set_bool(o, &o->props, COMM(0x8503), true);
    testing_recipient(o, 1, "Bob", "bob@example.org");
    built b = build(o, NULL);
    cr_expect_str_eq(b.method, "CANCEL");
    has(&b, "STATUS:CANCELLED");
    has(&b, "RECURRENCE-ID;TZID=W. Europe Standard Time:20240402T113000");
    has(&b, "X-MICROSOFT-CDO-INSTTYPE:3");
    /* the day is no part of the series' identity */
    has(&b, "UID:040000008200E00074C5B7101A82E008000000000000000000000000000000000000000002000000CDAB");
    lacks(&b, "BEGIN:VALARM");
    done(&b);
}

/* ---- series ---- */

/* Tuesdays at 10:00 in Berlin from 26 March 2024: across the change to summer time on the 31st. The 2nd is deleted; the 9th
 * was moved to the 10th, with another subject; the embedded message has a text and a file. */
static haul_mapi *series(bool with_zone)
{
    static const char *const deleted[] = {"2024-04-02", "2024-04-09"};
    haul_mapi *o = appointment("IPM.Appointment");
    haul_auto_str s = {0};
    put_weekly(&s, 4, 5, "2024-03-26", deleted, 2, "2024-04-10");
    put_times(&s, 600, 690);
    put(&s, 1, 2);
    put(&s, minute("2024-04-10T11:00:00Z"), 4), put(&s, minute("2024-04-10T12:00:00Z"), 4);
    put(&s, minute("2024-04-09T10:00:00Z"), 4), put(&s, HAUL_RECUR_X_SUBJECT, 2);
    put(&s, 4, 2), put(&s, 3, 2), haul_str_add(&s, "n?w", 3);
    put(&s, 0, 4), put(&s, 4, 4), put(&s, 0, 4), put(&s, 0, 4);
    put(&s, minute("2024-04-10T11:00:00Z"), 4), put(&s, minute("2024-04-10T12:00:00Z"), 4);
    put(&s, minute("2024-04-09T10:00:00Z"), 4), put(&s, 3, 2), put(&s, 'n', 2), put(&s, 0x17e, 2),
        put(&s, 'w', 2);
    put(&s, 0, 4), put(&s, 0, 4);
    set_bin(o, &o->props, APPT(0x8216), s.p, s.len);
    set_text(o, &o->props, APPT(0x8208), "Room 1");
    if (with_zone)
        set_berlin(o, &o->props, APPT(0x8260));
    set_sender(o, "Ann", "ann@example.org");
    set_goid(o, 0, 0, 0, "series@example.org");
    return o;
}

static haul_mapi *embed(haul_mapi *o, const char *replace)
{
    haul_mapi *x = testing_embedded(o, "IPM.OLE.CLASS.{00061055-0000-0000-C000-000000000046}");
    haul_bag *b = &o->attachments[o->n_attachments - 1].props;
    set_int(o, b, TAG(0x7ffd), 2);
    set_time(o, b, TAG(0x7ff9), replace);
    set_time(x, &x->props, MODIFIED, "2024-02-03T08:00:00Z");
    set_text(x, &x->props, TAG(0x1000), "moved");
    return x;
}

Test(ical, series_with_exception)
{
    haul_auto(haul_mapi) *o = series(true);
    haul_mapi *x = embed(o, "2024-04-09T08:00:00Z");
    testing_attachment(x, "a.txt", "hello", 5);
    set_bin(x, &x->props, TAG(0x1013), "<p>moved</p>", 12);
    set_int(x, &x->props, TAG(0x3fde), 65001);
    built b = build(o, "all of it");
    cr_expect_str_eq(b.method, "PUBLISH");
    cr_expect(haul_ical_is_exception(o, 0) && !haul_ical_is_exception(o, 1));
    has(&b, "DTSTART;TZID=W. Europe Standard Time:20240326T100000");
    has(&b, "RRULE:FREQ=WEEKLY;COUNT=5;BYDAY=TU");
    has(&b, "EXDATE;TZID=W. Europe Standard Time:20240402T100000");
    lacks(&b, "EXDATE;TZID=W. Europe Standard Time:20240409");
    has(&b, "RECURRENCE-ID;TZID=W. Europe Standard Time:20240409T100000");
    has(&b, "DTSTART;TZID=W. Europe Standard Time:20240410T110000");
    has(&b, "SUMMARY:nžw");
    has(&b, "DESCRIPTION:moved");
    has(&b, "X-ALT-DESC;FMTTYPE=text/html:<p>moved</p>");
    has(&b, "DESCRIPTION:all of it");
    has(&b, "DTSTAMP:20240203T080000Z");
    has(&b, "ATTACH;VALUE=BINARY;ENCODING=BASE64;X-FILENAME=a.txt:aGVsbG8=");
    cr_expect(!b.msg->issues);
    /* both say where */
    const char *at = strstr(haul_strz(&b.unfolded), "\nLOCATION:Room 1\n");
    cr_expect(at && strstr(at + 1, "\nLOCATION:Room 1\n"));
    done(&b);
}

static void expand(const char *ics, haul_str *to)
{
    icalcomponent *c = icalparser_parse_string(ics);
    icalcomponent *event = icalcomponent_get_first_component(c, ICAL_VEVENT_COMPONENT);
    icalcomponent *zone = icalcomponent_get_first_component(c, ICAL_VTIMEZONE_COMPONENT);
    icaltimezone *tz = icaltimezone_new();
    icaltimezone_set_component(tz, icalcomponent_new_clone(zone));
    icalproperty *start = icalcomponent_get_first_property(event, ICAL_DTSTART_PROPERTY);
    icalproperty *rule = icalcomponent_get_first_property(event, ICAL_RRULE_PROPERTY);
    icaltimetype t = icalproperty_get_dtstart(start);
    t.zone = tz;
    icalrecur_iterator *it = icalrecur_iterator_new(icalproperty_get_rrule(rule), t);
    for (int i = 0; i < 10; i++) {
        t = icalrecur_iterator_next(it);
        if (icaltime_is_null_time(t))
            break;
        t = icaltime_convert_to_zone(t, icaltimezone_get_utc_timezone());
        haul_str_addf(to, "%s%s", to->len ? " " : "", icaltime_as_ical_string(t));
    }
    icalrecur_iterator_free(it);
    icaltimezone_free(tz, 1);
    icalcomponent_free(c);
}

/* The instants, by libical from our VTIMEZONE: 09:00 UTC in winter time, 08:00 in summer time. */
Test(ical, series_instants)
{
    haul_auto(haul_mapi) *o = series(true);
    built b = build(o, NULL);
    haul_auto_str times = {0};
    expand(haul_strz(&b.text), &times);
    cr_expect_str_eq(haul_strz(&times), "20240326T090000Z 20240402T080000Z 20240409T080000Z 20240416T080000Z "
                                        "20240423T080000Z");
    done(&b);
}

/* Without a zone, the first instance tells its offset: one hour. */
Test(ical, series_without_zone)
{
    haul_auto(haul_mapi) *o = series(false);
    built b = build(o, NULL);
    has(&b, "DTSTART;TZID=UTC+0100:20240326T100000");
    cr_expect(haul_msg_has_issue(b.msg, HAUL_ISSUE_MAPI_CALENDAR_ZONE));
    done(&b);
}

Test(ical, orphan_and_lost)
{
    haul_auto(haul_mapi) *o = series(true);
    haul_mapi *x = embed(o, "2024-04-16T08:00:00Z");
    set_time(x, &x->props, APPT(0x820d), "2024-04-16T12:00:00Z");
    set_time(x, &x->props, APPT(0x820e), "2024-04-16T13:00:00Z");
    built b = build(o, NULL);
    has(&b, "RECURRENCE-ID;TZID=W. Europe Standard Time:20240416T100000");
    has(&b, "DTSTART;TZID=W. Europe Standard Time:20240416T140000");
    has(&b, "RECURRENCE-ID;TZID=W. Europe Standard Time:20240409T100000"); /* from the blob alone */
    cr_expect(haul_msg_has_issue(b.msg, HAUL_ISSUE_MAPI_EXCEPTION_ORPHAN));
    done(&b);
}

/* Every truncation of the blob: an object that libical takes, and an issue. */
Test(ical, truncated_blob)
{
    haul_auto(haul_mapi) *whole = series(true);
    haul_span blob;
    cr_assert(haul_prop_bin(haul_bag_lid(&whole->props, HAUL_PSET_APPOINTMENT, 0x8216), &blob));
    for (size_t n = 1; n + 8 < blob.len; n++) {
        haul_auto(haul_mapi) *o = appointment("IPM.Appointment");
        set_bin(o, &o->props, APPT(0x8216), blob.p, n);
        set_berlin(o, &o->props, APPT(0x8260));
        built b = build(o, NULL);
        cr_expect(haul_msg_has_issue(b.msg, HAUL_ISSUE_MAPI_RECURRENCE_DAMAGED), "%zu", n);
        has(&b, "DTSTART;TZID=W. Europe Standard Time:20240326T100000");
        if (n >= 38)
            has(&b, "RRULE:FREQ=WEEKLY;COUNT=5;BYDAY=TU");
        done(&b);
    }
}

Test(ical, no_rule)
{
    haul_auto(haul_mapi) *o = appointment("IPM.Appointment");
    set_bool(o, &o->props, APPT(0x8223), true);
    built b = build(o, NULL);
    cr_expect(haul_msg_has_issue(b.msg, HAUL_ISSUE_MAPI_RECURRENCE_MISSING));
    has(&b, "DTSTART:20240326T090000Z");
    lacks(&b, "RRULE");
    done(&b);
    haul_auto(haul_mapi) *none = testing_mapi("IPM.Appointment.Custom");
    b = build(none, NULL);
    cr_expect(haul_msg_has_issue(b.msg, HAUL_ISSUE_MAPI_CALENDAR_START));
    cr_expect(!b.method);
    done(&b);
}

Test(ical, other_calendar)
{
    haul_auto(haul_mapi) *o = appointment("IPM.Appointment");
    haul_auto_str s = {0};
    put(&s, 0x3004, 2), put(&s, 0x3004, 2), put(&s, 0x200c, 2), put(&s, 10, 2), put(&s, 0, 2);
    put(&s, 0, 4), put(&s, 1, 4), put(&s, 0, 4), put(&s, 15, 4), put(&s, 0x2023, 4), put(&s, 10, 4),
        put(&s, 0, 4);
    put(&s, 0, 4), put(&s, 0, 4), put(&s, minute("2024-03-26"), 4), put(&s, 0x5AE980DF, 4);
    put_times(&s, 600, 690), put(&s, 0, 2), put(&s, 0, 4), put(&s, 0, 4);
    set_bin(o, &o->props, APPT(0x8216), s.p, s.len);
    set_berlin(o, &o->props, APPT(0x8260));
    built b = build(o, NULL);
    has(&b, "X-MICROSOFT-CALSCALE:Hijri");
    has(&b, "X-MICROSOFT-RRULE:FREQ=MONTHLY;BYMONTHDAY=15");
    has(&b, "DTSTART;TZID=W. Europe Standard Time:20240326T100000");
    cr_expect(haul_msg_has_issue(b.msg, HAUL_ISSUE_MAPI_RECURRENCE_CALENDAR));
    done(&b);
}

/* What people set or answered and MS-OXCICAL has no place for. */
Test(ical, answers_and_links)
{
    static const struct {
        int response, state;
        const char *want;
    } rows[] = {{0, 1, NULL},
                {1, 1, "X-MAILHAUL-RESPONSE:ORGANIZER"},
                {1, 0, NULL},
                {2, 3, "X-MAILHAUL-RESPONSE:TENTATIVE"},
                {3, 3, "X-MAILHAUL-RESPONSE:ACCEPTED"},
                {4, 3, "X-MAILHAUL-RESPONSE:DECLINED"},
                {9, 1, NULL}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = appointment("IPM.Appointment");
        haul_bag *r = testing_recipient(o, 1, "Bob", "bob@example.org");
        set_int(o, &o->props, APPT(0x8218), rows[i].response);
        set_int(o, &o->props, APPT(0x8217), rows[i].state);
        set_bool(o, &o->props, COMM(0x8506), true);
        set_text(o, &o->props, COMM(0x8534), "12 km");
        set_text(o, &o->props, COMM(0x8535), "R-7");
        set_bool(o, &o->props, NAMED(HAUL_PSET_PUBLIC_STRINGS, "DoNotForward"), true);
        set_time(o, r, TAG(0x5ffb), "2024-03-01T09:00:00Z");
        set_bool(o, r, TAG(0x5fe1), true);
        set_time(o, r, TAG(0x5fe3), "2024-03-27T09:00:00Z");
        built b = build(o, NULL);
        if (rows[i].want)
            has(&b, rows[i].want);
        else
            lacks(&b, "X-MAILHAUL-RESPONSE");
        has(&b, "CLASS:PRIVATE");
        has(&b, "X-MAILHAUL-MILEAGE:12 km");
        has(&b, "X-MAILHAUL-BILLING:R-7");
        has(&b, "X-MICROSOFT-DONOTFORWARDMEETING:TRUE");
        has(&b, "ATTENDEE;CN=Bob;ROLE=REQ-PARTICIPANT;X-MAILHAUL-REPLIED=\"2024-03-01T09:00:00Z\";"
                "X-MAILHAUL-PROPOSED-START=\"2024-03-27T09:00:00Z\":mailto:bob@example.org");
        done(&b);
    }
}

/* A copy of a meeting without its recipient table: the names that Outlook shows are left. */
Test(ical, attendees_by_name)
{
    haul_auto(haul_mapi) *o = appointment("IPM.Appointment");
    set_text(o, &o->props, APPT(0x823b), "Bob; carol@example.org");
    set_text(o, &o->props, APPT(0x823c), "Dan");
    built b = build(o, NULL);
    has(&b, "ATTENDEE;CN=Bob;ROLE=REQ-PARTICIPANT:invalid:nomail");
    has(&b, "ATTENDEE;ROLE=REQ-PARTICIPANT:mailto:carol@example.org");
    has(&b, "ATTENDEE;CN=Dan;ROLE=OPT-PARTICIPANT:invalid:nomail");
    done(&b);
    (void)testing_recipient(o, 1, "Bob", "bob@example.org");
    b = build(o, NULL);
    has(&b, "ATTENDEE;CN=Bob;ROLE=REQ-PARTICIPANT:mailto:bob@example.org");
    lacks(&b, "ATTENDEE;CN=Dan");
    done(&b);
}

/* ---- tasks, journal, notes ---- */

Test(ical, task)
{
    haul_auto(haul_mapi) *o = testing_mapi("IPM.Task");
    haul_auto_str s = {0};
    put_weekly(&s, 2, 4, "2024-03-04", NULL, 0, NULL);
    set_text(o, &o->props, SUBJECT, "Water the plants");
    set_time(o, &o->props, MODIFIED, "2024-02-01T08:00:00Z");
    set_time(o, &o->props, TASK(0x8104), "2024-03-11T00:00:00Z");
    set_time(o, &o->props, TASK(0x8105), "2024-03-12T00:00:00Z");
    set_time(o, &o->props, TASK(0x810f), "2024-03-13T00:00:00Z");
    set_int(o, &o->props, TASK(0x8101), 2);
    set_r64(o, &o->props, TASK(0x8102), 1.0);
    set_bin(o, &o->props, TASK(0x8116), s.p, s.len);
    set_bool(o, &o->props, COMM(0x8503), true);
    set_time(o, &o->props, COMM(0x8502), "2024-03-11T07:00:00Z");
    set_text(o, &o->props, TASK(0x811f), "Ann");
    set_text(o, &o->props, TASK(0x8121), "Zoe");
    set_text(o, &o->props, TASK(0x8127), "Gardener");
    set_int(o, &o->props, TASK(0x812a), 2);
    built b = build(o, "twice");
    cr_expect(!b.method);
    has(&b, "X-MAILHAUL-TASK-ASSIGNER:Zoe");
    has(&b, "X-MAILHAUL-TASK-ROLE:Gardener");
    has(&b, "X-MAILHAUL-TASK-ACCEPTANCE:ACCEPTED");
    has(&b, "BEGIN:VTODO");
    has(&b, "DTSTART;VALUE=DATE:20240304");
    has(&b, "DUE;VALUE=DATE:20240305");
    has(&b, "RRULE:FREQ=WEEKLY;COUNT=4;BYDAY=MO");
    has(&b, "X-MAILHAUL-TASK-OCCURRENCE:20240311");
    has(&b, "COMPLETED:20240313T000000Z");
    has(&b, "STATUS:COMPLETED");
    has(&b, "PERCENT-COMPLETE:100");
    has(&b, "TRIGGER;VALUE=DATE-TIME:20240311T070000Z");
    has(&b, "X-MAILHAUL-TASK-OWNER:Ann");
    done(&b);
}

Test(ical, task_messages)
{
    static const struct {
        const char *class, *method, *partstat;
    } rows[] = {{"IPM.TaskRequest", "REQUEST", NULL},
                {"IPM.TaskRequest.Accept", "REPLY", "PARTSTAT=ACCEPTED"},
                {"IPM.TaskRequest.Decline", "REPLY", "PARTSTAT=DECLINED"},
                {"IPM.TaskRequest.Update", "REPLY", "PARTSTAT=IN-PROCESS"}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = testing_mapi(rows[i].class);
        set_sender(o, "Ann", "ann@example.org");
        testing_recipient(o, 1, "Bob", "bob@example.org");
        haul_mapi *own = testing_embedded(o, "IPM.Task");
        set_text(own, &own->props, SUBJECT, "Inner");
        set_time(own, &own->props, TASK(0x8104), "2024-03-11T00:00:00Z");
        built b = build(o, NULL);
        cr_expect_str_eq(b.method, rows[i].method);
        has(&b, "SUMMARY:Inner");
        has(&b, rows[i].partstat ? "ORGANIZER;CN=Bob:mailto:bob@example.org"
                                 : "ORGANIZER;CN=Ann:mailto:ann@example.org");
        haul_auto_str line = {0};
        haul_str_addf(&line,
                      rows[i].partstat ? "ATTENDEE;CN=Ann;%s:mailto:ann@example.org"
                                       : "ATTENDEE;CN=Bob;ROLE=REQ-PARTICIPANT:mailto:bob@example.org",
                      rows[i].partstat);
        has(&b, haul_strz(&line));
        cr_expect(!haul_ical_is_exception(o, 0)); /* the task stays an attachment */
        done(&b);
    }
}

Test(ical, journal_and_note)
{
    haul_auto(haul_mapi) *o = testing_mapi("IPM.Activity");
    set_text(o, &o->props, SUBJECT, "Call");
    set_time(o, &o->props, LID(HAUL_PSET_LOG, 0x8706), "2024-03-11T07:00:00Z");
    set_time(o, &o->props, LID(HAUL_PSET_LOG, 0x8708), "2024-03-11T07:25:00Z");
    set_int(o, &o->props, LID(HAUL_PSET_LOG, 0x8707), 25);
    set_text(o, &o->props, LID(HAUL_PSET_LOG, 0x8700), "Phone call");
    set_texts(o, &o->props, COMM(0x8539), (const char *const[]){"Initech"}, 1);
    set_bool(o, &o->props, LID(HAUL_PSET_LOG, 0x870f), true);
    set_bool(o, &o->props, LID(HAUL_PSET_LOG, 0x870e), false);
    built b = build(o, "noted");
    has(&b, "BEGIN:VJOURNAL");
    has(&b, "DTSTART:20240311T070000Z");
    has(&b, "X-MAILHAUL-JOURNAL-END:20240311T072500Z");
    has(&b, "X-MAILHAUL-JOURNAL-DURATION:PT25M");
    has(&b, "X-MAILHAUL-JOURNAL-TYPE:Phone call");
    has(&b, "X-MAILHAUL-COMPANY:Initech");
    has(&b, "X-MAILHAUL-JOURNAL-DOCUMENT:SAVED");
    lacks(&b, "PRINTED");
    lacks(&b, "METHOD");
    done(&b);
    haul_auto(haul_mapi) *note = testing_mapi("IPM.StickyNote");
    set_int(note, &note->props, LID(HAUL_PSET_NOTE, 0x8b00), 3);
    b = build(note, "milk");
    has(&b, "COLOR:yellow");
    has(&b, "DESCRIPTION:milk");
    done(&b);
}

/* Without any id of its own, the item's content tells it from an item of another store at the same node. */
Test(ical, own_uid)
{
    char uid[2][128];
    for (size_t i = 0; i < 2; i++) {
        haul_auto(haul_mapi) *o = testing_mapi("IPM.Appointment");
        o->node = 0x200024;
        set_text(o, &o->props, TAG(0x0037), i ? "Tea" : "Coffee");
        set_time(o, &o->props, APPT(0x820d), "2024-02-03T04:05:06Z");
        built b = build(o, NULL);
        const char *at = strstr(haul_strz(&b.unfolded), "\nUID:");
        cr_assert(at);
        snprintf(uid[i], sizeof uid[i], "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
        cr_expect(strstr(uid[i], "-200024@mailhaul"), "%s", uid[i]);
        done(&b);
    }
    cr_expect_str_neq(uid[0], uid[1]);
}

Test(ical, classes)
{
    static const struct {
        const char *class;
        bool yes;
    } rows[] = {
        {"ipm.appointment", true},        {"IPM.Appointment.Location", true},
        {"IPM.Appointments", false},      {"IPM.Note", false},
        {"IPM.Contact", false},           {"IPM.Schedule.Meeting.Request", true},
        {"IPM.TaskRequest.Accept", true}, {"IPM.StickyNote", true},
        {"IPM.Activity", true},           {"IPM.OLE.CLASS.{00061055-0000-0000-C000-000000000046}", true}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = testing_mapi(rows[i].class);
        cr_expect(haul_ical_is(o) == rows[i].yes, "%s", rows[i].class);
    }
}
