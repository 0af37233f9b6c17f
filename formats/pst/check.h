/* A store held against the specification, from the header to the folders' tables. Strict where the parsers are lenient:
 * of theirs it takes the sizes and offsets of the three formats, the checksums and the decoding, and no more.
 *
 * Every part reads raw pages and blocks and says what it finds with haul_pst_say. Nothing it finds ends the check but a
 * store that cannot be read at all. Memory: 20.5 octets a block and 12 a node, and 32 a page of their trees, which is
 * read again when more of an entry is asked for; 4 a block more where their ids are not in order.
 *
 * Source: MS-PST; of 4k pages docs/formats/pst.md. */
#ifndef HAUL_FORMATS_PST_CHECK_H
#define HAUL_FORMATS_PST_CHECK_H

#include "ndb.h"

#include "model/finding.h"

#define HAUL_PSTC_ENTRIES     (64u * 1024u * 1024u) /* blocks, and nodes, of one store */
#define HAUL_PSTC_LEAVES      65536u                /* blocks of one heap or of the rows of one table */
#define HAUL_PSTC_SUBS        65536u                /* subnodes of one node */
#define HAUL_PSTC_DEPTH       64u                   /* nodes within nodes */
#define HAUL_PSTC_READS       64u                   /* of one block, on the average */
#define HAUL_PSTC_PARENTS     1024u                 /* folders within folders */
#define HAUL_PSTC_ROWS        (16u * 1024u * 1024u) /* of one table */
#define HAUL_PSTC_PAGE        4096u                 /* octets of the largest page */

#define HAUL_PSTC_COPY        (16u * 1024u * 1024u) /* octets of a queue, or of a stream of the name-to-id map */

#define HAUL_PSTC_SIG_PROPS   0xbcu /* bClientSig (2.3.1.2) */
#define HAUL_PSTC_SIG_TABLE   0x7cu

#define HAUL_PSTC_STORE       0x21u /* 2.4.1 */
#define HAUL_PSTC_NAMES       0x61u
#define HAUL_PSTC_ROOT        0x122u
#define HAUL_PSTC_RECIPIENTS  0x692u
#define HAUL_PSTC_ATTACHMENTS 0x671u

enum haul_ntype { /* 2.2.2.1 */
                  HAUL_NTYPE_INTERNAL = 0x01,
                  HAUL_NTYPE_FOLDER = 0x02,
                  HAUL_NTYPE_SEARCH = 0x03,
                  HAUL_NTYPE_MESSAGE = 0x04,
                  HAUL_NTYPE_ATTACHMENT = 0x05,
                  HAUL_NTYPE_SEARCH_QUEUE = 0x06,
                  HAUL_NTYPE_CRITERIA = 0x07,
                  HAUL_NTYPE_ASSOCIATED = 0x08,
                  HAUL_NTYPE_HIERARCHY = 0x0d,
                  HAUL_NTYPE_CONTENTS = 0x0e,
                  HAUL_NTYPE_ASSOC_CONTENTS = 0x0f,
                  HAUL_NTYPE_SEARCH_CONTENTS = 0x10,
};

enum haul_ptype { /* 2.2.2.7.1 */
                  HAUL_PTYPE_BBT = 0x80,
                  HAUL_PTYPE_NBT,
                  HAUL_PTYPE_FMAP,
                  HAUL_PTYPE_PMAP,
                  HAUL_PTYPE_AMAP,
                  HAUL_PTYPE_FPMAP,
                  HAUL_PTYPE_DENSITY,
};

typedef struct haul_pstc_block { /* an entry of the block B-tree */
    uint64_t id, at;
    uint32_t i;            /* its number in the order of ids */
    uint16_t stored, size; /* octets in the file without trailer; inflated */
    uint16_t count;        /* cRef */
} haul_pstc_block;

#define HAUL_PSTC_REFS ((1u << 28) - 1) /* that are counted */

typedef struct haul_pstc_known { /* of a block */
    unsigned refs : 28;          /* that were found */
    unsigned level : 2;          /* of a list of blocks */
    bool bad : 1;                /* it cannot be read */
} haul_pstc_known;

typedef struct haul_pstc_total { /* of a list of blocks */
    uint32_t block;              /* number */
    uint32_t octets;             /* below it, as it says */
} haul_pstc_total;

typedef struct haul_pstc_node {
    uint32_t nid, parent;
    unsigned entry : 31; /* number in the tree */
    bool listed : 1;     /* in the table of its parent */
} haul_pstc_node;

typedef struct haul_pstc_leaf { /* a page of entries */
    uint64_t at;
    uint32_t first; /* number of its first entry; it has one at least */
} haul_pstc_leaf;

/* The entries of a B-tree of pages, numbered in its order; read again when they are asked for. */
typedef struct haul_pstc_entries {
    size_t n, size; /* entries, and octets of each */
    haul_pstc_leaf *leaves;
    size_t n_leaves, cap_leaves, near; /* near: the leaf that was asked last */
    uint8_t *pages;                    /* some of them */
    size_t *kept;                      /* leaf + 1 of each; 0 = none */
} haul_pstc_entries;

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
    haul_view view, pages; /* of blocks; of entries that are read again */
    unsigned version;      /* as in haul_nodes */
    const haul_nodes_layout *layout;
    const haul_pstc_maps *maps;
    uint8_t head[564];
    uint8_t crypt;
    bool ost; /* wMagicClient "SO": not quite what MS-PST describes */
    uint64_t eof, next_page, next_block;
    haul_pstc_entries nbt, bbt;
    haul_pstc_node *nodes; /* sorted by id */
    size_t cap_nodes;
    uint64_t *marks; /* ids of some blocks, in order */
    size_t cap_marks;
    uint64_t last; /* id that was added last */
    bool unordered;
    uint32_t *order;         /* their numbers in the tree, in the order of ids; NULL = the same */
    haul_pstc_known *known;  /* in the order of ids */
    haul_pstc_total *totals; /* sorted */
    size_t n_totals, cap_totals;
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
uint64_t haul_pst_id(const haul_pst_check *c, const uint8_t *p); /* an id or offset, of 4 or 8 octets */

/* ── pages (2.2.2.7) ── */

/* Both B-trees: fill blocks, nodes and extents. */
void haul_pst_check_trees(haul_pst_check *c);
/* One page into `to` (4096 octets), with its trailer checked; sign: it has a signature. False: it cannot be used. */
bool haul_pst_check_page(haul_pst_check *c, uint64_t at, uint64_t id, unsigned kind, bool sign, uint8_t *to);
/* Maps and density list, against the extents; extents are sorted before. */
void haul_pst_check_maps(haul_pst_check *c);

/* ── entries of the B-trees ── */

/* While the trees are walked: a page with entries, then its entries. */
void haul_pst_add_leaf(haul_pstc_entries *s, uint64_t at);
void haul_pst_add_node(haul_pst_check *c, uint32_t nid, uint32_t parent);
void haul_pst_add_block(haul_pst_check *c, uint64_t id);
/* And afterwards. */
void haul_pst_sort_nodes(haul_pst_check *c);
void haul_pst_sort_blocks(haul_pst_check *c);
void haul_pst_entries_done(haul_pst_check *c);

haul_pstc_node *haul_pst_node(const haul_pst_check *c, uint32_t nid);  /* NULL = not in the tree */
uint64_t haul_pst_node_at(haul_pst_check *c, const haul_pstc_node *n); /* octet of its entry */
haul_node haul_pst_node_whole(haul_pst_check *c, const haul_pstc_node *n);

bool haul_pst_block(haul_pst_check *c, uint64_t id, haul_pstc_block *ret); /* false: not in the tree */
haul_pstc_block haul_pst_nth_block(haul_pst_check *c, size_t i);           /* in the order of ids */
/* What a list of blocks says that there is below it, in the order of ids; 0: it says nothing. */
void haul_pst_set_total(haul_pst_check *c, size_t block, uint32_t octets);
uint32_t haul_pst_total(const haul_pst_check *c, size_t block);

/* ── places ── */

void haul_pst_add_extent(haul_pst_check *c, uint64_t at, uint32_t n, uint32_t block);
/* By place; there pages before blocks, and those in order. In place. */
void haul_pst_sort_extents(haul_pstc_extent *v, size_t n);
void haul_pst_check_overlaps(haul_pst_check *c); /* extents are sorted before */

/* ── blocks (2.2.2.8) ── */

void haul_pst_check_blocks(haul_pst_check *c); /* each by itself, lists, references from lists and nodes */
/* Its octets, decoded and inflated, into `to` (HAUL_NODES_BLOCK octets). 0: it cannot be read, which was said before. */
size_t haul_pst_octets(haul_pst_check *c, uint64_t id, uint8_t *to);

/* The data blocks of a tree, at most HAUL_PSTC_LEAVES: malloc'd. False: a part is missing, which was said before. */
bool haul_pst_leaves(haul_pst_check *c, uint64_t id, uint64_t **ret, size_t *ret_n);
/* All octets of a data tree, up to HAUL_PSTC_COPY: malloc'd. NULL: a part is missing, or it is larger; that was said. */
uint8_t *haul_pst_copy(haul_pst_check *c, uint64_t id, size_t *ret_n);
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
uint64_t haul_pst_size(haul_pst_check *c, uint64_t data); /* octets of a data tree, as it says */

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

/* What MS-PST demands of an object or table of its kind at least; without what Outlook itself leaves out (check_schema.c). */
typedef struct haul_pstc_schema {
    const uint32_t *tags; /* of properties or columns */
    uint8_t n;            /* 0: nothing is demanded; else at most 31 */
    const char *section;
} haul_pstc_schema;
haul_pstc_schema haul_pstc_schema_of(const haul_pst_check *c, uint32_t nid);
/* The bit of a tag that is demanded, else 0. types: a type must fit, too, strings of either sort. */
uint32_t haul_pstc_schema_bit(const haul_pstc_schema *s, uint32_t tag, bool types);
void haul_pstc_schema_judge(haul_pst_check *c, const haul_pstc_schema *s, uint32_t seen, haul_finding_id id);

typedef struct haul_pstc_facts { /* what a folder or message says */
    bool has_count, has_unread, has_subfolders, has_flags;
    uint32_t count, unread, subfolders, flags;
} haul_pstc_facts;

/* The value behind an HNID: its size. False: it is not there. */
bool haul_pstc_value(haul_pstc_heap *h, uint32_t hnid, uint64_t *ret_size);
/* Its octets, as haul_pst_copy. */
uint8_t *haul_pstc_copy(haul_pstc_heap *h, uint32_t hnid, size_t *ret_n);
/* Whether a value of `size` octets can be one of the type, and the offsets of multi-values in it. */
void haul_pstc_judge_value(haul_pstc_heap *h, uint32_t tag, uint32_t hnid, uint64_t size);
/* The properties of the node nid, against its schema. */
void haul_pstc_props(haul_pstc_heap *h, uint32_t nid, haul_pstc_facts *ret);
/* The same of a table. row: called with the id of every row that the index names, and whether its item is unread:
 * UINT32_MAX = the table does not say; or NULL. */
void haul_pstc_table(haul_pstc_heap *h, uint32_t nid, void (*row)(void *ctx, uint32_t id, uint32_t unread),
                     void *ctx);
/* All nodes, by their type, and what is in them. */
void haul_pst_check_nodes(haul_pst_check *c);

/* ── messaging (2.4, 2.7) ── */

void haul_pst_check_store(haul_pst_check *c);
/* An object or table, and the nodes below it. */
void haul_pst_check_object(haul_pst_check *c, const haul_node *n, unsigned depth, haul_pstc_facts *facts);
bool haul_pstc_is_props(uint32_t nid);
bool haul_pstc_is_table(uint32_t nid);
/* A folder, its properties and tables. */
void haul_pst_check_folder(haul_pst_check *c, const haul_node *n);
void haul_pst_check_names(haul_pst_check *c, const haul_node *n);
/* A queue or list of searches; other nodes are passed over. */
void haul_pst_check_queue(haul_pst_check *c, const haul_node *n);
/* The folders that the store names (2.4.3.1, 2.7.2). */
void haul_pst_check_tops(haul_pst_check *c, const haul_node *n);

#endif
