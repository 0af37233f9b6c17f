/* MBOX: docs/formats/mbox.md. Every file is read whole and one octet at a time; both must say the same. */
#include "base/time.h"
#include "mbox.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const haul_format haul_format_mbox;

typedef struct sink_text {
    haul_out out;
    haul_str text;
} sink_text;

static haul_rc take(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    haul_str_add(&((sink_text *)o)->text, p, n);
    return HAUL_OK;
}

static void add_octets(haul_str *to, const haul_str *s)
{
    for (size_t i = 0; i < s->len; i++)
        if (s->p[i] == '\n' || s->p[i] == '\r' || !s->p[i])
            haul_str_addf(to, "%s", s->p[i] == '\n' ? "/" : s->p[i] == '\r' ? "^" : "~");
        else
            haul_str_addc(to, s->p[i]);
}

/* "@0[octets]!issue @57[…]" of all messages; bodies of every `skip`-th are left out (0 = none). */
static void read_all(const char *p, size_t n, size_t step, size_t skip, haul_mbox_quoting quoting,
                     haul_str *to)
{
    haul_mbox mb = {.quoting = quoting};
    haul_msg *m = haul_msg_new();
    haul_err e = {0};
    haul_rc rc;
    haul_mbox_start(&mb, haul_in_from_mem(p, n, step));
    for (size_t i = 1; (rc = haul_mbox_next(&mb, m, &e)) == HAUL_OK; i++) {
        sink_text body = {.out = {take}};
        haul_str_addf(to, "%s@%llu", to->len ? " " : "", (unsigned long long)mb.sep_at);
        if (!skip || i % skip) {
            uint64_t size = m->size;
            rc = haul_mbox_body(&mb, m, &body.out, &e);
            cr_assert_eq(rc, HAUL_OK);
            if (m->set & HAUL_SET_SIZE)
                cr_expect_eq(size, body.text.len, "size of @%llu", (unsigned long long)mb.sep_at);
            haul_str_addc(to, '[');
            add_octets(to, &body.text);
            haul_str_addc(to, ']');
        }
        for (const haul_issue *issue = m->issues; issue && !(skip && i % skip == 0); issue = issue->next)
            if (issue->id != HAUL_ISSUE_TIME_GUESSED && issue->id != HAUL_ISSUE_MBOX_DATE_UNREADABLE)
                haul_str_addf(to, "!%s", haul_issue_name(issue->id));
        haul_str_done(&body.text);
        haul_msg_reset(m);
    }
    cr_expect_eq(rc, HAUL_END);
    cr_expect_eq(haul_mbox_next(&mb, m, &e), HAUL_END, "END stays END");
    haul_msg_unref(m);
    haul_mbox_done(&mb);
}

static void expect_split(const char *p, size_t n, haul_mbox_quoting quoting, const char *want)
{
    static const size_t steps[] = {0, 1, 7};
    for (size_t i = 0; i < HAUL_COUNT(steps); i++) {
        haul_auto_str got = {0};
        read_all(p, n, steps[i], 0, quoting, &got);
        cr_expect(strcmp(haul_strz(&got), want) == 0, "step %zu: %s\nnot     %s", steps[i], haul_strz(&got),
                  want);
    }
}

#define F   "From a@b Fri May 23 16:35:53 2025\n" /* 34 octets */
#define AMB "!mbox.ambiguous-split"

Test(mbox, splits)
{
    static const struct {
        const char *file, *want;
    } rows[] = {
        {"", ""},
        {"\n\n", ""},
        {F "S: 1\n\nx\n\n" F "S: 2\n\ny\n", "@0[S: 1//x/] @43[S: 2//y/]"},
        {F "S: 1\n\nx\n\n" F "S: 2\n\ny", "@0[S: 1//x/] @43[S: 2//y]"},
        {F "S: 1\n\n" F "S: 2\n", "@0[S: 1/] @40[S: 2/]"},
        {F, "@0[]!header.none"},
        {"\xEF\xBB\xBF\n" F "S: 1\n\nx\n", "@4[S: 1//x/]"},
        {F F "S: 1\n\nx\n\n" F F "S: 2\n",
         "@0[]" AMB "!header.none @34[S: 1//x/]" AMB " @77[]" AMB "!header.none @111[S: 2/]"},
        /* CRLF, mixed, NUL, old Mac [mbox-18] */
        {"From a@b Fri May 23 16:35:53 2025\r\nS: 1\r\n\r\nx\r\n\r\nFrom a@b Fri May 23 16:35:53 2025\r\nS: "
         "2\r\n\r\ny\r\n",
         "@0[S: 1^/^/x^/] @48[S: 2^/^/y^/]"},
        {F "S: 1\r\n\r\nx\r\n\r\n" F "S: 2\n\ny\n", "@0[S: 1^/^/x^/] @47[S: 2//y/]"},
        {"From a@b Fri May 23 16:35:53 2025\rS: 1\r\rx\r\rFrom a@b Fri May 23 16:35:53 2025\rS: 2\r\ry\r",
         "@0[S: 1^^x^] @43[S: 2^^y^]"},
        /* one criterion missing [mbox-12] */
        {F "S: 1\n\nx\n" F "S: 2\n\ny\n", "@0[S: 1//x/]" AMB " @42[S: 2//y/]"},
        {F "S: 1\n\nx\n\n" F "Hello there\n",
         "@0[S: 1//x//From a@b Fri May 23 16:35:53 2025/Hello there/]" AMB},
        {F "S: 1\n\nx\n\n" F "\ny\n", "@0[S: 1//x/]" AMB " @43[/y/]!header.none"},
        {F "S: 1\n\nx\n\nFrom Russia with love\nYear: 1963\n",
         "@0[S: 1//x//From Russia with love/Year: 1963/]" AMB},
        {F "S: 1\n\nx\nFrom here on\nit is text\n", "@0[S: 1//x/From here on/it is text/]"},
        {F "S: 1\n\nx\n\nFrom c@d\nS: 2\n\n", "@0[S: 1//x/]" AMB " @43[S: 2/]"},
        {F ">From - Sat Jan  1 00:00:00 2000\nS: 1\n\nx\n\n" F ">From - x\nS: 2\n\ny\n",
         "@0[>From - Sat Jan  1 00:00:00 2000/S: 1//x/] @76[>From - x/S: 2//y/]"},
        /* the file's own convention [mbox-13] */
        {"From - \nS: 1\n\nx\n\nFrom - \nS: 2\n\nFrom Russia with love\n\n",
         "@0[S: 1//x/] @17[S: 2//From Russia with love/]" AMB},
        {"From 184@xxx\nS: 1\n\nx\n\nFrom 185@xxx\nS: 2\n\ny\n", "@0[S: 1//x/] @22[S: 2//y/]"},
        {"From x@y Foo 45 99:99 1999\nS: 1\n\n\nFrom z@y Foo 46 11:88 1999\nS: 2\n\n",
         "@0[S: 1//] @34[S: 2/]"},
        /* text before the first separator [mbox-5] */
        {"Hello\n\n" F "S: 1\n\nx\n", "@0[Hello/]!mbox.leading-text!header.none @7[S: 1//x/]"},
        {"S: 1\n\nx\n\n", "@0[S: 1//x//]!mbox.leading-text"},
        /* quoting [mbox-20] */
        {F "S: 1\n\n>From x\n>>From y\n> From z\n>Fromage\n", "@0[S: 1//From x/>From y/> From z/>Fromage/]"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        expect_split(rows[i].file, strlen(rows[i].file), HAUL_MBOX_AUTO, rows[i].want);
    static const char nul[] = F "S: \0"
                                "1\n\nx\0\n\n" F "S: 2\n\n";
    expect_split(nul, sizeof(nul) - 1, HAUL_MBOX_AUTO, "@0[S: ~1//x~/] @45[S: 2/]");
}

/* One line after another file's usual separator: where it splits, its instant and its sender. [mbox-11] */
static void expect_line(const char *line, const char *date, const char *sender)
{
    haul_auto_str file = {0};
    char iso[HAUL_ISO_LEN] = "";
    haul_err e = {0};
    haul_mbox_line l;
    haul_str_addf(&file, F "S: 1\n\nx\n\n%s\nS: 2\n\ny\n", line);
    expect_split(file.p, file.len, HAUL_MBOX_AUTO, "@0[S: 1//x/] @43[S: 2//y/]");
    haul_mbox_parse_line(line, strlen(line), '\n', &l);
    if (l.dated)
        haul_iso_format_tz(iso, l.received_us, l.tz);
    cr_expect(l.dated && l.plain, "%s: dated %d, plain %d", line, l.dated, l.plain);
    cr_expect_str_eq(iso, date, "%s: %s", line, iso);
    haul_mbox mb = {0};
    haul_msg *m = haul_msg_new();
    haul_mbox_start(&mb, haul_in_from_mem(file.p + 43, file.len - 43, 0));
    cr_assert_eq(haul_mbox_next(&mb, m, &e), HAUL_OK);
    cr_expect_str_eq(m->sender ? m->sender : "", sender, "%s: %s", line, m->sender);
    haul_msg_unref(m);
    haul_mbox_done(&mb);
}

Test(mbox, odd_separators)
{
    static const struct {
        const char *line, *date, *sender;
    } rows[] = {
        {"From a@b Fri May 23 16:35:53 +0000 2025", "2025-05-23T16:35:53+00:00", "a@b"},
        {"From 1832929883591034824@xxx Fri May 23 16:35:53 +0000 2025", "2025-05-23T16:35:53+00:00", ""},
        {"From - Fri May 23 16:35:53 2025", "2025-05-23T16:35:53+00:00", ""},
        {"From a@b\tFri May  2 16:35:53 2025 ", "2025-05-02T16:35:53+00:00", "a@b"},
        {"From a@b Fri May 23 16:35 2025", "2025-05-23T16:35:00+00:00", "a@b"},
        {"From a@b Fri May 23 16:35 EST 25", "2025-05-23T16:35:00-05:00", "a@b"},
        {"From a@b Fri May 23 16:35:53 EDT 2025", "2025-05-23T16:35:53-04:00", "a@b"},
        {"From a@b Fri May 23 16:35:53 2025 +0200", "2025-05-23T16:35:53+02:00", "a@b"},
        {"From a@b Fri May 23 16:35:53 2025 -0500 (EST)", "2025-05-23T16:35:53-05:00", "a@b"},
        {"From a@b Fri May 23 16:35:53 MET DST 2025", "2025-05-23T16:35:53+02:00", "a@b"},
        {"From a@b Fri May 23 16:35:53 GMT+1 2025", "2025-05-23T16:35:53+01:00", "a@b"},
        {"From a@b Fri May 23 16:35:53 PST8PDT 2025", "2025-05-23T16:35:53-08:00", "a@b"},
        {"From a@b Fri May 23 16:35:53 XYZ 2025", "2025-05-23T16:35:53+00:00", "a@b"},
        {"From a@b Fri May 23 16:35:53 2025 XYZ", "2025-05-23T16:35:53+00:00", "a@b"},
        {"From a@b Fri May 23 16:35:53 Some Standard Time 2025", "2025-05-23T16:35:53+00:00", "a@b"},
        {"From a@b Fri May 23 16.35.53 2025", "2025-05-23T16:35:53+00:00", "a@b"},
        {"From a@b Sat May  6 16:35:53 19100", "2000-05-06T16:35:53+00:00", "a@b"},
        {"From \"a b\"@c Fri May 23 16:35:53 2025", "2025-05-23T16:35:53+00:00", "\"a b\"@c"},
        {"From \"a \\\" b\"@c Fri May 23 16:35:53 2025", "2025-05-23T16:35:53+00:00", "\"a \\\" b\"@c"},
        {"From host!x!a Fri May 23 16:35:53 2025 remote from y", "2025-05-23T16:35:53+00:00", "host!x!a"},
        {"From Fri May 23 16:35:53 2025", "2025-05-23T16:35:53+00:00", ""},
        {"From 22 Fri May 23 16:35:53 2025", "2025-05-23T16:35:53+00:00", "22"},
        {"From sun Fri May 23 16:35:53 2025", "2025-05-23T16:35:53+00:00", "sun"},
        {"From may Fri May 23 16:35:53 2025", "2025-05-23T16:35:53+00:00", "may"},
        {"From a Fri, 23 May 2025 16:35:53 +0200", "2025-05-23T16:35:53+02:00", "a"},
        {"From a@b 2025-05-23T16:35:53+02:00", "2025-05-23T16:35:53+02:00", "a@b"},
        {"From <> Fri May  2 16:35:53 2025", "2025-05-02T16:35:53+00:00", ""},
        {"From <a@b> Fri May  2 16:35:53 2025", "2025-05-02T16:35:53+00:00", "a@b"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        expect_line(rows[i].line, rows[i].date, rows[i].sender);
}

/* Criteria that are there only in part: reported whatever is decided. [mbox-12] */
Test(mbox, doubtful_separators)
{
    static const struct {
        const char *line;
        bool split;
    } rows[] = {
        {"From Foo Bar <foo@bar> Wed Nov 17 14:35:53 1999", true},
        {"From foo@bar Wed Nov 17 14:35:53 1999 forwarded by x", true},
        {"From foo@bar Wed Feb 30 14:35:53 1999 +0000", true},
        {"From foo@bar", true},
        {"From Monday 3 May 2010 10:00 the office is closed", false},
        {"From May 3 2010 10:00", false},
        {"From 10:00 on 3 May 2010", false},
        {"From the beginning of 2010", false},
        {"From foo@bar we learned that", false},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str file = {0}, want = {0};
        haul_str_addf(&file, F "S: 1\n\nx\n\n%s\nS: 2\n\ny\n", rows[i].line);
        if (rows[i].split)
            haul_str_addz(&want, "@0[S: 1//x/]" AMB " @43[S: 2//y/]");
        else
            haul_str_addf(&want, "@0[S: 1//x//%s/S: 2//y/]" AMB, rows[i].line);
        expect_split(file.p, file.len, HAUL_MBOX_AUTO, want.p);
    }
}

/* Damage at the front of a file that is called .mbox. [mbox-5] */
Test(mbox, probe_damaged_front)
{
    static const struct {
        const char *label, *head;
        bool mbox;
    } rows[] = {
        {"a", F "S: 1\n\nx\n", true},
        {"a", F F "S: 1\n\nx\n", true},
        {"a", F "no header\n", true},
        {"a", "\xEF\xBB\xBF\r\n" F "S: 1\n\nx\n", true},
        {"a.mbox", "junk\n\n" F "S: 1\n\nx\n", true},
        {"a.mbox.gz", "Subject: x\n\ny\n", true},
        {"a", "junk\n\n" F "S: 1\n\nx\n", false},
        {"a.mbox", "junk\n", false},
        {"a.mbox", "From the beginning\n", false},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_probe p = {.label = rows[i].label, .head = rows[i].head, .head_len = strlen(rows[i].head)};
        cr_expect_eq(haul_format_mbox.reader->probe(&p) > 0, rows[i].mbox, "%s: %s", rows[i].label,
                     rows[i].head);
    }
}

Test(mbox, content_length)
{
    static const struct {
        const char *file, *want;
    } rows[] = {
        /* true: the From_ line inside is text, and so is what looks quoted [mbox-15] [mbox-17] */
        {F "Content-Length: 49\n\n>From x\n\nFrom q@r Fri May 23 16:35:53 2025\nS: no\n\n" F "S: 2\n\n",
         "@0[Content-Length: 49//>From x//From q@r Fri May 23 16:35:53 2025/S: no/]" AMB " @104[S: 2/]"},
        {F "Content-Length: 8\n\n>From x\n\n" F "S: 2\n\n", "@0[Content-Length: 8//From x/] @62[S: 2/]"},
        /* lies: too small, too large, beyond the end, no number [mbox-16] */
        {F "Content-Length: 1\n\nxyz\n\n" F "S: 2\n\n",
         "@0[Content-Length: 1//xyz/]!mbox.content-length @58[S: 2/]"},
        {F "Content-Length: 9\n\nxyz\n\n" F "S: 2\n\n",
         "@0[Content-Length: 9//xyz/]!mbox.content-length @58[S: 2/]"},
        {F "Content-Length: 99999999999\n\nxyz\n\n" F "S: 2\n\n",
         "@0[Content-Length: 99999999999//xyz/]!mbox.content-length @68[S: 2/]"},
        {F "Content-Length: -1\n\nxyz\n\n" F "S: 2\n\n", "@0[Content-Length: -1//xyz/] @59[S: 2/]"},
        {F "Content-Length: 4\n\nxyz\n", "@0[Content-Length: 4//xyz/]"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        expect_split(rows[i].file, strlen(rows[i].file), HAUL_MBOX_AUTO, rows[i].want);
}

Test(mbox, quoting_option)
{
    const char *file = F "S: 1\n>From h\n\n>From x\n>>From y\n";
    expect_split(file, strlen(file), HAUL_MBOX_AUTO, "@0[S: 1/>From h//From x/>From y/]");
    expect_split(file, strlen(file), HAUL_MBOX_RD, "@0[S: 1/From h//From x/>From y/]");
    expect_split(file, strlen(file), HAUL_MBOX_O, "@0[S: 1/>From h//From x/>>From y/]");
    expect_split(file, strlen(file), HAUL_MBOX_NONE, "@0[S: 1/>From h//>From x/>>From y/]");
}

Test(mbox, block_in_front)
{
    static const struct {
        const char *file, *want;
    } rows[] = {
        {F "X-Mailhaul-Meta: 1; v=1\nStatus: RO\nStatus: O\n\nx\n", "@0[Status: O//x/]"},
        {F "X-Mailhaul-Meta: 0; v=1; nofinal\nS: 1\n\nx\n\n" F "S: 2\n", "@0[S: 1//x] @76[S: 2/]"},
        {F "X-Mailhaul-Meta: 0; v=1; raw\n\n\n\n" F "S: 2\n", "@0[/]!header.none @66[S: 2/]"},
        {F "X-Mailhaul-Meta: 0; v=1; raw\n\n>From x\n", "@0[From x/]"},
        {F "X-Mailhaul-Meta: 1; v=1; raw\nContent-Length: 8\n\n>From x\n\n" F "S: 2\n",
         "@0[From x/] @91[S: 2/]"},
        {F "X-Mailhaul-Meta: 0; v=1; quoted\nS: 1\n>From h\n\n>From x\n", "@0[S: 1/From h//From x/]"},
        {F "X-Mailhaul-Meta: 0; v=1; noquote\nS: 1\n\n>From x\n", "@0[S: 1//>From x/]"},
        /* anything else belongs to the message */
        {F "X-Mailhaul-Meta: 1; v=1\nSubject: x\n\n", "@0[X-Mailhaul-Meta: 1; v=1/Subject: x/]"},
        {F "X-Mailhaul-Meta: 17; v=1\n\n", "@0[X-Mailhaul-Meta: 17; v=1/]"},
        {F "X-Mailhaul-Meta: 0; v=2\n\n", "@0[X-Mailhaul-Meta: 0; v=2/]"},
        {F "X-Mailhaul-Meta: 0; v=1; more\n\n", "@0[X-Mailhaul-Meta: 0; v=1; more/]"},
        {F "x-mailhaul-meta: 0; v=1\n\n", "@0[x-mailhaul-meta: 0; v=1/]"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        expect_split(rows[i].file, strlen(rows[i].file), HAUL_MBOX_AUTO, rows[i].want);
}

/* What a crash left in front of the first From_ line, whatever windows there are. */
Test(mbox, long_front)
{
    static const size_t fronts[] = {4096, 65500, 65535, 65536, 70000, 1u << 20};
    for (size_t i = 0; i < HAUL_COUNT(fronts); i++)
        for (size_t k = 0; k < 2; k++) {
            haul_auto_str file = {0}, want = {0};
            for (size_t n = 0; n < fronts[i]; n++)
                haul_str_addc(&file, k ? '\n' : '\0');
            haul_str_addz(&file, F "S: 1\n\nx\ry\n\n" F "S: 2\n");
            haul_str_addf(&want, "@%zu[S: 1//x^y/] @%zu[S: 2/]", fronts[i], fronts[i] + 45);
            expect_split(file.p, file.len, HAUL_MBOX_AUTO, want.p);
        }
}

/* Messages around and beyond every window: quoted lines and separators at all offsets of a border. */
Test(mbox, large)
{
    haul_auto_str file = {0}, want = {0};
    for (size_t i = 0; i < 12; i++) {
        haul_str_addf(&want, "%s@%zu", i ? " " : "", file.len);
        haul_str_addz(&file, F "S: 1\n\n");
        for (size_t fill = i == 5 ? 3u << 20 : (i * 37u) << 10; fill; fill -= fill < 64 ? fill : 64)
            haul_str_addz(&file, fill % 4096 == 0
                                     ? "\n>>From x and some more text up to 64 octets ............\n"
                                     : "plain text ....................................................\n");
        haul_str_addz(&file, "\n");
    }
    for (size_t skip = 1; skip < 3; skip++) {
        haul_auto_str got = {0}, offsets = {0};
        read_all(file.p, file.len, 0, skip, HAUL_MBOX_AUTO, &got);
        for (const char *p = got.p; *p; p++) { /* without the octets */
            if (*p == '[')
                p = strchr(p, ']');
            else
                haul_str_addc(&offsets, *p);
        }
        cr_expect_str_eq(haul_strz(&offsets), want.p, "skip %zu", skip);
    }
}

/* ── trees ── */

static void put(const char *dir, const char *name, const char *text)
{
    testing_write(testing_path("%s/%s", dir, name), text, strlen(text));
}

/* "path role" of folders and "path place" of messages. */
static void expect_tree(const char *dir, const char *labels, const char *want)
{
    haul_auto(haul_values) *values = haul_values_new();
    haul_values_set(values, "labels", labels);
    char *got = testing_dump(&haul_format_mbox, testing_path("%s", dir), values);
    haul_auto_str brief = {0};
    for (const char *line = got; *line; line += strcspn(line, "\n") + 1) {
        const char *key = line[0] == 'M' ? strstr(line, " flags=") : NULL;
        haul_str_addf(&brief, "%.*s\n", key ? (int)(key - line) : (int)strcspn(line, "\n"), line);
    }
    cr_expect_str_eq(haul_strz(&brief), want);
    free(got);
}

#define M F "S: 1\n\nx\n"

Test(mbox, tree)
{
    const char *d = "tree";
    put(d, "A.mbox", M);
    put(d, "A/B%2FC.mbox", M);
    put(d, "A/.hidden", M);
    put(d, "inbox", M);
    put(d, "Empty.mbox", "");
    put(d, "notes.txt", "no mail\n");
    put(d, "Apple.mbox/mbox", M);
    put(d, "Apple.mbox/table_of_contents", "x");
    put(d, ".mailhaul/journal.db", "x");
    put(d, ".evolution/Inbox", M); /* not read, but not in silence */
    expect_tree(
        d, "keywords",
        "I source.entry-skipped .evolution: " HAUL_READER_HIDDEN
        "\nF A -\nF A/B\\/C -\nM A/B\\/C A/B%2FC.mbox@0\nM A A.mbox@0\nF Apple -\nM Apple Apple.mbox/mbox@0\n"
        "F Empty -\nF inbox inbox\nM inbox inbox@0\nI source.entry-skipped notes.txt\n");
}

Test(mbox, thunderbird)
{
    const char *d = "profile";
    put(d, "prefs.js", "x");
    put(d, "storage.sqlite", "x");
    put(d, "Mail/Local Folders/Inbox", M);
    put(d, "Mail/Local Folders/Inbox.msf", "x");
    put(d, "Mail/Local Folders/Inbox.sbd/Work", M);
    put(d, "Mail/Local Folders/Trash", "");
    put(d, "Mail/Local Folders/msgFilterRules.dat", "x");
    expect_tree(d, "keywords",
                "F Inbox inbox\nM Inbox Mail/Local Folders/Inbox@0\nF Inbox/Work -\n"
                "M Inbox/Work Mail/Local Folders/Inbox.sbd/Work@0\nF Trash trash\n");
    put(d, "ImapMail/imap.example.com/Sent", M);
    haul_auto(haul_values) *values = haul_values_new();
    char *got = testing_dump(&haul_format_mbox, testing_path("%s", d), values);
    cr_expect(strstr(got, "F imap.example.com/Sent sent\n") && strstr(got, "F Local Folders/Inbox inbox\n"),
              "%s", got);
    free(got);
}

Test(mbox, takeout)
{
    const char *d = "t";
    put(d, "Takeout/Mail/All mail.mbox",
        "From 1@xxx Fri May 23 16:35:53 +0000 2025\nX-Gmail-Labels: Inbox,Unread,Work/Taxes\n\nx\n\n"
        "From 2@xxx Fri May 23 16:35:53 +0000 2025\nX-Gmail-Labels: Sent,Opened\n\nx\n\n"
        "From 3@xxx Fri May 23 16:35:53 +0000 2025\nX-Gmail-Labels: Spam\n\nx\n\n");
    expect_tree(
        d, "keywords",
        "F All mail -\nM All mail Takeout/Mail/All mail.mbox@0\nM All mail Takeout/Mail/All mail.mbox@86\n"
        "M All mail Takeout/Mail/All mail.mbox@160\n");
    expect_tree(
        d, "folders",
        "F All mail -\nF Work -\nF Work/Taxes -\nM Work/Taxes Takeout/Mail/All mail.mbox@0\nF Sent sent\n"
        "M Sent Takeout/Mail/All mail.mbox@86\nF Spam junk\nM Spam Takeout/Mail/All mail.mbox@160\n");
}

/* ── writing ── */

static void expect_file(const char *name, const char *want)
{
    size_t n = 0;
    char *got = testing_read(testing_path("%s", name), &n);
    cr_expect(got && strcmp(got, want) == 0, "%s: %s", name, got ? got : "absent");
    free(got);
}

static int convert(const char *arguments)
{
    return testing_run(NULL, "convert --to mbox %s %s %s", arguments, testing_path("new.mbox"),
                       testing_path("out"));
}

/* Appending to somebody else's file, running again, cutting what a killed run left. [mbox-50] */
Test(mbox, merge_and_resume)
{
    put("out", "new.mbox", F "S: old\n\nx");
    put(".", "new.mbox", F "S: new\n\n>From y\n");
    cr_expect_eq(convert(""), 4, "a target with content of its own is refused");
    cr_expect_eq(convert("--merge"), 0);
    expect_file("out/new.mbox", F "S: old\n\nx\n\n" F "S: new\n\n>From y\n\n");
    cr_expect_eq(convert("--merge"), 0);
    expect_file("out/new.mbox", F "S: old\n\nx\n\n" F "S: new\n\n>From y\n\n");
    put("out", "new.mbox", F "S: old\n\nx\n\n" F "S: new\n\n>From y\n\nFrom unfinis");
    put(".", "new.mbox", F "S: new\n\n>From y\n\n" F "S: more\n");
    cr_expect_eq(convert("--merge"), 0);
    expect_file("out/new.mbox", F "S: old\n\nx\n\n" F "S: new\n\n>From y\n\n" F "S: more\n\n");
    put("out", "new.mbox", F);
    cr_expect_eq(convert("--merge"), 4, "a file shorter than what was stored stops the run");
}

/* Blanks in a quoted local part are the address's own; others would look like the date. [mbox-40] */
Test(mbox, sender_written)
{
    static const char date[] = " Fri May 23 16:35:53 2025\n";
    static const struct {
        const char *sender, *want;
    } rows[] = {
        {"\"a \\\" b\"@c", "\"a \\\" b\"@c"},
        {"\"a b", "\"ab"},
        {"a b c", "abc"},
        {"Foo Bar <a@b>", "a@b"},
        {"-", "MAILER-DAEMON"},
    };
    haul_auto_str source = {0}, want = {0};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_str_addf(&source, "From %s%sS: 1\n\nx\n\n", rows[i].sender, date);
        haul_str_addf(&want, "From %s%sS: 1\n\nx\n\n", rows[i].want, date);
    }
    put(".", "senders.mbox", source.p);
    cr_expect_eq(testing_run(NULL, "convert %s %s", testing_path("senders.mbox"), testing_path("new.mbox")),
                 0);
    expect_file("new.mbox", want.p);
}
