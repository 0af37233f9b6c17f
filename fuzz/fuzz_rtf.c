/* Any octets as an RTF body. */
#include "base/utf.h"
#include "mime/rtf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    haul_auto_str s = {0};
    haul_rtf_info info;
    haul_rtf_kind kind = haul_rtf_extract((const char *)data, size, 0, &s, &info);
    if (!haul_utf8_valid(haul_strz(&s), s.len) || (kind == HAUL_RTF_NONE && s.len > 0) || s.len > 4 * size)
        abort();
    return 0;
}
