/* What a part's header section says of it. */
#include "mime/parts.h"

#include "mime/date.h"
#include "mime/header.h"

#include <gmime/gmime.h>
#include <string.h>

/* The field on one line; false when it is absent, or too long. */
static bool field(haul_span header, const char *name, haul_str *to)
{
    haul_span value;
    if (!haul_header_find(header.p, header.len, name, &value) || value.len > HAUL_PARTS_FIELD)
        return false;
    haul_header_unfold(haul_span_trim(value), to);
    return to->len > 0;
}

/* A parameter's value, "" when it is absent. Where a name is there in two forms, the one of RFC 2231 is meant: the other
 * is for programs that do not know it. */
static const char *parameter(GMimeParamList *list, const char *name)
{
    const char *found = NULL;
    int n = list ? g_mime_param_list_length(list) : 0;
    for (int i = 0; i < n; i++) {
        GMimeParam *p = g_mime_param_list_get_parameter_at(list, i);
        if (haul_icmp(g_mime_param_get_name(p), name) != 0 || !g_mime_param_get_value(p))
            continue;
        if (g_mime_param_get_charset(p))
            return g_mime_param_get_value(p);
        found = found ? found : g_mime_param_get_value(p);
    }
    return found ? found : "";
}

static const char *decoded(haul_arena *a, const char *z)
{
    haul_auto_str text = {0};
    haul_header_decode((haul_span){z, strlen(z)}, &text);
    return haul_arena_strn(a, haul_strz(&text), text.len);
}

static bool moment(GMimeParamList *list, const char *name, int64_t *ret_us)
{
    const char *z = parameter(list, name);
    int16_t tz;
    return haul_date_parse(z, strlen(z), ret_us, &tz);
}

static void take_type(haul_span header, haul_arena *a, haul_part *ret)
{
    haul_auto_str value = {0};
    if (!field(header, "content-type", &value))
        return;
    GMimeContentType *t = g_mime_content_type_parse(NULL, value.p);
    if (!t)
        return;
    GMimeParamList *list = g_mime_content_type_get_parameters(t);
    const char *kind = parameter(list, "smime-type");
    ret->name = decoded(a, parameter(list, "name"));
    ret->encrypted = haul_icmp(kind, "enveloped-data") == 0 || haul_icmp(kind, "authenveloped-data") == 0;
    g_object_unref(t);
}

/* RFC 2183 2.8: a disposition that nobody knows is "attachment". */
static void take_disposition(haul_span header, haul_arena *a, haul_part *ret)
{
    haul_auto_str value = {0};
    if (!field(header, "content-disposition", &value))
        return;
    GMimeContentDisposition *d = g_mime_content_disposition_parse(NULL, value.p);
    if (!d)
        return;
    const char *said = g_mime_content_disposition_get_disposition(d);
    GMimeParamList *list = g_mime_content_disposition_get_parameters(d);
    const char *name = decoded(a, parameter(list, "filename"));
    ret->disposition = said && haul_icmp(said, "inline") == 0 ? "inline" : "attachment";
    if (*name)
        ret->name = name;
    ret->has_created = moment(list, "creation-date", &ret->created_us);
    ret->has_modified = moment(list, "modification-date", &ret->modified_us);
    g_object_unref(d);
}

static const char *content_id(haul_span header, haul_arena *a)
{
    haul_auto_str value = {0};
    if (!field(header, "content-id", &value))
        return "";
    haul_span v = haul_span_trim((haul_span){value.p, value.len});
    const char *open = v.len ? memchr(v.p, '<', v.len) : NULL;
    const char *close = open ? memchr(open, '>', v.len - (size_t)(open - v.p)) : NULL;
    if (close)
        v = (haul_span){open + 1, (size_t)(close - open) - 1};
    return haul_arena_strn(a, v.p, v.len);
}

void haul_part_describe(const haul_piece *e, haul_arena *a, haul_part *ret)
{
    g_mime_init();
    ret->type = haul_arena_str(a, e->type);
    ret->name = ret->disposition = "";
    ret->content_id = content_id(e->header, a);
    ret->is_message = strcmp(e->type, "message/rfc822") == 0 || strcmp(e->type, "message/global") == 0 ||
                      strcmp(e->type, "message/news") == 0;
    take_type(e->header, a, ret);
    take_disposition(e->header, a, ret);
    ret->encrypted |= strcmp(e->type, "application/x-microsoft-rpmsg-message") == 0;
    ret->undecodable = e->class == HAUL_WALK_MULTIPART; /* it cannot be taken apart */
}

haul_decoding haul_part_decoding(const haul_piece *e, bool *ret_known)
{
    haul_auto_str value = {0};
    *ret_known = true;
    if (e->encoding == HAUL_WALK_BASE64)
        return HAUL_DECODE_BASE64;
    if (e->encoding == HAUL_WALK_QP)
        return HAUL_DECODE_QP;
    if (e->encoding != HAUL_WALK_UNKNOWN || !field(e->header, "content-transfer-encoding", &value))
        return HAUL_DECODE_NONE;
    bool uu = haul_istarts(value.p, value.len, "x-uu") || haul_istarts(value.p, value.len, "uu");
    *ret_known = uu;
    return uu ? HAUL_DECODE_UU : HAUL_DECODE_NONE;
}
