#include "imap/secret.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is(const haul_secret *s, const char *want)
{
    return haul_secret_len(s) == strlen(want) && strcmp(haul_secret_text(s), want) == 0;
}

static bool zero(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

/* ── memory ── */

Test(secret, grows_up_to_its_limit_at_one_address)
{
    haul_err e;
    haul_auto(haul_secret) *s = haul_secret_new();
    const char *p = haul_secret_text(s);
    cr_expect(is(s, ""));
    for (size_t i = 0; i < HAUL_SECRET_MAX; i++)
        cr_assert_eq(haul_secret_add(s, "x", 1, &e), HAUL_OK);
    cr_expect_eq(haul_secret_add(s, "", 0, &e), HAUL_OK);
    cr_expect_eq(haul_secret_add(s, "secret", 6, &e), HAUL_E_AUTH);
    cr_expect_str_eq(e.text, "a secret of more than 65536 octets");
    cr_expect_null(haul_secret_grow(s, SIZE_MAX));
    cr_expect_eq(haul_secret_base64n(s, p, SIZE_MAX - 1, &e), HAUL_E_AUTH);
    cr_expect_eq(haul_secret_text(s), p);
    cr_expect_eq(strlen(p), HAUL_SECRET_MAX);
    haul_secret_cut(s, HAUL_SECRET_MAX - 3);
    cr_expect_eq(haul_secret_cat(s, &e, "ab", "cd"), HAUL_E_AUTH);
    cr_expect_eq(haul_secret_len(s), HAUL_SECRET_MAX - 3, "all or nothing");
    cr_expect_eq(haul_secret_base64n(s, "a", 1, &e), HAUL_E_AUTH);
}

Test(secret, is_wiped)
{
    haul_auto(haul_secret) *s = haul_secret_new();
    cr_assert_eq(haul_secret_cat(s, NULL, "swordfish", "-", "1"), HAUL_OK);
    cr_expect(is(s, "swordfish-1"));
    haul_secret_cut(s, 50);
    haul_secret_cut(s, 5);
    cr_expect(is(s, "sword"));
    cr_expect(zero(haul_secret_text(s) + 5, 100));
    haul_secret_clear(s);
    cr_expect(zero(haul_secret_text(s), HAUL_SECRET_MAX));
    haul_secret_free(NULL);
}

Test(secret, base64)
{
    static const char *const rows[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_secret) *from = haul_secret_new(), *to = haul_secret_new();
        cr_assert_eq(haul_secret_add(from, rows[i][0], strlen(rows[i][0]), NULL), HAUL_OK);
        cr_assert_eq(haul_secret_base64(to, from, NULL), HAUL_OK);
        cr_expect(is(to, rows[i][1]));
        haul_secret_clear(to);
        cr_expect(zero(haul_secret_text(to), 16));
    }
}

Test(secret, is_found_in_what_a_server_says)
{
    haul_auto(haul_secret) *s = haul_secret_new();
    cr_expect_not(haul_secret_shown(s, ""));
    cr_assert_eq(haul_secret_cat(s, NULL, "abc"), HAUL_OK);
    cr_expect_not(haul_secret_shown(s, "abc"), "too short to say anything");
    cr_assert_eq(haul_secret_cat(s, NULL, "d"), HAUL_OK);
    cr_expect(haul_secret_shown(s, "NO wrong password abcd!"));
    cr_expect_not(haul_secret_shown(s, "NO wrong password"));
}

/* "dd": not in a core dump; "dc": not copied by fork (proc(5), smaps). */
static bool has_flags(const void *p)
{
    char line[512], *end;
    bool inside = false, good = false;
    FILE *f = fopen("/proc/self/smaps", "re");
    while (f && fgets(line, sizeof(line), f)) {
        uintptr_t from = strtoull(line, &end, 16);
        if (*end == '-' && end > line)
            inside = from <= (uintptr_t)p && (uintptr_t)p < strtoull(end + 1, NULL, 16);
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            good = strstr(line, " dd") && strstr(line, " dc");
    }
    if (f)
        fclose(f);
    return good;
}

Test(secret, is_in_no_dump_and_no_child)
{
    haul_auto(haul_secret) *s = haul_secret_new();
    cr_assert_eq(haul_secret_cat(s, NULL, "swordfish"), HAUL_OK);
    cr_assert_not_null(haul_secret_grow(s, 9000));
    void *page = (void *)(uintptr_t)haul_secret_text(s);
    cr_expect(has_flags(page));
    cr_expect(has_flags((char *)page + 9000));
    pid_t child = fork();
    if (child == 0)
        _exit(msync(page, 1, MS_ASYNC) != 0 && errno == ENOMEM ? 0 : 1);
    int status = 1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0, "the pages are there in the child");
}

/* ── files ── */

typedef struct file_row {
    const char *text, *want; /* NULL: HAUL_E_AUTH */
} file_row;

Test(source, first_line_of_a_file)
{
    static const file_row rows[] = {
        {"secret", "secret"},
        {"secret\n", "secret"},
        {"secret\r\nrest", "secret"},
        {" se cret \n", " se cret "},
        {"\xc3\xa4\n", "ä"},
        {"secret\n\nmore\n", "secret"},
        {"", NULL},
        {"\n", NULL},
        {"\r\n", NULL},
        {"\nsecond\n", NULL},
    };
    haul_auto(haul_secret) *s = haul_secret_new();
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_err e;
        const char *path = testing_path("password");
        haul_secret_source src = {.file = path, .what = "password of jo"};
        testing_write(path, rows[i].text, strlen(rows[i].text));
        haul_rc rc = haul_secret_get(&src, s, NULL, &e);
        cr_expect_eq(rc, rows[i].want ? HAUL_OK : HAUL_E_AUTH, "row %zu", i);
        cr_expect(is(s, rows[i].want ? rows[i].want : ""), "row %zu", i);
        cr_expect(rows[i].want || strstr(e.text, "/password: the first line is empty"), "%s", e.text);
        cr_expect(haul_secret_renews(&src));
    }
}

Test(source, files_that_are_refused)
{
    haul_err e;
    haul_auto(haul_secret) *s = haul_secret_new();
    const char *path = testing_path("password");
    bool exposed = true;
    cr_expect_eq(haul_secret_get(&(haul_secret_source){.file = path}, s, &exposed, &e), HAUL_E_AUTH);
    cr_expect(strstr(e.text, "No such file"), "%s", e.text);
    cr_expect_eq(haul_secret_get(&(haul_secret_source){.file = testing_dir()}, s, NULL, &e), HAUL_E_AUTH);
    cr_expect(strstr(e.text, "neither a file nor a pipe"), "%s", e.text);
    cr_expect_eq(haul_secret_get(&(haul_secret_source){.file = "/dev/zero"}, s, NULL, &e), HAUL_E_AUTH);
    cr_expect_str_eq(e.text, "/dev/zero: a first line of more than 65536 octets");
    testing_write(path, "a\0secret\n", 9);
    cr_expect_eq(haul_secret_get(&(haul_secret_source){.file = path}, s, NULL, &e), HAUL_E_AUTH);
    cr_expect(strstr(e.text, "a NUL in the first line"), "%s", e.text);
    cr_expect(zero(haul_secret_text(s), HAUL_SECRET_MAX), "nothing is left of a failure");
    cr_expect(exposed, "untouched");
}

Test(source, a_file_that_others_can_read)
{
    haul_auto(haul_secret) *s = haul_secret_new();
    const char *path = testing_path("password");
    haul_secret_source src = {.file = path};
    bool exposed = false;
    testing_write(path, "x", 1);
    cr_assert_eq(chmod(path, 0604), 0);
    cr_expect_eq(haul_secret_get(&src, s, &exposed, NULL), HAUL_OK);
    cr_expect(exposed);
    cr_assert_eq(chmod(path, 0600), 0);
    cr_expect_eq(haul_secret_get(&src, s, &exposed, NULL), HAUL_OK);
    cr_expect_not(exposed);
}

Test(source, a_pipe_as_a_file)
{
    haul_auto(haul_secret) *s = haul_secret_new();
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    char path[32];
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    bool exposed = true;
    cr_assert_eq(write(ends[1], "tok", 3), 3);
    cr_assert_eq(write(ends[1], "en\nrest", 7), 7);
    cr_expect_eq(haul_secret_get(&(haul_secret_source){.file = path}, s, &exposed, NULL), HAUL_OK);
    cr_expect(is(s, "token"));
    cr_expect_not(exposed);
    close(ends[0]);
    close(ends[1]);
}

/* ── commands ── */

typedef struct command_row {
    const char *line;
    const char *want, *error; /* one of them */
} command_row;

Test(source, commands)
{
    static const command_row rows[] = {
        {"echo secret", "secret", NULL},
        {"printf 'secret\\r\\nand more\\n'", "secret", NULL},
        {"printf se; sleep 0.1; printf 'cret\\n'; sleep 0.1; yes | head -c 300000", "secret", NULL},
        {"read x; echo \"none$x\"", "none", NULL},                      /* stdin is empty */
        {"echo secret; sleep 30 2>/dev/null & exit 0", "secret", NULL}, /* not waited for */
        {"exec 1>&-; sleep 0.1", NULL, "what the command says: the first line is empty"},
        {"true", NULL, "what the command says: the first line is empty"},
        {"printf 'a\\0b\\n'", NULL, "what the command says: a NUL in the first line"},
        {"echo secret; exit 1", NULL, "the command for the token of jo failed with exit status 1"},
        {"/nonexistent/helper 2>&-", NULL, "the command for the token of jo failed with exit status 127"},
        {"echo secret; kill -9 $$", NULL, "the command for the token of jo was ended by signal 9"},
        {"kill -PIPE $$", NULL, "the command for the token of jo was ended by signal 13"},
        {"cat /dev/zero", NULL, "what the command says: a first line of more than 65536 octets"},
        {"echo secret; yes", NULL, "the command for the token of jo was not done in time"},
        {"echo secret; exec sleep 30", NULL, "the command for the token of jo was not done in time"},
    };
    (void)signal(SIGPIPE, SIG_IGN); /* as in the program */
    haul_auto(haul_secret) *s = haul_secret_new();
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_err e = {.text = ""};
        bool late = rows[i].error && strstr(rows[i].error, "in time");
        haul_secret_source src = {
            .command = rows[i].line, .what = "token of jo", .command_ms = late ? 300 : 20000};
        haul_rc rc = haul_secret_get(&src, s, NULL, &e);
        cr_expect_eq(rc, rows[i].want ? HAUL_OK : HAUL_E_AUTH, "%s: %s", rows[i].line, e.text);
        cr_expect(is(s, rows[i].want ? rows[i].want : ""), "%s", rows[i].line);
        cr_expect_str_eq(e.text, rows[i].error ? rows[i].error : "", "%s", rows[i].line);
    }
    cr_expect(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "no child is left");
}

Test(source, a_command_is_run_again)
{
    haul_auto(haul_secret) *s = haul_secret_new();
    haul_auto_str command = {0};
    haul_str_addf(&command, "echo x >>%s/n; wc -l <%s/n", testing_dir(), testing_dir());
    haul_secret_source src = {.command = command.p, .what = "token"};
    cr_expect(haul_secret_renews(&src));
    cr_expect_eq(haul_secret_get(&src, s, NULL, NULL), HAUL_OK);
    cr_expect(is(s, "1"));
    cr_expect_eq(haul_secret_get(&src, s, NULL, NULL), HAUL_OK);
    cr_expect(is(s, "2"));
}

static void on_alarm(int sig)
{
    (void)sig;
}

Test(source, a_signal_ends_the_wait_for_a_command)
{
    haul_err e;
    haul_auto(haul_secret) *s = haul_secret_new();
    struct sigaction a = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &a, NULL);
    alarm(1);
    haul_secret_source src = {.command = "echo secret; exec sleep 30", .what = "token"};
    cr_expect_eq(haul_secret_get(&src, s, NULL, &e), HAUL_E_INTERRUPTED);
    cr_expect(is(s, ""));
    cr_expect(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "no child is left");
}

Test(source, an_exit_status_that_nobody_kept)
{
    haul_err e;
    haul_auto(haul_secret) *s = haul_secret_new();
    (void)signal(SIGCHLD, SIG_IGN);
    haul_secret_source src = {.command = "echo secret", .what = "token"};
    cr_expect_eq(haul_secret_get(&src, s, NULL, &e), HAUL_E_AUTH);
    cr_expect_str_eq(e.text, "the command for the token ended with an unknown exit status");
    (void)signal(SIGCHLD, SIG_DFL);
}

/* ── environment and prompt ── */

static haul_rc answer(void *ctx, const char *what, char *to, size_t cap, haul_err *e)
{
    const char *say = ctx;
    cr_expect_str_eq(what, "password of jo");
    cr_expect_eq(cap, HAUL_SECRET_PROMPT_MAX);
    memset(to, 'x', cap);
    snprintf(to, cap, "%s", say ? say : "half");
    return say ? HAUL_OK : haul_fail(e, HAUL_E_AUTH, "nobody there");
}

Test(source, environment)
{
    haul_err e;
    haul_auto(haul_secret) *s = haul_secret_new();
    haul_secret_source src = {.env = "HAUL_TEST_SECRET", .what = "password of jo"};
    setenv(src.env, "swordfish", 1);
    const char *value = getenv(src.env);
    cr_expect_eq(haul_secret_get(&src, s, NULL, &e), HAUL_OK);
    cr_expect(is(s, "swordfish"));
    cr_expect_null(getenv(src.env));
    cr_expect(zero(value, 9), "overwritten where it was");
    cr_expect_not(haul_secret_renews(&src));
    cr_expect_eq(haul_secret_get(&src, s, NULL, &e), HAUL_E_AUTH);
    cr_expect_str_eq(e.text, "there is no password of jo, and nobody to ask");
    setenv(src.env, "", 1);
    cr_expect_eq(haul_secret_get(&src, s, NULL, &e), HAUL_E_AUTH);
    cr_expect_str_eq(e.text, "HAUL_TEST_SECRET: the environment variable is empty");
    cr_expect(is(s, ""));
}

Test(source, prompt)
{
    haul_err e;
    haul_auto(haul_secret) *s = haul_secret_new();
    char say[] = "swordfish", nothing[] = "";
    haul_ask ask = {.fn = answer, .ctx = say};
    haul_secret_source src = {.env = "HAUL_TEST_UNSET", .ask = &ask, .what = "password of jo"};
    cr_expect_eq(haul_secret_get(&src, s, NULL, &e), HAUL_OK);
    cr_expect(is(s, "swordfish"));
    cr_expect(zero(haul_secret_text(s) + 9, HAUL_SECRET_PROMPT_MAX));
    ask.ctx = nothing;
    cr_expect_eq(haul_secret_get(&src, s, NULL, &e), HAUL_E_AUTH);
    cr_expect_str_eq(e.text, "an empty password of jo");
    ask.ctx = NULL;
    cr_expect_eq(haul_secret_get(&src, s, NULL, &e), HAUL_E_AUTH);
    cr_expect_str_eq(e.text, "nobody there");
    cr_expect(zero(haul_secret_text(s), HAUL_SECRET_PROMPT_MAX));
    ask.fn = NULL;
    cr_expect_eq(haul_secret_get(&src, s, NULL, &e), HAUL_E_AUTH);
}

Test(source, the_first_that_is_given_decides)
{
    haul_err e;
    haul_auto(haul_secret) *s = haul_secret_new();
    char say[] = "prompt";
    haul_ask ask = {.fn = answer, .ctx = say};
    const char *path = testing_path("password");
    testing_write(path, "file", 4);
    setenv("HAUL_TEST_SECRET", "environment", 1);
    haul_secret_source src = {.file = path,
                              .command = "echo command",
                              .env = "HAUL_TEST_SECRET",
                              .ask = &ask,
                              .what = "password of jo"};
    cr_expect(haul_secret_get(&src, s, NULL, &e) == HAUL_OK && is(s, "file"));
    src.file = NULL;
    cr_expect(haul_secret_get(&src, s, NULL, &e) == HAUL_OK && is(s, "command"));
    src.command = "exit 3";
    cr_expect_eq(haul_secret_get(&src, s, NULL, &e), HAUL_E_AUTH, "a source that fails is not passed over");
    src.command = NULL;
    cr_expect(haul_secret_get(&src, s, NULL, &e) == HAUL_OK && is(s, "environment"));
    cr_expect(haul_secret_get(&src, s, NULL, &e) == HAUL_OK && is(s, "prompt"));
}
