/* Messages taken apart: which parts there are, what is in them, what the text is; damaged and hostile ones. */
#include "mime/parts.h"

#include "base/utf.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define OCTETS(z) z, sizeof(z) - 1

/* ── what is told, as text ── */

typedef struct told {
    haul_out file, text;
    haul_str log, content, body;
    size_t n_parts;
    uint64_t octets;
    bool brief; /* contents are not kept */
} told;

static haul_rc file_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    told *t = (told *)((char *)o - offsetof(told, file));
    (void)e;
    t->octets += n;
    if (!t->brief)
        haul_str_add(&t->content, p, n);
    return HAUL_OK;
}

static haul_rc text_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    haul_str_add(&((told *)((char *)o - offsetof(told, text)))->body, p, n);
    return HAUL_OK;
}

static haul_rc begin(void *ctx, const haul_part *p, haul_out **ret_to, haul_err *e)
{
    told *t = ctx;
    (void)e;
    *ret_to = &t->file;
    haul_str_clear(&t->content);
    t->n_parts++;
    if (!t->brief)
        haul_str_addf(&t->log, "%s %s \"%s\"", p->path, p->type, p->name);
    if (!t->brief && *p->disposition)
        haul_str_addf(&t->log, " %s", p->disposition);
    if (!t->brief && *p->content_id)
        haul_str_addf(&t->log, " <%s>", p->content_id);
    return HAUL_OK;
}

static haul_rc end(void *ctx, const haul_part *p, haul_err *e)
{
    told *t = ctx;
    (void)e;
    if (t->brief)
        return HAUL_OK;
    cr_expect_eq(p->size, t->content.len);
    haul_str_addf(&t->log, "%s%s%s%s%s: ", p->is_message ? " message" : "", p->encrypted ? " encrypted" : "",
                  p->undecodable ? " undecodable" : "", p->has_created ? " created" : "",
                  p->has_modified ? " modified" : "");
    haul_str_add(&t->log, haul_strz(&t->content), t->content.len);
    haul_str_addz(&t->log, "|\n");
    return HAUL_OK;
}

static haul_spool *spool_of(const char *p, size_t n)
{
    haul_spool *s = haul_spool_new(false);
    cr_assert_eq(haul_out_write(haul_spool_out(s), p, n, NULL), HAUL_OK);
    cr_assert_eq(haul_spool_freeze(s, NULL), HAUL_OK);
    return s;
}

static haul_parts_said read_into(told *t, const char *p, size_t n)
{
    haul_auto(haul_spool) *s = spool_of(p, n);
    haul_parts_said said = {0};
    haul_err e = {0};
    t->file.write = file_write;
    t->text.write = text_write;
    haul_parts_reader to = {begin, end, &t->text, t, &said};
    cr_assert_eq(haul_parts_read(s, &to, &e), HAUL_OK, "%s", e.text);
    cr_expect(haul_utf8_valid(haul_strz(&t->body), t->body.len));
    return said;
}

static void told_done(told *t)
{
    haul_str_done(&t->log);
    haul_str_done(&t->content);
    haul_str_done(&t->body);
}

typedef struct row {
    const char *message;
    size_t n;
    const char *parts, *text;
} row;

#define MIXED "Content-Type: multipart/mixed; boundary=b\n\n"
#define ALT   "Content-Type: multipart/alternative; boundary=a\n\n"
#define HTML  "Content-Type: text/html\n\n"
#define PNG   "Content-Type: image/png; name=p.png\nContent-Transfer-Encoding: base64\n\n"

static const row rows[] = {
    /* One text. */
    {OCTETS("Subject: x\n\nHello\n"), "", "Hello\n"},
    {OCTETS("Subject: x\r\n\r\nHello\r\nthere\rand\r\n"), "", "Hello\nthere\nand\n"},
    {OCTETS("no header at all\nbut text\n"), "", "no header at all\nbut text\n"},
    {OCTETS("Subject: x"), "", ""},
    {OCTETS("\n"), "", ""},
    {OCTETS("Content-Type: text/plain; name=x.txt\n\nHello"), "", "Hello"},
    {OCTETS("Content-Type: text/plain; charset=utf-8\n\n\xef\xbb\xbfh\xc3\xa9\n"), "", "h\xc3\xa9\n"},
    {OCTETS("Content-Type: text/plain; charset=iso-8859-1\n\nh\xe9\n"), "", "h\xc3\xa9\n"},
    {OCTETS("Subject: x\n\nh\xe9\n"), "", "h\xc3\xa9\n"},
    {OCTETS("Subject: x\n\nh\xc3\xa9\n"), "", "h\xc3\xa9\n"},
    {OCTETS("Subject: x\n\n\033$B$3\033(B\n"), "", "\xe3\x81\x93\n"},
    {OCTETS("Content-Type: text/plain; charset=utf-16\n\n\xff\xfeh\0\xe9\0\n\0"), "", "h\xc3\xa9\n"},
    {OCTETS("Content-Type: text/plain; charset=utf-16\nContent-Transfer-Encoding: base64\n\nAGgA6Q==\n"), "",
     "h\xc3\xa9"},
    {OCTETS("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: "
            "quoted-printable\n\nh=C3=\n=A9 \n"),
     "", "h\xc3\xa9\n"},
    {OCTETS("Subject: x\n\na\0b\n"), "",
     "a\xef\xbf\xbd"
     "b\n"},
    {OCTETS("Content-Type: text/html; charset=iso-8859-1\n\n<p>h\xe9</p><p>b</p>"), "", "h\xc3\xa9\n\nb\n"},
    {OCTETS(HTML "<meta charset=windows-1251><p>\xc0"), "", "\xd0\x90\n"},
    {OCTETS(HTML "<p>\xc3\xa9"), "", "\xc3\xa9\n"},
    /* uuencoded text stays text. */
    {OCTETS("Subject: x\n\nbegin 644 a\n#86)C\n`\nend\n"), "", "begin 644 a\n#86)C\n`\nend\n"},
    /* One file. */
    {OCTETS("Content-Type: application/pdf; name=x.pdf\nContent-Transfer-Encoding: base64\n\nYWJj\n"),
     "1 application/pdf \"x.pdf\": abc|\n", ""},
    {OCTETS("Content-Disposition: attachment; filename=x.txt\n\nabc\n"),
     "1 text/plain \"x.txt\" attachment: abc\n|\n", ""},
    {OCTETS("Content-Type: message/rfc822\n\nSubject: inner\n\nx\n"),
     "1 message/rfc822 \"\" message: Subject: inner\n\nx\n|\n", ""},
    /* Parts; the line end in front of a delimiter is not theirs, whatever it is. */
    {OCTETS(MIXED "pre\n--b\n\nHi\n--b\n" PNG "YWJj\n--b--\nepi\n"), "2 image/png \"p.png\": abc|\n", "Hi"},
    {OCTETS("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHi\r\n\r\n--b \t\r\nContent-Type: "
            "x/y\r\n\r\nA\r\n--b--"),
     "2 x/y \"\": A|\n", "Hi\n"},
    {OCTETS(MIXED "--b\n\n--b\nContent-Type: x/y\n\n--b\nContent-Type: x/z\n\n\n--b--\n"),
     "2 x/y \"\": |\n3 x/z \"\": |\n", ""},
    {OCTETS(MIXED "--b\n\nHi\n-\n--\n--bb\n -- b\n--b--\n"), "", "Hi\n-\n--\n--bb\n -- b"},
    {OCTETS(MIXED "--b\nContent-Type: x/y\n\nA\r\n\r\r\n--b--\n"), "1 x/y \"\": A\r\n\r|\n", ""},
    {OCTETS(MIXED "--b\n\nHi\n--b\n\nagain\n--b--\n"), "2 text/plain \"\": again|\n", "Hi"},
    {OCTETS(MIXED "--b\nContent-Type: text/plain; name=a.txt\n\nHi\n--b\nContent-Type: text/plain; "
                  "name=b.txt\n\nB\n--b--\n"),
     "2 text/plain \"b.txt\": B|\n", "Hi"},
    {OCTETS(MIXED "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nHi\n--c\nContent-Type: "
                  "x/y\n\nA\n--c--\n--b\n"
                  "Content-Type: x/z\n\nB\n--b--\n"),
     "1.2 x/y \"\": A|\n2 x/z \"\": B|\n", "Hi"},
    {OCTETS("Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: 1\n\none\n--b--\n"),
     "1 message/rfc822 \"\" message: Subject: 1\n\none|\n", ""},
    /* Messages in messages are not looked into. */
    {OCTETS(MIXED "--b\nContent-Type: message/rfc822\n\n"
                  "Content-Type: multipart/mixed; boundary=c\n\n--c\n" PNG "YWJj\n--c--\n\n--b--\n"),
     "1 message/rfc822 \"\" message: Content-Type: multipart/mixed; boundary=c\n\n--c\n" PNG
     "YWJj\n--c--\n|\n",
     ""},
    /* Alternatives. */
    {OCTETS(ALT "--a\n\nplain\n--a\n" HTML "<p>html\n--a--\n"), "", "plain"},
    {OCTETS(ALT "--a\n" HTML "<p>html\n--a\n\nplain\n--a--\n"), "", "html\n"},
    {OCTETS(ALT "--a\n\n \n\n--a\n" HTML "<p>html\n--a--\n"), "", "html\n"},
    {OCTETS(ALT "--a\n\nplain\n--a\nContent-Type: text/calendar\n\nBEGIN\n--a\nContent-Type: text/calendar; "
                "name=i.ics\n\nB\n--a--\n"),
     "3 text/calendar \"i.ics\": B|\n", "plain"},
    {OCTETS(ALT "--a\n\nplain\n--a\nContent-Type: multipart/related; boundary=r\n\n--r\n" HTML
                "<p>html\n--r\nContent-ID: <i@x>\n" PNG "YWJj\n--r--\n--a--\n"),
     "2.2 image/png \"p.png\" <i@x>: abc|\n", "plain"},
    /* No alternatives: both. */
    {OCTETS(MIXED "--b\n" HTML "<p>html\n--b\n\nfooter\n--b--\n"), "", "html\nfooter"},
    {OCTETS(MIXED "--b\n\nplain\n--b\n" HTML "<p>html\n--b--\n"), "", "plain\nhtml\n"},
    /* Names. */
    {OCTETS(MIXED "--b\nContent-Type: x/y; name=\"=?utf-8?Q?h=C3=A9.x?=\"\n\n\n--b--\n"),
     "1 x/y \"h\xc3\xa9.x\": |\n", ""},
    {OCTETS(MIXED "--b\nContent-Type: x/y; name=a\nContent-Disposition: inline; "
                  "filename*=iso-8859-1''h%E9.x\n\n\n--b--\n"),
     "1 x/y \"h\xc3\xa9.x\" inline: |\n", ""},
    {OCTETS(MIXED "--b\nContent-Type: x/y\nContent-Disposition: attachment; filename*0*=utf-8''h%C3;\n "
                  "filename*1*=%A9;\n filename*2=\".x\"\n\n\n--b--\n"),
     "1 x/y \"h\xc3\xa9.x\" attachment: |\n", ""},
    {OCTETS(MIXED "--b\nContent-Type: x/y\nContent-Disposition: attachment; filename=h.x; "
                  "filename*=utf-8''h%C3%A9.x\n\n\n--b--\n"),
     "1 x/y \"h\xc3\xa9.x\" attachment: |\n", ""},
    {OCTETS(MIXED "--b\nContent-Type: x/y\nContent-Disposition: attachment; filename=\"h\xe9 "
                  "\\\"q\\\".x\"\n\n\n--b--\n"),
     "1 x/y \"h\xc3\xa9 \"q\".x\" attachment: |\n", ""},
    {OCTETS(MIXED "--b\nContent-Type: x/y\nContent-Disposition: strange; filename=a b.x\n\n\n--b--\n"),
     "1 x/y \"a b.x\" attachment: |\n", ""},
    {OCTETS(MIXED "--b\nContent-Type: x/y\nContent-Disposition: inline; creation-date=\"Fri, 23 May 2025 "
                  "18:35:53 +0200\"; modification-date=\"soon\"\n\n\n--b--\n"),
     "1 x/y \"\" inline created: |\n", ""},
    {OCTETS("Content-Type: application/vnd.openxmlformats-officedocument.wordprocessingml.document\n\nA"),
     "1 application/vnd.openxmlformats-officedocument.wordprocessingml.document \"\": A|\n", ""},
    /* Transfer encodings: broken, unknown. */
    {OCTETS("Content-Type: x/y\nContent-Transfer-Encoding: base64\n\nYW*Jj\n"),
     "1 x/y \"\" undecodable: abc|\n", ""},
    {OCTETS("Content-Type: x/y\nContent-Transfer-Encoding: base64\n\nYWJjZA\n"),
     "1 x/y \"\" undecodable: abcd|\n", ""},
    {OCTETS("Content-Type: x/y\nContent-Transfer-Encoding: base64\n\nYWJjZ===\n"),
     "1 x/y \"\" undecodable: abc|\n", ""},
    {OCTETS("Content-Type: x/y\nContent-Transfer-Encoding: quoted-printable\n\na=3Db=zz=\n"),
     "1 x/y \"\" undecodable: a=b=zz|\n", ""},
    {OCTETS("Content-Type: x/y\nContent-Transfer-Encoding: x-uuencode\n\nbegin 644 a\n#86)C\n`\nend\n"),
     "1 x/y \"\": abc|\n", ""},
    {OCTETS("Content-Type: x/y\nContent-Transfer-Encoding: x-uuencode\n\nbegin 644 a\n#86)C\n"),
     "1 x/y \"\" undecodable: abc|\n", ""},
    {OCTETS("Content-Type: x/y\nContent-Transfer-Encoding: x-foreign\n\nabc"),
     "1 x/y \"\" undecodable: abc|\n", ""},
    {OCTETS("Content-Type: x/y\nContent-Transfer-Encoding: 8bits\n\nabc"), "1 x/y \"\": abc|\n", ""},
    /* Encrypted. */
    {OCTETS("Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\nx"),
     "1 application/pkcs7-mime \"smime.p7m\" encrypted: x|\n", ""},
    {OCTETS("Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\n\nx"),
     "1 application/pkcs7-mime \"smime.p7m\": x|\n", ""},
    {OCTETS("Content-Type: multipart/encrypted; boundary=b; protocol=\"application/pgp-encrypted\"\n\n--b\n"
            "Content-Type: application/pgp-encrypted\n\nVersion: 1\n--b\nContent-Type: "
            "application/octet-stream\n\nx\n--b--\n"),
     "1 application/pgp-encrypted \"\" encrypted: Version: 1|\n2 application/octet-stream \"\" encrypted: "
     "x|\n",
     ""},
    /* Damage. */
    {OCTETS(MIXED "--b\n\nHi\n--b\nContent-Type: x/y\n\nA\n"), "2 x/y \"\": A\n|\n", "Hi"},
    {OCTETS(MIXED "--b\n\nHi\n--b\nContent-Type: x/y"), "2 x/y \"\": |\n", "Hi"},
    {OCTETS(MIXED "--b\n\nHi\n--b"), "", "Hi"},
    {OCTETS("Content-Type: multipart/mixed; boundary=b\n\n--c\n\nHi\n--c--\n"), "", "--c\n\nHi\n--c--\n"},
    {OCTETS(MIXED "--b\n\nHi\n--b\n" ALT "--c\n\nHo\n--b\n" ALT "--a--\n--b--\n"),
     "2 multipart/alternative \"\" undecodable: --c\n\nHo|\n", "Hi"},
    {OCTETS(MIXED "--b\n\nHi\n--b\n--b\n--b\nContent-Type: x/y\n\nA\n--b\n--b--\n"), "4 x/y \"\": A|\n",
     "Hi"},
    {OCTETS("Content-Type: text\n\nHi\n"), "", "Hi\n"},
    {OCTETS("Content-Type: texts; x\n\nHi\n"), "1 application/octet-stream \"\": Hi\n|\n", ""},
    {OCTETS("Content-Type: multipart/mixed\n\n--c\n"), "1 multipart/mixed \"\" undecodable: --c\n|\n", ""},
    {OCTETS(MIXED "--b\nno header, no blank\n--b--\n"), "", "no header, no blank"},
};

static void check_row(size_t i)
{
    const row *r = &rows[i];
    told t = {0};
    read_into(&t, r->message, r->n);
    cr_expect_str_eq(haul_strz(&t.log), r->parts, "row %zu:\n%s\n%s", i, haul_strz(&t.log), r->message);
    cr_expect_str_eq(haul_strz(&t.body), r->text, "row %zu: text %s\n%s", i, haul_strz(&t.body), r->message);
    told_done(&t);
}

Test(parts, rows)
{
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        check_row(i);
}

/* However the octets come in. */
Test(parts, one_octet_at_a_time)
{
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        told whole = {0}, split = {{file_write}, {text_write}, {0}, {0}, {0}, 0, 0, false};
        read_into(&whole, rows[i].message, rows[i].n);
        haul_parts_reader to = {begin, end, &split.text, &split, NULL};
        haul_auto(haul_parts) *r = haul_parts_new(&to);
        for (size_t k = 0; k < rows[i].n; k++)
            cr_assert_eq(haul_out_write(haul_parts_out(r), rows[i].message + k, 1, NULL), HAUL_OK);
        cr_assert_eq(haul_parts_finish(r, NULL), HAUL_OK);
        cr_expect(whole.log.len == split.log.len &&
                      memcmp(haul_strz(&whole.log), haul_strz(&split.log), whole.log.len) == 0,
                  "row %zu:\n%s\n%s", i, haul_strz(&whole.log), haul_strz(&split.log));
        cr_expect_str_eq(haul_strz(&whole.body), haul_strz(&split.body), "row %zu", i);
        told_done(&whole);
        told_done(&split);
    }
}

Test(parts, what_is_said_of_the_whole)
{
    static const struct {
        const char *message, *said; /* cut, undecodable, encrypted, cut off, too many, no parts */
    } v[] = {
        {"Subject: x\n\nHi\n", "......"},
        {MIXED "--b\n\nHi\n--b--\n", "......"},
        {MIXED "--b\n\nHi\n", "...c.."},
        {MIXED "--b\n\nHi\n--b\n", "...c.."},
        {MIXED "Hi\n", "...c.n"},
        {"Content-Type: text/plain; charset=utf-8\n\n\xe9\n", ".u...."},
        {"Content-Type: text/plain; charset=gb2312\n\n\xff\xff\n", ".u...."},
        {"Content-Transfer-Encoding: base64\n\nYW\n", ".u...."},
        {"Subject: x\n\n-----BEGIN PGP MESSAGE-----\n", "..e..."},
    };
    for (size_t i = 0; i < HAUL_COUNT(v); i++) {
        told t = {0};
        haul_parts_said s = read_into(&t, v[i].message, strlen(v[i].message));
        const char got[] = {s.text_cut ? 't' : '.',
                            s.text_undecodable ? 'u' : '.',
                            s.text_encrypted ? 'e' : '.',
                            s.cut_off ? 'c' : '.',
                            s.too_many ? 'm' : '.',
                            s.no_parts ? 'n' : '.',
                            0};
        cr_expect_str_eq(got, v[i].said, "%s: %s", v[i].message, got);
        told_done(&t);
    }
}

Test(parts, an_empty_message_is_skipped)
{
    haul_auto(haul_spool) *s = spool_of("", 0);
    haul_parts_reader to = {0};
    haul_err e = {0};
    cr_expect_eq(haul_parts_read(s, &to, &e), HAUL_SKIP);
    cr_expect_str_eq(e.text, "the message is empty");
}

static haul_rc refuse(void *ctx, const haul_part *p, haul_out **ret_to, haul_err *e)
{
    (void)ctx;
    (void)p;
    (void)ret_to;
    return haul_fail(e, HAUL_E_TARGET, "no room");
}

static haul_rc refuse_octets(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)o;
    (void)p;
    (void)n;
    return haul_fail(e, HAUL_E_INTERRUPTED, "enough");
}

Test(parts, failures_are_returned_as_they_came)
{
    static const char message[] = MIXED "--b\n\nHi\n--b\n" PNG "YWJj\n--b--\n";
    haul_auto(haul_spool) *s = spool_of(OCTETS(message));
    haul_out out = {refuse_octets};
    haul_parts_reader none = {0}, to = {.begin = refuse}, text = {.text = &out};
    haul_err e = {0};
    cr_expect_eq(haul_parts_read(s, &to, &e), HAUL_E_TARGET);
    cr_expect_str_eq(e.text, "no room");
    cr_expect_eq(haul_parts_read(s, &text, &e), HAUL_E_INTERRUPTED);
    cr_expect_eq(haul_parts_read(s, &none, &e), HAUL_OK);
}

/* ── large and hostile ── */

static void many(haul_str *s, size_t n, const char *z)
{
    for (size_t i = 0; i < n; i++)
        haul_str_addz(s, z);
}

/* Larger than a spool's memory, so that parts and delimiters lie across the pieces that it is read in. */
Test(parts, over_the_memory_of_a_spool)
{
    haul_auto_str m = {0};
    told t = {.brief = true};
    haul_str_addz(&m, MIXED "--b\n\nHi\n");
    for (unsigned i = 0; i < 300; i++) {
        haul_str_addz(&m, "--b\nContent-Type: x/y\nContent-Transfer-Encoding: base64\n\n");
        many(&m, 600 + i, "QUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJD\n");
    }
    haul_str_addz(&m, "--b--\n");
    cr_assert_gt(m.len, HAUL_SPOOL_MEMORY + HAUL_OUT_BUFFER * 2);
    haul_parts_said said = read_into(&t, m.p, m.len);
    cr_expect_eq(t.n_parts, 300);
    cr_expect_eq(t.octets, 57u * (300u * 600u + 299u * 300u / 2u));
    cr_expect(!said.cut_off && !said.too_many);
    told_done(&t);
}

Test(parts, too_many_parts_are_one)
{
    haul_auto_str m = {0};
    told t = {.brief = true};
    haul_str_addz(&m, MIXED);
    many(&m, HAUL_PARTS_MAX + 1000, "--b\nContent-Type: x/y\n\nA\n");
    haul_parts_said said = read_into(&t, m.p, m.len);
    cr_expect(said.too_many);
    /* The message is an entity, too. */
    cr_expect_eq(t.n_parts, HAUL_PARTS_MAX);
    cr_expect_eq(t.octets,
                 HAUL_PARTS_MAX - 1 + 1001 * strlen("Content-Type: x/y\n\nA\n") + 1000 * strlen("--b\n"));
    told_done(&t);
}

Test(parts, a_long_preamble_without_parts_is_the_text)
{
    haul_auto_str m = {0};
    told t = {0};
    haul_str_addz(&m, MIXED);
    size_t head = m.len;
    many(&m, 20000, "line\r\n-\n");
    haul_parts_said said = read_into(&t, m.p, m.len);
    cr_expect(said.no_parts);
    cr_expect_eq(t.body.len, m.len - head - 20000);
    cr_expect(strncmp(haul_strz(&t.body), "line\n-\nline\n", 12) == 0);
    told_done(&t);
}

static void nest(haul_str *s, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        haul_str_addf(s, "Content-Type: multipart/mixed; boundary=b%u\n\n--b%u\n", i, i);
    haul_str_addz(s, "Content-Type: x/y\n\nA");
    for (unsigned i = depth; i-- > 0;)
        haul_str_addf(s, "\n--b%u--\n", i);
}

Test(parts, nesting_has_a_limit)
{
    haul_auto_str within = {0}, beyond = {0};
    told a = {0}, b = {0};
    nest(&within, HAUL_WALK_DEPTH);
    nest(&beyond, 1000);
    read_into(&a, within.p, within.len);
    cr_expect(strstr(a.log.p, ".1 x/y \"\": A|"), "%s", a.log.p);
    read_into(&b, beyond.p, beyond.len);
    cr_expect_eq(b.n_parts, 1);
    cr_expect(strstr(b.log.p, " multipart/mixed \"\" undecodable: --b128\n"), "%.300s", b.log.p);
    told_done(&a);
    told_done(&b);
}

Test(parts, hostile, .timeout = TESTING_SECONDS)
{
    static const struct {
        const char *head, *piece;
    } v[] = {
        {MIXED, "--b\n"},
        {MIXED, "b\n"},
        {MIXED, "--"},
        {MIXED, "-\n"},
        {MIXED "--b\n", "x\n"},
        {MIXED "--b\n", "X: y\n"},
        {MIXED "--b\n", "\r"},
        {MIXED "--b\n\n", "\r\n"},
        {MIXED "--b\n\n", "--b "},
        {MIXED "--b\nContent-Type: x/y;", " a=b;"},
        {MIXED "--b\nContent-Type: x/y;", "\n name*0=b;"},
        {"Content-Transfer-Encoding: quoted-printable\n\n", "= "},
        {"Content-Transfer-Encoding: quoted-printable\n\n", " "},
        {"Content-Transfer-Encoding: quoted-printable\n\n", "=\n"},
        {"Content-Transfer-Encoding: base64\n\n", "="},
        {"Content-Transfer-Encoding: base64\n\n", "QQ==\n"},
        {"Content-Transfer-Encoding: base64\n\nQQ==", "Q"},
        {"Subject: x\n\n", "\xc3"},
        {"Subject: x\n\n", "\033$"},
        {HTML, "<p>"},
        {HTML, "<a b"},
        {HTML, "&#"},
    };
    for (size_t i = 0; i < HAUL_COUNT(v); i++) {
        haul_auto_str m = {0};
        told t = {.brief = true};
        haul_str_addz(&m, v[i].head);
        many(&m, 2000000 / strlen(v[i].piece), v[i].piece);
        read_into(&t, m.p, m.len);
        cr_expect_leq(t.octets, m.len, "%zu", i);
        cr_expect_leq(t.n_parts, HAUL_PARTS_MAX, "%zu", i);
        told_done(&t);
    }
}

Test(parts, a_long_html_loses_no_text)
{
    haul_auto_str m = {0};
    told t = {0};
    haul_str_addz(&m, HTML "<STYLE>");
    many(&m, 9000, ".hidden { }\n");
    haul_str_addz(&m, "</style><!-- ");
    many(&m, 9000, "hidden\n");
    haul_str_addz(&m, "-->");
    for (unsigned i = 0; i < 20000; i++)
        haul_str_addf(&m, "<p style=\"margin: 0\">line %u</p>\n", i);
    haul_parts_said said = read_into(&t, m.p, m.len);
    cr_assert_gt(m.len, 2 * 256 * 1024);
    cr_expect(!said.text_cut);
    cr_expect(!strstr(t.body.p, "hidden"));
    for (unsigned i = 0; i < 20000; i += 77) {
        char line[32];
        snprintf(line, sizeof(line), "line %u\n", i);
        cr_expect(strstr(t.body.p, line), "%s", line);
    }
    told_done(&t);
}
