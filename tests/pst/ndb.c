#include "pst/ndb.h"

#include "../../formats/pst/crypt.h" /* "pst/…" is the writer */
#include "io/out.h"
#include "pst/le.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define PAGE          512u
#define PAGE_DATA     488u /* of a B-tree page (2.2.2.7.7.1) */
#define BLOCK         8192u
#define TRAILER       16u
#define MAP_DATA      496u
#define REGION        0x3e000u /* what one AMap page covers: 496 octets, a bit for 64 octets */
#define REGIONS_AT    0x4400u
#define DENSITY_AT    0x4200u
#define INTERNAL      2u    /* bit of a block id (2.2.2.2) */
#define XBLOCK_MAX    1021u /* ids in an XBLOCK or XXBLOCK */
#define SLBLOCK_MAX   340u
#define SIBLOCK_MAX   510u
#define HEADER        564u
#define FIRST_PAGE_ID 1u

/* 2.2.2.7.1 ptype */
enum { PAGE_BBT = 0x80, PAGE_NBT, PAGE_FMAP, PAGE_PMAP, PAGE_AMAP, PAGE_FPMAP, PAGE_DENSITY };

typedef struct block_entry {
    uint64_t bid, at;
    uint16_t size;
} block_entry;

typedef struct node_entry {
    uint64_t data, sub;
    uint32_t nid, parent;
} node_entry;

struct haul_ndb {
    haul_file file;
    char *path;
    uint8_t crypt;
    uint64_t next_bid, next_page;
    block_entry *blocks;
    size_t n_blocks, cap_blocks;
    node_entry *nodes;
    size_t n_nodes, cap_nodes;
    uint8_t *maps; /* MAP_DATA octets a region */
    size_t n_regions, cap_regions;
    uint32_t last_index[32]; /* highest index in use, by type of node */
    uint8_t block[BLOCK];
    haul_rc rc;
    haul_err err;
};

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

haul_ndb *haul_ndb_open(const char *path, uint8_t crypt)
{
    haul_ndb *n = haul_calloc(1, sizeof(*n));
    n->crypt = crypt;
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

static void put(haul_ndb *n, const void *p, size_t len)
{
    if (n->rc == HAUL_OK)
        n->rc = haul_out_write(&n->file.out, p, len, &n->err);
}

static void pad_to(haul_ndb *n, uint64_t at)
{
    static const uint8_t zeros[4096];
    while (n->rc == HAUL_OK && n->file.offset < at) {
        uint64_t left = at - n->file.offset;
        put(n, zeros, left < sizeof(zeros) ? (size_t)left : sizeof(zeros));
    }
}

static uint64_t region_at(size_t region)
{
    return REGIONS_AT + (uint64_t)region * REGION;
}

static void mark(haul_ndb *n, uint64_t at, size_t size)
{
    uint64_t bit = (at - REGIONS_AT) % REGION / 64;
    uint8_t *map = n->maps + (n->n_regions - 1) * MAP_DATA;
    for (size_t i = 0; i < size / 64; i++, bit++)
        map[bit / 8] |= (uint8_t)(0x80u >> bit % 8); /* 2.2.2.7.2: the first slot is the highest bit */
}

/* Map pages at the head of a region (2.2.2.7.2 to 2.2.2.7.5): their type at each of four places, 0 = none. */
static void map_pages(size_t region, uint8_t type[4])
{
    type[0] = PAGE_AMAP;
    type[1] = region % 8 ? 0 : PAGE_PMAP;
    type[2] = region >= 128 && (region - 128) % MAP_DATA == 0 ? PAGE_FMAP : 0;
    type[3] = region >= 8192 && (region - 8192) % (8 * 8 * MAP_DATA) == 0 ? PAGE_FPMAP : 0;
}

static void open_region(haul_ndb *n)
{
    uint64_t at = region_at(n->n_regions);
    pad_to(n, at);
    n->maps = grown(n->maps, n->n_regions, &n->cap_regions, MAP_DATA);
    memset(n->maps + n->n_regions * MAP_DATA, 0, MAP_DATA);
    uint8_t type[4];
    map_pages(n->n_regions++, type);
    for (unsigned i = 0; i < 4; i++) {
        if (!type[i])
            continue;
        mark(n, at + i * PAGE, PAGE);
        pad_to(n, at + (i + 1) * PAGE);
    }
}

/* Space for size octets: nothing crosses a region. */
static uint64_t place(haul_ndb *n, size_t size, size_t align)
{
    uint64_t at = (n->file.offset + align - 1) / align * align;
    if (n->n_regions == 0 || at + size > region_at(n->n_regions)) {
        open_region(n);
        at = n->file.offset;
    }
    pad_to(n, at);
    mark(n, at, size);
    return at;
}

static uint16_t signature(uint64_t at, uint64_t bid) /* MS-PST 5.5 */
{
    uint64_t x = at ^ bid;
    return (uint16_t)((x >> 16 ^ x) & 0xffff);
}

/* One block of at most HAUL_BLOCK_DATA octets (2.2.2.8.1). */
static uint64_t put_block(haul_ndb *n, const void *p, size_t len, bool internal)
{
    if (n->rc != HAUL_OK)
        return 0;
    uint64_t bid = n->next_bid | (internal ? INTERNAL : 0);
    n->next_bid += 4;
    size_t size = (len + TRAILER + 63) / 64 * 64;
    uint64_t at = place(n, size, 64);
    uint8_t *trailer = n->block + size - TRAILER;
    memcpy(n->block, p, len);
    memset(n->block + len, 0, size - len);
    if (!internal)
        haul_crypt_encode(n->crypt, bid, 0, n->block, len);
    haul_put16(trailer, len);
    haul_put16(trailer + 2, signature(at, bid));
    haul_put32(trailer + 4, haul_ndb_crc(n->block, len));
    haul_put64(trailer + 8, bid);
    put(n, n->block, size);
    n->blocks = grown(n->blocks, n->n_blocks, &n->cap_blocks, sizeof(*n->blocks));
    n->blocks[n->n_blocks++] = (block_entry){.bid = bid, .at = at, .size = (uint16_t)len};
    return bid;
}

void haul_dtree_init(haul_dtree *t, haul_ndb *n)
{
    *t = (haul_dtree){.ndb = n, .block = haul_alloc(HAUL_BLOCK_DATA)};
}

static void close_block(haul_dtree *t)
{
    t->bids = grown(t->bids, t->n, &t->cap, sizeof(*t->bids));
    t->bids[t->n++] = put_block(t->ndb, t->block, t->used, false);
    t->used = 0;
}

void haul_dtree_add(haul_dtree *t, const void *p, size_t len)
{
    const uint8_t *at = p;
    t->total += len;
    while (len) {
        if (t->used == HAUL_BLOCK_DATA) /* only now, so that the last block is never empty */
            close_block(t);
        size_t room = HAUL_BLOCK_DATA - t->used, n = len < room ? len : room;
        memcpy(t->block + t->used, at, n);
        t->used += n;
        at += n;
        len -= n;
    }
}

void haul_dtree_pad(haul_dtree *t)
{
    if (!t->used)
        return;
    t->total += HAUL_BLOCK_DATA - t->used;
    memset(t->block + t->used, 0, HAUL_BLOCK_DATA - t->used);
    t->used = HAUL_BLOCK_DATA;
}

/* XBLOCK (level 1) or XXBLOCK (level 2) over n ids. */
static uint64_t put_xblock(haul_ndb *ndb, unsigned level, const uint64_t *bids, size_t n, uint64_t total)
{
    uint8_t x[8 + 8 * XBLOCK_MAX] = {0x01, (uint8_t)level};
    haul_put16(x + 2, n);
    haul_put32(x + 4, total);
    for (size_t i = 0; i < n; i++)
        haul_put64(x + 8 + 8 * i, bids[i]);
    return put_block(ndb, x, 8 + 8 * n, true);
}

static uint64_t put_tree(haul_dtree *t)
{
    if (t->n <= 1)
        return t->n ? t->bids[0] : 0;
    if (t->total > UINT32_MAX || t->n > (uint64_t)XBLOCK_MAX * XBLOCK_MAX) {
        t->ndb->rc = haul_fail(&t->ndb->err, HAUL_E_LIMIT, "a value of 4 GiB or more does not fit a PST");
        return 0;
    }
    uint64_t above[XBLOCK_MAX];
    size_t n_above = 0, full = (size_t)XBLOCK_MAX * HAUL_BLOCK_DATA;
    for (size_t i = 0; i < t->n; i += XBLOCK_MAX) {
        size_t n = t->n - i < XBLOCK_MAX ? t->n - i : XBLOCK_MAX;
        uint64_t total = i + n < t->n ? full : t->total - (uint64_t)n_above * full;
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
    if (len > 0 && len <= HAUL_BLOCK_DATA)
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

/* 2.2.2.8.3.3.1 */
static uint64_t put_slblock(haul_ndb *ndb, const haul_subnode *v, size_t n)
{
    uint8_t b[8 + 24 * SLBLOCK_MAX] = {0x02, 0x00};
    haul_put16(b + 2, n);
    for (size_t i = 0; i < n; i++) {
        uint8_t *at = b + 8 + 24 * i;
        haul_put64(at, v[i].nid);
        haul_put64(at + 8, v[i].data);
        haul_put64(at + 16, v[i].sub);
    }
    return put_block(ndb, b, 8 + 24 * n, true);
}

uint64_t haul_ndb_subnodes(haul_ndb *n, haul_subnode *v, size_t count)
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
    if (lists * SLBLOCK_MAX < count && n->rc == HAUL_OK)
        n->rc = haul_fail(&n->err, HAUL_E_LIMIT, "%zu subnodes do not fit one object", count);
    haul_put16(b + 2, lists);
    return put_block(n, b, 8 + 16 * lists, true);
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
    n->nodes[n->n_nodes++] = (node_entry){.nid = nid, .data = data, .sub = sub, .parent = parent};
}

/* Trailer of a page (2.2.2.7.1). Maps carry their place as id and no signature. */
static void seal_page(uint8_t page[PAGE], unsigned type, uint64_t at, uint64_t bid)
{
    bool map = type >= PAGE_FMAP && type <= PAGE_FPMAP;
    page[496] = page[497] = (uint8_t)type;
    haul_put16(page + 498, map ? 0 : signature(at, bid));
    haul_put32(page + 500, haul_ndb_crc(page, 496));
    haul_put64(page + 504, map ? at : bid);
}

typedef struct page_ref {
    uint64_t key, bid, at;
} page_ref;

/* One page of a B-tree: n entries of `size` octets; the first 8 of an entry are its key (2.2.2.7.7). */
static page_ref put_page(haul_ndb *ndb, unsigned type, unsigned level, const uint8_t *entries, size_t n,
                         size_t size)
{
    uint8_t page[PAGE] = {0};
    page_ref ref = {.key = n ? haul_le32(entries) | (uint64_t)haul_le32(entries + 4) << 32 : 0,
                    .bid = ndb->next_page++};
    memcpy(page, entries, n * size);
    page[488] = (uint8_t)n;
    page[489] = (uint8_t)(PAGE_DATA / size);
    page[490] = (uint8_t)size;
    page[491] = (uint8_t)level;
    ref.at = place(ndb, PAGE, PAGE);
    seal_page(page, type, ref.at, ref.bid);
    put(ndb, page, PAGE);
    return ref;
}

/* A whole B-tree, bottom up; entries are sorted. Returns its root. */
static page_ref put_btree(haul_ndb *ndb, unsigned type, const uint8_t *entries, size_t n, size_t size)
{
    size_t per = PAGE_DATA / size, pages = n ? (n + per - 1) / per : 1;
    page_ref root = {0};
    uint8_t *above = haul_calloc(pages, 24);
    for (size_t i = 0; i < pages; i++) {
        size_t in = n - i * per < per ? n - i * per : per;
        root = put_page(ndb, type, 0, entries + i * per * size, in, size);
        haul_put64(above + 24 * i, root.key);
        haul_put64(above + 24 * i + 8, root.bid);
        haul_put64(above + 24 * i + 16, root.at);
    }
    for (unsigned level = 1; pages > 1; level++) {
        size_t below = pages;
        pages = (below + 19) / 20;
        for (size_t i = 0; i < pages;
             i++) { /* written in place: a parent's entry lies before its children's */
            size_t in = below - i * 20 < 20 ? below - i * 20 : 20;
            root = put_page(ndb, type, level, above + 24 * 20 * i, in, 24);
            haul_put64(above + 24 * i, root.key);
            haul_put64(above + 24 * i + 8, root.bid);
            haul_put64(above + 24 * i + 16, root.at);
        }
    }
    free(above);
    return root;
}

static page_ref put_bbt(haul_ndb *n)
{
    size_t count = n->n_blocks; /* ids only grow: sorted already */
    uint8_t *v = haul_calloc(count + 1, 24);
    for (size_t i = 0; i < count; i++) {
        uint8_t *at = v + 24 * i;
        haul_put64(at, n->blocks[i].bid);
        haul_put64(at + 8, n->blocks[i].at);
        haul_put16(at + 16, n->blocks[i].size);
        haul_put16(at + 18, 2); /* itself and its one user */
    }
    page_ref root = put_btree(n, PAGE_BBT, v, count, 24);
    free(v);
    return root;
}

static int by_nid(const void *a, const void *b)
{
    const node_entry *x = a, *y = b;
    return (x->nid > y->nid) - (x->nid < y->nid);
}

static page_ref put_nbt(haul_ndb *n)
{
    if (n->n_nodes)
        qsort(n->nodes, n->n_nodes, sizeof(*n->nodes), by_nid);
    uint8_t *v = haul_calloc(n->n_nodes + 1, 32);
    for (size_t i = 0; i < n->n_nodes; i++) {
        uint8_t *at = v + 32 * i;
        haul_put64(at, n->nodes[i].nid);
        haul_put64(at + 8, n->nodes[i].data);
        haul_put64(at + 16, n->nodes[i].sub);
        haul_put32(at + 24, n->nodes[i].parent);
    }
    page_ref root = put_btree(n, PAGE_NBT, v, n->n_nodes, 32);
    free(v);
    return root;
}

static void put_at(haul_ndb *n, uint64_t at, const void *p, size_t len)
{
    if (n->rc != HAUL_OK)
        return;
    ssize_t got = pwrite(n->file.fd, p, len, (off_t)at);
    if (got < 0 || (size_t)got != len)
        n->rc = haul_fail_sys(&n->err, HAUL_E_TARGET, "%s", n->path);
}

static void put_maps(haul_ndb *n)
{
    for (size_t r = 0; r < n->n_regions; r++) {
        uint8_t type[4];
        map_pages(r, type);
        for (unsigned i = 0; i < 4; i++) {
            if (!type[i])
                continue;
            uint8_t page[PAGE];
            uint64_t at = region_at(r) + i * PAGE;
            memset(page, 0xff, PAGE); /* the maps of free space are hints that Outlook makes anew */
            if (type[i] == PAGE_AMAP)
                memcpy(page, n->maps + r * MAP_DATA, MAP_DATA);
            seal_page(page, type[i], at, at);
            put_at(n, at, page, PAGE);
        }
    }
    uint8_t density[PAGE] = {0};
    seal_page(density, PAGE_DENSITY, DENSITY_AT, n->next_page++);
    put_at(n, DENSITY_AT, density, PAGE);
}

static uint64_t free_octets(const haul_ndb *n)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < n->n_regions * MAP_DATA; i++)
        for (unsigned bit = 0; bit < 8; bit++)
            bits += !(n->maps[i] >> bit & 1);
    return bits * 64;
}

static void put_root(const haul_ndb *n, uint8_t root[72], page_ref nbt, page_ref bbt) /* 2.2.2.5 */
{
    haul_put64(root + 4, region_at(n->n_regions));
    haul_put64(root + 12, region_at(n->n_regions - 1));
    haul_put64(root + 20, free_octets(n));
    haul_put64(root + 36, nbt.bid);
    haul_put64(root + 44, nbt.at);
    haul_put64(root + 52, bbt.bid);
    haul_put64(root + 60, bbt.at);
    root[68] = 2; /* VALID_AMAP2 */
}

static void put_header(haul_ndb *n, page_ref nbt, page_ref bbt) /* 2.2.2.6 */
{
    uint8_t h[HEADER] = {'!', 'B', 'D', 'N', 0, 0, 0, 0, 'S', 'M', 23, 0, 19, 0, 1, 1};
    haul_put64(h + 32, n->next_page);
    haul_put32(h + 40, 1); /* dwUnique: how often the header was written */
    for (unsigned i = 0; i < 32; i++)
        haul_put32(h + 44 + 4 * i, n->last_index[i]);
    put_root(n, h + 180, nbt, bbt);
    memset(h + 256, 0xff, 256);
    h[512] = 0x80;
    h[513] = (uint8_t)n->crypt;
    haul_put64(h + 516, n->next_bid);
    haul_put32(h + 4, haul_ndb_crc(h + 8, 471));
    haul_put32(h + 524, haul_ndb_crc(h + 8, 516));
    put_at(n, 0, h, HEADER);
}

static void finish(haul_ndb *n)
{
    page_ref bbt = put_bbt(n), nbt = put_nbt(n);
    pad_to(n, region_at(n->n_regions));
    if (n->rc == HAUL_OK)
        n->rc = haul_file_flush(&n->file, &n->err);
    put_maps(n);
    put_header(n, nbt, bbt);
    if (n->rc == HAUL_OK)
        n->rc = haul_file_close(&n->file, &n->err);
}

haul_rc haul_ndb_close(haul_ndb *n, haul_err *e)
{
    if (n->rc == HAUL_OK)
        finish(n);
    haul_rc rc = n->rc;
    if (rc != HAUL_OK && e)
        *e = n->err;
    haul_file_done(&n->file);
    free(n->blocks);
    free(n->nodes);
    free(n->maps);
    free(n->path);
    free(n);
    return rc;
}
