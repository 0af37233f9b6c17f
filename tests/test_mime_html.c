#include "base/utf.h"
#include "mime/html.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct row {
    const char *html, *text;
} row;

/* HTML 4.01 9.1 (white space), 9.3 (paragraphs), 10 (lists), 11 (tables), 24 (characters); docs/mapi.md [mapi-26]. */
static const row rows[] = {
    {"one two", "one two"},
    {"", ""},
    {"<p>&nbsp;</p>", ""},
    {"<p>a</p><p>b</p>", "a\n\nb"},
    {"<p>a</p><p>&nbsp;</p><p>b</p>", "a\n\nb"},
    {"<div>a</div><div>b</div>", "a\nb"},
    {"<div>a</div><div><br></div><div>b</div>", "a\n\nb"},
    {"a<br>b<br/><br>c", "a\nb\n\nc"},
    {"<p>a<br></p><p>b", "a\n\nb"},
    {"  a \r\n\t b<b> c</b><i>d </i>e", "a b cd e"},
    {"a <b> b</b>", "a b"},
    {"<html><head><title>T</title><style>p{color:red}</style></head><body>x</body></html>", "x"},
    {"x<style>p{}</style><script>if (a<b) c()</script>y", "xy"},
    {"<!-- no -->a<!--[if gte mso 9]><xml>n</xml><![endif]-->b", "ab"},
    {"a<![if !vml]>b<![endif]>c<!--[if gte vml 1]><v:x>no</v:x><![endif]-->d<![if !supportLists]>- "
     "<![endif]>e",
     "abcd- e"},
    {"&lt;a&gt; &amp; &quot;&eacute;&#x416;&#8364;", "<a> & \"\xc3\xa9\xd0\x96\xe2\x82\xac"},
    {"1&nbsp;&nbsp;2", "1 2"},
    {"<ul><li>a</li><li><p>b</p></li></ul>c", "- a\n- b\n\nc"},
    {"<ol><li>a<li>b<ul><li>c</ul><li>d</ol>", "1. a\n2. b\n  - c\n3. d"},
    {"x<table><tr><td>a</td><td>b</td></tr><tr><td><p>c</p></td><td><div>d</div></td></tr></table>y",
     "x\na\tb\nc\td\ny"},
    {"<table><tr><td></td><td>b</td></tr></table>", "\tb"},
    {"<table><tr><td>a<table><tr><td>1<td>2</table><td>b</table>", "a\n1\t2\tb"},
    {"<pre>a\n  b\tc\n</pre>d  e", "a\n  b\tc\n\nd e"},
    {"<a href='https://x.example/meet?a=1&amp;b=2'>Join</a> now",
     "Join <https://x.example/meet?a=1&b=2> now"},
    {"<a href='https://x.example/'>https://x.example</a>", "https://x.example"},
    {"<a href='http://X.example/'>x.example</a>", "x.example"},
    {"<a href='mailto:a@b.example?subject=s'>A@b.example</a>", "A@b.example"},
    {"<a href='mailto:a@b.example'>Ada</a>", "Ada <mailto:a@b.example>"},
    {"<a href='#x'>up</a><a name=y>z</a><a href='javascript:x()'>j</a>", "upzj"},
    {"<a href='https://x.example/1'><img src=a></a>", "<https://x.example/1>"},
    {"a<img src='cid:1' alt='The map'>b<img src=c alt=''>", "a[The map]b"},
    {"<h1>T</h1>x<hr>y", "T\n\nx\n\ny"},
    {"<p class=MsoNormal><span>a<o:p></o:p></span></p>", "a"},
    {"</p></td></ul></pre>a", "a"},
    {"<p>a<p>b", "a\n\nb"},
    {"<meta http-equiv=Content-Type content='text/html; charset=iso-8859-1'>\xc3\xa9", "\xc3\xa9"},
    {"<?xml version='1.0' encoding='iso-8859-1'?><p>\xc3\xa9</p>", "\xc3\xa9"},
    {"<!DOCTYPE html SYSTEM 'file:///etc/passwd' [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><p>&x;</p>", NULL},
};

Test(html, text)
{
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str s = {0};
        cr_expect(haul_html_text(65001, rows[i].html, strlen(rows[i].html), &s), "%s", rows[i].html);
        if (rows[i].text)
            cr_expect(strcmp(haul_strz(&s), rows[i].text) == 0, "%s\n%s", rows[i].html, haul_strz(&s));
        cr_expect(!strstr(haul_strz(&s), "root:"), "%s", rows[i].html);
    }
}

Test(html, other_code_pages_and_what_is_there_already)
{
    haul_auto_str s = {0};
    haul_str_addz(&s, "a\n");
    cr_expect(haul_html_text(1251, "<meta charset=utf-8><p>\xc6</p>", 27, &s));
    cr_expect(strcmp(haul_strz(&s), "a\n\xd0\x96") == 0, "%s", haul_strz(&s));
}

Test(html, every_truncation_and_flip_ends)
{
    static const char html[] =
        "<ul><li>a<ol><li>b</ol></ul><table><tr><td>c<td><p>d</p></table><pre>e\n</pre>"
        "<a href='https://f.example'>g<br></a>&eacute;&#x416;<img alt=h><script>i</script>j";
    for (size_t i = 0; i < sizeof html; i++)
        for (unsigned flip = 0; flip < 256; flip += 5) {
            char copy[sizeof html];
            haul_auto_str s = {0};
            memcpy(copy, html, sizeof html);
            copy[i] = (char)((unsigned char)copy[i] ^ flip);
            haul_html_text(65001, copy, flip ? sizeof html - 1 : i, &s);
            cr_assert(haul_utf8_valid(haul_strz(&s), s.len), "%zu %u", i, flip);
        }
}

static bool repeated(const char *open, const char *unit, const char *close, size_t n, haul_str *to)
{
    haul_auto_str html = {0};
    haul_str_addz(&html, open);
    for (size_t i = 0; i < n; i++)
        haul_str_addz(&html, unit);
    haul_str_addz(&html, close);
    return haul_html_text(65001, html.p, html.len, to);
}

Test(html, depth_and_size_are_bounded)
{
    haul_auto_str deep = {0}, shallow = {0}, large = {0}, picture = {0};
    cr_expect(!repeated("first", "<div>x", "", 100000, &deep));
    cr_expect(strncmp(haul_strz(&deep), "first\nx\nx", 9) == 0);
    cr_expect(repeated("", "<div>x", "", HAUL_HTML_DEPTH - 4, &shallow));
    cr_expect(!repeated("first ", "word ", "", HAUL_HTML_TEXT_MAX, &large));
    cr_expect(large.len > HAUL_HTML_TEXT_MAX / 2 && large.len <= HAUL_HTML_TEXT_MAX);
    /* an embedded picture is no text and does not count */
    cr_expect(repeated("a<img src=\"data:image/png;base64,", "iVBORw0KGgo/", "\">b", 300000, &picture));
    cr_expect(strcmp(haul_strz(&picture), "ab") == 0, "%zu", picture.len);
}

/* The worst that libxml2 can be given: attributes of one tag, each compared with all before. */
Test(html, many_attributes_end, .timeout = TESTING_SECONDS)
{
    haul_auto_str html = {0}, s = {0};
    haul_str_addz(&html, "<a");
    for (unsigned i = 0; html.len < HAUL_HTML_TEXT_MAX; i++)
        haul_str_addf(&html, " %c%x", 'g' + (int)(i % 20), i / 20);
    haul_str_addz(&html, ">t</a>");
    haul_html_text(65001, html.p, html.len, &s);
    cr_expect(haul_utf8_valid(haul_strz(&s), s.len));
}
