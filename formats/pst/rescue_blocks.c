/* Items whose nodes are lost: of all blocks, property contexts that no node and no other block names and that look like messages,
 * each with the list of subnodes that is its own. [pst-44]
 *
 * Source: MS-PST 2.2.2.8.3 (XBLOCK, SLBLOCK), 2.3.1.2 (HNHDR), 2.3.3 (property contexts). */
#include "engine.h"
#include "ltp.h"
#include "rescue.h"
#include "rescue_pairs.h"

#include "mime/prop.h"
#include "mime/tags.h"

#include <stdlib.h>
#include <string.h>

#define NAMED_MAX   4096u            /* subnodes that a context names, or a list has, to be looked at */
#define GUESSED_BY  1000000u         /* blocks at most that tell the encoding */
#define NOWHERE     (UINT64_MAX / 2) /* "place" of an entry that is in no page */
#define COUNT_TAG   0x3602u          /* PidTagContentCount: of folders */
#define NAME_BUCKET 0x0001u          /* of the map of names, MS-PST 2.4.7 */
#define NAME_STREAM 0x0002u
#define NAME_ENTRY  0x0003u
#define HAS_ATTACH  0x10u /* of PidTagMessageFlags */
#define ASSOCIATED  0x40u

typedef enum kind { OTHER, CONTEXT, TREE, SUBS } kind;

typedef struct piece {
    uint64_t id;
    uint8_t kind;
    bool claimed; /* another block names it */
} piece;

struct haul_carving {
    haul_nodes *nodes;
    piece *v; /* in order of id, once ready */
    size_t n, cap;
    bool ready;
    haul_half *halves; /* of nodes, in that order */
    size_t n_halves, cap_halves;
    uint32_t *nids; /* that they name */
    size_t n_nids, cap_nids;
    bool has_names; /* the map of names is known */
};

typedef struct context {   /* what its properties say */
    bool class, count;     /* it has PidTagMessageClass; PidTagContentCount */
    unsigned map;          /* a bit for each property of a map of names */
    uint32_t flags;        /* PidTagMessageFlags */
    bool has_flags, names; /* names: the recipients are known, */
    uint64_t people;
    size_t n; /* subnodes that they name, the last of haul_carving.nids */
} context;

static uint64_t key_of(uint64_t id)
{
    return id & ~HAUL_NODES_RESERVED;
}

/* ── which blocks are named by others ── */

static void claim(haul_carving *c, uint64_t id)
{
    size_t low = 0, high = c->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (key_of(c->v[mid].id) < key_of(id))
            low = mid + 1;
        else
            high = mid;
    }
    if (low < c->n && key_of(c->v[low].id) == key_of(id))
        c->v[low].claimed = true;
}

/* A list: entries of `size` octets behind `from`, in which block ids are from `at` on, `ids` of them. */
static void claim_list(haul_carving *c, const uint8_t *p, size_t n, size_t from, size_t size, size_t at,
                       size_t ids)
{
    const haul_nodes *o = c->nodes;
    size_t count = haul_nodes16(p + 2);
    for (size_t i = 0; i < count && from + (i + 1) * size <= n; i++)
        for (size_t k = 0; k < ids; k++)
            claim(c, haul_nodes_id(o, p + from + i * size + at + k * o->layout->id));
}

static void look_at_list(haul_carving *c, piece *x, const uint8_t *p, size_t n)
{
    size_t id = c->nodes->layout->id;
    if (p[0] == HAUL_NODES_DATALIST) {
        x->kind = TREE;
        claim_list(c, p, n, 8, id, 0, 1);
    } else if (p[0] == HAUL_NODES_SUBLIST) {
        x->kind = SUBS;
        claim_list(c, p, n, c->nodes->layout->sub, (p[1] ? 2 : 3) * id, id, p[1] ? 1 : 2);
    }
}

static void look_at(haul_carving *c, piece *x, uint8_t octets[HAUL_NODES_BLOCK])
{
    haul_block b;
    if (haul_nodes_block(c->nodes, x->id, octets, &b, NULL) != HAUL_OK || b.n < 8)
        return;
    if (x->id & HAUL_NODES_INTERNAL)
        look_at_list(c, x, octets, b.n);
    else if (octets[2] == HAUL_HN_SIGNATURE && octets[3] == HAUL_HN_PROPS)
        x->kind = CONTEXT;
}

/* ── contexts ── */

static bool is_message(const context *x)
{
    return x->class && !x->count;
}

static bool is_map(const context *x)
{
    return !x->class && x->map == (1u << NAME_BUCKET | 1u << NAME_STREAM | 1u << NAME_ENTRY);
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void add_nid(haul_carving *c, uint32_t nid)
{
    c->nids = haul_grown(c->nids, c->n_nids, &c->cap_nids, sizeof(*c->nids));
    c->nids[c->n_nids++] = nid;
}

static void note_entry(haul_carving *c, context *x, const haul_props_entry *p)
{
    bool known = haul_prop_width(p->type & ~(unsigned)HAUL_PT_MULTI) != SIZE_MAX;
    x->class = x->class || p->id == HAUL_TAG_MESSAGE_CLASS;
    x->count = x->count || p->id == COUNT_TAG;
    x->map |= p->id >= NAME_BUCKET && p->id <= NAME_ENTRY ? 1u << p->id : 0;
    if (p->id == HAUL_TAG_MESSAGE_FLAGS && p->type == HAUL_PT_I32) {
        x->flags = p->value;
        x->has_flags = true;
    }
    if (!known || haul_props_inline(p->type) || !(p->value & 0x1f) || x->n == NAMED_MAX)
        return;
    add_nid(c, p->value);
    x->n++;
}

/* The context of a piece, when it may be a node's. */
static bool read_context(haul_carving *c, const piece *x, context *ret)
{
    haul_props props = {0};
    haul_props_entry p;
    haul_node node = {.data = x->id};
    *ret = (context){0};
    haul_rc rc = haul_props_open(&props, c->nodes, &node, NULL);
    haul_bth_walk w = {.tree = &props.tree};
    while (rc == HAUL_OK) {
        rc = haul_props_next(&w, &p, NULL);
        if (rc == HAUL_OK)
            note_entry(c, ret, &p);
    }
    ret->names = rc == HAUL_END && is_message(ret) && haul_people_named(&props, &ret->people);
    haul_props_done(&props);
    return rc == HAUL_END && (is_message(ret) || is_map(ret));
}

/* ── halves of nodes ── */

static void add_half(haul_carving *c, const haul_half *h)
{
    if (h->n > 1)
        qsort(c->nids + h->first, h->n, sizeof(*c->nids), by_value);
    c->halves = haul_grown(c->halves, c->n_halves, &c->cap_halves, sizeof(*c->halves));
    c->halves[c->n_halves++] = *h;
}

static void take_context(haul_carving *c, const piece *x)
{
    context says;
    size_t first = c->n_nids;
    if (!read_context(c, x, &says)) {
        c->n_nids = first;
        return;
    }
    add_half(c, &(haul_half){.id = x->id,
                             .map = is_map(&says),
                             .associated = says.flags & ASSOCIATED,
                             .says = says.has_flags,
                             .attachments = says.flags & HAS_ATTACH,
                             .names = says.names,
                             .people = says.people,
                             .first = first,
                             .n = says.n});
}

static void take_list(haul_carving *c, const piece *x)
{
    haul_node_list list = {0};
    haul_half h = {.id = x->id, .list = true, .first = c->n_nids};
    if (haul_nodes_list(c->nodes, x->id, &list, NULL) == HAUL_OK && list.n && list.n <= NAMED_MAX) {
        for (size_t i = 0; i < list.n; i++) {
            add_nid(c, list.v[i].nid);
            h.attachments = h.attachments || HAUL_NID_TYPE(list.v[i].nid) == HAUL_NID_ATTACHMENT;
        }
        h.n = list.n;
        h.names = haul_people_listed(c->nodes, &list, &h.people);
        add_half(c, &h);
    }
    haul_nodes_list_done(&list);
}

/* ── items ── */

/* Messages in the order of their blocks, that is, of their making; of maps of names the newest. */
static void give(const haul_carving *c, haul_node_list *ret)
{
    haul_node names = {0};
    uint32_t next = HAUL_RESCUE_ITEM;
    for (size_t i = 0; i < c->n_halves; i++) {
        const haul_half *h = &c->halves[i];
        haul_node node = {.data = h->id, .at = NOWHERE};
        if (h->list)
            continue;
        if (h->other != HAUL_PAIRS_NONE)
            node.sub = c->halves[h->other].id;
        if (h->map) {
            node.nid = HAUL_NID_NAMES;
            names = node;
            continue;
        }
        node.nid = next++ << 5 | (h->associated ? HAUL_NID_ASSOCIATED : HAUL_NID_ITEM);
        node.parent = HAUL_RESCUE_FOLDER;
        haul_nodes_list_add(ret, &node);
    }
    if (names.data && !c->has_names)
        haul_nodes_list_add(ret, &names);
}

haul_carving *haul_carving_new(haul_nodes *n)
{
    haul_carving *c = haul_calloc(1, sizeof(*c));
    c->nodes = n;
    return c;
}

void haul_carving_add(haul_carving *c, uint64_t id)
{
    c->v = haul_grown(c->v, c->n, &c->cap, sizeof(*c->v));
    c->v[c->n++] = (piece){.id = id};
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = key_of(((const piece *)a)->id), y = key_of(((const piece *)b)->id);
    return (x > y) - (x < y);
}

/* The tree gives them in order: nothing to sort, which would take as much memory again. */
static void put_in_order(haul_carving *c)
{
    for (size_t i = 1; i < c->n; i++)
        if (by_key(&c->v[i - 1], &c->v[i]) > 0) {
            qsort(c->v, c->n, sizeof(*c->v), by_key);
            return;
        }
}

static void guess_encoding(haul_carving *c)
{
    size_t n = c->n < GUESSED_BY ? c->n : GUESSED_BY;
    uint64_t *ids = haul_alloc((n + 1) * sizeof(*ids));
    for (size_t i = 0; i < n; i++)
        ids[i] = c->v[i].id;
    haul_rescue_encoding(c->nodes, ids, n);
    free(ids);
}

/* All blocks are there: what lists name is not a node's own. */
static void read_lists(haul_carving *c)
{
    if (c->ready)
        return;
    c->ready = true;
    put_in_order(c);
    if (c->nodes->guessed)
        guess_encoding(c);
    uint8_t *octets = haul_alloc(HAUL_NODES_BLOCK);
    for (piece *x = c->v; x < c->v + c->n; x++)
        if (x->id & HAUL_NODES_INTERNAL)
            look_at(c, x, octets);
    free(octets);
}

void haul_carving_known(haul_carving *c, const haul_node *node)
{
    read_lists(c);
    claim(c, node->data);
    claim(c, node->sub);
    c->has_names = c->has_names || node->nid == HAUL_NID_NAMES;
}

void haul_carving_take(haul_carving *c, haul_node_list *ret)
{
    read_lists(c);
    uint8_t *octets = haul_alloc(HAUL_NODES_BLOCK);
    for (piece *x = c->v; x < c->v + c->n; x++) {
        if (!x->claimed && !(x->id & HAUL_NODES_INTERNAL))
            look_at(c, x, octets);
        if (!x->claimed && x->kind == SUBS)
            take_list(c, x);
        else if (!x->claimed && x->kind != OTHER)
            take_context(c, x);
    }
    free(octets);
    haul_pairs_find(c->halves, c->n_halves, c->nids);
    give(c, ret);
}

void haul_carving_free(haul_carving *c)
{
    free(c->halves);
    free(c->nids);
    free(c->v);
    free(c);
}
