/* Manners: what a refusal means, how long to wait, how fast to go. */
#include "imap/upload.h"

#include <openssl/rand.h>
#include <string.h>
#include <time.h>

#define FIRST_MS     100     /* of waits that double … */
#define LONGEST_MS   60000   /* … up to this */
#define ASKED_MAX_MS 3600000 /* a server may ask for this much */
#define BURST_S      1.0     /* --rate: what was not used is kept this long */

typedef struct meaning {
    const char *code;
    haul_refusal refusal;
} meaning;

/* Response codes (RFC 9051 7.1, RFC 5530), and words of servers that have none. */
static const meaning codes[] = {
    {"TRYCREATE", HAUL_REFUSED_NO_BOX},  {"NONEXISTENT", HAUL_REFUSED_NO_BOX},
    {"OVERQUOTA", HAUL_REFUSED_QUOTA},   {"SERVERBUG", HAUL_REFUSED_LATER},
    {"UNAVAILABLE", HAUL_REFUSED_LATER}, {"INUSE", HAUL_REFUSED_LATER},
    {"THROTTLED", HAUL_REFUSED_LATER},   {"CONTACTADMIN", HAUL_REFUSED_LATER},
    {"EXPIRED", HAUL_REFUSED_SESSION},   {"AUTHENTICATIONFAILED", HAUL_REFUSED_SESSION}};
static const meaning words[] = {{"throttl", HAUL_REFUSED_LATER},         {"backoff", HAUL_REFUSED_LATER},
                                {"bandwidth limit", HAUL_REFUSED_LATER}, {"rate limit", HAUL_REFUSED_LATER},
                                {"tokenexpired", HAUL_REFUSED_SESSION},  {"quota", HAUL_REFUSED_QUOTA}};

static void lower(haul_span s, haul_str *to)
{
    for (size_t i = 0; i < s.len; i++)
        haul_str_addc(to, (char)haul_lower((unsigned char)s.p[i]));
}

haul_refusal haul_refusal_of(const haul_upload *up, const haul_imap_reply *r)
{
    haul_auto_str low = {0};
    for (size_t i = 0; i < HAUL_COUNT(codes); i++)
        if (haul_imap_code(r, codes[i].code, NULL)) /* Gmail says OVERQUOTA of a day's octets as well */
            return codes[i].refusal == HAUL_REFUSED_QUOTA && up->account.preset == HAUL_IMAP_PRESET_GMAIL
                       ? HAUL_REFUSED_LATER
                       : codes[i].refusal;
    if (r->code.len)
        return HAUL_REFUSED_MESSAGE;
    lower(r->rest, &low);
    for (size_t i = 0; i < HAUL_COUNT(words); i++)
        if (strstr(haul_strz(&low), words[i].code))
            return words[i].refusal;
    return HAUL_REFUSED_MESSAGE;
}

static int64_t jittered(int64_t ms)
{
    unsigned char octet = 0;
    (void)RAND_bytes(&octet, 1);
    return ms / 2 + ms * octet / 510;
}

static int64_t doubling(unsigned n)
{
    int64_t ms = FIRST_MS;
    while (n-- > 1 && ms < LONGEST_MS)
        ms *= 2;
    return jittered(ms < LONGEST_MS ? ms : LONGEST_MS);
}

/* "Suggested Backoff Time: 299961 milliseconds" (Exchange Online). 0: it says nothing. */
static int64_t asked_for(haul_span text)
{
    static const char mark[] = "backoff time: ";
    haul_auto_str low = {0};
    uint64_t ms = 0;
    lower(text, &low);
    const char *at = strstr(haul_strz(&low), mark);
    if (!at)
        return 0;
    at += sizeof(mark) - 1;
    if (!haul_parse_u64(at, strspn(at, "0123456789"), &ms))
        return 0;
    return ms < ASKED_MAX_MS ? (int64_t)ms : ASKED_MAX_MS;
}

void haul_pace_back_off(haul_upload *up, const haul_imap_reply *r)
{
    int64_t ms = asked_for(r->rest);
    if (haul_clock_ms() >= up->not_before_ms) /* all that was under way is refused together: that is once */
        up->throttled++;
    if (!ms)
        ms = doubling(up->throttled + 3); /* a second or so at first */
    int64_t until = haul_clock_ms() + ms;
    if (until > up->not_before_ms)
        up->not_before_ms = until;
    haul_str_clear(&up->asked);
    haul_str_addf(&up->asked, "the server asks to wait: %.*s", (int)r->rest.len, r->rest.p);
}

haul_rc haul_link_refused(haul_link *l, const haul_imap_result *r, const char *doing, haul_err *e)
{
    haul_imap_reply reply = {.kind = HAUL_IMAP_NO,
                             .code = {haul_strz(&r->code), r->code.len},
                             .rest = {haul_strz(&r->text), r->text.len}};
    haul_refusal what = haul_refusal_of(l->up, &reply);
    if (what == HAUL_REFUSED_LATER)
        haul_pace_back_off(l->up, &reply);
    bool passes = what == HAUL_REFUSED_LATER || what == HAUL_REFUSED_SESSION;
    return haul_fail(e, passes ? HAUL_E_NETWORK : HAUL_E_TARGET, "%s: the server said: %s", doing,
                     haul_strz(&r->text));
}

void haul_pace_progress(haul_upload *up)
{
    up->failures = up->throttled = 0;
}

static haul_rc wait_asked(haul_upload *up, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    while (rc == HAUL_OK) {
        int64_t left = up->not_before_ms - haul_clock_ms();
        if (left <= 0)
            break;
        rc = haul_upload_sleep(up, left < 1000 ? left : 1000, haul_strz(&up->asked), e);
    }
    return rc;
}

haul_rc haul_pace_reconnect(haul_upload *up, haul_err *e)
{
    haul_auto_str phase = {0};
    if (up->failures >= HAUL_FAILURES_MAX)
        return haul_fail(e, HAUL_E_NETWORK, "gave up after %u attempts; the same command goes on: %s",
                         up->failures, up->last_loss.text);
    haul_str_addf(&phase, "connecting again: %s", up->last_loss.text);
    haul_rc rc = haul_upload_sleep(up, doubling(up->failures), phase.p, e);
    return rc == HAUL_OK ? wait_asked(up, e) : rc;
}

/* A debt model: a batch may go as soon as those before it are paid for. */
static double owed(double *debt, double rate, double passed_s, double more)
{
    if (rate <= 0)
        return 0;
    *debt -= rate * passed_s;
    if (*debt < -rate * BURST_S)
        *debt = -rate * BURST_S;
    double wait = *debt > 0 ? *debt / rate : 0;
    *debt += more;
    return wait;
}

static haul_rc wait_rate(haul_upload *up, uint64_t octets, size_t messages, haul_err *e)
{
    const haul_imap_config *c = up->config;
    int64_t now = haul_clock_ms();
    double passed = up->rate_ms ? (double)(now - up->rate_ms) / 1000 : 0;
    up->rate_ms = now;
    double a = owed(&up->debt_messages, c->rate_messages, passed, (double)messages);
    double b = owed(&up->debt_octets, c->rate_octets, passed, (double)octets);
    double wait = a > b ? a : b;
    return wait > 0 ? haul_upload_sleep(up, (int64_t)(wait * 1000), "keeping to --rate", e) : HAUL_OK;
}

/* Days are UTC: the limit is the server's, not this host's. */
static haul_rc count_day(haul_upload *up, uint64_t octets, haul_err *e)
{
    int64_t day = (int64_t)time(NULL) / 86400;
    if (!up->config->daily_limit)
        return HAUL_OK;
    if (day != up->day) {
        up->day = day;
        up->day_octets = 0;
    }
    bool over = up->day_octets && up->day_octets + octets > up->config->daily_limit;
    up->stopping |= over; /* what was sent is waited for, nothing more is sent: as when the user stops */
    if (over)
        return haul_fail(
            e, HAUL_E_INTERRUPTED,
            "the limit of %llu octets a day is reached (--daily-limit); the same command goes on after "
            "midnight UTC",
            (unsigned long long)up->config->daily_limit);
    up->day_octets += octets;
    return HAUL_OK;
}

haul_rc haul_pace_wait(haul_upload *up, uint64_t octets, size_t messages, haul_err *e)
{
    haul_rc rc = wait_asked(up, e);
    if (rc == HAUL_OK && (up->config->rate_messages > 0 || up->config->rate_octets > 0))
        rc = wait_rate(up, octets, messages, e);
    return rc == HAUL_OK ? count_day(up, octets, e) : rc;
}
