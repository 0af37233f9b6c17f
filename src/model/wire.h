/* What a confined reader and its parent say to each other. The parent asks with octets over a stream socket, the child
 * answers with frames through a ring (io/ring.h); either wakes the other with an octet through the socket. Whoever decodes trusts nothing: every length, count, id and enum is held against its range, and
 * false means that the child cannot be believed any more. */
#ifndef HAUL_MODEL_WIRE_H
#define HAUL_MODEL_WIRE_H

#include "model/folder.h"
#include "model/msg.h"

#define HAUL_WIRE_WAKE 'W' /* in either direction: look at the ring */

/* parent → child */
#define HAUL_WIRE_NEXT 'N' /* answered by READY once, ISSUE*, then one of FOLDER, MESSAGE, LOST, END, FAIL */
#define HAUL_WIRE_BODY 'B' /* answered by (ISSUE | CHUNK)*, then BODY_END or FAIL */
#define HAUL_WIRE_BOTH 'A' /* NEXT and, where the answer is MESSAGE, BODY */

typedef enum haul_wire_type {
    HAUL_WIRE_READY = 1, /* u32: the HAUL_CONFINE_* that hold */
    HAUL_WIRE_ISSUE,     /* of the source */
    HAUL_WIRE_FOLDER,
    HAUL_WIRE_MESSAGE,
    HAUL_WIRE_LOST,  /* next() said SKIP: what is known of the item, and why */
    HAUL_WIRE_CHUNK, /* octets of a body, nothing else in the frame */
    HAUL_WIRE_BODY_END,
    HAUL_WIRE_END,
    HAUL_WIRE_FAIL, /* the source is lost */
    HAUL_WIRE_TURN, /* u64: the number of the stretch of items that this child is through with */
    HAUL_WIRE_TYPES,
} haul_wire_type;

#define HAUL_WIRE_HEAD      8u                 /* octets of a frame's head: type, three zeros, length (LE) */
#define HAUL_WIRE_CHUNK_MAX (256u * 1024u)     /* octets of one CHUNK */
#define HAUL_WIRE_FRAME_MAX (2u * 1024 * 1024) /* octets of any other frame */
#define HAUL_WIRE_ISSUES_MAX                                                                                 \
    ((unsigned)HAUL_ISSUE_COUNT * HAUL_ISSUES_EACH) /* in one frame: what haul_msg_issue lets through */

/* Which result or source issue of a run this is: the step it came in (model/guard.h) and its number within that step.
 * The same in every child, so that the parent knows what it has had. */
typedef struct haul_wire_at {
    uint64_t step;
    uint32_t ordinal;
} haul_wire_at;

/* ── encoding: a frame is appended to `to` ── */

void haul_wire_put_ready(haul_str *to, uint32_t held);
void haul_wire_put_issue(haul_str *to, haul_wire_at at, haul_issue_id id, const char *detail);
/* False, and nothing appended: the frame would be larger than HAUL_WIRE_FRAME_MAX. */
bool haul_wire_put_folder(haul_str *to, const haul_folder *f);
bool haul_wire_put_message(haul_str *to, haul_wire_at at, const haul_msg *m);
bool haul_wire_put_lost(haul_str *to, haul_wire_at at, const haul_msg *m, const char *why);
/* issues: the first of those to be sent, NULL = none */
bool haul_wire_put_body_end(haul_str *to, haul_rc rc, const char *why, const haul_issue *issues);
void haul_wire_put_end(haul_str *to);
void haul_wire_put_fail(haul_str *to, haul_rc rc, const char *why);
void haul_wire_put_turn(haul_str *to, uint64_t stretch);
/* The head of a CHUNK of n octets; they follow. */
void haul_wire_chunk_head(char to[HAUL_WIRE_HEAD], uint32_t n);

/* ── decoding ── */

/* False: no type we know, or longer than that type may be. */
bool haul_wire_get_head(const char p[HAUL_WIRE_HEAD], haul_wire_type *ret_type, uint32_t *ret_len);
/* The n octets behind the head. Texts come out as valid UTF-8 without NUL, whatever was sent. */
bool haul_wire_get_ready(const char *p, size_t n, uint32_t *ret_held);
bool haul_wire_get_issue(const char *p, size_t n, haul_arena *a, haul_wire_at *ret_at, haul_issue_id *ret_id,
                         const char **ret_detail);
/* The parent id is not looked up. */
bool haul_wire_get_folder(const char *p, size_t n, haul_arena *a, haul_folder *ret);
/* Fills the empty message m; what it held before a false is garbage to be reset. The folder is not looked up. */
bool haul_wire_get_message(const char *p, size_t n, haul_wire_at *ret_at, haul_msg *m);
bool haul_wire_get_lost(const char *p, size_t n, haul_wire_at *ret_at, haul_msg *m, haul_err *ret_why);
/* OK or SKIP; the issues are added to m. */
bool haul_wire_get_body_end(const char *p, size_t n, haul_msg *m, haul_rc *ret_rc, haul_err *ret_why);
bool haul_wire_get_turn(const char *p, size_t n, uint64_t *ret_stretch);
bool haul_wire_get_fail(const char *p, size_t n, haul_rc *ret_rc, haul_err *ret_why);

#endif
