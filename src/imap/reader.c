/* What verify reads: the messages that a run of ours stored, as the server has them now. */
#include "imap/fetch.h"
#include "imap/keywords.h"
#include "imap/names.h"
#include "imap/upload.h"

#include <stdlib.h>
#include <string.h>

#define ROW_UIDS 1000u /* metadata asked for together */
#define AHEAD    16u   /* bodies asked for before they are needed */

typedef struct ahead { /* a body asked for */
    uint32_t uid;
    haul_spool *body;
    bool done, here;
    struct imap_reader *of;
} ahead;

typedef struct imap_reader {
    haul_imap_config config;
    haul_imap_session session;
    haul_imap_account account;
    haul_str base;
    size_t token;  /* index of the token at hand */
    haul_box *box; /* made of it */
    bool selected;
    haul_uids left; /* UIDs whose metadata is still to be asked for */
    haul_fetch *row;
    size_t n_row, cap_row, at;
    uint32_t folders;
    haul_out relay; /* a body comes here … */
    haul_spool
        *scratch; /* … and is kept here until its reply is complete: servers answer several FETCH at a time */
    ahead ring[AHEAD];
    size_t first, n_ring, next_body; /* first: the oldest that was not taken */
} imap_reader;

/* ── opening ── */

static haul_rc relay_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    imap_reader *s = (imap_reader *)(void *)((char *)o - offsetof(imap_reader, relay));
    return haul_out_write(haul_spool_out(s->scratch), p, n, e);
}

static haul_rc reader_open(haul_reader *r, haul_err *e)
{
    imap_reader *s = r->state;
    haul_rc rc = haul_imap_config_init(&s->config, r->remote->url, r->values, e);
    s->config.ask = r->remote->ask;
    s->config.waiting = s->config.conn.waiting = r->remote->waiting;
    s->config.ctx = s->config.conn.ctx = r->remote->ctx;
    s->relay.write = relay_write;
    if (rc == HAUL_OK)
        rc = haul_imap_login(&s->session, &s->config, e);
    if (rc == HAUL_OK)
        rc = haul_imap_account_read(&s->account, &s->session, e);
    return rc == HAUL_OK ? haul_imap_base(&s->config.url, &s->account, &s->base, e) : rc;
}

/* ── folders ── */

static void row_done(imap_reader *s)
{
    for (size_t i = 0; i < s->n_row; i++)
        haul_fetch_done(&s->row[i]);
    s->n_row = s->at = s->next_body = 0;
}

static void box_done(imap_reader *s)
{
    if (s->box) {
        free(s->box->text);
        haul_uids_done(&s->box->ours);
        free(s->box);
    }
    s->box = NULL;
    s->selected = false;
    haul_uids_done(&s->left);
    row_done(s);
}

/* The next folder of the journal. False: there is none. */
static haul_rc next_box(haul_reader *r, haul_item *it, bool *ret_any, haul_err *e)
{
    imap_reader *s = r->state;
    const char *key = NULL, *value = NULL;
    size_t skip = strlen(HAUL_BOX_TOKEN);
    box_done(s);
    *ret_any = false;
    for (; s->token < haul_tokens_count(r->remote->tokens); s->token++) {
        haul_tokens_at(r->remote->tokens, s->token, &key, &value);
        if (strncmp(key, HAUL_BOX_TOKEN, skip) == 0)
            break;
    }
    if (s->token >= haul_tokens_count(r->remote->tokens))
        return HAUL_OK;
    s->token++;
    s->box = haul_calloc(1, sizeof(*s->box));
    s->box->text = haul_strdup(key + skip);
    it->type = HAUL_ITEM_FOLDER;
    it->folder = (haul_folder){
        .id = s->folders++, .parent = HAUL_FOLDER_NONE, .name = *s->box->text ? s->box->text : "/"};
    *ret_any = true;
    return haul_box_token_read(s->box, value, e);
}

static void on_validity(haul_imap_command *c, const haul_imap_reply *r)
{
    haul_box *b = c->ctx;
    haul_span args = {0};
    if (haul_imap_code(r, "UIDVALIDITY", &args))
        b->seen_validity = haul_imap_uid(args);
}

static void on_search(haul_imap_command *c, const haul_imap_reply *r)
{
    imap_reader *s = c->ctx;
    haul_imap_tokens t = {0};
    uint64_t uid = 0;
    haul_imap_tokens_init(&t, r->rest);
    haul_imap_step(&t);
    if (haul_imap_token_is(&t, "SEARCH"))
        while (haul_imap_step_number(&t, &uid))
            if (uid >= s->box->watermark && uid <= HAUL_IMAP_UID_MAX)
                haul_uids_add(&s->left, (uint32_t)uid, (uint32_t)uid);
    haul_imap_tokens_done(&t);
}

/* With --full also what came since and is not recorded: it may be a copy. */
static haul_rc look_further(haul_reader *r, haul_err *e)
{
    imap_reader *s = r->state;
    if (!r->remote->full)
        return HAUL_OK;
    haul_imap_command *c = haul_imap_command_new("UID SEARCH UID %u:*\r\n", (unsigned)s->box->watermark);
    c->data = on_search;
    c->ctx = s;
    return haul_imap_run(&s->session.client, c, NULL, e);
}

static haul_rc select_box(haul_reader *r, haul_err *e)
{
    imap_reader *s = r->state;
    haul_box *b = s->box;
    haul_auto_str name = {0}, wire = {0};
    haul_imap_result result = {0};
    haul_imap_name_of(haul_strz(&s->base), s->config.url.n_folder > 0, s->account.separator, b->text, &name);
    if (!haul_imap_mailbox(haul_strz(&name), s->session.utf8, &wire))
        return haul_fail(e, HAUL_SKIP, "%s: this name cannot be sent", b->text);
    haul_imap_command *c = haul_imap_command_new("EXAMINE ");
    haul_str_addf(&c->text, "%s\r\n", wire.p);
    c->data = on_validity;
    c->ctx = b;
    s->selected = true;
    haul_rc rc = haul_imap_run(&s->session.client, c, &result, e);
    if (rc == HAUL_OK && result.kind != HAUL_IMAP_OK)
        rc = haul_fail(e, HAUL_SKIP, "%s: the server said: %s", name.p, haul_strz(&result.text));
    haul_imap_result_done(&result);
    if (rc == HAUL_OK && b->seen_validity != b->uidvalidity)
        rc = haul_fail(e, HAUL_SKIP,
                       "%s: the server numbered this folder anew (UIDVALIDITY was %u, is %u); convert again "
                       "finds the messages by content",
                       name.p, (unsigned)b->uidvalidity, (unsigned)b->seen_validity);
    if (rc != HAUL_OK)
        return rc;
    for (size_t i = 0; i < b->ours.n; i++)
        haul_uids_add(&s->left, b->ours.v[i].first, b->ours.v[i].last);
    return look_further(r, e);
}

/* ── metadata ── */

static void on_row(haul_imap_command *c, const haul_imap_reply *r)
{
    imap_reader *s = c->ctx;
    haul_fetch o = {0};
    /* without a size: flags that somebody changes meanwhile, told unasked */
    if (!r->has_number || !haul_fetch_parse(r->rest, &o) || !o.has_size || s->n_row >= ROW_UIDS * 2) {
        haul_fetch_done(&o);
        return;
    }
    if (s->n_row == s->cap_row) {
        s->cap_row = s->cap_row ? s->cap_row * 2 : 64;
        s->row = haul_realloc(s->row, s->cap_row * sizeof(*s->row));
    }
    s->row[s->n_row++] = o;
}

/* Take up to ROW_UIDS off the front of what is left. */
static void take_uids(imap_reader *s, haul_str *to)
{
    uint64_t n = 0;
    haul_uids set = {0};
    while (s->left.n && n < ROW_UIDS) {
        haul_uid_range g = s->left.v[0];
        if (g.last - g.first >= ROW_UIDS - n)
            g.last = g.first + (uint32_t)(ROW_UIDS - n) - 1;
        n += g.last - g.first + 1;
        haul_uids_add(&set, g.first, g.last);
        if (g.last == s->left.v[0].last) {
            s->left.n--;
            memmove(s->left.v, s->left.v + 1, s->left.n * sizeof(*s->left.v));
        } else {
            s->left.v[0].first = g.last + 1;
        }
    }
    haul_uids_write(&set, to);
    haul_uids_done(&set);
}

static haul_rc next_row(imap_reader *s, haul_err *e)
{
    row_done(s);
    haul_imap_command *c = haul_imap_command_new("UID FETCH ");
    take_uids(s, &c->text);
    haul_str_addz(&c->text, " (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)\r\n");
    c->data = on_row;
    c->ctx = s;
    return haul_imap_run(&s->session.client, c, NULL, e);
}

static void fill(imap_reader *s, const haul_fetch *o, haul_msg *m)
{
    const char *flags = haul_strz(&o->flags);
    m->folder = s->folders - 1;
    m->place = m->key = haul_arena_printf(&m->arena, "%s/;UID=%u", s->box->text, (unsigned)o->uid);
    m->set |= HAUL_SET_FLAGS;
    for (size_t i = 0; i < o->flags.len; i += strlen(flags + i) + 1)
        haul_imap_flag_into(m, flags + i, strlen(flags + i));
    if (o->has_date)
        haul_msg_received(m, o->date_us, o->tz_min);
    if (o->has_size) {
        m->size = o->size;
        m->set |= HAUL_SET_SIZE;
    }
    if (o->message_id.len)
        m->message_id = haul_arena_str(&m->arena, o->message_id.p);
}

static haul_rc reader_next(haul_reader *r, haul_item *it, haul_err *e)
{
    imap_reader *s = r->state;
    for (;;) {
        haul_rc rc = HAUL_OK;
        bool any = false;
        if (s->at < s->n_row) {
            it->type = HAUL_ITEM_MESSAGE;
            fill(s, &s->row[s->at++], it->msg);
            return HAUL_OK;
        }
        if (s->box && s->left.n) {
            rc = next_row(s, e);
        } else if (s->box && !s->selected) {
            it->msg->place = haul_arena_str(&it->msg->arena, s->box->text);
            rc = select_box(r, e);
        } else {
            rc = next_box(r, it, &any, e);
            if (rc == HAUL_OK)
                return any ? HAUL_OK : HAUL_END;
        }
        if (rc != HAUL_OK)
            return rc;
    }
}

/* ── bodies ── */

static void on_body(haul_imap_command *c, const haul_imap_reply *r)
{
    ahead *any = c->ctx;
    imap_reader *s = any->of;
    haul_fetch f = {0};
    bool whole = r->has_number && s->session.client.reader.has_body && haul_fetch_parse(r->rest, &f);
    uint32_t uid = whole ? f.uid : 0;
    haul_fetch_done(&f);
    for (size_t i = 0; uid && i < s->n_ring; i++) {
        ahead *a = &s->ring[(s->first + i) % AHEAD];
        if (a->uid != uid || a->here)
            continue;
        haul_spool *body = a->body;
        a->body = s->scratch;
        a->here = true;
        s->scratch = body;
        break;
    }
    if (s->session.client.reader.has_body)
        haul_spool_reset(s->scratch);
}

static void on_body_end(haul_imap_command *c, const haul_imap_reply *r)
{
    ahead *a = c->ctx;
    (void)r;
    a->done = true;
}

/* Ask for the bodies of the row's messages from `from` on, as many as the ring holds. */
static void ask_ahead(imap_reader *s, size_t from)
{
    if (s->next_body < from)
        s->next_body = from;
    while (s->n_ring < AHEAD && s->next_body < s->n_row) {
        size_t slot = (s->first + s->n_ring) % AHEAD;
        ahead *a = &s->ring[slot];
        haul_spool *body = a->body ? a->body : haul_spool_new(false);
        haul_spool_reset(body);
        *a = (ahead){.uid = s->row[s->next_body++].uid, .body = body, .of = s};
        haul_imap_command *c = haul_imap_command_new("UID FETCH %u (UID BODY.PEEK[])\r\n", (unsigned)a->uid);
        c->data = on_body;
        c->tagged = on_body_end;
        c->ctx = a;
        haul_imap_queue(&s->session.client, c);
        s->n_ring++;
    }
}

static haul_rc wait_for(imap_reader *s, const ahead *a, haul_err *e)
{
    haul_imap_client *c = &s->session.client;
    haul_rc rc = HAUL_OK;
    if (!s->scratch)
        s->scratch = haul_spool_new(false);
    c->reader.body = &s->relay;
    while (rc == HAUL_OK && (rc = haul_imap_pump(c, e)) == HAUL_OK && !a->done) {
        bool write = haul_imap_wants_write(c);
        haul_conn_wait(&c->conn, &write, 1, 500);
        if (c->waiting && c->waiting(c->ctx, ""))
            return haul_fail(e, HAUL_E_INTERRUPTED, "interrupted");
        rc = haul_imap_check_silence(c, e);
    }
    return rc;
}

static haul_rc reader_body(haul_reader *r, haul_msg *m, haul_out *to, haul_err *e)
{
    imap_reader *s = r->state;
    uint32_t uid = s->row[s->at - 1].uid;
    (void)m;
    /* bodies that nobody asked for are passed over */
    for (;;) {
        if (!s->n_ring)
            ask_ahead(s, s->at - 1);
        ahead *a = &s->ring[s->first];
        haul_rc rc = wait_for(s, a, e);
        if (rc != HAUL_OK)
            return rc;
        s->first = (s->first + 1) % AHEAD;
        s->n_ring--;
        bool mine = a->uid == uid;
        if (mine && !a->here)
            return haul_fail(e, HAUL_SKIP, "the server gives no octets");
        if (mine)
            rc = haul_spool_freeze(a->body, e);
        if (mine && rc == HAUL_OK)
            rc = haul_spool_copy(a->body, HAUL_EOL_KEEP, to, e);
        if (mine) {
            ask_ahead(s, s->at);
            return rc;
        }
    }
}

static void reader_close(haul_reader *r)
{
    imap_reader *s = r->state;
    s->session.client.reader.body = NULL;
    haul_imap_logout(&s->session);
    box_done(s);
    for (size_t i = 0; i < AHEAD; i++)
        haul_spool_free(s->ring[i].body);
    haul_spool_free(s->scratch);
    row_done(s);
    free(s->row);
    haul_str_done(&s->base);
    haul_imap_account_done(&s->account);
    haul_imap_config_done(&s->config);
}

static int reader_probe(const haul_probe *p)
{
    (void)p; /* a server is no file: only a URL says it */
    return 0;
}

const haul_reader_ops haul_imap_reader_ops = {.state_size = sizeof(imap_reader),
                                              .probe = reader_probe,
                                              .open = reader_open,
                                              .next = reader_next,
                                              .body = reader_body,
                                              .close = reader_close};
