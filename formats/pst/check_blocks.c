#include "check.h"

#include "crypt.h"

#include <stdlib.h>
#include <string.h>

#define INTERNAL  UINT64_C(2)
#define RESERVED  UINT64_C(1)
#define LIST_DATA 1u /* 2.2.2.8.3.2 btype */
#define LIST_SUB  2u

static size_t room_of(const haul_pst_check *c, const haul_pstc_block *b)
{
    size_t align = c->layout->align;
    return (b->stored + (size_t)c->layout->block_trailer + align - 1) / align * align;
}

/* ── a block by itself (2.2.2.8.1) ── */

static bool check_place(haul_pst_check *c, const haul_pstc_block *b)
{
    if (!b->stored || !b->size || b->stored > c->layout->most || b->size > c->layout->most) {
        haul_pst_say(c, HAUL_FINDING_PST_BLOCK_SIZE, b->at, b->id, "its entry says %u", b->stored);
        return false;
    }
    if (b->at % c->layout->align || b->at < c->maps->first || b->at >= c->view.size ||
        room_of(c, b) > c->view.size - b->at) {
        haul_pst_say(c, HAUL_FINDING_PST_BLOCK_PLACE, b->at, b->id, "%u octets", b->stored);
        return false;
    }
    return true;
}

static void check_trailer(haul_pst_check *c, const haul_pstc_block *b)
{
    const haul_nodes_layout *l = c->layout;
    const uint8_t *t = c->raw + room_of(c, b) - l->block_trailer;
    uint64_t own = haul_pst_id(c, t + l->own);
    if (haul_nodes16(t) != b->stored)
        haul_pst_say(c, HAUL_FINDING_PST_BLOCK_SIZE, b->at, b->id, "its trailer says %u, its entry %u",
                     haul_nodes16(t), b->stored);
    if (haul_nodes32(t + l->sum) != haul_nodes_checksum(c->raw, b->stored))
        haul_pst_say(c, HAUL_FINDING_PST_BLOCK_CRC, b->at, b->id, "%u octets", b->stored);
    if ((own | RESERVED) != (b->id | RESERVED))
        haul_pst_say(c, HAUL_FINDING_PST_BLOCK_ID, b->at, b->id, "it has 0x%llx", (unsigned long long)own);
    else if (haul_nodes16(t + 2) != haul_nodes_signature(b->at, b->id))
        haul_pst_say(c, HAUL_FINDING_PST_BLOCK_SIGNATURE, b->at, b->id, "%u octets", b->stored);
}

static bool read_raw(haul_pst_check *c, const haul_pstc_block *b)
{
    size_t room = room_of(c, b);
    return haul_view_read(&c->view, b->at, c->raw, room) == (ssize_t)room;
}

/* What is in c->raw, decoded; as in ndb.c, a compressed block may be encoded before or after. */
static bool decode(haul_pst_check *c, const haul_pstc_block *b, uint8_t *to)
{
    uint8_t crypt = b->id & INTERNAL || c->crypt > HAUL_CRYPT_CYCLIC ? (uint8_t)HAUL_CRYPT_NONE : c->crypt;
    if (b->size == b->stored) {
        haul_crypt_decode(crypt, b->id, c->raw, b->stored, to);
        return true;
    }
    if (!haul_nodes_inflate(c->raw, b->stored, to, b->size)) {
        haul_crypt_decode(crypt, b->id, c->raw, b->stored, c->raw);
        return crypt != HAUL_CRYPT_NONE && haul_nodes_inflate(c->raw, b->stored, to, b->size);
    }
    haul_crypt_decode(crypt, b->id, to, b->size, to);
    return true;
}

size_t haul_pst_octets(haul_pst_check *c, uint64_t id, uint8_t *to)
{
    haul_pstc_block b;
    if (!haul_pst_block(c, id, &b) || c->known[b.i].bad)
        return 0;
    if (c->work++ >= c->most_work) {
        if (c->work == c->most_work + 1)
            haul_pst_say(c, HAUL_FINDING_PST_LIMIT, HAUL_NOWHERE, 0, "blocks are shared by too much");
        return 0;
    }
    return read_raw(c, &b) && decode(c, &b, to) ? b.size : 0;
}

/* ── lists of blocks and of subnodes (2.2.2.8.3.2 and .3) ── */

/* One more refers to a block. False: it does not exist, or id is 0. */
static bool refer(haul_pst_check *c, uint64_t id, haul_pstc_block *ret)
{
    if (!id || !haul_pst_block(c, id, ret))
        return false;
    if (c->known[ret->i].refs < HAUL_PSTC_REFS)
        c->known[ret->i].refs++;
    return true;
}

static bool refer_from(haul_pst_check *c, const haul_pstc_block *b, uint64_t id, haul_pstc_block *ret)
{
    bool there = refer(c, id, ret);
    if (id && !there)
        haul_pst_say(c, HAUL_FINDING_PST_BLOCK_MISSING, b->at, id, "block 0x%llx names it",
                     (unsigned long long)b->id);
    return there;
}

static void check_data_list(haul_pst_check *c, const haul_pstc_block *b, const uint8_t *p)
{
    size_t id = c->layout->id, n = haul_nodes16(p + 2);
    uint64_t sum = 0, total = haul_nodes32(p + 4);
    if ((p[1] != 1 && p[1] != 2) || !n || 8 + n * id > b->size) {
        haul_pst_say(c, HAUL_FINDING_PST_LIST, b->at, b->id, "level %u, %zu blocks", p[1], n);
        c->known[b->i].bad = true;
        return;
    }
    c->known[b->i].level = p[1] & 3u;
    haul_pst_set_total(c, b->i, (uint32_t)total);
    for (size_t i = 0; i < n; i++) {
        haul_pstc_block below;
        if (!refer_from(c, b, haul_pst_id(c, p + 8 + i * id), &below))
            continue;
        if (!(below.id & INTERNAL) != (p[1] == 1))
            haul_pst_say(c, HAUL_FINDING_PST_LIST, b->at, b->id,
                         "it names block 0x%llx, which is of another level", (unsigned long long)below.id);
        if (p[1] == 1 && i + 1 < n && below.size != c->layout->most)
            haul_pst_say(c, HAUL_FINDING_PST_LIST_SHORT, b->at, b->id,
                         "block 0x%llx, number %zu, has %u octets", (unsigned long long)below.id, i,
                         below.size);
        sum += below.size;
    }
    if (p[1] == 1 && sum != total)
        haul_pst_say(c, HAUL_FINDING_PST_LIST_TOTAL, b->at, b->id, "%llu, they have %llu",
                     (unsigned long long)total, (unsigned long long)sum);
}

static void check_sub_list(haul_pst_check *c, const haul_pstc_block *b, const uint8_t *p)
{
    size_t id = c->layout->id, n = haul_nodes16(p + 2), head = c->layout->sub;
    size_t size = (p[1] ? 2u : 3u) * id;
    if (p[1] > 1 || !n || head + n * size > b->size) {
        haul_pst_say(c, HAUL_FINDING_PST_LIST, b->at, b->id, "level %u, %zu subnodes", p[1], n);
        c->known[b->i].bad = true;
        return;
    }
    uint64_t low = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *s = p + head + i * size;
        uint64_t nid = haul_nodes32(s);
        if (nid < low)
            haul_pst_say(c, HAUL_FINDING_PST_LIST_ORDER, b->at, b->id, "subnode 0x%llx",
                         (unsigned long long)nid);
        low = nid + 1;
        haul_pstc_block below;
        (void)refer_from(c, b, haul_pst_id(c, s + id), &below);
        if (!p[1])
            (void)refer_from(c, b, haul_pst_id(c, s + 2 * id), &below);
    }
}

static void check_list(haul_pst_check *c, const haul_pstc_block *b, const uint8_t *p)
{
    if (b->size >= 8 && p[0] == LIST_DATA) {
        check_data_list(c, b, p);
    } else if (b->size >= 8 && p[0] == LIST_SUB) {
        check_sub_list(c, b, p);
    } else {
        haul_pst_say(c, HAUL_FINDING_PST_LIST, b->at, b->id, "of type %u", p[0]);
        c->known[b->i].bad = true;
    }
}

static void check_block(haul_pst_check *c, const haul_pstc_block *b, uint8_t *plain)
{
    c->known[b->i].bad = true;
    if ((b->id & ~(INTERNAL | RESERVED)) > c->next_block)
        haul_pst_say(c, HAUL_FINDING_PST_HEADER_COUNTER, b->at, b->id, "bidNextB is 0x%llx",
                     (unsigned long long)c->next_block);
    if (!check_place(c, b))
        return;
    haul_pst_add_extent(c, b->at, (uint32_t)room_of(c, b), b->i);
    if (!read_raw(c, b)) {
        haul_pst_say(c, HAUL_FINDING_PST_BLOCK_PLACE, b->at, b->id, "it cannot be read");
        return;
    }
    check_trailer(c, b);
    c->known[b->i].bad = !decode(c, b, plain);
    if (c->known[b->i].bad)
        haul_pst_say(c, HAUL_FINDING_PST_BLOCK_PACKED, b->at, b->id, "%u octets to %u", b->stored, b->size);
    else if (b->id & INTERNAL)
        check_list(c, b, plain);
}

/* An XXBLOCK, when the sizes that its XBLOCKs say are known. */
static void check_top(haul_pst_check *c, const haul_pstc_block *b, uint8_t *plain)
{
    size_t id = c->layout->id;
    uint32_t total = haul_pst_total(c, b->i);
    uint64_t sum = 0;
    if (!haul_pst_octets(c, b->id, plain))
        return;
    for (size_t i = 0; i < haul_nodes16(plain + 2); i++) {
        haul_pstc_block below;
        if (haul_pst_block(c, haul_pst_id(c, plain + 8 + i * id), &below))
            sum += haul_pst_total(c, below.i);
    }
    if (sum != total)
        haul_pst_say(c, HAUL_FINDING_PST_LIST_TOTAL, b->at, b->id, "%u, they have %llu", total,
                     (unsigned long long)sum);
}

static void refer_nodes(haul_pst_check *c)
{
    for (size_t i = 0; i < c->nbt.n; i++) {
        haul_node n = haul_pst_node_whole(c, &c->nodes[i]);
        const uint64_t ids[] = {n.data, n.sub};
        c->node = n.nid;
        for (unsigned k = 0; k < 2; k++) {
            haul_pstc_block b;
            if (!refer(c, ids[k], &b) && ids[k])
                haul_pst_say(c, HAUL_FINDING_PST_BLOCK_MISSING, n.at, ids[k], "the node's %s",
                             k ? "subnodes" : "data");
        }
    }
    c->node = 0;
}

static void check_refs(haul_pst_check *c)
{
    for (size_t i = 0; i < c->bbt.n; i++) {
        haul_pstc_block b = haul_pst_nth_block(c, i);
        uint32_t refs = c->known[i].refs;
        if (!refs)
            haul_pst_say(c, HAUL_FINDING_PST_BLOCK_UNUSED, b.at, b.id, "%u octets", b.stored);
        else if (b.count != refs + 1) /* one for the entry itself (2.2.2.7.7.3.1) */
            haul_pst_say(c, HAUL_FINDING_PST_BLOCK_REFS, b.at, b.id, "cRef is %u, %u refer to it", b.count,
                         refs);
    }
}

void haul_pst_check_blocks(haul_pst_check *c)
{
    uint8_t *plain = haul_alloc(HAUL_NODES_BLOCK);
    for (size_t i = 0; i < c->bbt.n && !haul_pst_check_stopped(c); i++) {
        haul_pstc_block b = haul_pst_nth_block(c, i);
        check_block(c, &b, plain);
    }
    for (size_t i = 0; i < c->bbt.n; i++)
        if (c->known[i].level == 2 && !c->known[i].bad) {
            haul_pstc_block b = haul_pst_nth_block(c, i);
            check_top(c, &b, plain);
        }
    refer_nodes(c);
    check_refs(c);
    free(plain);
}

/* ── trees of them ── */

uint64_t haul_pst_size(haul_pst_check *c, uint64_t data)
{
    haul_pstc_block b;
    if (!haul_pst_block(c, data, &b))
        return 0;
    return b.id & INTERNAL ? haul_pst_total(c, b.i) : b.size;
}

static bool add_leaves(haul_pst_check *c, uint64_t id, unsigned below, uint64_t **v, size_t *n, size_t *cap)
{
    haul_pstc_block b;
    size_t w = c->layout->id;
    if (!haul_pst_block(c, id, &b))
        return false;
    if (*n >= HAUL_PSTC_LEAVES) {
        haul_pst_say(c, HAUL_FINDING_PST_LIMIT, b.at, id, "more than %u blocks", HAUL_PSTC_LEAVES);
        return false;
    }
    if (!(b.id & INTERNAL)) {
        *v = haul_grown(*v, *n, cap, sizeof(**v));
        (*v)[(*n)++] = id;
        return true;
    }
    uint8_t *list = haul_alloc(HAUL_NODES_BLOCK);
    unsigned level = c->known[b.i].level;
    bool good = level && level < below && haul_pst_octets(c, id, list);
    for (size_t i = 0; good && i < haul_nodes16(list + 2); i++)
        good = add_leaves(c, haul_pst_id(c, list + 8 + i * w), level, v, n, cap);
    free(list);
    return good;
}

bool haul_pst_leaves(haul_pst_check *c, uint64_t id, uint64_t **ret, size_t *ret_n)
{
    size_t cap = 0;
    bool good = add_leaves(c, id, 3, ret, ret_n, &cap);
    c->work += *ret_n / 16;
    return good;
}

uint8_t *haul_pst_copy(haul_pst_check *c, uint64_t id, size_t *ret_n)
{
    uint64_t *leaves = NULL, size = haul_pst_size(c, id);
    size_t n = 0, at = 0;
    bool good = size <= HAUL_PSTC_COPY && haul_pst_leaves(c, id, &leaves, &n);
    if (size > HAUL_PSTC_COPY)
        haul_pst_say(c, HAUL_FINDING_PST_LIMIT, HAUL_NOWHERE, id, "more than %u octets", HAUL_PSTC_COPY);
    good =
        good && n * c->layout->most <= HAUL_PSTC_COPY + (size_t)c->layout->most; /* the size may be a lie */
    uint8_t *to = haul_alloc((good ? n * c->layout->most : 0) + HAUL_NODES_BLOCK);
    for (size_t i = 0, got; good && i < n; i++, at += got) {
        got = haul_pst_octets(c, leaves[i], to + at);
        good = got > 0;
    }
    free(leaves);
    if (!good) {
        free(to);
        return NULL;
    }
    *ret_n = at;
    return to;
}

static bool add_subs(haul_pst_check *c, uint64_t id, unsigned below, haul_node **v, size_t *n, size_t *cap)
{
    uint8_t *p = haul_alloc(HAUL_NODES_BLOCK);
    size_t w = c->layout->id, got = id & INTERNAL ? haul_pst_octets(c, id, p) : 0;
    bool good = got && p[0] == LIST_SUB && p[1] < below;
    for (size_t i = 0; good && i < haul_nodes16(p + 2); i++) {
        const uint8_t *s = p + c->layout->sub + i * (p[1] ? 2 : 3) * w;
        if (p[1]) {
            good = add_subs(c, haul_pst_id(c, s + w), p[1], v, n, cap);
        } else if (*n >= HAUL_PSTC_SUBS) {
            haul_pst_say(c, HAUL_FINDING_PST_LIMIT, HAUL_NOWHERE, id, "more than %u subnodes",
                         HAUL_PSTC_SUBS);
            good = false;
        } else {
            *v = haul_grown(*v, *n, cap, sizeof(**v));
            (*v)[(*n)++] = (haul_node){
                .nid = haul_nodes32(s), .data = haul_pst_id(c, s + w), .sub = haul_pst_id(c, s + 2 * w)};
        }
    }
    free(p);
    return good;
}

bool haul_pst_subnodes(haul_pst_check *c, uint64_t id, haul_node **ret, size_t *ret_n)
{
    size_t cap = 0;
    return !id || add_subs(c, id, 2, ret, ret_n, &cap);
}
