#include "mime/put.h"

#include "base/utf.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define FILETIME_1970 INT64_C(116444736000000000) /* 100 ns from 1601 to 1970 */
#define NAMED_ID      0x8000u                     /* a store gives the id that counts */

void haul_le_add(haul_str *to, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        haul_str_addc(to, (char)(v >> 8 * i));
}

uint64_t haul_filetime(int64_t us)
{
    int64_t v = us * 10 + FILETIME_1970;
    return v > 0 ? (uint64_t)v : 0;
}

/* ── text ── */

static char *put_unit(char *to, uint32_t unit)
{
    to[0] = (char)unit;
    to[1] = (char)(unit >> 8);
    return to + 2;
}

static char *put_units(char *to, uint32_t cp)
{
    if (cp <= 0xffff)
        return put_unit(to, cp);
    to = put_unit(to, 0xd800 + ((cp - 0x10000) >> 10));
    return put_unit(to, 0xdc00 + ((cp - 0x10000) & 0x3ff));
}

/* The ASCII at p as units, up to `stop` (an ASCII octet; '\x80': there is none); how much of it there was. */
static size_t widen(char *to, const char *p, size_t n, char stop)
{
    size_t i = 0;
#ifdef __SSE2__
    __m128i zero = _mm_setzero_si128(), stops = _mm_set1_epi8(stop);
    for (; n - i >= 16; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        int end = _mm_movemask_epi8(_mm_or_si128(v, _mm_cmpeq_epi8(v, stops)));
        _mm_storeu_si128((__m128i *)(void *)(to + 2 * i), _mm_unpacklo_epi8(v, zero));
        _mm_storeu_si128((__m128i *)(void *)(to + 2 * i + 16), _mm_unpackhi_epi8(v, zero));
        if (end)
            return i + (size_t)__builtin_ctz((unsigned)end);
    }
#endif
    for (; i < n && !(p[i] & 0x80) && p[i] != stop; i++)
        put_unit(to + 2 * i, (unsigned char)p[i]);
    return i;
}

/* To `to`, where there is room for 2 n octets, and 2 more for each line end that becomes CRLF: no character of UTF-8, and no octet
 * that is none, becomes more. */
static char *put_utf16(char *to, const char *p, size_t n, bool lines)
{
    const char *first = p;
    while (n) {
        size_t run = widen(to, p, n, lines ? '\n' : '\x80');
        to += 2 * run;
        p += run;
        n -= run;
        if (!n)
            break;
        if (lines && *p == '\n') {
            to = p > first && p[-1] == '\r' ? to : put_unit(to, '\r');
            to = put_unit(to, '\n');
            p++;
            n--;
            continue;
        }
        uint32_t cp;
        size_t k = haul_utf8_next(p, n, &cp);
        to = put_units(to, k ? cp : 0xfffd);
        p += k ? k : 1;
        n -= k ? k : 1;
    }
    return to;
}

void haul_utf16_add(haul_str *to, const char *p, size_t n)
{
    haul_str_room(to, 2 * n);
    to->len = (size_t)(put_utf16(to->p + to->len, p, n, false) - to->p);
    to->p[to->len] = '\0';
}

/* ── values ── */

bool haul_put_has(const haul_put *to, haul_key k)
{
    if (k.set == HAUL_PSET_NONE)
        return haul_bag_get(to->bag, (uint16_t)k.id);
    return k.name ? haul_bag_name(to->bag, k.set, k.name) : haul_bag_lid(to->bag, k.set, k.id);
}

/* Takes over a value that lives in the arena. */
static void put(const haul_put *to, haul_key k, unsigned type, const void *p, size_t n)
{
    bool named = k.set != HAUL_PSET_NONE;
    uint8_t guid[16] = {0};
    if (haul_put_has(to, k))
        return;
    if (named)
        haul_pset_guid(k.set, guid);
    haul_prop one = {.id = (uint16_t)(named ? NAMED_ID : k.id),
                     .type = (uint16_t)type,
                     .set = k.set,
                     .lid = k.name  ? 0
                            : named ? k.id
                                    : 0,
                     .name = k.name,
                     .guid = named ? (uint8_t *)haul_arena_strn(to->a, guid, 16) : NULL,
                     .p = p,
                     .n = n};
    (void)haul_bag_add(to->bag, to->a, &one);
}

static void put_str(const haul_put *to, haul_key k, unsigned type, const haul_str *s)
{
    put(to, k, type, haul_arena_strn(to->a, haul_strz(s), s->len), s->len);
}

static void put_le(const haul_put *to, haul_key k, unsigned type, uint64_t v, size_t n)
{
    uint8_t p[8];
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> 8 * i);
    put(to, k, type, haul_arena_strn(to->a, p, n), n);
}

void haul_put_textn(const haul_put *to, haul_key k, const char *p, size_t n)
{
    char *at = haul_arena_alloc(to->a, 2 * n + 1), *end = put_utf16(at, p, n, false);
    *end = '\0';
    put(to, k, HAUL_PT_UNICODE, at, (size_t)(end - at));
}

void haul_put_text(const haul_put *to, haul_key k, const char *z)
{
    if (z && *z)
        haul_put_textn(to, k, z, strlen(z));
}

static size_t lines_in(const char *p, size_t n)
{
    size_t lines = 0, i = 0;
#ifdef __SSE2__
    __m128i ends = _mm_set1_epi8('\n'), one = _mm_set1_epi8(1), zero = _mm_setzero_si128(), sum = zero;
    for (; n - i >= 16; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        sum = _mm_add_epi64(sum, _mm_sad_epu8(_mm_and_si128(_mm_cmpeq_epi8(v, ends), one), zero));
    }
    uint64_t half[2];
    _mm_storeu_si128((__m128i *)(void *)half, sum);
    lines = (size_t)(half[0] + half[1]);
#endif
    for (; i < n; i++)
        lines += p[i] == '\n';
    return lines;
}

void haul_put_lines(const haul_put *to, haul_key k, const char *p, size_t n)
{
    char *at = haul_arena_alloc(to->a, 2 * (n + lines_in(p, n)) + 1), *end = put_utf16(at, p, n, true);
    *end = '\0';
    put(to, k, HAUL_PT_UNICODE, at, (size_t)(end - at));
}

void haul_put_int(const haul_put *to, haul_key k, int64_t v)
{
    put_le(to, k, HAUL_PT_I32, (uint64_t)v, 4);
}

void haul_put_bool(const haul_put *to, haul_key k, bool v)
{
    put_le(to, k, HAUL_PT_BOOL, v, 1);
}

void haul_put_real(const haul_put *to, haul_key k, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof(bits));
    put_le(to, k, HAUL_PT_R64, bits, 8);
}

void haul_put_time(const haul_put *to, haul_key k, int64_t us)
{
    uint64_t v = haul_filetime(us);
    if (v)
        put_le(to, k, HAUL_PT_TIME, v, 8);
}

void haul_put_bin(const haul_put *to, haul_key k, const void *p, size_t n)
{
    put(to, k, HAUL_PT_BINARY, haul_arena_strn(to->a, n ? p : "", n), n);
}

void haul_put_guid(const haul_put *to, haul_key k, const uint8_t guid[16])
{
    put(to, k, HAUL_PT_GUID, haul_arena_strn(to->a, guid, 16), 16);
}

void haul_put_ints(const haul_put *to, haul_key k, const int32_t *v, size_t n)
{
    haul_auto_str s = {0};
    for (size_t i = 0; i < n; i++)
        haul_le_add(&s, (uint64_t)(int64_t)v[i], 4);
    if (n)
        put_str(to, k, HAUL_PT_I32 | HAUL_PT_MULTI, &s);
}

/* MS-PST 2.3.3.4.2: count, offsets, values. */
static void put_multi(const haul_put *to, haul_key k, unsigned type, const haul_str *values, const size_t *at,
                      size_t n)
{
    haul_auto_str s = {0};
    haul_le_add(&s, n, 4);
    for (size_t i = 0; i < n; i++)
        haul_le_add(&s, 4 + 4 * n + at[i], 4);
    haul_str_add(&s, haul_strz(values), values->len);
    if (n)
        put_str(to, k, type | HAUL_PT_MULTI, &s);
}

void haul_put_texts(const haul_put *to, haul_key k, const char *const *z, size_t n)
{
    haul_auto_str values = {0};
    size_t *at = haul_arena_alloc(to->a, (n + 1) * sizeof(*at));
    for (size_t i = 0; i < n; i++) {
        at[i] = values.len;
        haul_utf16_add(&values, z[i], strlen(z[i]));
    }
    put_multi(to, k, HAUL_PT_UNICODE, &values, at, n);
}

void haul_put_bins(const haul_put *to, haul_key k, const haul_span *v, size_t n)
{
    haul_auto_str values = {0};
    size_t *at = haul_arena_alloc(to->a, (n + 1) * sizeof(*at));
    for (size_t i = 0; i < n; i++) {
        at[i] = values.len;
        haul_str_add(&values, v[i].p, v[i].len);
    }
    put_multi(to, k, HAUL_PT_BINARY, &values, at, n);
}
