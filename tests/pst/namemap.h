/* The name-to-id map of a store. Source: MS-PST 2.4.7. */
#ifndef HAUL_MADE_NAMEMAP_H
#define HAUL_MADE_NAMEMAP_H

#include "pst/ltp.h"

typedef struct haul_name {
    uint8_t guid[16];
    char *name; /* owned; NULL: lid counts */
    uint32_t lid;
} haul_name;

typedef struct haul_namemap { /* zero-initialised = empty */
    haul_name *v;
    size_t n, cap;
} haul_namemap;

/* The id (0x8000 …) of a name, given out when it is new. */
uint16_t haul_namemap_id(haul_namemap *m, const uint8_t guid[16], uint32_t lid, const char *name);
/* Write the map's property context and free it. */
haul_object haul_namemap_end(haul_namemap *m, haul_ndb *n);

#endif
