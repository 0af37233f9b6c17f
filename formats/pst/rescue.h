/* What a damaged B-tree of pages no longer leads to, found all the same: its leaf pages and the blocks themselves tell what they
 * are by their trailers. The store is read through once, when a page is met that cannot be used; never a sound one.
 * The rules: docs/formats/pst.md [pst-38] to [pst-45].
 *
 * Memory: of what damaged pages covered, 32 octets a block, 40 a page and a node, 12 an entry of a page while it runs; where nodes
 * are missing, 16 a block of the store, 48 a message and a list of subnodes, 4 a subnode, while they are looked for.
 *
 * Source: MS-PST 2.2.2.7.1 (PAGETRAILER), 2.2.2.7.7 (B-trees), 2.2.2.8.1 (BLOCKTRAILER), 2.2.2.6 (HEADER). */
#ifndef HAUL_FORMATS_PST_RESCUE_H
#define HAUL_FORMATS_PST_RESCUE_H

#include "ndb_parts.h"

/* ── recognising pages and blocks ── */

typedef struct haul_scan_page { /* a sound page of a B-tree */
    unsigned version, kind;
    uint64_t at, id;
    haul_nodes_entries entries; /* borrowed */
} haul_scan_page;

typedef struct haul_scan_block {
    unsigned version;
    haul_nodes_extent extent;
    bool sound; /* else its checksum is wrong; the trailer itself is not */
} haul_scan_block;

typedef struct haul_scan { /* zero-initialised, but for what the caller wants */
    bool versions[3];      /* that are looked for: ANSI, Unicode, 4k pages */
    void (*page)(void *ctx, const haul_scan_page *p);
    void (*block)(void *ctx, const haul_scan_block *b); /* a block comes behind all that lies in it */
    void *ctx;
} haul_scan;

/* Read the whole file, once, from its front; past what cannot be read. */
void haul_scan_run(const haul_scan *s, haul_view *v);

/* ── single pages ── */

/* A page that differs in one octet, of itself or of its trailer, from one with that id at that place: put the octet right, in `p`
 * and in the view. Where more than one octet could be meant nothing is done. */
void haul_rescue_page(haul_nodes *n, uint64_t at, uint64_t id, unsigned kind, uint8_t *p);

/* The only octet of p that makes the checksum of its n octets `sum` when it is changed: its place, and what to XOR it with; SIZE_MAX:
 * there is none, or more than one. */
size_t haul_rescue_octet(const uint8_t *p, size_t n, uint32_t sum, uint8_t *ret_mask);

/* ── the header ── */

typedef enum haul_header { /* what it is worth */
                           HAUL_HEADER_GOOD,
                           HAUL_HEADER_DOUBTED, /* its checksums are wrong; the roots that it names are there */
                           HAUL_HEADER_GUESSED /* nothing of it is used */
} haul_header;

/* As haul_nodes_open, of a store whose header is damaged, too: one octet is put right in the view; what the header does not say comes
 * from the pages, for which the file is read through. *ret_told: what was done, "" = nothing. HAUL_E_FORMAT: there are no pages and
 * no blocks either. */
HAUL_MUST_USE haul_rc haul_rescue_open(haul_nodes *n, haul_view *v, haul_err *ret_told, haul_header *ret,
                                       haul_err *e);
/* Set n->crypt by what the heaps of nodes look like when they are decoded. */
HAUL_MUST_USE haul_rc haul_rescue_crypt(haul_nodes *n, haul_err *e);
/* The same by these blocks, of which most may be no heaps. Where none is, n->crypt stays. */
void haul_rescue_encoding(haul_nodes *n, const uint64_t *ids, size_t count);

/* ── what a tree has lost ── */

/* Told by the walk of a tree (kind: HAUL_NODES_NBT, HAUL_NODES_BBT), the first that gets to its end: when it begins; of a page that
 * cannot be used, or only in part: keys from lo up to hi, hi not included, are doubtful (leaf: it has entries that may be right);
 * below such a page, of a sound leaf page that it leads to; when it has ended. */
void haul_rescue_begin(haul_nodes *n, unsigned kind);
void haul_rescue_gap(haul_nodes *n, unsigned kind, const haul_nodes_ref *page, bool leaf);
void haul_rescue_cover(haul_nodes *n, unsigned kind, uint64_t first, uint64_t last);
void haul_rescue_surveyed(haul_nodes *n, unsigned kind);

/* The nodes that the tree has lost, in order; none where nothing is missing. Last those that are put together from blocks. */
HAUL_MUST_USE haul_rc haul_rescue_nodes(haul_nodes *n, haul_nodes_each *each, void *ctx, haul_err *e);
/* One of them. False: it was not found. */
bool haul_rescue_node(haul_nodes *n, uint32_t nid, haul_node *ret);
/* A block that damaged pages cover, by its trailer. sound: not one with a wrong checksum. False: it was not found. */
bool haul_rescue_block(haul_nodes *n, uint64_t id, bool sound, haul_nodes_extent *ret);

/* Items put together from blocks alone (rescue_blocks.c), for nodes that are lost. First all blocks are added, then the nodes that
 * are known; what is nobody's then is read and appended to *ret: messages in the order of their data, with ids from HAUL_RESCUE_ITEM
 * on, far from Outlook's, which begin at 0x10001 (MS-PST 2.4.8.1), below a folder that is not there; the map of names, if it is
 * not known. */
#define HAUL_RESCUE_FOLDER 0x7fffffe2u
#define HAUL_RESCUE_ITEM   0x7000001u /* index of the first */
typedef struct haul_carving haul_carving;
haul_carving *haul_carving_new(haul_nodes *n);
void haul_carving_add(haul_carving *c, uint64_t id); /* of a block, sound ones in any order */
void haul_carving_known(haul_carving *c, const haul_node *node);
void haul_carving_take(haul_carving *c, haul_node_list *ret);
void haul_carving_free(haul_carving *c);

void haul_rescue_free(haul_rescue *r); /* NULL is accepted */

#endif
