/* Metadata and header fields of messages built from MAPI objects: docs/mapi.md [mapi-1]…[mapi-19]. */
#include "base/time.h"
#include "testing_rules.h"

#include <stdio.h>

/* ── metadata ── */

Test(fill, kind_by_class)
{
    static const struct {
        const char *class;
        haul_kind kind;
    } rows[] = {
        {"IPM.Note", HAUL_KIND_MAIL},
        {"IPM.Contact", HAUL_KIND_CONTACT},
        {"ipm.contact.Custom", HAUL_KIND_CONTACT},
        {"IPM.DistList", HAUL_KIND_CONTACT},
        {"IPM.Appointment", HAUL_KIND_CALENDAR},
        {"IPM.Schedule.Meeting.Request", HAUL_KIND_CALENDAR},
        {"IPM.Task", HAUL_KIND_TASK},
        {"IPM.TaskRequest.Accept", HAUL_KIND_TASK},
        {"IPM.StickyNote", HAUL_KIND_NOTE},
        {"IPM.Activity", HAUL_KIND_NOTE},
        {"IPM.Post", HAUL_KIND_MAIL},
        {"IPM.Contacts", HAUL_KIND_MAIL},
        {"REPORT.IPM.Note.NDR", HAUL_KIND_MAIL},
        {"IPM.Something.Else", HAUL_KIND_MAIL},
        {NULL, HAUL_KIND_MAIL},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = testing_mapi(rows[i].class);
        haul_msg *m = haul_msg_new();
        haul_mapi_fill(m, o);
        cr_expect(m->kind == rows[i].kind, "%s: %s", rows[i].class, haul_kind_name(m->kind));
        haul_msg_unref(m);
    }
}

Test(fill, flags)
{
    static const struct {
        int message, verb, follow_up, status;
        const char *flags, *issues;
    } rows[] = {
        {0x00, 0, 0, 0, "", ""},
        {0x01, 0, 0, 0, "seen", ""},
        {0x09, 0, 0, 0, "seen draft", ""},
        {0x01, 102, 0, 0, "seen answered", ""},
        {0x01, 103, 0, 0, "seen answered", ""},
        {0x01, 104, 0, 0, "seen forwarded", ""},
        {0x00, 0, 2, 0, "flagged", ""},
        {0x01, 0, 1, 0, "seen", "mapi.flag-complete"},
        {0x01, 0, 0, 0x208, "seen answered deleted", ""},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = testing_mapi("IPM.Note");
        set_int(o, &o->props, TAG(0x0e07), rows[i].message);
        set_int(o, &o->props, TAG(0x1081), rows[i].verb);
        set_int(o, &o->props, TAG(0x1090), rows[i].follow_up);
        set_int(o, &o->props, TAG(0x0e17), rows[i].status);
        set_time(o, &o->props, TAG(0x0e06), "2024-02-03T04:05:06Z");
        haul_msg *m = haul_msg_new();
        haul_auto_str text = {0};
        haul_mapi_fill(m, o);
        haul_flags_text(m->flags, &text);
        char *issues = testing_issues(m);
        same(haul_strz(&text), rows[i].flags);
        same(issues, rows[i].issues);
        cr_expect(m->set & HAUL_SET_FLAGS);
        free(issues);
        haul_msg_unref(m);
    }
}

Test(fill, what_is_never_sent_is_no_draft)
{
    static const struct {
        const char *class;
        unsigned flags;
    } rows[] = {
        {"IPM.Note", HAUL_FLAG_DRAFT}, {"IPM.Schedule.Meeting.Request", HAUL_FLAG_DRAFT},
        {"IPM.Appointment", 0},        {"IPM.Contact", 0},
        {"IPM.StickyNote", 0},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = testing_mapi(rows[i].class);
        set_int(o, &o->props, TAG(0x0e07), 0x08);
        haul_msg *m = haul_msg_new();
        haul_mapi_fill(m, o);
        cr_expect(m->flags == rows[i].flags, "%s", rows[i].class);
        haul_msg_unref(m);
    }
}

Test(fill, received_time_in_order)
{
    static const struct {
        const char *delivery, *submit, *created, *changed;
        int flags;
        const char *want, *issues;
    } rows[] = {
        {"2024-01-01T00:00:01Z", "2024-01-01T00:00:02Z", "2024-01-01T00:00:03Z", "2024-01-01T00:00:04Z", 1,
         "2024-01-01T00:00:01Z", ""},
        {NULL, "2024-01-01T00:00:02Z", "2024-01-01T00:00:03Z", "2024-01-01T00:00:04Z", 1,
         "2024-01-01T00:00:02Z", "time.guessed"},
        {NULL, "2024-01-01T00:00:02Z", NULL, NULL, 0x21, "2024-01-01T00:00:02Z", ""}, /* sent by ourselves */
        {NULL, NULL, "2024-01-01T00:00:03Z", "2024-01-01T00:00:04Z", 9, "2024-01-01T00:00:03Z",
         ""}, /* a draft */
        {NULL, NULL, NULL, "2024-01-01T00:00:04Z", 1, "2024-01-01T00:00:04Z", "time.guessed"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = testing_mapi("IPM.Note");
        const char *const times[] = {rows[i].delivery, rows[i].submit, rows[i].created, rows[i].changed};
        static const uint16_t tags[] = {0x0e06, 0x0039, 0x3007, 0x3008};
        for (size_t k = 0; k < 4; k++)
            if (times[k])
                set_time(o, &o->props, TAG(tags[k]), times[k]);
        set_int(o, &o->props, TAG(0x0e07), rows[i].flags);
        haul_msg *m = haul_msg_new();
        haul_mapi_fill(m, o);
        char iso[HAUL_ISO_LEN];
        haul_iso_format(iso, m->received_us);
        char *issues = testing_issues(m);
        same(iso, rows[i].want);
        same(issues, rows[i].issues);
        free(issues);
        haul_msg_unref(m);
    }
}

/* MS-OXOCAL 2.2.1.39: W. Europe, UTC+1, one hour more from the last Sunday of March to that of October. */
static void set_zone(haul_mapi *o)
{
    static const unsigned char zone[48] = {
        [0] = 0xc4, 0xff,      0xff,     0xff,     [8] = 0xc4, 0xff,     0xff,
        0xff,       [16] = 10, [20] = 5, [22] = 3, [34] = 3,   [38] = 5, [40] = 2};
    set_bin(o, &o->props, LID(HAUL_PSET_APPOINTMENT, 0x8233), zone, sizeof zone);
}

Test(fill, zones_of_meeting_messages)
{
    static const struct {
        const char *when, *date;
        int tz;
    } rows[] = {{"2024-02-03T04:05:06Z", "Date: Sat, 03 Feb 2024 05:05:06 +0100\r\n", 60},
                {"2024-07-03T23:05:06Z", "Date: Thu, 04 Jul 2024 01:05:06 +0200\r\n", 120}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = testing_mapi("IPM.Schedule.Meeting.Request");
        haul_msg *m = haul_msg_new();
        set_time(o, &o->props, TAG(0x0e06), rows[i].when);
        set_time(o, &o->props, TAG(0x0039), rows[i].when);
        set_zone(o);
        char *message = testing_build(o, m, NULL);
        cr_expect(strstr(message, rows[i].date) != NULL, "%s", message);
        cr_expect_eq(m->received_tz, rows[i].tz);
        cr_expect_eq(m->sent_tz, rows[i].tz);
        free(message);
        haul_msg_unref(m);
    }
}

Test(fill, zones_from_the_transport_header)
{
    haul_auto(haul_mapi) *o = testing_mapi("IPM.Note");
    set_time(o, &o->props, TAG(0x0e06), "2024-02-03T04:05:07Z");
    set_time(o, &o->props, TAG(0x0039), "2024-02-03T04:05:06Z");
    set_text(o, &o->props, TAG(0x007d),
             "Received: from a by b; Fri, 2 Feb 2024 20:05:07 -0800\r\nReturn-Path: <bounce@example.org>\r\n"
             "Date: Sat, 3 Feb 2024 05:05:06 +0100\r\nFrom: a@example.org\r\n");
    haul_msg *m = haul_msg_new();
    haul_mapi_fill(m, o);
    cr_expect_eq(m->received_tz, -480);
    cr_expect_eq(m->sent_tz, 60);
    same(m->sender, "bounce@example.org");
    haul_msg_unref(m);
}

Test(fill, subject_prefix_mark)
{
    static const struct {
        const char *stored, *want;
    } rows[] = {
        {"plain", "plain"},   {"\x01\x05RE: hello", "RE: hello"}, {"\x01\x01hello", "hello"}, {"\x01", ""},
        {"\x01\u0123x", "x"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = testing_mapi("IPM.Note");
        set_text(o, &o->props, TAG(0x0037), rows[i].stored);
        haul_msg *m = haul_msg_new();
        haul_mapi_fill(m, o);
        same(m->subject, rows[i].want);
        haul_msg_unref(m);
    }
}

Test(fill, keywords_id_and_fingerprint)
{
    static const char *const words[] = {"Blau", "Gr\u00fcn", "Blau"};
    haul_auto(haul_mapi) *o = testing_mapi("IPM.Note");
    set_texts(o, &o->props, NAMED(HAUL_PSET_PUBLIC_STRINGS, "Keywords"), words, 3);
    set_text(o, &o->props, TAG(0x1035), " <id@example.org>\r\n");
    set_time(o, &o->props, TAG(0x3008), "2024-02-03T04:05:06Z");
    haul_msg *m = haul_msg_new(), *again = haul_msg_new(), *changed = haul_msg_new();
    haul_mapi_fill(m, o);
    haul_mapi_fill(again, o);
    set_int(o, &o->props, TAG(0x0e08), 77);
    haul_mapi_fill(changed, o);
    cr_assert_eq(m->n_keywords, 2);
    same(m->keywords[0], "Blau");
    same(m->keywords[1], "Gr\u00fcn");
    same(m->message_id, "<id@example.org>");
    cr_expect(m->fingerprint && m->fingerprint == again->fingerprint);
    cr_expect(m->fingerprint != changed->fingerprint);
    cr_expect(changed->set & HAUL_SET_SIZE && changed->size == 77);
    haul_msg_unref(m);
    haul_msg_unref(again);
    haul_msg_unref(changed);
}

/* ── transport headers ── */

#define BODY(o) set_text((o), &(o)->props, TAG(0x1000), "text\r\n")

Test(head, transport_headers_kept_in_order)
{
    haul_auto(haul_mapi) *o = testing_mapi("IPM.Note");
    BODY(o);
    set_text(o, &o->props, TAG(0x007d),
             "Microsoft Mail Internet Headers Version 2.0\r\n"
             "Received: from one by two;\r\n\tSat, 3 Feb 2024 04:05:07 +0000\r\n"
             "X-First:   spaces   kept \r\n"
             "From: \"A, B\" <a@example.org>\r\n"
             "MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=x\r\nContent-Language: en\r\n"
             "Subject: =?utf-8?q?h=C3=A4?=\r\n"
             "To: b@example.org\r\nDate: Sat, 3 Feb 2024 05:05:06 +0100\r\nMessage-ID: <1@example.org>\r\n"
             "\r\n"
             "X-Of-Another: block\r\n");
    built_auto b = build(o);
    char *head = head_of(b.text);
    same(head, "Received: from one by two;\r\n\tSat, 3 Feb 2024 04:05:07 +0000\r\n"
               "X-First:   spaces   kept \r\n"
               "From: \"A, B\" <a@example.org>\r\n"
               "Subject: =?utf-8?q?h=C3=A4?=\r\n"
               "To: b@example.org\r\nDate: Sat, 3 Feb 2024 05:05:06 +0100\r\nMessage-ID: <1@example.org>\r\n"
               "MIME-Version: 1.0\r\n"
               "Content-Type: text/plain; charset=us-ascii\r\n");
    free(head);
}

Test(head, what_the_transport_headers_lack_is_added)
{
    haul_auto(haul_mapi) *o = testing_mapi("IPM.Note");
    BODY(o);
    set_text(o, &o->props, TAG(0x007d),
             "Received: from one by two; Sat, 3 Feb 2024 04:05:07 +0000\r\nCc: kept@example.org\r\n");
    set_text(o, &o->props, TAG(0x0037), "s");
    set_text(o, &o->props, TAG(0x1035), "<2@example.org>");
    set_text(o, &o->props, TAG(0x0042), "Anna");
    set_text(o, &o->props, TAG(0x0064), "SMTP");
    set_text(o, &o->props, TAG(0x0065), "anna@example.org");
    set_time(o, &o->props, TAG(0x0039), "2024-02-03T04:05:06Z");
    testing_recipient(o, 1, "Bob", "bob@example.org");
    testing_recipient(o, 2, "Not me", "other@example.org");
    testing_recipient(o, 3, NULL, "hidden@example.org");
    set_int(o, &o->props, TAG(0x0017), 2); /* set here: what came with it would be in its header */
    built_auto b = build(o);
    has(b.text, "From: Anna <anna@example.org>\r\n");
    has(b.text, "To: Bob <bob@example.org>\r\n");
    has(b.text, "\r\nCc: kept@example.org\r\n");
    has(b.text, "Bcc: hidden@example.org\r\n");
    has(b.text, "Subject: s\r\n");
    has(b.text, "Date: Sat, 03 Feb 2024 04:05:06 +0000\r\n");
    has(b.text, "Message-ID: <2@example.org>\r\n");
    has_not(b.text, "other@example.org");
    has(b.text, "Importance: High\r\n");
}

Test(head, lines_that_are_no_fields)
{
    haul_auto(haul_mapi) *o = testing_mapi("IPM.Note");
    BODY(o);
    set_time(o, &o->props, TAG(0x0e06), "2024-02-03T04:05:06Z");
    set_text(o, &o->props, TAG(0x007d), "From: a@example.org\r\nthis is no field\r\nSubject: s\r\n");
    built_auto b = build(o);
    has(b.text, "From: a@example.org\r\nSubject: s\r\n");
    same(b.issues, "mapi.header-line-dropped");
    has(b.m->issues->detail, "this is no field");
}

Test(head, eight_bit_and_long_fields_repaired)
{
    haul_auto(haul_mapi) *o = testing_mapi("IPM.Note");
    haul_auto_str h = {0};
    BODY(o);
    set_time(o, &o->props, TAG(0x0e06), "2024-02-03T04:05:06Z");
    haul_str_addz(&h, "From: a@example.org\r\nSubject: h\u00e4\r\nX-Long: ");
    for (int i = 0; i < 300; i++)
        haul_str_addz(&h, "word ");
    haul_str_addz(&h, "\r\n");
    set_text(o, &o->props, TAG(0x007d), h.p);
    built_auto b = build(o);
    has(b.text, "Subject: =?");
    for (const char *p = b.text; *p; p++)
        cr_assert((unsigned char)*p < 128);
    for (const char *p = b.text, *eol; (eol = strstr(p, "\r\n")); p = eol + 2)
        cr_assert(eol - p <= 998);
    same(b.issues, "mapi.header-repaired");
}

Test(head, draft_with_the_headers_of_another_message)
{
    haul_auto(haul_mapi) *o = testing_mapi("IPM.Note");
    BODY(o);
    set_int(o, &o->props, TAG(0x0e07), 0x08);
    set_time(o, &o->props, TAG(0x3007), "2024-02-03T04:05:06Z");
    set_text(o, &o->props, TAG(0x1035), "<draft@example.org>");
    set_text(o, &o->props, TAG(0x007d), "From: other@example.org\r\nMessage-ID: <other@example.org>\r\n");
    built_auto b = build(o);
    has_not(b.text, "other@example.org");
    has(b.text, "Message-ID: <draft@example.org>\r\n");
    same(b.issues, "mapi.header-not-used");
}

/* ── fields from properties ── */

static haul_mapi *sent_item(void)
{
    haul_mapi *o = testing_mapi("IPM.Note");
    haul_bag *p = &o->props;
    set_text(o, p, TAG(0x1000), "text\r\n");
    set_text(o, p, TAG(0x0042), "Chef"); /* representing */
    set_text(o, p, TAG(0x0064), "SMTP");
    set_text(o, p, TAG(0x0065), "chef@example.org");
    set_text(o, p, TAG(0x0c1a), "Sekretariat, B\u00fcro"); /* sender */
    set_text(o, p, TAG(0x0c1e), "SMTP");
    set_text(o, p, TAG(0x0c1f), "office@example.org");
    set_int(o, p, TAG(0x0e07), 0x25);
    set_time(o, p, TAG(0x0039), "2024-02-03T04:05:06Z");
    set_time(o, p, TAG(0x0e06), "2024-02-03T04:05:06Z");
    set_text(o, p, TAG(0x0037), "\x01\x05RE: Umlaut \u00e4");
    set_text(o, p, TAG(0x1035), "<3@example.org>");
    set_text(o, p, TAG(0x1042), "<2@example.org>");
    set_text(o, p, TAG(0x1039), "<1@example.org> <2@example.org>");
    set_text(o, p, TAG(0x0070), "Umlaut");
    set_bin(o, p, TAG(0x0071), "\x01\xda\x00\x01\x02\x03", 6);
    set_int(o, p, TAG(0x0017), 2);
    set_int(o, p, TAG(0x0036), 2);
    set_bool(o, p, TAG(0x0029), true);
    testing_recipient(o, 1, "Bob", "bob@example.org");
    testing_recipient(o, 2, "c@example.org", "c@example.org");
    testing_recipient(o, 3, NULL, "d@example.org");
    return o;
}

Test(head, synthesised)
{
    haul_auto(haul_mapi) *o = sent_item();
    built_auto b = build(o);
    has(b.text, "From: Chef <chef@example.org>\r\n");
    has(b.text, "Sender: ");
    has(b.text, "<office@example.org>\r\n");
    has(b.text, "To: Bob <bob@example.org>\r\n");
    has(b.text, "\r\nCc: ");
    has(b.text, "Bcc: d@example.org\r\n");
    has(b.text, "Date: Sat, 03 Feb 2024 04:05:06 +0000\r\n");
    has(b.text, "Message-ID: <3@example.org>\r\n");
    has(b.text, "In-Reply-To: <2@example.org>\r\n");
    has(b.text, "References: <1@example.org> <2@example.org>\r\n");
    has(b.text, "Thread-Topic: Umlaut\r\n");
    has(b.text, "Thread-Index: AdoAAQID\r\n");
    has(b.text, "Importance: High\r\nX-Priority: 1\r\nSensitivity: Private\r\n");
    has(b.text,
        "Disposition-Notification-To: =?utf-8?Q?Sekretariat=2C_B=C3=BCro?=\r\n <office@example.org>\r\n");
    has(b.text, "Subject: RE: ");
    has_not(b.text, "\x01");
    same(b.issues, "");
}

Test(head, same_object_same_octets)
{
    haul_auto(haul_mapi) *o = sent_item(), *again = sent_item();
    testing_attachment(o, "a.bin", "\0\1\2", 3);
    testing_attachment(again, "a.bin", "\0\1\2", 3);
    built_auto a = build(o);
    built_auto b = build(again);
    same(a.text, b.text);
}

Test(head, no_message_id_is_invented)
{
    haul_auto(haul_mapi) *o = testing_mapi("IPM.Note");
    BODY(o);
    set_time(o, &o->props, TAG(0x0e06), "2024-02-03T04:05:06Z");
    built_auto b = build(o);
    has_not(b.text, "Message-ID");
    same(b.issues, "");
}

Test(head, exchange_address_without_internet_form)
{
    haul_auto(haul_mapi) *o = testing_mapi("IPM.Note");
    BODY(o);
    set_time(o, &o->props, TAG(0x0e06), "2024-02-03T04:05:06Z");
    set_text(o, &o->props, TAG(0x0042), "Anna");
    set_text(o, &o->props, TAG(0x0064), "EX");
    set_text(o, &o->props, TAG(0x0065), "/O=ORG/OU=SITE/CN=RECIPIENTS/CN=ANNA");
    built_auto b = build(o);
    has(b.text, "From: Anna:;\r\n");
    has(b.text, "X-Mailhaul-Address: From; EX:/O=ORG/OU=SITE/CN=RECIPIENTS/CN=ANNA; Anna\r\n");
    has_not(b.text, "</O=");
    same(b.issues, "mapi.address-unresolved");
}

Test(head, named_headers_follow_up_and_class)
{
    static const char *const words[] = {"Blau", "Rot"};
    haul_auto(haul_mapi) *o = testing_mapi("IPM.Post.Custom");
    BODY(o);
    set_time(o, &o->props, TAG(0x0e06), "2024-02-03T04:05:06Z");
    set_text(o, &o->props, NAMED(HAUL_PSET_INTERNET_HEADERS, "x-mailer"), "Some Mailer 1.0");
    set_text(o, &o->props, NAMED(HAUL_PSET_INTERNET_HEADERS, "Content-Type"), "text/evil");
    set_text(o, &o->props, NAMED(HAUL_PSET_INTERNET_HEADERS, "X-Microsoft-Exchange-Organization-Secret"),
             "x");
    set_text(o, &o->props, NAMED(HAUL_PSET_INTERNET_HEADERS, "not a name"), "x");
    set_text(o, &o->props, NAMED(HAUL_PSET_INTERNET_HEADERS, "X-Inject"), "a\r\nBcc: evil@example.org");
    set_texts(o, &o->props, NAMED(HAUL_PSET_PUBLIC_STRINGS, "Keywords"), words, 2);
    set_int(o, &o->props, TAG(0x1090), 2);
    set_text(o, &o->props, LID(HAUL_PSET_COMMON, 0x8530), "Follow up");
    set_time(o, &o->props, TAG(0x0030), "2024-03-01T12:00:00Z");
    built_auto b = build(o);
    has(b.text, "x-mailer: Some Mailer 1.0\r\n");
    has(b.text, "Keywords: Blau, Rot\r\n");
    has(b.text, "X-Message-Flag: Follow up\r\n");
    has(b.text, "Reply-By: Fri, 01 Mar 2024 12:00:00 +0000\r\n");
    has(b.text, "X-Mailhaul-Class: IPM.Post.Custom\r\n");
    has_not(b.text, "text/evil");
    has_not(b.text, "Secret");
    has_not(b.text, "not a name");
    has_not(b.text, "\nBcc:");
}

Test(head, displayed_names_when_there_are_no_recipients)
{
    haul_auto(haul_mapi) *o = testing_mapi("IPM.Note");
    BODY(o);
    set_time(o, &o->props, TAG(0x0e06), "2024-02-03T04:05:06Z");
    set_text(o, &o->props, TAG(0x0e04), "bob@example.org; carol@example.org");
    built_auto b = build(o);
    has(b.text, "To: bob@example.org, carol@example.org\r\n");
}
