#include "imap/client.h"

#include "base/err.h"
#include "io/eol.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN_SIZE    (64u * 1024u)
#define CHUNK_SIZE (128u * 1024u)
#define TAG_LEN    9   /* "m00000001" */
#define SLICE_MS   500 /* between looks at the user and the clock */

/* ── commands ── */

haul_imap_command *haul_imap_command_new(const char *fmt, ...)
{
    haul_imap_command *c = haul_calloc(1, sizeof(*c));
    char line[2048];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    haul_str_addf(&c->text, "%*s", TAG_LEN + 1, ""); /* where the tag will stand */
    if (n > 0)
        haul_str_add(&c->text, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
    return c;
}

void haul_imap_command_free(haul_imap_command *c)
{
    if (!c)
        return;
    haul_str_done(&c->text);
    haul_str_done(&c->early);
    haul_str_done(&c->bad);
    free(c->pieces);
    free(c);
}

static haul_imap_piece *add_piece(haul_imap_command *c)
{
    c->pieces = haul_realloc(c->pieces, (c->n_pieces + 1) * sizeof(*c->pieces));
    c->pieces[c->n_pieces] = (haul_imap_piece){0};
    return &c->pieces[c->n_pieces++];
}

/* Text up to here that is no piece yet. */
static size_t text_done(const haul_imap_command *c)
{
    for (size_t i = c->n_pieces; i > 0; i--)
        if (!c->pieces[i - 1].spool)
            return c->pieces[i - 1].at + c->pieces[i - 1].len;
    return 0;
}

void haul_imap_piece_end(haul_imap_command *c, bool wait_before_next)
{
    size_t from = text_done(c);
    bool waits = c->n_pieces && c->pieces[c->n_pieces - 1].wait && !c->pieces[c->n_pieces - 1].len &&
                 !c->pieces[c->n_pieces - 1].spool;
    haul_imap_piece *p = waits ? &c->pieces[c->n_pieces - 1] : add_piece(c);
    p->at = from;
    p->len = c->text.len - from;
    if (wait_before_next) {
        p = add_piece(c);
        p->wait = true;
        p->at = c->text.len;
    }
}

void haul_imap_piece_body(haul_imap_command *c, haul_spool *body, uint64_t size)
{
    bool waits = c->n_pieces && c->pieces[c->n_pieces - 1].wait && !c->pieces[c->n_pieces - 1].len;
    haul_imap_piece *p = waits ? &c->pieces[c->n_pieces - 1] : add_piece(c);
    p->spool = body;
    p->len = (size_t)size;
}

/* ── the client ── */

void haul_imap_client_init(haul_imap_client *c, haul_conn *conn)
{
    *c = (haul_imap_client){.conn = conn, .silence_s = 120};
    c->last = &c->first;
    c->in = haul_alloc(IN_SIZE);
    c->heard_ms = c->spoke_ms = haul_clock_ms();
}

void haul_imap_client_done(haul_imap_client *c)
{
    haul_conn_close(c->conn);
    while (c->first) {
        haul_imap_command *next = c->first->next;
        haul_imap_command_free(c->first);
        c->first = next;
    }
    haul_imap_reader_done(&c->reader);
    haul_str_done(&c->bye);
    free(c->in);
    free(c->chunk);
    *c = (haul_imap_client){0};
}

void haul_imap_next_tag(haul_imap_client *c, char tag[12])
{
    snprintf(tag, 12, "m%08x", (unsigned)++c->tags);
}

void haul_imap_queue(haul_imap_client *c, haul_imap_command *cmd)
{
    haul_imap_next_tag(c, cmd->tag);
    memcpy(cmd->text.p, cmd->tag, TAG_LEN);
    if (!cmd->n_pieces || text_done(cmd) < cmd->text.len)
        haul_imap_piece_end(cmd, false);
    cmd->client = c;
    cmd->queued_ms = haul_clock_ms();
    *c->last = cmd;
    c->last = &cmd->next;
    c->n_queued++;
    if (!c->sending)
        c->sending = cmd;
    if (c->first == cmd) /* silence counts from the first question */
        c->heard_ms = cmd->queued_ms;
}

/* The first failure is the one that counts. */
static haul_rc die(haul_imap_client *c, haul_rc rc, const haul_err *why)
{
    if (c->dead == HAUL_OK) {
        c->dead = rc;
        c->why = *why;
        haul_imap_reply early;
        const haul_str *said = c->sending ? &c->sending->early : NULL;
        if (said && said->len && haul_imap_reply_parse((haul_span){said->p, said->len}, &early))
            haul_fail(&c->why, rc, "the server answered before the command was sent: %.*s",
                      (int)early.rest.len, early.rest.p);
        else if (c->bye.len && rc == HAUL_E_NETWORK)
            haul_fail(&c->why, rc, "the server said goodbye: %s", c->bye.p);
    }
    return c->dead;
}

static haul_rc tell(const haul_imap_client *c, haul_err *e)
{
    if (e)
        *e = c->why;
    return c->dead;
}

/* ── sending ── */

static void next_command(haul_imap_client *c)
{
    c->sending = c->sending->next;
    c->chunk_at = c->chunk_len = 0;
    c->cursor = (haul_spool_cursor){0};
    c->go_on = false;
}

/* The octets of the current piece that come next; *ret_n 0: the piece is done. */
static haul_rc next_octets(haul_imap_client *c, const haul_imap_piece *p, const char **ret, size_t *ret_n,
                           haul_err *e)
{
    const haul_imap_command *cmd = c->sending;
    if (!p->spool) {
        *ret = cmd->text.p + p->at + cmd->sent;
        *ret_n = p->len - cmd->sent;
        return HAUL_OK;
    }
    if (c->chunk_at == c->chunk_len) {
        if (!c->chunk)
            c->chunk = haul_alloc(CHUNK_SIZE);
        c->chunk_at = 0;
        haul_rc rc = haul_spool_pull(p->spool, &c->cursor, c->chunk, CHUNK_SIZE, &c->chunk_len, e);
        if (rc != HAUL_OK)
            return rc;
    }
    *ret = c->chunk + c->chunk_at;
    *ret_n = c->chunk_len - c->chunk_at;
    return HAUL_OK;
}

static haul_rc send_piece(haul_imap_client *c, bool *ret_blocked, haul_err *e)
{
    haul_imap_command *cmd = c->sending;
    const haul_imap_piece *p = &cmd->pieces[cmd->piece];
    bool last = cmd->piece + 1 == cmd->n_pieces;
    *ret_blocked = false;
    for (;;) {
        const char *from = NULL;
        size_t n = 0, sent = 0;
        haul_rc rc = next_octets(c, p, &from, &n, e);
        if (rc != HAUL_OK || !n)
            return rc;
        bool push = (last && !cmd->next) || (!last && cmd->pieces[cmd->piece + 1].wait);
        rc = haul_conn_send(c->conn, from, n, push && cmd->sent + n == p->len, &sent, e);
        if (rc != HAUL_OK)
            return rc;
        if (sent)
            c->spoke_ms = haul_clock_ms();
        cmd->sent += sent;
        c->chunk_at += p->spool ? sent : 0;
        if (sent < n) {
            *ret_blocked = true;
            return HAUL_OK;
        }
    }
}

/* A piece begins where the server lets it. */
static bool may_begin(haul_imap_client *c)
{
    const haul_imap_command *cmd = c->sending;
    if (!cmd->pieces[cmd->piece].wait || cmd->sent || c->go_on)
        return true;
    return false;
}

static haul_rc send_some(haul_imap_client *c, haul_err *e)
{
    bool blocked = false;
    haul_rc rc = HAUL_OK;
    if (haul_conn_pending(c->conn)) {
        size_t none;
        rc = haul_conn_send(c->conn, "", 0, false, &none, e);
    }
    while (rc == HAUL_OK && c->sending && may_begin(c)) {
        rc = send_piece(c, &blocked, e);
        if (rc != HAUL_OK || blocked)
            break;
        c->go_on = false;
        c->sending->sent = 0;
        c->chunk_at = c->chunk_len = 0;
        c->cursor = (haul_spool_cursor){0};
        haul_imap_command *cmd = c->sending;
        if (++cmd->piece == cmd->n_pieces) {
            next_command(c);
            c->has_early |= cmd->early.len > 0;
        }
    }
    return rc;
}

bool haul_imap_wants_write(const haul_imap_client *c)
{
    if (haul_conn_pending(c->conn))
        return true;
    const haul_imap_command *cmd = c->sending;
    return cmd && (!cmd->pieces[cmd->piece].wait || cmd->sent || c->go_on);
}

/* ── taking in ── */

static haul_imap_command **find_tag(haul_imap_client *c, haul_span tag)
{
    haul_imap_command **at = &c->first;
    while (*at && !(tag.len == TAG_LEN && memcmp((*at)->tag, tag.p, TAG_LEN) == 0))
        at = &(*at)->next;
    return at;
}

static void unlink_command(haul_imap_client *c, haul_imap_command **at)
{
    haul_imap_command *cmd = *at;
    if (c->sending == cmd)
        next_command(c);
    *at = cmd->next;
    if (!*at)
        c->last = at;
    cmd->next = NULL;
    cmd->done = true;
    c->n_queued--;
}

/* No answer can be meant for what has not begun to leave. */
static bool is_unsent(const haul_imap_client *c, const haul_imap_command *cmd)
{
    const haul_imap_command *s = c->sending;
    if (s == cmd)
        return !s->piece && !s->sent;
    for (s = s ? s->next : NULL; s; s = s->next)
        if (s == cmd)
            return true;
    return false;
}

/* An answer that comes while the rest of the command is still owed (LITERAL+): what was promised is sent first. */
static bool still_owed(const haul_imap_client *c, const haul_imap_command *cmd)
{
    return c->sending == cmd && !(cmd->pieces[cmd->piece].wait && !cmd->sent && !c->go_on);
}

static haul_rc take_tagged(haul_imap_client *c, const haul_imap_reply *r, haul_err *e)
{
    haul_imap_command **at = find_tag(c, r->tag), *cmd = *at;
    if (!cmd || is_unsent(c, cmd))
        return haul_fail(e, HAUL_E_NETWORK, "the server answered a command that was not sent");
    if (r->kind == HAUL_IMAP_BAD && cmd->literal) {
        haul_str_addf(&cmd->bad, "BAD %.*s", (int)r->rest.len, r->rest.p);
        return haul_fail(e, HAUL_E_NETWORK, "the server did not understand: %.*s", (int)r->rest.len,
                         r->rest.p);
    }
    haul_imap_reply plain =
        *r; /* without a literal nothing can be taken for commands: a refusal like any other */
    if (r->kind == HAUL_IMAP_BAD) {
        plain.kind = HAUL_IMAP_NO;
        r = &plain;
    }
    if (r->kind != HAUL_IMAP_OK && r->kind != HAUL_IMAP_NO)
        return haul_fail(e, HAUL_E_NETWORK, "the server's answer is none");
    if (still_owed(c, cmd)) {
        haul_str_clear(&cmd->early);
        haul_str_add(&cmd->early, haul_strz(&c->reader.line), c->reader.line.len);
        return HAUL_OK;
    }
    unlink_command(c, at);
    bool keep = cmd->keep; /* then the callback may have freed it */
    if (cmd->tagged)
        cmd->tagged(cmd, r);
    if (!keep)
        haul_imap_command_free(cmd);
    return HAUL_OK;
}

/* To the oldest command that wants any: Dovecot puts the end of NOOP and STORE off, and answers what follows first. */
static void give_data(haul_imap_client *c, const haul_imap_reply *r)
{
    haul_imap_command *cmd = c->first;
    while (cmd && !cmd->data)
        cmd = cmd->next;
    if (cmd)
        cmd->data(cmd, r);
}

static haul_rc take_reply(haul_imap_client *c, haul_err *e)
{
    haul_imap_reply r;
    if (!haul_imap_reply_parse((haul_span){haul_strz(&c->reader.line), c->reader.line.len}, &r))
        return haul_fail(e, HAUL_E_NETWORK, "the server's answer is none: %.60s", haul_strz(&c->reader.line));
    if (r.kind == HAUL_IMAP_CONTINUE) {
        c->go_on = c->sending && c->sending->pieces[c->sending->piece].wait;
        return HAUL_OK;
    }
    if (!haul_span_is(r.tag, "*"))
        return take_tagged(c, &r, e);
    if (r.kind == HAUL_IMAP_BYE) {
        haul_str_clear(&c->bye);
        haul_str_add(&c->bye, r.rest.p, r.rest.len);
    }
    if (r.kind == HAUL_IMAP_BAD)
        return haul_fail(e, HAUL_E_NETWORK, "the server did not understand: %.*s", (int)r.rest.len, r.rest.p);
    give_data(c, &r);
    return HAUL_OK;
}

/* Answers that came before their commands were sent, and may be acted on now. */
static haul_rc take_early(haul_imap_client *c, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    while (rc == HAUL_OK && c->has_early) {
        haul_imap_command *cmd = c->first;
        haul_imap_reply r;
        while (cmd && (!cmd->early.len || cmd == c->sending))
            cmd = cmd->next;
        c->has_early = cmd != NULL;
        if (!cmd)
            break;
        haul_auto_str line = cmd->early;
        cmd->early = (haul_str){0};
        if (haul_imap_reply_parse((haul_span){line.p, line.len}, &r))
            rc = take_tagged(c, &r, e);
    }
    return rc;
}

/* Replies out of what has been read. */
static haul_rc take_in(haul_imap_client *c, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    if (c->taken)
        haul_imap_reader_next(&c->reader);
    c->taken = false;
    while (rc == HAUL_OK && c->in_at < c->in_len) {
        size_t used = 0;
        bool done = false;
        rc = haul_imap_read(&c->reader, c->in + c->in_at, c->in_len - c->in_at, &used, &done, e);
        c->in_at += used;
        if (rc == HAUL_OK && done) {
            rc = take_reply(c, e);
            haul_imap_reader_next(&c->reader);
        }
    }
    return rc;
}

static haul_rc read_more(haul_imap_client *c, bool *ret_any, haul_err *e)
{
    c->in_at = c->in_len = 0;
    haul_rc rc = haul_conn_recv(c->conn, c->in, IN_SIZE, &c->in_len, e);
    *ret_any = rc == HAUL_OK && c->in_len > 0;
    if (*ret_any)
        c->heard_ms = haul_clock_ms();
    return rc;
}

haul_rc haul_imap_pump(haul_imap_client *c, haul_err *e)
{
    haul_err why = {0};
    bool any = true;
    if (c->dead != HAUL_OK)
        return tell(c, e);
    haul_rc rc = take_in(c, &why);
    while (rc == HAUL_OK &&
           any) { /* until nothing is left to read: TLS may hold octets that poll does not see */
        rc = send_some(c, &why);
        if (rc == HAUL_OK)
            rc = take_early(c, &why);
        haul_err late = {0};
        haul_rc got = read_more(c, &any, &late);
        if (got == HAUL_OK)
            got = take_in(c, &late); /* last words count even where sending failed */
        if (got != HAUL_OK && (rc == HAUL_OK || c->bye.len)) {
            rc = got;
            why = late;
        }
    }
    if (rc == HAUL_OK)
        return HAUL_OK;
    die(c, rc, &why);
    return tell(c, e);
}

haul_rc haul_imap_check_silence(haul_imap_client *c, haul_err *e)
{
    haul_err why = {0};
    int64_t now = haul_clock_ms(), since = c->heard_ms > c->spoke_ms ? c->heard_ms : c->spoke_ms;
    if (c->dead == HAUL_OK && (!c->first || now - since < (int64_t)c->silence_s * 1000))
        return HAUL_OK;
    die(c, haul_fail(&why, HAUL_E_NETWORK, "the server has been silent for %u s", c->silence_s), &why);
    return tell(c, e);
}

/* ── one at a time ── */

void haul_imap_result_done(haul_imap_result *r)
{
    haul_str_done(&r->code);
    haul_str_done(&r->text);
}

bool haul_imap_result_is(const haul_imap_result *r, const char *code)
{
    size_t n = strcspn(haul_strz(&r->code), " ");
    return haul_span_is((haul_span){haul_strz(&r->code), n}, code);
}

typedef struct waiter { /* stands in for the tagged callback of a command that is waited for */
    void (*tagged)(haul_imap_command *c, const haul_imap_reply *r);
    void *ctx;
    haul_imap_result result;
} waiter;

static haul_rc wait_slice(haul_imap_client *c, haul_err *e)
{
    bool write = haul_imap_wants_write(c);
    haul_conn *conn = c->conn;
    haul_conn_wait(&conn, &write, 1, SLICE_MS);
    if (c->waiting && c->waiting(c->ctx, ""))
        return haul_fail(e, HAUL_E_INTERRUPTED, "interrupted; the same command goes on");
    return haul_imap_check_silence(c, e);
}

static void note_result(haul_imap_command *cmd, const haul_imap_reply *r)
{
    waiter *w = cmd->ctx;
    w->result.kind = r->kind;
    haul_str_add(&w->result.code, r->code.p, r->code.len);
    haul_str_add(&w->result.text, r->rest.p, r->rest.len);
}

/* data callbacks find their own ctx in cmd->ctx: give it back for them. */
typedef struct relay {
    waiter w;
    void (*data)(haul_imap_command *c, const haul_imap_reply *r);
} relay;

static void relay_data(haul_imap_command *cmd, const haul_imap_reply *r)
{
    relay *y = cmd->ctx;
    haul_imap_command mine = *cmd;
    mine.ctx = y->w.ctx;
    y->data(&mine, r);
}

static void ignore_data(haul_imap_command *c, const haul_imap_reply *r)
{
    (void)c;
    (void)r;
}

haul_rc haul_imap_wait(haul_imap_client *c, haul_imap_command *cmd, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    while (rc == HAUL_OK && (rc = haul_imap_pump(c, e)) == HAUL_OK && !cmd->done)
        rc = wait_slice(c, e);
    return rc;
}

/* Free what is done; what is not stays in the queue of a lost connection, and must not point to its caller. */
static void leave(haul_imap_command *cmd)
{
    if (cmd->done) {
        haul_imap_command_free(cmd);
        return;
    }
    cmd->ctx = NULL;
    cmd->data = ignore_data; /* what still comes of it is nobody else's */
    cmd->tagged = NULL;
    cmd->keep = false;
}

haul_rc haul_imap_run_all(haul_imap_client *c, haul_imap_command *const *cmds, size_t n, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    for (size_t i = 0; i < n; i++) {
        cmds[i]->keep = true;
        haul_imap_queue(c, cmds[i]);
    }
    for (size_t i = 0; i < n && rc == HAUL_OK; i++)
        rc = haul_imap_wait(c, cmds[i], e);
    for (size_t i = 0; i < n; i++)
        leave(cmds[i]);
    return rc;
}

haul_rc haul_imap_run(haul_imap_client *c, haul_imap_command *cmd, haul_imap_result *ret, haul_err *e)
{
    relay y = {.w = {.ctx = cmd->ctx}, .data = cmd->data};
    cmd->ctx = &y;
    cmd->data = y.data ? relay_data : NULL;
    cmd->tagged = note_result;
    cmd->keep = true;
    haul_imap_queue(c, cmd);
    haul_rc rc = haul_imap_wait(c, cmd, e);
    leave(cmd);
    if (ret && rc == HAUL_OK)
        *ret = y.w.result;
    else
        haul_imap_result_done(&y.w.result);
    return rc;
}

haul_rc haul_imap_must(haul_imap_client *c, haul_imap_command *cmd, haul_rc code, const char *doing,
                       haul_err *e)
{
    haul_imap_result r = {0};
    haul_rc rc = haul_imap_run(c, cmd, &r, e);
    if (rc == HAUL_OK && r.kind != HAUL_IMAP_OK)
        rc = haul_fail(e, code, "%s: the server said: %s", doing, haul_strz(&r.text));
    haul_imap_result_done(&r);
    return rc;
}

haul_rc haul_imap_send_now(haul_imap_client *c, const char *p, size_t n, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    while (rc == HAUL_OK && n) {
        size_t sent = 0;
        rc = haul_conn_send(c->conn, p, n, true, &sent, e);
        p += sent;
        n -= sent;
        if (rc == HAUL_OK && n) {
            bool write = true;
            haul_conn_wait(&c->conn, &write, 1, SLICE_MS);
        }
    }
    c->spoke_ms = haul_clock_ms();
    return rc;
}

haul_rc haul_imap_next_reply(haul_imap_client *c, haul_imap_reply *ret, haul_err *e)
{
    int64_t until = haul_clock_ms() + (int64_t)c->silence_s * 1000;
    haul_rc rc = HAUL_OK;
    haul_imap_reader_next(&c->reader);
    while (rc == HAUL_OK) {
        size_t used = 0;
        bool done = false, any = false, write = false;
        rc = haul_imap_read(&c->reader, c->in + c->in_at, c->in_len - c->in_at, &used, &done, e);
        c->in_at += used;
        c->taken = done;
        if (rc == HAUL_OK && done)
            return haul_imap_reply_parse((haul_span){haul_strz(&c->reader.line), c->reader.line.len}, ret)
                       ? HAUL_OK
                       : haul_fail(e, HAUL_E_NETWORK, "the server's answer is none");
        if (rc == HAUL_OK)
            rc = read_more(c, &any, e);
        if (rc != HAUL_OK || any)
            continue;
        haul_conn_wait(&c->conn, &write, 1, SLICE_MS);
        if (c->waiting && c->waiting(c->ctx, ""))
            rc = haul_fail(e, HAUL_E_INTERRUPTED, "interrupted; the same command goes on");
        else if (haul_clock_ms() > until)
            rc = haul_fail(e, HAUL_E_NETWORK, "the server has been silent for %u s", c->silence_s);
    }
    return rc;
}
