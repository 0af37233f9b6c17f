/* Nodes and blocks of a store, read by ourselves through the view: enough to repair what libpff refuses. Everything is
 * bounded, nothing is believed. Source: MS-PST 2.2.2; 4k pages as libpff's description of the format has them. */
#ifndef HAUL_FORMATS_PST_RAW_H
#define HAUL_FORMATS_PST_RAW_H

#include "view.h"

#define HAUL_RAW_BLOCKS   4096u                 /* of one data tree that is loaded */
#define HAUL_RAW_OCTETS   (32u * 1024u * 1024u) /* of the same */
#define HAUL_RAW_SUBNODES 65536u                /* of one node */

typedef struct haul_raw {
    haul_view *view; /* borrowed */
    bool ansi, big;  /* 32-bit ids; 4k pages */
    uint8_t crypt;
    uint64_t nodes, blocks; /* offsets of the roots of the two B-trees */
} haul_raw;

typedef struct haul_raw_node {
    uint32_t nid;
    uint64_t data, sub; /* block ids, 0 = none */
    uint64_t at;        /* of its entry in the file */
} haul_raw_node;

typedef struct haul_raw_block {
    uint64_t bid, at; /* at: in the file */
    size_t n;
    uint8_t *p; /* decoded */
} haul_raw_block;

typedef struct haul_raw_data { /* a data tree */
    haul_raw_block *v;
    size_t n, octets;
} haul_raw_data;

typedef struct haul_raw_list {
    haul_raw_node *v; /* in the order of the tree */
    size_t n, cap;
} haul_raw_list;

/* False when the header is of no known version. */
bool haul_raw_open(haul_raw *r, haul_view *view);
/* A node of the store. False when it is not there or the tree cannot be read. */
bool haul_raw_find(haul_raw *r, uint32_t nid, haul_raw_node *ret);
/* The blocks of a data tree. False when one of them cannot be read; what was read stays in *ret. */
bool haul_raw_load(haul_raw *r, uint64_t bid, haul_raw_data *ret);
void haul_raw_data_done(haul_raw_data *d);
/* Subnodes; bid 0 = none. False when the tree cannot be read. */
bool haul_raw_subnodes(haul_raw *r, uint64_t bid, haul_raw_list *ret);
void haul_raw_list_done(haul_raw_list *l);
/* Show n (at most HAUL_VIEW_PATCH) other octets at `from` of a block's data, which is changed, too. */
bool haul_raw_patch(haul_raw *r, haul_raw_block *b, size_t from, const uint8_t *p, size_t n);

static inline uint32_t haul_raw16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}
static inline uint32_t haul_raw32(const uint8_t *p)
{
    return haul_raw16(p) | haul_raw16(p + 2) << 16;
}
static inline uint64_t haul_raw64(const uint8_t *p)
{
    return haul_raw32(p) | (uint64_t)haul_raw32(p + 4) << 32;
}

#endif
