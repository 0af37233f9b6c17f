#include "mime/prop.h"

#include "base/charset.h"
#include "base/time.h"

#include <math.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define CODEPAGE_DEFAULT 1252u
#define FILETIME_1970    UINT64_C(116444736000000000) /* 100 ns from 1601 to 1970 */
#define APPTIME_1970     25569.0                      /* days from 1899-12-30 to 1970 */

static uint64_t little(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

/* ── the bag ── */

static uint8_t key_of(uint32_t id)
{
    return (uint8_t)(id ^ id >> 8);
}

bool haul_bag_add(haul_bag *b, haul_arena *a, const haul_prop *p)
{
    if (b->n >= HAUL_BAG_MAX)
        return false;
    if (b->n == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 64;
        haul_prop *v = haul_arena_alloc(a, cap * sizeof(*v));
        if (b->n)
            memcpy(v, b->v, b->n * sizeof(*v));
        b->v = v;
        b->cap = cap;
    }
    b->v[b->n++] = *p;
    uint8_t key = key_of(p->set ? p->lid : p->id);
    b->keys[key / 64] |= UINT64_C(1) << key % 64;
    b->keyed++;
    return true;
}

/* That no property has this id or number is known by its key: most of what is asked for is absent. */
static bool is_absent(const haul_bag *b, uint32_t id)
{
    uint8_t key = key_of(id);
    return b->keyed == b->n && !(b->keys[key / 64] >> key % 64 & 1);
}

haul_pset haul_pset_find(const uint8_t guid[16])
{
    static const char *const text[] = {
#define X(id, guid) guid,
        HAUL_PSET_LIST(X)
#undef X
    };
    /* Octet i of a stored GUID stands at this place of its text. */
    static const uint8_t place[16] = {6, 4, 2, 0, 11, 9, 16, 14, 19, 21, 24, 26, 28, 30, 32, 34};
    for (size_t i = 0; i < HAUL_COUNT(text); i++) {
        size_t k = 0;
        while (k < 16 && haul_hexval(text[i][place[k]]) == guid[k] >> 4 &&
               haul_hexval(text[i][place[k] + 1]) == (guid[k] & 15))
            k++;
        if (k == 16)
            return (haul_pset)(HAUL_PSET_NONE + 1 + i);
    }
    return HAUL_PSET_OTHER;
}

const haul_prop *haul_bag_get(const haul_bag *b, uint16_t id)
{
    if (is_absent(b, id))
        return NULL;
    for (size_t i = 0; i < b->n; i++)
        if (b->v[i].id == id && b->v[i].set == HAUL_PSET_NONE && b->v[i].type != HAUL_PT_ERROR)
            return &b->v[i];
    return NULL;
}

const haul_prop *haul_bag_lid(const haul_bag *b, haul_pset set, uint32_t lid)
{
    if (is_absent(b, lid))
        return NULL;
    for (size_t i = 0; i < b->n; i++) {
        const haul_prop *p = &b->v[i];
        if (p->set == set && !p->name && p->lid == lid && p->type != HAUL_PT_ERROR)
            return p;
    }
    return NULL;
}

const haul_prop *haul_bag_name(const haul_bag *b, haul_pset set, const char *name)
{
    for (size_t i = 0; i < b->n; i++) {
        const haul_prop *p = &b->v[i];
        if (p->set == set && p->name && p->type != HAUL_PT_ERROR && haul_icmp(p->name, name) == 0)
            return p;
    }
    return NULL;
}

/* ── numbers and times ── */

bool haul_prop_int(const haul_prop *p, int64_t *ret)
{
    if (!p)
        return false;
    if (p->type == HAUL_PT_BOOL && p->n >= 1)
        *ret = p->p[0] != 0; /* what follows in a 4-octet slot is padding */
    else if (p->type == HAUL_PT_I16 && p->n >= 2)
        *ret = (int16_t)little(p->p, 2);
    else if (p->type == HAUL_PT_I32 && p->n >= 4)
        *ret = (int32_t)little(p->p, 4);
    else if (p->type == HAUL_PT_I64 && p->n >= 8)
        *ret = (int64_t)little(p->p, 8);
    else
        return false;
    return true;
}

int64_t haul_prop_int_or(const haul_prop *p, int64_t otherwise)
{
    (void)haul_prop_int(p, &otherwise);
    return otherwise;
}

bool haul_prop_bool(const haul_prop *p)
{
    return haul_prop_int_or(p, 0) != 0;
}

bool haul_prop_real(const haul_prop *p, double *ret)
{
    double v = 0;
    float single = 0;
    if (!p)
        return false;
    uint64_t bits = little(p->p, p->n < 8 ? p->n : 8);
    uint32_t low = (uint32_t)bits;
    if (p->type == HAUL_PT_R32 && p->n >= 4) {
        memcpy(&single, &low, sizeof(single));
        v = (double)single;
    } else if ((p->type == HAUL_PT_R64 || p->type == HAUL_PT_APPTIME) && p->n >= 8)
        memcpy(&v, &bits, sizeof(v));
    else
        return false;
    if (!isfinite(v))
        return false;
    *ret = v;
    return true;
}

static bool filetime(uint64_t v, int64_t *ret_us)
{
    if (v == 0 || v > INT64_MAX)
        return false;
    *ret_us = ((int64_t)v - (int64_t)FILETIME_1970) / 10;
    return true;
}

/* Days since 1899-12-30 (MS-OXCDATA 2.11.1, PtypFloatingTime). */
static bool apptime(double days, int64_t *ret_us)
{
    double us = (days - APPTIME_1970) * 86400e6;
    if (days == 0 || us < (double)HAUL_TIME_MIN || us > (double)HAUL_TIME_MAX)
        return false;
    *ret_us = (int64_t)us;
    return true;
}

bool haul_prop_time(const haul_prop *p, int64_t *ret_us)
{
    int64_t us;
    double days;
    bool ok = false;
    if (p && p->type == HAUL_PT_TIME && p->n >= 8)
        ok = filetime(little(p->p, 8), &us);
    else if (p && p->type == HAUL_PT_APPTIME)
        ok = haul_prop_real(p, &days) && apptime(days, &us);
    if (!ok || us < HAUL_TIME_MIN || us > HAUL_TIME_MAX)
        return false;
    *ret_us = us;
    return true;
}

bool haul_prop_bin(const haul_prop *p, haul_span *ret)
{
    if (!p || (p->type != HAUL_PT_BINARY && p->type != HAUL_PT_OBJECT && p->type != HAUL_PT_GUID))
        return false;
    *ret = (haul_span){(const char *)p->p, p->n};
    return true;
}

/* ── text ── */

static size_t length_8bit(const uint8_t *p, size_t n)
{
    const uint8_t *nul = n ? memchr(p, 0, n) : NULL;
    return nul ? (size_t)(nul - p) : n;
}

static size_t length_utf16(const uint8_t *p, size_t n)
{
    size_t i = 0;
#ifdef __SSE2__
    for (; n - i >= 16; i += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        if (_mm_movemask_epi8(_mm_cmpeq_epi16(v, _mm_setzero_si128())))
            break;
    }
#endif
    for (; i + 1 < n; i += 2)
        if (p[i] == 0 && p[i + 1] == 0)
            return i;
    return n == 1 && p[0] == 0 ? 0 : n;
}

/* UTF-16 cannot be the code page of 8-bit text, yet messages whose PidTagMessageCodepage is 1200 exist. */
static unsigned codepage_8bit(const haul_bag *b)
{
    return b->codepage == 0 || b->codepage == 1200 || b->codepage == 1201 ? CODEPAGE_DEFAULT : b->codepage;
}

bool haul_prop_text(const haul_bag *b, const haul_prop *p, haul_str *to, size_t *ret_bad)
{
    size_t bad;
    if (p && p->type == HAUL_PT_UNICODE)
        bad = haul_utf16_decode(p->p, length_utf16(p->p, p->n), to);
    else if (p && p->type == HAUL_PT_STRING8)
        bad = haul_charset_decode(codepage_8bit(b), p->p, length_8bit(p->p, p->n), to);
    else
        return false;
    if (ret_bad)
        *ret_bad += bad;
    return true;
}

const char *haul_prop_str(const haul_bag *b, const haul_prop *p, haul_arena *a)
{
    haul_auto_str text = {0};
    if (!haul_prop_text(b, p, &text, NULL) || text.len == 0)
        return NULL;
    return haul_arena_strn(a, text.p, text.len);
}

const char *haul_bag_str(const haul_bag *b, uint16_t id, haul_arena *a)
{
    return haul_prop_str(b, haul_bag_get(b, id), a);
}

size_t haul_prop_width(unsigned type)
{
    switch (type) {
    case HAUL_PT_BOOL:
        return 1;
    case HAUL_PT_I16:
        return 2;
    case HAUL_PT_I32:
    case HAUL_PT_R32:
    case HAUL_PT_ERROR:
        return 4;
    case HAUL_PT_R64:
    case HAUL_PT_CURRENCY:
    case HAUL_PT_APPTIME:
    case HAUL_PT_I64:
    case HAUL_PT_TIME:
        return 8;
    case HAUL_PT_GUID:
        return 16;
    case HAUL_PT_STRING8:
    case HAUL_PT_UNICODE:
    case HAUL_PT_BINARY:
    case HAUL_PT_OBJECT:
        return 0;
    default:
        return SIZE_MAX;
    }
}

/* ── multi-values ── */

/* As haul_prop_width; SIZE_MAX also when it is no type of multi-values. */
static size_t multi_width(const haul_prop *p)
{
    unsigned one = p ? p->type & ~(unsigned)HAUL_PT_MULTI : 0;
    if (!p || !(p->type & HAUL_PT_MULTI) || one == HAUL_PT_BOOL || one == HAUL_PT_ERROR ||
        one == HAUL_PT_OBJECT)
        return SIZE_MAX;
    return haul_prop_width(one);
}

/* The count in front of values of variable size; 0 when there is no room for it and its offsets. */
static size_t offsets_count(const haul_prop *p)
{
    size_t count = p->n >= 4 ? (size_t)little(p->p, 4) : 0;
    return count <= HAUL_MULTI_MAX && count <= (p->n < 4 ? 0 : (p->n - 4) / 4) ? count : 0;
}

/* MS-PST 2.3.3.4.2: offsets count from the start of the whole; a value ends where the next one starts. */
static bool offsets_at(const haul_prop *p, size_t count, size_t i, size_t *ret_from, size_t *ret_to)
{
    size_t from = (size_t)little(p->p + 4 + 4 * i, 4);
    size_t to = i + 1 < count ? (size_t)little(p->p + 8 + 4 * i, 4) : p->n;
    if (from < 4 + 4 * count || from > to || to > p->n)
        return false;
    *ret_from = from;
    *ret_to = to;
    return true;
}

size_t haul_multi_count(const haul_prop *p)
{
    size_t width = multi_width(p), from, to;
    if (width == SIZE_MAX)
        return 0;
    if (width)
        return p->n % width == 0 && p->n / width <= HAUL_MULTI_MAX ? p->n / width : 0;
    size_t count = offsets_count(p);
    for (size_t i = 0; i < count; i++)
        if (!offsets_at(p, count, i, &from, &to))
            return 0;
    return count;
}

static size_t text_length(unsigned type, const uint8_t *p, size_t n)
{
    if (type == HAUL_PT_STRING8)
        return length_8bit(p, n);
    return type == HAUL_PT_UNICODE ? length_utf16(p, n) : n;
}

bool haul_multi_at(const haul_prop *p, size_t i, haul_prop *ret)
{
    size_t width = multi_width(p), from = 0, to = 0;
    if (width == SIZE_MAX)
        return false;
    if (width ? i >= p->n / width : i >= offsets_count(p))
        return false;
    if (width) {
        from = i * width;
        to = from + width;
    } else if (!offsets_at(p, offsets_count(p), i, &from, &to))
        return false;
    haul_prop one = *p;
    one.type = (uint16_t)(p->type & ~(unsigned)HAUL_PT_MULTI);
    one.p = p->p + from;
    one.n = text_length(one.type, one.p, to - from);
    *ret = one;
    return true;
}
