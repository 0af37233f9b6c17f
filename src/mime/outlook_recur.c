/* RRULE, EXDATE and the times of changed instances as a recurrence of Outlook. MS-OXCICAL 2.1.3.2, MS-OXOCAL 2.2.1.44;
 * docs/mapi.md [mapi-r53]. */
#include "mime/outlook_ical.h"

#include <stdlib.h>
#include <string.h>

#define EPOCH    INT64_C(11644473600) /* seconds from 1601 to 1970 */
#define DAY_MIN  1440u
#define DAY      86400
#define DAYS_MAX 150000u /* that are gone through for the last instance: 400 years */
#define LISTED   1024u   /* deleted or changed instances */
#define UNENDING 0x5ae980dfu
#define NEVER    0x2023u /* haul_recur.end_type */

static bool is_one(const short *v, short *ret)
{
    *ret = v[0];
    return v[0] != ICAL_RECURRENCE_ARRAY_MAX && v[1] == ICAL_RECURRENCE_ARRAY_MAX;
}

static bool any(const short *v)
{
    return v[0] != ICAL_RECURRENCE_ARRAY_MAX;
}

static unsigned weekday_of(uint32_t day)
{
    return (day + 1) % 7; /* 1601-01-01 was a Monday */
}

/* BYDAY as bits from Sunday; *ret_nth: their common position, 0 = none. */
static bool days_of(const struct icalrecurrencetype *rule, uint32_t *ret_mask, int *ret_nth)
{
    uint32_t mask = 0;
    int nth = 0;
    for (size_t i = 0; i < 7 && rule->by_day[i] != ICAL_RECURRENCE_ARRAY_MAX; i++) {
        int weekday = (int)icalrecurrencetype_day_day_of_week(rule->by_day[i]);
        int at = icalrecurrencetype_day_position(rule->by_day[i]);
        if (weekday < 1 || weekday > 7 || (i && at != nth))
            return false;
        mask |= 1u << (weekday - 1);
        nth = at;
    }
    *ret_mask = mask;
    *ret_nth = nth;
    return true;
}

/* BYMONTHDAY=28,29,30;BYSETPOS=-1: the 30th, or the last day of shorter months: what Outlook means by a day. */
static bool month_day(const struct icalrecurrencetype *rule, short setpos, short month, haul_recur *r)
{
    size_t n = 0;
    while (n < 4 && rule->by_month_day[n] != ICAL_RECURRENCE_ARRAY_MAX)
        n++;
    short first = rule->by_month_day[0], last = rule->by_month_day[n ? n - 1 : 0];
    bool run = n > 1 && setpos == -1 && first == 28 && last == (short)(27 + (int)n);
    if (n != 1 && !run)
        return false;
    if (n == 1 && first == -1) {
        r->pattern = HAUL_RECUR_MONTH; /* the 31st, or the last day */
        r->day = 31;
        return true;
    }
    r->pattern = HAUL_RECUR_MONTH;
    r->day = (uint32_t)last;
    static const short lengths[] = {28, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return last >= 1 && (last <= 28 || run || last <= lengths[month]); /* month 0: those that all have */
}

static bool take_months(const struct icalrecurrencetype *rule, uint32_t start_day, haul_recur *r)
{
    int y, m, d, nth;
    uint32_t mask;
    short setpos = 0, month = 0;
    bool positioned = is_one(rule->by_set_pos, &setpos);
    haul_recur_civil(start_day, &y, &m, &d);
    if (!days_of(rule, &mask, &nth) || (any(rule->by_set_pos) && !positioned) ||
        (any(rule->by_month) && (!is_one(rule->by_month, &month) || month != m)))
        return false;
    if (any(rule->by_month_day))
        return !mask && month_day(rule, setpos, month, r);
    if (!mask) {
        r->pattern = HAUL_RECUR_MONTH;
        r->day = (uint32_t)d;
        return d <= 28 || month; /* other rules leave out short months */
    }
    nth = positioned ? setpos : nth;
    r->pattern = HAUL_RECUR_MONTH_NTH;
    r->days = mask;
    r->nth = nth == -1 ? 5 : (uint32_t)nth;
    return nth == -1 || (nth >= 1 && nth <= 4);
}

static bool take_rule(const struct icalrecurrencetype *rule, uint32_t start_day, haul_recur *r)
{
    int nth = 0;
    uint32_t interval = rule->interval > 0 ? (uint32_t)rule->interval : 1;
    if (any(rule->by_hour) || any(rule->by_minute) || any(rule->by_second) || any(rule->by_week_no) ||
        any(rule->by_year_day) || interval > 999)
        return false;
    r->first_dow = rule->week_start >= ICAL_SUNDAY_WEEKDAY ? (uint32_t)rule->week_start - 1 : 1;
    r->period = interval;
    switch (rule->freq) {
    case ICAL_DAILY_RECURRENCE:
        r->frequency = HAUL_RECUR_DAILY;
        r->pattern = HAUL_RECUR_DAY;
        r->period = interval * DAY_MIN;
        return !any(rule->by_day) && !any(rule->by_month_day) && !any(rule->by_month) &&
               !any(rule->by_set_pos);
    case ICAL_WEEKLY_RECURRENCE:
        r->frequency = HAUL_RECUR_WEEKLY;
        r->pattern = HAUL_RECUR_WEEK;
        if (!days_of(rule, &r->days, &nth) || nth || any(rule->by_month) || any(rule->by_set_pos))
            return false;
        r->days = r->days ? r->days : 1u << weekday_of(start_day);
        return true;
    case ICAL_MONTHLY_RECURRENCE:
        r->frequency = HAUL_RECUR_MONTHLY;
        return !any(rule->by_month) && take_months(rule, start_day, r);
    case ICAL_YEARLY_RECURRENCE:
        r->frequency = HAUL_RECUR_YEARLY;
        r->period = interval * 12;
        return interval <= 99 && (any(rule->by_month) || (!any(rule->by_day) && !any(rule->by_month_day))) &&
               take_months(rule, start_day, r);
    default:
        return false;
    }
}

/* ── instances ── */

static int64_t month_index(uint32_t day, int *ret_d, int *ret_length)
{
    int y, m, d, y2, m2, d2;
    haul_recur_civil(day, &y, &m, &d);
    haul_recur_civil(haul_recur_day(y + m / 12, m % 12 + 1, 1) - 1, &y2, &m2, &d2);
    *ret_d = d;
    *ret_length = d2;
    return (int64_t)y * 12 + m - 1;
}

static bool is_nth(const haul_recur *r, uint32_t day, int d, int length)
{
    unsigned before = 0, behind = 0;
    if (!(r->days >> weekday_of(day) & 1u))
        return false;
    for (int i = 1; i <= length; i++) {
        bool match = r->days >> weekday_of(day + (uint32_t)i - (uint32_t)d) & 1u;
        before += match && i <= d;
        behind += match && i > d;
    }
    return r->nth == 5 ? !behind : before == r->nth;
}

static bool is_instance(const haul_recur *r, uint32_t start, uint32_t day)
{
    int d, length, ignored;
    if (r->pattern == HAUL_RECUR_DAY)
        return (day - start) % (r->period / DAY_MIN) == 0;
    if (r->pattern == HAUL_RECUR_WEEK) {
        uint32_t from = start - (weekday_of(start) + 7 - r->first_dow) % 7;
        return (day - from) / 7 % r->period == 0 && (r->days >> weekday_of(day) & 1u);
    }
    int64_t months = month_index(day, &d, &length) - month_index(start, &ignored, &ignored);
    (void)ignored;
    if (months % (int64_t)r->period != 0)
        return false;
    if (r->pattern == HAUL_RECUR_MONTH)
        return d == ((int)r->day < length ? (int)r->day : length);
    return is_nth(r, day, d, length);
}

/* COUNT and the last day, each from the other. */
static bool take_end(const struct icalrecurrencetype *rule, const haul_moment *start, haul_recur *r)
{
    uint32_t first = r->start / DAY_MIN, last = 0, n = 0, until = UINT32_MAX;
    r->end = UNENDING;
    r->end_type = NEVER;
    r->count = 10; /* what Outlook writes without an end */
    if (!icaltime_is_null_time(rule->until)) {
        haul_civil c = {rule->until.year,
                        rule->until.month,
                        rule->until.day,
                        rule->until.is_date ? 0 : rule->until.hour,
                        rule->until.is_date ? 0 : rule->until.minute,
                        0,
                        0};
        if (!haul_civil_ok(&c) || c.year < 1602 || c.year > 4500)
            return false;
        int64_t t = haul_civil_to(&c);
        t += !rule->until.is_date && start->zone ? haul_tz_offset(start->zone, t) : 0;
        until = (uint32_t)((t + EPOCH) / DAY);
    } else if (rule->count <= 0) {
        return true;
    }
    for (uint32_t day = first;
         day <= until && day - first < DAYS_MAX && (rule->count <= 0 || n < (uint32_t)rule->count); day++)
        if (is_instance(r, first, day)) {
            last = day;
            n++;
        }
    r->end_type = rule->count > 0 ? HAUL_RECUR_END_COUNT : HAUL_RECUR_END_DATE;
    r->count = rule->count > 0 ? (uint32_t)rule->count : n;
    r->end = last * DAY_MIN;
    return n && r->count <= 999999;
}

/* MS-OXOCAL 2.2.1.44.1, FirstDateTime: what tells which periods count. */
static uint32_t first_of(const haul_recur *r)
{
    uint32_t day = r->start / DAY_MIN;
    int y, m, d;
    if (r->pattern == HAUL_RECUR_DAY)
        return r->start % r->period;
    if (r->pattern == HAUL_RECUR_WEEK) {
        uint32_t from = day - (weekday_of(day) + 7 - r->first_dow) % 7;
        return from * DAY_MIN % (r->period * 7 * DAY_MIN);
    }
    haul_recur_civil(day, &y, &m, &d);
    uint32_t months = ((uint32_t)(y - 1601) * 12 + (uint32_t)m - 1) % r->period;
    return haul_recur_day(1601 + (int)(months / 12), 1 + (int)(months % 12), 1) * DAY_MIN;
}

/* ── deleted and changed instances ── */

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t minutes_of(int64_t local)
{
    return local < -EPOCH ? 0 : (uint32_t)((local + EPOCH) / 60);
}

static void add_deleted(haul_object *o, haul_recur *r, const haul_moment *m)
{
    if (r->n_deleted < LISTED)
        r->deleted[r->n_deleted++] = minutes_of(m->local) / DAY_MIN * DAY_MIN;
    else
        o->kept = true;
}

static void add_exception(haul_object *o, haul_recur *r, icalcomponent *c)
{
    haul_moment original, start, end;
    if (!haul_object_moment(o, icalcomponent_get_first_property(c, ICAL_RECURRENCEID_PROPERTY), &original) ||
        !haul_object_moment(o, icalcomponent_get_first_property(c, ICAL_DTSTART_PROPERTY), &start) ||
        r->n_exceptions == LISTED)
        return;
    if (!haul_object_moment(o, icalcomponent_get_first_property(c, ICAL_DTEND_PROPERTY), &end))
        end = start;
    add_deleted(o, r, &original);
    r->modified[r->n_modified++] = minutes_of(start.local) / DAY_MIN * DAY_MIN;
    r->exceptions[r->n_exceptions++] = (haul_recur_exception){.start = minutes_of(start.local),
                                                              .end = minutes_of(end.local),
                                                              .original = minutes_of(original.local)};
    o->kept = true; /* what else it changes */
}

static void take_exceptions(haul_object *o, haul_recur *r)
{
    haul_arena *a = &o->x->o.arena;
    haul_moment m;
    r->deleted = haul_arena_alloc(a, LISTED * sizeof(*r->deleted));
    r->modified = haul_arena_alloc(a, LISTED * sizeof(*r->modified));
    r->exceptions = haul_arena_calloc(a, LISTED * sizeof(*r->exceptions));
    for (icalproperty *p = icalcomponent_get_first_property(o->c, ICAL_EXDATE_PROPERTY); p;
         p = icalcomponent_get_next_property(o->c, ICAL_EXDATE_PROPERTY))
        if (haul_object_moment(o, p, &m))
            add_deleted(o, r, &m);
    for (icalcompiter i = icalcomponent_begin_component(o->all, ICAL_VEVENT_COMPONENT);
         icalcompiter_deref(&i);
         icalcompiter_next(&i)) /* an iterator of its own: moments look zones up in the same calendar */
        if (icalcompiter_deref(&i) != o->c)
            add_exception(o, r, icalcompiter_deref(&i));
    qsort(r->deleted, r->n_deleted, sizeof(*r->deleted), by_value);
    qsort(r->modified, r->n_modified, sizeof(*r->modified), by_value);
}

bool haul_object_recurrence(haul_object *o, const haul_moment *start, int64_t length, haul_recur *ret)
{
    icalproperty *p = icalcomponent_get_first_property(o->c, ICAL_RRULE_PROPERTY);
    uint32_t day = minutes_of(start->local) / DAY_MIN;
    haul_recur r = {.start = day * DAY_MIN};
    bool more = icalcomponent_count_properties(o->c, ICAL_RRULE_PROPERTY) > 1 ||
                icalcomponent_get_first_property(o->c, ICAL_RDATE_PROPERTY);
    if (!p) {
        o->kept = o->kept || more;
        return false;
    }
    struct icalrecurrencetype rule = icalproperty_get_rrule(p);
    if (more || start->local < -EPOCH / 2 || !take_rule(&rule, day, &r) || !take_end(&rule, start, &r)) {
        o->kept = true;
        return false;
    }
    r.first = first_of(&r);
    r.start_offset = start->date ? 0 : minutes_of(start->local) % DAY_MIN;
    r.end_offset = r.start_offset + (uint32_t)(length > 0 && length < 366 * DAY ? length / 60 : 0);
    take_exceptions(o, &r);
    *ret = r;
    return true;
}
