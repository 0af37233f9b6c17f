/* The metadata of a Vault export: an XML file in the manner of EDRM, read as a stream, kept as digests and label lists. */
#include "mbox_vault.h"

#include "base/time.h"
#include "model/sums.h"

#include <glib.h>
#include <libxml/xmlreader.h>
#include <stdlib.h>
#include <string.h>

#define KEY_OCTETS  12u    /* of a SHA-256: no two of a few million differ in meaning only */
#define VALUE_MAX   65536u /* octets of an attribute that count */
#define KEYS_OF_ONE 3u

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

static haul_vault *vault_new(void)
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

/* ── reading ── */

typedef struct document { /* the one being read */
    bool open, dated, labelled;
    int64_t received_us;
    haul_str labels, keys[KEYS_OF_ONE]; /* by key_index */
} document;

static const key_kind key_kinds[KEYS_OF_ONE] = {KEY_FILE, KEY_DOCUMENT, KEY_MESSAGE};

typedef struct parse {
    haul_vault *v;
    xmlTextReader *x;
    haul_in *in;
    document d;
    haul_err why; /* of reading */
    char text[256];
} parse;

static haul_span bare_id(haul_span s)
{
    s = haul_span_trim(s);
    if (s.len > 2 && *s.p == '<' && s.p[s.len - 1] == '>')
        return (haul_span){s.p + 1, s.len - 2};
    return s;
}

/* An attribute in any case of its name: exports differ in DocID and DocId. False when it is absent or too long. */
static bool attribute(const parse *ps, const char *name, haul_str *to)
{
    bool found = false;
    haul_str_clear(to);
    for (int more = xmlTextReaderMoveToFirstAttribute(ps->x); more == 1 && !found;
         more = xmlTextReaderMoveToNextAttribute(ps->x)) {
        const char *at = (const char *)xmlTextReaderConstLocalName(ps->x);
        const char *value = (const char *)xmlTextReaderConstValue(ps->x);
        found = at && value && haul_icmp(at, name) == 0 && strlen(value) <= VALUE_MAX;
        if (found)
            haul_str_addz(to, value);
    }
    (void)xmlTextReaderMoveToElement(ps->x);
    return found;
}

/* "2019-07-04T09:15:20.123Z", "…+0200": haul_iso_parse knows neither fractions nor such zones. */
static bool read_time(const char *z, int64_t *ret)
{
    haul_auto_str text = {0};
    size_t n = strcspn(z, ".");
    haul_str_add(&text, z, n);
    if (z[n])
        n += 1 + strspn(z + n + 1, "0123456789");
    const char *zone = z + n;
    if ((*zone == '+' || *zone == '-') && strlen(zone) == 5)
        haul_str_addf(&text, "%.3s:%s", zone, zone + 3);
    else
        haul_str_addz(&text, zone);
    return haul_iso_parse(text.p, ret);
}

static void take_tag(parse *ps)
{
    haul_auto_str name = {0}, value = {0};
    document *d = &ps->d;
    if (!attribute(ps, "TagName", &name) || !attribute(ps, "TagValue", &value))
        return;
    const char *n = haul_strz(&name) + (*haul_strz(&name) == '#');
    if (haul_icmp(n, "Labels") == 0) {
        d->labelled = true;
        haul_str_clear(&d->labels);
        haul_str_addz(&d->labels, haul_strz(&value));
    } else if (haul_icmp(n, "DateReceived") == 0) {
        d->dated = read_time(haul_strz(&value), &d->received_us);
    } else if (haul_icmp(n, "Rfc822MessageId") == 0 || haul_icmp(n, "MessageID") == 0) {
        haul_span id = bare_id((haul_span){haul_strz(&value), value.len});
        haul_str_clear(&d->keys[2]);
        haul_str_add(&d->keys[2], id.p, id.len);
    }
}

static void begin_document(parse *ps)
{
    document *d = &ps->d;
    d->open = true;
    d->dated = d->labelled = false;
    haul_str_clear(&d->labels);
    for (size_t i = 0; i < KEYS_OF_ONE; i++)
        haul_str_clear(&d->keys[i]);
    (void)attribute(ps, "DocID", &d->keys[1]);
}

static void end_document(parse *ps)
{
    haul_vault *v = ps->v;
    document *d = &ps->d;
    if (!d->open)
        return;
    d->open = false;
    if (v->n == HAUL_VAULT_ENTRIES_MAX) {
        v->full = true;
        return;
    }
    if (v->n == v->cap) {
        v->cap = v->cap ? v->cap + v->cap / 2 : 1024;
        v->entries = haul_realloc(v->entries, v->cap * sizeof(entry));
    }
    v->entries[v->n] = (entry){.received_us = d->received_us,
                               .labels = d->labelled ? keep_labels(v, haul_strz(&d->labels)) : NULL,
                               .dated = d->dated};
    for (size_t i = 0; i < KEYS_OF_ONE; i++)
        add_key(v, key_kinds[i], (haul_span){haul_strz(&d->keys[i]), d->keys[i].len}, v->n);
    v->n++;
}

static void take_node(parse *ps)
{
    const char *name = (const char *)xmlTextReaderConstLocalName(ps->x);
    int type = xmlTextReaderNodeType(ps->x);
    bool whole = name && strcmp(name, "Document") == 0;
    if (type == XML_READER_TYPE_END_ELEMENT && whole)
        end_document(ps);
    if (type != XML_READER_TYPE_ELEMENT || !name)
        return;
    if (whole) {
        begin_document(ps);
        if (xmlTextReaderIsEmptyElement(ps->x))
            end_document(ps);
    } else if (ps->d.open && strcmp(name, "Tag") == 0) {
        take_tag(ps);
    } else if (ps->d.open && strcmp(name, "ExternalFile") == 0) {
        (void)attribute(ps, "FileName", &ps->d.keys[0]);
    }
}

static int read_octets(void *ctx, char *to, int want)
{
    parse *ps = ctx;
    const char *p;
    size_t n;
    if (haul_in_peek(ps->in, 1, &p, &n, &ps->why) != HAUL_OK)
        return -1;
    n = n < (size_t)want ? n : (size_t)want;
    memcpy(to, p, n);
    haul_in_consume(ps->in, n);
    return (int)n;
}

/* The first complaint counts. */
static void hear(void *ctx, const char *text, xmlParserSeverities severity, xmlTextReaderLocatorPtr where)
{
    parse *ps = ctx;
    if (*ps->text || severity == XML_PARSER_SEVERITY_VALIDITY_WARNING ||
        severity == XML_PARSER_SEVERITY_WARNING)
        return;
    g_snprintf(ps->text, sizeof(ps->text), "line %d: %s", xmlTextReaderLocatorLineNumber(where), text);
    ps->text[strcspn(ps->text, "\r\n")] = '\0';
}

/* What is wrong with the file, in ps->text; entries before that count. */
static void read_nodes(parse *ps)
{
    int more;
    xmlTextReaderSetErrorHandler(ps->x, hear, ps);
    while ((more = xmlTextReaderRead(ps->x)) == 1 && !ps->v->full) {
        if (xmlTextReaderNodeType(ps->x) == XML_READER_TYPE_DOCUMENT_TYPE) { /* entities; no export has any */
            g_snprintf(ps->text, sizeof(ps->text), "it has a document type");
            return;
        }
        take_node(ps);
    }
    if (more < 0 && !*ps->text)
        g_snprintf(ps->text, sizeof(ps->text), "%s", *ps->why.text ? ps->why.text : "it is no XML");
}

static void parse_done(parse *ps)
{
    xmlFreeTextReader(ps->x);
    haul_in_close(ps->in);
    haul_str_done(&ps->d.labels);
    for (size_t i = 0; i < KEYS_OF_ONE; i++)
        haul_str_done(&ps->d.keys[i]);
}

static void read_metadata(haul_vault *v, haul_reader *r, const char *path)
{
    parse ps = {.v = v};
    uint32_t first = v->n;
    haul_in *raw = NULL;
    haul_rc rc = haul_tree_read(r->tree, path, &raw, NULL, &ps.why);
    if (rc == HAUL_OK)
        rc = haul_in_auto(raw, &ps.in, &ps.why);
    if (rc == HAUL_OK)
        ps.x = xmlReaderForIO(read_octets, NULL, &ps, NULL, NULL, XML_PARSE_NONET | XML_PARSE_COMPACT);
    if (ps.x)
        read_nodes(&ps);
    else
        g_snprintf(ps.text, sizeof(ps.text), "%s", ps.why.text);
    if (*ps.text)
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_UNREADABLE, "%s: %s; %u entries before that were read", path,
                          ps.text, v->n - first);
    if (v->full)
        haul_reader_issue(r, HAUL_ISSUE_SOURCE_UNREADABLE, "%s: more than %u entries, or %u octets of labels",
                          path, HAUL_VAULT_ENTRIES_MAX, HAUL_VAULT_LABELS_MAX);
    v->files[v->n_files++] = (metadata){haul_arena_str(&v->arena, path), first, v->n - first};
    parse_done(&ps);
}

static bool is_metadata(const char *name)
{
    return haul_iends(name, "-metadata.xml");
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
        *io = *io ? *io : vault_new();
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
               : find(v, KEY_MESSAGE, bare_id((haul_span){m->message_id, strlen(m->message_id)}));
}

void haul_vault_apply(haul_vault *v, haul_span from, haul_msg *m, haul_status *s)
{
    if (!v || !v->n)
        return;
    if (!v->sorted)
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
