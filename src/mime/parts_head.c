/* What a part's header section says of it. */
#include "mime/parts.h"

#include "mime/date.h"
#include "mime/header.h"
#include "mime/words.h"

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

/* A parameter of it on one line, decoded; "" when it is absent. */
static const char *parameter(const haul_str *field, const char *name, haul_arena *a)
{
    haul_auto_str text = {0}, flat = {0};
    if (!haul_param_get((haul_span){haul_strz(field), field->len}, name, &text))
        return "";
    haul_header_unfold((haul_span){haul_strz(&text), text.len}, &flat);
    haul_span v = haul_span_trim((haul_span){haul_strz(&flat), flat.len});
    return haul_arena_strn(a, v.p, v.len);
}

static bool moment(const haul_str *field, const char *name, haul_arena *a, int64_t *ret_us)
{
    const char *z = parameter(field, name, a);
    int16_t tz;
    return haul_date_parse(z, strlen(z), ret_us, &tz);
}

static void take_type(haul_span header, haul_arena *a, haul_part *ret)
{
    haul_auto_str value = {0};
    if (!field(header, "content-type", &value))
        return;
    const char *kind = parameter(&value, "smime-type", a);
    ret->name = parameter(&value, "name", a);
    ret->encrypted = haul_icmp(kind, "enveloped-data") == 0 || haul_icmp(kind, "authenveloped-data") == 0;
}

/* RFC 2183 2.8: a disposition that nobody knows is "attachment". */
static void take_disposition(haul_span header, haul_arena *a, haul_part *ret)
{
    haul_auto_str value = {0};
    if (!field(header, "content-disposition", &value))
        return;
    size_t n = strcspn(value.p, "; \t(");
    const char *name = parameter(&value, "filename", a);
    ret->disposition = haul_span_is((haul_span){value.p, n}, "inline") ? "inline" : "attachment";
    if (*name)
        ret->name = name;
    ret->has_created = moment(&value, "creation-date", a, &ret->created_us);
    ret->has_modified = moment(&value, "modification-date", a, &ret->modified_us);
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
