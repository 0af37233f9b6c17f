/* What the files of the vCard builder share. */
#ifndef HAUL_MIME_VCARD_PARTS_H
#define HAUL_MIME_VCARD_PARTS_H

#include "mime/addr.h"
#include "mime/mapi.h"
#include "mime/vcard_rows.h"
#include "mime/vcard_write.h"
#include "model/msg.h"

typedef struct haul_card {
    haul_vcard w;
    haul_mapi *o;
    haul_msg *m;
    size_t bad; /* characters that did not decode */
} haul_card;

/* Text of a property from the arena of m, without blanks at its ends; NULL when absent or empty. */
const char *haul_card_prop(haul_card *c, const haul_prop *p);
const char *haul_card_tag(haul_card *c, uint16_t id);
const char *haul_card_lid(haul_card *c, haul_pset set, uint32_t lid);
/* NAME;TYPE=types:text, nothing when text is NULL. */
void haul_card_line(haul_card *c, const char *name, const char *types, const char *text);
/* An address that has no Internet form, as "type:address". */
void haul_card_unresolved(haul_card *c, const char *other, const char *name);

/* The lines of a contact or of a list but for FN and what all cards have. */
void haul_card_contact(haul_card *c);
void haul_card_group(haul_card *c);
/* E-mail address i (0…2) of a contact; false when there is none at all. */
#define HAUL_CARD_EMAILS 3u
bool haul_card_email(haul_card *c, size_t i, haul_addr *ret);

#endif
