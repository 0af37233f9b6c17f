/* The files of an Outlook target: NAME.pst or NAME-2.pst …, what it is called until it is finished, and its log. */
#ifndef HAUL_FORMATS_PST_PUT_FILES_H
#define HAUL_FORMATS_PST_PUT_FILES_H

#include "put.h"

#define HAUL_PSTW_UNFINISHED ".part"

typedef struct haul_pstw_files {
    int dir, own;     /* of the target; of the journal */
    char *name;       /* of the first store, in dir */
    unsigned volume;  /* from 1 */
    uint64_t logged;  /* of the log, at the last commit; 0 = none */
    bool claimed;     /* the journal has the volume: its unfinished file is ours */
    bool finished;    /* the volume has its name, and nothing came since */
    bool named;       /* it had its name before: what has that is ours to replace */
    bool begun;       /* its unfinished file is open */
    uint64_t most;    /* octets of a volume */
    haul_pstw *store; /* as the log says; its file is open only when begun */
} haul_pstw_files;

/* "out.pst", "out-2.pst" … */
void haul_pstw_file_name(const char *first, unsigned volume, haul_str *to);
/* The directories of target and journal. haul_pstw_files_done after every outcome. */
HAUL_MUST_USE haul_rc haul_pstw_files_init(haul_pstw_files *f, const char *target, const char *own,
                                           haul_err *e);
void haul_pstw_files_done(haul_pstw_files *f);
/* The log of the volume, taken up at f->logged: f->store. The store's own file is not touched yet. */
HAUL_MUST_USE haul_rc haul_pstw_files_log(haul_pstw_files *f, const char *title, haul_err *e);
/* HAUL_E_TARGET: there is a file of that volume's name, or of its unfinished one's, with something in it, that this journal does not
 * know; or, of a further volume, the journal of another run that has it as its target. */
HAUL_MUST_USE haul_rc haul_pstw_files_free(const haul_pstw_files *f, unsigned volume, haul_err *e);
/* Open the unfinished store, which is what the log says of it up to its last commit. f->claimed. */
HAUL_MUST_USE haul_rc haul_pstw_files_begin(haul_pstw_files *f, haul_err *e);
/* After haul_pstw_finish: give it its name, and close it. HAUL_E_TARGET: somebody else's file has got that name meanwhile. */
HAUL_MUST_USE haul_rc haul_pstw_files_publish(haul_pstw_files *f, haul_err *e);
/* Remove the log of a volume that is done with. */
void haul_pstw_files_drop(haul_pstw_files *f, unsigned volume);

#endif
