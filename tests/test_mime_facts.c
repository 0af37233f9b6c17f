/* Envelope facts of messages, from the octets alone. */
#include "mime/facts.h"
#include "mime/mailbox.h"

#include "base/utf.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <string.h>

typedef struct list_row {
    const char *in, *out;
} list_row;

static const list_row lists[] = {
    {"ada@x.org", "ada@x.org"},
    {"Ada <ada@x.org>", "Ada <ada@x.org>"},
    {"Ada <ada@x.org>, b@y.org", "Ada <ada@x.org>; b@y.org"},
    {"Ada <ada@x.org>; b@y.org;", "Ada <ada@x.org>; b@y.org"},
    {"\"Lovelace, Ada\" <ada@x.org>,b@y.org", "Lovelace, Ada <ada@x.org>; b@y.org"},
    {"\"A; B\" <ada@x.org>", "\"A; B\" <ada@x.org>"},
    {"\"Ada \\\"the\\\" L\" <ada@x.org>", "\"Ada \\\"the\\\" L\" <ada@x.org>"},
    {"Ada\r\n  Lovelace\r\n\t<ada@x.org>", "Ada  Lovelace <ada@x.org>"},
    {"ada@x.org (Ada L)", "Ada L <ada@x.org>"},
    {"ada@x.org (Ada (the \\) first))", "Ada (the ) first) <ada@x.org>"},
    {"Ada (not Bea) <ada@x.org>", "Ada <ada@x.org>"},
    {"(c) ada@x.org", "c <ada@x.org>"},
    {"\"ada@x.org\" <ada@x.org>", "ada@x.org"},
    {"'ada@x.org' <Ada@x.org>", "'ada@x.org' <Ada@x.org>"},
    /* RFC 2047, in and out of quotes; around everything. */
    {"=?utf-8?Q?Ad=C3=A4?= <ada@x.org>", "Ad\xc3\xa4 <ada@x.org>"},
    {"\"=?utf-8?B?QWTDpA==?=\" <ada@x.org>", "Ad\xc3\xa4 <ada@x.org>"},
    {"=?utf-8?Q?L=2C_A?= <ada@x.org>, b@y.org", "L, A <ada@x.org>; b@y.org"},
    {"=?utf-8?Q?Ada_=3Cada=40x.org=3E?=", "Ada <ada@x.org>"},
    {"=?iso-8859-1?Q?Ad=E4?= =?iso-8859-1?Q?_L?= <ada@x.org>", "Ad\xc3\xa4 L <ada@x.org>"},
    {"=?utf-8?Q?broken <ada@x.org>", "=?utf-8?Q?broken <ada@x.org>"},
    /* 8-bit: UTF-8, else Windows-1252. */
    {"Ad\xc3\xa4 <ada@x.org>", "Ad\xc3\xa4 <ada@x.org>"},
    {"Ad\xe4 <ada@x.org>", "Ad\xc3\xa4 <ada@x.org>"},
    {"j\xc3\xb6rg@x.org", "j\xc3\xb6rg@x.org"},
    /* Groups. */
    {"Friends: ada@x.org, Bea <b@y.org>;, c@z.org", "ada@x.org; Bea <b@y.org>; c@z.org"},
    {"undisclosed-recipients:;", "undisclosed-recipients"},
    {"Undisclosed recipients: (none) ;, ada@x.org", "Undisclosed recipients; ada@x.org"},
    {"\"My: list\":;", "My: list"},
    {"Friends:", "Friends"},
    /* Obsolete, and wrong. */
    {"<@a.org,@b.org:ada@x.org>", "ada@x.org"},
    {"Ada <ada @ x.org>", "Ada <ada@x.org>"},
    {"ada @ x.org", "ada@x.org"},
    {"Ada ada@x . org (c)", "Ada <ada@x.org>"},
    {"ada@ x. org", "ada@x.org"},
    {"Ada ada@x.org", "Ada <ada@x.org>"},
    {"Ada <mailto:ada@x.org>", "Ada <ada@x.org>"},
    {"mailto:ada@x.org", "ada@x.org"},
    {"Ada <<ada@x.org>>, b@y.org", "Ada <ada@x.org>; b@y.org"},
    {"Ada <ada@x.org, b@y.org", "Ada <ada@x.org>; b@y.org"},
    {"Ada <> <ada@x.org>", "Ada <ada@x.org>"},
    {"\"Ada <ada@x.org>", "\"\\\"Ada\" <ada@x.org>"},
    {"Ada ( <ada@x.org>, b@y.org", "Ada ( <ada@x.org>; b@y.org"},
    {"\"a b\"@x.org", "\"a b\"@x.org"},
    {"<\"a>b\"@x.org>", "\"a>b\"@x.org"},
    {"ada@[IPv6:2001:db8::1], b@y.org", "ada@[IPv6:2001:db8::1]; b@y.org"},
    {"root, Bea <ada>", "root; Bea <ada>"},
    {"<>", ""},
    {" , ;, ", ""},
    {"", ""},
};

static void check_list(const list_row *r)
{
    haul_auto_str head = {0};
    haul_arena a = {0};
    haul_facts f;
    haul_str_addf(&head, "To: %s\r\n\r\n", r->in);
    haul_facts_read(head.p, head.len, &a, &f);
    cr_expect_str_eq(f.to, r->out, "%s: %s", r->in, f.to);
    haul_arena_done(&a);
}

Test(facts, address_lists)
{
    for (size_t i = 0; i < HAUL_COUNT(lists); i++)
        check_list(&lists[i]);
}

#define VECTOR "<CALckR-a8UDkRjO4xJyjd_s0GPxQWw@mail.gmail.com>"
#define HASH   "1de319c276884bd0c9e2f1621ada26cc"

typedef struct id_row {
    const char *header, *id, *mih; /* mih "*": some */
} id_row;

static const id_row ids[] = {
    {"Message-ID: " VECTOR "\n\n", VECTOR, HASH},
    {"message-id:" VECTOR "\r\n\r\n", VECTOR, HASH},
    {"Message-ID:\r\n  " VECTOR "  \r\n\r\n", VECTOR, HASH},
    {"Message-ID: (made (up) by \\) x) " VECTOR " (added)\r\n\r\n", VECTOR, HASH},
    {"Message-ID: " VECTOR "\nMessage-ID: <b@c>\n\n", VECTOR, HASH},
    {"Message-ID: b\nMessage-ID: " VECTOR "\n\n", "b", ""},
    {"Message-ID: \nMessage-ID: " VECTOR "\n\n", "", ""},
    {"Subject: x\n\nMessage-ID: " VECTOR "\n", "", ""},
    /* No folding of case. */
    {"Message-ID: <a@b>\n\n", "<a@b>", "88619db570587f35a6761a4982138641"},
    {"Message-ID: <\"a.b@c\"@[1.2.3.4]>\n\n", "<\"a.b@c\"@[1.2.3.4]>", "*"},
    {"Message-ID: <a!#$%&'*+-/=?^_`{|}~b@c.d>\n\n", "<a!#$%&'*+-/=?^_`{|}~b@c.d>", "*"},
    /* Not valid. */
    {"Message-ID: a@b\n\n", "a@b", ""},
    {"Message-ID: <ab>\n\n", "<ab>", ""},
    {"Message-ID: <a@b@c>\n\n", "<a@b@c>", ""},
    {"Message-ID: <a..b@c>\n\n", "<a..b@c>", ""},
    {"Message-ID: <.a@c>\n\n", "<.a@c>", ""},
    {"Message-ID: <a@b.>\n\n", "<a@b.>", ""},
    {"Message-ID: <@b>\n\n", "<@b>", ""},
    {"Message-ID: <a@>\n\n", "<a@>", ""},
    {"Message-ID: <a b@c>\n\n", "<a b@c>", ""},
    {"Message-ID: <a@b> <c@d>\n\n", "<a@b>", ""},
    {"Message-ID: x <a@b>\n\n", "<a@b>", ""},
    {"Message-ID: <a\xc3\xa4@b>\n\n", "<a\xc3\xa4@b>", ""},
    {"Message-ID: (<a@b>\n\n", "<a@b>", ""},
};

Test(facts, message_ids_and_their_hash)
{
    for (size_t i = 0; i < HAUL_COUNT(ids); i++) {
        const id_row *r = &ids[i];
        haul_arena a = {0};
        haul_facts f;
        haul_facts_read(r->header, strlen(r->header), &a, &f);
        cr_expect_str_eq(f.message_id, r->id, "%s: %s", r->header, f.message_id);
        if (*r->mih == '*')
            cr_expect_eq(strlen(f.mih), 32, "%s: %s", r->header, f.mih);
        else
            cr_expect_str_eq(f.mih, r->mih, "%s: %s", r->header, f.mih);
        haul_arena_done(&a);
    }
}

typedef struct word_row {
    const char *header, *importance;
} word_row;

static const word_row words[] = {
    {"Importance: High\n\n", "high"},
    {"Importance: low\nX-Priority: 1\n\n", "low"},
    {"Importance: ?\nX-Priority: 1 (Highest)\n\n", "high"},
    {"X-Priority: 2\n\n", "high"},
    {"X-Priority: 3\n\n", "normal"},
    {"X-Priority: 5 (Lowest)\n\n", "low"},
    {"X-Priority: 12\n\n", ""},
    {"X-Priority: Normal\n\n", "normal"},
    {"X-MSMail-Priority: High\n\n", "high"},
    {"Priority: urgent\n\n", "high"},
    {"Priority: Non-Urgent\n\n", "low"},
    {"Priority: normal\n\n", "normal"},
    {"Subject: x\n\n", ""},
};

Test(facts, importance)
{
    for (size_t i = 0; i < HAUL_COUNT(words); i++) {
        haul_arena a = {0};
        haul_facts f;
        haul_facts_read(words[i].header, strlen(words[i].header), &a, &f);
        cr_expect_str_eq(f.importance, words[i].importance, "%s: %s", words[i].header, f.importance);
        haul_arena_done(&a);
    }
}

Test(facts, all_of_a_message)
{
    static const char message[] =
        "From ada@x.org Thu Jan  1 00:00:00 1970\n"
        "From: Ada <ada@x.org>\nTo: b@y.org\nTo: c@z.org\nCc: d@z.org\nBcc: e@z.org\n"
        "Subject: =?utf-8?Q?a=0Ab?=\n c\x01\nDate: Fri, 23 May 2025\n 18:35:53 +0200 (CEST)\n"
        "In-Reply-To: <1@x>\nReferences: <0@x>\n\t<1@x>\nThread-Index: AdvM\n 1w==\n"
        "Content-Type: Multipart/Mixed;\n boundary=b\n\nTo: nobody@x.org\n";
    haul_arena a = {0};
    haul_facts f;
    haul_facts_read(message, sizeof(message) - 1, &a, &f);
    cr_expect_str_eq(f.from, "Ada <ada@x.org>");
    cr_expect_str_eq(f.to, "b@y.org; c@z.org");
    cr_expect_str_eq(f.cc, "d@z.org");
    cr_expect_str_eq(f.bcc, "e@z.org");
    cr_expect_str_eq(f.subject, "ab c");
    cr_expect_str_eq(f.date_field, "Fri, 23 May 2025 18:35:53 +0200 (CEST)");
    cr_expect(f.has_sent && f.sent_us == INT64_C(1748018153) * 1000000 && f.sent_tz == 120);
    cr_expect_str_eq(f.in_reply_to, "<1@x>");
    cr_expect_str_eq(f.references, "<0@x> <1@x>");
    cr_expect_str_eq(f.conversation_index, "AdvM 1w==");
    cr_expect_str_eq(f.type, "multipart/mixed");
    cr_expect_str_eq(f.mih, "");
    haul_arena_done(&a);
}

Test(facts, nothing_is_absent_not_null)
{
    static const char *const messages[] = {"", "\n", "no header\n", "Date: soon\n\n", "To"};
    for (size_t i = 0; i < HAUL_COUNT(messages); i++) {
        haul_arena a = {0};
        haul_facts f;
        haul_facts_read(messages[i], strlen(messages[i]), &a, &f);
        const char *const all[] = {f.from,       f.to,          f.cc,
                                   f.bcc,        f.subject,     f.message_id,
                                   f.references, f.in_reply_to, f.conversation_index,
                                   f.importance, f.mih};
        for (size_t k = 0; k < HAUL_COUNT(all); k++)
            cr_expect_str_eq(all[k], "", "%zu of \"%s\"", k, messages[i]);
        cr_expect_str_eq(f.date_field, i == 3 ? "soon" : "");
        cr_expect(!f.has_sent);
        cr_expect_str_eq(f.type, "text/plain");
        haul_arena_done(&a);
    }
}

static bool collect(void *ctx, haul_party who, const char *addr)
{
    haul_str_addf(ctx, "%c %s\n", who == HAUL_PARTY_SENDER ? 's' : 'r', addr);
    return strcmp(addr, "stop@x.org") != 0;
}

Test(facts, parties)
{
    static const char head[] =
        "To: \"a@b.c\" <Ada@X.org>, G: b@y.org;, root, empty:;\nFrom: A <A@X.ORG>\n"
        "Sender: s@x.org\nReply-To: no@x.org\nCC: STOP@x.org, c@x.org\nBcc: d@x.org\n\n";
    haul_auto_str got = {0};
    haul_facts_parties(head, sizeof(head) - 1, collect, &got);
    cr_expect_str_eq(haul_strz(&got), "r ada@x.org\nr b@y.org\ns a@x.org\ns s@x.org\nr stop@x.org\n");
}

/* ── hostile ── */

static bool count_party(void *ctx, haul_party who, const char *addr)
{
    (void)who;
    (void)addr;
    ++*(size_t *)ctx;
    return true;
}

Test(facts, ten_thousand_recipients)
{
    haul_auto_str head = {0};
    haul_arena a = {0};
    haul_facts f;
    size_t n = 0;
    haul_str_addz(&head, "To: n0@x.org");
    for (unsigned i = 1; i < 10000; i++)
        haul_str_addf(&head, ",\r\n =?utf-8?Q?N=C3=A4me_%u?= <n%u@x.org>", i, i);
    haul_str_addz(&head, "\r\n\r\n");
    haul_facts_read(head.p, head.len, &a, &f);
    for (const char *p = f.to; *p; p++)
        n += *p == '@';
    cr_expect_eq(n, 10000);
    const char *last = "; N\xc3\xa4me 9999 <n9999@x.org>";
    cr_expect_str_eq(f.to + strlen(f.to) - strlen(last), last);
    n = 0;
    haul_facts_parties(head.p, head.len, count_party, &n);
    cr_expect_eq(n, 10000);
    haul_arena_done(&a);
}

static void many(haul_str *s, size_t n, const char *z)
{
    for (size_t i = 0; i < n; i++)
        haul_str_addz(s, z);
}

/* Time is what this tests: each of these would take minutes if it were anything but linear. */
Test(facts, hostile_lists, .timeout = TESTING_SECONDS)
{
    static const char *const pieces[] = {"<",     "\"",  "(",    ")",      "\\",      "\"\\\",",
                                         "(\\(,", ":(",  "a:",   "<a,",    "<\"\\\"", "@",
                                         "a@b ",  "=?,", ";:<>", "<a b c", "\"(",     "=?utf-8?Q?=3C?=,"};
    for (size_t i = 0; i < HAUL_COUNT(pieces); i++) {
        haul_auto_str head = {0};
        haul_arena a = {0};
        haul_facts f;
        size_t n = 0;
        haul_str_addz(&head, "To: ");
        many(&head, 300000 / strlen(pieces[i]), pieces[i]);
        haul_str_addz(&head, "\n\n");
        haul_facts_read(head.p, head.len, &a, &f);
        haul_facts_parties(head.p, head.len, count_party, &n);
        cr_expect(haul_utf8_valid(f.to, strlen(f.to)) && !strpbrk(f.to, "\r\n"), "%s", pieces[i]);
        haul_arena_done(&a);
    }
}
