#include "direct.h"

#include "parents.h"

#include <stdlib.h>
#include <string.h>

enum { /* MS-OXPROPS */
       ATTACH_SIZE = 0x0e20,
       INTERNET_CODEPAGE = 0x3fde,
       MESSAGE_CODEPAGE = 0x3ffd,
};
#define EMPTY_SLACK 4096u /* octets of bookkeeping that PidTagAttachSize may count for an empty attachment */

/* ── what is wrong ── */

void haul_direct_tell(const haul_pst *p, uint32_t nid, haul_issue_id id, const char *text)
{
    haul_err line;
    if (p->msg) {
        haul_msg_issue(p->msg, id, "%s", text);
        return;
    }
    haul_fail(&line, HAUL_SKIP, "node 0x%x: %s", nid, text);
    p->issue(p->issue_ctx, id, line.text);
}

static bool is_told(const haul_msg *m, const char *text)
{
    for (const haul_issue *i = m->issues; i; i = i->next)
        if (i->id == HAUL_ISSUE_PST_BLOCK_DAMAGED && strcmp(i->detail, text) == 0)
            return true;
    return false;
}

/* A place of the store, once: pages are read again and again. */
static void tell_place(haul_direct *d, uint64_t at, const char *text)
{
    for (size_t i = 0; i < d->n_told; i++)
        if (d->told[i] == at)
            return;
    if (d->n_told == HAUL_DIRECT_TOLD)
        return;
    d->told[d->n_told++] = at;
    d->pst->issue(d->pst->issue_ctx, HAUL_ISSUE_PST_BLOCK_DAMAGED, text);
}

/* What damaged pages cost is told in full: each page comes once. */
static void tell_page(haul_direct *d, const haul_nodes_fault *f)
{
    haul_err text;
    bool bypassed = f->outcome == HAUL_NODES_BYPASSED;
    if (bypassed)
        haul_fail(&text, HAUL_SKIP, "page at octet %llu: %zu %s of those it led to were found without it",
                  (unsigned long long)f->at, f->found, f->what);
    else
        haul_fail(&text, HAUL_SKIP, "page at octet %llu: %s", (unsigned long long)f->at, f->what);
    d->pst->issue(d->pst->issue_ctx, bypassed ? HAUL_ISSUE_PST_PAGE_BYPASSED : HAUL_ISSUE_PST_PAGE_MENDED,
                  text.text);
}

/* Beside libpff pages were told when it read them all, and a block is told as haul_pff_check does: it may have read it,
 * too. */
static void on_fault(void *ctx, const haul_nodes_fault *f)
{
    haul_direct *d = ctx;
    haul_err text;
    if (f->outcome != HAUL_NODES_DAMAGED) {
        tell_page(d, f);
        return;
    }
    if ((f->page || !d->pst->msg) && !d->alone)
        return;
    haul_fail(&text, HAUL_SKIP, "%s at octet %llu", f->page ? "page" : "block", (unsigned long long)f->at);
    if (f->page || !d->pst->msg)
        tell_place(d, f->at, text.text);
    else if (!is_told(d->pst->msg, text.text))
        haul_msg_issue(d->pst->msg, HAUL_ISSUE_PST_BLOCK_DAMAGED, "%s", text.text);
}

void haul_direct_lost(haul_direct *d, uint32_t nid, uint16_t id, uint16_t type, const char *why)
{
    haul_err text;
    haul_fail(&text, HAUL_SKIP, "property 0x%04x of type 0x%04x: %s", id, type, why);
    haul_direct_tell(d->pst, nid, HAUL_ISSUE_PST_PROPERTY_LOST, text.text);
}

/* ── opening ── */

static haul_rc open_alone(haul_direct *d, haul_err *e)
{
    haul_err told;
    haul_rc rc = haul_rescue_open(&d->nodes, &d->view, &told, &d->header, e);
    if (rc == HAUL_OK && *told.text)
        d->pst->issue(d->pst->issue_ctx,
                      d->header == HAUL_HEADER_GUESSED ? HAUL_ISSUE_PST_HEADER_LOST
                                                       : HAUL_ISSUE_PST_HEADER_DAMAGED,
                      told.text);
    return rc;
}

haul_rc haul_direct_open(haul_direct *d, haul_pst *p, int fd, uint64_t size, haul_err *e)
{
    d->pst = p;
    haul_view_init(&d->view, fd, size);
    haul_rc rc = d->alone ? open_alone(d, e) : haul_nodes_open(&d->nodes, &d->view, e);
    d->open = rc == HAUL_OK;
    d->nodes.fault = on_fault;
    d->nodes.ctx = d;
    d->nodes.rescues = d->open && d->alone;
    return rc == HAUL_OK && d->header != HAUL_HEADER_GOOD ? haul_rescue_crypt(&d->nodes, e) : rc;
}

void haul_direct_done(haul_direct *d)
{
    haul_names_done(&d->names);
    haul_nodes_done(&d->nodes);
    haul_view_done(&d->view);
}

static void on_parent(void *ctx, haul_issue_id id, const char *text)
{
    haul_pst *p = ctx;
    p->issue(p->issue_ctx, id, text);
}

bool haul_direct_parents(haul_direct *d, haul_view *v)
{
    return d->open && haul_parents_mend(v, &d->nodes, on_parent, d->pst);
}

haul_rc haul_direct_names(haul_direct *d, haul_err *e)
{
    if (d->named)
        return HAUL_OK;
    d->named = true;
    haul_rc rc = haul_names_open(&d->names, &d->nodes, e);
    if (rc != HAUL_OK)
        haul_names_done(&d->names);
    return rc;
}

void haul_direct_name(haul_direct *d, haul_prop *p)
{
    if (p->id >= 0x8000 && haul_direct_names(d, NULL) == HAUL_OK) /* else the map is empty */
        haul_names_find(&d->names, p);
}

/* ── bags ── */

size_t haul_direct_bare(uint16_t type, const uint8_t *p, size_t n)
{
    if (type == HAUL_PT_STRING8)
        while (n && !p[n - 1])
            n--;
    if (type == HAUL_PT_UNICODE)
        while (n >= 2 && !p[n - 1] && !p[n - 2])
            n -= 2;
    return n;
}

/* Ids, conditions, rules (MS-OXCDATA 2.11.1): stored as octets are. */
static bool is_octets(uint16_t type)
{
    return type == 0xfb || type == 0xfd || type == 0xfe;
}

static bool is_known(uint16_t type)
{
    unsigned one = type & ~(unsigned)HAUL_PT_MULTI;
    bool multi = type & HAUL_PT_MULTI;
    return haul_prop_width(one) != SIZE_MAX &&
           !(multi && (one == HAUL_PT_OBJECT || one == HAUL_PT_BOOL || one == HAUL_PT_ERROR));
}

/* A type that does not exist: octets when there is a value where it says, else a number [pst-23]. */
static void mend_type(haul_direct *d, haul_props *props, haul_props_entry *entry)
{
    haul_props_value v;
    haul_err text;
    uint16_t type = entry->type;
    if (is_known(type))
        return;
    entry->type = HAUL_PT_BINARY;
    if (is_octets(type))
        return;
    bool there = haul_props_value_of(props, entry, &v, NULL) == HAUL_OK;
    entry->type = there ? HAUL_PT_BINARY : HAUL_PT_I32;
    haul_fail(&text, HAUL_SKIP, "property 0x%04x of type 0x%04x: taken as %s", entry->id, type,
              there ? "octets" : "a number");
    haul_direct_tell(d->pst, props->heap.node.nid, HAUL_ISSUE_PST_PROPERTY_TYPE, text.text);
}

/* A value that cannot be read leaves an empty one. */
static void take(haul_direct *d, haul_props *props, haul_props_entry entry, haul_arena *a, haul_bag *ret)
{
    uint16_t type = entry.type;
    uint32_t nid = props->heap.node.nid;
    haul_span value = {"", 0};
    haul_err why;
    mend_type(d, props, &entry);
    haul_prop p = {.id = entry.id, .type = is_octets(type) ? type : entry.type};
    if (haul_props_take(props, &entry, HAUL_PROP_MAX, a, &value, &why) != HAUL_OK)
        haul_direct_lost(d, nid, entry.id, type, why.text);
    haul_direct_name(d, &p);
    p.p = (const uint8_t *)value.p;
    p.n = haul_direct_bare(p.type, p.p, value.len);
    if (!haul_bag_add(ret, a, &p))
        haul_direct_lost(d, nid, entry.id, type, "the object has too many properties");
}

/* All of them but `skip`, 0 = none. */
static void take_all(haul_direct *d, haul_props *p, uint16_t skip, haul_arena *a, haul_bag *ret)
{
    haul_bth_walk w = {.tree = &p->tree};
    haul_props_entry entry = {0};
    haul_err why, text;
    for (haul_rc rc; (rc = haul_props_next(&w, &entry, &why)) != HAUL_END;) {
        if (rc == HAUL_OK && (entry.id != skip || !skip)) {
            take(d, p, entry, a, ret);
        } else if (rc != HAUL_OK) {
            haul_fail(&text, HAUL_SKIP, "some properties: %s", why.text);
            haul_direct_tell(d->pst, p->heap.node.nid, HAUL_ISSUE_PST_PROPERTY_LOST, text.text);
        }
    }
}

haul_rc haul_direct_bag(haul_direct *d, const haul_node *node, uint16_t skip, haul_arena *a, haul_bag *ret,
                        haul_err *e)
{
    haul_props p = {.heap.blocks.arena = a};
    haul_rc rc = haul_props_open(&p, &d->nodes, node, e);
    if (rc == HAUL_OK)
        take_all(d, &p, skip, a, ret);
    haul_props_done(&p);
    return rc;
}

/* ── data of attachments ── */

/* A value of its own: in the heap, or octets of a node. What is small stays in memory. */
static haul_rc locate_value(haul_props *p, const haul_props_entry *entry, uint64_t *kept, haul_arena *a,
                            haul_direct_data *ret, haul_err *e)
{
    haul_props_value v = {0};
    haul_span s = {0};
    haul_rc rc = haul_props_value_of(p, entry, &v, e);
    if (rc != HAUL_OK)
        return rc;
    ret->size = v.size;
    ret->id = v.data;
    if (v.where == HAUL_PROPS_NODE && (!v.single || v.size > HAUL_DIRECT_KEPT - *kept))
        return HAUL_OK;
    *kept += v.where == HAUL_PROPS_NODE ? v.size : 0;
    rc = haul_props_take(p, entry, HAUL_NODES_BLOCK, a, &s, e);
    ret->p = s.p;
    return rc;
}

/* The object's octets, or the message: a node of its own. */
static haul_rc locate_object(haul_props *p, const haul_props_entry *entry, haul_direct_data *ret, haul_err *e)
{
    haul_data d = {0};
    haul_rc rc = haul_props_object(p, entry, &ret->object, e);
    if (rc == HAUL_OK)
        rc = haul_data_open(&d, p->heap.nodes, ret->object.data, e);
    ret->size = d.size;
    ret->id = ret->object.data;
    haul_data_done(&d);
    return rc;
}

static haul_rc locate(haul_props *p, uint64_t *kept, haul_arena *a, haul_direct_data *ret, haul_err *e)
{
    haul_props_entry entry = {0};
    haul_rc rc = haul_props_find(p, HAUL_ATTACH_DATA, &entry, e);
    ret->type = entry.type;
    if (rc == HAUL_OK)
        rc = entry.type == HAUL_PT_OBJECT ? locate_object(p, &entry, ret, e)
                                          : locate_value(p, &entry, kept, a, ret, e);
    ret->known = rc == HAUL_OK || rc == HAUL_END;
    return ret->known ? HAUL_OK : rc;
}

haul_rc haul_direct_locate(haul_direct *d, const haul_node *attachment, uint64_t *kept, haul_arena *a,
                           haul_direct_data *ret, haul_err *e)
{
    haul_props p = {0};
    *ret = (haul_direct_data){0};
    haul_rc rc = haul_props_open(&p, &d->nodes, attachment, e);
    if (rc == HAUL_OK)
        rc = locate(&p, kept, a, ret, e);
    haul_props_done(&p);
    return rc;
}

haul_rc haul_direct_attachment(haul_direct *d, const haul_node *node, uint64_t *kept, haul_arena *a,
                               haul_bag *ret, haul_direct_data *ret_data, haul_err *e)
{
    haul_props p = {.heap.blocks.arena = a};
    *ret_data = (haul_direct_data){0};
    haul_rc rc = haul_props_open(&p, &d->nodes, node, e);
    if (rc == HAUL_OK) {
        take_all(d, &p, HAUL_ATTACH_DATA, a, ret);
        rc = locate(&p, kept, a, ret_data, e);
    }
    haul_props_done(&p);
    return rc;
}

haul_rc haul_direct_pour(haul_direct *d, const haul_direct_data *data, haul_out *to, haul_err *e)
{
    haul_data_loss loss = {0};
    if (data->p)
        return haul_out_write(to, data->p, (size_t)data->size, e);
    haul_rc rc = haul_nodes_pour(&d->nodes, data->id, to, &loss, e);
    if (loss.places && d->pst->msg)
        haul_msg_issue(
            d->pst->msg, HAUL_ISSUE_PST_BLOCK_DAMAGED,
            "%llu of %llu octets of an attachment cannot be read, from octet %llu on: NULs in their place",
            (unsigned long long)loss.octets, (unsigned long long)data->size, (unsigned long long)loss.first);
    if (loss.more && d->pst->msg)
        haul_msg_issue(d->pst->msg, HAUL_ISSUE_PST_BLOCK_DAMAGED,
                       "an attachment is said to have %llu octets, its blocks have more",
                       (unsigned long long)data->size);
    return rc;
}

/* ── what both engines make of them ── */

void haul_direct_doubt(haul_mapi_attach *at, haul_arena *a)
{
    int64_t said = haul_prop_int_or(haul_bag_get(&at->props, ATTACH_SIZE), 0);
    uint64_t others = EMPTY_SLACK;
    for (size_t i = 0; i < at->props.n; i++)
        others += at->props.v[i].n;
    if (at->size || said < 0 || (uint64_t)said <= others)
        return;
    at->claimed = (uint64_t)said - (others - EMPTY_SLACK);
    at->lost = true;
    at->why =
        haul_arena_printf(a, "no data, although about %llu octets are said", (unsigned long long)at->claimed);
}

/* Strings of 8 bits are in the code page of the message; what PidTagInternetCodepage says is about its body on the
 * wire, and is taken when nothing else is said and when it is a Windows code page. */
unsigned haul_direct_codepage(const haul_bag *b, unsigned otherwise)
{
    int64_t message = haul_prop_int_or(haul_bag_get(b, MESSAGE_CODEPAGE), 0);
    int64_t internet = haul_prop_int_or(haul_bag_get(b, INTERNET_CODEPAGE), 0);
    if (message > 0 && message <= 0xffff)
        return (unsigned)message;
    if (otherwise)
        return otherwise;
    if ((internet >= 1250 && internet <= 1258) || internet == 874 || internet == 932 || internet == 936 ||
        internet == 949 || internet == 950)
        return (unsigned)internet;
    return internet >= 50220 && internet <= 50222 ? 932 : 0;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void haul_direct_compare(haul_pst_children nodes, uint32_t *rows, size_t n,
                         bool (*is_there)(haul_pst *, uint32_t nid), haul_pst *p, haul_arena *a,
                         haul_pst_counts *ret)
{
    size_t i = 0;
    *ret = (haul_pst_counts){.rows = n, .lost = haul_arena_alloc(a, (n ? n : 1) * sizeof(*ret->lost))};
    if (n) /* qsort takes no NULL */
        qsort(rows, n, sizeof(*rows), by_value);
    for (size_t k = 0; k < n; k++) {
        if (k && rows[k] == rows[k - 1])
            continue;
        for (; i < nodes.n && nodes.v[i] < rows[k]; i++)
            ret->unlisted++;
        if (i < nodes.n && nodes.v[i] == rows[k])
            i++;
        else if (haul_nid_is_item(rows[k]) && is_there(p, rows[k]))
            ret->elsewhere++;
        else
            ret->lost[ret->absent++] = rows[k];
    }
    ret->unlisted += nodes.n - i;
}
