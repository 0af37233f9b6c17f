/* The message as it was, kept beside what an Outlook store makes of it: written by outlook.h, given back by build.h.
 * docs/mapi.md [mapi-r60]. */
#ifndef HAUL_MIME_ORIGINAL_H
#define HAUL_MIME_ORIGINAL_H

#include "base/hash.h"
#include "mime/mapi.h"

/* What the object says that people can change: subject, bodies, transport headers, and the octets of the original (their
 * canonical digest, haul_spool_facts). Both sides compare it. */
void haul_original_seal(const haul_bag *b, const uint8_t octets[HAUL_SHA256_LEN],
                        uint8_t ret[HAUL_SHA256_LEN]);

/* Where o holds its original, unchanged since: pushes its octets, *ret_done. An object without one, or whose seal is broken,
 * pushes nothing; *ret_broken tells the latter. o is loaded. Failures are those of `to` and of the temporary file. */
HAUL_MUST_USE haul_rc haul_original_push(haul_mapi *o, haul_out *to, bool *ret_done, bool *ret_broken,
                                         haul_err *e);

#endif
