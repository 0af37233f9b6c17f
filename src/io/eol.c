#include "io/eol.h"

#include "base/cpu.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

typedef struct masks { /* one bit an octet of a block, the lowest for the first */
    uint64_t lf, cr, nul;
    bool eight_bit;
} masks;

/* What a processor has for it: the loops below are made once for each. */
typedef struct means {
    masks (*look)(const char *p);          /* at a block */
    uint64_t (*crlf)(const char *p);       /* the CRs of its CRLFs; one octet more is read */
    void (*copy)(char *to, const char *p); /* a block */
} means;

#define INLINE static inline __attribute__((always_inline))

/* ── 16 octets at a time, or one ── */

#ifdef __SSE2__

INLINE uint64_t equal_16(const char *p, char c)
{
    const __m128i all = _mm_set1_epi8(c);
    uint64_t m = 0;
    for (unsigned i = 0; i < 4; i++) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
        m |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, all)) << (16 * i);
    }
    return m;
}

/* CR, NUL and 8-bit octets are rare in mail: one look at the whole block says that there is none. */
INLINE masks look_16(const char *p)
{
    __m128i v[4];
    memcpy(v, p, sizeof(v));
    __m128i least = _mm_min_epu8(_mm_min_epu8(v[0], v[1]), _mm_min_epu8(v[2], v[3]));
    __m128i high = _mm_or_si128(_mm_or_si128(v[0], v[1]), _mm_or_si128(v[2], v[3]));
    masks m = {.lf = equal_16(p, '\n'), .cr = equal_16(p, '\r'), .eight_bit = _mm_movemask_epi8(high) != 0};
    if (_mm_movemask_epi8(_mm_cmpeq_epi8(least, _mm_setzero_si128())))
        m.nul = equal_16(p, '\0');
    return m;
}

INLINE uint64_t crlf_16(const char *p)
{
    uint64_t cr = equal_16(p, '\r');
    return cr ? cr & equal_16(p + 1, '\n') : 0;
}

#else

INLINE masks look_16(const char *p)
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

INLINE uint64_t crlf_16(const char *p)
{
    uint64_t m = 0;
    for (unsigned i = 0; i < HAUL_EOL_BLOCK; i++)
        m |= (uint64_t)(p[i] == '\r' && p[i + 1] == '\n') << i;
    return m;
}

#endif

INLINE void copy_16(char *to, const char *p)
{
    memcpy(to, p, HAUL_EOL_BLOCK);
}

/* ── 32 octets at a time ── */

#ifdef __x86_64__

HAUL_AVX2 static inline uint64_t equal_32(__m256i a, __m256i b, char c)
{
    const __m256i all = _mm256_set1_epi8(c);
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, all)) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, all)) << 32;
}

HAUL_AVX2 static inline masks look_32(const char *p)
{
    __m256i a = haul_load32(p), b = haul_load32(p + 32);
    __m256i zero = _mm256_cmpeq_epi8(_mm256_min_epu8(a, b), _mm256_setzero_si256());
    masks m = {.lf = equal_32(a, b, '\n'),
               .cr = equal_32(a, b, '\r'),
               .eight_bit = _mm256_movemask_epi8(_mm256_or_si256(a, b)) != 0};
    if (_mm256_movemask_epi8(zero))
        m.nul = equal_32(a, b, '\0');
    return m;
}

HAUL_AVX2 static inline uint64_t crlf_32(const char *p)
{
    uint64_t cr = equal_32(haul_load32(p), haul_load32(p + 32), '\r');
    return cr ? cr & equal_32(haul_load32(p + 1), haul_load32(p + 33), '\n') : 0;
}

HAUL_AVX2 static inline void copy_32(char *to, const char *p)
{
    __m256i a = haul_load32(p), b = haul_load32(p + 32);
    _mm256_storeu_si256((__m256i *)(void *)to, a);
    _mm256_storeu_si256((__m256i *)(void *)(to + 32), b);
}

#endif

/* ── counting, and a CR in front of each bare LF ── */

INLINE unsigned ones(uint64_t v)
{
    return (unsigned)__builtin_popcountll(v);
}

/* Add a block's counts. Returns the bits of its bare LFs. */
INLINE uint64_t count(haul_eol_state *s, const masks *m, size_t n)
{
    s->eight_bit |= m->eight_bit;
    s->lf += ones(m->lf);
    if (m->nul)
        s->nul += ones(m->nul);
    if (!(m->cr | s->prev1)) {
        s->prev2 = 0;
        return m->lf;
    }
    uint64_t after_cr = m->cr << 1 | s->prev1;
    uint64_t second = m->cr << 2 | (uint64_t)s->prev1 << 1 | s->prev2;
    s->cr += ones(m->cr);
    s->crlf += ones(m->lf & after_cr);
    s->cr_crlf += ones(m->lf & after_cr & second);
    s->prev2 = n > 1 ? (unsigned)(m->cr >> (n - 2) & 1) : s->prev1;
    s->prev1 = (unsigned)(m->cr >> (n - 1) & 1);
    return m->lf & ~after_cr;
}

/* Write n octets of the block at p with a CR in front of each LF of `bare`. Copies whole blocks and
 * overwrites what is too much: reads up to 2 blocks from p. */
INLINE size_t expand(const means *x, const char *p, size_t n, uint64_t bare, char *to)
{
    size_t added = 0;
    x->copy(to, p);
    for (; bare; bare &= bare - 1) {
        size_t at = (size_t)__builtin_ctzll(bare);
        to[at + added++] = '\r';
        x->copy(to + at + added, p + at);
    }
    return n + added;
}

INLINE size_t block(const means *x, haul_eol_state *s, const char *p, size_t n, char *to)
{
    masks m = x->look(p);
    uint64_t bare = count(s, &m, n);
    return to ? expand(x, p, n, bare, to) : 0;
}

INLINE size_t scan(const means *x, haul_eol_state *state, const char *p, size_t n, char *to)
{
    haul_eol_state s = *state; /* octets that are written may be anything but this */
    size_t out = 0;
    for (; n >= 2 * HAUL_EOL_BLOCK; p += HAUL_EOL_BLOCK, n -= HAUL_EOL_BLOCK)
        out += block(x, &s, p, HAUL_EOL_BLOCK, to ? to + out : NULL);
    /* The rest, where reading ahead would leave p; its filling is neither counted nor written. */
    char rest[3 * HAUL_EOL_BLOCK];
    memset(rest + n, 'x', sizeof(rest) - n);
    if (n)
        memcpy(rest, p, n);
    for (p = rest; n > 0;) {
        size_t step = n < HAUL_EOL_BLOCK ? n : HAUL_EOL_BLOCK;
        out += block(x, &s, p, step, to ? to + out : NULL);
        p += step;
        n -= step;
    }
    *state = s;
    return out;
}

/* Nearly all blocks of a message whose line ends are CRLF: every LF has its CR, every CR its LF, and there is no NUL. Adds to
 * *ret_lf what else would be added to each count. */
INLINE bool count_crlf(haul_eol_state *s, const masks *m, uint64_t *ret_lf)
{
    if (m->lf != (m->cr << 1 | s->prev1) || m->nul || (s->prev1 & s->prev2))
        return false;
    *ret_lf += ones(m->lf);
    s->eight_bit |= m->eight_bit;
    s->prev1 = (unsigned)(m->cr >> (HAUL_EOL_BLOCK - 1));
    s->prev2 = 0; /* a CR there has its LF behind it: no CR */
    return true;
}

INLINE size_t keep(const means *x, haul_eol_state *state, const char *p, size_t n)
{
    haul_eol_state s = *state;
    uint64_t lf = 0, cr = 0; /* of blocks that count_crlf counts */
    size_t at = 0;
    for (; n - at >= HAUL_EOL_BLOCK; at += HAUL_EOL_BLOCK) {
        haul_eol_state before = s;
        masks m = x->look(p + at);
        if (count_crlf(&s, &m, &lf)) {
            cr += s.prev1;
            cr -= before.prev1;
            continue;
        }
        if (count(&s, &m, HAUL_EOL_BLOCK)) {
            s = before;
            break;
        }
    }
    s.lf += lf;
    s.crlf += lf;
    s.cr += lf + cr;
    *state = s;
    return at;
}

/* ── CRLF to LF ── */

/* Whole blocks as far as one more octet can be seen; *ret_at: how far that is. */
INLINE size_t strip(const means *x, const char *p, size_t n, char *to, size_t *ret_at)
{
    size_t at = 0, out = 0;
    for (; n - at > 2 * HAUL_EOL_BLOCK; at += HAUL_EOL_BLOCK, out += HAUL_EOL_BLOCK) {
        uint64_t crlf = x->crlf(p + at);
        x->copy(to + out, p + at);
        for (; crlf; crlf &= crlf - 1) { /* what is behind it, one octet further in front */
            size_t i = (size_t)__builtin_ctzll(crlf);
            x->copy(to + out + i, p + at + i + 1);
            out--;
        }
    }
    *ret_at = at;
    return out;
}

/* ── the two of each ── */

static const means narrow = {look_16, crlf_16, copy_16};

#ifdef __x86_64__

static const means wide = {look_32, crlf_32, copy_32};

HAUL_AVX2 static size_t scan_wide(haul_eol_state *s, const char *p, size_t n, char *to)
{
    return scan(&wide, s, p, n, to);
}

HAUL_AVX2 static size_t keep_wide(haul_eol_state *s, const char *p, size_t n)
{
    return keep(&wide, s, p, n);
}

HAUL_AVX2 static size_t strip_wide(const char *p, size_t n, char *to, size_t *ret_at)
{
    return strip(&wide, p, n, to, ret_at);
}

#endif

size_t haul_eol_scan(haul_eol_state *s, const void *p, size_t n, char *to)
{
#ifdef __x86_64__
    if (haul_cpu_avx2())
        return scan_wide(s, p, n, to);
#endif
    return scan(&narrow, s, p, n, to);
}

size_t haul_eol_keep(haul_eol_state *s, const void *p, size_t n)
{
#ifdef __x86_64__
    if (haul_cpu_avx2())
        return keep_wide(s, p, n);
#endif
    return keep(&narrow, s, p, n);
}

static size_t strip_blocks(const char *p, size_t n, char *to, size_t *ret_at)
{
#ifdef __x86_64__
    if (haul_cpu_avx2())
        return strip_wide(p, n, to, ret_at);
#endif
    return strip(&narrow, p, n, to, ret_at);
}

size_t haul_eol_strip(const void *from, size_t n, char *to, bool *ret_held)
{
    const char *p = from, *end = p + n;
    size_t at, out = strip_blocks(p, n, to, &at);
    *ret_held = false;
    for (p += at; p < end; p++) {
        *ret_held = *p == '\r' && p + 1 == end;
        if (*p != '\r' || (!*ret_held && p[1] != '\n'))
            to[out++] = *p;
    }
    return out;
}
