/* The URL of an account, and of a folder in it. */
#ifndef HAUL_IMAP_URL_H
#define HAUL_IMAP_URL_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>

#define HAUL_IMAP_PORT     143u
#define HAUL_IMAP_TLS_PORT 993u
#define HAUL_IMAP_URL_MAX  8192u /* octets of a URL */
#define HAUL_IMAP_USER_MAX 512u  /* octets of a user's name */
#define HAUL_IMAP_HOST_MAX 253u  /* octets of a host's name */

typedef struct haul_imap_url {
    char *user; /* UTF-8; NULL = none, auth is EXTERNAL then */
    char
        *host; /* lower case, without brackets; "%zone" behind an IPv6 address as it is spelled without %25 */
    char *auth; /* upper-case name of a SASL mechanism; NULL = any */
    unsigned port;
    bool tls;      /* imaps: TLS from the first octet */
    bool is_ipv6;  /* host is a literal and needs brackets in a URL */
    char **folder; /* UTF-8 names from the top, decoded, no controls; a name may hold '/' */
    size_t n_folder;
} haul_imap_url;

/* imaps://user[;AUTH=MECH]@host[:port][/Folder[/Folder …]], imap:// likewise. Everything lives in a.
 *   HAUL_E_USAGE  it is none; a password, UIDVALIDITY, UID or a search stands in it; no user and AUTH is not
 *                 EXTERNAL. The text never repeats any of the URL, where a password may be.
 * Source: RFC 5092 (3 for the server, 6 for AUTH), RFC 6874 for zones. */
HAUL_MUST_USE haul_rc haul_imap_url_parse(const char *url, haul_arena *a, haul_imap_url *ret, haul_err *e);

#endif
