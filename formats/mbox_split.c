/* Where one message ends and the next begins: the search, and the judgement of From_ lines. */
#include "base/hash.h"
#include "mbox.h"
#include "mime/date.h"
#include "mime/header.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define TOKENS_MAX 32u /* of a From_ line that are looked at for a date */

bool haul_mbox_starts_from(const char *p, size_t n)
{
    return n >= 5 && memcmp(p, "From ", 5) == 0;
}

/* Octet by octet; also the end of what the wide search leaves over. */
static const char *find_narrow(const char *p, const char *end, char eol)
{
    while (p < end) {
        p = memchr(p, eol, (size_t)(end - p));
        if (!p || p + 1 >= end)
            return NULL;
        if (p[1] == 'F' || p[1] == '>')
            return p;
        p++;
    }
    return NULL;
}

const char *haul_mbox_find(const char *p, const char *end, char eol)
{
#ifdef __SSE2__
    const __m128i eols = _mm_set1_epi8(eol), efs = _mm_set1_epi8('F'), quotes = _mm_set1_epi8('>');
    for (; end - p > 16; p += 16) {
        __m128i here = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i next = _mm_loadu_si128((const __m128i *)(const void *)(p + 1));
        __m128i second = _mm_or_si128(_mm_cmpeq_epi8(next, efs), _mm_cmpeq_epi8(next, quotes));
        int mask = _mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(here, eols), second));
        if (mask)
            return p + __builtin_ctz((unsigned)mask);
    }
#endif
    return find_narrow(p, end, eol);
}

bool haul_mbox_is_quoted(const char *p, size_t n, bool *ret_more)
{
    size_t at = 0;
    *ret_more = false;
    while (at < n && at <= HAUL_MBOX_QUOTE_MAX && p[at] == '>')
        at++;
    if (!at || at > HAUL_MBOX_QUOTE_MAX)
        return false;
    size_t rest = n - at < 5 ? n - at : 5;
    bool same = memcmp(p + at, "From ", rest) == 0;
    *ret_more = same && rest < 5;
    return same && rest == 5;
}

size_t haul_mbox_blank_before(const char *p, size_t at, char eol, bool start)
{
    if (!at || p[at - 1] != eol)
        return 0;
    size_t len = eol == '\n' && at >= 2 && p[at - 2] == '\r' ? 2 : 1;
    if (at == len ? start : p[at - len - 1] == eol)
        return len;
    return 0;
}

size_t haul_mbox_header_length(const char *p, size_t n, char eol)
{
    if (eol == '\n')
        return haul_header_length(p, n);
    for (size_t at = 0; at < n;) {
        if (p[at] == eol)
            return at + 1;
        const char *q = memchr(p + at, eol, n - at);
        if (!q)
            return 0;
        at = (size_t)(q - p) + 1;
    }
    return 0;
}

size_t haul_mbox_preamble(const char *p, size_t n)
{
    size_t at = n >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    while (at < n && (p[at] == '\n' || p[at] == '\r'))
        at++;
    return at;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The class of a token: what stays the same between two lines of one writer. */
static uint64_t add_token(uint64_t shape, const char *p, size_t n)
{
    char sig[34];
    size_t len = 0;
    if (memchr(p, '@', n))
        return haul_fnv64("@ ", 2, shape);
    for (size_t i = 0; i < n && len < sizeof(sig) - 1; i++) {
        char c = haul_is_digit(p[i]) ? '9' : haul_is_alpha((unsigned char)p[i]) ? 'a' : p[i];
        if (!len || sig[len - 1] != c || (c != '9' && c != 'a'))
            sig[len++] = c;
    }
    sig[len++] = ' ';
    return haul_fnv64(sig, len, shape);
}

static size_t skip_blanks(const char *p, size_t at, size_t n)
{
    while (at < n && is_blank(p[at]))
        at++;
    return at;
}

/* End of the token at `at`: a quoted local part may hold blanks ("John Doe"@example.com). */
static size_t token_end(const char *p, size_t at, size_t n)
{
    if (p[at] == '"') {
        const char *close = memchr(p + at + 1, '"', n - at - 1);
        if (close)
            at = (size_t)(close - p) + 1;
    }
    while (at < n && !is_blank(p[at]))
        at++;
    return at;
}

/* What may follow the date: nothing, or the trace of a UUCP hop. */
static bool is_usual_tail(const char *p, size_t n)
{
    haul_span rest = haul_span_trim((haul_span){p, n});
    return !rest.len || haul_istarts(rest.p, rest.len, "remote from ");
}

static bool may_be_date(const char *p)
{
    return haul_is_digit(p[0]) || haul_is_alpha((unsigned char)p[0]);
}

/* Try a date at every token; the first that can be read is it, what stands before it is the sender. */
static void find_date(const char *p, size_t n, haul_mbox_line *ret)
{
    size_t tokens = 0, used;
    for (size_t at = skip_blanks(p, 5, n); at < n && tokens < TOKENS_MAX; tokens++) {
        if (may_be_date(p + at) && haul_date_asctime(p + at, n - at, &ret->received_us, &ret->tz, &used)) {
            ret->sender = haul_span_trim((haul_span){p + 5, at - 5});
            ret->dated = true;
            ret->plain = tokens <= 1 && is_usual_tail(p + at + used, n - at - used);
            return;
        }
        at = skip_blanks(p, token_end(p, at, n), n);
    }
    ret->sender = haul_span_trim((haul_span){p + 5, n - 5});
}

void haul_mbox_parse_line(const char *p, size_t n, char eol, haul_mbox_line *ret)
{
    *ret = (haul_mbox_line){.shape = haul_fnv64("From", 4, 0)};
    if (n > HAUL_MBOX_FROM_MAX)
        n = HAUL_MBOX_FROM_MAX;
    const char *stop = memchr(p, eol, n);
    ret->len = stop ? (size_t)(stop - p) : n;
    n = ret->len;
    while (n > 5 && (p[n - 1] == '\r' || is_blank(p[n - 1])))
        n--;
    find_date(p, n, ret);
    for (size_t at = skip_blanks(p, 5, n), tokens = 0; at < n && tokens < TOKENS_MAX; tokens++) {
        size_t end = token_end(p, at, n);
        ret->shape = add_token(ret->shape, p + at, end - at);
        at = skip_blanks(p, end, n);
    }
}

typedef enum after { AFTER_TEXT, AFTER_EMPTY, AFTER_HEADER, AFTER_END } after;

/* What follows a From_ line: a header, Mac Thunderbird's second From_ line, an empty line, the end of the file. */
static after what_follows(const char *p, size_t n, size_t len, char eol)
{
    size_t at = len + 1;
    if (at >= n)
        return len < HAUL_MBOX_FROM_MAX ? AFTER_END : AFTER_TEXT;
    p += at;
    n -= at;
    if (p[0] == eol || (p[0] == '\r' && n > 1 && p[1] == eol))
        return AFTER_EMPTY;
    if (haul_header_like(p, n) || (n >= 6 && memcmp(p, ">From ", 6) == 0))
        return AFTER_HEADER;
    return AFTER_TEXT;
}

/* Lines without a date that programs are known to write: Thunderbird's "From -", a lone address (Takeout). */
static bool is_known_undated(const haul_mbox_line *l)
{
    return haul_span_is(l->sender, "-") ||
           (memchr(l->sender.p, '@', l->sender.len) && !memchr(l->sender.p, ' ', l->sender.len));
}

/* A header follows: two criteria of three, or the file's own convention, make a separator. */
static haul_mbox_verdict judge_header(const haul_mbox_line *l, bool blank, bool same, const char **why)
{
    if (blank && (l->plain || same))
        return HAUL_MBOX_SPLIT;
    if (l->dated) {
        *why = blank ? "odd text around its date" : "no empty line before it";
        return blank || l->plain ? HAUL_MBOX_DOUBT_SPLIT : HAUL_MBOX_DOUBT_TEXT;
    }
    *why = blank ? "no readable date" : "no readable date, no empty line before it";
    if (same || (blank && is_known_undated(l)))
        return HAUL_MBOX_DOUBT_SPLIT;
    return blank ? HAUL_MBOX_DOUBT_TEXT : HAUL_MBOX_TEXT;
}

haul_mbox_verdict haul_mbox_judge(const char *p, size_t n, char eol, bool blank, uint64_t shape,
                                  const char **ret_why)
{
    haul_mbox_line l;
    haul_mbox_parse_line(p, n, eol, &l);
    after next = what_follows(p, n, l.len, eol);
    bool same = shape && l.shape == shape;
    *ret_why = "";
    if (next == AFTER_HEADER)
        return judge_header(&l, blank, same, ret_why);
    *ret_why = next == AFTER_EMPTY ? "an empty line after it" : "no header after it";
    if (next != AFTER_TEXT && blank && l.plain)
        return HAUL_MBOX_DOUBT_SPLIT;
    return blank || l.dated ? HAUL_MBOX_DOUBT_TEXT : HAUL_MBOX_TEXT;
}

bool haul_mbox_lands(const char *p, size_t n, char eol, uint64_t shape)
{
    haul_mbox_line l;
    if (!haul_mbox_starts_from(p, n))
        return false;
    haul_mbox_parse_line(p, n, eol, &l);
    return l.dated || (shape && l.shape == shape);
}
