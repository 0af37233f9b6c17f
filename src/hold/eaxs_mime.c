/* The Content-… fields of an entity. GMime reads the parameters (RFC 2231). */
#include "hold/eaxs.h"

#include "base/utf.h"

#include <string.h>

static const char *keep(haul_eaxs *x, const char *z)
{
    haul_auto_str clean = {0};
    if (!z || !*z)
        return "";
    haul_utf8_clean(&clean, z, strlen(z), true);
    return haul_arena_strn(&x->arena, haul_strz(&clean), clean.len);
}

/* The first field of that name on one line and without NULs, which GMime would take for its end. False: absent, or longer
 * than anything that is looked into. */
static bool value_of(haul_eaxs *x, const haul_piece *p, const char *name, haul_str *to)
{
    haul_span value;
    size_t pos = 0;
    if (!haul_eaxs_next(p->header, &pos, name, &value))
        return false;
    if (value.len > HAUL_WALK_FIELD) {
        haul_eaxs_incomplete_add(x, "Header", "part %s: a %s of %zu octets", p->path, name, value.len);
        return false;
    }
    haul_eaxs_decode(value, false, to);
    size_t n = 0;
    for (size_t i = 0; i < to->len; i++)
        if (to->p[i])
            to->p[n++] = to->p[i];
    to->len = n;
    if (to->p)
        to->p[n] = '\0';
    return true;
}

static void read_type(haul_eaxs *x, const haul_piece *p, haul_eaxs_mime *ret)
{
    haul_auto_str value = {0};
    if (!value_of(x, p, "Content-Type", &value))
        return;
    GMimeContentType *t = g_mime_content_type_parse(NULL, haul_strz(&value));
    if (!t)
        return;
    const char *major = g_mime_content_type_get_media_type(t),
               *minor = g_mime_content_type_get_media_subtype(t);
    char *type = haul_arena_printf(&x->arena, "%s/%s", major ? major : "text", minor ? minor : "plain");
    for (char *c = type; *c; c++)
        *c = (char)haul_lower(*c);
    ret->content_type = t;
    ret->type = keep(x, type);
    ret->charset = keep(x, g_mime_content_type_get_parameter(t, "charset"));
    ret->name = keep(x, g_mime_content_type_get_parameter(t, "name"));
    ret->boundary = keep(x, g_mime_content_type_get_parameter(t, "boundary"));
}

static void read_disposition(haul_eaxs *x, const haul_piece *p, haul_eaxs_mime *ret)
{
    haul_auto_str value = {0};
    if (!value_of(x, p, "Content-Disposition", &value) || !value.len)
        return;
    GMimeContentDisposition *d = g_mime_content_disposition_parse(NULL, haul_strz(&value));
    if (!d)
        return;
    ret->content_disposition = d;
    ret->disposition = keep(x, g_mime_content_disposition_get_disposition(d));
    ret->file_name = keep(x, g_mime_content_disposition_get_parameter(d, "filename"));
}

void haul_eaxs_mime_read(haul_eaxs *x, const haul_piece *p, haul_eaxs_mime *ret)
{
    haul_auto_str encoding = {0};
    *ret = (haul_eaxs_mime){.type = p->typed ? keep(x, p->type) : "",
                            .charset = "",
                            .name = "",
                            .boundary = "",
                            .encoding = "",
                            .disposition = "",
                            .file_name = ""};
    read_type(x, p, ret);
    read_disposition(x, p, ret);
    if (value_of(x, p, "Content-Transfer-Encoding", &encoding))
        ret->encoding = keep(x, haul_strz(&encoding));
}

void haul_eaxs_mime_done(haul_eaxs_mime *m)
{
    if (m->content_type)
        g_object_unref(m->content_type);
    if (m->content_disposition)
        g_object_unref(m->content_disposition);
    m->content_type = NULL;
    m->content_disposition = NULL;
}

static bool among(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (haul_icmp(name, *names) == 0)
            return true;
    return false;
}

static void parameters(haul_eaxs *x, const char *element, GMimeParamList *list, const char *const *except)
{
    int n = list ? g_mime_param_list_length(list) : 0;
    for (int i = 0; i < n; i++) {
        GMimeParam *p = g_mime_param_list_get_parameter_at(list, i);
        const char *name = g_mime_param_get_name(p), *value = g_mime_param_get_value(p);
        if (!name || among(name, except))
            continue;
        haul_eaxs_open(x, element);
        haul_eaxs_z(x, "Name", name);
        haul_eaxs_z(x, "Value", keep(x, value));
        haul_eaxs_close(x);
    }
}

static void unless_empty(haul_eaxs *x, const char *name, const char *z)
{
    if (*z)
        haul_eaxs_z(x, name, z);
}

static void content_id(haul_eaxs *x, const haul_piece *p)
{
    haul_auto_str text = {0};
    if (!value_of(x, p, "Content-ID", &text))
        return;
    haul_span id = {haul_strz(&text), text.len};
    if (id.len > 1 && *id.p == '<' && id.p[id.len - 1] == '>')
        id = haul_span_trim((haul_span){id.p + 1, id.len - 2});
    if (id.len)
        haul_eaxs_text(x, "ContentId", "Content-ID", id.p, id.len);
}

static void described(haul_eaxs *x, const haul_piece *p)
{
    haul_span value;
    haul_auto_str text = {0};
    size_t pos = 0;
    if (!haul_eaxs_next(p->header, &pos, "Content-Description", &value))
        return;
    if (value.len > HAUL_EAXS_VALUE)
        value.len = HAUL_EAXS_VALUE;
    haul_header_decode(value, &text);
    haul_eaxs_text(x, "Description", "Content-Description", haul_strz(&text), text.len);
}

static void languages(haul_eaxs *x, const haul_piece *p)
{
    haul_auto_str text = {0};
    if (!value_of(x, p, "Content-Language", &text))
        return;
    for (const char *z = haul_strz(&text), *end; *z; z = *end ? end + 1 : end) {
        end = z + strcspn(z, ",");
        haul_span one = haul_span_trim((haul_span){z, (size_t)(end - z)});
        if (one.len)
            haul_eaxs_text(x, "ContentLanguage", "Content-Language", one.p, one.len);
    }
}

/* What has no element of its own; of a message's header, whose fields are all among its Headers, Content-… alone. */
static void others(haul_eaxs *x, const haul_piece *p)
{
    static const char *const known[] = {
        "Content-Type",        "Content-Transfer-Encoding", "Content-ID", "Content-Description",
        "Content-Disposition", "Content-Language",          NULL};
    haul_field f;
    for (size_t pos = 0; haul_header_next(p->header.p, p->header.len, &pos, &f);) {
        bool content = haul_istarts(f.name.p, f.name.len, "content-");
        if (p->message && !content)
            continue;
        bool has_own = false;
        for (const char *const *k = known; *k && content && !has_own; k++)
            has_own = haul_span_is(f.name, *k);
        if (!has_own)
            haul_eaxs_field(x, "OtherMimeHeader", &f);
    }
}

void haul_eaxs_mime_write(haul_eaxs *x, const haul_piece *p, const haul_eaxs_mime *m, bool multi)
{
    static const char *const of_type[] = {"charset", "name", NULL};
    static const char *const of_multi[] = {"charset", "name", "boundary", NULL};
    static const char *const of_disposition[] = {"filename", NULL};
    unless_empty(x, "ContentType", m->type);
    unless_empty(x, "Charset", m->charset);
    unless_empty(x, "ContentName", m->name);
    if (multi)
        haul_eaxs_z(x, "BoundaryString", m->boundary);
    if (m->content_type)
        parameters(x, "ContentTypeParam", g_mime_content_type_get_parameters(m->content_type),
                   multi ? of_multi : of_type);
    unless_empty(x, "TransferEncoding", m->encoding);
    content_id(x, p);
    described(x, p);
    unless_empty(x, "Disposition", m->disposition);
    unless_empty(x, "DispositionFileName", m->file_name);
    if (m->content_disposition)
        parameters(x, "DispositionParam", g_mime_content_disposition_get_parameters(m->content_disposition),
                   of_disposition);
    languages(x, p);
    others(x, p);
}
