/* Names of folders on a server: what may stand in them, which of them have a special use, how they are sent. */
#ifndef HAUL_IMAP_NAMES_H
#define HAUL_IMAP_NAMES_H

#include "imap/preset.h"
#include "model/format.h"

/* How a server names folders. Escaped as =XX, because '%' is a wildcard of LIST. Lives in a.
 *   separator  of the hierarchy; 0 = the server has none
 *   below      the folders go below a base folder or a namespace prefix: names reserved at the top are free
 * Source: RFC 9051 5.1, RFC 3501 5.1; what servers refuse: docs/formats/imap.md. */
const haul_naming *haul_imap_naming(haul_imap_preset p, char separator, bool below, haul_arena *a);

/* Append a mailbox name (UTF-8, separators in place) as it is sent: in modified UTF-7 or, after ENABLE
 * UTF8=ACCEPT, as it is; in both cases as haul_imap_astring. False, to untouched: it cannot be sent. */
HAUL_MUST_USE bool haul_imap_mailbox(const char *name, bool utf8, haul_str *to);
/* A mailbox name as the server sent it (unquoted) into UTF-8. What is not canonical modified UTF-7 is kept as it
 * stands when it is UTF-8. False, to untouched: it is not. */
HAUL_MUST_USE bool haul_imap_mailbox_read(const char *p, size_t n, bool utf8, haul_str *to);

/* ── special use ── */

/* "\Sent" of RFC 6154 (and "\Important" of RFC 8457) for a role; NULL when it has none. */
const char *haul_imap_special_use(haul_role r);
/* By attribute, any case; also "\Inbox" of Yahoo and "\Spam", "\Starred", "\AllMail" of Gmail's XLIST. */
haul_role haul_imap_role_of_attribute(const char *p, size_t n);
/* By the name of one level, as mail programs and servers of about 30 languages keep it ("Gesendete Elemente"):
 * sent, drafts, trash, junk, archive, else HAUL_ROLE_NONE. Case and normal form do not count. */
haul_role haul_imap_role_of_name(const char *name);
/* The names that haul_imap_role_of_name knows, one after the other; NULL after the last. For tests. */
const char *haul_imap_role_names(size_t i, haul_role *ret); /* '|'-separated */

#endif
