/* Transfer encodings undone, in pieces of any size; the look for encryption. */
#include "mime/decode.h"
#include "mime/sniff.h"

#include <criterion/criterion.h>
#include <string.h>

#define OCTETS(z) z, sizeof(z) - 1

static void many(haul_str *s, size_t n, const char *z)
{
    for (size_t i = 0; i < n; i++)
        haul_str_addz(s, z);
}

typedef struct memory_out {
    haul_out out;
    haul_str s;
} memory_out;

static haul_rc memory_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    haul_str_add(&((memory_out *)o)->s, p, n);
    return HAUL_OK;
}

static const struct {
    haul_decoding how;
    const char *in;
    const char *out;
    bool broken;
} codes[] = {
    {HAUL_DECODE_BASE64, "", "", false},
    {HAUL_DECODE_BASE64, "YQ==", "a", false},
    {HAUL_DECODE_BASE64, "YWI=", "ab", false},
    {HAUL_DECODE_BASE64, "YWJj", "abc", false},
    {HAUL_DECODE_BASE64, "Y\r\nW J\tj\r\n\r\n", "abc", false},
    {HAUL_DECODE_BASE64, "YQ=\n=\n", "a", false},
    {HAUL_DECODE_BASE64, "YQ=", "a", true},
    {HAUL_DECODE_BASE64, "YWJjY", "abc", true},
    {HAUL_DECODE_BASE64, "YWJj=", "abc", true},
    {HAUL_DECODE_BASE64, "YWI==", "ab", true},
    {HAUL_DECODE_BASE64, "-W_J!j", "X\x98", true},
    /* Two, one behind the other; a text behind. */
    {HAUL_DECODE_BASE64, "YQ==\nYWJj\nYg==\n", "aabcb", true},
    {HAUL_DECODE_BASE64, "YQ==\n____\nTo leave this list\n", "a", true},
    {HAUL_DECODE_BASE64, "YQ==\nTo leave\nYWJj\n", "aabc", true},
    {HAUL_DECODE_QP, "a=3D=c3=A9\r\nb", "a=\xc3\xa9\r\nb", false},
    {HAUL_DECODE_QP, "a=\r\nb=\nc= \t\nd", "abcd", false},
    {HAUL_DECODE_QP, "a=\r\r\nb", "ab", false},
    {HAUL_DECODE_QP, "a \t\r\nb  \n  c ", "a\r\nb\n  c", false},
    {HAUL_DECODE_QP, "a=", "a", false},
    {HAUL_DECODE_QP, "a=20\n", "a \n", false},
    {HAUL_DECODE_QP, "a=3", "a=3", true},
    {HAUL_DECODE_QP, "a=3g=", "a=3g", true},
    {HAUL_DECODE_QP, "a==3D", "a==", true},
    {HAUL_DECODE_QP, "a= b", "a= b", true},
    {HAUL_DECODE_QP, "\xe9", "\xe9", false},
    {HAUL_DECODE_UU, "x\nbegin 644 a\n#86)C\n`\nend\n", "abc", false},
    {HAUL_DECODE_UU, "begin 644 a\r\n&86)C861E\r\n!80\r\n \r\nend", "abcadea", false},
    {HAUL_DECODE_UU, "begin 644 a\n#86)C\n", "abc", true},
    {HAUL_DECODE_UU, "begin 644 a\n#86\n`\nend\n", "a`", true},
    {HAUL_DECODE_UU, "x\n", "", true},
    {HAUL_DECODE_NONE, "a=3D\r\n", "a=3D\r\n", false},
};

static void check_code(size_t i, size_t piece)
{
    memory_out to = {.out = {memory_write}};
    haul_decode d;
    size_t n = strlen(codes[i].in);
    haul_decode_init(&d, codes[i].how, &to.out);
    for (size_t at = 0; at < n; at += piece)
        cr_assert_eq(haul_out_write(&d.out, codes[i].in + at, n - at < piece ? n - at : piece, NULL),
                     HAUL_OK);
    cr_assert_eq(haul_decode_end(&d, NULL), HAUL_OK);
    cr_expect_str_eq(haul_strz(&to.s), codes[i].out, "row %zu, by %zu: %s: %s", i, piece, codes[i].in,
                     haul_strz(&to.s));
    cr_expect_eq(d.broken, codes[i].broken, "row %zu, by %zu: %s", i, piece, codes[i].in);
    haul_decode_done(&d);
    haul_str_done(&to.s);
}

Test(decode, rows)
{
    for (size_t i = 0; i < HAUL_COUNT(codes); i++)
        for (size_t piece = 1; piece <= 64; piece += 21)
            check_code(i, piece);
}

static void push(const haul_str *in, size_t piece, memory_out *to, bool *ret_broken)
{
    haul_decode d;
    haul_decode_init(&d, HAUL_DECODE_BASE64, &to->out);
    for (size_t at = 0; at < in->len; at += piece)
        cr_assert_eq(haul_out_write(&d.out, in->p + at, in->len - at < piece ? in->len - at : piece, NULL),
                     HAUL_OK);
    cr_assert_eq(haul_decode_end(&d, NULL), HAUL_OK);
    *ret_broken = d.broken;
    haul_decode_done(&d);
}

/* Many characters at once are decoded as they are one by one: lines of any length, and any octet at any place of them. */
Test(decode, base64_in_one_piece)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (unsigned i = 0; i < 256 + 80; i++) {
        haul_auto_str in = {0};
        size_t line = i < 256 ? 76 : i - 255;
        for (size_t k = 0; k < 300; k++) {
            haul_str_addc(&in, alphabet[(k * 7 + k / 64) % 64]);
            if (k % line == line - 1)
                haul_str_addz(&in, k % 2 ? "\n" : "\r\n");
        }
        if (i < 256)
            in.p[16 + i % 64] = (char)i;
        memory_out one = {.out = {memory_write}}, whole = {.out = {memory_write}};
        bool one_broken, whole_broken;
        push(&in, 1, &one, &one_broken);
        push(&in, in.len, &whole, &whole_broken);
        cr_expect_eq(one_broken, whole_broken, "round %u", i);
        cr_expect(one.s.len == whole.s.len && memcmp(one.s.p, whole.s.p, one.s.len) == 0, "round %u", i);
        haul_str_done(&one.s);
        haul_str_done(&whole.s);
    }
}

/* ── encryption ── */

static bool looks(const char *name, const char *p, size_t n, size_t piece)
{
    haul_sniff s = {0};
    for (size_t at = 0; at < n; at += piece)
        haul_sniff_feed(&s, p + at, n - at < piece ? n - at : piece);
    return haul_sniff_encrypted(&s, name);
}

static void expect_sniff(bool want, const char *name, const char *p, size_t n)
{
    for (size_t piece = 1; piece < 20000; piece = piece * 7 + 1)
        cr_expect_eq(looks(name, p, n, piece), want, "%s, %zu octets by %zu", name, n, piece);
}

static void zip_member(haul_str *s, unsigned flags, unsigned size, const char *name)
{
    char head[30] = "PK\3\4\x14";
    head[6] = (char)flags;
    head[18] = (char)size;
    head[26] = (char)strlen(name);
    haul_str_add(s, head, sizeof(head));
    haul_str_addz(s, name);
    many(s, size, "x");
}

Test(sniff, encrypted_zip)
{
    haul_auto_str plain = {0}, locked = {0}, behind = {0}, later = {0};
    zip_member(&plain, 0, 9, "a");
    zip_member(&locked, 1, 9, "a");
    zip_member(&behind, 0, 0, "dir/");
    zip_member(&behind, 1, 9, "dir/a");
    zip_member(&later, 8, 0, "a");
    zip_member(&later, 1, 9, "b"); /* out of reach: sizes stand behind what they are the sizes of */
    expect_sniff(false, "plain.zip", plain.p, plain.len);
    expect_sniff(true, "locked.zip", locked.p, locked.len);
    expect_sniff(true, "behind.zip", behind.p, behind.len);
    expect_sniff(false, "later.zip", later.p, later.len);
    expect_sniff(false, "cut.zip", locked.p, 6);
}

#define OLE "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

static void pad(haul_str *s, size_t to)
{
    while (s->len < to)
        haul_str_addc(s, '\0');
}

Test(sniff, encrypted_office)
{
    static const char name[] = "E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0";
    static const size_t at[] = {1024, 4096 - 16 * 8, 4096, 100096};
    for (size_t i = 0; i < HAUL_COUNT(at); i++) {
        haul_auto_str locked = {0}, text = {0};
        haul_str_addz(&locked, OLE);
        haul_str_addz(&text, OLE);
        pad(&locked, at[i]);
        pad(&text, at[i] + 2); /* in a text, not in a directory */
        haul_str_add(&locked, name, sizeof(name));
        haul_str_add(&text, name, sizeof(name));
        pad(&locked, 120000);
        pad(&text, 120000);
        expect_sniff(true, "locked.docx", locked.p, locked.len);
        expect_sniff(false, "text.doc", text.p, text.len);
    }
    haul_auto_str doc = {0}, xls = {0};
    haul_str_addz(&doc, OLE);
    pad(&doc, 512);
    haul_str_addz(&doc, "\xec\xa5");
    pad(&doc, 522);
    haul_str_add(&doc, "\0\1", 2);
    pad(&doc, 1024);
    expect_sniff(true, "locked.doc", doc.p, doc.len);
    doc.p[523] = 0;
    expect_sniff(false, "open.doc", doc.p, doc.len);
    haul_str_addz(&xls, OLE);
    pad(&xls, 512);
    haul_str_add(&xls, "\x09\x08\x02\0xx\x2f\0", 8);
    pad(&xls, 1024);
    expect_sniff(true, "locked.xls", xls.p, xls.len);
    xls.p[518] = 1;
    expect_sniff(false, "open.xls", xls.p, xls.len);
}

Test(sniff, encrypted_pdf_cms_and_pgp)
{
    haul_auto_str pdf = {0};
    haul_str_addz(&pdf, "\n%PDF-1.7\n");
    many(&pdf, 20000, "/Encryp ");
    expect_sniff(false, "open.pdf", pdf.p, pdf.len);
    haul_str_addz(&pdf, "/Encrypt 3 0 R");
    expect_sniff(true, "locked.pdf", pdf.p, pdf.len);
    expect_sniff(false, "text", pdf.p + 20, pdf.len - 20);
    expect_sniff(true, "smime.p7m", OCTETS("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0"));
    expect_sniff(false, "smime.p7m", OCTETS("\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0"));
    expect_sniff(true, "a.asc", OCTETS("-----BEGIN PGP MESSAGE-----\n"));
    expect_sniff(false, "a.asc", OCTETS("-----BEGIN PGP SIGNATURE-----\n"));
    expect_sniff(true, "a.gpg", OCTETS("\x85\x01"));
    expect_sniff(true, "a.PGP", OCTETS("\xc3\x01"));
    expect_sniff(false, "a.gpg", OCTETS("\x99\x01"));
    expect_sniff(false, "a", OCTETS("\x85\x01"));
    expect_sniff(false, "", "", 0);
}
