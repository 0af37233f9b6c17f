/* What may go on the wire. A server that cannot parse a flag or a date may take the literal that follows for
 * commands, so whatever comes from an archive passes through one of these, and through nothing else.
 * Source: RFC 9051 section 9, and narrower: docs/formats/imap.md. */
#ifndef HAUL_IMAP_GRAMMAR_H
#define HAUL_IMAP_GRAMMAR_H

#include "base/str.h"

#define HAUL_IMAP_KEYWORD_MAX 50u /* octets; Dovecot refuses more */

/* True for 1 to HAUL_IMAP_KEYWORD_MAX octets of [A-Za-z0-9$_.-]: an atom on every server. */
bool haul_imap_is_keyword_safe(const char *p, size_t n);
/* Append n octets as a quoted string. False, to untouched: CR, LF, NUL; without utf8 also octets over 127, with
 * it malformed UTF-8. Such data needs a literal, or must not be sent. */
HAUL_MUST_USE bool haul_imap_astring(const char *p, size_t n, bool utf8, haul_str *to);

#define HAUL_IMAP_DATE_LEN 32 /* "01-Feb-2003 04:05:06 +0730", its NUL included, with room */

/* date-time without its quotes. The instant is clamped to 1970-01-02 … 2037-12-31 UTC, beyond which servers wrap or
 * take now instead; the zone to whole minutes within 14 hours, or to UTC where the local date leaves those years.
 * *ret_clamped: the instant was changed. Fractions of a second are dropped, downwards. */
void haul_imap_date_write(int64_t us, int tz_min, char to[HAUL_IMAP_DATE_LEN], bool *ret_clamped);
/* The instant that haul_imap_date_write would write. */
int64_t haul_imap_date_clamp(int64_t us);
/* A date-time without its quotes; day " 1" and "01". False when it is none. */
bool haul_imap_date_read(const char *p, size_t n, int64_t *ret_us, int *ret_tz_min);

#endif
