/* The body of a message, and of those within it: the pieces of mime/walk.h as elements in one another. */
#include "hold/eaxs.h"

#include "base/str.h"

#include <string.h>

enum { MULTI_WEIGHT = 1, CHILD_WEIGHT = 2 }; /* MultiBody; SingleBody and ChildMessage */

static haul_eaxs_frame *top(haul_eaxs *x)
{
    return x->n_frames ? &x->frames[x->n_frames - 1] : NULL;
}

static void push(haul_eaxs *x, haul_eaxs_frame f)
{
    x->frames[x->n_frames++] = f;
    x->weight += f.child ? CHILD_WEIGHT : MULTI_WEIGHT;
    x->in_child += f.child;
}

static void missing(haul_eaxs *x)
{
    haul_eaxs_open(x, "MissingBody");
    haul_eaxs_close(x);
}

static void pop(haul_eaxs *x)
{
    haul_eaxs_frame f = x->frames[--x->n_frames];
    x->weight -= f.child ? CHILD_WEIGHT : MULTI_WEIGHT;
    x->in_child -= f.child;
    if (f.child) {
        haul_eaxs_close(x);
    } else if (!f.ended) {
        haul_eaxs_incomplete_add(x, "Multipart", "one of %u parts has no closing delimiter", f.parts);
        if (!f.parts)
            missing(x);
    }
    haul_eaxs_close(x);
}

/* ── entities ── */

static void too_deep(haul_eaxs *x, const haul_piece *p)
{
    haul_eaxs_incomplete_add(x, "Depth", "part %s: what is in it is nested too deep", p->path);
}

static void hide(haul_eaxs *x, const haul_piece *p)
{
    haul_eaxs_mime m;
    haul_eaxs_mime_read(x, p, &m);
    haul_eaxs_open(x, "SingleBody");
    haul_eaxs_mime_write(x, p, &m, false);
    haul_eaxs_close(x);
    haul_eaxs_mime_done(&m);
    too_deep(x, p);
    x->hidden = true;
    x->hidden_depth = p->depth;
}

static const char *is_attachment(const haul_eaxs_mime *m)
{
    return haul_icmp(m->disposition, "attachment") == 0 ? "true" : "false";
}

static void open_multi(haul_eaxs *x, const haul_piece *p)
{
    haul_eaxs_mime m;
    haul_eaxs_mime_read(x, p, &m);
    haul_eaxs_open(x, "MultiBody");
    haul_eaxs_attr(x, "IsAttachment", is_attachment(&m));
    haul_eaxs_mime_write(x, p, &m, true);
    haul_eaxs_mime_done(&m);
    push(x, (haul_eaxs_frame){.level = p->depth + 1,
                              .alternative = strcmp(p->type, "multipart/alternative") == 0});
}

static void open_child(haul_eaxs *x, const haul_piece *p)
{
    haul_eaxs_mime m;
    x->n_leaves += !x->in_child;
    x->child = x->in_child ? NULL : haul_eaxs_take_message(x, p->type);
    haul_eaxs_mime_read(x, p, &m);
    haul_eaxs_open(x, "SingleBody");
    haul_eaxs_attr(x, "IsAttachment", x->child ? "true" : is_attachment(&m));
    haul_eaxs_mime_write(x, p, &m, false);
    haul_eaxs_mime_done(&m);
    haul_eaxs_open(x, "ChildMessage");
    push(x, (haul_eaxs_frame){.child = true});
}

static void entity(haul_eaxs *x, const haul_piece *p)
{
    size_t weight = p->class == HAUL_WALK_MULTIPART ? MULTI_WEIGHT : CHILD_WEIGHT;
    if (x->hidden)
        return;
    if (p->message) {
        haul_eaxs_head(x, p->header, x->in_child ? x->child : x->doc);
        x->child = NULL;
        if (!x->in_child)
            haul_eaxs_flags(x);
    }
    if (p->leaf) {
        if (p->class == HAUL_WALK_MULTIPART && p->depth >= HAUL_WALK_DEPTH)
            too_deep(x, p);
        else if (p->class == HAUL_WALK_MULTIPART)
            haul_eaxs_incomplete_add(x, "Multipart", "part %s: no boundary", p->path);
        haul_eaxs_leaf(x, p);
    } else if (x->weight + weight > HAUL_EAXS_DEPTH) {
        hide(x, p);
    } else if (p->class == HAUL_WALK_MULTIPART) {
        open_multi(x, p);
    } else {
        open_child(x, p);
    }
}

/* ── between them ── */

static void put_lines(haul_eaxs *x, const char *name, haul_span text)
{
    text = haul_span_trim(text);
    if (!text.len)
        return;
    if (text.len > HAUL_EAXS_VALUE) {
        haul_eaxs_incomplete_add(x, name, "the first %u of %zu octets", HAUL_EAXS_VALUE, text.len);
        text.len = HAUL_EAXS_VALUE;
    }
    haul_str_clear(&x->raw);
    haul_eaxs_decode(text, true, &x->raw);
    haul_eaxs_text(x, name, name, haul_strz(&x->raw), x->raw.len);
}

static void put_between(haul_eaxs *x, haul_span text)
{
    haul_eaxs_frame *f = top(x);
    if (!f || f->child)
        return; /* the line end in front of a delimiter */
    if (f->ended) {
        put_lines(x, "Epilogue", text);
    } else if (!f->parts && !f->preamble) {
        put_lines(x, "Preamble", text);
        f->preamble = true;
    }
}

static void between(haul_eaxs *x, const haul_piece *p)
{
    unsigned level = p->depth + p->last;
    haul_eaxs_frame *f;
    if (x->hidden && p->delimiter.len && level > x->hidden_depth)
        return;
    if (!x->hidden)
        put_between(x, p->between);
    x->hidden = false;
    if (!p->delimiter.len)
        return;
    while ((f = top(x)) && (f->child || f->ended || f->level != level))
        pop(x);
    if (!f)
        return;
    f->ended = p->last;
    if (!p->last)
        f->parts++;
    else if (!f->parts)
        missing(x);
}

static void let_go(void *ctx, size_t at)
{
    haul_eaxs *x = ctx;
    if (x->native.map)
        haul_eaxs_native_drop(&x->native, x->native.map + at);
}

void haul_eaxs_message(haul_eaxs *x, haul_span octets)
{
    haul_piece p;
    haul_auto(haul_walk) *w = haul_walk_new(octets);
    haul_walk_watch(w, let_go, x);
    x->n_frames = x->weight = 0;
    x->in_child = x->n_leaves = 0;
    x->hidden = x->seen_plain = x->seen_html = false;
    while (x->rc == HAUL_OK && haul_walk_next(w, &p)) {
        if (p.entity)
            entity(x, &p);
        else
            between(x, &p);
    }
    while (x->n_frames)
        pop(x);
}
