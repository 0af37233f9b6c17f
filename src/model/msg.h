/* The message: what every reader fills, the pipeline freezes and every sink borrows. */
#ifndef HAUL_MODEL_MSG_H
#define HAUL_MODEL_MSG_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"
#include "io/spool.h"
#include "model/issue.h"

/* X(enum, bit, name): RFC 3501 system flags and the registered keywords that all mail programs share. */
#define HAUL_FLAG_LIST(X)                                                                                    \
    X(SEEN, 0x001u, "seen")                                                                                  \
    X(ANSWERED, 0x002u, "answered")                                                                          \
    X(FLAGGED, 0x004u, "flagged")                                                                            \
    X(DRAFT, 0x008u, "draft")                                                                                \
    X(DELETED, 0x010u, "deleted")                                                                            \
    X(FORWARDED, 0x020u, "forwarded")                                                                        \
    X(JUNK, 0x040u, "junk") X(NOTJUNK, 0x080u, "notjunk") X(MDNSENT, 0x100u, "mdnsent")

enum {
#define X(id, bit, name) HAUL_FLAG_##id = (bit),
    HAUL_FLAG_LIST(X)
#undef X
};
#define HAUL_FLAG_ALL 0x1ffu

#define HAUL_KIND_LIST(X)                                                                                    \
    X(MAIL, "mail") X(CALENDAR, "calendar") X(CONTACT, "contact") X(TASK, "task") X(NOTE, "note")
typedef enum haul_kind {
#define X(id, name) HAUL_KIND_##id,
    HAUL_KIND_LIST(X)
#undef X
        HAUL_KIND_COUNT
} haul_kind;

/* Which fields of a message were set: absent is not zero. */
enum {
    HAUL_SET_RECEIVED = 0x01u,
    HAUL_SET_SENT = 0x02u,
    HAUL_SET_FLAGS = 0x04u, /* the source stores flags for this message, perhaps none */
    HAUL_SET_SIZE = 0x08u,
    HAUL_SET_BODY = 0x10u,     /* body is frozen, sha256 and stored_… are filled */
    HAUL_SET_REPAIRED = 0x20u, /* body is no longer what the source has: stored_… and sha256 differ */
};

#define HAUL_ID_LEN       33              /* 32 hex digits and NUL */
#define HAUL_KEYWORDS_MAX 256u            /* keywords of one message; more are named in an issue */
#define HAUL_HEAD_MAX     (1024u * 1024u) /* octets of a header searched for dates, flags and names */

typedef struct haul_msg {
    unsigned refs;
    unsigned set;         /* HAUL_SET_* */
    char id[HAUL_ID_LEN]; /* stable across runs; given by the pipeline from key and fingerprint */
    const char *source;   /* pipeline: name of the source it came from, borrowed */
    const char *key;      /* reader: unique and stable within the source: "Inbox@0", a unique Maildir name */
    const char *place;    /* reader: where it is, for people and for verify: what the sink of the same
                                 format gives as stored_as: "INBOX/x.eml", "Work@123" */
    uint64_t
        fingerprint; /* reader: of the cheap metadata (header octets), tells reused keys apart; 0 = none */
    bool may_grow;   /* reader: at the end of a file that may grow: the key alone proves nothing */
    uint32_t folder; /* id of a declared folder */
    haul_kind kind;
    int64_t received_us, sent_us;
    int16_t received_tz, sent_tz; /* minutes east of UTC as stored */
    unsigned flags;               /* HAUL_FLAG_* */
    const char **keywords;        /* UTF-8, in source order, no duplicates */
    size_t n_keywords;
    const char *message_id; /* with its angle brackets, NULL when absent */
    const char *subject;    /* decoded UTF-8, NULL when absent */
    const char *sender;     /* envelope sender (Return-Path, From_, From): addr-spec, NULL when unknown */
    uint64_t size;          /* octets; of the body once frozen, before that what the source says */
    uint8_t
        sha256[HAUL_SHA256_LEN]; /* of what the source has, canonical (CRLF); size likewise is the source's */
    uint8_t stored_sha256[HAUL_SHA256_LEN]; /* of body as it goes to the target, canonical */
    uint64_t stored_size;                   /* its octets, canonical */
    haul_spool *body;
    haul_issue *issues, **issues_tail;
    haul_arena arena; /* everything above lives here */
} haul_msg;

haul_msg *haul_msg_new(void);
haul_msg *haul_msg_ref(haul_msg *m);
void haul_msg_unref(haul_msg *m); /* NULL is accepted */
/* The body was pushed into m->body: freeze it, take its size and digest over. */
HAUL_MUST_USE haul_rc haul_msg_freeze(haul_msg *m, haul_err *e);
/* Put the frozen `fixed` (owned from here on) in place of the frozen body: what the target gets. */
void haul_msg_repaired(haul_msg *m, haul_spool *fixed);
/* Empty a message that nobody else holds, keeping its memory and spool. */
void haul_msg_reset(haul_msg *m);

/* Record an issue; the detail is formatted into the arena. fmt "" for none. An issue with the same id
 * more than HAUL_ISSUES_EACH times on one message is counted in the last one's detail. */
#define HAUL_ISSUES_EACH 16u
void haul_msg_issue(haul_msg *m, haul_issue_id id, const char *fmt, ...) HAUL_PRINTF(3, 4);
bool haul_msg_has_issue(const haul_msg *m, haul_issue_id id);
/* Add a keyword unless it is there (exactly equal). Malformed UTF-8 is cleaned. False when full. */
bool haul_msg_keyword(haul_msg *m, const char *p, size_t n);
void haul_msg_received(haul_msg *m, int64_t us, int tz_min);
/* The time a target shows: received, else sent, else 0 (1970). */
int64_t haul_msg_time(const haul_msg *m);

const char *haul_kind_name(haul_kind k);
/* "seen flagged", in the order of the list, blanks between; "" for none. */
void haul_flags_text(unsigned flags, haul_str *to);
unsigned haul_flag_find(const char *p, size_t n); /* 0 when unknown */

/* Flags that servers and mail programs keep as keywords: "$Forwarded", "Junk", "NonJunk" … in any case.
 * Source: RFC 5788 and its registry; without "$": Thunderbird, KMail, Dovecot's imports. */
unsigned haul_flag_of_keyword(const char *p, size_t n); /* 0 when the keyword is no flag */
const char *haul_flag_keyword(unsigned flag); /* "$Junk" for HAUL_FLAG_JUNK; NULL for a system flag */

#endif
