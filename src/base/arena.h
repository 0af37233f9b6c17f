/* A region of memory whose pieces die together. */
#ifndef HAUL_BASE_ARENA_H
#define HAUL_BASE_ARENA_H

#include "base/attr.h"

#include <stddef.h>

typedef struct haul_arena_block haul_arena_block;

typedef struct haul_arena { /* zero-initialised = empty */
    haul_arena_block *top;
    size_t used; /* octets handed out since the last reset */
} haul_arena;

/* n octets, aligned for any object, not zeroed; zeroed by _calloc. Never NULL. */
void *haul_arena_alloc(haul_arena *a, size_t n);
void *haul_arena_calloc(haul_arena *a, size_t n);
/* A NUL-terminated copy of n octets / of s (NULL gives NULL). */
char *haul_arena_strn(haul_arena *a, const void *p, size_t n);
char *haul_arena_str(haul_arena *a, const char *s);
char *haul_arena_printf(haul_arena *a, const char *fmt, ...) HAUL_PRINTF(2, 3);
/* Forget every piece; the largest block is kept for reuse. */
void haul_arena_reset(haul_arena *a);
void haul_arena_done(haul_arena *a);

#endif
