#include "base/time.h"
#include "mime/ical_parts.h"
#include "mime/lids.h"

#include <stdio.h>
#include <string.h>

static bool definition(haul_ical *c, const haul_bag *b, uint32_t lid, haul_tz *ret)
{
    haul_span blob;
    return haul_prop_bin(haul_bag_lid(b, HAUL_PSET_APPOINTMENT, lid), &blob) &&
           haul_tz_definition(blob.p, blob.len, c->a, ret);
}

static bool structure(haul_ical *c, const haul_bag *b, haul_tz *ret)
{
    haul_span blob;
    const char *name = haul_ical_lid(c, b, HAUL_PSET_APPOINTMENT, HAUL_LID_APPT_TIME_ZONE_DESCRIPTION);
    return haul_prop_bin(haul_bag_lid(b, HAUL_PSET_APPOINTMENT, HAUL_LID_APPT_TIME_ZONE_STRUCT), &blob) &&
           haul_tz_struct(blob.p, blob.len, name, c->a, ret);
}

/* MS-OXOCAL 2.2.1.39 to 2.2.1.43: a series goes by its own definition, or by the structure of older writers; a single
 * appointment by the zones it is shown in. */
bool haul_ical_zone(haul_ical *c, const haul_bag *b, bool recurring, bool end, haul_tz *ret)
{
    if (recurring)
        return definition(c, b, HAUL_LID_APPT_DEFINITION_RECUR, ret) || structure(c, b, ret) ||
               definition(c, b, HAUL_LID_APPT_DEFINITION_START, ret);
    return (end && definition(c, b, HAUL_LID_APPT_DEFINITION_END, ret)) ||
           definition(c, b, HAUL_LID_APPT_DEFINITION_START, ret) ||
           definition(c, b, HAUL_LID_APPT_DEFINITION_RECUR, ret) || structure(c, b, ret);
}

int haul_ical_offset(const haul_bag *b, int64_t utc_us)
{
    haul_arena a = {0};
    haul_ical c = {.a = &a};
    haul_tz z;
    int seconds = 0;
    if (haul_ical_zone(&c, b, false, false, &z))
        seconds = haul_tz_offset(&z, haul_ical_local(utc_us, NULL).local);
    haul_arena_done(&a);
    return seconds % 60 ? 0 : seconds / 60;
}

const haul_tz *haul_ical_use(haul_ical *c, const haul_tz *z)
{
    haul_tz copy = *z;
    if (haul_tz_is_utc(z))
        return NULL;
    for (size_t i = 0; i < c->n_zones; i++) {
        if (haul_tz_same(&c->zones[i], z))
            return &c->zones[i];
        if (!strcmp(c->zones[i].id, copy.id)) /* one name, two sets of rules */
            copy.id = haul_arena_printf(c->a, "%s (%zu)", z->id, c->n_zones + 1);
    }
    if (c->n_zones == HAUL_ICAL_ZONES_MAX)
        return NULL;
    c->zones[c->n_zones] = copy;
    return &c->zones[c->n_zones++];
}

/* One STANDARD or DAYLIGHT part: from `onset` (local, by the clock of `from`), changing to `to`. */
static icalcomponent *observance(icalcomponent *zone, bool daylight, int64_t onset, int from, int to)
{
    icalcomponent *part = daylight ? icalcomponent_new_xdaylight() : icalcomponent_new_xstandard();
    haul_when w = {.local = onset, .floating = true};
    icalcomponent_add_property(part, icalproperty_new_dtstart(haul_ical_time(&w)));
    icalcomponent_add_property(part, icalproperty_new_tzoffsetfrom(from));
    icalcomponent_add_property(part, icalproperty_new_tzoffsetto(to));
    icalcomponent_add_component(zone, part);
    return part;
}

/* The yearly rule of a change from its first year on; until: the last onset in UTC, INT64_MAX = for ever. */
static void add_yearly(icalcomponent *part, const haul_tz_change *c, int64_t until)
{
    static const char *const days[] = {"SU", "MO", "TU", "WE", "TH", "FR", "SA"};
    char rule[64];
    snprintf(rule, sizeof rule, "FREQ=YEARLY;BYMONTH=%d;BYDAY=%d%s", c->month, c->day == 5 ? -1 : c->day,
             days[c->weekday]);
    struct icalrecurrencetype r = icalrecurrencetype_from_string(rule);
    if (until != INT64_MAX) {
        haul_when w = {.local = until};
        r.until = haul_ical_time(&w);
    }
    icalcomponent_add_property(part, icalproperty_new_rrule(r));
}

/* All onsets of one change in the years first..last. */
static void add_change(icalcomponent *zone, const haul_tz_rule *r, bool daylight, int first, int last)
{
    const haul_tz_change *c = daylight ? &r->to_daylight : &r->to_standard;
    int from = daylight ? r->standard : r->daylight, to = daylight ? r->daylight : r->standard;
    int64_t onset, until;
    if (c->year && (c->year < first || c->year > last))
        return;
    if (!haul_tz_change_at(c, c->year ? c->year : first, &onset))
        return;
    icalcomponent *part = observance(zone, daylight, onset, from, to);
    if (c->year || first == last || !haul_tz_change_at(c, last == INT32_MAX ? first : last, &until))
        return;
    add_yearly(part, c, last == INT32_MAX ? INT64_MAX : until - from);
}

/* What the clock does on the 1st of January of `first`, when a new rule begins there. */
static void add_begin(icalcomponent *zone, const haul_tz *z, const haul_tz_rule *r, int first, bool is_first)
{
    haul_civil c = {first, 1, 1, 0, 0, 0, 0};
    int64_t midnight = haul_civil_to(&c);
    int to = haul_tz_offset(z, midnight - r->standard + 86400), from = to;
    bool daylight = haul_tz_has_daylight(r, first);
    if (!is_first)
        from = haul_tz_offset(z, midnight - r->standard - 86400);
    if (is_first ? daylight : from == to)
        return;
    observance(zone, daylight && to == r->daylight, midnight, from, to);
}

static icalcomponent *zone_of(const haul_tz *z, int from_year)
{
    icalcomponent *zone = icalcomponent_new_vtimezone();
    icalcomponent_add_property(zone, icalproperty_new_tzid(z->id));
    bool is_first = true;
    for (size_t i = 0; i < z->n; i++) {
        const haul_tz_rule *r = &z->rules[i];
        int last = i + 1 < z->n ? z->rules[i + 1].year - 1 : INT32_MAX;
        int first = is_first || r->year < from_year ? from_year : r->year;
        if (last < from_year)
            continue;
        add_begin(zone, z, r, first, is_first);
        add_change(zone, r, true, first, last);
        add_change(zone, r, false, first, last);
        is_first = false;
    }
    return zone;
}

void haul_ical_zones_add(haul_ical *c)
{
    /* 1970 is where most programs begin; earlier only when the item is. */
    int year = c->first_year - 1 < 1970 ? c->first_year - 1 : 1970;
    for (size_t i = 0; i < c->n_zones; i++)
        icalcomponent_add_component(c->calendar, zone_of(&c->zones[i], year < 1601 ? 1601 : year));
}
