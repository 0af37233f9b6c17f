/* Lists, tables and properties being written: heaps on nodes, B-trees on heaps, property contexts, table contexts.
 * Source: MS-PST 2.3. Rules: docs/pst-writing.md. Large values, row matrices and all pages of a heap but a few are
 * written as they fill; memory of a table: 16 octets a row. */
#ifndef HAUL_FORMATS_PST_PUT_LTP_H
#define HAUL_FORMATS_PST_PUT_LTP_H

#include "put_ndb.h"

#include "base/str.h"

#define HAUL_PSTW_HEAP_MAX 3580u /* octets of one allocation (2.3.3.3) */
#define HAUL_PSTW_COLUMNS  255u  /* of one table (2.3.4.1 cCols) */
#define HAUL_PSTW_PROPS                                                                                      \
    16384u /* of one property context: what the top of its B-tree and one level below hold */

/* 2.3.1.2 bClientSig */
enum { HAUL_PSTW_TABLE = 0x7c, HAUL_PSTW_QUEUE = 0x9c, HAUL_PSTW_BTH = 0xb5, HAUL_PSTW_PC = 0xbc };

/* ── heap on node (2.3.1) ── */

typedef struct haul_pstw_page {
    uint8_t *p; /* haul_pstw_most octets; NULL: written as block `bid` */
    uint16_t used;
    uint16_t n, cap;
    uint16_t *start; /* offset of each allocation */
    uint32_t bid;
} haul_pstw_page;

typedef struct haul_pstw_heap {
    haul_pstw_ndb *ndb;
    uint8_t client;
    bool full;           /* something was not added: there is no room in any heap for it */
    size_t most;         /* octets of a page */
    unsigned index_bits; /* of a HID, for the allocation (2.3.1.1; of 4k pages docs/formats/pst.md) */
    haul_pstw_page *pages;
    size_t n, cap;
} haul_pstw_heap;

void haul_pstw_heap_init(haul_pstw_heap *h, haul_pstw_ndb *n, uint8_t client);
/* Pages that a HID can name; an eighth of them is for the row index of a table, cells take the others. */
size_t haul_pstw_heap_pages(const haul_pstw_heap *h);
/* Copy n octets (1..HAUL_PSTW_HEAP_MAX; NULL = zeros) into the heap. Returns the HID; 0: it is full. */
uint32_t haul_pstw_heap_add(haul_pstw_heap *h, const void *p, size_t n);
/* An allocation of the first page, for writing what is known late. Valid until the next haul_pstw_heap_add. */
uint8_t *haul_pstw_heap_at(haul_pstw_heap *h, uint32_t hid);
/* Write it as a data tree with that user root, and free it. Returns the block id. */
uint32_t haul_pstw_heap_end(haul_pstw_heap *h, uint32_t user_root);

/* ── B-tree on heap (2.3.2) ── Records are sorted by key; header is a HID of 8 octets that are filled here. */
void haul_pstw_bth(haul_pstw_heap *h, uint32_t header, unsigned key, unsigned entry, const uint8_t *records,
                   size_t n);

/* ── subnodes of one object ── */

typedef struct haul_pstw_subs {
    haul_pstw_subnode *v;
    size_t n, cap;
    uint32_t next; /* index of the next subnode of its own numbering */
} haul_pstw_subs;

void haul_pstw_subs_add(haul_pstw_subs *s, uint32_t nid, uint32_t data, uint32_t sub);
uint32_t haul_pstw_subs_new(haul_pstw_subs *s, unsigned type);    /* an unused nid */
uint32_t haul_pstw_subs_end(haul_pstw_subs *s, haul_pstw_ndb *n); /* writes and frees */

/* What a node needs: ids of its data and of its subnodes. */
typedef struct haul_pstw_object {
    uint32_t data, sub;
} haul_pstw_object;

/* ── property context (2.3.3) ── */

typedef struct haul_pstw_prop {
    uint32_t tag, value;
} haul_pstw_prop;

typedef struct haul_pstw_pc {
    haul_pstw_heap heap;
    haul_pstw_subs subs; /* the caller may add his own: recipient and attachment tables … */
    haul_pstw_prop *v;   /* sorted */
    size_t n, cap;
    uint64_t size; /* octets of the values */
    bool full;     /* a property was not added */
} haul_pstw_pc;

void haul_pstw_pc_init(haul_pstw_pc *pc, haul_pstw_ndb *n);
/* Any property, value as MAPI stores it (little-endian; strings without NUL; bool 1 octet). An id that is
 * there is not added again: the first counts. */
void haul_pstw_pc_add(haul_pstw_pc *pc, uint32_t tag, const void *p, size_t n);
void haul_pstw_pc_u32(haul_pstw_pc *pc, uint32_t tag, uint32_t v); /* also bool and 16 bits */
void haul_pstw_pc_u64(haul_pstw_pc *pc, uint32_t tag, uint64_t v);
void haul_pstw_pc_text(haul_pstw_pc *pc, uint16_t id, const char *utf8); /* PT_UNICODE */
/* A value that is a data tree already. */
void haul_pstw_pc_tree(haul_pstw_pc *pc, uint32_t tag, uint32_t data, uint64_t size);
/* PT_OBJECT: a subnode that holds something else, and its size (2.3.3.5). */
void haul_pstw_pc_object(haul_pstw_pc *pc, uint32_t tag, uint32_t nid, uint32_t size);
bool haul_pstw_pc_has(const haul_pstw_pc *pc, uint32_t tag);
/* Write it, free what it holds. */
haul_pstw_object haul_pstw_pc_end(haul_pstw_pc *pc);

/* ── table context (2.3.4) ── */

typedef struct haul_pstw_column {
    uint32_t tag;
    uint16_t at;  /* ibData */
    uint8_t bit;  /* iBit */
    uint8_t size; /* cbData; filled by haul_pstw_tc_init */
} haul_pstw_column;

typedef struct haul_pstw_tc {
    haul_pstw_heap heap;
    haul_pstw_subs subs;
    haul_pstw_column *columns; /* sorted by tag */
    size_t n_columns;
    uint16_t end[4]; /* rgib: ends of the 4- and 8-octet, 2-octet, 1-octet columns and of the bitmap */
    uint8_t *row;    /* the open one */
    bool streams;    /* rows go to `matrix` as they come, else they stay in `rows` */
    haul_pstw_tree matrix;
    haul_str rows;
    uint64_t *keys; /* row id << 32 | number */
    size_t n_rows, most_rows;
    size_t left_out; /* cells for which the heap had no room */
} haul_pstw_tc;

/* A table of n_rows rows. n columns as a template lays them out, sorted by tag; `more` tags (not among them; those beyond
 * HAUL_PSTW_COLUMNS are left out) are laid out behind. */
void haul_pstw_tc_init(haul_pstw_tc *t, haul_pstw_ndb *n, const haul_pstw_column *columns, size_t n_columns,
                       const uint32_t *more, size_t n_more, size_t n_rows);
/* Add a row with its id (PidTagLtpRowId) and version; no more of them than n_rows. */
void haul_pstw_tc_row(haul_pstw_tc *t, uint32_t id, uint32_t version);
/* A cell of the last row; ignored when the table has no such column. Values as in haul_pstw_pc_add. */
void haul_pstw_tc_cell(haul_pstw_tc *t, uint32_t tag, const void *p, size_t n);
void haul_pstw_tc_u32(haul_pstw_tc *t, uint32_t tag, uint32_t v);
void haul_pstw_tc_text(haul_pstw_tc *t, uint16_t id, const char *utf8);
haul_pstw_object haul_pstw_tc_end(haul_pstw_tc *t);

/* Octets of a column in a row: the value, or where it is. */
uint8_t haul_pstw_cell_size(uint32_t tag);
/* Octets of a type whose values can be in a record or row; 0 for the others. */
unsigned haul_pstw_fixed(uint32_t tag);
/* A value outside its record: in the heap, or in a subnode when it is too large (2.3.3.2 HNID). 0 = empty. */
uint32_t haul_pstw_value(haul_pstw_heap *h, haul_pstw_subs *subs, const void *p, size_t n);

#endif
