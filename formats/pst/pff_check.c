/* What libpff does not look at: the checksums of pages and blocks. libpff reads a page or a block in one piece, so that each can be judged as it passes by. */
#include "pff.h"

#include <string.h>

#define BLOCK_MAX    65536u
#define PTYPE_BLOCKS 0x80u /* pages of the two B-trees, MS-PST 2.2.2.7.1; the others may be stale */
#define PTYPE_NODES  0x81u
#define REPORTS_MAX  64u /* damaged places of one store that are named one by one */

static void damaged(haul_pff *s, uint64_t at, bool page)
{
    haul_err text;
    haul_fail(&text, HAUL_SKIP, "%s at octet %llu", page ? "page" : "block", (unsigned long long)at);
    if (!page && s->pst.msg)
        haul_msg_issue(s->pst.msg, HAUL_ISSUE_PST_BLOCK_DAMAGED, "%s", text.text);
    else if (s->n_damaged++ < REPORTS_MAX)
        s->pst.issue(s->pst.issue_ctx, HAUL_ISSUE_PST_BLOCK_DAMAGED, text.text);
}

/* A page of the B-trees: type twice, signature, then checksum and id in an order of the version's. */
static bool is_page(const uint8_t *trailer)
{
    return trailer[0] == trailer[1] && (trailer[0] == PTYPE_BLOCKS || trailer[0] == PTYPE_NODES);
}

static void check(haul_pff *s, uint64_t at, uint8_t *p, size_t used, uint8_t *sum, bool page)
{
    uint32_t stored = haul_nodes32(sum);
    if (!stored)
        return;
    if (!haul_view_patched(&s->view, at, used) && stored != haul_nodes_checksum(p, used))
        damaged(s, at, page);
    memset(sum, 0, 4);
}

/* The checksum is cleared once it was compared: libpff would compute it again, slower, and look at it no more. */
void haul_pff_check(haul_pff *s, uint64_t at, uint8_t *p, size_t n)
{
    bool ansi = s->pst.version == 32, big = s->pst.version == 65;
    size_t trailer = ansi ? 12 : big ? 24 : 16, sum = ansi ? 8 : 4, page = big ? 4096 : 512;
    if (s->unchecked || !s->pst.version || !at || n > BLOCK_MAX || n < 64 || n % (big ? 512 : 64))
        return;
    uint8_t *end = p + n - trailer;
    size_t used = haul_nodes16(end);
    if (n == page && is_page(end))
        check(s, at, p, n - trailer, end + sum, true);
    else if (used && used <= n - trailer && n - trailer - used < (big ? 512u : 64u))
        check(s, at, p, used, end + sum, false);
    else if (n != page || end[0] != end[1]) /* no trailer at all: the octets were written over */
        damaged(s, at, false);
}
