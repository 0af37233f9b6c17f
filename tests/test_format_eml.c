#include "eml.h"
#include "pipe/job.h"
#include "testing_sink.h"
#include "testing_text.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLIST(content)                                                                                       \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "    \
    "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n" content         \
    "</dict>\n</plist>\n"

static const haul_format *eml(void)
{
    return haul_format_find("eml");
}

/* ── small parsers ── */

Test(eml_names, slugs)
{
    static const struct {
        const char *subject, *slug;
    } rows[] = {
        {"Hello, world!", "Hello-world"},
        {"  ../../etc/passwd  ", "etc-passwd"},
        {"Gr\xc3\xbc\xc3\x9f"
         "e \xe2\x80\x94 5 \xe2\x82\xac",
         "Gr\xc3\xbc\xc3\x9f"
         "e-5"},
        {"\xe6\x97\xa5\xe6\x9c\xac\xe3\x80\x81\xe8\xaa\x9e", "\xe6\x97\xa5\xe6\x9c\xac-\xe8\xaa\x9e"},
        {"\xf0\x9f\x98\x80", ""},
        {"a\xe2\x80\xae"
         "fdp.exe",
         "a-fdp-exe"},
        {"...", ""},
        {NULL, ""},
        {"CON", "CON"},
        {"123456789 123456789 123456789 123456789 123456789 123456789 tail",
         "123456789-123456789-123456789-123456789-123456789-123456789"},
        {"x23456789012345678901234567890123456789012345678901234567\xc3\xa4\xc3\xa4",
         "x23456789012345678901234567890123456789012345678901234567\xc3\xa4"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str slug = {0};
        haul_eml_slug(rows[i].subject, &slug);
        cr_expect_str_eq(haul_strz(&slug), rows[i].slug);
        cr_expect_leq(slug.len, HAUL_EML_SLUG_MAX);
    }
}

Test(eml_names, own_names_tell_their_time)
{
    static const struct {
        const char *name;
        bool own, known;
        int64_t us;
    } rows[] = {
        {"20010909T014640Z-0123456789abcdef-x.eml", true, true, INT64_C(1000000000000000)},
        {"20010909T014640Z-0123456789abcdef.eml", true, true, INT64_C(1000000000000000)},
        {"19691231T235958Z-0123456789abcdef.eml", true, true, INT64_C(-2000000)},
        {"00000000T000000Z-0123456789abcdef.eml", true, false, 0},
        {"20011309T014640Z-0123456789abcdef.eml", false, false, 0},
        {"20010909T014640Z-0123456789abcdeg.eml", false, false, 0},
        {"20010909T014640Z-0123456789abcdefx.eml", false, false, 0},
        {"2001 909T014640Z-0123456789abcdef.eml", false, false, 0},
        {"hello.eml", false, false, 0},
        {"", false, false, 0},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        bool known = false;
        int64_t us = 0;
        cr_expect_eq(haul_eml_name_time(rows[i].name, &known, &us), rows[i].own, "%s", rows[i].name);
        if (rows[i].own) {
            cr_expect_eq(known, rows[i].known);
            cr_expect_eq(us, rows[i].us);
        }
    }
}

Test(eml_names, what_begins_like_a_message)
{
    static const struct {
        const char *text;
        bool enough;
    } rows[] = {
        {MESSAGE, true},
        {"Content-Type: text/plain\n\nx", true},
        {"Received: from x\n by y\nFrom: z\n", true},
        {"Note: this is a README\n\nFrom: here\n", false},
        {"http://example.org/\n", false},
        {"Subject matters\nFrom: a\n", false},
        {"", false},
        {"\x7f"
         "ELF",
         false},
        {"From: only one field, then prose\nwithout any colon\n", false},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        cr_expect_eq(haul_eml_score(rows[i].text, strlen(rows[i].text)) >= HAUL_EML_ENOUGH, rows[i].enough,
                     "%s", rows[i].text);
}

Test(emlx, counts_flags_and_dates)
{
    static const struct {
        const char *text;
        size_t start, len;
        bool wrong, plist, has_flags;
        unsigned flags;
        int64_t received;
    } rows[] = {
        {"5\nA: b\n" PLIST("<key>flags</key><integer>1</integer>"), 2, 5, false, true, true, HAUL_FLAG_SEEN,
         0},
        {"5         \nA: b\n" PLIST(
             "<key>flags</key>\n<integer>343</integer>\n<key>date-received</key><real>1000000000.5</real>"),
         11, 5, false, true, true,
         HAUL_FLAG_SEEN | HAUL_FLAG_DELETED | HAUL_FLAG_ANSWERED | HAUL_FLAG_FLAGGED | HAUL_FLAG_DRAFT |
             HAUL_FLAG_FORWARDED,
         INT64_C(1000000000000000)},
        {"5\nA: b\n" PLIST("<key>flags</key><integer>50331648</integer>"), 2, 5, false, true, true,
         HAUL_FLAG_JUNK | HAUL_FLAG_NOTJUNK, 0},
        {"9\nA: b\n" PLIST(""), 2, 5, true, true, false, 0, 0},
        {"99999\nA: b\n" PLIST(""), 6, 5, true, true, false, 0, 0},
        {"5\nA: b\n", 2, 5, false, false, false, 0, 0},
        {"5\nA: b\n<?xml version=\"1.0\"?><plist><dict>", 2, 5, false, false, false, 0, 0},
        {"no number\nat all", 0, 16, true, false, false, 0, 0},
        {"", 0, 0, true, false, false, 0, 0},
        {"0\n", 2, 0, false, false, false, 0, 0},
        {"5\nA: b\n" PLIST("<key>flags</key><integer>-1</integer><key>date-received</"
                           "key><integer>99999999999999</integer>"),
         2, 5, false, true, false, 0, 0},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_emlx x;
        haul_emlx_parse(rows[i].text, strlen(rows[i].text), &x);
        cr_expect_eq(x.start, rows[i].start, "row %zu", i);
        cr_expect_eq(x.len, rows[i].len, "row %zu: %zu", i, x.len);
        cr_expect_eq(x.length_wrong, rows[i].wrong, "row %zu", i);
        cr_expect_eq(x.has_plist, rows[i].plist, "row %zu", i);
        cr_expect_eq(x.has_flags, rows[i].has_flags, "row %zu", i);
        cr_expect_eq(x.flags, rows[i].flags, "row %zu: %x", i, x.flags);
        cr_expect_eq(x.received_us, rows[i].received, "row %zu", i);
    }
}

Test(emlx, entities_are_not_expanded_and_nothing_is_fetched)
{
    static const char text[] =
        "5\nA: b\n<?xml version=\"1.0\"?>\n<!DOCTYPE plist [<!ENTITY f SYSTEM \"file:///etc/passwd\">"
        "<!ENTITY n \"1\">]>\n<plist><dict><key>flags</key><integer>&n;</integer>"
        "<key>date-received</key><integer>&f;</integer></dict></plist>\n";
    haul_emlx x;
    haul_emlx_parse(text, sizeof(text) - 1, &x);
    cr_expect_eq(x.len, 5);
    cr_expect_not(x.has_flags);
    cr_expect_not(x.has_received);
}

/* Every truncation of a good file gives a message within it. */
Test(emlx, truncations_stay_inside)
{
    static const char text[] = "5\nA: b\n" PLIST("<key>flags</key><integer>1</integer>");
    for (size_t n = 0; n < sizeof(text); n++) {
        char *copy = haul_alloc(n + 1); /* exact size: asan sees every octet too far */
        memcpy(copy, text, n);
        char *exact = haul_realloc(copy, n ? n : 1);
        haul_emlx x;
        haul_emlx_parse(exact, n, &x);
        cr_expect_leq(x.start + x.len, n);
        free(exact);
    }
}

Test(mh, sequences)
{
    static const char text[] =
        "cur: 3\nunseen: 1-2 7\nflagged: 2 4-6 5-9\nreplied: 7-3 x 1\nmy list: 2\nbad\n: 1\npseq: 1\n"
        "huge: 0-99999999999999999\nforwarded:8";
    static const struct {
        uint64_t number;
        const char *flags, *keywords;
    } rows[] = {
        {1, "answered", "huge "},
        {2, "flagged", "my list huge "},
        {3, "seen", "huge "},
        {7, "flagged", "huge "},
        {9, "seen flagged", "huge "},
        {10, "seen", "huge "},
        {8, "seen flagged forwarded", "huge "},
    };
    haul_mh *mh = haul_mh_parse(text, sizeof(text) - 1);
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_msg *m = haul_msg_new();
        haul_auto_str flags = {0}, keywords = {0};
        haul_mh_apply(mh, rows[i].number, m);
        haul_flags_text(m->flags, &flags);
        for (size_t k = 0; k < m->n_keywords; k++)
            haul_str_addf(&keywords, "%s ", m->keywords[k]);
        cr_expect_str_eq(haul_strz(&flags), rows[i].flags, "%llu", (unsigned long long)rows[i].number);
        cr_expect_str_eq(haul_strz(&keywords), rows[i].keywords, "%llu", (unsigned long long)rows[i].number);
        haul_msg_unref(m);
    }
    haul_mh_free(mh);
}

/* ── reading ── */

Test(eml_read, trees_files_and_what_is_passed_over)
{
    put(testing_path("tree/INBOX/a.eml"), "Received: by x; Tue, 2 Jan 2024 01:00:00 +0100\n" MESSAGE, 5);
    put(testing_path("tree/INBOX/A.EML"), MESSAGE, 5);
    put(testing_path("tree/INBOX/nodate.eml"), "Subject: x\n\n", 1000000000);
    put(testing_path("tree/INBOX/empty.eml"), "", 1000000000);
    put(testing_path("tree/INBOX/prose.eml"), "no header at all\n\nbut text\n", 1000000000);
    put(testing_path("tree/INBOX/plain"), MESSAGE, 5);
    put(testing_path("tree/INBOX/readme.txt"), "Note: hello\n", 5);
    put(testing_path("tree/INBOX/.DS_Store"), "x", 5);
    put(testing_path("tree/INBOX/from.eml"), "From me@here Sun Sep  9 01:46:40 2001\n" MESSAGE, 5);
    put(testing_path("tree/INBOX/status.eml"), "Status: RO\nX-Status: F\n" MESSAGE, 5);
    put(testing_path("tree/Sub%%3Aone/x.eml"), MESSAGE, 5);
    put(testing_path("tree/100%%/y.eml"), MESSAGE, 5);
    put(testing_path("tree/caf\xe9/z\xff.eml"), MESSAGE, 5);
    put(testing_path("tree/..x/hidden.eml"), MESSAGE, 5);
    put(testing_path("tree/top.eml"), MESSAGE, 5);
    cr_assert_eq(mkdir(testing_path("tree/Empty"), 0700), 0);
    cr_assert_eq(mkfifo(testing_path("tree/pipe.eml"), 0600), 0);
    cr_assert_eq(symlink(".", testing_path("tree/loop")), 0);
    cr_assert_eq(mkdir(testing_path("tree/dir.eml"), 0700), 0);
    char *d = testing_dump(eml(), testing_path("tree"), NULL);
    has(d, "F INBOX inbox\n");
    has(d, "M INBOX INBOX/a.eml flags=- kw=- received=2024-01-02T01:00:00+01:00");
    has(d, "M INBOX INBOX/A.EML ");
    has(d, "M INBOX INBOX/nodate.eml flags=- kw=- received=2001-09-09T01:46:40Z");
    has(d, "M INBOX INBOX/empty.eml ");
    has(d, "M INBOX INBOX/prose.eml ");
    has(d, "header.none");
    has(d, "M INBOX INBOX/plain ");
    has(d, "I source.entry-skipped INBOX/readme.txt: does not begin like a message\n");
    has(d, "M INBOX INBOX/from.eml flags=- kw=- received=2001-09-09T01:46:40Z");
    has(d, "eml.from-line");
    has(d, "M INBOX INBOX/status.eml flags=seen,flagged");
    has(d, "M Sub:one Sub%3Aone/x.eml");
    has(d, "M 100% 100%/y.eml");
    has(d, "M caf\xc3\xa9 caf\xe9/z\xff.eml");
    has(d, "M tree top.eml ");
    has(d, "F Empty");
    has(d, "F dir.eml");
    has(d, "I source.entry-skipped pipe.eml: not a regular file\n");
    has(d, "I source.entry-skipped loop: not a regular file\n");
    has(d, "I source.entry-skipped ..x: " HAUL_READER_HIDDEN "\n");
    has_not(d, "hidden");
    has_not(d, "DS_Store");
    cr_expect_eq(count(d, "\nM "), 12, "%s", d);
    free(d);
}

Test(eml_read, a_single_file)
{
    put(testing_path("one.eml"), MESSAGE, 5);
    char *d = testing_dump(eml(), testing_path("one.eml"), NULL);
    has(d, "F INBOX inbox\nM INBOX one.eml ");
    cr_expect_eq(count(d, "\nM "), 1);
    free(d);
    put(testing_path("one.emlx"), "5\nA: b\n" PLIST("<key>flags</key><integer>1</integer>"), 5);
    d = testing_dump(eml(), testing_path("one.emlx"), NULL);
    has(d, "M INBOX one.emlx flags=seen ");
    has(d, "size=5 ");
    free(d);
}

Test(eml_read, apple_mail_bundles)
{
    put(testing_path("apple/Work.mbox/Messages/1.emlx"),
        "5\nA: b\n" PLIST(
            "<key>flags</key><integer>17</integer><key>date-received</key><integer>1000000000</integer>"),
        5);
    put(testing_path("apple/Work.mbox/Child.mbox/Messages/2.partial.emlx"), "5\nA: b\n" PLIST(""), 5);
    put(testing_path("apple/INBOX.mbox/01234567-89AB-CDEF-0123-456789ABCDEF/Data/1/2/Messages/3.emlx"),
        "7\nA: b\n" PLIST(""), 5);
    put(testing_path("apple/INBOX.mbox/Attachments/3/2/photo.jpg"), "x", 5);
    put(testing_path("apple/Sent Messages.mbox/Messages/4.emlx"), "not a count\n", 5);
    put(testing_path("apple/Work/Other.mbox/Messages/5.emlx"), "From x Sun Sep  9 01:46:40 2001\nA: b\n", 5);
    char *d = testing_dump(eml(), testing_path("apple"), NULL);
    has(d, "M Work Work.mbox/Messages/1.emlx flags=seen,flagged kw=- received=2001-09-09T01:46:40Z size=5 ");
    has(d, "M Work/Child Work.mbox/Child.mbox/Messages/2.partial.emlx ");
    has(d, "eml.emlx-partial");
    has(d, "F INBOX inbox\n");
    has(d, "M INBOX INBOX.mbox/01234567-89AB-CDEF-0123-456789ABCDEF/Data/1/2/Messages/3.emlx ");
    has(d, "eml.emlx-length");
    has(d, "F Sent Messages sent\n");
    has(d, "eml.emlx-plist");
    has(d, "M Work/Other ");
    has(d, "I source.entry-skipped INBOX.mbox/Attachments: attachments beside .partial.emlx files\n");
    cr_expect_eq(count(d, "F Work"), 3, "%s", d);
    cr_expect_eq(count(d, "\nM "), 5, "%s", d);
    free(d);
}

Test(eml_read, mh_folders)
{
    put(testing_path("mh/inbox/1"), MESSAGE, 5);
    put(testing_path("mh/inbox/10"), "Status: O\n" MESSAGE, 5);
    put(testing_path("mh/inbox/2"), MESSAGE, 5);
    put(testing_path("mh/inbox/,3"), MESSAGE, 5);
    put(testing_path("mh/inbox/.mh_sequences"), "unseen: 2\nreplied: 10\n", 5);
    put(testing_path("mh/old/1"), MESSAGE, 5);
    put(testing_path("mh/old/2"), "Status: O\n" MESSAGE, 5);
    char *d = testing_dump(eml(), testing_path("mh"), NULL);
    has(d, "M inbox inbox/1 flags=seen ");
    has(d, "M inbox inbox/10 flags=seen,answered ");
    has(d, "M inbox inbox/2 flags=- ");
    has(d, "M old old/1 flags=seen ");
    has(d, "M old old/2 flags=- ");
    free(d);
}

Test(eml_read, long_and_hostile_names)
{
    char name[256];
    memset(name, 'n', 251);
    memcpy(name + 251, ".eml", 5);
    put(testing_path("names/%s", name), MESSAGE, 5);
    put(testing_path("names/new\nline.eml"), MESSAGE, 5);
    put(testing_path("names/%%2F%%00.eml"), MESSAGE, 5);
    put(testing_path("names/%%2E%%2E/x.eml"), MESSAGE, 5);
    char *d = testing_dump(eml(), testing_path("names"), NULL);
    cr_expect_eq(count(d, "M "), 4, "%s", d);
    has_not(d, "\nE ");
    free(d);
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

Test(eml_write, names_times_and_what_is_not_held)
{
    sink_test t;
    cr_assert_eq(sink_test_open(&t, &haul_eml_sink, NULL, testing_path("out"), NULL), HAUL_OK);
    cr_assert_eq(sink_test_folder(&t, 0, "INBOX"), HAUL_OK);
    cr_assert_eq(sink_test_folder(&t, 1, "A/B"), HAUL_OK);
    haul_msg *m = sink_test_message(&t, "Subject: x\r\nStatus: RO\r\n\r\nmixed\n", INT64_C(1000000000500000));
    m->subject = "Re: x/y";
    m->flags = HAUL_FLAG_SEEN | HAUL_FLAG_FLAGGED;
    m->set |= HAUL_SET_FLAGS;
    haul_msg_keyword(m, "Work", 4);
    cr_assert_eq(sink_test_store(&t, 0, m), HAUL_OK);
    cr_assert_eq(sink_test_store(&t, 0, sink_test_message(&t, "From me\nnot a header\n", 0)), HAUL_OK);
    cr_assert_eq(sink_test_commit(&t), HAUL_OK);
    LIST_IS("out", "A\nINBOX\n");
    LIST_IS("out/INBOX",
            "00000000T000000Z-0000000101234567.eml\n20010909T014640Z-0000000001234567-Re-x-y.eml\n");
    LIST_IS("out/A", "B\n");
    has(t.log.p, "issue target.flags-not-held flagged\n");
    has(t.log.p, "issue keyword.not-held Work\n");
    cr_expect_eq(count(t.log.p, "issue "), 2, "%s", t.log.p);
    has(t.log.p, "stored INBOX/20010909T014640Z-0000000001234567-Re-x-y.eml\n");
    size_t n;
    char *text = testing_read(testing_path("out/INBOX/20010909T014640Z-0000000001234567-Re-x-y.eml"), &n);
    cr_expect_str_eq(text, "Subject: x\r\nStatus: RO\r\n\r\nmixed\n");
    free(text);
    sink_test_close(&t);
    char *d = testing_dump(eml(), testing_path("out"), NULL);
    has(d, "M INBOX INBOX/20010909T014640Z-0000000001234567-Re-x-y.eml flags=seen kw=- "
           "received=2001-09-09T01:46:40Z size=32 ");
    has(d, "0000000101234567.eml flags=- kw=- received=- size=21 ");
    has(d, "F A/B");
    has_not(d, "time.guessed");
    has_not(d, "eml.from-line");
    free(d);
}

Test(eml_write, line_ends_and_leftovers)
{
    static const struct {
        const char *eol, *text;
    } rows[] = {{"keep", "A: b\r\n\r\nx\ny"}, {"crlf", "A: b\r\n\r\nx\r\ny"}, {"lf", "A: b\n\nx\ny"}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        sink_test t;
        haul_auto(haul_values) *v = haul_values_new();
        haul_values_set(v, "eol", rows[i].eol);
        put(testing_path("eol%zu/INBOX/.mailhaul-tmp-1", i), "x", 1);
        cr_assert_eq(sink_test_open(&t, &haul_eml_sink, v, testing_path("eol%zu", i), NULL), HAUL_OK);
        cr_assert_eq(sink_test_folder(&t, 0, "INBOX"), HAUL_OK);
        cr_assert_eq(sink_test_store(&t, 0, sink_test_message(&t, "A: b\r\n\r\nx\ny", INT64_C(1000000))),
                     HAUL_OK);
        cr_assert_eq(sink_test_commit(&t), HAUL_OK);
        char *text =
            testing_read(testing_path("eol%zu/INBOX/19700101T000001Z-0000000001234567.eml", i), NULL);
        cr_assert(text);
        cr_expect_str_eq(text, rows[i].text);
        cr_expect_eq(count(haul_strz(&t.log), "msg.eol-mixed"), i ? 1 : 0);
        free(text);
        text = listing(testing_path("eol%zu/INBOX", i));
        cr_expect_eq(count(text, "\n"), 1, "%s", text);
        free(text);
        sink_test_close(&t);
    }
}

/* Reading what was written gives the same items; folders that differ in case, and reserved names, stay apart. */
Test(eml_write, names_survive_a_round_trip)
{
    static const char *const folders[] = {"CON", "a:b", "x.mbox", ".hidden", "trailing.", "50%41", "%"};
    haul_auto_str all = {0};
    sink_test t;
    cr_assert_eq(sink_test_open(&t, &haul_eml_sink, NULL, testing_path("trip"), NULL), HAUL_OK);
    for (uint32_t i = 0; i < HAUL_COUNT(folders); i++) {
        haul_auto_str name = {0};
        bool cut;
        haul_naming_escape(&haul_eml_naming, folders[i], &name, &cut);
        cr_assert_eq(sink_test_folder(&t, i, haul_strz(&name)), HAUL_OK);
        cr_assert_eq(sink_test_store(&t, i, sink_test_message(&t, MESSAGE, INT64_C(1000000))), HAUL_OK);
    }
    cr_assert_eq(sink_test_commit(&t), HAUL_OK);
    sink_test_close(&t);
    char *d = testing_dump(eml(), testing_path("trip"), NULL);
    for (size_t i = 0; i < HAUL_COUNT(folders); i++) {
        haul_str_clear(&all);
        haul_str_addf(&all, "F %s -\n", folders[i]);
        has(d, all.p);
    }
    cr_expect_eq(count(d, "\nM "), HAUL_COUNT(folders), "%s", d);
    free(d);
}

/* ── files that nobody here wrote ── */

Test(eml_corpus, everything_is_read)
{
    if (access(HAUL_CORPUS "/eml", F_OK) != 0)
        return;
    char *d = testing_dump(eml(), HAUL_CORPUS "/eml", NULL);
    cr_expect_eq(count(d, "\nE ") + count(d, "\nS "), 0);
    cr_expect_geq(count(d, "\nM "), 340);
    cr_expect_eq(count(d, "eml.emlx-partial"), 7);
    has(d, "testEMLX.emlx flags=- ");
    has(d, "114862.emlx flags=notjunk kw=- received=2018-01-26T16:44:32Z size=2945 ");
    has(d, "114892.partial.emlx flags=seen,notjunk ");
    free(d);
}

Test(eml_corpus, apple_mail_messages_equal_the_expected_eml)
{
    size_t n;
    char *want = testing_read(
        HAUL_CORPUS "/eml/qqilihq__partial-emlx-converter__test____testdata__expected_results__114862.eml",
        &n);
    if (!want)
        return;
    char *got = testing_read(
        HAUL_CORPUS "/eml/qqilihq__partial-emlx-converter__test____testdata__input__Messages__114862.emlx",
        &n);
    haul_emlx x;
    haul_emlx_parse(got, n, &x);
    cr_expect_eq(x.len, strlen(want));
    cr_expect_eq(memcmp(got + x.start, want, x.len), 0);
    free(got);
    free(want);
}

/* A message in another folder than the one it was stored in is the same octets, and still no agreement. */
Test(eml, verify_sees_a_message_in_another_folder)
{
    const char *sources[] = {testing_path("from"), NULL}, *target = testing_path("to");
    const char *none[] = {NULL};
    haul_totals totals = {0};
    haul_err e = {0};
    json_t *result = NULL;
    char *items, *place = NULL;
    testing_write(testing_path("from/A/1.eml"), "From: a@b\nSubject: x\n\nx\n", 24);
    testing_write(testing_path("from/B/2.eml"), "From: a@b\nSubject: y\n\ny\n", 24);
    haul_job job = {.command = "convert", .sources = sources, .target = target, .to = eml()};
    cr_assert_eq(haul_convert(&job, &totals, NULL, &e), HAUL_OK, "%s", e.text);
    items = testing_read(testing_path("to/.mailhaul/items.jsonl"), NULL);
    cr_assert(items && (place = strstr(items, "\"stored_as\":\"A/")));
    place += strlen("\"stored_as\":\"A/");
    place[strcspn(place, "\"")] = 0;
    cr_assert_eq(rename(testing_path("to/A/%s", place), testing_path("to/B/%s", place)), 0);
    free(items);
    job.sources = none;
    cr_expect_eq(haul_verify(&job, &result, &e), HAUL_E_DIFFERS);
    const json_t *d = json_array_get(json_object_get(result, "differences"), 0);
    cr_expect_str_eq(json_string_value(json_object_get(d, "kind")), "moved");
    cr_expect_eq(json_array_size(json_object_get(result, "differences")), 1);
    json_decref(result);
}
