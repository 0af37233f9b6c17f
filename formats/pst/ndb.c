#include "rescue.h"

#include "crypt.h"

#include <zlib.h>

#include <stdlib.h>
#include <string.h>

#define HEADER    564u
#define LIST_DATA 1u /* 2.2.2.8.3.2: btype of XBLOCK and XXBLOCK; of SLBLOCK and SIBLOCK */
#define LIST_SUB  2u

static const haul_nodes_layout layouts[] = {
    {.id = 4,
     .root = 184,
     .crypt = 461,
     .page = 512,
     .foot = 496,
     .trailer = 500,
     .block_trailer = 12,
     .align = 64,
     .most = 8180,
     .sub = 4,
     .sum = 8,
     .own = 4},
    {.id = 8,
     .root = 216,
     .crypt = 513,
     .page = 512,
     .foot = 488,
     .trailer = 496,
     .block_trailer = 16,
     .align = 64,
     .most = 8176,
     .sub = 8,
     .sum = 4,
     .own = 8},
    {.id = 8,
     .root = 216,
     .crypt = 513,
     .page = 4096,
     .foot = 4056,
     .trailer = 4072,
     .wide = 1,
     .block_trailer = 24,
     .align = 512,
     .most = 65512,
     .sub = 8,
     .sum = 4,
     .own = 8},
};

uint32_t haul_nodes_checksum(const uint8_t *p, size_t n)
{
    return (uint32_t)crc32(0xffffffffu, p, (uInt)n) ^ 0xffffffffu;
}

const haul_nodes_layout *haul_nodes_layout_of(unsigned version)
{
    return &layouts[version == 32 ? 0 : version == 64 ? 1 : 2];
}

uint32_t haul_nodes_signature(uint64_t at, uint64_t id)
{
    uint32_t x = (uint32_t)(at ^ id);
    return (x >> 16 ^ x) & 0xffffu;
}

static void fault(haul_nodes *n, bool page, uint64_t at, uint64_t id, const char *what)
{
    haul_nodes_fault f = {.page = page, .at = at, .id = id, .what = what};
    if (n->fault)
        n->fault(n->ctx, &f);
}

void haul_nodes_begin(haul_nodes *n, haul_view *v, unsigned version)
{
    *n = (haul_nodes){.view = v, .version = version, .layout = haul_nodes_layout_of(version)};
    n->stored = haul_alloc(HAUL_NODES_BLOCK);
    n->list = haul_alloc(HAUL_NODES_BLOCK);
}

haul_rc haul_nodes_open(haul_nodes *n, haul_view *v, haul_err *e)
{
    uint8_t h[HEADER];
    *n = (haul_nodes){.view = v};
    if (haul_view_read(v, 0, h, sizeof(h)) != (ssize_t)sizeof(h) || memcmp(h, "!BDN", 4) != 0)
        return haul_fail(e, HAUL_E_FORMAT, "no Outlook store");
    uint32_t version = haul_nodes16(h + 10); /* 2.2.2.6 wVer; 4k pages: 36 */
    if (version != 14 && version != 15 && version < 0x15)
        return haul_fail(e, HAUL_E_FORMAT, "an Outlook store of unknown version %u", version);
    haul_nodes_begin(n, v, version < 0x15 ? 32 : version >= 0x24 ? 65 : 64);
    const uint8_t *root = h + n->layout->root;
    size_t id = n->layout->id;
    n->node_id = haul_nodes_id(n, root);
    n->node_root = haul_nodes_id(n, root + id);
    n->block_id = haul_nodes_id(n, root + 2 * id);
    n->block_root = haul_nodes_id(n, root + 3 * id);
    n->crypt = h[n->layout->crypt];
    return HAUL_OK;
}

void haul_nodes_done(haul_nodes *n)
{
    for (size_t i = 0; i < HAUL_NODES_PAGES; i++)
        free(n->pages[i].octets);
    free(n->stored);
    free(n->list);
    haul_rescue_free(n->rescue);
    *n = (haul_nodes){0};
}

/* ── pages of the two B-trees (2.2.2.7.7) ── */

/* A page of the right kind stays one with a wrong checksum or id: every entry is tested again by what it leads to. True: there is
 * nothing wrong with it. */
static bool judge_page(haul_nodes *n, uint64_t at, uint64_t id, const uint8_t *p)
{
    const haul_nodes_layout *l = n->layout;
    const uint8_t *t = p + l->trailer;
    uint32_t sum = haul_nodes32(t + l->sum);
    const char *what = NULL;
    if (sum && sum != haul_nodes_checksum(p, l->trailer) && !haul_view_patched(n->view, at, l->page))
        what = "wrong checksum";
    else if (haul_nodes_id(n, t + l->own) != id)
        what = "wrong id";
    else if (haul_nodes16(t + 2) != haul_nodes_signature(at, id))
        what = "wrong signature";
    if (what && !n->rescues) /* else the survey tells it, with what was done */
        fault(n, true, at, id, what);
    return !what;
}

static haul_nodes_page *slot_of(haul_nodes *n, uint64_t at)
{
    return &n->pages[at / n->layout->page % HAUL_NODES_PAGES];
}

bool haul_nodes_page_odd(const haul_nodes *n, uint64_t at)
{
    const haul_nodes_page *slot = &n->pages[at / n->layout->page % HAUL_NODES_PAGES];
    return slot->at == at && slot->odd;
}

static haul_rc read_page(haul_nodes *n, uint64_t at, uint64_t id, unsigned kind, haul_nodes_page *to,
                         haul_err *e)
{
    const haul_nodes_layout *l = n->layout;
    const uint8_t *t = to->octets + l->trailer;
    if (!at || haul_view_read(n->view, at, to->octets, l->page) != (ssize_t)l->page)
        return haul_fail(e, HAUL_SKIP, "page 0x%llx is not in the file", (unsigned long long)id);
    if (n->rescues)
        haul_rescue_page(n, at, id, kind, to->octets);
    if (t[0] != kind || t[1] != kind)
        return haul_fail(e, HAUL_SKIP, "no page at octet %llu", (unsigned long long)at);
    to->odd = !judge_page(n, at, id, to->octets);
    return HAUL_OK;
}

haul_rc haul_nodes_page_get(haul_nodes *n, uint64_t at, uint64_t id, unsigned kind, const uint8_t **ret,
                            haul_err *e)
{
    haul_nodes_page *slot = slot_of(n, at);
    *ret = slot->octets;
    if (slot->at == at && at && slot->octets[n->layout->trailer] == kind)
        return HAUL_OK;
    slot->at = 0;
    if (!slot->octets)
        slot->octets = haul_alloc(HAUL_NODES_PAGE_MAX);
    *ret = slot->octets;
    haul_rc rc = read_page(n, at, id, kind, slot, e);
    n->odd_pages[haul_nodes_tree(kind)] += rc != HAUL_OK || slot->odd;
    if (rc == HAUL_OK)
        slot->at = at;
    return rc;
}

bool haul_nodes_page_entries(const haul_nodes *n, const uint8_t *page, haul_nodes_entries *ret)
{
    const uint8_t *f = page + n->layout->foot;
    bool wide = n->layout->wide;
    *ret = (haul_nodes_entries){.p = page, .n = wide ? haul_nodes16(f) : f[0]};
    ret->size = f[wide ? 4 : 2];
    ret->level = f[wide ? 5 : 3];
    return ret->size >= 3u * n->layout->id && ret->n * ret->size <= n->layout->foot;
}

/* The entry with the largest key that is not above `key`; NULL = none. Keys are in order, unless one of them is damaged: that one
 * must not hide those behind it. */
static const uint8_t *last_up_to(const haul_nodes *n, const haul_nodes_entries *s, uint64_t key)
{
    const uint8_t *found = NULL;
    uint64_t best = 0;
    for (size_t i = 0; i < s->n; i++) {
        const uint8_t *p = s->p + i * s->size;
        uint64_t own = haul_nodes_id(n, p);
        if (own <= key && own >= best) {
            found = p;
            best = own;
        }
    }
    return found;
}

typedef struct leaf {
    const uint8_t *p; /* valid until the next page is read */
    size_t size;
    uint64_t at; /* octet in the file */
} leaf;

/* The leaf entry with the largest key that is not above `key`. */
static haul_rc look_up(haul_nodes *n, unsigned kind, uint64_t key, leaf *ret, haul_err *e)
{
    uint64_t at = kind == HAUL_NODES_NBT ? n->node_root : n->block_root;
    uint64_t id = kind == HAUL_NODES_NBT ? n->node_id : n->block_id;
    const char *what = kind == HAUL_NODES_NBT ? "node" : "block";
    for (unsigned level = HAUL_NODES_LEVELS;;) {
        const uint8_t *page;
        haul_nodes_entries s;
        haul_rc rc = haul_nodes_page_get(n, at, id, kind, &page, e);
        if (rc != HAUL_OK)
            return rc;
        if (!haul_nodes_page_entries(n, page, &s) ||
            s.level >= level) { /* each is below the one before: it ends */
            n->odd_pages[haul_nodes_tree(kind)]++;
            return haul_fail(e, HAUL_SKIP, "a page that is none at octet %llu", (unsigned long long)at);
        }
        level = s.level;
        const uint8_t *found = last_up_to(n, &s, key);
        if (!found)
            return haul_fail(e, HAUL_SKIP, "%s 0x%llx: not in the store", what, (unsigned long long)key);
        if (!level) {
            *ret = (leaf){.p = found, .size = s.size, .at = at + (size_t)(found - page)};
            return HAUL_OK;
        }
        id = haul_nodes_id(n, found + n->layout->id); /* BTENTRY: key, id, offset */
        at = haul_nodes_id(n, found + 2 * n->layout->id);
    }
}

haul_rc haul_nodes_find(haul_nodes *n, uint32_t nid, haul_node *ret, haul_err *e)
{
    leaf l = {0};
    size_t id = n->layout->id;
    haul_rc rc = look_up(n, HAUL_NODES_NBT, nid, &l, e);
    if (rc == HAUL_OK && (haul_nodes32(l.p) != nid || l.size < 3 * id + 4))
        rc = haul_fail(e, HAUL_SKIP, "node 0x%x: not in the store", nid);
    if (rc == HAUL_SKIP && haul_rescue_node(n, nid, ret))
        return HAUL_OK;
    if (rc != HAUL_OK)
        return rc;
    *ret = (haul_node){.nid = nid,
                       .data = haul_nodes_id(n, l.p + id),
                       .sub = haul_nodes_id(n, l.p + 2 * id),
                       .parent = haul_nodes32(l.p + 3 * id),
                       .at = l.at};
    return HAUL_OK;
}

/* ── blocks (2.2.2.8) ── */

haul_rc haul_nodes_extent_of(haul_nodes *n, uint64_t id, haul_nodes_extent *ret, haul_err *e)
{
    leaf l = {0};
    size_t w = n->layout->id;
    haul_rc rc = look_up(n, HAUL_NODES_BBT, id | HAUL_NODES_RESERVED, &l, e);
    const uint8_t *p = l.p;
    if (rc != HAUL_OK)
        return rc;
    if ((haul_nodes_id(n, p) & ~HAUL_NODES_RESERVED) != (id & ~HAUL_NODES_RESERVED) || l.size < 2 * w + 4)
        return haul_fail(e, HAUL_SKIP, "block 0x%llx: not in the store", (unsigned long long)id);
    *ret = (haul_nodes_extent){
        .id = haul_nodes_id(n, p), .at = haul_nodes_id(n, p + w), .stored = haul_nodes16(p + 2 * w)};
    ret->size = n->version == 65 ? haul_nodes16(p + 2 * w + 2) : ret->stored;
    if (!ret->stored || !ret->size || ret->stored > HAUL_NODES_BLOCK - n->layout->block_trailer)
        return haul_fail(e, HAUL_SKIP, "block 0x%llx: no block has %zu octets", (unsigned long long)id,
                         ret->stored);
    return HAUL_OK;
}

/* What a damaged page says counts less than a sound block with that id. */
static haul_rc find_block(haul_nodes *n, uint64_t id, haul_nodes_extent *ret, haul_err *e)
{
    haul_nodes_extent found = {0};
    haul_rc rc = haul_nodes_extent_of(n, id, ret, e);
    if (haul_rescue_block(n, id, rc == HAUL_OK, &found)) {
        *ret = found;
        return HAUL_OK;
    }
    return rc;
}

/* False: in its place there is something else. */
static bool judge_block(haul_nodes *n, const haul_nodes_extent *b, const uint8_t *p, const uint8_t *t)
{
    uint32_t sum = haul_nodes32(t + n->layout->sum);
    bool own = !((haul_nodes_id(n, t + n->layout->own) ^ b->id) & ~HAUL_NODES_RESERVED);
    bool signed_so = haul_nodes16(t + 2) == haul_nodes_signature(b->at, b->id);
    if (!own && !signed_so)
        return false;
    if (sum && sum != haul_nodes_checksum(p, b->stored))
        fault(n, false, b->at, b->id, "wrong checksum");
    else if (!own || haul_nodes16(t) != b->stored)
        fault(n, false, b->at, b->id, "wrong id or size");
    else if (!signed_so)
        fault(n, false, b->at, b->id, "wrong signature");
    return true;
}

static haul_rc read_stored(haul_nodes *n, const haul_nodes_extent *b, haul_err *e)
{
    size_t align = n->layout->align, trailer = n->layout->block_trailer;
    size_t room = (b->stored + trailer + align - 1) / align * align;
    ssize_t got = b->at ? haul_view_read(n->view, b->at, n->stored, room) : -1;
    if (got < (ssize_t)b->stored)
        return haul_fail(e, HAUL_SKIP, "block 0x%llx: not in the file, at octet %llu",
                         (unsigned long long)b->id, (unsigned long long)b->at);
    if (got < (ssize_t)room)
        fault(n, false, b->at, b->id, "cut off");
    else if (!judge_block(n, b, n->stored, n->stored + room - trailer))
        return haul_fail(e, HAUL_SKIP, "block 0x%llx: something else is at octet %llu",
                         (unsigned long long)b->id, (unsigned long long)b->at);
    return HAUL_OK;
}

static bool inflate_block(const haul_nodes_extent *b, const uint8_t *p, uint8_t *to)
{
    uLongf n = b->size;
    return uncompress(to, &n, p, b->stored) == Z_OK && n == b->size;
}

/* No store was seen whose blocks are both compressed and encoded; libpff takes it that what is compressed is encoded.
 * zlib's own checksum tells which it was. */
static bool unpack(haul_nodes *n, const haul_nodes_extent *b, uint8_t *to)
{
    uint8_t crypt = b->id & HAUL_NODES_INTERNAL ? (uint8_t)HAUL_CRYPT_NONE : n->crypt;
    if (inflate_block(b, n->stored, to)) {
        haul_crypt_decode(crypt, b->id, 0, to, b->size);
        return true;
    }
    haul_crypt_decode(crypt, b->id, 0, n->stored, b->stored);
    return crypt != HAUL_CRYPT_NONE && inflate_block(b, n->stored, to);
}

haul_rc haul_nodes_block(haul_nodes *n, uint64_t id, uint8_t *to, haul_block *ret, haul_err *e)
{
    haul_nodes_extent b = {0};
    haul_rc rc = find_block(n, id, &b, e);
    if (rc == HAUL_OK)
        rc = read_stored(n, &b, e);
    if (rc == HAUL_SKIP && haul_rescue_block(n, id, false, &b)) /* the entry was wrong */
        rc = read_stored(n, &b, e);
    if (rc != HAUL_OK)
        return rc;
    if (b.size != b.stored) {
        if (!unpack(n, &b, to))
            return haul_fail(e, HAUL_SKIP, "block 0x%llx: cannot be unpacked", (unsigned long long)id);
    } else {
        memcpy(to, n->stored, b.stored);
        if (!(id & HAUL_NODES_INTERNAL))
            haul_crypt_decode(n->crypt, b.id, 0, to, b.size);
    }
    ret->id = b.id;
    ret->at = b.at;
    ret->n = b.size;
    ret->packed = b.size != b.stored;
    return HAUL_OK;
}

bool haul_nodes_patch(const haul_nodes *n, haul_view *over, haul_block *b, size_t from, const uint8_t *p,
                      size_t octets)
{
    uint8_t stored[HAUL_VIEW_PATCH];
    if (b->packed || octets > sizeof(stored) || from > b->n || octets > b->n - from)
        return false;
    memcpy(stored, p, octets);
    if (!(b->id & HAUL_NODES_INTERNAL))
        haul_crypt_encode(n->crypt, b->id, from, stored, octets);
    if (!haul_view_patch_add(over, b->at + from, stored, octets))
        return false;
    memcpy(b->octets + from, p, octets);
    return true;
}

/* ── subnodes (2.2.2.8.3.3) ── */

static haul_rc read_sublist(haul_nodes *n, uint64_t id, haul_err *e)
{
    if (n->list_id == id)
        return HAUL_OK;
    n->list_id = 0;
    if (!(id & HAUL_NODES_INTERNAL))
        return haul_fail(e, HAUL_SKIP, "block 0x%llx: no list of subnodes", (unsigned long long)id);
    haul_block b = {0};
    haul_rc rc = haul_nodes_block(n, id, n->list, &b, e);
    n->list_n = b.n;
    if (rc == HAUL_OK)
        n->list_id = id;
    return rc;
}

static bool sublist(const haul_nodes *n, haul_nodes_entries *ret)
{
    const uint8_t *p = n->list;
    size_t head = n->layout->sub;
    if (n->list_n < head || p[0] != LIST_SUB)
        return false;
    *ret = (haul_nodes_entries){.p = p + head, .n = haul_nodes16(p + 2), .level = p[1]};
    ret->size = (ret->level ? 2u : 3u) * n->layout->id; /* SIENTRY, SLENTRY */
    return ret->n * ret->size <= n->list_n - head;
}

/* Node ids have 4 octets; what is above them in an entry says nothing (2.2.2.8.3.3.1.1). */
static const uint8_t *sub_up_to(const haul_nodes_entries *s, uint32_t nid)
{
    const uint8_t *found = NULL;
    uint32_t best = 0;
    for (size_t i = 0; i < s->n; i++) {
        const uint8_t *p = s->p + i * s->size;
        uint32_t own = haul_nodes32(p);
        if (own <= nid && own >= best) {
            found = p;
            best = own;
        }
    }
    return found;
}

haul_rc haul_nodes_sub(haul_nodes *n, uint64_t sub, uint32_t nid, haul_node *ret, haul_err *e)
{
    size_t id = n->layout->id;
    for (unsigned level = HAUL_NODES_LEVELS; sub;) {
        haul_nodes_entries s;
        haul_rc rc = read_sublist(n, sub, e);
        if (rc != HAUL_OK)
            return rc;
        if (!sublist(n, &s) || s.level >= level)
            return haul_fail(e, HAUL_SKIP, "block 0x%llx: no list of subnodes", (unsigned long long)sub);
        level = s.level;
        const uint8_t *p = sub_up_to(&s, nid);
        if (!p || (!level && haul_nodes32(p) != nid))
            break;
        if (!level) {
            *ret = (haul_node){
                .nid = nid, .data = haul_nodes_id(n, p + id), .sub = haul_nodes_id(n, p + 2 * id)};
            return HAUL_OK;
        }
        sub = haul_nodes_id(n, p + id);
    }
    return haul_fail(e, HAUL_SKIP, "subnode 0x%x: not there", nid);
}

static haul_rc add_subnode(const haul_nodes *n, const uint8_t *p, haul_node_list *ret, haul_err *e)
{
    size_t id = n->layout->id;
    if (ret->n >= HAUL_NODES_SUBS)
        return haul_fail(e, HAUL_SKIP, "more than %u subnodes", HAUL_NODES_SUBS);
    if (ret->n == ret->cap) {
        ret->cap = ret->cap ? ret->cap * 2 : 16;
        ret->v = haul_realloc(ret->v, ret->cap * sizeof(*ret->v));
    }
    ret->v[ret->n++] = (haul_node){
        .nid = haul_nodes32(p), .data = haul_nodes_id(n, p + id), .sub = haul_nodes_id(n, p + 2 * id)};
    return HAUL_OK;
}

/* The list of subnodes is read again after each one below it: it may be in the same place in memory. */
static haul_rc add_subnodes(haul_nodes *n, uint64_t sub, unsigned below, haul_node_list *ret, haul_err *e)
{
    haul_nodes_entries s = {.n = 1};
    haul_rc rc = HAUL_OK;
    for (size_t i = 0; rc == HAUL_OK && i < s.n; i++) {
        rc = read_sublist(n, sub, e);
        if (rc == HAUL_OK && (!sublist(n, &s) || s.level >= below))
            rc = haul_fail(e, HAUL_SKIP, "block 0x%llx: no list of subnodes", (unsigned long long)sub);
        if (rc != HAUL_OK || i >= s.n)
            break;
        const uint8_t *p = s.p + i * s.size;
        rc = s.level ? add_subnodes(n, haul_nodes_id(n, p + n->layout->id), s.level, ret, e)
                     : add_subnode(n, p, ret, e);
    }
    return rc;
}

haul_rc haul_nodes_list(haul_nodes *n, uint64_t sub, haul_node_list *ret, haul_err *e)
{
    *ret = (haul_node_list){0};
    return sub ? add_subnodes(n, sub, HAUL_NODES_INDEXES, ret, e) : HAUL_OK;
}

void haul_nodes_list_done(haul_node_list *l)
{
    free(l->v);
    *l = (haul_node_list){0};
}

/* ── data trees ── */

/* An XBLOCK or XXBLOCK: type, level, count, octets of the whole, ids. */
static haul_rc read_list(haul_data *d, unsigned i, uint64_t id, haul_err *e)
{
    haul_data_list *l = &d->list[i];
    haul_block b = {0};
    if (!l->octets)
        l->octets = haul_alloc(HAUL_NODES_BLOCK);
    l->i = l->n = 0;
    haul_rc rc = haul_nodes_block(d->nodes, id, l->octets, &b, e);
    if (rc != HAUL_OK)
        return rc;
    const uint8_t *p = l->octets;
    size_t n = b.n;
    size_t count = n < 8 ? 0 : haul_nodes16(p + 2);
    unsigned level = i ? 1 : n < 8 ? 0 : p[1];
    if (n < 8 || p[0] != LIST_DATA || p[1] != level || !level || level > 2 ||
        count * d->nodes->layout->id > n - 8)
        return haul_fail(e, HAUL_SKIP, "block 0x%llx: no list of blocks", (unsigned long long)id);
    l->n = count;
    return HAUL_OK;
}

haul_rc haul_data_open(haul_data *d, haul_nodes *n, uint64_t id, haul_err *e)
{
    *d = (haul_data){.nodes = n, .top = id, .block = n->layout->most};
    if (!id)
        return HAUL_OK;
    if (!(id & HAUL_NODES_INTERNAL)) {
        haul_nodes_extent b = {0};
        haul_rc rc = find_block(n, id, &b, e);
        d->size = b.size;
        return rc;
    }
    haul_rc rc = read_list(d, 0, id, e);
    if (rc != HAUL_OK)
        return rc;
    d->levels = d->list[0].octets[1];
    d->size = haul_nodes32(d->list[0].octets + 4);
    return HAUL_OK;
}

static uint64_t take(haul_data *d, unsigned i)
{
    haul_data_list *l = &d->list[i];
    size_t id = d->nodes->layout->id;
    return haul_nodes_id(d->nodes, l->octets + 8 + l->i++ * id);
}

/* Blocks that a full XBLOCK names. */
static uint64_t per_list(const haul_data *d)
{
    return (d->block - 8) / d->nodes->layout->id;
}

haul_rc haul_data_next(haul_data *d, uint64_t *ret_id, uint64_t *ret_lost, haul_err *e)
{
    if (d->leaves >= HAUL_NODES_LEAVES || !d->top)
        return HAUL_END;
    d->leaves++;
    if (!d->levels) {
        *ret_id = d->top;
        d->top = 0;
        return HAUL_OK;
    }
    unsigned last = d->levels - 1;
    while (d->list[last].i == d->list[last].n) {
        if (last == 0 || d->list[0].i == d->list[0].n)
            return HAUL_END;
        haul_rc rc = read_list(d, 1, take(d, 0), e);
        if (rc != HAUL_OK) {
            *ret_lost = per_list(d) * d->block;
            return rc;
        }
    }
    *ret_id = take(d, last);
    return HAUL_OK;
}

void haul_data_done(haul_data *d)
{
    free(d->list[0].octets);
    free(d->list[1].octets);
    *d = (haul_data){0};
}

/* ── blocks by number ── */

haul_rc haul_blocks_open(haul_blocks *b, haul_nodes *n, uint64_t data, size_t most, haul_err *e)
{
    haul_data d = {0};
    size_t cap = 0;
    uint64_t id = 0, lost;
    b->nodes = n;
    haul_rc rc = haul_data_open(&d, n, data, e);
    while (rc == HAUL_OK && (rc = haul_data_next(&d, &id, &lost, e)) == HAUL_OK) {
        if (b->n >= most) {
            rc = haul_fail(e, HAUL_SKIP, "more than %zu blocks", most);
            break;
        }
        if (b->n == cap) {
            cap = cap ? cap * 2 : 4;
            b->v = haul_realloc(b->v, cap * sizeof(*b->v));
        }
        b->v[b->n++] = (haul_block){.id = id};
    }
    haul_data_done(&d);
    return rc == HAUL_END ? HAUL_OK : rc;
}

/* Room for block i: its own, or that of the one which was read longest ago. */
static uint8_t *room_for(haul_blocks *b, size_t i)
{
    uint8_t *room = NULL;
    size_t slot = b->turn++ % HAUL_BLOCKS_KEPT;
    if (!b->all && b->turn > HAUL_BLOCKS_KEPT) {
        room = b->v[b->kept[slot]].octets;
        b->v[b->kept[slot]].octets = NULL;
    }
    b->kept[slot] = i;
    return room ? room : haul_alloc(HAUL_NODES_BLOCK);
}

haul_rc haul_blocks_get(haul_blocks *b, size_t i, haul_block **ret, haul_err *e)
{
    if (i >= b->n)
        return haul_fail(e, HAUL_SKIP, "no block %zu of %zu", i, b->n);
    haul_block *at = &b->v[i];
    *ret = at;
    if (at->octets)
        return HAUL_OK;
    uint8_t *octets = room_for(b, i);
    haul_rc rc = haul_nodes_block(b->nodes, at->id, octets, at, e);
    if (rc != HAUL_OK)
        free(octets);
    else
        at->octets = b->all ? haul_realloc(octets, at->n) : octets;
    return rc;
}

void haul_blocks_done(haul_blocks *b)
{
    for (size_t i = 0; i < b->n; i++)
        free(b->v[i].octets);
    free(b->v);
    *b = (haul_blocks){0};
}

/* ── pouring ── */

typedef struct pour {
    haul_data d;
    haul_out *to;
    uint64_t done;
    uint8_t *block;
    haul_data_loss *loss;
} pour;

static haul_rc push(pour *p, size_t n, haul_err *e)
{
    uint64_t left = p->d.size - p->done;
    if (n > left) { /* what the top says is what the reader was told */
        p->loss->more = true;
        n = (size_t)left;
    }
    p->done += n;
    return haul_out_write(p->to, p->block, n, e);
}

static haul_rc push_lost(pour *p, uint64_t n, haul_err *e)
{
    uint64_t left = p->d.size - p->done;
    n = n < left ? n : left;
    if (!p->loss->places++)
        p->loss->first = p->done;
    p->loss->octets += n;
    memset(p->block, 0, HAUL_NODES_BLOCK);
    while (n) {
        size_t part = n < HAUL_NODES_BLOCK ? (size_t)n : HAUL_NODES_BLOCK;
        haul_rc rc = push(p, part, e);
        if (rc != HAUL_OK)
            return rc;
        n -= part;
    }
    return HAUL_OK;
}

/* Blocks in front of the last are full; the last one has the rest. */
static haul_rc pour_block(pour *p, uint64_t id, haul_err *e)
{
    haul_block b = {0};
    haul_rc rc = haul_nodes_block(p->d.nodes, id, p->block, &b, e);
    if (rc == HAUL_OK)
        return push(p, b.n, e);
    return p->d.levels ? push_lost(p, p->d.block, e) : rc;
}

static haul_rc pour_all(pour *p, haul_err *e)
{
    while (p->done < p->d.size) {
        uint64_t id = 0, lost = 0;
        haul_rc rc = haul_data_next(&p->d, &id, &lost, e);
        if (rc == HAUL_END)
            return haul_fail(e, HAUL_SKIP, "the data end %llu octets early",
                             (unsigned long long)(p->d.size - p->done));
        rc = rc == HAUL_OK ? pour_block(p, id, e) : push_lost(p, lost, e);
        if (rc != HAUL_OK)
            return rc;
    }
    uint64_t id, lost;
    if (p->d.levels && haul_data_next(&p->d, &id, &lost, NULL) == HAUL_OK)
        p->loss->more = true;
    return HAUL_OK;
}

haul_rc haul_nodes_pour(haul_nodes *n, uint64_t id, haul_out *to, haul_data_loss *ret, haul_err *e)
{
    *ret = (haul_data_loss){0};
    pour p = {.to = to, .loss = ret};
    haul_rc rc = haul_data_open(&p.d, n, id, e);
    if (rc == HAUL_OK) {
        p.block = haul_alloc(HAUL_NODES_BLOCK);
        rc = pour_all(&p, e);
        free(p.block);
    }
    haul_data_done(&p.d);
    return rc;
}
