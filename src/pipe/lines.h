/* Small files of lines that a user writes: UTF-8, # comments, empty lines left out, numbered for error messages. */
#ifndef HAUL_PIPE_LINES_H
#define HAUL_PIPE_LINES_H

#include "base/err.h"
#include "base/str.h"

/* The whole file, at most max octets. HAUL_E_USAGE: it cannot be read, is larger, or is no UTF-8 (with the line). */
HAUL_MUST_USE haul_rc haul_lines_load(const char *file, size_t max, haul_str *to, haul_err *e);

typedef struct haul_lines { /* begin with p, n and the rest zero */
    const char *p;
    size_t n, at;
    unsigned line; /* of the last one given, from 1 */
} haul_lines;

/* The next line that says something, without blanks around it; false at the end. A line that begins with "#" is a comment, one
 * that begins with "\#" is the text "#…". */
bool haul_lines_next(haul_lines *l, haul_span *ret);

#endif
