#include "mime/ical_parts.h"
#include "mime/lids.h"

#include <string.h>

static const haul_prop *task(const haul_bag *b, uint32_t lid)
{
    return haul_bag_lid(b, HAUL_PSET_TASK, lid);
}

/* Task dates are days, stored as their midnight without a zone (MS-OXOTASK 2.2.2.2.4, .5). */
static bool day_of(const haul_bag *b, uint32_t lid, haul_when *ret)
{
    int64_t us;
    if (!haul_ical_stored(task(b, lid), &us))
        return false;
    *ret = haul_ical_local(us, NULL);
    ret->date = true;
    return true;
}

/* PidLidPercentComplete: a fraction of 1 (MS-OXOTASK 2.2.2.2.3). */
static bool percent_of(const haul_bag *b, int *ret)
{
    const haul_prop *p = task(b, HAUL_LID_TASK_PERCENT_COMPLETE);
    uint64_t bits = 0;
    double v;
    if (!p || p->type != HAUL_PT_R64 || p->n != 8)
        return false;
    for (unsigned i = 0; i < 8; i++)
        bits |= (uint64_t)p->p[i] << (8 * i);
    memcpy(&v, &bits, sizeof v);
    if (!(v >= 0 && v <= 1)) /* nor NaN */
        return false;
    *ret = (int)(v * 100 + 0.5);
    return true;
}

/* MS-OXOTASK 2.2.2.2.2: 0 not started, 1 in progress, 2 complete, 3 waiting, 4 deferred. */
static void add_status(haul_ical *c, icalcomponent *to, const haul_bag *b)
{
    static const char *const names[] = {"NOT-STARTED", "IN-PROGRESS", "COMPLETE", "WAITING", "DEFERRED"};
    int64_t v = haul_prop_int_or(task(b, HAUL_LID_TASK_STATUS), -1), us;
    bool complete = v == 2 || haul_prop_bool(task(b, HAUL_LID_TASK_COMPLETE));
    int percent;
    icalcomponent_add_property(to, icalproperty_new_status(complete ? ICAL_STATUS_COMPLETED
                                                           : v == 1 ? ICAL_STATUS_INPROCESS
                                                                    : ICAL_STATUS_NEEDSACTION));
    if (v >= 0 && v < (int64_t)HAUL_COUNT(names))
        haul_ical_x(c, to, "X-MAILHAUL-TASK-STATUS", names[v]);
    if (percent_of(b, &percent))
        icalcomponent_add_property(to, icalproperty_new_percentcomplete(percent));
    if (complete && haul_ical_stored(task(b, HAUL_LID_TASK_DATE_COMPLETED), &us))
        haul_ical_utc(to, ICAL_COMPLETED_PROPERTY, us);
}

static bool read_rule(haul_ical *c, const haul_bag *b, haul_series *s)
{
    haul_span blob;
    memset(s, 0, sizeof *s);
    s->all_day = true;
    if (!haul_prop_bin(task(b, HAUL_LID_TASK_RECURRENCE), &blob) || !blob.len) {
        if (haul_prop_bool(task(b, HAUL_LID_TASK_RECURRING)))
            haul_msg_issue(c->m, HAUL_ISSUE_MAPI_RECURRENCE_MISSING, "%s", "");
        return false;
    }
    haul_when start;
    bool whole = haul_recur_parse(blob.p, blob.len, false, c->a, &s->r);
    if (!(s->r.got & HAUL_RECUR_GOT_DATES) && day_of(b, HAUL_LID_TASK_START_DATE, &start))
        s->r.start = haul_ical_minutes(start.local);
    s->usable = s->r.got & HAUL_RECUR_GOT_PATTERN && s->r.start;
    if (s->usable && haul_recur_gregorian(&s->r))
        s->usable = haul_recur_first(&s->r, &s->first);
    else
        s->first = s->r.start / 1440;
    if (!whole || !s->usable)
        haul_msg_issue(c->m, HAUL_ISSUE_MAPI_RECURRENCE_DAMAGED, "of %zu octets%s", blob.len,
                       s->usable ? "" : ": no rule in it");
    return s->usable;
}

/* A rule starts from DTSTART (RFC 5545 3.8.5.3): the task's own dates are those of its next occurrence, which DUE
 * keeps its distance to. */
static void add_dates(haul_ical *c, icalcomponent *to, const haul_bag *b)
{
    haul_when start = {0}, due = {0};
    haul_series s;
    bool has_start = day_of(b, HAUL_LID_TASK_START_DATE, &start),
         has_due = day_of(b, HAUL_LID_TASK_DUE_DATE, &due);
    if (read_rule(c, b, &s)) {
        haul_when first = haul_ical_series_time(&s, s.first * 1440);
        int64_t length = has_start && has_due && due.local > start.local ? due.local - start.local : 0;
        haul_when own = has_start ? start : due;
        if ((has_start || has_due) && own.local != first.local)
            haul_ical_x(c, to, "X-MAILHAUL-TASK-OCCURRENCE", icaltime_as_ical_string(haul_ical_time(&own)));
        haul_ical_when(c, to, ICAL_DTSTART_PROPERTY, &first);
        if (has_due) {
            first.local += length;
            haul_ical_when(c, to, ICAL_DUE_PROPERTY, &first);
        }
        haul_ical_rule(c, to, &s);
        return;
    }
    if (has_start)
        haul_ical_when(c, to, ICAL_DTSTART_PROPERTY, &start);
    if (has_due)
        haul_ical_when(c, to, ICAL_DUE_PROPERTY, &due);
}

static void add_x(haul_ical *c, icalcomponent *to, const haul_bag *b)
{
    static const struct {
        const char *name;
        uint32_t lid;
    } texts[] = {{"X-MAILHAUL-TASK-OWNER", HAUL_LID_TASK_OWNER},
                 {"X-MAILHAUL-TASK-ASSIGNER", HAUL_LID_TASK_ASSIGNER},
                 {"X-MAILHAUL-TASK-LAST-USER", HAUL_LID_TASK_LAST_USER},
                 {"X-MAILHAUL-TASK-LAST-DELEGATE", HAUL_LID_TASK_LAST_DELEGATE},
                 {"X-MAILHAUL-TASK-ROLE", HAUL_LID_TASK_ROLE}},
      numbers[] = {{"X-MAILHAUL-TASK-ACTUAL-MINUTES", HAUL_LID_TASK_ACTUAL_EFFORT},
                   {"X-MAILHAUL-TASK-ESTIMATED-MINUTES", HAUL_LID_TASK_ESTIMATED_EFFORT},
                   {"X-MAILHAUL-TASK-OWNERSHIP", HAUL_LID_TASK_OWNERSHIP}};
    int64_t v;
    for (size_t i = 0; i < HAUL_COUNT(texts); i++)
        haul_ical_x(c, to, texts[i].name, haul_ical_lid(c, b, HAUL_PSET_TASK, texts[i].lid));
    for (size_t i = 0; i < HAUL_COUNT(numbers); i++)
        if (haul_prop_int(task(b, numbers[i].lid), &v) && v > 0)
            haul_ical_x_int(c, to, numbers[i].name, v);
    static const char *const answers[] = {NULL, "NEEDS-ACTION", "ACCEPTED", "DECLINED"};
    if (haul_prop_int(task(b, HAUL_LID_TASK_ACCEPTANCE), &v) && v > 0 && v < (int64_t)HAUL_COUNT(answers))
        haul_ical_x(c, to, "X-MAILHAUL-TASK-ACCEPTANCE", answers[v]); /* MS-OXOTASK 2.2.2.2.30 */
    if (haul_prop_bool(task(b, HAUL_LID_TASK_TEAM)))
        haul_ical_x(c, to, "X-MAILHAUL-TASK-TEAM", "TRUE");
    v = haul_prop_int_or(task(b, HAUL_LID_TASK_VERSION), 0);
    if (v > 0 && v <= INT32_MAX)
        icalcomponent_add_property(to, icalproperty_new_sequence((int)v));
}

static void add_alarm(icalcomponent *to, const haul_bag *b)
{
    int64_t us;
    if (!haul_prop_bool(haul_bag_lid(b, HAUL_PSET_COMMON, HAUL_LID_REMINDER_SET)))
        return;
    if (haul_ical_stored(haul_bag_lid(b, HAUL_PSET_COMMON, HAUL_LID_REMINDER_SIGNAL_TIME), &us) ||
        haul_ical_stored(haul_bag_lid(b, HAUL_PSET_COMMON, HAUL_LID_REMINDER_TIME), &us))
        haul_ical_alarm_at(to, us);
}

static void add_task(haul_ical *c, icalcomponent *to, const haul_bag *b)
{
    haul_ical_common(c, to, b);
    haul_ical_text(c, to, ICAL_SUMMARY_PROPERTY, haul_ical_subject(c, b));
    haul_ical_text(c, to, ICAL_DESCRIPTION_PROPERTY, c->body);
    add_dates(c, to, b);
    add_status(c, to, b);
    add_x(c, to, b);
    add_alarm(to, b);
}

/* The task itself is embedded in the message about it (MS-OXOTASK 2.2.3). */
static haul_rc embedded_task(haul_ical *c, haul_mapi **ret, haul_err *e)
{
    for (size_t i = 0; i < c->o->n_attachments; i++) {
        if (!c->o->attachments[i].embedded || c->o->attachments[i].lost)
            continue;
        haul_rc rc = c->o->ops->embedded(c->o, i, ret, e);
        if (rc < 0)
            return rc;
        if (rc == HAUL_OK && haul_mapi_is(*ret, "IPM.Task"))
            return HAUL_OK;
        if (rc == HAUL_OK)
            haul_mapi_free(*ret);
        *ret = NULL;
    }
    return HAUL_OK;
}

/* An offer and its answers (RFC 5546 3.4). An update says how far the task is. */
static const char *partstat_of(const haul_mapi *o, const haul_bag *b)
{
    if (haul_mapi_is(o, "IPM.TaskRequest.Accept"))
        return "ACCEPTED";
    if (haul_mapi_is(o, "IPM.TaskRequest.Decline"))
        return "DECLINED";
    if (haul_mapi_is(o, "IPM.TaskRequest.Update"))
        return haul_prop_bool(task(b, HAUL_LID_TASK_COMPLETE)) ? "COMPLETED" : "IN-PROCESS";
    return NULL;
}

haul_rc haul_ical_task(haul_ical *c, haul_err *e)
{
    haul_auto(haul_mapi) *own = NULL;
    bool message = haul_mapi_is(c->o, "IPM.TaskRequest"), organizer;
    haul_rc rc = message ? embedded_task(c, &own, e) : HAUL_OK;
    if (rc != HAUL_OK)
        return rc;
    const haul_bag *b = own ? &own->props : &c->o->props;
    const char *partstat = message ? partstat_of(c->o, b) : NULL;
    c->uid = haul_ical_uid(c, b);
    icalcomponent *todo = icalcomponent_new_vtodo();
    icalcomponent_add_component(c->calendar, todo);
    add_task(c, todo, b);
    if (!message && !c->o->n_recipients)
        return HAUL_OK; /* nobody else's: its sender is its owner */
    size_t people = haul_ical_people(c, todo, c->o, partstat, &organizer);
    bool has_summary = icalcomponent_get_first_property(todo, ICAL_SUMMARY_PROPERTY);
    bool has_start = icalcomponent_get_first_property(todo, ICAL_DTSTART_PROPERTY);
    if (message && partstat && people && organizer) {
        c->method = "REPLY"; /* RFC 5546 3.4.3: with a REQUEST-STATUS */
        icalcomponent_add_property(
            todo, icalproperty_new_requeststatus(icalreqstattype_from_string("2.0;Success")));
    } else if (message && !partstat && people && organizer && has_summary && has_start) {
        c->method = "REQUEST";
    }
    return HAUL_OK;
}
