/* Lines of a vCard 4.0: parameters, escaping, folding. Source: RFC 6350 3, RFC 6868. */
#ifndef HAUL_MIME_VCARD_WRITE_H
#define HAUL_MIME_VCARD_WRITE_H

#include "base/str.h"

#define HAUL_VCARD_LINE 75u /* octets of a line without its CRLF (RFC 6350 3.2) */

typedef struct haul_vcard { /* zero-initialised, with `to` set; done by haul_vcard_done */
    haul_str *to;
    haul_str line; /* the line that is being made */
    bool changed;  /* a value was not written as it is: controls taken out, a URI completed or escaped */
} haul_vcard;

void haul_vcard_done(haul_vcard *w);
/* One line is: start, parameters, then values, then end. All text is UTF-8. */
void haul_vcard_start(haul_vcard *w, const char *name);
/* A parameter with free text: quoted where needed, RFC 6868 for quotes and line ends. Nothing when value is NULL. */
void haul_vcard_param(haul_vcard *w, const char *name, const char *value);
/* A parameter with a list of tokens of ours: "work,voice". Nothing when it is NULL or empty. */
void haul_vcard_list(haul_vcard *w, const char *name, const char *tokens);
/* Octets as they are: ":" before the value, ";" and "," between its parts, dates, base64. */
void haul_vcard_raw(haul_vcard *w, const char *z);
/* A text: backslash, comma and line ends escaped; NULL is empty. A semicolon needs no escape outside structured values
 * (RFC 6350 3.4), and ical.js, which Thunderbird reads cards with, would show the backslash. */
void haul_vcard_text(haul_vcard *w, const char *z);
/* A part of N, ORG or ADR: semicolons too. */
void haul_vcard_part(haul_vcard *w, const char *z);
/* A URI: what may not stand in one becomes %xx. scheme: put in front when it has none. */
void haul_vcard_uri(haul_vcard *w, const char *scheme, const char *z);
/* The address of a mailto: URI (RFC 6068). */
void haul_vcard_mailto(haul_vcard *w, const char *addr);
void haul_vcard_end(haul_vcard *w);
/* "http:" of "http://x", 0 = none: a letter, then letters, digits, + - . and a colon (RFC 3986 3.1). */
size_t haul_vcard_scheme(const char *z);

#endif
