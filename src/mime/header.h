/* The header section of an RFC 5322 message, as octets: found, walked, never rewritten. */
#ifndef HAUL_MIME_HEADER_H
#define HAUL_MIME_HEADER_H

#include "model/msg.h"

/* Length of the header section at p including its empty line, 0 when there is no empty line within n.
 * *ret_lines may be NULL. Line ends LF or CRLF. */
size_t haul_header_length(const char *p, size_t n);

typedef struct haul_field {
    haul_span name;    /* without the colon and blanks before it */
    haul_span value;   /* after the colon, folded lines included, without the last line end */
    size_t start, end; /* octets of the whole field within the header, line end included */
} haul_field;

/* Walk: *pos from 0. False at the end of the section. Lines that are no field (no colon, or a name with
 * octets outside 33..126) are stepped over; `From ` and `>From ` lines too. */
bool haul_header_next(const char *p, size_t n, size_t *pos, haul_field *ret);
/* The first field of that name; false when absent. */
bool haul_header_find(const char *p, size_t n, const char *name, haul_span *ret_value);
/* True when the line at p (n octets, no line end needed) can begin a header section: a name of 1..76
 * characters 33..126 without colon, optional blanks, a colon. */
bool haul_header_like(const char *p, size_t n);

/* Fill a message from its header octets: message_id, sent, subject, sender, kind; and, when `received` is
 * asked for and not set, received time guessed from the topmost Received field, else Date, with
 * HAUL_ISSUE_TIME_GUESSED. Absent fields stay unset. Never fails. */
void haul_header_fill(haul_msg *m, const char *p, size_t n, bool guess_received);

/* Append on one line: line ends go, NUL and other controls become blanks, 8-bit text UTF-8 (else Windows-1252). */
void haul_header_unfold(haul_span value, haul_str *to);
/* Unfold and decode RFC 2047 words and 8-bit text (UTF-8, else Windows-1252) into valid UTF-8 on one line. */
void haul_header_decode(haul_span value, haul_str *to);
/* The first addr-spec of an address list ("Alice <a@b.c>" → "a@b.c"), false when none. Borrowed from value. */
bool haul_header_addr(haul_span value, haul_span *ret);

#endif
