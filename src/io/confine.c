#define _GNU_SOURCE /* syscall, RLIMIT_NPROC, pipe2 */
#include "io/confine.h"

#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || HAS_FEATURE(address_sanitizer) ||       \
    HAS_FEATURE(thread_sanitizer) || HAS_FEATURE(memory_sanitizer)
#define SANITIZED true
#else
#define SANITIZED false
#endif

bool haul_confine_sanitized(void)
{
    return SANITIZED;
}

/* ── descriptors ── */

/* What is open now, for kernels without close_range: the limit on descriptors may be a billion, and those above it stay
 * open when it is lowered. */
static bool close_listed(unsigned from, unsigned to)
{
    (void)close((int)from); /* room for one */
    DIR *d = opendir("/proc/self/fd");
    if (!d)
        return false;
    for (const struct dirent *f; (f = readdir(d)) != NULL;) {
        uint64_t fd = 0;
        if (haul_parse_u64(f->d_name, strlen(f->d_name), &fd) && fd >= from && fd <= to &&
            fd != (unsigned)dirfd(d))
            (void)close((int)fd);
    }
    return closedir(d) == 0;
}

static bool close_between(unsigned from, unsigned to)
{
    if (from > to)
        return true;
#ifdef SYS_close_range
    if (syscall(SYS_close_range, from, to, 0u) == 0)
        return true;
#endif
    return close_listed(from, to);
}

static bool close_others(const int *keep, unsigned n_keep)
{
    unsigned from = 3;
    for (;;) {
        unsigned next = UINT32_MAX;
        for (unsigned i = 0; i < n_keep; i++)
            if ((unsigned)keep[i] >= from && (unsigned)keep[i] < next)
                next = (unsigned)keep[i];
        if (next == UINT32_MAX)
            return close_between(from, UINT32_MAX);
        if (next > from && !close_between(from, next - 1))
            return false;
        from = next + 1;
    }
}

/* Where there is no /dev/null: a pipe without its other end gives nothing and takes nothing. */
static int open_nothing(void)
{
    int ends[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0 || pipe2(ends, O_CLOEXEC) != 0)
        return null;
    (void)close(ends[1]);
    return ends[0];
}

/* A parser has nothing to say to a terminal, and must not be able to write into our own output. */
static bool mute(void)
{
    int null = open_nothing();
    bool done = null >= 0;
    for (int fd = 0; done && fd <= (SANITIZED ? 1 : 2); fd++)
        done = dup2(null, fd) == fd;
    if (null > 2)
        (void)close(null);
    return done;
}

/* ── limits ── */

/* n, or the lower limit that holds already. */
static bool limit(int resource, rlim_t n)
{
    struct rlimit had;
    if (getrlimit(resource, &had) == 0 && had.rlim_max < n)
        n = had.rlim_max;
    return setrlimit(resource, &(struct rlimit){.rlim_cur = n, .rlim_max = n}) == 0;
}

static bool limit_memory(uint64_t memory)
{
    return !SANITIZED && memory && limit(RLIMIT_AS, (rlim_t)memory);
}

/* A process that is not dumpable writes no core, and only root may attach to it or read its memory. */
static bool no_core(void)
{
    if (SANITIZED)
        return limit(RLIMIT_CORE, 0);
    (void)limit(RLIMIT_FSIZE, 0);
    (void)limit(RLIMIT_NPROC, 0);
    return limit(RLIMIT_CORE, 0) && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

/* ── Landlock: linux/Documentation/userspace-api/landlock.rst. Headers are older than kernels: the numbers are here. ── */

#ifdef SYS_landlock_create_ruleset
typedef struct
    ruleset { /* struct landlock_ruleset_attr; a kernel that knows less accepts zeros behind its end */
    uint64_t files, network, scoped;
} ruleset;

/* All rights that the ABI handles, so that what is not granted (nothing is) is denied. */
static ruleset rights_of(long abi)
{
    ruleset r = {.files = (UINT64_C(1) << 13) - 1}; /* ABI 1: execute … make_sym */
    if (abi >= 2)
        r.files |= UINT64_C(1) << 13; /* refer */
    if (abi >= 3)
        r.files |= UINT64_C(1) << 14; /* truncate */
    if (abi >= 4)
        r.network = 3; /* bind and connect TCP */
    if (abi >= 5)
        r.files |= UINT64_C(1) << 15; /* ioctl on devices */
    if (abi >= 6)
        r.scoped = 3; /* abstract sockets and signals stay within */
    return r;
}

static bool landlock(void)
{
    long abi =
        syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, 1u /* LANDLOCK_CREATE_RULESET_VERSION */);
    if (abi < 1)
        return false;
    ruleset r = rights_of(abi);
    haul_auto_fd int fd = (int)syscall(SYS_landlock_create_ruleset, &r, sizeof(r), 0u);
    return fd >= 0 && syscall(SYS_landlock_restrict_self, fd, 0u) == 0;
}
#else
static bool landlock(void)
{
    return false;
}
#endif

/* ── seccomp ── */

/* No open, no socket, no process, no kill: reading and writing what is open, memory, time, and the end. Names that an
 * architecture lacks are passed over by libseccomp. */
static const int CALLS[] = {
    SCMP_SYS(read),           SCMP_SYS(readv),           SCMP_SYS(pread64),
    SCMP_SYS(preadv),         SCMP_SYS(write),           SCMP_SYS(writev),
    SCMP_SYS(lseek),          SCMP_SYS(_llseek),         SCMP_SYS(fstat),
    SCMP_SYS(fstat64),        SCMP_SYS(close),           SCMP_SYS(poll),
    SCMP_SYS(ppoll),          SCMP_SYS(ppoll_time64),    SCMP_SYS(brk),
    SCMP_SYS(munmap),         SCMP_SYS(mremap),          SCMP_SYS(madvise),
    SCMP_SYS(sysinfo), /* glibc's qsort asks how much memory there is */
    SCMP_SYS(futex),          SCMP_SYS(futex_time64),    SCMP_SYS(sched_yield),
    SCMP_SYS(clock_gettime),  SCMP_SYS(clock_gettime64), SCMP_SYS(gettimeofday),
    SCMP_SYS(time),           SCMP_SYS(getrandom),       SCMP_SYS(getpid),
    SCMP_SYS(gettid),         SCMP_SYS(getppid),         SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),    SCMP_SYS(sigreturn),
    SCMP_SYS(sigaltstack),    SCMP_SYS(restart_syscall), /* poll, after SIGSTOP and SIGCONT */
    SCMP_SYS(exit),           SCMP_SYS(exit_group),
};

static bool allow(scmp_filter_ctx filter, int call, const struct scmp_arg_cmp *arg)
{
    int r = arg ? seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, arg)
                : seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
    return r == 0 || r == -EDOM; /* EDOM: this architecture cannot express it */
}

/* Calls that are harmless with some arguments only. */
static bool allow_partly(scmp_filter_ctx f)
{
    const struct scmp_arg_cmp no_code = {2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0};
    const struct scmp_arg_cmp by_fd = {3, SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH};
    const struct scmp_arg_cmp myself = {0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0};
    static const unsigned commands[] = {F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC};
    bool done = allow(f, SCMP_SYS(mmap), &no_code) && allow(f, SCMP_SYS(mmap2), &no_code) &&
                allow(f, SCMP_SYS(mprotect), &no_code) && allow(f, SCMP_SYS(newfstatat), &by_fd) &&
                allow(f, SCMP_SYS(tgkill), &myself);
    for (size_t i = 0; i < HAUL_COUNT(commands) && done; i++) {
        const struct scmp_arg_cmp command = {1, SCMP_CMP_EQ, commands[i], 0};
        done = allow(f, SCMP_SYS(fcntl), &command) && allow(f, SCMP_SYS(fcntl64), &command);
    }
    return done;
}

static bool filter_calls(void)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    bool done = f != NULL;
    for (size_t i = 0; i < HAUL_COUNT(CALLS) && done; i++)
        done = allow(f, CALLS[i], NULL);
    done = done && allow_partly(f);
    if (done) {
        (void)seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree instead of a list */
        done = seccomp_load(f) == 0;
    }
    seccomp_release(f);
    return done;
}

/* ── all of it ── */

unsigned haul_confine(unsigned want, const int *keep, unsigned n_keep, uint64_t memory)
{
    unsigned held = 0;
    if (want & HAUL_CONFINE_DEATH && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0)
        held |= HAUL_CONFINE_DEATH;
    if (want & HAUL_CONFINE_OPEN) { /* the others are closed first: then there is room for one more */
        bool closed = close_others(keep, n_keep), muted = mute();
        held |= closed && muted ? HAUL_CONFINE_OPEN : 0u;
    }
    if (want & HAUL_CONFINE_CORE && no_core())
        held |= HAUL_CONFINE_CORE;
    if (want & HAUL_CONFINE_MEMORY && limit_memory(memory))
        held |= HAUL_CONFINE_MEMORY;
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (want & HAUL_CONFINE_FILES && landlock())
        held |= HAUL_CONFINE_FILES;
    if (want & HAUL_CONFINE_CALLS && filter_calls())
        held |= HAUL_CONFINE_CALLS;
    return held;
}

void haul_confine_text(unsigned bits, char *to, size_t size)
{
    static const struct {
        unsigned bit;
        const char *name;
    } rows[] = {
        {HAUL_CONFINE_FILES, "Landlock"},
        {HAUL_CONFINE_CALLS, "seccomp"},
        {HAUL_CONFINE_MEMORY, "the limit on memory"},
        {HAUL_CONFINE_CORE, "the ban on core dumps"},
        {HAUL_CONFINE_DEATH, "the end with its parent"},
        {HAUL_CONFINE_OPEN, "the closing of other files"},
    };
    size_t at = 0;
    to[0] = '\0';
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        if (bits & rows[i].bit && at < size) {
            int n = snprintf(to + at, size - at, "%s%s", at ? ", " : "", rows[i].name);
            at += n > 0 ? (size_t)n : 0;
        }
}
