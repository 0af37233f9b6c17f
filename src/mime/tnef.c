#include "mime/tnef.h"

#include "base/time.h"
#include "mime/tnef_props.h"

#include <stdlib.h>
#include <string.h>

#define SIGNATURE       0x223e9f78u
#define HEAD            6u /* signature and key */
#define LEVEL_MESSAGE   1
#define LEVEL_ATTACH    2
#define ATTRIBUTE_LEAST 11u                         /* octets: level, id, length, checksum */
#define FILETIME_1970   INT64_C(116444736000000000) /* 100 ns from 1601 to 1970 */

/* The low half of attribute ids (MS-OXTNEF 2.1.3); the high half repeats the type. */
enum {
    ATT_OWNER = 0x0000,
    ATT_SENT_FOR = 0x0001,
    ATT_DELEGATE = 0x0002,
    ATT_DATE_START = 0x0006,
    ATT_DATE_END = 0x0007,
    ATT_AID_OWNER = 0x0008,
    ATT_REQUEST_RES = 0x0009,
    ATT_ORIGINAL_CLASS = 0x0600,
    ATT_FROM = 0x8000,
    ATT_SUBJECT = 0x8004,
    ATT_DATE_SENT = 0x8005,
    ATT_DATE_RECEIVED = 0x8006,
    ATT_STATUS = 0x8007,
    ATT_CLASS = 0x8008,
    ATT_MESSAGE_ID = 0x8009,
    ATT_PARENT_ID = 0x800a,
    ATT_CONVERSATION_ID = 0x800b,
    ATT_BODY = 0x800c,
    ATT_PRIORITY = 0x800d,
    ATT_DATA = 0x800f,
    ATT_TITLE = 0x8010,
    ATT_METAFILE = 0x8011,
    ATT_CREATED = 0x8012,
    ATT_CHANGED = 0x8013,
    ATT_DATE_MODIFIED = 0x8020,
    ATT_TRANSPORT_NAME = 0x9001,
    ATT_RENDDATA = 0x9002,
    ATT_PROPS = 0x9003,
    ATT_RECIPIENTS = 0x9004,
    ATT_ATTACHMENT = 0x9005,
    ATT_CODEPAGE = 0x9007,
};

/* MS-OXPROPS */
enum {
    TAG_IMPORTANCE = 0x0017,
    TAG_CLASS = 0x001a,
    TAG_DATA = 0x3701,
    TAG_METHOD = 0x3705,
    TAG_RENDERING_POSITION = 0x370b,
    METHOD_VALUE = 1,
    METHOD_EMBEDDED = 5,
    METHOD_OLE = 6,
};

/* IID_IMessage, IID_IStorage, IID_IStream as stored: 0002030700000000C000000000000046, 0000000B…, 0000000C… */
static const uint8_t iid_message[16] = {0x07, 0x03, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46};

typedef struct tnef_attach {
    haul_bag legacy;
    haul_tnef_in data;
} tnef_attach;

typedef struct tnef {
    haul_mapi m; /* first: haul_mapi * is tnef * */
    haul_bag legacy;
    tnef_attach *attach; /* one for each of m.attachments */
    size_t cap, budget;
    unsigned codepage;
    bool damaged;
} tnef;

/* ── values that are not as a bag has them ── */

static void add(tnef *t, haul_bag *b, uint16_t id, uint16_t type, const void *p, size_t n)
{
    haul_prop prop = {.id = id, .type = type, .p = p, .n = n};
    if (!haul_bag_add(b, &t->m.arena, &prop))
        t->damaged = true;
}

static void add_number(tnef *t, haul_bag *b, uint16_t id, uint16_t type, uint64_t v)
{
    size_t n = type == HAUL_PT_TIME ? 8 : 4;
    uint8_t *p = haul_arena_alloc(&t->m.arena, n);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> (8 * i));
    add(t, b, id, type, p, n);
}

static void add_text(tnef *t, haul_bag *b, uint16_t id, const uint8_t *p, size_t n)
{
    const uint8_t *nul = n ? memchr(p, 0, n) : NULL;
    add(t, b, id, HAUL_PT_STRING8, p, nul ? (size_t)(nul - p) : n);
}

typedef void put_fn(tnef *t, haul_bag *b, uint16_t id, haul_tnef_in in);

static void put_text(tnef *t, haul_bag *b, uint16_t id, haul_tnef_in in)
{
    add_text(t, b, id, in.p, in.n);
}

static void put_binary(tnef *t, haul_bag *b, uint16_t id, haul_tnef_in in)
{
    add(t, b, id, HAUL_PT_BINARY, in.p, in.n);
}

/* Seven 16-bit numbers (MS-OXTNEF 2.1.3.3, DTR). They tell the encoder's local time and no zone; the property of the
 * same meaning, in UTC, goes before them. */
static void put_date(tnef *t, haul_bag *b, uint16_t id, haul_tnef_in in)
{
    uint16_t v[6];
    for (size_t i = 0; i < 6; i++)
        if (!haul_tnef_u16(&in, &v[i])) {
            t->damaged = true;
            return;
        }
    haul_civil c = {.year = v[0], .month = v[1], .day = v[2], .hour = v[3], .minute = v[4], .second = v[5]};
    if (haul_civil_ok(&c) && c.year >= 1601)
        add_number(t, b, id, HAUL_PT_TIME, (uint64_t)(haul_civil_to(&c) * INT64_C(10000000) + FILETIME_1970));
}

/* 1 high, 2 normal, 3 low; PidTagImportance counts the other way from 0 (MS-OXTNEF 2.1.3.3). */
static void put_priority(tnef *t, haul_bag *b, uint16_t id, haul_tnef_in in)
{
    uint16_t v;
    if (haul_tnef_u16(&in, &v) && v >= 1 && v <= 3)
        add_number(t, b, id, HAUL_PT_I32, 3u - v);
}

static void put_long(tnef *t, haul_bag *b, uint16_t id, haul_tnef_in in)
{
    uint32_t v;
    uint16_t low;
    if (haul_tnef_u32(&in, &v))
        add_number(t, b, id, HAUL_PT_I32, v);
    else if (haul_tnef_u16(&in, &low))
        add_number(t, b, id, HAUL_PT_I32, low);
}

/* MS Mail's message flags as PidTagMessageFlags (MS-OXTNEF 2.1.3.3): unsaved and submitted keep their bits apart. */
static void put_status(tnef *t, haul_bag *b, uint16_t id, haul_tnef_in in)
{
    static const struct {
        uint8_t from, to;
    } bits[] = {{0x20, 0x01}, {0x04, 0x04}, {0x02, 0x08}, {0x80, 0x10}};
    if (in.n == 0)
        return;
    uint32_t flags = in.p[0] & 0x01 ? 0 : 0x02; /* modified, against mfUnmodified */
    for (size_t i = 0; i < HAUL_COUNT(bits); i++)
        flags |= in.p[0] & bits[i].from ? bits[i].to : 0;
    add_number(t, b, id, HAUL_PT_I32, flags);
}

/* A key as hexadecimal text (MS-OXTNEF 2.1.3.3). */
static void put_hex(tnef *t, haul_bag *b, uint16_t id, haul_tnef_in in)
{
    uint8_t *to = haul_arena_alloc(&t->m.arena, in.n / 2 + 1);
    size_t n = 0;
    while (2 * n + 1 < in.n && in.p[2 * n]) {
        int high = haul_hexval(in.p[2 * n]), low = haul_hexval(in.p[2 * n + 1]);
        if (high < 0 || low < 0)
            return;
        to[n++] = (uint8_t)(high << 4 | low);
    }
    if (n)
        add(t, b, id, HAUL_PT_BINARY, to, n);
}

/* Names that Microsoft Mail gave (MS-OXTNEF 2.1.3.3). */
static void put_class(tnef *t, haul_bag *b, uint16_t id, haul_tnef_in in)
{
    static const char *const names[][2] = {
        {"IPM.Microsoft Mail.Note", "IPM.Note"},
        {"IPM.Microsoft Mail.Read Receipt", "REPORT.IPM.Note.IPNRN"},
        {"IPM.Microsoft Mail.Non-Delivery", "REPORT.IPM.Note.NDR"},
        {"IPM.Microsoft Schedule.MtgRespP", "IPM.Schedule.Meeting.Resp.Pos"},
        {"IPM.Microsoft Schedule.MtgRespN", "IPM.Schedule.Meeting.Resp.Neg"},
        {"IPM.Microsoft Schedule.MtgRespA", "IPM.Schedule.Meeting.Resp.Tent"},
        {"IPM.Microsoft Schedule.MtgReq", "IPM.Schedule.Meeting.Request"},
        {"IPM.Microsoft Schedule.MtgCncl", "IPM.Schedule.Meeting.Canceled"},
    };
    haul_span name = {(const char *)in.p, 0};
    while (name.len < in.n && in.p[name.len])
        name.len++;
    for (size_t i = 0; i < HAUL_COUNT(names); i++)
        if (haul_span_is(name, names[i][0])) {
            add(t, b, id, HAUL_PT_STRING8, names[i][1], strlen(names[i][1]));
            return;
        }
    add_text(t, b, id, in.p, in.n);
}

/* A display name and "type:address" as name, address type and address: three properties. */
static void add_address(tnef *t, haul_bag *b, const uint16_t ids[3], haul_tnef_in name, haul_tnef_in address)
{
    const uint8_t *colon = address.n ? memchr(address.p, ':', address.n) : NULL;
    if (name.n)
        add_text(t, b, ids[0], name.p, name.n);
    if (!colon)
        return;
    size_t n = (size_t)(colon - address.p);
    add_text(t, b, ids[1], address.p, n);
    add_text(t, b, ids[2], colon + 1, address.n - n - 1);
}

/* MS-OXTNEF 2.1.3.3: a one-off triple: id 4, length of all, of the name, of the address; then the two. */
static void put_from(tnef *t, haul_bag *b, uint16_t id, haul_tnef_in in)
{
    static const uint16_t ids[3] = {0x0c1a, 0x0c1e,
                                    0x0c1f}; /* PidTagSenderName, …AddressType, …EmailAddress */
    uint16_t v[4];
    (void)id;
    for (size_t i = 0; i < 4; i++)
        if (!haul_tnef_u16(&in, &v[i]))
            return;
    if (v[0] != 4 || v[2] > in.n || v[3] > in.n - v[2]) {
        t->damaged = true;
        return;
    }
    add_address(t, b, ids, (haul_tnef_in){in.p, v[2]}, (haul_tnef_in){in.p + v[2], v[3]});
}

static bool counted(haul_tnef_in *in, haul_tnef_in *ret)
{
    uint16_t n;
    if (!haul_tnef_u16(in, &n) || n > in->n)
        return false;
    *ret = (haul_tnef_in){in->p, n};
    in->p += n;
    in->n -= n;
    return true;
}

/* attOwner and attSentFor (MS-OXTNEF 2.1.3.3.16, .17): two counted strings. id 0x0042 = who it was sent for, 0x0044
 * = who received it for somebody. */
static void put_owner(tnef *t, haul_bag *b, uint16_t id, haul_tnef_in in)
{
    static const uint16_t sent[3] = {0x0042, 0x0064, 0x0065}, received[3] = {0x0044, 0x0077, 0x0078};
    haul_tnef_in name, address;
    if (counted(&in, &name) && counted(&in, &address))
        add_address(t, b, id == 0x0042 ? sent : received, name, address);
    else
        t->damaged = true;
}

/* MS-OXTNEF 2.1.3.3.15: a file or an OLE object, and its place in the text. */
static void put_renddata(tnef *t, haul_bag *b, uint16_t id, haul_tnef_in in)
{
    uint16_t type;
    uint32_t position;
    if (haul_tnef_u16(&in, &type))
        add_number(t, b, id, HAUL_PT_I32, type == 2 ? METHOD_OLE : METHOD_VALUE);
    if (haul_tnef_u32(&in, &position))
        add_number(t, b, TAG_RENDERING_POSITION, HAUL_PT_I32, position);
}

/* ── attributes ── */

static const struct rule {
    uint16_t attribute;
    uint8_t level;
    uint16_t tag;
    put_fn *put;
} rules[] = {
    {ATT_SENT_FOR, LEVEL_MESSAGE, 0x0042, put_owner},
    {ATT_DELEGATE, LEVEL_MESSAGE, 0x007e, put_binary},
    {ATT_DATE_START, LEVEL_MESSAGE, 0x0060, put_date},
    {ATT_DATE_END, LEVEL_MESSAGE, 0x0061, put_date},
    {ATT_AID_OWNER, LEVEL_MESSAGE, 0x0062, put_long},
    {ATT_REQUEST_RES, LEVEL_MESSAGE, 0x0063, put_long},
    {ATT_ORIGINAL_CLASS, LEVEL_MESSAGE, 0x004b, put_class},
    {ATT_FROM, LEVEL_MESSAGE, 0x0c1a, put_from},
    {ATT_SUBJECT, LEVEL_MESSAGE, 0x0037, put_text},
    {ATT_DATE_SENT, LEVEL_MESSAGE, 0x0039, put_date},
    {ATT_DATE_RECEIVED, LEVEL_MESSAGE, 0x0e06, put_date},
    {ATT_STATUS, LEVEL_MESSAGE, 0x0e07, put_status},
    {ATT_CLASS, LEVEL_MESSAGE, TAG_CLASS, put_class},
    {ATT_MESSAGE_ID, LEVEL_MESSAGE, 0x300b, put_hex},
    {ATT_PARENT_ID, LEVEL_MESSAGE, 0x0025, put_hex},
    {ATT_CONVERSATION_ID, LEVEL_MESSAGE, 0x000b, put_hex},
    {ATT_BODY, LEVEL_MESSAGE, 0x1000, put_text},
    {ATT_PRIORITY, LEVEL_MESSAGE, TAG_IMPORTANCE, put_priority},
    {ATT_DATE_MODIFIED, LEVEL_MESSAGE, 0x3008, put_date},
    {ATT_TITLE, LEVEL_ATTACH, 0x3704, put_text},
    {ATT_METAFILE, LEVEL_ATTACH, 0x3709, put_binary},
    {ATT_CREATED, LEVEL_ATTACH, 0x3007, put_date},
    {ATT_CHANGED, LEVEL_ATTACH, 0x3008, put_date},
    {ATT_TRANSPORT_NAME, LEVEL_ATTACH, 0x370c, put_text},
    {ATT_RENDDATA, LEVEL_ATTACH, TAG_METHOD, put_renddata},
};

static void legacy(tnef *t, haul_bag *b, uint8_t level, uint16_t attribute, haul_tnef_in in)
{
    for (size_t i = 0; i < HAUL_COUNT(rules); i++)
        if (rules[i].attribute == attribute && rules[i].level == level)
            rules[i].put(t, b, rules[i].tag, in);
}

static bool new_attachment(tnef *t)
{
    haul_mapi *m = &t->m;
    if (m->n_attachments >= HAUL_MAPI_ATTACHMENTS_MAX)
        return false;
    if (m->n_attachments == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 8, n = m->n_attachments;
        haul_mapi_attach *v = haul_arena_calloc(&m->arena, cap * sizeof(*v));
        tnef_attach *w = haul_arena_calloc(&m->arena, cap * sizeof(*w));
        if (n) {
            memcpy(v, m->attachments, n * sizeof(*v));
            memcpy(w, t->attach, n * sizeof(*w));
        }
        m->attachments = v;
        t->attach = w;
        t->cap = cap;
    }
    m->n_attachments++;
    return true;
}

static void recipients(tnef *t, haul_tnef_in in)
{
    uint32_t count;
    if (!haul_tnef_u32(&in, &count) || t->m.recipients)
        return;
    size_t fit = count < in.n / 4 ? count : in.n / 4;
    if (fit > HAUL_MAPI_RECIPIENTS_MAX)
        fit = HAUL_MAPI_RECIPIENTS_MAX;
    t->damaged |= fit < count;
    t->m.recipients = haul_arena_calloc(&t->m.arena, (fit + 1) * sizeof(haul_bag));
    for (size_t i = 0; i < fit; i++) {
        bool whole = haul_tnef_props(&in, &t->m.recipients[i], &t->m.arena, &t->budget);
        if (t->m.recipients[i].n)
            t->m.n_recipients = i + 1;
        if (!whole) {
            t->damaged = true;
            return;
        }
    }
}

static void codepage(tnef *t, haul_tnef_in in)
{
    uint32_t v;
    if (haul_tnef_u32(&in, &v))
        t->codepage = v;
}

static void of_message(tnef *t, uint16_t attribute, haul_tnef_in in)
{
    if (attribute == ATT_PROPS)
        t->damaged |= !haul_tnef_props(&in, &t->m.props, &t->m.arena, &t->budget);
    else if (attribute == ATT_RECIPIENTS)
        recipients(t, in);
    else if (attribute == ATT_CODEPAGE)
        codepage(t, in);
    else
        legacy(t, &t->legacy, LEVEL_MESSAGE, attribute, in);
}

/* A set of attachment attributes begins with attAttachRenddata (MS-OXTNEF 2.1.3); encoders that leave it out
 * for the first one exist. */
static void of_attachment(tnef *t, uint16_t attribute, haul_tnef_in in)
{
    if ((attribute == ATT_RENDDATA || t->m.n_attachments == 0) && !new_attachment(t)) {
        t->damaged = true;
        return;
    }
    size_t i = t->m.n_attachments - 1;
    if (attribute == ATT_ATTACHMENT)
        t->damaged |= !haul_tnef_props(&in, &t->m.attachments[i].props, &t->m.arena, &t->budget);
    else if (attribute == ATT_DATA)
        t->attach[i].data = in;
    else
        legacy(t, &t->attach[i].legacy, LEVEL_ATTACH, attribute, in);
}

static uint16_t checksum(haul_tnef_in in)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < in.n; i++)
        sum += in.p[i];
    return (uint16_t)sum;
}

/* Behind the last attribute: zeros, or too little to be an attribute. Mail gateways leave both. */
static bool is_padding(haul_tnef_in in)
{
    if (in.n < ATTRIBUTE_LEAST)
        return true;
    for (size_t i = 0; i < in.n; i++)
        if (in.p[i])
            return false;
    return true;
}

/* One attribute; false at the end, wherever that is. The data of the last one may be cut: its beginning counts. */
static bool attribute(tnef *t, haul_tnef_in *in)
{
    uint32_t id, n;
    uint16_t sum;
    haul_tnef_in rest = *in;
    if (rest.n == 0)
        return false;
    uint8_t level = *rest.p++;
    rest.n--;
    bool known = level == LEVEL_MESSAGE || level == LEVEL_ATTACH;
    if (!known || !haul_tnef_u32(&rest, &id) || !haul_tnef_u32(&rest, &n)) {
        t->damaged |= known || !is_padding(*in);
        return false;
    }
    haul_tnef_in data = {rest.p, n < rest.n ? n : rest.n};
    rest.p += data.n;
    rest.n -= data.n;
    bool whole = data.n == n && haul_tnef_u16(&rest, &sum);
    t->damaged |= !whole || sum != checksum(data);
    (level == LEVEL_MESSAGE ? of_message : of_attachment)(t, (uint16_t)id, data);
    *in = rest;
    return whole;
}

/* ── the object ── */

/* Properties go before attributes of the same meaning (MS-OXTNEF 2.1.3). */
static void merge(tnef *t, haul_bag *b, const haul_bag *from)
{
    size_t own = b->n;
    for (size_t i = 0; i < from->n; i++) {
        haul_bag before = {.v = b->v, .n = own};
        if (!haul_bag_get(&before, from->v[i].id) && !haul_bag_add(b, &t->m.arena, &from->v[i]))
            t->damaged = true;
    }
    b->codepage = t->codepage;
}

static void drop(haul_bag *b, uint16_t id)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++)
        if (b->v[i].id != id || b->v[i].set != HAUL_PSET_NONE)
            b->v[n++] = b->v[i];
    b->n = n;
}

/* The data as an object or a value in the attachment's properties go before attAttachData, which then is a
 * substitute for old readers. An object begins with the id of its interface. */
static void settle_attachment(tnef *t, haul_mapi_attach *a, tnef_attach *own)
{
    const haul_prop *p = haul_bag_get(&a->props, TAG_DATA);
    bool object = p && p->type == HAUL_PT_OBJECT && p->n >= 16;
    if (object)
        own->data = (haul_tnef_in){p->p + 16, p->n - 16};
    else if (p && p->type == HAUL_PT_BINARY)
        own->data = (haul_tnef_in){p->p, p->n};
    a->embedded = object && memcmp(p->p, iid_message, 16) == 0;
    drop(&a->props, TAG_DATA);
    if (a->embedded)
        drop(&a->props, TAG_METHOD);
    if (a->embedded)
        add_number(t, &a->props, TAG_METHOD, HAUL_PT_I32, METHOD_EMBEDDED);
    merge(t, &a->props, &own->legacy);
    a->size = own->data.n;
}

static haul_rc tnef_load(haul_mapi *m, haul_err *e)
{
    (void)m; /* all was read when it was opened */
    (void)e;
    return HAUL_OK;
}

static haul_rc tnef_data(haul_mapi *m, size_t i, haul_out *to, haul_err *e)
{
    const tnef *t = (const tnef *)m;
    if (i >= m->n_attachments)
        return haul_fail(e, HAUL_SKIP, "no attachment %zu", i);
    return haul_out_write(to, t->attach[i].data.p, t->attach[i].data.n, e);
}

static haul_rc tnef_embedded(haul_mapi *m, size_t i, haul_mapi **ret, haul_err *e)
{
    const tnef *t = (const tnef *)m;
    bool damaged; /* the checksum of this attribute told as much to whoever opened m */
    if (i >= m->n_attachments || !m->attachments[i].embedded)
        return haul_fail(e, HAUL_SKIP, "attachment %zu is no message", i);
    return haul_tnef_open(t->attach[i].data.p, t->attach[i].data.n, m->depth + 1, ret, &damaged, e);
}

static void tnef_free(haul_mapi *m)
{
    if (!m)
        return;
    haul_arena_done(&m->arena);
    free(m);
}

static const haul_mapi_ops tnef_ops = {tnef_load, tnef_data, tnef_embedded, tnef_free};

/* attOwner is the organiser in a request or cancellation, and whom a response goes to (MS-OXTNEF 2.3.3.10). */
static void settle_owner(tnef *t, haul_tnef_in owner)
{
    if (owner.p)
        put_owner(t, &t->legacy, haul_mapi_is(&t->m, "IPM.Schedule.Meeting.Resp") ? 0x0044 : 0x0042, owner);
}

static haul_tnef_in find_owner(haul_tnef_in in)
{
    uint32_t id, n;
    while (in.n > 9) {
        uint8_t level = *in.p++;
        in.n--;
        if (!haul_tnef_u32(&in, &id) || !haul_tnef_u32(&in, &n) || n > in.n)
            break;
        if (level == LEVEL_MESSAGE && (uint16_t)id == ATT_OWNER)
            return (haul_tnef_in){in.p, n};
        size_t skip = n + 2 < in.n ? n + 2 : in.n;
        in.p += skip;
        in.n -= skip;
    }
    return (haul_tnef_in){0};
}

static void settle(tnef *t, haul_tnef_in all)
{
    haul_mapi *m = &t->m;
    merge(t, &m->props, &t->legacy);
    t->legacy.n = 0;
    settle_owner(t, find_owner(all));
    merge(t, &m->props, &t->legacy);
    for (size_t i = 0; i < m->n_recipients; i++)
        m->recipients[i].codepage = t->codepage;
    for (size_t i = 0; i < m->n_attachments; i++)
        settle_attachment(t, &m->attachments[i], &t->attach[i]);
}

bool haul_tnef_like(const void *p, size_t n)
{
    uint32_t signature = 0;
    return haul_tnef_u32(&(haul_tnef_in){p, n}, &signature) && signature == SIGNATURE;
}

haul_rc haul_tnef_open(const void *p, size_t n, unsigned depth, haul_mapi **ret, bool *ret_damaged,
                       haul_err *e)
{
    if (n < HEAD || !haul_tnef_like(p, n))
        return haul_fail(e, HAUL_SKIP, "no TNEF signature");
    if (n > HAUL_TNEF_MAX)
        return haul_fail(e, HAUL_SKIP, "a TNEF stream of %zu octets, limit is %u", n, HAUL_TNEF_MAX);
    if (depth > HAUL_MAPI_DEPTH_MAX)
        return haul_fail(e, HAUL_SKIP, "messages nested deeper than %u", HAUL_MAPI_DEPTH_MAX);
    haul_tnef_in all = {(const uint8_t *)p + HEAD, n - HEAD}, in = all;
    tnef *t = haul_calloc(1, sizeof(*t));
    t->m.ops = &tnef_ops;
    t->m.depth = depth;
    t->budget = HAUL_TNEF_PROPS_MAX;
    while (attribute(t, &in))
        ;
    if (in.n == all.n) {
        tnef_free(&t->m);
        return haul_fail(e, HAUL_SKIP, "no attribute of the TNEF stream can be read");
    }
    settle(t, all);
    *ret = &t->m;
    *ret_damaged = t->damaged;
    return HAUL_OK;
}
