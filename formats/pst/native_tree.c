/* The nodes of a store in memory, and whose children they are. */
#include "native.h"

#include <stdlib.h>
#include <string.h>

#define LEVELS_MAX 256u /* of folders: haul_direct_parents leaves fewer */

static unsigned kind_of(uint32_t nid)
{
    switch (HAUL_NID_TYPE(nid)) {
    case HAUL_NID_FOLDER:
    case HAUL_NID_SEARCH:
        return HAUL_NID_FOLDER;
    case HAUL_NID_ITEM:
    case HAUL_NID_ASSOCIATED:
        return HAUL_NID_TYPE(nid);
    default:
        return 0;
    }
}

/* ── the nodes ── */

static haul_rc add_node(void *ctx, const haul_node *n, haul_err *e)
{
    haul_native *s = ctx;
    if (s->n_nodes >= HAUL_PST_NODES_MAX)
        return haul_fail(e, HAUL_E_LIMIT, "more than %u nodes", HAUL_PST_NODES_MAX);
    s->nodes = haul_grown(s->nodes, s->n_nodes, &s->cap, sizeof(*s->nodes));
    s->nodes[s->n_nodes++] =
        (haul_native_node){.nid = n->nid, .parent = n->parent, .data = n->data, .sub = n->sub};
    return HAUL_OK;
}

static int by_nid(const void *a, const void *b)
{
    const haul_native_node *x = a, *y = b;
    return (x->nid > y->nid) - (x->nid < y->nid);
}

/* A tree in order needs no sorting; of nodes with one id, as a page that is named twice has them, one is enough. */
static void sort_nodes(haul_native *s)
{
    bool sorted = true;
    size_t kept = 0;
    for (size_t i = 1; i < s->n_nodes && sorted; i++)
        sorted = s->nodes[i - 1].nid < s->nodes[i].nid;
    if (sorted)
        return;
    qsort(s->nodes, s->n_nodes, sizeof(*s->nodes), by_nid);
    for (size_t i = 0; i < s->n_nodes; i++)
        if (!i || s->nodes[i].nid != s->nodes[kept - 1].nid)
            s->nodes[kept++] = s->nodes[i];
    s->n_nodes = kept;
}

const haul_native_node *haul_native_find(const haul_native *s, uint32_t nid)
{
    const haul_native_node key = {.nid = nid};
    return s->n_nodes ? bsearch(&key, s->nodes, s->n_nodes, sizeof(key), by_nid) : NULL;
}

haul_node haul_native_place(const haul_native_node *n)
{
    return (haul_node){.nid = n->nid, .parent = n->parent, .data = n->data, .sub = n->sub};
}

/* ── the children ── */

typedef struct child {
    uint32_t parent, nid;
} child;

static int by_parent(const void *a, const void *b)
{
    const child *x = a, *y = b;
    unsigned k = kind_of(x->nid), l = kind_of(y->nid);
    if (x->parent != y->parent)
        return (x->parent > y->parent) - (x->parent < y->parent);
    if (k != l)
        return (k > l) - (k < l);
    return (x->nid > y->nid) - (x->nid < y->nid);
}

/* A node that is its own parent lies at the top, as one whose parent is 0. */
static size_t gather(const haul_native *s, child *to)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_nodes; i++) {
        const haul_native_node *v = &s->nodes[i];
        if (kind_of(v->nid))
            to[n++] = (child){v->parent == v->nid ? 0 : v->parent, v->nid};
    }
    qsort(to, n, sizeof(*to), by_parent);
    return n;
}

static void list_children(haul_native *s)
{
    child *v = haul_alloc((s->n_nodes ? s->n_nodes : 1) * sizeof(*v));
    size_t n = gather(s, v), cap = 0;
    s->children = haul_alloc((n ? n : 1) * sizeof(*s->children));
    for (size_t i = 0; i < n; i++) {
        haul_native_list *last = s->n_lists ? &s->lists[s->n_lists - 1] : NULL;
        s->children[i] = v[i].nid;
        if (last && last->parent == v[i].parent && last->kind == kind_of(v[i].nid)) {
            last->n++;
            continue;
        }
        s->lists = haul_grown(s->lists, s->n_lists, &cap, sizeof(*s->lists));
        s->lists[s->n_lists++] =
            (haul_native_list){.parent = v[i].parent, .kind = kind_of(v[i].nid), .from = i, .n = 1};
    }
    free(v);
}

static int by_key(const void *a, const void *b)
{
    const haul_native_list *x = a, *y = b;
    if (x->parent != y->parent)
        return (x->parent > y->parent) - (x->parent < y->parent);
    return (x->kind > y->kind) - (x->kind < y->kind);
}

haul_pst_children haul_native_children(const haul_native *s, uint32_t parent, unsigned kind)
{
    const haul_native_list key = {.parent = parent, .kind = kind};
    const haul_native_list *l = s->n_lists ? bsearch(&key, s->lists, s->n_lists, sizeof(key), by_key) : NULL;
    return l ? (haul_pst_children){s->children + l->from, l->n} : (haul_pst_children){NULL, 0};
}

haul_rc haul_native_tree(haul_native *s, haul_err *e)
{
    haul_rc rc = haul_nodes_walk(&s->direct.nodes, add_node, s, e);
    if (rc != HAUL_OK)
        return rc;
    sort_nodes(s);
    if (haul_native_adopt(s))
        sort_nodes(s);
    list_children(s);
    return s->n_lists
               ? HAUL_OK
               : haul_fail(e, HAUL_E_FORMAT, "no folder and no item can be found in the store" HAUL_PST_HINT);
}

void haul_native_tree_done(haul_native *s)
{
    free(s->nodes);
    free(s->children);
    free(s->lists);
    free(s->adopted);
    free(s->orphans);
}

/* ── orphans ── */

/* Does a way lead from the top to what is in that node? There are no loops. */
static bool is_reached(const haul_native *s, uint32_t nid)
{
    for (unsigned i = 0; i < LEVELS_MAX; i++) {
        const haul_native_node *n = haul_native_find(s, nid);
        if (!n)
            return false;
        if (!n->parent || n->parent == n->nid)
            return true;
        nid = n->parent;
    }
    return false;
}

void haul_native_orphans(haul_native *s)
{
    for (size_t i = 0; i < s->n_lists; i++) {
        const haul_native_list *l = &s->lists[i];
        if (l->kind != HAUL_NID_ITEM || !l->parent || is_reached(s, l->parent))
            continue;
        s->orphans = haul_realloc(s->orphans, (s->n_orphans + l->n) * sizeof(*s->orphans));
        memcpy(s->orphans + s->n_orphans, s->children + l->from, l->n * sizeof(*s->orphans));
        s->n_orphans += l->n;
    }
}
