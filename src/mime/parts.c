/* A message taken apart in one pass: what comes in is a piece of any size, what goes out are the decoded parts. It sees
 * the same parts as walk.c does, but that messages in messages are not looked into. */
#include "mime/parts.h"

#include "base/err.h"
#include "mime/header.h"
#include "mime/sniff.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define DASHES_MAX (HAUL_WALK_FIELD + 1024u) /* octets of a line that may be a delimiter */

typedef enum where {
    IN_HEADER,
    IN_LEAF,
    BETWEEN, /* preamble, epilogue */
    IN_REST  /* of a message with too many parts */
} where;

typedef enum leaf { ATTACHMENT, TEXT, BESIDE } leaf;
typedef struct haul_parts reading;

struct haul_parts {
    haul_out in;
    const haul_parts_reader *to;
    haul_parts_said said;
    haul_levels levels;
    where where;
    bool fresh;      /* the next octet begins a line */
    haul_str header; /* what is seen of one */
    size_t line;     /* in it: where its last line begins */
    haul_str dash;   /* a line that begins with "-" and is not seen whole */
    char eol[3];     /* a line end in front of what may be a delimiter */
    size_t n_eol;
    unsigned entities, leaves;
    bool
        pending; /* in the preamble of a multipart of which no part was seen yet: its header, and what was seen */
    haul_str multipart, preamble;
    bool plain_seen, html_seen;
    /* The part at hand. */
    leaf leaf;
    bool open;
    haul_decode decode;
    haul_part part;
    haul_arena arena;
    haul_out file; /* of an attachment: its decoded octets */
    haul_out *file_to;
    haul_sniff sniff;
    haul_body_text text;
};

static haul_rc take(reading *r, const char *p, size_t n, haul_err *e);

/* ── leaves ── */

static haul_rc file_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    reading *r = (reading *)((char *)o - offsetof(reading, file));
    r->part.size += n;
    haul_sniff_feed(&r->sniff, p, n);
    return r->file_to ? haul_out_write(r->file_to, p, n, e) : HAUL_OK;
}

static haul_rc nowhere(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)o;
    (void)p;
    (void)n;
    (void)e;
    return HAUL_OK;
}
static haul_out nothing = {nowhere};

/* The innermost multipart/alternative, NULL = none. */
static haul_level *alternative(reading *r)
{
    for (size_t i = r->levels.depth; i > 0; i--)
        if (r->levels.v[i - 1].alternative)
            return &r->levels.v[i - 1];
    return NULL;
}

static leaf leaf_of(reading *r, const haul_piece *e)
{
    const haul_part *p = &r->part;
    const haul_level *in = r->levels.depth ? &r->levels.v[r->levels.depth - 1] : NULL;
    bool plain = strcmp(e->type, "text/plain") == 0, html = strcmp(e->type, "text/html") == 0;
    if (strncmp(e->type, "text/", 5) != 0 || strcmp(p->disposition, "attachment") == 0 ||
        (*p->name && r->leaves > 1))
        return ATTACHMENT;
    if ((plain && !r->plain_seen) || (html && !r->html_seen)) {
        r->plain_seen |= plain;
        r->html_seen |= html;
        const haul_level *l = alternative(r);
        return l && l->has_text ? BESIDE : TEXT;
    }
    return in && in->alternative && !plain && !html ? BESIDE : ATTACHMENT;
}

static haul_rc begin_file(reading *r, haul_err *e)
{
    r->sniff = (haul_sniff){0};
    r->file_to = NULL;
    if (!r->to->begin)
        return HAUL_OK;
    return r->to->begin(r->to->ctx, &r->part, &r->file_to, e);
}

static void number_part(reading *r)
{
    haul_auto_str path = {0};
    haul_levels_path(&r->levels, &path);
    r->part.path = path.len ? haul_arena_strn(&r->arena, path.p, path.len) : "1";
}

static haul_rc begin_leaf(reading *r, const haul_piece *e, haul_err *err)
{
    bool known, encrypted = r->levels.depth && r->levels.v[r->levels.depth - 1].encrypted;
    haul_decoding how = haul_part_decoding(e, &known);
    haul_arena_reset(&r->arena);
    r->part = (haul_part){0};
    r->leaves++;
    number_part(r);
    haul_part_describe(e, &r->arena, &r->part);
    r->part.encrypted |= encrypted;
    r->part.undecodable |= !known;
    r->leaf = leaf_of(r, e);
    r->open = true;
    r->where = IN_LEAF;
    if (r->leaf == TEXT)
        haul_body_text_begin(&r->text, e);
    haul_decode_init(&r->decode, how,
                     r->leaf == TEXT     ? &r->text.out
                     : r->leaf == BESIDE ? &nothing
                                         : &r->file);
    return r->leaf == ATTACHMENT ? begin_file(r, err) : HAUL_OK;
}

static haul_rc end_text(reading *r, haul_err *e)
{
    haul_rc rc = haul_body_text_end(&r->text, e);
    haul_level *l = alternative(r);
    r->said.text_undecodable |= r->part.undecodable;
    if (l)
        l->has_text |= r->text.any;
    return rc;
}

static haul_rc end_leaf(reading *r, haul_err *e)
{
    if (!r->open)
        return HAUL_OK;
    r->open = false;
    haul_rc rc = haul_decode_end(&r->decode, e);
    r->part.undecodable |= r->decode.broken;
    haul_decode_done(&r->decode);
    if (rc == HAUL_OK && r->leaf == TEXT)
        rc = end_text(r, e);
    if (rc != HAUL_OK || r->leaf != ATTACHMENT)
        return rc;
    r->part.encrypted |= haul_sniff_encrypted(&r->sniff, r->part.name);
    return r->to->end ? r->to->end(r->to->ctx, &r->part, e) : HAUL_OK;
}

/* ── entities ── */

/* From here on nothing is looked at any more. */
static haul_rc begin_rest(reading *r, haul_err *e)
{
    haul_arena_reset(&r->arena);
    r->part = (haul_part){.type = "application/octet-stream",
                          .name = "",
                          .content_id = "",
                          .disposition = "attachment",
                          .undecodable = true};
    number_part(r);
    haul_levels_close(&r->levels, 0);
    r->said.too_many = true;
    r->where = IN_REST;
    r->leaf = ATTACHMENT;
    r->open = true;
    haul_decode_init(&r->decode, HAUL_DECODE_NONE, &r->file);
    return begin_file(r, e);
}

/* "Content-Type: text": no type (RFC 2045 5.2), but plain enough. */
static bool is_bare_text(const haul_piece *e)
{
    haul_span v;
    if (!e->typed || !haul_header_find(e->header.p, e->header.len, "content-type", &v))
        return false;
    v = haul_span_trim(v);
    return haul_istarts(v.p, v.len, "text") && (v.len == 4 || strchr(" \t;", v.p[4]));
}

static void call_text(haul_piece *e)
{
    e->class = HAUL_WALK_TEXT;
    memcpy(e->type, "text/plain", sizeof("text/plain"));
}

static haul_rc begin_entity(reading *r, haul_span header, haul_err *err)
{
    haul_piece e = {.entity = true, .header = header, .message = r->entities == 1};
    if (haul_entity_read(&r->levels, &e)) {
        if (is_bare_text(&e))
            call_text(&e);
        return begin_leaf(r, &e, err);
    }
    r->where = BETWEEN;
    r->pending = true;
    haul_str_clear(&r->preamble);
    haul_str_clear(&r->multipart);
    haul_str_add(&r->multipart, header.p, header.len);
    return HAUL_OK;
}

/* A multipart without parts, the innermost: what was taken for its preamble is all there is of it. Of the message itself
 * it is the text. */
static haul_rc no_parts(reading *r, haul_err *err)
{
    size_t outside = r->levels.depth - 1;
    haul_piece e = {
        .entity = true, .header = {haul_strz(&r->multipart), r->multipart.len}, .message = !outside};
    r->pending = false;
    r->said.no_parts = true;
    haul_levels_close(&r->levels, outside);
    haul_entity_read(&r->levels, &e);
    haul_levels_close(&r->levels, outside);
    if (e.message)
        call_text(&e);
    haul_rc rc = begin_leaf(r, &e, err);
    return rc == HAUL_OK ? haul_out_write(&r->decode.out, haul_strz(&r->preamble), r->preamble.len, err) : rc;
}

/* The header section is seen whole; what was taken for it and is text is read again. */
static haul_rc end_header(reading *r, haul_err *e)
{
    haul_auto_str seen = r->header;
    bool blank;
    r->header = (haul_str){0};
    r->fresh = true;
    r->n_eol = 0;
    if (++r->entities > HAUL_PARTS_MAX) {
        haul_rc rc = begin_rest(r, e);
        return rc == HAUL_OK ? take(r, haul_strz(&seen), seen.len, e) : rc;
    }
    size_t n = haul_entity_header(&r->levels, haul_strz(&seen), seen.len, &blank), behind = n;
    if (blank) {
        const char *lf = memchr(seen.p + n, '\n', seen.len - n);
        behind = lf ? (size_t)(lf - seen.p) + 1 : seen.len;
    }
    haul_rc rc = begin_entity(r, (haul_span){haul_strz(&seen), n}, e);
    return rc == HAUL_OK ? take(r, haul_strz(&seen) + behind, seen.len - behind, e) : rc;
}

static bool is_blank(const haul_str *s)
{
    return !haul_span_trim((haul_span){haul_strz(s), s->len}).len;
}

static haul_rc on_delimiter(reading *r, size_t level, bool last, haul_err *e)
{
    bool without = r->pending && (level < r->levels.depth || last) && !is_blank(&r->preamble);
    haul_rc rc = without ? no_parts(r, e) : HAUL_OK;
    r->pending = false;
    if (rc == HAUL_OK)
        rc = end_leaf(r, e);
    r->n_eol = 0;
    haul_levels_close(&r->levels, level - last);
    r->where = last ? BETWEEN : IN_HEADER;
    r->fresh = true;
    r->line = 0;
    if (!last)
        r->levels.v[level - 1].parts++;
    return rc;
}

/* A line of a header section is seen whole. Two delimiters one behind the other have no part between them. */
static haul_rc header_line(reading *r, haul_err *e)
{
    const char *line = r->header.p + r->line;
    size_t begin = r->line, n = r->header.len - begin;
    bool last = false;
    size_t level = haul_levels_match(&r->levels, line, n, &last);
    r->line = r->header.len;
    if (level && !begin) {
        haul_str_clear(&r->header);
        return on_delimiter(r, level, last, e);
    }
    bool goes_on = !level && haul_line_is(line, n) != HAUL_LINE_BLANK && r->header.len < HAUL_HEAD_MAX;
    return goes_on ? HAUL_OK : end_header(r, e);
}

/* Octets of a header section, as many as belong to one line. */
static haul_rc take_header(reading *r, const char *p, size_t n, size_t *ret_used, haul_err *e)
{
    const char *lf = memchr(p, '\n', n);
    size_t used = lf ? (size_t)(lf - p) + 1 : n;
    haul_str_add(&r->header, p, used);
    *ret_used = used;
    if (lf)
        return header_line(r, e);
    return r->header.len < HAUL_HEAD_MAX ? HAUL_OK : end_header(r, e);
}

/* ── lines of contents ── */

static haul_rc put(reading *r, const char *p, size_t n, haul_err *e)
{
    if (r->pending) {
        size_t room = HAUL_PARTS_PREAMBLE - r->preamble.len;
        haul_str_add(&r->preamble, p, n < room ? n : room);
        if (n <= room)
            return HAUL_OK;
        haul_rc rc = no_parts(r, e);
        p += room;
        n -= room;
        if (rc != HAUL_OK)
            return rc;
    }
    return r->open ? haul_out_write(&r->decode.out, p, n, e) : HAUL_OK;
}

/* Contents, of which the last line end is held back: it belongs to a delimiter that may follow. */
static haul_rc content(reading *r, const char *p, size_t n, haul_err *e)
{
    char both[4];
    size_t len = n;
    const char *from = p;
    haul_rc rc = HAUL_OK;
    if (!n || (!r->levels.depth && !r->n_eol))
        return put(r, p, n, e);
    if (n == 1) { /* perhaps the second half of what is held */
        memcpy(both, r->eol, r->n_eol);
        both[r->n_eol] = *p;
        from = both;
        len = r->n_eol + 1;
    } else {
        rc = put(r, r->eol, r->n_eol, e);
    }
    size_t keep = len && from[len - 1] == '\n' ? 1 : 0;
    keep += len > keep && from[len - 1 - keep] == '\r' && (keep || from[len - 1] == '\r');
    if (rc == HAUL_OK)
        rc = put(r, from, len - keep, e);
    memcpy(r->eol, from + len - keep, keep);
    r->n_eol = keep;
    return rc;
}

static haul_rc take_line(reading *r, const char *p, size_t n, haul_err *e)
{
    bool last = false;
    size_t level = haul_levels_match(&r->levels, p, n, &last);
    if (level)
        return on_delimiter(r, level, last, e);
    r->fresh = p[n - 1] == '\n';
    return content(r, p, n, e);
}

/* A line that begins with "-", or what is there of it. */
static haul_rc take_dashes(reading *r, const char *p, size_t n, size_t *ret_used, haul_err *e)
{
    const char *lf = memchr(p, '\n', n);
    size_t used = lf ? (size_t)(lf - p) + 1 : n;
    *ret_used = used;
    if (lf && !r->dash.len)
        return take_line(r, p, used, e);
    haul_str_add(&r->dash, p, used);
    if (!lf && r->dash.len < DASHES_MAX)
        return HAUL_OK;
    haul_auto_str line = r->dash;
    r->dash = (haul_str){0};
    return take_line(r, line.p, line.len, e);
}

/* Octets in front of the next line that begins with "-". */
static size_t run(const char *p, size_t n)
{
    const char *at = p, *end = p + n;
    while ((at = memchr(at, '\n', (size_t)(end - at)))) {
        at++;
        if (at == end || *at == '-')
            return (size_t)(at - p);
    }
    return n;
}

static haul_rc take_contents(reading *r, const char *p, size_t n, size_t *ret_used, haul_err *e)
{
    if (r->dash.len || (r->fresh && *p == '-' && r->levels.depth))
        return take_dashes(r, p, n, ret_used, e);
    *ret_used = r->levels.depth ? run(p, n) : n;
    r->fresh = p[*ret_used - 1] == '\n';
    return content(r, p, *ret_used, e);
}

static haul_rc take(reading *r, const char *p, size_t n, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    while (n && rc == HAUL_OK) {
        size_t used = n;
        if (r->where == IN_HEADER)
            rc = take_header(r, p, n, &used, e);
        else
            rc = take_contents(r, p, n, &used, e);
        p += used;
        n -= used;
    }
    return rc;
}

/* ── the whole ── */

static haul_rc message_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    return take((reading *)o, p, n, e);
}

haul_parts *haul_parts_new(const haul_parts_reader *to)
{
    haul_parts *r = haul_calloc(1, sizeof(*r));
    r->in.write = message_write;
    r->file.write = file_write;
    r->to = to;
    r->text.to = to->text;
    return r;
}

void haul_parts_free(haul_parts *r)
{
    if (!r)
        return;
    if (r->open)
        haul_decode_done(&r->decode);
    haul_levels_close(&r->levels, 0);
    haul_str_done(&r->header);
    haul_str_done(&r->multipart);
    haul_str_done(&r->preamble);
    haul_str_done(&r->dash);
    haul_body_text_done(&r->text);
    haul_arena_done(&r->arena);
    free(r);
}

haul_out *haul_parts_out(haul_parts *r)
{
    return &r->in;
}

/* The last line may lack its end. Behind the last delimiter there need be no part. */
static haul_rc finish(reading *r, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    if (r->where == IN_HEADER && (r->header.len || !r->entities))
        rc = r->header.len > r->line && r->entities ? header_line(r, e) : end_header(r, e);
    if (rc == HAUL_OK && r->where == IN_HEADER && r->header.len)
        rc = end_header(r, e);
    if (rc == HAUL_OK && r->dash.len) {
        haul_auto_str line = r->dash;
        r->dash = (haul_str){0};
        rc = take_line(r, line.p, line.len, e);
    }
    r->said.cut_off = r->levels.depth > 0;
    if (rc == HAUL_OK)
        rc = put(r, r->eol, r->n_eol, e);
    if (rc == HAUL_OK && r->pending && !is_blank(&r->preamble))
        rc = no_parts(r, e);
    return rc == HAUL_OK ? end_leaf(r, e) : rc;
}

haul_rc haul_parts_finish(haul_parts *r, haul_err *e)
{
    haul_rc rc = finish(r, e);
    r->said.text_cut = r->text.cut;
    r->said.text_encrypted = r->text.encrypted;
    r->said.text_undecodable |= r->text.undecodable;
    if (r->to->said)
        *r->to->said = r->said;
    return rc;
}

haul_rc haul_parts_read(haul_spool *body, const haul_parts_reader *to, haul_err *e)
{
    haul_auto(haul_parts) *r = haul_parts_new(to);
    if (!haul_spool_get_facts(body)->size)
        return haul_fail(e, HAUL_SKIP, "the message is empty");
    haul_rc rc = haul_spool_copy(body, HAUL_EOL_KEEP, &r->in, e);
    return rc == HAUL_OK ? haul_parts_finish(r, e) : rc;
}
