/* What the server has of what was sent [imap-30]. */
#include "imap/upload.h"

#include <stdlib.h>
#include <string.h>

#define QUIET_MS     2000u  /* nothing new for so long: nobody is storing any more … */
#define QUIET_MAX_MS 30000u /* … or this, where the server has been slower */
#define POLL_MS      200
#define AHEAD        64u                  /* bodies asked for together … */
#define AHEAD_OCTETS (8u * 1024u * 1024u) /* … of so many octets */
#define FOUND_MAX    50000000u

/* ── what is there ── */

typedef struct listing {
    haul_box *b;
    uint32_t low;
    bool full;
} listing;

static void add_found(listing *y, uint32_t uid, uint64_t size)
{
    haul_box *b = y->b;
    if (!uid || uid < y->low || uid <= b->found_upto || haul_uids_has(&b->ours, uid))
        return;
    if (b->n_found >= FOUND_MAX) {
        y->full = true;
        return;
    }
    if (b->n_found == b->cap_found) {
        b->cap_found = b->cap_found ? b->cap_found * 2 : 64;
        b->found = haul_realloc(b->found, b->cap_found * sizeof(*b->found));
    }
    b->found[b->n_found++] = (haul_found){.uid = uid, .size = size};
}

/* "FETCH (UID 12 RFC822.SIZE 345)", in any order; what else comes is passed over. */
static bool fetch_numbers(haul_span rest, uint32_t *ret_uid, uint64_t *ret_size)
{
    haul_imap_tokens t = {0};
    bool has_uid = false, has_size = false;
    uint64_t n = 0;
    haul_imap_tokens_init(&t, rest);
    haul_imap_step(&t);
    bool fetch = haul_imap_token_is(&t, "FETCH") && haul_imap_step(&t) == HAUL_IMAP_OPEN;
    while (fetch && haul_imap_step(&t) == HAUL_IMAP_ATOM) {
        bool uid = haul_imap_token_is(&t, "UID"), size = haul_imap_token_is(&t, "RFC822.SIZE");
        if (!uid && !size) {
            if (!haul_imap_pass(&t))
                break;
            continue;
        }
        if (!haul_imap_step_number(&t, &n))
            break;
        if (uid && n <= HAUL_IMAP_UID_MAX) {
            *ret_uid = (uint32_t)n;
            has_uid = n > 0;
        } else if (size) {
            *ret_size = n;
            has_size = true;
        }
    }
    haul_imap_tokens_done(&t);
    return has_uid && has_size;
}

static void on_size(haul_imap_command *c, const haul_imap_reply *r)
{
    uint32_t uid = 0;
    uint64_t size = 0;
    if (r->has_number && fetch_numbers(r->rest, &uid, &size))
        add_found(c->ctx, uid, size);
}

static int by_uid(const void *a, const void *b)
{
    const haul_found *x = a, *y = b;
    return (x->uid > y->uid) - (x->uid < y->uid);
}

haul_rc haul_settle_list(haul_upload *up, haul_link *l, haul_box *b, uint32_t low, haul_err *e)
{
    listing y = {.b = b, .low = low};
    size_t before = b->n_found;
    uint32_t from = b->found_upto >= low ? b->found_upto + 1 : low;
    haul_imap_command *c = haul_imap_command_new("UID FETCH %u:* (UID RFC822.SIZE)\r\n", (unsigned)from);
    c->data = on_size;
    c->ctx = &y;
    haul_rc rc = haul_imap_run(&l->session.client, c, NULL, e);
    (void)up;
    if (rc != HAUL_OK) {
        b->n_found = before;
        return rc;
    }
    qsort(b->found + before, b->n_found - before, sizeof(*b->found), by_uid);
    if (b->n_found > before)
        b->found_upto = b->found[b->n_found - 1].uid;
    return y.full ? haul_fail(e, HAUL_E_LIMIT, "%s has too many messages to look through", b->name) : HAUL_OK;
}

/* ── digests ── */

typedef struct digesting {
    haul_box *b;
    haul_spool *body;
    haul_imap_client *client;
} digesting;

static void on_body(haul_imap_command *c, const haul_imap_reply *r)
{
    digesting *d = c->ctx;
    if (!r->has_number || !d->client->reader.has_body)
        return;
    haul_found key = {.uid = haul_imap_fetch_uid(r->rest)};
    haul_found *f = bsearch(&key, d->b->found, d->b->n_found, sizeof(key), by_uid);
    if (f && haul_spool_freeze(d->body, NULL) == HAUL_OK) {
        memcpy(f->sha256, haul_spool_get_facts(d->body)->sha256, HAUL_SHA256_LEN);
        f->digested = true;
    }
    haul_spool_reset(d->body);
}

/* Fetch the bodies of the message at `at` and of those behind it that have no digest yet. */
static haul_rc digest_some(haul_link *l, haul_box *b, size_t at, haul_err *e)
{
    haul_auto_str set = {0};
    haul_auto(haul_spool) *body = haul_spool_new(true);
    digesting d = {.b = b, .body = body, .client = &l->session.client};
    uint64_t octets = 0;
    unsigned n = 0;
    for (size_t i = at; i < b->n_found && n < AHEAD && octets < AHEAD_OCTETS; i++) {
        if (b->found[i].digested || b->found[i].taken)
            continue;
        haul_str_addf(&set, "%s%u", n++ ? "," : "", (unsigned)b->found[i].uid);
        octets += b->found[i].size;
    }
    haul_imap_command *c = haul_imap_command_new("UID FETCH ");
    haul_str_addf(&c->text, "%s (UID BODY.PEEK[])\r\n", set.p);
    c->data = on_body;
    c->ctx = &d;
    l->session.client.reader.body = haul_spool_out(body);
    haul_rc rc = haul_imap_run(&l->session.client, c, NULL, e);
    l->session.client.reader.body = NULL;
    if (rc == HAUL_OK && !b->found[at].digested) /* it was expunged meanwhile, or the server gives no body */
        b->found[at].taken = true;
    return rc;
}

typedef struct one_digest {
    haul_spool *body;
    haul_imap_client *client;
    bool done;
} one_digest;

static void on_one(haul_imap_command *c, const haul_imap_reply *r)
{
    one_digest *d = c->ctx;
    d->done |= r->has_number && d->client->reader.has_body;
}

haul_rc haul_settle_digest(haul_link *l, uint32_t uid, uint8_t ret[HAUL_SHA256_LEN], haul_err *e)
{
    haul_auto(haul_spool) *body = haul_spool_new(true);
    one_digest d = {.body = body, .client = &l->session.client};
    haul_imap_command *c = haul_imap_command_new("UID FETCH %u (UID BODY.PEEK[])\r\n", (unsigned)uid);
    c->data = on_one;
    c->ctx = &d;
    l->session.client.reader.body = haul_spool_out(body);
    haul_rc rc = haul_imap_run(&l->session.client, c, NULL, e);
    l->session.client.reader.body = NULL;
    if (rc == HAUL_OK && !d.done)
        return haul_fail(e, HAUL_SKIP, "no such message");
    if (rc == HAUL_OK)
        rc = haul_spool_freeze(body, e);
    if (rc == HAUL_OK)
        memcpy(ret, haul_spool_get_facts(body)->sha256, HAUL_SHA256_LEN);
    return rc;
}

static haul_rc match_on(haul_link *l, haul_box *b, uint64_t size, const uint8_t *sha256, uint32_t *ret_uid,
                        haul_err *e)
{
    for (size_t i = 0; i < b->n_found; i++) {
        haul_found *f = &b->found[i];
        if (f->taken || f->size != size)
            continue;
        haul_rc rc = f->digested ? HAUL_OK : l ? digest_some(l, b, i, e) : HAUL_SKIP;
        if (rc != HAUL_OK)
            return rc;
        if (f->digested && memcmp(f->sha256, sha256, HAUL_SHA256_LEN) == 0) {
            f->taken = true;
            *ret_uid = f->uid;
            return HAUL_OK;
        }
    }
    *ret_uid = 0;
    return HAUL_OK;
}

haul_rc haul_settle_match(haul_upload *up, haul_box *b, uint64_t size, const uint8_t *sha256,
                          uint32_t *ret_uid, haul_err *e)
{
    haul_rc rc = match_on(NULL, b, size, sha256, ret_uid, e);
    while (rc == HAUL_SKIP || rc == HAUL_E_NETWORK) { /* a body has to be looked at */
        haul_link *l = NULL;
        haul_err why = {0};
        rc = haul_link_idle(up, b, &l, e);
        if (rc != HAUL_OK)
            return rc;
        rc = l->selected == b ? HAUL_OK : haul_box_select(up, l, b, &why);
        if (rc == HAUL_OK && b->seen_validity && b->seen_validity != b->uidvalidity)
            return haul_fail(e, HAUL_E_TARGET, "%s was made anew during the run; run the same command again",
                             b->name);
        if (rc == HAUL_OK)
            rc = match_on(l, b, size, sha256, ret_uid, &why);
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
    return haul_imap_run(&l->session.client, c, NULL, e);
}

haul_rc haul_settle_quiet(haul_upload *up, haul_link *l, haul_box *b, haul_err *e)
{
    int64_t wait = up->latency_ms * 3 > QUIET_MS ? up->latency_ms * 3 : QUIET_MS;
    int64_t since = haul_clock_ms();
    uint64_t last = b->n_exists;
    haul_rc rc = HAUL_OK;
    wait = wait < QUIET_MAX_MS ? wait : QUIET_MAX_MS;
    while (rc == HAUL_OK && haul_clock_ms() - since < wait) {
        rc = poll_once(up, l, b, e);
        if (b->n_exists != last) {
            last = b->n_exists;
            since = haul_clock_ms();
        }
    }
    return rc;
}

/* ── servers without UIDPLUS ── */

/* In the common case the new messages are ours, in the order of sending: sizes tell. */
static bool same_order(const haul_box *b, size_t from)
{
    const haul_pending *item = b->unplaced;
    size_t i = from;
    for (; item && i < b->n_found && b->found[i].size == item->size; item = item->next)
        i++;
    return !item && i == b->n_found;
}

static haul_rc place_on(haul_upload *up, haul_link *l, haul_box *b, haul_err *e)
{
    size_t from = b->n_found;
    haul_rc rc = l->selected == b ? HAUL_OK : haul_box_select(up, l, b, e);
    if (rc == HAUL_OK)
        rc = haul_settle_list(up, l, b, b->watermark, e);
    bool in_order = rc == HAUL_OK && same_order(b, from);
    while (rc == HAUL_OK && b->unplaced) {
        haul_pending *item = b->unplaced;
        uint32_t uid = 0;
        if (in_order) {
            b->found[from].taken = true;
            uid = b->found[from++].uid;
        } else {
            rc = match_on(l, b, item->size, item->sha256, &uid, e);
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
static haul_rc settle_batch(haul_upload *up, haul_link *l, haul_batch *b, haul_err *e)
{
    size_t left = 0;
    haul_rc rc = HAUL_OK;
    for (size_t i = 0; i < b->n_items; i++) {
        haul_pending *item = b->items[i];
        uint32_t uid = 0;
        if (rc == HAUL_OK)
            rc = match_on(l, b->box, item->size, item->sha256, &uid, e);
        if (rc == HAUL_OK && uid)
            haul_pending_stored(up, item, uid);
        else
            b->items[left++] = item;
    }
    b->settled = b->settled ? b->settled : b->n_items; /* what its text has; this may be the second attempt */
    b->n_items = left;
    return rc;
}

static void send_singly(haul_upload *up, haul_batch *b, bool alone)
{
    for (size_t i = 0; i < b->n_items; i++) {
        haul_batch *one = haul_batch_single(b, i);
        one->alone = alone;
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
    } else if (b->settled != b->n_items) { /* its text no longer fits */
        send_singly(up, b, false);
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
    for (haul_batch **at = &up->limbo; rc == HAUL_OK && *at;) {
        haul_batch *one = *at;
        if (one->box != b) {
            at = &one->next;
            continue;
        }
        rc = settle_batch(up, l, one, e);
        if (rc != HAUL_OK)
            break;
        *at = one->next;
        send_rest(up, one);
    }
    up->limbo_last = &up->limbo;
    while (*up->limbo_last)
        up->limbo_last = &(*up->limbo_last)->next;
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
        haul_rc rc = haul_link_idle(up, b, &l, e);
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
    if (n->rc == HAUL_OK && s->size)
        n->rc = match_on(n->l, n->b, s->size, s->sha256, &uid, n->e);
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
    b->n_found = b->n_expect = 0;
    b->found_upto = 0;
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
    return HAUL_OK;
}
