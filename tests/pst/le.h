/* Little-endian octets out, and numbers that look like chance. */
#ifndef HAUL_MADE_LE_H
#define HAUL_MADE_LE_H

#include <stdint.h>

static inline void haul_put16(uint8_t *p, uint64_t v)
{
    p[0] = (uint8_t)(v & 0xff);
    p[1] = (uint8_t)(v >> 8 & 0xff);
}
static inline void haul_put32(uint8_t *p, uint64_t v)
{
    haul_put16(p, v);
    haul_put16(p + 2, v >> 16);
}
static inline void haul_put64(uint8_t *p, uint64_t v)
{
    haul_put32(p, v);
    haul_put32(p + 4, v >> 32);
}
static inline uint32_t haul_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
/* splitmix64: the same state gives the same numbers, on every machine. */
static inline uint64_t haul_mix64(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

#endif
