#include "mime/ical_parts.h"
#include "mime/lids.h"

#include <string.h>

enum { /* MS-OXPROPS */
       TAG_REPLY_REQUESTED = 0x0c17,
       TAG_RESPONSE_REQUESTED = 0x0063,
       TAG_RECIPIENT_TYPE = 0x0c15,
       TAG_DISPLAY_TYPE_EX = 0x3905,
       TAG_RECIPIENT_FLAGS = 0x5ffd,
       TAG_RECIPIENT_TRACK_STATUS = 0x5fff,
       TAG_RECIPIENT_TRACK_TIME = 0x5ffb,
       TAG_RECIPIENT_PROPOSED = 0x5fe1,
       TAG_RECIPIENT_PROPOSED_START = 0x5fe3,
       TAG_RECIPIENT_PROPOSED_END = 0x5fe4,
};
enum { /* MS-OXOCAL 2.2.4.10.1 PidTagRecipientFlags */
       RECIPIENT_ORGANIZER = 0x02,
       RECIPIENT_DELETED = 0x20,
};
enum { /* PidTagDisplayTypeEx: what the entry is (MS-OXOABK 2.2.3.12) */
       DISPLAY_LIST = 0x01,
       DISPLAY_PRIVATE_LIST = 0x05,
       DISPLAY_ROOM = 0x07,
       DISPLAY_EQUIPMENT = 0x08,
};

/* RFC 6868: a caret begins an escape; libical writes quotes so, but not carets. */
static const char *param_text(haul_ical *c, const char *text)
{
    const char *clean = haul_ical_clean(c, text);
    char *to = haul_arena_alloc(c->a, 2 * strlen(clean) + 1);
    size_t n = 0;
    for (const char *p = clean; *p; p++) {
        if (*p == '^')
            to[n++] = '^';
        to[n++] = *p == '\n' ? ' ' : *p;
    }
    to[n] = '\0';
    return to;
}

/* An address with characters that a URI may not have is percent-encoded (RFC 6068 2). */
static const char *mailto(haul_ical *c, const char *smtp)
{
    haul_auto_str to = {0};
    haul_str_addz(&to, "mailto:");
    for (const unsigned char *p = (const unsigned char *)smtp; *p; p++) {
        if (*p <= ' ' || *p == 0x7f || strchr("\"%<>\\^`{|}#?;,:[]", *p))
            haul_str_addf(&to, "%%%02X", *p);
        else
            haul_str_addc(&to, (char)*p);
    }
    return haul_arena_str(c->a, haul_strz(&to));
}

/* MS-OXCICAL 2.1.3.1.1.20.2: somebody without an Internet address is "invalid:nomail". */
static icalproperty *person(haul_ical *c, icalproperty_kind kind, const haul_addr *who)
{
    icalproperty *p = icalproperty_new(kind);
    icalproperty_set_value(p, icalvalue_new_caladdress(who->smtp ? mailto(c, who->smtp) : "invalid:nomail"));
    if (who->name && *who->name)
        icalproperty_add_parameter(p, icalparameter_new_cn(param_text(c, who->name)));
    if (!who->smtp && who->other) {
        icalparameter *x = icalparameter_new_x(param_text(c, who->other));
        icalparameter_set_xname(x, "X-MAILHAUL-ADDRESS");
        icalproperty_add_parameter(p, x);
        haul_msg_issue(c->m, HAUL_ISSUE_MAPI_ADDRESS_UNRESOLVED, "%s", who->other);
    }
    return p;
}

static void add_organizer(haul_ical *c, icalcomponent *to, const haul_addr *who, const haul_addr *by)
{
    icalproperty *p = person(c, ICAL_ORGANIZER_PROPERTY, who);
    if (by && by->smtp && who->smtp && haul_icmp(by->smtp, who->smtp) != 0)
        icalproperty_add_parameter(p, icalparameter_new_sentby(mailto(c, by->smtp)));
    icalcomponent_add_property(to, p);
}

/* By its text: libical's own name for IN-PROCESS is not that of RFC 5545. */
static void set_partstat(icalproperty *p, const char *name)
{
    icalproperty_add_parameter(p, icalparameter_new_from_value_string(ICAL_PARTSTAT_PARAMETER, name));
}

/* MS-OXOCAL 2.2.4.10.2: 0 none, 1 organised, 2 tentative, 3 accepted, 4 declined, 5 not responded. */
static const char *tracked(const haul_bag *recipient)
{
    static const char *const names[] = {NULL,       "ACCEPTED", "TENTATIVE",
                                        "ACCEPTED", "DECLINED", "NEEDS-ACTION"};
    int64_t v = haul_prop_int_or(haul_bag_get(recipient, TAG_RECIPIENT_TRACK_STATUS), 0);
    return v >= 0 && v < (int64_t)HAUL_COUNT(names) ? names[v] : NULL;
}

static void set_cutype(icalproperty *p, const haul_bag *recipient, int64_t type)
{
    int64_t display = haul_prop_int_or(haul_bag_get(recipient, TAG_DISPLAY_TYPE_EX), 0) & 0xff;
    icalparameter_cutype cu = ICAL_CUTYPE_NONE;
    if (display == DISPLAY_ROOM)
        cu = ICAL_CUTYPE_ROOM;
    else if (display == DISPLAY_EQUIPMENT || type == 3)
        cu = ICAL_CUTYPE_RESOURCE;
    else if (display == DISPLAY_LIST || display == DISPLAY_PRIVATE_LIST)
        cu = ICAL_CUTYPE_GROUP;
    if (cu != ICAL_CUTYPE_NONE)
        icalproperty_add_parameter(p, icalparameter_new_cutype(cu));
}

/* MS-OXCICAL 2.1.3.1.1.20.2.4: the kind of recipient is the role. */
static void set_role(icalproperty *p, int64_t type)
{
    if (type == 2)
        icalproperty_add_parameter(p, icalparameter_new_role(ICAL_ROLE_OPTPARTICIPANT));
    else if (type == 3)
        icalproperty_add_parameter(p, icalparameter_new_role(ICAL_ROLE_NONPARTICIPANT));
    else
        icalproperty_add_parameter(p, icalparameter_new_role(ICAL_ROLE_REQPARTICIPANT));
}

static void set_x_time(icalproperty *p, const char *name, const haul_bag *recipient, uint16_t tag)
{
    int64_t us;
    char iso[HAUL_ISO_LEN];
    if (!haul_ical_stored(haul_bag_get(recipient, tag), &us))
        return;
    haul_iso_format(iso, us);
    icalparameter *x = icalparameter_new_x(iso);
    icalparameter_set_xname(x, name);
    icalproperty_add_parameter(p, x);
}

/* When somebody answered, and what time was proposed instead (MS-OXOCAL 2.2.4.10.3 to .6). */
static void set_answer(icalproperty *p, const haul_bag *recipient)
{
    set_x_time(p, "X-MAILHAUL-REPLIED", recipient, TAG_RECIPIENT_TRACK_TIME);
    if (!haul_prop_bool(haul_bag_get(recipient, TAG_RECIPIENT_PROPOSED)))
        return;
    set_x_time(p, "X-MAILHAUL-PROPOSED-START", recipient, TAG_RECIPIENT_PROPOSED_START);
    set_x_time(p, "X-MAILHAUL-PROPOSED-END", recipient, TAG_RECIPIENT_PROPOSED_END);
}

static bool add_attendee(haul_ical *c, icalcomponent *to, const haul_bag *recipient, bool rsvp)
{
    haul_addr who = {0};
    int64_t type = haul_prop_int_or(haul_bag_get(recipient, TAG_RECIPIENT_TYPE), 1) & 0xf;
    if (!haul_addr_get(recipient, HAUL_ADDR_RECIPIENT, c->a, &who))
        return false;
    icalproperty *p = person(c, ICAL_ATTENDEE_PROPERTY, &who);
    set_cutype(p, recipient, type);
    set_role(p, type);
    const char *partstat = tracked(recipient);
    if (partstat)
        set_partstat(p, partstat);
    if (rsvp)
        icalproperty_add_parameter(p, icalparameter_new_rsvp(ICAL_RSVP_TRUE));
    set_answer(p, recipient);
    icalcomponent_add_property(to, p);
    return true;
}

static size_t add_names(haul_ical *c, icalcomponent *to, const haul_bag *b, haul_pset set, uint32_t lid,
                        int64_t role)
{
    const char *list = haul_ical_lid(c, b, set, lid);
    size_t n = 0;
    for (const char *p = list ? list : ""; *p;) {
        haul_span one = haul_span_trim((haul_span){p, strcspn(p, ";")});
        const char *z = haul_arena_strn(c->a, one.p, one.len);
        haul_addr who = haul_addr_ok(z) ? (haul_addr){.smtp = z} : (haul_addr){.name = z};
        p += strcspn(p, ";");
        p += *p == ';';
        if (!one.len)
            continue;
        icalproperty *person_of = person(c, ICAL_ATTENDEE_PROPERTY, &who);
        set_role(person_of, role);
        icalcomponent_add_property(to, person_of);
        n++;
    }
    return n;
}

static int64_t flags_of(const haul_bag *recipient)
{
    return haul_prop_int_or(haul_bag_get(recipient, TAG_RECIPIENT_FLAGS), 0);
}

/* The organizer among the recipients, else whoever sent it. */
static bool organizer_of(haul_ical *c, const haul_mapi *from, haul_addr *ret)
{
    for (size_t i = 0; i < from->n_recipients; i++)
        if (flags_of(&from->recipients[i]) & RECIPIENT_ORGANIZER)
            return haul_addr_get(&from->recipients[i], HAUL_ADDR_RECIPIENT, c->a, ret);
    return haul_addr_get(&from->props, HAUL_ADDR_REPRESENTING, c->a, ret) ||
           haul_addr_get(&from->props, HAUL_ADDR_SENDER, c->a, ret);
}

/* A reply goes from an attendee to the organizer: the first recipient (MS-OXCICAL 2.1.3.1.1.20). */
static size_t reply(haul_ical *c, icalcomponent *to, const haul_mapi *from, const char *partstat,
                    bool *organizer)
{
    haul_addr me = {0}, by = {0}, them = {0};
    for (size_t i = 0; i < from->n_recipients && !*organizer; i++) {
        if (haul_prop_int_or(haul_bag_get(&from->recipients[i], TAG_RECIPIENT_TYPE), 1) != 1 ||
            !haul_addr_get(&from->recipients[i], HAUL_ADDR_RECIPIENT, c->a, &them))
            continue;
        add_organizer(c, to, &them, NULL);
        *organizer = true;
    }
    bool sent_by = haul_addr_get(&from->props, HAUL_ADDR_SENDER, c->a, &by);
    if (!haul_addr_get(&from->props, HAUL_ADDR_REPRESENTING, c->a, &me)) {
        if (!sent_by)
            return 0;
        me = by;
    }
    icalproperty *p = person(c, ICAL_ATTENDEE_PROPERTY, &me);
    set_partstat(p, partstat);
    if (sent_by && by.smtp && me.smtp && haul_icmp(by.smtp, me.smtp) != 0)
        icalproperty_add_parameter(p, icalparameter_new_sentby(mailto(c, by.smtp)));
    icalcomponent_add_property(to, p);
    return 1;
}

size_t haul_ical_people(haul_ical *c, icalcomponent *to, const haul_mapi *from, const char *partstat,
                        bool *ret_organizer)
{
    haul_addr organizer = {0}, sender = {0};
    *ret_organizer = false;
    if (partstat)
        return reply(c, to, from, partstat, ret_organizer);
    bool rsvp = haul_prop_bool(haul_bag_get(&from->props, TAG_RESPONSE_REQUESTED)) ||
                haul_prop_bool(haul_bag_get(&from->props, TAG_REPLY_REQUESTED));
    size_t n = 0;
    for (size_t i = 0; i < from->n_recipients; i++)
        if (!(flags_of(&from->recipients[i]) & (RECIPIENT_ORGANIZER | RECIPIENT_DELETED)))
            n += add_attendee(c, to, &from->recipients[i], rsvp);
    n += add_names(c, to, &from->props, HAUL_PSET_COMMON, HAUL_LID_NON_SENDABLE_TO, 1);
    n += add_names(c, to, &from->props, HAUL_PSET_COMMON, HAUL_LID_NON_SENDABLE_CC, 2);
    if (!from->n_recipients) { /* their names are all there is, MS-OXOCAL 2.2.1.17, .18 */
        n += add_names(c, to, &from->props, HAUL_PSET_APPOINTMENT, HAUL_LID_APPT_TO_ATTENDEES, 1);
        n += add_names(c, to, &from->props, HAUL_PSET_APPOINTMENT, HAUL_LID_APPT_CC_ATTENDEES, 2);
    }
    haul_ical_text(c, to, ICAL_RESOURCES_PROPERTY,
                   haul_ical_lid(c, &from->props, HAUL_PSET_COMMON, HAUL_LID_NON_SENDABLE_BCC));
    /* Without attendees it is nobody's meeting: who keeps it is only worth an address. */
    if (organizer_of(c, from, &organizer) && (n || organizer.smtp)) {
        bool by = haul_addr_get(&from->props, HAUL_ADDR_SENDER, c->a, &sender);
        add_organizer(c, to, &organizer, by ? &sender : NULL);
        *ret_organizer = true;
    }
    return n;
}
