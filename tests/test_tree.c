#define _GNU_SOURCE
#include "io/tree.h"
#include "testing.h"

#include <archive.h>
#include <archive_entry.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ── helpers ── */

static void put(const char *path, const char *text)
{
    testing_write(path, text, strlen(text));
}

static haul_tree *open_tree(const char *path)
{
    haul_tree *t = NULL;
    haul_err e = {0};
    cr_assert_eq(haul_tree_open(path, &t, &e), HAUL_OK, "%s", e.text);
    return t;
}

/* All below dir as text: "f name\n", "d name/\n" and what is in it, "o name\n". */
static void list_all(haul_tree *t, const char *dir, haul_str *to)
{
    haul_arena a = {0};
    haul_entry *v = NULL;
    size_t n = 0;
    cr_assert_eq(haul_tree_list(t, dir, &a, &v, &n, NULL), HAUL_OK, "%s", dir);
    for (size_t i = 0; i < n; i++) {
        const char *path = haul_arena_printf(&a, "%s%s%s", dir, *dir ? "/" : "", v[i].name);
        cr_expect(haul_tree_has(t, path, v[i].type), "%s", path);
        haul_str_addf(to, "%c %s\n", "fdo"[v[i].type], path);
        if (v[i].type == HAUL_ENTRY_DIR)
            list_all(t, path, to);
    }
    haul_arena_done(&a);
}

static void expect_list(haul_tree *t, const char *want)
{
    haul_auto_str got = {0};
    list_all(t, "", &got);
    cr_expect_str_eq(haul_strz(&got), want, "%s", haul_strz(&got));
}

/* The text of one file, or "!" and the error text. From the arena. */
static const char *text_of(haul_tree *t, const char *path, haul_arena *a)
{
    char *p;
    size_t n;
    haul_err e = {0};
    haul_rc rc = haul_tree_slurp(t, path, 1000000, a, &p, &n, &e);
    return rc == HAUL_OK ? p : haul_arena_printf(a, "!%s %s", haul_rc_name(rc), e.text);
}

/* ── directories ── */

Test(tree, directory)
{
    haul_arena a = {0};
    put(testing_path("r/b/c/deep"), "deep");
    put(testing_path("r/b/x"), "x");
    put(testing_path("r/B"), "B");
    put(testing_path("r/\xff"), "octets");
    put(testing_path("r/.dot"), "");
    put(testing_path("outside"), "secret");
    cr_assert_eq(symlink("../outside", testing_path("r/link")), 0);
    cr_assert_eq(symlink("b", testing_path("r/linkdir")), 0);
    cr_assert_eq(mkfifo(testing_path("r/fifo"), 0600), 0);
    haul_auto(haul_tree) *t = open_tree(testing_path("r"));
    expect_list(t, "f .dot\nf B\nd b\nd b/c\nf b/c/deep\nf b/x\no fifo\no link\no linkdir\nf \xff\n");
    for (int i = 0; i < 2; i++) { /* also out of the remembered directory */
        cr_expect_str_eq(text_of(t, "b/c/deep", &a), "deep");
        cr_expect_str_eq(text_of(t, "b/x", &a), "x");
        cr_expect_str_eq(text_of(t, "B", &a), "B");
        cr_expect_str_eq(text_of(t, "\xff", &a), "octets");
    }
    static const char *const lost[][2] = {
        {"link", "!skip link: a symbolic link, not followed"},
        {"linkdir/x", NULL},
        {"fifo", "!skip fifo: a FIFO, not a file"},
        {"b", "!skip b: a directory, not a file"},
        {"none", "!skip none: No such file or directory"},
        {"b/none/x", NULL},
        {"../outside", NULL},
        {"b/../../outside", NULL},
        {"/etc/passwd", NULL},
        {"b//x", NULL},
        {"./B", NULL},
        {"b/", NULL},
        {"", NULL},
        {"B/x", NULL},
    };
    for (size_t i = 0; i < HAUL_COUNT(lost); i++) {
        const char *got = text_of(t, lost[i][0], &a);
        cr_expect_eq(strncmp(got, "!skip ", 6), 0, "%s: %s", lost[i][0], got);
        if (lost[i][1])
            cr_expect_str_eq(got, lost[i][1]);
        cr_expect_not(haul_tree_has(t, lost[i][0], HAUL_ENTRY_FILE), "%s", lost[i][0]);
    }
    haul_entry *v;
    size_t n;
    cr_expect_eq(haul_tree_list(t, "linkdir", &a, &v, &n, NULL), HAUL_SKIP);
    cr_expect_eq(haul_tree_list(t, "..", &a, &v, &n, NULL), HAUL_SKIP);
    cr_expect(haul_tree_has(t, "", HAUL_ENTRY_DIR));
    haul_arena_done(&a);
}

Test(tree, depth_is_bounded)
{
    haul_auto_str path = {0};
    haul_arena a = {0};
    for (unsigned i = 0; i < HAUL_TREE_DEPTH_MAX + 1; i++)
        haul_str_addz(&path, i ? "/d" : "d");
    put(testing_path("deep/%s/f", path.p), "x");
    haul_auto(haul_tree) *t = open_tree(testing_path("deep"));
    haul_entry *v;
    size_t n = 0;
    cr_expect_eq(haul_tree_list(t, path.p, &a, &v, &n, NULL), HAUL_SKIP);
    path.p[path.len - 2] = '\0';
    cr_expect_eq(haul_tree_list(t, path.p, &a, &v, &n, NULL), HAUL_OK);
    cr_expect_eq(n, 1);
    haul_arena_done(&a);
}

Test(tree, stat_reuse_and_slurp)
{
    haul_arena a = {0};
    struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1748018153, .tv_nsec = 5000}};
    put(testing_path("r/one"), "first");
    put(testing_path("r/two"), "2");
    cr_assert_eq(utimensat(AT_FDCWD, testing_path("r/one"), times, 0), 0);
    haul_auto(haul_tree) *t = open_tree(testing_path("r"));
    haul_auto(haul_in) *in = NULL;
    haul_stat st;
    for (int i = 0; i < 3; i++) {
        const char *p;
        size_t n;
        cr_assert_eq(haul_tree_reread(t, i % 2 ? "two" : "one", &in, &st, NULL), HAUL_OK);
        cr_assert_eq(haul_in_peek(in, 100, &p, &n, NULL), HAUL_OK);
        cr_expect(i % 2 ? n == 1 && *p == '2' : n == 5 && memcmp(p, "first", 5) == 0);
    }
    cr_expect(st.size == 5 && st.mtime_us == INT64_C(1748018153000005) && st.ino && st.dev);
    cr_expect_eq(haul_tree_reread(t, "none", &in, &st, NULL), HAUL_SKIP);
    cr_expect_not_null(in, "kept for the next file");
    char *p;
    size_t n;
    haul_err e;
    cr_expect_eq(haul_tree_slurp(t, "one", 5, &a, &p, &n, NULL), HAUL_OK);
    cr_expect_str_eq(p, "first");
    cr_expect_eq(haul_tree_slurp(t, "one", 4, &a, &p, &n, &e), HAUL_SKIP);
    cr_expect_str_eq(e.text, "one: larger than 4 octets");
    haul_arena_done(&a);
}

/* ── roots ── */

Test(tree, roots_that_cannot_be_read, .timeout = TESTING_SECONDS)
{
    static const char *const rows[][2] = {
        {"fifo", "a FIFO"}, {"loop", "symbolic links"}, {"none", "No such file"}, {"empty/", NULL}};
    cr_assert_eq(mkfifo(testing_path("fifo"), 0600), 0);
    cr_assert_eq(symlink("loop", testing_path("loop")), 0);
    put(testing_path("empty"), "");
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_tree *t = NULL;
        haul_err e = {0};
        cr_expect_eq(haul_tree_open(testing_path("%s", rows[i][0]), &t, &e), HAUL_E_SOURCE, "%s", rows[i][0]);
        cr_expect_null(t);
        cr_expect(!rows[i][1] || strstr(e.text, rows[i][1]), "%s", e.text);
    }
    haul_tree *t = NULL;
    cr_expect_eq(haul_tree_open("/dev/zero", &t, NULL), HAUL_E_SOURCE);
    cr_expect_eq(haul_tree_open("", &t, NULL), HAUL_E_SOURCE);
}

Test(tree, labels)
{
    put(testing_path("Mail/sub/f.mbox"), "x");
    cr_assert_eq(symlink("Mail", testing_path("link")), 0);
    static const char *const rows[][2] = {
        {"Mail", "Mail"},         {"Mail///", "Mail"}, {"Mail/.", "Mail"}, {"Mail/sub/..", "Mail"},
        {"Mail/sub/../", "Mail"}, {"link", "link"},    {"link/.", "Mail"}, {"Mail/sub/f.mbox", "f.mbox"}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_tree) *t = open_tree(testing_path("%s", rows[i][0]));
        cr_expect_str_eq(haul_tree_label(t), rows[i][1], "%s", rows[i][0]);
        cr_expect_not(haul_tree_is_container(t));
    }
    cr_assert_eq(chdir(testing_path("Mail")), 0);
    haul_auto(haul_tree) *here = open_tree(".");
    cr_expect_str_eq(haul_tree_label(here), "Mail");
    cr_expect_str_eq(haul_tree_path(here), ".");
    cr_expect(haul_ends(haul_tree_realpath(here), "/Mail"));
    cr_assert_eq(chdir("/"), 0);
}

Test(tree, single_file)
{
    haul_arena a = {0};
    put(testing_path("a.mbox"), "From x\n");
    haul_auto(haul_tree) *t = open_tree(testing_path("a.mbox"));
    cr_expect(haul_tree_is_file(t));
    cr_expect_not(haul_tree_is_container(t));
    expect_list(t, "");
    cr_expect_str_eq(text_of(t, "", &a), "From x\n");
    cr_expect(haul_tree_has(t, "", HAUL_ENTRY_FILE));
    cr_expect_not(haul_tree_has(t, "", HAUL_ENTRY_DIR));
    cr_expect_eq(strncmp(text_of(t, "x", &a), "!skip", 5), 0);
    put(testing_path("other"), "another");
    cr_assert_eq(rename(testing_path("other"), testing_path("a.mbox")), 0);
    cr_expect_eq(strncmp(text_of(t, "", &a), "!source", 7), 0, "another file has taken its place");
    haul_arena_done(&a);
}

/* ── containers ── */

typedef struct member_row {
    const char *name, *text; /* text NULL: a directory; "->x": a symlink; "=x": a hard link */
} member_row;

static void add_entry(struct archive *w, const member_row *m, int index)
{
    struct archive_entry *entry = archive_entry_new();
    const char *text = m->text ? m->text : "";
    bool symbolic = strncmp(text, "->", 2) == 0, hard = text[0] == '=';
    archive_entry_copy_pathname(entry, m->name);
    archive_entry_set_filetype(entry, !m->text ? AE_IFDIR : symbolic ? AE_IFLNK : AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_mtime(entry, 1748018153 + index, 0);
    archive_entry_set_nlink(entry, 1);
    archive_entry_set_ino(entry, index + 1);
    if (symbolic)
        archive_entry_copy_symlink(entry, text + 2);
    if (hard)
        archive_entry_copy_hardlink(entry, text + 1);
    size_t n = symbolic || hard ? 0 : strlen(text);
    archive_entry_set_size(entry, (la_int64_t)n);
    cr_assert_geq(archive_write_header(w, entry), ARCHIVE_WARN, "%s: %s", m->name, archive_error_string(w));
    if (n)
        cr_assert_eq(archive_write_data(w, text, n), (la_ssize_t)n);
    archive_entry_free(entry);
}

static const char *make_archive(const char *name, int format, int filter, const char *options,
                                const member_row *rows, size_t n)
{
    struct archive *w = archive_write_new();
    const char *path = testing_path("%s", name);
    cr_assert_eq(archive_write_set_format(w, format), ARCHIVE_OK);
    cr_assert_eq(archive_write_add_filter(w, filter), ARCHIVE_OK);
    if (options) {
        cr_assert_eq(archive_write_set_passphrase(w, "secret"), ARCHIVE_OK);
        cr_assert_eq(archive_write_set_options(w, options), ARCHIVE_OK, "%s", archive_error_string(w));
    }
    cr_assert_eq(archive_write_open_filename(w, path), ARCHIVE_OK);
    for (size_t i = 0; i < n; i++)
        add_entry(w, &rows[i], (int)i);
    cr_assert_eq(archive_write_close(w), ARCHIVE_OK);
    archive_write_free(w);
    return path;
}

typedef struct archive_row {
    const char *name;
    int format, filter;
} archive_row;

static const archive_row ARCHIVES[] = {
    {"a.zip", ARCHIVE_FORMAT_ZIP, ARCHIVE_FILTER_NONE},
    {"a.7z", ARCHIVE_FORMAT_7ZIP, ARCHIVE_FILTER_NONE},
    {"a.tar", ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FILTER_NONE},
    {"v7.tar", ARCHIVE_FORMAT_TAR_GNUTAR, ARCHIVE_FILTER_NONE},
    {"a.tar.gz", ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE, ARCHIVE_FILTER_GZIP},
    {"a.tar.zst", ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FILTER_ZSTD},
    {"a.tar.xz", ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FILTER_XZ},
    {"a.tar.bz2", ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FILTER_BZIP2},
    {"a.cpio", ARCHIVE_FORMAT_CPIO_SVR4_NOCRC, ARCHIVE_FILTER_NONE},
    {"odc.cpio", ARCHIVE_FORMAT_CPIO_POSIX, ARCHIVE_FILTER_NONE},
};

Test(container, all_kinds)
{
    static const member_row rows[] = {
        {"z/last", "written first"}, {"a/sub/f", "deep"}, {"a/g", "g"}, {"top", ""}};
    for (size_t i = 0; i < HAUL_COUNT(ARCHIVES); i++) {
        const archive_row *row = &ARCHIVES[i];
        haul_arena a = {0};
        haul_auto(haul_tree) *t =
            open_tree(make_archive(row->name, row->format, row->filter, NULL, rows, HAUL_COUNT(rows)));
        cr_assert(haul_tree_is_container(t), "%s", row->name);
        cr_expect_not(haul_tree_is_file(t));
        cr_expect_null(haul_tree_damage(t), "%s: %s", row->name, haul_tree_damage(t));
        if (row->format != ARCHIVE_FORMAT_7ZIP) /* libarchive's 7z writer puts empty members last */
            expect_list(t, "d z\nf z/last\nd a\nd a/sub\nf a/sub/f\nf a/g\nf top\n");
        for (int round = 0; round < 2; round++) { /* forward, and back to the start */
            cr_expect_str_eq(text_of(t, "z/last", &a), "written first", "%s", row->name);
            cr_expect_str_eq(text_of(t, "a/sub/f", &a), "deep", "%s", row->name);
            cr_expect_str_eq(text_of(t, "a/sub/f", &a), "deep", "%s", row->name);
            cr_expect_str_eq(text_of(t, "top", &a), "", "%s", row->name);
            cr_expect_str_eq(text_of(t, "a/g", &a), "g", "%s", row->name);
        }
        haul_auto(haul_in) *in = NULL;
        haul_stat st;
        cr_assert_eq(haul_tree_read(t, "a/sub/f", &in, &st, NULL), HAUL_OK);
        cr_expect(st.size == 4 && st.mtime_us == INT64_C(1748018154000000) && st.ino == 0, "%s", row->name);
        cr_expect_eq(strncmp(text_of(t, "a/none", &a), "!skip", 5), 0);
        cr_expect_eq(strncmp(text_of(t, "a", &a), "!skip", 5), 0, "a directory is no file");
        haul_arena_done(&a);
    }
}

/* Names are data: they stay below the root, and no member hides another. */
Test(container, names)
{
    static const member_row rows[] = {{"../../etc/passwd", "up"},
                                      {"/abs/x", "abs"},
                                      {"a/./b//c", "odd"},
                                      {"a/d.eml", "1"},
                                      {"a/d.eml", "2"},
                                      {"a/d.eml", "3"},
                                      {"a/d (2).eml", "taken"},
                                      {"cur/1.host:2,S", "s"},
                                      {"cur/1.host:2,S", "t"},
                                      {"back\\slash", "b"},
                                      {"a", "a file like a directory"},
                                      {"link", "->/etc/passwd"},
                                      {"hard", "=a/d.eml"},
                                      {"hard2", "=none"},
                                      {"Gel\xf6scht", "latin"},
                                      {"Gelöscht", "utf"},
                                      {"..", "nameless"},
                                      {"empty/", NULL},
                                      {".hidden", "h"},
                                      {".hidden", "h2"}};
    static const int formats[] = {ARCHIVE_FORMAT_TAR_GNUTAR, ARCHIVE_FORMAT_TAR_USTAR};
    for (size_t i = 0; i < HAUL_COUNT(formats); i++) {
        haul_arena a = {0};
        haul_auto(haul_tree) *t =
            open_tree(make_archive("n.tar", formats[i], ARCHIVE_FILTER_NONE, NULL, rows, HAUL_COUNT(rows)));
        expect_list(
            t,
            "d etc\nf etc/passwd\nd abs\nf abs/x\nd a\nd a/b\nf a/b/c\nf a/d.eml\nf a/d (2).eml\n"
            "f a/d (3).eml\nf a/d (2) (2).eml\nd cur\nf cur/1.host:2,S\nf cur/1 (2).host:2,S\nf back\\slash\n"
            "f a\no link\nf hard\no hard2\nf Gel\xf6scht\nf Gelöscht\nf member-17\nd empty\n"
            "f .hidden\nf .hidden (2)\n");
        static const char *const texts[][2] = {{"etc/passwd", "up"},
                                               {"a/d.eml", "1"},
                                               {"a/d (2).eml", "2"},
                                               {"a/d (3).eml", "3"},
                                               {"a/d (2) (2).eml", "taken"},
                                               {"a", "a file like a directory"},
                                               {"hard", "1"},
                                               {"member-17", "nameless"},
                                               {"Gelöscht", "utf"},
                                               {"Gel\xf6scht", "latin"}};
        for (size_t k = 0; k < HAUL_COUNT(texts); k++)
            cr_expect_str_eq(text_of(t, texts[k][0], &a), texts[k][1], "%s", texts[k][0]);
        cr_expect_eq(strncmp(text_of(t, "link", &a), "!skip", 5), 0);
        haul_arena_done(&a);
    }
}

Test(container, utf8_names_do_not_depend_on_the_locale)
{
    static const member_row rows[] = {{"Entwürfe/ü.eml", "x"}};
    haul_arena a = {0};
    haul_auto(haul_tree) *t =
        open_tree(make_archive("u.zip", ARCHIVE_FORMAT_ZIP, ARCHIVE_FILTER_NONE, NULL, rows, 1));
    cr_expect_str_eq(text_of(t, "Entwürfe/ü.eml", &a), "x");
    haul_arena_done(&a);
}

Test(container, encrypted_members_are_named)
{
    static const member_row rows[] = {{"in.mbox", "From x\n"}};
    haul_arena a = {0};
    haul_auto(haul_tree) *t = open_tree(
        make_archive("e.zip", ARCHIVE_FORMAT_ZIP, ARCHIVE_FILTER_NONE, "encryption=traditional", rows, 1));
    expect_list(t, "f in.mbox\n");
    cr_expect_str_eq(text_of(t, "in.mbox", &a),
                     "!skip in.mbox: encrypted; unpack it with its password first");
    haul_arena_done(&a);
}

/* Damage the central directory: members have headers of their own. */
Test(container, zip_without_its_directory)
{
    static const member_row rows[] = {{"a.eml", "one"}, {"b.eml", "two"}};
    const char *path = make_archive("d.zip", ARCHIVE_FORMAT_ZIP, ARCHIVE_FILTER_NONE, NULL, rows, 2);
    size_t n = 0;
    char *zip = testing_read(path, &n), *directory = memmem(zip, n, "PK\1\2", 4);
    cr_assert_not_null(directory);
    for (int cut = 0; cut < 2; cut++) {
        haul_arena a = {0};
        if (cut)
            testing_write(path, zip, (size_t)(directory - zip) + 30);
        else
            memset(directory, 'X', 4), testing_write(path, zip, n);
        haul_auto(haul_tree) *t = open_tree(path);
        expect_list(t, "f a.eml\nf b.eml\n");
        cr_expect_str_eq(text_of(t, "a.eml", &a), "one");
        cr_expect_str_eq(text_of(t, "b.eml", &a), "two");
        cr_expect_not_null(haul_tree_damage(t), "cut %d", cut);
        haul_arena_done(&a);
    }
    free(zip);
}

/* Every truncation of every kind: what is listed and read whole is right, what is missing is told. */
Test(container, truncation_loses_nothing_in_silence, .timeout = TESTING_SECONDS)
{
    static const member_row rows[] = {
        {"a.eml", "the first"}, {"b.eml", "the second"}, {"c.eml", "the third"}};
    for (size_t i = 0; i < HAUL_COUNT(ARCHIVES); i++) {
        const archive_row *row = &ARCHIVES[i];
        const char *path = make_archive(row->name, row->format, row->filter, NULL, rows, 3);
        /* A bare tar or cpio file cut between members ends as good as any that lacks its end mark. */
        bool no_end = row->filter == ARCHIVE_FILTER_NONE && row->format != ARCHIVE_FORMAT_ZIP &&
                      row->format != ARCHIVE_FORMAT_7ZIP;
        size_t n = 0;
        char *whole = testing_read(path, &n);
        for (size_t len = 600; len < n; len += 1 + len / 40) {
            haul_arena a = {0};
            haul_tree *t = NULL;
            testing_write(path, whole, len);
            haul_rc rc = haul_tree_open(path, &t, NULL);
            unsigned good = 0;
            for (size_t k = 0; rc == HAUL_OK && haul_tree_is_container(t) && k < 3; k++) {
                const char *text = text_of(t, rows[k].name, &a);
                cr_expect(text[0] == '!' || strcmp(text, rows[k].text) == 0, "%s %zu: %s", row->name, len,
                          text);
                good += text[0] != '!';
            }
            bool listed =
                rc == HAUL_OK && haul_tree_is_container(t) && haul_tree_has(t, "c.eml", HAUL_ENTRY_FILE);
            bool told = rc != HAUL_OK || !haul_tree_is_container(t) || haul_tree_damage(t) || listed;
            cr_expect(good == 3 || told || no_end, "%s cut at %zu", row->name, len);
            haul_tree_close(t);
            haul_arena_done(&a);
        }
        free(whole);
    }
}

/* libarchive's mtree reader would take some of these, and its raw reader all. */
Test(container, text_is_never_claimed)
{
    static const char *const texts[] = {
        "",
        "\n",
        "From a@b Thu Jan  1 00:00:00 1970\nSubject: x\n\nbody\n",
        "#mtree\n/set type=file\n",
        "Subject: ustar\n\nPK\3\4",
        "070701 begins this text, which goes on and on and on and on and on and on and on and on and on.",
        "/set\n",
        "!<arch>\n",
        "BZh9",
        "\x1f\x8b\x08 not really",
        "WARC/1.0\r\n"};
    haul_auto_str ustar = {0};
    haul_str_addz(&ustar, "Subject: x\n\n");
    while (ustar.len < 257)
        haul_str_addc(&ustar, 'x');
    haul_str_addz(&ustar, "ustar  \n");
    while (ustar.len < 2000)
        haul_str_addc(&ustar, 'x');
    for (size_t i = 0; i <= HAUL_COUNT(texts); i++) {
        put(testing_path("t"), i < HAUL_COUNT(texts) ? texts[i] : ustar.p);
        haul_auto(haul_tree) *t = open_tree(testing_path("t"));
        cr_expect(haul_tree_is_file(t), "text %zu", i);
    }
}

/* Of the corpus, only what its name says is an archive. */
Test(container, corpus_is_told_apart)
{
    static const char *const dirs[] = {"eml", "mbox", "misc"};
    for (size_t i = 0; i < HAUL_COUNT(dirs); i++) {
        haul_arena a = {0};
        haul_auto_str dir = {0};
        haul_entry *v = NULL;
        size_t n = 0;
        haul_tree *top = NULL;
        haul_str_addf(&dir, "%s/%s", HAUL_CORPUS, dirs[i]);
        if (access(dir.p, R_OK) != 0)
            continue; /* a fresh clone has no corpus; texts of our own are above */
        cr_assert_eq(haul_tree_open(dir.p, &top, NULL), HAUL_OK);
        cr_assert_eq(haul_tree_list(top, "", &a, &v, &n, NULL), HAUL_OK);
        for (size_t k = 0; k < n; k++) {
            if (v[k].type != HAUL_ENTRY_FILE)
                continue;
            haul_auto(haul_tree) *t = open_tree(haul_arena_printf(&a, "%s/%s", dir.p, v[k].name));
            bool named =
                strstr(v[k].name, ".tar") || haul_iends(v[k].name, ".zip") || haul_iends(v[k].name, ".tgz");
            cr_expect_eq(haul_tree_is_container(t), named, "%s", v[k].name);
        }
        haul_tree_close(top);
        haul_arena_done(&a);
    }
}

/* ── directories of downloads ── */

static const member_row downloads[] = {{"Takeout/Mail/all.mbox", "From a"}, {"Takeout/x.html", "<html>"}};

static void make_downloads(void)
{
    put(testing_path("dl/notes.xml"), "<x/>");
    make_archive("dl/a.zip", ARCHIVE_FORMAT_ZIP, ARCHIVE_FILTER_NONE, NULL, downloads, 2);
    make_archive("dl/b.TGZ", ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FILTER_GZIP, NULL, downloads, 1);
    put(testing_path("dl/c.zip"), "no zip at all");
    put(testing_path("dl/.dot"), "");
}

/* a.zip and b.TGZ, of t at `top`: their members and they themselves. */
static void expect_nested(haul_tree *t)
{
    haul_arena a = {0};
    haul_entry *v = NULL;
    size_t n = 0;
    cr_assert_eq(haul_tree_list(t, "", &a, &v, &n, NULL), HAUL_OK);
    for (size_t i = 0; i < n; i++) {
        bool packed = strncmp(v[i].name, "notes", 5) != 0 && v[i].name[0] != '.';
        cr_expect(v[i].packed == packed && (v[i].type == HAUL_ENTRY_DIR) == packed, "%s", v[i].name);
    }
    for (int round = 0; round < 2; round++) {
        cr_expect_str_eq(text_of(t, "a.zip/Takeout/Mail/all.mbox", &a), "From a");
        cr_expect_str_eq(text_of(t, "b.TGZ/Takeout/Mail/all.mbox", &a), "From a");
        cr_expect_str_eq(text_of(t, "notes.xml", &a), "<x/>");
    }
    cr_expect(haul_tree_has(t, "a.zip/Takeout", HAUL_ENTRY_DIR) && haul_tree_has(t, "a.zip", HAUL_ENTRY_DIR));
    cr_expect(!haul_tree_has(t, "a.zip", HAUL_ENTRY_FILE) &&
              !haul_tree_has(t, "a.zip/none", HAUL_ENTRY_FILE));
    haul_auto(haul_in) *in = NULL; /* the file itself can be read, for its digest */
    const char *p;
    cr_assert_eq(haul_tree_read(t, "a.zip", &in, NULL, NULL), HAUL_OK);
    cr_expect(haul_in_peek(in, 4, &p, &n, NULL) == HAUL_OK && n >= 4 && memcmp(p, "PK\3\4", 4) == 0);
    cr_expect_eq(strncmp(text_of(t, "a.zip/../notes.xml", &a), "!skip", 5), 0);
    cr_expect_eq(haul_tree_list(t, "c.zip", &a, &v, &n, NULL), HAUL_SKIP,
                 "no container whatever its name says");
    haul_arena_done(&a);
}

Test(nest, containers_in_a_directory)
{
    make_downloads();
    haul_auto(haul_tree) *t = open_tree(testing_path("dl"));
    expect_nested(t);
    haul_arena a = {0};
    cr_expect_null(haul_tree_nested_damage(t, 0, &a));
    haul_arena_done(&a);
}

Test(nest, containers_in_a_container)
{
    make_downloads();
    size_t n[3];
    char *octets[] = {testing_read(testing_path("dl/a.zip"), &n[0]),
                      testing_read(testing_path("dl/b.TGZ"), &n[1]),
                      testing_read(testing_path("dl/c.zip"), &n[2])};
    struct archive *w = archive_write_new();
    const char *const names[] = {"a.zip", "b.TGZ", "c.zip"};
    cr_assert_eq(archive_write_set_format(w, ARCHIVE_FORMAT_ZIP), ARCHIVE_OK);
    cr_assert_eq(archive_write_open_filename(w, testing_path("outer.zip")), ARCHIVE_OK);
    add_entry(w, &(member_row){"notes.xml", "<x/>"}, 0);
    for (size_t i = 0; i < 3; i++) {
        struct archive_entry *e = archive_entry_new();
        archive_entry_set_pathname(e, names[i]);
        archive_entry_set_filetype(e, AE_IFREG);
        archive_entry_set_perm(e, 0600);
        archive_entry_set_size(e, (la_int64_t)n[i]);
        cr_assert_eq(archive_write_header(w, e), ARCHIVE_OK);
        cr_assert_eq(archive_write_data(w, octets[i], n[i]), (la_ssize_t)n[i]);
        archive_entry_free(e);
        free(octets[i]);
    }
    cr_assert_eq(archive_write_close(w), ARCHIVE_OK);
    archive_write_free(w);
    haul_auto(haul_tree) *t = open_tree(testing_path("outer.zip"));
    expect_nested(t);
}

/* Anything that is no note beside them: then they are files like others. */
Test(nest, other_directories_stay_as_they_are)
{
    static const char *const others[] = {"letter.eml", "sub/x", "Inbox"};
    for (size_t i = 0; i < HAUL_COUNT(others); i++) {
        haul_arena a = {0};
        make_downloads();
        put(testing_path("dl/%s", others[i]), "x");
        haul_auto(haul_tree) *t = open_tree(testing_path("dl"));
        cr_expect(haul_tree_has(t, "a.zip", HAUL_ENTRY_FILE), "%s", others[i]);
        cr_expect_eq(strncmp(text_of(t, "a.zip/Takeout/x.html", &a), "!skip", 5), 0);
        (void)unlink(testing_path("dl/%s", others[i]));
        (void)rmdir(testing_path("dl/sub"));
        haul_arena_done(&a);
    }
}

Test(nest, damage_in_one_of_them_is_told)
{
    haul_arena a = {0};
    size_t n = 0;
    make_downloads();
    char *zip = testing_read(testing_path("dl/a.zip"), &n);
    char *directory = memmem(zip, n, "PK\1\2", 4);
    cr_assert_not_null(directory);
    memset(directory, 'X', 4);
    testing_write(testing_path("dl/a.zip"), zip, n);
    haul_auto(haul_tree) *t = open_tree(testing_path("dl"));
    cr_expect_null(haul_tree_nested_damage(t, 0, &a), "not looked into yet");
    cr_expect_str_eq(text_of(t, "a.zip/Takeout/Mail/all.mbox", &a), "From a");
    const char *damage = haul_tree_nested_damage(t, 0, &a);
    cr_expect(damage && strncmp(damage, "a.zip: ", 7) == 0, "%s", damage ? damage : "none");
    cr_expect_null(haul_tree_nested_damage(t, 1, &a));
    free(zip);
    haul_arena_done(&a);
}

/* ── random access ── */

/* What haul_tree_fd gives for path, read from its middle and from its start; and that it can do nothing but read. */
static void expect_fd(haul_tree *t, const char *path, const char *want)
{
    char got[64] = "";
    haul_err e = {0};
    haul_stat st = {0};
    haul_auto_fd int fd = -1;
    cr_assert_eq(haul_tree_fd(t, path, &fd, &st, &e), HAUL_OK, "%s: %s", path, e.text);
    size_t n = strlen(want);
    cr_expect_eq(lseek(fd, 0, SEEK_CUR), 0);
    cr_expect_eq(lseek(fd, 0, SEEK_END), (off_t)n, "%s", path);
    cr_expect_eq(pread(fd, got, sizeof(got), (off_t)(n / 2)), (ssize_t)(n - n / 2));
    cr_expect_str_eq(got, want + n / 2, "%s", path);
    cr_expect(lseek(fd, 0, SEEK_SET) == 0 && read(fd, got, sizeof(got)) == (ssize_t)n);
    cr_expect_eq(memcmp(got, want, n), 0, "%s", path);
    cr_expect(write(fd, "x", 1) < 0 && errno == EBADF, "read-only");
    cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    cr_expect(st.mtime_us > 0);
}

static const char *make_packed(const char *name, int filter, const char *text)
{
    const member_row row = {"x", text};
    return make_archive(name, ARCHIVE_FORMAT_RAW, filter, NULL, &row, 1);
}

Test(random, plain_packed_and_members)
{
    static const member_row rows[] = {{"a/store", "a member"}, {"b", "another"}, {"d", NULL}};
    put(testing_path("dir/sub/f"), "plain file");
    cr_assert_eq(symlink("f", testing_path("dir/sub/link")), 0);
    make_packed("dir/g.gz", ARCHIVE_FILTER_GZIP, "unpacked");
    haul_auto(haul_tree) *dir = open_tree(testing_path("dir"));
    expect_fd(dir, "sub/f", "plain file");
    expect_fd(dir, "g.gz", "unpacked");
    static const char *const lost[] = {"none", "sub", "sub/link", "../outside", ""};
    for (size_t i = 0; i < HAUL_COUNT(lost); i++) {
        int fd = -7;
        cr_expect_eq(haul_tree_fd(dir, lost[i], &fd, NULL, NULL), HAUL_SKIP, "%s", lost[i]);
        cr_expect_eq(fd, -7, "left alone");
    }
    haul_auto(haul_tree) *one = open_tree(testing_path("dir/sub/f"));
    expect_fd(one, "", "plain file");
    haul_auto(haul_tree) *packed = open_tree(make_packed("s.xz", ARCHIVE_FILTER_XZ, "packed store"));
    cr_assert(haul_tree_is_file(packed));
    expect_fd(packed, "", "packed store");
    for (size_t i = 0; i < HAUL_COUNT(ARCHIVES); i++) {
        const archive_row *a = &ARCHIVES[i];
        haul_auto(haul_tree) *t = open_tree(make_archive(a->name, a->format, a->filter, NULL, rows, 3));
        expect_fd(t, "b", "another");
        expect_fd(t, "a/store", "a member");
        int fd = -7;
        cr_expect_eq(haul_tree_fd(t, "a/none", &fd, NULL, NULL), HAUL_SKIP);
    }
}

/* One file of a directory is lost alone, the only one ends the source; no temporary directory ends the run. */
Test(random, what_cannot_be_unpacked)
{
    size_t n = 0;
    haul_err e = {0};
    int fd = -7;
    char *packed = testing_read(make_packed("whole.gz", ARCHIVE_FILTER_GZIP, "cut in the middle"), &n);
    testing_write(testing_path("dir/cut.gz"), packed, n - 10);
    haul_auto(haul_tree) *dir = open_tree(testing_path("dir"));
    cr_expect_eq(haul_tree_fd(dir, "cut.gz", &fd, NULL, &e), HAUL_SKIP);
    cr_expect_eq(strncmp(e.text, "unpacking cut.gz: gzip data: cut short", 38), 0, "%s", e.text);
    haul_auto(haul_tree) *one = open_tree(testing_path("dir/cut.gz"));
    cr_expect_eq(haul_tree_fd(one, "", &fd, NULL, &e), HAUL_E_SOURCE, "%s", e.text);
    haul_auto(haul_tree) *whole = open_tree(testing_path("whole.gz"));
    (void)setenv("TMPDIR", testing_path("nowhere"), 1);
    cr_expect_eq(haul_tree_fd(whole, "", &fd, NULL, &e), HAUL_E_TARGET, "%s", e.text);
    cr_expect_eq(fd, -7);
    (void)unsetenv("TMPDIR");
    free(packed);
}

Test(random, tree_over_a_descriptor)
{
    haul_arena a = {0};
    put(testing_path("x"), "given by descriptor");
    int fd = open(testing_path("x"), O_RDONLY | O_CLOEXEC);
    haul_tree *t = haul_tree_from_fd(fd, "x.pst");
    cr_assert_eq(unlink(testing_path("x")), 0);
    cr_expect(haul_tree_is_file(t) && !haul_tree_is_container(t) && haul_tree_has(t, "", HAUL_ENTRY_FILE));
    cr_expect_str_eq(haul_tree_label(t), "x.pst");
    expect_list(t, "");
    expect_fd(t, "", "given by descriptor");
    haul_auto(haul_in) *in = NULL, *other = NULL;
    haul_stat st = {0};
    const char *p;
    size_t n;
    cr_assert_eq(haul_tree_read(t, "", &in, &st, NULL), HAUL_OK);
    cr_assert_eq(haul_tree_reread(t, "", &in, NULL, NULL), HAUL_OK);
    cr_assert_eq(haul_tree_read(t, "", &other, NULL, NULL), HAUL_OK);
    cr_expect(haul_in_peek(in, 19, &p, &n, NULL) == HAUL_OK && n == 19 &&
              memcmp(p, "given by desc", 13) == 0);
    cr_expect(haul_in_peek(other, 19, &p, &n, NULL) == HAUL_OK && n == 19, "an offset of its own");
    cr_expect(st.size == 19 && st.ino);
    cr_expect_eq(strncmp(text_of(t, "x", &a), "!skip", 5), 0);
    cr_expect_str_eq(text_of(t, "", &a), "given by descriptor");
    haul_tree_close(t);
    cr_expect(fcntl(fd, F_GETFD) < 0 && errno == EBADF, "the tree owned it");
    haul_arena_done(&a);
}
