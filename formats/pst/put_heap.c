/* Heaps on nodes and B-trees on heaps being written. Source: MS-PST 2.3.1, 2.3.2. */
#include "ndb.h"
#include "put_le.h"
#include "put_ltp.h"

#include <stdlib.h>
#include <string.h>

#define HEAP_SIGNATURE 0xec
#define FIRST_HEADER   12u /* HNHDR (2.3.1.2) */
#define MAP_HEADER     66u /* HNBITMAPHDR (2.3.1.4) of page 8 and every 128th after it */
#define PAGE_HEADER    2u  /* HNPAGEHDR (2.3.1.3) of the others */
#define BITMAP_FIRST   8u
#define BITMAP_EVERY   128u
#define LEVEL_FULL     15u

static uint16_t header_size(size_t page)
{
    if (page == 0)
        return FIRST_HEADER;
    return page >= BITMAP_FIRST && (page - BITMAP_FIRST) % BITMAP_EVERY == 0 ? MAP_HEADER : PAGE_HEADER;
}

static haul_pstw_page *new_page(haul_pstw_heap *h)
{
    if (h->n == h->cap) {
        h->cap = h->cap ? h->cap * 2 : 2;
        h->pages = haul_realloc(h->pages, h->cap * sizeof(*h->pages));
    }
    haul_pstw_page *page = &h->pages[h->n];
    *page = (haul_pstw_page){.p = haul_alloc(HAUL_PSTW_BLOCK), .used = header_size(h->n)};
    memset(page->p, 0, page->used); /* the rest as it is taken */
    h->n++;
    return page;
}

void haul_pstw_heap_init(haul_pstw_heap *h, haul_pstw_ndb *n, uint8_t client)
{
    *h = (haul_pstw_heap){.ndb = n, .client = client};
    new_page(h);
}

/* Octets of the block when the page ends with n allocations and `used` octets: data, then the page map
 * (2.3.1.5), which begins at an even offset. */
static size_t closed_size(size_t used, size_t n)
{
    return (used + 1) / 2 * 2 + 4 + 2 * (n + 1);
}

static uint32_t add_to(haul_pstw_heap *h, haul_pstw_page *page, const void *p, size_t n)
{
    if (page->n == page->cap) {
        page->cap = (uint16_t)(page->cap ? page->cap * 2 : 64);
        page->start = haul_realloc(page->start, page->cap * sizeof(*page->start));
    }
    page->start[page->n++] = page->used;
    if (p)
        memcpy(page->p + page->used, p, n);
    else
        memset(page->p + page->used, 0, n);
    page->used = (uint16_t)(page->used + n);
    return (uint32_t)(h->n - 1) << 16 | (uint32_t)page->n << 5;
}

/* Pages before the last one are full blocks: one more allocation takes what is left, from where the last value ends, be that
 * odd. */
static void fill_page(haul_pstw_heap *h, haul_pstw_page *page)
{
    size_t end = HAUL_PSTW_BLOCK - 4 - 2 * (page->n + 2u);
    if (closed_size(page->used, page->n) + 2 <= HAUL_PSTW_BLOCK)
        add_to(h, page, NULL, end - page->used);
}

/* 2.3.1.2 rgbFillLevel: how much is free, in coarse steps. */
static unsigned fill_level(const haul_pstw_page *page)
{
    static const uint16_t at_least[] = {3584, 2560, 2048, 1792, 1536, 1280, 1024, 768,
                                        512,  256,  128,  64,   32,   16,   8};
    size_t left = HAUL_PSTW_BLOCK - closed_size(page->used, page->n);
    for (unsigned i = 0; i < HAUL_COUNT(at_least); i++)
        if (left >= at_least[i])
            return i;
    return LEVEL_FULL;
}

static void put_levels(const haul_pstw_heap *h, size_t first, size_t n, uint8_t *to)
{
    for (size_t i = 0; i < n && first + i < h->n; i++)
        to[i / 2] |= (uint8_t)((h->pages[first + i].p ? fill_level(&h->pages[first + i]) : LEVEL_FULL)
                               << (i % 2 ? 4 : 0));
}

static void put_map(haul_pstw_page *page)
{
    size_t map = (page->used + 1u) / 2 * 2;
    memset(page->p + page->used, 0, map - page->used);
    haul_put16(page->p, map);
    haul_put16(page->p + map, page->n);
    haul_put16(page->p + map + 2, 0); /* cFree: allocations that were given up */
    for (size_t a = 0; a < page->n; a++)
        haul_put16(page->p + map + 4 + 2 * a, page->start[a]);
    haul_put16(page->p + map + 4 + 2 * (size_t)page->n, page->used);
}

static void write_page(haul_pstw_heap *h, haul_pstw_page *page, size_t size)
{
    page->bid = haul_pstw_data(h->ndb, page->p, size);
    free(page->p);
    free(page->start);
    page->p = NULL;
    page->start = NULL;
}

/* A page that is full is written, unless it says how full others are. */
static void leave_page(haul_pstw_heap *h)
{
    haul_pstw_page *page = &h->pages[h->n - 1];
    fill_page(h, page);
    if (header_size(h->n - 1) != PAGE_HEADER)
        return;
    put_map(page);
    write_page(h, page, HAUL_PSTW_BLOCK);
}

uint32_t haul_pstw_heap_add(haul_pstw_heap *h, const void *p, size_t n)
{
    haul_pstw_page *page = &h->pages[h->n - 1];
    if (closed_size(page->used + n, page->n + 1u) > HAUL_PSTW_BLOCK || page->n >= HAUL_PSTW_HEAP_ENTRIES) {
        if (h->n == HAUL_PSTW_HEAP_PAGES) {
            h->full = true;
            return 0;
        }
        leave_page(h);
        page = new_page(h);
    }
    return add_to(h, page, p, n);
}

uint8_t *haul_pstw_heap_at(haul_pstw_heap *h, uint32_t hid)
{
    haul_pstw_page *page = &h->pages[hid >> 16];
    return page->p + page->start[(hid >> 5 & 0x7ff) - 1];
}

static void close_page(haul_pstw_heap *h, size_t i, uint32_t user_root)
{
    haul_pstw_page *page = &h->pages[i];
    put_map(page);
    if (i == 0) {
        page->p[2] = HEAP_SIGNATURE;
        page->p[3] = h->client;
        haul_put32(page->p + 4, user_root);
        put_levels(h, 0, 8, page->p + 8);
    } else if (header_size(i) == MAP_HEADER) {
        put_levels(h, i, BITMAP_EVERY, page->p + 2);
    }
}

uint32_t haul_pstw_heap_end(haul_pstw_heap *h, uint32_t user_root)
{
    haul_pstw_page *last = &h->pages[h->n - 1];
    size_t size = closed_size(last->used, last->n);
    for (size_t i = 0; i < h->n; i++)
        if (h->pages[i].p)
            close_page(h, i, user_root);
    uint32_t *bids = haul_calloc(h->n, sizeof(*bids));
    for (size_t i = 0; i < h->n; i++) {
        if (h->pages[i].p)
            write_page(h, &h->pages[i], i + 1 < h->n ? HAUL_PSTW_BLOCK : size);
        bids[i] = h->pages[i].bid;
    }
    uint32_t bid = haul_pstw_tree_of(h->ndb, bids, h->n, (uint64_t)(h->n - 1) * HAUL_PSTW_BLOCK + size);
    free(bids);
    free(h->pages);
    *h = (haul_pstw_heap){0};
    return bid;
}

/* One level of a B-tree (2.3.2.2, 2.3.2.3): n records in as many allocations as it takes. Returns the records of the level
 * above (first key and HID of each), *ret_n of them. */
static uint8_t *put_level(haul_pstw_heap *h, unsigned key, size_t record, const uint8_t *v, size_t n,
                          size_t *ret_n)
{
    size_t per = HAUL_PSTW_HEAP_MAX / record, parts = (n + per - 1) / per;
    uint8_t *above = haul_calloc(parts, key + 4);
    for (size_t i = 0; i < parts; i++) {
        size_t in = n - i * per < per ? n - i * per : per;
        const uint8_t *from = v + i * per * record;
        memcpy(above + i * (key + 4), from, key);
        haul_put32(above + i * (key + 4) + key, haul_pstw_heap_add(h, from, in * record));
    }
    *ret_n = parts;
    return above;
}

void haul_pstw_bth(haul_pstw_heap *h, uint32_t header, unsigned key, unsigned entry, const uint8_t *records,
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
        root = haul_nodes32(v + key);
        free(v);
    }
    uint8_t *p = haul_pstw_heap_at(h, header); /* BTHHEADER (2.3.2.1) */
    p[0] = HAUL_PSTW_BTH;
    p[1] = (uint8_t)key;
    p[2] = (uint8_t)entry;
    p[3] = (uint8_t)levels;
    haul_put32(p + 4, root);
}
