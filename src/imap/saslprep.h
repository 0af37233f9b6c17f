/* User names and passwords as a server that compares them wants them: SASLprep (RFC 4013, a profile of RFC 3454). */
#ifndef HAUL_IMAP_SASLPREP_H
#define HAUL_IMAP_SASLPREP_H

#include "imap/secret.h"

/* Append n octets of UTF-8, prepared. ASCII goes as it is, control characters included. In other text non-ASCII blanks
 * become blanks, what is "commonly mapped to nothing" goes away, the rest is brought to form KC, and characters that the
 * profile prohibits are refused.
 *   what         in   for errors: "password"
 *   HAUL_E_AUTH  not UTF-8, prohibited characters, nothing left, or more than HAUL_SECRET_MAX
 * Not done: the check of bidirectional text (RFC 3454 6), which only ever refuses; and form KC is that of glib's Unicode, not
 * of 3.2, which differs in characters that 3.2 did not have. The text stays in secrets throughout. */
HAUL_MUST_USE haul_rc haul_saslprep(haul_secret *to, const char *what, const char *p, size_t n, haul_err *e);

#endif
