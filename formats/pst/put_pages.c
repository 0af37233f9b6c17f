/* The end of a store being written: B-trees, density list, header. Source: MS-PST 2.2.2.5 to 2.2.2.7. */
#include "ndb.h"
#include "put_le.h"
#include "put_ndb_parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTRY_MAX  32u
#define ABOVE      24u /* octets of an entry of an inner page (2.2.2.7.7.2) */
#define HEADER     564u
#define FIRST_PAGE 1u /* id */

void haul_pstw_seal(const haul_pstw_ndb *n, uint8_t *page, unsigned type, uint64_t at, uint64_t bid)
{
    bool map = type >= HAUL_PSTW_FMAP && type <= HAUL_PSTW_FPMAP;
    uint8_t *t = page + n->layout->trailer;
    t[0] = t[1] = (uint8_t)type;
    haul_put16(t + 2, map ? 0 : haul_pstw_signature(at, bid));
    haul_put32(t + 4, haul_nodes_checksum(page, n->layout->trailer));
    haul_put64(t + 8, map ? at : bid);
    if (n->kind.wide)
        haul_put64(t + 16, 1); /* as Outlook writes it; what it means is not known */
}

typedef struct page_ref {
    uint64_t bid, at;
} page_ref;

typedef struct tree { /* being written, bottom up */
    haul_pstw_ndb *ndb;
    unsigned type;
    size_t size; /* octets of an entry of a leaf */
    void (*entry)(const haul_pstw_ndb *n, size_t i, uint8_t *to);
} tree;

/* One page of n entries of `size` octets; the first 8 of an entry are its key. */
static page_ref put_page(const tree *t, unsigned level, const uint8_t *entries, size_t n, size_t size)
{
    const haul_nodes_layout *l = t->ndb->layout;
    page_ref ref = {.bid = t->ndb->next_page++};
    uint8_t *page = haul_pstw_place(t->ndb, l->page, l->page, &ref.at), *foot = page + l->foot;
    memset(page, 0, l->page);
    memcpy(page, entries, n * size);
    if (t->ndb->kind.wide) {
        haul_put16(foot, n);
        haul_put16(foot + 2, l->foot / size);
        foot += 2;
    } else {
        foot[0] = (uint8_t)n;
        foot[1] = (uint8_t)(l->foot / size);
    }
    foot[2] = (uint8_t)size;
    foot[3] = (uint8_t)level;
    haul_pstw_seal(t->ndb, page, t->type, ref.at, ref.bid);
    return ref;
}

/* The entry for a page in the one above: key, id, place. */
static void put_above(uint8_t *to, const uint8_t *key, page_ref ref)
{
    memmove(to, key, 8); /* a parent's entry may lie where its children's were */
    haul_put64(to + 8, ref.bid);
    haul_put64(to + 16, ref.at);
}

static page_ref put_leaves(const tree *t, size_t n, uint8_t *above)
{
    size_t per = t->ndb->layout->foot / t->size;
    page_ref ref = {0};
    for (size_t i = 0, page = 0; i < n || !page; i += per, page++) {
        uint8_t entries[HAUL_NODES_PAGE_MAX];
        memset(entries, 0, per * t->size);
        size_t in = n - i < per ? n - i : per;
        for (size_t k = 0; k < in; k++)
            t->entry(t->ndb, i + k, entries + k * t->size);
        ref = put_page(t, 0, entries, in, t->size);
        put_above(above + ABOVE * page, entries, ref);
    }
    return ref;
}

static page_ref put_btree(const tree *t, size_t n)
{
    size_t most = t->ndb->layout->foot, per = most / t->size, pages = n ? (n + per - 1) / per : 1;
    uint8_t *above = haul_calloc(pages, ABOVE);
    page_ref root = put_leaves(t, n, above);
    per = most / ABOVE;
    for (unsigned level = 1; pages > 1; level++) {
        size_t below = pages;
        pages = (below + per - 1) / per;
        for (size_t i = 0; i < pages; i++) {
            size_t in = below - i * per < per ? below - i * per : per;
            root = put_page(t, level, above + ABOVE * per * i, in, ABOVE);
            put_above(above + ABOVE * i, above + ABOVE * per * i, root);
        }
    }
    free(above);
    return root;
}

static void block_entry(const haul_pstw_ndb *n, size_t i, uint8_t *to)
{
    const haul_pstw_block *b = &n->blocks[i];
    haul_put64(to, (uint64_t)(i + 1) * 4 | (b->internal ? 2 : 0)); /* ids only grow: sorted already */
    haul_put64(to + 8, (uint64_t)b->at * HAUL_PSTW_STEP);
    haul_put16(to + 16, b->stored);
    if (n->kind.wide)
        haul_put16(to + 18, b->size);
    haul_put16(to + (n->kind.wide ? 20 : 18), 2); /* itself and its one user */
}

static void node_entry(const haul_pstw_ndb *n, size_t i, uint8_t *to)
{
    const haul_pstw_node *v = &n->nodes[i];
    haul_put64(to, v->nid);
    haul_put64(to + 8, v->data);
    haul_put64(to + 16, v->sub);
    haul_put32(to + 24, v->parent);
}

static int by_nid(const void *a, const void *b)
{
    const haul_pstw_node *x = a, *y = b;
    return (x->nid > y->nid) - (x->nid < y->nid);
}

static void put_density(haul_pstw_ndb *n)
{
    uint8_t page[HAUL_NODES_PAGE_MAX] = {0};
    uint64_t at = haul_pstw_region_at(n, 0) - n->layout->page;
    haul_pstw_seal(n, page, HAUL_PSTW_DENSITY, at, n->next_page++);
    haul_pstw_write_at(n, at, page, n->layout->page);
}

static void put_root(const haul_pstw_ndb *n, uint8_t root[72], page_ref nbt, page_ref bbt) /* 2.2.2.5 */
{
    haul_put64(root + 4, haul_pstw_region_at(n, n->region + 1));
    haul_put64(root + 12, haul_pstw_region_at(n, n->region));
    haul_put64(root + 20, n->free);
    haul_put64(root + 36, nbt.bid);
    haul_put64(root + 44, nbt.at);
    haul_put64(root + 52, bbt.bid);
    haul_put64(root + 60, bbt.at);
    root[68] = 2; /* VALID_AMAP2 */
}

static void put_header(haul_pstw_ndb *n, page_ref nbt, page_ref bbt) /* 2.2.2.6 */
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
    haul_put64(h + 516, (uint64_t)(n->n_blocks + 1) * 4);
    haul_put32(h + 4, haul_nodes_checksum(h + 8, 471));
    haul_put32(h + 524, haul_nodes_checksum(h + 8, 516));
    haul_pstw_write_at(n, 0, h, HEADER);
}

haul_rc haul_pstw_ndb_finish(haul_pstw_ndb *n, uint64_t *ret_size, haul_err *e)
{
    tree bbt = {n, HAUL_PSTW_BBT, 24, block_entry}, nbt = {n, HAUL_PSTW_NBT, ENTRY_MAX, node_entry};
    n->next_page = FIRST_PAGE;
    if (n->n_nodes)
        qsort(n->nodes, n->n_nodes, sizeof(*n->nodes), by_nid);
    page_ref blocks = put_btree(&bbt, n->n_blocks), nodes = put_btree(&nbt, n->n_nodes);
    haul_pstw_close_region(n);
    put_density(n);
    put_header(n, nodes, blocks);
    haul_pstw_regions_settle(n);
    uint64_t size = haul_pstw_region_at(n, n->region + 1);
    if (n->rc == HAUL_OK && (ftruncate(n->fd, (off_t)size) != 0 || fsync(n->fd) != 0))
        n->rc = haul_fail_sys(&n->err, HAUL_E_TARGET, "writing %s", n->name);
    if (n->rc == HAUL_OK)
        *ret_size = size;
    return haul_pstw_ndb_failed(n, e);
}
