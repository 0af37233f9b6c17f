/* The MIME entities of a message, and which of them are its bodies. MS-OXCMAIL 2.2.3.3.2; docs/mapi.md [mapi-r20]. */
#include "mime/decode.h"
#include "mime/outlook_parts.h"
#include "mime/parts.h"

#include <string.h>

typedef struct open { /* an entity whose end is not seen yet */
    size_t node;
    size_t depth; /* multiparts around it */
} open;

typedef struct builder {
    haul_outlook *x;
    open v[HAUL_WALK_DEPTH + 2];
    size_t n;
    size_t told; /* octets whose memory was let go */
} builder;

static haul_node *new_node(haul_outlook *x)
{
    if (x->n_nodes == x->cap_nodes) {
        size_t cap = x->cap_nodes ? x->cap_nodes * 2 : 16;
        haul_node *v = haul_arena_alloc(&x->o.arena, cap * sizeof(*v));
        if (x->n_nodes)
            memcpy(v, x->nodes, x->n_nodes * sizeof(*v));
        x->nodes = v;
        x->cap_nodes = cap;
    }
    haul_node *n = &x->nodes[x->n_nodes++];
    *n = (haul_node){.parent = HAUL_NO_NODE, .next = HAUL_NO_NODE};
    return n;
}

static bool is_message_type(const char *type)
{
    return strcmp(type, "message/rfc822") == 0 || strcmp(type, "message/global") == 0;
}

/* An encoded message is a leaf for the walk; it is a message nevertheless. */
static haul_node_kind kind_of(const haul_piece *e)
{
    if (is_message_type(e->type))
        return HAUL_NODE_MESSAGE;
    return e->leaf ? HAUL_NODE_LEAF : HAUL_NODE_MULTIPART;
}

static void add_entity(builder *b, const haul_piece *e)
{
    haul_outlook *x = b->x;
    size_t parent = b->n ? b->v[b->n - 1].node : HAUL_NO_NODE;
    haul_node *n = new_node(x);
    n->kind = kind_of(e);
    n->parent = parent;
    n->header = e->header;
    n->body = e->body;
    n->cp = e->cp;
    n->typed = e->typed;
    n->encoding = e->encoding;
    haul_part_describe(e, &x->o.arena, &n->part);
    n->type = n->part.type;
    if (!e->leaf)
        b->v[b->n++] = (open){x->n_nodes - 1, e->depth};
}

/* The line end in front of a delimiter belongs to it (RFC 2046 5.1.1). */
static const char *content_end(const char *from, const char *delimiter)
{
    if (delimiter > from && delimiter[-1] == '\n')
        delimiter--;
    if (delimiter > from && delimiter[-1] == '\r')
        delimiter--;
    return delimiter;
}

static void close_to(builder *b, size_t level, const char *at, bool delimited)
{
    while (b->n && b->v[b->n - 1].depth >= level) {
        haul_node *n = &b->x->nodes[b->v[--b->n].node];
        const char *end = delimited ? content_end(n->body.p, at) : at;
        n->body.len = (size_t)(end - n->body.p);
        n->next = b->x->n_nodes;
    }
}

static bool in_message(const builder *b)
{
    return b->n && b->x->nodes[b->v[b->n - 1].node].kind == HAUL_NODE_MESSAGE;
}

/* What is left when there are too many parts: one part, as it is. */
static void add_rest(builder *b, const haul_piece *e)
{
    haul_outlook *x = b->x;
    const char *end = x->octets.p + x->octets.len;
    size_t parent = b->n ? b->v[b->n - 1].node : HAUL_NO_NODE;
    haul_node *n = new_node(x);
    n->parent = parent;
    n->body = (haul_span){e->header.p, (size_t)(end - e->header.p)};
    n->type = "application/octet-stream";
    n->part = (haul_part){.type = n->type, .name = "", .content_id = "", .disposition = "attachment"};
    haul_outlook_issue(x, HAUL_ISSUE_OUTLOOK_PARTS, "more than %u", HAUL_OUTLOOK_PARTS_MAX);
}

/* A multipart without a part: what is in it is the text, or, within another, an attachment. */
static void take_empty(haul_node *n, size_t i)
{
    bool multipart = haul_istarts(n->type, strlen(n->type), "multipart/");
    if (!multipart || (n->kind == HAUL_NODE_MULTIPART && n->next > i + 1))
        return;
    n->kind = HAUL_NODE_LEAF;
    n->used = !n->body.len;
    n->type = i == 0 ? "text/plain" : "application/octet-stream";
}

static void let_go(void *ctx, size_t at)
{
    builder *b = ctx;
    haul_spool_let_go(b->x->spool, b->x->octets.p + b->told, at - b->told);
    b->told = at;
}

void haul_outlook_tree(haul_outlook *x)
{
    haul_auto(haul_walk) *w = haul_walk_new(x->octets);
    builder b = {.x = x};
    haul_walk_watch(w, let_go, &b);
    haul_piece e;
    while (haul_walk_next(w, &e)) {
        if (!e.entity && e.delimiter.len)
            close_to(&b, e.depth + e.last, e.delimiter.p, true);
        if (!e.entity || in_message(&b))
            continue;
        if (x->n_nodes == HAUL_OUTLOOK_PARTS_MAX) {
            add_rest(&b, &e);
            break;
        }
        add_entity(&b, &e);
    }
    close_to(&b, 0, x->octets.p + x->octets.len, false);
    for (size_t i = 0; i < x->n_nodes; i++) {
        haul_node *n = &x->nodes[i];
        if (n->next == HAUL_NO_NODE)
            n->next = i + 1;
        take_empty(n, i);
    }
    haul_node *root = x->nodes;
    x->header = root->header;
    if (x->header.len > HAUL_OUTLOOK_HEADER_MAX)
        x->header.len = HAUL_OUTLOOK_HEADER_MAX;
}

/* ── octets ── */

typedef struct keep {
    haul_out out;
    haul_str *to;
} keep;

static haul_rc keep_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    haul_str_add(((keep *)o)->to, p, n);
    return HAUL_OK;
}

bool haul_outlook_octets(const haul_node *n, size_t max, haul_str *to, bool *ret_broken)
{
    keep k = {{keep_write}, to};
    haul_decode d;
    bool known;
    haul_piece e = {.header = n->header, .encoding = n->encoding};
    if (n->body.len > max)
        return false;
    haul_decode_init(&d, haul_part_decoding(&e, &known), &k.out);
    haul_rc rc = haul_out_write(&d.out, n->body.p, n->body.len, NULL);
    if (rc == HAUL_OK)
        rc = haul_decode_end(&d, NULL);
    if (ret_broken)
        *ret_broken = d.broken || !known;
    haul_decode_done(&d);
    return rc == HAUL_OK;
}

/* ── bodies ── */

size_t haul_outlook_child(const haul_outlook *x, size_t parent, const char *type)
{
    for (size_t i = parent + 1; i < x->n_nodes && i < x->nodes[parent].next; i = x->nodes[i].next)
        if (strcmp(x->nodes[i].type, type) == 0)
            return i;
    return HAUL_NO_NODE;
}

/* A named text is a file, but where it is all there is. */
static bool may_be_body(const haul_outlook *x, const haul_node *n)
{
    bool named = *n->part.name && n->parent != HAUL_NO_NODE;
    return n->kind == HAUL_NODE_LEAF && strcmp(n->part.disposition, "attachment") != 0 && !named &&
           n->body.len <= HAUL_OUTLOOK_BODY_MAX && (n->typed || n == x->nodes || n->body.len);
}

static bool is(const haul_node *n, const char *type)
{
    return strcmp(n->type, type) == 0;
}

/* What a multipart/alternative offers beside text and HTML. */
static void take_other(haul_outlook *x, size_t i, bool alternative)
{
    const haul_node *n = &x->nodes[i];
    if (is(n, "text/calendar") && x->calendar == HAUL_NO_NODE &&
        strcmp(n->part.disposition, "attachment") != 0)
        x->calendar = i;
    else if (is(n, "text/rtf") && alternative && x->rtf == HAUL_NO_NODE)
        x->rtf = i;
}

static bool take_leaf(haul_outlook *x, size_t i, bool alternative)
{
    const haul_node *n = &x->nodes[i];
    if (!may_be_body(x, n))
        return false;
    if (is(n, "text/plain") && x->text == HAUL_NO_NODE)
        x->text = i;
    else if (is(n, "text/html") && x->html == HAUL_NO_NODE)
        x->html = i;
    else {
        take_other(x, i, alternative);
        return x->calendar == i;
    }
    return true;
}

/* True when a body is in it. Alternatives are gone through to the end; of anything else the first body counts, and
 * of multipart/related its root is the first part. Depth is that of HAUL_WALK_DEPTH. */
static bool find_bodies(haul_outlook *x, size_t i, bool alternative)
{
    const haul_node *n = &x->nodes[i];
    bool found = false, here = is(n, "multipart/alternative");
    if (n->kind != HAUL_NODE_MULTIPART)
        return take_leaf(x, i, alternative);
    for (size_t k = i + 1; k < n->next && (!found || here); k = x->nodes[k].next) {
        found = find_bodies(x, k, alternative || here) || found;
        if (is(n, "multipart/related"))
            break;
    }
    return found;
}

void haul_outlook_bodies(haul_outlook *x)
{
    x->text = x->html = x->calendar = x->rtf = x->card = HAUL_NO_NODE;
    find_bodies(x, 0, false);
}
