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

#define HEAP        0xecu /* bSig, 2.3.1.2 */
#define PROPS       0xbcu /* bClientSig of a property context */
#define LIST        0x01u /* btype: XBLOCK and XXBLOCK */
#define SUBNODES    0x02u /* btype: SLBLOCK and SIBLOCK */
#define CRYPTS      3u
#define TRIED       64u              /* contexts that are enough to know an encoding by */
#define NEEDED_MAX  64u              /* subnodes that are looked for in a list */
#define NOWHERE     (UINT64_MAX / 2) /* "place" of an entry that is in no page */
#define ATTACHMENTS 0x671u           /* subnode: the table of attachments, MS-PST 2.4.6.1 */
#define COUNT_TAG   0x3602u          /* PidTagContentCount: of folders */
#define NAME_BUCKET 0x0001u          /* of the map of names, MS-PST 2.4.7 */
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
    uint32_t next; /* index of the next item */
} carving;

typedef struct context { /* what its properties say */
    bool message, names, associated;
    int attachments; /* -1: unknown */
    uint32_t needed[NEEDED_MAX];
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

/* Without a header nothing says how blocks are encoded: as makes the most of them contexts. */
static void find_encoding(carving *c, uint8_t octets[HAUL_NODES_BLOCK])
{
    uint8_t best = c->nodes->crypt;
    size_t most = 0;
    for (uint8_t crypt = 0; crypt < CRYPTS; crypt++) {
        size_t contexts = 0;
        haul_block b;
        c->nodes->crypt = crypt;
        for (size_t i = 0; i < c->n && contexts < TRIED; i++)
            contexts += !(c->v[i].id & HAUL_NODES_INTERNAL) &&
                        haul_nodes_block(c->nodes, c->v[i].id, octets, &b, NULL) == HAUL_OK && b.n >= 8 &&
                        octets[2] == HEAP && octets[3] == PROPS;
        best = contexts > most ? crypt : best;
        most = contexts > most ? contexts : most;
    }
    c->nodes->crypt = best;
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

static bool is_outside(const haul_props_entry *p)
{
    size_t width = haul_prop_width(p->type);
    return (p->type & HAUL_PT_MULTI) || p->type == HAUL_PT_OBJECT || !width || (width > 4 && width < 64);
}

static void note_entry(context *x, const haul_props_entry *p, bool *folder, unsigned *map)
{
    x->message = x->message || p->id == HAUL_TAG_MESSAGE_CLASS;
    *folder = *folder || p->id == COUNT_TAG;
    *map |= p->id >= NAME_BUCKET && p->id <= NAME_ENTRY ? 1u << p->id : 0;
    if (p->id == HAUL_TAG_MESSAGE_FLAGS && p->type == HAUL_PT_I32) {
        x->attachments = (p->value & HAS_ATTACH) != 0;
        x->associated = (p->value & ASSOCIATED) != 0;
    }
    if (is_outside(p) && p->value & 0x1f && x->n < NEEDED_MAX)
        x->needed[x->n++] = p->value;
}

static bool read_context(carving *c, uint64_t id, context *ret)
{
    haul_props props = {0};
    haul_props_entry p;
    haul_node node = {.data = id};
    haul_rc rc = haul_props_open(&props, c->nodes, &node, NULL);
    haul_bth_walk w = {.tree = &props.tree};
    bool folder = false;
    unsigned map = 0;
    *ret = (context){.attachments = -1};
    while (rc == HAUL_OK) {
        rc = haul_props_next(&w, &p, NULL);
        if (rc == HAUL_OK)
            note_entry(ret, &p, &folder, &map);
    }
    haul_props_done(&props);
    ret->names = !ret->message && map == (1u << 1 | 1u << 2 | 1u << 3);
    ret->message = ret->message && !folder;
    return rc == HAUL_END && (ret->message || ret->names);
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
    if (fit && x->message && x->attachments >= 0)
        fit = has(&list, ATTACHMENTS) == (x->attachments == 1);
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
    return are_neighbours(c, k, o) && !c->v[o].claimed && (c->v[o].kind == CONTEXT || c->v[o].kind == TREE) &&
           read_context(c, c->v[o].id, &other) && fits(c, &c->v[k], &other);
}

/* The list allocated right behind the block or right in front of it; NULL: none, or both could be, or it could be another's. */
static piece *subnodes_of(carving *c, size_t i, const context *x)
{
    bool behind = are_neighbours(c, i, i + 1) && fits(c, &c->v[i + 1], x),
         before = i > 0 && are_neighbours(c, i, i - 1) && fits(c, &c->v[i - 1], x);
    size_t k = behind ? i + 1 : i - 1;
    return behind == before || is_wanted(c, k, i) ? NULL : &c->v[k];
}

static void add(carving *c, haul_node node)
{
    haul_node_list *l = c->found;
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 64;
        l->v = haul_realloc(l->v, l->cap * sizeof(*l->v));
    }
    l->v[l->n++] = node;
}

/* Messages in the order of their blocks, that is, of their making; of maps of names the newest. */
static void take(carving *c, size_t i)
{
    context x;
    piece *p = &c->v[i];
    if (p->claimed || (p->kind != CONTEXT && p->kind != TREE) || !read_context(c, p->id, &x))
        return;
    piece *sub = subnodes_of(c, i, &x);
    haul_node node = {.data = p->id, .sub = sub ? sub->id : 0, .at = NOWHERE};
    if (sub)
        sub->claimed = true;
    if (x.names) {
        node.nid = NAME_MAP;
        for (size_t k = 0; k < c->found->n; k++)
            if (c->found->v[k].nid == NAME_MAP) {
                c->found->v[k] = node;
                return;
            }
    } else {
        node.nid = c->next++ << 5 | (x.associated ? HAUL_NID_ASSOCIATED : HAUL_NID_ITEM);
        node.parent = HAUL_RESCUE_FOLDER;
    }
    add(c, node);
}

void haul_rescue_items(haul_nodes *n, const uint64_t *ids, size_t count, haul_node_list *ret)
{
    carving c = {.nodes = n, .n = count, .found = ret, .next = HAUL_RESCUE_ITEM};
    uint8_t *octets = haul_alloc(HAUL_NODES_BLOCK);
    c.v = haul_calloc(count + 1, sizeof(*c.v));
    for (size_t i = 0; i < count; i++)
        c.v[i].id = ids[i];
    if (n->guessed)
        find_encoding(&c, octets);
    for (size_t i = 0; i < count; i++)
        look_at(&c, &c.v[i], octets);
    for (size_t i = 0; i < count; i++)
        take(&c, i);
    free(c.v);
    free(octets);
}
