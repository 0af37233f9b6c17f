#include "mime/entity.h"

#include "base/charset.h"
#include "base/err.h"
#include "mime/header.h"

#include <gmime/gmime.h>
#include <stdlib.h>
#include <string.h>

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

static size_t line_end(const char *p, size_t n, size_t at)
{
    const char *lf = memchr(p + at, '\n', n - at);
    return lf ? (size_t)(lf - p) + 1 : n;
}

size_t haul_levels_match(const haul_levels *levels, const char *p, size_t n, bool *ret_last)
{
    if (!levels->depth || n < 3 || p[0] != '-' || p[1] != '-')
        return 0;
    while (n && strchr(" \t\r\n", p[n - 1]) && p[n - 1])
        n--;
    for (size_t i = levels->depth; i > 0; i--) {
        const haul_level *l = &levels->v[i - 1];
        bool last = n == l->len + 4 && p[n - 1] == '-' && p[n - 2] == '-';
        if ((n != l->len + 2 && !last) || memcmp(p + 2, l->boundary, l->len) != 0)
            continue;
        *ret_last = last;
        return i;
    }
    return 0;
}

void haul_levels_close(haul_levels *l, size_t depth)
{
    while (l->depth > depth)
        free(l->v[--l->depth].boundary);
}

void haul_levels_path(const haul_levels *l, haul_str *to)
{
    for (size_t i = 0; i < l->depth; i++)
        haul_str_addf(to, "%s%u", i ? "." : "", l->v[i].parts);
}

/* ── where the header ends ── */

typedef struct section { /* a header section while its lines are looked at */
    size_t text;         /* its first line that is no field; SIZE_MAX = none */
    bool field_before, field_after;
} section;

size_t haul_entity_header(const haul_levels *l, const char *p, size_t n, bool *ret_blank)
{
    section s = {.text = SIZE_MAX};
    size_t at = 0;
    *ret_blank = false;
    while (at < n && !*ret_blank) {
        bool last;
        size_t end = line_end(p, n, at);
        haul_line_kind kind = haul_line_is(p + at, end - at);
        if (kind == HAUL_LINE_BLANK) {
            *ret_blank = true;
            break;
        }
        if (haul_levels_match(l, p + at, end - at, &last))
            break;
        if (kind == HAUL_LINE_OTHER && s.text == SIZE_MAX)
            s.text = at;
        else if (kind == HAUL_LINE_FIELD)
            *(s.text == SIZE_MAX ? &s.field_before : &s.field_after) = true;
        at = end;
    }
    if (s.text == SIZE_MAX || s.field_after || (*ret_blank && s.field_before))
        return at;
    *ret_blank = false;
    return s.text;
}

/* ── what it says ── */

static void flatten(haul_span v, haul_str *to)
{
    haul_str_room(to, v.len);
    for (size_t i = 0; i < v.len; i++)
        if (v.p[i] && v.p[i] != '\r' && v.p[i] != '\n')
            haul_str_addc(to, v.p[i]);
}

typedef struct type { /* what a Content-Type field says; "" = nothing */
    haul_str major, minor, charset, boundary;
} type;

static void type_done(type *t)
{
    haul_str_done(&t->major);
    haul_str_done(&t->minor);
    haul_str_done(&t->charset);
    haul_str_done(&t->boundary);
    *t = (type){0};
}

static size_t blanks(const char *p)
{
    size_t n = 0;
    while (p[n] == ' ' || p[n] == '\t')
        n++;
    return n;
}

static haul_span take_token(const char **io)
{
    const char *from = *io;
    while (haul_is_alpha(**io) || haul_is_digit(**io) || (**io && strchr("-_.+", **io)))
        ++*io;
    return (haul_span){from, (size_t)(*io - from)};
}

/* Without what is escaped or encoded in it: such strings are empty here. */
static haul_span take_quoted(const char **io)
{
    const char *from = ++*io;
    while (**io >= ' ' && **io < 127 && **io != '"' && **io != '\\' && ((*io)[0] != '=' || (*io)[1] != '?'))
        ++*io;
    bool closed = **io == '"';
    return (haul_span){from, closed ? (size_t)((*io)++ - from) : 0};
}

static bool keep(haul_span name, haul_span value, type *t)
{
    haul_str *to = haul_span_is(name, "charset")    ? &t->charset
                   : haul_span_is(name, "boundary") ? &t->boundary
                                                    : NULL;
    if (to && to->len) /* one of two: GMime knows which */
        return false;
    if (to)
        haul_str_add(to, value.p, value.len);
    return true;
}

/* The form that nearly all fields have: type/subtype; name=value; name="value". */
static bool read_plain(const char *p, type *t)
{
    p += blanks(p);
    haul_span major = take_token(&p);
    if (!major.len || *p++ != '/')
        return false;
    haul_span minor = take_token(&p);
    for (p += blanks(p); minor.len && *p == ';'; p += blanks(p)) {
        p += 1 + blanks(p + 1);
        haul_span name = take_token(&p);
        if (!name.len || *p++ != '=')
            return false;
        haul_span value = *p == '"' ? take_quoted(&p) : take_token(&p);
        if (!value.len || !keep(name, value, t))
            return false;
    }
    haul_str_add(&t->major, major.p, major.len);
    haul_str_add(&t->minor, minor.p, minor.len);
    return minor.len && !*p;
}

static void copy(const char *z, const char *otherwise, haul_str *to)
{
    haul_str_addz(to, z ? z : otherwise);
}

/* False: GMime finds no type in it. */
static bool read_any(const char *p, type *t)
{
    g_mime_init();
    GMimeContentType *parsed = g_mime_content_type_parse(NULL, p);
    if (!parsed)
        return false;
    copy(g_mime_content_type_get_media_type(parsed), "text", &t->major);
    copy(g_mime_content_type_get_media_subtype(parsed), "plain", &t->minor);
    copy(g_mime_content_type_get_parameter(parsed, "charset"), "", &t->charset);
    copy(g_mime_content_type_get_parameter(parsed, "boundary"), "", &t->boundary);
    g_object_unref(parsed);
    return true;
}

static bool read_type(haul_span header, bool *ret_typed, type *t)
{
    haul_span value;
    haul_auto_str flat = {0};
    *ret_typed = haul_header_find(header.p, header.len, "content-type", &value);
    if (!*ret_typed || value.len > HAUL_WALK_FIELD)
        return false;
    flatten(value, &flat);
    if (read_plain(haul_strz(&flat), t))
        return true;
    type_done(t);
    return read_any(haul_strz(&flat), t);
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
    haul_str_addf(&text, "%s/%s", major, minor);
    size_t n = 0;
    for (; n < text.len && n < sizeof(e->type) - 1; n++)
        e->type[n] = text.p[n] > 32 && text.p[n] < 127 ? (char)haul_lower(text.p[n]) : '?';
    e->type[n] = '\0';
}

static bool is_wide(unsigned cp)
{
    return cp == 1200 || cp == 1201 || cp == 12000 || cp == 12001;
}

static haul_walk_class class_of(const haul_piece *e, haul_span charset)
{
    if (strncmp(e->type, "text/", 5) == 0) {
        bool wide = is_wide(e->cp) || haul_istarts(charset.p, charset.len, "utf-16") ||
                    haul_istarts(charset.p, charset.len, "utf-32") ||
                    haul_istarts(charset.p, charset.len, "ucs-") ||
                    haul_istarts(charset.p, charset.len, "iso-10646");
        return wide ? HAUL_WALK_WIDE : HAUL_WALK_TEXT;
    }
    if (strncmp(e->type, "message/", 8) == 0)
        return HAUL_WALK_MESSAGE;
    return strncmp(e->type, "multipart/", 10) == 0 ? HAUL_WALK_MULTIPART : HAUL_WALK_OCTETS;
}

static void open_level(haul_levels *levels, const haul_piece *e, const char *boundary)
{
    haul_level *l = &levels->v[levels->depth++];
    *l = (haul_level){.boundary = haul_strdup(boundary),
                      .len = strlen(boundary),
                      .digest = strcmp(e->type, "multipart/digest") == 0,
                      .is_signed = strcmp(e->type, "multipart/signed") == 0,
                      .alternative = strcmp(e->type, "multipart/alternative") == 0,
                      .encrypted = strcmp(e->type, "multipart/encrypted") == 0};
    while (l->len && (l->boundary[l->len - 1] == ' ' || l->boundary[l->len - 1] == '\t'))
        l->len--;
}

bool haul_entity_read(haul_levels *l, haul_piece *e)
{
    type t = {0};
    bool known = read_type(e->header, &e->typed, &t);
    bool digest = l->depth && l->v[l->depth - 1].digest && !e->message;
    if (known)
        name_type(e, haul_strz(&t.major), haul_strz(&t.minor));
    else
        name_type(e,
                  e->typed ? "application"
                  : digest ? "message"
                           : "text",
                  e->typed ? "octet-stream"
                  : digest ? "rfc822"
                           : "plain");
    e->cp = t.charset.len ? haul_codepage_find(t.charset.p, t.charset.len) : 0;
    e->encoding = encoding_of(e->header);
    e->class = class_of(e, (haul_span){haul_strz(&t.charset), t.charset.len});
    e->leaf = true;
    if (e->class == HAUL_WALK_MULTIPART && t.boundary.len && l->depth < HAUL_WALK_DEPTH) {
        open_level(l, e, t.boundary.p);
        e->leaf = !l->v[l->depth - 1].len;
        if (e->leaf)
            haul_levels_close(l, l->depth - 1);
    }
    type_done(&t);
    return e->leaf;
}
