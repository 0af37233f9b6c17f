#include "hold/hold.h"

#include "base/time.h"
#include "hold/claim.h"
#include "hold/copy.h"
#include "hold/losses.h"
#include "hold/overview.h"
#include "hold/package.h"
#include "hold/sink.h"
#include "io/atomic.h"
#include "model/deliver.h"
#include "pipe/state.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct holding { /* a package between its run and its seal */
    const haul_hold *h;
    json_t *report;
    haul_catalog *catalog;
    haul_case facts;
    int root;
    char created[HAUL_ISO_LEN];
    haul_str kinds;
    haul_arena texts; /* of facts */
    const char *load; /* the load file that is being written */
} holding;

bool haul_hold_zone(const char *said, int *ret_min)
{
    if (strcmp(said, "UTC") == 0 || strcmp(said, "Z") == 0) {
        *ret_min = 0;
        return true;
    }
    char digits[5] = {0};
    size_t n = 0;
    if (said[0] != '+' && said[0] != '-')
        return false;
    for (const char *p = said + 1; *p; p++) {
        if (*p == ':' && p == said + 3)
            continue;
        if (!haul_is_digit((unsigned char)*p) || n == 4)
            return false;
        digits[n++] = *p;
    }
    int hours = (digits[0] - '0') * 10 + (digits[1] - '0'),
        minutes = (digits[2] - '0') * 10 + (digits[3] - '0');
    if (n != 4 || hours > 14 || minutes > 59)
        return false;
    *ret_min = (said[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

/* ── facts of the case ── */

/* What was said of the package, now or by an earlier run, stays with it: adding a source does not take the matter away. */
static haul_rc fact(holding *p, const char *key, const char *said, const char *otherwise, const char **ret,
                    haul_err *e)
{
    const char *before = haul_catalog_meta(p->catalog, key);
    *ret = haul_arena_str(&p->texts, said ? said : before ? before : otherwise);
    return said ? haul_catalog_set_meta(p->catalog, key, said, e) : HAUL_OK;
}

/* "pst; mbox": the formats that were read, each once, those of earlier runs first. */
static haul_rc source_kinds(holding *p, haul_err *e)
{
    size_t i = 0;
    const char *before = haul_catalog_meta(p->catalog, "source-kinds");
    haul_str_addz(&p->kinds, before ? before : "");
    json_t *source = NULL;
    json_array_foreach(json_object_get(p->report, "sources"), i, source)
    {
        const char *name = json_string_value(json_object_get(source, "format"));
        for (size_t n = 0; name && *name; name += n + (name[n] == '+')) {
            haul_auto_str one = {0};
            n = strcspn(name, "+");
            haul_str_add(&one, name, n);
            if (!strstr(haul_strz(&p->kinds), one.p))
                haul_str_addf(&p->kinds, "%s%s", p->kinds.len ? "; " : "", one.p);
        }
    }
    return haul_catalog_set_meta(p->catalog, "source-kinds", haul_strz(&p->kinds), e);
}

static haul_rc case_texts(holding *p, haul_err *e)
{
    const haul_hold *h = p->h;
    haul_case *k = &p->facts;
    const char *encoding = "", *copied = "";
    const struct {
        const char *key, *said, *otherwise;
        const char **to;
    } facts[] = {{"matter", h->matter, "", &k->matter},
                 {"custodian", h->custodian, "", &k->custodian},
                 {"description", h->description, "", &k->description},
                 {"organization", h->organization, "", &k->organization},
                 {"contact", h->contact, "", &k->contact},
                 {"time-zone", h->time_zone, "UTC", &k->time_zone},
                 {"dat-encoding", h->dat_encoding, "utf-8", &encoding},
                 {"source-included", NULL, "no", &copied}};
    haul_rc rc = HAUL_OK;
    for (size_t i = 0; i < HAUL_COUNT(facts) && rc == HAUL_OK; i++)
        rc = fact(p, facts[i].key, facts[i].said, facts[i].otherwise, facts[i].to, e);
    k->cp1252 = strcmp(encoding, "cp1252") == 0;
    k->original_included = strcmp(copied, "yes") == 0;
    return rc;
}

static haul_rc case_facts(holding *p, haul_err *e)
{
    haul_catalog_totals t = {0};
    haul_iso_now(p->created);
    haul_rc rc = source_kinds(p, e);
    if (rc == HAUL_OK)
        rc = haul_catalog_count(p->catalog, &t, e);
    p->facts = (haul_case){.source_kinds = haul_strz(&p->kinds),
                           .created = p->created,
                           .version = HAUL_VERSION,
                           .volume = "VOL001",
                           .payload_octets = t.octets,
                           .payload_files = t.files};
    if (rc == HAUL_OK)
        rc = case_texts(p, e);
    return rc == HAUL_OK && !haul_hold_zone(p->facts.time_zone, &p->facts.tz_min)
               ? haul_fail(e, HAUL_E_USAGE, "--time-zone: '%s' is neither UTC nor an offset such as +01:00",
                           p->facts.time_zone)
               : rc;
}

/* ── load files ── */

/* What a format cannot hold was replaced there, and there only: each place is listed. */
static haul_rc on_replaced(void *ctx, const char *docid, const char *field, unsigned codepoint, uint64_t n,
                           haul_err *e)
{
    holding *p = ctx;
    haul_auto_str detail = {0};
    haul_str_addf(&detail, "load/%s, %s: U+%04X, %llu times", p->load, field, codepoint,
                  (unsigned long long)n);
    haul_exception x = {.docid = docid,
                        .item_id = "",
                        .custodian = "",
                        .source = "",
                        .folder = "",
                        .place = "",
                        .kind = "replaced",
                        .issue = "",
                        .detail = detail.p,
                        .disposition =
                            "replaced in the load file only; native and the other load files have it"};
    return haul_catalog_add_exception(p->catalog, &x, e);
}

typedef haul_rc (*load_fn)(holding *p, haul_out *to, haul_load_notes *n, haul_err *e);

static haul_rc load_dat(holding *p, haul_out *to, haul_load_notes *n, haul_err *e)
{
    return haul_load_dat(p->catalog, &p->facts, to, n, e);
}

static haul_rc load_opt(holding *p, haul_out *to, haul_load_notes *n, haul_err *e)
{
    (void)n;
    return haul_load_opt(p->catalog, &p->facts, to, e);
}

static haul_rc load_csv(holding *p, haul_out *to, haul_load_notes *n, haul_err *e)
{
    (void)n;
    return haul_load_csv(p->catalog, &p->facts, to, e);
}

static haul_rc load_edrm(holding *p, haul_out *to, haul_load_notes *n, haul_err *e)
{
    return haul_load_edrm(p->catalog, &p->facts, to, n, e);
}

static haul_rc load_eaxs(holding *p, haul_out *to, haul_load_notes *n, haul_err *e)
{
    return haul_load_eaxs(p->catalog, &p->facts, p->root, to, n, e);
}

static haul_rc write_load(holding *p, int dir, const char *name, load_fn fn, haul_err *e)
{
    haul_load_notes notes = {.fn = on_replaced, .ctx = p};
    haul_atomic a = {.file = {.fd = -1}};
    haul_rc rc = haul_atomic_open(&a, dir, name, e);
    p->load = name;
    if (rc == HAUL_OK)
        rc = fn(p, &a.file.out, &notes, e);
    if (rc == HAUL_OK)
        rc = haul_atomic_commit(&a, e);
    haul_atomic_drop(&a);
    return rc == HAUL_OK ? rc : haul_wrap(e, rc, "load/%s", name);
}

static haul_rc write_loads(holding *p, haul_err *e)
{
    static const struct {
        const char *name;
        load_fn fn;
    } loads[] = {{"concordance.dat", load_dat},
                 {"concordance.opt", load_opt},
                 {"items.csv", load_csv},
                 {"edrm.xml", load_edrm},
                 {"eaxs.xml", load_eaxs}};
    haul_auto_fd int dir = -1;
    haul_rc rc = haul_dir_make(p->root, "load", &dir, e);
    if (rc == HAUL_OK)
        rc = haul_catalog_drop_kind(p->catalog, "replaced", e);
    for (size_t i = 0; i < HAUL_COUNT(loads) && rc == HAUL_OK; i++)
        rc = write_load(p, dir, loads[i].name, loads[i].fn, e);
    return rc == HAUL_OK ? haul_catalog_commit(p->catalog, e) : rc;
}

/* ── the seal ── */

/* Files in data/ that the catalogue does not know were left by a run that was cut off. They are ours, and of no item. */
static haul_rc remove_strays(holding *p, haul_audit *log, haul_err *e)
{
    uint64_t n = 0;
    haul_rc rc = haul_copy_strays(p->root, p->catalog, &n, e);
    if (rc != HAUL_OK || !n)
        return rc;
    return haul_audit_event(log, "strays-removed", json_pack("{s:I}", "files", (json_int_t)n), e);
}

static haul_rc log_seal(holding *p, haul_audit *log, haul_err *e)
{
    haul_catalog_totals t = {0};
    haul_rc rc = haul_catalog_count(p->catalog, &t, e);
    p->facts.payload_files = t.files;
    p->facts.payload_octets = t.octets;
    json_t *o =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "documents",
                  (json_int_t)(t.messages + t.attachments), "messages", (json_int_t)t.messages, "attachments",
                  (json_int_t)t.attachments, "twins", (json_int_t)t.twins, "exceptions",
                  (json_int_t)t.exceptions, "files", (json_int_t)t.files, "octets", (json_int_t)t.octets);
    if (rc == HAUL_OK)
        rc = haul_audit_event(log, "sealed", o, e);
    else
        json_decref(o);
    return rc == HAUL_OK ? haul_audit_commit(log, e) : rc;
}

static haul_rc copy_sources(holding *p, haul_audit *log, haul_err *e)
{
    haul_rc rc = haul_copy_sources(p->root, p->h->job, p->report, p->catalog, log, e);
    p->facts.original_included = true;
    return rc == HAUL_OK ? haul_catalog_set_meta(p->catalog, "source-included", "yes", e) : rc;
}

/* A bag whose manifest is empty is taken for a broken one by sha256sum. */
static haul_rc explain_nothing(holding *p, haul_err *e)
{
    static const char text[] =
        "When this package was sealed first, no item of its sources was in it; see report.html.\n";
    haul_catalog_totals t = {0};
    uint8_t sha256[HAUL_SHA256_LEN];
    haul_auto_fd int dir = -1;
    haul_rc rc = haul_catalog_count(p->catalog, &t, e);
    if (rc != HAUL_OK || t.files)
        return rc;
    haul_auto(haul_sha256) *h = haul_sha256_new();
    haul_sha256_update(h, text, sizeof(text) - 1);
    haul_sha256_final(h, sha256);
    rc = haul_dir_make(p->root, "data/eml", &dir, e);
    if (rc == HAUL_OK)
        rc = haul_write_file(dir, "NO_ITEMS.txt", text, sizeof(text) - 1, e);
    return rc == HAUL_OK
               ? haul_catalog_add_file(p->catalog, "data/eml/NO_ITEMS.txt", sizeof(text) - 1, sha256, e)
               : rc;
}

static haul_rc write_package(holding *p, haul_audit *log, haul_err *e)
{
    haul_rc rc = case_facts(p, e);
    if (rc == HAUL_OK)
        rc = haul_catalog_settle(p->catalog, e);
    if (rc == HAUL_OK)
        rc = haul_losses_note(p->catalog, p->report, e);
    if (rc == HAUL_OK && p->h->include_source)
        rc = copy_sources(p, log, e);
    if (rc == HAUL_OK)
        rc = explain_nothing(p, e);
    if (rc == HAUL_OK)
        rc = remove_strays(p, log, e);
    if (rc == HAUL_OK)
        rc = write_loads(p, e);
    if (rc == HAUL_OK)
        rc = haul_tags_write(p->catalog, &p->facts, p->root, e);
    if (rc == HAUL_OK)
        rc = haul_overview_write(p->catalog, &p->facts, p->report, p->root, e);
    return rc == HAUL_OK ? log_seal(p, log, e) : rc;
}

/* Whoever reads a database that a killed run left, to verify it, has SQLite make its shared memory beside it; writers that are alone
 * do not use it, and do not take it away. Without a log (-wal) nothing is in it. */
static void remove_shared_memory(int root)
{
    static const char *const files[][2] = {
        {HAUL_STATE_DIR "/journal.db-wal", HAUL_STATE_DIR "/journal.db-shm"},
        {HAUL_CATALOG_FILE "-wal", HAUL_CATALOG_FILE "-shm"},
    };
    for (size_t i = 0; i < HAUL_COUNT(files); i++)
        if (faccessat(root, files[i][0], F_OK, AT_SYMLINK_NOFOLLOW) != 0)
            (void)unlinkat(root, files[i][1], 0);
}

static haul_rc seal(holding *p, haul_err *e)
{
    haul_auto(haul_audit) *log = NULL;
    haul_auto_str file = {0};
    haul_str_addf(&file, "%s/" HAUL_CATALOG_FILE, p->h->job->target);
    haul_rc rc = haul_deliver_open(p->h->job->target, &p->root, e);
    if (rc == HAUL_OK)
        rc = haul_audit_open(p->root, HAUL_AUDIT_FILE, &log, e);
    if (rc == HAUL_OK)
        rc = haul_catalog_open(file.p, false, &p->catalog, e);
    if (rc == HAUL_OK)
        rc = write_package(p, log, e);
    if (rc != HAUL_OK)
        return rc;
    /* Nothing is written to it from here on: its file is sealed, too. */
    haul_audit_head head = haul_audit_get_head(log);
    haul_catalog_close(p->catalog);
    p->catalog = NULL;
    remove_shared_memory(p->root);
    rc = haul_catalog_open(file.p, true, &p->catalog, e);
    return rc == HAUL_OK ? haul_bag_seal(p->catalog, &p->facts, &head, p->root, e) : rc;
}

/* ── the run ── */

static bool may_seal(const haul_hold *h, haul_rc rc, const json_t *report)
{
    return report && !h->job->dry_run &&
           (rc == HAUL_OK || rc == HAUL_E_SOURCE || rc == HAUL_E_FORMAT || rc == HAUL_E_LIMIT);
}

bool haul_hold_dry_is_blind(const haul_job *job)
{
    size_t how = haul_values_choice(job->values, &haul_hold_options[HAUL_HOLD_DEDUPE]);
    bool by_custodian = haul_values_choice(job->values, &haul_hold_options[HAUL_HOLD_SCOPE]) == 1;
    return how == 2 || (how == 1 && by_custodian);
}

/* A dry run has no catalogue to ask; the journal's copy knows digests. */
static bool dry_dedupe(const haul_job *job)
{
    return job->dry_run && haul_values_choice(job->values, &haul_hold_options[HAUL_HOLD_DEDUPE]) &&
           !haul_hold_dry_is_blind(job);
}

haul_rc haul_hold_run(haul_hold *h, haul_totals *ret_totals, json_t **ret_report, bool *ret_sealed,
                      haul_err *e)
{
    haul_job *job = h->job;
    haul_err why = {0};
    holding p = {.h = h, .root = -1};
    *ret_sealed = false;
    job->to = &haul_format_hold;
    job->dedupe = dry_dedupe(job);
    haul_auto_fd int lock = -1;
    haul_rc rc = job->dry_run ? HAUL_OK : haul_hold_claim(job, &lock, e);
    if (rc != HAUL_OK)
        return rc;
    job->audit_dir = job->target;
    rc = haul_convert(job, ret_totals, ret_report, e);
    p.report = *ret_report;
    if (may_seal(h, rc, p.report)) {
        haul_rc done = seal(&p, &why);
        *ret_sealed = done == HAUL_OK;
        if (done != HAUL_OK) {
            rc = done;
            if (e)
                *e = why;
        }
    }
    haul_catalog_close(p.catalog);
    haul_fd_autoclose(&p.root);
    haul_str_done(&p.kinds);
    haul_arena_done(&p.texts);
    return rc;
}
