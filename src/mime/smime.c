/* Signed and encrypted messages: the attachment is the message. MS-OXOSMIME 2.1, MS-OXCMAIL 2.1.3 (the table of
 * message classes); docs/mapi.md [mapi-40]… */
#include "mime/builder.h"

#include "mime/header.h"

#include <string.h>

bool haul_smime_is(const haul_mapi *o, bool *ret_clear)
{
    haul_arena a = {0};
    const char *class = haul_mapi_class(o, &a);
    size_t n = strlen(class);
    bool info_path = haul_istarts(class, n, "IPM.InfoPathForm.");
    bool clear = haul_icmp(class, "IPM.Note.SMIME.MultipartSigned") == 0 ||
                 haul_icmp(class, "IPM.Note.Secure.Sign") == 0 ||
                 (info_path && haul_iends(class, ".SMIME.MultipartSigned")) ||
                 (haul_istarts(class, n, "IPM.") && haul_iends(class, ".SMIME.MultipartSigned"));
    bool opaque = haul_icmp(class, "IPM.Note.SMIME") == 0 || haul_icmp(class, "IPM.Note.Secure") == 0 ||
                  (haul_istarts(class, n, "IPM.") && haul_iends(class, ".SMIME"));
    haul_arena_done(&a);
    *ret_clear = clear;
    return clear || opaque;
}

#define HEAD_MAX  65536u /* octets of the stored entity in which its header must end */
#define LABEL_MAX 100u   /* octets of a field name in messages */

typedef struct head {
    haul_out out;
    haul_str text;
} head;

static haul_rc head_write(haul_out *out, const void *p, size_t n, haul_err *e)
{
    head *h = (head *)out;
    size_t room = HEAD_MAX - h->text.len;
    haul_str_add(&h->text, p, n < room ? n : room);
    return h->text.len < HEAD_MAX ? HAUL_OK : haul_fail(e, HAUL_E_INTERRUPTED, "enough");
}

static bool peek(haul_mapi *o, size_t i, head *h)
{
    haul_err e;
    *h = (head){.out = {head_write}};
    haul_rc rc = o->ops->data(o, i, &h->out, &e);
    return rc == HAUL_OK || rc == HAUL_E_INTERRUPTED;
}

/* An entity with header fields of its own, as Exchange and Outlook store it, that is what the class says. */
static bool is_signed_entity(const head *h, bool *ret_version)
{
    haul_span type, version;
    size_t n = haul_header_length(haul_strz(&h->text), h->text.len);
    if (!n || !haul_header_find(h->text.p, n, "Content-Type", &type))
        return false;
    type = haul_span_trim(type);
    *ret_version = haul_header_find(h->text.p, n, "MIME-Version", &version);
    return haul_istarts(type.p, type.len, "multipart/signed");
}

typedef struct entity { /* with another header than the stored one */
    haul_part *stored;
    const char *header;
    size_t skip; /* octets of the stored header */
} entity;

typedef struct behind {
    haul_out out;
    haul_out *to;
    size_t skip;
} behind;

static haul_rc behind_write(haul_out *out, const void *p, size_t n, haul_err *e)
{
    behind *s = (behind *)out;
    size_t over = n < s->skip ? n : s->skip;
    s->skip -= over;
    return n > over ? haul_out_write(s->to, (const char *)p + over, n - over, e) : HAUL_OK;
}

static haul_rc push_entity(void *ctx, haul_out *to, haul_err *e)
{
    const entity *s = ctx;
    behind rest = {.out = {behind_write}, .to = to, .skip = s->skip};
    haul_rc rc = haul_out_write(to, s->header, strlen(s->header), e);
    return rc == HAUL_OK ? s->stored->push(s->stored->ctx, &rest.out, e) : rc;
}

/* The header of the entity goes on with that of the message: only what describes MIME may come from it. Nothing of it
 * is signed (RFC 1847 2.1). */
static void keep_mime(haul_builder *b, const char *p, size_t n, haul_str *to)
{
    haul_field f;
    size_t end = 0;
    for (size_t pos = 0; haul_header_next(p, n, &pos, &f); end = f.end) {
        if (f.start > end)
            haul_builder_issue(b, HAUL_ISSUE_MAPI_HEADER_LINE_DROPPED, "of the signed part: no field");
        if (haul_istarts(f.name.p, f.name.len, "content-") || haul_span_is(f.name, "mime-version"))
            haul_str_add(to, p + f.start, f.end - f.start);
        else
            haul_builder_issue(b, HAUL_ISSUE_MAPI_HEADER_LINE_DROPPED, "of the signed part: %.*s",
                               (int)(f.name.len < LABEL_MAX ? f.name.len : LABEL_MAX), f.name.p);
    }
    haul_str_addz(to, n > 1 && p[n - 2] == '\r' ? "\r\n" : "\n");
}

static haul_part *restore_entity(haul_builder *b, size_t i, const head *h)
{
    haul_auto_str header = {0};
    haul_part *p = haul_attach_data(b, b->o, i, "multipart/signed");
    size_t n = haul_header_length(h->text.p, h->text.len);
    keep_mime(b, h->text.p, n, &header);
    if (header.len != n) {
        entity *s = haul_arena_alloc(&b->arena, sizeof *s);
        *s = (entity){p, haul_arena_strn(&b->arena, header.p, header.len), n};
        p = haul_part_new(&b->arena, "multipart/signed");
        p->push = push_entity;
        p->ctx = s;
    }
    p->entity = true;
    b->used[i] = true;
    return p;
}

/* "smime-type=enveloped-data" of the Content-Type that the message came with. */
static const char *stored_parameter(haul_builder *b, const char *name)
{
    haul_span v;
    haul_arena *a = &b->arena;
    const haul_prop *p = haul_bag_name(&b->o->props, HAUL_PSET_INTERNET_HEADERS, "Content-Type");
    const char *type = haul_prop_str(&b->o->props, p, a);
    if (!type && haul_header_find(haul_strz(&b->transport), b->transport.len, "Content-Type", &v))
        type = haul_arena_strn(a, v.p, v.len);
    for (const char *at = type; at && (at = strchr(at, ';'));) {
        haul_span rest = haul_span_trim((haul_span){at + 1, strlen(at + 1)});
        at++;
        size_t n = strlen(name);
        if (!haul_istarts(rest.p, rest.len, name) || rest.len <= n || rest.p[n] != '=')
            continue;
        haul_span value = {rest.p + n + 1, rest.len - n - 1};
        if (value.len && *value.p == '"') {
            const char *close = memchr(value.p + 1, '"', value.len - 1);
            value = (haul_span){value.p + 1, close ? (size_t)(close - value.p) - 1 : value.len - 1};
        } else {
            value.len = 0;
            while (value.p[value.len] && !strchr("; \t\r\n", value.p[value.len]))
                value.len++;
        }
        return haul_arena_strn(a, value.p, value.len);
    }
    return NULL;
}

/* CMS ContentInfo (RFC 5652 3): SEQUENCE, OID 1.2.840.113549.1.7.x; 2 is signed, 3 is enveloped. */
static const char *cms_type(const haul_str *data)
{
    static const char prefix[] = {0x06,       0x09,       0x2a, (char)0x86, 0x48,
                                  (char)0x86, (char)0xf7, 0x0d, 0x01,       0x07};
    for (size_t i = 0; i + sizeof prefix < data->len && i < 16; i++)
        if (memcmp(data->p + i, prefix, sizeof prefix) == 0)
            switch (data->p[i + sizeof prefix]) {
            case 2:
                return "signed-data";
            case 3:
                return "enveloped-data";
            default:
                return NULL;
            }
    return NULL;
}

static bool is_pkcs7(haul_builder *b, size_t i, const haul_str *data)
{
    const char *tag = haul_bag_str(&b->o->attachments[i].props, HAUL_TAG_ATTACH_MIME_TAG, &b->arena);
    const char *name = haul_bag_str(&b->o->attachments[i].props, HAUL_TAG_ATTACH_LONG_FILENAME, &b->arena);
    /* DER or BER of a SEQUENCE begins so, whatever the tag says. */
    bool der = data->len > 2 && (unsigned char)data->p[0] == 0x30;
    bool named = (tag && (haul_icmp(tag, "application/pkcs7-mime") == 0 ||
                          haul_icmp(tag, "application/x-pkcs7-mime") == 0)) ||
                 (name && haul_iends(name, ".p7m"));
    return der && (named || cms_type(data));
}

static haul_part *opaque_part(haul_builder *b, size_t i, const haul_str *data)
{
    haul_part *p = haul_attach_data(b, b->o, i, "application/pkcs7-mime");
    const char *type = stored_parameter(b, "smime-type");
    const char *name = haul_attach_name(b, b->o, i);
    if (!name || !haul_iends(name, ".p7m"))
        name = "smime.p7m"; /* RFC 8551 3.2.1 */
    if (!type)
        type = cms_type(data);
    if (type)
        haul_part_param(p, &b->arena, "smime-type", type);
    haul_part_param(p, &b->arena, "name", name);
    haul_part_disposition(p, &b->arena, "attachment", name);
    b->used[i] = true;
    return p;
}

/* Clear-signed mail that was taken apart: the parts cannot be put together so that the signature holds. [mapi-42] */
haul_part *haul_smime_part(haul_builder *b)
{
    bool clear, version = false;
    haul_part *p = NULL;
    if (!haul_smime_is(b->o, &clear))
        return NULL;
    if (b->o->n_attachments == 1 && !b->o->attachments[0].lost && !b->o->attachments[0].embedded) {
        head h;
        if (peek(b->o, 0, &h)) {
            if (is_signed_entity(&h, &version)) { /* also below "IPM.Note.SMIME", MS-OXOSMIME 2.1.1 */
                p = restore_entity(b, 0, &h);
                b->entity_has_version = version;
            } else if (is_pkcs7(b, 0, &h.text)) {
                p = opaque_part(b, 0, &h.text);
            }
        }
        haul_str_done(&h.text);
    }
    if (!p)
        haul_builder_issue(b, HAUL_ISSUE_MAPI_CLASS_UNEXPECTED, "%s", haul_mapi_class(b->o, &b->arena));
    return p;
}
