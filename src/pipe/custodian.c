#include "pipe/custodian.h"

#include "base/arena.h"
#include "base/glob.h"
#include "base/utf.h"
#include "pipe/lines.h"

#include <stdlib.h>
#include <string.h>

#define WAYS_PLACE 5u /* to say where an item is, by its place or its key */
#define WAYS       (1 + 2 * WAYS_PLACE)

typedef struct rule {
    const char *glob, *name;
    unsigned line;
    bool fitted; /* something, so far */
} rule;

struct haul_custodians {
    haul_arena arena;
    rule *rules;
    size_t n;
    const char *fallback;
};

bool haul_custodian_ok(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7f || name[i] == ';')
            return false;
    return n && n <= HAUL_CUSTODIAN_NAME && haul_utf8_valid(name, n);
}

/* Up to the first "=" without a backslash; haul_glob reads "\=" as "=". */
static size_t glob_length(haul_span s)
{
    size_t n = 0;
    while (n < s.len && s.p[n] != '=')
        n += s.p[n] == '\\' && n + 1 < s.len ? 2 : 1;
    return n < s.len ? n : s.len;
}

static haul_rc take_line(haul_custodians *c, haul_span s, const char *file, unsigned line, haul_err *e)
{
    size_t n = glob_length(s);
    if (n == s.len)
        return haul_fail(e, HAUL_E_USAGE, "%s: line %u is not GLOB = NAME", file, line);
    haul_span glob = haul_span_trim((haul_span){s.p, n});
    haul_span name = haul_span_trim((haul_span){s.p + n + 1, s.len - n - 1});
    rule r = {haul_arena_strn(&c->arena, glob.p, glob.len), haul_arena_strn(&c->arena, name.p, name.len),
              line, false};
    if (!*r.glob)
        return haul_fail(e, HAUL_E_USAGE, "%s: line %u has nothing in front of its =", file, line);
    if (!haul_custodian_ok(r.name))
        return haul_fail(e, HAUL_E_USAGE,
                         "%s: line %u: a name is 1 to %u octets without controls and semicolons", file, line,
                         HAUL_CUSTODIAN_NAME);
    if (c->n == HAUL_CUSTODIANS_MAX)
        return haul_fail(e, HAUL_E_USAGE, "%s: line %u is one too many; %u are the limit", file, line,
                         HAUL_CUSTODIANS_MAX);
    if (!(c->n & (c->n - 1)))
        c->rules = haul_realloc(c->rules, (c->n ? c->n * 2 : 1) * sizeof(rule));
    c->rules[c->n++] = r;
    return HAUL_OK;
}

static haul_rc load_map(haul_custodians *c, const char *file, haul_err *e)
{
    haul_auto_str text = {0};
    haul_span s;
    haul_rc rc = haul_lines_load(file, HAUL_CUSTODIAN_FILE, &text, e);
    haul_lines lines = {.p = haul_strz(&text), .n = text.len};
    while (rc == HAUL_OK && haul_lines_next(&lines, &s))
        rc = take_line(c, s, file, lines.line, e);
    return rc;
}

haul_rc haul_custodians_load(const char *file, const char *fallback, haul_custodians **ret, haul_err *e)
{
    haul_auto(haul_custodians) *c = haul_calloc(1, sizeof(*c));
    if (fallback && !haul_custodian_ok(fallback))
        return haul_fail(e, HAUL_E_USAGE,
                         "'%s' is no name of a custodian: 1 to %u octets without controls and semicolons",
                         fallback, HAUL_CUSTODIAN_NAME);
    c->fallback = haul_arena_str(&c->arena, fallback);
    haul_rc rc = file ? load_map(c, file, e) : HAUL_OK;
    if (rc != HAUL_OK)
        return rc;
    *ret = c;
    c = NULL;
    return HAUL_OK;
}

void haul_custodians_free(haul_custodians *c)
{
    if (!c)
        return;
    haul_arena_done(&c->arena);
    free(c->rules);
    free(c);
}

static const char *first_match(const haul_custodians *c, const haul_str *ways, size_t n)
{
    for (size_t i = 0; i < c->n; i++)
        for (size_t k = 0; k < n; k++)
            if (haul_glob(c->rules[i].glob, haul_strz(&ways[k]), true)) {
                c->rules[i].fitted = true;
                return c->rules[i].name;
            }
    return NULL;
}

const char *haul_custodians_idle(const haul_custodians *c, size_t *at, unsigned *ret_line)
{
    while (c && *at < c->n) {
        const rule *r = &c->rules[(*at)++];
        if (r->fitted)
            continue;
        *ret_line = r->line;
        return r->glob;
    }
    return NULL;
}

/* SOURCE/PLACE, and the file alone of "Inbox@4711", "ada.pst:Inbox#0x20" and "a.zip:b/ada.pst:…". */
static size_t add_ways(const char *place, haul_str ways[WAYS], size_t k)
{
    size_t n = ways[0].len, stop = k + WAYS_PLACE;
    if (!place || !*place)
        return k;
    haul_str *full = &ways[k++];
    haul_str_addf(full, "%s/%s", haul_strz(&ways[0]), place);
    const char *at = strrchr(full->p + n, '@');
    if (at)
        haul_str_add(&ways[k++], full->p, (size_t)(at - full->p));
    for (const char *colon = full->p + n; k < stop && (colon = strchr(colon + 1, ':'));)
        haul_str_add(&ways[k++], full->p, (size_t)(colon - full->p));
    return k;
}

const char *haul_custodian_of(const haul_custodians *c, const char *source_path, const char *place,
                              const char *key)
{
    haul_str ways[WAYS] = {0};
    if (!c)
        return NULL;
    size_t n = strlen(source_path);
    while (n > 1 && source_path[n - 1] == '/')
        n--;
    haul_str_add(&ways[0], source_path, n);
    n = add_ways(place, ways, 1);
    if (key && (!place || strcmp(place, key) != 0))
        n = add_ways(key, ways, n);
    const char *name = first_match(c, ways, n);
    for (size_t i = 0; i < WAYS; i++)
        haul_str_done(&ways[i]);
    return name ? name : c->fallback;
}
