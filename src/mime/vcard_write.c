#include "mime/vcard_write.h"

#include "base/utf.h"

#include <string.h>

void haul_vcard_done(haul_vcard *w)
{
    haul_str_done(&w->line);
}

void haul_vcard_start(haul_vcard *w, const char *name)
{
    haul_str_clear(&w->line);
    haul_str_addz(&w->line, name);
}

/* Controls may stand nowhere in a vCard but for tabs (RFC 6350 3.3, VALUE-CHAR). */
static bool is_control(unsigned char c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

/* CRLF, CR or LF at z: its octets, else 0. */
static size_t line_end(const char *z)
{
    if (*z == '\n')
        return 1;
    return *z == '\r' ? (z[1] == '\n' ? 2 : 1) : 0;
}

static void add_param_char(haul_vcard *w, const char **z)
{
    size_t n = line_end(*z);
    if (n)
        haul_str_addz(&w->line, "^n");
    else if (**z == '^')
        haul_str_addz(&w->line, "^^");
    else if (**z == '"')
        haul_str_addz(&w->line, "^'");
    else if (is_control((unsigned char)**z))
        w->changed = true;
    else
        haul_str_addc(&w->line, **z);
    *z += n ? n : 1;
}

void haul_vcard_param(haul_vcard *w, const char *name, const char *value)
{
    if (!value)
        return;
    bool quote = !*value || strpbrk(value, ":;,") != NULL;
    haul_str_addf(&w->line, ";%s=%s", name, quote ? "\"" : "");
    while (*value)
        add_param_char(w, &value);
    if (quote)
        haul_str_addc(&w->line, '"');
}

void haul_vcard_list(haul_vcard *w, const char *name, const char *tokens)
{
    if (tokens && *tokens)
        haul_str_addf(&w->line, ";%s=%s", name, tokens);
}

void haul_vcard_raw(haul_vcard *w, const char *z)
{
    haul_str_addz(&w->line, z);
}

static void add_text(haul_vcard *w, const char *z, const char *escape)
{
    while (z && *z) {
        size_t n = line_end(z);
        if (n)
            haul_str_addz(&w->line, "\\n");
        else if (is_control((unsigned char)*z))
            w->changed = true;
        else {
            if (strchr(escape, *z))
                haul_str_addc(&w->line, '\\');
            haul_str_addc(&w->line, *z);
        }
        z += n ? n : 1;
    }
}

void haul_vcard_text(haul_vcard *w, const char *z)
{
    add_text(w, z, "\\,");
}

void haul_vcard_part(haul_vcard *w, const char *z)
{
    add_text(w, z, "\\,;");
}

size_t haul_vcard_scheme(const char *z)
{
    size_t n = 0;
    if (!haul_is_alpha((unsigned char)z[0]))
        return 0;
    while (haul_is_alpha((unsigned char)z[n]) || haul_is_digit((unsigned char)z[n]) ||
           (z[n] && strchr("+-.", z[n])))
        n++;
    /* "host:80" has no scheme; one letter is a drive. */
    return z[n] == ':' && n > 1 && !haul_is_digit((unsigned char)z[n + 1]) ? n + 1 : 0;
}

static void add_escaped(haul_vcard *w, unsigned char c)
{
    haul_str_addf(&w->line, "%%%02X", (unsigned)c);
    w->changed = true;
}

void haul_vcard_uri(haul_vcard *w, const char *scheme, const char *z)
{
    if (!haul_vcard_scheme(z)) {
        haul_str_addz(&w->line, scheme);
        w->changed = true;
    }
    for (; *z; z++) {
        unsigned char c = (unsigned char)*z;
        if (c <= 0x20 || c >= 0x7f || strchr("\"<>\\^`{|}", c))
            add_escaped(w, c);
        else
            haul_str_addc(&w->line, *z);
    }
}

void haul_vcard_mailto(haul_vcard *w, const char *addr)
{
    bool changed = w->changed; /* the URI says the same */
    haul_str_addz(&w->line, "mailto:");
    for (; *addr; addr++) {
        unsigned char c = (unsigned char)*addr;
        if (haul_is_alpha(c) || haul_is_digit(c) || strchr("@.!$'*+-_~=", c))
            haul_str_addc(&w->line, *addr);
        else
            add_escaped(w, c);
    }
    w->changed = changed;
}

void haul_vcard_end(haul_vcard *w)
{
    const char *p = w->line.p;
    for (size_t left = w->line.len, room = HAUL_VCARD_LINE; left; room = HAUL_VCARD_LINE - 1) {
        if (p != w->line.p)
            haul_str_addc(w->to, ' ');
        size_t n = left <= room ? left : haul_utf8_cut(p, left, room);
        haul_str_add(w->to, p, n);
        haul_str_addz(w->to, "\r\n");
        p += n;
        left -= n;
    }
}
