#include "check.h"

#include "mime/prop.h"

#include <stdlib.h>
#include <string.h>

#define ROW_ID    0x67f20003u
#define ROW_VER   0x67f30003u
#define FLAGS     0x0e070003u /* PidTagMessageFlags */
#define READ      1u
#define INFO      22u /* octets of TCINFO in front of its columns (2.3.4.1) */
#define NONE      UINT32_MAX
#define TEMPLATES 0x30u /* index of the ids of folders' templates, 0x60D to 0x610 (2.4.1) */

/* ── table context (2.3.4) ── */

typedef struct column {
    uint32_t tag;
    uint16_t at;
    uint8_t size, bit;
} column;

typedef struct table {
    haul_pstc_heap *h;
    column columns[255];
    size_t n_columns;
    uint16_t ends[4]; /* of the columns of 4 and 8, 2 and 1 octets, and of the bitmap */
    uint32_t index, rows;
    uint32_t *ids; /* of every row by the index; NONE = it has none */
    size_t n;
    size_t listed; /* rows that have an entry in the index */
    const column *flags;
    void (*row)(void *ctx, uint32_t id, uint32_t unread);
    void *ctx;
    bool said, said_cell;
} table;

static bool read_info(table *t)
{
    const uint8_t *p = NULL;
    size_t n = 0;
    if (!haul_pstc_heap_get(t->h, t->h->root, &p, &n))
        return false;
    if (n < INFO || p[0] != HAUL_PSTC_SIG_TABLE || !p[1] || n != INFO + 8u * p[1]) {
        haul_pst_say(t->h->c, HAUL_FINDING_PST_TABLE, HAUL_NOWHERE, 0, "TCINFO of %zu octets", n);
        return false;
    }
    for (unsigned i = 0; i < 4; i++)
        t->ends[i] = (uint16_t)haul_nodes16(p + 2 + 2 * i);
    t->index = haul_nodes32(p + 10);
    t->rows = haul_nodes32(p + 14);
    t->n_columns = p[1];
    for (size_t i = 0; i < t->n_columns; i++) {
        const uint8_t *c = p + INFO + 8 * i;
        t->columns[i] =
            (column){.tag = haul_nodes32(c), .at = (uint16_t)haul_nodes16(c + 4), .size = c[6], .bit = c[7]};
    }
    if (t->ends[0] < 8 || t->ends[0] > t->ends[1] || t->ends[1] > t->ends[2] ||
        t->ends[3] != t->ends[2] + (t->n_columns + 7) / 8) {
        haul_pst_say(t->h->c, HAUL_FINDING_PST_TABLE, HAUL_NOWHERE, 0, "rows of %u, %u, %u, %u octets",
                     t->ends[0], t->ends[1], t->ends[2], t->ends[3]);
        return false;
    }
    return true;
}

static bool check_column(const table *t, size_t i)
{
    const column *c = &t->columns[i];
    unsigned type = c->tag & 0xffff, group = c->size >= 4 ? 0 : c->size == 2 ? 1 : 2;
    size_t width = haul_prop_width(type & ~(unsigned)HAUL_PT_MULTI);
    size_t want = type & HAUL_PT_MULTI || !width || width > 8 ? 4 : width;
    if (width == SIZE_MAX || c->size != want || c->at + c->size > t->ends[group] || c->bit >= t->n_columns)
        return false;
    for (size_t k = 0; k < i; k++) {
        const column *o = &t->columns[k];
        if (o->bit == c->bit || o->tag >= c->tag || (c->at < o->at + o->size && o->at < c->at + c->size))
            return false;
    }
    return (c->tag != ROW_ID || c->at == 0) && (c->tag != ROW_VER || c->at == 4);
}

static void check_columns(table *t, uint32_t nid)
{
    haul_pstc_schema schema = haul_pstc_schema_of(t->h->c, nid);
    uint32_t seen = 0;
    size_t n = 0;
    for (size_t i = 0; i < t->n_columns; i++) {
        const column *c = &t->columns[i];
        seen |= haul_pstc_schema_bit(&schema, c->tag, false);
        n += c->tag == ROW_ID || c->tag == ROW_VER;
        if (c->tag == FLAGS)
            t->flags = c;
        if (!check_column(t, i))
            haul_pst_say(t->h->c, HAUL_FINDING_PST_TABLE_COLUMN, HAUL_NOWHERE, 0,
                         "column 0x%08x at %u, of %u octets, bit %u", c->tag, c->at, c->size, c->bit);
    }
    if (n < 2)
        haul_pst_say(t->h->c, HAUL_FINDING_PST_TABLE_COLUMN, HAUL_NOWHERE, 0, "row id or row version");
    haul_pstc_schema_judge(t->h->c, &schema, seen, HAUL_FINDING_PST_COLUMN_MISSING);
}

static void index_fault(table *t, const char *what, uint64_t row)
{
    if (!t->said)
        haul_pst_say(t->h->c, HAUL_FINDING_PST_TABLE_INDEX, HAUL_NOWHERE, 0, "row %llu: %s",
                     (unsigned long long)row, what);
    t->said = true;
}

static void index_row(void *ctx, const uint8_t *p, size_t n)
{
    table *t = ctx;
    uint32_t row = n == 8 ? haul_nodes32(p + 4) : haul_nodes16(p + 4);
    if (row >= t->n)
        index_fault(t, "it is beyond the rows", row);
    else if (t->ids[row] != NONE)
        index_fault(t, "two entries of the index", row);
    else
        t->ids[row] = haul_nodes32(p);
    t->listed++;
}

static void check_cell(const table *t, const uint8_t *row, const column *c)
{
    size_t width = haul_prop_width(c->tag & 0xffff);
    uint32_t hnid = c->at + 4u <= t->ends[2] ? haul_nodes32(row + c->at) : 0;
    uint64_t size = 0;
    if (!hnid || (width && width <= 8))
        return;
    if (!haul_pstc_value(t->h, hnid, &size))
        haul_pst_say(t->h->c, HAUL_FINDING_PST_TABLE_VALUE, HAUL_NOWHERE, 0,
                     "row 0x%x, column 0x%08x: HNID 0x%x", haul_nodes32(row), c->tag, hnid);
    else if (!t->h->c->ost) /* in those of Outlook, calendars have other values in columns of strings */
        haul_pstc_judge_value(t->h, c->tag, hnid, size);
}

static bool is_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

/* What is not there is 0 (2.3.4.4.3), and the bits behind those of the columns (2.3.4.4.1). */
static void check_cells(table *t, const uint8_t *row)
{
    const uint8_t *bits = row + t->ends[2];
    unsigned spare = (8 - t->n_columns % 8) % 8;
    bool clean = !(row[t->ends[3] - 1] & ((1u << spare) - 1));
    for (size_t i = 0; i < t->n_columns; i++) {
        const column *c = &t->columns[i];
        if (bits[c->bit / 8] & 0x80 >> c->bit % 8)
            check_cell(t, row, c);
        else
            clean = clean && (c->at + c->size > t->ends[2] || is_zero(row + c->at, c->size));
    }
    if (!clean && !t->said_cell)
        haul_pst_say(t->h->c, HAUL_FINDING_PST_TABLE_CELL, HAUL_NOWHERE, 0, "row 0x%x", haul_nodes32(row));
    t->said_cell = t->said_cell || !clean;
}

static void check_row(table *t, size_t i, const uint8_t *row)
{
    uint32_t id = haul_nodes32(row), flags = 0;
    if (t->ids[i] == NONE) { /* a row that was taken out of the index is free */
        return;
    }
    if (t->ids[i] != id)
        index_fault(t, "it has another id than the index says", i);
    bool cells = true;
    for (size_t k = 0; k < t->n_columns; k++)
        cells = cells && t->columns[k].bit / 8u + t->ends[2] < t->ends[3];
    if (cells)
        check_cells(t, row);
    if (t->flags && t->flags->at + 4u <= t->ends[2])
        flags = haul_nodes32(row + t->flags->at);
    if (t->row)
        t->row(t->ctx, t->ids[i], t->flags ? !(flags & READ) : NONE);
}

/* Rows in the heap, or in the blocks of a subnode, none over the border of two (2.3.4.4). */
static void rows_in_heap(table *t)
{
    const uint8_t *p = NULL;
    size_t n = 0, size = t->ends[3];
    if (!haul_pstc_heap_get(t->h, t->rows, &p, &n))
        return;
    uint8_t *copy = haul_alloc(n + 1);
    memcpy(copy, p, n);
    for (size_t i = 0; i < t->n && (i + 1) * size <= n; i++)
        check_row(t, i, copy + i * size);
    free(copy);
}

static void rows_in_node(table *t, const uint64_t *leaves, size_t n)
{
    uint8_t *p = haul_alloc(HAUL_NODES_BLOCK);
    size_t size = t->ends[3], per = t->h->c->layout->most / size, row = 0;
    for (size_t i = 0; i < n; i++, row = i * per) {
        size_t len = haul_pst_octets(t->h->c, leaves[i], p);
        for (size_t k = 0; k < per && (k + 1) * size <= len && row < t->n; k++, row++)
            check_row(t, row, p + k * size);
    }
    free(p);
}

static void count_rows(table *t, uint64_t **leaves, size_t *n_leaves)
{
    haul_pst_check *c = t->h->c;
    uint64_t size = 0, row = t->ends[3], per = c->layout->most / row;
    if (!t->rows)
        return;
    if (!per || !haul_pstc_value(t->h, t->rows, &size)) {
        haul_pst_say(c, HAUL_FINDING_PST_TABLE, HAUL_NOWHERE, 0, "its rows, HNID 0x%x", t->rows);
        return;
    }
    const haul_node *n = t->rows & 0x1f ? haul_pstc_heap_sub(t->h, t->rows) : NULL;
    if (!n) {
        t->n = (size_t)(size / row);
    } else if (n->data && haul_pst_leaves(c, n->data, leaves, n_leaves)) {
        haul_pstc_block last;
        if (haul_pst_block(c, (*leaves)[*n_leaves - 1], &last))
            t->n = (*n_leaves - 1) * (size_t)per + last.size / (size_t)row;
    }
}

static void check_rows(table *t)
{
    uint64_t *leaves = NULL;
    size_t n_leaves = 0;
    count_rows(t, &leaves, &n_leaves);
    if (t->n > HAUL_PSTC_ROWS) {
        haul_pst_say(t->h->c, HAUL_FINDING_PST_LIMIT, HAUL_NOWHERE, 0, "more than %u rows", HAUL_PSTC_ROWS);
        t->n = HAUL_PSTC_ROWS;
    }
    t->ids = haul_alloc((t->n + 1) * sizeof(*t->ids));
    memset(t->ids, 0xff, (t->n + 1) * sizeof(*t->ids));
    haul_pstc_tree index = {.heap = t->h, .key = 4, .data = 4, .record = index_row, .ctx = t};
    if (t->h->c->version == 32)
        index.data = 2; /* 2.3.4.3.1 */
    if (haul_pstc_tree_walk(&index, t->index) && t->n)
        leaves ? rows_in_node(t, leaves, n_leaves) : rows_in_heap(t);
    free(t->ids);
    free(leaves);
}

static bool is_template(const haul_pst_check *c, uint32_t nid)
{
    return !c->subnode && nid == c->node &&
           (nid >> 5 == TEMPLATES || nid == HAUL_PSTC_RECIPIENTS || nid == HAUL_PSTC_ATTACHMENTS);
}

void haul_pstc_table(haul_pstc_heap *h, uint32_t nid, void (*row)(void *ctx, uint32_t id, uint32_t unread),
                     void *ctx)
{
    table *t = haul_calloc(1, sizeof(*t));
    t->h = h;
    t->row = row;
    t->ctx = ctx;
    if (read_info(t)) {
        check_columns(t, nid);
        check_rows(t);
        if (t->listed && is_template(h->c, nid))
            haul_pst_say(h->c, HAUL_FINDING_PST_TEMPLATE_ROWS, HAUL_NOWHERE, 0, "%zu rows", t->listed);
    }
    free(t);
}
