#define _GNU_SOURCE /* sigabbrev_np, sched_setaffinity */
#include "model/confined.h"

#include "base/str.h"
#include "io/confine.h"
#include "model/confined_child.h"
#include "model/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define INPUT        (512u * 1024u) /* octets received at a time; a larger frame gets room of its own */
#define SLICE_MS     1000           /* the longest wait before the clock is looked at */
#define STUCK_MAX    3u             /* children in a row that die without bringing anything */
#define LOST_MAX     100000u        /* folders lost */
#define FOLDERS_MAX  1000000u       /* folders of one source */
#define STEPS_MAX    (UINT64_C(1) << 40)
#define NOTICES_MAX  1000000u            /* issues of one source that are handed on */
#define DROPPED_MAX  100000000u          /* further ones that are listened to */
#define SEARCHES_MAX UINT64_C(200000000) /* comparisons of folders with those of earlier children */
#define BODY_MAX     (UINT64_C(1) << 42) /* octets of one body */
#define WHY_MAX      160
#define STOP_MS      2000 /* of silence in which an interrupted run waits for its item */

typedef enum death { DIED, TOO_LONG, NONSENSE, STOPPED } death;

static const volatile sig_atomic_t *stop_asked;

struct haul_confined {
    const haul_reader_ops *ops;
    void (*prepare)(void);
    const haul_values *values;
    haul_confined_limits limits;
    char *label;
    int fd;
    void (*issue)(void *, haul_issue_id, const char *);
    void *issue_ctx;
    bool prepared, ended;
    haul_err end;     /* what every further next() answers; rc END or a failure */
    haul_reader here; /* limits.off */
    /* the child */
    pid_t pid; /* 0 = none */
    int sock;
    cpu_set_t processors; /* that we may run on; while `shared`, both are on one of them */
    bool shared;
    haul_guard_page *page;
    bool asked; /* it owes an answer to NEXT */
    bool ready;
    char *in;
    size_t start, n_in, cap;
    haul_wire_at had_result, had_issue; /* the last of this child */
    uint32_t *map;                      /* its folder ids → ours */
    size_t n_map, cap_map;
    death how;
    char why[WHY_MAX];
    /* the run: what was handed on */
    haul_wire_at result, notice; /* the last ones */
    haul_folders folders;
    bool *met; /* folders from earlier children, declared again by this one */
    size_t n_met, first_unmet;
    uint64_t searches;
    unsigned notices;
    uint64_t *lost;
    size_t n_lost, cap_lost;
    unsigned stuck;
    bool brought; /* this child brought something new */
    haul_arena scratch;
};

/* ── new and free ── */

haul_confined *haul_confined_new(const haul_reader_ops *ops, void (*prepare)(void), int fd, const char *label,
                                 const haul_values *v, const haul_confined_limits *limits,
                                 void (*issue)(void *, haul_issue_id, const char *), void *issue_ctx)
{
    haul_confined *c = haul_calloc(1, sizeof(*c));
    *c = (haul_confined){.ops = ops,
                         .prepare = prepare,
                         .values = v,
                         .limits = *limits,
                         .label = haul_strdup(label),
                         .fd = fd,
                         .issue = issue,
                         .issue_ctx = issue_ctx,
                         .sock = -1};
    return c;
}

/* Parent and child take turns, item by item. On two processors each turn wakes a sleeping one, which costs more than the
 * work of a small message (three quarters of all system time were spent so, and nothing ran side by side); on one it is a
 * switch. The processor that we happen to be on: others are moved away from it if it is busy. */
static void share_processor(haul_confined *c)
{
    cpu_set_t one;
    int here = sched_getcpu();
    if (here < 0 || here >= CPU_SETSIZE || sched_getaffinity(0, sizeof(c->processors), &c->processors) != 0)
        return;
    CPU_ZERO(&one);
    CPU_SET((size_t)here, &one);
    c->shared = sched_setaffinity(0, sizeof(one), &one) == 0;
}

static void leave_processor(haul_confined *c)
{
    if (c->shared)
        (void)sched_setaffinity(0, sizeof(c->processors), &c->processors);
    c->shared = false;
}

/* Ends the child if there is one, and says how it ended. */
static int reap(haul_confined *c)
{
    int status = 0;
    if (!c->pid)
        return 0;
    /* One that is ending by itself keeps the status that it has. */
    (void)kill(c->pid, SIGKILL);
    haul_fd_autoclose(&c->sock);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        ;
    leave_processor(c);
    c->pid = 0;
    c->asked = c->ready = false;
    c->start = c->n_in = 0;
    return status;
}

static void drop_page(haul_confined *c)
{
    if (c->page)
        (void)munmap(c->page, sizeof(*c->page));
    c->page = NULL;
}

void haul_confined_free(haul_confined *c)
{
    if (!c)
        return;
    (void)reap(c);
    drop_page(c);
    haul_tree *tree = c->here.tree;
    haul_reader_close(&c->here);
    haul_tree_close(tree);
    haul_fd_autoclose(&c->fd);
    haul_folders_done(&c->folders);
    haul_arena_done(&c->scratch);
    free(c->label);
    free(c->in);
    free(c->map);
    free(c->met);
    free(c->lost);
    free(c);
}

static void prepare_once(haul_confined *c)
{
    if (!c->prepared && c->prepare)
        c->prepare();
    c->prepared = true;
}

static haul_rc end_source(haul_confined *c, haul_rc rc, haul_err *e)
{
    c->ended = true;
    if (e && rc < 0)
        c->end = *e;
    c->end.rc = rc;
    (void)reap(c);
    return rc;
}

/* ── without a child ── */

static haul_rc open_here(haul_confined *c, haul_err *e)
{
    prepare_once(c);
    c->here = (haul_reader){.ops = c->ops,
                            .state = haul_calloc(1, c->ops->state_size),
                            .tree = haul_tree_from_fd(c->fd, c->label),
                            .values = c->values,
                            .issue = c->issue,
                            .issue_ctx = c->issue_ctx,
                            .exclusive = true};
    c->fd = -1;
    return c->ops->open(&c->here, e);
}

static haul_rc next_here(haul_confined *c, haul_item *it, haul_err *e)
{
    haul_rc rc = c->here.state ? HAUL_OK : open_here(c, e);
    if (rc == HAUL_SKIP)
        rc = HAUL_E_SOURCE;
    if (rc == HAUL_OK)
        rc = c->ops->next(&c->here, it, e);
    return rc < 0 || rc == HAUL_END ? end_source(c, rc, e) : rc;
}

/* ── starting a child ── */

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

static haul_child child_of(const haul_confined *c, int sock, pid_t parent)
{
    unsigned want = HAUL_CONFINE_ALL & ~(c->limits.memory ? 0u : (unsigned)HAUL_CONFINE_MEMORY);
    return (haul_child){
        .ops = c->ops,
        .values = c->values,
        .label = c->label,
        .fd = c->fd,
        .sock = sock,
        .memory = c->limits.memory,
        .confine = want,
        .parent = parent,
        .guard = {.page = c->page, .lost = c->lost, .n_lost = c->n_lost, .frontier = c->result.step},
    };
}

static void expect_new_child(haul_confined *c)
{
    c->had_result = c->had_issue = (haul_wire_at){0};
    c->n_map = c->first_unmet = 0;
    c->n_met = c->folders.n;
    c->met = haul_realloc(c->met, c->n_met ? c->n_met : 1);
    memset(c->met, 0, c->n_met ? c->n_met : 1);
    c->brought = false;
}

static haul_rc start(haul_confined *c, haul_err *e)
{
    haul_auto_fd int ours = -1, theirs = -1;
    int pair[2];
    prepare_once(c);
    drop_page(c);
    c->page = new_page();
    if (!c->page || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return haul_fail_sys(e, HAUL_E_SOURCE, "starting the parser");
    ours = pair[0];
    theirs = pair[1];
    const struct timeval slice = {.tv_sec = SLICE_MS / 1000};
    if (!lift(&c->fd) || !lift(&theirs) ||
        setsockopt(ours, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof(slice)) != 0)
        return haul_fail_sys(e, HAUL_E_SOURCE, "starting the parser");
    expect_new_child(c);
    haul_child child = child_of(c, theirs, getpid());
    share_processor(c);
    c->pid = fork();
    if (c->pid == 0)
        haul_child_serve(&child);
    if (c->pid < 0) {
        c->pid = 0;
        leave_processor(c);
        return haul_fail_sys(e, HAUL_E_SOURCE, "starting the parser");
    }
    c->sock = ours;
    ours = -1;
    return HAUL_OK;
}

/* ── listening: false = the child is lost, c->how says why ── */

static bool give_up(haul_confined *c, death how)
{
    c->how = how;
    return false;
}

static int64_t now_ms(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Going over what we have already is work too, and bounded by it. */
static bool moved(const haul_confined *c, uint64_t *step)
{
    uint64_t now = atomic_load_explicit(&c->page->step, memory_order_acquire);
    if (now <= *step || now > c->result.step)
        return false;
    *step = now;
    return true;
}

/* At least one octet more. A wait is counted in slices, so that time in which we were stopped ourselves is not. */
static bool receive(haul_confined *c)
{
    uint64_t step = 0;
    for (int64_t waited = 0;;) {
        int64_t before = now_ms();
        ssize_t n = recv(c->sock, c->in + c->start + c->n_in, c->cap - c->start - c->n_in, 0);
        if (n > 0) {
            c->n_in += (size_t)n;
            return true;
        }
        if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
            return give_up(c, DIED);
        int64_t slice = now_ms() - before;
        waited += slice < SLICE_MS ? slice : SLICE_MS;
        if (moved(c, &step))
            waited = 0;
        if (stop_asked && *stop_asked && waited >= STOP_MS)
            return give_up(c, STOPPED);
        if (c->limits.item_seconds && waited >= (int64_t)c->limits.item_seconds * 1000)
            return give_up(c, TOO_LONG);
    }
}

/* See n octets at least. */
static bool peek(haul_confined *c, size_t n)
{
    if (c->n_in >= n)
        return true;
    size_t cap = n < INPUT ? INPUT : n;
    if (c->cap < cap) {
        char *grown = haul_alloc(cap);
        if (c->n_in)
            memcpy(grown, c->in + c->start, c->n_in);
        free(c->in);
        c->in = grown;
        c->cap = cap;
        c->start = 0;
    } else if (c->n_in == 0 || c->cap - c->start < n) {
        memmove(c->in, c->in + c->start, c->n_in);
        c->start = 0;
    }
    while (c->n_in < n)
        if (!receive(c))
            return false;
    return true;
}

static void consume(haul_confined *c, size_t n)
{
    c->start += n;
    c->n_in -= n;
}

static bool ask(haul_confined *c, const char *what, size_t n)
{
    ssize_t sent;
    do
        sent = send(c->sock, what, n, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)n || give_up(c, DIED);
}

/* The head of the next frame; all of it is in the buffer unless it is a CHUNK. */
static bool frame(haul_confined *c, haul_wire_type *ret_type, const char **ret_p, uint32_t *ret_n)
{
    uint32_t n = 0;
    if (!peek(c, HAUL_WIRE_HEAD))
        return false;
    if (!haul_wire_get_head(c->in + c->start, ret_type, &n))
        return give_up(c, NONSENSE);
    consume(c, HAUL_WIRE_HEAD);
    if (*ret_type != HAUL_WIRE_CHUNK) {
        if (!peek(c, n))
            return false;
        *ret_p = c->in + c->start;
        consume(c, n);
    }
    *ret_n = n;
    return true;
}

/* ── what it says ── */

static bool later(haul_wire_at a, haul_wire_at b)
{
    return a.step != b.step ? a.step > b.step : a.ordinal > b.ordinal;
}

/* Ordered as it must be; *ret_new: we have not had it from an earlier child. */
static bool in_order(haul_wire_at at, haul_wire_at *child, haul_wire_at *run, bool *ret_new)
{
    if (!later(at, *child) || at.step > STEPS_MAX)
        return false;
    *child = at;
    *ret_new = later(at, *run);
    if (*ret_new)
        *run = at;
    return true;
}

static bool on_ready(haul_confined *c, const char *p, size_t n)
{
    static bool said; /* once a run: it is about this machine, not about a source */
    uint32_t held = 0;
    char missing[WHY_MAX];
    if (c->ready || !haul_wire_get_ready(p, n, &held))
        return give_up(c, NONSENSE);
    c->ready = true;
    unsigned lacks = child_of(c, -1, 0).confine & ~held;
    if (haul_confine_sanitized())
        lacks &= ~(unsigned)HAUL_CONFINE_MEMORY;
    if (lacks && !said) {
        haul_auto_str text = {0};
        haul_confine_text(lacks, missing, sizeof(missing));
        haul_str_addf(&text, "without %s", missing);
        c->issue(c->issue_ctx, HAUL_ISSUE_READER_CONFINEMENT_PARTIAL, text.p);
        said = true;
    }
    return true;
}

static bool on_issue(haul_confined *c, const char *p, size_t n)
{
    haul_wire_at at;
    haul_issue_id id;
    const char *detail;
    bool is_new = false;
    haul_arena_reset(&c->scratch);
    if (!haul_wire_get_issue(p, n, &c->scratch, &at, &id, &detail) ||
        !in_order(at, &c->had_issue, &c->notice, &is_new) || c->notices >= NOTICES_MAX + DROPPED_MAX)
        return give_up(c, NONSENSE);
    if (!is_new)
        return true;
    c->notices++;
    if (c->notices <= NOTICES_MAX)
        c->issue(c->issue_ctx, id, detail);
    else if (c->notices == NOTICES_MAX + 1)
        c->issue(c->issue_ctx, HAUL_ISSUE_READER_ISSUES_DROPPED, c->label);
    return true;
}

static bool equal_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_folder(const haul_folder *a, const haul_folder *b)
{
    return a->parent == b->parent && a->role == b->role && equal_text(a->name, b->name) &&
           equal_text(a->raw_name, b->raw_name);
}

/* The folder of an earlier child that f is, or a new one. False: f cannot be. */
static bool place_folder(haul_confined *c, const haul_folder *f, uint32_t *ret_id, bool *ret_new)
{
    while (c->first_unmet < c->n_met && c->met[c->first_unmet])
        c->first_unmet++;
    for (size_t i = c->first_unmet; i < c->n_met; i++) {
        if (c->searches++ > SEARCHES_MAX)
            return false;
        if (!c->met[i] && same_folder(f, &c->folders.v[i])) {
            c->met[i] = true;
            *ret_id = (uint32_t)i;
            *ret_new = false;
            return true;
        }
    }
    haul_folder added = *f;
    added.id = *ret_id = (uint32_t)c->folders.n;
    *ret_new = true;
    return c->folders.n < FOLDERS_MAX && haul_folders_add(&c->folders, &added);
}

static bool on_folder(haul_confined *c, const char *p, size_t n, haul_item *it, bool *ret_new)
{
    haul_folder f;
    uint32_t id = 0;
    haul_arena_reset(&c->scratch);
    if (!haul_wire_get_folder(p, n, &c->scratch, &f) || f.id != c->n_map ||
        (f.parent != HAUL_FOLDER_NONE && f.parent >= c->n_map))
        return give_up(c, NONSENSE);
    if (f.parent != HAUL_FOLDER_NONE)
        f.parent = c->map[f.parent];
    if (!place_folder(c, &f, &id, ret_new))
        return give_up(c, NONSENSE);
    if (c->n_map == c->cap_map) {
        c->cap_map = c->cap_map ? c->cap_map * 2 : 64;
        c->map = haul_realloc(c->map, c->cap_map * sizeof(*c->map));
    }
    c->map[c->n_map++] = id;
    it->type = HAUL_ITEM_FOLDER;
    it->folder = c->folders.v[id];
    return true;
}

static bool map_folder(const haul_confined *c, uint32_t *folder)
{
    if (*folder == HAUL_FOLDER_NONE)
        return true;
    if (*folder >= c->n_map)
        return false;
    *folder = c->map[*folder];
    return true;
}

static bool on_result(haul_confined *c, haul_wire_type type, const char *p, size_t n, haul_msg *m,
                      bool *ret_new, haul_err *e)
{
    haul_wire_at at;
    haul_err why = {0};
    bool fine = type == HAUL_WIRE_LOST ? haul_wire_get_lost(p, n, &at, m, &why)
                                       : haul_wire_get_message(p, n, &at, m) && m->folder != HAUL_FOLDER_NONE;
    if (!fine || !map_folder(c, &m->folder) || !in_order(at, &c->had_result, &c->result, ret_new)) {
        haul_msg_reset(m);
        return give_up(c, NONSENSE);
    }
    if (!*ret_new)
        haul_msg_reset(m);
    else if (type == HAUL_WIRE_LOST && e)
        *e = why;
    return true;
}

static bool on_fail(haul_confined *c, const char *p, size_t n, haul_rc *ret, haul_err *e)
{
    haul_err why = {0};
    if (!haul_wire_get_fail(p, n, ret, &why))
        return give_up(c, NONSENSE);
    if (e)
        *e = why;
    *ret = end_source(c, *ret, &why);
    return true;
}

typedef enum told {
    TOLD_MORE,
    TOLD_AGAIN,
    TOLD_ITEM,
    TOLD_DEATH
} told; /* AGAIN: known already, ask for the next */

/* One frame of an answer to NEXT. ITEM: *ret is what next() says. */
static told hear(haul_confined *c, haul_item *it, haul_rc *ret, haul_err *e)
{
    haul_wire_type type;
    const char *p = NULL;
    uint32_t n = 0;
    bool is_new = true, fine = false;
    if (!frame(c, &type, &p, &n))
        return TOLD_DEATH;
    *ret = HAUL_OK;
    switch (type) {
    case HAUL_WIRE_READY:
        return on_ready(c, p, n) ? TOLD_MORE : TOLD_DEATH;
    case HAUL_WIRE_ISSUE:
        return on_issue(c, p, n) ? TOLD_MORE : TOLD_DEATH;
    case HAUL_WIRE_FOLDER:
        fine = on_folder(c, p, n, it, &is_new);
        break;
    case HAUL_WIRE_MESSAGE:
    case HAUL_WIRE_LOST:
        it->type = HAUL_ITEM_MESSAGE;
        *ret = type == HAUL_WIRE_LOST ? HAUL_SKIP : HAUL_OK;
        fine = on_result(c, type, p, n, it->msg, &is_new, e);
        break;
    case HAUL_WIRE_END:
        fine = n == 0 || give_up(c, NONSENSE);
        *ret = fine ? end_source(c, HAUL_END, NULL) : HAUL_OK;
        break;
    case HAUL_WIRE_FAIL:
        fine = on_fail(c, p, n, ret, e);
        break;
    case HAUL_WIRE_CHUNK:
    case HAUL_WIRE_BODY_END:
    case HAUL_WIRE_TYPES:
        fine = give_up(c, NONSENSE);
        break;
    }
    if (!fine)
        return TOLD_DEATH;
    c->asked = false;
    c->brought |= is_new;
    return is_new ? TOLD_ITEM : TOLD_AGAIN;
}

/* ── when it dies ── */

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

/* c->why, for people. */
static void explain(haul_confined *c, int status)
{
    enum { OOM_STATUS = 4 }; /* of haul_oom */
    char memory[32];
    int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0, code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    const char *name = sigabbrev_np(sig);
    if (c->how == TOO_LONG)
        (void)snprintf(c->why, WHY_MAX, "the parser took more than %u s", c->limits.item_seconds);
    else if (c->how == NONSENSE)
        (void)snprintf(c->why, WHY_MAX, "the parser answered with nonsense");
    else if (code == OOM_STATUS && c->limits.memory)
        (void)snprintf(c->why, WHY_MAX, "the parser needed more than %s of memory",
                       memory_text(c->limits.memory, memory, sizeof(memory)));
    else if (code == OOM_STATUS)
        (void)snprintf(c->why, WHY_MAX, "the parser ran out of memory");
    else if (sig == SIGKILL)
        (void)snprintf(c->why, WHY_MAX, "the parser was killed (signal 9, SIGKILL)");
    else if (sig)
        (void)snprintf(c->why, WHY_MAX, "the parser crashed (signal %d, SIG%s)", sig, name ? name : "?");
    else
        (void)snprintf(c->why, WHY_MAX, "the parser ended with status %d", code);
}

static void bury(haul_confined *c)
{
    explain(c, reap(c));
}

/* Its answer, as we would have got it from the reader: which item, and where it lay. */
static haul_rc lose_item(haul_confined *c, uint64_t step, haul_item *it, haul_err *e)
{
    haul_msg *m = it->msg;
    c->result = (haul_wire_at){.step = step, .ordinal = 1};
    m->key = haul_arena_printf(&m->arena, "0x%" PRIx64, c->page->node);
    m->place = haul_arena_printf(&m->arena, "node 0x%" PRIx64, c->page->node);
    m->folder = c->page->folder;
    if (!map_folder(c, &m->folder))
        m->folder = HAUL_FOLDER_NONE;
    it->type = HAUL_ITEM_MESSAGE;
    return haul_fail(e, HAUL_SKIP, "%s at node 0x%" PRIx64, c->why, c->page->node);
}

static void lose_folder(haul_confined *c, uint64_t step)
{
    haul_auto_str text = {0};
    if (c->n_lost == c->cap_lost) {
        c->cap_lost = c->cap_lost ? c->cap_lost * 2 : 16;
        c->lost = haul_realloc(c->lost, c->cap_lost * sizeof(*c->lost));
    }
    c->lost[c->n_lost++] = step;
    haul_str_addf(&text, "%s: node 0x%" PRIx64 ": %s", c->label, c->page->node, c->why);
    c->issue(c->issue_ctx, HAUL_ISSUE_READER_LOST_FOLDER, text.p);
}

static haul_rc lose_source(haul_confined *c, haul_err *e)
{
    haul_err why = {0};
    const char *times = c->stuck ? ", again and again at the same place" : "";
    (void)haul_fail(&why, HAUL_E_SOURCE, "%s: %s%s", c->label, c->why, times);
    if (e)
        *e = why;
    return end_source(c, HAUL_E_SOURCE, &why);
}

static haul_rc stopped(haul_confined *c, haul_err *e)
{
    haul_err why = {0};
    (void)haul_fail(&why, HAUL_E_INTERRUPTED, "interrupted at node 0x%" PRIx64 "; the same command goes on",
                    c->page->node);
    if (e)
        *e = why;
    return end_source(c, HAUL_E_INTERRUPTED, &why);
}

/* The child died while it owed the next item. SKIP: that item is lost; OK: go on with another child. */
static haul_rc mourn(haul_confined *c, haul_item *it, haul_err *e)
{
    haul_msg_reset(it->msg);
    if (c->how == STOPPED)
        return stopped(c, e);
    bury(c);
    uint64_t step = atomic_load(&c->page->step);
    uint64_t newest_lost = c->n_lost ? c->lost[c->n_lost - 1] : 0;
    c->stuck = c->brought ? 0 : c->stuck;
    if (step <= STEPS_MAX && c->page->what == HAUL_GUARD_ITEM && step > c->result.step) {
        c->stuck = 0;
        return lose_item(c, step, it, e);
    }
    bool had = step < c->result.step || step <= newest_lost; /* an earlier child got through it */
    if (step && step <= STEPS_MAX && c->page->what == HAUL_GUARD_FOLDER && !had && c->n_lost < LOST_MAX) {
        c->stuck = 0;
        lose_folder(c, step);
        return HAUL_OK;
    }
    /* The store itself, or a place that nothing can be left out at. */
    bool first = c->result.step == 0 && c->n_lost == 0 && c->folders.n == 0;
    if (first || ++c->stuck >= STUCK_MAX)
        return lose_source(c, e);
    return HAUL_OK;
}

/* ── the reader ── */

haul_rc haul_confined_next(haul_confined *c, haul_item *it, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    for (;;) {
        if (c->ended) {
            if (e && c->end.rc < 0)
                *e = c->end;
            return c->end.rc;
        }
        if (c->limits.off)
            return next_here(c, it, e);
        if (!c->pid && (rc = start(c, e)) != HAUL_OK)
            return end_source(c, rc, e);
        static const char next = HAUL_WIRE_NEXT;
        told t = c->asked || ask(c, &next, 1) ? TOLD_MORE : TOLD_DEATH;
        c->asked = true;
        while (t == TOLD_MORE)
            t = hear(c, it, &rc, e);
        if (t == TOLD_ITEM)
            return rc;
        if (t == TOLD_DEATH && (rc = mourn(c, it, e)) != HAUL_OK)
            return rc;
    }
}

/* n octets of a CHUNK. Once `to` has failed they are only passed over: the answer has to be heard to its end. */
static bool pass_chunk(haul_confined *c, uint32_t n, haul_out *to, haul_rc *failed, haul_err *e)
{
    while (n > 0) {
        if (!peek(c, 1))
            return false;
        uint32_t part = c->n_in < n ? (uint32_t)c->n_in : n;
        if (*failed == HAUL_OK)
            *failed = haul_out_write(to, c->in + c->start, part, e);
        consume(c, part);
        n -= part;
    }
    return true;
}

/* The answer to BODY. False: the child is lost. */
static bool hear_body(haul_confined *c, haul_msg *m, haul_out *to, haul_rc *ret, haul_err *e)
{
    haul_rc failed = HAUL_OK;
    for (uint64_t total = 0; total <= BODY_MAX;) {
        haul_wire_type type;
        const char *p = NULL;
        uint32_t n = 0;
        bool fine = false;
        if (!frame(c, &type, &p, &n))
            return false;
        if (type == HAUL_WIRE_BODY_END) {
            if (!haul_wire_get_body_end(p, n, m, ret, failed == HAUL_OK ? e : NULL))
                break;
            *ret = failed == HAUL_OK ? *ret : failed;
            return true;
        }
        if (type == HAUL_WIRE_FAIL)
            return on_fail(c, p, n, ret, e);
        if (type == HAUL_WIRE_ISSUE)
            fine = on_issue(c, p, n);
        else if (type == HAUL_WIRE_CHUNK)
            fine = pass_chunk(c, n, to, &failed, e);
        else
            break;
        total += n;
        if (!fine)
            return false;
    }
    return give_up(c, NONSENSE);
}

/* The next item is asked for in the same breath: the child reads it while the caller stores this one. */
haul_rc haul_confined_body(haul_confined *c, haul_msg *m, haul_out *to, haul_err *e)
{
    static const char both[] = {HAUL_WIRE_BODY, HAUL_WIRE_NEXT};
    haul_rc rc = HAUL_OK;
    if (c->limits.off)
        return c->ops->body(&c->here, m, to, e);
    if (c->ended || !c->pid || c->asked)
        return haul_fail(e, HAUL_SKIP, "the parser has gone on already");
    if (ask(c, both, sizeof(both))) {
        c->asked = true;
        if (hear_body(c, m, to, &rc, e))
            return rc;
    }
    if (c->how == STOPPED)
        return stopped(c, e);
    bury(c);
    c->stuck = 0;
    return haul_fail(e, HAUL_SKIP, "%s", c->why);
}

void haul_confined_stop(const volatile sig_atomic_t *stop)
{
    stop_asked = stop;
}
