/* Any octets as PidTagRtfCompressed. */
#include "mime/lzfu.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    haul_auto_str s = {0};
    haul_lzfu got = haul_lzfu_decode(data, size, &s);
    if ((got == HAUL_LZFU_BAD && s.len > 0) || s.len > HAUL_RTF_MAX || s.len > 9 * size)
        abort();
    return 0;
}
