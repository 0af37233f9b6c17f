#include "pst/ltp.h"

#include "base/utf.h"
#include "mime/prop.h"
#include "pst/le.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SUBNODE 0x400u

void haul_made_utf16(haul_str *to, const char *utf8)
{
    for (size_t left = strlen(utf8), n; left; utf8 += n, left -= n) {
        uint32_t cp = 0xfffd;
        n = haul_utf8_next(utf8, left, &cp);
        if (!n)
            n = 1;
        uint8_t unit[4];
        if (cp >= 0x10000) {
            haul_put16(unit, 0xd800 + ((cp - 0x10000) >> 10));
            haul_put16(unit + 2, 0xdc00 + ((cp - 0x10000) & 0x3ff));
        } else {
            haul_put16(unit, cp);
        }
        haul_str_add(to, unit, cp >= 0x10000 ? 4 : 2);
    }
}

/* ── Subnodes ── */

void haul_subnodes_add(haul_subnodes *s, uint32_t nid, uint64_t data, uint64_t sub)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 8;
        s->v = haul_realloc(s->v, s->cap * sizeof(*s->v));
    }
    s->v[s->n++] = (haul_subnode){.nid = nid, .data = data, .sub = sub};
}

uint32_t haul_subnodes_new(haul_subnodes *s, unsigned type)
{
    return HAUL_NDB_NID(FIRST_SUBNODE + s->next++, type);
}

uint64_t haul_subnodes_end(haul_subnodes *s, haul_ndb *n)
{
    uint64_t bid = haul_ndb_subnodes(n, s->v, s->n);
    free(s->v);
    *s = (haul_subnodes){0};
    return bid;
}

/* ── Values ── */

/* Octets of a type whose values can be in a record; 0 for the others. */
static unsigned fixed_size(uint32_t tag)
{
    size_t width = haul_prop_width(tag & 0xffff);
    return width <= 8 ? (unsigned)width : 0;
}

static uint32_t put_tree(haul_subnodes *subs, uint64_t data)
{
    uint32_t nid = haul_subnodes_new(subs, HAUL_NDB_NID_LTP);
    haul_subnodes_add(subs, nid, data, 0);
    return nid;
}

/* A value outside its record: in the heap, or in a subnode when it is too large (2.3.3.2 HNID). */
static uint32_t put_value(haul_ndb *ndb, haul_heap *h, haul_subnodes *subs, const void *p, size_t n)
{
    if (n == 0)
        return 0;
    return n <= HAUL_HEAP_MAX ? haul_heap_add(h, p, n) : put_tree(subs, haul_ndb_data(ndb, p, n));
}

static uint32_t inline_value(const uint8_t *p, size_t n)
{
    uint8_t v[4] = {0};
    memcpy(v, p, n < 4 ? n : 4);
    return haul_le32(v);
}

/* ── Property context ── */

void haul_pc_init(haul_pc *pc, haul_ndb *n)
{
    *pc = (haul_pc){.ndb = n};
    haul_heap_init(&pc->heap, n, HAUL_HEAP_PROPS);
    haul_heap_add(&pc->heap, NULL, 8); /* the B-tree's header is HID 0x20 */
}

bool haul_pc_has(const haul_pc *pc, uint32_t tag)
{
    for (size_t i = 0; i < pc->n; i++)
        if (pc->v[i].tag >> 16 == tag >> 16)
            return true;
    return false;
}

static void pc_put(haul_pc *pc, uint32_t tag, uint32_t value)
{
    if (pc->n == pc->cap) {
        pc->cap = pc->cap ? pc->cap * 2 : 32;
        pc->v = haul_realloc(pc->v, pc->cap * sizeof(*pc->v));
    }
    pc->v[pc->n++] = (haul_pc_prop){.tag = tag, .value = value};
}

void haul_pc_add(haul_pc *pc, uint32_t tag, const void *p, size_t n)
{
    if (haul_pc_has(pc, tag))
        return;
    unsigned size = fixed_size(tag);
    if (size && size <= 4)
        pc_put(pc, tag, inline_value(p, n));
    else
        pc_put(pc, tag, put_value(pc->ndb, &pc->heap, &pc->subs, p, n));
}

void haul_pc_u32(haul_pc *pc, uint32_t tag, uint32_t v)
{
    uint8_t p[4];
    haul_put32(p, v);
    haul_pc_add(pc, tag, p, 4);
}

void haul_pc_u64(haul_pc *pc, uint32_t tag, uint64_t v)
{
    uint8_t p[8];
    haul_put64(p, v);
    haul_pc_add(pc, tag, p, 8);
}

void haul_pc_text(haul_pc *pc, uint16_t id, const char *utf8)
{
    haul_auto_str s = {0};
    haul_made_utf16(&s, utf8);
    haul_pc_add(pc, (uint32_t)id << 16 | HAUL_PT_UNICODE, s.p, s.len);
}

void haul_pc_object(haul_pc *pc, uint32_t tag, uint32_t nid, uint32_t size)
{
    uint8_t p[8];
    haul_put32(p, nid);
    haul_put32(p + 4, size);
    if (!haul_pc_has(pc, tag))
        pc_put(pc, tag, haul_heap_add(&pc->heap, p, 8));
}

void haul_pc_tree(haul_pc *pc, uint32_t tag, uint64_t data)
{
    if (!haul_pc_has(pc, tag))
        pc_put(pc, tag, data ? put_tree(&pc->subs, data) : 0);
}

static int by_tag(const void *a, const void *b)
{
    uint32_t x = ((const haul_pc_prop *)a)->tag, y = ((const haul_pc_prop *)b)->tag;
    return (x > y) - (x < y);
}

haul_object haul_pc_end(haul_pc *pc)
{
    if (pc->n)
        qsort(pc->v, pc->n, sizeof(*pc->v), by_tag);
    uint8_t *records = haul_calloc(pc->n + 1, 8); /* 2.3.3.3 */
    for (size_t i = 0; i < pc->n; i++) {
        haul_put16(records + 8 * i, pc->v[i].tag >> 16);
        haul_put16(records + 8 * i + 2, pc->v[i].tag & 0xffff);
        haul_put32(records + 8 * i + 4, pc->v[i].value);
    }
    haul_bth_build(&pc->heap, 0x20, 2, 6, records, pc->n);
    free(records);
    haul_object o = {.data = haul_heap_end(&pc->heap, 0x20), .sub = haul_subnodes_end(&pc->subs, pc->ndb)};
    free(pc->v);
    *pc = (haul_pc){0};
    return o;
}

/* ── Table context ── */

static uint8_t cell_size(uint32_t tag)
{
    unsigned size = fixed_size(tag);
    return (uint8_t)(size ? size : 4); /* others are an HNID */
}

static int by_column(const void *a, const void *b)
{
    uint32_t x = ((const haul_tc_column *)a)->tag, y = ((const haul_tc_column *)b)->tag;
    return (x > y) - (x < y);
}

/* Ends of the groups of columns (2.3.4.1): 0 for 4 and 8 octets, 1 for 2, 2 for 1. */
static unsigned group_of(uint8_t size)
{
    return size >= 4 ? 0 : size == 2 ? 1 : 2;
}

/* The groups lie behind one another, so a group that grows moves the ones behind it. */
static void lay_out(haul_tc *t, size_t n_fixed)
{
    uint16_t fixed_end[3] = {0}, grown[3] = {0};
    for (size_t i = 0; i < n_fixed; i++) {
        haul_tc_column *c = &t->columns[i];
        unsigned g = group_of(c->size);
        if (c->at + c->size > fixed_end[g])
            fixed_end[g] = (uint16_t)(c->at + c->size);
    }
    for (unsigned g = 1; g < 3; g++)
        if (fixed_end[g] < fixed_end[g - 1])
            fixed_end[g] = fixed_end[g - 1];
    for (size_t i = n_fixed; i < t->n_columns; i++) {
        haul_tc_column *c = &t->columns[i];
        unsigned g = group_of(c->size);
        c->at = (uint16_t)(fixed_end[g] + grown[g]);
        c->bit = (uint8_t)i;
        grown[g] = (uint16_t)(grown[g] + c->size);
    }
    for (size_t i = 0; i < t->n_columns; i++) {
        haul_tc_column *c = &t->columns[i];
        unsigned g = group_of(c->size);
        c->at = (uint16_t)(c->at + (g >= 1 ? grown[0] : 0) + (g >= 2 ? grown[1] : 0));
    }
    uint16_t moved = 0;
    for (unsigned g = 0; g < 3; g++) {
        moved = (uint16_t)(moved + grown[g]);
        t->end[g] = (uint16_t)(fixed_end[g] + moved);
    }
    t->end[3] = (uint16_t)(t->end[2] + (t->n_columns + 7) / 8);
}

void haul_tc_init(haul_tc *t, haul_ndb *n, const haul_tc_column *columns, size_t n_columns,
                  const uint32_t *more, size_t n_more)
{
    *t = (haul_tc){.ndb = n, .n_columns = n_columns + n_more};
    t->columns = haul_calloc(t->n_columns, sizeof(*t->columns));
    for (size_t i = 0; i < t->n_columns; i++) {
        t->columns[i] = i < n_columns ? columns[i] : (haul_tc_column){.tag = more[i - n_columns]};
        t->columns[i].size = cell_size(t->columns[i].tag);
    }
    lay_out(t, n_columns);
    qsort(t->columns, t->n_columns, sizeof(*t->columns), by_column);
    haul_heap_init(&t->heap, n, HAUL_HEAP_TABLE);
    haul_heap_add(&t->heap, NULL, 8);                     /* the row index is HID 0x20, */
    haul_heap_add(&t->heap, NULL, 22 + 8 * t->n_columns); /* TCINFO HID 0x40: some readers rely on it */
}

static size_t rows_in_block(const haul_tc *t)
{
    return haul_ndb_most(t->ndb) / t->end[3];
}

static uint8_t *last_row(haul_tc *t)
{
    return t->rows + (t->n_open - 1) * t->end[3];
}

/* Blocks hold whole rows, and those in front of the last one are full (2.3.4.4). */
static void end_block(haul_tc *t)
{
    if (!t->matrix.ndb)
        haul_dtree_init(&t->matrix, t->ndb);
    haul_dtree_pad(&t->matrix);
    haul_dtree_add(&t->matrix, t->rows, t->n_open * t->end[3]);
    t->n_open = 0;
}

void haul_tc_row(haul_tc *t, uint32_t id, uint32_t version)
{
    if (t->n_open == rows_in_block(t))
        end_block(t);
    if (t->n_open == t->cap_open) {
        t->cap_open = t->cap_open ? t->cap_open * 2 : 4;
        t->rows = haul_realloc(t->rows, t->cap_open * t->end[3]);
    }
    if (t->n_rows == t->cap_ids) {
        t->cap_ids = t->cap_ids ? t->cap_ids * 2 : 4;
        t->ids = haul_realloc(t->ids, t->cap_ids * sizeof(*t->ids));
    }
    t->ids[t->n_rows++] = id;
    t->n_open++;
    memset(last_row(t), 0, t->end[3]);
    haul_tc_u32(t, 0x67f20003, id);
    haul_tc_u32(t, 0x67f30003, version);
}

void haul_tc_cell(haul_tc *t, uint32_t tag, const void *p, size_t n)
{
    haul_tc_column key = {.tag = tag};
    haul_tc_column *c = bsearch(&key, t->columns, t->n_columns, sizeof(*t->columns), by_column);
    if (!c)
        return;
    uint8_t *row = last_row(t), *at = row + c->at;
    if (fixed_size(tag))
        memcpy(at, p, n < c->size ? n : c->size);
    else
        haul_put32(at, put_value(t->ndb, &t->heap, &t->subs, p, n));
    row[t->end[2] + c->bit / 8] |= (uint8_t)(0x80u >> c->bit % 8); /* 2.3.4.4.1 rgbCEB */
}

void haul_tc_u32(haul_tc *t, uint32_t tag, uint32_t v)
{
    uint8_t p[4];
    haul_put32(p, v);
    haul_tc_cell(t, tag, p, 4);
}

void haul_tc_text(haul_tc *t, uint16_t id, const char *utf8)
{
    haul_auto_str s = {0};
    haul_made_utf16(&s, utf8);
    haul_tc_cell(t, (uint32_t)id << 16 | HAUL_PT_UNICODE, s.p, s.len);
}

/* 2.3.4.4: in the heap when they fit, else in a subnode. */
static uint32_t put_rows(haul_tc *t)
{
    if (!t->matrix.ndb && t->n_rows * t->end[3] <= HAUL_HEAP_MAX)
        return t->n_rows ? haul_heap_add(&t->heap, t->rows, t->n_rows * t->end[3]) : 0;
    end_block(t);
    return put_tree(&t->subs, haul_dtree_end(&t->matrix));
}

typedef struct row_key {
    uint32_t id, row;
} row_key;

static int by_row(const void *a, const void *b)
{
    const row_key *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static void put_index(haul_tc *t) /* 2.3.4.3 */
{
    row_key *keys = haul_calloc(t->n_rows + 1, sizeof(*keys));
    uint8_t *records = haul_calloc(t->n_rows + 1, 8);
    for (size_t i = 0; i < t->n_rows; i++)
        keys[i] = (row_key){.id = t->ids[i], .row = (uint32_t)i};
    qsort(keys, t->n_rows, sizeof(*keys), by_row);
    for (size_t i = 0; i < t->n_rows; i++) {
        haul_put32(records + 8 * i, keys[i].id);
        haul_put32(records + 8 * i + 4, keys[i].row);
    }
    haul_bth_build(&t->heap, 0x20, 4, 4, records, t->n_rows);
    free(records);
    free(keys);
}

haul_object haul_tc_end(haul_tc *t)
{
    uint32_t rows = put_rows(t);
    put_index(t);
    uint8_t *p = haul_heap_at(&t->heap, 0x40); /* TCINFO (2.3.4.1) */
    p[0] = HAUL_HEAP_TABLE;
    p[1] = (uint8_t)t->n_columns;
    for (unsigned i = 0; i < 4; i++)
        haul_put16(p + 2 + 2 * i, t->end[i]);
    haul_put32(p + 10, 0x20);
    haul_put32(p + 14, rows);
    for (size_t i = 0; i < t->n_columns; i++) {
        uint8_t *c = p + 22 + 8 * i;
        haul_put32(c, t->columns[i].tag);
        haul_put16(c + 4, t->columns[i].at);
        c[6] = t->columns[i].size;
        c[7] = t->columns[i].bit;
    }
    haul_object o = {.data = haul_heap_end(&t->heap, 0x40), .sub = haul_subnodes_end(&t->subs, t->ndb)};
    free(t->columns);
    free(t->rows);
    free(t->ids);
    *t = (haul_tc){0};
    return o;
}
