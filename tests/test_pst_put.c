/* The writer of stores against the reader: values at the borders of heaps and blocks come back with every octet and no more, what was given
 * up leaves nothing, and what was committed can be gone on with. */
#include "io/temp.h"
#include "pst/crypt.h"
#include "pst/names.h"
#include "pst/put.h"
#include "pst/put_ltp.h"
#include "pst/put_names.h"
#include "pst/table.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NODE HAUL_PSTW_NID(0x500, HAUL_PSTW_NID_MESSAGE)

static const haul_pstw_kind kinds[] = {
    {.crypt = HAUL_CRYPT_PERMUTE},
    {.crypt = HAUL_CRYPT_PERMUTE, .wide = true},
    {.crypt = HAUL_CRYPT_PERMUTE, .wide = true, .pack_first = true},
};

typedef struct opened {
    haul_view view;
    haul_nodes nodes;
    unsigned faults;
} opened;

static void on_fault(void *ctx, const haul_nodes_fault *f)
{
    ((opened *)ctx)->faults++;
    (void)f;
}

/* The only node of the store. */
static haul_node open_store(opened *o, int fd)
{
    struct stat st;
    haul_err e;
    haul_node node;
    cr_assert_eq(fstat(fd, &st), 0);
    haul_view_init(&o->view, fd, (uint64_t)st.st_size);
    cr_assert_eq(haul_nodes_open(&o->nodes, &o->view, &e), HAUL_OK, "%s", e.text);
    o->nodes.fault = on_fault;
    o->nodes.ctx = o;
    cr_assert_eq(haul_nodes_find(&o->nodes, NODE, &node, &e), HAUL_OK, "%s", e.text);
    return node;
}

static void close_store(opened *o)
{
    cr_expect_eq(o->faults, 0);
    haul_nodes_done(&o->nodes);
    haul_view_done(&o->view);
}

static int temporary(void)
{
    int fd = -1;
    haul_err e;
    cr_assert_eq(haul_temp_open(&fd, NULL, &e), HAUL_OK, "%s", e.text);
    return fd;
}

/* n octets that depend on n. */
static const uint8_t *octets(size_t n)
{
    static uint8_t v[100000];
    for (size_t i = 0; i < n; i++)
        v[i] = (uint8_t)(i * 7 + n + 1);
    return v;
}

/* A store of one node with whatever `fill` puts into it; its file. */
static int made(const haul_pstw_kind *kind, haul_pstw_object (*fill)(haul_pstw_ndb *n, size_t x), size_t x)
{
    haul_err e;
    uint64_t size;
    int fd = temporary(), again = dup(fd);
    haul_pstw_ndb *n = haul_pstw_ndb_new("test", kind);
    haul_pstw_ndb_use(n, fd, NULL);
    haul_pstw_object o = fill(n, x);
    haul_pstw_node_add(n, NODE, o.data, o.sub, 0);
    cr_assert_eq(haul_pstw_ndb_finish(n, &size, &e), HAUL_OK, "%s", e.text);
    haul_pstw_ndb_free(n);
    return again;
}

#define VALUES 700u

/* Sizes odd and even, so that pages end at either. */
static size_t size_of(size_t i, size_t x)
{
    return 1 + (i * 37 + x) % 90;
}

static haul_pstw_object fill_props(haul_pstw_ndb *n, size_t x)
{
    haul_pstw_pc pc;
    haul_pstw_pc_init(&pc, n);
    for (size_t i = 0; i < VALUES; i++)
        haul_pstw_pc_add(&pc, (uint32_t)(0x6000 + i) << 16 | HAUL_PT_BINARY, octets(size_of(i, x)),
                         size_of(i, x));
    return haul_pstw_pc_end(&pc);
}

static void expect_values(const haul_pstw_kind *kind)
{
    for (size_t x = 0; x < 9; x++) {
        opened o = {0};
        haul_err e;
        haul_props props = {0};
        haul_auto_fd int fd = made(kind, fill_props, x);
        haul_node node = open_store(&o, fd);
        cr_assert_eq(haul_props_open(&props, &o.nodes, &node, &e), HAUL_OK, "%s", e.text);
        for (size_t i = 0; i < VALUES; i++) {
            haul_props_entry entry;
            haul_span v = {0};
            cr_assert_eq(haul_props_find(&props, (uint16_t)(0x6000 + i), &entry, &e), HAUL_OK, "%zu", i);
            cr_assert_eq(haul_hn_get(&props.heap, entry.value, &v, &e), HAUL_OK, "%s", e.text);
            cr_expect_eq(v.len, size_of(i, x), "value %zu has %zu octets, not %zu", i, v.len, size_of(i, x));
            cr_expect_eq(memcmp(v.p, octets(size_of(i, x)), size_of(i, x)), 0);
        }
        haul_props_done(&props);
        close_store(&o);
    }
}

Test(pst_put, every_value_of_a_heap_has_its_octets_and_no_more)
{
    for (size_t k = 0; k < HAUL_COUNT(kinds); k++)
        expect_values(&kinds[k]);
}

static haul_pstw_object fill_data(haul_pstw_ndb *n, size_t x)
{
    haul_pstw_tree t;
    haul_pstw_tree_init(&t, n);
    for (size_t left = x; left;) { /* in steps that fit nothing */
        size_t step = left < 1009 ? left : 1009;
        haul_pstw_tree_add(&t, octets(step), step);
        left -= step;
    }
    return (haul_pstw_object){.data = haul_pstw_tree_end(&t)};
}

typedef struct counter {
    haul_out out;
    uint64_t n, wrong;
} counter;

static haul_rc count(haul_out *out, const void *p, size_t n, haul_err *e)
{
    counter *c = (counter *)out;
    const uint8_t *o = p;
    (void)e;
    for (size_t i = 0; i < n; i++, c->n++)
        c->wrong += o[i] != (uint8_t)(c->n % 1009 * 7 + 1009 + 1);
    return HAUL_OK;
}

static void expect_data(const haul_pstw_kind *kind, size_t size)
{
    opened o = {0};
    haul_err e;
    haul_data_loss loss = {0};
    counter c = {.out.write = count};
    size_t whole = size - size % 1009; /* the last step has a pattern of its own */
    haul_auto_fd int fd = made(kind, fill_data, size);
    haul_node node = open_store(&o, fd);
    cr_expect_eq(haul_nodes_pour(&o.nodes, node.data, &c.out, &loss, &e), HAUL_OK, "%s", e.text);
    cr_expect_eq(c.n, size);
    cr_expect_leq(c.wrong, size - whole, "%zu", size);
    close_store(&o);
}

Test(pst_put, data_trees_at_their_borders)
{
    static const size_t list = 8176u * 1021u, wide = 65512u;
    static const size_t sizes[] = {1009, 8175, 8176, 8177, list - 1, list, list + 1, 2 * list + 1},
                        wide_sizes[] = {1, 1009, wide - 1, wide, wide + 1, 2 * wide, 300 * wide + 1};
    for (size_t i = 0; i < HAUL_COUNT(sizes); i++)
        expect_data(&kinds[0], sizes[i]);
    for (size_t i = 0; i < HAUL_COUNT(wide_sizes); i++)
        for (size_t k = 1; k < HAUL_COUNT(kinds); k++)
            expect_data(&kinds[k], wide_sizes[i]);
}

#define ROWS 40000u

static haul_pstw_object fill_table(haul_pstw_ndb *n, size_t x)
{
    static const haul_pstw_column columns[] = {{.tag = 0x3001001f, .at = 8, .bit = 2},
                                               {.tag = 0x67f20003, .at = 0, .bit = 0},
                                               {.tag = 0x67f30003, .at = 4, .bit = 1}};
    static const uint32_t more[] = {0x0e0f000b, 0x30080040};
    haul_pstw_tc t;
    haul_pstw_tc_init(&t, n, columns, HAUL_COUNT(columns), more, HAUL_COUNT(more), x);
    for (size_t i = 0; i < x; i++) {
        char text[32];
        snprintf(text, sizeof(text), "row %zu", i);
        haul_pstw_tc_row(&t, (uint32_t)(i * 2 + 7), (uint32_t)i);
        haul_pstw_tc_text(&t, 0x3001, text);
        haul_pstw_tc_u32(&t, 0x0e0f000b, i % 2);
    }
    return haul_pstw_tc_end(&t);
}

static void expect_cells(haul_tc *t, size_t row, haul_arena *a)
{
    haul_err e;
    for (size_t i = 0; i < t->n_columns; i++) {
        haul_prop p;
        haul_bag b = {0};
        haul_auto_str s = {0};
        char text[32];
        haul_rc rc = haul_tc_cell(t, i, 1000, a, &p, &e);
        cr_expect_eq(rc, t->columns[i].id == 0x3008 ? HAUL_END : HAUL_OK, "row %zu, column 0x%x", row,
                     t->columns[i].id);
        if (t->columns[i].id != 0x3001)
            continue;
        snprintf(text, sizeof(text), "row %zu", row);
        cr_expect(haul_prop_text(&b, &p, &s, NULL));
        cr_expect_str_eq(haul_strz(&s), text);
    }
}

static void expect_rows(const haul_pstw_kind *kind, size_t rows)
{
    opened o = {0};
    haul_err e;
    haul_tc t = {0};
    haul_tc_row row;
    haul_arena a = {0};
    haul_auto_fd int fd = made(kind, fill_table, rows);
    haul_node node = open_store(&o, fd);
    cr_assert_eq(haul_tc_open(&t, &o.nodes, &node, &e), HAUL_OK, "%s", e.text);
    size_t n = 0;
    for (; haul_tc_next(&t, &row, &e) == HAUL_OK; n++) {
        cr_assert_eq(row.id, n * 2 + 7);
        if (n % 997 == 0 || n + 1 == rows)
            expect_cells(&t, n, &a);
        haul_arena_reset(&a);
    }
    cr_expect_eq(n, rows);
    haul_arena_done(&a);
    haul_tc_done(&t);
    close_store(&o);
}

Test(pst_put, a_table_of_many_rows_streams)
{
    static const size_t sizes[] = {0, 1, 100, ROWS};
    for (size_t k = 0; k < HAUL_COUNT(kinds); k++)
        for (size_t i = 0; i < HAUL_COUNT(sizes); i++)
            expect_rows(&kinds[k], sizes[i]);
}

/* n octets that cannot be compressed, so that 4k regions fill, too. */
static void put_noise(haul_pstw_ndb *n, size_t len)
{
    static uint8_t v[65512];
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof(v); i++) {
        x = x * 1664525u + 1013904223u;
        v[i] = (uint8_t)(x >> 24);
    }
    for (; len; len -= len < sizeof(v) ? len : sizeof(v))
        (void)haul_pstw_data(n, v, len < sizeof(v) ? len : sizeof(v));
}

static size_t region_of(const haul_pstw_kind *kind)
{
    return kind->wide ? 4072u * 8 * 512 : 496u * 8 * 64;
}

/* Blocks up to the last octet of the first region. */
static void fill_region(haul_pstw_ndb *n, const haul_pstw_kind *kind)
{
    uint64_t end = (kind->wide ? 0x22000 : 0x4400) + region_of(kind);
    size_t unit = kind->wide ? 512 : 64, trailer = kind->wide ? 24 : 16;
    haul_pstw_state state;
    for (haul_pstw_ndb_state(n, &state); state.end < end; haul_pstw_ndb_state(n, &state))
        put_noise(n, end - state.end > 8192 ? 8176 / unit * unit - trailer : unit - trailer);
    cr_assert_eq(state.end, end);
}

static void put_message(haul_pstw_ndb *n, size_t size)
{
    uint32_t data = haul_pstw_data(n, octets(size), size);
    haul_pstw_node_add(n, haul_pstw_new_nid(n, HAUL_PSTW_NID_MESSAGE), data, 0, 0);
}

/* Written and given up: within the region, and over several. */
static void give_up(haul_pstw_ndb *n, size_t noise)
{
    haul_pstw_state before;
    haul_pstw_ndb_state(n, &before);
    for (size_t i = 0; i < 3; i++) {
        (void)haul_pstw_new_nid(n, HAUL_PSTW_NID_MESSAGE);
        put_noise(n, i ? noise : 90000);
        haul_pstw_ndb_return(n, &before);
    }
}

/* All so far is on disk, and so much more that nobody will know of; another run takes it up. */
static haul_pstw_ndb *cut_off(haul_pstw_ndb *n, const haul_pstw_kind *kind, int fd, size_t noise)
{
    haul_pstw_state state;
    haul_pstw_ndb *next = haul_pstw_ndb_new("test", kind);
    haul_pstw_ndb_sync(n);
    haul_pstw_ndb_state(n, &state);
    put_noise(n, noise);
    haul_pstw_ndb_known(next, haul_pstw_ndb_blocks(n), (size_t)state.blocks, haul_pstw_ndb_nodes(n),
                        (size_t)state.nodes);
    haul_pstw_ndb_free(n);
    haul_pstw_ndb_use(next, dup(fd), &state);
    return next;
}

enum { UNTROUBLED, GIVEN_UP, CUT_OFF, CUT_OFF_LATER, TURNS };

enum { NOTHING, ONE_REGION, UP_TO_ITS_END, FILLINGS };

/* The octets of a store with two messages, and something between them. */
static haul_str after(int turn, const haul_pstw_kind *kind, int between)
{
    haul_err e;
    uint64_t size = 0;
    size_t region = region_of(kind), noise = region + region / 8;
    struct stat st;
    haul_str ret = {0};
    haul_auto_fd int fd = temporary();
    haul_pstw_ndb *n = haul_pstw_ndb_new("test", kind);
    haul_pstw_ndb_use(n, dup(fd), NULL);
    put_message(n, 9000);
    if (between == ONE_REGION)
        put_noise(n, region);
    if (between == UP_TO_ITS_END)
        fill_region(n, kind);
    if (turn == GIVEN_UP)
        give_up(n, noise);
    if (turn >= CUT_OFF)
        n = cut_off(n, kind, fd, turn == CUT_OFF ? 0 : noise);
    put_message(n, 500);
    cr_assert_eq(haul_pstw_ndb_finish(n, &size, &e), HAUL_OK, "%s", e.text);
    haul_pstw_ndb_free(n);
    cr_assert_eq(fstat(fd, &st), 0);
    cr_expect_eq((uint64_t)st.st_size, size);
    haul_str_room(&ret, size);
    cr_assert_eq(pread(fd, ret.p, size, 0), (ssize_t)size);
    ret.len = size;
    return ret;
}

Test(pst_put, what_is_given_up_or_cut_off_leaves_nothing)
{
    for (size_t k = 0; k < 2; k++)
        for (int between = 0; between < FILLINGS; between++) {
            haul_auto_str was = after(UNTROUBLED, &kinds[k], between);
            for (int turn = GIVEN_UP; turn < TURNS; turn++) {
                haul_auto_str is = after(turn, &kinds[k], between);
                cr_expect(is.len == was.len && memcmp(is.p, was.p, is.len) == 0,
                          "kind %zu, filling %d, turn %d", k, between, turn);
            }
        }
}

Test(pst_put, a_damaged_log_is_refused)
{
    haul_err e;
    uint64_t end;
    int log = temporary(), log2 = dup(log);
    haul_pstw *s = NULL;
    haul_pstw_setup setup = {.fd = temporary(), .log = log, .name = "test", .title = "test"};
    cr_assert_eq(haul_pstw_open(&setup, &s, &e), HAUL_OK, "%s", e.text);
    cr_expect_neq(haul_pstw_folder(s, HAUL_PSTW_TOP, "A", NULL, HAUL_ROLE_NONE), 0);
    cr_assert_eq(haul_pstw_commit(s, &end, &e), HAUL_OK, "%s", e.text);
    haul_pstw_free(s);
    for (uint64_t cut = 0; cut <= end; cut++) { /* only all of it is what was committed */
        haul_pstw *again = NULL;
        setup =
            (haul_pstw_setup){.fd = -1, .log = dup(log2), .name = "test", .title = "test", .resume = cut + 1};
        haul_rc rc = haul_pstw_open(&setup, &again, &e);
        cr_expect_eq(rc, cut + 1 == end ? HAUL_OK : HAUL_E_STATE, "%llu of %llu: %s", (unsigned long long)cut,
                     (unsigned long long)end, haul_rc_name(rc));
        haul_pstw_free(again);
    }
    for (uint64_t at = 0; at < end; at++) { /* whatever is in it, it ends in a code */
        haul_pstw *again = NULL;
        char was, is;
        cr_assert_eq(pread(log2, &was, 1, (off_t)at), 1);
        is = (char)(was ^ 0x41);
        cr_assert_eq(pwrite(log2, &is, 1, (off_t)at), 1);
        setup = (haul_pstw_setup){.fd = -1, .log = dup(log2), .name = "test", .title = "test", .resume = end};
        (void)!haul_pstw_open(&setup, &again, &e);
        haul_pstw_free(again);
        cr_assert_eq(pwrite(log2, &was, 1, (off_t)at), 1);
    }
    close(log2);
}

Test(pst_put, names_have_one_id_each)
{
    haul_pstw_names m = {0};
    uint8_t guid[16] = {1};
    bool added;
    for (uint32_t i = 0; i < 5000; i++) {
        char text[32];
        snprintf(text, sizeof(text), "X-%u", (unsigned)i);
        cr_expect_eq(haul_pstw_names_id(&m, guid, i, NULL, &added), 0x8000 + 2 * i);
        cr_expect(added);
        cr_expect_eq(haul_pstw_names_id(&m, guid, 0, text, &added), 0x8000 + 2 * i + 1);
    }
    cr_expect_eq(haul_pstw_names_id(&m, guid, 0, "X-17", &added), 0x8000 + 35);
    cr_expect_not(added);
    haul_pstw_names_done(&m);
}
