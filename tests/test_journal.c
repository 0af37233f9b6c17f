/* Version 2 of the journal, an older one brought up, and records that a sink finds at another place or not at all. */
#include "pipe/journal.h"

#include "testing.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static const char id_a[] = "00112233445566778899aabbccddeeff", id_b[] = "ffeeddccbbaa99887766554433221100";
static const uint8_t sha_a[32] = {1}, sha_b[32] = {2}, sha_stored[32] = {3};

static haul_record record(const char *id, const uint8_t *sha, const char *folder, const char *place)
{
    return (haul_record){.id = id,
                         .source = "s",
                         .folder = folder,
                         .place = place,
                         .keywords = "",
                         .sha256 = sha,
                         .size = 7,
                         .canonical = 9,
                         .flags = 3};
}

static haul_journal *open_journal(const char *file, bool read_only)
{
    haul_err e = {0};
    haul_journal *j = NULL;
    cr_assert_eq(haul_journal_open(file, read_only, &j, &e), HAUL_OK, "%s", e.text);
    return j;
}

static void add(haul_journal *j, haul_record r)
{
    haul_err e = {0};
    cr_assert_eq(haul_journal_add(j, &r, &e), HAUL_OK, "%s", e.text);
}

static haul_rc to_lines(void *ctx, const haul_record *r, haul_err *e)
{
    (void)e;
    haul_str_addf(ctx, "%s stored %d canonical %llu\n", r->place, r->stored ? r->stored[0] : 0,
                  (unsigned long long)r->canonical);
    return HAUL_OK;
}

static void expect_lines(haul_journal *j, const char *folder, const char *want)
{
    haul_auto_str lines = {0};
    haul_err e = {0};
    haul_rc rc = folder ? haul_journal_each_in_folder(j, folder, to_lines, &lines, &e)
                        : haul_journal_each(j, to_lines, &lines, &e);
    cr_assert_eq(rc, HAUL_OK, "%s", e.text);
    cr_expect_str_eq(haul_strz(&lines), want);
}

Test(journal2, keeps_what_was_stored_in_place_of_the_source_s_octets)
{
    const char *file = testing_path("journal.db");
    haul_journal *j = open_journal(file, false);
    haul_record repaired = record(id_b, sha_b, "INBOX", "b");
    repaired.stored = sha_stored;
    repaired.canonical = 11;
    add(j, record(id_a, sha_a, "INBOX", "a"));
    add(j, repaired);
    cr_assert_eq(haul_journal_commit(j, NULL), HAUL_OK);
    haul_journal_close(j);
    j = open_journal(file, true);
    expect_lines(j, NULL, "a stored 0 canonical 9\nb stored 3 canonical 11\n");
    expect_lines(j, "INBOX", "a stored 0 canonical 9\nb stored 3 canonical 11\n");
    cr_expect_eq(haul_record_stored(&repaired), sha_stored);
    repaired.stored = NULL;
    cr_expect_eq(haul_record_stored(&repaired), sha_b);
    haul_journal_close(j);
}

/* The journal as version 1 wrote it, with one record. */
static void make_version_1(const char *file)
{
    haul_journal *j = open_journal(file, false);
    add(j, record(id_a, sha_a, "INBOX", "old"));
    cr_assert_eq(haul_journal_set_meta(j, "format", "x", NULL), HAUL_OK);
    cr_assert_eq(haul_journal_commit(j, NULL), HAUL_OK);
    haul_journal_close(j);
    sqlite3 *db = NULL;
    cr_assert_eq(sqlite3_open(file, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db,
                              "ALTER TABLE item DROP COLUMN stored; ALTER TABLE item DROP COLUMN canonical;"
                              "PRAGMA user_version = 1",
                              NULL, NULL, NULL),
                 SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

Test(journal2, reads_version_1_without_changing_it)
{
    const char *file = testing_path("journal.db");
    size_t n = 0, after = 0;
    make_version_1(file);
    char *before = testing_read(file, &n);
    haul_journal *j = open_journal(file, true);
    cr_expect(haul_journal_has_items(j));
    cr_expect_str_eq(haul_journal_meta(j, "format"), "x");
    expect_lines(j, NULL, "old stored 0 canonical 0\n");
    expect_lines(j, "INBOX", "old stored 0 canonical 0\n");
    haul_journal_close(j);
    char *now = testing_read(file, &after);
    cr_expect_eq(n, after);
    cr_expect_eq(memcmp(before, now, n), 0);
    free(before);
    free(now);
}

Test(journal2, brings_version_1_up)
{
    const char *file = testing_path("journal.db");
    haul_err e = {0};
    haul_record found;
    bool seen;
    make_version_1(file);
    for (int run = 0; run < 2; run++) {
        haul_journal *j = open_journal(file, false);
        cr_assert_eq(haul_journal_begin_run(j, true, &e), HAUL_OK, "%s", e.text);
        cr_assert_eq(haul_journal_find(j, id_a, &found, &seen, &e), HAUL_OK, "%s", e.text);
        cr_expect_null(found.stored);
        cr_expect_eq(found.canonical, 0);
        if (!run)
            add(j, record(id_b, sha_b, "INBOX", "new"));
        cr_assert_eq(haul_journal_commit(j, &e), HAUL_OK, "%s", e.text);
        haul_journal_close(j);
    }
    haul_journal *j = open_journal(file, true);
    expect_lines(j, NULL, "old stored 0 canonical 0\nnew stored 0 canonical 9\n");
    haul_journal_close(j);
}

Test(journal2, copies_version_1_for_a_dry_run)
{
    const char *file = testing_path("journal.db");
    haul_journal *j = NULL;
    make_version_1(file);
    cr_assert_eq(haul_journal_open_copy(file, &j, NULL), HAUL_OK);
    add(j, record(id_b, sha_b, "INBOX", "new"));
    expect_lines(j, NULL, "old stored 0 canonical 0\nnew stored 0 canonical 9\n");
    haul_journal_close(j);
    j = open_journal(file, true);
    expect_lines(j, NULL, "old stored 0 canonical 0\n");
    haul_journal_close(j);
}

typedef struct moving {
    haul_journal *j;
    unsigned seen;
} moving;

/* Every third record goes, the one after it moves. */
static haul_rc move_some(void *ctx, const haul_record *r, haul_err *e)
{
    moving *m = ctx;
    unsigned n = m->seen++ % 3;
    haul_auto_str place = {0};
    haul_str_addf(&place, "%s+", r->place);
    if (n == 0)
        return haul_journal_forget(m->j, r->row, e);
    return n == 1 ? haul_journal_move(m->j, r->row, place.p, e) : HAUL_OK;
}

Test(journal2, records_of_a_folder_move_and_go)
{
    haul_journal *j = open_journal(testing_path("journal.db"), false);
    char place[8] = "p0", id[33];
    haul_err e = {0};
    memcpy(id, id_a, sizeof(id));
    for (int i = 0; i < 12; i++) { /* two folders by turns */
        place[1] = (char)('a' + i);
        id[0] = "0123456789abcdef"[i];
        add(j, record(id, sha_a, i % 2 ? "Other" : "INBOX", place));
    }
    moving m = {.j = j};
    cr_assert_eq(haul_journal_each_in_folder(j, "INBOX", move_some, &m, &e), HAUL_OK, "%s", e.text);
    cr_expect_eq(m.seen, 6);
    expect_lines(j, "INBOX",
                 "pc+ stored 0 canonical 9\npe stored 0 canonical 9\npi+ stored 0 canonical 9\n"
                 "pk stored 0 canonical 9\n");
    expect_lines(j, "Nowhere", "");
    cr_assert_eq(haul_journal_commit(j, &e), HAUL_OK, "%s", e.text);
    haul_journal_close(j);
}
