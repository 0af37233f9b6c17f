/* Asking a person for a secret: on the terminal, whatever standard input and output are, without echo. */
#ifndef HAUL_CLI_PROMPT_H
#define HAUL_CLI_PROMPT_H

#include "cli/progress.h"

typedef struct haul_prompt {
    haul_bar *bar;                     /* its line is taken off the screen before; may be NULL */
    const volatile sig_atomic_t *stop; /* set by SIGINT or SIGTERM */
} haul_prompt;

/* For haul_ask: ctx is a haul_prompt. One line of the controlling terminal goes straight into the caller's buffer.
 *   HAUL_E_AUTH         no terminal, end of input, nothing typed, or more than cap - 1 octets; to is wiped
 *   HAUL_E_INTERRUPTED  SIGINT or SIGTERM; the same */
haul_rc haul_prompt_ask(void *ctx, const char *what, char *to, size_t cap, haul_err *e);

/* Give the terminal its echo back, if a prompt has taken it. May be called by a signal handler. */
void haul_prompt_restore(void);

#endif
