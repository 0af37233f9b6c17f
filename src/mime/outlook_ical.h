/* What the files that make Outlook items of iCalendar share. Nobody else includes it. */
#ifndef HAUL_MIME_OUTLOOK_ICAL_H
#define HAUL_MIME_OUTLOOK_ICAL_H

#include "base/time.h"
#include "mime/ical_rows.h"
#include "mime/outlook_parts.h"
#include "mime/recur.h"
#include "mime/tz.h"

#include <libical/ical.h>

#define HAUL_CALENDAR_MAX       (4u * 1024u * 1024u) /* octets of a calendar object that is looked into */
#define HAUL_CALENDAR_LINES_MAX 65536u
#define HAUL_CALENDAR_DEPTH_MAX 8u    /* components in one another */
#define HAUL_ATTENDEES_MAX      4096u /* of one event */

typedef struct haul_object { /* a calendar object on its way into an item */
    haul_outlook *x;
    icalcomponent *all, *c;     /* the calendar; the event, task or entry that it is about */
    const char *class, *method; /* method: "" = none */
    bool meeting;               /* a message about a meeting, no appointment */
    bool kept;                  /* something had no place among the properties */
    const haul_tz *zone;        /* that was asked for last */
} haul_object;

/* outlook_calendar.c. Texts are from the arena, NULL = absent. */
const char *haul_object_text(const haul_object *o, icalproperty_kind kind);
const char *haul_object_x(const haul_object *o, const char *name);
void haul_object_put(const haul_object *o, haul_key k, const char *z);

/* outlook_zone.c. A moment as the object means it. */
typedef struct haul_moment {
    int64_t local; /* seconds since 1970 in its zone */
    int64_t us;    /* UTC; of a date its midnight, as if in UTC */
    bool date;
    const haul_tz *zone; /* NULL: UTC, floating, or a date */
} haul_moment;
/* False when there is none, or it cannot be read. */
bool haul_object_moment(haul_object *o, icalproperty *p, haul_moment *ret);
void haul_object_put_zone(haul_object *o, const haul_tz *zone, bool recurs);

/* outlook_event.c, outlook_recur.c, outlook_task.c */
void haul_object_event(haul_object *o);
void haul_object_task(haul_object *o);
void haul_object_journal(haul_object *o);
/* The rule of o->c as a blob; length in seconds from start to end. False: it has none, or one that Outlook has no form for. */
bool haul_object_recurrence(haul_object *o, const haul_moment *start, int64_t length, haul_recur *ret);

#endif
