#include "model/confined_check.h"

#include "io/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS    200
#define STATUS_OOM 4 /* haul_oom */

/* Both processes are one program, so a record has one shape. */
typedef struct record {
    bool end;
    haul_finding finding;
    haul_rc rc; /* of an end */
    haul_err err;
} record;

typedef struct child {
    int to;
    uint64_t sent; /* findings */
} child;

/* Test builds: die when as many findings were sent as MAILHAUL_CHECK_FAULT says ("kill@2", "oom@0"). */
static void fault(const child *c)
{
#ifdef MAILHAUL_FAULTS
    const char *what = getenv("MAILHAUL_CHECK_FAULT"), *at = what ? strchr(what, '@') : NULL;
    uint64_t n = 0;
    if (!at || !haul_parse_u64(at + 1, strlen(at + 1), &n) || n != c->sent)
        return;
    if (strncmp(what, "oom", 3) == 0)
        haul_oom();
    (void)raise(SIGKILL);
#else
    (void)c;
#endif
}

static bool send_all(int fd, const void *p, size_t n)
{
    const char *at = p;
    while (n) {
        ssize_t got = write(fd, at, n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        n -= (size_t)got;
    }
    return true;
}

static void send_finding(void *ctx, const haul_finding *f)
{
    child *c = ctx;
    record r = {.finding = *f};
    if (!send_all(c->to, &r, sizeof(r)))
        _exit(1);
    c->sent++;
    fault(c);
}

static void run_child(const haul_format *f, const haul_checking *given, int to, pid_t parent)
{
    int fd = fcntl(given->fd, F_DUPFD_CLOEXEC, 3), out = fcntl(to, F_DUPFD_CLOEXEC, 3);
    int keep[] = {fd, out};
    record end = {.end = true};
    child me = {.to = out};
    haul_checking c = {.fd = fd, .size = given->size, .found = send_finding, .ctx = &me};
    if (fd < 0 || out < 0)
        _exit(1);
    (void)haul_confine(HAUL_CONFINE_ALL, keep, 2, HAUL_CHECK_MEMORY);
    if (getppid() != parent)
        _exit(1);
    fault(&me);
    end.rc = f->check(&c, &end.err);
    _exit(send_all(out, &end, sizeof(end)) ? 0 : 1);
}

/* 1: a record; 0: the end; -1: the user wants to stop. */
static int receive(int fd, const haul_checking *c, record *ret)
{
    size_t n = 0;
    while (n < sizeof(*ret)) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (c->stop && *c->stop)
            return -1;
        if (poll(&p, 1, WAIT_MS) <= 0)
            continue;
        ssize_t got = read(fd, (char *)ret + n, sizeof(*ret) - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return 0;
        n += (size_t)got;
    }
    ret->err.text[sizeof(ret->err.text) - 1] = '\0';
    ret->finding.detail[sizeof(ret->finding.detail) - 1] = '\0';
    return 1;
}

/* HAUL_END: it went without an answer. */
static haul_rc listen_to(int fd, const haul_checking *c, haul_err *e)
{
    record r;
    int got;
    while ((got = receive(fd, c, &r)) == 1) {
        if (r.end && r.rc != HAUL_OK)
            return haul_fail(e, r.rc == HAUL_E_FORMAT ? HAUL_E_FORMAT : HAUL_E_SOURCE, "%s", r.err.text);
        if (r.end)
            return HAUL_OK;
        if ((unsigned)r.finding.id < HAUL_FINDING_COUNT)
            c->found(c->ctx, &r.finding);
    }
    return got < 0 ? haul_fail(e, HAUL_E_INTERRUPTED, "interrupted") : HAUL_END;
}

static haul_rc say_end(int status, haul_err *e)
{
    static const char ended[] = "its check did not come to its end: the process";
    if (WIFSIGNALED(status))
        return haul_fail(e, HAUL_E_SOURCE, "%s was ended by signal %d", ended, WTERMSIG(status));
    if (WEXITSTATUS(status) == STATUS_OOM)
        return haul_fail(e, HAUL_E_LIMIT, "%s takes more than %llu octets of memory", ended,
                         (unsigned long long)HAUL_CHECK_MEMORY);
    return haul_fail(e, HAUL_E_SOURCE, "%s ended with status %d", ended, WEXITSTATUS(status));
}

haul_rc haul_confined_check(const haul_format *f, haul_checking *c, haul_err *e)
{
    int ends[2];
    pid_t parent = getpid();
    if (pipe(ends) != 0)
        return haul_fail_sys(e, HAUL_E_SOURCE, "a pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        run_child(f, c, ends[1], parent);
    }
    close(ends[1]);
    haul_rc rc = pid < 0 ? haul_fail_sys(e, HAUL_E_SOURCE, "a process") : listen_to(ends[0], c, e);
    close(ends[0]);
    int status = 0;
    if (pid > 0) {
        kill(
            pid,
            SIGKILL); /* it has answered, or will not be heard any more; of one that is dead the status stays */
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    return rc == HAUL_END ? say_end(status, e) : rc;
}
