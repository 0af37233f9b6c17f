/* Values of properties from their description in JSON (testdata/pst/README.md). */
#ifndef HAUL_MADE_VALUES_H
#define HAUL_MADE_VALUES_H

#include "base/arena.h"
#include "pst_make/messaging.h"

#include <jansson.h>

typedef struct haul_values {
    haul_arena arena;  /* of everything made */
    unsigned codepage; /* of PT_STRING8 */
    long number;       /* what "{n}" in a text stands for */
    haul_rc rc;        /* the first error; what follows it means nothing */
    haul_err err;
} haul_values;

/* A value of that tag; on failure empty, and v->rc is set. */
haul_made_value haul_value(haul_values *v, uint32_t tag, const json_t *j);
/* Octets from a text or from an object that says how they are made. */
haul_str haul_value_octets(haul_values *v, const json_t *j);
/* "0x0037001F" */
uint32_t haul_value_tag(haul_values *v, const char *text);
/* The name of a set ("PUBLIC_STRINGS") or a GUID, as stored. */
void haul_value_guid(haul_values *v, const char *text, uint8_t ret[16]);
/* With {n} replaced; lives in the arena. NULL stays NULL. */
const char *haul_value_text(haul_values *v, const json_t *j);
/* Text in a Windows code page, appended. */
void haul_value_encode(haul_values *v, unsigned codepage, const char *utf8, haul_str *to);
/* Note an error of the description; the first one counts. */
void haul_value_bad(haul_values *v, const char *fmt, ...) HAUL_PRINTF(2, 3);

#endif
