/* Commands over a connection against a server that says what it should, what it should not, and nothing. */
#include "imap/client.h"
#include "testing.h"
#include "testing_server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct talk {
    testing_server server;
    haul_imap_client client;
    haul_str log; /* what callbacks were told */
    bool stop;
} talk;

static bool on_waiting(void *ctx, const char *phase)
{
    (void)phase;
    return ((talk *)ctx)->stop;
}

static void talk_init(talk *t, const char *const *script)
{
    haul_conn *conn = NULL;
    haul_err e = {0};
    *t = (talk){.server = testing_server_start("", script)};
    haul_conn_config config = {
        .host = "127.0.0.1", .port = t->server.port, .security = HAUL_CONN_PLAIN, .connect_s = 10};
    cr_assert_eq(haul_conn_open(&config, &conn, &e), HAUL_OK, "%s", e.text);
    haul_imap_client_init(&t->client, conn);
    t->client.silence_s = 15;
    t->client.waiting = on_waiting;
    t->client.ctx = t;
}

/* The client closes first, as the script's end wants it. */
static void talk_done(talk *t)
{
    haul_imap_client_done(&t->client);
    cr_expect(testing_server_done(&t->server), "the script was not followed");
    haul_str_done(&t->log);
}

static const char *kind_name(haul_imap_kind k)
{
    static const char *const names[] = {"+", "*", "OK", "NO", "BAD", "BYE"};
    return names[k];
}

static void on_data(haul_imap_command *c, const haul_imap_reply *r)
{
    talk *t = c->ctx;
    haul_str_addf(&t->log, "%.2s*%.*s;", c->tag + 7, (int)r->rest.len, r->rest.p);
}

static void on_tagged(haul_imap_command *c, const haul_imap_reply *r)
{
    talk *t = c->ctx;
    haul_str_addf(&t->log, "%.2s %s %.*s;", c->tag + 7, kind_name(r->kind), (int)r->rest.len, r->rest.p);
}

static haul_imap_command *command(talk *t, const char *text)
{
    haul_imap_command *c = haul_imap_command_new("%s", text);
    c->data = on_data;
    c->tagged = on_tagged;
    c->ctx = t;
    return c;
}

/* Pump until nothing is queued or the connection is dead. */
static haul_rc settle(talk *t, haul_err *e)
{
    haul_imap_client *c = &t->client;
    haul_rc rc = HAUL_OK;
    while ((rc = haul_imap_pump(c, e)) == HAUL_OK && c->first) {
        bool write = haul_imap_wants_write(c);
        haul_conn_wait(&c->conn, &write, 1, 100);
        rc = haul_imap_check_silence(c, e);
        if (rc != HAUL_OK)
            break;
    }
    return rc;
}

static haul_spool *spool_of(const char *text, size_t n)
{
    haul_spool *s = haul_spool_new(true);
    cr_assert_eq(haul_out_write(haul_spool_out(s), text, n, NULL), HAUL_OK);
    cr_assert_eq(haul_spool_freeze(s, NULL), HAUL_OK);
    return s;
}

/* "APPEND x {n}" and its body behind a wait. */
static haul_imap_command *append(talk *t, const char *body)
{
    haul_imap_command *c = command(t, "APPEND x ");
    c->literal = true;
    haul_str_addf(&c->text, "{%zu}\r\n", strlen(body));
    haul_imap_piece_end(c, true);
    haul_str_addf(&c->text, "%s\r\n", body);
    return c;
}

/* ── answers find their commands ── */

Test(imap_client, many_at_a_time_answered_in_any_order)
{
    static const char *const script[] = {"C m00000001 ONE",
                                         "C m00000002 TWO",
                                         "C m00000003 THREE",
                                         "S * 1 EXISTS",
                                         "S m00000002 OK two",
                                         "S * 2 EXISTS",
                                         "S m00000001 NO one",
                                         "S * 3 EXISTS",
                                         "S m00000003 OK [CODE x] three",
                                         NULL};
    talk t;
    haul_err e = {0};
    talk_init(&t, script);
    haul_imap_queue(&t.client, command(&t, "ONE\r\n"));
    haul_imap_queue(&t.client, command(&t, "TWO\r\n"));
    haul_imap_queue(&t.client, command(&t, "THREE\r\n"));
    cr_expect_eq(settle(&t, &e), HAUL_OK, "%s", e.text);
    cr_expect_str_eq(haul_strz(&t.log), "01*EXISTS;02 OK two;01*EXISTS;01 NO one;03*EXISTS;03 OK three;");
    cr_expect_eq(t.client.n_queued, 0);
    talk_done(&t);
}

/* Dovecot answers NOOP and STORE when it has looked at the folder, which may be after the command behind them. */
Test(imap_client, data_before_the_end_of_an_earlier_command)
{
    static const char *const script[] = {
        "C NOOP",         "C FETCH", "S * 1 FETCH (UID 5)", "S m00000001 OK", "S * 2 FETCH (UID 6)",
        "S m00000002 OK", NULL};
    talk t;
    haul_err e = {0};
    talk_init(&t, script);
    haul_imap_queue(&t.client, haul_imap_command_new("NOOP\r\n"));
    haul_imap_queue(&t.client, command(&t, "FETCH\r\n"));
    cr_expect_eq(settle(&t, &e), HAUL_OK, "%s", e.text);
    cr_expect_str_eq(haul_strz(&t.log), "02*FETCH (UID 5);02*FETCH (UID 6);02 OK ;");
    talk_done(&t);
}

Test(imap_client, replies_in_pieces)
{
    static const char *const script[] = {
        "C ONE", "s * LI", "P 30",          "s ST () NIL {3", "P 30",           "s }\r", "P 30",
        "s \na", "P 30",   "s bc\r\nm0000", "P 30",           "S 0001 OK done", NULL};
    talk t;
    haul_err e = {0};
    talk_init(&t, script);
    haul_imap_queue(&t.client, command(&t, "ONE\r\n"));
    cr_expect_eq(settle(&t, &e), HAUL_OK, "%s", e.text);
    cr_expect_str_eq(haul_strz(&t.log), "01*LIST () NIL {3}\r\nabc;01 OK done;");
    talk_done(&t);
}

Test(imap_client, waiting_for_one)
{
    static const char *const script[] = {"C ONE",   "S m00000001 NO [TRYCREATE] not here",
                                         "C TWO",   "S m00000002 OK",
                                         "C THREE", "S m00000003 NO no",
                                         NULL};
    talk t;
    haul_err e = {0};
    haul_imap_result r = {0};
    talk_init(&t, script);
    cr_expect_eq(haul_imap_run(&t.client, command(&t, "ONE\r\n"), &r, &e), HAUL_OK, "%s", e.text);
    cr_expect(r.kind == HAUL_IMAP_NO && haul_imap_result_is(&r, "trycreate"));
    cr_expect_str_eq(haul_strz(&r.text), "not here");
    haul_imap_result_done(&r);
    cr_expect_eq(haul_imap_must(&t.client, haul_imap_command_new("TWO\r\n"), HAUL_E_TARGET, "two", &e),
                 HAUL_OK);
    cr_expect_eq(haul_imap_must(&t.client, haul_imap_command_new("THREE\r\n"), HAUL_E_TARGET, "three", &e),
                 HAUL_E_TARGET);
    cr_expect(strstr(e.text, "three: the server said: no"), "%s", e.text);
    talk_done(&t);
}

/* ── literals ── */

Test(imap_client, a_body_waits_until_the_server_says_so)
{
    static const char *const script[] = {
        "C m00000001 APPEND x {5}", "Q 300",          "S + go on",      "C hello",
        "C m00000002 NOOP",         "S m00000001 OK", "S m00000002 OK", NULL};
    talk t;
    haul_err e = {0};
    talk_init(&t, script);
    haul_imap_queue(&t.client, append(&t, "hello"));
    haul_imap_queue(&t.client, command(&t, "NOOP\r\n"));
    cr_expect_eq(settle(&t, &e), HAUL_OK, "%s", e.text);
    cr_expect_str_eq(haul_strz(&t.log), "01 OK ;02 OK ;");
    talk_done(&t);
}

Test(imap_client, a_refusal_in_place_of_it_and_the_body_is_never_sent)
{
    static const char *const script[] = {"C APPEND x {5}", "S m00000001 NO [TRYCREATE] no",
                                         "C m00000002 NOOP", "S m00000002 OK", NULL};
    talk t;
    haul_err e = {0};
    talk_init(&t, script);
    haul_imap_queue(&t.client, append(&t, "hello"));
    haul_imap_queue(&t.client, command(&t, "NOOP\r\n"));
    cr_expect_eq(settle(&t, &e), HAUL_OK, "%s", e.text);
    cr_expect_str_eq(haul_strz(&t.log), "01 NO no;02 OK ;");
    talk_done(&t);
}

/* "+" before anything waits for it lets nothing go. */
Test(imap_client, a_plus_out_of_place_is_none)
{
    static const char *const script[] = {"C NOOP",
                                         "S + what?",
                                         "S +",
                                         "S m00000001 OK",
                                         "C APPEND x {5}",
                                         "Q 200",
                                         "S + now",
                                         "S + and again",
                                         "C hello",
                                         "S m00000002 OK",
                                         "C APPEND x {3}",
                                         "Q 200",
                                         "S +",
                                         "C abc",
                                         "S m00000003 OK",
                                         NULL};
    talk t;
    haul_err e = {0};
    talk_init(&t, script);
    haul_imap_queue(&t.client, command(&t, "NOOP\r\n"));
    cr_expect_eq(settle(&t, &e), HAUL_OK, "%s", e.text);
    haul_imap_queue(&t.client, append(&t, "hello"));
    cr_expect_eq(settle(&t, &e), HAUL_OK, "%s", e.text);
    haul_imap_queue(&t.client, append(&t, "abc"));
    cr_expect_eq(settle(&t, &e), HAUL_OK, "%s", e.text);
    talk_done(&t);
}

Test(imap_client, several_literals_in_one_command)
{
    static const char *const script[] = {"C APPEND x {1}", "Q 50", "S +", "C a {1}", "Q 50", "S +", "C b",
                                         "S m00000001 OK", NULL};
    talk t;
    haul_err e = {0};
    talk_init(&t, script);
    haul_imap_command *c = command(&t, "APPEND x {1}\r\n");
    haul_imap_piece_end(c, true);
    haul_str_addz(&c->text, "a {1}\r\n");
    haul_imap_piece_end(c, true);
    haul_str_addz(&c->text, "b\r\n");
    haul_imap_queue(&t.client, c);
    cr_expect_eq(settle(&t, &e), HAUL_OK, "%s", e.text);
    talk_done(&t);
}

/* A large body out of its spool, with LF, arrives with CRLF and whole; with and without waiting. */
Test(imap_client, a_body_out_of_its_spool)
{
    enum { LINES = 60000 };
    haul_auto_str text = {0}, size = {0}, asked = {0}, plus = {0}, want = {0};
    uint64_t sum = 0;
    for (int i = 0; i < LINES; i++) {
        haul_auto_str line = {0};
        haul_str_addf(&line, "%08d a line of this message, and more", i);
        haul_str_add(&text, line.p, line.len);
        haul_str_addc(&text, '\n');
        sum = testing_sum(sum, line.p, line.len);
        sum = testing_sum(sum, "\r\n", 2);
    }
    size_t n = text.len + LINES;
    haul_str_addf(&size, "B %zu", n);
    haul_str_addf(&asked, "C APPEND x {%zu}", n);
    haul_str_addf(&plus, "C APPEND x {%zu+}", n);
    haul_str_addf(&want, "01 OK %016llx;02 OK %016llx;", (unsigned long long)sum, (unsigned long long)sum);
    const char *script[] = {
        asked.p, "Q 50", "S +", size.p, "C ", "S m00000001 OK %x", plus.p, size.p, "C ", "S m00000002 OK %x",
        NULL};
    haul_auto(haul_spool) *body = spool_of(text.p, text.len);
    talk t;
    haul_err e = {0};
    talk_init(&t, script);
    for (int wait = 1; wait >= 0; wait--) {
        haul_imap_command *c = command(&t, "APPEND x ");
        haul_str_addf(&c->text, "{%zu%s}\r\n", n, wait ? "" : "+");
        haul_imap_piece_end(c, wait);
        haul_imap_piece_body(c, body, n);
        haul_str_addz(&c->text, "\r\n");
        haul_imap_queue(&t.client, c);
    }
    cr_expect_eq(settle(&t, &e), HAUL_OK, "%s", e.text);
    cr_expect_str_eq(haul_strz(&t.log), want.p);
    talk_done(&t);
}

/* ── bodies from the server ── */

typedef struct sum_out {
    haul_out out;
    haul_str text;
} sum_out;

static haul_rc sum_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    haul_str_add(&((sum_out *)(void *)o)->text, p, n);
    return HAUL_OK;
}

Test(imap_client, bodies_go_where_they_are_asked_for)
{
    static const char *const script[] = {
        "C FETCH", "S * 1 FETCH (UID 5 BODY[] {7}", "s a\r\nb\r\nc", "S )", "S m00000001 OK", NULL};
    talk t;
    haul_err e = {0};
    sum_out out = {.out = {.write = sum_write}};
    talk_init(&t, script);
    t.client.reader.body = &out.out;
    haul_imap_queue(&t.client, command(&t, "FETCH\r\n"));
    cr_expect_eq(settle(&t, &e), HAUL_OK, "%s", e.text);
    cr_expect_str_eq(haul_strz(&t.log), "01*FETCH (UID 5 BODY[] {0}\r\n);01 OK ;");
    cr_expect_str_eq(haul_strz(&out.text), "a\r\nb\r\nc");
    haul_str_done(&out.text);
    talk_done(&t);
}

/* ── what ends a connection ── */

static const struct {
    const char *script[8];
    bool literal; /* the command is an APPEND that the server has let go on */
    const char *says;
} deaths[] = {
    {{"C NOOP", "S m00000009 OK"}, false, "a command that was not sent"},
    {{"C NOOP", "S m0000000100 OK"}, false, "a command that was not sent"},
    {{"C NOOP", "S X OK"}, false, "a command that was not sent"},
    {{"C NOOP", "S m00000001 MAYBE"}, false, "answer is none"},
    {{"C NOOP", "S m00000001"}, false, "answer is none"},
    {{"C NOOP", "S "}, false, "answer is none"},
    {{"C NOOP", "S m00000001 BYE"}, false, "answer is none"},
    {{"C NOOP", "S * BAD syntax"}, false, "did not understand: syntax"},
    {{"C NOOP", "S * BYE see you", "X"}, false, "goodbye: see you"},
    {{"C NOOP", "S * BYE", "---"}, false, "closed"},
    {{"C NOOP", "X"}, false, "broke"},
    {{"C NOOP", "s * LIST () NIL {5}\r\nab", "---"}, false, "closed"},
    {{"C NOOP", "S * LIST {1048577}"}, false, "1048577"},
    {{"C {2}", "S +", "C ab", "S m00000001 BAD what?"}, true, "did not understand: what?"},
    {{"C {2}", "S m00000001 BAD what?"}, true, "did not understand: what?"},
    {{"C {2}", "S * BYE [UNAVAILABLE] too busy", "X"}, true, "goodbye: too busy"},
};

Test(imap_client, what_ends_a_connection, .timeout = TESTING_SECONDS)
{
    for (size_t i = 0; i < HAUL_COUNT(deaths); i++) {
        talk t;
        haul_err e = {0}, again = {0};
        talk_init(&t, deaths[i].script);
        haul_imap_queue(&t.client, deaths[i].literal ? append(&t, "ab") : command(&t, "NOOP\r\n"));
        cr_expect_eq(settle(&t, &e), HAUL_E_NETWORK, "%zu: %s", i, haul_strz(&t.log));
        cr_expect(strstr(e.text, deaths[i].says), "%zu: %s", i, e.text);
        /* the same ever after, and what is queued now is only freed */
        haul_imap_queue(&t.client, command(&t, "LATE\r\n"));
        cr_expect_eq(haul_imap_pump(&t.client, &again), HAUL_E_NETWORK);
        cr_expect_str_eq(again.text, e.text);
        talk_done(&t);
    }
}

Test(imap_client, bad_without_a_literal_is_a_refusal)
{
    static const char *const script[] = {"C ONE", "S m00000001 BAD no such command", "C TWO",
                                         "S m00000002 OK", NULL};
    talk t;
    haul_err e = {0};
    talk_init(&t, script);
    haul_imap_queue(&t.client, command(&t, "ONE\r\n"));
    cr_expect_eq(settle(&t, &e), HAUL_OK, "%s", e.text);
    haul_imap_queue(&t.client, command(&t, "TWO\r\n"));
    cr_expect_eq(settle(&t, &e), HAUL_OK, "%s", e.text);
    cr_expect_str_eq(haul_strz(&t.log), "01 NO no such command;02 OK ;");
    talk_done(&t);
}

/* The server answers while the rest of a literal is still owed: no octet of it may become a command. */
Test(imap_client, an_answer_before_the_body_is_sent)
{
    enum { N = 24 * 1024 * 1024 };
    static const char *const script[] = {"C {25165824+}", "S m00000001 NO too large", "P 300", "X", NULL};
    char *text = malloc(N);
    memset(text, 'x', N);
    haul_auto(haul_spool) *body = spool_of(text, N);
    talk t;
    haul_err e = {0};
    free(text);
    talk_init(&t, script);
    haul_imap_command *c = command(&t, "APPEND x {25165824+}\r\n");
    c->literal = true;
    haul_imap_piece_end(c, false);
    haul_imap_piece_body(c, body, N);
    haul_str_addz(&c->text, "\r\n");
    haul_imap_queue(&t.client, c);
    cr_expect_eq(settle(&t, &e), HAUL_E_NETWORK);
    cr_expect(strstr(e.text, "before the command was sent: too large"), "%s", e.text);
    cr_expect_str_eq(haul_strz(&t.log), "", "it is no receipt");
    talk_done(&t);
}

/* ── silence and interruption ── */

Test(imap_client, silence)
{
    static const char *const script[] = {"C NOOP", "P 1600", "X", NULL};
    talk t;
    haul_err e = {0};
    talk_init(&t, script);
    t.client.silence_s = 1;
    cr_expect_eq(haul_imap_check_silence(&t.client, &e), HAUL_OK);
    haul_imap_queue(&t.client, command(&t, "NOOP\r\n"));
    int64_t now = haul_clock_ms();
    cr_expect_eq(settle(&t, &e), HAUL_E_NETWORK);
    cr_expect(strstr(e.text, "silent for 1 s"), "%s", e.text);
    cr_expect(haul_clock_ms() - now >= 990);
    talk_done(&t);
}

/* Who is interrupted gets no answer; that it comes later does no harm. */
Test(imap_client, interrupted)
{
    static const char *const script[] = {"C ONE",          "C TWO", "S * 1 EXISTS", "S m00000001 OK late",
                                         "S m00000002 OK", NULL};
    talk t;
    haul_err e = {0};
    haul_imap_result r = {0};
    talk_init(&t, script);
    t.stop = true;
    cr_expect_eq(haul_imap_run(&t.client, command(&t, "ONE\r\n"), &r, &e), HAUL_E_INTERRUPTED);
    cr_expect_eq(r.text.len, 0);
    t.stop = false;
    haul_imap_queue(&t.client, command(&t, "TWO\r\n"));
    cr_expect_eq(settle(&t, &e), HAUL_OK, "%s", e.text);
    cr_expect_str_eq(haul_strz(&t.log), "02 OK ;");
    talk_done(&t);
}

/* ── one by one, for secrets ── */

Test(imap_client, replies_one_by_one)
{
    static const char *const script[] = {"C hello", "S * OK one",     "S + two", "S m00000001 OK [X y] three",
                                         "C NOOP",  "S m00000002 OK", NULL};
    talk t;
    haul_err e = {0};
    haul_imap_reply r = {0};
    char tag[12];
    talk_init(&t, script);
    haul_imap_next_tag(&t.client, tag);
    cr_expect_str_eq(tag, "m00000001");
    cr_assert_eq(haul_imap_send_now(&t.client, "hello\r\n", 7, &e), HAUL_OK);
    cr_assert_eq(haul_imap_next_reply(&t.client, &r, &e), HAUL_OK, "%s", e.text);
    cr_expect(r.kind == HAUL_IMAP_OK && haul_span_is(r.rest, "one"));
    cr_assert_eq(haul_imap_next_reply(&t.client, &r, &e), HAUL_OK, "%s", e.text);
    cr_expect(r.kind == HAUL_IMAP_CONTINUE && haul_span_is(r.rest, "two"));
    cr_assert_eq(haul_imap_next_reply(&t.client, &r, &e), HAUL_OK, "%s", e.text);
    cr_expect(haul_span_is(r.tag, tag) && haul_imap_code(&r, "X", NULL));
    haul_imap_queue(&t.client, command(&t, "NOOP\r\n"));
    cr_expect_eq(settle(&t, &e), HAUL_OK, "%s", e.text);
    talk_done(&t);
}
