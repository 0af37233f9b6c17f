/* Load files and tag files octet by octet where a small one shows it; check_hold_load.py reads large ones with other programs. */
#include "hold/csv.h"
#include "hold/package.h"

#include "testing.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct memory { /* an out that keeps what it gets, and fails behind `room` octets */
    haul_out out;
    haul_str got;
    size_t room;
} memory;

static haul_rc to_memory(haul_out *o, const void *p, size_t n, haul_err *e)
{
    memory *m = (memory *)o;
    if (n > m->room)
        return haul_fail(e, HAUL_E_TARGET, "the disk is full");
    m->room -= n;
    haul_str_add(&m->got, p, n);
    return HAUL_OK;
}

static memory new_memory(void)
{
    return (memory){.out = {to_memory}, .room = SIZE_MAX};
}

static haul_case a_case(void)
{
    return (haul_case){.matter = "M-17", .custodian = "", .description = "d", .time_zone = "UTC"};
}

static haul_doc a_message(const char *docid, const char *subject)
{
    haul_doc d = {.docid = docid,
                  .item_id = docid,
                  .custodian = "Ada",
                  .source = "a",
                  .folder = "Inbox",
                  .place = "Inbox@0",
                  .from = "ada@x.example",
                  .subject = subject,
                  .has_sent = true,
                  .sent_us = INT64_C(1558629353999999), /* 2019-05-23 16:35:53.999999 */
                  .has_flags = true,
                  .flags = HAUL_FLAG_SEEN,
                  .file_name = "x.eml",
                  .native = "data/mail/x.eml",
                  .size = 7};
    return d;
}

/* A message with one attachment, and a twin of Bob's. */
static haul_catalog *a_family(const char *subject)
{
    haul_catalog *c = NULL;
    haul_err e = {0};
    int64_t row = 0, unused;
    haul_doc m = a_message("A1", subject),
             a = {.docid = "A2", .item_id = "A1", .custodian = "Ada", .native = "n/0001.PDF"};
    haul_twin t = {
        .item_id = "t", .custodian = "Bob", .source = "b", .folder = "Copies", .place = "Copies@1"};
    cr_assert_eq(haul_catalog_open(testing_path("catalog.db"), false, &c, &e), HAUL_OK, "%s", e.text);
    cr_assert_eq(haul_catalog_add(c, &m, &row, &e), HAUL_OK, "%s", e.text);
    a.parent = t.of = row;
    cr_assert_eq(haul_catalog_add(c, &a, &unused, &e), HAUL_OK, "%s", e.text);
    cr_assert_eq(haul_catalog_add_twin(c, &t, &e), HAUL_OK, "%s", e.text);
    return c;
}

static haul_rc note_line(void *ctx, const char *docid, const char *field, unsigned codepoint, uint64_t n,
                         haul_err *e)
{
    (void)e;
    haul_str_addf(ctx, "%s %s U+%04X %llu\n", docid, field, codepoint, (unsigned long long)n);
    return HAUL_OK;
}

/* Record `number` of the DAT of one family, without its CRLF. */
static void dat_record(const char *subject, haul_case k, int number, haul_str *ret, haul_str *ret_notes,
                       uint64_t *ret_n)
{
    haul_catalog *c = a_family(subject);
    memory m = new_memory();
    haul_err e = {0};
    haul_load_notes n = {.fn = note_line, .ctx = ret_notes};
    cr_assert_eq(haul_load_dat(c, &k, &m.out, &n, &e), HAUL_OK, "%s", e.text);
    const char *at = haul_strz(&m.got), *end = strstr(at, "\r\n");
    for (; number > 0; number--) {
        at = end + 2;
        end = strstr(at, "\r\n");
    }
    haul_str_add(ret, at, (size_t)(end - at));
    *ret_n = n.replaced;
    haul_str_done(&m.got);
    haul_catalog_close(c);
}

#define T   "\xC3\xBE"
#define S   T "\x14" T
#define Z32 "00000000000000000000000000000000"
#define Z40 Z32 "00000000"
#define Z64 Z32 Z32

Test(load, a_dat_record_octet_by_octet)
{
    haul_auto_str header = {0}, message = {0}, attachment = {0}, notes = {0};
    uint64_t n;
    dat_record("hello", a_case(), 0, &header, &notes, &n);
    cr_expect_eq(strncmp(haul_strz(&header), "\xEF\xBB\xBF" T "DOCID" S "PARENT_DOCID" S "BEGDOC" S, 40), 0);
    dat_record("hello", a_case(), 1, &message, &notes, &n);
    cr_expect_str_eq(haul_strz(&message), T
                     "A1" S S "A1" S "A1" S "A1" S "A2" S "A2" S "Ada" S "Ada;Bob" S "a" S "Inbox" S "Email" S
                     "ada@x.example" S S S S "hello" S "20190523" S "16:35:53" S S S "UTC" S S S S S S S "Y" S
                     "N" S "1" S S "x.eml" S "eml" S S "7" S Z32 S Z40 S Z64 S S S "data/mail/x.eml" S S T);
    dat_record("hello", a_case(), 2, &attachment, &notes, &n);
    cr_expect_str_eq(haul_strz(&attachment),
                     T "A2" S "A1" S "A2" S "A2" S "A1" S "A2" S S "Ada" S "Ada;Bob" S S S
                       "Attachment" S S S S S S S S S S "UTC" S S S S S S S S S S S S "pdf" S S
                       "0" S Z32 S Z40 S Z64 S S S "n/0001.PDF" S S T);
    cr_expect_eq(n, 0);
    cr_expect_str_empty(haul_strz(&notes));
}

static void expect_subject(const char *subject, bool cp1252, const char *want, const char *want_notes,
                           uint64_t want_n)
{
    haul_auto_str record = {0}, notes = {0};
    haul_case k = a_case();
    uint64_t n;
    k.cp1252 = cp1252;
    dat_record(subject, k, 1, &record, &notes, &n);
    cr_expect(strstr(haul_strz(&record), want) != NULL, "%s in %s", want, haul_strz(&record));
    cr_expect_str_eq(haul_strz(&notes), want_notes);
    cr_expect_eq(n, want_n);
}

Test(load, delimiters_in_dat_values_are_replaced_and_told)
{
    expect_subject("a\x14"
                   "b\xC3\xBE\xC3\xBE\xC2\xAE",
                   false,
                   T "a\xEF\xBF\xBD"
                     "b\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" T,
                   "A1 SUBJECT U+0014 1\nA1 SUBJECT U+00AE 1\nA1 SUBJECT U+00FE 2\n", 4);
    /* Line ends become the newline mark, one each; capital thorn is no delimiter. */
    expect_subject("\r\n\n\r\xC3\x9E", false, T "\xC2\xAE\xC2\xAE\xC2\xAE\xC3\x9E" T, "", 0);
}

Test(load, windows_1252_has_single_octets_and_no_bom)
{
    expect_subject("\xE2\x82\xAC\xC3\xA9\n", true, "\xFE\x80\xE9\xAE\xFE\x14\xFE", "", 0);
    expect_subject("\xE6\x97\xA5x\xC3\xBE\x14", true, "\xFE?x??\xFE",
                   "A1 SUBJECT U+0014 1\nA1 SUBJECT U+00FE 1\nA1 SUBJECT U+65E5 1\n", 3);
    haul_auto_str header = {0}, notes = {0};
    haul_case k = a_case();
    uint64_t n;
    k.cp1252 = true;
    dat_record("", k, 0, &header, &notes, &n);
    cr_expect_eq(strncmp(haul_strz(&header),
                         "\xFE"
                         "DOCID\xFE\x14\xFEPARENT_DOCID\xFE",
                         22),
                 0);
}

Test(load, dates_are_in_the_declared_zone)
{
    haul_auto_str record = {0}, notes = {0};
    haul_case k = a_case();
    uint64_t n;
    k.time_zone = "+09:00";
    k.tz_min = 540;
    dat_record("x", k, 1, &record, &notes, &n);
    cr_expect(strstr(haul_strz(&record), S "20190524" S "01:35:53" S S S "+09:00" S) != NULL);
}

Test(load, items_csv_and_an_empty_opt)
{
    haul_catalog *c = a_family("say \"x\",\r\n=1+1");
    memory csv = new_memory(), opt = new_memory();
    haul_case k = a_case();
    cr_assert_eq(haul_load_csv(c, &k, &csv.out, NULL), HAUL_OK);
    cr_expect_eq(strncmp(haul_strz(&csv.got), "\"DOCID\",\"PARENT_DOCID\",", 23), 0);
    cr_expect(strstr(haul_strz(&csv.got), ",\"say \"\"x\"\",\r\n=1+1\",\"20190523\",\"16:35:53\",") != NULL);
    cr_expect(haul_ends(haul_strz(&csv.got), ",\"n/0001.PDF\",\"\",\"\"\r\n"));
    cr_assert_eq(haul_load_opt(c, &k, &opt.out, NULL), HAUL_OK);
    cr_expect_eq(opt.got.len, 0);
    haul_str_done(&csv.got);
    haul_catalog_close(c);
}

Test(load, edrm_names_every_place_of_a_twin)
{
    haul_catalog *c = a_family("a\x01"
                               "b <&> \"q\"");
    memory m = new_memory();
    haul_case k = a_case();
    haul_auto_str notes = {0};
    haul_err e = {0};
    haul_load_notes n = {.fn = note_line, .ctx = &notes};
    cr_assert_eq(haul_load_edrm(c, &k, &m.out, &n, &e), HAUL_OK, "%s", e.text);
    static const char *const wanted[] = {
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Root MajorVersion=\"1\" MinorVersion=\"2\" "
        "Description=\"d\"",
        "<Document DocID=\"A1\" DocType=\"Message\" MimeType=\"\">",
        "<Document DocID=\"A2\" DocType=\"File\" MimeType=\"\">",
        "<Tag TagName=\"#Subject\" TagValue=\"a\xEF\xBF\xBD"
        "b &lt;&amp;&gt; &quot;q&quot;\" TagDataType=\"LongText\"/>",
        "<Tag TagName=\"#DateSent\" TagValue=\"2019-05-23T16:35:53+00:00\" TagDataType=\"DateTime\"/>",
        "<ExternalFile FilePath=\"data/mail\" FileName=\"x.eml\" FileSize=\"7\" Hash=\"" Z32 "\"/>",
        "<Custodian>Bob</Custodian>",
        "<LocationURI>b#Copies@1</LocationURI>",
        "<Description>Copies</Description>",
        "<Relationship Type=\"Attachment\" ParentDocID=\"A1\" ChildDocID=\"A2\"/>",
        "<Folder FolderName=\"Ada/a/Inbox\">",
    };
    for (size_t i = 0; i < HAUL_COUNT(wanted); i++)
        cr_expect(strstr(haul_strz(&m.got), wanted[i]) != NULL, "%s", wanted[i]);
    cr_expect_str_eq(haul_strz(&notes), "A1 #Subject U+0001 1\n");
    cr_expect_eq(n.replaced, 1);
    haul_str_done(&m.got);
    haul_catalog_close(c);
}

static haul_rc refuse(void *ctx, const char *docid, const char *field, unsigned codepoint, uint64_t n,
                      haul_err *e)
{
    (void)ctx;
    (void)docid;
    (void)codepoint;
    (void)n;
    return haul_fail(e, HAUL_E_STATE, "no note of %s", field);
}

Test(load, notes_may_be_absent_and_their_failure_is_returned)
{
    haul_catalog *c = a_family("\x14");
    haul_case k = a_case();
    haul_err e = {0};
    haul_load_notes count = {0}, refused = {.fn = refuse};
    memory m = new_memory();
    cr_expect_eq(haul_load_dat(c, &k, &m.out, NULL, &e), HAUL_OK);
    cr_expect_eq(haul_load_edrm(c, &k, &m.out, NULL, &e), HAUL_OK);
    cr_expect_eq(haul_load_dat(c, &k, &m.out, &count, &e), HAUL_OK);
    cr_expect_eq(count.replaced, 1);
    cr_expect_eq(haul_load_dat(c, &k, &m.out, &refused, &e), HAUL_E_STATE);
    cr_expect_str_eq(e.text, "no note of SUBJECT");
    cr_expect_eq(haul_load_edrm(c, &k, &m.out, &refused, &e), HAUL_E_STATE);
    cr_expect_str_eq(e.text, "no note of #Subject");
    haul_str_done(&m.got);
    haul_catalog_close(c);
}

Test(load, a_full_disk_ends_every_writer)
{
    haul_catalog *c = a_family("x");
    haul_case k = a_case();
    for (size_t room = 0; room < 3000; room += 37) {
        for (int which = 0; which < 3; which++) {
            memory m = new_memory();
            haul_err e = {0};
            m.room = room;
            haul_rc rc = which == 0   ? haul_load_dat(c, &k, &m.out, NULL, &e)
                         : which == 1 ? haul_load_csv(c, &k, &m.out, &e)
                                      : haul_load_edrm(c, &k, &m.out, NULL, &e);
            if (rc != HAUL_OK) {
                cr_expect_eq(rc, HAUL_E_TARGET);
                cr_expect_str_eq(e.text, "the disk is full");
            }
            cr_expect(rc != HAUL_OK || room > 500);
            haul_str_done(&m.got);
        }
    }
    haul_catalog_close(c);
}

/* ── tag files ── */

static void expect_file(const char *name, const char *want)
{
    char *got = testing_read(testing_path("%s", name), NULL);
    cr_expect_str_eq(got ? got : "absent", want ? want : "absent", "%s: %s", name, got ? got : "absent");
    free(got);
}

Test(tags, every_file_and_nothing_of_an_earlier_run)
{
    haul_catalog *c = a_family("s");
    haul_case k = a_case();
    haul_err e = {0};
    haul_left_out filtered = {.item_id = "i1",
                              .status = "filtered",
                              .custodian = "Ada",
                              .source = "a",
                              .folder = "10%\nSpam",
                              .message_id = "<a@x>",
                              .reason = "before 2019"},
                  failed = {.item_id = "i2",
                            .status = "failed",
                            .custodian = "Ada",
                            .source = "a",
                            .folder = "Inbox"},
                  duplicate = {.item_id = "i3",
                               .status = "duplicate",
                               .source = "a",
                               .folder = "Other",
                               .message_id = "<b@x>",
                               .stored_as = "A1"};
    haul_exception x = {
        .docid = "A2", .item_id = "A1", .kind = "empty", .detail = "0 octets", .disposition = "kept"};
    cr_assert_eq(haul_catalog_add_left_out(c, &filtered, NULL), HAUL_OK);
    cr_assert_eq(haul_catalog_add_left_out(c, &failed, NULL), HAUL_OK);
    cr_assert_eq(haul_catalog_add_left_out(c, &duplicate, NULL), HAUL_OK);
    cr_assert_eq(haul_catalog_add_exception(c, &x, NULL), HAUL_OK);
    static const char *const stale[] = {"mailbag-1.csv",  "mailbag-2.csv",    "mailbag-01.csv",
                                        "mailbag-02.csv", ".mailbag.csv.tmp", "mailbag.csv"};
    for (size_t i = 0; i < HAUL_COUNT(stale); i++)
        testing_write(testing_path("%s", stale[i]), "old", 3);
    haul_auto_fd int root = open(testing_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(haul_tags_write(c, &k, root, &e), HAUL_OK, "%s", e.text);
    for (size_t i = 0; i + 1 < HAUL_COUNT(stale); i++)
        expect_file(stale[i], NULL);
    expect_file(
        "mailbag.csv",
        "\"Error\",\"Mailbag-Message-ID\",\"Message-ID\",\"Original-File\",\"Message-Path\",\"Derivatives-"
        "Path\","
        "\"Attachments\",\"Date\",\"From\",\"To\",\"Cc\",\"Bcc\",\"Subject\",\"Content-Type\"\r\n"
        "\"\",\"A1\",\"\",\"a\",\"Inbox\",\"\",\"1\",\"\",\"ada@x.example\",\"\",\"\",\"\",\"s\",\"\"\r\n");
    expect_file(
        "attachments.csv",
        "\"Mailbag-Message-ID\",\"Attachment-ID\",\"Original-Filename\",\"Mailbag-Filename\",\"MimeType\","
        "\"Content-ID\"\r\n\"A1\",\"A2\",\"unknown\",\"0001.PDF\",\"\",\"\"\r\n");
    expect_file(
        "exceptions.csv",
        "\"Mailbag-Message-ID\",\"Item\",\"Custodian\",\"Source\",\"Folder\",\"Place\",\"Kind\",\"Issue\","
        "\"Detail\","
        "\"Disposition\"\r\n\"A2\",\"A1\",\"\",\"\",\"\",\"\",\"empty\",\"\",\"0 octets\",\"kept\"\r\n");
    expect_file("messages_not_retained.csv",
                "\"Item\",\"Status\",\"Reason\",\"Kind\",\"Message-ID\",\"Subject\",\"Custodian\",\"Source\","
                "\"Folder\","
                "\"Place\",\"Issues\",\"Stored-As\"\r\n"
                "\"i1\",\"filtered\",\"before "
                "2019\",\"\",\"<a@x>\",\"\",\"Ada\",\"a\",\"10%\nSpam\",\"\",\"\",\"\"\r\n"
                "\"i2\",\"failed\",\"\",\"\",\"\",\"\",\"Ada\",\"a\",\"Inbox\",\"\",\"\",\"\"\r\n"
                "\"i3\",\"duplicate\",\"\",\"\",\"<b@x>\",\"\",\"\",\"a\",\"Other\",\"\",\"\",\"A1\"\r\n");
    expect_file("messages_not_retained.txt", "a@x\n");
    expect_file("folders_not_retained.txt", "10%25%0ASpam\n");
    haul_catalog_close(c);
}
