#include "pipe/preflight.h"

#include "mime/repair.h"

#include <stdlib.h>

typedef enum outcome { REFUSED, REPAIRED, OUTCOMES } outcome;

#define FAULT_BITS 32u

struct haul_preflight {
    uint64_t room; /* octets the account has left */
    uint64_t count[OUTCOMES], by_fault[OUTCOMES][FAULT_BITS];
    json_t *named[OUTCOMES];
};

static haul_preflight *begun(haul_run *r)
{
    if (r->preflight)
        return r->preflight;
    haul_preflight *p = haul_calloc(1, sizeof(*p));
    p->room = r->sink.limits.room;
    for (int i = 0; i < OUTCOMES; i++)
        p->named[i] = json_array();
    return r->preflight = p;
}

void haul_preflight_free(haul_preflight *p)
{
    for (int i = 0; p && i < OUTCOMES; i++)
        json_decref(p->named[i]);
    free(p);
}

static json_t *fault_names(unsigned faults)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < FAULT_BITS; i++)
        if (faults & 1u << i)
            json_array_append_new(list, json_string(haul_fault_name(1u << i)));
    return list;
}

static void count(haul_run *r, outcome how, unsigned faults, const char *reason)
{
    haul_preflight *p = r->preflight;
    const haul_msg *m = r->msg;
    p->count[how]++;
    for (unsigned i = 0; i < FAULT_BITS; i++)
        p->by_fault[how][i] += faults >> i & 1u;
    if (json_array_size(p->named[how]) >= HAUL_PREFLIGHT_NAMED)
        return;
    json_t *o = json_object();
    json_object_set_new(o, "folder", haul_json_from_text(r->by_folder[m->folder].path));
    json_object_set_new(o, "subject", haul_json_from_text(m->subject));
    json_object_set_new(o, "message_id", haul_json_from_text(m->message_id));
    json_object_set_new(o, "faults", fault_names(faults));
    json_object_set_new(o, how == REFUSED ? "reason" : "detail", haul_json_from_text(reason));
    json_array_append_new(p->named[how], o);
}

static haul_rc refuse(haul_run *r, unsigned faults, const haul_str *detail, haul_err *e)
{
    haul_err why;
    haul_fail(&why, HAUL_SKIP, "the target does not take it: %s", haul_strz(detail));
    count(r, REFUSED, faults, why.text);
    haul_rc rc = haul_store_refused(r, r->msg, &why, e);
    return rc == HAUL_OK ? HAUL_END : rc;
}

static void pass(haul_run *r)
{
    uint64_t size = r->msg->stored_size;
    r->preflight->room -= size < r->preflight->room ? size : r->preflight->room;
}

/* Whatever the repair left, or brought (it may have grown beyond a limit), is a reason to refuse. */
static haul_rc settle(haul_run *r, haul_spool **fixed, unsigned faults, const haul_limits *l,
                      haul_str *detail, const haul_str *what, haul_err *e)
{
    haul_auto_str left = {0};
    unsigned found = 0;
    haul_rc rc = haul_faults_find(*fixed, l, &found, &left, e);
    if (rc != HAUL_OK)
        return rc;
    if (found) {
        haul_str_addf(detail, "; repaired, it still has: %s", left.p);
        return refuse(r, faults | found, detail, e);
    }
    haul_msg_repaired(r->msg, *fixed);
    *fixed = NULL;
    haul_msg_issue(r->msg, HAUL_ISSUE_MSG_REPAIRED, "%s", haul_strz(what));
    count(r, REPAIRED, faults, haul_strz(what));
    pass(r);
    return HAUL_OK;
}

static haul_rc repair(haul_run *r, unsigned faults, const haul_limits *l, haul_str *detail, haul_err *e)
{
    haul_auto(haul_spool) *fixed = haul_spool_new(true);
    haul_auto_str what = {0};
    haul_err why = {0};
    haul_rc rc = haul_repair(r->msg->body, faults, l, haul_spool_out(fixed), &what, &why);
    if (rc == HAUL_OK)
        rc = haul_spool_freeze(fixed, &why);
    if (rc == HAUL_OK)
        return settle(r, &fixed, faults, l, detail, &what, e);
    if (rc == HAUL_SKIP) {
        haul_str_addf(detail, "; %s", why.text);
        return refuse(r, faults, detail, e);
    }
    if (e)
        *e = why;
    return rc;
}

haul_rc haul_preflight_message(haul_run *r, haul_err *e)
{
    haul_limits l = r->sink.limits;
    haul_auto_str detail = {0};
    unsigned found = 0;
    if (!l.faults)
        return HAUL_OK;
    l.room = begun(r)->room;
    haul_rc rc = haul_faults_find(r->msg->body, &l, &found, &detail, e);
    if (rc != HAUL_OK)
        return rc;
    if (!found) {
        pass(r);
        return HAUL_OK;
    }
    bool mends = r->job->repair && (found & HAUL_FAULTS_MENDED) == found;
    return mends ? repair(r, found, &l, &detail, e) : refuse(r, found, &detail, e);
}

void haul_preflight_returned(haul_run *r, const haul_msg *m)
{
    if (r->preflight)
        r->preflight->room += m->stored_size;
}

/* ── the report ── */

static void set_limit(json_t *o, const char *key, uint64_t n, bool known)
{
    json_object_set_new(o, key, known ? json_integer((json_int_t)n) : json_null());
}

static json_t *faults_json(const haul_preflight *p)
{
    json_t *all = json_object();
    for (unsigned i = 0; p && i < FAULT_BITS; i++) {
        if (!p->by_fault[REFUSED][i] && !p->by_fault[REPAIRED][i])
            continue;
        json_t *o = json_object();
        json_object_set_new(o, "refused", json_integer((json_int_t)p->by_fault[REFUSED][i]));
        json_object_set_new(o, "repaired", json_integer((json_int_t)p->by_fault[REPAIRED][i]));
        json_object_set_new(all, haul_fault_name(1u << i), o);
    }
    return all;
}

void haul_preflight_report(const haul_run *r, json_t *report)
{
    const haul_preflight *p = r->preflight;
    const haul_limits *l = &r->sink.limits;
    if (!l->faults)
        return;
    json_t *o = json_object();
    json_object_set_new(o, "refused", json_integer(p ? (json_int_t)p->count[REFUSED] : 0));
    json_object_set_new(o, "repaired", json_integer(p ? (json_int_t)p->count[REPAIRED] : 0));
    set_limit(o, "size_max", l->size_max, l->faults & HAUL_FAULT_TOO_LARGE && l->size_max);
    set_limit(o, "line_max", l->line_max, l->faults & HAUL_FAULT_LONG_LINE && l->line_max);
    set_limit(o, "room", l->room, l->faults & HAUL_FAULT_QUOTA);
    json_object_set_new(o, "faults", faults_json(p));
    json_object_set_new(o, "items", p ? json_incref(p->named[REFUSED]) : json_array());
    json_object_set_new(o, "repairs", p ? json_incref(p->named[REPAIRED]) : json_array());
    json_object_set_new(report, "preflight", o);
}
