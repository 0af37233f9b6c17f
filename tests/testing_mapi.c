#include "testing_mapi.h"

#include "base/time.h"
#include "base/utf.h"

#include <stdlib.h>
#include <string.h>

#define PATTERN    "A pattern that no compression would notice, 64 octets in length.\n"
#define EPOCH_1601 INT64_C(11644473600)

typedef struct content {
    const char *p;
    uint64_t n;
    size_t breaks; /* SIZE_MAX = never */
    haul_mapi *inner;
} content;

typedef struct owner {
    content *v;
} owner;

static haul_rc load(haul_mapi *m, haul_err *e)
{
    (void)m, (void)e;
    return HAUL_OK;
}

static haul_rc push_pattern(uint64_t n, haul_out *to, haul_err *e)
{
    char block[64 * 1024];
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = PATTERN[i % (sizeof PATTERN - 1)];
    haul_rc rc = HAUL_OK;
    for (uint64_t left = n; left && rc == HAUL_OK;) {
        size_t k = left < sizeof block ? (size_t)left : sizeof block;
        rc = haul_out_write(to, block, k, e);
        left -= k;
    }
    return rc;
}

static haul_rc data(haul_mapi *m, size_t i, haul_out *to, haul_err *e)
{
    const content *c = &((owner *)m->source)->v[i];
    if (!c->p)
        return push_pattern(c->n, to, e);
    size_t n = c->breaks < c->n ? c->breaks : (size_t)c->n;
    for (size_t at = 0; at < n; at += 1000) { /* in pieces, as a store would */
        haul_rc rc = haul_out_write(to, c->p + at, n - at < 1000 ? n - at : 1000, e);
        if (rc != HAUL_OK)
            return rc;
    }
    return c->breaks != SIZE_MAX ? haul_fail(e, HAUL_SKIP, "a block is missing") : HAUL_OK;
}

static haul_rc embedded(haul_mapi *m, size_t i, haul_mapi **ret, haul_err *e);

static void free_view(haul_mapi *m)
{
    free(m);
}

static void free_owner(haul_mapi *m)
{
    owner *o = m->source;
    for (size_t i = 0; i < m->n_attachments; i++)
        if (o->v[i].inner != m)
            haul_mapi_free(o->v[i].inner);
    free(o->v);
    free(o);
    haul_arena_done(&m->arena);
    free(m);
}

static const haul_mapi_ops owner_ops = {load, data, embedded, free_owner};
static const haul_mapi_ops view_ops = {load, data, embedded, free_view};

static size_t opened;

size_t testing_opened(void)
{
    return opened;
}

/* What a store would read anew is a view of the object that belongs to the outer one. */
static haul_rc embedded(haul_mapi *m, size_t i, haul_mapi **ret, haul_err *e)
{
    const content *c = &((owner *)m->source)->v[i];
    if (!c->inner)
        return haul_fail(e, HAUL_SKIP, "no message in attachment %zu", i);
    haul_mapi *view = haul_calloc(1, sizeof *view);
    opened++;
    *view = *c->inner;
    view->ops = &view_ops;
    view->depth = m->depth + 1;
    view->loaded = false;
    *ret = view;
    return HAUL_OK;
}

haul_mapi *testing_mapi(const char *class)
{
    haul_mapi *m = haul_calloc(1, sizeof *m);
    owner *o = haul_calloc(1, sizeof *o);
    m->ops = &owner_ops;
    m->source = o;
    m->node = 0x200024;
    o->v = haul_calloc(TESTING_MAPI_MAX, sizeof *o->v);
    m->recipients = haul_arena_calloc(&m->arena, TESTING_MAPI_MAX * sizeof *m->recipients);
    m->attachments = haul_arena_calloc(&m->arena, TESTING_MAPI_MAX * sizeof *m->attachments);
    if (class)
        set_text(m, &m->props, TAG(0x001a), class);
    return m;
}

haul_bag *testing_recipient(haul_mapi *m, int type, const char *name, const char *address)
{
    if (m->n_recipients == TESTING_MAPI_MAX)
        abort();
    haul_bag *b = &m->recipients[m->n_recipients++];
    set_int(m, b, TAG(0x0c15), type);
    if (name)
        set_text(m, b, TAG(0x3001), name);
    if (address) {
        set_text(m, b, TAG(0x3002), "SMTP");
        set_text(m, b, TAG(0x3003), address);
    }
    return b;
}

static haul_bag *attachment(haul_mapi *m, const char *name, content c)
{
    if (m->n_attachments == TESTING_MAPI_MAX)
        abort();
    size_t i = m->n_attachments++;
    haul_mapi_attach *at = &m->attachments[i];
    ((owner *)m->source)->v[i] = c;
    at->size = at->claimed = c.n;
    at->embedded = c.inner != NULL;
    set_int(m, &at->props, TAG(0x3705), c.inner ? 5 : 1);
    set_int(m, &at->props, TAG(0x0e20), (int32_t)(c.n & 0x7fffffff));
    if (name)
        set_text(m, &at->props, TAG(0x3707), name);
    return &at->props;
}

haul_bag *testing_attachment(haul_mapi *m, const char *name, const void *p, size_t n)
{
    return attachment(m, name, (content){.p = p, .n = n, .breaks = SIZE_MAX});
}

haul_bag *testing_attachment_large(haul_mapi *m, const char *name, uint64_t n)
{
    return attachment(m, name, (content){.n = n, .breaks = SIZE_MAX});
}

void testing_attachment_breaks(haul_mapi *m, size_t n)
{
    ((owner *)m->source)->v[m->n_attachments - 1].breaks = n;
}

haul_mapi *testing_embedded(haul_mapi *m, const char *class)
{
    haul_mapi *inner = testing_mapi(class);
    attachment(m, NULL, (content){.p = "", .breaks = SIZE_MAX, .inner = inner});
    return inner;
}

void testing_embed_itself(haul_mapi *m)
{
    attachment(m, NULL, (content){.p = "", .breaks = SIZE_MAX, .inner = m});
}

static void add(haul_mapi *m, haul_bag *b, haul_prop which, uint16_t type, const void *p, size_t n)
{
    which.type = type;
    which.p = (const uint8_t *)haul_arena_strn(&m->arena, p, n);
    which.n = n;
    if (!haul_bag_add(b, &m->arena, &which))
        abort();
}

static void add_le(haul_mapi *m, haul_bag *b, haul_prop which, uint16_t type, uint64_t v, size_t n)
{
    uint8_t le[8];
    for (size_t i = 0; i < n; i++)
        le[i] = (uint8_t)(v >> 8 * i);
    add(m, b, which, type, le, n);
}

static void utf16(haul_str *to, const char *utf8)
{
    uint32_t cp;
    for (size_t n = strlen(utf8), k; n && (k = haul_utf8_next(utf8, n, &cp)); utf8 += k, n -= k) {
        uint32_t unit[2] = {cp, 0};
        if (cp > 0xffff) {
            unit[0] = 0xd800 + ((cp - 0x10000) >> 10);
            unit[1] = 0xdc00 + ((cp - 0x10000) & 0x3ff);
        }
        for (size_t i = 0; i < 2 && (i == 0 || unit[1]); i++) {
            haul_str_addc(to, (char)(unit[i] & 0xff));
            haul_str_addc(to, (char)(unit[i] >> 8));
        }
    }
}

void set_text(haul_mapi *m, haul_bag *b, haul_prop which, const char *utf8)
{
    haul_auto_str s = {0};
    utf16(&s, utf8);
    add(m, b, which, HAUL_PT_UNICODE, haul_strz(&s), s.len);
}

void set_text8(haul_mapi *m, haul_bag *b, haul_prop which, const char *octets)
{
    add(m, b, which, HAUL_PT_STRING8, octets, strlen(octets));
}

void set_int(haul_mapi *m, haul_bag *b, haul_prop which, int32_t v)
{
    add_le(m, b, which, HAUL_PT_I32, (uint32_t)v, 4);
}

void set_i64(haul_mapi *m, haul_bag *b, haul_prop which, int64_t v)
{
    add_le(m, b, which, HAUL_PT_I64, (uint64_t)v, 8);
}

void set_r64(haul_mapi *m, haul_bag *b, haul_prop which, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    add_le(m, b, which, HAUL_PT_R64, bits, 8);
}

void set_bool(haul_mapi *m, haul_bag *b, haul_prop which, bool v)
{
    add_le(m, b, which, HAUL_PT_BOOL, v, 2);
}

void set_time(haul_mapi *m, haul_bag *b, haul_prop which, const char *iso)
{
    int64_t us;
    if (!haul_iso_parse(iso, &us))
        abort();
    add_le(m, b, which, HAUL_PT_TIME, (uint64_t)(us + EPOCH_1601 * HAUL_US) * 10, 8);
}

void set_bin(haul_mapi *m, haul_bag *b, haul_prop which, const void *p, size_t n)
{
    add(m, b, which, HAUL_PT_BINARY, p, n);
}

/* Variable multi-values: a count, an offset from the beginning for each, then the values (MS-PST 2.3.3.4.2). */
static void add_multi(haul_mapi *m, haul_bag *b, haul_prop which, uint16_t type, const haul_span *v, size_t n)
{
    haul_auto_str s = {0};
    size_t at = 4 + 4 * n;
    for (size_t i = 0; i <= n; i++) {
        size_t word = i ? at : n;
        for (size_t k = 0; k < 4; k++)
            haul_str_addc(&s, (char)(word >> 8 * k & 0xff));
        if (i)
            at += v[i - 1].len;
    }
    for (size_t i = 0; i < n; i++)
        haul_str_add(&s, v[i].p, v[i].len);
    add(m, b, which, type | HAUL_PT_MULTI, haul_strz(&s), s.len);
}

void set_texts(haul_mapi *m, haul_bag *b, haul_prop which, const char *const *utf8, size_t n)
{
    haul_span v[TESTING_MAPI_MAX] = {0};
    haul_str s[TESTING_MAPI_MAX] = {0};
    if (n > TESTING_MAPI_MAX)
        abort();
    for (size_t i = 0; i < n; i++) {
        utf16(&s[i], utf8[i]);
        v[i] = (haul_span){haul_strz(&s[i]), s[i].len};
    }
    add_multi(m, b, which, HAUL_PT_UNICODE, v, n);
    for (size_t i = 0; i < n; i++)
        haul_str_done(&s[i]);
}

void set_bins(haul_mapi *m, haul_bag *b, haul_prop which, const haul_span *v, size_t n)
{
    add_multi(m, b, which, HAUL_PT_BINARY, v, n);
}

static haul_rc collect(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    testing_collect *c = (testing_collect *)o;
    size_t room = c->max ? c->max - c->text.len : n;
    haul_str_add(&c->text, p, n < room ? n : room);
    c->n += n;
    return HAUL_OK;
}

void testing_collect_init(testing_collect *c, size_t max)
{
    *c = (testing_collect){.out = {collect}, .max = max};
}
