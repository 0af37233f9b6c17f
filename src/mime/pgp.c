/* Encrypted PGP/MIME that Exchange took apart. RFC 3156 4; docs/mapi.md [mapi-43] */
#include "mime/builder.h"

#include "mime/header.h"

#include <string.h>

#define CONTROL_MAX 256u /* octets of the part that says "Version: 1" */
#define ARMOUR      "-----BEGIN PGP MESSAGE-----"

typedef struct begin {
    haul_out out;
    char p[CONTROL_MAX];
    size_t n;
} begin;

static haul_rc begin_write(haul_out *out, const void *p, size_t n, haul_err *e)
{
    begin *k = (begin *)out;
    size_t room = CONTROL_MAX - k->n;
    memcpy(k->p + k->n, p, n < room ? n : room);
    k->n += n < room ? n : room;
    return n < room ? HAUL_OK : haul_fail(e, HAUL_E_INTERRUPTED, "enough");
}

/* The first octets of attachment i, blanks aside. */
static haul_span begin_of(haul_mapi *o, size_t i, begin *k)
{
    haul_err e;
    *k = (begin){.out = {begin_write}};
    haul_rc rc = o->ops->data(o, i, &k->out, &e);
    return haul_span_trim((haul_span){k->p, rc == HAUL_OK || rc == HAUL_E_INTERRUPTED ? k->n : 0});
}

static bool came_encrypted(const haul_builder *b)
{
    haul_span v;
    if (!b->has_transport ||
        !haul_header_find(haul_strz(&b->transport), b->transport.len, "Content-Type", &v))
        return false;
    v = haul_span_trim(v);
    return haul_istarts(v.p, v.len, "multipart/encrypted");
}

static bool is_control(haul_mapi *o, size_t i)
{
    begin k;
    haul_span v = begin_of(o, i, &k);
    return haul_span_is(v, "Version: 1");
}

static bool is_armour(haul_mapi *o, size_t i)
{
    begin k;
    haul_span v = begin_of(o, i, &k);
    return v.len >= sizeof ARMOUR - 1 && memcmp(v.p, ARMOUR, sizeof ARMOUR - 1) == 0;
}

static void add_data(haul_builder *b, size_t i, const char *type, haul_part *to)
{
    haul_encoding how = HAUL_ENC_BASE64;
    haul_part *p = haul_attach_data(b, b->o, i, type);
    if (haul_message_fits(b->o, i, &how)) /* armour is 7bit (RFC 3156 3); but its octets must not change */
        p->encoding = how;
    const char *name = haul_attach_name(b, b->o, i);
    haul_part_disposition(p, &b->arena, "inline", name);
    haul_part_add(to, p);
    b->used[i] = true;
}

haul_part *haul_pgp_part(haul_builder *b)
{
    haul_mapi *o = b->o;
    if (o->n_attachments != 2 || !came_encrypted(b) || haul_builder_plain(b))
        return NULL;
    for (size_t i = 0; i < 2; i++)
        if (o->attachments[i].lost || o->attachments[i].embedded)
            return NULL;
    size_t control = is_control(o, 0) ? 0 : 1;
    if (!is_control(o, control) || !is_armour(o, 1 - control))
        return NULL;
    haul_part *p = haul_part_new(&b->arena, "multipart/encrypted");
    haul_part_param(p, &b->arena, "protocol", "application/pgp-encrypted");
    add_data(b, control, "application/pgp-encrypted", p);
    add_data(b, 1 - control, "application/octet-stream", p);
    haul_builder_issue(b, HAUL_ISSUE_MAPI_PGP_RESTORED, "%s", haul_mapi_class(o, &b->arena));
    return p;
}
