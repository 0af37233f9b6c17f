/* Pages of the node database, for its own files. */
#ifndef HAUL_FORMATS_PST_NDB_PARTS_H
#define HAUL_FORMATS_PST_NDB_PARTS_H

#include "ndb.h"

#define HAUL_NODES_PAGE_MAX 4096u
#define HAUL_NODES_BBT      0x80u /* page types, MS-PST 2.2.2.7.1 */
#define HAUL_NODES_NBT      0x81u

typedef struct haul_nodes_entries { /* of a page, or of a list of subnodes */
    const uint8_t *p;
    size_t n, size;
    unsigned level;
} haul_nodes_entries;

/* An id or an offset. */
static inline uint64_t haul_nodes_id(const haul_nodes *n, const uint8_t *p)
{
    return n->layout->id == 4 ? haul_nodes32(p) : haul_nodes64(p);
}

/* A page of that type, borrowed until the next one is read. HAUL_SKIP: it cannot be read, or is something else. */
HAUL_MUST_USE haul_rc haul_nodes_page_get(haul_nodes *n, uint64_t at, uint64_t id, unsigned kind,
                                          const uint8_t **ret, haul_err *e);
/* False: its counts are those of no page. */
bool haul_nodes_page_entries(const haul_nodes *n, const uint8_t *page, haul_nodes_entries *ret);

#endif
