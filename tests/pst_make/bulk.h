/* Large stores of made-up mail, for measuring: the same numbers give the same messages, whatever the pages. */
#ifndef HAUL_MADE_BULK_H
#define HAUL_MADE_BULK_H

#include "pst/put.h"

typedef struct haul_made_bulk {
    haul_pstw_kind kind;
    uint64_t messages, seed;
    unsigned folders;    /* 1 or more; messages go round */
    bool tiny;           /* a subject, a sender and a line of text: for stores of many nodes */
    uint64_t attachment; /* octets of every attachment; 0 = as in mail */
    const char *list;    /* path of a list of what was made, or NULL */
} haul_made_bulk;

/* Messages of 25 kB on the average: log-normal plain and HTML bodies, every 16th RTF alone; two or three recipients; every
 * other one with transport headers; every fourth with an attachment of a median of 20 kB, figures or octets that cannot be
 * compressed.
 *
 * The list is a JSON object a line: folder, subject, message_id, from, to, received, read; SHA-256 of `plain` (UTF-8,
 * CRLF) and `html`; of `rtf` the digest of its text with white space folded to single blanks; attachments with name, size
 * and sha256. */
HAUL_MUST_USE haul_rc haul_made_bulk_write(const char *path, const haul_made_bulk *b, haul_err *e);

#endif
