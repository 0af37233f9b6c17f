/* The upload: messages into folders over a few connections, each message exactly once.
 *
 * A box is a target folder. A batch is one APPEND command with one message or, with MULTIAPPEND, many. A link is a
 * connection with its batches under way. All of it runs in the caller's thread: `pump` moves octets and takes answers,
 * which become receipts at once.
 *
 * Exactly once (docs/formats/imap.md [imap-30]): before the first octet for a box leaves, its UIDVALIDITY and the lowest
 * UID that a message of ours can get (the watermark) are durable. Whatever has no answer when a connection is lost is
 * looked for among the messages from the watermark on that are not known to be ours, by size and digest, as a
 * multiset, once the server has become quiet; only what is not there is sent again. */
#ifndef HAUL_IMAP_UPLOAD_H
#define HAUL_IMAP_UPLOAD_H

#include "imap/grammar.h"
#include "imap/session.h"
#include "imap/uids.h"

#define HAUL_BOX_TOKEN      "box:" /* and the folder's path: what the journal keeps of it */
#define HAUL_LATENCY_TOKEN  "latency"
#define HAUL_BATCH_FIRST    100u /* messages of the first MULTIAPPENDs … */
#define HAUL_BATCH_LEAST    50u  /* … and of later ones, from here … */
#define HAUL_BATCH_MESSAGES 400u /* … to here, by how long the server takes for them */
#define HAUL_QUICK_MS       500  /* a batch that was answered in this time may have been larger, … */
#define HAUL_SLOW_MS                                                                                         \
    3000 /* … one that took this time, smaller: what is out for long is long in doubt after a loss */
#define HAUL_BATCH_OCTETS   (8u * 1024u * 1024u) /* of one MULTIAPPEND, reached by its last message */
#define HAUL_BATCHES_FLYING 8u                   /* of one link, with MULTIAPPEND */
#define HAUL_SINGLES_FLYING 200u                 /* of one link, without */
#define HAUL_SMALL_FLYING   32u /* the same with LITERAL-, where larger messages wait for the server */
#define HAUL_OCTETS_FLYING                                                                                   \
    (16u * 1024u * 1024u) /* of one link, without MULTIAPPEND; one message may exceed it */
#define HAUL_BATCHED_FLYING (40u * 1024u * 1024u) /* with it */
#define HAUL_STREAM_SIZE    (1024u * 1024u)       /* larger messages are sent out of their spool */
#define HAUL_LOST_MAX       3u                    /* connections that one message alone may cost */
#define HAUL_LOST_ROW       10u    /* messages set aside for that in a row: it is not the messages */
#define HAUL_FAILURES_MAX   10u    /* connections lost or not opened in a row, without progress */
#define HAUL_AUDIT_MESSAGES 50000u /* stored and not looked at again yet, of one box */

typedef struct haul_found { /* a message of the server that may be ours */
    uint32_t uid;
    bool digested, taken;
    uint64_t size, flags; /* flags: haul_flags_print */
    int64_t date_s;
    uint8_t sha256[HAUL_SHA256_LEN];
} haul_found;

typedef struct haul_wanted { /* a message of ours that may be among them */
    uint64_t size, flags;
    int64_t date_s;
    const uint8_t *sha256;
    bool same_date;  /* the server keeps dates: one with another is another message, if only a twin */
    size_t from, to; /* indexes into box->found: of the first that counts, and behind the last; to 0 = all */
} haul_wanted;

typedef struct
    haul_by_size { /* of box->found: chains of those whose sizes fall together; index + 1, 0 = none */
    uint32_t *first, *last, *next;
    size_t n, cap; /* of found that are in; a power of two */
} haul_by_size;

typedef struct haul_expect { /* what the audit should see of a message */
    uint32_t uid;
    uint32_t flags; /* index into upload.flag_texts */
    int64_t date_s; /* seconds since 1970; or HAUL_DATE_UNKNOWN */
    uint64_t size;  /* 0 = not recorded */
} haul_expect;
#define HAUL_DATE_UNKNOWN INT64_MIN

typedef struct haul_label_of { /* labels that a message is still to get */
    uint32_t uid;
    char *text;
} haul_label_of;

typedef struct haul_keyword { /* of a folder */
    char *name;               /* as first seen */
    bool proved;              /* the server took it: told by PERMANENTFLAGS, or stored with a message */
    bool refused;             /* it did not, when nothing else could be why */
    uint64_t in;              /* the batch that announced it last */
} haul_keyword;

typedef struct haul_box {
    uint32_t id;
    char *text; /* path in reports */
    char *name; /* of the mailbox, UTF-8 with separators */
    char *wire; /* quoted, as it is sent */
    haul_role role;
    bool exists, renumbered;     /* renumbered: another UIDVALIDITY was seen during the run */
    bool unsure;                 /* the run gave up messages that may have been stored */
    char *refused;               /* the server does not make or open it: its words; or NULL */
    bool opened;                 /* opened: UIDVALIDITY and watermark are durable for this run */
    bool known;                  /* a token of it exists */
    bool token_clean;            /* the last token says that nothing is under way */
    bool audited, token_audited; /* all that was stored was looked at again; the last token says so */
    bool any_keyword;            /* \* of PERMANENTFLAGS */
    bool knows_flags;            /* PERMANENTFLAGS was told at all */
    unsigned flags;              /* HAUL_FLAG_* that can be stored */
    GHashTable *keywords;        /* lower-case atom → haul_keyword */
    uint32_t uidvalidity, seen_validity, uidnext, watermark;
    uint64_t n_exists;
    haul_uids ours;
    bool ours_changed;
    unsigned flying;   /* messages in batches, built or sent, without a receipt */
    haul_found *found; /* by uid */
    size_t n_before;   /* of them: there before this run sent anything to the box */
    size_t n_found, cap_found;
    haul_by_size by_size;
    uint32_t found_upto; /* UIDs up to here are in `found` or ours */
    haul_expect *expect;
    size_t n_expect, cap_expect;
    struct haul_pending *unplaced, **unplaced_last; /* stored, UID not told (no UIDPLUS) */
    size_t n_unplaced;
    haul_label_of *labels;
    size_t n_labels;
} haul_box;

typedef struct haul_pending { /* a message between message() and its receipt */
    struct haul_pending *next;
    haul_msg *msg; /* a reference */
    haul_box *box;
    uint64_t size; /* canonical */
    const uint8_t *sha256;
    uint32_t flags; /* index into upload.flag_texts */
    char date[HAUL_IMAP_DATE_LEN];
    int64_t date_s;
    bool utf8;     /* RFC 6855 UTF8 (…) */
    unsigned lost; /* connections lost while it was alone under way */
    size_t body;   /* octets of it are at batch->command->text.p + body, unless msg->body is streamed */
    bool streamed;
} haul_pending;

typedef struct haul_batch {
    struct haul_batch *next;
    struct haul_upload *up;
    struct haul_link *link;
    haul_box *box;
    haul_pending **items;
    size_t n_items;
    uint64_t octets;
    uint64_t number;  /* from 1 */
    bool alone;       /* nothing else is sent before it is answered */
    bool suspect;     /* the connection broke while the server was taking it */
    size_t settled;   /* messages in its text, once it was looked for on the server */
    unsigned retries; /* refused for reasons that pass */
    int64_t begun_ms;
    haul_imap_command *command;
} haul_batch;

typedef struct haul_link {
    haul_imap_session session;
    haul_box *selected; /* as of the last queued SELECT */
    unsigned n_batches;
    uint64_t octets;
    bool alone;
    bool denied; /* the server refused this connection while it granted others */
    struct haul_upload *up;
} haul_link;

typedef struct haul_upload {
    haul_sink *sink;
    haul_imap_config *config;
    haul_imap_account account;
    char *base; /* in front of every folder: namespace prefix and the folder of the URL, with separators */
    bool below; /* the URL names a folder: everything goes below it, and special uses are no matter */
    const char *roles[HAUL_ROLE_COUNT]; /* path texts of folders that the account has for them */
    haul_link links[HAUL_CONNS_MAX];
    size_t n_links;                                /* that may be opened */
    bool multi, plus, minus, uidplus, utf8, gmail; /* what the server can */
    bool first_login; /* nothing was reached yet: a failure ends the run at once */
    bool stopping;    /* the user wants to */
    bool took;        /* the message at hand has become an item */
    haul_box **boxes;
    size_t n_boxes;
    uint64_t batches; /* made so far */
    haul_batch *building;
    haul_batch *again, **again_last; /* to be sent again */
    haul_batch *limbo, **limbo_last; /* outcome unknown */
    GPtrArray *flag_texts;           /* "\Seen $Junk", each once */
    GHashTable *flag_index;
    /* manners */
    int64_t not_before_ms; /* the server asked to wait */
    haul_str asked;        /* its words */
    unsigned failures;     /* connections lost or not opened in a row, without progress */
    unsigned throttled;    /* requests to wait in a row, without progress */
    unsigned lost_row;     /* messages set aside in a row for the connections that they cost */
    unsigned over_quota;
    double debt_messages, debt_octets;
    int64_t rate_ms;
    unsigned batch_messages; /* of the next MULTIAPPEND */
    int64_t latency_ms;      /* the longest that an APPEND has taken */
    int64_t earlier_ms;      /* the same of the last run, whose session may still be storing */
    int64_t saved_ms;        /* what the journal has of it; 0 = nothing of this run */
    uint64_t day_octets;
    int64_t day;
    /* speed, for COMPRESS */
    bool want_compress;
    int64_t watch_ms, blocked_ms, told_ms;
    int64_t worked_ms; /* the links were last looked after between messages */
    uint64_t watch_octets;
    haul_err last_loss;
    haul_rc fatal; /* what ends the run, found in a callback */
    haul_err fatal_why;
} haul_upload;

/* ── upload.c: messages and batches ── */
/* up->took tells, also after a failure, whether the message became an item, which gets its receipt in any case. */
HAUL_MUST_USE haul_rc haul_upload_message(haul_upload *up, haul_box *box, const haul_msg *m, haul_err *e);
/* Send what is being built, wait for every answer. Recovers lost connections. */
HAUL_MUST_USE haul_rc haul_upload_drain(haul_upload *up, haul_err *e);
/* Move octets, take answers, recover what was lost; does not wait. */
HAUL_MUST_USE haul_rc haul_upload_work(haul_upload *up, haul_err *e);
/* Every message without a receipt gets one: it is not stored as far as we know. */
void haul_upload_give_up(haul_upload *up, const haul_err *why);
/* A message is on the server: receipt, and what the audit needs. Frees the item. */
void haul_pending_stored(haul_upload *up, haul_pending *item, uint32_t uid);
/* A message is set aside, with a reason. Frees the item. */
void haul_pending_refused(haul_upload *up, haul_pending *item, const char *reason);
/* Put a finished batch where it will be sent (again). */
void haul_upload_again(haul_upload *up, haul_batch *b);
/* The callback of every APPEND. */
void haul_batch_answered(haul_imap_command *c, const haul_imap_reply *r);
/* BAD: nothing of it is stored, and the connection is gone, as its octets may be taken for commands. */
void haul_batch_bad(haul_batch *b);

/* ── batch.c: the APPEND command ── */
haul_batch *haul_batch_new(haul_upload *up, haul_box *box);
HAUL_MUST_USE haul_rc haul_batch_add(haul_batch *b, haul_pending *item, const haul_batch *from, haul_err *e);
void haul_batch_finish(haul_batch *b); /* the last CRLF */
bool haul_batch_full(const haul_batch *b);
void haul_batch_free(haul_batch *b); /* the batch and its command, not its items */
void haul_pending_free(haul_pending *item);
/* Two batches instead of b, which is freed; and one of its i-th item only, b staying. */
void haul_batch_halve(haul_batch *b, bool alone, haul_batch *ret[2]);
haul_batch *haul_batch_single(const haul_batch *b, size_t i);

/* ── link.c: connections ── */
/* A link for a batch: with the box selected, and room; waits for it. */
HAUL_MUST_USE haul_rc haul_link_for(haul_upload *up, const haul_batch *b, haul_link **ret, haul_err *e);
void haul_link_send(haul_link *l, haul_batch *b);
/* Pump every open link; the batches of one that broke are in limbo or to be sent again afterwards. */
HAUL_MUST_USE haul_rc haul_links_pump(haul_upload *up, haul_err *e);
HAUL_MUST_USE haul_rc haul_links_wait(haul_upload *up, int ms, const char *phase, haul_err *e);
/* A link that is open and has nothing under way: one that has b (may be NULL) selected, any other, opened, or
 * waited for. */
HAUL_MUST_USE haul_rc haul_link_idle(haul_upload *up, const haul_box *b, haul_link **ret, haul_err *e);
HAUL_MUST_USE haul_rc haul_link_open(haul_upload *up, haul_link *l, haul_err *e);
void haul_link_lose(haul_upload *up, haul_link *l);
/* Ask what must be answered. A NO for reasons that pass is HAUL_E_NETWORK: the link is to be left, and asked again
 * after the wait that the server wants; any other is HAUL_E_TARGET, "doing: the server said: …". */
HAUL_MUST_USE haul_rc haul_link_ask(haul_link *l, haul_imap_command *c, const char *doing, haul_err *e);
void haul_links_keep_alive(haul_upload *up);
/* Sleep, unless the user stops. */
HAUL_MUST_USE haul_rc haul_upload_sleep(haul_upload *up, int64_t ms, const char *why, haul_err *e);

/* ── box.c: folders ── */
haul_box *haul_box_get(haul_upload *up, uint32_t id);
void haul_boxes_done(haul_upload *up);
/* Declare: CREATE unless it exists, SUBSCRIBE. */
HAUL_MUST_USE haul_rc haul_box_declare(haul_upload *up, haul_box *b, const haul_path *path, haul_err *e);
/* Select it on a link, learn UIDVALIDITY, UIDNEXT and PERMANENTFLAGS; make the watermark durable. */
HAUL_MUST_USE haul_rc haul_box_open(haul_upload *up, haul_box *b, haul_err *e);
HAUL_MUST_USE haul_rc haul_box_select(haul_upload *up, haul_link *l, haul_box *b, haul_err *e);
/* Selected on l, and l sees what came to it over other connections: servers tell a session only when it asks. */
HAUL_MUST_USE haul_rc haul_box_visit(haul_upload *up, haul_link *l, haul_box *b, haul_err *e);
void haul_box_token(const haul_box *b, bool clean, haul_tokens *to);
/* How slow the server is, for the run after one that is cut off. */
void haul_latency_token(haul_upload *up, haul_tokens *to);
/* Make it durable when it says more than the journal has. */
HAUL_MUST_USE haul_rc haul_latency_save(haul_upload *up, haul_err *e);
void haul_latency_token_read(haul_upload *up, const char *token); /* NULL: the last run had no answer */
HAUL_MUST_USE haul_rc haul_box_token_read(haul_box *b, const char *token, haul_err *e);
HAUL_MUST_USE haul_rc haul_box_create(haul_upload *up, haul_link *l, haul_box *b, haul_err *e);
/* What can be kept of a message's flags and keywords: the text for APPEND, interned. Losses are issues of m. */
uint32_t haul_box_flags(haul_upload *up, haul_box *b, const haul_msg *m);
GHashTable *haul_keywords_new(void);
/* Find a keyword, or add it. */
haul_keyword *haul_box_keyword(haul_box *b, const char *atom);
/* Whether the server has to take these flags before a body follows: one of their keywords is not proved, and this
 * batch has not announced it yet [imap-21]. */
bool haul_box_announce(haul_box *b, const char *flags, uint64_t batch);
void haul_box_proved(haul_box *b, const char *flags); /* they were stored */
void haul_box_refused(haul_box *b,
                      const char *flags); /* they were not: if one of them only can be why, it is */
/* The same of flags alone, from the journal. */
uint32_t haul_box_flags_of(haul_upload *up, const haul_box *b, unsigned flags);
haul_expect *haul_box_expect(haul_box *b); /* room for one more */
/* Boxes of earlier runs that nothing is sent to: those that the server numbered anew are to be audited. */
HAUL_MUST_USE haul_rc haul_boxes_look(haul_upload *up, haul_err *e);
const char *haul_flags_at(const haul_upload *up, uint32_t index);
uint32_t haul_flags_without_keywords(haul_upload *up, uint32_t index);
/* UTF8=ACCEPT is on and the header has UTF-8 in it: it must be said (RFC 6855 4). */
bool haul_msg_needs_utf8(const haul_msg *m);

/* ── found.c: what the server has ── */
/* Forget what was found: the folder is another one. Frees. */
void haul_found_done(haul_box *b);
/* Add the messages from uid `low` on that are not ours to b->found. */
HAUL_MUST_USE haul_rc haul_settle_list(haul_upload *up, haul_link *l, haul_box *b, uint32_t low, haul_err *e);
/* The message of b->found that is w, now taken: its UID; 0: there is none. Of twins the one that is alike in date and
 * flags. l has b selected; NULL: HAUL_SKIP where a body would have to be fetched. */
HAUL_MUST_USE haul_rc haul_found_match(haul_link *l, haul_box *b, const haul_wanted *w, uint32_t *ret_uid,
                                       haul_err *e);

/* ── settle.c: what is not known ── */
/* A kind of server that is known to give every message the date it was sent with. */
bool haul_keeps_dates(const haul_upload *up);
haul_wanted haul_wanted_of(const haul_upload *up, const haul_pending *item);
/* haul_found_match, on a link that it finds itself. */
HAUL_MUST_USE haul_rc haul_settle_match(haul_upload *up, haul_box *b, const haul_wanted *w, uint32_t *ret_uid,
                                        haul_err *e);
/* Find the outcome of every batch in limbo; what is not stored is to be sent again. */
HAUL_MUST_USE haul_rc haul_settle_limbo(haul_upload *up, haul_err *e);
/* The digest of one message as the server gives it. HAUL_SKIP: it is not there. */
HAUL_MUST_USE haul_rc haul_settle_digest(haul_link *l, uint32_t uid, uint8_t ret[HAUL_SHA256_LEN],
                                         haul_err *e);
HAUL_MUST_USE haul_rc haul_settle_quiet(haul_upload *up, haul_link *l, haul_box *b, haul_err *e);
/* UIDs for the messages of a server without UIDPLUS. */
HAUL_MUST_USE haul_rc haul_settle_unplaced(haul_upload *up, haul_box *b, haul_err *e);
/* The folder was made anew: find every recorded message again by content. */
HAUL_MUST_USE haul_rc haul_settle_renumbered(haul_upload *up, haul_link *l, haul_box *b, haul_err *e);

/* ── labels.c ── */
void haul_labels_add(haul_upload *up, haul_box *b, const haul_msg *m, uint32_t uid);
/* Store the labels of every message that has a receipt: before the journal is committed. */
HAUL_MUST_USE haul_rc haul_labels_store(haul_upload *up, haul_err *e);
bool haul_labels_wait(const haul_upload *up); /* some are still to be stored */
void haul_labels_done(haul_box *b);

/* ── audit.c ── */
/* Look at what this run stored: there, size, time, flags; and for copies that the server made. */
HAUL_MUST_USE haul_rc haul_audit_box(haul_upload *up, haul_box *b, haul_err *e);
/* Know what the journal has as ours, and expect it from the watermark on: no audit has seen it. Before anything is sent
 * to the box. */
HAUL_MUST_USE haul_rc haul_audit_recall(haul_upload *up, haul_box *b, haul_err *e);

/* ── pace.c: manners ── */
typedef enum haul_refusal {
    HAUL_REFUSED_MESSAGE, /* this message (or one of this batch) */
    HAUL_REFUSED_LATER,   /* anything, for now */
    HAUL_REFUSED_QUOTA,   /* no room */
    HAUL_REFUSED_NO_BOX,  /* the folder is not there */
    HAUL_REFUSED_SESSION, /* the login is no longer good: connect anew */
} haul_refusal;
haul_refusal haul_refusal_of(const haul_upload *up, const haul_imap_reply *r);
/* The server asked to wait: "Suggested Backoff Time: N milliseconds", or exponentially with jitter. */
void haul_pace_back_off(haul_upload *up, const haul_imap_reply *r);
/* What a NO to anything but APPEND means: HAUL_E_NETWORK or HAUL_E_TARGET, as haul_link_ask has it. */
HAUL_MUST_USE haul_rc haul_link_refused(haul_link *l, const haul_imap_result *r, const char *doing,
                                        haul_err *e);
/* Wait until a message of this size may be sent: --rate, --daily-limit, the server's wish. */
HAUL_MUST_USE haul_rc haul_pace_wait(haul_upload *up, uint64_t octets, size_t messages, haul_err *e);
void haul_pace_progress(haul_upload *up); /* something was stored */
/* Before another connection after up->failures lost ones: wait, or give up with what was lost last. */
HAUL_MUST_USE haul_rc haul_pace_reconnect(haul_upload *up, haul_err *e);

extern const haul_reader_ops haul_imap_reader_ops; /* reader.c: what verify reads */

#endif
