/* The commands. Each prints its result on standard output and gives its exit status in *ret_status; a
 * failure is returned for main to name, with the exit status of its code. */
#ifndef HAUL_CLI_CMD_H
#define HAUL_CLI_CMD_H

#include "cli/args.h"

typedef haul_rc haul_cmd_fn(const haul_args *a, int *ret_status, haul_err *e);

haul_cmd_fn haul_cmd_convert, haul_cmd_hold, haul_cmd_inspect, haul_cmd_verify, haul_cmd_check,
    haul_cmd_formats, haul_cmd_help;

#endif
