/* One wrong octet in a page of a B-tree: the checksum tells which one it is. */
#include "rescue.h"

#include <string.h>

#define TRAILER 16u /* PAGETRAILER, MS-PST 2.2.2.7.1; in ANSI stores the first 12 of them */

/* The checksum is linear (MS-PST 5.3: begun with 0, not inverted): what one octet changes in it depends on nothing but its place from
 * the end. */
size_t haul_rescue_octet(const uint8_t *p, size_t n, uint32_t sum, uint8_t *ret_mask)
{
    uint32_t wanted = haul_nodes_checksum(p, n) ^ sum, first[256], is[256];
    size_t found = SIZE_MAX;
    for (unsigned v = 0; v < 256; v++) {
        uint8_t octet = (uint8_t)v;
        first[v] = is[v] = haul_nodes_checksum(&octet, 1);
    }
    for (size_t at = n; wanted && at > 0; at--)
        for (unsigned v = 1; v < 256; v++) {
            if (is[v] == wanted && found != SIZE_MAX)
                return SIZE_MAX;
            if (is[v] == wanted) {
                found = at - 1;
                *ret_mask = (uint8_t)v;
            }
            is[v] = is[v] >> 8 ^ first[is[v] & 0xff];
        }
    return found;
}

static void put(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

/* The trailer as it has to be over the octets of the page as they are. */
static void wanted_trailer(const haul_nodes *n, uint64_t at, uint64_t id, unsigned kind, const uint8_t *p,
                           uint8_t *to)
{
    const haul_nodes_layout *l = n->layout;
    uint32_t sum = haul_nodes32(p + l->trailer + l->sum);
    to[0] = to[1] = (uint8_t)kind;
    put(to + 2, haul_nodes_signature(at, id), 2);
    put(to + l->sum, sum ? haul_nodes_checksum(p, l->trailer) : 0, 4);
    put(to + l->own, id, l->id);
}

static void set(haul_nodes *n, uint64_t at, uint64_t id, uint8_t *p, size_t i, uint8_t octet)
{
    haul_nodes_fault f = {
        .outcome = HAUL_NODES_MENDED, .page = true, .at = at, .id = id, .what = "one octet was wrong"};
    if (!haul_view_patch_add(n->view, at + i, &octet, 1))
        return;
    p[i] = octet;
    if (n->fault)
        n->fault(n->ctx, &f);
}

void haul_rescue_page(haul_nodes *n, uint64_t at, uint64_t id, unsigned kind, uint8_t *p)
{
    const haul_nodes_layout *l = n->layout;
    uint8_t *t = p + l->trailer, good[TRAILER] = {0}, mask = 0;
    size_t size = l->id == 4 ? 12 : TRAILER, odd = 0, which = 0, outside = 0;
    wanted_trailer(n, at, id, kind, p, good);
    for (size_t i = 0; i < size; i++)
        if (t[i] != good[i]) {
            odd++;
            which = i;
            outside += i < l->sum || i >= l->sum + 4u;
        }
    if (!odd || outside > 1 || (outside && odd > 1) || haul_view_patched(n->view, at, l->page))
        return;
    size_t in = outside ? SIZE_MAX : haul_rescue_octet(p, l->trailer, haul_nodes32(t + l->sum), &mask);
    if (in != SIZE_MAX && odd > 1)
        set(n, at, id, p, in, p[in] ^ mask);
    else if (in == SIZE_MAX && odd == 1)
        set(n, at, id, p, l->trailer + which, good[which]);
}
