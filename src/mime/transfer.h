/* Content-Transfer-Encodings as streams: octets in, 7-bit lines of at most 76 characters out (RFC 2045 6.7, 6.8). */
#ifndef HAUL_MIME_TRANSFER_H
#define HAUL_MIME_TRANSFER_H

#include "base/str.h"
#include "io/out.h"
#include "mime/part.h"

#define HAUL_TRANSFER_HOLD 1024u /* octets of text that wait for their line end */

typedef struct haul_transfer {
    haul_out out; /* push into &t->out */
    haul_out *to;
    bool qp;
    size_t col, held;
    char hold[HAUL_TRANSFER_HOLD];
    char *buf; /* encoded, not yet handed on */
    size_t used;
} haul_transfer;

/* Base64, or quoted-printable: CRLF is a line end there, any other CR or LF is encoded, and so are blanks before a line
 * end, a "." alone, and the F of a line that would begin with "From " (so that no mailbox format has to quote it). */
void haul_transfer_init(haul_transfer *t, bool qp, haul_out *to);
/* What is held back, and the last line end of base64. */
HAUL_MUST_USE haul_rc haul_transfer_end(haul_transfer *t, haul_err *e);
void haul_transfer_done(haul_transfer *t);

/* choose.c. For a text in memory: 7BIT when it can travel as it is (ASCII without controls but TAB, CRLF lines of at most 998
 * octets, none that a mailbox format or SMTP would have to change), else the shorter of QP and base64. */
haul_encoding haul_transfer_choose(haul_span s);
/* Append s with every CR, LF and CRLF made CRLF. */
void haul_text_crlf(haul_str *to, haul_span s);
/* It would not change s. */
bool haul_text_is_crlf(haul_span s);

#endif
