/* The client's side of SASL (RFC 4422), without the protocol around it: octets in, octets out.
 *
 * No mechanism uses channel binding: SCRAM says so ("n,,", RFC 5802 6), and -PLUS variants are not known. */
#ifndef HAUL_IMAP_SASL_H
#define HAUL_IMAP_SASL_H

#include "imap/secret.h"

#define HAUL_SASL_CHALLENGE_MAX   16384u   /* octets of a server's challenge, decoded */
#define HAUL_SASL_DETAIL_MAX      300u     /* octets of a server's words that go into an error */
#define HAUL_SCRAM_ITERATIONS_MIN 4096u    /* RFC 7677 4: fewer make a stolen proof cheap to guess from */
#define HAUL_SCRAM_ITERATIONS_MAX 2000000u /* about a second; OWASP's advice to servers is 1 300 000 */

typedef enum haul_sasl_need { HAUL_SASL_PASSWORD, HAUL_SASL_TOKEN, HAUL_SASL_CERTIFICATE } haul_sasl_need;

/* X(enum, name, what it needs, sends first, whoever reads the connection has the secret), the best first. */
#define HAUL_SASL_LIST(X)                                                                                    \
    X(OAUTHBEARER, "OAUTHBEARER", TOKEN, true, true)         /* RFC 7628 */                                  \
    X(XOAUTH2, "XOAUTH2", TOKEN, true, true)                 /* Google's and Microsoft's documentation */    \
    X(SCRAM_SHA_256, "SCRAM-SHA-256", PASSWORD, true, false) /* RFC 7677 */                                  \
    X(SCRAM_SHA_1, "SCRAM-SHA-1", PASSWORD, true, false)     /* RFC 5802 */                                  \
    X(PLAIN, "PLAIN", PASSWORD, true, true)                  /* RFC 4616 */                                  \
    X(LOGIN, "LOGIN", PASSWORD, false, true)                 /* draft-murchison-sasl-login */                \
    X(EXTERNAL, "EXTERNAL", CERTIFICATE, true, false)        /* RFC 4422 A */

typedef enum haul_sasl_mech {
#define X(id, name, need, first, readable) HAUL_SASL_##id,
    HAUL_SASL_LIST(X)
#undef X
        HAUL_SASL_COUNT
} haul_sasl_mech;

typedef struct haul_sasl_info {
    const char *name;
    haul_sasl_need need;
    bool first;    /* it has an initial response (SASL-IR); false: the server asks first */
    bool readable; /* the secret itself is sent: only over TLS */
} haul_sasl_info;

extern const haul_sasl_info haul_sasl_infos[HAUL_SASL_COUNT];

/* ── choosing ── */

typedef struct haul_sasl_wish {
    bool password, token, certificate; /* what there is */
    bool encrypted;                    /* the connection */
    bool allow_plain;                  /* secrets may be sent readable over one that is not */
    const char *forced;                /* this mechanism or none, in any case; or NULL */
} haul_sasl_wish;

/* The first of HAUL_SASL_LIST that the server offers, that there is the secret for, and that does not give it away.
 *   capability   in   what the server sent, words between blanks: those that begin with AUTH= count, in any case
 *   HAUL_E_USAGE  no mechanism has the name `forced`, or it needs what there is not
 *   HAUL_E_AUTH   none fits; the text says what the server offers and what would do */
HAUL_MUST_USE haul_rc haul_sasl_choose(const char *capability, const haul_sasl_wish *wish,
                                       haul_sasl_mech *ret, haul_err *e);

/* ── the exchange ── */

typedef struct haul_sasl_login { /* borrowed until haul_sasl_free */
    const char *user;            /* UTF-8; EXTERNAL: may be NULL */
    const char *authzid;         /* on whose behalf, or NULL: the user's own */
    const haul_secret *secret;   /* password or token; EXTERNAL: NULL */
    const char *host;            /* OAUTHBEARER: the server, as in the URL */
    unsigned port;
    const char *nonce; /* SCRAM: for test vectors; NULL: random */
} haul_sasl_login;

typedef struct haul_sasl haul_sasl;

haul_sasl *haul_sasl_new(haul_sasl_mech mech, const haul_sasl_login *login);
void haul_sasl_free(haul_sasl *s);
HAUL_DEFINE_AUTO(haul_sasl, haul_sasl_free)

/* One answer. The first call gives the initial response: challenge is NULL (SASL-IR) or what the server asked with, which
 * is nothing but for LOGIN.
 *   challenge    in   n octets, decoded (haul_sasl_decode); an empty one that did come is not NULL
 *   ret          out  emptied first; the octets to send, not encoded; may be empty: an initial one is then "=" (RFC 4959)
 *   HAUL_END     LOGIN, challenge NULL: there is no initial response
 *   HAUL_E_AUTH  the server says something that the mechanism does not provide for, or does not know the password itself:
 *                send "*" and do not go on. Also: a name or secret that the mechanism cannot carry.
 * PLAIN and LOGIN send the password as it is; SCRAM sends and uses what haul_saslprep makes of name and password. */
HAUL_MUST_USE haul_rc haul_sasl_step(haul_sasl *s, const void *challenge, size_t n, haul_secret *ret,
                                     haul_err *e);
/* True when an OK of the server may be believed: all was said, and with SCRAM the server has shown that it knows the
 * password, too. An OK before that is not a login: drop the connection. */
bool haul_sasl_done_ok(const haul_sasl *s);
/* What the server said in the mechanism's own way before its NO ("status invalid_token, schemes bearer"): one line of
 * clean UTF-8 of at most HAUL_SASL_DETAIL_MAX octets, never with the secret in it. "" when it said nothing. */
const char *haul_sasl_detail(const haul_sasl *s);

/* Append a server's words made fit to be shown: UTF-8 without control characters, at most HAUL_SASL_DETAIL_MAX octets. */
void haul_sasl_clean(haul_str *to, const char *p, size_t n);
/* Append z with ',' and '=' as "=2C" and "=3D" (saslname, RFC 5801 4). */
void haul_sasl_name(haul_str *to, const char *z);
/* Base64 as RFC 4648 has it, one line, nothing around it. False: it is not that, and to is as it was. */
HAUL_MUST_USE bool haul_sasl_decode(haul_str *to, const char *p, size_t n);

#endif
