/* Repaired messages: nothing but the fault changes, nothing is lost where an encoding can keep it, and hostile input. */
#include "mime/repair.h"

#include "testing.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define NUL    HAUL_FAULT_NUL
#define CR     HAUL_FAULT_BARE_CR
#define HIGH   HAUL_FAULT_HEADER_8BIT
#define BAD    HAUL_FAULT_HEADER_MALFORMED
#define LONG   HAUL_FAULT_LONG_LINE
#define ASK    (NUL | CR | HIGH | BAD | LONG)
#define LINE60 "123456789 123456789 123456789 123456789 123456789 123456789 "

static haul_spool *spool_of(const char *p, size_t n)
{
    haul_spool *s = haul_spool_new(true);
    cr_assert_eq(haul_out_write(haul_spool_out(s), p, n, NULL), HAUL_OK);
    cr_assert_eq(haul_spool_freeze(s, NULL), HAUL_OK);
    return s;
}

/* Repaired, in memory; *left: the faults it has still. */
static haul_spool *repaired(const char *p, size_t n, unsigned faults, uint32_t line_max, haul_str *what,
                            unsigned *left)
{
    haul_auto(haul_spool) *from = spool_of(p, n);
    haul_spool *to = haul_spool_new(true);
    haul_limits l = {.faults = faults, .line_max = line_max};
    haul_err e = {0};
    cr_assert_eq(haul_repair(from, faults, &l, haul_spool_out(to), what, &e), HAUL_OK, "%s", e.text);
    cr_assert_eq(haul_spool_freeze(to, NULL), HAUL_OK);
    cr_assert_eq(haul_faults_find(to, &l, left, NULL, NULL), HAUL_OK);
    return to;
}

static haul_span octets(haul_spool *s)
{
    haul_span all;
    cr_assert_eq(haul_spool_head(s, HAUL_SPOOL_MEMORY, &all.p, &all.len, NULL), HAUL_OK);
    return all;
}

typedef struct row {
    const char *from;
    size_t n;
    unsigned faults;
    const char *to, *what;
} row;

#define OCTETS(z) z, sizeof(z) - 1
static const row rows[] = {
    /* Nothing to do: the octets stay, line ends become CRLF. */
    {OCTETS("Subject: a\n  b\nX:\tc  \n\nbody\n\nFrom x\n"), ASK,
     "Subject: a\r\n  b\r\nX:\tc  \r\n\r\nbody\r\n\r\nFrom x\r\n", ""},
    {OCTETS("A: b"), NUL | CR, "A: b", ""},
    {OCTETS(""), ASK, "", ""},
    {OCTETS("\n"), ASK, "\r\n", ""},
    /* NUL */
    {OCTETS("A: b\0c\nD: e\n\nx\n"), NUL, "A: bc\r\nD: e\r\n\r\nx\r\n",
     "1 NUL octet removed, the first at octet 4"},
    {OCTETS("\0A: b\n\nx"), NUL | BAD, "A: b\r\n\r\nx", "1 NUL octet removed, the first at octet 0"},
    {OCTETS("A: b\n\0\0\nC: d\n\nx"), NUL | BAD, "A: b\r\nC: d\r\n\r\nx",
     "2 NUL octets removed, the first at octet 5"},
    {"MIME-Version: 1.0\nContent-Type: text/plain\nContent-Transfer-Encoding: 8bit\nX: y\n\nx\0\xe9=\n", 86,
     NUL,
     "MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n"
     "X: y\r\n\r\nx=00=E9=3D\r\n",
     "1 NUL octet encoded; encoded: the body (text/plain) as quoted-printable"},
    {OCTETS("MIME-Version: 1.0\nContent-Type: image/png\n\n\1\0\2"), NUL,
     "MIME-Version: 1.0\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAQAC\r\n",
     "1 NUL octet encoded; encoded: the body (image/png) as base64"},
    {OCTETS("Content-Transfer-Encoding: base64\n\nAQ\0AC\n"), NUL,
     "Content-Transfer-Encoding: base64\r\n\r\nAQAC\r\n", "1 NUL octet removed, the first at octet 37"},
    {OCTETS("Content-Transfer-Encoding: Quoted-Printable\n\na\0=\nb\n"), NUL,
     "Content-Transfer-Encoding: Quoted-Printable\r\n\r\na=00=\r\nb\r\n", "1 NUL octet encoded"},
    {OCTETS("A: b\n\nx\0"), NUL,
     "A: b\r\nContent-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n"
     "Content-Type: text/plain; charset=us-ascii\r\n\r\nx=00",
     "1 NUL octet encoded; encoded: the body (text/plain) as quoted-printable; added: MIME-Version: 1.0, "
     "Content-Type: text/plain; charset=us-ascii"},
    /* Bare CR */
    {OCTETS("A: b\r\r\nC: d\re\r\n\r\r\nx\ry\r\r\nz\r"), CR, "A: b\r\nC: d e\r\n\r\nx\r\ny\r\nz\r\n",
     "2 carriage returns made line ends; 3 carriage returns dropped in front of line ends; 1 carriage return "
     "in "
     "the header made blanks; written anew: C"},
    {OCTETS("A: b\rC: d\r\rx\ry\r"), CR, "A: b\r\nC: d\r\n\r\nx\r\ny\r\n",
     "5 carriage returns made line ends"},
    {OCTETS("Content-Type: application/x\n\na\rb\n"), CR,
     "Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\nMIME-Version: "
     "1.0\r\n\r\nYQ1iDQo=\r\n",
     "encoded: the body (application/x) as base64; added: MIME-Version: 1.0"},
    {OCTETS("Content-Type: application/x\nContent-Transfer-Encoding: quoted-printable\n\na\rb\n"), CR,
     "Content-Type: application/x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=0Db\r\n", ""},
    /* The header */
    {OCTETS("Subject: caf\xc3\xa9\nTo: Ren\xe9 <r@x.y>\nX: \xe9\n\n\xe9\n"), HIGH,
     "Subject: =?utf-8?B?Y2Fmw6k=?=\r\nTo: =?utf-8?B?UmVuw6k=?= <r@x.y>\r\nX: "
     "=?utf-8?B?w6k=?=\r\n\r\n\xe9\r\n",
     "written anew: Subject, To, X"},
    {OCTETS("A: b\nno field \n and more\nC : d\n>From x\n\nx\n"), BAD,
     "A: b\r\nX-Mailhaul-Line: no field \r\n and more\r\nC: d\r\nX-Mailhaul-Line: >From x\r\n\r\nx\r\n",
     "2 lines of the header, no fields, kept as X-Mailhaul-Line; 1 blank before a colon removed"},
    {OCTETS("A: b\nHello\nworld\n"), BAD, "A: b\r\n\r\nHello\r\nworld\r\n",
     "1 empty line put between header and text"},
    {OCTETS("Hello\n\nworld\n"), BAD, "\r\nHello\r\n\r\nworld\r\n",
     "1 empty line put between header and text"},
    {OCTETS("A: b"), BAD, "A: b\r\n", "1 line end added behind the header"},
    /* What was a fault elsewhere is none in a part's header. */
    {OCTETS("Content-Type: multipart/mixed; boundary=b\n\n--b\nX: \xe9\nY : z\n\nx\n--b--\n"), HIGH | BAD,
     "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX: \xe9\r\nY : z\r\n\r\nx\r\n--b--\r\n", ""},
};

Test(repair, each_fault)
{
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str what = {0};
        unsigned left = 0;
        haul_auto(haul_spool) *to = repaired(rows[i].from, rows[i].n, rows[i].faults, 998, &what, &left);
        haul_span all = octets(to);
        cr_expect_eq(left, 0, "row %zu: %x", i, left);
        cr_expect(all.len == strlen(rows[i].to) && memcmp(all.p, rows[i].to, all.len) == 0, "row %zu: %.*s",
                  i, (int)all.len, all.p);
        cr_expect_str_eq(haul_strz(&what), rows[i].what, "row %zu", i);
    }
}

static const row long_rows[] = {
    {OCTETS("Content-Transfer-Encoding: quoted-printable\n\n" LINE60 "=3D=3D=3D=3D=3D=3D=3D=3D\n=3D\n"), LONG,
     "Content-Transfer-Encoding: quoted-printable\r\n\r\n" LINE60 "=3D=3D=3D=3D=3D=\r\n=3D=3D=3D\r\n=3D\r\n",
     "1 long line broken"},
    {OCTETS("Content-Transfer-Encoding: base64\n\n" LINE60 LINE60 "\n"), LONG,
     "Content-Transfer-Encoding: base64\r\n\r\n" LINE60
     "123456789 123456\r\n789 123456789 123456789 123456789 "
     "123 \r\n",
     NULL},
    {OCTETS("Content-Type: multipart/mixed; boundary=b\n\n" LINE60 LINE60 "\n--b\n\n" LINE60
            "123456789 123456789 x\n--b--\n"),
     LONG,
     "Content-Type: multipart/mixed; boundary=b\r\n\r\n" LINE60
     "123456789\r\n 123456789 123456789 123456789 123456789 123456789 \r\n--b\r\n"
     "Content-Transfer-Encoding: quoted-printable\r\n\r\n" LINE60 "123456789 12345=\r\n6789 x\r\n--b--\r\n",
     "1 long line broken; encoded: part 1 (text/plain) as quoted-printable"},
};

Test(repair, long_lines)
{
    for (size_t i = 0; i < HAUL_COUNT(long_rows); i++) {
        haul_auto_str what = {0};
        unsigned left = 0;
        const row *r = &long_rows[i];
        haul_auto(haul_spool) *to = repaired(r->from, strlen(r->from), r->faults, 78, &what, &left);
        haul_span all = octets(to);
        cr_expect_eq(left, 0, "row %zu", i);
        if (!r->what)
            continue;
        cr_expect(all.len == strlen(r->to) && memcmp(all.p, r->to, all.len) == 0, "row %zu: %.*s", i,
                  (int)all.len, all.p);
        cr_expect_str_eq(haul_strz(&what), r->what, "row %zu", i);
    }
}

Test(repair, long_header_lines_are_folded)
{
    haul_auto_str from = {0}, what = {0};
    unsigned left = 0;
    haul_str_addz(&from, "X: short\nSubject:");
    for (int i = 0; i < 300; i++)
        haul_str_addz(&from, " word");
    haul_str_addz(&from, "\nY: short\n\nx\n");
    haul_auto(haul_spool) *to = repaired(from.p, from.len, LONG, 998, &what, &left);
    haul_span all = octets(to);
    cr_expect_eq(left, 0);
    cr_expect_str_eq(what.p, "written anew: Subject");
    cr_expect_eq(memcmp(all.p, "X: short\r\nSubject: word word", 28), 0);
    cr_expect_eq(memcmp(all.p + all.len - 17, "\r\nY: short\r\n\r\nx\r\n", 17), 0, "%.*s", (int)all.len,
                 all.p);
}

static bool has(haul_span all, const char *want)
{
    size_t n = strlen(want);
    for (size_t i = 0; i + n <= all.len; i++)
        if (memcmp(all.p + i, want, n) == 0)
            return true;
    return false;
}

/* Only the part with the fault is encoded; the others, and every delimiter, stay. */
Test(repair, parts_without_a_fault_stay)
{
    static const char before[] =
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=\"a b\"\r\n\r\npreamble\r\n"
        "--a b  \r\nContent-Type: text/html;\r\n\tcharset=x\r\n\r\n<p>\xe9 =20\r\n"
        "--a b\r\n\r\nno header\r\n--a b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nin\r\n"
        "--a b\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n";
    static const char behind[] = "\r\n--a b--\r\nepilogue\r\n";
    haul_auto_str from = {0}, what = {0};
    unsigned left = 0;
    haul_str_add(&from, before, sizeof(before) - 1);
    haul_str_add(&from, "\0\n\r\1", 4);
    haul_str_add(&from, behind, sizeof(behind) - 1);
    haul_auto(haul_spool) *to = repaired(from.p, from.len, ASK, 998, &what, &left);
    haul_span all = octets(to);
    size_t same = strlen(before) - strlen("binary\r\n\r\n");
    cr_expect_eq(memcmp(all.p, before, same), 0, "%.*s", (int)all.len, all.p);
    cr_expect(has(all, "base64\r\n\r\nAAoNAQ==\r\n--a b--\r\nepilogue\r\n"), "%.*s", (int)all.len, all.p);
    cr_expect_str_eq(what.p, "1 NUL octet encoded; encoded: part 4 (application/x) as base64");
}

Test(repair, says_when_a_signature_breaks)
{
    static const char from[] = "Content-Type: multipart/signed; boundary=b\n\n--b\n\nx\ry\n--b\n"
                               "Content-Type: application/pgp-signature\n\nsig\n--b--\n";
    haul_auto_str what = {0};
    unsigned left = 0;
    haul_auto(haul_spool) *to = repaired(from, strlen(from), ASK, 998, &what, &left);
    cr_expect_str_eq(what.p, "1 carriage return made line ends; the signature over part 1 no longer holds");
}

/* UTF-16 is text whose octets are no lines. */
Test(repair, wide_text_is_kept_octet_for_octet)
{
    static const char head[] = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=\"UTF-16\"\r\n\r\n";
    haul_auto_str from = {0}, what = {0};
    unsigned left = 0;
    haul_str_add(&from, head, sizeof(head) - 1);
    haul_str_add(&from,
                 "\xff\xfe"
                 "a\0\r\0\n\0",
                 8);
    haul_auto(haul_spool) *to = repaired(from.p, from.len, ASK, 998, &what, &left);
    cr_expect(has(octets(to), "base64\r\n\r\n//5hAA0ACgA=\r\n"));
    cr_expect_eq(left, 0);
}

/* ── hostile ── */

static void hostile(const haul_str *s, const char *name)
{
    haul_auto_str what = {0};
    unsigned left = 0;
    haul_auto(haul_spool) *to = repaired(haul_strz(s), s->len, ASK, 998, &what, &left);
    cr_expect_eq(left, 0, "%s: %x", name, left);
    cr_expect_leq(what.len, HAUL_REPAIR_WHAT + 3, "%s", name);
}

static void many(haul_str *s, size_t n, const char *z, size_t len)
{
    for (size_t i = 0; i < n; i++)
        haul_str_add(s, z, len);
}

#define MANY(s, n, z) many((s), (n), (z), sizeof(z) - 1)

Test(repair, hostile_headers)
{
    haul_auto_str fields = {0}, lines = {0}, high = {0}, mixed = {0};
    MANY(&fields, 100000, "X\0: y\r\n");
    MANY(&lines, 100000, "no field\n");
    MANY(&high, 100000, "X: \xe9\n");
    MANY(&mixed, 50000, "x y\0\r\r\nZ : \r\n");
    hostile(&fields, "100,000 fields");
    hostile(&lines, "100,000 lines");
    hostile(&high, "100,000 fields of 8-bit text");
    hostile(&mixed, "100,000 lines of both kinds");
}

Test(repair, hostile_line_ends)
{
    haul_auto_str crs = {0}, behind = {0}, pairs = {0}, nuls = {0};
    MANY(&crs, 3000000, "\r");
    haul_str_addz(&behind, "A: b\n\n");
    MANY(&behind, 3000000, "\r");
    haul_str_addz(&behind, "x\n");
    MANY(&behind, 3000000, "\r");
    MANY(&pairs, 1000000, "x\r");
    haul_str_addz(&pairs, "\n");
    MANY(&nuls, 3000000, "\0");
    hostile(&crs, "nothing but CR");
    hostile(&behind, "CR in rows");
    hostile(&pairs, "lines ended by CR, and one LF");
    hostile(&nuls, "nothing but NUL");
}

static void nest(haul_str *s, unsigned depth, const char *inner, size_t n)
{
    for (unsigned i = 0; i < depth; i++)
        haul_str_addf(s, "Content-Type: multipart/mixed; boundary=b%u\n\n--b%u\n", i, i);
    haul_str_add(s, inner, n);
    for (unsigned i = depth; i-- > 0;)
        haul_str_addf(s, "\n--b%u-- \t\r\n", i);
}

Test(repair, hostile_parts)
{
    static const char leaf[] = "Content-Type: text/plain\n\nx\0y\n";
    haul_auto_str nested = {0}, deeper = {0}, parts = {0}, messages = {0}, cut = {0};
    nest(&nested, 100, leaf, sizeof(leaf) - 1);
    nest(&deeper, 1000, leaf, sizeof(leaf) - 1);
    haul_str_addz(&parts, "Content-Type: multipart/mixed; boundary=b\n\n");
    MANY(&parts, 100000, "--b \n\nx\0\r\n");
    MANY(&messages, 20000, "Content-Type: message/rfc822\n\n");
    MANY(&messages, 1, "Subject: x\n\nx\0");
    haul_str_addz(&cut, "Content-Type: multipart/mixed; boundary=b\n\nx\0--b\n--b");
    hostile(&nested, "100 multiparts in one another");
    hostile(&deeper, "1,000 multiparts in one another");
    hostile(&parts, "100,000 parts");
    hostile(&messages, "20,000 messages in one another");
    hostile(&cut, "no part");
    haul_auto_str what = {0};
    unsigned left;
    haul_auto(haul_spool) *to = repaired(nested.p, nested.len, ASK, 998, &what, &left);
    cr_expect(
        has(octets(to), "Content-Transfer-Encoding: quoted-printable\r\n\r\nx=00y\r\n\r\n--b99-- \t\r\n"));
}

Test(repair, over_its_limit_it_says_so)
{
    haul_auto(haul_spool) *from = haul_spool_new(true), *to = haul_spool_new(true);
    static char block[1024 * 1024];
    haul_auto_str what = {0};
    haul_limits l = {.faults = NUL};
    haul_err e = {0};
    for (unsigned i = 0; i < 65; i++)
        cr_assert_eq(haul_out_write(haul_spool_out(from), block, sizeof(block), NULL), HAUL_OK);
    cr_assert_eq(haul_spool_freeze(from, NULL), HAUL_OK);
    cr_expect_eq(haul_repair(from, NUL, &l, haul_spool_out(to), &what, &e), HAUL_SKIP);
    cr_expect_str_eq(e.text, "messages over 64 MiB are not repaired");
}
