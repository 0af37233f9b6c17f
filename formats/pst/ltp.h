/* Lists, tables and properties of a store, read at random: heaps on nodes, B-trees on heaps, property contexts.
 *
 * Offsets, counts, levels and ids are bounded; what does not hold is HAUL_SKIP with a text. Memory of an open one: the
 * ids of its blocks and a few blocks, whatever its size.
 *
 * Source: MS-PST 2.3; what 4k pages change: docs/formats/pst.md. */
#ifndef HAUL_FORMATS_PST_LTP_H
#define HAUL_FORMATS_PST_LTP_H

#include "ndb.h"

#include "base/arena.h"
#include "base/str.h"

#define HAUL_HN_SIGNATURE 0xecu                 /* bSig of a heap, 2.3.1.2; bClientSig of */
#define HAUL_HN_PROPS     0xbcu                 /* a property context */
#define HAUL_HN_BLOCKS    65536u                /* of one heap: what a HID can name (2.3.1.1) */
#define HAUL_BTH_LEVELS   8u                    /* of indexes above the records */
#define HAUL_BTH_RECORD   512u                  /* octets of one: key and data */
#define HAUL_BTH_STEPS    (16u * 1024u * 1024u) /* of one walk: ends what leads to itself */

/* ── heap on node (2.3.1) ── */

typedef struct haul_hn { /* zero-initialised, but for blocks.all and blocks.arena, when it is opened */
    haul_nodes *nodes;
    haul_node node;
    haul_blocks blocks;
    uint8_t client; /* bClientSig */
    uint32_t root;  /* hidUserRoot */
} haul_hn;

typedef struct haul_place { /* octets in a heap, or in a row of a table: borrowed as the block is */
    haul_block *block;
    size_t from, n;
} haul_place;

static inline const uint8_t *haul_place_octets(const haul_place *p)
{
    return p->block->octets + p->from;
}

/* most: HAUL_HN_BLOCKS or fewer. HAUL_SKIP: no heap, or it cannot be read. haul_hn_done after every outcome. */
HAUL_MUST_USE haul_rc haul_hn_open(haul_hn *h, haul_nodes *n, const haul_node *node, size_t most,
                                   haul_err *e);
/* The octets behind a HID, borrowed until the next call on the same heap. */
HAUL_MUST_USE haul_rc haul_hn_get(haul_hn *h, uint32_t hid, haul_span *ret, haul_err *e);
/* Where they are. */
HAUL_MUST_USE haul_rc haul_hn_place(haul_hn *h, uint32_t hid, haul_place *ret, haul_err *e);
void haul_hn_done(haul_hn *h);

/* ── B-tree on heap (2.3.2) ── */

typedef struct haul_bth {
    haul_hn *heap;     /* borrowed */
    uint8_t key, data; /* octets of either in a record */
    uint8_t levels;    /* of indexes */
    uint32_t root;
} haul_bth;

typedef struct haul_bth_walk {
    haul_bth *tree;
    unsigned depth;
    struct {
        uint32_t hid;
        size_t i, n;
    } level[HAUL_BTH_LEVELS + 1];
    bool begun;
    uint32_t steps;
    haul_place place; /* of the record that was given last */
} haul_bth_walk;

HAUL_MUST_USE haul_rc haul_bth_open(haul_bth *t, haul_hn *h, uint32_t hid, haul_err *e);
/* The record with that key (of at most 8 octets), key and data, copied to `ret` (HAUL_BTH_RECORD octets). HAUL_END: there
 * is none. */
HAUL_MUST_USE haul_rc haul_bth_find(haul_bth *t, uint64_t key, uint8_t *ret, haul_err *e);
/* Walk through all records: w zero-initialised but for tree. HAUL_END: no more. HAUL_SKIP: a part of the tree cannot be
 * read; the next call goes on behind it. */
HAUL_MUST_USE haul_rc haul_bth_next(haul_bth_walk *w, uint8_t *ret, haul_err *e);

/* ── property context (2.3.3) ── */

typedef struct haul_props {
    haul_hn heap;
    haul_bth tree;
} haul_props;

typedef struct haul_props_entry {
    uint16_t id, type; /* HAUL_PT_* of mime/prop.h */
    uint32_t value;    /* dwValueHnid */
} haul_props_entry;

/* Are values of that type in the entries themselves (2.3.3.3)? Else an entry has the HNID of its value. */
bool haul_props_inline(unsigned type);

typedef enum haul_props_where { HAUL_PROPS_INLINE, HAUL_PROPS_HEAP, HAUL_PROPS_NODE } haul_props_where;

typedef struct haul_props_value {
    haul_props_where where;
    uint64_t size;    /* octets */
    uint8_t own[8];   /* INLINE: the value */
    const uint8_t *p; /* HEAP: the value, borrowed as of haul_hn_get */
    uint64_t data;    /* NODE: its data tree, for haul_nodes_pour */
    bool single;      /* NODE: in one block */
} haul_props_value;

/* The properties of a node. haul_props_done after every outcome. */
HAUL_MUST_USE haul_rc haul_props_open(haul_props *p, haul_nodes *n, const haul_node *node, haul_err *e);
void haul_props_done(haul_props *p);
/* One property of any type. HAUL_END: there is none. */
HAUL_MUST_USE haul_rc haul_props_find(haul_props *p, uint16_t id, haul_props_entry *ret, haul_err *e);
/* All of them: as haul_bth_next, with w->tree = &p->tree. */
HAUL_MUST_USE haul_rc haul_props_next(haul_bth_walk *w, haul_props_entry *ret, haul_err *e);
/* Where a value is and how large. HAUL_SKIP: its type is unknown, or it is not there. */
HAUL_MUST_USE haul_rc haul_props_value_of(haul_props *p, const haul_props_entry *entry, haul_props_value *ret,
                                          haul_err *e);
/* A value in memory: in its block when that is in the same arena, else from the arena. HAUL_SKIP also when it is larger than
 * max, or a part of it is lost. */
HAUL_MUST_USE haul_rc haul_props_take(haul_props *p, const haul_props_entry *entry, size_t max, haul_arena *a,
                                      haul_span *ret, haul_err *e);
/* The subnode that a value of type PT_OBJECT is (2.3.3.5). */
HAUL_MUST_USE haul_rc haul_props_object(haul_props *p, const haul_props_entry *entry, haul_node *ret,
                                        haul_err *e);

#endif
