/* VEVENT as an appointment or a message about a meeting. MS-OXCICAL 2.1.3.1.1.20, MS-OXOCAL 2.2; docs/mapi.md [mapi-r51]. */
#include "mime/lids.h"
#include "mime/outlook_ical.h"

#include <string.h>

enum { STATE_MEETING = 1, STATE_RECEIVED = 2, STATE_CANCELLED = 4 };                /* MS-OXOCAL 2.2.1.10 */
enum { ICON_SINGLE = 0x400, ICON_RECURRING, ICON_MEETING, ICON_MEETING_RECURRING }; /* MS-OXOCAL 2.2.1.49 */

#define CLIP_NEVER INT64_C(79870665540) /* seconds since 1970 of 4500-12-31 23:59, MS-OXOCAL 2.2.1.15 */
#define EPOCH_1601 INT64_C(11644473600)

static const haul_put *to_of(const haul_object *o)
{
    return &o->x->to;
}

/* ── when ── */

static bool end_of(haul_object *o, const haul_moment *start, haul_moment *ret)
{
    icalproperty *p = icalcomponent_get_first_property(o->c, ICAL_DURATION_PROPERTY);
    if (haul_object_moment(o, icalcomponent_get_first_property(o->c, ICAL_DTEND_PROPERTY), ret))
        return true;
    *ret = *start;
    int64_t seconds = p ? icaldurationtype_as_int(icalproperty_get_duration(p)) : start->date ? 86400 : 0;
    ret->local += seconds;
    ret->us += seconds * HAUL_US;
    return true;
}

static void put_recurrence(haul_object *o, const haul_recur *r)
{
    haul_auto_str blob = {0};
    const haul_put *to = to_of(o);
    haul_recur_write(r, true, &blob);
    haul_put_bin(to, HAUL_LID(APPOINTMENT, HAUL_LID_APPT_RECUR), blob.p, blob.len);
    haul_put_bool(to, HAUL_LID(APPOINTMENT, HAUL_LID_APPT_RECURRING), true);
    haul_put_int(to, HAUL_LID(APPOINTMENT, HAUL_LID_APPT_RECURRENCE_TYPE),
                 r->frequency - HAUL_RECUR_DAILY + 1);
    haul_put_time(to, HAUL_LID(APPOINTMENT, HAUL_LID_APPT_CLIP_START),
                  ((int64_t)r->start * 60 - EPOCH_1601) * HAUL_US);
    int64_t end = r->end >= HAUL_RECUR_NEVER ? CLIP_NEVER : (int64_t)r->end * 60 - EPOCH_1601;
    haul_put_time(to, HAUL_LID(APPOINTMENT, HAUL_LID_APPT_CLIP_END), end * HAUL_US);
}

static bool put_times(haul_object *o, haul_moment *start, bool *ret_recurs)
{
    haul_moment end;
    haul_recur r;
    const haul_put *to = to_of(o);
    bool counter = strcmp(o->method, "COUNTER") == 0;
    if (!haul_object_moment(o, icalcomponent_get_first_property(o->c, ICAL_DTSTART_PROPERTY), start) ||
        !end_of(o, start, &end))
        return false;
    if (end.us < start->us)
        end = *start;
    *ret_recurs = haul_object_recurrence(o, start, end.local - start->local, &r);
    if (*ret_recurs)
        put_recurrence(o, &r);
    haul_put_time(to,
                  HAUL_LID(APPOINTMENT, counter ? HAUL_LID_APPT_PROPOSED_START : HAUL_LID_APPT_START_WHOLE),
                  start->us);
    haul_put_time(to, HAUL_LID(APPOINTMENT, counter ? HAUL_LID_APPT_PROPOSED_END : HAUL_LID_APPT_END_WHOLE),
                  end.us);
    haul_put_time(to, HAUL_LID(COMMON, HAUL_LID_COMMON_START), start->us);
    haul_put_time(to, HAUL_LID(COMMON, HAUL_LID_COMMON_END), end.us);
    haul_put_time(to, HAUL_TAG(0x0060), start->us); /* PidTagStartDate, PidTagEndDate */
    haul_put_time(to, HAUL_TAG(0x0061), end.us);
    haul_put_int(to, HAUL_LID(APPOINTMENT, HAUL_LID_APPT_DURATION), (end.us - start->us) / (60 * HAUL_US));
    haul_put_bool(to, HAUL_LID(APPOINTMENT, HAUL_LID_APPT_SUBTYPE), start->date);
    haul_put_bool(to, HAUL_LID(APPOINTMENT, HAUL_LID_APPT_RECURRING), *ret_recurs);
    haul_object_put_zone(o, start->zone, *ret_recurs);
    return true;
}

static void put_instance(haul_object *o)
{
    haul_moment m;
    if (haul_object_moment(o, icalcomponent_get_first_property(o->c, ICAL_RECURRENCEID_PROPERTY), &m))
        haul_put_time(to_of(o), HAUL_LID(APPOINTMENT, HAUL_LID_APPT_EXCEPTION_REPLACE_TIME), m.us);
}

/* ── UID: MS-OXCICAL 2.1.3.1.1.20.26, MS-OXOCAL 2.2.1.27 ── */

static const uint8_t goid_class[16] = {0x04, 0x00, 0x00, 0x00, 0x82, 0x00, 0xe0, 0x00,
                                       0x74, 0xc5, 0xb7, 0x10, 0x1a, 0x82, 0xe0, 0x08};

/* One that Outlook made is its id in hex; any other is wrapped in one. */
static bool from_hex(const char *z, haul_str *to)
{
    size_t n = strlen(z);
    if (n < 80 || n % 2 || n > 2048)
        return false;
    for (size_t i = 0; i < n; i += 2) {
        int high = haul_hexval((unsigned char)z[i]), low = haul_hexval((unsigned char)z[i + 1]);
        if (high < 0 || low < 0)
            return false;
        haul_str_addc(to, (char)(high << 4 | low));
    }
    return memcmp(to->p, goid_class, sizeof(goid_class)) == 0;
}

static void put_uid(haul_object *o)
{
    haul_auto_str id = {0};
    const char *z = haul_object_text(o, ICAL_UID_PROPERTY);
    if (!z)
        return;
    if (!from_hex(z, &id)) {
        haul_str_clear(&id);
        haul_str_add(&id, goid_class, sizeof(goid_class));
        haul_le_add(&id, 0, 8);
        haul_le_add(&id, 0, 8);
        haul_le_add(&id, 0, 4);
        haul_le_add(&id, 12 + strlen(z) + 1, 4);
        haul_str_add(&id, "vCal-Uid\1\0\0\0", 12);
        haul_str_add(&id, z, strlen(z) + 1);
    }
    haul_put_bin(to_of(o), HAUL_LID(MEETING, HAUL_LID_GLOBAL_OBJECT_ID), id.p, id.len);
    memset(id.p + 16, 0, 4); /* the day of an instance */
    haul_put_bin(to_of(o), HAUL_LID(MEETING, HAUL_LID_CLEAN_GLOBAL_OBJECT_ID), id.p, id.len);
}

/* ── who ── */

/* "mailto:a%20b@x.org" without scheme and escapes, RFC 6068 2; NULL = no address. */
static const char *address_of(haul_object *o, const char *uri)
{
    haul_auto_str z = {0};
    if (!uri || !haul_istarts(uri, strlen(uri), "mailto:"))
        return NULL;
    for (const char *p = uri + 7; *p && *p != '?'; p++) {
        int high = *p == '%' ? haul_hexval((unsigned char)p[1]) : -1;
        int low = high >= 0 ? haul_hexval((unsigned char)p[2]) : -1;
        haul_str_addc(&z, (char)(low >= 0 ? high << 4 | low : *p));
        p += low >= 0 ? 2 : 0;
    }
    return z.len && strlen(z.p) == z.len ? haul_arena_str(&o->x->o.arena, z.p) : NULL;
}

static const char *name_of(haul_object *o, icalproperty *p)
{
    icalparameter *cn = icalproperty_get_first_parameter(p, ICAL_CN_PARAMETER);
    const char *z = cn ? icalparameter_get_cn(cn) : NULL;
    return z ? haul_arena_str(&o->x->o.arena, z) : "";
}

static int role_of(icalproperty *p)
{
    icalparameter *role = icalproperty_get_first_parameter(p, ICAL_ROLE_PARAMETER);
    icalparameter *kind = icalproperty_get_first_parameter(p, ICAL_CUTYPE_PARAMETER);
    icalparameter_cutype cu = kind ? icalparameter_get_cutype(kind) : ICAL_CUTYPE_NONE;
    if (cu == ICAL_CUTYPE_RESOURCE || cu == ICAL_CUTYPE_ROOM)
        return 3;
    icalparameter_role r = role ? icalparameter_get_role(role) : ICAL_ROLE_NONE;
    return r == ICAL_ROLE_OPTPARTICIPANT ? 2 : r == ICAL_ROLE_NONPARTICIPANT ? 3 : 1;
}

/* MS-OXOCAL 2.2.4.10.2 */
static int answer_of(icalproperty *p)
{
    icalparameter *param = icalproperty_get_first_parameter(p, ICAL_PARTSTAT_PARAMETER);
    switch (param ? icalparameter_get_partstat(param) : ICAL_PARTSTAT_NONE) {
    case ICAL_PARTSTAT_ACCEPTED:
        return 3;
    case ICAL_PARTSTAT_DECLINED:
        return 4;
    case ICAL_PARTSTAT_TENTATIVE:
        return 2;
    case ICAL_PARTSTAT_NEEDSACTION:
        return 5;
    default:
        return 0;
    }
}

static bool wants_answer(icalproperty *p)
{
    icalparameter *rsvp = icalproperty_get_first_parameter(p, ICAL_RSVP_PARAMETER);
    return rsvp && icalparameter_get_rsvp(rsvp) == ICAL_RSVP_TRUE;
}

static size_t put_attendees(haul_object *o)
{
    size_t n = 0;
    haul_arena *a = &o->x->o.arena;
    for (icalproperty *p = icalcomponent_get_first_property(o->c, ICAL_ATTENDEE_PROPERTY);
         p && n < HAUL_ATTENDEES_MAX; p = icalcomponent_get_next_property(o->c, ICAL_ATTENDEE_PROPERTY)) {
        const char *addr = address_of(o, icalproperty_get_attendee(p)), *name = name_of(o, p);
        if (!addr && !*name)
            continue;
        n++;
        if (wants_answer(p))
            haul_put_bool(to_of(o), HAUL_TAG(0x0063), true); /* PidTagResponseRequested */
        if (o->meeting)
            continue;
        const haul_put to = {
            haul_outlook_recipient(o->x, role_of(p), name, addr ? addr : "", HAUL_RECIPIENT_SENDABLE), a};
        haul_put_int(&to, HAUL_TAG(0x5fff), answer_of(p)); /* PidTagRecipientTrackStatus */
    }
    return n;
}

/* Without attendees it is nobody's meeting. */
static void put_organizer(haul_object *o, size_t attendees)
{
    icalproperty *p = icalcomponent_get_first_property(o->c, ICAL_ORGANIZER_PROPERTY);
    const char *addr = p ? address_of(o, icalproperty_get_organizer(p)) : NULL;
    if (!addr || o->meeting || !attendees)
        return;
    const haul_put to = {haul_outlook_recipient(o->x, 0, name_of(o, p), addr,
                                                HAUL_RECIPIENT_SENDABLE | HAUL_RECIPIENT_ORGANIZER),
                         &o->x->o.arena};
    haul_put_int(&to, HAUL_TAG(0x5fff), 1);
}

/* ── how ── */

static int64_t busy_of(const haul_object *o)
{
    const char *z = haul_object_x(o, "X-MICROSOFT-CDO-BUSYSTATUS");
    int busy = z ? haul_ical_busy(z) : -1;
    icalproperty *transp = icalcomponent_get_first_property(o->c, ICAL_TRANSP_PROPERTY);
    if (busy >= 0)
        return busy;
    if (transp && icalproperty_get_transp(transp) == ICAL_TRANSP_TRANSPARENT)
        return 0;
    return icalcomponent_get_status(o->c) == ICAL_STATUS_TENTATIVE ? 1 : 2;
}

static void put_x(haul_object *o)
{
    size_t n;
    const haul_x_row *rows = haul_ical_x_rows(&n);
    for (size_t i = 0; i < n; i++) {
        const char *z = haul_object_x(o, rows[i].name);
        const haul_key k = {rows[i].set, rows[i].lid, NULL};
        icaltimetype t;
        uint64_t v = 0;
        if (!z)
            continue;
        if (rows[i].type == HAUL_X_TEXT)
            haul_put_text(to_of(o), k, z);
        else if (rows[i].type == HAUL_X_BOOL)
            haul_put_bool(to_of(o), k, haul_icmp(z, "TRUE") == 0);
        else if (rows[i].type == HAUL_X_BUSY && haul_ical_busy(z) >= 0)
            haul_put_int(to_of(o), k, haul_ical_busy(z));
        else if (rows[i].type == HAUL_X_INT && haul_parse_u64(z, strlen(z), &v) && v <= INT32_MAX)
            haul_put_int(to_of(o), k, (int64_t)v);
        else if (rows[i].type == HAUL_X_UTC && (t = icaltime_from_string(z), !icaltime_is_null_time(t))) {
            haul_civil c = {t.year, t.month, t.day, t.hour, t.minute, t.second, 0};
            if (haul_civil_ok(&c) && c.year > 1601 && c.year < 9999)
                haul_put_time(to_of(o), k, haul_civil_to(&c) * HAUL_US);
        }
    }
}

/* VALARM: minutes before the start. */
static void put_alarm(haul_object *o, const haul_moment *start)
{
    icalcomponent *alarm = icalcomponent_get_first_component(o->c, ICAL_VALARM_COMPONENT);
    icalproperty *p = alarm ? icalcomponent_get_first_property(alarm, ICAL_TRIGGER_PROPERTY) : NULL;
    const haul_put *to = to_of(o);
    if (!p)
        return;
    struct icaltriggertype t = icalproperty_get_trigger(p);
    int64_t minutes = icaltime_is_null_time(t.time) ? -(int64_t)icaldurationtype_as_int(t.duration) / 60 : 15;
    minutes = minutes < 0 || minutes > 5256000 ? 0 : minutes;
    haul_put_bool(to, HAUL_LID(COMMON, HAUL_LID_REMINDER_SET), true);
    haul_put_int(to, HAUL_LID(COMMON, HAUL_LID_REMINDER_DELTA), minutes);
    haul_put_time(to, HAUL_LID(COMMON, HAUL_LID_REMINDER_TIME), start->us);
    haul_put_time(to, HAUL_LID(COMMON, HAUL_LID_REMINDER_SIGNAL_TIME), start->us - minutes * 60 * HAUL_US);
}

static int64_t response_of(const haul_object *o)
{
    static const char *const names[] = {"", "ORGANIZER", "TENTATIVE", "ACCEPTED", "DECLINED", "NEEDS-ACTION"};
    const char *z = haul_object_x(o, "X-MAILHAUL-RESPONSE");
    for (int i = 1; z && i < (int)HAUL_COUNT(names); i++)
        if (strcmp(z, names[i]) == 0)
            return i;
    return 0;
}

static void put_state(haul_object *o, bool people, bool recurs)
{
    const haul_put *to = to_of(o);
    icalproperty *sequence = icalcomponent_get_first_property(o->c, ICAL_SEQUENCE_PROPERTY);
    bool cancelled =
        strcmp(o->method, "CANCEL") == 0 || icalcomponent_get_status(o->c) == ICAL_STATUS_CANCELLED;
    int64_t response = response_of(o), state = people ? STATE_MEETING : 0;
    state |= cancelled ? STATE_CANCELLED : 0;
    state |= people && (o->meeting || response > 1) ? STATE_RECEIVED : 0;
    haul_put_int(to, HAUL_LID(APPOINTMENT, HAUL_LID_APPT_STATE_FLAGS), state);
    haul_put_int(to, HAUL_LID(APPOINTMENT, HAUL_LID_APPT_RESPONSE_STATUS), response);
    haul_put_int(to, HAUL_LID(APPOINTMENT, HAUL_LID_APPT_BUSY_STATUS),
                 o->meeting && !cancelled ? 1 : busy_of(o));
    haul_put_int(to, HAUL_LID(APPOINTMENT, HAUL_LID_APPT_SEQUENCE),
                 sequence ? icalproperty_get_sequence(sequence) : 0);
    haul_put_bool(to, HAUL_LID(APPOINTMENT, HAUL_LID_APPT_COUNTER_PROPOSAL),
                  strcmp(o->method, "COUNTER") == 0);
    haul_put_int(to, HAUL_LID(COMMON, HAUL_LID_SIDE_EFFECTS),
                 o->meeting ? 0x1c61 : 0x171); /* MS-OXOCAL 2.2.2.1.4 */
    if (!o->meeting)
        haul_put_int(to, HAUL_TAG(HAUL_TAG_ICON_INDEX),
                     (people ? ICON_MEETING : ICON_SINGLE) + (recurs ? ICON_RECURRING - ICON_SINGLE : 0));
}

void haul_object_event(haul_object *o)
{
    haul_moment start = {0};
    bool recurs = false;
    icalproperty *stamp = icalcomponent_get_first_property(o->c, ICAL_DTSTAMP_PROPERTY);
    haul_moment when;
    o->x->own_recipients = !o->meeting;
    put_x(o);
    put_uid(o);
    if (haul_object_moment(o, stamp, &when))
        haul_put_time(to_of(o), HAUL_LID(MEETING, HAUL_LID_OWNER_CRITICAL_CHANGE), when.us);
    const char *owner = haul_object_x(o, "X-MICROSOFT-CDO-OWNERAPPTID");
    uint64_t id;
    if (owner && haul_parse_u64(owner, strlen(owner), &id) && id <= INT32_MAX)
        haul_put_int(to_of(o), HAUL_TAG(0x0062), (int64_t)id); /* PidTagOwnerAppointmentId */
    haul_object_put(o, HAUL_LID(APPOINTMENT, HAUL_LID_APPT_LOCATION),
                    haul_object_text(o, ICAL_LOCATION_PROPERTY));
    haul_object_put(o, HAUL_LID(APPOINTMENT, HAUL_LID_APPT_REPLY_NAME),
                    haul_object_x(o, "X-MAILHAUL-REPLY-NAME"));
    if (put_times(o, &start, &recurs))
        put_alarm(o, &start);
    else
        o->kept = true;
    put_instance(o);
    size_t n = put_attendees(o);
    put_organizer(o, n);
    put_state(o, n > 0, recurs);
}
