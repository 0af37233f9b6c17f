/* Subnodes and property contexts being written. Source: MS-PST 2.3.3. */
#include "put_ltp.h"

#include "mime/put.h"
#include "ndb.h"
#include "put_le.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SUBNODE 0x400u

/* ── subnodes ── */

void haul_pstw_subs_add(haul_pstw_subs *s, uint32_t nid, uint32_t data, uint32_t sub)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 8;
        s->v = haul_realloc(s->v, s->cap * sizeof(*s->v));
    }
    s->v[s->n++] = (haul_pstw_subnode){.nid = nid, .data = data, .sub = sub};
}

uint32_t haul_pstw_subs_new(haul_pstw_subs *s, unsigned type)
{
    return HAUL_PSTW_NID(FIRST_SUBNODE + s->next++, type);
}

uint32_t haul_pstw_subs_end(haul_pstw_subs *s, haul_pstw_ndb *n)
{
    uint32_t bid = haul_pstw_subnode_list(n, s->v, s->n);
    free(s->v);
    *s = (haul_pstw_subs){0};
    return bid;
}

/* ── values ── */

unsigned haul_pstw_fixed(uint32_t tag)
{
    size_t width = haul_prop_width(tag & 0xffff);
    return width <= 8 ? (unsigned)width : 0;
}

static uint32_t in_subnode(haul_pstw_subs *subs, uint32_t data)
{
    uint32_t nid = haul_pstw_subs_new(subs, HAUL_PSTW_NID_LTP);
    haul_pstw_subs_add(subs, nid, data, 0);
    return nid;
}

uint32_t haul_pstw_value(haul_pstw_heap *h, haul_pstw_subs *subs, const void *p, size_t n)
{
    if (n == 0)
        return 0;
    return n <= HAUL_PSTW_HEAP_MAX ? haul_pstw_heap_add(h, p, n)
                                   : in_subnode(subs, haul_pstw_data(h->ndb, p, n));
}

static uint32_t inline_value(const uint8_t *p, size_t n)
{
    uint8_t v[4] = {0};
    memcpy(v, p, n < 4 ? n : 4);
    return haul_nodes32(v);
}

/* ── property context ── */

void haul_pstw_pc_init(haul_pstw_pc *pc, haul_pstw_ndb *n)
{
    *pc = (haul_pstw_pc){0};
    haul_pstw_heap_init(&pc->heap, n, HAUL_PSTW_PC);
    haul_pstw_heap_add(&pc->heap, NULL, 8); /* the B-tree's header is HID 0x20 */
}

/* Where the first property with that id, or a higher one, is. */
static size_t place_of(const haul_pstw_pc *pc, uint32_t id)
{
    size_t low = 0, high = pc->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (pc->v[middle].tag >> 16 < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool haul_pstw_pc_has(const haul_pstw_pc *pc, uint32_t tag)
{
    size_t at = place_of(pc, tag >> 16);
    return at < pc->n && pc->v[at].tag >> 16 == tag >> 16;
}

static void pc_put(haul_pstw_pc *pc, uint32_t tag, uint32_t value)
{
    if (pc->n == pc->cap) {
        pc->cap = pc->cap ? pc->cap * 2 : 64;
        pc->v = haul_realloc(pc->v, pc->cap * sizeof(*pc->v));
    }
    size_t at = place_of(pc, tag >> 16);
    memmove(pc->v + at + 1, pc->v + at, (pc->n - at) * sizeof(*pc->v));
    pc->v[at] = (haul_pstw_prop){.tag = tag, .value = value};
    pc->n++;
}

static bool has_room(haul_pstw_pc *pc)
{
    pc->full = pc->full || pc->n >= HAUL_PSTW_PROPS;
    return pc->n < HAUL_PSTW_PROPS;
}

void haul_pstw_pc_add(haul_pstw_pc *pc, uint32_t tag, const void *p, size_t n)
{
    if (haul_pstw_pc_has(pc, tag) || !has_room(pc))
        return;
    unsigned size = haul_pstw_fixed(tag);
    pc->size += n;
    if (size && size <= 4)
        pc_put(pc, tag, inline_value(p, n));
    else
        pc_put(pc, tag, haul_pstw_value(&pc->heap, &pc->subs, p, n));
}

void haul_pstw_pc_u32(haul_pstw_pc *pc, uint32_t tag, uint32_t v)
{
    uint8_t p[4];
    haul_put32(p, v);
    haul_pstw_pc_add(pc, tag, p, 4);
}

void haul_pstw_pc_u64(haul_pstw_pc *pc, uint32_t tag, uint64_t v)
{
    uint8_t p[8];
    haul_put64(p, v);
    haul_pstw_pc_add(pc, tag, p, 8);
}

void haul_pstw_pc_text(haul_pstw_pc *pc, uint16_t id, const char *utf8)
{
    haul_auto_str s = {0};
    haul_utf16_add(&s, utf8, strlen(utf8));
    haul_pstw_pc_add(pc, (uint32_t)id << 16 | HAUL_PT_UNICODE, s.p, s.len);
}

void haul_pstw_pc_tree(haul_pstw_pc *pc, uint32_t tag, uint32_t data, uint64_t size)
{
    if (haul_pstw_pc_has(pc, tag) || !has_room(pc))
        return;
    pc->size += size;
    pc_put(pc, tag, data ? in_subnode(&pc->subs, data) : 0);
}

void haul_pstw_pc_object(haul_pstw_pc *pc, uint32_t tag, uint32_t nid, uint32_t size)
{
    uint8_t p[8];
    haul_put32(p, nid);
    haul_put32(p + 4, size);
    if (haul_pstw_pc_has(pc, tag) || !has_room(pc))
        return;
    pc->size += size;
    pc_put(pc, tag, haul_pstw_heap_add(&pc->heap, p, 8));
}

haul_pstw_object haul_pstw_pc_end(haul_pstw_pc *pc)
{
    haul_pstw_ndb *n = pc->heap.ndb;
    uint8_t *records = haul_calloc(pc->n + 1, 8); /* 2.3.3.3 */
    for (size_t i = 0; i < pc->n; i++) {
        haul_put16(records + 8 * i, pc->v[i].tag >> 16);
        haul_put16(records + 8 * i + 2, pc->v[i].tag & 0xffff);
        haul_put32(records + 8 * i + 4, pc->v[i].value);
    }
    haul_pstw_bth(&pc->heap, 0x20, 2, 6, records, pc->n);
    free(records);
    haul_pstw_object o = {.data = haul_pstw_heap_end(&pc->heap, 0x20),
                          .sub = haul_pstw_subs_end(&pc->subs, n)};
    free(pc->v);
    *pc = (haul_pstw_pc){0};
    return o;
}
