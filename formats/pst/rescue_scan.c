/* A file read through for pages of B-trees and for blocks. Either tells its id and checksum in its trailer, and by the
 * signature that it lies where it was put (MS-PST 5.5). */
#include "rescue.h"

#include <stdlib.h>
#include <string.h>

#define STEP  64u             /* the least alignment of a block */
#define KEEP  65536u          /* octets of the largest block with its trailer */
#define CHUNK (1024u * 1024u) /* octets read at a time */

static const unsigned version_of[3] = {32, 64, 65};

typedef struct scanning {
    const haul_scan *scan;
    uint8_t *octets; /* of the file from `from` on */
    uint64_t from;
    size_t n;
    unsigned version;
    const haul_nodes_layout *layout;
} scanning;

static uint64_t id_at(const scanning *s, const uint8_t *p)
{
    return s->layout->id == 4 ? haul_nodes32(p) : haul_nodes64(p);
}

static void look_for_page(scanning *s, uint64_t end)
{
    const haul_nodes_layout *l = s->layout;
    if (end % l->page || end - s->from < l->page)
        return;
    const uint8_t *p = s->octets + (size_t)(end - s->from) - l->page, *t = p + l->trailer;
    if (t[0] != t[1] || (t[0] != HAUL_NODES_NBT && t[0] != HAUL_NODES_BBT))
        return;
    haul_scan_page page = {
        .version = s->version, .kind = t[0], .at = end - l->page, .id = id_at(s, t + l->own)};
    haul_nodes shape = {.layout = l};
    if (haul_nodes16(t + 2) == haul_nodes_signature(page.at, page.id) &&
        haul_nodes32(t + l->sum) == haul_nodes_checksum(p, l->trailer) &&
        haul_nodes_page_entries(&shape, p, &page.entries) && page.entries.n &&
        page.entries.level < HAUL_NODES_LEVELS)
        s->scan->page(s->scan->ctx, &page);
}

static void look_for_block(scanning *s, uint64_t end)
{
    const haul_nodes_layout *l = s->layout;
    if (end % l->align || end - s->from < l->align)
        return;
    const uint8_t *t = s->octets + (size_t)(end - s->from) - l->block_trailer;
    size_t stored = haul_nodes16(t), room = (stored + l->block_trailer + l->align - 1) / l->align * l->align;
    if (!stored || stored > l->most || room > end - s->from)
        return;
    haul_scan_block b = {.version = s->version,
                         .extent = {.id = id_at(s, t + l->own), .at = end - room, .stored = stored}};
    if (!b.extent.id || !b.extent.at || haul_nodes16(t + 2) != haul_nodes_signature(b.extent.at, b.extent.id))
        return;
    size_t inflated = s->version == 65 && haul_nodes16(t + 16) == 2 ? haul_nodes16(t + 18) : 0;
    b.extent.size = inflated ? inflated : stored;
    b.sound =
        haul_nodes32(t + l->sum) == haul_nodes_checksum(s->octets + (size_t)(b.extent.at - s->from), stored);
    s->scan->block(s->scan->ctx, &b);
}

/* All that ends behind octet `done` of the file, as far as it was read. */
static void look(scanning *s, uint64_t done)
{
    for (uint64_t end = done / STEP * STEP + STEP; end <= s->from + s->n; end += STEP)
        for (size_t i = 0; i < HAUL_COUNT(version_of); i++) {
            if (!s->scan->versions[i])
                continue;
            s->version = version_of[i];
            s->layout = haul_nodes_layout_of(s->version);
            if (s->scan->block)
                look_for_block(s, end);
            if (s->scan->page)
                look_for_page(s, end);
        }
}

void haul_scan_run(const haul_scan *scan, haul_view *v)
{
    scanning s = {.scan = scan, .octets = haul_alloc(KEEP + CHUNK)};
    for (;;) {
        uint64_t done = s.from + s.n;
        if (s.n > KEEP) {
            memmove(s.octets, s.octets + s.n - KEEP, KEEP);
            s.from += s.n - KEEP;
            s.n = KEEP;
        }
        ssize_t got = haul_view_salvage(v, done, s.octets + s.n, CHUNK);
        if (got <= 0)
            break;
        s.n += (size_t)got;
        look(&s, done);
    }
    free(s.octets);
}
