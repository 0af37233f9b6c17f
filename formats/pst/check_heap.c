#include "check.h"

#include <stdlib.h>
#include <string.h>

#define SIG_HEAP 0xecu /* MS-PST 2.3.1.2 */
#define SIG_BTH  0xb5u /* 2.3.2.1 */
#define CLIENT_RESERVED                                                                                      \
    0xacu /* tables of search folders have it in some stores; what is in them is not written down */
#define HEAD_FIRST 12u /* octets in front of the allocations of the first page (2.3.1.2), */
#define HEAD_PAGE  2u  /* of the others (2.3.1.3), */
#define HEAD_FILL  66u /* and of those with fill levels (2.3.1.4) */

static bool read_leaf(haul_pstc_heap *h, size_t i)
{
    if (h->leaf == i && h->len)
        return true;
    h->leaf = i;
    h->len = i < h->n ? haul_pst_octets(h->c, h->leaves[i], h->block) : 0;
    return h->len > 0;
}

/* HNPAGEMAP (2.3.1.5): a count of allocations, one of those that were freed, and offsets. */
static bool check_map(haul_pstc_heap *h, size_t i)
{
    const uint8_t *b = h->block;
    size_t map = h->len < 4 ? h->len : haul_nodes16(b), n = map + 4 <= h->len ? haul_nodes16(b + map) : 0;
    size_t last = i == 0 ? HEAD_FIRST : i >= 8 && (i - 8) % 128 == 0 ? HEAD_FILL : HEAD_PAGE;
    if (map + 4 > h->len || map + 4 + 2 * (n + 1) > h->len || map < last || haul_nodes16(b + map + 4) < last)
        return false;
    for (size_t k = 0; k <= n; k++) {
        size_t end = haul_nodes16(b + map + 4 + 2 * k);
        if (end < last || end > map)
            return false;
        last = end;
        h->ends = haul_grown(h->ends, h->n_ends, &h->cap_ends, sizeof(*h->ends));
        h->ends[h->n_ends++] = (uint16_t)end;
    }
    return true;
}

/* ── fill levels (2.3.1.2, 2.3.1.4) ── */

typedef struct levels {
    uint8_t v[64];
    size_t first, n; /* pages of the heap that they are of */
} levels;

static unsigned level_at(const levels *l, size_t page)
{
    size_t i = page - l->first;
    return l->v[i / 2] >> (i % 2 ? 4 : 0) & 0xf;
}

static unsigned level_of(size_t free)
{
    static const uint16_t least[] = {3584, 2560, 2048, 1792, 1536, 1280, 1024, 768,
                                     512,  256,  128,  64,   32,   16,   8};
    unsigned i = 0;
    while (i < HAUL_COUNT(least) && free < least[i])
        i++;
    return i;
}

static void say_level(const haul_pstc_heap *h, size_t page, unsigned has, unsigned want)
{
    haul_pst_say(h->c, HAUL_FINDING_PST_HEAP_FILL, HAUL_NOWHERE, 0, "%u instead of %u of page %zu", has, want,
                 page);
}

/* Page i, which was read, and whose map is sound. */
static void check_level(haul_pstc_heap *h, size_t i, levels *l)
{
    if (h->c->version == 65) /* levels of other sizes, which are not written down */
        return;
    if (i == 0 || i == l->first + l->n) {
        *l = (levels){.first = i, .n = i ? 128 : 8};
        memcpy(l->v, h->block + (i ? 2 : 8), l->n / 2);
        for (size_t k = h->n; k < l->first + l->n; k++)
            if (level_at(l, k))
                say_level(h, k, level_at(l, k), 0);
    }
    size_t map = haul_nodes16(h->block), end = map + 4 + 2 * (haul_nodes16(h->block + map) + 1u);
    unsigned has = level_at(l, i), want = level_of(h->c->layout->most - end);
    if (has != want)
        say_level(h, i, has, want);
}

static void check_pages(haul_pstc_heap *h)
{
    levels l = {.n = 1};
    h->first = haul_calloc(h->n + 1, sizeof(*h->first));
    for (size_t i = 0; i < h->n; i++) {
        size_t before = h->n_ends;
        h->first[i] = (uint32_t)before;
        if (read_leaf(h, i) && check_map(h, i)) {
            check_level(h, i, &l);
            continue;
        }
        haul_pstc_block b;
        if (h->len && haul_pst_block(h->c, h->leaves[i], &b))
            haul_pst_say(h->c, HAUL_FINDING_PST_HEAP_MAP, b.at, h->leaves[i], "page %zu of the heap", i);
        h->n_ends = before;
    }
    h->first[h->n] = (uint32_t)h->n_ends;
}

static bool check_subs(haul_pstc_heap *h, uint64_t sub)
{
    haul_pst_check *c = h->c;
    haul_pstc_block b;
    if (!haul_pst_subnodes(c, sub, &h->subs, &h->n_subs)) {
        if (haul_pst_block(c, sub, &b) && !c->known[b.i].bad)
            haul_pst_say(c, HAUL_FINDING_PST_LIST, HAUL_NOWHERE, sub, "its subnodes cannot be listed");
        return false;
    }
    for (size_t i = 1; i < h->n_subs; i++)
        if (h->subs[i - 1].nid >= h->subs[i].nid) {
            haul_pst_say(c, HAUL_FINDING_PST_LIST_ORDER, HAUL_NOWHERE, sub, "subnode 0x%x", h->subs[i].nid);
            return false;
        }
    return true;
}

bool haul_pstc_heap_open(haul_pstc_heap *h, haul_pst_check *c, uint64_t data, uint64_t sub, uint8_t want)
{
    *h = (haul_pstc_heap){.c = c, .block = haul_alloc(HAUL_NODES_BLOCK)};
    (void)check_subs(h, sub);
    haul_pstc_block top;
    bool there = haul_pst_block(c, data, &top);
    bool good = there && haul_pst_leaves(c, data, &h->leaves, &h->n) && read_leaf(h, 0);
    bool heap = good && h->len >= HEAD_FIRST && h->block[2] == SIG_HEAP;
    if (heap)
        h->root = haul_nodes32(h->block + 4);
    if (!heap || h->block[3] != want) {
        bool reserved = heap && want == HAUL_PSTC_SIG_TABLE && h->block[3] == CLIENT_RESERVED;
        if ((good || !data) && !reserved)
            haul_pst_say(c, HAUL_FINDING_PST_HEAP, there ? top.at : HAUL_NOWHERE, data,
                         "bSig 0x%02x, bClientSig 0x%02x instead of 0x%02x", good ? h->block[2] : 0,
                         good ? h->block[3] : 0, want);
        return false;
    }
    check_pages(h);
    return true;
}

void haul_pstc_heap_done(haul_pstc_heap *h)
{
    free(h->leaves);
    free(h->subs);
    free(h->ends);
    free(h->first);
    free(h->block);
    *h = (haul_pstc_heap){0};
}

/* Where a HID is: its page, and first and last octet. */
static bool place_of(const haul_pstc_heap *h, uint32_t hid, size_t *page, size_t *from, size_t *end)
{
    unsigned bits = h->c->version == 65 ? 14 : 11; /* of the index, 2.3.1.1; 4k: seen */
    size_t index = hid >> 5 & ((1u << bits) - 1);
    *page = hid >> (5 + bits);
    if (hid & 0x1f || !index || *page >= h->n || h->first[*page] + index >= h->first[*page + 1])
        return false;
    *from = h->ends[h->first[*page] + index - 1];
    *end = h->ends[h->first[*page] + index];
    return true;
}

bool haul_pstc_heap_get(haul_pstc_heap *h, uint32_t hid, const uint8_t **ret, size_t *ret_n)
{
    size_t page, from, end;
    if (!place_of(h, hid, &page, &from, &end) || !read_leaf(h, page) || end > h->len) {
        haul_pst_say(h->c, HAUL_FINDING_PST_HEAP_ID, HAUL_NOWHERE, 0, "HID 0x%x", hid);
        return false;
    }
    *ret = h->block + from;
    *ret_n = end - from;
    return true;
}

const haul_node *haul_pstc_heap_sub(const haul_pstc_heap *h, uint32_t nid)
{
    size_t low = 0, high = h->n_subs;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (h->subs[middle].nid < nid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < h->n_subs && h->subs[low].nid == nid ? &h->subs[low] : NULL;
}

bool haul_pstc_value(haul_pstc_heap *h, uint32_t hnid, uint64_t *ret_size)
{
    size_t page, from, end;
    *ret_size = 0;
    if (hnid & 0x1f) {
        const haul_node *n = haul_pstc_heap_sub(h, hnid);
        haul_pstc_block b;
        *ret_size = n ? haul_pst_size(h->c, n->data) : 0;
        return n && (!n->data || haul_pst_block(h->c, n->data, &b));
    }
    if (!place_of(h, hnid, &page, &from, &end))
        return false;
    *ret_size = end - from;
    return true;
}

uint8_t *haul_pstc_copy(haul_pstc_heap *h, uint32_t hnid, size_t *ret_n)
{
    const uint8_t *p = NULL;
    const haul_node *n = hnid & 0x1f ? haul_pstc_heap_sub(h, hnid) : NULL;
    if (n)
        return haul_pst_copy(h->c, n->data, ret_n);
    if (hnid & 0x1f || !haul_pstc_heap_get(h, hnid, &p, ret_n))
        return NULL;
    uint8_t *to = haul_alloc(*ret_n + 1);
    memcpy(to, p, *ret_n);
    return to;
}

/* ── B-trees (2.3.2) ── */

static void judge_key(haul_pstc_tree *t, const uint8_t *p, uint32_t hid)
{
    uint64_t key = 0;
    for (unsigned i = t->key < 8 ? t->key : 8; i-- > 0;)
        key = key << 8 | p[i];
    if (t->n++ && t->key <= 8 && key <= t->last && !t->unordered) {
        haul_pst_say(t->heap->c, HAUL_FINDING_PST_TREE_ORDER, HAUL_NOWHERE, 0, "key 0x%llx in HID 0x%x",
                     (unsigned long long)key, hid);
        t->unordered = true;
    }
    t->last = key;
}

static bool walk_part(haul_pstc_tree *t, uint32_t hid, unsigned level)
{
    const uint8_t *p = NULL;
    size_t n = 0, size = t->key + (level ? 4u : (size_t)t->data);
    if (!haul_pstc_heap_get(t->heap, hid, &p, &n))
        return false;
    if (n % size) {
        haul_pst_say(t->heap->c, HAUL_FINDING_PST_TREE, HAUL_NOWHERE, 0,
                     "%zu octets for records of %zu in HID 0x%x", n, size, hid);
        return false;
    }
    uint8_t *copy = haul_alloc(n + 1); /* the heap may read another page before the end */
    bool good = t->heap->c->work++ < t->heap->c->most_work;
    memcpy(copy, p, n);
    for (size_t i = 0; good && i < n; i += size) {
        if (level) {
            good = walk_part(t, haul_nodes32(copy + i + t->key), level - 1);
            continue;
        }
        judge_key(t, copy + i, hid);
        if (t->record)
            t->record(t->ctx, copy + i, size);
    }
    free(copy);
    return good;
}

bool haul_pstc_tree_walk(haul_pstc_tree *t, uint32_t hid)
{
    const uint8_t *p = NULL;
    size_t n = 0;
    if (!haul_pstc_heap_get(t->heap, hid, &p, &n))
        return false;
    if (n != 8 || p[0] != SIG_BTH || p[1] != t->key || p[2] != t->data || p[3] > 8) {
        haul_pst_say(t->heap->c, HAUL_FINDING_PST_TREE, HAUL_NOWHERE, 0,
                     "its header in HID 0x%x: type 0x%02x, keys of %u, data of %u", hid, n ? p[0] : 0,
                     n > 1 ? p[1] : 0, n > 2 ? p[2] : 0);
        return false;
    }
    uint32_t root = haul_nodes32(p + 4);
    return !root || walk_part(t, root, p[3]);
}
