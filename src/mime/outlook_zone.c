/* Moments and time zones of calendar objects. Zones are those that the object defines; libical's own table is never asked,
 * because it is that of the host. RFC 5545 3.3.5, 3.6.5; docs/mapi.md [mapi-r52]. */
#include "mime/lids.h"
#include "mime/outlook_ical.h"

#include <string.h>

#define OFFSET_MAX (14 * 3600 + 3600) /* seconds */

static int64_t seconds_of(icaltimetype t)
{
    haul_civil c = {
        t.year, t.month, t.day, t.is_date ? 0 : t.hour, t.is_date ? 0 : t.minute, t.is_date ? 0 : t.second,
        0};
    c.second = c.second > 59 ? 59 : c.second;
    return haul_civil_ok(&c) && c.year > 1601 && c.year < 9999 ? haul_civil_to(&c) : INT64_MIN;
}

/* ── VTIMEZONE ── */

typedef struct observance { /* the one that holds from the latest time on */
    int64_t onset;
    int from, to;
    haul_tz_change change;
} observance;

static int offset_of(icalcomponent *part, icalproperty_kind kind)
{
    icalproperty *p = icalcomponent_get_first_property(part, kind);
    int v = !p                                 ? 0
            : kind == ICAL_TZOFFSETTO_PROPERTY ? icalproperty_get_tzoffsetto(p)
                                               : icalproperty_get_tzoffsetfrom(p);
    return v < -OFFSET_MAX ? -OFFSET_MAX : v > OFFSET_MAX ? OFFSET_MAX : v;
}

/* "the last Sunday of March at 2": by the rule where there is one, else as the day of the onset is. */
static haul_tz_change change_of(icalcomponent *part, int64_t onset)
{
    haul_civil c;
    haul_civil_from(onset, &c);
    haul_tz_change v = {0, c.month, c.weekday, (c.day - 1) / 7 + 1, c.hour, c.minute, c.second};
    icalproperty *p = icalcomponent_get_first_property(part, ICAL_RRULE_PROPERTY);
    if (!p)
        return v;
    struct icalrecurrencetype r = icalproperty_get_rrule(p);
    if (r.by_day[0] != ICAL_RECURRENCE_ARRAY_MAX) {
        int nth = icalrecurrencetype_day_position(r.by_day[0]);
        int weekday = (int)icalrecurrencetype_day_day_of_week(r.by_day[0]);
        if (nth && weekday >= 1 && weekday <= 7) {
            v.day = nth < 0 || nth > 5 ? 5 : nth;
            v.weekday = weekday - 1;
        }
    }
    if (r.by_month[0] >= 1 && r.by_month[0] <= 12)
        v.month = r.by_month[0];
    return v;
}

static void take_observance(icalcomponent *part, observance *io)
{
    icalproperty *p = icalcomponent_get_first_property(part, ICAL_DTSTART_PROPERTY);
    int64_t onset = p ? seconds_of(icalproperty_get_dtstart(p)) : INT64_MIN;
    if (onset == INT64_MIN || onset < io->onset)
        return;
    *io = (observance){onset, offset_of(part, ICAL_TZOFFSETFROM_PROPERTY),
                       offset_of(part, ICAL_TZOFFSETTO_PROPERTY), change_of(part, onset)};
}

static const char *id_of(icalcomponent *zone)
{
    icalproperty *p = icalcomponent_get_first_property(zone, ICAL_TZID_PROPERTY);
    return p ? icalproperty_get_tzid(p) : NULL;
}

/* Its rules of today. */
static bool read_zone(icalcomponent *zone, haul_arena *a, haul_tz *ret)
{
    observance standard = {.onset = INT64_MIN}, daylight = {.onset = INT64_MIN};
    for (icalcomponent *s = icalcomponent_get_first_component(zone, ICAL_ANY_COMPONENT); s;
         s = icalcomponent_get_next_component(zone, ICAL_ANY_COMPONENT)) {
        if (icalcomponent_isa(s) == ICAL_XSTANDARD_COMPONENT)
            take_observance(s, &standard);
        else if (icalcomponent_isa(s) == ICAL_XDAYLIGHT_COMPONENT)
            take_observance(s, &daylight);
    }
    if (standard.onset == INT64_MIN && daylight.onset == INT64_MIN)
        return false;
    haul_tz_rule *r = haul_arena_calloc(a, sizeof(*r));
    if (standard.onset == INT64_MIN)
        standard = (observance){.to = daylight.to};
    r->year = 1601;
    r->standard = r->daylight = standard.to;
    if (daylight.onset != INT64_MIN && standard.change.month) {
        r->daylight = daylight.to;
        r->to_standard = standard.change;
        r->to_daylight = daylight.change;
    }
    *ret = (haul_tz){haul_arena_str(a, id_of(zone)), r, 1};
    return true;
}

static const haul_tz *find_zone(haul_object *o, const char *id)
{
    haul_arena *a = &o->x->o.arena;
    if (o->zone && strcmp(o->zone->id, id) == 0)
        return o->zone;
    for (icalcompiter i = icalcomponent_begin_component(o->all, ICAL_VTIMEZONE_COMPONENT);
         icalcompiter_deref(&i); icalcompiter_next(&i)) {
        icalcomponent *z = icalcompiter_deref(&i);
        const char *own = id_of(z);
        haul_tz *tz = haul_arena_alloc(a, sizeof(*tz));
        if (own && strcmp(own, id) == 0 && strlen(id) <= HAUL_TZ_ID_MAX && read_zone(z, a, tz))
            return o->zone = tz;
    }
    return NULL;
}

/* ── moments ── */

bool haul_object_moment(haul_object *o, icalproperty *p, haul_moment *ret)
{
    icalvalue *v = p ? icalproperty_get_value(p) : NULL;
    icalvalue_kind kind = v ? icalvalue_isa(v) : ICAL_NO_VALUE;
    if (kind != ICAL_DATE_VALUE && kind != ICAL_DATETIME_VALUE)
        return false;
    icaltimetype t = kind == ICAL_DATE_VALUE ? icalvalue_get_date(v) : icalvalue_get_datetime(v);
    haul_moment m = {.local = seconds_of(t), .date = kind == ICAL_DATE_VALUE};
    if (m.local == INT64_MIN)
        return false;
    icalparameter *tzid = icalproperty_get_first_parameter(p, ICAL_TZID_PARAMETER);
    const char *id = tzid ? icalparameter_get_tzid(tzid) : NULL;
    if (!m.date && id && !icaltime_is_utc(t)) {
        m.zone = find_zone(o, id);
        if (!m.zone)
            haul_outlook_issue(o->x, HAUL_ISSUE_OUTLOOK_CALENDAR_ZONE, "%s", id);
    }
    m.us = (m.local - (m.zone ? haul_tz_offset_local(m.zone, m.local) : 0)) * HAUL_US;
    *ret = m;
    return true;
}

void haul_object_put_zone(haul_object *o, const haul_tz *zone, bool recurs)
{
    haul_auto_str structure = {0}, start = {0}, recur = {0};
    const haul_put *to = &o->x->to;
    if (!zone)
        return;
    haul_tz_definition_write(zone, false, &start);
    haul_put_bin(to, HAUL_LID(APPOINTMENT, HAUL_LID_APPT_DEFINITION_START), start.p, start.len);
    haul_put_bin(to, HAUL_LID(APPOINTMENT, HAUL_LID_APPT_DEFINITION_END), start.p, start.len);
    haul_put_text(to, HAUL_LID(APPOINTMENT, HAUL_LID_APPT_TIME_ZONE_DESCRIPTION), zone->id);
    if (!recurs)
        return;
    haul_tz_struct_write(zone, &structure);
    haul_put_bin(to, HAUL_LID(APPOINTMENT, HAUL_LID_APPT_TIME_ZONE_STRUCT), structure.p, structure.len);
    haul_tz_definition_write(zone, true, &recur);
    haul_put_bin(to, HAUL_LID(APPOINTMENT, HAUL_LID_APPT_DEFINITION_RECUR), recur.p, recur.len);
}
