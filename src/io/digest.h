/* The digest of a source as it lies on the disk: shows that nothing touched it. */
#ifndef HAUL_IO_DIGEST_H
#define HAUL_IO_DIGEST_H

#include "base/err.h"
#include "base/hash.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct haul_source_digest {
    bool is_dir;
    uint64_t files, octets;
    uint8_t sha256[HAUL_SHA256_LEN];
} haul_source_digest;

/* Of a file: the SHA-256 of its octets. Of a directory: the SHA-256 of one line "<sha256>  <path below it>\n" for each
 * regular file, in octet order of the paths: what `find . -type f | sort | xargs sha256sum` prints, without "./", in the C
 * locale. CR, LF and % in paths are percent-encoded. Symbolic links are not followed, other files are passed over.
 * waiting (may be NULL): called now and then with the octets so far; true ends it with HAUL_E_INTERRUPTED. */
HAUL_MUST_USE haul_rc haul_digest_source(const char *path, bool (*waiting)(void *ctx, uint64_t octets),
                                         void *ctx, haul_source_digest *ret, haul_err *e);

#endif
