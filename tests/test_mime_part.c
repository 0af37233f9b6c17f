#include "mime/decode.h"
#include "mime/part.h"
#include "mime/transfer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct sink {
    haul_out out;
    haul_str s;
} sink;

static haul_rc keep(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    haul_str_add(&((sink *)o)->s, p, n);
    return HAUL_OK;
}

static haul_rc fail_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)o, (void)p, (void)n;
    return haul_fail(e, HAUL_E_TARGET, "full");
}

static haul_span span(const char *z)
{
    return (haul_span){z, strlen(z)};
}

static void encode(bool qp, haul_span s, size_t step, sink *to)
{
    haul_transfer t;
    haul_transfer_init(&t, qp, &to->out);
    for (size_t i = 0; i < s.len; i += step)
        cr_assert_eq(haul_out_write(&t.out, s.p + i, s.len - i < step ? s.len - i : step, NULL), HAUL_OK);
    cr_assert_eq(haul_transfer_end(&t, NULL), HAUL_OK);
    haul_transfer_done(&t);
}

typedef struct row {
    const char *in, *out;
} row;

Test(part, quoted_printable)
{
    static const row rows[] = {
        {"", ""},
        {"a=b\r\n", "a=3Db\r\n"},
        {"a \r\nb\t\r\n\r\n", "a=20\r\nb=09\r\n\r\n"},
        {"end ", "end=20"},
        {"a\rb\nc", "a=0Db=0Ac"},
        {"From me\r\nFrom\r\nxFrom y", "=46rom me\r\nFrom\r\nxFrom y"},
        {".\r\n.a\r\n.", "=2E\r\n.a\r\n=2E"},
        {"gr\xc3\xbc", "gr=C3=BC"},
        {"0123456789012345678901234567890123456789012345678901234567890123456789012345\r\n",
         "0123456789012345678901234567890123456789012345678901234567890123456789012345\r\n"},
        {"01234567890123456789012345678901234567890123456789012345678901234567890123456",
         "012345678901234567890123456789012345678901234567890123456789012345678901234=\r\n56"},
        {"0123456789012345678901234567890123456789012345678901234567890123456789 xx. From me",
         "0123456789012345678901234567890123456789012345678901234567890123456789 xx. =\r\n=46rom me"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        for (size_t step = 1; step < 90; step += 11) {
            sink to = {.out = {keep}};
            encode(true, span(rows[i].in), step, &to);
            cr_expect_str_eq(haul_strz(&to.s), rows[i].out, "%s: %s", rows[i].in, haul_strz(&to.s));
            haul_str_done(&to.s);
        }
}

Test(part, base64)
{
    static const row rows[] = {
        {"", ""},
        {"f", "Zg==\r\n"},
        {"fo", "Zm8=\r\n"},
        {"foobar", "Zm9vYmFy\r\n"}, /* RFC 4648 10 */
        {"012345678901234567890123456789012345678901234567890123456",
         "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2\r\n"},
        {"0123456789012345678901234567890123456789012345678901234567",
         "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2\r\nNw==\r\n"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        for (size_t step = 1; step < 90; step += 11) {
            sink to = {.out = {keep}};
            encode(false, span(rows[i].in), step, &to);
            cr_expect_str_eq(haul_strz(&to.s), rows[i].out);
            haul_str_done(&to.s);
        }
}

Test(part, choice)
{
    static char longest[999];
    memset(longest, 'x', 998);
    cr_expect_eq(haul_transfer_choose(span("hello\r\n= there\r\n")), HAUL_ENC_7BIT);
    cr_expect_eq(haul_transfer_choose(span("")), HAUL_ENC_7BIT);
    cr_expect_eq(haul_transfer_choose(span(longest)), HAUL_ENC_7BIT);
    cr_expect_eq(haul_transfer_choose((haul_span){"a\0bcdefghij", 11}), HAUL_ENC_QP);
    cr_expect_eq(haul_transfer_choose(span("a\r\nFrom b, c and d")), HAUL_ENC_QP);
    cr_expect_eq(haul_transfer_choose(span("a\r\n.\r\nb")), HAUL_ENC_QP);
    cr_expect_eq(haul_transfer_choose(span("caf\xc3\xa9s and more of them")), HAUL_ENC_QP);
    cr_expect_eq(haul_transfer_choose(span("\xe6\x97\xa5\xe6\x9c\xac")), HAUL_ENC_BASE64);
    haul_auto_str s = {0};
    haul_text_crlf(&s, span("a\rb\nc\r\nd\n\r"));
    cr_expect_str_eq(haul_strz(&s), "a\r\nb\r\nc\r\nd\r\n\r\n");
}

/* Text that has all that counts, at every place of a step of sixteen octets; `rare`: how seldom. */
static void make_text(haul_str *to, unsigned seed, unsigned rare)
{
    static const haul_span odd[] = {{"\r\n", 2},      {"\r\n", 2},  {"=", 1},  {"\r\nFrom ", 7},
                                    {"\r\n.\r\n", 5}, {" \r\n", 3}, {"\t", 1}, {"\xc3\xbc", 2},
                                    {"\n", 1},        {"\r", 1},    {"\0", 1}, {"\x7f", 1}};
    uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (size_t want = 200 + seed % 7 * 1000; to->len < want;) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
        size_t kinds = 3 + (seed % 3 ? seed % (HAUL_COUNT(odd) - 2) : 0);
        haul_span s = (x >> 33) % rare ? (haul_span){"abc .F=" + (x >> 40) % 6, 1} : odd[(x >> 40) % kinds];
        haul_str_add(to, s.p, s.len);
    }
}

static void decoded(haul_decoding how, const haul_str *s, sink *to)
{
    haul_decode d;
    haul_decode_init(&d, how, &to->out);
    cr_assert_eq(haul_out_write(&d.out, s->p, s->len, NULL), HAUL_OK);
    cr_assert_eq(haul_decode_end(&d, NULL), HAUL_OK);
    cr_expect(!d.broken);
    haul_decode_done(&d);
}

/* What is encoded is the same in whatever pieces it comes, keeps to its lines, and can be read back. */
static void encode_both(haul_span s, unsigned seed)
{
    for (unsigned qp = 0; qp < 2; qp++) {
        sink whole = {.out = {keep}}, pieces = {.out = {keep}}, back = {.out = {keep}};
        encode(qp, s, s.len, &whole);
        encode(qp, s, 1 + seed % 99, &pieces);
        decoded(qp ? HAUL_DECODE_QP : HAUL_DECODE_BASE64, &whole.s, &back);
        cr_expect(whole.s.len == pieces.s.len && memcmp(whole.s.p, pieces.s.p, whole.s.len) == 0, "%u", seed);
        cr_expect(back.s.len == s.len && memcmp(back.s.p, s.p, s.len) == 0, "%u", seed);
        for (const char *p = whole.s.p, *end; *p; p = *end ? end + 2 : end) {
            end = strstr(p, "\r\n") ? strstr(p, "\r\n") : p + strlen(p);
            cr_expect(end - p <= 76 && strcspn(p, "\r\n") == (size_t)(end - p), "%u: %s", seed, p);
        }
        haul_str_done(&whole.s);
        haul_str_done(&pieces.s);
        haul_str_done(&back.s);
    }
}

/* The rule of haul_transfer_choose, octet by octet. */
static haul_encoding chosen(haul_span s)
{
    size_t coded = 0, start = 0;
    bool plain = true;
    for (size_t i = 0; i <= s.len; i++) {
        bool crlf = i + 1 < s.len && s.p[i] == '\r' && s.p[i + 1] == '\n';
        if (i == s.len || crlf) {
            size_t n = i - start;
            plain = plain && n <= 998 && !(n == 1 && s.p[start] == '.') &&
                    !(n >= 5 && memcmp(s.p + start, "From ", 5) == 0);
            start = i + 2;
            i += crlf;
            continue;
        }
        bool odd = ((unsigned char)s.p[i] < 32 && s.p[i] != '\t') || (unsigned char)s.p[i] > 126;
        plain = plain && !odd;
        coded += odd || s.p[i] == '=';
    }
    return plain ? HAUL_ENC_7BIT : coded * 2 <= s.len / 3 ? HAUL_ENC_QP : HAUL_ENC_BASE64;
}

static void lines(haul_span s, unsigned seed)
{
    haul_auto_str want = {0}, got = {0};
    for (size_t i = 0; i < s.len; i++) {
        bool cr = s.p[i] == '\r', end = cr || s.p[i] == '\n';
        i += cr && i + 1 < s.len && s.p[i + 1] == '\n';
        haul_str_add(&want, end ? "\r\n" : s.p + i, end ? 2 : 1);
    }
    haul_text_crlf(&got, s);
    cr_expect(got.len == want.len && memcmp(got.p, want.p, want.len) == 0, "%u", seed);
    cr_expect_eq(haul_text_is_crlf(s), s.len == want.len && memcmp(s.p, want.p, s.len) == 0, "%u", seed);
    cr_expect(haul_text_is_crlf((haul_span){want.p, want.len}), "%u", seed);
}

Test(part, texts_of_all_kinds)
{
    size_t count[HAUL_ENC_BINARY + 1] = {0};
    for (unsigned seed = 0; seed < 300; seed++) {
        haul_auto_str s = {0};
        make_text(&s, seed, (unsigned[]){1, 30, 300, 3000}[seed % 4]);
        haul_str exact = {malloc(s.len), s.len, s.len}; /* what is read beyond it shows */
        memcpy(exact.p, s.p, s.len);
        haul_span v = {exact.p, exact.len};
        count[haul_transfer_choose(v)]++;
        cr_expect_eq(haul_transfer_choose(v), chosen(v), "%u", seed);
        lines(v, seed);
        encode_both(v, seed);
        free(exact.p);
    }
    cr_expect(count[HAUL_ENC_7BIT] > 9 && count[HAUL_ENC_QP] > 9 && count[HAUL_ENC_BASE64] > 9, "%zu %zu %zu",
              count[HAUL_ENC_7BIT], count[HAUL_ENC_QP], count[HAUL_ENC_BASE64]);
}

static haul_rc push_some(void *ctx, haul_out *to, haul_err *e)
{
    haul_rc rc = haul_out_write(to, "foob", 4, e);
    return rc == HAUL_OK ? *(haul_rc *)ctx : rc;
}

static void write_tree(haul_part *p, uint64_t seed, sink *to)
{
    haul_str_clear(&to->s);
    cr_assert_eq(haul_part_write(p, seed, &to->out, NULL), HAUL_OK);
}

Test(part, tree)
{
    haul_arena a = {0};
    haul_rc skip = HAUL_SKIP;
    sink to = {.out = {keep}};
    haul_part *mixed = haul_part_new(&a, "multipart/mixed");
    haul_part *alternative = haul_part_new(&a, "multipart/alternative");
    haul_part *text = haul_part_new(&a, "text/plain");
    haul_part *empty = haul_part_new(&a, "multipart/related");
    haul_part *file = haul_part_new(&a, "image/png");
    haul_part *entity = haul_part_new(&a, "multipart/signed");
    haul_part_param(text, &a, "charset", "us-ascii");
    text->text = span("hello\n");
    haul_part_disposition(file, &a, "attachment", "a.png");
    file->id = "x@y";
    file->push = push_some;
    file->ctx = &skip;
    entity->entity = true;
    entity->text = span("Content-Type: a/b\r\n\r\nx\r\n");
    haul_part_add(mixed, alternative);
    haul_part_add(alternative, text);
    haul_part_add(alternative, empty);
    haul_part_add(mixed, file);
    haul_part_add(mixed, entity);
    write_tree(mixed, 7, &to);
    cr_expect(file->failed);
    const char *z = to.s.p;
    char outer[64], inner[64];
    cr_assert_eq(sscanf(z, "Content-Type: multipart/mixed;\r\n boundary=\"%60[^\"]", outer), 1, "%s", z);
    const char *second = strstr(strstr(z, "boundary=") + 1, "boundary=");
    cr_assert_eq(sscanf(second, "boundary=\"%60[^\"]", inner), 1);
    cr_expect_str_neq(outer, inner);
    haul_auto_str want = {0};
    haul_str_addf(&want,
                  "Content-Type: multipart/mixed;\r\n boundary=\"%s\"\r\n\r\n--%s\r\n"
                  "Content-Type: multipart/alternative;\r\n boundary=\"%s\"\r\n\r\n--%s\r\n"
                  "Content-Type: text/plain; charset=us-ascii\r\n\r\nhello\r\n\r\n--%s\r\n"
                  "Content-Type: text/plain\r\n\r\n\r\n--%s--\r\n\r\n--%s\r\n",
                  outer, outer, inner, inner, inner, inner, outer);
    haul_str_addf(&want,
                  "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n"
                  "Content-Disposition: attachment; filename=a.png\r\nContent-ID: <x@y>\r\n\r\n"
                  "Zm9vYg==\r\n\r\n--%s\r\nContent-Type: a/b\r\n\r\nx\r\n\r\n--%s--\r\n",
                  outer, outer);
    cr_expect_str_eq(z, want.p, "got %s\nwant %s", z, want.p);
    /* Contents written as they are that hold the boundary: another one is found. */
    entity->text = (haul_span){haul_arena_strn(&a, z, to.s.len), to.s.len};
    write_tree(mixed, 7, &to);
    cr_expect(memcmp(strstr(to.s.p, "boundary=\"") + 10, outer, strlen(outer)) != 0);
    haul_str_done(&to.s);
    haul_arena_done(&a);
}

Test(part, failures)
{
    haul_arena a = {0};
    haul_rc lost = HAUL_E_SOURCE;
    sink to = {.out = {keep}};
    haul_out full = {fail_write};
    haul_part *file = haul_part_new(&a, "image/png");
    file->push = push_some;
    file->ctx = &lost;
    cr_expect_eq(haul_part_write(file, 1, &to.out, NULL), HAUL_E_SOURCE);
    cr_expect_eq(haul_part_write(file, 1, &full, NULL), HAUL_E_TARGET);
    cr_expect(!file->failed);
    haul_part *top = haul_part_new(&a, "multipart/mixed"), *at = top;
    for (size_t i = 0; i < 2000; i++) {
        haul_part *child = haul_part_new(&a, "multipart/mixed");
        haul_part_add(at, child);
        at = child;
    }
    haul_str_clear(&to.s);
    cr_expect_eq(haul_part_write(top, 1, &to.out, NULL), HAUL_SKIP); /* never cut in silence */
    haul_str_done(&to.s);
    haul_arena_done(&a);
}
