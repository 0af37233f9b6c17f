/* Connections of an upload: which one takes a batch, and what becomes of batches when one breaks. */
#include "imap/upload.h"

#include <stdlib.h>
#include <string.h>

#define COMPRESS_BELOW 3e6 /* octets a second: a link slower than this gains by deflating (bench/README.md) */
#define KEEP_ALIVE_MS  60000
#define COMPRESS_MS    2000 /* sending is watched that long first */

/* ── opening and losing ── */

haul_rc haul_link_open(haul_upload *up, haul_link *l, haul_err *e)
{
    for (;;) {
        haul_err why = {0};
        haul_rc rc = up->failures ? haul_pace_reconnect(up, e) : HAUL_OK;
        if (rc != HAUL_OK)
            return rc;
        l->up = up;
        rc = haul_imap_login(&l->session, up->config, &why);
        if (rc == HAUL_OK)
            return HAUL_OK;
        /* A token may have run out between two looks at it, once. */
        bool again = rc == HAUL_E_NETWORK || (rc == HAUL_E_AUTH && up->failures && up->config->token_command);
        if (!again || up->first_login) {
            if (e)
                *e = why;
            return rc;
        }
        up->failures += rc == HAUL_E_AUTH ? HAUL_FAILURES_MAX / 2 : 1;
        up->last_loss = why;
    }
}

static void to_limbo(haul_upload *up, haul_batch *b)
{
    b->next = NULL;
    *up->limbo_last = b;
    up->limbo_last = &b->next;
}

/* What the server was reading when the connection broke may be why it broke: it goes on its own from now on. */
static void suspect(haul_batch *b)
{
    if (b->alone && b->n_items == 1)
        b->items[0]->lost++;
    b->suspect = true;
}

void haul_link_lose(haul_upload *up, haul_link *l)
{
    haul_imap_client *c = &l->session.client;
    bool begun = true, first = true, bad = false;
    haul_imap_command *cmd = c->first;
    if (!l->session.open) /* found out twice */
        return;
    c->first = NULL;
    while (cmd) {
        haul_imap_command *next = cmd->next;
        bool last = cmd == c->sending;
        begun = begun && (!last || cmd->piece || cmd->sent);
        cmd->next = NULL;
        if (cmd->tagged != haul_batch_answered) {
            haul_imap_command_free(cmd);
        } else {
            haul_batch *b = cmd->ctx;
            bool is_bad = cmd->bad.len > 0;
            /* so long the server has taken at least, and may go on for */
            int64_t age = begun ? haul_clock_ms() - cmd->queued_ms : 0;
            up->latency_ms = age > up->latency_ms ? age : up->latency_ms;
            b->link = NULL;
            if (begun && first && !is_bad)
                suspect(b);
            is_bad ? haul_batch_bad(b) : begun ? to_limbo(up, b) : haul_upload_again(up, b);
            bad |= is_bad;
            first = false;
        }
        begun = begun && !last;
        cmd = next;
    }
    haul_imap_session_done(&l->session);
    *l = (haul_link){0};
    up->failures += bad ? 0 : 1; /* an answer to one message is no failure of the network */
}

haul_rc haul_link_ask(haul_link *l, haul_imap_command *c, const char *doing, haul_err *e)
{
    haul_imap_result r = {0};
    haul_rc rc = haul_imap_run(&l->session.client, c, &r, e);
    if (rc == HAUL_OK && r.kind != HAUL_IMAP_OK)
        rc = haul_link_refused(l, &r, doing, e);
    haul_imap_result_done(&r);
    return rc;
}

/* ── moving octets ── */

haul_rc haul_links_pump(haul_upload *up, haul_err *e)
{
    for (size_t i = 0; i < up->n_links; i++) {
        haul_link *l = &up->links[i];
        haul_err why = {0};
        if (!l->session.open)
            continue;
        haul_rc rc = haul_imap_pump(&l->session.client, &why);
        if (rc == HAUL_OK)
            rc = haul_imap_check_silence(&l->session.client, &why);
        if (rc == HAUL_OK)
            continue;
        if (rc != HAUL_E_NETWORK) { /* a spool that cannot be read back is no matter of the network */
            if (e)
                *e = why;
            return rc;
        }
        up->last_loss = why;
        haul_link_lose(up, l);
    }
    return HAUL_OK;
}

static void watch_speed(haul_upload *up, int64_t began, bool blocked)
{
    int64_t now = haul_clock_ms();
    up->blocked_ms += blocked ? now - began : 0;
    uint64_t sent = 0;
    for (size_t i = 0; i < up->n_links; i++)
        sent += up->links[i].session.open ? haul_conn_octets_sent(up->links[i].session.client.conn) : 0;
    if (!up->watch_ms) {
        up->watch_ms = now;
        up->watch_octets = sent;
        return;
    }
    if (now - up->watch_ms < COMPRESS_MS || up->config->compress != HAUL_IMAP_COMPRESS_AUTO)
        return;
    double rate =
        sent > up->watch_octets ? (double)(sent - up->watch_octets) * 1000 / (double)(now - up->watch_ms) : 0;
    up->want_compress |= up->blocked_ms * 2 > now - up->watch_ms && rate > 0 && rate < COMPRESS_BELOW;
    up->watch_ms = now;
    up->watch_octets = sent;
    up->blocked_ms = 0;
}

haul_rc haul_links_wait(haul_upload *up, int ms, const char *phase, haul_err *e)
{
    haul_conn *conns[HAUL_CONNS_MAX];
    bool write[HAUL_CONNS_MAX], blocked = false;
    size_t n = 0;
    int64_t began = haul_clock_ms();
    for (size_t i = 0; i < up->n_links; i++)
        if (up->links[i].session.open) {
            conns[n] = up->links[i].session.client.conn;
            write[n] = haul_imap_wants_write(&up->links[i].session.client);
            blocked |= write[n++];
        }
    haul_conn_wait(conns, write, n, ms);
    watch_speed(up, began, blocked);
    if (began - up->told_ms < 250 && haul_clock_ms() - up->told_ms < 250)
        return HAUL_OK;
    up->told_ms = haul_clock_ms();
    if (!up->stopping && up->sink->waiting(up->sink->ctx, phase)) {
        up->stopping = true;
        return haul_fail(e, HAUL_E_INTERRUPTED, "interrupted; the same command goes on");
    }
    return HAUL_OK;
}

haul_rc haul_upload_sleep(haul_upload *up, int64_t ms, const char *why, haul_err *e)
{
    int64_t until = haul_clock_ms() + ms;
    haul_rc rc = HAUL_OK;
    for (int64_t now; rc == HAUL_OK && (now = haul_clock_ms()) < until;) {
        rc = haul_links_wait(up, (int)(until - now < 250 ? until - now : 250), why, e);
        if (rc == HAUL_OK)
            rc = haul_links_pump(up, e);
    }
    return rc;
}

/* Servers log out who is silent; a source may be slow. */
void haul_links_keep_alive(haul_upload *up)
{
    int64_t now = haul_clock_ms();
    for (size_t i = 0; i < up->n_links; i++) {
        haul_link *l = &up->links[i];
        if (!l->session.open || l->session.client.first || now - l->session.client.spoke_ms < KEEP_ALIVE_MS)
            continue;
        haul_imap_queue(&l->session.client, haul_imap_command_new("NOOP\r\n"));
    }
}

/* ── choosing ── */

static unsigned flying_max(const haul_upload *up)
{
    return up->multi   ? HAUL_BATCHES_FLYING
           : up->plus  ? HAUL_SINGLES_FLYING
           : up->minus ? HAUL_SMALL_FLYING
                       : 2;
}

static bool has_room(const haul_upload *up, const haul_link *l, const haul_batch *b)
{
    if (l->alone || (b->alone && l->n_batches) || l->n_batches >= flying_max(up))
        return false;
    if (up->want_compress && !l->session.compressed && haul_imap_can_do(&l->session, HAUL_IMAP_CAN_COMPRESS))
        return l->n_batches == 0;
    return !l->n_batches || l->octets + b->octets <= (up->multi ? HAUL_BATCHED_FLYING : HAUL_OCTETS_FLYING);
}

/* One folder a connection; but where each message costs a round trip, any connection may help. */
static haul_link *choose(haul_upload *up, const haul_batch *b, haul_link **ret_closed)
{
    haul_link *best = NULL;
    bool spread = !up->plus;
    *ret_closed = NULL;
    for (size_t i = 0; i < up->n_links; i++) {
        haul_link *l = &up->links[i];
        if (!l->session.open) {
            *ret_closed = *ret_closed || l->denied ? *ret_closed : l;
        } else if (l->selected == b->box && l->n_batches && !spread) {
            *ret_closed = NULL;
            return l;
        } else if (!best || l->n_batches < best->n_batches ||
                   (l->n_batches == best->n_batches && l->selected == b->box)) {
            best = l;
        }
    }
    if (best && !best->n_batches)
        *ret_closed = NULL;
    if (!best && !*ret_closed) /* those that were denied may be granted now */
        *ret_closed = &up->links[0];
    return best;
}

/* A further connection that the server does not grant is no failure: the run goes on with those there are. */
static haul_rc open_further(haul_upload *up, haul_link *l, haul_err *e)
{
    bool only = true;
    for (size_t i = 0; i < up->n_links; i++)
        only = only && !up->links[i].session.open;
    if (only)
        return haul_link_open(up, l, e);
    l->up = up;
    haul_rc rc = haul_imap_login(&l->session, up->config, e);
    l->denied = rc != HAUL_OK;
    return rc == HAUL_E_INTERRUPTED ? rc : HAUL_OK;
}

static void on_select(haul_imap_command *c, const haul_imap_reply *r)
{
    haul_box *b = c->ctx;
    haul_span args = {0};
    if (haul_imap_code(r, "UIDVALIDITY", &args) && haul_imap_uid(args) != b->uidvalidity)
        b->renumbered = true;
}

/* Behind what is under way; nobody waits for the answer. */
static void select_later(haul_link *l, haul_box *b)
{
    haul_imap_command *c = haul_imap_command_new("SELECT ");
    haul_str_addf(&c->text, "%s\r\n", b->wire);
    c->data = on_select;
    c->ctx = b;
    haul_imap_queue(&l->session.client, c);
    l->selected = b;
}

static haul_rc ready(haul_upload *up, haul_link *l, const haul_batch *b, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    if (up->want_compress && !l->session.compressed && !l->n_batches)
        rc = haul_imap_compress_now(&l->session, e);
    if (rc == HAUL_OK && !b->box->exists)
        rc = haul_box_create(up, l, b->box, e);
    return rc;
}

haul_rc haul_link_for(haul_upload *up, const haul_batch *b, haul_link **ret, haul_err *e)
{
    for (;;) {
        haul_link *closed = NULL, *l = choose(up, b, &closed);
        haul_rc rc = HAUL_OK;
        if (closed) {
            rc = open_further(up, closed, e);
            if (rc != HAUL_OK)
                return rc;
            continue;
        }
        if (l && has_room(up, l, b)) {
            haul_err why = {0};
            rc = ready(up, l, b, &why);
            if (rc == HAUL_OK) {
                *ret = l;
                return HAUL_OK;
            }
            if (rc != HAUL_E_NETWORK) {
                if (e)
                    *e = why;
                return rc;
            }
            up->last_loss = why;
            haul_link_lose(up, l);
            continue;
        }
        rc = haul_links_wait(up, 500, "sending", e);
        if (rc == HAUL_OK)
            rc = haul_links_pump(up, e);
        if (rc != HAUL_OK)
            return rc;
    }
}

void haul_link_send(haul_link *l, haul_batch *b)
{
    if (l->selected != b->box)
        select_later(l, b->box);
    b->link = l;
    b->command->piece = b->command->sent = 0;
    b->command->done = false;
    haul_str_clear(&b->command->early);
    l->n_batches++;
    l->octets += b->octets;
    l->alone = b->alone;
    haul_imap_queue(&l->session.client, b->command);
    haul_err why = {0};
    (void)!haul_imap_pump(&l->session.client, &why); /* what breaks is seen by the next pump of all links */
}

/* The idle link that suits b best, else a slot to open, else NULL. */
static haul_link *idle(haul_upload *up, const haul_box *b)
{
    haul_link *best = NULL, *closed = NULL;
    bool any = false;
    for (size_t i = 0; i < up->n_links; i++) {
        haul_link *l = &up->links[i];
        any |= l->session.open;
        if (!l->session.open)
            closed = closed || l->denied ? closed : l;
        else if (!l->n_batches && (!best || l->selected == b))
            best = l;
    }
    return best ? best : !closed && !any ? &up->links[0] : closed;
}

haul_rc haul_link_idle(haul_upload *up, const haul_box *b, haul_link **ret, haul_err *e)
{
    for (;;) {
        haul_link *l = idle(up, b);
        haul_rc rc = HAUL_OK;
        if (l && l->session.open) {
            *ret = l;
            return HAUL_OK;
        }
        if (l) {
            rc = open_further(up, l, e);
        } else {
            rc = haul_links_wait(up, 500, "waiting for the server", e);
            if (rc == HAUL_OK)
                rc = haul_links_pump(up, e);
        }
        if (rc != HAUL_OK)
            return rc;
    }
}
