/* Inventory of sources. Metadata only: a body is read just to count its octets, and only where the source
 * does not say them; with job->stats every one is, for its header section. Nothing is allocated for a message beyond
 * what its reader does. */
#include "pipe/measure.h"
#include "pipe/report.h"
#include "pipe/stats.h"

#include <stdlib.h>
#include <string.h>

#define INSPECT_VERSION 1 /* of the object, docs/report.md */

typedef struct tally { /* of a folder, a source, or everything */
    uint64_t messages, octets, flags_known, unseen, flagged, failed, damaged;
    uint64_t kinds[HAUL_KIND_COUNT];
    bool dated;
    int64_t oldest_us, newest_us;
} tally;

typedef struct counter { /* a haul_out that keeps nothing but, where asked, the header section */
    haul_out out;
    uint64_t octets;
    haul_str *head; /* NULL: not asked, or all of it is there */
} counter;

typedef struct inventory { /* of one source */
    const haul_job *job;
    haul_reader reader;
    haul_folders folders;
    tally *v; /* one a folder */
    size_t cap;
    tally all;
    uint64_t issues[HAUL_ISSUE_COUNT];
    haul_progress *progress;
    haul_str path; /* of the folder being read, for the progress */
    uint32_t at;   /* its id */
    haul_str head; /* of the message being read, with job->stats */
    json_t *list;  /* folders of the passes that are done */
} inventory;

/* An empty line from `at` on ends the header section; two octets in front of it may have come before. */
static bool head_ends(const haul_str *s, size_t at)
{
    for (size_t i = at > 2 ? at - 2 : 0; i < s->len; i++) {
        const char *lf = memchr(s->p + i, '\n', s->len - i);
        if (!lf)
            return false;
        i = (size_t)(lf - s->p);
        if (s->p[i + 1] == '\n' || (s->p[i + 1] == '\r' && s->p[i + 2] == '\n'))
            return true;
    }
    return false;
}

static void keep_head(counter *c, const void *p, size_t n)
{
    size_t at = c->head->len, room = HAUL_HEAD_MAX - at;
    haul_str_add(c->head, p, n < room ? n : room);
    if (n >= room || head_ends(c->head, at))
        c->head = NULL;
}

static haul_rc count_octets(haul_out *o, const void *p, size_t n, haul_err *e)
{
    counter *c = (counter *)o;
    (void)e;
    c->octets += n;
    if (c->head)
        keep_head(c, p, n);
    return HAUL_OK;
}

static void add_date(tally *t, int64_t us)
{
    t->oldest_us = !t->dated || us < t->oldest_us ? us : t->oldest_us;
    t->newest_us = !t->dated || us > t->newest_us ? us : t->newest_us;
    t->dated = true;
}

static void add_message(tally *t, const haul_msg *m, uint64_t octets, bool damaged)
{
    t->messages++;
    t->octets += octets;
    t->kinds[m->kind]++;
    t->damaged += damaged;
    t->flagged += (m->flags & HAUL_FLAG_FLAGGED) != 0;
    if (m->set & HAUL_SET_FLAGS) {
        t->flags_known++;
        t->unseen += !(m->flags & HAUL_FLAG_SEEN);
    }
    if (m->set & (HAUL_SET_RECEIVED | HAUL_SET_SENT))
        add_date(t, haul_msg_time(m));
}

static void merge(tally *to, const tally *t)
{
    to->messages += t->messages;
    to->octets += t->octets;
    to->flags_known += t->flags_known;
    to->unseen += t->unseen;
    to->flagged += t->flagged;
    to->failed += t->failed;
    to->damaged += t->damaged;
    for (size_t k = 0; k < HAUL_KIND_COUNT; k++)
        to->kinds[k] += t->kinds[k];
    if (t->dated) {
        add_date(to, t->oldest_us);
        add_date(to, t->newest_us);
    }
}

static void source_issue(void *ctx, haul_issue_id id, const char *detail)
{
    inventory *v = ctx;
    haul_err e;
    v->issues[id]++;
    v->all.damaged += haul_issue_severity(id) == HAUL_DAMAGE;
    if (!v->job->message)
        return;
    bool several = v->job->sources[0] && v->job->sources[1];
    haul_fail(&e, HAUL_SKIP, "%s%s%s: %s (%s)", several ? haul_tree_path(v->reader.tree) : "",
              several ? ": " : "", haul_issue_text(id), detail, haul_issue_name(id));
    v->job->message(v->job->ctx, haul_issue_severity(id), e.text);
}

/* Counts them; true when one is damage. */
static bool item_issues(inventory *v, const haul_msg *m)
{
    bool damaged = false;
    for (const haul_issue *i = m->issues; i; i = i->next) {
        v->issues[i->id]++;
        damaged |= haul_issue_severity(i->id) == HAUL_DAMAGE;
    }
    return damaged;
}

static haul_rc add_folder(inventory *v, const haul_folder *f, haul_err *e)
{
    if (!haul_folders_add(&v->folders, f))
        return haul_fail(e, HAUL_E_FORMAT, "folder '%s' was declared out of order", f->name);
    if (v->folders.n > v->cap) {
        v->cap = v->cap ? v->cap * 2 : 64;
        v->v = haul_realloc(v->v, v->cap * sizeof(*v->v));
    }
    v->v[v->folders.n - 1] = (tally){0};
    return HAUL_OK;
}

static void show(inventory *v, uint32_t folder)
{
    haul_progress *p = v->progress;
    if (folder != v->at && folder < v->folders.n) {
        v->at = folder;
        haul_str_clear(&v->path);
        haul_folders_path(&v->folders, folder, &v->path);
    }
    p->folder = haul_strz(&v->path);
    if (v->job->progress)
        v->job->progress(v->job->ctx, p);
}

static void lost_item(inventory *v, const haul_msg *m, const haul_err *why)
{
    tally *t = m->folder < v->folders.n ? &v->v[m->folder] : &v->all;
    t->failed++;
    t->damaged++;
    v->progress->totals.found++;
    v->progress->totals.damaged++;
    item_issues(v, m);
    if (v->job->message)
        v->job->message(v->job->ctx, HAUL_DAMAGE, why->text);
}

/* OK, SKIP (the body cannot be read) or the loss of the source. */
static haul_rc size_of(inventory *v, haul_msg *m, uint64_t *ret, haul_err *e)
{
    counter c = {.out = {count_octets}, .head = v->job->stats ? &v->head : NULL};
    bool said = m->set & HAUL_SET_SIZE;
    uint64_t size = m->size;
    haul_rc rc = HAUL_OK;
    haul_str_clear(&v->head);
    if (!said || c.head)
        rc = v->reader.ops->body(&v->reader, m, &c.out, e);
    if (rc == HAUL_OK)
        *ret = said ? size : c.octets;
    return rc;
}

static haul_rc add_item(inventory *v, haul_msg *m, haul_err *e)
{
    uint64_t octets = 0;
    if (m->folder >= v->folders.n)
        return haul_fail(e, HAUL_E_FORMAT, "%s is in a folder that was not declared",
                         m->place ? m->place : "an item");
    haul_rc rc = size_of(v, m, &octets, e);
    if (rc == HAUL_SKIP)
        lost_item(v, m, e);
    if (rc != HAUL_OK)
        return rc == HAUL_SKIP ? HAUL_OK : rc;
    bool damaged = item_issues(v, m);
    add_message(&v->v[m->folder], m, octets, damaged);
    if (v->job->stats)
        haul_stats_add(v->job->stats, m, NULL, octets, haul_strz(&v->head), v->head.len);
    v->progress->totals.found++;
    v->progress->totals.damaged += damaged;
    v->progress->octets_read += octets;
    show(v, m->folder);
    return HAUL_OK;
}

static haul_rc read_all(inventory *v, haul_msg *m, haul_err *e)
{
    for (;;) {
        haul_item item = {.msg = m};
        if (v->job->stop && *v->job->stop)
            return haul_fail(e, HAUL_E_INTERRUPTED, "interrupted");
        haul_msg_reset(m);
        haul_rc rc = v->reader.ops->next(&v->reader, &item, e);
        if (rc == HAUL_END)
            return HAUL_OK;
        if (rc == HAUL_SKIP)
            lost_item(v, m, e);
        else if (rc == HAUL_OK && item.type == HAUL_ITEM_FOLDER)
            rc = add_folder(v, &item.folder, e);
        else if (rc == HAUL_OK)
            rc = add_item(v, m, e);
        if (rc < 0)
            return rc;
    }
}

/* ── the object ── */

static void tally_json(json_t *o, const tally *t)
{
    json_t *kinds = json_object();
    haul_json_set_u64(o, "messages", t->messages);
    haul_json_set_u64(o, "octets", t->octets);
    haul_json_set_u64(o, "flags_known", t->flags_known);
    haul_json_set_u64(o, "unseen", t->unseen);
    haul_json_set_u64(o, "flagged", t->flagged);
    haul_json_set_u64(o, "failed", t->failed);
    haul_json_set_u64(o, "damaged", t->damaged);
    haul_json_set_time(o, "oldest", t->dated, t->oldest_us);
    haul_json_set_time(o, "newest", t->dated, t->newest_us);
    for (int k = 0; k < HAUL_KIND_COUNT; k++)
        if (t->kinds[k])
            haul_json_set_u64(kinds, haul_kind_name((haul_kind)k), t->kinds[k]);
    json_object_set_new(o, "kinds", kinds);
}

/* Move the folders of a pass to the list. */
static void end_pass(inventory *v)
{
    for (uint32_t id = 0; id < v->folders.n; id++) {
        const haul_folder *f = haul_folders_get(&v->folders, id);
        json_t *o = json_object();
        haul_str_clear(&v->path);
        haul_folders_path(&v->folders, id, &v->path);
        json_object_set_new(o, "path", haul_json_from_text(haul_strz(&v->path)));
        json_object_set_new(o, "role", f->role ? json_string(haul_role_name(f->role)) : json_null());
        tally_json(o, &v->v[id]);
        json_array_append_new(v->list, o);
        merge(&v->all, &v->v[id]);
    }
    haul_folders_done(&v->folders);
    v->at = HAUL_FOLDER_NONE;
}

static void inventory_json(inventory *v, json_t *o)
{
    json_t *issues = json_object(), *totals = json_object();
    json_object_set_new(o, "folders", v->list);
    tally_json(totals, &v->all);
    for (int i = 0; i < HAUL_ISSUE_COUNT; i++)
        if (v->issues[i])
            haul_json_set_u64(issues, haul_issue_name((haul_issue_id)i), v->issues[i]);
    json_object_set_new(o, "totals", totals);
    json_object_set_new(o, "issues", issues);
}

/* ── one source ── */

static haul_rc read_pass(inventory *v, haul_passes *p, const haul_format *f, haul_tree *t, haul_err *e)
{
    haul_rc rc = haul_passes_open(p, &v->reader, f, t, v->job->values, source_issue, v, e);
    haul_msg *m = haul_msg_new();
    if (rc == HAUL_OK)
        rc = read_all(v, m, e);
    haul_msg_unref(m);
    haul_passes_end(p, &v->reader);
    haul_reader_close(&v->reader);
    end_pass(v);
    return rc;
}

static haul_rc read_source(inventory *v, haul_tree *t, json_t *o, haul_err *e)
{
    haul_passes passes = {0};
    haul_auto_str formats = {0};
    const haul_format *f;
    haul_rc rc = haul_passes_choose(&passes, v->job->from, t, e);
    while (rc == HAUL_OK && (f = haul_passes_next(&passes))) {
        haul_str_addf(&formats, "%s%s", formats.len ? "+" : "", f->name);
        rc = read_pass(v, &passes, f, t, e);
    }
    if (formats.len)
        json_object_set_new(o, "format", json_string(formats.p));
    return rc;
}

static haul_rc inspect_source(const haul_job *job, const char *path, haul_progress *p, json_t **ret,
                              tally *all, haul_err *e)
{
    haul_auto(haul_tree) *t = NULL;
    inventory v = {.job = job, .progress = p, .at = HAUL_FOLDER_NONE, .list = json_array()};
    json_t *o = json_object();
    json_object_set_new(o, "path", haul_json_from_text(path));
    json_object_set_new(o, "format", json_null());
    haul_rc rc = haul_tree_open(path, &t, e);
    if (rc == HAUL_OK) {
        rc = read_source(&v, t, o, e);
        rc = rc == HAUL_OK ? rc : haul_wrap(e, rc, "%s", path);
    }
    inventory_json(&v, o);
    json_object_set_new(o, "error", rc == HAUL_OK || !e ? json_null() : haul_json_from_text(e->text));
    merge(all, &v.all);
    haul_str_done(&v.path);
    haul_str_done(&v.head);
    free(v.v);
    *ret = o;
    return rc;
}

haul_rc haul_inspect(const haul_job *job, json_t **ret, haul_err *e)
{
    haul_progress p = {.folder = "", .phase = "reading"};
    haul_rc first = HAUL_OK;
    tally all = {0};
    if (job->progress)
        p.octets_total = haul_measure(job->sources);
    json_t *o = json_object(), *sources = json_array(), *totals = json_object();
    for (size_t i = 0; job->sources[i] && first != HAUL_E_INTERRUPTED; i++) {
        haul_err why = {0};
        json_t *source = NULL;
        haul_rc rc = inspect_source(job, job->sources[i], &p, &source, &all, &why);
        json_array_append_new(sources, source);
        if (rc != HAUL_OK && first == HAUL_OK && e)
            *e = why;
        first = first == HAUL_OK || rc == HAUL_E_INTERRUPTED ? rc : first;
    }
    json_object_set_new(o, "version", json_integer(INSPECT_VERSION));
    json_object_set_new(o, "sources", sources);
    tally_json(totals, &all);
    json_object_set_new(o, "totals", totals);
    if (job->stats)
        json_object_set_new(o, "stats", haul_stats_json(job->stats));
    *ret = o;
    return first;
}
