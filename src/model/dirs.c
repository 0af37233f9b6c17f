#include "model/dirs.h"

#include "base/attr.h"
#include "io/atomic.h"

#include <stdlib.h>
#include <string.h>

haul_rc haul_dirs_add(haul_dirs *d, uint32_t id, const char *path, bool *ret_new, haul_err *e)
{
    if (id >= HAUL_DIRS_MAX)
        return haul_fail(e, HAUL_E_LIMIT, "more than %u folders", HAUL_DIRS_MAX);
    if (id >= d->n) {
        size_t n = (size_t)id + 1 + id / 2;
        d->paths = haul_realloc(d->paths, n * sizeof(*d->paths));
        memset(d->paths + d->n, 0, (n - d->n) * sizeof(*d->paths));
        d->n = n;
    }
    *ret_new = !d->paths[id];
    if (*ret_new)
        d->paths[id] = haul_strdup(path);
    return HAUL_OK;
}

haul_rc haul_dirs_path(const haul_dirs *d, uint32_t id, const char **ret, haul_err *e)
{
    if (id >= d->n || !d->paths[id])
        return haul_fail(e, HAUL_E_TARGET, "folder %u was not declared", id);
    *ret = d->paths[id];
    return HAUL_OK;
}

void haul_dirs_done(haul_dirs *d)
{
    for (size_t i = 0; i < d->n; i++)
        free(d->paths[i]);
    free(d->paths);
    *d = (haul_dirs){0};
}

void haul_dirs_keep(haul_dirs_kept *k, int root)
{
    k->root = root;
    for (size_t i = 0; i < HAUL_DIRS_OPEN; i++)
        k->v[i].fd = -1;
}

haul_rc haul_dirs_get(haul_dirs_kept *k, const haul_dirs *d, uint32_t id, int *ret_fd, haul_err *e)
{
    const char *path = NULL;
    int *fd = &k->v[id % HAUL_DIRS_OPEN].fd;
    haul_rc rc = haul_dirs_path(d, id, &path, e);
    if (rc == HAUL_OK && (*fd < 0 || k->v[id % HAUL_DIRS_OPEN].id != id)) {
        haul_fd_autoclose(fd);
        k->v[id % HAUL_DIRS_OPEN].id = id;
        rc = haul_dir_make(k->root, path, fd, e);
    }
    if (rc == HAUL_OK)
        *ret_fd = *fd;
    return rc;
}

void haul_dirs_close(haul_dirs_kept *k)
{
    for (size_t i = 0; i < HAUL_DIRS_OPEN; i++)
        haul_fd_autoclose(&k->v[i].fd);
}
