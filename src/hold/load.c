#include "hold/load.h"

#include "base/time.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define EXTENSION_MAX 32u /* octets; what is longer is no extension but a name with a dot in it */

/* ── values that are made of more than one text ── */

static void put_parent(const haul_load_row *r, haul_str *to)
{
    if (r->d->parent)
        haul_str_addz(to, r->f->docs[0].docid);
}

/* Of a message without attachments, too: review tools group families by this field. */
static void put_beg_attach(const haul_load_row *r, haul_str *to)
{
    haul_str_addz(to, r->f->docs[0].docid);
}

static void put_end_attach(const haul_load_row *r, haul_str *to)
{
    haul_str_addz(to, r->f->docs[r->f->n - 1].docid);
}

static void put_attch_ids(const haul_load_row *r, haul_str *to)
{
    for (size_t i = 1; i < r->f->n && !r->d->parent; i++) {
        haul_str_addz(to, i > 1 ? ";" : "");
        haul_str_addz(to, r->f->docs[i].docid);
    }
}

/* Names that have a ';' themselves are not changed: FILENAME of each attachment is what counts. */
static void put_attach_names(const haul_load_row *r, haul_str *to)
{
    for (size_t i = 1; i < r->f->n && !r->d->parent; i++) {
        haul_str_addz(to, i > 1 ? ";" : "");
        haul_str_addz(to, r->f->docs[i].file_name);
    }
}

/* A list of choices: ';' without a blank, which would become part of a choice. */
static void put_all_custodians(const haul_load_row *r, haul_str *to)
{
    for (const char *p = r->f->custodians; *p; p++)
        if (p[0] != ' ' || p == r->f->custodians || p[-1] != ';')
            haul_str_addc(to, *p);
}

static void put_record_type(const haul_load_row *r, haul_str *to)
{
    static const char *const names[HAUL_KIND_COUNT] = {
        [HAUL_KIND_MAIL] = "Email", [HAUL_KIND_CALENDAR] = "Calendar", [HAUL_KIND_CONTACT] = "Contact",
        [HAUL_KIND_TASK] = "Task",  [HAUL_KIND_NOTE] = "Note",
    };
    haul_str_addz(to, r->d->parent ? "Attachment" : names[r->d->kind]);
}

/* "YYYYMMDD" in the declared zone. */
static void put_date(const haul_load_row *r, bool has, int64_t us, haul_str *to)
{
    char iso[HAUL_ISO_LEN];
    if (!has)
        return;
    haul_iso_format_tz(iso, us, r->k->tz_min);
    haul_str_add(to, iso, 4);
    haul_str_add(to, iso + 5, 2);
    haul_str_add(to, iso + 8, 2);
}

/* "HH:MM:SS" in the declared zone. */
static void put_time(const haul_load_row *r, bool has, int64_t us, haul_str *to)
{
    char iso[HAUL_ISO_LEN];
    if (!has)
        return;
    haul_iso_format_tz(iso, us, r->k->tz_min);
    haul_str_add(to, iso + 11, 8);
}

static void put_date_sent(const haul_load_row *r, haul_str *to)
{
    put_date(r, r->d->has_sent, r->d->sent_us, to);
}

static void put_time_sent(const haul_load_row *r, haul_str *to)
{
    put_time(r, r->d->has_sent, r->d->sent_us, to);
}

static void put_date_received(const haul_load_row *r, haul_str *to)
{
    put_date(r, r->d->has_received, r->d->received_us, to);
}

static void put_time_received(const haul_load_row *r, haul_str *to)
{
    put_time(r, r->d->has_received, r->d->received_us, to);
}

static void put_date_created(const haul_load_row *r, haul_str *to)
{
    put_date(r, r->d->has_created, r->d->created_us, to);
}

static void put_date_modified(const haul_load_row *r, haul_str *to)
{
    put_date(r, r->d->has_modified, r->d->modified_us, to);
}

static void put_time_zone(const haul_load_row *r, haul_str *to)
{
    haul_str_addz(to, r->k->time_zone);
}

/* Empty where the source does not say: absent is not "unread". */
static void put_flag(const haul_load_row *r, unsigned flag, haul_str *to)
{
    if (r->d->has_flags && !r->d->parent)
        haul_str_addc(to, r->d->flags & flag ? 'Y' : 'N');
}

static void put_read(const haul_load_row *r, haul_str *to)
{
    put_flag(r, HAUL_FLAG_SEEN, to);
}

static void put_flagged(const haul_load_row *r, haul_str *to)
{
    put_flag(r, HAUL_FLAG_FLAGGED, to);
}

static void put_attach_count(const haul_load_row *r, haul_str *to)
{
    if (!r->d->parent)
        haul_str_addf(to, "%zu", r->f->n - 1);
}

/* Behind the last dot, lower case; of a name that the message does not give, that of the stored file. */
static void put_file_ext(const haul_load_row *r, haul_str *to)
{
    const char *name = *r->d->file_name ? r->d->file_name : r->d->native;
    const char *slash = strrchr(name, '/'), *dot = strrchr(slash ? slash + 1 : name, '.');
    size_t n = dot ? strlen(dot + 1) : 0;
    if (!n || n > EXTENSION_MAX || dot == (slash ? slash + 1 : name))
        return;
    for (size_t i = 1; i <= n; i++)
        if ((unsigned char)dot[i] <= ' ')
            return;
    for (size_t i = 1; i <= n; i++)
        haul_str_addc(to, (char)haul_lower((unsigned char)dot[i]));
}

static void put_file_size(const haul_load_row *r, haul_str *to)
{
    haul_str_addf(to, "%" PRIu64, r->d->size);
}

static void put_hex(const uint8_t *p, size_t n, haul_str *to)
{
    haul_str_room(to, 2 * n + 1);
    haul_hex(to->p + to->len, p, n);
    to->len += 2 * n;
}

static void put_md5(const haul_load_row *r, haul_str *to)
{
    put_hex(r->d->md5, sizeof(r->d->md5), to);
}

static void put_sha1(const haul_load_row *r, haul_str *to)
{
    put_hex(r->d->sha1, sizeof(r->d->sha1), to);
}

static void put_sha256(const haul_load_row *r, haul_str *to)
{
    put_hex(r->d->sha256, sizeof(r->d->sha256), to);
}

/* ── the table ── */

static const struct {
    const char *name;
    size_t text_at; /* in haul_doc, where put is NULL */
    void (*put)(const haul_load_row *r, haul_str *to);
} fields[HAUL_LOAD_COUNT] = {
#define T(name, field)    {#name, offsetof(haul_doc, field), NULL},
#define P(name, function) {#name, 0, put_##function},
    HAUL_LOAD_FIELDS(T, P)
#undef T
#undef P
};

const char *haul_load_name(haul_load_field f)
{
    return fields[f].name;
}

const char *haul_load_value(haul_load_field f, const haul_load_row *r, haul_str *scratch)
{
    if (!fields[f].put)
        return *(const char *const *)(const void *)((const char *)r->d + fields[f].text_at);
    haul_str_clear(scratch);
    fields[f].put(r, scratch);
    return haul_strz(scratch);
}

typedef struct each {
    const haul_case *k;
    haul_load_fn fn;
    void *ctx;
} each;

static haul_rc each_of_family(void *ctx, const haul_family *f, haul_err *e)
{
    const each *w = ctx;
    haul_load_row r = {.k = w->k, .f = f};
    haul_rc rc = HAUL_OK;
    for (size_t i = 0; i < f->n && rc == HAUL_OK; i++) {
        r.d = &f->docs[i];
        rc = w->fn(w->ctx, &r, e);
    }
    return rc;
}

haul_rc haul_load_each(haul_catalog *c, const haul_case *k, haul_load_fn fn, void *ctx, haul_err *e)
{
    each w = {k, fn, ctx};
    return haul_catalog_families(c, HAUL_BY_ROW, each_of_family, &w, e);
}

/* ── what could not be held ── */

void haul_load_lose(haul_load_lost *l, uint32_t cp)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 64;
        l->cp = haul_realloc(l->cp, l->cap * sizeof(*l->cp));
    }
    l->cp[l->n++] = cp;
}

static int by_code_point(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

haul_rc haul_load_tell(haul_load_lost *l, haul_load_notes *notes, const char *docid, const char *field,
                       haul_err *e)
{
    size_t n = l->n;
    haul_rc rc = HAUL_OK;
    l->n = 0;
    if (!n || !notes)
        return HAUL_OK;
    notes->replaced += n;
    if (notes->fn)
        qsort(l->cp, n, sizeof(*l->cp), by_code_point);
    for (size_t i = 0, end; notes->fn && i < n && rc == HAUL_OK; i = end) {
        for (end = i + 1; end < n && l->cp[end] == l->cp[i]; end++)
            ;
        rc = notes->fn(notes->ctx, docid, field, l->cp[i], end - i, e);
    }
    return rc;
}

void haul_load_lost_done(haul_load_lost *l)
{
    free(l->cp);
    *l = (haul_load_lost){0};
}
