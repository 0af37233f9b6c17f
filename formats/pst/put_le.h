/* Little-endian octets out. */
#ifndef HAUL_FORMATS_PST_PUT_LE_H
#define HAUL_FORMATS_PST_PUT_LE_H

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

#endif
