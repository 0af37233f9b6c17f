/* Give up what a parser does not need: files, network, new processes, memory beyond a limit. For the calling process,
 * for good. Landlock (kernel 5.13) and seccomp; where the kernel lacks one, the rest is done all the same. */
#ifndef HAUL_IO_CONFINE_H
#define HAUL_IO_CONFINE_H

#include "base/err.h"

#include <stdint.h>

enum {
    HAUL_CONFINE_FILES =
        1u, /* Landlock: nothing can be opened any more, no TCP port either where the ABI knows it */
    HAUL_CONFINE_CALLS =
        2u, /* seccomp: reading, writing, memory and time only; anything else fails with EPERM */
    HAUL_CONFINE_MEMORY = 4u, /* RLIMIT_AS, unless built with a sanitizer that needs the address space */
    HAUL_CONFINE_CORE = 8u,   /* no core dump: it would hold mail */
    HAUL_CONFINE_DEATH = 16u, /* dies with its parent */
};

/* Close all descriptors but 0-2 and keep[], then confine. Returns the HAUL_CONFINE_* that hold. Never fails: the caller
 * reports what is missing. memory 0 = no limit. */
unsigned haul_confine(const int *keep, unsigned n_keep, uint64_t memory);

#endif
