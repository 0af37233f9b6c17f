/* Bodies, structure and attachments of messages built from MAPI objects: docs/mapi.md [mapi-20]…[mapi-39]. */
#include "testing.h"
#include "testing_rules.h"

#include <stdio.h>
#include <sys/resource.h>

/* A received message without anything odd about its metadata. */
static haul_mapi *note(void)
{
    haul_mapi *o = testing_mapi("IPM.Note");
    set_text(o, &o->props, TAG(0x0037), "s");
    set_time(o, &o->props, TAG(0x0e06), "2024-02-03T04:05:06Z");
    return o;
}

static void set_body(haul_mapi *o, const char *text)
{
    set_text(o, &o->props, TAG(0x1000), text);
}

static void set_html(haul_mapi *o, const char *octets, int codepage)
{
    set_bin(o, &o->props, TAG(0x1013), octets, strlen(octets));
    if (codepage)
        set_int(o, &o->props, TAG(0x3fde), codepage);
}

#define RTF_HTML                                                                                             \
    "{\\rtf1\\ansi\\fromhtml1 \\deff0{\\*\\htmltag64 <p>}\\htmlrtf {\\htmlrtf0 of rtf\\htmlrtf }\\htmlrtf0"  \
    "{\\*\\htmltag72 </p>}}"
#define RTF_TEXT "{\\rtf1\\ansi\\fromtext \\deff0 of rtf\\par\r\n}"
#define RTF_REAL "{\\rtf1\\ansi\\deff0 {\\b bold} of rtf\\par\r\n}"

/* ── bodies ── */

Test(body, which_alternatives)
{
    static const struct {
        const char *text, *html, *rtf;
        int native, in_sync; /* -1 = absent */
        const char *outline;
    } rows[] = {
        {"t", NULL, NULL, 0, -1, "text/plain"},
        {NULL, "<p>h</p>", NULL, 0, -1, "text/html"},
        {"t", "<p>h</p>", NULL, 0, -1, "multipart/alternative(text/plain text/html)"},
        {NULL, NULL, RTF_HTML, 0, -1, "text/html"},
        {"t", NULL, RTF_HTML, 0, 1, "multipart/alternative(text/plain text/html)"},
        {"t", NULL, RTF_HTML, 0, 0, "text/plain"}, /* text edited behind the back of the RTF */
        {"t", NULL, RTF_HTML, 1, 1, "text/plain"},
        {NULL, NULL, RTF_TEXT, 2, 1, "text/plain"},
        {"t", NULL, RTF_TEXT, 0, 1, "text/plain"},
        {NULL, NULL, RTF_REAL, 2, 1, "multipart/alternative(text/plain text/rtf)"},
        {"t", NULL, RTF_REAL, 0, 1, "multipart/alternative(text/plain text/rtf)"},
        {"t", "<p>h</p>", RTF_REAL, 2, 1, "multipart/alternative(text/plain text/html text/rtf)"},
        {"t", "<p>h</p>", RTF_REAL, 3, 1, "multipart/alternative(text/plain text/html)"},
        {NULL, NULL, NULL, 0, -1, "text/plain"},
        {"  \r\n", NULL, NULL, 0, -1, "text/plain"},
        {"t", NULL, "{\\rtf1\\ansi\\deff0\\par}", 2, 1, "text/plain"}, /* an empty page */
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = note();
        if (rows[i].text)
            set_body(o, rows[i].text);
        if (rows[i].html)
            set_html(o, rows[i].html, 65001);
        if (rows[i].rtf)
            set_rtf(o, rows[i].rtf);
        if (rows[i].native)
            set_int(o, &o->props, TAG(0x1016), rows[i].native);
        if (rows[i].in_sync >= 0)
            set_bool(o, &o->props, TAG(0x0e1f), rows[i].in_sync);
        built_auto b = build(o);
        cr_expect(strcmp(b.outline, rows[i].outline) == 0, "row %zu: %s, not %s", i, b.outline,
                  rows[i].outline);
        same(b.issues, "");
    }
}

Test(body, text_out_of_rtf)
{
    haul_auto(haul_mapi) *o = note();
    set_rtf(o, RTF_REAL);
    built_auto b = build(o);
    haul_auto_str text = {0};
    cr_assert(testing_part(b.text, "1", &text));
    cr_expect(strncmp(text.p, "bold of rtf", 11) == 0, "%s", text.p);
}

Test(body, html_charset)
{
    static const struct {
        const char *octets;
        int codepage;
        const char *charset, *issues;
    } rows[] = {
        {"<p>plain", 1252, "us-ascii", ""},
        {"<p>\xe4", 1252, "windows-1252", ""},
        {"<p>\xe4", 28591, "iso-8859-1", ""},
        {"<p>\xc3\xa4", 65001, "utf-8", ""},
        {"<p>\x1b$B$\"\x1b(B", 50220, "iso-2022-jp", ""},
        {"<p>\xc3\xa4", 0, "utf-8", "mapi.body-charset-guessed"},
        {"<p>\xe4 <", 0, "windows-1252", "mapi.body-charset-guessed"},
        {"<p>\xe4 <", 65001, "windows-1252", "mapi.body-charset-guessed"}, /* stated, not valid in it */
        {"<p>\xe4 <", 20127, "windows-1252", "mapi.body-charset-guessed"},
        {"<meta charset=iso-8859-2><p>\xb1", 0, "iso-8859-2", "mapi.body-charset-guessed"},
        {"<meta http-equiv=x content=\"text/html; charset=utf-8\"><p>\xc3\xa4", 1252, "utf-8",
         "mapi.body-charset-guessed"},
        {"<p>\x82\xa0", 932, "shift_jis", ""},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = note();
        set_html(o, rows[i].octets, rows[i].codepage);
        built_auto b = build(o);
        char want[64];
        snprintf(want, sizeof want, "Content-Type: text/html; charset=%s\r\n", rows[i].charset);
        cr_expect(strstr(b.text, want) != NULL, "row %zu: no %s in\n%s", i, want, b.text);
        same(b.issues, rows[i].issues);
        part_is(b.text, "1", rows[i].octets); /* the octets stay what they were */
    }
}

Test(body, html_as_unicode_and_with_a_nul)
{
    haul_auto(haul_mapi) *o = note();
    set_text(o, &o->props, TAG(0x1013), "<p>\u00e4\u20ac</p>");
    built_auto b = build(o);
    has(b.text, "text/html; charset=utf-8\r\n");
    part_is(b.text, "1", "<p>\u00e4\u20ac</p>");

    haul_auto(haul_mapi) *nul = note();
    set_bin(nul, &nul->props, TAG(0x1013), "<p>x\0\0", 6);
    built_auto c = build(nul);
    part_is(c.text, "1", "<p>x");
}

Test(body, text_of_an_ansi_store)
{
    haul_auto(haul_mapi) *o = note();
    set_text8(o, &o->props, TAG(0x1000), "\x82\xa0");
    set_int(o, &o->props, TAG(0x3ffd), 932);
    built_auto b = build(o);
    part_is(b.text, "1", "\u3042");

    haul_auto(haul_mapi) *stated = note();
    stated->props.codepage = 1251;
    set_text8(stated, &stated->props, TAG(0x1000), "\xc0");
    built_auto c = build(stated);
    part_is(c.text, "1", "\u0410");
    same(c.issues, "");
}

Test(body, damaged_rtf_beside_text)
{
    haul_auto(haul_mapi) *o = note();
    set_body(o, "t");
    set_bin(o, &o->props, TAG(0x1009), "nonsense", 8);
    built_auto b = build(o);
    same(b.outline, "text/plain");
    same(b.issues, "mapi.rtf-damaged");
}

/* ── structure ── */

Test(structure, related_only_for_what_the_html_shows)
{
    static const struct {
        const char *html, *id, *location;
        int flags;
        bool hidden;
        const char *outline;
    } rows[] = {
        {"<img src=\"cid:i1@x\">", "i1@x", NULL, 0, false,
         "multipart/related(multipart/alternative(text/plain text/html) image/png[a.png])"},
        {"<img src=cid:i1%40x>", "<i1@x>", NULL, 0, false,
         "multipart/related(multipart/alternative(text/plain text/html) image/png[a.png])"},
        {"<img src='pics/a.png'>", NULL, "pics/a.png", 0, false,
         "multipart/related(multipart/alternative(text/plain text/html) image/png[a.png])"},
        {"<p>", "i1@x", NULL, 0, false,
         "multipart/mixed(multipart/alternative(text/plain text/html) image/png[a.png])"},
        {"<p>", "i1@x", NULL, 4, false,
         "multipart/related(multipart/alternative(text/plain text/html) image/png[a.png])"},
        {"<p>", "i1@x", NULL, 0, true,
         "multipart/related(multipart/alternative(text/plain text/html) image/png[a.png])"},
        {"<p>", NULL, NULL, 4, true,
         "multipart/mixed(multipart/alternative(text/plain text/html) image/png[a.png])"},
        {"<p>i1@x", "i1@x", NULL, 0, false,
         "multipart/mixed(multipart/alternative(text/plain text/html) image/png[a.png])"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = note();
        set_body(o, "t");
        set_html(o, rows[i].html, 65001);
        haul_bag *a = testing_attachment(o, "a.png", "png", 3);
        if (rows[i].id)
            set_text(o, a, TAG(0x3712), rows[i].id);
        if (rows[i].location)
            set_text(o, a, TAG(0x3713), rows[i].location);
        set_int(o, a, TAG(0x3714), rows[i].flags);
        set_bool(o, a, TAG(0x7ffe), rows[i].hidden);
        built_auto b = build(o);
        cr_expect(strcmp(b.outline, rows[i].outline) == 0, "row %zu: %s", i, b.outline);
        if (rows[i].id)
            has(b.text, "Content-ID: <i1@x>\r\n");
        same(b.issues, "");
    }
}

Test(structure, related_and_mixed_together)
{
    haul_auto(haul_mapi) *o = note();
    set_html(o, "<img src=\"cid:i\">", 65001);
    testing_attachment(o, "z.pdf", "%PDF", 4);
    set_text(o, testing_attachment(o, "a.gif", "GIF8", 4), TAG(0x3712), "i");
    built_auto b = build(o);
    same(b.outline, "multipart/mixed(multipart/related(text/html image/gif[a.gif]) application/pdf[z.pdf])");
    has(b.text, "multipart/related; type=\"text/html\"");
}

/* ── attachments ── */

Test(attach, names)
{
    static const struct {
        const char *longer, *dos, *display, *want, *issues;
    } rows[] = {
        {"long name.txt", "LONGNA~1.TXT", "shown", "long name.txt", ""},
        {NULL, "SHORT.TXT", "shown.txt", "SHORT.TXT", ""},
        {NULL, NULL, "shown.txt", "shown.txt", ""},
        {"../../etc/passwd.txt", NULL, NULL, "passwd.txt", "mapi.attachment-name-changed"},
        {"C:\\Temp\\a.txt", NULL, NULL, "a.txt", "mapi.attachment-name-changed"},
        {"a\r\nb.txt", NULL, NULL, "a__b.txt", "mapi.attachment-name-changed"},
        {"Gr\u00fc\u00dfe \u2603.txt", NULL, NULL, "Gr\u00fc\u00dfe \u2603.txt", ""},
        {"a;b=\"c\".txt", NULL, NULL, "a;b=\"c\".txt", ""},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = note();
        set_body(o, "t");
        haul_bag *a = testing_attachment(o, rows[i].longer, "x", 1);
        if (rows[i].dos)
            set_text(o, a, TAG(0x3704), rows[i].dos);
        if (rows[i].display)
            set_text(o, a, TAG(0x3001), rows[i].display);
        built_auto b = build(o);
        char want[128];
        snprintf(want, sizeof want, "multipart/mixed(text/plain text/plain[%s])", rows[i].want);
        same(b.outline, want);
        same(b.issues, rows[i].issues);
    }
}

Test(attach, names_are_bounded)
{
    haul_auto(haul_mapi) *o = note();
    haul_auto_str name = {0};
    set_body(o, "t");
    for (size_t i = 0; i < 3000; i++)
        haul_str_addz(&name, "\u00e4");
    testing_attachment(o, name.p, "x", 1);
    built_auto b = build(o);
    cr_expect(strlen(b.outline) < 1200, "%zu", strlen(b.outline));
    same(b.issues, "mapi.attachment-name-changed");
}

Test(attach, types)
{
    static const struct {
        const char *tag, *name, *want, *issues;
    } rows[] = {
        {"image/png", "a.jpg", "image/png", ""},
        {NULL, "a.JPG", "image/jpeg", ""},
        {NULL, "a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", ""},
        {NULL, "a.unknown", "application/octet-stream", ""},
        {NULL, "noextension", "application/octet-stream", ""},
        {"image/jpeg; name=x", "a.bin", "image/jpeg", ""},
        {"nonsense", "a.pdf", "application/pdf", "mapi.attachment-type-unused"},
        {"multipart/mixed", "a.pdf", "application/pdf", "mapi.attachment-type-unused"},
        {"a b/c", "a.zip", "application/zip", "mapi.attachment-type-unused"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = note();
        set_body(o, "t");
        haul_bag *a = testing_attachment(o, rows[i].name, "x", 1);
        if (rows[i].tag)
            set_text(o, a, TAG(0x370e), rows[i].tag);
        built_auto b = build(o);
        char want[160];
        snprintf(want, sizeof want, "multipart/mixed(text/plain %s[%s])", rows[i].want, rows[i].name);
        same(b.outline, want);
        same(b.issues, rows[i].issues);
    }
}

Test(attach, octets_survive)
{
    char data[70000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 7 + i / 251);
    haul_auto(haul_mapi) *o = note();
    haul_auto_str got = {0};
    set_body(o, "t");
    testing_attachment(o, "a.bin", data, sizeof data);
    testing_attachment(o, "empty.bin", "", 0);
    built_auto b = build(o);
    cr_assert(testing_part(b.text, "2", &got));
    cr_expect(got.len == sizeof data && memcmp(got.p, data, got.len) == 0);
    same(b.outline,
         "multipart/mixed(text/plain application/octet-stream[a.bin] application/octet-stream[empty.bin])");
    same(b.issues, "");
}

Test(attach, lost_short_and_broken)
{
    haul_auto(haul_mapi) *o = note();
    set_body(o, "t");
    testing_attachment(o, "gone.txt", "x", 1);
    o->attachments[0].lost = true;
    o->attachments[0].why = "block 0x24 is missing";
    testing_attachment(o, "short.txt", "only this", 9);
    o->attachments[1].claimed = 100;
    testing_attachment(o, "empty.txt", "", 0);
    o->attachments[2].props.v[1].p = (const uint8_t *)"\x90\x5f\x01\x00"; /* 90000, in place of 0 */
    testing_attachment(o, "broken.txt", "all of this", 11);
    testing_attachment_breaks(o, 6);
    built_auto b = build(o);
    has(b.text, "gone.txt\" could not be read from the store: block 0x24 is missing]");
    same(b.issues, "mapi.attachment-lost mapi.attachment-short mapi.attachment-short mapi.attachment-lost");
    part_is(b.text, "3", "only this");
    part_is(b.text, "5", "all of");
}

/* PidTagAttachSize counts every property of the attachment, a picture of its icon for one. */
Test(attach, other_properties_are_no_data)
{
    static char icon[90000];
    haul_auto(haul_mapi) *o = note();
    set_body(o, "t");
    haul_bag *a = testing_attachment(o, "small.txt", "small", 5);
    a->v[1].p = (const uint8_t *)"\x00\x70\x01\x00"; /* 94208, in place of 5 */
    set_bin(o, a, TAG(0x3709), icon, sizeof icon);
    built_auto b = build(o);
    same(b.issues, "");
}

Test(attach, by_reference)
{
    for (int method = 2; method <= 7; method++) {
        if (method == 5 || method == 6)
            continue;
        haul_auto(haul_mapi) *o = note();
        set_body(o, "t");
        haul_bag *a = testing_attachment(o, "plan.xls", "", 0);
        const uint8_t le[4] = {(uint8_t)method};
        a->v[0].p = le;
        set_text(o, a, TAG(0x370d), "\\\\server\\share\\plan.xls");
        built_auto b = build(o);
        same(b.outline, "multipart/mixed(text/plain text/plain)");
        has(b.text, "\\\\server\\share\\plan.xls");
        same(b.issues, "mapi.attachment-by-reference");
    }
}

Test(attach, ole_object_and_its_picture)
{
    haul_auto(haul_mapi) *o = note();
    set_body(o, "t");
    haul_bag *a = testing_attachment(o, NULL, "\xd0\xcf\x11\xe0", 4);
    static const uint8_t six[4] = {6};
    a->v[0].p = six;
    set_text(o, a, TAG(0x3001), "Picture (Metafile)");
    set_bin(o, a, TAG(0x3709), "wmf", 3);
    built_auto b = build(o);
    same(b.outline, "multipart/mixed(text/plain application/octet-stream[Picture (Metafile).ole] "
                    "image/wmf[Picture (Metafile).wmf])");
    part_is(b.text, "3", "wmf");
}

Test(attach, macbinary_is_named)
{
    haul_auto(haul_mapi) *o = note();
    set_body(o, "t");
    set_bin(o, testing_attachment(o, "a.bin", "x", 1), TAG(0x3702), "\x2a\x86\x48\x86\xf7\x14\x03\x0b\x01",
            9);
    set_bin(o, testing_attachment(o, "b.bin", "x", 1), TAG(0x3702), "", 0);
    built_auto b = build(o);
    same(b.issues, "mapi.attachment-encoded");
    has(b.m->issues->detail, "a.bin");
}

Test(attach, message_files)
{
    static const struct {
        const char *data, *outline, *encoding, *issues;
    } rows[] = {
        {"Subject: a\r\n\r\nb\r\n", "multipart/mixed(text/plain message/rfc822{text/plain})", "", ""},
        {"Subject: a\r\n\r\n\xc3\xa4\r\n", "multipart/mixed(text/plain message/rfc822{text/plain})", "8bit",
         ""},
        {"Subject: a\n\nb\n", "multipart/mixed(text/plain application/octet-stream[a.eml])",
         "Content-Transfer-Encoding: base64\r\n", "mapi.attachment-type-unused"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = note();
        set_body(o, "t");
        testing_attachment(o, "a.eml", rows[i].data, strlen(rows[i].data));
        built_auto b = build(o);
        same(b.outline, rows[i].outline);
        has(b.text, rows[i].encoding);
        same(b.issues, rows[i].issues);
        if (i < 2)
            has(b.text, rows[i].data);
    }
}

Test(attach, embedded_messages_complete)
{
    haul_auto(haul_mapi) *o = note();
    set_body(o, "outer");
    haul_mapi *inner = testing_embedded(o, "IPM.Note");
    set_text(inner, &inner->props, TAG(0x0037), "inner");
    set_text(inner, &inner->props, TAG(0x1000), "of inner");
    testing_attachment(inner, "a.txt", "aa", 2);
    haul_mapi *third = testing_embedded(inner, "IPM.Note");
    set_text(third, &third->props, TAG(0x1000), "of third");
    built_auto b = build(o);
    same(b.outline, "multipart/mixed(text/plain message/rfc822{multipart/mixed(text/plain text/plain[a.txt] "
                    "message/rfc822{text/plain})})");
    has(b.text, "Subject: inner\r\n");
    part_is(b.text, "2.2", "aa");
    part_is(b.text, "2.3.1", "of third");
    same(b.issues, "");
}

Test(attach, eight_bit_inside_is_said_outside)
{
    static const char eml[] = "Subject: a\r\n\r\n\xc3\xa4\r\n";
    haul_auto(haul_mapi) *o = note();
    set_body(o, "outer");
    haul_mapi *inner = testing_embedded(o, "IPM.Note");
    set_text(inner, &inner->props, TAG(0x1000), "of inner");
    testing_attachment(inner, "a.eml", eml, strlen(eml));
    built_auto b = build(o);
    const char *outer = strstr(b.text, "Content-Type: message/rfc822");
    cr_assert_not_null(outer);
    const char *encoding = strstr(outer, "Content-Transfer-Encoding: ");
    cr_assert_not_null(encoding);
    cr_expect(strncmp(encoding + 27, "8bit\r\n", 6) == 0);
}

Test(attach, nesting_is_bounded)
{
    haul_auto(haul_mapi) *o = note();
    haul_mapi *at = o;
    set_body(o, "outermost");
    for (unsigned i = 0; i < HAUL_MAPI_DEPTH_MAX + 3; i++) {
        at = testing_embedded(at, "IPM.Note");
        set_text(at, &at->props, TAG(0x1000), i < HAUL_MAPI_DEPTH_MAX ? "within" : "beyond");
    }
    built_auto b = build(o);
    size_t n = 0;
    for (const char *p = b.text; (p = strstr(p, "within")); p++)
        n++;
    cr_expect_eq(n, HAUL_MAPI_DEPTH_MAX);
    has_not(b.text, "beyond");
    same(b.issues, "mapi.depth");
}

/* winmail.dat of testdata/tnef: whole, and cut. */
/* Once to see whether something in it is 8bit, once to write it: not once for each message around it. */
Test(attach, nesting_costs_what_it_holds)
{
    haul_auto(haul_mapi) *o = note();
    haul_mapi *in = o;
    haul_msg *m = haul_msg_new();
    for (int i = 0; i < 30; i++)
        in = testing_embedded(in, "IPM.Note");
    testing_attachment(in, "a.eml", "Subject: a\r\n\r\n\xc3\xa4\r\n", 18);
    char *message = testing_build(o, m, NULL);
    cr_expect(testing_opened() == 60, "%zu", testing_opened());
    size_t n = 0;
    for (const char *at = message; (at = strstr(at, "Content-Transfer-Encoding: 8bit")); at++)
        n++;
    cr_expect(n == 62, "%zu", n); /* each message and the multipart in it */
    free(message);
    haul_msg_unref(m);
}

static built with_winmail(const char *file, bool unpack, char **data)
{
    const haul_build_options options = {.unpack_tnef = unpack};
    size_t n;
    haul_auto(haul_mapi) *o = note();
    *data = testing_read(file, &n);
    cr_assert_not_null(*data);
    set_body(o, "t");
    set_text(o, testing_attachment(o, "winmail.dat", *data, n), TAG(0x370e), "application/ms-tnef");
    return build_with(o, &options);
}

Test(attach, winmail_on_request)
{
    static const char whole[] = HAUL_TESTDATA "/tnef/fuzz/attachments",
                      cut[] = HAUL_TESTDATA "/tnef/fuzz/cut";
    char *data[3];
    built_auto kept = with_winmail(whole, false, &data[0]);
    built_auto unpacked = with_winmail(whole, true, &data[1]);
    built_auto damaged = with_winmail(cut, true, &data[2]);
    same(kept.outline, "multipart/mixed(text/plain application/ms-tnef[winmail.dat])");
    same(unpacked.outline,
         "multipart/mixed(text/plain text/plain[a.txt] application/octet-stream[object-2.ole] "
         "message/rfc822{multipart/mixed(text/plain application/octet-stream)})");
    same(damaged.outline, "multipart/mixed(text/plain application/ms-tnef[winmail.dat])");
    same(kept.issues, "");
    same(damaged.issues, "mapi.tnef-kept");
    for (size_t i = 0; i < 3; i++)
        free(data[i]);
}

/* What is unpacked inside an embedded message may be 8bit: RFC 2045 6.4 wants that said outside. */
Test(attach, winmail_inside_is_said_outside)
{
    size_t n;
    char *data = testing_read(HAUL_TESTDATA "/tnef/fuzz/attachments", &n);
    cr_assert_not_null(data);
    for (int unpack = 0; unpack < 2; unpack++) {
        const haul_build_options options = {.unpack_tnef = unpack};
        haul_auto(haul_mapi) *o = note();
        haul_msg *m = haul_msg_new();
        haul_mapi *in = testing_embedded(o, "IPM.Note");
        testing_attachment(in, "winmail.dat", data, n);
        char *message = testing_build(o, m, &options);
        cr_expect_eq(strstr(message, "Content-Transfer-Encoding: 8bit") != NULL, unpack);
        free(message);
        haul_msg_unref(m);
    }
    free(data);
}

/* Two doors into itself, 32 levels: 2^32 messages if nobody counted. */
Test(attach, a_message_that_holds_itself, .timeout = TESTING_SECONDS)
{
    haul_auto(haul_mapi) *o = note();
    haul_msg *m = haul_msg_new();
    testing_collect c;
    set_body(o, "t");
    testing_embed_itself(o);
    testing_embed_itself(o);
    testing_collect_init(&c, 4096);
    cr_assert_eq(haul_mapi_build(o, m, NULL, &c.out, NULL), HAUL_OK);
    cr_expect(haul_msg_has_issue(m, HAUL_ISSUE_MAPI_DEPTH));
    cr_expect(c.n < (uint64_t)64 << 20);
    haul_str_done(&c.text);
    haul_msg_unref(m);
}

/* A large attachment streams: 300 MB pass through without our memory growing by it. */
Test(attach, large_ones_are_never_held, .timeout = TESTING_SECONDS)
{
    haul_auto(haul_mapi) *o = note();
    haul_msg *m = haul_msg_new();
    testing_collect c;
    struct rusage before, after;
    const uint64_t n = UINT64_C(300) << 20;
    set_body(o, "t");
    testing_attachment_large(o, "large.bin", n);
    testing_collect_init(&c, 4096);
    getrusage(RUSAGE_SELF, &before);
    cr_assert_eq(haul_mapi_build(o, m, NULL, &c.out, NULL), HAUL_OK);
    getrusage(RUSAGE_SELF, &after);
    cr_expect(c.n > n / 3 * 4);
    cr_expect(after.ru_maxrss - before.ru_maxrss < 8 * 1024, "%ld KiB", after.ru_maxrss - before.ru_maxrss);
    haul_str_done(&c.text);
    haul_msg_unref(m);
}
