#include "cli/progress.h"

#include "base/json.h"
#include "base/time.h"
#include "cli/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define BAR_EVERY_US   (HAUL_US / 10) /* redraw at most ten times a second */
#define PLAIN_EVERY_US (HAUL_US * 5)
#define JSON_EVERY_US  HAUL_US
#define SMOOTH_S       5.0 /* seconds over which rates are smoothed */
#define COLUMNS        80u /* of a terminal that does not say */
#define COLUMNS_MAX    500u
#define GAUGE          20u /* width of the gauge, on terminals of at least GAUGE_FROM columns */
#define GAUGE_FROM     110u
#define ERASE          "\r\033[K" /* carriage return, erase to the end of the line (ECMA-48 EL) */

static int64_t now_us(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * HAUL_US + t.tv_nsec / 1000;
}

bool haul_show_find(const char *how, int fd, haul_show *ret)
{
    static const char *const names[] = {"none", NULL, "plain", "json"};
    const char *term = getenv("TERM");
    if (!how || strcmp(how, "auto") == 0) {
        *ret = isatty(fd) && term && strcmp(term, "dumb") != 0 ? HAUL_SHOW_BAR : HAUL_SHOW_NONE;
        return true;
    }
    for (size_t i = 0; i < HAUL_COUNT(names); i++)
        if (names[i] && strcmp(names[i], how) == 0) {
            *ret = (haul_show)i;
            return true;
        }
    return false;
}

void haul_bar_begin(haul_bar *b, haul_show show, int fd)
{
    *b = (haul_bar){.show = show, .fd = fd, .least = HAUL_DAMAGE, .began = now_us()};
    b->shown = b->began;
}

int64_t haul_bar_elapsed(const haul_bar *b)
{
    return now_us() - b->began;
}

static size_t terminal_columns(int fd)
{
    struct winsize w = {0};
    if (ioctl(fd, TIOCGWINSZ, &w) != 0 || w.ws_col < 2)
        return COLUMNS;
    /* the last column stays free: writing there wraps on some terminals */
    return w.ws_col - 1u < COLUMNS_MAX ? w.ws_col - 1u : COLUMNS_MAX;
}

static void put(const haul_bar *b, const haul_str *s)
{
    haul_rc rc = haul_write_all(b->fd, haul_strz(s), s->len, "standard error", NULL);
    (void)rc; /* a run does not fail because nobody watches */
}

/* A packed source gives more octets than its file has: then the total says nothing. */
static bool total_known(const haul_progress *p)
{
    return p->octets_total && p->octets_read <= p->octets_total;
}

static unsigned percent(const haul_progress *p)
{
    return (unsigned)((double)p->octets_read * 100.0 / (double)p->octets_total);
}

/* Seconds left at the smoothed rate; false when nothing can be said yet. */
static bool seconds_left(const haul_bar *b, const haul_progress *p, uint64_t *ret)
{
    if (!total_known(p) || b->octet_rate < 1.0)
        return false;
    double left = (double)(p->octets_total - p->octets_read) / b->octet_rate;
    *ret = left < 1e9 ? (uint64_t)left : (uint64_t)1e9;
    return true;
}

static void gauge(unsigned done, haul_str *to)
{
    haul_str_addc(to, '[');
    for (unsigned i = 0; i < GAUGE; i++)
        haul_str_addc(to, i < done * GAUGE / 100 ? '#' : '-');
    haul_str_addz(to, "] ");
}

static void amounts(const haul_progress *p, size_t columns, haul_str *to)
{
    if (total_known(p) && columns >= GAUGE_FROM)
        gauge(percent(p), to);
    if (total_known(p))
        haul_str_addf(to, "%3u%%  ", percent(p));
    haul_text_number(to, p->totals.found);
    haul_str_addz(to, " items  ");
    haul_text_size(to, p->octets_read);
}

static void rates(const haul_bar *b, const haul_progress *p, haul_str *to)
{
    uint64_t left = 0;
    haul_str_addz(to, "  ");
    haul_text_number(to, (uint64_t)b->item_rate);
    haul_str_addz(to, "/s  ");
    haul_text_size(to, (uint64_t)b->octet_rate);
    haul_str_addz(to, "/s");
    if (seconds_left(b, p, &left)) {
        haul_str_addz(to, "  ");
        haul_text_duration(to, left);
        haul_str_addz(to, " left");
    }
}

void haul_bar_line(const haul_bar *b, const haul_progress *p, int64_t elapsed_us, size_t columns,
                   haul_str *to)
{
    haul_auto_str line = {0};
    amounts(p, columns, &line);
    if (elapsed_us >= HAUL_US)
        rates(b, p, &line);
    uint64_t problems = p->totals.damaged > p->totals.failed ? p->totals.damaged : p->totals.failed;
    if (problems) {
        haul_str_addz(&line, "  ");
        haul_text_number(&line, problems);
        haul_str_addz(&line, problems == 1 ? " problem" : " problems");
    }
    haul_str_addz(&line, "  ");
    if (p->phase && strcmp(p->phase, "reading") != 0) {
        haul_str_addz(&line, p->phase);
        haul_str_addc(&line, ' ');
    }
    haul_text_clean(&line, p->folder ? p->folder : "");
    haul_str_add(to, line.p, haul_text_fit(line.p, line.len, columns));
}

static double smooth(double old, uint64_t more, double seconds)
{
    double rate = (double)more / seconds;
    return old > 0.0 ? old + (rate - old) * seconds / (seconds + SMOOTH_S) : rate;
}

static void measure(haul_bar *b, const haul_progress *p, int64_t now)
{
    double seconds = (double)(now - b->shown) / (double)HAUL_US;
    if (seconds > 0.0) {
        b->item_rate = smooth(b->item_rate, p->totals.found - b->items, seconds);
        /* going back in a container makes octets_read smaller */
        b->octet_rate =
            smooth(b->octet_rate, p->octets_read > b->octets ? p->octets_read - b->octets : 0, seconds);
    }
    b->items = p->totals.found;
    b->octets = p->octets_read;
    b->shown = now;
}

static void draw(haul_bar *b, const haul_progress *p, int64_t now)
{
    haul_auto_str s = {0};
    haul_str_addz(&s, ERASE);
    haul_bar_line(b, p, now - b->began, terminal_columns(b->fd), &s);
    put(b, &s);
    b->drawn = true;
}

static void plain(const haul_bar *b, const haul_progress *p, int64_t now)
{
    haul_auto_str s = {0};
    haul_text_duration(&s, (uint64_t)((now - b->began) / HAUL_US));
    haul_str_addz(&s, "  ");
    haul_bar_line(b, p, now - b->began, COLUMNS_MAX, &s);
    haul_str_addc(&s, '\n');
    put(b, &s);
}

static void json_line(const haul_bar *b, const haul_progress *p, int64_t now)
{
    haul_auto_str s = {0};
    uint64_t left = 0;
    haul_str_addc(&s, '{');
    haul_json_member(&s, "message_type", "status");
    haul_json_member_u64(&s, "seconds_elapsed", (uint64_t)((now - b->began) / HAUL_US));
    if (seconds_left(b, p, &left))
        haul_json_member_u64(&s, "seconds_left", left);
    if (total_known(p))
        haul_json_member_u64(&s, "percent", percent(p));
    haul_json_member_u64(&s, "octets_read", p->octets_read);
    haul_json_member_u64(&s, "octets_total", p->octets_total);
    haul_json_member_u64(&s, "found", p->totals.found);
    haul_json_member_u64(&s, "stored", p->totals.stored);
    haul_json_member_u64(&s, "filtered", p->totals.filtered);
    haul_json_member_u64(&s, "duplicate", p->totals.duplicate);
    haul_json_member_u64(&s, "failed", p->totals.failed);
    haul_json_member_u64(&s, "already_stored", p->totals.already_stored);
    haul_json_member_u64(&s, "damaged", p->totals.damaged);
    haul_json_member(&s, "phase", p->phase);
    haul_json_member(&s, "folder", p->folder);
    haul_str_addz(&s, "}\n");
    put(b, &s);
}

void haul_bar_progress(void *ctx, const haul_progress *p)
{
    static const int64_t every[] = {INT64_MAX, BAR_EVERY_US, PLAIN_EVERY_US, JSON_EVERY_US};
    haul_bar *b = ctx;
    if (b->show == HAUL_SHOW_NONE)
        return;
    int64_t now = now_us();
    if (now - b->shown < every[b->show])
        return;
    measure(b, p, now);
    if (b->show == HAUL_SHOW_BAR)
        draw(b, p, now);
    else if (b->show == HAUL_SHOW_PLAIN)
        plain(b, p, now);
    else
        json_line(b, p, now);
}

static void say(haul_bar *b, haul_severity s, const char *text)
{
    haul_auto_str line = {0};
    haul_bar_end(b);
    if (b->show != HAUL_SHOW_JSON) {
        haul_complain(text);
        return;
    }
    haul_str_addc(&line, '{');
    haul_json_member(&line, "message_type", "message");
    haul_json_member(&line, "severity", haul_severity_name(s));
    haul_json_member(&line, "text", text);
    haul_str_addz(&line, "}\n");
    put(b, &line);
}

void haul_bar_message(void *ctx, haul_severity s, const char *text)
{
    haul_bar *b = ctx;
    if (b->mute || (!b->all && s < b->least))
        return;
    if (!b->all && ++b->said > HAUL_SAID_MAX)
        return;
    say(b, s, text);
    if (!b->all && b->said == HAUL_SAID_MAX)
        say(b, HAUL_NOTE, "further messages are not shown here; items.jsonl has them all");
}

void haul_bar_end(haul_bar *b)
{
    haul_auto_str s = {0};
    if (!b->drawn)
        return;
    haul_str_addz(&s, ERASE);
    put(b, &s);
    b->drawn = false;
}
