#include "mime/addr.h"

#include "base/charset.h"
#include "mime/header.h"

#include <string.h>

#define TEXT_MAX  65536u /* octets of one string of an entry id */
#define WRAPS_MAX 4u     /* entry ids wrapped in one another */

typedef struct ids { /* MS-OXPROPS; 0 = there is none */
    uint16_t name, type, email, smtp, entry, other_name, other_email;
} ids;

static const ids IDS[] = {
    [HAUL_ADDR_SENDER] = {0x0C1A, 0x0C1E, 0x0C1F, 0x5D01, 0x0C19, 0, 0},
    [HAUL_ADDR_REPRESENTING] = {0x0042, 0x0064, 0x0065, 0x5D02, 0x0041, 0, 0},
    [HAUL_ADDR_RECEIVED_BY] = {0x0040, 0x0075, 0x0076, 0x5D07, 0x003F, 0, 0},
    [HAUL_ADDR_RCVD_REPRESENTING] = {0x0044, 0x0077, 0x0078, 0x5D08, 0x0043, 0, 0},
    [HAUL_ADDR_READ_RECEIPT] = {0x402B, 0x4029, 0x402A, 0x5D05, 0x0046, 0, 0},
    [HAUL_ADDR_REPORT] = {0x003A, 0, 0, 0, 0x0045, 0, 0},
    [HAUL_ADDR_CREATOR] = {0x3FF8, 0x4022, 0x4023, 0x5D0A, 0x3FF9, 0, 0},
    [HAUL_ADDR_RECIPIENT] = {0x3001, 0x3002, 0x3003, 0x39FE, 0x0FFF, 0x5FF6, 0x403E},
};

/* ── text that should be an address ── */

static haul_span within(haul_span s, char open, char close)
{
    bool is = s.len > 2 && s.p[0] == open && s.p[s.len - 1] == close;
    return is ? haul_span_trim((haul_span){s.p + 1, s.len - 2}) : s;
}

/* One candidate: bare, or as 'a@b', <a@b>, mailto:a@b, Name <a@b>. NULL when it is no addr-spec. */
static const char *one_address(haul_span s, haul_arena *a)
{
    s = within(haul_span_trim(s), '\'', '\'');
    const char *open = s.len && s.p[s.len - 1] == '>' ? memchr(s.p, '<', s.len) : NULL;
    if (open)
        s = (haul_span){open + 1, s.len - (size_t)(open - s.p) - 2};
    static const char *const schemes[] = {"mailto:", "smtp:"};
    for (size_t i = 0; i < HAUL_COUNT(schemes); i++)
        if (haul_istarts(s.p, s.len, schemes[i]))
            s = (haul_span){s.p + strlen(schemes[i]), s.len - strlen(schemes[i])};
    const char *z = haul_arena_strn(a, s.p, haul_span_trim(s).len);
    return haul_addr_ok(z) ? z : NULL;
}

/* The first addr-spec of a text that may hold several. */
static const char *find_address(const char *z, haul_arena *a)
{
    if (!z || !strchr(z, '@') || strlen(z) > TEXT_MAX)
        return NULL;
    const char *whole = one_address((haul_span){z, strlen(z)}, a);
    while (!whole && *z) {
        size_t n = strcspn(z, ";,");
        whole = memchr(z, '@', n) ? one_address((haul_span){z, n}, a) : NULL;
        z += n + (z[n] != '\0');
    }
    return whole;
}

/* Encapsulated addresses, "IMCEAEX-_o=X_cn=Y+20Z@domain" (MS-OXCMAIL 2.1.3.2): "_" is "/", "+XX" an octet. The type
 * and address as "EX:/o=X/cn=Y Z", NULL when it is none. */
static const char *decapsulate(const char *z, haul_arena *a)
{
    const char *dash = z && haul_istarts(z, strlen(z), "IMCEA") ? strchr(z, '-') : NULL;
    const char *end = dash ? strrchr(z, '@') : NULL;
    if (!end || end < dash || strlen(z) > TEXT_MAX)
        return NULL;
    haul_auto_str s = {0};
    haul_str_add(&s, z + 5, (size_t)(dash - z) - 5);
    haul_str_addc(&s, ':');
    for (const char *p = dash + 1; p < end; p++) {
        int high = *p == '+' && end - p > 2 ? haul_hexval((unsigned char)p[1]) : -1;
        int low = high >= 0 ? haul_hexval((unsigned char)p[2]) : -1;
        if (low >= 0)
            p += 2;
        haul_str_addc(&s, low >= 0 ? (char)(high * 16 + low) : *p == '_' ? '/' : *p);
    }
    return haul_arena_strn(a, s.p, s.len);
}

static void take_other(haul_addr *to, const char *type, const char *email, haul_arena *a)
{
    if (!to->other && email && *email)
        to->other = haul_arena_printf(a, "%s:%s",
                                      type && *type     ? type
                                      : email[0] == '/' ? "EX"
                                                        : "UNKNOWN",
                                      email);
}

/* An e-mail address with its type into what is not known yet. */
static void take_email(haul_addr *to, const char *type, const char *email, haul_arena *a)
{
    const char *inner = decapsulate(email, a);
    if (inner && haul_istarts(inner, strlen(inner), "SMTP:"))
        email = inner + 5;
    else if (inner) {
        if (!to->other)
            to->other = inner;
        return;
    }
    /* An X.500 name or a fax number with "@" in it is no Internet address, whatever it looks like. */
    bool smtp = !type || !*type || haul_icmp(type, "SMTP") == 0 || (email && email[0] != '/');
    bool foreign =
        type && (haul_icmp(type, "EX") == 0 || haul_icmp(type, "FAX") == 0 || haul_icmp(type, "X400") == 0);
    const char *found = smtp && !foreign ? find_address(email, a) : NULL;
    if (found && !to->smtp)
        to->smtp = found;
    if (!found)
        take_other(to, type, email, a);
}

/* Outlook shows addresses as 'a@b.c' where it has no name: no part of the name. */
static const char *clean_name(const char *z, haul_arena *a)
{
    if (!z)
        return NULL;
    haul_span s = haul_span_trim((haul_span){z, strlen(z)});
    haul_span inner = within(within(s, '"', '"'), '\'', '\'');
    const char *bare = haul_arena_strn(a, inner.p, inner.len);
    if (inner.len != s.len && haul_addr_ok(bare))
        return bare;
    return s.len ? haul_arena_strn(a, s.p, s.len) : NULL;
}

/* ── entry ids ── */

static const uint8_t ONE_OFF[16] = {0x81, 0x2B, 0x1F, 0xA4, 0xBE, 0xA3, 0x10, 0x19,
                                    0x9D, 0x6E, 0x00, 0xDD, 0x01, 0x0F, 0x54, 0x02};
static const uint8_t WRAPPED[16] = {0xC0, 0x91, 0xAD, 0xD3, 0x51, 0x9D, 0xCF, 0x11,
                                    0xA4, 0xA9, 0x00, 0xAA, 0x00, 0x47, 0xFA, 0xA4};
static const uint8_t ADDRESS_BOOK[16] = {0xDC, 0xA7, 0x40, 0xC8, 0xC0, 0x42, 0x10, 0x1A,
                                         0xB4, 0xB9, 0x08, 0x00, 0x2B, 0x2F, 0xE1, 0x82};

/* A string ended by NUL, or by the end. */
static const char *next_text(const uint8_t **p, const uint8_t *end, bool wide, unsigned codepage,
                             haul_arena *a)
{
    const uint8_t *from = *p, *at = from;
    size_t step = wide ? 2 : 1;
    while ((size_t)(end - at) >= step && (at[0] || (wide && at[1])))
        at += step;
    size_t n = (size_t)(at - from) < TEXT_MAX ? (size_t)(at - from) : TEXT_MAX;
    haul_auto_str s = {0};
    if (wide)
        haul_utf16_decode(from, n, &s);
    else
        haul_charset_decode(codepage ? codepage : 1252, from, n, &s);
    *p = (size_t)(end - at) >= step ? at + step : end;
    return s.len ? haul_arena_strn(a, s.p, s.len) : NULL;
}

/* MS-OXCDATA 2.2.5.1: version, flags (0x8000 = Unicode), display name, address type, e-mail address. */
static bool one_off(const uint8_t *p, size_t n, unsigned codepage, haul_arena *a, haul_addr *ret)
{
    if (n < 24)
        return false;
    bool wide = p[23] & 0x80;
    const uint8_t *at = p + 24, *end = p + n;
    haul_addr addr = {0};
    addr.name = clean_name(next_text(&at, end, wide, codepage, a), a);
    const char *type = next_text(&at, end, wide, codepage, a);
    take_email(&addr, type, next_text(&at, end, wide, codepage, a), a);
    *ret = addr;
    return addr.name || addr.smtp || addr.other;
}

bool haul_addr_entry_id(const void *p, size_t n, unsigned codepage, haul_arena *a, haul_addr *ret)
{
    const uint8_t *at = p;
    /* MS-OXOCNTC 2.2.2.2.4.1.1: flags, provider, a type octet, then the entry id itself. */
    for (unsigned i = 0; i < WRAPS_MAX && n > 21 && memcmp(at + 4, WRAPPED, 16) == 0; i++) {
        at += 21;
        n -= 21;
    }
    if (n > 20 && memcmp(at + 4, ONE_OFF, 16) == 0)
        return one_off(at, n, codepage, a, ret);
    if (n <= 28 || memcmp(at + 4, ADDRESS_BOOK, 16) != 0)
        return false;
    const uint8_t *dn = at + 28; /* MS-OXCDATA 2.2.5.2: version, type, X.500 name */
    const char *text = next_text(&dn, at + n, false, codepage, a);
    *ret = (haul_addr){.other = text ? haul_arena_printf(a, "EX:%s", text) : NULL};
    return text != NULL;
}

static uint32_t u32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* MS-OXCDATA 2.3.3: count, octets, then each with its size, filled up to a multiple of four. */
size_t haul_addr_flat(const void *p, size_t n, unsigned codepage, haul_arena *a, haul_addr *ret, size_t max)
{
    const uint8_t *s = p;
    size_t found = 0, at = 8;
    if (n < 8)
        return 0;
    for (uint32_t count = u32(s); count && n - at >= 4 && found < max; count--) {
        size_t size = u32(s + at);
        at += 4;
        if (size > n - at)
            break;
        found += haul_addr_entry_id(s + at, size, codepage, a, &ret[found]);
        size_t step = (size + 3) & ~(size_t)3;
        at = step > n - at ? n : at + step;
    }
    return found;
}

/* ── properties ── */

static const char *get(const haul_bag *b, uint16_t id, haul_arena *a)
{
    return id ? haul_bag_str(b, id, a) : NULL;
}

static void from_entry(const haul_bag *b, uint16_t id, haul_arena *a, haul_addr *to)
{
    haul_span s;
    haul_addr found;
    if (!haul_prop_bin(haul_bag_get(b, id), &s) || !haul_addr_entry_id(s.p, s.len, b->codepage, a, &found))
        return;
    to->name = to->name ? to->name : found.name;
    to->smtp = to->smtp ? to->smtp : found.smtp;
    to->other = to->other ? to->other : found.other;
}

bool haul_addr_get(const haul_bag *b, haul_addr_who who, haul_arena *a, haul_addr *ret)
{
    const ids *id = &IDS[who];
    haul_addr addr = {.name = clean_name(get(b, id->name, a), a)};
    if (!addr.name)
        addr.name = clean_name(get(b, id->other_name, a), a);
    addr.smtp = find_address(get(b, id->smtp, a), a);
    take_email(&addr, get(b, id->type, a), get(b, id->email, a), a);
    if (!addr.smtp)
        from_entry(b, id->entry, a, &addr);
    if (!addr.smtp && id->other_email)
        addr.smtp = find_address(get(b, id->other_email, a), a);
    if (!addr.smtp && !addr.other)
        addr.smtp = find_address(addr.name, a);
    if (addr.smtp && addr.name && haul_icmp(addr.name, addr.smtp) == 0)
        addr.name = NULL;
    if (!addr.name && !addr.smtp && !addr.other)
        return false;
    *ret = addr;
    return true;
}

/* ── transport headers ── */

/* Behind the list element at s.p[i]: at its comma, or the end. */
static size_t element_end(haul_span s, size_t i)
{
    bool quoted = false;
    for (; i < s.len && (quoted || s.p[i] != ','); i++) {
        if (s.p[i] == '\\' && quoted && i + 1 < s.len)
            i++;
        else if (s.p[i] == '"')
            quoted = !quoted;
    }
    return i < s.len ? i : s.len;
}

/* scratch: for what is of no use when it does not match. */
static bool match_element(haul_span one, haul_addr *io, haul_arena *a, haul_arena *scratch)
{
    const char *open = one.len ? memchr(one.p, '<', one.len) : NULL;
    if (!open)
        return false;
    haul_auto_str text = {0};
    haul_header_decode((haul_span){one.p, (size_t)(open - one.p)}, &text);
    haul_span bare = within(haul_span_trim((haul_span){haul_strz(&text), text.len}), '"', '"');
    haul_arena_reset(scratch);
    const char *name = clean_name(haul_arena_strn(scratch, bare.p, bare.len), scratch);
    const char *smtp = name && haul_icmp(name, io->name) == 0 ? one_address(haul_span_trim(one), a) : NULL;
    io->smtp = smtp ? smtp : io->smtp;
    return smtp != NULL;
}

bool haul_addr_from_header(const char *header, size_t n, haul_addr *io, haul_arena *a)
{
    static const char *const names[] = {"from", "sender", "to", "cc", "reply-to"};
    haul_field f;
    haul_arena scratch = {0};
    bool found = false;
    for (size_t pos = 0; io->name && !io->smtp && !found && haul_header_next(header, n, &pos, &f);) {
        bool wanted = false;
        for (size_t i = 0; i < HAUL_COUNT(names); i++)
            wanted = wanted || haul_span_is(f.name, names[i]);
        for (size_t i = 0; wanted && !found && i < f.value.len;) {
            size_t end = element_end(f.value, i);
            found = match_element(haul_span_trim((haul_span){f.value.p + i, end - i}), io, a, &scratch);
            i = end + 1;
        }
    }
    haul_arena_done(&scratch);
    return found;
}
