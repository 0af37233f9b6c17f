/* The node database of a store, read at random: nodes and blocks by id, data trees block by block, subnodes. All three
 * formats: ANSI, Unicode, and the Unicode of 4k pages that newer OSTs have, with its compressed blocks.
 *
 * Nothing is believed: offsets, counts, levels and sizes are bounded; checksums, ids and signatures are compared. What
 * differs and can still be used is told to `fault`, and used; what cannot be used is HAUL_SKIP with a text.
 * Memory: pages and three blocks, whatever the size of the store.
 *
 * Source: MS-PST 2.2. It knows nothing of 4k pages; of those, what stores of Outlook 2013 and later were seen to hold:
 * docs/formats/pst.md. */
#ifndef HAUL_FORMATS_PST_NDB_H
#define HAUL_FORMATS_PST_NDB_H

#include "view.h"

#include "base/arena.h"
#include "io/out.h"

#define HAUL_NODES_SETS    16u /* pages that are kept: sets, and pages of each */
#define HAUL_NODES_WAYS    4u
#define HAUL_NODES_LEVELS  16u             /* of a B-tree of pages or of subnodes */
#define HAUL_NODES_BLOCK   65536u          /* octets of one block, as stored with its trailer, and as read */
#define HAUL_NODES_LEAVES  (1024u * 1024u) /* blocks of one data tree: 4 GiB are 525 314 of 8176 octets */
#define HAUL_NODES_INDEXES 2u              /* of lists of subnodes above each other, where all are listed */
#define HAUL_NODES_SUBS    65536u          /* subnodes of one node that are listed */
#define HAUL_BLOCKS_KEPT   4u              /* of haul_blocks in memory */
#define HAUL_BLOCKS_SHARED 64u             /* of haul_blocks in an arena */

typedef struct haul_nodes haul_nodes;
typedef struct haul_rescue haul_rescue; /* rescue.h */

typedef struct haul_nodes_layout { /* sizes and offsets of one of the three formats */
    uint8_t id;                    /* octets of ids and offsets */
    uint16_t root;  /* in the header: id and offset of the node B-tree's root, then the block B-tree's */
    uint16_t crypt; /* in the header */
    uint16_t page, foot, trailer; /* octets of a page; where the counts of its entries are, and its trailer */
    uint8_t wide;                 /* counts of entries have two octets */
    uint8_t block_trailer;
    uint16_t align;   /* of blocks */
    uint16_t most;    /* octets of data in a block */
    uint8_t sub;      /* octets in front of the entries of a list of subnodes */
    uint8_t sum, own; /* in either trailer: the checksum, the id */
} haul_nodes_layout;

/* version: as in haul_nodes. */
const haul_nodes_layout *haul_nodes_layout_of(unsigned version);

typedef enum haul_nodes_outcome {
    HAUL_NODES_DAMAGED,
    HAUL_NODES_MENDED,  /* one octet of a page was wrong, and put right */
    HAUL_NODES_BYPASSED /* a page cannot be used: `found` of what it led to was found without it */
} haul_nodes_outcome;

typedef struct haul_nodes_fault {
    haul_nodes_outcome outcome;
    bool page;   /* else a block */
    uint64_t at; /* octet in the file */
    uint64_t id; /* of the page or block */
    const char *what;
    size_t found;
} haul_nodes_fault;

typedef struct haul_nodes_page {
    uint64_t at;   /* 0 = none */
    uint64_t used; /* haul_nodes.uses of its last use */
    bool sorted;   /* its entries are in order */
    bool odd;      /* its checksum, id or signature is wrong */
    uint8_t *octets;
} haul_nodes_page;

typedef struct haul_nodes_near { /* the leaf that was looked into last */
    uint64_t at, id;
    uint64_t from, below; /* keys that no other page has; below 0 = none */
} haul_nodes_near;

struct haul_nodes {  /* zero-initialised = none */
    haul_view *view; /* borrowed */
    const haul_nodes_layout *layout;
    unsigned version; /* 32 = ANSI, 64 = Unicode, 65 = Unicode with 4k pages */
    uint8_t crypt;    /* bCryptMethod */
    uint64_t node_root, block_root, node_id, block_id;   /* offsets and ids of the roots of the B-trees */
    void (*fault)(void *ctx, const haul_nodes_fault *f); /* set by the caller; may be NULL */
    void *ctx;
    haul_nodes_page pages[HAUL_NODES_SETS][HAUL_NODES_WAYS];
    uint64_t uses;
    haul_nodes_near near[2]; /* of nodes, of blocks */
    uint8_t *list;           /* the list of subnodes read last */
    uint64_t list_id;
    size_t list_n;
    bool rescues;          /* what damaged pages led to is looked for without them; set by the caller */
    bool guessed;          /* the roots are what was found, and may be old ones */
    haul_rescue *rescue;   /* NULL = nothing was missing so far */
    unsigned odd_pages[2]; /* of the block and of the node B-tree, that cannot be used or believed */
};

typedef struct haul_node {
    uint32_t nid;       /* 0 = none */
    uint32_t parent;    /* of a node of the store */
    uint64_t data, sub; /* ids of the blocks on top of its data and its subnodes; 0 = none */
    uint64_t at;        /* of the entry of a node of the store: octet in the file */
} haul_node;

typedef struct haul_node_list { /* zero-initialised = empty */
    haul_node *v;               /* in the order of the tree */
    size_t n, cap;
} haul_node_list;

/* v is borrowed until haul_nodes_done. HAUL_E_FORMAT: no store, or of an unknown version. */
HAUL_MUST_USE haul_rc haul_nodes_open(haul_nodes *n, haul_view *v, haul_err *e);
void haul_nodes_done(haul_nodes *n);
/* The view shows other octets than before: pages that are kept are read anew. */
void haul_nodes_forget(haul_nodes *n);

/* A node of the store, or one of the subnodes below block `sub`. HAUL_SKIP: it is not there, or what leads there cannot
 * be read. */
HAUL_MUST_USE haul_rc haul_nodes_find(haul_nodes *n, uint32_t nid, haul_node *ret, haul_err *e);
HAUL_MUST_USE haul_rc haul_nodes_sub(haul_nodes *n, uint64_t sub, uint32_t nid, haul_node *ret, haul_err *e);

/* All nodes of the store, in the order of the tree. A page that cannot be read is a fault, and passed over; where n->rescues
 * what it led to comes behind the others. What `each` fails with ends the walk. */
typedef haul_rc haul_nodes_each(void *ctx, const haul_node *node, haul_err *e);
HAUL_MUST_USE haul_rc haul_nodes_walk(haul_nodes *n, haul_nodes_each *each, void *ctx, haul_err *e);

/* All subnodes below block `sub`; 0 = none. HAUL_SKIP: a part of the tree cannot be read, or there are more than
 * HAUL_NODES_SUBS; what was read stays in *ret. haul_nodes_list_done after every outcome. */
HAUL_MUST_USE haul_rc haul_nodes_list(haul_nodes *n, uint64_t sub, haul_node_list *ret, haul_err *e);
void haul_nodes_list_add(haul_node_list *l, const haul_node *node);
const haul_node *haul_nodes_list_find(const haul_node_list *l,
                                      uint32_t nid); /* borrowed; NULL: it has none */
void haul_nodes_list_done(haul_node_list *l);

typedef struct haul_block {
    uint64_t id, at; /* as the B-tree has it; octet in the file */
    size_t n;        /* octets, decoded and inflated */
    bool packed;     /* compressed in the file */
    uint8_t *octets; /* of haul_blocks: NULL = not in memory */
} haul_block;

/* A block, decoded and inflated, into `to` (HAUL_NODES_BLOCK octets); ret->octets stays. HAUL_SKIP: it is not there, it
 * cannot be read, or there is something else in its place. */
HAUL_MUST_USE haul_rc haul_nodes_block(haul_nodes *n, uint64_t id, uint8_t *to, haul_block *ret, haul_err *e);

/* Show `over` n (at most HAUL_VIEW_PATCH) other octets at `from` of a block in memory, which is changed, too; encoded as the
 * block is. False: out of range, compressed, or too many repairs; nothing has changed. */
bool haul_nodes_patch(const haul_nodes *n, haul_view *over, haul_block *b, size_t from, const uint8_t *p,
                      size_t octets);

/* ── data trees (2.2.2.8.3.1 and .2) ── */

typedef struct haul_data_list { /* an XXBLOCK or XBLOCK */
    uint8_t *octets;
    size_t i, n;
} haul_data_list;

typedef struct haul_data {
    haul_nodes *nodes;
    uint64_t size;   /* octets of the whole, as its top says */
    uint64_t block;  /* octets that one block of such a tree holds */
    unsigned levels; /* lists: 0 = one block, 1 = XBLOCK, 2 = XXBLOCK */
    uint64_t top;
    size_t leaves;          /* given so far */
    haul_data_list list[2]; /* from the top */
} haul_data;

/* id 0 = no data: size 0. HAUL_SKIP: what is on top cannot be read. haul_data_done after every outcome. */
HAUL_MUST_USE haul_rc haul_data_open(haul_data *d, haul_nodes *n, uint64_t id, haul_err *e);
/* The id of the next block with data. HAUL_END: no more. HAUL_SKIP: an XBLOCK cannot be read; *ret_lost octets at most
 * are lost with it, the next call goes on behind them. */
HAUL_MUST_USE haul_rc haul_data_next(haul_data *d, uint64_t *ret_id, uint64_t *ret_lost, haul_err *e);
void haul_data_done(haul_data *d);

/* The blocks of a data tree by number, read when they are asked for. */
typedef struct haul_blocks { /* zero-initialised = none */
    haul_nodes *nodes;
    haul_block *v;
    size_t n;
    /* Set `all` to keep them in memory once read, or arena to have them there; else it is the last HAUL_BLOCKS_KEPT. arena
     * becomes NULL when they are more than HAUL_BLOCKS_SHARED. */
    bool all;
    haul_arena *arena;
    size_t kept[HAUL_BLOCKS_KEPT], turn;
} haul_blocks;

/* HAUL_SKIP: a list of them cannot be read, or they are more than `most`. haul_blocks_done after every outcome. */
HAUL_MUST_USE haul_rc haul_blocks_open(haul_blocks *b, haul_nodes *n, uint64_t data, size_t most,
                                       haul_err *e);
/* Borrowed until HAUL_BLOCKS_KEPT others were asked for, with `all` until haul_blocks_done, with an arena as long as it
 * lives. */
HAUL_MUST_USE haul_rc haul_blocks_get(haul_blocks *b, size_t i, haul_block **ret, haul_err *e);
void haul_blocks_done(haul_blocks *b);

typedef struct haul_data_loss {
    uint64_t octets; /* that could not be read; NULs stand for them */
    uint64_t places;
    uint64_t first; /* offset of the first of them in the data */
    bool more;      /* the blocks have more than the size that was said; it was left out */
} haul_data_loss;

/* Push the data: haul_data.size octets. What cannot be read is made up for by NULs, so that what follows stays in its
 * place, and counted. HAUL_SKIP: the data end early, or none of it can be read; other failures are those of `to`. */
HAUL_MUST_USE haul_rc haul_nodes_pour(haul_nodes *n, uint64_t id, haul_out *to, haul_data_loss *ret,
                                      haul_err *e);

/* The same into memory. HAUL_SKIP: as above, or the data have not `size` octets. */
HAUL_MUST_USE haul_rc haul_nodes_fill(haul_nodes *n, uint64_t id, uint8_t *to, uint64_t size,
                                      haul_data_loss *ret, haul_err *e);

/* Of pages, blocks and the header. MS-PST 5.3: zlib's polynomial, begun with 0 and not inverted at the end. */
uint32_t haul_nodes_checksum(const uint8_t *p, size_t n);

/* What is in a block of 4k pages: n octets of zlib's format, which give exactly `size`. */
bool haul_nodes_inflate(const uint8_t *p, size_t n, uint8_t *to, size_t size);

/* Of a page or block at that offset with that id. MS-PST 5.5. */
uint32_t haul_nodes_signature(uint64_t at, uint64_t id);

static inline uint32_t haul_nodes16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}
static inline uint32_t haul_nodes32(const uint8_t *p)
{
    return haul_nodes16(p) | haul_nodes16(p + 2) << 16;
}
static inline uint64_t haul_nodes64(const uint8_t *p)
{
    return haul_nodes32(p) | (uint64_t)haul_nodes32(p + 4) << 32;
}

#endif
