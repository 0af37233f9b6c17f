/* PidTagRtfCompressed out. Source: MS-OXRTFCP 2.1.3. */
#ifndef HAUL_MADE_RTFZ_H
#define HAUL_MADE_RTFZ_H

#include "base/str.h"

/* rtf as LZFu, or stored (MELA), appended to `to`. spoil: a wrong checksum in the LZFu header. */
void haul_rtfz(haul_str *to, const char *rtf, size_t n, bool stored, bool spoil);

#endif
