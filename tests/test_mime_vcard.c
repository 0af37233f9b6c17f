/* Contacts and distribution lists as vCard 4.0: docs/vcard.md [vcard-1]…[vcard-20]. Expectations are written by hand from
 * RFC 6350; every card is unfolded and parsed by the small parser below. */
#include "base/time.h"
#include "base/utf.h"
#include "mime/vcard.h"
#include "mime/vcard_write.h"
#include "testing_mapi.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ── a parser that shares nothing with the writer ── */

/* Unfolded lines, each ended by NUL, and an empty one at the end. Fails when the card is not as RFC 6350 3.2 says. */
static void unfold(const haul_str *card, haul_str *to)
{
    size_t octets = 0;
    for (const char *p = card->p; *p; p++) {
        if (*p == '\r') {
            cr_assert_eq(p[1], '\n', "a lone CR");
            cr_assert_leq(octets, 75, "a line of %zu octets", octets);
            octets = 0;
            if (p[2] == ' ')
                p += 2, octets = 1;
            else
                haul_str_addc(to, 0), p++;
            continue;
        }
        cr_assert(*p == '\t' || (unsigned char)*p >= 0x20, "a control");
        cr_assert(octets > 1 || ((unsigned char)*p & 0xc0) != 0x80, "a character cut by folding");
        haul_str_addc(to, *p);
        octets++;
    }
    haul_str_addc(to, 0);
}

/* Line i whose name is `name`, without the name; NULL when there is none. */
static const char *line(const haul_str *lines, const char *name, size_t i)
{
    size_t n = strlen(name);
    for (const char *p = lines->p; *p; p += strlen(p) + 1)
        if (strncmp(p, name, n) == 0 && (p[n] == ':' || p[n] == ';') && i-- == 0)
            return p + n;
    return NULL;
}

static void unescape(const char *z, haul_str *to)
{
    for (; *z; z++) {
        if (*z == '\\') {
            z++;
            cr_assert(*z == 'n' || *z == '\\' || *z == ',' || *z == ';', "\\%c", *z);
            haul_str_addc(to, *z == 'n' ? '\n' : *z);
        } else
            haul_str_addc(to, *z);
    }
}

typedef struct built {
    haul_mapi *o;
    haul_msg *m;
    haul_str card, lines;
} built;

static built begin(const char *class)
{
    built b = {.o = testing_mapi(class), .m = haul_msg_new()};
    return b;
}

static void build(built *b, const char *note)
{
    haul_err e = {0};
    cr_assert_eq(haul_vcard_build(b->o, b->m, note, &b->card, &e), HAUL_OK, "%s", e.text);
    cr_assert(haul_utf8_valid(b->card.p, b->card.len));
    unfold(&b->card, &b->lines);
    cr_assert_eq(strncmp(b->card.p, "BEGIN:VCARD\r\nVERSION:4.0\r\n", 26), 0);
    cr_assert(haul_ends(b->card.p, "\r\nEND:VCARD\r\n"));
    cr_assert_null(line(&b->lines, "FN", 1), "one FN");
    cr_assert_not_null(line(&b->lines, "FN", 0));
    cr_assert_not_null(line(&b->lines, "UID", 0));
}

static void done(built *b)
{
    haul_mapi_free(b->o);
    haul_msg_unref(b->m);
    haul_str_done(&b->card);
    haul_str_done(&b->lines);
}

static void text(built *b, haul_prop which, const char *z)
{
    set_text(b->o, &b->o->props, which, z);
}

#define PSET(lid) LID(HAUL_PSET_ADDRESS, lid)

static void expect(const built *b, const char *name, size_t i, const char *want)
{
    const char *got = line(&b->lines, name, i);
    if (!want)
        cr_expect_null(got, "%s%s", name, got);
    else
        cr_expect(got && strcmp(got, want) == 0, "%s %zu: got %s, want %s", name, i, got ? got : "(none)",
                  want);
}

/* ── lines ── */

Test(vcard, folding_cuts_no_character)
{
    for (size_t shift = 0; shift < 8; shift++) {
        haul_auto_str out = {0}, lines = {0}, want = {0};
        haul_vcard w = {.to = &out};
        haul_vcard_start(&w, "NOTE");
        haul_vcard_raw(&w, ":");
        for (size_t i = 0; i < shift; i++)
            haul_str_addc(&want, 'x');
        for (size_t i = 0; i < 60; i++)
            haul_str_addz(&want, "é漢😀");
        haul_vcard_text(&w, want.p);
        haul_vcard_end(&w);
        unfold(&out, &lines);
        cr_assert_str_eq(line(&lines, "NOTE", 0) + 1, want.p);
        haul_vcard_done(&w);
    }
}

Test(vcard, folding_at_75)
{
    static const size_t lengths[] = {74, 75, 76, 149, 150, 1000};
    static const size_t rows[] = {1, 1, 2, 2, 3, 14}; /* 75, then 74 a line */
    for (size_t i = 0; i < HAUL_COUNT(lengths); i++) {
        haul_auto_str out = {0}, lines = {0};
        haul_vcard w = {.to = &out};
        size_t n = 0;
        haul_vcard_start(&w, "X-A:");
        while (w.line.len < lengths[i])
            haul_vcard_raw(&w, "b");
        haul_vcard_end(&w);
        unfold(&out, &lines);
        for (const char *p = out.p; (p = strchr(p, '\n')); p++)
            n++;
        cr_expect_eq(n, rows[i], "%zu octets: %zu lines", lengths[i], n);
        haul_vcard_done(&w);
    }
}

Test(vcard, escapes)
{
    haul_auto_str out = {0}, lines = {0}, back = {0};
    haul_vcard w = {.to = &out};
    haul_vcard_start(&w, "NOTE");
    haul_vcard_param(&w, "X-A", "a\"b^c\nd:e");
    haul_vcard_param(&w, "X-B", "plain");
    haul_vcard_param(&w, "X-C", NULL);
    haul_vcard_raw(&w, ":");
    haul_vcard_text(&w, "a,b;c\\n\r\nd\re\tf");
    haul_vcard_end(&w);
    cr_assert_not(w.changed);
    unfold(&out, &lines);
    cr_assert_str_eq(lines.p, "NOTE;X-A=\"a^'b^^c^nd:e\";X-B=plain:a\\,b;c\\\\n\\nd\\ne\tf");
    unescape(strchr(lines.p, 'e') ? strstr(lines.p, "plain:") + 6 : "", &back);
    cr_assert_str_eq(back.p, "a,b;c\\n\nd\ne\tf");
    haul_vcard_start(&w, "NOTE:");
    haul_vcard_text(&w, "a\001b");
    cr_assert(w.changed);
    cr_assert_str_eq(w.line.p, "NOTE:ab");
    haul_vcard_done(&w);
}

Test(vcard, uris)
{
    static const struct {
        const char *in, *want;
        bool changed;
    } rows[] = {{"http://x.org/a?b=c#d", "http://x.org/a?b=c#d", false},
                {"www.x.org", "http://www.x.org", true},
                {"x.org:8080/a", "http://x.org:8080/a", true},
                {"https://x.org/a b\"é", "https://x.org/a%20b%22%C3%A9", true},
                {"mailto:a@b", "mailto:a@b", false}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str out = {0};
        haul_vcard w = {.to = &out};
        haul_vcard_uri(&w, "http://", rows[i].in);
        cr_expect_str_eq(w.line.p, rows[i].want);
        cr_expect_eq(w.changed, rows[i].changed, "%s", rows[i].in);
        haul_vcard_done(&w);
    }
}

/* ── contacts ── */

Test(vcard, classes)
{
    static const struct {
        const char *class;
        bool want;
    } rows[] = {{"IPM.Contact", true},  {"ipm.contact.Mine", true}, {"IPM.Contacts", false},
                {"IPM.DistList", true}, {"IPM.Note", false},        {"IPM.DistList.Exchange", true}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_mapi) *o = testing_mapi(rows[i].class);
        cr_expect_eq(haul_vcard_is(o), rows[i].want, "%s", rows[i].class);
    }
}

Test(vcard, full_name_is_never_empty)
{
    static const struct {
        haul_prop which;
        const char *value, *want;
    } rows[] = {{{.id = 0x3001}, "Dr. Ann Lee", ":Dr. Ann Lee"},
                {{.id = 0x3a11}, "Lee", ":Lee"},
                {{.id = 0x8000, .set = HAUL_PSET_ADDRESS, .lid = 0x8005}, "Lee, Ann", ":Lee\\, Ann"},
                {{.id = 0x3a16}, "Acme", ":Acme"},
                {{.id = 0x8000, .set = HAUL_PSET_ADDRESS, .lid = 0x8083}, "a@x.org", ":a@x.org"},
                {{.id = 0x3001}, "   ", ":(no name)"}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        built b = begin("IPM.Contact");
        text(&b, rows[i].which, rows[i].value);
        build(&b, NULL);
        expect(&b, "FN", 0, rows[i].want);
        done(&b);
    }
}

Test(vcard, names_and_work)
{
    static const char *const words[] = {"Red, or not", "blau"};
    built b = begin("IPM.Contact");
    text(&b, TAG(0x3001), "Ann Lee");
    text(&b, TAG(0x3a11), "Lee;");
    text(&b, TAG(0x3a06), "Ann");
    text(&b, TAG(0x3a45), "Dr.");
    text(&b, TAG(0x3a16), "Acme, Inc.");
    text(&b, TAG(0x3a18), "R&D");
    text(&b, TAG(0x3a17), "Head");
    text(&b, TAG(0x3a46), "Chemist");
    text(&b, TAG(0x3a4f), "Annie");
    text(&b, PSET(0x802c), "アン");
    text(&b, PSET(0x8052), "four");
    text(&b, TAG(0x3a19), "B 12");
    set_int(b.o, &b.o->props, TAG(0x3a4d), 1);
    set_int(b.o, &b.o->props, TAG(0x0036), 2);
    set_time(b.o, &b.o->props, TAG(0x3008), "2025-05-23T16:35:53Z");
    set_texts(b.o, &b.o->props, NAMED(HAUL_PSET_PUBLIC_STRINGS, "Keywords"), words, 2);
    build(&b, "line one\r\nline; two");
    expect(&b, "N", 0, ":Lee\\;;Ann;;Dr.;");
    expect(&b, "ORG", 0, ":Acme\\, Inc.;R&D");
    expect(&b, "TITLE", 0, ":Head");
    expect(&b, "ROLE", 0, ":Chemist");
    expect(&b, "NICKNAME", 0, ":Annie");
    expect(&b, "X-PHONETIC-FIRST-NAME", 0, ":アン");
    expect(&b, "X-USER-FIELD-4", 0, ":four");
    expect(&b, "X-OFFICE", 0, ":B 12");
    expect(&b, "GENDER", 0, ":F");
    expect(&b, "X-CLASS", 0, ":PRIVATE");
    expect(&b, "REV", 0, ":20250523T163553Z");
    expect(&b, "CATEGORIES", 0, ":Red\\, or not,blau");
    expect(&b, "NOTE", 0, ":line one\\nline; two");
    cr_assert_null(b.m->issues);
    done(&b);
}

static void email(built *b, uint32_t i, const char *type, const char *address, const char *name,
                  const char *original)
{
    uint32_t lid = 0x8080 + 0x10 * i;
    if (type)
        text(b, PSET(lid + 2), type);
    text(b, PSET(lid + 3), address);
    if (name)
        text(b, PSET(lid), name);
    if (original)
        text(b, PSET(lid + 4), original);
}

/* No X.500 name ever stands in EMAIL. */
Test(vcard, emails)
{
    built b = begin("IPM.Contact");
    email(&b, 0, "SMTP", "a@x.org", "Ann (a@x.org)", "a@x.org");
    email(&b, 1, "EX", "/o=Org/ou=First/cn=Recipients/cn=ann", "Ann, Lee", "ann@corp.example");
    email(&b, 2, "EX", "/O=ORG/CN=BOB", "Bob", "Bob");
    build(&b, NULL);
    expect(&b, "EMAIL", 0, ";PREF=1;X-NAME=Ann:a@x.org");
    expect(&b, "EMAIL", 1, ";X-NAME=\"Ann, Lee\":ann@corp.example");
    expect(&b, "EMAIL", 2, NULL);
    expect(&b, "X-MAILHAUL-ADDRESS", 0, ";X-NAME=Bob:EX:/O=ORG/CN=BOB");
    cr_assert(haul_msg_has_issue(b.m, HAUL_ISSUE_MAPI_ADDRESS_UNRESOLVED));
    done(&b);
}

/* MS-OXCDATA 2.2.5.1: flags, provider, version 0, flags 0x9001 (Unicode, no rich text), name, type, address. */
static void one_off(haul_str *s, const char *name, const char *type, const char *address)
{
    const char *z[] = {name, type, address};
    haul_str_add(s, "\0\0\0\0\x81\x2b\x1f\xa4\xbe\xa3\x10\x19\x9d\x6e\x00\xdd\x01\x0f\x54\x02\0\0\1\x90", 24);
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k <= strlen(z[i]); k++) {
            haul_str_addc(s, z[i][k]);
            haul_str_addc(s, 0);
        }
}

Test(vcard, email_of_an_entry_id)
{
    haul_auto_str id = {0};
    built b = begin("IPM.Contact");
    one_off(&id, "Ann", "SMTP", "ann@x.org");
    email(&b, 0, "EX", "/o=Org/cn=ann", "Ann", NULL);
    set_bin(b.o, &b.o->props, PSET(0x8085), id.p, id.len);
    build(&b, NULL);
    expect(&b, "EMAIL", 0, ";PREF=1;X-NAME=Ann:ann@x.org");
    cr_assert_null(b.m->issues);
    done(&b);
}

Test(vcard, telephones)
{
    static const char *const second[] = {"11", "12"};
    built b = begin("IPM.Contact");
    text(&b, TAG(0x3a08), "+1 (206) 555, ext. 1");
    set_texts(b.o, &b.o->props, TAG(0x3a1b), second, 2);
    text(&b, TAG(0x3a1c), "2");
    text(&b, TAG(0x3a1a), "3");
    text(&b, TAG(0x3a24), "4");
    text(&b, TAG(0x3a25), "5");
    text(&b, TAG(0x3a21), "6");
    text(&b, PSET(0x80b3), "Ann@+49 4");
    text(&b, PSET(0x80c3), "Ann@7");
    build(&b, NULL);
    static const char *const want[] = {";TYPE=work,voice;VALUE=text:+1 (206) 555\\, ext. 1",
                                       ";TYPE=work,voice:11",
                                       ";TYPE=work,voice:12",
                                       ";TYPE=cell:2",
                                       ";TYPE=voice;PREF=1:3",
                                       ";TYPE=pager:6",
                                       ";TYPE=work,fax:4",
                                       ";TYPE=home,fax:5",
                                       ";TYPE=fax:7",
                                       NULL};
    for (size_t i = 0; i < HAUL_COUNT(want); i++)
        expect(&b, "TEL", i, want[i]);
    done(&b);
}

Test(vcard, addresses)
{
    built b = begin("IPM.Contact");
    text(&b, PSET(0x8045), "1 Main St\r\nFloor 2");
    text(&b, PSET(0x8046), "Town");
    text(&b, PSET(0x8047), "WA");
    text(&b, PSET(0x8048), "98101");
    text(&b, PSET(0x8049), "USA");
    text(&b, PSET(0x80db), "US");
    text(&b, PSET(0x801b), "1 Main St\r\nTown \"W\"");
    text(&b, TAG(0x3a5d), "Allee 3");
    text(&b, TAG(0x3a5e), "PF 9");
    text(&b, TAG(0x3a29), "Allee 3"); /* the mailing address repeats the one at home */
    text(&b, TAG(0x3a2b), "PF 9");
    set_int(b.o, &b.o->props, PSET(0x8022), 1);
    build(&b, NULL);
    expect(&b, "ADR", 0,
           ";TYPE=work;LABEL=1 Main St^nTown ^'W^';CC=US:;;1 Main St\\nFloor 2;Town;WA;98101;USA");
    expect(&b, "ADR", 1, ";TYPE=home;PREF=1:PF 9;;Allee 3;;;;");
    expect(&b, "ADR", 2, NULL);
    done(&b);
    built only = begin("IPM.Contact");
    text(&only, TAG(0x3a29), "Hof 1");
    build(&only, NULL);
    expect(&only, "ADR", 0, ":;;Hof 1;;;;");
    done(&only);
}

/* As set_time, for years before 1900 too: 100 ns since 1601. */
static void set_day(built *b, haul_prop which, const char *iso)
{
    haul_civil d = {.day = 1};
    cr_assert_eq(sscanf(iso, "%d-%d-%dT%d:%d:%dZ", &d.year, &d.month, &d.day, &d.hour, &d.minute, &d.second),
                 6);
    set_i64(b->o, &b->o->props, which, haul_civil_to(&d) * INT64_C(10000000) + INT64_C(116444736000000000));
    b->o->props.v[b->o->props.n - 1].type = HAUL_PT_TIME;
}

/* Midnight in the zone of who entered it, 11:59, the local property, no year, before 1900. */
Test(vcard, dates)
{
    static const struct {
        const char *tag, *local, *want;
        bool guess;
    } rows[] = {{"1980-05-03T00:00:00Z", NULL, ":19800503", false},
                {"1980-05-02T23:00:00Z", NULL, ":19800503", true},  /* UTC+1 */
                {"1980-05-03T08:00:00Z", NULL, ":19800503", true},  /* UTC-8 */
                {"1980-05-02T12:00:00Z", NULL, ":19800503", true},  /* UTC+12 */
                {"1980-05-03T11:59:00Z", NULL, ":19800503", false}, /* no time */
                {"1980-05-02T22:00:00Z", "1980-05-03T00:00:00Z", ":19800503", false},
                {NULL, "1980-02-29T00:00:00Z", ":19800229", false},
                {"1604-05-03T00:00:00Z", NULL, ":--0503", false},
                {"1872-02-28T22:30:00Z", NULL, ":18720229", true}};
    static const struct {
        const char *name;
        uint16_t tag;
        uint32_t lid;
    } fields[] = {{"BDAY", 0x3a42, 0x80de}, {"ANNIVERSARY", 0x3a41, 0x80df}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        for (size_t f = 0; f < HAUL_COUNT(fields); f++) {
            built b = begin("IPM.Contact");
            if (rows[i].tag)
                set_day(&b, TAG(fields[f].tag), rows[i].tag);
            if (rows[i].local)
                set_day(&b, PSET(fields[f].lid), rows[i].local);
            build(&b, NULL);
            expect(&b, fields[f].name, 0, rows[i].want);
            cr_expect_eq(haul_msg_has_issue(b.m, HAUL_ISSUE_MAPI_CONTACT_DATE_GUESSED), rows[i].guess, "%zu",
                         i);
            done(&b);
        }
}

Test(vcard, people_and_web)
{
    static const char *const children[] = {"Tim", "Tom"};
    built b = begin("IPM.Contact");
    text(&b, TAG(0x3a48), "Sue");
    set_texts(b.o, &b.o->props, TAG(0x3a58), children, 2);
    text(&b, TAG(0x3a4e), "Max");
    text(&b, TAG(0x3a30), "Jeff");
    text(&b, TAG(0x3a51), "http://acme.example/");
    text(&b, PSET(0x802b), "http://acme.example/");
    text(&b, TAG(0x3a50), "www.ann.example");
    text(&b, PSET(0x80d8), "http://fb.example/ann");
    text(&b, PSET(0x8062), "ann@im.example");
    text(&b, TAG(0x3a0c), "Deutsch, English");
    build(&b, NULL);
    expect(&b, "RELATED", 0, ";TYPE=spouse;VALUE=text:Sue");
    expect(&b, "RELATED", 1, ";TYPE=child;VALUE=text:Tim");
    expect(&b, "RELATED", 2, ";TYPE=child;VALUE=text:Tom");
    expect(&b, "RELATED", 3, ";TYPE=x-manager;VALUE=text:Max");
    expect(&b, "RELATED", 4, ";TYPE=agent;VALUE=text:Jeff");
    expect(&b, "URL", 0, ";TYPE=work:http://acme.example/");
    expect(&b, "URL", 1, ";TYPE=home:http://www.ann.example");
    expect(&b, "URL", 2, NULL);
    expect(&b, "FBURL", 0, ":http://fb.example/ann");
    expect(&b, "IMPP", 0, ":im:ann@im.example");
    expect(&b, "X-LANGUAGE", 0, ":Deutsch\\, English");
    expect(&b, "LANG", 0, NULL);
    cr_assert(haul_msg_has_issue(b.m, HAUL_ISSUE_MAPI_CONTACT_VALUE_CHANGED));
    done(&b);
}

Test(vcard, photo)
{
    static char large[4 * 1024 * 1024 + 1];
    built b = begin("IPM.Contact");
    testing_attachment(b.o, "a.txt", "text", 4);
    haul_bag *p = testing_attachment(b.o, "x.jpg", "\xff\xd8\xff\xe0z", 5);
    set_bool(b.o, p, TAG(0x7fff), true);
    testing_attachment(b.o, "contactpicture.JPG", "GIF89a", 6);
    build(&b, NULL);
    expect(&b, "PHOTO", 0, ":data:image/jpeg;base64,/9j/4Ho=");
    expect(&b, "PHOTO", 1, NULL);
    static const bool want[] = {false, true, false, false};
    for (size_t i = 0; i < HAUL_COUNT(want); i++)
        cr_expect_eq(haul_vcard_is_picture(b.o, i), want[i], "%zu", i);
    done(&b);
    built big = begin("IPM.Contact");
    testing_attachment(big.o, "ContactPicture.jpg", large, sizeof(large));
    build(&big, NULL);
    expect(&big, "PHOTO", 0, NULL);
    cr_assert_not(haul_vcard_is_picture(big.o, 0), "it stays an attachment");
    done(&big);
    built broken = begin("IPM.Contact");
    testing_attachment(broken.o, "ContactPicture.jpg", "\xff\xd8\xff\xe0z", 5);
    testing_attachment_breaks(broken.o, 2);
    build(&broken, NULL);
    expect(&broken, "PHOTO", 0, NULL);
    cr_assert(haul_msg_has_issue(broken.m, HAUL_ISSUE_MAPI_ATTACHMENT_LOST));
    done(&broken);
}

#define CERTIFICATE ":data:application/pkix-cert;base64,MIIAYDCCACBj"

Test(vcard, certificates)
{
    haul_auto_str der = {0}, tlv = {0};
    built b = begin("IPM.Contact");
    haul_str_add(&der, "\x30\x82\x00\x60\x30\x82\x00\x20", 8);
    while (der.len < 0x64)
        haul_str_addc(&der, 'c');
    haul_str_add(&tlv, "\1\0\x8\0\2\0\0\0\3\0\x68\0", 12);
    haul_str_add(&tlv, der.p, der.len);
    haul_span v[] = {{der.p, der.len}, {tlv.p, tlv.len}, {"odd", 3}};
    set_bins(b.o, &b.o->props, TAG(0x3a70), v, 3);
    build(&b, NULL);
    const char *one = line(&b.lines, "KEY", 0), *two = line(&b.lines, "KEY", 1);
    cr_assert(one && two);
    cr_expect_eq(strncmp(one, CERTIFICATE, strlen(CERTIFICATE)), 0, "%s", one);
    cr_expect_str_eq(one, two);
    expect(&b, "X-CERTIFICATE", 0, ":data:application/octet-stream;base64,b2Rk");
    done(&b);
}

Test(vcard, uid)
{
    haul_str uids[4] = {{0}};
    for (size_t i = 0; i < 4; i++) { /* 0 and 1 the same; 2 another node; 3 no key, no node */
        built b = begin("IPM.Contact");
        text(&b, TAG(0x3001), i < 2 ? "Ann" : "Bob");
        if (i < 3)
            set_bin(b.o, &b.o->props, TAG(0x300b), "0123456789abcdef", 16);
        b.o->node = i < 2 ? 4711 : i == 2 ? 4712 : 0;
        build(&b, NULL);
        haul_str_addz(&uids[i], line(&b.lines, "UID", 0));
        cr_expect_eq(uids[i].len, strlen(":urn:uuid:00000000-0000-8000-8000-000000000000"));
        cr_expect_eq(strncmp(uids[i].p, ":urn:uuid:", 10), 0);
        done(&b);
    }
    cr_expect_str_eq(uids[0].p, uids[1].p);
    cr_expect_str_neq(uids[0].p, uids[2].p);
    cr_expect_str_neq(uids[2].p, uids[3].p);
    for (size_t i = 0; i < 4; i++)
        haul_str_done(&uids[i]);
}

Test(vcard, codepage_and_controls)
{
    built b = begin("IPM.Contact");
    b.o->props.codepage = 1251;
    set_text8(b.o, &b.o->props, TAG(0x3001), "\xc0\xed\xed\xe0");
    text(&b, TAG(0x3a17), "a\001b");
    build(&b, NULL);
    expect(&b, "FN", 0, ":Анна");
    expect(&b, "TITLE", 0, ":ab");
    cr_assert(haul_msg_has_issue(b.m, HAUL_ISSUE_MAPI_CONTACT_VALUE_CHANGED));
    done(&b);
}

/* ── lists ── */

/* WrappedEntryId of a contact: type 3 and the entry id of the item. */
static void wrapped(haul_str *s, char type, const char *inner, size_t n)
{
    haul_str_add(s, "\0\0\0\0\xc0\x91\xad\xd3\x51\x9d\xcf\x11\xa4\xa9\0\xaa\0\x47\xfa\xa4", 20);
    haul_str_addc(s, type);
    haul_str_add(s, inner, n);
}

static void fill_members(haul_str ids[3], haul_str one_offs[3])
{
    one_off(&one_offs[0], "Ann Lee", "SMTP", "ann+x@x.org");
    one_off(&one_offs[1], "bob@x.org", "SMTP", "bob@x.org");
    one_off(&one_offs[2], "Carl", "EX", "/o=Org/cn=carl");
    haul_str_add(&ids[0], one_offs[0].p, one_offs[0].len);
    wrapped(&ids[1], '\xc3', "0123456789abcdef01234567", 24);
    wrapped(&ids[2], '\xc3', "0123456789abcdef01234567", 24);
}

static void check_members(const built *b)
{
    expect(b, "KIND", 0, ":group");
    expect(b, "FN", 0, ":Team");
    expect(b, "MEMBER", 0, ";X-NAME=Ann Lee:mailto:ann+x@x.org");
    expect(b, "MEMBER", 1, ":mailto:bob@x.org");
    expect(b, "MEMBER", 2, NULL);
    expect(b, "X-MEMBER", 0, ";X-KIND=contact;X-ADDRESS=\"EX:/o=Org/cn=carl\":Carl");
    cr_assert(haul_msg_has_issue(b->m, HAUL_ISSUE_MAPI_LIST_MEMBER_UNRESOLVED));
}

static void le(haul_str *s, uint64_t v, int n)
{
    for (int i = 0; i < n; i++)
        haul_str_addc(s, (char)(v >> (8 * i)));
}

Test(vcard, list_of_members)
{
    haul_str ids[3] = {{0}}, one_offs[3] = {{0}};
    built b = begin("IPM.DistList");
    fill_members(ids, one_offs);
    haul_span v[3], w[3];
    for (size_t i = 0; i < 3; i++) {
        v[i] = (haul_span){ids[i].p, ids[i].len};
        w[i] = (haul_span){one_offs[i].p, one_offs[i].len};
    }
    text(&b, PSET(0x8053), "Team");
    set_bins(b.o, &b.o->props, PSET(0x8055), v, 3);
    set_bins(b.o, &b.o->props, PSET(0x8054), w, 3);
    build(&b, NULL);
    check_members(&b);
    done(&b);
    for (size_t i = 0; i < 3; i++) {
        haul_str_done(&ids[i]);
        haul_str_done(&one_offs[i]);
    }
}

/* The stream goes before the two lists; a broken one does not. */
Test(vcard, list_of_a_stream)
{
    haul_str ids[3] = {{0}}, one_offs[3] = {{0}};
    fill_members(ids, one_offs);
    for (size_t broken = 0; broken < 2; broken++) {
        haul_auto_str s = {0};
        built b = begin("IPM.DistList");
        le(&s, 1, 2);
        haul_str_add(&s, "\0\0\0\0\0\0\0\0\0\0", 10); /* reserved, build, flags */
        le(&s, broken ? 4 : 3, 4);
        haul_str_add(&s, "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
        for (size_t i = 0; i < 3; i++) {
            le(&s, ids[i].len, 4);
            haul_str_add(&s, ids[i].p, ids[i].len);
            le(&s, one_offs[i].len, 4);
            haul_str_add(&s, one_offs[i].p, one_offs[i].len);
            le(&s, 0, 4);
        }
        le(&s, 0, 8);
        haul_span only = {one_offs[1].p, one_offs[1].len};
        text(&b, PSET(0x8053), "Team");
        set_bin(b.o, &b.o->props, PSET(0x8064), s.p, s.len);
        set_bins(b.o, &b.o->props, PSET(0x8055), &only, 1);
        build(&b, NULL);
        if (broken)
            expect(&b, "MEMBER", 0, ":mailto:bob@x.org");
        else
            check_members(&b);
        done(&b);
    }
    for (size_t i = 0; i < 3; i++) {
        haul_str_done(&ids[i]);
        haul_str_done(&one_offs[i]);
    }
}

Test(vcard, mailto)
{
    haul_auto_str out = {0};
    haul_vcard w = {.to = &out};
    haul_vcard_mailto(&w, "a%b?c/d&é@x.org"); /* RFC 6068 2 */
    cr_assert_str_eq(w.line.p, "mailto:a%25b%3Fc%2Fd%26%C3%A9@x.org");
    cr_assert_not(w.changed);
    haul_vcard_done(&w);
}
