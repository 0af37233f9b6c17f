/* Body texts as UTF-8 with LF: plain text a chunk at a time, HTML in one piece. */
#include "mime/parts.h"

#include "base/charset.h"
#include "base/err.h"
#include "base/utf.h"
#include "mime/html.h"

#include <string.h>

#define CP_ASCII 20127u
#define CP_JIS   50220u
#define CP_1252  1252u
#define CP_UTF8  65001u
#define PIECE                                                                                                \
    32768u /* octets of HTML that is too long to be read at once: libxml2's time grows with their square */

static haul_rc give(haul_body_text *b, const char *p, size_t n, haul_err *e)
{
    if (!n || !b->to)
        return HAUL_OK;
    b->line_open = p[n - 1] != '\n';
    return haul_out_write(b->to, p, n, e);
}

/* ── characters ── */

/* Text whose character set is not known, or which is not what it says: UTF-8 where it is such, else Windows-1252. */
static void decode(haul_body_text *b, const haul_str *raw, haul_str *to)
{
    bool known = b->cp && b->cp != CP_ASCII && b->cp != CP_UTF8;
    bool jis = !known && b->cp != CP_UTF8 && haul_find(raw->p, raw->len, "\033$", 2);
    if (!known && !jis && !memchr(raw->p, '\0', raw->len) && haul_utf8_valid(raw->p, raw->len))
        haul_str_add(to, raw->p, raw->len);
    else if (known)
        b->undecodable |= haul_charset_decode(b->cp, raw->p, raw->len, to) > 0;
    else if (jis)
        (void)haul_charset_decode(CP_JIS, raw->p, raw->len, to);
    else if (!haul_utf8_clean(to, raw->p, raw->len, true))
        b->undecodable |= b->cp == CP_UTF8;
}

/* CRLF and CR become LF, in place; a mark of byte order at the beginning goes. */
static void line_ends(haul_str *s, bool first)
{
    size_t keep = 0, from = first && s->len >= 3 && memcmp(s->p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    if (!s->len)
        return;
    if (!from && !memchr(s->p, '\r', s->len))
        return;
    for (size_t i = from; i < s->len;) {
        const char *cr = memchr(s->p + i, '\r', s->len - i);
        size_t n = cr ? (size_t)(cr - s->p) - i : s->len - i;
        memmove(s->p + keep, s->p + i, n);
        keep += n;
        i += n + (cr != NULL);
        if (cr && (i == s->len || s->p[i] != '\n'))
            s->p[keep++] = '\n';
    }
    s->len = keep;
    s->p[keep] = '\0';
}

static bool is_blank(const haul_str *s)
{
    for (size_t i = 0; i < s->len; i++) {
        bool nbsp = s->p[i] == '\xc2' && i + 1 < s->len && s->p[i + 1] == '\xa0';
        if (!nbsp && !(s->p[i] && strchr(" \t\n\f\v", s->p[i])))
            return false;
        i += nbsp;
    }
    return true;
}

/* ── plain text ── */

/* UTF-8 of the part at hand. Blanks at its beginning wait: a part that is nothing else says nothing. */
static haul_rc take_text(haul_body_text *b, const haul_str *text, haul_err *e)
{
    if (!b->any && is_blank(text) && b->blank.len + text->len <= HAUL_TEXT_BLANK) {
        haul_str_add(&b->blank, haul_strz(text), text->len);
        return HAUL_OK;
    }
    haul_rc rc = !b->any && b->line_open ? give(b, "\n", 1, e) : HAUL_OK;
    if (rc == HAUL_OK && !b->any)
        rc = give(b, haul_strz(&b->blank), b->blank.len, e);
    b->any = true;
    return rc == HAUL_OK ? give(b, haul_strz(text), text->len, e) : rc;
}

/* The first n octets that are held. */
static haul_rc flush(haul_body_text *b, size_t n, haul_err *e)
{
    static const char pgp[] = "-----BEGIN PGP MESSAGE-----";
    haul_str raw = {.p = b->held.p, .len = n};
    haul_auto_str text = {0};
    if (!n)
        return HAUL_OK;
    b->encrypted |= haul_find(raw.p, n, pgp, sizeof(pgp) - 1) != NULL;
    decode(b, &raw, &text);
    line_ends(&text, !b->any);
    memmove(b->held.p, b->held.p + n, b->held.len - n);
    b->held.len -= n;
    return take_text(b, &text, e);
}

/* Octets held up to where no character and no line end is cut; 0 = not yet. */
static size_t cut_at(const haul_body_text *b)
{
    size_t i = b->held.len;
    while (i && b->held.p[i - 1] != '\n')
        i--;
    if (i || b->held.len < HAUL_TEXT_LINE)
        return i;
    for (i = b->held.len; i && b->held.p[i - 1] != ' ';)
        i--;
    return i ? i : b->held.len;
}

static haul_rc text_write(haul_out *o, const void *octets, size_t n, haul_err *e)
{
    haul_body_text *b = (haul_body_text *)o;
    const char *p = octets;
    haul_rc rc = HAUL_OK;
    if (b->whole) {
        size_t room = HAUL_PARTS_WHOLE_MAX - b->held.len;
        b->cut |= n > room;
        haul_str_add(&b->held, p, n < room ? n : room);
        return HAUL_OK;
    }
    while (n && rc == HAUL_OK) {
        size_t step = HAUL_TEXT_CHUNK - b->held.len % HAUL_TEXT_CHUNK;
        step = n < step ? n : step;
        haul_str_add(&b->held, p, step);
        if (b->held.len % HAUL_TEXT_CHUNK == 0) /* the same places, however the octets come in */
            rc = flush(b, cut_at(b), e);
        p += step;
        n -= step;
    }
    return rc;
}

/* ── in one piece ── */

static unsigned html_charset(const haul_body_text *b)
{
    unsigned units = haul_html_wide(b->held.p, b->held.len), meta = haul_html_meta(b->held.p, b->held.len);
    if (units)
        return units;
    if (b->cp && b->cp != CP_ASCII)
        return b->cp;
    if (haul_utf8_valid(b->held.p, b->held.len))
        return haul_find(b->held.p, b->held.len, "\033$", 2) ? CP_JIS : CP_UTF8;
    return meta && meta != CP_UTF8 ? meta : CP_1252;
}

/* Octets up to behind what hides text at p, "<style …>…</style>" and its kin; 0 = nothing is hidden here. */
static size_t hidden(const char *p, size_t n)
{
    static const struct {
        const char *begin, *end;
    } v[] = {{"<style", "</style>"}, {"<script", "</script>"}, {"<!--", "-->"}};
    for (size_t i = 0; i < HAUL_COUNT(v); i++) {
        if (!haul_istarts(p, n, v[i].begin))
            continue;
        size_t len = strlen(v[i].end);
        for (const char *at = p; (at = haul_find(at, n - (size_t)(at - p), v[i].end, 2)); at++)
            if (haul_istarts(at, n - (size_t)(at - p), v[i].end))
                return (size_t)(at - p) + len;
        return n;
    }
    return 0;
}

/* Without what is hidden, in place: cut in two, its second half would be text. */
static void drop_hidden(haul_str *s)
{
    size_t keep = 0, n;
    for (size_t i = 0; i < s->len; i += n) {
        const char *tag = memchr(s->p + i + 1, '<', s->len - i - 1);
        size_t away = s->p[i] == '<' ? hidden(s->p + i, s->len - i) : 0;
        n = away ? away : tag ? (size_t)(tag - s->p) - i : s->len - i;
        memmove(s->p + keep, s->p + i, away ? 0 : n);
        keep += away ? 0 : n;
    }
    s->len = keep;
}

/* Where a piece of at most PIECE octets may end: in front of a tag. */
static size_t piece_end(const char *p, size_t n)
{
    if (n <= PIECE)
        return n;
    for (size_t i = PIECE; i > PIECE / 2; i--)
        if (p[i] == '<' && (haul_istarts(p + i, n - i, "<p") || haul_istarts(p + i, n - i, "<div") ||
                            haul_istarts(p + i, n - i, "<br") || haul_istarts(p + i, n - i, "<t")))
            return i;
    return haul_utf8_cut(p, n, PIECE);
}

/* HTML that is too long for one piece is read in several: what a list or table is in the middle of gets lost, no text. */
static void html_pieces(haul_body_text *b, unsigned cp, haul_str *text)
{
    haul_auto_str html = {0};
    haul_charset_decode(cp, b->held.p, b->held.len, &html);
    drop_hidden(&html);
    for (size_t at = 0, n; at < html.len; at += n) {
        size_t before = text->len;
        n = piece_end(html.p + at, html.len - at);
        b->cut |= !haul_html_text(CP_UTF8, html.p + at, n, text);
        if (text->len > before)
            haul_str_addc(text, '\n');
    }
}

static haul_rc html_end(haul_body_text *b, haul_err *e)
{
    haul_auto_str text = {0};
    unsigned cp = html_charset(b);
    if (!b->to)
        return HAUL_OK;
    if (haul_html_text(cp, b->held.p, b->held.len, &text)) {
        haul_str_addz(&text, text.len ? "\n" : "");
    } else {
        haul_str_clear(&text);
        html_pieces(b, cp, &text);
    }
    haul_str_clear(&b->held);
    line_ends(&text, true);
    return take_text(b, &text, e);
}

/* UTF-16 and UTF-32 as plain text. */
static unsigned wide_charset(const haul_body_text *b)
{
    unsigned seen = haul_html_wide(b->held.p, b->held.len);
    return b->cp ? b->cp : seen ? seen : 1201; /* RFC 2781 4.3 */
}

void haul_body_text_begin(haul_body_text *b, const haul_piece *e)
{
    b->out.write = text_write;
    b->cp = e->cp;
    b->html = strcmp(e->type, "text/html") == 0;
    b->whole = b->html || e->class == HAUL_WALK_WIDE;
    b->any = false;
    haul_str_clear(&b->held);
    haul_str_clear(&b->blank);
}

haul_rc haul_body_text_end(haul_body_text *b, haul_err *e)
{
    if (!b->held.len)
        return HAUL_OK;
    if (b->html)
        return html_end(b, e);
    if (b->whole)
        b->cp = wide_charset(b);
    return flush(b, b->held.len, e);
}

void haul_body_text_done(haul_body_text *b)
{
    haul_str_done(&b->held);
    haul_str_done(&b->blank);
}
