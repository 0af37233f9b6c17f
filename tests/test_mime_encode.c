#include "mime/addr.h"
#include "mime/encode.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

typedef struct row {
    const char *in, *out;
} row;

static void expect(const haul_str *got, const row *r)
{
    cr_expect_str_eq(haul_strz(got), r->out, "%s\n got %s\nwant %s", r->in, haul_strz(got), r->out);
}

/* Every line of a field keeps to RFC 5322 2.1.1 and 2.2.3: 7-bit, at most 998 octets, none of blanks alone. */
static void expect_lines(const haul_str *s)
{
    cr_assert(s->len > 2 && memcmp(s->p + s->len - 2, "\r\n", 2) == 0);
    for (size_t i = 0, col = 0, ink = 0; i < s->len; i++) {
        unsigned char c = (unsigned char)s->p[i];
        if (c == '\r') {
            cr_assert(s->p[i + 1] == '\n' && col <= 998 && ink, "column %zu", col);
            i++;
            cr_assert(i + 1 == s->len || s->p[i + 1] == ' ' || s->p[i + 1] == '\t');
            col = ink = 0;
            continue;
        }
        cr_assert(c == '\t' || (c >= 32 && c < 127), "octet %02x", c);
        col++;
        ink += c > 32;
    }
}

Test(encode, free_text)
{
    static const row rows[] = {
        {"", "Subject:\r\n"},
        {"hello  world ", "Subject: hello  world\r\n"},
        {"a\r\nBcc: x@y", "Subject: a Bcc: x@y\r\n"},
        {"a\rb\tc\x01", "Subject: a b c\r\n"},
        {"Gr\xc3\xb6\xc3\x9f"
         "e of it",
         "Subject: =?utf-8?B?R3LDtsOfZQ==?= of it\r\n"},
        {"\xc3\xa4 \xc3\xb6", "Subject: =?utf-8?B?w6Qgw7Y=?=\r\n"},
        {"caf\xc3\xa9s in town", "Subject: =?utf-8?B?Y2Fmw6lz?= in town\r\n"},
        {"=?utf-8?q?x?=", "Subject: =?utf-8?B?PT91dGYtOD9xP3g/PQ==?=\r\n"},
        {"malformed \xe9", "Subject: malformed =?utf-8?B?w6k=?=\r\n"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str s = {0};
        haul_field_text(&s, "Subject", rows[i].in);
        expect(&s, &rows[i]);
    }
}

Test(encode, long_text)
{
    static const char *const units[] = {"x",  "\xc3\xa4",   "word ", " ", "\xf0\x9f\x98\x80",
                                        "=?", "a \xc3\xa4 "};
    for (size_t i = 0; i < HAUL_COUNT(units); i++) {
        haul_auto_str text = {0}, s = {0};
        haul_str_addz(&text, "begin");
        while (text.len < 100000)
            haul_str_addz(&text, units[i]);
        haul_str_addz(&text, "end");
        haul_field_text(&s, "Subject", text.p);
        expect_lines(&s);
        haul_str_clear(&s);
        haul_field_raw(&s, "X", text.p);
        expect_lines(&s);
        haul_str_clear(&s);
        haul_str_addz(&s, "To: ");
        haul_mailbox_add(&s, text.p, "a@b.c");
        haul_str_addz(&s, "\r\n");
        expect_lines(&s);
        haul_str_clear(&s);
        haul_str_addz(&s, "Content-Type: a/b");
        size_t col = s.len;
        haul_param_add(&s, "name", text.p, &col);
        haul_str_addz(&s, "\r\n");
        expect_lines(&s);
    }
}

Test(encode, mailboxes)
{
    static const row rows[] = {
        {"John Doe", "John Doe <x@y.z>"},
        {"", "x@y.z"},
        {"Doe, John", "\"Doe, John\" <x@y.z>"},
        {"a@b.c", "\"a@b.c\" <x@y.z>"},
        {"J. \"Q\" \\", "\"J. \\\"Q\\\" \\\\\" <x@y.z>"},
        {"a  b", "\"a  b\" <x@y.z>"},
        {"J\xc3\xbcrgen M", "=?utf-8?B?SsO8cmdlbiBN?= <x@y.z>"},
        {"=?utf-8?q?x?=", "=?utf-8?B?PT91dGYtOD9xP3g/PQ==?= <x@y.z>"},
        {"x\r\nBcc: y", "\"x Bcc: y\" <x@y.z>"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str s = {0};
        haul_mailbox_add(&s, rows[i].in, "x@y.z");
        expect(&s, &rows[i]);
    }
}

Test(encode, addresses_that_are_none)
{
    static const char *const good[] = {"a@b",           "a.b@c.d",       "\"a,b\"@c",
                                       "a@[127.0.0.1]", "o'n+x=y/z@c.d", "a..b@c"};
    static const char *const bad[] = {"",      "a",    "@b",       "a@",        "a b@c",    "a@b c",
                                      "<a@b>", "a@b>", "a@b@c",    "/O=X/CN=Y", "a@b\r\nX", "j\xc3\xbc@x",
                                      "\"a@b", "a@.b", "\"a\"b@c", "a@b,c@d",   "a;b@c",    "\"a\n\"@b"};
    for (size_t i = 0; i < HAUL_COUNT(good); i++)
        cr_expect(haul_addr_ok(good[i]), "%s", good[i]);
    for (size_t i = 0; i < HAUL_COUNT(bad); i++)
        cr_expect(!haul_addr_ok(bad[i]), "%s", bad[i]);
    cr_expect(!haul_addr_ok(NULL));
    static const haul_addr addrs[] = {{"Ann", NULL, "EX:/o=X"},
                                      {NULL, NULL, "FAX:+49 1"},
                                      {NULL, NULL, NULL},
                                      {"Ann", "/o=X", NULL},
                                      {"J\xc3\xbc", NULL, NULL}};
    static const char *const out[] = {"Ann:;", "\"FAX:+49 1\":;", "unknown:;", "Ann:;",
                                      "=?utf-8?B?SsO8?= :;"};
    for (size_t i = 0; i < HAUL_COUNT(out); i++) {
        haul_auto_str s = {0};
        haul_addr_write(&s, &addrs[i]);
        cr_expect_str_eq(haul_strz(&s), out[i], "%s", haul_strz(&s));
    }
}

Test(encode, parameters)
{
    static const row rows[] = {
        {"a.txt", "C: attachment; filename=a.txt"},
        {"a b.txt", "C: attachment; filename=\"a b.txt\""},
        {"it's \"q\"\\", "C: attachment; filename=\"it's \\\"q\\\"\\\\\""},
        {"", "C: attachment; filename=\"\""},
        {"gr\xc3\xbc\xc3\x9f"
         "e 1.txt",
         "C: attachment; filename*=utf-8''gr%C3%BC%C3%9Fe%201.txt"},
        {"a\r\nX: y", "C: attachment; filename=\"a X: y\""},
        {"0123456789012345678901234567890123456789012345678901234567890123456789.txt",
         "C: attachment;\r\n "
         "filename*0=\"0123456789012345678901234567890123456789012345678901234567890\";\r\n"
         " filename*1=\"123456789.txt\""},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str s = {0};
        haul_str_addz(&s, "C: attachment");
        size_t col = s.len;
        haul_param_add(&s, "filename", rows[i].in, &col);
        expect(&s, &rows[i]);
    }
}

typedef struct keep_row {
    const char *name, *in;
    size_t n; /* 0 = strlen */
    const char *out;
    bool repaired;
} keep_row;

Test(encode, kept_fields)
{
    static const keep_row rows[] = {
        {"Subject", " a  b \t", 0, "Subject: a  b \t\r\n", false},
        {"To", "\n\tx@y.z,\n q@r", 0, "To:\r\n\tx@y.z,\r\n q@r\r\n", false},
        {"To", " a@b,\r\n c@d", 0, "To: a@b,\r\n c@d\r\n", false},
        {"X-A", "", 0, "X-A:\r\n", false},
        {"Subject", " a\r\n \r\n b", 0, "Subject: a  b\r\n", true},
        {"Subject", " a\rBcc: b", 0, "Subject: a Bcc: b\r\n", true},
        {"Subject", " a\0b\0", 5, "Subject: a b\r\n", true},
        {"Subject", " J\xfcrgen", 0, "Subject: =?utf-8?Q?J=C3=BCrgen?=\r\n", true},
        {"Subject", " \xd0\xbf\xd0\xb0", 0, "Subject: =?utf-8?B?0L/QsA==?=\r\n", true},
        {"Subject", " \xfc =?utf-8?q?x?=", 0, "Subject: =?utf-8?B?w7wg?= =?utf-8?q?x?=\r\n", true},
        {"Subject", " \x1b$BF|K\\8l\x1b(B", 0, "Subject: =?utf-8?B?5pel5pys6Kqe?=\r\n", true},
        {"From", " J\xfcrgen M <j@x>", 0, "From: =?utf-8?Q?J=C3=BCrgen?= M <j@x>\r\n", true},
        {"From", " \"M\xfc, \\\"J\" <j@x>", 0, "From: =?utf-8?B?TcO8LCAiSg==?= <j@x>\r\n", true},
        {"From", " j\xfc@x", 0, "From: =?utf-8?B?asO8QHg=?= :;\r\n", true},
        {"From", " \"M\xfc", 0, "From: =?utf-8?B?TcO8?=\r\n", true},
        {"Received", " x (n\xfc [1]) y", 0, "Received: x (=?utf-8?B?bsO8?= [1]) y\r\n", true},
        {"bad name", " x", 0, "X-Invalid-Field: bad name: x\r\n", true},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        const keep_row *r = &rows[i];
        haul_auto_str s = {0};
        bool repaired = haul_field_keep(&s, (haul_span){r->name, strlen(r->name)},
                                        (haul_span){r->in, r->n ? r->n : strlen(r->in)}, 1252);
        cr_expect_str_eq(haul_strz(&s), r->out, "got %s\nwant %s", haul_strz(&s), r->out);
        cr_expect_eq(repaired, r->repaired, "%s", r->out);
    }
}

/* Octets from a fixed generator, weighted towards what has a meaning in header fields. */
Test(encode, any_octets)
{
    static const char *const names[] = {"From", "Subject", "Received", "X-Y"};
    static const char alphabet[] = "ab <>(),;:@.\"\\\r\n\t\0\xc3\xbc\xff=?utf-8?q?\x1b$B";
    uint32_t seed = 1;
    char in[1500];
    for (size_t round = 0; round < 4000; round++) {
        size_t n = round % sizeof(in);
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1664525u + 1013904223u;
            in[i] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
        }
        haul_auto_str s = {0};
        const char *name = names[round % HAUL_COUNT(names)];
        (void)haul_field_keep(&s, (haul_span){name, strlen(name)}, (haul_span){in, n}, 932);
        if (s.len > strlen(name) + 3)
            expect_lines(&s);
    }
}
