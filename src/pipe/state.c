#include "pipe/state.h"

#include "io/atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* dir/.mailhaul, or file.mailhaul; trailing slashes of the target do not count. */
static void beside(const char *target, bool is_file, haul_str *to)
{
    size_t n = strlen(target);
    while (n > 1 && target[n - 1] == '/')
        n--;
    haul_str_add(to, target, n);
    haul_str_addz(to, is_file ? HAUL_STATE_DIR : "/" HAUL_STATE_DIR);
}

void haul_state_path(const char *target, const haul_format *to, const haul_values *values,
                     const char *state_dir, haul_str *ret)
{
    haul_str_clear(ret);
    if (state_dir)
        haul_str_addz(ret, state_dir);
    else
        beside(target, to->sink->is_file && to->sink->is_file(target, values), ret);
}

bool haul_state_find(const char *target, const char *state_dir, haul_str *ret)
{
    for (int is_file = 0; is_file < (state_dir ? 1 : 2); is_file++) {
        haul_auto_str file = {0};
        haul_str_clear(ret);
        if (state_dir)
            haul_str_addz(ret, state_dir);
        else
            beside(target, is_file, ret);
        haul_str_addf(&file, "%s/journal.db", ret->p);
        if (access(file.p, F_OK) == 0)
            return true;
    }
    return false;
}

static haul_rc refuse(const char *target, haul_err *e)
{
    return haul_fail(
        e, HAUL_E_TARGET,
        "%s is not empty and was not written by mailhaul; name a new target, or add to it with --merge",
        target);
}

/* Changes nothing; a target that is not there yet is as good as an empty one. */
static haul_rc check_target(const char *target, bool is_file, bool trusted, haul_err *e)
{
    struct stat st;
    if (stat(target, &st) != 0)
        return errno == ENOENT ? HAUL_OK : haul_fail_sys(e, HAUL_E_TARGET, "%s", target);
    if (is_file && !S_ISREG(st.st_mode))
        return haul_fail(e, HAUL_E_TARGET, "%s is not a regular file", target);
    if (!is_file && !S_ISDIR(st.st_mode))
        return haul_fail(e, HAUL_E_TARGET, "%s is not a directory", target);
    if (trusted || (is_file && st.st_size == 0))
        return HAUL_OK;
    haul_auto_fd int fd = is_file ? -1 : open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!is_file && fd < 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "opening the target %s", target);
    return !is_file && haul_dir_is_empty(fd, HAUL_STATE_DIR) ? HAUL_OK : refuse(target, e);
}

haul_rc haul_state_check(const char *target, bool is_file, const char *state, bool merge, bool *ret_existed,
                         haul_err *e)
{
    struct stat st;
    haul_auto_str journal = {0};
    haul_str_addf(&journal, "%s/journal.db", state);
    /* A link would let a foreign target say where we write. */
    if (lstat(state, &st) == 0 && !S_ISDIR(st.st_mode))
        return haul_fail(e, HAUL_E_TARGET, "%s is not a directory", state);
    *ret_existed = access(journal.p, F_OK) == 0;
    return check_target(target, is_file, *ret_existed || merge, e);
}

haul_rc haul_state_prepare(const char *target, bool is_file, const char *state, bool merge, bool *ret_existed,
                           haul_err *e)
{
    haul_rc rc = haul_state_check(target, is_file, state, merge, ret_existed, e);
    if (rc == HAUL_OK && !is_file)
        rc = haul_dirs_make(target, e);
    return rc == HAUL_OK ? haul_dirs_make(state, e) : rc;
}
