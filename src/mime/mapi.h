/* A message object as any MAPI source gives it: properties, recipients, attachments. What reads a store
 * implements haul_mapi_ops; what builds Internet messages (build.h) sees nothing else. */
#ifndef HAUL_MIME_MAPI_H
#define HAUL_MIME_MAPI_H

#include "base/err.h"
#include "io/out.h"
#include "mime/prop.h"

#define HAUL_MAPI_DEPTH_MAX       32u    /* messages embedded in one another */
#define HAUL_MAPI_RECIPIENTS_MAX  65536u /* of one message */
#define HAUL_MAPI_ATTACHMENTS_MAX 65536u

typedef struct haul_mapi haul_mapi;

typedef struct haul_mapi_attach {
    uint64_t node;    /* where it is in the source: the id of a subnode; 0 = unknown */
    haul_bag props;   /* all but the data itself */
    uint64_t size;    /* octets that ops->data will push; UINT64_MAX = not known before */
    uint64_t claimed; /* octets of the data as the table or the heap entry says, 0 = unknown; for comparing */
    bool embedded;    /* PidTagAttachMethod 5 and there is a message object: use ops->embedded */
    bool lost;        /* could not be read: `why` says so; it becomes a note in its place, and an issue */
    const char *why;
} haul_mapi_attach;

typedef struct haul_mapi_ops {
    /* Fill recipients and attachments (without data), once, before the first use of them. What cannot be read is
     * left out with an issue by the source. OK, or a failure that loses the item. */
    haul_rc (*load)(haul_mapi *m, haul_err *e);
    /* Push the octets of attachment i. HAUL_SKIP: they cannot be read (whole or from here on), *e says why;
     * other failures are those of `to`. May be called more than once. */
    haul_rc (*data)(haul_mapi *m, size_t i, haul_out *to, haul_err *e);
    /* The message embedded in attachment i: *ret is to be freed by haul_mapi_free before m is. HAUL_SKIP: it
     * cannot be read. */
    haul_rc (*embedded)(haul_mapi *m, size_t i, haul_mapi **ret, haul_err *e);
    void (*free)(haul_mapi *m); /* m itself too; takes any half-made state */
} haul_mapi_ops;

struct haul_mapi {
    const haul_mapi_ops *ops;
    void *source;   /* of the implementation */
    uint64_t node;  /* where it is in the source, for messages: a node id; 0 = unknown */
    unsigned depth; /* 0 = an item of a folder, 1 = embedded in one … */
    haul_bag props;
    bool loaded;
    haul_bag *recipients;
    size_t n_recipients;
    haul_mapi_attach *attachments;
    size_t n_attachments;
    haul_arena arena; /* everything above lives here */
};

void haul_mapi_free(haul_mapi *m); /* NULL is accepted */
HAUL_DEFINE_AUTO(haul_mapi, haul_mapi_free)
/* ops->load once. */
HAUL_MUST_USE haul_rc haul_mapi_load(haul_mapi *m, haul_err *e);
/* Attachment i whole in memory, at most max octets (HAUL_SKIP beyond), appended to `to`. */
HAUL_MUST_USE haul_rc haul_mapi_slurp(haul_mapi *m, size_t i, size_t max, haul_str *to, haul_err *e);

/* The categories: the multi-value PidNameKeywords, else PidLidCategories of old stores; NULL = none. */
const haul_prop *haul_mapi_categories(const haul_bag *b);

/* PidTagMessageClass "IPM.Note.SMIME" is `class` or lies below it: "IPM.Note" and "IPM.Note.x", ASCII case
 * ignored, but not "IPM.Notes". */
bool haul_mapi_is(const haul_mapi *m, const char *class);

#endif
