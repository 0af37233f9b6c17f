/* Message classes of Outlook: what kind of item one means. Source: MS-OXCMAIL 2.1.3.1, MS-OXPROPS PidTagMessageClass. */
#ifndef HAUL_MIME_CLASS_H
#define HAUL_MIME_CLASS_H

#include "model/msg.h"

/* "IPM.Note.SMIME" is "IPM.Note" and what lies below it, ASCII case ignored; "IPM.Notes" is not. */
bool haul_class_is(haul_span class, const char *of);
haul_kind haul_class_kind(haul_span class); /* mail for any that we do not know */

#endif
