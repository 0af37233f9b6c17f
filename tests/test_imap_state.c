/* Where the journal of a server is kept: data of the format, rules of src/pipe/state.c. */
#include "pipe/state.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *path_of(const char *url, const char *state_dir, haul_str *to)
{
    haul_state_path(url, haul_format_for_target(url), NULL, state_dir, to);
    return haul_strz(to);
}

Test(imap_state, one_directory_for_every_spelling)
{
    static const struct {
        const char *url, *name;
    } rows[] = {
        {"imaps://jo@Mail.Example.org", "jo@mail.example.org"},
        {"imap://jo@mail.example.org/", "jo@mail.example.org"},
        {"IMAPS://jo;AUTH=PLAIN@mail.example.org:993//", "jo@mail.example.org"},
        {"imap://jo@mail.example.org:0143", "jo@mail.example.org"},
        {"imaps://jo@mail.example.org:1993/A/B/", "jo@mail.example.org:1993%2FA%2FB"},
        {"imaps://jo@mail.example.org:1993//A//%42", "jo@mail.example.org:1993%2FA%2FB"},
        {"imaps://jo@h/A%2FB", "jo@h%2FA%252FB"},
        {"imaps://jo@h/A%252FB", "jo@h%2FA%25252FB"},
        {"imaps://jo%40x.org@h", "jo@x.org@h"},
        {"imaps://jo@x.org@h", "jo@x.org@h"},
        {"imaps://Jo@h", "Jo@h"},
        {"imaps://a%2Fb@h", "a%252Fb@h"},
        {"imaps://;AUTH=EXTERNAL@h", "h"},
        {"imaps://jo@[2001:DB8::1]:1143/x", "jo@[2001:db8::1]:1143%2Fx"},
        {"imaps://jo@h/Gr%C3%B6%C3%9Fe x", "jo@h%2FGr%C3%B6%C3%9Fe%20x"},
        {"imaps://jo@h/Gr\xc3\xb6\xc3\x9f"
         "e%20x",
         "jo@h%2FGr%C3%B6%C3%9Fe%20x"},
        {"imaps://jo@h/../../etc", "jo@h%2F..%2F..%2Fetc"},
        {"imaps://..", "%2E."},
        {"imaps://.", "%2E"},
        {"imaps://../..", "%2E.%2F.."},
        {"imaps://jo:tops3cret@h", "jo@h"},
        {"imaps://jo@h/a\nb", "jo@h%2Fa%0Ab"},
    };
    cr_assert(setenv("XDG_STATE_HOME", "/x", 1) == 0);
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str to = {0}, want = {0};
        haul_str_addf(&want, "/x/mailhaul/%s", rows[i].name);
        cr_expect_str_eq(path_of(rows[i].url, NULL, &to), want.p, "%s: %s", rows[i].url, to.p);
    }
}

Test(imap_state, long_names_stay_apart_and_fit)
{
    haul_auto_str url = {0}, other = {0}, a = {0}, b = {0};
    haul_str_addz(&url, "imaps://jo@h/");
    for (int i = 0; i < 200; i++)
        haul_str_addz(&url, "\xc3\xb6");
    haul_str_add(&other, url.p, url.len);
    haul_str_addc(&other, 'x');
    cr_assert(setenv("XDG_STATE_HOME", "/x", 1) == 0);
    cr_expect_str_neq(path_of(url.p, NULL, &a), path_of(other.p, NULL, &b));
    cr_expect_leq(a.len, strlen("/x/mailhaul/") + 200);
}

Test(imap_state, homes)
{
    haul_auto_str to = {0};
    cr_assert(setenv("HOME", "/home/jo", 1) == 0);
    cr_assert(setenv("XDG_STATE_HOME", "relative", 1) == 0);
    cr_expect_str_eq(path_of("imaps://jo@h", NULL, &to), "/home/jo/.local/state/mailhaul/jo@h");
    cr_assert(unsetenv("XDG_STATE_HOME") == 0);
    cr_expect_str_eq(path_of("imaps://jo@h", NULL, &to), "/home/jo/.local/state/mailhaul/jo@h");
    cr_expect_str_eq(path_of("imaps://jo@h", "here", &to), "here", "--state wins");
}

Test(imap_state, made_for_its_owner_alone_and_nothing_for_the_url)
{
    static const char url[] = "imaps://jo@h/x";
    haul_auto_str state = {0}, found = {0};
    haul_err e = {0};
    struct stat st;
    bool existed = true;
    cr_assert(chdir(testing_dir()) == 0 && setenv("XDG_STATE_HOME", testing_path("a/b"), 1) == 0);
    path_of(url, NULL, &state);
    cr_expect_not(haul_state_find(url, NULL, &found));
    cr_expect_eq(haul_state_check(url, false, state.p, false, &existed, &e), HAUL_OK, "%s", e.text);
    cr_expect_not(existed);
    cr_expect_eq(access(testing_path("a"), F_OK), -1, "checking makes nothing");
    cr_expect_eq(haul_state_prepare(url, false, state.p, false, &existed, &e), HAUL_OK, "%s", e.text);
    for (const char *const *p =
             (const char *const[]){"a", "a/b", "a/b/mailhaul", "a/b/mailhaul/jo@h%2Fx", NULL};
         *p; p++) {
        cr_assert(stat(testing_path("%s", *p), &st) == 0, "%s", *p);
        cr_expect_eq(st.st_mode & 07777, 0700, "%s", *p);
    }
    cr_expect_eq(access(testing_path("imaps:"), F_OK), -1, "the URL is no path");
    testing_write(testing_path("a/b/mailhaul/jo@h%%2Fx/journal.db"), "", 0);
    cr_expect(haul_state_find(url, NULL, &found));
    cr_expect_str_eq(found.p, state.p);
    cr_expect_eq(haul_state_check("imap://jo@H:143/x/", false, found.p, false, &existed, &e), HAUL_OK);
    cr_expect(existed);
    cr_expect_eq(haul_state_check(url, false, "", false, &existed, &e), HAUL_E_STATE);
}
