/* Sets of UIDs as ranges: "1:4000,4010". In the order of their numbers, whatever order they are added in. */
#ifndef HAUL_IMAP_UIDS_H
#define HAUL_IMAP_UIDS_H

#include "base/str.h"

#include <stdint.h>

#define HAUL_IMAP_RANGES_MAX 8000000u /* ranges of one set, read from outside */

typedef struct haul_uid_range {
    uint32_t first, last; /* both included, first >= 1 */
} haul_uid_range;

typedef struct haul_uids { /* zero-initialised = empty; sorted, disjoint, not touching */
    haul_uid_range *v;
    size_t n, cap;
} haul_uids;

void haul_uids_done(haul_uids *s);
void haul_uids_add(haul_uids *s, uint32_t first, uint32_t last); /* cheap at the end of the set */
void haul_uids_remove(haul_uids *s, uint32_t uid);
bool haul_uids_has(const haul_uids *s, uint32_t uid);
uint64_t haul_uids_count(const haul_uids *s);
/* Append as a sequence-set (RFC 3501 9); nothing for an empty set. */
void haul_uids_write(const haul_uids *s, haul_str *to);
/* Add the UIDs of a sequence-set to s. False, with s perhaps longer, when it is none ("*" included). */
bool haul_uids_parse(haul_uids *s, haul_span text);
/* The k-th UID of the text of a set as it stands, as APPENDUID gives one for each message: in the order of the
 * text, which is that of sending. False when it has fewer. */
bool haul_uids_each(haul_span text, bool (*fn)(void *ctx, uint32_t uid), void *ctx);

#endif
