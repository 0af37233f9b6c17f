#include "native.h"

#include <stdlib.h>
#include <string.h>

#define STORE          0x21u   /* MS-PST 2.4.1 */
#define SUBTREE_ENTRY  0x35e0u /* PidTagIpmSubTreeEntryId */
#define CONTENTS       0x0eu   /* node types of tables, 2.2.2.1 */
#define ASSOC_CONTENTS 0x0fu
#define ROWS_MAX       (HAUL_PST_NODES_MAX / 4u) /* of one contents table */

static void native_close(haul_pst *p)
{
    haul_native *s = (haul_native *)p;
    haul_pst_close(s->pst.second);
    haul_native_tree_done(s);
    haul_direct_done(&s->direct);
    free(s->found);
    free(s);
}

static haul_rc bag_of(haul_native *s, uint32_t nid, haul_arena *a, haul_bag *ret, haul_err *e)
{
    const haul_native_node *n = haul_native_find(s, nid);
    if (!n)
        return haul_fail(e, HAUL_SKIP, "node 0x%x: not in the store", nid);
    haul_node node = haul_native_place(n);
    return haul_direct_bag(&s->direct, &node, 0, a, ret, e);
}

/* What is asked when something of the node cannot be read; NULL = nobody. */
static haul_pst *second_opinion(haul_native *s, haul_rc rc)
{
    return rc == HAUL_SKIP && s->asks ? haul_native_second(s, NULL) : NULL;
}

static haul_rc told(haul_native *s, uint32_t nid, const haul_err *why)
{
    haul_direct_tell(&s->pst, nid, HAUL_ISSUE_PST_SECOND_ENGINE, why->text);
    return HAUL_OK;
}

static haul_rc native_store(haul_pst *p, haul_arena *a, haul_bag *ret, haul_err *e)
{
    haul_native *s = (haul_native *)p;
    haul_err why = {0};
    haul_rc rc = bag_of(s, STORE, a, ret, &why);
    haul_pst *second = second_opinion(s, rc);
    if (second && second->ops->store(second, a, ret, NULL) == HAUL_OK)
        return told(s, STORE, &why);
    return rc == HAUL_OK ? rc : haul_fail(e, rc, "%s", why.text);
}

static haul_rc native_folder(haul_pst *p, uint32_t nid, haul_arena *a, haul_bag *ret, haul_err *e)
{
    haul_native *s = (haul_native *)p;
    haul_err why = {0};
    haul_rc rc = bag_of(s, nid, a, ret, &why);
    haul_pst *second = second_opinion(s, rc);
    if (second && second->ops->folder(second, nid, a, ret, NULL) == HAUL_OK)
        return told(s, nid, &why);
    return rc == HAUL_OK ? rc : haul_fail(e, rc, "%s", why.text);
}

static haul_pst_children native_children(haul_pst *p, uint32_t nid, unsigned kind)
{
    return haul_native_children((haul_native *)p, nid, kind);
}

static uint32_t native_receive(haul_pst *p)
{
    haul_native *s = (haul_native *)p;
    const haul_native_node *n = haul_native_find(s, HAUL_NID_RECEIVE);
    haul_node node = n ? haul_native_place(n) : (haul_node){0};
    haul_pst_receiver found = {0};
    haul_tc t = {0};
    haul_tc_row row;
    haul_arena a = {0};
    bool more = n && haul_tc_open(&t, &s->direct.nodes, &node, NULL) == HAUL_OK;
    for (size_t i = 0; more && i < HAUL_PST_RECEIVERS_MAX; i++) {
        haul_bag b = {0};
        haul_rc rc = haul_tc_next(&t, &row, NULL);
        more = rc != HAUL_END;
        if (rc != HAUL_OK)
            continue;
        haul_native_row(s, &t, &a, &b);
        haul_pst_receiver_row(&found, &b, &a);
    }
    haul_tc_done(&t);
    haul_arena_done(&a);
    return found.nid;
}

/* ── the contents table ── */

/* From the heap; free(*ret) after every outcome. */
static haul_rc row_ids(haul_tc *t, uint32_t **ret, size_t *ret_n, haul_err *e)
{
    haul_tc_row row;
    size_t cap = 0;
    for (haul_rc rc; (rc = haul_tc_next(t, &row, e)) != HAUL_END;) {
        if (rc != HAUL_OK) /* named by the index all the same */
            return rc;
        if (*ret_n == ROWS_MAX)
            return haul_fail(e, HAUL_SKIP, "more than %u rows", ROWS_MAX);
        *ret = haul_grown(*ret, *ret_n, &cap, sizeof(**ret));
        (*ret)[(*ret_n)++] = row.own;
    }
    return HAUL_OK;
}

static bool is_there(haul_pst *p, uint32_t nid)
{
    return haul_native_find((haul_native *)p, nid);
}

static haul_rc native_counts(haul_pst *p, uint32_t nid, unsigned kind, haul_arena *a, haul_pst_counts *ret,
                             haul_err *e)
{
    haul_native *s = (haul_native *)p;
    const haul_native_node *n =
        haul_native_find(s, (nid & ~0x1fu) | (kind == HAUL_NID_ITEM ? CONTENTS : ASSOC_CONTENTS));
    haul_tc t = {0};
    uint32_t *rows = NULL;
    size_t n_rows = 0;
    haul_rc rc = HAUL_OK;
    if (n) {
        haul_node node = haul_native_place(n);
        rc = haul_tc_open(&t, &s->direct.nodes, &node, e);
        if (rc == HAUL_OK)
            rc = row_ids(&t, &rows, &n_rows, e);
    }
    haul_tc_done(&t);
    if (rc == HAUL_OK)
        haul_direct_compare(native_children(p, nid, kind), rows, n_rows, is_there, p, a, ret);
    free(rows);
    return rc == HAUL_OK ? rc : haul_wrap(e, rc, "the table of its items cannot be read");
}

/* ── items ── */

static haul_rc native_item(haul_pst *p, uint32_t parent, uint32_t nid, haul_mapi **ret, haul_err *e)
{
    haul_native *s = (haul_native *)p;
    const haul_native_node *n = haul_native_find(s, nid);
    if (!n || n->parent != parent)
        return haul_fail(e, HAUL_SKIP, "node 0x%x: no such item", nid);
    haul_node node = haul_native_place(n);
    haul_err why = {0};
    if (haul_native_is_adopted(s, nid))
        haul_native_tell_unindexed(s, &node);
    haul_rc rc = haul_native_object(s, &node, 0, ret, &why);
    haul_pst *second = second_opinion(s, rc);
    if (second && second->ops->item(second, parent, nid, ret, NULL) == HAUL_OK)
        return told(s, nid, &why);
    return rc == HAUL_OK ? rc : haul_fail(e, rc, "%s", why.text);
}

static const haul_pst_ops native_ops = {
    .name = "native",
    .close = native_close,
    .store = native_store,
    .receive = native_receive,
    .children = native_children,
    .folder = native_folder,
    .counts = native_counts,
    .item = native_item,
    .recover = haul_native_recover,
    .recovered = haul_native_recovered,
};

/* ── opening ── */

static bool is_ost(haul_view *v)
{
    uint8_t client[2] = {0}; /* wMagicClient, MS-PST 2.2.2.6 */
    return haul_view_read(v, 8, client, 2) == 2 && memcmp(client, "SO", 2) == 0;
}

/* What a store without a header is: a PST says where its visible folders are (MS-PST 2.4.3), an OST does not. */
static bool looks_like_ost(haul_native *s)
{
    haul_arena a = {0};
    haul_bag b = {0};
    bool pst = s->direct.nodes.version != 65 &&
               (bag_of(s, STORE, &a, &b, NULL) != HAUL_OK || haul_bag_get(&b, SUBTREE_ENTRY));
    haul_arena_done(&a);
    return !pst;
}

static void describe(haul_native *s)
{
    uint8_t crypt = s->direct.nodes.crypt;
    s->pst.version = s->direct.nodes.version;
    s->pst.ost = s->direct.header == HAUL_HEADER_GUESSED ? looks_like_ost(s) : is_ost(&s->direct.view);
    s->pst.encryption = crypt == 1 ? HAUL_PST_PERMUTE : crypt == 2 ? HAUL_PST_CYCLIC : HAUL_PST_PLAIN;
    s->pst.root = haul_native_find(s, HAUL_NID_ROOT) ? HAUL_NID_ROOT : 0;
}

static void read_names(haul_native *s)
{
    haul_err why = {0};
    bool there = haul_native_find(s, HAUL_NID_NAMES) != NULL;
    haul_rc rc = haul_direct_names(&s->direct, &why);
    size_t odd = rc == HAUL_OK ? haul_names_odd(&s->direct.names) : 0;
    if (odd)
        haul_fail(&why, HAUL_SKIP, "parts of it are missing: %zu names", odd);
    if (rc != HAUL_OK || odd)
        s->pst.issue(s->pst.issue_ctx, HAUL_ISSUE_PST_NAME_MAP, there ? why.text : "there is none");
}

static haul_rc open_store(int fd, uint64_t size, bool asks,
                          void (*issue)(void *, haul_issue_id, const char *), void *ctx, haul_pst **ret,
                          haul_err *e)
{
    haul_native *s = haul_calloc(1, sizeof(*s));
    s->pst = (haul_pst){.ops = &native_ops, .issue = issue, .issue_ctx = ctx};
    s->direct.alone = true;
    s->asks = asks;
    haul_rc rc = haul_direct_open(&s->direct, &s->pst, fd, size, e);
    if (rc == HAUL_OK) {
        if (s->direct.header != HAUL_HEADER_GUESSED)
            haul_direct_header(&s->pst, &s->direct.view);
        (void)haul_direct_parents(&s->direct, &s->direct.view);
        rc = haul_native_tree(s, e);
    }
    if (rc != HAUL_OK) {
        native_close(&s->pst);
        return rc;
    }
    describe(s);
    read_names(s);
    *ret = &s->pst;
    return HAUL_OK;
}

haul_rc haul_pst_native_open(int fd, uint64_t size, bool asks,
                             void (*issue)(void *, haul_issue_id, const char *), void *ctx, haul_pst **ret,
                             haul_err *e)
{
    haul_err why = {0};
    haul_rc rc = open_store(fd, size, asks, issue, ctx, ret, &why);
    if (rc == HAUL_E_FORMAT && asks && haul_pff_open(fd, size, issue, ctx, ret, e) == HAUL_OK) {
        issue(ctx, HAUL_ISSUE_PST_SECOND_ENGINE, why.text);
        return HAUL_OK;
    }
    return rc == HAUL_OK ? rc : haul_fail(e, rc, "%s", why.text);
}
