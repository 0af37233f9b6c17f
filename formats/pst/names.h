/* Names of named properties, from the store's own map (node 0x61). Source: MS-PST 2.4.7. */
#ifndef HAUL_FORMATS_PST_NAMES_H
#define HAUL_FORMATS_PST_NAMES_H

#include "ltp.h"

#include "mime/prop.h"

#define HAUL_NAMES_MAX (16u * 1024u * 1024u) /* octets of each of its three streams */

typedef struct haul_names { /* zero-initialised = empty */
    haul_span entries, guids, strings;
    haul_prop *known; /* by number of the id: what was found before; NULL = none */
    haul_arena arena;
} haul_names;

/* HAUL_SKIP: it cannot be read. */
HAUL_MUST_USE haul_rc haul_names_open(haul_names *m, haul_nodes *n, haul_err *e);
void haul_names_done(haul_names *m);
/* Fill set, lid, name and guid of p, whose id is 0x8000 or above; name and guid are borrowed until haul_names_done. False:
 * the map does not have it. */
bool haul_names_find(haul_names *m, haul_prop *p);
/* Names whose set or text the map does not have; 1 also when it has no names, but sets or texts. */
size_t haul_names_odd(const haul_names *m);

#endif
