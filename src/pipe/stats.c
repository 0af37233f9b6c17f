#include "pipe/stats.h"

#include "base/time.h"
#include "mime/facts.h"
#include "model/folder.h"
#include "pipe/report.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_MAX 320u /* octets: 64 of the local part, '@', 255 of the domain (RFC 5321 4.5.3.1) */

typedef struct figure {
    uint64_t items, octets;
} figure;

typedef struct person {
    const char *address;
    uint64_t sent, received;
    uint64_t sent_at, received_at; /* number of the last item that counted */
} person;

typedef struct place { /* a folder */
    const char *path;
    figure all;
    bool dated;
    int64_t oldest_us, newest_us;
} place;

typedef struct size_class {
    uint64_t to;
    const char *label;
} size_class;

static const size_class classes[] = {
    {4000, "under 4 kB"},     {16000, "4 to 16 kB"},       {64000, "16 to 64 kB"},
    {256000, "64 to 256 kB"}, {1000000, "256 kB to 1 MB"}, {4000000, "1 to 4 MB"},
    {16000000, "4 to 16 MB"}, {64000000, "16 to 64 MB"},   {UINT64_MAX, "64 MB and more"},
};

struct haul_stats {
    uint64_t items; /* also the number of the one being counted, from 1 */
    figure *months; /* HAUL_STATS_MONTHS of them */
    uint64_t undated;
    figure sizes[HAUL_COUNT(classes)];
    uint64_t kinds[HAUL_KIND_COUNT];
    /* Balanced trees: no name that comes from an archive makes them slow, and they are walked in order. */
    GTree *people, *folders;
    uint64_t n_people, n_folders;
    uint64_t more_sent, more_received, more_folders;
    unsigned parties; /* of the item being counted */
    haul_arena arena;
};

static int address_order(gconstpointer a, gconstpointer b, gpointer unused)
{
    (void)unused;
    return strcmp(a, b);
}

static int place_order(gconstpointer a, gconstpointer b, gpointer unused)
{
    (void)unused;
    return haul_path_order(a, b);
}

haul_stats *haul_stats_new(void)
{
    haul_stats *s = haul_calloc(1, sizeof(*s));
    s->months = haul_calloc(HAUL_STATS_MONTHS, sizeof(*s->months));
    s->people = g_tree_new_full(address_order, NULL, NULL, NULL);
    s->folders = g_tree_new_full(place_order, NULL, NULL, NULL);
    return s;
}

void haul_stats_free(haul_stats *s)
{
    if (!s)
        return;
    g_tree_destroy(s->people);
    g_tree_destroy(s->folders);
    haul_arena_done(&s->arena);
    free(s->months);
    free(s);
}

/* ── counting ── */

static void count(figure *f, uint64_t octets)
{
    f->items++;
    f->octets += octets;
}

static void count_month(haul_stats *s, const haul_msg *m, uint64_t octets)
{
    haul_civil c;
    int64_t us = haul_msg_time(m);
    if (!(m->set & (HAUL_SET_RECEIVED | HAUL_SET_SENT)) || us < HAUL_TIME_MIN || us > HAUL_TIME_MAX) {
        s->undated++;
        return;
    }
    int64_t seconds = us / HAUL_US - (us % HAUL_US < 0);
    haul_civil_from(seconds, &c);
    size_t at = ((size_t)c.year - HAUL_STATS_YEAR) * 12 + (size_t)c.month - 1;
    if (at < HAUL_STATS_MONTHS)
        count(&s->months[at], octets);
}

static void count_size(haul_stats *s, uint64_t octets)
{
    size_t i = 0;
    while (i + 1 < HAUL_COUNT(classes) && octets >= classes[i].to)
        i++;
    count(&s->sizes[i], octets);
}

static person *know(haul_stats *s, const char *address)
{
    person *p = g_tree_lookup(s->people, address);
    if (p || s->n_people == HAUL_STATS_CORRESPONDENTS)
        return p;
    p = haul_arena_calloc(&s->arena, sizeof(*p));
    p->address = haul_arena_str(&s->arena, address);
    g_tree_insert(s->people, haul_arena_str(&s->arena, address), p);
    s->n_people++;
    return p;
}

static bool count_party(void *ctx, haul_party who, const char *address)
{
    haul_stats *s = ctx;
    bool sender = who == HAUL_PARTY_SENDER;
    if (strlen(address) > ADDRESS_MAX)
        return true;
    person *p = know(s, address);
    uint64_t *at = !p ? NULL : sender ? &p->sent_at : &p->received_at;
    uint64_t *n = p ? (sender ? &p->sent : &p->received) : sender ? &s->more_sent : &s->more_received;
    if (!at || *at != s->items)
        ++*n;
    if (at)
        *at = s->items;
    return ++s->parties < HAUL_STATS_PARTIES;
}

static void count_folder(haul_stats *s, const haul_msg *m, const char *path, uint64_t octets)
{
    place *f = g_tree_lookup(s->folders, path);
    if (!f && s->n_folders == HAUL_STATS_FOLDERS) {
        s->more_folders++;
        return;
    }
    if (!f) {
        f = haul_arena_calloc(&s->arena, sizeof(*f));
        f->path = haul_arena_str(&s->arena, path);
        g_tree_insert(s->folders, haul_arena_str(&s->arena, path), f);
        s->n_folders++;
    }
    count(&f->all, octets);
    if (!(m->set & (HAUL_SET_RECEIVED | HAUL_SET_SENT)))
        return;
    int64_t us = haul_msg_time(m);
    f->oldest_us = !f->dated || us < f->oldest_us ? us : f->oldest_us;
    f->newest_us = !f->dated || us > f->newest_us ? us : f->newest_us;
    f->dated = true;
}

void haul_stats_add(haul_stats *s, const haul_msg *m, const char *folder, uint64_t octets, const char *head,
                    size_t n)
{
    s->items++;
    s->parties = 0;
    count_month(s, m, octets);
    count_size(s, octets);
    s->kinds[m->kind]++;
    if (folder)
        count_folder(s, m, folder, octets);
    if (head)
        haul_facts_parties(head, n, count_party, s);
}

/* ── the object ── */

static void figure_json(json_t *o, const figure *f)
{
    haul_json_set_u64(o, "items", f->items);
    haul_json_set_u64(o, "octets", f->octets);
}

static json_t *months_json(const haul_stats *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < HAUL_STATS_MONTHS; i++) {
        if (!s->months[i].items)
            continue;
        json_t *o = json_object();
        json_object_set_new(
            o, "month",
            json_sprintf("%04u-%02u", (unsigned)(HAUL_STATS_YEAR + i / 12), (unsigned)(i % 12 + 1)));
        figure_json(o, &s->months[i]);
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *sizes_json(const haul_stats *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < HAUL_COUNT(classes); i++) {
        json_t *o = json_object();
        json_object_set_new(o, "label", json_string(classes[i].label));
        if (i + 1 < HAUL_COUNT(classes))
            haul_json_set_u64(o, "to", classes[i].to);
        else
            json_object_set_new(o, "to", json_null());
        figure_json(o, &s->sizes[i]);
        json_array_append_new(list, o);
    }
    return list;
}

typedef struct ranking { /* the first `n` so far, the best in front */
    const person *best[HAUL_STATS_SHOWN];
    size_t n;
} ranking;

/* People come in the order of their addresses, so that the first of equals stays in front. */
static gboolean rank(gpointer key, gpointer value, gpointer ctx)
{
    ranking *r = ctx;
    const person *p = value;
    size_t at = r->n;
    (void)key;
    while (at > 0 && r->best[at - 1]->sent + r->best[at - 1]->received < p->sent + p->received)
        at--;
    if (at == HAUL_STATS_SHOWN)
        return FALSE;
    r->n += r->n < HAUL_STATS_SHOWN;
    memmove(&r->best[at + 1], &r->best[at], (r->n - at - 1) * sizeof(r->best[0]));
    r->best[at] = p;
    return FALSE;
}

static json_t *people_json(const haul_stats *s)
{
    ranking r = {.n = 0};
    json_t *list = json_array();
    g_tree_foreach(s->people, rank, &r);
    for (size_t i = 0; i < r.n; i++) {
        json_t *o = json_object();
        json_object_set_new(o, "address", haul_json_from_text(r.best[i]->address));
        haul_json_set_u64(o, "sent", r.best[i]->sent);
        haul_json_set_u64(o, "received", r.best[i]->received);
        json_array_append_new(list, o);
    }
    return list;
}

static gboolean place_json(gpointer key, gpointer value, gpointer ctx)
{
    const place *f = value;
    json_t *o = json_object();
    (void)key;
    json_object_set_new(o, "path", haul_json_from_text(f->path));
    figure_json(o, &f->all);
    haul_json_set_time(o, "oldest", f->dated, f->oldest_us);
    haul_json_set_time(o, "newest", f->dated, f->newest_us);
    json_array_append_new(ctx, o);
    return FALSE;
}

json_t *haul_stats_json(const haul_stats *s)
{
    json_t *o = json_object(), *kinds = json_object(), *folders = json_array();
    json_object_set_new(o, "months", months_json(s));
    haul_json_set_u64(o, "undated", s->undated);
    json_object_set_new(o, "sizes", sizes_json(s));
    for (int k = 0; k < HAUL_KIND_COUNT; k++)
        if (s->kinds[k])
            haul_json_set_u64(kinds, haul_kind_name((haul_kind)k), s->kinds[k]);
    json_object_set_new(o, "kinds", kinds);
    json_object_set_new(o, "correspondents", people_json(s));
    haul_json_set_u64(o, "addresses", s->n_people);
    if (s->more_sent || s->more_received)
        json_object_set_new(
            o, "more",
            json_pack("{sI sI}", "sent", (json_int_t)s->more_sent, "received", (json_int_t)s->more_received));
    g_tree_foreach(s->folders, place_json, folders);
    json_object_set_new(o, "folders", folders);
    if (s->more_folders)
        haul_json_set_u64(o, "more_folders", s->more_folders);
    return o;
}
