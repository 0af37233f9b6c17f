/* Outlook items made of Internet messages: docs/mapi.md [mapi-r1]…[mapi-r60]. */
#include "base/time.h"
#include "mime/addr.h"
#include "mime/header.h"
#include "mime/outlook.h"
#include "mime/recur.h"
#include "testing_rules.h"

#include <stdio.h>

typedef struct item {
    haul_msg *m;
    haul_mapi *o;
    haul_str issues;
    haul_outlook_options opt;
    haul_arena a;
} item;

static void on_issue(void *ctx, haul_issue_id id, const char *detail)
{
    haul_str *to = ctx;
    haul_str_addf(to, "%s%s: %s", to->len ? "; " : "", haul_issue_name(id), detail);
}

static item *message(const char *octets, size_t n)
{
    item *t = haul_calloc(1, sizeof *t);
    const char *p;
    size_t len;
    t->m = haul_msg_new();
    if (!t->m->body)
        t->m->body = haul_spool_new(true);
    cr_assert(haul_out_write(haul_spool_out(t->m->body), octets, n, NULL) == HAUL_OK);
    cr_assert(haul_msg_freeze(t->m, NULL) == HAUL_OK);
    cr_assert(haul_spool_head(t->m->body, HAUL_HEAD_MAX, &p, &len, NULL) == HAUL_OK);
    haul_header_fill(t->m, p, len, false);
    t->opt.issue = on_issue;
    t->opt.ctx = &t->issues;
    return t;
}

static item *opened(item *t)
{
    haul_err e;
    cr_assert(haul_outlook_open(t->m, &t->opt, &t->o, &e) == HAUL_OK);
    return t;
}

/* Line ends as LF in the source of the tests. */
static item *item_of(const char *text)
{
    return opened(message(text, strlen(text)));
}

static void item_done(item *t)
{
    haul_mapi_free(t->o);
    haul_msg_unref(t->m);
    haul_str_done(&t->issues);
    haul_arena_done(&t->a);
    free(t);
}

static const char *text_in(item *t, const haul_bag *b, uint16_t tag)
{
    const char *z = haul_bag_str(b, tag, &t->a);
    return z ? z : "";
}

static const char *text(item *t, uint16_t tag)
{
    return text_in(t, &t->o->props, tag);
}

static int64_t number(item *t, uint16_t tag)
{
    return haul_prop_int_or(haul_bag_get(&t->o->props, tag), -1);
}

static int64_t lid(item *t, haul_pset set, uint32_t n)
{
    return haul_prop_int_or(haul_bag_lid(&t->o->props, set, n), -1);
}

static const char *lid_text(item *t, haul_pset set, uint32_t n)
{
    const char *z = haul_prop_str(&t->o->props, haul_bag_lid(&t->o->props, set, n), &t->a);
    return z ? z : "";
}

static const char *when(item *t, const haul_prop *p)
{
    char iso[HAUL_ISO_LEN];
    int64_t us;
    if (!haul_prop_time(p, &us))
        return "";
    haul_iso_format(iso, us);
    return haul_arena_str(&t->a, iso);
}

/* ── the model [mapi-r1]… ── */

Test(outlook, flags_of_the_model)
{
    for (unsigned flags = 0; flags <= HAUL_FLAG_ALL; flags++) {
        item *t = message("Subject: x\r\n\r\ny\r\n", 17);
        haul_msg *back = haul_msg_new();
        t->m->flags = flags;
        opened(t);
        haul_mapi_fill(back, t->o);
        cr_expect(back->flags == flags, "%x: %x", flags, back->flags);
        haul_msg_unref(back);
        item_done(t);
    }
}

Test(outlook, keywords_and_times)
{
    item *t = message("Subject: x\r\nReceived: by x; Sat, 3 Feb 2024 04:05:06 +0200\r\n\r\ny\r\n", 66);
    haul_msg *back = haul_msg_new();
    haul_msg_keyword(t->m, "Grün, oder?", strlen("Grün, oder?"));
    haul_msg_keyword(t->m, "b", 1);
    haul_msg_received(t->m, INT64_C(1700000000123456), -90);
    opened(t);
    haul_mapi_fill(back, t->o);
    cr_expect(back->n_keywords == 2);
    same(back->keywords[0], "Grün, oder?");
    cr_expect(back->received_us == INT64_C(1700000000123456) && back->received_tz == -90);
    same(when(t, haul_bag_get(&t->o->props, 0x0e06)), "2023-11-14T22:13:20Z");
    cr_expect(!haul_bag_get(&t->o->props, 0x0039)); /* it has no Date */
    haul_msg_unref(back);
    item_done(t);
}

/* ── header [mapi-r10]… ── */

Test(outlook, header_properties)
{
    item *t = item_of(
        "From: =?utf-8?q?Ad=C3=A4?= <ada@x.test>\r\nSender: s@x.test\r\n"
        "Subject: AW: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Sat, 3 Feb 2024 05:06:07 +0100\r\n"
        "Message-ID: <2@x.test>\r\nIn-Reply-To: <1@x.test>\r\nReferences: <0@x.test>\r\n <1@x.test>\r\n"
        "X-Priority: 1 (Highest)\r\nSensitivity: Company-Confidential\r\n"
        "Disposition-Notification-To: r@x.test\r\nReply-To: \"B, C\" <b@x.test>, d@x.test\r\n"
        "X-Auto-Response-Suppress: OOF, AutoReply\r\n\r\ntext\r\n");
    haul_addr a;
    haul_span v;
    haul_addr reply[4];
    same(text(t, 0x001a), "IPM.Note");
    same(text(t, 0x0037), "AW: Grüße");
    same(text(t, 0x003d), "AW: ");
    same(text(t, 0x0e1d), "Grüße");
    same(text(t, 0x0070), "Grüße");
    same(text(t, 0x1035), "<2@x.test>");
    same(text(t, 0x1042), "<1@x.test>");
    same(text(t, 0x1039), "<0@x.test> <1@x.test>");
    same(when(t, haul_bag_get(&t->o->props, 0x0039)), "2024-02-03T04:06:07Z");
    cr_expect(number(t, 0x0017) == 2 && number(t, 0x0036) == 3 && number(t, 0x0029) == 1);
    cr_expect(number(t, 0x3fdf) == 0x30);
    cr_expect(haul_addr_get(&t->o->props, HAUL_ADDR_REPRESENTING, &t->a, &a));
    same(a.smtp, "ada@x.test");
    same(a.name, "Adä");
    cr_expect(haul_addr_get(&t->o->props, HAUL_ADDR_SENDER, &t->a, &a));
    same(a.smtp, "s@x.test");
    cr_expect(haul_prop_bin(haul_bag_get(&t->o->props, 0x0041), &v));
    cr_expect(haul_addr_entry_id(v.p, v.len, 0, &t->a, &a));
    same(a.smtp, "ada@x.test");
    cr_expect(haul_prop_bin(haul_bag_get(&t->o->props, 0x004f), &v));
    cr_expect(haul_addr_flat(v.p, v.len, 0, &t->a, reply, 4) == 2);
    same(reply[0].name, "B, C");
    same(reply[1].smtp, "d@x.test");
    item_done(t);
}

/* Messages of one thread share what stands in place of a GUID. MS-OXOMSG 2.2.1.3 */
Test(outlook, conversation_index)
{
    static const char *const heads[] = {"Message-ID: <0@x>\r\n",
                                        "References: <0@x> <1@x>\r\nMessage-ID: <2@x>\r\n",
                                        "In-Reply-To: <0@x>\r\n", "Message-ID: <9@x>\r\n"};
    haul_span index[4];
    item *t[4];
    for (size_t i = 0; i < 4; i++) {
        haul_auto_str text_of = {0};
        haul_str_addf(&text_of, "%sDate: Sat, 3 Feb 2024 05:06:0%zu +0000\r\n\r\n", heads[i], i);
        t[i] = opened(message(text_of.p, text_of.len));
        cr_assert(haul_prop_bin(haul_bag_get(&t[i]->o->props, 0x0071), &index[i]) && index[i].len == 22);
        cr_expect(index[i].p[0] == 1 && (uint8_t)index[i].p[1] == 0x01 && (uint8_t)index[i].p[2] == 0xda);
    }
    cr_expect(memcmp(index[0].p + 6, index[1].p + 6, 16) == 0 &&
              memcmp(index[0].p + 6, index[2].p + 6, 16) == 0);
    cr_expect(memcmp(index[0].p + 6, index[3].p + 6, 16) != 0);
    for (size_t i = 0; i < 4; i++)
        item_done(t[i]);
}

Test(outlook, recipients)
{
    item *t =
        item_of("To: \"B, C\" <b@x.test>, c@x.test\r\nTo: Team: e@x.test;\r\nCc: undisclosed-recipients:;\r\n"
                "Bcc: d@x.test\r\n\r\n");
    static const struct {
        int type;
        const char *name, *addr;
    } rows[] = {{1, "B, C", "b@x.test"},
                {1, "c@x.test", "c@x.test"},
                {1, "e@x.test", "e@x.test"},
                {3, "d@x.test", "d@x.test"}};
    cr_assert(t->o->n_recipients == HAUL_COUNT(rows));
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        const haul_bag *r = &t->o->recipients[i];
        cr_expect(haul_prop_int_or(haul_bag_get(r, 0x0c15), -1) == rows[i].type);
        same(text_in(t, r, 0x3001), rows[i].name);
        same(text_in(t, r, 0x3003), rows[i].addr);
        same(text_in(t, r, 0x39fe), rows[i].addr);
        cr_expect(haul_bag_get(r, 0x0fff) && haul_bag_get(r, 0x300b));
    }
    same(text(t, 0x0e04), "B, C; c@x.test; e@x.test");
    same(text(t, 0x0e02), "d@x.test");
    item_done(t);
}

Test(outlook, too_many_recipients)
{
    haul_auto_str s = {0};
    haul_str_addz(&s, "To: a@x.test");
    for (unsigned i = 0; i < HAUL_OUTLOOK_RECIPIENTS_MAX; i++)
        haul_str_addf(&s, ",\r\n b%u@x", i);
    haul_str_addz(&s, "\r\nCc: z@x.test\r\n\r\n");
    item *t = opened(message(s.p, s.len));
    cr_expect(t->o->n_recipients == HAUL_OUTLOOK_RECIPIENTS_MAX);
    same(haul_strz(&t->issues), "outlook.recipients: more than 16384");
    item_done(t);
}

Test(outlook, what_people_set)
{
    item *t =
        item_of("X-Message-Flag: Follow up\r\nReply-By: Sat, 3 Feb 2024 00:00:00 "
                "+0000\r\nX-Mailhaul-Flag-Color: blue\r\n"
                "X-Mailhaul-Voting-Options: Ja; Vielleicht\r\nX-Mailhaul-Field: Farbe=blau\r\n"
                "X-Mailhaul-Field: Keywords=no\r\nX-Mailhaul-Company: A\r\nX-Mailhaul-Company: B\r\n\r\n");
    haul_mapi *o = t->o;
    same(lid_text(t, HAUL_PSET_COMMON, 0x8530), "Follow up");
    cr_expect(number(t, 0x1095) == 5);
    same(when(t, haul_bag_get(&o->props, 0x0030)), "2024-02-03T00:00:00Z");
    cr_expect(haul_multi_count(haul_bag_lid(&o->props, HAUL_PSET_COMMON, 0x8539)) == 2);
    cr_expect(haul_bag_name(&o->props, HAUL_PSET_PUBLIC_STRINGS, "Farbe") != NULL);
    cr_expect(haul_bag_name(&o->props, HAUL_PSET_PUBLIC_STRINGS, "Keywords") == NULL);
    for (size_t i = 0; i < o->props.n; i++) /* without the field itself: the stream says the same */
        if (o->props.v[i].id == 0x007d)
            o->props.v[i].id = 0x7001;
    char *made = testing_build(o, t->m, NULL);
    cr_expect(strstr(made, "X-Mailhaul-Voting-Options: Ja; Vielleicht\r\n") != NULL, "%s", made);
    free(made);
    item_done(t);
}

/* ── bodies and attachments [mapi-r20]… ── */

#define RELATED                                                                                              \
    "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/related; boundary=b\n\n--b\n" \
    "Content-Type: multipart/alternative; boundary=c\n\n--c\nContent-Type: text/plain; "                     \
    "charset=utf-8\n\nt\xc3\xa4xt\n--c\n"                                                                    \
    "Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"           \
    "<img src=3D\"cid:p@x\">=E4\n--c--\n--b\nContent-Type: image/png\nContent-ID: <p@x>\n"                   \
    "Content-Transfer-Encoding: base64\n\niVBORw0KGgo=\n--b--\n--a\n"                                        \
    "Content-Type: application/pdf; name*=utf-8''%C3%BC.pdf\nContent-Disposition: "                          \
    "attachment\n\npdf\n--a\n\nfooter\n--a--\n"

Test(outlook, bodies_and_attachments)
{
    item *t = item_of(RELATED);
    haul_auto_str data = {0};
    haul_span html;
    same(text(t, 0x1000), "täxt");
    cr_expect(haul_prop_bin(haul_bag_get(&t->o->props, 0x1013), &html) && html.len == 20 &&
              (uint8_t)html.p[19] == 0xe4);
    cr_expect(number(t, 0x3fde) == 28591 && number(t, 0x1016) == 3 && (number(t, 0x0e07) & 0x10));
    cr_assert(t->o->n_attachments == 3);
    const haul_bag *picture = &t->o->attachments[0].props, *pdf = &t->o->attachments[1].props,
                   *footer = &t->o->attachments[2].props;
    same(text_in(t, picture, 0x3712), "p@x");
    same(text_in(t, picture, 0x370e), "image/png");
    cr_expect(haul_prop_int_or(haul_bag_get(picture, 0x3714), 0) == 4);
    cr_expect(haul_prop_bool(haul_bag_get(picture, 0x7ffe)));
    cr_expect(haul_mapi_slurp(t->o, 0, 100, &data, NULL) == HAUL_OK && data.len == 8 &&
              !memcmp(data.p, "\x89PNG", 4));
    same(text_in(t, pdf, 0x3707), "ü.pdf");
    same(text_in(t, pdf, 0x3704), "_.pdf");
    same(text_in(t, pdf, 0x3703), ".pdf");
    same(text_in(t, footer, 0x3707), "ATT00002.txt");
    char *made = testing_build(t->o, t->m, NULL), *outline = testing_outline(made);
    same(outline, "multipart/mixed(multipart/related(multipart/alternative(text/plain text/html) image/png) "
                  "application/pdf[ü.pdf] text/plain)");
    free(outline);
    free(made);
    same(haul_strz(&t->issues), "");
    item_done(t);
}

/* An empty HTML body is no property: libpff takes an empty value for an error. */
Test(outlook, empty_html)
{
    item *t = item_of("Content-Type: text/html; charset=us-ascii\n\n");
    cr_expect(!haul_bag_get(&t->o->props, 0x1013) && number(t, 0x1016) == -1);
    item_done(t);
}

Test(outlook, text_in_no_character_set)
{
    static const struct {
        const char *octets, *text, *issues;
        int cp;
    } rows[] = {
        {"\n\xe4", "ä", "outlook.text-guessed: text/plain", 65001},
        {"\n\xc3\xa4", "ä", "", 65001},
        {"Content-Type: text/plain; charset=us-ascii\n\n\xe4", "ä", "outlook.text-guessed: text/plain",
         20127},
        {"Content-Type: text/plain; charset=koi8-r\n\n\xc1", "а", "", 20866},
        {"Content-Type: multipart/mixed\n\n--x", "--x", "", 20127},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        item *t = item_of(rows[i].octets);
        same(text(t, 0x1000), rows[i].text);
        same(haul_strz(&t->issues), rows[i].issues);
        cr_expect(number(t, 0x3fde) == rows[i].cp, "%zu: %d", i, (int)number(t, 0x3fde));
        item_done(t);
    }
}

/* An attachment is never in memory, nor is a message beyond what a spool keeps there. */
Test(outlook, large_attachment)
{
    static const char head[] =
        "Content-Type: application/octet-stream; name=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    haul_auto_str s = {0};
    testing_collect to;
    haul_str_add(&s, head, sizeof head - 1);
    for (size_t i = 0; i < 400000; i++)
        haul_str_addz(&s, "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNk\r\n");
    item *t = opened(message(s.p, s.len));
    testing_collect_init(&to, 60);
    cr_assert(t->o->n_attachments == 1 && !t->o->attachments[0].embedded);
    cr_expect(t->o->ops->data(t->o, 0, &to.out, NULL) == HAUL_OK && to.n == 12000000);
    cr_expect(memcmp(to.text.p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdABC", 33) == 0);
    haul_str_done(&to.text);
    item_done(t);
}

Test(outlook, messages_in_messages)
{
    haul_auto_str s = {0};
    for (unsigned i = 0; i < 40; i++)
        haul_str_addf(&s,
                      "Subject: %u\nContent-Type: multipart/mixed; "
                      "boundary=\"b%u.\"\n\n--b%u.\nContent-Type: message/rfc822\n\n",
                      i, i, i);
    haul_str_addz(&s, "Subject: last\n\nend\n");
    item *t = opened(message(s.p, s.len));
    haul_mapi *v[HAUL_OUTLOOK_DEPTH_MAX + 1] = {t->o};
    for (unsigned i = 0; i < HAUL_OUTLOOK_DEPTH_MAX; i++) {
        cr_assert(v[i]->n_attachments == 1 && v[i]->attachments[0].embedded);
        cr_assert(v[i]->ops->embedded(v[i], 0, &v[i + 1], NULL) == HAUL_OK);
    }
    haul_mapi *last = v[HAUL_OUTLOOK_DEPTH_MAX];
    same(text_in(t, &last->props, 0x0037), "30");
    cr_expect(last->n_attachments == 1 && !last->attachments[0].embedded);
    cr_expect(strstr(haul_strz(&t->issues), "outlook.depth") != NULL);
    for (unsigned i = HAUL_OUTLOOK_DEPTH_MAX; i > 0; i--)
        haul_mapi_free(v[i]);
    item_done(t);
}

/* ── classes [mapi-r40]… ── */

#define SIGNED_BODY                                                                                          \
    "preamble\r\n--s\r\nContent-Type: text/plain\r\n\r\nsigned \r\n--s\r\n"                                  \
    "Content-Type: application/pkcs7-signature\r\n\r\nx\r\n--s--\r\nepilogue\r\n"

Test(outlook, signed_mail_stays_as_it_was)
{
    item *t = item_of(
        "Subject: s\r\nContent-Type: multipart/signed; boundary=s\r\nMIME-Version: 1.0\r\n\r\n" SIGNED_BODY);
    same(text(t, 0x001a), "IPM.Note.SMIME.MultipartSigned");
    same(text(t, 0x1000), "signed ");
    cr_expect(t->o->n_attachments == 1);
    char *made = testing_build(t->o, t->m, NULL);
    cr_expect(strstr(made, "\r\n\r\n" SIGNED_BODY) != NULL, "%s", made);
    free(made);
    item_done(t);
}

Test(outlook, classes)
{
    static const struct {
        const char *octets, *class;
    } rows[] = {
        {"Content-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n\nMAMCAQA=\n",
         "IPM.Note.SMIME"},
        {"Content-Type: application/pkcs7-mime\n\nno\n", "IPM.Note"},
        {"X-Mailhaul-Class: IPM.Post\n\n", "IPM.Post"},
        {"X-Mailhaul-Class: IPM.Contact\n\n", "IPM.Note"},
        {"X-Mailhaul-Class: REPORT.IPM.Note.NDR\n\n", "IPM.Note"},
        {"X-Mailhaul-Class: IPM.Note.SMIME\n\n", "IPM.Note"},
        {"Content-Type: multipart/report; boundary=r\n\n--r\n\n--r\nContent-Type: message/delivery-status\n\n"
         "Reporting-MTA: dns; m\n\nFinal-Recipient: rfc822; n@x.test\nAction: delayed\nStatus: "
         "4.4.7\n\n--r--\n",
         "REPORT.IPM.Note.Delayed.DR"},
        {"Content-Type: multipart/report; boundary=r\n\n--r\n\n--r\nContent-Type: "
         "message/disposition-notification\n\n"
         "Disposition: manual-action/MDN-sent-manually; displayed\n\n--r--\n",
         "REPORT.IPM.Note.IPNRN"},
        {"Content-Type: text/calendar; method=CANCEL\n\nBEGIN:VCALENDAR\nMETHOD:CANCEL\nBEGIN:VEVENT\n"
         "DTSTART:20240101T000000Z\nEND:VEVENT\nEND:VCALENDAR\n",
         "IPM.Schedule.Meeting.Canceled"},
        {"Content-Type: text/calendar\n\nBEGIN:VCALENDAR\nBEGIN:VTODO\nEND:VTODO\nEND:VCALENDAR\n",
         "IPM.Task"},
        {"Content-Type: text/calendar\n\nnone\n", "IPM.Note"},
        {"Content-Type: text/vcard\n\nBEGIN:VCARD\nVERSION:3.0\nFN:a\nEND:VCARD\n", "IPM.Contact"},
        {"Content-Type: text/vcard\n\nBEGIN:VCARD\nVERSION:2.1\nFN:a\nEND:VCARD\n", "IPM.Note"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        item *t = item_of(rows[i].octets);
        same(text(t, 0x001a), rows[i].class);
        item_done(t);
    }
}

/* ── calendars and cards [mapi-r50]… ── */

#define ZONE                                                                                                 \
    "BEGIN:VTIMEZONE\nTZID:Here\nBEGIN:STANDARD\nDTSTART:20071104T020000\nTZOFFSETFROM:-0700\nTZOFFSETTO:-"  \
    "0800\n"                                                                                                 \
    "RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=11\nEND:STANDARD\nBEGIN:DAYLIGHT\nDTSTART:20070311T020000\n"        \
    "TZOFFSETFROM:-0800\nTZOFFSETTO:-0700\nRRULE:FREQ=YEARLY;BYDAY=2SU;BYMONTH=3\nEND:DAYLIGHT\nEND:"        \
    "VTIMEZONE\n"

static item *event(const char *lines)
{
    haul_auto_str s = {0};
    haul_str_addf(&s,
                  "Content-Type: text/calendar\n\nBEGIN:VCALENDAR\n" ZONE
                  "BEGIN:VEVENT\nUID:u@x\n%s\nEND:VEVENT\nEND:VCALENDAR\n",
                  lines);
    return opened(message(s.p, s.len));
}

Test(outlook, appointment)
{
    item *t = event("DTSTART;TZID=Here:20240706T080000\nDURATION:PT90M\nSUMMARY:Plan\nLOCATION:R\\, "
                    "2\nDESCRIPTION:a\\nb\n"
                    "TRANSP:TRANSPARENT\nCLASS:PRIVATE\nATTENDEE;CN=B;ROLE=OPT-PARTICIPANT;PARTSTAT=DECLINED:"
                    "mailto:b%40x@x.test\n"
                    "ORGANIZER:mailto:o@x.test\nBEGIN:VALARM\nTRIGGER:-PT1H\nEND:VALARM");
    same(text(t, 0x001a), "IPM.Appointment");
    same(text(t, 0x0037), "Plan");
    same(text(t, 0x1000), "a\r\nb");
    same(lid_text(t, HAUL_PSET_APPOINTMENT, 0x8208), "R, 2");
    same(when(t, haul_bag_lid(&t->o->props, HAUL_PSET_APPOINTMENT, 0x820d)), "2024-07-06T15:00:00Z");
    same(when(t, haul_bag_lid(&t->o->props, HAUL_PSET_APPOINTMENT, 0x820e)), "2024-07-06T16:30:00Z");
    same(when(t, haul_bag_lid(&t->o->props, HAUL_PSET_COMMON, 0x8560)), "2024-07-06T14:00:00Z");
    cr_expect(lid(t, HAUL_PSET_APPOINTMENT, 0x8205) == 0 && lid(t, HAUL_PSET_APPOINTMENT, 0x8213) == 90);
    cr_expect(lid(t, HAUL_PSET_APPOINTMENT, 0x8217) == 1 && number(t, 0x0036) == 2);
    cr_assert(t->o->n_recipients == 2);
    same(text_in(t, &t->o->recipients[0], 0x3003), "b@x@x.test");
    cr_expect(haul_prop_int_or(haul_bag_get(&t->o->recipients[0], 0x5fff), 0) == 4);
    cr_expect(haul_prop_int_or(haul_bag_get(&t->o->recipients[1], 0x5ffd), 0) == 3);
    same(haul_strz(&t->issues), "");
    item_done(t);
}

/* What the reader makes of the blob is the rule that went in. */
Test(outlook, recurrences)
{
    static const struct {
        const char *start, *rule, *until;
    } rows[] = {
        {"20240206", "FREQ=DAILY", ""},
        {"20240206", "FREQ=DAILY;INTERVAL=3;COUNT=5", "20240218"},
        {"20240206", "FREQ=WEEKLY;BYDAY=TU,TH;COUNT=3", "20240213"},
        {"20240206", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;WKST=MO;COUNT=3", "20240305"},
        {"20240131", "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=2", "20240229"},
        {"20240130", "FREQ=MONTHLY;BYMONTHDAY=28,29,30;BYSETPOS=-1;COUNT=3", "20240330"},
        {"20240214", "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=14;COUNT=2", "20240414"},
        {"20240213", "FREQ=MONTHLY;BYDAY=2TU;COUNT=3", "20240409"},
        {"20240229", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=2", "20240329"},
        {"20241231", "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=31;COUNT=2", "20251231"},
        {"20240527", "FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO;COUNT=3", "20260525"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str lines = {0}, rule = {0};
        haul_str_addf(&lines, "DTSTART;TZID=Here:%sT080000\nDURATION:PT30M\nRRULE:%s", rows[i].start,
                      rows[i].rule);
        item *t = event(lines.p);
        haul_span blob;
        haul_recur r;
        uint32_t first;
        int y, m, d;
        cr_assert(haul_prop_bin(haul_bag_lid(&t->o->props, HAUL_PSET_APPOINTMENT, 0x8216), &blob), "%s",
                  rows[i].rule);
        cr_assert(haul_recur_parse(blob.p, blob.len, true, &t->a, &r) && haul_recur_first(&r, &first));
        haul_recur_rule(&r, first, &rule);
        same(rule.p, rows[i].rule);
        cr_expect(r.start_offset == 480 && r.end_offset == 510 && first == r.start / 1440);
        haul_recur_civil(r.end / 1440, &y, &m, &d);
        if (*rows[i].until) {
            char end[32];
            snprintf(end, sizeof end, "%04d%02d%02d", y, m, d);
            same(end, rows[i].until);
        }
        same(haul_strz(&t->issues), "");
        item_done(t);
    }
}

Test(outlook, rules_without_a_form)
{
    static const char *const rules[] = {"FREQ=HOURLY",
                                        "FREQ=MONTHLY;BYMONTHDAY=1,15",
                                        "FREQ=MONTHLY;BYMONTHDAY=31",
                                        "FREQ=YEARLY;BYWEEKNO=3",
                                        "FREQ=DAILY;BYMONTH=1",
                                        "FREQ=MONTHLY;BYDAY=1MO,2TU"};
    for (size_t i = 0; i < HAUL_COUNT(rules); i++) {
        haul_auto_str lines = {0};
        haul_str_addf(&lines, "DTSTART;TZID=Here:20240106T080000\nRRULE:%s", rules[i]);
        item *t = event(lines.p);
        cr_expect(!haul_bag_lid(&t->o->props, HAUL_PSET_APPOINTMENT, 0x8216), "%s", rules[i]);
        same(haul_strz(&t->issues), "outlook.calendar-unread: IPM.Appointment");
        item_done(t);
    }
}

/* It comes back as it went in, until somebody saves the item. */
Test(outlook, calendar_kept_while_unchanged)
{
    item *t = event("DTSTART;TZID=Here:20240106T080000\nSUMMARY:s\nX-UNKNOWN:kept");
    char *made = testing_build(t->o, t->m, NULL);
    cr_expect(strstr(made, "X-UNKNOWN:kept\r\n") != NULL, "%s", made);
    free(made);
    set_time(t->o, &t->o->props, TAG(0x7001), "2024-02-03T04:05:06Z");
    for (size_t i = 0; i < t->o->props.n; i++)
        if (t->o->props.v[i].id == 0x3008)
            t->o->props.v[i].p = t->o->props.v[t->o->props.n - 1].p;
    made = testing_build(t->o, t->m, NULL);
    char *outline = testing_outline(made);
    cr_expect(!strstr(made, "X-UNKNOWN") && strstr(made, "SUMMARY:s\r\n"), "%s", made);
    same(outline, "text/calendar");
    free(outline);
    free(made);
    item_done(t);
}

Test(outlook, task_and_note)
{
    item *t = item_of(
        "X-Mailhaul-Class: IPM.Task\nContent-Type: text/calendar\n\nBEGIN:VCALENDAR\nBEGIN:VTODO\n"
        "DUE;VALUE=DATE:20240203\nPERCENT-COMPLETE:40\nSTATUS:IN-PROCESS\nX-MAILHAUL-TASK-STATUS:WAITING\n"
        "X-MAILHAUL-TASK-OWNER:Ada\nEND:VTODO\nEND:VCALENDAR\n");
    double percent = 0;
    same(when(t, haul_bag_lid(&t->o->props, HAUL_PSET_TASK, 0x8105)), "2024-02-03T00:00:00Z");
    cr_expect(haul_prop_real(haul_bag_lid(&t->o->props, HAUL_PSET_TASK, 0x8102), &percent) && percent == 0.4);
    cr_expect(lid(t, HAUL_PSET_TASK, 0x8101) == 3);
    same(lid_text(t, HAUL_PSET_TASK, 0x811f), "Ada");
    item_done(t);
    t = item_of(
        "X-Mailhaul-Class: IPM.StickyNote\nContent-Type: text/calendar\n\nBEGIN:VCALENDAR\nBEGIN:VJOURNAL\n"
        "DESCRIPTION:n\nCOLOR:pink\nX-MAILHAUL-NOTE-WINDOW:-5 20 200 166\nEND:VJOURNAL\nEND:VCALENDAR\n");
    same(text(t, 0x001a), "IPM.StickyNote");
    same(text(t, 0x1000), "n");
    cr_expect(lid(t, HAUL_PSET_NOTE, 0x8b00) == 2 && lid(t, HAUL_PSET_NOTE, 0x8b04) == -5);
    cr_expect(lid(t, HAUL_PSET_NOTE, 0x8b03) == 166);
    item_done(t);
}

Test(outlook, contact_and_list)
{
    item *t = item_of(
        "Content-Type: text/vcard\n\nBEGIN:VCARD\nVERSION:4.0\nFN:Ada Lovelace\nN:Lovelace;Ada;;Dr.;\n"
        "ORG:Engines\\; Ltd;Notes\nEMAIL;PREF=1;X-NAME=\"A, "
        "L\":ada@x.test\nTEL;TYPE=work,voice:1\nTEL;TYPE=work,voice:2\n"
        "TEL;TYPE=cell:3\nTEL;TYPE=home;TYPE=fax:4\nADR;TYPE=work;LABEL=\"a^nb\":;;1 "
        "St;Town;;1;GB\nBDAY:--1210\n"
        "RELATED;TYPE=child;VALUE=text:B\nPHOTO:data:image/"
        "png;base64,iVBORw0KGgo=\nX-CLASS:PRIVATE\nEND:VCARD\n");
    static const struct {
        uint16_t tag;
        const char *text;
    } rows[] = {{0x3001, "Ada Lovelace"},
                {0x3a11, "Lovelace"},
                {0x3a06, "Ada"},
                {0x3a45, "Dr."},
                {0x3a16, "Engines; Ltd"},
                {0x3a18, "Notes"},
                {0x3a08, "1"},
                {0x3a1b, "2"},
                {0x3a1c, "3"},
                {0x3a25, "4"}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        same(text(t, rows[i].tag), rows[i].text);
    same(lid_text(t, HAUL_PSET_ADDRESS, 0x8083), "ada@x.test");
    same(lid_text(t, HAUL_PSET_ADDRESS, 0x8080), "A, L");
    same(lid_text(t, HAUL_PSET_ADDRESS, 0x8045), "1 St");
    same(lid_text(t, HAUL_PSET_ADDRESS, 0x801b), "a\nb");
    same(lid_text(t, HAUL_PSET_ADDRESS, 0x8005), "Lovelace, Ada");
    cr_expect(number(t, 0x0036) == 2 && t->o->n_attachments == 2 &&
              haul_multi_count(haul_bag_get(&t->o->props, 0x3a58)) == 1);
    item_done(t);
    t = item_of(
        "Content-Type: "
        "text/vcard\n\nBEGIN:VCARD\nVERSION:4.0\nKIND:group\nFN:Us\nMEMBER;X-NAME=Ada:mailto:a%2Bb@x.test\n"
        "END:VCARD\n");
    haul_prop one;
    haul_addr a;
    same(text(t, 0x001a), "IPM.DistList");
    cr_assert(haul_multi_at(haul_bag_lid(&t->o->props, HAUL_PSET_ADDRESS, 0x8054), 0, &one));
    cr_expect(haul_addr_entry_id(one.p, one.n, 0, &t->a, &a));
    same(a.smtp, "a+b@x.test");
    item_done(t);
}

/* ── the original [mapi-r60] ── */

Test(outlook, original_until_it_is_changed)
{
    static const char octets[] = "Subject:  odd \nX-8bit: \xe4\n\nbare \r and LF\n";
    item *t = message(octets, sizeof octets - 1);
    t->opt.keep_original = true;
    opened(t);
    char *made = testing_build(t->o, t->m, NULL);
    cr_expect(strcmp(made, octets) == 0, "%s", made);
    cr_expect(!(number(t, 0x0e07) & 0x10)); /* nobody sees it */
    free(made);
    for (size_t i = 0; i < t->o->props.n; i++)
        if (t->o->props.v[i].id == 0x0037)
            t->o->props.v[i].n -= 2;
    made = testing_build(t->o, t->m, NULL);
    char *issues = testing_issues(t->m);
    cr_expect(strcmp(made, octets) != 0 && strstr(issues, "mapi.original-changed") != NULL, "%s", issues);
    free(issues);
    free(made);
    item_done(t);
}
