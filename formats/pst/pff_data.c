/* Reading past libpff. The view that libpff reads through may show repairs; here the file is read as it is, which needs none. */
#include "pff.h"

haul_node haul_pff_node(haul_pff *s, uint32_t nid)
{
    haul_node node = {0};
    if (!s->direct.open || haul_nodes_find(&s->direct.nodes, nid, &node, NULL) != HAUL_OK)
        node = (haul_node){0};
    return node;
}

haul_node haul_pff_sub(haul_pff *s, const haul_node *item, uint32_t nid)
{
    haul_node node = {0};
    if (!s->direct.open || !item->nid ||
        haul_nodes_sub(&s->direct.nodes, item->sub, nid, &node, NULL) != HAUL_OK)
        node = (haul_node){0};
    return node;
}
