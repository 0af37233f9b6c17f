/* TNEF (winmail.dat) as a MAPI message object. Source: MS-OXTNEF. */
#ifndef HAUL_MIME_TNEF_H
#define HAUL_MIME_TNEF_H

#include "mime/mapi.h"

#define HAUL_TNEF_MAX (256u * 1024u * 1024u) /* octets of one TNEF stream held in memory */

bool haul_tnef_like(const void *p, size_t n); /* begins with the signature 0x223e9f78 */
/* Parse p (borrowed for the life of *ret). Legacy attributes become properties; attachments, recipients and embedded
 * messages (attachments that are TNEF again) are given through ops. HAUL_SKIP: not TNEF, or nothing in it can be read.
 * A checksum that differs or a cut end: *ret_damaged says so, what was read stays. */
HAUL_MUST_USE haul_rc haul_tnef_open(const void *p, size_t n, unsigned depth, haul_mapi **ret,
                                     bool *ret_damaged, haul_err *e);

#endif
