#include "mime/tnef_props.h"

#include "base/charset.h"

#include <string.h>

#define PROP_LEAST 8u /* octets of the shortest property: type, id, four of value */

static bool take(haul_tnef_in *in, size_t n, const uint8_t **ret)
{
    if (in->n < n)
        return false;
    *ret = in->p;
    in->p += n;
    in->n -= n;
    return true;
}

bool haul_tnef_u16(haul_tnef_in *in, uint16_t *ret)
{
    const uint8_t *p;
    if (!take(in, 2, &p))
        return false;
    *ret = (uint16_t)(p[0] | p[1] << 8);
    return true;
}

bool haul_tnef_u32(haul_tnef_in *in, uint32_t *ret)
{
    const uint8_t *p;
    if (!take(in, 4, &p))
        return false;
    *ret = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    return true;
}

/* n octets and the padding to a multiple of four, which encoders leave out at the very end. */
static bool take_padded(haul_tnef_in *in, size_t n, const uint8_t **ret)
{
    if (!take(in, n, ret))
        return false;
    size_t pad = (4 - n % 4) % 4;
    pad = pad < in->n ? pad : in->n;
    in->p += pad;
    in->n -= pad;
    return true;
}

/* As haul_prop_width; a boolean has two octets here. */
static size_t width(unsigned type)
{
    return type == HAUL_PT_BOOL ? 2 : haul_prop_width(type);
}

/* Strings are stored with their NUL here, and without it in a bag. */
static size_t without_nul(unsigned type, const uint8_t *p, size_t n)
{
    if (type == HAUL_PT_STRING8 && n >= 1 && p[n - 1] == 0)
        return n - 1;
    if (type == HAUL_PT_UNICODE && n >= 2 && n % 2 == 0 && p[n - 1] == 0 && p[n - 2] == 0)
        return n - 2;
    return n;
}

static bool read_value(haul_tnef_in *in, unsigned type, size_t fixed, const uint8_t **ret, size_t *ret_n)
{
    uint32_t n = (uint32_t)fixed;
    if (!fixed && !haul_tnef_u32(in, &n))
        return false;
    if (!take_padded(in, n, ret))
        return false;
    *ret_n = fixed ? n : without_nul(type, *ret, n);
    return true;
}

/* A variable type is preceded by a count that is 1 when the property is no multi-value; further ones are passed over. */
static bool read_single(haul_tnef_in *in, haul_prop *p)
{
    size_t fixed = width(p->type), n;
    uint32_t count = 1;
    const uint8_t *value;
    if (fixed == SIZE_MAX || (!fixed && !haul_tnef_u32(in, &count)))
        return false;
    if (!fixed && count > in->n / 4)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!read_value(in, p->type, fixed, &value, &n))
            return false;
        if (i == 0) {
            p->p = value;
            p->n = n;
        }
    }
    return true;
}

static void put_u32(uint8_t *to, size_t v)
{
    for (size_t i = 0; i < 4; i++)
        to[i] = (uint8_t)(v >> (8 * i));
}

/* The first pass over values of variable size: their octets in total. */
static bool measure(haul_tnef_in in, unsigned type, size_t count, size_t *ret)
{
    const uint8_t *value;
    size_t n, all = 0;
    for (size_t i = 0; i < count; i++) {
        if (!read_value(&in, type, 0, &value, &n))
            return false;
        all += n;
    }
    *ret = all;
    return true;
}

/* Written anew as MS-PST 2.3.3.4 has it, which is what a bag holds. */
static bool read_multi(haul_tnef_in *in, haul_prop *p, haul_arena *a)
{
    unsigned type = p->type & ~(unsigned)HAUL_PT_MULTI;
    size_t fixed = width(type), n, all = 0, at;
    uint32_t count;
    const uint8_t *value;
    if (fixed == SIZE_MAX || type == HAUL_PT_OBJECT || !haul_tnef_u32(in, &count))
        return false;
    if (count > HAUL_MULTI_MAX || count > in->n / (fixed ? fixed : 4))
        return false;
    if (!fixed && !measure(*in, type, count, &all))
        return false;
    at = fixed ? 0 : 4 + 4 * (size_t)count;
    p->n = fixed ? fixed * count : at + all;
    uint8_t *to = haul_arena_calloc(a, p->n + 1);
    if (!fixed)
        put_u32(to, count);
    for (uint32_t i = 0; i < count; i++) {
        if (!read_value(in, type, fixed, &value, &n))
            return false;
        if (!fixed)
            put_u32(to + 4 + 4 * (size_t)i, at);
        if (n)
            memcpy(to + at, value, n);
        at += n;
    }
    p->p = to;
    return true;
}

static bool read_name(haul_tnef_in *in, haul_prop *p, haul_arena *a)
{
    uint32_t kind, n;
    const uint8_t *value;
    haul_auto_str text = {0};
    if (!take(in, 16, &p->guid) || !haul_tnef_u32(in, &kind))
        return false;
    p->set = haul_pset_find(p->guid);
    if (kind == 0)
        return haul_tnef_u32(in, &p->lid);
    if (kind != 1 || !haul_tnef_u32(in, &n) || !take_padded(in, n, &value))
        return false;
    n = (uint32_t)without_nul(HAUL_PT_UNICODE, value, n);
    haul_utf16_decode(value, n, &text);
    p->name = haul_arena_strn(a, haul_strz(&text), text.len);
    return true;
}

static bool read_prop(haul_tnef_in *in, haul_bag *b, haul_arena *a)
{
    haul_prop p = {0};
    if (!haul_tnef_u16(in, &p.type) || !haul_tnef_u16(in, &p.id))
        return false;
    if (p.id >= 0x8000 && !read_name(in, &p, a))
        return false;
    if (p.type & HAUL_PT_MULTI ? !read_multi(in, &p, a) : !read_single(in, &p))
        return false;
    return p.type == HAUL_PT_ERROR || haul_bag_add(b, a, &p);
}

bool haul_tnef_props(haul_tnef_in *in, haul_bag *b, haul_arena *a, size_t *budget)
{
    uint32_t count;
    if (!haul_tnef_u32(in, &count))
        return false;
    size_t fit = in->n / PROP_LEAST;
    if (b->n == 0 && fit) { /* as large as it can become: thousands of recipients have few each */
        b->cap = count < fit ? count : fit;
        b->cap = b->cap < *budget ? b->cap : *budget;
        b->cap = b->cap < HAUL_BAG_MAX ? b->cap : HAUL_BAG_MAX;
        b->v = b->cap ? haul_arena_alloc(a, b->cap * sizeof(*b->v)) : NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (*budget == 0 || !read_prop(in, b, a))
            return false;
        --*budget;
    }
    return true;
}
