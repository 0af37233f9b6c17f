#include "ltp.h"

#include "mime/prop.h"

#include <stdlib.h>
#include <string.h>

#define SIG_BTH     0xb5u /* 2.3.2.1 */
#define HEAP_HEADER 12u

/* ── heap on node ── */

haul_rc haul_hn_open(haul_hn *h, haul_nodes *n, const haul_node *node, size_t most, haul_err *e)
{
    haul_block *b = NULL;
    h->nodes = n;
    h->node = *node;
    haul_rc rc = haul_blocks_open(&h->blocks, n, node->data, most, e);
    if (rc == HAUL_OK)
        rc = haul_blocks_get(&h->blocks, 0, &b, e);
    if (rc != HAUL_OK)
        return haul_wrap(e, rc, "node 0x%x", node->nid);
    if (b->n < HEAP_HEADER || b->octets[2] != HAUL_HN_SIGNATURE)
        return haul_fail(e, HAUL_SKIP, "node 0x%x: its data are no heap", node->nid);
    h->client = b->octets[3];
    h->root = haul_nodes32(b->octets + 4);
    return HAUL_OK;
}

/* HNPAGEMAP (2.3.1.5): a count, and one offset more than there are allocations. */
static bool allocation(haul_block *b, size_t index, haul_place *ret)
{
    size_t map = b->n < 2 ? b->n : haul_nodes16(b->octets);
    if (!index || map + 4 > b->n || index > haul_nodes16(b->octets + map) || map + 4 + 2 * (index + 1) > b->n)
        return false;
    const uint8_t *p = b->octets + map + 4 + 2 * (index - 1);
    size_t from = haul_nodes16(p), end = haul_nodes16(p + 2);
    *ret = (haul_place){.block = b, .from = from, .n = end - from};
    return from <= end && end <= b->n;
}

haul_rc haul_hn_place(haul_hn *h, uint32_t hid, haul_place *ret, haul_err *e)
{
    unsigned bits = h->nodes->version == 65 ? 14 : 11; /* of the index, 2.3.1.1; 4k: seen */
    size_t index = hid >> 5 & ((1u << bits) - 1);
    haul_block *b = NULL;
    if (hid & 0x1f)
        return haul_fail(e, HAUL_SKIP, "node 0x%x: 0x%x is in no heap", h->node.nid, hid);
    haul_rc rc = haul_blocks_get(&h->blocks, hid >> (5 + bits), &b, e);
    if (rc != HAUL_OK)
        return haul_wrap(e, rc, "node 0x%x", h->node.nid);
    return allocation(b, index, ret)
               ? HAUL_OK
               : haul_fail(e, HAUL_SKIP, "node 0x%x: nothing at 0x%x in its heap", h->node.nid, hid);
}

haul_rc haul_hn_get(haul_hn *h, uint32_t hid, haul_span *ret, haul_err *e)
{
    haul_place at = {0};
    haul_rc rc = haul_hn_place(h, hid, &at, e);
    if (rc == HAUL_OK)
        *ret = (haul_span){(const char *)haul_place_octets(&at), at.n};
    return rc;
}

void haul_hn_done(haul_hn *h)
{
    haul_blocks_done(&h->blocks);
    *h = (haul_hn){0};
}

/* ── B-tree on heap ── */

haul_rc haul_bth_open(haul_bth *t, haul_hn *h, uint32_t hid, haul_err *e)
{
    haul_span s = {0};
    haul_rc rc = haul_hn_get(h, hid, &s, e);
    if (rc != HAUL_OK)
        return rc;
    const uint8_t *p = (const uint8_t *)s.p;
    if (s.len < 8 || p[0] != SIG_BTH || !p[1] || p[1] + p[2] > (int)HAUL_BTH_RECORD || p[3] > HAUL_BTH_LEVELS)
        return haul_fail(e, HAUL_SKIP, "node 0x%x: no B-tree at 0x%x in its heap", h->node.nid, hid);
    *t = (haul_bth){.heap = h, .key = p[1], .data = p[2], .levels = p[3], .root = haul_nodes32(p + 4)};
    return HAUL_OK;
}

static uint64_t key_of(const haul_bth *t, const uint8_t *p)
{
    uint64_t v = 0;
    for (unsigned i = t->key; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

/* Octets of a record: indexes have the HID of what is below (2.3.2.2). */
static size_t width(const haul_bth *t, unsigned depth)
{
    return t->key + (depth == t->levels ? (size_t)t->data : 4u);
}

haul_rc haul_bth_find(haul_bth *t, uint64_t key, uint8_t *ret, haul_err *e)
{
    uint32_t hid = t->root;
    if (t->key > 8)
        return haul_fail(e, HAUL_SKIP, "a key of %u octets", t->key);
    for (unsigned depth = 0; hid && depth <= t->levels; depth++) {
        haul_span s = {0};
        const uint8_t *found = NULL;
        size_t size = width(t, depth);
        haul_rc rc = haul_hn_get(t->heap, hid, &s, e);
        if (rc != HAUL_OK)
            return rc;
        for (const uint8_t *p = (const uint8_t *)s.p; s.len >= size && key_of(t, p) <= key;
             p += size, s.len -= size)
            found = p;
        if (!found)
            return HAUL_END;
        hid = depth < t->levels ? haul_nodes32(found + t->key) : 0;
        if (depth == t->levels && key_of(t, found) == key) {
            memcpy(ret, found, size);
            return HAUL_OK;
        }
    }
    return HAUL_END;
}

static haul_rc descend(haul_bth_walk *w, unsigned depth, uint32_t hid, haul_err *e)
{
    haul_span s = {0};
    haul_rc rc = hid ? haul_hn_get(w->tree->heap, hid, &s, e) : HAUL_OK; /* 0: an empty tree */
    w->level[depth].hid = hid;
    w->level[depth].i = 0;
    w->level[depth].n = rc == HAUL_OK ? s.len / width(w->tree, depth) : 0;
    if (rc == HAUL_OK)
        w->depth = depth;
    return rc;
}

haul_rc haul_bth_next(haul_bth_walk *w, uint8_t *ret, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    if (!w->begun) {
        w->begun = true;
        rc = descend(w, 0, w->tree->root, e);
    }
    while (rc == HAUL_OK && w->steps++ < HAUL_BTH_STEPS) {
        haul_place s = {0};
        size_t size = width(w->tree, w->depth), i = w->level[w->depth].i;
        if (i == w->level[w->depth].n) {
            if (!w->depth)
                return HAUL_END;
            w->depth--;
            continue;
        }
        rc = haul_hn_place(w->tree->heap, w->level[w->depth].hid, &s, e);
        if (rc == HAUL_OK && (i + 1) * size > s.n) /* the file changes as it is read */
            rc = haul_fail(e, HAUL_SKIP, "node 0x%x: its heap has changed", w->tree->heap->node.nid);
        if (rc != HAUL_OK) {
            w->level[w->depth].i = w->level[w->depth].n;
            break;
        }
        w->level[w->depth].i++;
        w->place = (haul_place){.block = s.block, .from = s.from + i * size, .n = size};
        const uint8_t *p = haul_place_octets(&w->place);
        if (w->depth == w->tree->levels) {
            memcpy(ret, p, size);
            return HAUL_OK;
        }
        rc = descend(w, w->depth + 1, haul_nodes32(p + w->tree->key), e);
    }
    return rc == HAUL_OK ? HAUL_END : rc;
}

/* ── property context ── */

haul_rc haul_props_open(haul_props *p, haul_nodes *n, const haul_node *node, haul_err *e)
{
    haul_rc rc = haul_hn_open(&p->heap, n, node, HAUL_HN_BLOCKS, e);
    if (rc == HAUL_OK)
        rc = haul_bth_open(&p->tree, &p->heap, p->heap.root, e);
    if (rc == HAUL_OK && (p->heap.client != HAUL_HN_PROPS || p->tree.key != 2 || p->tree.data != 6))
        rc = haul_fail(e, HAUL_SKIP, "node 0x%x: its data are no properties", node->nid);
    return rc;
}

void haul_props_done(haul_props *p)
{
    haul_hn_done(&p->heap);
}

static haul_props_entry entry_of(const uint8_t *record)
{
    return (haul_props_entry){.id = (uint16_t)haul_nodes16(record),
                              .type = (uint16_t)haul_nodes16(record + 2),
                              .value = haul_nodes32(record + 4)};
}

haul_rc haul_props_find(haul_props *p, uint16_t id, haul_props_entry *ret, haul_err *e)
{
    uint8_t record[HAUL_BTH_RECORD];
    haul_rc rc = haul_bth_find(&p->tree, id, record, e);
    if (rc == HAUL_OK)
        *ret = entry_of(record);
    return rc;
}

haul_rc haul_props_next(haul_bth_walk *w, haul_props_entry *ret, haul_err *e)
{
    uint8_t record[HAUL_BTH_RECORD];
    haul_rc rc = haul_bth_next(w, record, e);
    if (rc == HAUL_OK)
        *ret = entry_of(record);
    return rc;
}

static haul_rc value_in_node(haul_props *p, uint32_t nid, haul_props_value *ret, haul_err *e)
{
    haul_node node = {0};
    haul_data d = {0};
    haul_rc rc = haul_nodes_sub(p->heap.nodes, p->heap.node.sub, nid, &node, e);
    if (rc != HAUL_OK)
        return rc;
    rc = haul_data_open(&d, p->heap.nodes, node.data, e);
    *ret =
        (haul_props_value){.where = HAUL_PROPS_NODE, .size = d.size, .data = node.data, .single = !d.levels};
    haul_data_done(&d);
    return rc;
}

bool haul_props_inline(unsigned type)
{
    size_t width = haul_prop_width(type);
    return width && width <= 4;
}

haul_rc haul_props_value_of(haul_props *p, const haul_props_entry *entry, haul_props_value *ret, haul_err *e)
{
    haul_span s = {0};
    size_t width = haul_prop_width(entry->type & ~(unsigned)HAUL_PT_MULTI);
    if (width == SIZE_MAX)
        return haul_fail(e, HAUL_SKIP, "a property of unknown type 0x%04x", entry->type);
    bool own = haul_props_inline(entry->type);
    if (own || !entry->value) {
        *ret = (haul_props_value){.where = HAUL_PROPS_INLINE, .size = own ? width : 0};
        for (unsigned i = 0; i < 4; i++)
            ret->own[i] = (uint8_t)(entry->value >> 8 * i);
        return HAUL_OK;
    }
    if (entry->value & 0x1f) /* an HNID: a node id has a type (2.3.3.2) */
        return value_in_node(p, entry->value, ret, e);
    haul_rc rc = haul_hn_get(&p->heap, entry->value, &s, e);
    if (rc == HAUL_OK)
        *ret = (haul_props_value){.where = HAUL_PROPS_HEAP, .size = s.len, .p = (const uint8_t *)s.p};
    return rc;
}

static haul_rc take_node(haul_props *p, const haul_props_value *v, uint8_t *to, haul_err *e)
{
    haul_data_loss loss;
    haul_rc rc = haul_nodes_fill(p->heap.nodes, v->data, to, v->size, &loss, e);
    if (rc == HAUL_OK && loss.places)
        rc = haul_fail(e, HAUL_SKIP, "%llu octets of it cannot be read", (unsigned long long)loss.octets);
    return rc;
}

haul_rc haul_props_take(haul_props *p, const haul_props_entry *entry, size_t max, haul_arena *a,
                        haul_span *ret, haul_err *e)
{
    haul_props_value v = {0};
    haul_rc rc = haul_props_value_of(p, entry, &v, e);
    if (rc != HAUL_OK)
        return rc;
    if (v.size > max)
        return haul_fail(e, HAUL_SKIP, "a value of %llu octets", (unsigned long long)v.size);
    if (v.where == HAUL_PROPS_HEAP && p->heap.blocks.arena == a) { /* it is there already */
        *ret = (haul_span){(const char *)v.p, (size_t)v.size};
        return HAUL_OK;
    }
    uint8_t *to = haul_arena_alloc(a, (size_t)v.size + 1);
    if (v.where == HAUL_PROPS_NODE)
        rc = take_node(p, &v, to, e);
    else
        memcpy(to, v.where == HAUL_PROPS_INLINE ? v.own : v.p, (size_t)v.size);
    if (rc == HAUL_OK)
        *ret = (haul_span){(const char *)to, (size_t)v.size};
    return rc;
}

haul_rc haul_props_object(haul_props *p, const haul_props_entry *entry, haul_node *ret, haul_err *e)
{
    haul_span s = {0};
    if (entry->type != HAUL_PT_OBJECT)
        return haul_fail(e, HAUL_SKIP, "no object, but a property of type 0x%04x", entry->type);
    haul_rc rc = haul_hn_get(&p->heap, entry->value, &s, e);
    if (rc == HAUL_OK && s.len < 4)
        rc = haul_fail(e, HAUL_SKIP, "an object without a node");
    if (rc != HAUL_OK)
        return rc;
    return haul_nodes_sub(p->heap.nodes, p->heap.node.sub, haul_nodes32((const uint8_t *)s.p), ret, e);
}
