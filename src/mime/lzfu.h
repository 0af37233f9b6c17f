/* PidTagRtfCompressed: LZFu and MELA. Source: MS-OXRTFCP 2.1.3, 3.1.3.1. */
#ifndef HAUL_MIME_LZFU_H
#define HAUL_MIME_LZFU_H

#include "base/str.h"

#define HAUL_RTF_MAX (256u * 1024u * 1024u) /* octets of one body, unpacked */

typedef enum haul_lzfu {
    HAUL_LZFU_OK,
    HAUL_LZFU_CRC,   /* all was unpacked, the checksum differs */
    HAUL_LZFU_SHORT, /* ends early or the size is wrong: what came is there */
    HAUL_LZFU_BAD,   /* no header of this kind: nothing was appended */
} haul_lzfu;

haul_lzfu haul_lzfu_decode(const void *p, size_t n, haul_str *to);

#endif
