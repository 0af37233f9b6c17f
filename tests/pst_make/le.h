/* Little-endian octets out, and numbers that look like chance. */
#ifndef HAUL_MADE_LE_H
#define HAUL_MADE_LE_H

#include "pst/put_le.h"

/* splitmix64: the same state gives the same numbers, on every machine. */
static inline uint64_t haul_mix64(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

#endif
