#include "mend.h"

#include "engine.h"

#include "mime/prop.h"

#include "base/attr.h"

#include <stdio.h>

#define SIG_TABLE     0x7cu /* MS-PST 2.3.1.2 */
#define NID_LTP       0x1fu /* values and rows: no heaps */
#define TABLE_HEAD    22u
#define ROW_ID        0x67f20003u /* PidTagLtpRowId */

#define MESSAGE_CLASS 0x001au

typedef struct mender {
    haul_nodes *nodes;
    haul_view *over;
    haul_mend_note *note;
    void *ctx;
    size_t patches, notes, objects, records;
} mender;

typedef struct heap {
    mender *m;
    uint32_t nid;
    unsigned depth;
    haul_hn data;
    haul_node_list subs;
    const haul_node_list *around; /* subnodes that a table is one of; NULL = none */
} heap;

static void say(heap *h, haul_issue_id id, const char *text)
{
    char line[256];
    if (h->m->notes++ >= HAUL_MEND_NOTES)
        return;
    if (h->depth)
        snprintf(line, sizeof(line), "subnode 0x%x: %s", h->nid, text);
    h->m->note(h->m->ctx, id, h->depth ? line : text);
}

/* False: it cannot be changed, as in compressed blocks. */
static bool patch(heap *h, const haul_place *s, size_t from, uint32_t v, size_t n)
{
    uint8_t le[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    bool done = haul_nodes_patch(h->m->nodes, h->m->over, s->block, s->from + from, le, n);
    h->m->patches += done;
    return done;
}

static bool spent(heap *h)
{
    return ++h->m->records > HAUL_MEND_RECORDS;
}

/* Blocks of a heap or of rows: all of them in memory, so that places in them stay. */
static size_t most_blocks(const heap *h)
{
    return HAUL_MEND_OCTETS / (h->m->nodes->version == 65 ? HAUL_NODES_BLOCK : 8192u);
}

static bool allocation(heap *h, uint32_t hid, haul_place *ret)
{
    return haul_hn_place(&h->data, hid, ret, NULL) == HAUL_OK;
}

static bool is_subnode(const haul_node_list *l, uint32_t nid)
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
    haul_place s;
    return !hnid || ((hnid & 0x1f) ? is_subnode(&h->subs, hnid) : allocation(h, hnid, &s));
}

/* ── types that libpff knows ── */

static bool is_inline(unsigned type)
{
    size_t width = haul_prop_width(type);
    return width && width <= 4;
}

static bool
is_reference(unsigned type) /* also 8 octets: in place in tables, by reference in property contexts */
{
    unsigned one = type & ~(unsigned)HAUL_PT_MULTI;
    if (type & HAUL_PT_MULTI)
        return haul_prop_width(one) != SIZE_MAX && one != HAUL_PT_OBJECT && one != HAUL_PT_BOOL &&
               one != HAUL_PT_ERROR;
    return (haul_prop_width(one) != SIZE_MAX && !is_inline(one)) || type == 0xfb || type == 0xfd ||
           type == 0xfe; /* ids, conditions, rules */
}

/* ── B-tree on heap (2.3.2) ── */

typedef void per_record(heap *h, const haul_place *record, void *ctx);

static void each_record(heap *h, uint32_t header, uint8_t key, uint8_t data, per_record *each, void *ctx)
{
    uint8_t record[HAUL_BTH_RECORD];
    haul_bth t = {0};
    haul_bth_walk w = {.tree = &t};
    haul_rc rc = haul_bth_open(&t, &h->data, header, NULL);
    if (rc != HAUL_OK || t.key != key || t.data != data)
        return;
    while ((rc = haul_bth_next(&w, record, NULL)) != HAUL_END && !spent(h))
        if (rc == HAUL_OK)
            each(h, &w.place, ctx);
}

/* ── property contexts (2.3.3) ── */

static void mend_property(heap *h, const haul_place *record, void *ctx)
{
    char text[128];
    const uint8_t *p = haul_place_octets(record);
    unsigned id = haul_nodes16(p), type = haul_nodes16(p + 2);
    uint32_t value = haul_nodes32(p + 4);
    (void)ctx;
    if (!is_inline(type) && !is_reference(type)) {
        bool reference = resolves(h, value);
        snprintf(text, sizeof(text), "property 0x%04x of type 0x%04x: taken as %s", id, type,
                 reference ? "octets" : "a number");
        if (patch(h, record, 2, reference ? HAUL_PT_BINARY : HAUL_PT_I32, 2))
            say(h, HAUL_ISSUE_PST_PROPERTY_TYPE, text);
    } else if (is_reference(type) && !resolves(h, value)) {
        snprintf(text, sizeof(text), "property 0x%04x of type 0x%04x: its value 0x%x does not exist", id,
                 type, value);
        if (patch(h, record, 4, 0, 4))
            say(h, HAUL_ISSUE_PST_PROPERTY_LOST, text);
    }
}

typedef struct class_search {
    bool there;
    haul_place spare; /* a property that an item can do without */
    unsigned spare_id;
} class_search;

static void look_for_class(heap *h, const haul_place *record, void *ctx)
{
    /* Icon, who changed it last, status that is not stored, time of change, what can be counted */
    static const uint16_t spares[] = {0x1080, 0x3ffb, 0x3ffa, 0x0e17, 0x0e62,
                                      0x0e79, 0x67f3, 0x3008, 0x0e1b, 0x0e08};
    class_search *c = ctx;
    unsigned id = haul_nodes16(haul_place_octets(record));
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
    if (type != HAUL_NID_ITEM && type != HAUL_NID_ASSOCIATED)
        return;
    each_record(h, header, 2, 6, look_for_class, &c);
    if (c.there || !c.spare_id)
        return;
    snprintf(text, sizeof(text), "no message class; property 0x%04x was given up for one", c.spare_id);
    if (patch(h, &c.spare, 0, MESSAGE_CLASS | (uint32_t)HAUL_PT_UNICODE << 16, 4) &&
        patch(h, &c.spare, 4, 0, 4))
        say(h, HAUL_ISSUE_PST_PROPERTY_LOST, text);
}

/* ── table contexts (2.3.4) ── */

typedef struct table {
    haul_place info;
    size_t columns, row, bits; /* octets of a row; where its bitmap is */
    size_t first;              /* octets of the first block of the matrix */
    haul_blocks matrix;
    haul_place inside; /* rows that lie in the heap; n = 0: they are in the matrix */
    uint8_t bit[256];  /* of each column, as stored */
} table;

static haul_place column(const table *t, size_t i)
{
    return (haul_place){.block = t->info.block, .from = t->info.from + TABLE_HEAD + i * 8, .n = 8};
}

/* Not to be read: show the row id once more instead. */
static bool drop_column(heap *h, const haul_place *c)
{
    return patch(h, c, 0, ROW_ID, 4) && patch(h, c, 4, 0, 2) && patch(h, c, 6, 4, 1);
}

static unsigned type_of_size(unsigned size)
{
    return size == 8 ? HAUL_PT_I64 : size == 4 ? HAUL_PT_I32 : size == 2 ? HAUL_PT_I16 : HAUL_PT_BOOL;
}

static void mend_column(heap *h, const table *t, size_t i)
{
    char text[128];
    haul_place c = column(t, i);
    const uint8_t *p = haul_place_octets(&c);
    unsigned type = haul_nodes16(p), id = haul_nodes16(p + 2), at = haul_nodes16(p + 4), size = p[6];
    bool fits = (size == 1 || size == 2 || size == 4 || size == 8) && at + size <= t->row;
    bool known = is_inline(type) || is_reference(type);
    if (fits && known)
        return;
    snprintf(text, sizeof(text), "column 0x%04x of type 0x%04x, %u octets at %u", id, type, size, at);
    if (fits ? patch(h, &c, 0, type_of_size(size), 2) : drop_column(h, &c))
        say(h, fits ? HAUL_ISSUE_PST_PROPERTY_TYPE : HAUL_ISSUE_PST_PROPERTY_LOST, text);
}

/* libpff takes iBit for the place of a column among all, and wants the row id in the first. */
static void number_columns(heap *h, const table *t)
{
    bool taken[256] = {false}, good = true;
    size_t first = t->columns;
    for (size_t i = 0; i < t->columns; i++) {
        haul_place c = column(t, i);
        const uint8_t *p = haul_place_octets(&c);
        good = good && p[7] < t->columns && !taken[p[7]];
        taken[p[7]] = true;
        if (first == t->columns && !haul_nodes16(p + 4) && p[6] == 4)
            first = i;
        good = good && (p[7] || (!haul_nodes16(p + 4) && p[6] == 4));
    }
    if (good)
        return;
    if (first == t->columns) {
        haul_place c = column(t, 0);
        drop_column(h, &c);
        first = 0;
    }
    for (size_t i = 0, next = 1; i < t->columns; i++) {
        haul_place c = column(t, i);
        patch(h, &c, 7, i == first ? 0 : (uint32_t)next++, 1);
    }
}

static bool row_at(table *t, size_t i, haul_place *ret)
{
    if (t->inside.n) {
        if (i >= t->inside.n / t->row)
            return false;
        *ret = (haul_place){.block = t->inside.block, .from = t->inside.from + i * t->row, .n = t->row};
        return true;
    }
    haul_block *b = NULL;
    size_t per_block = t->first / t->row; /* rows do not span blocks */
    if (!per_block || haul_blocks_get(&t->matrix, i / per_block, &b, NULL) != HAUL_OK)
        return false;
    *ret = (haul_place){.block = b, .from = i % per_block * t->row, .n = t->row};
    return ret->from + t->row <= b->n;
}

static void mend_cell(heap *h, const table *t, size_t i, const haul_place *row)
{
    char text[128];
    haul_place c = column(t, i);
    const uint8_t *p = haul_place_octets(&c);
    unsigned type = haul_nodes16(p), at = haul_nodes16(p + 4), bit = t->bit[i];
    if (p[6] != 4 || is_inline(type) || !is_reference(type) || at + 4u > row->n)
        return;
    uint32_t value = haul_nodes32(haul_place_octets(row) + at);
    size_t byte = t->bits + bit / 8;
    bool there = byte >= row->n || (haul_place_octets(row)[byte] & (0x80u >> bit % 8));
    if (!value || (there && resolves(h, value)))
        return;
    bool cleared = patch(h, row, at, 0, 4);
    if (!there || !cleared) /* what lies in a cell that is not there means nothing (2.3.4.4.1) */
        return;
    snprintf(text, sizeof(text), "a cell of column 0x%04x of type 0x%04x: its value 0x%x does not exist",
             haul_nodes16(p + 2), type, value);
    say(h, HAUL_ISSUE_PST_PROPERTY_LOST, text);
}

/* A row and the index of rows must name the same id. */
static void mend_row(heap *h, const haul_place *record, void *ctx)
{
    table *t = ctx;
    const uint8_t *p = haul_place_octets(record);
    uint32_t id = haul_nodes32(p);
    haul_place row;
    if (!row_at(t, record->n == 6 ? haul_nodes16(p + 4) : haul_nodes32(p + 4), &row))
        return;
    uint32_t stored = haul_nodes32(haul_place_octets(&row));
    if (stored != id) {
        bool believe_index = h->around && is_subnode(h->around, id) && !is_subnode(h->around, stored);
        if (believe_index ? patch(h, &row, 0, id, 4) : patch(h, record, 0, stored, 4))
            say(h, HAUL_ISSUE_PST_ROW_MENDED, "a row and the index of the table name different ids");
    }
    for (size_t i = 0; i < t->columns && !spent(h); i++)
        mend_cell(h, t, i, &row);
}

/* Where the rows are: in the heap, or in a subnode. */
static void find_rows(heap *h, table *t, uint32_t hnid)
{
    haul_block *b = NULL;
    t->matrix.all = true;
    if (!(hnid & 0x1f)) {
        if (!allocation(h, hnid, &t->inside))
            t->inside.n = 0;
        return;
    }
    for (size_t i = 0; i < h->subs.n; i++)
        if (h->subs.v[i].nid == hnid) {
            haul_rc rc = haul_blocks_open(&t->matrix, h->m->nodes, h->subs.v[i].data, most_blocks(h), NULL);
            if (rc == HAUL_OK && haul_blocks_get(&t->matrix, 0, &b, NULL) == HAUL_OK)
                t->first = b->n;
            return;
        }
}

static void mend_table(heap *h, uint32_t root)
{
    table t = {0};
    if (!allocation(h, root, &t.info) || t.info.n < TABLE_HEAD)
        return;
    const uint8_t *p = haul_place_octets(&t.info);
    t.columns = p[1];
    t.bits = haul_nodes16(p + 6);
    t.row = haul_nodes16(p + 8);
    if (p[0] != SIG_TABLE || t.info.n < TABLE_HEAD + t.columns * 8 || t.row < 8 || !t.columns)
        return;
    find_rows(h, &t, haul_nodes32(p + 14));
    for (size_t i = 0; i < t.columns; i++) {
        t.bit[i] = p[TABLE_HEAD + i * 8 + 7];
        mend_column(h, &t, i);
    }
    number_columns(h, &t);
    each_record(h, haul_nodes32(p + 10), 4, h->m->nodes->version == 32 ? 2 : 4, mend_row, &t);
    haul_blocks_done(&t.matrix);
}

/* ── nodes ── */

static void mend_heap(heap *h)
{
    if (h->data.client == HAUL_HN_PROPS) {
        each_record(h, h->data.root, 2, 6, mend_property, NULL);
        mend_class(h, h->data.root);
    } else if (h->data.client == SIG_TABLE)
        mend_table(h, h->data.root);
}

static void mend_object(mender *m, const haul_node *n, const haul_node_list *around, unsigned depth)
{
    heap h = {.m = m, .nid = n->nid, .depth = depth, .around = around};
    if (depth > HAUL_MEND_DEPTH || ++m->objects > HAUL_MEND_OBJECTS)
        return;
    if (haul_nodes_list(m->nodes, n->sub, &h.subs, NULL) != HAUL_OK)
        say(&h, HAUL_ISSUE_PST_PROPERTY_LOST, "not all of its subnodes can be found");
    h.data.blocks.all = true;
    if (haul_hn_open(&h.data, m->nodes, n, most_blocks(&h), NULL) == HAUL_OK)
        mend_heap(&h);
    for (size_t i = 0; i < h.subs.n; i++)
        if ((h.subs.v[i].nid & 0x1f) != NID_LTP)
            mend_object(m, &h.subs.v[i], &h.subs, depth + 1);
    haul_hn_done(&h.data);
    haul_nodes_list_done(&h.subs);
}

size_t haul_mend_node(haul_nodes *n, haul_view *over, uint32_t nid, haul_mend_note *note, void *ctx)
{
    mender m = {.nodes = n, .over = over, .note = note, .ctx = ctx};
    haul_node top;
    if (haul_nodes_find(n, nid, &top, NULL) == HAUL_OK)
        mend_object(&m, &top, NULL, 0);
    return m.patches;
}

size_t haul_mend_attachments(haul_nodes *n, uint32_t nid)
{
    haul_node_list subs = {0};
    haul_node item;
    size_t found = 0;
    if (haul_nodes_find(n, nid, &item, NULL) == HAUL_OK &&
        haul_nodes_list(n, item.sub, &subs, NULL) == HAUL_OK)
        for (size_t i = 0; i < subs.n; i++)
            found += (subs.v[i].nid & 0x1f) == HAUL_NID_ATTACHMENT;
    haul_nodes_list_done(&subs);
    return found;
}

bool haul_mend_has_names(haul_nodes *n)
{
    haul_node names;
    return haul_nodes_find(n, HAUL_NID_NAMES, &names, NULL) == HAUL_OK;
}

/* The key of the node's entry becomes one that nobody asks for; it keeps its place in the order. */
bool haul_mend_names(haul_nodes *n, haul_view *over)
{
    static const uint8_t other[4] = {HAUL_NID_NAMES - 1}; /* of type 0: no node at all */
    haul_node names;
    return haul_nodes_find(n, HAUL_NID_NAMES, &names, NULL) == HAUL_OK &&
           haul_view_patch_add(over, names.at, other, sizeof(other));
}
