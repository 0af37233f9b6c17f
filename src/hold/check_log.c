#define _XOPEN_SOURCE 700 /* realpath */
/* The log, the sources that it names, the report, and whether all counts add up. */
#include "hold/check.h"

#include "io/digest.h"
#include "pipe/report.h"
#include "pipe/state.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPORT        "report.json"
#define SOURCES_MAX   100000u /* that a log is asked for */
#define PACKAGE_TOTAL "package"

/* ── audit.jsonl ── */

/* The last digest of each source is the one that counts: mail may have come in before a later run. */
static void keep_origin(haul_check *c, json_t *line)
{
    const char *path = json_string_value(json_object_get(line, "path"));
    if (!path || !json_is_string(json_object_get(line, "sha256")) ||
        json_object_size(c->origins) >= SOURCES_MAX)
        return;
    json_object_set_new(line, "line", json_integer((json_int_t)c->log_lines));
    json_object_set(c->origins, path, line);
}

static haul_rc see_line(void *ctx, const haul_audit_line *line, haul_err *e)
{
    static const char of_source[] = "source-"; /* opened, closed */
    haul_check *c = ctx;
    (void)e;
    c->log_lines++;
    if (!haul_istarts(line->event.p, line->event.len, of_source))
        return HAUL_OK;
    json_t *o = haul_audit_line_json(line);
    const char *event = json_string_value(json_object_get(o, "event"));
    if (event && (strcmp(event, "source-opened") == 0 || strcmp(event, "source-closed") == 0))
        keep_origin(c, o);
    json_decref(o);
    return HAUL_OK;
}

haul_rc haul_check_log(haul_check *c, haul_in *in, const char *path, haul_err *e)
{
    haul_auto_str where = {0};
    haul_rc rc = haul_audit_follow_in(in, &c->log, see_line, c, e);
    if (rc != HAUL_OK)
        return rc;
    if (!c->log.bad_line)
        return HAUL_OK;
    haul_str_addf(&where, "at octet %" PRIu64, c->log.offset);
    haul_check_differ(c, &(haul_difference){.kind = "log-link",
                                            .place = path,
                                            .line = c->log.bad_line,
                                            .found = c->log.reason,
                                            .detail = where.p});
    return HAUL_OK;
}

/* ── sources ── */

typedef struct waiting {
    haul_check *c;
    const char *path;
    uint64_t octets;
} waiting;

static bool digesting(void *ctx, uint64_t octets)
{
    waiting *w = ctx;
    uint64_t more = octets - w->octets;
    w->octets = octets;
    return haul_check_tick(w->c, more, w->path, NULL) != HAUL_OK;
}

/* The event of a source: by the path that the run was given, by where that leads to, or by what it holds. */
static const json_t *origin_of(const haul_check *c, const char *path, const char *hex)
{
    const json_t *o = json_object_get(c->origins, path), *with_digest = NULL;
    const char *key;
    json_t *value;
    char *real = realpath(path, NULL);
    json_object_foreach(c->origins, key, value)
    {
        char *other = o || !real ? NULL : realpath(key, NULL);
        if (other && strcmp(real, other) == 0)
            o = value;
        free(other);
        if (strcmp(json_string_value(json_object_get(value, "sha256")), hex) == 0)
            with_digest = value;
    }
    free(real);
    return o ? o : with_digest;
}

static void source_differs(haul_check *c, const char *path, const json_t *origin, const char *found,
                           const char *detail)
{
    json_int_t line = json_integer_value(json_object_get(origin, "line"));
    haul_check_differ(c, &(haul_difference){.kind = "source",
                                            .place = path,
                                            .line = line > 0 ? (uint64_t)line : 0,
                                            .recorded = json_string_value(json_object_get(origin, "sha256")),
                                            .found = found,
                                            .detail = detail});
}

static haul_rc check_source(haul_check *c, const char *path, haul_err *e)
{
    waiting w = {.c = c, .path = path};
    haul_source_digest d = {0};
    char hex[HAUL_SHA256_HEX];
    haul_rc rc = haul_digest_source(path, digesting, &w, &d, e);
    if (rc != HAUL_OK)
        return rc;
    c->sources++;
    haul_hex(hex, d.sha256, HAUL_SHA256_LEN);
    const json_t *o = origin_of(c, path, hex);
    if (!o) {
        source_differs(c, path, NULL, hex,
                       "no source in the log has this path or digest: it is another one, or was changed");
        return HAUL_OK;
    }
    json_int_t size = json_integer_value(json_object_get(o, "size"));
    bool same = strcmp(json_string_value(json_object_get(o, "sha256")), hex) == 0;
    if (!same)
        source_differs(c, path, o, hex, "digest of the source");
    else if ((uint64_t)size != d.octets)
        haul_check_numbers(c, "source", path, "octets", (uint64_t)size, d.octets);
    return HAUL_OK;
}

haul_rc haul_check_sources(haul_check *c, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    for (const char *const *s = c->job->sources; s && *s && rc == HAUL_OK; s++)
        rc = check_source(c, *s, e);
    return rc;
}

/* ── report.json ── */

static void report_differs(haul_check *c, const char *found, const char *detail)
{
    haul_check_differ(
        c, &(haul_difference){.kind = "report", .place = REPORT, .found = found, .detail = detail});
}

haul_rc haul_check_report(haul_check *c, haul_in *in, const char *path, haul_err *e)
{
    haul_auto_str text = {0};
    const char *p = NULL;
    size_t n = 0;
    haul_rc rc;
    (void)path;
    while ((rc = haul_in_peek(in, 1, &p, &n, e)) == HAUL_OK && n > 0 && text.len <= HAUL_CHECK_JSON_MAX) {
        haul_str_add(&text, p, n);
        haul_in_consume(in, n);
    }
    if (rc != HAUL_OK)
        return rc;
    if (text.len <= HAUL_CHECK_JSON_MAX)
        c->report = json_loadb(haul_strz(&text), text.len, JSON_ALLOW_NUL, NULL);
    if (!json_is_object(c->report))
        report_differs(c, "is not a JSON object of a report", NULL);
    return HAUL_OK;
}

static uint64_t number_in(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    json_int_t n = json_integer_value(v);
    return json_is_integer(v) && n >= 0 ? (uint64_t)n : HAUL_CHECK_UNKNOWN;
}

/* found is the sum of what became of the items. */
static void check_sum(haul_check *c)
{
    static const char *const parts[] = {"stored", "filtered", "duplicate", "failed", "already_stored"};
    const json_t *totals = json_object_get(c->report, "totals");
    uint64_t sum = 0;
    if (!json_is_object(totals))
        return;
    for (size_t i = 0; i < HAUL_COUNT(parts); i++) {
        uint64_t n = number_in(totals, parts[i]);
        sum += n == HAUL_CHECK_UNKNOWN ? 0 : n;
    }
    haul_check_numbers(c, "report", REPORT, "items found, and the sum of what became of them",
                       number_in(totals, "found"), sum);
}

static void check_report(haul_check *c, const haul_catalog_totals *t)
{
    const json_t *said = json_object_get(c->report, PACKAGE_TOTAL);
    const struct {
        const char *key;
        uint64_t n;
    } totals[] = {{"documents", t->messages + t->attachments},
                  {"messages", t->messages},
                  {"attachments", t->attachments},
                  {"twins", t->twins},
                  {"left_out", t->left_out_filtered + t->left_out_failed},
                  {"exceptions", t->exceptions},
                  {"files", t->files},
                  {"octets", t->octets}};
    check_sum(c);
    if (!json_is_object(said)) {
        report_differs(c, "has no totals of the package", NULL);
        return;
    }
    for (size_t i = 0; i < HAUL_COUNT(totals); i++) {
        uint64_t n = number_in(said, totals[i].key);
        if (n == HAUL_CHECK_UNKNOWN)
            report_differs(c, "a total of the package is missing", totals[i].key);
        haul_check_numbers(c, "report", REPORT, totals[i].key, totals[i].n, n);
    }
}

/* ── all counts ── */

static void check_files(haul_check *c, const haul_catalog_totals *t)
{
    static const char kind[] = "count";
    const haul_check_seen *s = &c->seen;
    uint64_t documents = t->messages + t->attachments;
    haul_check_numbers(c, kind, HAUL_CHECK_DAT, "documents", documents, s->dat);
    haul_check_numbers(c, kind, "load/edrm.xml", "documents", documents, s->edrm);
    haul_check_numbers(c, kind, "load/eaxs.xml", "messages", t->messages, s->eaxs);
    haul_check_numbers(c, kind, "load/items.csv", "documents", documents, s->items);
    haul_check_numbers(c, kind, "mailbag.csv", "messages", t->messages, s->mailbag);
    haul_check_numbers(c, kind, "attachments.csv", "attachments", t->attachments, s->attachments);
    haul_check_numbers(c, kind, "exceptions.csv", "exceptions", t->exceptions, s->exceptions);
    uint64_t octets = HAUL_CHECK_UNKNOWN, files = HAUL_CHECK_UNKNOWN;
    (void)haul_check_oxum(c, &octets, &files); /* held against the files already */
    haul_check_numbers(c, kind, HAUL_BAG_INFO, "files of the payload", t->files, files);
    haul_check_numbers(c, kind, HAUL_BAG_INFO, "octets of the payload", t->octets, octets);
}

/* A catalogue that is not the sealed one is not asked: it differs already, and what it says counts for nothing. */
haul_rc haul_check_counts(haul_check *c, haul_err *e)
{
    haul_auto(haul_catalog) *catalog = NULL;
    haul_catalog_totals t = {0};
    haul_auto_str file = {0};
    haul_err why = {0};
    (void)e;
    if (!c->catalog_agrees)
        return HAUL_OK;
    haul_str_addf(&file, "%s/" HAUL_STATE_DIR "/catalog.db", c->job->dir);
    haul_rc rc = haul_catalog_open(file.p, true, &catalog, &why);
    if (rc == HAUL_OK)
        rc = haul_catalog_count(catalog, &t, &why);
    if (rc != HAUL_OK) {
        haul_check_differ(c, &(haul_difference){.kind = "catalogue",
                                                .place = HAUL_STATE_DIR "/catalog.db",
                                                .found = why.text});
        return HAUL_OK;
    }
    check_files(c, &t);
    if (c->report)
        check_report(c, &t);
    return HAUL_OK;
}
