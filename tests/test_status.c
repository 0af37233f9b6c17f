/* Flags and keywords in header fields: docs/formats/mbox.md [mbox-30]…[mbox-37]. */
#include "mime/labels.h"
#include "mime/status.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <string.h>

/* "seen flagged|keyword,keyword|label,label", "?" in front when no field was there. */
static void text_of(const char *header, haul_str *to)
{
    haul_status s = {0};
    haul_str_clear(to);
    haul_status_parse(header, strlen(header), &s);
    if (!s.known)
        haul_str_addc(to, '?');
    haul_flags_text(s.flags, to);
    const haul_str *lists[] = {&s.keywords, &s.labels};
    for (size_t l = 0; l < 2; l++) {
        haul_str_addc(to, '|');
        for (size_t at = 0; at < lists[l]->len; at += strlen(lists[l]->p + at) + 1)
            haul_str_addf(to, "%s%s", at ? "," : "", lists[l]->p + at);
    }
    haul_status_done(&s);
}

Test(status, parse)
{
    static const struct {
        const char *header, *want;
    } rows[] = {
        {"Subject: x\n\nStatus: RO\n", "?||"},
        {"Status: RO\n\n", "seen||"},
        {"status: O\nSubject: y\n\n", "||"},
        {"STATUS:R\r\nX-Status: AFTD\r\n\r\n", "seen answered flagged draft deleted||"},
        /* words that are no flags, and letters in the other's field */
        {"Status: Done\n\n", "?||"},
        {"Status: 200 OK\nX-Status: Active\n\n", "?||"},
        {"Status: ORDER\nStatus: RO\n\n", "seen||"},
        {"Status: NROAFD\nX-Status: R\n\n", "seen||"},
        {"Status:\n O R\r\n\r\n", "seen||"},
        {"Status:\n\n", "||"},
        {"X-Keywords: work, $Forwarded $Junk  later\n\n", "forwarded junk|work,later|"},
        {"X-Keywords: =?UTF-8?Q?gr=C3=BCn_und=2C_blau?= x\n\n", "|grün und, blau,x|"},
        {"X-Keywords: =?UTF-8?Q?=24Junk?=\n\n", "|$Junk|"},
        {"X-Keywords: a b a\nX-Keywords: c\n  d\n\n", "|a,b,c,d|"},
        {"X-Mozilla-Status: 0000\nX-Mozilla-Status2: 00000000\n\n", "||"},
        {"X-Mozilla-Status: 1007\nX-Mozilla-Status2: 00810000\n\n",
         "seen answered flagged forwarded mdnsent||"},
        {"X-Mozilla-Status: 0009\nX-Mozilla-Keys: $label1 NonJunk \n\n", "seen deleted notjunk|$label1|"},
        {"X-Mozilla-Keys:                                   \n\n", "||"},
        {"X-Mozilla-Status: zz\n\n", "?||"},
        {"Status: RO\nX-Status: FT\nX-Mozilla-Status: 0002\n\n", "answered draft||"},
        {"X-Gmail-Labels: Inbox,Unread,Starred,\"Taxes, 2019\",Work/Bills\n\n",
         "flagged||Inbox,Taxes, 2019,Work/Bills"},
        {"X-Gmail-Labels: =?UTF-8?Q?Gesendet,Ge=C3=B6ffnet,Entw=C3=BCrfe?=\n =?UTF-8?Q?,M=C3=BCller?=\n\n",
         "seen draft||Gesendet,Müller"},
        {"X-Gmail-Labels: Inbox,Unread\nX-Gmail-Labels: Work\n\n", "||Inbox,Work"},
        {"X-Gmail-Labels: \n\n", "seen||"},
        {"X-Gmail-Labels: Inbox, ,,\"a\"\"b\",Opened,Unread\n\n", "||Inbox,a\"b"},
        {"X-Gmail-Labels: Spam,Archived\n\n", "seen junk||Archived"},
        {"X-Gmail-Labels: =?UTF-8?B?6L+35oOR44Oh44O844OrLOacquiqrQ==?=\n\n", "junk||"},
        {"X-Statusx: R\nStatusx: R\nX-Mozilla-Statu: 0001\n\n", "?||"},
    };
    haul_auto_str got = {0};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        text_of(rows[i].header, &got);
        cr_expect_str_eq(haul_strz(&got), rows[i].want, "%s", rows[i].header);
    }
}

/* What a message cannot hold is told, never dropped in silence. */
Test(status, too_many_keywords)
{
    static const char *const fields[] = {"X-Keywords", "X-Mozilla-Keys", "X-Gmail-Labels"};
    for (size_t f = 0; f < HAUL_COUNT(fields); f++) {
        haul_status s = {0};
        haul_auto_str header = {0};
        haul_msg *m = haul_msg_new();
        haul_str_addf(&header, "%s: k", fields[f]);
        for (size_t i = 0; i < HAUL_KEYWORDS_MAX + 5; i++)
            haul_str_addf(&header, ",k%zu", i);
        haul_status_parse(header.p, header.len, &s);
        haul_status_apply(&s, m, true);
        cr_expect_eq(m->n_keywords, HAUL_KEYWORDS_MAX, "%s: %zu", fields[f], m->n_keywords);
        cr_expect_eq(s.n_dropped, 6, "%s: %zu", fields[f], s.n_dropped);
        cr_expect(m->issues && m->issues->id == HAUL_ISSUE_KEYWORD_NOT_HELD);
        haul_status_done(&s);
        haul_msg_unref(m);
    }
}

Test(status, labels)
{
    static const struct {
        const char *label;
        haul_role role;
    } rows[] = {
        {"Inbox", HAUL_ROLE_INBOX},
        {"Posteingang", HAUL_ROLE_INBOX},
        {"Boîte de réception", HAUL_ROLE_INBOX},
        {"受信トレイ", HAUL_ROLE_INBOX},
        {"sent", HAUL_ROLE_SENT},
        {"Wysłane", HAUL_ROLE_SENT},
        {"Papelera", HAUL_ROLE_TRASH},
        {"Спам", HAUL_ROLE_JUNK},
        {"Taslaklar", HAUL_ROLE_DRAFTS},
        {"Archiviert", HAUL_ROLE_ARCHIVE},
        {"Work", HAUL_ROLE_NONE},
        {"Category Promotions", HAUL_ROLE_NONE},
        {"", HAUL_ROLE_NONE},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        cr_expect_eq(haul_status_label_role(rows[i].label), rows[i].role, "%s", rows[i].label);
    cr_expect_eq(haul_label_find("Category Promotions", 19), HAUL_LABEL_CATEGORY);
    cr_expect_eq(haul_label_find("Categories", 10), HAUL_LABEL_USER);
}

/* Whatever is written is read back, in both families. [mbox-35] */
Test(status, write_and_read)
{
    static const char *const keywords[] = {"plain", "two words", "grün", "a,b",
                                           "$Junk", "=?x?=",     "=3D",  "<o@k>"};
    for (unsigned flags = 0; flags <= HAUL_FLAG_ALL; flags++)
        for (int mozilla = 0; mozilla < 2; mozilla++) {
            haul_msg *m = haul_msg_new();
            haul_auto_str text = {0};
            m->flags = flags;
            m->set |= HAUL_SET_FLAGS;
            for (size_t i = 0; i < HAUL_COUNT(keywords) && flags % 7 == 0; i++)
                haul_msg_keyword(m, keywords[i], strlen(keywords[i]));
            haul_status_write(m, mozilla, &text);
            cr_expect(haul_status_agrees(haul_strz(&text), text.len, m), "%03x %d:\n%s", flags, mozilla,
                      haul_strz(&text));
            m->flags ^= HAUL_FLAG_FLAGGED;
            cr_expect(!haul_status_agrees(haul_strz(&text), text.len, m));
            haul_msg_unref(m);
        }
}

Test(status, agrees_on_keywords)
{
    const char *header = "X-Gmail-Labels: Inbox,Work,Unread\nX-Keywords: Work b\n\n";
    haul_msg *m = haul_msg_new();
    haul_msg_keyword(m, "b", 1);
    haul_msg_keyword(m, "Inbox", 5);
    cr_expect(!haul_status_agrees(header, strlen(header), m));
    haul_msg_keyword(m, "Work", 4);
    cr_expect(haul_status_agrees(header, strlen(header), m));
    haul_msg_keyword(m, "c", 1);
    cr_expect(!haul_status_agrees(header, strlen(header), m));
    haul_msg_unref(m);
}
