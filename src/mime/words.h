/* RFC 2047 encoded words and RFC 2231 parameters, as mail in the wild writes them. */
#ifndef HAUL_MIME_WORDS_H
#define HAUL_MIME_WORDS_H

#include "base/str.h"

#define HAUL_PARAM_SEGMENTS 256u /* of one parameter, RFC 2231 3; more are left out */

/* Append octets in the character set of that MIME name as UTF-8: one that is not known, or UTF-8 that is none, is read as
 * UTF-8 where it is such, else as Windows-1252. */
void haul_words_charset(haul_span name, const char *p, size_t n, haul_str *to);
/* Append a text on one line with its encoded words decoded, wherever they stand, also within quotes, and with blanks in
 * them. Words side by side are one text, though a character be split between them. What is no word stays. */
void haul_words_decode(haul_span text, haul_str *to);
/* Append a parameter of a Content-Type or Content-Disposition field on one line (haul_header_unfold), decoded. The form of
 * RFC 2231 counts before the plain one, which may hold encoded words, and may lack its quotes. False: it is absent. */
bool haul_param_get(haul_span field, const char *name, haul_str *to);

#endif
