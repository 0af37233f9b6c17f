#include "pipe/pim.h"

#include "base/hash.h"
#include "io/atomic.h"
#include "mime/decode.h"
#include "mime/walk.h"

#include <fcntl.h>
#include <libical/ical.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN     "pim:"
#define ICS_HEAD  "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//mailhaul//EN\r\n"
#define ICS_TAIL  "END:VCALENDAR\r\n"
#define FLUSH_AT  (1024u * 1024u)       /* octets of one file that wait in memory */
#define READ_STEP (64u * 1024u)         /* octets read at a time when going on with a file */
#define TEXT_MAX  (64u * 1024u * 1024u) /* octets of one calendar or card */

static const haul_naming naming = {.reserved = "<>:\"/\\|?*",
                                   .escape = '%',
                                   .first = ".",
                                   .last = ". ",
                                   .windows_devices = true,
                                   .fold_case = true,
                                   .component_max = 200,
                                   .suffixes = ".ics|.vcf"};

typedef struct zone { /* a time zone that a calendar file has */
    char *id;
    uint64_t digest;
} zone;

typedef struct file {
    char *rel;
    bool calendar;
    bool there;    /* it has been written: up to `size` it counts */
    bool learned;  /* its zones are known */
    bool dirty;    /* written since the last commit */
    uint64_t size; /* octets that count, without the tail of a calendar */
    haul_str pending;
    zone *zones;
    size_t n_zones, cap_zones;
} file;

struct haul_pim {
    const char *dir;
    int root; /* -1 until the first file is written */
    haul_map *map;
    file **v;
    size_t n, cap;
    file **by_folder[2]; /* by mapped folder id, for .vcf and .ics; NULL = none yet */
    size_t n_folders[2];
};

bool haul_pim_owns(const char *key)
{
    return strncmp(key, TOKEN, strlen(TOKEN)) == 0;
}

/* ── files ── */

static file *add_file(haul_pim *p, const char *rel)
{
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 16;
        p->v = haul_realloc(p->v, p->cap * sizeof(*p->v));
    }
    file *f = haul_calloc(1, sizeof(*f));
    f->rel = haul_strdup(rel);
    f->calendar = haul_ends(rel, ".ics");
    p->v[p->n++] = f;
    return f;
}

static file *find_file(haul_pim *p, const char *rel)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->v[i]->rel, rel) == 0)
            return p->v[i];
    return NULL;
}

static void free_file(file *f)
{
    for (size_t i = 0; i < f->n_zones; i++)
        free(f->zones[i].id);
    free(f->zones);
    haul_str_done(&f->pending);
    free(f->rel);
    free(f);
}

static haul_rc open_root(haul_pim *p, haul_err *e)
{
    if (p->root >= 0)
        return HAUL_OK;
    haul_rc rc = haul_dirs_make(p->dir, e);
    if (rc != HAUL_OK)
        return rc;
    p->root = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return p->root < 0 ? haul_fail_sys(e, HAUL_E_TARGET, "%s", p->dir) : HAUL_OK;
}

static haul_rc open_file(haul_pim *p, const file *f, int *ret, haul_err *e)
{
    const char *slash = strrchr(f->rel, '/');
    haul_auto_str parent = {0};
    haul_auto_fd int dir = -1;
    haul_str_add(&parent, f->rel, slash ? (size_t)(slash - f->rel) : 0);
    haul_rc rc = open_root(p, e);
    if (rc == HAUL_OK)
        rc = haul_dir_make(p->root, haul_strz(&parent), &dir, e);
    if (rc != HAUL_OK)
        return rc;
    int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | (f->there ? 0 : O_CREAT | O_TRUNC);
    *ret = openat(dir, slash ? slash + 1 : f->rel, flags, 0600);
    return *ret < 0 ? haul_fail_sys(e, HAUL_E_TARGET, "%s/%s", p->dir, f->rel) : HAUL_OK;
}

static haul_rc write_at(int fd, const file *f, const char *z, size_t n, uint64_t at, haul_err *e)
{
    if (lseek(fd, (off_t)at, SEEK_SET) < 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "%s", f->rel);
    return haul_write_all(fd, z, n, f->rel, e);
}

/* Append what waits. A calendar is whole after every write: its tail is written over by the next one. */
static haul_rc flush(haul_pim *p, file *f, bool sync, haul_err *e)
{
    haul_auto_fd int fd = -1;
    haul_rc rc = open_file(p, f, &fd, e);
    if (rc != HAUL_OK)
        return rc;
    f->there = true;
    size_t n = f->pending.len;
    if (f->calendar)
        haul_str_addz(&f->pending, ICS_TAIL);
    rc = write_at(fd, f, haul_strz(&f->pending), f->pending.len, f->size, e);
    if (rc != HAUL_OK)
        return rc;
    if (ftruncate(fd, (off_t)(f->size + f->pending.len)) != 0 || (sync && fsync(fd) != 0))
        return haul_fail_sys(e, HAUL_E_TARGET, "%s", f->rel);
    f->size += n;
    haul_str_clear(&f->pending);
    f->dirty = true;
    return HAUL_OK;
}

/* ── time zones: each once a file ── */

static void remember_zone(file *f, const char *id, uint64_t digest)
{
    if (f->n_zones == f->cap_zones) {
        f->cap_zones = f->cap_zones ? f->cap_zones * 2 : 8;
        f->zones = haul_realloc(f->zones, f->cap_zones * sizeof(*f->zones));
    }
    f->zones[f->n_zones++] = (zone){haul_strdup(id), digest};
}

static const zone *find_zone(const file *f, const char *id)
{
    for (size_t i = 0; i < f->n_zones; i++)
        if (strcmp(f->zones[i].id, id) == 0)
            return &f->zones[i];
    return NULL;
}

/* The digest leaves the name out: a renamed zone is found again. */
static uint64_t zone_digest(icalcomponent *c)
{
    uint64_t digest = 0;
    for (icalcomponent *s = icalcomponent_get_first_component(c, ICAL_ANY_COMPONENT); s;
         s = icalcomponent_get_next_component(c, ICAL_ANY_COMPONENT)) {
        char *text = icalcomponent_as_ical_string_r(s);
        digest = haul_fnv64(text, strlen(text), digest);
        icalmemory_free_buffer(text);
    }
    return digest;
}

static const char *zone_id(icalcomponent *c)
{
    icalproperty *p = icalcomponent_get_first_property(c, ICAL_TZID_PROPERTY);
    return p ? icalproperty_get_tzid(p) : NULL;
}

typedef struct renaming {
    const char *from, *to;
} renaming;

static void rename_zone(icalparameter *param, void *ctx)
{
    const renaming *r = ctx;
    const char *id = icalparameter_get_tzid(param);
    if (id && strcmp(id, r->from) == 0)
        icalparameter_set_tzid(param, r->to);
}

/* True when the zone has to be written. One that differs from another of its name gets a name of its own. */
static bool settle_zone(file *f, icalcomponent *all, icalcomponent *c, haul_arena *a)
{
    const char *id = zone_id(c);
    uint64_t digest = zone_digest(c);
    if (!id)
        return false;
    const char *name = haul_arena_str(a, id);
    const zone *z = find_zone(f, name);
    for (unsigned i = 2; z && z->digest != digest; i++) {
        name = haul_arena_printf(a, "%s (%u)", id, i);
        z = find_zone(f, name);
    }
    if (strcmp(name, id) != 0) {
        renaming r = {haul_arena_str(a, id), name};
        for (icalcomponent *s = icalcomponent_get_first_component(all, ICAL_ANY_COMPONENT); s;
             s = icalcomponent_get_next_component(all, ICAL_ANY_COMPONENT))
            if (icalcomponent_isa(s) != ICAL_VTIMEZONE_COMPONENT)
                icalcomponent_foreach_tzid(s, rename_zone, &r);
        icalproperty_set_tzid(icalcomponent_get_first_property(c, ICAL_TZID_PROPERTY), name);
    }
    if (z)
        return false;
    remember_zone(f, name, digest);
    return true;
}

static void add_component(file *f, icalcomponent *c)
{
    char *text = icalcomponent_as_ical_string_r(c);
    haul_str_addz(&f->pending, text);
    icalmemory_free_buffer(text);
}

/* Zones go before what names them. */
static void add_calendar(file *f, icalcomponent *all)
{
    haul_arena a = {0};
    for (icalcompiter i = icalcomponent_begin_component(all, ICAL_VTIMEZONE_COMPONENT);
         icalcompiter_deref(&i); icalcompiter_next(&i))
        if (settle_zone(f, all, icalcompiter_deref(&i), &a))
            add_component(f, icalcompiter_deref(&i));
    for (icalcompiter i = icalcomponent_begin_component(all, ICAL_ANY_COMPONENT); icalcompiter_deref(&i);
         icalcompiter_next(&i))
        if (icalcomponent_isa(icalcompiter_deref(&i)) != ICAL_VTIMEZONE_COMPONENT)
            add_component(f, icalcompiter_deref(&i));
    haul_arena_done(&a);
}

/* The zones that an earlier run left in the part of the file that counts. */
static haul_rc learn_zones(haul_pim *p, file *f, haul_err *e)
{
    haul_auto_fd int fd = -1;
    haul_auto_str text = {0};
    haul_rc rc = open_file(p, f, &fd, e);
    if (rc != HAUL_OK)
        return rc;
    for (ssize_t n = 1; n > 0;) {
        haul_str_room(&text, READ_STEP);
        n = read(fd, text.p + text.len, READ_STEP);
        if (n < 0)
            return haul_fail_sys(e, HAUL_E_TARGET, "reading %s", f->rel);
        text.len += (size_t)n;
    }
    haul_str_addc(&text, '\0');
    if (text.len - 1 < f->size)
        return haul_fail(e, HAUL_E_TARGET, "%s has %zu octets, but %llu were stored: it was changed since",
                         f->rel, text.len - 1, (unsigned long long)f->size);
    static const char first[] = "BEGIN:VTIMEZONE", last[] = "END:VTIMEZONE";
    for (const char *z = strstr(text.p, first); z && (uint64_t)(z - text.p) < f->size;
         z = strstr(z + 1, first)) {
        const char *end = strstr(z, last);
        char *one = end ? strndup(z, (size_t)(end - z) + strlen(last)) : NULL;
        icalcomponent *c = one ? icalparser_parse_string(one) : NULL;
        if (c && zone_id(c))
            remember_zone(f, zone_id(c), zone_digest(c));
        if (c)
            icalcomponent_free(c);
        free(one);
    }
    return HAUL_OK;
}

/* ── what a message holds ── */

typedef struct text_out { /* a haul_out that keeps what it gets */
    haul_out out;
    haul_str *to;
} text_out;

static haul_rc keep_text(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    haul_str_add(((text_out *)o)->to, p, n);
    return HAUL_OK;
}

static void decode_part(const haul_piece *part, haul_str *to)
{
    static const haul_decoding how[] = {
        [HAUL_WALK_QP] = HAUL_DECODE_QP, [HAUL_WALK_BASE64] = HAUL_DECODE_BASE64};
    text_out kept = {.out.write = keep_text, .to = to};
    haul_decode d;
    haul_decode_init(&d, part->encoding < HAUL_COUNT(how) ? how[part->encoding] : HAUL_DECODE_NONE,
                     &kept.out);
    if (haul_out_write(&d.out, part->body.p, part->body.len, NULL) == HAUL_OK)
        (void)!haul_decode_end(&d, NULL);
    haul_decode_done(&d);
}

/* Attached messages of somebody else are not looked into: a message within has its number, and its parts begin with it. */
static bool is_within(const char *path, const char *message)
{
    size_t n = strlen(message);
    return strncmp(path, message, n) == 0 && (!path[n] || path[n] == '.' || !n);
}

/* The first text part of that type in the message, decoded; nothing appended when it has none. Calendars and cards stand in the
 * first octets: what is beyond TEXT_MAX is not looked at. */
static haul_rc extract(const haul_msg *m, const char *subtype, haul_str *to, haul_err *e)
{
    haul_span all = {0};
    haul_piece part;
    haul_auto_str wanted = {0}, skip = {0};
    bool skipping = false;
    haul_rc rc = haul_spool_head(m->body, TEXT_MAX, &all.p, &all.len, e);
    if (rc != HAUL_OK)
        return rc;
    haul_auto(haul_walk) *w = haul_walk_new(all);
    haul_str_addf(&wanted, "text/%s", subtype);
    while (haul_walk_next(w, &part)) {
        if (!part.entity || (skipping && is_within(part.path, haul_strz(&skip))))
            continue;
        skipping = part.class == HAUL_WALK_MESSAGE;
        haul_str_clear(&skip);
        haul_str_addz(&skip, part.path);
        if (!part.leaf || strcmp(part.type, wanted.p) != 0)
            continue;
        decode_part(&part, to);
        break;
    }
    return HAUL_OK;
}

/* ── by folder ── */

static file *file_of(haul_pim *p, const haul_folders *folders, uint32_t folder, bool calendar)
{
    haul_mapped to;
    haul_auto_str rel = {0};
    haul_map_folder(p->map, folders, folder, NULL, &to);
    file ***by = &p->by_folder[calendar];
    size_t *n = &p->n_folders[calendar];
    if (to.id >= *n) {
        size_t want = to.id + 16;
        *by = haul_realloc(*by, want * sizeof(**by));
        memset(*by + *n, 0, (want - *n) * sizeof(**by));
        *n = want;
    }
    file **f = &(*by)[to.id];
    if (!*f) {
        haul_str_addf(&rel, "%s%s", to.path.text, calendar ? ".ics" : ".vcf");
        *f = find_file(p, rel.p);
        if (!*f)
            *f = add_file(p, rel.p);
    }
    return *f;
}

static haul_rc begin(haul_pim *p, file *f, haul_err *e)
{
    if (!f->calendar || f->learned)
        return HAUL_OK;
    f->learned = true;
    if (f->there)
        return learn_zones(p, f, e);
    if (f->size == 0)
        haul_str_addz(&f->pending, ICS_HEAD);
    return HAUL_OK;
}

static void add_card(file *f, const haul_str *text)
{
    for (const char *p = text->p, *end = p + text->len; p < end;) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((eol ? eol : end) - p);
        haul_str_add(&f->pending, p, n && p[n - 1] == '\r' ? n - 1 : n);
        haul_str_addz(&f->pending, "\r\n");
        p += n + (eol != NULL);
    }
}

static haul_rc add_text(haul_pim *p, file *f, haul_str *text, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    icalcomponent *all = f->calendar ? icalparser_parse_string(haul_strz(text)) : NULL;
    if (f->calendar && !all)
        return HAUL_OK;
    rc = begin(p, f, e);
    if (rc == HAUL_OK && all)
        add_calendar(f, all);
    else if (rc == HAUL_OK)
        add_card(f, text);
    if (all)
        icalcomponent_free(all);
    f->dirty = true;
    return rc == HAUL_OK && f->pending.len > FLUSH_AT ? flush(p, f, false, e) : rc;
}

haul_rc haul_pim_message(haul_pim *p, const haul_folders *folders, const haul_msg *m, haul_err *e)
{
    haul_auto_str text = {0};
    bool calendar = m->kind != HAUL_KIND_CONTACT;
    if (m->kind == HAUL_KIND_MAIL)
        return HAUL_OK;
    haul_rc rc = extract(m, calendar ? "calendar" : "vcard", &text, e);
    if (rc != HAUL_OK || !text.len)
        return rc;
    return add_text(p, file_of(p, folders, m->folder, calendar), &text, e);
}

haul_rc haul_pim_commit(haul_pim *p, haul_tokens *to, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    for (size_t i = 0; i < p->n && rc == HAUL_OK; i++) {
        file *f = p->v[i];
        if (!f->dirty)
            continue;
        haul_auto_str key = {0}, value = {0};
        rc = flush(p, f, true, e);
        haul_str_addf(&key, TOKEN "%s", f->rel);
        haul_str_addf(&value, "%llu", (unsigned long long)f->size);
        haul_tokens_put(to, key.p, value.p);
        f->dirty = false;
    }
    if (rc == HAUL_OK && p->root >= 0)
        rc = haul_sync_fs(p->root, e);
    return rc;
}

static haul_rc check_empty(const char *dir, haul_err *e)
{
    haul_auto_fd int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || haul_dir_is_empty(fd, NULL))
        return HAUL_OK;
    return haul_fail(e, HAUL_E_TARGET, "%s is not empty, and no earlier run wrote it; move it away", dir);
}

haul_rc haul_pim_open(const haul_job *job, const char *dir, const haul_tokens *resume, haul_pim **ret,
                      haul_err *e)
{
    haul_pim *p = haul_calloc(1, sizeof(*p));
    p->dir = dir;
    p->root = -1;
    p->map = haul_map_new(&naming, NULL, job->rules, job->n_rules, job->prefix);
    haul_rc rc = resume ? HAUL_OK : check_empty(dir, e);
    for (size_t i = 0; resume && i < haul_tokens_count(resume) && rc == HAUL_OK; i++) {
        const char *key, *value;
        haul_tokens_at(resume, i, &key, &value);
        if (!haul_pim_owns(key))
            continue;
        file *f = add_file(p, key + strlen(TOKEN));
        f->there = true;
        if (!haul_parse_u64(value, strlen(value), &f->size))
            rc = haul_fail(e, HAUL_E_STATE, "%s: the journal's size for it is not a number", f->rel);
    }
    if (rc != HAUL_OK)
        haul_pim_close(p);
    else
        *ret = p;
    return rc;
}

void haul_pim_close(haul_pim *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++)
        free_file(p->v[i]);
    free(p->v);
    free(p->by_folder[0]);
    free(p->by_folder[1]);
    haul_map_free(p->map);
    haul_fd_autoclose(&p->root);
    free(p);
}
