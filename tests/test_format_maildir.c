#include "maildir.h"
#include "testing_sink.h"
#include "testing_text.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const haul_format *maildir(void)
{
    return haul_format_find("maildir");
}

/* ── names ── */

Test(maildir_name, info_suffixes_and_fields)
{
    static const struct {
        const char *name, *base, *letters, *unique;
        long size; /* -1 = none */
    } rows[] = {
        {"1.2.h:2,FS", "1.2.h", "FS", "1.2.h", -1},
        {"1.2.h:2,", "1.2.h", "", "1.2.h", -1},
        {"1.2.h", "1.2.h", "", "1.2.h", -1},
        {"1.2.h;2,S", "1.2.h", "S", "1.2.h", -1},
        {"1.2.h!2,RS", "1.2.h", "RS", "1.2.h", -1},
        {"1.2.h-2,T", "1.2.h", "T", "1.2.h", -1},
        {"1.2.h%3A2%2CS", "1.2.h", "S", "1.2.h", -1},
        {"1.2.h_2,FS", "1.2.h", "FS", "1.2.h", -1},
        {"1.2.h\uf0222,FS", "1.2.h", "FS", "1.2.h", -1},
        {"1.2.h\uf03a2,S", "1.2.h", "S", "1.2.h", -1},
        {"1.2.h%3a2,S", "1.2.h", "S", "1.2.h", -1},
        {"1.2.mail-2,S=10,W=12:2,S", "1.2.mail-2,S=10,W=12", "S", "1.2.mail-2,S=10,W=12", 10},
        {"1.2.mail-2,S=10", "1.2.mail-2,S=10", "", "1.2.mail-2,S=10", 10},
        {"1.h,U=7,FMD5=x:2,S", "1.h,U=7,FMD5=x", "S", "1.h,FMD5=x", -1},
        {"1.h,U=7:2,", "1.h,U=7", "", "1.h", -1},
        {"1.h,S=abc:2,", "1.h,S=abc", "", "1.h,S=abc", -1},
        {"1.h,S=99999999999999999999:2,", "1.h,S=99999999999999999999", "", "1.h,S=99999999999999999999", -1},
        {"1.h:1,x", "1.h:1,x", "", "1.h:1,x", -1},
        {"a:2,S:2,F", "a:2,S", "F", "a:2,S", -1},
        {":2,S", "", "S", "", -1},
        {"", "", "", "", -1},
        {",", ",", "", ",", -1},
        {",U=", ",U=", "", ",U=", -1},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_maildir_name n;
        haul_auto_str unique = {0};
        haul_maildir_name_parse(rows[i].name, &n);
        haul_maildir_unique(&n, &unique);
        cr_expect(n.base.len == strlen(rows[i].base) && memcmp(n.base.p, rows[i].base, n.base.len) == 0,
                  "%s: base", rows[i].name);
        cr_expect(n.letters.len == strlen(rows[i].letters), "%s: letters", rows[i].name);
        cr_expect_eq(n.letters.len ? memcmp(n.letters.p, rows[i].letters, n.letters.len) : 0, 0);
        cr_expect_str_eq(haul_strz(&unique), rows[i].unique);
        cr_expect_eq(n.has_size ? (long)n.size : -1, rows[i].size, "%s: size", rows[i].name);
    }
}

Test(maildir_name, letters_become_flags_and_keywords)
{
    haul_letters l = {0};
    static const char file[] =
        "0 $Forwarded\n1 Work\n2 NonJunk\n25 $Junk\n26 Beyond\nnonsense\n1 Second\n3 Gr&APYA3w-e\n";
    haul_letters_parse(&l, file, sizeof(file) - 1);
    static const struct {
        const char *name, *flags, *keywords;
        unsigned unnamed, unknown;
    } rows[] = {
        {"x:2,DFPRST", "seen answered flagged draft deleted forwarded", "", 0, 0},
        {"x:2,Sb", "seen", "Work ", 0, 0},
        {"x:2,acz", "forwarded junk notjunk", "", 0, 0},
        {"x:2,k", "", "k ", 1, 0},
        {"x:2,SX", "seen", "", 0, 1},
        {"x:2,SZ", "seen", "", 0, 0},
        {"x:2,bb", "", "Work ", 0, 0},
        {"x", "", "", 0, 0},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_msg *m = haul_msg_new();
        haul_maildir_name n;
        haul_auto_str flags = {0}, keywords = {0};
        haul_maildir_name_parse(rows[i].name, &n);
        haul_maildir_flags(m, &n, &l);
        haul_flags_text(m->flags, &flags);
        for (size_t k = 0; k < m->n_keywords; k++)
            haul_str_addf(&keywords, "%s ", m->keywords[k]);
        cr_expect_str_eq(haul_strz(&flags), rows[i].flags, "%s", rows[i].name);
        cr_expect_str_eq(haul_strz(&keywords), rows[i].keywords, "%s", rows[i].name);
        cr_expect_eq(haul_msg_has_issue(m, HAUL_ISSUE_MAILDIR_KEYWORD_UNNAMED), rows[i].unnamed);
        cr_expect_eq(haul_msg_has_issue(m, HAUL_ISSUE_MAILDIR_FLAG_UNKNOWN), rows[i].unknown);
        cr_expect(m->set & HAUL_SET_FLAGS);
        haul_msg_unref(m);
    }
    haul_letters_done(&l);
}

Test(maildir_name, keywords_as_atoms)
{
    static const struct {
        const char *keyword, *atom;
        bool exact;
    } rows[] = {
        {"Work", "Work", true},
        {"$Label1", "$Label1", true},
        {"R&D", "R&-D", true},
        {"two words", "two_words", false},
        {"a(b)", "a_b_", false},
        {"Gr\xc3\xb6\xc3\x9f"
         "e",
         "Gr&APYA3w-e", true},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str atom = {0};
        cr_expect_eq(haul_maildir_atom(rows[i].keyword, &atom), rows[i].exact, "%s", rows[i].keyword);
        cr_expect_str_eq(haul_strz(&atom), rows[i].atom);
    }
}

Test(maildir_name, letters_are_appended_and_run_out)
{
    haul_letters l = {0};
    bool is_new;
    haul_letters_parse(&l, "0 a\n5 f\n", 8);
    cr_expect_eq(haul_letters_put(&l, "F", &is_new), 5);
    cr_expect_not(is_new);
    cr_expect_eq(haul_letters_put(&l, "next", &is_new), 6);
    cr_expect(is_new);
    for (int i = 7; i < 26; i++) {
        char name[16];
        snprintf(name, sizeof(name), "k%d", i);
        cr_expect_eq(haul_letters_put(&l, name, &is_new), i);
    }
    cr_expect_eq(haul_letters_put(&l, "gap", &is_new), 1);
    for (int i = 2; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof(name), "k%d", i);
        cr_expect_eq(haul_letters_put(&l, name, &is_new), i);
    }
    cr_expect_eq(haul_letters_put(&l, "full", &is_new), -1);
    haul_letters_done(&l);
}

/* ── reading ── */

Test(maildir_read, maildir_plus_plus_with_all_kinds_of_names)
{
    put(testing_path("plus/cur/1.h,S=76:2,FS"), MESSAGE, 1000000001);
    put(testing_path("plus/new/2.h"), MESSAGE, 1000000002);
    put(testing_path("plus/cur/3.h,S=5:2,"), MESSAGE, 1000000003);
    put(testing_path("plus/tmp/4.h"), MESSAGE, 1);
    put(testing_path("plus/cur/.hidden"), MESSAGE, 1);
    put(testing_path("plus/.Sent/cur/5.h:2,S"), MESSAGE, 1000000005);
    put(testing_path("plus/.Sent.2019/cur/6.h:2,S"), MESSAGE, 1000000006);
    put(testing_path("plus/.&AMQ-pfel/cur/7.h%%3A2%%2CR"), MESSAGE, 1000000007);
    put(testing_path("plus/.a\\2eb/cur/8.h:2,"), MESSAGE, 1000000008);
    put(testing_path("plus/.caf\xe9/cur/9.h:2,"), MESSAGE, 1000000009);
    put(testing_path("plus/..Odd/cur/10.h:2,"), MESSAGE, 1000000010);
    put(testing_path("plus/.INBOX.Sub/cur/11.h:2,"), MESSAGE, 1000000011);
    put(testing_path("plus/.INBOX/cur/12.h:2,"), MESSAGE, 1000000012);
    put(testing_path("plus/.Empty/maildirfolder"), "", 1);
    put(testing_path("plus/.Bare/.gitkeep"), "", 1);
    put(testing_path("plus/.mailhaul/journal.db"), "x", 1);
    put(testing_path("plus/subscriptions"), "Sent\n", 1);
    put(testing_path("plus/notes.txt"), "x", 1);
    put(testing_path("plus/Nested/cur/13.h:2,"), MESSAGE, 1000000013);
    put(testing_path("plus/Nested/.Deep/new/14.h"), MESSAGE, 1000000014);
    char *d = testing_dump(maildir(), testing_path("plus"), NULL);
    has(d, "F INBOX inbox\n");
    has(d, "M INBOX 1.h,S=76 flags=seen,flagged kw=- received=2001-09-09T01:46:41Z");
    has(d, "M INBOX 2.h flags=- ");
    has(d, "M INBOX 3.h,S=5 ");
    cr_expect_eq(count(d, "maildir.size-wrong"), 1, "%s", d);
    has(d, "F Sent sent\n");
    has(d, "M Sent/2019 .Sent.2019/6.h flags=seen");
    has(d, "M \xc3\x84pfel .&AMQ-pfel/7.h flags=answered");
    has(d, "M a.b .a\\2eb/8.h");
    has(d, "M caf\xc3\xa9 .caf\xe9/9.h");
    has(d, "I folder.name-guessed caf\xc3\xa9\n");
    has(d, "M .Odd ..Odd/10.h");
    has(d, "M INBOX/Sub .INBOX.Sub/11.h");
    has(d, "M INBOX .INBOX/12.h");
    has(d, "F Empty");
    has(d, "F Bare");
    has(d, "M Nested Nested/13.h");
    has(d, "M Nested/Deep Nested/.Deep/14.h");
    has(d, "I source.entry-skipped tmp: 1 unfinished deliveries\n");
    has(d, "I source.entry-skipped notes.txt: not in cur or new\n");
    has_not(d, "hidden");
    has_not(d, "mailhaul");
    has_not(d, "subscriptions");
    cr_expect_eq(count(d, "\nM "), 13, "%s", d);
    free(d);
}

Test(maildir_read, a_directory_of_maildirs_and_an_archive_of_one)
{
    put(testing_path("many/alice/cur/1:2,S"), MESSAGE, 1000000001);
    put(testing_path("many/alice/.Sent/cur/2:2,S"), MESSAGE, 1000000002);
    put(testing_path("many/bob/new/3"), MESSAGE, 1000000003);
    put(testing_path("many/tmp/cur/4"), MESSAGE, 1000000004);
    char *d = testing_dump(maildir(), testing_path("many"), NULL);
    has(d, "M alice alice/1 ");
    has(d, "M alice/Sent alice/.Sent/2 ");
    has(d, "M bob bob/3 ");
    has(d, "M tmp tmp/4 ");
    has_not(d, "INBOX");
    free(d);
    put(testing_path("one/Maildir/cur/1:2,S"), MESSAGE, 1000000001);
    put(testing_path("one/Maildir/.Trash/cur/2:2,S"), MESSAGE, 1000000002);
    d = testing_dump(maildir(), testing_path("one"), NULL);
    has(d, "M INBOX Maildir/1 ");
    has(d, "F Trash trash\n");
    free(d);
}

Test(maildir_read, keywords_of_dovecot_and_courier)
{
    put(testing_path("kw/cur/1:2,Sab"), MESSAGE, 1000000001);
    put(testing_path("kw/dovecot-keywords"), "0 Work\n1 $MDNSent\n", 1);
    put(testing_path("kw/.C/cur/2.h,S=76:2,S"), MESSAGE, 1000000002);
    put(testing_path("kw/.C/cur/3.h:2,"), MESSAGE, 1000000003);
    put(testing_path("kw/.C/cur/4.h:2,"), MESSAGE, 1000000004);
    put(testing_path("kw/.C/courierimapkeywords/:list"),
        "Red\nNonJunk\n\n2.h,S=76:0 1\n3.h:0 7 x\nbad line\n:0\n", 1);
    put(testing_path("kw/.C/courierimapkeywords/3.h"), "Blue\n", 1);
    put(testing_path("kw/.C/courierimapkeywords/.99.4.h"), "Old\nGreen\n", 1);
    char *d = testing_dump(maildir(), testing_path("kw"), NULL);
    has(d, "M INBOX 1 flags=seen,mdnsent kw=Work ");
    has(d, ".C/2.h,S=76 flags=seen,notjunk kw=Red ");
    has(d, ".C/3.h flags=- kw=Blue ");
    has(d, ".C/4.h flags=- kw=Old,Green ");
    has_not(d, "courierimapkeywords:");
    free(d);
}

Test(maildir_read, equal_unique_parts_odd_entries_and_long_names)
{
    char name[256];
    memset(name, 'n', 250);
    memcpy(name + 250, ":2,S", 5);
    put(testing_path("odd/cur/1.h:2,S"), MESSAGE, 1000000001);
    put(testing_path("odd/cur/1.h:2,FS"), MESSAGE, 1000000001);
    put(testing_path("odd/new/1.h"), MESSAGE, 1000000001);
    put(testing_path("odd/cur/%s", name), MESSAGE, 1000000001);
    put(testing_path("odd/cur/b\xff\xfe:2,S"), MESSAGE, 1000000001);
    put(testing_path("odd/cur/..2:2,S"), MESSAGE, 1000000001);
    put(testing_path("odd/cur/dir/x"), MESSAGE, 1);
    cr_assert_eq(mkfifo(testing_path("odd/cur/fifo"), 0600), 0);
    cr_assert_eq(symlink("/etc/passwd", testing_path("odd/cur/link")), 0);
    cr_assert_eq(symlink("..", testing_path("odd/.Loop")), 0);
    put(testing_path("odd/cur/empty:2,"), "", 1000000001);
    char *d = testing_dump(maildir(), testing_path("odd"), NULL);
    has(d, "M INBOX 1.h flags=seen,flagged");
    has(d, "M INBOX 1.h#2 flags=seen ");
    has(d, "M INBOX 1.h#3 flags=- ");
    has(d, "I source.entry-skipped cur/dir: a directory\n");
    has(d, "I source.entry-skipped cur/fifo: not a regular file\n");
    has(d, "I source.entry-skipped cur/link: not a regular file\n");
    has(d, "M INBOX empty ");
    has(d, "b\xff\xfe flags=seen");
    cr_expect_eq(count(d, "\nM "), 6, "%s", d);
    free(d);
}

Test(maildir_read, nesting_is_bounded)
{
    haul_auto_str path = {0};
    haul_str_addz(&path, "deep");
    for (int i = 0; i < 70; i++)
        haul_str_addz(&path, "/d");
    put(testing_path("%s/cur/1", path.p), MESSAGE, 1);
    put(testing_path("deep/cur/2"), MESSAGE, 1);
    char *d = testing_dump(maildir(), testing_path("deep"), NULL);
    has(d, "M INBOX 2 ");
    cr_expect(strstr(d, "I folder.depth") || strstr(d, "I source.unreadable"), "%s", d);
    cr_expect_eq(count(d, "\nE "), 0);
    free(d);
}

Test(maildir_read, is_recognised_by_content)
{
    put(testing_path("probe/a/cur/1:2,S"), MESSAGE, 1);
    put(testing_path("probe/b/cur/2:2,S"), MESSAGE, 1);
    cr_assert_eq(mkdir(testing_path("bare"), 0700), 0);
    cr_assert_eq(mkdir(testing_path("bare/new"), 0700), 0);
    static const char *const names[] = {"probe", "probe/a", "bare"};
    for (size_t i = 0; i < HAUL_COUNT(names); i++) {
        haul_auto(haul_tree) *t = NULL;
        const haul_format *f = NULL;
        cr_assert_eq(haul_tree_open(testing_path("%s", names[i]), &t, NULL), HAUL_OK);
        cr_expect_eq(haul_format_detect(t, &f, NULL), HAUL_OK);
        cr_expect_eq(f, maildir(), "%s is %s", names[i], f ? f->name : "nothing");
    }
}

static void ignore(void *c, haul_issue_id id, const char *detail)
{
    (void)c;
    (void)id;
    (void)detail;
}

/* Flags changed while we read: the file has another name when its turn comes. */
Test(maildir_read, a_renamed_file_is_found_again)
{
    put(testing_path("race/cur/1.h:2,"), MESSAGE, 1000000001);
    put(testing_path("race/cur/2.h:2,"), MESSAGE, 1000000002);
    put(testing_path("race/cur/3.h:2,"), MESSAGE, 1000000003);
    haul_auto(haul_tree) *t = NULL;
    haul_reader r;
    haul_item it = {.msg = haul_msg_new()};
    haul_err e = {0};
    cr_assert_eq(haul_tree_open(testing_path("race"), &t, &e), HAUL_OK);
    cr_assert_eq(haul_reader_open(&r, maildir(), t, NULL, ignore, NULL, &e), HAUL_OK);
    cr_assert_eq(r.ops->next(&r, &it, &e), HAUL_OK); /* the folder */
    haul_msg_reset(it.msg);
    cr_assert_eq(r.ops->next(&r, &it, &e), HAUL_OK);
    cr_assert_eq(rename(testing_path("race/cur/2.h:2,"), testing_path("race/cur/2.h:2,RS")), 0);
    cr_assert_eq(unlink(testing_path("race/cur/3.h:2,")), 0);
    haul_msg_reset(it.msg);
    cr_expect_eq(r.ops->next(&r, &it, &e), HAUL_OK);
    cr_expect_str_eq(it.msg->key, "2.h");
    cr_expect_eq(it.msg->flags, HAUL_FLAG_SEEN | HAUL_FLAG_ANSWERED);
    haul_msg_reset(it.msg);
    cr_expect_eq(r.ops->next(&r, &it, &e), HAUL_SKIP);
    cr_expect_str_eq(it.msg->key, "3.h");
    haul_msg_reset(it.msg);
    cr_expect_eq(r.ops->next(&r, &it, &e), HAUL_END);
    haul_reader_close(&r);
    haul_msg_unref(it.msg);
}

/* ── writing ── */

static char *listing(const char *dir)
{
    haul_str all = {0};
    struct dirent **v;
    int n = scandir(dir, &v, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (strcmp(v[i]->d_name, ".") != 0 && strcmp(v[i]->d_name, "..") != 0)
            haul_str_addf(&all, "%s\n", v[i]->d_name);
        free(v[i]);
    }
    if (n >= 0)
        free(v);
    return all.p ? all.p : haul_strdup("");
}

#define LIST_IS(dir, text)                                                                                   \
    do {                                                                                                     \
        char *l_ = listing(testing_path(dir));                                                               \
        cr_expect_str_eq(l_, text, "%s", dir);                                                               \
        free(l_);                                                                                            \
    } while (0)

Test(maildir_write, names_flags_keywords_and_files)
{
    sink_test t;
    cr_assert_eq(sink_test_open(&t, &haul_maildir_sink, NULL, testing_path("out"), NULL), HAUL_OK);
    cr_assert_eq(sink_test_folder(&t, 0, "INBOX"), HAUL_OK);
    cr_assert_eq(sink_test_folder(&t, 1, "Sent/\xc3\x84pfel"), HAUL_OK);
    haul_msg *m = sink_test_message(&t, "A: b\r\n\r\nx\r\n", INT64_C(1000000000500000));
    m->flags = HAUL_FLAG_ALL;
    haul_msg_keyword(m, "Work", 4);
    cr_assert_eq(sink_test_store(&t, 0, m), HAUL_OK);
    cr_assert_eq(sink_test_store(&t, 1, sink_test_message(&t, "A: b\n\nmixed\r\n", -1500000)), HAUL_OK);
    cr_assert_eq(sink_test_store(&t, 1, sink_test_message(&t, "A: b\r\r\n\r\n", INT64_C(2000000000))),
                 HAUL_OK);
    cr_assert_eq(sink_test_commit(&t), HAUL_OK);
    LIST_IS("out", ".Sent.&AMQ-pfel\ncur\ndovecot-keywords\nnew\nsubscriptions\ntmp\n");
    LIST_IS("out/cur", "1000000000.000000000123456789ab.mailhaul,S=8,W=11:2,DFPRSTabcde\n");
    LIST_IS("out/.Sent.&AMQ-pfel", "cur\nmaildirfolder\nnew\ntmp\n");
    LIST_IS("out/.Sent.&AMQ-pfel/cur", "-2.000000010123456789ab.mailhaul,S=12,W=15:2,\n"
                                       "2000.000000020123456789ab.mailhaul,S=9,W=9:2,\n");
    LIST_IS("out/tmp", "");
    has(t.log.p, "issue msg.eol-mixed");
    has(t.log.p, "issue msg.eol-kept");
    has(t.log.p, "stored INBOX/1000000000.000000000123456789ab.mailhaul,S=8,W=11\n");
    has(t.log.p, "stored Sent/\xc3\x84pfel/2000.");
    char *keywords = testing_read(testing_path("out/dovecot-keywords"), NULL);
    cr_expect_str_eq(keywords, "0 $Forwarded\n1 $Junk\n2 $NotJunk\n3 $MDNSent\n4 Work\n");
    free(keywords);
    char *subscriptions = testing_read(testing_path("out/subscriptions"), NULL);
    cr_expect_str_eq(subscriptions, "INBOX\nSent.&AMQ-pfel\n");
    free(subscriptions);
    struct stat st;
    cr_assert_eq(
        stat(testing_path("out/cur/1000000000.000000000123456789ab.mailhaul,S=8,W=11:2,DFPRSTabcde"), &st),
        0);
    cr_expect_eq(st.st_mtim.tv_sec, 1000000000);
    cr_expect_eq(st.st_mtim.tv_nsec, 500000000);
    cr_expect_eq(st.st_size, 8);
    sink_test_close(&t);
    char *d = testing_dump(maildir(), testing_path("out"), NULL);
    has(d, "M INBOX 1000000000.000000000123456789ab.mailhaul,S=8,W=11 "
           "flags=seen,answered,flagged,draft,deleted,forwarded,junk,notjunk,mdnsent kw=Work "
           "received=2001-09-09T01:46:40Z");
    has(d, "received=1969-12-31T23:59:58Z");
    has_not(d, "size-wrong");
    free(d);
}

Test(maildir_write, nested_layout_and_utf8)
{
    sink_test t;
    haul_auto(haul_values) *v = haul_values_new();
    haul_values_set(v, "maildir-layout", "fs");
    haul_values_set(v, "maildir-names", "utf8");
    cr_assert_eq(sink_test_open(&t, &haul_maildir_sink, v, testing_path("fs"), NULL), HAUL_OK);
    cr_assert_eq(sink_test_folder(&t, 3, "A/\xc3\x84"), HAUL_OK);
    cr_assert_eq(sink_test_folder(&t, 3, "A/\xc3\x84"), HAUL_OK);
    cr_assert_eq(sink_test_store(&t, 3, sink_test_message(&t, MESSAGE, 1)), HAUL_OK);
    cr_expect_lt(sink_test_store(&t, 0, sink_test_message(&t, MESSAGE, 1)), 0);
    cr_assert_eq(sink_test_commit(&t), HAUL_OK);
    cr_expect_str_eq(haul_tokens_get(t.tokens, "layout"), "fs");
    LIST_IS("fs", "A\nsubscriptions\n");
    LIST_IS("fs/A", "\xc3\x84\n");
    LIST_IS("fs/A/\xc3\x84", "cur\nnew\ntmp\n");
    sink_test_close(&t);
    haul_auto(haul_tokens) *resume = haul_tokens_new();
    haul_tokens_put(resume, "layout", "fs");
    cr_expect_eq(sink_test_open(&t, &haul_maildir_sink, NULL, testing_path("fs"), resume), HAUL_E_USAGE);
    sink_test_close(&t);
}

Test(maildir_write, a_killed_run_leaves_nothing_twice)
{
    sink_test t;
    cr_assert_eq(sink_test_open(&t, &haul_maildir_sink, NULL, testing_path("again"), NULL), HAUL_OK);
    cr_assert_eq(sink_test_folder(&t, 0, "INBOX"), HAUL_OK);
    cr_assert_eq(sink_test_store(&t, 0, sink_test_message(&t, MESSAGE, INT64_C(5000000))), HAUL_OK);
    sink_test_close(&t); /* no commit */
    testing_write(testing_path("again/tmp/5.00.mailhaul,S=1,W=1"), "x", 1);
    testing_write(testing_path("again/tmp/other"), "x", 1);
    cr_assert_eq(sink_test_open(&t, &haul_maildir_sink, NULL, testing_path("again"), NULL), HAUL_OK);
    cr_assert_eq(sink_test_folder(&t, 0, "INBOX"), HAUL_OK);
    haul_msg *m = sink_test_message(&t, MESSAGE, INT64_C(5000000));
    m->flags = HAUL_FLAG_SEEN;
    cr_assert_eq(sink_test_store(&t, 0, m), HAUL_OK);
    LIST_IS("again/cur", "5.000000000123456789ab.mailhaul,S=76,W=81:2,S\n");
    LIST_IS("again/tmp", "other\n");
    sink_test_close(&t);
}

Test(maildir_write, merging_keeps_letters_and_subscriptions)
{
    static const char old[] = "0 Old\n1 Work\n";
    sink_test t;
    testing_write(testing_path("merge/.W/dovecot-keywords"), old, sizeof(old) - 1);
    testing_write(testing_path("merge/subscriptions"), "V\t2\n\nOld\n", 9);
    cr_assert_eq(sink_test_open(&t, &haul_maildir_sink, NULL, testing_path("merge"), NULL), HAUL_OK);
    cr_assert_eq(sink_test_folder(&t, 0, "W"), HAUL_OK);
    cr_assert_eq(sink_test_folder(&t, 1, "W/sub"), HAUL_OK);
    haul_msg *m = sink_test_message(&t, MESSAGE, INT64_C(5000000));
    haul_msg_keyword(m, "New", 3);
    haul_msg_keyword(m, "work", 4);
    cr_assert_eq(sink_test_store(&t, 0, m), HAUL_OK);
    cr_assert_eq(sink_test_commit(&t), HAUL_OK);
    has(t.log.p, "issue keyword.name-changed work");
    LIST_IS("merge/.W/cur", "5.000000000123456789ab.mailhaul,S=76,W=81:2,bc\n");
    char *text = testing_read(testing_path("merge/.W/dovecot-keywords"), NULL);
    cr_expect_str_eq(text, "0 Old\n1 Work\n2 New\n");
    free(text);
    text = testing_read(testing_path("merge/subscriptions"), NULL);
    cr_expect_str_eq(text, "V\t2\n\nOld\nW\nW\tsub\n");
    free(text);
    sink_test_close(&t);
}

Test(maildir_write, too_many_keywords_and_too_long_names)
{
    sink_test t;
    haul_auto_str path = {0};
    for (int i = 0; i < 5; i++) {
        haul_str_addz(&path, i ? "/" : "");
        for (int k = 0; k < 80; k++)
            haul_str_addc(&path, (char)('a' + i));
    }
    cr_assert_eq(sink_test_open(&t, &haul_maildir_sink, NULL, testing_path("much"), NULL), HAUL_OK);
    cr_assert_eq(sink_test_folder(&t, 0, path.p), HAUL_OK);
    has(t.log.p, "issue folder.name-shortened");
    for (int i = 0; i < 30; i++) {
        haul_msg *m = sink_test_message(&t, MESSAGE, INT64_C(5000000) * (i + 1));
        char name[16];
        snprintf(name, sizeof(name), "key%d", i);
        haul_msg_keyword(m, name, strlen(name));
        cr_assert_eq(sink_test_store(&t, 0, m), HAUL_OK);
    }
    cr_assert_eq(sink_test_commit(&t), HAUL_OK);
    cr_expect_eq(count(t.log.p, "maildir.keywords-full"), 4);
    char *place = strstr(t.log.p, "stored ");
    cr_assert(place);
    sink_test_close(&t);
    char *d = testing_dump(maildir(), testing_path("much"), NULL);
    cr_expect_eq(count(d, "\nM "), 30);
    cr_expect_eq(count(d, "kw=key"), 26);
    free(d);
}

/* ── files that nobody here wrote ── */

Test(maildir_corpus, both_messages_and_all_folders)
{
    const char *path = HAUL_CORPUS "/maildir/staktrace__maildir__testdata";
    if (access(path, F_OK) != 0)
        return;
    char *d = testing_dump(maildir(), HAUL_CORPUS "/maildir/staktrace__maildir__testdata/maildir", NULL);
    cr_expect_eq(count(d, "\nM "), 2, "%s", d);
    has(d, "1463868505.38518452d49213cb409aa1db32f53184 flags=seen");
    free(d);
    d = testing_dump(maildir(), HAUL_CORPUS "/maildir/staktrace__maildir__testdata/submaildirs", NULL);
    has(d, "F Subdir1");
    has(d, "F Subdir2");
    has(d, "F .Subdir3");
    free(d);
}
