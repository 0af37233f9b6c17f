/* Messages that a target would not take: each fault alone, their texts, any split, bodies in a file. */
#include "mime/faults.h"

#include "testing.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define ALL (HAUL_FAULTS_MENDED | HAUL_FAULT_EMPTY | HAUL_FAULT_TOO_LARGE | HAUL_FAULT_QUOTA)

static haul_spool *spool_of(const char *p, size_t n)
{
    haul_spool *s = haul_spool_new(true);
    cr_assert_eq(haul_out_write(haul_spool_out(s), p, n, NULL), HAUL_OK);
    cr_assert_eq(haul_spool_freeze(s, NULL), HAUL_OK);
    return s;
}

static void expect(const char *p, size_t n, const haul_limits *l, unsigned faults, const char *detail)
{
    haul_auto(haul_spool) *s = spool_of(p, n);
    haul_auto_str text = {0};
    unsigned found = 0;
    cr_assert_eq(haul_faults_find(s, l, &found, &text, NULL), HAUL_OK);
    cr_expect_eq(found, faults, "%.60s: %x", p, found);
    cr_expect_str_eq(haul_strz(&text), detail, "%.60s", p);
}

typedef struct row {
    const char *octets;
    size_t n; /* 0 = strlen */
    unsigned faults;
    const char *detail;
} row;

#define BIT8(s) HAUL_FAULT_HEADER_8BIT, "8-bit octets in " s
#define BAD(s)  HAUL_FAULT_HEADER_MALFORMED, s
static const row rows[] = {
    {"Subject: a\r\n b\r\n\r\nx\r\n", 0, 0, ""},
    {"A: b\n", 0, 0, ""},
    {"A:\n\nany thing\n", 0, 0, ""},
    {"From a@b Mon\nA: b\n\nx", 0, 0, ""},
    {"\n", 0, 0, ""},
    {"\r\n", 0, 0, ""},
    {" a fold first\nA: b\n\n", 0, 0, ""},
    {"A: b\n\n\xe9", 0, 0, ""},
    {"Subject: \xe9\n\n", 0, BIT8("Subject")},
    {"Subject: x\n \xe9\n\xc3\xa9\nTo: \xe9\n\n", 0, HAUL_FAULT_HEADER_8BIT | HAUL_FAULT_HEADER_MALFORMED,
     "8-bit octets in Subject, (no field), To; line 3 is no header field"},
    {"A: \xe9\nB: \xe9\nC: \xe9\nD: \xe9\xe9\nE: \xe9\n\n", 0, BIT8("A, B, C and 2 more fields")},
    {"A: b\nno field\n\n", 0, BAD("line 2 is no header field")},
    {"A: b\nA b: c\nA : c\n:x\n\n", 0, BAD("line 2 is no header field, and 2 more lines")},
    {"Hello", 0, BAD("line 1 is no header field")},
    {"A: b", 0, BAD("the header has no line end behind it")},
    {">From a\nA: b\n\n", 0, BAD("line 1 is no header field")},
    {"A: b\n\nx\0y\0", 10, HAUL_FAULT_NUL, "2 NUL octets"},
    {"\0: b\n\nx", 7, HAUL_FAULT_NUL | HAUL_FAULT_HEADER_MALFORMED, "1 NUL octet; line 1 is no header field"},
    {"A: b\n\nx\r", 0, HAUL_FAULT_BARE_CR | HAUL_FAULT_LOST_CR,
     "1 carriage return that ends no line; 1 carriage return in front of a line end"},
    {"A: b\r\r\n\r\r\nx y\r\r\n", 0, HAUL_FAULT_BARE_CR | HAUL_FAULT_LOST_CR,
     "3 carriage returns that end no line; 3 carriage returns in front of a line end"},
    {"A: b\n\nx\ry\n\rz\r\n", 0, HAUL_FAULT_BARE_CR, "2 carriage returns that end no line"},
    {"", 0, HAUL_FAULT_EMPTY, "the message has no octets"},
};

Test(faults, each_and_its_text)
{
    haul_limits all = {.faults = ALL, .room = 1u << 30}, none = {0};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        size_t n = rows[i].n ? rows[i].n : strlen(rows[i].octets);
        expect(rows[i].octets, n, &all, rows[i].faults, rows[i].detail);
        expect(rows[i].octets, n, &none, 0, "");
        for (unsigned bit = 1; bit <= HAUL_FAULT_LOST_CR; bit <<= 1) {
            haul_limits one = {.faults = bit, .room = 1u << 30};
            haul_auto(haul_spool) *s = spool_of(rows[i].octets, n);
            unsigned found = 0;
            cr_assert_eq(haul_faults_find(s, &one, &found, NULL, NULL), HAUL_OK);
            cr_expect_eq(found, rows[i].faults & bit, "row %zu, bit %x", i, bit);
        }
    }
}

Test(faults, long_lines)
{
    haul_limits l = {.faults = HAUL_FAULT_LONG_LINE, .line_max = 10};
    expect("A: 4567890\r\n\r\n1234567890\n", 25, &l, 0, "");
    expect("A: 45678901\r\n\r\n1234567890\n", 26, &l, HAUL_FAULT_LONG_LINE,
           "line 1 has 11 octets, the limit is 10");
    expect("A: b\n\n12345678901234567890\nx\n12345678901", 40, &l, HAUL_FAULT_LONG_LINE,
           "line 3 has 20 octets, the limit is 10; so have 1 more line");
    expect("A: b\n\n1234567890\r", 17, &l, 0, "");
    haul_auto_str big = {0};
    haul_str_addz(&big, "A: b\n\n");
    for (int i = 0; i < 15003; i++)
        haul_str_addc(&big, 'x');
    l.line_max = 10000;
    expect(big.p, big.len, &l, HAUL_FAULT_LONG_LINE, "line 3 has 15,003 octets, the limit is 10,000");
}

Test(faults, sizes)
{
    haul_limits l = {.faults = HAUL_FAULT_TOO_LARGE | HAUL_FAULT_QUOTA, .size_max = 8, .room = 9};
    expect("A: b\r\n\n", 7, &l, 0, "");
    expect("A: b\n\n\n", 7, &l, HAUL_FAULT_TOO_LARGE | HAUL_FAULT_QUOTA,
           "10 octets, the server takes 8 octets; 10 octets, the account has room for 9 octets");
    haul_auto_str big = {0};
    haul_str_addz(&big, "A: b\n\n");
    while (big.len < 2640000)
        haul_str_addz(&big, "1234567890\r\n");
    l = (haul_limits){.faults = HAUL_FAULT_TOO_LARGE, .size_max = 2500000};
    expect(big.p, big.len, &l, HAUL_FAULT_TOO_LARGE, "2.6 MB, the server takes 2.5 MB");
    l.size_max = big.len; /* its two bare LF count twice */
    expect(big.p, big.len, &l, HAUL_FAULT_TOO_LARGE, "2,640,008 octets, the server takes 2,640,006 octets");
}

/* A body that is partly in a file is read in pieces, and only as far as needed. */
Test(faults, bodies_in_a_file)
{
    haul_limits l = {.faults = HAUL_FAULT_LONG_LINE | HAUL_FAULT_HEADER_MALFORMED | HAUL_FAULT_HEADER_8BIT,
                     .line_max = 1000};
    haul_auto_str big = {0};
    haul_str_addz(&big, "A: b\nbad\nSubject: \xe9\n\n");
    while (big.len < 9 * 1024 * 1024)
        haul_str_addz(&big, "a line like any other\n");
    for (int i = 0; i < 1001; i++)
        haul_str_addc(&big, '\xe9');
    expect(big.p, big.len, &l, l.faults,
           "8-bit octets in Subject; line 2 is no header field; line 428,967 has 1,001 octets, the limit is "
           "1,000");
}

/* Nothing but header: a hundred thousand lines, of which none, or every one, is a field. */
Test(faults, many_header_lines)
{
    haul_limits l = {.faults = ALL, .room = 1u << 30, .size_max = 1u << 30, .line_max = 998};
    haul_auto_str good = {0}, bad = {0};
    for (int i = 0; i < 100000; i++) {
        haul_str_addz(&good, "X: y\n");
        haul_str_addz(&bad, "x y\n");
    }
    expect(good.p, good.len, &l, 0, "");
    expect(bad.p, bad.len, &l, HAUL_FAULT_HEADER_MALFORMED,
           "line 1 is no header field, and 99,999 more lines");
}
