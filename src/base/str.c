#include "base/str.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 64u

void haul_str_grow(haul_str *s, size_t n)
{
    if (n > SIZE_MAX / 4 || s->len > SIZE_MAX / 4)
        haul_oom();
    size_t need = s->len + n + 1;
    size_t cap = s->cap ? s->cap * 2 : FIRST_CAP;
    if (cap < need)
        cap = need;
    s->p = haul_realloc(s->p, cap);
    s->p[s->len] = '\0';
    s->cap = cap;
}

void haul_str_add(haul_str *s, const void *p, size_t n)
{
    haul_str_room(s, n);
    if (n)
        memcpy(s->p + s->len, p, n);
    s->len += n;
    s->p[s->len] = '\0';
}

void haul_str_addz(haul_str *s, const char *z)
{
    haul_str_add(s, z, strlen(z));
}

void haul_str_addf(haul_str *s, const char *fmt, ...)
{
    va_list args;
    haul_str_room(s, FIRST_CAP); /* most of what is formatted fits right away */
    size_t room = s->cap - s->len;
    va_start(args, fmt);
    int n = vsnprintf(s->p + s->len, room, fmt, args);
    va_end(args);
    if (n <= 0) {
        s->p[s->len] = '\0';
        return;
    }
    if ((size_t)n >= room) {
        haul_str_room(s, (size_t)n);
        va_start(args, fmt);
        (void)vsnprintf(s->p + s->len, (size_t)n + 1, fmt, args);
        va_end(args);
    }
    s->len += (size_t)n;
}

void haul_str_clear(haul_str *s)
{
    s->len = 0;
    if (s->p)
        s->p[0] = '\0';
}

void haul_str_done(haul_str *s)
{
    free(s->p);
    *s = (haul_str){0};
}

const char *haul_strz(const haul_str *s)
{
    return s->p ? s->p : "";
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

haul_span haul_span_trim(haul_span s)
{
    while (s.len > 0 && is_blank(s.p[0])) {
        s.p++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.p[s.len - 1]))
        s.len--;
    return s;
}

bool haul_istarts(const char *p, size_t len, const char *z)
{
    for (size_t i = 0; z[i]; i++)
        if (i >= len || haul_lower((unsigned char)p[i]) != haul_lower((unsigned char)z[i]))
            return false;
    return true;
}

bool haul_ends(const char *s, const char *suffix)
{
    size_t len = strlen(s), n = strlen(suffix);
    return n <= len && memcmp(s + len - n, suffix, n) == 0;
}

bool haul_iends(const char *s, const char *suffix)
{
    size_t len = strlen(s), n = strlen(suffix);
    return n <= len && haul_istarts(s + len - n, n, suffix);
}

const char *haul_find(const char *p, size_t n, const char *word, size_t len)
{
    for (const char *end = p + n; (size_t)(end - p) >= len; p++) {
        p = memchr(p, word[0], (size_t)(end - p) - len + 1);
        if (!p || memcmp(p, word, len) == 0)
            return p;
    }
    return NULL;
}

int haul_icmp(const char *a, const char *b)
{
    for (size_t i = 0;; i++) {
        int x = haul_lower((unsigned char)a[i]), y = haul_lower((unsigned char)b[i]);
        if (x != y || x == 0)
            return x - y;
    }
}

bool haul_parse_u64(const char *p, size_t len, uint64_t *ret)
{
    if (len == 0 || len > 18)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < len; i++) {
        if (!haul_is_digit((unsigned char)p[i]))
            return false;
        v = v * 10 + (uint64_t)(p[i] - '0');
    }
    *ret = v;
    return true;
}

void haul_hex(char *to, const void *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = p;
    for (size_t i = 0; i < n; i++) {
        to[2 * i] = digits[from[i] >> 4];
        to[2 * i + 1] = digits[from[i] & 15];
    }
    to[2 * n] = '\0';
}

bool haul_parse_size(const char *z, uint64_t *ret)
{
    static const char units[] = "kmgt";
    size_t len = strlen(z);
    unsigned shift = 0;
    const char *unit = len ? strchr(units, haul_lower((unsigned char)z[len - 1])) : NULL;
    if (unit) {
        shift = 10u * (unsigned)(unit - units + 1);
        len--;
    }
    uint64_t v;
    if (!haul_parse_u64(z, len, &v) || v > UINT64_MAX >> shift)
        return false;
    *ret = v << shift;
    return true;
}

int haul_hexval(int c)
{
    if (haul_is_digit(c))
        return c - '0';
    c = haul_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
