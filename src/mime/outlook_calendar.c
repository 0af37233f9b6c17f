/* A calendar object as an Outlook item: which class it has, and what all kinds have in common. The object itself is kept
 * beside, so that nothing of it is lost. MS-OXCICAL 2.1.3.1, docs/mapi.md [mapi-r50]. */
#include "mime/header.h"
#include "mime/ical.h"
#include "mime/lids.h"
#include "mime/outlook_ical.h"

#include <string.h>

#define LIST_MAX 256u

/* ── reading ── */

const char *haul_object_text(const haul_object *o, icalproperty_kind kind)
{
    icalproperty *p = icalcomponent_get_first_property(o->c, kind);
    icalvalue *v = p ? icalproperty_get_value(p) : NULL;
    const char *z = v ? icalvalue_get_text(v) : NULL;
    return z && *z ? haul_arena_str(&o->x->o.arena, z) : NULL;
}

static const char *next_x(const haul_object *o, const char *name, bool first)
{
    icalproperty *p = first ? icalcomponent_get_first_property(o->c, ICAL_X_PROPERTY)
                            : icalcomponent_get_next_property(o->c, ICAL_X_PROPERTY);
    for (; p; p = icalcomponent_get_next_property(o->c, ICAL_X_PROPERTY)) {
        const char *z = icalproperty_get_x_name(p), *value = icalproperty_get_x(p);
        if (z && value && haul_icmp(z, name) == 0)
            return haul_arena_str(&o->x->o.arena, value);
    }
    return NULL;
}

const char *haul_object_x(const haul_object *o, const char *name)
{
    const char *z = next_x(o, name, true);
    return z && *z ? z : NULL;
}

void haul_object_put(const haul_object *o, haul_key k, const char *z)
{
    size_t n = z ? strlen(z) : 0;
    if (n && n <= HAUL_OUTLOOK_TEXT_MAX)
        haul_put_textn(&o->x->to, k, z, n);
}

/* libical frees what it parsed from the leaves up, once for each level: how deep that goes is looked at before. */
static bool is_sane(const haul_str *s)
{
    size_t lines = 0, depth = 0, deepest = 0;
    const char *p = haul_strz(s);
    for (const char *end; *p; p = *end ? end + 1 : end) {
        end = strchr(p, '\n') ? strchr(p, '\n') : p + strlen(p);
        size_t n = (size_t)(end - p);
        depth += haul_istarts(p, n, "BEGIN");
        depth -= depth && haul_istarts(p, n, "END");
        deepest = depth > deepest ? depth : deepest;
        lines++;
    }
    return lines <= HAUL_CALENDAR_LINES_MAX && deepest <= HAUL_CALENDAR_DEPTH_MAX &&
           strlen(haul_strz(s)) == s->len;
}

/* The component that the object is about: of a series the one without RECURRENCE-ID. */
static icalcomponent *main_component(icalcomponent *all, icalcomponent_kind kind)
{
    icalcomponent *first = icalcomponent_get_first_component(all, kind);
    for (icalcomponent *c = first; c; c = icalcomponent_get_next_component(all, kind))
        if (!icalcomponent_get_first_property(c, ICAL_RECURRENCEID_PROPERTY))
            return c;
    return first;
}

static const char *method_of(icalcomponent *all)
{
    icalproperty *p = icalcomponent_get_first_property(all, ICAL_METHOD_PROPERTY);
    const char *z = p ? icalproperty_method_to_string(icalproperty_get_method(p)) : NULL;
    return z ? z : "";
}

/* ── class ── */

static const char *answer_class(icalcomponent *c)
{
    icalproperty *p = icalcomponent_get_first_property(c, ICAL_ATTENDEE_PROPERTY);
    icalparameter *param = p ? icalproperty_get_first_parameter(p, ICAL_PARTSTAT_PARAMETER) : NULL;
    switch (param ? icalparameter_get_partstat(param) : ICAL_PARTSTAT_NONE) {
    case ICAL_PARTSTAT_ACCEPTED:
        return "IPM.Schedule.Meeting.Resp.Pos";
    case ICAL_PARTSTAT_DECLINED:
        return "IPM.Schedule.Meeting.Resp.Neg";
    default:
        return "IPM.Schedule.Meeting.Resp.Tent";
    }
}

/* MS-OXCICAL 2.1.3.1.1.1, the other way round. */
static const char *meeting_class(const haul_object *o)
{
    if (strcmp(o->method, "REQUEST") == 0)
        return "IPM.Schedule.Meeting.Request";
    if (strcmp(o->method, "CANCEL") == 0)
        return "IPM.Schedule.Meeting.Canceled";
    if (strcmp(o->method, "REPLY") == 0)
        return answer_class(o->c);
    return strcmp(o->method, "COUNTER") == 0 ? "IPM.Schedule.Meeting.Resp.Tent" : NULL;
}

/* Mail that brings an event is mail, unless it is about a meeting; what is nothing but a calendar object is an item. */
static const char *class_of(const haul_object *o, haul_kind kind)
{
    const char *stated = o->x->stated;
    haul_span s = {stated ? stated : "", stated ? strlen(stated) : 0};
    bool item = o->x->calendar == 0 || (o->x->m && o->x->m->kind != HAUL_KIND_MAIL);
    if (stated && haul_class_kind(s) == kind)
        return stated;
    const char *meeting = kind == HAUL_KIND_CALENDAR ? meeting_class(o) : NULL;
    if (meeting || !item)
        return meeting;
    return kind == HAUL_KIND_CALENDAR ? "IPM.Appointment"
           : kind == HAUL_KIND_TASK   ? "IPM.Task"
                                      : "IPM.Activity";
}

/* ── what all have ── */

static void put_list(const haul_object *o, uint32_t lid, icalproperty_kind kind, const char *x)
{
    const char *v[LIST_MAX], *z;
    size_t n = 0;
    for (icalproperty *p = x ? NULL : icalcomponent_get_first_property(o->c, kind); p && n < LIST_MAX;
         p = icalcomponent_get_next_property(o->c, kind))
        if ((z = icalvalue_get_text(icalproperty_get_value(p))))
            v[n++] = haul_arena_str(&o->x->o.arena, z);
    for (z = x ? next_x(o, x, true) : NULL; z && n < LIST_MAX; z = next_x(o, x, false))
        v[n++] = z;
    haul_put_texts(&o->x->to, (haul_key){HAUL_PSET_COMMON, lid, NULL}, v, n);
}

static void put_rank(const haul_object *o)
{
    static const char *const classes[] = {"PUBLIC", "X-PERSONAL", "PRIVATE", "CONFIDENTIAL"};
    icalproperty *p = icalcomponent_get_first_property(o->c, ICAL_CLASS_PROPERTY);
    const char *z = p ? icalproperty_get_value_as_string(p) : NULL;
    icalproperty *priority = icalcomponent_get_first_property(o->c, ICAL_PRIORITY_PROPERTY);
    int rank = priority ? icalproperty_get_priority(priority) : 0;
    for (int i = 1; z && i < (int)HAUL_COUNT(classes); i++)
        if (haul_icmp(z, classes[i]) == 0) {
            haul_put_int(&o->x->to, HAUL_TAG(HAUL_TAG_SENSITIVITY), i);
            haul_put_bool(&o->x->to, HAUL_LID(COMMON, HAUL_LID_PRIVATE), i == 2);
        }
    if (rank >= 1 && rank <= 9)
        haul_put_int(&o->x->to, HAUL_TAG(HAUL_TAG_IMPORTANCE), rank < 5 ? 2 : rank == 5 ? 1 : 0);
}

static void put_common(haul_object *o)
{
    haul_outlook *x = o->x;
    haul_moment m;
    haul_span v;
    const char *text = haul_object_text(o, ICAL_DESCRIPTION_PROPERTY);
    if (!haul_header_find(x->header.p, x->header.len, "Subject", &v))
        haul_object_put(o, HAUL_TAG(HAUL_TAG_SUBJECT), haul_object_text(o, ICAL_SUMMARY_PROPERTY));
    if (text && x->text == HAUL_NO_NODE && x->html == HAUL_NO_NODE)
        haul_put_lines(&x->to, HAUL_TAG(HAUL_TAG_BODY), text, strlen(text));
    if (haul_object_moment(o, icalcomponent_get_first_property(o->c, ICAL_CREATED_PROPERTY), &m))
        haul_put_time(&x->to, HAUL_TAG(HAUL_TAG_CREATION_TIME), m.us);
    if (haul_object_moment(o, icalcomponent_get_first_property(o->c, ICAL_LASTMODIFIED_PROPERTY), &m))
        haul_put_time(&x->to, HAUL_TAG(HAUL_TAG_LAST_MODIFICATION_TIME), m.us);
    put_rank(o);
    put_list(o, HAUL_LID_CONTACTS, ICAL_CONTACT_PROPERTY, NULL);
    put_list(o, HAUL_LID_COMPANIES, ICAL_X_PROPERTY, "X-MAILHAUL-COMPANY");
    haul_object_put(o, HAUL_LID(COMMON, HAUL_LID_BILLING), haul_object_x(o, "X-MAILHAUL-BILLING"));
    haul_object_put(o, HAUL_LID(COMMON, HAUL_LID_MILEAGE), haul_object_x(o, "X-MAILHAUL-MILEAGE"));
}

/* ── the object ── */

static const struct {
    icalcomponent_kind kind;
    haul_kind item;
    void (*put)(haul_object *o);
} kinds[] = {{ICAL_VEVENT_COMPONENT, HAUL_KIND_CALENDAR, haul_object_event},
             {ICAL_VTODO_COMPONENT, HAUL_KIND_TASK, haul_object_task},
             {ICAL_VJOURNAL_COMPONENT, HAUL_KIND_NOTE, haul_object_journal}};

static bool take(haul_object *o)
{
    o->method = method_of(o->all);
    for (size_t i = 0; i < HAUL_COUNT(kinds); i++) {
        o->c = main_component(o->all, kinds[i].kind);
        if (!o->c)
            continue;
        o->class = class_of(o, kinds[i].item);
        if (!o->class)
            return true; /* mail, with a calendar as an attachment */
        o->meeting = haul_class_is((haul_span){o->class, strlen(o->class)}, "IPM.Schedule");
        put_common(o);
        kinds[i].put(o);
        return true;
    }
    return false;
}

const char *haul_outlook_calendar(haul_outlook *x)
{
    haul_auto_str text = {0};
    if (x->calendar == HAUL_NO_NODE)
        return NULL;
    const haul_node *n = &x->nodes[x->calendar];
    haul_object o = {.x = x, .method = ""};
    haul_ical_preload();
    if (haul_outlook_octets(n, HAUL_CALENDAR_MAX, &text, NULL) && text.len && is_sane(&text))
        o.all = icalparser_parse_string(text.p);
    bool read = o.all && icalcomponent_isa(o.all) == ICAL_VCALENDAR_COMPONENT && take(&o);
    if (!read || o.kept)
        haul_outlook_issue(x, HAUL_ISSUE_OUTLOOK_CALENDAR_UNREAD, "%s", o.class ? o.class : n->type);
    haul_outlook_keep(x, x->calendar, "Calendar", read ? o.method : "", o.class);
    if (o.all)
        icalcomponent_free(o.all);
    return o.class;
}
