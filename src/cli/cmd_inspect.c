#include "cli/cmd.h"
#include "cli/result.h"
#include "pipe/page.h"
#include "pipe/stats.h"

#include <stdlib.h>
#include <string.h>

/* Of a folder or the totals: what the source does not store is "-", not 0. */
static void tally_cells(const json_t *o, haul_table *t)
{
    const char *oldest = haul_json_text(o, "oldest"), *newest = haul_json_text(o, "newest");
    haul_auto_str from = {0}, to = {0};
    haul_table_number(t, haul_json_number(o, "messages"));
    if (haul_json_number(o, "flags_known"))
        haul_table_number(t, haul_json_number(o, "unseen"));
    else
        haul_table_cell(t, "-");
    haul_table_number(t, haul_json_number(o, "flagged"));
    haul_table_size(t, haul_json_number(o, "octets"));
    haul_str_add(&from, oldest, strcspn(oldest, "T"));
    haul_str_add(&to, newest, strcspn(newest, "T"));
    haul_table_cell(t, from.len ? from.p : "-");
    haul_table_cell(t, to.len ? to.p : "-");
}

static void head_cells(haul_table *t)
{
    static const char *const heads[] = {"FOLDER", "MESSAGES", "UNREAD", "FLAGGED",
                                        "SIZE",   "OLDEST",   "NEWEST"};
    *t = (haul_table){.columns = HAUL_COUNT(heads), .right = 0x1e, .indent = 2};
    for (size_t i = 0; i < HAUL_COUNT(heads); i++)
        haul_table_cell(t, heads[i]);
}

static void kinds_line(const json_t *totals, haul_str *to)
{
    const char *comma = "", *kind = NULL;
    json_t *n = NULL;
    haul_str_addz(to, "  kinds: ");
    json_object_foreach(json_object_get(totals, "kinds"), kind, n)
    {
        haul_str_addf(to, "%s%s ", comma, kind);
        haul_text_number(to, (uint64_t)json_integer_value(n));
        comma = ", ";
    }
    haul_str_addz(to, *comma ? "\n" : "none\n");
}

static void issue_lines(const json_t *issues, haul_str *to)
{
    uint64_t counts[HAUL_ISSUE_COUNT] = {0};
    for (int i = 0; i < HAUL_ISSUE_COUNT; i++)
        counts[i] = haul_json_number(issues, haul_issue_name((haul_issue_id)i));
    haul_result_issues(counts, 2, to);
}

static int by_path(const void *a, const void *b)
{
    return haul_path_order(haul_json_text(*(json_t *const *)a, "path"),
                           haul_json_text(*(json_t *const *)b, "path"));
}

/* Readers name folders in the order in which they come upon them; the table shows them as a tree. */
static json_t **sorted_folders(const json_t *source, size_t *ret_n)
{
    const json_t *folders = json_object_get(source, "folders");
    size_t n = json_array_size(folders);
    json_t **v = haul_calloc(n + 1, sizeof(json_t *));
    for (size_t i = 0; i < n; i++)
        v[i] = json_array_get(folders, i);
    qsort(v, n, sizeof(json_t *), by_path);
    *ret_n = n;
    return v;
}

static void folder_table(const json_t *source, haul_str *to)
{
    haul_table t;
    size_t n = 0;
    json_t **folders = sorted_folders(source, &n);
    head_cells(&t);
    for (size_t i = 0; i < n; i++) {
        haul_table_cell(&t, haul_json_text(folders[i], "path"));
        tally_cells(folders[i], &t);
    }
    free(folders);
    haul_table_cell(&t, "total");
    tally_cells(json_object_get(source, "totals"), &t);
    haul_table_print(&t, to);
    haul_str_done(&t.cells);
}

/* Of one source the run's own failure says why; of several it is that of the first. */
static void reason_line(const char *error, bool alone, haul_str *to)
{
    if (alone)
        return;
    haul_str_addz(to, "  ");
    haul_text_clean(to, error);
    haul_str_addc(to, '\n');
}

static void source_text(const json_t *source, bool alone, haul_str *to)
{
    const char *format = haul_json_text(source, "format"), *error = haul_json_text(source, "error");
    const json_t *totals = json_object_get(source, "totals");
    haul_text_clean(to, haul_json_text(source, "path"));
    if (*error && !json_array_size(json_object_get(source, "folders"))) {
        haul_str_addz(to, " (not read)\n");
        reason_line(error, alone, to);
        return;
    }
    haul_str_addf(to, " (%s)\n", *format ? format : "format unknown");
    folder_table(source, to);
    kinds_line(totals, to);
    issue_lines(json_object_get(source, "issues"), to);
    if (haul_json_number(totals, "failed"))
        haul_str_addf(to, "  items that cannot be read: %llu\n",
                      (unsigned long long)haul_json_number(totals, "failed"));
    if (*error) {
        haul_str_addz(to, "  not read to its end\n");
        reason_line(error, alone, to);
    }
}

static void all_text(const json_t *o, haul_str *to)
{
    json_t *sources = json_object_get(o, "sources"), *totals = json_object_get(o, "totals");
    size_t i = 0;
    json_t *source = NULL;
    json_array_foreach(sources, i, source)
    {
        haul_str_addz(to, i ? "\n" : "");
        source_text(source, json_array_size(sources) < 2, to);
    }
    if (json_array_size(sources) < 2)
        return;
    haul_str_addz(to, "\nall sources: ");
    haul_text_number(to, haul_json_number(totals, "messages"));
    haul_str_addz(to, " messages, ");
    haul_text_size(to, haul_json_number(totals, "octets"));
    haul_str_addc(to, '\n');
}

static int status(const json_t *o)
{
    return haul_json_number(json_object_get(o, "totals"), "damaged") ? 1 : 0;
}

/* --html. A source that could not be read to its end has its page, too; the run's own failure is the one that counts. */
static haul_rc save_page(const haul_request *r, const json_t *o, haul_rc rc, haul_err *e)
{
    if (!r->html || rc == HAUL_E_INTERRUPTED)
        return rc;
    json_t *facts = haul_page_of_inventory(o);
    haul_rc saved = haul_page_save(facts, r->html, rc == HAUL_OK ? e : NULL);
    json_decref(facts);
    return rc == HAUL_OK ? saved : rc;
}

haul_rc haul_cmd_inspect(const haul_args *a, int *ret_status, haul_err *e)
{
    haul_request r;
    haul_auto_str s = {0};
    haul_auto(haul_stats) *stats = NULL;
    json_t *o = NULL;
    haul_rc rc = haul_request_init(&r, a, e);
    if (rc == HAUL_OK && r.html) {
        r.job.stats = stats = haul_stats_new();
        rc = haul_page_check_place(r.html, e);
    }
    if (rc == HAUL_OK)
        rc = haul_inspect(&r.job, &o, e);
    haul_bar_end(&r.bar);
    if (o) {
        all_text(o, &s);
        rc = save_page(&r, o, rc, e);
        rc = haul_result_print(&r, o, &s, rc, e);
        *ret_status = status(o);
    }
    json_decref(o);
    haul_request_done(&r);
    return rc;
}
