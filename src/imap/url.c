#include "imap/url.h"

#include "base/url.h"
#include "base/utf.h"
#include "model/folder.h"

#include <arpa/inet.h>
#include <string.h>

#define SHAPE "imaps://user@host[:port][/Folder]"

static haul_rc refuse(haul_err *e, const char *what)
{
    return haul_fail(e, HAUL_E_USAGE, "the URL of the target: %s", what);
}

/* Decoded text that may be shown and sent: UTF-8 without control characters. NULL otherwise. */
static char *text(haul_span s, haul_arena *a)
{
    haul_auto_str plain = {0};
    if (!haul_url_decode(s, &plain) || !haul_utf8_valid(haul_strz(&plain), plain.len))
        return NULL;
    for (size_t i = 0; i < plain.len; i++)
        if ((unsigned char)plain.p[i] < 32 || plain.p[i] == 127)
            return NULL;
    return haul_arena_strn(a, haul_strz(&plain), plain.len);
}

/* ── user;AUTH=MECH ── */

static bool take_mechanism(haul_span s, haul_arena *a, haul_imap_url *to)
{
    if (haul_span_is(s, "*"))
        return true;
    char *name = haul_arena_strn(a, s.p, s.len);
    for (char *c = name; *c; c++) {
        if (!haul_is_alpha((unsigned char)*c) && !haul_is_digit(*c) && *c != '-' && *c != '_')
            return false;
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    }
    to->auth = name;
    return s.len >= 1 && s.len <= 20; /* RFC 4422 3.1 */
}

static haul_rc take_user(haul_span s, haul_arena *a, haul_imap_url *to, haul_err *e)
{
    static const char mark[] = ";AUTH=";
    const size_t skip = sizeof(mark) - 1;
    const char *semicolon = s.len ? memchr(s.p, ';', s.len) : NULL;
    haul_span user = {s.p, semicolon ? (size_t)(semicolon - s.p) : s.len};
    haul_span rest = {semicolon, s.len - user.len};
    if (rest.len && (!haul_istarts(rest.p, rest.len, mark) ||
                     !take_mechanism((haul_span){rest.p + skip, rest.len - skip}, a, to)))
        return refuse(e, "behind the user only ;AUTH=MECHANISM may stand; a ; in the name is written %3B");
    if (user.len)
        to->user = text(user, a);
    if (user.len && !to->user)
        return refuse(e, "the user is not UTF-8 text; a % in the name is written %25");
    if (to->user && strlen(to->user) > HAUL_IMAP_USER_MAX)
        return refuse(e, "the user's name is too long");
    if (!to->user && (!to->auth || strcmp(to->auth, "EXTERNAL") != 0))
        return refuse(e, "the user is missing; write " SHAPE);
    return HAUL_OK;
}

/* ── host:port ── */

static bool is_ipv6(const char *host)
{
    struct in6_addr address;
    haul_auto_str plain = {0};
    haul_str_add(&plain, host, strcspn(host, "%"));
    return inet_pton(AF_INET6, haul_strz(&plain), &address) == 1;
}

/* "fe80::1%25eth0" is fe80::1%eth0. */
static bool take_literal(haul_span s, haul_arena *a, haul_imap_url *to)
{
    const char *zone = memchr(s.p, '%', s.len);
    haul_span name = {zone ? zone + 3 : s.p, zone ? s.len - (size_t)(zone - s.p) - 3 : 0};
    if (zone && (s.len - (size_t)(zone - s.p) <= 3 || memcmp(zone, "%25", 3) != 0))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!haul_is_alpha((unsigned char)name.p[i]) && !haul_is_digit(name.p[i]) &&
            !strchr("._-~", name.p[i]))
            return false;
    size_t n = zone ? (size_t)(zone - s.p) : s.len;
    to->host = zone ? haul_arena_printf(a, "%.*s%%%.*s", (int)n, s.p, (int)name.len, name.p)
                    : haul_arena_strn(a, s.p, s.len);
    to->is_ipv6 = true;
    return is_ipv6(to->host);
}

static bool take_name(haul_span s, haul_arena *a, haul_imap_url *to)
{
    if (!haul_utf8_valid(s.p, s.len) || s.p[0] == '-' || s.p[0] == '.')
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (!haul_is_alpha(c) && !haul_is_digit(c) && c < 128 && c != '-' && c != '.' && c != '_')
            return false;
    }
    to->host = haul_arena_strn(a, s.p, s.len);
    for (char *c = to->host; *c; c++)
        *c = (char)haul_lower(*c);
    return true;
}

static haul_rc take_server(const haul_url *u, haul_arena *a, haul_imap_url *to, haul_err *e)
{
    uint64_t port = to->tls ? HAUL_IMAP_TLS_PORT : HAUL_IMAP_PORT;
    bool ok = u->host.len <= HAUL_IMAP_HOST_MAX;
    if (!ok || !(u->has_bracket ? take_literal(u->host, a, to) : take_name(u->host, a, to)))
        return refuse(e, "the host is neither a name nor an address; an IPv6 address stands in [ ]");
    if (u->port.len && (!haul_parse_u64(u->port.p, u->port.len, &port) || !port || port > 65535))
        return refuse(e, "the port is no number from 1 to 65535");
    to->port = (unsigned)port;
    return HAUL_OK;
}

/* ── /Folder/Folder ── */

static haul_rc take_folder(haul_span path, haul_arena *a, haul_imap_url *to, haul_err *e)
{
    if (memchr(path.p, ';', path.len) || memchr(path.p, '?', path.len))
        return refuse(e, "UIDVALIDITY, UID and searches do not name a target; ; and ? in a folder's name are "
                         "written %3B and %3F");
    to->folder = haul_arena_calloc(a, (HAUL_FOLDER_DEPTH_MAX + 1) * sizeof(*to->folder));
    for (size_t at = 0; at < path.len; at++) {
        haul_span one = {path.p + at, 0};
        while (at + one.len < path.len && one.p[one.len] != '/')
            one.len++;
        at += one.len;
        if (!one.len)
            continue;
        char *name = text(one, a);
        if (!name)
            return refuse(e, "a folder's name is not UTF-8 text; a % in it is written %25");
        if (to->n_folder == HAUL_FOLDER_DEPTH_MAX)
            return refuse(e, "the folder is nested too deeply");
        to->folder[to->n_folder++] = name;
    }
    return HAUL_OK;
}

haul_rc haul_imap_url_parse(const char *url, haul_arena *a, haul_imap_url *ret, haul_err *e)
{
    haul_url u = {0};
    haul_imap_url to = {0};
    if (strlen(url) > HAUL_IMAP_URL_MAX)
        return refuse(e, "it is too long");
    haul_rc rc = haul_url_check_secret(url, e);
    if (rc != HAUL_OK)
        return rc;
    if (!haul_url_split(url, &u))
        return refuse(e, "it has no host; write " SHAPE);
    to.tls = haul_span_is(u.scheme, "imaps");
    if (!to.tls && !haul_span_is(u.scheme, "imap"))
        return refuse(e, "its scheme is neither imaps nor imap");
    rc = take_user(u.user, a, &to, e);
    if (rc == HAUL_OK)
        rc = take_server(&u, a, &to, e);
    if (rc == HAUL_OK)
        rc = take_folder(u.path, a, &to, e);
    if (rc == HAUL_OK)
        *ret = to;
    return rc;
}
