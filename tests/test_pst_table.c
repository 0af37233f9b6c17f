/* Tables of a store as formats/pst/table.c reads them, of heaps that are made here by hand: rows in the order of the index,
 * the bitmap of cells, rows without an index, columns that are odd. */
#include "pst/crypt.h"
#include "pst/put_le.h"
#include "pst/put_ndb.h"
#include "pst/table.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NID    0x60eu
#define MATRIX 0x3fu /* subnode of the rows */
#define ROW    28u   /* octets: 4 + 4 + 4 + 8, 2, 1, a bitmap of two; rounded up by what nothing uses */

typedef struct made { /* a heap of one page (MS-PST 2.3.1) */
    uint8_t p[8176];
    size_t used, n;
    uint16_t start[32];
} made;

static uint32_t add(made *h, const void *p, size_t n)
{
    h->used = h->used ? h->used : 12;
    h->start[h->n++] = (uint16_t)h->used;
    memcpy(h->p + h->used, p, n);
    h->used += n;
    return (uint32_t)h->n << 5;
}

static size_t end(made *h, uint8_t client, uint32_t root)
{
    size_t map = (h->used + 1) / 2 * 2;
    h->start[h->n] = (uint16_t)h->used;
    haul_put16(h->p, map);
    h->p[2] = 0xec;
    h->p[3] = client;
    haul_put32(h->p + 4, root);
    haul_put16(h->p + map, h->n);
    for (size_t i = 0; i <= h->n; i++)
        haul_put16(h->p + map + 4 + 2 * i, h->start[i]);
    return map + 4 + 2 * (h->n + 1);
}

typedef struct column {
    uint32_t tag;
    unsigned at, size, bit;
} column;

static const column usual[] = {{0x0e070003, 8, 4, 2}, {0x0e060040, 12, 8, 3}, {0x3001001f, 20, 4, 4},
                               {0x67f20003, 0, 4, 0}, {0x67f30003, 4, 4, 1},  {0x00570002, 24, 2, 5},
                               {0x0058000b, 26, 1, 6}};

typedef struct plan {
    const column *columns;
    size_t n_columns;
    const uint32_t *ids; /* of rows as they lie */
    size_t n_rows;
    bool in_node;    /* rows lie in a subnode */
    bool no_index;   /* its HID leads nowhere */
    uint32_t beyond; /* an id whose entry leads behind the rows; 0 = none */
    uint8_t client;  /* 0 = that of tables */
} plan;

static uint8_t *rows_of(const plan *p, uint32_t text)
{
    uint8_t *rows = haul_calloc(p->n_rows, ROW);
    for (size_t i = 0; i < p->n_rows; i++) {
        uint8_t *r = rows + i * ROW;
        haul_put32(r, p->ids[i]);
        haul_put32(r + 4, 1);
        haul_put32(r + 8, 100 + p->ids[i]);
        haul_put32(r + 12, 7);
        haul_put32(r + 20, text);
        haul_put16(r + 24, 0x1234);
        r[26] = 1;
        r[27] = p->ids[i] % 20 ? 0xfe : 0xd6; /* of every second: no flags (bit 2), no text (bit 4) */
    }
    return rows;
}

static int by_id(const void *a, const void *b)
{
    const uint8_t *x = a, *y = b;
    return (haul_nodes32(x) > haul_nodes32(y)) - (haul_nodes32(x) < haul_nodes32(y));
}

static uint32_t add_index(made *h, const plan *p)
{
    uint8_t records[8 * 16], head[8] = {0xb5, 4, 4, 0};
    size_t n = 0;
    for (size_t i = 0; i < p->n_rows && i < 15; i++, n++) {
        haul_put32(records + 8 * n, p->ids[i]);
        haul_put32(records + 8 * n + 4, i);
    }
    if (p->beyond) {
        haul_put32(records + 8 * n, p->beyond);
        haul_put32(records + 8 * n++ + 4, 999);
    }
    qsort(records, n, 8, by_id);
    haul_put32(head + 4, add(h, records, 8 * n));
    return add(h, head, 8);
}

static void put_info(const plan *p, uint8_t *info, uint32_t index, uint32_t rows)
{
    info[0] = 0x7c;
    info[1] = (uint8_t)p->n_columns;
    haul_put16(info + 2, 24);
    haul_put16(info + 4, 26);
    haul_put16(info + 6, 27);
    haul_put16(info + 8, ROW);
    haul_put32(info + 10, p->no_index ? 0x7e0 : index);
    haul_put32(info + 14, rows);
    for (size_t i = 0; i < p->n_columns; i++) {
        uint8_t *c = info + 22 + 8 * i;
        haul_put32(c, p->columns[i].tag);
        haul_put16(c + 4, p->columns[i].at);
        c[6] = (uint8_t)p->columns[i].size;
        c[7] = (uint8_t)p->columns[i].bit;
    }
}

/* Rows do not span blocks: what is left of each is NULs. */
static uint32_t put_matrix(haul_pstw_ndb *n, const uint8_t *rows, size_t count)
{
    haul_pstw_tree t;
    haul_pstw_tree_init(&t, n);
    for (size_t i = 0, per = haul_pstw_most(n) / ROW; i < count; i++) {
        if (i && i % per == 0)
            haul_pstw_tree_pad(&t);
        haul_pstw_tree_add(&t, rows + i * ROW, ROW);
    }
    return haul_pstw_tree_end(&t);
}

static void write_store(const char *path, const plan *p)
{
    uint64_t octets;
    haul_pstw_ndb *n = haul_pstw_ndb_new(path, &(haul_pstw_kind){.crypt = HAUL_CRYPT_NONE});
    haul_pstw_ndb_use(n, open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), NULL);
    made *h = haul_calloc(1, sizeof(*h));
    uint8_t info[22 + 8 * 16] = {0};
    uint8_t *rows = rows_of(p, add(h, "H\0i\0", 4));
    uint32_t index = add_index(h, p), at = MATRIX;
    haul_pstw_subnode sub = {.nid = MATRIX};
    if (p->in_node)
        sub.data = put_matrix(n, rows, p->n_rows);
    else
        at = add(h, rows, p->n_rows * ROW);
    put_info(p, info, index, at);
    size_t size = end(h, p->client ? p->client : 0x7c, add(h, info, 22 + 8 * p->n_columns));
    haul_pstw_node_add(n, NID, haul_pstw_data(n, h->p, size), haul_pstw_subnode_list(n, &sub, p->in_node), 0);
    cr_assert_eq(haul_pstw_ndb_finish(n, &octets, NULL), HAUL_OK);
    haul_pstw_ndb_free(n);
    free(h);
    free(rows);
}

typedef struct opened {
    char path[512];
    int fd;
    haul_view view;
    haul_nodes nodes;
    haul_tc table;
    haul_arena arena;
    haul_rc rc;
} opened;

static opened *open_plan(const plan *p)
{
    opened *o = haul_calloc(1, sizeof(*o));
    haul_node node = {0};
    snprintf(o->path, sizeof(o->path), "%s/table.pst", testing_dir());
    write_store(o->path, p);
    o->fd = open(o->path, O_RDONLY | O_CLOEXEC);
    haul_view_init(&o->view, o->fd, (uint64_t)lseek(o->fd, 0, SEEK_END));
    cr_assert_eq(haul_nodes_open(&o->nodes, &o->view, NULL), HAUL_OK);
    cr_assert_eq(haul_nodes_find(&o->nodes, NID, &node, NULL), HAUL_OK);
    o->rc = haul_tc_open(&o->table, &o->nodes, &node, NULL);
    return o;
}

static void close_plan(opened *o)
{
    haul_tc_done(&o->table);
    haul_nodes_done(&o->nodes);
    haul_view_done(&o->view);
    haul_arena_done(&o->arena);
    close(o->fd);
    free(o);
}

static const uint32_t three[] = {30, 10, 20};

#define USUAL(...)                                                                                           \
    ((plan){.columns = usual, .n_columns = HAUL_COUNT(usual), .ids = three, .n_rows = 3, __VA_ARGS__})

static void same_rows(opened *o, const uint32_t *ids, size_t n)
{
    haul_tc_row r = {0};
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(haul_tc_next(&o->table, &r, NULL), HAUL_OK, "row %zu", i);
        cr_expect_eq(r.id, ids[i], "row %zu is %u", i, r.id);
        cr_expect_eq(r.own, ids[i], "row %zu says %u", i, r.own);
    }
    cr_expect_eq(haul_tc_next(&o->table, &r, NULL), HAUL_END);
    cr_expect_eq(haul_tc_next(&o->table, &r, NULL), HAUL_END);
}

Test(table, rows_come_in_the_order_of_the_index)
{
    static const uint32_t sorted[] = {10, 20, 30};
    for (int in_node = 0; in_node < 2; in_node++) {
        opened *o = open_plan(&USUAL(.in_node = in_node));
        cr_assert_eq(o->rc, HAUL_OK);
        same_rows(o, sorted, 3);
        close_plan(o);
    }
}

Test(table, without_an_index_rows_come_as_they_lie)
{
    opened *o = open_plan(&USUAL(.no_index = true));
    cr_assert_eq(o->rc, HAUL_OK);
    cr_expect(o->table.unindexed);
    same_rows(o, three, 3);
    close_plan(o);
}

Test(table, rows_of_several_blocks_without_an_index)
{
    enum { N = 700 }; /* 292 a block */
    uint32_t ids[N];
    for (uint32_t i = 0; i < N; i++)
        ids[i] = 10 * (N - i);
    opened *o = open_plan(&(plan){.columns = usual,
                                  .n_columns = HAUL_COUNT(usual),
                                  .ids = ids,
                                  .n_rows = N,
                                  .in_node = true,
                                  .no_index = true});
    cr_assert_eq(o->rc, HAUL_OK);
    same_rows(o, ids, N);
    close_plan(o);
}

Test(table, an_entry_beyond_the_rows_costs_itself)
{
    opened *o = open_plan(&USUAL(.beyond = 15));
    haul_tc_row r = {0};
    static const haul_rc want[] = {HAUL_OK, HAUL_SKIP, HAUL_OK, HAUL_OK, HAUL_END};
    for (size_t i = 0; i < HAUL_COUNT(want); i++)
        cr_expect_eq(haul_tc_next(&o->table, &r, NULL), want[i], "call %zu", i);
    cr_expect_eq(r.id, 30);
    close_plan(o);
}

static haul_rc cell(opened *o, size_t i, haul_prop *ret)
{
    return haul_tc_cell(&o->table, i, 1000, &o->arena, ret, NULL);
}

Test(table, cells_are_there_as_their_bits_say)
{
    opened *o = open_plan(&USUAL(.in_node = false));
    haul_tc_row r = {0};
    haul_prop v = {0};
    cr_assert_eq(haul_tc_next(&o->table, &r, NULL), HAUL_OK); /* 10 */
    cr_assert_eq(cell(o, 0, &v), HAUL_OK);
    cr_expect(v.id == 0x0e07 && v.type == HAUL_PT_I32 && v.n == 4 && haul_nodes32(v.p) == 110);
    cr_assert_eq(cell(o, 1, &v), HAUL_OK);
    cr_expect(v.n == 8 && v.p[0] == 7);
    cr_assert_eq(cell(o, 2, &v), HAUL_OK);
    cr_expect(v.n == 4 && memcmp(v.p, "H\0i\0", 4) == 0);
    cr_assert_eq(cell(o, 5, &v), HAUL_OK);
    cr_expect(v.n == 2 && v.p[0] == 0x34);
    cr_assert_eq(cell(o, 6, &v), HAUL_OK);
    cr_expect(v.n == 1 && v.p[0] == 1);
    cr_assert_eq(haul_tc_next(&o->table, &r, NULL), HAUL_OK); /* 20 */
    cr_expect_eq(cell(o, 0, &v), HAUL_END);
    cr_expect_eq(cell(o, 1, &v), HAUL_OK);
    cr_expect_eq(cell(o, 2, &v), HAUL_END);
    close_plan(o);
}

Test(table, odd_columns)
{
    static const column odd[] = {
        {0x0e070099, 8, 4, 2},  /* a type that does not exist: a number */
        {0x0e060040, 12, 4, 3}, /* smaller than its type */
        {0x00570002, 30, 2, 5}, /* beyond the row */
        {0x0e081003, 20, 4, 4}, /* a list: its octets are in the heap */
        {0x0e090003, 8, 4, 250} /* a bit behind the bitmap: it is there */
    };
    opened *o = open_plan(&(plan){.columns = odd, .n_columns = HAUL_COUNT(odd), .ids = three, .n_rows = 3});
    haul_tc_row r = {0};
    haul_prop v = {0};
    cr_assert_eq(haul_tc_next(&o->table, &r, NULL), HAUL_OK);
    cr_assert_eq(cell(o, 0, &v), HAUL_OK);
    cr_expect(v.type == HAUL_PT_I32 && v.n == 4 && haul_nodes32(v.p) == 110);
    cr_expect_eq(cell(o, 1, &v), HAUL_SKIP);
    cr_expect_eq(v.id, 0x0e06);
    cr_expect_eq(cell(o, 2, &v), HAUL_SKIP);
    cr_assert_eq(cell(o, 3, &v), HAUL_OK);
    cr_expect_eq(v.n, 4);
    cr_expect_eq(cell(o, 4, &v), HAUL_OK);
    close_plan(o);
}

Test(table, a_heap_of_properties_is_no_table)
{
    opened *o = open_plan(&USUAL(.client = 0xbc));
    cr_expect_eq(o->rc, HAUL_SKIP);
    close_plan(o);
}
