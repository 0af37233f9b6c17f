#include "base/utf.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define REPLACEMENT 0xFFFDu

/* Windows-1252, 0x80 to 0x9F, as the WHATWG Encoding Standard has it: the five holes are C1 controls. */
static const uint16_t CP1252[32] = {
    0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008D, 0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178,
};

/* Length that the lead octet announces (RFC 3629 section 3), 0 = not a lead octet. */
static size_t sequence_len(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead < 0xE0)
        return 2;
    if (lead >= 0xE0 && lead < 0xF0)
        return 3;
    return lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
}

size_t haul_utf8_next(const void *p, size_t n, uint32_t *ret_cp)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *s = p;
    size_t len = n ? sequence_len(s[0]) : 0;
    if (len == 0 || len > n)
        return 0;
    uint32_t cp = len == 1 ? s[0] : s[0] & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
        cp = cp << 6 | (s[i] & 0x3Fu);
    }
    if (cp < least[len] || cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000))
        return 0;
    if (ret_cp)
        *ret_cp = cp;
    return len;
}

size_t haul_ascii_run(const void *octets, size_t n)
{
    const unsigned char *p = octets;
    size_t i = 0;
#ifdef __SSE2__
    for (; n - i >= sizeof(__m128i);
         i += sizeof(__m128i)) { /* runs are short in most languages: no second look */
        unsigned others =
            (unsigned)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)(p + i)));
        if (others)
            return i + (size_t)__builtin_ctz(others);
    }
#endif
    for (uint64_t w; n - i >= sizeof(w); i += sizeof(w)) {
        memcpy(&w, p + i, sizeof(w));
        if (w & UINT64_C(0x8080808080808080))
            break;
    }
    while (i < n && p[i] < 0x80)
        i++;
    return i;
}

bool haul_utf8_valid(const void *p, size_t n)
{
    const unsigned char *s = p;
    size_t i = 0;
    while ((i += haul_ascii_run(s + i, n - i)) < n) {
        size_t len = haul_utf8_next(s + i, n - i, NULL);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

size_t haul_utf8_put(char to[4], uint32_t cp)
{
    if (cp > 0x10FFFF || (cp >= 0xD800 && cp < 0xE000))
        cp = REPLACEMENT;
    size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 1; cp >>= 6)
        to[i] = (char)(0x80 | (cp & 0x3F));
    to[0] = (char)(lead[n] | cp);
    return n;
}

void haul_utf8_add(haul_str *to, uint32_t cp)
{
    char b[4];
    haul_str_add(to, b, haul_utf8_put(b, cp));
}

/* How many octets from p on are ASCII and no NUL. */
static size_t plain_run(const unsigned char *p, size_t n)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    size_t i = 0;
    for (uint64_t w; n - i >= sizeof(w); i += sizeof(w)) {
        memcpy(&w, p + i, sizeof(w));
        if ((w | (w - ones)) & high) /* a borrow comes from a NUL, or from an octet that is not ASCII */
            break;
    }
    while (i < n && p[i] - 1u < 0x7F)
        i++;
    return i;
}

bool haul_utf8_clean(haul_str *to, const void *p, size_t n, bool guess)
{
    const unsigned char *s = p;
    bool clean = true;
    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        size_t len = plain_run(s + i, n - i);
        if (len) {
            haul_str_add(to, s + i, len);
            i += len;
            continue;
        }
        len = haul_utf8_next(s + i, n - i, &cp);
        if (len && cp) {
            haul_str_add(to, s + i, len);
            i += len;
            continue;
        }
        unsigned char c = s[i++];
        clean = false;
        if (!guess || c == 0)
            haul_utf8_add(to, REPLACEMENT);
        else
            haul_utf8_add(to, c < 0xA0 ? CP1252[c - 0x80] : c);
    }
    return clean;
}

size_t haul_utf8_cut(const char *z, size_t len, size_t max)
{
    if (len <= max)
        return len;
    size_t at = max;
    while (at > 0 && max - at < 3 && ((unsigned char)z[at] & 0xC0) == 0x80)
        at--;
    /* Four continuation octets in a row are no character: cut where asked. */
    return ((unsigned char)z[at] & 0xC0) == 0x80 ? max : at;
}

/* ── modified UTF-7: BASE64 of UTF-16, "," for "/", "&" shifts in and "-" out (RFC 3501 5.1.3) ── */

static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

typedef struct bits { /* not yet written bits, high ones first */
    uint32_t v;
    unsigned n;
} bits;

static void put_unit(haul_str *to, bits *b, uint32_t unit)
{
    b->v = b->v << 16 | unit;
    for (b->n += 16; b->n >= 6; b->n -= 6)
        haul_str_addc(to, BASE64[b->v >> (b->n - 6) & 63]);
    b->v &= (1u << b->n) - 1;
}

static void put_utf16(haul_str *to, bits *b, uint32_t cp)
{
    if (cp < 0x10000) {
        put_unit(to, b, cp);
        return;
    }
    put_unit(to, b, 0xD800 + ((cp - 0x10000) >> 10));
    put_unit(to, b, 0xDC00 + ((cp - 0x10000) & 0x3FF));
}

static void shift_out(haul_str *to, bits *b)
{
    if (b->n)
        haul_str_addc(to, BASE64[b->v << (6 - b->n) & 63]);
    *b = (bits){0};
    haul_str_addc(to, '-');
}

static bool is_direct(uint32_t cp)
{
    return cp >= 0x20 && cp < 0x7F;
}

void haul_mutf7_encode(haul_str *to, const char *z)
{
    bits b = {0};
    bool shifted = false;
    haul_str_room(to, strlen(z));
    for (size_t i = 0, n = strlen(z); i < n;) {
        uint32_t cp = REPLACEMENT;
        size_t len = haul_utf8_next(z + i, n - i, &cp);
        i += len ? len : 1;
        if (shifted == is_direct(cp)) {
            if (shifted)
                shift_out(to, &b);
            else
                haul_str_addc(to, '&');
            shifted = !shifted;
        }
        if (shifted)
            put_utf16(to, &b, cp);
        else
            haul_str_add(to, cp == '&' ? "&-" : z + i - len, cp == '&' ? 2 : 1);
    }
    if (shifted)
        shift_out(to, &b);
}

/* One UTF-16 unit more; *high holds a surrogate that waits for its other half. False when unpaired. */
static bool take_unit(haul_str *to, uint32_t *high, uint32_t unit)
{
    bool low = unit >= 0xDC00 && unit < 0xE000;
    if ((*high != 0) != low || unit == 0)
        return false;
    if (low)
        haul_utf8_add(to, 0x10000 + ((*high - 0xD800) << 10) + (unit - 0xDC00));
    else if (unit < 0xD800 || unit >= 0xE000)
        haul_utf8_add(to, unit);
    *high = unit >= 0xD800 && unit < 0xDC00 ? unit : 0;
    return true;
}

/* The BASE64 run at z, behind its '&'. Returns its length with the '-', 0 when malformed. */
static size_t take_run(haul_str *to, const char *z)
{
    bits b = {0};
    uint32_t high = 0;
    size_t i = 0;
    for (; z[i] != '-'; i++) {
        const char *at = z[i] ? strchr(BASE64, z[i]) : NULL;
        if (!at)
            return 0;
        b.v = b.v << 6 | (uint32_t)(at - BASE64);
        b.n += 6;
        if (b.n < 16)
            continue;
        b.n -= 16;
        if (!take_unit(to, &high, b.v >> b.n & 0xFFFF))
            return 0;
        b.v &= (1u << b.n) - 1;
    }
    return high ? 0 : i + 1;
}

static bool decode(haul_str *to, const char *z)
{
    while (*z) {
        unsigned char c = (unsigned char)*z++;
        if (!is_direct(c))
            return false;
        if (c != '&' || *z == '-') {
            haul_str_addc(to, (char)c);
            z += c == '&';
            continue;
        }
        size_t n = take_run(to, z);
        if (n == 0)
            return false;
        z += n;
    }
    return true;
}

bool haul_mutf7_decode(haul_str *to, const char *z)
{
    haul_auto_str name = {0}, back = {0};
    if (!decode(&name, z))
        return false;
    /* Superfluous shifts, encoded ASCII and padding bits show when the name is encoded again. */
    haul_mutf7_encode(&back, haul_strz(&name));
    if (strcmp(haul_strz(&back), z) != 0)
        return false;
    haul_str_add(to, haul_strz(&name), name.len);
    return true;
}
