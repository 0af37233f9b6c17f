/* The connection: libcurl opens it (name, proxy, TCP, TLS or STARTTLS, certificate, host name, pin), and stops;
 * octets then go both ways without waiting, deflated on request (RFC 4978). Nothing here knows a command of IMAP but what
 * libcurl itself says before it stops. */
#ifndef HAUL_IMAP_CONN_H
#define HAUL_IMAP_CONN_H

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

#define HAUL_CONNS_MAX 16u /* of one run */

typedef enum haul_conn_security {
    HAUL_CONN_TLS,      /* imaps: TLS from the first octet */
    HAUL_CONN_STARTTLS, /* imap: TLS before anything is said, or nothing */
    HAUL_CONN_PLAIN,    /* only where the user asked for it */
} haul_conn_security;

typedef struct haul_conn_config { /* strings are borrowed; NULL = the default of libcurl */
    const char *host;
    unsigned port;
    haul_conn_security security;
    const char *ca_file;    /* PEM; instead of the system's */
    const char *pin;        /* "sha256//BASE64": of the public key; beside the other checks */
    const char *proxy;      /* "http://host:port", "socks5h://…" */
    const char *cert, *key; /* of the client, PEM */
    unsigned connect_s;
    /* Called at least once a second while connecting; true = give up with HAUL_E_INTERRUPTED. */
    bool (*waiting)(void *ctx, const char *phase);
    void *ctx;
} haul_conn_config;

typedef struct haul_conn haul_conn;

/* HAUL_E_NETWORK says what failed and where. The greeting and the server's first words are libcurl's: what follows
 * them in the same segment may be lost, so the first command wants a tag of its own, and all before its reply is void. */
HAUL_MUST_USE haul_rc haul_conn_open(const haul_conn_config *c, haul_conn **ret, haul_err *e);
void haul_conn_close(haul_conn *c); /* NULL is accepted; sends nothing */
HAUL_DEFINE_AUTO(haul_conn, haul_conn_close)

/* Send what can be sent of p now; *ret_sent may be 0. What is not taken must be offered again at the same address
 * and not shorter (an unfinished TLS record). push: nothing follows soon, let it out of the compressor. */
HAUL_MUST_USE haul_rc haul_conn_send(haul_conn *c, const char *p, size_t n, bool push, size_t *ret_sent,
                                     haul_err *e);
/* Octets that are there now, at most cap; *ret_n 0 = none yet. A closed connection is HAUL_E_NETWORK. */
HAUL_MUST_USE haul_rc haul_conn_recv(haul_conn *c, char *to, size_t cap, size_t *ret_n, haul_err *e);
/* Whether deflated octets wait for the socket: then send again (n may be 0). */
bool haul_conn_pending(const haul_conn *c);
/* Wait until something can be read, or written where `write` is set, or ms milliseconds are over. */
void haul_conn_wait(haul_conn *const *c, const bool *write, size_t n, int ms);
/* From here on both ways are deflated; nothing may be under way. read: octets that were read already and belong to the
 * deflated stream. */
HAUL_MUST_USE haul_rc haul_conn_compress(haul_conn *c, haul_span read, haul_err *e);
/* TLS itself compresses (old servers): then COMPRESS only costs. */
bool haul_conn_tls_compresses(const haul_conn *c);
uint64_t haul_conn_octets_sent(const haul_conn *c); /* as offered, before deflating */
/* Milliseconds on the clock that never goes back: for time-outs and rates, not for anything that is written. */
int64_t haul_clock_ms(void);

#endif
