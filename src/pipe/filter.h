/* Which items a run takes. These filters look at metadata only; size is asked again once the body is known. select.h has
 * those that need the body. */
#ifndef HAUL_PIPE_FILTER_H
#define HAUL_PIPE_FILTER_H

#include "pipe/job.h"

/* Why an item is left out, NULL when it is taken: "folder", "since", "until", "kind", "max-size". */
const char *haul_filter_folder(const haul_filter *f, const char *path);
const char *haul_filter_message(const haul_filter *f, const haul_msg *m);

#endif
