#include "rescue.h"

#include <string.h>

typedef struct walk {
    haul_nodes *nodes;
    unsigned kind;
    haul_nodes_each *each;
    haul_nodes_each_block *each_block;
    void *ctx;
    uint64_t pages; /* left: as many as the file has room for */
} walk;

typedef struct page { /* a copy: its place in memory is another's as soon as one below it is read */
    uint8_t octets[HAUL_NODES_PAGE_MAX];
    haul_nodes_entries s;
    bool odd;
} page;

static haul_rc each_node(walk *w, const haul_nodes_entries *s, uint64_t at, haul_err *e)
{
    size_t id = w->nodes->layout->id;
    haul_rc rc = HAUL_OK;
    for (size_t i = 0; w->each && i < s->n && rc == HAUL_OK && s->size >= 3 * id + 4; i++) {
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

static haul_rc each_block(walk *w, const haul_nodes_entries *s, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    for (size_t i = 0; w->each_block && i < s->n && rc == HAUL_OK; i++)
        rc = w->each_block(w->ctx, haul_nodes_id(w->nodes, s->p + i * s->size), e);
    return rc;
}

static bool read_page(walk *w, const haul_nodes_ref *r, page *ret)
{
    const uint8_t *octets = NULL;
    haul_rc rc = w->pages ? haul_nodes_page_get(w->nodes, r->at, r->id, w->kind, &octets, NULL) : HAUL_SKIP;
    if (rc != HAUL_OK)
        return false;
    w->pages--;
    memcpy(ret->octets, octets, w->nodes->layout->page);
    ret->odd = haul_nodes_page_odd(w->nodes, r->at);
    return haul_nodes_page_entries(w->nodes, ret->octets, &ret->s);
}

/* leaf: what names the page says that it is one; its entries count, whatever its trailer says. */
static void pass_over(walk *w, const haul_nodes_ref *r, bool leaf)
{
    haul_nodes_fault f = {.page = true, .at = r->at, .id = r->id, .what = "cannot be read"};
    if (w->nodes->rescues)
        haul_rescue_gap(w->nodes, w->kind, r, leaf);
    else if (w->nodes->fault)
        w->nodes->fault(w->nodes->ctx, &f);
}

static haul_rc leaf_page(walk *w, const haul_nodes_ref *r, const page *p, bool doubted, haul_err *e)
{
    if (w->nodes->rescues && p->odd) {
        haul_rescue_gap(w->nodes, w->kind, r, true);
        return HAUL_OK;
    }
    if (doubted && p->s.n)
        haul_rescue_cover(w->nodes, w->kind, haul_nodes_id(w->nodes, p->s.p),
                          haul_nodes_id(w->nodes, p->s.p + (p->s.n - 1) * p->s.size));
    return w->kind == HAUL_NODES_NBT ? each_node(w, &p->s, r->at, e) : each_block(w, &p->s, e);
}

/* doubted: what led there is not to be believed; only a sound page is then. What is above it is a gap already. */
static haul_rc walk_page(walk *w, const haul_nodes_ref *r, unsigned below, bool doubted, haul_err *e)
{
    page p;
    if (!read_page(w, r, &p) || p.s.level >= below || (doubted && p.odd)) {
        if (!doubted)
            pass_over(w, r, below == 1);
        return HAUL_OK;
    }
    if (!p.s.level)
        return leaf_page(w, r, &p, doubted, e);
    if (w->nodes->rescues && p.odd) {
        haul_rescue_gap(w->nodes, w->kind, r, false);
        doubted = true;
    }
    size_t id = w->nodes->layout->id;
    haul_rc rc = HAUL_OK;
    for (size_t i = 0; i < p.s.n && rc == HAUL_OK; i++) { /* BTENTRY, 2.2.2.7.7.2 */
        const uint8_t *q = p.s.p + i * p.s.size;
        haul_nodes_ref child = {.at = haul_nodes_id(w->nodes, q + 2 * id),
                                .id = haul_nodes_id(w->nodes, q + id),
                                .lo = i ? haul_nodes_id(w->nodes, q) : r->lo,
                                .hi = i + 1 < p.s.n ? haul_nodes_id(w->nodes, q + p.s.size) : r->hi};
        rc = walk_page(w, &child, p.s.level, doubted, e);
    }
    return rc;
}

static haul_rc survey(walk *w, haul_err *e)
{
    haul_nodes *n = w->nodes;
    bool nodes = w->kind == HAUL_NODES_NBT;
    haul_nodes_ref root = {
        .at = nodes ? n->node_root : n->block_root, .id = nodes ? n->node_id : n->block_id, .hi = UINT64_MAX};
    w->pages = n->view->size / n->layout->page + 1;
    if (n->rescues)
        haul_rescue_begin(n, w->kind);
    haul_rc rc = walk_page(w, &root, HAUL_NODES_LEVELS, false, e);
    if (rc == HAUL_OK && n->rescues)
        haul_rescue_surveyed(n, w->kind);
    return rc;
}

haul_rc haul_nodes_survey(haul_nodes *n, haul_nodes_each *each, void *ctx, haul_err *e)
{
    walk w = {.nodes = n, .kind = HAUL_NODES_NBT, .each = each, .ctx = ctx};
    return survey(&w, e);
}

haul_rc haul_nodes_survey_blocks(haul_nodes *n, haul_nodes_each_block *each, void *ctx, haul_err *e)
{
    walk w = {.nodes = n, .kind = HAUL_NODES_BBT, .each_block = each, .ctx = ctx};
    return survey(&w, e);
}

haul_rc haul_nodes_walk(haul_nodes *n, haul_nodes_each *each, void *ctx, haul_err *e)
{
    haul_rc rc = haul_nodes_survey(n, each, ctx, e);
    return rc == HAUL_OK && n->rescues ? haul_rescue_nodes(n, each, ctx, e) : rc;
}
