#include "imap/sasl.h"

#include <string.h>

#define NAME_MAX_OCTETS 20u /* of a mechanism: RFC 4422 3.1 */

const haul_sasl_info haul_sasl_infos[HAUL_SASL_COUNT] = {
#define X(id, text, what, sends_first, gives_away)                                                           \
    [HAUL_SASL_##id] = {.name = text, .need = HAUL_SASL_##what, .first = sends_first, .readable = gives_away},
    HAUL_SASL_LIST(X)
#undef X
};

static const char *const need_names[] = {[HAUL_SASL_PASSWORD] = "a password",
                                         [HAUL_SASL_TOKEN] = "an OAuth token",
                                         [HAUL_SASL_CERTIFICATE] = "a client certificate"};

/* ── what the server offers ── */

typedef struct offer {
    bool known[HAUL_SASL_COUNT];
    haul_str names; /* "PLAIN, NTLM", as far as they are names at all */
} offer;

static haul_sasl_mech find(haul_span name)
{
    unsigned m = 0;
    while (m < HAUL_SASL_COUNT && !haul_span_is(name, haul_sasl_infos[m].name))
        m++;
    return (haul_sasl_mech)m;
}

static bool is_name(haul_span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!haul_is_alpha(s.p[i]) && !haul_is_digit(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
            return false;
    return s.len > 0 && s.len <= NAME_MAX_OCTETS;
}

static void add_name(haul_str *to, const char *p, size_t n)
{
    if (to->len)
        haul_str_addz(to, ", ");
    haul_str_add(to, p, n);
}

static void read_word(offer *o, haul_span word)
{
    static const char before[] = "AUTH=";
    if (!haul_istarts(word.p, word.len, before))
        return;
    haul_span name = {.p = word.p + strlen(before), .len = word.len - strlen(before)};
    haul_sasl_mech m = find(name);
    if (m < HAUL_SASL_COUNT)
        o->known[m] = true;
    if (is_name(name) && o->names.len + name.len < HAUL_SASL_DETAIL_MAX)
        add_name(&o->names, name.p, name.len);
}

static void read_offer(offer *o, const char *z)
{
    for (;;) {
        z += strspn(z, " \t\r\n");
        size_t n = strcspn(z, " \t\r\n");
        if (n == 0)
            return;
        read_word(o, (haul_span){.p = z, .len = n});
        z += n;
    }
}

/* ── the choice ── */

static bool has_need(const haul_sasl_wish *w, haul_sasl_mech m)
{
    const bool has[] = {[HAUL_SASL_PASSWORD] = w->password,
                        [HAUL_SASL_TOKEN] = w->token,
                        [HAUL_SASL_CERTIFICATE] = w->certificate};
    return has[haul_sasl_infos[m].need];
}

static bool is_safe(const haul_sasl_wish *w, haul_sasl_mech m)
{
    return w->encrypted || w->allow_plain || !haul_sasl_infos[m].readable;
}

static haul_rc unsafe(haul_sasl_mech m, haul_err *e)
{
    return haul_fail(e, HAUL_E_AUTH, "%s would send %s readable: the connection is not encrypted",
                     haul_sasl_infos[m].name, need_names[haul_sasl_infos[m].need]);
}

static const char *offered(const offer *o)
{
    return o->names.len ? o->names.p : "no mechanism";
}

static haul_rc none_fits(const offer *o, const haul_sasl_wish *w, haul_err *e)
{
    haul_auto_str fit = {0};
    for (unsigned m = 0; m < HAUL_SASL_COUNT; m++) {
        if (has_need(w, m) && o->known[m])
            return unsafe(m, e);
        if (has_need(w, m))
            add_name(&fit, haul_sasl_infos[m].name, strlen(haul_sasl_infos[m].name));
    }
    if (fit.len == 0)
        return haul_fail(e, HAUL_E_AUTH,
                         "there is no password, OAuth token or client certificate; the server offers %s",
                         offered(o));
    return haul_fail(e, HAUL_E_AUTH, "the server offers %s; what there is to log in with would do for %s",
                     offered(o), fit.p);
}

static haul_rc choose_best(const offer *o, const haul_sasl_wish *w, haul_sasl_mech *ret, haul_err *e)
{
    for (unsigned m = 0; m < HAUL_SASL_COUNT; m++)
        if (o->known[m] && has_need(w, m) && is_safe(w, m)) {
            *ret = m;
            return HAUL_OK;
        }
    return none_fits(o, w, e);
}

static haul_rc unknown(const char *name, haul_err *e)
{
    haul_auto_str all = {0};
    for (unsigned m = 0; m < HAUL_SASL_COUNT; m++)
        add_name(&all, haul_sasl_infos[m].name, strlen(haul_sasl_infos[m].name));
    return haul_fail(e, HAUL_E_USAGE, "no SASL mechanism %s; there are %s", name, all.p);
}

static haul_rc choose_forced(const offer *o, const haul_sasl_wish *w, haul_sasl_mech *ret, haul_err *e)
{
    haul_sasl_mech m = find((haul_span){.p = w->forced, .len = strlen(w->forced)});
    if (m == HAUL_SASL_COUNT)
        return unknown(w->forced, e);
    const haul_sasl_info *info = &haul_sasl_infos[m];
    if (!has_need(w, m))
        return haul_fail(e, HAUL_E_USAGE, "%s needs %s", info->name, need_names[info->need]);
    if (!o->known[m])
        return haul_fail(e, HAUL_E_AUTH, "the server does not offer %s, but %s", info->name, offered(o));
    if (!is_safe(w, m))
        return unsafe(m, e);
    *ret = m;
    return HAUL_OK;
}

haul_rc haul_sasl_choose(const char *capability, const haul_sasl_wish *wish, haul_sasl_mech *ret, haul_err *e)
{
    offer o = {0};
    read_offer(&o, capability);
    haul_rc rc = wish->forced ? choose_forced(&o, wish, ret, e) : choose_best(&o, wish, ret, e);
    haul_str_done(&o.names);
    return rc;
}
