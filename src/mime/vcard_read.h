/* vCards, line by line. RFC 6350 3.3, RFC 2426 2; RFC 6868 (carets in parameters). */
#ifndef HAUL_MIME_VCARD_READ_H
#define HAUL_MIME_VCARD_READ_H

#include "base/arena.h"
#include "base/str.h"

#define HAUL_VCARD_PARAMS_MAX 32u /* of one line; more are left out */

typedef struct haul_card_line_in { /* texts from the arena */
    const char *name;              /* upper case, without its group */
    const char *value;             /* unfolded, escapes as they are */
    struct {
        const char *name, *value; /* name in upper case; a parameter without "=" is a TYPE (vCard 2.1) */
    } param[HAUL_VCARD_PARAMS_MAX];
    size_t n;
} haul_card_line_in;

/* The next line that has a name. *pos from 0; false at the end. */
bool haul_vcard_next(haul_span card, size_t *pos, haul_arena *a, haul_card_line_in *ret);
/* A parameter; "" = it is absent. */
const char *haul_vcard_get(const haul_card_line_in *l, const char *name);
/* One of the words of its TYPE, in any case. */
bool haul_vcard_is_type(const haul_card_line_in *l, const char *word);
/* The value as text: without escapes. */
const char *haul_vcard_plain(const char *value, haul_arena *a);
/* Part i of a structured value, between ";", as text; "" = it is absent. */
const char *haul_vcard_component(const char *value, size_t i, haul_arena *a);

#endif
