/* What a target does not take of a message, as data: the sink fills it, the pipeline looks before anything is sent. */
#ifndef HAUL_MODEL_LIMITS_H
#define HAUL_MODEL_LIMITS_H

#include <stdint.h>

/* X(enum, bit, name, sentence) */
#define HAUL_FAULT_LIST(X)                                                                                   \
    X(EMPTY, 0x01u, "empty", "the message has no octets")                                                    \
    X(NUL, 0x02u, "nul", "NUL octets")                                                                       \
    X(BARE_CR, 0x04u, "bare-cr", "carriage returns that end no line")                                        \
    X(HEADER_8BIT, 0x08u, "8-bit-header", "octets over 127 in the header")                                   \
    X(HEADER_MALFORMED, 0x10u, "malformed-header", "lines in the header that are no fields")                 \
    X(LONG_LINE, 0x20u, "long-line", "lines longer than the server takes")                                   \
    X(TOO_LARGE, 0x40u, "too-large", "larger than the server takes")                                         \
    X(QUOTA, 0x80u, "quota", "more than the account has room for")                                           \
    X(LOST_CR, 0x100u, "lost-cr", "carriage returns in front of a line end")

enum {
#define X(id, bit, name, text) HAUL_FAULT_##id = (bit),
    HAUL_FAULT_LIST(X)
#undef X
};

typedef struct haul_limits {
    unsigned
        faults; /* HAUL_FAULT_*: a message that has one of these is not taken, or is changed in silence */
    uint64_t size_max; /* octets of one message in canonical form (CRLF); 0 = no limit */
    uint64_t
        room; /* octets that the account has left when the run begins; 0 with no HAUL_FAULT_QUOTA = unknown */
    uint32_t line_max; /* octets of a line without its end; 0 = no limit */
} haul_limits;

#endif
