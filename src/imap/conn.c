#include "imap/conn.h"

#include "base/str.h"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#define CONNS_MAX    HAUL_CONNS_MAX
#define DEFLATE_STEP (64u * 1024u) /* octets deflated at a time */
#define RAW_MAX      (64u * 1024u) /* octets read from the socket at a time */
#define LEVEL        1             /* more costs more time than a link saves (bench/README.md) */

struct haul_conn {
    CURL *curl;
    curl_socket_t fd;
    char error[CURL_ERROR_SIZE];
    const haul_conn_config *config; /* while connecting */
    bool stopped;
    uint64_t sent;
    /* COMPRESS */
    bool deflating;
    z_stream out, in;
    char *wire; /* deflated octets on their way: wire[wire_at..wire_len) */
    size_t wire_at, wire_len, wire_cap;
    char *raw; /* inflate's input */
};

int64_t haul_clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ── opening ── */

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    haul_conn *conn = ctx;
    const haul_conn_config *config = conn->config;
    (void)a, (void)b, (void)c, (void)d;
    conn->stopped = config->waiting && config->waiting(config->ctx, "connecting");
    return conn->stopped;
}

static void set_text(CURL *curl, CURLoption option, const char *value)
{
    if (value)
        curl_easy_setopt(curl, option, value);
}

/* No user and no password: libcurl then stops before it authenticates, and we go on by ourselves. */
static void set_options(haul_conn *c, const char *url)
{
    const haul_conn_config *config = c->config;
    CURL *h = c->curl;
    curl_easy_setopt(h, CURLOPT_URL, url);
    curl_easy_setopt(h, CURLOPT_PORT, (long)config->port);
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "imap,imaps");
    curl_easy_setopt(h, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(h, CURLOPT_USE_SSL,
                     config->security == HAUL_CONN_PLAIN ? CURLUSESSL_NONE : CURLUSESSL_ALL);
    curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(h, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    set_text(h, CURLOPT_CAINFO, config->ca_file);
    set_text(h, CURLOPT_PINNEDPUBLICKEY, config->pin);
    set_text(h, CURLOPT_PROXY, config->proxy);
    curl_easy_setopt(h, CURLOPT_HTTPPROXYTUNNEL, 1L);
    set_text(h, CURLOPT_SSLCERT, config->cert);
    set_text(h, CURLOPT_SSLKEY, config->key);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, (long)config->connect_s);
    curl_easy_setopt(h, CURLOPT_TIMEOUT, (long)config->connect_s * 2);
    curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(h, CURLOPT_TCP_KEEPIDLE, 60L);
    curl_easy_setopt(h, CURLOPT_TCP_KEEPINTVL, 30L);
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, c->error);
    curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(h, CURLOPT_XFERINFODATA, c);
}

static haul_rc open_failed(const haul_conn *c, CURLcode code, haul_err *e)
{
    const haul_conn_config *config = c->config;
    const char *hint = "";
    if (c->stopped)
        return haul_fail(e, HAUL_E_INTERRUPTED, "interrupted; the same command goes on");
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        hint = "; --ca-file names the certificate of a private authority";
    else if (code == CURLE_USE_SSL_FAILED)
        hint = "; the server offers no TLS there: use imaps://, or --insecure-plaintext where that is right";
    return haul_fail(e, HAUL_E_NETWORK, "connecting to %s port %u: %s%s", config->host, config->port,
                     c->error[0] ? c->error : curl_easy_strerror(code), hint);
}

haul_rc haul_conn_open(const haul_conn_config *config, haul_conn **ret, haul_err *e)
{
    static bool ready;
    haul_auto_str url = {0};
    if (!ready && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return haul_fail(e, HAUL_E_NETWORK, "libcurl cannot be initialised");
    ready = true;
    haul_auto(haul_conn) *c = haul_calloc(1, sizeof(*c));
    c->fd = CURL_SOCKET_BAD;
    c->config = config;
    c->curl = curl_easy_init();
    if (!c->curl)
        haul_oom();
    bool literal = strchr(config->host, ':') != NULL; /* an IPv6 address */
    haul_str_addf(&url, "%s://%s%s%s/", config->security == HAUL_CONN_TLS ? "imaps" : "imap",
                  literal ? "[" : "", config->host, literal ? "]" : "");
    set_options(c, url.p);
    CURLcode code = curl_easy_perform(c->curl);
    if (code == CURLE_OK)
        code = curl_easy_getinfo(c->curl, CURLINFO_ACTIVESOCKET, &c->fd);
    if (code != CURLE_OK)
        return open_failed(c, code, e);
    c->config = NULL;
    *ret = c;
    c = NULL;
    return HAUL_OK;
}

void haul_conn_close(haul_conn *c)
{
    if (!c)
        return;
    if (c->curl)
        curl_easy_cleanup(c->curl);
    if (c->deflating) {
        deflateEnd(&c->out);
        inflateEnd(&c->in);
    }
    free(c->wire);
    free(c->raw);
    free(c);
}

/* ── octets ── */

static haul_rc broken(const haul_conn *c, CURLcode code, const char *doing, haul_err *e)
{
    return haul_fail(e, HAUL_E_NETWORK, "the connection broke while %s: %s", doing,
                     c->error[0] ? c->error : curl_easy_strerror(code));
}

static haul_rc raw_send(haul_conn *c, const char *p, size_t n, size_t *ret_sent, haul_err *e)
{
    size_t done = 0;
    while (done < n) {
        size_t one = 0;
        CURLcode code = curl_easy_send(c->curl, p + done, n - done, &one);
        if (code == CURLE_AGAIN)
            break;
        if (code != CURLE_OK)
            return broken(c, code, "sending", e);
        done += one;
    }
    *ret_sent = done;
    return HAUL_OK;
}

static haul_rc raw_recv(haul_conn *c, char *to, size_t cap, size_t *ret_n, haul_err *e)
{
    size_t n = 0;
    CURLcode code = curl_easy_recv(c->curl, to, cap, &n);
    if (code == CURLE_AGAIN) {
        *ret_n = 0;
        return HAUL_OK;
    }
    if (code != CURLE_OK)
        return broken(c, code, "reading", e);
    if (!n)
        return haul_fail(e, HAUL_E_NETWORK, "the server closed the connection");
    *ret_n = n;
    return HAUL_OK;
}

static haul_rc send_wire(haul_conn *c, haul_err *e)
{
    size_t sent = 0;
    haul_rc rc = raw_send(c, c->wire + c->wire_at, c->wire_len - c->wire_at, &sent, e);
    if (rc != HAUL_OK)
        return rc;
    c->wire_at += sent;
    if (c->wire_at == c->wire_len)
        c->wire_at = c->wire_len = 0;
    return HAUL_OK;
}

/* Deflate one step into the empty wire buffer. */
static void deflate_step(haul_conn *c, const char *p, size_t n, bool push)
{
    c->out.next_in = (unsigned char *)(uintptr_t)p;
    c->out.avail_in = (unsigned)n;
    do {
        c->out.next_out = (unsigned char *)c->wire + c->wire_len;
        c->out.avail_out = (unsigned)(c->wire_cap - c->wire_len);
        (void)deflate(&c->out, push ? Z_SYNC_FLUSH : Z_NO_FLUSH);
        c->wire_len = c->wire_cap - c->out.avail_out;
        if (c->out.avail_out)
            return;
        c->wire_cap *= 2;
        c->wire = haul_realloc(c->wire, c->wire_cap);
    } while (true);
}

haul_rc haul_conn_send(haul_conn *c, const char *p, size_t n, bool push, size_t *ret_sent, haul_err *e)
{
    size_t done = 0;
    haul_rc rc = HAUL_OK;
    if (!c->deflating) {
        rc = raw_send(c, p, n, &done, e);
    } else {
        rc = send_wire(c, e);
        while (rc == HAUL_OK && !c->wire_len && done < n) {
            size_t step = n - done < DEFLATE_STEP ? n - done : DEFLATE_STEP;
            deflate_step(c, p + done, step, push && done + step == n);
            done += step;
            rc = send_wire(c, e);
        }
    }
    if (rc != HAUL_OK)
        return rc;
    c->sent += done;
    *ret_sent = done;
    return HAUL_OK;
}

bool haul_conn_pending(const haul_conn *c)
{
    return c->wire_len > c->wire_at;
}

static haul_rc inflate_some(haul_conn *c, char *to, size_t cap, size_t *ret_n, haul_err *e)
{
    c->in.next_out = (unsigned char *)to;
    c->in.avail_out = (unsigned)cap;
    int code = inflate(&c->in, Z_SYNC_FLUSH);
    if (code != Z_OK && code != Z_BUF_ERROR)
        return haul_fail(e, HAUL_E_NETWORK, "the server's compressed answer is damaged");
    *ret_n = cap - c->in.avail_out;
    return HAUL_OK;
}

haul_rc haul_conn_recv(haul_conn *c, char *to, size_t cap, size_t *ret_n, haul_err *e)
{
    if (!c->deflating)
        return raw_recv(c, to, cap, ret_n, e);
    for (;;) {
        size_t n = 0;
        haul_rc rc = inflate_some(c, to, cap, ret_n, e); /* what an earlier call left over */
        if (rc != HAUL_OK || *ret_n)
            return rc;
        rc = raw_recv(c, c->raw, RAW_MAX, &n, e);
        if (rc != HAUL_OK || !n)
            return rc;
        c->in.next_in = (unsigned char *)c->raw;
        c->in.avail_in = (unsigned)n;
    }
}

void haul_conn_wait(haul_conn *const *c, const bool *write, size_t n, int ms)
{
    struct pollfd fds[CONNS_MAX];
    size_t used = 0;
    for (size_t i = 0; i < n && used < CONNS_MAX; i++)
        if (c[i])
            fds[used++] =
                (struct pollfd){.fd = c[i]->fd, .events = (short)(POLLIN | (write[i] ? POLLOUT : 0))};
    (void)poll(fds, used, ms); /* whatever comes of it, the next send or recv tells */
}

haul_rc haul_conn_compress(haul_conn *c, haul_span read, haul_err *e)
{
    /* RFC 4978: raw deflate, no zlib header */
    if (deflateInit2(&c->out, LEVEL, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return haul_fail(e, HAUL_E_NETWORK, "zlib cannot be initialised");
    if (inflateInit2(&c->in, -15) != Z_OK) {
        deflateEnd(&c->out);
        return haul_fail(e, HAUL_E_NETWORK, "zlib cannot be initialised");
    }
    c->wire_cap = DEFLATE_STEP * 2;
    c->wire = haul_alloc(c->wire_cap);
    c->raw = haul_alloc(RAW_MAX > read.len ? RAW_MAX : read.len);
    memcpy(c->raw, read.p, read.len);
    c->in.next_in = (unsigned char *)c->raw;
    c->in.avail_in = (unsigned)read.len;
    c->deflating = true;
    return HAUL_OK;
}

bool haul_conn_tls_compresses(const haul_conn *c)
{
    const struct curl_tlssessioninfo *info = NULL;
    if (curl_easy_getinfo(c->curl, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || !info ||
        info->backend != CURLSSLBACKEND_OPENSSL || !info->internals)
        return false;
    return SSL_get_current_compression(info->internals) != NULL;
}

uint64_t haul_conn_octets_sent(const haul_conn *c)
{
    return c->sent;
}
