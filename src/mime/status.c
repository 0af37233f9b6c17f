/* Flags and keywords in header fields. Runs on every message of an mbox, so what is no such field costs
 * one look at its first letter. */
#include "mime/status.h"

#include "base/utf.h"
#include "mime/header.h"
#include "mime/labels.h"

#include <stdlib.h>
#include <string.h>

#define MOZ_READ      0x0001u
#define MOZ_REPLIED   0x0002u
#define MOZ_MARKED    0x0004u
#define MOZ_EXPUNGED  0x0008u
#define MOZ_FORWARDED 0x1000u
#define MOZ2_MDN_SENT 0x00800000u
#define MOZ2_DELETED  0x00200000u /* marked deleted on an IMAP server */
#define LETTERS_MAX   32u
#define CLASSIC_MOZ   (HAUL_FLAG_SEEN | HAUL_FLAG_ANSWERED | HAUL_FLAG_FLAGGED) /* both families say these */

typedef enum kind { STATUS, X_STATUS, X_KEYWORDS, MOZ_STATUS, MOZ_STATUS2, MOZ_KEYS, GMAIL, KIND_COUNT } kind;

static const char *const field_names[KIND_COUNT] = {
    "Status",         "X-Status",       "X-Keywords", "X-Mozilla-Status", "X-Mozilla-Status2",
    "X-Mozilla-Keys", "X-Gmail-Labels",
};

typedef struct parse {
    haul_status *s;
    bool seen[KIND_COUNT];
    bool unread; /* a Gmail label says so */
    unsigned classic, mozilla, gmail;
} parse;

/* ── lists of texts ── */

static bool list_has(const haul_str *list, const char *p, size_t n)
{
    for (size_t at = 0; at < list->len;) {
        size_t len = strlen(list->p + at);
        if (len == n && memcmp(list->p + at, p, n) == 0)
            return true;
        at += len + 1;
    }
    return false;
}

static void list_add(haul_status *s, haul_str *list, size_t *count, const char *p, size_t n)
{
    if (!n || memchr(p, 0, n) || list_has(list, p, n))
        return;
    if (*count >= HAUL_KEYWORDS_MAX) {
        s->n_dropped++;
        return;
    }
    haul_str_add(list, p, n);
    haul_str_addc(list, 0);
    ++*count;
}

/* ── keywords ── */

/* A word as add_keyword writes it, octet for octet: the general decoder would turn controls into blanks. */
static bool take_own_word(haul_span k, haul_str *to)
{
    static const char front[] = "=?UTF-8?Q?";
    const size_t skip = sizeof(front) - 1;
    haul_auto_str text = {0};
    if (k.len < skip + 2 || memcmp(k.p, front, skip) != 0 || memcmp(k.p + k.len - 2, "?=", 2) != 0)
        return false;
    for (size_t at = skip; at < k.len - 2; at++) {
        char c = k.p[at];
        if (c == '=' && at + 2 < k.len - 2 && haul_hexval((unsigned char)k.p[at + 1]) >= 0 &&
            haul_hexval((unsigned char)k.p[at + 2]) >= 0) {
            c = (char)(haul_hexval((unsigned char)k.p[at + 1]) * 16 +
                       haul_hexval((unsigned char)k.p[at + 2]));
            at += 2;
        } else if (c == '_') {
            c = ' ';
        } else if (!haul_is_alpha((unsigned char)c) && !haul_is_digit(c)) {
            return false;
        }
        haul_str_addc(&text, c);
    }
    if (!haul_utf8_valid(haul_strz(&text), text.len))
        return false;
    haul_str_add(to, text.p, text.len);
    return true;
}

/* One keyword as it stands in the field; an RFC 2047 word is decoded. */
static unsigned take_keyword(haul_status *s, haul_span k)
{
    unsigned flag = haul_flag_of_keyword(k.p, k.len);
    if (flag)
        return flag;
    haul_auto_str text = {0};
    if (take_own_word(k, &text))
        ;
    else if (k.len > 6 && memcmp(k.p, "=?", 2) == 0)
        haul_header_decode(k, &text);
    else
        haul_utf8_clean(&text, k.p, k.len, true);
    list_add(s, &s->keywords, &s->n_keywords, haul_strz(&text), text.len);
    return 0;
}

static bool is_gap(char c)
{
    return c == ' ' || c == '\t' || c == ',' || c == '\r' || c == '\n';
}

static unsigned take_keywords(haul_status *s, haul_span v)
{
    unsigned flags = 0;
    for (size_t at = 0; at < v.len;) {
        size_t n = 0;
        while (at + n < v.len && !is_gap(v.p[at + n]))
            n++;
        if (n)
            flags |= take_keyword(s, (haul_span){v.p + at, n});
        at += n + 1;
    }
    return flags;
}

/* ── Gmail ── */

static unsigned take_label(haul_status *s, const char *p, size_t n)
{
    haul_span l = haul_span_trim((haul_span){p, n});
    switch (haul_label_find(l.p, l.len)) {
    case HAUL_LABEL_UNREAD:
    case HAUL_LABEL_OPENED:
        return 0;
    case HAUL_LABEL_STARRED:
        return HAUL_FLAG_FLAGGED;
    case HAUL_LABEL_DRAFT:
        return HAUL_FLAG_DRAFT;
    case HAUL_LABEL_SPAM:
        return HAUL_FLAG_JUNK;
    default:
        list_add(s, &s->labels, &s->n_labels, l.p, l.len);
        return 0;
    }
}

/* One label of the list at z: up to a comma outside quotes. Its text is copied to `one`; returns where it ends. */
static const char *next_label(const char *z, haul_str *one)
{
    bool quoted = false;
    haul_str_clear(one);
    for (; *z && (quoted || *z != ','); z++) {
        if (*z == '"' && quoted && z[1] == '"')
            haul_str_addc(one, *z++);
        else if (*z == '"')
            quoted = !quoted;
        else
            haul_str_addc(one, *z);
    }
    return z;
}

static unsigned take_list(haul_status *s, const char *z, bool vault, bool *unread)
{
    haul_auto_str one = {0};
    unsigned flags = 0;
    while (*z) {
        z = next_label(z, &one);
        haul_span l = haul_span_trim((haul_span){haul_strz(&one), one.len});
        const char *name = vault ? haul_label_of_vault(l.p, l.len) : NULL;
        if (name)
            l = (haul_span){name, strlen(name)};
        if (haul_label_find(l.p, l.len) == HAUL_LABEL_UNREAD)
            *unread = true;
        flags |= take_label(s, l.p, l.len);
        z += *z == ',';
    }
    return flags;
}

static unsigned take_labels(haul_status *s, haul_span v, bool *unread)
{
    haul_auto_str text = {0};
    haul_header_decode(v, &text);
    return take_list(s, haul_strz(&text), false, unread);
}

void haul_status_labels(haul_status *s, const char *list)
{
    bool unread = false;
    unsigned flags = take_list(s, list, true, &unread);
    s->known = true;
    s->flags &= ~(unsigned)(HAUL_FLAG_SEEN | HAUL_FLAG_FLAGGED | HAUL_FLAG_DRAFT | HAUL_FLAG_JUNK);
    s->flags |= flags | (unread ? 0 : HAUL_FLAG_SEEN);
}

/* ── the classic fields and Thunderbird's ── */

/* Letters that programs write; mail of trackers and shops says "Status: Done", which is no flag. [mbox-30] */
static bool is_letters(haul_span v)
{
    for (size_t i = 0; i < v.len; i++)
        if (!strchr("RONUAFTDP \t\r\n", v.p[i]) || !v.p[i])
            return false;
    return v.len <= LETTERS_MAX;
}

static void take_letters(parse *ps, kind k, haul_span v)
{
    static const struct {
        char letter;
        kind field;
        unsigned flag;
    } letters[] = {
        {'R', STATUS, HAUL_FLAG_SEEN},      {'A', X_STATUS, HAUL_FLAG_ANSWERED},
        {'F', X_STATUS, HAUL_FLAG_FLAGGED}, {'T', X_STATUS, HAUL_FLAG_DRAFT},
        {'D', X_STATUS, HAUL_FLAG_DELETED},
    };
    ps->seen[k] = is_letters(v);
    for (size_t i = 0; ps->seen[k] && i < HAUL_COUNT(letters); i++)
        if (letters[i].field == k && memchr(v.p, letters[i].letter, v.len))
            ps->classic |= letters[i].flag;
}

/* Hex digits of at most 32 bits; false when there is anything else. */
static bool take_hex(haul_span v, unsigned *ret)
{
    unsigned n = 0;
    v = haul_span_trim(v);
    if (!v.len || v.len > 8)
        return false;
    for (size_t i = 0; i < v.len; i++) {
        int d = haul_hexval((unsigned char)v.p[i]);
        if (d < 0)
            return false;
        n = n << 4 | (unsigned)d;
    }
    *ret = n;
    return true;
}

static unsigned mozilla_flags(unsigned bits)
{
    return (bits & MOZ_READ ? HAUL_FLAG_SEEN : 0) | (bits & MOZ_REPLIED ? HAUL_FLAG_ANSWERED : 0) |
           (bits & MOZ_MARKED ? HAUL_FLAG_FLAGGED : 0) | (bits & MOZ_EXPUNGED ? HAUL_FLAG_DELETED : 0) |
           (bits & MOZ_FORWARDED ? HAUL_FLAG_FORWARDED : 0);
}

static void take_mozilla(parse *ps, kind k, haul_span v)
{
    unsigned bits = 0;
    if (!take_hex(v, &bits)) {
        ps->seen[k] = false;
        return;
    }
    if (k == MOZ_STATUS)
        ps->mozilla |= mozilla_flags(bits);
    else
        ps->mozilla |=
            (bits & MOZ2_MDN_SENT ? HAUL_FLAG_MDNSENT : 0) | (bits & MOZ2_DELETED ? HAUL_FLAG_DELETED : 0);
}

/* Fields of one value count once, the first; lists add up. */
static void take_field(parse *ps, kind k, haul_span v)
{
    bool list = k == X_KEYWORDS || k == MOZ_KEYS || k == GMAIL;
    if (ps->seen[k] && !list)
        return;
    ps->seen[k] = true;
    if (k == STATUS || k == X_STATUS)
        take_letters(ps, k, v);
    else if (k == X_KEYWORDS)
        ps->classic |= take_keywords(ps->s, v);
    else if (k == MOZ_KEYS)
        ps->mozilla |= take_keywords(ps->s, v);
    else if (k == GMAIL)
        ps->gmail |= take_labels(ps->s, v, &ps->unread);
    else
        take_mozilla(ps, k, v);
}

/* Which field begins at this line; KIND_COUNT when none of ours. */
static kind which_field(const char *p, size_t n)
{
    if (n < 7 || ((p[0] | 32) != 's' && ((p[0] | 32) != 'x' || p[1] != '-')))
        return KIND_COUNT;
    for (kind k = STATUS; k < KIND_COUNT; k++) {
        size_t len = strlen(field_names[k]);
        if (n > len && haul_istarts(p, n, field_names[k]) &&
            (p[len] == ':' || p[len] == ' ' || p[len] == '\t'))
            return k;
    }
    return KIND_COUNT;
}

void haul_status_parse(const char *p, size_t n, haul_status *ret)
{
    parse ps = {.s = ret};
    for (size_t at = 0; at < n;) {
        const char *eol = memchr(p + at, '\n', n - at);
        size_t line = eol ? (size_t)(eol - p) + 1 - at : n - at;
        if (line == 1 || (line == 2 && p[at] == '\r'))
            break;
        kind k = which_field(p + at, line);
        haul_field f;
        size_t pos = at;
        if (k != KIND_COUNT && haul_header_next(p, n, &pos, &f) && f.start == at) {
            take_field(&ps, k, f.value);
            at = pos;
        } else {
            at += line;
        }
    }
    for (kind k = STATUS; k < KIND_COUNT; k++)
        ret->known |= ps.seen[k];
    if (ps.seen[GMAIL] && !ps.unread)
        ps.gmail |= HAUL_FLAG_SEEN;
    /* Thunderbird rewrites its own field and leaves a Status from the server as it came. [mbox-33] */
    if (ps.seen[MOZ_STATUS])
        ps.classic &= ~(unsigned)CLASSIC_MOZ;
    ret->flags |= ps.classic | ps.mozilla | ps.gmail;
}

void haul_status_clear(haul_status *s)
{
    haul_str_clear(&s->keywords);
    haul_str_clear(&s->labels);
    s->known = false;
    s->flags = 0;
    s->n_keywords = s->n_labels = s->n_dropped = 0;
}

void haul_status_done(haul_status *s)
{
    haul_str_done(&s->keywords);
    haul_str_done(&s->labels);
    haul_status_clear(s);
}

static void apply_list(const haul_str *list, haul_msg *m)
{
    for (size_t at = 0; at < list->len; at += strlen(list->p + at) + 1)
        haul_msg_keyword(m, list->p + at, strlen(list->p + at));
}

void haul_status_apply(const haul_status *s, haul_msg *m, bool labels_as_keywords)
{
    if (!s->known)
        return;
    m->flags |= s->flags;
    m->set |= HAUL_SET_FLAGS;
    apply_list(&s->keywords, m);
    if (labels_as_keywords)
        apply_list(&s->labels, m);
    if (s->n_dropped)
        haul_msg_issue(m, HAUL_ISSUE_KEYWORD_NOT_HELD, "%zu after the first %u", s->n_dropped,
                       HAUL_KEYWORDS_MAX);
}

/* How many of the list are keywords of m that `other` has not. */
static size_t count_known(const haul_str *list, const haul_str *other, const haul_msg *m, bool *ret_all)
{
    size_t known = 0;
    for (size_t at = 0; at < list->len; at += strlen(list->p + at) + 1) {
        const char *k = list->p + at;
        size_t i = 0;
        if (other && list_has(other, k, strlen(k)))
            continue;
        while (i < m->n_keywords && strcmp(m->keywords[i], k) != 0)
            i++;
        known += i < m->n_keywords;
        *ret_all = *ret_all && i < m->n_keywords;
    }
    return known;
}

bool haul_status_agrees(const char *p, size_t n, const haul_msg *m)
{
    haul_status s = {0};
    bool all = true;
    haul_status_parse(p, n, &s);
    size_t known = count_known(&s.keywords, NULL, m, &all) + count_known(&s.labels, &s.keywords, m, &all);
    bool agrees = s.flags == m->flags && all && known == m->n_keywords;
    haul_status_done(&s);
    return agrees;
}

haul_role haul_status_label_role(const char *label)
{
    switch (haul_label_find(label, strlen(label))) {
    case HAUL_LABEL_INBOX:
        return HAUL_ROLE_INBOX;
    case HAUL_LABEL_SENT:
        return HAUL_ROLE_SENT;
    case HAUL_LABEL_DRAFT:
        return HAUL_ROLE_DRAFTS;
    case HAUL_LABEL_TRASH:
        return HAUL_ROLE_TRASH;
    case HAUL_LABEL_SPAM:
        return HAUL_ROLE_JUNK;
    case HAUL_LABEL_ARCHIVED:
        return HAUL_ROLE_ARCHIVE;
    case HAUL_LABEL_IMPORTANT:
        return HAUL_ROLE_IMPORTANT;
    default:
        return HAUL_ROLE_NONE;
    }
}

/* ── writing ── */

/* A keyword that reading would take for a flag, a separator or an encoded word is encoded. */
static bool is_plain_keyword(const char *k)
{
    if (haul_flag_of_keyword(k, strlen(k)) || strncmp(k, "=?", 2) == 0)
        return false;
    for (const char *c = k; *c; c++)
        if ((unsigned char)*c <= 32 || (unsigned char)*c >= 127 || *c == ',')
            return false;
    return *k != 0;
}

/* Append k as one RFC 2047 word, however long: [mbox-36]. */
static void add_keyword(haul_str *to, const char *k)
{
    if (is_plain_keyword(k)) {
        haul_str_addz(to, k);
        return;
    }
    haul_str_addz(to, "=?UTF-8?Q?");
    for (; *k; k++)
        if (haul_is_alpha((unsigned char)*k) || haul_is_digit(*k))
            haul_str_addc(to, *k);
        else
            haul_str_addf(to, "=%02X", (unsigned char)*k);
    haul_str_addz(to, "?=");
}

static void add_word(haul_str *list, const char *word)
{
    if (list->len)
        haul_str_addc(list, ' ');
    haul_str_addz(list, word);
}

/* Flags that the family has no bit for travel as the keywords that programs share. */
static void collect_keywords(const haul_msg *m, bool mozilla, haul_str *list)
{
    if (m->flags & HAUL_FLAG_FORWARDED && !mozilla)
        add_word(list, "$Forwarded");
    if (m->flags & HAUL_FLAG_MDNSENT && !mozilla)
        add_word(list, "$MDNSent");
    if (m->flags & HAUL_FLAG_JUNK)
        add_word(list, mozilla ? "Junk" : "$Junk");
    if (m->flags & HAUL_FLAG_NOTJUNK)
        add_word(list, mozilla ? "NonJunk" : "$NotJunk");
    for (size_t i = 0; i < m->n_keywords; i++) {
        add_word(list, "");
        add_keyword(list, m->keywords[i]);
    }
}

static void write_x_status(unsigned flags, haul_str *to)
{
    haul_str_addz(to, flags ? "X-Status: " : "X-Status:");
    haul_str_addz(to, flags & HAUL_FLAG_ANSWERED ? "A" : "");
    haul_str_addz(to, flags & HAUL_FLAG_FLAGGED ? "F" : "");
    haul_str_addz(to, flags & HAUL_FLAG_DRAFT ? "T" : "");
    haul_str_addz(to, flags & HAUL_FLAG_DELETED ? "D" : "");
    haul_str_addc(to, '\n');
}

/* Thunderbird hides what is expunged, and has no bit for a draft: those two go to X-Status. [mbox-35] */
static void write_mozilla(const haul_msg *m, haul_str *to)
{
    unsigned f = m->flags,
             bits = (f & HAUL_FLAG_SEEN ? MOZ_READ : 0) | (f & HAUL_FLAG_ANSWERED ? MOZ_REPLIED : 0) |
                    (f & HAUL_FLAG_FLAGGED ? MOZ_MARKED : 0) | (f & HAUL_FLAG_FORWARDED ? MOZ_FORWARDED : 0);
    haul_str_addf(to, "X-Mozilla-Status: %04x\nX-Mozilla-Status2: %08x\n", bits,
                  f & HAUL_FLAG_MDNSENT ? MOZ2_MDN_SENT : 0);
    write_x_status(f & (HAUL_FLAG_DRAFT | HAUL_FLAG_DELETED), to);
}

void haul_status_write(const haul_msg *m, bool mozilla, haul_str *to)
{
    haul_auto_str list = {0};
    bool known = m->flags || m->set & HAUL_SET_FLAGS;
    if (known && mozilla) {
        write_mozilla(m, to);
    } else if (known) {
        haul_str_addf(to, "Status: %s\n", m->flags & HAUL_FLAG_SEEN ? "RO" : "O");
        /* An empty one, too: where the first counts, it takes an older X-Status of the message out of force. */
        write_x_status(
            m->flags & (HAUL_FLAG_ANSWERED | HAUL_FLAG_FLAGGED | HAUL_FLAG_DRAFT | HAUL_FLAG_DELETED), to);
    }
    collect_keywords(m, mozilla, &list);
    if (list.len)
        haul_str_addf(to, "%s: %s\n", mozilla ? "X-Mozilla-Keys" : "X-Keywords", list.p);
}
