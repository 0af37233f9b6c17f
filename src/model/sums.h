/* Checksums that lie beside the files of a source. docs/issues.md source.checksum; docs/formats/mbox.md [mbox-65]. */
#ifndef HAUL_MODEL_SUMS_H
#define HAUL_MODEL_SUMS_H

#include "model/format.h"

#define HAUL_SUMS_MAX (16u * 1024u * 1024u) /* octets of one file of checksums */

/* True for the name of a file of checksums. */
bool haul_sums_is(const char *name);
/* Compare every file that such a file among the entries of dir has a digest for: beside it, or in a download beside it. What
 * differs or is not there becomes an issue of the reader. Reads each of them to its end. */
void haul_sums_check(haul_reader *r, const char *dir, const haul_entry *v, size_t n);
/* The same of the top of the source. */
void haul_sums_check_top(haul_reader *r);

#endif
