#include "imap/saslprep.h"

#include "base/utf.h"

#include <glib.h>
#include <openssl/crypto.h>
#include <string.h>

typedef struct range {
    uint32_t from, to;
} range;

/* RFC 3454 table C.1.2. */
static const range blanks[] = {{0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200b},
                               {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}};

/* Table B.1, without U+200B, which is a blank. */
static const range nothing[] = {{0xad, 0xad},     {0x34f, 0x34f},   {0x1806, 0x1806}, {0x180b, 0x180d},
                                {0x200c, 0x200d}, {0x2060, 0x2060}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}};

/* Tables C.2.1 to C.9; what B.1 removes is left out, and so are the noncharacters at the end of each plane. */
static const range prohibited[] = {
    {0x0, 0x1f},        {0x7f, 0x9f},       {0x340, 0x341},     {0x6dd, 0x6dd},       {0x70f, 0x70f},
    {0x180e, 0x180e},   {0x200e, 0x200f},   {0x2028, 0x202e},   {0x2061, 0x2063},     {0x206a, 0x206f},
    {0x2ff0, 0x2ffb},   {0xd800, 0xf8ff},   {0xfdd0, 0xfdef},   {0xfff9, 0xffff},     {0x1d173, 0x1d17a},
    {0xe0001, 0xe0001}, {0xe0020, 0xe007f}, {0xf0000, 0xfffff}, {0x100000, 0x10ffff},
};

static bool within(uint32_t c, const range *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c >= v[i].from && c <= v[i].to)
            return true;
    return false;
}

static bool is_prohibited(uint32_t c)
{
    return (c & 0xfffe) == 0xfffe || within(c, prohibited, HAUL_COUNT(prohibited));
}

/* ── form KC, character by character: g_utf8_normalize would leave copies of a password on the heap ── */

typedef struct wide {
    haul_secret *s; /* owns v */
    gunichar *v;
    size_t n;
} wide;

static bool add_decomposed(wide *w, uint32_t c)
{
    gunichar parts[G_UNICHAR_MAX_DECOMPOSITION_LENGTH];
    size_t n = g_unichar_fully_decompose(c, TRUE, parts, HAUL_COUNT(parts));
    bool room = n <= HAUL_COUNT(parts) && haul_secret_grow(w->s, n * sizeof(*parts)) != NULL;
    if (room) {
        memcpy(w->v + w->n, parts, n * sizeof(*parts));
        w->n += n;
    }
    OPENSSL_cleanse(parts, sizeof(parts));
    return room;
}

/* Mapped and decomposed. False: too long. The text is valid UTF-8. */
static bool widen(wide *w, const char *p, size_t n)
{
    uint32_t c = 0;
    for (size_t at = 0, len; at < n && (len = haul_utf8_next(p + at, n - at, &c)) > 0; at += len) {
        if (within(c, nothing, HAUL_COUNT(nothing)))
            continue;
        if (!add_decomposed(w, within(c, blanks, HAUL_COUNT(blanks)) ? ' ' : c))
            return false;
    }
    return true;
}

/* Marks behind a character by their class; equal ones stay in order. */
static void order(wide *w)
{
    for (size_t i = 1; i < w->n; i++) {
        gunichar c = w->v[i];
        int k = g_unichar_combining_class(c);
        size_t at = i;
        for (; k > 0 && at > 0 && g_unichar_combining_class(w->v[at - 1]) > k; at--)
            w->v[at] = w->v[at - 1];
        w->v[at] = c;
    }
}

/* A mark joins its starter unless one of its own or a higher class stands between them. */
static void compose(wide *w)
{
    size_t starter = SIZE_MAX, out = 0;
    int last = 0;
    for (size_t i = 0; i < w->n; i++) {
        gunichar c = w->v[i], joined = 0;
        int k = g_unichar_combining_class(c);
        bool meets = starter != SIZE_MAX && (last < k || out == starter + 1);
        if (meets && g_unichar_compose(w->v[starter], c, &joined)) {
            w->v[starter] = joined;
            continue;
        }
        if (k == 0)
            starter = out;
        last = k;
        w->v[out++] = c;
    }
    w->n = out;
}

static haul_rc narrow(const wide *w, haul_secret *to, const char *what, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    char octets[6];
    for (size_t i = 0; rc == HAUL_OK && i < w->n; i++) {
        if (is_prohibited(w->v[i]))
            return haul_fail(e, HAUL_E_AUTH, "the %s has a character that SASLprep (RFC 4013) prohibits",
                             what);
        rc = haul_secret_add(to, octets, (size_t)g_unichar_to_utf8(w->v[i], octets), e);
    }
    OPENSSL_cleanse(octets, sizeof(octets));
    return rc;
}

static haul_rc prepare(haul_secret *to, const char *what, const char *p, size_t n, haul_err *e)
{
    haul_auto(haul_secret) *own = haul_secret_new();
    wide w = {.s = own, .v = haul_secret_grow(own, 0)};
    if (!haul_utf8_valid(p, n))
        return haul_fail(e, HAUL_E_AUTH, "the %s is not UTF-8", what);
    if (!widen(&w, p, n))
        return haul_fail(e, HAUL_E_AUTH, "the %s is too long", what);
    if (w.n == 0)
        return haul_fail(e, HAUL_E_AUTH, "nothing is left of the %s after SASLprep (RFC 4013)", what);
    order(&w);
    compose(&w);
    return narrow(&w, to, what, e);
}

haul_rc haul_saslprep(haul_secret *to, const char *what, const char *p, size_t n, haul_err *e)
{
    if (haul_ascii_run(p, n) == n)
        return haul_secret_add(to, p, n, e);
    size_t had = haul_secret_len(to);
    haul_rc rc = prepare(to, what, p, n, e);
    if (rc != HAUL_OK)
        haul_secret_cut(to, had);
    return rc;
}
