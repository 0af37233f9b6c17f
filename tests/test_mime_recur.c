/* Recurrence blobs and time zones: the worked examples of MS-OXOCAL 4.1.1, rules against days counted here. */
#include "base/time.h"
#include "mime/recur.h"
#include "mime/tz.h"

#include <criterion/criterion.h>
#include <libical/ical.h>
#include <stdlib.h>
#include <string.h>

/* MS-OXOCAL 4.1.1.2 (weekly, one modified instance) and 4.1.1.3 (daily, two deleted). */
static const char weekly_hex[] =
    "043004300B2001000000C0210000010000000000000032000000222000000C0000000000000001000000A096BC0C01000000"
    "A096BC0C8020BC0C20ADBC0C0630000009300000580200007602000001003499BC0C5299BC0CF898BC0C11002200210053696D"
    "706C6520526563757272656E6365207769746820657863657074696F6E730800070033342F3431343100000000040000000000"
    "0000000000003499BC0C5299BC0CF898BC0C2100530069006D0070006C006500200052006500630075007200720065006E0063"
    "00650020007700690074006800200065007800630065007000740069006F006E0073000700330034002F003400310034003100"
    "0000000000000000";
static const char daily_hex[] =
    "043004300A2000000000A0050000E010000000000000212000000A0000000000000002000000A0C1DC0C80D2DC0C00000000"
    "207EDC0C0016DD0C0630000009300000E0010000FE01000000000000000000000000";

static size_t unhex(const char *hex, uint8_t *to)
{
    size_t n = 0;
    for (; hex[0] && hex[1]; hex += 2)
        to[n++] = (uint8_t)(haul_hexval(hex[0]) << 4 | haul_hexval(hex[1]));
    return n;
}

/* "2007-04-16 10:00" of minutes since 1601. */
static const char *minute_text(uint32_t minutes)
{
    static char ring[8][HAUL_ISO_LEN];
    static unsigned at;
    char *to = ring[at++ % 8];
    haul_iso_format(to, ((int64_t)minutes * 60 - INT64_C(11644473600)) * HAUL_US);
    return to;
}

Test(recur, weekly_example)
{
    uint8_t blob[512];
    haul_arena a = {0};
    haul_recur r;
    size_t n = unhex(weekly_hex, blob);
    cr_assert(n == 0x106, "%zu", n);
    cr_assert(haul_recur_parse(blob, n, true, &a, &r));
    cr_expect(r.frequency == HAUL_RECUR_WEEKLY && r.pattern == HAUL_RECUR_WEEK && r.period == 1);
    cr_expect(r.days == 0x32 && r.count == 12 && r.end_type == HAUL_RECUR_END_COUNT && r.first_dow == 0);
    cr_expect(r.n_deleted == 1 && r.n_modified == 1);
    cr_expect_str_eq(minute_text(r.deleted[0]), "2007-04-16T00:00:00Z");
    cr_expect_str_eq(minute_text(r.modified[0]), "2007-04-16T00:00:00Z");
    cr_expect_str_eq(minute_text(r.start), "2007-03-26T00:00:00Z");
    cr_expect_str_eq(minute_text(r.end), "2007-04-20T00:00:00Z");
    cr_expect(r.start_offset == 600 && r.end_offset == 630);
    cr_assert(r.n_exceptions == 1);
    const haul_recur_exception *x = &r.exceptions[0];
    cr_expect_str_eq(minute_text(x->start), "2007-04-16T11:00:00Z");
    cr_expect_str_eq(minute_text(x->end), "2007-04-16T11:30:00Z");
    cr_expect_str_eq(minute_text(x->original), "2007-04-16T10:00:00Z");
    cr_expect(x->flags == (HAUL_RECUR_X_SUBJECT | HAUL_RECUR_X_LOCATION));
    cr_expect(x->subject8.len == 33 && !memcmp(x->subject8.p, "Simple Recurrence with exceptions", 33));
    cr_expect(x->location8.len == 7 && !memcmp(x->location8.p, "34/4141", 7));
    cr_expect(x->subject16.len == 66 && x->location16.len == 14);
    uint32_t first = 0;
    haul_auto_str rule = {0};
    cr_assert(haul_recur_first(&r, &first));
    haul_recur_rule(&r, first, &rule);
    cr_expect_str_eq(haul_strz(&rule), "FREQ=WEEKLY;BYDAY=MO,TH,FR;COUNT=12");
    haul_arena_done(&a);
}

Test(recur, daily_example)
{
    uint8_t blob[512];
    haul_arena a = {0};
    haul_recur r;
    uint32_t first = 0;
    haul_auto_str rule = {0};
    cr_assert(haul_recur_parse(blob, unhex(daily_hex, blob), true, &a, &r));
    cr_expect(r.n_deleted == 2 && r.n_modified == 0 && r.n_exceptions == 0);
    cr_expect_str_eq(minute_text(r.deleted[0]), "2011-04-19T00:00:00Z");
    cr_expect_str_eq(minute_text(r.deleted[1]), "2011-04-22T00:00:00Z");
    cr_expect_str_eq(minute_text(r.end), "2011-05-04T00:00:00Z");
    cr_expect(haul_recur_until(&r));
    cr_assert(haul_recur_first(&r, &first));
    cr_expect_str_eq(minute_text(first * 1440), "2011-04-07T00:00:00Z");
    haul_recur_rule(&r, first, &rule);
    cr_expect_str_eq(haul_strz(&rule), "FREQ=DAILY;INTERVAL=3");
    haul_arena_done(&a);
}

/* Every truncation ends in an answer, and `got` only grows with what is there. */
Test(recur, truncated)
{
    uint8_t blob[512];
    size_t n = unhex(weekly_hex, blob);
    unsigned before = 0;
    for (size_t i = 0; i < n; i++) {
        haul_arena a = {0};
        haul_recur r;
        uint8_t *cut = malloc(i ? i : 1);
        memcpy(cut, blob, i);
        cr_expect(!haul_recur_parse(cut, i, true, &a, &r) || i >= n - 4, "%zu", i);
        cr_expect(r.got >= before, "%zu", i);
        before = r.got;
        haul_arena_done(&a);
        free(cut);
    }
    cr_expect(before & HAUL_RECUR_GOT_EXCEPTIONS);
}

Test(recur, hostile_counts)
{
    uint8_t blob[512];
    size_t n = unhex(weekly_hex, blob);
    haul_arena a = {0};
    haul_recur r;
    memset(blob + 38, 0xff, 4); /* DeletedInstanceCount */
    cr_expect(!haul_recur_parse(blob, n, true, &a, &r));
    cr_expect(r.got == HAUL_RECUR_GOT_PATTERN && r.n_deleted == 0);
    cr_expect(a.used < 4096);
    haul_arena_done(&a);
}

/* ---- rules against days counted from what the blob means ---- */

typedef struct row {
    uint16_t frequency, pattern;
    uint32_t period, days, day, nth, dow;
    int year, month, mday; /* StartDate */
    const char *rule;      /* as it should be, without COUNT */
} row;

static const row rows[] = {
    {HAUL_RECUR_DAILY, HAUL_RECUR_DAY, 1440, 0, 0, 0, 0, 2024, 2, 27, "FREQ=DAILY"},
    {HAUL_RECUR_DAILY, HAUL_RECUR_DAY, 14400, 0, 0, 0, 0, 2024, 2, 27, "FREQ=DAILY;INTERVAL=10"},
    {HAUL_RECUR_DAILY, HAUL_RECUR_WEEK, 1, 0x3e, 0, 0, 0, 2024, 3, 2, "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"},
    {HAUL_RECUR_WEEKLY, HAUL_RECUR_WEEK, 2, 0x45, 0, 0, 0, 2024, 3, 5,
     "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,TU,SA;WKST=SU"},
    {HAUL_RECUR_WEEKLY, HAUL_RECUR_WEEK, 2, 0x45, 0, 0, 1, 2024, 3, 5,
     "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,TU,SA;WKST=MO"},
    /* no such day is left in the week of StartDate, a Friday */
    {HAUL_RECUR_WEEKLY, HAUL_RECUR_WEEK, 3, 0x04, 0, 0, 1, 2024, 3, 8,
     "FREQ=WEEKLY;INTERVAL=3;BYDAY=TU;WKST=MO"},
    {HAUL_RECUR_MONTHLY, HAUL_RECUR_MONTH, 1, 0, 15, 0, 0, 2024, 1, 15, "FREQ=MONTHLY;BYMONTHDAY=15"},
    {HAUL_RECUR_MONTHLY, HAUL_RECUR_MONTH, 2, 0, 15, 0, 0, 2024, 1, 20,
     "FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=15"},
    {HAUL_RECUR_MONTHLY, HAUL_RECUR_MONTH, 1, 0, 31, 0, 0, 2023, 12, 31, "FREQ=MONTHLY;BYMONTHDAY=-1"},
    {HAUL_RECUR_MONTHLY, HAUL_RECUR_MONTH, 1, 0, 30, 0, 0, 2024, 1, 30,
     "FREQ=MONTHLY;BYMONTHDAY=28,29,30;BYSETPOS=-1"},
    {HAUL_RECUR_MONTHLY, HAUL_RECUR_MONTH_END, 3, 0, 31, 0, 0, 2024, 2, 29,
     "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=-1"},
    {HAUL_RECUR_MONTHLY, HAUL_RECUR_MONTH_NTH, 1, 0x04, 0, 2, 0, 2024, 1, 9, "FREQ=MONTHLY;BYDAY=2TU"},
    {HAUL_RECUR_MONTHLY, HAUL_RECUR_MONTH_NTH, 1, 0x20, 0, 5, 0, 2024, 1, 26, "FREQ=MONTHLY;BYDAY=-1FR"},
    {HAUL_RECUR_MONTHLY, HAUL_RECUR_MONTH_NTH, 2, 0x3e, 0, 5, 0, 2024, 1, 31,
     "FREQ=MONTHLY;INTERVAL=2;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"},
    {HAUL_RECUR_MONTHLY, HAUL_RECUR_MONTH_NTH, 1, 0x41, 0, 1, 0, 2024, 1, 6,
     "FREQ=MONTHLY;BYDAY=SU,SA;BYSETPOS=1"},
    {HAUL_RECUR_YEARLY, HAUL_RECUR_MONTH, 12, 0, 12, 0, 0, 2022, 12, 12,
     "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=12"},
    {HAUL_RECUR_YEARLY, HAUL_RECUR_MONTH, 24, 0, 30, 0, 0, 2022, 4, 30,
     "FREQ=YEARLY;INTERVAL=2;BYMONTH=4;BYMONTHDAY=30"},
    {HAUL_RECUR_YEARLY, HAUL_RECUR_MONTH, 12, 0, 29, 0, 0, 2024, 2, 29,
     "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=28,29;BYSETPOS=-1"},
    {HAUL_RECUR_YEARLY, HAUL_RECUR_MONTH_NTH, 12, 0x10, 0, 4, 0, 2023, 11, 23,
     "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH"},
    {HAUL_RECUR_YEARLY, HAUL_RECUR_MONTH_NTH, 12, 0x3e, 0, 1, 0, 2024, 1, 1,
     "FREQ=YEARLY;BYMONTH=1;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1"},
};

/* 0 = Sunday; Zeller by way of the civil calendar of base/time. */
static haul_civil civil_of(int64_t day)
{
    haul_civil c;
    haul_civil_from(day * 86400, &c);
    return c;
}

static int64_t day_of(int year, int month, int mday)
{
    haul_civil c = {year, month, mday, 0, 0, 0, 0};
    return haul_civil_to(&c) / 86400;
}

static int last_of(int year, int month)
{
    return (int)(day_of(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) -
                 day_of(year, month, 1));
}

/* Is that day an instance? By definition of the pattern, day by day; `base` is the first instance's day. */
static bool falls_on(const row *w, int64_t base, int64_t day)
{
    haul_civil c = civil_of(day), b = civil_of(base);
    if (w->pattern == HAUL_RECUR_DAY)
        return (day - base) % (w->period / 1440) == 0;
    if (w->pattern == HAUL_RECUR_WEEK) {
        int64_t mine = day - (c.weekday - (int)w->dow + 7) % 7,
                first = base - (b.weekday - (int)w->dow + 7) % 7;
        return (w->days >> c.weekday & 1u) && (mine - first) / 7 % w->period == 0;
    }
    if (((c.year - b.year) * 12 + c.month - b.month) % (int)w->period)
        return false;
    int last = last_of(c.year, c.month);
    if (w->pattern == HAUL_RECUR_MONTH_END)
        return c.day == last;
    if (w->pattern == HAUL_RECUR_MONTH)
        return c.day == ((int)w->day < last ? (int)w->day : last);
    int wanted = 0;
    unsigned seen = 0;
    for (int d = 1; d <= last; d++)
        if (w->days >> civil_of(day_of(c.year, c.month, d)).weekday & 1u && (++seen <= w->nth || w->nth == 5))
            wanted = d;
    return c.day == wanted;
}

Test(recur, rules)
{
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        const row *w = &rows[i];
        haul_auto_str text = {0};
        uint32_t first = 0;
        haul_recur r = {.frequency = w->frequency,
                        .pattern = w->pattern,
                        .period = w->period,
                        .days = w->days,
                        .day = w->day,
                        .nth = w->nth,
                        .first_dow = w->dow,
                        .first = UINT32_MAX, /* tells nothing */
                        .end_type = HAUL_RECUR_END_COUNT,
                        .count = 25};
        r.start = haul_recur_day(w->year, w->month, w->mday) * 1440;
        cr_assert(haul_recur_first(&r, &first), "row %zu", i);
        int64_t base = (int64_t)first - 134774, start = day_of(w->year, w->month, w->mday);
        cr_expect(base >= start && falls_on(w, base, base), "row %zu", i);
        haul_recur_rule(&r, first, &text);
        haul_auto_str want = {0};
        haul_str_addf(&want, "%s;COUNT=25", w->rule);
        cr_expect_str_eq(haul_strz(&text), haul_strz(&want), "row %zu", i);
        haul_civil c = civil_of(base);
        struct icaltimetype t = icaltime_null_time();
        t.is_date = 1;
        t.year = c.year, t.month = c.month, t.day = c.day;
        icalrecur_iterator *it = icalrecur_iterator_new(icalrecurrencetype_from_string(haul_strz(&text)), t);
        cr_assert(it, "row %zu", i);
        int64_t day = base;
        for (int k = 0; k < 25; k++, day++) {
            while (!falls_on(w, base, day))
                day++;
            c = civil_of(day);
            t = icalrecur_iterator_next(it);
            cr_expect(t.year == c.year && t.month == c.month && t.day == c.day,
                      "row %zu, instance %d: %d-%d-%d, not %d-%d-%d", i, k, t.year, t.month, t.day, c.year,
                      c.month, c.day);
        }
        cr_expect(icaltime_is_null_time(icalrecur_iterator_next(it)), "row %zu", i);
        icalrecur_iterator_free(it);
    }
}

/* FirstDateTime tells which weeks and months count where StartDate is in none (MS-OXOCAL 2.2.1.44.1.1). */
Test(recur, phase)
{
    haul_recur r = {.frequency = HAUL_RECUR_MONTHLY, .pattern = HAUL_RECUR_MONTH, .period = 3, .day = 15};
    uint32_t first = 0, months = (2024 - 1601) * 12;
    r.start = haul_recur_day(2024, 1, 20) * 1440;
    r.first = haul_recur_day(1601, 1 + (int)((months + 1) % 3), 1) * 1440; /* February counts */
    cr_assert(haul_recur_first(&r, &first));
    cr_expect_str_eq(minute_text(first * 1440), "2024-02-15T00:00:00Z");
    r.pattern = HAUL_RECUR_WEEK;
    r.days = 0x02;
    r.period = 2;
    r.start = haul_recur_day(2024, 3, 8) * 1440; /* a Friday; its week began on Sunday the 3rd */
    r.first = haul_recur_day(2024, 3, 10) * 1440 % (2 * 10080);
    cr_assert(haul_recur_first(&r, &first));
    cr_expect_str_eq(minute_text(first * 1440), "2024-03-11T00:00:00Z");
    r.first = haul_recur_day(2024, 3, 3) * 1440 % (2 * 10080);
    cr_assert(haul_recur_first(&r, &first));
    cr_expect_str_eq(minute_text(first * 1440), "2024-03-18T00:00:00Z");
}

Test(recur, senseless)
{
    static const haul_recur bad[] = {
        {.pattern = HAUL_RECUR_DAY, .period = 0},
        {.pattern = HAUL_RECUR_DAY, .period = 60},
        {.pattern = HAUL_RECUR_WEEK, .period = 1},
        {.pattern = HAUL_RECUR_MONTH, .period = 1, .day = 32},
        {.pattern = HAUL_RECUR_MONTH, .period = 5000},
        {.pattern = HAUL_RECUR_MONTH_NTH, .period = 1, .days = 2, .nth = 6},
        {.pattern = HAUL_RECUR_HJ_MONTH, .period = 1, .day = 1},
        {.pattern = HAUL_RECUR_MONTH, .period = 1, .day = 1, .calendar = 8},
        {.pattern = HAUL_RECUR_DAY, .period = 1440, .start = UINT32_MAX},
    };
    uint32_t first;
    for (size_t i = 0; i < HAUL_COUNT(bad); i++)
        cr_expect(!haul_recur_first(&bad[i], &first), "row %zu", i);
    haul_recur r = {.end_type = HAUL_RECUR_END_DATE, .end = 0x5AE980DF, .start = 1};
    cr_expect(!haul_recur_until(&r));
    r.end = 0x5AE980E0;
    cr_expect(!haul_recur_until(&r));
}

/* ---- zones ---- */

static const haul_tz_rule berlin[] = {{.year = 1601,
                                       .standard = 3600,
                                       .daylight = 7200,
                                       .to_standard = {0, 10, 0, 5, 3, 0, 0},
                                       .to_daylight = {0, 3, 0, 5, 2, 0, 0}}};
static const haul_tz_rule sydney[] = {{.year = 1601,
                                       .standard = 36000,
                                       .daylight = 39600,
                                       .to_standard = {0, 4, 0, 1, 3, 0, 0},
                                       .to_daylight = {0, 10, 0, 1, 2, 0, 0}}};

static int64_t at(const char *iso)
{
    int64_t us = 0;
    cr_assert(haul_iso_parse(iso, &us), "%s", iso);
    return us / HAUL_US;
}

Test(tz, offsets)
{
    static const struct {
        const haul_tz_rule *rule;
        const char *utc;
        int offset;
    } table[] = {
        {berlin, "2024-03-31T00:59:59Z", 3600},  {berlin, "2024-03-31T01:00:00Z", 7200},
        {berlin, "2024-10-27T00:59:59Z", 7200},  {berlin, "2024-10-27T01:00:00Z", 3600},
        {berlin, "2024-12-31T23:30:00Z", 3600},  {sydney, "2024-01-01T00:00:00Z", 39600},
        {sydney, "2024-04-06T15:59:59Z", 39600}, {sydney, "2024-04-06T16:00:00Z", 36000},
        {sydney, "2024-10-05T15:59:59Z", 36000}, {sydney, "2024-10-05T16:00:00Z", 39600},
        {sydney, "2023-12-31T13:00:00Z", 39600},
    };
    for (size_t i = 0; i < HAUL_COUNT(table); i++) {
        haul_tz_rule rule = *table[i].rule;
        haul_tz z = {"x", &rule, 1};
        cr_expect(haul_tz_offset(&z, at(table[i].utc)) == table[i].offset, "row %zu", i);
        int64_t local = at(table[i].utc) + table[i].offset;
        if (!strstr(table[i].utc, "2024-10-27T01:00:00") && !strstr(table[i].utc, "2024-04-06T16:00:00"))
            cr_expect(haul_tz_offset_local(&z, local) == table[i].offset, "row %zu",
                      i); /* not the second time */
    }
}

/* A TZDEFINITION (MS-OXOCAL 2.2.1.41) with the rules of the US Pacific coast of 2006 and 2007. */
Test(tz, definition)
{
    uint8_t blob[256] = {2, 1, 0, 0, 2, 0, 4, 0, 'P', 0, 'a', 0, 'c', 0, '"', 0, 2, 0};
    static const uint8_t rule[66] = {2,         1,           0x3e,     0,           0,        0,       0xd7,
                                     7,         [22] = 0xe0, 1,        [30] = 0xc4, 0xff,     0xff,    0xff,
                                     [36] = 11, [40] = 1,    [42] = 2, [52] = 3,    [56] = 2, [58] = 2};
    memcpy(blob + 18, rule, 66);
    memcpy(blob + 84, rule, 66);
    blob[84 + 6] = 0xd6; /* 2006: October and April */
    blob[84 + 36] = 10, blob[84 + 40] = 5, blob[84 + 52] = 4, blob[84 + 56] = 1;
    haul_arena a = {0};
    haul_tz z;
    cr_assert(haul_tz_definition(blob, 150, &a, &z));
    cr_expect_str_eq(z.id, "Pac ");
    cr_expect(z.n == 2 && z.rules[0].year == 2006 && z.rules[1].year == 2007);
    cr_expect(haul_tz_offset(&z, at("2007-03-20T00:00:00Z")) == -7 * 3600);
    cr_expect(haul_tz_offset(&z, at("2006-03-20T00:00:00Z")) == -8 * 3600);
    cr_expect(haul_tz_offset(&z, at("2006-10-30T00:00:00Z")) == -8 * 3600);
    cr_expect(haul_tz_offset(&z, at("2007-10-30T00:00:00Z")) == -7 * 3600);
    for (size_t i = 0; i < 150; i++)
        cr_expect(!haul_tz_definition(blob, i, &a, &z), "%zu", i);
    haul_arena_done(&a);
}
