#include "imap/scram.h"

#include "imap/saslprep.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define NONCE_OCTETS 18u /* of chance: 24 characters of base64 without padding */

typedef struct keys { /* in the pages of a secret */
    unsigned char salted[EVP_MAX_MD_SIZE], client[EVP_MAX_MD_SIZE], stored[EVP_MAX_MD_SIZE];
    unsigned char server[EVP_MAX_MD_SIZE], signature[EVP_MAX_MD_SIZE], proof[EVP_MAX_MD_SIZE];
} keys;

struct haul_scram {
    const haul_sasl_login *login;
    const EVP_MD *md;
    size_t size; /* octets of a digest */
    unsigned at; /* messages sent */
    bool verified;
    haul_str gs2, nonce, auth; /* auth: AuthMessage as far as it goes; none of them is secret */
    haul_secret *pages;
    keys *k;
};

typedef struct server_first {
    haul_span nonce;
    haul_str salt;
    uint64_t iterations;
} server_first;

haul_scram *haul_scram_new(bool sha256, const haul_sasl_login *login)
{
    haul_scram *s = haul_calloc(1, sizeof(*s));
    s->login = login;
    s->md = sha256 ? EVP_sha256() : EVP_sha1();
    s->size = (size_t)EVP_MD_get_size(s->md);
    s->pages = haul_secret_new();
    s->k = haul_secret_grow(s->pages, sizeof(keys));
    return s;
}

void haul_scram_free(haul_scram *s)
{
    if (!s)
        return;
    haul_str_done(&s->gs2);
    haul_str_done(&s->nonce);
    haul_str_done(&s->auth);
    haul_secret_free(s->pages);
    free(s);
}

bool haul_scram_verified(const haul_scram *s)
{
    return s->verified;
}

/* ── the client's first message ── */

static haul_rc add_name(haul_str *to, const char *what, const char *z, haul_err *e)
{
    haul_auto(haul_secret) *prepared = haul_secret_new();
    haul_rc rc = haul_saslprep(prepared, what, z, strlen(z), e);
    if (rc == HAUL_OK)
        haul_sasl_name(to, haul_secret_text(prepared));
    return rc;
}

static haul_rc make_nonce(haul_scram *s, haul_err *e)
{
    unsigned char chance[NONCE_OCTETS], text[NONCE_OCTETS / 3 * 4 + 1];
    if (s->login->nonce) {
        haul_str_addz(&s->nonce, s->login->nonce);
        return HAUL_OK;
    }
    if (RAND_bytes(chance, sizeof(chance)) != 1)
        return haul_fail(e, HAUL_E_AUTH, "libcrypto gives no random octets");
    (void)EVP_EncodeBlock(text, chance, sizeof(chance));
    haul_str_addz(&s->nonce, (const char *)text);
    return HAUL_OK;
}

static haul_rc client_first(haul_scram *s, haul_secret *ret, haul_err *e)
{
    haul_rc rc = make_nonce(s, e);
    haul_str_addz(&s->gs2, "n,");
    if (rc == HAUL_OK && s->login->authzid) {
        haul_str_addz(&s->gs2, "a=");
        rc = add_name(&s->gs2, "name of the other user", s->login->authzid, e);
    }
    haul_str_addz(&s->gs2, ",");
    haul_str_addz(&s->auth, "n=");
    if (rc == HAUL_OK)
        rc = add_name(&s->auth, "user name", s->login->user, e);
    haul_str_addf(&s->auth, ",r=%s", haul_strz(&s->nonce));
    return rc == HAUL_OK ? haul_secret_cat(ret, e, s->gs2.p, s->auth.p) : rc;
}

/* ── what the server says ── */

/* "x=value," off the front of rest. False: it does not begin with x. */
static bool attribute(haul_span *rest, char x, haul_span *ret)
{
    if (rest->len < 2 || rest->p[0] != x || rest->p[1] != '=')
        return false;
    const char *comma = memchr(rest->p, ',', rest->len);
    size_t n = comma ? (size_t)(comma - rest->p) : rest->len;
    *ret = (haul_span){.p = rest->p + 2, .len = n - 2};
    n += comma ? 1 : 0;
    *rest = (haul_span){.p = rest->p + n, .len = rest->len - n};
    return true;
}

/* RFC 5802 7: "e=invalid-proof". */
static haul_rc odd(haul_span got, const char *why, haul_err *e)
{
    haul_span text = {0};
    haul_auto_str clean = {0};
    if (!attribute(&got, 'e', &text))
        return haul_fail(e, HAUL_E_AUTH, "the server's part of SCRAM is wrong: %s", why);
    haul_sasl_clean(&clean, text.p, text.len);
    return haul_fail(e, HAUL_E_AUTH, "the server refuses the login: %s", haul_strz(&clean));
}

/* Ours, and more from the server, in printable ASCII. */
static bool nonce_continues(haul_span got, const haul_str *ours)
{
    if (got.len <= ours->len || memcmp(got.p, ours->p, ours->len) != 0)
        return false;
    for (size_t i = 0; i < got.len; i++)
        if (got.p[i] < 0x21 || got.p[i] > 0x7e)
            return false;
    return true;
}

static haul_rc read_first(const haul_scram *s, haul_span got, server_first *f, haul_err *e)
{
    haul_span rest = got, salt = {0}, count = {0};
    if (!attribute(&rest, 'r', &f->nonce) || !attribute(&rest, 's', &salt) || !attribute(&rest, 'i', &count))
        return odd(got, "nonce, salt and count are not there in their order", e);
    if (!nonce_continues(f->nonce, &s->nonce))
        return odd(got, "its nonce does not continue ours", e);
    if (!haul_sasl_decode(&f->salt, salt.p, salt.len) || f->salt.len == 0)
        return odd(got, "its salt is not base64", e);
    if (!haul_parse_u64(count.p, count.len, &f->iterations))
        return odd(got, "its iteration count is no number", e);
    if (f->iterations < HAUL_SCRAM_ITERATIONS_MIN)
        return odd(got, "it asks for fewer iterations than is safe", e);
    if (f->iterations > HAUL_SCRAM_ITERATIONS_MAX)
        return odd(got, "it asks for more iterations than is sane", e);
    return HAUL_OK;
}

/* ── keys and proofs: RFC 5802 3 ── */

static bool hmac(const haul_scram *s, const unsigned char *key, const void *p, size_t n, unsigned char *to)
{
    return HMAC(s->md, key, (int)s->size, p, n, to, NULL) != NULL;
}

static bool hmac_text(const haul_scram *s, const unsigned char *key, const haul_str *text, unsigned char *to)
{
    return hmac(s, key, text->p, text->len, to);
}

static haul_rc derive(haul_scram *s, const server_first *f, haul_err *e)
{
    keys *k = s->k;
    const haul_secret *given = s->login->secret;
    haul_auto(haul_secret) *password = haul_secret_new();
    haul_rc rc = haul_saslprep(password, "password", haul_secret_text(given), haul_secret_len(given), e);
    if (rc != HAUL_OK)
        return rc;
    if (PKCS5_PBKDF2_HMAC(haul_secret_text(password), (int)haul_secret_len(password),
                          (const unsigned char *)f->salt.p, (int)f->salt.len, (int)f->iterations, s->md,
                          (int)s->size, k->salted) != 1 ||
        !hmac(s, k->salted, "Client Key", 10, k->client) ||
        !hmac(s, k->salted, "Server Key", 10, k->server) ||
        EVP_Digest(k->client, s->size, k->stored, NULL, s->md, NULL) != 1)
        return haul_fail(e, HAUL_E_AUTH, "libcrypto cannot do %s", EVP_MD_get0_name(s->md));
    return HAUL_OK;
}

static haul_rc prove(haul_scram *s, haul_err *e)
{
    keys *k = s->k;
    if (!hmac_text(s, k->stored, &s->auth, k->proof) || !hmac_text(s, k->server, &s->auth, k->signature))
        return haul_fail(e, HAUL_E_AUTH, "libcrypto cannot do %s", EVP_MD_get0_name(s->md));
    for (size_t i = 0; i < s->size; i++)
        k->proof[i] ^= k->client[i];
    return HAUL_OK;
}

static haul_rc answer(haul_scram *s, haul_span got, const server_first *f, haul_secret *ret, haul_err *e)
{
    haul_rc rc = haul_secret_add(ret, "c=", 2, e);
    if (rc == HAUL_OK)
        rc = haul_secret_base64n(ret, s->gs2.p, s->gs2.len, e);
    if (rc == HAUL_OK)
        rc = haul_secret_add(ret, ",r=", 3, e);
    if (rc == HAUL_OK)
        rc = haul_secret_add(ret, f->nonce.p, f->nonce.len, e);
    if (rc != HAUL_OK)
        return rc;
    haul_str_addc(&s->auth, ',');
    haul_str_add(&s->auth, got.p, got.len);
    haul_str_addc(&s->auth, ',');
    haul_str_add(&s->auth, haul_secret_text(ret), haul_secret_len(ret)); /* without a proof yet */
    rc = prove(s, e);
    if (rc == HAUL_OK)
        rc = haul_secret_add(ret, ",p=", 3, e);
    return rc == HAUL_OK ? haul_secret_base64n(ret, s->k->proof, s->size, e) : rc;
}

static haul_rc client_final(haul_scram *s, haul_span got, haul_secret *ret, haul_err *e)
{
    server_first f = {0};
    haul_rc rc = read_first(s, got, &f, e);
    if (rc == HAUL_OK)
        rc = derive(s, &f, e);
    if (rc == HAUL_OK)
        rc = answer(s, got, &f, ret, e);
    haul_str_done(&f.salt);
    return rc;
}

static haul_rc verify(haul_scram *s, haul_span got, haul_err *e)
{
    haul_auto_str signature = {0};
    haul_span rest = got, value = {0};
    if (!attribute(&rest, 'v', &value) || !haul_sasl_decode(&signature, value.p, value.len))
        return odd(got, "its signature is not there", e);
    if (signature.len != s->size || CRYPTO_memcmp(signature.p, s->k->signature, s->size) != 0)
        return haul_fail(e, HAUL_E_AUTH, "the server's signature is wrong: it does not know the password");
    s->verified = true;
    return HAUL_OK;
}

haul_rc haul_scram_step(haul_scram *s, const char *p, size_t n, haul_secret *ret, haul_err *e)
{
    haul_span got = {.p = p, .len = n};
    switch (s->at++) {
    case 0:
        return client_first(s, ret, e);
    case 1:
        return client_final(s, got, ret, e);
    case 2:
        return verify(s, got, e);
    default:
        return odd((haul_span){0}, "it goes on after its signature", e);
    }
}
