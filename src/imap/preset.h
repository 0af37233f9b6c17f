/* Kinds of servers: what cannot be learned from a capability is data by preset. */
#ifndef HAUL_IMAP_PRESET_H
#define HAUL_IMAP_PRESET_H

#include <stdbool.h>

/* X(enum, name) */
#define HAUL_IMAP_PRESET_LIST(X)                                                                             \
    X(GENERIC, "generic")                                                                                    \
    X(DOVECOT, "dovecot") X(CYRUS, "cyrus") X(GMAIL, "gmail") X(EXCHANGE, "exchange-online")

typedef enum haul_imap_preset {
#define X(id, name) HAUL_IMAP_PRESET_##id,
    HAUL_IMAP_PRESET_LIST(X)
#undef X
        HAUL_IMAP_PRESET_COUNT
} haul_imap_preset;

const char *haul_imap_preset_name(haul_imap_preset p); /* never NULL */
bool haul_imap_preset_find(const char *name, haul_imap_preset *ret);

#endif
