/* The node database of a Unicode PST (version 23), or of an OST with 4k pages (version 36), written front to back: blocks,
 * data trees, subnodes, nodes; at the end the two B-trees, the maps and the header. Source: MS-PST 2.2; of 4k pages
 * docs/formats/pst.md. Rules: docs/pst-writing.md.
 *
 * What was written is never changed: a store can be given up back to any earlier state, and gone on with after a run that
 * was cut off. Errors of the file stick: after the first one nothing more is written, block ids are only numbers, and
 * haul_pstw_ndb_failed tells it. Memory: one region (254 kB; 16.7 MB of 4k pages), 8 octets a block,
 * 16 a node. */
#ifndef HAUL_FORMATS_PST_PUT_NDB_H
#define HAUL_FORMATS_PST_PUT_NDB_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* MS-PST 2.2.2.1: what a node id (index << 5 | type) names. */
enum {
    HAUL_PSTW_NID_INTERNAL = 0x01,
    HAUL_PSTW_NID_FOLDER = 0x02,
    HAUL_PSTW_NID_SEARCH = 0x03,
    HAUL_PSTW_NID_MESSAGE = 0x04,
    HAUL_PSTW_NID_ATTACHMENT = 0x05,
    HAUL_PSTW_NID_SEARCH_QUEUE = 0x06,
    HAUL_PSTW_NID_SEARCH_CRITERIA = 0x07,
    HAUL_PSTW_NID_ASSOCIATED = 0x08,
    HAUL_PSTW_NID_HIERARCHY = 0x0d,
    HAUL_PSTW_NID_CONTENTS = 0x0e,
    HAUL_PSTW_NID_ASSOC_CONTENTS = 0x0f,
    HAUL_PSTW_NID_SEARCH_CONTENTS = 0x10,
    HAUL_PSTW_NID_LTP = 0x1f,
};
#define HAUL_PSTW_NID(index, type) ((uint32_t)(index) << 5 | (uint32_t)(type))

#define HAUL_PSTW_SUBNODES         173400u /* of one node: 510 lists of 340 (2.2.2.8.3.3) */

typedef struct haul_pstw_kind { /* of store; all zero but crypt is what Outlook opens */
    uint8_t crypt;              /* HAUL_CRYPT_* */
    bool wide;       /* 4k pages; blocks of up to 65 512 octets, compressed where that saves space */
    bool pack_first; /* wide: blocks are compressed, then encoded; else encoded, then compressed */
} haul_pstw_kind;

typedef struct haul_pstw_ndb haul_pstw_ndb;

typedef struct haul_pstw_subnode {
    uint32_t nid;
    uint32_t data, sub; /* block ids, 0 = none */
} haul_pstw_subnode;

/* Everything that has to be known to go on behind a point. */
typedef struct haul_pstw_state {
    uint64_t end;  /* octet of the file where the next block goes */
    uint64_t free; /* octets that are free in front of the region that `end` is in */
    uint64_t blocks, nodes;
    uint32_t last_index[32]; /* highest index of a node in use, by type */
} haul_pstw_state;

typedef struct haul_pstw_block {
    uint32_t at : 31;      /* in steps of 64 octets: 137 GB */
    bool internal : 1;     /* a list of blocks or subnodes */
    uint16_t stored, size; /* octets in the file, and of what it holds */
} haul_pstw_block;

typedef struct haul_pstw_node {
    uint32_t nid, parent, data, sub;
} haul_pstw_node;

/* An empty store. name is for messages. Never NULL. */
haul_pstw_ndb *haul_pstw_ndb_new(const char *name, const haul_pstw_kind *kind);
bool haul_pstw_wide(const haul_pstw_ndb *n);
size_t haul_pstw_most(const haul_pstw_ndb *n); /* octets of data in one block (2.2.2.8.3.1) */
size_t haul_pstw_step(const haul_pstw_ndb *n); /* octets by which the file grows: what one AMap page covers */
/* Its file (owned), which reads and writes, before anything is written; what it holds up to that state stays, NULL =
 * nothing. */
void haul_pstw_ndb_use(haul_pstw_ndb *n, int fd, const haul_pstw_state *state);
void haul_pstw_ndb_free(haul_pstw_ndb *n);
/* HAUL_OK, or the error that stuck. */
HAUL_MUST_USE haul_rc haul_pstw_ndb_failed(const haul_pstw_ndb *n, haul_err *e);

void haul_pstw_ndb_state(const haul_pstw_ndb *n, haul_pstw_state *ret);
/* Give up all that was written since. */
void haul_pstw_ndb_return(haul_pstw_ndb *n, const haul_pstw_state *to);
/* All blocks and nodes so far, in order of writing; borrowed until the next one. */
const haul_pstw_block *haul_pstw_ndb_blocks(const haul_pstw_ndb *n);
const haul_pstw_node *haul_pstw_ndb_nodes(const haul_pstw_ndb *n);
/* Take up a store that an earlier run wrote: its blocks and nodes, in order, before haul_pstw_ndb_use. */
void haul_pstw_ndb_known(haul_pstw_ndb *n, const haul_pstw_block *b, size_t blocks, const haul_pstw_node *v,
                         size_t nodes);
/* Everything so far into the file, and on disk. */
void haul_pstw_ndb_sync(haul_pstw_ndb *n);
/* B-trees, maps, header, on disk; nothing may follow but haul_pstw_ndb_free. Octets of the whole in *ret_size. */
HAUL_MUST_USE haul_rc haul_pstw_ndb_finish(haul_pstw_ndb *n, uint64_t *ret_size, haul_err *e);

/* A nid that is not in use yet (2.2.2.6 rgnid holds the last index in use of each type). */
uint32_t haul_pstw_new_nid(haul_pstw_ndb *n, unsigned type);
/* Octets of memory as a data tree: its block id, 0 when len is 0. */
uint32_t haul_pstw_data(haul_pstw_ndb *n, const void *p, size_t len);
/* Subnodes, in any order (they are sorted here), at most HAUL_PSTW_SUBNODES: SLBLOCK or SIBLOCK; 0 when count is 0. */
uint32_t haul_pstw_subnode_list(haul_pstw_ndb *n, haul_pstw_subnode *v, size_t count);
/* A node of the store; each nid once. */
void haul_pstw_node_add(haul_pstw_ndb *n, uint32_t nid, uint32_t data, uint32_t sub, uint32_t parent);

/* A data tree written piece by piece (2.2.2.8.3.2: XBLOCK, XXBLOCK). */
typedef struct haul_pstw_tree {
    haul_pstw_ndb *ndb;
    uint8_t *block;
    size_t used;
    uint32_t *bids;
    size_t n, cap;
    uint64_t total; /* more than UINT32_MAX does not fit: what is over is not written, and bid 0 */
} haul_pstw_tree;

#define HAUL_PSTW_TREE_MAX UINT32_MAX /* octets (2.2.2.8.3.2.2 lcbTotal) */

void haul_pstw_tree_init(haul_pstw_tree *t, haul_pstw_ndb *n);
void haul_pstw_tree_add(haul_pstw_tree *t, const void *p, size_t len);
/* Fill the open block with NULs and close it: for rows, which do not span blocks. Nothing when it is empty. */
void haul_pstw_tree_pad(haul_pstw_tree *t);
/* The block id of the whole, 0 when empty; frees what t holds. */
uint32_t haul_pstw_tree_end(haul_pstw_tree *t);
/* The same of blocks that were written before, all but the last full; total octets. */
uint32_t haul_pstw_tree_of(haul_pstw_ndb *n, const uint32_t *bids, size_t count, uint64_t total);

#endif
