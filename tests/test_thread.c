/* Jobs beside us: in order, no more than there is room for, and never in the middle of one when we fork. */
#include "base/thread.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROOM 5u
#define JOBS 20000u

typedef struct tally {
    uint64_t sum;
    unsigned n;
} tally;

/* Order decides the sum. */
static void add(void *ctx, void *job)
{
    tally *t = ctx;
    unsigned *n = job;
    t->sum = t->sum * 31 + *n;
    t->n++;
    *n = t->n;
}

Test(thread, does_jobs_in_order)
{
    tally t = {0};
    unsigned jobs[ROOM], taken = 0, *job;
    uint64_t sum = 0;
    haul_thread *thread = haul_thread_new(add, &t, ROOM);
    for (unsigned i = 0; i < JOBS; i++) {
        if (haul_thread_out(thread) == ROOM) {
            haul_thread_wait(thread, i % ROOM);
            while ((job = haul_thread_take(thread)))
                cr_assert_eq(*job, ++taken);
            cr_assert_leq(haul_thread_out(thread), i % ROOM);
        }
        jobs[i % ROOM] = i;
        sum = sum * 31 + i;
        haul_thread_give(thread, &jobs[i % ROOM]);
    }
    haul_thread_wait(thread, 0);
    while ((job = haul_thread_take(thread)))
        cr_assert_eq(*job, ++taken);
    cr_assert_eq(taken, JOBS);
    cr_assert_eq(haul_thread_out(thread), 0);
    cr_assert_null(haul_thread_take(thread));
    haul_thread_free(thread);
    cr_assert_eq(t.sum, sum);
}

Test(thread, ends_with_what_it_was_given)
{
    tally t = {0};
    unsigned jobs[ROOM] = {0};
    haul_thread *thread = haul_thread_new(add, &t, ROOM);
    for (unsigned i = 0; i < ROOM; i++)
        haul_thread_give(thread, &jobs[i]);
    haul_thread_free(thread);
    cr_assert_eq(t.n, ROOM);
    haul_thread_free(NULL);
}

static pthread_mutex_t taken =
    PTHREAD_MUTEX_INITIALIZER; /* as the tables of a library may be, for the time of a job */

/* With a thread of its own, which has jobs while a fork waits for this one. */
static void hold(void *ctx, void *job)
{
    haul_thread *inner = haul_thread_new(add, ctx, 1);
    pthread_mutex_lock(&taken);
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    haul_thread_give(inner, job);
    haul_thread_wait(inner, 0);
    pthread_mutex_unlock(&taken);
    haul_thread_free(inner);
}

Test(thread, is_between_two_jobs_when_we_fork)
{
    for (unsigned round = 0; round < 50; round++) {
        tally t = {0};
        unsigned jobs[2] = {0};
        int status;
        haul_thread *thread = haul_thread_new(hold, &t, 2);
        haul_thread_give(thread, &jobs[0]);
        haul_thread_give(thread, &jobs[1]);
        nanosleep(&(struct timespec){.tv_nsec = 100000L * round}, NULL);
        pid_t child = fork();
        if (child == 0)
            _exit(pthread_mutex_trylock(&taken) == 0 ? 0 : 1);
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "round %u", round);
        haul_thread_free(thread);
        cr_assert_eq(t.n, 2);
    }
}

static char *volatile last;

/* A child that waits for a lock of the allocator would wait for ever. */
Test(thread, has_begun_when_we_fork)
{
    for (unsigned round = 0; round < 1000; round++) {
        tally t = {0};
        int status;
        haul_thread *thread = haul_thread_new(add, &t, 1);
        pid_t child = fork();
        if (child == 0) {
            (void)alarm(20);
            for (size_t size = 16; size < 128; size += 16)
                for (unsigned i = 0; i < 1000; i++)
                    last = malloc(size);
            _exit(0);
        }
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "round %u", round);
        haul_thread_free(thread);
    }
}
