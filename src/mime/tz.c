#include "mime/tz.h"

#include "base/charset.h"
#include "base/time.h"
#include "base/utf.h"

#include <stdlib.h>
#include <string.h>

#define BIAS_MAX (24 * 60) /* minutes */

static unsigned get16(const uint8_t *p)
{
    return (unsigned)p[0] | (unsigned)p[1] << 8;
}

static int32_t get32(const uint8_t *p)
{
    uint32_t v = get16(p) | (uint32_t)get16(p + 2) << 16;
    return v > INT32_MAX ? (int32_t)(v - INT32_MAX - 1) + INT32_MIN : (int32_t)v;
}

/* MS-DTYP 2.3.13. What is out of range means that there is no change. */
static haul_tz_change get_change(const uint8_t *p)
{
    haul_tz_change c = {(int)get16(p),     (int)get16(p + 2),  (int)get16(p + 4), (int)get16(p + 6),
                        (int)get16(p + 8), (int)get16(p + 10), (int)get16(p + 12)};
    bool day_ok = c.year ? c.day >= 1 && c.day <= 31 : c.day >= 1 && c.day <= 5 && c.weekday <= 6;
    if (c.month > 12 || !day_ok || c.hour > 23 || c.minute > 59 || c.second > 59 || c.year > 9999)
        c.month = 0;
    return c;
}

static bool bias_ok(int32_t minutes)
{
    return minutes >= -BIAS_MAX && minutes <= BIAS_MAX;
}

/* lBias, lStandardBias, lDaylightBias: minutes, UTC = local time + bias. */
static bool get_biases(const uint8_t *p, haul_tz_rule *r)
{
    int32_t bias = get32(p), standard = get32(p + 4), daylight = get32(p + 8);
    if (!bias_ok(bias) || !bias_ok(standard) || !bias_ok(daylight))
        return false;
    r->standard = -60 * (bias + standard);
    r->daylight = -60 * (bias + daylight);
    return true;
}

static const char *clean_id(haul_str *s, haul_arena *a)
{
    size_t n = haul_utf8_cut(haul_strz(s), s->len, HAUL_TZ_ID_MAX);
    char *id = haul_arena_strn(a, haul_strz(s), n);
    for (char *p = id; *p; p++) /* what a parameter value may not have (RFC 5545 3.2) */
        if ((unsigned char)*p < ' ' || *p == 0x7f || *p == '"' || *p == '^')
            *p = ' ';
    return id;
}

static int by_year(const void *a, const void *b)
{
    const haul_tz_rule *x = a, *y = b;
    return (x->year > y->year) - (x->year < y->year);
}

/* Sorted, and the last one stored counts where a year has several. */
static void order(haul_tz *z)
{
    size_t kept = 0;
    for (size_t i = 0; i < z->n; i++) {
        size_t at = 0;
        while (at < kept && z->rules[at].year != z->rules[i].year)
            at++;
        z->rules[at] = z->rules[i];
        kept += at == kept;
    }
    z->n = kept;
    qsort(z->rules, z->n, sizeof *z->rules, by_year);
}

bool haul_tz_definition(const void *blob, size_t n, haul_arena *a, haul_tz *ret)
{
    const uint8_t *p = blob;
    haul_auto_str name = {0};
    if (n < 10 || p[0] != 2)
        return false;
    size_t chars = get16(p + 6), at = 8 + 2 * chars;
    if (at + 2 > n)
        return false;
    haul_utf16_decode(p + 8, 2 * chars, &name);
    size_t count = get16(p + at);
    at += 2;
    if (!count || count > HAUL_TZ_RULES_MAX || (n - at) / 66 < count || !haul_strz(&name)[0])
        return false;
    haul_tz z = {clean_id(&name, a), haul_arena_calloc(a, count * sizeof *z.rules), count};
    for (size_t i = 0; i < count; i++, at += 66) {
        haul_tz_rule *r = &z.rules[i];
        r->year = (int)get16(p + at + 6);
        if (r->year > 9999 || !get_biases(p + at + 22, r))
            return false;
        r->to_standard = get_change(p + at + 34);
        r->to_daylight = get_change(p + at + 50);
    }
    order(&z);
    *ret = z;
    return true;
}

bool haul_tz_struct(const void *blob, size_t n, const char *id, haul_arena *a, haul_tz *ret)
{
    const uint8_t *p = blob;
    haul_tz z = {NULL, NULL, 1};
    if (n < 48)
        return false;
    z.rules = haul_arena_calloc(a, sizeof *z.rules);
    if (!get_biases(p, z.rules))
        return false;
    z.rules->to_standard = get_change(p + 14);
    z.rules->to_daylight = get_change(p + 32);
    if (id && *id) {
        haul_auto_str name = {0};
        haul_str_addz(&name, id);
        z.id = clean_id(&name, a);
    } else {
        haul_tz fixed;
        haul_tz_fixed(z.rules->standard, a, &fixed);
        z.id = haul_tz_has_daylight(z.rules, 2000) ? haul_arena_printf(a, "%s DST", fixed.id) : fixed.id;
    }
    *ret = z;
    return true;
}

void haul_tz_fixed(int seconds, haul_arena *a, haul_tz *ret)
{
    int minutes = abs(seconds) / 60;
    ret->id = haul_arena_printf(a, "UTC%c%02d%02d", seconds < 0 ? '-' : '+', minutes / 60, minutes % 60);
    ret->rules = haul_arena_calloc(a, sizeof *ret->rules);
    ret->rules->standard = ret->rules->daylight = seconds;
    ret->n = 1;
}

bool haul_tz_is_utc(const haul_tz *z)
{
    for (size_t i = 0; i < z->n; i++)
        if (z->rules[i].standard || (z->rules[i].to_daylight.month && z->rules[i].to_standard.month))
            return false;
    return !strcmp(z->id, "UTC") || !strcmp(z->id, "UTC+0000") || strstr(z->id, "Coordinated Universal Time");
}

static bool same_change(const haul_tz_change *a, const haul_tz_change *b)
{
    return a->year == b->year && a->month == b->month && a->weekday == b->weekday && a->day == b->day &&
           a->hour == b->hour && a->minute == b->minute && a->second == b->second;
}

bool haul_tz_same(const haul_tz *a, const haul_tz *b)
{
    if (a->n != b->n || strcmp(a->id, b->id) != 0)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const haul_tz_rule *x = &a->rules[i], *y = &b->rules[i];
        if (x->year != y->year || x->standard != y->standard || x->daylight != y->daylight ||
            !same_change(&x->to_standard, &y->to_standard) || !same_change(&x->to_daylight, &y->to_daylight))
            return false;
    }
    return true;
}

bool haul_tz_change_at(const haul_tz_change *c, int year, int64_t *ret_local)
{
    haul_civil t = {year, c->month, 1, c->hour, c->minute, c->second, 0};
    if (!c->month || year < 1601 || year > 9999 || (c->year && c->year != year))
        return false;
    if (c->year) {
        t.day = c->day;
        if (!haul_civil_ok(&t))
            return false;
        *ret_local = haul_civil_to(&t);
        return true;
    }
    haul_civil first;
    int64_t at = haul_civil_to(&t);
    haul_civil_from(at, &first);
    t.day = 1 + (c->weekday - first.weekday + 7) % 7 + 7 * (c->day - 1);
    while (!haul_civil_ok(&t)) /* the fifth of a month with four: the last */
        t.day -= 7;
    *ret_local = haul_civil_to(&t);
    return true;
}

bool haul_tz_has_daylight(const haul_tz_rule *r, int year)
{
    int64_t a, b;
    return haul_tz_change_at(&r->to_standard, year, &a) && haul_tz_change_at(&r->to_daylight, year, &b);
}

const haul_tz_rule *haul_tz_rule_of(const haul_tz *z, int year)
{
    const haul_tz_rule *r = &z->rules[0];
    for (size_t i = 1; i < z->n && z->rules[i].year <= year; i++)
        r = &z->rules[i];
    return r;
}

static int year_of(int64_t seconds)
{
    haul_civil c;
    haul_civil_from(seconds, &c);
    return c.year;
}

/* Is it daylight time, by a clock that goes `standard` outside and `daylight` inside? */
static bool is_daylight(int64_t at, int64_t to_daylight, int64_t to_standard)
{
    if (to_daylight < to_standard)
        return at >= to_daylight && at < to_standard;
    return at >= to_daylight || at < to_standard; /* the southern half */
}

int haul_tz_offset(const haul_tz *z, int64_t utc)
{
    const haul_tz_rule *r = haul_tz_rule_of(z, year_of(utc));
    int year = year_of(utc + r->standard);
    int64_t to_standard, to_daylight;
    r = haul_tz_rule_of(z, year);
    if (!haul_tz_change_at(&r->to_standard, year, &to_standard) ||
        !haul_tz_change_at(&r->to_daylight, year, &to_daylight))
        return r->standard;
    return is_daylight(utc, to_daylight - r->standard, to_standard - r->daylight) ? r->daylight : r->standard;
}

int haul_tz_offset_local(const haul_tz *z, int64_t local)
{
    const haul_tz_rule *r = haul_tz_rule_of(z, year_of(local));
    int64_t as_daylight = local - r->daylight;
    if (haul_tz_offset(z, as_daylight) == r->daylight)
        return r->daylight;
    return r->standard;
}
