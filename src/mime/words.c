#include "mime/words.h"

#include <glib.h>
#include <string.h>

typedef struct word {
    haul_span charset, text; /* text: base64 */
    size_t len;              /* of the whole word; 0: there is none */
} word;

/* The B word at p. */
static word b_word(const char *p, size_t n)
{
    word w = {0};
    const char *sep = n > 2 && p[0] == '=' && p[1] == '?' ? memchr(p + 2, '?', n - 2) : NULL;
    size_t at = sep ? (size_t)(sep - p) : n;
    if (at + 3 >= n || haul_lower(p[at + 1]) != 'b' || p[at + 2] != '?')
        return w;
    const char *end = memchr(p + at + 3, '?', n - at - 3);
    if (!end || end + 1 >= p + n || end[1] != '=')
        return w;
    w.charset = (haul_span){p + 2, at - 2};
    w.text = (haul_span){p + at + 3, (size_t)(end - p) - at - 3};
    w.len = (size_t)(end - p) + 2;
    return w;
}

static void add_octets(GByteArray *to, haul_span base64)
{
    gsize n = 0;
    char *z = g_strndup(base64.p, base64.len);
    guchar *octets = g_base64_decode(z, &n);
    g_byte_array_append(to, octets, (guint)n);
    g_free(octets);
    g_free(z);
}

/* How far the row of words that begins with w goes; *ret_padded: one of them but the last ends with padding. */
static size_t row_length(const char *p, size_t n, word w, bool *ret_padded)
{
    size_t len = w.len;
    *ret_padded = false;
    for (word last = w;;) {
        size_t gap = len;
        while (gap < n && (p[gap] == ' ' || p[gap] == '\t'))
            gap++;
        word next = gap > len ? b_word(p + gap, n - gap) : (word){0};
        if (!next.len || next.charset.len != w.charset.len ||
            g_ascii_strncasecmp(next.charset.p, w.charset.p, w.charset.len) != 0)
            return len;
        *ret_padded |= last.text.len && last.text.p[last.text.len - 1] == '=';
        len = gap + next.len;
        last = next;
    }
}

static void add_row(haul_str *to, const char *p, size_t n, word w)
{
    GByteArray *octets = g_byte_array_new();
    for (size_t at = 0; at < n;) {
        word next = b_word(p + at, n - at);
        if (next.len)
            add_octets(octets, next.text);
        at += next.len ? next.len : 1; /* the blanks between them */
    }
    char *joined = g_base64_encode(octets->data, octets->len);
    haul_str_addf(to, "=?%.*s?B?%s?=", (int)w.charset.len, w.charset.p, joined);
    g_free(joined);
    g_byte_array_unref(octets);
}

void haul_words_join(haul_str *io)
{
    haul_auto_str out = {0};
    size_t from = 0; /* what is not copied yet */
    for (size_t at = 0; at + 2 < io->len;) {
        bool padded = false;
        word w = io->p[at] == '=' ? b_word(io->p + at, io->len - at) : (word){0};
        size_t n = w.len ? row_length(io->p + at, io->len - at, w, &padded) : 1;
        if (padded) {
            haul_str_add(&out, io->p + from, at - from);
            add_row(&out, io->p + at, n, w);
            from = at + n;
        }
        at += n;
    }
    if (!from)
        return;
    haul_str_add(&out, io->p + from, io->len - from);
    haul_str_clear(io);
    haul_str_add(io, out.p, out.len);
}
