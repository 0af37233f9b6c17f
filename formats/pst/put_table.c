/* Table contexts being written. Source: MS-PST 2.3.4. */
#include "ndb.h"
#include "put_le.h"
#include "put_ltp.h"

#include "mime/put.h"

#include <stdlib.h>
#include <string.h>

uint8_t haul_pstw_cell_size(uint32_t tag)
{
    unsigned size = haul_pstw_fixed(tag);
    return (uint8_t)(size ? size : 4); /* others are an HNID */
}

static int by_column(const void *a, const void *b)
{
    uint32_t x = ((const haul_pstw_column *)a)->tag, y = ((const haul_pstw_column *)b)->tag;
    return (x > y) - (x < y);
}

/* Ends of the groups of columns (2.3.4.1): 0 for 4 and 8 octets, 1 for 2, 2 for 1. */
static unsigned group_of(uint8_t size)
{
    return size >= 4 ? 0 : size == 2 ? 1 : 2;
}

/* The groups lie behind one another, so a group that grows moves the ones behind it. */
static void lay_out(haul_pstw_tc *t, size_t n_fixed)
{
    uint16_t fixed_end[3] = {0}, grown[3] = {0};
    for (size_t i = 0; i < n_fixed; i++) {
        haul_pstw_column *c = &t->columns[i];
        unsigned g = group_of(c->size);
        if (c->at + c->size > fixed_end[g])
            fixed_end[g] = (uint16_t)(c->at + c->size);
    }
    for (unsigned g = 1; g < 3; g++)
        if (fixed_end[g] < fixed_end[g - 1])
            fixed_end[g] = fixed_end[g - 1];
    for (size_t i = n_fixed; i < t->n_columns; i++) {
        haul_pstw_column *c = &t->columns[i];
        unsigned g = group_of(c->size);
        c->at = (uint16_t)(fixed_end[g] + grown[g]);
        c->bit = (uint8_t)i;
        grown[g] = (uint16_t)(grown[g] + c->size);
    }
    for (size_t i = 0; i < t->n_columns; i++) {
        haul_pstw_column *c = &t->columns[i];
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

void haul_pstw_tc_init(haul_pstw_tc *t, haul_pstw_ndb *n, const haul_pstw_column *columns, size_t n_columns,
                       const uint32_t *more, size_t n_more, size_t n_rows)
{
    if (n_columns + n_more > HAUL_PSTW_COLUMNS)
        n_more = HAUL_PSTW_COLUMNS - n_columns;
    *t = (haul_pstw_tc){.n_columns = n_columns + n_more, .most_rows = n_rows};
    t->columns = haul_calloc(t->n_columns, sizeof(*t->columns));
    for (size_t i = 0; i < t->n_columns; i++) {
        t->columns[i] = i < n_columns ? columns[i] : (haul_pstw_column){.tag = more[i - n_columns]};
        t->columns[i].size = haul_pstw_cell_size(t->columns[i].tag);
    }
    lay_out(t, n_columns);
    if (n_more)
        qsort(t->columns, t->n_columns, sizeof(*t->columns), by_column);
    t->row = haul_calloc(1, t->end[3]);
    t->keys = haul_calloc(n_rows + 1, sizeof(*t->keys));
    t->streams = n_rows * t->end[3] > HAUL_PSTW_HEAP_MAX;
    if (t->streams)
        haul_pstw_tree_init(&t->matrix, n);
    haul_pstw_heap_init(&t->heap, n, HAUL_PSTW_TABLE);
    haul_pstw_heap_add(&t->heap, NULL, 8);                     /* the row index is HID 0x20, */
    haul_pstw_heap_add(&t->heap, NULL, 22 + 8 * t->n_columns); /* TCINFO HID 0x40: some readers rely on it */
}

/* 2.3.4.4: rows do not span blocks. */
static void close_row(haul_pstw_tc *t)
{
    size_t row = t->end[3], per = t->heap.most / row;
    if (!t->n_rows)
        return;
    if (!t->streams) {
        haul_str_add(&t->rows, t->row, row);
        return;
    }
    if ((t->n_rows - 1) % per == 0)
        haul_pstw_tree_pad(&t->matrix);
    haul_pstw_tree_add(&t->matrix, t->row, row);
}

void haul_pstw_tc_row(haul_pstw_tc *t, uint32_t id, uint32_t version)
{
    close_row(t);
    t->keys[t->n_rows] = (uint64_t)id << 32 | t->n_rows;
    t->n_rows++;
    memset(t->row, 0, t->end[3]);
    haul_pstw_tc_u32(t, 0x67f20003, id);
    haul_pstw_tc_u32(t, 0x67f30003, version);
}

/* Cells only repeat what the items say: where the heap has no room they are left out, so that the rows can be found. */
static bool has_room(haul_pstw_tc *t, size_t n)
{
    size_t pages = haul_pstw_heap_pages(&t->heap);
    if (t->heap.n <= pages - pages / 8 || !n)
        return true;
    t->left_out++;
    return false;
}

void haul_pstw_tc_cell(haul_pstw_tc *t, uint32_t tag, const void *p, size_t n)
{
    haul_pstw_column key = {.tag = tag};
    haul_pstw_column *c = bsearch(&key, t->columns, t->n_columns, sizeof(*t->columns), by_column);
    if (!c)
        return;
    uint8_t *at = t->row + c->at;
    if (haul_pstw_fixed(tag))
        memcpy(at, p, n < c->size ? n : c->size);
    else if (has_room(t, n))
        haul_put32(at, haul_pstw_value(&t->heap, &t->subs, p, n));
    else
        return;
    t->row[t->end[2] + c->bit / 8] |= (uint8_t)(0x80u >> c->bit % 8); /* 2.3.4.4.1 rgbCEB */
}

void haul_pstw_tc_u32(haul_pstw_tc *t, uint32_t tag, uint32_t v)
{
    uint8_t p[4];
    haul_put32(p, v);
    haul_pstw_tc_cell(t, tag, p, 4);
}

void haul_pstw_tc_text(haul_pstw_tc *t, uint16_t id, const char *utf8)
{
    haul_auto_str s = {0};
    haul_utf16_add(&s, utf8, strlen(utf8));
    haul_pstw_tc_cell(t, (uint32_t)id << 16 | HAUL_PT_UNICODE, s.p, s.len);
}

static uint32_t put_rows(haul_pstw_tc *t)
{
    close_row(t);
    if (!t->streams)
        return t->rows.len ? haul_pstw_heap_add(&t->heap, t->rows.p, t->rows.len) : 0;
    uint32_t nid = haul_pstw_subs_new(&t->subs, HAUL_PSTW_NID_LTP);
    haul_pstw_subs_add(&t->subs, nid, haul_pstw_tree_end(&t->matrix), 0);
    return nid;
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void put_index(haul_pstw_tc *t) /* 2.3.4.3 */
{
    uint8_t *records = haul_calloc(t->n_rows + 1, 8);
    qsort(t->keys, t->n_rows, sizeof(*t->keys), by_key);
    for (size_t i = 0; i < t->n_rows; i++) {
        haul_put32(records + 8 * i, t->keys[i] >> 32);
        haul_put32(records + 8 * i + 4, t->keys[i]);
    }
    haul_pstw_bth(&t->heap, 0x20, 4, 4, records, t->n_rows);
    free(records);
}

static void put_info(haul_pstw_tc *t, uint32_t rows) /* 2.3.4.1 */
{
    uint8_t *p = haul_pstw_heap_at(&t->heap, 0x40);
    p[0] = HAUL_PSTW_TABLE;
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
}

haul_pstw_object haul_pstw_tc_end(haul_pstw_tc *t)
{
    haul_pstw_ndb *n = t->heap.ndb;
    uint32_t rows = put_rows(t);
    put_index(t);
    put_info(t, rows);
    haul_pstw_object o = {.data = haul_pstw_heap_end(&t->heap, 0x40), .sub = haul_pstw_subs_end(&t->subs, n)};
    free(t->columns);
    free(t->row);
    free(t->keys);
    haul_str_done(&t->rows);
    *t = (haul_pstw_tc){0};
    return o;
}
