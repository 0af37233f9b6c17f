/* A store from its description in JSON. The description's form: testdata/pst/README.md. */
#ifndef HAUL_MADE_DESCRIBE_H
#define HAUL_MADE_DESCRIBE_H

#include "base/err.h"

#include <jansson.h>

/* Write the store that `store` describes to path. HAUL_E_FORMAT: the description is wrong. */
HAUL_MUST_USE haul_rc haul_made_describe(const char *path, const json_t *store, haul_err *e);

#endif
