/* Contacts and distribution lists of MAPI as vCard 4.0. Source: MS-OXVCARD, MS-OXOCNTC, RFC 6350. */
#ifndef HAUL_MIME_VCARD_H
#define HAUL_MIME_VCARD_H

#include "mime/mapi.h"
#include "model/msg.h"

bool haul_vcard_is(const haul_mapi *o); /* IPM.Contact…, IPM.DistList… */
/* Append one vCard, CRLF, UTF-8, folded at 75 octets (RFC 6350 3.2). note: the item's text, NULL = none. The picture is read
 * from the attachment that holds it (o is loaded). Every property of MS-OXOCNTC that has no vCard place goes into an X-
 * property; what does not fit is an issue of m. */
HAUL_MUST_USE haul_rc haul_vcard_build(haul_mapi *o, haul_msg *m, const char *note, haul_str *to,
                                       haul_err *e);
/* True when attachment i is the contact's picture (it is in the vCard already). */
bool haul_vcard_is_picture(const haul_mapi *o, size_t i);

#endif
