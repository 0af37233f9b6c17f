/* The bag of a package: lines of manifests, the order of files, sealing, and what sealing refuses. RFC 8493. */
#include "hold/bag.h"
#include "hold/package.h"
#include "hold/scan.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* ── lines ── */

Test(bag_line, both_ways)
{
    static const struct {
        const char *path, *line;
    } rows[] = {
        {"data/a.eml", HEX "  data/a.eml\n"},
        {"data/a b  c", HEX "  data/a b  c\n"},
        {"data/100%", HEX "  data/100%25\n"},
        {"data/%0A", HEX "  data/%250A\n"},
        {"data/x\ny\rz", HEX "  data/x%0Ay%0Dz\n"},
        {"data/\xd7\xa9\xf0\x9f\x93\xa7\xff\\*", HEX "  data/\xd7\xa9\xf0\x9f\x93\xa7\xff\\*\n"},
        {"data/\n", HEX "  data/%0A\n"},
    };
    static const uint8_t sha256[HAUL_SHA256_LEN] = {
        0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
        0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    haul_bag_entry entry = {0};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str line = {0};
        haul_bag_line(&line, sha256, rows[i].path);
        cr_assert_str_eq(line.p, rows[i].line);
        const char *fault = haul_bag_parse(line.p, line.len - 1, true, &entry);
        cr_assert_null(fault, "%s: %s", rows[i].line, fault);
        cr_assert_str_eq(entry.path.p, rows[i].path);
        cr_assert_arr_eq(entry.sha256, sha256, HAUL_SHA256_LEN);
    }
    haul_str_done(&entry.path);
}

Test(bag_line, refused)
{
    static const struct {
        const char *line;
        bool payload;
        const char *fault;
    } rows[] = {
        {"", true, "too short"},
        {HEX, true, "too short"},
        {HEX "  ", true, "too short"},
        {HEX " data/a", true, "two blanks"},
        {HEX " *data/a", true, "two blanks"},
        {HEX "\t data/a", true, "two blanks"},
        {"g" HEX "  data/a", true, "hex"},
        {"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef  data/a", true, "lower-case"},
        {"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde  data/aa", true, "hex"},
        {HEX "   data/a", true, "not below data"},
        {HEX "  a", true, "not below data"},
        {HEX "  data", true, "not below data"},
        {HEX "  data/", true, "out of the package"},
        {HEX "  /data/a", true, "out of the package"},
        {HEX "  data/../a", true, "out of the package"},
        {HEX "  ../a", false, "out of the package"},
        {HEX "  data/..", true, "out of the package"},
        {HEX "  data/./a", true, "out of the package"},
        {HEX "  data//a", true, "out of the package"},
        {HEX "  data/%2e%2e/a", true, "RFC 8493"},
        {HEX "  data/%2E", true, "RFC 8493"},
        {HEX "  data/%0d", true, "RFC 8493"},
        {HEX "  data/%2", true, "RFC 8493"},
        {HEX "  data/%", true, "RFC 8493"},
        {HEX "  data/a\r", true, "RFC 8493"},
        {HEX "  data/a", false, "one of the payload"},
        {HEX "  tagmanifest-sha256.txt", false, "list itself"},
    };
    haul_bag_entry entry = {0};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        const char *fault = haul_bag_parse(rows[i].line, strlen(rows[i].line), rows[i].payload, &entry);
        cr_assert(fault && strstr(fault, rows[i].fault), "%s: %s", rows[i].line, fault ? fault : "taken");
    }
    cr_assert_not_null(haul_bag_parse(HEX "  data/a\0b", sizeof(HEX "  data/a\0b") - 1, true, &entry));
    haul_str_done(&entry.path);
}

/* "1:data/a 2!fault …" */
static void list_text(const char *text, size_t step, haul_str *to)
{
    haul_auto(haul_in) *in = haul_in_from_mem(text, strlen(text), step);
    haul_bag_list l = {.in = in, .payload = true};
    const char *fault = NULL;
    haul_err e = {0};
    haul_rc rc;
    while ((rc = haul_bag_next(&l, &fault, &e)) == HAUL_OK)
        haul_str_addf(to, "%d%s%s|", (int)l.line, fault ? "!" : ":", fault ? fault : l.entry.path.p);
    cr_assert_eq(rc, HAUL_END);
    haul_bag_list_done(&l);
}

Test(bag_line, list)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"", ""},
        {HEX "  data/a\n" HEX "  data/a b\n" HEX "  data/a/b\n" HEX "  data/\xff\n",
         "1:data/a|2:data/a b|3:data/a/b|4:data/\xff|"},
        {HEX "  data/a\n" HEX "  data/b", "1:data/a|2!the line has no end|"},
        {HEX "  data/b\n" HEX "  data/a\n" HEX "  data/c\n",
         "1:data/b|2!the path is not in octet order|3:data/c|"},
        {HEX "  data/b\n" A64 "  data/b\n", "1:data/b|2!the path is listed twice|"},
        {HEX "  data/a\n\n" HEX "  data/c\n", "1:data/a|2!too short for a digest and a path|3:data/c|"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        for (size_t step = 0; step < 2; step++) {
            haul_auto_str got = {0};
            list_text(rows[i].text, step, &got);
            cr_assert_str_eq(haul_strz(&got), rows[i].want);
        }
}

Test(bag_line, long_line)
{
    haul_auto_str text = {0}, got = {0};
    haul_str_addz(&text, HEX "  data/");
    while (text.len < 3 * HAUL_BAG_LINE_MAX)
        haul_str_addz(&text, "xxxxxxxxxxxxxxxx");
    haul_str_addz(&text, "\n" HEX "  data/z\n");
    list_text(text.p, 0, &got);
    cr_assert_str_eq(got.p, "1!the line is too long|2:data/z|");
}

Test(bag_info, fields)
{
    static const char info[] =
        "Bag-Type: Mailbag\nExternal-Description: a long one\n that goes  \n\ton here\n"
        "bag-type-not: x\nTwice: 1\ntwice:2\n folded\nEmpty:\nLast: no end";
    static const struct {
        const char *label, *want;
        unsigned n;
    } rows[] = {{"Bag-Type", "Mailbag", 1}, {"External-Description", "a long one that goes on here", 1},
                {"Twice", "1", 2},          {"Empty", "", 1},
                {"Last", "no end", 1},      {"Bag", "", 0},
                {"folded", "", 0}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str value = {0};
        cr_assert_eq(haul_bag_field(info, sizeof(info) - 1, rows[i].label, &value), rows[i].n);
        cr_assert_str_eq(haul_strz(&value), rows[i].want);
    }
}

/* ── the order of files ── */

static int root_fd(void)
{
    static int fd = -1;
    if (fd < 0)
        fd = open(testing_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert(fd >= 0);
    return fd;
}

static haul_rc add_line(void *ctx, const char *path, int dirfd, const char *name, haul_err *e)
{
    (void)e;
    cr_assert_eq(faccessat(dirfd, name, R_OK, 0), 0, "%s", path);
    haul_str_addf(ctx, "%s\n", path);
    return HAUL_OK;
}

static haul_rc add_other(void *ctx, const char *path, const char *what, haul_err *e)
{
    (void)e;
    haul_str_addf(ctx, "%s: %s\n", path, what);
    return HAUL_OK;
}

static bool not_kept(void *ctx, const char *path)
{
    (void)ctx;
    return strcmp(path, "keep") != 0;
}

Test(scan, order)
{
    static const char *const names[] = {"a.b",     "a/b",        "a0", "a/b.c",  "a-b/x",
                                        "a/b-c/d", "\xc3\xa4/1", "Z",  "a/\x01", "keep/not"};
    static const char want[] =
        "Z\na-b/x\na.b\na/\x01\na/b\na/b-c/d\na/b.c\na0\nfifo: neither a file nor a directory\n"
        "link: a symbolic link\n\xc3\xa4/1\n";
    haul_auto_str got = {0};
    haul_err e = {0};
    const haul_scan scan = {.file = add_line, .other = add_other, .enter = not_kept, .ctx = &got};
    for (size_t i = 0; i < HAUL_COUNT(names); i++)
        testing_write(testing_path("%s", names[i]), "x", 1);
    cr_assert_eq(symlinkat("a", root_fd(), "link"), 0);
    cr_assert_eq(mkfifoat(root_fd(), "fifo", 0600), 0);
    cr_assert_eq(haul_scan_files(root_fd(), "", &scan, &e), HAUL_OK, "%s", e.text);
    cr_assert_str_eq(got.p, want);
    haul_str_clear(&got);
    cr_assert_eq(haul_scan_files(root_fd(), "data", &scan, &e), HAUL_OK, "%s", e.text);
    cr_assert_eq(strncmp(got.p, "data/Z\ndata/a-b/x\n", 18), 0);
}

Test(scan, deep)
{
    haul_auto_str path = {0}, got = {0};
    haul_err e = {0};
    const haul_scan scan = {.file = add_line, .other = add_other, .ctx = &got};
    for (unsigned i = 0; i <= HAUL_SCAN_DEPTH_MAX; i++)
        haul_str_addz(&path, "d/");
    testing_write(testing_path("%sf", path.p), "x", 1);
    cr_assert_eq(haul_scan_files(root_fd(), "", &scan, &e), HAUL_OK, "%s", e.text);
    cr_assert(haul_ends(got.p, "d: a directory too deep in others\n"), "%s", got.p);
}

/* ── sealing ── */

static const haul_case the_case = {.matter = "M-17\r\nBag-Type: other",
                                   .custodian = "legal",
                                   .description = "",
                                   .organization = "Harbour\tLtd",
                                   .contact = "ada@harbour.example",
                                   .source_kinds = "none",
                                   .created = "2026-11-27T03:00:00Z",
                                   .version = "0.1",
                                   .time_zone = "UTC",
                                   .volume = ""};

static const char *catalog_path(void)
{
    return testing_path(".mailhaul/catalog.db");
}

static void digest(const char *text, uint8_t sha256[HAUL_SHA256_LEN])
{
    haul_auto(haul_sha256) *h = haul_sha256_new();
    haul_sha256_update(h, text, strlen(text));
    haul_sha256_final(h, sha256);
}

/* A payload file, with what the catalogue says of it. */
static void add(haul_catalog *c, const char *path, const char *text, uint64_t size)
{
    uint8_t sha256[HAUL_SHA256_LEN];
    haul_err e = {0};
    digest(text, sha256);
    cr_assert_eq(haul_catalog_add_file(c, path, size, sha256, &e), HAUL_OK, "%s", e.text);
}

static void put(const char *path, const char *text)
{
    testing_write(testing_path("%s", path), text, strlen(text));
}

static haul_catalog *open_catalog(bool read_only)
{
    haul_catalog *c = NULL;
    haul_err e = {0};
    if (!read_only)
        testing_write(testing_path(".mailhaul/items.jsonl"), "", 0);
    cr_assert_eq(haul_catalog_open(catalog_path(), read_only, &c, &e), HAUL_OK, "%s", e.text);
    return c;
}

/* Two files of the payload and a catalogue that knows them. */
static void small_package(void)
{
    haul_err e = {0};
    haul_catalog *c = open_catalog(false);
    put("data/b/two", "two\n");
    put("data/a", "one\n");
    add(c, "data/b/two", "two\n", 4);
    add(c, "data/a", "one\n", 4);
    cr_assert_eq(haul_catalog_commit(c, &e), HAUL_OK, "%s", e.text);
    haul_catalog_close(c);
}

static haul_rc seal(haul_err *e)
{
    haul_auto(haul_catalog) *c = open_catalog(true);
    haul_audit_head head = {.count = 7, .sha256 = {0xab}};
    *e = (haul_err){0};
    return haul_bag_seal(c, &the_case, &head, root_fd(), e);
}

static char *text_of(const char *name)
{
    char *text = testing_read(testing_path("%s", name), NULL);
    return text ? text : haul_strdup("(none)");
}

Test(bag, seal)
{
    static const char info[] =
        "Bag-Type: Mailbag\nMailbag-Source: none\nMailbag-Specification-Version: 1.0\nOriginal-Included: "
        "False\n"
        "Bagging-Timestamp: 2026-11-27T03:00:00Z\nBagging-Date: 2026-11-27\n"
        "External-Identifier: M-17  Bag-Type: other\nMailbag-Agent: mailhaul\nMailbag-Agent-Version: 0.1\n"
        "Payload-Oxum: 8.2\nSource-Organization: Harbour Ltd\nContact-Email: ada@harbour.example\n"
        "Audit-Log-Count: 7\n"
        "Audit-Log-Head: ab00000000000000000000000000000000000000000000000000000000000000\n";
    static const char *const sealed[] = {"  .mailhaul/catalog.db\n", "  .mailhaul/items.jsonl\n",
                                         "  bag-info.txt\n", "  bagit.txt\n", "  manifest-sha256.txt\n"};
    haul_err e = {0};
    haul_auto_str manifest = {0};
    uint8_t sha256[HAUL_SHA256_LEN];
    small_package();
    cr_assert_eq(seal(&e), HAUL_OK, "%s", e.text);
    digest("one\n", sha256);
    haul_bag_line(&manifest, sha256, "data/a");
    digest("two\n", sha256);
    haul_bag_line(&manifest, sha256, "data/b/two");
    char *got = text_of(HAUL_BAG_MANIFEST), *tags = text_of(HAUL_BAG_SEAL), *said = text_of(HAUL_BAG_INFO);
    cr_assert_str_eq(got, manifest.p);
    cr_assert_str_eq(said, info);
    const char *at = tags;
    for (size_t i = 0; i < HAUL_COUNT(sealed); i++) {
        at = strstr(at, sealed[i]);
        cr_assert_not_null(at, "%s in %s", sealed[i], tags);
    }
    cr_assert_eq(strlen(at), strlen(sealed[HAUL_COUNT(sealed) - 1]), "nothing behind it");
    free(got);
    free(tags);
    free(said);
    cr_assert(haul_package_is(testing_dir()));
}

static haul_audit_head write_log(const char *event)
{
    haul_auto(haul_audit) *log = NULL;
    haul_err e = {0};
    cr_assert_eq(haul_audit_open(root_fd(), HAUL_AUDIT_FILE, &log, &e), HAUL_OK, "%s", e.text);
    cr_assert_eq(haul_audit_event_text(log, event, NULL, &e), HAUL_OK);
    cr_assert_eq(haul_audit_commit(log, &e), HAUL_OK);
    return haul_audit_get_head(log);
}

static haul_rc unseal(bool *ret_was, haul_err *e)
{
    *e = (haul_err){0};
    return haul_bag_unseal(root_fd(), ret_was, e);
}

Test(bag, unseal)
{
    haul_err e = {0};
    bool was = true;
    small_package();
    (void)write_log("begun");
    cr_assert_eq(unseal(&was, &e), HAUL_OK, "%s", e.text);
    cr_assert_not(was);
    haul_audit_head head = write_log("sealed");
    haul_catalog *c = open_catalog(true);
    cr_assert_eq(haul_bag_seal(c, &the_case, &head, root_fd(), &e), HAUL_OK, "%s", e.text);
    haul_catalog_close(c);
    char *log = text_of(HAUL_AUDIT_FILE);
    size_t n = strlen(log), one = strcspn(log, "\n") + 1;
    testing_write(testing_path(HAUL_AUDIT_FILE), log, one);
    cr_assert_eq(unseal(&was, &e), HAUL_E_STATE, "the last line is gone");
    cr_assert(strstr(e.text, "another number of lines"), "%s", e.text);
    cr_assert_eq(unlinkat(root_fd(), HAUL_AUDIT_FILE, 0), 0);
    (void)write_log("begun");
    (void)write_log("forged");
    cr_assert_eq(unseal(&was, &e), HAUL_E_STATE, "chained anew");
    cr_assert(strstr(e.text, "last line is another"), "%s", e.text);
    log[one + 1] = 'x';
    testing_write(testing_path(HAUL_AUDIT_FILE), log, n);
    cr_assert_eq(unseal(&was, &e), HAUL_E_STATE, "changed");
    log[one + 1] = '"';
    testing_write(testing_path(HAUL_AUDIT_FILE), log, n);
    cr_assert_eq(faccessat(root_fd(), HAUL_BAG_SEAL, F_OK, 0), 0, "it is still sealed");
    cr_assert_eq(unseal(&was, &e), HAUL_OK, "%s", e.text);
    cr_assert(was);
    cr_assert_neq(faccessat(root_fd(), HAUL_BAG_SEAL, F_OK, 0), 0);
    free(log);
}

/* Twice the same: nothing of the first seal gets into the second. */
Test(bag, again)
{
    haul_err e = {0};
    small_package();
    put(".manifest-sha256.txt.tmp", "left by a run that was killed");
    put(".tagmanifest-sha256.txt.tmp", "likewise");
    put(".bag-info.txt.tmp", "likewise");
    put(".mailhaul/journal.db-shm", "of one who only looked");
    cr_assert_eq(seal(&e), HAUL_OK, "%s", e.text);
    char *first = text_of(HAUL_BAG_SEAL);
    cr_assert_eq(seal(&e), HAUL_OK, "%s", e.text);
    char *second = text_of(HAUL_BAG_SEAL);
    cr_assert_str_eq(first, second);
    cr_assert_null(strstr(first, ".tmp"), "%s", first);
    cr_assert_null(strstr(first, "-shm"), "%s", first);
    free(first);
    free(second);
}

static void extra_file(void)
{
    put("data/b/three", "3");
}
static void last_extra(void)
{
    put("data/zzz", "3");
}
static void missing_file(void)
{
    cr_assert_eq(unlinkat(root_fd(), "data/a", 0), 0);
}
static void other_size(void)
{
    put("data/a", "four\n");
}
static void link_in_payload(void)
{
    cr_assert_eq(symlinkat("a", root_fd(), "data/link"), 0);
}
static void link_in_tags(void)
{
    cr_assert_eq(symlinkat("/etc/passwd", root_fd(), "notes.txt"), 0);
}
static void fifo_in_tags(void)
{
    cr_assert_eq(mkfifoat(root_fd(), ".mailhaul/pipe", 0600), 0);
}
static void payload_is_link(void)
{
    cr_assert_eq(unlinkat(root_fd(), "data/a", 0), 0);
    cr_assert_eq(symlinkat("b/two", root_fd(), "data/a"), 0);
}
static void directory_is_link(void)
{
    cr_assert_eq(renameat(root_fd(), "data", root_fd(), "elsewhere"), 0);
    cr_assert_eq(symlinkat("elsewhere", root_fd(), "data"), 0);
}
static void open_database(void)
{
    put(".mailhaul/journal.db-wal", "x");
}

Test(bag, refused)
{
    static const struct {
        void (*change)(void);
        const char *text;
    } rows[] = {
        {extra_file, "data/b/three is in the package, but was not recorded"},
        {last_extra, "data/zzz is in the package, but was not recorded"},
        {missing_file, "data/a is recorded as stored"},
        {other_size, "data/a is not the file that was stored: 4 octets recorded, 5 found"},
        {link_in_payload, "data/link is a symbolic link"},
        {link_in_tags, "notes.txt is a symbolic link"},
        {fifo_in_tags, ".mailhaul/pipe is neither a file nor a directory"},
        {payload_is_link, "data/a is not the file that was stored"},
        {directory_is_link, "data"},
        {open_database, "journal.db-wal: a database of the package is still open"},
    };
    haul_err e = {0};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str clean = {0};
        haul_str_addf(&clean, "rm -rf %s/* %s/.mailhaul", testing_dir(), testing_dir());
        cr_assert_eq(system(clean.p), 0);
        small_package();
        cr_assert_eq(seal(&e), HAUL_OK, "%s", e.text);
        rows[i].change();
        haul_rc rc = seal(&e);
        cr_assert(rc == HAUL_E_STATE || rc == HAUL_E_TARGET, "%s: %d", rows[i].text, rc);
        cr_assert(strstr(e.text, rows[i].text), "%s: %s", rows[i].text, e.text);
        cr_assert_neq(faccessat(root_fd(), HAUL_BAG_SEAL, F_OK, 0), 0, "no seal is left");
    }
}

Test(bag, empty)
{
    haul_err e = {0};
    haul_catalog_close(open_catalog(false));
    cr_assert_eq(seal(&e), HAUL_OK, "%s", e.text);
    char *manifest = text_of(HAUL_BAG_MANIFEST), *info = text_of(HAUL_BAG_INFO);
    cr_assert_str_eq(manifest, "");
    cr_assert(strstr(info, "Payload-Oxum: 0.0\n"));
    cr_assert_eq(faccessat(root_fd(), "data", F_OK, 0), 0, "RFC 8493 wants the directory");
    free(manifest);
    free(info);
}

Test(package, is)
{
    cr_assert_not(haul_package_is(testing_dir()));
    put("bagit.txt", "BagIt-Version: 1.0\n");
    cr_assert_not(haul_package_is(testing_dir()));
    put("bag-info.txt", "Bag-Type: Other\n");
    cr_assert_not(haul_package_is(testing_dir()));
    put("bag-info.txt", "Contact-Name: x\nBag-Type:  Mailbag \n");
    cr_assert(haul_package_is(testing_dir()));
    put("bag-info.txt", "");
    put("audit.jsonl", "");
    cr_assert_not(haul_package_is(testing_dir()));
    put(".mailhaul/journal.db", "");
    cr_assert(haul_package_is(testing_dir()), "a run that has just begun");
    cr_assert_not(haul_package_is(testing_path("bagit.txt")));
    cr_assert_not(haul_package_is(testing_path("none")));
}

/* ── verify ── */

typedef struct watched {
    uint64_t calls, octets, of;
    volatile sig_atomic_t stop;
} watched;

static void watch(void *ctx, uint64_t octets, uint64_t of, const char *what)
{
    watched *w = ctx;
    cr_assert(octets >= w->octets && (of == 0 || octets <= of), "%d of %d", (int)octets, (int)of);
    cr_assert(*what);
    w->calls++;
    w->octets = octets;
    w->of = of;
}

Test(package, progress)
{
    haul_err e = {0};
    watched w = {0};
    json_t *o = NULL;
    const haul_package_job job = {.dir = testing_dir(), .progress = watch, .ctx = &w, .stop = &w.stop};
    small_package();
    cr_assert_eq(seal(&e), HAUL_OK, "%s", e.text);
    cr_assert_eq(haul_package_check(&job, &o, &e), HAUL_E_DIFFERS, "%s", e.text); /* no load files, no log */
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(o, "checked"), "files")), 2);
    cr_assert(w.calls >= 7, "every file that is not empty");
    cr_assert_eq(w.octets, w.of, "all of it was read, once");
    json_decref(o);
    o = NULL;
    w.stop = 1;
    w.octets = 0;
    cr_assert_eq(haul_package_check(&job, &o, &e), HAUL_E_INTERRUPTED, "%s", e.text);
    cr_assert_null(o);
}

Test(package, cannot)
{
    haul_err e = {0};
    json_t *o = NULL;
    const haul_package_job none = {.dir = testing_path("none")};
    cr_assert_eq(haul_package_check(&none, &o, &e), HAUL_E_TARGET);
    cr_assert_null(o);
}
