/* Classes that are more than mail: signed and encrypted, reports, calendar, contacts: docs/mapi.md [mapi-40]…. */
#include "testing_rules.h"

static haul_mapi *item(const char *class)
{
    haul_mapi *o = testing_mapi(class);
    set_text(o, &o->props, TAG(0x0037), "s");
    set_time(o, &o->props, TAG(0x0e06), "2024-02-03T04:05:06Z");
    set_text(o, &o->props, TAG(0x0c1a), "Anna");
    set_text(o, &o->props, TAG(0x0c1e), "SMTP");
    set_text(o, &o->props, TAG(0x0c1f), "anna@example.org");
    return o;
}

/* ── S/MIME ── */

#define SIGNED                                                                                               \
    "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha1;\r\n"             \
    "\tboundary=\"----=_X\"\r\n\r\nThis is a multi-part message.\r\n\r\n"                                    \
    "------=_X\r\nContent-Type: text/plain\r\n\r\nhello  \r\n\r\n"                                           \
    "------=_X\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n"                             \
    "Content-Transfer-Encoding: base64\r\n\r\nMIIB\r\n\r\n------=_X--\r\n"

Test(smime, clear_signed_restored_octet_for_octet)
{
    static const char *const classes[] = {"IPM.Note.SMIME.MultipartSigned", "IPM.Note.Secure.Sign",
                                          "IPM.Note.SMIME", "IPM.InfoPathForm.x.SMIME.MultipartSigned"};
    for (size_t i = 0; i < HAUL_COUNT(classes); i++) {
        haul_auto(haul_mapi) *o = item(classes[i]);
        set_text(o, &o->props, TAG(0x1000), "hello"); /* promoted from the inside: not written again */
        set_text(o, testing_attachment(o, "smime.p7m", SIGNED, strlen(SIGNED)), TAG(0x370e),
                 "multipart/signed");
        built_auto b = build(o);
        has(b.text, "\r\nMIME-Version: 1.0\r\n" SIGNED);
        cr_expect(strlen(strstr(b.text, SIGNED)) == strlen(SIGNED), "more behind the entity");
        same(b.outline, "multipart/signed(text/plain application/pkcs7-signature[smime.p7s])");
        same(b.issues, "");
    }
}

/* What is no MIME in its header, fields or not, would be header of the message. */
Test(smime, entity_adds_no_fields)
{
    static const char dirty[] = "From: evil@wharf.example\r\nno field\r\n" SIGNED;
    haul_auto(haul_mapi) *o = item("IPM.Note.SMIME.MultipartSigned");
    set_text(o, testing_attachment(o, "smime.p7m", dirty, sizeof dirty - 1), TAG(0x370e), "multipart/signed");
    built_auto b = build(o);
    has(b.text, "\r\nMIME-Version: 1.0\r\n" SIGNED);
    cr_expect_null(strstr(b.text, "evil"), "%s", b.text);
    cr_expect_null(strstr(b.text, "no field"), "%s", b.text);
    same(b.issues, "mapi.header-line-dropped mapi.header-line-dropped");
}

static const char enveloped[] = "\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80"
                                "0123456789";

Test(smime, encrypted)
{
    haul_auto(haul_mapi) *o = item("IPM.Note.SMIME");
    set_text(o, testing_attachment(o, "smime.p7m", enveloped, sizeof enveloped - 1), TAG(0x370e),
             "application/pkcs7-mime");
    built_auto b = build(o);
    haul_auto_str data = {0};
    same(b.outline, "application/pkcs7-mime[smime.p7m]");
    has(b.text, "smime-type=enveloped-data");
    cr_assert(testing_part(b.text, "1", &data));
    cr_expect(data.len == sizeof enveloped - 1 && memcmp(data.p, enveloped, data.len) == 0);
    same(b.issues, "");
}

Test(smime, type_as_stored)
{
    haul_auto(haul_mapi) *o = item("IPM.Note.SMIME");
    set_text(o, &o->props, TAG(0x007d),
             "From: anna@example.org\r\nContent-Type: application/pkcs7-mime; "
             "smime-type=\"signed-data\";\r\n\tname=x.p7m\r\n");
    set_text(o, testing_attachment(o, "smime.p7m", enveloped, sizeof enveloped - 1), TAG(0x370e),
             "application/pkcs7-mime");
    built_auto b = build(o);
    has(b.text, "smime-type=signed-data");
}

Test(smime, not_what_the_class_says)
{
    haul_auto(haul_mapi) *o = item("IPM.Note.SMIME");
    set_text(o, &o->props, TAG(0x1000), "t");
    testing_attachment(o, "a.txt", "plain", 5);
    testing_attachment(o, "b.txt", "plain", 5);
    built_auto b = build(o);
    same(b.outline, "multipart/mixed(text/plain text/plain[a.txt] text/plain[b.txt])");
    same(b.issues, "mapi.class-unexpected");
}

/* ── reports ── */

Test(report, not_delivered)
{
    haul_auto(haul_mapi) *o = item("REPORT.IPM.Note.NDR");
    set_text(o, &o->props, TAG(0x1001), "Your message did not reach somebody.");
    set_text(o, &o->props, TAG(0x6820), "mail.example.org");
    haul_bag *r = testing_recipient(o, 1, "Bob", "bob@example.org");
    set_int(o, r, TAG(0x0c20), 511);
    set_text(o, r, TAG(0x0c21), "mx.example.org");
    set_text(o, r, TAG(0x0c1b), "<mx.example.org #5.1.10 smtp;550 no such user>");
    haul_mapi *original = testing_embedded(o, "IPM.Note");
    set_text(original, &original->props, TAG(0x0037), "the original");
    built_auto b = build(o);
    haul_auto_str status = {0};
    same(b.outline, "multipart/report(text/plain message/delivery-status message/rfc822{text/plain})");
    has(b.text, "report-type=delivery-status");
    part_is(b.text, "1", "Your message did not reach somebody.");
    has(b.text, "Reporting-MTA: dns;mail.example.org\r\n\r\nFinal-Recipient: rfc822;bob@example.org\r\n"
                "Action: failed\r\nStatus: 5.1.10\r\nRemote-MTA: dns;mx.example.org\r\n");
    has(b.text, "Subject: the original\r\n");
    same(b.issues, "");
}

Test(report, actions_and_dispositions)
{
    static const struct {
        const char *class, *want;
    } rows[] = {
        {"REPORT.IPM.Note.DR", "Action: delivered\r\nStatus: 2.0.0\r\n"},
        {"REPORT.IPM.Note.Expanded.DR", "Action: expanded\r\n"},
        {"REPORT.IPM.Note.Relayed.DR", "Action: relayed\r\n"},
        {"REPORT.IPM.Note.Delayed.DR", "Action: delayed\r\nStatus: 4.0.0\r\n"},
        {"REPORT.IPM.Schedule.Meeting.Request.NDR", "Action: failed\r\nStatus: 5.0.0\r\n"},
        {"REPORT.IPM.Note.IPNRN", "MDN-sent-automatically; displayed\r\n"},
        {"REPORT.IPM.Note.IPNNRN", "MDN-sent-automatically; deleted\r\n"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = item(rows[i].class);
        set_text(o, &o->props, TAG(0x1046), "<original@example.org>");
        testing_recipient(o, 1, "Bob", "bob@example.org");
        built_auto b = build(o);
        has(b.text, rows[i].want);
        if (i >= 5) {
            has(b.text, "Final-Recipient: rfc822;anna@example.org\r\nOriginal-Message-ID: "
                        "<original@example.org>\r\n");
            same(b.outline, "multipart/report(text/plain message/disposition-notification)");
        }
    }
}

Test(report, attachments_that_are_no_message_stay)
{
    haul_auto(haul_mapi) *o = item("REPORT.IPM.Note.NDR");
    testing_recipient(o, 1, "Bob", "bob@example.org");
    testing_attachment(o, "a.txt", "x", 1);
    built_auto b = build(o);
    same(b.outline,
         "multipart/mixed(multipart/report(text/plain message/delivery-status) text/plain[a.txt])");
}

Test(report, a_stored_report_part_is_written_as_it_came)
{
    static const char stored[] =
        "Reporting-MTA: dns;real.example.org\r\n\r\nFinal-Recipient: rfc822;x@example.org\r\n"
        "Action: failed\r\nStatus: 5.7.1\r\n";
    haul_auto(haul_mapi) *o = item("REPORT.IPM.Note.NDR");
    testing_recipient(o, 1, "Bob", "bob@example.org");
    set_text(o, testing_attachment(o, "details.txt", stored, strlen(stored)), TAG(0x370e),
             "message/delivery-status");
    built_auto b = build(o);
    same(b.outline, "multipart/report(text/plain message/delivery-status)");
    has(b.text, stored);
    has_not(b.text, "dns;unknown");
    same(b.issues, "");
}

/* ── calendar and contacts ── */

Test(item, appointment_is_the_last_alternative)
{
    haul_auto(haul_mapi) *o = item("IPM.Appointment");
    set_text(o, &o->props, TAG(0x1000), "bring tea");
    set_time(o, &o->props, LID(HAUL_PSET_APPOINTMENT, 0x820d), "2024-03-01T10:00:00Z");
    set_time(o, &o->props, LID(HAUL_PSET_APPOINTMENT, 0x820e), "2024-03-01T11:00:00Z");
    testing_attachment(o, "plan.pdf", "%PDF", 4);
    built_auto b = build(o);
    same(b.outline,
         "multipart/mixed(multipart/alternative(text/plain text/calendar) application/pdf[plan.pdf])");
    has(b.text, "BEGIN:VCALENDAR");
    has(b.text, "X-Mailhaul-Class: IPM.Appointment\r\n");
}

Test(item, contact)
{
    haul_auto(haul_mapi) *o = item("IPM.Contact");
    set_text(o, &o->props, TAG(0x3001), "Bob B.");
    built_auto b = build(o);
    same(b.outline, "text/vcard[s.vcf]");
    has(b.text, "BEGIN:VCARD");
    set_text(o, &o->props, TAG(0x1000), "likes tea");
    built_auto noted = build(o);
    same(noted.outline, "multipart/mixed(text/plain text/vcard[s.vcf])");
    has(noted.text, "likes tea");
}

Test(item, nobody_sent_it)
{
    haul_auto(haul_mapi) *o = testing_mapi("IPM.DistList");
    set_text(o, &o->props, TAG(0x0037), "list");
    set_time(o, &o->props, TAG(0x3007), "2024-02-03T04:05:06Z");
    set_text(o, &o->props, TAG(0x0042), "Unknown");
    set_text(o, &o->props, TAG(0x0064), "UNKNOWN");
    set_text(o, &o->props, TAG(0x0065), "Unknown");
    built_auto b = build(o);
    has_not(b.text, "From:");
    has_not(b.text, "X-Mailhaul-Address");
    same(b.issues, "");
}

Test(item, unknown_class_is_kept)
{
    haul_auto(haul_mapi) *o = item("IPM.Whatever.It.Is");
    set_text(o, &o->props, TAG(0x1000), "t");
    built_auto b = build(o);
    same(b.outline, "text/plain");
    has(b.text, "X-Mailhaul-Class: IPM.Whatever.It.Is\r\n");
    same(b.issues, "");
}
