#include "cli/result.h"

void haul_result_issues(const uint64_t counts[HAUL_ISSUE_COUNT], size_t indent, haul_str *to)
{
    haul_table t = {.columns = 4, .right = 2, .indent = indent + 2};
    for (int i = 0; i < HAUL_ISSUE_COUNT; i++) {
        haul_issue_id id = (haul_issue_id)i;
        if (!counts[i])
            continue;
        haul_table_cell(&t, haul_issue_name(id));
        haul_table_number(&t, counts[i]);
        haul_table_cell(&t, haul_severity_name(haul_issue_severity(id)));
        haul_table_cell(&t, haul_issue_text(id));
    }
    if (t.n)
        haul_str_addf(to, "%*snoticed:\n", (int)indent, "");
    haul_table_print(&t, to);
    haul_str_done(&t.cells);
}

haul_rc haul_result_print(const haul_request *r, const json_t *o, const haul_str *text, haul_rc rc,
                          haul_err *e)
{
    haul_err *why = rc == HAUL_OK ? e : NULL;
    haul_rc printed = r->json ? haul_print_json(o, why) : haul_print(text, why);
    return rc == HAUL_OK ? printed : rc;
}
