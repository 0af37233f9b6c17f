/* Items that were deleted, or whose folder is gone. */
#include "pff.h"

#include <stdlib.h>
#include <string.h>

#define RECOVERED_MAX 1000000 /* items that recovery may come upon */

static bool is_item(uint32_t nid)
{
    return HAUL_NID_TYPE(nid) == HAUL_NID_ITEM;
}

static void add(haul_pff *s, size_t *cap, uint32_t nid, haul_pst_origin origin, int index)
{
    s->found = haul_grown(s->found, s->n_found, cap, sizeof(*s->found));
    s->found[s->n_found++] = (haul_pst_found){.nid = nid, .origin = origin, .index = index};
}

static int get(haul_pff *s, haul_pst_origin origin, int index, libpff_item_t **ret, libpff_error_t **error)
{
    return origin == HAUL_PST_DELETED ? libpff_file_get_recovered_item_by_index(s->file, index, ret, error)
                                      : libpff_file_get_orphan_item_by_index(s->file, index, ret, error);
}

/* Is a node that recovery found another version of the item in the tree? Flags and times of change do not count. */
static bool is_version(haul_pff *s, libpff_item_t *found, uint32_t nid)
{
    static const uint16_t tags[] = {0x0037, 0x0e1d, 0x1000, 0x1009, 0x1013, 0x0e04, 0x0c1a};
    libpff_item_t *item = NULL;
    haul_arena a = {0};
    haul_bag was = {0}, is = {0};
    bool differs = false;
    bool read = haul_pff_bag(s, found, 0, 0, &a, &was, NULL) == HAUL_OK &&
                libpff_file_get_item_by_identifier(s->file, nid, &item, NULL) == 1 &&
                haul_pff_bag(s, item, 0, 0, &a, &is, NULL) == HAUL_OK;
    for (size_t i = 0; i < HAUL_COUNT(tags) && read; i++) {
        const haul_prop *p = haul_bag_get(&was, tags[i]), *q = haul_bag_get(&is, tags[i]);
        differs = differs || (p && (!q || p->n != q->n || memcmp(p->p, q->p, p->n) != 0));
    }
    libpff_item_free(&item, NULL);
    haul_arena_done(&a);
    return differs;
}

static int by_node(const void *a, const void *b)
{
    const haul_pst_found *x = *(const haul_pst_found *const *)a, *y = *(const haul_pst_found *const *)b;
    return x->nid != y->nid ? (x->nid > y->nid) - (x->nid < y->nid) : (x > y) - (x < y);
}

/* Orphans, which are those from `from` on, are found once for each way that leads to them: the first is kept. */
static void drop_doubles(haul_pff *s, size_t from)
{
    size_t n = s->n_found - from, kept = from;
    const haul_pst_found **order = haul_alloc((n ? n : 1) * sizeof(*order));
    bool *doubles = haul_calloc(n ? n : 1, sizeof(*doubles));
    for (size_t i = 0; i < n; i++)
        order[i] = &s->found[from + i];
    qsort(order, n, sizeof(*order), by_node);
    for (size_t i = 1; i < n; i++)
        doubles[order[i] - &s->found[from]] = order[i]->nid == order[i - 1]->nid;
    for (size_t i = 0; i < n; i++)
        if (!doubles[i])
            s->found[kept++] = s->found[from + i];
    s->n_found = kept;
    free(order);
    free(doubles);
}

static bool is_readable(libpff_item_t *item)
{
    uint32_t n = 0;
    return libpff_item_get_number_of_entries(item, &n, NULL) == 1;
}

/* Is it to be given? An orphan is, also when it cannot be read: it must be told. */
static bool wanted(haul_pff *s, haul_pst_origin origin, libpff_item_t *item, uint32_t nid)
{
    if (!is_item(nid))
        return false;
    if (haul_pff_knows(s, nid))
        return is_version(s, item, nid);
    if (origin == HAUL_PST_ORPHAN)
        return true;
    bool readable = is_readable(item);
    s->n_gone += !readable;
    return readable;
}

static void gather(haul_pff *s, haul_pst_origin origin, int n, size_t *cap)
{
    for (int i = 0; i < n && i < RECOVERED_MAX; i++) {
        libpff_item_t *item = NULL;
        uint32_t nid = 0;
        if (get(s, origin, i, &item, NULL) == 1 && libpff_item_get_identifier(item, &nid, NULL) == 1 &&
            wanted(s, origin, item, nid))
            add(s, cap, nid, origin, i);
        libpff_item_free(&item, NULL);
    }
}

haul_rc haul_pff_recover(haul_pst *p, bool deleted, const haul_pst_found **ret, size_t *ret_n,
                         size_t *ret_gone, haul_err *e)
{
    haul_pff *s = (haul_pff *)p;
    libpff_error_t *error = NULL;
    haul_rc rc = HAUL_OK;
    size_t cap = 0;
    int n = 0;
    if (!s->recovered) {
        s->recovered = s->unchecked = true;
        /* In the whole file, whatever its maps call free: that was seen to find all that the other ways do. libpff
         * looks once only. */
        if (deleted &&
            (libpff_file_recover_items(s->file, LIBPFF_RECOVERY_FLAG_IGNORE_ALLOCATION_DATA, &error) != 1 ||
             libpff_file_get_number_of_recovered_items(s->file, &n, &error) != 1))
            rc = haul_pff_fail(e, HAUL_SKIP, &error, "deleted items cannot be looked for", 0);
        else if (deleted)
            gather(s, HAUL_PST_DELETED, n, &cap);
        size_t deleted_ones = s->n_found;
        if (libpff_file_get_number_of_orphan_items(s->file, &n, NULL) == 1)
            gather(s, HAUL_PST_ORPHAN, n, &cap);
        drop_doubles(s, deleted_ones);
        s->unchecked = false;
    }
    *ret = s->found;
    *ret_n = s->n_found;
    *ret_gone = s->n_gone;
    return rc;
}

haul_rc haul_pff_recovered(haul_pst *p, const haul_pst_found *f, haul_mapi **ret, haul_err *e)
{
    haul_pff *s = (haul_pff *)p;
    libpff_item_t *item = NULL;
    libpff_error_t *error = NULL;
    s->top = 0;
    if (get(s, f->origin, f->index, &item, &error) != 1)
        return haul_pff_fail(e, HAUL_SKIP, &error, "the item cannot be opened", f->nid);
    return haul_pff_object(s, item, f->nid, 0, ret, e);
}
