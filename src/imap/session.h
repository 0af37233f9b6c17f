/* A session: a connection that has authenticated and knows what its server can do; and the account behind it:
 * namespace, folders, quota. */
#ifndef HAUL_IMAP_SESSION_H
#define HAUL_IMAP_SESSION_H

#include "imap/client.h"
#include "imap/preset.h"
#include "imap/secret.h"
#include "imap/url.h"
#include "model/format.h"

#include <glib.h>

typedef enum haul_imap_compress {
    HAUL_IMAP_COMPRESS_AUTO,
    HAUL_IMAP_COMPRESS_ALWAYS,
    HAUL_IMAP_COMPRESS_NEVER
} haul_imap_compress;

/* What the user said, once for all sessions of a run. */
typedef struct haul_imap_config {
    haul_imap_url url;
    haul_conn_config conn;
    const char *auth; /* a mechanism by name, or NULL */
    const char *password_file, *password_command, *token_command;
    const haul_ask *ask;
    haul_secret *kept; /* what was asked for once: all but tokens of a command */
    bool kept_is_token;
    const haul_imap_preset *preset; /* NULL: by what the server says */
    haul_imap_preset preset_said;
    haul_imap_compress compress;
    unsigned connections, silence_s;
    double rate_messages, rate_octets; /* a second; 0 = as fast as it goes */
    uint64_t daily_limit;              /* octets a day (UTC); 0 = none; UINT64_MAX = what the preset says */
    bool skip_existing, remove_copies, subscribe;
    bool password_exposed; /* the password file can be read by others */
    bool (*waiting)(void *ctx, const char *phase);
    void *ctx;
    haul_arena arena;
} haul_imap_config;

extern const haul_format_option haul_imap_options[];
/* HAUL_E_USAGE: a value that cannot be. HAUL_E_AUTH is left to haul_imap_login. */
HAUL_MUST_USE haul_rc haul_imap_config_init(haul_imap_config *c, const char *target, const haul_values *v,
                                            haul_err *e);
void haul_imap_config_done(haul_imap_config *c);

/* X(enum suffix, capability): what is used when the server advertises it. */
#define HAUL_IMAP_CAN_LIST(X)                                                                                \
    X(LITERAL_PLUS, "LITERAL+")                                                                              \
    X(LITERAL_MINUS, "LITERAL-")                                                                             \
    X(MULTIAPPEND, "MULTIAPPEND")                                                                            \
    X(UIDPLUS, "UIDPLUS")                                                                                    \
    X(COMPRESS, "COMPRESS=DEFLATE")                                                                          \
    X(NAMESPACE, "NAMESPACE")                                                                                \
    X(SPECIAL_USE, "SPECIAL-USE")                                                                            \
    X(CREATE_SPECIAL_USE, "CREATE-SPECIAL-USE")                                                              \
    X(LIST_EXTENDED, "LIST-EXTENDED")                                                                        \
    X(QUOTA, "QUOTA")                                                                                        \
    X(ID, "ID")                                                                                              \
    X(ENABLE, "ENABLE")                                                                                      \
    X(UTF8_ACCEPT, "UTF8=ACCEPT")                                                                            \
    X(UTF8_ONLY, "UTF8=ONLY")                                                                                \
    X(SASL_IR, "SASL-IR")                                                                                    \
    X(LOGINDISABLED, "LOGINDISABLED")                                                                        \
    X(GMAIL, "X-GM-EXT-1")

typedef enum haul_imap_can {
#define X(id, name) HAUL_IMAP_CAN_##id,
    HAUL_IMAP_CAN_LIST(X)
#undef X
        HAUL_IMAP_CAN_COUNT
} haul_imap_can;

typedef struct haul_imap_session {
    haul_imap_client client;
    haul_imap_config *config;
    haul_str caps; /* " IMAP4REV1 UIDPLUS ", upper case */
    bool open, compressed, utf8;
    bool told;             /* the server told its capabilities with the login */
    uint64_t append_limit; /* APPENDLIMIT, 0 = none said */
} haul_imap_session;

/* Connect and authenticate. HAUL_E_AUTH: refused, or no secret to be had; HAUL_E_NETWORK may be tried again. */
HAUL_MUST_USE haul_rc haul_imap_login(haul_imap_session *s, haul_imap_config *c, haul_err *e);
/* Say LOGOUT, wait a moment for the answer. */
void haul_imap_logout(haul_imap_session *s);
void haul_imap_session_done(haul_imap_session *s); /* without a word; zeroed state is accepted */
bool haul_imap_can_do(const haul_imap_session *s, haul_imap_can what);
/* Deflate from here on; nothing may be queued. A refusal is remembered and is no failure. */
HAUL_MUST_USE haul_rc haul_imap_compress_now(haul_imap_session *s, haul_err *e);

/* ── the account ── */

typedef struct haul_imap_account { /* found out once a run */
    haul_imap_preset preset;
    char separator; /* 0: no hierarchy */
    char *prefix;   /* of the personal namespace with its separator ("INBOX."), UTF-8; "" for none */
    GHashTable *
        names; /* every mailbox there is: UTF-8 name → haul_role + 1 by attribute; \NonExistent ones left out */
    bool has_special_use; /* the server told at least one */
    bool has_quota;
    uint64_t room; /* octets left, when has_quota */
} haul_imap_account;

HAUL_MUST_USE haul_rc haul_imap_account_read(haul_imap_account *a, haul_imap_session *s, haul_err *e);
void haul_imap_account_done(haul_imap_account *a);

/* ── names: place.c ── */
/* What stands in front of every folder: namespace prefix and folder of the URL, each with its separator. */
HAUL_MUST_USE haul_rc haul_imap_base(const haul_imap_url *url, const haul_imap_account *a, haul_str *to,
                                     haul_err *e);
/* The mailbox of a path text ("A/B"; "" = the base itself). below: the URL names a folder. */
void haul_imap_name_of(const char *base, bool below, char separator, const char *text, haul_str *to);
/* The inverse; false: it does not lie below the base, or has a '/' that separates nothing. */
bool haul_imap_text_of(const char *base, char separator, const char *name, haul_str *to);

#endif
