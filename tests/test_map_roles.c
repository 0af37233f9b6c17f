#include "pipe/map.h"

#include <criterion/criterion.h>
#include <string.h>

static const haul_naming naming = {
    .reserved = "/", .escape = '=', .fold_case = true, .inbox_root = true, .inbox_once = true};
static const char *const roles[HAUL_ROLE_COUNT] = {[HAUL_ROLE_SENT] = "[Gmail]/Sent Mail",
                                                   [HAUL_ROLE_TRASH] = "Trash",
                                                   [HAUL_ROLE_DRAFTS] = "INBOX/Drafts",
                                                   [HAUL_ROLE_JUNK] = "a=2Fb"};

typedef struct map_row {
    const char *path[3]; /* names from the top */
    haul_role role;      /* of the top folder */
    const char *target;
    bool by_role, changed, known;
} map_row;

static void map_row_to(haul_map *map, const map_row *row, haul_mapped *ret)
{
    haul_folders fs = {0};
    uint32_t id = HAUL_FOLDER_NONE;
    for (size_t i = 0; i < 3 && row->path[i]; i++) {
        haul_folder f = {
            .id = (uint32_t)i, .parent = id, .name = row->path[i], .role = i ? HAUL_ROLE_NONE : row->role};
        cr_assert(haul_folders_add(&fs, &f));
        id = (uint32_t)i;
    }
    haul_map_folder(map, &fs, id, NULL, ret);
    haul_folders_done(&fs);
}

static void expect_rows(haul_map *map, const map_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        haul_mapped to = {0};
        map_row_to(map, &rows[i], &to);
        cr_expect_str_eq(to.path.text, rows[i].target, "%s: %s", rows[i].path[0], to.path.text);
        cr_expect_eq(to.by_role, rows[i].by_role, "%s", rows[i].path[0]);
        cr_expect_eq(to.changed, rows[i].changed, "%s", rows[i].path[0]);
        cr_expect_eq(to.known, rows[i].known, "%s", rows[i].path[0]);
    }
}

Test(map_roles, a_top_folder_goes_where_the_target_has_that_use)
{
    static const map_row rows[] = {
        {{"Gesendete Elemente"}, HAUL_ROLE_SENT, "[Gmail]/Sent Mail", true, false, false},
        {{"Gesendete Elemente", "20/19"}, HAUL_ROLE_SENT, "[Gmail]/Sent Mail/20=2F19", true, true, false},
        {{"Outgoing"}, HAUL_ROLE_SENT, "[Gmail]/Sent Mail", true, false, true}, /* merged */
        {{"Trash"}, HAUL_ROLE_TRASH, "Trash", true, false, false},
        {{"Draft"}, HAUL_ROLE_DRAFTS, "INBOX/Drafts", true, false, false},
        {{"Spam"}, HAUL_ROLE_JUNK, "a=2Fb", true, false, false}, /* escaped already */
        {{"Archive"}, HAUL_ROLE_ARCHIVE, "Archive", false, false, false},
        {{"Inbox"}, HAUL_ROLE_INBOX, "INBOX", false, false, false},
        {{"INBOX", "inbox"}, HAUL_ROLE_INBOX, "INBOX/=69nbox", false, true, false},
        {{"Work"}, HAUL_ROLE_NONE, "Work", false, false, false},
    };
    haul_auto(haul_map) *map = haul_map_new(&naming, roles, NULL, 0, NULL);
    expect_rows(map, rows, HAUL_COUNT(rows));
}

Test(map_roles, only_the_top_counts)
{
    haul_folders fs = {0};
    haul_mapped to = {0};
    haul_auto(haul_map) *map = haul_map_new(&naming, roles, NULL, 0, NULL);
    haul_folder top = {.id = 0, .parent = HAUL_FOLDER_NONE, .name = "store"};
    haul_folder sent = {.id = 1, .parent = 0, .name = "Sent", .role = HAUL_ROLE_SENT};
    cr_assert(haul_folders_add(&fs, &top) && haul_folders_add(&fs, &sent));
    haul_map_folder(map, &fs, 1, NULL, &to);
    cr_expect_str_eq(to.path.text, "store/Sent");
    cr_expect_not(to.by_role);
    cr_expect_eq(to.path.role, HAUL_ROLE_SENT);
    haul_folders_done(&fs);
}

Test(map_roles, rules_win)
{
    static const haul_map_rule rules[] = {{"Sent", "Outbound"}, {"Trash/Old", "Trash/Older"}};
    static const map_row rows[] = {
        {{"Sent"}, HAUL_ROLE_SENT, "Outbound", false, false, false},
        {{"Sent", "x"}, HAUL_ROLE_SENT, "Outbound/x", false, false, false},
        {{"Sent Items"}, HAUL_ROLE_SENT, "[Gmail]/Sent Mail", true, false, false},
        {{"Trash", "Old"}, HAUL_ROLE_TRASH, "Trash/Older", false, false, false},
        {{"Trash", "New"}, HAUL_ROLE_TRASH, "Trash/New", true, false, false},
    };
    haul_auto(haul_map) *map = haul_map_new(&naming, roles, rules, HAUL_COUNT(rules), NULL);
    expect_rows(map, rows, HAUL_COUNT(rows));
}

Test(map_roles, a_prefix_wins)
{
    static const map_row rows[] = {
        {{"Sent"}, HAUL_ROLE_SENT, "Old/Sent", false, false, false},
        {{"Inbox"}, HAUL_ROLE_INBOX, "Old/INBOX", false, false, false},
    };
    haul_auto(haul_map) *map = haul_map_new(&naming, roles, NULL, 0, "Old");
    expect_rows(map, rows, HAUL_COUNT(rows));
}

Test(map_roles, a_prefix_in_the_inbox)
{
    static const map_row rows[] = {{{"Work"}, HAUL_ROLE_NONE, "INBOX/Old/Work", false, true, false}};
    haul_auto(haul_map) *map = haul_map_new(&naming, NULL, NULL, 0, "inbox/Old");
    haul_mapped to = {0};
    map_row_to(map, &rows[0], &to);
    cr_expect_str_eq(to.path.text, rows[0].target);
}

Test(map_roles, other_folders_get_out_of_the_way)
{
    static const map_row rows[] = {
        {{"TRASH"}, HAUL_ROLE_NONE, "TRASH~2", false, true, false},
        {{"Deleted"}, HAUL_ROLE_TRASH, "Trash", true, false, false},
        {{"Trash"}, HAUL_ROLE_NONE, "Trash", false, false, true},
        {{"[gmail]"}, HAUL_ROLE_NONE, "[gmail]~2", false, true, false},
    };
    haul_auto(haul_map) *map = haul_map_new(&naming, roles, NULL, 0, NULL);
    haul_mapped to = {0};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        map_row_to(map, &rows[i], &to);
        cr_expect_str_eq(to.path.text, rows[i].target, "%s", to.path.text);
        cr_expect_eq(to.known, rows[i].known, "%s", rows[i].path[0]);
    }
}

Test(map_roles, an_earlier_run_decides)
{
    haul_folders fs = {0};
    haul_mapped to = {0};
    haul_auto(haul_map) *map = haul_map_new(&naming, roles, NULL, 0, NULL);
    haul_folder sent = {.id = 0, .parent = HAUL_FOLDER_NONE, .name = "Sent", .role = HAUL_ROLE_SENT};
    cr_assert(haul_folders_add(&fs, &sent));
    haul_map_folder(map, &fs, 0, "Old Sent", &to);
    cr_expect_str_eq(to.path.text, "Old Sent");
    haul_folders_done(&fs);
}
