/* Maildir file names, info suffixes and keyword tables. */
#include "maildir.h"

#include "base/utf.h"

#include <stdlib.h>
#include <string.h>

/* ── file names ── */

static bool all_letters(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!haul_is_alpha((unsigned char)p[i]))
            return false;
    return true;
}

/* Octets of an info mark at p: ":2,", a disguise of it, or percent-encoded [maildir-7]; 0 = none. The
 * disguises can stand in a host name too, so nothing but letters may follow them. */
static size_t mark_length(const char *p, size_t n)
{
    static const char *const private_use[] = {"\uf0222,", "\uf03a2,"}; /* of macOS and of Cygwin, for ':' */
    if (n >= 3 && p[1] == '2' && p[2] == ',' && strchr(":;!-_", p[0]) && p[0])
        return p[0] == ':' || all_letters(p + 3, n - 3) ? 3 : 0;
    for (size_t i = 0; i < HAUL_COUNT(private_use); i++)
        if (n >= 5 && memcmp(p, private_use[i], 5) == 0 && all_letters(p + 5, n - 5))
            return 5;
    if (haul_istarts(p, n, "%3a2%2c") && all_letters(p + 7, n - 7))
        return 7;
    if (haul_istarts(p, n, "%3a2,") && all_letters(p + 5, n - 5))
        return 5;
    return 0;
}

static void read_field(haul_maildir_name *n, size_t at, size_t len)
{
    const char *p = n->base.p + at;
    uint64_t v;
    if (len < 4 || p[2] != '=' || !haul_parse_u64(p + 3, len - 3, &v))
        return;
    if (p[1] == 'S' && !n->has_size) {
        n->has_size = true;
        n->size = v;
    } else if (p[1] == 'U') {
        n->uid_at = at;
        n->uid_len = len;
    }
}

void haul_maildir_name_parse(const char *name, haul_maildir_name *ret)
{
    size_t n = strlen(name), mark = 0, at = n;
    while (!mark && at > 0) {
        at--;
        mark = mark_length(name + at, n - at);
    }
    *ret = (haul_maildir_name){.base = {name, mark ? at : n}, .has_info = mark > 0};
    if (mark)
        ret->letters = (haul_span){name + at + mark, n - at - mark};
    for (size_t i = 0; i < ret->base.len;) {
        const char *next = memchr(name + i + 1, ',', ret->base.len - i - 1);
        size_t len = (next ? (size_t)(next - name) : ret->base.len) - i;
        if (name[i] == ',')
            read_field(ret, i, len);
        i += len;
    }
}

void haul_maildir_unique(const haul_maildir_name *n, haul_str *to)
{
    size_t rest = n->uid_at + n->uid_len;
    haul_str_add(to, n->base.p, n->uid_len ? n->uid_at : n->base.len);
    if (n->uid_len)
        haul_str_add(to, n->base.p + rest, n->base.len - rest);
}

/* ── flags ── */

static const struct letter_row {
    char letter;
    unsigned flag;
} letter_rows[] = {
    {'D', HAUL_FLAG_DRAFT},    {'F', HAUL_FLAG_FLAGGED}, {'P', HAUL_FLAG_FORWARDED},
    {'R', HAUL_FLAG_ANSWERED}, {'S', HAUL_FLAG_SEEN},    {'T', HAUL_FLAG_DELETED},
};

void haul_maildir_keyword(haul_msg *m, const char *p, size_t n)
{
    unsigned flag = haul_flag_of_keyword(p, n);
    m->flags |= flag;
    if (flag)
        return;
    haul_auto_str raw = {0}, text = {0};
    haul_str_add(&raw, p, n);
    if (memchr(p, '&', n) && strlen(haul_strz(&raw)) == n && haul_mutf7_decode(&text, raw.p))
        haul_msg_keyword(m, haul_strz(&text), text.len);
    else
        haul_msg_keyword(m, p, n);
}

static void flag_letter(haul_msg *m, char c, const haul_letters *l)
{
    for (size_t i = 0; i < HAUL_COUNT(letter_rows); i++)
        if (letter_rows[i].letter == c) {
            m->flags |= letter_rows[i].flag;
            return;
        }
    if (c >= 'a' && c <= 'z') {
        const char *name = l->name[c - 'a'];
        if (name)
            haul_maildir_keyword(m, name, strlen(name));
        else if (haul_msg_keyword(m, &c, 1))
            haul_msg_issue(m, HAUL_ISSUE_MAILDIR_KEYWORD_UNNAMED, "%c", c);
    } else if (c != 'Z' && c != ',') { /* Z: Dovecot's recipe for compressed files */
        haul_msg_issue(m, HAUL_ISSUE_MAILDIR_FLAG_UNKNOWN, c > 32 && c < 127 ? "%c" : "octet %02x",
                       (unsigned char)c);
    }
}

void haul_maildir_flags(haul_msg *m, const haul_maildir_name *n, const haul_letters *l)
{
    m->set |= HAUL_SET_FLAGS;
    for (size_t i = 0; i < n->letters.len; i++)
        flag_letter(m, n->letters.p[i], l);
}

/* In the order in which they get their letters [maildir-12]. */
static const unsigned keyword_flags[] = {HAUL_FLAG_FORWARDED, HAUL_FLAG_JUNK, HAUL_FLAG_NOTJUNK,
                                         HAUL_FLAG_MDNSENT};

size_t haul_maildir_letters(const haul_msg *m, char ret_letters[8], const char *ret_names[5])
{
    size_t n = 0, names = 0;
    for (size_t i = 0; i < HAUL_COUNT(letter_rows); i++)
        if (m->flags & letter_rows[i].flag)
            ret_letters[n++] = letter_rows[i].letter;
    for (size_t i = 0; i < HAUL_COUNT(keyword_flags); i++) /* Dovecot shows no P: forwarded is both */
        if (m->flags & keyword_flags[i])
            ret_names[names++] = haul_flag_keyword(keyword_flags[i]);
    ret_letters[n] = 0;
    ret_names[names] = NULL;
    return n;
}

/* ── keywords ── */

bool haul_maildir_atom(const char *keyword, haul_str *to)
{
    bool same = true;
    size_t start = to->len;
    haul_mutf7_encode(to, keyword);
    for (size_t i = start; i < to->len; i++) {
        unsigned char c = (unsigned char)to->p[i];
        if (c <= 32 || c >= 127 || strchr("(){%*\"\\]", c)) {
            to->p[i] = '_';
            same = false;
        }
    }
    return same;
}

void haul_letters_parse(haul_letters *l, const char *text, size_t n)
{
    for (size_t at = 0; at < n;) {
        const char *eol = memchr(text + at, '\n', n - at);
        size_t len = eol ? (size_t)(eol - text) - at : n - at;
        haul_span line = haul_span_trim((haul_span){text + at, len});
        const char *blank = line.len ? memchr(line.p, ' ', line.len) : NULL;
        uint64_t i;
        if (blank && haul_parse_u64(line.p, (size_t)(blank - line.p), &i) && i < HAUL_MAILDIR_LETTERS &&
            !l->name[i]) {
            haul_span name = haul_span_trim((haul_span){blank, line.len - (size_t)(blank - line.p)});
            l->name[i] = haul_alloc(name.len + 1);
            memcpy(l->name[i], name.p, name.len);
            l->name[i][name.len] = 0;
        }
        at += len + 1;
    }
}

void haul_letters_write(const haul_letters *l, haul_str *to)
{
    for (size_t i = 0; i < HAUL_MAILDIR_LETTERS; i++)
        if (l->name[i])
            haul_str_addf(to, "%zu %s\n", i, l->name[i]);
}

int haul_letters_find(const haul_letters *l, const char *keyword)
{
    for (int i = 0; i < (int)HAUL_MAILDIR_LETTERS; i++)
        if (l->name[i] && haul_icmp(l->name[i], keyword) == 0)
            return i;
    return -1;
}

int haul_letters_put(haul_letters *l, const char *keyword, bool *ret_new)
{
    int i = haul_letters_find(l, keyword);
    *ret_new = false;
    if (i >= 0)
        return i;
    for (i = (int)HAUL_MAILDIR_LETTERS; i > 0 && !l->name[i - 1]; i--)
        ; /* after the last one in use: a gap may be a letter that other messages still carry */
    for (int gap = 0; i == (int)HAUL_MAILDIR_LETTERS && gap < i; gap++)
        if (!l->name[gap])
            i = gap;
    if (i == (int)HAUL_MAILDIR_LETTERS)
        return -1;
    l->name[i] = haul_strdup(keyword);
    *ret_new = true;
    return i;
}

void haul_letters_done(haul_letters *l)
{
    for (size_t i = 0; i < HAUL_MAILDIR_LETTERS; i++)
        free(l->name[i]);
    *l = (haul_letters){0};
}

/* ── folder names ── */

bool haul_maildir_decode(const char *p, size_t n, haul_str *to)
{
    haul_auto_str raw = {0};
    haul_str_add(&raw, p, n);
    if (haul_mutf7_decode(to, haul_strz(&raw)))
        return true;
    return haul_utf8_clean(to, p, n, true);
}
