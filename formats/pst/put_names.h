/* The map of named properties being written. Source: MS-PST 2.4.7. */
#ifndef HAUL_FORMATS_PST_PUT_NAMES_H
#define HAUL_FORMATS_PST_PUT_NAMES_H

#include "put_ltp.h"

#define HAUL_PSTW_NAMES_MAX 0x7ffeu /* ids from 0x8000 to 0xfffd */

typedef struct haul_pstw_name {
    uint8_t guid[16];
    char *name; /* owned; NULL: lid counts */
    uint32_t lid;
} haul_pstw_name;

typedef struct haul_pstw_names { /* zero-initialised = empty */
    haul_pstw_name *v;
    size_t n, cap;
    uint64_t text;   /* octets of the names */
    uint32_t *slots; /* a hash table of 1 + index, 0 = empty */
    size_t n_slots;
} haul_pstw_names;

/* The id (0x8000 …) of a name, given out when it is new: *ret_new. 0: the map is full. */
uint16_t haul_pstw_names_id(haul_pstw_names *m, const uint8_t guid[16], uint32_t lid, const char *name,
                            bool *ret_new);
/* Forget the names behind the first n: they are no one's. */
void haul_pstw_names_cut(haul_pstw_names *m, size_t n);
/* Write the map's property context. */
haul_pstw_object haul_pstw_names_put(haul_pstw_names *m, haul_pstw_ndb *n);
void haul_pstw_names_done(haul_pstw_names *m);

#endif
