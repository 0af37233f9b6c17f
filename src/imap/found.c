/* Messages that the server has and that may be ours, and which of them is which [imap-30]. */
#include "imap/fetch.h"
#include "imap/upload.h"

#include "base/time.h"

#include <stdlib.h>
#include <string.h>

#define AHEAD        64u                  /* bodies asked for together … */
#define AHEAD_OCTETS (8u * 1024u * 1024u) /* … of so many octets */
#define FOUND_MAX    50000000u

/* ── what is there ── */

typedef struct listing {
    haul_box *b;
    uint32_t low;
    bool full;
} listing;

static void add_found(listing *y, const haul_fetch *f)
{
    haul_box *b = y->b;
    if (f->uid < y->low || f->uid <= b->found_upto || haul_uids_has(&b->ours, f->uid))
        return;
    if (b->n_found >= FOUND_MAX) {
        y->full = true;
        return;
    }
    if (b->n_found == b->cap_found) {
        b->cap_found = b->cap_found ? b->cap_found * 2 : 64;
        b->found = haul_realloc(b->found, b->cap_found * sizeof(*b->found));
    }
    b->found[b->n_found++] = (haul_found){
        .uid = f->uid, .size = f->size, .date_s = f->date_us / HAUL_US, .flags = haul_fetch_print(f)};
}

static void on_listed(haul_imap_command *c, const haul_imap_reply *r)
{
    haul_fetch f = {0};
    if (r->has_number && haul_fetch_parse(r->rest, &f) && f.has_size)
        add_found(c->ctx, &f);
    haul_fetch_done(&f);
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
    /* A session need not see what came over another one before it has been asked for news, and has answered. */
    haul_rc rc = haul_imap_run(&l->session.client, haul_imap_command_new("NOOP\r\n"), NULL, e);
    if (rc != HAUL_OK)
        return rc;
    haul_imap_command *c =
        haul_imap_command_new("UID FETCH %u:* (UID FLAGS INTERNALDATE RFC822.SIZE)\r\n", (unsigned)from);
    c->data = on_listed;
    c->ctx = &y;
    rc = haul_link_ask(l, c, b->name, e);
    (void)up;
    if (rc != HAUL_OK) {
        b->n_found = before;
        return rc;
    }
    if (b->n_found > before) {
        qsort(b->found + before, b->n_found - before, sizeof(*b->found), by_uid);
        b->found_upto = b->found[b->n_found - 1].uid;
    }
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
    haul_fetch fetch = {0};
    haul_found key = {.uid = haul_fetch_parse(r->rest, &fetch) ? fetch.uid : 0};
    haul_fetch_done(&fetch);
    haul_found *f = bsearch(&key, d->b->found, d->b->n_found, sizeof(key), by_uid);
    if (f && haul_spool_freeze(d->body, NULL) == HAUL_OK) {
        memcpy(f->sha256, haul_spool_get_facts(d->body)->sha256, HAUL_SHA256_LEN);
        f->digested = true;
    }
    haul_spool_reset(d->body);
}

/* Fetch the bodies of the message at `at` and of those behind it that have no digest yet, so many. */
static haul_rc digest_some(haul_link *l, haul_box *b, size_t at, unsigned ahead, haul_err *e)
{
    haul_auto_str set = {0};
    haul_auto(haul_spool) *body = haul_spool_new(true);
    digesting d = {.b = b, .body = body, .client = &l->session.client};
    uint64_t octets = 0;
    unsigned n = 0;
    for (size_t i = at; i < b->n_found && n < ahead && octets < AHEAD_OCTETS; i++) {
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
    haul_rc rc = haul_link_ask(l, c, b->name, e);
    l->session.client.reader.body = NULL;
    if (rc == HAUL_E_TARGET && n > 1) /* which of them is it? */
        return digest_some(l, b, at, 1, e);
    if (rc == HAUL_E_TARGET)
        rc = HAUL_OK;
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
    haul_rc rc = haul_link_ask(l, c, "reading a message", e);
    l->session.client.reader.body = NULL;
    if (rc == HAUL_E_TARGET || (rc == HAUL_OK && !d.done))
        return haul_fail(e, HAUL_SKIP, "no such message");
    if (rc == HAUL_OK)
        rc = haul_spool_freeze(body, e);
    if (rc == HAUL_OK)
        memcpy(ret, haul_spool_get_facts(body)->sha256, HAUL_SHA256_LEN);
    return rc;
}

/* ── which is which ── */

void haul_found_done(haul_box *b)
{
    haul_by_size *x = &b->by_size;
    free(b->found);
    free(x->first);
    free(x->last);
    free(x->next);
    *x = (haul_by_size){0};
    b->found = NULL;
    b->n_found = b->cap_found = b->n_before = 0;
    b->found_upto = 0;
}

static size_t chain_of(const haul_by_size *x, uint64_t size)
{
    return (size_t)(size & (x->cap - 1));
}

/* Bring the chains up to b->n_found. Each is in the order of UIDs. */
static void chain_found(haul_box *b)
{
    haul_by_size *x = &b->by_size;
    if (x->cap != b->cap_found || x->n > b->n_found) {
        x->cap = b->cap_found;
        x->n = 0;
        x->first = haul_realloc(x->first, x->cap * sizeof(*x->first));
        x->last = haul_realloc(x->last, x->cap * sizeof(*x->last));
        x->next = haul_realloc(x->next, x->cap * sizeof(*x->next));
        memset(x->first, 0, x->cap * sizeof(*x->first));
    }
    for (; x->n < b->n_found; x->n++) {
        size_t c = chain_of(x, b->found[x->n].size);
        uint32_t me = (uint32_t)x->n + 1;
        *(x->first[c] ? &x->next[x->last[c] - 1] : &x->first[c]) = me;
        x->last[c] = me;
        x->next[x->n] = 0;
    }
}

/* Twins differ in time and flags only: of several that fit, the one that is alike in these. */
static unsigned likeness(const haul_found *f, const haul_wanted *w)
{
    return (f->date_s == w->date_s ? 2u : 0u) + (f->flags == w->flags ? 1u : 0u);
}

haul_rc haul_found_match(haul_link *l, haul_box *b, const haul_wanted *w, uint32_t *ret_uid, haul_err *e)
{
    haul_found *best = NULL;
    *ret_uid = 0;
    if (!b->n_found)
        return HAUL_OK;
    chain_found(b);
    for (uint32_t at = b->by_size.first[chain_of(&b->by_size, w->size)]; at; at = b->by_size.next[at - 1]) {
        size_t i = at - 1;
        if (w->to && i >= w->to)
            break;
        haul_found *f = &b->found[i];
        if (i < w->from || f->taken || f->size != w->size || (w->same_date && f->date_s != w->date_s))
            continue;
        haul_rc rc = f->digested ? HAUL_OK : l ? digest_some(l, b, i, AHEAD, e) : HAUL_SKIP;
        if (rc != HAUL_OK)
            return rc;
        f = &b->found[i];
        if (f->taken || !f->digested || memcmp(f->sha256, w->sha256, HAUL_SHA256_LEN) != 0)
            continue;
        if (!best || likeness(f, w) > likeness(best, w))
            best = f;
    }
    if (!best)
        return HAUL_OK;
    best->taken = true;
    *ret_uid = best->uid;
    return HAUL_OK;
}
