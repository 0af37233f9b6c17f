#define _DEFAULT_SOURCE /* fts, futimens */
#include "hold/copy.h"

#include "base/digests.h"
#include "hold/files.h"
#include "hold/losses.h"
#include "io/atomic.h"
#include "model/format.h"
#include "pipe/report.h"

#include <dirent.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK (1024u * 1024u)

typedef struct copying {
    int root;
    haul_catalog *catalog;
    haul_digests *digests;
    const volatile sig_atomic_t *stop;
    char *block;
    uint64_t files, octets;
    uint8_t sha256[HAUL_SHA256_LEN]; /* of the last file */
} copying;

/* ── one file ── */

static haul_rc copy_octets(copying *c, int from, haul_native *to, const char *name, haul_err *e)
{
    for (;;) {
        ssize_t n = read(from, c->block, BLOCK);
        if (n < 0)
            return haul_fail_sys(e, HAUL_E_SOURCE, "%s", name);
        if (!n)
            return HAUL_OK;
        haul_rc rc = haul_out_write(&to->out, c->block, (size_t)n, e);
        if (rc != HAUL_OK)
            return rc;
        if (c->stop && *c->stop)
            return haul_fail(e, HAUL_E_INTERRUPTED, "interrupted; the same command goes on");
    }
}

/* path: below the package, "data/pst/a.pst". */
static haul_rc copy_file(copying *c, const char *source, const char *path, haul_err *e)
{
    haul_auto_fd int from = open(source, O_RDONLY | O_CLOEXEC | O_NONBLOCK), dir = -1;
    haul_auto_str parent = {0};
    haul_native to = {.file.fd = -1};
    struct stat st;
    if (from < 0 || fstat(from, &st) != 0)
        return haul_fail_sys(e, HAUL_E_SOURCE, "%s", source);
    const char *name = strrchr(path, '/') + 1;
    haul_str_add(&parent, path, (size_t)(name - path) - 1);
    haul_rc rc = haul_dir_make(c->root, parent.p, &dir, e);
    if (rc == HAUL_OK)
        rc = haul_native_open(&to, dir, name, c->digests, e);
    if (rc != HAUL_OK)
        return rc;
    rc = copy_octets(c, from, &to, source, e);
    if (rc != HAUL_OK) {
        haul_native_done(&to);
        return rc;
    }
    rc = haul_native_close(&to, e);
    const struct timespec times[2] = {st.st_mtim, st.st_mtim};
    (void)utimensat(dir, name, times, 0);
    c->files++;
    c->octets += to.size;
    memcpy(c->sha256, to.sha256, sizeof(c->sha256));
    return rc == HAUL_OK ? haul_catalog_add_file(c->catalog, path, to.size, to.sha256, e) : rc;
}

/* ── trees ── */

/* A name of the source as any system holds it. Octets that are no UTF-8 are escaped as well. */
static void safe_name(const char *name, haul_str *to)
{
    static const haul_naming naming = {.reserved = "/\\:*?\"<>|%",
                                       .escape = '=',
                                       .last = ". ",
                                       .windows_devices = true,
                                       .component_max = 200,
                                       .ascii = true};
    bool cut = false;
    haul_naming_escape(&naming, name, to, &cut);
}

static void safe_path(const char *below, haul_str *to)
{
    haul_auto_str part = {0}, safe = {0};
    for (below += strspn(below, "/"); *below;) {
        size_t n = strcspn(below, "/");
        haul_str_clear(&part);
        haul_str_clear(&safe);
        haul_str_add(&part, below, n);
        safe_name(part.p, &safe);
        haul_str_addf(to, "/%s", haul_strz(&safe));
        below += n + (below[n] == '/');
    }
}

static haul_rc copy_tree(copying *c, const char *source, const char *path, haul_err *e)
{
    char *copy = haul_strdup(source), *const roots[] = {copy, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
    haul_rc rc = walk ? HAUL_OK : haul_fail_sys(e, HAUL_E_SOURCE, "%s", source);
    haul_auto_str to = {0};
    for (FTSENT *at; rc == HAUL_OK && (at = fts_read(walk));) {
        if (at->fts_info == FTS_DNR || at->fts_info == FTS_ERR || at->fts_level > (int)HAUL_COPY_DEPTH)
            rc = haul_fail(e, HAUL_E_SOURCE, "%s: %s", at->fts_path,
                           at->fts_level > (int)HAUL_COPY_DEPTH ? "too deep" : strerror(at->fts_errno));
        if (rc != HAUL_OK || at->fts_info != FTS_F)
            continue;
        haul_str_clear(&to);
        haul_str_addz(&to, path);
        safe_path(at->fts_path + strlen(source), &to);
        rc = copy_file(c, at->fts_path, to.p, e);
    }
    if (walk)
        fts_close(walk);
    free(copy);
    return rc;
}

/* ── sources ── */

static json_t *copied_event(const copying *c, const char *source, const char *path, bool is_dir)
{
    char hex[HAUL_SHA256_HEX];
    json_t *o = json_object();
    haul_hex(hex, c->sha256, HAUL_SHA256_LEN);
    json_object_set_new(o, "source", json_string_nocheck(source));
    json_object_set_new(o, "path", json_string_nocheck(path));
    json_object_set_new(o, "files", json_integer((json_int_t)c->files));
    json_object_set_new(o, "size", json_integer((json_int_t)c->octets));
    if (!is_dir)
        json_object_set_new(o, "sha256", json_string(hex));
    return o;
}

/* A source that somebody changed since it was read. */
static haul_rc check_copy(const copying *c, const json_t *said, haul_err *e)
{
    char hex[HAUL_SHA256_HEX];
    const char *read = json_string_value(json_object_get(said, "sha256"));
    haul_hex(hex, c->sha256, HAUL_SHA256_LEN);
    return !read || strcmp(read, hex) == 0
               ? HAUL_OK
               : haul_losses_copy(c->catalog, said, "the source is not what it was when it was read", e);
}

/* Not a reason to leave the package unsealed: the next run would fare no better. */
static haul_rc not_copied(copying *c, const json_t *said, const haul_err *why, haul_audit *log, haul_err *e)
{
    json_t *o = json_object();
    json_object_set_new(o, "source", haul_json_from_text(json_string_value(json_object_get(said, "name"))));
    json_object_set_new(o, "error", haul_json_from_text(why->text));
    haul_rc rc = haul_audit_event(log, "source-not-copied", o, e);
    return rc == HAUL_OK ? haul_losses_copy(c->catalog, said, why->text, e) : rc;
}

/* The format that was found first; "mbox+eml" is a tree of several. */
static void format_of(const json_t *source, haul_str *to)
{
    const char *name = json_string_value(json_object_get(source, "format"));
    name = name ? name : "unknown";
    haul_str_add(to, name, strcspn(name, "+"));
}

/* Sources by the names that the report gives them: two "mail.pst" of different places stay apart. */
static haul_rc copy_source(copying *c, const char *source, const json_t *said, haul_audit *log, haul_err *e)
{
    struct stat st;
    haul_auto_str path = {0}, name = {0}, format = {0};
    const char *label = json_string_value(json_object_get(said, "name"));
    haul_err why = {0};
    safe_name(label ? label : "source", &name);
    format_of(said, &format);
    haul_str_addf(&path, "data/%s/%s", format.p, haul_strz(&name));
    c->files = c->octets = 0;
    bool there = stat(source, &st) == 0, is_dir = there && S_ISDIR(st.st_mode);
    haul_rc rc = !there   ? haul_fail_sys(&why, HAUL_E_SOURCE, "%s", source)
                 : is_dir ? copy_tree(c, source, path.p, &why)
                          : copy_file(c, source, path.p, &why);
    if (rc == HAUL_E_SOURCE)
        return not_copied(c, said, &why, log, e);
    if (rc == HAUL_OK && !is_dir)
        rc = check_copy(c, said, &why);
    if (rc == HAUL_OK)
        return haul_audit_event(log, "source-copied", copied_event(c, haul_strz(&name), path.p, is_dir), e);
    if (e)
        *e = why;
    return rc;
}

haul_rc haul_copy_sources(int root, const haul_job *job, const json_t *report, haul_catalog *c,
                          haul_audit *log, haul_err *e)
{
    copying y = {.root = root,
                 .catalog = c,
                 .digests = haul_digests_new(),
                 .stop = job->stop,
                 .block = haul_alloc(BLOCK)};
    const json_t *sources = json_object_get(report, "sources");
    haul_rc rc = HAUL_OK;
    for (size_t i = 0; job->sources[i] && rc == HAUL_OK; i++)
        rc = copy_source(&y, job->sources[i], json_array_get(sources, i), log, e);
    free(y.block);
    haul_digests_free(y.digests);
    return rc;
}

/* ── strays ── */

typedef struct level { /* names of one directory in the order of whole paths: a directory's ends with '/' */
    char **v;
    size_t n, cap, at, len; /* len: of the path above it */
} level;

typedef struct sweep { /* files below data/, one after the other in octet order */
    int root;
    level levels[HAUL_COPY_DEPTH];
    size_t depth;
    haul_str path;
    bool ready; /* path is one that was not compared yet */
    uint64_t removed;
    haul_rc rc;
    haul_err *e;
} sweep;

static int by_octets(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_name(level *l, const char *name, bool is_dir)
{
    haul_auto_str text = {0};
    haul_str_addf(&text, "%s%s", name, is_dir ? "/" : "");
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 64;
        l->v = haul_realloc(l->v, l->cap * sizeof(*l->v));
    }
    l->v[l->n++] = haul_strdup(text.p);
}

/* Not every file system says so in the directory itself. */
static bool is_directory(int dirfd, const struct dirent *at)
{
    struct stat st;
    if (at->d_type != DT_UNKNOWN)
        return at->d_type == DT_DIR;
    return fstatat(dirfd, at->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static haul_rc enter(sweep *s)
{
    if (s->depth == HAUL_COPY_DEPTH)
        return haul_fail(s->e, HAUL_E_TARGET, "%s: nested too deep", s->path.p);
    level *l = &s->levels[s->depth++];
    *l = (level){.len = s->path.len};
    int fd = openat(s->root, s->path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return haul_fail_sys(s->e, HAUL_E_TARGET, "%s", s->path.p);
    for (const struct dirent *at; (at = readdir(d));)
        if (strcmp(at->d_name, ".") != 0 && strcmp(at->d_name, "..") != 0)
            add_name(l, at->d_name, is_directory(fd, at));
    closedir(d);
    if (l->n)
        qsort(l->v, l->n, sizeof(*l->v), by_octets);
    return HAUL_OK;
}

static void leave(sweep *s)
{
    level *l = &s->levels[--s->depth];
    for (size_t i = 0; i < l->n; i++)
        free(l->v[i]);
    free(l->v);
}

/* The next file; false at the end, or where a directory cannot be read. */
static bool step(sweep *s)
{
    while (!s->ready && s->depth && s->rc == HAUL_OK) {
        level *l = &s->levels[s->depth - 1];
        if (l->at == l->n) {
            leave(s);
            continue;
        }
        const char *name = l->v[l->at++];
        s->path.len = l->len;
        haul_str_addz(&s->path, name);
        if (name[strlen(name) - 1] == '/')
            s->rc = enter(s);
        else
            s->ready = true;
    }
    return s->ready;
}

/* Everything in front of `path`, NULL: all that is left. */
static void remove_before(sweep *s, const char *path)
{
    while (step(s) && (!path || strcmp(s->path.p, path) < 0)) {
        s->removed += unlinkat(s->root, s->path.p, 0) == 0;
        s->ready = false;
    }
}

static haul_rc on_known(void *ctx, const char *path, uint64_t size, const uint8_t sha256[HAUL_SHA256_LEN],
                        haul_err *e)
{
    sweep *s = ctx;
    (void)size;
    (void)sha256;
    (void)e; /* the same as s->e */
    remove_before(s, path);
    if (s->ready && strcmp(s->path.p, path) == 0)
        s->ready = false;
    return s->rc;
}

haul_rc haul_copy_strays(int root, haul_catalog *c, uint64_t *ret_n, haul_err *e)
{
    haul_err own = {0};
    sweep s = {.root = root, .e = e ? e : &own};
    haul_str_addz(&s.path, "data/");
    s.rc = enter(&s);
    haul_rc rc = s.rc == HAUL_OK ? haul_catalog_files(c, on_known, &s, e) : s.rc;
    if (rc == HAUL_OK)
        remove_before(&s, NULL);
    while (s.depth)
        leave(&s);
    haul_str_done(&s.path);
    *ret_n = s.removed;
    return rc == HAUL_OK ? s.rc : rc;
}
