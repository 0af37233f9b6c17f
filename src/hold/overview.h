/* report.json and report.html of a package: what a court, and a person, reads first. */
#ifndef HAUL_HOLD_OVERVIEW_H
#define HAUL_HOLD_OVERVIEW_H

#include "hold/package.h"

/* report: the run's own (pipe/report.h). report.json has it, with the figures of the package; report.html shows the whole package, of
 * whatever run: each item once, every source as its last run found it. Both are written below root. */
HAUL_MUST_USE haul_rc haul_overview_write(haul_catalog *c, const haul_case *k, const json_t *report, int root,
                                          haul_err *e);

#endif
