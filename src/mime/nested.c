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

static bool scan_message(haul_builder *b, haul_mapi *o, haul_nested *to);

/* The message in attachment to->at, opened once here for all that is below it. */
static bool scan_embedded(haul_builder *b, haul_mapi *o, haul_nested *to)
{
    haul_auto(haul_mapi) *inner = NULL;
    if (b->budget->scanned++ >= HAUL_SCANNED_MAX)
        return to->eight = true; /* allowed for anything that is not binary */
    if (o->ops->embedded(o, to->at, &inner, NULL) != HAUL_OK || haul_mapi_load(inner, NULL) != HAUL_OK)
        return false;
    return scan_message(b, inner, to);
}

static void find_embedded(haul_builder *b, const haul_mapi *o, haul_nested *to)
{
    size_t n = 0;
    for (size_t i = 0; i < o->n_attachments; i++)
        n += o->attachments[i].embedded && !o->attachments[i].lost;
    if (!n || o->depth + 1 > HAUL_MAPI_DEPTH_MAX)
        return;
    to->inside = haul_arena_calloc(b->budget->arena, n * sizeof *to->inside);
    for (size_t i = 0; i < o->n_attachments; i++)
        if (o->attachments[i].embedded && !o->attachments[i].lost)
            to->inside[to->n++].at = i;
}

/* What we build is 7bit but for what is restored as it was: signed messages and message files. Depth is that of
 * HAUL_MAPI_DEPTH_MAX. */
static bool scan_message(haul_builder *b, haul_mapi *o, haul_nested *to)
{
    scan s;
    bool clear = false;
    bool whole = haul_smime_is(o, &clear); /* either kind: what the class says is not always what is there */
    find_embedded(b, o, to);
    for (size_t i = 0; i < to->n; i++) /* all of them, as each is asked for when it is written */
        to->eight = scan_embedded(b, o, &to->inside[i]) || to->eight;
    for (size_t i = 0; i < o->n_attachments && !to->eight; i++) {
        const haul_mapi_attach *at = &o->attachments[i];
        if (!at->lost && !at->embedded && (whole || may_be_message(b, at)))
            to->eight = scan_data(o, i, &s) && s.eight;
        to->eight = to->eight || haul_unpack_wanted(b, at); /* what it holds is not known yet */
    }
    return to->eight;
}

static const haul_nested *known(const haul_builder *b, const haul_mapi *o, size_t i)
{
    size_t low = 0, high = b->nested && o == b->o ? b->nested->n : 0;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (b->nested->inside[mid].at == i)
            return &b->nested->inside[mid];
        if (b->nested->inside[mid].at < i)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

const haul_nested *haul_nested_scan(haul_builder *b, haul_mapi *o, size_t i)
{
    const haul_nested *seen = known(b, o, i);
    if (seen)
        return seen;
    haul_nested *to = haul_arena_calloc(b->budget->arena, sizeof *to);
    to->at = i;
    scan_embedded(b, o, to);
    return to;
}
