/* Content-Transfer-Encodings undone as streams, as tolerant as mail in the wild needs: nothing fails, what was broken is
 * told. RFC 2045 6.7, 6.8. */
#ifndef HAUL_MIME_DECODE_H
#define HAUL_MIME_DECODE_H

#include "base/str.h"
#include "io/out.h"

typedef enum haul_decoding {
    HAUL_DECODE_NONE, /* 7bit, 8bit, binary, and encodings nobody here knows: octets as they are */
    HAUL_DECODE_BASE64,
    HAUL_DECODE_QP,
    HAUL_DECODE_UU
} haul_decoding;

#define HAUL_DECODE_BUFFER 65536u
#define HAUL_DECODE_HOLD   1024u /* octets of a line that are looked at before it counts as encoded */

typedef struct haul_decode {
    haul_out out; /* push into &d->out */
    haul_out *to;
    haul_decoding how;
    bool broken; /* octets that belong to no encoding, or its end is missing; complete after _end */
    char *buf;   /* decoded, not yet handed on */
    size_t used;
    /* base64; behind a "=" a line that is nothing but base64 begins anew, any other is left out */
    uint8_t values[256]; /* of a character; 64 and more: none */
    uint32_t bits;
    unsigned quad; /* characters of the group at hand */
    unsigned pads; /* "=" that are due */
    bool ended;    /* a "=" was seen */
    bool passing;  /* a line behind it is longer than what is held */
    /* quoted-printable; uuencode holds a line, and where it is */
    int escape; /* what is held is "=…"; else blanks that may stand before a line end */
    char hold[HAUL_DECODE_HOLD];
    size_t held;
} haul_decode;

void haul_decode_init(haul_decode *d, haul_decoding how, haul_out *to);
/* What is held back. */
HAUL_MUST_USE haul_rc haul_decode_end(haul_decode *d, haul_err *e);
void haul_decode_done(haul_decode *d);

#endif
