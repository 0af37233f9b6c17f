/* A growing string of octets, always NUL-terminated, and small helpers over octets. */
#ifndef HAUL_BASE_STR_H
#define HAUL_BASE_STR_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct haul_str { /* zero-initialised = empty; p is NULL until the first append */
    char *p;
    size_t len, cap;
} haul_str;

void haul_str_add(haul_str *s, const void *p, size_t n);
void haul_str_addz(haul_str *s, const char *z);
void haul_str_addf(haul_str *s, const char *fmt, ...) HAUL_PRINTF(2, 3);
void haul_str_grow(haul_str *s, size_t n); /* for haul_str_room */
/* Room for n more octets; write them at s->p + s->len, then add to s->len. */
static inline void haul_str_room(haul_str *s, size_t n)
{
    if (n >= s->cap - s->len) /* the NUL takes one */
        haul_str_grow(s, n);
}
static inline void haul_str_addc(haul_str *s, char c)
{
    haul_str_room(s, 1);
    s->p[s->len++] = c;
    s->p[s->len] = '\0';
}
/* Empty it, keep the memory. p stays NUL-terminated when it exists. */
void haul_str_clear(haul_str *s);
void haul_str_done(haul_str *s);
/* The text, "" when nothing was ever added. */
const char *haul_strz(const haul_str *s);

HAUL_UNUSED static inline void haul_str_autodone(haul_str *s)
{
    haul_str_done(s);
}
#define haul_auto_str __attribute__((cleanup(haul_str_autodone))) haul_str

/* A view of octets that somebody else owns. */
typedef struct haul_span {
    const char *p;
    size_t len;
} haul_span;

haul_span haul_span_trim(haul_span s);                       /* without blanks, tabs, CR, LF at both ends */
bool haul_istarts(const char *p, size_t len, const char *z); /* ASCII case-insensitive prefix */
static inline bool haul_span_is(haul_span s, const char *z)  /* ASCII case-insensitive equality */
{
    if (!s.len || ((s.p[0] ^ z[0]) & ~0x20)) /* mostly it is another */
        return !s.len && !*z;
    return s.len == strlen(z) && haul_istarts(s.p, s.len, z);
}
bool haul_ends(const char *s, const char *suffix);  /* case-sensitive suffix of a C string */
bool haul_iends(const char *s, const char *suffix); /* ASCII case-insensitive suffix */
/* Where the octets of word (len > 0) begin in the n at p, NULL = nowhere. */
const char *haul_find(const char *p, size_t n, const char *word, size_t len);
int haul_icmp(const char *a, const char *b); /* ASCII case-insensitive strcmp */
/* Unsigned decimal of at most 18 digits; false when empty, longer or not all digits. */
bool haul_parse_u64(const char *p, size_t len, uint64_t *ret);
/* 2n hex digits (lower case) and a NUL at to. */
void haul_hex(char *to, const void *p, size_t n);
/* A size with an optional k, M, G, T suffix (powers of 1024). */
bool haul_parse_size(const char *z, uint64_t *ret);
/* ASCII, independent of the locale. */
static inline bool haul_is_digit(int c)
{
    return c >= '0' && c <= '9';
}
static inline bool haul_is_alpha(int c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}
static inline int haul_lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}
int haul_hexval(int c); /* 0..15, -1 when c is no hex digit */

#endif
