#include "mime/base64.h"

#include "base/cpu.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t haul_base64_line(char *to, const void *octets, size_t n)
{
    const unsigned char *p = octets;
    char *at = to;
    for (; n >= 3; p += 3, n -= 3, at += 4) {
        uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        at[0] = BASE64[v >> 18];
        at[1] = BASE64[v >> 12 & 63];
        at[2] = BASE64[v >> 6 & 63];
        at[3] = BASE64[v & 63];
    }
    if (n) {
        uint32_t v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0);
        at[0] = BASE64[v >> 18];
        at[1] = BASE64[v >> 12 & 63];
        at[2] = n > 1 ? BASE64[v >> 6 & 63] : '=';
        at[3] = '=';
        at += 4;
    }
    at[0] = '\r';
    at[1] = '\n';
    return (size_t)(at + 2 - to);
}

#if defined(__x86_64__)

#define WIDE_READ  64u /* octets that are read for a line */
#define WIDE_STEPS 5u  /* of 12 octets, which more than fill it */

/* The first 12 octets of v as 16 characters. */
HAUL_SSSE3 static __m128i encode_12(__m128i v)
{
    /* In each 32 bits the octets b, a, c, b of a group abc, so that every 6 bits lie within 16. */
    v = _mm_shuffle_epi8(v, _mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10));
    __m128i first_third = _mm_mulhi_epu16(_mm_and_si128(v, _mm_set1_epi32(0x0FC0FC00)),
                                          _mm_set1_epi32(0x04000040)); /* right by 10 and 6 */
    __m128i second_fourth = _mm_mullo_epi16(_mm_and_si128(v, _mm_set1_epi32(0x003F03F0)),
                                            _mm_set1_epi32(0x01000010)); /* left by 4 and 8 */
    __m128i six = _mm_or_si128(first_third, second_fourth);
    /* 0 for a letter from a to z, 1 to 12 from '0' to '/', 13 for one from A to Z: by this goes what is added. */
    __m128i class = _mm_or_si128(_mm_subs_epu8(six, _mm_set1_epi8(51)),
                                 _mm_and_si128(_mm_cmpgt_epi8(_mm_set1_epi8(26), six), _mm_set1_epi8(13)));
    const __m128i add = _mm_setr_epi8('a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                                      '0' - 52, '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0);
    return _mm_add_epi8(six, _mm_shuffle_epi8(add, class));
}

HAUL_SSSE3 static void encode_line(char *to, const char *p)
{
    for (unsigned i = 0; i < WIDE_STEPS; i++) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 12 * i));
        _mm_storeu_si128((__m128i *)(void *)(to + 16 * i), encode_12(v));
    }
    memcpy(to + HAUL_BASE64_WIDTH - 2, "\r\n", 2);
}

/* Lines that the processor can do 12 octets at a time: those with enough behind them that may be read. */
static size_t wide_lines(char *to, size_t max, const char *p, size_t n)
{
    size_t lines = 0;
    if (!haul_cpu_ssse3())
        return 0;
    for (; lines < max && n >= WIDE_READ; lines++, n -= HAUL_BASE64_LINE)
        encode_line(to + lines * HAUL_BASE64_WIDTH, p + lines * HAUL_BASE64_LINE);
    return lines;
}

#else

static size_t wide_lines(char *to, size_t max, const char *p, size_t n)
{
    (void)to, (void)max, (void)p, (void)n;
    return 0;
}

#endif

size_t haul_base64_lines(char *to, size_t max, const void *octets, size_t n)
{
    const char *p = octets;
    size_t lines = wide_lines(to, max, p, n);
    for (; lines < max && n - lines * HAUL_BASE64_LINE >= HAUL_BASE64_LINE; lines++)
        haul_base64_line(to + lines * HAUL_BASE64_WIDTH, p + lines * HAUL_BASE64_LINE, HAUL_BASE64_LINE);
    return lines;
}
