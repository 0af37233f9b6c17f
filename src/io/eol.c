#include "io/eol.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

typedef struct masks { /* one bit an octet of a block, the lowest for the first */
    uint64_t lf, cr, nul;
    bool eight_bit;
} masks;

#ifdef __SSE2__

static uint64_t equal_mask(const __m128i v[4], char c)
{
    const __m128i all = _mm_set1_epi8(c);
    uint64_t m = 0;
    for (unsigned i = 0; i < 4; i++)
        m |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v[i], all)) << (16 * i);
    return m;
}

/* CR, NUL and 8-bit octets are rare in mail: one look at the whole block says that there is none. */
static masks look(const char *p)
{
    const __m128i cr = _mm_set1_epi8('\r');
    __m128i v[4];
    memcpy(v, p, sizeof(v));
    __m128i any_cr = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v[0], cr), _mm_cmpeq_epi8(v[1], cr)),
                                  _mm_or_si128(_mm_cmpeq_epi8(v[2], cr), _mm_cmpeq_epi8(v[3], cr)));
    __m128i least = _mm_min_epu8(_mm_min_epu8(v[0], v[1]), _mm_min_epu8(v[2], v[3]));
    __m128i high = _mm_or_si128(_mm_or_si128(v[0], v[1]), _mm_or_si128(v[2], v[3]));
    masks m = {.lf = equal_mask(v, '\n'), .eight_bit = _mm_movemask_epi8(high) != 0};
    if (_mm_movemask_epi8(any_cr))
        m.cr = equal_mask(v, '\r');
    if (_mm_movemask_epi8(_mm_cmpeq_epi8(least, _mm_setzero_si128())))
        m.nul = equal_mask(v, '\0');
    return m;
}

#else

static masks look(const char *p)
{
    masks m = {0};
    for (unsigned i = 0; i < HAUL_EOL_BLOCK; i++) {
        unsigned char c = (unsigned char)p[i];
        m.lf |= (uint64_t)(c == '\n') << i;
        m.cr |= (uint64_t)(c == '\r') << i;
        m.nul |= (uint64_t)(c == '\0') << i;
        m.eight_bit |= c > 127;
    }
    return m;
}

#endif

static unsigned popcount(uint64_t v)
{
    v -= v >> 1 & UINT64_C(0x5555555555555555);
    v = (v & UINT64_C(0x3333333333333333)) + (v >> 2 & UINT64_C(0x3333333333333333));
    v = (v + (v >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (unsigned)(v * UINT64_C(0x0101010101010101) >> 56);
}

/* Add a block's counts. Returns the bits of its bare LFs. */
static uint64_t count(haul_eol_state *s, const masks *m, size_t n)
{
    s->eight_bit |= m->eight_bit;
    s->lf += popcount(m->lf);
    if (m->nul)
        s->nul += popcount(m->nul);
    if (!(m->cr | s->prev1)) {
        s->prev2 = 0;
        return m->lf;
    }
    uint64_t after_cr = m->cr << 1 | s->prev1;
    uint64_t second = m->cr << 2 | (uint64_t)s->prev1 << 1 | s->prev2;
    s->cr += popcount(m->cr);
    s->crlf += popcount(m->lf & after_cr);
    s->cr_crlf += popcount(m->lf & after_cr & second);
    s->prev2 = n > 1 ? (unsigned)(m->cr >> (n - 2) & 1) : s->prev1;
    s->prev1 = (unsigned)(m->cr >> (n - 1) & 1);
    return m->lf & ~after_cr;
}

/* Write n octets of the block at p with a CR in front of each LF of `bare`. Copies whole blocks and
 * overwrites what is too much: reads up to 2 blocks from p. */
static size_t expand(const char *p, size_t n, uint64_t bare, char *to)
{
    size_t added = 0;
    memcpy(to, p, HAUL_EOL_BLOCK);
    for (; bare; bare &= bare - 1) {
        size_t at = (size_t)__builtin_ctzll(bare);
        to[at + added++] = '\r';
        memcpy(to + at + added, p + at, HAUL_EOL_BLOCK);
    }
    return n + added;
}

static size_t block(haul_eol_state *s, const char *p, size_t n, char *to)
{
    masks m = look(p);
    uint64_t bare = count(s, &m, n);
    return to ? expand(p, n, bare, to) : 0;
}

size_t haul_eol_scan(haul_eol_state *s, const void *from, size_t n, char *to)
{
    const char *p = from;
    size_t out = 0;
    for (; n >= 2 * HAUL_EOL_BLOCK; p += HAUL_EOL_BLOCK, n -= HAUL_EOL_BLOCK)
        out += block(s, p, HAUL_EOL_BLOCK, to ? to + out : NULL);
    /* The rest, where reading ahead would leave p; its filling is neither counted nor written. */
    char rest[3 * HAUL_EOL_BLOCK];
    memset(rest + n, 'x', sizeof(rest) - n);
    if (n)
        memcpy(rest, p, n);
    for (p = rest; n > 0;) {
        size_t step = n < HAUL_EOL_BLOCK ? n : HAUL_EOL_BLOCK;
        out += block(s, p, step, to ? to + out : NULL);
        p += step;
        n -= step;
    }
    return out;
}
