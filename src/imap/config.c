/* What the user said about the server, checked. */
#include "imap/session.h"

#include <arpa/inet.h>
#include <string.h>

#define CONNECT_S   30u
#define SILENCE_MAX 86400u

enum {
    OPT_PASSWORD_FILE,
    OPT_PASSWORD_COMMAND,
    OPT_TOKEN_COMMAND,
    OPT_AUTH,
    OPT_CA_FILE,
    OPT_PIN,
    OPT_CERT,
    OPT_KEY,
    OPT_PROXY,
    OPT_PLAINTEXT,
    OPT_CONNECTIONS,
    OPT_COMPRESS,
    OPT_PRESET,
    OPT_RATE,
    OPT_DAILY,
    OPT_SKIP_EXISTING,
    OPT_REMOVE_COPIES,
    OPT_SUBSCRIBE,
    OPT_TIMEOUT,
};

const haul_format_option haul_imap_options[] = {
    [OPT_PASSWORD_FILE] = {"password-file", NULL, "", "read the password from the first line of this file"},
    [OPT_PASSWORD_COMMAND] = {"password-command", NULL, "",
                              "take the password from the first line that this command prints"},
    [OPT_TOKEN_COMMAND] =
        {"oauth-token-command", NULL, "",
         "take an OAuth access token from this command; it is run again for each connection"},
    [OPT_AUTH] = {"auth", "auto|scram-sha-256|scram-sha-1|plain|login|oauthbearer|xoauth2|external", "auto",
                  "the way to authenticate"},
    [OPT_CA_FILE] = {"ca-file", NULL, "", "trust the certificates in this PEM file, instead of the system's"},
    [OPT_PIN] = {"pin", NULL, "", "the server's public key must have this digest: sha256//BASE64"},
    [OPT_CERT] = {"client-cert", NULL, "", "show this certificate (PEM) to the server"},
    [OPT_KEY] = {"client-key", NULL, "", "the private key (PEM) of --client-cert"},
    [OPT_PROXY] = {"proxy", NULL, "", "go through this proxy: http://host:port or socks5h://host:port"},
    [OPT_PLAINTEXT] = {"insecure-plaintext", HAUL_OPTION_OPTIONAL, "",
                       "send password and mail unencrypted: to this machine, or to the host named"},
    [OPT_CONNECTIONS] = {"connections", NULL, "2",
                         "connections at a time, at most 16; each takes one folder"},
    [OPT_COMPRESS] = {"compress", "auto|always|never", "auto",
                      "deflate what is sent; auto: only on slow links"},
    [OPT_PRESET] = {"preset", "auto|generic|dovecot|cyrus|gmail|exchange-online", "auto",
                    "the kind of server, where its own words do not tell"},
    [OPT_RATE] = {"rate", NULL, "", "at most N messages (4) or octets (500k) a second"},
    [OPT_DAILY] = {"daily-limit", NULL, "",
                   "at most N octets a day (UTC); then the run ends, to be gone on with"},
    [OPT_SKIP_EXISTING] = {"skip-existing", HAUL_OPTION_FLAG, "no",
                           "do not send what is in the target folder already, octet for octet"},
    [OPT_REMOVE_COPIES] = {"remove-copies", HAUL_OPTION_FLAG, "no",
                           "remove copies of uploaded messages that the server made itself"},
    [OPT_SUBSCRIBE] = {"subscribe", "yes|no", "yes", "subscribe to the folders that are made"},
    [OPT_TIMEOUT] = {"timeout", NULL, "120", "seconds of silence after which a connection counts as lost"},
    {0}};

static const char *said(const haul_values *v, size_t option)
{
    const char *value = haul_values_get(v, &haul_imap_options[option]);
    return *value ? value : NULL;
}

static bool yes(const haul_values *v, size_t option)
{
    return strcmp(haul_values_get(v, &haul_imap_options[option]), "yes") == 0;
}

static haul_rc number(const haul_values *v, size_t option, uint64_t least, uint64_t most, unsigned *ret,
                      haul_err *e)
{
    const char *text = haul_values_get(v, &haul_imap_options[option]);
    uint64_t n = 0;
    if (!haul_parse_u64(text, strlen(text), &n) || n < least || n > most)
        return haul_fail(e, HAUL_E_USAGE, "--%s takes a number from %llu to %llu, not '%s'",
                         haul_imap_options[option].name, (unsigned long long)least, (unsigned long long)most,
                         text);
    *ret = (unsigned)n;
    return HAUL_OK;
}

/* "4" is messages, "500k" octets. */
static haul_rc rate(haul_imap_config *c, const haul_values *v, haul_err *e)
{
    const char *text = said(v, OPT_RATE);
    uint64_t n = 0;
    if (!text)
        return HAUL_OK;
    if (!haul_parse_size(text, &n) || !n)
        return haul_fail(e, HAUL_E_USAGE, "--rate: '%s' is neither messages (4) nor octets (500k) a second",
                         text);
    if (haul_is_digit((unsigned char)text[strlen(text) - 1]))
        c->rate_messages = (double)n;
    else
        c->rate_octets = (double)n;
    return HAUL_OK;
}

static haul_rc daily(haul_imap_config *c, const haul_values *v, haul_err *e)
{
    const char *text = said(v, OPT_DAILY);
    c->daily_limit = UINT64_MAX;
    if (text && !haul_parse_size(text, &c->daily_limit))
        return haul_fail(e, HAUL_E_USAGE,
                         "--daily-limit: '%s' is not a size; write octets, or 500M; 0 for none", text);
    return HAUL_OK;
}

/* By address, not by how the name begins: "127.example.org" is anybody's. */
static bool is_loopback(const char *host)
{
    struct in_addr address;
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127);
}

/* "yes" allows it to this machine only; a host that is named allows it to that host. */
static haul_rc security(haul_imap_config *c, const haul_values *v, haul_err *e)
{
    const char *plain = said(v, OPT_PLAINTEXT);
    c->conn.security = c->url.tls ? HAUL_CONN_TLS : HAUL_CONN_STARTTLS;
    if (!plain || strcmp(plain, "no") == 0)
        return HAUL_OK;
    if (c->url.tls)
        return haul_fail(e, HAUL_E_USAGE, "--insecure-plaintext goes with imap://, not with imaps://");
    if (strcmp(plain, "yes") != 0 ? haul_icmp(plain, c->url.host) != 0 : !is_loopback(c->url.host))
        return haul_fail(
            e, HAUL_E_USAGE,
            "--insecure-plaintext is for this machine; to send the password to %s unencrypted, say "
            "--insecure-plaintext=%s",
            c->url.host, c->url.host);
    c->conn.security = HAUL_CONN_PLAIN;
    return HAUL_OK;
}

/* A password in a proxy's URL would stand in the list of processes. */
static haul_rc proxy(const haul_imap_config *c, haul_err *e)
{
    return c->conn.proxy && strchr(c->conn.proxy, '@')
               ? haul_fail(e, HAUL_E_USAGE,
                           "--proxy takes no user and password: they could be read by others")
               : HAUL_OK;
}

static void strings(haul_imap_config *c, const haul_values *v)
{
    const char *auth = said(v, OPT_AUTH), *preset = said(v, OPT_PRESET);
    c->password_file = said(v, OPT_PASSWORD_FILE);
    c->password_command = said(v, OPT_PASSWORD_COMMAND);
    c->token_command = said(v, OPT_TOKEN_COMMAND);
    c->auth = auth && strcmp(auth, "auto") != 0 ? auth : c->url.auth;
    c->preset = haul_imap_preset_find(preset, &c->preset_said) ? &c->preset_said : NULL;
    c->compress = (haul_imap_compress)haul_values_choice(v, &haul_imap_options[OPT_COMPRESS]);
    c->skip_existing = yes(v, OPT_SKIP_EXISTING);
    c->remove_copies = yes(v, OPT_REMOVE_COPIES);
    c->subscribe = yes(v, OPT_SUBSCRIBE);
    c->conn = (haul_conn_config){.host = c->url.host,
                                 .port = c->url.port,
                                 .ca_file = said(v, OPT_CA_FILE),
                                 .pin = said(v, OPT_PIN),
                                 .proxy = said(v, OPT_PROXY),
                                 .cert = said(v, OPT_CERT),
                                 .key = said(v, OPT_KEY),
                                 .connect_s = CONNECT_S};
}

haul_rc haul_imap_config_init(haul_imap_config *c, const char *target, const haul_values *v, haul_err *e)
{
    *c = (haul_imap_config){0};
    haul_rc rc = haul_imap_url_parse(target, &c->arena, &c->url, e);
    if (rc != HAUL_OK)
        return rc;
    strings(c, v);
    rc = security(c, v, e);
    if (rc == HAUL_OK)
        rc = proxy(c, e);
    if (rc == HAUL_OK)
        rc = number(v, OPT_CONNECTIONS, 1, HAUL_CONNS_MAX, &c->connections, e);
    if (rc == HAUL_OK)
        rc = number(v, OPT_TIMEOUT, 1, SILENCE_MAX, &c->silence_s, e);
    if (rc == HAUL_OK)
        rc = rate(c, v, e);
    return rc == HAUL_OK ? daily(c, v, e) : rc;
}

void haul_imap_config_done(haul_imap_config *c)
{
    haul_secret_free(c->kept);
    haul_arena_done(&c->arena);
    *c = (haul_imap_config){0};
}
