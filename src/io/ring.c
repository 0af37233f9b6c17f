#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "io/ring.h"

#include <string.h>
#include <sys/mman.h>

bool haul_ring_open(haul_ring *r, size_t size, size_t lot)
{
    void *p = mmap(NULL, sizeof(haul_ring_shared) + size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                   -1, 0);
    if (p == MAP_FAILED)
        return false;
    *r = (haul_ring){.shared = p, .size = size, .lot = lot};
    return true;
}

void haul_ring_close(haul_ring *r)
{
    if (r->shared)
        (void)munmap(r->shared, sizeof(haul_ring_shared) + r->size);
    *r = (haul_ring){0};
}

static size_t place(const haul_ring *r, uint64_t at)
{
    return (size_t)(at & (r->size - 1));
}

/* ── writer ── */

size_t haul_ring_free(haul_ring *r)
{
    r->other = atomic_load_explicit(&r->shared->taken, memory_order_acquire);
    return r->size - (size_t)(r->at - r->other);
}

char *haul_ring_room(haul_ring *r, size_t *ret_n)
{
    size_t n = r->size - (size_t)(r->at - r->other), straight = r->size - place(r, r->at);
    if (n == 0)
        n = haul_ring_free(r);
    *ret_n = n < straight ? n : straight;
    return r->shared->data + place(r, r->at);
}

void haul_ring_add(haul_ring *r, size_t n)
{
    r->at += n;
}

void haul_ring_patch(haul_ring *r, uint64_t at, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        r->shared->data[place(r, at + i)] = p[i];
}

/* Sequentially consistent, here and below: whoever goes to sleep says so and then looks again, whoever moves looks for
 * sleepers afterwards; were the two reordered, both could miss the other. */
bool haul_ring_publish(haul_ring *r, bool now)
{
    if (!now && r->at - r->told < r->lot) {
        atomic_store_explicit(&r->shared->written, r->at, memory_order_release);
        return false;
    }
    atomic_store(&r->shared->written, r->at);
    r->told = r->at;
    return atomic_load(&r->shared->reader_sleeps) && atomic_exchange(&r->shared->reader_sleeps, 0);
}

bool haul_ring_writer_sleeps(haul_ring *r, size_t n)
{
    atomic_store(&r->shared->writer_sleeps, 1);
    r->other = atomic_load(&r->shared->taken);
    if (r->size - (size_t)(r->at - r->other) < n)
        return true;
    atomic_store(&r->shared->writer_sleeps, 0);
    return false;
}

/* ── reader ── */

bool haul_ring_look(haul_ring *r, const char **ret, size_t *ret_n)
{
    if (r->other == r->at)
        r->other = atomic_load_explicit(&r->shared->written, memory_order_acquire);
    size_t n = (size_t)(r->other - r->at), straight = r->size - place(r, r->at);
    *ret_n = n < straight ? n : straight;
    *ret = r->shared->data + place(r, r->at);
    return n <= r->size;
}

bool haul_ring_return(haul_ring *r)
{
    atomic_store(&r->shared->taken, r->at);
    r->told = r->at;
    return atomic_load(&r->shared->writer_sleeps) && atomic_exchange(&r->shared->writer_sleeps, 0);
}

bool haul_ring_take(haul_ring *r, size_t n)
{
    r->at += n;
    return r->at - r->told >= r->lot && haul_ring_return(r);
}

bool haul_ring_reader_sleeps(haul_ring *r)
{
    atomic_store(&r->shared->reader_sleeps, 1);
    r->other = atomic_load(&r->shared->written);
    if (r->other == r->at)
        return true;
    atomic_store(&r->shared->reader_sleeps, 0);
    return false;
}

void haul_ring_reader_wakes(haul_ring *r)
{
    atomic_store(&r->shared->reader_sleeps, 0);
}
