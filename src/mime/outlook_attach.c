/* Attachments: properties of all, data when they are asked for. MS-OXCMAIL 2.2.3.4, MS-OXCMSG 2.2.2; docs/mapi.md
 * [mapi-r30]… */
#include "base/utf.h"
#include "io/eol.h"
#include "mime/decode.h"
#include "mime/header.h"
#include "mime/outlook_parts.h"
#include "mime/types.h"
#include "mime/words.h"

#include <stdlib.h>
#include <string.h>

enum { METHOD_BY_VALUE = 1, METHOD_EMBEDDED = 5 }; /* PidTagAttachMethod, MS-OXCMSG 2.2.2.9 */

#define RENDERED_IN_BODY 0x4    /* PidTagAttachFlags, MS-OXCMSG 2.2.2.18 */
#define NAME_MAX_OCTETS  1024u  /* of a file name */
#define SEARCHED_MAX     256u   /* attachments that the HTML is searched for */
#define STEP             65536u /* octets copied at a time */

/* ── the list ── */

haul_put haul_outlook_attach(haul_outlook *x, haul_held held, const char *type)
{
    haul_mapi *o = &x->o;
    if (o->n_attachments == x->cap_attachments) {
        size_t cap = x->cap_attachments ? x->cap_attachments * 2 : 8, n = o->n_attachments;
        haul_mapi_attach *v = haul_arena_calloc(&o->arena, cap * sizeof(*v));
        haul_held *h = haul_arena_alloc(&o->arena, cap * sizeof(*h));
        if (n) {
            memcpy(v, o->attachments, n * sizeof(*v));
            memcpy(h, x->held, n * sizeof(*h));
        }
        o->attachments = v;
        x->held = h;
        x->cap_attachments = cap;
    }
    haul_mapi_attach *at = &o->attachments[o->n_attachments];
    x->held[o->n_attachments++] = held;
    at->embedded = held.how == HAUL_CONTENT_MESSAGE;
    at->size = UINT64_MAX;
    const haul_put to = {&at->props, &o->arena};
    haul_put_int(&to, HAUL_TAG(HAUL_TAG_ATTACH_METHOD), at->embedded ? METHOD_EMBEDDED : METHOD_BY_VALUE);
    haul_put_int(&to, HAUL_TAG(0x370b), -1); /* PidTagRenderingPosition: nowhere */
    haul_put_text(&to, HAUL_TAG(HAUL_TAG_ATTACH_MIME_TAG), type);
    return to;
}

/* ── names ── */

/* Of a character beyond ASCII its first octet stands for it. */
static bool is_more(char c)
{
    return (c & 0xc0) == 0x80;
}

static char plain(char c)
{
    return haul_is_alpha((unsigned char)c) || haul_is_digit((unsigned char)c) || strchr("_-$#&!", c) ? c
                                                                                                     : '_';
}

/* PidTagAttachFilename: eight characters, a dot, three. */
static void put_short_name(const haul_put *to, const char *name)
{
    char z[13];
    size_t n = 0;
    const char *dot = strrchr(name, '.');
    size_t stem = dot && dot > name ? (size_t)(dot - name) : strlen(name);
    for (size_t i = 0; i < stem && n < 8; i++)
        if (!is_more(name[i]))
            z[n++] = plain(name[i]);
    if (dot && dot > name && dot[1]) {
        z[n++] = '.';
        for (size_t i = 1, most = n + 3; dot[i] && n < most; i++)
            if (!is_more(dot[i]))
                z[n++] = plain(dot[i]);
    }
    z[n] = '\0';
    haul_put_text(to, HAUL_TAG(HAUL_TAG_ATTACH_FILENAME), z);
}

static void put_name(haul_outlook *x, const haul_put *to, const haul_node *n)
{
    haul_arena *a = &x->o.arena;
    const char *name = n->part.name;
    if (!*name) { /* Outlook shows nothing without one; that it is ours is noted, so that the reader leaves it out */
        const char *extension = haul_extension_of_type(n->type);
        name = haul_arena_printf(a, "ATT%05u%s%s", ++x->unnamed, extension ? "." : "",
                                 extension ? extension : "");
        haul_put_bool(to, HAUL_NAME(MAILHAUL, "Unnamed"), true);
    }
    name = haul_arena_strn(a, name, haul_utf8_cut(name, strlen(name), NAME_MAX_OCTETS));
    const char *dot = strrchr(name, '.');
    haul_put_text(to, HAUL_TAG(HAUL_TAG_ATTACH_LONG_FILENAME), name);
    haul_put_text(to, HAUL_TAG(HAUL_TAG_DISPLAY_NAME), name);
    put_short_name(to, name);
    if (dot)
        haul_put_text(to, HAUL_TAG(HAUL_TAG_ATTACH_EXTENSION), dot);
}

/* ── what a part says of itself ── */

static void put_field(const haul_put *to, const haul_node *n, const char *field, uint16_t tag)
{
    haul_auto_str text = {0};
    haul_span v;
    if (!haul_header_find(n->header.p, n->header.len, field, &v) || v.len > HAUL_OUTLOOK_TEXT_MAX)
        return;
    haul_header_unfold(haul_span_trim(v), &text);
    haul_put_text(to, HAUL_TAG(tag), haul_strz(&text));
}

static void put_charset(const haul_put *to, const haul_node *n)
{
    haul_auto_str field = {0}, charset = {0};
    haul_span v;
    if (!haul_istarts(n->type, strlen(n->type), "text/") ||
        !haul_header_find(n->header.p, n->header.len, "content-type", &v) || v.len > HAUL_PARTS_FIELD)
        return;
    haul_header_unfold(v, &field);
    if (haul_param_get((haul_span){haul_strz(&field), field.len}, "charset", &charset))
        haul_put_text(to, HAUL_TAG(HAUL_TAG_TEXT_ATTACHMENT_CHARSET), haul_strz(&charset));
}

static bool is_related(const haul_outlook *x, const haul_node *n)
{
    while (n->parent != HAUL_NO_NODE) {
        n = &x->nodes[n->parent];
        if (strcmp(n->type, "multipart/related") == 0)
            return true;
    }
    return false;
}

/* The HTML shows it: then it is no attachment that people look for. */
static bool is_shown(const haul_outlook *x, const haul_node *n)
{
    haul_span html;
    haul_auto_str cid = {0};
    if (!*n->part.content_id || x->o.n_attachments > SEARCHED_MAX ||
        !haul_prop_bin(haul_bag_get(x->to.bag, HAUL_TAG_HTML), &html))
        return false;
    haul_str_addf(&cid, "cid:%s", n->part.content_id);
    return haul_find(html.p, html.len, cid.p, cid.len);
}

static void put_inline(haul_outlook *x, const haul_put *to, const haul_node *n)
{
    bool shown = is_shown(x, n);
    if (*n->part.content_id)
        haul_put_text(to, HAUL_TAG(HAUL_TAG_ATTACH_CONTENT_ID), n->part.content_id);
    put_field(to, n, "content-location", HAUL_TAG_ATTACH_CONTENT_LOCATION);
    if (shown || (is_related(x, n) && x->html != HAUL_NO_NODE))
        haul_put_int(to, HAUL_TAG(HAUL_TAG_ATTACH_FLAGS), RENDERED_IN_BODY);
    if (shown)
        haul_put_bool(to, HAUL_TAG(HAUL_TAG_ATTACH_HIDDEN), true);
    if (n->part.has_created)
        haul_put_time(to, HAUL_TAG(HAUL_TAG_CREATION_TIME), n->part.created_us);
    if (n->part.has_modified)
        haul_put_time(to, HAUL_TAG(HAUL_TAG_LAST_MODIFICATION_TIME), n->part.modified_us);
}

static void add_leaf(haul_outlook *x, size_t i)
{
    haul_node *n = &x->nodes[i];
    haul_put to = haul_outlook_attach(x, (haul_held){.how = HAUL_CONTENT_NODE, .node = i}, n->type);
    if (n->encoding == HAUL_WALK_PLAIN || n->encoding == HAUL_WALK_BINARY)
        x->o.attachments[x->o.n_attachments - 1].size = n->body.len;
    put_name(x, &to, n);
    put_charset(&to, n);
    put_inline(x, &to, n);
}

void haul_outlook_keep(haul_outlook *x, size_t node, const char *name, const char *value, bool hidden)
{
    haul_node *n = &x->nodes[node];
    n->used = true;
    haul_put to = haul_outlook_attach(x, (haul_held){.how = HAUL_CONTENT_NODE, .node = node}, n->type);
    put_name(x, &to, n);
    put_charset(&to, n);
    haul_put_textn(&to, (haul_key){HAUL_PSET_MAILHAUL, 0, name}, value, strlen(value));
    if (hidden)
        haul_put_bool(&to, HAUL_TAG(HAUL_TAG_ATTACH_HIDDEN), true);
    x->keeps = true;
}

/* A message is an object of its own, down to a depth that readers follow; below that it is a file. */
static void add_message(haul_outlook *x, size_t i)
{
    haul_node *n = &x->nodes[i];
    haul_auto_str subject = {0};
    haul_span v;
    bool described = haul_header_find(n->header.p, n->header.len, "content-description", &v);
    if (x->o.depth + 1 > HAUL_OUTLOOK_DEPTH_MAX) {
        haul_outlook_issue(x, HAUL_ISSUE_OUTLOOK_DEPTH, "%s", n->part.name);
        add_leaf(x, i);
        return;
    }
    haul_put to = haul_outlook_attach(x, (haul_held){.how = HAUL_CONTENT_MESSAGE, .node = i}, NULL);
    size_t head = n->body.len < HAUL_HEAD_MAX ? n->body.len : HAUL_HEAD_MAX;
    if (described || haul_header_find(n->body.p, haul_header_length(n->body.p, head), "Subject", &v))
        haul_header_decode(haul_span_trim(v), &subject);
    haul_put_text(&to, HAUL_TAG(HAUL_TAG_DISPLAY_NAME), subject.len ? subject.p : n->part.name);
    haul_put_text(&to, HAUL_NAME(MAILHAUL, "Name"), n->part.name); /* Outlook shows the subject */
    put_inline(x, &to, n);
}

void haul_outlook_attachments(haul_outlook *x)
{
    for (size_t i = 0; i < x->n_nodes; i++) {
        haul_node *n = &x->nodes[i];
        if (n->used || n->kind == HAUL_NODE_MULTIPART)
            continue;
        if ((i == x->text || i == x->html) && n->kind == HAUL_NODE_LEAF)
            haul_outlook_issue(x, HAUL_ISSUE_OUTLOOK_BODY_ATTACHED, "%s", n->type);
        if (n->kind == HAUL_NODE_MESSAGE)
            add_message(x, i);
        else
            add_leaf(x, i);
    }
}

/* ── data ── */

/* Octets pushed through, piece by piece; what has been read is let go. */
static haul_rc push_span(haul_outlook *x, haul_span s, haul_out *to, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    for (size_t at = 0, told = 0; at < s.len && rc == HAUL_OK;) {
        size_t n = s.len - at < STEP ? s.len - at : STEP;
        rc = haul_out_write(to, s.p + at, n, e);
        at += n;
        if (at - told >= HAUL_OUTLOOK_STEP || at == s.len) {
            haul_spool_let_go(x->spool, s.p + told, at - told);
            told = at;
        }
    }
    return rc;
}

typedef struct crlf {
    haul_out out;
    haul_out *to;
    haul_eol_state state;
    char work[2 * STEP + HAUL_EOL_SLACK];
} crlf;

static haul_rc crlf_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    crlf *c = (crlf *)o; /* out is its first member; n is at most STEP */
    return haul_out_write(c->to, c->work, haul_eol_scan(&c->state, p, n, c->work), e);
}

static haul_rc push_crlf(haul_outlook *x, haul_span s, haul_out *to, haul_err *e)
{
    crlf *c = haul_calloc(1, sizeof(*c));
    c->out.write = crlf_write;
    c->to = to;
    haul_rc rc = push_span(x, s, &c->out, e);
    free(c);
    return rc;
}

static haul_rc push_node(haul_outlook *x, haul_held *h, haul_out *to, haul_err *e)
{
    const haul_node *n = &x->nodes[h->node];
    const haul_piece piece = {.header = n->header, .encoding = n->encoding};
    bool known, plain = n->encoding == HAUL_WALK_PLAIN || n->encoding == HAUL_WALK_BINARY;
    haul_decode d;
    haul_rc rc = HAUL_OK;
    if (plain && haul_istarts(n->type, strlen(n->type),
                              "message/")) /* so that it can stand as such again: [mapi-34] */
        return push_crlf(x, n->body, to, e);
    haul_decode_init(&d, haul_part_decoding(&piece, &known), to);
    rc = push_span(x, n->body, &d.out, e);
    if (rc == HAUL_OK)
        rc = haul_decode_end(&d, e);
    if ((d.broken || !known) && !h->told)
        haul_outlook_issue(x, HAUL_ISSUE_OUTLOOK_ENCODING_BROKEN, "%s %s", n->type, n->part.name);
    h->told = h->told || d.broken || !known;
    haul_decode_done(&d);
    return rc;
}

/* The entity of a signed message: of the header what describes MIME, then the octets that the signature covers. */
static haul_rc push_entity(haul_outlook *x, const haul_node *n, haul_out *to, haul_err *e)
{
    haul_auto_str head = {0};
    haul_field f;
    for (size_t pos = 0; haul_header_next(n->header.p, n->header.len, &pos, &f);)
        if (haul_istarts(f.name.p, f.name.len, "content-") || haul_span_is(f.name, "mime-version"))
            haul_str_add(&head, n->header.p + f.start, f.end - f.start);
    haul_str_addz(&head, "\n");
    haul_rc rc = push_crlf(x, (haul_span){head.p, head.len}, to, e);
    return rc == HAUL_OK ? push_crlf(x, n->body, to, e) : rc;
}

static haul_rc push_data(haul_mapi *m, size_t i, haul_out *to, haul_err *e)
{
    haul_outlook *x = (haul_outlook *)m; /* o is its first member */
    haul_held *h = &x->held[i];
    switch (h->how) {
    case HAUL_CONTENT_NODE:
        return push_node(x, h, to, e);
    case HAUL_CONTENT_ENTITY:
        return push_entity(x, &x->nodes[h->node], to, e);
    case HAUL_CONTENT_TEXT:
        return haul_out_write(to, h->text.p, h->text.len, e);
    case HAUL_CONTENT_ORIGINAL:
        return haul_spool_copy(x->m->body, HAUL_EOL_KEEP, to, e);
    default:
        return haul_fail(e, HAUL_SKIP, "attachment %zu is a message", i + 1);
    }
}

/* ── messages ── */

static haul_rc decode_into(haul_outlook *x, const haul_node *n, haul_spool *to, haul_err *e)
{
    const haul_piece piece = {.header = n->header, .encoding = n->encoding};
    bool known;
    haul_decode d;
    haul_decode_init(&d, haul_part_decoding(&piece, &known), haul_spool_out(to));
    haul_rc rc = push_span(x, n->body, &d.out, e);
    if (rc == HAUL_OK)
        rc = haul_decode_end(&d, e);
    haul_decode_done(&d);
    return rc == HAUL_OK ? haul_spool_freeze(to, e) : rc;
}

static haul_rc push_embedded(haul_mapi *m, size_t i, haul_mapi **ret, haul_err *e)
{
    haul_outlook *x = (haul_outlook *)m;
    const haul_node *n = &x->nodes[x->held[i].node];
    haul_auto(haul_spool) *own = NULL;
    haul_span octets = n->body;
    haul_rc rc = HAUL_OK;
    if (x->held[i].how != HAUL_CONTENT_MESSAGE)
        return haul_fail(e, HAUL_SKIP, "no message in attachment %zu", i + 1);
    if (n->encoding == HAUL_WALK_QP || n->encoding == HAUL_WALK_BASE64) {
        own = haul_spool_new(false);
        rc = decode_into(x, n, own, e);
        if (rc == HAUL_OK)
            rc = haul_spool_map(own, &octets.p, &octets.len, e);
    }
    if (rc != HAUL_OK)
        return rc;
    *ret = haul_outlook_inside(x, octets, own, i);
    own = NULL;
    return HAUL_OK;
}

static haul_rc load(haul_mapi *m, haul_err *e)
{
    (void)m, (void)e; /* all of it was made when it was opened */
    return HAUL_OK;
}

static void free_outlook(haul_mapi *m)
{
    haul_outlook *x = (haul_outlook *)m;
    haul_spool_free(x->own);
    haul_arena_done(&x->o.arena);
    free(x);
}

const haul_mapi_ops haul_outlook_ops = {load, push_data, push_embedded, free_outlook};
