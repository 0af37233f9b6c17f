/* From a source folder to a folder of the target: rules × the target's naming. Pure but for the memory
 * of names already given, which keeps names that differ only in case apart. */
#ifndef HAUL_PIPE_MAP_H
#define HAUL_PIPE_MAP_H

#include "pipe/job.h"

typedef struct haul_map haul_map;

/* roles: haul_sink.roles, or NULL; borrowed, as is all the rest. */
haul_map *haul_map_new(const haul_naming *naming, const char *const *roles, const haul_map_rule *rules,
                       size_t n_rules, const char *prefix);
void haul_map_free(haul_map *m);
HAUL_DEFINE_AUTO(haul_map, haul_map_free)

typedef struct haul_mapped {
    uint32_t id;    /* of the target folder: equal for folders that are merged */
    bool known;     /* this target folder was given before */
    bool changed;   /* a name was escaped */
    bool cut;       /* a name was shortened */
    bool by_role;   /* the target's own folder for this use took it, or one above it */
    haul_path path; /* lives as long as the map */
} haul_mapped;

/* A target path that an earlier run gave: names that differ from its in case only get out of its way. */
void haul_map_reserve(haul_map *m, const char *target);

/* Map a folder. `earlier` (may be NULL) is the target path an earlier run gave it: it is kept.
 * The longest rule whose `from` is the folder's path or a parent of it wins; then the prefix is put in front. Where
 * neither says anything, a top folder with a role goes to the folder that has this role in the target, with all
 * below it; several of one role are merged there. */
void haul_map_folder(haul_map *m, const haul_folders *fs, uint32_t folder, const char *earlier,
                     haul_mapped *ret);

#endif
