/* Items of a store whose node B-tree is gone: of all blocks, property contexts that no other block names and that look like
 * messages. Writers allocate the data of a node and its list of subnodes one right after the other, so the list beside it is
 * its own when it has all the subnodes that its properties name; any other would be a guess, and is not made. [pst-44]
 *
 * Source: MS-PST 2.2.2.8.3 (XBLOCK, SLBLOCK), 2.3.1.2 (HNHDR), 2.3.3 (property contexts). */
#include "engine.h"
#include "ltp.h"
#include "rescue.h"

#include "mime/prop.h"
#include "mime/tags.h"

#include <stdlib.h>
#include <string.h>

#define HEAP        0xecu            /* bSig, 2.3.1.2 */
#define PROPS       0xbcu            /* bClientSig of a property context */
#define LIST        0x01u            /* btype: XBLOCK and XXBLOCK */
#define SUBNODES    0x02u            /* btype: SLBLOCK and SIBLOCK */
#define NEEDED_MAX  64u              /* subnodes that are looked for in a list */
#define NOWHERE     (UINT64_MAX / 2) /* "place" of an entry that is in no page */
#define ATTACHMENTS 0x671u           /* subnode: the table of attachments, MS-PST 2.4.6.1 */
#define COUNT_TAG   0x3602u          /* PidTagContentCount: of folders */
#define NAME_BUCKET 0x0001u          /* of the map of names, MS-PST 2.4.7 */
#define NAME_STREAM 0x0002u
#define NAME_ENTRY  0x0003u
#define NAME_MAP    0x61u
#define HAS_ATTACH  0x10u /* of PidTagMessageFlags */
#define ASSOCIATED  0x40u

typedef enum kind { OTHER, CONTEXT, TREE, SUBS } kind;

typedef struct piece {
    uint64_t id;
    uint8_t kind;
    bool claimed; /* another block names it */
} piece;

typedef struct carving {
    haul_nodes *nodes;
    piece *v; /* in order of id */
    size_t n;
    haul_node_list *found;
    haul_node names; /* the map of names; none: no data */
    uint32_t next;   /* index of the next item */
} carving;

typedef struct context { /* what its properties say */
    bool class, count;   /* it has PidTagMessageClass; PidTagContentCount */
    unsigned map;        /* a bit for each property of a map of names */
    uint32_t flags;      /* PidTagMessageFlags */
    bool has_flags;
    uint32_t needed[NEEDED_MAX]; /* subnodes that are named */
    size_t n;
} context;

static uint64_t key_of(uint64_t id)
{
    return id & ~HAUL_NODES_RESERVED;
}

/* ── which blocks are named by others ── */

static void claim(carving *c, uint64_t id)
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
static void claim_list(carving *c, const uint8_t *p, size_t n, size_t from, size_t size, size_t at,
                       size_t ids)
{
    const haul_nodes *o = c->nodes;
    size_t count = haul_nodes16(p + 2);
    for (size_t i = 0; i < count && from + (i + 1) * size <= n; i++)
        for (size_t k = 0; k < ids; k++)
            claim(c, haul_nodes_id(o, p + from + i * size + at + k * o->layout->id));
}

static void look_at_list(carving *c, piece *x, const uint8_t *p, size_t n)
{
    size_t id = c->nodes->layout->id;
    if (p[0] == LIST) {
        x->kind = TREE;
        claim_list(c, p, n, 8, id, 0, 1);
    } else if (p[0] == SUBNODES) {
        x->kind = SUBS;
        claim_list(c, p, n, c->nodes->layout->sub, (p[1] ? 2 : 3) * id, id, p[1] ? 1 : 2);
    }
}

static void look_at(carving *c, piece *x, uint8_t octets[HAUL_NODES_BLOCK])
{
    haul_block b;
    if (haul_nodes_block(c->nodes, x->id, octets, &b, NULL) != HAUL_OK || b.n < 8)
        return;
    if (x->id & HAUL_NODES_INTERNAL)
        look_at_list(c, x, octets, b.n);
    else if (octets[2] == HEAP && octets[3] == PROPS)
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

static void note_entry(context *x, const haul_props_entry *p)
{
    bool known = haul_prop_width(p->type & ~(unsigned)HAUL_PT_MULTI) != SIZE_MAX;
    x->class = x->class || p->id == HAUL_TAG_MESSAGE_CLASS;
    x->count = x->count || p->id == COUNT_TAG;
    x->map |= p->id >= NAME_BUCKET && p->id <= NAME_ENTRY ? 1u << p->id : 0;
    if (p->id == HAUL_TAG_MESSAGE_FLAGS && p->type == HAUL_PT_I32) {
        x->flags = p->value;
        x->has_flags = true;
    }
    if (known && !haul_props_inline(p->type) && p->value & 0x1f && x->n < NEEDED_MAX)
        x->needed[x->n++] = p->value;
}

/* The context of piece i, when it may be a node's. */
static bool read_context(carving *c, size_t i, context *ret)
{
    const piece *x = &c->v[i];
    haul_props props = {0};
    haul_props_entry p;
    haul_node node = {.data = x->id};
    *ret = (context){0};
    if (x->claimed || (x->kind != CONTEXT && x->kind != TREE))
        return false;
    haul_rc rc = haul_props_open(&props, c->nodes, &node, NULL);
    haul_bth_walk w = {.tree = &props.tree};
    while (rc == HAUL_OK) {
        rc = haul_props_next(&w, &p, NULL);
        if (rc == HAUL_OK)
            note_entry(ret, &p);
    }
    haul_props_done(&props);
    return rc == HAUL_END && (is_message(ret) || is_map(ret));
}

/* ── its subnodes ── */

static bool has(const haul_node_list *l, uint32_t nid)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i].nid == nid)
            return true;
    return false;
}

static bool fits(carving *c, const piece *sub, const context *x)
{
    haul_node_list list = {0};
    bool fit = sub->kind == SUBS && !sub->claimed &&
               haul_nodes_list(c->nodes, sub->id, &list, NULL) == HAUL_OK && list.n;
    for (size_t i = 0; fit && i < x->n; i++)
        fit = has(&list, x->needed[i]);
    if (fit && x->has_flags)
        fit = has(&list, ATTACHMENTS) == ((x->flags & HAS_ATTACH) != 0);
    haul_nodes_list_done(&list);
    return fit;
}

static bool are_neighbours(const carving *c, size_t i, size_t k)
{
    uint64_t low = HAUL_NODES_RESERVED | HAUL_NODES_INTERNAL;
    return k < c->n && (c->v[k].id & ~low) - (c->v[i].id & ~low) + 4 <= 8; /* one id on either side */
}

/* Could list k belong to another context than i, on its other side? Then it is nobody's: a wrong one would be worse. */
static bool is_wanted(carving *c, size_t k, size_t i)
{
    context other;
    size_t o = k > i ? k + 1 : k - 1;
    return are_neighbours(c, k, o) && read_context(c, o, &other) && fits(c, &c->v[k], &other);
}

/* The list allocated right behind the block or right in front of it; NULL: none, or both could be, or it could be another's. */
static piece *subnodes_of(carving *c, size_t i, const context *x)
{
    bool behind = are_neighbours(c, i, i + 1) && fits(c, &c->v[i + 1], x),
         before = i > 0 && are_neighbours(c, i, i - 1) && fits(c, &c->v[i - 1], x);
    size_t k = behind ? i + 1 : i - 1;
    return behind == before || is_wanted(c, k, i) ? NULL : &c->v[k];
}

/* Messages in the order of their blocks, that is, of their making; of maps of names the newest. */
static void take(carving *c, size_t i)
{
    context x;
    if (!read_context(c, i, &x))
        return;
    piece *sub = subnodes_of(c, i, &x);
    haul_node node = {.data = c->v[i].id, .sub = sub ? sub->id : 0, .at = NOWHERE};
    if (sub)
        sub->claimed = true;
    if (is_map(&x)) {
        node.nid = NAME_MAP;
        c->names = node;
        return;
    }
    node.nid = c->next++ << 5 | (x.flags & ASSOCIATED ? HAUL_NID_ASSOCIATED : HAUL_NID_ITEM);
    node.parent = HAUL_RESCUE_FOLDER;
    haul_nodes_list_add(c->found, &node);
}

void haul_rescue_items(haul_nodes *n, const uint64_t *ids, size_t count, haul_node_list *ret)
{
    carving c = {.nodes = n, .n = count, .found = ret, .next = HAUL_RESCUE_ITEM};
    uint8_t *octets = haul_alloc(HAUL_NODES_BLOCK);
    c.v = haul_calloc(count + 1, sizeof(*c.v));
    for (size_t i = 0; i < count; i++)
        c.v[i].id = ids[i];
    if (n->guessed)
        haul_rescue_encoding(n, ids, count);
    for (size_t i = 0; i < count; i++)
        look_at(&c, &c.v[i], octets);
    for (size_t i = 0; i < count; i++)
        take(&c, i);
    if (c.names.data)
        haul_nodes_list_add(ret, &c.names);
    free(c.v);
    free(octets);
}
