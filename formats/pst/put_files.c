#define _GNU_SOURCE /* renameat2 */
#include "put_files.h"

#include "crypt.h"

#include "io/atomic.h"
#include "model/format.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".pst"

void haul_pstw_file_name(const char *first, unsigned volume, haul_str *to)
{
    size_t n = strlen(first), stem = haul_iends(first, SUFFIX) ? n - strlen(SUFFIX) : n;
    haul_str_clear(to);
    haul_str_add(to, first, stem);
    if (volume > 1)
        haul_str_addf(to, "-%u", volume);
    haul_str_addz(to, first + stem);
}

static void log_name(unsigned volume, haul_str *to)
{
    haul_str_clear(to);
    haul_str_addf(to, "store-%u.log", volume);
}

static haul_rc open_in(int dir, const char *name, int flags, int *ret, haul_err *e)
{
    *ret = openat(dir, name, flags | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0666);
    return *ret >= 0 ? HAUL_OK : haul_fail_sys(e, HAUL_E_TARGET, "opening %s", name);
}

static haul_rc copy_all(int from, int to, const char *name, haul_err *e)
{
    char buf[65536];
    for (;;) {
        ssize_t n = read(from, buf, sizeof(buf));
        if (n < 0)
            return haul_fail_sys(e, HAUL_E_TARGET, "reading %s", name);
        haul_rc rc = n ? haul_write_all(to, buf, (size_t)n, name, e) : HAUL_END;
        if (rc != HAUL_OK)
            return rc == HAUL_END ? HAUL_OK : rc;
    }
}

/* A finished store is gone on with in a copy: there is a whole one at any time. */
static haul_rc copy_store(const haul_pstw_files *f, const char *name, const char *part, haul_err *e)
{
    haul_auto_fd int from = openat(f->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), to = -1;
    haul_auto_str copy = {0};
    haul_str_addf(&copy, "%s~", part);
    if (from < 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "opening %s", name);
    haul_rc rc = open_in(f->dir, copy.p, O_CREAT | O_TRUNC, &to, e);
    if (rc == HAUL_OK)
        rc = copy_all(from, to, copy.p, e);
    if (rc == HAUL_OK && (fsync(to) != 0 || renameat(f->dir, copy.p, f->dir, part) != 0))
        rc = haul_fail_sys(e, HAUL_E_TARGET, "writing %s", copy.p);
    return rc;
}

haul_rc haul_pstw_files_log(haul_pstw_files *f, const char *title, haul_err *e)
{
    haul_auto_str file = {0}, name = {0};
    log_name(f->volume, &file);
    haul_pstw_file_name(f->name, f->volume, &name);
    haul_pstw_setup setup = {.fd = -1,
                             .log = -1,
                             .name = name.p,
                             .title = title,
                             .kind.crypt = HAUL_CRYPT_PERMUTE,
                             .resume = f->logged,
                             .most = f->most};
    haul_rc rc = open_in(f->own, file.p, O_CREAT | (f->logged ? 0 : O_TRUNC), &setup.log, e);
    return rc == HAUL_OK ? haul_pstw_open(&setup, &f->store, e) : rc;
}

static bool holds_something(const haul_pstw_files *f, const char *name)
{
    struct stat info;
    return fstatat(f->dir, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           (!S_ISREG(info.st_mode) || info.st_size > 0);
}

static haul_rc part_free(const haul_pstw_files *f, const char *name, haul_err *e)
{
    haul_auto_str part = {0};
    haul_str_addf(&part, "%s" HAUL_PSTW_UNFINISHED, name);
    if (!holds_something(f, part.p))
        return HAUL_OK;
    return haul_fail(
        e, HAUL_E_TARGET,
        "%s is not empty, and no journal of this run knows it, but a store that is not finished would have "
        "that name; remove it, or name another store",
        part.p);
}

haul_rc haul_pstw_files_free(const haul_pstw_files *f, unsigned volume, haul_err *e)
{
    haul_auto_str name = {0}, state = {0};
    struct stat info;
    haul_pstw_file_name(f->name, volume, &name);
    haul_str_addf(&state, "%s" HAUL_STATE_DIR, name.p);
    if (volume > 1 && fstatat(f->dir, state.p, &info, AT_SYMLINK_NOFOLLOW) == 0)
        return haul_fail(e, HAUL_E_TARGET,
                         "%s is the target of another run, whose state is in %s; choose another name", name.p,
                         state.p);
    if (!holds_something(f, name.p))
        return f->claimed && volume == f->volume ? HAUL_OK : part_free(f, name.p, e);
    return haul_fail(e, HAUL_E_TARGET,
                     "%s is not empty: nothing can be added to a store that another program, or another run "
                     "without its journal, has written; name a new one (--merge does not help here)",
                     name.p);
}

haul_rc haul_pstw_files_begin(haul_pstw_files *f, haul_err *e)
{
    haul_auto_str name = {0}, part = {0};
    int fd = -1;
    struct stat info;
    if (f->begun)
        return HAUL_OK;
    haul_pstw_file_name(f->name, f->volume, &name);
    haul_str_addf(&part, "%s" HAUL_PSTW_UNFINISHED, name.p);
    bool copied = f->logged && fstatat(f->dir, part.p, &info, AT_SYMLINK_NOFOLLOW) != 0;
    haul_rc rc = copied ? copy_store(f, name.p, part.p, e) : HAUL_OK;
    f->named |= copied;
    if (rc == HAUL_OK)
        rc = open_in(f->dir, part.p, O_CREAT | (f->logged ? 0 : O_TRUNC), &fd, e);
    if (rc == HAUL_OK)
        rc = haul_pstw_use(f->store, fd, e);
    f->begun = rc == HAUL_OK;
    f->finished = f->finished && !f->begun;
    return rc;
}

/* Nothing is replaced but what is ours, and an empty file. Where a file system cannot tell, it is asked before. */
static haul_rc give_name(const haul_pstw_files *f, const char *part, const char *name, haul_err *e)
{
    if (!f->named) {
        if (renameat2(f->dir, part, f->dir, name, RENAME_NOREPLACE) == 0)
            return HAUL_OK;
        haul_rc rc = haul_pstw_files_free(f, f->volume, e);
        if (rc != HAUL_OK)
            return rc;
    }
    if (renameat(f->dir, part, f->dir, name) != 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "renaming %s to %s", part, name);
    return HAUL_OK;
}

haul_rc haul_pstw_files_publish(haul_pstw_files *f, haul_err *e)
{
    haul_auto_str name = {0}, part = {0};
    haul_pstw_file_name(f->name, f->volume, &name);
    haul_str_addf(&part, "%s" HAUL_PSTW_UNFINISHED, name.p);
    haul_rc rc = give_name(f, part.p, name.p, e);
    if (rc != HAUL_OK)
        return rc;
    (void)fsync(f->dir); /* not every file system has that; the file itself is on disk */
    haul_pstw_free(f->store);
    f->store = NULL;
    f->begun = false;
    f->finished = f->named = true;
    return HAUL_OK;
}

void haul_pstw_files_drop(haul_pstw_files *f, unsigned volume)
{
    haul_auto_str file = {0};
    log_name(volume, &file);
    (void)unlinkat(f->own, file.p, 0);
}

haul_rc haul_pstw_files_init(haul_pstw_files *f, const char *target, const char *own, haul_err *e)
{
    haul_auto_str parent = {0};
    const char *slash = strrchr(target, '/');
    *f = (haul_pstw_files){.dir = -1, .own = -1, .volume = 1};
    f->name = haul_strdup(slash ? slash + 1 : target);
    haul_str_add(&parent, target, slash ? (size_t)(slash - target) : 0);
    if (slash == target)
        haul_str_addc(&parent, '/');
    if (!*f->name)
        return haul_fail(e, HAUL_E_USAGE, "%s names no file", target);
    haul_rc rc = parent.len ? haul_dirs_make(parent.p, e) : HAUL_OK;
    if (rc != HAUL_OK)
        return rc;
    f->dir = open(parent.len ? parent.p : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->dir < 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "opening %s", haul_strz(&parent));
    f->own = open(own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return f->own >= 0 ? HAUL_OK : haul_fail_sys(e, HAUL_E_TARGET, "opening %s", own);
}

void haul_pstw_files_done(haul_pstw_files *f)
{
    haul_pstw_free(f->store);
    free(f->name);
    haul_fd_autoclose(&f->dir);
    haul_fd_autoclose(&f->own);
}
