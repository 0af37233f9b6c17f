/* Which list of subnodes is which property context's, where nothing says so any more: by what both say of the same things, and by
 * where they lie. [pst-44]
 *
 * Source: MS-PST 2.2.2.8.3.3 (SLBLOCK), 2.4.5 (messages); MS-OXOMSG 2.2.1.7 to .9 (PidTagDisplayTo and its like). */
#ifndef HAUL_FORMATS_PST_RESCUE_PAIRS_H
#define HAUL_FORMATS_PST_RESCUE_PAIRS_H

#include "ltp.h"

#define HAUL_PAIRS_NONE SIZE_MAX

typedef struct haul_half { /* a context, or a list, that no other block names */
    uint64_t id;           /* of its block */
    bool list;
    bool map, associated; /* context: a map of names; an associated message */
    bool says;            /* context: its flags say whether there are attachments; a list has them, or not */
    bool attachments;
    bool names;      /* the recipients are known; */
    uint64_t people; /* what haul_people_* make of them, 0 = nobody */
    size_t first, n; /* subnodes, in nids, in order: context: that its properties name; list: that it has */
    size_t other;    /* found: index of the other half, else HAUL_PAIRS_NONE */
} haul_half;

/* Set v[].other. v: in order of id. Halves belong together when they have nothing of another item between them, agree, and lie side by
 * side, or not far apart with recipients or subnodes in common; a half that could belong to either neighbour belongs to the
 * one on the side where the store's other lists are, or to none. */
void haul_pairs_find(haul_half *v, size_t n, const uint32_t *nids);

/* The recipients, as one number that does not depend on their order: of what the properties of a message, and of what the table of a
 * list names. False: they do not say. */
bool haul_people_named(haul_props *message, uint64_t *ret);
bool haul_people_listed(haul_nodes *n, const haul_node_list *subnodes, uint64_t *ret);

#endif
