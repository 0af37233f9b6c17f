#include "mime/words.h"

#include "base/charset.h"
#include "base/utf.h"

#include <string.h>

#define CP_ASCII    20127u
#define CP_UTF8     65001u
#define CHARSET_MAX 64u /* octets of a character set's name */

void haul_words_charset(haul_span name, const char *p, size_t n, haul_str *to)
{
    unsigned cp = name.len ? haul_codepage_find(name.p, name.len) : 0;
    if (cp && cp != CP_ASCII && cp != CP_UTF8)
        (void)haul_charset_decode(cp, p, n, to);
    else
        (void)haul_utf8_clean(to, p, n, true);
}

/* ── encoded words ── */

typedef struct word {
    haul_span charset, text;
    bool base64;
    size_t end; /* behind it */
} word;

static bool find_word(haul_span s, size_t at, word *ret)
{
    const char *p = s.p + at, *end = s.p + s.len, *q = p + 2;
    if (end - p < 6 || p[0] != '=' || p[1] != '?')
        return false;
    while (q<end && * q> 32 && *q < 127 && *q != '?' && (size_t)(q - p) < CHARSET_MAX)
        q++;
    if (end - q < 3 || *q != '?' || q == p + 2 || q[2] != '?' || !strchr("bBqQ", q[1]) || !q[1])
        return false;
    const char *text = q + 3, *close = text;
    for (;; close++) {
        close = memchr(close, '?', (size_t)(end - close));
        if (!close || close + 1 >= end)
            return false;
        if (close[1] == '=')
            break;
        if (close > text && close[-1] == '=') /* no other word begins in one */
            return false;
    }
    const char *star = memchr(p + 2, '*', (size_t)(q - p) - 2); /* RFC 2231 5: a language */
    *ret = (word){.charset = {p + 2, (size_t)((star ? star : q) - p) - 2},
                  .text = {text, (size_t)(close - text)},
                  .base64 = q[1] == 'b' || q[1] == 'B',
                  .end = (size_t)(close + 2 - s.p)};
    return true;
}

static int base64_value(char c)
{
    if (haul_is_digit(c))
        return c - '0' + 52;
    if (haul_is_alpha(c))
        return c >= 'a' ? c - 'a' + 26 : c - 'A';
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* A group of characters, perhaps one that is not whole. */
static void base64_group(haul_str *to, uint32_t bits, unsigned n)
{
    bits <<= 6 * (4 - n);
    for (unsigned i = 1; i < n; i++)
        haul_str_addc(to, (char)(bits >> (8 * (3 - i))));
}

static void add_base64(haul_span s, haul_str *to)
{
    uint32_t bits = 0;
    unsigned n = 0;
    for (size_t i = 0; i <= s.len; i++) {
        int v = i < s.len ? base64_value(s.p[i]) : -1;
        if (v >= 0) {
            bits = bits << 6 | (uint32_t)v;
            n++;
        }
        if (n == 4 || (n && (i == s.len || s.p[i] == '='))) {
            base64_group(to, bits, n);
            bits = n = 0;
        }
    }
}

/* Octets of "=XX" or "%XX" decoded. */
static void add_hex(haul_span s, char mark, bool q, haul_str *to)
{
    for (size_t i = 0; i < s.len; i++) {
        bool coded =
            s.p[i] == mark && s.len - i > 2 && haul_hexval(s.p[i + 1]) >= 0 && haul_hexval(s.p[i + 2]) >= 0;
        int c = coded                ? haul_hexval(s.p[i + 1]) << 4 | haul_hexval(s.p[i + 2])
                : q && s.p[i] == '_' ? ' '
                                     : s.p[i];
        haul_str_addc(to, (char)c);
        i += coded ? 2 : 0;
    }
}

static bool same_charset(haul_span a, haul_span b)
{
    bool same = a.len == b.len;
    for (size_t i = 0; same && i < a.len; i++)
        same = haul_lower(a.p[i]) == haul_lower(b.p[i]);
    return same;
}

void haul_words_decode(haul_span s, haul_str *to)
{
    haul_auto_str octets = {0};
    haul_span charset = {0};
    word w;
    size_t from = 0; /* what is not written yet */
    for (size_t at = 0; at < s.len;) {
        const char *mark = haul_find(s.p + at, s.len - at, "=?", 2);
        at = mark ? (size_t)(mark - s.p) : s.len;
        if (!mark || !find_word(s, at, &w)) {
            at += mark ? 2 : 0;
            continue;
        }
        bool blank = !haul_span_trim((haul_span){s.p + from, at - from}).len;
        if (!blank || !charset.p || !same_charset(charset, w.charset)) {
            haul_words_charset(charset, haul_strz(&octets), octets.len, to);
            haul_str_clear(&octets);
        }
        if (!blank || !charset.p)
            haul_str_add(to, s.p + from, at - from);
        charset = w.charset;
        w.base64 ? add_base64(w.text, &octets) : add_hex(w.text, '=', true, &octets);
        from = at = w.end;
    }
    haul_words_charset(charset, haul_strz(&octets), octets.len, to);
    haul_str_add(to, s.len ? s.p + from : "", s.len - from);
}

/* ── parameters ── */

typedef struct param {
    haul_span name; /* with what stands behind "*" */
    haul_str value; /* without its quotes */
} param;

/* Behind the quoted string at s.p[at]; its end is that of the field where it is not closed. */
static size_t unquote(haul_span s, size_t at, haul_str *to)
{
    for (at++; at < s.len && s.p[at] != '"'; at++) {
        /* Names of Windows have backslashes that quote nothing. */
        at += s.p[at] == '\\' && at + 1 < s.len && (s.p[at + 1] == '"' || s.p[at + 1] == '\\');
        haul_str_addc(to, s.p[at]);
    }
    return at < s.len ? at + 1 : at;
}

/* Behind the ";" that ends what is at s.p[at]. */
static size_t next_semicolon(haul_span s, size_t at)
{
    haul_auto_str nothing = {0};
    while (at < s.len && s.p[at] != ';')
        at = s.p[at] == '"' ? unquote(s, at, &nothing) : at + 1;
    return at + (at < s.len);
}

static bool next_param(haul_span s, size_t *pos, param *io)
{
    while (*pos < s.len) {
        size_t at = *pos, from = at;
        while (at < s.len && s.p[at] != '=' && s.p[at] != ';')
            at++;
        io->name = haul_span_trim((haul_span){s.p + from, at - from});
        if (at >= s.len || s.p[at] == ';') {
            *pos = at + 1;
            continue;
        }
        haul_str_clear(&io->value);
        for (at++; at < s.len && s.p[at] == ' ';)
            at++;
        if (at < s.len && s.p[at] == '"') {
            *pos = next_semicolon(s, unquote(s, at, &io->value));
            return true;
        }
        const char *semi = memchr(s.p + at, ';', s.len - at);
        size_t end = semi ? (size_t)(semi - s.p) : s.len;
        haul_span v = haul_span_trim((haul_span){s.p + at, end - at});
        haul_str_add(&io->value, v.p, v.len);
        *pos = end + 1;
        return true;
    }
    return false;
}

typedef struct segment {
    size_t at, len;
    bool set, coded;
} segment;

typedef struct found { /* of one parameter, in all its forms */
    haul_str text;     /* the values of segments */
    segment v[HAUL_PARAM_SEGMENTS];
    haul_str plain;
    bool has_plain;
} found;

static void take_segment(found *f, unsigned i, bool coded, const haul_str *value)
{
    segment *g = &f->v[i];
    if (g->set)
        return;
    *g = (segment){f->text.len, value->len, true, coded};
    haul_str_add(&f->text, haul_strz(value), value->len);
}

/* What stands behind the name: "", "*", "*0", "*0*". */
static void take_param(found *f, haul_span behind, const haul_str *value)
{
    uint64_t i = 0;
    if (!behind.len) {
        if (!f->has_plain)
            haul_str_add(&f->plain, haul_strz(value), value->len);
        f->has_plain = true;
        return;
    }
    if (behind.p[0] != '*')
        return;
    bool coded = behind.p[behind.len - 1] == '*';
    size_t digits = behind.len > 1 ? behind.len - 1 - coded : 0;
    if (behind.len > 1 && (!haul_parse_u64(behind.p + 1, digits, &i) || i >= HAUL_PARAM_SEGMENTS))
        return;
    take_segment(f, (unsigned)i, coded, value);
}

/* charset'language'text: the first two are taken away. */
static haul_span take_charset(haul_span *io)
{
    const char *one = io->len ? memchr(io->p, '\'', io->len) : NULL;
    const char *two = one ? memchr(one + 1, '\'', io->len - (size_t)(one + 1 - io->p)) : NULL;
    if (!two)
        return (haul_span){0};
    haul_span charset = {io->p, (size_t)(one - io->p)};
    *io = (haul_span){two + 1, io->len - (size_t)(two + 1 - io->p)};
    return charset;
}

static void join_segments(const found *f, haul_str *to)
{
    haul_auto_str octets = {0};
    haul_span charset = {0};
    for (unsigned i = 0; i < HAUL_PARAM_SEGMENTS && f->v[i].set; i++) {
        haul_span v = {haul_strz(&f->text) + f->v[i].at, f->v[i].len};
        if (!i && f->v[i].coded)
            charset = take_charset(&v);
        if (f->v[i].coded)
            add_hex(v, '%', false, &octets);
        else
            haul_str_add(&octets, v.p, v.len);
    }
    if (charset.len)
        haul_words_charset(charset, haul_strz(&octets), octets.len, to);
    else
        haul_words_decode((haul_span){haul_strz(&octets), octets.len}, to);
}

bool haul_param_get(haul_span field, const char *name, haul_str *to)
{
    found f = {0};
    param p = {0};
    size_t len = strlen(name);
    for (size_t pos = next_semicolon(field, 0); next_param(field, &pos, &p);)
        if (haul_istarts(p.name.p, p.name.len, name))
            take_param(&f, haul_span_trim((haul_span){p.name.p + len, p.name.len - len}), &p.value);
    bool any = f.v[0].set || f.has_plain;
    if (f.v[0].set)
        join_segments(&f, to);
    else
        haul_words_decode((haul_span){haul_strz(&f.plain), f.plain.len}, to);
    haul_str_done(&p.value);
    haul_str_done(&f.text);
    haul_str_done(&f.plain);
    return any;
}
