/* What convert and hold print when they are done. */
#include "cli/preflight.h"
#include "cli/result.h"
#include "pipe/filter.h"
#include "pipe/state.h"

#include <string.h>
#include <unistd.h>

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

static void size_line(const haul_totals *t, bool dry_run, int64_t elapsed_us, haul_str *to)
{
    haul_text_size(to, t->octets);
    haul_str_addf(to, " %s in %lld.%02d s\n", dry_run ? "would be stored; read" : "stored",
                  (long long)(elapsed_us / 1000000), (int)(elapsed_us % 1000000 / 10000));
}

static bool any_selected(const json_t *folders, const haul_filter *one)
{
    size_t i = 0;
    json_t *folder = NULL;
    json_array_foreach(folders, i, folder)
    {
        if (!haul_filter_folder(one, haul_json_text(folder, "path")))
            return true;
    }
    return false;
}

/* A mistyped --not-folder would let through what was to stay behind; each glob is held against all folders. */
static void idle_globs(const char *option, const char *const *globs, const json_t *folders, haul_str *to)
{
    for (; globs && *globs; globs++) {
        const char *const one[] = {*globs, NULL};
        if (any_selected(folders, &(haul_filter){.folders = one}))
            continue;
        haul_str_addf(to, "--%s ", option);
        haul_text_clean(to, *globs);
        haul_str_addz(to, ": no folder of the sources matches\n");
    }
}

/* FROM as the report writes a path: no empty names, only / and \ escaped. */
static void plain_path(const char *z, haul_str *to)
{
    for (; *z; z++) {
        bool escape = *z == '\\' && z[1];
        if (*z == '/' && (!to->len || z[1] == '/' || !z[1]))
            continue;
        z += escape;
        if (*z == '\\' || (escape && *z == '/'))
            haul_str_addc(to, '\\');
        haul_str_addc(to, *z);
    }
}

static bool any_below(const json_t *folders, const char *from)
{
    size_t i = 0, n = strlen(from);
    json_t *folder = NULL;
    json_array_foreach(folders, i, folder)
    {
        const char *path = haul_json_text(folder, "path");
        if (strncmp(path, from, n) == 0 && (path[n] == '/' || !path[n]))
            return true;
    }
    return false;
}

static void idle_rules(const haul_job *job, const json_t *folders, haul_str *to)
{
    for (size_t i = 0; i < job->n_rules; i++) {
        haul_auto_str from = {0};
        plain_path(job->rules[i].from, &from);
        if (any_below(folders, haul_strz(&from)))
            continue;
        haul_str_addz(to, "--map ");
        haul_text_clean(to, haul_strz(&from));
        haul_str_addz(to, ": the sources have no such folder\n");
    }
}

/* What was said and had no effect: most often a name with a slip in it. */
static void idle_options(const haul_job *job, const json_t *report, haul_str *to)
{
    const json_t *folders = json_object_get(report, "folders");
    idle_globs("folder", job->filter.folders, folders, to);
    idle_globs("not-folder", job->filter.not_folders, folders, to);
    idle_rules(job, folders, to);
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

static void damage_line(const haul_job *job, const haul_totals *t, haul_str *to)
{
    if (t->damaged && !job->dry_run)
        haul_str_addz(to, "damage: items are named in items.jsonl beside it, the rest in its notices\n");
}

static void pim_line(const haul_job *job, haul_str *to)
{
    haul_auto_str dir = {0};
    size_t n = strlen(job->target);
    while (n > 1 && job->target[n - 1] == '/')
        n--;
    haul_str_add(&dir, job->target, n);
    haul_str_addz(&dir, ".pim");
    if (!job->pim_files || job->dry_run || access(dir.p, F_OK) != 0)
        return;
    haul_str_addz(to, "calendars and address books: ");
    haul_text_clean(to, dir.p);
    haul_str_addc(to, '\n');
}

/* A target that became several files: the first and the last. */
static void files_line(const haul_job *job, const json_t *report, haul_str *to)
{
    haul_auto_str last = {0};
    json_int_t n = json_integer_value(json_object_get(report, "files"));
    if (n < 2 || !job->to->sink->further)
        return;
    (void)job->to->sink->further(job->target, (unsigned)n, NULL, &last);
    haul_str_addf(to, "%lld files: ", (long long)n);
    haul_text_clean(to, job->target);
    haul_str_addz(to, n == 2 ? " and " : " to ");
    haul_text_clean(to, haul_strz(&last));
    haul_str_addc(to, '\n');
}

void haul_result_run(const haul_request *r, const haul_totals *t, const json_t *report, haul_str *to)
{
    if (!t->found)
        haul_str_addz(to, "0 items: nothing was found in the source\n");
    else if (t->filtered == t->found)
        haul_str_addz(to, "0 items selected: every item was filtered\n");
    if (t->found && json_is_true(json_object_get(report, "complete")))
        idle_options(&r->job, report, to);
    if (r->job.dry_run)
        haul_str_addz(to, "dry run: nothing was written\n");
    counts_text(t, to);
    size_line(t, r->job.dry_run, haul_bar_elapsed(&r->bar), to);
    if (r->job.dry_run)
        haul_preflight_text(&r->job, report, to);
    haul_result_issues(t->issues, 0, to);
    files_line(&r->job, report, to);
    report_line(&r->job, to);
    damage_line(&r->job, t, to);
    pim_line(&r->job, to);
}
