#include "mime/put.h"

#include "base/utf.h"

#include <string.h>

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

static void add_units(haul_str *to, uint32_t cp)
{
    if (cp > 0xffff) {
        haul_le_add(to, 0xd800 + ((cp - 0x10000) >> 10), 2);
        cp = 0xdc00 + ((cp - 0x10000) & 0x3ff);
    }
    haul_le_add(to, cp, 2);
}

void haul_utf16_add(haul_str *to, const char *p, size_t n)
{
    haul_str_room(to, 2 * n);
    while (n) {
        size_t run = haul_ascii_run(p, n);
        haul_str_room(to, 2 * run);
        char *unit = to->p + to->len;
        for (size_t i = 0; i < run; i++) {
            unit[2 * i] = p[i];
            unit[2 * i + 1] = 0;
        }
        to->len += 2 * run;
        p += run;
        n -= run;
        if (!n)
            break;
        uint32_t cp;
        size_t k = haul_utf8_next(p, n, &cp);
        add_units(to, k ? cp : 0xfffd);
        p += k ? k : 1;
        n -= k ? k : 1;
    }
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
    haul_auto_str s = {0};
    haul_le_add(&s, v, n);
    put_str(to, k, type, &s);
}

void haul_put_textn(const haul_put *to, haul_key k, const char *p, size_t n)
{
    haul_auto_str s = {0};
    haul_utf16_add(&s, p, n);
    put_str(to, k, HAUL_PT_UNICODE, &s);
}

void haul_put_text(const haul_put *to, haul_key k, const char *z)
{
    if (z && *z)
        haul_put_textn(to, k, z, strlen(z));
}

void haul_put_lines(const haul_put *to, haul_key k, const char *p, size_t n)
{
    haul_auto_str s = {0};
    for (size_t from = 0; from < n;) {
        const char *eol = memchr(p + from, '\n', n - from);
        size_t end = eol ? (size_t)(eol - p) : n;
        size_t text = end > from && eol && p[end - 1] == '\r' ? end - 1 : end;
        haul_utf16_add(&s, p + from, text - from);
        if (eol)
            haul_utf16_add(&s, "\r\n", 2);
        from = end + 1;
    }
    put_str(to, k, HAUL_PT_UNICODE, &s);
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
