#include "base/thread.h"

#include "base/err.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

#define STACK ((size_t)8 * 1024 * 1024) /* whatever `ulimit -s` says */

struct haul_thread {
    void (*run)(void *ctx, void *job);
    void *ctx;
    pthread_t id;
    bool started; /* else jobs are done when they are given */
    size_t room;
    uint64_t given, taken; /* the caller's alone; `given` is told under the lock */
    pthread_mutex_t lock;
    pthread_cond_t come, gone; /* something to do; enough is done */
    uint64_t todo, done;       /* jobs, from the first */
    uint64_t wanted;           /* the caller waits until so many are done; 0 = it does not wait */
    bool idle, ending;
    bool waited; /* once, at least */
    void *jobs[];
};

/* ── forks: threads read-lock this for each job. The default kind prefers readers, and has to: a job that waits for a
 *    thread of its own would else wait for the fork that waits for it. ── */

static pthread_rwlock_t working;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void new_lock(void)
{
    (void)pthread_rwlock_init(&working, NULL);
}

static void before_fork(void)
{
    (void)pthread_rwlock_wrlock(&working);
}

static void in_parent(void)
{
    (void)pthread_rwlock_unlock(&working);
}

static void prepare(void)
{
    new_lock();
    (void)pthread_atfork(before_fork, in_parent, new_lock);
}

/* ── the thread ── */

static void *job_at(const haul_thread *t, uint64_t i)
{
    return t->jobs[i % t->room];
}

/* The next job; false: there will be none. */
static bool next(haul_thread *t, void **ret_job)
{
    pthread_mutex_lock(&t->lock);
    t->idle = true;
    if (!t->waited)
        pthread_cond_signal(&t->gone);
    t->waited = true;
    while (t->done == t->todo && !t->ending)
        pthread_cond_wait(&t->come, &t->lock);
    t->idle = false;
    bool some = t->done < t->todo;
    if (some)
        *ret_job = job_at(t, t->done);
    pthread_mutex_unlock(&t->lock);
    return some;
}

static void finished(haul_thread *t)
{
    pthread_mutex_lock(&t->lock);
    t->done++;
    if (t->wanted && t->done >= t->wanted)
        pthread_cond_signal(&t->gone);
    pthread_mutex_unlock(&t->lock);
}

static void *work(void *p)
{
    haul_thread *t = p;
    void *job;
    while (next(t, &job)) {
        (void)pthread_rwlock_rdlock(&working);
        t->run(t->ctx, job);
        (void)pthread_rwlock_unlock(&working);
        finished(t);
    }
    return NULL;
}

/* Signals are for the thread that looks at what they set. */
static bool create(haul_thread *t)
{
    sigset_t all, before;
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0)
        return false;
    sigfillset(&all);
    bool ready =
        pthread_attr_setstacksize(&attr, STACK) == 0 && pthread_sigmask(SIG_SETMASK, &all, &before) == 0;
    bool created = ready && pthread_create(&t->id, &attr, work, t) == 0;
    if (ready)
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attr);
    return created;
}

/* Until it waits for jobs: what a thread does to begin takes locks as well (of AddressSanitizer's allocator), and is no job. */
static bool start(haul_thread *t)
{
    (void)pthread_once(&once, prepare);
    if (!create(t))
        return false;
    pthread_mutex_lock(&t->lock);
    while (!t->waited)
        pthread_cond_wait(&t->gone, &t->lock);
    pthread_mutex_unlock(&t->lock);
    return true;
}

/* ── the caller ── */

haul_thread *haul_thread_new(void (*run)(void *ctx, void *job), void *ctx, size_t room)
{
    haul_thread *t = haul_calloc(1, sizeof(*t) + room * sizeof(t->jobs[0]));
    t->run = run;
    t->ctx = ctx;
    t->room = room;
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->come, NULL);
    pthread_cond_init(&t->gone, NULL);
    t->started = start(t);
    return t;
}

void haul_thread_free(haul_thread *t)
{
    if (!t)
        return;
    if (t->started) {
        pthread_mutex_lock(&t->lock);
        t->ending = true;
        pthread_cond_signal(&t->come);
        pthread_mutex_unlock(&t->lock);
        (void)pthread_join(t->id, NULL);
    }
    pthread_cond_destroy(&t->gone);
    pthread_cond_destroy(&t->come);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

size_t haul_thread_out(const haul_thread *t)
{
    return (size_t)(t->given - t->taken);
}

void haul_thread_give(haul_thread *t, void *job)
{
    t->jobs[t->given++ % t->room] = job;
    if (!t->started) {
        t->run(t->ctx, job);
        t->done = t->todo = t->given;
        return;
    }
    pthread_mutex_lock(&t->lock);
    t->todo = t->given;
    if (t->idle)
        pthread_cond_signal(&t->come);
    pthread_mutex_unlock(&t->lock);
}

void *haul_thread_take(haul_thread *t)
{
    if (t->taken == t->given)
        return NULL;
    pthread_mutex_lock(&t->lock);
    bool done = t->taken < t->done;
    pthread_mutex_unlock(&t->lock);
    return done ? job_at(t, t->taken++) : NULL;
}

void haul_thread_wait(haul_thread *t, size_t left)
{
    if (!t->started || t->given <= left)
        return;
    pthread_mutex_lock(&t->lock);
    t->wanted = t->given - left;
    while (t->done < t->wanted)
        pthread_cond_wait(&t->gone, &t->lock);
    t->wanted = 0;
    pthread_mutex_unlock(&t->lock);
}
