/* Inside the calendar writer: what its files share. Nobody else includes it. */
#ifndef HAUL_MIME_ICAL_PARTS_H
#define HAUL_MIME_ICAL_PARTS_H

#include "base/time.h"
#include "mime/addr.h"
#include "mime/ical.h"
#include "mime/ical_rows.h"
#include "mime/recur.h"
#include "mime/tz.h"

#include <libical/ical.h>

#define HAUL_ICAL_ZONES_MAX 4u

typedef struct haul_ical {
    haul_mapi *o;
    haul_msg *m;
    haul_arena *a;
    const char *body;
    icalcomponent *calendar;
    const char *method; /* NULL = none */
    const char *uid;
    haul_tz zones[HAUL_ICAL_ZONES_MAX]; /* those that were named: VTIMEZONE is written for each */
    size_t n_zones;
    int first_year; /* of all local times written */
} haul_ical;

/* A time as the item means it. */
typedef struct haul_when {
    int64_t local;     /* seconds since 1970 in the zone; with date, of which the day counts */
    const haul_tz *tz; /* NULL = UTC */
    bool date;
    bool floating; /* no zone at all */
} haul_when;

/* ical_add.c: properties into a component. Texts may be NULL or "": nothing is added then. */
void haul_ical_text(haul_ical *c, icalcomponent *to, icalproperty_kind kind, const char *text);
/* Returns the property, NULL when there was no text. */
icalproperty *haul_ical_x(haul_ical *c, icalcomponent *to, const char *name, const char *text);
void haul_ical_x_int(haul_ical *c, icalcomponent *to, const char *name, int64_t v);
/* haul_prop_time without the years that libical cannot write (beyond 3000): Outlook stores 4501 for "none". */
bool haul_ical_stored(const haul_prop *p, int64_t *ret_us);
/* UTC, to the second. */
void haul_ical_utc(icalcomponent *to, icalproperty_kind kind, int64_t us);
void haul_ical_x_utc(haul_ical *c, icalcomponent *to, const char *name, int64_t us);
void haul_ical_when(haul_ical *c, icalcomponent *to, icalproperty_kind kind, const haul_when *w);
icaltimetype haul_ical_time(const haul_when *w);
haul_when haul_ical_local(int64_t utc_us, const haul_tz *tz); /* tz NULL = UTC */
int64_t haul_ical_instant(const haul_when *w);                /* seconds since 1970 UTC */
/* The arena's copy of a text without what iCalendar cannot hold: one kind of line end, no other controls. */
const char *haul_ical_clean(haul_ical *c, const char *text);
const char *haul_ical_lid(haul_ical *c, const haul_bag *b, haul_pset set, uint32_t lid);
/* UID, DTSTAMP, CREATED, LAST-MODIFIED, CLASS, PRIORITY, CATEGORIES, CONTACT, companies, billing, mileage: what all kinds have. */
void haul_ical_common(haul_ical *c, icalcomponent *to, const haul_bag *b);
/* VALARM so many minutes before the start; at an instant. */
void haul_ical_alarm(icalcomponent *to, int64_t minutes);
void haul_ical_alarm_at(icalcomponent *to, int64_t us);

/* ical_uid.c: of an object, from its global object id or what else identifies it. */
const char *haul_ical_uid(haul_ical *c, const haul_bag *b);
/* The day that a global object id names as an instance of a series; false when it names none. */
bool haul_ical_instance_day(const haul_bag *b, haul_civil *ret);

/* ical_people.c */
/* ORGANIZER and ATTENDEEs of an item as its method wants them; from: the bag with the sender. Returns how many
 * attendees, *ret_organizer tells if there is one. */
size_t haul_ical_people(haul_ical *c, icalcomponent *to, const haul_mapi *from, const char *partstat,
                        bool *ret_organizer);

/* ical_zone.c */
/* The zone by which an appointment's times are meant: recurring ones by their own definition. False: none known. */
bool haul_ical_zone(haul_ical *c, const haul_bag *b, bool recurring, bool end, haul_tz *ret);
/* Note that a zone is named, and get the copy that lives as long as c. NULL for UTC and when too many are named. */
const haul_tz *haul_ical_use(haul_ical *c, const haul_tz *z);
void haul_ical_zones_add(haul_ical *c); /* VTIMEZONEs in front of the rest */

/* ical_recur.c */
typedef struct haul_series {
    haul_recur r;
    bool usable;         /* there is a rule and its first day is known */
    uint32_t first;      /* day since 1601 */
    const haul_tz *zone; /* by which its local times are meant; NULL = not known */
    const haul_tz *tz;   /* the same as it is named in the object; NULL for UTC */
    bool all_day, floating;
    int64_t length; /* seconds from start to end */
} haul_series;
/* RRULE and EXDATE of a series whose DTSTART is its first instance. */
void haul_ical_rule(haul_ical *c, icalcomponent *to, const haul_series *s);
haul_when haul_ical_series_time(const haul_series *s, uint32_t minutes); /* minutes since 1601 local */
uint32_t haul_ical_minutes(int64_t local);                               /* the other way; 0 before 1601 */

/* Where the properties of an event are: its own, and of an exception those of the series for what it does not change. */
typedef struct haul_said {
    const haul_bag *own;
    const haul_bag *series;        /* NULL = it is no exception */
    const haul_recur_exception *x; /* NULL = the series does not know it */
    const char *body;              /* of an exception: its own text, NULL = none */
} haul_said;

/* ical_event.c, ical_say.c, ical_override.c, ical_task.c, ical_journal.c */
haul_rc haul_ical_event(haul_ical *c, haul_err *e);
haul_rc haul_ical_task(haul_ical *c, haul_err *e);
void haul_ical_journal(haul_ical *c);
void haul_ical_note(haul_ical *c);
/* DTSTART, DTEND; w of the end may lie at or before the start. */
void haul_ical_span(haul_ical *c, icalcomponent *to, const haul_when *start, haul_when end);
const char *haul_ical_subject(haul_ical *c, const haul_bag *b);
/* What an event says of itself apart from time and people: SUMMARY, LOCATION, STATUS, alarm … */
void haul_ical_say(haul_ical *c, icalcomponent *to, const haul_said *said, bool all_day);
haul_rc haul_ical_overrides(haul_ical *c, icalcomponent *series, const haul_series *s, haul_err *e);

#endif
