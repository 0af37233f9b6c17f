/* Where a run keeps its journal and reports, and whether the target may be written at all. */
#ifndef HAUL_PIPE_STATE_H
#define HAUL_PIPE_STATE_H

#include "pipe/job.h"

/* The state directory of a target: --state, TARGET/.mailhaul, TARGET.mailhaul beside a single file, or of a URL
 * $XDG_STATE_HOME/mailhaul/user@host:port%2FFolder (~/.local/state where that is not set). The same for every way to
 * write the same URL. "" when there is no home. */
void haul_state_path(const char *target, const haul_format *to, const haul_values *values,
                     const char *state_dir, haul_str *ret);
/* For verify, before the format is known: whichever of them exists. False when none does. */
bool haul_state_find(const char *target, const char *state_dir, haul_str *ret);
/* Refuse a target with content that no journal explains, unless merge is set; a URL is the sink's to judge. Changes
 * nothing. *ret_existed: a journal is there already. */
HAUL_MUST_USE haul_rc haul_state_check(const char *target, bool is_file, const char *state, bool merge,
                                       bool *ret_existed, haul_err *e);
/* The same, and make the state directory (0700) and the target directory. */
HAUL_MUST_USE haul_rc haul_state_prepare(const char *target, bool is_file, const char *state, bool merge,
                                         bool *ret_existed, haul_err *e);

#endif
