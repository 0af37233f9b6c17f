/* Stores held against the specification of their format: files, and the stores in directories and containers. */
#ifndef HAUL_PIPE_CHECK_H
#define HAUL_PIPE_CHECK_H

#include "model/format.h"

#include <jansson.h>
#include <signal.h>

typedef struct haul_check_job {
    const char *const *stores; /* NULL-ended */
    const volatile sig_atomic_t *stop;
} haul_check_job;

/* Check every store. *ret: the object that docs/check.md describes, to be released by the caller, after every outcome.
 * The first failure of a store is returned; the others are checked all the same. HAUL_E_SOURCE: it cannot be
 * read, or its check did not come to its end. HAUL_E_FORMAT: no store, none in it, or its format has no check. HAUL_E_TARGET:
 * there is no room to unpack it. */
HAUL_MUST_USE haul_rc haul_check_stores(const haul_check_job *job, json_t **ret, haul_err *e);

#endif
