/* Blocks, data trees and subnodes of a store being written. */
#include "crypt.h"
#include "ndb.h"
#include "put_le.h"
#include "put_ndb_parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define INTERNAL   2u                   /* bit of a block id (2.2.2.2) */
#define LIST_HEAD  8u                   /* octets in front of the entries of an XBLOCK, SLBLOCK or SIBLOCK */
#define BLOCKS_MAX (UINT32_MAX / 4 - 1) /* ids are kept in 32 bits */

bool haul_pstw_wide(const haul_pstw_ndb *n)
{
    return n->kind.wide;
}

size_t haul_pstw_most(const haul_pstw_ndb *n)
{
    return n->layout->most;
}

size_t haul_pstw_step(const haul_pstw_ndb *n)
{
    return haul_pstw_region_size(n);
}

/* ── the whole ── */

haul_pstw_ndb *haul_pstw_ndb_new(const char *name, const haul_pstw_kind *kind)
{
    haul_pstw_ndb *n = haul_calloc(1, sizeof(*n));
    n->fd = -1;
    n->name = haul_strdup(name);
    n->kind = *kind;
    n->layout = haul_nodes_layout_of(kind->wide ? 65 : 64);
    for (unsigned i = 0; i < 32; i++)
        n->last_index[i] = 0x400;
    n->last_index[HAUL_PSTW_NID_SEARCH] = 0x4000;
    n->last_index[HAUL_PSTW_NID_MESSAGE] = 0x10000;
    n->last_index[HAUL_PSTW_NID_ASSOCIATED] = 0x8000;
    haul_pstw_open_region(n, 0);
    return n;
}

void haul_pstw_ndb_free(haul_pstw_ndb *n)
{
    if (!n)
        return;
    haul_pstw_regions_done(n);
    haul_fd_autoclose(&n->fd);
    if (n->packer)
        (void)deflateEnd(n->packer);
    free(n->packer);
    free(n->blocks);
    free(n->nodes);
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
    *ret = (haul_pstw_state){.end = haul_pstw_region_at(n, n->region) + n->used,
                             .free = n->free,
                             .blocks = n->n_blocks,
                             .nodes = n->n_nodes};
    memcpy(ret->last_index, n->last_index, sizeof(ret->last_index));
}

void haul_pstw_ndb_return(haul_pstw_ndb *n, const haul_pstw_state *to)
{
    uint64_t region = (to->end - haul_pstw_region_at(n, 0)) / haul_pstw_region_size(n);
    n->used = (size_t)(to->end - haul_pstw_region_at(n, region));
    if (n->used == 0) { /* its end is the region's before */
        region--;
        n->used = haul_pstw_region_size(n);
    }
    haul_pstw_reopen_region(n, region);
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
        n->blocks = haul_grown(n->blocks, n->n_blocks, &n->cap_blocks, sizeof(*n->blocks));
        n->blocks[n->n_blocks++] = b[i];
    }
    for (size_t i = 0; i < nodes; i++) {
        n->nodes = haul_grown(n->nodes, n->n_nodes, &n->cap_nodes, sizeof(*n->nodes));
        n->nodes[n->n_nodes++] = v[i];
    }
}

void haul_pstw_ndb_sync(haul_pstw_ndb *n)
{
    haul_pstw_regions_settle(n);
    haul_pstw_write_at(n, haul_pstw_region_at(n, n->region), n->octets, n->used);
    if (n->rc == HAUL_OK && fdatasync(n->fd) != 0)
        n->rc = haul_fail_sys(&n->err, HAUL_E_TARGET, "writing %s", n->name);
}

/* ── blocks ── */

uint16_t haul_pstw_signature(uint64_t at, uint64_t bid) /* MS-PST 5.5 */
{
    uint64_t x = at ^ bid;
    return (uint16_t)((x >> 16 ^ x) & 0xffff);
}

/* Octets that a block takes in the file, with padding and trailer. */
static size_t room_of(const haul_pstw_ndb *n, size_t stored)
{
    const haul_nodes_layout *l = n->layout;
    return (stored + l->block_trailer + l->align - 1) / l->align * l->align;
}

/* p[0, len) compressed in place, where that saves space, as Outlook does it: its size then, else len. */
static size_t pack(haul_pstw_ndb *n, uint8_t *p, size_t len)
{
    uint8_t packed[HAUL_NODES_BLOCK];
    z_stream *z = n->packer;
    if (!z) {
        z = n->packer = haul_calloc(1, sizeof(*z));
        if (deflateInit(z, Z_DEFAULT_COMPRESSION) != Z_OK)
            haul_oom();
    }
    (void)deflateReset(z);
    z->next_in = p;
    z->avail_in = (uInt)len;
    z->next_out = packed;
    z->avail_out = (uInt)len - 1;
    if (deflate(z, Z_FINISH) != Z_STREAM_END || room_of(n, z->total_out) == room_of(n, len))
        return len;
    memcpy(p, packed, z->total_out);
    return z->total_out;
}

/* p[0, len) as it is stored: its size. */
static size_t encode(haul_pstw_ndb *n, uint64_t bid, uint8_t *p, size_t len)
{
    bool encoded = !(bid & INTERNAL), first = n->kind.wide && n->kind.pack_first;
    if (encoded && !first)
        haul_crypt_encode(n->kind.crypt, bid, 0, p, len);
    size_t stored = n->kind.wide ? pack(n, p, len) : len;
    if (encoded && first)
        haul_crypt_encode(n->kind.crypt, bid, 0, p, stored);
    return stored;
}

/* At `to`, the stored octets in front of it. */
static void put_trailer(const haul_pstw_ndb *n, uint8_t *to, uint64_t at, uint64_t bid, uint32_t checksum,
                        size_t stored, size_t len)
{
    haul_put16(to, stored);
    haul_put16(to + 2, haul_pstw_signature(at, bid));
    haul_put32(to + 4, checksum);
    haul_put64(to + 8, bid);
    if (!n->kind.wide)
        return;
    haul_put16(to + 16, 2); /* as Outlook writes it; what it means is not known */
    haul_put16(to + 18, len);
    haul_put32(to + 20, 0);
}

static void add_block(haul_pstw_ndb *n, uint64_t at, size_t stored, size_t len, bool internal)
{
    n->blocks = haul_grown(n->blocks, n->n_blocks, &n->cap_blocks, sizeof(*n->blocks));
    n->blocks[n->n_blocks++] = (haul_pstw_block){.at = (uint32_t)(at / HAUL_PSTW_STEP) & INT32_MAX,
                                                 .internal = internal,
                                                 .stored = (uint16_t)stored,
                                                 .size = (uint16_t)len};
}

/* One block of at most haul_pstw_most octets (2.2.2.8.1). Its size is known before its place only when nothing is
 * compressed. */
static uint32_t put_block(haul_pstw_ndb *n, const void *p, size_t len, bool internal)
{
    if (n->rc == HAUL_OK && n->n_blocks >= BLOCKS_MAX)
        n->rc = haul_fail(&n->err, HAUL_E_LIMIT, "%s: more than %u blocks", n->name, BLOCKS_MAX);
    if (n->rc != HAUL_OK)
        return 0;
    uint32_t bid = (uint32_t)(n->n_blocks + 1) * 4 | (internal ? INTERNAL : 0);
    uint8_t wide_block[HAUL_NODES_BLOCK];
    size_t stored = len;
    if (n->kind.wide) {
        memcpy(wide_block, p, len);
        stored = encode(n, bid, wide_block, len);
    }
    uint64_t at;
    size_t size = room_of(n, stored);
    uint8_t *to = haul_pstw_place(n, size, n->layout->align, &at);
    uint8_t *trailer = to + size - n->layout->block_trailer;
    memcpy(to, n->kind.wide ? wide_block : p, stored);
    memset(to + stored, 0, (size_t)(trailer - to) - stored);
    if (!n->kind.wide)
        (void)encode(n, bid, to, len);
    put_trailer(n, trailer, at, bid, haul_nodes_checksum(to, stored), stored, len);
    add_block(n, at, stored, len, internal);
    return bid;
}

void haul_pstw_tree_init(haul_pstw_tree *t, haul_pstw_ndb *n)
{
    *t = (haul_pstw_tree){.ndb = n, .block = haul_alloc(haul_pstw_most(n))};
}

static void close_block(haul_pstw_tree *t)
{
    t->bids = haul_grown(t->bids, t->n, &t->cap, sizeof(*t->bids));
    t->bids[t->n++] = put_block(t->ndb, t->block, t->used, false);
    t->used = 0;
}

void haul_pstw_tree_add(haul_pstw_tree *t, const void *p, size_t len)
{
    const uint8_t *at = p;
    size_t most = haul_pstw_most(t->ndb);
    t->total += len;
    if (t->total > HAUL_PSTW_TREE_MAX)
        return;
    while (len) {
        if (t->used == most) /* only now, so that the last block is never empty */
            close_block(t);
        size_t room = most - t->used, n = len < room ? len : room;
        memcpy(t->block + t->used, at, n);
        t->used += n;
        at += n;
        len -= n;
    }
}

void haul_pstw_tree_pad(haul_pstw_tree *t)
{
    size_t most = haul_pstw_most(t->ndb);
    if (!t->used)
        return;
    t->total += most - t->used;
    memset(t->block + t->used, 0, most - t->used);
    t->used = most;
}

/* Entries of `size` octets in a list that fills a block. */
static size_t list_most(const haul_pstw_ndb *n, size_t size)
{
    return (n->layout->most - LIST_HEAD) / size;
}

/* XBLOCK (level 1) or XXBLOCK (level 2) over n ids. */
static uint32_t put_xblock(haul_pstw_ndb *ndb, unsigned level, const uint32_t *bids, size_t n, uint64_t total)
{
    uint8_t x[HAUL_NODES_BLOCK];
    x[0] = 0x01;
    x[1] = (uint8_t)level;
    haul_put16(x + 2, n);
    haul_put32(x + 4, total);
    for (size_t i = 0; i < n; i++)
        haul_put64(x + LIST_HEAD + 8 * i, bids[i]);
    return put_block(ndb, x, LIST_HEAD + 8 * n, true);
}

uint32_t haul_pstw_tree_of(haul_pstw_ndb *n, const uint32_t *bids, size_t count, uint64_t total)
{
    if (count <= 1)
        return count ? bids[0] : 0;
    if (total > HAUL_PSTW_TREE_MAX)
        return 0;
    uint32_t above[HAUL_NODES_BLOCK / 8];
    size_t n_above = 0, most = list_most(n, 8);
    uint64_t full = (uint64_t)most * n->layout->most;
    for (size_t i = 0; i < count; i += most) {
        size_t in = count - i < most ? count - i : most;
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
    if (len > 0 && len <= haul_pstw_most(n))
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
    uint8_t b[HAUL_NODES_BLOCK];
    haul_put64(b, 0x02); /* btype, cLevel 0, cEnt, padding */
    haul_put16(b + 2, n);
    for (size_t i = 0; i < n; i++) {
        uint8_t *at = b + LIST_HEAD + 24 * i;
        haul_put64(at, v[i].nid);
        haul_put64(at + 8, v[i].data);
        haul_put64(at + 16, v[i].sub);
    }
    return put_block(ndb, b, LIST_HEAD + 24 * n, true);
}

uint32_t haul_pstw_subnode_list(haul_pstw_ndb *n, haul_pstw_subnode *v, size_t count)
{
    if (!count)
        return 0;
    qsort(v, count, sizeof(*v), by_subnode);
    size_t most = list_most(n, 24), lists = 0;
    if (count <= most)
        return put_slblock(n, v, count);
    uint8_t b[HAUL_NODES_BLOCK]; /* 2.2.2.8.3.3.2 */
    haul_put64(b, 0x0102);       /* btype, cLevel 1 */
    for (size_t i = 0; i < count && lists < list_most(n, 16); i += most, lists++) {
        haul_put64(b + LIST_HEAD + 16 * lists, v[i].nid);
        haul_put64(b + LIST_HEAD + 8 + 16 * lists,
                   put_slblock(n, v + i, count - i < most ? count - i : most));
    }
    haul_put16(b + 2, lists);
    return put_block(n, b, LIST_HEAD + 16 * lists, true);
}

uint32_t haul_pstw_new_nid(haul_pstw_ndb *n, unsigned type)
{
    return HAUL_PSTW_NID(++n->last_index[type], type);
}

void haul_pstw_node_add(haul_pstw_ndb *n, uint32_t nid, uint32_t data, uint32_t sub, uint32_t parent)
{
    if (nid >> 5 > n->last_index[nid & 31])
        n->last_index[nid & 31] = nid >> 5;
    n->nodes = haul_grown(n->nodes, n->n_nodes, &n->cap_nodes, sizeof(*n->nodes));
    n->nodes[n->n_nodes++] = (haul_pstw_node){.nid = nid, .data = data, .sub = sub, .parent = parent};
}
