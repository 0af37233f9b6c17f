/* The bodies: text, HTML, RTF. MS-OXCMAIL 2.2.3.3, MS-OXCMSG 2.2.1.58; docs/mapi.md [mapi-r20]… */
#include "base/charset.h"
#include "base/utf.h"
#include "mime/outlook_parts.h"

#include <string.h>

#define CP_UTF8    65001u
#define CP_ASCII   20127u
#define CP_WESTERN 1252u

enum { NATIVE_PLAIN = 1, NATIVE_RTF, NATIVE_HTML }; /* PidTagNativeBody */

static bool is_wide(unsigned cp)
{
    return cp == 1200 || cp == 1201 || cp == 12000 || cp == 12001;
}

/* A code page in which the octets are text, where none is named. */
static unsigned guess(const haul_str *s)
{
    if (haul_ascii_run(haul_strz(s), s->len) == s->len)
        return CP_ASCII;
    return haul_utf8_valid(haul_strz(s), s->len) ? CP_UTF8 : CP_WESTERN;
}

/* Octets as UTF-8: in the character set that they are said to be in, else UTF-8, else Windows-1252. */
static void decode(haul_outlook *x, const haul_node *n, const haul_str *octets, haul_str *to)
{
    size_t bad = n->cp ? haul_charset_decode(n->cp, haul_strz(octets), octets->len, to) : 1;
    if (!bad)
        return;
    haul_str_clear(to);
    bool changed = !haul_utf8_clean(to, haul_strz(octets), octets->len, true);
    if (n->cp || changed)
        haul_outlook_issue(x, HAUL_ISSUE_OUTLOOK_TEXT_GUESSED, "%s", n->type);
}

static void tell_broken(haul_outlook *x, const haul_node *n, bool broken)
{
    if (broken)
        haul_outlook_issue(x, HAUL_ISSUE_OUTLOOK_ENCODING_BROKEN, "%s", n->type);
}

static unsigned put_text(haul_outlook *x)
{
    haul_auto_str octets = {0}, text = {0};
    haul_node *n = &x->nodes[x->text];
    bool broken = false;
    if (!haul_outlook_octets(n, HAUL_OUTLOOK_BODY_MAX, &octets, &broken))
        return 0;
    n->used = true;
    tell_broken(x, n, broken);
    decode(x, n, &octets, &text);
    haul_put_lines(&x->to, HAUL_TAG(HAUL_TAG_BODY), haul_strz(&text), text.len);
    return n->cp && !is_wide(n->cp) ? n->cp : guess(&text);
}

/* Its octets stay as they are, in the code page that PidTagInternetCodepage names. */
static unsigned put_html(haul_outlook *x)
{
    haul_auto_str octets = {0}, text = {0};
    haul_node *n = &x->nodes[x->html];
    bool broken = false;
    unsigned cp = n->cp;
    if (!haul_outlook_octets(n, HAUL_OUTLOOK_BODY_MAX, &octets, &broken))
        return 0;
    n->used = true;
    tell_broken(x, n, broken);
    const haul_str *html = &octets;
    if (is_wide(cp)) { /* RFC 2781 4.2: not for text/… */
        decode(x, n, &octets, &text);
        html = &text;
        cp = CP_UTF8;
    }
    if (html->len) /* an empty value is an error for libpff */
        haul_put_bin(&x->to, HAUL_TAG(HAUL_TAG_HTML), haul_strz(html), html->len);
    return cp ? cp : guess(html);
}

/* MS-OXRTFCP 2.1.3.1: the form that is not compressed. */
static bool put_rtf(haul_outlook *x)
{
    haul_auto_str rtf = {0}, packed = {0};
    haul_node *n = &x->nodes[x->rtf];
    if (!haul_outlook_octets(n, HAUL_OUTLOOK_BODY_MAX, &rtf, NULL) || !rtf.len ||
        !haul_istarts(rtf.p, rtf.len, "{\\rtf"))
        return false;
    n->used = true;
    haul_le_add(&packed, rtf.len + 12, 4);
    haul_le_add(&packed, rtf.len, 4);
    haul_str_addz(&packed, "MELA");
    haul_le_add(&packed, 0, 4);
    haul_str_add(&packed, rtf.p, rtf.len);
    haul_put_bin(&x->to, HAUL_TAG(HAUL_TAG_RTF_COMPRESSED), packed.p, packed.len);
    haul_put_bool(&x->to, HAUL_TAG(HAUL_TAG_RTF_IN_SYNC), true);
    return true;
}

void haul_outlook_body(haul_outlook *x)
{
    int native = 0;
    unsigned cp = 0;
    if (x->text != HAUL_NO_NODE) {
        cp = put_text(x);
        native = NATIVE_PLAIN;
    }
    if (x->html != HAUL_NO_NODE) {
        cp = put_html(x);
        native = haul_put_has(&x->to, HAUL_TAG(HAUL_TAG_HTML)) ? NATIVE_HTML : native;
    }
    if (x->rtf != HAUL_NO_NODE && put_rtf(x))
        native = NATIVE_RTF;
    if (cp)
        haul_put_int(&x->to, HAUL_TAG(HAUL_TAG_INTERNET_CODEPAGE), cp);
    if (native)
        haul_put_int(&x->to, HAUL_TAG(HAUL_TAG_NATIVE_BODY), native);
}
