/* The node database of a Unicode PST (version 23) or of an OST with 4k pages (version 36), written front to back: blocks,
 * data trees, subnodes, nodes, then the two B-trees, the maps and the header. Source: MS-PST 2.2;
 * shared/reference/pst-writer.md; 4k pages: docs/formats/pst.md.
 *
 * Errors stick: after the first one nothing more is written, and haul_ndb_close tells it. Block ids are only numbers
 * then. Memory: 24 octets a block, 24 a node, 496 for 248 KiB of file. */
#ifndef HAUL_PSTW_NDB_H
#define HAUL_PSTW_NDB_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* MS-PST 2.2.2.1: what a node id (index << 5 | type) names. */
enum {
    HAUL_NDB_NID_INTERNAL = 0x01,
    HAUL_NDB_NID_FOLDER = 0x02,
    HAUL_NDB_NID_SEARCH = 0x03,
    HAUL_NDB_NID_MESSAGE = 0x04,
    HAUL_NDB_NID_ATTACHMENT = 0x05,
    HAUL_NDB_NID_SEARCH_QUEUE = 0x06,
    HAUL_NDB_NID_SEARCH_CRITERIA = 0x07,
    HAUL_NDB_NID_ASSOCIATED = 0x08,
    HAUL_NDB_NID_HIERARCHY = 0x0d,
    HAUL_NDB_NID_CONTENTS = 0x0e,
    HAUL_NDB_NID_ASSOC_CONTENTS = 0x0f,
    HAUL_NDB_NID_SEARCH_CONTENTS = 0x10,
    HAUL_NDB_NID_LTP = 0x1f,
};
#define HAUL_NDB_NID(index, type) ((uint32_t)(index) << 5 | (uint32_t)(type))

typedef struct haul_ndb haul_ndb;

typedef struct haul_ndb_kind {
    uint8_t crypt;   /* HAUL_CRYPT_* of formats/pst/crypt.h */
    bool wide;       /* 4k pages; blocks of up to 65 512 octets, compressed where that saves space */
    bool pack_first; /* wide: blocks are compressed, then encoded; else encoded, then compressed */
} haul_ndb_kind;

typedef struct haul_subnode {
    uint32_t nid;
    uint64_t data, sub; /* block ids, 0 = none */
} haul_subnode;

/* Creates (or empties) path. Never NULL. */
haul_ndb *haul_ndb_open(const char *path, const haul_ndb_kind *kind);
/* Write what is open, close, free. HAUL_E_TARGET when anything failed since open. */
HAUL_MUST_USE haul_rc haul_ndb_close(haul_ndb *n, haul_err *e);

/* A limit of the format that the layers above reached. */
void haul_ndb_limit(haul_ndb *n, const char *what);
size_t haul_ndb_most(const haul_ndb *n); /* octets of data in a full block (2.2.2.8.3.1) */
bool haul_ndb_wide(const haul_ndb *n);

/* A nid that is not in use yet (2.2.2.6 rgnid holds the last index in use of each type). */
uint32_t haul_ndb_new_nid(haul_ndb *n, unsigned type);
/* Octets of memory as a data tree: its block id, 0 when len is 0. */
uint64_t haul_ndb_data(haul_ndb *n, const void *p, size_t len);
/* Subnodes, in any order (they are sorted here): SLBLOCK or SIBLOCK; 0 when count is 0. */
uint64_t haul_ndb_subnodes(haul_ndb *n, haul_subnode *v, size_t count);
/* A node of the store; each nid once. */
void haul_ndb_node(haul_ndb *n, uint32_t nid, uint64_t data, uint64_t sub, uint32_t parent);

/* A data tree written piece by piece (2.2.2.8.3.2: XBLOCK, XXBLOCK). */
typedef struct haul_dtree {
    haul_ndb *ndb;
    uint8_t *block; /* NULL until it is used */
    size_t used;
    uint64_t *bids;
    size_t n, cap;
    uint64_t total;
} haul_dtree;

void haul_dtree_init(haul_dtree *t, haul_ndb *n);
void haul_dtree_add(haul_dtree *t, const void *p, size_t len);
/* Fill the open block with NULs and close it: for rows, which do not span blocks. Nothing when it is empty. */
void haul_dtree_pad(haul_dtree *t);
/* Blocks by number, instead of haul_dtree_add: leave room for a full one, and write it later. A tree whose rooms were not
 * all written is none. */
size_t haul_dtree_leave(haul_dtree *t);
void haul_dtree_fill(haul_dtree *t, size_t i, const void *p);
/* The block id of the whole, 0 when empty; frees what t holds. */
uint64_t haul_dtree_end(haul_dtree *t);

/* CRC of pages, blocks, header, names and compressed RTF: CRC-32 without inversions (MS-PST 5.3). */
uint32_t haul_ndb_crc(const void *p, size_t n);

#endif
