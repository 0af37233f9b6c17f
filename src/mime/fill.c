#include "mime/build.h"

#include "base/hash.h"
#include "base/time.h"
#include "base/utf.h"
#include "mime/addr.h"
#include "mime/builder.h"
#include "mime/class.h"
#include "mime/date.h"
#include "mime/header.h"
#include "mime/ical.h"

#include <string.h>

#define MESSAGE_ID_MAX 900u      /* octets: it must fit a line */
#define ZONE_MAX       (24 * 60) /* minutes east or west of UTC */

enum { /* PidTagMessageFlags, MS-OXCMSG 2.2.1.6 */
       FLAG_READ = 0x01,
       FLAG_SUBMITTED = 0x04,
       FLAG_UNSENT = 0x08,
       FLAG_FROM_ME = 0x20,
};

enum { /* PidTagMessageStatus, MS-OXOMSG, mapidefs.h */
       STATUS_DELMARKED = 0x008,
       STATUS_DRAFT = 0x100,
       STATUS_ANSWERED = 0x200,
};

enum { /* PidTagLastVerbExecuted, MS-OXOMSG 2.2.1.10; PidTagIconIndex, MS-OXOMSG 2.2.1.11 */
       VERB_REPLY = 102,
       VERB_REPLY_ALL = 103,
       VERB_FORWARD = 104,
       ICON_REPLIED = 0x105,
       ICON_FORWARDED = 0x106,
};

const char *haul_mapi_class(const haul_mapi *o, haul_arena *a)
{
    const char *class = haul_bag_str(&o->props, HAUL_TAG_MESSAGE_CLASS, a);
    if (!class)
        return "";
    return strlen(class) <= HAUL_CLASS_MAX ? class : haul_arena_strn(a, class, HAUL_CLASS_MAX);
}

/* MS-PST 2.5.3.1.1.1: a subject may begin with U+0001 and a character that says how long its prefix is. */
const char *haul_mapi_subject(const haul_mapi *o, haul_arena *a)
{
    const char *z = haul_bag_str(&o->props, HAUL_TAG_SUBJECT, a);
    if (!z) {
        const char *prefix = haul_bag_str(&o->props, HAUL_TAG_SUBJECT_PREFIX, a);
        z = haul_bag_str(&o->props, HAUL_TAG_NORMALIZED_SUBJECT, a);
        return z && prefix ? haul_arena_printf(a, "%s%s", prefix, z) : z;
    }
    if (*z != 1)
        return z;
    z++;
    size_t n = haul_utf8_next(z, strlen(z), NULL);
    return z + n;
}

const char *haul_mapi_message_id(const haul_mapi *o, haul_arena *a)
{
    const char *z = haul_bag_str(&o->props, HAUL_TAG_INTERNET_MESSAGE_ID, a);
    haul_span v = haul_span_trim((haul_span){z ? z : "", z ? strlen(z) : 0});
    if (v.len < 3 || v.len > MESSAGE_ID_MAX || v.p[0] != '<' || v.p[v.len - 1] != '>')
        return NULL;
    for (size_t i = 1; i + 1 < v.len; i++)
        if ((unsigned char)v.p[i] <= 32 || (unsigned char)v.p[i] >= 127 || v.p[i] == '<' || v.p[i] == '>')
            return NULL;
    return haul_arena_strn(a, v.p, v.len);
}

bool haul_mapi_undated(const haul_mapi *o)
{
    return haul_prop_bool(haul_bag_name(&o->props, HAUL_PSET_MAILHAUL, "Undated"));
}

/* The line that Outlook puts in front of headers it saved (no field, and no part of them). */
static void skip_preface(haul_str *s)
{
    static const char preface[] = "Microsoft Mail Internet Headers Version";
    size_t at = 0;
    while (at < s->len && strchr("\r\n", s->p[at]))
        at++;
    if (haul_istarts(haul_strz(s) + at, s->len - at, preface)) {
        const char *eol = memchr(s->p + at, '\n', s->len - at);
        at = eol ? (size_t)(eol - s->p) + 1 : s->len;
    }
    while (at < s->len && strchr("\r\n", s->p[at]))
        at++;
    if (!at)
        return;
    memmove(s->p, s->p + at, s->len - at + 1);
    s->len -= at;
}

bool haul_mapi_transport(const haul_mapi *o, haul_str *to, unsigned *ret_cp)
{
    const haul_prop *p = haul_bag_get(&o->props, HAUL_TAG_TRANSPORT_HEADERS);
    haul_field f;
    size_t pos = 0;
    if (!p || !p->n || p->n > HAUL_TRANSPORT_MAX)
        return false;
    *ret_cp = 65001;
    if (p->type == HAUL_PT_STRING8) { /* kept as the octets they came as */
        const void *nul = memchr(p->p, 0, p->n);
        haul_str_add(to, p->p, nul ? (size_t)((const uint8_t *)nul - p->p) : p->n);
        *ret_cp = o->props.codepage ? o->props.codepage : 1252;
    } else if (!haul_prop_text(&o->props, p, to, NULL)) {
        return false;
    }
    if (!to->len)
        return false;
    skip_preface(to);
    size_t n = haul_header_length(haul_strz(to), to->len);
    if (n) { /* what follows the first empty line are headers of other messages */
        to->len = n;
        to->p[n] = 0;
    }
    return haul_header_next(haul_strz(to), to->len, &pos, &f);
}

static haul_kind kind_of(const haul_mapi *o)
{
    haul_auto_str class = {0};
    (void)haul_prop_text(&o->props, haul_bag_get(&o->props, HAUL_TAG_MESSAGE_CLASS), &class, NULL);
    return haul_class_kind((haul_span){haul_strz(&class), class.len});
}

/* Contacts, appointments and Outlook's own settings are never sent, and carry the flag that says so: no drafts. */
static bool is_sendable(const haul_mapi *o)
{
    static const char *const classes[] = {"IPM.Note", "IPM.Post", "IPM.Schedule", "IPM.TaskRequest"};
    bool is = false;
    for (size_t i = 0; i < HAUL_COUNT(classes) && !is; i++)
        is = haul_mapi_is(o, classes[i]);
    return is;
}

/* What we stored ourselves, because Outlook has no place for it. [mapi-r3] */
static void fill_own_flags(haul_msg *m, const haul_bag *b)
{
    const char *z = haul_prop_str(b, haul_bag_name(b, HAUL_PSET_MAILHAUL, "Flags"), &m->arena);
    for (size_t n; z && *z; z += n + (z[n] == ' ')) {
        n = strcspn(z, " ");
        m->flags |= haul_flag_find(z, n);
    }
}

static void fill_flags(haul_msg *m, const haul_mapi *o)
{
    const haul_bag *b = &o->props;
    int64_t flags, status = haul_prop_int_or(haul_bag_get(b, HAUL_TAG_MESSAGE_STATUS), 0);
    int64_t verb = haul_prop_int_or(haul_bag_get(b, HAUL_TAG_LAST_VERB_EXECUTED), 0);
    int64_t icon = haul_prop_int_or(haul_bag_get(b, HAUL_TAG_ICON_INDEX), 0);
    int64_t follow_up = haul_prop_int_or(haul_bag_get(b, HAUL_TAG_FLAG_STATUS), 0);
    if (haul_prop_int(haul_bag_get(b, HAUL_TAG_MESSAGE_FLAGS), &flags)) {
        m->set |= HAUL_SET_FLAGS;
        m->flags |= flags & FLAG_READ ? HAUL_FLAG_SEEN : 0;
        m->flags |= flags & FLAG_UNSENT && is_sendable(o) ? HAUL_FLAG_DRAFT : 0;
    }
    if (verb == VERB_REPLY || verb == VERB_REPLY_ALL || icon == ICON_REPLIED || status & STATUS_ANSWERED)
        m->flags |= HAUL_FLAG_ANSWERED;
    if (verb == VERB_FORWARD || icon == ICON_FORWARDED)
        m->flags |= HAUL_FLAG_FORWARDED;
    m->flags |= follow_up == 2 ? HAUL_FLAG_FLAGGED : 0;
    m->flags |= status & STATUS_DELMARKED ? HAUL_FLAG_DELETED : 0;
    m->flags |= status & STATUS_DRAFT ? HAUL_FLAG_DRAFT : 0;
    fill_own_flags(m, b);
    if (m->flags)
        m->set |= HAUL_SET_FLAGS;
    if (follow_up == 1)
        haul_msg_issue(m, HAUL_ISSUE_MAPI_FLAG_COMPLETE, "PidTagFlagStatus 1");
}

static void fill_keywords(haul_msg *m, const haul_mapi *o)
{
    const haul_prop *p = haul_mapi_categories(&o->props);
    haul_prop one;
    for (size_t i = 0, n = haul_multi_count(p); i < n && haul_multi_at(p, i, &one); i++) {
        const char *z = haul_prop_str(&o->props, &one, &m->arena);
        if (z && !haul_msg_keyword(m, z, strlen(z)))
            break;
    }
    const char *single = p && !(p->type & HAUL_PT_MULTI) ? haul_prop_str(&o->props, p, &m->arena) : NULL;
    if (single)
        haul_msg_keyword(m, single, strlen(single));
}

/* The zone of the topmost Received field, which the server wrote that took the message in; without transport headers
 * that of the meeting. */
static int received_zone(const haul_mapi *o, haul_span header, int64_t received)
{
    haul_span v;
    int64_t us;
    int16_t tz;
    int64_t own;
    if (haul_prop_int(haul_bag_name(&o->props, HAUL_PSET_MAILHAUL, "ReceivedZone"), &own) &&
        own >= -ZONE_MAX && own <= ZONE_MAX)
        return (int)own;
    if (!header.len)
        return haul_ical_offset(&o->props, received);
    if (!haul_header_find(header.p, header.len, "Received", &v))
        return 0;
    for (size_t i = v.len; i > 0; i--)
        if (v.p[i - 1] == ';')
            return haul_date_parse(v.p + i, v.len - i, &us, &tz) ? tz : 0;
    return 0;
}

static void fill_sent(haul_msg *m, const haul_mapi *o, haul_span header)
{
    haul_span v;
    int64_t us;
    int16_t tz = 0;
    bool dated = haul_header_find(header.p, header.len, "Date", &v) && haul_date_parse(v.p, v.len, &us, &tz);
    if (haul_prop_time(haul_bag_get(&o->props, HAUL_TAG_CLIENT_SUBMIT_TIME), &m->sent_us))
        m->set |= HAUL_SET_SENT;
    else if (dated) {
        m->sent_us = us;
        m->set |= HAUL_SET_SENT;
    }
    if (!dated && m->set & HAUL_SET_SENT)
        tz = (int16_t)haul_ical_offset(&o->props, m->sent_us);
    m->sent_tz = m->set & HAUL_SET_SENT ? tz : 0;
}

/* [mapi-2]: delivery, else submission, else creation, else last change. */
static void fill_received(haul_msg *m, const haul_mapi *o, haul_span header)
{
    static const struct {
        uint16_t tag;
        const char *name;
    } order[] = {{HAUL_TAG_MESSAGE_DELIVERY_TIME, NULL},
                 {HAUL_TAG_CLIENT_SUBMIT_TIME, "client submit time"},
                 {HAUL_TAG_CREATION_TIME, "creation time"},
                 {HAUL_TAG_LAST_MODIFICATION_TIME, "last modification time"}};
    int64_t us, flags = haul_prop_int_or(haul_bag_get(&o->props, HAUL_TAG_MESSAGE_FLAGS), 0);
    bool ours = flags & (FLAG_SUBMITTED | FLAG_UNSENT | FLAG_FROM_ME);
    for (size_t i = 0, n = haul_mapi_undated(o) ? 2 : HAUL_COUNT(order); i < n; i++) {
        if (!haul_prop_time(haul_bag_get(&o->props, order[i].tag), &us))
            continue;
        haul_msg_received(m, us, received_zone(o, header, us));
        if (order[i].name && !ours && m->kind == HAUL_KIND_MAIL)
            haul_msg_issue(m, HAUL_ISSUE_TIME_GUESSED, "from the %s", order[i].name);
        return;
    }
    if (m->set & HAUL_SET_SENT) {
        haul_msg_received(m, m->sent_us, m->sent_tz);
        haul_msg_issue(m, HAUL_ISSUE_TIME_GUESSED, "from Date");
    }
}

/* From the header what it says of the envelope; the properties know the subject and the id as they are now. */
static void fill_names(haul_msg *m, const haul_mapi *o, haul_span header)
{
    haul_addr a;
    haul_msg before = *m;
    haul_header_fill(m, header.p, header.len, false);
    m->kind = before.kind;
    m->set = before.set;
    m->sent_us = before.sent_us;
    m->sent_tz = before.sent_tz;
    const char *subject = haul_mapi_subject(o, &m->arena);
    const char *id = haul_mapi_message_id(o, &m->arena);
    if (subject)
        m->subject = subject;
    if (id)
        m->message_id = id;
    if (!m->sender && haul_addr_get(&o->props, HAUL_ADDR_SENDER, &m->arena, &a))
        m->sender = a.smtp;
    if (!m->sender && haul_addr_get(&o->props, HAUL_ADDR_REPRESENTING, &m->arena, &a))
        m->sender = a.smtp;
}

static uint64_t add_prop(uint64_t h, const haul_bag *b, uint16_t tag)
{
    const haul_prop *p = haul_bag_get(b, tag);
    uint8_t mark[4] = {(uint8_t)tag, (uint8_t)(tag >> 8), p != NULL, 0};
    h = haul_fnv64(mark, sizeof mark, h);
    return p ? haul_fnv64(p->p, p->n, h) : h;
}

void haul_mapi_fill(haul_msg *m, const haul_mapi *o)
{
    haul_auto_str transport = {0};
    unsigned cp;
    int64_t size;
    haul_span header = {"", 0};
    if (haul_mapi_transport(o, &transport, &cp))
        header = (haul_span){transport.p, transport.len};
    m->kind = kind_of(o);
    fill_flags(m, o);
    fill_keywords(m, o);
    fill_sent(m, o, header);
    fill_received(m, o, header);
    fill_names(m, o, header);
    if (haul_prop_int(haul_bag_get(&o->props, HAUL_TAG_MESSAGE_SIZE), &size) && size > 0) {
        m->size = (uint64_t)size;
        m->set |= HAUL_SET_SIZE;
    }
    static const uint16_t cheap[] = {HAUL_TAG_LAST_MODIFICATION_TIME, HAUL_TAG_MESSAGE_SIZE,
                                     HAUL_TAG_SEARCH_KEY, HAUL_TAG_MESSAGE_CLASS};
    for (size_t i = 0; i < HAUL_COUNT(cheap); i++)
        m->fingerprint = add_prop(m->fingerprint, &o->props, cheap[i]);
}
