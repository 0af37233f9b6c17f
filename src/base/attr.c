#include "base/attr.h"

#include <errno.h>
#include <unistd.h>

void haul_fd_autoclose(int *fd)
{
    if (*fd < 0)
        return;
    int saved = errno;
    (void)close(*fd);
    errno = saved;
    *fd = -1;
}
