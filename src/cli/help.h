/* Help texts and the manual page, made from options.def and the tables of the formats. */
#ifndef HAUL_CLI_HELP_H
#define HAUL_CLI_HELP_H

#include "cli/args.h"

/* `mailhaul --help` for HAUL_CMD_COUNT, else `mailhaul COMMAND --help`. */
void haul_help_text(haul_str *to, haul_cmd cmd);
/* mailhaul(1) as roff with the man macros. The same octets on every machine. */
void haul_help_man(haul_str *to);

#endif
