#define _GNU_SOURCE
#include "model/confined.h"

#include "base/utf.h"
#include "io/confine.h"
#include "testing.h"
#include "toy_reader.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ── what the child may not do ── */

/* errno of what a parser has no business with, 0 = it worked. */
static int try_open(void)
{
    haul_auto_fd int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? errno : 0;
}

static int try_make(void)
{
    haul_auto_fd int fd = open("/tmp/haul-test-made", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int ret = fd < 0 ? errno : 0;
    (void)unlink("/tmp/haul-test-made");
    return ret;
}

static int try_socket(void)
{
    haul_auto_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? errno : 0;
}

static int try_fork(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid < 0 ? errno : waitpid(pid, NULL, 0) == pid ? 0 : errno;
}

/* In this process: it is over when it works. */
static int try_exec(void)
{
    char *args[] = {(char[]){"true"}, NULL};
    (void)execv("/bin/true", args);
    return errno;
}

static int try_signal_outside(void)
{
    return kill(getppid(), 0) < 0 ? errno : 0;
}

static int try_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? errno : 0;
}

static const struct {
    const char *name;
    int (*act)(void);
} TRIES[] = {
    {"open", try_open},           {"make", try_make}, {"socket", try_socket}, {"fork", try_fork},
    {"kill", try_signal_outside}, {"code", try_code}, {"exec", try_exec}, /* last */
};

/* All in a forked process confined as `want` says; `to` gets a line. */
static void try_all(unsigned want, haul_str *to)
{
    int pair[2];
    cr_assert_eq(pipe(pair), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)haul_confine(want, NULL, 0, 0);
        for (size_t i = 0; i < HAUL_COUNT(TRIES); i++) {
            signed char got = (signed char)TRIES[i].act();
            if (write(pair[1], &got, 1) != 1)
                _exit(1);
        }
        _exit(0);
    }
    (void)close(pair[1]);
    signed char got;
    for (size_t i = 0; i < HAUL_COUNT(TRIES); i++)
        if (read(pair[0], &got, 1) == 1)
            haul_str_addf(to, "%s=%s ", TRIES[i].name, got ? strerrorname_np(got) : "ok");
        else
            haul_str_addf(to, "%s=gone ", TRIES[i].name);
    (void)close(pair[0]);
    (void)waitpid(pid, NULL, 0);
}

Test(confine, alone_and_together)
{
    static const struct {
        unsigned want;
        const char *text;
    } rows[] = {
        {0, "open=ok make=ok socket=ok fork=ok kill=ok code=ok exec=gone "},
        {HAUL_CONFINE_FILES, "open=EACCES make=EACCES socket=ok fork=ok kill=EPERM code=ok exec=EACCES "},
        {HAUL_CONFINE_CALLS,
         "open=EPERM make=EPERM socket=EPERM fork=EPERM kill=EPERM code=EPERM exec=EPERM "},
        {HAUL_CONFINE_FILES | HAUL_CONFINE_CALLS,
         "open=EPERM make=EPERM socket=EPERM fork=EPERM kill=EPERM code=EPERM exec=EPERM "},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str got = {0};
        try_all(rows[i].want, &got);
        cr_expect_str_eq(got.p, rows[i].text, "row %zu: %s", i, got.p);
    }
}

/* Descriptors below 64 that are open in a process confined by HAUL_CONFINE_OPEN, 3 kept; 0 = it does not hold. */
static int count_open(bool without_close_range)
{
    int source = open("/dev/zero", O_RDONLY), status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        const int keep[] = {60};
        int open_now = 0;
        while (dup(source) < keep[0])
            ;
        if (without_close_range) {
            scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
            if (seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(close_range), 0) != 0 ||
                seccomp_load(f) != 0)
                _exit(0);
            seccomp_release(f);
        }
        if (without_close_range)
            (void)setrlimit(RLIMIT_NOFILE, &(struct rlimit){16, 16});
        if (haul_confine(HAUL_CONFINE_OPEN, keep, HAUL_COUNT(keep), 0) != HAUL_CONFINE_OPEN)
            _exit(0);
        for (int fd = 0; fd < 64; fd++)
            open_now += fcntl(fd, F_GETFD) >= 0;
        _exit(open_now);
    }
    (void)close(source);
    (void)waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Before Linux 5.9, and below a filter that does not know the call; also when the limit was lowered meanwhile. */
Test(confine, closes_without_close_range)
{
    cr_expect_eq(count_open(false), 4);
    cr_expect_eq(count_open(true), 4);
}

static void evil(haul_reader *r)
{
    for (size_t i = 0; i < HAUL_COUNT(TRIES); i++)
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_CHANGED, "%s=%s", TRIES[i].name,
                          strerrorname_np(TRIES[i].act()));
    int fds = 0;
    for (int fd = 0; fd < 1024; fd++)
        fds += fcntl(fd, F_GETFD) >= 0;
    haul_reader_issue(r, HAUL_ISSUE_SOURCE_CHANGED, "%d descriptors", fds);
}

Test(confine, the_child_of_a_reader)
{
    int other = open("/etc/passwd", O_RDONLY);
    toy.evil = evil;
    char *got = read_all(LIMITS);
    static const char want[] =
        "I source.changed open=EPERM\nI source.changed make=EPERM\nI source.changed socket=EPERM\n"
        "I source.changed fork=EPERM\nI source.changed kill=EPERM\nI source.changed code=EPERM\n"
        "I source.changed exec=EPERM\nI source.changed 5 descriptors\nF Folder 0 ";
    cr_expect_eq(strncmp(got, want, sizeof(want) - 1), 0, "%.400s", got);
    cr_expect(strstr(got, "Folder 4"));
    free(got);
    (void)close(other);
}

static void tell_pid(haul_reader *r)
{
    haul_reader_issue(r, HAUL_ISSUE_SOURCE_CHANGED, "%d", (int)getpid());
}

static void pass_pid(void *ctx, haul_issue_id id, const char *detail)
{
    (void)id;
    ssize_t n = write(*(int *)ctx, detail, strlen(detail));
    (void)n;
}

/* The parent is killed while the child spins: it must not live on. */
Test(confine, dies_with_its_parent, .timeout = TESTING_SECONDS)
{
    int pair[2], status = 0;
    char text[32] = "";
    cr_assert_eq(pipe(pair), 0);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    pid_t middle = fork();
    if (middle == 0) {
        haul_msg *m = haul_msg_new();
        haul_item it = {.msg = m};
        toy.evil = tell_pid;
        toy.act = SPIN;
        toy.where = AT_FOLDER;
        haul_confined_limits no_limit = {0};
        haul_confined *c =
            haul_confined_new(&TOY, NULL, open_source(), "x", NULL, &no_limit, pass_pid, &pair[1]);
        for (int i = 0; i < 3; i++)
            if (haul_confined_next(c, &it, NULL) != HAUL_OK)
                _exit(1);
        _exit(0);
    }
    (void)close(pair[1]);
    cr_assert_gt(read(pair[0], text, sizeof(text) - 1), 0);
    (void)poll(NULL, 0, 100);
    pid_t child = (pid_t)strtol(text, NULL, 10);
    cr_assert_eq(kill(child, 0), 0);
    cr_assert_eq(kill(middle, SIGKILL), 0);
    cr_assert_eq(waitpid(middle, &status, 0), middle);
    cr_assert_eq(waitpid(child, &status, 0), child, "ours by now: we reap orphans");
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    (void)close(pair[0]);
}

/* Ctrl-C reaches the whole process group: the child leaves it to its parent. */
Test(confine, is_not_interrupted)
{
    haul_msg *m = haul_msg_new();
    run r;
    toy.evil = tell_pid;
    run_begin(&r, LIMITS);
    cr_assert_eq(run_next(&r, m), HAUL_OK);
    pid_t child = (pid_t)strtol(strstr(r.text.p, "changed ") + 8, NULL, 10);
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    for (size_t i = 0; i < HAUL_COUNT(signals); i++)
        cr_assert_eq(kill(child, signals[i]), 0);
    for (int i = 0; i < 5; i++)
        cr_expect_eq(run_next(&r, m), HAUL_OK);
    cr_expect_null(strstr(r.text.p, "the parser"), "%s", r.text.p);
    free(run_end(&r));
    haul_msg_unref(m);
}
