/* The character set of HTML that came as octets. docs/mapi.md [mapi-22] */
#include "mime/builder.h"

#include "base/charset.h"
#include "base/utf.h"
#include "mime/html.h"

#include <string.h>

#define META_MAX  16384u /* octets in which a charset=… is looked for */
#define WIDE_LOOK 4096u  /* octets in which NULs are counted */

static unsigned code_page_of(const haul_bag *bag, uint16_t tag)
{
    int64_t v = haul_prop_int_or(haul_bag_get(bag, tag), 0);
    /* 1201 and 1200 are what Outlook notes for text that MAPI gave as Unicode: octets that are in it show it. */
    return v > 0 && v < 65536 && v != 1200 && v != 1201 && haul_codepage_iconv((unsigned)v) ? (unsigned)v : 0;
}

unsigned haul_html_meta(const char *p, size_t n)
{
    static const char key[] = "charset";
    n = n < META_MAX ? n : META_MAX;
    for (size_t i = 0; i + sizeof key < n; i++) {
        if (!haul_istarts(p + i, n - i, key))
            continue;
        size_t at = i + sizeof key - 1;
        while (at < n && strchr(" \t\r\n=\"'", p[at]) && p[at])
            at++;
        size_t len = 0;
        while (at + len < n && len < 40 &&
               (haul_is_alpha(p[at + len]) || haul_is_digit(p[at + len]) || p[at + len] == '-' ||
                p[at + len] == '_'))
            len++;
        unsigned cp = len ? haul_codepage_find(p + at, len) : 0;
        if (cp)
            return cp;
    }
    return 0;
}

static bool seven_bit(const char *p, size_t n)
{
    return haul_ascii_run(p, n) == n && (!n || !memchr(p, 0x1b, n));
}

unsigned haul_html_wide(const char *p, size_t n)
{
    size_t nul[2] = {0}, units = (n < WIDE_LOOK ? n : WIDE_LOOK) / 2;
    if (n >= 4 && (memcmp(p, "\xff\xfe", 2) == 0 || memcmp(p, "\xfe\xff", 2) == 0))
        return (unsigned char)p[0] == 0xff ? 1200 : 1201;
    if (!units || !memchr(p, 0, 2 * units))
        return 0;
    for (size_t i = 0; i < 2 * units; i++)
        nul[i % 2] += !p[i];
    if (units >= 4 && nul[1] > units / 4 && nul[0] < units / 16 + 1)
        return 1200;
    return units >= 4 && nul[0] > units / 4 && nul[1] < units / 16 + 1 ? 1201 : 0;
}

static const char *mime_name(unsigned cp)
{
    const char *z = haul_codepage_mime(cp);
    return z ? z : "us-ascii";
}

static bool fits(unsigned cp, const char *p, size_t n)
{
    return cp && haul_codepage_mime(cp) && haul_charset_fits(cp, p, n);
}

const char *haul_html_charset(haul_builder *b, const haul_bag *bag, const char *p, size_t n)
{
    unsigned stated = code_page_of(bag, HAUL_TAG_INTERNET_CODEPAGE);
    unsigned message = code_page_of(bag, HAUL_TAG_MESSAGE_CODEPAGE);
    unsigned units = haul_html_wide(p, n);
    if (units) {
        if (haul_prop_int_or(haul_bag_get(bag, HAUL_TAG_INTERNET_CODEPAGE), 0) != (int64_t)units)
            haul_builder_issue(b, HAUL_ISSUE_MAPI_BODY_CHARSET_GUESSED, "%s", mime_name(units));
        return mime_name(units);
    }
    if (seven_bit(p, n))
        return stated == 65000 || stated == 52936 ? mime_name(stated) : "us-ascii";
    /* Nearly every octet means something in a single-byte set: when the HTML itself says UTF-8 and is UTF-8, that
     * is no accident. */
    if (stated && stated != 65001 && haul_utf8_valid(p, n) && haul_html_meta(p, n) == 65001) {
        haul_builder_issue(b, HAUL_ISSUE_MAPI_BODY_CHARSET_GUESSED, "utf-8, not %s", mime_name(stated));
        return "utf-8";
    }
    if (fits(stated, p, n))
        return mime_name(stated);
    unsigned meta = haul_html_meta(p, n);
    const unsigned order[] = {message, meta, 65001, b->opt->codepage, 1252};
    for (size_t i = 0; i < HAUL_COUNT(order); i++) {
        if (!fits(order[i], p, n))
            continue;
        haul_builder_issue(b, HAUL_ISSUE_MAPI_BODY_CHARSET_GUESSED, "%s", mime_name(order[i]));
        return mime_name(order[i]);
    }
    unsigned last = stated ? stated : message ? message : meta ? meta : 1252;
    haul_builder_issue(b, HAUL_ISSUE_MAPI_BODY_CHARSET_GUESSED, "%s, not valid in it", mime_name(last));
    return mime_name(last);
}
