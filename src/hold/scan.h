/* Every file below a directory, in the octet order of whole paths: the order of a manifest. Follows no symbolic link. */
#ifndef HAUL_HOLD_SCAN_H
#define HAUL_HOLD_SCAN_H

#include "base/err.h"
#include "base/str.h"

#define HAUL_SCAN_DEPTH_MAX 64u       /* directories below one another */
#define HAUL_SCAN_NAMES_MAX 20000000u /* entries of one directory */

typedef struct haul_scan {
    /* A regular file: name in the directory dirfd. path: from the root that was given. */
    haul_rc (*file)(void *ctx, const char *path, int dirfd, const char *name, haul_err *e);
    /* What is neither file nor directory, or cannot be looked into: "a symbolic link", "a directory that cannot be read: …". */
    haul_rc (*other)(void *ctx, const char *path, const char *what, haul_err *e);
    /* False: do not go into this directory. NULL: go into all. */
    bool (*enter)(void *ctx, const char *path);
    void *ctx;
} haul_scan;

/* dirfd: borrowed. prefix: the path of that directory ("" = the root, "data"), put before all paths. Ends at the first callback that is
 * not HAUL_OK, with its code. Memory: the names of one directory and of those above it. */
HAUL_MUST_USE haul_rc haul_scan_files(int dirfd, const char *prefix, const haul_scan *s, haul_err *e);
/* A regular file for reading, waiting for nothing. HAUL_E_SOURCE: it cannot be read, or is no file. */
HAUL_MUST_USE haul_rc haul_scan_open(int dirfd, const char *name, int *ret_fd, uint64_t *ret_size,
                                     haul_err *e);

#endif
