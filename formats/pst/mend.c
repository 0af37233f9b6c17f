#include "mend.h"

#include "mime/prop.h"

#include "base/attr.h"

#include <stdio.h>
#include <stdlib.h>

#define SIG_HEAP       0xecu /* MS-PST 2.3.1.2 */
#define SIG_TABLE      0x7cu
#define SIG_BTH        0xb5u
#define SIG_PROPS      0xbcu
#define NID_ATTACHMENT 0x05u
#define NID_LTP        0x1fu /* values and rows: no heaps */
#define NID_NAMES      0x61u
#define TABLE_HEAD     22u
#define ROW_ID         0x67f20003u /* PidTagLtpRowId */
#define LEVELS_MAX     8u

#define NID_MESSAGE    0x04u
#define NID_ASSOCIATED 0x08u
#define MESSAGE_CLASS  0x001au

typedef struct mender {
    haul_raw *raw;
    haul_mend_note *note;
    void *ctx;
    size_t patches, notes, objects, records;
} mender;

typedef struct heap {
    mender *m;
    uint32_t nid;
    unsigned depth;
    haul_raw_data data;
    haul_raw_list subs;
    const haul_raw_list *around; /* subnodes that a table is one of; NULL = none */
} heap;

typedef struct spot { /* an allocation, a record, a row */
    haul_raw_block *block;
    size_t from, n;
} spot;

static const uint8_t *octets(const spot *s)
{
    return s->block->p + s->from;
}

static void say(heap *h, haul_issue_id id, const char *text)
{
    char line[256];
    if (h->m->notes++ >= HAUL_MEND_NOTES)
        return;
    if (h->depth)
        snprintf(line, sizeof(line), "subnode 0x%x: %s", h->nid, text);
    h->m->note(h->m->ctx, id, h->depth ? line : text);
}

static void patch(heap *h, const spot *s, size_t from, uint32_t v, size_t n)
{
    uint8_t le[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    if (haul_raw_patch(h->m->raw, s->block, s->from + from, le, n))
        h->m->patches++;
}

static bool spent(heap *h)
{
    return ++h->m->records > HAUL_MEND_RECORDS;
}

/* ── heap on node (2.3.1) ── */

static bool allocation(heap *h, uint32_t hid, spot *ret)
{
    unsigned bits = h->m->raw->big ? 14 : 11; /* of the index; block and type take the rest */
    size_t index = hid >> 5 & ((1u << bits) - 1), block = hid >> (5 + bits);
    if ((hid & 0x1f) || !index || block >= h->data.n)
        return false;
    haul_raw_block *b = &h->data.v[block];
    size_t map = b->n >= 2 ? haul_raw16(b->p) : b->n;
    if (map + 4 > b->n || index > haul_raw16(b->p + map) || map + 4 + 2 * (index + 1) > b->n)
        return false;
    const uint8_t *p = b->p + map + 4 + 2 * (index - 1);
    size_t from = haul_raw16(p), end = haul_raw16(p + 2);
    if (from > end || end > b->n)
        return false;
    *ret = (spot){.block = b, .from = from, .n = end - from};
    return true;
}

static bool is_subnode(const haul_raw_list *l, uint32_t nid)
{
    size_t low = 0, high = l->n; /* in order by 2.2.2.8.3.3.1 */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (l->v[mid].nid < nid)
            low = mid + 1;
        else
            high = mid;
    }
    return low < l->n && l->v[low].nid == nid;
}

/* Does a reference lead anywhere? 0 says that the value is empty. */
static bool resolves(heap *h, uint32_t hnid)
{
    spot s;
    return !hnid || ((hnid & 0x1f) ? is_subnode(&h->subs, hnid) : allocation(h, hnid, &s));
}

/* ── types that libpff knows ── */

static bool is_inline(unsigned type)
{
    return type == HAUL_PT_I16 || type == HAUL_PT_I32 || type == HAUL_PT_R32 || type == HAUL_PT_ERROR ||
           type == HAUL_PT_BOOL;
}

static bool is_wide(unsigned type) /* 8 octets: in place in tables, by reference in property contexts */
{
    return type == HAUL_PT_R64 || type == HAUL_PT_CURRENCY || type == HAUL_PT_APPTIME ||
           type == HAUL_PT_I64 || type == HAUL_PT_TIME;
}

static bool is_reference(unsigned type)
{
    unsigned one = type & ~(unsigned)HAUL_PT_MULTI;
    if (is_wide(one) || one == HAUL_PT_STRING8 || one == HAUL_PT_UNICODE || one == HAUL_PT_GUID ||
        one == HAUL_PT_BINARY)
        return true;
    if (type & HAUL_PT_MULTI)
        return one == HAUL_PT_I16 || one == HAUL_PT_I32 || one == HAUL_PT_R32;
    return type == HAUL_PT_OBJECT || type == 0xfb || type == 0xfd ||
           type == 0xfe; /* ids, conditions, rules */
}

/* ── B-tree on heap (2.3.2) ── */

typedef void per_record(heap *h, const spot *record, void *ctx);

static void walk(heap *h, uint32_t hid, unsigned level, size_t key, size_t entry, per_record *each, void *ctx)
{
    spot all;
    size_t size = level ? key + 4 : key + entry;
    if (!allocation(h, hid, &all))
        return;
    for (size_t at = 0; at + size <= all.n && !spent(h); at += size) {
        spot one = {.block = all.block, .from = all.from + at, .n = size};
        if (level)
            walk(h, haul_raw32(octets(&one) + key), level - 1, key, entry, each, ctx);
        else
            each(h, &one, ctx);
    }
}

static void each_record(heap *h, uint32_t header, size_t key, size_t entry, per_record *each, void *ctx)
{
    spot s;
    if (!allocation(h, header, &s) || s.n < 8)
        return;
    const uint8_t *p = octets(&s);
    if (p[0] == SIG_BTH && p[1] == key && p[2] == entry && p[3] <= LEVELS_MAX)
        walk(h, haul_raw32(p + 4), p[3], key, entry, each, ctx);
}

/* ── property contexts (2.3.3) ── */

static void mend_property(heap *h, const spot *record, void *ctx)
{
    char text[128];
    const uint8_t *p = octets(record);
    unsigned id = haul_raw16(p), type = haul_raw16(p + 2);
    uint32_t value = haul_raw32(p + 4);
    (void)ctx;
    if (!is_inline(type) && !is_reference(type)) {
        bool reference = resolves(h, value);
        snprintf(text, sizeof(text), "property 0x%04x of type 0x%04x: taken as %s", id, type,
                 reference ? "octets" : "a number");
        patch(h, record, 2, reference ? HAUL_PT_BINARY : HAUL_PT_I32, 2);
        say(h, HAUL_ISSUE_PST_PROPERTY_TYPE, text);
    } else if (is_reference(type) && !resolves(h, value)) {
        snprintf(text, sizeof(text), "property 0x%04x of type 0x%04x: its value 0x%x does not exist", id,
                 type, value);
        patch(h, record, 4, 0, 4);
        say(h, HAUL_ISSUE_PST_PROPERTY_LOST, text);
    }
}

typedef struct class_search {
    bool there;
    spot spare; /* a property that an item can do without */
    unsigned spare_id;
} class_search;

static void look_for_class(heap *h, const spot *record, void *ctx)
{
    /* Icon, who changed it last, status that is not stored, time of change, what can be counted */
    static const uint16_t spares[] = {0x1080, 0x3ffb, 0x3ffa, 0x0e17, 0x0e62,
                                      0x0e79, 0x67f3, 0x3008, 0x0e1b, 0x0e08};
    class_search *c = ctx;
    unsigned id = haul_raw16(octets(record));
    (void)h;
    c->there = c->there || id == MESSAGE_CLASS;
    for (size_t i = 0; i < HAUL_COUNT(spares) && !c->spare_id; i++)
        if (spares[i] == id) {
            c->spare = *record;
            c->spare_id = id;
        }
}

/* libpff gives no recipients and attachments of an item without a class; an empty one is enough. */
static void mend_class(heap *h, uint32_t header)
{
    char text[128];
    class_search c = {0};
    unsigned type = h->nid & 0x1f;
    if (type != NID_MESSAGE && type != NID_ASSOCIATED)
        return;
    each_record(h, header, 2, 6, look_for_class, &c);
    if (c.there || !c.spare_id)
        return;
    snprintf(text, sizeof(text), "no message class; property 0x%04x was given up for one", c.spare_id);
    patch(h, &c.spare, 0, MESSAGE_CLASS | (uint32_t)HAUL_PT_UNICODE << 16, 4);
    patch(h, &c.spare, 4, 0, 4);
    say(h, HAUL_ISSUE_PST_PROPERTY_LOST, text);
}

/* ── table contexts (2.3.4) ── */

typedef struct table {
    spot info;
    size_t columns, row, bits; /* octets of a row; where its bitmap is */
    haul_raw_data matrix;
    spot inside;      /* rows that lie in the heap; n = 0: they are in the matrix */
    uint8_t bit[256]; /* of each column, as stored */
} table;

static spot column(const table *t, size_t i)
{
    return (spot){.block = t->info.block, .from = t->info.from + TABLE_HEAD + i * 8, .n = 8};
}

/* Not to be read: show the row id once more instead. */
static void drop_column(heap *h, const spot *c)
{
    patch(h, c, 0, ROW_ID, 4);
    patch(h, c, 4, 0, 2);
    patch(h, c, 6, 4, 1);
}

static unsigned type_of_size(unsigned size)
{
    return size == 8 ? HAUL_PT_I64 : size == 4 ? HAUL_PT_I32 : size == 2 ? HAUL_PT_I16 : HAUL_PT_BOOL;
}

static void mend_column(heap *h, const table *t, size_t i)
{
    char text[128];
    spot c = column(t, i);
    const uint8_t *p = octets(&c);
    unsigned type = haul_raw16(p), id = haul_raw16(p + 2), at = haul_raw16(p + 4), size = p[6];
    bool fits = (size == 1 || size == 2 || size == 4 || size == 8) && at + size <= t->row;
    bool known = is_inline(type) || is_reference(type);
    if (fits && known)
        return;
    snprintf(text, sizeof(text), "column 0x%04x of type 0x%04x, %u octets at %u", id, type, size, at);
    if (fits)
        patch(h, &c, 0, type_of_size(size), 2);
    else
        drop_column(h, &c);
    say(h, fits ? HAUL_ISSUE_PST_PROPERTY_TYPE : HAUL_ISSUE_PST_PROPERTY_LOST, text);
}

/* libpff takes iBit for the place of a column among all, and wants the row id in the first. */
static void number_columns(heap *h, const table *t)
{
    bool taken[256] = {false}, good = true;
    size_t first = t->columns;
    for (size_t i = 0; i < t->columns; i++) {
        spot c = column(t, i);
        const uint8_t *p = octets(&c);
        good = good && p[7] < t->columns && !taken[p[7]];
        taken[p[7]] = true;
        if (first == t->columns && !haul_raw16(p + 4) && p[6] == 4)
            first = i;
        good = good && (p[7] || (!haul_raw16(p + 4) && p[6] == 4));
    }
    if (good)
        return;
    if (first == t->columns) {
        spot c = column(t, 0);
        drop_column(h, &c);
        first = 0;
    }
    for (size_t i = 0, next = 1; i < t->columns; i++) {
        spot c = column(t, i);
        patch(h, &c, 7, i == first ? 0 : (uint32_t)next++, 1);
    }
}

static bool row_at(const table *t, size_t i, spot *ret)
{
    if (t->inside.n) {
        if (i >= t->inside.n / t->row)
            return false;
        *ret = (spot){.block = t->inside.block, .from = t->inside.from + i * t->row, .n = t->row};
        return true;
    }
    size_t per_block = t->matrix.n ? t->matrix.v[0].n / t->row : 0; /* rows do not span blocks */
    if (!per_block || i / per_block >= t->matrix.n)
        return false;
    haul_raw_block *b = &t->matrix.v[i / per_block];
    *ret = (spot){.block = b, .from = i % per_block * t->row, .n = t->row};
    return ret->from + t->row <= b->n;
}

static void mend_cell(heap *h, const table *t, size_t i, const spot *row)
{
    char text[128];
    spot c = column(t, i);
    const uint8_t *p = octets(&c);
    unsigned type = haul_raw16(p), at = haul_raw16(p + 4), bit = t->bit[i];
    if (p[6] != 4 || is_inline(type) || !is_reference(type) || at + 4u > row->n)
        return;
    uint32_t value = haul_raw32(octets(row) + at);
    size_t byte = t->bits + bit / 8;
    bool there = byte >= row->n || (octets(row)[byte] & (0x80u >> bit % 8));
    if (!value || (there && resolves(h, value)))
        return;
    patch(h, row, at, 0, 4);
    if (!there) /* what lies in a cell that is not there means nothing (2.3.4.4.1) */
        return;
    snprintf(text, sizeof(text), "a cell of column 0x%04x of type 0x%04x: its value 0x%x does not exist",
             haul_raw16(p + 2), type, value);
    say(h, HAUL_ISSUE_PST_PROPERTY_LOST, text);
}

/* A row and the index of rows must name the same id. */
static void mend_row(heap *h, const spot *record, void *ctx)
{
    const table *t = ctx;
    const uint8_t *p = octets(record);
    uint32_t id = haul_raw32(p);
    spot row;
    if (!row_at(t, record->n == 6 ? haul_raw16(p + 4) : haul_raw32(p + 4), &row))
        return;
    uint32_t stored = haul_raw32(octets(&row));
    if (stored != id) {
        bool believe_index = h->around && is_subnode(h->around, id) && !is_subnode(h->around, stored);
        if (believe_index)
            patch(h, &row, 0, id, 4);
        else
            patch(h, record, 0, stored, 4);
        say(h, HAUL_ISSUE_PST_ROW_MENDED, "a row and the index of the table name different ids");
    }
    for (size_t i = 0; i < t->columns && !spent(h); i++)
        mend_cell(h, t, i, &row);
}

/* Where the rows are: in the heap, or in a subnode. */
static void find_rows(heap *h, table *t, uint32_t hnid)
{
    if (!(hnid & 0x1f)) {
        if (!allocation(h, hnid, &t->inside))
            t->inside.n = 0;
        return;
    }
    for (size_t i = 0; i < h->subs.n; i++)
        if (h->subs.v[i].nid == hnid) {
            if (!haul_raw_load(h->m->raw, h->subs.v[i].data, &t->matrix))
                haul_raw_data_done(&t->matrix);
            return;
        }
}

static void mend_table(heap *h, uint32_t root)
{
    table t = {0};
    if (!allocation(h, root, &t.info) || t.info.n < TABLE_HEAD)
        return;
    const uint8_t *p = octets(&t.info);
    t.columns = p[1];
    t.bits = haul_raw16(p + 6);
    t.row = haul_raw16(p + 8);
    if (p[0] != SIG_TABLE || t.info.n < TABLE_HEAD + t.columns * 8 || t.row < 8 || !t.columns)
        return;
    find_rows(h, &t, haul_raw32(p + 14));
    for (size_t i = 0; i < t.columns; i++) {
        t.bit[i] = p[TABLE_HEAD + i * 8 + 7];
        mend_column(h, &t, i);
    }
    number_columns(h, &t);
    each_record(h, haul_raw32(p + 10), 4, h->m->raw->ansi ? 2 : 4, mend_row, &t);
    haul_raw_data_done(&t.matrix);
}

/* ── nodes ── */

static void mend_heap(heap *h)
{
    const haul_raw_block *b = h->data.n ? &h->data.v[0] : NULL;
    if (!b || b->n < 12 || b->p[2] != SIG_HEAP)
        return;
    if (b->p[3] == SIG_PROPS) {
        each_record(h, haul_raw32(b->p + 4), 2, 6, mend_property, NULL);
        mend_class(h, haul_raw32(b->p + 4));
    } else if (b->p[3] == SIG_TABLE)
        mend_table(h, haul_raw32(b->p + 4));
}

static void mend_object(mender *m, const haul_raw_node *n, const haul_raw_list *around, unsigned depth)
{
    heap h = {.m = m, .nid = n->nid, .depth = depth, .around = around};
    if (depth > HAUL_MEND_DEPTH || ++m->objects > HAUL_MEND_OBJECTS)
        return;
    if (!haul_raw_subnodes(m->raw, n->sub, &h.subs))
        say(&h, HAUL_ISSUE_PST_PROPERTY_LOST, "not all of its subnodes can be found");
    if (haul_raw_load(m->raw, n->data, &h.data) || h.data.n)
        mend_heap(&h);
    for (size_t i = 0; i < h.subs.n; i++)
        if ((h.subs.v[i].nid & 0x1f) != NID_LTP)
            mend_object(m, &h.subs.v[i], &h.subs, depth + 1);
    haul_raw_data_done(&h.data);
    haul_raw_list_done(&h.subs);
}

size_t haul_mend_node(haul_raw *r, uint32_t nid, haul_mend_note *note, void *ctx)
{
    mender m = {.raw = r, .note = note, .ctx = ctx};
    haul_raw_node n;
    if (haul_raw_find(r, nid, &n))
        mend_object(&m, &n, NULL, 0);
    return m.patches;
}

size_t haul_mend_attachments(haul_raw *r, uint32_t nid)
{
    haul_raw_list subs = {0};
    haul_raw_node n;
    size_t found = 0;
    if (haul_raw_find(r, nid, &n) && haul_raw_subnodes(r, n.sub, &subs))
        for (size_t i = 0; i < subs.n; i++)
            found += (subs.v[i].nid & 0x1f) == NID_ATTACHMENT;
    haul_raw_list_done(&subs);
    return found;
}

bool haul_mend_has_names(haul_raw *r)
{
    haul_raw_node n;
    return haul_raw_find(r, NID_NAMES, &n);
}

/* The key of the node's entry becomes one that nobody asks for; it keeps its place in the order. */
bool haul_mend_names(haul_raw *r)
{
    static const uint8_t other[4] = {NID_NAMES - 1}; /* of type 0: no node at all */
    haul_raw_node n;
    return haul_raw_find(r, NID_NAMES, &n) && haul_view_patch_add(r->view, n.at, other, sizeof(other));
}
