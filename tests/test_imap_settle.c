/* What is done about messages whose fate is unknown, against a server that breaks off again and again while it is asked. */
#include "imap/upload.h"
#include "testing.h"
#include "testing_server.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define CAPS "AUTH=PLAIN SASL-IR LITERAL+ UIDPLUS MULTIAPPEND"
#define LOGIN                                                                                                \
    "C CAPABILITY", "S * CAPABILITY IMAP4rev1 " CAPS, "S %t OK",                                             \
        "C AUTHENTICATE PLAIN AGpvAHNlc2FtZQ==", "S %t OK in", "C CAPABILITY",                               \
        "S * CAPABILITY IMAP4rev1 " CAPS, "S %t OK"
#define SELECT                                                                                               \
    "C SELECT \"A\"", "S * 2 EXISTS", "S * OK [UIDVALIDITY 7] x", "S * OK [UIDNEXT 12] x", "S %t OK"

typedef struct bench {
    testing_server server;
    haul_sink sink;
    haul_imap_config config;
    haul_upload up;
    haul_box box;
    haul_str log;
} bench;

static bool on_waiting(void *ctx, const char *phase)
{
    (void)ctx;
    (void)phase;
    return false;
}

static void on_receipt(void *ctx, const haul_msg *m, const char *place, haul_rc rc, const haul_err *why)
{
    bench *b = ctx;
    haul_str_addf(&b->log, "%s %s;", m->key, rc == HAUL_OK ? place : why->text);
}

static void on_issue(void *ctx, const haul_msg *m, haul_issue_id id, const char *detail)
{
    bench *b = ctx;
    (void)m;
    haul_str_addf(&b->log, "issue %s %s;", haul_issue_name(id), detail);
}

static void bench_init(bench *b, const char *const *script)
{
    haul_auto_str url = {0};
    haul_auto(haul_values) *v = haul_values_new();
    *b = (bench){.server = testing_server_start(CAPS, script)};
    cr_assert_eq(setenv("MAILHAUL_PASSWORD", "sesame", 1), 0);
    haul_str_addf(&url, "imap://jo@127.0.0.1:%u", b->server.port);
    haul_values_set(v, "insecure-plaintext", "yes");
    cr_assert_eq(haul_imap_config_init(&b->config, url.p, v, NULL), HAUL_OK);
    b->sink = (haul_sink){.receipt = on_receipt, .issue = on_issue, .waiting = on_waiting, .ctx = b};
    b->box = (haul_box){.text = haul_strdup("A"), .name = haul_strdup("A"), .wire = haul_strdup("\"A\"")};
    b->box.exists = b->box.opened = b->box.known = true;
    b->box.uidvalidity = b->box.seen_validity = 7;
    b->box.watermark = 10;
    b->up = (haul_upload){.sink = &b->sink,
                          .config = &b->config,
                          .n_links = 1,
                          .multi = true,
                          .plus = true,
                          .batch_messages = 100};
    b->up.again_last = &b->up.again;
    b->up.limbo_last = &b->up.limbo;
}

static void bench_done(bench *b)
{
    while (b->up.again) {
        haul_batch *next = b->up.again->next;
        for (size_t i = 0; i < b->up.again->n_items; i++)
            haul_pending_free(b->up.again->items[i]);
        haul_batch_free(b->up.again);
        b->up.again = next;
    }
    haul_imap_session_done(&b->up.links[0].session);
    cr_expect(testing_server_done(&b->server), "the script was not followed");
    free(b->box.text);
    free(b->box.name);
    free(b->box.wire);
    haul_found_done(&b->box);
    free(b->box.expect);
    haul_uids_done(&b->box.ours);
    if (b->box.keywords)
        g_hash_table_destroy(b->box.keywords);
    g_hash_table_destroy(b->up.flag_index);
    g_ptr_array_free(b->up.flag_texts, TRUE);
    haul_imap_config_done(&b->config);
    haul_str_done(&b->log);
}

static haul_pending *item_of(bench *b, const char *key, const char *text)
{
    haul_pending *item = calloc(1, sizeof(*item));
    haul_msg *m = haul_msg_new();
    bool clamped = false;
    m->body = haul_spool_new(true);
    cr_assert_eq(haul_out_write(haul_spool_out(m->body), text, strlen(text), NULL), HAUL_OK);
    cr_assert_eq(haul_msg_freeze(m, NULL), HAUL_OK);
    m->key = haul_arena_str(&m->arena, key);
    *item = (haul_pending){.msg = m, .box = &b->box, .size = strlen(text), .sha256 = m->sha256};
    item->flags = haul_box_flags(&b->up, &b->box, m);
    haul_imap_date_write(0, 0, item->date, &clamped);
    b->box.flying++;
    return item;
}

/* A batch that was sent and never answered. */
static void into_limbo(bench *b, const char *const *texts, size_t n)
{
    static const char *const keys[] = {"one", "two", "three"};
    if (!b->box.keywords)
        b->box.keywords = haul_keywords_new();
    haul_batch *batch = haul_batch_new(&b->up, &b->box);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(haul_batch_add(batch, item_of(b, keys[i], texts[i]), NULL, NULL), HAUL_OK);
    haul_batch_finish(batch);
    *b->up.limbo_last = batch;
    b->up.limbo_last = &batch->next;
}

/* The first connection breaks while we wait for quiet. The second one breaks when one message of three has been found. What is
 * left goes again, and without the one that was found. */
Test(imap_settle, broken_off_while_it_is_settled, .timeout = TESTING_SECONDS)
{
    static const char *const script[] = {
        LOGIN, SELECT, "C NOOP", "S %t OK", "X", "---",
        /* second */
        LOGIN, SELECT, "N", "C UID FETCH 10:* (UID FLAGS INTERNALDATE RFC822.SIZE)",
        "S * 1 FETCH (UID 10 RFC822.SIZE 5)", "S * 2 FETCH (RFC822.SIZE 6 UID 11)", "S %t OK",
        "C UID FETCH 10,11 (UID BODY.PEEK[])", "S * 1 FETCH (UID 10 BODY[] {5}", "s aaa\r\n", "S )",
        "S %t OK", "C UID FETCH 11 (UID BODY.PEEK[])", "X", "---",
        /* third: what is there is another's */
        LOGIN, SELECT, "N", "C UID FETCH 12:* (UID FLAGS INTERNALDATE RFC822.SIZE)", "S %t OK",
        "C UID FETCH 11 (UID BODY.PEEK[])", "S * 2 FETCH (BODY[] {6}", "s xxxx\r\n", "S  UID 11)", "S %t OK",
        NULL};
    static const char *const texts[] = {"aaa\r\n", "bbbb\r\n", "ccccc\r\n"};
    bench b;
    haul_err e = {0};
    bench_init(&b, script);
    into_limbo(&b, texts, 3);
    cr_expect_eq(haul_settle_limbo(&b.up, &e), HAUL_OK, "%s", e.text);
    cr_expect_str_eq(haul_strz(&b.log), "one A/;UID=10;");
    cr_expect(haul_uids_has(&b.box.ours, 10) && !haul_uids_has(&b.box.ours, 11));
    size_t n = 0;
    for (const haul_batch *one = b.up.again; one; one = one->next, n++) {
        cr_assert_eq(one->n_items, 1);
        cr_expect(strstr(one->command->text.p, texts[n + 1]), "%s", one->command->text.p);
        cr_expect(!strstr(one->command->text.p, "aaa"), "%s", one->command->text.p);
    }
    cr_expect_eq(n, 2);
    bench_done(&b);
}

/* Of two equal messages one is there: one receipt, one goes again. A third that is as large is not taken for them. */
Test(imap_settle, twins_are_counted, .timeout = TESTING_SECONDS)
{
    static const char *const script[] = {LOGIN,
                                         SELECT,
                                         "N",
                                         "C UID FETCH 10:* (UID FLAGS INTERNALDATE RFC822.SIZE)",
                                         "S * 1 FETCH (UID 10 RFC822.SIZE 5)",
                                         "S * 2 FETCH (UID 11 RFC822.SIZE 5)",
                                         "S %t OK",
                                         "C UID FETCH 10,11 (UID BODY.PEEK[])",
                                         "S * 2 FETCH (UID 11 BODY[] {5}",
                                         "s aaa\r\n",
                                         "S )",
                                         "S * 1 FETCH (UID 10 BODY[] {5}",
                                         "s zzz\r\n",
                                         "S )",
                                         "S %t OK",
                                         NULL};
    static const char *const texts[] = {"aaa\r\n", "aaa\r\n", "ccccc\r\n"};
    bench b;
    haul_err e = {0};
    bench_init(&b, script);
    into_limbo(&b, texts, 3);
    cr_expect_eq(haul_settle_limbo(&b.up, &e), HAUL_OK, "%s", e.text);
    cr_expect_str_eq(haul_strz(&b.log), "one A/;UID=11;");
    cr_assert(b.up.again && b.up.again->next && !b.up.again->next->next);
    cr_expect_str_eq(b.up.again->items[0]->msg->key, "two");
    bench_done(&b);
}

/* Nothing of it is there: the batch goes again as it stood, not taken apart. */
Test(imap_settle, a_batch_that_never_arrived, .timeout = TESTING_SECONDS)
{
    static const char *const script[] = {LOGIN, SELECT, "N",
                                         "C UID FETCH 10:* (UID FLAGS INTERNALDATE RFC822.SIZE)",
                                         /* "10:*" names the last message, whatever its UID */
                                         "S * 1 FETCH (UID 9 RFC822.SIZE 5)", "S %t OK", NULL};
    static const char *const texts[] = {"aaa\r\n", "bbbb\r\n"};
    bench b;
    haul_err e = {0};
    bench_init(&b, script);
    into_limbo(&b, texts, 2);
    cr_expect_eq(haul_settle_limbo(&b.up, &e), HAUL_OK, "%s", e.text);
    cr_expect_str_eq(haul_strz(&b.log), "");
    cr_assert(b.up.again && !b.up.again->next);
    cr_expect_eq(b.up.again->n_items, 2);
    bench_done(&b);
}
