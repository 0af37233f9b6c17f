/* Two small lists of named texts: what the user said of a format's options, and a sink's tokens. */
#include "base/err.h"
#include "model/format.h"

#include <stdlib.h>
#include <string.h>

typedef struct pair {
    char *key, *value;
} pair;

typedef struct pairs {
    pair *v;
    size_t n, cap;
} pairs;

struct haul_values {
    pairs list;
};

struct haul_tokens {
    pairs list; /* sorted by key: a sink may hold one for each of thousands of folders */
};

/* Index of key, or where it belongs. */
static size_t pairs_seek(const pairs *l, const char *key, bool *ret_found)
{
    size_t lo = 0, hi = l->n;
    *ret_found = false;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = strcmp(l->v[mid].key, key);
        if (c == 0) {
            *ret_found = true;
            return mid;
        }
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void pairs_put(pairs *l, const char *key, const char *value)
{
    bool found;
    size_t i = pairs_seek(l, key, &found);
    if (found) {
        char *copy = haul_strdup(value);
        free(l->v[i].value);
        l->v[i].value = copy;
        return;
    }
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 8;
        l->v = haul_realloc(l->v, l->cap * sizeof(*l->v));
    }
    memmove(l->v + i + 1, l->v + i, (l->n - i) * sizeof(*l->v));
    l->v[i] = (pair){haul_strdup(key), haul_strdup(value)};
    l->n++;
}

static const char *pairs_get(const pairs *l, const char *key)
{
    bool found;
    size_t i = pairs_seek(l, key, &found);
    return found ? l->v[i].value : NULL;
}

static void pairs_clear(pairs *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->v[i].key);
        free(l->v[i].value);
    }
    l->n = 0;
}

haul_values *haul_values_new(void)
{
    return haul_calloc(1, sizeof(haul_values));
}

void haul_values_free(haul_values *v)
{
    if (!v)
        return;
    pairs_clear(&v->list);
    free(v->list.v);
    free(v);
}

void haul_values_set(haul_values *v, const char *name, const char *value)
{
    pairs_put(&v->list, name, value);
}

const char *haul_values_get(const haul_values *v, const haul_format_option *o)
{
    const char *said = v ? pairs_get(&v->list, o->name) : NULL;
    return said ? said : o->value;
}

size_t haul_values_choice(const haul_values *v, const haul_format_option *o)
{
    const char *said = haul_values_get(v, o);
    size_t len = strlen(said), index = 0;
    for (const char *c = o->choices; c && *c; index++) {
        size_t n = strcspn(c, "|");
        if (n == len && memcmp(c, said, n) == 0)
            return index;
        c += n + (c[n] == '|');
    }
    return 0;
}

bool haul_option_is_optional(const haul_format_option *o)
{
    return haul_option_is_flag(o) || (o->choices && !*o->choices);
}

bool haul_option_is_flag(const haul_format_option *o)
{
    return o->choices && strcmp(o->choices, HAUL_OPTION_FLAG) == 0;
}

haul_tokens *haul_tokens_new(void)
{
    return haul_calloc(1, sizeof(haul_tokens));
}

void haul_tokens_free(haul_tokens *t)
{
    if (!t)
        return;
    pairs_clear(&t->list);
    free(t->list.v);
    free(t);
}

void haul_tokens_put(haul_tokens *t, const char *key, const char *value)
{
    pairs_put(&t->list, key, value);
}

const char *haul_tokens_get(const haul_tokens *t, const char *key)
{
    return t ? pairs_get(&t->list, key) : NULL;
}

size_t haul_tokens_count(const haul_tokens *t)
{
    return t ? t->list.n : 0;
}

void haul_tokens_at(const haul_tokens *t, size_t i, const char **ret_key, const char **ret_value)
{
    *ret_key = t->list.v[i].key;
    *ret_value = t->list.v[i].value;
}

void haul_tokens_clear(haul_tokens *t)
{
    pairs_clear(&t->list);
}

bool haul_option_takes(const haul_format_option *o, const char *value)
{
    size_t n = strlen(value);
    const char *c = o->choices;
    if (!c || !*c)
        return true;
    for (; *c; c += *c == '|') {
        size_t len = strcspn(c, "|");
        if (len == n && memcmp(c, value, n) == 0)
            return true;
        c += len;
    }
    return false;
}
