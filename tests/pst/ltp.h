/* Lists, tables and properties: heaps on nodes, B-trees on heaps, property contexts, table contexts.
 * Source: MS-PST 2.3; shared/reference/pst-writer.md. Large values and row matrices go to subnodes. Blocks are written as soon
 * as they are full: in memory are the first page of a heap and each 128th, and 8 octets a row. */
#ifndef HAUL_MADE_LTP_H
#define HAUL_MADE_LTP_H

#include "base/str.h"
#include "pst/ndb.h"

#include <stdbool.h>

#define HAUL_HEAP_MAX 3580u /* octets of one allocation (2.3.3.3) */

/* 2.3.1.2 bClientSig */
enum { HAUL_HEAP_TABLE = 0x7c, HAUL_HEAP_QUEUE = 0x9c, HAUL_HEAP_BTH = 0xb5, HAUL_HEAP_PROPS = 0xbc };

/* ── Heap on node (2.3.1) ── */
typedef struct haul_heap_page {
    uint8_t *p;          /* NULL: it was written */
    uint16_t used, room; /* octets: in use, and allocated */
    uint16_t n, cap;
    uint16_t *start; /* offset of each allocation */
    uint8_t level;   /* how full it is, of a page that was written */
} haul_heap_page;

typedef struct haul_heap {
    uint8_t client;
    size_t most; /* octets of a page */
    haul_dtree tree;
    haul_heap_page *pages;
    size_t n, cap;
} haul_heap;

void haul_heap_init(haul_heap *h, haul_ndb *n, uint8_t client);
/* Copy n octets (1..HAUL_HEAP_MAX; NULL = zeros) into the heap. Returns the HID. */
uint32_t haul_heap_add(haul_heap *h, const void *p, size_t n);
/* An allocation in the first page, for writing what is known late. Valid until the next haul_heap_add. */
uint8_t *haul_heap_at(haul_heap *h, uint32_t hid);
/* Write it as a data tree with that user root, and free it. Returns the block id. */
uint64_t haul_heap_end(haul_heap *h, uint32_t user_root);

/* ── B-tree on heap (2.3.2) ── Records are sorted by key; header is a HID of 8 octets that are filled here. */
void haul_bth_build(haul_heap *h, uint32_t header, unsigned key, unsigned entry, const uint8_t *records,
                    size_t n);

/* ── Subnodes of one object ── */
typedef struct haul_subnodes {
    haul_subnode *v;
    size_t n, cap;
    uint32_t next; /* index of the next subnode of its own numbering */
} haul_subnodes;

void haul_subnodes_add(haul_subnodes *s, uint32_t nid, uint64_t data, uint64_t sub);
uint32_t haul_subnodes_new(haul_subnodes *s, unsigned type); /* an unused nid */
uint64_t haul_subnodes_end(haul_subnodes *s, haul_ndb *n);   /* writes and frees */

/* What a node needs: ids of its data and of its subnodes. */
typedef struct haul_object {
    uint64_t data, sub;
} haul_object;

/* ── Property context (2.3.3) ── */
typedef struct haul_pc_prop {
    uint32_t tag, value;
} haul_pc_prop;

typedef struct haul_pc {
    haul_ndb *ndb;
    haul_heap heap;
    haul_subnodes subs; /* the caller may add his own: recipient and attachment tables … */
    haul_pc_prop *v;
    size_t n, cap;
} haul_pc;

void haul_pc_init(haul_pc *pc, haul_ndb *n);
/* Any property, value as MAPI stores it (little-endian; strings without NUL; bool 1 octet). A tag that is
 * there is not added again: the first counts. */
void haul_pc_add(haul_pc *pc, uint32_t tag, const void *p, size_t n);
void haul_pc_u32(haul_pc *pc, uint32_t tag, uint32_t v); /* also bool and 16 bits */
void haul_pc_u64(haul_pc *pc, uint32_t tag, uint64_t v);
void haul_pc_text(haul_pc *pc, uint16_t id, const char *utf8); /* PT_UNICODE */
/* PT_OBJECT: a subnode that holds something else, and its size (2.3.3.5). */
void haul_pc_object(haul_pc *pc, uint32_t tag, uint32_t nid, uint32_t size);
/* A value that is a data tree already. */
void haul_pc_tree(haul_pc *pc, uint32_t tag, uint64_t data);
bool haul_pc_has(const haul_pc *pc, uint32_t tag);
/* Write it, free what it holds. */
haul_object haul_pc_end(haul_pc *pc);

/* ── Table context (2.3.4) ── */
typedef struct haul_tc_column {
    uint32_t tag;
    uint16_t at;  /* ibData */
    uint8_t bit;  /* iBit */
    uint8_t size; /* cbData; filled by haul_tc_init */
} haul_tc_column;

typedef struct haul_tc {
    haul_ndb *ndb;
    haul_heap heap;
    haul_subnodes subs;
    haul_tc_column *columns; /* sorted by tag */
    size_t n_columns;
    uint16_t end[4]; /* rgib: ends of the 4- and 8-octet, 2-octet, 1-octet columns and of the bitmap */
    uint8_t *rows;   /* of the open block */
    size_t n_open, cap_open;
    uint32_t *ids; /* of all rows */
    size_t n_rows, cap_ids;
    haul_dtree matrix; /* blocks of rows that were written */
} haul_tc;

/* n columns as a template lays them out, sorted by tag; `more` tags (not among them) are laid out behind. */
void haul_tc_init(haul_tc *t, haul_ndb *n, const haul_tc_column *columns, size_t n_columns,
                  const uint32_t *more, size_t n_more);
/* Add a row with its id (PidTagLtpRowId) and version. */
void haul_tc_row(haul_tc *t, uint32_t id, uint32_t version);
/* A cell of the last row; ignored when the table has no such column. Values as in haul_pc_add. */
void haul_tc_cell(haul_tc *t, uint32_t tag, const void *p, size_t n);
void haul_tc_u32(haul_tc *t, uint32_t tag, uint32_t v);
void haul_tc_text(haul_tc *t, uint16_t id, const char *utf8);
haul_object haul_tc_end(haul_tc *t);

/* UTF-8 as UTF-16LE, appended; malformed octets become U+FFFD. */

void haul_made_utf16(haul_str *to, const char *utf8);

#endif
