/* The libpff engine from inside. What libpff gets wrong, and what is done about it: docs/formats/pst.md. */
#ifndef HAUL_FORMATS_PST_PFF_H
#define HAUL_FORMATS_PST_PFF_H

#include "direct.h"
#include "mend.h"

#include <libbfio.h>
#include <libpff.h>

#define HAUL_PFF_CHUNK (256u * 1024u)  /* octets of an attachment handed on at a time */
#define HAUL_PFF_LARGE (1024u * 1024u) /* octets of an attachment from which on libpff is not asked for it */

enum { HAUL_PFF_FOLDERS, HAUL_PFF_ITEMS, HAUL_PFF_ASSOCIATED, HAUL_PFF_KINDS };

typedef struct
    haul_pff_list { /* children of one kind: node ids in order, and their place among all children */
    uint32_t *nid;
    int *place;
    size_t n, cap;
} haul_pff_list;

typedef struct haul_pff_branch { /* a node that has children */
    uint32_t nid;
    libpff_item_t *item;
    haul_pff_list lists[HAUL_PFF_KINDS];
} haul_pff_branch;

typedef struct haul_pff_name { /* of a named property */
    const libpff_name_to_id_map_entry_t *key;
    haul_pset set;
    uint32_t lid;
    const char *name;
    uint8_t guid[16];
} haul_pff_name;

typedef struct haul_pff_mended { /* a node that was repaired, or that nothing helps */
    uint32_t nid;
    size_t changes; /* places */
    size_t n;
    struct haul_pff_note {
        haul_issue_id id;
        const char *text;
    } * notes;
} haul_pff_mended;

typedef struct haul_pff {
    haul_pst pst;
    haul_view view;
    uint64_t at; /* where libpff reads next */
    libbfio_handle_t *io;
    libpff_file_t *file;
    haul_pff_branch *branches; /* in order of nid */
    size_t n_branches, cap;
    size_t n_nodes;
    uint32_t *known; /* what is in their lists, in order */
    size_t n_known;
    haul_pff_name *names; /* open addressing by key */
    size_t n_names, n_slots;
    haul_arena arena; /* of the names */
    uint8_t *chunk;
    haul_pst_found *found;
    size_t n_found;
    size_t n_gone; /* deleted items that cannot be read any more */
    bool recovered;
    bool doubt;         /* a value that should not be empty is */
    bool unchecked;     /* free parts are being searched */
    unsigned n_damaged; /* places of the store that were reported */
    haul_direct direct;
    uint32_t top;            /* the item being read, also while one embedded in it is; 0 = a recovered one */
    haul_pff_mended *mended; /* in order of nid */
    size_t n_mended, cap_mended;
} haul_pff;

/* Compare the checksum of what libpff is about to get, if it is a page or a block. */
void haul_pff_check(haul_pff *s, uint64_t at, uint8_t *p, size_t n);

/* Repair a node that libpff refuses, once. What was changed is noted with the item being read, else with the store. True:
 * try again. */
bool haul_pff_mend(haul_pff *s, uint32_t nid);
/* Note again what was changed in a node that was repaired before. */
void haul_pff_recall(haul_pff *s, uint32_t nid);

/* The bfio handle over s->view. */
HAUL_MUST_USE haul_rc haul_pff_io(haul_pff *s, haul_err *e);
/* libpff's words for what went wrong, its origin first; frees *error. Returns rc. */
haul_rc haul_pff_fail(haul_err *e, haul_rc rc, libpff_error_t **error, const char *what, uint64_t node);

/* List the nodes of the store. */
HAUL_MUST_USE haul_rc haul_pff_tree(haul_pff *s, haul_err *e);
void haul_pff_tree_done(haul_pff *s);
const haul_pff_branch *haul_pff_find(const haul_pff *s, uint32_t nid); /* NULL when nid has no children */
/* Where `nid` is among the children of `parent`: their item and its index. */
bool haul_pff_place(const haul_pff *s, uint32_t parent, uint32_t nid, libpff_item_t **ret_item, int *ret);
bool haul_pff_knows(const haul_pff *s, uint32_t nid); /* an item or folder of the tree */

/* All entries of record set i of an item into a bag, values copied into a. What cannot be taken is an issue.
 * skip: a property whose value stays where it is (PidTagAttachDataBinary), 0 = none. */
HAUL_MUST_USE haul_rc haul_pff_bag(haul_pff *s, libpff_item_t *item, int i, uint16_t skip, haul_arena *a,
                                   haul_bag *ret, haul_err *e);
/* A message object over item, which it owns from here on, also on failure. */
HAUL_MUST_USE haul_rc haul_pff_object(haul_pff *s, libpff_item_t *item, uint32_t nid, unsigned depth,
                                      haul_mapi **ret, haul_err *e);
const haul_pff_name *haul_pff_name_of(haul_pff *s, libpff_name_to_id_map_entry_t *entry);

/* Reading past libpff: a node of the store, a subnode of an item; nid 0 when it cannot be read. */
haul_node haul_pff_node(haul_pff *s, uint32_t nid);
haul_node haul_pff_sub(haul_pff *s, const haul_node *item, uint32_t nid);

HAUL_MUST_USE haul_rc haul_pff_recover(haul_pst *p, bool deleted, const haul_pst_found **ret, size_t *ret_n,
                                       size_t *ret_gone, haul_err *e);
HAUL_MUST_USE haul_rc haul_pff_recovered(haul_pst *p, const haul_pst_found *f, haul_mapi **ret, haul_err *e);

#endif
