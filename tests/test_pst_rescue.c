/* Pages and blocks found by their trailers, and what is chosen of them. Whole stores: tests/check_pst_rescue.py. */
#include "../fuzz/pst_small.h"
#include "pst/engine.h"
#include "pst/rescue.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEBI (1024u * 1024u)
#define ROOM (MEBI + 65536u)

typedef struct file {
    uint8_t *p;
    FILE *f;
    haul_view view;
    haul_nodes nodes;
    size_t mended, bypassed, found;
} file;

static void on_fault(void *ctx, const haul_nodes_fault *f)
{
    file *t = ctx;
    t->mended += f->outcome == HAUL_NODES_MENDED;
    t->bypassed += f->outcome == HAUL_NODES_BYPASSED;
    t->found += f->found;
}

/* Write p, and open it as a Unicode store with these roots. */
static void begin(file *t, uint64_t node_root, uint64_t block_root)
{
    t->f = tmpfile();
    cr_assert(t->f && fwrite(t->p, 1, ROOM, t->f) == ROOM && fflush(t->f) == 0);
    haul_view_init(&t->view, fileno(t->f), ROOM);
    haul_nodes_begin(&t->nodes, &t->view, 64);
    t->nodes.node_root = t->nodes.node_id = node_root;
    t->nodes.block_root = t->nodes.block_id = block_root;
    t->nodes.fault = on_fault;
    t->nodes.ctx = t;
    t->nodes.rescues = true;
}

static void end(file *t)
{
    haul_nodes_done(&t->nodes);
    haul_view_done(&t->view);
    fclose(t->f);
    free(t->p);
}

/* ── single octets ── */

Test(pst_rescue, one_octet_of_a_page_is_found_two_are_not)
{
    uint8_t p[4072];
    for (size_t i = 0; i < sizeof(p); i++)
        p[i] = (uint8_t)(i * i >> 3 ^ i);
    uint32_t sum = haul_nodes_checksum(p, sizeof(p));
    uint8_t mask = 0;
    cr_expect(haul_rescue_octet(p, sizeof(p), sum, &mask) == SIZE_MAX);
    for (size_t i = 0; i < sizeof(p); i += 509) {
        uint8_t change = (uint8_t)(1u << i % 8);
        p[i] ^= change;
        cr_expect(haul_rescue_octet(p, sizeof(p), sum, &mask) == i && mask == change, "%zu", i);
        p[(i + 7) % sizeof(p)] ^= 0x11;
        cr_expect(haul_rescue_octet(p, sizeof(p), sum, &mask) == SIZE_MAX, "%zu", i);
        p[(i + 7) % sizeof(p)] ^= 0x11;
        p[i] ^= change;
    }
}

/* ── the scan ── */

typedef struct tally {
    unsigned version;
    uint64_t base;
    size_t pages, blocks, odd;
} tally;

static void count_page(void *ctx, const haul_scan_page *p)
{
    tally *t = ctx;
    bool ours = p->kind == 0x80 ? p->at == t->base + BBT : p->at == t->base + NBT;
    t->pages += ours && p->id == p->kind && p->version == t->version;
    t->odd += !ours;
}

static void count_block(void *ctx, const haul_scan_block *b)
{
    static const uint64_t ids[] = {PROPS, ATTACHMENT, LEAF_1, LEAF_2, XBLOCK, XXBLOCK, SUBS, VALUES};
    tally *t = ctx;
    uint64_t number = (b->extent.at - t->base - BLOCKS) / SLOT;
    bool ours =
        b->sound && number < HAUL_COUNT(ids) && b->extent.id == ids[number] && b->version == t->version;
    bool packed = t->version == 65 && b->extent.id == LEAF_2;
    if (ours && (b->extent.id == LEAF_1 || b->extent.id == LEAF_2))
        ours = b->extent.size == LEAF && (b->extent.stored != LEAF) == packed;
    t->blocks += ours;
    t->odd += !ours;
}

/* Wherever they lie to what is read at a time. 4k pages are looked for where they may be. */
Test(pst_rescue, pages_and_blocks_are_found_in_every_format)
{
    static const unsigned versions[] = {32, 64, 65};
    uint8_t *p = haul_alloc(ROOM);
    for (size_t v = 0; v < 3; v++)
        for (uint64_t base = MEBI - 13u * 1024u; base < MEBI; base += v == 2 ? 4096 : 512) {
            maker m = {.p = p, .version = (unsigned)v, .crypt = (uint8_t)v, .id = v ? 8 : 4, .base = base};
            make(&m, ROOM);
            FILE *f = tmpfile();
            haul_view view;
            tally t = {.version = versions[v], .base = base};
            haul_scan s = {
                .versions = {true, true, true}, .page = count_page, .block = count_block, .ctx = &t};
            cr_assert(f && fwrite(p, 1, ROOM, f) == ROOM && fflush(f) == 0);
            haul_view_init(&view, fileno(f), ROOM);
            haul_scan_run(&s, &view);
            cr_expect(t.pages == 2 && t.blocks == 8 && !t.odd, "%zu at %llu: %zu %zu %zu", v,
                      (unsigned long long)base, t.pages, t.blocks, t.odd);
            haul_view_done(&view);
            fclose(f);
        }
    free(p);
}

/* ── blocks ── */

static void put_block(uint8_t *p, uint64_t at, uint64_t id, size_t n, uint8_t fill)
{
    maker m = {.p = p, .version = 1, .id = 8};
    size_t room = (n + 16 + 63) / 64 * 64;
    if (fill)
        memset(p + at, fill, n);
    trailer(&m, p + at + room - 16, (uint32_t)n, at, id, sum(p + at, n));
}

static int first_octet(file *t, uint64_t id)
{
    static uint8_t octets[HAUL_NODES_BLOCK];
    haul_block b = {0};
    return haul_nodes_block(&t->nodes, id, octets, &b, NULL) == HAUL_OK ? octets[0] : -1;
}

Test(pst_rescue, blocks_come_by_their_trailers_when_no_page_names_them)
{
    file t = {.p = haul_calloc(ROOM, 1)};
    put_block(t.p, 65536, 0x40, 100, 'a');
    put_block(t.p, MEBI - 128, 0x44, 300, 'b'); /* across what is read at a time */
    put_block(t.p, 131072, 0x48, 100, 'c');     /* the same id twice: the sound one */
    put_block(t.p, 135168, 0x48, 100, 'd');
    t.p[131073] ^= 1;
    put_block(t.p, 139264, 0x4c, 100, 'e'); /* only this one, and it is not sound */
    t.p[139265] ^= 1;
    put_block(t.p, 200000 / 64 * 64 + 1024, 0x50, 100, 'f'); /* within another block */
    put_block(t.p, 200000 / 64 * 64, 0x54, 8000, 0);
    put_block(t.p, 300032, 0x58, 100, 'g');
    memmove(t.p + 300096, t.p + 300032, 128); /* a copy elsewhere has a wrong signature */
    memset(t.p + 300032, 0, 64);
    begin(&t, 0, 0);
    cr_expect(first_octet(&t, 0x40) == 'a');
    cr_expect(first_octet(&t, 0x44) == 'b');
    cr_expect(first_octet(&t, 0x45) == 'b');
    cr_expect(first_octet(&t, 0x48) == 'd');
    cr_expect(first_octet(&t, 0x4c) == 'e');
    cr_expect(first_octet(&t, 0x50) == -1);
    cr_expect(first_octet(&t, 0x54) == 0);
    cr_expect(first_octet(&t, 0x58) == -1);
    cr_expect(t.bypassed == 1 && t.found == 5);
    end(&t);
}

/* ── generations of pages ── */

/* A leaf page of nodes: ids of nodes end at 0; their data is block `data`. */
static void put_leaf(uint8_t *p, uint64_t at, uint64_t id, const uint32_t *nids, uint64_t data)
{
    maker m = {.p = p, .version = 1, .id = 8};
    size_t n = 0;
    for (; nids[n]; n++) {
        put(p + at + n * 32, nids[n], 8);
        put(p + at + n * 32 + 8, data, 8);
        put(p + at + n * 32 + 24, (uint32_t)id | HAUL_NID_FOLDER,
            4); /* the parent tells which page it came from */
    }
    page(&m, at, 0x81, n, 32);
    trailer(&m, p + at + 496, 0x8181, at, id, sum(p + at, 496));
}

/* An inner page of leaves: their places, which are their ids, too, end at 0. */
static void put_inner(uint8_t *p, uint64_t at, const uint64_t *leaves)
{
    maker m = {.p = p, .version = 1, .id = 8};
    size_t n = 0;
    for (; leaves[n]; n++) {
        memcpy(p + at + n * 24, p + leaves[n], 8);
        put(p + at + n * 24 + 8, leaves[n], 8);
        put(p + at + n * 24 + 16, leaves[n], 8);
    }
    page(&m, at, 0x81, n, 24);
    p[at + 491] = 1;
    trailer(&m, p + at + 496, 0x8181, at, at, sum(p + at, 496));
}

static haul_rc write_down(void *ctx, const haul_node *n, haul_err *e)
{
    (void)e;
    haul_str_addf(ctx, "%x/%x ", n->nid, n->parent & ~(uint32_t)HAUL_NID_FOLDER);
    return HAUL_OK;
}

static void nodes_are(file *t, const char *wanted)
{
    haul_auto_str s = {0};
    cr_expect(haul_nodes_walk(&t->nodes, write_down, &s, NULL) == HAUL_OK);
    cr_expect(strcmp(haul_strz(&s), wanted) == 0, "%s, wanted %s", haul_strz(&s), wanted);
    haul_str_clear(&s);
    cr_expect(haul_nodes_walk(&t->nodes, write_down, &s, NULL) == HAUL_OK &&
              strcmp(haul_strz(&s), wanted) == 0);
}

#define ROOT  0x8000u
#define LEFT  0x9000u
#define MID   0xa000u
#define RIGHT 0xb000u

/* Three leaves below a root, and what lies around of earlier times. */
static void three_leaves(file *t)
{
    t->p = haul_calloc(ROOM, 1);
    put_leaf(t->p, LEFT, LEFT, (const uint32_t[]){0x104, 0x124, 0}, 0);
    put_leaf(t->p, MID, MID, (const uint32_t[]){0x204, 0x224, 0x244, 0x264, 0}, 0);
    put_leaf(t->p, RIGHT, RIGHT, (const uint32_t[]){0x304, 0x324, 0}, 0);
    put_inner(t->p, ROOT, (const uint64_t[]){LEFT, MID, RIGHT, 0});
    put_leaf(t->p, 0xc000, 0x20, (const uint32_t[]){0x1e4, 0x224, 0x234, 0x284, 0x304, 0}, 0);
    put_leaf(t->p, 0xc200, 0x30, (const uint32_t[]){0x204, 0x224, 0x264, 0}, 0);
}

Test(pst_rescue, the_newest_old_page_fills_a_gap)
{
    file t = {0};
    three_leaves(&t);
    memset(t.p + MID, 0, 512);
    begin(&t, ROOT, 0);
    /* 0x234 was gone when 0x30 was written; 0x284 lies beside it; 0x1e4 and 0x304 are not in the gap. */
    nodes_are(&t, "104/9000 124/9000 304/b000 324/b000 204/30 224/30 264/30 284/20 ");
    cr_expect(t.bypassed == 2 && t.found == 4); /* the other is the block tree's root */
    haul_node n = {0};
    cr_expect(haul_nodes_find(&t.nodes, 0x264, &n, NULL) == HAUL_OK && n.parent == (0x30 | HAUL_NID_FOLDER));
    cr_expect(haul_nodes_find(&t.nodes, 0x244, &n, NULL) == HAUL_SKIP);
    end(&t);
}

Test(pst_rescue, a_sound_tree_is_not_searched)
{
    file t = {0};
    three_leaves(&t);
    begin(&t, ROOT, 0);
    nodes_are(&t, "104/9000 124/9000 204/a000 224/a000 244/a000 264/a000 304/b000 324/b000 ");
    cr_expect(!t.bypassed && !t.mended && !t.nodes.rescue);
    end(&t);
}

Test(pst_rescue, one_wrong_octet_is_put_right)
{
    static const uint32_t places[] = {ROOT + 9,  MID + 32,  MID + 488, MID + 496,
                                      MID + 499, MID + 502, MID + 505};
    for (size_t i = 0; i < HAUL_COUNT(places); i++) {
        file t = {0};
        three_leaves(&t);
        t.p[places[i]] ^= 0x24;
        begin(&t, ROOT, 0);
        nodes_are(&t, "104/9000 124/9000 204/a000 224/a000 244/a000 264/a000 304/b000 324/b000 ");
        cr_expect(!t.bypassed && t.mended == 1, "%zu", i);
        end(&t);
    }
}

Test(pst_rescue, a_damaged_inner_page_hides_no_leaf)
{
    file t = {0};
    three_leaves(&t);
    memset(t.p + ROOT + 24 + 8, 0, 16); /* the reference to the leaf in the middle */
    begin(&t, ROOT, 0);
    nodes_are(&t, "104/9000 124/9000 304/b000 324/b000 1e4/20 204/a000 224/a000 244/a000 264/a000 284/20 ");
    end(&t);
    three_leaves(&t);
    memset(t.p + ROOT, 0, 512);
    begin(&t, ROOT, 0);
    nodes_are(&t, "104/9000 124/9000 1e4/20 204/a000 224/a000 244/a000 264/a000 284/20 304/b000 324/b000 ");
    end(&t);
}

/* Where the blocks are known, what is beside the newest pages must have its own; folders stay. */
Test(pst_rescue, old_entries_without_their_block_are_left_out)
{
    file t = {0};
    three_leaves(&t);
    maker m = {.p = t.p, .version = 1, .id = 8};
    put_block(t.p, 0x10000, 0x40, 20, 'a');
    put(t.p + 0x11000, 0x40, 8);
    put(t.p + 0x11000 + 8, 0x10000, 8);
    put(t.p + 0x11000 + 16, 20, 2);
    page(&m, 0x11000, 0x80, 1, 24);
    trailer(&m, t.p + 0x11000 + 496, 0x8080, 0x11000, 0x11000, sum(t.p + 0x11000, 496));
    put_leaf(t.p, 0xc000, 0x20, (const uint32_t[]){0x1e4, 0x222, 0x224, 0}, 0x44);
    put_leaf(t.p, 0xc200, 0x30, (const uint32_t[]){0x242, 0x264, 0}, 0x40);
    memset(t.p + MID, 0, 512);
    begin(&t, ROOT, 0x11000);
    nodes_are(&t, "104/9000 124/9000 304/b000 324/b000 222/20 242/30 264/30 ");
    cr_expect(t.bypassed == 1);
    end(&t);
}

/* Of a damaged leaf the entries that are whole count, and what was between two of them is nothing. */
Test(pst_rescue, a_damaged_leaf_keeps_its_whole_entries)
{
    file t = {0};
    three_leaves(&t);
    put_block(t.p, 0x10000, 0x40, 20, 'a');
    put_leaf(t.p, MID, MID, (const uint32_t[]){0x204, 0x224, 0x244, 0x264, 0}, 0x40);
    put_leaf(t.p, 0xc000, 0x20, (const uint32_t[]){0x204, 0x214, 0x244, 0x254, 0x264, 0x274, 0}, 0x40);
    put_leaf(t.p, 0xc200, 0x30, (const uint32_t[]){0x104, 0}, 0);
    memset(t.p + MID + 64, 0, 32); /* 0x244 */
    begin(&t, ROOT, 0);
    nodes_are(&t, "104/9000 124/9000 304/b000 324/b000 204/a000 224/a000 244/20 254/20 264/a000 274/20 ");
    end(&t);
}
