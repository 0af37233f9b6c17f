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
    const json_t *report;
    haul_stats *stats;
    json_t *facts, *exceptions;
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
    if (++o->n_exceptions > EXCEPTIONS_SHOWN)
        return HAUL_OK;
    json_t *one = json_object();
    json_object_set_new(one, "docid", haul_json_from_text(*x->docid ? x->docid : x->item_id));
    json_object_set_new(one, "folder", haul_json_from_text(x->folder));
    json_object_set_new(one, "kind", haul_json_from_text(x->kind));
    json_object_set_new(one, "detail", haul_json_from_text(*x->detail ? x->detail : x->issue));
    json_object_set_new(one, "disposition", haul_json_from_text(x->disposition));
    json_array_append_new(o->exceptions, one);
    return HAUL_OK;
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

static json_t *totals_of(const json_t *report)
{
    static const char *const names[][2] = {{"found", "found"},       {"stored", "stored"},
                                           {"filtered", "filtered"}, {"duplicate", "duplicate"},
                                           {"failed", "failed"},     {"already_stored", "already stored"}};
    const json_t *t = json_object_get(report, "totals");
    json_t *list = json_array();
    for (size_t i = 0; i < HAUL_COUNT(names); i++)
        add_total(list, names[i][1], json_integer_value(json_object_get(t, names[i][0])));
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
    json_object_set_new(f, "totals", totals_of(o->report));
    json_object_set_new(f, "stats", haul_stats_json(o->stats));
    json_object_set(f, "folders", json_object_get(o->report, "folders"));
    json_object_set(f, "sources", json_object_get(o->report, "sources"));
    json_object_set(f, "issues", json_object_get(totals, "issues"));
    if (json_object_get(o->report, "terms"))
        json_object_set(f, "terms", json_object_get(o->report, "terms"));
    json_object_set(f, "exceptions", o->exceptions);
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
                  .exceptions = json_array()};
    haul_rc rc = haul_catalog_count(c, &o.totals, e);
    if (rc == HAUL_OK)
        rc = haul_catalog_families(c, HAUL_BY_ROW, on_family, &o, e);
    if (rc == HAUL_OK)
        rc = haul_catalog_exceptions(c, on_exception, &o, e);
    if (rc == HAUL_OK) {
        describe(&o);
        rc = write_page(&o, root, e);
    }
    if (rc == HAUL_OK)
        rc = write_report(&o, root, e);
    haul_stats_free(o.stats);
    json_decref(o.facts);
    json_decref(o.exceptions);
    return rc;
}
