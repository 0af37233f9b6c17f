/* Numbers as people read them. The same in every locale. */
#ifndef HAUL_BASE_FIGURES_H
#define HAUL_BASE_FIGURES_H

#include "base/str.h"

/* "1,234,567" */
void haul_text_number(haul_str *to, uint64_t n);
/* "999 B", "1.2 MB", "53.0 GB": powers of 1000. */
void haul_text_size(haul_str *to, uint64_t octets);

#endif
