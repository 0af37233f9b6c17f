#include "mime/facts.h"

#include "mime/date.h"
#include "mime/entity.h"
#include "mime/header.h"
#include "mime/mailbox.h"

#include <openssl/evp.h>
#include <string.h>

#define MD5_LEN 16u

typedef enum field {
    FROM,
    SENDER,
    TO,
    CC,
    BCC,
    SUBJECT,
    DATE,
    MESSAGE_ID,
    IN_REPLY_TO,
    REFERENCES,
    THREAD_INDEX,
    IMPORTANCE,
    X_PRIORITY,
    X_MSMAIL_PRIORITY,
    PRIORITY,
    FIELDS
} field;

static const char *const names[FIELDS] = {
    "from",         "sender",
    "to",           "cc",
    "bcc",          "subject",
    "date",         "message-id",
    "in-reply-to",  "references",
    "thread-index", "importance",
    "x-priority",   "x-msmail-priority",
    "priority",
};

static field field_of(haul_span name)
{
    for (field i = 0; i < FIELDS; i++)
        if (haul_lower(name.p[0]) == names[i][0] && haul_span_is(name, names[i]))
            return i;
    return FIELDS;
}

static haul_span header_of(const char *p, size_t n)
{
    haul_levels outside = {0};
    bool blank;
    return (haul_span){p, haul_entity_header(&outside, p, n < HAUL_HEAD_MAX ? n : HAUL_HEAD_MAX, &blank)};
}

/* ── texts ── */

static const char *kept(haul_arena *a, const haul_str *s)
{
    haul_span v = haul_span_trim((haul_span){haul_strz(s), s->len});
    return v.len ? haul_arena_strn(a, v.p, v.len) : "";
}

static const char *unfolded(haul_arena *a, haul_span value)
{
    haul_auto_str text = {0};
    haul_header_unfold(value, &text);
    return kept(a, &text);
}

static const char *decoded(haul_arena *a, haul_span value)
{
    haul_auto_str text = {0};
    if (value.p)
        haul_header_decode(value, &text);
    return kept(a, &text);
}

static void add_mailboxes(haul_span value, haul_str *to)
{
    haul_auto_str flat = {0};
    haul_mailbox m = {0};
    haul_header_unfold(value, &flat);
    for (haul_mailboxes l = {.s = {haul_strz(&flat), flat.len}}; haul_mailboxes_next(&l, &m);) {
        haul_str_addz(to, to->len ? "; " : "");
        haul_mailbox_write(&m, to);
    }
    haul_mailbox_done(&m);
}

/* ── importance ── */

static const char *level(haul_span value, const char *high, const char *normal, const char *low)
{
    value = haul_span_trim(value);
    if (haul_istarts(value.p, value.len, high))
        return "high";
    if (haul_istarts(value.p, value.len, normal))
        return "normal";
    return haul_istarts(value.p, value.len, low) ? "low" : "";
}

/* "1 (Highest)" to "5 (Lowest)", or a word. */
static const char *x_priority(haul_span value)
{
    value = haul_span_trim(value);
    if (!value.len || value.p[0] < '1' || value.p[0] > '5' || (value.len > 1 && haul_is_digit(value.p[1])))
        return level(value, "high", "normal", "low");
    return value.p[0] < '3' ? "high" : value.p[0] == '3' ? "normal" : "low";
}

static const char *importance(const haul_span *first)
{
    const char *found = level(first[IMPORTANCE], "high", "normal", "low");
    if (!*found)
        found = x_priority(first[X_PRIORITY]);
    if (!*found)
        found = level(first[X_MSMAIL_PRIORITY], "high", "normal", "low");
    return *found ? found : level(first[PRIORITY], "urgent", "normal", "non-urgent");
}

/* ── Message-ID ── */

/* Without the comments and blanks in front of it, and blanks behind. */
static haul_span bare(haul_span s)
{
    for (size_t end = 0;; s = (haul_span){s.p + end, s.len - end}) {
        s = haul_span_trim(s);
        end = s.len && s.p[0] == '(' ? haul_comment_end(s, 0) : 0;
        if (!end)
            return s;
    }
}

/* From the first "<" to its ">", inclusive; all of it where there is no such pair. */
static haul_span bracketed(haul_span s)
{
    s = bare(s);
    const char *open = s.len ? memchr(s.p, '<', s.len) : NULL;
    const char *close = open ? memchr(open, '>', s.len - (size_t)(open - s.p)) : NULL;
    return close ? (haul_span){open, (size_t)(close - open) + 1} : s;
}

static bool is_atext(char c)
{
    return haul_is_alpha(c) || haul_is_digit(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Octets of the dot-atom-text at p; 0 = none. */
static size_t dot_atom(const char *p, size_t n)
{
    size_t i = 0;
    for (;; i++) {
        size_t from = i;
        while (i < n && is_atext(p[i]))
            i++;
        if (i == from)
            return 0;
        if (i >= n || p[i] != '.')
            return i;
    }
}

/* "…" (of obs-id-left) or […] at p, with printable ASCII in it. */
static size_t enclosed(const char *p, size_t n, char open, char close)
{
    if (!n || p[0] != open)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if (p[i] == close)
            return i + 1;
        if (p[i] == '\\' && open == '"')
            i++;
        if (i >= n || p[i] <= 32 || p[i] >= 127 || p[i] == open || (open == '[' && p[i] == '\\'))
            return 0;
    }
    return 0;
}

/* msg-id of RFC 5322 3.6.4 without folding white space inside: id-left "@" id-right in angle brackets. */
static bool is_msg_id(haul_span s)
{
    if (s.len < 5 || s.p[0] != '<' || s.p[s.len - 1] != '>')
        return false;
    const char *p = s.p + 1;
    size_t n = s.len - 2, left = dot_atom(p, n);
    left = left ? left : enclosed(p, n, '"', '"');
    if (!left || left >= n || p[left] != '@')
        return false;
    p += left + 1;
    n -= left + 1;
    size_t right = dot_atom(p, n);
    right = right ? right : enclosed(p, n, '[', ']');
    return right && right == n;
}

/* EDRM MIH 1.0: MD5 of the msg-id, brackets included. Only comments may stand beside it. */
static void hash_id(haul_span value, char ret[HAUL_MIH_LEN])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (!value.p)
        return;
    haul_span all = bare(value), id = bracketed(value);
    size_t behind = (size_t)(all.p + all.len - id.p) - id.len;
    if (!is_msg_id(id) || id.p != all.p || bare((haul_span){id.p + id.len, behind}).len)
        return;
    if (EVP_Digest(id.p, id.len, digest, NULL, EVP_md5(), NULL) == 1)
        haul_hex(ret, digest, MD5_LEN);
}

/* ── all of it ── */

static void take_date(haul_span value, haul_arena *a, haul_facts *ret)
{
    int16_t tz = 0;
    if (!value.p)
        return;
    ret->date_field = unfolded(a, value);
    ret->has_sent = haul_date_parse(value.p, value.len, &ret->sent_us, &tz);
    ret->sent_tz = tz;
}

static const char *type_of(haul_span header, haul_arena *a)
{
    haul_levels levels = {0};
    haul_piece e = {.header = header, .message = true};
    haul_entity_read(&levels, &e);
    haul_levels_close(&levels, 0);
    return haul_arena_str(a, e.type);
}

void haul_facts_read(const char *p, size_t n, haul_arena *a, haul_facts *ret)
{
    haul_span header = header_of(p, n), first[FIELDS] = {0};
    haul_str lists[BCC + 1] = {0};
    haul_field f;
    for (size_t pos = 0; haul_header_next(header.p, header.len, &pos, &f);) {
        field i = field_of(f.name);
        if (i < FIELDS && !first[i].p)
            first[i] = f.value;
        if (i <= BCC && i != SENDER)
            add_mailboxes(f.value, &lists[i]);
    }
    *ret = (haul_facts){.from = kept(a, &lists[FROM]),
                        .to = kept(a, &lists[TO]),
                        .cc = kept(a, &lists[CC]),
                        .bcc = kept(a, &lists[BCC]),
                        .subject = decoded(a, first[SUBJECT]),
                        .date_field = "",
                        .message_id = unfolded(a, bracketed(first[MESSAGE_ID])),
                        .in_reply_to = unfolded(a, first[IN_REPLY_TO]),
                        .references = unfolded(a, first[REFERENCES]),
                        .conversation_index = unfolded(a, first[THREAD_INDEX]),
                        .importance = importance(first),
                        .type = type_of(header, a)};
    take_date(first[DATE], a, ret);
    hash_id(first[MESSAGE_ID], ret->mih);
    for (field i = 0; i <= BCC; i++)
        haul_str_done(&lists[i]);
}

typedef struct parties {
    bool (*fn)(void *ctx, haul_party who, const char *addr);
    void *ctx;
} parties;

static bool tell(const parties *to, haul_party who, haul_span value)
{
    haul_auto_str flat = {0};
    haul_mailbox m = {0};
    bool go = true;
    haul_header_unfold(value, &flat);
    for (haul_mailboxes l = {.s = {haul_strz(&flat), flat.len}}; go && haul_mailboxes_next(&l, &m);) {
        for (size_t i = 0; i < m.addr.len; i++)
            m.addr.p[i] = (char)haul_lower(m.addr.p[i]);
        go = !m.addr.len || !strchr(m.addr.p, '@') || to->fn(to->ctx, who, m.addr.p);
    }
    haul_mailbox_done(&m);
    return go;
}

void haul_facts_parties(const char *p, size_t n, bool (*fn)(void *ctx, haul_party who, const char *addr),
                        void *ctx)
{
    const parties to = {fn, ctx};
    haul_span header = header_of(p, n);
    haul_field f;
    bool go = true;
    for (size_t pos = 0; go && haul_header_next(header.p, header.len, &pos, &f);) {
        field i = field_of(f.name);
        if (i <= BCC)
            go = tell(&to, i == FROM || i == SENDER ? HAUL_PARTY_SENDER : HAUL_PARTY_RECIPIENT, f.value);
    }
}
