#include "check.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_MAX     4096u
#define DENSITY_HEAD 8u /* octets of a density list in front of its entries (2.2.2.7.4.2) */

/* 2.2.2.7.1 ptype */
enum { PAGE_BBT = 0x80, PAGE_NBT, PAGE_FMAP, PAGE_PMAP, PAGE_AMAP, PAGE_FPMAP, PAGE_DENSITY };

bool haul_pst_check_page(haul_pst_check *c, uint64_t at, uint64_t id, unsigned kind, bool sign, uint8_t *to)
{
    const haul_nodes_layout *l = c->layout;
    const uint8_t *t = to + l->trailer;
    if (!at || at % l->align || haul_view_read(&c->view, at, to, l->page) != (ssize_t)l->page) {
        haul_pst_say(c, HAUL_FINDING_PST_PAGE_OUTSIDE, at, id, "a page of type 0x%02x", kind);
        return false;
    }
    if (t[0] != kind || t[1] != kind) {
        haul_pst_say(c, HAUL_FINDING_PST_PAGE_TYPE, at, id, "0x%02x and 0x%02x instead of 0x%02x", t[0], t[1],
                     kind);
        return false;
    }
    uint64_t own = haul_pst_id(c, t + l->own);
    if (haul_nodes32(t + l->sum) != haul_nodes_checksum(to, l->trailer))
        haul_pst_say(c, HAUL_FINDING_PST_PAGE_CRC, at, id, "of type 0x%02x", kind);
    if (own != id)
        haul_pst_say(c, HAUL_FINDING_PST_PAGE_ID, at, id, "it has 0x%llx", (unsigned long long)own);
    else if (haul_nodes16(t + 2) != (sign ? haul_nodes_signature(at, id) : 0))
        haul_pst_say(c, HAUL_FINDING_PST_PAGE_SIGNATURE, at, id, "of type 0x%02x", kind);
    return true;
}

/* ── the two B-trees (2.2.2.7.7) ── */

typedef struct walk {
    haul_pst_check *c;
    unsigned kind;
    uint64_t pages, most; /* that were read; as many as the file can hold */
} walk;

typedef struct page_at {
    uint64_t id, at, low, high; /* keys of it are low ≤ key < high */
    int level;                  /* -1: a root */
} page_at;

static void add_node(haul_pst_check *c, const uint8_t *p, uint64_t at)
{
    size_t id = c->layout->id;
    c->nodes = haul_pst_grown(c->nodes, c->n_nodes, &c->cap_nodes, sizeof(*c->nodes));
    c->nodes[c->n_nodes++] = (haul_pstc_node){.nid = haul_nodes32(p),
                                              .data = haul_pst_id(c, p + id),
                                              .sub = haul_pst_id(c, p + 2 * id),
                                              .parent = haul_nodes32(p + 3 * id),
                                              .at = at};
}

static void add_block(haul_pst_check *c, const uint8_t *p)
{
    size_t id = c->layout->id;
    bool packs = c->version == 65; /* two sizes: in the file, and inflated */
    c->blocks = haul_pst_grown(c->blocks, c->n_blocks, &c->cap_blocks, sizeof(*c->blocks));
    haul_pstc_block *b = &c->blocks[c->n_blocks++];
    *b = (haul_pstc_block){
        .id = haul_pst_id(c, p), .at = haul_pst_id(c, p + id), .stored = (uint16_t)haul_nodes16(p + 2 * id)};
    b->size = packs ? (uint16_t)haul_nodes16(p + 2 * id + 2) : b->stored;
    b->count = (uint16_t)haul_nodes16(p + 2 * id + (packs ? 4 : 2));
}

static void add_leaf(walk *w, const uint8_t *p, uint64_t at)
{
    haul_pst_check *c = w->c;
    if (c->n_blocks >= HAUL_PSTC_ENTRIES || c->n_nodes >= HAUL_PSTC_ENTRIES)
        haul_pst_say(c, HAUL_FINDING_PST_LIMIT, at, 0, "more than %u entries", HAUL_PSTC_ENTRIES);
    else if (w->kind == PAGE_NBT)
        add_node(c, p, at);
    else
        add_block(c, p);
}

typedef struct page_entries {
    size_t n, size;
    int level;
} page_entries;

static bool entries_of(const walk *w, const page_at *a, const uint8_t *page, page_entries *ret)
{
    const haul_nodes_layout *l = w->c->layout;
    const uint8_t *f = page + l->foot;
    bool wide = l->wide;
    size_t most = wide ? haul_nodes16(f + 2) : f[1];
    *ret = (page_entries){
        .n = wide ? haul_nodes16(f) : f[0], .size = wide ? f[4] : f[2], .level = wide ? f[5] : f[3]};
    size_t leaf = w->kind == PAGE_NBT ? (l->id == 4 ? 16u : 32u) : 3u * l->id;
    size_t want = ret->level ? 3u * l->id : leaf;
    if (ret->size != want || most > l->foot / want || ret->n > most) {
        haul_pst_say(w->c, HAUL_FINDING_PST_PAGE_ENTRIES, a->at, a->id, "%zu of at most %zu, of %zu octets",
                     ret->n, most, ret->size);
        return false;
    }
    if ((a->level >= 0 && ret->level != a->level) || ret->level >= (int)HAUL_NODES_LEVELS) {
        haul_pst_say(w->c, HAUL_FINDING_PST_PAGE_LEVEL, a->at, a->id, "%d instead of %d", ret->level,
                     a->level);
        return false;
    }
    return true;
}

static void check_order(const walk *w, const page_at *a, const uint8_t *page, const page_entries *s)
{
    uint64_t low = a->low;
    for (size_t i = 0; i < s->n; i++) {
        uint64_t key = haul_pst_id(w->c, page + i * s->size);
        if (key < low || key >= a->high) {
            haul_pst_say(w->c, HAUL_FINDING_PST_PAGE_ORDER, a->at + i * s->size, a->id,
                         "key 0x%llx of entry %zu", (unsigned long long)key, i);
            return;
        }
        low = key + 1;
    }
}

static void walk_page(walk *w, const page_at *a);

static void walk_entry(walk *w, const page_at *a, const uint8_t *page, const page_entries *s, size_t i)
{
    const uint8_t *p = page + i * s->size;
    size_t id = w->c->layout->id;
    if (!s->level) {
        add_leaf(w, p, a->at + i * s->size);
        return;
    }
    page_at below = {.id = haul_pst_id(w->c, p + id),
                     .at = haul_pst_id(w->c, p + 2 * id),
                     .low = haul_pst_id(w->c, p),
                     .high = i + 1 < s->n ? haul_pst_id(w->c, p + s->size) : a->high,
                     .level = s->level - 1};
    walk_page(w, &below);
}

static void walk_page(walk *w, const page_at *a)
{
    haul_pst_check *c = w->c;
    page_entries s;
    if (w->pages++ >= w->most) { /* only pages that are met twice can be so many */
        if (w->pages == w->most + 1)
            haul_pst_say(c, HAUL_FINDING_PST_LIMIT, a->at, a->id, "more pages than the file can hold");
        return;
    }
    uint8_t *page = haul_alloc(PAGE_MAX);
    if (haul_pst_check_page(c, a->at, a->id, w->kind, true, page)) {
        haul_pst_add_extent(c, a->at, c->layout->page, UINT32_MAX);
        if (a->id > c->next_page)
            haul_pst_say(c, HAUL_FINDING_PST_HEADER_COUNTER, a->at, a->id, "bidNextP is 0x%llx",
                         (unsigned long long)c->next_page);
        if (entries_of(w, a, page, &s)) {
            check_order(w, a, page, &s);
            for (size_t i = 0; i < s.n; i++)
                walk_entry(w, a, page, &s, i);
        }
    }
    free(page);
}

static int by_block(const void *a, const void *b)
{
    const haul_pstc_block *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static int by_node(const void *a, const void *b)
{
    const haul_pstc_node *x = a, *y = b;
    return (x->nid > y->nid) - (x->nid < y->nid);
}

void haul_pst_check_trees(haul_pst_check *c)
{
    size_t id = c->layout->id;
    const uint8_t *root = c->head + c->layout->root;
    walk w = {.c = c, .kind = PAGE_NBT, .most = c->view.size / c->layout->page + 2};
    page_at nbt = {
        .id = haul_pst_id(c, root), .at = haul_pst_id(c, root + id), .high = UINT64_MAX, .level = -1};
    page_at bbt = {.id = haul_pst_id(c, root + 2 * id),
                   .at = haul_pst_id(c, root + 3 * id),
                   .high = UINT64_MAX,
                   .level = -1};
    walk_page(&w, &nbt);
    w.kind = PAGE_BBT;
    w.pages = 0;
    walk_page(&w, &bbt);
    if (c->n_nodes)
        qsort(c->nodes, c->n_nodes, sizeof(*c->nodes), by_node);
    if (c->n_blocks)
        qsort(c->blocks, c->n_blocks, sizeof(*c->blocks), by_block);
}

/* ── maps (2.2.2.7.2 to 2.2.2.7.6) ── */

typedef struct region {
    uint64_t at, index;
    size_t next; /* extent */
    uint64_t free;
    uint8_t page[PAGE_MAX], want[PAGE_MAX];
    uint8_t density[PAGE_MAX]; /* the density list */
    size_t n_density;          /* its entries */
} region;

/* Pages of older maps behind an AMap: a reader of today passes over what they say, but their space is theirs. */
static void older_maps(haul_pst_check *c, const region *r)
{
    static const struct {
        unsigned kind;
        uint64_t first, every;
    } maps[] = {{PAGE_PMAP, 0, 8}, {PAGE_FMAP, 128, 496}, {PAGE_FPMAP, 8192, 31744}};
    uint8_t page[PAGE_MAX];
    for (unsigned i = 0; i < 3; i++) {
        uint64_t at = r->at + (i + 1) * c->layout->page;
        if (r->index < maps[i].first || (r->index - maps[i].first) % maps[i].every)
            continue;
        (void)haul_pst_check_page(c, at, at, maps[i].kind, false, page);
    }
}

static uint64_t map_span(const haul_pst_check *c)
{
    return (uint64_t)c->maps->bits * 8 * c->maps->unit;
}

static void mark(const haul_pst_check *c, region *r, uint64_t at, uint64_t n)
{
    uint64_t unit = c->maps->unit, bit = (at - r->at) / unit, end = (at - r->at + n + unit - 1) / unit;
    for (; bit < end && bit < c->maps->bits * 8u; bit++)
        r->want[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
}

static void mark_region(const haul_pst_check *c, region *r)
{
    uint64_t page = c->layout->page, i = r->index;
    memset(r->want, 0, sizeof(r->want));
    mark(c, r, r->at, page);
    if (c->maps->older && i % 8 == 0)
        mark(c, r, r->at + page, page);
    if (c->maps->older && i >= 128 && (i - 128) % 496 == 0)
        mark(c, r, r->at + 2 * page, page);
    if (c->maps->older && i >= 8192 && (i - 8192) % 31744 == 0)
        mark(c, r, r->at + 3 * page, page);
    for (; r->next < c->n_extents && c->extents[r->next].at < r->at + map_span(c); r->next++)
        if (c->extents[r->next].at >= r->at)
            mark(c, r, c->extents[r->next].at, c->extents[r->next].n);
}

/* One finding for every run of units that differ in the same way. */
static void compare(haul_pst_check *c, region *r)
{
    const uint8_t *map = r->page + c->maps->skip;
    int run = 0;
    uint64_t from = 0, unit = c->maps->unit;
    for (uint64_t bit = 0; bit <= c->maps->bits * 8u; bit++) {
        bool end = bit == c->maps->bits * 8u;
        int has = end ? 0 : map[bit / 8] >> (7 - bit % 8) & 1,
            want = end ? 0 : r->want[bit / 8] >> (7 - bit % 8) & 1;
        r->free += !end && !has;
        if (r->at + bit * unit >= c->view.size) /* nothing is there, whatever the map says */
            want = has;
        if (has - want == run)
            continue;
        if (run)
            haul_pst_say(c, run < 0 ? HAUL_FINDING_PST_AMAP_FREE : HAUL_FINDING_PST_AMAP_UNUSED,
                         r->at + from * unit, 0, "%llu octets, by the map at octet %llu",
                         (unsigned long long)((bit - from) * unit), (unsigned long long)r->at);
        run = has - want;
        from = bit;
    }
}

static void read_density(haul_pst_check *c, region *r)
{
    const haul_nodes_layout *l = c->layout;
    uint64_t at = c->maps->density;
    const uint8_t *t = r->density + l->trailer;
    if (haul_view_read(&c->view, at, r->density, l->page) != (ssize_t)l->page)
        return;
    if (!t[0] && !t[1]) /* programs before Outlook 2007 SP2 know none */
        return;
    r->n_density = r->density[1];
    if (t[0] == PAGE_DENSITY && t[1] == PAGE_DENSITY && DENSITY_HEAD + 4 * r->n_density <= l->trailer &&
        haul_nodes32(t + l->sum) == haul_nodes_checksum(r->density, l->trailer))
        return;
    haul_pst_say(c, HAUL_FINDING_PST_DENSITY, at, 0, "type, number of entries or checksum");
    r->n_density = 0;
}

/* An entry: 20 bits with the number of a map, 12 with the free units it has. */
static void check_density(haul_pst_check *c, const region *r, uint64_t free)
{
    for (size_t i = 0; i < r->n_density; i++) {
        uint32_t entry = haul_nodes32(r->density + DENSITY_HEAD + 4 * i);
        if ((entry & 0xfffff) == r->index && entry >> 20 != free)
            haul_pst_say(c, HAUL_FINDING_PST_DENSITY, c->maps->density + DENSITY_HEAD + 4 * i, 0,
                         "%u free units in map %llu, it has %llu", entry >> 20, (unsigned long long)r->index,
                         (unsigned long long)free);
    }
}

static void check_totals(haul_pst_check *c, const region *r)
{
    const uint8_t *root = c->head + c->maps->root;
    size_t id = c->layout->id;
    uint64_t last = haul_pst_id(c, root + 4 + id), free = haul_pst_id(c, root + 4 + 2 * id);
    uint64_t at = c->maps->root + 4u + id;
    if (last != r->at - map_span(c))
        haul_pst_say(c, HAUL_FINDING_PST_AMAP_LAST, at, 0, "%llu, it is %llu", (unsigned long long)last,
                     (unsigned long long)(r->at - map_span(c)));
    if (free != r->free * c->maps->unit)
        haul_pst_say(c, HAUL_FINDING_PST_AMAP_TOTAL, at + id, 0, "%llu, they are %llu",
                     (unsigned long long)free, (unsigned long long)(r->free * c->maps->unit));
}

void haul_pst_check_maps(haul_pst_check *c)
{
    size_t id = c->layout->id;
    uint8_t valid = c->head[c->maps->root + 4 + 4 * id + 4 * id];
    if (!valid) {
        haul_pst_say(c, HAUL_FINDING_PST_AMAP_STALE, c->maps->root + 4u + 8u * id, 0, "fAMapValid is 0");
        return;
    }
    region *r = haul_calloc(1, sizeof(*r));
    read_density(c, r);
    uint64_t end = c->eof < c->view.size ? c->eof : c->view.size;
    bool whole = true;
    for (r->at = c->maps->first; r->at < end && !haul_pst_check_stopped(c);
         r->at += map_span(c), r->index++) {
        if (c->maps->older)
            older_maps(c, r);
        mark_region(c, r);
        uint64_t before = r->free;
        bool good = haul_pst_check_page(c, r->at, r->at, PAGE_AMAP, false, r->page);
        if (good) {
            compare(c, r);
            check_density(c, r, r->free - before);
        }
        whole = whole && good;
    }
    if (whole && r->index && c->eof <= c->view.size)
        check_totals(c, r);
    free(r);
}
