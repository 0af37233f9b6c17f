/* The head of a message that is a file of its own: seen before its body is read. */
#ifndef HAUL_MIME_HEAD_H
#define HAUL_MIME_HEAD_H

#include "io/in.h"
#include "model/msg.h"

typedef struct haul_head {
    const char *p; /* what is ahead in the input; valid until it is read on */
    size_t n;      /* octets at p */
    size_t len;    /* of them, the header section with its empty line; 0 = the message has none */
    bool cut;      /* the section is longer than HAUL_HEAD_MAX: len is what is looked at */
} haul_head;

/* See the header section ahead, at most HAUL_HEAD_MAX octets of it. Consumes nothing. */
HAUL_MUST_USE haul_rc haul_head_peek(haul_in *in, haul_head *ret, haul_err *e);
/* The same of a file just opened in *io: what gzip, zstd or xz packed is unpacked first (*io is replaced then,
 * and NULL on failure). *ret_packed tells so; *io is then no plain file that could be reopened. */
HAUL_MUST_USE haul_rc haul_head_open(haul_in **io, bool *ret_packed, haul_head *ret, haul_err *e);
/* The same in memory that holds the whole message or its first HAUL_HEAD_MAX octets. */
void haul_head_find(const char *p, size_t n, haul_head *ret);
/* haul_header_fill, the fingerprint (of the section's octets), and what is odd about it as issues. */
void haul_head_fill(haul_msg *m, const haul_head *h, bool guess_received);
/* Last, once m->size is set: a file whose body was edited is another message, though its header is the same. */
void haul_head_seal(haul_msg *m);

#endif
