#include "model/format.h"

#include "base/utf.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(folder, paths_escape_their_separator)
{
    haul_folders fs = {0};
    const haul_folder rows[] = {{.id = 0, .parent = HAUL_FOLDER_NONE, .name = "A"},
                                {.id = 1, .parent = 0, .name = "b/c\\d"},
                                {.id = 2, .parent = 1, .name = "e"}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        cr_assert(haul_folders_add(&fs, &rows[i]));
    haul_auto_str path = {0};
    haul_folders_path(&fs, 2, &path);
    cr_expect_str_eq(path.p, "A/b\\/c\\\\d/e");
    haul_folders_done(&fs);
}

Test(folder, refuses_what_is_out_of_order_or_too_deep)
{
    haul_folders fs = {0};
    cr_expect_not(haul_folders_add(&fs, &(haul_folder){.id = 1, .parent = HAUL_FOLDER_NONE, .name = "x"}));
    cr_expect_not(haul_folders_add(&fs, &(haul_folder){.id = 0, .parent = 0, .name = "x"}));
    cr_expect_not(haul_folders_add(&fs, &(haul_folder){.id = 0, .parent = HAUL_FOLDER_NONE, .name = ""}));
    uint32_t parent = HAUL_FOLDER_NONE;
    for (uint32_t i = 0; i < HAUL_FOLDER_DEPTH_MAX; i++, parent = i - 1)
        cr_expect(haul_folders_add(&fs, &(haul_folder){.id = i, .parent = parent, .name = "x"}));
    cr_expect_not(
        haul_folders_add(&fs, &(haul_folder){.id = HAUL_FOLDER_DEPTH_MAX, .parent = parent, .name = "x"}));
    haul_folders_done(&fs);
}

Test(msg, keywords_are_unique_bounded_and_utf8)
{
    haul_msg *m = haul_msg_new();
    cr_expect(haul_msg_keyword(m, "work", 4));
    cr_expect(haul_msg_keyword(m, "work", 4));
    cr_expect(haul_msg_keyword(m, "caf\xe9", 4));
    cr_expect_eq(m->n_keywords, 2);
    cr_expect_str_eq(m->keywords[1], "caf\xc3\xa9");
    bool all = true;
    for (int i = 0; i < 400; i++) {
        char name[16];
        snprintf(name, sizeof(name), "k%d", i);
        all = haul_msg_keyword(m, name, strlen(name)) && all;
    }
    cr_expect_not(all);
    cr_expect_eq(m->n_keywords, HAUL_KEYWORDS_MAX);
    cr_expect(haul_msg_has_issue(m, HAUL_ISSUE_KEYWORD_NOT_HELD));
    haul_msg_unref(m);
}

Test(msg, reset_forgets_all_but_memory)
{
    haul_msg *m = haul_msg_new();
    haul_msg_received(m, 5, 60);
    haul_msg_issue(m, HAUL_ISSUE_MSG_NUL, "%d", 3);
    haul_msg_reset(m);
    cr_expect_eq(m->set, 0);
    cr_expect_null(m->issues);
    cr_expect_eq(m->folder, HAUL_FOLDER_NONE);
    haul_msg_issue(m, HAUL_ISSUE_MSG_NUL, "again");
    cr_expect_str_eq(m->issues->detail, "again");
    haul_msg_unref(m);
}

Test(msg, issues_of_one_kind_are_bounded)
{
    haul_msg *m = haul_msg_new();
    size_t n = 0;
    for (int i = 0; i < 1000; i++)
        haul_msg_issue(m, HAUL_ISSUE_MBOX_AMBIGUOUS_SPLIT, "at %d", i);
    for (const haul_issue *i = m->issues; i; i = i->next)
        n++;
    cr_expect_eq(n, HAUL_ISSUES_EACH);
    haul_msg_unref(m);
}

Test(issue, names_are_sorted_unique_and_found)
{
    for (size_t i = 0; i < HAUL_ISSUE_COUNT; i++) {
        haul_issue_id id;
        cr_expect(haul_issue_find(haul_issue_name((haul_issue_id)i), &id));
        cr_expect_eq(id, i);
        cr_expect(strlen(haul_issue_text(id)) > 10);
    }
    haul_issue_id id;
    cr_expect_not(haul_issue_find("no.such", &id));
}

Test(flags, text_and_back)
{
    haul_auto_str text = {0};
    haul_flags_text(HAUL_FLAG_SEEN | HAUL_FLAG_MDNSENT, &text);
    cr_expect_str_eq(text.p, "seen mdnsent");
    cr_expect_eq(haul_flag_find("Flagged", 7), HAUL_FLAG_FLAGGED);
    cr_expect_eq(haul_flag_find("x", 1), 0);
}

static const char *const kept[] = {"cur", NULL};
static const haul_naming windows = {.reserved = "<>:\"/\\|?*",
                                    .escape = '%',
                                    .first = ".",
                                    .last = ". ",
                                    .windows_devices = true,
                                    .component_max = 40,
                                    .suffixes = ".sbd|.msf",
                                    .reserved_names = kept};
static const haul_naming plusplus = {.reserved = "./~", .escape = '\\', .component_max = 60, .mutf7 = true};

typedef struct name_row {
    const haul_naming *naming;
    const char *name, *escaped;
} name_row;

static const name_row names[] = {
    {&windows, "Plain", "Plain"},
    {&windows, "a/b", "a%2Fb"},
    {&windows, ".hidden", "%2Ehidden"},
    {&windows, "..", "%2E%2E"},
    {&windows, "end.", "end%2E"},
    {&windows, "CON", "%43ON"},
    {&windows, "con.txt", "%63on.txt"},
    {&windows, "CONSOLE", "CONSOLE"},
    {&windows, "COM1", "%43OM1"},
    {&windows, "COM0", "COM0"},
    {&windows, "100%", "100%"},
    {&windows, "100%25", "100%2525"},
    {&windows, "x.sbd", "x%2Esbd"},
    {&windows, "x.SBD", "x%2ESBD"},
    {&windows, "cur", "%63ur"},
    {&windows, "tab\there", "tab%09here"},
    {&windows, "Entw\xc3\xbcrfe", "Entw\xc3\xbcrfe"},
    {&plusplus, "a.b", "a\\2eb"},
    {&plusplus, "a/b~c", "a\\2fb\\7ec"},
    {&plusplus, "back\\slash", "back\\slash"},
    {&plusplus, "back\\2eslash", "back\\5c2eslash"},
};

Test(naming, escapes_are_undone)
{
    for (size_t i = 0; i < HAUL_COUNT(names); i++) {
        haul_auto_str to = {0}, back = {0};
        bool was_cut = true;
        haul_naming_escape(names[i].naming, names[i].name, &to, &was_cut);
        cr_expect_str_eq(haul_strz(&to), names[i].escaped, "%s: %s", names[i].name, haul_strz(&to));
        cr_expect_not(was_cut);
        bool undone = haul_naming_unescape(names[i].naming, to.p, &back);
        cr_expect_eq(undone, strcmp(to.p, names[i].name) != 0, "%s", names[i].name);
        if (undone)
            cr_expect_str_eq(back.p, names[i].name);
    }
}

Test(naming, names_of_others_stay)
{
    static const char *const foreign[] = {"100%25", "%41bc", "%2f", "a%00b", "%"};
    for (size_t i = 0; i < HAUL_COUNT(foreign); i++) {
        haul_auto_str back = {0};
        cr_expect_not(haul_naming_unescape(&windows, foreign[i], &back), "%s", foreign[i]);
        cr_expect_eq(back.len, 0);
    }
}

Test(naming, long_names_are_cut_apart)
{
    char a[301], b[301];
    memset(a, 'a', 300);
    memset(b, 'a', 300);
    a[300] = b[300] = 0;
    b[299] = 'b';
    haul_auto_str ca = {0}, cb = {0};
    bool was_cut = false;
    haul_naming_escape(&windows, a, &ca, &was_cut);
    cr_expect(was_cut);
    haul_naming_escape(&windows, b, &cb, &was_cut);
    cr_expect(was_cut);
    cr_expect_leq(ca.len, 40);
    cr_expect_str_neq(ca.p, cb.p);
    haul_auto_str umlauts = {0}, cut = {0};
    for (int i = 0; i < 100; i++)
        haul_str_addz(&umlauts, "\xc3\xbc");
    haul_naming_escape(&plusplus, umlauts.p, &cut, &was_cut);
    cr_expect(was_cut);
    cr_expect_gt(cut.len, 9);
}

Test(values, choices_and_defaults)
{
    static const haul_format_option o = {.name = "eol", .choices = "keep|crlf|lf", .value = "keep"};
    haul_auto(haul_values) *v = haul_values_new();
    cr_expect_str_eq(haul_values_get(v, &o), "keep");
    cr_expect_eq(haul_values_choice(v, &o), 0);
    haul_values_set(v, "eol", "lf");
    cr_expect_eq(haul_values_choice(v, &o), 2);
    haul_values_set(v, "eol", "crlf");
    cr_expect_eq(haul_values_choice(v, &o), 1);
}

Test(tokens, sorted_and_replaced)
{
    haul_auto(haul_tokens) *t = haul_tokens_new();
    const char *key, *value;
    haul_tokens_put(t, "b", "1");
    haul_tokens_put(t, "a", "2");
    haul_tokens_put(t, "b", "3");
    cr_expect_eq(haul_tokens_count(t), 2);
    haul_tokens_at(t, 1, &key, &value);
    cr_expect_str_eq(key, "b");
    cr_expect_str_eq(value, "3");
    cr_expect_null(haul_tokens_get(t, "c"));
}

/* An issue whose text is too long ends with a whole character. */
Test(model, long_details_stay_text)
{
    haul_msg *m = haul_msg_new();
    for (size_t shift = 0; shift < 4; shift++) {
        haul_auto_str text = {0};
        haul_str_add(&text, "abc", shift);
        while (text.len < 2 * HAUL_ERR_TEXT)
            haul_str_addz(&text, shift & 1 ? "€" : "😀");
        haul_msg_issue(m, HAUL_ISSUE_MSG_NUL, "%s", text.p);
    }
    size_t n = 0;
    for (const haul_issue *i = m->issues; i; i = i->next, n++) {
        size_t len = strlen(i->detail);
        cr_expect(len > HAUL_ERR_TEXT - 5 && haul_utf8_valid(i->detail, len), "%zu octets", len);
    }
    cr_expect_eq(n, 4);
    haul_msg_unref(m);
}
