/* The catalogue of a package: what goes in comes out, families hold together, and a run that was killed leaves nothing half. */
#include "hold/catalog.h"

#include "testing.h"
#include "testing_hold.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static haul_catalog *open_catalog(const char *file, bool read_only)
{
    haul_err e = {0};
    haul_catalog *c = NULL;
    cr_assert_eq(haul_catalog_open(file, read_only, &c, &e), HAUL_OK, "%s", e.text);
    return c;
}

/* Everything set, each field another value, so that two that were swapped are seen. */
static haul_doc full_doc(void)
{
    haul_doc d = {.docid = "A1",
                  .item_id = "0123456789abcdef0123456789abcdef",
                  .custodian = "Ada",
                  .source = "a.store",
                  .folder = "Inbox/\xE2\x82\xAC",
                  .folder_written = "Inbox/%E2",
                  .place = "Inbox@7",
                  .kind = HAUL_KIND_TASK,
                  .from = "f",
                  .to = "t",
                  .cc = "c",
                  .bcc = "b",
                  .subject = "s'\"\n\x14",
                  .date_field = "df",
                  .message_id = "<m@x>",
                  .mih = "1de319c276884bd0c9e2f1621ada26cc",
                  .in_reply_to = "irt",
                  .references = "ref",
                  .conversation_index = "ci",
                  .importance = "high",
                  .mime_type = "text/plain",
                  .content_id = "cid",
                  .has_sent = true,
                  .has_received = true,
                  .has_flags = true,
                  .sent_us = -1,
                  .received_us = 1700000000000001,
                  .sent_tz = -330,
                  .received_tz = 60,
                  .flags = 5,
                  .keywords = "k1\nk2",
                  .file_name = "A1.eml",
                  .native = "data/eml/A1.eml",
                  .text = "data/text/A1.txt",
                  .size = UINT64_C(5000000000),
                  .has_created = true,
                  .has_modified = true,
                  .created_us = 11,
                  .modified_us = 12,
                  .exception = "x; y",
                  .text_size = 9};
    memset(d.md5, 1, sizeof(d.md5));
    memset(d.sha1, 2, sizeof(d.sha1));
    memset(d.sha256, 3, sizeof(d.sha256));
    memset(d.canonical, 4, sizeof(d.canonical));
    memset(d.text_sha256, 5, sizeof(d.text_sha256));
    return d;
}

/* Only what a family needs. digest: of the content. */
static haul_doc small_doc(const char *docid, int64_t parent, const char *custodian, const char *folder,
                          uint8_t digest)
{
    haul_doc d = {.parent = parent,
                  .docid = docid,
                  .item_id = docid,
                  .custodian = custodian,
                  .source = "s",
                  .folder = folder,
                  .native = docid,
                  .size = 10};
    memset(d.canonical, digest, sizeof(d.canonical));
    memset(d.sha256, digest, sizeof(d.sha256));
    return d;
}

static int64_t add(haul_catalog *c, haul_doc d)
{
    haul_err e = {0};
    int64_t row = 0;
    cr_assert_eq(haul_catalog_add(c, &d, &row, &e), HAUL_OK, "%s", e.text);
    return row;
}

static void add_twin(haul_catalog *c, int64_t of, const char *id, const char *custodian)
{
    haul_err e = {0};
    haul_twin t = {
        .of = of, .item_id = id, .custodian = custodian, .source = "s2", .folder = "Copies", .place = id};
    cr_assert_eq(haul_catalog_add_twin(c, &t, &e), HAUL_OK, "%s", e.text);
}

static void commit(haul_catalog *c)
{
    haul_err e = {0};
    cr_assert_eq(haul_catalog_commit(c, &e), HAUL_OK, "%s", e.text);
}

/* "A(A-1 A-2) [Ada; Bob] <t1 t2>" a family. */
static haul_rc family_line(void *ctx, const haul_family *f, haul_err *e)
{
    (void)e;
    haul_str_addz(ctx, f->docs[0].docid);
    for (size_t i = 1; i < f->n; i++)
        haul_str_addf(ctx, "%s%s", i == 1 ? "(" : " ", f->docs[i].docid);
    haul_str_addf(ctx, "%s [%s]", f->n > 1 ? ")" : "", f->custodians);
    for (size_t i = 0; i < f->n_twins; i++)
        haul_str_addf(ctx, " <%s in %s>", f->twins[i].item_id, f->twins[i].folder);
    haul_str_addc(ctx, '\n');
    return HAUL_OK;
}

static void expect_families(haul_catalog *c, haul_catalog_order order, const char *want)
{
    haul_auto_str got = {0};
    haul_err e = {0};
    cr_assert_eq(haul_catalog_families(c, order, family_line, &got, &e), HAUL_OK, "%s", e.text);
    cr_expect_str_eq(haul_strz(&got), want);
}

static void path_line(void *ctx, const char *path)
{
    haul_str_addf(ctx, "%s\n", path);
}

static haul_rc file_line(void *ctx, const char *path, uint64_t size, const uint8_t sha256[HAUL_SHA256_LEN],
                         haul_err *e)
{
    (void)e;
    haul_str_addf(ctx, "%s %llu %d\n", path, (unsigned long long)size, sha256[31]);
    return HAUL_OK;
}

static haul_rc left_line(void *ctx, const haul_left_out *l, haul_err *e)
{
    (void)e;
    haul_str_addf(ctx, "%s %s %s %s %s %s %s %s %s %s %s %s\n", l->item_id, l->status, l->custodian,
                  l->source, l->folder, l->place, l->kind, l->message_id, l->subject, l->reason, l->issues,
                  l->stored_as);
    return HAUL_OK;
}

static haul_rc exception_line(void *ctx, const haul_exception *x, haul_err *e)
{
    (void)e;
    haul_str_addf(ctx, "%s|%s|%s|%s|%s|%s|%s|%s|%s|%s\n", x->docid, x->item_id, x->custodian, x->source,
                  x->folder, x->place, x->kind, x->issue, x->detail, x->disposition);
    return HAUL_OK;
}

static haul_rc folder_line(void *ctx, const char *custodian, const char *source, const char *folder,
                           haul_err *e)
{
    (void)e;
    haul_str_addf(ctx, "%s|%s|%s\n", custodian, source, folder);
    return HAUL_OK;
}

#define SAME(field) cr_expect_str_eq(d->field, want.field, #field);

static haul_rc keep_first(void *ctx, const haul_family *f, haul_err *e)
{
    (void)e;
    haul_doc *d = ctx; /* compared within the walk: its strings die with it */
    haul_doc want = full_doc();
    *d = f->docs[0];
    TESTING_DOC_TEXTS(SAME)
    return HAUL_OK;
}

Test(catalog, gives_back_every_field)
{
    const char *file = testing_path("catalog.db");
    haul_catalog *c = open_catalog(file, false);
    cr_expect_eq(add(c, full_doc()), 1);
    commit(c);
    haul_catalog_close(c);
    c = open_catalog(file, true);
    haul_doc d = {0}, want = full_doc();
    cr_assert_eq(haul_catalog_families(c, HAUL_BY_ROW, keep_first, &d, NULL), HAUL_OK);
    cr_expect_eq(d.row, 1);
    cr_expect_eq(d.parent, 0);
    cr_expect_eq(d.kind, want.kind);
    cr_expect(d.has_sent && d.has_received && d.has_flags && d.has_created && d.has_modified);
    cr_expect_eq(d.sent_us, want.sent_us);
    cr_expect_eq(d.received_us, want.received_us);
    cr_expect_eq(d.sent_tz, want.sent_tz);
    cr_expect_eq(d.received_tz, want.received_tz);
    cr_expect_eq(d.flags, want.flags);
    cr_expect_eq(d.size, want.size);
    cr_expect_eq(d.text_size, want.text_size);
    cr_expect_eq(d.created_us, want.created_us);
    cr_expect_eq(d.modified_us, want.modified_us);
    cr_expect_arr_eq(d.md5, want.md5, sizeof(d.md5));
    cr_expect_arr_eq(d.sha1, want.sha1, sizeof(d.sha1));
    cr_expect_arr_eq(d.sha256, want.sha256, sizeof(d.sha256));
    cr_expect_arr_eq(d.canonical, want.canonical, sizeof(d.canonical));
    cr_expect_arr_eq(d.text_sha256, want.text_sha256, sizeof(d.text_sha256));
    haul_catalog_close(c);
}

Test(catalog, absent_is_not_zero)
{
    haul_catalog *c = open_catalog(testing_path("catalog.db"), false);
    add(c, small_doc("A", 0, "", "", 1));
    haul_arena a = {0};
    haul_doc d;
    uint8_t key[HAUL_SHA256_LEN];
    memset(key, 1, sizeof(key));
    cr_assert_eq(haul_catalog_find(c, false, key, NULL, &a, &d, NULL), HAUL_OK);
    cr_expect(!d.has_sent && !d.has_received && !d.has_flags && !d.has_created && !d.has_modified);
    cr_expect_str_empty(d.subject); /* never NULL, even where it was given as NULL */
    cr_expect_str_empty(d.custodian);
    haul_arena_done(&a);
    haul_catalog_close(c);
}

/* Two custodians, three folders, families of one to three. */
static haul_catalog *three_families(const char *file)
{
    haul_catalog *c = open_catalog(file, false);
    int64_t a = add(c, small_doc("A", 0, "Bob", "Z", 1));
    add(c, small_doc("A-1", a, "Bob", "Z", 9));
    add(c, small_doc("A-2", a, "Bob", "Z", 9));
    int64_t b = add(c, small_doc("B", 0, "Ada", "Inbox", 2));
    add(c, small_doc("C", 0, "Bob", "\xC3\xA9", 3));
    int64_t d = add(c, small_doc("D", 0, "Ada", "Inbox", 4));
    add(c, small_doc("D-1", d, "Ada", "Inbox", 9));
    add(c, small_doc("E", 0, "Bob", "Z", 5));
    add_twin(c, b, "t1", "Cid");
    add_twin(c, a, "t2", "Bob");
    add_twin(c, b, "t3", "Bob");
    add_twin(c, b, "t4", "Cid");
    commit(c);
    return c;
}

Test(catalog, families_by_row_and_by_folder)
{
    haul_catalog *c = three_families(testing_path("catalog.db"));
    expect_families(c, HAUL_BY_ROW,
                    "A(A-1 A-2) [Bob] <t2 in Copies>\n"
                    "B [Ada; Cid; Bob] <t1 in Copies> <t3 in Copies> <t4 in Copies>\n"
                    "C [Bob]\nD(D-1) [Ada]\nE [Bob]\n");
    expect_families(c, HAUL_BY_FOLDER,
                    "B [Ada; Cid; Bob] <t1 in Copies> <t3 in Copies> <t4 in Copies>\nD(D-1) [Ada]\n"
                    "A(A-1 A-2) [Bob] <t2 in Copies>\nE [Bob]\nC [Bob]\n");
    haul_catalog_close(c);
    c = open_catalog(testing_path("catalog.db"), true);
    expect_families(c, HAUL_BY_FOLDER,
                    "B [Ada; Cid; Bob] <t1 in Copies> <t3 in Copies> <t4 in Copies>\nD(D-1) [Ada]\n"
                    "A(A-1 A-2) [Bob] <t2 in Copies>\nE [Bob]\nC [Bob]\n");
    haul_catalog_close(c);
}

Test(catalog, subfolders_follow_their_folder)
{
    static const char *const rows[][2] = {{"3", "A/B"}, {"5", "A B"},   {"6", "A-"}, {"4", "A/B/C"},
                                          {"2", "A"},   {"7", "A\\/B"}, {"1", ""}};
    haul_catalog *c = open_catalog(testing_path("catalog.db"), false);
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        add(c, small_doc(rows[i][0], 0, "Ada", rows[i][1], 1));
    expect_families(c, HAUL_BY_FOLDER, "1 [Ada]\n2 [Ada]\n3 [Ada]\n4 [Ada]\n5 [Ada]\n6 [Ada]\n7 [Ada]\n");
    haul_catalog_close(c);
}

Test(catalog, an_attachment_follows_its_message)
{
    haul_catalog *c = three_families(testing_path("catalog.db"));
    haul_doc d = small_doc("X", 1, "Bob", "Z", 9); /* A's, after E */
    haul_err e = {0};
    int64_t row = -1;
    cr_expect_eq(haul_catalog_add(c, &d, &row, &e), HAUL_E_STATE);
    cr_expect_eq(row, -1);
    cr_expect_eq(haul_catalog_last(c), 8);
    d.parent = 8; /* E's */
    cr_expect_eq(haul_catalog_add(c, &d, &row, &e), HAUL_OK);
    cr_expect_eq(row, 9);
    haul_catalog_close(c);
}

Test(catalog, a_twin_counts_once_and_the_last_time)
{
    haul_catalog *c = three_families(testing_path("catalog.db"));
    add_twin(c, 5, "t1", "Dot"); /* B's before */
    expect_families(c, HAUL_BY_ROW,
                    "A(A-1 A-2) [Bob] <t2 in Copies>\n"
                    "B [Ada; Bob; Cid] <t3 in Copies> <t4 in Copies>\n"
                    "C [Bob; Dot] <t1 in Copies>\nD(D-1) [Ada]\nE [Bob]\n");
    haul_catalog_close(c);
}

static void expect_found(haul_catalog *c, bool by_mih, const void *key, const char *custodian,
                         const char *want)
{
    haul_arena a = {0};
    haul_doc d = {.docid = "none"};
    haul_err e = {0};
    haul_rc rc = haul_catalog_find(c, by_mih, key, custodian, &a, &d, &e);
    cr_expect_eq(rc, want ? HAUL_OK : HAUL_END, "%s", e.text);
    cr_expect_str_eq(d.docid, want ? want : "none");
    haul_arena_done(&a);
}

Test(catalog, finds_by_digest_and_mih_of_one_custodian_or_any)
{
    static const char mih[] = "1de319c276884bd0c9e2f1621ada26cc";
    const char *file = testing_path("catalog.db");
    uint8_t key[HAUL_SHA256_LEN];
    memset(key, 7, sizeof(key));
    haul_catalog *c = three_families(file);
    expect_found(c, false, key, NULL, NULL);
    expect_found(c, true, mih, NULL, NULL);
    haul_doc x = small_doc("X", 0, "Ada", "Inbox", 7), y = small_doc("Y", 0, "Bob", "Inbox", 7);
    y.mih = mih;
    int64_t of = add(c, x); /* before they are committed, too */
    add(c, small_doc("X-1", of, "Ada", "Inbox", 7));
    add(c, y);
    for (int i = 0; i < 2; i++) {
        expect_found(c, false, key, NULL, "X");
        expect_found(c, false, key, "Ada", "X");
        expect_found(c, false, key, "Bob", "Y");
        expect_found(c, false, key, "Cid", NULL);
        expect_found(c, true, mih, NULL, "Y");
        expect_found(c, true, mih, "Ada", NULL);
        memset(key, 9, sizeof(key)); /* attachments are not found */
        expect_found(c, false, key, NULL, NULL);
        memset(key, 7, sizeof(key));
        commit(c);
        haul_catalog_close(c);
        c = open_catalog(file, true); /* without an index that could be made */
    }
    haul_catalog_close(c);
}

Test(catalog, cuts_what_lies_beyond)
{
    const char *file = testing_path("catalog.db");
    haul_catalog *c = three_families(file);
    static const uint8_t sha[HAUL_SHA256_LEN] = {[31] = 77};
    haul_doc with_text = small_doc("F", 0, "Ada", "Inbox", 6);
    with_text.text = "F.txt";
    with_text.text_size = 3;
    cr_assert_eq(haul_catalog_add_file(c, "sources/a", 100, sha, NULL), HAUL_OK); /* behind E: row 8 */
    add_twin(c, add(c, with_text), "t9", "Ada");
    cr_assert_eq(haul_catalog_add_file(c, "F.csv", 5, sha, NULL), HAUL_OK);
    haul_exception gone = {.docid = "F", .kind = "empty"}, stays = {.docid = "E", .kind = "empty"};
    cr_assert_eq(haul_catalog_add_exception(c, &gone, NULL), HAUL_OK);
    cr_assert_eq(haul_catalog_add_exception(c, &stays, NULL), HAUL_OK);
    commit(c);
    haul_auto_str paths = {0}, files = {0}, exceptions = {0};
    cr_assert_eq(haul_catalog_cut(c, 100, path_line, &paths, NULL), HAUL_OK);
    cr_expect_str_empty(haul_strz(&paths));
    cr_assert_eq(haul_catalog_cut(c, 8, path_line, &paths, NULL), HAUL_OK);
    cr_expect_str_eq(haul_strz(&paths), "F\nF.csv\nF.txt\n");
    cr_expect_eq(haul_catalog_last(c), 8);
    haul_str_clear(&paths);
    cr_assert_eq(haul_catalog_cut(c, 4, path_line, &paths, NULL),
                 HAUL_OK); /* C, D, D-1, E; the file behind E */
    cr_expect_str_eq(haul_strz(&paths), "C\nD\nD-1\nE\nsources/a\n");
    expect_families(c, HAUL_BY_ROW,
                    "A(A-1 A-2) [Bob] <t2 in Copies>\n"
                    "B [Ada; Cid; Bob] <t1 in Copies> <t3 in Copies> <t4 in Copies>\n");
    cr_assert_eq(haul_catalog_exceptions(c, exception_line, &exceptions, NULL), HAUL_OK);
    cr_expect_str_empty(haul_strz(&exceptions));
    cr_assert_eq(haul_catalog_files(c, file_line, &files, NULL), HAUL_OK);
    cr_expect_str_eq(haul_strz(&files), "A 10 1\nA-1 10 9\nA-2 10 9\nB 10 2\n");
    /* B is the last message now: what follows is its own. */
    cr_expect_eq(add(c, small_doc("B-1", 4, "Ada", "Inbox", 9)), 5);
    haul_catalog_close(c);
}

Test(catalog, lists_files_by_path_in_octet_order)
{
    haul_catalog *c = open_catalog(testing_path("catalog.db"), false);
    static const uint8_t sha[HAUL_SHA256_LEN] = {[31] = 77}, again[HAUL_SHA256_LEN] = {[31] = 78};
    haul_doc d = small_doc("data/z", 0, "", "", 2), none = small_doc("x", 0, "", "", 4);
    d.text = "data/a";
    d.text_size = 3;
    d.text_sha256[31] = 8;
    none.native = "";
    int64_t row = add(c, d);
    add(c, small_doc("data/B", row, "", "", 3));
    add(c, none);
    cr_assert_eq(haul_catalog_add_file(c, "data/\xC3\xA9", 7, sha, NULL), HAUL_OK);
    cr_assert_eq(haul_catalog_add_file(c, "data/\xC3\xA9", 8, again, NULL), HAUL_OK);
    haul_auto_str files = {0};
    cr_assert_eq(haul_catalog_files(c, file_line, &files, NULL), HAUL_OK);
    cr_expect_str_eq(haul_strz(&files), "data/B 10 3\ndata/a 3 8\ndata/z 10 2\ndata/\xC3\xA9 8 78\n");
    haul_catalog_totals t;
    cr_assert_eq(haul_catalog_count(c, &t, NULL), HAUL_OK);
    cr_expect_eq(t.messages, 2);
    cr_expect_eq(t.attachments, 1);
    cr_expect_eq(t.files, 4);
    cr_expect_eq(t.octets, 10 + 10 + 3 + 8);
    haul_catalog_close(c);
}

static void leave_out(haul_catalog *c, const char *id, const char *status, const char *folder)
{
    haul_left_out l = {.item_id = id,
                       .status = status,
                       .custodian = "cu",
                       .source = "s",
                       .folder = folder,
                       .place = "pl",
                       .kind = "mail",
                       .message_id = "mi",
                       .subject = "su",
                       .reason = "re",
                       .issues = "is",
                       .stored_as = "st"};
    cr_assert_eq(haul_catalog_add_left_out(c, &l, NULL), HAUL_OK);
}

Test(catalog, left_out_items_and_their_folders)
{
    haul_catalog *c = open_catalog(testing_path("catalog.db"), false);
    haul_auto_str lines = {0}, folders = {0};
    leave_out(c, "i1", "failed", "Spam");
    leave_out(c, "i2", "filtered", "Spam");
    leave_out(c, "i1", "filtered", "Trash"); /* the last one counts */
    leave_out(c, "i3", "duplicate", "Copies only");
    leave_out(c, "i4", "filtered", "Inbox");
    leave_out(c, "i5", "failed", "Twins");
    leave_out(c, "i6", "failed", "Elsewhere");
    cr_assert_eq(haul_catalog_drop_left_out(c, "i6", NULL), HAUL_OK);
    int64_t row = add(c, small_doc("A", 0, "cu", "Inbox", 1));
    haul_twin t = {.of = row, .item_id = "t", .custodian = "cu", .source = "s", .folder = "Twins"};
    cr_assert_eq(haul_catalog_add_twin(c, &t, NULL), HAUL_OK);
    cr_assert_eq(haul_catalog_left_out(c, left_line, &lines, NULL), HAUL_OK);
    cr_expect_str_eq(haul_strz(&lines), "i2 filtered cu s Spam pl mail mi su re is st\n"
                                        "i1 filtered cu s Trash pl mail mi su re is st\n"
                                        "i3 duplicate cu s Copies only pl mail mi su re is st\n"
                                        "i4 filtered cu s Inbox pl mail mi su re is st\n"
                                        "i5 failed cu s Twins pl mail mi su re is st\n");
    cr_assert_eq(haul_catalog_folders_left_out(c, folder_line, &folders, NULL), HAUL_OK);
    cr_expect_str_eq(haul_strz(&folders), "cu|s|Spam\ncu|s|Trash\n");
    haul_catalog_totals totals;
    cr_assert_eq(haul_catalog_count(c, &totals, NULL), HAUL_OK);
    cr_expect_eq(totals.left_out_filtered, 3);
    cr_expect_eq(totals.left_out_failed, 1);
    cr_expect_eq(totals.twins, 1);
    haul_catalog_close(c);
}

Test(catalog, exceptions_and_named_facts)
{
    haul_catalog *c = open_catalog(testing_path("catalog.db"), false);
    haul_exception x = {"A", "i", "cu", "so", "fo", "pl", "ki", "is", "de", "di"};
    cr_assert_eq(haul_catalog_add_exception(c, &x, NULL), HAUL_OK);
    cr_assert_eq(haul_catalog_add_exception(c, &x, NULL), HAUL_OK); /* once more, as a resumed run does */
    x.detail = "other";
    cr_assert_eq(haul_catalog_add_exception(c, &x, NULL), HAUL_OK);
    haul_auto_str lines = {0};
    cr_assert_eq(haul_catalog_exceptions(c, exception_line, &lines, NULL), HAUL_OK);
    cr_expect_str_eq(haul_strz(&lines), "A|i|cu|so|fo|pl|ki|is|de|di\nA|i|cu|so|fo|pl|ki|is|other|di\n");
    cr_expect_null(haul_catalog_meta(c, "matter"));
    cr_assert_eq(haul_catalog_set_meta(c, "matter", "M-1", NULL), HAUL_OK);
    cr_assert_eq(haul_catalog_set_meta(c, "matter", "M-17", NULL), HAUL_OK);
    cr_expect_str_eq(haul_catalog_meta(c, "matter"), "M-17");
    haul_catalog_close(c);
}

/* Adds and dies in the middle of a transaction. */
static void be_killed(const char *file)
{
    pid_t pid = fork();
    if (pid == 0) {
        haul_catalog *c = open_catalog(file, false);
        add(c, small_doc("lost", 0, "Ada", "New", 8));
        add_twin(c, 1, "t99", "Zoe");
        leave_out(c, "i1", "failed", "Spam");
        cr_assert_eq(haul_catalog_set_meta(c, "matter", "M-2", NULL), HAUL_OK);
        _exit(9);
    }
    int status = 0;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(WEXITSTATUS(status), 9);
}

Test(catalog, a_killed_run_leaves_nothing_half)
{
    const char *file = testing_path("catalog.db");
    haul_catalog *c = three_families(file);
    cr_assert_eq(haul_catalog_set_meta(c, "matter", "M-1", NULL), HAUL_OK);
    commit(c);
    haul_catalog_close(c);
    be_killed(file);
    c = open_catalog(file, false);
    cr_expect_eq(haul_catalog_last(c), 8);
    cr_expect_str_eq(haul_catalog_meta(c, "matter"), "M-1");
    haul_catalog_totals t;
    cr_assert_eq(haul_catalog_count(c, &t, NULL), HAUL_OK);
    cr_expect_eq(t.messages, 5);
    cr_expect_eq(t.attachments, 3);
    cr_expect_eq(t.twins, 4);
    cr_expect_eq(t.left_out_failed, 0);
    cr_expect_eq(add(c, small_doc("F", 0, "Ada", "New", 8)), 9);
    haul_catalog_close(c); /* drops it */
    cr_expect_neq(access(testing_path("catalog.db-wal"), F_OK), 0);
    c = open_catalog(file, true);
    cr_expect_eq(haul_catalog_last(c), 8);
    haul_catalog_close(c);
}

typedef struct nested {
    haul_catalog *c;
    haul_str lines;
    int walks;
} nested;

/* What a load file's caller does: it asks and writes while it stands in a family. */
static haul_rc walk_within(void *ctx, const haul_family *f, haul_err *e)
{
    nested *n = ctx;
    haul_exception x = {.docid = f->docs[0].docid, .kind = "k"};
    haul_rc rc = haul_catalog_add_exception(n->c, &x, e);
    if (rc == HAUL_OK && n->walks++ == 1)
        rc = haul_catalog_commit(n->c, e);
    if (rc == HAUL_OK && n->walks == 3)
        rc = haul_catalog_families(n->c, HAUL_BY_FOLDER, family_line, &n->lines, e);
    expect_found(n->c, false, (uint8_t[HAUL_SHA256_LEN]){0}, NULL, NULL);
    return rc;
}

Test(catalog, may_be_asked_and_written_within_a_walk)
{
    nested n = {.c = three_families(testing_path("catalog.db"))};
    haul_err e = {0};
    cr_assert_eq(haul_catalog_families(n.c, HAUL_BY_ROW, walk_within, &n, &e), HAUL_OK, "%s", e.text);
    cr_expect_eq(n.walks, 5);
    cr_expect_eq(strncmp(haul_strz(&n.lines), "B [Ada", 6), 0);
    haul_catalog_totals t;
    cr_assert_eq(haul_catalog_count(n.c, &t, NULL), HAUL_OK);
    cr_expect_eq(t.exceptions, 5);
    haul_str_done(&n.lines);
    haul_catalog_close(n.c);
}

static haul_rc refuse(void *ctx, const haul_family *f, haul_err *e)
{
    ++*(int *)ctx;
    return haul_fail(e, HAUL_E_TARGET, "enough at %s", f->docs[0].docid);
}

Test(catalog, the_caller_s_failure_ends_a_walk)
{
    haul_catalog *c = three_families(testing_path("catalog.db"));
    haul_err e = {0};
    int calls = 0;
    cr_expect_eq(haul_catalog_families(c, HAUL_BY_ROW, refuse, &calls, &e), HAUL_E_TARGET);
    cr_expect_eq(calls, 1);
    cr_expect_str_eq(e.text, "enough at A");
    haul_catalog_close(c);
}

static void make_db(const char *file, const char *sql)
{
    sqlite3 *db = NULL;
    cr_assert_eq(sqlite3_open(file, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

Test(catalog, refuses_what_is_none)
{
    haul_catalog *c = NULL;
    haul_err e = {0};
    cr_expect_eq(haul_catalog_open(testing_path("absent.db"), true, &c, &e), HAUL_E_STATE);
    testing_write(testing_path("text.db"), "not a database, and long enough to be looked at as one", 54);
    cr_expect_eq(haul_catalog_open(testing_path("text.db"), false, &c, &e), HAUL_E_STATE);
    make_db(testing_path("other.db"), "CREATE TABLE t(x); PRAGMA user_version = 1;");
    cr_expect_eq(haul_catalog_open(testing_path("other.db"), false, &c, &e), HAUL_E_STATE);
    cr_expect(strstr(e.text, "not a catalogue") != NULL, "%s", e.text);
    haul_catalog_close(open_catalog(testing_path("newer.db"), false));
    make_db(testing_path("newer.db"), "PRAGMA user_version = 7;");
    cr_expect_eq(haul_catalog_open(testing_path("newer.db"), true, &c, &e), HAUL_E_STATE);
    cr_expect(strstr(e.text, "version 7") != NULL, "%s", e.text);
    cr_expect_null(c);
}
