#define _DEFAULT_SOURCE /* madvise: posix_madvise of glibc lets nothing go */
#include "hold/eaxs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_OPEN (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* Step by step below root, so that no link leads elsewhere. Negative: errno says why. */
static int descend(int root, const char *path, size_t len)
{
    haul_auto_str names = {0};
    haul_str_add(&names, path, len);
    int at = -1;
    for (char *name = names.p, *slash; name && *name; name = slash) {
        slash = strchr(name, '/');
        if (slash)
            *slash++ = '\0';
        errno = EINVAL;
        int next = strcmp(name, "..") == 0 ? -1 : openat(at < 0 ? root : at, name, DIR_OPEN);
        haul_fd_autoclose(&at);
        if (next < 0)
            return -1;
        at = next;
    }
    return at;
}

static int open_native(haul_eaxs_native *n, int root, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len && (n->dir < 0 || n->dir_path.len != len || memcmp(n->dir_path.p, path, len) != 0)) {
        int dir = descend(root, path, len);
        if (dir < 0)
            return -1;
        haul_fd_autoclose(&n->dir);
        n->dir = dir;
        haul_str_clear(&n->dir_path);
        haul_str_add(&n->dir_path, path, len);
    }
    return openat(len ? n->dir : root, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

static void unmap(haul_eaxs_native *n)
{
    if (n->map)
        munmap(n->map, n->mapped);
    n->map = NULL;
    n->mapped = n->dropped = 0;
}

/* *io_size: what there is of it, should the file be shorter than it was a moment ago. */
static bool read_whole(haul_eaxs_native *n, int fd, size_t *io_size)
{
    size_t at = 0;
    if (n->cap < *io_size) {
        free(n->buf);
        n->cap = HAUL_EAXS_READ;
        n->buf = haul_alloc(n->cap);
    }
    while (at < *io_size) {
        ssize_t got = read(fd, n->buf + at, *io_size - at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (!got)
            break;
        at += (size_t)got;
    }
    *io_size = at;
    return true;
}

haul_rc haul_eaxs_native_read(haul_eaxs_native *n, int root, const char *path, haul_span *ret, haul_err *e)
{
    struct stat st;
    unmap(n);
    haul_auto_fd int fd = open_native(n, root, path);
    if (fd < 0 || fstat(fd, &st) != 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "%s", path);
    if (!S_ISREG(st.st_mode))
        return haul_fail(e, HAUL_E_TARGET, "%s: no file", path);
    size_t size = (size_t)st.st_size;
    if (size > HAUL_EAXS_READ) {
        void *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED)
            return haul_fail_sys(e, HAUL_E_TARGET, "%s", path);
        n->map = map;
        n->mapped = size;
        *ret = (haul_span){map, size};
        return HAUL_OK;
    }
    if (!read_whole(n, fd, &size))
        return haul_fail_sys(e, HAUL_E_TARGET, "%s", path);
    *ret = (haul_span){size ? n->buf : "", size};
    return HAUL_OK;
}

void haul_eaxs_native_drop(haul_eaxs_native *n, const char *p)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), upto = n->map ? (size_t)(p - n->map) / page * page : 0;
    if (upto <= n->dropped)
        n->dropped = 0; /* read again from the front */
    if (upto > n->dropped)
        (void)madvise(n->map + n->dropped, upto - n->dropped, MADV_DONTNEED);
    n->dropped = upto;
}

void haul_eaxs_native_done(haul_eaxs_native *n)
{
    unmap(n);
    haul_fd_autoclose(&n->dir);
    haul_str_done(&n->dir_path);
    free(n->buf);
}
