/* Containers in a directory of downloads: what Takeout, Vault and evidence exports give is several zips, and small files that tell
 * of them. A directory (or container) whose top holds nothing else is walked as if each of them were a directory. Part of
 * tree.c; formats see haul_tree. */
#ifndef HAUL_IO_NEST_H
#define HAUL_IO_NEST_H

#include "io/container.h"

#define HAUL_NEST_MAX 1000u /* containers of one directory that are walked; with more of them none is */

typedef struct haul_nest haul_nest;

/* The containers among the entries of a top directory: plain files called *.zip, *.tar, *.tgz or *.tar.gz. NULL where that
 * directory has none, or anything else but files called .xml, .csv, .json, .html and .txt: it is no directory of downloads.
 * Names that begin with a dot do not count. */
haul_nest *haul_nest_new(const haul_entry *v, size_t n);
void haul_nest_free(haul_nest *n);

/* The container that path leads into, by its index; false, nothing set, when it leads into none. *ret_rest: the path in it. */
bool haul_nest_find(const haul_nest *n, const char *path, size_t *ret_index, const char **ret_rest);
size_t haul_nest_count(const haul_nest *n);
const char *haul_nest_name(const haul_nest *n, size_t i);
haul_container *haul_nest_get(const haul_nest *n, size_t i); /* NULL: not opened yet */
/* Take fd, which stays open. HAUL_SKIP: it is no container, or cannot be read. */
HAUL_MUST_USE haul_rc haul_nest_open(haul_nest *n, size_t i, int fd, haul_err *e);

#endif
