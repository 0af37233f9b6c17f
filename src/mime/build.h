/* From a MAPI message object to an Internet message, and to what the model wants to know of it.
 * Authorities: MS-OXCMAIL, MS-OXBBODY, MS-OXOMSG, MS-OXOSMIME, MS-OXCICAL, MS-OXVCARD. Rules: docs/mapi.md. */
#ifndef HAUL_MIME_BUILD_H
#define HAUL_MIME_BUILD_H

#include "mime/mapi.h"
#include "model/msg.h"

typedef struct haul_build_options {
    bool unpack_tnef;  /* a winmail.dat attachment is replaced by what it holds */
    unsigned codepage; /* of the store: the last guess but one for text of unknown code page; 0 = unknown */
} haul_build_options;

/* Metadata from the properties of o alone (nothing is loaded): kind, received and sent time with zone, flags,
 * keywords, message_id, subject, sender. m->folder, key, place stay with the reader. */
void haul_mapi_fill(haul_msg *m, const haul_mapi *o);

/* Push the whole message, CRLF line ends, 7-bit header, lines of at most 998 octets. Every guess, repair and loss
 * becomes an issue of m. The same object gives the same octets. HAUL_SKIP: it cannot be built; other failures are
 * those of `to`. */
HAUL_MUST_USE haul_rc haul_mapi_build(haul_mapi *o, haul_msg *m, const haul_build_options *opt, haul_out *to,
                                      haul_err *e);

#endif
