/* What a server sends, taken apart: whole and octet by octet, cut and damaged, and with ill intent. */
#include "imap/fetch.h"
#include "imap/wire.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* ── a body's destination ── */

typedef struct body {
    haul_out out;
    haul_str text;
    size_t limit; /* then it fails */
} body;

static haul_rc body_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    body *b = (body *)(void *)o;
    if (b->limit && b->text.len + n > b->limit)
        return haul_fail(e, HAUL_E_TARGET, "no room");
    haul_str_add(&b->text, p, n);
    return HAUL_OK;
}

/* Feed octets in pieces of `step`; replies are joined by '|', bodies to b. The code that it ends with. */
static haul_rc feed(const char *p, size_t n, size_t step, body *b, haul_str *to, haul_err *e)
{
    haul_imap_reader r = {.body = b ? &b->out : NULL};
    haul_rc rc = HAUL_OK;
    if (b)
        b->out.write = body_write;
    for (size_t at = 0; at < n && rc == HAUL_OK;) {
        size_t used = 0, len = n - at < step ? n - at : step;
        bool done = false;
        char *piece = malloc(len); /* its own block: a sanitizer sees every octet too far */
        memcpy(piece, p + at, len);
        rc = haul_imap_read(&r, piece, len, &used, &done, e);
        free(piece);
        cr_assert(rc != HAUL_OK || (used > 0 && used <= len), "%zu of %zu", used, len);
        at += used;
        if (rc == HAUL_OK && done) {
            cr_assert_eq(r.line.p[r.line.len], 0);
            haul_str_add(to, r.line.p, r.line.len);
            haul_str_addz(to, r.has_body ? "#|" : "|");
            haul_imap_reader_next(&r);
        }
    }
    haul_imap_reader_done(&r);
    return rc;
}

static const struct {
    const char *octets, *replies, *body;
} streams[] = {
    {"* OK hi\r\n", "* OK hi|", ""},
    {"* OK hi\n* BYE\n", "* OK hi|* BYE|", ""},
    {"\r\n\n", "||", ""},
    {"* LIST () \"/\" {5}\r\nA\r\nBC\r\nm1 OK\r\n", "* LIST () \"/\" {5}\r\nA\r\nBC|m1 OK|", ""},
    {"* LIST () \"/\" {0}\r\n\r\n", "* LIST () \"/\" {0}\r\n|", ""},
    {"* 1 FETCH (BODY[] {6}\r\nab\r\ncd UID 7)\r\n", "* 1 FETCH (BODY[] {0}\r\n UID 7)#|", "ab\r\ncd"},
    {"* 1 FETCH (UID 7 body[] {0}\r\n)\r\n", "* 1 FETCH (UID 7 body[] {0}\r\n)#|", ""},
    {"* 1 FETCH (BODY[] ~{2}\r\nab)\r\n", "* 1 FETCH (BODY[] ~{2}\r\nab)|", ""},
    {"* 1 FETCH (BODY[TEXT] {2}\r\nab)\r\n", "* 1 FETCH (BODY[TEXT] {2}\r\nab)|", ""},
    /* one body a reply: a second one is kept, as any literal is */
    {"* 1 FETCH (BODY[] {2}\r\nab BODY[] {2}\r\ncd)\r\n", "* 1 FETCH (BODY[] {0}\r\n BODY[] {2}\r\ncd)#|",
     "ab"},
    {"* 1 FETCH (BODY[] {2}\r\nab)\r\n* 2 FETCH (BODY[] {2}\r\ncd)\r\n",
     "* 1 FETCH (BODY[] {0}\r\n)#|* 2 FETCH (BODY[] {0}\r\n)#|", "abcd"},
    {"* OK {}\r\n* OK {x}\r\n* OK 5}\r\n}\r\n", "* OK {}|* OK {x}|* OK 5}|}|", ""},
    {"* OK {99999999999999999999}\r\n", "* OK {99999999999999999999}|", ""},
    {"* OK a\rb\r\n", "* OK a\rb|", ""},
};

Test(imap_wire, replies_whole_and_octet_by_octet)
{
    static const size_t steps[] = {SIZE_MAX, 1, 2, 3, 7};
    for (size_t i = 0; i < HAUL_COUNT(streams); i++)
        for (size_t k = 0; k < HAUL_COUNT(steps); k++) {
            body b = {0};
            haul_auto_str to = {0};
            haul_err e = {0};
            cr_expect_eq(feed(streams[i].octets, strlen(streams[i].octets), steps[k], &b, &to, &e), HAUL_OK,
                         "%zu: %s", i, e.text);
            cr_expect_str_eq(haul_strz(&to), streams[i].replies, "%zu by %zu", i, steps[k]);
            cr_expect_str_eq(haul_strz(&b.text), streams[i].body, "%zu by %zu", i, steps[k]);
            haul_str_done(&b.text);
        }
}

Test(imap_wire, a_body_that_nobody_asked_for_is_kept_within_the_limit)
{
    static const char small[] = "* 1 FETCH (BODY[] {2}\r\nab)\r\n",
                      large[] = "* 1 FETCH (BODY[] {1048577}\r\n";
    haul_auto_str to = {0};
    haul_err e = {0};
    cr_expect_eq(feed(small, sizeof(small) - 1, 1, NULL, &to, &e), HAUL_OK);
    cr_expect_str_eq(haul_strz(&to), "* 1 FETCH (BODY[] {2}\r\nab)|");
    cr_expect_eq(feed(large, sizeof(large) - 1, 1, NULL, &to, &e), HAUL_E_NETWORK);
    cr_expect(strstr(e.text, "1048577"), "%s", e.text);
}

Test(imap_wire, a_body_may_be_larger_than_any_limit)
{
    enum { N = 6 * 1024 * 1024 };
    haul_auto_str in = {0}, to = {0};
    body b = {0};
    haul_str_addf(&in, "* 1 FETCH (BODY[] {%d}\r\n", N);
    haul_str_room(&in, N + 16);
    memset(in.p + in.len, 'x', N);
    in.len += N;
    haul_str_addz(&in, ")\r\n");
    cr_expect_eq(feed(in.p, in.len, 65536, &b, &to, NULL), HAUL_OK);
    cr_expect_eq(b.text.len, N);
    cr_expect_str_eq(to.p, "* 1 FETCH (BODY[] {0}\r\n)#|");
    haul_str_clear(&b.text);
    b.limit = 100000;
    cr_expect_eq(feed(in.p, in.len, 65536, &b, &to, NULL), HAUL_E_TARGET, "its failure comes through");
    haul_str_done(&b.text);
}

Test(imap_wire, lines_and_literals_have_limits)
{
    haul_auto_str in = {0}, to = {0};
    haul_err e = {0};
    haul_str_room(&in, HAUL_IMAP_LINE_MAX + 16);
    memset(in.p, 'x', HAUL_IMAP_LINE_MAX + 1);
    in.len = HAUL_IMAP_LINE_MAX + 1;
    cr_expect_eq(feed(in.p, in.len, 65536, NULL, &to, &e), HAUL_E_NETWORK);
    cr_expect(strstr(e.text, "line"), "%s", e.text);
    /* many literals of an allowed size in one reply */
    haul_str_clear(&in);
    for (unsigned i = 0; i < HAUL_IMAP_LINE_MAX / HAUL_IMAP_LITERAL_MAX + 2; i++) {
        haul_str_addf(&in, "{%u}\r\n", HAUL_IMAP_LITERAL_MAX);
        haul_str_room(&in, HAUL_IMAP_LITERAL_MAX + 16);
        memset(in.p + in.len, 'y', HAUL_IMAP_LITERAL_MAX);
        in.len += HAUL_IMAP_LITERAL_MAX;
    }
    cr_expect_eq(feed(in.p, in.len, 65536, NULL, &to, &e), HAUL_E_NETWORK);
    static const char *const rows[] = {"* X {1048577}\r\n", "* X {4294967296}\r\n",
                                       "* X {999999999999999999}\r\n"};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        cr_expect_eq(feed(rows[i], strlen(rows[i]), 1, NULL, &to, &e), HAUL_E_NETWORK, "%s", rows[i]);
}

/* ── tokens ── */

/* "a:NAME s:STRING ( ) nil !" of a whole reply; ! where something is not understood. */
static char *tokens(const char *p, size_t n)
{
    haul_str to = {0};
    haul_imap_tokens t = {0};
    char *copy = malloc(n ? n : 1);
    memcpy(copy, p, n);
    haul_imap_tokens_init(&t, (haul_span){copy, n});
    for (size_t i = 0; haul_imap_step(&t) != HAUL_IMAP_END; i++) {
        static const char *const names[] = {"!", "a:", "s:", "nil", "(", ")"};
        cr_assert_leq(i, n, "tokens without an end");
        haul_str_addf(&to, "%s%s%s", to.len ? " " : "", names[t.type],
                      t.type == HAUL_IMAP_ATOM || t.type == HAUL_IMAP_STRING ? haul_strz(&t.text) : "");
    }
    for (int i = 0; i < 3; i++)
        cr_assert_eq(haul_imap_step(&t), HAUL_IMAP_END, "END stays END");
    cr_assert_eq(t.p, t.end, "all of it");
    haul_imap_tokens_done(&t);
    free(copy);
    return to.p ? to.p : haul_strdup("");
}

static const struct {
    const char *text, *tokens;
} token_rows[] = {
    {"", ""},
    {"   ", ""},
    {"FETCH (UID 12 FLAGS (\\Seen $Junk))", "a:FETCH ( a:UID a:12 a:FLAGS ( a:\\Seen a:$Junk ) )"},
    {"nil NIL Nil nile", "nil nil nil a:nile"},
    {"\"a b\" \"a\\\"b\\\\c\" \"\"", "s:a b s:a\"b\\c s:"},
    {"{3}\r\na b {0}\r\n x", "s:a b s: a:x"},
    {"BODY[HEADER.FIELDS (Date From)] \"x\"", "a:BODY[HEADER.FIELDS (Date From)] s:x"},
    {"BINARY[1.2] {1}\r\nx", "a:BINARY[1.2] s:x"},
    {"FLAGS ([x \\Seen) UID 5", "a:FLAGS ( a:[x a:\\Seen ) a:UID a:5"}, /* a keyword may begin so */
    {"FLAGS (x] a[b) UID 5", "a:FLAGS ( a:x] a:a[b ) a:UID a:5"},
    {"(()", "( ( )"},
    {"\"open", ""},
    {"\"open\\", ""},
    {"{3}\r\nab", ""},
    {"{3}", ""},
    {"{}\r\nab", ""},
    {"{-1}\r\nab", ""},
    {"{18446744073709551615}\r\nab", ""},
    {"{99999999999999999999}\r\nab", ""},
    {"a{3}\r\nb", "a:a{3}\r\nb"},
};

Test(imap_wire, tokens_of_replies)
{
    for (size_t i = 0; i < HAUL_COUNT(token_rows); i++) {
        char *got = tokens(token_rows[i].text, strlen(token_rows[i].text));
        cr_expect_str_eq(got, token_rows[i].tokens, "%s: %s", token_rows[i].text, got);
        free(got);
    }
}

Test(imap_wire, numbers)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t n;
    } rows[] = {{"0", true, 0},
                {"4294967295", true, UINT32_MAX},
                {"4294967296", true, UINT64_C(4294967296)},
                {"999999999999999999", true, UINT64_C(999999999999999999)},
                {"1000000000000000000", false, 0}, /* beyond what is read */
                {"18446744073709551616", false, 0},
                {"-1", false, 0},
                {"+1", false, 0},
                {"1x", false, 0},
                {"\"1\"", false, 0},
                {"", false, 0}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_imap_tokens t = {0};
        uint64_t n = 0;
        haul_imap_tokens_init(&t, (haul_span){rows[i].text, strlen(rows[i].text)});
        cr_expect_eq(haul_imap_step_number(&t, &n), rows[i].ok, "%s", rows[i].text);
        cr_expect(!rows[i].ok || n == rows[i].n, "%s", rows[i].text);
        haul_imap_tokens_done(&t);
        uint32_t uid = haul_imap_uid((haul_span){rows[i].text, strlen(rows[i].text)});
        cr_expect_eq(uid, rows[i].ok && rows[i].n <= UINT32_MAX ? rows[i].n : 0, "%s", rows[i].text);
    }
}

Test(imap_wire, passing_over_values)
{
    static const struct {
        const char *text;
        bool ok;
        const char *next;
    } rows[] = {{"a b", true, "b"},         {"(a (b) \"c)\") d", true, "d"},
                {"NIL d", true, "d"},       {"() d", true, "d"},
                {"{2}\r\n() d", true, "d"}, {") d", false, NULL},
                {"(a (b) c", false, NULL},  {"", false, NULL},
                {"\"x", false, NULL}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_imap_tokens t = {0};
        haul_imap_tokens_init(&t, (haul_span){rows[i].text, strlen(rows[i].text)});
        cr_expect_eq(haul_imap_pass(&t), rows[i].ok, "%s", rows[i].text);
        if (rows[i].ok) {
            haul_imap_step(&t);
            cr_expect(haul_imap_token_is(&t, rows[i].next), "%s", rows[i].text);
        }
        haul_imap_tokens_done(&t);
    }
}

Test(imap_wire, nesting_has_a_limit)
{
    for (size_t depth = 1; depth < 4096; depth += depth < 128 ? 1 : 997) {
        haul_auto_str text = {0};
        haul_imap_tokens t = {0};
        for (size_t i = 0; i < depth; i++)
            haul_str_addc(&text, '(');
        for (size_t i = 0; i < depth; i++)
            haul_str_addc(&text, ')');
        haul_imap_tokens_init(&t, (haul_span){text.p, text.len});
        cr_expect_eq(haul_imap_pass(&t), depth <= 64, "%zu", depth);
        haul_imap_tokens_done(&t);
    }
}

/* ── what a reply begins with ── */

static const struct {
    const char *line;
    bool ok;
    haul_imap_kind kind;
    const char *tag, *code, *rest;
    bool has_number;
    uint64_t number;
} replies[] = {
    {"* OK hi", true, HAUL_IMAP_OK, "*", "", "hi", false, 0},
    {"* ok [UIDNEXT 7] hi", true, HAUL_IMAP_OK, "*", "UIDNEXT 7", "hi", false, 0},
    {"* PREAUTH x", true, HAUL_IMAP_OK, "*", "", "x", false, 0},
    {"* BYE", true, HAUL_IMAP_BYE, "*", "", "", false, 0},
    {"* BAD what", true, HAUL_IMAP_BAD, "*", "", "what", false, 0},
    {"* 12 EXISTS", true, HAUL_IMAP_DATA, "*", "", "EXISTS", true, 12},
    {"* 99999999999999999999 EXISTS", true, HAUL_IMAP_DATA, "*", "", "99999999999999999999 EXISTS", false, 0},
    {"* LIST () NIL x", true, HAUL_IMAP_DATA, "*", "", "LIST () NIL x", false, 0},
    {"* ", true, HAUL_IMAP_DATA, "*", "", "", false, 0},
    {"*", true, HAUL_IMAP_DATA, "*", "", "", false, 0},
    {"+ go", true, HAUL_IMAP_CONTINUE, "+", "", "go", false, 0},
    {"+", true, HAUL_IMAP_CONTINUE, "+", "", "", false, 0},
    {"m00000001 OK [APPENDUID 7 1:3] done", true, HAUL_IMAP_OK, "m00000001", "APPENDUID 7 1:3", "done", false,
     0},
    {"m00000001 NO [x", true, HAUL_IMAP_NO, "m00000001", "", "[x", false, 0},
    {"m00000001 NO []", true, HAUL_IMAP_NO, "m00000001", "", "", false, 0},
    {"m00000001 OKAY", false, HAUL_IMAP_OK, NULL, NULL, NULL, false, 0},
    {"m00000001", false, HAUL_IMAP_OK, NULL, NULL, NULL, false, 0},
    {"", false, HAUL_IMAP_OK, NULL, NULL, NULL, false, 0},
    {" OK x", false, HAUL_IMAP_OK, NULL, NULL, NULL, false, 0},
};

static bool span_eq(haul_span s, const char *z)
{
    return s.len == strlen(z) && (s.len == 0 || memcmp(s.p, z, s.len) == 0);
}

Test(imap_wire, first_words)
{
    for (size_t i = 0; i < HAUL_COUNT(replies); i++) {
        haul_imap_reply r = {0};
        bool ok = haul_imap_reply_parse((haul_span){replies[i].line, strlen(replies[i].line)}, &r);
        cr_expect_eq(ok, replies[i].ok, "%s", replies[i].line);
        if (!ok || !replies[i].ok)
            continue;
        cr_expect_eq(r.kind, replies[i].kind, "%s", replies[i].line);
        cr_expect(span_eq(r.tag, replies[i].tag) && span_eq(r.code, replies[i].code) &&
                      span_eq(r.rest, replies[i].rest),
                  "%s: %.*s|%.*s|%.*s", replies[i].line, (int)r.tag.len, r.tag.p, (int)r.code.len, r.code.p,
                  (int)r.rest.len, r.rest.p);
        cr_expect_eq(r.has_number, replies[i].has_number, "%s", replies[i].line);
        cr_expect_eq(r.number, replies[i].number, "%s", replies[i].line);
    }
}

Test(imap_wire, response_codes)
{
    haul_imap_reply r = {.code = {"APPENDUID 7 1:3", 15}}, none = {0};
    haul_span args = {0};
    cr_expect(haul_imap_code(&r, "appenduid", &args) && span_eq(args, "7 1:3"));
    cr_expect(!haul_imap_code(&r, "APPEND", NULL) && !haul_imap_code(&r, "APPENDUIDS", NULL));
    cr_expect(!haul_imap_code(&none, "APPENDUID", NULL) && !haul_imap_code(&none, "", NULL));
}

static uint32_t fetch_uid(const char *p, size_t n)
{
    haul_fetch f = {0};
    uint32_t uid = haul_fetch_parse((haul_span){p, n}, &f) ? f.uid : 0;
    haul_fetch_done(&f);
    return uid;
}

Test(imap_wire, uid_of_a_fetch)
{
    static const struct {
        const char *rest;
        uint32_t uid;
    } rows[] = {{"FETCH (UID 12)", 12},
                {"fetch (FLAGS (\\Seen UID) uid 12 X (UID 9))", 12},
                {"FETCH (BODY[] {0}\r\n UID 4294967295)", UINT32_MAX},
                {"FETCH (BODY[] {4}\r\nUID  UID 7)", 7},
                {"FETCH (UID 4294967296)", 0},
                {"FETCH (UID 0)", 0},
                {"FETCH (UID x)", 0},
                {"FETCH (FLAGS (UID 5", 0},
                {"FETCH UID 5", 0},
                {"EXISTS", 0},
                {"", 0}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        cr_expect_eq(fetch_uid(rows[i].rest, strlen(rows[i].rest)), rows[i].uid, "%s", rows[i].rest);
}

/* ── anything at all ── */

/* Every parser over these octets: nothing but an answer, and the same one whatever the pieces. */
static void chew(const char *p, size_t n)
{
    body a = {0}, b = {0};
    haul_auto_str whole = {0}, split = {0};
    haul_err e = {0};
    haul_rc one = feed(p, n, SIZE_MAX, &a, &whole, &e), two = feed(p, n, 1, &b, &split, &e);
    cr_assert_eq(one, two);
    cr_assert_str_eq(haul_strz(&whole), haul_strz(&split));
    cr_assert_eq(a.text.len, b.text.len);
    haul_str_done(&a.text);
    haul_str_done(&b.text);
    for (const char *at = haul_strz(&whole), *end; *at && (end = strchr(at, '|')); at = end + 1) {
        haul_imap_reply r;
        if (!haul_imap_reply_parse((haul_span){at, (size_t)(end - at)}, &r))
            continue;
        free(tokens(r.rest.p, r.rest.len));
        free(tokens(r.code.len ? r.code.p : "", r.code.len));
        (void)fetch_uid(r.rest.p, r.rest.len);
        (void)haul_imap_code(&r, "APPENDUID", NULL);
    }
}

Test(imap_wire, every_cut_and_every_flip_ends)
{
    static const char octets[] = "\0\r\n{}()[]\"\\ *+0~\xff";
    for (size_t i = 0; i < HAUL_COUNT(streams); i++) {
        size_t n = strlen(streams[i].octets);
        for (size_t cut = 0; cut <= n; cut++)
            chew(streams[i].octets, cut);
        for (size_t at = 0; at < n; at++)
            for (size_t k = 0; k < sizeof(octets) - 1; k++) {
                char *text = haul_strdup(streams[i].octets);
                text[at] = octets[k];
                chew(text, n);
                free(text);
            }
    }
    for (size_t i = 0; i < HAUL_COUNT(token_rows); i++) {
        size_t n = strlen(token_rows[i].text);
        for (size_t cut = 0; cut <= n; cut++)
            free(tokens(token_rows[i].text, cut));
        for (size_t at = 0; at < n; at++)
            for (size_t k = 0; k < sizeof(octets) - 1; k++) {
                char *text = haul_strdup(token_rows[i].text);
                text[at] = octets[k];
                free(tokens(text, n));
                free(text);
            }
    }
}
