/* Courier's keywords: courierimapkeywords/:list and the newer files beside it [maildir-13]. */
#include "maildir_courier.h"

#include <stdlib.h>
#include <string.h>

#define COURIER_DIR       "courierimapkeywords"
#define COURIER_FILES_MAX 100000u               /* single files beside :list */
#define COURIER_TOTAL_MAX (16u * 1024u * 1024u) /* octets of all of them together */
#define COURIER_LIST_MAX  (64u * 1024u * 1024u) /* octets of :list */
#define COURIER_NAMES_MAX 1000000u              /* messages and keywords that are remembered */
#define COURIER_FILE_MAX  (64u * 1024u)         /* octets of one of them */

typedef struct entry {
    haul_span base; /* the file name without its info */
    haul_span keys; /* ":list": indices; a single file: one keyword a line */
    bool single;
    size_t order; /* later ones replace earlier ones */
} entry;

struct haul_courier {
    haul_span *keywords;
    size_t n_keywords, cap_keywords;
    entry *v;
    size_t n, cap;
    bool cut; /* a limit was hit, or something could not be read */
    haul_arena arena;
};

static void add_keyword(haul_courier *c, haul_span name)
{
    if (c->n_keywords >= COURIER_NAMES_MAX) {
        c->cut = true;
        return;
    }
    if (c->n_keywords == c->cap_keywords) {
        c->cap_keywords = c->cap_keywords ? c->cap_keywords * 2 : 16;
        c->keywords = haul_realloc(c->keywords, c->cap_keywords * sizeof(*c->keywords));
    }
    c->keywords[c->n_keywords++] = name;
}

static void add_entry(haul_courier *c, haul_span base, haul_span keys, bool single)
{
    if (c->n >= COURIER_NAMES_MAX) {
        c->cut = true;
        return;
    }
    if (c->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 64;
        c->v = haul_realloc(c->v, c->cap * sizeof(*c->v));
    }
    c->v[c->n] = (entry){base, keys, single, c->n};
    c->n++;
}

static haul_span next_line(haul_span *text)
{
    const char *eol = memchr(text->p, '\n', text->len);
    size_t n = eol ? (size_t)(eol - text->p) : text->len;
    haul_span line = {text->p, n};
    size_t step = eol ? n + 1 : n;
    *text = (haul_span){text->p + step, text->len - step};
    return line;
}

static void parse_list(haul_courier *c, haul_span text)
{
    bool names = true;
    while (text.len) {
        haul_span line = haul_span_trim(next_line(&text));
        if (names && !line.len) {
            names = false;
        } else if (names) {
            add_keyword(c, line);
        } else {
            size_t at = line.len;
            while (at > 0 && line.p[at - 1] != ':')
                at--;
            if (at)
                add_entry(c, (haul_span){line.p, at - 1}, (haul_span){line.p + at, line.len - at}, false);
        }
    }
}

static int compare_base(haul_span a, haul_span b)
{
    int d = memcmp(a.p, b.p, a.len < b.len ? a.len : b.len);
    return d ? d : (a.len > b.len) - (a.len < b.len);
}

static int compare(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int d = compare_base(x->base, y->base);
    return d ? d : (x->order > y->order) - (x->order < y->order);
}

/* The base name in "NAME" or ".N.NAME" (a file that was being folded into :list). */
static haul_span single_base(const char *name)
{
    const char *p = name;
    if (*p == '.') {
        for (p++; haul_is_digit((unsigned char)*p); p++)
            ;
        p = *p == '.' ? p + 1 : name;
    }
    return (haul_span){p, strlen(p)};
}

static void read_singles(haul_courier *c, haul_tree *t, const char *dir)
{
    haul_entry *v = NULL;
    size_t n = 0, left = COURIER_TOTAL_MAX;
    c->cut |= haul_tree_list(t, dir, &c->arena, &v, &n, NULL) != HAUL_OK || n > COURIER_FILES_MAX;
    for (size_t i = 0; i < n && i < COURIER_FILES_MAX; i++) {
        haul_span base = single_base(v[i].name);
        char *text;
        size_t len;
        if (v[i].type != HAUL_ENTRY_FILE || base.p[0] == ':' || !base.len)
            continue;
        size_t max = left < COURIER_FILE_MAX ? left : COURIER_FILE_MAX;
        if (haul_tree_slurp(t, haul_arena_printf(&c->arena, "%s/%s", dir, v[i].name), max, &c->arena, &text,
                            &len, NULL) != HAUL_OK) {
            c->cut = true;
            continue;
        }
        left -= len;
        add_entry(c, base, (haul_span){text, len}, true);
    }
}

haul_courier *haul_courier_read(haul_tree *t, const char *maildir)
{
    haul_courier *c = haul_calloc(1, sizeof(*c));
    const char *dir = *maildir ? haul_arena_printf(&c->arena, "%s/" COURIER_DIR, maildir) : COURIER_DIR;
    char *text;
    size_t n;
    if (!haul_tree_has(t, dir, HAUL_ENTRY_DIR)) {
        haul_courier_free(c);
        return NULL;
    }
    const char *list = haul_arena_printf(&c->arena, "%s/:list", dir);
    if (haul_tree_slurp(t, list, COURIER_LIST_MAX, &c->arena, &text, &n, NULL) == HAUL_OK)
        parse_list(c, (haul_span){text, n});
    else
        c->cut = haul_tree_has(t, list, HAUL_ENTRY_FILE);
    read_singles(c, t, dir);
    if (c->n)
        qsort(c->v, c->n, sizeof(*c->v), compare);
    return c;
}

bool haul_courier_is_cut(const haul_courier *c)
{
    return c && c->cut;
}

static void apply_indices(const haul_courier *c, haul_span keys, haul_msg *m)
{
    for (size_t at = 0; at < keys.len;) {
        size_t n = 0;
        uint64_t i;
        while (at + n < keys.len && keys.p[at + n] != ' ')
            n++;
        if (haul_parse_u64(keys.p + at, n, &i) && i < c->n_keywords)
            haul_maildir_keyword(m, c->keywords[i].p, c->keywords[i].len);
        at += n + 1;
    }
}

static void apply_lines(haul_span text, haul_msg *m)
{
    while (text.len) {
        haul_span line = haul_span_trim(next_line(&text));
        if (line.len)
            haul_maildir_keyword(m, line.p, line.len);
    }
}

void haul_courier_apply(const haul_courier *c, haul_span base, haul_msg *m)
{
    size_t lo = 0, hi = c ? c->n : 0;
    while (lo < hi) { /* the last of equal ones counts: find the first greater one */
        size_t mid = lo + (hi - lo) / 2;
        if (compare_base(c->v[mid].base, base) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (!lo || compare_base(c->v[lo - 1].base, base) != 0)
        return;
    if (c->v[lo - 1].single)
        apply_lines(c->v[lo - 1].keys, m);
    else
        apply_indices(c, c->v[lo - 1].keys, m);
}

void haul_courier_free(haul_courier *c)
{
    if (!c)
        return;
    free(c->keywords);
    free(c->v);
    haul_arena_done(&c->arena);
    free(c);
}
