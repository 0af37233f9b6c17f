#include "mime/walk.h"

#include "base/charset.h"
#include "base/err.h"
#include "mime/header.h"

#include <gmime/gmime.h>
#include <stdlib.h>
#include <string.h>

typedef struct level { /* an open multipart */
    char *boundary;
    size_t len;
    bool digest, is_signed;
    unsigned parts;
} level;

typedef enum expect { EXPECT_MESSAGE, EXPECT_PART, EXPECT_BETWEEN, EXPECT_END } expect;

struct haul_walk {
    const char *p;
    size_t n, at;
    expect next;
    level levels[HAUL_WALK_DEPTH];
    size_t depth;
    void (*watch)(void *ctx, size_t at);
    void *watch_ctx;
    size_t told;
};

static void tell(haul_walk *w, size_t at)
{
    if (!w->watch || at < w->told + HAUL_WALK_STEP)
        return;
    w->told = at;
    w->watch(w->watch_ctx, at);
}

/* ── lines ── */

static bool is_ftext(char c)
{
    return (c > 32 && c < 127 && c != ':') || !c;
}

haul_line_kind haul_line_is(const char *p, size_t n)
{
    size_t i = 0;
    while (n && (p[n - 1] == '\n' || p[n - 1] == '\r'))
        n--;
    if (!n)
        return HAUL_LINE_BLANK;
    for (; n && !*p; p++)
        n--;
    if (!n)
        return HAUL_LINE_OTHER;
    if (*p == ' ' || *p == '\t')
        return HAUL_LINE_FOLD;
    while (i < n && is_ftext(p[i]))
        i++;
    size_t name = i;
    while (i < n && (p[i] == ' ' || p[i] == '\t'))
        i++;
    if (name && i < n && p[i] == ':')
        return HAUL_LINE_FIELD;
    return n >= 5 && memcmp(p, "From ", 5) == 0 ? HAUL_LINE_FROM : HAUL_LINE_OTHER;
}

static size_t line_end(const haul_walk *w, size_t at)
{
    const char *lf = memchr(w->p + at, '\n', w->n - at);
    return lf ? (size_t)(lf - w->p) + 1 : w->n;
}

/* The open multipart whose delimiter the line at `at` is (the innermost, from 1), 0 = none. */
static size_t delimiter_of(const haul_walk *w, size_t at, size_t end, bool *ret_last)
{
    const char *p = w->p + at;
    size_t n = end - at;
    if (!w->depth || n < 3 || p[0] != '-' || p[1] != '-')
        return 0;
    while (n && strchr(" \t\r\n", p[n - 1]) && p[n - 1])
        n--;
    for (size_t i = w->depth; i > 0; i--) {
        const level *l = &w->levels[i - 1];
        bool last = n == l->len + 4 && p[n - 1] == '-' && p[n - 2] == '-';
        if ((n != l->len + 2 && !last) || memcmp(p + 2, l->boundary, l->len) != 0)
            continue;
        *ret_last = last;
        return i;
    }
    return 0;
}

/* ── what the header says ── */

static void flatten(haul_span v, haul_str *to)
{
    haul_str_room(to, v.len);
    for (size_t i = 0; i < v.len; i++)
        if (v.p[i] && v.p[i] != '\r' && v.p[i] != '\n')
            haul_str_addc(to, v.p[i]);
}

static GMimeContentType *parse_type(haul_span header, bool *ret_typed)
{
    haul_span value;
    haul_auto_str flat = {0};
    *ret_typed = haul_header_find(header.p, header.len, "content-type", &value);
    if (!*ret_typed || value.len > HAUL_WALK_FIELD)
        return NULL;
    flatten(value, &flat);
    g_mime_init();
    return g_mime_content_type_parse(NULL, haul_strz(&flat));
}

/* Encodings that are in use and of which we know no more. What else is no encoding ("8bits", "plain") changes nothing:
 * readers show such contents as they are. */
static bool is_foreign(haul_span value)
{
    return haul_istarts(value.p, value.len, "x-") || haul_istarts(value.p, value.len, "uu") ||
           haul_istarts(value.p, value.len, "binhex") || haul_istarts(value.p, value.len, "mac-") ||
           haul_istarts(value.p, value.len, "yenc");
}

static haul_walk_encoding encoding_of(haul_span header)
{
    haul_span value;
    if (!haul_header_find(header.p, header.len, "content-transfer-encoding", &value))
        return HAUL_WALK_PLAIN;
    value = haul_span_trim(value);
    for (size_t i = 0; i < value.len; i++)
        if (strchr(" \t\r\n;(", value.p[i])) /* NUL included */
            value.len = i;
    if (haul_span_is(value, "quoted-printable"))
        return HAUL_WALK_QP;
    if (haul_span_is(value, "base64"))
        return HAUL_WALK_BASE64;
    if (haul_span_is(value, "binary"))
        return HAUL_WALK_BINARY;
    return is_foreign(value) ? HAUL_WALK_UNKNOWN : HAUL_WALK_PLAIN;
}

static void name_type(haul_piece *e, const char *major, const char *minor)
{
    haul_auto_str text = {0};
    haul_str_addf(&text, "%s/%s", major ? major : "text", minor ? minor : "plain");
    size_t n = 0;
    for (; n < text.len && n < sizeof(e->type) - 1; n++)
        e->type[n] = text.p[n] > 32 && text.p[n] < 127 ? (char)haul_lower(text.p[n]) : '?';
    e->type[n] = '\0';
}

static bool is_wide(unsigned cp)
{
    return cp == 1200 || cp == 1201 || cp == 12000 || cp == 12001;
}

static haul_walk_class class_of(const haul_piece *e, const char *charset)
{
    if (strncmp(e->type, "text/", 5) == 0) {
        bool wide = is_wide(e->cp) || (charset && (haul_istarts(charset, strlen(charset), "utf-16") ||
                                                   haul_istarts(charset, strlen(charset), "utf-32") ||
                                                   haul_istarts(charset, strlen(charset), "ucs-") ||
                                                   haul_istarts(charset, strlen(charset), "iso-10646")));
        return wide ? HAUL_WALK_WIDE : HAUL_WALK_TEXT;
    }
    if (strncmp(e->type, "message/", 8) == 0)
        return HAUL_WALK_MESSAGE;
    return strncmp(e->type, "multipart/", 10) == 0 ? HAUL_WALK_MULTIPART : HAUL_WALK_OCTETS;
}

static void open_level(haul_walk *w, const haul_piece *e, const char *boundary)
{
    level *l = &w->levels[w->depth++];
    *l = (level){.boundary = haul_strdup(boundary),
                 .len = strlen(boundary),
                 .digest = strcmp(e->type, "multipart/digest") == 0,
                 .is_signed = strcmp(e->type, "multipart/signed") == 0};
    while (l->len && (l->boundary[l->len - 1] == ' ' || l->boundary[l->len - 1] == '\t'))
        l->len--;
}

/* Type and encoding of the entity; opens its multipart. True when it is a leaf. */
static bool read_header(haul_walk *w, haul_piece *e)
{
    GMimeContentType *type = parse_type(e->header, &e->typed);
    const char *charset = type ? g_mime_content_type_get_parameter(type, "charset") : NULL;
    const char *boundary = type ? g_mime_content_type_get_parameter(type, "boundary") : NULL;
    bool digest = w->depth && w->levels[w->depth - 1].digest && !e->message;
    if (type)
        name_type(e, g_mime_content_type_get_media_type(type), g_mime_content_type_get_media_subtype(type));
    else
        name_type(e,
                  e->typed ? "application"
                  : digest ? "message"
                           : "text",
                  e->typed ? "octet-stream"
                  : digest ? "rfc822"
                           : "plain");
    e->cp = charset ? haul_codepage_find(charset, strlen(charset)) : 0;
    e->encoding = encoding_of(e->header);
    e->class = class_of(e, charset);
    bool plain = e->encoding == HAUL_WALK_PLAIN || e->encoding == HAUL_WALK_BINARY;
    e->leaf = true;
    if (e->class == HAUL_WALK_MULTIPART && boundary && *boundary && w->depth < HAUL_WALK_DEPTH) {
        open_level(w, e, boundary);
        e->leaf = !w->levels[w->depth - 1].len;
        if (e->leaf)
            free(w->levels[--w->depth].boundary);
    } else if (plain && (strcmp(e->type, "message/rfc822") == 0 || strcmp(e->type, "message/global") == 0)) {
        e->leaf = false;
    }
    if (type)
        g_object_unref(type);
    return e->leaf;
}

/* ── pieces ── */

typedef struct section { /* a header section while its lines are looked at */
    size_t text;         /* its first line that is no field; SIZE_MAX = none */
    bool field_before, field_after;
} section;

/* End of the header section at w->at: in front of an empty line, a delimiter, or the text where no empty line is. */
static size_t find_header_end(haul_walk *w, bool *ret_blank)
{
    section s = {.text = SIZE_MAX};
    size_t at = w->at;
    *ret_blank = false;
    while (at < w->n && !*ret_blank) {
        bool last;
        size_t end = line_end(w, at);
        haul_line_kind kind = haul_line_is(w->p + at, end - at);
        if (kind == HAUL_LINE_BLANK) {
            *ret_blank = true;
            break;
        }
        if (delimiter_of(w, at, end, &last))
            break;
        if (kind == HAUL_LINE_OTHER && s.text == SIZE_MAX)
            s.text = at;
        else if (kind == HAUL_LINE_FIELD)
            *(s.text == SIZE_MAX ? &s.field_before : &s.field_after) = true;
        tell(w, at = end);
    }
    if (s.text == SIZE_MAX || s.field_after || (*ret_blank && s.field_before))
        return at;
    *ret_blank = false;
    return s.text;
}

static void number_part(const haul_walk *w, haul_piece *e)
{
    haul_auto_str path = {0};
    for (size_t i = 0; i < w->depth && path.len < HAUL_WALK_PATH; i++)
        haul_str_addf(&path, "%s%u", i ? "." : "", w->levels[i].parts);
    size_t n = path.len < HAUL_WALK_PATH ? path.len : HAUL_WALK_PATH - 1;
    memcpy(e->path, haul_strz(&path), n);
    e->path[n] = '\0';
    for (size_t i = 0; i < w->depth; i++)
        e->is_signed |= w->levels[i].is_signed;
}

/* The next delimiter at or behind `at`: where its line begins, or the end of the message. */
static size_t find_delimiter(haul_walk *w, size_t at, size_t *ret_level, bool *ret_last)
{
    *ret_level = 0;
    if (!w->depth)
        return w->n;
    while (at < w->n) {
        size_t end = line_end(w, at);
        *ret_level = delimiter_of(w, at, end, ret_last);
        if (*ret_level)
            return at;
        tell(w, at = end);
    }
    return w->n;
}

static void take_leaf(haul_walk *w, haul_piece *e)
{
    size_t found;
    bool last;
    size_t end = find_delimiter(w, w->at, &found, &last), stop = end;
    e->delimited = found;
    if (found && stop > w->at && w->p[stop - 1] == '\n')
        stop--;
    if (found && stop < end && stop > w->at && w->p[stop - 1] == '\r')
        stop--;
    e->body = (haul_span){w->p + w->at, stop - w->at};
    w->at = stop;
    w->next = EXPECT_BETWEEN;
}

static void take_entity(haul_walk *w, haul_piece *e)
{
    bool blank;
    *e = (haul_piece){.entity = true, .message = w->next == EXPECT_MESSAGE, .depth = (unsigned)w->depth};
    size_t end = find_header_end(w, &blank), stop = blank ? line_end(w, end) : end;
    number_part(w, e);
    e->header = (haul_span){w->p + w->at, end - w->at};
    e->blank = (haul_span){w->p + end, stop - end};
    w->at = stop;
    if (read_header(w, e))
        take_leaf(w, e);
    else
        w->next = e->class == HAUL_WALK_MESSAGE ? EXPECT_MESSAGE : EXPECT_BETWEEN;
    if (!e->leaf)
        e->body = (haul_span){w->p + stop, 0};
}

static void close_levels(haul_walk *w, size_t depth)
{
    while (w->depth > depth)
        free(w->levels[--w->depth].boundary);
}

static void take_between(haul_walk *w, haul_piece *e)
{
    size_t found;
    bool last = false;
    size_t start = find_delimiter(w, w->at, &found, &last), end = found ? line_end(w, start) : start;
    *e = (haul_piece){.between = {w->p + w->at, start - w->at}, .delimiter = {w->p + start, end - start}};
    w->at = end;
    if (!found) {
        w->next = EXPECT_END;
        return;
    }
    close_levels(w, found - last);
    e->depth = (unsigned)w->depth;
    e->last = last;
    if (last)
        return;
    level *l = &w->levels[found - 1];
    l->parts++;
    w->next = EXPECT_PART;
}

haul_walk *haul_walk_new(haul_span message)
{
    haul_walk *w = haul_calloc(1, sizeof(*w));
    w->p = message.p;
    w->n = message.len;
    return w;
}

void haul_walk_watch(haul_walk *w, void (*fn)(void *ctx, size_t at), void *ctx)
{
    w->watch = fn;
    w->watch_ctx = ctx;
}

void haul_walk_free(haul_walk *w)
{
    if (!w)
        return;
    close_levels(w, 0);
    free(w);
}

bool haul_walk_next(haul_walk *w, haul_piece *ret)
{
    if (w->next == EXPECT_END || w->at > w->n)
        return false;
    if (w->next == EXPECT_BETWEEN) {
        if (w->at == w->n)
            return false;
        take_between(w, ret);
        return true;
    }
    take_entity(w, ret);
    return true;
}
