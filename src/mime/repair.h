/* Mending what a target would not take: the only place that changes octets of an existing message, asked for by name. */
#ifndef HAUL_MIME_REPAIR_H
#define HAUL_MIME_REPAIR_H

#include "mime/faults.h"

#define HAUL_REPAIR_MAX                                                                                      \
    (64u * 1024u * 1024u)     /* octets of a message that is repaired: it is in memory meanwhile */
#define HAUL_REPAIR_WHAT 900u /* octets of the text about it; what is left out ends in "…" */

/* Write the frozen message anew, its lines ended by CRLF, without `faults` (those of HAUL_FAULTS_MENDED). Every header
 * field and every part without one of them comes out as it was.
 *   NUL         removed from header fields, from what stands between parts and where an encoding would break; a leaf
 *               that has some in its content is encoded (text: quoted-printable, else base64), so that none is lost
 *   bare CR     in text a line end, dropped in front of a line end; in a header field a blank; elsewhere as NUL
 *   8-bit       header fields of the message: encoded words, taken as UTF-8, else as the message's charset
 *   malformed   a blank before the colon goes; what is no field becomes an X-Mailhaul-Line field; a missing empty line
 *               between header and text is put in
 *   long line   header fields are folded; a leaf is encoded, or encoded lines are broken where that changes nothing
 * what: appended, for people: all that was done, and signatures that it broke. Lines that cannot be broken (unknown
 * encodings) stay: ask haul_faults_find again.
 * HAUL_SKIP: too large to be repaired, *e says so, nothing was written. */
HAUL_MUST_USE haul_rc haul_repair(haul_spool *from, unsigned faults, const haul_limits *l, haul_out *to,
                                  haul_str *what, haul_err *e);

#endif
