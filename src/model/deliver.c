#include "model/deliver.h"

#include "base/time.h"
#include "io/atomic.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_FILE (O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC)

static int create(const haul_delivery *d)
{
    int fd = openat(d->tmp_dir, d->tmp, NEW_FILE, 0600);
    if (fd >= 0 || errno != EEXIST)
        return fd;
    (void)unlinkat(d->tmp_dir, d->tmp, 0);
    return openat(d->tmp_dir, d->tmp, NEW_FILE, 0600);
}

static haul_eol choose_eol(haul_sink *s, const haul_msg *m, haul_eol want)
{
    const haul_spool_facts *f = haul_spool_get_facts(m->body);
    haul_eol eol = haul_eol_for(f, want);
    if (want == HAUL_EOL_LF && f->cr_crlf)
        haul_sink_issue(s, m, HAUL_ISSUE_MSG_EOL_KEPT, "%llu lines end in CR CR LF",
                        (unsigned long long)f->cr_crlf);
    else if (want != HAUL_EOL_KEEP && f->lf && f->crlf)
        haul_sink_issue(s, m, HAUL_ISSUE_MSG_EOL_MIXED, "%llu LF, %llu CRLF", (unsigned long long)f->lf,
                        (unsigned long long)f->crlf);
    return eol;
}

/* Every file system holds 1970 to 2038; beyond that it is asked what became of the time. */
static haul_rc stamp(haul_sink *s, const haul_msg *m, int fd, const char *name, haul_err *e)
{
    int64_t us = haul_msg_time(m), seconds = us / HAUL_US - (us % HAUL_US < 0);
    struct stat st;
    haul_rc rc = haul_set_mtime(fd, us, name, e);
    if (rc != HAUL_OK || (seconds >= 0 && seconds <= INT32_MAX))
        return rc;
    if (fstat(fd, &st) == 0 && st.st_mtime != seconds) {
        char iso[HAUL_ISO_LEN];
        haul_iso_format(iso, us);
        haul_sink_issue(s, m, HAUL_ISSUE_TARGET_TIME_CLAMPED, "%s", iso);
    }
    return HAUL_OK;
}

haul_rc haul_deliver(haul_sink *s, const haul_msg *m, const haul_delivery *d, haul_err *e)
{
    int fd = create(d);
    if (fd < 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "making %s", d->tmp);
    haul_rc rc = haul_spool_to_fd(m->body, choose_eol(s, m, d->eol), fd, d->name, e);
    if (rc == HAUL_OK)
        rc = stamp(s, m, fd, d->name, e);
    if (close(fd) != 0 && errno != EINTR && rc == HAUL_OK)
        rc = haul_fail_sys(e, HAUL_E_TARGET, "closing %s", d->name);
    if (rc == HAUL_OK && renameat(d->tmp_dir, d->tmp, d->dir, d->name) != 0)
        rc = haul_fail_sys(e, HAUL_E_TARGET, "renaming %s", d->name);
    if (rc != HAUL_OK)
        (void)unlinkat(d->tmp_dir, d->tmp, 0);
    return rc;
}

haul_rc haul_deliver_open(const char *target, int *ret_fd, haul_err *e)
{
    int fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && mkdir(target, 0700) == 0)
        fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "opening %s", target);
    *ret_fd = fd;
    return HAUL_OK;
}

void haul_deliver_clean(int dirfd, const char *mark)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        haul_fd_autoclose(&fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(d));)
        if (strstr(entry->d_name, mark))
            (void)unlinkat(dirfd, entry->d_name, 0);
    (void)closedir(d);
}
