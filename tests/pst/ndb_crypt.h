/* The encodings of data blocks: not encryption, there is no key (MS-PST 5.1, 5.2). */
#ifndef HAUL_PSTW_NDB_CRYPT_H
#define HAUL_PSTW_NDB_CRYPT_H

#include "pst/ndb.h"

/* Encode n octets of the data block `bid` in place. */
void haul_ndb_encode(haul_ndb_crypt crypt, uint64_t bid, uint8_t *p, size_t n);

#endif
