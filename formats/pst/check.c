#include "check.h"

#include "crypt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER      564u
#define PARTIAL     471u /* octets from 8 on under dwCRCPartial (MS-PST 2.2.2.6) */
#define FULL        516u /* under dwCRCFull */
#define CRC_FULL    524u
#define SENTINEL    0x80u
#define READS_MIN   100000u

#define WIDE_HEADER .unique = 44, .root = 180, .next_page = 32, .next_block = 516, .sentinel = 512

static const haul_pstc_maps layouts[] = {
    {.unique = 36,
     .root = 164,
     .next_page = 28,
     .next_block = 24,
     .sentinel = 460,
     .first = 0x4400,
     .density = 0x4200,
     .skip = 4,
     .bits = 496,
     .unit = 64,
     .older = true},
    {WIDE_HEADER, .first = 0x4400, .density = 0x4200, .bits = 496, .unit = 64, .older = true},
    {WIDE_HEADER, .first = 0x22000, .density = 0x21000, .bits = 4072, .unit = 512},
};

void haul_pst_say(haul_pst_check *c, haul_finding_id id, uint64_t at, uint64_t block, const char *fmt, ...)
{
    if (c->said[id]++ > HAUL_FINDINGS_SAME) /* one more than are listed tells that there are more */
        return;
    haul_finding f = {.id = id, .offset = at, .node = c->node, .block = block};
    int n = c->subnode ? snprintf(f.detail, sizeof(f.detail), "subnode 0x%x: ", c->subnode) : 0;
    va_list args;
    va_start(args, fmt);
    vsnprintf(f.detail + n, sizeof(f.detail) - (size_t)n, fmt, args);
    va_end(args);
    c->to->found(c->to->ctx, &f);
}

bool haul_pst_check_stopped(const haul_pst_check *c)
{
    return c->to->stop && *c->to->stop;
}

uint64_t haul_pst_id(const haul_pst_check *c, const uint8_t *p)
{
    return c->layout->id == 4 ? haul_nodes32(p) : haul_nodes64(p);
}

/* ── the header (2.2.2.6) ── */

static void check_sums(haul_pst_check *c)
{
    const uint8_t *h = c->head;
    if (haul_nodes32(h + 4) != haul_nodes_checksum(h + 8, PARTIAL))
        haul_pst_say(c, HAUL_FINDING_PST_HEADER_CRC, 4, 0, "dwCRCPartial");
    if (c->version != 32 && haul_nodes32(h + CRC_FULL) != haul_nodes_checksum(h + 8, FULL))
        haul_pst_say(c, HAUL_FINDING_PST_HEADER_CRC, CRC_FULL, 0, "dwCRCFull");
}

static bool has_density(haul_pst_check *c)
{
    uint8_t kind = 0;
    return c->maps->older && haul_view_read(&c->view, c->maps->density + c->layout->trailer, &kind, 1) == 1 &&
           kind == HAUL_PTYPE_DENSITY;
}

/* Fields that have one value (2.2.2.6): octets from..to. Where there is a density list, the maps of free space in the
 * header are no longer kept. Not qwUnused: Outlook has a number there, that of blocks which nothing refers to. */
static void check_fields(haul_pst_check *c)
{
    uint16_t end = c->maps->sentinel, maps = (uint16_t)(end - 256), n = has_density(c) ? 128 : 0;
    uint16_t align = c->version == 32 ? 0 : 252;
    const struct {
        const char *what;
        uint16_t from, n;
        uint8_t value;
    } fields[] = {{"bPlatformCreate", 14, 1, 1},
                  {"bPlatformAccess", 15, 1, 1},
                  {"dwAlign", align, align ? 4 : 0, 0},
                  {"rgbFM", maps, n, 0xff},
                  {"rgbFP", (uint16_t)(maps + 128), n, 0xff},
                  {"rgbReserved", (uint16_t)(end + 2), 2, 0}};
    for (size_t i = 0; i < HAUL_COUNT(fields); i++) {
        unsigned k = fields[i].from, last = k + fields[i].n;
        while (k < last && c->head[k] == fields[i].value)
            k++;
        if (k < last)
            haul_pst_say(c, HAUL_FINDING_PST_HEADER_FIELD, k, 0, "%s: 0x%02x instead of 0x%02x",
                         fields[i].what, c->head[k], fields[i].value);
    }
}

static void check_size(haul_pst_check *c)
{
    uint64_t at = c->maps->root + 4u;
    if (c->eof > c->view.size)
        haul_pst_say(c, HAUL_FINDING_PST_HEADER_SIZE, at, 0, "%llu octets, the file has %llu",
                     (unsigned long long)c->eof, (unsigned long long)c->view.size);
    else if (c->eof < c->view.size)
        haul_pst_say(c, HAUL_FINDING_PST_HEADER_TAIL, at, 0, "%llu octets, the file has %llu",
                     (unsigned long long)c->eof, (unsigned long long)c->view.size);
}

static void check_header(haul_pst_check *c)
{
    const uint8_t *h = c->head;
    const haul_pstc_maps *m = c->maps;
    if (memcmp(h + 8, "SM", 2) != 0 && memcmp(h + 8, "SO", 2) != 0)
        haul_pst_say(c, HAUL_FINDING_PST_HEADER_MAGIC, 8, 0, "wMagicClient is %02x %02x", h[8], h[9]);
    check_sums(c);
    if (h[m->sentinel] != SENTINEL)
        haul_pst_say(c, HAUL_FINDING_PST_HEADER_SENTINEL, m->sentinel, 0, "0x%02x", h[m->sentinel]);
    if (c->crypt > HAUL_CRYPT_CYCLIC)
        haul_pst_say(c, HAUL_FINDING_PST_HEADER_CRYPT, c->layout->crypt, 0, "bCryptMethod is %u", c->crypt);
    check_fields(c);
    check_size(c);
}

static haul_rc open_store(haul_pst_check *c, haul_err *e)
{
    uint8_t *h = c->head;
    if (haul_view_read(&c->view, 0, h, HEADER) != (ssize_t)HEADER || memcmp(h, "!BDN", 4) != 0)
        return haul_fail(e, HAUL_E_FORMAT, "no Outlook store");
    uint32_t version = haul_nodes16(h + 10);
    if (version != 14 && version != 15 && version < 0x15)
        return haul_fail(e, HAUL_E_FORMAT, "an Outlook store of unknown version %u", version);
    c->version = version < 0x15 ? 32 : version >= 0x24 ? 65 : 64;
    c->layout = haul_nodes_layout_of(c->version);
    c->maps = &layouts[c->version == 32 ? 0 : c->version == 64 ? 1 : 2];
    c->crypt = h[c->layout->crypt];
    c->ost = memcmp(h + 8, "SO", 2) == 0;
    c->eof = haul_pst_id(c, h + c->maps->root + 4);
    c->next_page = haul_pst_id(c, h + c->maps->next_page);
    c->next_block = haul_pst_id(c, h + c->maps->next_block);
    c->raw = haul_alloc(HAUL_NODES_BLOCK);
    return HAUL_OK;
}

static void check_all(haul_pst_check *c)
{
    check_header(c);
    haul_pst_check_trees(c);
    c->most_work = READS_MIN + (uint64_t)c->bbt.n * HAUL_PSTC_READS;
    haul_pst_check_blocks(c);
    haul_pst_sort_extents(c->extents, c->n_extents);
    haul_pst_check_maps(c);
    haul_pst_check_overlaps(c);
    haul_pst_check_nodes(c);
    haul_pst_check_store(c);
}

haul_rc haul_pst_check_run(haul_checking *to, haul_err *e)
{
    haul_pst_check c = {.to = to};
    haul_view_init(&c.view, to->fd, to->size);
    haul_view_init(&c.pages, to->fd, to->size);
    haul_rc rc = open_store(&c, e);
    if (rc == HAUL_OK)
        check_all(&c);
    if (rc == HAUL_OK && haul_pst_check_stopped(&c))
        rc = haul_fail(e, HAUL_E_INTERRUPTED, "interrupted");
    haul_pst_entries_done(&c);
    free(c.extents);
    free(c.raw);
    haul_view_done(&c.view);
    haul_view_done(&c.pages);
    return rc;
}
