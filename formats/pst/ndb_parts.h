/* Pages of the node database, for its own files. */
#ifndef HAUL_FORMATS_PST_NDB_PARTS_H
#define HAUL_FORMATS_PST_NDB_PARTS_H

#include "ndb.h"

#define HAUL_NODES_PAGE_MAX 4096u
#define HAUL_NODES_ENTRY    28u   /* octets of an NBTENTRY at most, 2.2.2.7.7.4 */
#define HAUL_NODES_BBT      0x80u /* page types, MS-PST 2.2.2.7.1 */
#define HAUL_NODES_NBT      0x81u
#define HAUL_NODES_DATALIST 1u          /* btype of XBLOCK and XXBLOCK, 2.2.2.8.3.2; */
#define HAUL_NODES_SUBLIST  2u          /* of SLBLOCK and SIBLOCK, 2.2.2.8.3.3 */
#define HAUL_NODES_RESERVED UINT64_C(1) /* the lowest bit of a block id says nothing */
#define HAUL_NODES_INTERNAL UINT64_C(2) /* of a block id: a list of blocks, not encoded (2.2.2.2) */

typedef struct haul_nodes_entries { /* of a page, or of a list of subnodes */
    const uint8_t *p;
    size_t n, size;
    unsigned level;
} haul_nodes_entries;

typedef struct
    haul_nodes_ref { /* of a page: where it should be, and the keys from lo up to hi that are below it */
    uint64_t at, id, lo, hi;
} haul_nodes_ref;

typedef struct haul_nodes_extent { /* of a block */
    uint64_t id, at;
    size_t stored, size; /* octets in the file without trailer; inflated */
} haul_nodes_extent;

/* An id or an offset. */
static inline uint64_t haul_nodes_id(const haul_nodes *n, const uint8_t *p)
{
    return n->layout->id == 4 ? haul_nodes32(p) : haul_nodes64(p);
}

/* All but what the header says. */
void haul_nodes_begin(haul_nodes *n, haul_view *v, unsigned version);
/* A page of that type, borrowed until the next one is read. HAUL_SKIP: it cannot be read, or is something else. */
HAUL_MUST_USE haul_rc haul_nodes_page_get(haul_nodes *n, uint64_t at, uint64_t id, unsigned kind,
                                          const uint8_t **ret, haul_err *e);
/* Is there something wrong with the page that was got last from there? */
bool haul_nodes_page_odd(const haul_nodes *n, uint64_t at);
/* False: its counts are those of no page. */
bool haul_nodes_page_entries(const haul_nodes *n, const uint8_t *page, haul_nodes_entries *ret);
/* Walk one of the two trees, and tell rescue.h what is missing. each: of the nodes, of the ids of blocks; NULL = none. */
typedef haul_rc haul_nodes_each_block(void *ctx, uint64_t id, haul_err *e);
HAUL_MUST_USE haul_rc haul_nodes_survey(haul_nodes *n, haul_nodes_each *each, void *ctx, haul_err *e);
HAUL_MUST_USE haul_rc haul_nodes_survey_blocks(haul_nodes *n, haul_nodes_each_block *each, void *ctx,
                                               haul_err *e);
/* Where a block is, as the tree has it. HAUL_SKIP: it has no such block. */
HAUL_MUST_USE haul_rc haul_nodes_extent_of(haul_nodes *n, uint64_t id, haul_nodes_extent *ret, haul_err *e);

/* The same; of what damaged pages cover, where a sound block with that id is. */
HAUL_MUST_USE haul_rc haul_nodes_find_block(haul_nodes *n, uint64_t id, haul_nodes_extent *ret, haul_err *e);
/* A block as it is in the file: borrowed until the next page or block is read. */
HAUL_MUST_USE haul_rc haul_nodes_look(haul_nodes *n, uint64_t id, haul_nodes_extent *ret,
                                      const uint8_t **ret_p, haul_err *e);
/* Those octets, inflated and decoded, to ret->size octets. HAUL_SKIP: they cannot be inflated. */
HAUL_MUST_USE haul_rc haul_nodes_decode(const haul_nodes *n, const haul_nodes_extent *b, const uint8_t *p,
                                        uint8_t *to, haul_err *e);
/* Both, into memory of its own: from the arena, or the heap when there is none. */
HAUL_MUST_USE haul_rc haul_nodes_load(haul_nodes *n, uint64_t id, haul_arena *a, haul_block *ret,
                                      haul_err *e);

static inline unsigned haul_nodes_tree(unsigned kind) /* index by kind of tree */
{
    return kind == HAUL_NODES_NBT;
}

#endif
