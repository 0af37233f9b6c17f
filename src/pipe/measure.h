/* How much there is to read, for the time left of a progress bar. */
#ifndef HAUL_PIPE_MEASURE_H
#define HAUL_PIPE_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#define HAUL_MEASURE_ENTRIES 100000u /* a larger tree is not walked for the sake of a bar */

/* Octets of all files of the sources (paths, NULL-ended). 0 = unknown: too many files, or some of them are
 * packed, so that what is read is not what is stored. Symbolic links below a source are not followed. */
uint64_t haul_measure(const char *const *sources);
/* A name that says gzip, zip, tar and the like. */
bool haul_measure_is_packed(const char *name);

#endif
