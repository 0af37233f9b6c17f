#include "base/time.h"
#include "mime/ical_parts.h"
#include "mime/lids.h"

#include <string.h>

/* MS-OXPROPS: the property tags used here. */
enum {
    TAG_IMPORTANCE = 0x0017,
    TAG_SENSITIVITY = 0x0036,
    TAG_SUBMIT_TIME = 0x0039,
    TAG_DELIVERY_TIME = 0x0e06,
    TAG_CREATION_TIME = 0x3007,
    TAG_LAST_MODIFICATION_TIME = 0x3008,
};

#define LAST_SECOND INT64_C(32503679999) /* 2999-12-31T23:59:59Z */

bool haul_ical_stored(const haul_prop *p, int64_t *ret_us)
{
    int64_t us;
    if (!haul_prop_time(p, &us) || us / HAUL_US > LAST_SECOND)
        return false;
    *ret_us = us;
    return true;
}

const char *haul_ical_clean(haul_ical *c, const char *text)
{
    if (!text)
        return NULL;
    char *to = haul_arena_str(c->a, text);
    size_t n = 0, dropped = 0;
    for (const char *p = to; *p; p++) {
        unsigned char u = (unsigned char)*p;
        if (u == '\r' && p[1] == '\n')
            continue;
        if (u == '\r')
            u = '\n';
        if ((u < ' ' && u != '\n' && u != '\t') || u == 0x7f)
            dropped++; /* RFC 5545 3.1: CONTROL has no form in it */
        else
            to[n++] = (char)u;
    }
    to[n] = '\0';
    if (dropped)
        haul_msg_issue(c->m, HAUL_ISSUE_MAPI_CALENDAR_CONTROL, "%zu in the calendar object", dropped);
    return to;
}

const char *haul_ical_lid(haul_ical *c, const haul_bag *b, haul_pset set, uint32_t lid)
{
    return haul_prop_str(b, haul_bag_lid(b, set, lid), c->a);
}

void haul_ical_text(haul_ical *c, icalcomponent *to, icalproperty_kind kind, const char *text)
{
    const char *clean = haul_ical_clean(c, text);
    if (!clean || !*clean)
        return;
    icalproperty *p = icalproperty_new(kind);
    icalproperty_set_value(p, icalvalue_new_text(clean));
    icalcomponent_add_property(to, p);
}

icalproperty *haul_ical_x(haul_ical *c, icalcomponent *to, const char *name, const char *text)
{
    const char *clean = haul_ical_clean(c, text);
    if (!clean || !*clean)
        return NULL;
    icalproperty *p = icalproperty_new_x(clean);
    icalproperty_set_x_name(p, name);
    icalcomponent_add_property(to, p);
    return p;
}

void haul_ical_x_int(haul_ical *c, icalcomponent *to, const char *name, int64_t v)
{
    haul_ical_x(c, to, name, haul_arena_printf(c->a, "%lld", (long long)v));
}

static icaltimetype civil_time(int64_t seconds)
{
    const int64_t last = LAST_SECOND;
    haul_civil c;
    haul_civil_from(seconds < last ? seconds : last, &c);
    icaltimetype t = icaltime_null_time();
    t.year = c.year;
    t.month = c.month;
    t.day = c.day;
    t.hour = c.hour;
    t.minute = c.minute;
    t.second = c.second;
    return t;
}

static int64_t seconds_of(int64_t us)
{
    return us / HAUL_US - (us % HAUL_US < 0);
}

icaltimetype haul_ical_time(const haul_when *w)
{
    icaltimetype t = civil_time(w->local);
    if (w->date) {
        t.hour = t.minute = t.second = 0;
        t.is_date = 1;
    } else if (!w->tz && !w->floating) {
        t.zone = icaltimezone_get_utc_timezone();
    }
    return t;
}

void haul_ical_utc(icalcomponent *to, icalproperty_kind kind, int64_t us)
{
    haul_when w = {.local = seconds_of(us)};
    icalproperty *p = icalproperty_new(kind);
    icalproperty_set_value(p, icalvalue_new_datetime(haul_ical_time(&w)));
    icalcomponent_add_property(to, p);
}

void haul_ical_x_utc(haul_ical *c, icalcomponent *to, const char *name, int64_t us)
{
    haul_when w = {.local = seconds_of(us)};
    haul_ical_x(c, to, name, icaltime_as_ical_string(haul_ical_time(&w)));
}

void haul_ical_when(haul_ical *c, icalcomponent *to, icalproperty_kind kind, const haul_when *w)
{
    icaltimetype t = haul_ical_time(w);
    if (t.year < c->first_year)
        c->first_year = t.year;
    icalproperty *p = icalproperty_new(kind);
    icalproperty_set_value(p, w->date ? icalvalue_new_date(t) : icalvalue_new_datetime(t));
    if (w->date)
        icalproperty_add_parameter(p, icalparameter_new_value(ICAL_VALUE_DATE));
    else if (w->tz)
        icalproperty_add_parameter(p, icalparameter_new_tzid(w->tz->id));
    icalcomponent_add_property(to, p);
}

haul_when haul_ical_local(int64_t utc_us, const haul_tz *tz)
{
    int64_t utc = seconds_of(utc_us);
    return (haul_when){.local = tz ? utc + haul_tz_offset(tz, utc) : utc, .tz = tz};
}

int64_t haul_ical_instant(const haul_when *w)
{
    return w->tz ? w->local - haul_tz_offset_local(w->tz, w->local) : w->local;
}

static bool first_time(const haul_bag *b, int64_t *ret)
{
    const uint16_t tags[] = {TAG_LAST_MODIFICATION_TIME, TAG_CREATION_TIME, TAG_SUBMIT_TIME,
                             TAG_DELIVERY_TIME};
    for (size_t i = 0; i < HAUL_COUNT(tags); i++)
        if (haul_ical_stored(haul_bag_get(b, tags[i]), ret))
            return true;
    return false;
}

/* MS-OXCICAL 2.1.3.1.1.20.9: DTSTAMP is the critical change of the owner, of a reply that of the attendee. */
static void add_stamp(haul_ical *c, icalcomponent *to, const haul_bag *b)
{
    bool reply = c->method && (!strcmp(c->method, "REPLY") || !strcmp(c->method, "COUNTER"));
    uint32_t lid = reply ? HAUL_LID_ATTENDEE_CRITICAL_CHANGE : HAUL_LID_OWNER_CRITICAL_CHANGE;
    int64_t us = 0;
    if (!haul_ical_stored(haul_bag_lid(b, HAUL_PSET_MEETING, lid), &us) && !first_time(b, &us) &&
        !first_time(&c->o->props, &us))
        us = 0; /* RFC 5545 wants one; nothing is known */
    haul_ical_utc(to, ICAL_DTSTAMP_PROPERTY, us);
    if (haul_ical_stored(haul_bag_get(b, TAG_CREATION_TIME), &us))
        haul_ical_utc(to, ICAL_CREATED_PROPERTY, us);
    if (haul_ical_stored(haul_bag_get(b, TAG_LAST_MODIFICATION_TIME), &us))
        haul_ical_utc(to, ICAL_LASTMODIFIED_PROPERTY, us);
}

/* libical writes the values of CATEGORIES as they are: a comma would make two of one. */
static void add_category(haul_ical *c, icalcomponent *to, const char *name)
{
    const char *clean = haul_ical_clean(c, name);
    if (!clean || !*clean)
        return;
    if (clean[strcspn(clean, ",;\\\n")]) {
        char *changed = haul_arena_str(c->a, clean);
        for (char *p = changed; *p; p++)
            if (strchr(",;\\\n", *p))
                *p = ' ';
        haul_msg_issue(c->m, HAUL_ISSUE_KEYWORD_NAME_CHANGED, "%s", clean);
        clean = changed;
    }
    icalcomponent_add_property(to, icalproperty_new_categories(clean));
}

static void each_text(haul_ical *c, icalcomponent *to, const haul_bag *b, const haul_prop *list,
                      void (*add)(haul_ical *, icalcomponent *, const char *))
{
    size_t n = haul_multi_count(list);
    for (size_t i = 0; i < n && i < HAUL_KEYWORDS_MAX; i++) {
        haul_prop one;
        if (haul_multi_at(list, i, &one))
            add(c, to, haul_prop_str(b, &one, c->a));
    }
}

static void add_contact(haul_ical *c, icalcomponent *to, const char *name)
{
    haul_ical_text(c, to, ICAL_CONTACT_PROPERTY, name);
}

static void add_company(haul_ical *c, icalcomponent *to, const char *name)
{
    haul_ical_x(c, to, "X-MAILHAUL-COMPANY", name);
}

/* MS-OXCICAL 2.1.3.1.1.20, CLASS and PRIORITY. */
static void add_rank(haul_ical *c, icalcomponent *to, const haul_bag *b)
{
    static const char *const classes[] = {"PUBLIC", "X-PERSONAL", "PRIVATE", "CONFIDENTIAL"};
    static const int priorities[] = {9, 5, 1};
    int64_t v = haul_prop_int_or(haul_bag_get(b, TAG_SENSITIVITY), 0);
    if (v == 0 && haul_prop_bool(haul_bag_lid(b, HAUL_PSET_COMMON, HAUL_LID_PRIVATE)))
        v = 2; /* MS-OXCMSG 2.2.1.15: the two go together */
    icalproperty *p = icalproperty_new(ICAL_CLASS_PROPERTY);
    icalproperty_set_value_from_string(p, classes[v >= 0 && v < 4 ? v : 0], "NO");
    icalcomponent_add_property(to, p);
    v = haul_prop_int_or(haul_bag_get(b, TAG_IMPORTANCE), 1);
    icalcomponent_add_property(to, icalproperty_new_priority(priorities[v >= 0 && v < 3 ? v : 1]));
    (void)c;
}

void haul_ical_common(haul_ical *c, icalcomponent *to, const haul_bag *b)
{
    icalcomponent_add_property(to, icalproperty_new_uid(c->uid));
    add_stamp(c, to, b);
    add_rank(c, to, b);
    each_text(c, to, b, haul_mapi_categories(b), add_category);
    each_text(c, to, b, haul_bag_lid(b, HAUL_PSET_COMMON, HAUL_LID_CONTACTS), add_contact);
    each_text(c, to, b, haul_bag_lid(b, HAUL_PSET_COMMON, HAUL_LID_COMPANIES), add_company);
    haul_ical_x(c, to, "X-MAILHAUL-BILLING", haul_ical_lid(c, b, HAUL_PSET_COMMON, HAUL_LID_BILLING));
    haul_ical_x(c, to, "X-MAILHAUL-MILEAGE", haul_ical_lid(c, b, HAUL_PSET_COMMON, HAUL_LID_MILEAGE));
}

static icalcomponent *new_alarm(icalcomponent *to)
{
    icalcomponent *alarm = icalcomponent_new_valarm();
    icalcomponent_add_property(alarm, icalproperty_new_action(ICAL_ACTION_DISPLAY));
    icalcomponent_add_property(alarm, icalproperty_new_description("Reminder"));
    icalcomponent_add_component(to, alarm);
    return alarm;
}

void haul_ical_alarm(icalcomponent *to, int64_t minutes)
{
    struct icaltriggertype t = {.time = icaltime_null_time(), .duration = icaldurationtype_null_duration()};
    int64_t bounded = minutes < -5256000 ? -5256000 : minutes > 5256000 ? 5256000 : minutes; /* ten years */
    t.duration = icaldurationtype_from_int((int)(-60 * bounded));
    icalcomponent_add_property(new_alarm(to), icalproperty_new_trigger(t));
}

void haul_ical_alarm_at(icalcomponent *to, int64_t us)
{
    haul_when w = {.local = seconds_of(us)};
    struct icaltriggertype t = {.time = haul_ical_time(&w), .duration = icaldurationtype_null_duration()};
    icalproperty *p = icalproperty_new_trigger(t);
    icalproperty_add_parameter(p, icalparameter_new_value(ICAL_VALUE_DATETIME));
    icalcomponent_add_property(new_alarm(to), p);
}
