/* The text of one line of an audit log. pipe/audit.h says what a line is. */
#ifndef HAUL_PIPE_AUDIT_LINE_H
#define HAUL_PIPE_AUDIT_LINE_H

#include "base/str.h"

#define HAUL_AUDIT_EVENT_MAX   64u  /* octets of an event's name, NUL included */
#define HAUL_AUDIT_LINE_FRAME  128u /* what follows the members of a line takes less */
#define HAUL_AUDIT_MEMBERS_MAX 64u  /* of one line */
#define HAUL_AUDIT_DEPTH_MAX   16u  /* values inside one another */

typedef struct haul_audit_line { /* borrowed from the line */
    uint64_t seq;
    haul_span event;  /* between its quotes, as it is written */
    const char *prev; /* 64 hex digits */
} haul_audit_line;

/* p: a line without its end. False when it is not exactly what our writer writes. */
bool haul_audit_line_parse(const char *p, size_t n, haul_audit_line *ret);
/* True when p is `"name":value,…`: names without escapes, each once and none of the log's own (seq, time, event, prev); values
 * that every JSON reader takes: valid UTF-8, no lone surrogate, numbers of at most 18 digits and no exponent. */
bool haul_audit_members_ok(const char *p, size_t n);

#endif
