/* Key words: a list of words and phrases, and where they occur in a text of any length. docs/cli.md, "Key words".
 *
 * All terms are looked for in one pass (Aho and Corasick 1975) over the folded text (base/fold.h). A match begins and ends
 * where a word may: not between two letters or digits, not in front of a mark. */
#ifndef HAUL_PIPE_TERMS_H
#define HAUL_PIPE_TERMS_H

#include "base/err.h"
#include "io/out.h"

#include <stdbool.h>
#include <stdint.h>

#define HAUL_TERMS_FILE (4u * 1024u * 1024u) /* octets of the file */
#define HAUL_TERMS_MAX  10000u
#define HAUL_TERM_MAX   1024u           /* octets of one term, folded */
#define HAUL_TERMS_ALL  (1024u * 1024u) /* octets of all terms together, folded */

typedef struct haul_terms haul_terms; /* immutable once made */

/* One term a line; docs/cli.md says what a line may be. HAUL_E_USAGE names the line that is wrong. Two lines that fold to
 * the same are one term, written as the first. */
HAUL_MUST_USE haul_rc haul_terms_load(const char *file, haul_terms **ret, haul_err *e);
/* The same of text; name stands for the file in errors. */
HAUL_MUST_USE haul_rc haul_terms_parse(const char *p, size_t n, const char *name, haul_terms **ret,
                                       haul_err *e);
void haul_terms_free(haul_terms *t);
HAUL_DEFINE_AUTO(haul_terms, haul_terms_free)
size_t haul_terms_count(const haul_terms *t);
const char *haul_terms_text(const haul_terms *t, size_t i); /* as it was written */

typedef struct haul_search haul_search;            /* the counts of one run, and the text being looked at */
haul_search *haul_search_new(const haul_terms *t); /* borrowed */
void haul_search_free(haul_search *s);
HAUL_DEFINE_AUTO(haul_search, haul_search_free)
/* Push text here: UTF-8, in pieces of any size. What is malformed is no letter. */
haul_out *haul_search_out(haul_search *s);
/* Here a text ends; nothing matches across. */
void haul_search_break(haul_search *s);
/* Here an item ends: true when any term was found in it. count: its hits are added up. */
bool haul_search_end(haul_search *s, bool count);
/* Of all items that counted: how many hold term i, and how often it occurs. */
uint64_t haul_search_items(const haul_search *s, size_t i);
uint64_t haul_search_hits(const haul_search *s, size_t i);

#endif
