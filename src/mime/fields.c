/* The header of a message built anew: the transport headers that it came with, field by field, and what they lack. */
#include "mime/builder.h"

#include "base/utf.h"
#include "mime/encode.h"
#include "mime/header.h"

#include <string.h>

/* Content-… and MIME-Version describe the MIME it once had; Content-Class does not. [mapi-10] */
static bool describes_mime(haul_span name)
{
    return (haul_istarts(name.p, name.len, "content-") && !haul_span_is(name, "content-class")) ||
           haul_span_is(name, "mime-version");
}

static void junk_line(haul_builder *b, const char *p, size_t n)
{
    haul_auto_str text = {0};
    haul_span line = haul_span_trim((haul_span){p, n});
    if (!line.len)
        return;
    haul_utf8_clean(&text, line.p, line.len < 80 ? line.len : 80, true);
    haul_builder_issue(b, HAUL_ISSUE_MAPI_HEADER_LINE_DROPPED, "%s", haul_strz(&text));
}

static void keep_fields(haul_builder *b)
{
    const char *p = haul_strz(&b->transport);
    haul_field f;
    size_t end = 0;
    unsigned repaired = 0;
    for (size_t pos = 0; haul_header_next(p, b->transport.len, &pos, &f); end = f.end) {
        if (f.start > end)
            junk_line(b, p + end, f.start - end);
        if (!describes_mime(f.name))
            repaired += haul_field_keep(&b->head, f.name, f.value, b->transport_cp);
    }
    if (end < b->transport.len)
        junk_line(b, p + end, b->transport.len - end);
    if (repaired)
        haul_builder_issue(b, HAUL_ISSUE_MAPI_HEADER_REPAIRED, "%u fields", repaired);
}

/* A draft that answers a message, or a message taken up again, may carry the headers of that other message: then the
 * message ids differ. [mapi-11] */
static bool is_its_own(haul_builder *b)
{
    haul_span v;
    const haul_bag *props = &b->o->props;
    const char *p = haul_strz(&b->transport);
    int64_t flags = haul_prop_int_or(haul_bag_get(props, HAUL_TAG_MESSAGE_FLAGS), 0);
    const char *id = haul_bag_str(props, HAUL_TAG_INTERNET_MESSAGE_ID, &b->arena);
    if (!(flags & 0x08) || !id || !haul_header_find(p, b->transport.len, "Message-ID", &v))
        return true;
    v = haul_span_trim(v);
    haul_span own = haul_span_trim((haul_span){id, strlen(id)});
    return v.len == own.len && memcmp(v.p, own.p, own.len) == 0;
}

void haul_builder_head(haul_builder *b)
{
    b->has_transport = haul_mapi_transport(b->o, &b->transport, &b->transport_cp);
    if (b->has_transport && !is_its_own(b)) {
        haul_builder_issue(b, HAUL_ISSUE_MAPI_HEADER_NOT_USED, "another Message-ID");
        b->has_transport = false;
    }
    haul_span have = {"", 0};
    if (b->has_transport) {
        keep_fields(b);
        have = (haul_span){b->transport.p, b->transport.len};
    }
    haul_builder_fields(b, have, !b->has_transport);
}
