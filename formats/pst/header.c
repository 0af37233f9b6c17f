/* The header of a store: its checksums [pst-17], and the length that it gives [pst-22]. */
#include "direct.h"

#include <string.h>

#define HEADER        564u
#define CRC_PARTIAL   4u   /* over 471 octets from 8: MS-PST 2.2.2.6 */
#define CRC_FULL      524u /* over 516 octets from 8; not in ANSI stores */
#define FILE_END_ANSI 168u /* ROOT.ibFileEof: MS-PST 2.2.2.5, 2.2.2.6 */
#define FILE_END      184u
#define VERSION       10u
#define VERSION_ANSI  0x0fu
#define VERSION_WIDE  0x15u
#define VERSION_4K    0x24u

/* A copy that was broken off: the node tree is often among what is missing, and libpff then finds nothing at all. */
static void check_length(haul_pst *p, const haul_view *v, const uint8_t *header)
{
    uint64_t end = p->version == 32 ? haul_nodes32(header + FILE_END_ANSI) : haul_nodes64(header + FILE_END);
    haul_err text;
    if (end <= v->size)
        return;
    haul_fail(&text, HAUL_SKIP, "its header says %llu octets, the file has %llu", (unsigned long long)end,
              (unsigned long long)v->size);
    p->issue(p->issue_ctx, HAUL_ISSUE_PST_TRUNCATED, text.text);
}

static bool mend(haul_view *v, const uint8_t *header, uint64_t at, size_t n)
{
    uint32_t is = haul_nodes_checksum(header + 8, n);
    uint8_t patch[4] = {(uint8_t)is, (uint8_t)(is >> 8), (uint8_t)(is >> 16), (uint8_t)(is >> 24)};
    return haul_nodes32(header + at) != is && haul_view_patch_add(v, at, patch, sizeof(patch));
}

void haul_direct_header(haul_pst *p, haul_view *v)
{
    uint8_t header[HEADER];
    if (haul_view_read(v, 0, header, sizeof(header)) != (ssize_t)sizeof(header) ||
        memcmp(header, "!BDN", 4) != 0)
        return;
    uint32_t version = haul_nodes16(header + VERSION);
    p->version = version <= VERSION_ANSI ? 32 : version >= VERSION_4K ? 65 : version >= VERSION_WIDE ? 64 : 0;
    check_length(p, v, header);
    bool partial = mend(v, header, CRC_PARTIAL, 471);
    bool full = version > VERSION_ANSI && mend(v, header, CRC_FULL, 516);
    if (partial || full)
        p->issue(p->issue_ctx, HAUL_ISSUE_PST_HEADER_DAMAGED,
                 partial && full ? "both checksums" : "one of two checksums");
}
