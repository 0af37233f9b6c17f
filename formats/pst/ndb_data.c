/* Data trees: the blocks of one stream of data, in order, by number, or poured out (MS-PST 2.2.2.8.3). */
#include "ndb_parts.h"

#include <stdlib.h>
#include <string.h>

/* ── data trees ── */

/* An XBLOCK or XXBLOCK: type, level, count, octets of the whole, ids. */
static haul_rc read_list(haul_data *d, unsigned i, uint64_t id, haul_err *e)
{
    haul_data_list *l = &d->list[i];
    haul_block b = {0};
    free(l->octets);
    *l = (haul_data_list){0};
    haul_rc rc = haul_nodes_load(d->nodes, id, NULL, &b, e);
    if (rc != HAUL_OK)
        return rc;
    const uint8_t *p = l->octets = b.octets;
    size_t n = b.n;
    size_t count = n < 8 ? 0 : haul_nodes16(p + 2);
    unsigned level = i ? 1 : n < 8 ? 0 : p[1];
    if (n < 8 || p[0] != HAUL_NODES_DATALIST || p[1] != level || !level || level > 2 ||
        count * d->nodes->layout->id > n - 8)
        return haul_fail(e, HAUL_SKIP, "block 0x%llx: no list of blocks", (unsigned long long)id);
    l->n = count;
    return HAUL_OK;
}

haul_rc haul_data_open(haul_data *d, haul_nodes *n, uint64_t id, haul_err *e)
{
    *d = (haul_data){.nodes = n, .top = id, .block = n->layout->most};
    if (!id)
        return HAUL_OK;
    if (!(id & HAUL_NODES_INTERNAL)) {
        haul_nodes_extent b = {0};
        haul_rc rc = haul_nodes_find_block(n, id, &b, e);
        d->size = b.size;
        return rc;
    }
    haul_rc rc = read_list(d, 0, id, e);
    if (rc != HAUL_OK)
        return rc;
    d->levels = d->list[0].octets[1];
    d->size = haul_nodes32(d->list[0].octets + 4);
    return HAUL_OK;
}

static uint64_t take(haul_data *d, unsigned i)
{
    haul_data_list *l = &d->list[i];
    size_t id = d->nodes->layout->id;
    return haul_nodes_id(d->nodes, l->octets + 8 + l->i++ * id);
}

/* Blocks that a full XBLOCK names. */
static uint64_t per_list(const haul_data *d)
{
    return (d->block - 8) / d->nodes->layout->id;
}

haul_rc haul_data_next(haul_data *d, uint64_t *ret_id, uint64_t *ret_lost, haul_err *e)
{
    if (d->leaves >= HAUL_NODES_LEAVES || !d->top)
        return HAUL_END;
    d->leaves++;
    if (!d->levels) {
        *ret_id = d->top;
        d->top = 0;
        return HAUL_OK;
    }
    unsigned last = d->levels - 1;
    while (d->list[last].i == d->list[last].n) {
        if (last == 0 || d->list[0].i == d->list[0].n)
            return HAUL_END;
        haul_rc rc = read_list(d, 1, take(d, 0), e);
        if (rc != HAUL_OK) {
            *ret_lost = per_list(d) * d->block;
            return rc;
        }
    }
    *ret_id = take(d, last);
    return HAUL_OK;
}

void haul_data_done(haul_data *d)
{
    free(d->list[0].octets);
    free(d->list[1].octets);
    *d = (haul_data){0};
}

/* ── blocks by number ── */

haul_rc haul_blocks_open(haul_blocks *b, haul_nodes *n, uint64_t data, size_t most, haul_err *e)
{
    haul_data d = {0};
    size_t cap = 0;
    uint64_t id = 0, lost;
    b->nodes = n;
    haul_rc rc = haul_data_open(&d, n, data, e);
    while (rc == HAUL_OK && (rc = haul_data_next(&d, &id, &lost, e)) == HAUL_OK) {
        if (b->n >= most) {
            rc = haul_fail(e, HAUL_SKIP, "more than %zu blocks", most);
            break;
        }
        if (b->n == cap) {
            cap = cap ? cap * 2 : 4;
            b->v = haul_realloc(b->v, cap * sizeof(*b->v));
        }
        b->v[b->n++] = (haul_block){.id = id};
    }
    haul_data_done(&d);
    if (b->n > HAUL_BLOCKS_SHARED)
        b->arena = NULL;
    return rc == HAUL_END ? HAUL_OK : rc;
}

/* Block i is in memory; the one that was read longest ago goes. */
static void make_room(haul_blocks *b, size_t i)
{
    size_t slot = b->turn++ % HAUL_BLOCKS_KEPT;
    if (b->turn > HAUL_BLOCKS_KEPT) {
        haul_block *old = &b->v[b->kept[slot]];
        free(old->octets);
        old->octets = NULL;
    }
    b->kept[slot] = i;
}

haul_rc haul_blocks_get(haul_blocks *b, size_t i, haul_block **ret, haul_err *e)
{
    if (i >= b->n)
        return haul_fail(e, HAUL_SKIP, "no block %zu of %zu", i, b->n);
    *ret = &b->v[i];
    if (b->v[i].octets)
        return HAUL_OK;
    haul_rc rc = haul_nodes_load(b->nodes, b->v[i].id, b->arena, &b->v[i], e);
    if (rc == HAUL_OK && !b->all && !b->arena)
        make_room(b, i);
    return rc;
}

void haul_blocks_done(haul_blocks *b)
{
    for (size_t i = 0; i < b->n && !b->arena; i++)
        free(b->v[i].octets);
    free(b->v);
    *b = (haul_blocks){0};
}

/* ── pouring ── */

typedef struct pour {
    haul_data d;
    haul_out *to;
    uint8_t *fill; /* else: memory for all of them */
    uint64_t done;
    uint8_t *block;
    size_t cap; /* of block */
    haul_data_loss *loss;
} pour;

static uint8_t *block_of(pour *p, size_t n)
{
    if (p->cap < n) {
        free(p->block);
        p->block = haul_alloc(p->cap = n);
    }
    return p->block;
}

static haul_rc push(pour *p, size_t n, haul_err *e)
{
    uint64_t left = p->d.size - p->done;
    uint8_t *fill = p->fill ? p->fill + p->done : NULL;
    if (n > left) { /* what the top says is what the reader was told */
        p->loss->more = true;
        n = (size_t)left;
    }
    p->done += n;
    if (!fill)
        return haul_out_write(p->to, p->block, n, e);
    memcpy(fill, p->block, n);
    return HAUL_OK;
}

static haul_rc push_lost(pour *p, uint64_t n, haul_err *e)
{
    uint64_t left = p->d.size - p->done;
    n = n < left ? n : left;
    if (!p->loss->places++)
        p->loss->first = p->done;
    p->loss->octets += n;
    memset(block_of(p, HAUL_NODES_BLOCK), 0, HAUL_NODES_BLOCK);
    while (n) {
        size_t part = n < HAUL_NODES_BLOCK ? (size_t)n : HAUL_NODES_BLOCK;
        haul_rc rc = push(p, part, e);
        if (rc != HAUL_OK)
            return rc;
        n -= part;
    }
    return HAUL_OK;
}

/* Blocks in front of the last are full; the last one has the rest. */
static haul_rc pour_block(pour *p, uint64_t id, haul_err *e)
{
    haul_nodes_extent b = {0};
    const uint8_t *from = NULL;
    haul_rc rc = haul_nodes_look(p->d.nodes, id, &b, &from, e);
    bool fits = p->fill && b.size <= p->d.size - p->done;
    if (rc == HAUL_OK)
        rc = haul_nodes_decode(p->d.nodes, &b, from, fits ? p->fill + p->done : block_of(p, b.size), e);
    if (rc != HAUL_OK)
        return p->d.levels ? push_lost(p, p->d.block, e) : rc;
    if (!fits)
        return push(p, b.size, e);
    p->done += b.size;
    return HAUL_OK;
}

static haul_rc pour_all(pour *p, haul_err *e)
{
    while (p->done < p->d.size) {
        uint64_t id = 0, lost = 0;
        haul_rc rc = haul_data_next(&p->d, &id, &lost, e);
        if (rc == HAUL_END)
            return haul_fail(e, HAUL_SKIP, "the data end %llu octets early",
                             (unsigned long long)(p->d.size - p->done));
        rc = rc == HAUL_OK ? pour_block(p, id, e) : push_lost(p, lost, e);
        if (rc != HAUL_OK)
            return rc;
    }
    uint64_t id, lost;
    if (p->d.levels && haul_data_next(&p->d, &id, &lost, NULL) == HAUL_OK)
        p->loss->more = true;
    return HAUL_OK;
}

haul_rc haul_nodes_pour(haul_nodes *n, uint64_t id, haul_out *to, haul_data_loss *ret, haul_err *e)
{
    *ret = (haul_data_loss){0};
    pour p = {.to = to, .loss = ret};
    haul_rc rc = haul_data_open(&p.d, n, id, e);
    if (rc == HAUL_OK)
        rc = pour_all(&p, e);
    free(p.block);
    haul_data_done(&p.d);
    return rc;
}

haul_rc haul_nodes_fill(haul_nodes *n, uint64_t id, uint8_t *to, uint64_t size, haul_data_loss *ret,
                        haul_err *e)
{
    *ret = (haul_data_loss){0};
    pour p = {.fill = to, .loss = ret};
    haul_rc rc = haul_data_open(&p.d, n, id, e);
    if (rc == HAUL_OK && p.d.size != size) /* the file changes as it is read */
        rc = haul_fail(e, HAUL_SKIP, "the data have changed");
    if (rc == HAUL_OK)
        rc = pour_all(&p, e);
    free(p.block);
    haul_data_done(&p.d);
    return rc;
}
