/* Nodes, blocks, heaps and properties of a small store made here, in each of the three formats, with any octets of it changed.
 * Input: format and encoding (one octet), then changes: place (two octets), count (one), octets. Without changes all of the
 * store must be read; with changes everything must end, and nothing be given out that is not as large as was said. */
#include "fuzz.h"

#include "pst/crypt.h"
#include "pst/engine.h"
#include "pst/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define STORE  16384u
#define NBT    1024u /* places in the file */
#define BBT    5120u
#define BLOCKS 9216u
#define SLOT   512u
#define LEAF   300u /* octets of data in a block */
#define ITEM   0x200024u
#define VALUE  (2 * LEAF)

enum {
    PROPS = 0x4,
    ATTACHMENT = 0x8,
    LEAF_1 = 0xc,
    LEAF_2 = 0x10,
    XBLOCK = 0x16,
    XXBLOCK = 0x1a,
    SUBS = 0x1e,
    VALUES = 0x22
};

typedef struct maker {
    uint8_t *p;
    unsigned version; /* 0 ANSI, 1 Unicode, 2 with 4k pages */
    uint8_t crypt;
    size_t id; /* octets of ids */
    size_t n;  /* blocks */
} maker;

static void put(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t sum(const uint8_t *p, size_t n)
{
    return (uint32_t)crc32(0xffffffffu, p, (uInt)n) ^ 0xffffffffu;
}

/* Both trailers: two octets, signature, then checksum and id in an order of the format's. */
static void trailer(const maker *m, uint8_t *t, uint32_t head, uint64_t at, uint64_t id, uint32_t crc)
{
    uint32_t x = (uint32_t)(at ^ id);
    put(t, head, 2);
    put(t + 2, x >> 16 ^ x, 2);
    put(t + (m->version ? 4 : 8), crc, 4);
    put(t + (m->version ? 8 : 4), id, m->id);
}

static void page(const maker *m, uint64_t at, uint8_t kind, size_t n, size_t entry)
{
    uint8_t *p = m->p + at;
    size_t foot = m->version == 2 ? 4056 : m->version ? 488 : 496;
    size_t end = m->version == 2 ? 4072 : m->version ? 496 : 500, wide = m->version == 2 ? 2 : 1;
    put(p + foot, n, wide);
    put(p + foot + wide, n, wide);
    p[foot + 2 * wide] = (uint8_t)entry;
    trailer(m, p + end, kind | (uint32_t)kind << 8, at, kind, sum(p, end));
}

/* Encoded; the second leaf is compressed, too, where the format knows that. */
static void block(maker *m, uint64_t id, const uint8_t *data, size_t n)
{
    uint64_t at = BLOCKS + m->n * SLOT;
    uint8_t *p = m->p + at, *e = m->p + BBT + m->n++ * (m->version ? 24 : 12), plain[SLOT];
    size_t stored = n,
           foot = m->version == 2 ? 24
                  : m->version    ? 16
                                  : 12,
           align = m->version == 2 ? SLOT : 64;
    uLongf packed = SLOT;
    memcpy(plain, data, n);
    if (!(id & 2))
        haul_crypt_encode(m->crypt, id, 0, plain, n);
    if (m->version == 2 && id == LEAF_2 && compress(p, &packed, plain, n) == Z_OK)
        stored = packed;
    else
        memcpy(p, plain, n);
    size_t room = (stored + foot + align - 1) / align * align;
    trailer(m, p + room - foot, (uint32_t)stored, at, id, sum(p, stored));
    put(e, id, m->id);
    put(e + m->id, at, m->id);
    put(e + 2 * m->id, stored, 2);
    put(e + 2 * m->id + 2, m->version == 2 ? n : 1, 2);
}

/* A heap with a B-tree of one record of eight octets, and a value of four. */
static void props(maker *m, uint64_t id, const uint8_t *record)
{
    static const uint8_t head[] = {12 + 8 + 8 + 4, 0, 0xec, 0xbc, 0x20, 0, 0, 0, 0, 0, 0, 0,
                                   0xb5,           2, 6,    0,    0x40};
    static const uint8_t map[] = {3, 0, 0, 0, 12, 0, 20, 0, 28, 0, 32, 0};
    uint8_t p[44] = {0};
    memcpy(p, head, sizeof(head));
    memcpy(p + 20, record, 8);
    memcpy(p + 28, "text", 4);
    memcpy(p + 32, map, sizeof(map));
    block(m, id, p, sizeof(p));
}

static void list(maker *m, uint64_t id, uint8_t level, size_t n, const uint64_t *ids, uint32_t total)
{
    uint8_t p[24] = {1, level, (uint8_t)n};
    put(p + 4, total, 4);
    for (size_t i = 0; i < n; i++)
        put(p + 8 + i * m->id, ids[i], m->id);
    block(m, id, p, 8 + n * m->id);
}

static void subnode(maker *m, uint64_t id, uint32_t nid, uint64_t data, uint64_t sub)
{
    uint8_t p[32] = {2, 0, 1};
    size_t head = m->version ? 8 : 4;
    put(p + head, nid, m->id);
    put(p + head + m->id, data, m->id);
    put(p + head + 2 * m->id, sub, m->id);
    block(m, id, p, head + 3 * m->id);
}

static void node(const maker *m, size_t i, uint32_t nid, uint64_t data, uint64_t sub)
{
    uint8_t *e = m->p + NBT + i * (m->version ? 32 : 16);
    put(e, nid, m->id);
    put(e + m->id, data, m->id);
    put(e + 2 * m->id, sub, m->id);
}

static void header(const maker *m)
{
    static const uint8_t versions[] = {14, 23, 36};
    uint8_t *root = m->p + (m->version ? 216 : 184);
    memcpy(m->p, "!BDN", 4);
    m->p[10] = versions[m->version];
    m->p[m->version ? 513 : 461] = m->crypt;
    put(root, 0x81, m->id);
    put(root + m->id, NBT, m->id);
    put(root + 2 * m->id, 0x80, m->id);
    put(root + 3 * m->id, BBT, m->id);
}

static void make(maker *m)
{
    static const uint8_t subject[] = {0x37, 0, 0x1e, 0, 0x60, 0, 0, 0},
                         data[] = {1, 0x37, 2, 1, 0x3f, 0x80, 0, 0};
    static const uint64_t leaves[] = {LEAF_1, LEAF_2}, lists[] = {XBLOCK};
    uint8_t leaf[LEAF];
    memset(leaf, 'a', sizeof(leaf));
    memset(m->p, 0, STORE);
    header(m);
    props(m, PROPS, subject);
    props(m, ATTACHMENT, data);
    block(m, LEAF_1, leaf, LEAF);
    block(m, LEAF_2, leaf, LEAF);
    list(m, XBLOCK, 1, 2, leaves, VALUE);
    list(m, XXBLOCK, 2, 1, lists, VALUE);
    subnode(m, SUBS, 0x8025, ATTACHMENT, VALUES);
    subnode(m, VALUES, 0x803f, XXBLOCK, 0);
    page(m, BBT, 0x80, m->n, m->version ? 24 : 12);
    node(m, 0, 0x61, PROPS, 0);
    node(m, 1, ITEM, PROPS, SUBS);
    page(m, NBT, 0x81, 2, m->version ? 32 : 16);
}

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

static void change(uint8_t *store, const uint8_t *data, size_t size)
{
    while (size > 3) {
        size_t at = data[0] | (size_t)data[1] << 8, n = data[2];
        data += 3;
        size -= 3;
        n = n < size ? n : size;
        for (size_t i = 0; i < n; i++)
            store[(at + i) % STORE] = data[i];
        data += n;
        size -= n;
    }
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
    make(&m);
    if (size)
        change(store, data + 1, size - 1);
    check(pwrite(fileno(f), store, STORE, 0) == (ssize_t)STORE);
    read_store(fileno(f), size > 1);
    return 0;
}
