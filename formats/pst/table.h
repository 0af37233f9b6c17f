/* Table contexts: rows of typed cells, read one by one. Bounds as in ltp.h.
 * Source: MS-PST 2.3.4 (TCINFO 2.3.4.1, TCOLDESC 2.3.4.2, row index 2.3.4.3, row matrix 2.3.4.4). */
#ifndef HAUL_FORMATS_PST_TABLE_H
#define HAUL_FORMATS_PST_TABLE_H

#include "ltp.h"

#include "mime/prop.h"

#define HAUL_TC_BLOCKS 65536u /* of the rows of one table */

typedef struct haul_tc_column {
    uint16_t id, type, at; /* at: octets into the row */
    uint8_t size, bit;     /* bit: of the row's cell existence block */
} haul_tc_column;

typedef struct haul_tc { /* zero-initialised = none */
    haul_props props;    /* its heap, with values of cells; no tree */
    haul_bth index;
    haul_bth_walk walk;
    bool unindexed; /* the index of rows cannot be read: rows come as they lie */
    size_t i;       /* the next of them */
    haul_tc_column *columns;
    size_t n_columns, row, bits; /* octets of a row; where its cell existence block is */
    uint32_t rows;               /* hnidRows */
    haul_blocks matrix;
    size_t per_block; /* rows */
    uint8_t *octets;  /* of the row that was given last */
} haul_tc;

typedef struct haul_tc_row {
    uint32_t id;  /* that the index has */
    uint32_t own; /* that the row has */
} haul_tc_row;

/* The table of a node. HAUL_SKIP: there is none, or it cannot be read. haul_tc_done after every outcome. */
HAUL_MUST_USE haul_rc haul_tc_open(haul_tc *t, haul_nodes *n, const haul_node *node, haul_err *e);
/* The next row, in the order of the index. HAUL_END: no more. HAUL_SKIP: it cannot be read; the next call goes on. */
HAUL_MUST_USE haul_rc haul_tc_next(haul_tc *t, haul_tc_row *ret, haul_err *e);
/* Cell i of the row, of at most max octets, from the arena; a type that does not exist becomes a number of its size.
 * HAUL_END: the row does not have it. HAUL_SKIP: it cannot be read; only id and type of *ret are set. */
HAUL_MUST_USE haul_rc haul_tc_cell(haul_tc *t, size_t i, size_t max, haul_arena *a, haul_prop *ret,
                                   haul_err *e);
void haul_tc_done(haul_tc *t);

#endif
