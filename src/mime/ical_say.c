#include "base/charset.h"
#include "base/utf.h"
#include "mime/ical_parts.h"
#include "mime/lids.h"

#include <string.h>

enum { /* MS-OXPROPS */
       TAG_IMPORTANCE = 0x0017,
       TAG_SUBJECT = 0x0037,
       TAG_OWNER_APPOINTMENT_ID = 0x0062,
};
#define STATE_MEETING     0x01 /* MS-OXOCAL 2.2.1.10 */
#define STATE_CANCELLED   0x04
#define REMINDER_STANDARD 0x5AE980E1 /* MS-OXORMDR 2.2.1.3: take the default, 15 minutes */
#define BUSY_COUNT        5

/* The exception's own value, else that of the series. */
static const haul_prop *lid_of(const haul_said *s, haul_pset set, uint32_t lid, const haul_bag **ret_bag)
{
    const haul_prop *p = haul_bag_lid(s->own, set, lid);
    const haul_bag *from = s->own;
    if (!p && s->series) {
        p = haul_bag_lid(s->series, set, lid);
        from = s->series;
    }
    if (ret_bag)
        *ret_bag = from;
    return p;
}

static const char *text_lid(haul_ical *c, const haul_said *s, haul_pset set, uint32_t lid)
{
    const haul_bag *from;
    const haul_prop *p = lid_of(s, set, lid, &from);
    return haul_prop_str(from, p, c->a);
}

/* PidTagSubject may begin with 01 and the length of its prefix (MS-PST 2.5.3.1.1.1): neither is text. */
const char *haul_ical_subject(haul_ical *c, const haul_bag *b)
{
    const char *z = haul_bag_str(b, TAG_SUBJECT, c->a);
    if (!z || z[0] != 1 || !z[1])
        return z;
    size_t n = haul_utf8_next(z + 1, strlen(z + 1), NULL);
    return z + 1 + (n ? n : 1);
}

/* A changed text of an exception: Unicode when the blob has it, else in the code page of the item. */
static const char *changed(haul_ical *c, haul_span wide, haul_span narrow, unsigned codepage)
{
    haul_auto_str to = {0};
    if (wide.p)
        haul_utf16_decode(wide.p, wide.len, &to);
    else
        haul_charset_decode(codepage ? codepage : 1252, narrow.p, narrow.len, &to);
    return haul_arena_str(c->a, haul_strz(&to));
}

static bool differs(const haul_said *s, unsigned flag)
{
    return s->x && s->x->flags & flag;
}

static const char *subject_of(haul_ical *c, const haul_said *s)
{
    if (differs(s, HAUL_RECUR_X_SUBJECT))
        return changed(c, s->x->subject16, s->x->subject8, s->own->codepage);
    const char *z = haul_ical_subject(c, s->own);
    return z || !s->series ? z : haul_ical_subject(c, s->series);
}

static const char *location_of(haul_ical *c, const haul_said *s)
{
    if (differs(s, HAUL_RECUR_X_LOCATION))
        return changed(c, s->x->location16, s->x->location8, s->own->codepage);
    return text_lid(c, s, HAUL_PSET_APPOINTMENT, HAUL_LID_APPT_LOCATION);
}

/* The body given is that of the item; an exception has one of its own when it says so. */
static const char *body_of(const haul_ical *c, const haul_said *s)
{
    const char *body = s->body || differs(s, HAUL_RECUR_X_BODY) ? s->body : c->body;
    return body && body[strspn(body, " \t\r\n")] ? body : NULL; /* Outlook stores an empty line for none */
}

static int64_t busy_of(const haul_said *s)
{
    int64_t v = haul_prop_int_or(lid_of(s, HAUL_PSET_APPOINTMENT, HAUL_LID_APPT_BUSY_STATUS, NULL), 2);
    if (differs(s, HAUL_RECUR_X_BUSY))
        v = s->x->busy;
    return v >= 0 && v < BUSY_COUNT ? v : 2;
}

static void add_status(icalcomponent *to, const haul_ical *c, const haul_said *s, int64_t busy)
{
    int64_t state = haul_prop_int_or(lid_of(s, HAUL_PSET_APPOINTMENT, HAUL_LID_APPT_STATE_FLAGS, NULL), 0);
    bool cancel = c->method && !strcmp(c->method, "CANCEL");
    /* An invitation cannot be cancelled at the same time (RFC 5546 3.2.2). */
    bool request = c->method && !strcmp(c->method, "REQUEST");
    icalproperty_status status = ICAL_STATUS_CONFIRMED;
    if (cancel || (!request && state & STATE_CANCELLED))
        status = ICAL_STATUS_CANCELLED;
    else if (busy == 1)
        status = ICAL_STATUS_TENTATIVE;
    icalcomponent_add_property(to, icalproperty_new_status(status));
    icalcomponent_add_property(
        to, icalproperty_new_transp(busy == 0 || busy == 4 ? ICAL_TRANSP_TRANSPARENT : ICAL_TRANSP_OPAQUE));
}

static const char *const busy_names[BUSY_COUNT] = {"FREE", "TENTATIVE", "BUSY", "OOF", "WORKINGELSEWHERE"};

/* MS-OXCICAL 2.1.3.1.1.20, the X-MICROSOFT and X-MS-OLK properties, which are exported as they are stored. */
static const haul_x_row x_rows[] = {
    {"X-MICROSOFT-CDO-INTENDEDSTATUS", HAUL_PSET_APPOINTMENT, HAUL_LID_APPT_INTENDED_BUSY_STATUS,
     HAUL_X_BUSY},
    {"X-MICROSOFT-CDO-APPT-SEQUENCE", HAUL_PSET_APPOINTMENT, HAUL_LID_APPT_SEQUENCE, HAUL_X_INT},
    {"X-MICROSOFT-CDO-ATTENDEE-CRITICAL-CHANGE", HAUL_PSET_MEETING, HAUL_LID_ATTENDEE_CRITICAL_CHANGE,
     HAUL_X_UTC},
    {"X-MICROSOFT-CDO-OWNER-CRITICAL-CHANGE", HAUL_PSET_MEETING, HAUL_LID_OWNER_CRITICAL_CHANGE, HAUL_X_UTC},
    {"X-MICROSOFT-CDO-REPLYTIME", HAUL_PSET_APPOINTMENT, 0x8220, HAUL_X_UTC},
    {"X-MICROSOFT-DISALLOW-COUNTER", HAUL_PSET_APPOINTMENT, 0x825a, HAUL_X_BOOL},
    {"X-MS-OLK-ALLOWEXTERNCHECK", HAUL_PSET_APPOINTMENT, 0x8246, HAUL_X_BOOL},
    {"X-MS-OLK-APPTLASTSEQUENCE", HAUL_PSET_APPOINTMENT, 0x8203, HAUL_X_INT},
    {"X-MS-OLK-APPTSEQTIME", HAUL_PSET_APPOINTMENT, 0x8202, HAUL_X_UTC},
    {"X-MS-OLK-AUTOFILLLOCATION", HAUL_PSET_APPOINTMENT, 0x823a, HAUL_X_BOOL},
    {"X-MS-OLK-AUTOSTARTCHECK", HAUL_PSET_APPOINTMENT, 0x8244, HAUL_X_BOOL},
    {"X-MS-OLK-COLLABORATEDOC", HAUL_PSET_APPOINTMENT, 0x8247, HAUL_X_TEXT},
    {"X-MS-OLK-CONFCHECK", HAUL_PSET_APPOINTMENT, 0x8240, HAUL_X_BOOL},
    {"X-MS-OLK-CONFTYPE", HAUL_PSET_APPOINTMENT, 0x8241, HAUL_X_INT},
    {"X-MS-OLK-DIRECTORY", HAUL_PSET_APPOINTMENT, 0x8242, HAUL_X_TEXT},
    {"X-MS-OLK-MWSURL", HAUL_PSET_APPOINTMENT, 0x8209, HAUL_X_TEXT},
    {"X-MS-OLK-NETSHOWURL", HAUL_PSET_APPOINTMENT, 0x8248, HAUL_X_TEXT},
    {"X-MS-OLK-ONLINEPASSWORD", HAUL_PSET_APPOINTMENT, 0x8249, HAUL_X_TEXT},
    {"X-MS-OLK-ORGALIAS", HAUL_PSET_APPOINTMENT, 0x8243, HAUL_X_TEXT},
    {"X-MAILHAUL-COLOR", HAUL_PSET_APPOINTMENT, 0x8214, HAUL_X_INT},
};

const haul_x_row *haul_ical_x_rows(size_t *ret_n)
{
    *ret_n = HAUL_COUNT(x_rows);
    return x_rows;
}

int haul_ical_busy(const char *name)
{
    for (int i = 0; i < BUSY_COUNT; i++)
        if (haul_icmp(name, busy_names[i]) == 0)
            return i;
    return -1;
}

static void add_x(haul_ical *c, icalcomponent *to, const haul_said *s, size_t row)
{
    const haul_bag *from;
    const haul_prop *p = lid_of(s, x_rows[row].set, x_rows[row].lid, &from);
    int64_t v;
    switch (x_rows[row].type) {
    case HAUL_X_TEXT:
        haul_ical_x(c, to, x_rows[row].name, haul_prop_str(from, p, c->a));
        break;
    case HAUL_X_UTC:
        if (haul_ical_stored(p, &v))
            haul_ical_x_utc(c, to, x_rows[row].name, v);
        break;
    case HAUL_X_BOOL:
        if (haul_prop_int(p, &v))
            haul_ical_x(c, to, x_rows[row].name, v ? "TRUE" : "FALSE");
        break;
    case HAUL_X_BUSY:
        if (haul_prop_int(p, &v) && v >= 0 && v < BUSY_COUNT)
            haul_ical_x(c, to, x_rows[row].name, busy_names[v]);
        break;
    default:
        if (haul_prop_int(p, &v))
            haul_ical_x_int(c, to, x_rows[row].name, v);
    }
}

/* PidLidResponseStatus (MS-OXOCAL 2.2.1.11): what the owner of the calendar answered. */
static void add_response(haul_ical *c, icalcomponent *to, const haul_said *s)
{
    static const char *const names[] = {NULL,       "ORGANIZER", "TENTATIVE",
                                        "ACCEPTED", "DECLINED",  "NEEDS-ACTION"};
    int64_t v = haul_prop_int_or(lid_of(s, HAUL_PSET_APPOINTMENT, HAUL_LID_APPT_RESPONSE_STATUS, NULL), 0);
    int64_t state = haul_prop_int_or(lid_of(s, HAUL_PSET_APPOINTMENT, HAUL_LID_APPT_STATE_FLAGS, NULL), 0);
    if (v > 0 && v < (int64_t)HAUL_COUNT(names) && (v > 1 || state & STATE_MEETING))
        haul_ical_x(c, to, "X-MAILHAUL-RESPONSE", names[v]);
    haul_ical_x(c, to, "X-MAILHAUL-REPLY-NAME",
                text_lid(c, s, HAUL_PSET_APPOINTMENT, HAUL_LID_APPT_REPLY_NAME));
    if (haul_prop_bool(haul_bag_name(s->own, HAUL_PSET_PUBLIC_STRINGS, "DoNotForward")))
        haul_ical_x(c, to, "X-MICROSOFT-DONOTFORWARDMEETING", "TRUE");
}

/* VALARM; replies and cancellations have none (RFC 5546 3.2.3, 3.2.5). */
static void add_alarm(haul_ical *c, icalcomponent *to, const haul_said *s)
{
    bool set = haul_prop_bool(lid_of(s, HAUL_PSET_COMMON, HAUL_LID_REMINDER_SET, NULL));
    int64_t delta = haul_prop_int_or(lid_of(s, HAUL_PSET_COMMON, HAUL_LID_REMINDER_DELTA, NULL), 15);
    if (differs(s, HAUL_RECUR_X_REMINDER))
        set = s->x->reminder_set != 0;
    if (differs(s, HAUL_RECUR_X_DELTA))
        delta = s->x->reminder_delta;
    if (c->method && (!strcmp(c->method, "REPLY") || !strcmp(c->method, "CANCEL")))
        return;
    if (set)
        haul_ical_alarm(to, delta == REMINDER_STANDARD ? 15 : delta);
}

void haul_ical_say(haul_ical *c, icalcomponent *to, const haul_said *s, bool all_day)
{
    int64_t v, busy = busy_of(s);
    haul_ical_text(c, to, ICAL_SUMMARY_PROPERTY, subject_of(c, s));
    haul_ical_text(c, to, ICAL_LOCATION_PROPERTY, location_of(c, s));
    haul_ical_text(c, to, ICAL_DESCRIPTION_PROPERTY, body_of(c, s));
    v = haul_prop_int_or(lid_of(s, HAUL_PSET_APPOINTMENT, HAUL_LID_APPT_SEQUENCE, NULL), 0);
    icalcomponent_add_property(to, icalproperty_new_sequence(v >= 0 && v <= INT32_MAX ? (int)v : 0));
    add_status(to, c, s, busy);
    haul_ical_x(c, to, "X-MICROSOFT-CDO-BUSYSTATUS", busy_names[busy]);
    haul_ical_x(c, to, "X-MICROSOFT-CDO-ALLDAYEVENT", all_day ? "TRUE" : "FALSE");
    if (haul_prop_int(haul_bag_get(s->own, TAG_IMPORTANCE), &v))
        haul_ical_x_int(c, to, "X-MICROSOFT-CDO-IMPORTANCE", v);
    if (haul_prop_int(haul_bag_get(s->own, TAG_OWNER_APPOINTMENT_ID), &v))
        haul_ical_x_int(c, to, "X-MICROSOFT-CDO-OWNERAPPTID", v);
    for (size_t i = 0; i < HAUL_COUNT(x_rows); i++)
        add_x(c, to, s, i);
    add_response(c, to, s);
    add_alarm(c, to, s);
}
