/* Writing one JSON object a line. Documents and all reading go through Jansson; these lines are
 * written once an item, where building a tree first would cost more than the item. */
#ifndef HAUL_BASE_JSON_H
#define HAUL_BASE_JSON_H

#include "base/str.h"

/* A quoted, escaped JSON string (RFC 8259); malformed UTF-8 becomes U+FFFD, so the line is always valid. */
void haul_json_str(haul_str *to, const char *p, size_t n);
/* `"name":` preceded by a comma unless it follows '{'. name is plain ASCII. */
void haul_json_key(haul_str *to, const char *name);
void haul_json_member(haul_str *to, const char *name, const char *z); /* NULL writes null */
/* `"name":["…",…]` */
void haul_json_member_list(haul_str *to, const char *name, const char *const *v, size_t n);
void haul_json_member_u64(haul_str *to, const char *name, uint64_t v);

#endif
