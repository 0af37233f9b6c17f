/* The folders of a source as its reader comes upon them: each is declared once, by parent and name. */
#ifndef HAUL_MODEL_DECLARE_H
#define HAUL_MODEL_DECLARE_H

#include "model/format.h"

typedef struct haul_declared { /* zero-initialised = none */
    haul_folders all;
    uint32_t *slots; /* open addressing: id + 1, 0 = free */
    size_t n_slots;
    uint32_t handed; /* ids below were given to the core */
} haul_declared;

/* The id of the folder `name` below `parent` (HAUL_FOLDER_NONE = top), declared now unless it was before.
 *   raw   octets as stored where they were not UTF-8, else NULL; strings are copied
 * HAUL_FOLDER_NONE when it lies deeper than HAUL_FOLDER_DEPTH_MAX. */
uint32_t haul_declare(haul_declared *d, uint32_t parent, const char *name, const char *raw, haul_role role);
/* Fill *it with the next folder that the core has not seen; false when it has seen all. */
bool haul_declared_next(haul_declared *d, haul_item *it);
void haul_declared_done(haul_declared *d);

#endif
