/* What a run asks of a package before it changes an octet of it: a mistake in the command must not cost a seal. */
#ifndef HAUL_HOLD_CLAIM_H
#define HAUL_HOLD_CLAIM_H

#include "pipe/job.h"

/* Whether there is something to read, the target is a package or can become one, and was begun with the same options; then make
 * it, keep other runs out for as long as *ret_lock is open, and take the seal away [hold-7].
 *   ret_lock  out  descriptor of the package, owned; -1 where it fails
 *   HAUL_E_SOURCE, HAUL_E_FORMAT  no source can be read · HAUL_E_TARGET  not a package, or not writable
 *   HAUL_E_USAGE  begun with other options · HAUL_E_STATE  another run works on it
 * Whatever it returns, a package that was sealed and is not OK here is as it was. */
HAUL_MUST_USE haul_rc haul_hold_claim(const haul_job *job, int *ret_lock, haul_err *e);

#endif
