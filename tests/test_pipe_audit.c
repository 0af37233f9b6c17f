/* The log of a package: its lines, its chain, and what a crash or a hand leaves of it. */
#include "base/utf.h"
#include "io/in.h"
#include "pipe/audit.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG HAUL_AUDIT_FILE

static int dir_fd(void)
{
    static int fd = -1;
    if (fd < 0)
        fd = open(testing_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert(fd >= 0);
    return fd;
}

static const char *log_path(void)
{
    return testing_path(LOG);
}

static haul_audit *reopen(void)
{
    haul_audit *a = NULL;
    haul_err e = {0};
    cr_assert_eq(haul_audit_open(dir_fd(), LOG, &a, &e), HAUL_OK, "%s", e.text);
    return a;
}

static void say(haul_audit *a, const char *event, const char *members)
{
    haul_err e = {0};
    cr_assert_eq(haul_audit_event_text(a, event, members, &e), HAUL_OK, "%s", e.text);
}

static void commit(haul_audit *a)
{
    haul_err e = {0};
    cr_assert_eq(haul_audit_commit(a, &e), HAUL_OK, "%s", e.text);
}

static haul_audit_check follow(void)
{
    haul_audit_check check;
    haul_err e = {0};
    cr_assert_eq(haul_audit_follow(dir_fd(), LOG, &check, NULL, NULL, &e), HAUL_OK, "%s", e.text);
    return check;
}

static haul_audit_check follow_text(const char *p, size_t n, size_t step)
{
    haul_audit_check check;
    haul_err e = {0};
    haul_auto(haul_in) *in = haul_in_from_mem(p, n, step);
    cr_assert_eq(haul_audit_follow_in(in, &check, NULL, NULL, &e), HAUL_OK, "%s", e.text);
    return check;
}

/* A log of three committed lines, in memory too. */
static char *three(size_t *ret_n)
{
    haul_audit *a = reopen();
    say(a, "run-started", "\"sources\":[\"a.store\",{\"b\":[true,null,-1.5]}]");
    say(a, "item", "\"id\":\"00\",\"status\":\"stored\",\"subject\":\"Gr\\u00fc\xc3\x9f \\\"x\\\"\"");
    say(a, "commit", NULL);
    commit(a);
    haul_audit_close(a);
    return testing_read(log_path(), ret_n);
}

/* The n-th line (from 0), parsed. */
static json_t *line_of(const char *text, unsigned n)
{
    while (n-- && text)
        text = strchr(text, '\n') + 1;
    json_t *o = json_loadb(text, strcspn(text, "\n"), JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    cr_assert(json_is_object(o), "%.200s", text);
    return o;
}

static const char *text_in(const json_t *o, const char *key)
{
    const char *z = json_string_value(json_object_get(o, key));
    return z ? z : "(none)";
}

static void digest(const char *p, size_t n, char hex[HAUL_SHA256_HEX])
{
    uint8_t sha256[HAUL_SHA256_LEN];
    haul_auto(haul_sha256) *h = haul_sha256_new();
    haul_sha256_update(h, p, n);
    haul_sha256_final(h, sha256);
    haul_hex(hex, sha256, HAUL_SHA256_LEN);
}

Test(audit, chain)
{
    size_t n = 0;
    char *text = three(&n), *line = text;
    char prev[HAUL_SHA256_HEX], head[HAUL_SHA256_HEX];
    memset(prev, '0', sizeof(prev) - 1);
    prev[sizeof(prev) - 1] = '\0';
    for (unsigned i = 0; i < 3; i++) {
        size_t len = strcspn(line, "\n");
        json_t *o = line_of(text, i);
        const char *time = text_in(o, "time");
        cr_assert_str_eq(text_in(o, "prev"), prev);
        cr_assert_eq(json_integer_value(json_object_get(o, "seq")), i + 1);
        cr_assert(strlen(time) == 27 && time[10] == 'T' && time[19] == '.' && time[26] == 'Z', "%s", time);
        digest(line, len, prev);
        line += len + 1;
        json_decref(o);
    }
    cr_assert_eq(line, text + n);
    haul_audit_check check = follow();
    haul_hex(head, check.head.sha256, HAUL_SHA256_LEN);
    cr_assert_eq(check.bad_line, 0, "%s", check.reason);
    cr_assert_eq(check.head.count, 3);
    cr_assert_str_eq(head, prev);
    haul_audit *a = reopen();
    cr_assert_str_eq(haul_audit_last_event(a), "commit");
    cr_assert_eq(haul_audit_get_head(a).count, 3);
    cr_assert_arr_eq(haul_audit_get_head(a).sha256, check.head.sha256, HAUL_SHA256_LEN);
    haul_audit_close(a);
    free(text);
}

Test(audit, goes_on)
{
    size_t n = 0;
    free(three(&n));
    haul_audit *a = reopen();
    say(a, "resumed", NULL);
    commit(a);
    haul_audit_head head = haul_audit_get_head(a);
    haul_audit_close(a);
    haul_audit_check check = follow();
    cr_assert_eq(check.bad_line, 0, "%s", check.reason);
    cr_assert_eq(check.head.count, 4);
    cr_assert_arr_eq(check.head.sha256, head.sha256, HAUL_SHA256_LEN);
}

Test(audit, alone)
{
    haul_audit *first = reopen(), *second = NULL;
    haul_err e = {0};
    say(first, "mine", NULL);
    commit(first);
    cr_assert_eq(haul_audit_open(dir_fd(), LOG, &second, &e), HAUL_E_STATE);
    cr_assert(strstr(e.text, "another run"), "%s", e.text);
    cr_assert_eq(follow().head.count, 1, "reading is free");
    haul_audit_close(first);
    haul_audit_close(reopen());
}

/* Each gives a valid line; where the members are no good, as one string. */
Test(audit, members)
{
    static const struct {
        const char *members;
        bool good;
    } rows[] = {
        {"\"a\":1", true},
        {"\"a\" : -0.25 , \"b\":[1,[2,{}],\"\"],\"c\":{\"seq\":1}", true},
        {"\"a\":\"\\u00e4\\n\\\\\\/\"", true},
        {"\"\":null", true},
        {"\"a\":123456789012345678", true},
        {"\"a\":1234567890123456789", false},
        {"\"a\":01", false},
        {"\"a\":1e9", false},
        {"\"a\":.5", false},
        {"\"a\":1.", false},
        {"\"a\":NaN", false},
        {"\"a\":", false},
        {"\"a\"", false},
        {"\"a\":1,", false},
        {"\"a\":1 \"b\":2", false},
        {"a:1", false},
        {"\"a\":\"x", false},
        {"\"a\":\"x\ny\"", false},
        {"\"a\":\"\x01\"", false},
        {"\"a\":\"\xff\"", false},
        {"\"a\":\"\\x\"", false},
        {"\"a\":\"\\ud800\"", false},
        {"\"a\":\"\\u12\"", false},
        {"\"a\":[1,2", false},
        {"\"a\":[1,]", false},
        {"\"a\":{\"b\"}", false},
        {"\"a\":1,\"a\":2", false},
        {"\"\\u0061\":1", false},
        {"\"prev\":\"x\"", false},
        {"\"b\":1,\"seq\":7", false},
        {"\"time\":1", false},
        {"\"event\":1", false},
        {"\"a\":1},{\"b\":2", false},
        {"\"a\":1}\n{\"b\":2", false},
        {"\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]", false},
    };
    haul_audit *a = reopen();
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        say(a, "e", rows[i].members);
    commit(a);
    haul_audit_close(a);
    char *text = testing_read(log_path(), NULL);
    for (unsigned i = 0; i < HAUL_COUNT(rows); i++) {
        json_t *o = line_of(text, i);
        bool wrapped = json_is_string(json_object_get(o, "text"));
        cr_assert_eq(wrapped, !rows[i].good, "%s", rows[i].members);
        if (wrapped && haul_utf8_valid(rows[i].members, strlen(rows[i].members)))
            cr_assert_str_eq(text_in(o, "text"), rows[i].members);
        json_decref(o);
    }
    free(text);
    haul_audit_check check = follow();
    cr_assert_eq(check.bad_line, 0, "line %d: %s", (int)check.bad_line, check.reason);
    cr_assert_eq(check.head.count, HAUL_COUNT(rows));
}

Test(audit, many_members)
{
    haul_auto_str s = {0};
    haul_audit *a = reopen();
    for (int i = 0; i < 100; i++)
        haul_str_addf(&s, "%s\"m%d\":%d", i ? "," : "", i, i);
    say(a, "e", s.p);
    commit(a);
    haul_audit_close(a);
    char *text = testing_read(log_path(), NULL);
    json_t *o = line_of(text, 0);
    cr_assert_str_eq(text_in(o, "text"), s.p);
    json_decref(o);
    free(text);
}

Test(audit, objects)
{
    haul_err e = {0};
    haul_audit *a = reopen();
    json_t *nul = json_object();
    json_object_set_new(nul, "z", json_stringn("a\0b", 3));
    json_object_set_new(nul, "a", json_string("x"));
    cr_assert_eq(haul_audit_event(a, "odd \"name\"", nul, &e), HAUL_OK);
    cr_assert_eq(haul_audit_event(a, "own", json_pack("{s:s}", "prev", "mine"), &e), HAUL_OK);
    cr_assert_eq(haul_audit_event(a, "none", NULL, &e), HAUL_OK);
    cr_assert_eq(haul_audit_event(a, "empty", json_object(), &e), HAUL_OK);
    cr_assert_eq(haul_audit_event(a, "list", json_array(), &e), HAUL_E_STATE);
    commit(a);
    haul_audit_close(a);
    char *text = testing_read(log_path(), NULL);
    json_t *first = line_of(text, 0), *second = line_of(text, 1);
    cr_assert_eq(json_string_length(json_object_get(first, "z")), 3);
    cr_assert_str_eq(text_in(first, "event"), "odd \"name\"");
    cr_assert(strstr(text, "\"z\":") < strstr(text, "\"a\":"), "members keep their order");
    cr_assert_str_eq(text_in(second, "text"), "\"prev\":\"mine\"");
    json_decref(first);
    json_decref(second);
    free(text);
    cr_assert_eq(follow().head.count, 4);
    cr_assert_eq(follow().bad_line, 0);
}

Test(audit, too_long)
{
    char hex[HAUL_SHA256_HEX];
    haul_auto_str s = {0};
    haul_audit *a = reopen();
    haul_str_addz(&s, "\"a\":\"");
    while (s.len < HAUL_AUDIT_LINE_MAX)
        haul_str_addz(&s, "0123456789abcdef");
    haul_str_addz(&s, "\"");
    say(a, "e", s.p);
    commit(a);
    haul_audit_close(a);
    char *text = testing_read(log_path(), NULL);
    json_t *o = line_of(text, 0);
    digest(s.p, s.len, hex);
    cr_assert_str_eq(text_in(o, "omitted_sha256"), hex);
    cr_assert_eq(json_integer_value(json_object_get(o, "omitted_octets")), (json_int_t)s.len);
    json_decref(o);
    free(text);
    cr_assert_eq(follow().bad_line, 0);
}

/* ── what a run that was cut off leaves ── */

static void expect_torn(const char *whole, size_t n, const void *tail, size_t tail_n, uint64_t lines)
{
    haul_auto_str s = {0};
    char hex[HAUL_SHA256_HEX];
    haul_str_add(&s, whole, n);
    haul_str_add(&s, tail, tail_n);
    testing_write(log_path(), s.p, s.len);
    haul_audit_check check = follow();
    cr_assert(check.torn);
    cr_assert_eq(check.bad_line, lines + 1);
    cr_assert_eq(check.offset, n);
    haul_audit *a = reopen();
    cr_assert_eq(haul_audit_get_head(a).count, lines + 1);
    commit(a);
    haul_audit_close(a);
    check = follow();
    cr_assert_eq(check.bad_line, 0, "%s", check.reason);
    char *text = testing_read(log_path(), NULL);
    cr_assert_eq(memcmp(text, whole, n), 0, "what was whole stays");
    json_t *o = line_of(text, (unsigned)lines);
    digest(tail, tail_n, hex);
    cr_assert_str_eq(text_in(o, "event"), "torn-line");
    cr_assert_str_eq(text_in(o, "sha256"), hex);
    cr_assert_eq(json_integer_value(json_object_get(o, "octets")), (json_int_t)tail_n);
    json_decref(o);
    free(text);
}

Test(audit, torn)
{
    size_t n = 0, last;
    char *text = three(&n);
    for (last = n - 1; text[last - 1] != '\n'; last--)
        ;
    for (size_t cut = last + 1; cut < n; cut++) /* the last line, in every length but its own */
        expect_torn(text, last, text + last, cut - last, 2);
    static const char nul[3 * 1024 * 1024];
    expect_torn(text, n, nul, 4096, 3);
    expect_torn(text, n, nul, sizeof(nul), 3); /* longer than a line may be */
    expect_torn("", 0, nul, 512, 0);           /* all of it */
    free(text);
}

Test(audit, empty_file)
{
    testing_write(log_path(), "", 0);
    haul_audit_check check = follow();
    cr_assert_eq(check.bad_line, 0);
    cr_assert_eq(check.head.count, 0);
    haul_audit *a = reopen();
    cr_assert_str_eq(haul_audit_last_event(a), "");
    say(a, "first", NULL);
    commit(a);
    haul_audit_close(a);
    cr_assert_eq(follow().head.count, 1);
}

Test(audit, uncommitted)
{
    size_t n = 0, now = 0;
    char *text = three(&n);
    haul_audit *a = reopen();
    for (int i = 0; i < 5000; i++) /* more than the buffer holds */
        say(a, "item", "\"id\":\"0123456789abcdef0123456789abcdef\",\"status\":\"stored\"");
    haul_audit_close(a);
    char *again = testing_read(log_path(), &now);
    cr_assert_eq(now, n);
    cr_assert_eq(memcmp(text, again, n), 0);
    free(text);
    free(again);
}

Test(audit, full_disk)
{
    size_t n = 0, now = 0;
    haul_err e = {0};
    free(three(&n));
    struct rlimit limit = {.rlim_cur = n + 100, .rlim_max = RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    haul_audit *a = reopen();
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    say(a, "item", NULL);
    say(a, "item", NULL);
    cr_assert_eq(haul_audit_commit(a, &e), HAUL_E_TARGET);
    cr_assert_eq(haul_audit_event_text(a, "item", NULL, &e), HAUL_E_TARGET);
    cr_assert_eq(haul_audit_commit(a, &e), HAUL_E_TARGET);
    limit.rlim_cur = RLIM_INFINITY;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    haul_audit_close(a);
    free(testing_read(log_path(), &now));
    cr_assert_eq(now, n, "nothing of what failed stays");
    cr_assert_eq(follow().bad_line, 0);
}

/* ── what a hand leaves ── */

static void expect_refused(const char *p, size_t n, uint64_t line, const char *reason)
{
    haul_audit *a = NULL;
    haul_err e = {0};
    char where[32];
    size_t now = 0;
    testing_write(log_path(), p, n);
    haul_audit_check check = follow();
    cr_assert_eq(check.bad_line, line, "line %d: %s", (int)check.bad_line, check.reason);
    cr_assert(strstr(check.reason, reason), "%s", check.reason);
    cr_assert_not(check.torn);
    cr_assert_eq(haul_audit_open(dir_fd(), LOG, &a, &e), HAUL_E_STATE);
    (void)snprintf(where, sizeof(where), "line %d ", (int)line);
    cr_assert(strstr(e.text, where) && strstr(e.text, reason), "%s", e.text);
    char *again = testing_read(log_path(), &now);
    cr_assert(now == n && memcmp(again, p, n) == 0, "a log that is refused is not touched");
    free(again);
}

Test(audit, changed)
{
    size_t n = 0;
    char *text = three(&n);
    size_t one = strcspn(text, "\n") + 1, two = one + strcspn(text + one, "\n") + 1;
    haul_auto_str s = {0};
    haul_str_add(&s, text + one, n - one); /* the first is gone */
    expect_refused(s.p, s.len, 1, "seq is 2, not 1");
    haul_str_clear(&s);
    haul_str_add(&s, text, one);
    haul_str_add(&s, text + two, n - two); /* the one in the middle */
    expect_refused(s.p, s.len, 2, "seq is 3, not 2");
    haul_str_clear(&s);
    haul_str_add(&s, text, one);
    haul_str_add(&s, text, n); /* the first twice */
    expect_refused(s.p, s.len, 2, "seq is 1, not 2");
    haul_str_clear(&s);
    haul_str_add(&s, text, n);
    s.p[strstr(s.p, "a.store") - s.p] = 'b'; /* an octet of the first: the second does not follow */
    expect_refused(s.p, s.len, 2, "prev is not the digest of line 1");
    haul_str_clear(&s);
    haul_str_add(&s, text, one);
    while (s.len < 2 * HAUL_AUDIT_LINE_MAX)
        haul_str_addc(&s, 'x');
    haul_str_addc(&s, '\n');
    expect_refused(s.p, s.len, 2, "longer than 1048576 octets");
    haul_str_clear(&s);
    haul_str_add(&s, text, n);
    haul_str_add(&s, "\n", 1);
    expect_refused(s.p, s.len, 4, "is not a line of this log");
    haul_str_clear(&s);
    haul_str_add(&s, text, n);
    haul_str_add(&s, "\0\0\0\n", 4);
    expect_refused(s.p, s.len, 4, "is not a line of this log");
    free(text);
}

/* No octet can be another one: the chain breaks, or the head is not the same. */
Test(audit, every_octet)
{
    size_t n = 0;
    char *text = three(&n);
    haul_audit_check good = follow_text(text, n, 0);
    cr_assert_eq(good.bad_line, 0);
    for (size_t i = 0; i < n; i++)
        for (int bit = 0; bit < 8; bit++) {
            text[i] = (char)(text[i] ^ 1 << bit);
            haul_audit_check check = follow_text(text, n, 0);
            bool same = check.head.count == good.head.count &&
                        memcmp(check.head.sha256, good.head.sha256, HAUL_SHA256_LEN) == 0;
            cr_assert(check.bad_line || !same, "octet %d, bit %d", (int)i, bit);
            text[i] = (char)(text[i] ^ 1 << bit);
        }
    for (size_t cut = 0; cut < n; cut++) {
        haul_audit_check whole = follow_text(text, cut, 0), steps = follow_text(text, cut, 1);
        cr_assert(whole.bad_line || whole.head.count < 3);
        cr_assert_eq(whole.bad_line, steps.bad_line);
        cr_assert_eq(whole.offset, steps.offset);
        cr_assert_eq(whole.torn, steps.torn);
    }
    free(text);
}

Test(audit, no_file)
{
    haul_audit *a = NULL;
    haul_audit_check check;
    haul_err e = {0};
    const char *path = log_path();
    cr_assert_eq(haul_audit_follow(dir_fd(), LOG, &check, NULL, NULL, &e), HAUL_E_STATE);
    testing_write(testing_path("elsewhere"), "", 0);
    cr_assert_eq(symlink("elsewhere", path), 0);
    cr_assert_eq(haul_audit_open(dir_fd(), LOG, &a, &e), HAUL_E_STATE);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(haul_audit_open(dir_fd(), LOG, &a, &e), HAUL_E_STATE);
    cr_assert_eq(haul_audit_follow(dir_fd(), LOG, &check, NULL, NULL, &e), HAUL_E_STATE);
    cr_assert_null(a);
}

static haul_rc collect(void *ctx, const haul_audit_line *line, haul_err *e)
{
    json_t *o = haul_audit_line_json(line);
    (void)e;
    cr_assert_eq(json_integer_value(json_object_get(o, "seq")), (json_int_t)line->seq);
    cr_assert_eq(strncmp(text_in(o, "event"), line->event.p, line->event.len), 0);
    cr_assert_eq(strncmp(text_in(o, "prev"), line->prev, 64), 0);
    haul_str_addf(ctx, "%s ", text_in(o, "event"));
    json_decref(o);
    return HAUL_OK;
}

static haul_rc collect_two(void *ctx, const haul_audit_line *line, haul_err *e)
{
    (void)collect(ctx, line, e);
    return haul_span_is(line->event, "item") ? haul_fail(e, HAUL_E_LIMIT, "enough") : HAUL_OK;
}

Test(audit, told)
{
    size_t n = 0;
    haul_audit_check check;
    haul_err e = {0};
    haul_auto_str s = {0};
    free(three(&n));
    cr_assert_eq(haul_audit_follow(dir_fd(), LOG, &check, collect, &s, &e), HAUL_OK, "%s", e.text);
    cr_assert_str_eq(s.p, "run-started item commit ");
    haul_str_clear(&s);
    cr_assert_eq(haul_audit_follow(dir_fd(), LOG, &check, collect_two, &s, &e), HAUL_E_LIMIT);
    cr_assert_str_eq(s.p, "run-started item ");
}
