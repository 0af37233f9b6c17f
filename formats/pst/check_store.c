#include "check.h"

#include <stdlib.h>
#include <string.h>

#define SIG_PROPS   0xbcu
#define SIG_TABLE   0x7cu
#define ROOT        0x122u
#define STORE       0x21u
#define NAMES       0x61u
#define RECIPIENTS  0x692u
#define ATTACHMENTS 0x671u

/* MS-PST 2.2.2.1: types of nodes */
enum {
    INTERNAL = 0x01,
    FOLDER = 0x02,
    SEARCH = 0x03,
    MESSAGE = 0x04,
    ATTACHMENT = 0x05,
    CRITERIA = 0x07,
    ASSOCIATED = 0x08,
    HIERARCHY = 0x0d,
    CONTENTS = 0x0e,
    ASSOC_CONTENTS = 0x0f,
    SEARCH_CONTENTS = 0x10,
};

static unsigned type_of(uint32_t nid)
{
    return nid & 0x1f;
}

static uint32_t sibling(uint32_t nid, unsigned type)
{
    return (nid & ~(uint32_t)0x1f) | type;
}

/* ── what is in a node ── */

static bool is_props(uint32_t nid)
{
    unsigned t = type_of(nid);
    return t == FOLDER || t == SEARCH || t == MESSAGE || t == ATTACHMENT || t == CRITERIA ||
           t == ASSOCIATED || nid == STORE || nid == NAMES;
}

static bool is_table(uint32_t nid)
{
    return (type_of(nid) >= HIERARCHY && type_of(nid) <= SEARCH_CONTENTS) || nid == ATTACHMENTS ||
           nid == RECIPIENTS;
}

static void check_object(haul_pst_check *c, const haul_node *n, unsigned depth, haul_pstc_facts *facts);

/* Messages, attachments and tables that a node has below it; values are checked with what names them. */
static void check_below(haul_pstc_heap *h, unsigned depth)
{
    haul_pst_check *c = h->c;
    uint32_t outer = c->subnode;
    for (size_t i = 0; i < h->n_subs; i++) {
        haul_pstc_facts none = {0};
        if (!is_props(h->subs[i].nid) && !is_table(h->subs[i].nid))
            continue;
        c->subnode = h->subs[i].nid;
        if (depth < HAUL_PSTC_DEPTH)
            check_object(c, &h->subs[i], depth + 1, &none);
        else
            haul_pst_say(c, HAUL_FINDING_PST_LIMIT, HAUL_NOWHERE, 0, "more than %u nodes within nodes",
                         HAUL_PSTC_DEPTH);
    }
    c->subnode = outer;
}

static void check_object(haul_pst_check *c, const haul_node *n, unsigned depth, haul_pstc_facts *facts)
{
    haul_pstc_heap h;
    bool table = is_table(n->nid);
    if (c->work >= c->most_work)
        return;
    if (haul_pstc_heap_open(&h, c, n->data, n->sub, table ? SIG_TABLE : SIG_PROPS)) {
        if (table)
            haul_pstc_table(&h, NULL, NULL);
        else
            haul_pstc_props(&h, facts);
        check_below(&h, depth);
    }
    haul_pstc_heap_done(&h);
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
        haul_pst_say(l->c, HAUL_FINDING_PST_ROW_PARENT, n->at, 0, "node 0x%x, whose parent is 0x%x", id,
                     n->parent);
    else
        n->listed = true;
}

static bool read_listing(haul_pst_check *c, uint32_t folder, unsigned type, listing *ret)
{
    uint32_t nid = sibling(folder, type);
    const haul_pstc_node *n = haul_pst_node(c, nid);
    haul_pstc_heap h;
    *ret = (listing){.c = c, .folder = folder, .children = type != SEARCH_CONTENTS};
    if (!n) {
        haul_pst_say(c,
                     type == SEARCH_CONTENTS ? HAUL_FINDING_PST_SEARCH_TABLE : HAUL_FINDING_PST_NODE_MISSING,
                     HAUL_NOWHERE, 0, "0x%x, a table of folder 0x%x", nid, folder);
        return false;
    }
    uint32_t outer = c->node;
    c->node = nid;
    bool good = haul_pstc_heap_open(&h, c, n->data, n->sub, SIG_TABLE);
    if (good)
        haul_pstc_table(&h, check_listed, ret);
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

void haul_pst_check_folder(haul_pst_check *c, const haul_pstc_node *n)
{
    haul_pstc_facts f = {0};
    haul_node node = {.nid = n->nid, .data = n->data, .sub = n->sub};
    listing l;
    check_object(c, &node, 0, &f);
    if (type_of(n->nid) == SEARCH) {
        (void)read_listing(c, n->nid, SEARCH_CONTENTS, &l);
        return;
    }
    if (read_listing(c, n->nid, HIERARCHY, &l) && f.has_subfolders && !f.subfolders != !l.rows)
        haul_pst_say(c, HAUL_FINDING_PST_FOLDER_SUBFOLDERS, HAUL_NOWHERE, 0, "it says %u, its table has %u",
                     f.subfolders, l.rows);
    if (read_listing(c, n->nid, CONTENTS, &l))
        check_counts(c, &f, &l);
    (void)read_listing(c, n->nid, ASSOC_CONTENTS, &l);
}

void haul_pst_check_nodes(haul_pst_check *c)
{
    for (size_t i = 0; i < c->n_nodes && !haul_pst_check_stopped(c); i++) {
        const haul_pstc_node *n = &c->nodes[i];
        unsigned type = type_of(n->nid);
        haul_pstc_facts none = {0};
        haul_node node = {.nid = n->nid, .data = n->data, .sub = n->sub};
        c->node = n->nid;
        if (type == FOLDER || type == SEARCH)
            haul_pst_check_folder(c, n);
        else if ((type < HIERARCHY && is_props(n->nid)) ||
                 (is_table(n->nid) &&
                  !haul_pst_node(c, sibling(n->nid, type == SEARCH_CONTENTS ? SEARCH : FOLDER))))
            check_object(c, &node, 0, &none); /* tables of folders are checked with them */
        if (n->nid == NAMES)
            haul_pst_check_names(c, n);
    }
    c->node = 0;
}

/* ── parents (2.2.2.7.7.4.1) ── */

static bool has_parent(uint32_t nid)
{
    unsigned t = type_of(nid);
    return t == FOLDER || t == SEARCH || t == MESSAGE || t == ASSOCIATED;
}

static void check_cycle(haul_pst_check *c, const haul_pstc_node *n)
{
    const haul_pstc_node *up = n;
    for (unsigned i = 0; i < HAUL_PSTC_PARENTS && up && up->nid != up->parent; i++) {
        up = haul_pst_node(c, up->parent);
        if (up == n) {
            haul_pst_say(c, HAUL_FINDING_PST_PARENT_CYCLE, n->at, 0, "after %u steps", i + 1);
            return;
        }
    }
}

static void check_parent(haul_pst_check *c, const haul_pstc_node *n)
{
    if (n->nid == ROOT) {
        if (n->parent != ROOT)
            haul_pst_say(c, HAUL_FINDING_PST_PARENT_MISSING, n->at, 0,
                         "the root folder is its own; it has 0x%x", n->parent);
        return;
    }
    if (!haul_pst_node(c, n->parent)) {
        haul_pst_say(c, HAUL_FINDING_PST_PARENT_MISSING, n->at, 0, "node 0x%x", n->parent);
        return;
    }
    if (!n->listed)
        haul_pst_say(c, HAUL_FINDING_PST_UNLISTED, n->at, 0, "its parent is 0x%x", n->parent);
    check_cycle(c, n);
}

/* ── the whole (2.7.1) ── */

static void check_mandatory(haul_pst_check *c)
{
    static const uint32_t nids[] = {STORE, NAMES, ROOT,  0x1e1,       0x201,     0x60d,
                                    0x60e, 0x60f, 0x610, ATTACHMENTS, RECIPIENTS};
    for (size_t i = 0; i < HAUL_COUNT(nids); i++)
        if (!haul_pst_node(c, nids[i]))
            haul_pst_say(c, HAUL_FINDING_PST_NODE_MISSING, HAUL_NOWHERE, 0, "0x%x", nids[i]);
}

static void check_unique(haul_pst_check *c, const haul_pstc_node *n)
{
    uint32_t last = haul_nodes32(c->head + c->maps->unique + 4u * type_of(n->nid));
    unsigned t = type_of(n->nid);
    if ((t == FOLDER || t == SEARCH || t == MESSAGE || t == ASSOCIATED) && n->nid >> 5 > last)
        haul_pst_say(c, HAUL_FINDING_PST_HEADER_NODES, n->at, 0, "rgnid is 0x%x", last);
}

void haul_pst_check_store(haul_pst_check *c)
{
    check_mandatory(c);
    for (size_t i = 0; i < c->n_nodes && !haul_pst_check_stopped(c); i++) {
        c->node = c->nodes[i].nid;
        check_unique(c, &c->nodes[i]);
        if (has_parent(c->node))
            check_parent(c, &c->nodes[i]);
    }
    c->node = 0;
}

/* ── the name-to-id map (2.4.7) ── */

typedef struct streams {
    uint32_t value[5]; /* HNIDs of properties 1 to 4 */
} streams;

static void note_stream(void *ctx, const uint8_t *p, size_t n)
{
    streams *s = ctx;
    (void)n;
    if (haul_nodes16(p) <= 4)
        s->value[haul_nodes16(p)] = haul_nodes32(p + 4);
}

void haul_pst_check_names(haul_pst_check *c, const haul_pstc_node *n)
{
    haul_pstc_heap h;
    streams s = {0};
    uint64_t guids = 0, entries = 0;
    if (haul_pstc_heap_open(&h, c, n->data, n->sub, SIG_PROPS)) {
        haul_pstc_tree t = {.heap = &h, .key = 2, .data = 6, .record = note_stream, .ctx = &s};
        if (haul_pstc_tree_walk(&t, h.root)) {
            bool there = (!s.value[2] || haul_pstc_value(&h, s.value[2], &guids)) &&
                         (!s.value[3] || haul_pstc_value(&h, s.value[3], &entries));
            if (!there || guids % 16 || entries % 8)
                haul_pst_say(c, HAUL_FINDING_PST_NAMES, HAUL_NOWHERE, 0,
                             "%llu octets of GUIDs, %llu of entries", (unsigned long long)guids,
                             (unsigned long long)entries);
        }
    }
    haul_pstc_heap_done(&h);
}
