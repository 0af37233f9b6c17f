/* Before a message leaves: what the target does not take of it (haul_sink.limits) is refused or repaired here. */
#ifndef HAUL_PIPE_PREFLIGHT_H
#define HAUL_PIPE_PREFLIGHT_H

#include "pipe/run.h"

#define HAUL_PREFLIGHT_NAMED                                                                                 \
    20u /* refused, and repaired, items listed one by one in the report; all are counted */

void haul_preflight_free(haul_preflight *p);

/* Look at the frozen r->msg, also in a dry run; nothing is done for a target without limits.
 *   HAUL_OK   send it; with job->repair its body may be another one now (HAUL_SET_REPAIRED, issue msg.repaired)
 *   HAUL_END  it is not to be sent: failed, with its reason, and accounted for */
HAUL_MUST_USE haul_rc haul_preflight_message(haul_run *r, haul_err *e);
/* m passed, but the target refused it: what it would have filled of the account is free. */
void haul_preflight_returned(haul_run *r, const haul_msg *m);
/* Add the member `preflight` (docs/report.md) to report.json; nothing for a target without limits. */
void haul_preflight_report(const haul_run *r, json_t *report);

#endif
