#include "mime/ical_parts.h"
#include "mime/lids.h"

#include <stdlib.h>
#include <string.h>

enum { /* MS-OXPROPS */
       TAG_START_DATE = 0x0060,
       TAG_END_DATE = 0x0061,
};
#define DAY        86400
#define RECUR_LAST (683000000u) /* minutes since 1601: in the year 2899 */
/* Longer appointments are damage. */
#define LENGTH_MAX (INT64_C(3660) * DAY)

/* MS-OXCICAL 2.1.3.1.1.1: the class of the message decides. */
static const char *method_of(const haul_mapi *o, const char **ret_partstat)
{
    static const struct {
        const char *class, *method, *partstat;
    } rows[] = {
        {"IPM.Schedule.Meeting.Request", "REQUEST", NULL},
        {"IPM.Schedule.Meeting.Canceled", "CANCEL", NULL},
        {"IPM.Schedule.Meeting.Resp.Pos", "REPLY", "ACCEPTED"},
        {"IPM.Schedule.Meeting.Resp.Neg", "REPLY", "DECLINED"},
        {"IPM.Schedule.Meeting.Resp.Tent", "REPLY", "TENTATIVE"},
        {"IPM.Schedule.Meeting.Resp", "REPLY", "NEEDS-ACTION"},
    };
    *ret_partstat = NULL;
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        if (!haul_mapi_is(o, rows[i].class))
            continue;
        *ret_partstat = rows[i].partstat;
        bool counter = rows[i].partstat && haul_prop_bool(haul_bag_lid(&o->props, HAUL_PSET_APPOINTMENT,
                                                                       HAUL_LID_APPT_COUNTER_PROPOSAL));
        return counter ? "COUNTER" : rows[i].method;
    }
    return "PUBLISH";
}

static bool time_lid(const haul_bag *b, uint32_t lid, int64_t *ret)
{
    return haul_ical_stored(haul_bag_lid(b, HAUL_PSET_APPOINTMENT, lid), ret);
}

static bool start_of(const haul_bag *b, int64_t *ret)
{
    return time_lid(b, HAUL_LID_APPT_START_WHOLE, ret) ||
           haul_ical_stored(haul_bag_lid(b, HAUL_PSET_COMMON, HAUL_LID_COMMON_START), ret) ||
           haul_ical_stored(haul_bag_get(b, TAG_START_DATE), ret);
}

static bool end_of(const haul_bag *b, int64_t *ret)
{
    return time_lid(b, HAUL_LID_APPT_END_WHOLE, ret) ||
           haul_ical_stored(haul_bag_lid(b, HAUL_PSET_COMMON, HAUL_LID_COMMON_END), ret) ||
           haul_ical_stored(haul_bag_get(b, TAG_END_DATE), ret);
}

static int64_t midnight_near(int64_t local)
{
    int64_t t = local + DAY / 2;
    return t - ((t % DAY) + DAY) % DAY;
}

/* An all-day event is a day in its zone, stored in UTC (MS-OXOCAL 2.2.1.9). Without the zone, the nearest midnight:
 * right for all zones from -12 to +12 hours. */
static haul_when whole_day(haul_ical *c, int64_t us, const haul_tz *zone)
{
    haul_when w = haul_ical_local(us, zone);
    if (!zone && w.local % DAY) {
        haul_msg_issue(c->m, HAUL_ISSUE_MAPI_CALENDAR_ZONE, "an all-day event");
        w.local = midnight_near(w.local);
    }
    return (haul_when){.local = w.local, .date = true};
}

void haul_ical_span(haul_ical *c, icalcomponent *to, const haul_when *start, haul_when end)
{
    haul_ical_when(c, to, ICAL_DTSTART_PROPERTY, start);
    if (start->date) {
        int64_t first = start->local - ((start->local % DAY) + DAY) % DAY,
                past = (end.local % DAY + DAY) % DAY;
        end.local += past ? DAY - past : 0; /* DTEND is the day after the last one */
        end.local = end.local > first ? end.local : first + DAY;
    } else if (haul_ical_instant(&end) <= haul_ical_instant(start)) {
        return; /* RFC 5545 3.6.1: an event without DTEND takes no time */
    }
    haul_ical_when(c, to, ICAL_DTEND_PROPERTY, &end);
}

static void add_single(haul_ical *c, icalcomponent *to, const haul_bag *b, bool all_day)
{
    int64_t from, until;
    haul_tz zone, end_zone;
    bool counter = c->method && !strcmp(c->method, "COUNTER");
    if (!(counter && time_lid(b, HAUL_LID_APPT_PROPOSED_START, &from)) && !start_of(b, &from)) {
        haul_msg_issue(c->m, HAUL_ISSUE_MAPI_CALENDAR_START, "%s", "");
        c->method = NULL;
        return;
    }
    if (!(counter && time_lid(b, HAUL_LID_APPT_PROPOSED_END, &until)) && !end_of(b, &until))
        until = from;
    bool has_zone = haul_ical_zone(c, b, false, false, &zone);
    if (all_day) {
        haul_when start = whole_day(c, from, has_zone ? &zone : NULL);
        haul_ical_span(c, to, &start, whole_day(c, until, has_zone ? &zone : NULL));
        return;
    }
    bool has_end = haul_ical_zone(c, b, false, true, &end_zone);
    /* The instants are in UTC: one set of rules under one name is enough for both. */
    if (has_zone && has_end && !strcmp(zone.id, end_zone.id))
        end_zone = zone;
    haul_when start = haul_ical_local(from, has_zone ? haul_ical_use(c, &zone) : NULL);
    haul_ical_span(c, to, &start, haul_ical_local(until, has_end ? haul_ical_use(c, &end_zone) : NULL));
}

/* What a counter proposal wants changed (MS-OXCICAL 2.1.3.1.1.20, X-MS-OLK-ORIGINALSTART, -ORIGINALEND). */
static void add_original(haul_ical *c, icalcomponent *to, const haul_bag *b)
{
    int64_t us;
    if (!c->method || strcmp(c->method, "COUNTER") != 0)
        return;
    if (time_lid(b, HAUL_LID_APPT_START_WHOLE, &us))
        haul_ical_x_utc(c, to, "X-MS-OLK-ORIGINALSTART", us);
    if (time_lid(b, HAUL_LID_APPT_END_WHOLE, &us))
        haul_ical_x_utc(c, to, "X-MS-OLK-ORIGINALEND", us);
}

/* A message, or a copy, that is about one instance of a series. */
static bool add_instance(haul_ical *c, icalcomponent *to, const haul_bag *b, bool all_day)
{
    haul_tz zone;
    haul_civil day;
    int64_t us, packed;
    bool has_zone = haul_ical_zone(c, b, true, false, &zone);
    haul_when w;
    if (time_lid(b, HAUL_LID_APPT_EXCEPTION_REPLACE_TIME, &us)) {
        w = all_day ? whole_day(c, us, has_zone ? &zone : NULL)
                    : haul_ical_local(us, has_zone ? haul_ical_use(c, &zone) : NULL);
    } else if (haul_ical_instance_day(b, &day)) {
        const haul_tz *tz = has_zone && !all_day ? haul_ical_use(c, &zone) : NULL;
        w = (haul_when){.local = haul_civil_to(&day), .tz = tz, .date = all_day};
        /* PidLidStartRecurrenceTime: hours, minutes, seconds of the series, packed from bit 12, 6, 0. */
        if (haul_prop_int(haul_bag_lid(b, HAUL_PSET_MEETING, HAUL_LID_START_RECURRENCE_TIME), &packed))
            w.local += (packed >> 12 & 0x1f) * 3600 + (packed >> 6 & 0x3f) * 60 + (packed & 0x3f);
        else if (start_of(b, &us))
            w.local += ((haul_ical_local(us, tz).local % DAY) + DAY) % DAY;
    } else {
        return false;
    }
    haul_ical_when(c, to, ICAL_RECURRENCEID_PROPERTY, &w);
    return true;
}

/* Local times without a zone: what the first instance is in UTC tells the offset, for it at least. */
static void infer_zone(haul_ical *c, haul_series *s, const haul_bag *b)
{
    int64_t us, local = haul_ical_series_time(s, s->first * 1440 + s->r.start_offset).local;
    haul_msg_issue(c->m, HAUL_ISSUE_MAPI_CALENDAR_ZONE, "a series");
    s->floating = true;
    if (!start_of(b, &us))
        return;
    int64_t offset = local - haul_ical_local(us, NULL).local;
    if (llabs(offset) > 14 * 3600 || offset % 900)
        return;
    haul_tz *zone = haul_arena_alloc(c->a, sizeof *zone);
    haul_tz_fixed((int)offset, c->a, zone);
    s->zone = zone;
    s->floating = false;
}

/* What a damaged blob lacks, from the properties beside it. */
static void fill_in(haul_series *s, const haul_bag *b, bool has_zone, const haul_tz *zone)
{
    int64_t start = 0, end = 0, clip;
    bool known = start_of(b, &start);
    int64_t local = haul_ical_local(start, has_zone ? zone : NULL).local;
    uint32_t minutes = known ? haul_ical_minutes(local) : 0;
    if (!(s->r.got & HAUL_RECUR_GOT_DATES)) {
        s->r.start = minutes - minutes % 1440;
        s->r.end = time_lid(b, HAUL_LID_APPT_CLIP_END, &clip) ? haul_ical_minutes(clip / HAUL_US) : 0;
        s->r.end -= s->r.end % 1440;
    }
    if (!(s->r.got & HAUL_RECUR_GOT_TIMES))
        s->r.start_offset = minutes % 1440;
    s->length = ((int64_t)s->r.end_offset - (int64_t)s->r.start_offset) * 60;
    if (!(s->r.got & HAUL_RECUR_GOT_TIMES) || s->length < 0 || s->length > LENGTH_MAX)
        s->length = known && end_of(b, &end) && end > start ? (end - start) / HAUL_US : 0;
}

static bool read_series(haul_ical *c, const haul_bag *b, bool all_day, haul_series *s)
{
    haul_span blob;
    memset(s, 0, sizeof *s);
    s->all_day = all_day;
    if (!haul_prop_bin(haul_bag_lid(b, HAUL_PSET_APPOINTMENT, HAUL_LID_APPT_RECUR), &blob) || !blob.len) {
        if (haul_prop_bool(haul_bag_lid(b, HAUL_PSET_APPOINTMENT, HAUL_LID_APPT_RECURRING)))
            haul_msg_issue(c->m, HAUL_ISSUE_MAPI_RECURRENCE_MISSING, "%s", "");
        return false;
    }
    bool whole = haul_recur_parse(blob.p, blob.len, true, c->a, &s->r);
    haul_tz *zone = haul_arena_alloc(c->a, sizeof *zone);
    bool has_zone = haul_ical_zone(c, b, true, false, zone);
    fill_in(s, b, has_zone, zone);
    bool sane = s->r.got & HAUL_RECUR_GOT_PATTERN && s->r.start && s->r.start < RECUR_LAST &&
                s->r.start_offset < 2 * 1440;
    if (sane && !haul_recur_gregorian(&s->r)) {
        s->first = s->r.start / 1440;
        s->usable = true;
    } else if (sane) {
        s->usable = haul_recur_first(&s->r, &s->first);
    }
    if (!whole || !s->usable)
        haul_msg_issue(c->m, HAUL_ISSUE_MAPI_RECURRENCE_DAMAGED, "of %zu octets%s", blob.len,
                       s->usable ? "" : ": no rule in it");
    if (has_zone)
        s->zone = zone;
    else if (s->usable && !all_day)
        infer_zone(c, s, b);
    s->tz = s->zone && !all_day ? haul_ical_use(c, s->zone) : NULL;
    return s->usable;
}

static haul_rc build(haul_ical *c, icalcomponent *event, const char *partstat, haul_err *e)
{
    const haul_bag *b = &c->o->props;
    bool all_day = haul_prop_bool(haul_bag_lid(b, HAUL_PSET_APPOINTMENT, HAUL_LID_APPT_SUBTYPE)), organizer;
    haul_series series;
    haul_ical_common(c, event, b);
    bool recurs = read_series(c, b, all_day, &series), instance = false;
    if (recurs) {
        haul_when start = haul_ical_series_time(&series, series.first * 1440 + series.r.start_offset),
                  end = start;
        end.local += series.length;
        haul_ical_span(c, event, &start, end);
        haul_ical_rule(c, event, &series);
    } else {
        add_single(c, event, b, all_day);
        instance = add_instance(c, event, b, all_day);
    }
    add_original(c, event, b);
    haul_said said = {.own = b};
    haul_ical_say(c, event, &said, all_day);
    haul_ical_x(c, event, "X-MICROSOFT-CDO-INSTTYPE", recurs ? "1" : instance ? "3" : "0");
    size_t people = haul_ical_people(c, event, c->o, partstat, &organizer);
    /* RFC 5546 3.2: what a method cannot be without, or not be with. PUBLISH has no attendees. */
    bool publish = c->method && !strcmp(c->method, "PUBLISH"),
         cancel = c->method && !strcmp(c->method, "CANCEL");
    bool named = icalcomponent_get_first_property(event, ICAL_SUMMARY_PROPERTY);
    bool may_lack = cancel || (c->method && !strcmp(c->method, "REPLY"));
    if (!organizer || (publish ? people != 0 : !people && !cancel) || (!named && !may_lack))
        c->method = NULL;
    return haul_ical_overrides(c, event, &series, e);
}

haul_rc haul_ical_event(haul_ical *c, haul_err *e)
{
    const char *partstat;
    c->method = method_of(c->o, &partstat);
    c->uid = haul_ical_uid(c, &c->o->props);
    icalcomponent *event = icalcomponent_new_vevent();
    icalcomponent_add_component(c->calendar, event);
    return build(c, event, partstat, e);
}
