#include "cli/help.h"

#include "cli/text.h"

#include <stdlib.h>
#include <string.h>

#define WIDTH    80u
#define HELP_COL 26u /* where the sentence of an option begins */

typedef struct note { /* prose that belongs to no single option */
    const char *heading, *text;
} note;

static const note examples[] = {
    {"mailhaul inspect ARCHIVE", "What is in there?"},
    {"mailhaul inspect ARCHIVE --html FILE", "The same as a page for people, with charts."},
    {"mailhaul convert ARCHIVE NEW --to FORMAT",
     "Convert it. Run it again after an interruption, or when ARCHIVE has grown."},
    {"mailhaul verify NEW ARCHIVE", "Read both again and compare."},
    {"mailhaul check STORE", "Is an Outlook store as its specification says, and if not, where?"},
    {"mailhaul convert STORE NEW --to FORMAT --recover --pim-files",
     "An Outlook store, with what was deleted in it, and calendars and address books as files beside NEW. "
     "Quit Outlook before, or convert a copy."},
    {"mailhaul convert OLD1 OLD2.zip NEW --to FORMAT --since 2019-01-01", "Several sources into one target."},
};

static const note files[] = {
    {"TARGET/.mailhaul/, or TARGET.mailhaul/ beside a target that is one file",
     "The journal of the target (journal.db), the report of the last run (report.json) and one line of JSON "
     "an item (items.jsonl). Without the journal a second run could not know what is stored already."},
    {"$XDG_STATE_HOME/mailhaul/USER@HOST%2FFOLDER/",
     "The same of a server; ~/.local/state stands for $XDG_STATE_HOME where that is not set. Keep it: what "
     "it does "
     "not know would be sent again."},
    {"TARGET.pim/",
     "With --pim-files: calendars (.ics) and address books (.vcf), one for each source folder that has any."},
};

static void option_line(const haul_opt_info *o, haul_str *to)
{
    haul_auto_str left = {0};
    if (o->letter)
        haul_str_addf(&left, "  -%c, --%s", o->letter, o->name);
    else
        haul_str_addf(&left, "      --%s", o->name);
    if (o->arg)
        haul_str_addf(&left, " %s", o->arg);
    haul_text_cell(to, left.p, HELP_COL - 2, false);
    haul_str_addz(to, "  ");
    haul_text_wrap(to, o->help, left.len + 2 > HELP_COL ? left.len + 2 : HELP_COL, HELP_COL, WIDTH);
}

static void category(haul_str *to, haul_cmd cmd, haul_category c)
{
    bool any = false;
    for (int o = 0; o < HAUL_OPT_COUNT; o++) {
        const haul_opt_info *info = &haul_opts[o];
        if (info->category != c || !(info->commands & 1u << cmd))
            continue;
        if (!any)
            haul_str_addf(to, "\n%s:\n", haul_categories[c]);
        any = true;
        option_line(info, to);
    }
}

/* True when an earlier format has an option of that name: its line is there already. */
static bool told_before(size_t f, const char *name)
{
    for (size_t i = 0; i < f; i++)
        for (const haul_format_option *o = haul_formats[i]->options; o && o->name; o++)
            if (strcmp(o->name, name) == 0)
                return true;
    return false;
}

static void formats_with(size_t f, const char *name, haul_str *to)
{
    const char *comma = "";
    for (; haul_formats[f]; f++)
        for (const haul_format_option *o = haul_formats[f]->options; o && o->name; o++)
            if (strcmp(o->name, name) == 0) {
                haul_str_addf(to, "%s%s", comma, haul_formats[f]->name);
                comma = ", ";
            }
}

/* "(mbox; mboxrd|mboxo, default mboxrd)" */
static void choices(size_t f, const haul_format_option *o, haul_str *to)
{
    haul_str_addc(to, '(');
    formats_with(f, o->name, to);
    if (o->choices && !haul_option_is_optional(o))
        haul_str_addf(to, "; %s", o->choices);
    if (*o->value && !haul_option_is_flag(o))
        haul_str_addf(to, ", default %s", o->value);
    haul_str_addc(to, ')');
}

/* A server is a target only: its options are none of a command that only reads. */
static void format_options(haul_str *to, haul_cmd cmd)
{
    bool only_reads = cmd == HAUL_CMD_HOLD || cmd == HAUL_CMD_INSPECT;
    haul_str_addz(to, "\nFormat options:\n");
    for (size_t f = 0; haul_formats[f]; f++)
        for (const haul_format_option *o = haul_formats[f]->options; o && o->name; o++) {
            haul_auto_str left = {0}, text = {0};
            if (told_before(f, o->name) || (only_reads && haul_formats[f]->schemes))
                continue;
            haul_str_addf(&left,
                          haul_option_is_flag(o)       ? "      --%s"
                          : haul_option_is_optional(o) ? "      --%s[=X]"
                                                       : "      --%s X",
                          o->name);
            haul_str_addf(&text, "%s ", o->help);
            choices(f, o, &text);
            haul_text_cell(to, left.p, HELP_COL - 2, false);
            haul_str_addz(to, "  ");
            haul_text_wrap(to, text.p, left.len + 2 > HELP_COL ? left.len + 2 : HELP_COL, HELP_COL, WIDTH);
        }
}

static void exits(haul_str *to)
{
    haul_str_addz(to, "\nExit status:\n");
#define X(status, text) haul_str_addf(to, "  %3d  %s\n", status, text);
    HAUL_EXIT_LIST(X)
#undef X
}

static void program(haul_str *to)
{
    haul_str_addz(
        to, "Usage: mailhaul COMMAND [options] ...\n\nMoves mailboxes between archive formats, and proves "
            "that nothing was lost.\n\nCommands:\n");
    for (int c = 0; c < HAUL_CMD_COUNT; c++) {
        haul_auto_str left = {0};
        haul_str_addf(&left, "  %s %s", haul_cmds[c].name, haul_cmds[c].operands);
        haul_text_cell(to, left.p, HELP_COL + 2, false);
        haul_text_wrap(to, haul_cmds[c].text, HELP_COL + 2, HELP_COL + 2, WIDTH);
    }
    haul_str_addz(to, "\nExamples:\n");
    for (size_t i = 0; i < HAUL_COUNT(examples); i++)
        haul_str_addf(to, "  %s\n", examples[i].heading);
    exits(to);
    haul_str_addz(to,
                  "\nThe options of a command: mailhaul COMMAND --help. The manual: mailhaul help --man\n");
}

void haul_help_text(haul_str *to, haul_cmd cmd)
{
    if (cmd == HAUL_CMD_COUNT) {
        program(to);
        return;
    }
    const haul_cmd_info *c = &haul_cmds[cmd];
    haul_str_addf(to, "Usage: mailhaul %s [options]%s%s\n\n%c%s.\n", c->name, *c->operands ? " " : "",
                  c->operands, c->text[0] - 'a' + 'A', c->text + 1);
    for (int i = 0; i < HAUL_CATEGORY_COUNT; i++)
        category(to, cmd, (haul_category)i);
    if (haul_opts[HAUL_OPT_FROM].commands & 1u << cmd)
        format_options(to, cmd);
}

/* ── roff ── */

/* Text of a line: '-' would become a hyphen, '\' is roff's escape, and a leading '.' or '\'' a request. */
static void roff(haul_str *to, const char *z)
{
    if (*z == '.' || *z == '\'')
        haul_str_addz(to, "\\&");
    for (; *z; z++) {
        if (*z == '\\')
            haul_str_addz(to, "\\e");
        else if (*z == '-')
            haul_str_addz(to, "\\-");
        else
            haul_str_addc(to, *z);
    }
}

static void roff_line(haul_str *to, const char *macro, const char *z)
{
    haul_str_addz(to, macro);
    roff(to, z);
    haul_str_addc(to, '\n');
}

static void man_commands(haul_str *to)
{
    for (int c = 0; c < HAUL_CMD_COUNT; c++) {
        haul_str_addf(to, ".TP\n.B mailhaul %s\n", haul_cmds[c].name);
        haul_str_addz(to, "[options] ");
        roff(to, haul_cmds[c].operands);
        haul_str_addz(to, "\n.br\n");
        haul_str_addf(to, "%c", haul_cmds[c].text[0] - 'a' + 'A');
        roff(to, haul_cmds[c].text + 1);
        haul_str_addz(to, ".\n");
    }
}

static void man_option(const haul_opt_info *o, haul_str *to)
{
    const char *comma = "";
    haul_str_addz(to, ".TP\n");
    haul_str_addz(to, "\\fB");
    if (o->letter)
        haul_str_addf(to, "\\-%c\\fR, \\fB", o->letter);
    haul_str_addz(to, "\\-\\-");
    roff(to, o->name);
    haul_str_addf(to, "\\fR%s\\fI%s\\fR\n", o->arg ? " " : "", o->arg ? o->arg : "");
    haul_str_addf(to, "%c", haul_lower(o->help[0]) - 'a' + 'A');
    roff(to, o->help + 1);
    haul_str_addz(to, ".\n");
    if (*o->more)
        roff_line(to, "", o->more);
    haul_str_addc(to, '(');
    for (int c = 0; c < HAUL_CMD_COUNT; c++)
        if (o->commands & 1u << c) {
            haul_str_addf(to, "%s%s", comma, haul_cmds[c].name);
            comma = ", ";
        }
    haul_str_addz(to, ")\n");
}

static void man_options(haul_str *to)
{
    for (int c = 0; c < HAUL_CATEGORY_COUNT; c++) {
        haul_str_addf(to, ".SS %s\n", haul_categories[c]);
        for (int o = 0; o < HAUL_OPT_COUNT; o++)
            if (haul_opts[o].category == (haul_category)c)
                man_option(&haul_opts[o], to);
    }
}

static void man_format_options(haul_str *to)
{
    haul_str_addz(to, ".SS Format options\nThey belong to formats and are accepted by convert, hold, inspect "
                      "and verify.\n");
    for (size_t f = 0; haul_formats[f]; f++)
        for (const haul_format_option *o = haul_formats[f]->options; o && o->name; o++) {
            haul_auto_str text = {0};
            if (told_before(f, o->name))
                continue;
            haul_str_addz(to, ".TP\n\\fB\\-\\-");
            roff(to, o->name);
            haul_str_addz(to, haul_option_is_flag(o)       ? "\\fR\n"
                              : haul_option_is_optional(o) ? "\\fR[=\\fIX\\fR]\n"
                                                           : "\\fR \\fIX\\fR\n");
            haul_str_addf(&text, "%s ", o->help);
            choices(f, o, &text);
            roff_line(to, "", text.p);
        }
}

static void man_formats(haul_str *to)
{
    haul_str_addz(to, ".SH FORMATS\n");
    for (size_t f = 0; haul_formats[f]; f++) {
        roff_line(to, ".TP\n.B ", haul_formats[f]->name);
        haul_auto_str text = {0};
        haul_str_addf(&text, "%s (%s).", haul_formats[f]->title,
                      !haul_formats[f]->sink     ? "read"
                      : !haul_formats[f]->reader ? "written"
                      : haul_formats[f]->schemes ? "written, and read again by verify"
                                                 : "read and written");
        roff_line(to, "", text.p);
    }
    haul_str_addz(to, ".PP\nWhat each keeps:\n.B mailhaul formats\n");
}

static void man_notes(haul_str *to, const char *heading, const note *n, size_t count)
{
    haul_str_addf(to, ".SH %s\n", heading);
    for (size_t i = 0; i < count; i++) {
        roff_line(to, ".TP\n.B ", n[i].heading);
        roff_line(to, "", n[i].text);
    }
}

void haul_help_man(haul_str *to)
{
    haul_str_addf(to, ".TH MAILHAUL 1 \"\" \"mailhaul %s\" \"User Commands\"\n", HAUL_VERSION);
    haul_str_addz(
        to, ".SH NAME\nmailhaul \\- move mailboxes between archive formats, and prove it\n.SH SYNOPSIS\n"
            ".B mailhaul\n.I COMMAND\n[options] ...\n.SH DESCRIPTION\n");
    roff_line(to, "",
              "mailhaul reads mail archives and writes them in another format, offline. Every item is "
              "accounted for: found = stored + filtered + duplicate + failed + already stored. Messages are "
              "not rewritten; items of Outlook stores become messages, the same octets every time. A run "
              "that was interrupted is finished by giving the same command again. "
              "Results go to standard output, progress and messages to standard error.");
    haul_str_addz(to, ".SH COMMANDS\n");
    man_commands(to);
    haul_str_addz(
        to, ".SH OPTIONS\nThey follow the command. \\-\\-option value and \\-\\-option=value are the same; "
            "letters may be joined; \\-\\- ends the options.\n");
    man_options(to);
    man_format_options(to);
    man_formats(to);
    haul_str_addz(to, ".SH EXIT STATUS\n");
#define X(status, text) haul_str_addf(to, ".TP\n.B %d\n%s.\n", status, text);
    HAUL_EXIT_LIST(X)
#undef X
    man_notes(to, "FILES", files, HAUL_COUNT(files));
    man_notes(to, "EXAMPLES", examples, HAUL_COUNT(examples));
}
