/* Targets on disk: directories beneath a handle, files that appear whole or not at all, one sync a batch. */
#ifndef HAUL_IO_ATOMIC_H
#define HAUL_IO_ATOMIC_H

#include "base/err.h"
#include "io/out.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* Open (and make, with parents) the directory rel below dirfd; rel has no "..", no leading '/', "" = a
 * duplicate of dirfd. Symbolic links on the way are refused (HAUL_E_TARGET). Returns an owned descriptor in *ret_fd. */
HAUL_MUST_USE haul_rc haul_dir_make(int dirfd, const char *rel, int *ret_fd, haul_err *e);
/* Set mtime (and atime) of an open file; us is clamped to what the file system takes. */
HAUL_MUST_USE haul_rc haul_set_mtime(int fd, int64_t us, const char *name, haul_err *e);
/* Put everything written below this descriptor's file system on disk: one syncfs. */
HAUL_MUST_USE haul_rc haul_sync_fs(int fd, haul_err *e);
/* Write a whole small file as name below dirfd: temporary name, fsync, rename. */
HAUL_MUST_USE haul_rc haul_write_file(int dirfd, const char *name, const void *p, size_t n, haul_err *e);
/* The same for a file of any size: push into &a->file.out, then commit, or drop what is there of it. */
typedef struct haul_atomic { /* {.file = {.fd = -1}} = not open */
    haul_file file;
    int dirfd; /* borrowed */
    char name[NAME_MAX + 1], temp[NAME_MAX + 1];
} haul_atomic;
HAUL_MUST_USE haul_rc haul_atomic_open(haul_atomic *a, int dirfd, const char *name, haul_err *e);
HAUL_MUST_USE haul_rc haul_atomic_commit(haul_atomic *a, haul_err *e); /* dropped where it fails */
void haul_atomic_drop(haul_atomic *a);                                 /* does nothing once it is committed */
/* True when dirfd has no entry except those whose name is `except` (may be NULL). */
bool haul_dir_is_empty(int dirfd, const char *except);

/* Make a directory that the user named, with the parents that are missing; one that is there is kept. */
HAUL_MUST_USE haul_rc haul_dirs_make(const char *path, haul_err *e);

#endif
