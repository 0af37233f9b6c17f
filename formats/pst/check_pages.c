#include "check.h"

#include <stdlib.h>

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

static void add_leaf(walk *w, const uint8_t *p, uint64_t at)
{
    haul_pst_check *c = w->c;
    if (c->bbt.n >= HAUL_PSTC_ENTRIES || c->nbt.n >= HAUL_PSTC_ENTRIES)
        haul_pst_say(c, HAUL_FINDING_PST_LIMIT, at, 0, "more than %u entries", HAUL_PSTC_ENTRIES);
    else if (w->kind == HAUL_PTYPE_NBT)
        haul_pst_add_node(c, haul_nodes32(p), haul_nodes32(p + 3 * (size_t)c->layout->id));
    else
        haul_pst_add_block(c, haul_pst_id(c, p));
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
    size_t leaf = w->kind == HAUL_PTYPE_NBT ? (l->id == 4 ? 16u : 32u) : 3u * l->id;
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
    uint8_t *page = haul_alloc(HAUL_PSTC_PAGE);
    if (haul_pst_check_page(c, a->at, a->id, w->kind, true, page)) {
        haul_pst_add_extent(c, a->at, c->layout->page, UINT32_MAX);
        if (a->id > c->next_page)
            haul_pst_say(c, HAUL_FINDING_PST_HEADER_COUNTER, a->at, a->id, "bidNextP is 0x%llx",
                         (unsigned long long)c->next_page);
        if (entries_of(w, a, page, &s)) {
            check_order(w, a, page, &s);
            if (!s.level && s.n)
                haul_pst_add_leaf(w->kind == HAUL_PTYPE_NBT ? &c->nbt : &c->bbt, a->at);
            for (size_t i = 0; i < s.n; i++)
                walk_entry(w, a, page, &s, i);
        }
    }
    free(page);
}

void haul_pst_check_trees(haul_pst_check *c)
{
    size_t id = c->layout->id;
    const uint8_t *root = c->head + c->layout->root;
    walk w = {.c = c, .kind = HAUL_PTYPE_NBT, .most = c->view.size / c->layout->page + 2};
    page_at nbt = {
        .id = haul_pst_id(c, root), .at = haul_pst_id(c, root + id), .high = UINT64_MAX, .level = -1};
    page_at bbt = {.id = haul_pst_id(c, root + 2 * id),
                   .at = haul_pst_id(c, root + 3 * id),
                   .high = UINT64_MAX,
                   .level = -1};
    c->nbt.size = id == 4 ? 16 : 32;
    c->bbt.size = 3 * id;
    walk_page(&w, &nbt);
    w.kind = HAUL_PTYPE_BBT;
    w.pages = 0;
    walk_page(&w, &bbt);
    haul_pst_sort_nodes(c);
    haul_pst_sort_blocks(c);
}
