/* The program from outside: its options against its help, manual and documents, what it refuses and how, and
 * that standard output and the exit status say what happened. */
#include "testing.h"

#include "model/finding.h"
#include "pipe/job.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DOCS HAUL_TESTDATA "/../docs/"
#define DEMO HAUL_TESTDATA "/demo/mail"

enum { CONVERT = 1, HOLD = 2, INSPECT = 4, VERIFY = 8, CHECK = 16, FORMATS = 32, HELP = 64 };
static const char *const commands[] = {"convert", "hold", "inspect", "verify", "check", "formats", "help"};

typedef struct option {
    const char *name, *arg, *help;
    char letter;
    unsigned commands;
} option;
static const option options[] = {
#define HAUL_OPTION(id, name, letter, arg, commands, category, help, more)                                   \
    {name, arg, help, letter, commands},
#include "cli/options.def"
#undef HAUL_OPTION
};

static const char *const format_names[] = {
#define HAUL_FORMAT(name) #name,
#include "formats.def"
#undef HAUL_FORMAT
};

/* printf into a ring of 16, so that several may stand in one expression. */
HAUL_PRINTF(1, 2) static const char *form(const char *fmt, ...)
{
    static char ring[16][1024];
    static unsigned at;
    char *to = ring[at++ % 16];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(to, sizeof(ring[0]), fmt, ap);
    va_end(ap);
    return to;
}

/* A document, whole; the test ends when it is not there. */
static char *document(const char *name)
{
    char *text = testing_read(form("%s%s", DOCS, name), NULL);
    cr_assert(text, "docs/%s is missing", name);
    return text;
}

/* True when word stands in text, not as part of a longer one. */
static bool names(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = text; (p = strstr(p, word)); p += n)
        if (!strchr("-_abcdefghijklmnopqrstuvwxyz0123456789", p[n]) || !p[n])
            return true;
    return false;
}

static size_t lines(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

Test(cli, every_command_has_help)
{
    for (size_t c = 0; c < HAUL_COUNT(commands); c++) {
        char *a = NULL, *b = NULL, *short_form = NULL;
        cr_expect(testing_run(&a, "%s --help", commands[c]) == 0);
        cr_expect(testing_run(&b, "help %s", commands[c]) == 0);
        cr_expect(testing_run(&short_form, "%s -h a b c d", commands[c]) == 0);
        cr_expect(strncmp(a, "Usage: mailhaul ", 16) == 0 && names(a, commands[c]), "%s", a);
        cr_expect(strcmp(a, b) == 0 && strcmp(a, short_form) == 0, "%s", commands[c]);
        for (const char *p = a; *p; p += strcspn(p, "\n") + 1)
            cr_expect(strcspn(p, "\n") <= 80, "%s --help: %.*s", commands[c], (int)strcspn(p, "\n"), p);
        free(a);
        free(b);
        free(short_form);
    }
}

Test(cli, help_of_a_command_has_its_options_and_no_other)
{
    for (size_t c = 0; c < HAUL_COUNT(commands); c++) {
        char *text = NULL;
        testing_run(&text, "%s --help", commands[c]);
        for (size_t o = 0; o < HAUL_COUNT(options); o++) {
            const char *word = form("--%s", options[o].name);
            bool wanted = false; /* several commands may have an option of the same name each */
            for (size_t same = 0; same < HAUL_COUNT(options); same++)
                wanted |=
                    strcmp(options[same].name, options[o].name) == 0 && options[same].commands & 1u << c;
            cr_expect(names(text, word) == wanted, "%s --help and %s", commands[c], word);
        }
        free(text);
    }
}

Test(cli, help_of_commands_that_only_read_has_no_options_of_servers)
{
    for (size_t c = 0; c < HAUL_COUNT(commands); c++) {
        char *text = NULL;
        bool reads = strcmp(commands[c], "hold") == 0 || strcmp(commands[c], "inspect") == 0;
        bool writes = strcmp(commands[c], "convert") == 0 || strcmp(commands[c], "verify") == 0;
        testing_run(&text, "%s --help", commands[c]);
        cr_expect(!reads || !strstr(text, "--oauth-token-command"), "%s", commands[c]);
        cr_expect((strstr(text, "--pst-codepage") != NULL) == (reads || writes), "%s", commands[c]);
        free(text);
    }
}

Test(cli, help_of_the_program_names_commands_and_exit_statuses)
{
    char *text = NULL;
    cr_expect(testing_run(&text, "--help") == 0);
    for (size_t c = 0; c < HAUL_COUNT(commands); c++)
        cr_expect(names(text, form("\n  %s", commands[c])), "%s", commands[c]);
#define X(id, value, name, status, sentence)                                                                 \
    cr_expect(strstr(text, form("\n  %3d  ", status)), "status %d (%s)", status, name);
    HAUL_RC_LIST(X)
#undef X
    free(text);
}

Test(cli, version)
{
    char *a = NULL, *b = NULL;
    cr_expect(testing_run(&a, "--version") == 0 && strcmp(a, "mailhaul " HAUL_VERSION "\n") == 0, "%s", a);
    cr_expect(testing_run(&b, "convert -V") == 0 && strcmp(a, b) == 0);
    free(a);
    free(b);
}

/* "--not-folder" as roff has it: "\-\-not\-folder" */
static const char *roff_name(const char *name)
{
    static char to[128];
    size_t n = 0;
    for (const char *p = form("--%s", name); *p && n + 2 < sizeof(to); p++) {
        if (*p == '-')
            to[n++] = '\\';
        to[n++] = *p;
    }
    to[n] = '\0';
    return to;
}

Test(cli, manual_has_every_option_command_and_format)
{
    char *man = NULL, *again = NULL;
    cr_expect(testing_run(&man, "help --man") == 0);
    cr_expect(testing_run(&again, "help --man") == 0 && strcmp(man, again) == 0);
    cr_expect(strncmp(man, ".TH MAILHAUL 1", 14) == 0);
    cr_expect(strstr(man, "\n.PP\nWhat each keeps:\n"),
              "a sentence about all formats stands with the last one");
    for (size_t o = 0; o < HAUL_COUNT(options); o++)
        cr_expect(strstr(man, form("\\fB%s\\fR", roff_name(options[o].name))) ||
                      strstr(man, form("\\fR, \\fB%s\\fR", roff_name(options[o].name))),
                  "--%s", options[o].name);
    for (size_t c = 0; c < HAUL_COUNT(commands); c++)
        cr_expect(strstr(man, form("\n.B mailhaul %s\n", commands[c])), "%s", commands[c]);
    for (size_t f = 0; haul_formats[f]; f++) {
        cr_expect(strstr(man, form("\n.B %s\n", haul_formats[f]->name)), "%s", haul_formats[f]->name);
        for (const haul_format_option *o = haul_formats[f]->options; o && o->name; o++)
            cr_expect(strstr(man, roff_name(o->name)), "--%s", o->name);
    }
    free(man);
    free(again);
}

Test(cli, document_has_every_option)
{
    char *text = document("cli.md");
    for (size_t o = 0; o < HAUL_COUNT(options); o++) {
        const option *p = &options[o];
        const char *left =
            p->letter
                ? form("| `-%c`, `--%s%s%s` |", p->letter, p->name, p->arg ? " " : "", p->arg ? p->arg : "")
                : form("| `--%s%s%s` |", p->name, p->arg ? " " : "", p->arg ? p->arg : "");
        cr_expect(strstr(text, left), "docs/cli.md lacks the row %s", left);
    }
    free(text);
}

Test(cli, document_has_no_option_that_is_not)
{
    char *text = document("cli.md");
    for (const char *p = text; (p = strstr(p, "\n| `-")); p++) {
        char word[64] = "";
        const char *dashes = strstr(p, "--");
        cr_assert(dashes && sscanf(dashes, "--%63[a-z-]", word) == 1);
        bool known = false;
        for (size_t o = 0; o < HAUL_COUNT(options); o++)
            known |= strcmp(options[o].name, word) == 0;
        cr_expect(known, "docs/cli.md has --%s", word);
    }
    free(text);
}

Test(cli, document_has_the_same_exit_statuses)
{
    char *text = document("cli.md"), *help = NULL;
    testing_run(&help, "--help");
    const char *p = strstr(help, "Exit status:\n");
    cr_assert(p);
    for (p += strlen("Exit status:\n"); *p == ' '; p += strcspn(p, "\n") + 1) {
        char sentence[256] = "";
        int status = -1;
        cr_assert(sscanf(p, "%d  %255[^\n]", &status, sentence) == 2);
        cr_expect(strstr(text, form("| %d | %s |", status, sentence)), "%d %s", status, sentence);
    }
    free(text);
    free(help);
}

Test(cli, every_issue_is_documented_and_no_other)
{
    char *text = document("issues.md");
    size_t headings = 0;
    for (int i = 0; i < HAUL_ISSUE_COUNT; i++) {
        haul_issue_id id = (haul_issue_id)i;
        const char *heading =
            form("\n### %s (%s)\n", haul_issue_name(id), haul_severity_name(haul_issue_severity(id)));
        cr_expect(strstr(text, heading), "docs/issues.md lacks ### %s (%s)", haul_issue_name(id),
                  haul_severity_name(haul_issue_severity(id)));
    }
    for (const char *p = text; (p = strstr(p, "\n### ")); p++)
        headings++;
    cr_expect(headings == HAUL_ISSUE_COUNT, "docs/issues.md has %zu entries for %d issues", headings,
              (int)HAUL_ISSUE_COUNT);
    free(text);
}

Test(cli, every_finding_is_documented_and_no_other)
{
    char *text = document("check.md");
    size_t headings = 0;
    for (int i = 0; i < HAUL_FINDING_COUNT; i++) {
        haul_finding_id id = (haul_finding_id)i;
        const char *heading =
            form("\n### %s (%s)\n", haul_finding_name(id), haul_severity_name(haul_finding_severity(id)));
        cr_expect(strstr(text, heading), "docs/check.md lacks ### %s", haul_finding_name(id));
    }
    for (const char *p = text; (p = strstr(p, "\n### ")); p++)
        headings++;
    cr_expect(headings == HAUL_FINDING_COUNT, "docs/check.md has %zu entries for %d findings", headings,
              (int)HAUL_FINDING_COUNT);
    free(text);
}

Test(cli, every_format_has_a_page_that_names_its_options)
{
    cr_assert(HAUL_COUNT(format_names) > 0);
    for (size_t f = 0; f < HAUL_COUNT(format_names); f++) {
        const haul_format *format = haul_format_find(format_names[f]);
        char *page = document(form("formats/%s.md", format_names[f]));
        cr_expect(strstr(page, form("[%s-1]", format_names[f])), "%s.md has no numbered rules",
                  format_names[f]);
        for (const haul_format_option *o = format ? format->options : NULL; o && o->name; o++)
            cr_expect(names(page, form("--%s", o->name)), "%s.md: --%s", format_names[f], o->name);
        cr_expect(format, "%s is not in the registry", format_names[f]);
        free(page);
    }
}

/* Arguments that must be refused, with what the one line has to say. */
static const struct {
    const char *args, *says;
} wrong[] = {
    {"", "say what to do: convert, hold, inspect, verify, check, formats or help"},
    {"inspct x", "unknown command 'inspct'; did you mean inspect?"},
    {"frobnicate", "unknown command 'frobnicate'; see mailhaul --help"},
    {"help frobnicate", "unknown command 'frobnicate'"},
    {"--json inspect x", "--json: options follow the command"},
    {"convert --fodler x a b", "unknown option --fodler; did you mean --folder?"},
    {"convert --not a b", "unknown option --not; did you mean --not-folder?"},
    {"convert --quux a b", "unknown option --quux; see mailhaul convert --help"},
    {"convert -x a b", "unknown option -x"},
    {"convert -nx a b", "unknown option -x"},
    {"convert -- --quux", "convert needs SOURCE... TARGET"},
    {"convert", "convert needs SOURCE... TARGET"},
    {"convert a", "convert needs SOURCE... TARGET"},
    {"inspect", "inspect needs SOURCE..."},
    {"verify", "verify needs TARGET [SOURCE...]"},
    {"formats x", "formats: one operand too many: 'x'"},
    {"inspect ''", "inspect: an empty name"},
    {"inspect --dedupe x", "--dedupe is an option of convert, not of inspect"},
    {"formats -n", "--dry-run is an option of convert, not of formats"},
    {"convert a b --since", "--since needs DATE"},
    {"convert a b -f", "--from needs FORMAT"},
    {"convert a b --json=1", "--json takes no value"},
    {"convert a b --from quux", "unknown format 'quux'"},
    {"convert a b --to quux", "unknown format 'quux'"},
    {"convert a b --from dump", "dump is written, not read"},
    {"convert a /nowhere/target",
     "the name of '/nowhere/target' does not say its format; add --to with one of "},
    {"convert a b --to dump --since yesterday", "--since: 'yesterday' is not a date"},
    {"convert a b --to dump --since 2019-02-30", "--since: '2019-02-30' is not a date"},
    {"convert a b --to dump --since 2020-01-01 --until 2019-01-01", "--since is not before --until"},
    {"convert a b --to dump --max-size 12x", "--max-size: '12x' is not a size"},
    {"convert a b --to dump --max-size 0", "--max-size: '0' is not a size"},
    {"convert a b --to dump --kind mail,sms", "--kind: 'sms' is none of"},
    {"convert a b --to dump --kind ''", "--kind: '' is none of"},
    {"convert a b --to dump --map Inbox", "--map: 'Inbox' is not FROM=TO"},
    {"convert a b --to dump --map =x", "--map: '=x' is not FROM=TO"},
    {"convert a b --to dump --progress loud", "--progress takes auto, plain, json or none, not 'loud'"},
};

Test(cli, refuses_in_one_line)
{
    for (size_t i = 0; i < HAUL_COUNT(wrong); i++) {
        char *out = NULL;
        int status = testing_run(&out, "%s", wrong[i].args);
        cr_expect(status == 2, "mailhaul %s: status %d: %s", wrong[i].args, status, out);
        cr_expect(strncmp(out, "mailhaul: ", 10) == 0 &&
                      strncmp(out + 10, wrong[i].says, strlen(wrong[i].says)) == 0,
                  "mailhaul %s: %s", wrong[i].args, out);
        cr_expect(lines(out) == 1, "mailhaul %s: %s", wrong[i].args, out);
        free(out);
    }
}

Test(cli, values_of_format_options_are_checked)
{
    for (size_t f = 0; haul_formats[f]; f++)
        for (const haul_format_option *o = haul_formats[f]->options; o && o->name; o++) {
            char *out = NULL;
            int status = testing_run(&out, "inspect --%s=no-such-choice %s/none", o->name, testing_dir());
            bool chosen = o->choices && *o->choices; /* "": free text that may be left out */
            cr_expect(status == (chosen ? 2 : 3), "--%s: %d %s", o->name, status, out);
            cr_expect(!chosen || strstr(out, form("--%s takes ", o->name)), "%s", out);
            free(out);
            status = testing_run(&out, "inspect --%s=%s %s/none", o->name, *o->value ? o->value : "x",
                                 testing_dir());
            cr_expect(status == 3, "--%s=%s: %d %s", o->name, o->value, status, out);
            free(out);
        }
}

Test(cli, a_target_in_its_source_is_refused)
{
    const char *source = form("%s/mail", testing_dir()), *link = form("%s/link", testing_dir());
    testing_write(form("%s/one.eml", source), "Subject: x\n\nx\n", 14);
    cr_assert(symlink(source, link) == 0);
    const char *targets[] = {source,
                             link,
                             form("%s/new", source),
                             form("%s/new/newer", link),
                             form("%s/../mail/new", source),
                             form("%s/none/../x", source)};
    for (size_t i = 0; i < HAUL_COUNT(targets); i++) {
        char *out = NULL;
        cr_expect(testing_run(&out, "convert --to dump %s %s", source, targets[i]) == 2, "%s: %s", targets[i],
                  out);
        cr_expect(strstr(out, "is, or lies in, the source"), "%s: %s", targets[i], out);
        free(out);
    }
    cr_expect(access(form("%s/new", source), F_OK) != 0);
}

Test(cli, exit_statuses)
{
    const char *dir = testing_dir();
    char *out = NULL;
    cr_expect(testing_run(&out, "inspect %s/none", dir) == 3, "%s", out);
    cr_expect(strstr(out, "mailhaul: ") && strstr(out, "/none"), "%s", out);
    free(out);
    cr_expect(testing_run(&out, "convert %s/none %s/out.jsonl --to dump", dir, dir) == 3, "%s", out);
    free(out);
    cr_expect(testing_run(&out, "convert %s /dev/null/out --to dump", DEMO) == 4, "%s", out);
    free(out);
    cr_expect(testing_run(&out, "verify %s/none", dir) == 4, "%s", out);
    free(out);
}

Test(cli, a_full_standard_output_is_an_error)
{
    static const char *const args[] = {"--help",     "formats",   "formats --json",
                                       "help --man", "--version", "inspect " DEMO};
    for (size_t i = 0; i < HAUL_COUNT(args); i++) {
        char *out = NULL;
        cr_expect(testing_run(&out, "%s >/dev/full", args[i]) == 4, "mailhaul %s", args[i]);
        cr_expect(strstr(out, "standard output"), "mailhaul %s: %s", args[i], out);
        free(out);
    }
}

Test(cli, formats_as_json_is_the_registry)
{
    char *out = NULL;
    cr_expect(testing_run(&out, "formats --json") == 0);
    json_t *o = json_loads(out, 0, NULL), *list = json_object_get(o, "formats");
    size_t n = 0;
    for (; haul_formats[n]; n++) {
        const json_t *f = json_array_get(list, n), *keeps = json_object_get(f, "keeps");
        const char *name = json_string_value(json_object_get(f, "name"));
        cr_expect(name && strcmp(name, haul_formats[n]->name) == 0);
        cr_expect(
            json_is_true(json_object_get(f, "reads")) ==
            (haul_formats[n]->reader && !haul_formats[n]->schemes)); /* servers are read by verify only */
        cr_expect(json_is_true(json_object_get(f, "writes")) == (haul_formats[n]->sink != NULL));
        cr_expect(json_is_true(json_object_get(keeps, "keywords")) == haul_formats[n]->keeps_keywords);
        cr_expect(json_is_true(json_object_get(keeps, "folders")) == haul_formats[n]->keeps_folders);
    }
    cr_expect(n && json_array_size(list) == n);
    json_decref(o);
    free(out);
}

static json_int_t total(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(o, "totals"), key));
}

/* inspect, convert, convert again and verify agree about the demo mailbox. */
Test(cli, results_add_up)
{
    char *out = NULL;
    const char *target = form("%s/out.jsonl", testing_dir());
    cr_expect(testing_run(&out, "inspect --json -q %s 2>/dev/null", DEMO) == 0);
    json_t *seen = json_loads(out, 0, NULL);
    json_int_t n = total(seen, "messages"), octets = total(seen, "octets");
    cr_expect(n > 0 && octets > 0, "%s", out);
    free(out);
    cr_expect(testing_run(&out, "convert --json %s %s --to dump 2>/dev/null", DEMO, target) == 0, "%s", out);
    json_t *report = json_loads(out, 0, NULL);
    cr_expect(total(report, "found") == n && total(report, "stored") == n, "%s", out);
    cr_expect(total(report, "octets") == octets);
    free(out);
    cr_expect(testing_run(&out, "convert %s %s --to dump", DEMO, target) == 0, "%s", out);
    cr_expect(strstr(out, form("already stored  %lld\n", (long long)n)), "%s", out);
    cr_expect(strstr(out, form("report: %s.mailhaul/report.json\n", target)), "%s", out);
    json_decref(seen);
    json_decref(report);
    free(out);
}

Test(cli, nothing_found_is_said)
{
    char *out = NULL;
    const char *source = form("%s/empty", testing_dir());
    testing_write(form("%s/cur/.keep", source), "", 0);
    mkdir(form("%s/new", source), 0777);
    mkdir(form("%s/tmp", source), 0777);
    cr_expect(testing_run(&out, "convert %s %s/out.jsonl --to dump", source, testing_dir()) == 0, "%s", out);
    cr_expect(strstr(out, "0 items: nothing was found in the source\n"), "%s", out);
    free(out);
}

Test(cli, a_dry_run_writes_nothing)
{
    char *out = NULL;
    cr_expect(testing_run(&out, "convert -nq %s %s/out.jsonl --to dump", DEMO, testing_dir()) == 0, "%s",
              out);
    cr_expect(strstr(out, "dry run: nothing was written\n"), "%s", out);
    cr_expect(access(form("%s/out.jsonl", testing_dir()), F_OK) != 0);
    cr_expect(access(form("%s/out.jsonl.mailhaul", testing_dir()), F_OK) != 0);
    free(out);
}

/* Run a shell command; its output (malloc'd). */
static char *shell(const char *command)
{
    haul_auto_str s = {0};
    FILE *f = popen(command, "re");
    cr_assert(f);
    for (size_t n = 1; n;) {
        haul_str_room(&s, 4096);
        n = fread(s.p + s.len, 1, 4096, f);
        s.len += n;
    }
    pclose(f);
    return haul_strdup(s.len ? (s.p[s.len] = '\0', s.p) : "");
}

/* The slash that a shell adds to the name of a directory changes nothing, in the first run or a later one. */
Test(cli, a_target_may_end_in_a_slash)
{
    static const char *const names_of_it[] = {"maildir/", "maildir", "maildir//"};
    for (size_t i = 0; i < HAUL_COUNT(names_of_it); i++) {
        char *out = NULL;
        cr_expect(testing_run(&out, "convert %s %s/%s", DEMO, testing_dir(), names_of_it[i]) == 0, "%s", out);
        cr_expect(strstr(out, i ? "already stored  13\n" : "already stored   0\n"), "%s", out);
        cr_expect(strstr(out, form("report: %s/maildir/.mailhaul/report.json\n", testing_dir())), "%s", out);
        free(out);
        cr_expect(testing_run(&out, "verify %s/%s %s", testing_dir(), names_of_it[i], DEMO) == 0, "%s", out);
        free(out);
    }
}

/* A slip in the name of a folder is told; what does match, and how else a path may be written, is not. */
Test(cli, options_that_select_nothing_are_named)
{
    static const struct {
        const char *args, *told;
    } rows[] = {
        {"--folder Nope --folder INBOX", "--folder Nope: no folder of the sources matches\n"},
        {"--not-folder nope/x", "--not-folder nope/x: no folder of the sources matches\n"},
        {"--map Sen=Gesendet", "--map Sen: the sources have no such folder\n"},
        {"--map Archive/Reise=R", "--map Archive/Reise: the sources have no such folder\n"},
        {"--kind task", "0 items selected: every item was filtered\n"},
        {"--folder INBO?", NULL},
        {"--not-folder 'A*'", NULL},
        {"--map Archive=Old --map /Sent//=Gesendet --map Archive/Reisen=R", NULL},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        char *out = NULL;
        cr_expect(testing_run(&out, "convert -nq %s %s %s/out.jsonl", rows[i].args, DEMO, testing_dir()) == 0,
                  "%s", out);
        if (rows[i].told)
            cr_expect(strstr(out, rows[i].told), "%s: %s", rows[i].args, out);
        else
            cr_expect(strncmp(out, "dry run: ", 9) == 0, "%s: %s", rows[i].args, out);
        free(out);
    }
}

/* Of several sources that cannot be read, each says why. */
Test(cli, inspect_says_of_every_source_why_it_was_not_read)
{
    char *out = NULL;
    const char *dir = testing_dir();
    testing_write(form("%s/odd", dir), "\1\2\3", 3);
    cr_expect(testing_run(&out, "inspect %s/odd %s/none %s 2>/dev/null", dir, dir, DEMO) == 3, "%s", out);
    cr_expect(strstr(out, form("%s/odd (not read)\n  %s/odd: no format", dir, dir)), "%s", out);
    cr_expect(strstr(out, form("%s/none (not read)\n  %s/none: ", dir, dir)), "%s", out);
    free(out);
}

/* The table is a tree whatever the order in which the reader came upon the folders. */
Test(cli, inspect_shows_folders_as_a_tree)
{
    static const char *const folders[] = {"a", "b/c", "b", "b c", "a/d"};
    static const char *const wanted[] = {"\n  a ", "\n  a/d ", "\n  b ", "\n  b/c ", "\n  b c "};
    char *out = NULL;
    for (size_t i = 0; i < HAUL_COUNT(folders); i++)
        testing_write(form("%s/mail/%s/1.eml", testing_dir(), folders[i]), "Subject: x\n\nx\n", 15);
    cr_expect(testing_run(&out, "inspect %s/mail", testing_dir()) == 0, "%s", out);
    const char *at = out;
    for (size_t i = 0; i < HAUL_COUNT(wanted); i++) {
        const char *next = strstr(at, wanted[i]);
        cr_expect(next, "%s is not where it should be: %s", wanted[i] + 1, out);
        at = next ? next : at;
    }
    free(out);
}

Test(cli, verify_counts_and_names_differences)
{
    const char *target = form("%s/out", testing_dir());
    char *out = NULL;
    cr_expect(testing_run(&out, "convert -q --to maildir %s %s", DEMO, target) == 0, "%s", out);
    free(out);
    free(shell(form("rm %s/.Drafts/cur/*; touch -d @86400 %s/.Archive.Reisen/cur/14*", target, target)));
    cr_expect(testing_run(&out, "verify %s", target) == 1, "%s", out);
    cr_expect(strstr(out, "missing: Drafts/") && strstr(out, ": recorded, but not in the target\n"), "%s",
              out);
    cr_expect(strstr(out, "received: Archive/Reisen/") && strstr(out, " found 1970-01-02T00:00:00Z\n"), "%s",
              out);
    cr_expect(strstr(out, " agree, 2 differences\n"), "%s", out);
    free(out);
}

Test(cli, names_cannot_command_the_terminal)
{
    static const char message[] = "From a@b.c Fri May 23 16:35:53 2025\nSubject: x\n\nx\n";
    char *out = NULL;
    testing_write(form("%s/mail/a\033]0;x\007\033[31mb\xc2\x9b\xe2\x80\xae", testing_dir()), message,
                  sizeof(message) - 1);
    cr_expect(testing_run(&out, "inspect -v %s/mail", testing_dir()) <= 1, "%s", out);
    cr_expect(strstr(out, "a\xef\xbf\xbd]0;x\xef\xbf\xbd\xef\xbf\xbd[31mb\xef\xbf\xbd\xef\xbf\xbd"), "%s",
              out);
    cr_expect(!strchr(out, '\033') && !strchr(out, '\007') && !strstr(out, "\xc2\x9b"));
    free(out);
}

Test(cli, progress_as_json_is_json)
{
    char *out = NULL;
    cr_expect(testing_run(&out, "inspect --progress json %s >/dev/null", DEMO) == 0, "%s", out);
    for (const char *p = out; *p; p += strcspn(p, "\n") + 1) {
        json_t *o = json_loadb(p, strcspn(p, "\n"), 0, NULL);
        cr_expect(json_is_string(json_object_get(o, "message_type")), "%s", p);
        json_decref(o);
    }
    free(out);
}

/* SIGINT in the middle: status 130, and the same command finishes the work. */
Test(cli, an_interrupted_run_goes_on)
{
    enum { N = 20000 };
    static const char message[] = "From a@b.c Fri May 23 16:35:53 2025\nSubject: %d\n\nx\n\n";
    haul_auto_str mbox = {0};
    const char *dir = testing_dir();
    for (int i = 0; i < N; i++)
        haul_str_addf(&mbox, message, i);
    testing_write(form("%s/big.mbox", dir), mbox.p, mbox.len);
    char *status =
        shell(form("cd %s; \"$MAILHAUL\" convert -q big.mbox out --to maildir >/dev/null 2>&1 & "
                   "for i in $(seq 500); do [ -e %s/out/.mailhaul/journal.db ] && break; sleep 0.01; done; "
                   "kill -INT $!; wait $!; echo $?",
                   dir, dir));
    char *out = NULL;
    cr_expect(strcmp(status, "130\n") == 0, "%s", status);
    cr_expect(testing_run(&out, "convert --json %s/big.mbox %s/out --to maildir 2>/dev/null", dir, dir) == 0,
              "%s", out);
    json_t *report = json_loads(out, 0, NULL);
    cr_expect(total(report, "found") == N && total(report, "stored") + total(report, "already_stored") == N,
              "%s", out);
    json_decref(report);
    free(out);
    free(status);
}
