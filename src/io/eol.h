/* Line ends, counted and changed 64 octets at a time. Shared by the spool's digest and its copies. */
#ifndef HAUL_IO_EOL_H
#define HAUL_IO_EOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HAUL_EOL_BLOCK 64u
/* Octets behind the end of an output buffer that haul_eol_scan may scribble on. */
#define HAUL_EOL_SLACK (4 * HAUL_EOL_BLOCK)

typedef struct haul_eol_state {          /* zero-initialised = at the start of a body */
    uint64_t lf, crlf, cr, cr_crlf, nul; /* lf: all LF; cr: all CR */
    bool eight_bit;
    unsigned prev1, prev2; /* 1 = the last octet, and the one before it, was CR */
} haul_eol_state;

/* Count n octets; with `to`, also write them with a CR in front of every bare LF: at most 2n octets and the
 * slack. Returns the octets written. State carries over from call to call, so any split gives the same. */
size_t haul_eol_scan(haul_eol_state *s, const void *p, size_t n, char *to);
/* Count as many of n octets, in whole blocks, as haul_eol_scan would write just as they are; how many. */
size_t haul_eol_keep(haul_eol_state *s, const void *p, size_t n);
/* Write n octets without the CR of each CRLF: at most n, and the slack. A CR at the very end is left out: *ret_held. Returns
 * the octets written. */
size_t haul_eol_strip(const void *p, size_t n, char *to, bool *ret_held);

#endif
