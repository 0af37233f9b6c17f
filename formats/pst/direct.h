/* What either engine reads past libpff: properties of a node as a bag, data of attachments as a stream; and what both
 * make of them. What is wrong goes to the item being read, else to the store. Rules: docs/formats/pst.md. */
#ifndef HAUL_FORMATS_PST_DIRECT_H
#define HAUL_FORMATS_PST_DIRECT_H

#include "engine.h"
#include "names.h"
#include "rescue.h"

#define HAUL_DIRECT_KEPT                                                                                     \
    (8u * 1024u * 1024u)       /* attachment data of one message that stays loaded until it is asked for */
#define HAUL_DIRECT_TOLD   64u /* damaged places of one store that are named one by one */
#define HAUL_ATTACH_DATA   0x3701u /* PidTagAttachDataBinary, PidTagAttachDataObject: MS-OXCMSG 2.2.2.7, .8 */
#define HAUL_ATTACH_METHOD 0x3705u
enum { HAUL_ATTACH_VALUE = 1, HAUL_ATTACH_EMBEDDED = 5 }; /* PidTagAttachMethod, MS-OXCMSG 2.2.2.9 */

#define HAUL_MESSAGE_FLAGS   0x0e07u
#define HAUL_HAS_ATTACHMENTS 0x10 /* of PidTagMessageFlags, MS-OXCMSG 2.2.1.6 */

/* What to do about a store that cannot be read at all. */
#define HAUL_PST_HINT "; a copy repaired by Outlook's scanpst may be readable"

typedef struct haul_direct {
    haul_pst *pst;  /* borrowed: where issues go */
    haul_view view; /* the file without repairs but those of its nodes */
    haul_nodes nodes;
    bool open; /* nodes can be read */
    bool
        alone; /* nobody else reads the store: pages and blocks outside of items are told here, damage of its trees is bypassed */
    haul_header header;
    size_t n_told;
    uint64_t told[HAUL_DIRECT_TOLD];
    bool named; /* names was tried */
    haul_names names;
} haul_direct;

typedef struct haul_direct_data { /* the data of an attachment */
    bool known;
    uint16_t type; /* 0 = it has none */
    uint64_t size;
    const void *p;    /* in memory; NULL = a data tree */
    uint64_t id;      /* its block id */
    haul_node object; /* of type PT_OBJECT: the node that it is */
} haul_direct_data;

/* fd: borrowed. HAUL_E_FORMAT: no store. haul_direct_done after every outcome. */
HAUL_MUST_USE haul_rc haul_direct_open(haul_direct *d, haul_pst *p, int fd, uint64_t size, haul_err *e);
void haul_direct_done(haul_direct *d);
/* Read the map of names, once. HAUL_SKIP: there is none, or it cannot be read. */
HAUL_MUST_USE haul_rc haul_direct_names(haul_direct *d, haul_err *e);
void haul_direct_name(haul_direct *d, haul_prop *p); /* of a named property */

/* All properties of a node but `skip` (0 = none). HAUL_SKIP: they cannot be read. An odd one is an issue and costs
 * nothing but itself. */
HAUL_MUST_USE haul_rc haul_direct_bag(haul_direct *d, const haul_node *node, uint16_t skip, haul_arena *a,
                                      haul_bag *ret, haul_err *e);
/* Octets of a value without the NUL that strings may be stored with. */
size_t haul_direct_bare(uint16_t type, const uint8_t *p, size_t n);
/* A property that cannot be read, of the node. */
void haul_direct_lost(haul_direct *d, uint32_t nid, uint16_t id, uint16_t type, const char *why);
/* An issue of the item being read, else of the store, with the node's id. */
void haul_direct_tell(const haul_pst *p, uint32_t nid, haul_issue_id id, const char *text);

/* The data of an attachment, whose node it is. *kept grows by what is put in memory, HAUL_DIRECT_KEPT at most. HAUL_SKIP:
 * they cannot be found. */
HAUL_MUST_USE haul_rc haul_direct_locate(haul_direct *d, const haul_node *attachment, uint64_t *kept,
                                         haul_arena *a, haul_direct_data *ret, haul_err *e);
/* Both in one: the properties of an attachment but its data, and where those are. */
HAUL_MUST_USE haul_rc haul_direct_attachment(haul_direct *d, const haul_node *node, uint64_t *kept,
                                             haul_arena *a, haul_bag *ret, haul_direct_data *ret_data,
                                             haul_err *e);
/* Push them, block by block. What cannot be read is an issue, and NULs. */
HAUL_MUST_USE haul_rc haul_direct_pour(haul_direct *d, const haul_direct_data *data, haul_out *to,
                                       haul_err *e);

/* An attachment without data whose PidTagAttachSize, which counts all of its properties, says more [pst-18]: lost. */
void haul_direct_doubt(haul_mapi_attach *at, haul_arena *a);
/* The code page of 8-bit text of an item; otherwise: what the user says, 0 = nothing [pst-13]. */
unsigned haul_direct_codepage(const haul_bag *b, unsigned otherwise);
/* Nodes of a folder in order, and what the rows of its table name, in any order: it is sorted. is_there: has the store that node, in
 * whatever folder? */
void haul_direct_compare(haul_pst_children nodes, uint32_t *rows, size_t n,
                         bool (*is_there)(haul_pst *, uint32_t nid), haul_pst *p, haul_arena *a,
                         haul_pst_counts *ret);
/* Lay right checksums over those of the header where they are wrong, and compare its length with the file's. */
void haul_direct_header(haul_pst *p, haul_view *v);
/* Other parents and ids for nodes that cannot be where they are [pst-33], laid over v. True: something was changed. */
bool haul_direct_parents(haul_direct *d, haul_view *v);

#endif
