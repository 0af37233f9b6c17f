/* Items of a store as MAPI objects, read by the native engine. */
#include "native.h"

#include <stdlib.h>

#define ATTACHMENTS 0x671u /* MS-PST 2.4.1: a subnode of a message, its table of attachments */

typedef struct native_object {
    haul_mapi m;
    haul_native *s;
    haul_node node;
    haul_direct_data *data; /* of each attachment */
} native_object;

static native_object *object_of(haul_mapi *m)
{
    return (native_object *)m;
}

static void object_free(haul_mapi *m)
{
    native_object *o = object_of(m);
    haul_arena_done(&m->arena);
    free(o);
}

static void note(native_object *o, haul_issue_id id, const char *detail)
{
    if (o->s->pst.msg)
        haul_msg_issue(o->s->pst.msg, id, "%s%s", o->m.depth ? "embedded message: " : "", detail);
}

/* ── rows ── */

static void tell_type(haul_native *s, const haul_tc *t, const haul_tc_column *c)
{
    haul_err text;
    haul_fail(&text, HAUL_SKIP, "column 0x%04x of type 0x%04x, %u octets at %u", c->id, c->type, c->size,
              c->at);
    haul_direct_tell(&s->pst, t->props.heap.node.nid, HAUL_ISSUE_PST_PROPERTY_TYPE, text.text);
}

void haul_native_row(haul_native *s, haul_tc *t, haul_arena *a, haul_bag *ret)
{
    for (size_t i = 0; i < t->n_columns; i++) {
        haul_prop p;
        haul_err why;
        haul_rc rc = haul_tc_cell(t, i, HAUL_PROP_MAX, a, &p, &why);
        if (rc == HAUL_SKIP)
            haul_direct_lost(&s->direct, t->props.heap.node.nid, p.id, p.type, why.text);
        if (rc != HAUL_OK)
            continue;
        if (p.type != t->columns[i].type)
            tell_type(s, t, &t->columns[i]);
        haul_direct_name(&s->direct, &p);
        p.n = haul_direct_bare(p.type, p.p, p.n);
        (void)haul_bag_add(ret, a, &p); /* a table has fewer columns than a bag has room */
    }
}

/* ── recipients ── */

static haul_bag *more_recipients(haul_mapi *m, size_t *cap)
{
    if (m->n_recipients == *cap) {
        haul_bag *old = m->recipients;
        *cap = *cap ? *cap * 2 : 8;
        m->recipients = haul_arena_calloc(&m->arena, *cap * sizeof(*m->recipients));
        for (size_t i = 0; i < m->n_recipients; i++)
            m->recipients[i] = old[i];
    }
    return &m->recipients[m->n_recipients];
}

static void read_recipients(native_object *o, haul_tc *t)
{
    haul_mapi *m = &o->m;
    haul_tc_row row;
    haul_err why = {0};
    size_t cap = 0;
    if (t->unindexed)
        note(o, HAUL_ISSUE_PST_ROW_MENDED, "the index of the recipients cannot be read");
    for (haul_rc rc; (rc = haul_tc_next(t, &row, &why)) != HAUL_END;) {
        if (rc == HAUL_OK && m->n_recipients == HAUL_MAPI_RECIPIENTS_MAX) {
            note(o, HAUL_ISSUE_PST_RECIPIENTS_LOST, "more recipients than are read of one message");
            return;
        }
        if (rc != HAUL_OK) {
            note(o, HAUL_ISSUE_PST_RECIPIENTS_LOST, why.text);
            continue;
        }
        if (row.own != row.id)
            note(o, HAUL_ISSUE_PST_ROW_MENDED, "a row and the index of the table name different ids");
        haul_bag *b = more_recipients(m, &cap);
        *b = (haul_bag){.codepage = m->props.codepage};
        haul_native_row(o->s, t, &m->arena, b);
        if (b->n)
            m->n_recipients++;
    }
}

static void load_recipients(native_object *o, const haul_node_list *subs)
{
    haul_tc t = {.props.heap.blocks.arena = &o->m.arena};
    haul_err why = {0};
    const haul_node *node = haul_nodes_list_find(subs, HAUL_NID_RECIPIENTS);
    if (!node)
        return;
    if (haul_tc_open(&t, &o->s->direct.nodes, node, &why) == HAUL_OK)
        read_recipients(o, &t);
    else
        note(o, HAUL_ISSUE_PST_RECIPIENTS_LOST, why.text);
    haul_tc_done(&t);
}

/* ── attachments ── */

typedef struct nids {
    uint32_t *v;
    size_t n, cap;
} nids;

static void nids_add(nids *l, uint32_t nid)
{
    l->v = haul_grown(l->v, l->n, &l->cap, sizeof(*l->v));
    l->v[l->n++] = nid;
}

/* Of the two ids that of a subnode is believed, else the row's own [pst-24]. */
static void read_rows(native_object *o, haul_tc *t, const haul_node_list *subs, nids *ret)
{
    haul_tc_row row;
    haul_err why = {0};
    for (haul_rc rc; (rc = haul_tc_next(t, &row, &why)) != HAUL_END;) {
        if (ret->n > HAUL_MAPI_ATTACHMENTS_MAX)
            return;
        if (rc != HAUL_OK) {
            note(o, HAUL_ISSUE_PST_ATTACHMENTS_LOST, why.text);
            continue;
        }
        if (row.own != row.id)
            note(o, HAUL_ISSUE_PST_ROW_MENDED, "a row and the index of the table name different ids");
        nids_add(ret, haul_nodes_list_find(subs, row.id) && !haul_nodes_list_find(subs, row.own) ? row.id
                                                                                                 : row.own);
    }
}

/* Where no table names any and there should be some, subnodes of their type are attachments [pst-28]. */
static void find_hidden(native_object *o, const haul_node_list *subs, bool lost, nids *ret)
{
    int64_t flags = haul_prop_int_or(haul_bag_get(&o->m.props, HAUL_MESSAGE_FLAGS), 0);
    haul_err text;
    if (ret->n || (!lost && !(flags & HAUL_HAS_ATTACHMENTS)))
        return;
    for (size_t i = 0; i < subs->n; i++)
        if (HAUL_NID_TYPE(subs->v[i].nid) == HAUL_NID_ATTACHMENT && ret->n <= HAUL_MAPI_ATTACHMENTS_MAX)
            nids_add(ret, subs->v[i].nid);
    if (!ret->n)
        return;
    haul_fail(&text, HAUL_SKIP, "%zu of them", ret->n);
    note(o, HAUL_ISSUE_PST_ATTACHMENTS_FOUND, text.text);
}

static void list_attachments(native_object *o, const haul_node_list *subs, nids *ret)
{
    haul_tc t = {0};
    haul_err why = {0};
    const haul_node *node = haul_nodes_list_find(subs, ATTACHMENTS);
    haul_rc rc = node ? haul_tc_open(&t, &o->s->direct.nodes, node, &why) : HAUL_OK;
    if (node && rc == HAUL_OK)
        read_rows(o, &t, subs, ret);
    haul_tc_done(&t);
    find_hidden(o, subs, rc != HAUL_OK, ret);
    if (rc != HAUL_OK && !ret->n)
        note(o, HAUL_ISSUE_PST_ATTACHMENTS_LOST, why.text);
    if (ret->n > HAUL_MAPI_ATTACHMENTS_MAX) {
        note(o, HAUL_ISSUE_PST_ATTACHMENTS_LOST, "more attachments than are read of one message");
        ret->n = HAUL_MAPI_ATTACHMENTS_MAX;
    }
}

static haul_rc read_attachment(native_object *o, const haul_node *node, haul_mapi_attach *at,
                               haul_direct_data *d, uint64_t *kept, haul_err *e)
{
    haul_mapi *m = &o->m;
    haul_rc rc = haul_direct_attachment(&o->s->direct, node, kept, &m->arena, &at->props, d, e);
    if (rc != HAUL_OK)
        return rc;
    int64_t method = haul_prop_int_or(haul_bag_get(&at->props, HAUL_ATTACH_METHOD), HAUL_ATTACH_VALUE);
    at->embedded = d->type == HAUL_PT_OBJECT && method == HAUL_ATTACH_EMBEDDED;
    at->size = at->embedded ? UINT64_MAX : d->size;
    if (d->type && d->type != HAUL_PT_OBJECT && method == HAUL_ATTACH_VALUE)
        haul_direct_doubt(at, &m->arena);
    return HAUL_OK;
}

static void load_attachment(native_object *o, const haul_node_list *subs, uint32_t nid, uint64_t *kept)
{
    haul_mapi *m = &o->m;
    haul_err why = {0};
    haul_mapi_attach *at = &m->attachments[m->n_attachments];
    haul_direct_data *d = &o->data[m->n_attachments++];
    const haul_node *node = haul_nodes_list_find(subs, nid);
    haul_rc rc = node ? read_attachment(o, node, at, d, kept, &why)
                      : haul_fail(&why, HAUL_SKIP, "subnode 0x%x: not there", nid);
    at->node = nid;
    at->props.codepage = m->props.codepage;
    if (rc == HAUL_OK)
        return;
    at->lost = true;
    at->why = haul_arena_str(&m->arena, why.text);
}

static void load_attachments(native_object *o, const haul_node_list *subs)
{
    haul_mapi *m = &o->m;
    nids list = {0};
    uint64_t kept = 0;
    list_attachments(o, subs, &list);
    if (list.n) {
        m->attachments = haul_arena_calloc(&m->arena, list.n * sizeof(*m->attachments));
        o->data = haul_arena_calloc(&m->arena, list.n * sizeof(*o->data));
    }
    for (size_t i = 0; i < list.n; i++)
        load_attachment(o, subs, list.v[i], &kept);
    free(list.v);
}

/* ── the object ── */

static haul_rc object_load(haul_mapi *m, haul_err *e)
{
    native_object *o = object_of(m);
    haul_node_list subs = {0};
    haul_err why = {0};
    (void)e;
    if (haul_nodes_list(&o->s->direct.nodes, o->node.sub, &subs, &why) != HAUL_OK) {
        note(o, HAUL_ISSUE_PST_RECIPIENTS_LOST, why.text);
        note(o, HAUL_ISSUE_PST_ATTACHMENTS_LOST, why.text);
    }
    load_recipients(o, &subs);
    load_attachments(o, &subs);
    haul_nodes_list_done(&subs);
    return HAUL_OK;
}

static haul_rc object_data(haul_mapi *m, size_t i, haul_out *to, haul_err *e)
{
    native_object *o = object_of(m);
    if (m->attachments[i].lost)
        return haul_fail(e, HAUL_SKIP, "%s", m->attachments[i].why);
    return haul_direct_pour(&o->s->direct, &o->data[i], to, e);
}

static haul_rc object_embedded(haul_mapi *m, size_t i, haul_mapi **ret, haul_err *e)
{
    native_object *o = object_of(m);
    if (m->depth >= HAUL_MAPI_DEPTH_MAX)
        return haul_fail(e, HAUL_SKIP, "messages are embedded in one another more than %u deep",
                         HAUL_MAPI_DEPTH_MAX);
    if (m->attachments[i].lost)
        return haul_fail(e, HAUL_SKIP, "%s", m->attachments[i].why);
    return haul_native_object(o->s, &o->data[i].object, m->depth + 1, ret, e);
}

static const haul_mapi_ops object_ops = {
    .load = object_load,
    .data = object_data,
    .embedded = object_embedded,
    .free = object_free,
};

haul_rc haul_native_object(haul_native *s, const haul_node *node, unsigned depth, haul_mapi **ret,
                           haul_err *e)
{
    native_object *o = haul_calloc(1, sizeof(*o));
    o->m = (haul_mapi){.ops = &object_ops, .source = s, .node = node->nid, .depth = depth};
    o->s = s;
    o->node = *node;
    haul_rc rc = haul_direct_bag(&s->direct, node, 0, &o->m.arena, &o->m.props, e);
    if (rc != HAUL_OK) {
        object_free(&o->m);
        return rc;
    }
    o->m.props.codepage = haul_direct_codepage(&o->m.props, s->pst.codepage);
    *ret = &o->m;
    return HAUL_OK;
}
