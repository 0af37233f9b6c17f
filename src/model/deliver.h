/* One message into one file of a directory target: whole, with its time, or not at all. */
#ifndef HAUL_MODEL_DELIVER_H
#define HAUL_MODEL_DELIVER_H

#include "model/format.h"

typedef struct haul_delivery {
    int tmp_dir;     /* where it is written first … */
    const char *tmp; /* … under this name; what was there is replaced */
    int dir;         /* and where it is renamed to */
    const char *name;
    haul_eol eol; /* line ends asked for; MSG_EOL_KEPT and MSG_EOL_MIXED are reported */
} haul_delivery;

/* Write the frozen body, set the file's time to haul_msg_time, rename. Five system calls, no sync. A time that
 * the file system cannot hold is an issue. On failure nothing is left under either name. */
HAUL_MUST_USE haul_rc haul_deliver(haul_sink *s, const haul_msg *m, const haul_delivery *d, haul_err *e);

/* Make (if need be) and open a target directory, its last level at least. */
HAUL_MUST_USE haul_rc haul_deliver_open(const char *target, int *ret_fd, haul_err *e);
/* Remove the files of a directory whose name holds `mark`: leftovers of an interrupted run. */
void haul_deliver_clean(int dirfd, const char *mark);

#endif
