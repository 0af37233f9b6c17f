/* URLs as octets: split, percent-decoded and encoded. Nothing here knows what a scheme means.
 * Source: RFC 3986; more is accepted of what people type: blanks, UTF-8, '@' within the user. */
#ifndef HAUL_BASE_URL_H
#define HAUL_BASE_URL_H

#include "base/err.h"
#include "base/str.h"

typedef struct haul_url { /* views of the text; p == NULL = not there */
    haul_span scheme;
    haul_span user;   /* what stands before the last '@', still encoded, without a secret */
    haul_span host;   /* without the brackets of an IPv6 literal */
    haul_span port;   /* digits, or nothing */
    haul_span path;   /* from the first '/' on; empty when there is none */
    bool has_secret;  /* "user:secret@": the user ends before the ':' */
    bool has_bracket; /* [host] */
} haul_url;

/* True for SCHEME://…; a path that happens to hold "://" has a '/' before it. */
bool haul_is_url(const char *z);
/* False when z is no URL or its host is malformed. */
HAUL_MUST_USE bool haul_url_split(const char *z, haul_url *ret);
/* True when something that may be a password stands in the URL: such a text must not be shown or kept. */
bool haul_url_has_secret(const char *z);
/* HAUL_E_USAGE when haul_url_has_secret: where secrets may come from instead. The text repeats nothing of z. */
HAUL_MUST_USE haul_rc haul_url_check_secret(const char *z, haul_err *e);
/* Append s with %XX decoded. False, to untouched: a malformed escape, or %00. */
HAUL_MUST_USE bool haul_url_decode(haul_span s, haul_str *to);
/* Append s with all but letters, digits and the octets of `also` as %XX. */
void haul_url_encode(haul_span s, const char *also, haul_str *to);

#endif
