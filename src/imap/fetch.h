/* What a FETCH says of one message. */
#ifndef HAUL_IMAP_FETCH_H
#define HAUL_IMAP_FETCH_H

#include "imap/wire.h"

typedef struct haul_fetch { /* zero-initialised = nothing */
    uint32_t uid;
    bool has_size, has_date, has_flags;
    uint64_t size;   /* RFC822.SIZE */
    int64_t date_us; /* INTERNALDATE */
    int tz_min;
    haul_str flags;      /* NUL after each */
    haul_str message_id; /* of the ENVELOPE; empty = NIL or not asked for */
} haul_fetch;

/* The rest of an untagged reply, "FETCH (UID 12 RFC822.SIZE 345 …)", in any order; what is not known is passed over.
 * False: it is none, or has no UID. Keeps the memory of *ret. */
bool haul_fetch_parse(haul_span rest, haul_fetch *ret);
void haul_fetch_done(haul_fetch *f);
/* A flag of n octets is among them; ASCII case does not count. */
bool haul_fetch_has(const haul_fetch *f, const char *flag, size_t n);

/* A fingerprint of a set of flags, whatever their order and case; \Recent does not count. */
uint64_t haul_flags_print(const char *text, char between); /* "\Seen $Junk" */
uint64_t haul_fetch_print(const haul_fetch *f);

#endif
