/* What the fuzz targets share. */
#ifndef HAUL_FUZZ_H
#define HAUL_FUZZ_H

#include "base/utf.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void check(bool ok)
{
    if (!ok)
        abort();
}

/* Text is UTF-8, always. */
static inline void check_text(const char *z)
{
    check(!z || haul_utf8_valid(z, strlen(z)));
}

#endif
