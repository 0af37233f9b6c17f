/* A reader served by a child process that can do nothing but parse: the file it was given, a socket to us, memory and
 * time within limits. A crash, a hang or a runaway allocation in the parser costs one item: that item is SKIP, the child
 * is replaced, reading goes on behind it. */
#ifndef HAUL_MODEL_CONFINED_H
#define HAUL_MODEL_CONFINED_H

#include "model/format.h"
#include "model/guard.h"

#include <signal.h>

#define HAUL_CONFINED_JOBS_MAX 16u

typedef struct haul_confined_limits {
    unsigned item_seconds;      /* without an octet from the child while it owes us one; 0 = no limit */
    uint64_t memory;            /* octets of address space of the child; 0 = no limit */
    unsigned jobs;              /* children that share the items, HAUL_CONFINED_JOBS_MAX at most; 0 = 1 */
    bool off;                   /* no child: call the reader in this process (debugging) */
    const char *seconds_option; /* what sets these limits, for messages: "--item-timeout"; or NULL */
    const char *memory_option;
} haul_confined_limits;

typedef struct haul_confined haul_confined;

/* ops: the reader to be served; its tree is a single file (haul_tree_from_fd), r->guard is set, and everything it needs from
 * outside (converters, tables) must have been loaded by `prepare`, which runs in this process before the fork; may be NULL.
 * fd: the source, read-only, owned from here on. label: its name for the reader and for messages. issue: as in haul_reader.
 * The child is started by the first next(). */
haul_confined *haul_confined_new(const haul_reader_ops *ops, void (*prepare)(void), int fd, const char *label,
                                 const haul_values *v, const haul_confined_limits *limits,
                                 void (*issue)(void *, haul_issue_id, const char *), void *issue_ctx);
void haul_confined_free(haul_confined *c);
HAUL_DEFINE_AUTO(haul_confined, haul_confined_free)

/* As haul_reader_ops. An item lost with its child comes as SKIP with key, place and folder filled as far as the guard
 * knew them: place "node 0x200024". A child lost in FOLDER or STORE is a source issue (reader.lost-folder) or the failure
 * of the source. */
HAUL_MUST_USE haul_rc haul_confined_next(haul_confined *c, haul_item *it, haul_err *e);
HAUL_MUST_USE haul_rc haul_confined_body(haul_confined *c, haul_msg *m, haul_out *to, haul_err *e);

/* For all readers of this process: once *stop is set, a parser that says nothing for two seconds is not waited for any
 * longer, and next() and body() fail with HAUL_E_INTERRUPTED. NULL: wait in any case. */
void haul_confined_stop(const volatile sig_atomic_t *stop);

#endif
