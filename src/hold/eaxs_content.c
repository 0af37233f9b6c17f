/* What is in a leaf: a file of the package, text, base64, or, where none of it can be, a word about it. */
#include "hold/eaxs.h"

#include "base/charset.h"
#include "mime/parts.h"

#include <string.h>

#define CHUNK (64u * 1024u)    /* octets decoded at a time */
#define LINES (2 * CHUNK + 64) /* characters of base64 at a time: half a CHUNK, in lines of 72 */

typedef struct leaf {
    const haul_piece *p;
    haul_eaxs_mime m;
    uint64_t size; /* octets decoded */
    uint8_t sha256[HAUL_SHA256_LEN];
    haul_decoding how;
    bool known;    /* how it is encoded; else its octets are left as they are */
    bool attached; /* said to be an attachment */
    bool body;     /* the text a reader is shown */
    const haul_doc *doc;
    int state, save; /* of base64, while it is written */
} leaf;

/* ── decoding ── */

typedef struct taker { /* gets a content decoded, piece by piece */
    haul_out out;
    haul_eaxs *x;
    leaf *l;
} taker;

/* False: octets that its transfer encoding has not were among it. */
static bool decode(haul_eaxs *x, leaf *l, haul_rc (*fn)(haul_out *o, const void *p, size_t n, haul_err *e))
{
    haul_err e = {0};
    haul_decode d;
    haul_rc rc = HAUL_OK;
    taker t = {.out = {fn}, .x = x, .l = l};
    haul_decode_init(&d, l->how, &t.out);
    for (size_t at = 0, n; at < l->p->body.len && rc == HAUL_OK; at += n) {
        n = l->p->body.len - at < CHUNK ? l->p->body.len - at : CHUNK;
        rc = haul_out_write(&d.out, l->p->body.p + at, n, &e);
        if (at / HAUL_WALK_STEP != (at + n) / HAUL_WALK_STEP)
            haul_eaxs_native_drop(&x->native, l->p->body.p + at);
    }
    if (rc == HAUL_OK)
        rc = haul_decode_end(&d, &e);
    if (rc != HAUL_OK)
        haul_eaxs_fail(x, rc, &e);
    bool good = !d.broken;
    haul_decode_done(&d);
    return good;
}

static haul_rc measure_some(haul_out *o, const void *p, size_t n, haul_err *e)
{
    taker *t = (taker *)o;
    (void)e;
    t->l->size += n;
    haul_sha256_update(t->x->sha, p, n);
    if (t->l->size <= HAUL_EAXS_TEXT)
        haul_str_add(&t->x->kept, p, n);
    return HAUL_OK;
}

static void measure(haul_eaxs *x, leaf *l)
{
    haul_str_clear(&x->kept);
    l->how = haul_part_decoding(l->p, &l->known);
    if (!decode(x, l, measure_some))
        haul_eaxs_incomplete_add(x, "TransferEncoding", "part %s: octets that %.80s has not", l->p->path,
                                 l->m.encoding);
    if (!l->known)
        haul_eaxs_incomplete_add(x, "TransferEncoding", "part %s: %.80s is left as it is", l->p->path,
                                 l->m.encoding);
    haul_sha256_final(x->sha, l->sha256);
}

/* ── which document it is ── */

static void use(haul_eaxs *x, size_t i)
{
    x->used[i] = true;
    while (x->cursor < x->family->n && x->used[x->cursor])
        x->cursor++;
}

static const char *name_of(const haul_eaxs_mime *m)
{
    return *m->file_name ? m->file_name : m->name;
}

/* Where it was decoded in another way: the next one, when type and name say that it is this. */
static const haul_doc *next_alike(haul_eaxs *x, const leaf *l)
{
    const char *name = name_of(&l->m);
    if (x->cursor >= x->family->n || (l->p->class == HAUL_WALK_TEXT && !l->attached && !*name))
        return NULL;
    const haul_doc *d = &x->family->docs[x->cursor];
    if (!*d->native || haul_icmp(d->mime_type, *l->m.type ? l->m.type : l->p->type) != 0 ||
        (*name && *d->file_name && strcmp(name, d->file_name) != 0))
        return NULL;
    use(x, x->cursor);
    return d;
}

static bool has_octets(const haul_doc *d, const leaf *l)
{
    return *d->native && d->size == l->size && memcmp(d->sha256, l->sha256, HAUL_SHA256_LEN) == 0;
}

static const haul_doc *find_document(haul_eaxs *x, const leaf *l)
{
    for (size_t i = x->cursor; i < x->family->n && i < x->cursor + HAUL_EAXS_WINDOW; i++) {
        const haul_doc *d = &x->family->docs[i];
        if (x->used[i] || !has_octets(d, l))
            continue;
        use(x, i);
        return d;
    }
    return next_alike(x, l);
}

const haul_doc *haul_eaxs_take_message(haul_eaxs *x, const char *type)
{
    for (size_t i = x->cursor; i < x->family->n && i < x->cursor + HAUL_EAXS_WINDOW; i++) {
        const haul_doc *d = &x->family->docs[i];
        if (x->used[i] || haul_icmp(d->mime_type, type) != 0)
            continue;
        use(x, i);
        return d;
    }
    return NULL;
}

/* As haul_parts_read has it, which took the attachments out (mime/facts.h): the first text/plain and text/html that are no
 * attachments, and other texts beside them in a multipart/alternative. */
static bool is_body(haul_eaxs *x, const leaf *l)
{
    bool plain = strcmp(l->p->type, "text/plain") == 0, html = strcmp(l->p->type, "text/html") == 0;
    if (x->in_child || strncmp(l->p->type, "text/", 5) != 0 || l->attached ||
        (*name_of(&l->m) && x->n_leaves > 1))
        return false;
    if ((plain && !x->seen_plain) || (html && !x->seen_html)) {
        x->seen_plain |= plain;
        x->seen_html |= html;
        return true;
    }
    return x->n_frames && x->frames[x->n_frames - 1].alternative && !plain && !html;
}

/* ── writing ── */

static void digest(haul_eaxs *x, const uint8_t sha256[HAUL_SHA256_LEN], uint64_t size)
{
    haul_eaxs_hash(x, sha256);
    haul_eaxs_number(x, "Size", (int64_t)size);
}

static void external(haul_eaxs *x, const leaf *l)
{
    haul_eaxs_open(x, "ExtBodyContent");
    haul_eaxs_path(x, "RelPath", "", l->doc->native);
    if (l->p->encoding == HAUL_WALK_BASE64 || l->p->encoding == HAUL_WALK_QP)
        haul_eaxs_z(x, "TransferEncoding",
                    "binary"); /* the file is decoded; left out, that of the part would count */
    haul_eaxs_number(x, "LocalId", l->doc->row);
    haul_eaxs_z(x, "XMLWrapped", "false");
    digest(x, l->doc->sha256, l->doc->size);
    haul_eaxs_close(x);
}

/* CRLF becomes LF, as every reader of XML would make it. */
static void lf_only(haul_str *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->len; i++)
        if (s->p[i] != '\r' || i + 1 >= s->len || s->p[i + 1] != '\n')
            s->p[n++] = s->p[i];
    s->len = n;
    if (s->p)
        s->p[n] = '\0';
}

/* x->text: the content as characters. False: it is none, or one of them may not stand in XML. */
static bool as_text(haul_eaxs *x, const leaf *l)
{
    bool textual = l->p->class == HAUL_WALK_TEXT || l->p->class == HAUL_WALK_WIDE ||
                   l->p->class == HAUL_WALK_MESSAGE || !l->known;
    haul_str_clear(&x->text);
    if (!textual || l->size > HAUL_EAXS_TEXT)
        return false;
    if (!l->p->cp)
        haul_str_add(&x->text, x->kept.p, x->kept.len);
    else if (haul_charset_decode(l->p->cp, haul_strz(&x->kept), x->kept.len, &x->text) > 0)
        return false;
    if (!haul_eaxs_fits(haul_strz(&x->text), x->text.len))
        return false;
    lf_only(&x->text);
    return true;
}

static void inline_text(haul_eaxs *x, const leaf *l)
{
    haul_eaxs_open(x, "BodyContent");
    haul_eaxs_text(x, "Content", "Content", haul_strz(&x->text), x->text.len);
    if (!l->known)
        haul_eaxs_z(x, "TransferEncoding", l->m.encoding);
    digest(x, l->sha256, l->size);
    haul_eaxs_close(x);
}

static haul_rc encode_some(haul_out *o, const void *p, size_t n, haul_err *e)
{
    taker *t = (taker *)o;
    (void)e;
    for (size_t at = 0, part; at < n; at += part) {
        part = n - at < CHUNK / 2 ? n - at : CHUNK / 2;
        size_t got =
            g_base64_encode_step((const guchar *)p + at, part, TRUE, t->x->lines, &t->l->state, &t->l->save);
        t->x->lines[got] = '\0';
        haul_eaxs_markup(t->x, t->x->lines);
    }
    return HAUL_OK;
}

static void inline_base64(haul_eaxs *x, leaf *l)
{
    if (!x->lines)
        x->lines = haul_alloc(LINES);
    l->state = l->save = 0;
    haul_eaxs_open(x, "BodyContent");
    haul_eaxs_open(x, "Content");
    (void)decode(x, l, encode_some);
    x->lines[g_base64_encode_close(TRUE, x->lines, &l->state, &l->save)] = '\0';
    haul_eaxs_markup(x, x->lines);
    haul_eaxs_close(x);
    if (*l->m.charset)
        haul_eaxs_z(x, "CharSet", l->m.charset);
    haul_eaxs_z(x, "TransferEncoding", "base64");
    digest(x, l->sha256, l->size);
    haul_eaxs_close(x);
}

static void content(haul_eaxs *x, leaf *l)
{
    bool text = !l->doc && as_text(x, l);
    if (!text && l->body)
        l->doc = find_document(x, l);
    if (l->doc)
        external(x, l);
    else if (text)
        inline_text(x, l);
    else if (l->size <= HAUL_EAXS_BASE64)
        inline_base64(x, l);
    else
        haul_eaxs_incomplete_add(x, "BodyContent", "part %s: its %llu octets are in the native file alone",
                                 l->p->path, (unsigned long long)l->size);
}

void haul_eaxs_leaf(haul_eaxs *x, const haul_piece *p)
{
    leaf l = {.p = p};
    haul_eaxs_mime_read(x, p, &l.m);
    measure(x, &l);
    l.attached = l.m.content_disposition && haul_icmp(l.m.disposition, "inline") != 0; /* RFC 2183 2.8 */
    x->n_leaves += !x->in_child;
    l.body = is_body(x, &l);
    if (!x->in_child && !l.body)
        l.doc = find_document(x, &l);
    haul_eaxs_open(x, "SingleBody");
    haul_eaxs_attr(x, "IsAttachment", l.doc || l.attached ? "true" : "false");
    haul_eaxs_mime_write(x, p, &l.m, false);
    content(x, &l);
    haul_eaxs_close(x);
    haul_eaxs_mime_done(&l.m);
}
