/* Where one message ends and the next begins: the search, and the judgement of From_ lines. */
#include "base/cpu.h"
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

#ifdef __x86_64__

HAUL_AVX2 static const char *find_wide(const char *p, const char *end, char eol)
{
    const __m256i eols = _mm256_set1_epi8(eol), efs = _mm256_set1_epi8('F'), quotes = _mm256_set1_epi8('>');
    for (; end - p > 32; p += 32) {
        __m256i next = haul_load32(p + 1), here = _mm256_cmpeq_epi8(haul_load32(p), eols);
        __m256i second = _mm256_or_si256(_mm256_cmpeq_epi8(next, efs), _mm256_cmpeq_epi8(next, quotes));
        int mask = _mm256_movemask_epi8(_mm256_and_si256(here, second));
        if (mask)
            return p + __builtin_ctz((unsigned)mask);
    }
    return find_narrow(p, end, eol);
}

#endif

const char *haul_mbox_find(const char *p, const char *end, char eol)
{
#ifdef __x86_64__
    if (haul_cpu_avx2())
        return find_wide(p, end, eol);
#endif
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
    while (at < n && (p[at] == '\n' || p[at] == '\r' || p[at] == '\0'))
        at++;
    return at;
}

bool haul_mbox_may_lead(const char *p, size_t n)
{
    if (haul_header_like(p, n))
        return true;
    for (const char *q = p; (q = haul_mbox_find(q, p + n, '\n')); q++)
        if (haul_mbox_starts_from(q + 1, (size_t)(p + n - q - 1)))
            return true;
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool haul_mbox_is_vault_name(const char *p, size_t n)
{
    static const char uuid[] = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh.mbox";
    size_t at = 0, len = sizeof(uuid) - 1;
    while (at < n && haul_is_digit(p[at]))
        at++;
    if (!at || n != at + 1 + len || p[at++] != '-')
        return false;
    for (size_t i = 0; i < len; i++)
        if (uuid[i] == 'h' ? haul_hexval((unsigned char)p[at + i]) < 0 : p[at + i] != uuid[i])
            return false;
    return true;
}

/* The class of a token: what stays the same between two lines of one writer. */
static uint64_t add_token(uint64_t shape, const char *p, size_t n)
{
    char sig[34];
    size_t len = 0;
    if (memchr(p, '@', n))
        return haul_fnv64("@ ", 2, shape);
    if (haul_mbox_is_vault_name(p, n))
        return haul_fnv64("vault ", 6, shape);
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

size_t haul_mbox_quoted_length(const char *p, size_t n)
{
    size_t at = 1;
    if (!n || p[0] != '"')
        return 0;
    while (at < n && p[at] != '"')
        at += p[at] == '\\' ? 2 : 1;
    return at < n ? at + 1 : 0;
}

/* End of the token at `at`: a quoted local part may hold blanks ("John Doe"@example.com). */
static size_t token_end(const char *p, size_t at, size_t n)
{
    at += haul_mbox_quoted_length(p + at, n - at);
    while (at < n && !is_blank(p[at]))
        at++;
    return at;
}

/* A zone that no table knows: up to five capitals. */
static bool is_zone_like(haul_span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] < 'A' || s.p[i] > 'Z')
            return false;
    return s.len <= 5;
}

/* What may follow the date: nothing, a zone, or the trace of a UUCP hop. */
static bool is_usual_tail(const char *p, size_t n)
{
    haul_span rest = haul_span_trim((haul_span){p, n});
    return is_zone_like(rest) || haul_istarts(rest.p, rest.len, "remote from ");
}

static bool may_be_date(const char *p)
{
    return haul_is_digit(p[0]) || haul_is_alpha((unsigned char)p[0]);
}

/* What programs write and prose hardly ever does: seconds, or a weekday and a month in front. */
static bool is_exact(const char *p, size_t n)
{
    size_t colons = 0, second = skip_blanks(p, token_end(p, 0, n), n);
    for (size_t i = 0; i < n; i++)
        colons += p[i] == ':';
    return colons >= 2 || (second < n && haul_is_alpha((unsigned char)p[0]) && !haul_is_digit(p[second]));
}

/* Try a date at every token. Of those that overlap, the one that goes furthest is it ("From 22 Wed Nov 17
 * 14:35:53 1999"), of those that end together, the first; what stands before it is the sender. */
static void find_date(const char *p, size_t n, haul_mbox_line *ret)
{
    size_t used, stop = n, best = 5;
    ret->sender = haul_span_trim((haul_span){p + 5, n - 5});
    for (size_t at = skip_blanks(p, 5, n), tokens = 0; at < stop && tokens < TOKENS_MAX; tokens++) {
        int64_t us;
        int16_t tz;
        if (may_be_date(p + at) && haul_date_asctime(p + at, n - at, &us, &tz, &used) &&
            (!ret->dated || at + used > best)) {
            ret->sender = haul_span_trim((haul_span){p + 5, at - 5});
            ret->received_us = us;
            ret->tz = tz;
            ret->dated = true;
            ret->exact = is_exact(p + at, used);
            ret->plain = tokens <= 1 && (tokens || ret->exact) && is_usual_tail(p + at + used, n - at - used);
            stop = best = at + used;
        }
        at = skip_blanks(p, token_end(p, at, n), n);
    }
}

haul_span haul_mbox_address(haul_span sender)
{
    const char *open = memchr(sender.p, '<', sender.len), *end = sender.p + sender.len;
    if (open && end[-1] == '>')
        return haul_span_trim((haul_span){open + 1, (size_t)(end - 1 - open - 1)});
    size_t first = sender.len ? token_end(sender.p, 0, sender.len) : 0;
    return memchr(sender.p, '@', first) ? (haul_span){sender.p, first} : sender;
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

typedef enum after { AFTER_TEXT, AFTER_EMPTY, AFTER_HEADER, AFTER_FROM, AFTER_END } after;

static bool is_plain_line(const char *p, size_t n, char eol)
{
    haul_mbox_line l;
    if (!haul_mbox_starts_from(p, n))
        return false;
    haul_mbox_parse_line(p, n, eol, &l);
    return l.plain;
}

/* What follows a From_ line: a header or Mac Thunderbird's bogus second line, an empty line, another From_
 * line, the end of the file. */
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
    return is_plain_line(p, n, eol) ? AFTER_FROM : AFTER_TEXT;
}

static bool has_time(haul_span s)
{
    for (size_t i = 1; i + 1 < s.len; i++)
        if (s.p[i] == ':' && haul_is_digit(s.p[i - 1]) && haul_is_digit(s.p[i + 1]))
            return true;
    return false;
}

/* Lines without a readable date that programs are known to write: Thunderbird's "From -", a lone address
 * (Takeout), the name of a file of Vault, an address and a date that does not exist. */
static bool is_known_undated(const haul_mbox_line *l)
{
    haul_span address = haul_mbox_address(l->sender);
    return haul_span_is(l->sender, "-") || haul_mbox_is_vault_name(l->sender.p, l->sender.len) ||
           (memchr(address.p, '@', address.len) && (address.len == l->sender.len || has_time(l->sender)));
}

/* A header follows: two criteria of three, or the file's own convention, make a separator. */
static haul_mbox_verdict judge_header(const haul_mbox_line *l, bool blank, bool same, const char **why)
{
    if (blank && (l->plain || same))
        return HAUL_MBOX_SPLIT;
    if (l->dated) {
        *why = blank ? "odd text around its date" : "no empty line before it";
        return (blank && l->exact) || l->plain ? HAUL_MBOX_DOUBT_SPLIT : HAUL_MBOX_DOUBT_TEXT;
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
    *ret_why = next == AFTER_EMPTY  ? "an empty line after it"
               : next == AFTER_FROM ? "another From_ line after it"
                                    : "no header after it";
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
