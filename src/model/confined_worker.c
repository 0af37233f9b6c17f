#define _GNU_SOURCE /* sigabbrev_np */
#include "model/confined_worker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PIECE       (64u * 1024u) /* octets of a body that are copied at a time */
#define RING_ALONE  (512u * 1024u)
#define RING_SHARED (4096u * 1024u)
#define LOT         (256u * 1024u) /* of a sleep for less, no use is made: the scheduler moves nobody over */
#define SLICE_MS    1000           /* the longest wait before the clock is looked at */
#define STOP_MS     2000           /* of silence in which an interrupted run waits for its item */
#define ASKS_MAX    64u

static const volatile sig_atomic_t *stop_asked;

void haul_worker_stop(const volatile sig_atomic_t *stop)
{
    stop_asked = stop;
}

/* ── starting one ── */

/* 0-2 are replaced in the child: what it needs must lie above. */
static bool lift(int *fd)
{
    if (*fd > 2)
        return true;
    int higher = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
    haul_fd_autoclose(fd);
    *fd = higher;
    return higher >= 0;
}

static haul_guard_page *new_page(void)
{
    void *p = mmap(NULL, sizeof(haul_guard_page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static void drop_memory(haul_worker *w)
{
    if (w->page)
        (void)munmap(w->page, sizeof(*w->page));
    w->page = NULL;
    haul_ring_close(&w->ring);
}

/* A child that has us and the processor for itself fills a ring that stays in the cache, and we empty it: two switches for
 * each filling. With others, each may be as far ahead as the rest need to catch up, and is woken early. */
static bool open_ring(haul_ring *r, bool shares)
{
    return shares ? haul_ring_open(r, RING_SHARED, LOT) : haul_ring_open(r, RING_ALONE, RING_ALONE);
}

haul_rc haul_worker_start(haul_worker *w, haul_child *child, bool shares, haul_err *e)
{
    haul_auto_fd int ours = -1, theirs = -1;
    int pair[2];
    drop_memory(w);
    w->page = new_page();
    if (!w->page || !open_ring(&w->ring, shares) ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return haul_fail_sys(e, HAUL_E_SOURCE, "starting the parser");
    ours = pair[0];
    theirs = pair[1];
    const struct timeval slice = {.tv_sec = SLICE_MS / 1000};
    if (!lift(&theirs) || setsockopt(ours, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof(slice)) != 0)
        return haul_fail_sys(e, HAUL_E_SOURCE, "starting the parser");
    child->sock = theirs;
    child->ring = w->ring;
    child->guard.page = w->page;
    child->parent = getpid();
    w->known = child->guard.frontier;
    w->owed = 0;
    w->pid = fork();
    if (w->pid == 0)
        haul_child_serve(child);
    if (w->pid < 0) {
        w->pid = 0;
        return haul_fail_sys(e, HAUL_E_SOURCE, "starting the parser");
    }
    w->sock = ours;
    ours = -1;
    return HAUL_OK;
}

/* ── ending one ── */

static const char *memory_text(uint64_t n, char *to, size_t size)
{
    static const char units[] = "kMG";
    size_t unit = 0;
    uint64_t v = n / 1024;
    for (; unit < 2 && v >= 1024 && v % 1024 == 0; unit++)
        v /= 1024;
    (void)snprintf(to, size, "%" PRIu64 "%c", v, units[unit]);
    return to;
}

/* Which option helps. */
static void add_option(haul_worker *w, const char *option)
{
    size_t n = strlen(w->why);
    if (option)
        (void)snprintf(w->why + n, sizeof(w->why) - n, " (%s)", option);
}

/* w->why, for people. */
static void explain(haul_worker *w, int status)
{
    enum { OOM_STATUS = 4 }; /* of haul_oom */
    char memory[32];
    uint64_t limit = w->limits->memory;
    int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0, code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    const char *name = sigabbrev_np(sig);
    if (w->how == HAUL_TOO_LONG) {
        (void)snprintf(w->why, sizeof(w->why), "the parser took more than %u s", w->limits->item_seconds);
        add_option(w, w->limits->seconds_option);
    } else if (w->how == HAUL_NONSENSE)
        (void)snprintf(w->why, sizeof(w->why), "the parser answered with nonsense");
    else if (code == OOM_STATUS && limit) {
        (void)snprintf(w->why, sizeof(w->why), "the parser needed more than %s of memory",
                       memory_text(limit, memory, sizeof(memory)));
        add_option(w, w->limits->memory_option);
    } else if (code == OOM_STATUS)
        (void)snprintf(w->why, sizeof(w->why), "the parser ran out of memory");
    else if (sig == SIGKILL)
        (void)snprintf(w->why, sizeof(w->why), "the parser was killed (signal 9, SIGKILL)");
    else if (sig)
        (void)snprintf(w->why, sizeof(w->why), "the parser crashed (signal %d, SIG%s)", sig,
                       name ? name : "?");
    else
        (void)snprintf(w->why, sizeof(w->why), "the parser ended with status %d", code);
}

void haul_worker_end(haul_worker *w)
{
    int status = 0;
    if (!w->pid)
        return;
    /* One that is ending by itself keeps the status that it has. */
    (void)kill(w->pid, SIGKILL);
    haul_fd_autoclose(&w->sock);
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
        ;
    w->pid = 0;
    w->owed = 0;
    explain(w, status);
}

void haul_worker_done(haul_worker *w)
{
    haul_worker_end(w);
    drop_memory(w);
    free(w->in);
    *w = (haul_worker){0};
}

/* ── asking and listening ── */

bool haul_worker_lost(haul_worker *w, haul_death how)
{
    w->how = how;
    return false;
}

/* That it has died shows when it is listened to: what it said before counts. */
void haul_worker_ask(const haul_worker *w, char what, unsigned n)
{
    char asks[ASKS_MAX];
    memset(asks, what, sizeof(asks));
    while (n > 0) {
        ssize_t sent = send(w->sock, asks, n < ASKS_MAX ? n : ASKS_MAX, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return;
        n -= sent > 0 ? (unsigned)sent : 0;
    }
}

static void wake_child(const haul_worker *w)
{
    haul_worker_ask(w, HAUL_WIRE_WAKE, 1);
}

void haul_worker_leave(haul_worker *w)
{
    if (w->pid && haul_ring_return(&w->ring))
        wake_child(w);
}

static int64_t now_ms(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Going over what we have already is work too, and bounded by it. */
static bool moved(const haul_worker *w, uint64_t *step)
{
    uint64_t now = atomic_load_explicit(&w->page->step, memory_order_acquire);
    if (now <= *step || now > w->known)
        return false;
    *step = now;
    return true;
}

/* Sleep until it says something, for a slice at most. */
static bool sleep_slice(haul_worker *w, bool *ret_gone)
{
    char said[ASKS_MAX];
    if (!haul_ring_reader_sleeps(&w->ring))
        return true;
    ssize_t n = recv(w->sock, said, sizeof(said), 0);
    bool waits = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    haul_ring_reader_wakes(&w->ring);
    for (ssize_t i = 0; i < n; i++)
        if (said[i] != HAUL_WIRE_WAKE)
            return haul_worker_lost(w, HAUL_NONSENSE);
    *ret_gone = n == 0 || (n < 0 && !waits);
    return true;
}

/* At least one octet more. A wait is counted in slices, so that time in which we were stopped ourselves is not. */
static bool wait_for_octets(haul_worker *w)
{
    uint64_t step = 0;
    bool gone = false;
    haul_worker_leave(w);
    for (int64_t waited = 0;;) {
        const char *p;
        size_t n = 0;
        int64_t before = now_ms();
        if (!sleep_slice(w, &gone))
            return false;
        if (!haul_ring_look(&w->ring, &p, &n))
            return haul_worker_lost(w, HAUL_NONSENSE);
        if (n > 0)
            return true;
        if (gone)
            return haul_worker_lost(w, HAUL_DIED);
        int64_t slice = now_ms() - before;
        waited += slice < SLICE_MS ? slice : SLICE_MS;
        if (moved(w, &step))
            waited = 0;
        if (stop_asked && *stop_asked && waited >= STOP_MS)
            return haul_worker_lost(w, HAUL_STOPPED);
        if (w->limits->item_seconds && waited >= (int64_t)w->limits->item_seconds * 1000)
            return haul_worker_lost(w, HAUL_TOO_LONG);
    }
}

/* Up to n octets, one at least, into `to`. */
static bool copy_some(haul_worker *w, char *to, size_t n, size_t *ret_n)
{
    const char *p = NULL;
    for (;;) {
        if (!haul_ring_look(&w->ring, &p, ret_n))
            return haul_worker_lost(w, HAUL_NONSENSE);
        if (*ret_n)
            break;
        if (!wait_for_octets(w))
            return false;
    }
    *ret_n = *ret_n < n ? *ret_n : n;
    memcpy(to, p, *ret_n);
    if (haul_ring_take(&w->ring, *ret_n))
        wake_child(w);
    return true;
}

static bool copy_all(haul_worker *w, char *to, size_t n)
{
    size_t part = 0;
    for (; n > 0; to += part, n -= part)
        if (!copy_some(w, to, n, &part))
            return false;
    return true;
}

static void in_room(haul_worker *w, size_t n)
{
    if (w->cap >= n)
        return;
    w->cap = n < PIECE ? PIECE : n;
    w->in = haul_realloc(w->in, w->cap);
}

bool haul_worker_frame(haul_worker *w, haul_wire_type *ret_type, uint32_t *ret_n)
{
    char head[HAUL_WIRE_HEAD];
    if (!copy_all(w, head, sizeof(head)))
        return false;
    if (!haul_wire_get_head(head, ret_type, ret_n))
        return haul_worker_lost(w, HAUL_NONSENSE);
    if (*ret_type == HAUL_WIRE_CHUNK)
        return true;
    in_room(w, *ret_n);
    return copy_all(w, w->in, *ret_n);
}

bool haul_worker_octets(haul_worker *w, size_t max, const char **ret, size_t *ret_n)
{
    in_room(w, PIECE);
    *ret = w->in;
    return copy_some(w, w->in, max < PIECE ? max : PIECE, ret_n);
}
