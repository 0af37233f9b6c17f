/* Which octets mail can carry as they are: printable ASCII and TAB; sixteen at a time where the processor can. */
#ifndef HAUL_MIME_PLAIN_H
#define HAUL_MIME_PLAIN_H

#include <stdbool.h>

#ifdef __SSE2__
#include <emmintrin.h>

#define HAUL_PLAIN_STEP 16u

static inline __m128i haul_load16(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline __m128i haul_same16(__m128i v, char c)
{
    return _mm_cmpeq_epi8(v, _mm_set1_epi8(c));
}

/* All bits set in every octet that is plain. */
static inline __m128i haul_plain16(__m128i v)
{
    __m128i printable = _mm_cmpgt_epi8(_mm_add_epi8(v, _mm_set1_epi8(1)), _mm_set1_epi8(32)); /* signed */
    return _mm_or_si128(printable, haul_same16(v, '\t'));
}
#endif

static inline bool haul_is_plain(unsigned char c)
{
    return (c >= 32 && c < 127) || c == '\t';
}

#endif
