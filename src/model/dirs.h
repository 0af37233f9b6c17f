/* The directories of a target's folders, by folder id: named once, a few of them kept open. */
#ifndef HAUL_MODEL_DIRS_H
#define HAUL_MODEL_DIRS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define HAUL_DIRS_MAX  (1u << 24) /* folders of a target */
#define HAUL_DIRS_OPEN 16u        /* that stay open below one root */

typedef struct haul_dirs { /* zero-initialised = none */
    char **paths;          /* by folder id; NULL = not declared */
    size_t n;
} haul_dirs;

/* Declare a folder; *ret_new: it was not declared before. HAUL_E_LIMIT: too many. */
HAUL_MUST_USE haul_rc haul_dirs_add(haul_dirs *d, uint32_t id, const char *path, bool *ret_new, haul_err *e);
/* The path given for it; HAUL_E_TARGET: it was not declared. */
HAUL_MUST_USE haul_rc haul_dirs_path(const haul_dirs *d, uint32_t id, const char **ret, haul_err *e);
void haul_dirs_done(haul_dirs *d);

typedef struct haul_dirs_kept { /* of these, open below one directory */
    int root;                   /* borrowed; -1 = none */
    struct {
        uint32_t id;
        int fd; /* -1 = closed */
    } v[HAUL_DIRS_OPEN];
} haul_dirs_kept;

void haul_dirs_keep(haul_dirs_kept *k, int root);
/* The directory of a declared folder, made if need be; borrowed until as many others were asked for. */
HAUL_MUST_USE haul_rc haul_dirs_get(haul_dirs_kept *k, const haul_dirs *d, uint32_t id, int *ret_fd,
                                    haul_err *e);
void haul_dirs_close(haul_dirs_kept *k);

#endif
