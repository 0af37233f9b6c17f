#include "pipe/state.h"

#include "base/hash.h"
#include "base/url.h"
#include "io/atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
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

/* ── of a URL ── */

#define NAME_MAX_OCTETS 200u /* of the directory's name */
#define NAME_SAFE       "@.,:=_+-~[]"

static bool is_default_port(const char *target, haul_span port)
{
    const char *p = haul_format_for_target(target)->ports;
    while (p && *p) {
        size_t n = strcspn(p, "|");
        if (n == port.len && memcmp(p, port.p, n) == 0)
            return true;
        p += n + (p[n] == '|');
    }
    return false;
}

/* Decoded, and only that encoded again which would be read as something else. */
static void add_plain(haul_span s, const char *special, haul_str *to)
{
    haul_auto_str plain = {0};
    if (!haul_url_decode(s, &plain))
        haul_str_add(&plain, s.p, s.len);
    for (size_t i = 0; i < plain.len; i++)
        if (strchr(special, plain.p[i]))
            haul_str_addf(to, "%%%02X", (unsigned char)plain.p[i]);
        else
            haul_str_addc(to, plain.p[i]);
}

static void add_folders(haul_span path, haul_str *to)
{
    for (size_t at = 0; at < path.len; at++) {
        size_t n = 0;
        while (at + n < path.len && path.p[at + n] != '/')
            n++;
        if (n) {
            haul_str_addc(to, '/');
            add_plain((haul_span){path.p + at, n}, "/%", to);
        }
        at += n;
    }
}

/* "jo@example.org@mail.example.org:1993/A/B": one text for every way to write the URL, without what does not say
 * which account and folder it is (scheme, ;AUTH, the usual port). */
static void canonical(const char *target, haul_str *to)
{
    haul_url u = {0};
    if (!haul_url_split(target, &u)) {
        haul_str_addz(to, target);
        return;
    }
    const char *semicolon = u.user.len ? memchr(u.user.p, ';', u.user.len) : NULL;
    add_plain((haul_span){u.user.p, semicolon ? (size_t)(semicolon - u.user.p) : u.user.len}, "/%", to);
    if (to->len)
        haul_str_addc(to, '@');
    haul_str_addz(to, u.has_bracket ? "[" : "");
    for (size_t i = 0; i < u.host.len; i++)
        haul_str_addc(to, (char)haul_lower(u.host.p[i]));
    haul_str_addz(to, u.has_bracket ? "]" : "");
    while (u.port.len > 1 && *u.port.p == '0')
        u.port = (haul_span){u.port.p + 1, u.port.len - 1};
    if (u.port.len && !is_default_port(target, u.port))
        haul_str_addf(to, ":%.*s", (int)u.port.len, u.port.p);
    add_folders(u.path, to);
}

/* One component of a path, never "." or "..", never too long. */
static void url_name(const char *target, haul_str *to)
{
    haul_auto_str plain = {0}, name = {0};
    canonical(target, &plain);
    haul_url_encode((haul_span){haul_strz(&plain), plain.len}, NAME_SAFE, &name);
    bool dot = name.len && name.p[0] == '.';
    haul_str_addz(to, dot ? "%2E" : "");
    if (name.len <= NAME_MAX_OCTETS) {
        haul_str_add(to, haul_strz(&name) + dot, name.len - dot);
        return;
    }
    haul_auto(haul_sha256) *h = haul_sha256_new();
    uint8_t digest[HAUL_SHA256_LEN];
    char hex[17];
    haul_sha256_update(h, plain.p, plain.len);
    haul_sha256_final(h, digest);
    haul_hex(hex, digest, 8);
    haul_str_add(to, name.p + dot, NAME_MAX_OCTETS - sizeof(hex) - dot);
    haul_str_addf(to, "~%s", hex);
}

/* XDG Base Directory Specification: relative paths are invalid and are to be ignored. */
static void url_path(const char *target, haul_str *to)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    const struct passwd *own = home && *home == '/' ? NULL : getpwuid(getuid());
    if (own)
        home = own->pw_dir;
    if (state && *state == '/')
        haul_str_addz(to, state);
    else if (home && *home == '/')
        haul_str_addf(to, "%s/.local/state", home);
    else
        return;
    haul_str_addz(to, "/mailhaul/");
    url_name(target, to);
}

/* ── of any target ── */

void haul_state_path(const char *target, const haul_format *to, const haul_values *values,
                     const char *state_dir, haul_str *ret)
{
    haul_str_clear(ret);
    if (state_dir)
        haul_str_addz(ret, state_dir);
    else if (haul_target_is_remote(target))
        url_path(target, ret);
    else
        beside(target, to->sink->is_file && to->sink->is_file(target, values), ret);
}

bool haul_state_find(const char *target, const char *state_dir, haul_str *ret)
{
    bool remote = haul_target_is_remote(target);
    for (int is_file = 0; is_file < (state_dir || remote ? 1 : 2); is_file++) {
        haul_auto_str file = {0};
        haul_str_clear(ret);
        if (state_dir)
            haul_str_addz(ret, state_dir);
        else if (remote)
            url_path(target, ret);
        else
            beside(target, is_file, ret);
        haul_str_addf(&file, "%s/journal.db", haul_strz(ret));
        if (ret->len && access(file.p, F_OK) == 0)
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
    bool remote = haul_target_is_remote(target);
    if (!*state)
        return haul_fail(e, HAUL_E_STATE,
                         "there is no home directory for the journal; name another place with --state");
    haul_str_addf(&journal, "%s/journal.db", state);
    /* A link would let a foreign target say where we write. */
    if (lstat(state, &st) == 0 && !S_ISDIR(st.st_mode))
        return haul_fail(e, HAUL_E_TARGET, "%s is not a directory", state);
    *ret_existed = access(journal.p, F_OK) == 0;
    return remote ? HAUL_OK : check_target(target, is_file, *ret_existed || merge, e);
}

haul_rc haul_state_prepare(const char *target, bool is_file, const char *state, bool merge, bool *ret_existed,
                           haul_err *e)
{
    haul_rc rc = haul_state_check(target, is_file, state, merge, ret_existed, e);
    if (rc == HAUL_OK && !is_file && !haul_target_is_remote(target))
        rc = haul_dirs_make(target, e);
    return rc == HAUL_OK ? haul_dirs_make(state, e) : rc;
}
