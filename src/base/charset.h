/* Text in the code pages of Windows and MAPI, and in the character sets of MIME, as UTF-8. Conversion is
 * iconv's; UTF-16 and ASCII, which make up nearly all of it, are done here. */
#ifndef HAUL_BASE_CHARSET_H
#define HAUL_BASE_CHARSET_H

#include "base/str.h"

/* The name iconv knows a Windows code page by (1252 → "WINDOWS-1252", 50220 → "ISO-2022-JP"); NULL = unknown, or
 * a code page that iconv lacks and we decode ourselves. */
const char *haul_codepage_iconv(unsigned cp);
/* Its preferred MIME name in lower case ("windows-1252", "iso-2022-jp", "utf-8"); NULL = unknown. */
const char *haul_codepage_mime(unsigned cp);
/* The code page of a MIME charset name in any case, with common misspellings ("utf8", "cp1252", "iso_8859-1");
 * 0 = unknown. */
unsigned haul_codepage_find(const char *name, size_t n);

/* Append p, in code page cp, as well-formed UTF-8. Every octet that does not decode becomes U+FFFD, and so do
 * NULs. Returns how many; all octets of an unknown code page above 0x7f. 28591 and 28599 are read as their
 * Windows supersets 1252 and 1254, as mail means them. */
size_t haul_charset_decode(unsigned cp, const void *p, size_t n, haul_str *to);
/* True when every octet decodes. */
bool haul_charset_fits(unsigned cp, const void *p, size_t n);
/* The other way; characters that cp cannot hold become '?'. Returns how many. HZ (52936) is ASCII only. */
size_t haul_charset_encode(unsigned cp, const char *p, size_t n, haul_str *to);
/* UTF-16 little-endian, n octets; lone surrogates and an odd last octet become U+FFFD, counted. No BOM is eaten. */
size_t haul_utf16_decode(const void *p, size_t n, haul_str *to);

/* Open the converters of all code pages that we know, and keep them: a confined process cannot load them
 * later. Costs some milliseconds, once. */
void haul_charset_preload(void);

#endif
