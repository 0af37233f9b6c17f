/* Flags and keywords as a server stores them. What is no plain atom is mangled, reversibly, so that a PST category
 * "Größe (neu)" comes back as what it was. */
#ifndef HAUL_IMAP_KEYWORDS_H
#define HAUL_IMAP_KEYWORDS_H

#include "imap/grammar.h"
#include "model/msg.h"

/* Append the atom for a keyword (UTF-8): itself where haul_imap_is_keyword_safe says so, else "$q_" and its octets,
 * those outside [A-Za-z0-9.-] as "_HH". Mangled as well: what begins with "$q_", names that mean a flag
 * ("Junk"), and "NIL", which some read as no keyword. *ret_cut: too long; "__" and 8 hex digits of its digest stand for its end (not reversible). */
void haul_imap_keyword_write(const char *keyword, haul_str *to, bool *ret_cut);
/* The inverse: append the keyword. False, to untouched: the atom is not one that we mangled without loss. */
bool haul_imap_keyword_read(const char *p, size_t n, haul_str *to);

/* Append the names of flags, blanks between: "\Seen \Answered $Junk". Nothing for 0. The order is that of
 * HAUL_FLAG_LIST. */
void haul_imap_flags_write(unsigned flags, haul_str *to);
/* "\Seen" for a flag that is no keyword, "$Junk" for one that is. NULL unless exactly one known bit is set. */
const char *haul_imap_flag_name(unsigned flag);
/* One flag of a FETCH or PERMANENTFLAGS, any case: HAUL_FLAG_* for system flags and for keywords that are flags of
 * ours; 0 otherwise. */
unsigned haul_imap_flag_of(const char *p, size_t n);
/* One flag of a FETCH into m: a flag, or a keyword as it was before it was mangled. \Recent and system flags that
 * nobody here knows are passed over. */
void haul_imap_flag_into(haul_msg *m, const char *p, size_t n);

#endif
