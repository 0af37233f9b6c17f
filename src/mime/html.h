/* Plain text out of HTML, for targets that hold nothing else. The parser is libxml2's. Rules: docs/mapi.md [mapi-26]. */
#ifndef HAUL_MIME_HTML_H
#define HAUL_MIME_HTML_H

#include "base/str.h"

#define HAUL_HTML_TEXT_MAX                                                                                   \
    (256u * 1024u)           /* octets of HTML, as UTF-8 and without embedded pictures, that are read */
#define HAUL_HTML_DEPTH 512u /* elements in one another; what comes behind a deeper one is left out */

/* Let libxml2 set itself up: a confined process calls this before it gives up its rights. */
void haul_html_preload(void);

/* The code page that <meta charset=x> or <meta … content="text/html; charset=x"> names, 0 = none that is known. */
unsigned haul_html_meta(const char *p, size_t n);
/* HTML in units of two octets, which some programs store as octets all the same: 1200 little-endian, 1201 big-endian,
 * 0 = neither. By its mark, else by the NULs that the ASCII of its tags brings, on one side of the units only. */
unsigned haul_html_wide(const char *p, size_t n);

/* Append the text of HTML in code page cp: well-formed UTF-8, lines ended by "\n", none at the end; nothing when it
 * has no text. Opens no files and no connections. False: it was cut at one of the limits above. */
bool haul_html_text(unsigned cp, const char *p, size_t n, haul_str *to);

#endif
