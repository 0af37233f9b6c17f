/* mailhaul: parse, run one command, turn what came of it into an exit status. */
#include "cli/cmd.h"
#include "cli/help.h"
#include "cli/request.h"
#include "cli/text.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static haul_cmd_fn *const commands[HAUL_CMD_COUNT] = {
    [HAUL_CMD_CONVERT] = haul_cmd_convert, [HAUL_CMD_HOLD] = haul_cmd_hold,
    [HAUL_CMD_INSPECT] = haul_cmd_inspect, [HAUL_CMD_VERIFY] = haul_cmd_verify,
    [HAUL_CMD_CHECK] = haul_cmd_check,     [HAUL_CMD_FORMATS] = haul_cmd_formats,
    [HAUL_CMD_HELP] = haul_cmd_help,
};

/* The first signal asks for an orderly stop; the second ends the process at once, which the journal
 * survives just as well. */
static void on_stop(int sig)
{
    (void)sig;
    if (haul_stop) {
        haul_prompt_restore();
        _exit(haul_rc_exit(HAUL_E_INTERRUPTED));
    }
    haul_stop = 1;
}

static void catch_signals(void)
{
    struct sigaction stop = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL); /* a closed pipe is a write error like any other */
}

static haul_rc help(haul_cmd cmd, haul_err *e)
{
    haul_auto_str s = {0};
    haul_help_text(&s, cmd);
    return haul_print(&s, e);
}

haul_rc haul_cmd_help(const haul_args *a, int *ret_status, haul_err *e)
{
    haul_auto_str s = {0};
    const char *name = a->operands[0];
    haul_cmd cmd = name ? haul_cmd_find(name) : HAUL_CMD_COUNT;
    *ret_status = 0;
    if (haul_args_get(a, HAUL_OPT_MAN)) {
        haul_help_man(&s);
        return haul_print(&s, e);
    }
    if (name && cmd == HAUL_CMD_COUNT)
        return haul_fail(e, HAUL_E_USAGE, "unknown command '%s'; see mailhaul --help", name);
    return help(cmd, e);
}

static haul_rc version(haul_err *e)
{
    haul_auto_str s = {0};
    haul_str_addz(&s, "mailhaul " HAUL_VERSION "\n");
    return haul_print(&s, e);
}

static haul_rc run(const haul_args *a, int *ret_status, haul_err *e)
{
    if (haul_args_get(a, HAUL_OPT_HELP))
        return help(a->cmd, e);
    if (haul_args_get(a, HAUL_OPT_VERSION))
        return version(e);
    catch_signals();
    return commands[a->cmd](a, ret_status, e);
}

int main(int argc, char **argv)
{
    haul_args a = {.cmd = HAUL_CMD_COUNT};
    haul_err e = {0};
    int status = 0;
    /* libarchive takes times in a zip that have no zone for local ones. What is written must not hang on where we are. */
    (void)setenv("TZ", "UTC0", 1);
    haul_rc rc = haul_args_parse(argc, argv, &a, &e);
    if (rc == HAUL_OK)
        rc = run(&a, &status, &e);
    /* what differs has been printed, line by line */
    if (rc != HAUL_OK && rc != HAUL_E_DIFFERS)
        haul_complain(e.text);
    haul_args_done(&a);
    return rc == HAUL_OK ? status : haul_rc_exit(rc);
}
