/* Repairs of single properties, columns, rows and cells for which libpff would refuse a whole object or table; laid over
 * the file in the view, never written. Run only on what libpff has refused. What libpff refuses: docs/formats/pst.md. */
#ifndef HAUL_FORMATS_PST_MEND_H
#define HAUL_FORMATS_PST_MEND_H

#include "ltp.h"

#include "model/issue.h"

#define HAUL_MEND_DEPTH   64u                   /* subnodes of subnodes */
#define HAUL_MEND_OBJECTS 65536u                /* heaps of one node, with its subnodes */
#define HAUL_MEND_RECORDS 4000000u              /* records, rows and cells of the same */
#define HAUL_MEND_OCTETS  (32u * 1024u * 1024u) /* of one heap, and of the rows of one table */
#define HAUL_MEND_NOTES   64u                   /* that are named one by one, of the same */

typedef void haul_mend_note(void *ctx, haul_issue_id id, const char *text);

/* Go through the properties and tables of a node and of its subnodes, as n has them; lay repairs over `over`, another view
 * of the same file. note: what was changed. Returns how many places were changed: 0 = trying again makes no sense. */
size_t haul_mend_node(haul_nodes *n, haul_view *over, uint32_t nid, haul_mend_note *note, void *ctx);

/* Let the store do without its map of property names (node 0x61). False when it has none, or cannot. */
bool haul_mend_names(haul_nodes *n, haul_view *over);

bool haul_mend_has_names(haul_nodes *n);

/* Attachments among the subnodes of a node; 0 also when they cannot be read. */
size_t haul_mend_attachments(haul_nodes *n, uint32_t nid);

#endif
