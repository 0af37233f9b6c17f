#include "testing_build.h"

#include <gmime/gmime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *testing_build(haul_mapi *o, haul_msg *m, const haul_build_options *opt)
{
    testing_collect c;
    haul_err e = {0};
    testing_collect_init(&c, 0);
    haul_mapi_fill(m, o);
    haul_rc rc = haul_mapi_build(o, m, opt, &c.out, &e);
    if (rc != HAUL_OK) {
        fprintf(stderr, "haul_mapi_build: %s\n", e.text);
        abort();
    }
    haul_str_addc(&c.text, 0);
    return c.text.p;
}

static GMimeMessage *parse(const char *message)
{
    g_mime_init();
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(message, strlen(message));
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *m = g_mime_parser_construct_message(parser, NULL);
    g_object_unref(parser);
    g_object_unref(stream);
    return m;
}

static void outline(GMimeObject *o, haul_str *to)
{
    GMimeContentType *type = g_mime_object_get_content_type(o);
    haul_str_addf(to, "%s/%s", g_mime_content_type_get_media_type(type),
                  g_mime_content_type_get_media_subtype(type));
    if (GMIME_IS_MULTIPART(o)) {
        GMimeMultipart *m = GMIME_MULTIPART(o);
        for (int i = 0, n = g_mime_multipart_get_count(m); i < n; i++) {
            haul_str_addc(to, i ? ' ' : '(');
            outline(g_mime_multipart_get_part(m, i), to);
        }
        haul_str_addc(to, ')');
    } else if (GMIME_IS_MESSAGE_PART(o)) {
        GMimeMessage *inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(o));
        haul_str_addc(to, '{');
        if (inner)
            outline(g_mime_message_get_mime_part(inner), to);
        haul_str_addc(to, '}');
    } else if (GMIME_IS_PART(o) && g_mime_part_get_filename(GMIME_PART(o))) {
        haul_str_addf(to, "[%s]", g_mime_part_get_filename(GMIME_PART(o)));
    }
}

char *testing_outline(const char *message)
{
    haul_str s = {0};
    GMimeMessage *m = parse(message);
    outline(g_mime_message_get_mime_part(m), &s);
    g_object_unref(m);
    return s.p;
}

static GMimeObject *descend(GMimeObject *o, const char *path)
{
    for (char *end; o && *path; path = *end == '.' ? end + 1 : end) {
        long k = strtol(path, &end, 10);
        if (GMIME_IS_MESSAGE_PART(o))
            o = g_mime_message_get_mime_part(g_mime_message_part_get_message(GMIME_MESSAGE_PART(o)));
        if (GMIME_IS_MULTIPART(o))
            o = k <= g_mime_multipart_get_count(GMIME_MULTIPART(o))
                    ? g_mime_multipart_get_part(GMIME_MULTIPART(o), (int)k - 1)
                    : NULL;
    }
    return o;
}

bool testing_part(const char *message, const char *path, haul_str *to)
{
    GMimeMessage *m = parse(message);
    GMimeObject *o = descend(g_mime_message_get_mime_part(m), path);
    GMimeStream *mem = g_mime_stream_mem_new();
    if (o && GMIME_IS_PART(o) && g_mime_part_get_content(GMIME_PART(o)))
        g_mime_data_wrapper_write_to_stream(g_mime_part_get_content(GMIME_PART(o)), mem);
    else if (o)
        g_mime_object_write_to_stream(o, NULL, mem);
    GByteArray *octets = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(mem));
    haul_str_add(to, octets->data, octets->len);
    g_object_unref(mem);
    g_object_unref(m);
    return o != NULL;
}

char *testing_issues(const haul_msg *m)
{
    haul_str s = {0};
    haul_str_addz(&s, "");
    for (const haul_issue *i = m->issues; i; i = i->next)
        haul_str_addf(&s, "%s%s", s.len ? " " : "", haul_issue_name(i->id));
    haul_str_addc(&s, 0);
    return s.p;
}
