#include "pst/ndb_parts.h"

#include "../../formats/pst/crypt.h" /* "pst/…" is the writer */
#include "pst/le.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define INTERNAL      2u /* bit of a block id (2.2.2.2) */
#define LIST_HEAD     8u /* octets in front of the entries of an XBLOCK, SLBLOCK or SIBLOCK */
#define FIRST_PAGE_ID 1u

static const haul_ndb_layout narrow = {.page = 512,
                                       .entries = 488,
                                       .trailer = 496,
                                       .most = 8176,
                                       .block_trailer = 16,
                                       .unit = 64,
                                       .map = 496,
                                       .first = 0x4400,
                                       .density = 0x4200};
static const haul_ndb_layout wide = {.page = 4096,
                                     .entries = 4056,
                                     .trailer = 4072,
                                     .most = 65512,
                                     .block_trailer = 24,
                                     .unit = 512,
                                     .map = 4072,
                                     .first = 0x22000,
                                     .density = 0x21000};

uint32_t haul_ndb_crc(const void *p, size_t n)
{
    uLong crc = 0xffffffffu; /* zlib inverts at both ends; this undoes it */
    const Bytef *at = p;
    for (; n > 0x40000000u; n -= 0x40000000u, at += 0x40000000u)
        crc = crc32(crc, at, 0x40000000u);
    return (uint32_t)(crc32(crc, at, (uInt)n) ^ 0xffffffffu);
}

/* Room for one more element. */
static void *grown(void *v, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return v;
    *cap = *cap ? *cap * 2 : 64;
    return haul_realloc(v, *cap * size);
}

haul_ndb *haul_ndb_open(const char *path, const haul_ndb_kind *kind)
{
    haul_ndb *n = haul_calloc(1, sizeof(*n));
    n->kind = *kind;
    n->layout = kind->wide ? &wide : &narrow;
    n->path = haul_strdup(path);
    n->next_bid = 4;
    n->next_page = FIRST_PAGE_ID;
    for (unsigned i = 0; i < 32; i++)
        n->last_index[i] = 0x400;
    n->last_index[HAUL_NDB_NID_SEARCH] = 0x4000;
    n->last_index[HAUL_NDB_NID_MESSAGE] = 0x10000;
    n->last_index[HAUL_NDB_NID_ASSOCIATED] = 0x8000;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        n->rc = haul_fail_sys(&n->err, HAUL_E_TARGET, "%s", path);
    haul_file_init(&n->file, fd, 0, n->path);
    return n;
}

void haul_ndb_limit(haul_ndb *n, const char *what)
{
    if (n->rc == HAUL_OK)
        n->rc = haul_fail(&n->err, HAUL_E_LIMIT, "%s", what);
}

size_t haul_ndb_most(const haul_ndb *n)
{
    return n->layout->most;
}

bool haul_ndb_wide(const haul_ndb *n)
{
    return n->kind.wide;
}

/* ── space (2.2.2.7.2) ── */

void haul_ndb_put(haul_ndb *n, const void *p, size_t len)
{
    if (n->rc == HAUL_OK)
        n->rc = haul_out_write(&n->file.out, p, len, &n->err);
}

static void pad_to(haul_ndb *n, uint64_t at)
{
    static const uint8_t zeros[4096];
    while (n->rc == HAUL_OK && n->file.offset < at) {
        uint64_t left = at - n->file.offset;
        haul_ndb_put(n, zeros, left < sizeof(zeros) ? (size_t)left : sizeof(zeros));
    }
}

uint64_t haul_ndb_region(const haul_ndb *n, size_t region)
{
    const haul_ndb_layout *l = n->layout;
    return l->first + (uint64_t)region * l->map * 8 * l->unit;
}

/* A bit for each unit in use; the first one is the highest of its octet. */
static void mark(haul_ndb *n, uint64_t at, size_t size)
{
    const haul_ndb_layout *l = n->layout;
    uint64_t bit = (at - haul_ndb_region(n, n->n_regions - 1)) / l->unit;
    uint8_t *map = n->maps + (n->n_regions - 1) * l->map;
    for (size_t i = 0; i < size / l->unit; i++, bit++)
        map[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
}

static void open_region(haul_ndb *n)
{
    const haul_ndb_layout *l = n->layout;
    uint64_t at = haul_ndb_region(n, n->n_regions);
    pad_to(n, at);
    n->maps = grown(n->maps, n->n_regions, &n->cap_regions, l->map);
    memset(n->maps + n->n_regions * l->map, 0, l->map);
    uint8_t type[HAUL_NDB_MAPS];
    haul_ndb_maps(n, n->n_regions++, type);
    for (unsigned i = 0; i < HAUL_NDB_MAPS; i++) {
        if (!type[i])
            continue;
        mark(n, at + i * l->page, l->page);
        pad_to(n, at + (i + 1) * l->page);
    }
}

uint64_t haul_ndb_place(haul_ndb *n, size_t size, size_t align)
{
    uint64_t at = (n->file.offset + align - 1) / align * align;
    if (n->n_regions == 0 || at + size > haul_ndb_region(n, n->n_regions)) {
        open_region(n);
        at = n->file.offset;
    }
    pad_to(n, at);
    mark(n, at, size);
    return at;
}

uint16_t haul_ndb_signature(uint64_t at, uint64_t bid)
{
    uint64_t x = at ^ bid;
    return (uint16_t)((x >> 16 ^ x) & 0xffff);
}

/* ── blocks ── */

/* Octets that a block takes in the file, with padding and trailer. */
static size_t room_of(const haul_ndb *n, size_t stored)
{
    const haul_ndb_layout *l = n->layout;
    return (stored + l->block_trailer + l->unit - 1) / l->unit * l->unit;
}

/* n->block[0, len) compressed in place, where that saves space, as Outlook does it: its size then, else len. */
static size_t pack(haul_ndb *n, size_t len)
{
    z_stream *z = n->packer;
    if (!z) {
        z = n->packer = haul_calloc(1, sizeof(*z));
        n->packed = haul_alloc(HAUL_NDB_BLOCK);
        if (deflateInit(z, Z_DEFAULT_COMPRESSION) != Z_OK)
            haul_ndb_limit(n, "zlib cannot be used");
    }
    (void)deflateReset(z);
    z->next_in = n->block;
    z->avail_in = (uInt)len;
    z->next_out = n->packed;
    z->avail_out = (uInt)len - 1;
    if (deflate(z, Z_FINISH) != Z_STREAM_END || room_of(n, z->total_out) == room_of(n, len))
        return len;
    memcpy(n->block, n->packed, z->total_out);
    return z->total_out;
}

/* n->block[0, len) as it is stored: its size. */
static size_t store(haul_ndb *n, uint64_t bid, size_t len)
{
    bool encoded = !(bid & INTERNAL), first = n->kind.wide && n->kind.pack_first;
    if (encoded && !first)
        haul_crypt_encode(n->kind.crypt, bid, 0, n->block, len);
    size_t stored = n->kind.wide ? pack(n, len) : len;
    if (encoded && first)
        haul_crypt_encode(n->kind.crypt, bid, 0, n->block, stored);
    return stored;
}

/* One block of at most haul_ndb_most octets (2.2.2.8.1). */
static uint64_t put_block(haul_ndb *n, const void *p, size_t len, bool internal)
{
    const haul_ndb_layout *l = n->layout;
    if (n->rc != HAUL_OK)
        return 0;
    uint64_t bid = n->next_bid | (internal ? INTERNAL : 0);
    n->next_bid += 4;
    memcpy(n->block, p, len);
    size_t stored = store(n, bid, len);
    size_t size = room_of(n, stored);
    uint64_t at = haul_ndb_place(n, size, l->unit);
    uint8_t *trailer = n->block + size - l->block_trailer;
    memset(n->block + stored, 0, size - stored);
    haul_put16(trailer, stored);
    haul_put16(trailer + 2, haul_ndb_signature(at, bid));
    haul_put32(trailer + 4, haul_ndb_crc(n->block, stored));
    haul_put64(trailer + 8, bid);
    if (n->kind.wide) {
        haul_put16(trailer + 16, 2); /* as Outlook writes it; what it means is not known */
        haul_put16(trailer + 18, len);
    }
    haul_ndb_put(n, n->block, size);
    n->blocks = grown(n->blocks, n->n_blocks, &n->cap_blocks, sizeof(*n->blocks));
    n->blocks[n->n_blocks++] =
        (haul_ndb_block){.bid = bid, .at = at, .stored = (uint16_t)stored, .size = (uint16_t)len};
    return bid;
}

void haul_dtree_init(haul_dtree *t, haul_ndb *n)
{
    *t = (haul_dtree){.ndb = n};
}

static size_t add_bid(haul_dtree *t, uint64_t bid)
{
    t->bids = grown(t->bids, t->n, &t->cap, sizeof(*t->bids));
    t->bids[t->n] = bid;
    return t->n++;
}

static void close_block(haul_dtree *t)
{
    (void)add_bid(t, put_block(t->ndb, t->block, t->used, false));
    t->used = 0;
}

size_t haul_dtree_leave(haul_dtree *t)
{
    t->total += haul_ndb_most(t->ndb);
    return add_bid(t, 0);
}

void haul_dtree_fill(haul_dtree *t, size_t i, const void *p)
{
    t->bids[i] = put_block(t->ndb, p, haul_ndb_most(t->ndb), false);
}

void haul_dtree_add(haul_dtree *t, const void *p, size_t len)
{
    const uint8_t *at = p;
    size_t most = haul_ndb_most(t->ndb);
    t->total += len;
    if (!t->block)
        t->block = haul_alloc(most);
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

void haul_dtree_pad(haul_dtree *t)
{
    size_t most = haul_ndb_most(t->ndb);
    if (!t->used)
        return;
    t->total += most - t->used;
    memset(t->block + t->used, 0, most - t->used);
    t->used = most;
}

/* Entries of `size` octets in a list that fills a block. */
static size_t list_most(const haul_ndb *n, size_t size)
{
    return (n->layout->most - LIST_HEAD) / size;
}

/* XBLOCK (level 1) or XXBLOCK (level 2) over n ids. */
static uint64_t put_xblock(haul_ndb *ndb, unsigned level, const uint64_t *bids, size_t n, uint64_t total)
{
    uint8_t x[HAUL_NDB_BLOCK];
    x[0] = 0x01;
    x[1] = (uint8_t)level;
    haul_put16(x + 2, n);
    haul_put32(x + 4, total);
    for (size_t i = 0; i < n; i++)
        haul_put64(x + LIST_HEAD + 8 * i, bids[i]);
    return put_block(ndb, x, LIST_HEAD + 8 * n, true);
}

static uint64_t put_tree(haul_dtree *t)
{
    size_t most = list_most(t->ndb, 8);
    if (t->n <= 1)
        return t->n ? t->bids[0] : 0;
    if (t->total > UINT32_MAX || t->n > (uint64_t)most * most) { /* 2.2.2.8.3.2.2 lcbTotal */
        haul_ndb_limit(t->ndb, "a value of 4 GiB or more does not fit a store");
        return 0;
    }
    uint64_t above[HAUL_NDB_BLOCK / 8];
    size_t n_above = 0;
    uint64_t full = (uint64_t)most * t->ndb->layout->most;
    for (size_t i = 0; i < t->n; i += most) {
        size_t n = t->n - i < most ? t->n - i : most;
        uint64_t total = i + n < t->n ? full : t->total - n_above * full;
        above[n_above++] = put_xblock(t->ndb, 1, t->bids + i, n, total);
    }
    return n_above == 1 ? above[0] : put_xblock(t->ndb, 2, above, n_above, t->total);
}

uint64_t haul_dtree_end(haul_dtree *t)
{
    if (t->used)
        close_block(t);
    uint64_t bid = put_tree(t);
    free(t->bids);
    free(t->block);
    *t = (haul_dtree){0};
    return bid;
}

uint64_t haul_ndb_data(haul_ndb *n, const void *p, size_t len)
{
    if (len > 0 && len <= n->layout->most)
        return put_block(n, p, len, false);
    haul_dtree t;
    haul_dtree_init(&t, n);
    haul_dtree_add(&t, p, len);
    return haul_dtree_end(&t);
}

static int by_subnode(const void *a, const void *b)
{
    const haul_subnode *x = a, *y = b;
    return (x->nid > y->nid) - (x->nid < y->nid);
}

static void sub_head(uint8_t head[LIST_HEAD], unsigned level, size_t n)
{
    head[0] = 0x02;
    head[1] = (uint8_t)level;
    haul_put16(head + 2, n);
    haul_put32(head + 4, 0);
}

/* 2.2.2.8.3.3.1 */
static uint64_t put_slblock(haul_ndb *ndb, const haul_subnode *v, size_t n)
{
    uint8_t b[HAUL_NDB_BLOCK];
    sub_head(b, 0, n);
    for (size_t i = 0; i < n; i++) {
        uint8_t *at = b + LIST_HEAD + 24 * i;
        haul_put64(at, v[i].nid);
        haul_put64(at + 8, v[i].data);
        haul_put64(at + 16, v[i].sub);
    }
    return put_block(ndb, b, LIST_HEAD + 24 * n, true);
}

uint64_t haul_ndb_subnodes(haul_ndb *n, haul_subnode *v, size_t count)
{
    size_t most = list_most(n, 24), lists = 0;
    if (!count)
        return 0;
    qsort(v, count, sizeof(*v), by_subnode);
    if (count <= most)
        return put_slblock(n, v, count);
    uint8_t b[HAUL_NDB_BLOCK]; /* 2.2.2.8.3.3.2 */
    for (size_t i = 0; i < count && lists < list_most(n, 16); i += most, lists++) {
        haul_put64(b + LIST_HEAD + 16 * lists, v[i].nid);
        haul_put64(b + LIST_HEAD + 8 + 16 * lists,
                   put_slblock(n, v + i, count - i < most ? count - i : most));
    }
    if (lists * most < count)
        haul_ndb_limit(n, "more subnodes than fit one object");
    sub_head(b, 1, lists);
    return put_block(n, b, LIST_HEAD + 16 * lists, true);
}

uint32_t haul_ndb_new_nid(haul_ndb *n, unsigned type)
{
    return HAUL_NDB_NID(++n->last_index[type], type);
}

void haul_ndb_node(haul_ndb *n, uint32_t nid, uint64_t data, uint64_t sub, uint32_t parent)
{
    if (nid >> 5 > n->last_index[nid & 31])
        n->last_index[nid & 31] = nid >> 5;
    n->nodes = grown(n->nodes, n->n_nodes, &n->cap_nodes, sizeof(*n->nodes));
    n->nodes[n->n_nodes++] = (haul_ndb_node_entry){.nid = nid, .data = data, .sub = sub, .parent = parent};
}
