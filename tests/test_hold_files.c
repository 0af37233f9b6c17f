/* Small pieces of a package: three digests, the digest of a source, names of attachments, control numbers, zones. */
#include "base/digests.h"
#include "hold/files.h"
#include "hold/hold.h"
#include "hold/sink.h"
#include "io/digest.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* RFC 1321 A.5, FIPS 180-4: "abc". Twice, as an object begins anew after each. */
Test(hold_files, three_digests)
{
    haul_auto(haul_digests) *d = haul_digests_new();
    for (int i = 0; i < 2; i++) {
        uint8_t md5[HAUL_MD5_LEN], sha1[HAUL_SHA1_LEN], sha256[HAUL_SHA256_LEN];
        char hex[HAUL_SHA256_HEX];
        haul_digests_update(d, "a", 1);
        haul_digests_update(d, "bc", 2);
        haul_digests_final(d, md5, sha1, sha256);
        haul_hex(hex, md5, sizeof(md5));
        cr_expect_str_eq(hex, "900150983cd24fb0d6963f7d28e17f72");
        haul_hex(hex, sha1, sizeof(sha1));
        cr_expect_str_eq(hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
        haul_hex(hex, sha256, sizeof(sha256));
        cr_expect_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}

/* What a shell says of the same files. */
static void by_sha256sum(const char *command, char ret[HAUL_SHA256_HEX])
{
    FILE *p = popen(command, "r");
    cr_assert(p && fscanf(p, "%64s", ret) == 1);
    pclose(p);
}

static void expect_digest(const char *path, const char *command, uint64_t files, uint64_t octets)
{
    haul_source_digest d;
    char hex[HAUL_SHA256_HEX], wanted[HAUL_SHA256_HEX] = "";
    cr_assert_eq(haul_digest_source(path, NULL, NULL, &d, NULL), HAUL_OK);
    haul_hex(hex, d.sha256, sizeof(d.sha256));
    by_sha256sum(command, wanted);
    cr_expect_str_eq(hex, wanted);
    cr_expect_eq(d.files, files);
    cr_expect_eq(d.octets, octets);
}

Test(hold_files, digest_of_a_source)
{
    char command[1024];
    haul_source_digest d;
    const char *dir = testing_path("tree");
    testing_write(testing_path("tree/b"), "two\n", 4);
    testing_write(testing_path("tree/a/x y"), "one\n", 4);
    testing_write(testing_path("tree/a-c"), "", 0);
    cr_assert_eq(symlink("b", testing_path("tree/link")), 0);
    snprintf(command, sizeof(command),
             "cd '%s' && find . -type f | cut -c3- | LC_ALL=C sort | tr '\\n' '\\0' | xargs -0 sha256sum | "
             "sha256sum",
             dir);
    expect_digest(dir, command, 3, 8);
    snprintf(command, sizeof(command), "sha256sum < '%s/b'", dir);
    expect_digest(testing_path("tree/b"), command, 1, 4);
    expect_digest(testing_path("tree/link"), command, 1, 4); /* what the user names may be a link */
    cr_expect_eq(haul_digest_source(testing_path("none"), NULL, NULL, &d, NULL), HAUL_E_SOURCE);
}

static bool stop_at_once(void *ctx, uint64_t octets)
{
    (void)octets;
    ++*(int *)ctx;
    return true;
}

Test(hold_files, a_digest_can_be_stopped)
{
    haul_source_digest d;
    int asked = 0;
    testing_write(testing_path("file"), "x", 1);
    cr_expect_eq(haul_digest_source(testing_path("file"), stop_at_once, &asked, &d, NULL),
                 HAUL_E_INTERRUPTED);
    cr_expect_eq(asked, 1);
}

Test(hold_files, names_of_attachments)
{
    static const struct {
        const char *name, *type, *wanted;
    } rows[] = {
        {"report.pdf", "application/pdf", "0007-report.pdf"},
        {"", "image/jpeg", "0007-part.jpg"},
        {"", "message/rfc822", "0007-part.eml"},
        {"", "x-unknown/y", "0007-part.bin"},
        {"../../etc/passwd", "text/plain", "0007-.._.._etc_passwd"},
        {"..", "text/plain", "0007-._"},
        {"a\\b:c*d?e\"f<g>h|i%j", "text/plain", "0007-a_b_c_d_e_f_g_h_i_j"},
        {"C\xc3\xa9zanne \xf0\x9f\x98\x80.png", "image/png", "0007-C_zanne_.png"},
        {"\xe2\x80\xaegnp.exe", "image/png", "0007-_gnp.exe"},
        {"ends with a dot.", "text/plain", "0007-ends_with_a_dot_"},
        {"con", "text/plain", "0007-con"},
        {"tab\there\x01", "text/plain", "0007-tab_here_"},
    };
    haul_auto_str to = {0};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_native_name(7, rows[i].name, rows[i].type, &to);
        cr_expect_str_eq(to.p, rows[i].wanted);
    }
    char lengthy[400];
    memset(lengthy, 'x', sizeof(lengthy));
    strncpy(lengthy + sizeof(lengthy) - 5, ".pdf", 5);
    haul_native_name(12345, lengthy, "application/pdf", &to);
    cr_expect(to.len <= HAUL_NATIVE_NAME && strcmp(to.p + to.len - 5, "x.pdf") == 0, "%s", to.p);
}

Test(hold_files, a_native_is_written_over)
{
    haul_auto(haul_digests) *d = haul_digests_new();
    haul_auto_fd int dir = open(testing_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    haul_native n;
    size_t len = 0;
    testing_write(testing_path("n"), "longer than what comes", 22);
    cr_assert_eq(haul_native_open(&n, dir, "n", d, NULL), HAUL_OK);
    cr_assert_eq(haul_out_write(&n.out, "abc", 3, NULL), HAUL_OK);
    cr_assert_eq(haul_native_close(&n, NULL), HAUL_OK);
    cr_expect_eq(n.size, 3);
    cr_expect_eq(n.sha256[0], 0xba);
    char *text = testing_read(testing_path("n"), &len);
    cr_expect_eq(len, 3);
    free(text);
    cr_assert_eq(symlink("n", testing_path("link")), 0);
    cr_expect_eq(haul_native_open(&n, dir, "link", d, NULL), HAUL_E_TARGET);
}

Test(hold_files, control_numbers)
{
    static const struct {
        const char *prefix, *start;
        bool good;
    } rows[] = {{"ABC", "1", true},
                {"M-17_.", "999", true},
                {"", "1", true},
                {"ABC", "0", false},
                {"ABC", "-1", false},
                {"ABC", "", false},
                {"A/B", "1", false},
                {"A B", "1", false},
                {"\xc3\xa9", "1", false},
                {"ABC", "1x", false},
                {"12345678901234567", "1", false},
                {"ABC", "1000000000000", false}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        uint64_t n = 0;
        cr_expect_eq(haul_control_parse(rows[i].prefix, rows[i].start, &n), rows[i].good, "%s %s",
                     rows[i].prefix, rows[i].start);
    }
}

Test(hold_files, zones)
{
    static const struct {
        const char *said;
        bool good;
        int minutes;
    } rows[] = {{"UTC", true, 0},      {"Z", true, 0},        {"+01:00", true, 60},
                {"-0330", true, -210}, {"+14:00", true, 840}, {"+15:00", false, 0},
                {"+01:60", false, 0},  {"+1:00", false, 0},   {"Europe/Berlin", false, 0},
                {"01:00", false, 0},   {"+01:000", false, 0}, {"", false, 0},
                {"+", false, 0}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        int minutes = 0;
        cr_expect_eq(haul_hold_zone(rows[i].said, &minutes), rows[i].good, "%s", rows[i].said);
        cr_expect_eq(minutes, rows[i].minutes, "%s", rows[i].said);
    }
}
