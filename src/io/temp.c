#define _GNU_SOURCE /* mkostemp */
#include "io/temp.h"

#include "base/str.h"
#include "io/out.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The name is looked up once more: it must still be our file. */
static int open_again(const char *name, int fd)
{
    struct stat mine, found;
    haul_auto_fd int reader = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (reader < 0 || fstat(fd, &mine) != 0 || fstat(reader, &found) != 0)
        return -1;
    errno = EBUSY;
    if (mine.st_dev != found.st_dev || mine.st_ino != found.st_ino)
        return -1;
    int ret = reader;
    reader = -1;
    return ret;
}

haul_rc haul_temp_open(int *ret_fd, int *ret_reader, haul_err *e)
{
    const char *dir = getenv("TMPDIR");
    haul_auto_str name = {0};
    haul_str_addf(&name, "%s/mailhaul-XXXXXX", dir && *dir ? dir : "/tmp");
    haul_auto_fd int fd = mkostemp(name.p, O_CLOEXEC);
    if (fd < 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "making " HAUL_TEMP_NAME " %s", name.p);
    haul_rc rc = HAUL_OK;
    int reader = ret_reader ? open_again(name.p, fd) : -1;
    if (ret_reader && reader < 0)
        rc = haul_fail_sys(e, HAUL_E_TARGET, "opening " HAUL_TEMP_NAME " %s", name.p);
    (void)unlink(name.p);
    if (rc != HAUL_OK)
        return rc;
    if (ret_reader)
        *ret_reader = reader;
    *ret_fd = fd;
    fd = -1;
    return HAUL_OK;
}

static haul_rc copy(haul_in *in, uint64_t max, int fd, haul_err *e)
{
    for (;;) {
        const char *p = NULL;
        size_t n = 0;
        haul_rc rc = haul_in_peek(in, 1, &p, &n, e);
        if (rc != HAUL_OK || n == 0)
            return rc;
        if (n > max)
            return haul_fail(e, HAUL_E_LIMIT, "more than %" PRIu64 " octets", haul_in_offset(in) + max);
        max -= n;
        rc = haul_write_all(fd, p, n, HAUL_TEMP_NAME, e);
        if (rc != HAUL_OK)
            return rc;
        haul_in_consume(in, n);
    }
}

haul_rc haul_temp_fill(haul_in *in, uint64_t max, int *ret_fd, haul_err *e)
{
    haul_auto_fd int fd = -1, reader = -1;
    haul_rc rc = haul_temp_open(&fd, &reader, e);
    if (rc == HAUL_OK)
        rc = copy(in, max, fd, e);
    if (rc != HAUL_OK)
        return rc;
    *ret_fd = reader;
    reader = -1;
    return HAUL_OK;
}
