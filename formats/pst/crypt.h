/* The two encodings of blocks. Neither hides anything: there is no key but the block's id. MS-PST 5.1, 5.2. */
#ifndef HAUL_FORMATS_PST_CRYPT_H
#define HAUL_FORMATS_PST_CRYPT_H

#include <stddef.h>
#include <stdint.h>

/* bCryptMethod of the header, MS-PST 2.2.2.6 */
enum { HAUL_CRYPT_NONE = 0, HAUL_CRYPT_PERMUTE = 1, HAUL_CRYPT_CYCLIC = 2 };

/* The n octets of block `bid`, to `to`, which may be p. */
void haul_crypt_decode(uint8_t method, uint64_t bid, const uint8_t *p, size_t n, uint8_t *to);
/* n octets that lie at octet `from` of the data of block `bid`, in place. */
void haul_crypt_encode(uint8_t method, uint64_t bid, size_t from, uint8_t *p, size_t n);

#endif
