/* The metadata of Vault exports as a table: digests of what names a message, lists of labels. */
#include "mbox_vault.h"

#include "model/sums.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#define KEY_OCTETS 12u /* of a SHA-256: no two of a few million differ in meaning only */

typedef struct key {
    uint8_t digest[KEY_OCTETS];
    uint32_t entry;
} key;

typedef struct entry {
    int64_t received_us;
    const char *labels; /* as they stand there; NULL: it says nothing of them */
    uint16_t file;
    bool dated, matched;
} entry;

typedef struct metadata { /* one file */
    const char *path;
    uint32_t first, n; /* its entries */
} metadata;

struct haul_vault {
    haul_arena arena;
    entry *entries;
    uint32_t n, cap;
    key *keys;
    size_t n_keys, cap_keys;
    bool sorted;
    GHashTable *lists; /* of labels, each once */
    size_t list_octets;
    metadata *files;
    uint32_t n_files;
    haul_sha256 *sha;
    bool full;
};

/* ── the table ── */

haul_vault *haul_vault_new(void)
{
    haul_vault *v = haul_calloc(1, sizeof(*v));
    v->lists = g_hash_table_new(g_str_hash, g_str_equal);
    v->files = haul_calloc(HAUL_VAULT_FILES_MAX, sizeof(*v->files));
    v->sha = haul_sha256_new();
    return v;
}

void haul_vault_free(haul_vault *v)
{
    if (!v)
        return;
    haul_arena_done(&v->arena);
    g_hash_table_destroy(v->lists);
    haul_sha256_free(v->sha);
    free(v->entries);
    free(v->keys);
    free(v->files);
    free(v);
}

/* What a key is: the name of the message's file, its id in Vault, its Message-ID. */
typedef enum key_kind { KEY_FILE = 'f', KEY_DOCUMENT = 'd', KEY_MESSAGE = 'm' } key_kind;

static void make_digest(haul_vault *v, key_kind kind, haul_span text, uint8_t to[KEY_OCTETS])
{
    uint8_t digest[HAUL_SHA256_LEN];
    char k = (char)kind;
    haul_sha256_update(v->sha, &k, 1);
    haul_sha256_update(v->sha, text.p, text.len);
    haul_sha256_final(v->sha, digest);
    memcpy(to, digest, KEY_OCTETS);
}

static void add_key(haul_vault *v, key_kind kind, haul_span text, uint32_t of)
{
    if (!text.len)
        return;
    if (v->n_keys == v->cap_keys) {
        v->cap_keys = v->cap_keys ? v->cap_keys + v->cap_keys / 2 : 1024;
        v->keys = haul_realloc(v->keys, v->cap_keys * sizeof(key));
    }
    key *k = &v->keys[v->n_keys++];
    make_digest(v, kind, text, k->digest);
    k->entry = of;
    v->sorted = false;
}

static int by_digest(const void *a, const void *b)
{
    const key *x = a, *y = b;
    int order = memcmp(x->digest, y->digest, KEY_OCTETS);
    return order ? order : (x->entry > y->entry) - (x->entry < y->entry);
}

/* The entry with that key: the first that no message has had yet, else the last of them. NULL: none. */
static entry *find(haul_vault *v, key_kind kind, haul_span text)
{
    uint8_t digest[KEY_OCTETS];
    size_t low = 0, high = v->n_keys;
    entry *found = NULL;
    if (!text.len)
        return NULL;
    make_digest(v, kind, text, digest);
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (memcmp(v->keys[mid].digest, digest, KEY_OCTETS) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low < v->n_keys && memcmp(v->keys[low].digest, digest, KEY_OCTETS) == 0; low++) {
        found = &v->entries[v->keys[low].entry];
        if (!found->matched)
            break;
    }
    return found;
}

static const char *keep_labels(haul_vault *v, const char *list)
{
    const char *known = g_hash_table_lookup(v->lists, list);
    if (known)
        return known;
    size_t n = strlen(list) + 1;
    if (n > HAUL_VAULT_LABELS_MAX - v->list_octets) {
        v->full = true;
        return NULL;
    }
    v->list_octets += n;
    char *copy = haul_arena_str(&v->arena, list);
    g_hash_table_add(v->lists, copy);
    return copy;
}

void haul_vault_add(haul_vault *v, const haul_vault_entry *e)
{
    if (v->n == HAUL_VAULT_ENTRIES_MAX) {
        v->full = true;
        return;
    }
    if (v->n == v->cap) {
        v->cap = v->cap ? v->cap + v->cap / 2 : 1024;
        v->entries = haul_realloc(v->entries, v->cap * sizeof(entry));
    }
    v->entries[v->n] = (entry){.received_us = e->received_us,
                               .labels = e->labelled ? keep_labels(v, haul_strz(&e->labels)) : NULL,
                               .dated = e->dated};
    add_key(v, KEY_FILE, (haul_span){haul_strz(&e->file), e->file.len}, v->n);
    add_key(v, KEY_DOCUMENT, (haul_span){haul_strz(&e->document), e->document.len}, v->n);
    add_key(v, KEY_MESSAGE, haul_vault_bare_id((haul_span){haul_strz(&e->message), e->message.len}), v->n);
    v->n++;
}

bool haul_vault_is_full(const haul_vault *v)
{
    return v->full;
}

haul_span haul_vault_bare_id(haul_span s)
{
    s = haul_span_trim(s);
    if (s.len > 2 && *s.p == '<' && s.p[s.len - 1] == '>')
        return (haul_span){s.p + 1, s.len - 2};
    return s;
}

/* ── files ── */

static bool is_xml(const char *name)
{
    return haul_iends(name, "-metadata.xml");
}

static bool is_metadata(const char *name)
{
    return is_xml(name) || haul_iends(name, "-metadata.csv");
}

static void read_metadata(haul_vault *v, haul_reader *r, const char *path)
{
    char wrong[HAUL_VAULT_WRONG] = "";
    haul_err why = {0};
    uint32_t first = v->n;
    haul_auto(haul_in) *in = NULL;
    haul_in *raw = NULL;
    haul_rc rc = haul_tree_read(r->tree, path, &raw, NULL, &why);
    if (rc == HAUL_OK)
        rc = haul_in_auto(raw, &in, &why);
    if (rc != HAUL_OK)
        g_strlcpy(wrong, why.text, sizeof(wrong));
    else if (is_xml(path))
        haul_vault_read_xml(v, in, wrong);
    else
        haul_vault_read_csv(v, in, wrong);
    if (*wrong)
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_UNREADABLE, "%s: %s; %u entries before that were read", path,
                          wrong, v->n - first);
    if (v->full)
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_UNREADABLE, "%s: more than %u entries, or %u octets of labels",
                          path, HAUL_VAULT_ENTRIES_MAX, HAUL_VAULT_LABELS_MAX);
    v->files[v->n_files++] = (metadata){haul_arena_str(&v->arena, path), first, v->n - first};
}

void haul_vault_look(haul_vault **io, haul_reader *r, const char *dir, const haul_entry *v, size_t n)
{
    haul_arena a = {0};
    if (*dir && !r->later) /* the core has looked at the top */
        haul_sums_check(r, dir, v, n);
    for (size_t i = 0; i < n; i++) {
        const char *path = *dir ? haul_arena_printf(&a, "%s/%s", dir, v[i].name) : v[i].name;
        if (v[i].type != HAUL_ENTRY_FILE)
            continue;
        if (!is_metadata(v[i].name))
            continue;
        *io = *io ? *io : haul_vault_new();
        if ((*io)->n_files < HAUL_VAULT_FILES_MAX && !(*io)->full)
            read_metadata(*io, r, path);
    }
    haul_arena_done(&a);
}

bool haul_vault_is_note(const char *name)
{
    return is_metadata(name) || haul_sums_is(name) || haul_iends(name, "-results-count.csv") ||
           haul_iends(name, "-result-counts.csv") || haul_iends(name, "-group-membership.csv");
}

/* ── a message ── */

static haul_span until(haul_span s, const char *stops)
{
    size_t n = 0;
    while (n < s.len && !strchr(stops, s.p[n]))
        n++;
    return (haul_span){s.p, n};
}

static haul_span without(haul_span s, const char *end)
{
    size_t n = strlen(end);
    return s.len > n && memcmp(s.p + s.len - n, end, n) == 0 ? (haul_span){s.p, s.len - n} : s;
}

/* By the From_ line in all the ways that it has been seen to name the message, else by the message itself. [mbox-62] */
static entry *find_message(haul_vault *v, haul_span from, const haul_msg *m)
{
    haul_span plain = without(from, ".mbox");
    entry *e = find(v, KEY_FILE, from);
    e = e ? e : find(v, KEY_FILE, plain);
    e = e ? e : find(v, KEY_DOCUMENT, plain);
    e = e ? e : find(v, KEY_DOCUMENT, until(plain, "@"));
    e = e ? e : find(v, KEY_DOCUMENT, until(plain, "-"));
    return e || !m->message_id
               ? e
               : find(v, KEY_MESSAGE, haul_vault_bare_id((haul_span){m->message_id, strlen(m->message_id)}));
}

void haul_vault_apply(haul_vault *v, haul_span from, haul_msg *m, haul_status *s)
{
    if (!v || !v->n)
        return;
    if (!v->sorted && v->n_keys)
        qsort(v->keys, v->n_keys, sizeof(key), by_digest);
    v->sorted = true;
    entry *e = find_message(v, from, m);
    if (!e) {
        haul_msg_issue(m, HAUL_ISSUE_MBOX_VAULT_NO_ENTRY, "%s", "");
        return;
    }
    e->matched = true;
    if (e->labels)
        haul_status_labels(s, e->labels);
    if (e->dated && haul_msg_has_issue(m, HAUL_ISSUE_MBOX_DATE_UNREADABLE))
        haul_msg_received(m, e->received_us, 0);
}

void haul_vault_end(haul_vault *v, haul_reader *r)
{
    for (uint32_t f = 0; v && f < v->n_files; f++) {
        uint32_t alone = 0;
        for (uint32_t i = 0; i < v->files[f].n; i++)
            alone += !v->entries[v->files[f].first + i].matched;
        if (alone)
            haul_reader_issue(r, HAUL_ISSUE_MBOX_VAULT_UNMATCHED, "%s: %u of %u", v->files[f].path, alone,
                              v->files[f].n);
        v->files[f].n = 0; /* told */
    }
}
