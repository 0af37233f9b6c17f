/* Any octets as HTML. */
#include "base/utf.h"
#include "mime/html.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    haul_auto_str s = {0};
    haul_str_addz(&s, "x");
    bool whole = haul_html_text(65001, (const char *)data, size, &s);
    if (!haul_utf8_valid(haul_strz(&s), s.len) || (!whole && size < HAUL_HTML_DEPTH) ||
        s.len > 16 * size + 64)
        abort();
    return 0;
}
