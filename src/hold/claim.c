#include "hold/claim.h"

#include "hold/bag.h"
#include "hold/package.h"
#include "hold/sink.h"
#include "io/atomic.h"
#include "pipe/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory of somebody else is left as it is, whatever is in it: a bag, a mail store, holiday pictures. */
static haul_rc check_target(const haul_job *job, haul_err *e)
{
    struct stat st;
    if (stat(job->target, &st) != 0)
        return errno == ENOENT ? HAUL_OK : haul_fail_sys(e, HAUL_E_TARGET, "%s", job->target);
    if (!S_ISDIR(st.st_mode))
        return haul_fail(e, HAUL_E_TARGET,
                         "%s is a file; the last argument names the directory of the package", job->target);
    haul_auto_fd int fd = open(job->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "%s", job->target);
    return faccessat(fd, HAUL_STATE_DIR "/journal.db", F_OK, 0) == 0 || haul_dir_is_empty(fd, HAUL_STATE_DIR)
               ? HAUL_OK
               : haul_fail(e, HAUL_E_TARGET,
                           "%s is not empty, and no package of mailhaul hold; name a new directory",
                           job->target);
}

/* Two runs would write into one log. Where a file system knows no locks, the journal's keeps the worst away. */
static haul_rc lock(const haul_job *job, int *ret_lock, haul_err *e)
{
    int fd = open(job->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "%s", job->target);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) {
        *ret_lock = fd;
        return HAUL_OK;
    }
    close(fd);
    return haul_fail(e, HAUL_E_STATE, "%s: another run works on this package; wait for its end", job->target);
}

/* Of a sealed package only: its catalogue is at rest, and reading it changes nothing. The sink asks the others. */
static haul_rc check_begun(const haul_job *job, int root, haul_err *e)
{
    haul_auto_str file = {0};
    haul_auto(haul_catalog) *c = NULL;
    if (faccessat(root, HAUL_BAG_SEAL, F_OK, 0) != 0 || faccessat(root, HAUL_CATALOG_FILE, F_OK, 0) != 0)
        return HAUL_OK;
    haul_str_addf(&file, "%s/" HAUL_CATALOG_FILE, job->target);
    haul_rc rc = haul_catalog_open(file.p, true, &c, e);
    return rc == HAUL_OK ? haul_hold_begun(c, job->values, e) : rc;
}

haul_rc haul_hold_claim(const haul_job *job, int *ret_lock, haul_err *e)
{
    bool was = false;
    *ret_lock = -1;
    haul_rc rc = haul_sources_readable(job, e);
    if (rc == HAUL_OK)
        rc = check_target(job, e);
    if (rc == HAUL_OK)
        rc = haul_dirs_make(job->target, e);
    if (rc == HAUL_OK)
        rc = lock(job, ret_lock, e);
    if (rc == HAUL_OK)
        rc = check_begun(job, *ret_lock, e);
    if (rc == HAUL_OK)
        rc = haul_bag_unseal(*ret_lock, &was, e);
    return rc;
}
