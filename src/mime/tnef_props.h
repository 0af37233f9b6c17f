/* Property lists inside a TNEF stream. Source: MS-OXTNEF 2.1.3, attMsgProps. Rules: docs/tnef.md. */
#ifndef HAUL_MIME_TNEF_PROPS_H
#define HAUL_MIME_TNEF_PROPS_H

#include "mime/prop.h"

#define HAUL_TNEF_PROPS_MAX                                                                                  \
    (1024u * 1024u) /* properties of one stream, recipients and attachments included */

typedef struct haul_tnef_in { /* what is left of an attribute */
    const uint8_t *p;
    size_t n;
} haul_tnef_in;

/* The next little-endian number of 2 or 4 octets; false when fewer are left. */
bool haul_tnef_u16(haul_tnef_in *in, uint16_t *ret);
bool haul_tnef_u32(haul_tnef_in *in, uint32_t *ret);

/* Add the properties of a counted list to b; values are borrowed from `in`, multi-values and names lie in a. budget:
 * properties that may still be read, counted down. False: the list is cut, malformed or too long; what came before
 * that stays in b. */
bool haul_tnef_props(haul_tnef_in *in, haul_bag *b, haul_arena *a, size_t *budget);

#endif
