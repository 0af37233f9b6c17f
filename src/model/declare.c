#include "model/declare.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

static size_t slot_of(const haul_declared *d, uint32_t parent, const char *name)
{
    size_t at = (size_t)haul_fnv64(name, strlen(name), haul_fnv64(&parent, sizeof(parent), 0));
    for (;; at++) {
        at &= d->n_slots - 1;
        if (!d->slots[at])
            return at;
        const haul_folder *f = &d->all.v[d->slots[at] - 1];
        if (f->parent == parent && strcmp(f->name, name) == 0)
            return at;
    }
}

static void grow(haul_declared *d)
{
    free(d->slots);
    d->n_slots = d->n_slots ? d->n_slots * 2 : 64;
    d->slots = haul_calloc(d->n_slots, sizeof(*d->slots));
    for (uint32_t id = 0; id < d->all.n; id++)
        d->slots[slot_of(d, d->all.v[id].parent, d->all.v[id].name)] = id + 1;
}

uint32_t haul_declare(haul_declared *d, uint32_t parent, const char *name, const char *raw, haul_role role)
{
    if (d->all.n * 2 >= d->n_slots)
        grow(d);
    size_t at = slot_of(d, parent, name);
    if (d->slots[at])
        return d->slots[at] - 1;
    haul_folder f = {.id = (uint32_t)d->all.n, .parent = parent, .name = name, .raw_name = raw, .role = role};
    if (!haul_folders_add(&d->all, &f))
        return HAUL_FOLDER_NONE;
    d->slots[at] = f.id + 1;
    return f.id;
}

bool haul_declared_next(haul_declared *d, haul_item *it)
{
    if (d->handed >= d->all.n)
        return false;
    it->type = HAUL_ITEM_FOLDER;
    it->folder = d->all.v[d->handed++];
    return true;
}

void haul_declared_done(haul_declared *d)
{
    haul_folders_done(&d->all);
    free(d->slots);
    *d = (haul_declared){0};
}
