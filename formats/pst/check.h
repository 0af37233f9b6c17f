/* A store held against the specification, from the header to the folders' tables. Strict where the parsers are lenient:
 * of theirs it takes the sizes and offsets of the three formats, the checksums and the decoding, and no more.
 *
 * Every part reads raw pages and blocks and says what it finds with haul_pst_say. Nothing it finds ends the check but a
 * store that cannot be read at all. Memory: 40 octets a block and a node, and 16 more a block or page.
 *
 * Source: MS-PST; of 4k pages docs/formats/pst.md. */
#ifndef HAUL_FORMATS_PST_CHECK_H
#define HAUL_FORMATS_PST_CHECK_H

#include "ndb.h"

#include "model/finding.h"

#define HAUL_PSTC_ENTRIES (64u * 1024u * 1024u) /* blocks, and nodes, of one store */
#define HAUL_PSTC_LEAVES  65536u                /* blocks of one heap or of the rows of one table */
#define HAUL_PSTC_SUBS    65536u                /* subnodes of one node */
#define HAUL_PSTC_DEPTH   64u                   /* nodes within nodes */
#define HAUL_PSTC_READS   64u                   /* of one block, on the average */
#define HAUL_PSTC_PARENTS 1024u                 /* folders within folders */
#define HAUL_PSTC_ROWS    (16u * 1024u * 1024u) /* of one table */

typedef struct haul_pstc_block {
    uint64_t id, at;
    uint32_t refs;         /* that were found */
    uint16_t stored, size; /* octets in the file without trailer; inflated */
    uint16_t count;        /* cRef */
    bool bad;              /* it cannot be read */
    uint8_t level;         /* of a list of blocks */
    uint64_t total;        /* octets below it, of a list of blocks */
} haul_pstc_block;

typedef struct haul_pstc_node {
    uint32_t nid, parent;
    uint64_t data, sub;
    uint64_t at; /* of its entry: octet in the file */
    bool listed; /* in the table of its parent */
} haul_pstc_node;

typedef struct haul_pstc_extent {
    uint64_t at;
    uint32_t n;     /* octets, with padding and trailer */
    uint32_t block; /* index of a block; UINT32_MAX = a page */
} haul_pstc_extent;

typedef struct haul_pstc_maps { /* where the header and the maps are, by format */
    uint16_t unique, root, next_page, next_block, sentinel;
    uint64_t first;      /* octet of the first allocation map */
    uint64_t density;    /* and of the density list */
    uint16_t skip, bits; /* octets in front of the bits, and of the bits */
    uint16_t unit;       /* octets that a bit stands for */
    bool older;          /* has PMaps, FMaps and FPMaps */
} haul_pstc_maps;

typedef struct haul_pst_check {
    haul_checking *to;
    haul_view view;
    unsigned version; /* as in haul_nodes */
    const haul_nodes_layout *layout;
    const haul_pstc_maps *maps;
    uint8_t head[564];
    uint8_t crypt;
    uint64_t eof, next_page, next_block;
    haul_pstc_block *blocks; /* sorted by id */
    size_t n_blocks, cap_blocks;
    haul_pstc_node *nodes; /* sorted by id */
    size_t n_nodes, cap_nodes;
    haul_pstc_extent *extents;
    size_t n_extents, cap_extents;
    uint32_t node, subnode; /* that is being checked; 0 = none */
    uint32_t said[HAUL_FINDING_COUNT];
    uint8_t *raw;             /* a block as stored */
    uint64_t work, most_work; /* blocks that were read; a good store needs a few reads a block */
} haul_pst_check;

/* The operation of the format. HAUL_E_FORMAT: no store, or of an unknown version; what there is to say was said before. */
HAUL_MUST_USE haul_rc haul_pst_check_run(haul_checking *to, haul_err *e);

/* at: HAUL_NOWHERE = the place of the block, or none. Node and subnode come from c. */
void haul_pst_say(haul_pst_check *c, haul_finding_id id, uint64_t at, uint64_t block, const char *fmt, ...)
    HAUL_PRINTF(5, 6);
bool haul_pst_check_stopped(const haul_pst_check *c);
/* Room for one more element of `size` octets. */
void *haul_pst_grown(void *v, size_t n, size_t *cap, size_t size);
uint64_t haul_pst_id(const haul_pst_check *c, const uint8_t *p); /* an id or offset, of 4 or 8 octets */

/* ── pages (2.2.2.7) ── */

/* Both B-trees: fill blocks, nodes and extents. */
void haul_pst_check_trees(haul_pst_check *c);
/* One page into `to` (4096 octets), with its trailer checked; sign: it has a signature. False: it cannot be used. */
bool haul_pst_check_page(haul_pst_check *c, uint64_t at, uint64_t id, unsigned kind, bool sign, uint8_t *to);
/* Maps and density list, against the extents; extents are sorted before. */
void haul_pst_check_maps(haul_pst_check *c);
void haul_pst_add_extent(haul_pst_check *c, uint64_t at, uint32_t n, uint32_t block);

/* ── blocks (2.2.2.8) ── */

void haul_pst_check_blocks(haul_pst_check *c); /* each by itself, lists, references from lists and nodes */
haul_pstc_block *haul_pst_block(const haul_pst_check *c, uint64_t id); /* NULL = not in the tree */
/* Its octets, decoded and inflated, into `to` (HAUL_NODES_BLOCK octets). 0: it cannot be read, which was said before. */
size_t haul_pst_octets(haul_pst_check *c, uint64_t id, uint8_t *to);
haul_pstc_node *haul_pst_node(const haul_pst_check *c, uint32_t nid);

/* The data blocks of a tree, at most HAUL_PSTC_LEAVES: malloc'd. False: a part is missing, which was said before. */
bool haul_pst_leaves(haul_pst_check *c, uint64_t id, uint64_t **ret, size_t *ret_n);
/* The subnodes below a block, sorted: malloc'd. */
bool haul_pst_subnodes(haul_pst_check *c, uint64_t id, haul_node **ret, size_t *ret_n);

/* ── heaps, properties, tables (2.3) ── */

typedef struct haul_pstc_heap {
    haul_pst_check *c;
    uint64_t *leaves;
    size_t n;
    haul_node *subs;
    size_t n_subs;
    uint32_t root;
    uint16_t *ends; /* of every page: one offset more than there are allocations */
    size_t n_ends, cap_ends;
    uint32_t *first; /* of a page: index in `ends`; one more than pages */
    uint8_t *block;  /* of the leaf that was read last */
    size_t leaf, len;
} haul_pstc_heap;

/* Open the heap of a node and check every page map. want: bClientSig, 0 = any; false: nothing can be read of it.
 * haul_pstc_heap_done after either. */
bool haul_pstc_heap_open(haul_pstc_heap *h, haul_pst_check *c, uint64_t data, uint64_t sub, uint8_t want);
void haul_pstc_heap_done(haul_pstc_heap *h);
/* The octets of a HID, borrowed until the next call. */
bool haul_pstc_heap_get(haul_pstc_heap *h, uint32_t hid, const uint8_t **ret, size_t *ret_n);
const haul_node *haul_pstc_heap_sub(const haul_pstc_heap *h, uint32_t nid);
uint64_t haul_pst_size(const haul_pst_check *c, uint64_t data); /* octets of a data tree, as it says */

/* Walk a B-tree: every record of it, in order. `record` is called with key and data. */
typedef struct haul_pstc_tree {
    haul_pstc_heap *heap;
    uint8_t key, data;
    void (*record)(void *ctx, const uint8_t *p, size_t n);
    void *ctx;
    uint64_t last; /* key */
    size_t n;      /* records */
    bool unordered;
} haul_pstc_tree;
bool haul_pstc_tree_walk(haul_pstc_tree *t, uint32_t hid);

typedef struct haul_pstc_facts { /* what a folder says, and the store */
    bool has_count, has_unread, has_subfolders;
    uint32_t count, unread, subfolders;
} haul_pstc_facts;

/* The value behind an HNID: its size. False: it is not there. */
bool haul_pstc_value(haul_pstc_heap *h, uint32_t hnid, uint64_t *ret_size);
void haul_pstc_props(haul_pstc_heap *h, haul_pstc_facts *ret);
/* row: called with the id of every row that the index names, and whether its item is unread: UINT32_MAX = the table does
 * not say; or NULL. */
void haul_pstc_table(haul_pstc_heap *h, void (*row)(void *ctx, uint32_t id, uint32_t unread), void *ctx);
/* All nodes, by their type, and what is in them. */
void haul_pst_check_nodes(haul_pst_check *c);

/* ── messaging (2.4, 2.7) ── */

void haul_pst_check_store(haul_pst_check *c);
/* A folder, its properties and tables. */
void haul_pst_check_folder(haul_pst_check *c, const haul_pstc_node *n);
void haul_pst_check_names(haul_pst_check *c, const haul_pstc_node *n);

#endif
