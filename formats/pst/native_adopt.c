/* Items that were put together from blocks go back into the folder whose contents table still has their row [pst-44]. */
#include "native.h"
#include "rescue.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define CONTENTS  0x0eu              /* node type of a contents table, MS-PST 2.2.2.1 */
#define EACH_MAX  65536u             /* items, and rows without one; of more, none is put back */
#define SAME_MAX  1024u              /* items that were changed at one moment */
#define VALUE_MAX 4096u              /* octets; a longer one is taken for none */
#define ROWS_MAX  HAUL_PST_NODES_MAX /* of all tables together, each node of which may lead to the same rows */
#define LEAST     3u                 /* values that have to be equal */

/* What rows repeat of their items (2.4.4.5). The first two tell most apart; items of 4k OSTs have no first one. */
enum { MODIFIED, DELIVERED };
static const uint16_t repeated[] = {
    0x3008, /* PidTagLastModificationTime */
    0x0e06, /* PidTagMessageDeliveryTime */
    0x0039, /* PidTagClientSubmitTime */
    0x0037, /* PidTagSubject */
    0x001a, /* PidTagMessageClass */
    0x0071, /* PidTagConversationIndex */
};
#define VALUES HAUL_COUNT(repeated)

typedef struct side { /* an item, or a row */
    uint32_t nid, folder;
    uint64_t value[VALUES]; /* a hash of its octets; 0 = none */
    uint32_t other;         /* the last that agrees with it, */
    unsigned others;        /* of so many */
} side;

typedef struct sides {
    side *v;
    size_t n, cap;
} sides;

static side *add(sides *l, uint32_t nid, uint32_t folder)
{
    l->v = haul_grown(l->v, l->n, &l->cap, sizeof(*l->v));
    l->v[l->n] = (side){.nid = nid, .folder = folder};
    return &l->v[l->n++];
}

static uint64_t hash_of(const void *p, size_t n)
{
    return n ? haul_hash64(p, n) | 1 : 0;
}

/* ── items ── */

static void read_item(haul_native *s, const haul_native_node *n, side *to)
{
    haul_arena a = {0};
    haul_props p = {0};
    haul_props_entry entry;
    haul_span value;
    haul_node node = haul_native_place(n);
    haul_rc rc = haul_props_open(&p, &s->direct.nodes, &node, NULL);
    for (size_t i = 0; rc == HAUL_OK && i < VALUES; i++)
        if (haul_props_find(&p, repeated[i], &entry, NULL) == HAUL_OK &&
            haul_props_take(&p, &entry, VALUE_MAX, &a, &value, NULL) == HAUL_OK)
            to->value[i] = hash_of(value.p, value.len);
    haul_props_done(&p);
    haul_arena_done(&a);
}

static void read_items(haul_native *s, sides *to)
{
    for (size_t i = 0; i < s->n_nodes; i++) {
        const haul_native_node *n = &s->nodes[i];
        if (n->parent == HAUL_RESCUE_FOLDER && HAUL_NID_TYPE(n->nid) == HAUL_NID_ITEM && to->n < EACH_MAX)
            read_item(s, n, add(to, n->nid, 0));
    }
}

/* ── rows ── */

/* The first column of each property that rows repeat; t->n_columns = none. */
static void find_columns(const haul_tc *t, size_t at[VALUES])
{
    for (size_t k = 0; k < VALUES; k++)
        for (at[k] = 0; at[k] < t->n_columns && t->columns[at[k]].id != repeated[k];)
            at[k]++;
}

static void read_row(haul_tc *t, const size_t at[VALUES], haul_arena *a, side *to)
{
    haul_prop p;
    for (size_t k = 0; k < VALUES; k++)
        if (at[k] < t->n_columns && haul_tc_cell(t, at[k], VALUE_MAX, a, &p, NULL) == HAUL_OK)
            to->value[k] = hash_of(p.p, p.n);
}

/* Of a contents table, those whose node is lost. */
static void read_table(haul_native *s, const haul_native_node *n, uint32_t *left, sides *to)
{
    haul_tc t = {0};
    haul_tc_row row;
    haul_arena a = {0};
    size_t at[VALUES];
    haul_node node = haul_native_place(n);
    uint32_t folder = (n->nid & ~0x1fu) | HAUL_NID_FOLDER;
    haul_rc rc = haul_native_find(s, folder) ? haul_tc_open(&t, &s->direct.nodes, &node, NULL) : HAUL_END;
    if (rc == HAUL_OK)
        find_columns(&t, at);
    for (; rc == HAUL_OK && to->n < EACH_MAX && *left; --*left) {
        rc = haul_tc_next(&t, &row, NULL);
        if (rc != HAUL_OK || HAUL_NID_TYPE(row.own) != HAUL_NID_ITEM || haul_native_find(s, row.own))
            continue;
        read_row(&t, at, &a, add(to, row.own, folder));
        haul_arena_reset(&a);
    }
    haul_tc_done(&t);
    haul_arena_done(&a);
}

/* False: there are more. */
static bool read_rows(haul_native *s, sides *to)
{
    uint32_t left = ROWS_MAX;
    for (size_t i = 0; i < s->n_nodes && to->n < EACH_MAX && left; i++)
        if (HAUL_NID_TYPE(s->nodes[i].nid) == CONTENTS)
            read_table(s, &s->nodes[i], &left, to);
    return to->n < EACH_MAX && left;
}

/* ── one and the other ── */

static bool agree(const side *a, const side *b)
{
    unsigned equal = 0;
    for (size_t i = 0; i < VALUES; i++) {
        if (!a->value[i] || !b->value[i])
            continue;
        if (a->value[i] != b->value[i])
            return false;
        equal++;
    }
    return equal >= LEAST;
}

static int in_order(uint64_t x, uint64_t y)
{
    return (x > y) - (x < y);
}

static int by_nid(const void *a, const void *b)
{
    return in_order(((const side *)a)->nid, ((const side *)b)->nid);
}

static int by_modified(const void *a, const void *b)
{
    const side *x = a, *y = b;
    int order = in_order(x->value[MODIFIED], y->value[MODIFIED]);
    return order ? order : by_nid(a, b);
}

static int by_delivered(const void *a, const void *b)
{
    const side *x = a, *y = b;
    int order = in_order(x->value[DELIVERED], y->value[DELIVERED]);
    return order ? order : by_nid(a, b);
}

static size_t first_of(const sides *items, size_t k, uint64_t value)
{
    size_t lo = 0, hi = items->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (items->v[mid].value[k] < value)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* With items that have the same value k, by which they are sorted. */
static void compare(side *row, sides *items, size_t k)
{
    uint64_t value = row->value[k];
    size_t from = value ? first_of(items, k, value) : items->n, end = from;
    while (end < items->n && end - from <= SAME_MAX && items->v[end].value[k] == value)
        end++;
    for (side *item = items->v + from; item < items->v + end && end - from <= SAME_MAX; item++) {
        if ((k == DELIVERED && row->value[MODIFIED] && item->value[MODIFIED]) || !agree(row, item))
            continue; /* compared before, or not the same */
        row->other = item->nid;
        row->others++;
        item->others++;
    }
}

static void compare_all(sides *rows, sides *items)
{
    qsort(items->v, items->n, sizeof(*items->v), by_modified);
    for (size_t r = 0; r < rows->n; r++)
        compare(&rows->v[r], items, MODIFIED);
    qsort(items->v, items->n, sizeof(*items->v), by_delivered);
    for (size_t r = 0; r < rows->n; r++)
        compare(&rows->v[r], items, DELIVERED);
    qsort(items->v, items->n, sizeof(*items->v), by_nid);
}

/* ── back into the folder ── */

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The item gets the id and the folder that the row gives it. */
static void adopt(haul_native *s, const side *row, haul_native_node *n)
{
    n->nid = row->nid;
    n->parent = row->folder;
    s->adopted[s->n_adopted++] = row->nid;
}

/* NULL: nothing agrees with it, or something else does, too. */
static haul_native_node *node_of(haul_native *s, const side *row, const sides *items)
{
    const side key = {.nid = row->other};
    const side *item = row->others == 1 ? bsearch(&key, items->v, items->n, sizeof(key), by_nid) : NULL;
    const haul_native_node *n = item && item->others == 1 ? haul_native_find(s, item->nid) : NULL;
    return n ? s->nodes + (n - s->nodes) : NULL;
}

/* Rows are sorted by id. Of several with one id, none is to be believed: two items would become one node. */
static bool is_only(const sides *rows, size_t r)
{
    const side *v = rows->v;
    return (r == 0 || v[r - 1].nid != v[r].nid) && (r + 1 == rows->n || v[r + 1].nid != v[r].nid);
}

/* Nodes are looked for by their ids: none gets another before all are found. */
static void adopt_all(haul_native *s, const sides *rows, const sides *items)
{
    haul_native_node **nodes = haul_calloc(rows->n + 1, sizeof(*nodes));
    s->adopted = haul_calloc(rows->n + 1, sizeof(*s->adopted));
    qsort(rows->v, rows->n, sizeof(*rows->v), by_nid);
    for (size_t r = 0; r < rows->n; r++)
        if (is_only(rows, r))
            nodes[r] = node_of(s, &rows->v[r], items);
    for (size_t r = 0; r < rows->n; r++)
        if (nodes[r])
            adopt(s, &rows->v[r], nodes[r]);
    free(nodes);
    if (s->n_adopted)
        qsort(s->adopted, s->n_adopted, sizeof(*s->adopted), by_value);
}

bool haul_native_is_adopted(const haul_native *s, uint32_t nid)
{
    return s->n_adopted && bsearch(&nid, s->adopted, s->n_adopted, sizeof(nid), by_value);
}

bool haul_native_adopt(haul_native *s)
{
    sides items = {0}, rows = {0};
    read_items(s, &items);
    if (items.n && items.n < EACH_MAX && read_rows(s, &rows) && rows.n) {
        compare_all(&rows, &items);
        adopt_all(s, &rows, &items);
    }
    free(items.v);
    free(rows.v);
    return s->n_adopted != 0;
}
