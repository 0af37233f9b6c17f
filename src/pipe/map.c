#include "pipe/map.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

typedef struct names { /* components of a path under work */
    char *v[HAUL_FOLDER_DEPTH_MAX * 2];
    size_t n;
    size_t given; /* so many of them are the target's own: escaped already */
} names;

struct haul_map {
    const haul_naming *naming;
    const char *const *roles;
    const haul_map_rule *rules;
    size_t n_rules;
    const char *prefix;
    haul_arena arena;
    GHashTable *paths;  /* target path text → haul_mapped *, ours */
    GHashTable *folded; /* parent path, '\n', lower-case name → the name as first given */
    uint32_t next_id;
};

haul_map *haul_map_new(const haul_naming *naming, const char *const *roles, const haul_map_rule *rules,
                       size_t n_rules, const char *prefix)
{
    haul_map *m = haul_calloc(1, sizeof(*m));
    *m = (haul_map){.naming = naming, .roles = roles, .rules = rules, .n_rules = n_rules, .prefix = prefix};
    m->paths = g_hash_table_new(g_str_hash, g_str_equal);
    m->folded = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; roles && i < HAUL_ROLE_COUNT; i++)
        if (roles[i])
            haul_map_reserve(m, roles[i]);
    return m;
}

void haul_map_free(haul_map *m)
{
    if (!m)
        return;
    g_hash_table_destroy(m->paths);
    g_hash_table_destroy(m->folded);
    haul_arena_done(&m->arena);
    free(m);
}

static void add_name(haul_map *m, names *to, const char *p, size_t n)
{
    if (n && to->n < HAUL_COUNT(to->v))
        to->v[to->n++] = haul_arena_strn(&m->arena, p, n);
}

/* Split "A/B\/C" into names; a backslash takes the next character as it is. */
static void add_path(haul_map *m, names *to, const char *path)
{
    haul_auto_str name = {0};
    for (const char *p = path;; p++) {
        if (*p == '\\' && p[1]) {
            haul_str_addc(&name, *++p);
        } else if (*p == '/' || !*p) {
            add_name(m, to, haul_strz(&name), name.len);
            haul_str_clear(&name);
            if (!*p)
                return;
        } else {
            haul_str_addc(&name, *p);
        }
    }
}

static void add_rest(const names *v, size_t from, names *to)
{
    for (size_t i = from; i < v->n && to->n < HAUL_COUNT(to->v); i++)
        to->v[to->n++] = v->v[i];
}

/* Components of `from` when it is a leading part of v, else 0. */
static size_t rule_matches(haul_map *m, const char *from, char *const *v, size_t n)
{
    names want = {0};
    add_path(m, &want, from);
    if (!want.n || want.n > n)
        return 0;
    for (size_t i = 0; i < want.n; i++)
        if (strcmp(want.v[i], v[i]) != 0)
            return 0;
    return want.n;
}

/* False when no rule fits. */
static bool apply_rules(haul_map *m, names *v)
{
    size_t best = 0;
    const char *to = NULL;
    for (size_t i = 0; i < m->n_rules; i++) {
        size_t n = rule_matches(m, m->rules[i].from, v->v, v->n);
        if (n > best) {
            best = n;
            to = m->rules[i].to;
        }
    }
    if (!best)
        return false;
    names out = {0};
    add_path(m, &out, to);
    add_rest(v, best, &out);
    *v = out;
    return true;
}

static void apply_prefix(haul_map *m, names *v)
{
    if (!m->prefix || !*m->prefix)
        return;
    names out = {0};
    add_path(m, &out, m->prefix);
    add_rest(v, 0, &out);
    *v = out;
}

/* A path of the target itself: its parts are escaped already and hold no '/'. */
static void add_given(haul_map *m, names *to, const char *path)
{
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        add_name(m, to, p, n);
        p += n + (p[n] == '/');
    }
    to->given = to->n;
}

/* The top folder's place is the target's own folder for its use, where there is one. */
static void apply_role(haul_map *m, haul_role role, names *v)
{
    const char *path = m->roles && role != HAUL_ROLE_NONE ? m->roles[role] : NULL;
    names out = {0};
    if (!path || (m->prefix && *m->prefix))
        return;
    add_given(m, &out, path);
    add_rest(v, 1, &out);
    *v = out;
}

static char *lower_copy(const char *z)
{
    char *normal = g_utf8_normalize(z, -1, G_NORMALIZE_NFC);
    char *low = g_utf8_casefold(normal ? normal : z, -1);
    g_free(normal);
    return low;
}

static char *fold_key(haul_map *m, const char *parent, const char *name)
{
    char *low = lower_copy(name);
    char *key = haul_arena_printf(&m->arena, "%s\n%s", parent, low);
    g_free(low);
    return key;
}

/* Where names differ in case only, the later one gets "~2", "~3"… : such targets hold one of them. */
static const char *unfold_case(haul_map *m, const char *parent, const char *name)
{
    for (unsigned i = 1;; i++) {
        char *try = i == 1 ? haul_arena_str(&m->arena, name) : haul_arena_printf(&m->arena, "%s~%u", name, i);
        char *key = fold_key(m, parent, try);
        const char *holder = g_hash_table_lookup(m->folded, key);
        if (!holder)
            g_hash_table_insert(m->folded, key, haul_arena_printf(&m->arena, "%s", name));
        if (!holder || strcmp(holder, name) == 0)
            return try;
    }
}

/* "Work~2" was given to "Work". */
static size_t unnumbered(const char *name, size_t n)
{
    size_t at = n;
    while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9')
        at--;
    return at < n && at > 1 && name[at - 1] == '~' ? at - 1 : n;
}

void haul_map_reserve(haul_map *m, const char *target)
{
    for (const char *p = target; m->naming->fold_case && *p;) {
        size_t n = strcspn(p, "/");
        const char *parent = haul_arena_strn(&m->arena, target, p > target ? (size_t)(p - target) - 1 : 0);
        char *key = fold_key(m, parent, haul_arena_strn(&m->arena, p, n));
        if (!g_hash_table_lookup(m->folded, key))
            g_hash_table_insert(m->folded, key, haul_arena_strn(&m->arena, p, unnumbered(p, n)));
        p += n + (p[n] == '/');
    }
}

static haul_name_level level_of(const haul_map *m, const char *const *parts, size_t i)
{
    bool below_inbox = m->naming->inbox_root && i == 1 && strcmp(parts[0], "INBOX") == 0;
    return i == 0 ? HAUL_LEVEL_TOP : below_inbox ? HAUL_LEVEL_INBOX : HAUL_LEVEL_ANY;
}

/* Escape every component; the joined text is the folder's name in reports and tokens. */
static void escape_all(haul_map *m, const names *v, haul_mapped *ret)
{
    haul_auto_str text = {0};
    const char **parts = haul_arena_alloc(&m->arena, (v->n + 1) * sizeof(*parts));
    for (size_t i = 0; i < v->n; i++) {
        haul_auto_str one = {0};
        bool was_cut = false;
        if (i < v->given)
            haul_str_addz(&one, v->v[i]);
        else
            haul_naming_escape_at(m->naming, level_of(m, parts, i), v->v[i], &one, &was_cut);
        parts[i] = m->naming->fold_case && i >= v->given ? unfold_case(m, haul_strz(&text), haul_strz(&one))
                                                         : haul_arena_str(&m->arena, haul_strz(&one));
        ret->changed |= strcmp(parts[i], v->v[i]) != 0;
        ret->cut |= was_cut;
        if (i)
            haul_str_addc(&text, '/');
        haul_str_addz(&text, parts[i]);
    }
    ret->by_role = v->given > 0;
    ret->path = (haul_path){.n = v->n, .parts = parts, .text = haul_arena_str(&m->arena, haul_strz(&text))};
}

/* The path an earlier run gave, split again. */
static void take_earlier(haul_map *m, const char *earlier, haul_mapped *ret)
{
    names v = {0};
    add_given(m, &v, earlier);
    const char **parts = haul_arena_alloc(&m->arena, (v.n + 1) * sizeof(*parts));
    for (size_t i = 0; i < v.n; i++)
        parts[i] = v.v[i];
    ret->path = (haul_path){.n = v.n, .parts = parts, .text = haul_arena_str(&m->arena, earlier)};
}

static void compose(haul_map *m, const haul_folders *fs, uint32_t folder, names *v)
{
    const haul_folder *chain[HAUL_FOLDER_DEPTH_MAX];
    size_t n = haul_folders_chain(fs, folder, chain);
    for (size_t i = 0; i < n; i++)
        add_name(m, v, chain[i]->name, strlen(chain[i]->name));
    if (!apply_rules(m, v) && n)
        apply_role(m, chain[0]->role, v);
    bool untouched = v->n && n && !v->given && strcmp(v->v[0], chain[0]->name) == 0;
    if (m->naming->inbox_root && v->n &&
        (haul_icmp(v->v[0], "INBOX") == 0 || (untouched && chain[0]->role == HAUL_ROLE_INBOX)))
        v->v[0] = haul_arena_str(&m->arena, "INBOX");
    apply_prefix(m, v);
    if (v->n && m->naming->inbox_root && haul_icmp(v->v[0], "INBOX") == 0)
        v->v[0] = haul_arena_str(&m->arena, "INBOX");
    if (!v->n && m->naming->inbox_root) /* --map 'A=/': the root's own mail is the INBOX */
        add_name(m, v, "INBOX", 5);
}

void haul_map_folder(haul_map *m, const haul_folders *fs, uint32_t folder, const char *earlier,
                     haul_mapped *ret)
{
    haul_mapped now = {0};
    const haul_folder *f = haul_folders_get(fs, folder);
    if (earlier && *earlier) {
        take_earlier(m, earlier, &now);
    } else {
        names v = {0};
        compose(m, fs, folder, &v);
        escape_all(m, &v, &now);
    }
    now.path.role = f ? f->role : HAUL_ROLE_NONE;
    haul_mapped *known = g_hash_table_lookup(m->paths, now.path.text);
    if (!known) {
        now.id = m->next_id++;
        known = haul_arena_alloc(&m->arena, sizeof(*known));
        *known = now;
        g_hash_table_insert(m->paths, (gpointer)(uintptr_t)now.path.text, known);
        *ret = now;
        return;
    }
    *ret = *known;
    ret->changed = now.changed;
    ret->cut = now.cut;
    ret->known = true;
}
