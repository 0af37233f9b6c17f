/* A format's check, run in a confined process: it reads one file and can do nothing else. What it finds comes back
 * through a pipe, and is believed as little as the file is. */
#ifndef HAUL_MODEL_CONFINED_CHECK_H
#define HAUL_MODEL_CONFINED_CHECK_H

#include "model/format.h"

#define HAUL_CHECK_MEMORY (UINT64_C(4) << 30) /* octets of address space of the process */

/* Run f->check with *c. HAUL_E_SOURCE: the process ended without an answer; what was found before that was told.
 * HAUL_E_LIMIT: for want of memory. HAUL_E_INTERRUPTED: c->stop was set. Else
 * what the check returned. */
HAUL_MUST_USE haul_rc haul_confined_check(const haul_format *f, haul_checking *c, haul_err *e);

#endif
