/* Nodes, blocks, heaps and properties of a small store made here, in each of the three formats, with any octets of it changed.
 * Input: format and encoding (one octet), then changes: place (two octets), count (one), octets. Without changes all of the
 * store must be read; with changes everything must end, and nothing be given out that is not as large as was said. */
#include "fuzz.h"
#include "pst_small.h"

#include "pst/engine.h"
#include "pst/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STORE 16384u
typedef struct counter {
    haul_out out;
    uint64_t n, wrong;
} counter;

static haul_rc count(haul_out *o, const void *p, size_t n, haul_err *e)
{
    counter *c = (counter *)o;
    (void)e;
    for (size_t i = 0; i < n; i++)
        c->wrong += ((const uint8_t *)p)[i] != 'a';
    c->n += n;
    return HAUL_OK;
}

static void on_fault(void *ctx, const haul_nodes_fault *f)
{
    (void)f;
    ++*(size_t *)ctx;
}

/* All properties of a node; how many could be read. */
static size_t read_all(haul_nodes *n, const haul_node *at, haul_arena *a)
{
    haul_props p = {0};
    haul_bth_walk w = {.tree = &p.tree};
    haul_props_entry entry = {0};
    haul_span value = {0};
    size_t got = 0;
    haul_rc rc = haul_props_open(&p, n, at, NULL);
    while (rc == HAUL_OK && (rc = haul_props_next(&w, &entry, NULL)) != HAUL_END) {
        if (rc == HAUL_OK && haul_props_take(&p, &entry, STORE, a, &value, NULL) == HAUL_OK)
            got++;
        rc = got < STORE ? HAUL_OK : HAUL_END;
    }
    haul_props_done(&p);
    return got;
}

static bool pour(haul_nodes *n, const haul_node *attachment)
{
    haul_props p = {0};
    haul_props_entry entry = {0};
    haul_props_value value = {0};
    haul_data_loss loss = {0};
    counter c = {.out = {count}};
    haul_rc rc = haul_props_open(&p, n, attachment, NULL);
    if (rc == HAUL_OK)
        rc = haul_props_find(&p, 0x3701, &entry, NULL);
    if (rc == HAUL_OK)
        rc = haul_props_value_of(&p, &entry, &value, NULL);
    if (rc == HAUL_OK && value.where == HAUL_PROPS_NODE && value.size < 64 * STORE) {
        rc = haul_nodes_pour(n, value.data, &c.out, &loss, NULL);
        check(c.n <= value.size && loss.octets <= c.n && (rc != HAUL_OK || c.n == value.size));
    }
    haul_props_done(&p);
    return rc == HAUL_OK && c.n == VALUE && !c.wrong;
}

static bool look_at(haul_nodes *n)
{
    haul_node item = {0}, attachment = {0};
    haul_names names = {0};
    haul_prop named = {.id = 0x8000};
    haul_arena a = {0};
    bool whole = haul_nodes_find(n, ITEM, &item, NULL) == HAUL_OK && read_all(n, &item, &a) == 1 &&
                 haul_nodes_sub(n, item.sub, 0x8025, &attachment, NULL) == HAUL_OK &&
                 read_all(n, &attachment, &a) == 1 && pour(n, &attachment);
    if (haul_names_open(&names, n, NULL) == HAUL_OK)
        haul_names_find(&names, &named);
    haul_names_done(&names);
    haul_arena_done(&a);
    return whole;
}

/* ── the whole engine ── */

static void on_issue(void *ctx, haul_issue_id id, const char *detail)
{
    (void)id;
    *(size_t *)ctx += strlen(detail);
}

/* Takes m. */
static void take_item(haul_mapi *given)
{
    haul_auto(haul_mapi) *m = given;
    counter c = {.out = {count}};
    if (haul_mapi_load(m, NULL) != HAUL_OK)
        return;
    for (size_t i = 0; i < m->n_attachments && i < 8; i++) {
        haul_auto(haul_mapi) *inner = NULL;
        if (m->attachments[i].embedded && m->ops->embedded(m, i, &inner, NULL) == HAUL_OK)
            check(haul_mapi_load(inner, NULL) == HAUL_OK);
        else if (m->attachments[i].size < 64 * STORE && m->ops->data(m, i, &c.out, NULL) == HAUL_OK)
            check(m->attachments[i].size <= c.n);
    }
}

static void take_folder(haul_pst *p, uint32_t nid)
{
    haul_arena a = {0};
    haul_bag b = {0};
    haul_pst_counts counts = {0};
    haul_pst_children c = p->ops->children(p, nid, HAUL_NID_ITEM);
    if (p->ops->counts(p, nid, HAUL_NID_ITEM, &a, &counts, NULL) == HAUL_OK)
        check(counts.absent <= counts.rows && counts.unlisted <= c.n);
    if (p->ops->folder(p, nid, &a, &b, NULL) == HAUL_OK)
        check(b.n <= HAUL_BAG_MAX);
    for (size_t i = 0; i < c.n && i < 8; i++) {
        haul_mapi *m = NULL;
        if (p->ops->item(p, nid, c.v[i], &m, NULL) == HAUL_OK)
            take_item(m);
    }
    haul_arena_done(&a);
}

static void read_engine(int fd)
{
    haul_auto(haul_pst) *p = NULL;
    const haul_pst_found *found = NULL;
    size_t told = 0, n = 0, gone = 0;
    if (haul_pst_native_open(fd, STORE, false, on_issue, &told, &p, NULL) != HAUL_OK)
        return;
    haul_pst_children c = p->ops->children(p, 0, HAUL_NID_FOLDER);
    take_folder(p, 0);
    for (size_t i = 0; i < c.n && i < 8; i++)
        take_folder(p, c.v[i]);
    (void)p->ops->receive(p);
    check(p->ops->recover(p, false, &found, &n, &gone, NULL) == HAUL_OK && !gone);
    for (size_t i = 0; i < n && i < 8; i++) { /* the item is in no folder */
        haul_mapi *m = NULL;
        if (p->ops->recovered(p, &found[i], &m, NULL) == HAUL_OK)
            take_item(m);
    }
}

static void read_store(int fd, bool changed)
{
    haul_view v;
    haul_nodes n;
    size_t faults = 0;
    haul_view_init(&v, fd, STORE);
    bool opened = haul_nodes_open(&n, &v, NULL) == HAUL_OK;
    n.fault = on_fault;
    n.ctx = &faults;
    bool whole = opened && look_at(&n);
    check(changed || (whole && !faults));
    haul_nodes_done(&n);
    haul_view_done(&v);
    read_engine(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *f;
    static uint8_t store[STORE];
    unsigned kind = size ? data[0] : 0;
    maker m = {.p = store, .version = kind % 3, .crypt = (uint8_t)(kind / 3 % 3)};
    if (!f)
        f = tmpfile();
    check(f != NULL);
    m.id = m.version ? 8 : 4;
    make(&m, STORE);
    if (size)
        change(store, STORE, data + 1, size - 1);
    check(pwrite(fileno(f), store, STORE, 0) == (ssize_t)STORE);
    read_store(fileno(f), size > 1);
    return 0;
}
