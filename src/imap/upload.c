#include "imap/upload.h"

#include "base/time.h"

#include <stdlib.h>
#include <string.h>

#define BUILD_MS     20   /* a batch is not held back longer where nothing is under way */
#define UNPLACED_MAX 500u /* messages whose UIDs are asked for together */
#define OVER_QUOTA   10u
#define RETRIES_MAX  8u
#define STOP_MS      5000 /* waited for answers when the user stops */

/* ── receipts ── */

static void receipt(haul_upload *up, haul_pending *item, uint32_t uid)
{
    haul_auto_str place = {0};
    haul_str_addf(&place, "%s/;UID=%u", item->box->text, (unsigned)uid);
    haul_sink_receipt(up->sink, item->msg, place.p, HAUL_OK, NULL);
}

void haul_pending_stored(haul_upload *up, haul_pending *item, uint32_t uid)
{
    haul_box *b = item->box;
    haul_uids_add(&b->ours, uid, uid);
    b->ours_changed = true;
    b->flying--;
    *haul_box_expect(b) =
        (haul_expect){.uid = uid, .flags = item->flags, .date_s = item->date_s, .size = item->size};
    b->audited = false;
    if (up->gmail)
        haul_labels_add(up, b, item->msg, uid);
    receipt(up, item, uid);
    up->lost_row = up->over_quota = 0;
    haul_pace_progress(up);
    haul_pending_free(item);
}

void haul_pending_refused(haul_upload *up, haul_pending *item, const char *reason)
{
    haul_err why = {0};
    haul_fail(&why, HAUL_SKIP, "%s", reason);
    item->box->flying--;
    haul_sink_receipt(up->sink, item->msg, NULL, HAUL_SKIP, &why);
    haul_pending_free(item);
}

static void end_run(haul_upload *up, haul_rc rc, const char *what, const haul_imap_reply *r)
{
    if (up->fatal == HAUL_OK)
        up->fatal =
            haul_fail(&up->fatal_why, rc, "%s: the server said: %.*s", what, (int)r->rest.len, r->rest.p);
}

/* ── answers ── */

static void unplaced(haul_pending *item)
{
    haul_box *b = item->box;
    if (!b->unplaced_last)
        b->unplaced_last = &b->unplaced;
    item->next = NULL;
    *b->unplaced_last = item;
    b->unplaced_last = &item->next;
    b->n_unplaced++;
}

typedef struct placing {
    haul_batch *b;
    size_t at;
} placing;

static bool place_next(void *ctx, uint32_t uid)
{
    placing *p = ctx;
    if (p->at >= p->b->n_items)
        return false;
    haul_pending_stored(p->b->up, p->b->items[p->at++], uid);
    return true;
}

/* "APPENDUID 38505 3955:3960" (RFC 4315): UIDs in the order of sending. */
static void batch_stored(haul_batch *b, const haul_imap_reply *r)
{
    haul_span args = {0};
    placing p = {.b = b};
    size_t n = 0;
    for (size_t i = 0; i < b->n_items; i++)
        haul_box_proved(b->box, haul_flags_at(b->up, b->items[i]->flags));
    if (haul_imap_code(r, "APPENDUID", &args)) {
        while (n < args.len && args.p[n] != ' ')
            n++;
        uint32_t validity = haul_imap_uid((haul_span){args.p, n});
        if (validity != b->box->uidvalidity)
            end_run(b->up, HAUL_E_TARGET,
                    "a folder was made anew during the upload; run the same command again", r);
        else if (n < args.len)
            (void)haul_uids_each((haul_span){args.p + n + 1, args.len - n - 1}, place_next, &p);
    }
    while (p.at < b->n_items)
        unplaced(b->items[p.at++]);
    haul_batch_free(b);
}

static void try_again(haul_batch *b, bool alone)
{
    b->alone = alone;
    haul_upload_again(b->up, b);
}

static void set_aside(haul_batch *b, const haul_imap_reply *r)
{
    haul_upload *up = b->up;
    haul_auto_str reason = {0};
    haul_str_addf(&reason, "the server refused it: %s%.*s%s%.*s", r->code.len ? "[" : "", (int)r->code.len,
                  r->code.p ? r->code.p : "", r->code.len ? "] " : "", (int)r->rest.len, r->rest.p);
    haul_pending_refused(up, b->items[0], reason.p);
    haul_batch_free(b);
}

/* Its keywords may be what the server does not take: without them it is tried once more. */
static bool drop_keywords(haul_batch *b)
{
    haul_pending *item = b->items[0];
    haul_upload *up = b->up;
    if (!strcmp(haul_flags_at(up, item->flags),
                haul_flags_at(up, haul_flags_without_keywords(up, item->flags))))
        return false;
    haul_box_refused(b->box, haul_flags_at(up, item->flags));
    item->flags = haul_flags_without_keywords(up, item->flags);
    haul_sink_issue(up->sink, item->msg, HAUL_ISSUE_KEYWORD_NOT_HELD, "the server refused the keywords");
    haul_batch *plain = haul_batch_single(b, 0);
    haul_batch_free(b);
    try_again(plain, true);
    return true;
}

/* Halve what is many, try alone what is one, then set it aside. */
static void refused_message(haul_batch *b, const haul_imap_reply *r)
{
    haul_batch *half[2];
    if (b->n_items > 1) {
        haul_upload *up = b->up;
        haul_batch_halve(b, b->alone, half);
        haul_upload_again(up, half[0]);
        haul_upload_again(up, half[1]);
    } else if (!b->alone) {
        try_again(b, true);
    } else if (!drop_keywords(b)) {
        set_aside(b, r);
    }
}

static void refused_quota(haul_batch *b, const haul_imap_reply *r)
{
    haul_upload *up = b->up;
    bool single = b->n_items == 1 && b->alone;
    refused_message(b, r);
    if (single && ++up->over_quota >= OVER_QUOTA)
        end_run(up, HAUL_E_TARGET, "the account is full; make room and run the same command again", r);
}

static void refused(haul_imap_command *c, haul_batch *b, const haul_imap_reply *r)
{
    switch (haul_refusal_of(b->up, r)) {
    case HAUL_REFUSED_LATER:
        haul_pace_back_off(b->up, r);
        if (b->up->throttled > RETRIES_MAX) /* so often, and nothing was stored in between */
            end_run(b->up, HAUL_E_NETWORK,
                    "the server does not take messages for now; run the same command again later", r);
        try_again(b, b->alone);
        return;
    case HAUL_REFUSED_NO_BOX:
        b->box->exists = false;
        if (++b->retries > 2)
            end_run(b->up, HAUL_E_TARGET, b->box->name, r);
        try_again(b, b->alone);
        return;
    case HAUL_REFUSED_QUOTA:
        refused_quota(b, r);
        return;
    case HAUL_REFUSED_SESSION:
        c->client->dead = haul_fail(&c->client->why, HAUL_E_NETWORK, "the login has run out: %.*s",
                                    (int)r->rest.len, r->rest.p);
        try_again(b, b->alone);
        return;
    case HAUL_REFUSED_MESSAGE:
        refused_message(b, r);
    }
}

/* Larger batches spare the server work, but what it takes long for is long in doubt. */
static void adapt(const haul_batch *b, int64_t took_ms)
{
    haul_upload *up = b->up;
    unsigned n = up->batch_messages;
    if (took_ms >= HAUL_SLOW_MS)
        n /= 2;
    else if (took_ms < HAUL_QUICK_MS && b->n_items >= n)
        n *= 2;
    up->batch_messages = n < HAUL_BATCH_LEAST      ? HAUL_BATCH_LEAST
                         : n > HAUL_BATCH_MESSAGES ? HAUL_BATCH_MESSAGES
                                                   : n;
}

void haul_batch_answered(haul_imap_command *c, const haul_imap_reply *r)
{
    haul_batch *b = c->ctx;
    haul_link *l = b->link;
    int64_t took = haul_clock_ms() - c->queued_ms;
    l->n_batches--;
    l->octets -= b->octets;
    l->alone = false;
    b->link = NULL;
    took = took ? took : 1;
    b->up->latency_ms = took > b->up->latency_ms ? took : b->up->latency_ms;
    adapt(b, took);
    if (r->kind == HAUL_IMAP_OK)
        batch_stored(b, r);
    else
        refused(c, b, r);
}

void haul_batch_bad(haul_batch *b)
{
    haul_str words = b->command->bad;
    b->command->bad = (haul_str){0};
    haul_imap_reply r = {.kind = HAUL_IMAP_NO, .rest = {haul_strz(&words), words.len}};
    b->alone = true; /* the next BAD shall cost nothing but its own connection */
    refused(b->command, b, &r);
    haul_str_done(&words);
}

void haul_upload_again(haul_upload *up, haul_batch *b)
{
    b->next = NULL;
    *up->again_last = b;
    up->again_last = &b->next;
}

/* ── sending ── */

static haul_rc check_fatal(const haul_upload *up, haul_err *e)
{
    if (up->fatal != HAUL_OK && e)
        *e = up->fatal_why;
    return up->fatal;
}

/* Hand a finished batch to a link. On failure the batch is where haul_upload_give_up finds it. */
static haul_rc submit(haul_upload *up, haul_batch *b, haul_err *e)
{
    haul_link *l = NULL;
    haul_rc rc = haul_pace_wait(up, b->octets, b->n_items, e);
    if (rc == HAUL_OK)
        rc = haul_link_for(up, b, &l, e);
    if (rc == HAUL_OK)
        haul_link_send(l, b);
    else
        haul_upload_again(up, b);
    return rc;
}

static haul_rc submit_building(haul_upload *up, haul_err *e)
{
    haul_batch *b = up->building;
    if (!b)
        return HAUL_OK;
    up->building = NULL;
    haul_batch_finish(b);
    return submit(up, b, e);
}

static haul_rc send_again(haul_upload *up, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    while (rc == HAUL_OK && up->again && up->fatal == HAUL_OK) {
        haul_batch *b = up->again;
        up->again = b->next;
        if (!up->again)
            up->again_last = &up->again;
        rc = submit(up, b, e);
    }
    return rc;
}

static bool all_idle(const haul_upload *up)
{
    for (size_t i = 0; i < up->n_links; i++)
        if (up->links[i].n_batches)
            return false;
    return true;
}

static haul_rc place_all(haul_upload *up, size_t least, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    for (size_t i = 0; i < up->n_boxes && rc == HAUL_OK; i++)
        if (up->boxes[i] && up->boxes[i]->n_unplaced > least)
            rc = haul_settle_unplaced(up, up->boxes[i], e);
    return rc;
}

haul_rc haul_upload_work(haul_upload *up, haul_err *e)
{
    haul_links_keep_alive(up);
    haul_rc rc = haul_links_pump(up, e);
    if (rc == HAUL_OK && up->limbo)
        rc = haul_settle_limbo(up, e);
    if (rc == HAUL_OK)
        rc = send_again(up, e);
    if (rc == HAUL_OK && up->building && all_idle(up) && haul_clock_ms() - up->building->begun_ms >= BUILD_MS)
        rc = submit_building(up, e);
    if (rc == HAUL_OK)
        rc = haul_latency_save(up, e);
    return rc == HAUL_OK ? check_fatal(up, e) : rc;
}

/* ── messages ── */

static haul_pending *item_new(haul_upload *up, haul_box *box, const haul_msg *m)
{
    haul_pending *item = haul_calloc(1, sizeof(*item));
    const haul_spool_facts *f = haul_spool_get_facts(m->body);
    bool clamped = false;
    item->box = box;
    item->size = f->size + f->lf;
    item->streamed = item->size > HAUL_STREAM_SIZE;
    item->msg = haul_sink_keep(up->sink, m, item->streamed);
    item->sha256 = m->set & HAUL_SET_REPAIRED ? m->stored_sha256 : m->sha256;
    item->flags = haul_box_flags(up, box, m);
    int tz = m->set & HAUL_SET_RECEIVED ? m->received_tz : 0;
    haul_imap_date_write(haul_msg_time(m), tz, item->date, &clamped);
    item->date_s = haul_imap_date_clamp(haul_msg_time(m)) / HAUL_US;
    if (clamped && m->set & HAUL_SET_RECEIVED)
        haul_sink_issue(up->sink, m, HAUL_ISSUE_TARGET_TIME_CLAMPED, "%s", item->date);
    item->utf8 = up->utf8 && haul_msg_needs_utf8(m);
    box->flying++;
    return item;
}

/* It may be there already: from a run that was cut off, or from another tool. */
static haul_rc look_first(haul_upload *up, haul_pending *item, bool *ret_there, haul_err *e)
{
    uint32_t uid = 0;
    haul_wanted w = haul_wanted_of(up, item);
    w.same_date = haul_keeps_dates(up) && !up->config->skip_existing;
    w.to = item->box->n_before;
    haul_rc rc = w.to ? haul_settle_match(up, item->box, &w, &uid, e) : HAUL_OK;
    *ret_there = rc == HAUL_OK && uid;
    if (*ret_there) {
        if (uid < item->box->watermark)
            haul_sink_issue(up->sink, item->msg, HAUL_ISSUE_IMAP_ALREADY_THERE, "UID %u", (unsigned)uid);
        haul_pending_stored(up, item, uid);
    }
    return rc;
}

static haul_rc build(haul_upload *up, haul_pending *item, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    if (up->building && (up->building->box != item->box || item->streamed))
        rc = submit_building(up, e);
    if (!up->building)
        up->building = haul_batch_new(up, item->box);
    haul_err why = {0};
    haul_rc added = haul_batch_add(up->building, item, NULL, rc == HAUL_OK ? e : &why);
    if (added != HAUL_OK) /* its spool cannot be read back: the run ends, and nothing else has the item */
        haul_pending_refused(up, item, rc == HAUL_OK && e ? e->text : why.text);
    if (rc != HAUL_OK || added != HAUL_OK)
        return rc != HAUL_OK ? rc : added;
    return haul_batch_full(up->building) ? submit_building(up, e) : HAUL_OK;
}

static haul_rc refuse_for_box(haul_upload *up, const haul_box *box, const haul_msg *m)
{
    haul_err why = {0};
    haul_fail(&why, HAUL_SKIP, "the server does not take the folder %s: %s", box->name, box->refused);
    up->took = true;
    haul_sink_receipt(up->sink, m, NULL, HAUL_SKIP, &why);
    return HAUL_OK;
}

/* Small messages come faster than there is anything to do: a look at each socket costs as much as a tenth of one. */
static haul_rc work_between(haul_upload *up, haul_err *e)
{
    int64_t now = haul_clock_ms();
    if (now == up->worked_ms && up->building)
        return check_fatal(up, e);
    up->worked_ms = now;
    return haul_upload_work(up, e);
}

static bool holds_twin(const haul_batch *b, const haul_pending *item)
{
    for (size_t i = 0; i < b->n_items; i++)
        if (b->box == item->box && memcmp(b->items[i]->sha256, item->sha256, HAUL_SHA256_LEN) == 0)
            return true;
    return false;
}

static bool twin_flies(const haul_upload *up, const haul_pending *item)
{
    for (const haul_batch *b = up->again; b; b = b->next)
        if (holds_twin(b, item))
            return true;
    for (size_t i = 0; i < up->n_links; i++)
        for (const haul_imap_command *c = up->links[i].session.client.first; c; c = c->next)
            if (c->tagged == haul_batch_answered && holds_twin(c->ctx, item))
                return true;
    return false;
}

/* Where several connections share a folder, a twin waits for its elder: the journal takes a message that it has under
 * another key for one that moved, and would take the elder for the younger after a run that was cut off. */
static haul_rc wait_for_elder(haul_upload *up, const haul_pending *item, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    while (rc == HAUL_OK && !up->plus && up->n_links > 1 && twin_flies(up, item)) {
        rc = haul_links_wait(up, 500, "sending", e);
        if (rc == HAUL_OK)
            rc = haul_upload_work(up, e);
    }
    return rc;
}

haul_rc haul_upload_message(haul_upload *up, haul_box *box, const haul_msg *m, haul_err *e)
{
    bool there = false;
    haul_rc rc = work_between(up, e);
    if (rc == HAUL_OK && !box->refused && !(box->opened && !box->token_clean))
        rc = haul_box_open(up, box, e);
    if (rc == HAUL_OK && box->renumbered)
        return haul_fail(e, HAUL_E_TARGET, "%s was made anew during the run; run the same command again",
                         box->name);
    if (box->refused && (rc == HAUL_OK || rc == HAUL_E_TARGET))
        return refuse_for_box(up, box, m);
    if (rc == HAUL_OK && box->n_expect >= HAUL_AUDIT_MESSAGES)
        rc = haul_audit_box(up, box, e);
    if (rc == HAUL_OK && box->n_unplaced >= UNPLACED_MAX)
        rc = haul_settle_unplaced(up, box, e);
    if (rc != HAUL_OK)
        return rc;
    haul_pending *item = item_new(up, box, m);
    up->took = true;
    rc = look_first(up, item, &there, e);
    if (rc == HAUL_OK && !there)
        rc = wait_for_elder(up, item, e);
    if (rc != HAUL_OK) {
        haul_pending_refused(up, item, e ? e->text : "not sent");
        return rc;
    }
    return there ? HAUL_OK : build(up, item, e);
}

/* ── the end ── */

/* The user stops: what was sent may still be answered; nothing more is sent, nothing is recovered. */
static haul_rc drain_stopping(haul_upload *up, haul_err *e)
{
    int64_t until = haul_clock_ms() + STOP_MS;
    haul_err why = {0};
    while (!all_idle(up) && haul_clock_ms() < until && haul_links_pump(up, &why) == HAUL_OK)
        (void)!haul_links_wait(up, 100, "", NULL);
    (void)e;
    haul_fail(&why, HAUL_E_INTERRUPTED, "interrupted before the server answered; the next run finds out");
    haul_upload_give_up(up, &why);
    return HAUL_OK;
}

haul_rc haul_upload_drain(haul_upload *up, haul_err *e)
{
    if (up->stopping)
        return drain_stopping(up, e);
    haul_rc rc = submit_building(up, e);
    while (rc == HAUL_OK) {
        rc = haul_upload_work(up, e);
        if (rc != HAUL_OK || (all_idle(up) && !up->again && !up->limbo))
            break;
        rc = haul_links_wait(up, 500, "waiting for the server", e);
    }
    return rc == HAUL_OK ? place_all(up, 0, e) : rc;
}

static void give_up_items(haul_upload *up, haul_batch *b, const char *reason)
{
    while (b) {
        haul_batch *next = b->next;
        b->box->unsure = true;
        for (size_t i = 0; i < b->n_items; i++)
            haul_pending_refused(up, b->items[i], reason);
        haul_batch_free(b);
        b = next;
    }
}

void haul_upload_give_up(haul_upload *up, const haul_err *why)
{
    for (size_t i = 0; i < up->n_links; i++)
        if (up->links[i].n_batches)
            haul_link_lose(up, &up->links[i]);
    give_up_items(up, up->building, why->text);
    give_up_items(up, up->again, why->text);
    give_up_items(up, up->limbo, why->text);
    up->building = up->again = up->limbo = NULL;
    up->again_last = &up->again;
    up->limbo_last = &up->limbo;
    for (size_t i = 0; i < up->n_boxes; i++) {
        haul_box *b = up->boxes[i];
        while (b && b->unplaced) {
            haul_pending *item = b->unplaced;
            b->unsure = true;
            b->unplaced = item->next;
            haul_pending_refused(up, item, why->text);
        }
        if (b) {
            b->unplaced_last = &b->unplaced;
            b->n_unplaced = 0;
        }
    }
}
