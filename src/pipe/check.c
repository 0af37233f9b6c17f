#include "pipe/check.h"

#include "model/confined_check.h"
#include "pipe/report.h"

#include <unistd.h>

#define CHECK_VERSION 1

typedef struct checked_store { /* being checked */
    json_t *findings;
    uint64_t counts[HAUL_FINDING_COUNT];
    bool truncated;
} checked_store;

static void set_place(json_t *o, const char *key, bool there, uint64_t v)
{
    json_object_set_new(o, key, there ? json_integer((json_int_t)v) : json_null());
}

static void add_finding(void *ctx, const haul_finding *f)
{
    checked_store *s = ctx;
    if (s->counts[f->id] >= HAUL_FINDINGS_SAME) {
        s->truncated = true;
        return;
    }
    s->counts[f->id]++;
    json_t *o = json_object();
    json_object_set_new(o, "id", json_string(haul_finding_name(f->id)));
    json_object_set_new(o, "severity", json_string(haul_severity_name(haul_finding_severity(f->id))));
    set_place(o, "offset", f->offset != HAUL_NOWHERE, f->offset);
    set_place(o, "node", f->node != 0, f->node);
    set_place(o, "block", f->block != 0, f->block);
    json_object_set_new(o, "detail", haul_json_from_text(f->detail));
    json_array_append_new(s->findings, o);
}

static haul_rc check_file(checked_store *s, const haul_check_job *job, haul_tree *t, json_t *o, haul_err *e)
{
    const haul_format *f = NULL;
    haul_stat st = {0};
    int fd = -1;
    haul_rc rc = haul_format_detect(t, &f, e);
    if (rc == HAUL_OK && !f)
        rc = haul_fail(e, HAUL_E_FORMAT, "its format is not known");
    if (rc != HAUL_OK)
        return rc;
    json_object_set_new(o, "format", json_string(f->name));
    if (!f->check || !haul_tree_is_file(t))
        return haul_fail(e, HAUL_E_FORMAT, "there is no check for %s",
                         f->check ? "directories and containers" : f->name);
    rc = haul_tree_fd(t, "", &fd, &st, e);
    if (rc != HAUL_OK)
        return rc;
    haul_checking c = {
        .fd = fd, .size = (uint64_t)st.size, .found = add_finding, .ctx = s, .stop = job->stop};
    rc = haul_confined_check(f, &c, e);
    close(fd);
    return rc;
}

static void store_json(const checked_store *s, json_t *o, uint64_t totals[HAUL_DAMAGE + 1])
{
    json_t *counts = json_object();
    for (int i = 0; i < HAUL_FINDING_COUNT; i++) {
        if (s->counts[i])
            haul_json_set_u64(counts, haul_finding_name((haul_finding_id)i), s->counts[i]);
        totals[haul_finding_severity((haul_finding_id)i)] += s->counts[i];
    }
    json_object_set_new(o, "findings", s->findings);
    json_object_set_new(o, "counts", counts);
    json_object_set_new(o, "truncated", json_boolean(s->truncated));
}

static haul_rc check_store(const haul_check_job *job, const char *path, json_t *o, uint64_t *totals,
                           haul_err *e)
{
    haul_auto(haul_tree) *t = NULL;
    checked_store s = {.findings = json_array()};
    haul_err why = {0};
    json_object_set_new(o, "path", haul_json_from_text(path));
    json_object_set_new(o, "format", json_null());
    haul_rc rc = haul_tree_open(path, &t, &why);
    if (rc == HAUL_OK) {
        rc = check_file(&s, job, t, o, &why);
        rc = rc == HAUL_OK ? rc : haul_wrap(&why, rc, "%s", path);
    }
    store_json(&s, o, totals);
    json_object_set_new(o, "error", rc == HAUL_OK ? json_null() : haul_json_from_text(why.text));
    if (e)
        *e = why;
    return rc;
}

haul_rc haul_check_stores(const haul_check_job *job, json_t **ret, haul_err *e)
{
    json_t *o = json_object(), *stores = json_array(), *all = json_object();
    uint64_t totals[HAUL_DAMAGE + 1] = {0};
    haul_rc first = HAUL_OK;
    for (size_t i = 0; job->stores[i] && first != HAUL_E_INTERRUPTED; i++) {
        json_t *store = json_object();
        haul_err why = {0};
        haul_rc rc = check_store(job, job->stores[i], store, totals, &why);
        json_array_append_new(stores, store);
        if (rc != HAUL_OK && first == HAUL_OK && e)
            *e = why;
        first = first == HAUL_OK || rc == HAUL_E_INTERRUPTED ? rc : first;
    }
    json_object_set_new(o, "version", json_integer(CHECK_VERSION));
    json_object_set_new(o, "stores", stores);
    haul_json_set_u64(all, "damage", totals[HAUL_DAMAGE]);
    haul_json_set_u64(all, "note", totals[HAUL_NOTE]);
    json_object_set_new(o, "totals", all);
    *ret = o;
    return first;
}
