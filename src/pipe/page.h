/* A page that a person reads: report.html of a package, inspect --html. One file, no network, no script. docs/hold.md [hold-41]. */
#ifndef HAUL_PIPE_PAGE_H
#define HAUL_PIPE_PAGE_H

#include "io/out.h"

#include <jansson.h>

/* facts: {title, subtitle, generated, program, facts:[[name, value]], totals:[[name, number]] (they add up: the first is the sum of
 * the others), stats{} (haul_stats_json), folders:[{path, role, found, stored, filtered, duplicate, failed, octets, oldest, newest}],
 * sources:[{path, format, size, sha256, custodian}], terms:[{term, items, hits}], exceptions:[{…}] with exceptions_total,
 * issues:{id: count}, digests:[[file, sha256]], verify:[lines of commands]}. Any member may be absent: then its section is. */
HAUL_MUST_USE haul_rc haul_page_write(const json_t *facts, haul_out *to, haul_err *e);

#endif
