/* What happens to a message when its outcome is not known [imap-30]. */
#include "imap/fetch.h"
#include "imap/upload.h"

#include "base/time.h"

#include <stdlib.h>
#include <string.h>

#define QUIET_MS     2000u  /* nothing new for so long: nobody is storing any more … */
#define QUIET_MAX_MS 30000u /* … or this, where the server has been slower */
#define QUIET_TIMES  6 /* a folder that others keep filling is never quiet: no longer than so many times */
#define POLL_MS      200

bool haul_keeps_dates(const haul_upload *up)
{
    return up->account.preset != HAUL_IMAP_PRESET_GENERIC;
}

haul_wanted haul_wanted_of(const haul_upload *up, const haul_pending *item)
{
    return (haul_wanted){.size = item->size,
                         .sha256 = item->sha256,
                         .date_s = item->date_s,
                         .flags = haul_flags_print(haul_flags_at(up, item->flags), ' ')};
}

haul_rc haul_settle_match(haul_upload *up, haul_box *b, const haul_wanted *w, uint32_t *ret_uid, haul_err *e)
{
    haul_rc rc = haul_found_match(NULL, b, w, ret_uid, e);
    while (rc == HAUL_SKIP || rc == HAUL_E_NETWORK) { /* a body has to be looked at */
        haul_link *l = NULL;
        haul_err why = {0};
        rc = haul_link_idle(up, b, &l, e);
        if (rc != HAUL_OK)
            return rc;
        rc = haul_box_visit(up, l, b, &why);
        if (rc == HAUL_OK && b->seen_validity && b->seen_validity != b->uidvalidity)
            return haul_fail(e, HAUL_E_TARGET, "%s was made anew during the run; run the same command again",
                             b->name);
        if (rc == HAUL_OK)
            rc = haul_found_match(l, b, w, ret_uid, &why);
        if (rc == HAUL_E_NETWORK) {
            up->last_loss = why;
            haul_link_lose(up, l);
        } else if (rc != HAUL_OK && e) {
            *e = why;
        }
    }
    return rc;
}

/* ── quiet ── */

static void on_count(haul_imap_command *c, const haul_imap_reply *r)
{
    haul_box *b = c->ctx;
    if (r->has_number && haul_span_is(r->rest, "EXISTS"))
        b->n_exists = r->number;
}

static haul_rc poll_once(haul_upload *up, haul_link *l, haul_box *b, haul_err *e)
{
    haul_rc rc = haul_upload_sleep(up, POLL_MS, "waiting for the server to become quiet", e);
    if (rc != HAUL_OK)
        return rc;
    if (!l->session.open) /* it broke while we slept */
        return haul_fail(e, HAUL_E_NETWORK, "%s", up->last_loss.text);
    haul_imap_command *c = haul_imap_command_new("NOOP\r\n");
    c->data = on_count;
    c->ctx = b;
    return haul_link_ask(l, c, b->name, e);
}

haul_rc haul_settle_quiet(haul_upload *up, haul_link *l, haul_box *b, haul_err *e)
{
    int64_t slow = up->latency_ms > up->earlier_ms ? up->latency_ms : up->earlier_ms;
    int64_t wait = slow * 3 > QUIET_MS ? slow * 3 : QUIET_MS;
    int64_t most = (int64_t)up->config->silence_s * 1000 > QUIET_MAX_MS
                       ? (int64_t)up->config->silence_s * 1000
                       : QUIET_MAX_MS;
    int64_t began = haul_clock_ms(), since = began;
    uint64_t last = b->n_exists;
    haul_rc rc = HAUL_OK;
    wait = wait < most ? wait : most;
    for (int64_t now = began; rc == HAUL_OK && now - since < wait && now - began < wait * QUIET_TIMES;
         now = haul_clock_ms()) {
        rc = poll_once(up, l, b, e);
        if (b->n_exists != last) {
            last = b->n_exists;
            since = haul_clock_ms();
        }
    }
    return rc;
}

static haul_rc wait_for_others(haul_upload *up, haul_err *e)
{
    for (;;) {
        bool busy = false;
        for (size_t i = 0; i < up->n_links; i++)
            busy |= up->links[i].n_batches > 0;
        if (!busy)
            return HAUL_OK;
        haul_rc rc = haul_links_wait(up, 500, "waiting for the server", e);
        if (rc == HAUL_OK)
            rc = haul_links_pump(up, e);
        if (rc != HAUL_OK)
            return rc;
    }
}

/* ── servers without UIDPLUS ── */

/* In the common case the new messages are ours, in the order of sending: sizes tell. */
static bool same_order(const haul_box *b, size_t from)
{
    const haul_pending *item = b->unplaced;
    size_t i = from;
    while (item && i < b->n_found && b->found[i].size == item->size && b->found[i].date_s == item->date_s) {
        item = item->next;
        i++;
    }
    return !item && i == b->n_found;
}

/* What came last has the first claim: what was there before may be of an earlier run, and another message's. But a twin
 * with another date is the last choice. */
static haul_rc match_placed(haul_upload *up, haul_link *l, const haul_pending *item, size_t from,
                            uint32_t *ret_uid, haul_err *e)
{
    haul_wanted w = haul_wanted_of(up, item);
    haul_rc rc = HAUL_OK;
    *ret_uid = 0;
    for (unsigned i = 0; rc == HAUL_OK && !*ret_uid && i < 4; i++) {
        w.from = i & 1u ? 0 : from;
        w.same_date = i < 2;
        rc = haul_found_match(l, item->box, &w, ret_uid, e);
    }
    return rc;
}

static haul_rc place_on(haul_upload *up, haul_link *l, haul_box *b, haul_err *e)
{
    size_t from = b->n_found;
    haul_rc rc = l->selected == b ? HAUL_OK : haul_box_select(up, l, b, e);
    if (rc == HAUL_OK)
        rc = haul_settle_list(up, l, b, b->watermark, e);
    bool in_order = rc == HAUL_OK && up->plus && same_order(b, from); /* else several connections fill it */
    while (rc == HAUL_OK && b->unplaced) {
        haul_pending *item = b->unplaced;
        uint32_t uid = 0;
        if (in_order) {
            b->found[from].taken = true;
            uid = b->found[from++].uid;
        } else {
            rc = match_placed(up, l, item, from, &uid, e);
        }
        if (rc != HAUL_OK)
            break;
        b->unplaced = item->next;
        b->n_unplaced--;
        if (uid)
            haul_pending_stored(up, item, uid);
        else
            haul_pending_refused(
                up, item, "the server said it was stored, but it is not in the folder, or was changed");
    }
    if (!b->unplaced)
        b->unplaced_last = &b->unplaced;
    return rc;
}

/* ── limbo ── */

/* Messages of the batch that are there get their receipts; what is left of it is sent again. */
static haul_rc settle_batch(haul_upload *up, haul_link *l, haul_batch *b, bool same_date, haul_err *e)
{
    size_t left = 0;
    haul_rc rc = HAUL_OK;
    b->settled = b->settled ? b->settled : b->n_items; /* what its text has; this may be the second attempt */
    for (size_t i = 0; i < b->n_items; i++) {
        haul_pending *item = b->items[i];
        haul_wanted w = haul_wanted_of(up, item);
        uint32_t uid = 0;
        w.same_date = same_date;
        if (rc == HAUL_OK)
            rc = haul_found_match(l, b->box, &w, &uid, e);
        if (rc == HAUL_OK && uid)
            haul_pending_stored(up, item, uid);
        else
            b->items[left++] = item;
    }
    b->n_items = left;
    return rc;
}

/* Twins first go to those that are alike in date, too; then to whoever is left: not every server keeps dates. */
static haul_rc settle_batches(haul_upload *up, haul_link *l, haul_box *b, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    for (int pass = 0; pass < 2; pass++)
        for (haul_batch *one = up->limbo; rc == HAUL_OK && one; one = one->next)
            if (one->box == b)
                rc = settle_batch(up, l, one, pass == 0, e);
    return rc;
}

static void send_singly(haul_upload *up, haul_batch *b, bool alone)
{
    for (size_t i = 0; i < b->n_items; i++) {
        haul_batch *one = haul_batch_single(b, i);
        one->alone |= alone;
        haul_upload_again(up, one);
    }
    haul_batch_free(b);
}

/* What is left of a settled batch. The one that the server was reading when it went away is taken apart. */
static void send_rest(haul_upload *up, haul_batch *b)
{
    haul_batch *half[2];
    if (!b->n_items) {
        haul_batch_free(b);
    } else if (b->suspect && b->n_items == 1 && b->items[0]->lost >= HAUL_LOST_MAX) {
        haul_auto_str reason = {0};
        haul_str_addf(&reason, "the connection broke %u times while this message was sent: %s",
                      b->items[0]->lost, up->last_loss.text);
        haul_pending_refused(up, b->items[0], reason.p);
        haul_batch_free(b);
        up->failures = ++up->lost_row < HAUL_LOST_ROW ? 0 : HAUL_FAILURES_MAX;
    } else if (b->settled != b->n_items) { /* its text no longer fits */
        send_singly(up, b, false);
    } else if (b->suspect && b->alone &&
               b->n_items > 1) { /* again: a round trip each is less than more breaks */
        send_singly(up, b, true);
    } else if (b->suspect && b->n_items > 1) {
        haul_batch_halve(b, true, half);
        haul_upload_again(up, half[0]);
        haul_upload_again(up, half[1]);
    } else {
        b->alone |= b->suspect;
        b->suspect = false;
        haul_upload_again(up, b);
    }
}

/* Every batch of one box. */
static haul_rc settle_box(haul_upload *up, haul_link *l, haul_box *b, haul_err *e)
{
    haul_rc rc = haul_box_select(up, l, b, e);
    if (rc == HAUL_OK && b->seen_validity != b->uidvalidity)
        rc = haul_settle_renumbered(up, l, b, e);
    if (rc == HAUL_OK)
        rc = haul_settle_quiet(up, l, b, e);
    if (rc == HAUL_OK && b->unplaced) /* those that were answered have the first claim */
        rc = place_on(up, l, b, e);
    if (rc == HAUL_OK)
        rc = haul_settle_list(up, l, b, b->watermark, e);
    if (rc == HAUL_OK)
        rc = settle_batches(up, l, b, e);
    for (haul_batch **at = &up->limbo; rc == HAUL_OK && *at;) {
        haul_batch *one = *at;
        if (one->box != b) {
            at = &one->next;
            continue;
        }
        *at = one->next;
        send_rest(up, one);
    }
    up->limbo_last = &up->limbo;
    while (*up->limbo_last)
        up->limbo_last = &(*up->limbo_last)->next;
    return rc;
}

haul_rc haul_settle_limbo(haul_upload *up, haul_err *e)
{
    while (up->limbo) {
        haul_link *l = NULL;
        haul_err why = {0};
        haul_rc rc = wait_for_others(up, e);
        if (rc == HAUL_OK)
            rc = haul_link_idle(up, up->limbo->box, &l, e);
        if (rc != HAUL_OK)
            return rc;
        rc = settle_box(up, l, up->limbo->box, &why);
        if (rc == HAUL_E_NETWORK) {
            up->last_loss = why;
            haul_link_lose(up, l);
        } else if (rc != HAUL_OK) {
            if (e)
                *e = why;
            return rc;
        }
    }
    return HAUL_OK;
}

haul_rc haul_settle_unplaced(haul_upload *up, haul_box *b, haul_err *e)
{
    while (b->unplaced) {
        haul_link *l = NULL;
        haul_err why = {0};
        haul_rc rc = wait_for_others(up, e); /* what is new there then is what was answered */
        if (rc == HAUL_OK)
            rc = haul_link_idle(up, b, &l, e);
        if (rc != HAUL_OK)
            return rc;
        rc = place_on(up, l, b, &why);
        if (rc == HAUL_E_NETWORK) {
            up->last_loss = why;
            haul_link_lose(up, l);
        } else if (rc != HAUL_OK) {
            if (e)
                *e = why;
            return rc;
        }
    }
    return HAUL_OK;
}

/* ── a folder with a new UIDVALIDITY ── */

typedef struct renumber {
    haul_upload *up;
    haul_link *l;
    haul_box *b;
    haul_str place;
    haul_rc rc;
    haul_err *e;
    uint64_t gone;
} renumber;

static const char *find_recorded(void *ctx, const haul_stored *s)
{
    renumber *n = ctx;
    uint32_t uid = 0;
    haul_wanted w = {
        .size = s->size, .sha256 = s->sha256, .date_s = haul_imap_date_clamp(s->received_us) / HAUL_US};
    if (n->rc == HAUL_OK && s->size)
        n->rc = haul_found_match(n->l, n->b, &w, &uid, n->e);
    if (n->rc != HAUL_OK)
        return s->place; /* the walk ends in a failure, and nothing of it is kept */
    if (!uid) {
        n->gone++;
        return NULL;
    }
    haul_uids_add(&n->b->ours, uid, uid);
    haul_str_clear(&n->place);
    haul_str_addf(&n->place, "%s/;UID=%u", n->b->text, (unsigned)uid);
    return n->place.p;
}

haul_rc haul_settle_renumbered(haul_upload *up, haul_link *l, haul_box *b, haul_err *e)
{
    renumber n = {.up = up, .l = l, .b = b, .e = e};
    haul_uids_done(&b->ours);
    haul_found_done(b);
    b->n_expect = 0;
    haul_sink_issue(up->sink, NULL, HAUL_ISSUE_IMAP_RENUMBERED, "%s: UIDVALIDITY was %u, is %u", b->name,
                    (unsigned)b->uidvalidity, (unsigned)b->seen_validity);
    haul_rc rc = haul_settle_quiet(up, l, b, e);
    if (rc == HAUL_OK)
        rc = haul_settle_list(up, l, b, 1, e);
    if (rc == HAUL_OK)
        rc = up->sink->recorded(up->sink->ctx, b->text, find_recorded, &n, e);
    if (rc == HAUL_OK)
        rc = n.rc;
    haul_str_done(&n.place);
    if (rc != HAUL_OK)
        return rc;
    b->uidvalidity = b->seen_validity;
    b->watermark = 1;
    b->renumbered = false;
    b->ours_changed = true;
    if (n.gone)
        haul_sink_issue(up->sink, NULL, HAUL_ISSUE_IMAP_GONE, "%s: %llu", b->name,
                        (unsigned long long)n.gone);
    b->audited = false;
    return haul_audit_recall(up, b, e);
}
