/* Whose items they are: --custodian and --custodian-map. docs/cli.md, "Custodians". */
#ifndef HAUL_PIPE_CUSTODIAN_H
#define HAUL_PIPE_CUSTODIAN_H

#include "base/err.h"

#include <stdbool.h>

#define HAUL_CUSTODIAN_FILE (4u * 1024u * 1024u) /* octets of a map */
#define HAUL_CUSTODIANS_MAX 10000u               /* its lines */
#define HAUL_CUSTODIAN_NAME 256u                 /* octets of a name */

typedef struct haul_custodians haul_custodians;

/* file: a map of lines "GLOB = NAME", NULL = none. fallback: who has what no line names, NULL = nobody; copied.
 * HAUL_E_USAGE: the line that is wrong, or a name that cannot be one (haul_custodian_ok). */
HAUL_MUST_USE haul_rc haul_custodians_load(const char *file, const char *fallback, haul_custodians **ret,
                                           haul_err *e);
void haul_custodians_free(haul_custodians *c);
HAUL_DEFINE_AUTO(haul_custodians, haul_custodians_free)

/* The custodian of an item: of the first line whose GLOB fits source_path (as it was given, without a "/" at its end), or
 * source_path "/" place, or source_path "/" key, or a directory above one of them, or the file alone: up to the last "@" or to a ":".
 *   place, key  in  of the item in its source ("ada/Inbox@4711", "ada.pst:Inbox#0x20"; "ada/Inbox.mbox@4711"), may be NULL
 * Else the fallback; NULL when there is none: the caller then takes the name of the source. c may be NULL. Lives as long as c. */
const char *haul_custodian_of(const haul_custodians *c, const char *source_path, const char *place,
                              const char *key);

/* The GLOBs that fitted nothing yet, one at a call, with the line of the map; *at begins with 0. NULL: no more. A line that stands
 * behind another one which fits the same is one of them. */
const char *haul_custodians_idle(const haul_custodians *c, size_t *at, unsigned *ret_line);

/* Text of 1 to HAUL_CUSTODIAN_NAME octets of UTF-8 without controls and without ";", which joins several. */
bool haul_custodian_ok(const char *name);

#endif
