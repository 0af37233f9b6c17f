#include "check.h"

#include <stdlib.h>
#include <string.h>

#define RESERVED UINT64_C(1)
#define EVERY    16u   /* an id is kept of so many blocks */
#define KEPT     1024u /* pages of each tree */

/* ── entries, by their number in the tree ── */

void haul_pst_add_leaf(haul_pstc_entries *s, uint64_t at)
{
    s->leaves = haul_grown(s->leaves, s->n_leaves, &s->cap_leaves, sizeof(*s->leaves));
    s->leaves[s->n_leaves++] = (haul_pstc_leaf){.at = at, .first = (uint32_t)s->n};
}

static bool is_in(const haul_pstc_entries *s, size_t leaf, size_t i)
{
    return s->leaves[leaf].first <= i && (leaf + 1 == s->n_leaves || i < s->leaves[leaf + 1].first);
}

/* Most often the leaf of the entry before. */
static size_t leaf_of(haul_pstc_entries *s, size_t i)
{
    size_t low = 0, high = s->n_leaves;
    if (is_in(s, s->near, i))
        return s->near;
    while (high - low > 1) { /* it is in low..high-1; no leaf is empty */
        size_t middle = low + (high - low) / 2;
        if (s->leaves[middle].first <= i)
            low = middle;
        else
            high = middle;
    }
    s->near = low;
    return low;
}

/* Entry i, until the next one is asked for; all 0 when its page, which was read once, cannot be read again. */
static const uint8_t *entry_of(haul_pst_check *c, haul_pstc_entries *s, size_t i)
{
    static const uint8_t nothing[HAUL_PSTC_PAGE];
    size_t leaf = leaf_of(s, i), page = c->layout->page, slot = leaf % KEPT;
    if (!s->pages) {
        s->pages = haul_alloc(KEPT * page);
        s->kept = haul_calloc(KEPT, sizeof(*s->kept));
    }
    uint8_t *p = s->pages + slot * page;
    if (s->kept[slot] != leaf + 1) {
        s->kept[slot] = 0;
        if (haul_view_read(&c->pages, s->leaves[leaf].at, p, page) != (ssize_t)page) {
            haul_pst_say(c, HAUL_FINDING_PST_PAGE_OUTSIDE, s->leaves[leaf].at, 0, "it could be read once");
            return nothing;
        }
        s->kept[slot] = leaf + 1;
    }
    return p + (i - s->leaves[leaf].first) * s->size;
}

static void entries_done(haul_pstc_entries *s)
{
    free(s->leaves);
    free(s->pages);
    free(s->kept);
}

void haul_pst_entries_done(haul_pst_check *c)
{
    entries_done(&c->bbt);
    entries_done(&c->nbt);
    free(c->marks);
    free(c->order);
    free(c->known);
    free(c->totals);
    free(c->nodes);
}

/* ── nodes ── */

void haul_pst_add_node(haul_pst_check *c, uint32_t nid, uint32_t parent)
{
    size_t i = c->nbt.n++;
    c->nodes = haul_grown(c->nodes, i, &c->cap_nodes, sizeof(*c->nodes));
    c->nodes[i] = (haul_pstc_node){.nid = nid, .parent = parent, .entry = i & INT32_MAX};
}

static int by_node(const void *a, const void *b)
{
    const haul_pstc_node *x = a, *y = b;
    return x->nid != y->nid ? (x->nid > y->nid) - (x->nid < y->nid)
                            : (x->entry > y->entry) - (x->entry < y->entry);
}

void haul_pst_sort_nodes(haul_pst_check *c)
{
    for (size_t i = 1; i < c->nbt.n; i++)
        if (c->nodes[i].nid < c->nodes[i - 1].nid) {
            qsort(c->nodes, c->nbt.n, sizeof(*c->nodes), by_node);
            return;
        }
}

haul_pstc_node *haul_pst_node(const haul_pst_check *c, uint32_t nid)
{
    size_t low = 0, high = c->nbt.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->nodes[middle].nid < nid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->nbt.n && c->nodes[low].nid == nid ? &c->nodes[low] : NULL;
}

uint64_t haul_pst_node_at(haul_pst_check *c, const haul_pstc_node *n)
{
    size_t leaf = leaf_of(&c->nbt, n->entry);
    return c->nbt.leaves[leaf].at + (n->entry - c->nbt.leaves[leaf].first) * c->nbt.size;
}

haul_node haul_pst_node_whole(haul_pst_check *c, const haul_pstc_node *n)
{
    const uint8_t *p = entry_of(c, &c->nbt, n->entry);
    size_t id = c->layout->id;
    return (haul_node){.nid = n->nid,
                       .parent = n->parent,
                       .data = haul_pst_id(c, p + id),
                       .sub = haul_pst_id(c, p + 2 * id),
                       .at = haul_pst_node_at(c, n)};
}

/* ── blocks ── */

void haul_pst_add_block(haul_pst_check *c, uint64_t id)
{
    size_t i = c->bbt.n++;
    c->unordered = c->unordered || id < c->last;
    c->last = id;
    if (i % EVERY)
        return;
    c->marks = haul_grown(c->marks, i / EVERY, &c->cap_marks, sizeof(*c->marks));
    c->marks[i / EVERY] = id;
}

void haul_pst_sort_blocks(haul_pst_check *c)
{
    size_t n = c->bbt.n;
    c->known = haul_calloc(n + 1, sizeof(*c->known));
    if (!c->unordered)
        return;
    haul_pstc_extent *v = haul_alloc(n * sizeof(*v));
    for (size_t i = 0; i < n; i++)
        v[i] = (haul_pstc_extent){.at = haul_pst_id(c, entry_of(c, &c->bbt, i)), .block = (uint32_t)i};
    haul_pst_sort_extents(v, n);
    c->order = haul_alloc(n * sizeof(*c->order));
    for (size_t i = 0; i < n; i++) {
        c->order[i] = v[i].block;
        if (i % EVERY == 0)
            c->marks[i / EVERY] = v[i].at;
    }
    free(v);
}

haul_pstc_block haul_pst_nth_block(haul_pst_check *c, size_t i)
{
    const uint8_t *p = entry_of(c, &c->bbt, c->order ? c->order[i] : i);
    size_t id = c->layout->id;
    bool packs = c->version == 65; /* two sizes: in the file, and inflated */
    haul_pstc_block b = {.id = haul_pst_id(c, p),
                         .at = haul_pst_id(c, p + id),
                         .i = (uint32_t)i,
                         .stored = (uint16_t)haul_nodes16(p + 2 * id)};
    b.size = packs ? (uint16_t)haul_nodes16(p + 2 * id + 2) : b.stored;
    b.count = (uint16_t)haul_nodes16(p + 2 * id + (packs ? 4 : 2));
    return b;
}

static uint64_t nth_id(haul_pst_check *c, size_t i)
{
    return haul_pst_id(c, entry_of(c, &c->bbt, c->order ? c->order[i] : i));
}

/* The first block in order that is not below id, if it is in low..high. */
static size_t first_from(haul_pst_check *c, uint64_t id, size_t low, size_t high)
{
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((nth_id(c, middle) | RESERVED) < (id | RESERVED))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool haul_pst_block(haul_pst_check *c, uint64_t id, haul_pstc_block *ret)
{
    size_t low = 0, high = (c->bbt.n + EVERY - 1) / EVERY;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((c->marks[middle] | RESERVED) < (id | RESERVED))
            low = middle + 1;
        else
            high = middle;
    }
    high = low * EVERY < c->bbt.n ? low * EVERY : c->bbt.n;
    size_t i = low ? first_from(c, id, (low - 1) * EVERY + 1, high) : 0;
    if (i >= c->bbt.n)
        return false;
    *ret = haul_pst_nth_block(c, i);
    return (ret->id | RESERVED) == (id | RESERVED);
}

void haul_pst_set_total(haul_pst_check *c, size_t block, uint32_t octets)
{
    c->totals = haul_grown(c->totals, c->n_totals, &c->cap_totals, sizeof(*c->totals));
    c->totals[c->n_totals++] = (haul_pstc_total){.block = (uint32_t)block, .octets = octets};
}

uint32_t haul_pst_total(const haul_pst_check *c, size_t block)
{
    size_t low = 0, high = c->n_totals;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->totals[middle].block < block)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->n_totals && c->totals[low].block == block ? c->totals[low].octets : 0;
}
