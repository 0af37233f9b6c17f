/* The catalogue of a package: every document, twin, left-out item, exception and payload file of it, in SQLite, so that a run
 * that was cut off goes on, and every load file is one walk. CASE-DIR/.mailhaul/catalog.db; docs/hold.md [hold-4].
 *
 * A document is a message or an attachment of one. A family is a message with its attachments, in that order, under
 * consecutive control numbers. All texts are valid UTF-8 without NUL, never NULL: "" is absent. Times are UTC. */
#ifndef HAUL_HOLD_CATALOG_H
#define HAUL_HOLD_CATALOG_H

#include "base/arena.h"
#include "base/hash.h"
#include "model/msg.h"

#define HAUL_DOCID_MAX 64u /* octets, NUL included */

typedef struct haul_doc {
    int64_t row;    /* given by _add: the order of storing */
    int64_t parent; /* row of its message; 0: it is one */
    const char *docid,
        *item_id; /* item_id: 32 hex digits, as in items.jsonl; of an attachment its message's */
    const char *custodian, *source, *folder; /* folder: path in the source, names joined by '/' */
    const char *folder_written;              /* the same as it was escaped for the file system */
    const char *place;                       /* in the source: "Inbox@4711" */
    haul_kind kind;
    const char *from, *to, *cc, *bcc; /* "Ada <ada@x.org>", several joined by "; " */
    const char *subject, *date_field; /* the Date field as it was found, unfolded */
    const char *message_id, *mih;     /* mih: 32 hex digits, or "" */
    const char *in_reply_to, *references, *conversation_index, *importance;
    const char *mime_type, *content_id;
    bool has_sent, has_received, has_flags;
    int64_t sent_us, received_us;
    int sent_tz, received_tz; /* minutes east of UTC as found */
    unsigned flags;           /* HAUL_FLAG_* */
    const char *keywords;     /* joined by '\n' */
    const char *file_name;    /* of a message "<docid>.eml"; of an attachment as the message calls it */
    const char *native,
        *text;     /* paths below the package's root: "data/eml/Inbox/<docid>.eml"; text "" = none */
    uint64_t size; /* octets of the native file */
    uint8_t md5[16], sha1[20], sha256[HAUL_SHA256_LEN]; /* of the native file's octets */
    uint8_t canonical[HAUL_SHA256_LEN];                 /* of a message: the digest of items.jsonl */
    bool has_created, has_modified;                     /* of an attachment, where the message says so */
    int64_t created_us, modified_us;
    const char *exception;                /* issue names joined by "; ", "" = none */
    uint64_t text_size;                   /* of the text file, where there is one */
    uint8_t text_sha256[HAUL_SHA256_LEN]; /* of its octets */
} haul_doc;

typedef struct haul_twin { /* a message that was not stored again: one with the same content is there */
    int64_t of;            /* row of that one */
    const char *item_id, *custodian, *source, *folder, *place;
} haul_twin;

typedef struct haul_left_out {    /* an item that is not in the package */
    const char *item_id, *status; /* "filtered", "failed", "duplicate" */
    const char *custodian, *source, *folder, *place, *kind, *message_id, *subject, *reason;
    const char *issues;    /* names joined by "; " */
    const char *stored_as; /* duplicate: docid of the other */
} haul_left_out;

typedef struct haul_exception {
    const char *docid; /* of the document it concerns; "" = none was made, see item_id; both "" = a source */
    const char *item_id, *custodian, *source, *folder, *place;
    const char *kind;  /* damaged, encrypted, recovered, empty, over-size, unsupported, failed */
    const char *issue; /* issue id, or "" */
    const char *detail, *disposition; /* "native kept, octets as they are", "not in the package" */
} haul_exception;

typedef struct haul_catalog haul_catalog;

/* HAUL_E_STATE: not a catalogue, or of another version. read_only: must exist, nothing is changed. */
HAUL_MUST_USE haul_rc haul_catalog_open(const char *file, bool read_only, haul_catalog **ret, haul_err *e);
void haul_catalog_close(haul_catalog *c); /* drops what was not committed; NULL is accepted */
HAUL_DEFINE_AUTO(haul_catalog, haul_catalog_close)
HAUL_MUST_USE haul_rc haul_catalog_commit(haul_catalog *c, haul_err *e);
/* Walks may be started within walks, and fn may add to another list than the one it stands in. While a catalogue is open for
 * writing its file is not at rest: close it, and open it read_only, before its octets are sealed. */

/* ── writing ── */
/* An attachment follows its message and that one's other attachments: HAUL_E_STATE where it does not. */
HAUL_MUST_USE haul_rc haul_catalog_add(haul_catalog *c, const haul_doc *d, int64_t *ret_row, haul_err *e);
/* The highest row; and what lies beyond one, which an interrupted run left: forgotten, with its twins, exceptions and files
 * (those that were added behind it). fn: each path that goes, may be NULL. Left-out items stay: they are replaced. */
int64_t haul_catalog_last(haul_catalog *c);
HAUL_MUST_USE haul_rc haul_catalog_cut(haul_catalog *c, int64_t last, void (*fn)(void *ctx, const char *path),
                                       void *ctx, haul_err *e);
/* One record for each item_id: the last one counts. */
HAUL_MUST_USE haul_rc haul_catalog_add_twin(haul_catalog *c, const haul_twin *t, haul_err *e);
/* One record for each item_id: the last one counts. */
HAUL_MUST_USE haul_rc haul_catalog_add_left_out(haul_catalog *c, const haul_left_out *l, haul_err *e);
/* The item is in the package now: no longer left out, and no exception for it. */
HAUL_MUST_USE haul_rc haul_catalog_drop_left_out(haul_catalog *c, const char *item_id, haul_err *e);
/* Runs with different filters, each item once: one that is in the package is not left out, has not failed, and is not its own
 * twin; one that is a twin is not left out either. */
HAUL_MUST_USE haul_rc haul_catalog_settle(haul_catalog *c, haul_err *e);
/* What an earlier run found wrong with a source as a whole: this one looks anew. */
HAUL_MUST_USE haul_rc haul_catalog_drop_source(haul_catalog *c, const char *source, haul_err *e);
/* The same one again adds nothing. */
HAUL_MUST_USE haul_rc haul_catalog_add_exception(haul_catalog *c, const haul_exception *x, haul_err *e);
/* All exceptions of a kind, before they are found anew. */
HAUL_MUST_USE haul_rc haul_catalog_drop_kind(haul_catalog *c, const char *kind, haul_err *e);
/* A payload file that is no document's native or text: a source's copy, an attachments.csv. It belongs to the last document
 * that was added before it. The same path again replaces it. */
HAUL_MUST_USE haul_rc haul_catalog_add_file(haul_catalog *c, const char *path, uint64_t size,
                                            const uint8_t sha256[HAUL_SHA256_LEN], haul_err *e);

/* ── asking ── */
/* The first message with this digest (key: the octets of canonical) or, where by_mih, this MIH (key: 32 hex digits), of that
 * custodian or, NULL, of any. END: none. Strings live in a. */
HAUL_MUST_USE haul_rc haul_catalog_find(haul_catalog *c, bool by_mih, const void *key, const char *custodian,
                                        haul_arena *a, haul_doc *ret, haul_err *e);
/* A named fact: "matter", "control-next". NULL when absent, valid until the next call. */
const char *haul_catalog_meta(haul_catalog *c, const char *key);
HAUL_MUST_USE haul_rc haul_catalog_set_meta(haul_catalog *c, const char *key, const char *value, haul_err *e);

typedef struct haul_family {
    const haul_doc *docs; /* the message, then its attachments */
    size_t n;
    const char *custodians; /* all of them: its own and those of its twins, each once, joined by "; " */
    const haul_twin *twins;
    size_t n_twins;
} haul_family;

typedef enum haul_catalog_order {
    HAUL_BY_ROW, /* as they were stored */
    HAUL_BY_FOLDER, /* custodian, source, folder in octet order, '/' before all else so that subfolders follow, then row */
} haul_catalog_order;

/* Every family; what fn sees lives until it returns. Memory is that of the largest family. */
HAUL_MUST_USE haul_rc haul_catalog_families(haul_catalog *c, haul_catalog_order order,
                                            haul_rc (*fn)(void *ctx, const haul_family *f, haul_err *e),
                                            void *ctx, haul_err *e);
HAUL_MUST_USE haul_rc haul_catalog_left_out(haul_catalog *c,
                                            haul_rc (*fn)(void *ctx, const haul_left_out *l, haul_err *e),
                                            void *ctx, haul_err *e);
HAUL_MUST_USE haul_rc haul_catalog_exceptions(haul_catalog *c,
                                              haul_rc (*fn)(void *ctx, const haul_exception *x, haul_err *e),
                                              void *ctx, haul_err *e);
/* Every payload file, natives and texts too, by path in octet order. */
HAUL_MUST_USE haul_rc haul_catalog_files(haul_catalog *c,
                                         haul_rc (*fn)(void *ctx, const char *path, uint64_t size,
                                                       const uint8_t sha256[HAUL_SHA256_LEN], haul_err *e),
                                         void *ctx, haul_err *e);

/* Folders of which nothing is in the package though items were found there, by custodian, source and folder. */
HAUL_MUST_USE haul_rc haul_catalog_folders_left_out(haul_catalog *c,
                                                    haul_rc (*fn)(void *ctx, const char *custodian,
                                                                  const char *source, const char *folder,
                                                                  haul_err *e),
                                                    void *ctx, haul_err *e);

/* Every folder of which a package knows an item, whatever became of it, with the counts of all runs; in the order of their first. */
typedef struct haul_folder_totals {
    const char *source, *folder;
    uint64_t stored, duplicate, filtered, failed;
} haul_folder_totals;
HAUL_MUST_USE haul_rc haul_catalog_folders(haul_catalog *c,
                                           haul_rc (*fn)(void *ctx, const haul_folder_totals *f, haul_err *e),
                                           void *ctx, haul_err *e);

typedef struct haul_catalog_totals {
    uint64_t messages, attachments, twins, exceptions;
    uint64_t files, octets; /* of the payload: natives, texts and other files */
    uint64_t left_out_filtered, left_out_failed;
} haul_catalog_totals;
HAUL_MUST_USE haul_rc haul_catalog_count(haul_catalog *c, haul_catalog_totals *ret, haul_err *e);

#endif
