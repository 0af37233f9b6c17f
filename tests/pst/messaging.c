#include "pst/messaging.h"

#include "io/temp.h"
#include "mime/tags.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Fixed: the same description gives the same entry ids. */
static const uint8_t record_key[16] = {'m', 'a', 'i', 'l', 'h', 'a',  'u',  'l',
                                       '.', 't', 'e', 's', 't', 0x4d, 0x01, 0x9a};

haul_rc haul_made_open(const char *path, uint8_t crypt, const char *name, haul_pstw **ret, haul_err *e)
{
    haul_pstw_setup setup = {.name = path, .title = name, .crypt = crypt, .record_key = record_key};
    haul_rc rc = haul_temp_open(&setup.log, NULL, e);
    if (rc != HAUL_OK)
        return rc;
    setup.fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (setup.fd < 0) {
        close(setup.log);
        return haul_fail_sys(e, HAUL_E_TARGET, "%s", path);
    }
    return haul_pstw_open(&setup, ret, e);
}

haul_rc haul_made_close(haul_pstw *s, haul_err *e)
{
    size_t left_out;
    haul_rc rc = haul_pstw_finish(s, &left_out, e);
    haul_pstw_free(s);
    return rc;
}

void haul_made_entry_id(uint32_t nid, uint8_t ret[HAUL_PSTW_ENTRY_ID])
{
    haul_pstw_entry_id(record_key, nid, ret);
}

/* ── a description as a MAPI object ── */

static void put_value(haul_mapi *m, haul_bag *to, uint32_t tag, const void *p, size_t n)
{
    haul_prop prop = {.id = (uint16_t)(tag >> 16), .type = tag & 0xffff, .p = p, .n = n};
    (void)haul_bag_add(to, &m->arena, &prop);
}

static void put_props(haul_mapi *m, haul_bag *to, const haul_made_props *from)
{
    for (size_t i = 0; i < from->n; i++)
        put_value(m, to, from->v[i].tag, from->v[i].p, from->v[i].n);
}

static haul_mapi *wrap(const haul_made_message *from, unsigned depth);

static haul_rc load(haul_mapi *m, haul_err *e)
{
    const haul_made_message *from = m->source;
    (void)e;
    m->recipients = haul_arena_calloc(&m->arena, (from->n_recipients + 1) * sizeof(*m->recipients));
    m->n_recipients = from->n_recipients;
    for (size_t i = 0; i < from->n_recipients; i++)
        put_props(m, &m->recipients[i], &from->recipients[i]);
    m->attachments = haul_arena_calloc(&m->arena, (from->n_attachments + 1) * sizeof(*m->attachments));
    m->n_attachments = from->n_attachments;
    for (size_t i = 0; i < from->n_attachments; i++) {
        const haul_made_attachment *a = &from->attachments[i];
        haul_mapi_attach *to = &m->attachments[i];
        put_props(m, &to->props, &a->props);
        to->embedded = a->embedded != NULL;
        to->lost = !a->has_data;
        if (a->has_data && !a->embedded)
            put_value(m, &to->props, a->object ? 0x3701000d : 0x37010102, a->data, a->size);
    }
    return HAUL_OK;
}

static haul_rc data(haul_mapi *m, size_t i, haul_out *to, haul_err *e)
{
    const haul_made_message *from = m->source;
    return haul_out_write(to, from->attachments[i].data, from->attachments[i].size, e);
}

static haul_rc embedded(haul_mapi *m, size_t i, haul_mapi **ret, haul_err *e)
{
    const haul_made_message *from = m->source;
    (void)e;
    *ret = wrap(from->attachments[i].embedded, m->depth + 1);
    return HAUL_OK;
}

static void release(haul_mapi *m)
{
    haul_arena_done(&m->arena);
    free(m);
}

static haul_mapi *wrap(const haul_made_message *from, unsigned depth)
{
    static const haul_mapi_ops ops = {.load = load, .data = data, .embedded = embedded, .free = release};
    haul_mapi *m = haul_calloc(1, sizeof(*m));
    m->ops = &ops;
    m->source = (void *)(uintptr_t)from;
    m->depth = depth;
    put_props(m, &m->props, &from->props);
    return m;
}

haul_rc haul_made_add(haul_pstw *s, uint32_t folder, const haul_made_message *m, haul_pstw_place place,
                      haul_err *e)
{
    uint32_t nid;
    haul_mapi *object = wrap(m, 0);
    haul_rc rc = haul_pstw_message(s, folder, object, place, &nid, e);
    haul_mapi_free(object);
    return rc;
}
