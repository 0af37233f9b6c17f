/* What is found out about an account once: kind of server, namespace, folders, quota. */
#include "imap/names.h"
#include "imap/session.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 1000000u /* mailboxes of one account */

typedef struct reading { /* passes through the callbacks */
    haul_imap_account *a;
    bool utf8, found;
} reading;

/* ── kind of server ── */

typedef struct kind_of {
    const char *mark; /* in the answer to ID, lower case */
    haul_imap_preset preset;
} kind_of;

static const kind_of kinds[] = {{"dovecot", HAUL_IMAP_PRESET_DOVECOT},
                                {"cyrus", HAUL_IMAP_PRESET_CYRUS},
                                {"fastmail", HAUL_IMAP_PRESET_CYRUS},
                                {"gimap", HAUL_IMAP_PRESET_GMAIL},
                                {"microsoft.exchange", HAUL_IMAP_PRESET_EXCHANGE}};

static void on_id(haul_imap_command *c, const haul_imap_reply *r)
{
    reading *y = c->ctx;
    haul_auto_str low = {0};
    for (size_t i = 0; i < r->rest.len; i++)
        haul_str_addc(&low, (char)haul_lower((unsigned char)r->rest.p[i]));
    if (!haul_istarts(haul_strz(&low), low.len, "id "))
        return;
    for (size_t i = 0; i < HAUL_COUNT(kinds); i++)
        if (strstr(low.p, kinds[i].mark)) {
            y->a->preset = kinds[i].preset;
            return;
        }
}

static void settle_kind(haul_imap_account *a, const haul_imap_session *s)
{
    if (haul_imap_can_do(s, HAUL_IMAP_CAN_GMAIL))
        a->preset = HAUL_IMAP_PRESET_GMAIL;
    else if (haul_iends(s->config->url.host, ".office365.com") ||
             haul_iends(s->config->url.host, ".outlook.com"))
        a->preset = HAUL_IMAP_PRESET_EXCHANGE;
    if (s->config->preset)
        a->preset = *s->config->preset;
}

/* ── namespace (RFC 2342) ── */

/* "NAMESPACE ((prefix sep)…) …": the first personal one. */
static void on_namespace(haul_imap_command *c, const haul_imap_reply *r)
{
    reading *y = c->ctx;
    haul_imap_tokens t = {0};
    haul_auto_str name = {0};
    haul_imap_tokens_init(&t, r->rest);
    haul_imap_step(&t);
    if (haul_imap_token_is(&t, "NAMESPACE") && haul_imap_step(&t) == HAUL_IMAP_OPEN &&
        haul_imap_step(&t) == HAUL_IMAP_OPEN && haul_imap_step(&t) == HAUL_IMAP_STRING &&
        haul_imap_mailbox_read(haul_strz(&t.text), t.text.len, y->utf8, &name)) {
        haul_imap_type type = haul_imap_step(&t);
        if (type == HAUL_IMAP_STRING || type == HAUL_IMAP_NIL) {
            y->a->separator = type == HAUL_IMAP_STRING && t.text.len == 1 ? t.text.p[0] : '\0';
            free(y->a->prefix);
            y->a->prefix = haul_strdup(haul_strz(&name));
            y->found = true;
        }
    }
    haul_imap_tokens_done(&t);
}

/* Without NAMESPACE: LIST "" "" tells the separator. */
static void on_separator(haul_imap_command *c, const haul_imap_reply *r)
{
    reading *y = c->ctx;
    haul_imap_tokens t = {0};
    haul_imap_tokens_init(&t, r->rest);
    haul_imap_step(&t);
    if (haul_imap_token_is(&t, "LIST") && haul_imap_pass(&t)) {
        haul_imap_type type = haul_imap_step(&t);
        if (type == HAUL_IMAP_STRING || type == HAUL_IMAP_NIL)
            y->a->separator = type == HAUL_IMAP_STRING && t.text.len == 1 ? t.text.p[0] : '\0';
    }
    haul_imap_tokens_done(&t);
}

/* ── folders ── */

static void on_list(haul_imap_command *c, const haul_imap_reply *r)
{
    reading *y = c->ctx;
    haul_role role = HAUL_ROLE_NONE;
    bool exists = true;
    haul_auto_str name = {0};
    haul_imap_tokens t = {0};
    haul_imap_tokens_init(&t, r->rest);
    haul_imap_step(&t);
    bool list = haul_imap_token_is(&t, "LIST") && haul_imap_step(&t) == HAUL_IMAP_OPEN;
    while (list && haul_imap_step(&t) == HAUL_IMAP_ATOM) {
        haul_role one = haul_imap_role_of_attribute(haul_strz(&t.text), t.text.len);
        role = one != HAUL_ROLE_NONE ? one : role;
        exists = exists && !haul_imap_token_is(&t, "\\NonExistent") && !haul_imap_token_is(&t, "\\Noselect");
    }
    if (list && t.type == HAUL_IMAP_CLOSE && haul_imap_step(&t) != HAUL_IMAP_END &&
        (haul_imap_step(&t) == HAUL_IMAP_STRING || t.type == HAUL_IMAP_ATOM || t.type == HAUL_IMAP_NIL) &&
        exists && haul_imap_mailbox_read(haul_strz(&t.text), t.text.len, y->utf8, &name) &&
        g_hash_table_size(y->a->names) < NAMES_MAX) {
        y->a->has_special_use |= role != HAUL_ROLE_NONE;
        g_hash_table_insert(y->a->names, g_strdup(haul_strz(&name)), GINT_TO_POINTER((int)role + 1));
    }
    haul_imap_tokens_done(&t);
}

/* ── quota (RFC 9208): STORAGE is in units of 1024 octets ── */

static void on_quota(haul_imap_command *c, const haul_imap_reply *r)
{
    reading *y = c->ctx;
    haul_imap_tokens t = {0};
    haul_imap_tokens_init(&t, r->rest);
    haul_imap_step(&t);
    bool quota =
        haul_imap_token_is(&t, "QUOTA") && haul_imap_pass(&t) && haul_imap_step(&t) == HAUL_IMAP_OPEN;
    while (quota && haul_imap_step(&t) == HAUL_IMAP_ATOM) {
        bool storage = haul_imap_token_is(&t, "STORAGE");
        uint64_t used = 0, limit = 0;
        if (!haul_imap_step_number(&t, &used) || !haul_imap_step_number(&t, &limit))
            break;
        uint64_t room = used < limit ? (limit - used) * 1024 : 0;
        if (storage && limit < UINT64_MAX / 1024 && (!y->a->has_quota || room < y->a->room)) {
            y->a->room = room;
            y->a->has_quota = true;
        }
    }
    haul_imap_tokens_done(&t);
}

/* ── all of it ── */

/* Replies are told apart by their names, whichever question they answer. */
static void on_account(haul_imap_command *c, const haul_imap_reply *r)
{
    on_id(c, r);
    on_namespace(c, r);
    on_list(c, r);
    on_quota(c, r);
}

static haul_imap_command *question(const char *text, reading *y)
{
    haul_imap_command *c = haul_imap_command_new("%s\r\n", text);
    c->data = on_account;
    c->ctx = y;
    return c;
}

/* One round trip for all. */
static haul_rc ask_all(haul_imap_session *s, reading *y, haul_err *e)
{
    haul_imap_command *ask[4];
    size_t n = 0;
    bool extended =
        haul_imap_can_do(s, HAUL_IMAP_CAN_SPECIAL_USE) && haul_imap_can_do(s, HAUL_IMAP_CAN_LIST_EXTENDED);
    if (haul_imap_can_do(s, HAUL_IMAP_CAN_ID))
        ask[n++] = question("ID (\"name\" \"mailhaul\" \"version\" \"" HAUL_VERSION "\")", y);
    if (haul_imap_can_do(s, HAUL_IMAP_CAN_NAMESPACE))
        ask[n++] = question("NAMESPACE", y);
    ask[n++] = question(extended ? "LIST \"\" \"*\" RETURN (SPECIAL-USE)" : "LIST \"\" \"*\"", y);
    if (haul_imap_can_do(s, HAUL_IMAP_CAN_QUOTA))
        ask[n++] = question("GETQUOTAROOT INBOX", y);
    return haul_imap_run_all(&s->client, ask, n, e);
}

haul_rc haul_imap_account_read(haul_imap_account *a, haul_imap_session *s, haul_err *e)
{
    reading y = {.a = a, .utf8 = s->utf8};
    *a = (haul_imap_account){.prefix = haul_strdup(""),
                             .names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    haul_rc rc = ask_all(s, &y, e);
    settle_kind(a, s);
    if (rc != HAUL_OK || y.found)
        return rc;
    haul_imap_command *c = haul_imap_command_new("LIST \"\" \"\"\r\n");
    c->data = on_separator;
    c->ctx = &y;
    return haul_imap_run(&s->client, c, NULL, e);
}

void haul_imap_account_done(haul_imap_account *a)
{
    free(a->prefix);
    if (a->names)
        g_hash_table_destroy(a->names);
    *a = (haul_imap_account){0};
}
