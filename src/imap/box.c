/* Target folders: creating, selecting, and what their flags can hold. */
#include "imap/keywords.h"
#include "imap/names.h"
#include "imap/upload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOXES_MAX  (1u << 24)
#define UNKNOWN_MS 2000 /* taken for the time of an APPEND where none was ever answered */
#define SLOW_MS    600  /* of an APPEND: below, the shortest wait for quiet is more than enough */

haul_box *haul_box_get(haul_upload *up, uint32_t id)
{
    if (id >= BOXES_MAX)
        return NULL;
    if (id >= up->n_boxes) {
        size_t n = (size_t)id + 1 + id / 2;
        up->boxes = haul_realloc(up->boxes, n * sizeof(haul_box *));
        memset(up->boxes + up->n_boxes, 0, (n - up->n_boxes) * sizeof(haul_box *));
        up->n_boxes = n;
    }
    if (!up->boxes[id]) {
        up->boxes[id] = haul_calloc(1, sizeof(haul_box));
        up->boxes[id]->id = id;
        up->boxes[id]->unplaced_last = &up->boxes[id]->unplaced;
    }
    return up->boxes[id];
}

void haul_boxes_done(haul_upload *up)
{
    for (size_t i = 0; i < up->n_boxes; i++) {
        haul_box *b = up->boxes[i];
        if (!b)
            continue;
        free(b->text);
        free(b->name);
        free(b->wire);
        free(b->refused);
        haul_found_done(b);
        free(b->expect);
        haul_uids_done(&b->ours);
        haul_labels_done(b);
        if (b->keywords)
            g_hash_table_destroy(b->keywords);
        free(b);
    }
    free(up->boxes);
    up->boxes = NULL;
    up->n_boxes = 0;
}

haul_expect *haul_box_expect(haul_box *b)
{
    if (b->n_expect == b->cap_expect) {
        b->cap_expect = b->cap_expect ? b->cap_expect * 2 : 256;
        b->expect = haul_realloc(b->expect, b->cap_expect * sizeof(*b->expect));
    }
    return &b->expect[b->n_expect++];
}

/* ── creating ── */

/* A folder that the server does not want costs its messages, not the run. */
static void refuse(haul_upload *up, haul_box *b, const char *words)
{
    if (b->refused)
        return;
    b->refused = haul_strdup(words);
    haul_sink_issue(up->sink, NULL, HAUL_ISSUE_IMAP_FOLDER_REFUSED, "%s: %s", b->text, words);
}

static void set_names(haul_upload *up, haul_box *b, const haul_path *path)
{
    haul_auto_str name = {0}, wire = {0};
    b->text = haul_strdup(path->text);
    b->role = path->role;
    haul_imap_name_of(up->base, up->below, up->account.separator, path->text, &name);
    b->name = haul_strdup(haul_strz(&name));
    bool sendable = name.len && haul_imap_mailbox(name.p, up->utf8, &wire);
    b->wire = haul_strdup(haul_strz(&wire));
    b->exists = haul_icmp(b->name, "INBOX") == 0 || g_hash_table_contains(up->account.names, b->name);
    if (path->n > 1 && !up->account.separator)
        refuse(up, b, "the server has no folders in folders; --map can put it elsewhere");
    else if (!sendable)
        refuse(up, b, "this name cannot be sent; --map can give another");
}

static haul_rc create_once(haul_link *l, haul_box *b, const char *use, haul_imap_result *ret, haul_err *e)
{
    haul_imap_command *c = haul_imap_command_new("CREATE ");
    haul_str_addf(&c->text, use ? "%s (USE (%s))\r\n" : "%s\r\n", b->wire, use);
    return haul_imap_run(&l->session.client, c, ret, e);
}

/* A special use only where the server does not have it yet, and only for a folder that is not put below another. */
static const char *use_of(const haul_upload *up, const haul_link *l, const haul_box *b)
{
    if (!haul_imap_can_do(&l->session, HAUL_IMAP_CAN_CREATE_SPECIAL_USE) || up->below ||
        strchr(b->text, '/') || b->role >= HAUL_ROLE_COUNT || up->roles[b->role])
        return NULL;
    return haul_imap_special_use(b->role);
}

haul_rc haul_box_create(haul_upload *up, haul_link *l, haul_box *b, haul_err *e)
{
    const char *use = use_of(up, l, b);
    haul_imap_result r = {0};
    haul_rc rc = create_once(l, b, use, &r, e);
    if (rc == HAUL_OK && r.kind != HAUL_IMAP_OK && use) {
        haul_imap_result_done(&r);
        r = (haul_imap_result){0};
        rc = create_once(l, b, NULL, &r, e);
    }
    if (rc == HAUL_OK && r.kind != HAUL_IMAP_OK && !haul_imap_result_is(&r, "ALREADYEXISTS"))
        rc = haul_link_refused(l, &r, b->name, e);
    if (rc == HAUL_E_TARGET) {
        refuse(up, b, haul_strz(&r.text));
        rc = HAUL_OK;
    }
    b->exists = rc == HAUL_OK;
    haul_imap_result_done(&r);
    if (rc == HAUL_OK && up->config->subscribe) {
        haul_imap_command *c = haul_imap_command_new("SUBSCRIBE ");
        haul_str_addf(&c->text, "%s\r\n", b->wire);
        haul_imap_queue(&l->session.client, c);
    }
    return rc;
}

haul_rc haul_box_declare(haul_upload *up, haul_box *b, const haul_path *path, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    if (!b->name)
        set_names(up, b, path);
    while (rc == HAUL_OK && !b->exists && !b->refused) {
        haul_link *l = NULL;
        haul_err why = {0};
        rc = haul_link_idle(up, NULL, &l, e);
        if (rc != HAUL_OK)
            return rc;
        rc = haul_box_create(up, l, b, &why);
        if (rc == HAUL_E_NETWORK) {
            up->last_loss = why;
            haul_link_lose(up, l);
            rc = HAUL_OK;
        } else if (rc != HAUL_OK && e) {
            *e = why;
        }
    }
    return rc;
}

/* ── selecting ── */

static void note_flag(haul_box *b, haul_imap_tokens *t)
{
    const char *flag = haul_strz(&t->text);
    if (strcmp(flag, "\\*") == 0) {
        b->any_keyword = true;
        return;
    }
    b->flags |= haul_imap_flag_of(flag, t->text.len);
    if (flag[0] != '\\')
        haul_box_keyword(b, flag)->proved = true;
}

static void take_flags(haul_box *b, haul_span list)
{
    haul_imap_tokens t = {0};
    haul_imap_tokens_init(&t, list);
    b->knows_flags = true;
    if (haul_imap_step(&t) == HAUL_IMAP_OPEN)
        while (haul_imap_step_flag(&t))
            note_flag(b, &t);
    haul_imap_tokens_done(&t);
}

static void on_opening(haul_imap_command *c, const haul_imap_reply *r)
{
    haul_box *b = c->ctx;
    haul_span args = {0};
    if (haul_imap_code(r, "UIDVALIDITY", &args))
        b->seen_validity = haul_imap_uid(args);
    else if (haul_imap_code(r, "UIDNEXT", &args))
        b->uidnext = haul_imap_uid(args);
    else if (haul_imap_code(r, "PERMANENTFLAGS", &args))
        take_flags(b, args);
    else if (r->has_number && haul_span_is(r->rest, "EXISTS"))
        b->n_exists = r->number;
}

/* A number of "STATUS name (UIDNEXT 12 …)"; 0: it is none. */
static uint64_t status_of(const haul_imap_reply *r, const char *item)
{
    haul_imap_tokens t = {0};
    uint64_t n = 0, found = 0;
    haul_imap_tokens_init(&t, r->rest);
    haul_imap_step(&t);
    bool status =
        haul_imap_token_is(&t, "STATUS") && haul_imap_pass(&t) && haul_imap_step(&t) == HAUL_IMAP_OPEN;
    while (status && haul_imap_step(&t) == HAUL_IMAP_ATOM) {
        bool wanted = haul_imap_token_is(&t, item);
        if (!haul_imap_step_number(&t, &n))
            break;
        found = wanted ? n : found;
    }
    haul_imap_tokens_done(&t);
    return found;
}

static void on_uidnext(haul_imap_command *c, const haul_imap_reply *r)
{
    haul_box *b = c->ctx;
    uint64_t n = status_of(r, "UIDNEXT");
    if (n && n <= HAUL_IMAP_UID_MAX)
        b->uidnext = (uint32_t)n;
}

/* SELECT need not tell UIDNEXT (RFC 3501 7.1). */
static haul_rc ask_uidnext(haul_link *l, haul_box *b, haul_err *e)
{
    haul_imap_command *c = haul_imap_command_new("STATUS ");
    haul_str_addf(&c->text, "%s (UIDNEXT)\r\n", b->wire);
    c->data = on_uidnext;
    c->ctx = b;
    return haul_link_ask(l, c, b->name, e);
}

haul_rc haul_box_select(haul_upload *up, haul_link *l, haul_box *b, haul_err *e)
{
    haul_auto_str doing = {0};
    haul_imap_result r = {0};
    haul_imap_command *c = haul_imap_command_new("SELECT ");
    haul_str_addf(&c->text, "%s\r\n", b->wire);
    c->data = on_opening;
    c->ctx = b;
    if (!b->keywords)
        b->keywords = haul_keywords_new();
    b->seen_validity = b->uidnext = 0;
    b->any_keyword = b->knows_flags = false;
    b->flags = 0;
    l->selected = b;
    haul_rc rc = haul_imap_run(&l->session.client, c, &r, e);
    haul_str_addf(&doing, "opening the folder %s", b->name);
    if (rc == HAUL_OK && r.kind != HAUL_IMAP_OK)
        rc = haul_link_refused(l, &r, doing.p, e);
    if (rc == HAUL_E_TARGET)
        refuse(up, b, haul_strz(&r.text));
    haul_imap_result_done(&r);
    if (rc == HAUL_OK && !b->uidnext)
        rc = ask_uidnext(l, b, e);
    if (rc == HAUL_OK && !b->seen_validity)
        rc = haul_fail(e, HAUL_E_TARGET,
                       "the server keeps no UIDs in %s: what is sent could not be told apart", b->name);
    return rc;
}

haul_rc haul_box_visit(haul_upload *up, haul_link *l, haul_box *b, haul_err *e)
{
    return l->selected == b ? haul_imap_run(&l->session.client, haul_imap_command_new("NOOP\r\n"), NULL, e)
                            : haul_box_select(up, l, b, e);
}

/* ── tokens: "v=UIDVALIDITY w=watermark s=o|c|d u=UIDs of ours": open, closed, and done, which is audited ── */

void haul_box_token(const haul_box *b, bool clean, haul_tokens *to)
{
    haul_auto_str key = {0}, value = {0};
    haul_str_addf(&key, HAUL_BOX_TOKEN "%s", b->text);
    haul_str_addf(&value, "v=%u w=%u s=%c u=", (unsigned)b->uidvalidity, (unsigned)b->watermark,
                  !clean       ? 'o'
                  : b->audited ? 'd'
                               : 'c');
    haul_uids_write(&b->ours, &value);
    haul_tokens_put(to, key.p, value.p);
}

void haul_latency_token(haul_upload *up, haul_tokens *to)
{
    haul_auto_str value = {0};
    if (!up->latency_ms)
        return;
    haul_str_addf(&value, "%lld", (long long)up->latency_ms);
    haul_tokens_put(to, HAUL_LATENCY_TOKEN, value.p);
    up->saved_ms = up->latency_ms;
}

void haul_latency_token_read(haul_upload *up, const char *token)
{
    uint64_t ms = 0;
    up->earlier_ms = UNKNOWN_MS;
    if (token && haul_parse_u64(token, strlen(token), &ms) && ms && ms <= INT32_MAX)
        up->earlier_ms = (int64_t)ms;
}

/* The first answer, and then what is half as much again, where it matters. */
haul_rc haul_latency_save(haul_upload *up, haul_err *e)
{
    bool more = up->latency_ms > SLOW_MS && up->latency_ms > up->saved_ms + up->saved_ms / 2;
    if (!up->latency_ms || (up->saved_ms && !more))
        return HAUL_OK;
    haul_auto(haul_tokens) *t = haul_tokens_new();
    haul_latency_token(up, t);
    haul_rc rc = haul_labels_store(up, e); /* what is saved with it has receipts */
    return rc == HAUL_OK ? up->sink->save(up->sink->ctx, t, e) : rc;
}

haul_rc haul_box_token_read(haul_box *b, const char *token, haul_err *e)
{
    unsigned validity = 0, watermark = 0;
    char state = 0;
    int at = 0;
    if (sscanf(token, "v=%u w=%u s=%c u=%n", &validity, &watermark, &state, &at) != 3 || !at ||
        !haul_uids_parse(&b->ours, (haul_span){token + at, strlen(token + at)}))
        return haul_fail(e, HAUL_E_STATE, "the journal's record of the folder %s is damaged", b->text);
    b->uidvalidity = validity;
    b->watermark = watermark;
    b->token_clean = state != 'o';
    b->audited = b->token_audited = state == 'd';
    b->known = true;
    return HAUL_OK;
}

/* ── opening for this run ── */

static haul_rc save_token(haul_upload *up, haul_box *b, haul_err *e)
{
    haul_auto(haul_tokens) *t = haul_tokens_new();
    b->audited = b->token_audited = false;
    haul_box_token(b, false, t);
    haul_latency_token(up, t);
    haul_rc rc = haul_labels_store(up, e); /* what is saved with it has receipts */
    if (rc == HAUL_OK)
        rc = up->sink->save(up->sink->ctx, t, e);
    b->token_clean = false;
    return rc;
}

/* What was there before: messages of an earlier tool (--skip-existing), or of our own run that was cut off. */
static haul_rc look_around(haul_upload *up, haul_link *l, haul_box *b, haul_err *e)
{
    bool again = b->known && !b->token_clean;
    haul_rc rc = HAUL_OK;
    if (!b->known || b->audited)
        b->watermark = b->uidnext ? b->uidnext : 1;
    else
        rc = haul_audit_recall(up, b, e);
    if (rc == HAUL_OK && again)
        rc = haul_settle_quiet(up, l, b, e);
    if (rc == HAUL_OK && (again || up->config->skip_existing))
        rc = haul_settle_list(up, l, b, up->config->skip_existing ? 1 : b->watermark, e);
    b->n_before = b->n_found;
    return rc;
}

static haul_rc open_on(haul_upload *up, haul_link *l, haul_box *b, haul_err *e)
{
    haul_rc rc = haul_box_select(up, l, b, e);
    if (rc != HAUL_OK)
        return rc;
    if (b->known && b->uidvalidity != b->seen_validity)
        rc = haul_settle_renumbered(up, l, b, e);
    else
        b->uidvalidity = b->seen_validity;
    if (rc == HAUL_OK && !b->opened)
        rc = look_around(up, l, b, e);
    return rc;
}

haul_rc haul_box_open(haul_upload *up, haul_box *b, haul_err *e)
{
    if (b->opened && !b->renumbered) /* it was quiet for a while, as the journal says: no longer */
        return save_token(up, b, e);
    for (;;) {
        haul_link *l = NULL;
        haul_err why = {0};
        haul_rc rc = haul_link_idle(up, b, &l, e);
        if (rc != HAUL_OK)
            return rc;
        rc = open_on(up, l, b, &why);
        if (rc == HAUL_OK) {
            b->opened = b->known = true;
            return save_token(up, b, e);
        }
        if (rc != HAUL_E_NETWORK) {
            if (e)
                *e = why;
            return rc;
        }
        up->last_loss = why;
        haul_link_lose(up, l);
    }
}

/* ── those that nothing is sent to ── */

static void on_validity(haul_imap_command *c, const haul_imap_reply *r)
{
    haul_box *b = c->ctx;
    uint64_t n = status_of(r, "UIDVALIDITY");
    if (n && n <= HAUL_IMAP_UID_MAX && n != b->uidvalidity)
        b->audited = false;
}

/* All of them at once; the last answer is waited for. */
static haul_rc look_on(haul_upload *up, haul_link *l, haul_err *e)
{
    for (size_t i = 0; i < up->n_boxes; i++) {
        haul_box *b = up->boxes[i];
        if (!b || !b->known || b->opened || b->refused)
            continue;
        haul_imap_command *c = haul_imap_command_new("STATUS ");
        haul_str_addf(&c->text, "%s (UIDVALIDITY)\r\n", b->wire);
        c->data = on_validity;
        c->ctx = b;
        haul_imap_queue(&l->session.client, c);
    }
    return haul_imap_run(&l->session.client, haul_imap_command_new("NOOP\r\n"), NULL, e);
}

haul_rc haul_boxes_look(haul_upload *up, haul_err *e)
{
    bool any = false;
    for (size_t i = 0; i < up->n_boxes; i++)
        any |= up->boxes[i] && up->boxes[i]->known && !up->boxes[i]->opened && !up->boxes[i]->refused;
    while (any) {
        haul_link *l = NULL;
        haul_err why = {0};
        haul_rc rc = haul_link_idle(up, NULL, &l, e);
        if (rc == HAUL_OK)
            rc = look_on(up, l, &why);
        if (rc == HAUL_OK || !l)
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
