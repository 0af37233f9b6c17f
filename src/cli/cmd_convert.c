#include "cli/cmd.h"
#include "cli/result.h"

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
        haul_result_run(&r, &totals, report, &s);
        rc = haul_result_print(&r, report, &s, rc, e);
    }
    json_decref(report);
    haul_request_done(&r);
    return rc;
}
