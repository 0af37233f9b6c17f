/* The native engine from inside: a store read through ndb.h, ltp.h and table.h alone. Rules: docs/formats/pst.md. */
#ifndef HAUL_FORMATS_PST_NATIVE_H
#define HAUL_FORMATS_PST_NATIVE_H

#include "direct.h"
#include "table.h"

typedef struct haul_native_node { /* of the store: 24 octets for each */
    uint32_t nid, parent;
    uint64_t data, sub;
} haul_native_node;

typedef struct haul_native_list { /* children of one kind of one node */
    uint32_t parent;
    unsigned kind;
    size_t from, n; /* of haul_native.children */
} haul_native_list;

typedef struct haul_native {
    haul_pst pst;
    haul_direct direct;
    haul_native_node *nodes; /* in order of nid, each once */
    size_t n_nodes, cap;
    uint32_t *children; /* in order of parent, kind and nid: 4 octets for each folder and item */
    haul_native_list *lists;
    size_t n_lists;
    uint32_t *adopted; /* items put together from blocks that have the id and folder of their row, in order */
    size_t n_adopted;
    uint32_t *orphans; /* items that no way from the top leads to; NULL = not looked for */
    size_t n_orphans;
    bool asks;             /* libpff for what cannot be read */
    bool refused;          /* it cannot be opened */
    haul_pst_found *found; /* all that recovery came upon */
    size_t n_found, n_gone;
    bool recovered;
} haul_native;

/* List the nodes of the store, in time that grows with them. HAUL_E_LIMIT: more than HAUL_PST_NODES_MAX. */
HAUL_MUST_USE haul_rc haul_native_tree(haul_native *s, haul_err *e);
void haul_native_tree_done(haul_native *s);
const haul_native_node *haul_native_find(const haul_native *s, uint32_t nid); /* NULL: there is none */
haul_pst_children haul_native_children(const haul_native *s, uint32_t parent, unsigned kind);
/* Items that cannot be reached from the top, in order. */
void haul_native_orphans(haul_native *s);
haul_node haul_native_place(const haul_native_node *n);

/* Of items that were put together from blocks, those that one row of a contents table, whose node is lost, agrees with, and no other:
 * they are put into its folder. True: nodes are not in order any more. */
bool haul_native_adopt(haul_native *s);
bool haul_native_is_adopted(const haul_native *s, uint32_t nid);
/* Of an item that was put together from blocks: its issue. */
void haul_native_tell_unindexed(haul_native *s, const haul_node *node);

/* The libpff engine, opened when it is first asked for; NULL: it cannot be. It closes with s. */
haul_pst *haul_native_second(haul_native *s, haul_err *e);

/* A row of a table as a bag. What cannot be read is an issue. */
void haul_native_row(haul_native *s, haul_tc *t, haul_arena *a, haul_bag *ret);
/* The message of a node. HAUL_SKIP: its properties cannot be read. */
HAUL_MUST_USE haul_rc haul_native_object(haul_native *s, const haul_node *node, unsigned depth,
                                         haul_mapi **ret, haul_err *e);

HAUL_MUST_USE haul_rc haul_native_recover(haul_pst *p, bool deleted, const haul_pst_found **ret,
                                          size_t *ret_n, size_t *ret_gone, haul_err *e);
HAUL_MUST_USE haul_rc haul_native_recovered(haul_pst *p, const haul_pst_found *f, haul_mapi **ret,
                                            haul_err *e);

#endif
