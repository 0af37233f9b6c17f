/* CSV as RFC 4180 and Mailbag want it: UTF-8 without BOM, every field in double quotes, records end with CRLF. */
#ifndef HAUL_HOLD_CSV_H
#define HAUL_HOLD_CSV_H

#include "base/str.h"
#include "io/out.h"

typedef struct haul_csv { /* {.to = out}; end with haul_csv_done */
    haul_out *to;
    haul_str line;
} haul_csv;

/* The next field of the record. Quotes are doubled, all else stays as it is.
 * A value that begins with '=', '+', '-' or '@' is not defused with an apostrophe, although a spreadsheet takes it for a formula:
 * it is evidence, and must be the same here as in the message and in every other load file. Import such columns as text. */
void haul_csv_put(haul_csv *w, const char *z);
void haul_csv_put_u64(haul_csv *w, uint64_t v);
/* The record is complete. */
HAUL_MUST_USE haul_rc haul_csv_end(haul_csv *w, haul_err *e);
/* n fields, one record. */
HAUL_MUST_USE haul_rc haul_csv_record(haul_csv *w, const char *const *v, size_t n, haul_err *e);
void haul_csv_done(haul_csv *w);

#endif
