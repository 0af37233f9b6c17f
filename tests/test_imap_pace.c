/* Manners: what a refusal means, and how long is waited for what. */
#include "imap/upload.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct bench {
    haul_sink sink;
    haul_imap_config config;
    haul_upload up;
    haul_str phase; /* what the user was told last */
    unsigned told;
    bool stop;
} bench;

static bool on_waiting(void *ctx, const char *phase)
{
    bench *b = ctx;
    b->told++;
    haul_str_clear(&b->phase);
    haul_str_addz(&b->phase, phase);
    return b->stop;
}

static void bench_init(bench *b)
{
    *b = (bench){.sink = {.waiting = on_waiting}};
    b->sink.ctx = b;
    b->up.sink = &b->sink;
    b->up.config = &b->config;
}

static void bench_done(bench *b)
{
    haul_str_done(&b->phase);
    haul_str_done(&b->up.asked);
}

static haul_imap_reply reply(const char *line)
{
    haul_imap_reply r;
    cr_assert(haul_imap_reply_parse((haul_span){line, strlen(line)}, &r), "%s", line);
    return r;
}

/* ── what a NO means ── */

Test(imap_pace, refusals)
{
    static const struct {
        haul_imap_preset preset;
        const char *line;
        haul_refusal means;
    } rows[] = {
        {HAUL_IMAP_PRESET_GENERIC, "t NO [TRYCREATE] no such mailbox", HAUL_REFUSED_NO_BOX},
        {HAUL_IMAP_PRESET_GENERIC, "t NO [trycreate] no such mailbox", HAUL_REFUSED_NO_BOX},
        {HAUL_IMAP_PRESET_GENERIC, "t NO [NONEXISTENT] gone", HAUL_REFUSED_NO_BOX},
        {HAUL_IMAP_PRESET_GENERIC, "t NO [OVERQUOTA] full", HAUL_REFUSED_QUOTA},
        {HAUL_IMAP_PRESET_GMAIL, "t NO [OVERQUOTA] Account exceeded command or bandwidth limits",
         HAUL_REFUSED_LATER},
        {HAUL_IMAP_PRESET_GENERIC, "t NO Quota exceeded (mailbox for user is full)", HAUL_REFUSED_QUOTA},
        {HAUL_IMAP_PRESET_GENERIC, "t NO [SERVERBUG] internal error", HAUL_REFUSED_LATER},
        {HAUL_IMAP_PRESET_GENERIC, "t NO [UNAVAILABLE] later", HAUL_REFUSED_LATER},
        {HAUL_IMAP_PRESET_GENERIC, "t NO [INUSE] locked", HAUL_REFUSED_LATER},
        {HAUL_IMAP_PRESET_GMAIL, "t NO [THROTTLED] slow down", HAUL_REFUSED_LATER},
        {HAUL_IMAP_PRESET_EXCHANGE, "t NO Request is throttled. Suggested Backoff Time: 299961 milliseconds",
         HAUL_REFUSED_LATER},
        {HAUL_IMAP_PRESET_GENERIC, "t NO Rate limit hit", HAUL_REFUSED_LATER},
        {HAUL_IMAP_PRESET_GENERIC, "t NO [EXPIRED] log in again", HAUL_REFUSED_SESSION},
        {HAUL_IMAP_PRESET_EXCHANGE, "t NO AccessTokenExpired", HAUL_REFUSED_SESSION},
        {HAUL_IMAP_PRESET_GENERIC, "t NO [TOOBIG] too large", HAUL_REFUSED_MESSAGE},
        {HAUL_IMAP_PRESET_GENERIC, "t NO [LIMIT] message too large", HAUL_REFUSED_MESSAGE},
        {HAUL_IMAP_PRESET_GENERIC, "t NO Message contains NUL characters", HAUL_REFUSED_MESSAGE},
        {HAUL_IMAP_PRESET_GENERIC, "t NO", HAUL_REFUSED_MESSAGE},
        /* a code wins over words: the subject of a message may stand in the server's text */
        {HAUL_IMAP_PRESET_GENERIC, "t NO [TOOBIG] quota of words", HAUL_REFUSED_MESSAGE},
        {HAUL_IMAP_PRESET_GENERIC, "t NO [X-ODD] throttled", HAUL_REFUSED_MESSAGE},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_upload up = {.account = {.preset = rows[i].preset}};
        haul_imap_reply r = reply(rows[i].line);
        cr_expect_eq(haul_refusal_of(&up, &r), rows[i].means, "%s", rows[i].line);
    }
}

/* ── the server's wish ── */

Test(imap_pace, a_wish_is_granted_to_the_letter)
{
    static const struct {
        const char *line;
        int64_t least, most;
    } rows[] = {
        {"t NO Request is throttled. Suggested Backoff Time: 299961 milliseconds", 299961, 299961},
        {"t NO suggested backoff time: 5 milliseconds", 5, 5},
        {"t NO Backoff Time: 99999999999 milliseconds", 3600000, 3600000},
        {"t NO Backoff Time: 99999999999999999999999 milliseconds", 300, 60000}, /* none that can be read */
        {"t NO Backoff Time: soon", 300, 60000},
        {"t NO [UNAVAILABLE]", 300, 60000},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        bench b;
        bench_init(&b);
        haul_imap_reply r = reply(rows[i].line);
        int64_t now = haul_clock_ms();
        haul_pace_back_off(&b.up, &r);
        int64_t ms = b.up.not_before_ms - now;
        cr_expect(ms >= rows[i].least && ms <= rows[i].most + 200, "%s: %lld", rows[i].line, (long long)ms);
        cr_expect(strstr(haul_strz(&b.up.asked), "the server asks to wait"), "%s", haul_strz(&b.up.asked));
        bench_done(&b);
    }
}

Test(imap_pace, waits_grow_and_progress_ends_that)
{
    bench b;
    bench_init(&b);
    haul_imap_reply r = reply("t NO [UNAVAILABLE] later");
    int64_t longest = 0;
    for (int i = 0; i < 40; i++) {
        b.up.not_before_ms = 0;
        int64_t now = haul_clock_ms();
        haul_pace_back_off(&b.up, &r);
        int64_t ms = b.up.not_before_ms - now;
        longest = ms > longest ? ms : longest;
        cr_expect_leq(ms, 60200);
    }
    cr_expect_gt(longest, 29000);
    haul_pace_progress(&b.up);
    b.up.not_before_ms = 0;
    int64_t now = haul_clock_ms();
    haul_pace_back_off(&b.up, &r);
    cr_expect_lt(b.up.not_before_ms - now, 2000);
    /* a shorter wish does not shorten a longer one */
    haul_imap_reply far = reply("t NO Backoff Time: 100000 milliseconds"),
                    near = reply("t NO Backoff Time: 1 ms");
    haul_pace_back_off(&b.up, &far);
    int64_t until = b.up.not_before_ms;
    haul_pace_back_off(&b.up, &near);
    cr_expect_eq(b.up.not_before_ms, until);
    bench_done(&b);
}

Test(imap_pace, a_wish_is_waited_for_and_told)
{
    bench b;
    bench_init(&b);
    haul_imap_reply r = reply("t NO Suggested Backoff Time: 600 milliseconds");
    haul_pace_back_off(&b.up, &r);
    int64_t now = haul_clock_ms();
    cr_expect_eq(haul_pace_wait(&b.up, 100, 1, NULL), HAUL_OK);
    int64_t took = haul_clock_ms() - now;
    cr_expect(took >= 590 && took < 3000, "%lld", (long long)took);
    cr_expect(strstr(haul_strz(&b.phase), "600 milliseconds"), "%s", haul_strz(&b.phase));
    bench_done(&b);
}

Test(imap_pace, the_user_may_stop_any_wait)
{
    bench b;
    haul_err e = {0};
    bench_init(&b);
    b.stop = true;
    haul_imap_reply r = reply("t NO Suggested Backoff Time: 600000 milliseconds");
    haul_pace_back_off(&b.up, &r);
    int64_t now = haul_clock_ms();
    cr_expect_eq(haul_pace_wait(&b.up, 100, 1, &e), HAUL_E_INTERRUPTED);
    cr_expect_lt(haul_clock_ms() - now, 2000);
    cr_expect(b.up.stopping);
    bench_done(&b);
}

/* ── --rate ── */

Test(imap_pace, messages_a_second)
{
    bench b;
    bench_init(&b);
    b.config.rate_messages = 20;
    int64_t now = haul_clock_ms();
    for (int i = 0; i < 12; i++)
        cr_expect_eq(haul_pace_wait(&b.up, 1000, 1, NULL), HAUL_OK);
    int64_t took = haul_clock_ms() - now;
    cr_expect(took >= 450 && took < 4000, "12 at 20 a second: %lld ms", (long long)took);
    bench_done(&b);
}

Test(imap_pace, octets_a_second)
{
    bench b;
    bench_init(&b);
    b.config.rate_octets = 100000;
    int64_t now = haul_clock_ms();
    for (int i = 0; i < 6; i++)
        cr_expect_eq(haul_pace_wait(&b.up, 10000, 100, NULL), HAUL_OK);
    int64_t took = haul_clock_ms() - now;
    cr_expect(took >= 450 && took < 4000, "60 000 at 100 000 a second: %lld ms", (long long)took);
    bench_done(&b);
}

Test(imap_pace, without_a_rate_nothing_waits)
{
    bench b;
    bench_init(&b);
    for (int i = 0; i < 10000; i++)
        cr_assert_eq(haul_pace_wait(&b.up, 1000000, 100, NULL), HAUL_OK);
    cr_expect_eq(b.told, 0);
    bench_done(&b);
}

/* ── --daily-limit ── */

Test(imap_pace, a_day_has_so_many_octets)
{
    bench b;
    haul_err e = {0};
    bench_init(&b);
    b.config.daily_limit = 1000;
    b.up.day = (int64_t)time(NULL) / 86400 - 1; /* what the journal says of yesterday */
    b.up.day_octets = 999;
    cr_expect_eq(haul_pace_wait(&b.up, 600, 1, &e), HAUL_OK);
    cr_expect_eq(b.up.day_octets, 600);
    cr_expect_eq(haul_pace_wait(&b.up, 400, 1, &e), HAUL_OK);
    cr_expect_eq(haul_pace_wait(&b.up, 1, 1, &e), HAUL_E_INTERRUPTED);
    cr_expect(strstr(e.text, "--daily-limit"), "%s", e.text);
    cr_expect_eq(b.up.day_octets, 1000, "what is not sent is not counted");
    /* the first message of a day goes, however large: else it would never */
    b.up.day = 0;
    cr_expect_eq(haul_pace_wait(&b.up, 5000, 1, &e), HAUL_OK);
    cr_expect_eq(haul_pace_wait(&b.up, 1, 1, &e), HAUL_E_INTERRUPTED);
    bench_done(&b);
}

/* ── connecting again ── */

Test(imap_pace, reconnecting_waits_and_gives_up)
{
    bench b;
    haul_err e = {0};
    bench_init(&b);
    haul_fail(&b.up.last_loss, HAUL_E_NETWORK, "reset by peer");
    b.up.failures = 1;
    int64_t now = haul_clock_ms();
    cr_expect_eq(haul_pace_reconnect(&b.up, &e), HAUL_OK);
    int64_t took = haul_clock_ms() - now;
    cr_expect(took >= 40 && took < 2000, "%lld", (long long)took);
    b.up.failures = HAUL_FAILURES_MAX;
    cr_expect_eq(haul_pace_reconnect(&b.up, &e), HAUL_E_NETWORK);
    cr_expect(strstr(e.text, "10 attempts") && strstr(e.text, "reset by peer"), "%s", e.text);
    haul_pace_progress(&b.up);
    cr_expect_eq(b.up.failures, 0);
    bench_done(&b);
}
