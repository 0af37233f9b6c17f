#include "cli/cmd.h"
#include "cli/result.h"
#include "pipe/state.h"

static void count_line(haul_table *t, const char *name, uint64_t n)
{
    haul_table_cell(t, name);
    haul_table_number(t, n);
    haul_table_cell(t, "");
}

static void counts_text(const haul_totals *t, haul_str *to)
{
    haul_table table = {.columns = 3, .right = 2};
    count_line(&table, "found", t->found);
    count_line(&table, "stored", t->stored);
    count_line(&table, "filtered", t->filtered);
    count_line(&table, "duplicate", t->duplicate);
    count_line(&table, "failed", t->failed);
    count_line(&table, "already stored", t->already_stored);
    haul_table_print(&table, to);
    haul_str_done(&table.cells);
}

static void size_line(const haul_totals *t, int64_t elapsed_us, haul_str *to)
{
    haul_text_size(to, t->octets);
    haul_str_addf(to, " stored in %lld.%02d s\n", (long long)(elapsed_us / 1000000),
                  (int)(elapsed_us % 1000000 / 10000));
}

static void report_line(const haul_job *job, haul_str *to)
{
    haul_auto_str state = {0};
    if (!job->dry_run) {
        haul_state_path(job->target, job->to, job->values, job->state_dir, &state);
        haul_str_addz(&state, "/report.json");
    } else if (job->report) {
        haul_str_addz(&state, job->report);
    }
    if (!state.len)
        return;
    haul_str_addz(to, "report: ");
    haul_text_clean(to, state.p);
    haul_str_addc(to, '\n');
}

static void summary(const haul_request *r, const haul_totals *t, haul_str *to)
{
    if (!t->found)
        haul_str_addz(to, "0 items: nothing was found in the source\n");
    if (r->job.dry_run)
        haul_str_addz(to, "dry run: nothing was written\n");
    counts_text(t, to);
    size_line(t, haul_bar_elapsed(&r->bar), to);
    haul_result_issues(t->issues, 0, to);
    report_line(&r->job, to);
}

haul_rc haul_cmd_convert(const haul_args *a, int *ret_status, haul_err *e)
{
    haul_request r;
    haul_auto_str s = {0};
    haul_totals totals = {0};
    json_t *report = NULL;
    haul_rc rc = haul_request_init(&r, a, e);
    if (rc == HAUL_OK)
        rc = haul_convert(&r.job, &totals, &report, e);
    haul_bar_end(&r.bar);
    *ret_status = haul_totals_exit(&totals);
    if (report && (rc == HAUL_OK || totals.found || r.json)) {
        summary(&r, &totals, &s);
        rc = haul_result_print(&r, report, &s, rc, e);
    }
    json_decref(report);
    haul_request_done(&r);
    return rc;
}
