#include "base/arena.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BLOCK 4096u
#define BLOCK_MAX   (1024u * 1024u) /* blocks stop doubling here; one larger piece gets its own */
#define ALIGNMENT   _Alignof(max_align_t)

struct haul_arena_block {
    haul_arena_block *below;
    size_t size, used;
    _Alignas(max_align_t) char data[];
};

static haul_arena_block *block_new(size_t size, haul_arena_block *below)
{
    haul_arena_block *b = haul_alloc(sizeof(*b) + size);
    *b = (haul_arena_block){.below = below, .size = size};
    return b;
}

static void grow(haul_arena *a, size_t n)
{
    size_t size = a->top ? a->top->size * 2 : FIRST_BLOCK;
    if (size > BLOCK_MAX)
        size = BLOCK_MAX;
    if (size < n)
        size = n;
    a->top = block_new(size, a->top);
}

void *haul_arena_alloc(haul_arena *a, size_t n)
{
    if (n > SIZE_MAX / 2)
        haul_oom();
    size_t need = (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (!a->top || a->top->size - a->top->used < need)
        grow(a, need);
    void *p = a->top->data + a->top->used;
    a->top->used += need;
    a->used += n;
    return p;
}

void *haul_arena_calloc(haul_arena *a, size_t n)
{
    return memset(haul_arena_alloc(a, n), 0, n);
}

char *haul_arena_strn(haul_arena *a, const void *p, size_t n)
{
    char *to = haul_arena_alloc(a, n + 1);
    if (n)
        memcpy(to, p, n);
    to[n] = '\0';
    return to;
}

char *haul_arena_str(haul_arena *a, const char *s)
{
    return s ? haul_arena_strn(a, s, strlen(s)) : NULL;
}

char *haul_arena_printf(haul_arena *a, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    size_t len = n > 0 ? (size_t)n : 0;
    char *to = haul_arena_alloc(a, len + 1);
    to[0] = '\0';
    va_start(args, fmt);
    (void)vsnprintf(to, len + 1, fmt, args);
    va_end(args);
    return to;
}

void haul_arena_reset(haul_arena *a)
{
    haul_arena_block *keep = NULL, *below;
    for (haul_arena_block *b = a->top; b; b = below) {
        below = b->below;
        if (keep && keep->size >= b->size) {
            free(b);
            continue;
        }
        free(keep);
        keep = b;
    }
    if (keep) {
        keep->below = NULL;
        keep->used = 0;
    }
    a->top = keep;
    a->used = 0;
}

void haul_arena_done(haul_arena *a)
{
    haul_arena_block *below;
    for (haul_arena_block *b = a->top; b; b = below) {
        below = b->below;
        free(b);
    }
    *a = (haul_arena){0};
}
