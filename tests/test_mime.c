#include "base/time.h"
#include "mime/date.h"
#include "mime/header.h"
#include "mime/words.h"

#include <criterion/criterion.h>
#include <string.h>

typedef struct date_row {
    const char *text, *iso; /* NULL: not a date */
    int tz;
} date_row;

static void check_dates(const date_row *rows, size_t n, bool from_line)
{
    for (size_t i = 0; i < n; i++) {
        int64_t us = 0;
        int16_t tz = 0;
        size_t used = 0;
        const char *t = rows[i].text;
        bool ok = from_line ? haul_date_asctime(t, strlen(t), &us, &tz, &used)
                            : haul_date_parse(t, strlen(t), &us, &tz);
        cr_expect_eq(ok, rows[i].iso != NULL, "%s", t);
        char iso[HAUL_ISO_LEN] = "";
        if (!ok || !rows[i].iso)
            continue;
        haul_iso_format(iso, us);
        cr_expect_str_eq(iso, rows[i].iso, "%s: %s", t, iso);
        cr_expect_eq(tz, rows[i].tz, "%s: zone %d", t, tz);
    }
}

Test(date, header_dates)
{
    static const date_row rows[] = {
        {"Fri, 23 May 2025 18:35:53 +0200", "2025-05-23T16:35:53Z", 120},
        {"23 May 2025 18:35 +0200", "2025-05-23T16:35:00Z", 120},
        {"Fri, 23 May 2025 16:35:53 GMT", "2025-05-23T16:35:53Z", 0},
        {"Fri, 23 May 25 16:35:53 EST (comment (nested) here)", "2025-05-23T21:35:53Z", -300},
        {"Fri, 23 May 99 16:35:53 -0000", "1999-05-23T16:35:53Z", 0},
        {"Fri, 23 May 101 16:35:53 +0000", "2001-05-23T16:35:53Z", 0},
        {"Fri May 23 16:35:53 2025", "2025-05-23T16:35:53Z", 0},
        {" Fri,\r\n 23 May 2025\r\n 16:35:53 -0430", "2025-05-23T21:05:53Z", -270},
        {"23-May-2025 16:35:53 +0000", "2025-05-23T16:35:53Z", 0},
        {"2025-05-23T16:35:53Z", "2025-05-23T16:35:53Z", 0},
        {"2025-05-23 16:35:53 +02:00", "2025-05-23T14:35:53Z", 120},
        {"Fri, 23 May 2025 04:35:53 PM", "2025-05-23T16:35:53Z", 0},
        {"Fri, 23 May 2025 12:05:00 AM", "2025-05-23T00:05:00Z", 0},
        {"Sat, 01 Jan 19100 00:00:00 +0000", "2000-01-01T00:00:00Z", 0},
        {"Fri, 23 May 2025 16.35.53 +0000", "2025-05-23T16:35:53Z", 0},
        {"Fri May 23 16:35:53 XYZ 2025", NULL, 0},
        {"29 Feb 2024 00:00:00 +0000", "2024-02-29T00:00:00Z", 0},
        {"29 Feb 2023 00:00:00 +0000", NULL, 0},
        {"31 Jun 2023 00:00:00 +0000", NULL, 0},
        {"23 May 2025 25:00:00 +0000", NULL, 0},
        {"23 May 2025 16:35:53 +9999", "2025-05-23T16:35:53Z", 0},
        {"May 2025", NULL, 0},
        {"", NULL, 0},
        {"tomorrow", NULL, 0},
        {"99999999999999999999999999999", NULL, 0},
    };
    check_dates(rows, HAUL_COUNT(rows), false);
}

Test(date, from_line_dates)
{
    static const date_row rows[] = {
        {"Fri May 23 16:35:53 2025", "2025-05-23T16:35:53Z", 0},
        {"Fri May 23 16:35:53 +0000 2025", "2025-05-23T16:35:53Z", 0},
        {"Fri May 23 16:35:53 EST 2025", "2025-05-23T21:35:53Z", -300},
        {"Fri May 23 16:35:53 2025 +0200", "2025-05-23T14:35:53Z", 120},
        {"Fri May 23 16:35 2025", "2025-05-23T16:35:00Z", 0},
        {"Wed Jul  2 03:33:00 97", "1997-07-02T03:33:00Z", 0},
        {"Sat Jan  6 01:43:45 1996 remote from host", "1996-01-06T01:43:45Z", 0},
        {"Fri, 23 May 2025 16:35:53 +0200", "2025-05-23T14:35:53Z", 120},
        {"Fri May 23 16:35:53 MET DST 2025", "2025-05-23T14:35:53Z", 120},
        {"Fri May 23 16:35:53 UTC+8 2025", "2025-05-23T08:35:53Z", 480},
        {"Fri May 23 16:35:53 \"EST\" 2025", "2025-05-23T16:35:53Z", 0},
        {"Fri May 23 16:35:53 one two three 2025", "2025-05-23T16:35:53Z", 0},
        {"Fri May 23 16:35:53 one two three four 2025", NULL, 0},
        {"Fri May 23 16:35:53", NULL, 0},
        {"Fri Fri May 23 16:35:53 2025", NULL, 0},
        {"Russia with love 1963", NULL, 0},
        {"Fri May 23 2025", NULL, 0},
        {"", NULL, 0},
    };
    check_dates(rows, HAUL_COUNT(rows), true);
}

Test(date, used_ends_at_the_date)
{
    int64_t us;
    int16_t tz;
    size_t used = 0;
    const char *t = "Sat Jan  6 01:43:45 1996 remote from host";
    cr_assert(haul_date_asctime(t, strlen(t), &us, &tz, &used));
    cr_expect_eq(used, strlen("Sat Jan  6 01:43:45 1996"));
}

Test(date, format_is_read_back)
{
    static const int64_t seconds[] = {0, 1, -1, 951782400, 1748018153, -2208988800, 253402300799};
    static const int zones[] = {0, 120, -270, 840};
    for (size_t i = 0; i < HAUL_COUNT(seconds); i++)
        for (size_t z = 0; z < HAUL_COUNT(zones); z++) {
            haul_auto_str text = {0};
            int64_t us = 0;
            int16_t tz = 0;
            haul_date_format(&text, seconds[i] * HAUL_US, zones[z]);
            if (seconds[i] < -2208988800 + 86400 || seconds[i] > 253402300799 - 86400)
                continue; /* its civil year may be one the parser refuses */
            cr_expect(haul_date_parse(text.p, text.len, &us, &tz), "%s", text.p);
            cr_expect_eq(us, seconds[i] * HAUL_US, "%s", text.p);
            cr_expect_eq(tz, zones[z], "%s", text.p);
        }
}

Test(header, length_with_either_line_end)
{
    cr_expect_eq(haul_header_length("A: b\n\nbody", 10), 6);
    cr_expect_eq(haul_header_length("A: b\r\n\r\nbody", 12), 8);
    cr_expect_eq(haul_header_length("\nbody", 5), 1);
    cr_expect_eq(haul_header_length("A: b\nB: c\n", 10), 0);
    cr_expect_eq(haul_header_length("", 0), 0);
}

Test(header, walk_steps_over_what_is_no_field)
{
    const char h[] =
        "From x@y Sat Jan  6 01:43:45 1996\n>From - odd\nno colon here\nSubject : a\n\tb\nX: 1\n\nBody: no\n";
    haul_field f;
    size_t pos = 0;
    cr_assert(haul_header_next(h, sizeof(h) - 1, &pos, &f));
    cr_expect(haul_span_is(f.name, "subject"));
    cr_expect_eq(f.value.len, strlen(" a\n\tb"));
    cr_assert(haul_header_next(h, sizeof(h) - 1, &pos, &f));
    cr_expect(haul_span_is(f.name, "X"));
    cr_expect_not(haul_header_next(h, sizeof(h) - 1, &pos, &f));
}

Test(header, found_by_its_name)
{
    const char h[] =
        "X: To: no\r\n To: nor this\r\nTo\r\nTo be: no\r\nToday: no\r\ntO \t: a\r\n\tb\r\nTo: c\r\n"
        "\r\nCc: body\r\n";
    haul_span v;
    cr_assert(haul_header_find(h, sizeof(h) - 1, "To", &v));
    cr_expect(v.len == strlen(" a\r\n\tb") && memcmp(v.p, " a\r\n\tb", v.len) == 0);
    cr_expect_not(haul_header_find(h, sizeof(h) - 1, "Cc", &v));
    cr_expect_not(haul_header_find(h, 2, "To", &v));
    cr_expect_not(haul_header_find("", 0, "To", &v));
    cr_expect(haul_header_find("To:", 3, "to", &v) && v.len == 0);
}

/* Found by line ends is what walking from field to field finds. */
Test(header, find_agrees_with_next)
{
    static const char *const pieces[] = {"To",    "to: a",  "T",        ":",      "\n",      "\n",    "\r\n",
                                         "\n ",   "\r",     "\n\n",     "x",      "To: b\n", "From ", "to ",
                                         " :c\n", "Too: d", "\nTO:e\n", "\xff: ", "\n\tTo:"};
    uint32_t seed = 1;
    for (unsigned round = 0; round < 40000; round++) {
        haul_auto_str text = {0};
        haul_span found, wanted = {0};
        haul_field f;
        for (unsigned k = 0; k < round % 23; k++) {
            seed = seed * 1664525u + 1013904223u;
            haul_str_addz(&text, pieces[(seed >> 16) % HAUL_COUNT(pieces)]);
        }
        for (size_t at = 0; !wanted.p && haul_header_next(haul_strz(&text), text.len, &at, &f);)
            wanted = haul_span_is(f.name, "to") ? f.value : wanted;
        bool is = haul_header_find(haul_strz(&text), text.len, "To", &found);
        cr_assert_eq(is, wanted.p != NULL, "%s", haul_strz(&text));
        cr_assert(!is || (found.p == wanted.p && found.len == wanted.len), "%s", haul_strz(&text));
    }
}

Test(header, decode)
{
    static const char *const rows[][2] = {
        {" plain text ", "plain text"},
        {"a\r\n b", "a b"},
        {"=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Gr\xc3\xbc\xc3\x9f"
                                        "e"},
        {"=?iso-8859-1?Q?caf=E9?= =?iso-8859-1?Q?_au_lait?=", "caf\xc3\xa9 au lait"},
        {"=?UTF-8?B?8J+YgA==?=", "\xf0\x9f\x98\x80"},
        {"=?ISO-2022-JP?B?GyRCJUYlOSVIGyhC?=", "\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88"},
        {"raw caf\xe9", "raw caf\xc3\xa9"},
        {"raw caf\xc3\xa9", "raw caf\xc3\xa9"},
        {"=?bogus", "=?bogus"},
        /* Padding within a row of B words; a character divided between two of them; rows that end. */
        {"=?utf-8?B?IGNvbg==?= =?UTF-8?b?ZmlkZW50aWFs?=", " confidential"},
        {"x =?utf-8?B?YQ==?=\r\n\t=?utf-8?B?Yg==?= =?utf-8?B?Yw==?= y", "x abc y"},
        {"=?utf-8?B?4p4=?= =?utf-8?B?lA==?=", "\xe2\x9e\x94"},
        {"=?utf-8?B?YQ==?= =?iso-8859-1?B?6Q==?= =?iso-8859-1?B?Yg==?=", "a\xc3\xa9"
                                                                         "b"},
        {"=?utf-8?B?YQ==?= b =?utf-8?B?Yw==?=", "a b c"},
        {"=?utf-8?B?YQ==?= =?utf-8?B?", "a =?utf-8?B?"},
        {"=?utf-8?B?YQ==?= =?utf-8?B?Yg=", "a =?utf-8?B?Yg="},
        /* Words side by side, each encoded by itself, or with a character split between them. */
        {"=?utf-8?B?YQ==?= =?utf-8?B?Yg==?=\r\n =?UTF-8?B?Yw==?=", "abc"},
        {"=?utf-8?B?w6Q=?= =?utf-8?Q?=C3=A4?= =?iso-8859-1?Q?=E4?=", "\xc3\xa4\xc3\xa4\xc3\xa4"},
        {"=?utf-8?Q?=C3?= =?utf-8?Q?=A4?=", "\xc3\xa4"},
        {"a =?utf-8?Q?b?=c =?utf-8?Q?d?= e", "a bc d e"},
        {"(=?utf-8*en?q?a_b?=)", "(a b)"},
        /* Empty, broken, unknown. */
        {"=?utf-8?B?"
         "?= =?utf-8?Q?"
         "?=x",
         "x"},
        {"=?utf-8?Q?a b=2?c?=", "a b=2?c"},
        {"=?utf-8?B?YW Jj*ZA?=", "abcd"},
        {"=?utf-8?Q?a =?utf-8?Q?b?=", "=?utf-8?Q?a b"},
        {"=?x-unknown?Q?=E4=C3=A4?=", "\xc3\xa4\xc3\xa4"},
        {"=?utf-8?Q?=E4?=", "\xc3\xa4"},
        {"=?utf-8?X?a?= =??Q?a?= =?utf-8?Q?a? =", "=?utf-8?X?a?= =??Q?a?= =?utf-8?Q?a? ="},
        {"=?utf-8?Q?a=00=0Ab?=", "a\xef\xbf\xbd"
                                 "b"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str to = {0};
        haul_header_decode((haul_span){rows[i][0], strlen(rows[i][0])}, &to);
        cr_expect_str_eq(haul_strz(&to), rows[i][1], "%s: %s", rows[i][0], haul_strz(&to));
    }
}

Test(header, parameters)
{
    static const char *const rows[][2] = {
        {"x/y", NULL},
        {"x/y; n=a", "a"},
        {"x/y;N = \"a;b\" ; n=c", "a;b"},
        {"x/y; m=\"; n=b\"; n=a b ;", "a b"},
        {"x/y; n=\"C:\\dir\\a \\\"q\\\"\"", "C:\\dir\\a \"q\""},
        {"x/y; n=\"a", "a"},
        {"x/y; names=a; n", NULL},
        {"x/y; n*=utf-8'en'h%C3%A9%", "h\xc3\xa9%"},
        {"x/y; n=plain; n*=iso-8859-1''h%E9", "h\xc3\xa9"},
        {"x/y; n*1*=%A9c; n*0*=utf-8''h%C3; n*2=\"%d\"; n*4=lost", "h\xc3\xa9"
                                                                   "c%d"},
        {"x/y; n*0=a; n*1=\"b;\"; n*256=x; n*x=y", "ab;"},
        {"x/y; n*1=a", NULL},
        {"x/y; n*=a%20b", "a b"},
        {"x/y; n==?utf-8?Q?h=C3=A9?=", "h\xc3\xa9"},
        {"x/y; n=\"=?utf-8?B?YQ==?= =?utf-8?B?Yg==?=\"", "ab"},
        {"x/y; n*0=\"=?utf-8?Q?h=C3\"; n*1=\"=A9?=\"", "h\xc3\xa9"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str to = {0};
        bool any = haul_param_get((haul_span){rows[i][0], strlen(rows[i][0])}, "n", &to);
        cr_expect_eq(any, rows[i][1] != NULL, "%s", rows[i][0]);
        cr_expect_str_eq(haul_strz(&to), any ? rows[i][1] : "", "%s: %s", rows[i][0], haul_strz(&to));
    }
}

Test(header, addresses)
{
    static const char *const rows[][2] = {
        {"Alice <a@b.c>", "a@b.c"},
        {"a@b.c (Alice)", "a@b.c"},
        {"\"x <no@no>\" <a@b.c>", "a@b.c"},
        {"(c@c) a@b.c, d@e", "a@b.c"},
        {" <a@b.c> ", "a@b.c"},
        {"undisclosed:;", ""},
        {"<>", ""},
        {"", ""},
        {"group: a@b.c;", "a@b.c"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_span addr = {0};
        bool ok = haul_header_addr((haul_span){rows[i][0], strlen(rows[i][0])}, &addr);
        cr_expect_eq(ok, rows[i][1][0] != 0, "%s", rows[i][0]);
        cr_expect(!ok || haul_span_is(addr, rows[i][1]), "%s: %.*s", rows[i][0], (int)addr.len, addr.p);
    }
}

Test(header, the_class_of_an_outlook_item_decides_its_kind)
{
    static const struct {
        const char *class;
        haul_kind kind;
    } rows[] = {{"IPM.Contact", HAUL_KIND_CONTACT},
                {"ipm.appointment.Occurrence", HAUL_KIND_CALENDAR},
                {"IPM.Contacts", HAUL_KIND_MAIL},
                {"IPM.Task", HAUL_KIND_TASK},
                {"IPM.StickyNote", HAUL_KIND_NOTE},
                {"REPORT.IPM.Note.NDR", HAUL_KIND_MAIL},
                {"IPM.Schedule.Meeting", HAUL_KIND_CALENDAR}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str h = {0};
        haul_msg *m = haul_msg_new();
        haul_str_addf(&h, "X-Mailhaul-Class: %s\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n",
                      rows[i].class);
        haul_header_fill(m, h.p, h.len, false);
        cr_expect_eq(m->kind, rows[i].kind, "%s", rows[i].class);
        haul_msg_unref(m);
    }
}

Test(header, fill_takes_the_first_of_each)
{
    const char h[] =
        "Return-Path: <env@x>\r\nReceived: by a; Fri, 23 May 2025 16:35:53 +0000\r\n"
        "Received: by b; Thu, 22 May 2025 16:35:53 +0000\r\nFrom: A <a@x>\r\nSubject: one\r\nSubject: two\r\n"
        "Date: Thu, 22 May 2025 10:00:00 +0200\r\nMessage-ID:  <1@x> \r\nContent-Type: text/calendar; "
        "x=y\r\n\r\n";
    haul_msg *m = haul_msg_new();
    haul_header_fill(m, h, sizeof(h) - 1, true);
    cr_expect_str_eq(m->subject, "one");
    cr_expect_str_eq(m->sender, "env@x");
    cr_expect_str_eq(m->message_id, "<1@x>");
    cr_expect_eq(m->kind, HAUL_KIND_CALENDAR);
    cr_expect_eq(m->sent_us, INT64_C(1747900800) * HAUL_US);
    cr_expect_eq(m->sent_tz, 120);
    cr_expect_eq(m->received_us, INT64_C(1748018153) * HAUL_US);
    cr_expect(haul_msg_has_issue(m, HAUL_ISSUE_TIME_GUESSED));
    haul_msg_unref(m);
}

Test(header, hostile_input_is_linear_and_bounded)
{
    haul_auto_str h = {0};
    for (int i = 0; i < 100000; i++)
        haul_str_addz(&h, "From: a@a@a@a@\n (((((( \"\"\"\"\n");
    haul_msg *m = haul_msg_new();
    haul_header_fill(m, h.p, h.len, true);
    cr_expect_str_eq(m->sender, "a@a@a@a@");
    haul_msg_unref(m);
}
