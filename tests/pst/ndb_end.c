/* What a store ends with: the two B-trees, the maps and the header. */
#include "pst/le.h"
#include "pst/ndb_parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define HEADER 564u
#define INDEX  24u /* octets of an entry that leads to another page (2.2.2.7.7.2) */

/* 2.2.2.7.1 ptype */
enum { PAGE_BBT = 0x80, PAGE_NBT, PAGE_FMAP, PAGE_PMAP, PAGE_AMAP, PAGE_FPMAP, PAGE_DENSITY };

/* Trailer of a page (2.2.2.7.1). Maps carry their place as id and no signature. */
static void seal_page(const haul_ndb *n, uint8_t *page, unsigned type, uint64_t at, uint64_t bid)
{
    bool map = type >= PAGE_FMAP && type <= PAGE_FPMAP;
    uint8_t *t = page + n->layout->trailer;
    t[0] = t[1] = (uint8_t)type;
    haul_put16(t + 2, map ? 0 : haul_ndb_signature(at, bid));
    haul_put32(t + 4, haul_ndb_crc(page, n->layout->trailer));
    haul_put64(t + 8, map ? at : bid);
    if (n->kind.wide)
        t[16] = 1; /* as Outlook writes it; what it means is not known */
}

/* ── B-trees (2.2.2.7.7) ── */

typedef struct page_ref {
    uint64_t key, bid, at;
} page_ref;

typedef struct btree {
    unsigned type;
    size_t size, n; /* octets of a leaf entry; how many */
    void (*entry)(const haul_ndb *n, size_t i, uint8_t *to);
} btree;

/* n entries of `size` octets are in the page; the first 8 of an entry are its key. */
static page_ref put_page(haul_ndb *ndb, uint8_t *page, unsigned type, unsigned level, size_t n, size_t size)
{
    const haul_ndb_layout *l = ndb->layout;
    page_ref ref = {.key = n ? haul_le32(page) | (uint64_t)haul_le32(page + 4) << 32 : 0,
                    .bid = ndb->next_page++};
    uint8_t *foot = page + l->entries;
    memset(page + n * size, 0, l->page - n * size);
    if (ndb->kind.wide) {
        haul_put16(foot, n);
        haul_put16(foot + 2, l->entries / size);
        foot += 2;
    } else {
        foot[0] = (uint8_t)n;
        foot[1] = (uint8_t)(l->entries / size);
    }
    foot[2] = (uint8_t)size;
    foot[3] = (uint8_t)level;
    ref.at = haul_ndb_place(ndb, l->page, l->page);
    seal_page(ndb, page, type, ref.at, ref.bid);
    haul_ndb_put(ndb, page, l->page);
    return ref;
}

static void put_ref(uint8_t *to, page_ref ref)
{
    haul_put64(to, ref.key);
    haul_put64(to + 8, ref.bid);
    haul_put64(to + 16, ref.at);
}

/* A whole B-tree, bottom up; entries are sorted. Returns its root. */
static page_ref put_btree(haul_ndb *ndb, const btree *t)
{
    size_t per = ndb->layout->entries / t->size, pages = t->n ? (t->n + per - 1) / per : 1;
    uint8_t page[HAUL_NDB_PAGE], *above = haul_calloc(pages, INDEX);
    page_ref root = {0};
    for (size_t i = 0; i < pages; i++) {
        size_t in = t->n - i * per < per ? t->n - i * per : per;
        memset(page, 0, sizeof(page));
        for (size_t k = 0; k < in; k++)
            t->entry(ndb, i * per + k, page + k * t->size);
        root = put_page(ndb, page, t->type, 0, in, t->size);
        put_ref(above + INDEX * i, root);
    }
    per = ndb->layout->entries / INDEX;
    for (unsigned level = 1; pages > 1; level++) {
        size_t below = pages;
        pages = (below + per - 1) / per;
        for (size_t i = 0; i < pages; i++) { /* in place: a parent's entry lies before its children's */
            size_t in = below - i * per < per ? below - i * per : per;
            memcpy(page, above + INDEX * per * i, INDEX * in);
            root = put_page(ndb, page, t->type, level, in, INDEX);
            put_ref(above + INDEX * i, root);
        }
    }
    free(above);
    return root;
}

static void block_entry(const haul_ndb *n, size_t i, uint8_t *to)
{
    const haul_ndb_block *b = &n->blocks[i];
    haul_put64(to, b->bid);
    haul_put64(to + 8, b->at);
    haul_put16(to + 16, b->stored);
    if (n->kind.wide)
        haul_put16(to + 18, b->size);
    haul_put16(to + (n->kind.wide ? 20 : 18), 2); /* itself and its one user */
}

static void node_entry(const haul_ndb *n, size_t i, uint8_t *to)
{
    haul_put64(to, n->nodes[i].nid);
    haul_put64(to + 8, n->nodes[i].data);
    haul_put64(to + 16, n->nodes[i].sub);
    haul_put32(to + 24, n->nodes[i].parent);
}

static int by_nid(const void *a, const void *b)
{
    const haul_ndb_node_entry *x = a, *y = b;
    return (x->nid > y->nid) - (x->nid < y->nid);
}

/* ── maps (2.2.2.7.2 to 2.2.2.7.6) ── */

void haul_ndb_maps(const haul_ndb *n, size_t region, uint8_t type[HAUL_NDB_MAPS])
{
    bool older = !n->kind.wide;
    size_t map = n->layout->map;
    type[0] = PAGE_AMAP;
    type[1] = older && region % 8 == 0 ? PAGE_PMAP : 0;
    type[2] = older && region >= 128 && (region - 128) % map == 0 ? PAGE_FMAP : 0;
    type[3] = older && region >= 8192 && (region - 8192) % (8 * 8 * map) == 0 ? PAGE_FPMAP : 0;
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
    const haul_ndb_layout *l = n->layout;
    uint8_t page[HAUL_NDB_PAGE];
    for (size_t r = 0; r < n->n_regions; r++) {
        uint8_t type[HAUL_NDB_MAPS];
        haul_ndb_maps(n, r, type);
        for (unsigned i = 0; i < HAUL_NDB_MAPS; i++) {
            if (!type[i])
                continue;
            uint64_t at = haul_ndb_region(n, r) + i * l->page;
            memset(page, 0, sizeof(page));
            memset(page, 0xff, l->trailer); /* the maps of free space are hints that Outlook makes anew */
            if (type[i] == PAGE_AMAP)
                memcpy(page, n->maps + r * l->map, l->map);
            seal_page(n, page, type[i], at, at);
            put_at(n, at, page, l->page);
        }
    }
    memset(page, 0, sizeof(page));
    seal_page(n, page, PAGE_DENSITY, l->density, n->next_page++);
    put_at(n, l->density, page, l->page);
}

static uint64_t free_octets(const haul_ndb *n)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < n->n_regions * n->layout->map; i++)
        for (unsigned bit = 0; bit < 8; bit++)
            bits += !(n->maps[i] >> bit & 1);
    return bits * n->layout->unit;
}

/* ── the header (2.2.2.6) ── */

static void put_root(const haul_ndb *n, uint8_t root[72], page_ref nbt, page_ref bbt) /* 2.2.2.5 */
{
    haul_put64(root + 4, haul_ndb_region(n, n->n_regions));
    haul_put64(root + 12, haul_ndb_region(n, n->n_regions - 1));
    haul_put64(root + 20, free_octets(n));
    haul_put64(root + 36, nbt.bid);
    haul_put64(root + 44, nbt.at);
    haul_put64(root + 52, bbt.bid);
    haul_put64(root + 60, bbt.at);
    root[68] = 2; /* VALID_AMAP2 */
}

static void put_header(haul_ndb *n, page_ref nbt, page_ref bbt)
{
    static const uint8_t pst[] = {'S', 'M', 23, 0, 19, 0, 1, 1}, ost[] = {'S', 'O', 36, 0, 12, 0, 1, 1};
    uint8_t h[HEADER] = {'!', 'B', 'D', 'N'};
    memcpy(h + 8, n->kind.wide ? ost : pst, sizeof(pst));
    haul_put64(h + 32, n->next_page);
    haul_put32(h + 40, 1); /* dwUnique: how often the header was written */
    for (unsigned i = 0; i < 32; i++)
        haul_put32(h + 44 + 4 * i, n->last_index[i]);
    put_root(n, h + 180, nbt, bbt);
    if (!n->kind.wide) /* rgbFM, rgbFP */
        memset(h + 256, 0xff, 256);
    h[512] = 0x80;
    h[513] = n->kind.crypt;
    haul_put64(h + 516, n->next_bid);
    haul_put32(h + 4, haul_ndb_crc(h + 8, 471));
    haul_put32(h + 524, haul_ndb_crc(h + 8, 516));
    put_at(n, 0, h, HEADER);
}

static void finish(haul_ndb *n)
{
    btree blocks = {.type = PAGE_BBT, .size = 24, .n = n->n_blocks, .entry = block_entry};
    btree nodes = {.type = PAGE_NBT, .size = 32, .n = n->n_nodes, .entry = node_entry};
    if (n->n_nodes)
        qsort(n->nodes, n->n_nodes, sizeof(*n->nodes), by_nid);
    page_ref bbt = put_btree(n, &blocks), nbt = put_btree(n, &nodes);
    if (n->rc == HAUL_OK)
        n->rc = haul_file_flush(&n->file, &n->err);
    if (n->rc == HAUL_OK && ftruncate(n->file.fd, (off_t)haul_ndb_region(n, n->n_regions)) != 0)
        n->rc = haul_fail_sys(&n->err, HAUL_E_TARGET, "%s", n->path);
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
    if (n->packer)
        (void)deflateEnd(n->packer);
    free(n->packer);
    free(n->packed);
    free(n->path);
    free(n);
    return rc;
}
