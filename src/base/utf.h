/* UTF-8 and the modified UTF-7 of IMAP mailbox names (RFC 3501 5.1.3). */
#ifndef HAUL_BASE_UTF_H
#define HAUL_BASE_UTF_H

#include "base/str.h"

/* True when the n octets are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool haul_utf8_valid(const void *p, size_t n);
/* Length in octets of the well-formed sequence at p (1..4), 0 when malformed or n is 0. ret_cp may be NULL. */
size_t haul_utf8_next(const void *p, size_t n, uint32_t *ret_cp);
/* How many octets from p on are ASCII. */
size_t haul_ascii_run(const void *p, size_t n);
void haul_utf8_add(haul_str *to, uint32_t cp);
size_t haul_utf8_put(char to[4], uint32_t cp); /* the same into four octets; returns how many it took */
/* Append p as valid UTF-8: what is malformed is taken as Windows-1252 octet by octet when `guess`
 * is set, else becomes U+FFFD. Returns false when anything had to be replaced or guessed. NUL becomes U+FFFD. */
bool haul_utf8_clean(haul_str *to, const void *p, size_t n, bool guess);
/* Cut z so that it has at most max octets and ends on a character. Returns the new length. */
size_t haul_utf8_cut(const char *z, size_t len, size_t max);

/* UTF-8 name to modified UTF-7 and back. Decoding returns false (to is left as it was) when z is not
 * canonical modified UTF-7, so that a raw name can be kept as it is. */
void haul_mutf7_encode(haul_str *to, const char *z);
bool haul_mutf7_decode(haul_str *to, const char *z);

#endif
