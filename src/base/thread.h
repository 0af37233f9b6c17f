/* A thread beside ours that does jobs in the order in which they are given, and the list of those it has done.
 *
 * One thread gives and takes; the jobs belong to the other in between. Where no thread can be had, a job is done when it is
 * given. A fork finds every such thread between two jobs (pthread_atfork), so that the child finds no lock taken by one. */
#ifndef HAUL_BASE_THREAD_H
#define HAUL_BASE_THREAD_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct haul_thread haul_thread;

/* run: does one job. room: jobs that are given and not yet taken, at most. The thread takes no signals. Never NULL. */
haul_thread *haul_thread_new(void (*run)(void *ctx, void *job), void *ctx, size_t room);
/* Waits for what was given; jobs that were not taken are the caller's still. NULL is accepted. */
void haul_thread_free(haul_thread *t);
HAUL_DEFINE_AUTO(haul_thread, haul_thread_free)

/* Jobs given and not yet taken. */
size_t haul_thread_out(const haul_thread *t);
/* haul_thread_out is below room. */
void haul_thread_give(haul_thread *t, void *job);
/* The oldest job, done; NULL: it is not, or there is none. */
void *haul_thread_take(haul_thread *t);
/* Until no more than `left` jobs of those given are still to be done. */
void haul_thread_wait(haul_thread *t, size_t left);

#endif
