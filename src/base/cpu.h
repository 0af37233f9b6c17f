/* What the processor that we happen to run on can do beyond its architecture: the same results, faster. */
#ifndef HAUL_BASE_CPU_H
#define HAUL_BASE_CPU_H

#include <stdbool.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

/* Set by tests: as if it could do nothing more. */
extern bool haul_cpu_plain;

#ifdef __x86_64__

/* Of functions that are called only where the answer is yes. */
#define HAUL_SSSE3 __attribute__((target("ssse3")))
#define HAUL_AVX2  __attribute__((target("avx2,bmi,popcnt")))

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

HAUL_AVX2 static inline __m256i haul_load32(const char *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

#else

static inline bool haul_cpu_ssse3(void)
{
    return false;
}

#endif

#endif
