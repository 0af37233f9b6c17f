/* The file of the store being written, for its own sources. */
#ifndef HAUL_FORMATS_PST_PUT_NDB_PARTS_H
#define HAUL_FORMATS_PST_PUT_NDB_PARTS_H

#include "ndb_parts.h"
#include "put_ndb.h"

#include "base/thread.h"

#define HAUL_PSTW_STEP 64u /* of haul_pstw_block.at */

/* 2.2.2.7.1 ptype */
enum {
    HAUL_PSTW_BBT = 0x80,
    HAUL_PSTW_NBT,
    HAUL_PSTW_FMAP,
    HAUL_PSTW_PMAP,
    HAUL_PSTW_AMAP,
    HAUL_PSTW_FPMAP,
    HAUL_PSTW_DENSITY
};

/* A full region on its way into the file. */
typedef struct haul_pstw_writing {
    uint64_t region;
    uint8_t *octets;
    haul_rc rc;
    haul_err err;
} haul_pstw_writing;

#define HAUL_PSTW_WRITINGS 4u /* regions of which all but one are on their way, at most */

struct haul_pstw_ndb {
    int fd;
    char *name;
    haul_pstw_kind kind;
    const haul_nodes_layout *layout;
    struct z_stream_s *packer; /* of wide stores; NULL = not used yet */
    uint64_t region;           /* number of the open one */
    size_t used;               /* octets of it */
    uint8_t *octets;           /* of a whole region; the first page is its AMap, which is kept up */
    haul_pstw_writing writings[HAUL_PSTW_WRITINGS];
    unsigned writing;    /* the one whose octets are the open region's */
    haul_thread *writer; /* of regions; NULL = none was full yet */
    uint64_t free;       /* octets, in the regions before */
    haul_pstw_block *blocks;
    size_t n_blocks, cap_blocks;
    haul_pstw_node *nodes;
    size_t n_nodes, cap_nodes;
    uint32_t last_index[32];
    uint64_t next_page;
    haul_rc rc;
    haul_err err;
};

/* Octets of a region: what one AMap page covers, a bit for each unit that a block may begin at. Its map is what is in front of the
 * trailer. */
static inline size_t haul_pstw_region_size(const haul_pstw_ndb *n)
{
    return (size_t)n->layout->trailer * 8 * n->layout->align;
}

static inline uint64_t haul_pstw_region_at(const haul_pstw_ndb *n, uint64_t region)
{
    return (n->kind.wide ? 0x22000u : 0x4400u) + region * haul_pstw_region_size(n);
}

/* size octets (a multiple of the unit) for a block or page, to be written all, in a region that has room for all of them. *ret_at is
 * where in the file. */
uint8_t *haul_pstw_place(haul_pstw_ndb *n, size_t size, size_t align, uint64_t *ret_at);
/* Begin a region, with nothing in it but its maps. */
void haul_pstw_open_region(haul_pstw_ndb *n, uint64_t region);
/* Go on in one that was begun before, behind its first n->used octets. */
void haul_pstw_reopen_region(haul_pstw_ndb *n, uint64_t region);
/* Write the open region, maps and all, whether it is full or not: beside what follows. */
void haul_pstw_close_region(haul_pstw_ndb *n);
/* All that was closed is in the file, or n->rc says why not. */
void haul_pstw_regions_settle(haul_pstw_ndb *n);
void haul_pstw_regions_done(haul_pstw_ndb *n);
/* At once; other places than those of regions on their way. */
void haul_pstw_write_at(haul_pstw_ndb *n, uint64_t at, const void *p, size_t len);
uint16_t haul_pstw_signature(uint64_t at, uint64_t bid);
/* Trailer of a page (2.2.2.7.1). Maps carry their place as id and no signature. */
void haul_pstw_seal(const haul_pstw_ndb *n, uint8_t *page, unsigned type, uint64_t at, uint64_t bid);

#endif
