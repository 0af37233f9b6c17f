/* Ask for one secret, as a sink does; print what came of it. Arguments: WHAT [octets of the buffer]. */
#include "cli/prompt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_stop(int sig)
{
    (void)sig;
    if (stop) {
        haul_prompt_restore();
        _exit(99);
    }
    stop = 1;
}

int main(int argc, char **argv)
{
    char secret[256] = "";
    haul_err e = {0};
    haul_bar bar = {.show = HAUL_SHOW_BAR, .fd = STDERR_FILENO, .drawn = true};
    haul_prompt prompt = {.bar = &bar, .stop = &stop};
    struct sigaction act = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    size_t cap = argc > 2 ? (size_t)strtoul(argv[2], NULL, 10) : sizeof(secret);
    haul_rc rc = haul_prompt_ask(&prompt, argv[1], secret, cap, &e);
    printf("%s|%s|%s\n", haul_rc_name(rc), secret, e.text);
    return haul_rc_exit(rc);
}
