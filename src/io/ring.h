/* A stream of octets from one process to another through memory that both have: one writer, one reader, no copy by the
 * kernel. Neither side blocks here: who finds nothing to read, or no room, says that it is going to sleep, looks again, and
 * waits for a word by whatever else connects the two.
 *
 * The reader takes the writer to be hostile: it holds what it reads against the size, and copies before it looks, since
 * octets may change at any time. */
#ifndef HAUL_IO_RING_H
#define HAUL_IO_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct haul_ring_shared { /* the memory; octets follow. Each side writes one line of it */
    _Alignas(64) _Atomic uint64_t written;
    _Atomic uint32_t writer_sleeps;
    _Alignas(64) _Atomic uint64_t taken;
    _Atomic uint32_t reader_sleeps;
    _Alignas(64) char data[];
} haul_ring_shared;

typedef struct haul_ring { /* one side's view; zero-initialised = none */
    haul_ring_shared *shared;
    size_t size;    /* a power of two */
    size_t lot;     /* octets after which a sleeper is woken while this side goes on */
    uint64_t at;    /* octets written, or taken, by this side since the start */
    uint64_t told;  /* reader: of these, what the writer was told; writer: what the reader was woken for */
    uint64_t other; /* the other side's position as last seen */
} haul_ring;

/* Memory for `size` octets, a power of two; a process forked afterwards has it too. False: there is none. */
bool haul_ring_open(haul_ring *r, size_t size, size_t lot);
void haul_ring_close(haul_ring *r);

/* ── writer ── */

/* Octets that there is room for. */
size_t haul_ring_free(haul_ring *r);
/* Where the next octets go, *ret_n of them without a break; 0 = no room until the reader has taken some. */
char *haul_ring_room(haul_ring *r, size_t *ret_n);
/* n octets (of that room) are there; the reader does not know yet. */
void haul_ring_add(haul_ring *r, size_t n);
/* Write over n octets at position `at`, which the reader has not been told of. */
void haul_ring_patch(haul_ring *r, uint64_t at, const char *p, size_t n);
/* Tell the reader of all that is there. True: it sleeps and has to be woken: there is a lot, or `now`, since we are about to
 * sleep ourselves. */
bool haul_ring_publish(haul_ring *r, bool now);
/* Before sleeping for room. False: there are n octets. */
bool haul_ring_writer_sleeps(haul_ring *r, size_t n);

/* ── reader ── */

/* What can be read, *ret_n octets at *ret without a break; 0 = nothing yet. False: the writer's word is nonsense. */
bool haul_ring_look(haul_ring *r, const char **ret, size_t *ret_n);
/* n of them are done with. True: the writer sleeps, there is room again, and it has to be woken. */
bool haul_ring_take(haul_ring *r, size_t n);
/* Give the writer all that was taken, at once; true as above. */
bool haul_ring_return(haul_ring *r);
/* Before sleeping for octets. False: there are some. */
bool haul_ring_reader_sleeps(haul_ring *r);
void haul_ring_reader_wakes(haul_ring *r);

#endif
