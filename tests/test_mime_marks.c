/* What people set on an item beside its mail: docs/mapi.md [mapi-17]; ids that are none; HTML in UTF-16. */
#include "testing_rules.h"

#define COMMON(n) LID(HAUL_PSET_COMMON, n)

static haul_mapi *mail(bool received)
{
    haul_mapi *o = testing_mapi("IPM.Note");
    set_text(o, &o->props, TAG(0x1000), "text\r\n");
    set_time(o, &o->props, TAG(0x0e06), "2024-02-03T04:05:06Z");
    if (received)
        set_text(o, &o->props, TAG(0x007d),
                 "From: a@example.org\r\nMessage-ID: <1@example.org>\r\nPriority: urgent\r\n");
    return o;
}

Test(marks, follow_up_with_and_without_transport_headers)
{
    for (int received = 0; received < 2; received++) {
        haul_auto(haul_mapi) *o = mail(received);
        haul_bag *p = &o->props;
        set_int(o, p, TAG(0x1090), 2);
        set_int(o, p, TAG(0x1095), 6);
        set_text(o, p, COMMON(0x8530), "Call back");
        set_time(o, p, TAG(0x0030), "2024-02-08T16:00:00Z");
        set_time(o, p, LID(HAUL_PSET_TASK, 0x8104), "2024-02-05T00:00:00Z");
        set_time(o, p, LID(HAUL_PSET_TASK, 0x8105), "2024-02-07T00:00:00Z");
        set_bool(o, p, COMMON(0x8503), true);
        set_time(o, p, COMMON(0x8560), "2024-02-07T08:30:00Z");
        set_time(o, p, TAG(0x0015), "2024-03-01T00:00:00Z");
        built_auto b = build(o);
        has(b.text, "\r\nX-Message-Flag: Call back\r\n");
        has(b.text, "\r\nReply-By: Thu, 08 Feb 2024 16:00:00 +0000\r\n");
        has(b.text, "\r\nX-Mailhaul-Flag-Color: red\r\n");
        has(b.text, "\r\nX-Mailhaul-Flag-Start: 2024-02-05\r\n");
        has(b.text, "\r\nX-Mailhaul-Flag-Due: 2024-02-07\r\n");
        has(b.text, "\r\nX-Mailhaul-Reminder: Wed, 07 Feb 2024 08:30:00 +0000\r\n");
        has(b.text, "\r\nExpires: Fri, 01 Mar 2024 00:00:00 +0000\r\n");
    }
}

Test(marks, what_says_nothing)
{
    haul_auto(haul_mapi) *o = mail(true);
    haul_bag *p = &o->props;
    set_time(o, p, TAG(0x0030), "2024-02-08T16:00:00Z"); /* no flag: MS-OXCMAIL 2.1.3.2.28 */
    set_time(o, p, LID(HAUL_PSET_TASK, 0x8105), "4501-01-01T00:00:00Z");
    set_time(o, p, COMMON(0x8560), "2024-02-07T08:30:00Z"); /* reminder not set */
    set_text(o, p, COMMON(0x85b6), "Secret");               /* not classified */
    set_int(o, p, TAG(0x0017), 2);                          /* Priority came with it */
    set_text(o, p, NAMED(HAUL_PSET_PUBLIC_STRINGS, "urn:schemas:x"), "service");
    built_auto b = build(o);
    has(b.text, "From: a@example.org\r\nMessage-ID: <1@example.org>\r\nPriority: urgent\r\n"
                "Date: Sat, 03 Feb 2024 04:05:06 +0000\r\nMIME-Version: 1.0\r\n");
}

/* MS-OXOMSG 4.5 */
static const uint8_t yes_no[] =
    "\x02\x01\x02\0\0\0"
    "\x04\0\0\0\x03Yes\x08IPM."
    "Note\0\x03Yes\0\0\0\0\0\0\0\0\0\x01\0\0\0\x02\0\0\0\x02\0\0\0\x01\0\0\0\xff\xff\xff\xff"
    "\x04\0\0\0\x02No\x08IPM."
    "Note\0\x02No\0\0\0\0\0\0\0\0\0\x01\0\0\0\x02\0\0\0\x02\0\0\0\x02\0\0\0\xff\xff\xff\xff"
    "\x04\x01\x03Y\0e\0\x73\0\x03Y\0e\0s\0\x02N\0\xf6\0\x02N\0\xf6";

Test(marks, votes)
{
    haul_auto(haul_mapi) *o = mail(false);
    set_bin(o, &o->props, COMMON(0x8520), yes_no, sizeof yes_no);
    set_text(o, &o->props, COMMON(0x8524), "Yes");
    built_auto b = build(o);
    has(b.text, "\r\nX-Mailhaul-Vote: Yes\r\n");
    has(b.text, "\r\nX-Mailhaul-Voting-Options: Yes; =?utf-8?B?TsO2?=\r\n");
    for (size_t n = 0; n < sizeof yes_no; n++) { /* cut anywhere: what came, and an end */
        haul_auto(haul_mapi) *cut = mail(false);
        set_bin(cut, &cut->props, COMMON(0x8520), yes_no, n);
        built_auto c = build(cut);
        if (n >= 106 && n < sizeof yes_no - 1) /* both options are there, not both names again */
            has(c.text, "X-Mailhaul-Voting-Options: Yes; No\r\n");
    }
}

Test(marks, classification_voice_and_feeds)
{
    haul_auto(haul_mapi) *o = mail(false);
    haul_bag *p = &o->props;
    set_bool(o, p, COMMON(0x85b5), true);
    set_text(o, p, COMMON(0x85b6), "Secret");
    set_text(o, p, COMMON(0x85b7), "Not for all");
    set_int(o, p, TAG(0x6801), 42);
    set_text(o, p, TAG(0x6802), "+1 555 0100");
    set_text(o, p, LID(HAUL_PSET_RSS, 0x8901), "http://example.org/1");
    set_int(o, p, TAG(0x3fdf), 0x31);
    built_auto b = build(o);
    has(b.text, "\r\nX-Microsoft-Classified: true\r\n");
    has(b.text, "\r\nX-Microsoft-Classification: Secret\r\n");
    has(b.text, "\r\nX-Microsoft-ClassDesc: Not for all\r\n");
    has(b.text, "\r\nX-VoiceMessageDuration: 42\r\n");
    has(b.text, "\r\nX-CallingTelephoneNumber: +1 555 0100\r\n");
    has(b.text, "\r\nX-Mailhaul-Rss-Link: http://example.org/1\r\n");
    has(b.text, "\r\nX-Auto-Response-Suppress: DR, OOF, AutoReply\r\n");
}

Test(marks, fields_of_users)
{
    static const char *const both[] = {"one", "two"};
    haul_auto(haul_mapi) *o = mail(true);
    haul_bag *p = &o->props;
    set_text(o, p, NAMED(HAUL_PSET_PUBLIC_STRINGS, "Matter"), "2024/17\r\nX-Evil: 1");
    set_int(o, p, NAMED(HAUL_PSET_PUBLIC_STRINGS, "Pages"), 12);
    set_r64(o, p, NAMED(HAUL_PSET_PUBLIC_STRINGS, "Fee"), 99.5);
    set_bool(o, p, NAMED(HAUL_PSET_PUBLIC_STRINGS, "Paid"), true);
    set_bool(o, p, NAMED(HAUL_PSET_PUBLIC_STRINGS, "Late"), false);
    set_time(o, p, NAMED(HAUL_PSET_PUBLIC_STRINGS, "Heard"), "2024-02-03T04:05:06Z");
    set_texts(o, p, NAMED(HAUL_PSET_PUBLIC_STRINGS, "Parties"), both, 2);
    set_texts(o, p, COMMON(0x853a), both, 2);
    set_text(o, p, COMMON(0x8535), "R-1");
    built_auto b = build(o);
    has(b.text, "\r\nX-Mailhaul-Field: Matter=2024/17 X-Evil: 1\r\n");
    has(b.text, "\r\nX-Mailhaul-Field: Pages=12\r\n");
    has(b.text, "\r\nX-Mailhaul-Field: Fee=99.5\r\n");
    has(b.text, "\r\nX-Mailhaul-Field: Paid=true\r\n");
    has_not(b.text, "Late");
    has(b.text, "\r\nX-Mailhaul-Field: Heard=2024-02-03T04:05:06Z\r\n");
    has(b.text, "\r\nX-Mailhaul-Field: Parties=one; two\r\n");
    has(b.text, "\r\nX-Mailhaul-Contact: one\r\nX-Mailhaul-Contact: two\r\n");
    has(b.text, "\r\nX-Mailhaul-Billing: R-1\r\n");
}

Test(marks, message_ids)
{
    static const struct {
        const char *stored;
        bool valid;
    } rows[] = {
        {"<a@b>", true},        {" <a@b>\r\n", true},  {"<1$2@x@y>", true},
        {"a@b", false},         {"<a b@c>", false},    {"<a@b>\r\nX-Evil: 2", false},
        {"<a@b> <c@d>", false}, {"<\u00e4@b>", false}, {"<>", false},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = mail(false);
        set_text(o, &o->props, TAG(0x1035), rows[i].stored);
        built_auto b = build(o);
        cr_expect((strstr(b.text, "\nMessage-ID: <") != NULL) == rows[i].valid, "%s\n%s", rows[i].stored,
                  b.text);
        cr_expect((strstr(b.text, "\nX-Mailhaul-Message-ID: ") != NULL) == !rows[i].valid, "%s", b.text);
        cr_expect((b.m->message_id != NULL) == rows[i].valid, "%s", rows[i].stored);
        same(b.issues, rows[i].valid ? "" : "mapi.message-id-invalid");
    }
}

/* MS-OXOMSG 2.2.2.26: the one named, else who gets reports, else the sender. */
Test(marks, who_gets_read_receipts)
{
    static const struct {
        uint16_t type, address;
        const char *who;
    } v[] = {{0x0064, 0x0065, "boss"}, {0x0c1e, 0x0c1f, "sender"}, {0x4029, 0x402a, "named"}};
    haul_auto(haul_mapi) *o = mail(false);
    set_bool(o, &o->props, TAG(0x0029), true);
    for (size_t i = 0; i < HAUL_COUNT(v); i++) {
        haul_auto_str z = {0};
        haul_str_addf(&z, "%s@example.org", v[i].who);
        set_text(o, &o->props, TAG(v[i].type), "SMTP");
        set_text(o, &o->props, TAG(v[i].address), z.p);
        haul_str_clear(&z);
        haul_str_addf(&z, "\nDisposition-Notification-To: %s@example.org\r\n", v[i].who);
        built_auto b = build(o);
        has(b.text, z.p);
    }
}

Test(marks, html_in_utf16)
{
    static const char little[] = "<\0p\0>\0\xe4\0\x3a\x26<\0/\0p\0>\0",
                      big[] = "\0<\0p\0>\0\xe4\x26\x3a\0<\0/\0p\0>";
    static const struct {
        int codepage;
        const char *mark, *text;
        size_t extra; /* NULs behind it */
        const char *issues;
    } rows[] = {
        {1200, "", little, 0, ""},
        {1200, "", little, 2, ""},
        {1200, "\xff\xfe", little, 0, ""},
        {1252, "\xff\xfe", little, 2, "mapi.body-charset-guessed"},
        {0, "", little, 0, "mapi.body-charset-guessed"},
        {1201, "", big, 0, ""},
        {0, "\xfe\xff", big, 2, "mapi.body-charset-guessed"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = testing_mapi("IPM.Note");
        haul_auto_str html = {0};
        set_time(o, &o->props, TAG(0x0e06), "2024-02-03T04:05:06Z");
        haul_str_addz(&html, rows[i].mark);
        haul_str_add(&html, rows[i].text, sizeof little - 1);
        haul_str_add(&html, "\0\0", rows[i].extra);
        set_int(o, &o->props, TAG(0x3fde), rows[i].codepage);
        set_bin(o, &o->props, TAG(0x1013), html.p, html.len);
        built_auto b = build(o);
        part_is(b.text, "1", "<p>\u00e4\u263a</p>");
        has(b.text, "Content-Type: text/html; charset=utf-8\r\n");
        same(b.issues, rows[i].issues);
    }
}

/* RFC 2183 2.4, 2.5 */
Test(marks, times_of_attachments)
{
    haul_auto(haul_mapi) *o = mail(false);
    haul_bag *a = testing_attachment(o, "plan.txt", "data", 4);
    set_time(o, a, TAG(0x3007), "2024-01-01T10:00:00Z");
    set_time(o, a, TAG(0x3008), "2024-01-02T11:00:00Z");
    built_auto b = build(o);
    has(b.text, "creation-date=\"Mon, 01 Jan 2024 10:00:00 +0000\"");
    has(b.text, "modification-date=\"Tue, 02 Jan 2024 11:00:00 +0000\"");
    part_is(b.text, "2", "data");
}

/* MS-OXOMSG 2.2.2: what Outlook shows of a read report that has no text. */
Test(marks, what_a_report_is_about)
{
    haul_auto(haul_mapi) *o = testing_mapi("REPORT.IPM.Note.IPNRN");
    set_time(o, &o->props, TAG(0x0e06), "2024-02-03T04:05:06Z");
    set_text(o, &o->props, TAG(0x0c1a), "Bob");
    set_text(o, &o->props, TAG(0x0049), "The plan");
    set_text(o, &o->props, TAG(0x0074), "Bob; Carol");
    set_time(o, &o->props, TAG(0x004e), "2024-02-01T08:00:00Z");
    set_time(o, &o->props, TAG(0x002a), "2024-02-02T09:00:00Z");
    built_auto b = build(o);
    has(b.text, "\nX-Original-Subject: The plan\r\n");
    has(b.text, "\nX-Original-To: Bob; Carol\r\n");
    has(b.text, "\nX-Original-Submit-Time: Thu, 01 Feb 2024 08:00:00 +0000\r\n");
    has(b.text, "\nX-Receipt-Time: Fri, 02 Feb 2024 09:00:00 +0000\r\n");
}

/* MS-OXCMSG 2.2.2.25 */
Test(marks, charset_of_text_attachments)
{
    static const struct {
        const char *tag, *property, *want;
    } rows[] = {
        {"text/plain", "iso-8859-2", "Content-Type: text/plain; charset=iso-8859-2"},
        {"text/plain; charset=\"koi8-r\"", NULL, "Content-Type: text/plain; charset=koi8-r"},
        {"text/csv;header=present; Charset=utf-8", NULL, "Content-Type: text/csv; charset=utf-8"},
        {"text/plain", "no\r\nX-Evil: 1", "Content-Type: text/plain; name="},
        {"image/png", "utf-8", "Content-Type: image/png; name="},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = mail(false);
        haul_bag *a = testing_attachment(o, "a.x", "data", 4);
        set_text(o, a, TAG(0x370e), rows[i].tag);
        if (rows[i].property)
            set_text(o, a, TAG(0x371b), rows[i].property);
        built_auto b = build(o);
        has(b.text, rows[i].want);
    }
}

/* MS-OXOFLAG 2.2.1.1, 2.2.1.3; PidLidCategories of old stores */
Test(marks, follow_up_that_is_done)
{
    static const char *const words[] = {"Old"};
    haul_auto(haul_mapi) *o = mail(true);
    set_int(o, &o->props, TAG(0x1090), 1);
    set_time(o, &o->props, TAG(0x1091), "2024-02-09T10:00:00Z");
    set_texts(o, &o->props, LID(HAUL_PSET_PUBLIC_STRINGS, 0x2328), words, 1);
    built_auto b = build(o);
    has(b.text, "\r\nX-Mailhaul-Flag-Status: complete\r\n");
    has(b.text, "\r\nX-Mailhaul-Flag-Completed: Fri, 09 Feb 2024 10:00:00 +0000\r\n");
    has(b.text, "\r\nKeywords: Old\r\n");
    cr_assert_eq(b.m->n_keywords, 1);
    same(b.m->keywords[0], "Old");
    same(b.issues, "mapi.flag-complete");
}
