/* Which encoding a text in memory gets, and its line ends. */
#include "mime/plain.h"
#include "mime/transfer.h"

#include <string.h>

#define LINE_MAX 998u

/* How many octets from p on are plain. */
static size_t plain_run(const char *p, size_t n)
{
    size_t i = 0;
#ifdef __SSE2__
    for (; n - i >= HAUL_PLAIN_STEP; i += HAUL_PLAIN_STEP) {
        unsigned odd = ~(unsigned)_mm_movemask_epi8(haul_plain16(haul_load16(p + i))) & 0xffff;
        if (odd)
            return i + (size_t)__builtin_ctz(odd);
    }
#endif
    while (i < n && haul_is_plain((unsigned char)p[i]))
        i++;
    return i;
}

static bool line_ends(const char *p, size_t n)
{
    return n > 1 && p[0] == '\r' && p[1] == '\n';
}

/* ASCII without controls but TAB, in lines that nothing on the way has to change. */
static bool travels(haul_span s)
{
    for (size_t at = 0; at < s.len;) {
        const char *p = s.p + at;
        size_t n = plain_run(p, s.len - at);
        if (n > LINE_MAX || (n == 1 && *p == '.') || (n >= 5 && memcmp(p, "From ", 5) == 0))
            return false;
        at += n;
        if (at < s.len && !line_ends(s.p + at, s.len - at))
            return false;
        at += 2;
    }
    return true;
}

#ifdef __SSE2__

#define ROUNDS 255u /* that a counter of one octet takes */

static size_t sum16(__m128i counts)
{
    __m128i two = _mm_sad_epu8(counts, _mm_setzero_si128());
    return (size_t)(_mm_cvtsi128_si32(two) + _mm_extract_epi16(two, 4));
}

/* count_coded of p[*i..n) as far as whole steps go; *i > 0. A mask is -1 in each octet that it is about. */
static size_t count_wide(const char *p, size_t n, size_t *i)
{
    size_t coded = 0, pairs = 0;
    while (n - *i >= HAUL_PLAIN_STEP) {
        __m128i all = _mm_setzero_si128(), kept = all, crlf = all;
        unsigned k = 0;
        for (; k < ROUNDS && n - *i >= HAUL_PLAIN_STEP; k++, *i += HAUL_PLAIN_STEP) {
            __m128i v = haul_load16(p + *i), before = haul_load16(p + *i - 1);
            kept = _mm_sub_epi8(kept, _mm_andnot_si128(haul_same16(v, '='), haul_plain16(v)));
            crlf = _mm_sub_epi8(crlf, _mm_and_si128(haul_same16(v, '\n'), haul_same16(before, '\r')));
        }
        coded += k * HAUL_PLAIN_STEP - sum16(kept);
        pairs += sum16(crlf);
    }
    return coded - 2 * pairs; /* the CR of the first may stand before *i */
}

#endif

/* Octets that QP encodes: all but plain ones, "=" too, and but CRLF. */
static size_t count_coded(haul_span s)
{
    size_t coded = s.len && (!haul_is_plain((unsigned char)*s.p) || *s.p == '='), i = 1;
    if (!s.len)
        return 0;
#ifdef __SSE2__
    coded += count_wide(s.p, s.len, &i);
#endif
    for (; i < s.len; i++) {
        coded += !haul_is_plain((unsigned char)s.p[i]) || s.p[i] == '=';
        coded -= s.p[i] == '\n' && s.p[i - 1] == '\r' ? 2 : 0;
    }
    return coded;
}

haul_encoding haul_transfer_choose(haul_span s)
{
    if (travels(s))
        return HAUL_ENC_7BIT;
    return count_coded(s) * 2 <= s.len / 3 ? HAUL_ENC_QP : HAUL_ENC_BASE64; /* 3 for 1 against 4 for 3 */
}

/* How many octets from p on have no CR and no LF but as CRLF. */
static size_t crlf_run(const char *p, size_t n)
{
    size_t i = 0;
    if (n && *p == '\n')
        return 0;
#ifdef __SSE2__
    for (; n - i > HAUL_PLAIN_STEP; i += HAUL_PLAIN_STEP) {
        __m128i cr = haul_same16(haul_load16(p + i), '\r');
        __m128i lf_behind = haul_same16(haul_load16(p + i + 1), '\n');
        if (_mm_movemask_epi8(_mm_xor_si128(cr, lf_behind)))
            break;
    }
#endif
    for (; i < n; i++) {
        bool lf_behind = i + 1 < n && p[i + 1] == '\n';
        if ((p[i] == '\r') != lf_behind)
            return lf_behind ? i + 1 : i;
    }
    return n;
}

void haul_text_crlf(haul_str *to, haul_span s)
{
    haul_str_room(to, s.len);
    for (size_t at = 0; at < s.len; at++) {
        size_t n = crlf_run(s.p + at, s.len - at);
        haul_str_add(to, s.p + at, n);
        at += n;
        if (at < s.len)
            haul_str_addz(to, "\r\n");
    }
}

bool haul_text_is_crlf(haul_span s)
{
    return crlf_run(s.p, s.len) == s.len;
}
