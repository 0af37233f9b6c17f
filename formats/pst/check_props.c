#include "check.h"

#include "mime/prop.h"

#include <stdlib.h>

/* ── values (2.3.3.3, 2.3.3.4) ── */

static bool is_multi(uint32_t tag)
{
    return tag & HAUL_PT_MULTI;
}

static unsigned single(uint32_t tag)
{
    return tag & 0xffff & ~(unsigned)HAUL_PT_MULTI;
}

/* Whether a size can be one of the type: width 0 = any. */
static bool fits(uint32_t tag, size_t width, uint64_t size)
{
    if (is_multi(tag))
        return width ? size % width == 0 : size >= 4;
    return width ? size == width : single(tag) != HAUL_PT_UNICODE || size % 2 == 0;
}

typedef struct offsets { /* of a multi-value of values whose size is not fixed (2.3.3.4.2) */
    bool even;           /* values are UTF-16 */
    bool good;
    uint64_t size, at, last; /* of the whole; octets that were read; the offset in front */
    uint64_t end;            /* of the offsets */
} offsets;

/* Numbers of 4 octets, in order. Those of a larger value come block by block: none lies in two. */
static void read_offsets(offsets *o, const uint8_t *p, size_t n)
{
    for (size_t i = 0; o->good && o->at < o->end && i + 4 <= n; i += 4, o->at += 4) {
        uint64_t v = haul_nodes32(p + i);
        if (!o->at) {
            o->end = 4 + 4 * v;
            o->last = o->end;
            o->good = o->end <= o->size;
            continue;
        }
        o->good = v >= o->last && v <= o->size && !(o->even && o->at > 4 && (v - o->last) % 2);
        o->last = v;
    }
}

static bool read_leaves(haul_pstc_heap *h, uint32_t nid, offsets *o)
{
    const haul_node *n = haul_pstc_heap_sub(h, nid);
    uint64_t *leaves = NULL;
    size_t n_leaves = 0;
    uint8_t *p = haul_alloc(HAUL_NODES_BLOCK);
    bool good = n && n->data && haul_pst_leaves(h->c, n->data, &leaves, &n_leaves);
    for (size_t i = 0; good && i < n_leaves && o->good && o->at < o->end; i++) {
        size_t got = haul_pst_octets(h->c, leaves[i], p);
        good = got > 0;
        read_offsets(o, p, got);
    }
    free(p);
    free(leaves);
    return good;
}

static void judge_offsets(haul_pstc_heap *h, uint32_t tag, uint32_t hnid, uint64_t size)
{
    const uint8_t *p = NULL;
    size_t n = 0;
    offsets o = {.even = single(tag) == HAUL_PT_UNICODE, .good = true, .size = size, .end = 4};
    if (hnid & 0x1f) {
        if (!read_leaves(h, hnid, &o)) /* what cannot be read was said */
            return;
    } else if (haul_pstc_heap_get(h, hnid, &p, &n)) {
        read_offsets(&o, p, n);
    }
    if (!o.good || o.at < o.end || (o.even && (size - o.last) % 2))
        haul_pst_say(h->c, HAUL_FINDING_PST_PROP_MULTI, HAUL_NOWHERE, 0,
                     "property 0x%08x: number %llu of the count and offsets, of %llu octets", tag,
                     (unsigned long long)o.at / 4, (unsigned long long)size);
}

void haul_pstc_judge_value(haul_pstc_heap *h, uint32_t tag, uint32_t hnid, uint64_t size)
{
    size_t width = haul_prop_width(single(tag));
    if (!fits(tag, width, size))
        haul_pst_say(h->c, HAUL_FINDING_PST_PROP_SIZE, HAUL_NOWHERE, 0, "property 0x%08x: %llu octets", tag,
                     (unsigned long long)size);
    else if (is_multi(tag) && !width)
        judge_offsets(h, tag, hnid, size);
}

/* ── property context (2.3.3) ── */

typedef struct props {
    haul_pstc_heap *h;
    haul_pstc_facts *facts;
    haul_pstc_schema schema;
    uint32_t seen; /* of the schema */
} props;

/* The entry of an object names a subnode, and its size (2.3.3.5). */
static void check_object(props *p, uint32_t hid, uint32_t tag)
{
    const uint8_t *o = NULL;
    size_t n = 0;
    if (!haul_pstc_heap_get(p->h, hid, &o, &n))
        return;
    if (n != 8 || !haul_pstc_heap_sub(p->h, haul_nodes32(o)))
        haul_pst_say(p->h->c, HAUL_FINDING_PST_PROP_VALUE, HAUL_NOWHERE, 0,
                     "property 0x%08x: no subnode of it", tag);
}

static void note_fact(haul_pstc_facts *f, uint32_t tag, uint32_t value)
{
    if (tag == 0x36020003) {
        f->has_count = true;
        f->count = value;
    } else if (tag == 0x36030003) {
        f->has_unread = true;
        f->unread = value;
    } else if (tag == 0x360a000b) {
        f->has_subfolders = true;
        f->subfolders = value & 0xff;
    } else if (tag == 0x0e070003) {
        f->has_flags = true;
        f->flags = value;
    }
}

static void check_prop(void *ctx, const uint8_t *r, size_t n)
{
    props *p = ctx;
    uint32_t tag = haul_nodes16(r) << 16 | haul_nodes16(r + 2), value = haul_nodes32(r + 4);
    uint64_t size = 0;
    size_t width = haul_prop_width(single(tag));
    (void)n;
    if (width == SIZE_MAX) {
        haul_pst_say(p->h->c, HAUL_FINDING_PST_PROP_TYPE, HAUL_NOWHERE, 0, "property 0x%04x: 0x%04x",
                     tag >> 16, tag & 0xffff);
        return;
    }
    p->seen |= haul_pstc_schema_bit(&p->schema, tag, true);
    note_fact(p->facts, tag, value);
    if ((width && width <= 4 && !is_multi(tag)) || !value)
        return;
    if (!haul_pstc_value(p->h, value, &size))
        haul_pst_say(p->h->c, HAUL_FINDING_PST_PROP_VALUE, HAUL_NOWHERE, 0, "property 0x%08x: HNID 0x%x", tag,
                     value);
    else if (single(tag) == HAUL_PT_OBJECT)
        check_object(p, value, tag);
    else
        haul_pstc_judge_value(p->h, tag, value, size);
}

void haul_pstc_props(haul_pstc_heap *h, uint32_t nid, haul_pstc_facts *ret)
{
    *ret = (haul_pstc_facts){0};
    props p = {.h = h, .facts = ret, .schema = haul_pstc_schema_of(h->c, nid)};
    haul_pstc_tree t = {.heap = h, .key = 2, .data = 6, .record = check_prop, .ctx = &p};
    if (haul_pstc_tree_walk(&t, h->root))
        haul_pstc_schema_judge(h->c, &p.schema, p.seen, HAUL_FINDING_PST_PROP_MISSING);
}
