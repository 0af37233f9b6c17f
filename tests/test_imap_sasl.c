#include "imap/sasl.h"
#include "imap/saslprep.h"

#include <criterion/criterion.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="

/* ── a login of the tests: one line a step ── */

typedef struct talk {
    haul_secret *secret, *said;
    haul_sasl_login login;
    haul_sasl *s;
    haul_err e;
} talk;

static void talk_new(haul_sasl_mech mech, haul_sasl_login login, const char *secret, talk *t)
{
    *t = (talk){.secret = haul_secret_new(), .said = haul_secret_new(), .login = login};
    cr_assert_eq(haul_secret_cat(t->secret, NULL, secret), HAUL_OK);
    t->login.secret = t->secret;
    t->s = haul_sasl_new(mech, &t->login);
}

static void talk_done(talk *t)
{
    haul_sasl_free(t->s);
    haul_secret_free(t->secret);
    haul_secret_free(t->said);
}
#define talk_auto __attribute__((cleanup(talk_done))) talk

static haul_rc hear_n(talk *t, const char *challenge, size_t n)
{
    t->e = (haul_err){0};
    return haul_sasl_step(t->s, challenge, n, t->said, &t->e);
}

static haul_rc hear(talk *t, const char *challenge)
{
    return hear_n(t, challenge, challenge ? strlen(challenge) : 0);
}

static void says_n(talk *t, const char *challenge, const char *want, size_t n)
{
    cr_expect_eq(hear(t, challenge), HAUL_OK, "%s", t->e.text);
    cr_expect(haul_secret_len(t->said) == n && memcmp(haul_secret_text(t->said), want, n) == 0,
              "to \"%s\" it says \"%s\"", challenge ? challenge : "", haul_secret_text(t->said));
}

static void says(talk *t, const char *challenge, const char *want)
{
    says_n(t, challenge, want, strlen(want));
}

static void refuses(talk *t, const char *challenge, const char *why)
{
    cr_expect_eq(hear(t, challenge), HAUL_E_AUTH, "%s", challenge);
    cr_expect_str_eq(t->e.text, why, "%s", challenge);
    cr_expect_eq(haul_secret_len(t->said), 0);
    cr_expect_not(haul_sasl_done_ok(t->s));
    cr_expect_eq(hear(t, "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="), HAUL_E_AUTH, "it stays ended");
    cr_expect_not(haul_sasl_done_ok(t->s));
}

/* ── PLAIN, LOGIN, EXTERNAL ── */

Test(sasl, plain)
{
    talk_auto t, other, more; /* RFC 4616 4 */
    talk_new(HAUL_SASL_PLAIN, (haul_sasl_login){.user = "tim"}, "tanstaaftanstaaf", &t);
    cr_expect_not(haul_sasl_done_ok(t.s));
    says_n(&t, NULL, "\0tim\0tanstaaftanstaaf", 21);
    cr_expect(haul_sasl_done_ok(t.s));
    talk_new(HAUL_SASL_PLAIN, (haul_sasl_login){.user = "Kurt", .authzid = "Ursel"}, "xipj3plmq", &other);
    says_n(&other, "", "Ursel\0Kurt\0xipj3plmq", 20);
    talk_new(HAUL_SASL_PLAIN, (haul_sasl_login){.user = "jö,=", .authzid = "Ursel"}, "\xff,=", &more);
    says_n(&more, "", "Ursel\0jö,=\0\xff,=", 15);
    refuses(&more, "", "the server asks for more than PLAIN has");
}

Test(sasl, login)
{
    talk_auto t;
    talk_new(HAUL_SASL_LOGIN, (haul_sasl_login){.user = "jo"}, "secret", &t);
    cr_expect_eq(hear(&t, NULL), HAUL_END);
    says(&t, "Username:", "jo");
    cr_expect_not(haul_sasl_done_ok(t.s), "an OK before the password was asked for");
    says(&t, "Password:", "secret");
    cr_expect(haul_sasl_done_ok(t.s));
    refuses(&t, "One more:", "the server asks for more than LOGIN has");
}

Test(sasl, external)
{
    talk_auto none, user, other;
    talk_new(HAUL_SASL_EXTERNAL, (haul_sasl_login){0}, "", &none);
    says(&none, NULL, "");
    cr_expect(haul_sasl_done_ok(none.s));
    refuses(&none, "", "the server asks for more than EXTERNAL has");
    talk_new(HAUL_SASL_EXTERNAL, (haul_sasl_login){.user = "jo"}, "", &user);
    says(&user, "", "jo");
    talk_new(HAUL_SASL_EXTERNAL, (haul_sasl_login){.user = "jo", .authzid = "fred@example.com"}, "", &other);
    says(&other, "", "fred@example.com");
}

/* ── OAuth ── */

Test(sasl, oauthbearer)
{
    haul_sasl_login login = {.user = "user@example.com", .host = "server.example.com", .port = 143};
    talk_auto t, odd; /* RFC 7628 4.1 */
    talk_new(HAUL_SASL_OAUTHBEARER, login, TOKEN, &t);
    says(&t, NULL, "n,a=user@example.com,\1host=server.example.com\1port=143\1auth=Bearer " TOKEN "\1\1");
    haul_auto(haul_secret) *sent = haul_secret_new();
    cr_assert_eq(haul_secret_base64(sent, t.said, NULL), HAUL_OK);
    cr_expect_str_eq(haul_secret_text(sent),
                     "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9Qm"
                     "VhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB");
    cr_expect(haul_sasl_done_ok(t.s));
    login.user = "a,b=c";
    talk_new(HAUL_SASL_OAUTHBEARER, login, TOKEN, &odd);
    says(&odd, "", "n,a=a=2Cb=3Dc,\1host=server.example.com\1port=143\1auth=Bearer " TOKEN "\1\1");
}

Test(sasl, oauthbearer_refused)
{
    haul_sasl_login login = {.user = "user@example.com", .host = "server.example.com", .port = 143};
    static const char error[] =
        "eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxlX3Njb3BlIiwib3BlbmlkLWNvbmZp"
        "Z3VyYXRpb24iOiJodHRwczovL2V4YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb25maWd1cmF0aW9uIn0=";
    talk_auto t; /* RFC 7628 4.3 */
    haul_auto_str challenge = {0};
    cr_assert(haul_sasl_decode(&challenge, error, sizeof(error) - 1));
    talk_new(HAUL_SASL_OAUTHBEARER, login, TOKEN, &t);
    cr_expect_eq(hear(&t, ""), HAUL_OK);
    cr_expect_str_eq(haul_sasl_detail(t.s), "");
    says(&t, challenge.p, "\1");
    cr_expect_not(haul_sasl_done_ok(t.s));
    cr_expect_str_eq(haul_sasl_detail(t.s), "status invalid_token, scope example_scope");
    refuses(&t, "{}", "the server asks for more than OAUTHBEARER has");
}

Test(sasl, xoauth2)
{
    talk_auto t, other;
    talk_new(HAUL_SASL_XOAUTH2, (haul_sasl_login){.user = "some,user=@example.com"}, TOKEN, &t);
    says(&t, NULL, "user=some,user=@example.com\1auth=Bearer " TOKEN "\1\1");
    cr_expect(haul_sasl_done_ok(t.s));
    says(&t, "{\"status\":\"400\",\"schemes\":\"Bearer\",\"scope\":\"https://mail.google.com/\"}", "");
    cr_expect_str_eq(haul_sasl_detail(t.s), "status 400, schemes Bearer, scope https://mail.google.com/");
    cr_expect_not(haul_sasl_done_ok(t.s));
    talk_new(HAUL_SASL_XOAUTH2, (haul_sasl_login){.user = "jo", .authzid = "shared"}, TOKEN, &other);
    says(&other, NULL, "user=shared\1auth=Bearer " TOKEN "\1\1");
}

Test(sasl, oauth_details_are_clean)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"{\"status\":400}", "status 400"},
        {"{\"status\":[],\"schemes\":null}", "{\"status\":[],\"schemes\":null}"},
        {"no \x1b[31mJSON\xc2\x9b at\r\nall \xff", "no  [31mJSON   at  all \xef\xbf\xbd"},
        {"{\"status\":\"a\\u0000b\\nc\"}", "{\"status\":\"a\\u0000b\\nc\"}"},
        {"{\"status\":\"a\\u001bb\\nc\"}", "status a b c"},
        {"{\"status\":\"" TOKEN "\"}", ""},
        {"you said " TOKEN, ""},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        talk_auto t;
        talk_new(HAUL_SASL_XOAUTH2, (haul_sasl_login){.user = "jo"}, TOKEN, &t);
        cr_expect_eq(hear(&t, ""), HAUL_OK);
        says(&t, rows[i][0], "");
        cr_expect_str_eq(haul_sasl_detail(t.s), rows[i][1]);
    }
    talk_auto t;
    char longer[2000];
    memset(longer, '\xff', sizeof(longer));
    talk_new(HAUL_SASL_XOAUTH2, (haul_sasl_login){.user = "jo"}, TOKEN, &t);
    cr_expect_eq(hear(&t, ""), HAUL_OK);
    cr_expect_eq(hear_n(&t, longer, sizeof(longer)), HAUL_OK);
    cr_expect_eq(strlen(haul_sasl_detail(t.s)), HAUL_SASL_DETAIL_MAX);
}

/* ── SCRAM ── */

#define NONCE_1  "fyko+d2lbbFgONRv9qkxdawL"
#define FIRST_1  "r=" NONCE_1 "3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
#define FINAL_1  "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="
#define ANSWER_1 "c=biws,r=" NONCE_1 "3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="

static void scram_1(talk *t)
{
    talk_new(HAUL_SASL_SCRAM_SHA_1, (haul_sasl_login){.user = "user", .nonce = NONCE_1}, "pencil", t);
}

Test(scram, sha_1)
{
    talk_auto t; /* RFC 5802 5 */
    scram_1(&t);
    says(&t, NULL, "n,,n=user,r=" NONCE_1);
    cr_expect_not(haul_sasl_done_ok(t.s));
    says(&t, FIRST_1, ANSWER_1);
    cr_expect_not(haul_sasl_done_ok(t.s), "an OK without the server's signature");
    says(&t, FINAL_1, "");
    cr_expect(haul_sasl_done_ok(t.s));
    refuses(&t, "", "the server's part of SCRAM is wrong: it goes on after its signature");
}

Test(scram, sha_256)
{
    talk_auto t; /* RFC 7677 3 */
    talk_new(HAUL_SASL_SCRAM_SHA_256, (haul_sasl_login){.user = "user", .nonce = "rOprNGfwEbeRWgbNEkqO"},
             "pencil", &t);
    says(&t, "", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    says(&t, "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
         "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
         "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    says(&t, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=,later=extension", "");
    cr_expect(haul_sasl_done_ok(t.s));
}

Test(scram, names)
{
    talk_auto t, prepared;
    talk_new(HAUL_SASL_SCRAM_SHA_256, (haul_sasl_login){.user = "a=b,c", .authzid = "d,", .nonce = "x"}, "p",
             &t);
    says(&t, "", "n,a=d=2C,n=a=3Db=2Cc,r=x");
    cr_expect_eq(hear(&t, "r=xy,s=AA==,i=4096"), HAUL_OK);
    cr_expect(strstr(haul_secret_text(t.said), "c=bixhPWQ9MkMs,r=xy,p=") == haul_secret_text(t.said));
    talk_new(HAUL_SASL_SCRAM_SHA_256, (haul_sasl_login){.user = "I\u00adX\u2168", .nonce = "x"}, "p",
             &prepared);
    says(&prepared, "", "n,,n=IXIX,r=x");
}

/* What a server sees of "pencil" is the same however it was typed. */
Test(scram, passwords_are_prepared)
{
    talk_auto t, latin;
    talk_new(HAUL_SASL_SCRAM_SHA_1, (haul_sasl_login){.user = "user", .nonce = NONCE_1},
             "\uff50en\u00ad\uff43il", &t);
    says(&t, "", "n,,n=user,r=" NONCE_1);
    says(&t, FIRST_1, ANSWER_1);
    talk_new(HAUL_SASL_SCRAM_SHA_1, (haul_sasl_login){.user = "user", .nonce = NONCE_1}, "p\xe4ncil", &latin);
    says(&latin, "", "n,,n=user,r=" NONCE_1);
    refuses(&latin, FIRST_1, "the password is not UTF-8");
}

Test(scram, nonces_differ)
{
    talk_auto a, b;
    talk_new(HAUL_SASL_SCRAM_SHA_1, (haul_sasl_login){.user = "jo"}, "p", &a);
    talk_new(HAUL_SASL_SCRAM_SHA_1, (haul_sasl_login){.user = "jo"}, "p", &b);
    cr_assert_eq(hear(&a, ""), HAUL_OK);
    cr_assert_eq(hear(&b, ""), HAUL_OK);
    cr_expect_eq(haul_secret_len(a.said), strlen("n,,n=jo,r=") + 24);
    cr_expect_str_neq(haul_secret_text(a.said), haul_secret_text(b.said));
}

Test(scram, hostile_first_messages)
{
#define WRONG "the server's part of SCRAM is wrong: "
    static const char *const rows[][2] = {
        {"", WRONG "nonce, salt and count are not there in their order"},
        {"r", WRONG "nonce, salt and count are not there in their order"},
        {"r=" NONCE_1 "x", WRONG "nonce, salt and count are not there in their order"},
        {"r=" NONCE_1 "x,s=AAAA", WRONG "nonce, salt and count are not there in their order"},
        {"s=AAAA,r=" NONCE_1 "x,i=4096", WRONG "nonce, salt and count are not there in their order"},
        {"m=ext,r=" NONCE_1 "x,s=AAAA,i=4096", WRONG "nonce, salt and count are not there in their order"},
        {"r=,s=AAAA,i=4096", WRONG "its nonce does not continue ours"},
        {"r=" NONCE_1 ",s=AAAA,i=4096", WRONG "its nonce does not continue ours"},
        {"r=fyko,s=AAAA,i=4096", WRONG "its nonce does not continue ours"},
        {"r=x" NONCE_1 ",s=AAAA,i=4096", WRONG "its nonce does not continue ours"},
        {"r=" NONCE_1 "\x7f,s=AAAA,i=4096", WRONG "its nonce does not continue ours"},
        {"r=" NONCE_1 "ä,s=AAAA,i=4096", WRONG "its nonce does not continue ours"},
        {"r=" NONCE_1 "x,s=,i=4096", WRONG "its salt is not base64"},
        {"r=" NONCE_1 "x,s=AAA,i=4096", WRONG "its salt is not base64"},
        {"r=" NONCE_1 "x,s=AA=A,i=4096", WRONG "its salt is not base64"},
        {"r=" NONCE_1 "x,s=AAAA,i=", WRONG "its iteration count is no number"},
        {"r=" NONCE_1 "x,s=AAAA,i=-4096", WRONG "its iteration count is no number"},
        {"r=" NONCE_1 "x,s=AAAA,i=99999999999999999999999", WRONG "its iteration count is no number"},
        {"r=" NONCE_1 "x,s=AAAA,i=0", WRONG "it asks for fewer iterations than is safe"},
        {"r=" NONCE_1 "x,s=AAAA,i=4095", WRONG "it asks for fewer iterations than is safe"},
        {"r=" NONCE_1 "x,s=AAAA,i=2000001", WRONG "it asks for more iterations than is sane"},
        {"r=" NONCE_1 "x,s=AAAA,i=999999999999999999", WRONG "it asks for more iterations than is sane"},
        {"e=unknown-\x1buser", "the server refuses the login: unknown- user"},
        {FINAL_1, WRONG "nonce, salt and count are not there in their order"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        talk_auto t;
        scram_1(&t);
        says(&t, "", "n,,n=user,r=" NONCE_1);
        refuses(&t, rows[i][0], rows[i][1]);
    }
}

Test(scram, hostile_final_messages)
{
    static const char *const rows[][2] = {
        {"", WRONG "its signature is not there"},
        {"v", WRONG "its signature is not there"},
        {"v=rmF9pqV8S7suAoZWja4dJRkFsKQ", WRONG "its signature is not there"},
        {FIRST_1, WRONG "its signature is not there"},
        {"v=", "the server's signature is wrong: it does not know the password"},
        {"v=AAAA", "the server's signature is wrong: it does not know the password"},
        {"v=rmF9pqV8S7suAoZWja4dJRkFsKU=", "the server's signature is wrong: it does not know the password"},
        {"v=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "the server's signature is wrong: it does not know the password"},
        {"e=invalid-proof", "the server refuses the login: invalid-proof"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        talk_auto t;
        scram_1(&t);
        says(&t, "", "n,,n=user,r=" NONCE_1);
        says(&t, FIRST_1, ANSWER_1);
        refuses(&t, rows[i][0], rows[i][1]);
    }
}

Test(scram, as_many_iterations_as_are_allowed)
{
    talk_auto t;
    scram_1(&t);
    says(&t, "", "n,,n=user,r=" NONCE_1);
    cr_expect_eq(hear(&t, "r=" NONCE_1 "x,s=AAAA,i=2000000"), HAUL_OK);
}

Test(scram, a_nul_ends_nothing)
{
    static const char first[] = "r=" NONCE_1 "x\0,s=AAAA,i=4096";
    talk_auto t;
    scram_1(&t);
    says(&t, "", "n,,n=user,r=" NONCE_1);
    cr_expect_eq(hear_n(&t, first, sizeof(first) - 1), HAUL_E_AUTH);
    cr_expect_str_eq(t.e.text, WRONG "its nonce does not continue ours");
}

/* ── what no mechanism takes ── */

typedef struct bad_row {
    haul_sasl_mech mech;
    const char *user, *authzid, *secret, *why;
} bad_row;

Test(sasl, logins_that_cannot_be)
{
    static const bad_row rows[] = {
        {HAUL_SASL_PLAIN, NULL, NULL, "x", "there is no user name"},
        {HAUL_SASL_SCRAM_SHA_256, "", NULL, "x", "there is no user name"},
        {HAUL_SASL_PLAIN, "jo", NULL, "", "there is no password"},
        {HAUL_SASL_XOAUTH2, "jo", NULL, "", "there is no token"},
        {HAUL_SASL_XOAUTH2, "jo\1auth=Bearer x", NULL, "x", "a control character in the user name"},
        {HAUL_SASL_OAUTHBEARER, "jo", "a\nb", "x", "a control character in the name of the other user"},
        {HAUL_SASL_OAUTHBEARER, "jo", NULL, "a\1b", "a character in the token that no bearer token has"},
        {HAUL_SASL_XOAUTH2, "jo", NULL, "Bearer x", "a character in the token that no bearer token has"},
        {HAUL_SASL_SCRAM_SHA_1, "j\xf6", NULL, "x", "the user name is not UTF-8"},
        {HAUL_SASL_SCRAM_SHA_1, "jo", "j\xf6", "x", "the name of the other user is not UTF-8"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        const bad_row *r = &rows[i];
        talk_auto t;
        talk_new(r->mech, (haul_sasl_login){.user = r->user, .authzid = r->authzid}, r->secret, &t);
        refuses(&t, "", r->why);
    }
}

Test(sasl, challenges_out_of_place)
{
    static const char large[HAUL_SASL_CHALLENGE_MAX + 1];
    talk_auto early, big, again, nul;
    talk_new(HAUL_SASL_PLAIN, (haul_sasl_login){.user = "jo"}, "x", &early);
    refuses(&early, "hello", "the server says something before PLAIN begins");
    talk_new(HAUL_SASL_LOGIN, (haul_sasl_login){.user = "jo"}, "x", &big);
    cr_expect_eq(hear_n(&big, large, sizeof(large) - 1), HAUL_OK);
    cr_expect_eq(hear_n(&big, large, sizeof(large)), HAUL_E_AUTH);
    cr_expect_str_eq(big.e.text, "a challenge of more than 16384 octets");
    scram_1(&again);
    cr_expect_eq(hear(&again, NULL), HAUL_OK);
    refuses(&again, NULL, "an initial response in the middle");
    talk_new(HAUL_SASL_PLAIN, (haul_sasl_login){.user = "jo"}, "x", &nul);
    cr_assert_eq(haul_secret_add(nul.secret, "\0y", 2, NULL), HAUL_OK);
    refuses(&nul, NULL, "a NUL in the password");
    haul_sasl_free(NULL);
}

Test(sasl, decode)
{
    static const char *const good[][2] = {{"", ""},        {"Zg==", "f"},          {"Zm8=", "fo"},
                                          {"Zm9v", "foo"}, {"Zm9vYmFy", "foobar"}, {"+/+/", "\xfb\xff\xbf"}};
    static const char *const bad[] = {"Z",        "Zg",       "Zg=",  "====",  "Z===",
                                      "Zg==Zg==", "Zm9v\n",   "Zh==", "Zm9=",  "Zm-_",
                                      " Zm9",     "Zg==\r\n", "=Zg=", "Zm9v=", "Z\xc3\xa4v"};
    for (size_t i = 0; i < HAUL_COUNT(good); i++) {
        haul_auto_str s = {0};
        cr_expect(haul_sasl_decode(&s, good[i][0], strlen(good[i][0])));
        cr_expect_str_eq(haul_strz(&s), good[i][1]);
    }
    for (size_t i = 0; i < HAUL_COUNT(bad); i++) {
        haul_auto_str s = {0};
        cr_expect_not(haul_sasl_decode(&s, bad[i], strlen(bad[i])), "%s", bad[i]);
        haul_str_addz(&s, "kept");
        cr_expect_not(haul_sasl_decode(&s, bad[i], strlen(bad[i])));
        cr_expect_str_eq(s.p, "kept");
    }
    cr_expect_not(haul_sasl_decode(&(haul_str){0}, "Zm\0v", 4));
}

/* ── SASLprep ── */

Test(saslprep, table)
{
    static const char *const rows[][2] = {
        /* RFC 4013 3 */
        {"I\u00adX", "IX"},
        {"user", "user"},
        {"USER", "USER"},
        {"\u00aa", "a"},
        {"\u2168", "IX"},
        {"\7", "\7"},           /* ASCII goes as it is */
        {"\u06271", "\u06271"}, /* bidirectional text is not looked at */
        /* blanks */
        {"a\u00a0b\u3000c\u200bd", "a b c d"},
        /* form KC */
        {"a\u0308", "ä"},
        {"\u00e4", "ä"},
        {"\ufb01x", "fix"},
        {"a\u0323\u0307", "ạ\u0307"},
        {"a\u0307\u0323", "ạ\u0307"},
        {"\u1100\u1161\u11a8", "\uac01"},
        {"\u0344", "\u0308\u0301"}, /* an exclusion from composition */
        /* refused */
        {"ä\7", NULL},
        {"\xc2\x85", NULL},
        {"\u200e", NULL},
        {"\ue000", NULL},
        {"\U0001fffe", NULL},
        {"\U000e0001", NULL},
        {"\ufffd", NULL},
        {"\u00ad", NULL},
        {"\xff", NULL},
        {"\xed\xa0\x80", NULL},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto(haul_secret) *s = haul_secret_new();
        haul_err e = {0};
        cr_assert_eq(haul_secret_cat(s, NULL, "<"), HAUL_OK);
        haul_rc rc = haul_saslprep(s, "password", rows[i][0], strlen(rows[i][0]), &e);
        cr_expect_eq(rc, rows[i][1] ? HAUL_OK : HAUL_E_AUTH, "row %zu: %s", i, e.text);
        cr_expect_str_eq(haul_secret_text(s) + 1, rows[i][1] ? rows[i][1] : "", "row %zu", i);
    }
}

/* Against the form KC of glib, over what composes and decomposes. */
Test(saslprep, agrees_with_glib)
{
    static const gunichar blocks[][2] = {
        {0xc0, 0x24f},    {0x300, 0x33f},     {0x591, 0x5f4},   {0x900, 0x9ff},   {0x1100, 0x11ff},
        {0x1e00, 0x1fff}, {0x3041, 0x30ff},   {0xac00, 0xd7a3}, {0xfb00, 0xfb4f}, {0xff01, 0xffdc},
        {0x41, 0x7a},     {0x1d15e, 0x1d164}, {0xf900, 0xfa2d}, {0x2100, 0x218b}, {0x300, 0x30f}};
    uint64_t seed = 4013;
    for (int round = 0; round < 20000; round++) {
        haul_auto(haul_secret) *got = haul_secret_new();
        char text[80];
        size_t n = 0;
        for (int i = 0; i < 8; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            const gunichar *b = blocks[(seed >> 33) % HAUL_COUNT(blocks)];
            gunichar c = b[0] + (gunichar)(seed >> 40) % (b[1] - b[0] + 1);
            if (c != 0x34f && c != 0x340 && c != 0x341)
                n += (size_t)g_unichar_to_utf8(c, text + n);
        }
        gchar *want = g_utf8_normalize(text, (gssize)n, G_NORMALIZE_NFKC);
        cr_assert_eq(haul_saslprep(got, "name", text, n, NULL), HAUL_OK);
        cr_assert_str_eq(haul_secret_text(got), want, "%.*s", (int)n, text);
        g_free(want);
    }
}

Test(saslprep, limits)
{
    haul_auto(haul_secret) *s = haul_secret_new();
    haul_auto_str text = {0};
    haul_err e;
    for (int i = 0; i < 1000; i++)
        haul_str_addz(&text, "\ufdfa"); /* becomes 18 characters */
    cr_expect_eq(haul_saslprep(s, "password", text.p, text.len, &e), HAUL_E_AUTH);
    cr_expect_str_eq(e.text, "the password is too long");
    cr_expect_eq(haul_secret_len(s), 0);
}

/* ── choosing ── */

#define NO_MECH HAUL_SASL_COUNT

typedef struct choice {
    const char *capability;
    haul_sasl_wish wish;
    haul_sasl_mech want;
    haul_rc rc;
    const char *why;
} choice;

#define ALL                                                                                                  \
    "AUTH=LOGIN AUTH=PLAIN AUTH=SCRAM-SHA-1 AUTH=SCRAM-SHA-256 AUTH=XOAUTH2 AUTH=OAUTHBEARER AUTH=EXTERNAL"
#define GAVE(x)  HAUL_SASL_##x, HAUL_OK, NULL
#define AUTH(x)  NO_MECH, HAUL_E_AUTH, x
#define USAGE(x) NO_MECH, HAUL_E_USAGE, x

static const choice choices[] = {
    {ALL, {.password = true, .encrypted = true}, GAVE(SCRAM_SHA_256)},
    {ALL, {.token = true, .encrypted = true}, GAVE(OAUTHBEARER)},
    {ALL, {.token = true, .password = true, .certificate = true, .encrypted = true}, GAVE(OAUTHBEARER)},
    {ALL, {.certificate = true, .encrypted = true}, GAVE(EXTERNAL)},
    {ALL, {.certificate = true, .password = true, .encrypted = true}, GAVE(SCRAM_SHA_256)},
    {ALL, {.password = true}, GAVE(SCRAM_SHA_256)},
    {ALL, {.password = true, .encrypted = true, .forced = "plain"}, GAVE(PLAIN)},
    {ALL, {.password = true, .allow_plain = true, .forced = "LOGIN"}, GAVE(LOGIN)},
    {"IMAP4rev1 IDLE auth=plain AUTH=LOGIN\r\n", {.password = true, .encrypted = true}, GAVE(PLAIN)},
    {"AUTH=LOGIN AUTH=SCRAM-SHA-1", {.password = true, .encrypted = true}, GAVE(SCRAM_SHA_1)},
    {"AUTH=LOGIN", {.password = true, .encrypted = true}, GAVE(LOGIN)},
    {"AUTH=PLAIN AUTH=XOAUTH2", {.token = true, .encrypted = true}, GAVE(XOAUTH2)},
    {"AUTH=PLAIN", {.token = true, .password = true, .encrypted = true}, GAVE(PLAIN)},
    {"AUTH=PLAIN", {.password = true, .allow_plain = true}, GAVE(PLAIN)},
    {"AUTH=EXTERNAL AUTH=NTLM", {.certificate = true, .password = true, .encrypted = true}, GAVE(EXTERNAL)},
    {"AUTH=SCRAM-SHA-256-PLUS AUTH=NTLM AUTH=",
     {.password = true, .encrypted = true},
     AUTH("the server offers SCRAM-SHA-256-PLUS, NTLM; what there is to log in with would do for "
          "SCRAM-SHA-256, "
          "SCRAM-SHA-1, PLAIN, LOGIN")},
    {"PLAIN IMAP4rev1",
     {.token = true, .encrypted = true},
     AUTH("the server offers no mechanism; what there is to log in with would do for OAUTHBEARER, XOAUTH2")},
    {"AUTH=PLAIN AUTH=e\x1bvil AUTH=X0123456789012345678901234567890",
     {.encrypted = true},
     AUTH("there is no password, OAuth token or client certificate; the server offers PLAIN")},
    {"AUTH=PLAIN AUTH=LOGIN",
     {.password = true},
     AUTH("PLAIN would send a password readable: the connection is not encrypted")},
    {ALL,
     {.token = true},
     AUTH("OAUTHBEARER would send an OAuth token readable: the connection is not encrypted")},
    {ALL,
     {.password = true, .forced = "PLAIN"},
     AUTH("PLAIN would send a password readable: the connection is not encrypted")},
    {"AUTH=PLAIN",
     {.password = true, .encrypted = true, .forced = "SCRAM-SHA-1"},
     AUTH("the server does not offer SCRAM-SHA-1, but PLAIN")},
    {ALL, {.password = true, .encrypted = true, .forced = "xoauth2"}, USAGE("XOAUTH2 needs an OAuth token")},
    {ALL,
     {.password = true, .encrypted = true, .forced = "CRAM-MD5"},
     USAGE("no SASL mechanism CRAM-MD5; there are OAUTHBEARER, XOAUTH2, SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, "
           "LOGIN, "
           "EXTERNAL")},
};

Test(choose, table)
{
    for (size_t i = 0; i < HAUL_COUNT(choices); i++) {
        const choice *c = &choices[i];
        haul_sasl_mech got = NO_MECH;
        haul_err e = {0};
        cr_expect_eq(haul_sasl_choose(c->capability, &c->wish, &got, &e), c->rc, "row %zu: %s", i, e.text);
        cr_expect_eq(got, c->want, "row %zu: %d", i, (int)got);
        cr_expect_str_eq(e.text, c->why ? c->why : "", "row %zu", i);
    }
}

Test(choose, many_offers)
{
    haul_auto_str s = {0};
    haul_err e;
    haul_sasl_mech got;
    for (int i = 0; i < 5000; i++)
        haul_str_addf(&s, "AUTH=X%d ", i);
    cr_expect_eq(haul_sasl_choose(s.p, &(haul_sasl_wish){.password = true}, &got, &e), HAUL_E_AUTH);
    cr_expect_lt(strlen(e.text), 600);
    haul_str_addz(&s, "AUTH=SCRAM-SHA-1");
    cr_expect_eq(haul_sasl_choose(s.p, &(haul_sasl_wish){.password = true}, &got, &e), HAUL_OK);
    cr_expect_eq(got, HAUL_SASL_SCRAM_SHA_1);
}
