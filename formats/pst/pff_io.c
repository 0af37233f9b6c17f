/* libpff reads through libbfio, libbfio through us: no file name, no descriptor of its own. */
#include "pff.h"

#include <stdio.h>
#include <string.h>

/* The types are libbfio's. */
static int io_done(intptr_t **handle, libbfio_error_t **error)
{
    (void)error;
    *handle = NULL;
    return 1;
}

static int io_clone(intptr_t **to, intptr_t *from, libbfio_error_t **error)
{
    (void)error;
    *to = from;
    return 1;
}

static int io_open(intptr_t *handle, int flags, libbfio_error_t **error)
{
    (void)handle;
    (void)error;
    return (flags & LIBBFIO_ACCESS_FLAG_WRITE) ? -1 : 1;
}

static int io_close(intptr_t *handle, libbfio_error_t **error)
{
    (void)handle;
    (void)error;
    return 0;
}

static ssize_t io_read(intptr_t *handle, uint8_t *to, size_t n, libbfio_error_t **error)
{
    haul_pff *s = (void *)handle;
    (void)error;
    ssize_t got = haul_view_read(&s->view, s->at, to, n);
    if (got <= 0)
        return got;
    if ((size_t)got == n)
        haul_pff_check(s, s->at, to, n);
    s->at += (uint64_t)got;
    return got;
}

static ssize_t io_write(intptr_t *handle, const uint8_t *p, size_t n, libbfio_error_t **error)
{
    (void)handle;
    (void)p;
    (void)n;
    (void)error;
    return -1;
}

static off64_t io_seek(intptr_t *handle, off64_t offset, int whence, libbfio_error_t **error)
{
    haul_pff *s = (void *)handle;
    (void)error;
    if (whence == SEEK_CUR)
        offset += (off64_t)s->at;
    else if (whence == SEEK_END)
        offset += (off64_t)s->view.size;
    if (offset < 0)
        return -1;
    s->at = (uint64_t)offset;
    return offset;
}

static int io_yes(intptr_t *handle, libbfio_error_t **error)
{
    (void)handle;
    (void)error;
    return 1;
}

static int io_size(intptr_t *handle, size64_t *ret, libbfio_error_t **error)
{
    haul_pff *s = (void *)handle;
    (void)error;
    *ret = s->view.size;
    return 1;
}

haul_rc haul_pff_io(haul_pff *s, haul_err *e)
{
    libbfio_error_t *error = NULL;
    if (libbfio_handle_initialize(&s->io, (intptr_t *)(void *)s, io_done, io_clone, io_open, io_close,
                                  io_read, io_write, io_seek, io_yes, io_yes, io_size,
                                  LIBBFIO_FLAG_IO_HANDLE_NON_MANAGED, &error) == 1)
        return HAUL_OK;
    libbfio_error_free(&error);
    return haul_fail(e, HAUL_E_SOURCE, "libbfio refuses to read");
}

haul_rc haul_pff_fail(haul_err *e, haul_rc rc, libpff_error_t **error, const char *what, uint64_t node)
{
    char text[4096] = "";
    if (*error)
        libpff_error_backtrace_sprint(*error, text, sizeof(text));
    libpff_error_free(error);
    text[strcspn(text, "\r\n")] = '\0';
    const char *origin = strstr(text, ": "); /* "libpff_table_read: unable to …" */
    origin = origin ? origin + 2 : text;
    size_t n = strlen(origin);
    while (n && (origin[n - 1] == '.' || origin[n - 1] == ' '))
        n--;
    if (!node) /* the store itself */
        return haul_fail(e, rc, "%s%s%.*s%s", what, n ? ": " : "", (int)n, origin,
                         rc == HAUL_E_FORMAT ? HAUL_PST_HINT : "");
    if (!n)
        return haul_fail(e, rc, "node 0x%llx: %s", (unsigned long long)node, what);
    return haul_fail(e, rc, "node 0x%llx: %s: %.*s", (unsigned long long)node, what, (int)n, origin);
}
