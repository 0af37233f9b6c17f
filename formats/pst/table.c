#include "table.h"

#include <stdlib.h>
#include <string.h>

#define CLIENT_TABLE 0x7cu /* MS-PST 2.3.1.2 */
#define HEAD         22u   /* octets of TCINFO in front of the columns */
#define COLUMN       8u

/* ── opening ── */

static haul_rc read_columns(haul_tc *t, uint32_t *ret_index, haul_err *e)
{
    haul_span s = {0};
    haul_hn *h = &t->props.heap;
    haul_rc rc = haul_hn_get(h, h->root, &s, e);
    if (rc != HAUL_OK)
        return rc;
    const uint8_t *p = (const uint8_t *)s.p;
    if (h->client != CLIENT_TABLE || s.len < HEAD || p[0] != CLIENT_TABLE || s.len < HEAD + COLUMN * p[1])
        return haul_fail(e, HAUL_SKIP, "node 0x%x: its data are no table", h->node.nid);
    t->n_columns = p[1];
    t->bits = haul_nodes16(p + 6); /* rgib: TCI_1b and TCI_bm */
    t->row = haul_nodes16(p + 8);
    t->rows = haul_nodes32(p + 14);
    *ret_index = haul_nodes32(p + 10);
    if (t->row < 4)
        return haul_fail(e, HAUL_SKIP, "node 0x%x: rows of %zu octets", h->node.nid, t->row);
    t->columns = haul_calloc(t->n_columns + 1, sizeof(*t->columns));
    t->octets = haul_alloc(t->row);
    for (size_t i = 0; i < t->n_columns; i++) {
        const uint8_t *c = p + HEAD + COLUMN * i;
        t->columns[i] = (haul_tc_column){.type = (uint16_t)haul_nodes16(c),
                                         .id = (uint16_t)haul_nodes16(c + 2),
                                         .at = (uint16_t)haul_nodes16(c + 4),
                                         .size = c[6],
                                         .bit = c[7]};
    }
    return HAUL_OK;
}

/* Rows do not span blocks, and every block in front of the last is full. */
static haul_rc open_matrix(haul_tc *t, haul_err *e)
{
    haul_hn *h = &t->props.heap;
    haul_node node = {0};
    haul_block *b = NULL;
    if (!(t->rows & 0x1f)) /* in the heap, or none */
        return HAUL_OK;
    haul_rc rc = haul_nodes_sub(h->nodes, h->node.sub, t->rows, &node, e);
    if (rc == HAUL_OK)
        rc = haul_blocks_open(&t->matrix, h->nodes, node.data, HAUL_TC_BLOCKS, e);
    if (rc != HAUL_OK)
        return rc;
    size_t block = h->nodes->version == 65 ? 65512 : h->nodes->version == 64 ? 8176 : 8180;
    if (t->matrix.n && haul_blocks_get(&t->matrix, 0, &b, NULL) == HAUL_OK)
        block = b->n;
    t->per_block = block / t->row;
    return HAUL_OK;
}

haul_rc haul_tc_open(haul_tc *t, haul_nodes *n, const haul_node *node, haul_err *e)
{
    uint32_t index = 0;
    haul_rc rc = haul_hn_open(&t->props.heap, n, node, HAUL_HN_BLOCKS, e);
    if (rc == HAUL_OK)
        rc = read_columns(t, &index, e);
    if (rc == HAUL_OK)
        rc = open_matrix(t, e);
    if (rc != HAUL_OK)
        return rc;
    t->unindexed = haul_bth_open(&t->index, &t->props.heap, index, NULL) != HAUL_OK || t->index.key != 4 ||
                   (t->index.data != 2 && t->index.data != 4);
    t->walk = (haul_bth_walk){.tree = &t->index};
    return HAUL_OK;
}

void haul_tc_done(haul_tc *t)
{
    haul_props_done(&t->props);
    haul_blocks_done(&t->matrix);
    free(t->columns);
    free(t->octets);
    *t = (haul_tc){0};
}

/* ── rows ── */

static haul_rc row_place(haul_tc *t, size_t i, haul_place *ret, haul_err *e)
{
    haul_block *b = NULL;
    haul_rc rc = HAUL_OK;
    if (!(t->rows & 0x1f)) {
        rc = haul_hn_place(&t->props.heap, t->rows, ret, e);
        if (rc == HAUL_OK && i >= ret->n / t->row)
            return haul_fail(e, HAUL_SKIP, "node 0x%x: no row %zu", t->props.heap.node.nid, i);
        ret->from += i * t->row;
        return rc;
    }
    if (!t->per_block)
        return haul_fail(e, HAUL_SKIP, "node 0x%x: no row %zu", t->props.heap.node.nid, i);
    rc = haul_blocks_get(&t->matrix, i / t->per_block, &b, e);
    *ret = (haul_place){.block = b, .from = i % t->per_block * t->row};
    if (rc == HAUL_OK && ret->from + t->row > b->n)
        return haul_fail(e, HAUL_SKIP, "node 0x%x: no row %zu", t->props.heap.node.nid, i);
    return rc;
}

static size_t count_rows(haul_tc *t)
{
    haul_place at = {0};
    if (t->rows & 0x1f)
        return t->matrix.n * t->per_block;
    return t->rows && haul_hn_place(&t->props.heap, t->rows, &at, NULL) == HAUL_OK ? at.n / t->row : 0;
}

static haul_rc next_place(haul_tc *t, size_t *ret_i, uint32_t *ret_id, haul_err *e)
{
    uint8_t record[HAUL_BTH_RECORD];
    if (t->unindexed) {
        *ret_i = t->i++;
        return *ret_i < count_rows(t) ? HAUL_OK : HAUL_END;
    }
    haul_rc rc = haul_bth_next(&t->walk, record, e);
    if (rc == HAUL_OK) { /* TCROWID, 2.3.4.3.1 */
        *ret_id = haul_nodes32(record);
        *ret_i = t->index.data == 2 ? haul_nodes16(record + 4) : haul_nodes32(record + 4);
    }
    return rc;
}

haul_rc haul_tc_next(haul_tc *t, haul_tc_row *ret, haul_err *e)
{
    haul_place at = {0};
    size_t i = 0;
    uint32_t id = 0;
    haul_rc rc = next_place(t, &i, &id, e);
    if (rc == HAUL_OK)
        rc = row_place(t, i, &at, e);
    if (rc == HAUL_SKIP && t->unindexed) /* padding behind the last one of a block */
        return HAUL_END;
    if (rc != HAUL_OK)
        return rc;
    memcpy(t->octets, haul_place_octets(&at), t->row);
    ret->own = haul_nodes32(t->octets);
    ret->id = t->unindexed ? ret->own : id;
    return HAUL_OK;
}

/* ── cells ── */

static unsigned type_of_size(size_t size)
{
    return size == 8 ? HAUL_PT_I64 : size == 4 ? HAUL_PT_I32 : size == 2 ? HAUL_PT_I16 : HAUL_PT_BOOL;
}

/* The cell existence block, 2.3.4.4.2: the highest bit of an octet is the first. */
static bool is_there(const haul_tc *t, const haul_tc_column *c)
{
    size_t octet = t->bits + c->bit / 8u;
    return octet >= t->row || (t->octets[octet] & 0x80u >> c->bit % 8u);
}

static void in_place(const haul_tc *t, const haul_tc_column *c, size_t n, haul_arena *a, haul_prop *ret)
{
    uint8_t *to = haul_arena_alloc(a, n);
    memcpy(to, t->octets + c->at, n);
    ret->p = to;
    ret->n = n;
}

haul_rc haul_tc_cell(haul_tc *t, size_t i, size_t max, haul_arena *a, haul_prop *ret, haul_err *e)
{
    const haul_tc_column *c = &t->columns[i];
    size_t width = haul_prop_width(c->type & ~(unsigned)HAUL_PT_MULTI);
    bool multi = c->type & HAUL_PT_MULTI;
    *ret = (haul_prop){.id = c->id, .type = c->type, .p = t->octets};
    if (!is_there(t, c))
        return HAUL_END;
    size_t needs = width && width <= 8 && !multi ? width : 4;
    if (width == SIZE_MAX) {
        ret->type = (uint16_t)type_of_size(c->size);
        needs = c->size == 8 || c->size == 4 || c->size == 2 ? c->size : 1;
    }
    if (c->size < needs || c->at + needs > t->row)
        return haul_fail(e, HAUL_SKIP, "a column of %u octets at %u", c->size, c->at);
    if (width && (width <= 8 || width == SIZE_MAX) && !(multi && width != SIZE_MAX)) {
        in_place(t, c, needs, a, ret);
        return HAUL_OK;
    }
    haul_props_entry entry = {.id = c->id, .type = c->type, .value = haul_nodes32(t->octets + c->at)};
    haul_span s = {0};
    haul_rc rc = haul_props_take(&t->props, &entry, max, a, &s, e);
    ret->p = (const uint8_t *)s.p;
    ret->n = s.len;
    return rc;
}
