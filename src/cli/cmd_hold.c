#include "cli/cmd.h"
#include "cli/result.h"
#include "hold/hold.h"
#include "hold/sink.h"

#include <string.h>

#define IDLE_SHOWN 8u /* lines of a map */

/* What the sink takes as options of its format. */
static const struct {
    haul_opt opt;
    size_t option;
} values[] = {{HAUL_OPT_TEXT, HAUL_HOLD_TEXT},
              {HAUL_OPT_DEDUPE_BY, HAUL_HOLD_DEDUPE},
              {HAUL_OPT_DEDUPE_SCOPE, HAUL_HOLD_SCOPE},
              {HAUL_OPT_CONTROL_PREFIX, HAUL_HOLD_PREFIX},
              {HAUL_OPT_CONTROL_START, HAUL_HOLD_START}};

static haul_rc set_value(const haul_args *a, haul_opt opt, const haul_format_option *o, haul_err *e)
{
    const char *said = haul_args_get(a, opt);
    if (!said)
        return HAUL_OK;
    if (!haul_opts[opt].arg)
        said = "yes";
    if (!haul_option_takes(o, said))
        return haul_fail(e, HAUL_E_USAGE, "--%s takes %s, not '%s'", o->name, o->choices, said);
    haul_values_set(a->values, o->name, said);
    return HAUL_OK;
}

static haul_rc check(const haul_args *a, const haul_hold *h, haul_err *e)
{
    uint64_t number;
    int minutes;
    const char *prefix = haul_args_get(a, HAUL_OPT_CONTROL_PREFIX),
               *start = haul_args_get(a, HAUL_OPT_CONTROL_START);
    if (!haul_control_parse(prefix ? prefix : "", start ? start : "1", &number))
        return haul_fail(
            e, HAUL_E_USAGE,
            "--control-prefix takes up to 16 letters, digits and -_., --control-start a number from 1");
    if (start && !prefix)
        return haul_fail(e, HAUL_E_USAGE, "--control-start needs --control-prefix");
    if (h->time_zone && !haul_hold_zone(h->time_zone, &minutes))
        return haul_fail(e, HAUL_E_USAGE, "--time-zone: '%s' is neither UTC nor an offset such as +01:00",
                         h->time_zone);
    return HAUL_OK;
}

static haul_rc hold_options(const haul_args *a, haul_hold *h, haul_err *e)
{
    const char *encoding = haul_args_get(a, HAUL_OPT_DAT_ENCODING);
    haul_rc rc = HAUL_OK;
    h->matter = haul_args_get(a, HAUL_OPT_MATTER);
    h->custodian = haul_args_get(a, HAUL_OPT_CUSTODIAN);
    h->description = haul_args_get(a, HAUL_OPT_DESCRIPTION);
    h->organization = haul_args_get(a, HAUL_OPT_ORGANIZATION);
    h->contact = haul_args_get(a, HAUL_OPT_CONTACT);
    h->time_zone = haul_args_get(a, HAUL_OPT_TIME_ZONE);
    h->include_source = haul_args_get(a, HAUL_OPT_INCLUDE_SOURCE) != NULL;
    h->dat_encoding = encoding;
    if (encoding && strcmp(encoding, "cp1252") != 0 && strcmp(encoding, "utf-8") != 0)
        return haul_fail(e, HAUL_E_USAGE, "--dat-encoding takes utf-8 or cp1252, not '%s'", encoding);
    for (size_t i = 0; i < HAUL_COUNT(values) && rc == HAUL_OK; i++)
        rc = set_value(a, values[i].opt, &haul_hold_options[values[i].option], e);
    return rc == HAUL_OK ? check(a, h, e) : rc;
}

static void sealed_line(const haul_request *r, bool sealed, haul_str *to)
{
    if (r->job.dry_run) {
        haul_str_addz(
            to, haul_hold_dry_is_blind(&r->job)
                    ? "a dry run looks for duplicates by digest in all mail only: none are counted here\n"
                    : "");
        return;
    }
    haul_str_addz(to, sealed ? "sealed: " : "not sealed yet; run the same command again to go on: ");
    haul_text_clean(to, r->job.target);
    if (sealed) {
        haul_str_addz(to, "/report.html; prove it with: mailhaul verify ");
        haul_text_clean(to, r->job.target);
    }
    haul_str_addc(to, '\n');
}

/* A typing error in a map gives mail to the wrong people, silently. Only what is stored now is asked whose it is: a run that
 * found items of an earlier one cannot tell. */
static void idle_lines(const haul_request *r, haul_str *to)
{
    size_t at = 0, shown = 0;
    unsigned line = 0;
    const char *glob;
    while ((glob = haul_custodians_idle(r->job.custodians, &at, &line)) && ++shown <= IDLE_SHOWN) {
        haul_str_addf(to, "--custodian-map line %u fits nothing that was read: ", line);
        haul_text_clean(to, glob);
        haul_str_addc(to, '\n');
    }
    if (glob)
        haul_str_addz(to, "--custodian-map has more lines that fit nothing\n");
}

haul_rc haul_cmd_hold(const haul_args *a, int *ret_status, haul_err *e)
{
    haul_request r;
    haul_auto_str s = {0};
    haul_totals totals = {0};
    json_t *report = NULL;
    bool sealed = false;
    haul_rc rc = haul_request_init(&r, a, e);
    haul_hold h = {.job = &r.job};
    if (rc == HAUL_OK)
        rc = hold_options(a, &h, e);
    if (rc == HAUL_OK)
        rc = haul_hold_run(&h, &totals, &report, &sealed, e);
    haul_bar_end(&r.bar);
    *ret_status = haul_totals_exit(&totals);
    if (report && !r.job.dry_run)
        json_object_set_new(report, "sealed", json_boolean(sealed));
    if (report && (rc == HAUL_OK || totals.found || r.json)) {
        haul_result_run(&r, &totals, report, &s);
        if (!r.job.dry_run && !totals.already_stored)
            idle_lines(&r, &s);
        sealed_line(&r, sealed, &s);
        rc = haul_result_print(&r, report, &s, rc, e);
    }
    json_decref(report);
    haul_request_done(&r);
    return rc;
}
