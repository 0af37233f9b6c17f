/* Give up what a parser does not need: files, network, new processes, memory beyond a limit. For the calling process,
 * for good. Landlock (kernel 5.13) and seccomp; where the kernel lacks one, the rest is done all the same. */
#ifndef HAUL_IO_CONFINE_H
#define HAUL_IO_CONFINE_H

#include "base/err.h"

#include <stdint.h>

enum {
    HAUL_CONFINE_FILES =
        0x01u, /* Landlock: nothing can be opened any more; where its ABI knows them no TCP port, and no signal or
                  abstract socket to a process outside */
    HAUL_CONFINE_CALLS =
        0x02u, /* seccomp: reading, writing, memory and time only; anything else fails with EPERM */
    HAUL_CONFINE_MEMORY = 0x04u, /* RLIMIT_AS, unless built with a sanitizer that needs the address space */
    HAUL_CONFINE_CORE =
        0x08u, /* no core dump: it would hold mail; not readable by other processes of the user */
    HAUL_CONFINE_DEATH = 0x10u, /* dies with its parent */
    HAUL_CONFINE_OPEN = 0x20u,  /* only keep[] stays open; 0-2 are /dev/null (2 stays under a sanitizer) */
    HAUL_CONFINE_ALL = 0x3fu,
};

#define HAUL_CONFINE_KEEP_MAX 4u

/* Confine as `want` says. keep: descriptors above 2, at most HAUL_CONFINE_KEEP_MAX. memory: octets of address space,
 * 0 = no limit. Returns the HAUL_CONFINE_* that hold. Never fails: the caller reports what is missing. The caller compares
 * getppid() afterwards: the parent may have died before HAUL_CONFINE_DEATH held. */
unsigned haul_confine(unsigned want, const int *keep, unsigned n_keep, uint64_t memory);
/* "Landlock, seccomp": what these bits stand for, for people. */
void haul_confine_text(unsigned bits, char *to, size_t size);
/* True when built with a sanitizer that HAUL_CONFINE_MEMORY would break. */
bool haul_confine_sanitized(void);

#endif
