/* What a dry run says of messages that the target would not take. */
#ifndef HAUL_CLI_PREFLIGHT_H
#define HAUL_CLI_PREFLIGHT_H

#include "base/str.h"
#include "pipe/job.h"

/* Append it, from the member `preflight` of report.json; nothing when there is none, or all would be taken. */
void haul_preflight_text(const haul_job *job, const json_t *report, haul_str *to);

#endif
