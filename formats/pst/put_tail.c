/* What the end of a store will take: tables of folders, the folders, names, B-trees, maps. An upper bound, known at any time, so
 * that a store can be ended before it is too large. */
#include "put_parts.h"

#define NODE        36u /* octets of an entry of the node B-tree, with its share of the pages above (2.2.2.7.7) */
#define BLOCK       27u   /* … of the block B-tree */
#define BLOCK_ENDS  128u  /* trailer, padding, and what names it: list of blocks, subnode */
#define FOLDER      1600u /* its own properties, its row, its three tables with nothing in them, */
#define FOLDER_TEXT 5u    /* and for each octet of its name and class, which are in both */
#define NAME        48u   /* a named property, its text aside: stream of entries, buckets, set */
#define FIXED       65536u
#define PAGE_ENDS   80u /* of a page of a heap: header and map */
#define INDEX_ENTRY 10u /* of a row: 8 octets, and what an allocation leaves free of a page */

static uint64_t block_of(const haul_pstw *s)
{
    return haul_pstw_most(s->ndb) + BLOCK_ENDS;
}

/* Octets of n in blocks of `most`. */
static uint64_t blocks_for(const haul_pstw *s, uint64_t n)
{
    return n + (n / haul_pstw_most(s->ndb) + 2) * BLOCK_ENDS;
}

static size_t width_of(haul_pstw_template_id id)
{
    const haul_pstw_template *t = &haul_pstw_templates[id];
    size_t n = (t->n + 7) / 8;
    for (size_t i = 0; i < t->n; i++)
        n += haul_pstw_cell_size(t->columns[i].tag);
    return n;
}

static uint64_t tail_of(const haul_pstw *s, const haul_pstw_rows *r, size_t width)
{
    size_t per = haul_pstw_most(s->ndb) / width;
    bool small = r->n * (width + INDEX_ENTRY) + r->used < HAUL_PSTW_HEAP_MAX && !r->pages;
    uint64_t spare =
        small ? BLOCK_ENDS : 2 * block_of(s); /* where one kind of content ends in the middle of a page */
    return (r->n / per + r->pages) * block_of(s) + r->n % per * width + r->used + r->n * INDEX_ENTRY +
           r->large + spare;
}

/* As haul_pstw_heap_add places it. */
static void add_cell(const haul_pstw *s, haul_pstw_rows *r, size_t n)
{
    size_t most = haul_pstw_most(s->ndb) - PAGE_ENDS;
    if (n > HAUL_PSTW_HEAP_MAX) {
        r->large += blocks_for(s, n);
        return;
    }
    n += 2;
    if (r->used + n > most) {
        r->pages++;
        r->used = 0;
    }
    r->used += (uint32_t)n;
}

void haul_pstw_tail_row(haul_pstw *s, haul_pstw_rows *r, haul_pstw_template_id id, const char *cells,
                        size_t n)
{
    haul_pstw_cell c;
    for (size_t at = 0; haul_pstw_cells_next(cells, n, &at, &c);)
        if (c.n && !haul_pstw_fixed(c.tag))
            add_cell(s, r, c.n);
    s->tail -= r->tail;
    r->tail = tail_of(s, r, width_of(id));
    s->tail += r->tail;
}

uint64_t haul_pstw_tail_folders(size_t n, size_t octets)
{
    return (uint64_t)n * FOLDER + (uint64_t)octets * FOLDER_TEXT;
}

uint64_t haul_pstw_tail_size(const haul_pstw *s, size_t row, uint64_t more)
{
    haul_pstw_state now;
    haul_pstw_ndb_state(s->ndb, &now);
    uint64_t n = s->tail + more + FIXED + s->names.n * NAME + s->names.text * 4;
    n += now.nodes * NODE + now.blocks * BLOCK;
    n += NODE + row + block_of(s);
    return now.end + n + n / 20 /* maps, and what is left free where a block does not fit a region */
           + haul_pstw_step(s->ndb);
}
