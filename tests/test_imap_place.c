/* From a folder's path to its mailbox and back. */
#include "imap/session.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct {
    const char *prefix;
    char separator;
    const char *folders[3]; /* of the URL */
    const char *base;
    const char *text, *name; /* of a folder: path, mailbox */
} rows[] = {
    {"", '/', {NULL}, "", "A/B", "A/B"},
    {"", '.', {NULL}, "", "A/B", "A.B"},
    {"", '.', {NULL}, "", "INBOX", "INBOX"},
    {"", '.', {NULL}, "", "INBOX/A", "INBOX.A"},
    {"INBOX.", '.', {NULL}, "INBOX.", "A/B", "INBOX.A.B"},
    {"INBOX.", '.', {NULL}, "INBOX.", "INBOX", "INBOX"},
    {"INBOX.", '.', {"Old"}, "INBOX.Old.", "A", "INBOX.Old.A"},
    {"INBOX.", '.', {"Old"}, "INBOX.Old.", "INBOX", "INBOX.Old.INBOX"},
    {"INBOX.", '.', {"inbox"}, "INBOX.", "A", "INBOX.A"},
    {"INBOX.", '.', {"Inbox", "Old"}, "INBOX.Old.", "A", "INBOX.Old.A"},
    {"", '/', {"A", "B"}, "A/B/", "C/D", "A/B/C/D"},
    {"", '/', {"INBOX", "B"}, "INBOX/B/", "C", "INBOX/B/C"},
    {"", '/', {"A"}, "A/", "", "A"}, /* the base itself */
    {"", '\\', {"A"}, "A\\", "B/C", "A\\B\\C"},
    {"", 0, {NULL}, "", "A", "A"},
    {"",
     '/',
     {"Gr\xc3\xb6\xc3\x9f"
      "e"},
     "Gr\xc3\xb6\xc3\x9f"
     "e/",
     "B",
     "Gr\xc3\xb6\xc3\x9f"
     "e/B"},
};

static haul_rc base_of(size_t i, haul_str *to, haul_err *e)
{
    char *folders[3] = {0};
    size_t n = 0;
    for (; n < 3 && rows[i].folders[n]; n++)
        folders[n] = (char *)(uintptr_t)rows[i].folders[n];
    haul_imap_url url = {.folder = folders, .n_folder = n};
    haul_imap_account a = {.separator = rows[i].separator, .prefix = (char *)(uintptr_t)rows[i].prefix};
    return haul_imap_base(&url, &a, to, e);
}

Test(imap_place, there_and_back)
{
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str base = {0}, name = {0}, text = {0};
        haul_err e = {0};
        cr_assert_eq(base_of(i, &base, &e), HAUL_OK, "%zu: %s", i, e.text);
        cr_expect_str_eq(haul_strz(&base), rows[i].base, "%zu", i);
        haul_imap_name_of(haul_strz(&base), rows[i].folders[0] != NULL, rows[i].separator, rows[i].text,
                          &name);
        cr_expect_str_eq(haul_strz(&name), rows[i].name, "%zu: %s", i, haul_strz(&name));
        bool below = haul_imap_text_of(haul_strz(&base), rows[i].separator, haul_strz(&name), &text);
        bool whole =
            strlen(rows[i].name) > strlen(rows[i].base) && haul_istarts(name.p, name.len, rows[i].base);
        cr_expect_eq(below, whole, "%zu", i);
        if (below)
            cr_expect_str_eq(haul_strz(&text), rows[i].text, "%zu", i);
    }
}

Test(imap_place, what_does_not_lie_below_has_no_path)
{
    static const struct {
        const char *base;
        char separator;
        const char *name;
    } none[] = {{"INBOX.", '.', "INBOX"},
                {"INBOX.", '.', "INBOX."},
                {"INBOX.", '.', "Shared.A"},
                {"A/", '/', "A"},
                {"A/", '/', "a/B"},
                {"", '.', "a/b"}, /* a '/' separates nothing there */
                {"", '.', ""},
                {"A.", '.', "A.b/c"}};
    for (size_t i = 0; i < HAUL_COUNT(none); i++) {
        haul_auto_str to = {0};
        cr_expect_not(haul_imap_text_of(none[i].base, none[i].separator, none[i].name, &to), "%s",
                      none[i].name);
    }
}

Test(imap_place, a_url_that_does_not_fit)
{
    char *dotted[] = {(char *)(uintptr_t) "Old", (char *)(uintptr_t) "A.B"};
    haul_imap_url url = {.folder = dotted, .n_folder = 2};
    haul_imap_account dots = {.separator = '.', .prefix = (char *)(uintptr_t) ""};
    haul_auto_str to = {0};
    haul_err e = {0};
    cr_expect_eq(haul_imap_base(&url, &dots, &to, &e), HAUL_E_USAGE);
    cr_expect(strstr(e.text, "'A.B'"), "%s", e.text);
    dots.separator = 0;
    cr_expect_eq(haul_imap_base(&url, &dots, &to, &e), HAUL_E_TARGET);
}
