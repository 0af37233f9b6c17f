/* What two engines read of the same thing, compared; what differs is said, the values with it. Nothing is passed over but
 * NULs at the end of strings, which neither engine gives. Rules: docs/formats/pst.md [pst-38]. */
#ifndef HAUL_FORMATS_PST_COMPARE_H
#define HAUL_FORMATS_PST_COMPARE_H

#include "engine.h"

#define HAUL_COMPARE_SHOWN 16u /* octets of a value, and ids of a list, that are named */

typedef struct haul_compare_sums {
    uint64_t folders, items, values, recipients,
        attachments;                         /* that both read; embedded messages are items */
    uint64_t octets;                         /* of values and of data of attachments */
    uint64_t differences, known, uncompared; /* that were told */
} haul_compare_sums;

typedef struct haul_compare { /* zero-initialised but for tell and ctx; haul_compare_done */
    void (*tell)(void *ctx, haul_issue_id id, const char *text);
    void *ctx;
    haul_compare_sums sums;
    haul_str where;      /* in front of what is told: "attachment 2: " */
    size_t cells;        /* of recipients of one message that are not there and libpff gives as zero */
    haul_str first_cell; /* the first of them */
    size_t message;      /* octets of where that name that message */
} haul_compare;

void haul_compare_done(haul_compare *c);
/* A difference (HAUL_ISSUE_PST_ENGINES_DIFFER), one whose reason is known (…_KNOWN), or what cannot be compared
 * (…_UNCOMPARED), counted; fmt: what follows c->where. */
void haul_compare_tell(haul_compare *c, haul_issue_id id, const char *fmt, ...) HAUL_PRINTF(3, 4);
/* Of two outcomes of reading the same: true when both are OK. One that is not is told; two are no difference. */
bool haul_compare_outcome(haul_compare *c, haul_rc own, const haul_err *why, haul_rc pff,
                          const haul_err *pff_why);
/* Properties by id: type, name, octets. row: of a table, whose cells libpff gives as zero when they are not there. */
void haul_compare_bags(haul_compare *c, const haul_bag *own, const haul_bag *pff, bool row);
/* Lists of node ids in ascending order; what: "items". */
void haul_compare_lists(haul_compare *c, const char *what, haul_pst_children own, haul_pst_children pff);
/* All of two messages: properties, recipients, attachments with their data, messages embedded in them. Data are
 * compared by size and SHA-256 and never held. */
void haul_compare_objects(haul_compare *c, haul_mapi *own, haul_mapi *pff);

typedef struct haul_compare_pair { /* HAUL_COMPARE_NONE: only the other one has it */
    size_t own, pff;
} haul_compare_pair;
#define HAUL_COMPARE_NONE SIZE_MAX

/* Which of two lists belong together: by key, of equal ones in their order. Writes at most n_own + n_pff pairs, in the order of
 * keys, and returns how many. */
size_t haul_compare_align(const uint64_t *own, size_t n_own, const uint64_t *pff, size_t n_pff,
                          haul_compare_pair *ret);

#endif
