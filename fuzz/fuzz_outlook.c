/* Messages of any octets through Outlook items and back: every property has the width of its type, none comes twice, what is
 * kept comes back as it was, and the same message gives the same message. */
#include "fuzz.h"

#include "mime/build.h"
#include "mime/header.h"
#include "mime/outlook.h"

typedef struct collect {
    haul_out out;
    haul_str text;
} collect;

static haul_rc add(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    haul_str_add(&((collect *)o)->text, p, n);
    return HAUL_OK;
}

static bool same_key(const haul_prop *a, const haul_prop *b)
{
    if (a->set != b->set)
        return false;
    if (a->set == HAUL_PSET_NONE)
        return a->id == b->id;
    return a->name && b->name ? strcmp(a->name, b->name) == 0 : !a->name && !b->name && a->lid == b->lid;
}

static void look_at(const haul_bag *b)
{
    for (size_t i = 0; i < b->n; i++) {
        const haul_prop *p = &b->v[i];
        size_t width = haul_prop_width(p->type & ~(unsigned)HAUL_PT_MULTI);
        bool multi = p->type & HAUL_PT_MULTI;
        check(width != SIZE_MAX && (multi ? haul_multi_count(p) > 0 : !width || p->n == width));
        check(p->set == HAUL_PSET_NONE ? p->id < 0x8000 : p->guid && haul_pset_find(p->guid) == p->set);
        for (size_t k = 0; k < i; k++)
            check(!same_key(p, &b->v[k]));
    }
}

static void look_into(haul_mapi *o)
{
    collect data = {.out = {add}};
    check(haul_mapi_load(o, NULL) == HAUL_OK);
    look_at(&o->props);
    for (size_t i = 0; i < o->n_recipients; i++)
        look_at(&o->recipients[i]);
    for (size_t i = 0; i < o->n_attachments; i++) {
        const haul_mapi_attach *at = &o->attachments[i];
        haul_mapi *inner = NULL;
        look_at(&at->props);
        if (at->embedded) {
            check(o->depth < HAUL_MAPI_DEPTH_MAX && o->ops->embedded(o, i, &inner, NULL) == HAUL_OK);
            look_into(inner);
            haul_mapi_free(inner);
            continue;
        }
        haul_str_clear(&data.text);
        check(o->ops->data(o, i, &data.out, NULL) == HAUL_OK);
        check(at->size == UINT64_MAX || at->size <= data.text.len); /* line ends may have been made CRLF */
    }
    haul_str_done(&data.text);
}

static haul_msg *message_of(const uint8_t *data, size_t size)
{
    haul_msg *m = haul_msg_new();
    const char *p;
    size_t n;
    if (!m->body)
        m->body = haul_spool_new(true);
    check(haul_out_write(haul_spool_out(m->body), data, size, NULL) == HAUL_OK);
    check(haul_msg_freeze(m, NULL) == HAUL_OK &&
          haul_spool_head(m->body, HAUL_HEAD_MAX, &p, &n, NULL) == HAUL_OK);
    haul_header_fill(m, p, n, true);
    return m;
}

static void build(haul_mapi *o, collect *to)
{
    haul_msg *m = haul_msg_new();
    haul_err e;
    *to = (collect){.out = {add}};
    haul_mapi_fill(m, o);
    check(haul_mapi_build(o, m, NULL, &to->out, &e) == HAUL_OK);
    haul_msg_unref(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    haul_msg *m = message_of(data, size);
    haul_outlook_options opt = {0};
    haul_mapi *o = NULL;
    collect once, again;
    check(haul_outlook_open(m, &opt, &o, NULL) == HAUL_OK);
    look_into(o);
    build(o, &once);
    build(o, &again);
    check(once.text.len == again.text.len && memcmp(once.text.p, again.text.p, once.text.len) == 0);
    haul_mapi_free(o);
    opt.keep_original = true;
    check(haul_outlook_open(m, &opt, &o, NULL) == HAUL_OK);
    haul_str_done(&again.text);
    build(o, &again);
    check(again.text.len == size && (!size || memcmp(again.text.p, data, size) == 0));
    haul_mapi_free(o);
    haul_str_done(&once.text);
    haul_str_done(&again.text);
    haul_msg_unref(m);
    return 0;
}
