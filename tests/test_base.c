#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "base/time.h"
#include "base/utf.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ── errors ── */

Test(err, codes)
{
    cr_expect_str_eq(haul_rc_name(HAUL_E_TARGET), "target");
    cr_expect_eq(haul_rc_exit(HAUL_OK), 0);
    cr_expect_eq(haul_rc_exit(HAUL_E_INTERRUPTED), 130);
    cr_expect_eq(haul_rc_exit(HAUL_E_LIMIT), 3);
    cr_expect_str_eq(haul_rc_text(HAUL_SKIP), "this item is lost, the rest goes on");
    cr_expect_str_eq(haul_rc_name((haul_rc)-77), "unknown");
}

Test(err, texts)
{
    haul_err e;
    cr_expect_eq(haul_fail(&e, HAUL_E_FORMAT, "no From_ line at octet %d", 0), HAUL_E_FORMAT);
    cr_expect_eq(haul_wrap(&e, HAUL_SKIP, "message %d", 4711), HAUL_SKIP);
    cr_expect_str_eq(e.text, "message 4711: no From_ line at octet 0");
    cr_expect_eq(e.rc, HAUL_SKIP);
    haul_wrap(&e, HAUL_E_SOURCE, "%s", e.text); /* the arguments may be the text itself */
    cr_expect_str_eq(e.text,
                     "message 4711: no From_ line at octet 0: message 4711: no From_ line at octet 0");
    errno = ENOENT;
    cr_expect_eq(haul_fail_sys(&e, HAUL_E_SOURCE, "opening %s", "x"), HAUL_E_SOURCE);
    cr_expect_str_eq(e.text, "opening x: No such file or directory");
    cr_expect_eq(e.sys, ENOENT);
    cr_expect_eq(haul_fail(NULL, HAUL_E_LIMIT, "nobody asks"), HAUL_E_LIMIT);
    cr_expect_eq(haul_fail_sys(NULL, HAUL_E_LIMIT, "nobody asks"), HAUL_E_LIMIT);
    cr_expect_eq(haul_wrap(NULL, HAUL_E_LIMIT, "nobody asks"), HAUL_E_LIMIT);
}

Test(err, long_texts_end_in_an_ellipsis_on_a_character)
{
    haul_err e;
    char longer[3 * HAUL_ERR_TEXT];
    for (size_t lead = 0; lead < 4; lead++) {
        haul_str s = {0};
        haul_str_add(&s, "aaaa", lead);
        while (s.len < sizeof(longer) - 4)
            haul_str_addz(&s, "ä");
        haul_fail(&e, HAUL_E_SOURCE, "%s", s.p);
        cr_expect(haul_ends(e.text, "…"));
        cr_expect(haul_utf8_valid(e.text, strlen(e.text)));
        cr_expect_gt(strlen(e.text), HAUL_ERR_TEXT - 6);
        haul_str_done(&s);
    }
    memset(longer, 'x', HAUL_ERR_TEXT - 1);
    longer[HAUL_ERR_TEXT - 1] = '\0';
    haul_fail(&e, HAUL_E_SOURCE, "%s", longer);
    cr_expect_str_eq(e.text, longer, "what just fits is whole");
    errno = EIO;
    haul_fail_sys(&e, HAUL_E_SOURCE, "%s", longer);
    cr_expect(haul_ends(e.text, "…"));
}

/* ── arena and strings ── */

Test(arena, pieces)
{
    haul_arena a = {0};
    for (unsigned round = 0; round < 3; round++) {
        char *first = haul_arena_strn(&a, "abc", 3), *last = first;
        for (size_t n = 0; n < 3000; n++) {
            last = haul_arena_calloc(&a, n);
            cr_assert_eq((uintptr_t)last % _Alignof(max_align_t), 0);
            for (size_t i = 0; i < n; i++)
                cr_assert_eq(last[i], 0);
            memset(last, 0xAA, n);
        }
        cr_expect_str_eq(first, "abc");
        cr_expect_eq(a.used, 4 + 2999 * 3000 / 2);
        cr_expect_not_null(haul_arena_alloc(&a, 5000000), "larger than any block");
        haul_arena_reset(&a);
        cr_expect_eq(a.used, 0);
    }
    cr_expect_null(haul_arena_str(&a, NULL));
    cr_expect_str_eq(haul_arena_str(&a, "x"), "x");
    cr_expect_str_eq(haul_arena_printf(&a, "%d-%s", 7, "seven"), "7-seven");
    haul_arena_done(&a);
    haul_arena_done(&a);
}

Test(str, growing)
{
    haul_auto_str s = {0};
    cr_expect_str_eq(haul_strz(&s), "");
    haul_str_clear(&s);
    for (int i = 0; i < 1000; i++)
        haul_str_addf(&s, "%03d", i);
    cr_expect_eq(s.len, 3000);
    cr_expect_eq(memcmp(s.p + 2997, "999", 4), 0);
    haul_str_clear(&s);
    haul_str_addc(&s, 'a');
    haul_str_add(&s, "\0b", 2);
    haul_str_addz(&s, "");
    cr_expect_eq(s.len, 3);
    cr_expect_eq(memcmp(s.p, "a\0b", 4), 0);
}

Test(str, small_helpers)
{
    haul_span s = haul_span_trim((haul_span){.p = " \t a b\r\n", .len = 8});
    cr_expect(s.len == 3 && memcmp(s.p, "a b", 3) == 0);
    cr_expect_eq(haul_span_trim((haul_span){.p = " \r\n", .len = 3}).len, 0);
    cr_expect(haul_span_is(s, "A B"));
    cr_expect_not(haul_span_is(s, "A"));
    cr_expect_not(haul_span_is(s, "A B C"));
    cr_expect(haul_istarts("FROM x", 6, "from "));
    cr_expect_not(haul_istarts("FROM", 4, "from "));
    cr_expect(haul_ends("a.mbox", ".mbox"));
    cr_expect_not(haul_ends("a.MBOX", ".mbox"));
    cr_expect(haul_iends("a.MBOX", ".mbox"));
    cr_expect_not(haul_iends("box", ".mbox"));
    const char *word = "aab";
    cr_expect_eq(haul_find(word, 3, "ab", 2), word + 1);
    cr_expect_eq(haul_find(word, 3, "b", 1), word + 2);
    cr_expect_null(haul_find(word, 2, "ab", 2));
    cr_expect_null(haul_find(word, 1, "aa", 2));
    cr_expect_null(haul_find(NULL, 0, "a", 1));
    cr_expect_eq(haul_icmp("aBc", "AbC"), 0);
    cr_expect_lt(haul_icmp("ab", "ABC"), 0);
    cr_expect_gt(haul_icmp("é", "e"), 0, "octets above 127 come last");
    char hex[9];
    haul_hex(hex, "\x00\xff\x1a\xa1", 4);
    cr_expect_str_eq(hex, "00ff1aa1");
    cr_expect_eq(haul_hexval('f'), 15);
    cr_expect_eq(haul_hexval('A'), 10);
    cr_expect_eq(haul_hexval('g'), -1);
    cr_expect_eq(haul_hexval('@'), -1);
}

typedef struct number_row {
    const char *text;
    bool ok;
    uint64_t value;
} number_row;

Test(str, numbers)
{
    static const number_row plain[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"999999999999999999", true, UINT64_C(999999999999999999)},
        {"", false, 0},
        {"1000000000000000000", false, 0},
        {"-1", false, 0},
        {"1x", false, 0},
        {" 1", false, 0},
    };
    static const number_row sizes[] = {
        {"10", true, 10},
        {"1k", true, 1024},
        {"25M", true, 25 << 20},
        {"2G", true, UINT64_C(2) << 30},
        {"1t", true, UINT64_C(1) << 40},
        {"16777215t", true, UINT64_C(16777215) << 40},
        {"16777216t", false, 0},
        {"", false, 0},
        {"k", false, 0},
        {"1kb", false, 0},
        {"-1", false, 0},
    };
    for (size_t i = 0; i < HAUL_COUNT(plain); i++) {
        uint64_t v = 77;
        const char *t = plain[i].text;
        cr_expect_eq(haul_parse_u64(t, strlen(t), &v), plain[i].ok, "%s", t);
        cr_expect_eq(v, plain[i].ok ? plain[i].value : 77, "%s", t);
    }
    for (size_t i = 0; i < HAUL_COUNT(sizes); i++) {
        uint64_t v = 77;
        const char *t = sizes[i].text;
        cr_expect_eq(haul_parse_size(t, &v), sizes[i].ok, "%s", t);
        cr_expect_eq(v, sizes[i].ok ? sizes[i].value : 77, "%s", t);
    }
}

/* ── digests ── */

/* FIPS 180-2 examples; the published FNV-1a test vectors. */
Test(hash, known_vectors)
{
    haul_auto(haul_sha256) *h = haul_sha256_new();
    uint8_t digest[HAUL_SHA256_LEN];
    char hex[HAUL_SHA256_HEX];
    haul_sha256_final(h, digest);
    haul_hex(hex, digest, sizeof(digest));
    cr_expect_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (unsigned round = 0; round < 2; round++) { /* final starts anew */
        haul_sha256_update(h, "a", 1);
        haul_sha256_update(h, NULL, 0);
        haul_sha256_update(h, "bc", 2);
        haul_sha256_final(h, digest);
        haul_hex(hex, digest, sizeof(digest));
        cr_expect_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
    cr_expect_eq(haul_hash64("", 0), UINT64_C(0xcbf29ce484222325));
    cr_expect_neq(haul_hash64("12345678", 8), haul_hash64("12345679", 8));
    cr_expect_neq(haul_hash64("1234567\0", 8), haul_hash64("1234567", 7));
    cr_expect_neq(haul_hash64("abcdefgh12345678", 16), haul_hash64("12345678abcdefgh", 16));
    cr_expect_eq(haul_fnv64("", 0, 0), UINT64_C(0xcbf29ce484222325));
    cr_expect_eq(haul_fnv64("foobar", 6, 0), UINT64_C(0x85944171f73967e8));
    cr_expect_eq(haul_fnv64("bar", 3, haul_fnv64("foo", 3, 0)), UINT64_C(0x85944171f73967e8));
}

/* ── JSON ── */

Test(json, lines)
{
    haul_auto_str s = {0};
    haul_str_addc(&s, '{');
    haul_json_member(&s, "a", "q\" b\\ n\n t\t c\x01 d\x7f ä€😀");
    haul_json_member(&s, "none", NULL);
    haul_json_member_u64(&s, "n", UINT64_MAX);
    haul_json_key(&s, "bad");
    haul_json_str(&s, "\xff\0\xc3", 3);
    haul_str_addc(&s, '}');
    cr_expect_str_eq(s.p, "{\"a\":\"q\\\" b\\\\ n\\n t\\t c\\u0001 d\x7f ä€😀\",\"none\":null,"
                          "\"n\":18446744073709551615,\"bad\":\"\xef\xbf\xbd\\u0000\xef\xbf\xbd\"}");
}

/* ── UTF-8 ── */

Test(utf8, sequences)
{
    static const struct {
        const char *text;
        size_t len;
        uint32_t cp;
    } rows[] = {
        {"a", 1, 'a'},
        {"\xc2\x80", 2, 0x80},
        {"\xdf\xbf", 2, 0x7ff},
        {"\xe0\xa0\x80", 3, 0x800},
        {"\xed\x9f\xbf", 3, 0xd7ff},
        {"\xee\x80\x80", 3, 0xe000},
        {"\xef\xbf\xbf", 3, 0xffff},
        {"\xf0\x90\x80\x80", 4, 0x10000},
        {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
        {"\x80", 0, 0},
        {"\xc0\x80", 0, 0},
        {"\xc1\xbf", 0, 0},
        {"\xe0\x9f\xbf", 0, 0},
        {"\xed\xa0\x80", 0, 0},
        {"\xed\xbf\xbf", 0, 0},
        {"\xf0\x8f\xbf\xbf", 0, 0},
        {"\xf4\x90\x80\x80", 0, 0},
        {"\xf5\x80\x80\x80", 0, 0},
        {"\xe2\x82", 0, 0},
        {"\xe2\x28\xa1", 0, 0},
        {"\xff", 0, 0},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        uint32_t cp = 0;
        size_t n = strlen(rows[i].text);
        cr_expect_eq(haul_utf8_next(rows[i].text, n, &cp), rows[i].len, "row %zu", i);
        cr_expect_eq(cp, rows[i].cp, "row %zu", i);
        cr_expect_eq(haul_utf8_valid(rows[i].text, n), rows[i].len > 0, "row %zu", i);
        haul_auto_str back = {0};
        haul_utf8_add(&back, rows[i].cp);
        if (rows[i].len)
            cr_expect_str_eq(back.p, rows[i].text, "row %zu", i);
    }
    cr_expect_eq(haul_utf8_next("", 0, NULL), 0);
    cr_expect(haul_utf8_valid("", 0));
    cr_expect_not(haul_utf8_valid("plain ascii and then \xff more of it", 36));
}

Test(utf8, runs_of_ascii_of_every_length_and_at_every_place)
{
    char text[100];
    for (size_t from = 0; from < 20; from++)
        for (size_t n = 0; n < 70; n++) {
            memset(text, 0x80, sizeof(text));
            memset(text + from, 'a', n);
            cr_expect_eq(haul_ascii_run(text + from, n), n, "%zu at %zu", n, from);
            cr_expect_eq(haul_ascii_run(text + from, sizeof(text) - from), n, "%zu at %zu, and more", n,
                         from);
        }
}

Test(utf8, cleaning)
{
    haul_auto_str s = {0};
    cr_expect(haul_utf8_clean(&s, "schön", 6, true));
    cr_expect_str_eq(s.p, "schön");
    haul_str_clear(&s);
    cr_expect_not(haul_utf8_clean(&s, "sch\xf6n \x80 \x81 ö\0", 13, true));
    cr_expect_str_eq(s.p, "schön € \xc2\x81 ö\xef\xbf\xbd");
    haul_str_clear(&s);
    cr_expect_not(haul_utf8_clean(&s, "sch\xf6n\0x", 7, false));
    cr_expect_str_eq(s.p, "sch\xef\xbf\xbdn\xef\xbf\xbdx");
}

Test(utf8, cutting)
{
    const char *z = "aä€😀"; /* 1 + 2 + 3 + 4 octets */
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
    for (size_t max = 0; max < HAUL_COUNT(expected); max++)
        cr_expect_eq(haul_utf8_cut(z, strlen(z), max), expected[max], "max %zu", max);
    cr_expect_eq(haul_utf8_cut("\x80\x80\x80\x80\x80\x80", 6, 5), 5, "no character to keep whole");
}

/* ── modified UTF-7 ── */

Test(mutf7, vectors)
{
    static const char *const rows[][2] = {
        /* RFC 3501 5.1.3 */
        {"~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"},
        {"A&B", "A&-B"},
        {"&", "&-"},
        {"", ""},
        {"INBOX", "INBOX"},
        {"Entwürfe", "Entw&APw-rfe"},
        {"é", "&AOk-"},
        {"😀", "&2D3eAA-"},
        {"a😀é", "a&2D3eAADp-"},
        {"é&é", "&AOk-&-&AOk-"},
        {"tab\there", "tab&AAk-here"},
        {"€-", "&IKw--"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str to = {0}, back = {0};
        haul_mutf7_encode(&to, rows[i][0]);
        cr_expect_str_eq(haul_strz(&to), rows[i][1], "row %zu", i);
        cr_expect(haul_mutf7_decode(&back, rows[i][1]), "row %zu", i);
        cr_expect_str_eq(haul_strz(&back), rows[i][0], "row %zu", i);
    }
}

Test(mutf7, refuses_what_is_not_canonical)
{
    static const char *const rows[] = {
        "&",                  /* never ends */
        "&AOk",               /* never ends */
        "&AOl-",              /* bits left over are not zero */
        "&AOkA-",             /* a whole character of padding */
        "&AGE-",              /* ASCII needs no encoding */
        "&AOk-&AOk-",         /* out and in again */
        "&Jjo!-",             /* RFC 3501: "!" is no BASE64 */
        "&U,BTFw-&ZeVnLIqe-", /* RFC 3501: superfluous shift */
        "&2D0-",              /* half a surrogate pair */
        "&3gA-",              /* the other half */
        "&2D3YPQ-",           /* two high halves */
        "&AAA-",              /* NUL */
        "&AO k-",
        "Entw\xc3\xbcrfe",
        "a\tb",
        "&AOk=-",
        "&/wA-",
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str to = {0};
        haul_str_addz(&to, "kept");
        cr_expect_not(haul_mutf7_decode(&to, rows[i]), "row %zu", i);
        cr_expect_str_eq(to.p, "kept", "row %zu", i);
    }
}

Test(mutf7, malformed_names_encode_to_something_decodable)
{
    haul_auto_str to = {0}, back = {0};
    haul_mutf7_encode(&to, "a\xff\xc3z");
    cr_expect(haul_mutf7_decode(&back, to.p));
    cr_expect_str_eq(back.p, "a\xef\xbf\xbd\xef\xbf\xbdz");
}

/* ── time ── */

/* Instants from `date -u -d … +%s`. */
Test(time, known_instants)
{
    static const struct {
        int64_t seconds;
        const char *iso, *asc;
    } rows[] = {
        {0, "1970-01-01T00:00:00Z", "Thu Jan  1 00:00:00 1970"},
        {-1, "1969-12-31T23:59:59Z", "Wed Dec 31 23:59:59 1969"},
        {-2208988800, "1900-01-01T00:00:00Z", "Mon Jan  1 00:00:00 1900"},
        {-2203977600, "1900-02-28T00:00:00Z", "Wed Feb 28 00:00:00 1900"},
        {-2203891200, "1900-03-01T00:00:00Z", "Thu Mar  1 00:00:00 1900"},
        {951782400, "2000-02-29T00:00:00Z", "Tue Feb 29 00:00:00 2000"},
        {1709208000, "2024-02-29T12:00:00Z", "Thu Feb 29 12:00:00 2024"},
        {1748018153, "2025-05-23T16:35:53Z", "Fri May 23 16:35:53 2025"},
        {4107542399, "2100-02-28T23:59:59Z", "Sun Feb 28 23:59:59 2100"},
        {4107542400, "2100-03-01T00:00:00Z", "Mon Mar  1 00:00:00 2100"},
        {INT64_C(253402300799), "9999-12-31T23:59:59Z", "Fri Dec 31 23:59:59 9999"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        char text[HAUL_ISO_LEN];
        int64_t us = 0;
        haul_civil c;
        haul_civil_from(rows[i].seconds, &c);
        cr_expect(haul_civil_ok(&c));
        cr_expect_eq(haul_civil_to(&c), rows[i].seconds, "%s", rows[i].iso);
        haul_iso_format(text, rows[i].seconds * HAUL_US + 999999);
        cr_expect_str_eq(text, rows[i].iso, "%s: fractions are dropped", text);
        haul_asctime(text, rows[i].seconds * HAUL_US);
        cr_expect_str_eq(text, rows[i].asc);
        cr_expect(haul_iso_parse(rows[i].iso, &us));
        cr_expect_eq(us, rows[i].seconds * HAUL_US, "%s", rows[i].iso);
    }
}

/* Day by day through four centuries and more, against counting. */
Test(time, every_day_follows_the_one_before)
{
    haul_civil c, next;
    haul_civil_from(HAUL_TIME_MIN / HAUL_US, &c);
    for (int64_t s = HAUL_TIME_MIN / HAUL_US; s < INT64_C(15000000000); s += 86400, c = next) {
        haul_civil_from(s + 86400, &next);
        cr_assert_eq(next.weekday, (c.weekday + 1) % 7);
        haul_civil guess = c;
        guess.day++;
        if (!haul_civil_ok(&guess))
            guess.day = 1, guess.month++;
        if (guess.month == 13)
            guess.month = 1, guess.year++;
        cr_assert(guess.year == next.year && guess.month == next.month && guess.day == next.day);
        cr_assert_eq(haul_civil_to(&next), s + 86400);
    }
}

Test(time, iso_texts)
{
    static const struct {
        const char *text;
        const char *iso; /* NULL: refused */
    } rows[] = {
        {"2025-05-23", "2025-05-23T00:00:00Z"},
        {"2025-05-23T18:35", "2025-05-23T18:35:00Z"},
        {"2025-05-23 18:35:53", "2025-05-23T18:35:53Z"},
        {"2025-05-23T18:35:53+02:00", "2025-05-23T16:35:53Z"},
        {"2025-05-23T18:35-05:30", "2025-05-24T00:05:00Z"},
        {"2024-02-29", "2024-02-29T00:00:00Z"},
        {"2025-02-29", NULL},
        {"2025-13-01", NULL},
        {"2025-00-01", NULL},
        {"2025-01-00", NULL},
        {"1899-12-31", NULL},
        {"2025-5-23", NULL},
        {"2025-05-23x", NULL},
        {"2025-05-23T", NULL},
        {"2025-05-23T24:00", NULL},
        {"2025-05-23T10:60", NULL},
        {"2025-05-23T10:00:61", NULL},
        {"2025-05-23T10:00z", NULL},
        {"2025-05-23T10:00+2", NULL},
        {"2025-05-23T10:00+02:00Z", NULL},
        {"2025-05-23T10:00+24:00", NULL},
        {"9999-12-31T23:59:59-01:00", NULL},
        {"", NULL},
        {"yesterday", NULL},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        int64_t us = 42;
        char text[HAUL_ISO_LEN];
        cr_expect_eq(haul_iso_parse(rows[i].text, &us), rows[i].iso != NULL, "%s", rows[i].text);
        haul_iso_format(text, us);
        if (rows[i].iso)
            cr_expect_str_eq(text, rows[i].iso, "%s: %s", rows[i].text, text);
        else
            cr_expect_eq(us, 42, "%s", rows[i].text);
    }
}

Test(time, zones_and_limits)
{
    char text[HAUL_ISO_LEN];
    haul_iso_format_tz(text, INT64_C(1748018153) * HAUL_US, 120);
    cr_expect_str_eq(text, "2025-05-23T18:35:53+02:00");
    haul_iso_format_tz(text, INT64_C(1748018153) * HAUL_US, -570);
    cr_expect_str_eq(text, "2025-05-23T07:05:53-09:30");
    haul_iso_format_tz(text, -1, 0);
    cr_expect_str_eq(text, "1969-12-31T23:59:59+00:00");
    haul_iso_format(text, INT64_MAX);
    cr_expect_str_eq(text, "9999-12-31T23:59:59Z");
    haul_iso_format(text, INT64_MIN);
    cr_expect_str_eq(text, "1900-01-01T00:00:00Z");
    haul_iso_format_tz(text, INT64_MAX, 600);
    cr_expect_str_eq(text, "9999-12-31T23:59:59+10:00");
    haul_civil bad = {.year = 2025, .month = 4, .day = 31};
    cr_expect_not(haul_civil_ok(&bad));
    bad.day = 30, bad.second = 60;
    cr_expect(haul_civil_ok(&bad), "a leap second");
}
