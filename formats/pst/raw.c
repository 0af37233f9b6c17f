#include "raw.h"

#include "crypt.h"

#include <stdlib.h>
#include <string.h>

#define HEADER      564u
#define PAGE_MAX    4096u
#define LEVELS_MAX  8u /* of a B-tree */
#define TREE_BLOCKS 2u /* levels of a data tree or a subnode tree above its leaves */
#define BLOCK_MAX   65536u
#define BID_INTERN  2u /* of a block id: not data, not encoded */

bool haul_raw_open(haul_raw *r, haul_view *view)
{
    uint8_t h[HEADER];
    *r = (haul_raw){.view = view};
    if (haul_view_read(view, 0, h, sizeof(h)) != (ssize_t)sizeof(h) || memcmp(h, "!BDN", 4) != 0)
        return false;
    unsigned version = haul_raw16(h + 10);
    r->ansi = version == 14 || version == 15;
    r->big = version >= 0x24;
    r->nodes = r->ansi ? haul_raw32(h + 188) : haul_raw64(h + 224);
    r->blocks = r->ansi ? haul_raw32(h + 196) : haul_raw64(h + 240);
    r->crypt = h[r->ansi ? 461 : 513];
    return r->ansi || version >= 0x15;
}

static uint64_t id_at(const haul_raw *r, const uint8_t *p)
{
    return r->ansi ? haul_raw32(p) : haul_raw64(p);
}

/* ── the two B-trees (2.2.2.7.7) ── */

typedef struct page {
    uint8_t p[PAGE_MAX];
    size_t n, entry; /* entries, octets of one */
    unsigned level;
} page;

static bool read_page(haul_raw *r, uint64_t at, uint8_t type, page *ret)
{
    size_t size = r->big ? 4096 : 512, foot = r->ansi ? 496 : r->big ? 4056 : 488;
    const uint8_t *p = ret->p, *trailer = p + size - (r->ansi ? 12 : r->big ? 24 : 16);
    if (haul_view_read(r->view, at, ret->p, size) != (ssize_t)size || trailer[0] != type)
        return false;
    ret->n = r->big ? haul_raw16(p + foot) : p[foot];
    ret->entry = p[foot + (r->big ? 4 : 2)];
    ret->level = p[foot + (r->big ? 5 : 3)];
    return ret->entry >= (r->ansi ? 12u : 24u) && ret->n * ret->entry <= foot;
}

/* The last entry whose key is not above it. */
static const uint8_t *look_up(const haul_raw *r, const page *pg, uint64_t key)
{
    const uint8_t *found = NULL;
    for (size_t i = 0; i < pg->n && id_at(r, pg->p + i * pg->entry) <= key; i++)
        found = pg->p + i * pg->entry;
    return found;
}

/* The leaf entry of a key: copied to ret, with its place. */
static bool find(haul_raw *r, uint64_t at, uint8_t type, uint64_t key, uint8_t ret[32], uint64_t *ret_at)
{
    page pg;
    for (unsigned i = 0; i < LEVELS_MAX; i++) {
        if (!read_page(r, at, type, &pg))
            return false;
        const uint8_t *e = look_up(r, &pg, key);
        if (!e)
            return false;
        if (!pg.level) {
            memcpy(ret, e, pg.entry < 32 ? pg.entry : 32);
            *ret_at = at + (size_t)(e - pg.p);
            return id_at(r, e) == key;
        }
        at = id_at(r, e + (r->ansi ? 8 : 16));
    }
    return false;
}

bool haul_raw_find(haul_raw *r, uint32_t nid, haul_raw_node *ret)
{
    uint8_t e[32] = {0};
    size_t id = r->ansi ? 4 : 8;
    if (!find(r, r->nodes, 0x81, nid, e, &ret->at))
        return false;
    ret->nid = nid;
    ret->data = id_at(r, e + id);
    ret->sub = id_at(r, e + 2 * id);
    return true;
}

/* ── blocks ── */

/* Bit 0 of a block id is reserved (2.2.2.2). */
static bool read_block(haul_raw *r, uint64_t bid, haul_raw_block *ret)
{
    uint8_t e[32] = {0};
    uint64_t at;
    size_t id = r->ansi ? 4 : 8;
    if (!find(r, r->blocks, 0x80, bid & ~UINT64_C(1), e, &at))
        return false;
    *ret = (haul_raw_block){.bid = bid, .at = id_at(r, e + id), .n = haul_raw16(e + 2 * id)};
    if (!ret->n || ret->n > BLOCK_MAX || (r->big && haul_raw16(e + 18) != ret->n)) /* compressed */
        return false;
    ret->p = haul_alloc(ret->n);
    if (haul_view_read(r->view, ret->at, ret->p, ret->n) != (ssize_t)ret->n) {
        free(ret->p);
        return false;
    }
    if (!(bid & BID_INTERN))
        haul_crypt_decode(r->crypt, bid, 0, ret->p, ret->n);
    return true;
}

/* Ids in an internal block of that type: at `*ret_first`, `*ret_n` of them with `entry` octets each. */
static bool is_list(const haul_raw_block *b, uint8_t type, unsigned level, size_t head, size_t entry,
                    size_t *ret_n)
{
    if (b->n < 8 || b->p[0] != type || b->p[1] != level)
        return false;
    *ret_n = haul_raw16(b->p + 2);
    return head + *ret_n * entry <= b->n;
}

static bool add_data(haul_raw *r, uint64_t bid, unsigned level, haul_raw_data *ret)
{
    haul_raw_block b;
    size_t n = 0, id = r->ansi ? 4 : 8;
    if (ret->n >= HAUL_RAW_BLOCKS || ret->octets > HAUL_RAW_OCTETS || !read_block(r, bid, &b))
        return false;
    if (!(bid & BID_INTERN)) {
        ret->octets += b.n;
        ret->v = haul_realloc(ret->v, (ret->n + 1) * sizeof(*ret->v));
        ret->v[ret->n++] = b;
        return true;
    }
    bool good = level > 0 && b.n > 1 && b.p[1] <= level && is_list(&b, 1, b.p[1], 8, id, &n);
    for (size_t i = 0; i < n && good; i++) /* XXBLOCK, XBLOCK: at most two deep */
        good = add_data(r, id_at(r, b.p + 8 + i * id), b.p[1] - 1u, ret);
    free(b.p);
    return good;
}

bool haul_raw_load(haul_raw *r, uint64_t bid, haul_raw_data *ret)
{
    *ret = (haul_raw_data){0};
    return bid && add_data(r, bid, TREE_BLOCKS, ret);
}

void haul_raw_data_done(haul_raw_data *d)
{
    for (size_t i = 0; i < d->n; i++)
        free(d->v[i].p);
    free(d->v);
    *d = (haul_raw_data){0};
}

/* ── subnodes (2.2.2.8.3.3) ── */

static bool add_subnode(const haul_raw *r, const uint8_t *e, haul_raw_list *ret)
{
    size_t id = r->ansi ? 4 : 8;
    if (ret->n >= HAUL_RAW_SUBNODES)
        return false;
    if (ret->n == ret->cap) {
        ret->cap = ret->cap ? ret->cap * 2 : 16;
        ret->v = haul_realloc(ret->v, ret->cap * sizeof(*ret->v));
    }
    ret->v[ret->n++] =
        (haul_raw_node){.nid = haul_raw32(e), .data = id_at(r, e + id), .sub = id_at(r, e + 2 * id)};
    return true;
}

static bool add_subnodes(haul_raw *r, uint64_t bid, unsigned level, haul_raw_list *ret)
{
    haul_raw_block b;
    size_t n = 0, id = r->ansi ? 4 : 8, head = r->ansi ? 4 : 8;
    if (!(bid & BID_INTERN) || !read_block(r, bid, &b))
        return false;
    bool leaf = is_list(&b, 2, 0, head, 3 * id, &n);
    bool good = leaf || (level && is_list(&b, 2, 1, head, 2 * id, &n));
    for (size_t i = 0; i < n && good; i++)
        good = leaf ? add_subnode(r, b.p + head + i * 3 * id, ret)
                    : add_subnodes(r, id_at(r, b.p + head + i * 2 * id + id), level - 1, ret);
    free(b.p);
    return good;
}

bool haul_raw_subnodes(haul_raw *r, uint64_t bid, haul_raw_list *ret)
{
    *ret = (haul_raw_list){0};
    return !bid || add_subnodes(r, bid, 1, ret);
}

void haul_raw_list_done(haul_raw_list *l)
{
    free(l->v);
    *l = (haul_raw_list){0};
}

bool haul_raw_patch(haul_raw *r, haul_raw_block *b, size_t from, const uint8_t *p, size_t n)
{
    uint8_t stored[HAUL_VIEW_PATCH];
    if (n > sizeof(stored) || from > b->n || n > b->n - from)
        return false;
    memcpy(stored, p, n);
    if (!(b->bid & BID_INTERN))
        haul_crypt_encode(r->crypt, b->bid, from, stored, n);
    if (!haul_view_patch_add(r->view, b->at + from, stored, n))
        return false;
    memcpy(b->p + from, p, n);
    return true;
}
