#include "mime/vcard.h"

#include "base/time.h"
#include "mime/lids.h"
#include "mime/vcard_parts.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#define PHOTO_MAX                                                                                            \
    (4u * 1024u * 1024u) /* octets of a picture that goes into the card; a larger one stays attached */

bool haul_vcard_is(const haul_mapi *o)
{
    return haul_mapi_is(o, "IPM.Contact") || haul_mapi_is(o, "IPM.DistList");
}

/* ── shared by the parts ── */

const char *haul_card_prop(haul_card *c, const haul_prop *p)
{
    haul_auto_str text = {0};
    if (!haul_prop_text(&c->o->props, p, &text, &c->bad))
        return NULL;
    haul_span z = haul_span_trim((haul_span){haul_strz(&text), text.len});
    return z.len ? haul_arena_strn(&c->m->arena, z.p, z.len) : NULL;
}

const char *haul_card_tag(haul_card *c, uint16_t id)
{
    return haul_card_prop(c, haul_bag_get(&c->o->props, id));
}

const char *haul_card_lid(haul_card *c, haul_pset set, uint32_t lid)
{
    return haul_card_prop(c, haul_bag_lid(&c->o->props, set, lid));
}

void haul_card_line(haul_card *c, const char *name, const char *types, const char *text)
{
    if (!text)
        return;
    haul_vcard_start(&c->w, name);
    haul_vcard_list(&c->w, "TYPE", types);
    haul_vcard_raw(&c->w, ":");
    haul_vcard_text(&c->w, text);
    haul_vcard_end(&c->w);
}

void haul_card_unresolved(haul_card *c, const char *other, const char *name)
{
    haul_vcard_start(&c->w, "X-MAILHAUL-ADDRESS");
    haul_vcard_param(&c->w, "X-NAME", name);
    haul_vcard_raw(&c->w, ":");
    haul_vcard_text(&c->w, other);
    haul_vcard_end(&c->w);
    haul_msg_issue(c->m, HAUL_ISSUE_MAPI_ADDRESS_UNRESOLVED, "%s", other);
}

/* ── FN: never empty (RFC 6350 6.2.1) ── */

static const char *join_names(haul_card *c)
{
    static const uint16_t ids[] = {0x3a06, 0x3a44, 0x3a11}; /* given, middle, surname */
    haul_auto_str all = {0};
    for (size_t i = 0; i < HAUL_COUNT(ids); i++) {
        const char *z = haul_card_tag(c, ids[i]);
        if (z)
            haul_str_addf(&all, "%s%s", all.len ? " " : "", z);
    }
    return all.len ? haul_arena_strn(&c->m->arena, all.p, all.len) : NULL;
}

static const char *any_address(haul_card *c)
{
    haul_addr a;
    for (size_t i = 0; i < HAUL_CARD_EMAILS; i++)
        if (haul_card_email(c, i, &a) && a.smtp)
            return a.smtp;
    return NULL;
}

static const char *full_name(haul_card *c, bool group)
{
    const char *z = group ? haul_card_lid(c, HAUL_PSET_ADDRESS, HAUL_LID_LIST_NAME) : NULL;
    if (!z)
        z = haul_card_tag(c, 0x3001);
    if (!z)
        z = join_names(c);
    if (!z)
        z = haul_card_lid(c, HAUL_PSET_ADDRESS, HAUL_LID_FILE_UNDER);
    if (!z)
        z = haul_card_tag(c, 0x3a16);
    if (!z)
        z = any_address(c);
    if (!z)
        z = haul_card_tag(c, 0x0037);
    return z ? z : "(no name)";
}

/* ── what contacts and lists have in common ── */

static void categories(haul_card *c)
{
    const haul_prop *p = haul_mapi_categories(&c->o->props);
    size_t n = 0;
    haul_prop one;
    haul_vcard_start(&c->w, "CATEGORIES");
    for (size_t i = 0; haul_multi_at(p, i, &one); i++) {
        const char *z = haul_card_prop(c, &one);
        if (!z)
            continue;
        haul_vcard_raw(&c->w, n++ ? "," : ":");
        haul_vcard_text(&c->w, z);
    }
    if (n)
        haul_vcard_end(&c->w);
}

/* CLASS is of vCard 3.0 and was taken out of 4.0. PidTagSensitivity: 1 personal, 2 private, 3 confidential. */
static void class(haul_card *c)
{
    static const char *const names[] = {NULL, "PERSONAL", "PRIVATE", "CONFIDENTIAL"};
    int64_t v = haul_prop_int_or(haul_bag_get(&c->o->props, 0x0036), 0);
    if (v < 1 || v > 3)
        v = haul_prop_bool(haul_bag_lid(&c->o->props, HAUL_PSET_COMMON, HAUL_LID_PRIVATE)) ? 2 : 0;
    haul_card_line(c, "X-CLASS", NULL, names[v]);
}

static void revision(haul_card *c)
{
    int64_t us;
    char iso[HAUL_ISO_LEN], rev[HAUL_ISO_LEN];
    size_t n = 0;
    if (!haul_prop_time(haul_bag_get(&c->o->props, 0x3008), &us))
        return;
    haul_iso_format(iso, us);
    for (const char *p = iso; *p; p++) /* the basic format: RFC 6350 4.3.5 */
        if (*p != '-' && *p != ':')
            rev[n++] = *p;
    rev[n] = 0;
    haul_vcard_start(&c->w, "REV");
    haul_vcard_raw(&c->w, ":");
    haul_vcard_raw(&c->w, rev);
    haul_vcard_end(&c->w);
}

static void hash_bin(haul_card *c, haul_sha256 *h, uint16_t id, bool *any)
{
    haul_span v;
    if (haul_prop_bin(haul_bag_get(&c->o->props, id), &v) && v.len) {
        haul_sha256_update(h, v.p, v.len);
        *any = true;
    }
}

/* The search key is the same in copies of a contact, and a program that reads two cards of one UID keeps one: the
 * node tells them apart. Without any of them the card's own octets make the UID. */
static void uid(haul_card *c, size_t from)
{
    haul_auto(haul_sha256) *h = haul_sha256_new();
    uint8_t d[HAUL_SHA256_LEN], node[8];
    char hex[2 * 16 + 1];
    bool any = c->o->node != 0;
    hash_bin(c, h, 0x300b, &any);
    hash_bin(c, h, 0x0fff, &any);
    for (size_t i = 0; i < 8; i++)
        node[i] = (uint8_t)(c->o->node >> (8 * i));
    haul_sha256_update(h, node, sizeof(node));
    if (!any)
        haul_sha256_update(h, c->w.to->p + from, c->w.to->len - from);
    haul_sha256_final(h, d);
    d[6] = (uint8_t)((d[6] & 0x0f) | 0x80); /* RFC 9562 5.8: version 8, of one's own making */
    d[8] = (uint8_t)((d[8] & 0x3f) | 0x80);
    haul_hex(hex, d, 16);
    haul_vcard_start(&c->w, "UID");
    haul_str_addf(&c->w.line, ":urn:uuid:%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                  hex + 20);
    haul_vcard_end(&c->w);
}

/* ── the picture (MS-OXOCNTC 2.2.1.8) ── */

static bool is_named_picture(const haul_bag *b)
{
    static const uint16_t ids[] = {0x3707, 0x3704, 0x3001};
    haul_arena a = {0};
    bool yes = false;
    for (size_t i = 0; i < HAUL_COUNT(ids) && !yes; i++) {
        const char *z = haul_bag_str(b, ids[i], &a);
        yes = z && haul_icmp(z, "ContactPicture.jpg") == 0;
    }
    haul_arena_done(&a);
    return yes;
}

static bool may_be_picture(const haul_mapi_attach *a)
{
    return !a->lost && !a->embedded && a->size > 0 && a->size <= PHOTO_MAX &&
           (haul_prop_bool(haul_bag_get(&a->props, 0x7fff)) || is_named_picture(&a->props));
}

bool haul_vcard_is_picture(const haul_mapi *o, size_t i)
{
    if (!haul_mapi_is(o, "IPM.Contact") || i >= o->n_attachments)
        return false;
    for (size_t k = 0; k < i; k++) /* the first one is in the card */
        if (may_be_picture(&o->attachments[k]))
            return false;
    return may_be_picture(&o->attachments[i]);
}

static const char *picture_type(const haul_str *s)
{
    static const struct {
        const char *magic, *type;
        size_t n;
    } rows[] = {{"\xff\xd8\xff", "image/jpeg", 3},
                {"\x89PNG", "image/png", 4},
                {"GIF8", "image/gif", 4},
                {"BM", "image/bmp", 2}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        if (s->len >= rows[i].n && memcmp(s->p, rows[i].magic, rows[i].n) == 0)
            return rows[i].type;
    return "application/octet-stream";
}

static void data_uri(haul_card *c, const char *name, const char *type, const void *p, size_t n)
{
    size_t length = (n + 2) / 3 * 4;
    haul_vcard_start(&c->w, name);
    haul_str_addf(&c->w.line, ":data:%s;base64,", type);
    haul_str_room(&c->w.line, length + 1);
    EVP_EncodeBlock((unsigned char *)c->w.line.p + c->w.line.len, p, (int)n);
    c->w.line.len += length;
    haul_vcard_end(&c->w);
}

static haul_rc photo(haul_card *c, haul_err *e)
{
    haul_auto_str data = {0};
    size_t i = 0;
    haul_rc rc;
    while (i < c->o->n_attachments && !haul_vcard_is_picture(c->o, i))
        i++;
    if (i == c->o->n_attachments)
        return HAUL_OK;
    rc = haul_mapi_slurp(c->o, i, PHOTO_MAX, &data, e);
    if (rc == HAUL_SKIP) {
        haul_msg_issue(c->m, HAUL_ISSUE_MAPI_ATTACHMENT_LOST, "the contact's picture%s%s", e ? ": " : "",
                       e ? e->text : "");
        return HAUL_OK;
    }
    if (rc != HAUL_OK)
        return rc;
    data_uri(c, "PHOTO", picture_type(&data), data.p, data.len);
    return HAUL_OK;
}

/* ── certificates ── */

#define CERTIFICATE_MAX 65536u /* octets of one with what Outlook puts around it */

/* A DER SEQUENCE of exactly n octets whose first element is a SEQUENCE too, as a certificate's is, or the object id
 * of signedData (1.2.840.113549.1.7.2): the media type; NULL for anything else. */
static const char *der_type(const uint8_t *p, size_t n)
{
    static const uint8_t signed_data[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02};
    if (n < 64 || n > CERTIFICATE_MAX || p[0] != 0x30 || p[1] != 0x82 || n != 4u + (size_t)(p[2] << 8 | p[3]))
        return NULL;
    if (memcmp(p + 4, signed_data, sizeof(signed_data)) == 0)
        return "application/pkcs7-mime";
    return p[4] == 0x30 && p[5] == 0x82 ? "application/pkix-cert" : NULL;
}

/* The value is the certificate (MS-OXOABK 4.2), or tags and lengths of two octets each, the length with them, in front
 * of values, one of which it is (Outlook's own contacts). */
static bool certificate(haul_card *c, const uint8_t *p, size_t n)
{
    const char *type = der_type(p, n);
    if (type) {
        data_uri(c, "KEY", type, p, n);
        return true;
    }
    while (n >= 4) {
        size_t length = (size_t)(p[2] | p[3] << 8);
        if (length < 4 || length > n)
            return false;
        type = der_type(p + 4, length - 4);
        if (type) {
            data_uri(c, "KEY", type, p + 4, length - 4);
            return true;
        }
        p += length;
        n -= length;
    }
    return false;
}

static void certificates(haul_card *c)
{
    const haul_prop *p = haul_bag_get(&c->o->props, 0x3a70); /* PidTagUserX509Certificate */
    haul_prop one;
    for (size_t i = 0; haul_multi_at(p, i, &one); i++) {
        if (one.type != HAUL_PT_BINARY || certificate(c, one.p, one.n))
            continue;
        if (one.n <= CERTIFICATE_MAX)
            data_uri(c, "X-CERTIFICATE", "application/octet-stream", one.p, one.n);
        else
            haul_msg_issue(c->m, HAUL_ISSUE_MAPI_CONTACT_CERTIFICATE, "%zu octets", one.n);
    }
}

/* ── the card ── */

static haul_rc build(haul_card *c, const char *note, haul_err *e)
{
    bool group = haul_mapi_is(c->o, "IPM.DistList");
    size_t from = c->w.to->len;
    haul_rc rc = haul_mapi_load(c->o, e);
    if (rc != HAUL_OK)
        return rc;
    haul_str_addz(c->w.to, "BEGIN:VCARD\r\nVERSION:4.0\r\nPRODID:-//mailhaul//mailhaul//EN\r\n");
    if (group)
        haul_str_addz(c->w.to, "KIND:group\r\n");
    haul_card_line(c, "FN", NULL, full_name(c, group));
    (group ? haul_card_group : haul_card_contact)(c);
    categories(c);
    haul_card_line(c, "NOTE", NULL, note && *note ? note : NULL);
    class(c);
    rc = group ? HAUL_OK : photo(c, e);
    if (rc != HAUL_OK)
        return rc;
    certificates(c);
    revision(c);
    uid(c, from);
    haul_str_addz(c->w.to, "END:VCARD\r\n");
    return HAUL_OK;
}

haul_rc haul_vcard_build(haul_mapi *o, haul_msg *m, const char *note, haul_str *to, haul_err *e)
{
    haul_card c = {.w = {.to = to}, .o = o, .m = m};
    size_t from = to->len;
    haul_rc rc = build(&c, note, e);
    if (rc != HAUL_OK && to->p) {
        to->len = from;
        to->p[from] = 0;
    }
    if (c.bad)
        haul_msg_issue(m, HAUL_ISSUE_MAPI_TEXT_UNDECODABLE, "%zu characters of a contact", c.bad);
    if (c.w.changed)
        haul_msg_issue(m, HAUL_ISSUE_MAPI_CONTACT_VALUE_CHANGED, "in the vCard");
    haul_vcard_done(&c.w);
    return rc;
}
