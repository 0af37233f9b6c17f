/* Messages of a store being written, with their recipients and attachments. Source: MS-PST 2.4.5, 2.4.6. */
#include "ndb.h"
#include "put_le.h"
#include "put_parts.h"

#include "mime/tags.h"

#include <stdlib.h>
#include <string.h>

#define ATTACH_TABLE   0x671u
#define RECIP_TABLE    0x692u
#define FLAG_READ      0x01u /* PidTagMessageFlags, MS-OXCMSG 2.2.1.6 */
#define FLAG_ATTACH    0x10u
#define METHOD_VALUE   1u /* PidTagAttachMethod, MS-OXCMSG 2.2.2.9 */
#define METHOD_OLE     6u
#define ROW_OVERHEAD   64u
#define DATA_BINARY    0x37010102u
#define DATA_OBJECT    0x3701000du
#define TAG_FLAGS      0x0e070003u
#define TAG_SEARCH_KEY 0x300b0102u
#define TAG_SIZE       0x0e080003u
#define TAG_STATUS     0x0e170003u
#define TAG_HAS_ATTACH 0x0e1b000bu

typedef struct writing { /* of one item of a folder */
    haul_pstw *s;
    haul_rc rc; /* the first failure; what is written after it is given up */
    haul_err *e;
} writing;

typedef struct written {
    haul_pstw_object object;
    uint32_t flags, size;
} written;

static void fail(writing *w, haul_rc rc)
{
    if (w->rc == HAUL_OK)
        w->rc = rc;
}

static uint32_t tag_of(writing *w, const haul_prop *p)
{
    uint32_t id = p->id;
    if (p->set != HAUL_PSET_NONE && p->guid) {
        id = haul_pstw_named(w->s, p->guid, p->name ? 0 : p->lid, p->name);
        if (!id)
            fail(w, haul_fail(w->e, HAUL_SKIP, "the store has no room for more names of properties"));
    }
    return id << 16 | p->type;
}

/* A value of type PT_OBJECT is a node of its own (2.3.3.5). */
static void put_object(haul_pstw_pc *pc, uint32_t tag, const void *p, size_t n)
{
    uint32_t nid = haul_pstw_subs_new(&pc->subs, HAUL_PSTW_NID_LTP);
    haul_pstw_subs_add(&pc->subs, nid, haul_pstw_data(pc->heap.ndb, p, n), 0);
    haul_pstw_pc_object(pc, tag, nid, (uint32_t)n);
}

static void put_bag(writing *w, haul_pstw_pc *pc, const haul_bag *b)
{
    for (size_t i = 0; i < b->n && w->rc == HAUL_OK; i++) {
        uint32_t tag = tag_of(w, &b->v[i]);
        if ((tag & 0xffff) == HAUL_PT_OBJECT)
            put_object(pc, tag, b->v[i].p, b->v[i].n);
        else
            haul_pstw_pc_add(pc, tag, b->v[i].p, b->v[i].n);
    }
}

static uint32_t number(const haul_bag *b, uint16_t id, uint32_t otherwise)
{
    return (uint32_t)haul_prop_int_or(haul_bag_get(b, id), otherwise);
}

static uint32_t clamped(uint64_t n)
{
    return n > INT32_MAX ? INT32_MAX : (uint32_t)n;
}

/* ── recipients ── */

static bool in_template(uint32_t tag)
{
    const haul_pstw_template *t = &haul_pstw_templates[HAUL_PSTW_T_RECIPIENTS];
    for (size_t i = 0; i < t->n; i++)
        if (t->columns[i].tag == tag)
            return true;
    return false;
}

/* Tags that recipients have beyond the template, each once. */
static size_t more_columns(writing *w, const haul_mapi *m, uint32_t tags[HAUL_PSTW_COLUMNS])
{
    size_t n = 0;
    for (size_t r = 0; r < m->n_recipients; r++)
        for (size_t i = 0; i < m->recipients[r].n; i++) {
            uint32_t tag = tag_of(w, &m->recipients[r].v[i]);
            bool known = in_template(tag);
            for (size_t k = 0; k < n && !known; k++)
                known = tags[k] == tag;
            if (!known && n < HAUL_PSTW_COLUMNS)
                tags[n++] = tag;
        }
    return n;
}

static uint64_t put_recipients(writing *w, const haul_mapi *m, haul_pstw_subs *subs) /* 2.4.5.3 */
{
    uint32_t more[HAUL_PSTW_COLUMNS];
    uint64_t size = 0;
    size_t n = more_columns(w, m, more);
    const haul_pstw_template *base = &haul_pstw_templates[HAUL_PSTW_T_RECIPIENTS];
    haul_pstw_tc t;
    haul_pstw_tc_init(&t, w->s->ndb, base->columns, base->n, more, n, m->n_recipients);
    for (size_t r = 0; r < m->n_recipients; r++) {
        const haul_bag *b = &m->recipients[r];
        haul_pstw_tc_row(&t, (uint32_t)r, 1);
        if (!haul_bag_get(b, 0x0ffe) && !w->s->bare)
            haul_pstw_tc_u32(&t, 0x0ffe0003, 6); /* PidTagObjectType: a mail user */
        if (!haul_bag_get(b, 0x3900) && !w->s->bare)
            haul_pstw_tc_u32(&t, 0x39000003, 0); /* PidTagDisplayType: the same */
        for (size_t i = 0; i < b->n; i++) {
            haul_pstw_tc_cell(&t, tag_of(w, &b->v[i]), b->v[i].p, b->v[i].n);
            size += b->v[i].n;
        }
        size += ROW_OVERHEAD;
    }
    haul_pstw_object o = haul_pstw_tc_end(&t);
    haul_pstw_subs_add(subs, RECIP_TABLE, o.data, o.sub);
    return size;
}

/* ── attachments ── */

static written put_message(writing *w, haul_mapi *m);

typedef struct stream {
    haul_out out;
    haul_pstw_tree tree;
} stream;

static haul_rc write_stream(haul_out *o, const void *p, size_t n, haul_err *e)
{
    stream *s = (stream *)o; /* out is its first member */
    haul_pstw_tree_add(&s->tree, p, n);
    if (s->tree.total > HAUL_PSTW_TREE_MAX)
        return haul_fail(e, HAUL_SKIP, "an attachment of 4 GiB or more does not fit a PST");
    return haul_pstw_ndb_failed(s->tree.ndb, e);
}

/* The octets of attachment i, straight into blocks; small ones into the heap with the other properties. */
static uint64_t put_data(writing *w, haul_mapi *m, size_t i, haul_pstw_pc *pc, uint32_t method)
{
    stream s = {.out.write = write_stream};
    haul_pstw_tree_init(&s.tree, w->s->ndb);
    fail(w, m->ops->data(m, i, &s.out, w->e));
    uint64_t size = s.tree.total;
    bool small = !s.tree.n && size <= HAUL_PSTW_HEAP_MAX;
    if (method == METHOD_OLE) {
        uint32_t nid = haul_pstw_subs_new(&pc->subs, HAUL_PSTW_NID_LTP);
        haul_pstw_subs_add(&pc->subs, nid, haul_pstw_tree_end(&s.tree), 0);
        haul_pstw_pc_object(pc, DATA_OBJECT, nid, clamped(size));
    } else if (!small) {
        haul_pstw_pc_tree(pc, DATA_BINARY, haul_pstw_tree_end(&s.tree), size);
    } else {
        if (size || method == METHOD_VALUE)
            haul_pstw_pc_add(pc, DATA_BINARY, s.tree.block, (size_t)size);
        s.tree.used = 0;
        (void)haul_pstw_tree_end(&s.tree);
    }
    return size;
}

static uint64_t put_embedded(writing *w, haul_mapi *m, size_t i, haul_pstw_pc *pc)
{
    haul_auto(haul_mapi) *inner = NULL;
    haul_rc rc = m->ops->embedded(m, i, &inner, w->e);
    if (rc == HAUL_OK && inner->depth > HAUL_MAPI_DEPTH_MAX)
        rc = haul_fail(w->e, HAUL_SKIP, "messages embedded deeper than %u", HAUL_MAPI_DEPTH_MAX);
    fail(w, rc);
    if (rc != HAUL_OK)
        return 0;
    uint32_t nid = haul_pstw_subs_new(&pc->subs, HAUL_PSTW_NID_MESSAGE);
    written o = put_message(w, inner);
    haul_pstw_subs_add(&pc->subs, nid, o.object.data, o.object.sub);
    haul_pstw_pc_object(pc, DATA_OBJECT, nid, o.size);
    return o.size;
}

static written put_attachment(writing *w, haul_mapi *m, size_t i) /* 2.4.6.2 */
{
    haul_pstw_pc pc;
    const haul_mapi_attach *a = &m->attachments[i];
    haul_pstw_pc_init(&pc, w->s->ndb);
    put_bag(w, &pc, &a->props);
    haul_pstw_pc_u32(&pc, 0x37050003, METHOD_VALUE);
    haul_pstw_pc_u32(&pc, 0x0e210003, (uint32_t)i);
    haul_pstw_pc_u32(&pc, 0x370b0003, UINT32_MAX);
    if (a->embedded)
        (void)put_embedded(w, m, i, &pc);
    else if (!haul_pstw_pc_has(&pc, DATA_BINARY) && !a->lost)
        (void)put_data(w, m, i, &pc, number(&a->props, HAUL_TAG_ATTACH_METHOD, METHOD_VALUE));
    written ret = {.size = clamped(pc.size)};
    haul_pstw_pc_u32(&pc, 0x0e200003, ret.size);
    if (pc.full || pc.heap.full)
        fail(w, haul_fail(w->e, HAUL_SKIP, "an attachment has more properties than a PST takes"));
    ret.object = haul_pstw_pc_end(&pc);
    return ret;
}

static uint64_t put_attachments(writing *w, haul_mapi *m, haul_pstw_subs *subs) /* 2.4.6.1 */
{
    haul_pstw_tc t;
    uint64_t size = 0;
    haul_pstw_table(&t, w->s->ndb, HAUL_PSTW_T_ATTACHMENTS, m->n_attachments);
    for (size_t i = 0; i < m->n_attachments && w->rc == HAUL_OK; i++) {
        const haul_bag *b = &m->attachments[i].props;
        const haul_prop *name = haul_bag_get(b, HAUL_TAG_ATTACH_FILENAME);
        uint32_t nid = haul_pstw_subs_new(subs, HAUL_PSTW_NID_ATTACHMENT);
        written a = put_attachment(w, m, i);
        haul_pstw_subs_add(subs, nid, a.object.data, a.object.sub);
        haul_pstw_tc_row(&t, nid, 1);
        haul_pstw_tc_u32(&t, 0x0e200003, a.size);
        haul_pstw_tc_u32(&t, 0x37050003, number(b, HAUL_TAG_ATTACH_METHOD, METHOD_VALUE));
        haul_pstw_tc_u32(&t, 0x370b0003, number(b, 0x370b, UINT32_MAX));
        if (name)
            haul_pstw_tc_cell(&t, (uint32_t)name->id << 16 | name->type, name->p, name->n);
        size += a.size;
    }
    haul_pstw_object o = haul_pstw_tc_end(&t);
    haul_pstw_subs_add(subs, ATTACH_TABLE, o.data, o.sub);
    return size;
}

/* ── messages ── */

/* What the folder's table will say of it. */
static void add_cells(const haul_mapi *m, const written *o, haul_pstw_template_id id, haul_str *row)
{
    uint8_t p[4];
    const haul_pstw_template *t = &haul_pstw_templates[id];
    haul_put32(p, o->flags);
    haul_pstw_cells_add(row, TAG_FLAGS, p, 4);
    haul_put32(p, o->size);
    haul_pstw_cells_add(row, TAG_SIZE, p, 4);
    haul_put32(p, number(&m->props, HAUL_TAG_MESSAGE_STATUS, 0));
    haul_pstw_cells_add(row, TAG_STATUS, p, 4);
    for (size_t i = 0; i < t->n; i++) {
        uint32_t tag = t->columns[i].tag;
        const haul_prop *v = haul_bag_get(&m->props, (uint16_t)(tag >> 16));
        if (v && v->type == (tag & 0xffff) && v->n <= HAUL_PSTW_CELL_MAX && tag != TAG_FLAGS &&
            tag != TAG_SIZE && tag != TAG_STATUS)
            haul_pstw_cells_add(row, tag, v->p, v->n);
    }
}

/* PidTagSearchKey, which every message has (2.4.5.1.1): of what is in it where the object says none. */
static void put_search_key(haul_pstw_pc *pc, const haul_bag *b)
{
    uint8_t sum[HAUL_SHA256_LEN];
    if (haul_pstw_pc_has(pc, TAG_SEARCH_KEY))
        return;
    haul_auto(haul_sha256) *sha = haul_sha256_new();
    for (size_t i = 0; i < b->n; i++)
        haul_sha256_update(sha, b->v[i].p, b->v[i].n);
    haul_sha256_final(sha, sum);
    haul_pstw_pc_add(pc, TAG_SEARCH_KEY, sum, 16);
}

static written put_message(writing *w, haul_mapi *m) /* 2.4.5 */
{
    haul_pstw_pc pc;
    written ret = {0};
    fail(w, haul_mapi_load(m, w->e));
    haul_pstw_pc_init(&pc, w->s->ndb);
    ret.flags = number(&m->props, HAUL_TAG_MESSAGE_FLAGS, FLAG_READ);
    ret.flags |= m->n_attachments ? FLAG_ATTACH : 0; /* hidden ones, too: it says that there is a table */
    haul_pstw_pc_u32(&pc, TAG_FLAGS, ret.flags);
    put_bag(w, &pc, &m->props);
    if (!w->s->bare)
        put_search_key(&pc, &m->props);
    uint64_t size = pc.size + put_recipients(w, m, &pc.subs);
    if (m->n_attachments)
        size += put_attachments(w, m, &pc.subs);
    ret.size = clamped(size);
    haul_pstw_pc_u32(&pc, TAG_SIZE, ret.size);
    haul_pstw_pc_u32(&pc, TAG_STATUS, 0);
    haul_pstw_pc_u32(&pc, TAG_HAS_ATTACH, (ret.flags & FLAG_ATTACH) != 0);
    if (pc.full || pc.heap.full || pc.subs.n > HAUL_PSTW_SUBNODES)
        fail(w, haul_fail(w->e, HAUL_SKIP, "the message has more parts or properties than a PST takes"));
    ret.object = haul_pstw_pc_end(&pc);
    return ret;
}

/* Into s->row. */
static void make_row(haul_pstw *s, uint32_t folder, uint32_t nid, const haul_mapi *m, haul_pstw_place place,
                     const written *o)
{
    uint8_t head[HAUL_PSTW_ROW_HEAD] = {0};
    haul_put32(head, folder);
    haul_put32(head + 4, nid);
    head[8] = (uint8_t)place;
    head[9] = !(o->flags & FLAG_READ);
    haul_str_clear(&s->row);
    haul_str_add(&s->row, head, sizeof(head));
    add_cells(m, o, place == HAUL_PSTW_ASSOCIATED ? HAUL_PSTW_T_ASSOC : HAUL_PSTW_T_CONTENTS, &s->row);
}

static void log_row(haul_pstw *s)
{
    haul_pstw_log_names(s);
    uint64_t at = haul_pstw_log_add(s, HAUL_PSTW_LOG_ROW, s->row.p, s->row.len);
    haul_pstw_row_add(s, (const uint8_t *)s->row.p, s->row.len, at);
}

/* The message whose row was made is one too many. */
static bool is_full(const haul_pstw *s, const haul_pstw_state *before, uint32_t folder)
{
    return s->most && (before->nodes || haul_pstw_has_others(s, folder)) &&
           haul_pstw_tail_size(s, s->row.len, 0) > s->most;
}

haul_rc haul_pstw_message(haul_pstw *s, uint32_t folder, haul_mapi *m, haul_pstw_place place,
                          uint32_t *ret_nid, haul_err *e)
{
    haul_pstw_state before;
    writing w = {.s = s, .e = e};
    haul_pstw_ndb_state(s->ndb, &before);
    size_t names = s->names.n;
    uint32_t nid = haul_pstw_new_nid(s->ndb, place == HAUL_PSTW_ASSOCIATED ? HAUL_PSTW_NID_ASSOCIATED
                                                                           : HAUL_PSTW_NID_MESSAGE);
    written o = put_message(&w, m);
    haul_rc rc = haul_pstw_ndb_failed(s->ndb, w.rc == HAUL_OK ? e : NULL);
    if (rc != HAUL_OK)
        return rc;
    make_row(s, folder, nid, m, place, &o);
    if (w.rc == HAUL_OK && is_full(s, &before, folder))
        w.rc = HAUL_END;
    if (w.rc != HAUL_OK) {
        haul_pstw_ndb_return(s->ndb, &before);
        haul_pstw_names_cut(&s->names, names);
        return w.rc;
    }
    haul_pstw_node_add(s->ndb, nid, o.object.data, o.object.sub, folder);
    if (place != HAUL_PSTW_ORPHAN)
        log_row(s);
    *ret_nid = nid;
    if (s->rc != HAUL_OK && e)
        *e = s->err;
    return s->rc;
}
