/* A MIME message as a tree of parts, then written in one go: nothing but the tree is in memory, large contents are
 * pushed through when their turn comes. Boundaries are ours, so that the same tree gives the same octets. */
#ifndef HAUL_MIME_PART_H
#define HAUL_MIME_PART_H

#include "base/arena.h"
#include "base/str.h"
#include "io/out.h"

#define HAUL_PART_DEPTH 256u /* multiparts in one another; deeper is HAUL_SKIP. The builder needs four */

typedef enum haul_encoding {
    HAUL_ENC_AUTO, /* text in memory: 7bit when it can travel as it is (haul_transfer_choose), else QP or base64,
                      whichever is shorter; message/…: as it is; all else: base64 */
    HAUL_ENC_BASE64, /* streams */
    HAUL_ENC_QP,
    HAUL_ENC_7BIT, /* as it is: the content keeps to RFC 5322 by itself (message/rfc822 of ours) */
    HAUL_ENC_8BIT, /* as it is */
    HAUL_ENC_BINARY
} haul_encoding;

typedef struct
    haul_param { /* of Content-Type or Content-Disposition; value UTF-8, written by RFC 2231 where needed */
    const char *name, *value;
    struct haul_param *next;
} haul_param;

typedef struct haul_part haul_part;
struct haul_part {
    const char *type;        /* "text/plain", "multipart/mixed", "message/rfc822" */
    haul_param *params;      /* without boundary */
    const char *disposition; /* "attachment", "inline" or NULL */
    haul_param *disposition_params;
    const char *id;          /* Content-ID without <>, or NULL */
    const char *location;    /* Content-Location, ASCII URI, or NULL */
    const char *description; /* UTF-8 or NULL */
    const char *fields;      /* further Content-… lines, each ended by CRLF, 7-bit, or NULL */
    haul_encoding encoding;
    /* Content: one of these. */
    haul_span text; /* in memory. Line ends of text/… parts are made CRLF before encoding */
    haul_rc (*push)(void *ctx, haul_out *to,
                    haul_err *e); /* streamed through the encoder; HAUL_SKIP ends the part
                                 early: what came is kept, *failed set, and the writer goes on */
    void *ctx;
    bool failed;
    haul_part *first, *last, *next; /* multipart: children in order; next = sibling */
    bool entity; /* push or text gives a whole MIME entity with header fields of its own (a signed
                                 message): it is written as it is, in place of our own header of the part */
};

/* All from a. */
haul_part *haul_part_new(haul_arena *a, const char *type);
void haul_part_add(haul_part *parent, haul_part *child);
void haul_part_param(haul_part *p, haul_arena *a, const char *name, const char *value);
void haul_part_disposition(haul_part *p, haul_arena *a, const char *disposition, const char *filename);
/* A further parameter of Content-Disposition. */
void haul_part_disposition_param(haul_part *p, haul_arena *a, const char *name, const char *value);

/* Write the part's header (MIME-Version is the caller's), the empty line, and its content. seed: what boundaries are
 * derived from, unique to the message (RFC 2046 5.1.1: they cannot occur in QP or base64; parts written as they are
 * get a longer look). Lines end in CRLF. */
HAUL_MUST_USE haul_rc haul_part_write(haul_part *p, uint64_t seed, haul_out *to, haul_err *e);

#endif
