#include "pst/le.h"
#include "pst/ltp.h"

#include <stdlib.h>
#include <string.h>

#define HEAP_SIGNATURE 0xec
#define FIRST_HEADER   12u /* HNHDR (2.3.1.2) */
#define MAP_HEADER     66u /* HNBITMAPHDR (2.3.1.4) of page 8 and every 128th after it */
#define PAGE_HEADER    2u  /* HNPAGEHDR (2.3.1.3) of the others */
#define BITMAP_FIRST   8u
#define BITMAP_EVERY   128u

static uint16_t header_size(size_t page)
{
    if (page == 0)
        return FIRST_HEADER;
    return page >= BITMAP_FIRST && (page - BITMAP_FIRST) % BITMAP_EVERY == 0 ? MAP_HEADER : PAGE_HEADER;
}

static unsigned index_bits(const haul_heap *h) /* of a HID (2.3.1.1); of 4k pages: docs/formats/pst.md */
{
    return haul_ndb_wide(h->tree.ndb) ? 14 : 11;
}

static void make_room(haul_heap *h, haul_heap_page *page, size_t octets)
{
    size_t room = page->room ? page->room : 256;
    while (room < octets)
        room *= 2;
    if (room > h->most)
        room = h->most;
    if (room <= page->room)
        return;
    page->p = haul_realloc(page->p, room);
    memset(page->p + page->room, 0, room - page->room);
    page->room = (uint16_t)room;
}

static haul_heap_page *new_page(haul_heap *h)
{
    if (h->n == (size_t)1 << (27 - index_bits(h)))
        haul_ndb_limit(h->tree.ndb, "a heap has more pages than its ids can name");
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 2;
        h->pages = haul_realloc(h->pages, h->cap * sizeof(*h->pages));
    }
    haul_heap_page *page = &h->pages[h->n];
    *page = (haul_heap_page){.used = header_size(h->n)};
    make_room(h, page, page->used);
    h->n++;
    return page;
}

void haul_heap_init(haul_heap *h, haul_ndb *n, uint8_t client)
{
    *h = (haul_heap){.client = client, .most = haul_ndb_most(n)};
    haul_dtree_init(&h->tree, n);
    new_page(h);
}

/* Octets of the block when the page ends with n allocations and `used` octets: data, then the page map
 * (2.3.1.5), which begins at an even offset. */
static size_t closed_size(size_t used, size_t n)
{
    return (used + 1) / 2 * 2 + 4 + 2 * (n + 1);
}

/* ── pages out ── */

/* 2.3.1.2 rgbFillLevel: how much is free, in coarse steps. */
static uint8_t fill_level(const haul_heap *h, const haul_heap_page *page)
{
    static const uint16_t at_least[] = {3584, 2560, 2048, 1792, 1536, 1280, 1024, 768,
                                        512,  256,  128,  64,   32,   16,   8};
    size_t left = h->most - closed_size(page->used, page->n);
    for (unsigned i = 0; i < HAUL_COUNT(at_least); i++)
        if (left >= at_least[i])
            return (uint8_t)i;
    return 15;
}

static void put_levels(const haul_heap *h, size_t first, size_t n, uint8_t *to)
{
    for (size_t i = 0; i < n && first + i < h->n; i++)
        to[i / 2] |= (uint8_t)(h->pages[first + i].level << (i % 2 ? 4 : 0));
}

/* Its map, and no allocation more. */
static void close_page(haul_heap *h, haul_heap_page *page)
{
    size_t map = (page->used + 1u) / 2 * 2;
    make_room(h, page, closed_size(page->used, page->n));
    haul_put16(page->p, map);
    haul_put16(page->p + map, page->n);
    for (size_t a = 0; a < page->n; a++)
        haul_put16(page->p + map + 4 + 2 * a, page->start[a]);
    haul_put16(page->p + map + 4 + 2 * (size_t)page->n, page->used);
    page->level = fill_level(h, page);
}

static void drop_page(haul_heap_page *page)
{
    free(page->p);
    free(page->start);
    page->p = NULL;
    page->start = NULL;
}

/* The first page and those with fill levels say what is known only at the end. */
static bool waits(size_t page)
{
    return header_size(page) != PAGE_HEADER;
}

static uint32_t add_to(haul_heap *h, haul_heap_page *page, const void *p, size_t n)
{
    if (page->n == page->cap) {
        page->cap = (uint16_t)(page->cap ? page->cap * 2 : 8);
        page->start = haul_realloc(page->start, page->cap * sizeof(*page->start));
    }
    make_room(h, page, page->used + n);
    page->start[page->n++] = page->used;
    if (p)
        memcpy(page->p + page->used, p, n);
    page->used = (uint16_t)(page->used + n);
    return (uint32_t)(h->n - 1) << (5 + index_bits(h)) | (uint32_t)page->n << 5;
}

/* Pages before the last one are full blocks: one more allocation takes what is left. */
static void end_page(haul_heap *h, haul_heap_page *page)
{
    size_t i = haul_dtree_leave(&h->tree);
    if (closed_size(page->used, page->n + 1u) <= h->most)
        add_to(h, page, NULL, h->most - closed_size(0, page->n + 1u) - page->used);
    close_page(h, page);
    make_room(h, page, h->most);
    if (waits(i))
        return;
    haul_dtree_fill(&h->tree, i, page->p);
    drop_page(page);
}

uint32_t haul_heap_add(haul_heap *h, const void *p, size_t n)
{
    haul_heap_page *page = &h->pages[h->n - 1];
    if (closed_size(page->used + n, page->n + 1u) > h->most) {
        end_page(h, page);
        page = new_page(h);
    }
    return add_to(h, page, p, n);
}

uint8_t *haul_heap_at(haul_heap *h, uint32_t hid)
{
    haul_heap_page *page = &h->pages[0];
    return page->p + page->start[(hid >> 5) - 1];
}

static void put_head(haul_heap *h, size_t i, uint32_t user_root)
{
    uint8_t *p = h->pages[i].p;
    if (i == 0) {
        p[2] = HEAP_SIGNATURE;
        p[3] = h->client;
        haul_put32(p + 4, user_root);
        put_levels(h, 0, 8, p + 8);
    } else {
        put_levels(h, i, BITMAP_EVERY, p + 2);
    }
}

uint64_t haul_heap_end(haul_heap *h, uint32_t user_root)
{
    size_t last = h->n - 1;
    close_page(h, &h->pages[last]);
    for (size_t i = 0; i < h->n; i++) {
        haul_heap_page *page = &h->pages[i];
        if (waits(i))
            put_head(h, i, user_root);
        if (i == last)
            haul_dtree_add(&h->tree, page->p, closed_size(page->used, page->n));
        else if (page->p)
            haul_dtree_fill(&h->tree, i, page->p);
        drop_page(page);
    }
    free(h->pages);
    uint64_t bid = haul_dtree_end(&h->tree);
    *h = (haul_heap){0};
    return bid;
}

/* One level of a B-tree (2.3.2.2, 2.3.2.3): n records in as many allocations as it takes. Returns the records of the level
 * above (first key and HID of each), *ret_n of them. */
static uint8_t *put_level(haul_heap *h, unsigned key, size_t record, const uint8_t *v, size_t n,
                          size_t *ret_n)
{
    size_t per = HAUL_HEAP_MAX / record, parts = (n + per - 1) / per;
    uint8_t *above = haul_calloc(parts, key + 4);
    for (size_t i = 0; i < parts; i++) {
        size_t in = n - i * per < per ? n - i * per : per;
        const uint8_t *from = v + i * per * record;
        memcpy(above + i * (key + 4), from, key);
        haul_put32(above + i * (key + 4) + key, haul_heap_add(h, from, in * record));
    }
    *ret_n = parts;
    return above;
}

void haul_bth_build(haul_heap *h, uint32_t header, unsigned key, unsigned entry, const uint8_t *records,
                    size_t n)
{
    uint32_t root = 0;
    unsigned levels = 0;
    if (n) {
        size_t count;
        uint8_t *v = put_level(h, key, key + entry, records, n, &count);
        for (; count > 1; levels++) {
            uint8_t *above = put_level(h, key, key + 4, v, count, &count);
            free(v);
            v = above;
        }
        root = haul_le32(v + key);
        free(v);
    }
    uint8_t *p = haul_heap_at(h, header); /* BTHHEADER (2.3.2.1) */
    p[0] = HAUL_HEAP_BTH;
    p[1] = (uint8_t)key;
    p[2] = (uint8_t)entry;
    p[3] = (uint8_t)levels;
    haul_put32(p + 4, root);
}
