/* Temporary files that have no name: gone when the last descriptor is closed, also after a crash. */
#ifndef HAUL_IO_TEMP_H
#define HAUL_IO_TEMP_H

#include "io/in.h"

#define HAUL_TEMP_NAME "a temporary file" /* for messages */

/* A new file in $TMPDIR or /tmp. *ret_fd reads and writes; *ret_reader, unless NULL, is a second descriptor that can
 * only read, with an offset of its own. Both are the caller's. HAUL_E_TARGET: it cannot be made. */
HAUL_MUST_USE haul_rc haul_temp_open(int *ret_fd, int *ret_reader, haul_err *e);
/* All of in, at most max octets, into such a file; *ret_fd can only read and stands at the start.
 * HAUL_E_LIMIT: there is more; else as reading and writing fail. */
HAUL_MUST_USE haul_rc haul_temp_fill(haul_in *in, uint64_t max, int *ret_fd, haul_err *e);

#endif
