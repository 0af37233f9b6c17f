/* Base64 in lines of a message (RFC 2045 6.8). */
#ifndef HAUL_MIME_BASE64_H
#define HAUL_MIME_BASE64_H

#include <stddef.h>

#define HAUL_BASE64_LINE  57u /* octets of a line */
#define HAUL_BASE64_WIDTH 78u /* its characters and CRLF */

/* One line: n octets, at most HAUL_BASE64_LINE, their padding and CRLF. Returns how many characters were written. */
size_t haul_base64_line(char *to, const void *p, size_t n);
/* As many full lines as n octets give, at most `max`; `to` has room for max * HAUL_BASE64_WIDTH + 2. Returns how many
 * lines were written. */
size_t haul_base64_lines(char *to, size_t max, const void *p, size_t n);

#endif
