/* Messages by month: a chart that fits any width without scaling its text, and the numbers as a table.
 *
 * The SVG has no viewBox: across it everything is a per cent, downwards pixels. */
#include "base/figures.h"
#include "pipe/page_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLOT_H      180u /* pixels of the tallest bar … */
#define PLOT_TOP    12u  /* … below so many … */
#define AXIS_H      26u  /* … and above the years */
#define LANE_W      60u  /* of the numbers at the left */
#define GAP_YEARS   5u   /* of nothing, before a few outliers are no longer in the chart */
#define FEW         100u /* outliers are at most one in so many */
#define TICKS_WIDE  14u  /* years named below the chart; on narrow pages … */
#define TICKS_SLIM  5u
#define MONTHS_SLIM 4u  /* the same, of months */
#define BY_MONTH    18u /* a chart of at most so many months names months, not years */

typedef struct month {
    unsigned at; /* year * 12 + month - 1 */
    uint64_t items, octets;
} month;

typedef struct months {
    month *v; /* by time, none without items */
    size_t n;
    size_t from, to; /* of them in the chart: from <= i < to */
    uint64_t total, max, before, after;
} months;

static bool read_month(const json_t *o, month *ret)
{
    const char *z = haul_json_text(o, "month");
    uint64_t year = 0, m = 0;
    if (strlen(z) != 7 || z[4] != '-' || !haul_parse_u64(z, 4, &year) || !haul_parse_u64(z + 5, 2, &m) ||
        m < 1 || m > 12)
        return false;
    *ret =
        (month){(unsigned)(year * 12 + m - 1), haul_json_number(o, "items"), haul_json_number(o, "octets")};
    return ret->items > 0;
}

static void collect(months *m, const json_t *list)
{
    size_t i = 0;
    const json_t *o = NULL;
    m->v = haul_calloc(json_array_size(list) + 1, sizeof(*m->v));
    json_array_foreach(list, i, o)
    {
        if (!read_month(o, &m->v[m->n]) || (m->n && m->v[m->n].at <= m->v[m->n - 1].at))
            continue;
        m->total += m->v[m->n++].items;
    }
    m->to = m->n;
}

/* One message of 1970 and one of 2038 would squeeze the rest: what is few and far away is told in words. */
static void leave_out_far(months *m)
{
    uint64_t items = 0;
    size_t from = 0, to = m->n;
    for (size_t i = 0; i + 1 < m->n && (items += m->v[i].items) * FEW <= m->total; i++)
        if (m->v[i + 1].at - m->v[i].at > GAP_YEARS * 12)
            from = i + 1;
    items = 0;
    for (size_t i = m->n; i > from + 1 && (items += m->v[i - 1].items) * FEW <= m->total; i--)
        if (m->v[i - 1].at - m->v[i - 2].at > GAP_YEARS * 12)
            to = i - 1;
    m->from = from;
    m->to = to;
}

/* Where the chart would still be too long: the stretch of HAUL_PAGE_MONTHS that has most. */
static void leave_out_long(months *m)
{
    uint64_t items = 0, best = 0;
    size_t from = m->from, best_from = m->from, best_to = m->to;
    for (size_t to = m->from; to < m->to; to++) {
        items += m->v[to].items;
        while (m->v[to].at - m->v[from].at >= HAUL_PAGE_MONTHS)
            items -= m->v[from++].items;
        if (items > best) {
            best = items;
            best_from = from;
            best_to = to + 1;
        }
    }
    m->from = best_from;
    m->to = best_to;
}

static void measure(months *m)
{
    leave_out_far(m);
    leave_out_long(m);
    for (size_t i = 0; i < m->n; i++) {
        m->before += i < m->from ? m->v[i].items : 0;
        m->after += i >= m->to ? m->v[i].items : 0;
        if (i >= m->from && i < m->to && m->v[i].items > m->max)
            m->max = m->v[i].items;
    }
}

/* The distance of the lines across: 1, 2 or 5 times a power of ten, at most five of them below the tallest bar. */
static uint64_t grid_step(uint64_t max)
{
    for (uint64_t ten = 1;; ten *= 10) {
        static const unsigned steps[] = {1, 2, 5};
        for (size_t i = 0; i < HAUL_COUNT(steps); i++)
            if (max / (steps[i] * ten) < 5)
                return steps[i] * ten;
    }
}

static unsigned first_month(const months *m)
{
    return m->v[m->from].at;
}

static unsigned month_count(const months *m)
{
    return m->v[m->to - 1].at - first_month(m) + 1;
}

/* Tenths of a pixel. */
static unsigned height(const months *m, uint64_t items)
{
    while (items >> 48)
        items >>= 1; /* no archive has as many */
    unsigned h = (unsigned)(items * (PLOT_H * 10u) / (m->max ? m->max : 1));
    return items && h < 10 ? 10 : h;
}

static void lane(const months *m, haul_str *to)
{
    uint64_t step = grid_step(m->max);
    haul_str_addf(
        to, "<svg xmlns='http://www.w3.org/2000/svg' class='lane' aria-hidden='true' width='%u' height='%u'>",
        LANE_W, PLOT_TOP + PLOT_H + AXIS_H);
    for (uint64_t n = 0; n <= m->max; n += step) {
        unsigned y = (PLOT_TOP + PLOT_H) * 10u - (n ? height(m, n) : 0);
        haul_str_addf(to, "<text x='%u' y='%u.%u' text-anchor='end' dominant-baseline='central'>", LANE_W - 8,
                      y / 10, y % 10);
        haul_text_number(to, n);
        haul_str_addz(to, "</text>");
    }
    haul_str_addz(to, "</svg>\n");
}

static void grid(const months *m, haul_str *to)
{
    uint64_t step = grid_step(m->max);
    for (uint64_t n = 0; n <= m->max; n += step) {
        unsigned y = (PLOT_TOP + PLOT_H) * 10u - (n ? height(m, n) : 0);
        haul_str_addf(to, "<line class='%s' x1='0' x2='100%%' y1='%u.%u' y2='%u.%u'/>", n ? "grid" : "base",
                      y / 10, y % 10, y / 10, y % 10);
    }
    haul_str_addc(to, '\n');
}

static void x_of(haul_str *to, const char *name, uint64_t tenths, unsigned count)
{
    haul_str_addf(to, " %s='", name);
    haul_page_percent(to, tenths, (uint64_t)count * 10);
    haul_str_addc(to, '\'');
}

static void bar(const months *m, const month *v, haul_str *to)
{
    unsigned count = month_count(m), at = v->at - first_month(m), h = height(m, v->items);
    unsigned y = (PLOT_TOP + PLOT_H) * 10u - h;
    haul_str_addz(to, "<rect");
    x_of(to, "x", at * 10u + 1, count);
    x_of(to, "width", count > HAUL_PAGE_MONTHS / 2 ? 10 : 8, count);
    haul_str_addf(to, " y='%u.%u' height='%u.%u'><title>%04u-%02u: ", y / 10, y % 10, h / 10, h % 10,
                  v->at / 12, v->at % 12 + 1);
    haul_text_number(to, v->items);
    haul_str_addz(to, "</title></rect>\n");
}

/* A name in the middle of what it names; at the edges it leans inwards. */
static void tick(const months *m, uint64_t middle_tenths, bool slim, const char *name, haul_str *to)
{
    unsigned count = month_count(m);
    uint64_t of = (uint64_t)count * 10, thousandths = middle_tenths * 1000 / of;
    const char *anchor = thousandths < 50 ? "start" : thousandths > 950 ? "end" : "middle";
    haul_str_addf(to, "<text%s text-anchor='%s'", slim ? "" : " class='wide'", anchor);
    x_of(to, "x", thousandths < 50 ? 0 : thousandths > 950 ? of : middle_tenths, count);
    haul_str_addf(to, " y='%u'>%s</text>\n", PLOT_TOP + PLOT_H + 18, name);
}

/* Every how many of n things are named so that at most `most` are. */
static unsigned every(unsigned n, unsigned most)
{
    static const unsigned steps[] = {1, 2, 5, 10, 20, 50};
    size_t i = 0;
    while (i + 1 < HAUL_COUNT(steps) && (n + steps[i] - 1) / steps[i] > most)
        i++;
    return steps[i];
}

static void year_ticks(const months *m, haul_str *to)
{
    unsigned first = first_month(m), count = month_count(m), last = first + count - 1;
    unsigned years = last / 12 - first / 12 + 1, wide = every(years, TICKS_WIDE);
    unsigned slim = wide * every((years + wide - 1) / wide, TICKS_SLIM);
    for (unsigned year = first / 12; year <= last / 12; year++) {
        unsigned from = year * 12 > first ? year * 12 : first,
                 to_month = year * 12 + 12 < last + 1 ? year * 12 + 12 : last + 1;
        char name[16];
        if (year * 12 > first) {
            haul_str_addz(to, "<line class='tick'");
            x_of(to, "x1", (uint64_t)(year * 12 - first) * 10, count);
            x_of(to, "x2", (uint64_t)(year * 12 - first) * 10, count);
            haul_str_addf(to, " y1='%u' y2='%u'/>", PLOT_TOP + PLOT_H, PLOT_TOP + PLOT_H + 5);
        }
        /* a piece of a year at an edge has no room for its name */
        if (year % wide || (to_month - from < 6 && years > 3))
            continue;
        (void)snprintf(name, sizeof(name), "%04u", year);
        tick(m, (uint64_t)(from - first + to_month - first) * 5, year % slim == 0, name, to);
    }
}

static void month_ticks(const months *m, haul_str *to)
{
    unsigned count = month_count(m), wide = count > BY_MONTH / 2 ? 2 : 1;
    unsigned slim = wide * ((count + wide * MONTHS_SLIM - 1) / (wide * MONTHS_SLIM));
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        unsigned at = first_month(m) + i;
        if (i % wide)
            continue;
        (void)snprintf(name, sizeof(name), "%04u-%02u", at / 12, at % 12 + 1);
        tick(m, (uint64_t)i * 10 + 5, i % slim == 0, name, to);
    }
}

static void say_month(haul_str *to, unsigned at)
{
    haul_str_addf(to, "%04u-%02u", at / 12, at % 12 + 1);
}

static void describe(const months *m, haul_str *to)
{
    const month *top = &m->v[m->from];
    for (size_t i = m->from; i < m->to; i++)
        top = m->v[i].items > top->items ? &m->v[i] : top;
    haul_str_addz(to, "From ");
    say_month(to, first_month(m));
    haul_str_addz(to, " to ");
    say_month(to, m->v[m->to - 1].at);
    haul_str_addz(to, ". The most in a month: ");
    haul_text_number(to, top->items);
    haul_str_addz(to, ", in ");
    say_month(to, top->at);
    haul_str_addc(to, '.');
}

static void chart(const months *m, haul_str *to)
{
    haul_str_addz(to, "<div class='chart'>\n");
    lane(m, to);
    haul_str_addf(to,
                  "<svg xmlns='http://www.w3.org/2000/svg' class='plot' role='img' aria-labelledby='months-t "
                  "months-d' width='100%%' "
                  "height='%u'>\n<title id='months-t'>Items by month</title><desc id='months-d'>",
                  PLOT_TOP + PLOT_H + AXIS_H);
    describe(m, to);
    haul_str_addz(to, "</desc>\n");
    grid(m, to);
    for (size_t i = m->from; i < m->to; i++)
        bar(m, &m->v[i], to);
    if (month_count(m) > BY_MONTH)
        year_ticks(m, to);
    else
        month_ticks(m, to);
    haul_str_addz(to, "</svg>\n</div>\n");
}

static void outside(uint64_t n, const char *word, unsigned at, haul_str *to)
{
    if (!n)
        return;
    haul_str_addc(to, ' ');
    haul_page_number(to, n);
    haul_str_addf(to, " %s ", word);
    say_month(to, at);
    haul_str_addz(to, " are not in the chart.");
}

static void caption(const months *m, const json_t *stats, haul_str *to)
{
    uint64_t undated = haul_json_number(stats, "undated");
    haul_str_addz(to, "<figcaption>");
    if (m->n) {
        describe(m, to);
        outside(m->before, "before", first_month(m), to);
        outside(m->after, "after", m->v[m->to - 1].at, to);
    }
    if (undated) {
        haul_str_addc(to, ' ');
        haul_page_number(to, undated);
        haul_str_addf(to, " %s no date.", undated == 1 ? "has" : "have");
    }
    haul_str_addz(to, " By time of receipt, else of sending, in UTC.</figcaption>\n");
}

/* ── the numbers ── */

static void year_row(const months *m, size_t *io_at, haul_str *to)
{
    unsigned year = m->v[*io_at].at / 12;
    uint64_t sum = 0;
    haul_str_addf(to, "<tr><th scope='row'>%04u</th>", year);
    for (unsigned at = year * 12; at < year * 12 + 12; at++) {
        if (*io_at == m->n || m->v[*io_at].at != at) {
            haul_str_addz(to, "<td class='n zero'>–</td>");
            continue;
        }
        sum += m->v[*io_at].items;
        haul_str_addz(to, "<td class='n'>");
        haul_page_number(to, m->v[(*io_at)++].items);
        haul_str_addz(to, "</td>");
    }
    haul_str_addz(to, "<td class='n all'>");
    haul_page_number(to, sum);
    haul_str_addz(to, "</td></tr>\n");
}

static void table(const months *m, haul_str *to)
{
    static const char *const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    size_t at = 0, years = 0;
    uint64_t rest = 0;
    haul_str_addz(to, "<details open='open'>\n<summary>The numbers, month by month</summary>\n");
    haul_page_table(to, "years", "Items by month", "Items by month");
    haul_str_addz(to, "<thead><tr><th scope='col'>Year</th>");
    for (size_t i = 0; i < HAUL_COUNT(names); i++)
        haul_str_addf(to, "<th scope='col' class='n'>%s</th>", names[i]);
    haul_str_addz(to, "<th scope='col' class='n'>All</th></tr></thead>\n<tbody>\n");
    while (at < m->n && years++ < HAUL_PAGE_YEARS)
        year_row(m, &at, to);
    haul_str_addz(to, "</tbody>\n");
    haul_page_table_end(to);
    for (; at < m->n; at++)
        rest += m->v[at].items;
    haul_page_more(to, rest, 0, "in later years", NULL);
    haul_str_addz(to, "</details>\n");
}

void haul_page_months(haul_str *to, const json_t *stats)
{
    months m = {.n = 0};
    if (!json_array_size(json_object_get(stats, "months")) && !haul_json_number(stats, "undated"))
        return;
    collect(&m, json_object_get(stats, "months"));
    haul_page_section(to, "months", "Items by month");
    haul_str_addz(to, "<figure>\n");
    if (m.n) {
        measure(&m);
        chart(&m, to);
    }
    caption(&m, stats, to);
    haul_str_addz(to, "</figure>\n");
    if (m.n)
        table(&m, to);
    haul_page_section_end(to);
    free(m.v);
}
