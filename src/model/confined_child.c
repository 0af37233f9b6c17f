#define _GNU_SOURCE
#include "model/confined_child.h"

#include "base/utf.h"
#include "io/confine.h"
#include "model/wire.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_AT   (64u * 1024u) /* octets of a CHUNK with which it is given away */
#define NO_CHUNK   UINT64_MAX
#define ASKS_MAX   256u /* questions that wait */
#define BAD_ANSWER 3
#define TEXT_MAX   65536u /* octets that stay of a text which makes a frame too large */

typedef struct serving {
    haul_child *child;
    haul_reader reader;
    haul_msg *msg;
    haul_issue **seen; /* tail of the issues that the parent has */
    haul_str frame;    /* being made */
    uint64_t chunk;    /* where in the ring the head of the CHUNK being filled is */
    char asks[ASKS_MAX];
    size_t n_asks;
    haul_out body;
    bool is_open, ended, has_message;
} serving;

/* ── out ── */

/* One octet, or this process ends: nobody is listening any more. */
static void wake_parent(const serving *s)
{
    static const char wake = HAUL_WIRE_WAKE;
    ssize_t n;
    do
        n = write(s->child->sock, &wake, 1);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        _exit(0);
}

/* The parent may have what there is so far; `now`: we are about to sleep. */
static void publish(serving *s, bool now)
{
    if (haul_ring_publish(&s->child->ring, now))
        wake_parent(s);
}

static void close_chunk(serving *s)
{
    char head[HAUL_WIRE_HEAD];
    haul_ring *r = &s->child->ring;
    if (s->chunk == NO_CHUNK)
        return;
    haul_wire_chunk_head(head, (uint32_t)(r->at - s->chunk - HAUL_WIRE_HEAD));
    haul_ring_patch(r, s->chunk, head, sizeof(head));
    s->chunk = NO_CHUNK;
}

/* Sleeps until the parent asks something, or has made room. */
static void hear_parent(serving *s)
{
    char got[ASKS_MAX];
    size_t room = sizeof(s->asks) - s->n_asks;
    ssize_t n = room ? read(s->child->sock, got, room) : 0;
    if (n < 0 && errno == EINTR)
        return;
    if (n <= 0)
        _exit(0);
    for (ssize_t i = 0; i < n; i++)
        if (got[i] != HAUL_WIRE_WAKE)
            s->asks[s->n_asks++] = got[i];
}

static void wait_for_room(serving *s, size_t n)
{
    haul_ring *r = &s->child->ring;
    while (haul_ring_free(r) < n) {
        close_chunk(s);
        publish(s, true);
        if (haul_ring_writer_sleeps(r, n))
            hear_parent(s);
    }
}

static void put(serving *s, const char *p, size_t n)
{
    while (n > 0) {
        size_t part = 0;
        char *to = haul_ring_room(&s->child->ring, &part);
        if (part == 0) {
            wait_for_room(s, 1);
            continue;
        }
        part = part < n ? part : n;
        memcpy(to, p, part);
        haul_ring_add(&s->child->ring, part);
        p += part;
        n -= part;
    }
}

/* What was made in s->frame. */
static void send_frame(serving *s)
{
    close_chunk(s);
    put(s, haul_strz(&s->frame), s->frame.len);
    haul_str_clear(&s->frame);
    publish(s, false);
}

/* Its head is written over when its length is known: until then nothing of it may be given away. */
static void open_chunk(serving *s)
{
    static const char head[HAUL_WIRE_HEAD];
    wait_for_room(s, HAUL_WIRE_HEAD + 1);
    s->chunk = s->child->ring.at;
    put(s, head, sizeof(head));
}

static haul_rc body_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    serving *s = (serving *)(void *)((char *)o - offsetof(serving, body));
    haul_ring *r = &s->child->ring;
    const char *from = p;
    if (atomic_load_explicit(&s->child->guard.page->unwanted, memory_order_relaxed) == s->child->guard.step)
        return haul_fail(e, HAUL_SKIP, "nobody wants it");
    while (n > 0) {
        size_t part = 0;
        if (s->chunk == NO_CHUNK)
            open_chunk(s);
        char *to = haul_ring_room(r, &part);
        if (part == 0) {
            wait_for_room(s, 1);
            continue;
        }
        size_t left = CHUNK_AT + HAUL_WIRE_HEAD - (size_t)(r->at - s->chunk);
        part = part < n ? part : n;
        part = part < left ? part : left;
        memcpy(to, from, part);
        haul_ring_add(r, part);
        from += part;
        n -= part;
        if (part == left) {
            close_chunk(s);
            publish(s, false);
        }
    }
    return HAUL_OK;
}

static void source_issue(void *ctx, haul_issue_id id, const char *detail)
{
    serving *s = ctx;
    haul_guard *g = &s->child->guard;
    haul_wire_put_issue(&s->frame, (haul_wire_at){g->step, ++g->issues}, id, detail);
    send_frame(s);
}

static void end_of_stretch(void *ctx, uint64_t stretch)
{
    serving *s = ctx;
    haul_wire_put_turn(&s->frame, stretch);
    send_frame(s);
}

/* ── answers ── */

static haul_wire_at next_result(serving *s)
{
    haul_guard *g = &s->child->guard;
    return (haul_wire_at){g->step, ++g->results};
}

static void answer_lost(serving *s, const char *why)
{
    haul_wire_at at = next_result(s);
    uint32_t folder = s->msg->folder;
    if (haul_wire_put_lost(&s->frame, at, s->msg, why))
        return;
    haul_msg_reset(s->msg);
    s->msg->folder = folder;
    (void)haul_wire_put_lost(&s->frame, at, s->msg, "what is known of it is larger than can be passed on");
}

static const char *shortened(haul_arena *a, const char *z)
{
    size_t n = z ? strlen(z) : 0;
    return n > TEXT_MAX ? haul_arena_strn(a, z, haul_utf8_cut(z, n, TEXT_MAX)) : z;
}

/* What is told beside the message, which has all of it. */
static bool put_shortened(serving *s, haul_wire_at at)
{
    haul_msg *m = s->msg;
    m->subject = shortened(&m->arena, m->subject);
    m->sender = shortened(&m->arena, m->sender);
    m->message_id = shortened(&m->arena, m->message_id);
    return haul_wire_put_message(&s->frame, at, m);
}

static void answer_message(serving *s)
{
    haul_wire_at at = next_result(s);
    s->has_message = haul_wire_put_message(&s->frame, at, s->msg) || put_shortened(s, at);
    s->seen = s->msg->issues_tail;
    if (s->has_message)
        return;
    s->child->guard.results--;
    answer_lost(s, "");
}

static void answer_end(serving *s, haul_rc rc, const haul_err *e)
{
    s->ended = true;
    if (rc == HAUL_END)
        haul_wire_put_end(&s->frame);
    else
        haul_wire_put_fail(&s->frame, rc < 0 ? rc : HAUL_E_SOURCE, e->text);
}

static void answer_long_folder(serving *s, haul_folder *f)
{
    haul_err text;
    f->name = shortened(&s->msg->arena, f->name);
    f->raw_name = NULL;
    (void)haul_fail(&text, HAUL_OK, "more than %u octets: %.64s", HAUL_WIRE_FRAME_MAX, f->name);
    source_issue(s, HAUL_ISSUE_FOLDER_NAME_SHORTENED, text.text);
    (void)haul_wire_put_folder(&s->frame, f);
}

static haul_rc open_reader(serving *s, haul_err *e)
{
    haul_child *c = s->child;
    s->is_open = true;
    s->reader = (haul_reader){.ops = c->ops,
                              .state = haul_calloc(1, c->ops->state_size),
                              .tree = haul_tree_from_fd(c->fd, c->label),
                              .values = c->values,
                              .guard = &c->guard,
                              .issue = source_issue,
                              .issue_ctx = s,
                              .exclusive = true};
    return c->ops->open(&s->reader, e);
}

static void answer_next(serving *s)
{
    haul_err e = {0};
    haul_item it = {.msg = s->msg};
    haul_rc rc = s->ended ? HAUL_END : HAUL_OK;
    s->has_message = false;
    haul_msg_reset(s->msg);
    if (rc == HAUL_OK && !s->is_open)
        rc = open_reader(s, &e);
    if (rc == HAUL_OK)
        rc = s->child->ops->next(&s->reader, &it, &e);
    else if (rc == HAUL_SKIP)
        rc = HAUL_E_SOURCE;
    if (rc == HAUL_SKIP)
        answer_lost(s, e.text);
    else if (rc != HAUL_OK)
        answer_end(s, rc, &e);
    else if (it.type == HAUL_ITEM_MESSAGE)
        answer_message(s);
    else if (!haul_wire_put_folder(&s->frame, &it.folder))
        answer_long_folder(s, &it.folder);
    send_frame(s);
}

static void answer_body(serving *s)
{
    haul_err e = {0};
    if (!s->has_message)
        _exit(BAD_ANSWER);
    s->has_message = false;
    haul_rc rc = s->child->ops->body(&s->reader, s->msg, &s->body, &e);
    close_chunk(s);
    if (rc != HAUL_OK && rc != HAUL_SKIP)
        answer_end(s, rc, &e);
    else if (!haul_wire_put_body_end(&s->frame, rc, e.text, *s->seen))
        (void)haul_wire_put_body_end(&s->frame, HAUL_SKIP, "its issues are larger than can be passed on",
                                     NULL);
    send_frame(s);
}

/* ── the process ── */

/* Interrupting is the parent's business: it decides when we end. */
static void settle_signals(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    sigset_t none;
    for (size_t i = 0; i < HAUL_COUNT(ignored); i++)
        (void)signal(ignored[i], SIG_IGN);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void answer(serving *s, char what)
{
    if (what != HAUL_WIRE_BODY)
        answer_next(s);
    if (what == HAUL_WIRE_BODY || (what == HAUL_WIRE_BOTH && s->has_message))
        answer_body(s);
}

static void serve(serving *s)
{
    for (;;) {
        while (s->n_asks == 0) {
            publish(s, true);
            hear_parent(s);
        }
        char what = s->asks[0];
        memmove(s->asks, s->asks + 1, --s->n_asks);
        answer(s, what);
    }
}

void haul_child_serve(haul_child *c)
{
    settle_signals();
    const int keep[] = {c->fd, c->sock};
    unsigned held = haul_confine(c->confine, keep, HAUL_COUNT(keep), c->memory);
    if (getppid() != c->parent)
        _exit(0);
    serving s = {.child = c, .msg = haul_msg_new(), .chunk = NO_CHUNK, .body = {.write = body_write}};
    c->guard.ring = &c->ring;
    c->guard.turn = end_of_stretch;
    c->guard.ctx = &s;
    haul_wire_put_ready(&s.frame, held);
    send_frame(&s);
    serve(&s);
    _exit(0);
}
