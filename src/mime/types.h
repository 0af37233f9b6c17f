/* MIME types and the extensions of file names. */
#ifndef HAUL_MIME_TYPES_H
#define HAUL_MIME_TYPES_H

#include <stdbool.h>

/* "pdf" → "application/pdf"; NULL when unknown. */
const char *haul_type_of_extension(const char *extension);
/* The other way round, of several the most usual one; lower case. */
const char *haul_extension_of_type(const char *type);
/* True for type/subtype of RFC 2045 tokens, without parameters, that an attachment may be labelled with. */
bool haul_type_ok(const char *type);

#endif
