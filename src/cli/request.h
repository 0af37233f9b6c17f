/* From what was said on the command line to the job that the pipeline runs. */
#ifndef HAUL_CLI_REQUEST_H
#define HAUL_CLI_REQUEST_H

#include "cli/args.h"
#include "cli/progress.h"
#include "cli/prompt.h"

typedef struct haul_request { /* owns what the job borrows */
    haul_job job;
    haul_bar bar;
    haul_prompt prompt;
    bool json;
    const char *html; /* --html FILE, NULL = none */
    const char **sources, **folders, **not_folders;
    haul_map_rule *rules;
    haul_arena arena;
} haul_request;

/* Set by the first SIGINT or SIGTERM. */
extern volatile sig_atomic_t haul_stop;

/* Fill r for one of convert, inspect, verify. HAUL_E_USAGE: a value that cannot be, a target of no known
 * format, or one that is, or lies in, a source; a URL with a password in it, or as a source. Begins the progress
 * bar. r stays where it is: the job points into it. */
HAUL_MUST_USE haul_rc haul_request_init(haul_request *r, const haul_args *a, haul_err *e);
void haul_request_done(haul_request *r);

/* True when target, which need not exist, is source or lies below it, symbolic links resolved. */
bool haul_path_within(const char *target, const char *source);
/* "FROM=TO", "\=" for = inside FROM; strings from a. False when a side is missing. */
bool haul_map_parse(haul_arena *a, const char *z, haul_map_rule *ret);

#endif
