/* Two engines side by side: what one gives, and what both were found to read. The engine that gives is one of its own, so
 * that what comes out is what comes out without the comparison. */
#include "compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct said { /* issues that an engine told of the store: the first detail of each; NULL = none */
    const char *first[HAUL_ISSUE_COUNT];
} said;

typedef struct side {
    haul_pst *p;   /* NULL: it cannot open the store */
    haul_msg *msg; /* what it tells of the item being read */
    said store;    /* and of the store */
    struct both *of;
} side;

typedef struct both {
    haul_pst pst; /* its second is the engine that gives */
    side own, pff;
    haul_compare compare;
    haul_arena arena;              /* of a folder, a list; emptied for each */
    haul_arena texts;              /* of what is said */
    const haul_pst_found *orphans; /* of libpff */
    size_t n_orphans;
} both;

/* ── what is told ── */

static void tell(void *ctx, haul_issue_id id, const char *text)
{
    both *s = ctx;
    if (s->pst.msg)
        haul_msg_issue(s->pst.msg, id, "%s", text);
    else
        s->pst.issue(s->pst.issue_ctx, id, text);
}

/* Of the store, by one of the two: that the engine that gives says it, too, is enough. */
static void hear(void *ctx, haul_issue_id id, const char *text)
{
    side *e = ctx;
    if (id == HAUL_ISSUE_PST_ENGINES_KNOWN)
        haul_compare_tell(&e->of->compare, id, "%s", text);
    else if (!e->store.first[id])
        e->store.first[id] = haul_arena_str(&e->of->texts, text);
}

static void compare_said(both *s, const said *own, const said *pff)
{
    for (int id = 0; id < HAUL_ISSUE_COUNT; id++) {
        const char *a = own->first[id], *b = pff->first[id];
        if (!a != !b)
            haul_compare_tell(&s->compare, HAUL_ISSUE_PST_ENGINES_DIFFER, "only %s says %s: %s",
                              a ? "native" : "libpff", haul_issue_name((haul_issue_id)id), a ? a : b);
    }
}

static void said_of(const haul_msg *m, said *ret)
{
    for (const haul_issue *i = m->issues; i; i = i->next)
        if (!ret->first[i->id])
            ret->first[i->id] = i->detail;
}

/* ── an item ── */

static void begin(both *s)
{
    haul_msg_reset(s->own.msg);
    haul_msg_reset(s->pff.msg);
    haul_pst_reads(s->own.p, s->own.msg);
    haul_pst_reads(s->pff.p, s->pff.msg);
}

static void end(both *s)
{
    said own = {0}, pff = {0};
    for (const haul_issue *i = s->pff.msg->issues; i; i = i->next)
        if (i->id == HAUL_ISSUE_PST_ENGINES_KNOWN)
            haul_compare_tell(&s->compare, i->id, "%s", i->detail);
    said_of(s->own.msg, &own);
    said_of(s->pff.msg, &pff);
    pff.first[HAUL_ISSUE_PST_ENGINES_KNOWN] = NULL;
    compare_said(s, &own, &pff);
    haul_pst_reads(s->own.p, NULL);
    haul_pst_reads(s->pff.p, NULL);
}

static bool compares(const both *s)
{
    return s->own.p && s->pff.p;
}

static haul_pst *giver(both *s)
{
    s->pst.second->codepage = s->pst.codepage;
    return s->pst.second;
}

static haul_rc both_item(haul_pst *p, uint32_t parent, uint32_t nid, haul_mapi **ret, haul_err *e)
{
    both *s = (both *)p;
    if (compares(s)) {
        haul_auto(haul_mapi) *own = NULL, *pff = NULL;
        haul_err why = {0}, pff_why = {0};
        begin(s);
        haul_rc rc = s->own.p->ops->item(s->own.p, parent, nid, &own, &why);
        haul_rc pff_rc = s->pff.p->ops->item(s->pff.p, parent, nid, &pff, &pff_why);
        if (haul_compare_outcome(&s->compare, rc, &why, pff_rc, &pff_why))
            haul_compare_objects(&s->compare, own, pff);
        end(s);
    }
    haul_pst *g = giver(s);
    return g->ops->item(g, parent, nid, ret, e);
}

/* ── the store and its folders ── */

static void compare_children(both *s, uint32_t nid)
{
    static const struct {
        unsigned kind;
        const char *what;
    } kinds[] = {
        {HAUL_NID_FOLDER, "folders"}, {HAUL_NID_ITEM, "items"}, {HAUL_NID_ASSOCIATED, "associated items"}};
    for (size_t i = 0; i < HAUL_COUNT(kinds); i++)
        haul_compare_lists(&s->compare, kinds[i].what, s->own.p->ops->children(s->own.p, nid, kinds[i].kind),
                           s->pff.p->ops->children(s->pff.p, nid, kinds[i].kind));
}

static void compare_table(both *s, uint32_t nid, unsigned kind, const char *what)
{
    haul_pst_counts a = {0}, b = {0};
    haul_err why = {0}, pff_why = {0};
    size_t was = s->compare.where.len;
    haul_str_addf(&s->compare.where, "table of %s: ", what);
    haul_rc rc = s->own.p->ops->counts(s->own.p, nid, kind, &s->arena, &a, &why);
    haul_rc pff_rc = s->pff.p->ops->counts(s->pff.p, nid, kind, &s->arena, &b, &pff_why);
    if (haul_compare_outcome(&s->compare, rc, &why, pff_rc, &pff_why)) {
        haul_compare_lists(&s->compare, "rows without an item", (haul_pst_children){a.lost, a.absent},
                           (haul_pst_children){b.lost, b.absent});
        if (a.rows != b.rows || a.unlisted != b.unlisted)
            haul_compare_tell(&s->compare, HAUL_ISSUE_PST_ENGINES_DIFFER,
                              "native has %zu rows and misses %zu, libpff %zu and %zu", a.rows, a.unlisted,
                              b.rows, b.unlisted);
    }
    s->compare.where.len = was;
    s->compare.where.p[was] = '\0';
}

static void compare_folder(both *s, uint32_t nid)
{
    haul_bag a = {0}, b = {0};
    haul_err why = {0}, pff_why = {0};
    haul_arena_reset(&s->arena);
    haul_str_addf(&s->compare.where, "folder 0x%x: ", nid);
    haul_rc rc = s->own.p->ops->folder(s->own.p, nid, &s->arena, &a, &why);
    haul_rc pff_rc = s->pff.p->ops->folder(s->pff.p, nid, &s->arena, &b, &pff_why);
    if (haul_compare_outcome(&s->compare, rc, &why, pff_rc, &pff_why)) {
        haul_compare_bags(&s->compare, &a, &b, false);
        s->compare.sums.folders++;
    }
    compare_children(s, nid);
    if (HAUL_NID_TYPE(nid) != HAUL_NID_SEARCH) {
        compare_table(s, nid, HAUL_NID_ITEM, "items");
        compare_table(s, nid, HAUL_NID_ASSOCIATED, "associated items");
    }
    haul_str_clear(&s->compare.where);
}

/* Search folders are not asked for by anybody. */
static void compare_folders(both *s, uint32_t nid)
{
    haul_pst_children c = s->own.p->ops->children(s->own.p, nid, HAUL_NID_FOLDER);
    compare_folder(s, nid);
    for (size_t i = 0; i < c.n; i++)
        if (HAUL_NID_TYPE(c.v[i]) == HAUL_NID_SEARCH)
            compare_folder(s, c.v[i]);
}

static haul_rc both_folder(haul_pst *p, uint32_t nid, haul_arena *a, haul_bag *ret, haul_err *e)
{
    both *s = (both *)p;
    if (compares(s))
        compare_folders(s, nid);
    haul_pst *g = giver(s);
    return g->ops->folder(g, nid, a, ret, e);
}

static void compare_store(both *s)
{
    haul_bag a = {0}, b = {0};
    haul_err why = {0}, pff_why = {0};
    haul_arena_reset(&s->arena);
    haul_str_addz(&s->compare.where, "store: ");
    haul_rc rc = s->own.p->ops->store(s->own.p, &s->arena, &a, &why);
    haul_rc pff_rc = s->pff.p->ops->store(s->pff.p, &s->arena, &b, &pff_why);
    if (haul_compare_outcome(&s->compare, rc, &why, pff_rc, &pff_why))
        haul_compare_bags(&s->compare, &a, &b, false);
    compare_children(s, 0);
    uint32_t own = s->own.p->ops->receive(s->own.p), pff = s->pff.p->ops->receive(s->pff.p);
    if (own != pff)
        haul_compare_tell(&s->compare, HAUL_ISSUE_PST_ENGINES_DIFFER,
                          "mail is received in folder 0x%x says native, 0x%x says libpff", own, pff);
    haul_str_clear(&s->compare.where);
}

static haul_rc both_store(haul_pst *p, haul_arena *a, haul_bag *ret, haul_err *e)
{
    both *s = (both *)p;
    if (compares(s))
        compare_store(s);
    haul_pst *g = giver(s);
    return g->ops->store(g, a, ret, e);
}

static uint32_t both_receive(haul_pst *p)
{
    haul_pst *g = giver((both *)p);
    return g->ops->receive(g);
}

static haul_pst_children both_children(haul_pst *p, uint32_t nid, unsigned kind)
{
    haul_pst *g = giver((both *)p);
    return g->ops->children(g, nid, kind);
}

static haul_rc both_counts(haul_pst *p, uint32_t nid, unsigned kind, haul_arena *a, haul_pst_counts *ret,
                           haul_err *e)
{
    haul_pst *g = giver((both *)p);
    return g->ops->counts(g, nid, kind, a, ret, e);
}

/* ── recovery ── */

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Node ids in order. */
static haul_pst_children orphans_of(both *s, const haul_pst_found *v, size_t n)
{
    uint32_t *nids = haul_arena_alloc(&s->arena, (n + 1) * sizeof(*nids));
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (v[i].origin == HAUL_PST_ORPHAN)
            nids[kept++] = v[i].nid;
    qsort(nids, kept, sizeof(*nids), by_value);
    return (haul_pst_children){nids, kept};
}

static void compare_orphans(both *s)
{
    const haul_pst_found *own = NULL;
    size_t n = 0, gone = 0;
    haul_err why = {0}, pff_why = {0};
    haul_rc rc = s->own.p->ops->recover(s->own.p, false, &own, &n, &gone, &why);
    haul_rc pff_rc = s->pff.p->ops->recover(s->pff.p, false, &s->orphans, &s->n_orphans, &gone, &pff_why);
    haul_arena_reset(&s->arena);
    if (haul_compare_outcome(&s->compare, rc, &why, pff_rc, &pff_why))
        haul_compare_lists(&s->compare, "orphans", orphans_of(s, own, n),
                           orphans_of(s, s->orphans, s->n_orphans));
}

static haul_rc both_recover(haul_pst *p, bool deleted, const haul_pst_found **ret, size_t *ret_n,
                            size_t *ret_gone, haul_err *e)
{
    both *s = (both *)p;
    haul_pst *g = giver(s);
    size_t n = 0;
    if (compares(s))
        compare_orphans(s);
    haul_rc rc = g->ops->recover(g, deleted, ret, ret_n, ret_gone, e);
    for (size_t i = 0; i < *ret_n; i++)
        n += (*ret)[i].origin == HAUL_PST_DELETED;
    if (n)
        haul_compare_tell(&s->compare, HAUL_ISSUE_PST_ENGINES_UNCOMPARED,
                          "%zu deleted items, which only libpff looks for", n);
    return rc;
}

static haul_rc pff_orphan(both *s, uint32_t nid, haul_mapi **ret, haul_err *e)
{
    for (size_t i = 0; i < s->n_orphans; i++)
        if (s->orphans[i].nid == nid && s->orphans[i].origin == HAUL_PST_ORPHAN)
            return s->pff.p->ops->recovered(s->pff.p, &s->orphans[i], ret, e);
    return haul_fail(e, HAUL_SKIP, "node 0x%x: no orphan", nid);
}

static haul_rc both_recovered(haul_pst *p, const haul_pst_found *f, haul_mapi **ret, haul_err *e)
{
    both *s = (both *)p;
    if (compares(s) && f->origin == HAUL_PST_ORPHAN) {
        haul_auto(haul_mapi) *own = NULL, *pff = NULL;
        haul_err why = {0}, pff_why = {0};
        begin(s);
        haul_rc rc = s->own.p->ops->recovered(s->own.p, f, &own, &why);
        haul_rc pff_rc = pff_orphan(s, f->nid, &pff, &pff_why);
        if (haul_compare_outcome(&s->compare, rc, &why, pff_rc, &pff_why))
            haul_compare_objects(&s->compare, own, pff);
        end(s);
    }
    haul_pst *g = giver(s);
    return g->ops->recovered(g, f, ret, e);
}

/* ── the end ── */

static void both_end(haul_pst *p)
{
    both *s = (both *)p;
    const haul_compare_sums *n = &s->compare.sums;
    haul_err text;
    if (compares(s))
        compare_said(s, &s->own.store, &s->pff.store);
    haul_fail(&text, HAUL_OK,
              "%llu folders, %llu items and embedded messages, %llu recipients, %llu attachments, %llu "
              "values, %llu octets: %llu differences, %llu of known reasons, %llu parts not compared",
              (unsigned long long)n->folders, (unsigned long long)n->items, (unsigned long long)n->recipients,
              (unsigned long long)n->attachments, (unsigned long long)n->values,
              (unsigned long long)n->octets, (unsigned long long)n->differences, (unsigned long long)n->known,
              (unsigned long long)n->uncompared);
    tell(s, HAUL_ISSUE_PST_ENGINES_COMPARED, text.text);
}

static void both_close(haul_pst *p)
{
    both *s = (both *)p;
    haul_pst_close(s->pst.second);
    haul_pst_close(s->own.p);
    haul_pst_close(s->pff.p);
    haul_msg_unref(s->own.msg);
    haul_msg_unref(s->pff.msg);
    haul_compare_done(&s->compare);
    haul_arena_done(&s->arena);
    haul_arena_done(&s->texts);
    free(s);
}

static const haul_pst_ops both_ops = {
    .name = "both",
    .close = both_close,
    .store = both_store,
    .receive = both_receive,
    .children = both_children,
    .folder = both_folder,
    .counts = both_counts,
    .item = both_item,
    .recover = both_recover,
    .recovered = both_recovered,
    .end = both_end,
};

static void open_sides(both *s, int fd, uint64_t size)
{
    haul_err why = {0}, pff_why = {0};
    haul_rc rc = haul_pst_native_open(fd, size, false, hear, &s->own, &s->own.p, &why);
    haul_rc pff_rc = haul_pff_open(fd, size, hear, &s->pff, &s->pff.p, &pff_why);
    if (s->pff.p)
        s->pff.p->unaided = true;
    (void)haul_compare_outcome(&s->compare, rc, &why, pff_rc, &pff_why);
}

haul_rc haul_pst_both_open(int fd, uint64_t size, void (*issue)(void *, haul_issue_id, const char *),
                           void *ctx, haul_pst **ret, haul_err *e)
{
    haul_pst *g = NULL;
    haul_rc rc = haul_pst_native_open(fd, size, true, issue, ctx, &g, e);
    if (rc != HAUL_OK)
        return rc;
    both *s = haul_calloc(1, sizeof(*s));
    s->pst = *g;
    s->pst.ops = &both_ops;
    s->pst.second = g;
    s->own = (side){.msg = haul_msg_new(), .of = s};
    s->pff = (side){.msg = haul_msg_new(), .of = s};
    s->compare = (haul_compare){.tell = tell, .ctx = s};
    open_sides(s, fd, size);
    *ret = &s->pst;
    return HAUL_OK;
}
