/* Text for people: names made safe for a terminal, columns, wrapping; and standard output. */
#ifndef HAUL_CLI_TEXT_H
#define HAUL_CLI_TEXT_H

#include "base/err.h"
#include "base/figures.h"

#include <jansson.h>

/* Append z so that it cannot command a terminal: control characters (C0, DEL, C1), marks that turn the
 * direction of writing, line separators and malformed UTF-8 each become U+FFFD. */
void haul_text_clean(haul_str *to, const char *z);
/* Columns that UTF-8 text takes on a terminal: wide characters 2, combining marks 0. */
size_t haul_text_columns(const char *z, size_t len);
/* Length in octets of the longest beginning of z that takes at most `columns`. */
size_t haul_text_fit(const char *z, size_t len, size_t columns);
/* Append z, cleaned, with blanks up to `columns`; right = blanks in front. Longer text is not cut. */
void haul_text_cell(haul_str *to, const char *z, size_t columns, bool right);
/* "0:07", "1:02:03" of whole seconds. */
void haul_text_duration(haul_str *to, uint64_t seconds);
/* Append text broken into lines of at most `width` columns. The first line goes on at column `at`,
 * the others begin with `indent` blanks; ends with a line end. */
void haul_text_wrap(haul_str *to, const char *text, size_t at, size_t indent, size_t width);

/* Lines of cells, aligned on printing: text to the left, numbers to the right. */
#define HAUL_TABLE_COLUMNS 12u
typedef struct haul_table { /* zero-initialised = empty */
    haul_str cells;         /* NUL after each */
    size_t columns, n;      /* cells a line; cells so far */
    unsigned right;         /* bit per column: numbers */
    size_t indent;          /* blanks in front of each line */
} haul_table;

void haul_table_cell(haul_table *t, const char *z);
void haul_table_number(haul_table *t, uint64_t n);
void haul_table_size(haul_table *t, uint64_t octets);
/* Append the table and empty it. A last column of text is not padded. */
void haul_table_print(haul_table *t, haul_str *to);

/* Standard output, whole: HAUL_E_TARGET when it does not take it (a full disk, a closed pipe). */
HAUL_MUST_USE haul_rc haul_print(const haul_str *s, haul_err *e);
HAUL_MUST_USE haul_rc haul_print_json(const json_t *j, haul_err *e);
/* "mailhaul: text" on standard error, made safe for a terminal. */
void haul_complain(const char *text);

#endif
