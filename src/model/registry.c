/* The registry of formats, and detection by content: the probe that verifies the most bits wins. */
#include "base/err.h"
#include "model/format.h"
#include "model/sums.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HAUL_FORMAT(name) extern const haul_format haul_format_##name;
#include "formats.def"
#undef HAUL_FORMAT

const haul_format *const haul_formats[] = {
#define HAUL_FORMAT(name) &haul_format_##name,
#include "formats.def"
#undef HAUL_FORMAT
    NULL};

/* Detection looks at no more than this of a directory tree. */
#define SAMPLE_FILES 96u
#define SAMPLE_EACH  8u
#define SAMPLE_DEPTH 8u
#define SAMPLE_DIRS  256u

const haul_format *haul_format_find(const char *name)
{
    for (size_t i = 0; haul_formats[i]; i++)
        if (strcmp(haul_formats[i]->name, name) == 0)
            return haul_formats[i];
    return NULL;
}

/* "imaps" of "imaps://host/"; a path that happens to hold "://" has a '/' before it or no such scheme. */
static const haul_format *by_scheme(const char *target)
{
    const char *colon = strstr(target, "://");
    size_t n = colon ? (size_t)(colon - target) : 0;
    for (size_t i = 0; n && haul_formats[i]; i++)
        for (const char *s = haul_formats[i]->schemes; s && *s;) {
            size_t len = strcspn(s, "|");
            if (len == n && strncasecmp(s, target, n) == 0)
                return haul_formats[i];
            s += len + (s[len] == '|');
        }
    return NULL;
}

bool haul_target_is_remote(const char *target)
{
    return by_scheme(target) != NULL;
}

const haul_format *haul_format_for_target(const char *target)
{
    const haul_format *remote = by_scheme(target);
    if (remote)
        return remote;
    for (size_t i = 0; haul_formats[i]; i++) {
        const haul_format *f = haul_formats[i];
        for (const char *s = f->suffixes; f->sink && s && *s;) {
            char suffix[32];
            size_t n = strcspn(s, "|");
            snprintf(suffix, sizeof(suffix), "%.*s", (int)n, s);
            if (haul_iends(target, suffix))
                return f;
            s += n + (s[n] == '|');
        }
    }
    return NULL;
}

static const haul_format *best_format(const haul_probe *p)
{
    const haul_format *best = NULL;
    int bits = 0;
    for (size_t i = 0; haul_formats[i]; i++) {
        const haul_format *f = haul_formats[i];
        int b = f->reader && !f->schemes ? f->reader->probe(p) : 0;
        if (b > bits) {
            bits = b;
            best = f;
        }
    }
    return best;
}

bool haul_probe_has_dir(const haul_probe *p, const char *name)
{
    for (size_t i = 0; i < p->n_entries; i++)
        if (p->entries[i].type == HAUL_ENTRY_DIR && strcmp(p->entries[i].name, name) == 0)
            return true;
    return false;
}

/* Fill a probe with the first octets of one file; a file that cannot be read shows none. */
static haul_rc probe_file(haul_tree *t, const char *path, haul_arena *a, haul_probe *ret, haul_err *e)
{
    haul_auto(haul_in) *in = NULL;
    const char *p = NULL;
    size_t n = 0;
    haul_in *raw = NULL;
    haul_rc rc = haul_tree_read(t, path, &raw, NULL, e);
    if (rc == HAUL_OK)
        rc = haul_in_auto(raw, &in, e);
    if (rc == HAUL_OK)
        rc = haul_in_peek(in, HAUL_PROBE_HEAD, &p, &n, e);
    if (rc != HAUL_OK)
        return rc;
    ret->head_len = n < HAUL_PROBE_HEAD ? n : HAUL_PROBE_HEAD;
    ret->head = haul_arena_strn(a, p, ret->head_len);
    return HAUL_OK;
}

typedef struct sample {
    haul_tree *tree;
    haul_arena *arena;
    haul_probe files[SAMPLE_FILES];
    size_t n_files, n_dirs;
} sample;

static const char *join(haul_arena *a, const char *dir, const char *name)
{
    return *dir ? haul_arena_printf(a, "%s/%s", dir, name) : haul_arena_str(a, name);
}

/* Probe some files of a directory and go down; what cannot be read is the reader's to report. */
static void sample_dir(sample *s, const char *dir, unsigned depth)
{
    haul_entry *v = NULL;
    size_t n = 0;
    unsigned taken = 0, seen = 0;
    size_t files = 0;
    if (depth > SAMPLE_DEPTH || s->n_dirs++ >= SAMPLE_DIRS ||
        haul_tree_list(s->tree, dir, s->arena, &v, &n, NULL) != HAUL_OK)
        return;
    for (size_t i = 0; i < n; i++)
        files += v[i].type == HAUL_ENTRY_FILE && v[i].name[0] != '.';
    for (size_t i = 0; i < n && taken < SAMPLE_EACH && s->n_files < SAMPLE_FILES; i++) {
        if (v[i].type != HAUL_ENTRY_FILE || v[i].name[0] == '.')
            continue;
        if (seen++ * SAMPLE_EACH < taken * files) /* spread over the directory */
            continue;
        haul_probe *p = &s->files[s->n_files];
        *p = (haul_probe){.label = join(s->arena, dir, v[i].name), .head = ""};
        if (probe_file(s->tree, p->label, s->arena, p, NULL) == HAUL_OK) {
            s->n_files++;
            taken++;
        }
    }
    for (size_t i = 0; i < n && s->n_files < SAMPLE_FILES; i++)
        if (v[i].type == HAUL_ENTRY_DIR && strcmp(v[i].name, ".mailhaul") != 0)
            sample_dir(s, join(s->arena, dir, v[i].name), depth + 1);
}

haul_rc haul_format_detect_file(haul_tree *t, const char *path, const haul_format **ret, haul_err *e)
{
    haul_arena arena = {0};
    haul_probe p = {.label = path, .head = ""};
    haul_rc rc = probe_file(t, path, &arena, &p, e);
    if (rc == HAUL_OK)
        *ret = best_format(&p);
    haul_arena_done(&arena);
    return rc;
}

haul_rc haul_format_detect(haul_tree *t, const haul_format **ret, haul_err *e)
{
    haul_arena arena = {0};
    haul_probe p = {.label = haul_tree_label(t), .is_dir = !haul_tree_is_file(t), .head = ""};
    haul_rc rc;
    sample *s = NULL;
    if (p.is_dir) {
        haul_entry *v = NULL;
        rc = haul_tree_list(t, "", &arena, &v, &p.n_entries, e);
        p.entries = v;
        s = haul_calloc(1, sizeof(*s));
        s->tree = t;
        s->arena = &arena;
        if (rc == HAUL_OK)
            sample_dir(s, "", 0);
        p.files = s->files;
        p.n_files = s->n_files;
    } else {
        rc = probe_file(t, "", &arena, &p, e);
        if (rc == HAUL_SKIP)
            rc = HAUL_E_SOURCE;
    }
    if (rc == HAUL_OK)
        *ret = best_format(&p);
    free(s);
    haul_arena_done(&arena);
    return rc;
}

static haul_rc open_reader(haul_reader *r, const haul_format *f, haul_err *e)
{
    r->state = haul_calloc(1, f->reader->state_size);
    haul_rc rc = r->ops->open(r, e);
    if (rc != HAUL_OK)
        haul_reader_close(r);
    return rc;
}

haul_rc haul_reader_open(haul_reader *r, const haul_format *f, haul_tree *t, const haul_values *v,
                         void (*issue)(void *, haul_issue_id, const char *), void *ctx, haul_err *e)
{
    *r = (haul_reader){
        .ops = f->reader, .tree = t, .values = v, .issue = issue, .issue_ctx = ctx, .exclusive = true};
    return open_reader(r, f, e);
}

haul_rc haul_reader_open_remote(haul_reader *r, const haul_format *f, const haul_remote *remote,
                                const haul_values *v, void (*issue)(void *, haul_issue_id, const char *),
                                void *ctx, haul_err *e)
{
    *r = (haul_reader){
        .ops = f->reader, .remote = remote, .values = v, .issue = issue, .issue_ctx = ctx, .exclusive = true};
    return open_reader(r, f, e);
}

void haul_reader_close(haul_reader *r)
{
    if (!r->state)
        return;
    r->ops->close(r);
    free(r->state);
    r->state = NULL;
}

void haul_reader_issue(haul_reader *r, haul_issue_id id, const char *fmt, ...)
{
    char text[HAUL_ERR_TEXT];
    va_list ap;
    if (r->later && id == HAUL_ISSUE_SOURCE_ENTRY_SKIPPED)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    r->issue(r->issue_ctx, id, text);
}

void haul_sink_receipt(haul_sink *s, const haul_msg *m, const char *place, haul_rc rc, const haul_err *why)
{
    s->receipt(s->ctx, m, place, rc, why);
}

haul_msg *haul_sink_keep(haul_sink *s, const haul_msg *m, bool body)
{
    s->kept_body |= body;
    return haul_msg_ref((haul_msg *)(uintptr_t)m); /* the core made it; sinks see it as const */
}

void haul_sink_issue(haul_sink *s, const haul_msg *m, haul_issue_id id, const char *fmt, ...)
{
    char text[HAUL_ERR_TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    s->issue(s->ctx, m, id, text);
}

/* ── passes ── */

static uint32_t bit_of(const haul_format *f)
{
    for (size_t i = 0; haul_formats[i] && i < 32; i++)
        if (haul_formats[i] == f)
            return UINT32_C(1) << i;
    return 0;
}

bool haul_reader_claims(haul_reader *r, const char *path, const char *head, size_t n)
{
    if (r->exclusive)
        return true;
    haul_probe p = {.label = path, .head = head, .head_len = n < HAUL_PROBE_HEAD ? n : HAUL_PROBE_HEAD};
    const haul_format *f = best_format(&p);
    if (!f || f->reader == r->ops)
        return true;
    r->others |= bit_of(f);
    return false;
}

static bool is_layout_dir(const haul_format *f, const char *name)
{
    for (size_t i = 0; f->layout_dirs && f->layout_dirs[i]; i++)
        if (strcmp(f->layout_dirs[i], name) == 0)
            return true;
    return false;
}

bool haul_reader_hides(const haul_entry *entry)
{
    return entry->type == HAUL_ENTRY_DIR && entry->name[0] == '.' && strcmp(entry->name, ".mailhaul") != 0;
}

/* Does any format keep directories of that name for itself? */
static bool is_layout_name(const char *name)
{
    for (size_t i = 0; haul_formats[i]; i++)
        if (is_layout_dir(haul_formats[i], name))
            return true;
    return false;
}

/* Names of files only: what is in them says nothing about the directory. */
static void sample_names(haul_tree *t, const char *dir, const char *name, haul_arena *a, haul_probe *files,
                         size_t *ret_n)
{
    haul_entry *v = NULL;
    size_t n = 0;
    if (haul_tree_list(t, join(a, dir, name), a, &v, &n, NULL) != HAUL_OK)
        return;
    for (size_t i = 0; i < n && *ret_n < SAMPLE_EACH; i++)
        if (v[i].type == HAUL_ENTRY_FILE && v[i].name[0] != '.')
            files[(*ret_n)++] = (haul_probe){.label = join(a, name, v[i].name), .head = ""};
}

bool haul_reader_claims_dir(haul_reader *r, const char *dir, const haul_entry *entries, size_t n,
                            const char *name)
{
    haul_arena a = {0};
    haul_probe files[SAMPLE_EACH];
    haul_probe p = {
        .label = "", .is_dir = true, .head = "", .entries = entries, .n_entries = n, .files = files};
    if (r->exclusive || !is_layout_name(name))
        return true;
    sample_names(r->tree, dir, name, &a, files, &p.n_files);
    const haul_format *f = best_format(&p);
    bool theirs = f && f->reader != r->ops && is_layout_dir(f, name);
    if (theirs)
        r->others |= bit_of(f);
    haul_arena_done(&a);
    return !theirs;
}

const char *haul_unread_kind(const char *p, size_t n, const char *otherwise)
{
    static const struct {
        const char *magic, *text;
        size_t n;
    } kinds[] = {
        {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
         "an OLE file, as Outlook's .msg files are; these are not read: put the message into an Outlook "
         "store",
         8},
        {"\xcf\xad\x12\xfe", "a folder of Outlook Express (.dbx); these are not read", 4},
        {"PK\x03\x04", "a zip; one is read when it is named as a source, and whole", 4},
    };
    for (size_t i = 0; i < HAUL_COUNT(kinds); i++)
        if (n >= kinds[i].n && memcmp(p, kinds[i].magic, kinds[i].n) == 0)
            return kinds[i].text;
    return otherwise;
}

/* Of the file at path; ret_empty may be NULL. */
static const char *kind_of(haul_tree *t, const char *path, bool *ret_empty)
{
    haul_stat st = {.size = 1};
    haul_auto(haul_in) *in = NULL;
    const char *p = NULL;
    size_t n = 0;
    bool read = haul_tree_read(t, path, &in, &st, NULL) == HAUL_OK;
    if (ret_empty)
        *ret_empty = read && !st.size;
    return read && haul_in_peek(in, HAUL_UNREAD_HEAD, &p, &n, NULL) == HAUL_OK ? haul_unread_kind(p, n, NULL)
                                                                               : NULL;
}

/* Of a directory: the first file at its top of a kind that is known, *ret_name. */
static const char *kind_within(haul_tree *t, haul_arena *a, const char **ret_name)
{
    haul_entry *v = NULL;
    size_t n = 0;
    const char *kind = NULL;
    if (haul_tree_list(t, "", a, &v, &n, NULL) != HAUL_OK)
        return NULL;
    for (size_t i = 0, seen = 0; i < n && !kind && seen < SAMPLE_FILES; i++)
        if (v[i].type == HAUL_ENTRY_FILE) {
            seen++;
            *ret_name = v[i].name;
            kind = kind_of(t, v[i].name, NULL);
        }
    return kind;
}

static haul_rc nothing_fits(haul_tree *t, haul_err *e)
{
    haul_arena a = {0};
    const char *name = NULL;
    bool file = haul_tree_is_file(t), empty = false;
    const char *kind = file ? kind_of(t, "", &empty) : kind_within(t, &a, &name);
    haul_rc rc =
        empty          ? haul_fail(e, HAUL_E_FORMAT, "the file is empty")
        : kind && file ? haul_fail(e, HAUL_E_FORMAT, "%s", kind)
        : kind         ? haul_fail(e, HAUL_E_FORMAT, "nothing in it is read; %s, for one, is %s", name, kind)
                       : haul_fail(e, HAUL_E_FORMAT,
                                   "no format is recognised; mailhaul formats lists what is read, --from FORMAT "
                                           "decides by hand");
    haul_arena_done(&a);
    return rc;
}

haul_rc haul_passes_choose(haul_passes *p, const haul_format *chosen, haul_tree *t, haul_err *e)
{
    const haul_format *f = chosen;
    haul_rc rc = f ? HAUL_OK : haul_format_detect(t, &f, e);
    if (rc != HAUL_OK)
        return rc;
    if (!f)
        return nothing_fits(t, e);
    if (!f->reader)
        return haul_fail(e, HAUL_E_USAGE, "%s is written, not read", f->name);
    *p = (haul_passes){.todo = bit_of(f), .exclusive = chosen != NULL};
    return HAUL_OK;
}

const haul_format *haul_passes_next(haul_passes *p)
{
    for (size_t i = 0; haul_formats[i] && i < 32; i++)
        if (p->todo >> i & 1) {
            p->todo &= ~(UINT32_C(1) << i);
            p->done |= UINT32_C(1) << i;
            return haul_formats[i];
        }
    return NULL;
}

haul_rc haul_passes_open(const haul_passes *p, haul_reader *r, const haul_format *f, haul_tree *t,
                         const haul_values *v, void (*issue)(void *, haul_issue_id, const char *), void *ctx,
                         haul_err *e)
{
    *r = (haul_reader){.ops = f->reader,
                       .tree = t,
                       .values = v,
                       .issue = issue,
                       .issue_ctx = ctx,
                       .exclusive = p->exclusive || haul_tree_is_file(t)};
    r->later = (p->done & (p->done - 1)) != 0;
    if (!r->later && !haul_tree_is_file(t))
        haul_sums_check_top(r);
    if (!r->later && haul_tree_damage(t))
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_UNREADABLE, "%s", haul_tree_damage(t));
    return open_reader(r, f, e);
}

static void tell_nested_damage(haul_reader *r)
{
    haul_arena a = {0};
    const char *damage;
    for (size_t i = 0; (damage = haul_tree_nested_damage(r->tree, i, &a)); i++)
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_UNREADABLE, "%s", damage);
    haul_arena_done(&a);
}

void haul_passes_end(haul_passes *p, haul_reader *r)
{
    if (r->tree && r->state && !r->later)
        tell_nested_damage(r);
    p->todo |= r->others & ~p->done;
}
