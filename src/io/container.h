/* The members of a zip, tar, cpio or 7z file as a tree, through libarchive. Part of tree.c; formats see haul_tree. */
#ifndef HAUL_IO_CONTAINER_H
#define HAUL_IO_CONTAINER_H

#include "io/tree.h"

#define HAUL_CONTAINER_HEAD  512u                /* octets that tell a container */
#define HAUL_CONTAINER_NAMES (UINT64_C(1) << 31) /* octets of all member names together */

typedef struct haul_container haul_container;

/* Index the file. fd is borrowed, regular, and must stay open; its offset is ours. *ret is NULL when the
 * content is no container: text is never claimed, only magic numbers and checksums count.
 * HAUL_E_SOURCE: not one member can be read; HAUL_E_LIMIT: too many. */
HAUL_MUST_USE haul_rc haul_container_open(int fd, const char *name, haul_container **ret, haul_err *e);
void haul_container_close(haul_container *c);
const char *haul_container_damage(const haul_container *c); /* as haul_tree_damage */

/* As the functions of haul_tree. */
HAUL_MUST_USE haul_rc haul_container_list(haul_container *c, const char *dir, haul_arena *a, haul_entry **ret,
                                          size_t *ret_n, haul_err *e);
bool haul_container_has(const haul_container *c, const char *path, haul_entry_type type);
HAUL_MUST_USE haul_rc haul_container_read(haul_container *c, const char *path, haul_in **io,
                                          haul_stat *ret_stat, haul_err *e);

#endif
