/* The data of attachments, read past libpff, which loads them whole: item, its subnodes, the attachment's properties, the
 * data tree. The view that libpff reads through may show repairs; here the file is read as it is, which needs none. */
#include "pff.h"

#include <string.h>

#define ATTACH_DATA 0x3701u /* PidTagAttachDataBinary, PidTagAttachDataObject */

static bool is_told(const haul_msg *m, const char *text)
{
    for (const haul_issue *i = m->issues; i; i = i->next)
        if (i->id == HAUL_ISSUE_PST_BLOCK_DAMAGED && strcmp(i->detail, text) == 0)
            return true;
    return false;
}

/* Pages were told when libpff read them all. A block is told as haul_pff_check does: libpff may have read it, too. */
static void on_fault(void *ctx, const haul_nodes_fault *f)
{
    haul_pff *s = ctx;
    haul_err text;
    if (f->page || !s->pst.msg)
        return;
    haul_fail(&text, HAUL_SKIP, "block at octet %llu", (unsigned long long)f->at);
    if (!is_told(s->pst.msg, text.text))
        haul_msg_issue(s->pst.msg, HAUL_ISSUE_PST_BLOCK_DAMAGED, "%s", text.text);
}

void haul_pff_data_open(haul_pff *s)
{
    haul_view_init(&s->plain, s->view.fd, s->view.size);
    s->streams = haul_nodes_open(&s->nodes, &s->plain, NULL) == HAUL_OK;
    s->nodes.fault = on_fault;
    s->nodes.ctx = s;
}

void haul_pff_data_done(haul_pff *s)
{
    haul_names_done(&s->past_names);
    haul_nodes_done(&s->nodes);
    haul_view_done(&s->plain);
}

haul_node haul_pff_node(haul_pff *s, uint32_t nid)
{
    haul_node node = {0};
    if (!s->streams || haul_nodes_find(&s->nodes, nid, &node, NULL) != HAUL_OK)
        node = (haul_node){0};
    return node;
}

/* A value of its own: in the heap, or octets of a node. What is small stays in memory. */
static haul_rc locate_value(haul_props *p, const haul_props_entry *entry, uint64_t *kept, haul_arena *a,
                            haul_pff_data *ret)
{
    haul_props_value v = {0};
    haul_span s = {0};
    haul_rc rc = haul_props_value_of(p, entry, &v, NULL);
    if (rc != HAUL_OK)
        return rc;
    ret->size = v.size;
    ret->id = v.data;
    if (v.where == HAUL_PROPS_NODE && (!v.single || v.size > HAUL_PFF_KEPT - *kept))
        return HAUL_OK;
    *kept += v.where == HAUL_PROPS_NODE ? v.size : 0;
    rc = haul_props_take(p, entry, HAUL_NODES_BLOCK, a, &s, NULL);
    ret->p = s.p;
    return rc;
}

/* The object's octets, or the message: a node of its own. */
static haul_rc locate_object(haul_props *p, const haul_props_entry *entry, haul_pff_data *ret)
{
    haul_data d = {0};
    haul_rc rc = haul_props_object(p, entry, &ret->object, NULL);
    if (rc == HAUL_OK)
        rc = haul_data_open(&d, p->heap.nodes, ret->object.data, NULL);
    ret->size = d.size;
    ret->id = ret->object.data;
    haul_data_done(&d);
    return rc;
}

bool haul_pff_locate(haul_pff *s, const haul_node *item, uint32_t nid, uint64_t *kept, haul_arena *a,
                     haul_pff_data *ret)
{
    haul_node node = {0};
    haul_props p = {0};
    haul_props_entry entry = {0};
    *ret = (haul_pff_data){0};
    if (!s->streams || !item->nid || haul_nodes_sub(&s->nodes, item->sub, nid, &node, NULL) != HAUL_OK)
        return false;
    haul_rc rc = haul_props_open(&p, &s->nodes, &node, NULL);
    if (rc == HAUL_OK)
        rc = haul_props_find(&p, ATTACH_DATA, &entry, NULL);
    ret->type = entry.type;
    if (rc == HAUL_OK)
        rc = entry.type == HAUL_PT_OBJECT ? locate_object(&p, &entry, ret)
                                          : locate_value(&p, &entry, kept, a, ret);
    haul_props_done(&p);
    ret->known = rc == HAUL_OK || rc == HAUL_END;
    return ret->known;
}

/* ── all properties ── */

static void lost(haul_pff *s, const haul_props_entry *entry, const char *why)
{
    if (s->pst.msg)
        haul_msg_issue(s->pst.msg, HAUL_ISSUE_PST_PROPERTY_LOST, "property 0x%04x of type 0x%04x: %s",
                       entry->id, entry->type, why);
}

static void name(haul_pff *s, haul_prop *p, haul_arena *a)
{
    if (!s->named && haul_names_open(&s->past_names, &s->nodes, NULL) != HAUL_OK)
        haul_names_done(&s->past_names);
    s->named = true;
    if (p->id >= 0x8000)
        haul_names_find(&s->past_names, p, a);
}

static void take(haul_pff *s, haul_props *props, const haul_props_entry *entry, haul_arena *a, haul_bag *ret)
{
    haul_prop p = {.id = entry->id, .type = entry->type};
    haul_span value = {0};
    haul_err why = {0};
    if (haul_props_take(props, entry, HAUL_PROP_MAX, a, &value, &why) != HAUL_OK) {
        lost(s, entry, why.text);
        return;
    }
    name(s, &p, a);
    p.p = (const uint8_t *)value.p;
    p.n = haul_pff_bare(p.type, p.p, value.len);
    if (!haul_bag_add(ret, a, &p))
        lost(s, entry, "the object has too many properties");
}

static void take_all(haul_pff *s, haul_props *props, uint16_t skip, haul_arena *a, haul_bag *ret)
{
    haul_bth_walk w = {.tree = &props->tree};
    haul_props_entry entry = {0};
    haul_err why = {0};
    for (haul_rc rc; (rc = haul_props_next(&w, &entry, &why)) != HAUL_END;) {
        if (rc == HAUL_OK && entry.id != skip)
            take(s, props, &entry, a, ret);
        else if (rc != HAUL_OK && s->pst.msg)
            haul_msg_issue(s->pst.msg, HAUL_ISSUE_PST_PROPERTY_LOST, "some properties: %s", why.text);
    }
}

haul_rc haul_pff_bag_past(haul_pff *s, const haul_node *item, uint32_t nid, uint16_t skip, haul_arena *a,
                          haul_bag *ret)
{
    haul_node node = {0};
    haul_props p = {0};
    haul_rc rc = haul_nodes_sub(&s->nodes, item->sub, nid, &node, NULL);
    if (rc == HAUL_OK)
        rc = haul_props_open(&p, &s->nodes, &node, NULL);
    if (rc == HAUL_OK)
        take_all(s, &p, skip, a, ret);
    haul_props_done(&p);
    return rc;
}

haul_rc haul_pff_pour(haul_pff *s, const haul_pff_data *d, haul_out *to, haul_err *e)
{
    haul_data_loss loss = {0};
    if (d->p)
        return haul_out_write(to, d->p, (size_t)d->size, e);
    haul_rc rc = haul_nodes_pour(&s->nodes, d->id, to, &loss, e);
    if (loss.places && s->pst.msg)
        haul_msg_issue(
            s->pst.msg, HAUL_ISSUE_PST_BLOCK_DAMAGED,
            "%llu of %llu octets of an attachment cannot be read, from octet %llu on: NULs in their place",
            (unsigned long long)loss.octets, (unsigned long long)d->size, (unsigned long long)loss.first);
    if (loss.more && s->pst.msg)
        haul_msg_issue(s->pst.msg, HAUL_ISSUE_PST_BLOCK_DAMAGED,
                       "an attachment is said to have %llu octets, its blocks have more",
                       (unsigned long long)d->size);
    return rc;
}
