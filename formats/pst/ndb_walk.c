#include "ndb_parts.h"

#include <string.h>

typedef struct walk {
    haul_nodes *nodes;
    haul_nodes_each *each;
    void *ctx;
    uint64_t pages; /* left: as many as the file has room for */
} walk;

static haul_rc each_node(walk *w, const haul_nodes_entries *s, uint64_t at, haul_err *e)
{
    size_t id = w->nodes->layout->id;
    haul_rc rc = HAUL_OK;
    for (size_t i = 0; i < s->n && rc == HAUL_OK && s->size >= 3 * id + 4; i++) {
        const uint8_t *p = s->p + i * s->size; /* NBTENTRY, MS-PST 2.2.2.7.7.4 */
        haul_node node = {.nid = haul_nodes32(p),
                          .data = haul_nodes_id(w->nodes, p + id),
                          .sub = haul_nodes_id(w->nodes, p + 2 * id),
                          .parent = haul_nodes32(p + 3 * id),
                          .at = at + i * s->size};
        rc = w->each(w->ctx, &node, e);
    }
    return rc;
}

/* A copy: the page's place in memory is another's as soon as one below it is read. */
static bool page_of(walk *w, uint64_t at, uint64_t id, uint8_t *to, haul_nodes_entries *ret)
{
    const uint8_t *page = NULL;
    haul_rc rc = w->pages ? haul_nodes_page_get(w->nodes, at, id, HAUL_NODES_NBT, &page, NULL) : HAUL_SKIP;
    if (rc != HAUL_OK)
        return false;
    w->pages--;
    memcpy(to, page, w->nodes->layout->page);
    return haul_nodes_page_entries(w->nodes, to, ret);
}

static haul_rc walk_page(walk *w, uint64_t at, uint64_t id, unsigned below, haul_err *e)
{
    uint8_t page[HAUL_NODES_PAGE_MAX];
    haul_nodes_entries s = {0};
    size_t width = w->nodes->layout->id;
    if (!page_of(w, at, id, page, &s) || s.level >= below) {
        haul_nodes_fault f = {.page = true, .at = at, .id = id, .what = "cannot be read"};
        if (w->nodes->fault)
            w->nodes->fault(w->nodes->ctx, &f);
        return HAUL_OK;
    }
    if (!s.level)
        return each_node(w, &s, at, e);
    haul_rc rc = HAUL_OK;
    for (size_t i = 0; i < s.n && rc == HAUL_OK; i++) { /* BTENTRY, 2.2.2.7.7.2 */
        const uint8_t *p = s.p + i * s.size;
        rc = walk_page(w, haul_nodes_id(w->nodes, p + 2 * width), haul_nodes_id(w->nodes, p + width), s.level,
                       e);
    }
    return rc;
}

haul_rc haul_nodes_walk(haul_nodes *n, haul_nodes_each *each, void *ctx, haul_err *e)
{
    walk w = {.nodes = n, .each = each, .ctx = ctx, .pages = n->view->size / n->layout->page + 1};
    return walk_page(&w, n->node_root, n->node_id, HAUL_NODES_LEVELS, e);
}
