#include "mime/vcard_read.h"

#include <string.h>

/* The logical line at *pos without its folds. */
static void unfold(haul_span card, size_t *pos, haul_str *to)
{
    size_t at = *pos;
    do {
        const char *lf = memchr(card.p + at, '\n', card.len - at);
        size_t end = lf ? (size_t)(lf - card.p) : card.len;
        size_t text = end > at && card.p[end - 1] == '\r' ? end - 1 : end;
        haul_str_add(to, card.p + at, text - at);
        at = lf ? end + 1 : card.len;
    } while (at < card.len && (card.p[at] == ' ' || card.p[at] == '\t') && ++at);
    *pos = at;
}

static const char *upper(const char *p, size_t n, haul_arena *a)
{
    char *z = haul_arena_strn(a, p, n);
    for (char *c = z; *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    return z;
}

/* Where the parameter value at p ends: at a ";" or ":" outside of quotes. */
static const char *param_end(const char *p)
{
    bool quoted = false;
    for (; *p && (quoted || (*p != ';' && *p != ':')); p++)
        quoted ^= *p == '"';
    return p;
}

/* Without quotes, and with what carets stand for. */
static const char *param_text(const char *p, size_t n, haul_arena *a)
{
    haul_auto_str z = {0};
    for (size_t i = 0; i < n; i++) {
        char next = i + 1 < n ? p[i + 1] : '\0';
        bool caret = p[i] == '^' && next && strchr("n^'", next);
        if (caret)
            haul_str_addc(&z, next == 'n' ? '\n' : next == '^' ? '^' : '"');
        else if (p[i] != '"')
            haul_str_addc(&z, p[i]);
        i += caret;
    }
    return haul_arena_strn(a, haul_strz(&z), z.len);
}

static bool parse(const char *z, haul_arena *a, haul_card_line_in *ret)
{
    const char *end = z + strcspn(z, ";:"), *dot = memchr(z, '.', (size_t)(end - z));
    const char *name = dot ? dot + 1 : z;
    if (!*end || end == name)
        return false;
    ret->name = upper(name, (size_t)(end - name), a);
    ret->n = 0;
    while (*end == ';') {
        const char *from = end + 1, *equals;
        end = param_end(from);
        equals = memchr(from, '=', (size_t)(end - from));
        if (ret->n == HAUL_VCARD_PARAMS_MAX)
            continue;
        const char *value = equals ? equals + 1 : from;
        ret->param[ret->n].name = equals ? upper(from, (size_t)(equals - from), a) : "TYPE";
        ret->param[ret->n++].value = param_text(value, (size_t)(end - value), a);
    }
    if (*end != ':')
        return false;
    ret->value = haul_arena_str(a, end + 1);
    return true;
}

bool haul_vcard_next(haul_span card, size_t *pos, haul_arena *a, haul_card_line_in *ret)
{
    while (*pos < card.len) {
        haul_auto_str line = {0};
        unfold(card, pos, &line);
        if (parse(haul_strz(&line), a, ret))
            return true;
    }
    return false;
}

const char *haul_vcard_get(const haul_card_line_in *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->param[i].name, name) == 0)
            return l->param[i].value;
    return "";
}

bool haul_vcard_is_type(const haul_card_line_in *l, const char *word)
{
    for (size_t i = 0; i < l->n; i++) {
        const char *p = strcmp(l->param[i].name, "TYPE") == 0 ? l->param[i].value : "";
        for (size_t n; *p; p += n + (p[n] == ',')) {
            n = strcspn(p, ",");
            if (haul_span_is((haul_span){p, n}, word))
                return true;
        }
    }
    return false;
}

static void add_plain(const char *p, size_t n, haul_str *to)
{
    for (size_t i = 0; i < n; i++) {
        bool escaped = p[i] == '\\' && i + 1 < n;
        i += escaped;
        haul_str_addc(to, escaped && (p[i] | 32) == 'n' ? '\n' : p[i]);
    }
}

const char *haul_vcard_plain(const char *value, haul_arena *a)
{
    haul_auto_str z = {0};
    add_plain(value, strlen(value), &z);
    return haul_arena_strn(a, haul_strz(&z), z.len);
}

const char *haul_vcard_component(const char *value, size_t i, haul_arena *a)
{
    haul_auto_str z = {0};
    const char *p = value;
    for (;; i--) {
        size_t n = 0;
        while (p[n] && p[n] != ';')
            n += p[n] == '\\' && p[n + 1] ? 2 : 1;
        if (!i)
            add_plain(p, n, &z);
        if (!i || !p[n])
            break;
        p += n + 1;
    }
    return haul_arena_strn(a, haul_strz(&z), z.len);
}
