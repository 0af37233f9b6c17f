#include "check.h"

#include <stdlib.h>

#define UPDATE_SIZE 20u /* octets of a SUD (2.4.8.1.1) */
#define GATHERED_SIZE                                                                                        \
    28u /* of an item of the gatherer's queue, in all stores that were seen; MS-PST says a SUD */

enum { /* 2.4.1 */
       MANAGEMENT_QUEUE = 0x1e1,
       ACTIVITY_LIST = 0x201,
       DOMAIN_LIST = 0x261,
       GATHERER_QUEUE = 0x281,
       GATHERER_FOLDERS = 0x321,
};

/* Items one after another; nidParent is the offset of the first that was not taken out (2.4.8.3). Of a type all that is
 * demanded is that it is one: Outlook writes some that 2.4.8.1.1 does not know. */
static void check_queue(haul_pst_check *c, const haul_node *n, const uint8_t *p, size_t size)
{
    uint32_t each = n->nid == GATHERER_QUEUE ? GATHERED_SIZE : UPDATE_SIZE;
    if (size % each || n->parent % each || n->parent > size) {
        haul_pst_say(c, HAUL_FINDING_PST_QUEUE, n->at, n->data, "%zu octets, the first item at %u", size,
                     n->parent);
        return;
    }
    for (size_t i = n->parent; n->nid != GATHERER_QUEUE && i < size; i += each)
        if (!haul_nodes16(p + i + 2))
            haul_pst_say(c, HAUL_FINDING_PST_QUEUE, n->at, n->data, "item at %zu of no type", i);
}

/* In the domain list the type of an id is a number of another kind; its index is a folder's. */
static bool is_folder(const haul_pst_check *c, uint32_t list, uint32_t nid)
{
    uint32_t index = nid & ~(uint32_t)0x1f;
    return list == DOMAIN_LIST
               ? haul_pst_node(c, index | HAUL_NTYPE_FOLDER) || haul_pst_node(c, index | HAUL_NTYPE_SEARCH)
               : haul_pst_node(c, nid) != NULL;
}

static void check_list(haul_pst_check *c, const haul_node *n, const uint8_t *p, size_t size)
{
    if (size % 4)
        haul_pst_say(c, HAUL_FINDING_PST_QUEUE, n->at, n->data, "%zu octets of node ids", size);
    for (size_t i = 0; i + 4 <= size; i += 4)
        if (!is_folder(c, n->nid, haul_nodes32(p + i)))
            haul_pst_say(c, HAUL_FINDING_PST_QUEUE_NODE, n->at, 0, "node 0x%x", haul_nodes32(p + i));
}

void haul_pst_check_queue(haul_pst_check *c, const haul_node *n)
{
    bool queue =
        n->nid == MANAGEMENT_QUEUE || n->nid == GATHERER_QUEUE || (n->nid & 0x1f) == HAUL_NTYPE_SEARCH_QUEUE;
    bool list = n->nid == ACTIVITY_LIST || n->nid == DOMAIN_LIST || n->nid == GATHERER_FOLDERS;
    size_t size = 0;
    if (!queue && !list)
        return;
    uint8_t *p = n->data ? haul_pst_copy(c, n->data, &size) : NULL;
    if (queue && (p || !n->data))
        check_queue(c, n, p, size);
    else if (list && p)
        check_list(c, n, p, size);
    free(p);
}
