/* The command line: what may be said (options.def and the formats' own tables) and what was said. */
#ifndef HAUL_CLI_ARGS_H
#define HAUL_CLI_ARGS_H

#include "pipe/job.h"

/* X(enum suffix, name, operands, least, most operands, sentence) */
#define HAUL_CMD_LIST(X)                                                                                     \
    X(CONVERT, "convert", "SOURCE... TARGET", 2, SIZE_MAX, "bring mail from SOURCEs into TARGET")            \
    X(HOLD, "hold", "SOURCE... TARGET", 2, SIZE_MAX,                                                         \
      "make a legal-hold package of SOURCEs in the directory TARGET")                                        \
    X(INSPECT, "inspect", "SOURCE...", 1, SIZE_MAX, "what is in a source: folders, counts, sizes, dates")    \
    X(VERIFY, "verify", "TARGET [SOURCE...]", 1, SIZE_MAX, "read a target again and prove it is complete")   \
    X(CHECK, "check", "STORE...", 1, SIZE_MAX, "hold stores against the specification of their format")      \
    X(FORMATS, "formats", "", 0, 0, "what this build reads and writes, and what each format keeps")          \
    X(HELP, "help", "[COMMAND]", 0, 1, "show the help of a command")

typedef enum haul_cmd {
#define X(id, name, operands, least, most, text) HAUL_CMD_##id,
    HAUL_CMD_LIST(X)
#undef X
        HAUL_CMD_COUNT /* also: no command at all */
} haul_cmd;

/* X(enum suffix, heading) */
#define HAUL_CATEGORY_LIST(X)                                                                                \
    X(SOURCE, "Formats")                                                                                     \
    X(SELECT, "Selection")                                                                                   \
    X(FOLDERS, "Folders") X(PACKAGE, "Package") X(RUN, "Run") X(OUTPUT, "Output") X(GENERAL, "Help")

typedef enum haul_category {
#define X(id, heading) HAUL_CATEGORY_##id,
    HAUL_CATEGORY_LIST(X)
#undef X
        HAUL_CATEGORY_COUNT
} haul_category;

typedef enum haul_opt {
#define HAUL_OPTION(id, name, letter, arg, commands, category, help, more) HAUL_OPT_##id,
#include "cli/options.def"
#undef HAUL_OPTION
    HAUL_OPT_COUNT
} haul_opt;

typedef struct haul_cmd_info {
    const char *name, *operands, *text;
    size_t least, most; /* operands */
} haul_cmd_info;

typedef struct haul_opt_info {
    const char *name;  /* without "--" */
    char letter;       /* 0 = none */
    const char *arg;   /* its name in help texts, NULL = takes none */
    unsigned commands; /* 1u << haul_cmd */
    haul_category category;
    const char *help, *more;
} haul_opt_info;

extern const haul_cmd_info haul_cmds[HAUL_CMD_COUNT];
extern const haul_opt_info haul_opts[HAUL_OPT_COUNT];
extern const char *const haul_categories[HAUL_CATEGORY_COUNT];

/* X(status, sentence): the exit statuses that haul_rc and haul_totals lead to, for help, man page and docs. */
#define HAUL_EXIT_LIST(X)                                                                                    \
    X(0, "everything was stored, or agrees")                                                                 \
    X(1, "done, but items failed, were damaged or differ; the report names them")                            \
    X(2, "the command line is wrong; nothing was done")                                                      \
    X(3, "a source cannot be read")                                                                          \
    X(4, "the target, the journal or standard output cannot be written")                                     \
    X(5, "network or authentication")                                                                        \
    X(130, "interrupted; run the same command again to go on")

typedef struct haul_said { /* one option as it was said */
    haul_opt opt;
    const char *value; /* "" for an option without argument */
} haul_said;

typedef struct haul_args { /* zero-initialised = nothing; strings are those of argv */
    haul_cmd cmd;          /* HAUL_CMD_COUNT: none, only --help or --version */
    haul_said *said;
    size_t n_said;
    const char **operands; /* NULL-ended */
    size_t n_operands;
    haul_values *values;      /* options of formats, checked against their choices */
    const char *const *words; /* everything behind the command, NULL-ended: argv's own */
} haul_args;

/* Parse argv. HAUL_E_USAGE: one line that says what is wrong and, where it can, what was meant.
 * The count of operands is not checked when --help or --version was said. */
HAUL_MUST_USE haul_rc haul_args_parse(int argc, char *const *argv, haul_args *ret, haul_err *e);
void haul_args_done(haul_args *a);
/* The last value said for an option, NULL when it was not said. */
const char *haul_args_get(const haul_args *a, haul_opt o);
/* All values of a repeatable option, NULL-ended, malloc'd; NULL when it was not said. */
const char **haul_args_all(const haul_args *a, haul_opt o);
/* HAUL_CMD_COUNT when there is no such command. */
haul_cmd haul_cmd_find(const char *name);

#endif
