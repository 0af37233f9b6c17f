/* IMAP servers as a target: the sink's side of the vtable. The work is done in upload.c. */
#include "imap/names.h"
#include "imap/upload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMIT_ITEMS  1000u /* receipts made durable together */
#define DAY_TOKEN     "day"
#define GMAIL_DAILY   (UINT64_C(500) * 1024 * 1024) /* shared/reference: what Gmail takes a day */
#define EXCHANGE_SIZE (UINT64_C(45) * 1024 * 1024)
#define EXCHANGE_LINE 10000u
#define EXCHANGE_RATE 4.0

typedef struct imap_sink {
    haul_imap_config config;
    haul_upload up;
    haul_tokens *resume; /* of folders, by key */
    haul_arena arena;
    bool broken; /* the run ends: nothing more is sent or asked */
} imap_sink;

/* ── opening ── */

static bool on_waiting(void *ctx, const char *phase)
{
    haul_upload *up = ctx;
    up->stopping |= up->sink->waiting(up->sink->ctx, phase);
    return up->stopping;
}

/* What presets add: limits and manners that no capability tells. */
static void apply_preset(imap_sink *s)
{
    haul_imap_config *c = &s->config;
    haul_limits *l = &s->up.sink->limits;
    haul_imap_preset p = s->up.account.preset;
    l->faults = HAUL_FAULT_EMPTY | HAUL_FAULT_NUL;
    l->size_max = s->up.links[0].session.append_limit;
    if (p == HAUL_IMAP_PRESET_DOVECOT)
        l->faults |= HAUL_FAULT_LOST_CR;
    if (p == HAUL_IMAP_PRESET_CYRUS)
        l->faults |= HAUL_FAULT_HEADER_8BIT | HAUL_FAULT_HEADER_MALFORMED;
    if (p == HAUL_IMAP_PRESET_EXCHANGE) {
        l->faults |= HAUL_FAULT_LONG_LINE;
        l->line_max = EXCHANGE_LINE;
        l->size_max = l->size_max ? l->size_max : EXCHANGE_SIZE;
        if (c->rate_messages <= 0 && c->rate_octets <= 0)
            c->rate_messages = EXCHANGE_RATE;
    }
    if (c->daily_limit == UINT64_MAX)
        c->daily_limit = p == HAUL_IMAP_PRESET_GMAIL ? GMAIL_DAILY : 0;
    if (s->up.account.has_quota) {
        l->faults |= HAUL_FAULT_QUOTA;
        l->room = s->up.account.room;
    }
    if (l->size_max)
        l->faults |= HAUL_FAULT_TOO_LARGE;
}

static void learn(haul_upload *up)
{
    const haul_imap_session *s = &up->links[0].session;
    up->plus = haul_imap_can_do(s, HAUL_IMAP_CAN_LITERAL_PLUS);
    up->minus = haul_imap_can_do(s, HAUL_IMAP_CAN_LITERAL_MINUS);
    up->multi = haul_imap_can_do(s, HAUL_IMAP_CAN_MULTIAPPEND);
    up->uidplus = haul_imap_can_do(s, HAUL_IMAP_CAN_UIDPLUS);
    up->gmail = haul_imap_can_do(s, HAUL_IMAP_CAN_GMAIL);
    up->utf8 = s->utf8;
    up->n_links = up->config->connections;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* By attribute where the server tells any, else by name: the first of several, in the order of their names. */
static void find_roles(imap_sink *s)
{
    haul_imap_account *a = &s->up.account;
    guint n = 0;
    if (s->up.below)
        return;
    gpointer *names = g_hash_table_get_keys_as_array(a->names, &n);
    qsort(names, n, sizeof(*names), by_name);
    for (guint i = 0; i < n; i++) {
        int by_attribute = GPOINTER_TO_INT(g_hash_table_lookup(a->names, names[i])) - 1;
        haul_auto_str path = {0};
        bool there = haul_imap_text_of(s->up.base, a->separator, names[i], &path);
        const char *text = there ? haul_arena_str(&s->arena, path.p) : NULL;
        haul_role role = a->has_special_use ? (haul_role)by_attribute
                         : text             ? haul_imap_role_of_name(text)
                                            : HAUL_ROLE_NONE;
        if (text && role != HAUL_ROLE_NONE && role < HAUL_ROLE_COUNT && !s->up.roles[role])
            s->up.roles[role] = text;
    }
    g_free(names);
    s->up.sink->roles = s->up.roles;
}

/* "20783 1234": the day, and octets sent on it. */
static void read_day(haul_upload *up, const char *token)
{
    long long day = 0;
    unsigned long long octets = 0;
    if (token && sscanf(token, "%lld %llu", &day, &octets) == 2) {
        up->day = day;
        up->day_octets = octets;
    }
}

static void copy_tokens(imap_sink *s, const haul_tokens *from)
{
    s->resume = haul_tokens_new();
    for (size_t i = 0; from && i < haul_tokens_count(from); i++) {
        const char *key, *value;
        haul_tokens_at(from, i, &key, &value);
        haul_tokens_put(s->resume, key, value);
    }
    read_day(&s->up, haul_tokens_get(s->resume, DAY_TOKEN));
    if (haul_tokens_count(s->resume))
        haul_latency_token_read(&s->up, haul_tokens_get(s->resume, HAUL_LATENCY_TOKEN));
}

static haul_rc imap_open(haul_sink *sink, const char *target, const haul_tokens *resume, haul_err *e)
{
    imap_sink *s = sink->state;
    haul_upload *up = &s->up;
    *up = (haul_upload){
        .sink = sink, .config = &s->config, .first_login = true, .batch_messages = HAUL_BATCH_FIRST};
    up->again_last = &up->again;
    up->limbo_last = &up->limbo;
    haul_rc rc = haul_imap_config_init(&s->config, target, sink->values, e);
    s->config.ask = sink->ask;
    s->config.waiting = s->config.conn.waiting = on_waiting;
    s->config.ctx = s->config.conn.ctx = up;
    up->n_links = 1;
    if (rc == HAUL_OK)
        rc = haul_link_open(up, &up->links[0], e);
    up->first_login = false;
    if (rc == HAUL_OK)
        rc = haul_imap_account_read(&up->account, &up->links[0].session, e);
    if (rc != HAUL_OK)
        return rc;
    learn(up);
    copy_tokens(s, resume);
    apply_preset(s);
    haul_auto_str base = {0};
    rc = haul_imap_base(&s->config.url, &up->account, &base, e);
    if (rc != HAUL_OK)
        return rc;
    up->base = haul_strdup(haul_strz(&base));
    up->below = s->config.url.n_folder > 0;
    find_roles(s);
    sink->naming = haul_imap_naming(up->account.preset, up->account.separator,
                                    up->below || *up->account.prefix, &s->arena);
    if (s->config.password_exposed)
        haul_sink_issue(sink, NULL, HAUL_ISSUE_IMAP_PASSWORD_EXPOSED, "%s", s->config.password_file);
    return HAUL_OK;
}

/* ── messages ── */

/* After a failure nothing goes on: what has no receipt gets one, and the connections are left. */
static haul_rc broke(imap_sink *s, haul_rc rc, const haul_err *e)
{
    haul_err why = {0};
    s->broken = true;
    haul_fail(&why, rc, "not stored: %s", e && e->text[0] ? e->text : haul_rc_text(rc));
    haul_upload_give_up(&s->up, &why);
    return rc;
}

static haul_rc imap_folder(haul_sink *sink, uint32_t id, const haul_path *path, haul_err *e)
{
    imap_sink *s = sink->state;
    haul_box *b = haul_box_get(&s->up, id);
    haul_auto_str key = {0};
    if (!b)
        return haul_fail(e, HAUL_E_LIMIT, "too many folders");
    bool is_new = !b->name;
    haul_rc rc = haul_box_declare(&s->up, b, path, e);
    haul_str_addf(&key, HAUL_BOX_TOKEN "%s", path->text);
    const char *token = is_new ? haul_tokens_get(s->resume, key.p) : NULL;
    if (rc == HAUL_OK && token)
        rc = haul_box_token_read(b, token, e);
    return rc == HAUL_OK || rc == HAUL_E_INTERRUPTED ? rc : broke(s, rc, e);
}

static haul_rc imap_message(haul_sink *sink, uint32_t id, const haul_msg *m, haul_err *e)
{
    imap_sink *s = sink->state;
    haul_err own = {0};
    e = e ? e : &own;
    s->up.took = false;
    haul_rc rc = haul_upload_message(&s->up, haul_box_get(&s->up, id), m, e);
    if (rc == HAUL_OK)
        return rc;
    bool taken = s->up.took; /* then its receipt is given with those of the others */
    if (rc != HAUL_E_INTERRUPTED)
        (void)!broke(s, rc, e);
    if (!taken)
        haul_sink_receipt(sink, m, NULL, rc, e);
    return rc;
}

/* ── commits ── */

static void put_tokens(imap_sink *s, haul_tokens *to)
{
    haul_upload *up = &s->up;
    for (size_t i = 0; i < up->n_boxes; i++) {
        haul_box *b = up->boxes[i];
        if (!b || !b->opened)
            continue;
        bool clean = !b->flying && !b->unsure && !(up->building && up->building->box == b);
        if (!b->ours_changed && clean == b->token_clean && b->audited == b->token_audited)
            continue;
        haul_box_token(b, clean, to);
        b->token_clean = clean;
        b->token_audited = b->audited;
        b->ours_changed = false;
    }
    if (up->latency_ms)
        haul_latency_token(up, to);
    if (up->day_octets) {
        haul_auto_str day = {0};
        haul_str_addf(&day, "%lld %llu", (long long)up->day, (unsigned long long)up->day_octets);
        haul_tokens_put(to, DAY_TOKEN, day.p);
    }
}

static haul_rc imap_commit(haul_sink *sink, haul_tokens *ret, haul_err *e)
{
    imap_sink *s = sink->state;
    haul_err own = {0};
    e = e ? e : &own;
    haul_rc rc = sink->settle && !s->broken ? haul_upload_drain(&s->up, e) : HAUL_OK;
    if (rc == HAUL_E_INTERRUPTED && !s->broken)
        rc = haul_upload_drain(&s->up, e); /* the user said stop meanwhile: what is left of it is short */
    if (rc == HAUL_OK && s->broken && haul_labels_wait(&s->up)) /* the journal must not have these yet */
        return haul_fail(e, HAUL_E_NETWORK, "labels of messages could not be stored; the next run does it");
    if (rc == HAUL_OK && !s->broken)
        rc = haul_labels_store(&s->up, e);
    if (rc != HAUL_OK)
        (void)!broke(s, rc, e);
    put_tokens(s, ret);
    return rc;
}

static void imap_give_up(haul_sink *sink, haul_rc rc, const haul_err *why)
{
    (void)!broke(sink->state, rc, why);
}

static haul_rc imap_finish(haul_sink *sink, haul_err *e)
{
    imap_sink *s = sink->state;
    haul_upload *up = &s->up;
    haul_rc rc = haul_upload_drain(up, e);
    if (rc == HAUL_OK)
        rc = haul_boxes_look(up, e);
    for (size_t i = 0; i < up->n_boxes && rc == HAUL_OK; i++)
        if (up->boxes[i])
            rc = haul_audit_box(up, up->boxes[i], e);
    return rc == HAUL_OK ? rc : broke(s, rc, e);
}

static void imap_close(haul_sink *sink)
{
    imap_sink *s = sink->state;
    haul_upload *up = &s->up;
    haul_err why = {0};
    if (up->sink) {
        haul_fail(&why, HAUL_E_INTERRUPTED, "not stored: the run ended");
        haul_upload_give_up(up, &why);
        for (size_t i = 0; i < up->n_links; i++)
            haul_imap_logout(&up->links[i].session);
    }
    haul_boxes_done(up);
    if (up->flag_texts) {
        g_hash_table_destroy(up->flag_index);
        g_ptr_array_free(up->flag_texts, TRUE);
    }
    haul_str_done(&up->asked);
    free(up->base);
    haul_imap_account_done(&up->account);
    haul_tokens_free(s->resume);
    haul_imap_config_done(&s->config);
    haul_arena_done(&s->arena);
}

/* Until the server has been asked; open puts its own in place of it. */
static const haul_naming *imap_naming(const haul_values *values)
{
    static const haul_naming plain = {.reserved = "/%*", .escape = '='};
    (void)values;
    return &plain;
}

static const haul_sink_ops imap_sink_ops = {.state_size = sizeof(imap_sink),
                                            .opens_dry = true,
                                            .commit_items = COMMIT_ITEMS,
                                            .naming = imap_naming,
                                            .open = imap_open,
                                            .folder = imap_folder,
                                            .message = imap_message,
                                            .commit = imap_commit,
                                            .give_up = imap_give_up,
                                            .finish = imap_finish,
                                            .close = imap_close};

const haul_format haul_format_imap = {.name = "imap",
                                      .title = "a folder of an IMAP server, over TLS",
                                      .suffixes = "",
                                      .schemes = "imaps|imap",
                                      .ports = "993|143",
                                      .reader = &haul_imap_reader_ops,
                                      .sink = &imap_sink_ops,
                                      .options = haul_imap_options,
                                      .keeps_flags = HAUL_FLAG_ALL,
                                      .keeps_keywords = true,
                                      .keeps_received = true,
                                      .keeps_folders = true,
                                      .keeps_empty_folders = true};
