/* Time zones as Outlook stores them with an item. Source: MS-OXOCAL 2.2.1.39 (PidLidTimeZoneStruct), 2.2.1.41
 * (PidLidAppointmentTimeZoneDefinition…), MS-DTYP 2.3.13 (SYSTEMTIME). */
#ifndef HAUL_MIME_TZ_H
#define HAUL_MIME_TZ_H

#include "base/arena.h"
#include "base/str.h"

#define HAUL_TZ_RULES_MAX 1024u
#define HAUL_TZ_ID_MAX    256u /* octets of a name */

typedef struct haul_tz_change { /* month 0 = never */
    int year; /* 0 = every year, `day` counts weekdays: 1..4, 5 = last; else that day of that year */
    int month, weekday, day, hour, minute, second;
} haul_tz_change;

typedef struct haul_tz_rule {
    int year;                   /* it applies from then on; the first one to all years before, too */
    int standard, daylight;     /* seconds east of UTC */
    haul_tz_change to_standard; /* in daylight time */
    haul_tz_change to_daylight; /* in standard time */
} haul_tz_rule;

typedef struct haul_tz { /* from the arena given */
    const char *id;      /* UTF-8, one line, never empty: the key name of the definition */
    haul_tz_rule *rules; /* at least one, by year, no year twice */
    size_t n;
} haul_tz;

/* A PidLidAppointmentTimeZoneDefinition… blob. False when it cannot be used. */
bool haul_tz_definition(const void *p, size_t n, haul_arena *a, haul_tz *ret);
/* A PidLidTimeZoneStruct blob; id: PidLidTimeZoneDescription, NULL = a name is made from the offset. */
bool haul_tz_struct(const void *p, size_t n, const char *id, haul_arena *a, haul_tz *ret);
/* The other way: append a PidLidTimeZoneStruct with the last rule; a definition with all of them. */
void haul_tz_struct_write(const haul_tz *z, haul_str *to);
void haul_tz_definition_write(const haul_tz *z, bool recurs, haul_str *to);
/* A zone that never changes, named after its offset: "UTC+0530". */
void haul_tz_fixed(int seconds, haul_arena *a, haul_tz *ret);

/* Always UTC: no zone needs to be named. */
bool haul_tz_is_utc(const haul_tz *z);
/* Same rules and name. */
bool haul_tz_same(const haul_tz *a, const haul_tz *b);
bool haul_tz_has_daylight(const haul_tz_rule *r, int year);
/* Seconds since 1970 in local time, of a change of that rule in a year; false when there is none. */
bool haul_tz_change_at(const haul_tz_change *c, int year, int64_t *ret_local);
const haul_tz_rule *haul_tz_rule_of(const haul_tz *z, int year);
/* Seconds east of UTC at an instant / at a local time. Local times that do not exist take standard time, those that
 * exist twice take the first (RFC 5545 3.3.5). */
int haul_tz_offset(const haul_tz *z, int64_t utc);
int haul_tz_offset_local(const haul_tz *z, int64_t local);

#endif
