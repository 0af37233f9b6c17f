/* One store as a reader: folders first, then the items of each, then what recovery finds. */
#include "pst.h"

#include "base/charset.h"
#include "mime/build.h"

#include <sys/stat.h>
#include <unistd.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { /* MS-OXPROPS: what tells an item apart from another under the same node id */
       SUBJECT = 0x0037,
       DELIVERY_TIME = 0x0e06,
       BODY = 0x1000,
       RTF = 0x1009,
       HTML = 0x1013,
       MESSAGE_ID = 0x1035,
       CREATION_TIME = 0x3007,
       SEARCH_KEY = 0x300b,
};

enum { ENGINE_AUTO, ENGINE_LIBPFF, ENGINE_NATIVE, ENGINE_BOTH }; /* choices of the option */

typedef enum stage {
    STAGE_OPENED,
    STAGE_ITEMS,
    STAGE_LOST,
    STAGE_ASSOCIATED,
    STAGE_RECOVERED,
    STAGE_END
} stage;

typedef struct store {
    int fd;
    haul_pst *p;
    haul_pst_plan plan;
    haul_declared folders;
    haul_str path; /* of the folder being read */
    uint32_t path_of;
    stage at;
    size_t place, item; /* in the plan; in the list that `at` names */
    haul_mapi *open;    /* the item that next() gave */
    const haul_pst_found *found;
    size_t n_found;
    unsigned *versions; /* of each that was found: how many before it are the same node */
    bool associated, recover;
    haul_build_options build;
} store;

/* ── one item ── */

static const char *path_of(store *s, uint32_t folder)
{
    if (s->path_of != folder) {
        s->path_of = folder;
        haul_str_clear(&s->path);
        haul_folders_path(&s->folders.all, folder, &s->path);
    }
    return haul_strz(&s->path);
}

static uint64_t mix(const haul_bag *b, uint16_t id, bool length_only, uint64_t seed)
{
    const haul_prop *p = haul_bag_get(b, id);
    uint64_t n = p ? p->n + 1 : 0;
    seed = haul_fnv64(&n, sizeof(n), seed);
    return p && !length_only ? haul_fnv64(p->p, p->n, seed) : seed;
}

/* What stays the same when flags and categories change [pst-12]. */
static uint64_t fingerprint(const haul_bag *b)
{
    static const struct {
        uint16_t id;
        bool length_only;
    } rows[] = {{SEARCH_KEY, false},
                {CREATION_TIME, false},
                {DELIVERY_TIME, false},
                {SUBJECT, false},
                {MESSAGE_ID, false},
                {BODY, true},
                {RTF, true},
                {HTML, true}};
    uint64_t h = 0;
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        h = mix(b, rows[i].id, rows[i].length_only, h);
    return h;
}

static void identify(store *s, haul_msg *m, uint32_t folder, uint32_t nid, const char *key)
{
    m->folder = folder;
    m->key = haul_arena_str(&m->arena, key);
    m->place = haul_arena_printf(&m->arena, "%s#0x%x", path_of(s, folder), nid);
}

static haul_rc lost(haul_item *it, haul_err *e, haul_rc rc)
{
    if (rc == HAUL_SKIP)
        return haul_wrap(e, rc, "%s", it->msg->place);
    return rc;
}

static haul_rc give(store *s, haul_item *it, haul_rc rc, haul_err *e)
{
    it->type = HAUL_ITEM_MESSAGE;
    if (rc != HAUL_OK)
        return lost(it, e, rc);
    haul_mapi_fill(it->msg, s->open);
    it->msg->fingerprint = fingerprint(&s->open->props);
    return HAUL_OK;
}

static void close_item(store *s)
{
    haul_mapi_free(s->open);
    s->open = NULL;
}

/* Item `nid` of the place; false when the guard passes over it. */
static bool next_item(haul_reader *r, const haul_pst_place *f, uint32_t nid, haul_item *it, haul_rc *ret,
                      haul_err *e)
{
    store *s = r->state;
    char key[32];
    if (haul_guard_step(r->guard, HAUL_GUARD_ITEM, nid, f->folder) != HAUL_GUARD_GO)
        return false;
    snprintf(key, sizeof(key), "0x%x", nid);
    identify(s, it->msg, f->folder, nid, key);
    haul_pst_reads(s->p, it->msg);
    *ret = give(s, it, s->p->ops->item(s->p, f->nid, nid, &s->open, e), e);
    if (*ret == HAUL_OK && s->at == STAGE_ASSOCIATED)
        haul_msg_issue(it->msg, HAUL_ISSUE_PST_ASSOCIATED, "%s", "");
    return true;
}

/* ── the walk ── */

static bool next_in_place(haul_reader *r, haul_item *it, haul_rc *ret, haul_err *e)
{
    store *s = r->state;
    const haul_pst_place *f = &s->plan.v[s->place];
    haul_pst_children c = s->at == STAGE_ASSOCIATED ? f->associated
                          : s->at == STAGE_LOST     ? (haul_pst_children){f->lost, f->n_lost}
                                                    : f->items;
    while (s->item < c.n)
        if (next_item(r, f, c.v[s->item++], it, ret, e))
            return true;
    return false;
}

/* Ids of folders that recovered items go to, declared when the first one comes. */
static uint32_t recovered_folder(store *s, haul_pst_origin origin)
{
    uint32_t top = haul_declare(&s->folders, HAUL_FOLDER_NONE, "Recovered items", NULL, HAUL_ROLE_NONE);
    return haul_declare(&s->folders, top, origin == HAUL_PST_DELETED ? "Deleted" : "Orphans", NULL,
                        HAUL_ROLE_NONE);
}

static int by_node(const void *a, const void *b)
{
    const haul_pst_found *x = *(const haul_pst_found *const *)a, *y = *(const haul_pst_found *const *)b;
    return x->nid != y->nid ? (x->nid > y->nid) - (x->nid < y->nid) : (x > y) - (x < y);
}

/* How many before it have the same node id: an item may be found in several versions. */
static void number_versions(store *s)
{
    if (!s->n_found)
        return;
    const haul_pst_found **order = haul_alloc(s->n_found * sizeof(*order));
    s->versions = haul_calloc(s->n_found, sizeof(*s->versions));
    for (size_t i = 0; i < s->n_found; i++)
        order[i] = &s->found[i];
    qsort(order, s->n_found, sizeof(*order), by_node);
    for (size_t i = 1; i < s->n_found; i++)
        if (order[i]->nid == order[i - 1]->nid)
            s->versions[order[i] - s->found] = s->versions[order[i - 1] - s->found] + 1;
    free(order);
}

static void start_recovery(haul_reader *r)
{
    store *s = r->state;
    haul_err why = {0};
    size_t gone = 0;
    if (haul_guard_step(r->guard, HAUL_GUARD_FOLDER, 0, HAUL_FOLDER_NONE) == HAUL_GUARD_LOST)
        return;
    haul_pst_reads(s->p, NULL);
    if (s->p->ops->recover(s->p, s->recover, &s->found, &s->n_found, &gone, &why) != HAUL_OK)
        haul_reader_issue(r, HAUL_ISSUE_PST_RECOVERY_FAILED, "%s", why.text);
    if (gone)
        haul_reader_issue(r, HAUL_ISSUE_PST_RECOVERY_FAILED, "%zu items were written over", gone);
    number_versions(s);
    for (size_t i = 0; i < s->n_found; i++)
        recovered_folder(s, s->found[i].origin);
}

static bool next_recovered(haul_reader *r, haul_item *it, haul_rc *ret, haul_err *e)
{
    store *s = r->state;
    char key[48];
    while (s->item < s->n_found) {
        const haul_pst_found *f = &s->found[s->item];
        uint64_t node = (uint64_t)(s->item + 1) << 32 | f->nid;
        uint32_t folder = recovered_folder(s, f->origin);
        unsigned version = s->versions[s->item++];
        if (haul_guard_step(r->guard, HAUL_GUARD_ITEM, node, folder) != HAUL_GUARD_GO)
            continue;
        snprintf(key, sizeof(key), version ? "recovered:0x%x.%u" : "recovered:0x%x", f->nid, version);
        identify(s, it->msg, folder, f->nid, key);
        haul_pst_reads(s->p, it->msg);
        *ret = give(s, it, s->p->ops->recovered(s->p, f, &s->open, e), e);
        haul_msg_issue(it->msg, HAUL_ISSUE_PST_RECOVERED, "%s", "");
        return true;
    }
    return false;
}

static void finish(store *s)
{
    haul_pst_reads(s->p, NULL);
    if (s->p->ops->end)
        s->p->ops->end(s->p);
}

/* The next list of the same place, or the next place. */
static void advance(haul_reader *r)
{
    store *s = r->state;
    s->item = 0;
    if (s->at == STAGE_ITEMS && s->plan.v[s->place].n_lost) {
        s->at = STAGE_LOST;
    } else if (s->at != STAGE_ASSOCIATED && s->associated) {
        s->at = STAGE_ASSOCIATED;
    } else {
        s->at = STAGE_ITEMS;
        s->place++;
    }
}

static haul_rc store_next(haul_reader *r, haul_item *it, haul_err *e)
{
    store *s = r->state;
    haul_rc rc = HAUL_OK;
    close_item(s);
    if (s->at == STAGE_OPENED) {
        rc = haul_pst_plan_make(&s->plan, s->p, r, &s->folders, e);
        if (rc != HAUL_OK)
            return rc;
        s->at = STAGE_ITEMS;
    }
    for (;;) {
        if (haul_declared_next(&s->folders, it))
            return HAUL_OK;
        if (s->at == STAGE_END)
            return HAUL_END;
        if (s->at == STAGE_RECOVERED) {
            if (next_recovered(r, it, &rc, e))
                return rc;
            s->at = STAGE_END;
            finish(s);
        } else if (s->place == s->plan.n) {
            start_recovery(r);
            s->at = STAGE_RECOVERED;
            s->item = 0;
        } else {
            if (next_in_place(r, it, &rc, e))
                return rc;
            advance(r);
        }
    }
}

static haul_rc store_body(haul_reader *r, haul_msg *m, haul_out *to, haul_err *e)
{
    store *s = r->state;
    if (!s->open)
        return haul_fail(e, HAUL_SKIP, "no item is open");
    haul_pst_reads(s->p, m);
    return haul_mapi_build(s->open, m, &s->build, to, e);
}

/* ── opening ── */

static void store_issue(void *ctx, haul_issue_id id, const char *detail)
{
    haul_reader *r = ctx;
    r->issue(r->issue_ctx, id, detail);
}

static haul_rc open_engine(haul_reader *r, uint64_t size, haul_err *e)
{
    store *s = r->state;
    size_t engine = haul_values_choice(r->values, &haul_pst_options[HAUL_PST_ENGINE]);
    if (engine == ENGINE_LIBPFF)
        return haul_pff_open(s->fd, size, store_issue, r, &s->p, e);
    if (engine == ENGINE_BOTH)
        return haul_pst_both_open(s->fd, size, store_issue, r, &s->p, e);
    return haul_pst_native_open(s->fd, size, engine == ENGINE_AUTO, store_issue, r, &s->p, e);
}

static haul_rc store_open(haul_reader *r, haul_err *e)
{
    store *s = r->state;
    struct stat st;
    s->fd = -1;
    s->path_of = HAUL_FOLDER_NONE;
    s->associated = haul_values_choice(r->values, &haul_pst_options[HAUL_PST_ASSOCIATED]) == 1;
    s->recover = haul_values_choice(r->values, &haul_pst_options[HAUL_PST_RECOVER]) == 1;
    s->build.unpack_tnef = haul_values_choice(r->values, &haul_pst_options[HAUL_PST_TNEF]) == 1;
    const char *page = haul_values_get(r->values, &haul_pst_options[HAUL_PST_CODEPAGE]);
    s->build.codepage = *page ? haul_codepage_find(page, strlen(page)) : 0;
    if (*page && !s->build.codepage)
        return haul_fail(e, HAUL_E_USAGE, "--pst-codepage: unknown character set '%s'", page);
    if (haul_guard_step(r->guard, HAUL_GUARD_STORE, 0, HAUL_FOLDER_NONE) == HAUL_GUARD_LOST)
        return haul_fail(e, HAUL_E_FORMAT, "the store cannot be opened");
    haul_rc rc = haul_tree_fd(r->tree, "", &s->fd, NULL, e);
    if (rc != HAUL_OK)
        return rc == HAUL_SKIP ? HAUL_E_SOURCE : rc;
    if (fstat(s->fd, &st) != 0)
        return haul_fail_sys(e, HAUL_E_SOURCE, "%s", haul_tree_label(r->tree));
    rc = open_engine(r, (uint64_t)st.st_size, e);
    if (rc == HAUL_OK)
        s->p->codepage = s->build.codepage;
    return rc;
}

static void store_close(haul_reader *r)
{
    store *s = r->state;
    close_item(s);
    haul_pst_close(s->p);
    haul_pst_plan_done(&s->plan);
    haul_declared_done(&s->folders);
    haul_str_done(&s->path);
    free(s->versions);
    if (s->fd >= 0)
        close(s->fd);
}

const haul_reader_ops haul_pst_store = {
    .state_size = sizeof(store),
    .open = store_open,
    .next = store_next,
    .body = store_body,
    .close = store_close,
};
