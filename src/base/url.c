#include "base/url.h"

#include <string.h>

static size_t scheme_length(const char *z)
{
    size_t n = 0;
    while (haul_is_alpha((unsigned char)z[n]) ||
           (n && (haul_is_digit(z[n]) || (z[n] && strchr("+.-", z[n])))))
        n++;
    return strncmp(z + n, "://", 3) == 0 ? n : 0;
}

bool haul_is_url(const char *z)
{
    return scheme_length(z) > 0;
}

static const char *last_at(haul_span s)
{
    size_t n = s.len;
    while (n && s.p[n - 1] != '@')
        n--;
    return n ? s.p + n - 1 : NULL;
}

/* "user:secret" in front of the '@'; *rest becomes what follows it. */
static void split_user(haul_span *rest, haul_url *u)
{
    const char *at = last_at(*rest);
    if (!at)
        return;
    haul_span user = {rest->p, (size_t)(at - rest->p)};
    const char *colon = memchr(user.p, ':', user.len);
    u->has_secret = colon != NULL;
    u->user = (haul_span){user.p, colon ? (size_t)(colon - user.p) : user.len};
    *rest = (haul_span){at + 1, rest->len - user.len - 1};
}

/* "host:993", "[::1]:993" */
static bool split_host(haul_span s, haul_url *u)
{
    u->has_bracket = s.len && s.p[0] == '[';
    const char *end = s.len ? memchr(s.p, u->has_bracket ? ']' : ':', s.len) : NULL;
    if (u->has_bracket && !end)
        return false;
    u->host = (haul_span){s.p + u->has_bracket, (end ? (size_t)(end - s.p) : s.len) - u->has_bracket};
    const char *colon = u->has_bracket ? end + 1 : end;
    size_t left = colon ? s.len - (size_t)(colon - s.p) : 0;
    if (left && *colon != ':')
        return false;
    if (left)
        u->port = (haul_span){colon + 1, left - 1};
    return u->host.len > 0;
}

bool haul_url_split(const char *z, haul_url *ret)
{
    haul_url u = {0};
    size_t n = scheme_length(z);
    if (!n)
        return false;
    u.scheme = (haul_span){z, n};
    haul_span rest = {z + n + 3, strcspn(z + n + 3, "/")};
    u.path = (haul_span){rest.p + rest.len, strlen(rest.p + rest.len)};
    split_user(&rest, &u);
    if (!split_host(rest, &u))
        return false;
    *ret = u;
    return true;
}

static bool all_digits(haul_span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!haul_is_digit(s.p[i]))
            return false;
    return true;
}

/* A '/' in a password ends the authority too early; then what seems to be a port, and an '@' in the path, tell. */
bool haul_url_has_secret(const char *z)
{
    size_t n = scheme_length(z);
    haul_url u = {0};
    if (!n)
        return false;
    haul_span rest = {z + n + 3, strlen(z + n + 3)};
    const char *at = last_at(rest);
    if (!haul_url_split(z, &u))
        return at && memchr(rest.p, ':', (size_t)(at - rest.p));
    bool late = at && at >= u.path.p, odd = !all_digits(u.port);
    return u.has_secret || (u.port.p && (late ? odd || !u.user.p : odd && !u.user.p));
}

haul_rc haul_url_check_secret(const char *z, haul_err *e)
{
    if (!haul_url_has_secret(z))
        return HAUL_OK;
    return haul_fail(
        e, HAUL_E_USAGE,
        "a password does not belong in a URL, where other users and the shell's history see it; use "
        "--password-file, --password-command, the environment variable MAILHAUL_PASSWORD, or wait to "
        "be asked; a : in the user's name is written %%3A");
}

bool haul_url_decode(haul_span s, haul_str *to)
{
    haul_auto_str plain = {0};
    for (size_t i = 0; i < s.len; i++) {
        int high = i + 2 < s.len ? haul_hexval((unsigned char)s.p[i + 1]) : -1;
        int low = i + 2 < s.len ? haul_hexval((unsigned char)s.p[i + 2]) : -1;
        if (s.p[i] != '%') {
            haul_str_addc(&plain, s.p[i]);
            continue;
        }
        if (high < 0 || low < 0 || high + low == 0)
            return false;
        haul_str_addc(&plain, (char)(high * 16 + low));
        i += 2;
    }
    haul_str_add(to, haul_strz(&plain), plain.len);
    return true;
}

void haul_url_encode(haul_span s, const char *also, haul_str *to)
{
    for (size_t i = 0; i < s.len; i++)
        if (haul_is_alpha((unsigned char)s.p[i]) || haul_is_digit(s.p[i]) || (s.p[i] && strchr(also, s.p[i])))
            haul_str_addc(to, s.p[i]);
        else
            haul_str_addf(to, "%%%02X", (unsigned char)s.p[i]);
}
