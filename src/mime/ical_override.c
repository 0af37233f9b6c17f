#include "base/charset.h"
#include "mime/builder.h"
#include "mime/ical_parts.h"
#include "mime/lids.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

enum { /* MS-OXOCAL 2.2.10.1: of an attachment that is an exception */
       TAG_ATTACHMENT_FLAGS = 0x7ffd,
       TAG_EXCEPTION_REPLACE_TIME = 0x7ff9, /* when the instance would have been, UTC */
       TAG_EXCEPTION_START_TIME = 0x7ffb,   /* when it is, local */
       TAG_ATTACH_LONG_FILENAME = 0x3707,
       TAG_ATTACH_FILENAME = 0x3704,
       TAG_ATTACH_MIME_TAG = 0x370e,
};
#define FLAG_EXCEPTION 0x02u
#define NOWHERE        SIZE_MAX

typedef struct found { /* one exception of the blob, and the attachment that goes with it */
    const haul_recur_exception *x;
    size_t at;
} found;

typedef struct overrides {
    haul_ical *c;
    icalcomponent *event;
    const haul_series *s;
    found *v; /* by the minute of the original start */
    size_t n;
} overrides;

bool haul_ical_is_exception(const haul_mapi *o, size_t i)
{
    if (i >= o->n_attachments || !o->attachments[i].embedded || o->attachments[i].lost)
        return false;
    if (!haul_mapi_is(o, "IPM.Appointment") && !haul_mapi_is(o, "IPM.Schedule.Meeting"))
        return false;
    const haul_bag *b = &o->attachments[i].props;
    int64_t flags = haul_prop_int_or(haul_bag_get(b, TAG_ATTACHMENT_FLAGS), 0);
    return flags & FLAG_EXCEPTION || haul_bag_get(b, TAG_EXCEPTION_REPLACE_TIME) ||
           haul_bag_get(b, TAG_EXCEPTION_START_TIME);
}

static int by_original(const void *a, const void *b)
{
    const found *x = a, *y = b;
    return (x->x->original > y->x->original) - (x->x->original < y->x->original);
}

/* The first exception whose original start is at `minute` or later. */
static size_t lower(const overrides *o, uint32_t minute)
{
    size_t low = 0, high = o->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (o->v[mid].x->original < minute)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The exception that replaces what would have begun at `us`: on that minute, else on that day (a series has one
 * instance a day at most), else within half a day where the zone is not known. */
static size_t replaced(const overrides *o, int64_t us)
{
    uint32_t minute = haul_ical_minutes(haul_ical_local(us, o->s->zone).local), day = minute - minute % 1440;
    size_t at = lower(o, minute);
    if (at < o->n && o->v[at].x->original == minute)
        return at;
    at = lower(o, day);
    if (at < o->n && o->v[at].x->original - day < 1440)
        return at;
    if (o->s->zone)
        return NOWHERE;
    at = lower(o, minute < 840 ? 0 : minute - 840);
    return at < o->n && o->v[at].x->original - minute + 840 <= 1680 ? at : NOWHERE;
}

static size_t started(const overrides *o, int64_t us)
{
    uint32_t minute = haul_ical_minutes(us / HAUL_US);
    for (size_t i = 0; i < o->n; i++)
        if (o->v[i].x->start == minute && o->v[i].at == NOWHERE)
            return i;
    return NOWHERE;
}

/* Which exception attachment i belongs to; NOWHERE when the series does not tell. */
static size_t partner(const overrides *o, const haul_mapi_attach *a)
{
    int64_t us;
    size_t at = NOWHERE;
    if (haul_ical_stored(haul_bag_get(&a->props, TAG_EXCEPTION_REPLACE_TIME), &us))
        at = replaced(o, us);
    else if (haul_ical_stored(haul_bag_get(&a->props, TAG_EXCEPTION_START_TIME), &us))
        at = started(o, us);
    return at != NOWHERE && o->v[at].at == NOWHERE ? at : NOWHERE;
}

static icalcomponent *new_override(const overrides *o, const haul_bag *b)
{
    icalcomponent *to = icalcomponent_new_vevent();
    icalcomponent_add_component(o->c->calendar, to);
    haul_ical_common(o->c, to, b);
    haul_ical_x(o->c, to, "X-MICROSOFT-CDO-INSTTYPE", "3");
    return to;
}

static bool all_day_of(const overrides *o, const haul_bag *b, const haul_recur_exception *x)
{
    const haul_prop *p = haul_bag_lid(b, HAUL_PSET_APPOINTMENT, HAUL_LID_APPT_SUBTYPE);
    if (x && x->flags & HAUL_RECUR_X_SUBTYPE)
        return x->subtype != 0;
    return p ? haul_prop_bool(p) : o->s->all_day;
}

/* The times of the exception in the clock of the series; an exception may be timed where the series is not. */
static void add_times(const overrides *o, icalcomponent *to, const haul_recur_exception *x, bool all_day)
{
    uint32_t original = x->original - x->original % 1440 + o->s->r.start_offset;
    haul_when id = haul_ical_series_time(o->s, original), start = haul_ical_series_time(o->s, x->start);
    haul_when end = haul_ical_series_time(o->s, x->end);
    haul_ical_when(o->c, to, ICAL_RECURRENCEID_PROPERTY, &id);
    start.date = end.date = all_day;
    if (!all_day && !start.tz && o->s->zone)
        start.tz = end.tz = haul_ical_use(o->c, o->s->zone);
    haul_ical_span(o->c, to, &start, end);
}

static void add_file(haul_ical *c, icalcomponent *to, haul_mapi *m, size_t i)
{
    haul_auto_str data = {0};
    haul_err why = {0};
    const haul_bag *b = &m->attachments[i].props;
    const char *name = haul_bag_str(b, TAG_ATTACH_LONG_FILENAME, c->a);
    name = name ? name : haul_bag_str(b, TAG_ATTACH_FILENAME, c->a);
    if (m->attachments[i].embedded || m->attachments[i].lost ||
        haul_mapi_slurp(m, i, HAUL_ICAL_ATTACH_MAX, &data, &why) != HAUL_OK) {
        haul_msg_issue(c->m, HAUL_ISSUE_MAPI_EXCEPTION_ATTACHMENT, "%s", name ? name : why.text);
        return;
    }
    char *base64 = g_base64_encode((const guchar *)haul_strz(&data), data.len);
    icalattach *attach = icalattach_new_from_data(base64, NULL, NULL);
    icalproperty *p = icalproperty_new_attach(attach);
    icalattach_unref(attach);
    g_free(base64);
    icalproperty_set_parameter_from_string(p, "ENCODING", "BASE64");
    icalproperty_set_parameter_from_string(p, "VALUE", "BINARY");
    const char *type = haul_bag_str(b, TAG_ATTACH_MIME_TAG, c->a);
    if (type && !type[strcspn(type, "\";:, \r\n\t^")])
        icalproperty_add_parameter(p, icalparameter_new_fmttype(type));
    if (name) {
        icalparameter *x = icalparameter_new_x(haul_ical_clean(c, name));
        icalparameter_set_xname(x, "X-FILENAME");
        icalproperty_add_parameter(p, x);
    }
    icalcomponent_add_property(to, p);
}

/* The text of the embedded message, and its HTML where Outlook itself puts that. */
static const char *add_body(const overrides *o, icalcomponent *to, haul_mapi *own)
{
    static const haul_build_options none;
    haul_builder b;
    haul_auto_str html = {0};
    haul_builder_init(&b, own, o->c->m, &none);
    haul_builder_body(&b);
    const char *text = haul_builder_plain(&b);
    text = text ? haul_arena_str(o->c->a, text) : NULL;
    if (b.body.has_html) {
        const char *charset = b.body.html_charset ? b.body.html_charset : "utf-8";
        haul_charset_decode(haul_codepage_find(charset, strlen(charset)), haul_strz(&b.body.html),
                            b.body.html.len, &html);
        icalproperty *p = haul_ical_x(o->c, to, "X-ALT-DESC", haul_strz(&html));
        if (p)
            icalproperty_add_parameter(p, icalparameter_new_fmttype("text/html"));
    }
    haul_builder_done(&b);
    return text;
}

static void add_people(const overrides *o, icalcomponent *to, const haul_mapi *own)
{
    bool organizer;
    size_t n;
    if (own && own->n_recipients)
        n = haul_ical_people(o->c, to, own, NULL, &organizer);
    else
        n = haul_ical_people(o->c, to, o->c->o, NULL, &organizer);
    bool publish = o->c->method && !strcmp(o->c->method, "PUBLISH");
    bool named = icalcomponent_get_first_property(to, ICAL_SUMMARY_PROPERTY);
    if (!organizer || !named || (publish && n))
        o->c->method = NULL;
}

/* own: the embedded message, NULL = there is none or it cannot be read. */
static void add_override(const overrides *o, const haul_recur_exception *x, haul_mapi *own)
{
    const haul_bag *series = &o->c->o->props, *b = own ? &own->props : series;
    bool all_day = all_day_of(o, b, x);
    icalcomponent *to = new_override(o, b);
    haul_said said = {.own = b, .series = series, .x = x};
    if (!own) /* its body is that of the series, unless the blob says that it was changed */
        said.series = x->flags & HAUL_RECUR_X_BODY ? series : NULL;
    else
        said.body = add_body(o, to, own);
    add_times(o, to, x, all_day);
    haul_ical_say(o->c, to, &said, all_day);
    add_people(o, to, own);
    for (size_t i = 0; own && i < own->n_attachments; i++)
        add_file(o->c, to, own, i);
}

/* An exception that the blob does not name: its own properties say when it is. */
static void add_orphan(const overrides *o, size_t at, haul_mapi *own)
{
    int64_t replace, start, end;
    const haul_bag *b = &own->props;
    if (!haul_ical_stored(haul_bag_get(&o->c->o->attachments[at].props, TAG_EXCEPTION_REPLACE_TIME),
                          &replace) &&
        !haul_ical_stored(haul_bag_lid(b, HAUL_PSET_APPOINTMENT, HAUL_LID_APPT_EXCEPTION_REPLACE_TIME),
                          &replace)) {
        haul_msg_issue(o->c->m, HAUL_ISSUE_MAPI_EXCEPTION_LOST, "attachment %zu: no time", at);
        return;
    }
    if (!haul_ical_stored(haul_bag_lid(b, HAUL_PSET_APPOINTMENT, HAUL_LID_APPT_START_WHOLE), &start))
        start = replace;
    if (!haul_ical_stored(haul_bag_lid(b, HAUL_PSET_APPOINTMENT, HAUL_LID_APPT_END_WHOLE), &end))
        end = start + o->s->length * HAUL_US;
    haul_recur_exception x = {.original = haul_ical_minutes(haul_ical_local(replace, o->s->zone).local),
                              .start = haul_ical_minutes(haul_ical_local(start, o->s->zone).local),
                              .end = haul_ical_minutes(haul_ical_local(end, o->s->zone).local)};
    haul_msg_issue(o->c->m, HAUL_ISSUE_MAPI_EXCEPTION_ORPHAN, "attachment %zu", at);
    add_override(o, &x, own);
}

static haul_rc open_exception(haul_ical *c, size_t at, haul_mapi **ret, haul_err *e)
{
    haul_err why = {0};
    haul_rc rc = c->o->ops->embedded(c->o, at, ret, &why);
    if (rc == HAUL_OK) {
        rc = haul_mapi_load(*ret, &why);
        if (rc == HAUL_OK)
            return HAUL_OK;
        haul_mapi_free(*ret);
        *ret = NULL;
    }
    haul_msg_issue(c->m, HAUL_ISSUE_MAPI_EXCEPTION_LOST, "attachment %zu: %s", at, why.text);
    if (rc < 0 && e)
        *e = why;
    return rc < 0 ? rc : HAUL_OK;
}

static haul_rc add_found(overrides *o, haul_err *e)
{
    for (size_t i = 0; i < o->n; i++) {
        haul_auto(haul_mapi) *own = NULL;
        haul_rc rc = o->v[i].at == NOWHERE ? HAUL_OK : open_exception(o->c, o->v[i].at, &own, e);
        if (rc != HAUL_OK)
            return rc;
        add_override(o, o->v[i].x, own);
    }
    return HAUL_OK;
}

haul_rc haul_ical_overrides(haul_ical *c, icalcomponent *event, const haul_series *s, haul_err *e)
{
    overrides o = {c, event, s, NULL, s->r.n_exceptions};
    o.v = haul_arena_calloc(c->a, (o.n + 1) * sizeof *o.v);
    for (size_t i = 0; i < o.n; i++)
        o.v[i] = (found){&s->r.exceptions[i], NOWHERE};
    qsort(o.v, o.n, sizeof *o.v, by_original);
    bool *orphan = haul_arena_calloc(c->a, c->o->n_attachments + 1);
    for (size_t i = 0; i < c->o->n_attachments; i++) {
        if (!haul_ical_is_exception(c->o, i))
            continue;
        size_t at = partner(&o, &c->o->attachments[i]);
        if (at == NOWHERE)
            orphan[i] = true;
        else
            o.v[at].at = i;
    }
    haul_rc rc = s->usable ? add_found(&o, e) : HAUL_OK;
    for (size_t i = 0; i < c->o->n_attachments && rc == HAUL_OK; i++) {
        haul_auto(haul_mapi) *own = NULL;
        if (!orphan[i])
            continue;
        rc = open_exception(c, i, &own, e);
        if (rc == HAUL_OK && own)
            add_orphan(&o, i, own);
    }
    return rc;
}
