/* The message class decides the shape; then the tree of parts. MS-OXCMAIL 2.1.3, docs/mapi.md. */
#include "mime/build.h"

#include "base/hash.h"
#include "base/utf.h"
#include "mime/builder.h"
#include "mime/ical.h"
#include "mime/original.h"
#include "mime/tnef.h"
#include "mime/vcard.h"

#include <stdio.h>
#include <string.h>

#define CARD_NAME_MAX 100u /* octets of the name of a card */

static const haul_build_options no_options = {0};

void haul_builder_init(haul_builder *b, haul_mapi *o, haul_msg *m, const haul_build_options *opt)
{
    *b = (haul_builder){.o = o, .m = m, .opt = opt ? opt : &no_options, .where = ""};
    b->budget = &b->own_budget;
    b->own_budget.arena = &b->arena;
    b->used = haul_arena_calloc(&b->arena, (o->n_attachments + 1) * sizeof *b->used);
}

void haul_builder_done(haul_builder *b)
{
    for (size_t i = 0; i < b->n_unpacked; i++) {
        haul_mapi_free(b->unpacked[i]);
        haul_str_done(&b->unpacked_data[i]);
    }
    haul_str_done(&b->body.text);
    haul_str_done(&b->body.html);
    haul_str_done(&b->body.rtf);
    haul_str_done(&b->head);
    haul_str_done(&b->transport);
    haul_arena_done(&b->arena);
}

void haul_builder_issue(haul_builder *b, haul_issue_id id, const char *fmt, ...)
{
    char text[HAUL_ERR_TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    haul_msg_issue(b->m, id, "%s%s", b->where, text);
}

/* text/calendar, the last of the alternatives; from a. [mapi-48] */
static haul_part *calendar_part(haul_builder *b, haul_arena *a)
{
    haul_auto_str ics = {0};
    const char *method = NULL;
    haul_err e;
    haul_part *kept = haul_kept_part(b, "Calendar", haul_ical_is(b->o), a);
    if (kept)
        return kept;
    if (!haul_ical_is(b->o) ||
        haul_ical_build(b->o, b->m, haul_builder_plain(b), &ics, &method, &e) != HAUL_OK || !ics.len)
        return NULL;
    for (size_t i = 0; i < b->o->n_attachments; i++)
        b->used[i] = b->used[i] || haul_ical_is_exception(b->o, i);
    haul_part *p = haul_part_new(a, "text/calendar");
    haul_part_param(p, a, "charset", "utf-8");
    if (method)
        haul_part_param(p, a, "method", method);
    p->text = (haul_span){haul_arena_strn(a, ics.p, ics.len), ics.len};
    return p;
}

/* A file name from the subject that every system takes. */
static const char *card_name(haul_builder *b)
{
    const char *z = haul_mapi_subject(b->o, &b->arena);
    haul_auto_str name = {0};
    if (!z || !*z)
        z = "contact";
    for (size_t i = 0, n = haul_utf8_cut(z, strlen(z), CARD_NAME_MAX); i < n; i++)
        haul_str_addc(&name, (unsigned char)z[i] < 32 || strchr("/\\:*?\"<>|", z[i]) ? '_' : z[i]);
    return haul_arena_printf(&b->arena, "%s.vcf", haul_strz(&name));
}

static void mark_picture(haul_builder *b)
{
    for (size_t i = 0; i < b->o->n_attachments; i++)
        b->used[i] = b->used[i] || haul_vcard_is_picture(b->o, i);
}

/* text/vcard as an attachment that mail programs offer to save, behind the notes; from a. [mapi-49] */
static haul_part *card_part(haul_builder *b, haul_arena *a)
{
    haul_auto_str vcf = {0};
    haul_err e;
    if (!haul_vcard_is(b->o))
        return NULL;
    haul_part *kept = haul_kept_part(b, "Card", true, a);
    if (kept) {
        haul_part_disposition(kept, a, "attachment", card_name(b));
        mark_picture(b);
        return kept;
    }
    if (haul_vcard_build(b->o, b->m, haul_builder_plain(b), &vcf, &e) != HAUL_OK) {
        haul_builder_issue(b, HAUL_ISSUE_MAPI_CLASS_UNEXPECTED, "%s: %s", haul_mapi_class(b->o, &b->arena),
                           e.text);
        return NULL;
    }
    mark_picture(b);
    haul_part *p = haul_part_new(a, "text/vcard");
    haul_part_param(p, a, "charset", "utf-8");
    p->text = (haul_span){haul_arena_strn(a, vcf.p, vcf.len), vcf.len};
    haul_part_disposition(p, a, "attachment", card_name(b));
    return p;
}

bool haul_unpack_wanted(haul_builder *b, const haul_mapi_attach *at)
{
    const char *name = haul_bag_str(&at->props, HAUL_TAG_ATTACH_LONG_FILENAME, &b->arena);
    const char *tag = haul_bag_str(&at->props, HAUL_TAG_ATTACH_MIME_TAG, &b->arena);
    bool like = (name && haul_icmp(name, "winmail.dat") == 0) ||
                (tag && (haul_icmp(tag, "application/ms-tnef") == 0 ||
                         haul_icmp(tag, "application/vnd.ms-tnef") == 0));
    return b->opt->unpack_tnef && like && !at->embedded && !at->lost;
}

/* winmail.dat, on request: what it holds takes its place. [mapi-50] */
static haul_mapi *unpack(haul_builder *b, size_t i)
{
    const haul_mapi_attach *at = &b->o->attachments[i];
    bool damaged = false;
    haul_mapi *inner = NULL;
    if (!haul_unpack_wanted(b, at))
        return NULL;
    haul_str *data = &b->unpacked_data[b->n_unpacked];
    if (b->n_unpacked < HAUL_UNPACKED_MAX && haul_mapi_slurp(b->o, i, HAUL_TNEF_MAX, data, NULL) == HAUL_OK &&
        haul_tnef_open(data->p, data->len, b->o->depth + 1, &inner, &damaged, NULL) == HAUL_OK && !damaged &&
        haul_mapi_load(inner, NULL) == HAUL_OK && !haul_report_is(inner)) {
        b->unpacked[b->n_unpacked++] = inner;
        return inner;
    }
    haul_mapi_free(inner);
    if (b->n_unpacked < HAUL_UNPACKED_MAX)
        haul_str_done(data);
    haul_builder_issue(b, HAUL_ISSUE_MAPI_TNEF_KEPT, "attachment %zu", i + 1);
    return NULL;
}

/* The same words: line ends and blanks aside, as they differ between the text of a message and that of its TNEF. */
static bool same_text(const haul_str *a, const haul_str *b)
{
    size_t i = 0, k = 0;
    for (;;) {
        while (i < a->len && (unsigned char)a->p[i] <= ' ')
            i++;
        while (k < b->len && (unsigned char)b->p[k] <= ' ')
            k++;
        if (i == a->len || k == b->len)
            return i == a->len && k == b->len;
        if (a->p[i++] != b->p[k++])
            return false;
    }
}

static bool same_html(const haul_body *a, const haul_body *b)
{
    return a->has_html && b->has_html && a->html.len == b->html.len &&
           memcmp(a->html.p, b->html.p, a->html.len) == 0;
}

/* The bodies of a TNEF stream are parts beside its attachments, but for what the message says itself. */
static void add_bodies(haul_builder *b, const haul_builder *inside, haul_part *to)
{
    const haul_body *y = &inside->body;
    if (y->has_html && !same_html(y, &b->body)) {
        haul_part *p = haul_part_new(&b->arena, "text/html");
        haul_part_param(p, &b->arena, "charset", haul_arena_str(&b->arena, y->html_charset));
        p->text = (haul_span){haul_arena_strn(&b->arena, y->html.p, y->html.len), y->html.len};
        p->disposition = "inline";
        haul_part_add(to, p);
    }
    if (y->has_rtf) {
        haul_part *p = haul_part_new(&b->arena, "text/rtf");
        p->text = (haul_span){haul_arena_strn(&b->arena, y->rtf.p, y->rtf.len), y->rtf.len};
        haul_part_disposition(p, &b->arena, "inline", "message.rtf");
        haul_part_add(to, p);
    }
    if (y->has_text && !y->has_html && !(b->body.has_text && same_text(&y->text, &b->body.text))) {
        haul_part *p =
            haul_text_part(b, "text/plain", haul_arena_strn(&b->arena, y->text.p, y->text.len), y->text.len);
        p->disposition = "inline";
        haul_part_add(to, p);
    }
}

/* A meeting, task or contact that came as TNEF is one here as well: its class decides as it does outside. */
static void add_unpacked(haul_builder *b, haul_mapi *inner, haul_part *to)
{
    haul_builder inside;
    haul_builder_init(&inside, inner, b->m, b->opt);
    inside.where = b->where;
    inside.budget = b->budget;
    haul_builder_body(&inside);
    add_bodies(b, &inside, to);
    haul_part *p = card_part(&inside, &b->arena);
    if (!p)
        p = calendar_part(&inside, &b->arena);
    if (p)
        haul_part_add(to, p);
    for (size_t i = 0; i < inner->n_attachments; i++)
        if (!inside.used[i])
            haul_attach_parts(b, inner, i, false, to);
    haul_builder_done(&inside);
}

static void add_attachments(haul_builder *b, haul_part *mixed)
{
    for (size_t i = 0; i < b->o->n_attachments; i++) {
        if (b->used[i])
            continue;
        haul_mapi *inner = unpack(b, i);
        if (inner)
            add_unpacked(b, inner, mixed);
        else
            haul_attach_parts(b, b->o, i, false, mixed);
    }
}

/* multipart/related( body, inline… ): its type parameter names the type of the first part (RFC 2387 3.1). */
static haul_part *with_related(haul_builder *b, haul_part *body)
{
    size_t n = 0;
    bool *inlined = haul_arena_calloc(&b->arena, (b->o->n_attachments + 1) * sizeof *inlined);
    haul_related_find(b, inlined, &n);
    if (!body || !n)
        return body;
    haul_part *related = haul_part_new(&b->arena, "multipart/related");
    haul_part_param(related, &b->arena, "type", body->type);
    haul_part_add(related, body);
    for (size_t i = 0; i < b->o->n_attachments; i++)
        if (inlined[i]) {
            haul_attach_parts(b, b->o, i, true, related);
            b->used[i] = true;
        }
    return related;
}

static haul_part *with_attachments(haul_builder *b, haul_part *body)
{
    haul_part *mixed = haul_part_new(&b->arena, "multipart/mixed");
    if (!body)
        body =
            haul_text_part(b, "text/plain", "", 0); /* an item without any body: one empty part [mapi-24] */
    haul_part_add(mixed, body);
    add_attachments(b, mixed);
    return mixed->first == mixed->last ? body : mixed;
}

static haul_part *with_card(haul_builder *b, haul_part *card)
{
    haul_part *mixed = haul_part_new(&b->arena, "multipart/mixed");
    haul_part *body = with_related(b, haul_builder_body_part(b, NULL));
    if (body)
        haul_part_add(mixed, body);
    haul_part_add(mixed, card);
    add_attachments(b, mixed);
    return mixed->first == mixed->last ? card : mixed;
}

static haul_part *shape(haul_builder *b)
{
    haul_part *p = haul_smime_part(b);
    if (p)
        return p;
    haul_builder_body(b);
    p = haul_pgp_part(b);
    if (p)
        return p;
    p = haul_report_part(b);
    if (p)
        return with_attachments(b, p);
    p = card_part(b, &b->arena);
    if (p)
        return with_card(b, p);
    return with_attachments(b, with_related(b, haul_builder_body_part(b, calendar_part(b, &b->arena))));
}

haul_rc haul_builder_write(haul_builder *b, haul_out *to, haul_err *e)
{
    haul_builder_head(b);
    haul_part *root = shape(b);
    if (!b->seed) /* not from the node: a copy of the message in another place or store has the same octets */
        b->seed = haul_hash64(haul_strz(&b->head), b->head.len);
    if (!b->entity_has_version)
        haul_str_addz(&b->head, "MIME-Version: 1.0\r\n");
    haul_rc rc = haul_out_write(to, b->head.p, b->head.len, e);
    return rc == HAUL_OK ? haul_part_write(root, b->seed, to, e) : rc;
}

haul_rc haul_mapi_build(haul_mapi *o, haul_msg *m, const haul_build_options *opt, haul_out *to, haul_err *e)
{
    haul_builder b;
    bool done = false, broken = false;
    haul_rc rc = haul_mapi_load(o, e);
    if (rc == HAUL_OK)
        rc = haul_original_push(o, to, &done, &broken, e);
    if (rc != HAUL_OK || done)
        return rc;
    if (broken)
        haul_msg_issue(m, HAUL_ISSUE_MAPI_ORIGINAL_CHANGED, "%s", "original.mime");
    haul_builder_init(&b, o, m, opt);
    rc = haul_builder_write(&b, to, e);
    haul_builder_done(&b);
    return rc;
}
