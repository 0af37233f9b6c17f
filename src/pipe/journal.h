/* The journal: what is durably stored, in SQLite, one writer, one transaction a batch.
 *
 * The order that makes a run resumable: the sink makes a batch durable, then the batch's items, folder
 * names and tokens go in as one transaction. Whatever the target holds beyond the tokens is unfinished. */
#ifndef HAUL_PIPE_JOURNAL_H
#define HAUL_PIPE_JOURNAL_H

#include "model/format.h"

/* 2: columns stored and canonical. A journal of version 1 is brought up when it is opened for writing. */
#define HAUL_JOURNAL_VERSION 2

typedef struct haul_journal haul_journal;

/* What a target could not hold of an item, so that verify does not ask for it. */
enum {
    HAUL_LOST_FLAGS = 1,
    HAUL_LOST_KEYWORDS = 2,
    HAUL_LOST_TIME = 4,
    HAUL_LOST_END = 8, /* perhaps: the file that it was at the end of may have grown since */
};

typedef struct haul_record { /* one stored item */
    int64_t row;             /* of an existing record, 0 = new */
    const char *id;          /* 32 hex digits */
    const char *source;
    const char *folder;     /* path in the target */
    const char *place;      /* stored_as */
    const char *message_id; /* NULL when absent */
    const char *keywords;   /* joined by '\n', sorted; "" for none */
    const uint8_t *sha256;  /* of the message in its source, canonical */
    const uint8_t *stored;  /* of what the target got, where it differs (a repaired message); else NULL */
    uint64_t size;          /* octets in the source */
    uint64_t canonical;     /* octets of what the target got, in CRLF form; 0 = not recorded (version 1) */
    bool has_received;
    int64_t received_us;
    unsigned flags;
    unsigned lost; /* HAUL_LOST_* */
} haul_record;

/* Open or create FILE. HAUL_E_STATE: not a journal, of a newer version, or in use by another run.
 * read_only: must exist, nothing is changed. */
HAUL_MUST_USE haul_rc haul_journal_open(const char *file, bool read_only, haul_journal **ret, haul_err *e);
/* A private copy of FILE (empty when there is none) for a dry run: changes go nowhere. */
HAUL_MUST_USE haul_rc haul_journal_open_copy(const char *file, haul_journal **ret, haul_err *e);
void haul_journal_close(haul_journal *j); /* drops what was not committed; NULL is accepted */
HAUL_DEFINE_AUTO(haul_journal, haul_journal_close)
HAUL_MUST_USE haul_rc haul_journal_commit(haul_journal *j, haul_err *e);

/* Named facts about the target ("format"). NULL when absent; valid until the next call. */
const char *haul_journal_meta(haul_journal *j, const char *key);
HAUL_MUST_USE haul_rc haul_journal_set_meta(haul_journal *j, const char *key, const char *value, haul_err *e);

/* True when earlier runs left items here: only then are look-ups needed. */
bool haul_journal_has_items(const haul_journal *j);
/* Start a run: items of earlier runs count as not seen yet, look-ups get their indexes. by_digest: --dedupe. */
HAUL_MUST_USE haul_rc haul_journal_begin_run(haul_journal *j, bool by_digest, haul_err *e);
/* The record with this id (of any run): OK, or END when there is none. Its texts are valid until the next
 * look-up. *ret_seen: it was matched in this run already. */
HAUL_MUST_USE haul_rc haul_journal_find(haul_journal *j, const char *id, haul_record *ret, bool *ret_seen,
                                        haul_err *e);
/* A record of an earlier run, not seen yet, from this source in this folder with this digest: the same
 * message under another key (a compacted mbox). OK or END. */
HAUL_MUST_USE haul_rc haul_journal_find_moved(haul_journal *j, const haul_record *like, haul_record *ret,
                                              haul_err *e);
/* Any record with this digest (needs by_digest): OK or END. */
HAUL_MUST_USE haul_rc haul_journal_find_digest(haul_journal *j, const uint8_t *sha256, haul_record *ret,
                                               haul_err *e);
HAUL_MUST_USE haul_rc haul_journal_mark_seen(haul_journal *j, int64_t row, haul_err *e);
HAUL_MUST_USE haul_rc haul_journal_add(haul_journal *j, const haul_record *r, haul_err *e);
/* The record in this row is at another place now; it is gone. */
HAUL_MUST_USE haul_rc haul_journal_move(haul_journal *j, int64_t row, const char *place, haul_err *e);
HAUL_MUST_USE haul_rc haul_journal_forget(haul_journal *j, int64_t row, haul_err *e);

/* Real path of a source ↔ the name it was given first, so that its ids stay the same whatever else a run
 * reads. NULL when unknown; valid until the next call. */
const char *haul_journal_source_name(haul_journal *j, const char *path);
const char *haul_journal_source_path(haul_journal *j, const char *name);
HAUL_MUST_USE haul_rc haul_journal_add_source(haul_journal *j, const char *path, const char *name,
                                              haul_err *e);

/* Source folder → target path, kept so that names stay the same when a source grows. NULL when unknown. */
const char *haul_journal_folder(haul_journal *j, const char *source, const char *path);
HAUL_MUST_USE haul_rc haul_journal_each_folder(haul_journal *j, void (*fn)(void *ctx, const char *target),
                                               void *ctx, haul_err *e);
HAUL_MUST_USE haul_rc haul_journal_add_folder(haul_journal *j, const char *source, const char *path,
                                              const char *target, haul_err *e);

/* Tokens of the sink: upsert the given ones; load all (an empty list when there are none). */
HAUL_MUST_USE haul_rc haul_journal_put_tokens(haul_journal *j, const haul_tokens *t, haul_err *e);
HAUL_MUST_USE haul_rc haul_journal_get_tokens(haul_journal *j, haul_tokens *to, haul_err *e);

/* Every record in the order of storing. fn's failure ends the walk. */
HAUL_MUST_USE haul_rc haul_journal_each(haul_journal *j,
                                        haul_rc (*fn)(void *ctx, const haul_record *r, haul_err *e),
                                        void *ctx, haul_err *e);
/* The same of the records in one folder of the target (its path text). fn may move or forget the record at hand. */
HAUL_MUST_USE haul_rc haul_journal_each_in_folder(haul_journal *j, const char *folder,
                                                  haul_rc (*fn)(void *ctx, const haul_record *r, haul_err *e),
                                                  void *ctx, haul_err *e);
/* What the target has of a record: its digest. */
static inline const uint8_t *haul_record_stored(const haul_record *r)
{
    return r->stored ? r->stored : r->sha256;
}

#endif
