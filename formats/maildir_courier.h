/* Keywords as Courier keeps them for one Maildir. Rule: docs/formats/maildir.md [maildir-13]. */
#ifndef HAUL_FORMATS_MAILDIR_COURIER_H
#define HAUL_FORMATS_MAILDIR_COURIER_H

#include "maildir.h"

typedef struct haul_courier haul_courier;

/* Read courierimapkeywords/ below the directory; NULL when there is none. What cannot be read, or
 * is beyond the limits of memory, is left out: _is_cut tells. */
haul_courier *haul_courier_read(haul_tree *t, const char *maildir);
bool haul_courier_is_cut(const haul_courier *c);
/* The keywords of the file with that base name (without info) into m. c may be NULL. */
void haul_courier_apply(const haul_courier *c, haul_span base, haul_msg *m);
void haul_courier_free(haul_courier *c); /* NULL is accepted */

#endif
