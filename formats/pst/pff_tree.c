/* The nodes of a store, listed once. libpff finds a child by walking its siblings, and a node by walking the whole tree;
 * here each place is noted when it is first passed. */
#include "pff.h"

#include <stdlib.h>
#include <string.h>

static int kind_of(uint32_t nid)
{
    switch (HAUL_NID_TYPE(nid)) {
    case HAUL_NID_FOLDER:
    case HAUL_NID_SEARCH:
        return HAUL_PFF_FOLDERS;
    case HAUL_NID_ITEM:
        return HAUL_PFF_ITEMS;
    case HAUL_NID_ASSOCIATED:
        return HAUL_PFF_ASSOCIATED;
    default:
        return -1;
    }
}

static void list_add(haul_pff_list *l, uint32_t nid, int place)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 16;
        l->nid = haul_realloc(l->nid, l->cap * sizeof(*l->nid));
        l->place = haul_realloc(l->place, l->cap * sizeof(*l->place));
    }
    size_t i = l->n++;
    for (; i > 0 && l->nid[i - 1] > nid; i--) { /* libpff keeps them in order: nothing moves */
        l->nid[i] = l->nid[i - 1];
        l->place[i] = l->place[i - 1];
    }
    l->nid[i] = nid;
    l->place[i] = place;
}

/* Takes item. */
static void branch_add(haul_pff *s, uint32_t nid, libpff_item_t *item)
{
    s->branches = haul_grown(s->branches, s->n_branches, &s->cap, sizeof(*s->branches));
    s->branches[s->n_branches++] = (haul_pff_branch){.nid = nid, .item = item};
}

static haul_rc child(haul_pff *s, size_t b, int place, haul_err *e)
{
    libpff_item_t *item = NULL;
    uint32_t nid = 0;
    int below = 0;
    if (libpff_item_get_sub_item(s->branches[b].item, place, &item, NULL) != 1 ||
        libpff_item_get_identifier(item, &nid, NULL) != 1) {
        libpff_item_free(&item, NULL);
        return HAUL_OK;
    }
    int kind = kind_of(nid);
    if (kind >= 0)
        list_add(&s->branches[b].lists[kind], nid, place);
    if (libpff_item_get_number_of_sub_items(item, &below, NULL) != 1)
        below = 0;
    if (below > 0 || kind == HAUL_PFF_FOLDERS)
        branch_add(s, nid, item);
    else
        libpff_item_free(&item, NULL);
    return ++s->n_nodes <= HAUL_PST_NODES_MAX
               ? HAUL_OK
               : haul_fail(e, HAUL_E_LIMIT, "more than %u nodes", HAUL_PST_NODES_MAX);
}

static int by_nid(const void *a, const void *b)
{
    uint32_t x = ((const haul_pff_branch *)a)->nid, y = ((const haul_pff_branch *)b)->nid;
    return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* All that the lists have. */
static void note_known(haul_pff *s)
{
    s->known = haul_alloc((s->n_nodes ? s->n_nodes : 1) * sizeof(*s->known));
    for (size_t b = 0; b < s->n_branches; b++)
        for (size_t k = 0; k < HAUL_PFF_KINDS; k++) {
            const haul_pff_list *l = &s->branches[b].lists[k];
            if (l->n)
                memcpy(s->known + s->n_known, l->nid, l->n * sizeof(*l->nid));
            s->n_known += l->n;
        }
    qsort(s->known, s->n_known, sizeof(*s->known), by_value);
}

haul_rc haul_pff_tree(haul_pff *s, haul_err *e)
{
    libpff_item_t *root = NULL;
    libpff_error_t *error = NULL;
    haul_rc rc = HAUL_OK;
    if (libpff_file_get_root_item(s->file, &root, &error) != 1)
        return haul_pff_fail(e, HAUL_E_FORMAT, &error, "the node tree cannot be read", 0);
    branch_add(s, 0, root);
    for (size_t b = 0; b < s->n_branches && rc == HAUL_OK; b++) { /* grows as it goes: no recursion */
        int n = 0;
        if (libpff_item_get_number_of_sub_items(s->branches[b].item, &n, NULL) != 1)
            continue;
        for (int i = 0; i < n && rc == HAUL_OK; i++)
            rc = child(s, b, i, e);
    }
    qsort(s->branches, s->n_branches, sizeof(*s->branches), by_nid);
    note_known(s);
    if (rc == HAUL_OK &&
        !s->n_nodes) /* even an empty store has its root folder: libpff tells no error here */
        return haul_fail(e, HAUL_E_FORMAT, "no folder and no item can be found in the store" HAUL_PST_HINT);
    return rc;
}

const haul_pff_branch *haul_pff_find(const haul_pff *s, uint32_t nid)
{
    size_t low = 0, high = s->n_branches;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (s->branches[mid].nid < nid)
            low = mid + 1;
        else
            high = mid;
    }
    return low < s->n_branches && s->branches[low].nid == nid ? &s->branches[low] : NULL;
}

static bool listed(const haul_pff_list *l, uint32_t nid, int *ret_place)
{
    size_t low = 0, high = l->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (l->nid[mid] < nid)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == l->n || l->nid[low] != nid)
        return false;
    *ret_place = l->place[low];
    return true;
}

bool haul_pff_knows(const haul_pff *s, uint32_t nid)
{
    return s->n_known && bsearch(&nid, s->known, s->n_known, sizeof(nid), by_value);
}

bool haul_pff_place(const haul_pff *s, uint32_t parent, uint32_t nid, libpff_item_t **ret_item, int *ret)
{
    const haul_pff_branch *b = haul_pff_find(s, parent);
    int kind = kind_of(nid);
    if (!b || kind < 0 || !listed(&b->lists[kind], nid, ret))
        return false;
    *ret_item = b->item;
    return true;
}

void haul_pff_tree_done(haul_pff *s)
{
    for (size_t b = 0; b < s->n_branches; b++) {
        libpff_item_free(&s->branches[b].item, NULL);
        for (size_t k = 0; k < HAUL_PFF_KINDS; k++) {
            free(s->branches[b].lists[k].nid);
            free(s->branches[b].lists[k].place);
        }
    }
    free(s->branches);
    free(s->known);
}
