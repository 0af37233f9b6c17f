/* SHA-256 through libcrypto (EVP picks the processor's SHA instructions), and FNV for tables. */
#ifndef HAUL_BASE_HASH_H
#define HAUL_BASE_HASH_H

#include "base/attr.h"

#include <stddef.h>
#include <stdint.h>

#define HAUL_SHA256_LEN 32
#define HAUL_SHA256_HEX 65 /* with NUL */

typedef struct haul_sha256 haul_sha256;

haul_sha256 *haul_sha256_new(void); /* ready for the first update */
void haul_sha256_update(haul_sha256 *h, const void *p, size_t n);
/* Writes 32 octets and starts anew. */
void haul_sha256_final(haul_sha256 *h, uint8_t ret[HAUL_SHA256_LEN]);
void haul_sha256_free(haul_sha256 *h);
HAUL_DEFINE_AUTO(haul_sha256, haul_sha256_free)

/* Eight octets a step: for fingerprints of whole headers. The same on every machine; not for hostile input
 * where a collision would cost more than a second look. */
uint64_t haul_hash64(const void *p, size_t n);
uint64_t haul_fnv64(const void *p, size_t n, uint64_t seed); /* seed 0 = the standard basis */

#endif
