/* Servers on the command line: what is refused before anything is opened, and how they are shown. */
#include "testing.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEMO HAUL_TESTDATA "/demo/mail"

static const haul_format *remote(bool need_sink)
{
    for (size_t i = 0; haul_formats[i]; i++)
        if (haul_formats[i]->schemes && (haul_formats[i]->sink || !need_sink))
            return haul_formats[i];
    return NULL;
}

typedef struct wrong_row {
    const char *args, *says;
} wrong_row;

static const wrong_row wrong[] = {
    {"convert x imaps://jo:tops3cret@h/x", "a password does not belong in a URL"},
    {"convert x imaps://jo:tops3cret/x@h", "--password-file"},
    {"convert x quux://jo:tops3cret@h", "MAILHAUL_PASSWORD"},
    {"convert imaps://jo:tops3cret@h/x y.mbox", "a password does not belong in a URL"},
    {"verify imaps://jo:tops3cret@h/x", "a password does not belong in a URL"},
    {"inspect imaps://jo:tops3cret@h/x", "a password does not belong in a URL"},
    {"convert x quux://h/y.mbox", "this build writes to no quux:// URLs; mailhaul formats lists"},
    {"convert imaps://jo@h/x y.mbox", "'imaps://jo@h/x' is a URL: servers are targets here, not sources"},
    {"inspect imaps://jo@h", "servers are targets here, not sources"},
    {"inspect http://h/x", "servers are targets here, not sources"},
    {"verify y.mbox imaps://jo@h/x", "servers are targets here, not sources"},
    {"convert x imaps://jo@h --pim-files", "--pim-files writes files beside the target"},
};

static const wrong_row wrong_with_sink[] = {
    {"convert x imaps://jo@h --to mbox", "the target is a URL of imap; --to mbox does not fit it"},
    {"convert x imaps://jo@", "has no host; write imaps://user@host[:port][/Folder]"},
    {"convert x y --to imap", "'y' is no URL; a target of the format imap is imaps://user@host"},
    {"convert x y.mbox --from imap", "imap: servers are targets here, not sources"},
};

static void expect_refused(const wrong_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char *out = NULL;
        int status = testing_run(&out, "%s", rows[i].args);
        cr_expect_eq(status, 2, "%s: status %d: %s", rows[i].args, status, out);
        cr_expect(strstr(out, rows[i].says), "%s: %s", rows[i].args, out);
        cr_expect_null(strstr(out, "tops3cret"), "%s: %s", rows[i].args, out);
        free(out);
    }
}

Test(cli_remote, refused_in_one_line_and_no_secret_repeated)
{
    expect_refused(wrong, HAUL_COUNT(wrong));
}

Test(cli_remote, refused_where_servers_are_written_to)
{
    if (remote(true))
        expect_refused(wrong_with_sink, HAUL_COUNT(wrong_with_sink));
}

Test(cli_remote, formats_shows_schemes)
{
    const haul_format *f = remote(false);
    char *json = NULL, *text = NULL, wanted[128];
    cr_expect_eq(testing_run(&json, "formats --json"), 0);
    cr_expect(strstr(json, "\"schemes\": ["), "%s", json);
    if (f) {
        snprintf(wanted, sizeof(wanted), "\"%.*s\"", (int)strcspn(f->schemes, "|"), f->schemes);
        cr_expect(strstr(json, wanted), "%s", wanted);
    }
    cr_expect_eq(testing_run(&text, "formats"), 0);
    if (f && f->sink) {
        snprintf(wanted, sizeof(wanted), "a URL %.*s://user@host[:port][/Folder]",
                 (int)strcspn(f->schemes, "|"), f->schemes);
        cr_expect(strstr(text, wanted), "%s", text);
    }
    free(json);
    free(text);
}

Test(cli_remote, a_path_with_such_a_name_is_a_path)
{
    char *out = NULL;
    const char *dir = testing_dir();
    testing_run(&out, "convert " DEMO " %s/a://b --to dump", dir);
    cr_expect(strstr(out, "report: ") && !strstr(out, "URL"), "%s", out);
    free(out);
}
