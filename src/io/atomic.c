#define _GNU_SOURCE /* syncfs */
#include "io/atomic.h"

#include "base/str.h"
#include "base/time.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_MODE  0700 /* mail is private; whoever wants to share it says so */
#define FILE_MODE 0600
#define DIR_OPEN  (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* Open one level below fd, made when it is missing. Negative on failure. */
static int open_level(int fd, const char *name)
{
    int next = openat(fd, name, DIR_OPEN);
    if (next >= 0 || errno != ENOENT)
        return next;
    if (mkdirat(fd, name, DIR_MODE) != 0 && errno != EEXIST)
        return -1;
    return openat(fd, name, DIR_OPEN);
}

haul_rc haul_dir_make(int dirfd, const char *rel, int *ret_fd, haul_err *e)
{
    haul_auto_fd int fd = openat(dirfd, ".", DIR_OPEN);
    if (fd < 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "opening the target directory");
    for (const char *at = rel; *at;) {
        char name[NAME_MAX + 1];
        size_t n = strcspn(at, "/");
        if (n == 0 || n > NAME_MAX || (n == 2 && memcmp(at, "..", 2) == 0))
            return haul_fail(e, HAUL_E_TARGET, "directory %s: not a name that can be made", rel);
        memcpy(name, at, n);
        name[n] = '\0';
        int next = open_level(fd, name);
        if (next < 0)
            return haul_fail_sys(e, HAUL_E_TARGET, "directory %s", rel);
        haul_fd_autoclose(&fd);
        fd = next;
        at += n;
        at += *at == '/';
    }
    *ret_fd = fd;
    fd = -1;
    return HAUL_OK;
}

static struct timespec timespec_of(int64_t us)
{
    int64_t seconds = us / HAUL_US - (us % HAUL_US < 0);
    return (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = (long)(us - seconds * HAUL_US) * 1000};
}

static bool set_both_times(int fd, int64_t us)
{
    struct timespec t = timespec_of(us), times[2] = {t, t};
    return futimens(fd, times) == 0;
}

/* Linux clamps to the range of the file system; others refuse, and 1970 to 2038 is what all can hold. */
haul_rc haul_set_mtime(int fd, int64_t us, const char *name, haul_err *e)
{
    bool done = set_both_times(fd, us);
    if (!done && (errno == EINVAL || errno == EOVERFLOW))
        done = set_both_times(fd, us < 0 ? 0 : INT32_MAX * HAUL_US);
    return done ? HAUL_OK : haul_fail_sys(e, HAUL_E_TARGET, "setting the time of %s", name);
}

haul_rc haul_sync_fs(int fd, haul_err *e)
{
    if (syncfs(fd) != 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "putting the target on disk");
    return HAUL_OK;
}

/* The temporary file, empty; what a run that was killed here left goes first. Negative on failure. */
static int make_temp(int dirfd, const char *name, char temp[NAME_MAX + 1], haul_err *e)
{
    int len = snprintf(temp, NAME_MAX + 1, ".%s.tmp", name);
    if (len < 0 || len > NAME_MAX || strchr(name, '/')) {
        (void)haul_fail(e, HAUL_E_TARGET, "%s: not a file name that can be written", name);
        return -1;
    }
    (void)unlinkat(dirfd, temp, 0);
    int fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        (void)haul_fail_sys(e, HAUL_E_TARGET, "making %s", temp);
    return fd;
}

static haul_rc put_in_place(int dirfd, const char *temp, const char *name, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    if (renameat(dirfd, temp, dirfd, name) != 0)
        rc = haul_fail_sys(e, HAUL_E_TARGET, "renaming %s to %s", temp, name);
    if (rc == HAUL_OK && fsync(dirfd) != 0)
        rc = haul_fail_sys(e, HAUL_E_TARGET, "putting %s on disk", name);
    return rc;
}

haul_rc haul_write_file(int dirfd, const char *name, const void *p, size_t n, haul_err *e)
{
    char temp[NAME_MAX + 1];
    haul_auto_fd int fd = make_temp(dirfd, name, temp, e);
    if (fd < 0)
        return HAUL_E_TARGET;
    haul_rc rc = haul_write_all(fd, p, n, temp, e);
    if (rc == HAUL_OK && fsync(fd) != 0)
        rc = haul_fail_sys(e, HAUL_E_TARGET, "putting %s on disk", temp);
    if (rc == HAUL_OK)
        rc = put_in_place(dirfd, temp, name, e);
    if (rc != HAUL_OK)
        (void)unlinkat(dirfd, temp, 0);
    return rc;
}

haul_rc haul_atomic_open(haul_atomic *a, int dirfd, const char *name, haul_err *e)
{
    int fd = make_temp(dirfd, name, a->temp, e);
    if (fd < 0)
        return HAUL_E_TARGET;
    memcpy(a->name, name, strlen(name) + 1); /* shorter than temp */
    a->dirfd = dirfd;
    haul_file_init(&a->file, fd, 0, a->name);
    return HAUL_OK;
}

haul_rc haul_atomic_commit(haul_atomic *a, haul_err *e)
{
    haul_rc rc = haul_file_flush(&a->file, e);
    if (rc == HAUL_OK && fsync(a->file.fd) != 0)
        rc = haul_fail_sys(e, HAUL_E_TARGET, "putting %s on disk", a->temp);
    if (rc == HAUL_OK)
        rc = haul_file_close(&a->file, e);
    if (rc == HAUL_OK)
        rc = put_in_place(a->dirfd, a->temp, a->name, e);
    if (rc != HAUL_OK)
        (void)unlinkat(a->dirfd, a->temp, 0);
    haul_file_done(&a->file);
    return rc;
}

void haul_atomic_drop(haul_atomic *a)
{
    if (a->file.fd < 0)
        return;
    (void)unlinkat(a->dirfd, a->temp, 0);
    haul_file_done(&a->file);
}

bool haul_dir_is_empty(int dirfd, const char *except)
{
    int fd = openat(dirfd, ".", DIR_OPEN);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        haul_fd_autoclose(&fd);
        return false;
    }
    bool empty = true;
    const struct dirent *entry;
    while (empty && (entry = readdir(d))) {
        const char *name = entry->d_name;
        empty = strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || (except && strcmp(name, except) == 0);
    }
    (void)closedir(d);
    return empty;
}

/* Mail is private: what is made for it is the owner's alone. */
haul_rc haul_dirs_make(const char *path, haul_err *e)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return HAUL_OK;
    /* Parents the user named are the user's; only those that are missing are made. */
    haul_auto_str part = {0};
    for (const char *p = path; *p; p++) {
        if (*p == '/' && part.len && mkdir(part.p, 0700) != 0 && errno != EEXIST)
            return haul_fail_sys(e, HAUL_E_TARGET, "making the directory %s", part.p);
        haul_str_addc(&part, *p);
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return haul_fail_sys(e, HAUL_E_TARGET, "making the directory %s", path);
    return HAUL_OK;
}
