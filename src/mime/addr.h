/* Addresses of MAPI objects: SMTP where it can be had, never an X.500 name as an address. */
#ifndef HAUL_MIME_ADDR_H
#define HAUL_MIME_ADDR_H

#include "mime/mapi.h"

typedef struct haul_addr { /* strings from the arena given */
    const char *name;      /* display name, UTF-8, NULL = none */
    const char *smtp;      /* addr-spec, NULL = none could be found */
    const char *other;     /* "EX:/o=…", "FAX:…": type and address where it is not SMTP, else NULL */
} haul_addr;

typedef enum haul_addr_who {
    HAUL_ADDR_SENDER,       /* PidTagSender… */
    HAUL_ADDR_REPRESENTING, /* PidTagSentRepresenting… */
    HAUL_ADDR_RECEIVED_BY,
    HAUL_ADDR_RCVD_REPRESENTING,
    HAUL_ADDR_READ_RECEIPT, /* PidTagReadReceipt… */
    HAUL_ADDR_REPORT,
    HAUL_ADDR_CREATOR,
    HAUL_ADDR_RECIPIENT, /* of a recipient's bag: PidTagDisplayName, EmailAddress, AddressType, SmtpAddress 39FE … */
} haul_addr_who;

/* False when nothing is there. Order: the SMTP property, the e-mail address when its type is SMTP (or has the shape of
 * one), a one-off entry id (MS-OXCDATA 2.2.5.1), "IMCEA…-encoded" X.500, and for `other` the Exchange legacy name. A contact
 * address entry id (2.2.5.3) holds no address: it names a contact of the store, which is not looked up, because whoever
 * writes one writes the address beside it. */
bool haul_addr_get(const haul_bag *b, haul_addr_who who, haul_arena *a, haul_addr *ret);
/* A one-off entry id, or a wrapped one (distribution list members); false when it is none. */
bool haul_addr_entry_id(const void *p, size_t n, unsigned codepage, haul_arena *a, haul_addr *ret);
/* Where an EX address has no SMTP twin: look for the display name in the transport headers' From/To/Cc. */
bool haul_addr_from_header(const char *header, size_t n, haul_addr *io, haul_arena *a);
/* True for an addr-spec that may stand in a header: local@domain, no blanks, controls or angle brackets. */
bool haul_addr_ok(const char *z);
/* Append as a mailbox. Without an SMTP address: the RFC 5322 group "Name:;" (never an invented address). */
void haul_addr_write(haul_str *to, const haul_addr *a);
/* PidTagReplyRecipientEntries (MS-OXOMSG FlatEntryList): calls each, returns how many. */
size_t haul_addr_flat(const void *p, size_t n, unsigned codepage, haul_arena *a, haul_addr *ret, size_t max);

#endif
