/* Which messages a target would not take, or would change in silence: looked up before anything is sent. */
#ifndef HAUL_MIME_FAULTS_H
#define HAUL_MIME_FAULTS_H

#include "base/str.h"
#include "io/spool.h"
#include "model/limits.h"

/* The faults of a frozen body that are asked for in l->faults.
 *   ret     out  HAUL_FAULT_* bits, of l->faults only
 *   detail  out  for people, appended: "3 NUL octets; line 12 has 15,003 octets, the limit is 10,000"; may be NULL
 * Costs nothing but what is asked for: NUL, bare CR, sizes are facts of the spool; the octets are looked at for line
 * lengths, and the header section for its own faults. A header is malformed where Cyrus refuses it (message.c): a line
 * that is neither a fold nor "From " nor a name of octets 33..126 with a colon right behind it; or no line end at all
 * in a message that is nothing but header. < 0: the spool cannot be read. */
HAUL_MUST_USE haul_rc haul_faults_find(haul_spool *body, const haul_limits *l, unsigned *ret,
                                       haul_str *detail, haul_err *e);

/* "nul" of HAUL_FAULT_NUL, and its sentence; of the lowest bit when there are several. "" for 0. */
const char *haul_fault_name(unsigned fault);
const char *haul_fault_text(unsigned fault);
/* Those that haul_repair can mend. */
#define HAUL_FAULTS_MENDED                                                                                   \
    (HAUL_FAULT_NUL | HAUL_FAULT_BARE_CR | HAUL_FAULT_HEADER_8BIT | HAUL_FAULT_HEADER_MALFORMED |            \
     HAUL_FAULT_LONG_LINE | HAUL_FAULT_LOST_CR)

/* "1,234,567", "1 line", "2 lines". */
void haul_say_number(haul_str *to, uint64_t n);
void haul_say_count(haul_str *to, uint64_t n, const char *what);

#endif
