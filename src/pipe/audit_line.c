#include "pipe/audit_line.h"

#include "base/hash.h"
#include "base/utf.h"

#include <string.h>

#define TIME_SHAPE "0000-00-00T00:00:00.000000Z" /* 0: a digit */
#define DIGITS_MAX 18

/* ── JSON, as far as it has to be told from what is none ── */

typedef struct scan {
    const char *p, *end;
} scan;

static bool take(scan *s, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
        return false;
    s->p += n;
    return true;
}

static void blanks(scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t'))
        s->p++;
}

/* Behind "\u". A surrogate, even one of a pair, has no use here: text is UTF-8. */
static bool scan_unit(scan *s)
{
    unsigned unit = 0;
    for (int i = 0; i < 4; i++, s->p++) {
        int digit = s->p < s->end ? haul_hexval((unsigned char)*s->p) : -1;
        if (digit < 0)
            return false;
        unit = unit << 4 | (unsigned)digit;
    }
    return unit < 0xd800 || unit > 0xdfff;
}

static bool scan_escape(scan *s)
{
    if (s->p == s->end || !*s->p || !strchr("\"\\/bfnrtu", *s->p))
        return false;
    return *s->p++ != 'u' || scan_unit(s);
}

/* ret (may be NULL): what is between the quotes. */
static bool scan_string(scan *s, haul_span *ret)
{
    if (!take(s, "\""))
        return false;
    const char *from = s->p;
    while (s->p < s->end && *s->p != '"') {
        unsigned char c = (unsigned char)*s->p;
        size_t step = c < 0x80 ? 1 : haul_utf8_next(s->p, (size_t)(s->end - s->p), NULL);
        if (c < 0x20 || step == 0)
            return false;
        s->p += step;
        if (c == '\\' && !scan_escape(s))
            return false;
    }
    if (ret)
        *ret = (haul_span){from, (size_t)(s->p - from)};
    return take(s, "\"");
}

static size_t scan_digits(scan *s)
{
    const char *from = s->p;
    while (s->p < s->end && haul_is_digit(*s->p))
        s->p++;
    return (size_t)(s->p - from);
}

static bool scan_number(scan *s)
{
    (void)take(s, "-");
    bool zero = s->p < s->end && *s->p == '0';
    size_t whole = scan_digits(s);
    if (whole == 0 || whole > DIGITS_MAX || (zero && whole > 1))
        return false;
    if (!take(s, "."))
        return true;
    size_t part = scan_digits(s);
    return part > 0 && part <= DIGITS_MAX;
}

static bool scan_value(scan *s, unsigned depth);

static bool scan_list(scan *s, bool is_object, unsigned depth)
{
    const char *close = is_object ? "}" : "]";
    blanks(s);
    if (take(s, close))
        return true;
    for (;;) {
        blanks(s);
        if (is_object) {
            if (!scan_string(s, NULL))
                return false;
            blanks(s);
            if (!take(s, ":"))
                return false;
        }
        if (!scan_value(s, depth + 1))
            return false;
        if (take(s, close))
            return true;
        if (!take(s, ","))
            return false;
    }
}

/* With the blanks around it. */
static bool scan_value(scan *s, unsigned depth)
{
    bool good = false;
    blanks(s);
    if (s->p == s->end || depth > HAUL_AUDIT_DEPTH_MAX)
        return false;
    if (*s->p == '"')
        good = scan_string(s, NULL);
    else if (take(s, "{"))
        good = scan_list(s, true, depth);
    else if (take(s, "["))
        good = scan_list(s, false, depth);
    else
        good = take(s, "true") || take(s, "false") || take(s, "null") || scan_number(s);
    blanks(s);
    return good;
}

static bool same(haul_span a, haul_span b)
{
    return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

/* A name that says nothing new: one of the line's own, or one that was there before. */
static bool is_taken(haul_span name, const haul_span *names, size_t n)
{
    static const char *const own[] = {"seq", "time", "event", "prev"};
    for (size_t i = 0; i < HAUL_COUNT(own); i++)
        if (same(name, (haul_span){own[i], strlen(own[i])}))
            return true;
    for (size_t i = 0; i < n; i++)
        if (same(name, names[i]))
            return true;
    return false;
}

bool haul_audit_members_ok(const char *p, size_t n)
{
    scan s = {p, p + n};
    haul_span names[HAUL_AUDIT_MEMBERS_MAX];
    for (size_t i = 0; i < HAUL_AUDIT_MEMBERS_MAX; i++) {
        blanks(&s);
        if (!scan_string(&s, &names[i]) || memchr(names[i].p, '\\', names[i].len) ||
            is_taken(names[i], names, i))
            return false;
        blanks(&s);
        if (!take(&s, ":") || !scan_value(&s, 1))
            return false;
        if (s.p == s.end)
            return true;
        if (!take(&s, ","))
            return false;
    }
    return false;
}

/* ── a line ── */

static bool scan_seq(scan *s, uint64_t *ret)
{
    const char *from = s->p;
    size_t n = scan_digits(s);
    return n > 0 && *from != '0' && haul_parse_u64(from, n, ret);
}

static bool scan_time(scan *s)
{
    size_t n = sizeof(TIME_SHAPE) - 1;
    if ((size_t)(s->end - s->p) < n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (TIME_SHAPE[i] == '0' ? !haul_is_digit(s->p[i]) : s->p[i] != TIME_SHAPE[i])
            return false;
    s->p += n;
    return true;
}

static bool is_hex(const char *p)
{
    for (size_t i = 0; i < HAUL_SHA256_HEX - 1; i++)
        if (haul_hexval((unsigned char)p[i]) < 0 || (p[i] >= 'A' && p[i] <= 'F'))
            return false;
    return true;
}

bool haul_audit_line_parse(const char *p, size_t n, haul_audit_line *ret)
{
    static const char before[] = ",\"prev\":\"", after[] = "\"}";
    const size_t hex = HAUL_SHA256_HEX - 1, tail = sizeof(before) - 1 + hex + sizeof(after) - 1;
    if (n <= tail)
        return false;
    scan s = {p, p + n - tail}, t = {p + n - tail, p + n};
    if (!take(&t, before) || !is_hex(t.p) || memcmp(t.p + hex, after, sizeof(after) - 1) != 0)
        return false;
    ret->prev = t.p;
    if (!take(&s, "{\"seq\":") || !scan_seq(&s, &ret->seq) || !take(&s, ",\"time\":\"") || !scan_time(&s) ||
        !take(&s, "\",\"event\":") || !scan_string(&s, &ret->event))
        return false;
    return s.p == s.end || (take(&s, ",") && haul_audit_members_ok(s.p, (size_t)(s.end - s.p)));
}
