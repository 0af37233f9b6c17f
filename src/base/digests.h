/* MD5, SHA-1 and SHA-256 of the same octets, for load files: reviewers compare by any of the three. libcrypto. */
#ifndef HAUL_BASE_DIGESTS_H
#define HAUL_BASE_DIGESTS_H

#include "base/hash.h"

#define HAUL_MD5_LEN  16
#define HAUL_SHA1_LEN 20

typedef struct haul_digests haul_digests;

haul_digests *haul_digests_new(void); /* ready for the first update */
void haul_digests_update(haul_digests *d, const void *p, size_t n);
/* Writes the three and starts anew. */
void haul_digests_final(haul_digests *d, uint8_t ret_md5[HAUL_MD5_LEN], uint8_t ret_sha1[HAUL_SHA1_LEN],
                        uint8_t ret_sha256[HAUL_SHA256_LEN]);
void haul_digests_free(haul_digests *d); /* NULL is accepted */
HAUL_DEFINE_AUTO(haul_digests, haul_digests_free)

#endif
