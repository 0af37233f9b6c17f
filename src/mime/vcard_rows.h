/* Which property of a contact is which line of a vCard: for the writer and the reader of cards. */
#ifndef HAUL_MIME_VCARD_ROWS_H
#define HAUL_MIME_VCARD_ROWS_H

#include "mime/prop.h"

typedef struct haul_card_phone {
    uint16_t tag;
    const char *types;
} haul_card_phone;
extern const haul_card_phone haul_card_phones[];
extern const size_t haul_card_n_phones;

/* Parts in the order of ADR: post office box, extended, street, locality, region, code, country (RFC 6350 6.3.1).
 * Numbers from 0x8000 are of PSETID_Address, the others tags; 0 = none. */
typedef struct haul_card_place {
    const char *type;
    uint16_t part[7], label, code;
    int id; /* of PidLidPostalAddressId */
} haul_card_place;
#define HAUL_CARD_PLACES 4u /* work, home, other; the last is the mailing address */
extern const haul_card_place haul_card_places[HAUL_CARD_PLACES];

typedef struct haul_card_row { /* a line of text */
    const char *name;
    uint16_t tag; /* or */
    haul_pset set;
    uint32_t lid;
} haul_card_row;
extern const haul_card_row haul_card_rows[];
extern const size_t haul_card_n_rows;

#endif
