/* Files of a package while it is filled: names that any system holds, three digests on the way. */
#ifndef HAUL_HOLD_FILES_H
#define HAUL_HOLD_FILES_H

#include "base/digests.h"
#include "base/str.h"
#include "io/out.h"

typedef struct haul_native { /* a file being written */
    haul_out out;
    haul_file file;
    haul_digests *digests; /* borrowed */
    uint64_t size;
    uint8_t md5[HAUL_MD5_LEN], sha1[HAUL_SHA1_LEN], sha256[HAUL_SHA256_LEN];
} haul_native;

/* Make dir/name anew below root; what was there is written over. No sync: the sink does one for all. */
HAUL_MUST_USE haul_rc haul_native_open(haul_native *n, int dir, const char *name, haul_digests *d,
                                       haul_err *e);
/* Close it, fill size and digests. */
HAUL_MUST_USE haul_rc haul_native_close(haul_native *n, haul_err *e);
void haul_native_done(
    haul_native *n); /* of one that failed: closed, its octets stay for the next run to write over */

/* The file of attachment `number` of a message: "0001-report.pdf". ASCII; what not every system holds becomes '_'; the end is kept
 * when it is cut: at most HAUL_NATIVE_NAME octets [hold-6]. */
#define HAUL_NATIVE_NAME 120u
void haul_native_name(unsigned number, const char *name, const char *type, haul_str *to);

#endif
