/* People, key words and custodians: what fits what. check_select.py holds whole runs against another implementation. */
#include "pipe/custodian.h"
#include "pipe/select.h"
#include "pipe/terms.h"

#include "testing.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ── key words ── */

typedef struct term_row {
    const char *terms, *text;
    const char *hits; /* of each term, joined by blanks */
} term_row;

static const term_row term_rows[] = {
    {"tax", "Tax, TAX and tAx.", "3"},
    {"tax", "taxes syntax pretax tax2 2tax t\xc3\xa4x", "0"},
    {"tax", "(tax)/tax_tax\ttax", "4"},
    {"tax*", "taxes tax syntax Taxi", "3"},
    {"annual report", "the Annual\r\n   Report of annual reports; annual-report", "1"},
    {"annual report*", "annual reports", "1"},
    /* several at once, one within another, the same with and without asterisk */
    {"he\nshe\nhis\nhers", "she his hers he ushers", "1 1 1 1"},
    {"a b c\nb c\nc\nb", "a b c", "1 1 1 1"},
    {"tax\ntax*\nTAX", "tax taxes", "1 2"},
    {"abab", "abababab abab", "1"},
    /* case, whatever the language */
    {"stra\xc3\x9f"
     "e",
     "STRASSE Stra\xc3\x9f"
     "e strasse Stra\xe1\xba\x9e"
     "e",
     "4"},
    {"\xcf\x83\xce\xbf\xcf\x86\xce\xbf\xcf\x82",
     "\xce\xa3\xce\x9f\xce\xa6\xce\x9f\xce\xa3 \xcf\x83\xce\xbf\xcf\x86\xce\xbf\xcf\x83", "2"},
    {"istanbul\ni\xcc\x87stanbul", "ISTANBUL \xc4\xb0stanbul \xc4\xb1stanbul", "1 1"},
    {"\xd0\xb4\xd0\xbe\xd0\xb3\xd0\xbe\xd0\xb2\xd0\xbe\xd1\x80*",
     "\xd0\x94\xd0\x9e\xd0\x93\xd0\x9e\xd0\x92\xd0\x9e\xd0\xa0\xd0\xab", "1"},
    /* one character or two */
    {"caf\xc3\xa9", "cafe\xcc\x81 CAFE\xcc\x81 cafe caf\xc3\xa9s", "2"},
    {"cafe\xcc\x81", "caf\xc3\xa9", "1"},
    {"cafe", "caf\xc3\xa9 cafe\xcc\x81", "0"},
    {"cafe*", "caf\xc3\xa9", "1"},
    /* soft hyphens and joiners are nothing, other marks are boundaries */
    {"confidential",
     "con\xc2\xad"
     "fi\xe2\x80\x8b"
     "dential con-fidential",
     "1"},
    {"con\xc2\xad"
     "fidential",
     "confidential", "1"},
    {"naive", "na\xc3\xafve naive", "1"},
    {"o'neil\nneil", "O'Neil O\xe2\x80\x99Neil", "1 2"},
    {"c++\n\\#7\n\xc2\xa7 14",
     "C++ C+++ #7 #77 \xc2\xa7\xc2\xa0"
     "14",
     "2 1 1"},
    /* scripts without blanks */
    {"\xe5\xa5\x91\xe7\xb4\x84",
     "\xe8\xb3\xbc\xe8\xb2\xb7\xe5\xa5\x91\xe7\xb4\x84\xe6\x9b\xb8\xe3\x80\x81\xe5\xa5\x91\xe7\xb4\x84", "2"},
    {"\xe3\x81\x8b", "\xe3\x81\x8c\xe3\x81\x8b\xe3\x81\x8b", "2"}, /* KA is not GA, which is KA with a mark */
    {"data",
     "\xe3\x81\xae"
     "data\xe3\x82\x92",
     "1"},
    {"\xe0\xb8\xaa\xe0\xb8\xb1\xe0\xb8\x8d\xe0\xb8\x8d\xe0\xb8\xb2",
     "\xe0\xb8\x97\xe0\xb8\xb3\xe0\xb8\xaa\xe0\xb8\xb1\xe0\xb8\x8d\xe0\xb8\x8d\xe0\xb8\xb2\xe0\xb9\x81\xe0"
     "\xb8\xa5\xe0\xb8\xb0",
     "1"},
    /* what is malformed is no letter; NUL is a blank */
    {"tax", "\xfftax\xff tax\xc3", "2"},
    {"tax", "", "0"},
    {"\xef\xbb\xbf# first\n\n  tax \r\n#x\n", "tax", "1"},
};

static void push(haul_search *s, const char *text, size_t piece)
{
    size_t n = strlen(text);
    for (size_t at = 0; at < n; at += piece)
        cr_assert(haul_out_write(haul_search_out(s), text + at, n - at < piece ? n - at : piece, NULL) ==
                  HAUL_OK);
}

static void check_row(size_t i, size_t piece)
{
    const term_row *row = &term_rows[i];
    haul_auto(haul_terms) *t = NULL;
    haul_auto_str got = {0};
    haul_err e = {0};
    bool any = false;
    cr_assert(haul_terms_parse(row->terms, strlen(row->terms), "t", &t, &e) == HAUL_OK, "row %zu: %s", i,
              e.text);
    haul_auto(haul_search) *s = haul_search_new(t);
    push(s, row->text, piece);
    bool found = haul_search_end(s, true);
    for (size_t k = 0; k < haul_terms_count(t); k++) {
        uint64_t hits = haul_search_hits(s, k);
        haul_str_addf(&got, "%s%llu", k ? " " : "", (unsigned long long)hits);
        cr_expect(haul_search_items(s, k) == (hits > 0), "row %zu: items of %s", i, haul_terms_text(t, k));
        any |= hits > 0;
    }
    cr_expect_str_eq(got.p, row->hits, "row %zu, pieces of %zu: %s, not %s", i, piece, got.p, row->hits);
    cr_expect(found == any, "row %zu", i);
}

Test(terms, whole_words_in_pieces_of_any_size)
{
    for (size_t i = 0; i < HAUL_COUNT(term_rows); i++)
        for (size_t piece = 1; piece < 8; piece++)
            check_row(i, piece < 7 ? piece : 4096);
}

Test(terms, texts_and_items_are_apart)
{
    static const char list[] = "annual report\nreport";
    haul_auto(haul_terms) *t = NULL;
    cr_assert(haul_terms_parse(list, strlen(list), "t", &t, NULL) == HAUL_OK);
    haul_auto(haul_search) *s = haul_search_new(t);
    push(s, "annual", 99);
    haul_search_break(s);
    push(s, "report", 99);
    cr_expect(haul_search_end(s, true));
    push(s, "annual report report", 99);
    cr_expect(haul_search_end(s, false), "found, though not counted");
    push(s, "nothing", 99);
    cr_expect(!haul_search_end(s, true), "nothing is left of the item before");
    cr_expect(haul_search_items(s, 0) == 0 && haul_search_hits(s, 0) == 0);
    cr_expect(haul_search_items(s, 1) == 1 && haul_search_hits(s, 1) == 1);
}

/* A term as long as they may be, at the end of what is remembered of the text again and again. */
Test(terms, the_longest_term)
{
    char term[HAUL_TERM_MAX + 2];
    haul_auto(haul_terms) *t = NULL, *none = NULL;
    haul_err e = {0};
    memset(term, 'x', sizeof(term));
    term[HAUL_TERM_MAX] = '\0';
    cr_assert(haul_terms_parse(term, HAUL_TERM_MAX, "t", &t, NULL) == HAUL_OK);
    haul_auto(haul_search) *s = haul_search_new(t);
    for (size_t i = 0; i < 50; i++) {
        push(s, i % 2 ? "-" : "y ", 99);
        push(s, term, 7);
        push(s, i % 5 ? " " : "x ", 99);
    }
    cr_expect(haul_search_end(s, true));
    cr_expect(haul_search_hits(s, 0) == 40, "%llu", (unsigned long long)haul_search_hits(s, 0));
    term[HAUL_TERM_MAX] = 'x';
    cr_expect(haul_terms_parse(term, HAUL_TERM_MAX + 1, "t", &none, &e) == HAUL_E_USAGE);
    cr_expect_str_eq(e.text, "t: line 1 is longer than 1024 octets");
}

static const struct {
    const char *text, *says;
} bad_terms[] = {
    {"", "t has no term"},
    {"# only this\n\n", "t has no term"},
    {"one\nt*x\n", "t: line 2 has a * that is not at its end"},
    {"**", "t: line 1 has a * that is not at its end"},
    {"*", "t: line 1 has nothing to look for"},
    {"a\n\xc2\xad\n", "t: line 2 has nothing to look for"},
    {"tax *", "t: line 1 has a blank in front of its *"},
};

Test(terms, a_bad_line_is_named)
{
    for (size_t i = 0; i < HAUL_COUNT(bad_terms); i++) {
        haul_auto(haul_terms) *t = NULL;
        haul_err e = {0};
        const char *p = bad_terms[i].text;
        cr_expect(haul_terms_parse(p, strlen(p), "t", &t, &e) == HAUL_E_USAGE, "row %zu", i);
        cr_expect_str_eq(e.text, bad_terms[i].says, "row %zu: %s", i, e.text);
        cr_expect_null(t);
    }
}

Test(terms, too_many)
{
    haul_auto_str list = {0};
    haul_auto(haul_terms) *t = NULL, *none = NULL;
    haul_err e = {0};
    for (unsigned i = 0; i < HAUL_TERMS_MAX; i++)
        haul_str_addf(&list, "w%u\n", i);
    cr_assert(haul_terms_parse(list.p, list.len, "t", &t, NULL) == HAUL_OK);
    cr_expect(haul_terms_count(t) == HAUL_TERMS_MAX);
    haul_str_addz(&list, "one more\n");
    cr_expect(haul_terms_parse(list.p, list.len, "t", &none, &e) == HAUL_E_USAGE);
    cr_expect(strstr(e.text, "line 10001 is one too many"), "%s", e.text);
}

Test(terms, a_file_that_is_no_text)
{
    haul_auto(haul_terms) *t = NULL;
    haul_err e = {0};
    const char *path = testing_path("latin1.txt");
    testing_write(path, "fine\ncaf\xe9\n", 10);
    cr_expect(haul_terms_load(path, &t, &e) == HAUL_E_USAGE);
    cr_expect(strstr(e.text, "latin1.txt: line 2 is not UTF-8"), "%s", e.text);
    cr_expect(haul_terms_load(testing_path("absent"), &t, &e) == HAUL_E_USAGE);
}

/* ── people ── */

static const struct {
    const char *who, *addr;
    bool is;
} party_rows[] = {
    {"ada@x.org", "ada@x.org", true},      {"Ada@X.ORG", "ada@x.org", true},
    {"ada@x.org", "ada@y.x.org", false},   {"ada@x.org", "lada@x.org", false},
    {"x.org", "ada@x.org", true},          {"@x.org", "ada@x.org", true},
    {"x.org", "ada@mail.x.org", true},     {"x.org", "ada@ax.org", false},
    {"x.org", "x.org@y.com", false},       {"mail.x.org", "ada@x.org", false},
    {"x.org", "not-an-address", false},    {"@local", "root@local", true},
    {"x.org", "\"a@x.org\"@y.com", false},
};

Test(party, addresses_and_domains)
{
    for (size_t i = 0; i < HAUL_COUNT(party_rows); i++)
        cr_expect(haul_party_is(party_rows[i].who, party_rows[i].addr) == party_rows[i].is, "%s, %s",
                  party_rows[i].who, party_rows[i].addr);
}

Test(party, what_can_be_asked_for)
{
    static const char *const good[] = {"ada@x.org", "x.org", "@x.org", "@local", "ada@local"};
    static const char *const bad[] = {
        "", "@", "ada", "ada@", "x y.org", "a b@x.org", ".org", "Ada <ada@x.org>", "a@x.org,b@x.org"};
    for (size_t i = 0; i < HAUL_COUNT(good); i++)
        cr_expect(haul_party_ok(good[i]), "%s", good[i]);
    for (size_t i = 0; i < HAUL_COUNT(bad); i++)
        cr_expect(!haul_party_ok(bad[i]), "%s", bad[i]);
}

/* ── custodians ── */

static const char map[] = "\xef\xbb\xbf# who has what\n"
                          "exports/ada* = Ada L\xc3\xb6velace\r\n"
                          "\n"
                          "exports/*/Sent@* = Nobody\n"
                          "*.pst = Outlook\n"
                          "a\\=b = Equal = signs\n"
                          "top/dir = Below\n"
                          "exports = All the rest\n";

static const struct {
    const char *source, *place, *name, *key;
} custodian_rows[] = {
    {"exports/ada.mbox", NULL, "Ada L\xc3\xb6velace", NULL},
    {"exports", "ada/Inbox@0", "Ada L\xc3\xb6velace", NULL},
    {"exports/", "ada", "Ada L\xc3\xb6velace", NULL},
    {"exports", "bob/Sent@12", "Nobody", NULL},
    {"exports", "bob/Inbox@12", "All the rest", NULL},
    {"exports", NULL, "All the rest", NULL},
    {"exportsx", NULL, "the fallback", NULL},
    {"/srv/x.pst", "Inbox#0x20", "Outlook", NULL},
    {"a=b", NULL, "Equal = signs", NULL},
    {"top", "dir/below/x@4", "Below", NULL},
    {"top", "dir@4", "Below", NULL},
    {"top", "dirt@4", "the fallback", NULL},
    {"other", "", "the fallback", NULL},
    {"mail", "x.pst:Inbox#0x20", "Outlook", NULL},
    {"mail", "deep/x.pst:A:B#0x20", "Outlook", NULL},
    {"take.zip", "in.zip:x.pst:Inbox#0x20", "Outlook", NULL},
    {"mail", "x.pstold:Inbox#0x20", "the fallback", NULL},
    {"mail", ":::::::::::::::", "the fallback", ":@:@:@:@:"},
    {"exports.d", "x@4", "Outlook", "x.pst@4"},
    {"exports.d", NULL, "Outlook", "x.pst"},
    {"exports.d", "x@4", "the fallback", "x.psv@4"},
};

Test(custodian, the_first_line_that_fits)
{
    haul_auto(haul_custodians) *c = NULL;
    haul_err e = {0};
    const char *path = testing_path("map");
    testing_write(path, map, strlen(map));
    cr_assert(haul_custodians_load(path, "the fallback", &c, &e) == HAUL_OK, "%s", e.text);
    for (size_t i = 0; i < HAUL_COUNT(custodian_rows); i++) {
        const char *name =
            haul_custodian_of(c, custodian_rows[i].source, custodian_rows[i].place, custodian_rows[i].key);
        cr_expect_str_eq(name, custodian_rows[i].name, "%s, %s: %s", custodian_rows[i].source,
                         custodian_rows[i].place ? custodian_rows[i].place : "-", name);
    }
}

Test(custodian, lines_that_fit_nothing)
{
    haul_auto(haul_custodians) *c = NULL;
    size_t at = 0;
    unsigned line = 0;
    const char *path = testing_path("map");
    testing_write(path, map, strlen(map));
    cr_assert(haul_custodians_load(path, NULL, &c, NULL) == HAUL_OK);
    for (size_t i = 0; i < 8; i++) /* all but Outlook and what comes behind it */
        (void)haul_custodian_of(c, custodian_rows[i % 6].source, custodian_rows[i % 6].place, NULL);
    cr_expect_str_eq(haul_custodians_idle(c, &at, &line), "*.pst");
    cr_expect(line == 5);
    cr_expect_str_eq(haul_custodians_idle(c, &at, &line), "a\\=b");
    cr_expect_str_eq(haul_custodians_idle(c, &at, &line), "top/dir");
    cr_expect_null(haul_custodians_idle(c, &at, &line));
    at = 0;
    cr_expect_null(haul_custodians_idle(NULL, &at, &line));
}

Test(custodian, nobody)
{
    haul_auto(haul_custodians) *c = NULL;
    cr_expect_null(haul_custodian_of(NULL, "x", "y", NULL));
    cr_assert(haul_custodians_load(NULL, NULL, &c, NULL) == HAUL_OK);
    cr_expect_null(haul_custodian_of(c, "x", "y", NULL));
}

static const struct {
    const char *text, *says;
} bad_maps[] = {
    {"x = y\nz\n", "line 2 is not GLOB = NAME"},
    {"x\\= y", "line 1 is not GLOB = NAME"},
    {" = y", "line 1 has nothing in front of its ="},
    {"x =", "line 1: a name is"},
    {"x = Ada; Bob", "line 1: a name is"},
    {"x = \xff", "line 1 is not UTF-8"},
};

Test(custodian, a_bad_line_is_named)
{
    for (size_t i = 0; i < HAUL_COUNT(bad_maps); i++) {
        haul_auto(haul_custodians) *c = NULL;
        haul_err e = {0};
        const char *path = testing_path("bad%zu", i);
        testing_write(path, bad_maps[i].text, strlen(bad_maps[i].text));
        cr_expect(haul_custodians_load(path, NULL, &c, &e) == HAUL_E_USAGE, "row %zu", i);
        cr_expect(strstr(e.text, bad_maps[i].says), "row %zu: %s", i, e.text);
    }
    haul_err e = {0};
    haul_auto(haul_custodians) *c = NULL;
    cr_expect(haul_custodians_load(NULL, "", &c, &e) == HAUL_E_USAGE);
}
