#define _XOPEN_SOURCE 700 /* realpath */
#include "cli/request.h"

#include "base/time.h"
#include "base/url.h"
#include "model/confined.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

volatile sig_atomic_t haul_stop;

#define PATH_UP_MAX 256u /* components of a target that need not exist */

static void writable(haul_str *to)
{
    for (size_t f = 0; haul_formats[f]; f++)
        if (haul_formats[f]->sink)
            haul_str_addf(to, "%s%s", to->len ? ", " : "", haul_formats[f]->name);
}

static haul_rc unwritten(const char *name, haul_err *e)
{
    haul_auto_str names = {0};
    writable(&names);
    return haul_fail(e, HAUL_E_USAGE, "%s is read, not written; --to takes one of %s", name,
                     haul_strz(&names));
}

static haul_rc known_format(const char *name, bool write, const haul_format **ret, haul_err *e)
{
    const haul_format *f = haul_format_find(name);
    if (!f)
        return haul_fail(e, HAUL_E_USAGE, "unknown format '%s'; mailhaul formats lists them", name);
    if (write && !f->sink)
        return unwritten(name, e);
    if (!write && f->schemes)
        return haul_fail(e, HAUL_E_USAGE, "%s: servers are targets here, not sources", name);
    if (!write && !f->reader)
        return haul_fail(e, HAUL_E_USAGE, "%s is written, not read", name);
    *ret = f;
    return HAUL_OK;
}

/* A URL says its format; --to may repeat it. */
static haul_rc url_format(const char *said, haul_job *job, haul_err *e)
{
    haul_url u = {0};
    const char *end = strstr(job->target, "://");
    const haul_format *f = haul_target_is_remote(job->target) ? haul_format_for_target(job->target) : NULL;
    if (!f || !f->sink)
        return haul_fail(e, HAUL_E_USAGE,
                         "this build writes to no %.*s:// URLs; mailhaul formats lists what it "
                         "writes to",
                         (int)(end - job->target), job->target);
    if (said && strcmp(said, f->name) != 0)
        return haul_fail(e, HAUL_E_USAGE, "the target is a URL of %s; --to %s does not fit it", f->name,
                         said);
    if (!haul_url_split(job->target, &u))
        return haul_fail(e, HAUL_E_USAGE, "'%s' has no host; write %.*s://user@host[:port][/Folder]",
                         job->target, (int)(end - job->target), job->target);
    job->to = f;
    return HAUL_OK;
}

/* The format of a server, said for a path. */
static haul_rc needs_url(const haul_format *f, const char *target, haul_err *e)
{
    return haul_fail(e, HAUL_E_USAGE,
                     "'%s' is no URL; a target of the format %s is %.*s://user@host[:port][/Folder]", target,
                     f->name, (int)strcspn(f->schemes, "|"), f->schemes);
}

static haul_rc target_format(const haul_args *a, haul_job *job, haul_err *e)
{
    const char *said = haul_args_get(a, HAUL_OPT_TO);
    haul_auto_str names = {0};
    haul_rc rc = said ? known_format(said, true, &job->to, e) : HAUL_OK;
    if (rc == HAUL_OK && haul_is_url(job->target))
        return url_format(said, job, e);
    if (rc == HAUL_OK && said && job->to->schemes)
        return needs_url(job->to, job->target, e);
    if (rc != HAUL_OK || said)
        return rc;
    job->to = haul_format_for_target(job->target);
    if (job->to || a->cmd != HAUL_CMD_CONVERT)
        return HAUL_OK;
    writable(&names);
    return haul_fail(e, HAUL_E_USAGE, "the name of '%s' does not say its format; add --to with one of %s",
                     job->target, haul_strz(&names));
}

static bool one_of(const char *choices, const char *value)
{
    for (const char *c = choices; c && *choices; c = strchr(c, '|'), c = c ? c + 1 : NULL)
        if (strcspn(c, "|") == strlen(value) && strncmp(c, value, strlen(value)) == 0)
            return true;
    return !choices || !*choices;
}

/* The parser took a value that some format knows; those chosen by hand must know it. */
static haul_rc check_values(const haul_args *a, const haul_format *f, haul_err *e)
{
    for (const haul_format_option *o = f ? f->options : NULL; o && o->name; o++)
        if (!one_of(o->choices, haul_values_get(a->values, o)))
            return haul_fail(e, HAUL_E_USAGE, "--%s of %s takes %s", o->name, f->name, o->choices);
    return HAUL_OK;
}

static haul_rc formats(const haul_args *a, haul_job *job, haul_err *e)
{
    const char *from = haul_args_get(a, HAUL_OPT_FROM);
    haul_rc rc = from ? known_format(from, false, &job->from, e) : HAUL_OK;
    if (rc == HAUL_OK && job->target)
        rc = target_format(a, job, e);
    if (rc == HAUL_OK)
        rc = check_values(a, job->from, e);
    return rc == HAUL_OK ? check_values(a, job->to, e) : rc;
}

static haul_rc date(const haul_args *a, haul_opt o, bool *ret_has, int64_t *ret, haul_err *e)
{
    const char *said = haul_args_get(a, o);
    if (said && !haul_iso_parse(said, ret))
        return haul_fail(e, HAUL_E_USAGE,
                         "--%s: '%s' is not a date; write 2019-12-31 or 2019-12-31T23:59:59Z",
                         haul_opts[o].name, said);
    *ret_has = said != NULL;
    return HAUL_OK;
}

static haul_rc kinds_of(const char *list, unsigned *kinds, haul_err *e)
{
    for (const char *p = list;; p++) {
        size_t n = strcspn(p, ",");
        int k = 0;
        while (k < HAUL_KIND_COUNT && !haul_span_is((haul_span){p, n}, haul_kind_name((haul_kind)k)))
            k++;
        if (k == HAUL_KIND_COUNT)
            return haul_fail(e, HAUL_E_USAGE, "--kind: '%.*s' is none of mail, calendar, contact, task, note",
                             (int)n, p);
        *kinds |= 1u << k;
        p += n;
        if (!*p)
            return HAUL_OK;
    }
}

static haul_rc kinds(const haul_args *a, unsigned *ret, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    for (size_t i = 0; i < a->n_said && rc == HAUL_OK; i++)
        if (a->said[i].opt == HAUL_OPT_KIND)
            rc = kinds_of(a->said[i].value, ret, e);
    return rc;
}

static haul_rc selection(haul_request *r, const haul_args *a, haul_err *e)
{
    haul_filter *f = &r->job.filter;
    const char *size = haul_args_get(a, HAUL_OPT_MAX_SIZE);
    f->folders = r->folders = haul_args_all(a, HAUL_OPT_FOLDER);
    f->not_folders = r->not_folders = haul_args_all(a, HAUL_OPT_NOT_FOLDER);
    haul_rc rc = date(a, HAUL_OPT_SINCE, &f->has_since, &f->since_us, e);
    if (rc == HAUL_OK)
        rc = date(a, HAUL_OPT_UNTIL, &f->has_until, &f->until_us, e);
    if (rc == HAUL_OK && f->has_since && f->has_until && f->since_us >= f->until_us)
        rc = haul_fail(e, HAUL_E_USAGE, "--since is not before --until: nothing could be selected");
    if (rc == HAUL_OK && size && (!haul_parse_size(size, &f->max_size) || !f->max_size))
        rc = haul_fail(e, HAUL_E_USAGE, "--max-size: '%s' is not a size; write octets, or 25M", size);
    return rc == HAUL_OK ? kinds(a, &f->kinds, e) : rc;
}

bool haul_map_parse(haul_arena *a, const char *z, haul_map_rule *ret)
{
    haul_auto_str from = {0};
    const char *p = z;
    for (; *p && *p != '='; p++) {
        if (*p == '\\' && p[1] == '=')
            p++;
        else if (*p == '\\' && p[1])
            haul_str_addc(&from, *p++);
        haul_str_addc(&from, *p);
    }
    if (!*p || !p[1] || !from.len)
        return false;
    ret->from = haul_arena_str(a, from.p);
    ret->to = haul_arena_str(a, p + 1);
    return true;
}

static haul_rc mapping(haul_request *r, const haul_args *a, haul_err *e)
{
    for (size_t i = 0; i < a->n_said; i++) {
        haul_map_rule rule = {0};
        if (a->said[i].opt != HAUL_OPT_MAP)
            continue;
        if (!haul_map_parse(&r->arena, a->said[i].value, &rule))
            return haul_fail(e, HAUL_E_USAGE, "--map: '%s' is not FROM=TO", a->said[i].value);
        r->rules = haul_realloc(r->rules, (r->job.n_rules + 1) * sizeof(*r->rules));
        r->rules[r->job.n_rules++] = rule;
    }
    r->job.rules = r->rules;
    r->job.prefix = haul_args_get(a, HAUL_OPT_PREFIX);
    if (r->job.prefix && !*r->job.prefix)
        r->job.prefix = NULL;
    return HAUL_OK;
}

/* The absolute form of a path of which the last components need not exist. NULL when even "/" fails. */
static char *real_target(const char *path)
{
    haul_auto_str head = {0}, tail = {0}, joined = {0};
    haul_str_addz(&head, path);
    for (unsigned i = 0; i < PATH_UP_MAX; i++) {
        char *real = realpath(head.len ? head.p : ".", NULL);
        if (real) {
            haul_str_addf(&joined, "%s%s", real, haul_strz(&tail));
            free(real);
            return haul_strdup(joined.p);
        }
        while (head.len && head.p[head.len - 1] == '/')
            head.p[--head.len] = '\0';
        char *slash = head.len ? strrchr(head.p, '/') : NULL;
        const char *last = slash ? slash + 1 : haul_strz(&head);
        haul_auto_str longer = {0};
        haul_str_addf(&longer, "/%s%s", last, haul_strz(&tail));
        haul_str_clear(&tail);
        haul_str_add(&tail, longer.p, longer.len);
        head.len = slash ? (size_t)(slash - head.p) + (slash == head.p) : 0;
        if (head.p)
            head.p[head.len] = '\0';
    }
    return NULL;
}

bool haul_path_within(const char *target, const char *source)
{
    char *t = real_target(target), *s = realpath(source, NULL);
    size_t n = s ? strlen(s) : 0;
    /* below "/" is everything; a source of "/" is nobody's mailbox, but the rule stays the same */
    bool within = t && s && strncmp(t, s, n) == 0 && (t[n] == '/' || !t[n] || (n && s[n - 1] == '/'));
    free(t);
    free(s);
    return within;
}

/* A file that an option names (NULL: none) is not, and lies in no, source. */
static haul_rc file_apart(const haul_job *job, haul_opt o, const char *file, haul_err *e)
{
    for (size_t i = 0; file && job->sources[i]; i++)
        if (haul_path_within(file, job->sources[i]))
            return haul_fail(e, HAUL_E_USAGE,
                             "--%s '%s' would write over, or into, the source '%s'; choose another place",
                             haul_opts[o].name, file, job->sources[i]);
    return HAUL_OK;
}

static haul_rc apart(const haul_request *r, haul_err *e)
{
    const haul_job *job = &r->job;
    for (size_t i = 0; job->target && !haul_is_url(job->target) && job->sources[i]; i++)
        if (haul_path_within(job->target, job->sources[i]))
            return haul_fail(e, HAUL_E_USAGE,
                             "the target '%s' is, or lies in, the source '%s'; choose another place",
                             job->target, job->sources[i]);
    haul_rc rc = file_apart(job, HAUL_OPT_REPORT, job->report, e);
    return rc == HAUL_OK ? file_apart(job, HAUL_OPT_HTML, r->html, e) : rc;
}

/* Before a URL is shown or kept anywhere. */
static haul_rc check_urls(const haul_job *job, haul_err *e)
{
    haul_rc rc = job->target ? haul_url_check_secret(job->target, e) : HAUL_OK;
    for (size_t i = 0; job->sources[i] && rc == HAUL_OK; i++) {
        rc = haul_url_check_secret(job->sources[i], e);
        if (rc == HAUL_OK && haul_is_url(job->sources[i]))
            rc = haul_fail(e, HAUL_E_USAGE, "'%s' is a URL: servers are targets here, not sources",
                           job->sources[i]);
    }
    if (rc == HAUL_OK && job->pim_files && haul_is_url(job->target))
        rc = haul_fail(e, HAUL_E_USAGE,
                       "--pim-files writes files beside the target, but the target is a server");
    return rc;
}

/* "Maildir/", as a shell completes it, is Maildir; a URL is not ours to shorten. */
static const char *without_slashes(haul_arena *a, const char *target)
{
    size_t n = strlen(target);
    while (n > 1 && target[n - 1] == '/' && !haul_is_url(target))
        n--;
    return target[n] ? haul_arena_strn(a, target, n) : target;
}

/* convert: SOURCE... TARGET · verify: TARGET [SOURCE...] · inspect: SOURCE... */
static void operands(haul_request *r, const haul_args *a)
{
    size_t first = a->cmd == HAUL_CMD_VERIFY, n = a->n_operands;
    if (a->cmd == HAUL_CMD_CONVERT)
        r->job.target = a->operands[--n];
    else if (a->cmd == HAUL_CMD_VERIFY)
        r->job.target = a->operands[0];
    if (r->job.target)
        r->job.target = without_slashes(&r->arena, r->job.target);
    r->sources = haul_calloc(n + 1, sizeof(*r->sources));
    for (size_t i = first; i < n; i++)
        r->sources[i - first] = a->operands[i];
    r->job.sources = r->sources;
}

static haul_rc showing(haul_request *r, const haul_args *a, haul_err *e)
{
    const char *how = haul_args_get(a, HAUL_OPT_PROGRESS);
    bool quiet = haul_args_get(a, HAUL_OPT_QUIET) != NULL;
    haul_show show = HAUL_SHOW_NONE;
    if (!haul_show_find(how, STDERR_FILENO, &show))
        return haul_fail(e, HAUL_E_USAGE, "--progress takes auto, plain, json or none, not '%s'", how);
    haul_bar_begin(&r->bar, quiet ? HAUL_SHOW_NONE : show, STDERR_FILENO);
    r->job.progress = r->bar.show == HAUL_SHOW_NONE ? NULL : haul_bar_progress;
    r->bar.mute = quiet;
    r->bar.all = haul_args_get(a, HAUL_OPT_VERBOSE) != NULL;
    r->json = haul_args_get(a, HAUL_OPT_JSON) != NULL;
    return HAUL_OK;
}

static void run_options(haul_request *r, const haul_args *a)
{
    haul_job *job = &r->job;
    job->command = haul_cmds[a->cmd].name;
    job->values = a->values;
    job->dedupe = haul_args_get(a, HAUL_OPT_DEDUPE) != NULL;
    job->dry_run = haul_args_get(a, HAUL_OPT_DRY_RUN) != NULL;
    job->pim_files = haul_args_get(a, HAUL_OPT_PIM_FILES) != NULL;
    job->full = haul_args_get(a, HAUL_OPT_FULL) != NULL;
    job->merge = haul_args_get(a, HAUL_OPT_MERGE) != NULL;
    job->repair = haul_args_get(a, HAUL_OPT_REPAIR) != NULL;
    job->state_dir = haul_args_get(a, HAUL_OPT_STATE);
    job->report = haul_args_get(a, HAUL_OPT_REPORT);
    r->html = haul_args_get(a, HAUL_OPT_HTML);
    job->message = haul_bar_message;
    job->ctx = &r->bar;
    r->prompt = (haul_prompt){.bar = &r->bar, .stop = &haul_stop};
    job->ask = (haul_ask){.fn = haul_prompt_ask, .ctx = &r->prompt};
    job->stop = &haul_stop;
    haul_confined_stop(&haul_stop);
}

haul_rc haul_request_init(haul_request *r, const haul_args *a, haul_err *e)
{
    *r = (haul_request){0};
    operands(r, a);
    run_options(r, a);
    haul_rc rc = check_urls(&r->job, e);
    if (rc == HAUL_OK)
        rc = formats(a, &r->job, e);
    if (rc == HAUL_OK)
        rc = selection(r, a, e);
    if (rc == HAUL_OK)
        rc = mapping(r, a, e);
    if (rc == HAUL_OK && a->cmd != HAUL_CMD_VERIFY)
        rc = apart(r, e);
    return rc == HAUL_OK ? showing(r, a, e) : rc;
}

void haul_request_done(haul_request *r)
{
    haul_bar_end(&r->bar);
    haul_arena_done(&r->arena);
    free(r->rules);
    free(r->sources);
    free(r->folders);
    free(r->not_folders);
}
