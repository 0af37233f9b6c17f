/* The message class, and what it brings along: signed and encrypted mail, reports, what is no mail. MS-OXCMAIL 2.1.3 (the
 * table of message classes), MS-OXOSMIME 2.1; docs/mapi.md [mapi-r40]… */
#include "mime/header.h"
#include "mime/outlook_parts.h"
#include "mime/words.h"

#include <string.h>

#define CLASS_MAX 256u /* octets of a message class */

static bool root_is(const haul_outlook *x, const char *type)
{
    return strcmp(x->nodes->type, type) == 0;
}

/* A parameter of the Content-Type of the message; from the arena, "" = absent. */
const char *haul_outlook_parameter(haul_outlook *x, const haul_node *n, const char *name)
{
    haul_auto_str field = {0}, text = {0};
    haul_span v;
    if (!haul_header_find(n->header.p, n->header.len, "content-type", &v) || v.len > HAUL_PARTS_FIELD)
        return "";
    haul_header_unfold(v, &field);
    (void)haul_param_get((haul_span){haul_strz(&field), field.len}, name, &text);
    return haul_arena_strn(&x->o.arena, haul_strz(&text), text.len);
}

/* ── S/MIME ── */

/* All parts are in the one attachment, the bodies among them are for display. */
static void hide_parts(haul_outlook *x)
{
    for (size_t i = 0; i < x->n_nodes; i++)
        x->nodes[i].used = true;
}

static void put_smime_name(const haul_put *to)
{
    haul_put_text(to, HAUL_TAG(HAUL_TAG_ATTACH_LONG_FILENAME), "smime.p7m");
    haul_put_text(to, HAUL_TAG(HAUL_TAG_ATTACH_FILENAME), "smime.p7m");
    haul_put_text(to, HAUL_TAG(HAUL_TAG_ATTACH_EXTENSION), ".p7m");
    haul_put_text(to, HAUL_TAG(HAUL_TAG_DISPLAY_NAME), "smime.p7m");
}

static void put_content_type(haul_outlook *x)
{
    haul_auto_str field = {0};
    haul_span v;
    if (!haul_header_find(x->header.p, x->header.len, "content-type", &v) || v.len > HAUL_PARTS_FIELD)
        return;
    haul_header_unfold(haul_span_trim(v), &field);
    haul_put_text(&x->to, HAUL_NAME(INTERNET_HEADERS, "Content-Type"), haul_strz(&field));
}

/* MS-OXOSMIME 2.1.1: the whole entity, header included, as the one attachment. Whoever signed it: Exchange does so, too. */
static const char *clear_signed(haul_outlook *x)
{
    if (!root_is(x, "multipart/signed") || x->nodes->kind != HAUL_NODE_MULTIPART)
        return NULL;
    hide_parts(x);
    haul_put to =
        haul_outlook_attach(x, (haul_held){.how = HAUL_CONTENT_ENTITY, .node = 0}, "multipart/signed");
    put_smime_name(&to);
    put_content_type(x);
    return "IPM.Note.SMIME.MultipartSigned";
}

/* CMS in DER or BER begins with a SEQUENCE (RFC 5652 3). */
static bool is_cms(const haul_node *n)
{
    haul_auto_str head = {0};
    haul_node front = *n;
    front.body.len = n->body.len < 64 ? n->body.len : 64;
    return haul_outlook_octets(&front, 64, &head, NULL) && head.len > 2 && head.p[0] == 0x30;
}

/* MS-OXOSMIME 2.1.2 */
static const char *opaque(haul_outlook *x)
{
    haul_node *n = x->nodes;
    bool typed = root_is(x, "application/pkcs7-mime") || root_is(x, "application/x-pkcs7-mime");
    bool named = root_is(x, "application/octet-stream") && haul_iends(n->part.name, ".p7m");
    if (n->kind != HAUL_NODE_LEAF || (!typed && !named) || !is_cms(n))
        return NULL;
    n->used = true;
    haul_put to =
        haul_outlook_attach(x, (haul_held){.how = HAUL_CONTENT_NODE, .node = 0}, "application/pkcs7-mime");
    haul_put_text(&to, HAUL_TAG(HAUL_TAG_ATTACH_LONG_FILENAME), n->part.name);
    put_smime_name(&to);
    put_content_type(x);
    return "IPM.Note.SMIME";
}

/* A signature further down covers octets that are not kept as they were. */
static void tell_signatures(haul_outlook *x)
{
    for (size_t i = 1; i < x->n_nodes; i++)
        if (strcmp(x->nodes[i].type, "multipart/signed") == 0)
            haul_outlook_issue(x, HAUL_ISSUE_OUTLOOK_SIGNATURE_BROKEN, "%s",
                               haul_outlook_parameter(x, &x->nodes[i], "protocol"));
}

/* ── any other class ── */

static const char *stated_class(haul_outlook *x)
{
    haul_span v;
    if (!haul_header_find(x->header.p, x->header.len, "X-Mailhaul-Class", &v))
        return NULL;
    v = haul_span_trim(v);
    bool is = haul_istarts(v.p, v.len, "IPM.") && v.len <= CLASS_MAX;
    for (size_t i = 0; i < v.len && is; i++)
        is = (unsigned char)v.p[i] > 32 && (unsigned char)v.p[i] < 127;
    return is ? haul_arena_strn(&x->o.arena, v.p, v.len) : NULL;
}

/* What we wrote there ourselves ([mapi-16]), as long as the message is no more than mail: what is special about the other
 * classes is in the structure of the message. */
static const char *mail_class(haul_outlook *x)
{
    const char *z = x->stated;
    haul_span v = {z ? z : "", z ? strlen(z) : 0};
    bool other = haul_class_kind(v) != HAUL_KIND_MAIL || haul_class_is(v, "IPM.Note.SMIME") ||
                 haul_class_is(v, "IPM.Note.Secure") || haul_iends(v.p, ".SMIME") ||
                 haul_iends(v.p, ".MultipartSigned");
    return z && !other ? z : NULL;
}

void haul_outlook_class(haul_outlook *x)
{
    x->stated = stated_class(x);
    const char *class = clear_signed(x);
    if (!class)
        tell_signatures(x);
    class = class ? class : opaque(x);
    class = class ? class : haul_outlook_report(x);
    class = class ? class : haul_outlook_calendar(x);
    class = class ? class : haul_outlook_card(x);
    class = class ? class : mail_class(x);
    haul_put_text(&x->to, HAUL_TAG(HAUL_TAG_MESSAGE_CLASS), class ? class : "IPM.Note");
}
