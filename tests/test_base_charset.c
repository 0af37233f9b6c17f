#include "base/charset.h"
#include "base/codepage.h"
#include "base/utf.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define FFFD "\xEF\xBF\xBD"

typedef struct row {
    unsigned cp;
    const char *octets;
    size_t n;
    const char *utf8;
    size_t bad;
} row;
#define ROW(cp, octets, utf8, bad)                                                                           \
    {                                                                                                        \
        cp, octets, sizeof(octets) - 1, utf8, bad                                                            \
    }

/* Characters by hand from the mapping tables that Unicode publishes, and from the RFC of each encoding. */
static const row rows[] = {
    ROW(0, "plain", "plain", 0),
    ROW(1252,
        "Gr\xfc\xdf"
        "e \x80 \x93x\x94",
        "Grüße € “x”", 0),
    ROW(1252, "a\x81z", "a" FFFD "z", 1),
    ROW(28591, "\xe9\x92", "é’", 0),
    ROW(28599, "\xfd\x80", "ı€", 0),
    ROW(28592, "\xe8\xb9", "čš", 0),
    ROW(28605, "\xa4", "€", 0),
    ROW(1250, "\x8a\xe8", "Šč", 0),
    ROW(1251, "\xcf\xf0\xe8", "При", 0),
    ROW(1253, "\xe1", "α", 0),
    ROW(1254, "\xfe", "ş", 0),
    ROW(1255, "\xf9\xec\xe5\xed", "שלום", 0),
    ROW(38598, "\xf9\xec\xe5\xed", "שלום", 0),
    ROW(1256, "\xe3\xd1", "مر", 0),
    ROW(1257, "\xe0", "ą", 0),
    ROW(1258, "a", "a", 0),
    ROW(1258, "\xe3", "ă", 0), /* held back for a tone mark, flushed at the end */
    ROW(437, "\x81\xe1", "üß", 0),
    ROW(850, "\x81\x9b", "üø", 0),
    ROW(720, "\xa0\xad",
        "ب"
        "ص",
        0),
    ROW(866, "\x8f", "П", 0),
    ROW(874, "\xa1\x80", "ก€", 0),
    ROW(20866, "\xf0\xd2", "Пр", 0),
    ROW(21866, "\xa4\xb4", "єЄ", 0),
    ROW(10000, "\x8a\xa7", "äß", 0),
    ROW(10006, "\xe1", "α", 0),
    ROW(10081, "\xdd", "ı", 0),
    ROW(932, "\x93\xfa\x96\x7b \xb1 \x87\x40 \x81\x60", "日本 ｱ ① ～", 0),
    ROW(932, "\x93", FFFD, 1),
    ROW(936, "\xd6\xd0\xb9\xfa\x80", "中国€", 0),
    ROW(936, "\xff<b>", FFFD "<b>", 1),
    ROW(949, "\xc7\xd1\xb1\xdb", "한글", 0),
    ROW(950, "\xa4\xa4\xa4\xe5", "中文", 0),
    ROW(1361, "\xd0\x65\x8b\x69", "한글", 0),
    ROW(54936, "\x81\x30\x81\x30\xd6\xd0", "\xC2\x80中", 0),
    ROW(51932, "\xc6\xfc\x8e\xb1\xad\xa1", "日ｱ①", 0),
    ROW(51949, "\xc7\xd1", "한", 0),
    ROW(51936, "\xd6\xd0", "中", 0),
    ROW(50220, "\033$BF|K\\\033(B!", "日本!", 0),
    ROW(50220, "\033$@F|\033(J.", "日.", 0),
    ROW(50221, "\033(I12\033(B", "ｱｲ", 0),  /* half-width katakana */
    ROW(50222, "a\01612\017b", "aｱｲb", 0),  /* the same by SO and SI */
    ROW(50220, "\xb1\xb2", "ｱｲ", 0),        /* the same in eight bits */
    ROW(50220, "\033$B-!\033(B", "①", 0),   /* NEC's row 13 */
    ROW(50220, "\033$BF|\nx", "日\nx", 0),  /* no escape back before the line end */
    ROW(50220, "\033$(D0!\033(B", "丂", 0), /* JIS X 0212 */
    ROW(50225, "\033$)C\016GQ\017x", "한x", 0),
    ROW(52936, "~{VP9z~} a~~b~\nc", "中国 a~bc", 0),
    ROW(65000, "Hi +ZeVnLA-!", "Hi 日本!", 0),
    ROW(65001, "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", "grüß 😀", 0),
    ROW(65001, "a\xc3(\xed\xa0\x80", "a" FFFD "(" FFFD FFFD FFFD, 4),
    ROW(1200, "a\0\xe5\x65=\xd8\0\xde", "a日😀", 0),
    ROW(1201, "\0a\x65\xe5", "a日", 0),
    ROW(1200,
        "a\0\0\xd8"
        "b\0c",
        "a" FFFD "b" FFFD, 2),
    ROW(12000, "a\0\0\0", "a", 0),
    ROW(20127, "a\xe9", "a" FFFD, 1),
    ROW(20106, "{}[", "äüÄ", 0),
    ROW(424242, "a\xe9z", "a" FFFD "z", 1),
    ROW(1252, "a\0b", "a" FFFD "b", 1),
    ROW(65001, "a\0\xc3\xbc", "a" FFFD "ü", 1),
};

Test(charset, decode)
{
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        const row *r = &rows[i];
        haul_auto_str s = {0};
        haul_str_addz(&s, "> ");
        size_t bad = haul_charset_decode(r->cp, r->octets, r->n, &s);
        cr_expect_str_eq(haul_strz(&s) + 2, r->utf8, "%u: %s, not %s", r->cp, haul_strz(&s), r->utf8);
        cr_expect_eq(bad, r->bad, "%u %s: %zu", r->cp, r->utf8, bad);
        cr_expect_eq(haul_charset_fits(r->cp, r->octets, r->n), r->bad == 0, "%u %s", r->cp, r->utf8);
    }
}

/* Whether text is in a character set is found without converting all of it. */
Test(charset, fits_as_it_decodes)
{
    static const unsigned cps[] = {437,  720,   874,   1250,  1251,  1252,  1253,  1254,  1255,  1256, 1257,
                                   1258, 10000, 10004, 20127, 20866, 28591, 28592, 28605, 65001, 932,  936};
    uint64_t x = 1;
    for (size_t k = 0; k < HAUL_COUNT(cps) * 20; k++) {
        haul_auto_str s = {0}, text = {0};
        unsigned cp = cps[k % HAUL_COUNT(cps)];
        for (size_t i = 0; i < k % 50; i++) {
            x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
            haul_str_addc(&s, x >> 63 ? (char)(x >> 40) : 'a');
        }
        cr_expect_eq(haul_charset_fits(cp, haul_strz(&s), s.len),
                     haul_charset_decode(cp, haul_strz(&s), s.len, &text) == 0, "%u, %zu", cp, k);
    }
}

/* Every character at every place of a step of sixteen units, and none read behind the end. */
Test(charset, utf16_in_steps)
{
    static const struct {
        uint16_t unit;
        const char *utf8;
    } odd[] = {{0x7f, "\x7f"}, {0x80, "\xc2\x80"}, {0xff, "ÿ"}, {0x100, "Ā"},
               {0x7fff, "翿"}, {0xff41, "ａ"},     {0, FFFD}};
    for (size_t k = 0; k < HAUL_COUNT(odd) * 40 * 40; k++) {
        size_t n = k % 40 + 1, at = k / 40 % 40 % n;
        haul_auto_str got = {0}, want = {0};
        uint8_t *p = malloc(2 * n);
        for (size_t i = 0; i < n; i++) {
            uint16_t u = i == at ? odd[k / 1600].unit : 'a';
            p[2 * i] = (uint8_t)u;
            p[2 * i + 1] = (uint8_t)(u >> 8);
            haul_str_addz(&want, i == at ? odd[k / 1600].utf8 : "a");
        }
        cr_expect_eq(haul_utf16_decode(p, 2 * n, &got), odd[k / 1600].unit == 0);
        cr_expect_str_eq(haul_strz(&got), haul_strz(&want));
        free(p);
    }
}

/* A conversion that ends inside a shift leaves nothing behind for the next. */
Test(charset, state_is_reset)
{
    haul_auto_str s = {0};
    (void)haul_charset_decode(50225, "\033$)C\016GQ", 7, &s);
    (void)haul_charset_decode(65000, "+ZeVnL", 6, &s);
    haul_str_clear(&s);
    cr_expect_eq(haul_charset_decode(50225, "GQ", 2, &s), 0);
    cr_expect_eq(haul_charset_decode(65000, "ZeVn", 4, &s), 0);
    cr_expect_str_eq(haul_strz(&s), "GQZeVn");
}

Test(charset, every_code_page_opens)
{
    unsigned before = 0;
    for (size_t i = 0; i < HAUL_CODEPAGE_COUNT; i++) {
        const haul_codepage *c = &haul_codepages[i];
        cr_expect_gt(c->number, before, "%u stands after %u", c->number, before);
        before = c->number;
        cr_expect_eq(haul_codepage_find(c->mime, strlen(c->mime)) != 0, true, "%s", c->mime);
        cr_expect_eq(c->kind == HAUL_CP_TABLE, haul_codepage_table(c->number) != NULL, "%u", c->number);
        iconv_t cd = c->iconv ? iconv_open("UTF-8", c->iconv) : (iconv_t)-1;
        cr_expect_eq(cd != (iconv_t)-1, c->kind != HAUL_CP_TABLE && c->kind != HAUL_CP_HZ, "%u", c->number);
        if (cd != (iconv_t)-1)
            (void)iconv_close(cd);
        char octets[256];
        for (size_t k = 0; k < sizeof(octets); k++)
            octets[k] = (char)k;
        haul_auto_str s = {0};
        (void)haul_charset_decode(c->number, octets, sizeof(octets), &s);
        cr_expect(haul_utf8_valid(s.p, s.len) && !memchr(s.p, 0, s.len), "%u", c->number);
    }
    cr_expect_null(haul_codepage_iconv(4711));
    cr_expect_null(haul_codepage_mime(4711));
}

Test(charset, names)
{
    static const struct {
        const char *name;
        unsigned cp;
    } names[] = {
        {"utf-8", 65001},
        {"UTF8", 65001},
        {"Windows-1252", 1252},
        {"cp1252", 1252},
        {"iso-8859-1", 28591},
        {"ISO_8859-1", 28591},
        {"latin1", 28591},
        {"iso-8859-15", 28605},
        {"us-ascii", 20127},
        {"ISO-2022-JP", 50220},
        {"shift_jis", 932},
        {"x-sjis", 932},
        {"gb2312", 936},
        {"GBK", 936},
        {"gb18030", 54936},
        {"big5", 950},
        {"euc-kr", 51949},
        {"ks_c_5601-1987", 949},
        {"koi8-r", 20866},
        {"euc-jp", 51932},
        {"utf-7", 65000},
        {"utf-16", 0},
        {"iso-8859-8-i", 38598},
        {"x-unknown", 0},
        {"", 0},
        {" ", 0},
        {"hz-gb-2312", 52936},
        {" utf-8 ", 65001},
    };
    for (size_t i = 0; i < HAUL_COUNT(names); i++)
        cr_expect_eq(haul_codepage_find(names[i].name, strlen(names[i].name)), names[i].cp, "%s: %u",
                     names[i].name, haul_codepage_find(names[i].name, strlen(names[i].name)));
    cr_expect_str_eq(haul_codepage_mime(50221), "iso-2022-jp");
    cr_expect_str_eq(haul_codepage_iconv(1252), "WINDOWS-1252");
}

Test(charset, encode)
{
    static const row to[] = {
        ROW(1252,
            "Gr\xfc\xdf"
            "e \x80",
            "Grüße €", 0),
        ROW(1252, "a?b", "a日b", 1),
        ROW(932, "\x93\xfa?", "日😀", 1),
        ROW(50220, "\033$BF|\033(B!", "日!", 0),
        ROW(720, "\xa0", "ب", 0),
        ROW(720, "?", "日", 1),
        ROW(1200, "a\0\xe5\x65", "a日", 0),
        ROW(4711, "?x", "äx", 1),
        ROW(1252, "a?b",
            "a\xff"
            "b",
            1),
    };
    for (size_t i = 0; i < HAUL_COUNT(to); i++) {
        haul_auto_str s = {0};
        size_t bad = haul_charset_encode(to[i].cp, to[i].utf8, strlen(to[i].utf8), &s);
        cr_expect(s.len == to[i].n && memcmp(s.p, to[i].octets, s.len) == 0, "%u %s: %s", to[i].cp,
                  to[i].utf8, haul_strz(&s));
        cr_expect_eq(bad, to[i].bad, "%u %s", to[i].cp, to[i].utf8);
    }
}

/* A confined process: no file can be opened any more. */
Test(charset, preloaded)
{
    haul_charset_preload();
    pid_t child = fork();
    if (child == 0) {
        struct rlimit none = {0, 0};
        int wrong = setrlimit(RLIMIT_NOFILE, &none);
        for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
            haul_auto_str s = {0};
            wrong |= haul_charset_decode(rows[i].cp, rows[i].octets, rows[i].n, &s) != rows[i].bad;
            wrong |= strcmp(haul_strz(&s), rows[i].utf8) != 0;
        }
        _exit(wrong != 0);
    }
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d", status);
}
