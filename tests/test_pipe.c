#include "pipe/filter.h"
#include "pipe/journal.h"
#include "pipe/map.h"
#include "pipe/report.h"

#include "base/time.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* ── map ── */

typedef struct map_row {
    const char *path[4]; /* names from the top */
    haul_role role;      /* of the top folder */
    const char *target;
    bool changed;
} map_row;

static const haul_naming naming = {
    .reserved = "/", .escape = '%', .first = ".", .fold_case = true, .inbox_root = true};
static const haul_map_rule rules[] = {{"Posteingang", "INBOX"}, {"A/B", "Z"}, {"A", "Y/1"}, {"x\\/y", "XY"}};

static const map_row map_rows[] = {
    {{"Plain"}, HAUL_ROLE_NONE, "Plain", false},
    {{"Posteingang"}, HAUL_ROLE_NONE, "INBOX", false},
    {{"Posteingang", "Sub"}, HAUL_ROLE_NONE, "INBOX/Sub", false},
    {{"A", "B", "C"}, HAUL_ROLE_NONE, "Z/C", false},
    {{"A", "D"}, HAUL_ROLE_NONE, "Y/1/D", false},
    {{"A", "b"}, HAUL_ROLE_NONE, "Y/1/b", false},
    {{"x/y"}, HAUL_ROLE_NONE, "XY", false},
    {{"x/z"}, HAUL_ROLE_NONE, "x%2Fz", true},
    {{"inbox"}, HAUL_ROLE_NONE, "INBOX", false},
    {{"Boite", "x"}, HAUL_ROLE_INBOX, "INBOX/x", false},
    {{"Work"}, HAUL_ROLE_NONE, "Work", false},
    {{"work"}, HAUL_ROLE_NONE, "work~2", true},
    {{"WORK"}, HAUL_ROLE_NONE, "WORK~3", true},
    {{"work", "a"}, HAUL_ROLE_NONE, "work~2/a", true},
    {{".."}, HAUL_ROLE_NONE, "%2E.", true},
};

static void map_row_to(haul_map *map, const map_row *row, haul_mapped *ret)
{
    haul_folders fs = {0};
    uint32_t id = HAUL_FOLDER_NONE;
    for (size_t i = 0; i < 4 && row->path[i]; i++) {
        haul_folder f = {
            .id = (uint32_t)i, .parent = id, .name = row->path[i], .role = i ? HAUL_ROLE_NONE : row->role};
        cr_assert(haul_folders_add(&fs, &f));
        id = (uint32_t)i;
    }
    haul_map_folder(map, &fs, id, NULL, ret);
    haul_folders_done(&fs);
}

Test(map, rules_and_naming)
{
    haul_auto(haul_map) *map = haul_map_new(&naming, NULL, rules, HAUL_COUNT(rules), NULL);
    for (size_t i = 0; i < HAUL_COUNT(map_rows); i++) {
        haul_mapped to = {0};
        map_row_to(map, &map_rows[i], &to);
        cr_expect_str_eq(to.path.text, map_rows[i].target, "%s: %s", map_rows[i].path[0], to.path.text);
        cr_expect_eq(to.changed, map_rows[i].changed, "%s", map_rows[i].path[0]);
    }
}

Test(map, prefix_merging_and_earlier_names)
{
    haul_auto(haul_map) *map = haul_map_new(&naming, NULL, NULL, 0, "Imported/2019");
    haul_mapped a = {0}, b = {0}, c = {0};
    map_row row = {{"Work"}, HAUL_ROLE_NONE, NULL, false};
    map_row_to(map, &row, &a);
    map_row_to(map, &row, &b);
    cr_expect_str_eq(a.path.text, "Imported/2019/Work");
    cr_expect_eq(a.path.n, 3);
    cr_expect_not(a.known);
    cr_expect(b.known);
    cr_expect_eq(a.id, b.id);
    haul_folders fs = {0};
    cr_assert(haul_folders_add(&fs, &(haul_folder){.id = 0, .parent = HAUL_FOLDER_NONE, .name = "Work"}));
    haul_map_folder(map, &fs, 0, "Old/Name%2F", &c);
    cr_expect_str_eq(c.path.text, "Old/Name%2F");
    cr_expect_eq(c.path.n, 2);
    haul_folders_done(&fs);
}

Test(map, names_of_earlier_runs_keep_their_place)
{
    static const struct {
        const char *name, *target;
    } rows[] = {{"WORK", "WORK~2"}, {"Work", "Work"}, {"Old", "Old~2"}, {"new", "new"}};
    haul_auto(haul_map) *map = haul_map_new(&naming, NULL, NULL, 0, NULL);
    haul_map_reserve(map, "Work/Sub");
    haul_map_reserve(map, "Old~2");
    haul_map_reserve(map, "OLD");
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_mapped to = {0};
        map_row row = {{rows[i].name}, HAUL_ROLE_NONE, NULL, false};
        map_row_to(map, &row, &to);
        cr_expect_str_eq(to.path.text, rows[i].target, "%s: %s", rows[i].name, to.path.text);
    }
    haul_folders fs = {0};
    haul_mapped kept = {0};
    cr_assert(haul_folders_add(&fs, &(haul_folder){.id = 0, .parent = HAUL_FOLDER_NONE, .name = "x"}));
    haul_map_folder(map, &fs, 0, "work", &kept); /* parts and text stay one */
    cr_expect_str_eq(kept.path.parts[0], "work");
    haul_folders_done(&fs);
}

Test(map, nothing_is_the_inbox)
{
    static const haul_map_rule to_root[] = {{"A", "/"}};
    haul_auto(haul_map) *map = haul_map_new(&naming, NULL, to_root, 1, NULL);
    haul_mapped a = {0}, inbox = {0};
    map_row_to(map, &(map_row){{"A"}, HAUL_ROLE_NONE, NULL, false}, &a);
    map_row_to(map, &(map_row){{"Inbox"}, HAUL_ROLE_INBOX, NULL, false}, &inbox);
    cr_expect_str_eq(a.path.text, "INBOX");
    cr_expect_eq(a.id, inbox.id, "one folder, with one table of keywords");
}

/* ── report ── */

Test(report, sources_have_names_of_their_own)
{
    static const char *const labels[] = {"a#2", "a", "a", "a", "a#2"};
    static const char *const names[] = {"a#2", "a", "a#3", "a#4", "a#2#2"};
    haul_job job = {.command = "convert"};
    haul_report *r = NULL;
    haul_err e = {0};
    cr_assert_eq(haul_report_open(&job, NULL, &r, &e), HAUL_OK);
    for (size_t i = 0; i < HAUL_COUNT(labels); i++)
        cr_expect_str_eq(haul_report_source(r, NULL, "/x", labels[i], NULL), names[i]);
    haul_report_free(r);
}

/* ── filter ── */

Test(filter, dates_kinds_sizes_and_folders)
{
    static const char *const globs[] = {"In*", "A/*", NULL}, *const not_globs[] = {"*/Trash", NULL};
    haul_filter f = {.has_since = true,
                     .since_us = 100,
                     .has_until = true,
                     .until_us = 200,
                     .max_size = 10,
                     .kinds = 1u << HAUL_KIND_MAIL,
                     .folders = globs,
                     .not_folders = not_globs};
    haul_msg *m = haul_msg_new();
    haul_msg_received(m, 100, 0);
    cr_expect_null(haul_filter_message(&f, m));
    m->received_us = 99;
    cr_expect_str_eq(haul_filter_message(&f, m), "since");
    m->received_us = 200;
    cr_expect_str_eq(haul_filter_message(&f, m), "until");
    m->received_us = 150;
    m->size = 11;
    cr_expect_null(haul_filter_message(&f, m), "an unknown size is not a large one");
    m->set |= HAUL_SET_SIZE;
    cr_expect_str_eq(haul_filter_message(&f, m), "max-size");
    m->kind = HAUL_KIND_TASK;
    cr_expect_str_eq(haul_filter_message(&f, m), "kind");
    haul_msg_unref(m);
    cr_expect_null(haul_filter_folder(&f, "Inbox"));
    cr_expect_null(haul_filter_folder(&f, "A/b"));
    cr_expect_str_eq(haul_filter_folder(&f, "B"), "folder");
    cr_expect_str_eq(haul_filter_folder(&f, "A/Trash"), "not-folder");
}

Test(filter, a_question_mark_is_a_character)
{
    static const char *const globs[] = {"?", "Sub \\[x\\]", "[\u00e4\u00f6]/*", NULL};
    haul_filter f = {.folders = globs};
    static const char *const in[] = {"a", "\u00c4", "\U0001f4e7", "Sub [x]", "\u00f6/b"}, *const out[] = {
                                                                                              "ab", "Sub x",
                                                                                              "\u00fc/b"};
    for (size_t i = 0; i < HAUL_COUNT(in); i++)
        cr_expect_null(haul_filter_folder(&f, in[i]), "%s", in[i]);
    for (size_t i = 0; i < HAUL_COUNT(out); i++)
        cr_expect_str_eq(haul_filter_folder(&f, out[i]), "folder", "%s", out[i]);
}

/* ── journal ── */

static haul_record record(const char *id, const uint8_t *sha)
{
    return (haul_record){.id = id,
                         .source = "s",
                         .folder = "INBOX",
                         .place = "INBOX/1",
                         .keywords = "a\nb",
                         .sha256 = sha,
                         .size = 7,
                         .has_received = true,
                         .received_us = -5,
                         .flags = 3,
                         .lost = 1};
}

static const char id_a[] = "00112233445566778899aabbccddeeff", id_b[] = "ffeeddccbbaa99887766554433221100";

Test(journal, keeps_what_was_committed_and_nothing_else)
{
    const char *file = testing_path("journal.db");
    haul_err e = {0};
    haul_journal *j = NULL;
    uint8_t sha[32] = {1}, other[32] = {2};
    cr_assert_eq(haul_journal_open(file, false, &j, &e), HAUL_OK, "%s", e.text);
    cr_expect_not(haul_journal_has_items(j));
    cr_assert_eq(haul_journal_begin_run(j, false, &e), HAUL_OK);
    haul_record a = record(id_a, sha), b = record(id_b, other);
    cr_assert_eq(haul_journal_add(j, &a, &e), HAUL_OK, "%s", e.text);
    cr_assert_eq(haul_journal_commit(j, &e), HAUL_OK);
    cr_assert_eq(haul_journal_add(j, &b, &e), HAUL_OK);
    haul_journal_close(j); /* without a commit: b never was */

    haul_record found;
    bool seen;
    cr_assert_eq(haul_journal_open(file, false, &j, &e), HAUL_OK, "%s", e.text);
    cr_expect(haul_journal_has_items(j));
    cr_assert_eq(haul_journal_begin_run(j, false, &e), HAUL_OK);
    cr_expect_eq(haul_journal_find(j, id_b, &found, &seen, &e), HAUL_END);
    cr_assert_eq(haul_journal_find(j, id_a, &found, &seen, &e), HAUL_OK);
    cr_expect_not(seen);
    cr_expect_str_eq(found.place, "INBOX/1");
    cr_expect_str_eq(found.keywords, "a\nb");
    cr_expect_eq(found.received_us, -5);
    cr_expect_eq(found.flags, 3);
    cr_expect_eq(memcmp(found.sha256, sha, 32), 0);
    cr_assert_eq(haul_journal_find_moved(j, &a, &found, &e), HAUL_OK);
    cr_assert_eq(haul_journal_mark_seen(j, found.row, &e), HAUL_OK);
    cr_expect_eq(haul_journal_find_moved(j, &a, &found, &e), HAUL_END, "matched once already");
    haul_journal_close(j);
}

Test(journal, one_writer_and_no_foreign_files)
{
    const char *file = testing_path("journal.db");
    const char *junk = testing_path("junk.db");
    haul_err e = {0};
    haul_journal *j = NULL, *second = NULL;
    cr_assert_eq(haul_journal_open(file, false, &j, &e), HAUL_OK, "%s", e.text);
    cr_expect_eq(haul_journal_open(file, false, &second, &e), HAUL_E_STATE);
    cr_expect(strstr(e.text, "in use"), "%s", e.text);
    haul_journal_close(j);
    testing_write(junk, "not a database, but long enough to be taken for one by somebody careless", 70);
    cr_expect_eq(haul_journal_open(junk, false, &second, &e), HAUL_E_STATE);
    cr_expect_eq(haul_journal_open(testing_path("absent.db"), true, &second, &e), HAUL_E_STATE);
}

Test(journal, closed_it_can_be_read_where_nothing_can_be_written)
{
    const char *file = testing_path("journal.db");
    haul_err e = {0};
    haul_journal *j = NULL;
    size_t n = 0;
    cr_assert_eq(haul_journal_open(file, false, &j, &e), HAUL_OK, "%s", e.text);
    cr_assert_eq(haul_journal_set_meta(j, "format", "x", &e), HAUL_OK); /* not committed */
    haul_journal_close(j);
    char *octets = testing_read(file, &n);
    cr_assert(octets && n > 100);
    cr_expect_eq(octets[18], 1, "sqlite.org/fileformat: 2 wants a log beside the file");
    free(octets);
    cr_assert_eq(haul_journal_open(file, true, &j, &e), HAUL_OK, "%s", e.text);
    cr_expect_null(haul_journal_meta(j, "format"));
    haul_journal_close(j);
}

Test(journal, tokens_meta_and_folders)
{
    const char *file = testing_path("journal.db");
    haul_err e = {0};
    haul_journal *j = NULL;
    haul_auto(haul_tokens) *t = haul_tokens_new(), *back = haul_tokens_new();
    haul_tokens_put(t, "k", "1");
    cr_assert_eq(haul_journal_open(file, false, &j, &e), HAUL_OK, "%s", e.text);
    cr_expect_null(haul_journal_meta(j, "format"));
    cr_assert_eq(haul_journal_set_meta(j, "format", "x", &e), HAUL_OK);
    cr_assert_eq(haul_journal_put_tokens(j, t, &e), HAUL_OK);
    haul_tokens_put(t, "k", "2");
    cr_assert_eq(haul_journal_put_tokens(j, t, &e), HAUL_OK);
    cr_expect_null(haul_journal_folder(j, "s", "p"));
    cr_assert_eq(haul_journal_add_folder(j, "s", "p", "T", &e), HAUL_OK);
    cr_assert_eq(haul_journal_commit(j, &e), HAUL_OK);
    haul_journal_close(j);
    cr_assert_eq(haul_journal_open(file, true, &j, &e), HAUL_OK);
    cr_expect_str_eq(haul_journal_meta(j, "format"), "x");
    cr_expect_str_eq(haul_journal_folder(j, "s", "p"), "T");
    cr_assert_eq(haul_journal_get_tokens(j, back, &e), HAUL_OK);
    cr_expect_str_eq(haul_tokens_get(back, "k"), "2");
    haul_journal_close(j);
}

Test(journal, a_copy_changes_nothing)
{
    const char *file = testing_path("journal.db");
    haul_err e = {0};
    haul_journal *j = NULL;
    uint8_t sha[32] = {1};
    haul_record a = record(id_a, sha), found;
    bool seen;
    cr_assert_eq(haul_journal_open_copy(file, &j, &e), HAUL_OK, "%s", e.text);
    haul_journal_close(j);
    cr_expect_null(testing_read(file, NULL), "a copy of nothing makes no file");
    cr_assert_eq(haul_journal_open(file, false, &j, &e), HAUL_OK, "%s", e.text);
    cr_assert_eq(haul_journal_add(j, &a, &e), HAUL_OK);
    cr_assert_eq(haul_journal_commit(j, &e), HAUL_OK);
    haul_journal_close(j);
    cr_assert_eq(haul_journal_open_copy(file, &j, &e), HAUL_OK, "%s", e.text);
    cr_assert_eq(haul_journal_begin_run(j, true, &e), HAUL_OK);
    cr_expect_eq(haul_journal_find(j, id_a, &found, &seen, &e), HAUL_OK);
    cr_expect_eq(haul_journal_find_digest(j, sha, &found, &e), HAUL_OK);
    haul_journal_close(j);
}
