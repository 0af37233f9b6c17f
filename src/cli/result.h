/* Pieces that the results of several commands share. */
#ifndef HAUL_CLI_RESULT_H
#define HAUL_CLI_RESULT_H

#include "cli/request.h"
#include "cli/text.h"
#include "pipe/report.h" /* haul_json_… */

/* "noticed:" and a line for every issue that occurred: id, count, severity, sentence. Nothing when none did. */
void haul_result_issues(const uint64_t counts[HAUL_ISSUE_COUNT], size_t indent, haul_str *to);

/* Counts, issues and where the report is, of a run that convert or hold made. */
void haul_result_run(const haul_request *r, const haul_totals *t, const json_t *report, haul_str *to);

/* Print a result after a run that ended with rc: the object with --json, else the text. The run's own
 * failure is the one that counts; *e keeps its text. */
HAUL_MUST_USE haul_rc haul_result_print(const haul_request *r, const json_t *o, const haul_str *text,
                                        haul_rc rc, haul_err *e);

#endif
