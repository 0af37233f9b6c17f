/* A page that a person reads: report.html of a package, inspect --html. One file, no network, no script. docs/hold.md [hold-41].
 *
 * It is HTML5 and well-formed XML alike. What comes out of an archive is escaped and isolated (bdi); control characters and marks
 * that turn the direction of writing are shown by name. The same facts give the same octets. */
#ifndef HAUL_PIPE_PAGE_H
#define HAUL_PIPE_PAGE_H

#include "io/out.h"

#include <jansson.h>

#define HAUL_PAGE_FOLDERS    2000u /* rows of a table; the others are added up in one */
#define HAUL_PAGE_SOURCES    500u  /* rows, here and below; then how many more there are */
#define HAUL_PAGE_TERMS      1000u
#define HAUL_PAGE_EXCEPTIONS 200u
#define HAUL_PAGE_DIGESTS    500u
#define HAUL_PAGE_YEARS      200u
#define HAUL_PAGE_MONTHS     480u  /* bars of the chart */
#define HAUL_PAGE_TEXT_MAX   2000u /* octets shown of one text */

/* facts: any member may be absent or empty: then its section is. Numbers are integers, times as haul_iso_format writes them.
 *   title, subtitle, program ("mailhaul 0.1.0"), generated (a time)
 *   facts:[[name, value]]         texts
 *   totals:[[name, number]]       the first is the sum of the others; the page says when it is not
 *   stats{}                       haul_stats_json
 *   folders:[{source, path, role, found, messages, stored, filtered, duplicate, failed, already_stored, unseen, flagged, octets,
 *     oldest, newest}]            those of a source side by side; path null: items of no folder. A column nobody fills is left
 *                                 out, and so is one of zeros but for found, messages, stored, octets. Absent: stats.folders
 *   sources:[{path, format, size, items, sha256, custodian, error}]
 *   terms:[{term, items, hits}]
 *   exceptions:[{docid, item_id, custodian, source, folder, place, kind, issue, detail, disposition}], exceptions_total:
 *     how many there are in all, exceptions_kinds{kind: count}
 *   issues:{id: count}
 *   digests:[[file, sha256]], digests_total
 *   verify:[lines of commands]    one that begins with # is a remark */
HAUL_MUST_USE haul_rc haul_page_write(const json_t *facts, haul_out *to, haul_err *e);
/* The facts of an inventory (haul_inspect). New reference. */
json_t *haul_page_of_inventory(const json_t *inventory);

/* Write the page as the file `path`: whole or not at all. HAUL_E_TARGET. What is there is replaced when it is a regular file.
 * _check_place: would that do, before a long run? */
HAUL_MUST_USE haul_rc haul_page_check_place(const char *path, haul_err *e);
HAUL_MUST_USE haul_rc haul_page_save(const json_t *facts, const char *path, haul_err *e);

#endif
