#include "mime/rtf.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define H                                                                                                    \
    "{\\rtf1\\ansi\\ansicpg1252\\fromhtml1 \\deff0"                                                          \
    "{\\fonttbl{\\f0\\fswiss Arial;}{\\f1\\fmodern\\fcharset128 MS Gothic;}{\\f2\\fcharset204 Arial;}"       \
    "{\\f3\\fcharset2 Symbol;}{\\f4\\cpg1253 "                                                               \
    "X;}}{\\colortbl\\red0\\green0\\blue0;}\\uc1\\pard\\plain\\deftab360 "
#define T                                                                                                    \
    "{\\rtf1\\ansi\\ansicpg1252\\fromtext \\fbidi \\deff0{\\fonttbl\r\n{\\f0\\fswiss\\fcharset0 Arial;}}"    \
    "\\uc1\\pard\\plain\\deftab360 "
#define R                                                                                                    \
    "{\\rtf1\\ansi\\ansicpg1252\\deff0{\\fonttbl{\\f0 Arial;}{\\f1\\fcharset128 Gothic;}{\\f3\\fcharset2 "   \
    "Symbol;}}"                                                                                              \
    "{\\stylesheet{\\s1 heading;}}{\\info{\\title Not text}}\\uc1 "

enum { GUESSED = 1, TRUNCATED = 2, OBJECTS = 4 };

typedef struct row {
    const char *rtf;
    haul_rtf_kind kind;
    const char *text;
    unsigned flags;
} row;

static void check(const row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const row *r = &rows[i];
        haul_auto_str s = {0};
        haul_rtf_info info;
        haul_str_addz(&s, "> ");
        haul_rtf_kind kind = haul_rtf_extract(r->rtf, strlen(r->rtf), 0, &s, &info);
        cr_expect_eq(kind, r->kind, "%s: %d", r->rtf, kind);
        cr_expect_str_eq(haul_strz(&s) + 2, r->text, "%s: %s", r->rtf, haul_strz(&s));
        unsigned flags =
            (info.guessed ? GUESSED : 0u) | (info.truncated ? TRUNCATED : 0u) | (info.objects ? OBJECTS : 0u);
        cr_expect_eq(flags, r->flags, "%s: %u", r->rtf, flags);
    }
}

/* MS-OXRTFEX 2.1.3.1, 2.2.3.2, and its example 3.1. */
Test(rtf, html)
{
    static const row rows[] = {
        {H "{\\*\\htmltag64}{\\*\\htmltag19 <html>}{\\*\\htmltag50 <body>}text{\\*\\htmltag58 </body>}}",
         HAUL_RTF_HTML, "<html><body>text</body>", 0},
        {H "{\\*\\htmltag84 &lt;}\\htmlrtf <\\htmlrtf0 b{\\*\\mhtmltag84 <x>}", HAUL_RTF_HTML, "&lt;b",
         TRUNCATED},
        {H "a\\htmlrtf {\\b\\htmlrtf0 bold\\htmlrtf }\\htmlrtf0 z}", HAUL_RTF_HTML, "aboldz", 0},
        {H "{\\*\\htmltag4 \\par }\\htmlrtf \\par \\htmlrtf0 x\r\ny\\line\\tab z}", HAUL_RTF_HTML,
         "\r\nxy\r\n\tz", 0},
        {H "{\\*\\htmltag241 p \\{color:red\\}\\'5c}\\{\\}\\\\}", HAUL_RTF_HTML, "p {color:red}\\{}\\", 0},
        {H "\\lquote a\\rquote\\ldblquote b\\rdblquote\\bullet\\endash\\emdash\\~\\_}", HAUL_RTF_HTML,
         "&lsquo;a&rsquo;&ldquo;b&rdquo;&bull;&ndash;&mdash;&nbsp;&shy;", 0},
        {H "\\'fc\\u8364 ?\\u8364\\'80x\\uc0\\u-10179\\u-8704 y\\uc2\\u26085 ??z}", HAUL_RTF_HTML,
         "ü€€x😀y日z", 0},
        {H "\\f1 \\'93\\'fa{\\b\\'96}\\'7b\\f2 \\'cf\\f4 \\'e1\\f0 \\'e1}", HAUL_RTF_HTML, "日本Пαá", 0},
        {H "\\f1 \\'83\\\\\\'83t\\'93\\'fa}", HAUL_RTF_HTML, "ソフ日", 0}, /* trail octets that are ASCII */
        {H "\\f1{\\*\\htmltag84 \\'e9}\\htmlrtf\\f2\\htmlrtf0\\'cf}", HAUL_RTF_HTML, "éП", 0},
        {H "\\f3 \\'b7\\f1 \\'93}", HAUL_RTF_HTML, "·\xEF\xBF\xBD", GUESSED},
        {H "\\htmlrtf{\\pntext *}\\htmlrtf0{\\pntext *}a{\\*\\unknown b}{\\unknown c}}", HAUL_RTF_HTML, "ac",
         0},
        {H "\\u-10179 ?x}", HAUL_RTF_HTML, "\xEF\xBF\xBDx", GUESSED},
    };
    check(rows, HAUL_COUNT(rows));
}

Test(rtf, text)
{
    static const row rows[] = {
        {T "one\\par two\\line\\tab three \\{\\}\\par }\r\n", HAUL_RTF_TEXT, "one\r\ntwo\r\n\tthree {}\r\n",
         0},
        {T "\\'e4\\lquote\\~\\bullet}", HAUL_RTF_TEXT, "ä‘\xC2\xA0•", 0},
        {T "a{\\*\\htmltag19 <b>}\\cell b", HAUL_RTF_TEXT, "ab", TRUNCATED},
    };
    check(rows, HAUL_COUNT(rows));
}

Test(rtf, real)
{
    static const row rows[] = {
        {"{\\rtf1 plain}", HAUL_RTF_REAL, "plain", 0},
        {"\r\n {\\rtf plain}", HAUL_RTF_REAL, "plain", 0},
        {R "one\\par\\trowd a\\cell b\\cell\\row}", HAUL_RTF_REAL, "one\r\na\tb\t\r\n", 0},
        {R "{\\field{\\*\\fldinst HYPERLINK \"x\"}{\\fldrslt link}}", HAUL_RTF_REAL, "link", TRUNCATED},
        {R "{\\pict\\wmetafile8 0102}{\\*\\shppict{\\pict 00}}x}", HAUL_RTF_REAL, "x", OBJECTS},
        {R "{\\object\\objemb{\\*\\objdata 00}{\\result shown}}}", HAUL_RTF_REAL, "shown", OBJECTS},
        {R "a\\bin4 {{{{b}", HAUL_RTF_REAL, "ab", 0},
        {R "a\\v hidden\\v0 b{\\v c}\\v\\plain d}", HAUL_RTF_REAL, "abd", 0},
        {R "{\\pntext\\f3\\'b7\\tab}item\\par\\u-3913 ?}", HAUL_RTF_REAL, "•\titem\r\n•", 0},
        {R "{\\upr{\\bkmkstart A}{\\*\\ud{\\u946 b}}}x{\\header h}{\\footer f}}", HAUL_RTF_REAL, "βx", 0},
        {R "{\\shp{\\*\\shpinst\\shpleft0{\\sp{\\sn a}{\\sv 1}}{\\shptxt boxed}}}}", HAUL_RTF_REAL, "boxed",
         0},
        {R "\\fromhtml1 a}", HAUL_RTF_HTML, "a", 0},
        {R "a\\fromhtml1 b}", HAUL_RTF_REAL, "ab", 0}, /* too late */
        {R "{\\b\\*\\cs7 shown}{\r\n\\*\\cs7 not}}", HAUL_RTF_REAL, "shown",
         0}, /* "\\*" only counts at the start */
        {R "a}{\\b b}", HAUL_RTF_REAL, "a", TRUNCATED},
        {R "a\\'zzb\\'", HAUL_RTF_REAL, "azzb", TRUNCATED},
        {R "\\f99999999999 a\\fs-20 b\\u99999999999 ?c}", HAUL_RTF_REAL,
         "ab\xEF\xBF\xBD"
         "c",
         GUESSED},
        {"{\\rtf1\\mac \\'8a}", HAUL_RTF_REAL, "ä", 0},
        {"{\\rtf1\\pca \\'81}", HAUL_RTF_REAL, "ü", 0},
        {"{\\rtf1\\ansi\\ansicpg1251 \\'cf\xcf}", HAUL_RTF_REAL, "ПП", 0},
        {"plain text", HAUL_RTF_NONE, "", 0},
        {"{\\rt", HAUL_RTF_NONE, "", 0},
        {"", HAUL_RTF_NONE, "", 0},
    };
    check(rows, HAUL_COUNT(rows));
}

/* The text below the limit is kept, what lies deeper passed over, what follows read again. */
Test(rtf, depth)
{
    haul_auto_str rtf = {0}, s = {0};
    haul_str_addz(&rtf, "{\\rtf1 a");
    for (size_t i = 0; i < 2 * HAUL_RTF_DEPTH_MAX; i++)
        haul_str_addz(&rtf, "{");
    haul_str_addz(&rtf, "deep");
    for (size_t i = 0; i < 2 * HAUL_RTF_DEPTH_MAX; i++)
        haul_str_addz(&rtf, "}");
    haul_str_addz(&rtf, "z}");
    haul_rtf_info info;
    cr_expect_eq(haul_rtf_extract(rtf.p, rtf.len, 0, &s, &info), HAUL_RTF_REAL);
    cr_expect_str_eq(haul_strz(&s), "az");
    cr_expect_not(info.truncated);
}

Test(rtf, code_page_of_the_caller)
{
    haul_auto_str s = {0};
    cr_expect_eq(haul_rtf_extract("{\\rtf1 \\'cf}", 12, 1251, &s, NULL), HAUL_RTF_REAL);
    cr_expect_str_eq(haul_strz(&s), "П");
}

/* Documents of the corpus, and the text that the tests of the projects they come from expect. */
Test(rtf, corpus)
{
    static const struct {
        const char *file, *text;
        haul_rtf_kind kind;
    } rows[] = {
        {"apache__tika__testRTFUnicodeGothic.rtf", "𐌲𐌿𐍄𐌹𐍃𐌺", HAUL_RTF_REAL},
        {"apache__tika__testRTFHexEscapeInsideWord.rtf", "ESPÍRITO", HAUL_RTF_REAL},
        {"apache__tika__testRTFWindowsCodepage1250.rtf", "zażółć gęślą jaźń", HAUL_RTF_REAL},
        {"apache__tika__testRTF-ms932.rtf", "こんにちは", HAUL_RTF_REAL},
        {"apache__tika__testRTFIgnoredControlWord.rtf", "The quick brown fox jumps over the lazy dog",
         HAUL_RTF_REAL},
        {"apache__tika__testRTFJapanese.rtf", "ゾルゲと尾崎、淡々と最期", HAUL_RTF_REAL},
        {"apache__tika__testRTFWithCurlyBraces.rtf", "{ some text inside curly brackets }", HAUL_RTF_REAL},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        char path[4096];
        size_t n = 0;
        (void)snprintf(path, sizeof(path), "%s/misc/%s", HAUL_CORPUS, rows[i].file);
        char *p = testing_read(path, &n);
        haul_auto_str s = {0};
        if (!p)
            continue;
        cr_expect_eq(haul_rtf_extract(p, n, 0, &s, NULL), rows[i].kind, "%s", rows[i].file);
        cr_expect(strstr(haul_strz(&s), rows[i].text), "%s: %s", rows[i].file, rows[i].text);
        free(p);
    }
}
