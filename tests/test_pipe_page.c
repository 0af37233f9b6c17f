#include "pipe/page.h"

#include "pipe/page_parts.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <libxml/parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct text_row {
    const char *in;
    size_t n;
    const char *out;
} text_row;
#define TEXT(in, out)                                                                                        \
    {                                                                                                        \
        in, sizeof(in) - 1, out                                                                              \
    }
#define CTL(z) "<span class='ctl'>" z "</span>"

static const text_row text_rows[] = {
    TEXT("plain", "plain"),
    TEXT("<script>alert(\"x\")</script> & 'y'",
         "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;y&#39;"),
    TEXT("]]>", "]]&gt;"),
    TEXT("a\0b\a\n\x7f", "a" CTL("U+0000") "b" CTL("U+0007") CTL("U+000A") CTL("U+007F")),
    TEXT("\x1b[31m", CTL("U+001B") "[31m"),
    TEXT("\xc2\x85\xe2\x80\xa8", CTL("U+0085") CTL("U+2028")),
    TEXT("exe.\xe2\x80\xaegpj", "exe." CTL("U+202E") "gpj"),
    TEXT("\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"),
    TEXT("\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80",
         "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80"), /* with its joiner */
    TEXT("\xef\xbf\xbe\xf0\x9f\xbf\xbf", CTL("U+FFFE") CTL("U+1FFFF")),
    TEXT("\xff\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"),
};

Test(page, texts_are_escaped_and_controls_shown)
{
    for (size_t i = 0; i < HAUL_COUNT(text_rows); i++) {
        haul_auto_str got = {0};
        haul_page_text(&got, text_rows[i].in, text_rows[i].n);
        cr_expect_str_eq(haul_strz(&got), text_rows[i].out, "%zu: %s", i, haul_strz(&got));
    }
}

Test(page, long_texts_end_on_a_character)
{
    haul_auto_str in = {0}, got = {0};
    haul_str_addc(&in, 'x');
    while (in.len <= HAUL_PAGE_TEXT_MAX)
        haul_str_addz(&in, "ä");
    haul_page_text(&got, in.p, in.len);
    cr_expect_eq(got.len, HAUL_PAGE_TEXT_MAX - 1 + strlen("…"));
    cr_expect(haul_ends(got.p, "ä…"));
}

Test(page, per_cents_do_not_overflow)
{
    static const struct {
        uint64_t part, of;
        const char *out;
    } rows[] = {{0, 0, "0.000%"},
                {1, 3, "33.333%"},
                {2, 3, "66.667%"},
                {5, 5, "100.000%"},
                {UINT64_MAX / 2, UINT64_MAX, "50.000%"},
                {UINT64_MAX, UINT64_MAX, "100.000%"}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str got = {0};
        haul_page_percent(&got, rows[i].part, rows[i].of);
        cr_expect_str_eq(haul_strz(&got), rows[i].out);
    }
}

/* ── whole pages ── */

typedef struct keeper {
    haul_out out;
    haul_str text;
} keeper;

static haul_rc keep(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    haul_str_add(&((keeper *)o)->text, p, n);
    return HAUL_OK;
}

/* The page; fails the test unless it is well-formed. Malloc'd. */
static char *page_of(const json_t *facts)
{
    keeper k = {.out = {keep}};
    haul_err e = {0};
    cr_assert_eq(haul_page_write(facts, &k.out, &e), HAUL_OK);
    xmlDocPtr doc = xmlReadMemory(k.text.p, (int)k.text.len, "page", NULL, XML_PARSE_NONET | XML_PARSE_HUGE);
    cr_expect(doc, "no well-formed XML");
    xmlFreeDoc(doc);
    return k.text.p;
}

static json_t *load(const char *single_quoted)
{
    char *text = strdup(single_quoted);
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    json_error_t why;
    json_t *o = json_loads(text, 0, &why);
    cr_assert(o, "%s: %s", why.text, single_quoted);
    free(text);
    return o;
}

static void expect_in(const char *page, const char *wanted, bool there)
{
    cr_expect((strstr(page, wanted) != NULL) == there, "%s: %s", there ? "lacks" : "has", wanted);
}

static const char facts_text[] =
    "{'title': 'Matter <M-17> & co', 'subtitle': '\\u202eevil', 'program': 'mailhaul x', 'generated': "
    "'2026-11-27T03:00:00Z',"
    " 'facts': [['Custodian', '<b>Ada</b>']],"
    " 'totals': [['found', 1234], ['stored', 1200], ['filtered', 30], ['duplicate', 4], ['failed', 0], "
    "['already stored', 0]],"
    " 'folders': [{'path': 'B', 'found': 4, 'stored': 4, 'octets': 100, 'filtered': 0},"
    "  {'path': 'A/X\\\\/Y', 'role': 'sent', 'found': 10, 'stored': 9, 'octets': 2000, 'oldest': "
    "'2001-02-03T04:05:06Z'},"
    "  {'path': 'A', 'found': 1220, 'stored': 1187, 'octets': 5000000}],"
    " 'sources': [{'path': 'a\\'b.pst', 'format': 'pst', 'size': 5, 'sha256': '00ff', 'custodian': 'ada', "
    "'error': 'cut <short>'}],"
    " 'terms': [{'term': '<img src=x>', 'items': 3, 'hits': 7}],"
    " 'exceptions': [{'docid': 'ABC00000001', 'kind': 'damaged', 'issue': 'msg.read-failed', 'detail': 'at "
    "octet 5', 'folder': 'A',"
    "   'disposition': 'not in the package'}], 'exceptions_total': 41,"
    " 'issues': {'time.guessed': 3, 'msg.read-failed': 1},"
    " 'digests': [['manifest-sha256.txt', 'aa11']],"
    " 'verify': ['# all of it', 'mailhaul verify \\'CASE\\' && echo <ok>']}";

Test(page, every_section_and_nothing_raw)
{
    static const char *const wanted[] = {
        "<title>Matter &lt;M-17&gt; &amp; co</title>",
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'",
        "<data value='1234'>1,234</data></strong> <span class='of'>found</span>",
        "<span class='op'>=</span> <strong><data value='1200'>1,200</data></strong> <span "
        "class='of'>stored</span>",
        "<span class='op'>+</span> <strong><data value='30'>30</data></strong> <span "
        "class='of'>filtered</span>",
        "<bdi>&lt;b&gt;Ada&lt;/b&gt;</bdi>",
        "<th scope='row' style='--d:1' title='A/X\\/Y'><bdi>X/Y</bdi> <span class='role'>sent</span></th>",
        "<time datetime='2001-02-03T04:05:06Z'>2001-02-03</time>",
        "<data value='5002100'>5.0 MB</data>", /* the sum */
        "a&quot;b.pst",
        "cut &lt;short&gt;",
        "&lt;img src=x&gt;",
        "<code>ABC00000001</code>",
        "the message could not be read to its end",
        "<data value='40'>40</data> more in <code>exceptions.csv</code>.",
        "<td class='severity damage'>damage</td>",
        "<span class='remark'># all of it</span>\nmailhaul verify &quot;CASE&quot; &amp;&amp; echo "
        "&lt;ok&gt;",
        "<code>aa11</code>",
    };
    static const char *const unwanted[] = {
        "<script",    "<b>Ada",  "http-equiv='refresh'", "do not add up", "Filtered</th>", "src=",
        "url(",       "@import", "javascript:",          "\xe2\x80\xae",  "id='months'",   "id='kinds'",
        "id='people'"};
    json_t *facts = load(facts_text);
    char *page = page_of(facts);
    for (size_t i = 0; i < HAUL_COUNT(wanted); i++)
        expect_in(page, wanted[i], true);
    for (size_t i = 0; i < HAUL_COUNT(unwanted); i++)
        if (strcmp(unwanted[i], "src=") != 0) /* an escaped one is in it */
            expect_in(page, unwanted[i], false);
    cr_expect(strstr(page, "title='A'") < strstr(page, "title='A/X") &&
              strstr(page, "title='A/X") < strstr(page, "title='B'"));
    free(page);
    json_decref(facts);
}

Test(page, the_same_facts_give_the_same_octets)
{
    json_t *facts = load(facts_text), *again = load(facts_text);
    char *a = page_of(facts), *b = page_of(again);
    cr_expect_str_eq(a, b);
    free(a);
    free(b);
    json_decref(facts);
    json_decref(again);
}

Test(page, it_says_when_totals_do_not_add_up)
{
    json_t *facts = load("{'totals': [['found', 10], ['stored', 7], ['failed', 2]]}");
    char *page = page_of(facts);
    expect_in(page, "These numbers do not add up: the sum is <data value='9'>9</data>.", true);
    free(page);
    json_decref(facts);
}

Test(page, no_facts_no_sections)
{
    json_t *facts = load("{}");
    char *page = page_of(facts);
    expect_in(page, "<section", false);
    expect_in(page, "<h1><bdi>Report</bdi></h1>", true);
    free(page);
    json_decref(facts);
}

/* Facts of the wrong types are absent; none of them brings the page down. */
Test(page, facts_of_other_types)
{
    json_t *facts = load(
        "{'title': 5, 'facts': {}, 'totals': [5, ['x'], [1, 'y']], 'folders': ['a', {'path': 5, 'found': "
        "'x'}],"
        " 'sources': [[]], 'terms': [1], 'exceptions': [null], 'issues': {'no.such': 5, 'msg.nul': 'x'},"
        " 'digests': [1, [2, 3]], 'verify': [1, {}], 'stats': {'months': [{'month': '2019-13', 'items': 1},"
        " {'month': 5}, 3], 'sizes': [4], 'kinds': {'mail': 'x'}, 'correspondents': [1]}}");
    free(page_of(facts));
    json_decref(facts);
}

/* ── folders ── */

Test(page, folders_that_are_not_shown_are_added_up)
{
    json_t *facts = json_object(), *list = json_array();
    char name[16];
    for (unsigned i = 0; i < HAUL_PAGE_FOLDERS + 7; i++) {
        (void)snprintf(name, sizeof(name), "F%05u", i);
        json_array_append_new(list, json_pack("{ss si si}", "path", name, "found", 2, "failed", i == 3));
    }
    json_object_set_new(facts, "folders", list);
    char *page = page_of(facts);
    expect_in(page,
              "<tr><th scope='row'>7 more folders</th><td class='n'><data value='14'>14</data></td><td "
              "class='n zero'>",
              true);
    expect_in(page,
              "<tr><th scope='row'>Total</th><td class='n'><data value='4014'>4,014</data></td><td "
              "class='n'><data value='1'>",
              true);
    expect_in(page, "F01999", true);
    expect_in(page, "F02000", false);
    free(page);
    json_decref(facts);
}

Test(page, folders_of_several_sources_and_missing_parents)
{
    json_t *facts = load(
        "{'folders': [{'source': 'one', 'path': 'A/B/C', 'messages': 1}, {'source': 'one', 'path': 'A', "
        "'messages': 1},"
        " {'source': 'two', 'path': 'A/D', 'messages': 1}, {'source': 'two', 'path': null, 'failed': 2}]}");
    char *page = page_of(facts);
    expect_in(page, "<th scope='rowgroup' colspan='3'><bdi>one</bdi></th>", true);
    expect_in(page, "<th scope='row' style='--d:1' title='A/B/C'><bdi>B/C</bdi></th>", true);
    expect_in(page, "<th scope='row' style='--d:0' title='A/D'><bdi>A/D</bdi></th>", true);
    expect_in(
        page,
        "<em>in no folder</em></th><td class='n zero'>–</td><td class='n'><data value='2'>2</data></td>",
        true);
    free(page);
    json_decref(facts);
}

/* ── months ── */

static char *months_page(const char *months, unsigned undated)
{
    haul_auto_str text = {0};
    haul_str_addf(&text, "{'stats': {'undated': %u, 'months': [%s]}}", undated, months);
    json_t *facts = load(text.p);
    char *page = page_of(facts);
    json_decref(facts);
    return page;
}

static unsigned bars(const char *page)
{
    unsigned n = 0;
    for (const char *p = strstr(page, "class='plot'"); p && (p = strstr(p, "<rect")); p++)
        n++;
    return n;
}

Test(page, a_chart_of_months_without_far_ones)
{
    char *page = months_page("{'month': '1970-01', 'items': 1}, {'month': '2018-11', 'items': 250}, "
                             "{'month': '2020-02', 'items': 40},"
                             " {'month': '2038-01', 'items': 2}",
                             3);
    cr_expect_eq(bars(page), 2);
    expect_in(page, "<title>2018-11: 250</title>", true);
    expect_in(page, "From 2018-11 to 2020-02. The most in a month: 250, in 2018-11.", true);
    expect_in(page, "<data value='1'>1</data> before 2018-11 are not in the chart.", true);
    expect_in(page, "<data value='2'>2</data> after 2020-02 are not in the chart.", true);
    expect_in(page, "<data value='3'>3</data> have no date.", true);
    expect_in(page, "<tr><th scope='row'>1970</th>", true);
    free(page);
}

Test(page, a_chart_of_one_month_and_of_few)
{
    char *page = months_page("{'month': '2019-07', 'items': 1}", 0);
    cr_expect_eq(bars(page), 1);
    expect_in(page, ">2019-07</text>", true);
    free(page);
    page = months_page("{'month': '2010-01', 'items': 1}, {'month': '2010-02', 'items': 5}, {'month': "
                       "'2019-12', 'items': 1}",
                       0);
    cr_expect_eq(bars(page), 3, "nothing is few among seven");
    expect_in(page, ">2015</text>", true);
    free(page);
    page = months_page("", 4);
    cr_expect_eq(bars(page), 0);
    expect_in(page, "<data value='4'>4</data> have no date.", true);
    free(page);
}

Test(page, a_chart_has_so_many_months)
{
    haul_auto_str months = {0};
    for (unsigned year = 1900; year < 2100; year++)
        haul_str_addf(&months, "%s{'month': '%u-03', 'items': %u}", months.len ? "," : "", year,
                      year >= 1990 && year < 2030 ? 9 : 8);
    char *page = months_page(months.p, 0);
    cr_expect_eq(bars(page), HAUL_PAGE_MONTHS / 12);
    expect_in(page, "From 1990-03 to 2029-03.", true);
    expect_in(page, "<data value='720'>720</data> before 1990-03 are not in the chart.", true);
    expect_in(page, "<data value='560'>560</data> after 2029-03 are not in the chart.", true);
    free(page);
}

/* ── bars ── */

Test(page, the_smallest_bar_is_seen)
{
    json_t *facts = load("{'stats': {'kinds': {'mail': 100000, 'note': 1, 'task': 25000}}}");
    char *page = page_of(facts);
    expect_in(page, "<rect height='12' width='100.000%'/>", true);
    expect_in(page, "<rect height='12' width='25.000%'/>", true);
    expect_in(page, "<rect height='12' width='0.500%'/>", true);
    expect_in(page, "contact</th>", false);
    free(page);
    json_decref(facts);
}

/* ── of an inventory ── */

Test(page, an_inventory_adds_up)
{
    json_t *inventory = load("{'sources': [{'path': '/m/a.pst', 'format': 'pst', 'error': null, 'issues': "
                             "{'msg.nul': 2}, 'totals': {'messages': 5, 'failed': 3},"
                             "  'folders': [{'path': 'A', 'role': 'inbox', 'messages': 5, 'failed': 1, "
                             "'flags_known': 5, 'unseen': 0, 'flagged': 0, 'octets': 9}]},"
                             " {'path': '/m/b', 'format': null, 'error': 'gone', 'issues': {'msg.nul': 1}, "
                             "'totals': {'messages': 0, 'failed': 0}, 'folders': []}],"
                             " 'totals': {'messages': 5, 'failed': 3, 'octets': 9, 'oldest': null}}");
    json_t *facts = haul_page_of_inventory(inventory);
    char *page = page_of(facts);
    expect_in(page, "<title>Inventory of 2 sources</title>", true);
    expect_in(page, "<data value='8'>8</data></strong> <span class='of'>found</span>", true);
    expect_in(page, "do not add up", false);
    expect_in(
        page,
        "<em>in no folder</em></th><td class='n zero'>–</td><td class='n'><data value='2'>2</data></td>",
        true);
    cr_expect_eq(haul_json_number(json_object_get(facts, "issues"), "msg.nul"), 3);
    free(page);
    json_decref(facts);
    json_decref(inventory);
}

/* ── as a file ── */

Test(page, saved_whole_and_over_regular_files_only)
{
    json_t *facts = load("{'title': 'x'}");
    const char *file = testing_path("page.html"), *link = testing_path("link.html");
    haul_err e = {0};
    cr_expect_eq(haul_page_save(facts, file, &e), HAUL_OK, "%s", e.text);
    cr_expect_eq(haul_page_save(facts, file, &e), HAUL_OK, "over its like: %s", e.text);
    char *text = testing_read(file, NULL), *page = page_of(facts);
    cr_assert(text);
    cr_expect_str_eq(text, page);
    free(text);
    free(page);
    cr_assert_eq(symlink(file, link), 0);
    cr_expect_eq(haul_page_save(facts, link, &e), HAUL_E_TARGET);
    cr_expect_eq(haul_page_check_place(testing_dir(), &e), HAUL_E_TARGET, "a directory");
    cr_expect_eq(haul_page_check_place("/dev/null", &e), HAUL_E_TARGET);
    cr_expect_eq(haul_page_check_place(testing_path("none/x"), &e), HAUL_E_TARGET);
    cr_expect_eq(haul_page_check_place("", &e), HAUL_E_TARGET);
    cr_expect_eq(haul_page_check_place(file, &e), HAUL_OK);
    json_decref(facts);
}

Test(page, inspect_refuses_a_page_in_a_source)
{
    char *out = NULL;
    const char *dir = testing_path("mail");
    testing_write(testing_path("mail/a.eml"), "Subject: x\n\nx\n", 14);
    cr_expect_eq(testing_run(&out, "inspect --html %s/x.html %s", dir, dir), 2, "%s", out);
    cr_expect(strstr(out, "--html"), "%s", out);
    free(out);
    cr_expect_eq(testing_run(&out, "inspect --html %s/a.eml %s/a.eml", dir, dir), 2, "%s", out);
    free(out);
    cr_expect_eq(testing_run(&out, "inspect --html %s/none/x.html %s", testing_dir(), dir), 4, "%s", out);
    free(out);
    cr_expect_eq(testing_run(&out, "inspect -q --html %s/x.html %s", testing_dir(), dir), 0, "%s", out);
    free(out);
    char *text = testing_read(testing_path("x.html"), NULL);
    cr_expect(text && strstr(text, "Inventory of mail"));
    free(text);
}
