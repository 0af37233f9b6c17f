/* The second engine, opened when it is asked for; and recovery: items whose folder is gone are found here, deleted ones by
 * it. */
#include "native.h"
#include "rescue.h"

#include <stdlib.h>

static void no_issue(void *ctx, haul_issue_id id, const char *detail)
{
    (void)ctx;
    (void)id;
    (void)detail; /* what the store has was told when it was opened */
}

haul_pst *haul_native_second(haul_native *s, haul_err *e)
{
    haul_pst *p = &s->pst;
    if (p->second || s->refused)
        return p->second;
    s->refused =
        haul_pff_open(s->direct.view.fd, s->direct.view.size, no_issue, NULL, &p->second, e) != HAUL_OK;
    if (s->refused)
        return NULL;
    p->second->codepage = p->codepage;
    p->second->msg = p->msg;
    p->second->issue = p->issue;
    p->second->issue_ctx = p->issue_ctx;
    return p->second;
}

static haul_rc find_deleted(haul_native *s, const haul_pst_found **ret, size_t *ret_n, haul_err *e)
{
    haul_pst *second = haul_native_second(s, e);
    return second ? second->ops->recover(second, true, ret, ret_n, &s->n_gone, e)
                  : haul_wrap(e, HAUL_SKIP, "deleted items cannot be looked for");
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* An item of our tree that the other engine takes for a deleted one, since its own tree has lost it [pst-39]. */
static bool is_ours(const haul_native *s, uint32_t nid)
{
    haul_pst *second = s->pst.second;
    const haul_native_node *n = haul_native_find(s, nid);
    if (!n)
        return false;
    haul_pst_children c = second->ops->children(second, n->parent, HAUL_NID_ITEM);
    return !c.n || !bsearch(&nid, c.v, c.n, sizeof(*c.v), by_value);
}

haul_rc haul_native_recover(haul_pst *p, bool deleted, const haul_pst_found **ret, size_t *ret_n,
                            size_t *ret_gone, haul_err *e)
{
    haul_native *s = (haul_native *)p;
    const haul_pst_found *found = NULL;
    size_t n = 0;
    haul_rc rc = HAUL_OK;
    if (!s->recovered) {
        s->recovered = true;
        haul_native_orphans(s);
        if (deleted)
            rc = find_deleted(s, &found, &n, e);
        s->found = haul_alloc((n + s->n_orphans + 1) * sizeof(*s->found));
        for (size_t i = 0; i < n; i++)
            if (found[i].origin == HAUL_PST_DELETED && !is_ours(s, found[i].nid))
                s->found[s->n_found++] = found[i];
        for (size_t i = 0; i < s->n_orphans; i++)
            s->found[s->n_found++] = (haul_pst_found){.nid = s->orphans[i], .origin = HAUL_PST_ORPHAN};
    }
    *ret = s->found;
    *ret_n = s->n_found;
    *ret_gone = s->n_gone;
    return rc;
}

void haul_native_tell_unindexed(haul_native *s, const haul_node *node)
{
    if (s->pst.msg)
        haul_msg_issue(s->pst.msg, HAUL_ISSUE_PST_ITEM_UNINDEXED,
                       "data in block 0x%llx, subnodes in block 0x%llx", (unsigned long long)node->data,
                       (unsigned long long)node->sub);
}

haul_rc haul_native_recovered(haul_pst *p, const haul_pst_found *f, haul_mapi **ret, haul_err *e)
{
    haul_native *s = (haul_native *)p;
    const haul_native_node *n = haul_native_find(s, f->nid);
    if (f->origin == HAUL_PST_DELETED)
        return p->second->ops->recovered(p->second, f, ret, e);
    if (!n)
        return haul_fail(e, HAUL_SKIP, "node 0x%x: no such item", f->nid);
    haul_node node = haul_native_place(n);
    if (node.parent == HAUL_RESCUE_FOLDER)
        haul_native_tell_unindexed(s, &node);
    return haul_native_object(s, &node, 0, ret, e);
}
