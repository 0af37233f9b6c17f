/* What is wrong with a source as a whole, as exceptions of the package [hold-7]. */
#ifndef HAUL_HOLD_LOSSES_H
#define HAUL_HOLD_LOSSES_H

#include "hold/catalog.h"

#include <jansson.h>

/* One exception for each source of the report that was lost ("failed"), and for each of its notices that is damage ("damaged"). What
 * earlier runs found wrong with the same sources is forgotten first: a source that can be read now is whole. */
HAUL_MUST_USE haul_rc haul_losses_note(haul_catalog *c, const json_t *report, haul_err *e);

/* The same of a source whose copy is not in the package, or not what was read. */
HAUL_MUST_USE haul_rc haul_losses_copy(haul_catalog *c, const json_t *source, const char *detail,
                                       haul_err *e);

#endif
