#define _GNU_SOURCE
#include "model/confined_child.h"

#include "base/utf.h"
#include "io/confine.h"
#include "model/wire.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define SEND_AT    (128u * 1024u) /* octets waiting for the parent from which they are sent */
#define NO_CHUNK   SIZE_MAX
#define STRAIGHT   (64u * 1024u) /* octets from which a piece of a body is not copied */
#define BAD_ANSWER 3
#define TEXT_MAX   65536u /* octets that stay of a text which makes a frame too large */

typedef struct serving {
    haul_child *child;
    haul_reader reader;
    haul_msg *msg;
    haul_issue **seen; /* tail of the issues that the parent has */
    haul_str out;      /* frames to be sent */
    size_t chunk;      /* where in out the head of the CHUNK being filled is */
    haul_out body;
    bool is_open, ended, has_message;
} serving;

/* ── out ── */

/* All of it, or this process ends: nobody is listening any more. */
static void send_pieces(const serving *s, struct iovec *v, int n)
{
    while (n > 0) {
        ssize_t sent = v->iov_len ? writev(s->child->sock, v, n) : 0;
        if (sent < 0 && errno != EINTR)
            _exit(0);
        for (int i = 0; i < n && sent > 0; i++) {
            size_t part = (size_t)sent < v[i].iov_len ? (size_t)sent : v[i].iov_len;
            v[i].iov_base = (char *)v[i].iov_base + part;
            v[i].iov_len -= part;
            sent -= (ssize_t)part;
        }
        for (; n > 0 && v->iov_len == 0; n--)
            v++;
    }
}

static void close_chunk(serving *s)
{
    if (s->chunk == NO_CHUNK)
        return;
    haul_wire_chunk_head(s->out.p + s->chunk, (uint32_t)(s->out.len - s->chunk - HAUL_WIRE_HEAD));
    s->chunk = NO_CHUNK;
}

static void flush(serving *s)
{
    close_chunk(s);
    if (s->out.len == 0)
        return;
    struct iovec v = {.iov_base = s->out.p, .iov_len = s->out.len};
    send_pieces(s, &v, 1);
    haul_str_clear(&s->out);
}

static void send_straight(serving *s, const char *p, size_t n)
{
    flush(s);
    for (size_t piece; n > 0; p += piece, n -= piece) {
        char head[HAUL_WIRE_HEAD];
        piece = n < HAUL_WIRE_CHUNK_MAX ? n : HAUL_WIRE_CHUNK_MAX;
        haul_wire_chunk_head(head, (uint32_t)piece);
        struct iovec v[2] = {{.iov_base = head, .iov_len = sizeof(head)},
                             {.iov_base = (void *)(uintptr_t)p, .iov_len = piece}}; /* only read */
        send_pieces(s, v, 2);
    }
}

static haul_rc body_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    serving *s = (serving *)(void *)((char *)o - offsetof(serving, body));
    if (n >= STRAIGHT) {
        send_straight(s, p, n);
        return HAUL_OK;
    }
    if (s->chunk == NO_CHUNK) {
        static const char head[HAUL_WIRE_HEAD];
        s->chunk = s->out.len;
        haul_str_add(&s->out, head, sizeof(head));
    }
    haul_str_add(&s->out, p, n);
    if (s->out.len >= SEND_AT)
        flush(s);
    return HAUL_OK;
}

static void source_issue(void *ctx, haul_issue_id id, const char *detail)
{
    serving *s = ctx;
    haul_guard *g = &s->child->guard;
    close_chunk(s);
    haul_wire_put_issue(&s->out, (haul_wire_at){g->step, ++g->issues}, id, detail);
    if (s->out.len >= SEND_AT)
        flush(s);
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
    if (haul_wire_put_lost(&s->out, at, s->msg, why))
        return;
    haul_msg_reset(s->msg);
    s->msg->folder = folder;
    (void)haul_wire_put_lost(&s->out, at, s->msg, "what is known of it is larger than can be passed on");
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
    return haul_wire_put_message(&s->out, at, m);
}

static void answer_message(serving *s)
{
    haul_wire_at at = next_result(s);
    s->has_message = haul_wire_put_message(&s->out, at, s->msg) || put_shortened(s, at);
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
        haul_wire_put_end(&s->out);
    else
        haul_wire_put_fail(&s->out, rc < 0 ? rc : HAUL_E_SOURCE, e->text);
}

static void answer_long_folder(serving *s, haul_folder *f)
{
    haul_err text;
    f->name = shortened(&s->msg->arena, f->name);
    f->raw_name = NULL;
    (void)haul_fail(&text, HAUL_OK, "more than %u octets: %.64s", HAUL_WIRE_FRAME_MAX, f->name);
    source_issue(s, HAUL_ISSUE_FOLDER_NAME_SHORTENED, text.text);
    (void)haul_wire_put_folder(&s->out, f);
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
    else if (!haul_wire_put_folder(&s->out, &it.folder))
        answer_long_folder(s, &it.folder);
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
    else if (!haul_wire_put_body_end(&s->out, rc, e.text, *s->seen))
        (void)haul_wire_put_body_end(&s->out, HAUL_SKIP, "its issues are larger than can be passed on", NULL);
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

static void serve(serving *s)
{
    char asked[16];
    for (;;) {
        ssize_t n = read(s->child->sock, asked, sizeof(asked));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            _exit(0);
        for (ssize_t i = 0; i < n; i++) {
            if (asked[i] == HAUL_WIRE_BODY)
                answer_body(s);
            else
                answer_next(s);
            flush(s);
        }
    }
}

void haul_child_serve(haul_child *c)
{
    settle_signals();
    const int keep[] = {c->fd, c->sock};
    unsigned held = haul_confine(c->confine, keep, HAUL_COUNT(keep), c->memory);
    if (getppid() != c->parent)
        _exit(0);
    c->guard.sock = c->sock;
    serving s = {.child = c, .msg = haul_msg_new(), .chunk = NO_CHUNK, .body = {.write = body_write}};
    haul_wire_put_ready(&s.out, held);
    serve(&s);
    _exit(0);
}
