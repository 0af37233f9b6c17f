/* The file of the store being written, for its own sources. */
#ifndef HAUL_FORMATS_PST_PUT_NDB_PARTS_H
#define HAUL_FORMATS_PST_PUT_NDB_PARTS_H

#include "put_ndb.h"

#define HAUL_PSTW_PAGE    512u
#define HAUL_PSTW_TRAILER 16u
#define HAUL_PSTW_MAP     496u     /* octets of data of a map page */
#define HAUL_PSTW_REGION  0x3e000u /* what one AMap page covers: 496 octets, a bit for 64 octets */
#define HAUL_PSTW_REGIONS 0x4400u  /* octet of the first */

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

struct haul_pstw_ndb {
    int fd;
    char *name;
    uint8_t crypt;
    uint64_t region; /* number of the open one */
    size_t used;     /* octets of it */
    uint8_t *octets; /* HAUL_PSTW_REGION of them; the first page is its AMap, which is kept up */
    uint64_t free;   /* octets, in the regions before */
    haul_pstw_block *blocks;
    size_t n_blocks, cap_blocks;
    haul_pstw_node *nodes;
    size_t n_nodes, cap_nodes;
    uint32_t last_index[32];
    uint64_t next_page;
    haul_rc rc;
    haul_err err;
};

static inline uint64_t haul_pstw_region_at(uint64_t region)
{
    return HAUL_PSTW_REGIONS + region * HAUL_PSTW_REGION;
}

/* size octets (of 64 each) for a block or page, to be written all, in a region that has room for all of them. *ret_at is
 * where in the file. */
uint8_t *haul_pstw_place(haul_pstw_ndb *n, size_t size, size_t align, uint64_t *ret_at);
/* Write the open region, maps and all, whether it is full or not. */
void haul_pstw_close_region(haul_pstw_ndb *n);
void haul_pstw_write_at(haul_pstw_ndb *n, uint64_t at, const void *p, size_t len);
uint16_t haul_pstw_signature(uint64_t at, uint64_t bid);
/* Trailer of a page (2.2.2.7.1). Maps carry their place as id and no signature. */
void haul_pstw_seal(uint8_t page[HAUL_PSTW_PAGE], unsigned type, uint64_t at, uint64_t bid);

#endif
