#include "mime/part.h"

#include "base/hash.h"
#include "base/utf.h"
#include "mime/encode.h"
#include "mime/transfer.h"

#include <string.h>

#define DEPTH_MAX HAUL_PART_DEPTH

typedef struct writer {
    haul_out *to;
    uint64_t seed;
    unsigned depth;
    haul_err *e;
} writer;

haul_part *haul_part_new(haul_arena *a, const char *type)
{
    haul_part *p = haul_arena_calloc(a, sizeof(*p));
    p->type = haul_arena_str(a, type);
    return p;
}

void haul_part_add(haul_part *parent, haul_part *child)
{
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
}

static void add_param(haul_param **list, haul_arena *a, const char *name, const char *value)
{
    while (*list)
        list = &(*list)->next;
    *list = haul_arena_calloc(a, sizeof(**list));
    (*list)->name = haul_arena_str(a, name);
    (*list)->value = haul_arena_str(a, value);
}

void haul_part_param(haul_part *p, haul_arena *a, const char *name, const char *value)
{
    add_param(&p->params, a, name, value);
}

void haul_part_disposition(haul_part *p, haul_arena *a, const char *disposition, const char *filename)
{
    p->disposition = haul_arena_str(a, disposition);
    if (filename)
        add_param(&p->disposition_params, a, "filename", filename);
}

void haul_part_disposition_param(haul_part *p, haul_arena *a, const char *name, const char *value)
{
    add_param(&p->disposition_params, a, name, value);
}

static bool type_is(const haul_part *p, const char *prefix)
{
    return p->type && haul_istarts(p->type, strlen(p->type), prefix);
}

/* RFC 2046 5.1.1: a multipart has at least one part. */
static bool is_multipart(const haul_part *p)
{
    return type_is(p, "multipart/") && p->first;
}

/* ── boundaries ── */

static bool holds(haul_span s, const char *z, size_t n)
{
    size_t from = 1; /* the "_" in z[1] is rarer in text than the "=" before it */
    while (s.len + 1 >= n + from) {
        const char *p = memchr(s.p + from, z[1], s.len + 2 - n - from);
        if (!p)
            break;
        if (memcmp(p - 1, z, n) == 0)
            return true;
        from = (size_t)(p - s.p) + 1;
    }
    return false;
}

/* Base64 cannot hold "=_" and QP cannot either (RFC 2045 6.7). What is written as it is might, when it was made to. */
static bool occurs(const haul_part *p, const char *boundary, size_t n, unsigned depth)
{
    if (p->text.len && holds(p->text, boundary, n))
        return true;
    for (const haul_part *c = depth < DEPTH_MAX ? p->first : NULL; c; c = c->next)
        if (occurs(c, boundary, n, depth + 1))
            return true;
    return false;
}

/* From the seed and the place in the tree: 128 bits, so that contents that are streamed as they are, which nobody
 * can search before, hold it by accident never. A message within the message has another seed. */
static void make_boundary(haul_str *to, const haul_part *p, uint64_t seed, uint64_t path)
{
    static const char prefix[] = "=_mailhaul_";
    for (unsigned salt = 0; salt < 1000; salt++) {
        uint8_t in[20], digest[HAUL_SHA256_LEN];
        char hex[33];
        for (unsigned i = 0; i < 8; i++) {
            in[i] = (uint8_t)(seed >> (8 * i));
            in[8 + i] = (uint8_t)(path >> (8 * i));
        }
        for (unsigned i = 0; i < 4; i++)
            in[16 + i] = (uint8_t)(salt >> (8 * i));
        haul_auto(haul_sha256) *h = haul_sha256_new();
        haul_sha256_update(h, in, sizeof(in));
        haul_sha256_final(h, digest);
        haul_hex(hex, digest, 16);
        haul_str_clear(to);
        haul_str_addf(to, "%s%s", prefix, hex);
        if (!occurs(p, to->p, to->len, 0))
            return;
    }
}

/* ── headers ── */

static const char *encoding_name(haul_encoding e)
{
    static const char *const names[] = {"7bit", "base64", "quoted-printable", "7bit", "8bit", "binary"};
    return names[e];
}

static void add_typed(haul_str *to, const char *name, const char *value, const haul_param *params,
                      const char *boundary)
{
    size_t start = to->len;
    haul_str_addf(to, "%s: %s", name, value);
    size_t col = to->len - start;
    for (; params; params = params->next)
        if (params->name && params->value)
            haul_param_add(to, params->name, params->value, &col);
    if (boundary) { /* "=" and "_": it is no token */
        haul_str_addf(to, "%s boundary=\"%s\"", col > 20 ? ";\r\n" : ";", boundary);
    }
    haul_str_addz(to, "\r\n");
}

static void add_header(haul_str *to, const haul_part *p, const char *type, haul_encoding enc,
                       const char *boundary)
{
    haul_auto_str id = {0};
    add_typed(to, "Content-Type", type, p->params, boundary);
    if (enc != HAUL_ENC_7BIT)
        haul_str_addf(to, "Content-Transfer-Encoding: %s\r\n", encoding_name(enc));
    if (p->disposition)
        add_typed(to, "Content-Disposition", p->disposition, p->disposition_params, NULL);
    if (p->id) {
        haul_str_addf(&id, "<%s>", p->id);
        haul_field_raw(to, "Content-ID", id.p);
    }
    if (p->location)
        haul_field_raw(to, "Content-Location", p->location);
    if (p->description)
        haul_field_text(to, "Content-Description", p->description);
    if (p->fields)
        haul_str_addz(to, p->fields);
    haul_str_addz(to, "\r\n");
}

static haul_rc write_str(writer *w, const haul_str *s)
{
    return haul_out_write(w->to, haul_strz(s), s->len, w->e);
}

/* ── contents ── */

/* HAUL_SKIP: what came is kept. */
static haul_rc push_content(haul_part *p, haul_out *to, haul_err *e)
{
    if (!p->push)
        return haul_out_write(to, p->text.p, p->text.len, e);
    haul_rc rc = p->push(p->ctx, to, e);
    if (rc == HAUL_SKIP) {
        p->failed = true;
        return HAUL_OK;
    }
    return rc;
}

static haul_rc write_content(writer *w, haul_part *p, haul_encoding enc, haul_span text)
{
    if (enc != HAUL_ENC_BASE64 && enc != HAUL_ENC_QP)
        return p->push ? push_content(p, w->to, w->e) : haul_out_write(w->to, text.p, text.len, w->e);
    haul_transfer t;
    haul_transfer_init(&t, enc == HAUL_ENC_QP, w->to);
    haul_rc rc = p->push ? push_content(p, &t.out, w->e) : haul_out_write(&t.out, text.p, text.len, w->e);
    if (rc == HAUL_OK)
        rc = haul_transfer_end(&t, w->e);
    haul_transfer_done(&t);
    return rc;
}

static bool is_8bit(haul_span s)
{
    return haul_ascii_run(s.p, s.len) < s.len;
}

static haul_encoding choose(const haul_part *p, haul_span text)
{
    if (type_is(p, "message/") && !type_is(p, "message/external-body")) /* RFC 2046 5.2.1: never encoded */
        return is_8bit(text) ? HAUL_ENC_8BIT : HAUL_ENC_7BIT;
    /* a multipart here has no child and is written as text */
    bool is_text = type_is(p, "text/") || type_is(p, "multipart/");
    return p->push || !is_text ? HAUL_ENC_BASE64 : haul_transfer_choose(text);
}

/* All lines ended by CRLF, in `room` where s is not so already. `whole`: a message, which ends with a line end; in a
 * multipart that is the boundary's. */
static haul_span with_crlf(haul_span s, bool whole, haul_str *room)
{
    bool open = whole && s.len && s.p[s.len - 1] != '\n' && s.p[s.len - 1] != '\r';
    if (!open && haul_text_is_crlf(s))
        return s;
    haul_text_crlf(room, s);
    if (open)
        haul_str_addz(room, "\r\n");
    return (haul_span){haul_strz(room), room->len};
}

static haul_rc write_leaf(writer *w, haul_part *p)
{
    haul_auto_str header = {0}, crlf = {0};
    haul_span text = p->text;
    haul_encoding enc = p->encoding;
    const char *type = p->type ? p->type : "application/octet-stream";
    if (type_is(p, "multipart/"))
        type = "text/plain";
    if (type_is(p, "text/") && !p->push && !p->entity && enc <= HAUL_ENC_QP)
        text = with_crlf(text, !w->depth, &crlf);
    if (enc == HAUL_ENC_AUTO)
        enc = choose(p, text);
    if (p->entity)
        return write_content(w, p, HAUL_ENC_BINARY, text);
    add_header(&header, p, type, enc, NULL);
    haul_rc rc = write_str(w, &header);
    return rc == HAUL_OK ? write_content(w, p, enc, text) : rc;
}

static haul_rc write_part(writer *w, haul_part *p, uint64_t path);

static uint64_t child_path(uint64_t path, uint64_t n)
{
    path = (path ^ n) * UINT64_C(0x9E3779B97F4A7C15);
    return path ^ path >> 29;
}

/* RFC 2045 6.4: a multipart says 8bit or binary when something in it is. */
static haul_encoding widest(const haul_part *p, unsigned depth)
{
    haul_encoding enc = p->encoding >= HAUL_ENC_8BIT ? p->encoding : HAUL_ENC_7BIT;
    if ((p->entity || type_is(p, "message/")) && enc == HAUL_ENC_7BIT && is_8bit(p->text))
        enc = HAUL_ENC_8BIT;
    for (const haul_part *c = depth < DEPTH_MAX ? p->first : NULL; c; c = c->next) {
        haul_encoding inner = widest(c, depth + 1);
        enc = inner > enc ? inner : enc;
    }
    return enc;
}

static haul_rc write_multipart(writer *w, haul_part *p, uint64_t path)
{
    haul_auto_str boundary = {0}, text = {0};
    make_boundary(&boundary, p, w->seed, path);
    add_header(&text, p, p->type, widest(p, 0), boundary.p);
    uint64_t n = 0;
    for (haul_part *c = p->first; c; c = c->next) {
        haul_str_addf(&text, "%s--%s\r\n", n ? "\r\n" : "", boundary.p);
        haul_rc rc = write_str(w, &text);
        if (rc == HAUL_OK) /* each place in the tree has a path of its own */
            rc = write_part(w, c, child_path(path, ++n));
        if (rc != HAUL_OK)
            return rc;
        haul_str_clear(&text);
    }
    haul_str_addf(&text, "\r\n--%s--\r\n", boundary.p);
    return write_str(w, &text);
}

static haul_rc write_part(writer *w, haul_part *p, uint64_t path)
{
    if (!is_multipart(p) || p->entity)
        return write_leaf(w, p);
    if (w->depth >= DEPTH_MAX)
        return haul_fail(w->e, HAUL_SKIP, "more than %u multiparts in one another", DEPTH_MAX);
    w->depth++;
    haul_rc rc = write_multipart(w, p, path);
    w->depth--;
    return rc;
}

haul_rc haul_part_write(haul_part *p, uint64_t seed, haul_out *to, haul_err *e)
{
    writer w = {to, seed, 0, e};
    return write_part(&w, p, 1);
}
