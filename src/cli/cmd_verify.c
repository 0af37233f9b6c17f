#include "cli/cmd.h"
#include "cli/result.h"
#include "hold/package.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void value_text(const json_t *difference, const char *key, haul_str *to)
{
    const json_t *v = json_object_get(difference, key);
    if (!v || json_is_null(v))
        return;
    haul_str_addf(to, " %s ", key);
    if (json_is_string(v)) {
        haul_text_clean(to, *json_string_value(v) ? json_string_value(v) : "none");
        return;
    }
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    haul_text_clean(to, text ? text : "?");
    free(text);
}

/* Where only one side exists, "found" is a sentence: "missing: INBOX/12.eml: recorded, but not in the target" */
static void state_text(const json_t *difference, haul_str *to)
{
    haul_str_addz(to, ": ");
    haul_text_clean(to, haul_json_text(difference, "found"));
}

/* "flags: INBOX/12.eml <id@host> recorded seen found seen flagged" */
static void difference_text(const json_t *d, haul_str *to)
{
    const char *place = haul_json_text(d, "place"), *message_id = haul_json_text(d, "message_id");
    uint64_t line = haul_json_number(d, "line");
    haul_text_clean(to, haul_json_text(d, "kind"));
    haul_str_addz(to, ": ");
    haul_text_clean(to, *place ? place : haul_json_text(d, "id"));
    if (*message_id) {
        haul_str_addc(to, ' ');
        haul_text_clean(to, message_id);
    }
    if (line)
        haul_str_addf(to, " line %" PRIu64, line);
    if (json_is_null(json_object_get(d, "recorded")) && *haul_json_text(d, "found")) {
        state_text(d, to);
    } else {
        value_text(d, "recorded", to);
        value_text(d, "found", to);
    }
    if (*haul_json_text(d, "detail")) {
        haul_str_addz(to, " (");
        haul_text_clean(to, haul_json_text(d, "detail"));
        haul_str_addc(to, ')');
    }
    haul_str_addc(to, '\n');
}

static void differences_text(uint64_t n, haul_str *to)
{
    haul_str_addz(to, " agree, ");
    if (n)
        haul_text_number(to, n);
    haul_str_addz(to, n == 1 ? " difference\n" : n ? " differences\n" : "no difference\n");
}

static void list_text(const json_t *o, haul_str *to)
{
    json_t *list = json_object_get(o, "differences"), *d = NULL;
    size_t i = 0;
    json_array_foreach(list, i, d) difference_text(d, to);
    if (json_is_true(json_object_get(o, "truncated")))
        haul_str_addz(to, "there are more differences than these\n");
}

static void all_text(const json_t *o, haul_str *to)
{
    uint64_t checked = haul_json_number(o, "checked");
    list_text(o, to);
    haul_text_number(to, checked);
    haul_str_addz(to, checked == 1 ? " item checked, " : " items checked, ");
    haul_text_number(to, haul_json_number(o, "agree"));
    differences_text(haul_json_number(o, "differ"), to);
    uint64_t rebuilt = haul_json_number(o, "rebuilt");
    if (!rebuilt)
        return;
    haul_text_number(to, rebuilt);
    haul_str_addz(to, rebuilt == 1 ? " of them is made anew on reading; its octets were not compared\n"
                                   : " of them are made anew on reading; their octets were not compared\n");
}

/* ── a package ── */

static void package_text(const json_t *o, haul_str *to)
{
    static const struct {
        const char *key, *one, *many;
    } counts[] = {{"files", "file", "files"},
                  {"tag_files", "tag file", "tag files"},
                  {"log_lines", "line of the log", "lines of the log"},
                  {"documents", "document", "documents"},
                  {"sources", "source", "sources"}};
    const json_t *checked = json_object_get(o, "checked");
    list_text(o, to);
    for (size_t i = 0; i < HAUL_COUNT(counts); i++) {
        uint64_t n = haul_json_number(checked, counts[i].key);
        haul_str_addz(to, i ? ", " : "");
        haul_text_number(to, n);
        haul_str_addf(to, " %s", n == 1 ? counts[i].one : counts[i].many);
    }
    haul_str_addz(to, " checked, ");
    haul_text_number(to, haul_json_number(o, "agree"));
    differences_text(haul_json_number(o, "differ"), to);
    if (*haul_json_text(o, "seal"))
        haul_str_addf(to, "the digest of tagmanifest-sha256.txt, which stands for the whole package, is %s\n",
                      haul_json_text(o, "seal"));
}

typedef struct package_bar {
    haul_bar *bar;
    haul_progress progress;
    haul_str file; /* being read */
} package_bar;

static void package_progress(void *ctx, uint64_t octets, uint64_t of, const char *what)
{
    package_bar *b = ctx;
    if (strcmp(haul_strz(&b->file), what) != 0) {
        haul_str_clear(&b->file);
        haul_str_addz(&b->file, what);
        b->progress.totals.found++;
    }
    b->progress.octets_read = octets;
    b->progress.octets_total = of;
    b->progress.folder = what;
    haul_bar_progress(b->bar, &b->progress);
}

static haul_rc verify_package(haul_request *r, json_t **ret, haul_err *e)
{
    package_bar b = {.bar = &r->bar, .progress = {.phase = "verifying"}};
    const haul_package_job job = {.dir = r->job.target,
                                  .sources = r->job.sources,
                                  .progress = r->job.progress ? package_progress : NULL,
                                  .ctx = &b,
                                  .stop = r->job.stop};
    haul_rc rc = haul_package_check(&job, ret, e);
    haul_str_done(&b.file);
    return rc;
}

haul_rc haul_cmd_verify(const haul_args *a, int *ret_status, haul_err *e)
{
    haul_request r;
    haul_auto_str s = {0};
    json_t *o = NULL;
    haul_rc rc = haul_request_init(&r, a, e);
    bool package = rc == HAUL_OK && haul_package_is(r.job.target);
    if (rc == HAUL_OK)
        rc = package ? verify_package(&r, &o, e) : haul_verify(&r.job, &o, e);
    haul_bar_end(&r.bar);
    if (o) {
        if (package)
            package_text(o, &s);
        else
            all_text(o, &s);
        rc = haul_result_print(&r, o, &s, rc, e);
    }
    *ret_status = haul_rc_exit(rc);
    json_decref(o);
    haul_request_done(&r);
    return rc;
}
