/* Large stores of made-up mail, for measuring: the same numbers give the same octets. */
#ifndef HAUL_PSTW_BULK_H
#define HAUL_PSTW_BULK_H

#include "base/err.h"

#include <stdint.h>

typedef struct haul_pstw_bulk {
    uint64_t messages, seed;
    unsigned folders; /* 1 or more; messages go round */
} haul_pstw_bulk;

/* Messages of about 25 KiB with plain and HTML bodies and two recipients, every fourth with an attachment of 50 KiB. */
HAUL_MUST_USE haul_rc haul_pstw_bulk_write(const char *path, const haul_pstw_bulk *b, haul_err *e);

#endif
