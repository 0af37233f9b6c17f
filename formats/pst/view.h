/* The octets of a store as a parser sees them: the file, read at offsets through windows of memory, with repairs laid
 * over it. Nothing is ever written. */
#ifndef HAUL_FORMATS_PST_VIEW_H
#define HAUL_FORMATS_PST_VIEW_H

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

#define HAUL_VIEW_WINDOWS 8u            /* places of the file that are read side by side */
#define HAUL_VIEW_FIRST   (8u * 1024u)  /* octets read of a new place */
#define HAUL_VIEW_BACK    (64u * 1024u) /* octets read up to a window behind a new place: its gap is closed */
#define HAUL_VIEW_GAP     (4u * 1024u)  /* octets that may be passed over where reading goes on */
#define HAUL_VIEW_WINDOW                                                                                     \
    (128u * 1024u) /* octets read at a time where reading goes on: twice as many each time */
#define HAUL_VIEW_LOOK    (64u * 1024u) /* octets looked at in one piece */
#define HAUL_VIEW_SECTOR  512u          /* octets of a disk that cannot be read together */
#define HAUL_VIEW_PATCHES 16384u        /* repairs of one file */
#define HAUL_VIEW_PATCH   8u            /* octets of one repair */

typedef struct haul_view_patch {
    uint64_t at;
    uint8_t n, octets[HAUL_VIEW_PATCH];
} haul_view_patch;

typedef struct haul_view_window {
    uint64_t start;    /* of what is in it */
    size_t len, ahead; /* ahead: octets that were read ahead */
    uint64_t used;     /* haul_view.uses of its last use */
    uint8_t *octets;   /* NULL = never used */
} haul_view_window;

typedef struct haul_view {
    int fd; /* borrowed */
    uint64_t size;
    haul_view_window blocks[HAUL_VIEW_WINDOWS]; /* of what is looked at */
    haul_view_window pages[HAUL_VIEW_WINDOWS];  /* of what is copied: small, and wanted again later */
    uint64_t uses;
    haul_view_patch *patches; /* in order of offset */
    size_t n_patches, cap;
} haul_view;

void haul_view_init(haul_view *v, int fd, uint64_t size);
void haul_view_done(haul_view *v);
/* Up to n octets at `at`: fewer at the end of the file, -1 when it cannot be read (errno). */
ssize_t haul_view_read(haul_view *v, uint64_t at, void *to, size_t n);
/* The same without a copy: at most HAUL_VIEW_LOOK octets, borrowed until the next call on the view. */
ssize_t haul_view_look(haul_view *v, uint64_t at, size_t n, const uint8_t **ret);
/* As haul_view_read; octets that cannot be read, HAUL_VIEW_SECTOR at a time, are NULs. Never -1. */
ssize_t haul_view_salvage(haul_view *v, uint64_t at, void *to, size_t n);
/* Show these octets (at most HAUL_VIEW_PATCH) in place of the file's: of the same place, the last count; otherwise repairs
 * do not overlap. False when there are too many. */
bool haul_view_patch_add(haul_view *v, uint64_t at, const uint8_t *p, size_t n);

/* Is any of these octets not the file's? */
bool haul_view_patched(const haul_view *v, uint64_t at, size_t n);

#endif
