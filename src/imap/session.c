#include "imap/session.h"

#include "imap/sasl.h"

#include <stdlib.h>
#include <string.h>

/* ── capabilities ── */

static const char *const can_names[HAUL_IMAP_CAN_COUNT] = {
#define X(id, name) name,
    HAUL_IMAP_CAN_LIST(X)
#undef X
};

static bool has_cap(const haul_imap_session *s, const char *name)
{
    haul_auto_str padded = {0};
    haul_str_addf(&padded, " %s ", name);
    return strstr(haul_strz(&s->caps), padded.p) != NULL;
}

bool haul_imap_can_do(const haul_imap_session *s, haul_imap_can what)
{
    return has_cap(s, can_names[what]);
}

static void take_caps(haul_imap_session *s, haul_span list)
{
    haul_str_clear(&s->caps);
    haul_str_addc(&s->caps, ' ');
    for (size_t i = 0; i < list.len; i++)
        haul_str_addc(&s->caps, (char)(list.p[i] >= 'a' && list.p[i] <= 'z' ? list.p[i] - 32 : list.p[i]));
    haul_str_addc(&s->caps, ' ');
    const char *limit = strstr(s->caps.p, " APPENDLIMIT="); /* RFC 7889 */
    if (limit) {
        limit += strlen(" APPENDLIMIT=");
        if (!haul_parse_u64(limit, strcspn(limit, " "), &s->append_limit))
            s->append_limit = 0;
    }
}

/* Capabilities, as a reply of their own or as a code of another one. */
static bool see_caps(haul_imap_session *s, const haul_imap_reply *r)
{
    haul_span list = {0};
    if (r->kind == HAUL_IMAP_DATA && haul_istarts(r->rest.p, r->rest.len, "CAPABILITY "))
        list = (haul_span){r->rest.p + 11, r->rest.len - 11};
    else if (!haul_imap_code(r, "CAPABILITY", &list))
        return false;
    take_caps(s, list);
    return true;
}

static void on_capability(haul_imap_command *c, const haul_imap_reply *r)
{
    (void)see_caps(c->ctx, r);
}

static haul_rc ask_caps(haul_imap_session *s, haul_err *e)
{
    haul_imap_command *c = haul_imap_command_new("CAPABILITY\r\n");
    c->data = on_capability;
    c->ctx = s;
    return haul_imap_must(&s->client, c, HAUL_E_NETWORK, "CAPABILITY", e);
}

/* libcurl may have swallowed a part of what followed its own CAPABILITY; all before the answer to ours is void. */
static haul_rc first_words(haul_imap_session *s, haul_err *e)
{
    char tag[12];
    haul_auto_str line = {0};
    haul_imap_next_tag(&s->client, tag);
    haul_str_addf(&line, "%s CAPABILITY\r\n", tag);
    haul_rc rc = haul_imap_send_now(&s->client, line.p, line.len, e);
    while (rc == HAUL_OK) {
        haul_imap_reply r;
        rc = haul_imap_next_reply(&s->client, &r, e);
        if (rc != HAUL_OK)
            break;
        (void)see_caps(s, &r);
        if (r.kind == HAUL_IMAP_BYE)
            return haul_fail(e, HAUL_E_NETWORK, "the server said goodbye: %.*s", (int)r.rest.len, r.rest.p);
        if (haul_span_is(r.tag, tag))
            return r.kind == HAUL_IMAP_OK ? HAUL_OK
                                          : haul_fail(e, HAUL_E_NETWORK, "the server refused CAPABILITY");
    }
    return rc;
}

/* ── authentication ── */

/* A token from a command is taken anew for each connection: it may have run out. All else is asked for once, and kept. */
static haul_rc get_secret(haul_imap_session *s, bool is_token, haul_secret *to, haul_err *e)
{
    haul_imap_config *c = s->config;
    haul_auto_str what = {0};
    if (c->kept)
        return haul_secret_add(to, haul_secret_text(c->kept), haul_secret_len(c->kept), e);
    haul_str_addf(&what, "%s of %s@%s", is_token ? "access token" : "password",
                  c->url.user ? c->url.user : "", c->url.host);
    haul_secret_source src = {.file = is_token ? NULL : c->password_file,
                              .command = is_token ? c->token_command : c->password_command,
                              .env = is_token ? "MAILHAUL_OAUTH_TOKEN" : "MAILHAUL_PASSWORD",
                              .ask = is_token ? NULL : c->ask,
                              .what = what.p};
    haul_rc rc = haul_secret_get(&src, to, &c->password_exposed, e);
    if (rc != HAUL_OK || (is_token && c->token_command))
        return rc;
    c->kept = haul_secret_new();
    c->kept_is_token = is_token;
    return haul_secret_add(c->kept, haul_secret_text(to), haul_secret_len(to), e);
}

/* The variable is gone once it was read. */
static bool wants_token(const haul_imap_config *c)
{
    if (c->kept)
        return c->kept_is_token;
    return c->token_command || (getenv("MAILHAUL_OAUTH_TOKEN") && !c->password_file && !c->password_command);
}

static haul_rc choose(haul_imap_session *s, bool token, haul_sasl_mech *ret, haul_err *e)
{
    const haul_imap_config *c = s->config;
    haul_sasl_wish wish = {.password = !token,
                           .token = token,
                           .certificate = c->conn.cert != NULL,
                           .encrypted = c->conn.security != HAUL_CONN_PLAIN,
                           .allow_plain = true, /* the user said --insecure-plaintext, or it would not be */
                           .forced = c->auth};
    return haul_sasl_choose(haul_strz(&s->caps), &wish, ret, e);
}

static haul_rc refused(const haul_imap_reply *r, const haul_sasl *sasl, haul_err *e)
{
    const char *more = sasl ? haul_sasl_detail(sasl) : "";
    bool later = haul_imap_code(r, "UNAVAILABLE", NULL) || haul_imap_code(r, "INUSE", NULL) ||
                 haul_imap_code(r, "LIMIT", NULL) || r->kind == HAUL_IMAP_BYE;
    return haul_fail(e, later ? HAUL_E_NETWORK : HAUL_E_AUTH, "the server refused the login: %.*s%s%s",
                     (int)r->rest.len, r->rest.p, *more ? ": " : "", more);
}

/* One answer of ours: base64, "=" for an empty initial one, from memory that is in no core dump. */
static haul_rc answer(haul_imap_session *s, haul_sasl *sasl, haul_span challenge, const char *before,
                      haul_err *e)
{
    haul_auto(haul_secret) *plain = haul_secret_new(), *line = haul_secret_new();
    haul_rc rc = haul_sasl_step(sasl, challenge.p, challenge.len, plain, e);
    if (rc == HAUL_OK)
        rc = haul_secret_add(line, before, strlen(before), e);
    if (rc == HAUL_OK && *before && !haul_secret_len(plain))
        rc = haul_secret_add(line, "=", 1, e);
    if (rc == HAUL_OK)
        rc = haul_secret_base64(line, plain, e);
    if (rc == HAUL_OK)
        rc = haul_secret_add(line, "\r\n", 2, e);
    return rc == HAUL_OK ? haul_imap_send_now(&s->client, haul_secret_text(line), haul_secret_len(line), e)
                         : rc;
}

static haul_rc challenge(haul_imap_session *s, haul_sasl *sasl, const haul_imap_reply *r, haul_err *e)
{
    haul_auto_str plain = {0};
    haul_span text = haul_span_trim(r->rest);
    if (!haul_sasl_decode(&plain, text.p, text.len))
        return haul_fail(e, HAUL_E_NETWORK, "the server's challenge is not base64");
    return answer(s, sasl, (haul_span){haul_strz(&plain), plain.len}, "", e);
}

static haul_rc exchange(haul_imap_session *s, haul_sasl *sasl, const haul_sasl_info *info, haul_err *e)
{
    char tag[12];
    haul_auto_str line = {0};
    bool initial = haul_imap_can_do(s, HAUL_IMAP_CAN_SASL_IR) && info->first;
    haul_imap_next_tag(&s->client, tag);
    haul_str_addf(&line, "%s AUTHENTICATE %s%s", tag, info->name, initial ? " " : "\r\n");
    haul_rc rc = initial ? answer(s, sasl, (haul_span){NULL, 0}, line.p, e)
                         : haul_imap_send_now(&s->client, line.p, line.len, e);
    while (rc == HAUL_OK) {
        haul_imap_reply r;
        rc = haul_imap_next_reply(&s->client, &r, e);
        if (rc != HAUL_OK)
            return rc;
        s->told |= see_caps(s, &r);
        if (r.kind == HAUL_IMAP_CONTINUE)
            rc = challenge(s, sasl, &r, e);
        else if (r.kind == HAUL_IMAP_BYE)
            return refused(&r, sasl, e);
        else if (haul_span_is(r.tag, tag) && r.kind != HAUL_IMAP_OK)
            return refused(&r, sasl, e);
        else if (haul_span_is(r.tag, tag))
            return haul_sasl_done_ok(sasl)
                       ? HAUL_OK
                       : haul_fail(e, HAUL_E_AUTH, "the server did not prove that it knows the password");
    }
    return rc;
}

/* Old servers have no AUTH= but take the command LOGIN (RFC 3501 6.2.3); quoted strings hold no 8-bit octets. */
static haul_rc login_command(haul_imap_session *s, const haul_secret *password, haul_err *e)
{
    char tag[12];
    haul_auto(haul_secret) *line = haul_secret_new();
    const char *z[] = {s->config->url.user, haul_secret_text(password)};
    haul_imap_next_tag(&s->client, tag);
    haul_rc rc = haul_secret_cat(line, e, tag, " LOGIN");
    for (size_t i = 0; rc == HAUL_OK && i < HAUL_COUNT(z); i++) {
        rc = haul_secret_cat(line, e, " \"");
        for (const char *p = z[i]; rc == HAUL_OK && *p; p++) {
            if ((unsigned char)*p < 32 || (unsigned char)*p > 126)
                return haul_fail(e, HAUL_E_AUTH, "the server takes only ASCII in user and password");
            rc = haul_secret_add(line, "\\", *p == '"' || *p == '\\', e);
            if (rc == HAUL_OK)
                rc = haul_secret_add(line, p, 1, e);
        }
        if (rc == HAUL_OK)
            rc = haul_secret_cat(line, e, "\"");
    }
    if (rc == HAUL_OK)
        rc = haul_secret_cat(line, e, "\r\n");
    if (rc == HAUL_OK)
        rc = haul_imap_send_now(&s->client, haul_secret_text(line), haul_secret_len(line), e);
    while (rc == HAUL_OK) {
        haul_imap_reply r;
        rc = haul_imap_next_reply(&s->client, &r, e);
        s->told |= rc == HAUL_OK && see_caps(s, &r);
        if (rc == HAUL_OK &&
            (r.kind == HAUL_IMAP_BYE || (haul_span_is(r.tag, tag) && r.kind != HAUL_IMAP_OK)))
            return refused(&r, NULL, e);
        if (rc == HAUL_OK && haul_span_is(r.tag, tag))
            break;
    }
    return rc;
}

static bool only_login(const haul_imap_session *s)
{
    return !strstr(haul_strz(&s->caps), " AUTH=") && !s->config->auth && s->config->url.user &&
           !haul_imap_can_do(s, HAUL_IMAP_CAN_LOGINDISABLED);
}

/* A server's words may hold what it was sent; they are reported. */
static haul_rc unsaid(const haul_secret *secret, haul_rc rc, haul_err *e)
{
    if (rc != HAUL_OK && e && haul_secret_shown(secret, e->text))
        haul_fail(e, rc, "the server refused the login");
    return rc;
}

static haul_rc authenticate(haul_imap_session *s, haul_err *e)
{
    const haul_imap_config *c = s->config;
    bool token = wants_token(c);
    haul_sasl_mech mech;
    haul_auto(haul_secret) *secret = haul_secret_new();
    if (!token && only_login(s)) {
        haul_rc got = get_secret(s, false, secret, e);
        return got == HAUL_OK ? unsaid(secret, login_command(s, secret, e), e) : got;
    }
    haul_rc rc = choose(s, token, &mech, e);
    if (rc == HAUL_OK && haul_sasl_infos[mech].need != HAUL_SASL_CERTIFICATE)
        rc = get_secret(s, token, secret, e);
    if (rc != HAUL_OK)
        return rc;
    haul_sasl_login login = {.user = c->url.user, .secret = secret, .host = c->url.host, .port = c->url.port};
    haul_auto(haul_sasl) *sasl = haul_sasl_new(mech, &login);
    return unsaid(secret, exchange(s, sasl, &haul_sasl_infos[mech], e), e);
}

static void on_enabled(haul_imap_command *c, const haul_imap_reply *r)
{
    haul_imap_session *s = c->ctx;
    haul_auto_str line = {0};
    haul_str_add(&line, r->rest.p, r->rest.len);
    if (haul_istarts(r->rest.p, r->rest.len, "ENABLED") && strstr(haul_strz(&line), "UTF8=ACCEPT"))
        s->utf8 = true;
}

/* RFC 6855: names then are UTF-8, and messages with 8-bit headers are sent as such. */
static haul_rc enable_utf8(haul_imap_session *s, haul_err *e)
{
    if (!haul_imap_can_do(s, HAUL_IMAP_CAN_UTF8_ONLY) && !haul_imap_can_do(s, HAUL_IMAP_CAN_UTF8_ACCEPT))
        return HAUL_OK;
    haul_imap_command *c = haul_imap_command_new("ENABLE UTF8=ACCEPT\r\n");
    c->data = on_enabled;
    c->ctx = s;
    return haul_imap_run(&s->client, c, NULL, e);
}

haul_rc haul_imap_login(haul_imap_session *s, haul_imap_config *c, haul_err *e)
{
    haul_conn *conn = NULL;
    *s = (haul_imap_session){.config = c};
    haul_rc rc = haul_conn_open(&c->conn, &conn, e);
    if (rc != HAUL_OK)
        return rc;
    haul_imap_client_init(&s->client, conn);
    s->client.waiting = c->waiting;
    s->client.ctx = c->ctx;
    s->client.silence_s = c->silence_s;
    s->open = true;
    rc = first_words(s, e);
    if (rc == HAUL_OK)
        rc = authenticate(s, e);
    if (rc == HAUL_OK && !s->told)
        rc = ask_caps(s, e); /* they change with the login */
    if (rc == HAUL_OK)
        rc = enable_utf8(s, e);
    if (rc == HAUL_OK && c->compress == HAUL_IMAP_COMPRESS_ALWAYS)
        rc = haul_imap_compress_now(s, e);
    if (rc == HAUL_OK)
        return HAUL_OK;
    haul_imap_session_done(s);
    return haul_wrap(e, rc, "%s", c->url.host);
}

void haul_imap_session_done(haul_imap_session *s)
{
    if (s->open)
        haul_imap_client_done(&s->client);
    haul_str_done(&s->caps);
    *s = (haul_imap_session){0};
}

void haul_imap_logout(haul_imap_session *s)
{
    if (s->open && s->client.dead == HAUL_OK) {
        s->client.waiting = NULL;
        s->client.silence_s = 2;
        (void)!haul_imap_run(&s->client, haul_imap_command_new("LOGOUT\r\n"), NULL, NULL);
    }
    haul_imap_session_done(s);
}

/* What follows the OK in the same segment is deflated already. */
static void on_compress(haul_imap_command *cmd, const haul_imap_reply *r)
{
    haul_imap_client *c = cmd->client;
    if (r->kind != HAUL_IMAP_OK)
        return;
    if (haul_conn_compress(c->conn, (haul_span){c->in + c->in_at, c->in_len - c->in_at}, &c->why) != HAUL_OK)
        c->dead = HAUL_E_NETWORK;
    c->in_at = c->in_len;
}

haul_rc haul_imap_compress_now(haul_imap_session *s, haul_err *e)
{
    if (s->compressed || !haul_imap_can_do(s, HAUL_IMAP_CAN_COMPRESS) ||
        haul_conn_tls_compresses(s->client.conn))
        return HAUL_OK;
    s->compressed = true; /* also when it is refused: it is asked for once */
    haul_imap_command *c = haul_imap_command_new("COMPRESS DEFLATE\r\n");
    c->tagged = on_compress;
    c->keep = true;
    haul_imap_queue(&s->client, c);
    haul_rc rc = haul_imap_wait(&s->client, c, e);
    if (c->done)
        haul_imap_command_free(c);
    return rc;
}
