#include "pst_make/messaging.h"

#include "io/temp.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define PIECE       65536u /* octets of an attachment in memory */
#define DATA_OBJECT 0x3701000du

/* PidTagRecordKey of the store, part of every entry id. Fixed: the same description gives the same octets. */
static const uint8_t record_key[16] = {'m', 'a', 'i', 'l', 'h', 'a',  'u',  'l',
                                       '.', 't', 'e', 's', 't', 0x4d, 0x01, 0x9a};

struct haul_made {
    haul_pstw *store; /* NULL: it cannot be made */
    haul_rc rc;
    haul_err err;
};

static void open_store(haul_made *s, const char *path, const haul_pstw_kind *kind, const char *name)
{
    haul_pstw_setup setup = {.fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666),
                             .log = -1,
                             .name = path,
                             .title = name,
                             .kind = *kind,
                             .record_key = record_key,
                             .bare = true};
    if (setup.fd < 0)
        s->rc = haul_fail_sys(&s->err, HAUL_E_TARGET, "%s", path);
    if (s->rc == HAUL_OK)
        s->rc = haul_temp_open(&setup.log, NULL, &s->err);
    if (s->rc == HAUL_OK)
        s->rc = haul_pstw_open(&setup, &s->store, &s->err);
}

haul_made *haul_made_open(const char *path, const haul_pstw_kind *kind, const char *name)
{
    haul_made *s = haul_calloc(1, sizeof(*s));
    open_store(s, path, kind, name);
    return s;
}

haul_rc haul_made_close(haul_made *s, haul_err *e)
{
    size_t left_out;
    if (s->rc == HAUL_OK)
        s->rc = haul_pstw_finish(s->store, &left_out, &s->err);
    haul_rc rc = s->rc;
    if (rc != HAUL_OK && e)
        *e = s->err;
    haul_pstw_free(s->store);
    free(s);
    return rc;
}

void haul_made_entry_id(uint32_t nid, uint8_t ret[HAUL_PSTW_ENTRY_ID])
{
    haul_pstw_entry_id(record_key, nid, ret);
}

uint32_t haul_made_folder(haul_made *s, uint32_t parent, const char *name, const char *class, haul_role role)
{
    return s->rc == HAUL_OK ? haul_pstw_folder(s->store, parent, name, class, role) : 0;
}

void haul_made_rename(haul_made *s, uint32_t folder, const char *name, const char *class)
{
    if (s->rc == HAUL_OK)
        haul_pstw_rename(s->store, folder, name, class, HAUL_ROLE_NONE);
}

void haul_made_claim(haul_made *s, uint32_t folder, uint32_t count)
{
    if (s->rc == HAUL_OK)
        haul_pstw_claim(s->store, folder, count);
}

void haul_made_set(haul_made *s, uint32_t folder, uint32_t tag, const void *p, size_t n)
{
    if (s->rc == HAUL_OK)
        haul_pstw_set(s->store, folder, tag, p, n);
}

uint16_t haul_made_named(haul_made *s, const uint8_t guid[16], uint32_t lid, const char *name)
{
    return s->rc == HAUL_OK ? haul_pstw_named(s->store, guid, lid, name) : 0;
}

/* ── messages, as the writer asks for them ── */

static const haul_mapi_ops ops;

/* The properties, and one more unless it is NULL. Named ones have their ids already. */
static haul_bag bag_of(haul_arena *a, const haul_made_props *props, const haul_made_value *more)
{
    haul_bag b = {0};
    for (size_t i = 0; i < props->n + (more != NULL); i++) {
        const haul_made_value *v = i < props->n ? &props->v[i] : more;
        haul_prop p = {
            .id = (uint16_t)(v->tag >> 16), .type = (uint16_t)(v->tag & 0xffff), .p = v->p, .n = v->n};
        (void)haul_bag_add(&b, a, &p);
    }
    return b;
}

static haul_mapi *mapi_of(const haul_made_message *m, unsigned depth)
{
    haul_mapi *ret = haul_calloc(1, sizeof(*ret));
    memcpy(&ret->source, &m, sizeof(m)); /* which is only read */
    ret->ops = &ops;
    ret->depth = depth;
    ret->props = bag_of(&ret->arena, &m->props, NULL);
    return ret;
}

static void load_attachment(haul_mapi *m, const haul_made_attachment *a, haul_mapi_attach *to)
{
    haul_made_value object = {.tag = DATA_OBJECT, .p = a->data, .n = (size_t)a->size};
    bool is_object = a->has_data && a->object && !a->embedded;
    to->props = bag_of(&m->arena, &a->props, is_object ? &object : NULL);
    to->size = a->size;
    to->embedded = a->embedded != NULL;
    to->lost = !a->has_data || is_object; /* nothing more to be asked for */
}

static haul_rc load(haul_mapi *m, haul_err *e)
{
    const haul_made_message *from = m->source;
    (void)e;
    m->n_recipients = from->n_recipients;
    m->n_attachments = from->n_attachments;
    m->recipients = haul_arena_calloc(&m->arena, (m->n_recipients + 1) * sizeof(*m->recipients));
    m->attachments = haul_arena_calloc(&m->arena, (m->n_attachments + 1) * sizeof(*m->attachments));
    for (size_t i = 0; i < m->n_recipients; i++)
        m->recipients[i] = bag_of(&m->arena, &from->recipients[i], NULL);
    for (size_t i = 0; i < m->n_attachments; i++)
        load_attachment(m, &from->attachments[i], &m->attachments[i]);
    return HAUL_OK;
}

static haul_rc data(haul_mapi *m, size_t i, haul_out *to, haul_err *e)
{
    const haul_made_attachment *a = &((const haul_made_message *)m->source)->attachments[i];
    haul_rc rc = HAUL_OK;
    if (!a->fill)
        return haul_out_write(to, a->data, (size_t)a->size, e);
    uint8_t *p = haul_alloc(PIECE);
    for (uint64_t done = 0; done < a->size && rc == HAUL_OK;) {
        size_t n = a->size - done < PIECE ? (size_t)(a->size - done) : PIECE;
        a->fill(a->ctx, p, n);
        rc = haul_out_write(to, p, n, e);
        done += n;
    }
    free(p);
    return rc;
}

static haul_rc embedded(haul_mapi *m, size_t i, haul_mapi **ret, haul_err *e)
{
    (void)e;
    *ret = mapi_of(((const haul_made_message *)m->source)->attachments[i].embedded, m->depth + 1);
    return HAUL_OK;
}

static void done(haul_mapi *m)
{
    haul_arena_done(&m->arena);
    free(m);
}

static const haul_mapi_ops ops = {.load = load, .data = data, .embedded = embedded, .free = done};

void haul_made_message_add(haul_made *s, uint32_t folder, const haul_made_message *m, haul_pstw_place place)
{
    uint32_t nid;
    if (s->rc != HAUL_OK)
        return;
    haul_auto(haul_mapi) *source = mapi_of(m, 0);
    s->rc = haul_pstw_message(s->store, folder, source, place, &nid, &s->err);
}
