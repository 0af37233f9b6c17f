#include "parents.h"

#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_FOLDER   0xffffffe2u /* the id of a folder that is not there; lower ones if it is */
#define PASSES      3u
#define TYPE(nid)   ((nid)&0x1fu)           /* 2.2.2.1 */
#define HIDDEN(nid) (((nid) & ~0x1fu) | 5u) /* an attachment, which no store has among its nodes */
#define NONE        UINT32_MAX

typedef struct entry { /* NBTENTRY, 2.2.2.7.7.4 */
    uint32_t nid, parent;
    uint64_t at; /* in the file */
} entry;

typedef struct key {
    uint32_t nid, i;
} key;

typedef struct walk {
    haul_view *view;
    size_t parent_at; /* in an entry */
    entry *v;         /* in the order of the tree */
    size_t n, cap;
    key *by_nid;    /* indices in order; NULL = v is in order */
    uint8_t *depth; /* 0 = not known yet */
    uint32_t *chain;
    size_t cap_chain;
    uint32_t nobody;         /* the id of no node */
    uint32_t near_nid, near; /* looked up last */
    haul_parents_note *note;
    void *ctx;
    size_t changed;
} walk;

/* ── reading ── */

static haul_rc add(void *ctx, const haul_node *node, haul_err *e)
{
    walk *w = ctx;
    if (w->n >= HAUL_PST_NODES_MAX)
        return haul_fail(e, HAUL_E_LIMIT, "more than %u nodes", HAUL_PST_NODES_MAX);
    w->v = haul_grown(w->v, w->n, &w->cap, sizeof(*w->v));
    w->v[w->n++] = (entry){node->nid, node->parent, node->at};
    return HAUL_OK;
}

/* ── looking up ── */

static uint32_t nth(const walk *w, size_t i)
{
    return w->by_nid ? w->by_nid[i].i : (uint32_t)i;
}

/* The first place in order of nid that is not below it. */
static size_t first_of(const walk *w, uint32_t nid)
{
    size_t low = 0, high = w->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if ((w->by_nid ? w->by_nid[mid].nid : w->v[mid].nid) < nid)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* NONE: there is no such node. Neighbours have the same parent often. */
static uint32_t find(walk *w, uint32_t nid)
{
    if (nid != w->near_nid) {
        size_t i = first_of(w, nid);
        w->near = i < w->n && w->v[nth(w, i)].nid == nid ? nth(w, i) : NONE;
        w->near_nid = nid;
    }
    return w->near;
}

static int compare(const void *a, const void *b)
{
    const key *x = a, *y = b;
    return x->nid != y->nid ? (x->nid > y->nid) - (x->nid < y->nid) : (x->i > y->i) - (x->i < y->i);
}

static void sort(walk *w)
{
    bool in_order = true;
    for (size_t i = 1; i < w->n && in_order; i++)
        in_order = w->v[i - 1].nid < w->v[i].nid;
    free(w->by_nid);
    w->by_nid = NULL;
    w->near_nid = 0;
    w->near = NONE;
    if (in_order)
        return;
    w->by_nid = haul_alloc(w->n * sizeof(*w->by_nid));
    for (size_t i = 0; i < w->n; i++)
        w->by_nid[i] = (key){w->v[i].nid, (uint32_t)i};
    qsort(w->by_nid, w->n, sizeof(*w->by_nid), compare);
}

/* ── changing ── */

static void say(walk *w, haul_issue_id id, const char *text)
{
    if (w->changed++ < HAUL_PARENTS_NOTES)
        w->note(w->ctx, id, text);
}

static bool lay(walk *w, uint64_t at, uint32_t value)
{
    uint8_t p[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
    return haul_view_patch_add(w->view, at, p, sizeof(p));
}

static void set_parent(walk *w, uint32_t i, uint32_t parent, const char *why)
{
    char text[160];
    entry *e = &w->v[i];
    snprintf(text, sizeof(text), "node 0x%x: its parent 0x%x %s", e->nid, e->parent, why);
    if (lay(w, e->at + w->parent_at, parent))
        say(w, HAUL_ISSUE_PST_PARENT_MENDED, text);
    e->parent = parent;
}

/* ── ids that two nodes have ── */

/* Between its neighbours in the tree? */
static bool fits(const walk *w, uint32_t i, uint32_t nid)
{
    return (i == 0 || w->v[i - 1].nid < nid) && (i + 1 == w->n || nid < w->v[i + 1].nid);
}

/* The next id of the same type that its place in the tree allows: often the one that it had. */
static void renumber(walk *w, uint32_t i)
{
    char text[160];
    entry *e = &w->v[i];
    uint32_t low = i ? w->v[i - 1].nid : 0, own = (low & ~0x1fu) | TYPE(e->nid);
    own += own > low ? 0 : 0x20;
    bool good = fits(w, i, own) && find(w, own) == NONE;
    uint32_t nid = good ? own : HIDDEN(e->nid);
    if (!lay(w, e->at, nid))
        return;
    if (good)
        snprintf(text, sizeof(text), "node 0x%x: a second one of this number; taken as 0x%x", e->nid, nid);
    else
        snprintf(text, sizeof(text), "node 0x%x: a second one of this number", e->nid);
    say(w, good ? HAUL_ISSUE_PST_PARENT_MENDED : HAUL_ISSUE_PST_NODE_LOST, text);
    e->nid = nid;
}

static bool is_listed(uint32_t nid)
{
    return TYPE(nid) == HAUL_NID_FOLDER || TYPE(nid) == HAUL_NID_SEARCH || TYPE(nid) == HAUL_NID_ITEM ||
           TYPE(nid) == HAUL_NID_ASSOCIATED;
}

/* Places from..to of by_nid have one id; the first of them that is where it belongs keeps it. */
static void part(walk *w, size_t from, size_t to)
{
    uint32_t keeps = w->by_nid[from].i;
    for (size_t i = to; i > from; i--)
        if (fits(w, w->by_nid[i - 1].i, w->by_nid[from].nid))
            keeps = w->by_nid[i - 1].i;
    for (size_t i = from; i < to; i++)
        if (w->by_nid[i].i != keeps &&
            w->v[w->by_nid[i].i].at != w->v[keeps].at) /* else a page that is named twice */
            renumber(w, w->by_nid[i].i);
}

static bool part_doubles(walk *w)
{
    size_t before = w->changed;
    for (size_t i = 0, k; w->by_nid && i < w->n; i = k) {
        uint32_t nid = w->by_nid[i].nid;
        for (k = i + 1; k < w->n && w->by_nid[k].nid == nid;)
            k++;
        if (k - i > 1 && is_listed(nid))
            part(w, i, k);
    }
    if (w->changed != before)
        sort(w);
    return w->changed != before;
}

/* ── parents ── */

/* libpff takes a node that is its own parent for the root folder, and fails at the second time it meets one: also when it
 * has met that folder already as the parent of an earlier node. Below the top it is found as well. */
static void mend_root(walk *w)
{
    uint32_t root = find(w, HAUL_NID_ROOT);
    bool early = w->by_nid != NULL;
    if (root == NONE)
        return;
    for (uint32_t i = 0; i < root && !early; i++)
        early = w->v[i].parent != 0;
    if (w->v[root].parent != HAUL_NID_ROOT)
        set_parent(w, root, early ? 0 : HAUL_NID_ROOT, "is not itself, as it should be");
    else if (early)
        (void)lay(w, w->v[root].at + w->parent_at, 0);
}

/* What is not in a folder is found by nobody, unless it is an orphan: then its folder must not be there. */
static void mend_kind(walk *w, uint32_t i)
{
    const entry *e = &w->v[i];
    bool item = TYPE(e->nid) == HAUL_NID_ITEM || TYPE(e->nid) == HAUL_NID_ASSOCIATED;
    bool folder = TYPE(e->nid) == HAUL_NID_FOLDER || TYPE(e->nid) == HAUL_NID_SEARCH;
    if ((!item && !folder) || (folder && !e->parent))
        return;
    if (TYPE(e->parent) == HAUL_NID_FOLDER || (e->parent && find(w, e->parent) == NONE))
        return;
    set_parent(w, i, folder ? 0 : w->nobody, "is no folder");
}

static void chain_add(walk *w, size_t n, uint32_t i)
{
    if (n == w->cap_chain) {
        w->cap_chain = w->cap_chain ? w->cap_chain * 2 : 64;
        w->chain = haul_realloc(w->chain, w->cap_chain * sizeof(*w->chain));
    }
    w->chain[n] = i;
}

/* The lowest of a loop is the eldest, and most likely the top of what hangs together. */
static void cut(walk *w, size_t from, size_t to)
{
    uint32_t low = w->chain[from];
    for (size_t i = from; i < to; i++)
        if (w->v[w->chain[i]].nid < w->v[low].nid)
            low = w->chain[i];
    set_parent(w, low, 0, to - from == 1 ? "is itself" : "leads back to it");
}

enum { UNKNOWN = 0, PASSED = UINT8_MAX }; /* of walk.depth */

/* The node above; NONE at the top. */
static uint32_t above(walk *w, uint32_t i)
{
    const entry *e = &w->v[i];
    return !e->parent || (e->nid == HAUL_NID_ROOT && e->parent == HAUL_NID_ROOT) ? NONE : find(w, e->parent);
}

/* Up from node i to one whose depth is known; `chain` has the *ret_n on the way. False: a loop, which was cut. */
static bool climb(walk *w, uint32_t i, size_t *ret_n)
{
    size_t n = 0, from;
    uint32_t at = i;
    for (; at != NONE && w->depth[at] == UNKNOWN; at = above(w, at)) {
        w->depth[at] = PASSED;
        chain_add(w, n++, at);
    }
    *ret_n = n;
    if (at == NONE || w->depth[at] != PASSED)
        return true;
    for (from = n; from > 0 && w->chain[from - 1] != at;)
        from--;
    cut(w, from - 1, n);
    for (size_t k = 0; k < n; k++)
        w->depth[w->chain[k]] = UNKNOWN;
    return false;
}

/* Depths from the top of the chain down. */
static void settle(walk *w, size_t n)
{
    for (; n > 0; n--) {
        uint32_t i = w->chain[n - 1], up = above(w, i);
        unsigned depth = up == NONE ? 1 : w->depth[up] + 1u;
        if (depth > HAUL_PARENTS_DEPTH) {
            set_parent(w, i, 0, "lies too deep");
            depth = 1;
        }
        w->depth[i] = (uint8_t)depth;
    }
}

static void mend_loops(walk *w)
{
    for (uint32_t i = 0; i < w->n; i++) {
        size_t n = 0;
        if (w->depth[i] != UNKNOWN || !w->v[i].parent)
            continue;
        while (!climb(w, i, &n))
            ;
        settle(w, n);
    }
}

static void find_nobody(walk *w)
{
    w->nobody = NO_FOLDER;
    while (find(w, w->nobody) != NONE)
        w->nobody -= 0x20;
}

size_t haul_parents_mend(haul_view *v, haul_nodes *n, haul_parents_note *note, void *ctx)
{
    walk w = {.view = v, .parent_at = 3u * n->layout->id, .note = note, .ctx = ctx};
    char text[80];
    if (haul_nodes_walk(n, add, &w, NULL) == HAUL_OK && w.n) {
        sort(&w);
        for (unsigned i = 0; i < PASSES && part_doubles(&w); i++) /* a new number may be taken, too */
            ;
        find_nobody(&w);
        mend_root(&w);
        for (uint32_t i = 0; i < w.n; i++)
            mend_kind(&w, i);
        w.depth = haul_calloc(w.n, 1);
        mend_loops(&w);
    }
    haul_nodes_forget(n);
    if (w.changed > HAUL_PARENTS_NOTES) {
        snprintf(text, sizeof(text), "%zu more", w.changed - HAUL_PARENTS_NOTES);
        note(ctx, HAUL_ISSUE_PST_PARENT_MENDED, text);
    }
    free(w.v);
    free(w.by_nid);
    free(w.depth);
    free(w.chain);
    return w.changed;
}
