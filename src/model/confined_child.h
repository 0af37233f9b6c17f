/* Both ends of a confined reader: what the parent gives its child at the fork, and what the child does. Part of
 * confined.c; readers see model/guard.h, those who use one model/confined.h. */
#ifndef HAUL_MODEL_CONFINED_CHILD_H
#define HAUL_MODEL_CONFINED_CHILD_H

#include "io/ring.h"
#include "model/format.h"
#include "model/guard.h"

#include <stdatomic.h>
#include <sys/types.h>

/* Shared memory, written by the child alone: what it is doing now. The parent believes it as far as it makes sense. */
typedef struct haul_guard_page {
    uint64_t node;
    uint32_t what, folder;
    _Atomic uint64_t step;     /* from 1; 0 = none yet; written last */
    _Atomic uint64_t unwanted; /* by the parent: the body of the item of this step will not be used */
} haul_guard_page;

/* Several children of one run share its items: stretches of HAUL_STRETCH of them, in turn. Each takes all steps, passes
 * over the items of the others, and says TURN at the end of each stretch of its own. */
#define HAUL_STRETCH 64u

typedef struct haul_share { /* of a run, that one child has */
    unsigned index, of;
} haul_share;

/* The child's own. Steps are numbered alike in all children of a run, except behind a lost folder, of which nothing
 * was delivered before. */
struct haul_guard {
    haul_guard_page *page;
    const uint64_t *lost; /* steps of folders that an earlier child died in, ascending */
    size_t n_lost, next_lost;
    uint64_t frontier; /* items up to this step are the parent's already */
    haul_share share;
    uint64_t stretch;                          /* of items that the last one was in */
    void (*turn)(void *ctx, uint64_t stretch); /* the end of a stretch of our own; NULL = nobody asks */
    void *ctx;
    uint64_t step;                   /* the current one */
    uint32_t results, issues;        /* given in it so far */
    uint64_t stores, folders, items; /* steps of each kind so far */
    haul_ring *ring;                 /* for faults */
};

typedef struct haul_child {
    const haul_reader_ops *ops;
    const haul_values *values;
    const char *label;
    int fd, sock;
    haul_ring ring; /* answers */
    uint64_t memory;
    unsigned confine; /* HAUL_CONFINE_* wanted */
    pid_t parent;
    haul_guard guard;
} haul_child;

/* In the forked process: confine it, answer the parent until it hangs up. */
HAUL_NORETURN void haul_child_serve(haul_child *c);

#ifdef MAILHAUL_FAULTS
/* Test builds: do what MAILHAUL_FAULT says for this step ("crash@3,hang@f1,exit@s0,oom@*": item 3, folder 1, store 0,
 * all items; also spin, garbage). */
void haul_guard_fault(const haul_guard *g, haul_guard_what what);
#endif

#endif
