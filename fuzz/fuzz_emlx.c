/* Any octets as an .emlx file, as .mh_sequences and as the head of a message. */
#include "eml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data;
    haul_emlx x;
    haul_msg *m = haul_msg_new();
    haul_emlx_parse(p, size, &x);
    if (x.start + x.len > size)
        abort();
    haul_mh *mh = haul_mh_parse(p, size);
    haul_mh_apply(mh, 7, m);
    haul_mh_free(mh);
    (void)haul_eml_score(p, size);
    haul_msg_unref(m);
    return 0;
}
