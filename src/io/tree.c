#define _GNU_SOURCE /* d_type */
#include "io/tree.h"

#include "base/str.h"
#include "base/time.h"
#include "io/container.h"
#include "io/nest.h"
#include "io/temp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_OPEN   (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define FILE_OPEN  (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define LARGE_FILE (1024 * 1024) /* octets from which telling the kernel pays */

struct haul_tree {
    char *path, *label, *real;
    int root;  /* the directory, or the container's file; -1 for a plain file */
    int given; /* the plain file of haul_tree_from_fd, else -1 */
    dev_t dev; /* of a plain file */
    ino_t ino;
    bool is_file;
    int dir; /* the directory used last, -1 = none; dir_path is its path */
    haul_str dir_path;
    haul_container *container;
    haul_nest *nest;  /* containers at the top that are walked as directories, NULL = none */
    haul_in *scratch; /* of haul_tree_slurp */
};

/* The container that path leads into, with the path in it: that of the whole source, or one at the top of a directory of
 * downloads, which is opened now. *ret NULL: it leads into none. A path that ends there, *ret_rest then being "", means what is
 * in it, or with `whole` that file itself. */
static haul_rc into_container(haul_tree *t, const char *path, bool whole, haul_container **ret,
                              const char **ret_rest, haul_err *e);

/* ── opening ── */

static const char *kind_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFIFO:
        return "a FIFO";
    case S_IFSOCK:
        return "a socket";
    case S_IFCHR:
    case S_IFBLK:
        return "a device";
    case S_IFDIR:
        return "a directory";
    case S_IFLNK:
        return "a symbolic link";
    default:
        return "not a regular file";
    }
}

/* The last component of path, or of the real path where that one has no name of its own. */
char *haul_tree_label_of(const char *path, const char *real)
{
    size_t end = strlen(path);
    while (end > 0 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/')
        start--;
    haul_span last = {.p = path + start, .len = end - start};
    if (last.len == 0 || haul_span_is(last, ".") || haul_span_is(last, "..")) {
        const char *slash = strrchr(real, '/');
        return haul_strdup(slash && slash[1] ? slash + 1 : real);
    }
    char *label = haul_alloc(last.len + 1);
    memcpy(label, last.p, last.len);
    label[last.len] = '\0';
    return label;
}

static haul_rc open_file_root(haul_tree *t, const struct stat *st, haul_err *e)
{
    t->is_file = true;
    t->dev = st->st_dev;
    t->ino = st->st_ino;
    haul_rc rc = haul_container_open(t->root, t->path, &t->container, e);
    if (rc != HAUL_OK)
        return haul_wrap(e, rc, "%s", t->path);
    t->is_file = !t->container;
    if (t->is_file)
        haul_fd_autoclose(&t->root);
    return HAUL_OK;
}

static haul_rc open_root(haul_tree *t, haul_err *e)
{
    struct stat st;
    /* Looked at before it is opened: opening a device can have effects. */
    if (stat(t->path, &st) != 0)
        return haul_fail_sys(e, HAUL_E_SOURCE, "%s", t->path);
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return haul_fail(e, HAUL_E_SOURCE, "%s: %s cannot be read as mail", t->path, kind_of(st.st_mode));
    t->root = open(t->path, FILE_OPEN);
    if (t->root < 0 || fstat(t->root, &st) != 0)
        return haul_fail_sys(e, HAUL_E_SOURCE, "%s", t->path);
    t->real = realpath(t->path, NULL);
    if (!t->real)
        return haul_fail_sys(e, HAUL_E_SOURCE, "%s", t->path);
    t->label = haul_tree_label_of(t->path, t->real);
    if (S_ISREG(st.st_mode))
        return open_file_root(t, &st, e);
    if (!S_ISDIR(st.st_mode))
        return haul_fail(e, HAUL_E_SOURCE, "%s: %s cannot be read as mail", t->path, kind_of(st.st_mode));
    return HAUL_OK;
}

/* Whether the top is a directory of downloads; if it cannot be read, who lists it will say so. */
static void look_for_nest(haul_tree *t)
{
    haul_arena a = {0};
    haul_entry *v = NULL;
    size_t n = 0;
    if (haul_tree_list(t, "", &a, &v, &n, NULL) == HAUL_OK)
        t->nest = haul_nest_new(v, n);
    haul_arena_done(&a);
}

haul_rc haul_tree_open(const char *path, haul_tree **ret, haul_err *e)
{
    haul_auto(haul_tree) *t = haul_calloc(1, sizeof(*t));
    t->root = t->dir = t->given = -1;
    t->path = haul_strdup(path);
    haul_rc rc = open_root(t, e);
    if (rc != HAUL_OK)
        return rc;
    if (!t->is_file)
        look_for_nest(t);
    *ret = t;
    t = NULL;
    return HAUL_OK;
}

haul_tree *haul_tree_from_fd(int fd, const char *label)
{
    haul_tree *t = haul_calloc(1, sizeof(*t));
    t->root = t->dir = -1;
    t->given = fd;
    t->is_file = true;
    t->path = haul_strdup(label);
    t->label = haul_strdup(label);
    t->real = haul_strdup(label);
    return t;
}

void haul_tree_close(haul_tree *t)
{
    if (!t)
        return;
    haul_in_close(t->scratch);
    haul_nest_free(t->nest);
    haul_container_close(t->container);
    haul_fd_autoclose(&t->root);
    haul_fd_autoclose(&t->dir);
    haul_fd_autoclose(&t->given);
    haul_str_done(&t->dir_path);
    free(t->path);
    free(t->label);
    free(t->real);
    free(t);
}

const char *haul_tree_path(const haul_tree *t)
{
    return t->path;
}

const char *haul_tree_label(const haul_tree *t)
{
    return t->label;
}

bool haul_tree_is_file(const haul_tree *t)
{
    return t->is_file;
}

bool haul_tree_is_container(const haul_tree *t)
{
    return t->container != NULL;
}

const char *haul_tree_realpath(const haul_tree *t)
{
    return t->real;
}

const char *haul_tree_damage(const haul_tree *t)
{
    return t->container ? haul_container_damage(t->container) : NULL;
}

const char *haul_tree_nested_damage(const haul_tree *t, size_t i, haul_arena *a)
{
    for (size_t k = 0; k < haul_nest_count(t->nest); k++) {
        const haul_container *c = haul_nest_get(t->nest, k);
        const char *damage = c ? haul_container_damage(c) : NULL;
        if (damage && !i--)
            return haul_arena_printf(a, "%s: %s", haul_nest_name(t->nest, k), damage);
    }
    return NULL;
}

/* ── below a directory ── */

/* What a failed open below the root means: out of descriptors ends the run, anything else costs one file. */
static haul_rc lost(haul_err *e, const char *path)
{
    bool ours = errno == EMFILE || errno == ENFILE || errno == ENOMEM;
    if (errno == ELOOP)
        return haul_fail(e, HAUL_SKIP, "%s: a symbolic link, not followed", path);
    return haul_fail_sys(e, ours ? HAUL_E_SOURCE : HAUL_SKIP, "%s", path);
}

/* Names come from haul_tree_list, but also from index files inside a source: only plain descents pass. */
static bool is_descent(const char *path, size_t len)
{
    unsigned depth = 0;
    for (size_t at = 0; at < len; depth++) {
        const char *slash = memchr(path + at, '/', len - at);
        size_t n = slash ? (size_t)(slash - path) - at : len - at;
        const char *name = path + at;
        if (n == 0 || (name[0] == '.' && (n == 1 || (n == 2 && name[1] == '.'))))
            return false;
        at += n + 1;
        if (at == len)
            return false;
    }
    return depth <= HAUL_TREE_DEPTH_MAX;
}

/* Step by step down from fd, which stays open. Negative on failure; no step follows a link. */
static int descend(int fd, const char *path, size_t len)
{
    haul_auto_str names = {0};
    haul_str_add(&names, path, len);
    haul_auto_fd int at = -1;
    for (char *name = names.p, *slash; name; name = slash) {
        slash = strchr(name, '/');
        if (slash)
            *slash++ = '\0';
        int next = openat(at < 0 ? fd : at, name, DIR_OPEN);
        if (next < 0)
            return -1;
        haul_fd_autoclose(&at);
        at = next;
    }
    int ret = at;
    at = -1;
    return ret;
}

/* Octets of path that the remembered directory covers, 0 = none. */
static size_t covered(const haul_tree *t, const char *path, size_t len)
{
    size_t known = t->dir_path.len;
    if (t->dir < 0 || known > len || memcmp(path, t->dir_path.p, known) != 0)
        return 0;
    return known == len || path[known] == '/' ? known : 0;
}

/* *ret_fd is borrowed: the directory of the len octets at path, remembered for the next call. */
static haul_rc open_dir(haul_tree *t, const char *path, size_t len, int *ret_fd, haul_err *e)
{
    size_t known = covered(t, path, len);
    if (known < len) {
        if (!is_descent(path, len))
            return haul_fail(e, HAUL_SKIP, "%.*s: leaves the source, or is nested too deep", (int)len, path);
        size_t from = known ? known + 1 : 0;
        int fd = descend(known ? t->dir : t->root, path + from, len - from);
        if (fd < 0)
            return lost(e, path);
        haul_fd_autoclose(&t->dir);
        t->dir = fd;
        haul_str_clear(&t->dir_path);
        haul_str_add(&t->dir_path, path, len);
    }
    *ret_fd = len ? t->dir : t->root;
    return HAUL_OK;
}

typedef struct entries {
    haul_entry *v;
    size_t n, cap;
} entries;

static void entries_autodone(entries *l)
{
    free(l->v);
}

static haul_entry_type type_of_mode(mode_t mode)
{
    if (S_ISREG(mode))
        return HAUL_ENTRY_FILE;
    return S_ISDIR(mode) ? HAUL_ENTRY_DIR : HAUL_ENTRY_OTHER;
}

static haul_entry_type type_of(int fd, const struct dirent *d)
{
    struct stat st;
    switch (d->d_type) {
    case DT_REG:
        return HAUL_ENTRY_FILE;
    case DT_DIR:
        return HAUL_ENTRY_DIR;
    case DT_UNKNOWN:
        return fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? type_of_mode(st.st_mode)
                                                                     : HAUL_ENTRY_OTHER;
    default:
        return HAUL_ENTRY_OTHER;
    }
}

static void entries_add(entries *l, haul_arena *a, const char *name, haul_entry_type type)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 64;
        l->v = haul_realloc(l->v, l->cap * sizeof(*l->v));
    }
    l->v[l->n++] = (haul_entry){.name = haul_arena_str(a, name), .type = type};
}

static haul_rc read_entries(DIR *d, entries *l, haul_arena *a, const char *dir, haul_err *e)
{
    const struct dirent *entry;
    for (errno = 0; (entry = readdir(d)); errno = 0) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (l->n == HAUL_TREE_ENTRIES_MAX)
            return haul_fail(e, HAUL_E_LIMIT, "%s: more than %u names in one directory", dir,
                             HAUL_TREE_ENTRIES_MAX);
        entries_add(l, a, entry->d_name, type_of(dirfd(d), entry));
    }
    return errno ? haul_fail_sys(e, HAUL_SKIP, "listing %s", dir) : HAUL_OK;
}

static int by_octets(const void *a, const void *b)
{
    const haul_entry *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static haul_rc list_dir(haul_tree *t, const char *dir, haul_arena *a, haul_entry **ret, size_t *ret_n,
                        haul_err *e)
{
    haul_container *c = NULL;
    const char *rest = dir;
    haul_rc found = into_container(t, dir, false, &c, &rest, e);
    if (found != HAUL_OK)
        return found;
    if (c)
        return haul_container_list(c, rest, a, ret, ret_n, e);
    __attribute__((cleanup(entries_autodone))) entries l = {0};
    int parent = -1;
    if (t->is_file) {
        *ret = NULL;
        *ret_n = 0;
        return HAUL_OK;
    }
    haul_rc rc = open_dir(t, dir, strlen(dir), &parent, e);
    if (rc != HAUL_OK)
        return rc;
    int fd = openat(parent, ".", DIR_OPEN); /* its own offset: a directory may be listed twice */
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        rc = lost(e, *dir ? dir : t->path);
        haul_fd_autoclose(&fd);
        return rc;
    }
    rc = read_entries(d, &l, a, *dir ? dir : t->path, e);
    (void)closedir(d);
    if (rc != HAUL_OK)
        return rc;
    if (l.n > 1)
        qsort(l.v, l.n, sizeof(*l.v), by_octets);
    *ret = haul_arena_alloc(a, l.n * sizeof(*l.v));
    if (l.n)
        memcpy(*ret, l.v, l.n * sizeof(*l.v));
    *ret_n = l.n;
    return HAUL_OK;
}

haul_rc haul_tree_list(haul_tree *t, const char *dir, haul_arena *a, haul_entry **ret, size_t *ret_n,
                       haul_err *e)
{
    size_t i;
    const char *rest;
    haul_rc rc = list_dir(t, dir, a, ret, ret_n, e);
    for (size_t k = 0; rc == HAUL_OK && !*dir && t->nest && k < *ret_n; k++) {
        haul_entry *f = &(*ret)[k];
        if (f->type == HAUL_ENTRY_FILE && haul_nest_find(t->nest, f->name, &i, &rest)) {
            f->type = HAUL_ENTRY_DIR;
            f->packed = true;
        }
    }
    return rc;
}

/* ── files ── */

/* The directory of path, and its last component. */
static haul_rc open_parent(haul_tree *t, const char *path, int *ret_fd, const char **ret_name, haul_err *e)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (t->is_file || !is_descent(name, strlen(name)) || !*name)
        return haul_fail(e, HAUL_SKIP, "%s: not a path inside the source", path);
    *ret_name = name;
    return open_dir(t, path, slash ? (size_t)(slash - path) : 0, ret_fd, e);
}

bool haul_tree_has(haul_tree *t, const char *path, haul_entry_type type)
{
    struct stat st;
    int parent;
    const char *name;
    haul_container *c = NULL;
    const char *rest;
    if (into_container(t, path, false, &c, &rest, NULL) != HAUL_OK)
        return false;
    if (c)
        return *rest ? haul_container_has(c, rest, type) : type == HAUL_ENTRY_DIR;
    if (!*path)
        return type == (t->is_file ? HAUL_ENTRY_FILE : HAUL_ENTRY_DIR);
    return open_parent(t, path, &parent, &name, NULL) == HAUL_OK &&
           fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && type_of_mode(st.st_mode) == type;
}

/* The plain file that is the whole source, if it still is the one that was opened. */
static haul_rc open_whole(const haul_tree *t, int *ret_fd, struct stat *st, haul_err *e)
{
    haul_auto_fd int fd = open(t->path, FILE_OPEN);
    if (fd < 0 || fstat(fd, st) != 0)
        return haul_fail_sys(e, HAUL_E_SOURCE, "%s", t->path);
    if (st->st_dev != t->dev || st->st_ino != t->ino)
        return haul_fail(e, HAUL_E_SOURCE, "%s: another file has taken its place", t->path);
    *ret_fd = fd;
    fd = -1;
    return HAUL_OK;
}

static haul_rc open_member(haul_tree *t, const char *path, int *ret_fd, struct stat *st, haul_err *e)
{
    int parent = -1;
    const char *name = NULL;
    haul_rc rc = open_parent(t, path, &parent, &name, e);
    if (rc != HAUL_OK)
        return rc;
    haul_auto_fd int fd = openat(parent, name, FILE_OPEN | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, st) != 0)
        return lost(e, path);
    if (!S_ISREG(st->st_mode))
        return haul_fail(e, HAUL_SKIP, "%s: %s, not a file", path, kind_of(st->st_mode));
    *ret_fd = fd;
    fd = -1;
    return HAUL_OK;
}

static haul_stat stat_of(const struct stat *st)
{
    return (haul_stat){.size = (uint64_t)st->st_size,
                       .mtime_us = st->st_mtim.tv_sec * HAUL_US + st->st_mtim.tv_nsec / 1000,
                       .dev = st->st_dev,
                       .ino = st->st_ino};
}

/* Of a plain tree; *ret_fd is the caller's. */
static haul_rc open_file(haul_tree *t, const char *path, int *ret_fd, struct stat *st, haul_err *e)
{
    return t->is_file && !*path ? open_whole(t, ret_fd, st, e) : open_member(t, path, ret_fd, st, e);
}

/* Reads a descriptor without touching its offset: several readers may be open at a time. */
typedef struct steady {
    int fd; /* borrowed from the tree */
    off_t at;
} steady;

static ssize_t read_steady(void *ctx, void *to, size_t n, haul_err *e)
{
    steady *s = ctx;
    for (;;) {
        ssize_t got = pread(s->fd, to, n, s->at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return haul_fail_sys(e, HAUL_E_SOURCE, "reading");
        s->at += got;
        return got;
    }
}

static haul_rc reread_given(const haul_tree *t, haul_in **io, haul_stat *ret_stat, haul_err *e)
{
    struct stat st;
    if (fstat(t->given, &st) != 0)
        return haul_fail_sys(e, HAUL_E_SOURCE, "%s", t->path);
    steady *s = haul_calloc(1, sizeof(*s));
    s->fd = t->given;
    haul_feed feed = {.read = read_steady, .close = free, .ctx = s};
    if (*io)
        haul_in_reopen(*io, feed);
    else
        *io = haul_in_new(feed);
    haul_in_describe(*io, t->path, (uint64_t)st.st_size);
    if (ret_stat)
        *ret_stat = stat_of(&st);
    return HAUL_OK;
}

haul_rc haul_tree_reread(haul_tree *t, const char *path, haul_in **io, haul_stat *ret_stat, haul_err *e)
{
    haul_container *c = NULL;
    const char *rest;
    haul_rc found = into_container(t, path, true, &c, &rest, e);
    if (found != HAUL_OK)
        return found;
    if (c)
        return haul_container_read(c, rest, io, ret_stat, e);
    bool whole = t->is_file && !*path;
    if (whole && t->given >= 0)
        return reread_given(t, io, ret_stat, e);
    struct stat st;
    int fd = -1;
    haul_rc rc = open_file(t, path, &fd, &st, e);
    if (rc != HAUL_OK)
        return rc;
    if (st.st_size >= LARGE_FILE)
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    if (*io)
        haul_in_reopen_fd(*io, fd);
    else
        *io = haul_in_from_fd(fd, path);
    haul_in_describe(*io, whole ? t->path : path, (uint64_t)st.st_size);
    if (ret_stat)
        *ret_stat = stat_of(&st);
    return HAUL_OK;
}

haul_rc haul_tree_read(haul_tree *t, const char *path, haul_in **ret, haul_stat *ret_stat, haul_err *e)
{
    haul_in *in = NULL;
    haul_rc rc = haul_tree_reread(t, path, &in, ret_stat, e);
    if (rc == HAUL_OK)
        *ret = in;
    return rc;
}

static haul_rc fd_given(const haul_tree *t, int *ret_fd, haul_stat *ret_stat, haul_err *e)
{
    struct stat st;
    int fd = fstat(t->given, &st) == 0 ? fcntl(t->given, F_DUPFD_CLOEXEC, 0) : -1;
    if (fd < 0)
        return haul_fail_sys(e, HAUL_E_SOURCE, "%s", t->path);
    if (ret_stat)
        *ret_stat = stat_of(&st);
    *ret_fd = fd;
    return HAUL_OK;
}

/* Takes raw. One file of many that cannot be unpacked is lost alone; no room for it ends the run. */
static haul_rc unpack(const haul_tree *t, haul_in *raw, const char *path, int *ret_fd, haul_err *e)
{
    haul_auto(haul_in) *in = NULL;
    haul_rc rc = haul_in_auto(raw, &in, e);
    if (rc == HAUL_OK)
        rc = haul_temp_fill(in, HAUL_TREE_UNPACK_MAX, ret_fd, e);
    if (rc == HAUL_OK)
        return HAUL_OK;
    bool alone = !t->is_file && rc != HAUL_E_TARGET;
    return haul_wrap(e, alone ? HAUL_SKIP : rc, "unpacking %s", path);
}

static bool is_packed(int fd)
{
    char head[HAUL_PACKED_HEAD];
    ssize_t n = pread(fd, head, sizeof(head), 0);
    return n > 0 && haul_in_is_packed(head, (size_t)n);
}

haul_rc haul_tree_fd(haul_tree *t, const char *path, int *ret_fd, haul_stat *ret_stat, haul_err *e)
{
    bool whole = t->is_file && !*path;
    if (whole && t->given >= 0)
        return fd_given(t, ret_fd, ret_stat, e);
    const char *name = whole ? t->path : path, *rest;
    haul_container *c = NULL;
    haul_rc found = into_container(t, path, true, &c, &rest, e);
    if (found != HAUL_OK)
        return found;
    if (c) {
        haul_in *raw = NULL;
        haul_rc rc = haul_container_read(c, rest, &raw, ret_stat, e);
        return rc == HAUL_OK ? unpack(t, raw, name, ret_fd, e) : rc;
    }
    struct stat st;
    int fd = -1;
    haul_rc rc = open_file(t, path, &fd, &st, e);
    if (rc != HAUL_OK)
        return rc;
    if (ret_stat)
        *ret_stat = stat_of(&st);
    if (is_packed(fd))
        return unpack(t, haul_in_from_fd(fd, name), name, ret_fd, e);
    *ret_fd = fd;
    return HAUL_OK;
}

/* A container in a container is unpacked to a temporary file: its parts are read in any order. */
static haul_rc open_nested(haul_tree *t, size_t i, haul_err *e)
{
    const char *name = haul_nest_name(t->nest, i);
    struct stat st;
    haul_in *raw = NULL;
    int fd = -1;
    haul_rc rc;
    if (!t->container) {
        rc = open_member(t, name, &fd, &st, e);
    } else {
        rc = haul_container_read(t->container, name, &raw, NULL, e);
        haul_auto(haul_in) *in = raw;
        if (rc == HAUL_OK)
            rc = haul_temp_fill(in, HAUL_TREE_UNPACK_MAX, &fd, e);
    }
    if (rc != HAUL_OK)
        return rc == HAUL_E_TARGET ? rc : haul_wrap(e, HAUL_SKIP, "%s", name);
    return haul_nest_open(t->nest, i, fd, e);
}

static haul_rc into_container(haul_tree *t, const char *path, bool whole, haul_container **ret,
                              const char **ret_rest, haul_err *e)
{
    size_t i = 0;
    *ret = t->container;
    *ret_rest = path;
    if (!haul_nest_find(t->nest, path, &i, ret_rest))
        return HAUL_OK;
    if (whole && !**ret_rest) {
        *ret_rest = path;
        return HAUL_OK;
    }
    haul_rc rc = haul_nest_get(t->nest, i) ? HAUL_OK : open_nested(t, i, e);
    if (rc == HAUL_OK)
        *ret = haul_nest_get(t->nest, i);
    return rc;
}

haul_rc haul_tree_slurp(haul_tree *t, const char *path, size_t max, haul_arena *a, char **ret, size_t *ret_n,
                        haul_err *e)
{
    const char *p;
    size_t n;
    haul_rc rc = haul_tree_reread(t, path, &t->scratch, NULL, e);
    if (rc != HAUL_OK)
        return rc;
    if (max >= HAUL_IN_PEEK_MAX)
        max = HAUL_IN_PEEK_MAX - 1;
    if (haul_in_peek(t->scratch, max + 1, &p, &n, e) != HAUL_OK)
        return haul_wrap(e, HAUL_SKIP, "%s", path);
    if (n > max)
        return haul_fail(e, HAUL_SKIP, "%s: larger than %zu octets", path, max);
    *ret = haul_arena_strn(a, p, n);
    *ret_n = n;
    return HAUL_OK;
}
