/* How a message inside a message may be encoded: 7bit or 8bit, never base64 (RFC 2046 5.2.1). [mapi-34] */
#include "mime/builder.h"

#include <string.h>

typedef struct scan {
    haul_out out;
    size_t line; /* octets of the line so far */
    char last;
    bool eight, unfit, header; /* header: a field name has begun the text */
    uint64_t n;
} scan;

/* Fit: CRLF line ends only, at most 998 octets a line, no NUL. What is not would be changed on its way. */
static haul_rc scan_write(haul_out *out, const void *p, size_t n, haul_err *e)
{
    scan *s = (scan *)out;
    const char *c = p;
    (void)e;
    for (size_t i = 0; i < n; i++) {
        s->eight = s->eight || (unsigned char)c[i] >= 128;
        s->unfit = s->unfit || !c[i] || (c[i] == '\n') != (s->last == '\r');
        s->line = c[i] == '\n' ? 0 : s->line + 1;
        s->unfit = s->unfit || s->line > 999; /* CR included */
        s->last = c[i];
    }
    s->n += n;
    return HAUL_OK;
}

static bool scan_data(haul_mapi *o, size_t i, scan *s)
{
    *s = (scan){.out = {scan_write}};
    return o->ops->data(o, i, &s->out, NULL) == HAUL_OK;
}

bool haul_message_fits(haul_mapi *o, size_t i, haul_encoding *ret)
{
    scan s;
    if (!scan_data(o, i, &s) || s.unfit || !s.n || s.last == '\r')
        return false;
    *ret = s.eight ? HAUL_ENC_8BIT : HAUL_ENC_7BIT;
    return true;
}

static bool may_be_message(haul_builder *b, const haul_mapi_attach *at)
{
    const char *tag = haul_bag_str(&at->props, HAUL_TAG_ATTACH_MIME_TAG, &b->arena);
    const char *name = haul_bag_str(&at->props, HAUL_TAG_ATTACH_LONG_FILENAME, &b->arena);
    const char *dot = name ? strrchr(name, '.') : NULL;
    const char *type = dot ? haul_type_of_extension(dot + 1) : NULL;
    return (tag && haul_istarts(tag, strlen(tag), "message/")) ||
           (type && haul_istarts(type, strlen(type), "message/"));
}

/* What we build is 7bit but for what is restored as it was: signed messages and message files. */
static bool eight_bit(haul_builder *b, haul_mapi *o)
{
    scan s;
    bool clear = false, found = false;
    bool whole = haul_smime_is(o, &clear); /* either kind: what the class says is not always what is there */
    for (size_t i = 0; i < o->n_attachments && !found; i++) {
        const haul_mapi_attach *at = &o->attachments[i];
        if (at->lost)
            continue;
        if (at->embedded) {
            found = o->depth + 1 <= HAUL_MAPI_DEPTH_MAX && haul_embedded_encoding(b, o, i) == HAUL_ENC_8BIT;
            continue;
        }
        if (whole || may_be_message(b, at))
            found = scan_data(o, i, &s) && s.eight;
    }
    return found;
}

haul_encoding haul_embedded_encoding(haul_builder *b, haul_mapi *o, size_t i)
{
    haul_auto(haul_mapi) *inner = NULL;
    if (b->budget->scanned++ >= HAUL_SCANNED_MAX)
        return HAUL_ENC_8BIT; /* allowed for anything that is not binary */
    if (o->ops->embedded(o, i, &inner, NULL) != HAUL_OK || haul_mapi_load(inner, NULL) != HAUL_OK)
        return HAUL_ENC_7BIT;
    return eight_bit(b, inner) ? HAUL_ENC_8BIT : HAUL_ENC_7BIT;
}
