#define _DEFAULT_SOURCE /* d_type */
#include "hold/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_OPEN (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* A name with one octet before it that says what it is: enough for a directory of millions. */
typedef struct names {
    haul_str text;
    size_t *at, n, cap;
    const char **sorted;
} names;

typedef struct level {
    const haul_scan *scan;
    haul_str *path;
    unsigned depth;
} level;

static void names_done(names *l)
{
    haul_str_done(&l->text);
    free(l->at);
    free(l->sorted);
}

static mode_t type_of(int dirfd, const struct dirent *d)
{
    struct stat st;
    switch (d->d_type) {
    case DT_REG:
        return S_IFREG;
    case DT_DIR:
        return S_IFDIR;
    case DT_LNK:
        return S_IFLNK;
    default:
        return fstatat(dirfd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mode & S_IFMT : 0;
    }
}

static void names_add(names *l, mode_t type, const char *name)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 64;
        l->at = haul_realloc(l->at, l->cap * sizeof(*l->at));
    }
    l->at[l->n++] = l->text.len;
    haul_str_addc(&l->text, type == S_IFREG ? 'f' : type == S_IFDIR ? 'd' : type == S_IFLNK ? 'l' : 'o');
    haul_str_add(&l->text, name, strlen(name) + 1);
}

/* What follows the name in the paths of what it stands for. */
static int after(const char *entry)
{
    return *entry == 'd' ? '/' : 0;
}

static int by_path(const void *pa, const void *pb)
{
    const char *a = *(const char *const *)pa, *b = *(const char *const *)pb;
    size_t i = 1;
    while (a[i] && a[i] == b[i])
        i++;
    int x = a[i] ? (unsigned char)a[i] : after(a), y = b[i] ? (unsigned char)b[i] : after(b);
    return x - y;
}

static haul_rc names_read(names *l, int dirfd, const char *path, haul_err *e)
{
    int fd = openat(dirfd, ".", DIR_OPEN);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        haul_fd_autoclose(&fd);
        return haul_fail_sys(e, HAUL_E_SOURCE, "reading the directory %s", path);
    }
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(d)) && l->n < HAUL_SCAN_NAMES_MAX)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            names_add(l, type_of(dirfd, entry), entry->d_name);
    bool failed = !entry && errno;
    haul_rc rc = failed  ? haul_fail_sys(e, HAUL_E_SOURCE, "reading the directory %s", path)
                 : entry ? haul_fail(e, HAUL_E_LIMIT, "the directory %s has too many entries", path)
                         : HAUL_OK;
    (void)closedir(d);
    if (rc != HAUL_OK)
        return rc;
    l->sorted = haul_calloc(l->n + 1, sizeof(*l->sorted));
    for (size_t i = 0; i < l->n; i++)
        l->sorted[i] = l->text.p + l->at[i];
    qsort(l->sorted, l->n, sizeof(*l->sorted), by_path);
    return HAUL_OK;
}

static haul_rc scan_dir(const level *v, int dirfd, haul_err *e);

static haul_rc tell_other(const level *v, const char *what, haul_err *e)
{
    return v->scan->other ? v->scan->other(v->scan->ctx, v->path->p, what, e) : HAUL_OK;
}

static haul_rc go_into(const level *v, int dirfd, const char *name, haul_err *e)
{
    haul_auto_str what = {0};
    level below = {.scan = v->scan, .path = v->path, .depth = v->depth + 1};
    if (v->scan->enter && !v->scan->enter(v->scan->ctx, v->path->p))
        return HAUL_OK;
    if (below.depth > HAUL_SCAN_DEPTH_MAX)
        return tell_other(v, "a directory too deep in others", e);
    haul_auto_fd int fd = openat(dirfd, name, DIR_OPEN);
    if (fd >= 0)
        return scan_dir(&below, fd, e);
    haul_str_addf(&what, "a directory that cannot be read: %s", strerror(errno));
    return tell_other(v, what.p, e);
}

static haul_rc one(const level *v, int dirfd, const char *entry, haul_err *e)
{
    const char *name = entry + 1;
    switch (*entry) {
    case 'f':
        return v->scan->file(v->scan->ctx, v->path->p, dirfd, name, e);
    case 'd':
        return go_into(v, dirfd, name, e);
    case 'l':
        return tell_other(v, "a symbolic link", e);
    default:
        return tell_other(v, "neither a file nor a directory", e);
    }
}

static haul_rc each(const level *v, int dirfd, const names *l, haul_err *e)
{
    size_t stem = v->path->len;
    haul_rc rc = HAUL_OK;
    for (size_t i = 0; i < l->n && rc == HAUL_OK; i++) {
        haul_str_addz(v->path, stem ? "/" : "");
        haul_str_addz(v->path, l->sorted[i] + 1);
        rc = one(v, dirfd, l->sorted[i], e);
        v->path->len = stem;
        if (v->path->p)
            v->path->p[stem] = '\0';
    }
    return rc;
}

static haul_rc scan_dir(const level *v, int dirfd, haul_err *e)
{
    names l = {0};
    haul_err why = {0};
    haul_rc rc = names_read(&l, dirfd, haul_strz(v->path), &why);
    if (rc == HAUL_OK)
        rc = each(v, dirfd, &l, e);
    else if (v->depth > 0)
        rc = tell_other(v, why.text, e);
    else if (e)
        *e = why;
    names_done(&l);
    return rc;
}

haul_rc haul_scan_files(int dirfd, const char *prefix, const haul_scan *s, haul_err *e)
{
    haul_auto_str path = {0};
    haul_str_addz(&path, prefix);
    level top = {.scan = s, .path = &path};
    return scan_dir(&top, dirfd, e);
}

haul_rc haul_scan_open(int dirfd, const char *name, int *ret_fd, uint64_t *ret_size, haul_err *e)
{
    struct stat st;
    haul_auto_fd int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return haul_fail_sys(e, HAUL_E_SOURCE, "opening %s", name);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return haul_fail(e, HAUL_E_SOURCE, "%s is not a file", name);
    *ret_fd = fd;
    *ret_size = (uint64_t)st.st_size;
    fd = -1;
    return HAUL_OK;
}
