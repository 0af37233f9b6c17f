/* What the processor that we happen to run on can do beyond its architecture: the same results, faster. */
#ifndef HAUL_BASE_CPU_H
#define HAUL_BASE_CPU_H

#include <stdbool.h>

/* Set by tests: as if it could do nothing more. */
extern bool haul_cpu_plain;

#ifdef __x86_64__

static inline bool haul_cpu_ssse3(void)
{
    return !haul_cpu_plain && __builtin_cpu_supports("ssse3");
}

/* 32 octets at a time, and what came into processors before that. */
static inline bool haul_cpu_avx2(void)
{
    return !haul_cpu_plain && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("popcnt");
}

/* Any 64 octets of 128, by number. */
static inline bool haul_cpu_vbmi(void)
{
    return !haul_cpu_plain && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512bw");
}

#endif

#endif
