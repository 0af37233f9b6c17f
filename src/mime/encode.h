/* Header fields as RFC 5322, 2047 and 2231 want them: 7-bit, folded, no line over 998 octets (78 where possible). */
#ifndef HAUL_MIME_ENCODE_H
#define HAUL_MIME_ENCODE_H

#include "base/str.h"

/* Append "Name: value\r\n". value: UTF-8 free text (Subject): encoded words where needed; controls and line ends
 * become blanks, so that no value makes a further field. */
void haul_field_text(haul_str *to, const char *name, const char *value);
/* The value is structured and already ASCII (dates, ids, tokens): only folded at blanks. Controls become blanks. */
void haul_field_raw(haul_str *to, const char *name, const char *value);
/* One mailbox, "Name <a@b>": quoted or encoded as needed. address NULL or not an addr-spec: see haul_addr_write. */
void haul_mailbox_add(haul_str *to, const char *name, const char *address);
/* "; name=value", RFC 2231 when it is not ASCII or long, quoted when needed; *col is the column, for folding. */
void haul_param_add(haul_str *to, const char *name, const char *value, size_t *col);
/* A field of a transport header as stored: unfolded octets, perhaps 8-bit, perhaps over-long. Kept octet for octet
 * when it is valid; else repaired: 8-bit text becomes encoded words (charset: UTF-8 when valid, else code page cp),
 * long lines are folded. Returns true when it had to be repaired. value without its last line end. */
bool haul_field_keep(haul_str *to, haul_span name, haul_span value, unsigned cp);

#endif
