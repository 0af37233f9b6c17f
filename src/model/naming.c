/* Folder names in a target: reversible escapes for what the target cannot hold. */
#include "base/hash.h"
#include "base/utf.h"
#include "model/format.h"

#include <string.h>

/* "CON", "nul.txt", "COM1": names that Windows keeps for devices, whatever follows the first dot. */
static bool is_device(const char *name)
{
    static const char *const names[] = {"con", "prn", "aux", "nul", "com", "lpt"};
    size_t n = strcspn(name, ".");
    for (size_t i = 0; i < HAUL_COUNT(names); i++) {
        size_t len = 3 + (i >= 4);
        if (n == len && haul_istarts(name, n, names[i]) && (i < 4 || (name[3] >= '1' && name[3] <= '9')))
            return true;
    }
    return false;
}

static bool is_one_of(const char *const *names, const char *name)
{
    for (size_t i = 0; names && names[i]; i++)
        if (haul_icmp(names[i], name) == 0)
            return true;
    return false;
}

static bool is_reserved_name(const haul_naming *n, haul_name_level level, const char *name)
{
    return is_one_of(n->reserved_names, name) ||
           (level == HAUL_LEVEL_TOP && is_one_of(n->reserved_top, name)) ||
           (level == HAUL_LEVEL_INBOX && n->inbox_once && haul_icmp(name, "INBOX") == 0);
}

static size_t suffix_length(const haul_naming *n, const char *name)
{
    for (const char *s = n->suffixes; s && *s;) {
        size_t len = strcspn(s, "|"), total = strlen(name);
        if (total >= len && len) {
            bool same = true;
            for (size_t i = 0; i < len; i++)
                same = same && haul_lower(name[total - len + i]) == haul_lower(s[i]);
            if (same)
                return len;
        }
        s += len + (s[len] == '|');
    }
    return 0;
}

static bool in_set(const char *set, char c)
{
    return set && c && strchr(set, c);
}

/* An escape character needs escaping only where it could be read as an escape. */
static bool looks_escaped(const haul_naming *n, const char *p)
{
    return *p == n->escape && haul_hexval((unsigned char)p[1]) >= 0 && haul_hexval((unsigned char)p[2]) >= 0;
}

/* Is the octet part of U+0080..U+009F, U+2028 or U+2029? */
static bool is_control(const char *name, size_t at, size_t len)
{
    for (size_t back = 0; back <= at && back < 3; back++) {
        uint32_t cp = 0;
        size_t n = haul_utf8_next(name + at - back, len - at + back, &cp);
        if (n > back)
            return (cp >= 0x80 && cp <= 0x9f) || cp == 0x2028 || cp == 0x2029;
    }
    return false;
}

static bool must_escape(const haul_naming *n, const char *name, size_t at, size_t len, size_t suffix)
{
    unsigned char c = (unsigned char)name[at];
    return c < 32 || c == 127 || in_set(n->reserved, (char)c) || looks_escaped(n, name + at) ||
           (c > 127 && (n->ascii || (n->net_unicode && is_control(name, at, len)))) ||
           (at == 0 && (in_set(n->first, (char)c) || (n->windows_devices && is_device(name)))) ||
           (at == len - 1 && in_set(n->last, (char)c)) || (suffix && at == len - suffix);
}

static size_t encoded_length(const haul_naming *n, const char *text)
{
    if (!n->mutf7)
        return strlen(text);
    haul_auto_str coded = {0};
    haul_mutf7_encode(&coded, text);
    return coded.len;
}

/* Replace the end of a too long component by "~" and 8 hex digits of the whole name's digest. */
static void cut(const haul_naming *n, const char *name, haul_str *text)
{
    haul_auto(haul_sha256) *h = haul_sha256_new();
    uint8_t digest[HAUL_SHA256_LEN];
    char tail[10] = "~";
    haul_sha256_update(h, name, strlen(name));
    haul_sha256_final(h, digest);
    haul_hex(tail + 1, digest, 4);
    for (size_t max = n->component_max; max > 9; max--) {
        text->len = haul_utf8_cut(text->p, text->len, max - 9);
        for (size_t back = 1; back <= 2 && text->len > back; back++) /* not inside an escape */
            if (text->p[text->len - back] == n->escape)
                text->len -= back;
        haul_str_addz(text, tail);
        if (encoded_length(n, text->p) <= n->component_max)
            return;
        text->len -= 9;
    }
}

void haul_naming_escape_at(const haul_naming *n, haul_name_level level, const char *name, haul_str *to,
                           bool *ret_cut)
{
    size_t len = strlen(name), suffix = suffix_length(n, name);
    bool reserved = is_reserved_name(n, level, name);
    haul_auto_str text = {0};
    for (size_t i = 0; i < len; i++)
        if ((i == 0 && reserved) || must_escape(n, name, i, len, suffix))
            haul_str_addf(&text, n->escape == '\\' ? "%c%02x" : "%c%02X", n->escape, (unsigned char)name[i]);
        else
            haul_str_addc(&text, name[i]);
    *ret_cut = n->component_max && encoded_length(n, haul_strz(&text)) > n->component_max;
    if (*ret_cut)
        cut(n, name, &text);
    haul_str_add(to, text.p, text.len);
}

void haul_naming_escape(const haul_naming *n, const char *name, haul_str *to, bool *ret_cut)
{
    haul_naming_escape_at(n, HAUL_LEVEL_ANY, name, to, ret_cut);
}

/* Would escaping `plain` at any level write `name`? */
static bool writes(const haul_naming *n, const char *plain, const char *name)
{
    static const haul_name_level levels[] = {HAUL_LEVEL_ANY, HAUL_LEVEL_TOP, HAUL_LEVEL_INBOX};
    for (size_t i = 0; i < HAUL_COUNT(levels); i++) {
        haul_auto_str again = {0};
        bool was_cut;
        haul_naming_escape_at(n, levels[i], plain, &again, &was_cut);
        if (!was_cut && strcmp(haul_strz(&again), name) == 0)
            return true;
    }
    return false;
}

bool haul_naming_unescape(const haul_naming *n, const char *name, haul_str *to)
{
    haul_auto_str plain = {0};
    if (!strchr(name, n->escape))
        return false;
    for (const char *p = name; *p;)
        if (looks_escaped(n, p)) {
            haul_str_addc(&plain,
                          (char)(haul_hexval((unsigned char)p[1]) * 16 + haul_hexval((unsigned char)p[2])));
            p += 3;
        } else {
            haul_str_addc(&plain, *p++);
        }
    if (strlen(haul_strz(&plain)) != plain.len || !plain.len || !haul_utf8_valid(plain.p, plain.len))
        return false;
    if (plain.len == strlen(name) || !writes(n, plain.p, name))
        return false;
    haul_str_add(to, plain.p, plain.len);
    return true;
}
