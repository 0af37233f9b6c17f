/* Regions of a store being written: what one AMap page covers. A full one goes into the file beside what follows. */
#define _GNU_SOURCE /* sync_file_range */
#include "put_ndb_parts.h"

#include "io/out.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRITEBACK 32u /* regions, of 8 MB together */

static void mark(haul_pstw_ndb *n, size_t from, size_t size)
{
    size_t unit = n->layout->align;
    for (size_t i = from / unit; i < (from + size) / unit; i++)
        n->octets[i / 8] |= (uint8_t)(0x80u >> i % 8); /* 2.2.2.7.2: the first slot is the highest bit */
}

static void unmark(haul_pstw_ndb *n, size_t from)
{
    for (size_t i = from / n->layout->align; i < (size_t)n->layout->trailer * 8; i++)
        n->octets[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
}

/* Map pages at the head of a region (2.2.2.7.2 to 2.2.2.7.5): their type at each of four places, 0 = none. */
static void map_pages(const haul_pstw_ndb *n, uint64_t region, uint8_t type[4])
{
    bool older = !n->kind.wide;
    size_t map = n->layout->trailer;
    type[0] = HAUL_PSTW_AMAP;
    type[1] = older && region % 8 == 0 ? HAUL_PSTW_PMAP : 0;
    type[2] = older && region >= 128 && (region - 128) % map == 0 ? HAUL_PSTW_FMAP : 0;
    type[3] = older && region >= 8192 && (region - 8192) % (8 * 8 * map) == 0 ? HAUL_PSTW_FPMAP : 0;
}

void haul_pstw_open_region(haul_pstw_ndb *n, uint64_t region)
{
    uint8_t type[4];
    size_t page = n->layout->page;
    haul_pstw_writing *w = &n->writings[n->writing];
    if (!w->octets)
        w->octets = haul_alloc(haul_pstw_region_size(n));
    n->octets = w->octets;
    memset(n->octets, 0, sizeof(type) * page); /* the rest as it is taken, or when the region ends */
    n->region = region;
    n->used = 0;
    map_pages(n, region, type);
    for (unsigned i = 0; i < 4; i++) {
        if (!type[i])
            continue;
        n->used = (i + 1) * page;
        mark(n, i * page, page);
    }
}

static uint64_t free_octets(const haul_pstw_ndb *n)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < n->layout->trailer; i++)
        for (unsigned bit = 0; bit < 8; bit++)
            bits += !(n->octets[i] >> bit & 1);
    return bits * n->layout->align;
}

/* ── into the file ── */

void haul_pstw_write_at(haul_pstw_ndb *n, uint64_t at, const void *p, size_t len)
{
    if (n->rc == HAUL_OK)
        n->rc = haul_write_at(n->fd, at, p, len, n->name, &n->err);
}

/* What is written goes to the disk while we go on: the next sync has little to wait for. A hint: errors show there. */
static void begin_writeback(const haul_pstw_ndb *n, uint64_t region)
{
    if (region % WRITEBACK == WRITEBACK - 1)
        (void)sync_file_range(n->fd, (off_t)haul_pstw_region_at(n, region - (WRITEBACK - 1)),
                              (off_t)(WRITEBACK * haul_pstw_region_size(n)), SYNC_FILE_RANGE_WRITE);
}

/* The writer's thread: of the store it reads what does not change. */
static void write_region(void *ctx, void *job)
{
    const haul_pstw_ndb *n = ctx;
    haul_pstw_writing *w = job;
    w->rc = haul_write_at(n->fd, haul_pstw_region_at(n, w->region), w->octets, haul_pstw_region_size(n),
                          n->name, &w->err);
    if (w->rc == HAUL_OK)
        begin_writeback(n, w->region);
}

/* Regions of 4k pages are large: one on its way is enough. */
static unsigned writings_of(const haul_pstw_ndb *n)
{
    return n->kind.wide ? 2 : HAUL_PSTW_WRITINGS;
}

/* Until no more than `left` are on their way. */
static void settle(haul_pstw_ndb *n, size_t left)
{
    const haul_pstw_writing *w;
    if (!n->writer)
        return;
    haul_thread_wait(n->writer, left);
    while ((w = haul_thread_take(n->writer))) {
        if (n->rc != HAUL_OK || w->rc == HAUL_OK)
            continue;
        n->rc = w->rc;
        n->err = w->err;
    }
}

/* The open region is written, and another is to be opened. */
static void give(haul_pstw_ndb *n)
{
    unsigned most = writings_of(n);
    if (n->rc != HAUL_OK)
        return;
    if (!n->writer)
        n->writer = haul_thread_new(write_region, n, most);
    n->writings[n->writing].region = n->region;
    haul_thread_give(n->writer, &n->writings[n->writing]);
    settle(n, most - 1);
    n->writing = (n->writing + 1) % most;
}

void haul_pstw_regions_settle(haul_pstw_ndb *n)
{
    settle(n, 0);
}

void haul_pstw_regions_done(haul_pstw_ndb *n)
{
    haul_thread_free(n->writer);
    for (unsigned i = 0; i < HAUL_PSTW_WRITINGS; i++)
        free(n->writings[i].octets);
}

void haul_pstw_close_region(haul_pstw_ndb *n)
{
    uint8_t type[4];
    const haul_nodes_layout *l = n->layout;
    uint64_t at = haul_pstw_region_at(n, n->region);
    n->free += free_octets(n);
    memset(n->octets + n->used, 0, haul_pstw_region_size(n) - n->used);
    map_pages(n, n->region, type);
    for (unsigned i = 0; i < 4; i++) {
        uint8_t *page = n->octets + i * l->page;
        if (!type[i])
            continue;
        if (i) /* the maps of free space are hints that Outlook makes anew */
            memset(page, 0xff, l->trailer);
        haul_pstw_seal(n, page, type[i], at + i * l->page, 0);
    }
    give(n);
}

static void read_region(haul_pstw_ndb *n, uint64_t region)
{
    haul_pstw_regions_settle(n);
    ssize_t got = pread(n->fd, n->octets, haul_pstw_region_size(n), (off_t)haul_pstw_region_at(n, region));
    if (got < 0 || (size_t)got < n->used)
        n->rc = haul_fail_sys(&n->err, HAUL_E_TARGET, "reading %s", n->name);
    n->region = region;
}

void haul_pstw_reopen_region(haul_pstw_ndb *n, uint64_t region)
{
    if (region != n->region)
        read_region(n, region);
    unmark(n, n->used);
}

/* ── places in it ── */

uint8_t *haul_pstw_place(haul_pstw_ndb *n, size_t size, size_t align, uint64_t *ret_at)
{
    size_t at = (n->used + align - 1) / align * align;
    if (at + size > haul_pstw_region_size(n)) {
        haul_pstw_close_region(n);
        haul_pstw_open_region(n, n->region + 1);
        at = (n->used + align - 1) / align * align;
    }
    mark(n, at, size);
    memset(n->octets + n->used, 0, at - n->used);
    n->used = at + size;
    *ret_at = haul_pstw_region_at(n, n->region) + at;
    return n->octets + at;
}
