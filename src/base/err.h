/* Errors: one list, no heap, no thread state.
 *
 * A fallible function returns haul_rc and takes `haul_err *e` last; on failure it has filled *e and
 * left its ret_ parameters untouched. e may be NULL when the caller does not want the text. */
#ifndef HAUL_BASE_ERR_H
#define HAUL_BASE_ERR_H

#include "base/attr.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* X(enum, value, name, exit status of the program, sentence). Values < 0 end the source or the run. */
#define HAUL_RC_LIST(X)                                                                                      \
    X(OK, 0, "ok", 0, "done")                                                                                \
    X(END, 1, "end", 0, "nothing more to read")                                                              \
    X(SKIP, 2, "skip", 1, "this item is lost, the rest goes on")                                             \
    X(E_USAGE, -1, "usage", 2, "the command line is wrong")                                                  \
    X(E_SOURCE, -2, "source", 3, "the source cannot be read")                                                \
    X(E_FORMAT, -3, "format", 3, "the source is not what its format requires")                               \
    X(E_LIMIT, -4, "limit", 3, "a size or count from the input exceeds its named limit")                     \
    X(E_TARGET, -5, "target", 4, "the target cannot be written")                                             \
    X(E_STATE, -6, "state", 4, "the journal cannot be used")                                                 \
    X(E_NETWORK, -7, "network", 5, "the network or the server failed")                                       \
    X(E_AUTH, -8, "auth", 5, "the server refused the credentials")                                           \
    X(E_INTERRUPTED, -9, "interrupted", 130, "interrupted; run again to go on")                              \
    X(E_DIFFERS, -10, "differs", 1, "the target differs from what was recorded")

typedef enum haul_rc {
#define X(id, value, name, status, text) HAUL_##id = (value),
    HAUL_RC_LIST(X)
#undef X
} haul_rc;

#define HAUL_ERR_TEXT 1024 /* octets of an error text, NUL included; longer ones end in "…" */

typedef struct haul_err {
    haul_rc rc;
    int sys; /* errno at the origin, 0 = none */
    char text[HAUL_ERR_TEXT];
} haul_err;

/* The stable name ("target"), the sentence and the exit status of a code. Never NULL. */
const char *haul_rc_name(haul_rc rc);
const char *haul_rc_text(haul_rc rc);
int haul_rc_exit(haul_rc rc);

/* Fill *e at the origin of a failure and return rc, so that `return haul_fail(e, …);` reads well.
 * Text: one line, lower case, no full stop: what happened, to what, where. */
haul_rc haul_fail(haul_err *e, haul_rc rc, const char *fmt, ...) HAUL_PRINTF(3, 4);
/* The same for a failed system call: appends ": " and the text of errno. */
haul_rc haul_fail_sys(haul_err *e, haul_rc rc, const char *fmt, ...) HAUL_PRINTF(3, 4);
/* Put context in front of the text on the way up: "message 4711: " + text. Returns rc. */
haul_rc haul_wrap(haul_err *e, haul_rc rc, const char *fmt, ...) HAUL_PRINTF(3, 4);

/* Out of memory: one line on stderr, exit status 4 by abort-free _exit. The journal makes it resumable. */
HAUL_NORETURN void haul_oom(void);

/* malloc family that never returns NULL. Sizes from input are bounded before they come here. */
void *haul_alloc(size_t n);
void *haul_calloc(size_t n, size_t size);
void *haul_realloc(void *p, size_t n);
/* Room for one more element of `size` octets behind n of *cap. */
void *haul_grown(void *v, size_t n, size_t *cap, size_t size);
char *haul_strdup(const char *s);

#endif
