/* Regions, blocks, data trees and subnodes of a store being written. */
#include "crypt.h"
#include "ndb.h"
#include "put_le.h"
#include "put_ndb_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INTERNAL    2u    /* bit of a block id (2.2.2.2) */
#define XBLOCK_MAX  1021u /* ids in an XBLOCK or XXBLOCK */
#define SLBLOCK_MAX 340u
#define SIBLOCK_MAX 510u
#define UNIT        64u
#define BLOCKS_MAX  (UINT32_MAX / 4 - 1) /* ids are kept in 32 bits */

void *haul_pstw_grown(void *v, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return v;
    *cap = *cap ? *cap * 2 : 64;
    return haul_realloc(v, *cap * size);
}

/* ── regions ── */

static void mark(haul_pstw_ndb *n, size_t from, size_t size)
{
    for (size_t i = from / UNIT; i < (from + size) / UNIT; i++)
        n->octets[i / 8] |= (uint8_t)(0x80u >> i % 8); /* 2.2.2.7.2: the first slot is the highest bit */
}

static void unmark(haul_pstw_ndb *n, size_t from)
{
    for (size_t i = from / UNIT; i < HAUL_PSTW_REGION / UNIT; i++)
        n->octets[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
}

/* Map pages at the head of a region (2.2.2.7.2 to 2.2.2.7.5): their type at each of four places, 0 = none. */
static void map_pages(uint64_t region, uint8_t type[4])
{
    type[0] = HAUL_PSTW_AMAP;
    type[1] = region % 8 ? 0 : HAUL_PSTW_PMAP;
    type[2] = region >= 128 && (region - 128) % HAUL_PSTW_MAP == 0 ? HAUL_PSTW_FMAP : 0;
    type[3] = region >= 8192 && (region - 8192) % (8 * 8 * HAUL_PSTW_MAP) == 0 ? HAUL_PSTW_FPMAP : 0;
}

static void open_region(haul_pstw_ndb *n, uint64_t region)
{
    uint8_t type[4];
    memset(n->octets, 0,
           sizeof(type) * HAUL_PSTW_PAGE); /* the rest as it is taken, or when the region ends */
    n->region = region;
    n->used = 0;
    map_pages(region, type);
    for (unsigned i = 0; i < 4; i++) {
        if (!type[i])
            continue;
        n->used = (i + 1) * HAUL_PSTW_PAGE;
        mark(n, i * HAUL_PSTW_PAGE, HAUL_PSTW_PAGE);
    }
}

static uint64_t free_octets(const haul_pstw_ndb *n)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < HAUL_PSTW_MAP; i++)
        for (unsigned bit = 0; bit < 8; bit++)
            bits += !(n->octets[i] >> bit & 1);
    return bits * UNIT;
}

void haul_pstw_write_at(haul_pstw_ndb *n, uint64_t at, const void *p, size_t len)
{
    const char *from = p;
    while (n->rc == HAUL_OK && len) {
        ssize_t got = pwrite(n->fd, from, len, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            n->rc = haul_fail_sys(&n->err, HAUL_E_TARGET, "writing %s", n->name);
            return;
        }
        from += got;
        at += (uint64_t)got;
        len -= (size_t)got;
    }
}

void haul_pstw_close_region(haul_pstw_ndb *n)
{
    uint8_t type[4];
    uint64_t at = haul_pstw_region_at(n->region);
    n->free += free_octets(n);
    memset(n->octets + n->used, 0, HAUL_PSTW_REGION - n->used);
    map_pages(n->region, type);
    for (unsigned i = 0; i < 4; i++) {
        uint8_t *page = n->octets + i * HAUL_PSTW_PAGE;
        if (!type[i])
            continue;
        if (i) /* the maps of free space are hints that Outlook makes anew */
            memset(page, 0xff, HAUL_PSTW_MAP);
        haul_pstw_seal(page, type[i], at + i * HAUL_PSTW_PAGE, 0);
    }
    haul_pstw_write_at(n, at, n->octets, HAUL_PSTW_REGION);
}

uint8_t *haul_pstw_place(haul_pstw_ndb *n, size_t size, size_t align, uint64_t *ret_at)
{
    size_t at = (n->used + align - 1) / align * align;
    if (at + size > HAUL_PSTW_REGION) {
        haul_pstw_close_region(n);
        open_region(n, n->region + 1);
        at = (n->used + align - 1) / align * align;
    }
    mark(n, at, size);
    memset(n->octets + n->used, 0, at - n->used);
    n->used = at + size;
    *ret_at = haul_pstw_region_at(n->region) + at;
    return n->octets + at;
}

/* ── the whole ── */

haul_pstw_ndb *haul_pstw_ndb_new(const char *name, uint8_t crypt)
{
    haul_pstw_ndb *n = haul_calloc(1, sizeof(*n));
    n->fd = -1;
    n->name = haul_strdup(name);
    n->crypt = crypt;
    n->octets = haul_alloc(HAUL_PSTW_REGION);
    for (unsigned i = 0; i < 32; i++)
        n->last_index[i] = 0x400;
    n->last_index[HAUL_PSTW_NID_SEARCH] = 0x4000;
    n->last_index[HAUL_PSTW_NID_MESSAGE] = 0x10000;
    n->last_index[HAUL_PSTW_NID_ASSOCIATED] = 0x8000;
    open_region(n, 0);
    return n;
}

void haul_pstw_ndb_free(haul_pstw_ndb *n)
{
    if (!n)
        return;
    haul_fd_autoclose(&n->fd);
    free(n->blocks);
    free(n->nodes);
    free(n->octets);
    free(n->name);
    free(n);
}

haul_rc haul_pstw_ndb_failed(const haul_pstw_ndb *n, haul_err *e)
{
    if (n->rc != HAUL_OK && e)
        *e = n->err;
    return n->rc;
}

void haul_pstw_ndb_state(const haul_pstw_ndb *n, haul_pstw_state *ret)
{
    *ret = (haul_pstw_state){.end = haul_pstw_region_at(n->region) + n->used,
                             .free = n->free,
                             .blocks = n->n_blocks,
                             .nodes = n->n_nodes};
    memcpy(ret->last_index, n->last_index, sizeof(ret->last_index));
}

static void read_region(haul_pstw_ndb *n, uint64_t region)
{
    ssize_t got = pread(n->fd, n->octets, HAUL_PSTW_REGION, (off_t)haul_pstw_region_at(region));
    if (got < 0 || (size_t)got < n->used)
        n->rc = haul_fail_sys(&n->err, HAUL_E_TARGET, "reading %s", n->name);
    n->region = region;
}

void haul_pstw_ndb_return(haul_pstw_ndb *n, const haul_pstw_state *to)
{
    uint64_t region = (to->end - HAUL_PSTW_REGIONS) / HAUL_PSTW_REGION;
    n->used = (size_t)(to->end - haul_pstw_region_at(region));
    if (n->used == 0) { /* its end is the region's before */
        region--;
        n->used = HAUL_PSTW_REGION;
    }
    if (region != n->region)
        read_region(n, region);
    unmark(n, n->used);
    n->free = to->free;
    n->n_blocks = (size_t)to->blocks;
    n->n_nodes = (size_t)to->nodes;
    memcpy(n->last_index, to->last_index, sizeof(n->last_index));
}

void haul_pstw_ndb_use(haul_pstw_ndb *n, int fd, const haul_pstw_state *state)
{
    n->fd = fd;
    n->region = state ? UINT64_MAX : n->region; /* wherever it goes, it has to be read */
    if (state)
        haul_pstw_ndb_return(n, state);
}

const haul_pstw_block *haul_pstw_ndb_blocks(const haul_pstw_ndb *n)
{
    return n->blocks;
}

const haul_pstw_node *haul_pstw_ndb_nodes(const haul_pstw_ndb *n)
{
    return n->nodes;
}

void haul_pstw_ndb_known(haul_pstw_ndb *n, const haul_pstw_block *b, size_t blocks, const haul_pstw_node *v,
                         size_t nodes)
{
    for (size_t i = 0; i < blocks; i++) {
        n->blocks = haul_pstw_grown(n->blocks, n->n_blocks, &n->cap_blocks, sizeof(*n->blocks));
        n->blocks[n->n_blocks++] = b[i];
    }
    for (size_t i = 0; i < nodes; i++) {
        n->nodes = haul_pstw_grown(n->nodes, n->n_nodes, &n->cap_nodes, sizeof(*n->nodes));
        n->nodes[n->n_nodes++] = v[i];
    }
}

void haul_pstw_ndb_sync(haul_pstw_ndb *n)
{
    haul_pstw_write_at(n, haul_pstw_region_at(n->region), n->octets, n->used);
    if (n->rc == HAUL_OK && fdatasync(n->fd) != 0)
        n->rc = haul_fail_sys(&n->err, HAUL_E_TARGET, "writing %s", n->name);
}

/* ── blocks ── */

uint16_t haul_pstw_signature(uint64_t at, uint64_t bid) /* MS-PST 5.5 */
{
    uint64_t x = at ^ bid;
    return (uint16_t)((x >> 16 ^ x) & 0xffff);
}

/* One block of at most HAUL_PSTW_BLOCK octets (2.2.2.8.1). */
static uint32_t put_block(haul_pstw_ndb *n, const void *p, size_t len, bool internal)
{
    if (n->rc == HAUL_OK && n->n_blocks >= BLOCKS_MAX)
        n->rc = haul_fail(&n->err, HAUL_E_LIMIT, "%s: more than %u blocks", n->name, BLOCKS_MAX);
    if (n->rc != HAUL_OK)
        return 0;
    uint32_t bid = (uint32_t)(n->n_blocks + 1) * 4 | (internal ? INTERNAL : 0);
    size_t size = (len + HAUL_PSTW_TRAILER + UNIT - 1) / UNIT * UNIT;
    uint64_t at;
    uint8_t *to = haul_pstw_place(n, size, UNIT, &at), *trailer = to + size - HAUL_PSTW_TRAILER;
    memcpy(to, p, len);
    memset(to + len, 0, (size_t)(trailer - to) - len);
    if (!internal)
        haul_crypt_encode(n->crypt, bid, 0, to, len);
    haul_put16(trailer, len);
    haul_put16(trailer + 2, haul_pstw_signature(at, bid));
    haul_put32(trailer + 4, haul_nodes_checksum(to, len));
    haul_put64(trailer + 8, bid);
    n->blocks = haul_pstw_grown(n->blocks, n->n_blocks, &n->cap_blocks, sizeof(*n->blocks));
    n->blocks[n->n_blocks++] =
        (haul_pstw_block){.at = (uint32_t)(at / UNIT), .size = (uint16_t)len, .internal = internal};
    return bid;
}

void haul_pstw_tree_init(haul_pstw_tree *t, haul_pstw_ndb *n)
{
    *t = (haul_pstw_tree){.ndb = n, .block = haul_alloc(HAUL_PSTW_BLOCK)};
}

static void close_block(haul_pstw_tree *t)
{
    t->bids = haul_pstw_grown(t->bids, t->n, &t->cap, sizeof(*t->bids));
    t->bids[t->n++] = put_block(t->ndb, t->block, t->used, false);
    t->used = 0;
}

void haul_pstw_tree_add(haul_pstw_tree *t, const void *p, size_t len)
{
    const uint8_t *at = p;
    t->total += len;
    if (t->total > HAUL_PSTW_TREE_MAX)
        return;
    while (len) {
        if (t->used == HAUL_PSTW_BLOCK) /* only now, so that the last block is never empty */
            close_block(t);
        size_t room = HAUL_PSTW_BLOCK - t->used, n = len < room ? len : room;
        memcpy(t->block + t->used, at, n);
        t->used += n;
        at += n;
        len -= n;
    }
}

void haul_pstw_tree_pad(haul_pstw_tree *t)
{
    if (!t->used)
        return;
    t->total += HAUL_PSTW_BLOCK - t->used;
    memset(t->block + t->used, 0, HAUL_PSTW_BLOCK - t->used);
    t->used = HAUL_PSTW_BLOCK;
}

/* XBLOCK (level 1) or XXBLOCK (level 2) over n ids. */
static uint32_t put_xblock(haul_pstw_ndb *ndb, unsigned level, const uint32_t *bids, size_t n, uint64_t total)
{
    uint8_t x[8 + 8 * XBLOCK_MAX];
    x[0] = 0x01;
    x[1] = (uint8_t)level;
    haul_put16(x + 2, n);
    haul_put32(x + 4, total);
    for (size_t i = 0; i < n; i++)
        haul_put64(x + 8 + 8 * i, bids[i]);
    return put_block(ndb, x, 8 + 8 * n, true);
}

uint32_t haul_pstw_tree_of(haul_pstw_ndb *n, const uint32_t *bids, size_t count, uint64_t total)
{
    if (count <= 1)
        return count ? bids[0] : 0;
    if (total > HAUL_PSTW_TREE_MAX)
        return 0;
    uint32_t above[XBLOCK_MAX];
    size_t n_above = 0;
    uint64_t full = (uint64_t)XBLOCK_MAX * HAUL_PSTW_BLOCK;
    for (size_t i = 0; i < count; i += XBLOCK_MAX) {
        size_t in = count - i < XBLOCK_MAX ? count - i : XBLOCK_MAX;
        uint64_t part = i + in < count ? full : total - n_above * full;
        above[n_above++] = put_xblock(n, 1, bids + i, in, part);
    }
    return n_above == 1 ? above[0] : put_xblock(n, 2, above, n_above, total);
}

uint32_t haul_pstw_tree_end(haul_pstw_tree *t)
{
    if (t->used)
        close_block(t);
    uint32_t bid = haul_pstw_tree_of(t->ndb, t->bids, t->n, t->total);
    free(t->bids);
    free(t->block);
    *t = (haul_pstw_tree){0};
    return bid;
}

uint32_t haul_pstw_data(haul_pstw_ndb *n, const void *p, size_t len)
{
    if (len > 0 && len <= HAUL_PSTW_BLOCK)
        return put_block(n, p, len, false);
    haul_pstw_tree t;
    haul_pstw_tree_init(&t, n);
    haul_pstw_tree_add(&t, p, len);
    return haul_pstw_tree_end(&t);
}

/* ── nodes ── */

static int by_subnode(const void *a, const void *b)
{
    const haul_pstw_subnode *x = a, *y = b;
    return (x->nid > y->nid) - (x->nid < y->nid);
}

/* 2.2.2.8.3.3.1 */
static uint32_t put_slblock(haul_pstw_ndb *ndb, const haul_pstw_subnode *v, size_t n)
{
    uint8_t b[8 + 24 * SLBLOCK_MAX];
    haul_put64(b, 0x02); /* btype, cLevel 0, cEnt, padding */
    haul_put16(b + 2, n);
    for (size_t i = 0; i < n; i++) {
        uint8_t *at = b + 8 + 24 * i;
        haul_put64(at, v[i].nid);
        haul_put64(at + 8, v[i].data);
        haul_put64(at + 16, v[i].sub);
    }
    return put_block(ndb, b, 8 + 24 * n, true);
}

uint32_t haul_pstw_subnode_list(haul_pstw_ndb *n, haul_pstw_subnode *v, size_t count)
{
    if (!count)
        return 0;
    qsort(v, count, sizeof(*v), by_subnode);
    if (count <= SLBLOCK_MAX)
        return put_slblock(n, v, count);
    uint8_t b[8 + 16 * SIBLOCK_MAX] = {0x02, 0x01}; /* 2.2.2.8.3.3.2 */
    size_t lists = 0;
    for (size_t i = 0; i < count && lists < SIBLOCK_MAX; i += SLBLOCK_MAX, lists++) {
        haul_put64(b + 8 + 16 * lists, v[i].nid);
        haul_put64(b + 16 + 16 * lists,
                   put_slblock(n, v + i, count - i < SLBLOCK_MAX ? count - i : SLBLOCK_MAX));
    }
    haul_put16(b + 2, lists);
    return put_block(n, b, 8 + 16 * lists, true);
}

uint32_t haul_pstw_new_nid(haul_pstw_ndb *n, unsigned type)
{
    return HAUL_PSTW_NID(++n->last_index[type], type);
}

void haul_pstw_node_add(haul_pstw_ndb *n, uint32_t nid, uint32_t data, uint32_t sub, uint32_t parent)
{
    if (nid >> 5 > n->last_index[nid & 31])
        n->last_index[nid & 31] = nid >> 5;
    n->nodes = haul_pstw_grown(n->nodes, n->n_nodes, &n->cap_nodes, sizeof(*n->nodes));
    n->nodes[n->n_nodes++] = (haul_pstw_node){.nid = nid, .data = data, .sub = sub, .parent = parent};
}
