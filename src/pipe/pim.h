/* --pim-files: calendars and address books beside the target, one .ics or .vcf a folder, made from the text/calendar
 * and text/vcard parts of what was stored. They are additions: the items themselves are in the target. */
#ifndef HAUL_PIPE_PIM_H
#define HAUL_PIPE_PIM_H

#include "pipe/map.h"

typedef struct haul_pim haul_pim;

/* Files go below `dir` (TARGET.pim, borrowed), made when the first one is written. resume: the tokens of the last commit, "pim:" and
 * the file's name → octets that count; NULL on a first run, when a `dir` that is not empty is refused (HAUL_E_TARGET).
 * What lies beyond, and files that no token names, are leftovers of an interrupted run: they are written over. */
HAUL_MUST_USE haul_rc haul_pim_open(const haul_job *job, const char *dir, const haul_tokens *resume,
                                    haul_pim **ret, haul_err *e);
/* m is stored: add what it holds of calendars or contacts to the files of its source folder. Other messages are passed over. */
HAUL_MUST_USE haul_rc haul_pim_message(haul_pim *p, const haul_folders *folders, const haul_msg *m,
                                       haul_err *e);
/* Make it durable, and put the tokens. */
HAUL_MUST_USE haul_rc haul_pim_commit(haul_pim *p, haul_tokens *to, haul_err *e);
void haul_pim_close(haul_pim *p); /* drops what was not committed; NULL is accepted */

/* True for the key of a token that is ours, not the sink's. */
bool haul_pim_owns(const char *key);

#endif
