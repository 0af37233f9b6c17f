/* What the header section says, as properties. MS-OXCMAIL 2.2.3.2; docs/mapi.md [mapi-r10]… */
#include "base/hash.h"
#include "base/utf.h"
#include "mime/date.h"
#include "mime/header.h"
#include "mime/outlook_parts.h"

#include <glib.h>
#include <string.h>

#define INDEX_HEAD 22u   /* octets of a conversation index without its responses, MS-OXOMSG 2.2.1.3 */
#define INDEX_MAX  2048u /* octets of one */
#define PREFIX_MAX 3u    /* characters of a subject prefix in front of its colon */

/* X(enum, name in lower case): the fields that are looked for, the first of each counts. */
#define FIELDS(X)                                                                                            \
    X(FROM, "from")                                                                                          \
    X(SENDER, "sender")                                                                                      \
    X(REPLY_TO, "reply-to")                                                                                  \
    X(SUBJECT, "subject")                                                                                    \
    X(DATE, "date")                                                                                          \
    X(MESSAGE_ID, "message-id")                                                                              \
    X(IN_REPLY_TO, "in-reply-to")                                                                            \
    X(REFERENCES, "references")                                                                              \
    X(THREAD_TOPIC, "thread-topic")                                                                          \
    X(THREAD_INDEX, "thread-index")                                                                          \
    X(IMPORTANCE, "importance")                                                                              \
    X(PRIORITY, "priority")                                                                                  \
    X(X_PRIORITY, "x-priority")                                                                              \
    X(X_MSMAIL_PRIORITY, "x-msmail-priority")                                                                \
    X(SENSITIVITY, "sensitivity")                                                                            \
    X(NOTIFICATION_TO, "disposition-notification-to")                                                        \
    X(RECEIPT_TO, "return-receipt-to")                                                                       \
    X(SUPPRESS, "x-auto-response-suppress")                                                                  \
    X(LIST_HELP, "list-help")                                                                                \
    X(LIST_SUBSCRIBE, "list-subscribe")                                                                      \
    X(LIST_UNSUBSCRIBE, "list-unsubscribe")                                                                  \
    X(CONTENT_CLASS, "content-class")                                                                        \
    X(KEYWORDS, "keywords")

typedef enum field {
#define X(id, name) id,
    FIELDS(X)
#undef X
        N_FIELDS
} field;

typedef struct head {
    haul_outlook *x;
    haul_span v[N_FIELDS]; /* p NULL = absent */
} head;

static field field_of(haul_span name)
{
    static const char *const names[] = {
#define X(id, name) name,
        FIELDS(X)
#undef X
    };
    for (field i = 0; i < N_FIELDS; i++)
        if (name.len && haul_lower(name.p[0]) == names[i][0] && haul_span_is(name, names[i]))
            return i;
    return N_FIELDS;
}

static int recipient_type(haul_span name)
{
    return haul_span_is(name, "to") ? 1 : haul_span_is(name, "cc") ? 2 : haul_span_is(name, "bcc") ? 3 : 0;
}

static void collect(head *h)
{
    haul_field f;
    haul_span s = h->x->header;
    for (size_t pos = 0; haul_header_next(s.p, s.len, &pos, &f);) {
        field i = field_of(f.name);
        int type = recipient_type(f.name);
        if (i < N_FIELDS && !h->v[i].p)
            h->v[i] = f.value;
        if (type)
            haul_outlook_recipients(h->x, type, f.value);
        else if (i == N_FIELDS)
            haul_outlook_mark(h->x, &f);
    }
}

/* ── transport headers ── */

/* All of the section, as it came; 8-bit text as UTF-8 where it is such. MS-OXOMSG 2.2.1.61 [mapi-r10] */
static void put_transport(haul_outlook *x)
{
    haul_auto_str text = {0};
    if (!x->header.len)
        return;
    if (x->nodes->header.len > x->header.len)
        haul_outlook_issue(x, HAUL_ISSUE_OUTLOOK_HEADER_CUT, "%zu octets", x->nodes->header.len);
    haul_utf8_clean(&text, x->header.p, x->header.len, true);
    haul_put_lines(&x->to, HAUL_TAG(HAUL_TAG_TRANSPORT_HEADERS), text.p, text.len);
}

/* ── texts ── */

static void decoded(haul_span value, haul_str *to)
{
    haul_auto_str flat = {0};
    if (!value.p)
        return;
    haul_header_decode(value, &flat);
    haul_span v = haul_span_trim((haul_span){haul_strz(&flat), flat.len});
    haul_str_add(to, v.p, haul_utf8_cut(v.p, v.len, HAUL_OUTLOOK_TEXT_MAX));
}

static void put_plain(const head *h, field i, uint16_t tag)
{
    haul_auto_str text = {0};
    if (!h->v[i].p)
        return;
    haul_header_unfold(haul_span_trim(h->v[i]), &text);
    size_t n = haul_utf8_cut(haul_strz(&text), text.len, HAUL_OUTLOOK_TEXT_MAX);
    if (n)
        haul_put_textn(&h->x->to, HAUL_TAG(tag), text.p, n);
}

/* MS-OXCMSG 2.2.1.9: up to three characters that are no digits, a colon, a blank; its octets. */
static size_t prefix_length(const haul_str *s)
{
    const char *p = haul_strz(s);
    size_t at = 0;
    for (unsigned n = 0; n <= PREFIX_MAX; n++) {
        if (n && p[at] == ':')
            return p[at + 1] == ' ' ? at + 2 : 0;
        if (at >= s->len || haul_is_digit(p[at]) || (unsigned char)p[at] <= ' ' || p[at] == ':')
            return 0;
        at += haul_utf8_next(p + at, s->len - at, NULL);
    }
    return 0;
}

static void put_subject(const head *h, haul_str *normalized)
{
    haul_auto_str s = {0};
    const haul_put *to = &h->x->to;
    decoded(h->v[SUBJECT], &s);
    size_t n = prefix_length(&s);
    if (h->v[SUBJECT].p)
        haul_put_textn(to, HAUL_TAG(HAUL_TAG_SUBJECT), haul_strz(&s), s.len);
    if (n)
        haul_put_textn(to, HAUL_TAG(HAUL_TAG_SUBJECT_PREFIX), s.p, n);
    haul_str_add(normalized, haul_strz(&s) + n, s.len - n);
    if (h->v[SUBJECT].p)
        haul_put_textn(to, HAUL_TAG(HAUL_TAG_NORMALIZED_SUBJECT), haul_strz(normalized), normalized->len);
}

/* ── conversations ── */

static bool stored_index(const head *h, haul_str *to)
{
    haul_auto_str text = {0};
    if (!h->v[THREAD_INDEX].p || h->v[THREAD_INDEX].len > 2 * INDEX_MAX)
        return false;
    haul_header_unfold(h->v[THREAD_INDEX], &text);
    gsize n = 0;
    guchar *p = g_base64_decode(haul_strz(&text), &n);
    bool is = n >= INDEX_HEAD && n <= INDEX_MAX && (n - INDEX_HEAD) % 5 == 0 && p[0] == 1;
    if (is)
        haul_str_add(to, p, n);
    g_free(p);
    return is;
}

/* The id of the message that the thread began with, as far as this one tells. */
static haul_span thread_root(const head *h)
{
    static const field order[] = {REFERENCES, IN_REPLY_TO, MESSAGE_ID};
    for (size_t i = 0; i < HAUL_COUNT(order); i++) {
        haul_span v = h->v[order[i]];
        const char *open = v.p ? memchr(v.p, '<', v.len) : NULL;
        const char *close = open ? memchr(open, '>', v.len - (size_t)(open - v.p)) : NULL;
        if (close)
            return (haul_span){open, (size_t)(close - open) + 1};
    }
    return (haul_span){0};
}

/* The time of this message, and in place of a random GUID what all messages of the thread share. MS-OXOMSG 2.2.1.3 */
static bool made_index(const head *h, int64_t sent_us, haul_str *to)
{
    uint8_t digest[HAUL_SHA256_LEN];
    haul_span root = thread_root(h);
    if (!root.len)
        return false;
    haul_auto(haul_sha256) *sha = haul_sha256_new();
    haul_sha256_update(sha, root.p, root.len);
    haul_sha256_final(sha, digest);
    haul_str_addc(to, 1);
    for (unsigned i = 0; i < 5; i++)
        haul_str_addc(to, (char)(haul_filetime(sent_us) >> (56 - 8 * i)));
    haul_str_add(to, digest, 16);
    return true;
}

static void put_conversation(const head *h, const haul_str *normalized, int64_t sent_us)
{
    haul_auto_str topic = {0}, index = {0};
    const haul_put *to = &h->x->to;
    decoded(h->v[THREAD_TOPIC], &topic);
    haul_put_text(to, HAUL_TAG(HAUL_TAG_CONVERSATION_TOPIC), topic.len ? topic.p : haul_strz(normalized));
    if (!stored_index(h, &index) && !made_index(h, sent_us, &index))
        return;
    haul_put_bin(to, HAUL_TAG(HAUL_TAG_CONVERSATION_INDEX), index.p, index.len);
    haul_put_bin(to, HAUL_TAG(0x3013), index.p + 6, 16); /* PidTagConversationId */
    haul_put_bool(to, HAUL_TAG(0x3016), true);           /* PidTagConversationIndexTracking */
}

/* ── importance, sensitivity ── */

static bool word(haul_span value, const char *const *words, const int8_t *v, size_t n, int *ret)
{
    value = haul_span_trim(value);
    for (size_t i = 0; i < n && value.len; i++)
        if (haul_istarts(value.p, value.len, words[i])) {
            *ret = v[i];
            return true;
        }
    return false;
}

/* MS-OXCMAIL 2.2.3.2.5: Importance before the others. */
static void put_importance(const head *h)
{
    static const char *const levels[] = {"low", "normal", "high"};
    static const char *const numbers[] = {"5", "4", "3", "2", "1", "low", "normal", "high"};
    static const char *const urgency[] = {"non-urgent", "normal", "urgent"};
    static const int8_t level[] = {0, 1, 2}, number[] = {0, 0, 1, 2, 2, 0, 1, 2}, urgent[] = {-1, 0, 1};
    int importance = 1, priority = 0;
    bool said = word(h->v[IMPORTANCE], levels, level, HAUL_COUNT(level), &importance) ||
                word(h->v[X_PRIORITY], numbers, number, HAUL_COUNT(number), &importance) ||
                word(h->v[X_MSMAIL_PRIORITY], levels, level, HAUL_COUNT(level), &importance);
    if (word(h->v[PRIORITY], urgency, urgent, HAUL_COUNT(urgent), &priority) && !said)
        importance = priority + 1;
    haul_put_int(&h->x->to, HAUL_TAG(HAUL_TAG_IMPORTANCE), importance);
    haul_put_int(&h->x->to, HAUL_TAG(HAUL_TAG_PRIORITY), priority);
}

static void put_sensitivity(const head *h)
{
    static const char *const words[] = {"personal", "private", "company"};
    static const int8_t v[] = {1, 2, 3};
    int sensitivity = 0;
    (void)word(h->v[SENSITIVITY], words, v, HAUL_COUNT(v), &sensitivity);
    haul_put_int(&h->x->to, HAUL_TAG(HAUL_TAG_SENSITIVITY), sensitivity);
}

/* ── people, receipts ── */

/* From is who it is sent for, Sender who sent it: the same when only one is there. MS-OXCMAIL 2.1.3.1.3, 2.1.3.1.4 */
static void put_senders(const head *h)
{
    static const haul_role both[] = {HAUL_ROLE_REPRESENTING, HAUL_ROLE_SENDER};
    bool alone = !h->v[SENDER].p;
    bool from = haul_outlook_people(h->x, h->v[FROM], both, alone ? 2 : 1);
    if (alone)
        return;
    bool sender = haul_outlook_person(h->x, HAUL_ROLE_SENDER, h->v[SENDER]);
    if (!sender)
        haul_outlook_person(h->x, HAUL_ROLE_SENDER, h->v[FROM]);
    if (!from && sender)
        haul_outlook_person(h->x, HAUL_ROLE_REPRESENTING, h->v[SENDER]);
}

static void put_receipts(const head *h)
{
    const haul_put *to = &h->x->to;
    if (haul_outlook_person(h->x, HAUL_ROLE_READ_RECEIPT, h->v[NOTIFICATION_TO])) {
        haul_put_bool(to, HAUL_TAG(HAUL_TAG_READ_RECEIPT_REQUESTED), true);
        haul_put_bool(to, HAUL_TAG(0x0c06), true); /* PidTagNonReceiptNotificationRequested */
    }
    if (haul_outlook_person(h->x, HAUL_ROLE_REPORT, h->v[RECEIPT_TO]))
        haul_put_bool(to, HAUL_TAG(HAUL_TAG_DELIVERY_REPORT_REQUESTED), true);
}

/* MS-OXCMAIL 2.1.3.2.20, the other way round. */
static void put_suppress(const head *h)
{
    static const char *const names[] = {"dr", "ndr", "rn", "nrn", "oof", "autoreply"};
    haul_span v = h->v[SUPPRESS];
    int64_t bits = 0;
    while (v.p && v.len) {
        const char *comma = memchr(v.p, ',', v.len);
        size_t n = comma ? (size_t)(comma - v.p) : v.len;
        haul_span one = haul_span_trim((haul_span){v.p, n});
        for (size_t i = 0; i < HAUL_COUNT(names); i++)
            bits |= haul_span_is(one, names[i]) ? INT64_C(1) << i : 0;
        if (haul_span_is(one, "all"))
            bits = -1;
        v = comma ? (haul_span){comma + 1, v.len - n - 1} : (haul_span){0};
    }
    if (bits)
        haul_put_int(&h->x->to, HAUL_TAG(HAUL_TAG_AUTO_RESPONSE_SUPPRESS), bits);
}

/* MS-OXCMAIL 2.2.3.2: PidNameContentClass is a copy of the field. */
static void put_class(const head *h)
{
    haul_auto_str text = {0};
    decoded(h->v[CONTENT_CLASS], &text);
    haul_put_text(&h->x->to, HAUL_NAME(INTERNET_HEADERS, "Content-Class"), haul_strz(&text));
}

/* Categories of a message that no model speaks for. */
static void put_keywords(const head *h)
{
    haul_auto_str text = {0};
    const char *v[HAUL_KEYWORDS_MAX];
    size_t n = 0;
    decoded(h->v[KEYWORDS], &text);
    for (const char *p = haul_strz(&text); *p && n < HAUL_KEYWORDS_MAX; p += *p != '\0') {
        size_t len = strcspn(p, ",");
        haul_span one = haul_span_trim((haul_span){p, len});
        if (one.len)
            v[n++] = haul_arena_strn(&h->x->o.arena, one.p, one.len);
        p += len;
    }
    haul_put_texts(&h->x->to, HAUL_NAME(PUBLIC_STRINGS, "Keywords"), v, n);
}

static int64_t sent_time(const head *h)
{
    int64_t us = 0;
    int16_t tz;
    const haul_msg *m = h->x->m;
    if (m && m->set & HAUL_SET_SENT)
        us = m->sent_us;
    else if (!h->v[DATE].p || !haul_date_parse(h->v[DATE].p, h->v[DATE].len, &us, &tz))
        return m ? haul_msg_time(m) : 0;
    haul_put_time(&h->x->to, HAUL_TAG(HAUL_TAG_CLIENT_SUBMIT_TIME), us);
    return us;
}

void haul_outlook_head(haul_outlook *x)
{
    head h = {.x = x};
    haul_auto_str normalized = {0};
    collect(&h);
    put_transport(x);
    put_subject(&h, &normalized);
    put_conversation(&h, &normalized, sent_time(&h));
    put_plain(&h, MESSAGE_ID, HAUL_TAG_INTERNET_MESSAGE_ID);
    put_plain(&h, IN_REPLY_TO, HAUL_TAG_IN_REPLY_TO_ID);
    put_plain(&h, REFERENCES, HAUL_TAG_INTERNET_REFERENCES);
    put_plain(&h, LIST_HELP, HAUL_TAG_LIST_HELP);
    put_plain(&h, LIST_SUBSCRIBE, HAUL_TAG_LIST_SUBSCRIBE);
    put_plain(&h, LIST_UNSUBSCRIBE, HAUL_TAG_LIST_UNSUBSCRIBE);
    put_class(&h);
    put_importance(&h);
    put_sensitivity(&h);
    put_senders(&h);
    haul_outlook_reply_to(x, h.v[REPLY_TO]);
    put_receipts(&h);
    put_suppress(&h);
    if (!x->m)
        put_keywords(&h);
    haul_outlook_displayed(x);
}
