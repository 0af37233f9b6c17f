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

/* ── one store ── */

typedef struct checking {
    const haul_check_job *job;
    json_t *stores;
    uint64_t totals[HAUL_DAMAGE + 1];
    haul_rc first; /* failure */
    haul_err err;  /* of it */
} checking;

static void note_failure(checking *c, haul_rc rc, const haul_err *why)
{
    if (rc == HAUL_OK || (c->first != HAUL_OK && rc != HAUL_E_INTERRUPTED))
        return;
    c->first = rc;
    c->err = *why;
}

static haul_rc run_check(const checking *c, checked_store *s, haul_tree *t, const char *path,
                         const haul_format *f, haul_err *e)
{
    haul_stat st = {0};
    int fd = -1;
    haul_rc rc = haul_tree_fd(t, path, &fd, &st, e);
    if (rc != HAUL_OK)
        return rc;
    off_t size = lseek(fd, 0, SEEK_END); /* unpacked, where st has the size as stored */
    haul_checking k = {
        .fd = fd, .size = (uint64_t)size, .found = add_finding, .ctx = s, .stop = c->job->stop};
    rc = size < 0 ? haul_fail_sys(e, HAUL_E_SOURCE, "its size") : haul_confined_check(f, &k, e);
    close(fd);
    return rc;
}

/* A store, or what could not be looked at: rc and why say so already. path: of the tree, below what is named. */
static void add_store(checking *c, haul_tree *t, const char *named, const char *path, const haul_format *f,
                      haul_rc rc, haul_err *why)
{
    haul_auto_str name = {0};
    checked_store s = {.findings = json_array()};
    json_t *o = json_object();
    haul_str_addf(&name, *path ? "%s/%s" : "%s", named, path);
    json_object_set_new(o, "path", haul_json_from_text(haul_strz(&name)));
    json_object_set_new(o, "format", f ? json_string(f->name) : json_null());
    if (rc == HAUL_OK)
        rc = run_check(c, &s, t, path, f, why);
    rc = rc == HAUL_SKIP ? HAUL_E_SOURCE : rc; /* it is the whole of this store */
    if (rc != HAUL_OK)
        haul_wrap(why, rc, "%s", haul_strz(&name));
    note_failure(c, rc, why);
    store_json(&s, o, c->totals);
    json_object_set_new(o, "error", rc == HAUL_OK ? json_null() : haul_json_from_text(why->text));
    json_array_append_new(c->stores, o);
}

static void check_file(checking *c, haul_tree *t, const char *named)
{
    const haul_format *f = NULL;
    haul_err why = {0};
    haul_rc rc = haul_format_detect(t, &f, &why);
    if (rc == HAUL_OK && !f)
        rc = haul_fail(&why, HAUL_E_FORMAT, "its format is not known");
    else if (rc == HAUL_OK && !f->check)
        rc = haul_fail(&why, HAUL_E_FORMAT, "there is no check for %s", f->name);
    add_store(c, t, named, "", f, rc, &why);
}

/* ── directories and containers ── */

static bool stopped(const checking *c)
{
    return (c->job->stop && *c->job->stop) || c->first == HAUL_E_INTERRUPTED;
}

static bool named_as_store(const char *name)
{
    for (size_t i = 0; haul_formats[i]; i++)
        for (size_t k = 0; haul_formats[i]->check_suffixes && haul_formats[i]->check_suffixes[k]; k++)
            if (haul_iends(name, haul_formats[i]->check_suffixes[k]))
                return true;
    return false;
}

/* Stores in a directory and below it; other files are passed over. Returns how many there were, with those that cannot
 * be looked at. */
static size_t search(checking *c, haul_tree *t, const char *named, const char *dir)
{
    haul_arena arena = {0};
    haul_entry *v = NULL;
    haul_err why = {0};
    size_t n = 0, found = 0;
    haul_rc rc = haul_tree_list(t, dir, &arena, &v, &n, &why);
    if (rc != HAUL_OK) {
        add_store(c, t, named, dir, NULL, rc, &why);
        found++;
    }
    for (size_t i = 0; rc == HAUL_OK && i < n && !stopped(c); i++) {
        const haul_format *f = NULL;
        const char *path = *dir ? haul_arena_printf(&arena, "%s/%s", dir, v[i].name) : v[i].name;
        if (v[i].type == HAUL_ENTRY_DIR)
            found += search(c, t, named, path);
        if (v[i].type != HAUL_ENTRY_FILE)
            continue;
        haul_rc read = haul_format_detect_file(t, path, &f, &why);
        if (read == HAUL_OK && !f && named_as_store(v[i].name))
            read = haul_fail(&why, HAUL_E_FORMAT, "it is named as a store, and does not begin as one");
        if (read == HAUL_OK && (!f || !f->check))
            continue;
        add_store(c, t, named, path, f, read, &why);
        found++;
    }
    haul_arena_done(&arena);
    return found;
}

/* What is wrong with the containers themselves: stores behind the damage were not seen. */
static void add_damage(checking *c, haul_tree *t, const char *named)
{
    haul_arena arena = {0};
    haul_err why = {0};
    const char *text = haul_tree_damage(t);
    if (text)
        add_store(c, t, named, "", NULL, haul_fail(&why, HAUL_E_SOURCE, "%s", text), &why);
    for (size_t i = 0; (text = haul_tree_nested_damage(t, i, &arena)); i++)
        add_store(c, t, named, "", NULL, haul_fail(&why, HAUL_E_SOURCE, "%s", text), &why);
    haul_arena_done(&arena);
}

static void check_named(checking *c, const char *named)
{
    haul_auto(haul_tree) *t = NULL;
    haul_err why = {0};
    haul_rc rc = haul_tree_open(named, &t, &why);
    if (rc != HAUL_OK) {
        add_store(c, NULL, named, "", NULL, rc, &why);
    } else if (haul_tree_is_file(t)) {
        check_file(c, t, named);
    } else {
        size_t found = search(c, t, named, "");
        add_damage(c, t, named);
        if (!found && !stopped(c))
            add_store(c, t, named, "", NULL, haul_fail(&why, HAUL_E_FORMAT, "there is no store in it"), &why);
    }
}

haul_rc haul_check_stores(const haul_check_job *job, json_t **ret, haul_err *e)
{
    checking c = {.job = job, .stores = json_array(), .first = HAUL_OK};
    json_t *o = json_object(), *all = json_object();
    for (size_t i = 0; job->stores[i] && !stopped(&c); i++)
        check_named(&c, job->stores[i]);
    if (job->stop && *job->stop && c.first == HAUL_OK)
        c.first = haul_fail(&c.err, HAUL_E_INTERRUPTED, "interrupted");
    json_object_set_new(o, "version", json_integer(CHECK_VERSION));
    json_object_set_new(o, "stores", c.stores);
    haul_json_set_u64(all, "damage", c.totals[HAUL_DAMAGE]);
    haul_json_set_u64(all, "note", c.totals[HAUL_NOTE]);
    json_object_set_new(o, "totals", all);
    *ret = o;
    if (e && c.first != HAUL_OK)
        *e = c.err;
    return c.first;
}
