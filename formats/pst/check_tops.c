#include "check.h"

#include <string.h>

#define ENTRY_ID 24u /* octets (2.4.3.2) */

enum { SUBTREE, WASTEBASKET, FINDER, TOPS }; /* of `named` */

typedef struct tops {
    haul_pstc_heap *heap;
    uint32_t uid, entry[TOPS]; /* HNIDs of PidTagRecordKey and the entry ids; 0 = none */
} tops;

static const struct {
    uint32_t id;
    const char *what;
} named[] = {{0x35e0, "the top of the visible folders"},
             {0x35e3, "the wastebasket"},
             {0x35e7, "the root of search folders"}};

static void note_entry(void *ctx, const uint8_t *r, size_t n)
{
    tops *t = ctx;
    (void)n;
    if (haul_nodes16(r) == 0x0ff9)
        t->uid = haul_nodes32(r + 4);
    for (size_t i = 0; i < TOPS; i++)
        if (haul_nodes16(r) == named[i].id)
            t->entry[i] = haul_nodes32(r + 4);
}

static bool copy_octets(haul_pstc_heap *h, uint32_t hid, uint8_t *to, size_t want)
{
    const uint8_t *p = NULL;
    size_t n = 0;
    if (!hid || hid & 0x1f || !haul_pstc_heap_get(h, hid, &p, &n) || n != want)
        return false;
    memcpy(to, p, n);
    return true;
}

/* The node that an entry id leads to; NULL: none, which was said. */
static const haul_pstc_node *folder_of(const tops *t, size_t i)
{
    haul_pst_check *c = t->heap->c;
    uint8_t uid[16], e[ENTRY_ID] = {0};
    bool good = copy_octets(t->heap, t->entry[i], e, sizeof(e)) &&
                copy_octets(t->heap, t->uid, uid, sizeof(uid)) && !haul_nodes32(e) &&
                memcmp(e + 4, uid, sizeof(uid)) == 0;
    uint32_t nid = haul_nodes32(e + 20);
    const haul_pstc_node *n = good && (nid & 0x1f) == HAUL_NTYPE_FOLDER ? haul_pst_node(c, nid) : NULL;
    if (!n)
        haul_pst_say(c, HAUL_FINDING_PST_ENTRY_ID, HAUL_NOWHERE, 0, "%s, 0x%x", named[i].what, nid);
    return n;
}

static bool has_search(const haul_pst_check *c)
{
    for (size_t i = 0; i < c->nbt.n; i++)
        if ((c->nodes[i].nid & 0x1f) == HAUL_NTYPE_SEARCH && c->nodes[i].parent == HAUL_PSTC_ROOT)
            return true;
    return false;
}

/* Root folder; below it the visible folders with the wastebasket, the root of search folders, and a search folder (2.7.2). */
static void check_places(const tops *t)
{
    haul_pst_check *c = t->heap->c;
    uint32_t subtree = 0;
    for (size_t i = 0; i < TOPS; i++) {
        const haul_pstc_node *n = t->entry[i] ? folder_of(t, i) : NULL;
        uint32_t want = i == WASTEBASKET ? subtree : HAUL_PSTC_ROOT;
        if (n && want && n->parent != want)
            haul_pst_say(c, HAUL_FINDING_PST_TOP, haul_pst_node_at(c, n), 0,
                         "%s, 0x%x, is below 0x%x instead of 0x%x", named[i].what, n->nid, n->parent, want);
        if (n && i == SUBTREE)
            subtree = n->nid;
    }
    if (c->version == 64 && !c->ost &&
        !has_search(c)) /* older ones that Outlook wrote have none, nor have OSTs */
        haul_pst_say(c, HAUL_FINDING_PST_TOP, HAUL_NOWHERE, 0, "no search folder below the root folder");
}

void haul_pst_check_tops(haul_pst_check *c, const haul_node *n)
{
    haul_pstc_heap h;
    tops t = {.heap = &h};
    if (haul_pstc_heap_open(&h, c, n->data, n->sub, HAUL_PSTC_SIG_PROPS)) {
        haul_pstc_tree tree = {.heap = &h, .key = 2, .data = 6, .record = note_entry, .ctx = &t};
        if (haul_pstc_tree_walk(&tree, h.root))
            check_places(&t);
    }
    haul_pstc_heap_done(&h);
}
