#define _GNU_SOURCE /* pipe2, environ, explicit_bzero */
#include "imap/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE 512u /* octets at a time */
#define SLICE_MS  20   /* between two looks at a command that is silent, or done with writing */

/* ── the first line of what comes ── */

/* read() into the secret. Octets read; 0 = the end; -1: errno; -2: no more room. */
static ssize_t read_some(int fd, haul_secret *to)
{
    size_t had = haul_secret_len(to);
    size_t want = HAUL_SECRET_MAX - had < READ_SIZE ? HAUL_SECRET_MAX - had : READ_SIZE;
    void *p = want ? haul_secret_grow(to, want) : NULL;
    if (!p)
        return -2;
    ssize_t n = read(fd, p, want);
    haul_secret_cut(to, had + (n > 0 ? (size_t)n : 0));
    return n;
}

/* True when there is a line end; what follows it is wiped. */
static bool cut_line(haul_secret *s)
{
    const char *text = haul_secret_text(s), *end = memchr(text, '\n', haul_secret_len(s));
    if (!end)
        return false;
    haul_secret_cut(s, (size_t)(end - text));
    return true;
}

static haul_rc check(const char *from, haul_secret *s, haul_err *e)
{
    size_t n = haul_secret_len(s);
    while (n && haul_secret_text(s)[n - 1] == '\r')
        haul_secret_cut(s, --n);
    if (n == 0)
        return haul_fail(e, HAUL_E_AUTH, "%s: the first line is empty", from);
    if (memchr(haul_secret_text(s), '\0', n))
        return haul_fail(e, HAUL_E_AUTH, "%s: a NUL in the first line", from);
    return HAUL_OK;
}

static haul_rc too_long(const char *from, haul_err *e)
{
    return haul_fail(e, HAUL_E_AUTH, "%s: a first line of more than %u octets", from, HAUL_SECRET_MAX);
}

/* ── file ── */

static haul_rc open_file(const char *path, int *ret_fd, bool *ret_exposed, haul_err *e)
{
    struct stat st;
    haul_auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) != 0)
        return haul_fail_sys(e, HAUL_E_AUTH, "opening %s", path);
    if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
        return haul_fail(e, HAUL_E_AUTH, "%s: neither a file nor a pipe", path);
    *ret_exposed = S_ISREG(st.st_mode) && (st.st_mode & S_IROTH);
    *ret_fd = fd;
    fd = -1;
    return HAUL_OK;
}

static haul_rc from_file(const char *path, haul_secret *to, bool *ret_exposed, haul_err *e)
{
    haul_auto_fd int fd = -1;
    haul_rc rc = open_file(path, &fd, ret_exposed, e);
    if (rc != HAUL_OK)
        return rc;
    ssize_t n = 1;
    while (n > 0 && !cut_line(to)) {
        do
            n = read_some(fd, to);
        while (n == -1 && errno == EINTR);
    }
    if (n == -1)
        return haul_fail_sys(e, HAUL_E_AUTH, "reading %s", path);
    return n == -2 ? too_long(path, e) : check(path, to, e);
}

/* ── command ── */

typedef struct command {
    pid_t pid;
    int fd; /* what it writes; not blocking */
    int64_t until_ms;
    bool line; /* the first line is whole: the rest is read and forgotten, so that the command can write it */
    bool ended; /* nothing more will come */
    bool lost;  /* its exit status was taken by another (SIGCHLD is ignored) */
    int status;
} command;

static int64_t now_ms(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* SIGPIPE, which we ignore, is as usual in it. It stays in our process group, so that it may ask at the terminal, and ^C
 * reaches it. Returns an errno. */
static int spawn(const char *line, int out, pid_t *ret)
{
    const char *const argv[] = {"sh", "-c", line, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t normal, none;
    sigemptyset(&none);
    sigemptyset(&normal);
    sigaddset(&normal, SIGPIPE);
    if (posix_spawn_file_actions_init(&files) != 0 || posix_spawnattr_init(&attr) != 0)
        haul_oom();
    int bad = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    bad = bad ? bad : posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    bad = bad ? bad : posix_spawnattr_setsigdefault(&attr, &normal);
    bad = bad ? bad : posix_spawnattr_setsigmask(&attr, &none);
    bad = bad ? bad : posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    if (!bad) /* argv's strings are not written to: POSIX explains the missing const */
        bad = posix_spawn(ret, "/bin/sh", &files, &attr, (char *const *)(uintptr_t)argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return bad;
}

static haul_rc start(command *c, const haul_secret_source *src, haul_err *e)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return haul_fail_sys(e, HAUL_E_AUTH, "a pipe for the command for the %s", src->what);
    haul_auto_fd int in = ends[0], out = ends[1];
    (void)fcntl(in, F_SETFL, O_NONBLOCK);
    errno = spawn(src->command, out, &c->pid);
    if (errno)
        return haul_fail_sys(e, HAUL_E_AUTH, "starting the command for the %s", src->what);
    c->fd = in;
    in = -1;
    return HAUL_OK;
}

/* All that can be read now. False: the first line is too long. */
static bool drain(command *c, haul_secret *to)
{
    for (;;) {
        char rest[READ_SIZE];
        ssize_t n = c->line ? read(c->fd, rest, sizeof(rest)) : read_some(c->fd, to);
        explicit_bzero(rest, sizeof(rest));
        if (n == -2)
            return false;
        c->ended = c->ended || n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
        if (n <= 0)
            return true;
        c->line = c->line || cut_line(to);
        if (c->line && now_ms() >= c->until_ms)
            return true;
    }
}

/* True when it has ended: what it started in the background may keep the pipe open, which is not waited for. */
static bool reaped(command *c)
{
    pid_t got = waitpid(c->pid, &c->status, WNOHANG);
    c->lost = got < 0 && errno != EINTR;
    if (got == c->pid || c->lost)
        c->pid = 0;
    return c->pid == 0;
}

static haul_rc wait_for(command *c, const haul_secret_source *src, haul_secret *to, haul_err *e)
{
    while (!reaped(c)) {
        struct pollfd p = {.fd = c->ended ? -1 : c->fd, .events = POLLIN};
        if (now_ms() >= c->until_ms)
            return haul_fail(e, HAUL_E_AUTH, "the command for the %s was not done in time", src->what);
        if (poll(&p, 1, SLICE_MS) < 0 && errno == EINTR)
            return haul_fail(e, HAUL_E_INTERRUPTED, "interrupted while asking a command for the %s",
                             src->what);
        if (p.revents && !drain(c, to))
            return too_long("what the command says", e);
    }
    return c->ended || drain(c, to) ? HAUL_OK : too_long("what the command says", e);
}

static void end(command *c)
{
    if (c->pid) {
        (void)kill(c->pid, SIGKILL);
        while (waitpid(c->pid, &c->status, 0) < 0 && errno == EINTR)
            ;
    }
    haul_fd_autoclose(&c->fd);
}

static haul_rc judge(const command *c, const char *what, haul_err *e)
{
    int exited = WIFEXITED(c->status) ? WEXITSTATUS(c->status) : -1;
    if (c->lost)
        return haul_fail(e, HAUL_E_AUTH, "the command for the %s ended with an unknown exit status", what);
    if (exited < 0)
        return haul_fail(e, HAUL_E_AUTH, "the command for the %s was ended by signal %d", what,
                         WTERMSIG(c->status));
    if (exited > 0)
        return haul_fail(e, HAUL_E_AUTH, "the command for the %s failed with exit status %d", what, exited);
    return HAUL_OK;
}

static haul_rc from_command(const haul_secret_source *src, haul_secret *to, haul_err *e)
{
    command c = {.fd = -1};
    c.until_ms = now_ms() + (src->command_ms ? src->command_ms : HAUL_SECRET_COMMAND_MS);
    haul_rc rc = start(&c, src, e);
    if (rc == HAUL_OK)
        rc = wait_for(&c, src, to, e);
    end(&c);
    if (rc == HAUL_OK)
        rc = judge(&c, src->what, e);
    return rc == HAUL_OK ? check("what the command says", to, e) : rc;
}

/* ── environment and prompt ── */

/* The value lies where /proc/PID/environ shows it, and where children inherit it: it is overwritten there. */
static haul_rc from_env(const char *name, char *value, haul_secret *to, haul_err *e)
{
    haul_rc rc = haul_secret_add(to, value, strlen(value), e);
    explicit_bzero(value, strlen(value));
    (void)unsetenv(name);
    if (rc == HAUL_OK && haul_secret_len(to) == 0)
        rc = haul_fail(e, HAUL_E_AUTH, "the environment variable is empty");
    return rc == HAUL_OK ? rc : haul_wrap(e, rc, "%s", name);
}

static haul_rc from_prompt(const haul_secret_source *src, haul_secret *to, haul_err *e)
{
    if (!src->ask || !src->ask->fn)
        return haul_fail(e, HAUL_E_AUTH, "there is no %s, and nobody to ask", src->what);
    char *p = haul_secret_grow(to, HAUL_SECRET_PROMPT_MAX);
    haul_rc rc = src->ask->fn(src->ask->ctx, src->what, p, HAUL_SECRET_PROMPT_MAX, e);
    p[HAUL_SECRET_PROMPT_MAX - 1] = '\0';
    haul_secret_cut(to, strlen(p));
    if (rc == HAUL_OK && haul_secret_len(to) == 0)
        rc = haul_fail(e, HAUL_E_AUTH, "an empty %s", src->what);
    return rc;
}

static haul_rc get(const haul_secret_source *src, haul_secret *to, bool *ret_exposed, haul_err *e)
{
    if (src->file)
        return from_file(src->file, to, ret_exposed, e);
    if (src->command)
        return from_command(src, to, e);
    char *value = src->env ? getenv(src->env) : NULL;
    return value ? from_env(src->env, value, to, e) : from_prompt(src, to, e);
}

haul_rc haul_secret_get(const haul_secret_source *src, haul_secret *to, bool *ret_exposed, haul_err *e)
{
    bool exposed = false;
    haul_secret_clear(to);
    haul_rc rc = get(src, to, &exposed, e);
    if (rc != HAUL_OK)
        haul_secret_clear(to);
    else if (ret_exposed)
        *ret_exposed = exposed;
    return rc;
}

bool haul_secret_renews(const haul_secret_source *src)
{
    return src->file || src->command;
}
