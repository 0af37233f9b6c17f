#define _GNU_SOURCE /* sched_setaffinity */
#include "model/confined.h"

#include "base/hash.h"
#include "base/str.h"
#include "io/confine.h"
#include "model/confined_worker.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define AHEAD        (4u * HAUL_STRETCH) /* items that a child may be asked for beforehand */
#define UNUSED_MAX   16u      /* bodies that nobody wanted, less those that were: what is counted at most, */
#define UNUSED_MANY  8u       /* and with so many, bodies are not asked for beforehand */
#define STUCK_MAX    3u       /* children in a row that die without bringing anything */
#define LOST_MAX     100000u  /* folders lost */
#define FOLDERS_MAX  1000000u /* folders of one source */
#define STEPS_MAX    (UINT64_C(1) << 40)
#define NOTICES_MAX  1000000u            /* issues of one source that are handed on */
#define DROPPED_MAX  100000000u          /* further ones that are listened to */
#define SEARCHES_MAX UINT64_C(200000000) /* comparisons of folders with those of earlier children */
#define BODY_MAX     (UINT64_C(1) << 42) /* octets of one body */

typedef struct part { /* of the run that one child after another has */
    haul_worker w;
    haul_share share;
    bool ready;
    haul_wire_at had_result, had_issue; /* the last of this child */
    uint32_t *map;                      /* its folder ids → ours */
    size_t n_map, cap_map;
    bool *met; /* folders of the run, declared by this child, too */
    size_t n_met, cap_met, first_unmet;
    uint64_t
        careful; /* step up to which items are asked for one by one, so that the guard says where the child is */
    unsigned stuck;
    bool brought; /* this child brought something new */
} part;

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
    haul_err end;         /* what every further next() answers; rc END or a failure */
    haul_reader here;     /* limits.off */
    cpu_set_t processors; /* that we may run on; while `shared`, we and the only child are on one of them */
    bool shared;
    part *parts;
    unsigned n_parts;
    uint64_t stretch; /* of items, whose turn it is */
    /* the message that was given last */
    part *of;
    bool follows;    /* its body is on the way */
    bool can_ask;    /* its body can be asked for */
    unsigned unused; /* bodies that nobody wanted, less those that were */
    /* the run: what was handed on */
    haul_wire_at result, notice; /* the last ones */
    haul_folders folders;
    uint64_t searches;
    unsigned notices;
    uint64_t *told; /* digests of notices, a hash table: several children notice the same */
    size_t n_told, cap_told;
    uint64_t *lost;
    size_t n_lost, cap_lost;
    haul_arena scratch;
};

/* ── new and free ── */

haul_confined *haul_confined_new(const haul_reader_ops *ops, void (*prepare)(void), int fd, const char *label,
                                 const haul_values *v, const haul_confined_limits *limits,
                                 void (*issue)(void *, haul_issue_id, const char *), void *issue_ctx)
{
    haul_confined *c = haul_calloc(1, sizeof(*c));
    unsigned jobs = limits->jobs > 1 ? limits->jobs : 1;
    jobs = jobs < HAUL_CONFINED_JOBS_MAX ? jobs : HAUL_CONFINED_JOBS_MAX;
    *c = (haul_confined){.ops = ops,
                         .prepare = prepare,
                         .values = v,
                         .limits = *limits,
                         .label = haul_strdup(label),
                         .fd = fd,
                         .issue = issue,
                         .issue_ctx = issue_ctx,
                         .parts = haul_calloc(jobs, sizeof(part)),
                         .n_parts = jobs};
    for (unsigned i = 0; i < jobs; i++)
        c->parts[i].share = (haul_share){.index = i, .of = jobs};
    return c;
}

/* One job takes one processor: parent and child take turns. On two, each turn wakes a sleeping one, which costs more than
 * the work of a small message. The processor that we happen to be on: others are moved away from it if it is busy. */
static void share_processor(haul_confined *c)
{
    cpu_set_t one;
    int here = sched_getcpu();
    if (c->n_parts > 1 || here < 0 || here >= CPU_SETSIZE ||
        sched_getaffinity(0, sizeof(c->processors), &c->processors) != 0)
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

static void end_child(haul_confined *c, part *p)
{
    haul_worker_end(&p->w);
    leave_processor(c);
    if (c->of == p)
        c->follows = c->can_ask = false;
}

static void end_children(haul_confined *c)
{
    for (unsigned i = 0; i < c->n_parts; i++)
        end_child(c, &c->parts[i]);
}

void haul_confined_free(haul_confined *c)
{
    if (!c)
        return;
    end_children(c);
    haul_tree *tree = c->here.tree;
    haul_reader_close(&c->here);
    haul_tree_close(tree);
    haul_fd_autoclose(&c->fd);
    haul_folders_done(&c->folders);
    haul_arena_done(&c->scratch);
    for (unsigned i = 0; i < c->n_parts; i++) {
        haul_worker_done(&c->parts[i].w);
        free(c->parts[i].map);
        free(c->parts[i].met);
    }
    free(c->parts);
    free(c->label);
    free(c->told);
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
    end_children(c);
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

static haul_child child_of(const haul_confined *c, const part *p)
{
    unsigned want = HAUL_CONFINE_ALL & ~(c->limits.memory ? 0u : (unsigned)HAUL_CONFINE_MEMORY);
    return (haul_child){
        .ops = c->ops,
        .values = c->values,
        .label = c->label,
        .fd = c->fd,
        .memory = c->limits.memory,
        .confine = want,
        .guard = {.share = p->share, .lost = c->lost, .n_lost = c->n_lost, .frontier = c->result.step},
    };
}

static void expect_new_child(part *p)
{
    p->had_result = p->had_issue = (haul_wire_at){0};
    p->n_map = p->n_met = p->first_unmet = 0;
    p->brought = p->ready = false;
}

static haul_rc start(haul_confined *c, part *p, haul_err *e)
{
    prepare_once(c);
    if (c->fd <= 2) { /* 0-2 are replaced in the child */
        int higher = fcntl(c->fd, F_DUPFD_CLOEXEC, 3);
        haul_fd_autoclose(&c->fd);
        c->fd = higher;
        if (higher < 0)
            return haul_fail_sys(e, HAUL_E_SOURCE, "starting the parser");
    }
    expect_new_child(p);
    haul_child child = child_of(c, p);
    p->w.limits = &c->limits;
    share_processor(c);
    haul_rc rc = haul_worker_start(&p->w, &child, c->n_parts > 1, e);
    if (rc != HAUL_OK)
        leave_processor(c);
    return rc;
}

static bool give_up(part *p, haul_death how)
{
    return haul_worker_lost(&p->w, how);
}

/* Bodies come along unasked for as long as they are wanted. Kinds of questions are not mixed: an answer does not say which
 * it belongs to. */
static void ask(const haul_confined *c, part *p)
{
    haul_worker *w = &p->w;
    if (w->owed == 0)
        w->ahead = c->unused < UNUSED_MANY && c->result.step >= p->careful;
    bool more = w->ahead && c->unused < UNUSED_MANY && w->owed <= AHEAD / 2;
    unsigned n = more ? AHEAD - w->owed : w->owed ? 0 : 1;
    w->owed += n;
    haul_worker_ask(w, w->ahead ? HAUL_WIRE_BOTH : HAUL_WIRE_NEXT, n);
}

/* There is more than one stretch: the others begin with theirs. One that cannot be started is, or not, when its turn comes. */
static void start_others(haul_confined *c)
{
    for (unsigned i = 0; i < c->n_parts && c->unused < UNUSED_MANY; i++) {
        part *p = &c->parts[i];
        if (!p->w.pid && start(c, p, NULL) == HAUL_OK)
            ask(c, p);
    }
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

static bool on_ready(haul_confined *c, part *p, size_t n)
{
    static bool said; /* once a run: it is about this machine, not about a source */
    uint32_t held = 0;
    char missing[HAUL_WORKER_WHY];
    if (p->ready || !haul_wire_get_ready(p->w.in, n, &held))
        return give_up(p, HAUL_NONSENSE);
    p->ready = true;
    unsigned lacks = child_of(c, p).confine & ~held;
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

/* False: it is there already. */
static bool told_add(haul_confined *c, uint64_t h)
{
    size_t i = (size_t)h & (c->cap_told - 1);
    for (; c->told[i]; i = (i + 1) & (c->cap_told - 1))
        if (c->told[i] == h)
            return false;
    c->told[i] = h;
    c->n_told++;
    return true;
}

/* Several children, and those that replace others, come upon the same things. */
static bool told_before(haul_confined *c, haul_issue_id id, const char *detail)
{
    uint64_t h = haul_fnv64(detail, strlen(detail), (uint64_t)id + 1);
    h += h == 0;
    if (c->n_told * 2 >= c->cap_told) {
        size_t had = c->cap_told;
        uint64_t *old = c->told;
        c->cap_told = had ? had * 2 : 64;
        c->n_told = 0;
        c->told = haul_calloc(c->cap_told, sizeof(*c->told));
        for (size_t i = 0; i < had; i++)
            if (old[i])
                told_add(c, old[i]);
        free(old);
    }
    return !told_add(c, h);
}

static bool on_issue(haul_confined *c, part *p, size_t n)
{
    haul_wire_at at;
    haul_issue_id id;
    const char *detail;
    bool is_new = false;
    haul_arena_reset(&c->scratch);
    if (!haul_wire_get_issue(p->w.in, n, &c->scratch, &at, &id, &detail) ||
        !in_order(at, &p->had_issue, &c->notice, &is_new) || c->notices >= NOTICES_MAX + DROPPED_MAX)
        return give_up(p, HAUL_NONSENSE);
    if (!is_new)
        return true;
    c->notices++;
    if (c->notices <= NOTICES_MAX && !told_before(c, id, detail))
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

/* Room for what other children have declared meanwhile. */
static void meet(part *p, size_t n)
{
    if (n <= p->n_met)
        return;
    if (n > p->cap_met) {
        p->cap_met = n < 64 ? 64 : n * 2;
        p->met = haul_realloc(p->met, p->cap_met * sizeof(*p->met));
    }
    memset(p->met + p->n_met, 0, n - p->n_met);
    p->n_met = n;
}

/* The folder of another child that f is, or a new one. False: f cannot be. */
static bool place_folder(haul_confined *c, part *p, const haul_folder *f, uint32_t *ret_id, bool *ret_new)
{
    meet(p, c->folders.n);
    while (p->first_unmet < p->n_met && p->met[p->first_unmet])
        p->first_unmet++;
    for (size_t i = p->first_unmet; i < p->n_met; i++) {
        if (c->searches++ > SEARCHES_MAX)
            return false;
        if (!p->met[i] && same_folder(f, &c->folders.v[i])) {
            p->met[i] = true;
            *ret_id = (uint32_t)i;
            *ret_new = false;
            return true;
        }
    }
    haul_folder added = *f;
    added.id = *ret_id = (uint32_t)c->folders.n;
    *ret_new = true;
    if (c->folders.n >= FOLDERS_MAX || !haul_folders_add(&c->folders, &added))
        return false;
    meet(p, c->folders.n);
    p->met[*ret_id] = true;
    return true;
}

static bool on_folder(haul_confined *c, part *p, size_t n, haul_item *it, bool *ret_new)
{
    haul_folder f;
    uint32_t id = 0;
    haul_arena_reset(&c->scratch);
    if (!haul_wire_get_folder(p->w.in, n, &c->scratch, &f) || f.id != p->n_map ||
        (f.parent != HAUL_FOLDER_NONE && f.parent >= p->n_map))
        return give_up(p, HAUL_NONSENSE);
    if (f.parent != HAUL_FOLDER_NONE)
        f.parent = p->map[f.parent];
    if (!place_folder(c, p, &f, &id, ret_new))
        return give_up(p, HAUL_NONSENSE);
    if (p->n_map == p->cap_map) {
        p->cap_map = p->cap_map ? p->cap_map * 2 : 64;
        p->map = haul_realloc(p->map, p->cap_map * sizeof(*p->map));
    }
    p->map[p->n_map++] = id;
    it->type = HAUL_ITEM_FOLDER;
    it->folder = c->folders.v[id];
    return true;
}

static bool map_folder(const part *p, uint32_t *folder)
{
    if (*folder == HAUL_FOLDER_NONE)
        return true;
    if (*folder >= p->n_map)
        return false;
    *folder = p->map[*folder];
    return true;
}

static bool on_result(haul_confined *c, part *p, haul_wire_type type, size_t n, haul_msg *m, bool *ret_new,
                      haul_err *e)
{
    haul_wire_at at;
    haul_err why = {0};
    bool fine = type == HAUL_WIRE_LOST
                    ? haul_wire_get_lost(p->w.in, n, &at, m, &why)
                    : haul_wire_get_message(p->w.in, n, &at, m) && m->folder != HAUL_FOLDER_NONE;
    if (!fine || !map_folder(p, &m->folder) || !in_order(at, &p->had_result, &c->result, ret_new)) {
        haul_msg_reset(m);
        return give_up(p, HAUL_NONSENSE);
    }
    c->of = p;
    c->follows = type == HAUL_WIRE_MESSAGE && p->w.ahead;
    c->can_ask = type == HAUL_WIRE_MESSAGE && !p->w.ahead;
    if (!*ret_new)
        haul_msg_reset(m);
    else if (type == HAUL_WIRE_LOST && e)
        *e = why;
    return true;
}

static bool on_fail(haul_confined *c, part *p, size_t n, haul_rc *ret, haul_err *e)
{
    haul_err why = {0};
    if (!haul_wire_get_fail(p->w.in, n, ret, &why))
        return give_up(p, HAUL_NONSENSE);
    if (e)
        *e = why;
    *ret = end_source(c, *ret, &why);
    return true;
}

/* A replaced child goes through stretches again whose end was heard already. */
static bool on_turn(haul_confined *c, part *p, size_t n, bool *ret_turn)
{
    uint64_t stretch = 0;
    if (!haul_wire_get_turn(p->w.in, n, &stretch) || stretch % p->share.of != p->share.index ||
        stretch > c->stretch)
        return give_up(p, HAUL_NONSENSE);
    *ret_turn = stretch == c->stretch;
    return true;
}

typedef enum told { /* AGAIN: known already, ask for the next; TURN: another child goes on */
                    TOLD_MORE,
                    TOLD_AGAIN,
                    TOLD_ITEM,
                    TOLD_TURN,
                    TOLD_DEATH
} told;

/* A frame that is no answer by itself. */
static told hear_aside(haul_confined *c, part *p, haul_wire_type type, size_t n)
{
    bool fine = false, turn = false;
    if (type == HAUL_WIRE_READY)
        fine = on_ready(c, p, n);
    else if (type == HAUL_WIRE_ISSUE)
        fine = on_issue(c, p, n);
    else
        fine = on_turn(c, p, n, &turn);
    return !fine ? TOLD_DEATH : turn ? TOLD_TURN : TOLD_MORE;
}

/* One frame of an answer to NEXT. ITEM: *ret is what next() says. */
static told hear(haul_confined *c, part *p, haul_item *it, haul_rc *ret, haul_err *e)
{
    haul_wire_type type;
    uint32_t n = 0;
    bool is_new = true, fine = false;
    if (!haul_worker_frame(&p->w, &type, &n))
        return TOLD_DEATH;
    *ret = HAUL_OK;
    switch (type) {
    case HAUL_WIRE_READY:
    case HAUL_WIRE_ISSUE:
    case HAUL_WIRE_TURN:
        return hear_aside(c, p, type, n);
    case HAUL_WIRE_FOLDER:
        fine = on_folder(c, p, n, it, &is_new);
        break;
    case HAUL_WIRE_MESSAGE:
    case HAUL_WIRE_LOST:
        it->type = HAUL_ITEM_MESSAGE;
        *ret = type == HAUL_WIRE_LOST ? HAUL_SKIP : HAUL_OK;
        fine = on_result(c, p, type, n, it->msg, &is_new, e);
        break;
    case HAUL_WIRE_END:
        fine = n == 0 || give_up(p, HAUL_NONSENSE);
        *ret = fine ? end_source(c, HAUL_END, NULL) : HAUL_OK;
        break;
    case HAUL_WIRE_FAIL:
        fine = on_fail(c, p, n, ret, e);
        break;
    case HAUL_WIRE_CHUNK:
    case HAUL_WIRE_BODY_END:
    case HAUL_WIRE_TYPES:
        fine = give_up(p, HAUL_NONSENSE);
        break;
    }
    if (!fine)
        return TOLD_DEATH;
    p->w.owed -= p->w.owed > 0;
    p->brought |= is_new;
    return is_new ? TOLD_ITEM : TOLD_AGAIN;
}

/* ── bodies ── */

/* n octets of a CHUNK. Once `to` has failed they are only passed over: the answer has to be heard to its end. */
static bool pass_chunk(part *p, uint32_t n, haul_out *to, haul_rc *failed, haul_err *e)
{
    while (n > 0) {
        const char *octets;
        size_t some = 0;
        if (!haul_worker_octets(&p->w, n, &octets, &some))
            return false;
        if (to && *failed == HAUL_OK)
            *failed = haul_out_write(to, octets, some, e);
        n -= (uint32_t)some;
    }
    return true;
}

/* The answer to BODY; to and m are NULL when nobody wants it. False: the child is lost. */
static bool hear_body(haul_confined *c, part *p, haul_msg *m, haul_out *to, haul_rc *ret, haul_err *e)
{
    haul_rc failed = HAUL_OK;
    c->follows = c->can_ask = false;
    for (uint64_t total = 0; total <= BODY_MAX;) {
        haul_wire_type type;
        uint32_t n = 0;
        bool fine = false;
        if (!haul_worker_frame(&p->w, &type, &n))
            return false;
        if (type == HAUL_WIRE_BODY_END) {
            if (m && !haul_wire_get_body_end(p->w.in, n, m, ret, failed == HAUL_OK ? e : NULL))
                break;
            *ret = failed == HAUL_OK ? *ret : failed;
            return true;
        }
        if (type == HAUL_WIRE_FAIL)
            return on_fail(c, p, n, ret, e);
        if (type == HAUL_WIRE_ISSUE)
            fine = on_issue(c, p, n);
        else if (type == HAUL_WIRE_CHUNK)
            fine = pass_chunk(p, n, to, &failed, e);
        else
            break;
        total += n;
        if (!fine)
            return false;
    }
    return give_up(p, HAUL_NONSENSE);
}

/* The body of the last item, which the caller did not ask for. */
static bool leave_body(haul_confined *c)
{
    haul_rc unused = HAUL_OK;
    part *p = c->of;
    c->unused += (c->can_ask || c->follows) && c->unused < UNUSED_MAX;
    c->can_ask = false;
    if (!c->follows)
        return true;
    atomic_store(&p->w.page->unwanted, c->result.step);
    return hear_body(c, p, NULL, NULL, &unused, NULL);
}

/* ── when it dies ── */

/* Its answer, as we would have got it from the reader: which item, and where it lay. */
static haul_rc lose_item(haul_confined *c, const part *p, uint64_t step, haul_item *it, haul_err *e)
{
    haul_msg *m = it->msg;
    const haul_guard_page *page = p->w.page;
    c->result = (haul_wire_at){.step = step, .ordinal = 1};
    m->key = haul_arena_printf(&m->arena, "0x%" PRIx64, page->node);
    m->place = haul_arena_printf(&m->arena, "node 0x%" PRIx64, page->node);
    m->folder = page->folder;
    if (!map_folder(p, &m->folder))
        m->folder = HAUL_FOLDER_NONE;
    it->type = HAUL_ITEM_MESSAGE;
    return haul_fail(e, HAUL_SKIP, "%s at node 0x%" PRIx64, p->w.why, page->node);
}

/* The other children do not know of it: they begin anew, so that steps have the same numbers in all. */
static void lose_folder(haul_confined *c, const part *p, uint64_t step)
{
    haul_auto_str text = {0};
    if (c->n_lost == c->cap_lost) {
        c->cap_lost = c->cap_lost ? c->cap_lost * 2 : 16;
        c->lost = haul_realloc(c->lost, c->cap_lost * sizeof(*c->lost));
    }
    c->lost[c->n_lost++] = step;
    end_children(c);
    haul_str_addf(&text, "%s: node 0x%" PRIx64 ": %s", c->label, p->w.page->node, p->w.why);
    c->issue(c->issue_ctx, HAUL_ISSUE_READER_LOST_FOLDER, text.p);
}

static haul_rc lose_source(haul_confined *c, const part *p, haul_err *e)
{
    haul_err why = {0};
    const char *times = p->stuck ? ", again and again at the same place" : "";
    (void)haul_fail(&why, HAUL_E_SOURCE, "%s: %s%s", c->label, p->w.why, times);
    if (e)
        *e = why;
    return end_source(c, HAUL_E_SOURCE, &why);
}

static haul_rc stopped(haul_confined *c, const part *p, haul_err *e)
{
    haul_err why = {0};
    (void)haul_fail(&why, HAUL_E_INTERRUPTED, "interrupted at node 0x%" PRIx64 "; the same command goes on",
                    p->w.page->node);
    if (e)
        *e = why;
    return end_source(c, HAUL_E_INTERRUPTED, &why);
}

/* The child died while it owed the next item. SKIP: that item is lost; OK: go on with another child. */
static haul_rc mourn(haul_confined *c, part *p, haul_item *it, haul_err *e)
{
    haul_msg_reset(it->msg);
    if (p->w.how == HAUL_STOPPED)
        return stopped(c, p, e);
    end_child(c, p);
    const haul_guard_page *page = p->w.page;
    uint64_t step = atomic_load(&page->step);
    uint64_t newest_lost = c->n_lost ? c->lost[c->n_lost - 1] : 0;
    p->stuck = p->brought ? 0 : p->stuck;
    if (p->w.how == HAUL_NONSENSE && p->w.ahead) { /* the child was further on: which step was it? */
        p->careful = step;
        return HAUL_OK;
    }
    if (step <= STEPS_MAX && page->what == HAUL_GUARD_ITEM && step > c->result.step) {
        p->stuck = 0;
        return lose_item(c, p, step, it, e);
    }
    bool had = step < c->result.step || step <= newest_lost; /* an earlier child got through it */
    if (step && step <= STEPS_MAX && page->what == HAUL_GUARD_FOLDER && !had && c->n_lost < LOST_MAX) {
        p->stuck = 0;
        lose_folder(c, p, step);
        return HAUL_OK;
    }
    /* The store itself, or a place that nothing can be left out at. */
    bool first = c->result.step == 0 && c->n_lost == 0 && c->folders.n == 0;
    if (first || ++p->stuck >= STUCK_MAX)
        return lose_source(c, p, e);
    return HAUL_OK;
}

/* ── the reader ── */

/* OK: go on asking. */
static haul_rc hear_item(haul_confined *c, part *p, haul_item *it, bool *ret_done, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    told t = c->of != p || leave_body(c) ? TOLD_MORE : TOLD_DEATH;
    if (t == TOLD_MORE)
        ask(c, p);
    while (t == TOLD_MORE)
        t = hear(c, p, it, &rc, e);
    *ret_done = t == TOLD_ITEM;
    if (t == TOLD_DEATH) {
        rc = mourn(c, p, it, e);
        *ret_done = rc != HAUL_OK;
    }
    if (t == TOLD_TURN) {
        c->stretch++;
        haul_worker_leave(&p->w);
        start_others(c);
    }
    return rc;
}

haul_rc haul_confined_next(haul_confined *c, haul_item *it, haul_err *e)
{
    for (;;) {
        haul_rc rc = HAUL_OK;
        bool done = false;
        if (c->ended) {
            if (e && c->end.rc < 0)
                *e = c->end;
            return c->end.rc;
        }
        if (c->limits.off)
            return next_here(c, it, e);
        part *p = &c->parts[c->stretch % c->n_parts];
        if (!p->w.pid && (rc = start(c, p, e)) != HAUL_OK)
            return end_source(c, rc, e);
        rc = hear_item(c, p, it, &done, e);
        if (done)
            return rc;
    }
}

haul_rc haul_confined_body(haul_confined *c, haul_msg *m, haul_out *to, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    part *p = c->of;
    if (c->limits.off)
        return c->ops->body(&c->here, m, to, e);
    if (c->ended || !p || !p->w.pid || !(c->follows || c->can_ask))
        return haul_fail(e, HAUL_SKIP, "the parser has gone on already");
    c->unused -= c->unused > 0;
    if (!c->follows)
        haul_worker_ask(&p->w, HAUL_WIRE_BODY, 1);
    if (hear_body(c, p, m, to, &rc, e))
        return rc;
    if (p->w.how == HAUL_STOPPED)
        return stopped(c, p, e);
    bool unsure =
        p->w.how == HAUL_NONSENSE && p->w.ahead; /* it may have been said about an item behind this one */
    p->careful = unsure ? atomic_load(&p->w.page->step) : p->careful;
    end_child(c, p);
    p->stuck = 0;
    return haul_fail(e, HAUL_SKIP, "%s", p->w.why);
}

void haul_confined_stop(const volatile sig_atomic_t *stop)
{
    haul_worker_stop(stop);
}
