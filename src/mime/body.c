/* Which bodies a message has, and in which form. MS-OXBBODY 2.1.3.1; docs/mapi.md [mapi-20]… */
#include "mime/builder.h"

#include "base/charset.h"
#include "base/utf.h"
#include "mime/html.h"
#include "mime/lzfu.h"

#include <string.h>

enum { NATIVE_UNKNOWN, NATIVE_PLAIN, NATIVE_RTF, NATIVE_HTML }; /* PidTagNativeBody */

static bool is_blank(const haul_str *s)
{
    for (size_t i = 0; i < s->len; i++)
        if (!strchr(" \t\r\n", s->p[i]) || !s->p[i])
            return false;
    return true;
}

bool haul_builder_text(haul_builder *b, const haul_prop *p, haul_str *to)
{
    const haul_bag *bag = &b->o->props;
    size_t bad = 0;
    if (!p || (p->type != HAUL_PT_UNICODE && p->type != HAUL_PT_STRING8))
        return false;
    if (p->type == HAUL_PT_UNICODE || bag->codepage) {
        if (!haul_prop_text(bag, p, to, &bad))
            return false;
    } else { /* the store names no code page for its 8-bit text: as for HTML */
        const void *nul = memchr(p->p, 0, p->n);
        size_t n = nul ? (size_t)((const uint8_t *)nul - p->p) : p->n;
        const char *charset = haul_html_charset(b, bag, (const char *)p->p, n);
        bad = haul_charset_decode(haul_codepage_find(charset, strlen(charset)), p->p, n, to);
    }
    if (bad)
        haul_builder_issue(b, HAUL_ISSUE_MAPI_TEXT_UNDECODABLE, "%zu characters of property 0x%04x", bad,
                           p->id);
    return true;
}

static void take_wide_html(haul_builder *b, const haul_prop *p)
{
    haul_body *y = &b->body;
    unsigned cp = haul_codepage_find(y->html_charset, strlen(y->html_charset));
    size_t unit = y->html_charset[4] == '3' ? 4 : 2, n = p->n / unit * unit, mark = 0;
    while (n >= unit && !p->p[n - 1] && !p->p[n - 2] && (unit == 2 || (!p->p[n - 3] && !p->p[n - 4])))
        n -= unit; /* the NUL that ends a C string */
    if (unit == 2 && n >= 2 && p->p[0] + p->p[1] == 0xff + 0xfe && (p->p[0] == 0xff || p->p[1] == 0xff))
        mark = 2; /* a byte order mark is no text */
    size_t bad = haul_charset_decode(cp, p->p + mark, n - mark, &y->html);
    if (bad)
        haul_builder_issue(b, HAUL_ISSUE_MAPI_TEXT_UNDECODABLE, "%zu characters of the HTML", bad);
    y->html_charset = "utf-8";
}

/* PidTagHtml is octets in some code page, PidTagBodyHtml text; both have the same id. */
static void take_html(haul_builder *b, const haul_prop *p)
{
    haul_body *y = &b->body;
    if (p->type == HAUL_PT_UNICODE) {
        haul_builder_text(b, p, &y->html);
        y->html_charset = "utf-8";
    } else if (p->type == HAUL_PT_BINARY || p->type == HAUL_PT_STRING8) {
        size_t n = p->n;
        while (n && !p->p[n - 1]) /* some writers store the NUL that ends a C string */
            n--;
        y->html_charset = haul_html_charset(b, &b->o->props, (const char *)p->p, n);
        if (strncmp(y->html_charset, "utf-16", 6) == 0 || strncmp(y->html_charset, "utf-32", 6) == 0) {
            take_wide_html(b, p); /* RFC 2781 4.2: not for text/… */
        } else {
            haul_str_add(&y->html, p->p, n);
        }
    }
    y->has_html = !is_blank(&y->html);
}

static bool unpack_rtf(haul_builder *b, const haul_prop *p, haul_str *rtf)
{
    bool other = b->body.has_text || b->body.has_html;
    switch (haul_lzfu_decode(p->p, p->n, rtf)) {
    case HAUL_LZFU_OK:
        return true;
    case HAUL_LZFU_CRC:
        haul_builder_issue(b, HAUL_ISSUE_MAPI_RTF_CHECKSUM, "%zu octets", rtf->len);
        return true;
    case HAUL_LZFU_SHORT:
        haul_builder_issue(b, HAUL_ISSUE_MAPI_RTF_DAMAGED, "ends after %zu octets%s", rtf->len,
                           other ? "; the other body was kept, too" : "");
        return rtf->len > 0;
    default:
        break;
    }
    if (p->n > 5 && memcmp(p->p, "{\\rtf", 5) == 0) { /* never compressed: seen from converters */
        haul_str_add(rtf, p->p, p->n);
        return true;
    }
    haul_builder_issue(b, HAUL_ISSUE_MAPI_RTF_DAMAGED, "not compressed RTF, %zu octets%s", p->n,
                       other ? "; the other body was used" : "");
    return false;
}

/* RTF that says nothing which the other bodies do not say: a shell around an empty page. */
static bool says_nothing(const haul_str *text, const haul_rtf_info *info)
{
    return is_blank(text) && !info->objects;
}

static void take_rtf(haul_builder *b, const haul_prop *p, int64_t native)
{
    haul_body *y = &b->body;
    haul_auto_str rtf = {0}, content = {0};
    haul_rtf_info info = {0};
    if (!unpack_rtf(b, p, &rtf))
        return;
    while (rtf.len && !rtf.p[rtf.len - 1]) /* the NUL that ends a C string */
        rtf.len--;
    int64_t cp = haul_prop_int_or(haul_bag_get(&b->o->props, HAUL_TAG_INTERNET_CODEPAGE), b->opt->codepage);
    haul_rtf_kind kind =
        haul_rtf_extract(rtf.p, rtf.len, cp > 0 && cp < 65536 ? (unsigned)cp : 0, &content, &info);
    if (info.guessed && kind != HAUL_RTF_NONE)
        haul_builder_issue(b, HAUL_ISSUE_MAPI_BODY_CHARSET_GUESSED, "in the RTF body");
    if (kind == HAUL_RTF_HTML && (!y->has_html || native == NATIVE_RTF) && !is_blank(&content)) {
        haul_str_clear(&y->html);
        haul_str_add(&y->html, content.p, content.len);
        y->html_charset = "utf-8";
        y->has_html = true;
        return;
    }
    if (kind != HAUL_RTF_TEXT && kind != HAUL_RTF_REAL)
        return;
    if (!y->has_text && !is_blank(&content)) {
        haul_str_clear(&y->text);
        haul_str_add(&y->text, content.p, content.len);
        y->has_text = true;
    }
    if (kind == HAUL_RTF_REAL && !says_nothing(&content, &info)) {
        haul_str_add(&y->rtf, rtf.p, rtf.len);
        y->has_rtf = true;
        y->rtf_best = native == NATIVE_RTF || !y->has_html;
    }
}

void haul_builder_body(haul_builder *b)
{
    haul_body *y = &b->body;
    const haul_bag *bag = &b->o->props;
    const haul_prop *html = haul_bag_get(bag, HAUL_TAG_HTML);
    const haul_prop *rtf = haul_bag_get(bag, HAUL_TAG_RTF_COMPRESSED);
    int64_t native = haul_prop_int_or(haul_bag_get(bag, HAUL_TAG_NATIVE_BODY), NATIVE_UNKNOWN);
    bool in_sync = haul_prop_bool(haul_bag_get(bag, HAUL_TAG_RTF_IN_SYNC));
    haul_builder_text(b, haul_bag_get(bag, HAUL_TAG_BODY), &y->text);
    y->has_text = !is_blank(&y->text);
    if (html && html->n)
        take_html(b, html);
    if (native == NATIVE_UNKNOWN && rtf && in_sync)
        native = NATIVE_RTF;
    /* Beside HTML, RTF is a copy unless it is the native body; beside a plain body that is native, too. Not in sync
     * means that the text was edited by something that knew no RTF, so that the text is what counts. */
    bool stale = y->has_text && rtf && native != NATIVE_RTF &&
                 (native == NATIVE_PLAIN || (haul_bag_get(bag, HAUL_TAG_RTF_IN_SYNC) && !in_sync));
    if (rtf && rtf->n && rtf->type == HAUL_PT_BINARY && !stale && (!y->has_html || native == NATIVE_RTF))
        take_rtf(b, rtf, native);
}

const char *haul_builder_plain(haul_builder *b)
{
    const haul_body *y = &b->body;
    haul_auto_str text = {0};
    if (y->has_text)
        return haul_arena_strn(&b->arena, y->text.p, y->text.len);
    if (!y->has_html)
        return NULL;
    unsigned cp = haul_codepage_find(y->html_charset, strlen(y->html_charset));
    if (!haul_html_text(cp, y->html.p, y->html.len, &text))
        haul_builder_issue(b, HAUL_ISSUE_MAPI_HTML_TEXT_CUT, "after %zu octets of text", text.len);
    return text.len ? haul_arena_strn(&b->arena, text.p, text.len) : NULL;
}

haul_part *haul_text_part(haul_builder *b, const char *type, const char *p, size_t n)
{
    haul_part *part = haul_part_new(&b->arena, type);
    haul_part_param(part, &b->arena, "charset", haul_ascii_run(p, n) == n ? "us-ascii" : "utf-8");
    part->text = (haul_span){p ? p : "", n};
    return part;
}

static haul_part *html_part(haul_builder *b)
{
    haul_part *part = haul_part_new(&b->arena, "text/html");
    const haul_str *html = &b->body.html;
    bool ascii = haul_ascii_run(html->p, html->len) == html->len && !memchr(html->p, 0x1b, html->len);
    bool plain = ascii && strcmp(b->body.html_charset, "utf-7") != 0 &&
                 strcmp(b->body.html_charset, "hz-gb-2312") != 0;
    haul_part_param(part, &b->arena, "charset", plain ? "us-ascii" : b->body.html_charset);
    part->text = (haul_span){html->p, html->len};
    const char *location = haul_bag_str(&b->o->props, HAUL_TAG_BODY_CONTENT_LOCATION, &b->arena);
    part->location = location && haul_uri_ok(location) ? location : NULL;
    return part;
}

static haul_part *rtf_part(haul_builder *b)
{
    haul_part *part = haul_part_new(&b->arena, "text/rtf");
    part->text = (haul_span){b->body.rtf.p, b->body.rtf.len};
    return part;
}

haul_part *haul_builder_body_part(haul_builder *b, haul_part *last)
{
    const haul_body *y = &b->body;
    haul_part *v[4];
    size_t n = 0;
    if (y->has_text)
        v[n++] = haul_text_part(b, "text/plain", y->text.p, y->text.len);
    if (y->has_rtf && !y->rtf_best)
        v[n++] = rtf_part(b);
    if (y->has_html)
        v[n++] = html_part(b);
    if (y->has_rtf && y->rtf_best)
        v[n++] = rtf_part(b);
    if (n + (last != NULL) < 2)
        return n ? v[0] : last;
    haul_part *alternative = haul_part_new(&b->arena, "multipart/alternative");
    for (size_t i = 0; i < n; i++)
        haul_part_add(alternative, v[i]);
    if (last)
        haul_part_add(alternative, last);
    return alternative;
}
