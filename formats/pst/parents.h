/* The parents that the nodes of a store name, before libpff builds its tree of them: one loop, or one node that is its own
 * parent, and libpff refuses the whole store. Other parents, and ids, are laid over those entries in the view. The rules:
 * docs/formats/pst.md. Memory: 16 octets for each node, while it runs. */
#ifndef HAUL_FORMATS_PST_PARENTS_H
#define HAUL_FORMATS_PST_PARENTS_H

#include "ndb.h"

#include "model/issue.h"

#define HAUL_PARENTS_DEPTH 200u /* of a node below the top: libpff stops at 256 */
#define HAUL_PARENTS_NOTES 64u  /* changes that are named one by one */

typedef void haul_parents_note(void *ctx, haul_issue_id id, const char *text);

/* Of the store that n is open on; where n->rescues, of nodes that are found without their pages, too. What cannot be read is left
 * as it is. note: what was changed. Returns how many entries were changed. */
size_t haul_parents_mend(haul_view *v, haul_nodes *n, haul_parents_note *note, void *ctx);

#endif
