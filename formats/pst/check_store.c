#include "check.h"

#include <stdlib.h>
#include <string.h>

static unsigned type_of(uint32_t nid)
{
    return nid & 0x1f;
}

static uint32_t sibling(uint32_t nid, unsigned type)
{
    return (nid & ~(uint32_t)0x1f) | type;
}

/* ── folders (2.4.4) ── */

typedef struct listing { /* what the table of a folder says */
    haul_pst_check *c;
    uint32_t folder;
    bool children; /* rows are nodes of this folder; else of others */
    uint32_t rows, unread;
    bool has_unread;
} listing;

static void check_listed(void *ctx, uint32_t id, uint32_t unread)
{
    listing *l = ctx;
    haul_pstc_node *n = haul_pst_node(l->c, id);
    l->rows++;
    l->has_unread = unread != UINT32_MAX;
    l->unread += unread == 1;
    if (!n) {
        haul_pst_say(l->c, HAUL_FINDING_PST_ROW_NODE, HAUL_NOWHERE, 0, "node 0x%x", id);
        return;
    }
    if (l->children && n->parent != l->folder)
        haul_pst_say(l->c, HAUL_FINDING_PST_ROW_PARENT, haul_pst_node_at(l->c, n), 0,
                     "node 0x%x, whose parent is 0x%x", id, n->parent);
    else
        n->listed = true;
}

static bool read_listing(haul_pst_check *c, uint32_t folder, unsigned type, listing *ret)
{
    uint32_t nid = sibling(folder, type);
    const haul_pstc_node *there = haul_pst_node(c, nid);
    haul_pstc_heap h;
    *ret = (listing){.c = c, .folder = folder, .children = type != HAUL_NTYPE_SEARCH_CONTENTS};
    if (!there) {
        haul_pst_say(c,
                     type == HAUL_NTYPE_SEARCH_CONTENTS ? HAUL_FINDING_PST_SEARCH_TABLE
                                                        : HAUL_FINDING_PST_NODE_MISSING,
                     HAUL_NOWHERE, 0, "0x%x, a table of folder 0x%x", nid, folder);
        return false;
    }
    uint32_t outer = c->node;
    c->node = nid;
    haul_node n = haul_pst_node_whole(c, there);
    bool good = haul_pstc_heap_open(&h, c, n.data, n.sub, HAUL_PSTC_SIG_TABLE);
    if (good)
        haul_pstc_table(&h, nid, check_listed, ret);
    haul_pstc_heap_done(&h);
    c->node = outer;
    return good;
}

static void check_counts(haul_pst_check *c, const haul_pstc_facts *f, const listing *l)
{
    if (f->has_count && f->count != l->rows)
        haul_pst_say(c, HAUL_FINDING_PST_FOLDER_COUNT, HAUL_NOWHERE, 0, "%u, its table has %u", f->count,
                     l->rows);
    if (f->has_unread && (f->unread > l->rows || (l->has_unread && f->unread != l->unread)))
        haul_pst_say(c, HAUL_FINDING_PST_FOLDER_UNREAD, HAUL_NOWHERE, 0, "%u, its table has %u", f->unread,
                     l->unread);
}

void haul_pst_check_folder(haul_pst_check *c, const haul_node *n)
{
    haul_pstc_facts f = {0};
    listing l;
    haul_pst_check_object(c, n, 0, &f);
    if (type_of(n->nid) == HAUL_NTYPE_SEARCH) {
        (void)read_listing(c, n->nid, HAUL_NTYPE_SEARCH_CONTENTS, &l);
        return;
    }
    if (read_listing(c, n->nid, HAUL_NTYPE_HIERARCHY, &l) && f.has_subfolders && !f.subfolders != !l.rows)
        haul_pst_say(c, HAUL_FINDING_PST_FOLDER_SUBFOLDERS, HAUL_NOWHERE, 0, "it says %u, its table has %u",
                     f.subfolders, l.rows);
    if (read_listing(c, n->nid, HAUL_NTYPE_CONTENTS, &l))
        check_counts(c, &f, &l);
    (void)read_listing(c, n->nid, HAUL_NTYPE_ASSOC_CONTENTS, &l);
}

void haul_pst_check_nodes(haul_pst_check *c)
{
    for (size_t i = 0; i < c->nbt.n && !haul_pst_check_stopped(c); i++) {
        haul_node n = haul_pst_node_whole(c, &c->nodes[i]);
        unsigned type = type_of(n.nid);
        haul_pstc_facts none = {0};
        c->node = n.nid;
        if (type == HAUL_NTYPE_FOLDER || type == HAUL_NTYPE_SEARCH)
            haul_pst_check_folder(c, &n);
        else if ((type < HAUL_NTYPE_HIERARCHY && haul_pstc_is_props(n.nid)) ||
                 (haul_pstc_is_table(n.nid) &&
                  !haul_pst_node(c, sibling(n.nid, type == HAUL_NTYPE_SEARCH_CONTENTS ? HAUL_NTYPE_SEARCH
                                                                                      : HAUL_NTYPE_FOLDER))))
            haul_pst_check_object(c, &n, 0, &none); /* tables of folders are checked with them */
        if (n.nid == HAUL_PSTC_NAMES)
            haul_pst_check_names(c, &n);
        if (n.nid == HAUL_PSTC_STORE)
            haul_pst_check_tops(c, &n);
        haul_pst_check_queue(c, &n);
    }
    c->node = 0;
}

/* ── parents (2.2.2.7.7.4.1) ── */

static bool has_parent(uint32_t nid)
{
    unsigned t = type_of(nid);
    return t == HAUL_NTYPE_FOLDER || t == HAUL_NTYPE_SEARCH || t == HAUL_NTYPE_MESSAGE ||
           t == HAUL_NTYPE_ASSOCIATED;
}

static void check_cycle(haul_pst_check *c, const haul_pstc_node *n)
{
    const haul_pstc_node *up = n;
    for (unsigned i = 0; i < HAUL_PSTC_PARENTS && up && up->nid != up->parent; i++) {
        up = haul_pst_node(c, up->parent);
        if (up == n) {
            haul_pst_say(c, HAUL_FINDING_PST_PARENT_CYCLE, haul_pst_node_at(c, n), 0, "after %u steps",
                         i + 1);
            return;
        }
    }
}

static void check_parent(haul_pst_check *c, const haul_pstc_node *n)
{
    if (n->nid == HAUL_PSTC_ROOT) {
        if (n->parent != HAUL_PSTC_ROOT)
            haul_pst_say(c, HAUL_FINDING_PST_PARENT_MISSING, haul_pst_node_at(c, n), 0,
                         "the root folder is its own; it has 0x%x", n->parent);
        return;
    }
    if (!haul_pst_node(c, n->parent)) {
        haul_pst_say(c, HAUL_FINDING_PST_PARENT_MISSING, haul_pst_node_at(c, n), 0, "node 0x%x", n->parent);
        return;
    }
    if (!n->listed)
        haul_pst_say(c, HAUL_FINDING_PST_UNLISTED, haul_pst_node_at(c, n), 0, "its parent is 0x%x",
                     n->parent);
    check_cycle(c, n);
}

/* ── the whole (2.7.1) ── */

static void check_mandatory(haul_pst_check *c)
{
    static const uint32_t nids[] = {
        HAUL_PSTC_STORE, HAUL_PSTC_NAMES,       HAUL_PSTC_ROOT,      0x1e1, 0x201, 0x60d, 0x60e, 0x60f,
        0x610,           HAUL_PSTC_ATTACHMENTS, HAUL_PSTC_RECIPIENTS};
    for (size_t i = 0; i < HAUL_COUNT(nids); i++)
        if (!haul_pst_node(c, nids[i]))
            haul_pst_say(c, HAUL_FINDING_PST_NODE_MISSING, HAUL_NOWHERE, 0, "0x%x", nids[i]);
}

static void check_unique(haul_pst_check *c, const haul_pstc_node *n)
{
    uint32_t last = haul_nodes32(c->head + c->maps->unique + 4u * type_of(n->nid));
    unsigned t = type_of(n->nid);
    if ((t == HAUL_NTYPE_FOLDER || t == HAUL_NTYPE_SEARCH || t == HAUL_NTYPE_MESSAGE ||
         t == HAUL_NTYPE_ASSOCIATED) &&
        n->nid >> 5 > last)
        haul_pst_say(c, HAUL_FINDING_PST_HEADER_NODES, haul_pst_node_at(c, n), 0, "rgnid is 0x%x", last);
}

void haul_pst_check_store(haul_pst_check *c)
{
    check_mandatory(c);
    for (size_t i = 0; i < c->nbt.n && !haul_pst_check_stopped(c); i++) {
        c->node = c->nodes[i].nid;
        check_unique(c, &c->nodes[i]);
        if (has_parent(c->node))
            check_parent(c, &c->nodes[i]);
    }
    c->node = 0;
}
