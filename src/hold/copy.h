/* Sources in a package, untouched; and what a run that was cut off left in it. */
#ifndef HAUL_HOLD_COPY_H
#define HAUL_HOLD_COPY_H

#include "hold/catalog.h"
#include "pipe/audit.h"
#include "pipe/job.h"

#define HAUL_COPY_DEPTH 128u /* directories of a source below one another */

/* --include-source: each source of the report as data/<format>/<name>, a directory with all below it. Times are kept. The log
 * gets one "source-copied" each, or "source-not-copied" where one cannot be read: that, and a file that is not what the report says
 * was read, is an exception of the package. */
HAUL_MUST_USE haul_rc haul_copy_sources(int root, const haul_job *job, const json_t *report, haul_catalog *c,
                                        haul_audit *log, haul_err *e);

/* Remove files below data/ that the catalogue does not know; *ret_n: how many. */
HAUL_MUST_USE haul_rc haul_copy_strays(int root, haul_catalog *c, uint64_t *ret_n, haul_err *e);

#endif
