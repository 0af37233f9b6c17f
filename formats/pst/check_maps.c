#include "check.h"

#include <stdlib.h>
#include <string.h>

#define DENSITY_HEAD 8u /* octets of a density list in front of its entries (2.2.2.7.4.2) */

/* ── maps (2.2.2.7.2 to 2.2.2.7.6) ── */

typedef struct region {
    uint64_t at, index;
    size_t next; /* extent */
    uint64_t free;
    uint8_t page[HAUL_PSTC_PAGE], want[HAUL_PSTC_PAGE];
    uint8_t density[HAUL_PSTC_PAGE]; /* the density list */
    size_t n_density;                /* its entries */
} region;

/* Whether a page at an octet lies over a block or a page of a tree. Extents are sorted by place. */
static bool in_use(const haul_pst_check *c, uint64_t at)
{
    size_t low = 0, high = c->n_extents;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->extents[middle].at + c->extents[middle].n <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->n_extents && c->extents[low].at < at + c->layout->page;
}

/* A bit that is 0 is of a page that an older Outlook would write to (2.2.2.7.3.1); 1 means nothing. Of what FMaps and FPMaps
 * say nothing is demanded: they are no longer kept, and hints. */
static void check_page_map(haul_pst_check *c, const region *r, uint64_t at, const uint8_t *page)
{
    uint64_t first = 0;
    size_t n = 0;
    for (size_t i = 0; i < c->maps->bits * 8u; i++) {
        uint64_t place = r->at + i * c->layout->page;
        if (page[c->maps->skip + i / 8] & 0x80 >> i % 8 || place >= c->view.size || !in_use(c, place))
            continue;
        first = n++ ? first : place;
    }
    if (n)
        haul_pst_say(c, HAUL_FINDING_PST_PMAP_FREE, first, 0,
                     "%zu pages from here on, by the map at octet %llu", n, (unsigned long long)at);
}

/* Pages of older maps behind an AMap: a reader of today passes over what they say, but their space is theirs. */
static void older_maps(haul_pst_check *c, const region *r)
{
    static const struct {
        unsigned kind;
        uint64_t first, every;
    } maps[] = {{HAUL_PTYPE_PMAP, 0, 8}, {HAUL_PTYPE_FMAP, 128, 496}, {HAUL_PTYPE_FPMAP, 8192, 31744}};
    uint8_t page[HAUL_PSTC_PAGE];
    for (unsigned i = 0; i < 3; i++) {
        uint64_t at = r->at + (i + 1) * c->layout->page;
        if (r->index < maps[i].first || (r->index - maps[i].first) % maps[i].every)
            continue;
        if (haul_pst_check_page(c, at, at, maps[i].kind, false, page) && maps[i].kind == HAUL_PTYPE_PMAP)
            check_page_map(c, r, at, page);
    }
}

static uint64_t map_span(const haul_pst_check *c)
{
    return (uint64_t)c->maps->bits * 8 * c->maps->unit;
}

static void mark(const haul_pst_check *c, region *r, uint64_t at, uint64_t n)
{
    uint64_t unit = c->maps->unit, bit = (at - r->at) / unit, end = (at - r->at + n + unit - 1) / unit;
    for (; bit < end && bit < c->maps->bits * 8u; bit++)
        r->want[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
}

static void mark_region(const haul_pst_check *c, region *r)
{
    uint64_t page = c->layout->page, i = r->index;
    memset(r->want, 0, sizeof(r->want));
    mark(c, r, r->at, page);
    if (c->maps->older && i % 8 == 0)
        mark(c, r, r->at + page, page);
    if (c->maps->older && i >= 128 && (i - 128) % 496 == 0)
        mark(c, r, r->at + 2 * page, page);
    if (c->maps->older && i >= 8192 && (i - 8192) % 31744 == 0)
        mark(c, r, r->at + 3 * page, page);
    for (; r->next < c->n_extents && c->extents[r->next].at < r->at + map_span(c); r->next++)
        if (c->extents[r->next].at >= r->at)
            mark(c, r, c->extents[r->next].at, c->extents[r->next].n);
}

/* One finding for every run of units that differ in the same way. */
static void compare(haul_pst_check *c, region *r)
{
    const uint8_t *map = r->page + c->maps->skip;
    int run = 0;
    uint64_t from = 0, unit = c->maps->unit;
    for (uint64_t bit = 0; bit <= c->maps->bits * 8u; bit++) {
        bool end = bit == c->maps->bits * 8u;
        int has = end ? 0 : map[bit / 8] >> (7 - bit % 8) & 1,
            want = end ? 0 : r->want[bit / 8] >> (7 - bit % 8) & 1;
        r->free += !end && !has;
        if (r->at + bit * unit >= c->view.size) /* nothing is there, whatever the map says */
            want = has;
        if (has - want == run)
            continue;
        if (run)
            haul_pst_say(c, run < 0 ? HAUL_FINDING_PST_AMAP_FREE : HAUL_FINDING_PST_AMAP_UNUSED,
                         r->at + from * unit, 0, "%llu octets, by the map at octet %llu",
                         (unsigned long long)((bit - from) * unit), (unsigned long long)r->at);
        run = has - want;
        from = bit;
    }
}

static void read_density(haul_pst_check *c, region *r)
{
    const haul_nodes_layout *l = c->layout;
    uint64_t at = c->maps->density;
    const uint8_t *t = r->density + l->trailer;
    if (haul_view_read(&c->view, at, r->density, l->page) != (ssize_t)l->page)
        return;
    if (!t[0] && !t[1]) /* programs before Outlook 2007 SP2 know none */
        return;
    r->n_density = r->density[1];
    if (t[0] == HAUL_PTYPE_DENSITY && t[1] == HAUL_PTYPE_DENSITY &&
        DENSITY_HEAD + 4 * r->n_density <= l->trailer &&
        haul_nodes32(t + l->sum) == haul_nodes_checksum(r->density, l->trailer))
        return;
    haul_pst_say(c, HAUL_FINDING_PST_DENSITY, at, 0, "type, number of entries or checksum");
    r->n_density = 0;
}

/* An entry: 20 bits with the number of a map, 12 with the free units it has. */
static void check_density(haul_pst_check *c, const region *r, uint64_t free)
{
    for (size_t i = 0; i < r->n_density; i++) {
        uint32_t entry = haul_nodes32(r->density + DENSITY_HEAD + 4 * i);
        if ((entry & 0xfffff) == r->index && entry >> 20 != free)
            haul_pst_say(c, HAUL_FINDING_PST_DENSITY, c->maps->density + DENSITY_HEAD + 4 * i, 0,
                         "%u free units in map %llu, it has %llu", entry >> 20, (unsigned long long)r->index,
                         (unsigned long long)free);
    }
}

static void check_totals(haul_pst_check *c, const region *r)
{
    const uint8_t *root = c->head + c->maps->root;
    size_t id = c->layout->id;
    uint64_t last = haul_pst_id(c, root + 4 + id), free = haul_pst_id(c, root + 4 + 2 * id);
    uint64_t at = c->maps->root + 4u + id;
    if (last != r->at - map_span(c))
        haul_pst_say(c, HAUL_FINDING_PST_AMAP_LAST, at, 0, "%llu, it is %llu", (unsigned long long)last,
                     (unsigned long long)(r->at - map_span(c)));
    if (free != r->free * c->maps->unit)
        haul_pst_say(c, HAUL_FINDING_PST_AMAP_TOTAL, at + id, 0, "%llu, they are %llu",
                     (unsigned long long)free, (unsigned long long)(r->free * c->maps->unit));
}

void haul_pst_check_maps(haul_pst_check *c)
{
    size_t id = c->layout->id;
    uint8_t valid = c->head[c->maps->root + 4 + 4 * id + 4 * id];
    if (!valid) {
        haul_pst_say(c, HAUL_FINDING_PST_AMAP_STALE, c->maps->root + 4u + 8u * id, 0, "fAMapValid is 0");
        return;
    }
    region *r = haul_calloc(1, sizeof(*r));
    read_density(c, r);
    uint64_t end = c->eof < c->view.size ? c->eof : c->view.size;
    bool whole = true;
    for (r->at = c->maps->first; r->at < end && !haul_pst_check_stopped(c);
         r->at += map_span(c), r->index++) {
        if (c->maps->older)
            older_maps(c, r);
        mark_region(c, r);
        uint64_t before = r->free;
        bool good = haul_pst_check_page(c, r->at, r->at, HAUL_PTYPE_AMAP, false, r->page);
        if (good) {
            compare(c, r);
            check_density(c, r, r->free - before);
        }
        whole = whole && good;
    }
    if (whole && r->index && c->eof <= c->view.size)
        check_totals(c, r);
    free(r);
}
