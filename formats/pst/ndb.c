#include "rescue.h"

#include "crypt.h"

#include <libdeflate.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 564u

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
    return libdeflate_crc32(0xffffffffu, p, n) ^ 0xffffffffu;
}

bool haul_nodes_inflate(const uint8_t *p, size_t n, uint8_t *to, size_t size)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    if (!d)
        haul_oom();
    bool ok = libdeflate_zlib_decompress(d, p, n, to, size, NULL) == LIBDEFLATE_SUCCESS;
    libdeflate_free_decompressor(d);
    return ok;
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
    for (size_t i = 0; i < HAUL_NODES_SETS * HAUL_NODES_WAYS; i++)
        free(n->pages[i / HAUL_NODES_WAYS][i % HAUL_NODES_WAYS].octets);
    free(n->list);
    haul_rescue_free(n->rescue);
    *n = (haul_nodes){0};
}

void haul_nodes_forget(haul_nodes *n)
{
    for (size_t i = 0; i < HAUL_NODES_SETS * HAUL_NODES_WAYS; i++)
        n->pages[i / HAUL_NODES_WAYS][i % HAUL_NODES_WAYS].at = 0;
    memset(n->near, 0, sizeof(n->near));
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

/* The page if it is kept, else the place for it: that of its set which was not used for longest. */
static haul_nodes_page *slot_of(haul_nodes *n, uint64_t at)
{
    haul_nodes_page *set = n->pages[at / n->layout->page % HAUL_NODES_SETS], *old = set;
    for (haul_nodes_page *p = set; p < set + HAUL_NODES_WAYS; p++) {
        if (p->at == at)
            return p;
        old = p->used < old->used ? p : old;
    }
    return old;
}

bool haul_nodes_page_odd(const haul_nodes *n, uint64_t at)
{
    const haul_nodes_page *set = n->pages[at / n->layout->page % HAUL_NODES_SETS];
    for (const haul_nodes_page *p = set; p < set + HAUL_NODES_WAYS; p++)
        if (p->at == at)
            return p->odd;
    return false;
}

static bool is_sorted(const haul_nodes *n, const uint8_t *page)
{
    haul_nodes_entries s;
    if (!haul_nodes_page_entries(n, page, &s))
        return false;
    for (size_t i = 1; i < s.n; i++)
        if (haul_nodes_id(n, s.p + (i - 1) * s.size) > haul_nodes_id(n, s.p + i * s.size))
            return false;
    return true;
}

static haul_rc read_page(haul_nodes *n, haul_nodes_page *to, uint64_t at, uint64_t id, unsigned kind,
                         haul_err *e)
{
    const haul_nodes_layout *l = n->layout;
    const uint8_t *t = to->octets + l->trailer;
    ssize_t got = at ? haul_view_read(n->view, at, to->octets, l->page) : 0;
    if (got < 0)
        return haul_fail(e, HAUL_SKIP, "page 0x%llx: octet %llu: %s", (unsigned long long)id,
                         (unsigned long long)at, strerror(errno));
    if (got != (ssize_t)l->page)
        return haul_fail(e, HAUL_SKIP, "page 0x%llx is not in the file", (unsigned long long)id);
    if (n->rescues)
        haul_rescue_page(n, at, id, kind, to->octets);
    if (t[0] != kind || t[1] != kind)
        return haul_fail(e, HAUL_SKIP, "no page at octet %llu", (unsigned long long)at);
    to->odd = !judge_page(n, at, id, to->octets);
    return HAUL_OK;
}

static haul_rc load_page(haul_nodes *n, haul_nodes_page *to, uint64_t at, uint64_t id, unsigned kind,
                         haul_err *e)
{
    to->at = 0;
    if (!to->octets)
        to->octets = haul_alloc(HAUL_NODES_PAGE_MAX);
    haul_rc rc = read_page(n, to, at, id, kind, e);
    n->odd_pages[haul_nodes_tree(kind)] += rc != HAUL_OK || to->odd;
    if (rc != HAUL_OK)
        return rc;
    to->at = at;
    to->sorted = is_sorted(n, to->octets);
    return HAUL_OK;
}

static haul_rc get_page(haul_nodes *n, uint64_t at, uint64_t id, unsigned kind, const haul_nodes_page **ret,
                        haul_err *e)
{
    haul_nodes_page *slot = slot_of(n, at);
    *ret = slot;
    slot->used = ++n->uses;
    if (at && slot->at == at && slot->octets[n->layout->trailer] == kind)
        return HAUL_OK;
    return load_page(n, slot, at, id, kind, e);
}

haul_rc haul_nodes_page_get(haul_nodes *n, uint64_t at, uint64_t id, unsigned kind, const uint8_t **ret,
                            haul_err *e)
{
    const haul_nodes_page *page = NULL;
    haul_rc rc = get_page(n, at, id, kind, &page, e);
    *ret = page->octets;
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

/* How many of the entries, which are in order, have keys up to `key`. */
static size_t count_up_to(const haul_nodes *n, const haul_nodes_entries *s, uint64_t key)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (haul_nodes_id(n, s->p + mid * s->size) <= key)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
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

/* The entry for `key` in a page, as last_up_to. Of the keys in *in, which lead to this page, those stay that lead to this entry;
 * none where order fails. */
static const uint8_t *find_in(const haul_nodes *n, const haul_nodes_page *page, const haul_nodes_entries *s,
                              uint64_t key, haul_nodes_near *in)
{
    if (!page->sorted) {
        in->below = 0;
        return last_up_to(n, s, key);
    }
    size_t i = count_up_to(n, s, key);
    uint64_t from = s->level && i ? haul_nodes_id(n, s->p + (i - 1) * s->size) : 0;
    uint64_t below = s->level && i < s->n ? haul_nodes_id(n, s->p + i * s->size) : UINT64_MAX;
    in->from = from > in->from ? from : in->from; /* a damaged key above may promise less than the page has */
    in->below = below < in->below ? below : in->below;
    return i ? s->p + (i - 1) * s->size : NULL;
}

typedef struct leaf {
    const uint8_t *p; /* valid until the next page is read */
    size_t size;
    uint64_t at; /* octet in the file */
} leaf;

/* The leaf entry with the largest key that is not above `key`. Neighbours are most often in the leaf that was looked
 * into before. */
static haul_rc look_up(haul_nodes *n, unsigned kind, uint64_t key, leaf *ret, haul_err *e)
{
    bool nodes = kind == HAUL_NODES_NBT;
    haul_nodes_near *near = &n->near[nodes ? 0 : 1], in = *near;
    unsigned level = 1;
    if (key < near->from || key >= near->below) {
        level = HAUL_NODES_LEVELS;
        in = (haul_nodes_near){.below = UINT64_MAX};
        in.at = nodes ? n->node_root : n->block_root;
        in.id = nodes ? n->node_id : n->block_id;
    }
    near->below = 0;
    for (;;) {
        const haul_nodes_page *page;
        haul_nodes_entries s;
        haul_rc rc = get_page(n, in.at, in.id, kind, &page, e);
        if (rc != HAUL_OK)
            return rc;
        if (!haul_nodes_page_entries(n, page->octets, &s) ||
            s.level >= level) { /* each is below the one before: it ends */
            n->odd_pages[haul_nodes_tree(kind)]++;
            return haul_fail(e, HAUL_SKIP, "a page that is none at octet %llu", (unsigned long long)in.at);
        }
        level = s.level;
        const uint8_t *found = find_in(n, page, &s, key, &in);
        if (!level)
            *near = in;
        if (!found)
            return haul_fail(e, HAUL_SKIP, "%s 0x%llx: not in the store", nodes ? "node" : "block",
                             (unsigned long long)key);
        if (!level) {
            *ret = (leaf){.p = found, .size = s.size, .at = in.at + (size_t)(found - page->octets)};
            return HAUL_OK;
        }
        in.id = haul_nodes_id(n, found + n->layout->id); /* BTENTRY: key, id, offset */
        in.at = haul_nodes_id(n, found + 2 * n->layout->id);
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
haul_rc haul_nodes_find_block(haul_nodes *n, uint64_t id, haul_nodes_extent *ret, haul_err *e)
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

/* As it is in the file: borrowed until the next page or block is read. */
static haul_rc look_at(haul_nodes *n, const haul_nodes_extent *b, const uint8_t **ret, haul_err *e)
{
    size_t align = n->layout->align, trailer = n->layout->block_trailer;
    size_t room = (b->stored + trailer + align - 1) / align * align;
    ssize_t got = b->at ? haul_view_look(n->view, b->at, room, ret) : 0;
    if (got < 0)
        return haul_fail(e, HAUL_SKIP, "block 0x%llx: octet %llu: %s", (unsigned long long)b->id,
                         (unsigned long long)b->at, strerror(errno));
    if (!b->at || got < (ssize_t)b->stored)
        return haul_fail(e, HAUL_SKIP, "block 0x%llx: not in the file, at octet %llu",
                         (unsigned long long)b->id, (unsigned long long)b->at);
    if (got < (ssize_t)room)
        fault(n, false, b->at, b->id, "cut off");
    else if (!judge_block(n, b, *ret, *ret + room - trailer))
        return haul_fail(e, HAUL_SKIP, "block 0x%llx: something else is at octet %llu",
                         (unsigned long long)b->id, (unsigned long long)b->at);
    return HAUL_OK;
}

/* No store was seen whose blocks are both compressed and encoded; libpff takes it that what is compressed is encoded.
 * zlib's own checksum tells which it was. */
static bool unpack(uint8_t crypt, const haul_nodes_extent *b, const uint8_t *p, uint8_t *to)
{
    if (haul_nodes_inflate(p, b->stored, to, b->size)) {
        haul_crypt_decode(crypt, b->id, to, b->size, to);
        return true;
    }
    if (crypt == HAUL_CRYPT_NONE)
        return false;
    uint8_t *plain = haul_alloc(b->stored);
    haul_crypt_decode(crypt, b->id, p, b->stored, plain);
    bool ok = haul_nodes_inflate(plain, b->stored, to, b->size);
    free(plain);
    return ok;
}

haul_rc haul_nodes_decode(const haul_nodes *n, const haul_nodes_extent *b, const uint8_t *p, uint8_t *to,
                          haul_err *e)
{
    uint8_t crypt = b->id & HAUL_NODES_INTERNAL ? (uint8_t)HAUL_CRYPT_NONE : n->crypt;
    if (b->size == b->stored)
        haul_crypt_decode(crypt, b->id, p, b->stored, to);
    else if (!unpack(crypt, b, p, to))
        return haul_fail(e, HAUL_SKIP, "block 0x%llx: cannot be unpacked", (unsigned long long)b->id);
    return HAUL_OK;
}

haul_rc haul_nodes_look(haul_nodes *n, uint64_t id, haul_nodes_extent *ret, const uint8_t **ret_p,
                        haul_err *e)
{
    haul_rc rc = haul_nodes_find_block(n, id, ret, e);
    if (rc == HAUL_OK)
        rc = look_at(n, ret, ret_p, e);
    if (rc == HAUL_SKIP && haul_rescue_block(n, id, false, ret)) /* the entry was wrong */
        rc = look_at(n, ret, ret_p, e);
    return rc;
}

haul_rc haul_nodes_block(haul_nodes *n, uint64_t id, uint8_t *to, haul_block *ret, haul_err *e)
{
    haul_nodes_extent b = {0};
    const uint8_t *p = NULL;
    haul_rc rc = haul_nodes_look(n, id, &b, &p, e);
    if (rc == HAUL_OK)
        rc = haul_nodes_decode(n, &b, p, to, e);
    if (rc == HAUL_OK) {
        ret->id = b.id;
        ret->at = b.at;
        ret->n = b.size;
        ret->packed = b.size != b.stored;
    }
    return rc;
}

/* The same into memory of its own: from the arena, or the heap when there is none. */
haul_rc haul_nodes_load(haul_nodes *n, uint64_t id, haul_arena *a, haul_block *ret, haul_err *e)
{
    haul_nodes_extent b = {0};
    const uint8_t *p = NULL;
    haul_rc rc = haul_nodes_look(n, id, &b, &p, e);
    if (rc != HAUL_OK)
        return rc;
    uint8_t *to = a ? haul_arena_alloc(a, b.size) : haul_alloc(b.size);
    rc = haul_nodes_decode(n, &b, p, to, e);
    if (rc == HAUL_OK)
        *ret = (haul_block){.id = b.id, .at = b.at, .n = b.size, .packed = b.size != b.stored, .octets = to};
    else if (!a)
        free(to);
    return rc;
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
    if (n->list_n < head || p[0] != HAUL_NODES_SUBLIST)
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
    haul_node node = {
        .nid = haul_nodes32(p), .data = haul_nodes_id(n, p + id), .sub = haul_nodes_id(n, p + 2 * id)};
    haul_nodes_list_add(ret, &node);
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

void haul_nodes_list_add(haul_node_list *l, const haul_node *node)
{
    l->v = haul_grown(l->v, l->n, &l->cap, sizeof(*l->v));
    l->v[l->n++] = *node;
}

const haul_node *haul_nodes_list_find(const haul_node_list *l, uint32_t nid)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i].nid == nid)
            return &l->v[i];
    return NULL;
}

void haul_nodes_list_done(haul_node_list *l)
{
    free(l->v);
    *l = (haul_node_list){0};
}
