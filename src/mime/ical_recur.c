#include "mime/ical_parts.h"

#include <stdlib.h>

#define EPOCH INT64_C(11644473600) /* seconds from 1601 to 1970 */

haul_when haul_ical_series_time(const haul_series *s, uint32_t minutes)
{
    return (haul_when){
        .local = (int64_t)minutes * 60 - EPOCH, .tz = s->tz, .date = s->all_day, .floating = s->floating};
}

uint32_t haul_ical_minutes(int64_t local)
{
    int64_t minutes = (local + EPOCH) / 60;
    return local < -EPOCH || minutes > UINT32_MAX ? 0 : (uint32_t)minutes;
}

static haul_when on_day(const haul_series *s, uint32_t day)
{
    return haul_ical_series_time(s, day * 1440 + s->r.start_offset);
}

/* RFC 5545 3.3.10: UNTIL has the type of DTSTART; a date with time is in UTC when DTSTART has a zone. */
static icaltimetype until(const haul_series *s)
{
    haul_when last = on_day(s, s->r.end / 1440);
    if (last.date || last.floating)
        return haul_ical_time(&last);
    haul_when utc = {.local = haul_ical_instant(&last)};
    return haul_ical_time(&utc);
}

/* MS-OXCICAL 2.1.3.1.1.8: names of calendars for X-MICROSOFT-CALSCALE. The patterns HjMonth… with the calendar left
 * open are Hijri. */
static const char *scale_of(const haul_recur *r)
{
    static const struct {
        uint16_t type;
        const char *name;
    } rows[] = {{8, "Hebrew"},          {0xe, "JapanLunar"},   {0xf, "ChineseLunar"},
                {0x10, "Saka"},         {0x11, "LunarEtoChn"}, {0x12, "LunarEtoKor"},
                {0x13, "LunarRokuyou"}, {0x14, "KoreaLunar"},  {0x17, "Umalqura"}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        if (rows[i].type == r->calendar)
            return rows[i].name;
    return "Hijri";
}

/* RRULE counts Gregorian months only: the rule goes where Exchange puts such rules, DTSTART stands for itself. */
static void add_other_calendar(haul_ical *c, icalcomponent *to, const haul_series *s)
{
    haul_auto_str rule = {0};
    haul_recur_rule(&s->r, s->r.start / 1440, &rule);
    haul_ical_x(c, c->calendar, "X-MICROSOFT-CALSCALE", scale_of(&s->r));
    haul_ical_x(c, to, "X-MICROSOFT-RRULE", haul_strz(&rule));
    haul_msg_issue(c->m, HAUL_ISSUE_MAPI_RECURRENCE_CALENDAR, "%s: %s", scale_of(&s->r), haul_strz(&rule));
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The deleted instances: DeletedInstanceDates has the original days of modified ones as well (MS-OXOCAL 2.2.1.44.1). */
static void add_exdates(haul_ical *c, icalcomponent *to, const haul_series *s)
{
    const haul_recur *r = &s->r;
    uint32_t *modified = haul_arena_alloc(c->a, (r->n_exceptions + 1) * sizeof *modified);
    for (size_t i = 0; i < r->n_exceptions; i++)
        modified[i] = r->exceptions[i].original / 1440;
    qsort(modified, r->n_exceptions, sizeof *modified, by_value);
    for (size_t i = 0; i < r->n_deleted; i++) {
        uint32_t day = r->deleted[i] / 1440;
        if (bsearch(&day, modified, r->n_exceptions, sizeof *modified, by_value))
            continue;
        haul_when w = on_day(s, day);
        haul_ical_when(c, to, ICAL_EXDATE_PROPERTY, &w);
    }
}

void haul_ical_rule(haul_ical *c, icalcomponent *to, const haul_series *s)
{
    haul_auto_str text = {0};
    if (!haul_recur_gregorian(&s->r)) {
        add_other_calendar(c, to, s);
        return;
    }
    haul_recur_rule(&s->r, s->first, &text);
    struct icalrecurrencetype rule = icalrecurrencetype_from_string(haul_strz(&text));
    if (rule.freq == ICAL_NO_RECURRENCE) {
        haul_msg_issue(c->m, HAUL_ISSUE_MAPI_RECURRENCE_DAMAGED, "%s", haul_strz(&text));
        return;
    }
    if (haul_recur_until(&s->r))
        rule.until = until(s);
    icalcomponent_add_property(to, icalproperty_new_rrule(rule));
    add_exdates(c, to, s);
}
