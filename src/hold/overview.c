#include "hold/overview.h"

#include "hold/sink.h"
#include "io/atomic.h"
#include "mime/facts.h"
#include "pipe/page.h"
#include "pipe/report.h"
#include "pipe/stats.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define EXCEPTIONS_SHOWN 200u

typedef struct overview {
    const haul_case *k;
    const json_t *report; /* of the last run; the package has all of them */
    haul_stats *stats;
    json_t *facts, *exceptions;
    json_t *sources; /* of all runs */
    json_t *folders; /* {source: {path: row}} */
    json_t *exception_kinds;
    size_t n_exceptions;
    haul_catalog_totals totals;
} overview;

/* ── figures ── */

/* Up to the next ";" that is in no quoted name. */
static size_t one_length(const char *p)
{
    bool quoted = false;
    size_t n = 0;
    for (; p[n] && (quoted || p[n] != ';'); n++) {
        quoted ^= p[n] == '"';
        n += quoted && p[n] == '\\' && p[n + 1];
    }
    return n;
}

/* "Ada <ada@x.org>; b@y.org" */
static void add_parties(haul_stats *s, const char *list, haul_party who)
{
    haul_auto_str addr = {0};
    for (const char *p = list; *p;) {
        size_t n = one_length(p);
        haul_span one = haul_span_trim((haul_span){p, n});
        haul_str_clear(&addr);
        haul_str_add(&addr, one.p, one.len);
        const char *open = strrchr(haul_strz(&addr), '<');
        if (addr.len && addr.p[addr.len - 1] == '>' && open)
            addr.p[--addr.len] = '\0';
        if (memchr(haul_strz(&addr), '@', addr.len))
            haul_stats_party(s, who, open ? open + 1 : addr.p);
        p += n + (p[n] == ';');
    }
}

static haul_rc on_family(void *ctx, const haul_family *f, haul_err *e)
{
    overview *o = ctx;
    const haul_doc *d = &f->docs[0];
    const haul_msg m = {.kind = d->kind,
                        .set =
                            (d->has_received ? HAUL_SET_RECEIVED : 0u) | (d->has_sent ? HAUL_SET_SENT : 0u),
                        .received_us = d->received_us,
                        .sent_us = d->sent_us};
    (void)e;
    haul_stats_add(o->stats, &m, d->folder, d->size, NULL, 0);
    add_parties(o->stats, d->from, HAUL_PARTY_SENDER);
    add_parties(o->stats, d->to, HAUL_PARTY_RECIPIENT);
    add_parties(o->stats, d->cc, HAUL_PARTY_RECIPIENT);
    add_parties(o->stats, d->bcc, HAUL_PARTY_RECIPIENT);
    return HAUL_OK;
}

static haul_rc on_exception(void *ctx, const haul_exception *x, haul_err *e)
{
    overview *o = ctx;
    (void)e;
    json_int_t n = json_integer_value(json_object_get(o->exception_kinds, x->kind));
    json_object_set_new(o->exception_kinds, x->kind, json_integer(n + 1));
    if (++o->n_exceptions > EXCEPTIONS_SHOWN)
        return HAUL_OK;
    const char *const members[][2] = {
        {"docid", x->docid},   {"item_id", x->item_id}, {"source", x->source},
        {"folder", x->folder}, {"place", x->place},     {"kind", x->kind},
        {"issue", x->issue},   {"detail", x->detail},   {"disposition", x->disposition}};
    json_t *one = json_object();
    for (size_t i = 0; i < HAUL_COUNT(members); i++)
        json_object_set_new(one, members[i][0], haul_json_from_text(members[i][1]));
    json_array_append_new(o->exceptions, one);
    return HAUL_OK;
}

/* ── of all runs ── */

/* source, path: as haul_json_from_text has them, so that names which are no UTF-8 meet those of the report. */
static json_t *row_of(overview *o, const json_t *source_name, const json_t *path_name)
{
    const char *source = json_string_value(source_name), *path = json_string_value(path_name);
    if (!source || !path)
        return NULL;
    json_t *of = json_object_get(o->folders, source);
    if (!of)
        json_object_set_new_nocheck(o->folders, source, of = json_object());
    json_t *row = json_object_get(of, path);
    if (row)
        return row;
    json_object_set_new_nocheck(of, path, row = json_object());
    json_object_set_new(row, "source", json_copy((json_t *)(uintptr_t)source_name));
    json_object_set_new(row, "path", json_copy((json_t *)(uintptr_t)path_name));
    for (const char *const *name =
             (const char *const[]){"found", "stored", "filtered", "duplicate", "failed", NULL};
         *name; name++)
        json_object_set_new(row, *name, json_integer(0));
    return row;
}

static haul_rc on_folder(void *ctx, const haul_folder_totals *f, haul_err *e)
{
    json_t *source = haul_json_from_text(f->source), *path = haul_json_from_text(f->folder);
    json_t *row = row_of(ctx, source, path);
    json_decref(source);
    json_decref(path);
    if (!row)
        return haul_fail(e, HAUL_E_STATE, "catalogue: a folder without a name");
    json_object_set_new(row, "found",
                        json_integer((json_int_t)(f->stored + f->filtered + f->duplicate + f->failed)));
    json_object_set_new(row, "stored", json_integer((json_int_t)f->stored));
    json_object_set_new(row, "filtered", json_integer((json_int_t)f->filtered));
    json_object_set_new(row, "duplicate", json_integer((json_int_t)f->duplicate));
    json_object_set_new(row, "failed", json_integer((json_int_t)f->failed));
    return HAUL_OK;
}

/* Those that are empty are known to the run alone. */
static void add_empty_folders(overview *o)
{
    size_t i = 0;
    json_t *f = NULL;
    json_array_foreach(json_object_get(o->report, "folders"), i, f)
    {
        json_t *row = row_of(o, json_object_get(f, "source"), json_object_get(f, "path"));
        if (row)
            json_object_set(row, "role", json_object_get(f, "role"));
    }
}

static json_t *folder_list(const overview *o)
{
    json_t *list = json_array(), *of = NULL, *row = NULL;
    const char *source = NULL, *path = NULL;
    json_object_foreach(o->folders, source, of) json_object_foreach(of, path, row)
        json_array_append(list, row);
    return list;
}

/* What the last run over each source says of it; kept in the catalogue, as reports have their own run only. */
static haul_rc all_sources(overview *o, haul_catalog *c, haul_err *e)
{
    const char *before = haul_catalog_meta(c, "sources");
    size_t i = 0;
    json_t *said = NULL, *known = before ? json_loads(before, JSON_ALLOW_NUL, NULL) : NULL;
    o->sources = json_is_array(known) ? json_incref(known) : json_array();
    json_decref(known);
    json_array_foreach(json_object_get(o->report, "sources"), i, said)
    {
        size_t at = 0;
        while (at < json_array_size(o->sources) &&
               !json_equal(json_object_get(json_array_get(o->sources, at), "name"),
                           json_object_get(said, "name")))
            at++;
        if (at < json_array_size(o->sources))
            json_array_set(o->sources, at, said);
        else
            json_array_append(o->sources, said);
    }
    char *dump = json_dumps(o->sources, JSON_COMPACT);
    haul_rc rc = haul_catalog_set_meta(c, "sources", dump, e);
    free(dump);
    return rc == HAUL_OK ? haul_catalog_commit(c, e) : rc;
}

/* ── the page ── */

static void add_fact(json_t *list, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    json_t *pair = json_array();
    json_array_append_new(pair, json_string(name));
    json_array_append_new(pair, haul_json_from_text(value));
    json_array_append_new(list, pair);
}

static void add_total(json_t *list, const char *name, json_int_t n)
{
    json_t *pair = json_array();
    json_array_append_new(pair, json_string(name));
    json_array_append_new(pair, json_integer(n));
    json_array_append_new(list, pair);
}

/* Of the package, each item once, however often it was read. */
static json_t *totals_of(const haul_catalog_totals *t)
{
    json_t *list = json_array();
    add_total(list, "found",
              (json_int_t)(t->messages + t->twins + t->left_out_filtered + t->left_out_failed));
    add_total(list, "stored", (json_int_t)t->messages);
    add_total(list, "filtered", (json_int_t)t->left_out_filtered);
    add_total(list, "duplicate", (json_int_t)t->twins);
    add_total(list, "failed", (json_int_t)t->left_out_failed);
    return list;
}

static json_t *facts_of(const overview *o)
{
    haul_auto_str text = {0};
    json_t *list = json_array();
    add_fact(list, "Matter", o->k->matter);
    add_fact(list, "Custodian", o->k->custodian);
    add_fact(list, "Description", o->k->description);
    add_fact(list, "Organization", o->k->organization);
    add_fact(list, "Contact", o->k->contact);
    add_fact(list, "Sealed", o->k->created);
    add_fact(list, "Time zone of load files", o->k->time_zone);
    haul_str_addf(&text, "%llu: %llu messages, %llu attachments",
                  (unsigned long long)(o->totals.messages + o->totals.attachments),
                  (unsigned long long)o->totals.messages, (unsigned long long)o->totals.attachments);
    add_fact(list, "Documents", text.p);
    haul_str_clear(&text);
    haul_str_addf(&text, "%llu files, %llu octets", (unsigned long long)o->totals.files,
                  (unsigned long long)o->totals.octets);
    add_fact(list, "Payload", text.p);
    return list;
}

static json_t *verify_lines(void)
{
    static const char *const lines[] = {"mailhaul verify CASE-DIR",
                                        "cd CASE-DIR && sha256sum -c manifest-sha256.txt",
                                        "cd CASE-DIR && sha256sum -c tagmanifest-sha256.txt"};
    json_t *list = json_array();
    for (size_t i = 0; i < HAUL_COUNT(lines); i++)
        json_array_append_new(list, json_string(lines[i]));
    return list;
}

static void describe(overview *o)
{
    haul_auto_str title = {0};
    json_t *f = o->facts;
    const json_t *totals = json_object_get(o->report, "totals");
    haul_str_addf(&title, "Legal hold%s%s", *o->k->matter ? ": " : "", o->k->matter);
    json_object_set_new(f, "title", haul_json_from_text(title.p));
    json_object_set_new(f, "subtitle", haul_json_from_text(o->k->description));
    json_object_set_new(f, "generated", json_string(o->k->created));
    json_object_set_new(f, "program", json_string("mailhaul " HAUL_VERSION));
    json_object_set_new(f, "facts", facts_of(o));
    json_object_set_new(f, "totals", totals_of(&o->totals));
    json_object_set_new(f, "stats", haul_stats_json(o->stats));
    json_object_set_new(f, "folders", folder_list(o));
    json_object_set(f, "sources", o->sources);
    json_object_set(f, "issues", json_object_get(totals, "issues"));
    if (json_object_get(o->report, "terms"))
        json_object_set(f, "terms", json_object_get(o->report, "terms"));
    json_object_set(f, "exceptions", o->exceptions);
    json_object_set(f, "exceptions_kinds", o->exception_kinds);
    json_object_set_new(f, "exceptions_total", json_integer((json_int_t)o->n_exceptions));
    json_object_set_new(f, "verify", verify_lines());
}

static haul_rc write_page(const overview *o, int root, haul_err *e)
{
    haul_atomic a = {.file = {.fd = -1}};
    haul_rc rc = haul_atomic_open(&a, root, "report.html", e);
    if (rc == HAUL_OK)
        rc = haul_page_write(o->facts, &a.file.out, e);
    if (rc == HAUL_OK)
        rc = haul_atomic_commit(&a, e);
    haul_atomic_drop(&a);
    return rc;
}

/* ── report.json ── */

static json_t *package_of(const overview *o)
{
    const haul_catalog_totals *t = &o->totals;
    return json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "matter", o->k->matter, "sealed", o->k->created,
        "documents", (json_int_t)(t->messages + t->attachments), "messages", (json_int_t)t->messages,
        "attachments", (json_int_t)t->attachments, "twins", (json_int_t)t->twins, "left_out",
        (json_int_t)(t->left_out_filtered + t->left_out_failed), "exceptions", (json_int_t)t->exceptions,
        "files", (json_int_t)t->files, "octets", (json_int_t)t->octets);
}

static haul_rc write_report(const overview *o, int root, haul_err *e)
{
    haul_auto_str text = {0};
    json_t *all = json_copy((json_t *)(uintptr_t)o->report);
    json_object_set_new(all, "package", package_of(o));
    char *dump = json_dumps(all, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    haul_str_addf(&text, "%s\n", dump);
    free(dump);
    json_decref(all);
    return haul_write_file(root, "report.json", text.p, text.len, e);
}

haul_rc haul_overview_write(haul_catalog *c, const haul_case *k, const json_t *report, int root, haul_err *e)
{
    overview o = {.k = k,
                  .report = report,
                  .stats = haul_stats_new(),
                  .facts = json_object(),
                  .exceptions = json_array(),
                  .folders = json_object(),
                  .exception_kinds = json_object()};
    haul_rc rc = haul_catalog_count(c, &o.totals, e);
    if (rc == HAUL_OK)
        rc = all_sources(&o, c, e);
    if (rc == HAUL_OK)
        rc = haul_catalog_folders(c, on_folder, &o, e);
    if (rc == HAUL_OK)
        rc = haul_catalog_families(c, HAUL_BY_ROW, on_family, &o, e);
    if (rc == HAUL_OK)
        rc = haul_catalog_exceptions(c, on_exception, &o, e);
    if (rc == HAUL_OK) {
        add_empty_folders(&o);
        describe(&o);
        rc = write_page(&o, root, e);
    }
    if (rc == HAUL_OK)
        rc = write_report(&o, root, e);
    haul_stats_free(o.stats);
    json_decref(o.facts);
    json_decref(o.exceptions);
    json_decref(o.sources);
    json_decref(o.folders);
    json_decref(o.exception_kinds);
    return rc;
}
