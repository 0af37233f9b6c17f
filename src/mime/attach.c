/* Attachments as parts. MS-OXCMAIL 2.1.3.4, docs/mapi.md [mapi-30]… */
#include "mime/builder.h"

#include "base/charset.h"
#include "base/utf.h"
#include "mime/date.h"

#include <inttypes.h>
#include <string.h>

enum { /* PidTagAttachMethod, MS-OXCMSG 2.2.2.9 */
       METHOD_NONE = 0,
       METHOD_BY_VALUE = 1,
       METHOD_BY_REFERENCE = 2,
       METHOD_BY_REFERENCE_RESOLVE = 3,
       METHOD_BY_REFERENCE_ONLY = 4,
       METHOD_EMBEDDED = 5,
       METHOD_OLE = 6,
       METHOD_WEB_REFERENCE = 7,
};

#define NAME_MAX_OCTETS 1024u /* of a file name; no file system holds more than 255 characters */
#define LABEL_MAX       100u  /* octets of it in messages */
#define OVERHEAD        4096u /* PidTagAttachSize counts properties, too: so much less than it is no sign of loss */

typedef struct source { /* of a part that pushes its data */
    haul_builder *b;
    haul_mapi *o;
    size_t i;
    bool check_size;
    const haul_nested *nested; /* of an embedded message */
} source;

typedef struct counter {
    haul_out out;
    haul_out *to;
    uint64_t n;
} counter;

static haul_rc count_write(haul_out *out, const void *p, size_t n, haul_err *e)
{
    counter *c = (counter *)out;
    c->n += n;
    return haul_out_write(c->to, p, n, e);
}

/* "attachment 2" as people count them. */
static const char *label(haul_builder *b, const haul_mapi *o, size_t i)
{
    const char *name = haul_bag_str(&o->attachments[i].props, HAUL_TAG_ATTACH_LONG_FILENAME, &b->arena);
    int n = name ? (int)haul_utf8_cut(name, strlen(name), LABEL_MAX) : 0;
    return name ? haul_arena_printf(&b->arena, "attachment %zu \"%.*s\"", i + 1, n, name)
                : haul_arena_printf(&b->arena, "attachment %zu", i + 1);
}

static void compare_size(const source *s, uint64_t n)
{
    const haul_mapi_attach *at = &s->o->attachments[s->i];
    int64_t stated = haul_prop_int_or(haul_bag_get(&at->props, HAUL_TAG_ATTACH_SIZE), 0);
    uint64_t want = at->claimed;
    for (size_t i = 0; i < at->props.n; i++) /* a long name, a picture of an icon */
        stated -= (int64_t)at->props.v[i].n;
    if (!want && stated > (int64_t)OVERHEAD && n < (uint64_t)stated / 2 && (uint64_t)stated - n > OVERHEAD)
        want = (uint64_t)stated - OVERHEAD;
    if (n < want)
        haul_builder_issue(s->b, HAUL_ISSUE_MAPI_ATTACHMENT_SHORT,
                           "%s: %" PRIu64 " octets, at least %" PRIu64 " expected", label(s->b, s->o, s->i),
                           n, want);
}

static haul_rc push_data(void *ctx, haul_out *to, haul_err *e)
{
    const source *s = ctx;
    counter c = {.out = {count_write}, .to = to};
    haul_rc rc = s->o->ops->data(s->o, s->i, &c.out, e);
    if (rc == HAUL_SKIP)
        haul_builder_issue(s->b, HAUL_ISSUE_MAPI_ATTACHMENT_LOST, "%s: %s, after %" PRIu64 " octets",
                           label(s->b, s->o, s->i), e ? e->text : "", c.n);
    else if (rc == HAUL_OK && s->check_size)
        compare_size(s, c.n);
    return rc;
}

haul_part *haul_attach_data(haul_builder *b, haul_mapi *o, size_t i, const char *type)
{
    haul_part *p = haul_part_new(&b->arena, type);
    source *s = haul_arena_alloc(&b->arena, sizeof *s);
    *s = (source){b, o, i, true, NULL};
    p->push = push_data;
    p->ctx = s;
    p->encoding = HAUL_ENC_BASE64;
    return p;
}

/* The message in attachment i, built when its turn comes, so that only one is in memory at each depth. */
static haul_rc push_embedded(void *ctx, haul_out *to, haul_err *e)
{
    const source *s = ctx;
    haul_auto(haul_mapi) *inner = NULL;
    haul_rc rc = s->o->ops->embedded(s->o, s->i, &inner, e);
    if (rc == HAUL_OK)
        rc = haul_mapi_load(inner, e);
    if (rc != HAUL_OK) {
        haul_builder_issue(s->b, HAUL_ISSUE_MAPI_ATTACHMENT_LOST, "%s: %s", label(s->b, s->o, s->i),
                           e ? e->text : "");
        return rc;
    }
    haul_builder inside;
    haul_builder_init(&inside, inner, s->b->m, s->b->opt);
    inside.where = haul_arena_printf(&s->b->arena, "%s%s: ", s->b->where, label(s->b, s->o, s->i));
    inside.seed = s->b->seed * 31 + s->i + 1;
    inside.budget = s->b->budget;
    inside.nested = s->nested;
    rc = haul_builder_write(&inside, to, e);
    haul_builder_done(&inside);
    return rc;
}

bool haul_uri_ok(const char *z)
{
    for (const char *c = z; *c; c++)
        if ((unsigned char)*c <= 32 || (unsigned char)*c >= 127 || strchr("<>\"", *c))
            return false;
    return *z && strlen(z) < 900;
}

const char *haul_attach_id(haul_builder *b, const haul_mapi_attach *at)
{
    const char *z = haul_bag_str(&at->props, HAUL_TAG_ATTACH_CONTENT_ID, &b->arena);
    haul_span v = haul_span_trim((haul_span){z ? z : "", z ? strlen(z) : 0});
    if (v.len >= 2 && v.p[0] == '<' && v.p[v.len - 1] == '>')
        v = (haul_span){v.p + 1, v.len - 2};
    z = haul_arena_strn(&b->arena, v.p, v.len);
    return haul_uri_ok(z) ? z : NULL;
}

const char *haul_attach_location(haul_builder *b, const haul_mapi_attach *at)
{
    const char *z = haul_bag_str(&at->props, HAUL_TAG_ATTACH_CONTENT_LOCATION, &b->arena);
    return z && haul_uri_ok(z) ? z : NULL;
}

/* The last component of a path, without controls: a name is never a way into somebody's file system. [mapi-33] */
static const char *last_component(haul_builder *b, const char *name)
{
    const char *last = name;
    haul_auto_str clean = {0};
    for (const char *c = name; *c; c++)
        if ((*c == '/' || *c == '\\') && c[1])
            last = c + 1;
    for (const char *c = last; *c && clean.len < NAME_MAX_OCTETS + 4; c++)
        haul_str_addc(&clean, (unsigned char)*c < 32 || *c == 127 || *c == '/' || *c == '\\' ? '_' : *c);
    clean.len = haul_utf8_cut(haul_strz(&clean), clean.len, NAME_MAX_OCTETS);
    haul_str_add(&clean, "", 0); /* NUL where it ends now */
    if (strcmp(haul_strz(&clean), ".") == 0 || strcmp(haul_strz(&clean), "..") == 0)
        haul_str_addc(&clean, '_');
    if (strcmp(haul_strz(&clean), name) != 0)
        haul_builder_issue(b, HAUL_ISSUE_MAPI_ATTACHMENT_NAME_CHANGED, "%.*s",
                           (int)haul_utf8_cut(name, strlen(name), 4 * LABEL_MAX), name);
    return haul_arena_strn(&b->arena, haul_strz(&clean), clean.len);
}

const char *haul_attach_name(haul_builder *b, haul_mapi *o, size_t i)
{
    static const uint16_t order[] = {HAUL_TAG_ATTACH_LONG_FILENAME, HAUL_TAG_ATTACH_FILENAME,
                                     HAUL_TAG_DISPLAY_NAME};
    if (haul_prop_bool(haul_bag_name(&o->attachments[i].props, HAUL_PSET_MAILHAUL, "Unnamed")))
        return NULL; /* [mapi-r33] */
    for (size_t k = 0; k < HAUL_COUNT(order); k++) {
        const char *z = haul_bag_str(&o->attachments[i].props, order[k], &b->arena);
        haul_span v = haul_span_trim((haul_span){z ? z : "", z ? strlen(z) : 0});
        if (v.len)
            return last_component(b, haul_arena_strn(&b->arena, v.p, v.len));
    }
    return NULL;
}

const char *haul_attach_type(haul_builder *b, haul_mapi *o, size_t i, const char *name)
{
    const haul_bag *bag = &o->attachments[i].props;
    const char *tag = haul_bag_str(bag, HAUL_TAG_ATTACH_MIME_TAG, &b->arena);
    if (tag) {
        haul_span v = haul_span_trim((haul_span){tag, strcspn(tag, ";")});
        tag = haul_arena_strn(&b->arena, v.p, v.len);
        if (haul_type_ok(tag))
            return tag;
        if (*tag)
            haul_builder_issue(b, HAUL_ISSUE_MAPI_ATTACHMENT_TYPE_UNUSED, "%s: %s", label(b, o, i), tag);
    }
    const char *dot = name ? strrchr(name, '.') : NULL;
    const char *extension = haul_bag_str(bag, HAUL_TAG_ATTACH_EXTENSION, &b->arena);
    const char *type = dot ? haul_type_of_extension(dot + 1) : NULL;
    if (!type && extension)
        type = haul_type_of_extension(extension + (*extension == '.'));
    return type ? type : "application/octet-stream";
}

static haul_part *note(haul_builder *b, haul_part *to, const char *text)
{
    haul_part *p = haul_text_part(b, "text/plain", text, strlen(text));
    p->disposition = "inline";
    haul_part_add(to, p);
    return p;
}

static void add_lost(haul_builder *b, haul_mapi *o, size_t i, haul_part *to)
{
    const char *why = o->attachments[i].why;
    const char *name = label(b, o, i);
    haul_builder_issue(b, HAUL_ISSUE_MAPI_ATTACHMENT_LOST, "%s: %s", name, why ? why : "cannot be read");
    note(b, to,
         haul_arena_printf(&b->arena, "[%s could not be read from the store: %s]\r\n", name,
                           why ? why : "no reason known"));
}

static void add_reference(haul_builder *b, haul_mapi *o, size_t i, haul_part *to)
{
    const haul_bag *bag = &o->attachments[i].props;
    const char *path = haul_bag_str(bag, HAUL_TAG_ATTACH_LONG_PATHNAME, &b->arena);
    const char *name = label(b, o, i);
    if (!path)
        path = haul_bag_str(bag, HAUL_TAG_ATTACH_PATHNAME, &b->arena);
    if (!path)
        path = "no path is stored";
    haul_builder_issue(b, HAUL_ISSUE_MAPI_ATTACHMENT_BY_REFERENCE, "%s: %s", name, path);
    note(b, to, haul_arena_printf(&b->arena, "[%s is stored elsewhere: %s]\r\n", name, path));
}

/* When the file was made and last changed (RFC 2183 2.4, 2.5). */
static void date_param(haul_builder *b, const haul_bag *bag, uint16_t tag, const char *name, haul_part *p)
{
    haul_auto_str date = {0};
    int64_t us;
    if (!haul_prop_time(haul_bag_get(bag, tag), &us))
        return;
    haul_date_format(&date, us, 0);
    haul_part_disposition_param(p, &b->arena, name, date.p);
}

static void dress(haul_builder *b, haul_mapi *o, size_t i, const char *name, bool inlined, haul_part *p)
{
    const haul_mapi_attach *at = &o->attachments[i];
    haul_part_disposition(p, &b->arena, inlined ? "inline" : "attachment", name);
    date_param(b, &at->props, HAUL_TAG_CREATION_TIME, "creation-date", p);
    date_param(b, &at->props, HAUL_TAG_LAST_MODIFICATION_TIME, "modification-date", p);
    if (name)
        haul_part_param(p, &b->arena, "name", name);
    p->id = haul_attach_id(b, at);
    p->location = haul_attach_location(b, at);
}

static void add_embedded(haul_builder *b, haul_mapi *o, size_t i, haul_part *to)
{
    if (o->depth + 1 > HAUL_MAPI_DEPTH_MAX || b->budget->embedded >= HAUL_EMBEDDED_MAX) {
        haul_builder_issue(b, HAUL_ISSUE_MAPI_DEPTH, "%s", label(b, o, i));
        note(b, to, "[A message embedded here lies too deep and was left out]\r\n");
        return;
    }
    b->budget->embedded++;
    haul_part *p = haul_part_new(&b->arena, "message/rfc822");
    source *s = haul_arena_alloc(&b->arena, sizeof *s);
    *s = (source){b, o, i, false, haul_nested_scan(b, o, i)};
    p->push = push_embedded;
    p->ctx = s;
    p->encoding = s->nested->eight ? HAUL_ENC_8BIT : HAUL_ENC_7BIT;
    const char *name = haul_bag_str(&o->attachments[i].props, HAUL_TAG_DISPLAY_NAME, &b->arena);
    const haul_bag *bag = &o->attachments[i].props;
    const char *file = haul_prop_str(bag, haul_bag_name(bag, HAUL_PSET_MAILHAUL, "Name"), &b->arena);
    haul_part_disposition(p, &b->arena, "attachment", file); /* [mapi-r34] */
    p->description = name;
    haul_part_add(to, p);
}

/* An OLE object: its storage as octets, and the picture that stands for it in the text. [mapi-35] */
static void add_ole(haul_builder *b, haul_mapi *o, size_t i, haul_part *to)
{
    haul_span picture;
    const char *name = haul_attach_name(b, o, i);
    const char *base = name ? name : haul_arena_printf(&b->arena, "object-%zu", i + 1);
    haul_part *p = haul_attach_data(b, o, i, "application/octet-stream");
    dress(b, o, i, haul_arena_printf(&b->arena, "%s.ole", base), false, p);
    haul_part_add(to, p);
    if (!haul_prop_bin(haul_bag_get(&o->attachments[i].props, HAUL_TAG_ATTACH_RENDERING), &picture) ||
        !picture.len)
        return;
    haul_part *wmf = haul_part_new(&b->arena, "image/wmf");
    wmf->text = picture;
    wmf->encoding = HAUL_ENC_BASE64;
    haul_part_disposition(wmf, &b->arena, "attachment", haul_arena_printf(&b->arena, "%s.wmf", base));
    haul_part_add(to, wmf);
}

/* MS-OXCMSG 2.2.2.20: the OID of MacBinary; any other value is left over and says nothing. */
static bool is_macbinary(const haul_bag *bag)
{
    static const uint8_t oid[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x14, 0x03, 0x0b, 0x01};
    haul_span v;
    return haul_prop_bin(haul_bag_get(bag, HAUL_TAG_ATTACH_ENCODING), &v) && v.len == sizeof oid &&
           memcmp(v.p, oid, sizeof oid) == 0;
}

/* The character set of a text, which nothing in its octets tells: PidTagTextAttachmentCharset (MS-OXCMSG 2.2.2.25), else
 * what PidTagAttachMimeTag says behind its type. */
static void charset_param(haul_builder *b, const haul_bag *bag, haul_part *p)
{
    static const char key[] = "charset=";
    const char *z = haul_bag_str(bag, HAUL_TAG_TEXT_ATTACHMENT_CHARSET, &b->arena);
    const char *tag = haul_bag_str(bag, HAUL_TAG_ATTACH_MIME_TAG, &b->arena);
    for (const char *at = tag; !z && at && (at = strchr(at, ';'));) {
        at += 1 + strspn(at + 1, " \t");
        if (haul_istarts(at, strlen(at), key))
            z = at + sizeof key - 1;
    }
    z = z ? z + strspn(z, "\" ") : NULL;
    size_t n = z ? strcspn(z, "\" ;") : 0;
    if (haul_istarts(p->type, strlen(p->type), "text/") && n && haul_codepage_find(z, n))
        haul_part_param(p, &b->arena, "charset", haul_arena_strn(&b->arena, z, n));
}

static void add_value(haul_builder *b, haul_mapi *o, size_t i, bool inlined, haul_part *to)
{
    const char *name = haul_attach_name(b, o, i);
    const char *type = haul_attach_type(b, o, i, name);
    haul_encoding how = HAUL_ENC_BASE64;
    if (haul_istarts(type, strlen(type), "message/") && !haul_message_fits(o, i, &how)) {
        haul_builder_issue(b, HAUL_ISSUE_MAPI_ATTACHMENT_TYPE_UNUSED, "%s: %s", label(b, o, i), type);
        type = "application/octet-stream"; /* RFC 2046 5.2.1, RFC 3464 2.1: never base64 */
    }
    if (is_macbinary(&o->attachments[i].props))
        haul_builder_issue(b, HAUL_ISSUE_MAPI_ATTACHMENT_ENCODED, "%s", label(b, o, i));
    haul_part *p = haul_attach_data(b, o, i, type);
    p->encoding = how;
    charset_param(b, &o->attachments[i].props, p);
    dress(b, o, i, name, inlined, p);
    haul_part_add(to, p);
}

void haul_attach_parts(haul_builder *b, haul_mapi *o, size_t i, bool inlined, haul_part *to)
{
    const haul_mapi_attach *at = &o->attachments[i];
    int64_t method = haul_prop_int_or(haul_bag_get(&at->props, HAUL_TAG_ATTACH_METHOD), METHOD_BY_VALUE);
    if (at->lost)
        add_lost(b, o, i, to);
    else if (at->embedded)
        add_embedded(b, o, i, to);
    else if (method == METHOD_OLE)
        add_ole(b, o, i, to);
    else if (at->size == 0 && (method == METHOD_BY_REFERENCE || method == METHOD_BY_REFERENCE_RESOLVE ||
                               method == METHOD_BY_REFERENCE_ONLY || method == METHOD_WEB_REFERENCE))
        add_reference(b, o, i, to);
    else
        add_value(b, o, i, inlined, to);
}
