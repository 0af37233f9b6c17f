#include "cli/args.h"

#include <stdlib.h>
#include <string.h>

/* Names for the `commands` column of options.def. */
enum {
#define X(id, name, operands, least, most, text) id = 1u << HAUL_CMD_##id,
    HAUL_CMD_LIST(X)
#undef X
};

const haul_cmd_info haul_cmds[HAUL_CMD_COUNT] = {
#define X(id, name, operands, least, most, text) {name, operands, text, least, most},
    HAUL_CMD_LIST(X)
#undef X
};

const haul_opt_info haul_opts[HAUL_OPT_COUNT] = {
#define HAUL_OPTION(id, name, letter, arg, commands, category, help, more)                                   \
    {name, letter, arg, commands, HAUL_CATEGORY_##category, help, more},
#include "cli/options.def"
#undef HAUL_OPTION
};

const char *const haul_categories[HAUL_CATEGORY_COUNT] = {
#define X(id, heading) heading,
    HAUL_CATEGORY_LIST(X)
#undef X
};

#define WORD_MAX     48u /* longer words are not compared for "did you mean" */
#define DISTANCE_MAX 2u  /* edits between what was said and what may have been meant */

typedef struct parse { /* the state of one haul_args_parse */
    int argc, i;
    char *const *argv;
    haul_args *a;
} parse;

haul_cmd haul_cmd_find(const char *name)
{
    int c = 0;
    while (c < HAUL_CMD_COUNT && strcmp(haul_cmds[c].name, name) != 0)
        c++;
    return (haul_cmd)c;
}

/* Levenshtein distance; WORD_MAX when a word is too long to be compared. */
static size_t distance(const char *a, size_t n, const char *b)
{
    size_t row[WORD_MAX + 1], m = strlen(b);
    if (n >= WORD_MAX || m >= WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            best = best < row[j] + 1 ? best : row[j] + 1;
            row[j] = best < row[j - 1] + 1 ? best : row[j - 1] + 1;
        }
    }
    return row[m];
}

typedef struct guess { /* the nearest known word so far */
    const char *said, *best;
    size_t len, edits;
} guess;

static void consider(guess *g, const char *known)
{
    size_t d = distance(g->said, g->len, known);
    if (d > DISTANCE_MAX && g->len >= 3 && strncmp(known, g->said, g->len) == 0)
        d = DISTANCE_MAX; /* the beginning of a longer name */
    if (d < g->edits && d < strlen(known)) {
        g->edits = d;
        g->best = known;
    }
}

/* An option of any format by that name; from *f on, so that repeated calls find all. NULL: no more. */
static const haul_format_option *format_option(size_t *f, const char *name, size_t len)
{
    for (; haul_formats[*f]; ++*f)
        for (const haul_format_option *o = haul_formats[*f]->options; o && o->name; o++)
            if (strlen(o->name) == len && memcmp(o->name, name, len) == 0) {
                ++*f;
                return o;
            }
    return NULL;
}

static haul_rc unknown_option(const haul_args *a, const char *name, size_t len, haul_err *e)
{
    guess g = {name, NULL, len, DISTANCE_MAX + 1};
    for (int o = 0; o < HAUL_OPT_COUNT; o++)
        if (haul_opts[o].commands & 1u << a->cmd)
            consider(&g, haul_opts[o].name);
    for (size_t f = 0; haul_formats[f]; f++)
        for (const haul_format_option *o = haul_formats[f]->options; o && o->name; o++)
            consider(&g, o->name);
    if (g.best)
        return haul_fail(e, HAUL_E_USAGE, "unknown option --%.*s; did you mean --%s?", (int)len, name,
                         g.best);
    return haul_fail(e, HAUL_E_USAGE, "unknown option --%.*s; see mailhaul %s --help", (int)len, name,
                     haul_cmds[a->cmd].name);
}

static haul_rc not_of_command(const haul_args *a, haul_opt o, haul_err *e)
{
    int c = 0;
    while (!(haul_opts[o].commands & 1u << c))
        c++;
    return haul_fail(e, HAUL_E_USAGE, "--%s is an option of %s, not of %s", haul_opts[o].name,
                     haul_cmds[c].name, haul_cmds[a->cmd].name);
}

static void say(haul_args *a, haul_opt o, const char *value)
{
    a->said = haul_realloc(a->said, (a->n_said + 1) * sizeof(*a->said));
    a->said[a->n_said++] = (haul_said){o, value};
}

static void operand(haul_args *a, const char *value)
{
    a->operands = haul_realloc(a->operands, (a->n_operands + 2) * sizeof(*a->operands));
    a->operands[a->n_operands++] = value;
    a->operands[a->n_operands] = NULL;
}

/* `given` (after '=' or the letter) or else the next argument. */
static haul_rc argument(parse *p, const char *given, const char *name, const char *what, const char **ret,
                        haul_err *e)
{
    if (!given && p->i + 1 < p->argc)
        given = p->argv[++p->i];
    if (!given)
        return haul_fail(e, HAUL_E_USAGE, "--%s needs %s", name, what);
    *ret = given;
    return HAUL_OK;
}

/* Formats may share an option name; the value has to be right for one of them. */
static haul_rc format_value(parse *p, const char *name, size_t len, const char *given, haul_err *e)
{
    size_t f = 0;
    const haul_format_option *o = format_option(&f, name, len), *first = o;
    const char *value = NULL;
    if (!o)
        return unknown_option(p->a, name, len, e);
    if (haul_option_is_optional(o) && !given)
        given = "yes";
    haul_rc rc = argument(p, given, o->name, o->choices ? o->choices : "a value", &value, e);
    for (; rc == HAUL_OK && o; o = format_option(&f, name, len))
        if (haul_option_takes(o, value)) {
            haul_values_set(p->a->values, o->name, value);
            return HAUL_OK;
        }
    return rc ? rc
              : haul_fail(e, HAUL_E_USAGE, "--%s takes %s, not '%s'", first->name, first->choices, value);
}

/* Another command's option of a name that is also one of this command's: --dedupe of convert takes no value. */
static bool is_other(const haul_args *a, int o)
{
    if (haul_opts[o].commands & 1u << a->cmd)
        return false;
    for (int i = 0; i < HAUL_OPT_COUNT; i++)
        if (i != o && haul_opts[i].commands & 1u << a->cmd &&
            strcmp(haul_opts[i].name, haul_opts[o].name) == 0)
            return true;
    return false;
}

static haul_rc long_option(parse *p, const char *arg, haul_err *e)
{
    size_t len = strcspn(arg, "=");
    const char *given = arg[len] ? arg + len + 1 : NULL, *value = "";
    for (int o = 0; o < HAUL_OPT_COUNT; o++) {
        const haul_opt_info *info = &haul_opts[o];
        if (is_other(p->a, o))
            continue;
        if (strlen(info->name) != len || memcmp(info->name, arg, len) != 0)
            continue;
        if (!(info->commands & 1u << p->a->cmd))
            return not_of_command(p->a, (haul_opt)o, e);
        if (!info->arg && given)
            return haul_fail(e, HAUL_E_USAGE, "--%s takes no value", info->name);
        haul_rc rc = info->arg ? argument(p, given, info->name, info->arg, &value, e) : HAUL_OK;
        if (rc == HAUL_OK)
            say(p->a, (haul_opt)o, value);
        return rc;
    }
    return format_value(p, arg, len, given, e);
}

/* "-nqf mbox", "-fmbox": letters in one word; the first that takes an argument takes the rest. */
static haul_rc short_options(parse *p, const char *letters, haul_err *e)
{
    for (; *letters; letters++) {
        int o = 0;
        while (o < HAUL_OPT_COUNT && haul_opts[o].letter != *letters)
            o++;
        if (o == HAUL_OPT_COUNT)
            return haul_fail(e, HAUL_E_USAGE, "unknown option -%c; see mailhaul %s --help", *letters,
                             haul_cmds[p->a->cmd].name);
        if (!(haul_opts[o].commands & 1u << p->a->cmd))
            return not_of_command(p->a, (haul_opt)o, e);
        if (haul_opts[o].arg) {
            const char *value = NULL;
            haul_rc rc =
                argument(p, letters[1] ? letters + 1 : NULL, haul_opts[o].name, haul_opts[o].arg, &value, e);
            if (rc == HAUL_OK)
                say(p->a, (haul_opt)o, value);
            return rc;
        }
        say(p->a, (haul_opt)o, "");
    }
    return HAUL_OK;
}

static haul_rc no_command(const char *said, haul_err *e)
{
    if (!said)
        return haul_fail(e, HAUL_E_USAGE,
                         "say what to do: convert, hold, inspect, verify, check, formats or help");
    guess g = {said, NULL, strlen(said), DISTANCE_MAX + 1};
    for (int c = 0; c < HAUL_CMD_COUNT; c++)
        consider(&g, haul_cmds[c].name);
    if (g.best)
        return haul_fail(e, HAUL_E_USAGE, "unknown command '%s'; did you mean %s?", said, g.best);
    return haul_fail(e, HAUL_E_USAGE, "unknown command '%s'; see mailhaul --help", said);
}

/* The first argument: a command, or --help or --version of the program itself. */
static haul_rc first(haul_args *a, const char *arg, haul_err *e)
{
    static const haul_opt alone[] = {HAUL_OPT_HELP, HAUL_OPT_VERSION};
    for (size_t i = 0; arg && i < HAUL_COUNT(alone); i++) {
        const haul_opt_info *o = &haul_opts[alone[i]];
        bool is_letter = arg[0] == '-' && arg[1] == o->letter && !arg[2];
        if (is_letter || (strncmp(arg, "--", 2) == 0 && strcmp(arg + 2, o->name) == 0)) {
            say(a, alone[i], "");
            return HAUL_OK;
        }
    }
    if (arg && arg[0] == '-')
        return haul_fail(e, HAUL_E_USAGE, "%s: options follow the command; see mailhaul --help", arg);
    a->cmd = arg ? haul_cmd_find(arg) : HAUL_CMD_COUNT;
    return a->cmd == HAUL_CMD_COUNT ? no_command(arg, e) : HAUL_OK;
}

static haul_rc rest(parse *p, haul_err *e)
{
    bool options = true;
    haul_rc rc = HAUL_OK;
    for (; p->i < p->argc && rc == HAUL_OK; p->i++) {
        const char *arg = p->argv[p->i];
        if (!options || arg[0] != '-' || !arg[1])
            operand(p->a, arg);
        else if (strcmp(arg, "--") == 0)
            options = false;
        else if (arg[1] == '-')
            rc = long_option(p, arg + 2, e);
        else
            rc = short_options(p, arg + 1, e);
    }
    return rc;
}

static haul_rc count_operands(const haul_args *a, haul_err *e)
{
    const haul_cmd_info *c = &haul_cmds[a->cmd];
    if (haul_args_get(a, HAUL_OPT_HELP) || haul_args_get(a, HAUL_OPT_VERSION))
        return HAUL_OK;
    if (a->n_operands < c->least)
        return haul_fail(e, HAUL_E_USAGE, "%s needs %s; see mailhaul %s --help", c->name, c->operands,
                         c->name);
    if (a->n_operands > c->most)
        return haul_fail(e, HAUL_E_USAGE, "%s: one operand too many: '%s'", c->name, a->operands[c->most]);
    for (size_t i = 0; i < a->n_operands; i++)
        if (!*a->operands[i])
            return haul_fail(e, HAUL_E_USAGE, "%s: an empty name", c->name);
    return HAUL_OK;
}

haul_rc haul_args_parse(int argc, char *const *argv, haul_args *ret, haul_err *e)
{
    haul_args a = {.cmd = HAUL_CMD_COUNT};
    parse p = {argc, 2, argv, &a};
    a.values = haul_values_new();
    a.operands = haul_calloc(1, sizeof(*a.operands));
    a.words = (const char *const *)argv + (argc > 2 ? 2 : argc);
    haul_rc rc = first(&a, argc > 1 ? argv[1] : NULL, e);
    if (rc == HAUL_OK && a.cmd != HAUL_CMD_COUNT)
        rc = rest(&p, e);
    if (rc == HAUL_OK && a.cmd != HAUL_CMD_COUNT)
        rc = count_operands(&a, e);
    if (rc == HAUL_OK)
        *ret = a;
    else
        haul_args_done(&a);
    return rc;
}

void haul_args_done(haul_args *a)
{
    free(a->said);
    free(a->operands);
    haul_values_free(a->values);
    *a = (haul_args){.cmd = HAUL_CMD_COUNT};
}

const char *haul_args_get(const haul_args *a, haul_opt o)
{
    const char *value = NULL;
    for (size_t i = 0; i < a->n_said; i++)
        if (a->said[i].opt == o)
            value = a->said[i].value;
    return value;
}

const char **haul_args_all(const haul_args *a, haul_opt o)
{
    const char **v = NULL;
    size_t n = 0;
    for (size_t i = 0; i < a->n_said; i++) {
        if (a->said[i].opt != o)
            continue;
        v = haul_realloc(v, (n + 2) * sizeof(*v));
        v[n++] = a->said[i].value;
        v[n] = NULL;
    }
    return v;
}
