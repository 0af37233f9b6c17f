#include "io/out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

haul_rc haul_write_all(int fd, const void *p, size_t n, const char *name, haul_err *e)
{
    const char *from = p;
    while (n > 0) {
        ssize_t done = write(fd, from, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return haul_fail_sys(e, HAUL_E_TARGET, "writing %s", name);
        from += done;
        n -= (size_t)done;
    }
    return HAUL_OK;
}

haul_rc haul_write_at(int fd, uint64_t at, const void *p, size_t n, const char *name, haul_err *e)
{
    const char *from = p;
    while (n > 0) {
        ssize_t done = pwrite(fd, from, n, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return haul_fail_sys(e, HAUL_E_TARGET, "writing %s", name);
        from += done;
        at += (uint64_t)done;
        n -= (size_t)done;
    }
    return HAUL_OK;
}

static haul_rc file_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    haul_file *f = (haul_file *)o; /* out is its first member */
    haul_rc rc = HAUL_OK;
    if (n > HAUL_OUT_BUFFER - f->used)
        rc = haul_file_flush(f, e);
    if (rc == HAUL_OK && n > HAUL_OUT_BUFFER - f->used)
        rc = haul_write_all(f->fd, p, n, f->name, e); /* larger than the whole buffer */
    else if (rc == HAUL_OK) {
        memcpy(f->buf + f->used, p, n);
        f->used += n;
    }
    f->offset += rc == HAUL_OK ? n : 0;
    return rc;
}

void haul_file_init(haul_file *f, int fd, uint64_t offset, const char *name)
{
    *f = (haul_file){.out = {.write = file_write}, .fd = fd, .offset = offset, .name = name};
    f->buf = haul_alloc(HAUL_OUT_BUFFER);
}

haul_rc haul_file_flush(haul_file *f, haul_err *e)
{
    size_t n = f->used;
    f->used = 0; /* what failed half-way is not written a second time */
    return haul_write_all(f->fd, f->buf, n, f->name, e);
}

haul_rc haul_file_close(haul_file *f, haul_err *e)
{
    if (f->fd < 0)
        return HAUL_OK;
    haul_rc rc = haul_file_flush(f, e);
    int fd = f->fd;
    f->fd = -1;
    if (close(fd) != 0 && rc == HAUL_OK && errno != EINTR)
        rc = haul_fail_sys(e, HAUL_E_TARGET, "closing %s", f->name);
    haul_file_done(f);
    return rc;
}

void haul_file_done(haul_file *f)
{
    haul_fd_autoclose(&f->fd);
    free(f->buf);
    f->buf = NULL;
    f->used = 0;
}
