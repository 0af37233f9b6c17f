#include "imap/keywords.h"

#include "base/hash.h"
#include "base/utf.h"

#include <string.h>

#define MARK    "$q_"
#define DIGEST  4u /* octets of it that stand for a cut end */
#define CUT_LEN (HAUL_IMAP_KEYWORD_MAX - 2 - 2 * DIGEST)

static bool is_marked(const char *p, size_t n)
{
    return haul_istarts(p, n, MARK); /* servers take keywords that differ in case for the same */
}

static void mangle(const char *p, size_t n, haul_str *to)
{
    haul_str_addz(to, MARK);
    for (size_t i = 0; i < n; i++)
        if (haul_is_alpha((unsigned char)p[i]) || haul_is_digit(p[i]) || p[i] == '.' || p[i] == '-')
            haul_str_addc(to, p[i]);
        else
            haul_str_addf(to, "_%02X", (unsigned char)p[i]);
}

static void cut(const char *keyword, haul_str *atom)
{
    haul_auto(haul_sha256) *h = haul_sha256_new();
    uint8_t digest[HAUL_SHA256_LEN];
    char hex[2 * DIGEST + 1];
    haul_sha256_update(h, keyword, strlen(keyword));
    haul_sha256_final(h, digest);
    haul_hex(hex, digest, DIGEST);
    atom->len = CUT_LEN;
    for (size_t back = 1; back <= 2; back++) /* not inside an escape */
        if (atom->p[atom->len - back] == '_' && atom->len - back >= strlen(MARK)) {
            atom->len -= back;
            break;
        }
    haul_str_addf(atom, "__%s", hex);
}

void haul_imap_keyword_write(const char *keyword, haul_str *to, bool *ret_cut)
{
    size_t n = strlen(keyword);
    haul_auto_str atom = {0};
    *ret_cut = false;
    if (haul_imap_is_keyword_safe(keyword, n) && !is_marked(keyword, n) &&
        !haul_flag_of_keyword(keyword, n) && haul_icmp(keyword, "NIL") != 0) {
        haul_str_addz(to, keyword);
        return;
    }
    mangle(keyword, n, &atom);
    *ret_cut = atom.len > HAUL_IMAP_KEYWORD_MAX;
    if (*ret_cut)
        cut(keyword, &atom);
    haul_str_add(to, atom.p, atom.len);
}

/* False when an escape is malformed; "__" is one. */
static bool unmangle(const char *p, size_t n, haul_str *to)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != '_') {
            haul_str_addc(to, p[i]);
            continue;
        }
        int high = i + 2 < n ? haul_hexval((unsigned char)p[i + 1]) : -1;
        int low = i + 2 < n ? haul_hexval((unsigned char)p[i + 2]) : -1;
        if (high < 0 || low < 0 || high + low == 0)
            return false;
        haul_str_addc(to, (char)(high * 16 + low));
        i += 2;
    }
    return haul_utf8_valid(haul_strz(to), to->len);
}

bool haul_imap_keyword_read(const char *p, size_t n, haul_str *to)
{
    const size_t skip = sizeof(MARK) - 1;
    haul_auto_str plain = {0}, again = {0};
    bool was_cut = true;
    if (!is_marked(p, n) || !unmangle(p + skip, n - skip, &plain))
        return false;
    haul_imap_keyword_write(haul_strz(&plain), &again, &was_cut);
    if (was_cut || !haul_span_is((haul_span){p, n}, haul_strz(&again)))
        return false;
    haul_str_add(to, haul_strz(&plain), plain.len);
    return true;
}

/* ── flags ── */

static const struct system_row {
    unsigned flag;
    const char *name;
} system_rows[] = {
    {HAUL_FLAG_SEEN, "\\Seen"},   {HAUL_FLAG_ANSWERED, "\\Answered"}, {HAUL_FLAG_FLAGGED, "\\Flagged"},
    {HAUL_FLAG_DRAFT, "\\Draft"}, {HAUL_FLAG_DELETED, "\\Deleted"},
};

const char *haul_imap_flag_name(unsigned flag)
{
    for (size_t i = 0; i < HAUL_COUNT(system_rows); i++)
        if (system_rows[i].flag == flag)
            return system_rows[i].name;
    return haul_flag_keyword(flag);
}

void haul_imap_flags_write(unsigned flags, haul_str *to)
{
    const char *blank = "";
    for (unsigned bit = 1; bit <= flags && bit; bit <<= 1) {
        const char *name = flags & bit ? haul_imap_flag_name(bit) : NULL;
        if (!name)
            continue;
        haul_str_addf(to, "%s%s", blank, name);
        blank = " ";
    }
}

unsigned haul_imap_flag_of(const char *p, size_t n)
{
    for (size_t i = 0; i < HAUL_COUNT(system_rows); i++)
        if (haul_span_is((haul_span){p, n}, system_rows[i].name))
            return system_rows[i].flag;
    return haul_flag_of_keyword(p, n);
}

void haul_imap_flag_into(haul_msg *m, const char *p, size_t n)
{
    haul_auto_str plain = {0};
    unsigned flag = haul_imap_flag_of(p, n);
    m->flags |= flag;
    m->set |= HAUL_SET_FLAGS;
    if (flag || !n || *p == '\\')
        return;
    if (haul_imap_keyword_read(p, n, &plain))
        haul_msg_keyword(m, haul_strz(&plain), plain.len);
    else
        haul_msg_keyword(m, p, n);
}
