/* LD_PRELOAD: a disk that cannot read some octets of one file, or one that is full.
 * BAD_OCTETS="PATH:FROM-TO,FROM-TO…": reads of these octets (TO not included) are errors, and reads in front of them end there, as
 * they do with a bad sector. FULL_DISK="NAME:N": from the Nth write on, there is no room for files with NAME in their path. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLACES 64

static struct {
    uint64_t from, to;
} bad[PLACES];
static size_t n_bad;
static dev_t device;
static ino_t number;

__attribute__((constructor)) static void begin(void)
{
    char *text = getenv("BAD_OCTETS"), *at = text ? strrchr(text, ':') : NULL;
    struct stat s;
    if (!at)
        return;
    *at = '\0';
    bool there = stat(text, &s) == 0;
    *at = ':'; /* children have it, too */
    device = s.st_dev;
    number = s.st_ino;
    for (char *end = at; there && *end && n_bad < PLACES; n_bad++) {
        bad[n_bad].from = strtoull(end + 1, &end, 10);
        bad[n_bad].to = strtoull(end + 1, &end, 10);
    }
}

/* Which file it is must be asked each time: numbers are used again. */
static bool is_ours(int fd)
{
    struct stat s;
    return n_bad && fstat(fd, &s) == 0 && s.st_dev == device && s.st_ino == number;
}

/* How many of n octets at `at` can be read; 0 = the first cannot. */
static size_t readable(uint64_t at, size_t n)
{
    for (size_t i = 0; i < n_bad; i++) {
        if (at >= bad[i].from && at < bad[i].to)
            return 0;
        if (at < bad[i].from && at + n > bad[i].from)
            n = (size_t)(bad[i].from - at);
    }
    return n;
}

static ssize_t pread_of(const char *name, int fd, void *to, size_t n, off_t at)
{
    ssize_t (*real)(int, void *, size_t, off_t);
    *(void **)&real = dlsym(RTLD_NEXT, name);
    if (n && is_ours(fd) && (n = readable((uint64_t)at, n)) == 0) {
        errno = EIO;
        return -1;
    }
    return real(fd, to, n, at);
}

ssize_t pread(int fd, void *to, size_t n, off_t at)
{
    return pread_of("pread", fd, to, n, at);
}

ssize_t pread64(int fd, void *to, size_t n, off_t at)
{
    return pread_of("pread64", fd, to, n, at);
}

ssize_t read(int fd, void *to, size_t n)
{
    ssize_t (*real)(int, void *, size_t);
    *(void **)&real = dlsym(RTLD_NEXT, "read");
    off_t at = n && is_ours(fd) ? lseek(fd, 0, SEEK_CUR) : -1;
    if (at >= 0 && (n = readable((uint64_t)at, n)) == 0) {
        errno = EIO;
        return -1;
    }
    return real(fd, to, n);
}

/* ── a full one ── */

static bool is_full(int fd)
{
    static atomic_long writes;
    const char *full = getenv("FULL_DISK"), *n = full ? strrchr(full, ':') : NULL;
    char link[64], path[4096], name[256];
    if (!n || (size_t)(n - full) >= sizeof(name))
        return false;
    memcpy(name, full, (size_t)(n - full));
    name[n - full] = '\0';
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof(path) - 1);
    if (len < 0)
        return false;
    path[len] = '\0';
    if (!strstr(path, name) || ++writes < strtol(n + 1, NULL, 10))
        return false;
    errno = ENOSPC;
    return true;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    ssize_t (*real)(int, const void *, size_t, off_t);
    *(void **)&real = dlsym(RTLD_NEXT, "pwrite");
    return is_full(fd) ? -1 : real(fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off_t at)
{
    return pwrite(fd, p, n, at);
}

ssize_t write(int fd, const void *p, size_t n)
{
    ssize_t (*real)(int, const void *, size_t);
    *(void **)&real = dlsym(RTLD_NEXT, "write");
    return is_full(fd) ? -1 : real(fd, p, n);
}
