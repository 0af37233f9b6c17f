/* The node database, for its own files. */
#ifndef HAUL_MADE_NDB_PARTS_H
#define HAUL_MADE_NDB_PARTS_H

#include "pst/ndb.h"

#include "io/out.h"

#define HAUL_NDB_PAGE  4096u  /* octets of the largest page, */
#define HAUL_NDB_BLOCK 65536u /* and of the largest block with its trailer */
#define HAUL_NDB_MAPS  4u     /* map pages at the head of a region */

typedef struct haul_ndb_layout {
    size_t page, entries, trailer; /* octets of a page; where the entries end; where the trailer is */
    size_t most, block_trailer;    /* octets of data, and of the trailer of a block */
    size_t unit, map;              /* octets that a bit of the allocation map stands for; octets of bits */
    uint64_t first, density;       /* places of the first map and of the density list */
} haul_ndb_layout;

typedef struct haul_ndb_block {
    uint64_t bid, at;
    uint16_t stored, size; /* octets in the file; inflated */
} haul_ndb_block;

typedef struct haul_ndb_node_entry {
    uint64_t data, sub;
    uint32_t nid, parent;
} haul_ndb_node_entry;

struct haul_ndb {
    haul_file file;
    char *path;
    haul_ndb_kind kind;
    const haul_ndb_layout *layout;
    uint64_t next_bid, next_page;
    haul_ndb_block *blocks; /* in order: ids only grow */
    size_t n_blocks, cap_blocks;
    haul_ndb_node_entry *nodes;
    size_t n_nodes, cap_nodes;
    uint8_t *maps; /* layout->map octets a region */
    size_t n_regions, cap_regions;
    uint32_t last_index[32]; /* highest index in use, by type of node */
    uint8_t block[HAUL_NDB_BLOCK];
    struct z_stream_s *packer; /* NULL = not used yet */
    uint8_t *packed;           /* HAUL_NDB_BLOCK octets for it */
    haul_rc rc;
    haul_err err;
};

/* Where a region of the file begins, which one allocation map covers. */
uint64_t haul_ndb_region(const haul_ndb *n, size_t region);
/* Types of the map pages at the head of a region (2.2.2.7.2 to 2.2.2.7.5), 0 = none in that place. */
void haul_ndb_maps(const haul_ndb *n, size_t region, uint8_t type[HAUL_NDB_MAPS]);
/* Space for size octets, in use from here on; the next octets that are put go there. Nothing crosses a region. */
uint64_t haul_ndb_place(haul_ndb *n, size_t size, size_t align);
void haul_ndb_put(haul_ndb *n, const void *p, size_t len);
uint16_t haul_ndb_signature(uint64_t at, uint64_t bid); /* MS-PST 5.5 */

#endif
