#include "rescue.h"

#include "engine.h"

#include <stdlib.h>
#include <string.h>

#define PAGES_MAX   (16u * 1024u * 1024u) /* leaf pages that are no part of a tree any more */
#define ENTRIES_MAX HAUL_PST_NODES_MAX    /* of them */

typedef struct gap { /* a page that is bypassed */
    haul_nodes_ref page;
    bool leaf;
    size_t found;
} gap;

typedef struct tree {
    gap *gaps; /* in order of lo, once surveyed */
    size_t n, cap;
    bool surveyed;
} tree;

typedef struct found_block {
    uint64_t id, at;
    uint16_t stored, size;
    bool sound;
} found_block;

typedef enum rank {          /* in the order in which they are believed */
                    REACHED, /* by the tree: its entries were given */
                    DAMAGED, /* a page of the tree: each of its entries stands for itself only */
                    BETWEEN, /* two entries beside each other in such a page: there is nothing */
                    FOUND    /* in the file; the newest first */
} rank;

typedef struct leaf_page { /* of the node B-tree, and the keys that it is about */
    uint64_t at, id, first, last;
    rank rank;
} leaf_page;

typedef struct candidate { /* an entry of a leaf page */
    uint32_t nid, page;
} candidate;

struct haul_rescue {
    tree trees[2]; /* by haul_nodes_tree */
    bool scanned, resolved;
    found_block *blocks; /* in order of id, once scanned */
    size_t n_blocks, cap_blocks;
    leaf_page *pages;
    size_t n_pages, cap_pages;
    candidate *entries;
    size_t n_entries, cap_entries;
    haul_node_list nodes; /* in order of nid, once resolved */
};

void haul_rescue_free(haul_rescue *r)
{
    if (!r)
        return;
    free(r->trees[0].gaps);
    free(r->trees[1].gaps);
    free(r->blocks);
    free(r->pages);
    free(r->entries);
    haul_nodes_list_done(&r->nodes);
    free(r);
}

static haul_rescue *rescue_of(haul_nodes *n)
{
    if (!n->rescue)
        n->rescue = haul_calloc(1, sizeof(*n->rescue));
    return n->rescue;
}

/* ── gaps ── */

void haul_rescue_begin(haul_nodes *n, unsigned kind)
{
    tree *t = n->rescue ? &n->rescue->trees[haul_nodes_tree(kind)] : NULL;
    if (t && !t->surveyed) /* a walk that was broken off */
        t->n = 0;
    if (t && !t->surveyed && kind == HAUL_NODES_NBT)
        n->rescue->n_pages = 0;
}

void haul_rescue_gap(haul_nodes *n, unsigned kind, const haul_nodes_ref *page, bool leaf)
{
    tree *t = &rescue_of(n)->trees[haul_nodes_tree(kind)];
    if (t->surveyed)
        return;
    t->gaps = haul_grown(t->gaps, t->n, &t->cap, sizeof(*t->gaps));
    t->gaps[t->n++] = (gap){.page = *page, .leaf = leaf};
}

static leaf_page *add_page(haul_rescue *r, leaf_page p)
{
    if (r->n_pages == PAGES_MAX)
        return NULL;
    r->pages = haul_grown(r->pages, r->n_pages, &r->cap_pages, sizeof(*r->pages));
    r->pages[r->n_pages++] = p;
    return &r->pages[r->n_pages - 1];
}

void haul_rescue_cover(haul_nodes *n, unsigned kind, uint64_t first, uint64_t last)
{
    haul_rescue *r = rescue_of(n);
    if (kind == HAUL_NODES_NBT && !r->trees[haul_nodes_tree(kind)].surveyed)
        (void)add_page(r, (leaf_page){.first = first, .last = last, .rank = REACHED});
}

static int by_lo(const void *a, const void *b)
{
    const gap *x = a, *y = b;
    if (x->page.lo != y->page.lo)
        return (x->page.lo > y->page.lo) - (x->page.lo < y->page.lo);
    return (x->page.at > y->page.at) - (x->page.at < y->page.at);
}

void haul_rescue_surveyed(haul_nodes *n, unsigned kind)
{
    haul_rescue *r = n->odd_pages[haul_nodes_tree(kind)] ? rescue_of(n) : n->rescue;
    tree *t = r ? &r->trees[haul_nodes_tree(kind)] : NULL;
    if (!t || t->surveyed)
        return;
    if (t->n)
        qsort(t->gaps, t->n, sizeof(*t->gaps), by_lo);
    t->surveyed = true;
}

static gap *gap_of(const haul_rescue *r, unsigned kind, uint64_t key)
{
    const tree *t = &r->trees[haul_nodes_tree(kind)];
    size_t low = 0, high = t->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (t->gaps[mid].page.lo <= key)
            low = mid + 1;
        else
            high = mid;
    }
    return low && key < t->gaps[low - 1].page.hi ? &t->gaps[low - 1] : NULL;
}

/* ── reading the file through ── */

/* Blocks and pages that lie within a block are its contents: a store in a store. */
static void take_block(void *ctx, const haul_scan_block *b)
{
    const haul_nodes *n = ctx;
    haul_rescue *r = n->rescue;
    const haul_nodes_extent *x = &b->extent;
    if (b->sound) {
        while (r->n_blocks && r->blocks[r->n_blocks - 1].at >= x->at)
            r->n_blocks--;
        for (; r->n_pages && r->pages[r->n_pages - 1].at >= x->at; r->n_pages--)
            while (r->n_entries && r->entries[r->n_entries - 1].page == r->n_pages - 1)
                r->n_entries--;
    }
    if ((!n->guessed && !gap_of(r, HAUL_NODES_BBT, x->id | HAUL_NODES_RESERVED)) ||
        r->n_blocks == ENTRIES_MAX)
        return;
    r->blocks = haul_grown(r->blocks, r->n_blocks, &r->cap_blocks, sizeof(*r->blocks));
    r->blocks[r->n_blocks++] = (found_block){.id = x->id,
                                             .at = x->at,
                                             .stored = (uint16_t)x->stored,
                                             .size = (uint16_t)x->size,
                                             .sound = b->sound};
}

static void add_entry(haul_rescue *r, uint32_t nid, size_t page)
{
    if (r->n_entries == ENTRIES_MAX)
        return;
    r->entries = haul_grown(r->entries, r->n_entries, &r->cap_entries, sizeof(*r->entries));
    r->entries[r->n_entries++] = (candidate){.nid = nid, .page = (uint32_t)page};
}

static void take_page(void *ctx, const haul_scan_page *p)
{
    const haul_nodes *n = ctx;
    haul_rescue *r = n->rescue;
    const haul_nodes_entries *s = &p->entries;
    size_t before = r->n_entries, number = r->n_pages;
    if (p->kind != HAUL_NODES_NBT || s->level)
        return;
    for (size_t i = 0; i < s->n; i++) {
        uint64_t key = haul_nodes_id(n, s->p + i * s->size);
        if (key <= UINT32_MAX && gap_of(r, HAUL_NODES_NBT, key))
            add_entry(r, (uint32_t)key, number);
    }
    leaf_page page = {.at = p->at, .id = p->id, .first = haul_nodes_id(n, s->p), .rank = FOUND};
    page.last = haul_nodes_id(n, s->p + (s->n - 1) * s->size);
    if (r->n_entries > before && !add_page(r, page))
        r->n_entries = before;
}

static int by_id(const void *a, const void *b)
{
    const found_block *x = a, *y = b;
    uint64_t i = x->id & ~HAUL_NODES_RESERVED, k = y->id & ~HAUL_NODES_RESERVED;
    if (i != k)
        return (i > k) - (i < k);
    if (x->sound != y->sound)
        return x->sound ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static void sort_blocks(haul_rescue *r)
{
    size_t kept = 0;
    if (r->n_blocks)
        qsort(r->blocks, r->n_blocks, sizeof(*r->blocks), by_id);
    for (size_t i = 0; i < r->n_blocks; i++)
        if (!i || ((r->blocks[i].id ^ r->blocks[kept - 1].id) & ~HAUL_NODES_RESERVED)) {
            gap *g = gap_of(r, HAUL_NODES_BBT, r->blocks[i].id | HAUL_NODES_RESERVED);
            if (g)
                g->found++;
            r->blocks[kept++] = r->blocks[i];
        }
    r->n_blocks = kept;
}

static void tell(haul_nodes *n, unsigned kind)
{
    const tree *t = &n->rescue->trees[haul_nodes_tree(kind)];
    for (size_t i = 0; n->fault && i < t->n; i++) {
        haul_nodes_fault f = {.outcome = HAUL_NODES_BYPASSED,
                              .page = true,
                              .at = t->gaps[i].page.at,
                              .id = t->gaps[i].page.id,
                              .what = kind == HAUL_NODES_NBT ? "nodes" : "blocks",
                              .found = t->gaps[i].found};
        n->fault(n->ctx, &f);
    }
}

/* Both trees first: the file is read through once. */
static haul_rc scan(haul_nodes *n, haul_err *e)
{
    haul_rescue *r = rescue_of(n);
    haul_rc rc = HAUL_OK;
    if (r->scanned)
        return HAUL_OK;
    r->scanned = true;
    if (!r->trees[haul_nodes_tree(HAUL_NODES_BBT)].surveyed)
        rc = haul_nodes_survey_blocks(n, NULL, NULL, e);
    if (rc == HAUL_OK && !r->trees[haul_nodes_tree(HAUL_NODES_NBT)].surveyed)
        rc = haul_nodes_survey(n, NULL, NULL, e);
    if (rc != HAUL_OK || (!n->guessed && !r->trees[0].n && !r->trees[1].n))
        return rc;
    haul_scan s = {.page = take_page, .block = take_block, .ctx = n};
    s.versions[n->version == 32 ? 0 : n->version == 64 ? 1 : 2] = true;
    haul_scan_run(&s, n->view);
    sort_blocks(r);
    tell(n, HAUL_NODES_BBT);
    return rc;
}

bool haul_rescue_block(haul_nodes *n, uint64_t id, bool sound, haul_nodes_extent *ret)
{
    bool needed = n->odd_pages[haul_nodes_tree(HAUL_NODES_BBT)] || (n->guessed && !sound);
    if (!n->rescues || !needed || scan(n, NULL) != HAUL_OK)
        return false;
    const haul_rescue *r = n->rescue;
    size_t low = 0, high = r->n_blocks;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if ((r->blocks[mid].id & ~HAUL_NODES_RESERVED) < (id & ~HAUL_NODES_RESERVED))
            low = mid + 1;
        else
            high = mid;
    }
    const found_block *b = &r->blocks[low];
    if (sound && !n->guessed &&
        !gap_of(r, HAUL_NODES_BBT, id | HAUL_NODES_RESERVED)) /* a sound page has it */
        return false;
    if (low == r->n_blocks || ((b->id ^ id) & ~HAUL_NODES_RESERVED) || (sound && !b->sound))
        return false;
    *ret = (haul_nodes_extent){.id = b->id, .at = b->at, .stored = b->stored, .size = b->size};
    return true;
}

/* ── nodes ── */

static bool read_leaf(haul_nodes *n, uint64_t at, uint8_t *to, haul_nodes_entries *ret)
{
    return haul_view_read(n->view, at, to, n->layout->page) == (ssize_t)n->layout->page &&
           haul_nodes_page_entries(n, to, ret) && !ret->level && ret->size >= 3u * n->layout->id + 4u;
}

/* A page that is known to be a leaf, and damaged. Where its trailer says nonsense, there are as many entries as have room. */
static bool read_damaged(haul_nodes *n, uint64_t at, uint8_t *to, haul_nodes_entries *ret)
{
    unsigned size = 4u * n->layout->id; /* of an NBTENTRY, 2.2.2.7.7.4 */
    if (haul_view_read(n->view, at, to, n->layout->page) != (ssize_t)n->layout->page)
        return false;
    if (!haul_nodes_page_entries(n, to, ret) || ret->level || ret->size != size || !ret->n)
        *ret = (haul_nodes_entries){.p = to, .n = n->layout->foot / size, .size = size};
    return true;
}

static haul_node node_of(const haul_nodes *n, const haul_nodes_entries *s, size_t i, uint64_t page)
{
    size_t id = n->layout->id;
    const uint8_t *p = s->p + i * s->size; /* NBTENTRY, 2.2.2.7.7.4 */
    return (haul_node){.nid = haul_nodes32(p),
                       .data = haul_nodes_id(n, p + id),
                       .sub = haul_nodes_id(n, p + 2 * id),
                       .parent = haul_nodes32(p + 3 * id),
                       .at = page + i * s->size};
}

static bool is_there(haul_nodes *n, uint64_t id)
{
    haul_nodes_extent x;
    return haul_nodes_extent_of(n, id, &x, NULL) == HAUL_OK || haul_rescue_block(n, id, false, &x);
}

/* Entry i of a damaged leaf page: in order behind `last`, which the next one does not contradict, within what the page covers, and
 * with its block? */
static bool is_right(haul_nodes *n, const gap *g, const haul_nodes_entries *s, size_t i, uint64_t last)
{
    const uint8_t *p = s->p + i * s->size;
    haul_node v = node_of(n, s, i, g->page.at);
    if (haul_nid_is_item(v.nid) &&
        HAUL_NID_TYPE(v.parent) != HAUL_NID_FOLDER) /* its folder's table names it, too */
        return false;
    uint64_t key = haul_nodes_id(n, p), next = i + 1 < s->n ? haul_nodes_id(n, p + s->size) : UINT64_MAX;
    return key == v.nid && key >= g->page.lo && key < g->page.hi && key > last &&
           (next > key || next <= last) && v.data && is_there(n, v.data);
}

static void take_damaged(haul_nodes *n, const gap *g)
{
    haul_rescue *r = n->rescue;
    uint8_t octets[HAUL_NODES_PAGE_MAX];
    haul_nodes_entries s;
    leaf_page page = {.at = g->page.at, .first = g->page.lo, .last = g->page.hi - 1, .rank = DAMAGED};
    size_t number = r->n_pages;
    uint64_t last = 0;
    bool good = true; /* the entry in front of it, too */
    if (!read_damaged(n, g->page.at, octets, &s) || !add_page(r, page))
        return;
    for (size_t i = 0; i < s.n; i++) {
        uint64_t key = haul_nodes_id(n, s.p + i * s.size);
        bool right = is_right(n, g, &s, i, last);
        if (right && good)
            (void)add_page(r, (leaf_page){.first = i ? last : g->page.lo, .last = key, .rank = BETWEEN});
        if (right) {
            add_entry(r, (uint32_t)key, number);
            last = key;
        }
        good = right;
    }
}

typedef struct painting { /* which page an entry is taken from: the newest that covers it */
    haul_rescue *r;
    uint32_t *next; /* the first place from here on that nobody has painted yet */
} painting;

static uint32_t unpainted(painting *p, uint32_t i)
{
    uint32_t end = i;
    while (p->next[end] != end)
        end = p->next[end];
    while (p->next[i] != end) { /* the next time it is found at once */
        uint32_t up = p->next[i];
        p->next[i] = end;
        i = up;
    }
    return end;
}

static size_t first_of(const haul_rescue *r, uint64_t nid)
{
    size_t low = 0, high = r->n_entries;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (r->entries[mid].nid < nid)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void keep(haul_nodes *n, const haul_node *v)
{
    haul_rescue *r = n->rescue;
    /* Where all blocks are known, an old entry whose block is gone is that of a node which is gone or has changed. A folder is
     * kept for what is in it. */
    if (v->data && !n->guessed && !r->trees[haul_nodes_tree(HAUL_NODES_BBT)].n &&
        HAUL_NID_TYPE(v->nid) != HAUL_NID_FOLDER && !is_there(n, v->data))
        return;
    haul_nodes_list_add(&r->nodes, v);
}

/* All entries of the same node as that in place i. */
static void paint_node(painting *p, uint32_t i)
{
    const haul_rescue *r = p->r;
    uint32_t nid = r->entries[i].nid, k = i;
    while (k > 0 && r->entries[k - 1].nid == nid)
        k--;
    for (; k < r->n_entries && r->entries[k].nid == nid; k++)
        p->next[k] = k + 1;
}

/* Paint what page number `page` covers; the entries there that are its own are taken. */
static void paint(haul_nodes *n, painting *p, uint32_t page)
{
    haul_rescue *r = p->r;
    const leaf_page *own = &r->pages[page];
    uint8_t octets[HAUL_NODES_PAGE_MAX];
    haul_nodes_entries s = {0};
    if (own->rank == DAMAGED ? !read_damaged(n, own->at, octets, &s)
                             : own->rank == FOUND && !read_leaf(n, own->at, octets, &s))
        return;
    size_t k = 0;
    for (uint32_t i = unpainted(p, (uint32_t)first_of(r, own->first));
         i < r->n_entries && r->entries[i].nid <= own->last; i = unpainted(p, i + 1)) {
        const candidate *c = &r->entries[i];
        if (own->rank == DAMAGED && c->page != page)
            continue;
        p->next[i] = i + 1;
        if (own->rank == DAMAGED)
            paint_node(p, i);
        if (c->page != page)
            continue;
        while (k < s.n && haul_nodes32(s.p + k * s.size) != c->nid)
            k++;
        if (k == s.n)
            return;
        haul_node v = node_of(n, &s, k, own->at);
        keep(n, &v);
    }
}

typedef struct ranked {
    uint32_t page;
    rank rank;
    uint64_t id;
} ranked;

static int by_rank(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->rank != y->rank)
        return (x->rank > y->rank) - (x->rank < y->rank);
    if (x->id != y->id) /* the highest is the newest */
        return (x->id < y->id) - (x->id > y->id);
    return (x->page > y->page) - (x->page < y->page);
}

static int by_nid(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->nid != y->nid)
        return (x->nid > y->nid) - (x->nid < y->nid);
    return (x->page > y->page) - (x->page < y->page);
}

static int by_node(const void *a, const void *b)
{
    const haul_node *x = a, *y = b;
    return (x->nid > y->nid) - (x->nid < y->nid);
}

static void choose(haul_nodes *n)
{
    haul_rescue *r = n->rescue;
    painting p = {.r = r, .next = haul_alloc((r->n_entries + 1) * sizeof(*p.next))};
    ranked *order = haul_alloc((r->n_pages ? r->n_pages : 1) * sizeof(*order));
    for (size_t i = 0; i < r->n_pages; i++)
        order[i] = (ranked){.page = (uint32_t)i, .rank = r->pages[i].rank, .id = r->pages[i].id};
    for (size_t i = 0; i <= r->n_entries; i++)
        p.next[i] = (uint32_t)i;
    if (r->n_entries)
        qsort(r->entries, r->n_entries, sizeof(*r->entries), by_nid);
    if (r->n_pages)
        qsort(order, r->n_pages, sizeof(*order), by_rank);
    for (size_t i = 0; i < r->n_pages; i++)
        paint(n, &p, order[i].page);
    free(p.next);
    free(order);
}

static haul_rc take_id(void *ctx, uint64_t id, haul_err *e)
{
    (void)e;
    haul_carving_add(ctx, id);
    return HAUL_OK;
}

/* Of the blocks that are in the file, those that the tree has; where it does not say, the sound ones. */
static haul_rc add_blocks(haul_nodes *n, haul_carving *c, haul_err *e)
{
    const haul_rescue *r = n->rescue;
    haul_rc rc = haul_nodes_survey_blocks(n, take_id, c, e);
    for (size_t i = 0; i < r->n_blocks; i++)
        if (r->blocks[i].sound && gap_of(r, HAUL_NODES_BBT, r->blocks[i].id | HAUL_NODES_RESERVED))
            haul_carving_add(c, r->blocks[i].id);
    return rc;
}

static haul_rc is_known(void *ctx, const haul_node *v, haul_err *e)
{
    (void)e;
    haul_carving_known(ctx, v);
    return HAUL_OK;
}

/* Nodes may be gone of which no page tells: their blocks may be there all the same. */
static haul_rc take_items(haul_nodes *n, haul_err *e)
{
    haul_rescue *r = n->rescue;
    haul_carving *c = haul_carving_new(n);
    haul_rc rc = add_blocks(n, c, e);
    if (rc == HAUL_OK)
        rc = haul_nodes_survey(n, is_known, c, e);
    for (size_t i = 0; i < r->nodes.n; i++)
        haul_carving_known(c, &r->nodes.v[i]);
    haul_carving_take(c, &r->nodes);
    haul_carving_free(c);
    return rc;
}

static haul_rc resolve(haul_nodes *n, haul_err *e)
{
    haul_rescue *r = n->rescue;
    tree *t = &r->trees[haul_nodes_tree(HAUL_NODES_NBT)];
    haul_rc rc = scan(n, e);
    if (rc != HAUL_OK || r->resolved)
        return rc;
    r->resolved = true;
    for (size_t i = 0; i < t->n; i++)
        if (t->gaps[i].leaf)
            take_damaged(n, &t->gaps[i]);
    choose(n);
    rc = take_items(n, e);
    if (r->nodes.n)
        qsort(r->nodes.v, r->nodes.n, sizeof(*r->nodes.v), by_node);
    for (size_t i = 0; i < r->nodes.n; i++) {
        gap *g = gap_of(r, HAUL_NODES_NBT, r->nodes.v[i].nid);
        if (g)
            g->found++;
    }
    tell(n, HAUL_NODES_NBT);
    free(r->entries);
    free(r->pages);
    r->entries = NULL;
    r->pages = NULL;
    r->n_entries = r->n_pages = 0;
    return rc;
}

/* As the view shows it: an entry may have been given another number or parent [pst-33]. */
static haul_node shown(haul_nodes *n, const haul_node *v)
{
    uint8_t octets[HAUL_NODES_ENTRY];
    size_t id = n->layout->id, size = 3 * id + 4;
    haul_node own = *v;
    if (haul_view_patched(n->view, v->at, size) &&
        haul_view_read(n->view, v->at, octets, size) == (ssize_t)size) {
        own.nid = haul_nodes32(octets);
        own.parent = haul_nodes32(octets + 3 * id);
    }
    return own;
}

haul_rc haul_rescue_nodes(haul_nodes *n, haul_nodes_each *each, void *ctx, haul_err *e)
{
    haul_rescue *r = n->rescue;
    if (!r || !r->trees[haul_nodes_tree(HAUL_NODES_NBT)].n)
        return HAUL_OK;
    haul_rc rc = resolve(n, e);
    for (size_t i = 0; i < r->nodes.n && rc == HAUL_OK; i++) {
        haul_node v = shown(n, &r->nodes.v[i]);
        rc = each(ctx, &v, e);
    }
    return rc;
}

bool haul_rescue_node(haul_nodes *n, uint32_t nid, haul_node *ret)
{
    const haul_rescue *r = n->rescue;
    const haul_node key = {.nid = nid};
    if (!r || !r->nodes.n)
        return false;
    const haul_node *v = bsearch(&key, r->nodes.v, r->nodes.n, sizeof(key), by_node);
    if (v)
        *ret = *v;
    return v != NULL;
}
