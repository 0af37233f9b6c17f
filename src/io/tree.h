/* A source as a tree of files: a directory, a single file, or a container (zip, tar, tar.gz, …)
 * read through libarchive without unpacking it to disk. Names inside are data, never paths of the
 * host: nothing outside the root is opened, symbolic links below the root are not followed. */
#ifndef HAUL_IO_TREE_H
#define HAUL_IO_TREE_H

#include "base/arena.h"
#include "io/in.h"

#include <stdbool.h>

#define HAUL_TREE_DEPTH_MAX   64u                 /* directories below one another */
#define HAUL_TREE_ENTRIES_MAX 20000000u           /* members of one container, names of one directory */
#define HAUL_TREE_UNPACK_MAX  (UINT64_C(1) << 43) /* octets one compressed member may unpack to */

typedef enum haul_entry_type { HAUL_ENTRY_FILE, HAUL_ENTRY_DIR, HAUL_ENTRY_OTHER } haul_entry_type;

typedef struct haul_entry {
    const char *name;     /* last component; raw octets, never "." or "..", no '/' */
    haul_entry_type type; /* OTHER: symlink, FIFO, socket, device: to be reported, never opened */
    bool
        packed; /* a DIR that is a container in a directory of downloads: no folder, whoever its files belong to */
} haul_entry;

typedef struct haul_stat {
    uint64_t size;     /* octets as stored (packed, for a compressed file) */
    int64_t mtime_us;  /* of the file or member */
    uint64_t dev, ino; /* 0 in containers */
} haul_stat;

typedef struct haul_tree haul_tree;

/* Open path (followed if it is a symlink itself). A FIFO, socket or device is refused with
 * HAUL_E_SOURCE at once, never waited for. A file whose content is a container becomes a tree; in a directory of
 * downloads (io/nest.h) containers are directories. */
HAUL_MUST_USE haul_rc haul_tree_open(const char *path, haul_tree **ret, haul_err *e);
void haul_tree_close(haul_tree *t);
HAUL_DEFINE_AUTO(haul_tree, haul_tree_close)
/* The plain file behind fd (a regular file, owned from here on) as a tree of its own: haul_tree_is_file. Opens nothing,
 * now or later, so that it serves a process that may not. label stands for path, label and real path. */
haul_tree *haul_tree_from_fd(int fd, const char *label);

const char *haul_tree_path(const haul_tree *t); /* as given */
/* The last component of path without trailing '/', resolved for "." and "..": "Mail", "a.mbox.gz". */
const char *haul_tree_label(const haul_tree *t);
/* The same of a path that may not be there. real: its absolute path, or path again where there is none. Owned by the caller. */
char *haul_tree_label_of(const char *path, const char *real);
bool haul_tree_is_file(const haul_tree *t); /* a single, not-container file: its only name is "" */
bool haul_tree_is_container(const haul_tree *t);
/* The absolute host path of the root, for recognising a source again. */
const char *haul_tree_realpath(const haul_tree *t);
/* Of a container whose end is damaged or cut off: what is wrong, for a source.unreadable issue; the
 * members before it can be read. NULL when the index is complete. */
const char *haul_tree_damage(const haul_tree *t);
/* The same of the containers in a directory of downloads that were looked into so far: "a.zip: …" for the i-th that is
 * damaged, from 0; NULL: there are no more. From a. */
const char *haul_tree_nested_damage(const haul_tree *t, size_t i, haul_arena *a);

/* The entries of a directory ("" = root, else "a/b" without a leading slash), in reading order: by
 * octets of the name for directories, in archive order for containers. Memory from a. A name that a
 * container holds twice gets " (2)". HAUL_SKIP: this directory is lost (unreadable, nested deeper than
 * HAUL_TREE_DEPTH_MAX), the source is not. */
HAUL_MUST_USE haul_rc haul_tree_list(haul_tree *t, const char *dir, haul_arena *a, haul_entry **ret,
                                     size_t *ret_n, haul_err *e);
bool haul_tree_has(haul_tree *t, const char *path, haul_entry_type type);
/* Open one file ("" when the tree is a file). Not unpacked: pass through haul_in_auto where wanted.
 * ret_stat may be NULL. HAUL_SKIP: this file is lost (vanished, unreadable), the source is not.
 * In a container, files are cheap in archive order; going back starts the archive anew. One file of
 * a container can be open at a time. */
HAUL_MUST_USE haul_rc haul_tree_read(haul_tree *t, const char *path, haul_in **ret, haul_stat *ret_stat,
                                     haul_err *e);
/* The same into an existing object (or NULL in *io) so that its buffer is reused. */
HAUL_MUST_USE haul_rc haul_tree_reread(haul_tree *t, const char *path, haul_in **io, haul_stat *ret_stat,
                                       haul_err *e);
/* The same for random access: a read-only descriptor, the caller's, at its start; lseek, pread and fstat work. What is
 * packed, or a member of a container, is unpacked into an unlinked temporary file first (up to HAUL_TREE_UNPACK_MAX);
 * ret_stat still tells of the file as stored. Of a tree made by haul_tree_from_fd the descriptor shares its offset
 * with the one given there, and nothing is unpacked. HAUL_E_TARGET: the temporary file cannot be written. */
HAUL_MUST_USE haul_rc haul_tree_fd(haul_tree *t, const char *path, int *ret_fd, haul_stat *ret_stat,
                                   haul_err *e);
/* A whole small file (at most max octets; larger fails with HAUL_SKIP), NUL-terminated, from a. */
HAUL_MUST_USE haul_rc haul_tree_slurp(haul_tree *t, const char *path, size_t max, haul_arena *a, char **ret,
                                      size_t *ret_n, haul_err *e);

#endif
