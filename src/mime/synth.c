/* Header fields made from properties. MS-OXCMAIL 2.1.3.2; docs/mapi.md [mapi-12]… */
#include "mime/builder.h"

#include "base/utf.h"
#include "mime/addr.h"
#include "mime/date.h"
#include "mime/encode.h"
#include "mime/header.h"
#include "mime/ical.h"

#include <glib.h>
#include <string.h>

#define DISPLAYED_MAX 256u /* names of a PidTagDisplayTo */

typedef struct synth {
    haul_builder *b;
    haul_span have; /* header section whose fields count as written */
    bool all;
} synth;

static unsigned name_bit(haul_span name)
{
    unsigned h = 0;
    for (size_t i = 0; i < name.len; i++)
        h = h * 31 + ((unsigned char)name.p[i] | 0x20);
    return (h ^ h >> 8) & 255;
}

static void add_names(haul_field_names *n, const char *p, size_t len)
{
    haul_field f;
    for (size_t at = 0; haul_header_next(p, len, &at, &f);)
        n->bits[name_bit(f.name) / 64] |= UINT64_C(1) << name_bit(f.name) % 64;
}

/* False: it is certainly not there. */
static bool may_have(haul_builder *b, haul_span have, haul_span name)
{
    haul_field_names *n = &b->names;
    if (n->have.p != have.p || n->have.len != have.len || n->head > b->head.len) {
        *n = (haul_field_names){.have = have};
        add_names(n, have.p, have.len);
    }
    add_names(n, haul_strz(&b->head) + n->head, b->head.len - n->head);
    n->head = b->head.len;
    return n->bits[name_bit(name) / 64] >> name_bit(name) % 64 & 1;
}

bool haul_builder_has(haul_builder *b, haul_span have, const char *name)
{
    haul_span v;
    if (!may_have(b, have, (haul_span){name, strlen(name)}))
        return false;
    return haul_header_find(have.p, have.len, name, &v) ||
           haul_header_find(haul_strz(&b->head), b->head.len, name, &v);
}

static bool has_field(const synth *s, const char *name)
{
    return haul_builder_has(s->b, s->have, name);
}

static const haul_bag *props(const synth *s)
{
    return &s->b->o->props;
}

static const char *text_of(const synth *s, uint16_t tag)
{
    return haul_bag_str(props(s), tag, &s->b->arena);
}

static void put_text(synth *s, const char *name, const char *value)
{
    if (value && *value && !has_field(s, name))
        haul_field_text(&s->b->head, name, value);
}

/* Tokens and ids; what is not printable ASCII cannot be one and goes as text. */
static void put_raw(synth *s, const char *name, const char *value)
{
    if (!value || !*value || has_field(s, name))
        return;
    for (const char *c = value; *c; c++)
        if ((unsigned char)*c >= 127) {
            haul_field_text(&s->b->head, name, value);
            return;
        }
    haul_field_raw(&s->b->head, name, value);
}

static void put_time(synth *s, const char *name, int64_t us, int tz)
{
    haul_auto_str date = {0};
    haul_date_format(&date, us, tz);
    put_raw(s, name, haul_strz(&date));
}

/* What the field cannot say: the X.500 name of somebody without an Internet address. [mapi-13] */
static void put_other(synth *s, const char *field, const haul_addr *a)
{
    haul_auto_str v = {0};
    if (a->smtp || !a->other)
        return;
    haul_str_addf(&v, "%s; %s", field, a->other);
    if (a->name) {
        haul_str_addz(&v, "; ");
        haul_str_addz(&v, a->name);
    }
    haul_field_text(&s->b->head, "X-Mailhaul-Address", haul_strz(&v));
    haul_builder_issue(s->b, HAUL_ISSUE_MAPI_ADDRESS_UNRESOLVED, "%s: %s", field, a->other);
}

/* Beyond the budget addresses stay as they are, which is told of each. */
static void resolve(const synth *s, haul_addr *a)
{
    haul_budget *budget = s->b->budget;
    if (a->smtp || !s->have.len || budget->searched > HAUL_SEARCHED_MAX)
        return;
    budget->searched += s->have.len;
    haul_addr_from_header(s->have.p, s->have.len, a, &s->b->arena);
}

/* Who sent it may be among the recipients (the organizer of a meeting is), with an Internet address there. */
static void resolve_sender(const synth *s, haul_addr *a)
{
    const haul_mapi *o = s->b->o;
    resolve(s, a);
    for (size_t i = 0; a->other && !a->smtp && i < o->n_recipients; i++) {
        haul_addr r = {0};
        if (haul_addr_get(&o->recipients[i], HAUL_ADDR_RECIPIENT, &s->b->arena, &r) && r.smtp && r.other &&
            haul_icmp(r.other, a->other) == 0)
            a->smtp = r.smtp;
    }
}

static void put_list(synth *s, const char *field, const haul_addr *v, size_t n)
{
    haul_auto_str list = {0};
    if (!n || has_field(s, field))
        return;
    for (size_t i = 0; i < n; i++) {
        if (i)
            haul_str_addz(&list, ", ");
        haul_addr_write(&list, &v[i]);
    }
    if (!list.len)
        return;
    haul_field_raw(&s->b->head, field, list.p);
    for (size_t i = 0; i < n; i++)
        put_other(s, field, &v[i]);
}

static bool same_addr(const haul_addr *a, const haul_addr *b)
{
    const char *x = a->smtp ? a->smtp : a->other ? a->other : a->name;
    const char *y = b->smtp ? b->smtp : b->other ? b->other : b->name;
    return x && y && haul_icmp(x, y) == 0;
}

/* What Outlook notes for items that nobody sent (contacts, lists). */
static bool is_nobody(const haul_addr *a)
{
    return !a->smtp && a->other && haul_icmp(a->other, "UNKNOWN:Unknown") == 0;
}

/* From is who it is sent for, Sender who sent it, when that is somebody else. MS-OXCMAIL 2.1.3.1.3, 2.1.3.1.4 */
static void put_from(synth *s)
{
    haul_addr from = {0}, sender = {0};
    if (!s->all && has_field(s, "From"))
        return;
    bool has_sender = haul_addr_get(props(s), HAUL_ADDR_SENDER, &s->b->arena, &sender);
    bool has_from = haul_addr_get(props(s), HAUL_ADDR_REPRESENTING, &s->b->arena, &from);
    resolve_sender(s, &sender);
    resolve_sender(s, &from);
    has_from = has_from && !is_nobody(&from);
    has_sender = has_sender && !is_nobody(&sender);
    if (!has_from)
        from = sender;
    if (has_from || has_sender)
        put_list(s, "From", &from, 1);
    if (!s->all || !has_from || !has_sender || same_addr(&from, &sender))
        return;
    if (sender.smtp)
        put_list(s, "Sender", &sender, 1);
    else /* RFC 5322 3.6.2: one mailbox, no group */
        put_other(s, "Sender", &sender);
}

static void put_recipients(synth *s)
{
    static const char *const fields[] = {"To", "Cc", "Bcc"};
    const haul_mapi *o = s->b->o;
    haul_addr *v = haul_arena_alloc(&s->b->arena, (o->n_recipients + 1) * sizeof *v);
    for (size_t f = 0; f < HAUL_COUNT(fields); f++) {
        size_t n = 0;
        if (has_field(s, fields[f]))
            continue;
        for (size_t i = 0; i < o->n_recipients; i++) {
            const haul_bag *r = &o->recipients[i];
            int64_t type = haul_prop_int_or(haul_bag_get(r, HAUL_TAG_RECIPIENT_TYPE), 1) & 0x0f;
            /* 0 is the originator (in calendar items: the organizer), no recipient. */
            if (type == (int64_t)f + 1 && haul_addr_get(r, HAUL_ADDR_RECIPIENT, &s->b->arena, &v[n]) &&
                !is_nobody(&v[n])) {
                resolve(s, &v[n]);
                n++;
            }
        }
        put_list(s, fields[f], v, n);
    }
}

/* No recipient table: the line that Outlook displays is all there is, names with "; " between. [mapi-14] */
static void put_displayed(synth *s)
{
    static const struct {
        const char *field;
        uint16_t tag;
    } v[] = {{"To", 0x0e04}, {"Cc", 0x0e03}, {"Bcc", 0x0e02}};
    for (size_t i = 0; i < HAUL_COUNT(v) && !s->b->o->n_recipients; i++) {
        const char *names = text_of(s, v[i].tag);
        haul_addr one[DISPLAYED_MAX];
        size_t n = 0;
        for (const char *end; names && *names && n < DISPLAYED_MAX; names = *end ? end + 1 : end) {
            end = strchr(names, ';') ? strchr(names, ';') : names + strlen(names);
            haul_span name = haul_span_trim((haul_span){names, (size_t)(end - names)});
            const char *z = haul_arena_strn(&s->b->arena, name.p, name.len);
            if (name.len)
                one[n++] = haul_addr_ok(z) ? (haul_addr){.smtp = z} : (haul_addr){.name = z};
        }
        put_list(s, v[i].field, one, n);
    }
}

static void put_reply_to(synth *s)
{
    haul_span flat;
    haul_addr v[HAUL_REPLY_TO_MAX];
    size_t n = 0;
    const haul_bag *b = props(s);
    if (haul_prop_bin(haul_bag_get(b, HAUL_TAG_REPLY_RECIPIENT_ENTRIES), &flat))
        n = haul_addr_flat(flat.p, flat.len, b->codepage, &s->b->arena, v, HAUL_REPLY_TO_MAX);
    for (size_t i = 0; i < n; i++)
        resolve(s, &v[i]);
    const char *names = n ? NULL : text_of(s, HAUL_TAG_REPLY_RECIPIENT_NAMES);
    if (names && haul_addr_ok(names)) {
        v[0] = (haul_addr){.smtp = names};
        n = 1;
    }
    put_list(s, "Reply-To", v, n);
}

static void put_date(synth *s)
{
    static const uint16_t order[] = {HAUL_TAG_CLIENT_SUBMIT_TIME, HAUL_TAG_MESSAGE_DELIVERY_TIME,
                                     HAUL_TAG_CREATION_TIME, HAUL_TAG_LAST_MODIFICATION_TIME};
    int64_t us;
    size_t n = haul_mapi_undated(s->b->o) ? 2 : HAUL_COUNT(order);
    for (size_t i = 0; i < n && !has_field(s, "Date"); i++)
        if (haul_prop_time(haul_bag_get(props(s), order[i]), &us))
            put_time(s, "Date", us, haul_ical_offset(props(s), us));
}

static void put_id(synth *s, const char *name, uint16_t tag)
{
    const char *z = text_of(s, tag);
    haul_span v = haul_span_trim((haul_span){z ? z : "", z ? strlen(z) : 0});
    if (v.len)
        put_raw(s, name, haul_arena_strn(&s->b->arena, v.p, v.len));
}

/* What is no msg-id (RFC 5322 3.6.4) would be a damaged field: its text is kept beside. [mapi-12] */
static void put_message_id(synth *s)
{
    const char *id = haul_mapi_message_id(s->b->o, &s->b->arena);
    const char *z = id ? NULL : text_of(s, HAUL_TAG_INTERNET_MESSAGE_ID);
    put_raw(s, "Message-ID", id);
    if (!z || !z[strspn(z, " \t\r\n")] || has_field(s, "Message-ID"))
        return;
    put_text(s, "X-Mailhaul-Message-ID", z);
    haul_builder_issue(s->b, HAUL_ISSUE_MAPI_MESSAGE_ID_INVALID, "%s", z);
}

/* MS-OXCMAIL 2.1.3.2: importance, priority and sensitivity are written unless they are the usual ones. */
static void put_importance(synth *s)
{
    static const char *const importance[] = {"Low", "Normal", "High"};
    static const char *const priority[] = {"5", "3", "1"};
    static const char *const sensitivity[] = {NULL, "Personal", "Private", "Company-Confidential"};
    int64_t i = haul_prop_int_or(haul_bag_get(props(s), HAUL_TAG_IMPORTANCE), 1);
    int64_t p = haul_prop_int_or(haul_bag_get(props(s), HAUL_TAG_PRIORITY), 0);
    int64_t v = haul_prop_int_or(haul_bag_get(props(s), HAUL_TAG_SENSITIVITY), 0);
    bool said = has_field(s, "Importance") || has_field(s, "X-Priority") || has_field(s, "Priority") ||
                has_field(s, "X-MSMail-Priority");
    if (said) {
        /* what came with it stays */
    } else if (i == 0 || i == 2) {
        put_raw(s, "Importance", importance[i]);
        put_raw(s, "X-Priority", priority[i]);
    } else if (p == -1 || p == 1) {
        put_raw(s, "X-Priority", priority[p + 1]);
    }
    if (v >= 1 && v <= 3)
        put_raw(s, "Sensitivity", sensitivity[v]);
}

static void put_receipts(synth *s)
{
    haul_addr a = {0};
    const haul_bag *b = props(s);
    bool read = haul_prop_bool(haul_bag_get(b, HAUL_TAG_READ_RECEIPT_REQUESTED));
    bool delivery = haul_prop_bool(haul_bag_get(b, HAUL_TAG_DELIVERY_REPORT_REQUESTED));
    if (!read && !delivery)
        return;
    /* MS-OXOMSG 2.2.2.26: the one named, else who gets reports, else the sender. */
    static const haul_addr_who order[] = {HAUL_ADDR_READ_RECEIPT, HAUL_ADDR_REPORT, HAUL_ADDR_SENDER,
                                          HAUL_ADDR_REPRESENTING};
    for (size_t i = 0; i < HAUL_COUNT(order) && !a.smtp; i++)
        haul_addr_get(b, order[i], &s->b->arena, &a);
    if (!a.smtp)
        return;
    if (read)
        put_list(s, "Disposition-Notification-To", &a, 1);
    if (delivery)
        put_list(s, "Return-Receipt-To", &a, 1);
}

static void put_thread(synth *s)
{
    haul_span v;
    put_text(s, "Thread-Topic", text_of(s, HAUL_TAG_CONVERSATION_TOPIC));
    if (!haul_prop_bin(haul_bag_get(props(s), HAUL_TAG_CONVERSATION_INDEX), &v) || !v.len || v.len > 65536)
        return;
    char *base64 = g_base64_encode((const guchar *)v.p, v.len);
    haul_str line = {0}; /* no blanks in base64, so fold where a reader unfolds: at 64 */
    for (size_t i = 0, n = strlen(base64); i < n; i += 64) {
        if (i)
            haul_str_addc(&line, ' ');
        haul_str_add(&line, base64 + i, n - i < 64 ? n - i : 64);
    }
    put_raw(s, "Thread-Index", haul_strz(&line));
    haul_str_done(&line);
    g_free(base64);
}

/* MS-OXCMAIL 2.1.3.2.20 */
static void put_suppress(synth *s)
{
    static const char *const names[] = {"DR", "NDR", "RN", "NRN", "OOF", "AutoReply"};
    int64_t v = haul_prop_int_or(haul_bag_get(props(s), HAUL_TAG_AUTO_RESPONSE_SUPPRESS), 0);
    haul_auto_str list = {0};
    for (size_t i = 0; i < HAUL_COUNT(names) && v != -1; i++)
        if (v >> i & 1)
            haul_str_addf(&list, "%s%s", list.len ? ", " : "", names[i]);
    put_raw(s, "X-Auto-Response-Suppress", v == -1 ? "All" : haul_strz(&list));
}

static void put_return_path(synth *s)
{
    const char *z = text_of(s, HAUL_TAG_ORIGINAL_MESSAGE_ID); /* PR_INTERNET_RETURN_PATH of older stores */
    if (z && haul_addr_ok(z) && !strchr(z, '<') && !haul_report_is(s->b->o))
        put_raw(s, "Return-Path", haul_arena_printf(&s->b->arena, "<%s>", z));
}

/* Fields that are made elsewhere or describe the MIME, and what Exchange keeps for itself (MS-OXCMAIL 2.1.3.2). */
static bool may_copy(const haul_prop *p)
{
    static const char *const not [] = {"x-microsoft-exchange-organization", "x-microsoft-exchange-forest",
                                       "content-", "mime-version", "x-mailhaul-"};
    size_t n = strlen(p->name);
    for (size_t i = 0; i < HAUL_COUNT(not ); i++)
        if (haul_istarts(p->name, n, not [i]))
            return false;
    haul_auto_str line = {0};
    haul_str_addf(&line, "%s:", p->name);
    return haul_header_like(line.p, line.len);
}

/* MS-OXCMAIL 2.1.3.2: named properties of PS_INTERNET_HEADERS are header fields. [mapi-15] */
static void put_named(synth *s)
{
    const haul_bag *b = props(s);
    for (size_t i = 0; i < b->n; i++) {
        const haul_prop *p = &b->v[i];
        if (p->set == HAUL_PSET_INTERNET_HEADERS && p->name && may_copy(p))
            put_text(s, p->name, haul_prop_str(b, p, &s->b->arena));
    }
}

/* [mapi-16]: the class, for whoever turns the message back into an item, when it is not plain mail. */
static void put_class(synth *s)
{
    static const struct {
        const char *class, *content_class;
    } v[] = {{"IPM.Appointment", "urn:content-classes:appointment"},
             {"IPM.Schedule.Meeting", "urn:content-classes:calendarmessage"},
             {"IPM.Contact", "urn:content-classes:person"},
             {"IPM.DistList", "urn:content-classes:group"},
             {"IPM.Activity", "urn:content-classes:activity"}};
    const char *class = haul_mapi_class(s->b->o, &s->b->arena);
    const haul_bag *b = props(s);
    const haul_prop *named = haul_bag_name(b, HAUL_PSET_INTERNET_HEADERS, "Content-Class");
    put_text(s, "Content-Class", haul_prop_str(b, named, &s->b->arena));
    for (size_t i = 0; i < HAUL_COUNT(v); i++)
        if (haul_mapi_is(s->b->o, v[i].class))
            put_raw(s, "Content-Class", v[i].content_class);
    if (*class && haul_icmp(class, "IPM.Note") != 0)
        put_text(s, "X-Mailhaul-Class", class);
}

/* Keywords: one field, comma between (RFC 5322 3.6.5); a comma inside a category would split it. */
static void put_keywords(synth *s)
{
    const haul_bag *b = props(s);
    const haul_prop *p = haul_mapi_categories(b);
    haul_auto_str list = {0};
    haul_prop one;
    for (size_t i = 0, n = haul_multi_count(p); i < n && i < HAUL_KEYWORDS_MAX; i++) {
        const char *z = haul_multi_at(p, i, &one) ? haul_prop_str(b, &one, &s->b->arena) : NULL;
        if (!z)
            continue;
        if (list.len)
            haul_str_addz(&list, ", ");
        haul_str_addz(&list, z);
    }
    put_text(s, "Keywords", haul_strz(&list));
}

void haul_builder_fields(haul_builder *b, haul_span have, bool all)
{
    synth s = {.b = b, .have = have, .all = all};
    if (all)
        put_return_path(&s);
    put_from(&s);
    if (all)
        put_reply_to(&s);
    put_recipients(&s);
    put_displayed(&s);
    put_text(&s, "Subject", haul_mapi_subject(b->o, &b->arena));
    put_date(&s);
    put_message_id(&s);
    if (all) {
        put_id(&s, "In-Reply-To", HAUL_TAG_IN_REPLY_TO_ID);
        put_id(&s, "References", HAUL_TAG_INTERNET_REFERENCES);
        put_thread(&s);
        put_receipts(&s);
        put_suppress(&s);
        put_id(&s, "List-Help", HAUL_TAG_LIST_HELP);
        put_id(&s, "List-Subscribe", HAUL_TAG_LIST_SUBSCRIBE);
        put_id(&s, "List-Unsubscribe", HAUL_TAG_LIST_UNSUBSCRIBE);
        put_named(&s);
    }
    put_importance(&s);
    put_keywords(&s);
    haul_builder_marks(b, have);
    put_class(&s);
}
