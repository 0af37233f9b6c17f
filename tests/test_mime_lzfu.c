#include "mime/lzfu.h"

#include <criterion/criterion.h>
#include <string.h>

/* MS-OXRTFCP 4.1.1 and 4.1.2. */
static const uint8_t hello[] = {0x2d, 0x00, 0x00, 0x00, 0x2b, 0x00, 0x00, 0x00, 0x4c, 0x5a, 0x46, 0x75, 0xf1,
                                0xc5, 0xc7, 0xa7, 0x03, 0x00, 0x0a, 0x00, 0x72, 0x63, 0x70, 0x67, 0x31, 0x32,
                                0x35, 0x42, 0x32, 0x0a, 0xf3, 0x20, 0x68, 0x65, 0x6c, 0x09, 0x00, 0x20, 0x62,
                                0x77, 0x05, 0xb0, 0x6c, 0x64, 0x7d, 0x0a, 0x80, 0x0f, 0xa0};
static const uint8_t crossing[] = {0x1a, 0x00, 0x00, 0x00, 0x1c, 0x00, 0x00, 0x00, 0x4c, 0x5a,
                                   0x46, 0x75, 0xe2, 0xd4, 0x4b, 0x51, 0x41, 0x00, 0x04, 0x20,
                                   0x57, 0x58, 0x59, 0x5a, 0x0d, 0x6e, 0x7d, 0x01, 0x0e, 0xb0};
static const uint8_t stored[] = "\x10\0\0\0\x04\0\0\0MELA\0\0\0\0{\\a}";

static const uint8_t counted[] = "\x10\0\0\0\x10\0\0\0MELA\0\0\0\0{\\a}"; /* RAWSIZE 12 too large, as seen */

static const char HELLO[] = "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n";

static void check(const uint8_t *p, size_t n, haul_lzfu want, const char *text)
{
    haul_auto_str s = {0};
    haul_str_addz(&s, ">");
    cr_expect_eq(haul_lzfu_decode(p, n, &s), want, "%d", haul_lzfu_decode(p, n, &s));
    cr_expect(strncmp(s.p + 1, text, strlen(text)) == 0, "%s", s.p);
}

Test(lzfu, the_vectors_of_the_specification)
{
    check(hello, sizeof(hello), HAUL_LZFU_OK, HELLO);
    check(crossing, sizeof(crossing), HAUL_LZFU_OK, "{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}");
    check(stored, 20, HAUL_LZFU_OK, "{\\a}");
    check(counted, 20, HAUL_LZFU_OK, "{\\a}");
    check(counted, 19, HAUL_LZFU_SHORT, "{\\a");
}

/* Each field of the header wrong in turn: what can be unpacked is. */
Test(lzfu, damaged_headers)
{
    static const struct {
        size_t at;
        uint8_t value;
        haul_lzfu want;
    } rows[] = {
        {0, 0x2e, HAUL_LZFU_OK},    {0, 0x00, HAUL_LZFU_OK},    {3, 0xff, HAUL_LZFU_OK},
        {4, 0x2c, HAUL_LZFU_SHORT}, {7, 0xff, HAUL_LZFU_SHORT}, {4, 0x10, HAUL_LZFU_SHORT},
        {12, 0x00, HAUL_LZFU_CRC},  {15, 0xff, HAUL_LZFU_CRC},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        uint8_t copy[sizeof(hello)];
        memcpy(copy, hello, sizeof(copy));
        copy[rows[i].at] = rows[i].value;
        check(copy, sizeof(copy), rows[i].want, HELLO);
    }
}

Test(lzfu, cut_anywhere)
{
    for (size_t n = 0; n < sizeof(hello); n++) {
        haul_auto_str s = {0};
        haul_lzfu got = haul_lzfu_decode(hello, n, &s);
        haul_lzfu want = n < 16 ? HAUL_LZFU_BAD : n < 47 ? HAUL_LZFU_SHORT : HAUL_LZFU_CRC;
        cr_expect_eq(got, want, "%zu: %d", n, got);
        cr_expect(strncmp(haul_strz(&s), HELLO, s.len) == 0, "%zu", n);
    }
    check(hello, 47, HAUL_LZFU_CRC, HELLO); /* whole but for the mark of the end */
    check(stored, 19, HAUL_LZFU_SHORT, "{\\a");
    check((const uint8_t *)"\0\0\0\0\0\0\0\0LZFx\0\0\0\0", 16, HAUL_LZFU_BAD, "");
}
