/* What became of what was stored: the server is asked again, and nothing it did is passed over in silence. */
#include "imap/fetch.h"
#include "imap/upload.h"

#include "base/time.h"

#include <stdlib.h>
#include <string.h>

#define SET_OCTETS                                                                                           \
    4000u /* of a set in one FETCH, and of one that goes into a SEARCH: a longer one is left out there */
#define SET_RANGES 180u /* "4294967294:4294967295," is the longest */

typedef struct audit {
    haul_upload *up;
    haul_box *b;
    haul_link *link;
    haul_imap_client *client;
    uint8_t *met; /* a bit an expected message */
} audit;

static int by_uid(const void *a, const void *b)
{
    const haul_expect *x = a, *y = b;
    return (x->uid > y->uid) - (x->uid < y->uid);
}

/* Flags that were sent and are not there. */
static void missing_flags(const haul_upload *up, const haul_expect *x, const haul_fetch *s, haul_str *to)
{
    for (const char *p = haul_flags_at(up, x->flags); *p;) {
        size_t n = strcspn(p, " ");
        if (!haul_fetch_has(s, p, n))
            haul_str_addf(to, "%s%.*s", to->len ? " " : "", (int)n, p);
        p += n + (p[n] == ' ');
    }
}

static void on_set_again(haul_imap_command *c, const haul_imap_reply *r)
{
    haul_upload *up = c->ctx;
    const char *at = strstr(haul_strz(&c->text), "UID "); /* behind the tag */
    int n = at ? (int)strcspn(at, "\r") : 0;
    if (r->kind != HAUL_IMAP_OK)
        haul_sink_issue(up->sink, NULL, HAUL_ISSUE_IMAP_FLAGS_LOST,
                        "not set again: %.*s: the server said: %.*s", n, at ? at : "", (int)r->rest.len,
                        r->rest.p);
}

/* A change goes to the item's folder as a notice: its receipt is out already. */
static void compare(audit *a, const haul_expect *x, const haul_fetch *s)
{
    haul_sink *sink = a->up->sink;
    haul_auto_str missing = {0};
    char was[HAUL_ISO_LEN], is[HAUL_ISO_LEN];
    if (s->has_size && x->size && s->size != x->size) {
        haul_sink_issue(sink, NULL, HAUL_ISSUE_IMAP_CHANGED, "%s/;UID=%u: %llu octets were sent, it has %llu",
                        a->b->text, (unsigned)x->uid, (unsigned long long)x->size,
                        (unsigned long long)s->size);
    }
    if (s->has_date && x->date_s != HAUL_DATE_UNKNOWN && s->date_us / HAUL_US != x->date_s) {
        haul_iso_format(was, x->date_s * HAUL_US);
        haul_iso_format(is, s->date_us);
        haul_sink_issue(sink, NULL, HAUL_ISSUE_IMAP_DATE_CHANGED, "%s/;UID=%u: %s became %s", a->b->text,
                        (unsigned)x->uid, was, is);
    }
    if (s->has_flags)
        missing_flags(a->up, x, s, &missing);
    if (missing.len) {
        haul_sink_issue(sink, NULL, HAUL_ISSUE_IMAP_FLAGS_LOST, "%s/;UID=%u: %s", a->b->text,
                        (unsigned)x->uid, missing.p);
        haul_imap_command *c = haul_imap_command_new("UID STORE %u +FLAGS.SILENT (", (unsigned)x->uid);
        haul_str_addf(&c->text, "%s)\r\n", missing.p);
        c->tagged = on_set_again;
        c->ctx = a->up;
        haul_imap_queue(a->client, c);
    }
}

static void on_message(haul_imap_command *c, const haul_imap_reply *r)
{
    audit *a = c->ctx;
    haul_fetch s = {0};
    if (r->has_number && haul_fetch_parse(r->rest, &s)) {
        haul_expect key = {.uid = s.uid};
        haul_expect *x = bsearch(&key, a->b->expect, a->b->n_expect, sizeof(key), by_uid);
        size_t i = x ? (size_t)(x - a->b->expect) : 0;
        if (x && !(a->met[i / 8] >> (i % 8) & 1)) {
            a->met[i / 8] |= (uint8_t)(1u << (i % 8));
            compare(a, x, &s);
        }
    }
    haul_fetch_done(&s);
}

/* Expected messages from `from` on whose UIDs make a set of a bounded length: all, where they are in a row. A question
 * costs a round trip. */
static haul_rc fetch_row(audit *a, size_t from, size_t *ret_to, haul_err *e)
{
    haul_uids set = {0};
    size_t i = from;
    for (; i < a->b->n_expect && set.n < SET_RANGES; i++)
        haul_uids_add(&set, a->b->expect[i].uid, a->b->expect[i].uid);
    haul_imap_command *c = haul_imap_command_new("UID FETCH ");
    haul_uids_write(&set, &c->text);
    haul_str_addz(&c->text, " (UID FLAGS INTERNALDATE RFC822.SIZE)\r\n");
    c->data = on_message;
    c->ctx = a;
    haul_uids_done(&set);
    *ret_to = i;
    return haul_link_ask(a->link, c, a->b->name, e);
}

/* ── what is no longer there ── */

static bool uid_of(const char *place, uint32_t *ret)
{
    const char *at = strrchr(place, '=');
    uint64_t uid = 0;
    bool good = at && haul_parse_u64(at + 1, strlen(at + 1), &uid) && uid && uid <= HAUL_IMAP_UID_MAX;
    *ret = good ? (uint32_t)uid : 0;
    return good;
}

static const char *forget_gone(void *ctx, const haul_stored *s)
{
    const audit *a = ctx;
    haul_expect key = {0};
    if (!uid_of(s->place, &key.uid))
        return s->place;
    const haul_expect *x = bsearch(&key, a->b->expect, a->b->n_expect, sizeof(key), by_uid);
    size_t i = x ? (size_t)(x - a->b->expect) : 0;
    return x && !(a->met[i / 8] >> (i % 8) & 1) ? NULL : s->place;
}

static haul_rc check_gone(audit *a, haul_err *e)
{
    haul_box *b = a->b;
    uint64_t gone = 0;
    for (size_t i = 0; i < b->n_expect; i++)
        if (!(a->met[i / 8] >> (i % 8) & 1)) {
            haul_uids_remove(&b->ours, b->expect[i].uid);
            b->ours_changed = true;
            gone++;
        }
    if (!gone)
        return HAUL_OK;
    haul_sink_issue(a->up->sink, NULL, HAUL_ISSUE_IMAP_GONE, "%s: %llu", b->name, (unsigned long long)gone);
    return a->up->sink->recorded(a->up->sink->ctx, b->text, forget_gone, a, e);
}

/* ── copies that nobody sent ── */

typedef struct stranger { /* a message since the watermark that is not known as ours */
    haul_found *f;
    bool alike, copy; /* as large as one of ours and of its time; with its digest, too */
    bool recorded;    /* it is ours */
} stranger;

typedef struct strangers { /* by size */
    stranger *v;
    size_t n;
    bool by_digest;
} strangers;

static int by_size(const void *a, const void *b)
{
    const stranger *x = a, *y = b;
    return (x->f->size > y->f->size) - (x->f->size < y->f->size);
}

static size_t first_of_size(const strangers *s, uint64_t size)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->v[mid].f->size < size)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The server keeps the time when it makes a copy; what another client delivers again has a time of its own. */
static const char *compare_recorded(void *ctx, const haul_stored *r)
{
    strangers *s = ctx;
    int64_t date_s = haul_imap_date_clamp(r->received_us) / HAUL_US;
    uint32_t uid;
    (void)uid_of(r->place, &uid);
    for (size_t i = first_of_size(s, r->size); r->size && i < s->n && s->v[i].f->size == r->size; i++) {
        stranger *one = &s->v[i];
        one->recorded |= one->f->uid == uid;
        if (r->has_received && one->f->date_s != date_s)
            continue;
        if (!s->by_digest)
            one->alike = true;
        else if (one->f->digested && memcmp(one->f->sha256, r->sha256, HAUL_SHA256_LEN) == 0)
            one->copy = true;
    }
    return r->place;
}

/* Only those that may be copies are read. */
static haul_rc find_copies(audit *a, strangers *s, haul_err *e)
{
    haul_sink *sink = a->up->sink;
    qsort(s->v, s->n, sizeof(*s->v), by_size);
    haul_rc rc = sink->recorded(sink->ctx, a->b->text, compare_recorded, s, e);
    for (size_t i = 0; rc == HAUL_OK && i < s->n; i++) {
        haul_found *f = s->v[i].f;
        if (!s->v[i].alike || f->digested)
            continue;
        rc = haul_settle_digest(a->link, f->uid, f->sha256, e);
        f->digested = rc == HAUL_OK;
        rc = rc == HAUL_SKIP ? HAUL_OK : rc;
    }
    s->by_digest = true;
    return rc == HAUL_OK ? sink->recorded(sink->ctx, a->b->text, compare_recorded, s, e) : rc;
}

static haul_rc remove_copy(audit *a, uint32_t uid, haul_err *e)
{
    haul_imap_command *c = haul_imap_command_new("UID STORE %u +FLAGS.SILENT (\\Deleted)\r\n", (unsigned)uid);
    haul_rc rc = haul_link_ask(a->link, c, a->b->name, e);
    if (rc == HAUL_OK)
        rc =
            haul_link_ask(a->link, haul_imap_command_new("UID EXPUNGE %u\r\n", (unsigned)uid), a->b->name, e);
    return rc;
}

static haul_rc report_copy(audit *a, haul_found *f, haul_err *e)
{
    bool remove = a->up->config->remove_copies && a->up->uidplus;
    haul_err why = {0};
    haul_rc rc = remove ? remove_copy(a, f->uid, &why) : HAUL_OK;
    if (rc != HAUL_OK && rc != HAUL_E_TARGET) {
        if (e)
            *e = why;
        return rc;
    }
    f->taken = true; /* said */
    haul_sink_issue(a->up->sink, NULL, HAUL_ISSUE_IMAP_COPY, "%s/;UID=%u%s%s", a->b->text, (unsigned)f->uid,
                    remove && rc == HAUL_OK ? ", removed" : "", rc != HAUL_OK ? why.text : "");
    return HAUL_OK;
}

typedef struct others { /* messages that came since the watermark and are not ours */
    const haul_box *b;
    uint64_t n;
} others;

static void on_other(haul_imap_command *c, const haul_imap_reply *r)
{
    others *o = c->ctx;
    haul_imap_tokens t = {0};
    uint64_t uid = 0;
    haul_imap_tokens_init(&t, r->rest);
    haul_imap_step(&t);
    if (haul_imap_token_is(&t, "SEARCH"))
        while (haul_imap_step_number(&t, &uid))
            o->n += uid >= o->b->watermark && uid <= HAUL_IMAP_UID_MAX &&
                    !haul_uids_has(&o->b->ours, (uint32_t)uid);
    haul_imap_tokens_done(&t);
}

static haul_rc check_copies(audit *a, haul_link *l, haul_err *e)
{
    haul_box *b = a->b;
    others o = {.b = b};
    haul_auto_str ours = {0};
    haul_uids_write(&b->ours, &ours);
    haul_imap_command *c = haul_imap_command_new("UID SEARCH UID %u:*", (unsigned)b->watermark);
    if (ours.len && ours.len < SET_OCTETS)
        haul_str_addf(&c->text, " NOT UID %s", ours.p);
    haul_str_addz(&c->text, "\r\n");
    c->data = on_other;
    c->ctx = &o;
    haul_rc rc = haul_link_ask(l, c, b->name, e);
    if (rc != HAUL_OK || !o.n)
        return rc;
    rc = haul_settle_list(a->up, l, b, b->watermark, e);
    strangers s = {.v = haul_calloc(b->n_found + 1, sizeof(stranger))};
    for (size_t i = 0; rc == HAUL_OK && i < b->n_found; i++) {
        haul_found *f = &b->found[i];
        if (f->uid >= b->watermark && !f->taken && !haul_uids_has(&b->ours, f->uid))
            s.v[s.n++].f = f;
    }
    if (rc == HAUL_OK && s.n)
        rc = find_copies(a, &s, e);
    for (size_t i = 0; rc == HAUL_OK && i < s.n; i++)
        if (s.v[i].copy && !s.v[i].recorded)
            rc = report_copy(a, s.v[i].f, e);
    free(s.v);
    return rc;
}

/* ── what an earlier run stored, and did not look at again ── */

typedef struct recalling {
    haul_upload *up;
    haul_box *b;
} recalling;

/* A record may be newer than the folder's token: it was made durable together with another folder's. */
static const char *recall(void *ctx, const haul_stored *s)
{
    recalling *y = ctx;
    uint32_t uid;
    if (!uid_of(s->place, &uid))
        return s->place;
    haul_uids_add(&y->b->ours, uid, uid);
    if (uid >= y->b->watermark)
        *haul_box_expect(y->b) = (haul_expect){
            .uid = uid,
            .flags = haul_box_flags_of(y->up, y->b, s->flags),
            .date_s = s->has_received ? haul_imap_date_clamp(s->received_us) / HAUL_US : HAUL_DATE_UNKNOWN,
            .size = s->size};
    return s->place;
}

haul_rc haul_audit_recall(haul_upload *up, haul_box *b, haul_err *e)
{
    recalling y = {.up = up, .b = b};
    b->n_expect = 0;
    return up->sink->recorded(up->sink->ctx, b->text, recall, &y, e);
}

/* ── a box ── */

static haul_rc audit_on(haul_upload *up, haul_link *l, haul_box *b, haul_err *e)
{
    audit a = {.up = up, .b = b, .link = l, .client = &l->session.client};
    haul_rc rc =
        haul_box_select(up, l, b, e); /* anew: what happened to the folder shows in its UIDVALIDITY */
    if (rc == HAUL_OK && b->seen_validity != b->uidvalidity)
        rc = haul_settle_renumbered(up, l, b, e);
    if (rc != HAUL_OK)
        return rc;
    if (b->n_expect)
        qsort(b->expect, b->n_expect, sizeof(*b->expect), by_uid);
    a.met = haul_calloc(b->n_expect / 8 + 1, 1);
    for (size_t i = 0; i < b->n_expect && rc == HAUL_OK;)
        rc = fetch_row(&a, i, &i, e);
    if (rc == HAUL_OK)
        rc = check_gone(&a, e);
    if (rc == HAUL_OK)
        rc = check_copies(&a, l, e);
    free(a.met);
    if (rc == HAUL_OK)
        b->n_expect = 0;
    return rc;
}

/* Messages under way would look like strangers. */
static haul_rc come_to_rest(haul_upload *up, haul_box *b, haul_err *e)
{
    haul_rc rc = b->flying ? haul_upload_drain(up, e) : HAUL_OK;
    if (rc == HAUL_OK && !b->opened)
        rc = haul_box_open(up, b, e);
    return rc;
}

haul_rc haul_audit_box(haul_upload *up, haul_box *b, haul_err *e)
{
    haul_rc rest = b->known && !b->audited && !b->refused ? come_to_rest(up, b, e) : HAUL_OK;
    if (rest != HAUL_OK)
        return b->refused && rest == HAUL_E_TARGET ? HAUL_OK : rest;
    while (b->known && !b->audited && !b->refused) {
        haul_link *l = NULL;
        haul_err why = {0};
        haul_rc rc = haul_link_idle(up, b, &l, e);
        if (rc != HAUL_OK)
            return rc;
        rc = audit_on(up, l, b, &why);
        b->audited = rc == HAUL_OK;
        if (rc == HAUL_OK)
            return rc;
        if (rc != HAUL_E_NETWORK) {
            if (e)
                *e = why;
            return rc;
        }
        up->last_loss = why;
        haul_link_lose(up, l);
    }
    return HAUL_OK;
}
