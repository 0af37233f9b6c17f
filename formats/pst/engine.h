/* What reads an Outlook store, whichever parser does it: the folders and items of one store by node id, as property
 * bags and MAPI objects. Nothing of a parser's types is seen above this line; nothing of folders' meaning (roles, names,
 * what is shown) is known below it.
 * Sources: MS-PST 2.2.2.1 (node ids), 2.4 (messaging layer). Rules: docs/formats/pst.md. */
#ifndef HAUL_FORMATS_PST_ENGINE_H
#define HAUL_FORMATS_PST_ENGINE_H

#include "mime/mapi.h"
#include "model/msg.h"

/* Node ids, MS-PST 2.2.2.1 and 2.4.1: the low five bits are the type. */
#define HAUL_NID_TYPE(nid) ((nid)&0x1fu)
enum {
    HAUL_NID_FOLDER = 0x02,
    HAUL_NID_SEARCH = 0x03, /* a search folder: its contents are links */
    HAUL_NID_ITEM = 0x04,
    HAUL_NID_ATTACHMENT = 0x05, /* a subnode */
    HAUL_NID_ASSOCIATED = 0x08,
};
static inline bool haul_nid_is_item(uint32_t nid)
{
    return HAUL_NID_TYPE(nid) == HAUL_NID_ITEM || HAUL_NID_TYPE(nid) == HAUL_NID_ASSOCIATED;
}

#define HAUL_NID_NAMES      0x61u /* the map of names */
#define HAUL_NID_ROOT       0x122u
#define HAUL_NID_RECEIVE    0x62bu  /* the table of receive folders */
#define HAUL_NID_RECIPIENTS 0x692u  /* a subnode: the table of recipients */
#define HAUL_NID_SUBTREE    0x8022u /* what Outlook gives the top of the visible folders */

#define HAUL_PST_NODES_MAX  (64u * 1024u * 1024u) /* nodes of one store that are listed */
#define HAUL_PST_LOADED_MAX                                                                                  \
    (256u * 1024u * 1024u) /* octets of an attachment that libpff, unaided, is asked for */

typedef enum haul_pst_encryption { HAUL_PST_PLAIN, HAUL_PST_PERMUTE, HAUL_PST_CYCLIC } haul_pst_encryption;

typedef struct haul_pst haul_pst;

/* Children of a folder in ascending order, borrowed until the store is closed. */
typedef struct haul_pst_children {
    const uint32_t *v;
    size_t n;
} haul_pst_children;

typedef struct haul_pst_counts { /* of one kind of items of a folder */
    size_t rows;                 /* of its table */
    size_t unlisted;             /* nodes of the folder that no row names */
    size_t elsewhere;            /* rows whose node is another folder's, or an orphan */
    size_t absent;               /* rows whose node does not exist: ids in `lost` */
    uint32_t *lost;              /* from the arena */
} haul_pst_counts;

typedef enum haul_pst_origin { HAUL_PST_DELETED, HAUL_PST_ORPHAN } haul_pst_origin;

typedef struct haul_pst_found { /* an item that recovery came upon */
    uint32_t nid;
    haul_pst_origin origin;
    int index; /* of the engine */
} haul_pst_found;

typedef struct haul_pst_ops {
    const char *name;
    void (*close)(haul_pst *p);
    /* Properties of the message store. HAUL_SKIP: there is none, or it cannot be read. */
    haul_rc (*store)(haul_pst *p, haul_arena *a, haul_bag *ret, haul_err *e);
    /* The folder that mail is received in, from the table of receive folders (haul_pst_receiver); 0 = none is said. */
    uint32_t (*receive)(haul_pst *p);
    /* Children of folder nid by kind, from the node tree: HAUL_NID_FOLDER (search folders too), HAUL_NID_ITEM or
     * HAUL_NID_ASSOCIATED. None for an unknown nid. Touches nothing of the folder itself. */
    haul_pst_children (*children)(haul_pst *p, uint32_t nid, unsigned kind);
    /* Properties of a folder. HAUL_SKIP: they cannot be read. */
    haul_rc (*folder)(haul_pst *p, uint32_t nid, haul_arena *a, haul_bag *ret, haul_err *e);
    /* What the contents table of a folder says. HAUL_SKIP: it cannot be read. */
    haul_rc (*counts)(haul_pst *p, uint32_t nid, unsigned kind, haul_arena *a, haul_pst_counts *ret,
                      haul_err *e);
    /* An item of folder `parent`. HAUL_SKIP: it cannot be read. One item is open at a time besides those embedded in
     * it; freed by haul_mapi_free. */
    haul_rc (*item)(haul_pst *p, uint32_t parent, uint32_t nid, haul_mapi **ret, haul_err *e);
    /* Look for orphaned items and, when told so, for deleted ones, once; the list is borrowed. Items that are in the
     * tree are left out; so are deleted ones of which nothing can be read any more: *ret_gone of them. */
    haul_rc (*recover)(haul_pst *p, bool deleted, const haul_pst_found **ret, size_t *ret_n, size_t *ret_gone,
                       haul_err *e);
    haul_rc (*recovered)(haul_pst *p, const haul_pst_found *f, haul_mapi **ret, haul_err *e);
    /* Nothing more will be asked: say what is to be said of the whole. NULL = nothing is. */
    void (*end)(haul_pst *p);
} haul_pst_ops;

struct haul_pst { /* the head of what an engine allocates */
    const haul_pst_ops *ops;
    uint32_t root;    /* node id of the root folder; 0 = none */
    bool ost;         /* else PST or PAB */
    unsigned version; /* 32 = ANSI, 64 = Unicode, 65 = Unicode with 4k pages */
    haul_pst_encryption encryption;
    unsigned codepage; /* for text of items that name none; set by the reader, 0 = unknown */
    haul_msg *msg;     /* where issues of the item being read go; set by haul_pst_reads, may be NULL */
    haul_pst *second;  /* another engine that this one asks; NULL = none. Closed with it */
    bool
        unaided; /* of libpff: give what it has itself, also cells that are not there, and read nothing past it, for
                          comparing; what was repaired for it is HAUL_ISSUE_PST_ENGINES_KNOWN. Set after opening */
    void (*issue)(void *ctx, haul_issue_id id, const char *detail); /* issues of the store */
    void *issue_ctx;
};

/* The libpff engine. fd: borrowed, read at offsets of our own, never seeked. size: of the file. */
HAUL_MUST_USE haul_rc haul_pff_open(int fd, uint64_t size, void (*issue)(void *, haul_issue_id, const char *),
                                    void *ctx, haul_pst **ret, haul_err *e);

/* The native engine: ndb.h, ltp.h and table.h. As haul_pff_open, which it asks for deleted items; asks: for what it cannot
 * read, too [pst-37]. */
HAUL_MUST_USE haul_rc haul_pst_native_open(int fd, uint64_t size, bool asks,
                                           void (*issue)(void *, haul_issue_id, const char *), void *ctx,
                                           haul_pst **ret, haul_err *e);

/* The native engine, as it is opened when it asks; and beside it one that does not, and libpff, unaided, which are compared in
 * all that is asked for [pst-38]. Differences are issues of the item being read, else of the store. */
HAUL_MUST_USE haul_rc haul_pst_both_open(int fd, uint64_t size,
                                         void (*issue)(void *, haul_issue_id, const char *), void *ctx,
                                         haul_pst **ret, haul_err *e);

/* Where mail is received: the row of the table of receive folders (node HAUL_NID_RECEIVE; message class and node id of a folder,
 * one row each) whose class is that of mail, or the nearest that it is derived from. */
#define HAUL_PST_RECEIVERS_MAX 256u /* rows that are looked at */
typedef struct haul_pst_receiver {  /* zero-initialised = none yet */
    uint32_t nid;                   /* 0 = none */
    size_t fits;
} haul_pst_receiver;
void haul_pst_receiver_row(haul_pst_receiver *r, const haul_bag *row, haul_arena *a);

/* Whose issues are told from here on; NULL = the store's. */
static inline void haul_pst_reads(haul_pst *p, haul_msg *msg)
{
    for (; p; p = p->second)
        p->msg = msg;
}

void haul_pst_close(haul_pst *p); /* NULL is accepted */
HAUL_DEFINE_AUTO(haul_pst, haul_pst_close)

#endif
