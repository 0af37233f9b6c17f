#include "imap/sasl.h"

#include "base/utf.h"
#include "imap/scram.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct haul_sasl {
    haul_sasl_mech mech;
    const haul_sasl_login *login;
    unsigned at;  /* responses given */
    bool ended;   /* by a failure */
    bool refused; /* the server has said so in a challenge */
    haul_scram *scram;
    haul_str detail;
};

haul_sasl *haul_sasl_new(haul_sasl_mech mech, const haul_sasl_login *login)
{
    haul_sasl *s = haul_calloc(1, sizeof(*s));
    s->mech = mech;
    s->login = login;
    if (mech == HAUL_SASL_SCRAM_SHA_1 || mech == HAUL_SASL_SCRAM_SHA_256)
        s->scram = haul_scram_new(mech == HAUL_SASL_SCRAM_SHA_256, login);
    return s;
}

void haul_sasl_free(haul_sasl *s)
{
    if (!s)
        return;
    haul_scram_free(s->scram);
    haul_str_done(&s->detail);
    free(s);
}

const char *haul_sasl_detail(const haul_sasl *s)
{
    return haul_strz(&s->detail);
}

/* ── text ── */

static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

void haul_sasl_clean(haul_str *to, const char *p, size_t n)
{
    haul_auto_str text = {0};
    (void)haul_utf8_clean(&text, p, n < HAUL_SASL_DETAIL_MAX ? n : HAUL_SASL_DETAIL_MAX, false);
    for (size_t i = 0; i < text.len; i++) {
        bool c1 = text.p[i] == '\xc2' && (unsigned char)text.p[i + 1] < 0xa0;
        if (c1 || is_control((unsigned char)text.p[i]))
            text.p[i] = ' ';
        if (c1)
            text.p[i + 1] = ' ';
    }
    haul_str_add(to, haul_strz(&text), haul_utf8_cut(haul_strz(&text), text.len, HAUL_SASL_DETAIL_MAX));
}

void haul_sasl_name(haul_str *to, const char *z)
{
    for (; *z; z++) {
        if (*z == ',' || *z == '=')
            haul_str_addz(to, *z == ',' ? "=2C" : "=3D");
        else
            haul_str_addc(to, *z);
    }
}

static int sextet(char c)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(letters, c) : NULL;
    return at ? (int)(at - letters) : -1;
}

/* Four characters. False: no base64, or bits behind its end. */
static bool decode_quad(haul_str *to, const char *p, unsigned pad)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < 4; i++) {
        int v = i < 4 - pad ? sextet(p[i]) : 0;
        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
    }
    const char octets[3] = {(char)(bits >> 16 & 0xff), (char)(bits >> 8 & 0xff), (char)(bits & 0xff)};
    haul_str_add(to, octets, 3 - pad);
    return (bits & ((1u << 8 * pad) - 1)) == 0;
}

bool haul_sasl_decode(haul_str *to, const char *p, size_t n)
{
    size_t had = to->len;
    unsigned pad = n >= 4 && p[n - 1] == '=' ? (p[n - 2] == '=' ? 2 : 1) : 0;
    bool good = n % 4 == 0;
    for (size_t i = 0; good && i < n; i += 4)
        good = decode_quad(to, p + i, i + 4 == n ? pad : 0);
    if (!good && to->p) {
        to->len = had;
        to->p[had] = '\0';
    }
    return good;
}

/* ── PLAIN, LOGIN, EXTERNAL ── */

static haul_rc too_much(const haul_sasl *s, haul_err *e)
{
    return haul_fail(e, HAUL_E_AUTH, "the server asks for more than %s has", haul_sasl_infos[s->mech].name);
}

static haul_rc add_secret(const haul_sasl *s, haul_secret *ret, haul_err *e)
{
    return haul_secret_add(ret, haul_secret_text(s->login->secret), haul_secret_len(s->login->secret), e);
}

static haul_rc add_z(haul_secret *ret, const char *z, haul_err *e)
{
    return haul_secret_add(ret, z, strlen(z) + 1, e);
}

static haul_rc step_plain(haul_sasl *s, const char *p, size_t n, haul_secret *ret, haul_err *e)
{
    (void)p, (void)n;
    if (s->at > 0)
        return too_much(s, e);
    haul_rc rc = add_z(ret, s->login->authzid ? s->login->authzid : "", e);
    if (rc == HAUL_OK)
        rc = add_z(ret, s->login->user, e);
    return rc == HAUL_OK ? add_secret(s, ret, e) : rc;
}

/* What the prompts say is not the same everywhere; their order is. */
static haul_rc step_login(haul_sasl *s, const char *p, size_t n, haul_secret *ret, haul_err *e)
{
    (void)n;
    if (!p)
        return HAUL_END;
    if (s->at > 1)
        return too_much(s, e);
    return s->at == 0 ? haul_secret_cat(ret, e, s->login->user) : add_secret(s, ret, e);
}

static haul_rc step_external(haul_sasl *s, const char *p, size_t n, haul_secret *ret, haul_err *e)
{
    (void)p, (void)n;
    const char *who = s->login->authzid ? s->login->authzid : s->login->user;
    if (s->at > 0)
        return too_much(s, e);
    return haul_secret_cat(ret, e, who ? who : "");
}

/* ── SCRAM ── */

static haul_rc step_scram(haul_sasl *s, const char *p, size_t n, haul_secret *ret, haul_err *e)
{
    return haul_scram_step(s->scram, p ? p : "", n, ret, e);
}

/* ── OAuth ── */

static void add_member(haul_str *to, const json_t *object, const char *name)
{
    const json_t *v = json_object_get(object, name);
    if (!json_is_string(v) && !json_is_integer(v))
        return;
    haul_str_addf(to, "%s%s ", to->len ? ", " : "", name);
    if (json_is_string(v))
        haul_str_add(to, json_string_value(v), json_string_length(v));
    else
        haul_str_addf(to, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
}

/* RFC 7628 3.2.2, and Google's the same: {"status":"invalid_token","schemes":"bearer","scope":"…"}. */
static void keep_detail(haul_sasl *s, const char *p, size_t n)
{
    haul_auto_str said = {0};
    json_t *object = json_loadb(p, n, 0, NULL);
    add_member(&said, object, "status");
    add_member(&said, object, "schemes");
    add_member(&said, object, "scope");
    json_decref(object);
    if (said.len == 0)
        haul_str_add(&said, p, n);
    haul_sasl_clean(&s->detail, haul_strz(&said), said.len);
    if (haul_secret_shown(s->login->secret, haul_sasl_detail(s)))
        haul_str_clear(&s->detail);
}

static const char *oauth_user(const haul_sasl *s)
{
    return s->login->authzid ? s->login->authzid : s->login->user;
}

/* The server says that it refuses; it says NO once the dummy is there. */
static haul_rc oauth_refused(haul_sasl *s, const char *p, size_t n, const char *dummy, haul_secret *ret,
                             haul_err *e)
{
    if (s->at > 1)
        return too_much(s, e);
    s->refused = true;
    keep_detail(s, p, n);
    return haul_secret_cat(ret, e, dummy);
}

static haul_rc step_xoauth2(haul_sasl *s, const char *p, size_t n, haul_secret *ret, haul_err *e)
{
    if (s->at > 0)
        return oauth_refused(s, p, n, "", ret, e);
    return haul_secret_cat(ret, e, "user=", oauth_user(s), "\1auth=Bearer ",
                           haul_secret_text(s->login->secret), "\1\1");
}

static haul_rc step_oauthbearer(haul_sasl *s, const char *p, size_t n, haul_secret *ret, haul_err *e)
{
    haul_auto_str head = {0};
    if (s->at > 0)
        return oauth_refused(s, p, n, "\1", ret, e);
    haul_str_addz(&head, "n,a=");
    haul_sasl_name(&head, oauth_user(s));
    haul_str_addf(&head, ",\1host=%s\1port=%u\1auth=Bearer ", s->login->host ? s->login->host : "",
                  s->login->port);
    return haul_secret_cat(ret, e, head.p, haul_secret_text(s->login->secret), "\1\1");
}

/* ── the exchange ── */

static haul_rc (*const steps[HAUL_SASL_COUNT])(haul_sasl *, const char *, size_t, haul_secret *,
                                               haul_err *) = {
    [HAUL_SASL_OAUTHBEARER] = step_oauthbearer,
    [HAUL_SASL_XOAUTH2] = step_xoauth2,
    [HAUL_SASL_SCRAM_SHA_256] = step_scram,
    [HAUL_SASL_SCRAM_SHA_1] = step_scram,
    [HAUL_SASL_PLAIN] = step_plain,
    [HAUL_SASL_LOGIN] = step_login,
    [HAUL_SASL_EXTERNAL] = step_external,
};

static haul_rc check_name(const char *what, const char *z, bool wanted, haul_err *e)
{
    if (wanted && (!z || !*z))
        return haul_fail(e, HAUL_E_AUTH, "there is no %s", what);
    for (; z && *z; z++)
        if (is_control((unsigned char)*z))
            return haul_fail(e, HAUL_E_AUTH, "a control character in the %s", what);
    return HAUL_OK;
}

/* RFC 6750 2.1 has fewer characters yet, but servers make their tokens as they like. */
static haul_rc check_secret(const haul_secret *s, bool token, haul_err *e)
{
    const char *what = token ? "token" : "password", *p = s ? haul_secret_text(s) : "";
    size_t n = s ? haul_secret_len(s) : 0;
    if (n == 0)
        return haul_fail(e, HAUL_E_AUTH, "there is no %s", what);
    if (memchr(p, '\0', n))
        return haul_fail(e, HAUL_E_AUTH, "a NUL in the %s", what);
    for (size_t i = 0; token && i < n; i++)
        if (p[i] < 0x21 || p[i] > 0x7e)
            return haul_fail(e, HAUL_E_AUTH, "a character in the token that no bearer token has");
    return HAUL_OK;
}

static haul_rc check_login(const haul_sasl *s, haul_err *e)
{
    haul_sasl_need need = haul_sasl_infos[s->mech].need;
    bool certificate = need == HAUL_SASL_CERTIFICATE;
    haul_rc rc = check_name("user name", s->login->user, !certificate, e);
    if (rc == HAUL_OK)
        rc = check_name("name of the other user", s->login->authzid, false, e);
    if (rc == HAUL_OK)
        rc = check_name("host name", s->login->host, false, e);
    if (rc == HAUL_OK && !certificate)
        rc = check_secret(s->login->secret, need == HAUL_SASL_TOKEN, e);
    return rc;
}

static haul_rc step(haul_sasl *s, const char *p, size_t n, haul_secret *ret, haul_err *e)
{
    const haul_sasl_info *info = &haul_sasl_infos[s->mech];
    if (s->ended)
        return haul_fail(e, HAUL_E_AUTH, "the exchange has failed before");
    if (n > HAUL_SASL_CHALLENGE_MAX)
        return haul_fail(e, HAUL_E_AUTH, "a challenge of more than %u octets", HAUL_SASL_CHALLENGE_MAX);
    if (s->at == 0 && info->first && n > 0)
        return haul_fail(e, HAUL_E_AUTH, "the server says something before %s begins", info->name);
    if (s->at > 0 && !p)
        return haul_fail(e, HAUL_E_AUTH, "an initial response in the middle");
    haul_rc rc = s->at == 0 ? check_login(s, e) : HAUL_OK;
    return rc == HAUL_OK ? steps[s->mech](s, p, n, ret, e) : rc;
}

haul_rc haul_sasl_step(haul_sasl *s, const void *challenge, size_t n, haul_secret *ret, haul_err *e)
{
    haul_secret_clear(ret);
    haul_rc rc = step(s, challenge, n, ret, e);
    if (rc == HAUL_OK)
        s->at++;
    if (rc < 0) {
        s->ended = true;
        haul_secret_clear(ret);
    }
    return rc;
}

bool haul_sasl_done_ok(const haul_sasl *s)
{
    if (s->ended || s->refused)
        return false;
    if (s->scram)
        return haul_scram_verified(s->scram);
    return s->at == (s->mech == HAUL_SASL_LOGIN ? 2u : 1u);
}
