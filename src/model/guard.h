/* How the parser of a confined reader says what it is about to touch, so that a crash or a hang costs that one thing.
 * The guard lies in memory shared with the parent process (model/confined.h); outside a confined process it is NULL
 * and every answer is GO. */
#ifndef HAUL_MODEL_GUARD_H
#define HAUL_MODEL_GUARD_H

#include <stdint.h>

typedef struct haul_guard haul_guard;

typedef enum haul_guard_verdict {
    HAUL_GUARD_GO, /* do it */
    HAUL_GUARD_PASS, /* the parent has this item already, or another child reads it: pass over it, touch nothing of it */
    HAUL_GUARD_LOST, /* an earlier child died or hung here: the parent reports it; leave it out */
} haul_guard_verdict;

typedef enum haul_guard_what {
    HAUL_GUARD_STORE, /* opening; never answered PASS */
    HAUL_GUARD_FOLDER, /* a folder's own properties and lists: never answered PASS, its children are needed again */
    HAUL_GUARD_ITEM,   /* an item that next() will return: next() and body() of it are one step */
    HAUL_GUARD_PASSED, /* never said by a reader: an item whose answer was PASS */
} haul_guard_what;

/* Before each store, folder and item, in an order that is the same in every run. node: where it is; folder: the id of the
 * declared folder that an item is in. The step lasts until the next call. For an item answered LOST or PASS the reader
 * goes on with the next one: it returns nothing for it (the parent does). */
haul_guard_verdict haul_guard_step(haul_guard *g, haul_guard_what what, uint64_t node, uint32_t folder);

#endif
