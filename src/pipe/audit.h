/* audit.jsonl: what a run did, one event a line, chained by digests, appended to and never rewritten. docs/hold.md [hold-20]…
 *
 * A line is {"seq":N,"time":"2026-11-27T03:00:00.123456Z","event":"…",…,"prev":"64 hex digits"}: prev is the SHA-256 of the
 * line before, without its line end; of the first one 64 zeros. The head is the SHA-256 of the last line. */
#ifndef HAUL_PIPE_AUDIT_H
#define HAUL_PIPE_AUDIT_H

#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "io/in.h"

#include <jansson.h>

#define HAUL_AUDIT_FILE     "audit.jsonl"
#define HAUL_AUDIT_LINE_MAX (1024u * 1024u) /* a longer line is no line of ours */

typedef struct haul_audit haul_audit;

typedef struct haul_audit_head {     /* of the whole log */
    uint64_t count;                  /* lines */
    uint8_t sha256[HAUL_SHA256_LEN]; /* of the last one; zeros while there is none */
} haul_audit_head;

/* Open or create dirfd/name for appending. The last line of an interrupted run that has no line end is cut off, and an event
 * "torn-line" {octets, sha256} says so. The chain is followed from its first line: HAUL_E_STATE names the first broken link, or
 * says that another process has the log open. */
HAUL_MUST_USE haul_rc haul_audit_open(int dirfd, const char *name, haul_audit **ret, haul_err *e);
void haul_audit_close(haul_audit *a); /* drops what was not committed; NULL is accepted */
HAUL_DEFINE_AUTO(haul_audit, haul_audit_close)

/* Append an event. fields: an object, its members in their order behind "event"; stolen; may be NULL. Buffered. Once
 * writing failed, it fails from then on. */
HAUL_MUST_USE haul_rc haul_audit_event(haul_audit *a, const char *event, json_t *fields, haul_err *e);
/* The same for millions of events: members as JSON text ("\"id\":\"…\",\"status\":\"stored\""). Members that are no JSON, that
 * call one of the log's own names (seq, time, event, prev) or the same name twice, more than 64, or numbers of more than 18 digits
 * become one string, "text"; those that make the line too long become their size and digest, "omitted_octets" and "omitted_sha256". */
HAUL_MUST_USE haul_rc haul_audit_event_text(haul_audit *a, const char *event, const char *members,
                                            haul_err *e);
/* Everything so far is on disk. */
HAUL_MUST_USE haul_rc haul_audit_commit(haul_audit *a, haul_err *e);
haul_audit_head haul_audit_get_head(const haul_audit *a);
/* The event of the last line that was there when the log was opened; "" of a new log. */
const char *haul_audit_last_event(const haul_audit *a);

typedef struct haul_audit_check { /* what is wrong with a log, if anything */
    haul_audit_head head;         /* of the part that is whole */
    uint64_t bad_line;            /* from 1; 0 = the chain holds to its end */
    uint64_t offset;              /* octet where that line begins */
    bool torn;                    /* nothing from there on has a line end: where a run was cut off */
    char reason[160]; /* "prev is not the digest of line 41", "seq is 43, not 42", "no line end" … */
} haul_audit_check;
typedef struct haul_audit_line { /* a line that holds; borrowed */
    haul_span text;              /* all of it, without its end */
    haul_span event;             /* its name, as it is written between the quotes */
    uint64_t seq;
    const char *prev; /* 64 hex digits */
} haul_audit_line;
/* The line as an object, a new reference. Not for each of millions: reading one costs more than following ten. */
json_t *haul_audit_line_json(const haul_audit_line *l);

typedef haul_rc haul_audit_fn(void *ctx, const haul_audit_line *line, haul_err *e);
/* Follow a log. Not OK only where it cannot be read, or as fn (may be NULL) returns, which sees every line that holds. */
HAUL_MUST_USE haul_rc haul_audit_follow(int dirfd, const char *name, haul_audit_check *ret, haul_audit_fn *fn,
                                        void *ctx, haul_err *e);
/* The same of octets that somebody else opened. in is borrowed, and consumed up to the first broken link. */
HAUL_MUST_USE haul_rc haul_audit_follow_in(haul_in *in, haul_audit_check *ret, haul_audit_fn *fn, void *ctx,
                                           haul_err *e);

#endif
