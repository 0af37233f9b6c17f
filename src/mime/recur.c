#include "mime/recur.h"

#include "base/time.h"

#include <string.h>

/* Seconds from 1601-01-01 to 1970-01-01. */
#define EPOCH    INT64_C(11644473600)
#define DAY_MIN  1440u
#define WEEK_MIN 10080u
#define LAST_DAY 2981940u /* beyond u32 minutes since 1601 */

typedef struct reader {
    const uint8_t *p;
    size_t n, at;
    bool bad;
} reader;

static uint32_t take(reader *r, size_t octets)
{
    uint32_t v = 0;
    if (r->bad || r->n - r->at < octets) {
        r->bad = true;
        return 0;
    }
    for (size_t i = 0; i < octets; i++)
        v |= (uint32_t)r->p[r->at + i] << (8 * i);
    r->at += octets;
    return v;
}

static haul_span take_span(reader *r, size_t n)
{
    if (r->bad || r->n - r->at < n) {
        r->bad = true;
        return (haul_span){NULL, 0};
    }
    haul_span s = {(const char *)r->p + r->at, n};
    r->at += n;
    return s;
}

static uint16_t take16(reader *r)
{
    return (uint16_t)take(r, 2);
}

static uint32_t take32(reader *r)
{
    return take(r, 4);
}

/* A counted list of dates; what does not fit into the rest of the blob is damage, not a size to allocate. */
static uint32_t *take_dates(reader *r, haul_arena *a, size_t *ret_n)
{
    uint32_t n = take32(r);
    if (r->bad || n > HAUL_RECUR_DATES_MAX || n > (r->n - r->at) / 4) {
        r->bad = true;
        return NULL;
    }
    uint32_t *v = haul_arena_alloc(a, (n ? n : 1) * sizeof *v);
    for (uint32_t i = 0; i < n; i++)
        v[i] = take32(r);
    *ret_n = n;
    return v;
}

/* MS-OXOCAL 2.2.1.44.1: the part in front of the lists. */
static void take_pattern(reader *r, haul_recur *to)
{
    uint16_t reader_version = take16(r), writer_version = take16(r);
    if (reader_version != 0x3004 || writer_version != 0x3004)
        r->bad = true;
    to->frequency = take16(r);
    to->pattern = take16(r);
    to->calendar = take16(r);
    to->first = take32(r);
    to->period = take32(r);
    to->sliding = take32(r);
    switch (to->pattern) {
    case HAUL_RECUR_DAY:
        break;
    case HAUL_RECUR_WEEK:
        to->days = take32(r);
        break;
    case HAUL_RECUR_MONTH:
    case HAUL_RECUR_MONTH_END:
    case HAUL_RECUR_HJ_MONTH:
    case HAUL_RECUR_HJ_MONTH_END:
        to->day = take32(r);
        break;
    case HAUL_RECUR_MONTH_NTH:
    case HAUL_RECUR_HJ_MONTH_NTH:
        to->days = take32(r);
        to->nth = take32(r);
        break;
    default:
        r->bad = true;
    }
    to->end_type = take32(r);
    to->count = take32(r);
    to->first_dow = take32(r);
}

static haul_span take_text8(reader *r)
{
    take16(r); /* the length with a NUL that is not stored (MS-OXOCAL 2.2.1.44.2) */
    return take_span(r, take16(r));
}

static void take_exception(reader *r, haul_recur_exception *x)
{
    x->start = take32(r);
    x->end = take32(r);
    x->original = take32(r);
    x->flags = take16(r);
    if (x->flags & HAUL_RECUR_X_SUBJECT)
        x->subject8 = take_text8(r);
    if (x->flags & HAUL_RECUR_X_MEETING)
        x->meeting_type = take32(r);
    if (x->flags & HAUL_RECUR_X_DELTA)
        x->reminder_delta = take32(r);
    if (x->flags & HAUL_RECUR_X_REMINDER)
        x->reminder_set = take32(r);
    if (x->flags & HAUL_RECUR_X_LOCATION)
        x->location8 = take_text8(r);
    if (x->flags & HAUL_RECUR_X_BUSY)
        x->busy = take32(r);
    if (x->flags & HAUL_RECUR_X_ATTACHMENT)
        x->attachment = take32(r);
    if (x->flags & HAUL_RECUR_X_SUBTYPE)
        x->subtype = take32(r);
    if (x->flags & HAUL_RECUR_X_COLOR)
        x->color = take32(r);
}

/* Exceptions are at least 14 octets each: that bounds the array by the blob. Those read whole are kept. */
static void take_exceptions(reader *r, haul_arena *a, haul_recur *to)
{
    size_t n = take16(r);
    if (r->bad)
        return;
    size_t fit = (r->n - r->at) / 14;
    to->exceptions = haul_arena_calloc(a, ((n < fit ? n : fit) + 1) * sizeof *to->exceptions);
    for (size_t i = 0; i < n && !r->bad; i++) {
        if (i >= fit) {
            r->bad = true;
            return;
        }
        take_exception(r, &to->exceptions[i]);
        if (!r->bad)
            to->n_exceptions++;
    }
}

/* MS-OXOCAL 2.2.1.44.4. */
static void take_extended(reader *r, uint32_t writer_version, haul_recur_exception *x)
{
    haul_span subject = {NULL, 0}, location = {NULL, 0};
    if (writer_version >= 0x3009)
        take_span(r, take32(r)); /* ChangeHighlight */
    take_span(r, take32(r));     /* ReservedBlockEE1 */
    if (!(x->flags & (HAUL_RECUR_X_SUBJECT | HAUL_RECUR_X_LOCATION)))
        return;
    take_span(r, 12); /* start, end, original once more */
    if (x->flags & HAUL_RECUR_X_SUBJECT)
        subject = take_span(r, (size_t)take16(r) * 2);
    if (x->flags & HAUL_RECUR_X_LOCATION)
        location = take_span(r, (size_t)take16(r) * 2);
    take_span(r, take32(r)); /* ReservedBlockEE2 */
    if (r->bad)
        return;
    x->subject16 = subject;
    x->location16 = location;
}

static void take_appointment(reader *r, haul_arena *a, haul_recur *to)
{
    uint32_t reader_version = take32(r), writer_version = take32(r);
    if (reader_version != 0x3006)
        r->bad = true;
    to->start_offset = take32(r);
    to->end_offset = take32(r);
    if (r->bad)
        return;
    to->got |= HAUL_RECUR_GOT_TIMES;
    take_exceptions(r, a, to);
    if (r->bad)
        return;
    to->got |= HAUL_RECUR_GOT_EXCEPTIONS;
    take_span(r, take32(r)); /* ReservedBlock1 */
    for (size_t i = 0; i < to->n_exceptions && !r->bad; i++)
        take_extended(r, writer_version, &to->exceptions[i]);
    if (!r->bad)
        to->got |= HAUL_RECUR_GOT_EXTENDED;
}

bool haul_recur_parse(const void *p, size_t n, bool appointment, haul_arena *a, haul_recur *ret)
{
    reader r = {p, n, 0, false};
    memset(ret, 0, sizeof *ret);
    take_pattern(&r, ret);
    if (r.bad)
        return false;
    ret->got |= HAUL_RECUR_GOT_PATTERN;
    ret->deleted = take_dates(&r, a, &ret->n_deleted);
    ret->modified = take_dates(&r, a, &ret->n_modified);
    ret->start = take32(&r);
    ret->end = take32(&r);
    if (r.bad)
        return false;
    ret->got |= HAUL_RECUR_GOT_DATES;
    if (appointment)
        take_appointment(&r, a, ret);
    return !r.bad;
}

uint32_t haul_recur_day(int year, int month, int day)
{
    haul_civil c = {year, month, day, 0, 0, 0, 0};
    return (uint32_t)((haul_civil_to(&c) + EPOCH) / 86400);
}

void haul_recur_civil(uint32_t day, int *ret_year, int *ret_month, int *ret_day)
{
    haul_civil c;
    haul_civil_from((int64_t)day * 86400 - EPOCH, &c);
    *ret_year = c.year;
    *ret_month = c.month;
    *ret_day = c.day;
}

static unsigned weekday(uint32_t day) /* 1601-01-01 was a Monday; 0 = Sunday */
{
    return (day + 1) % 7;
}

static bool is_month(const haul_recur *r)
{
    return r->pattern >= HAUL_RECUR_MONTH;
}

/* MS-OXOCAL 2.2.1.44.1, CalendarType: those that only name the years or months of the Gregorian one otherwise. */
bool haul_recur_gregorian(const haul_recur *r)
{
    if (!is_month(r))
        return true;
    if (r->pattern >= HAUL_RECUR_HJ_MONTH)
        return false;
    return r->calendar <= 5 || r->calendar == 7 || (r->calendar >= 9 && r->calendar <= 12);
}

static int month_length(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* The day on which a month pattern falls in a month (0-based count of months since 1601-01). Always one. */
static uint32_t day_in_month(const haul_recur *r, uint32_t months)
{
    int year = 1601 + (int)(months / 12), month = (int)(months % 12) + 1, length = month_length(year, month);
    uint32_t first = haul_recur_day(year, month, 1);
    if (r->pattern != HAUL_RECUR_MONTH_NTH) {
        bool last = r->pattern == HAUL_RECUR_MONTH_END || r->day > (uint32_t)length;
        return first + (last ? (uint32_t)length : r->day) - 1;
    }
    uint32_t found = 0, seen = 0;
    for (uint32_t d = first; d < first + (uint32_t)length; d++) {
        if (!(r->days >> weekday(d) & 1u))
            continue;
        found = d;
        if (++seen == r->nth && r->nth < 5) /* 5 means the last one */
            break;
    }
    return found;
}

static uint32_t months_of(uint32_t day)
{
    int y, m, d;
    haul_recur_civil(day, &y, &m, &d);
    return (uint32_t)(y - 1601) * 12 + (uint32_t)m - 1;
}

/* FirstDateTime tells which weeks or months count when StartDate itself is not in one (MS-OXOCAL 2.2.1.44.1.1):
 * how many to go on from `unit`, 0..period-1; 0 when it tells nothing. */
static uint32_t phase(uint32_t unit, uint32_t period, uint32_t remainder)
{
    return remainder < period ? (remainder + period - unit % period) % period : 0;
}

static bool first_week(const haul_recur *r, uint32_t day, uint32_t *ret)
{
    uint32_t dow = r->first_dow < 7 ? r->first_dow : 0, mask = r->days & 0x7f;
    if (!mask || r->period > HAUL_RECUR_INTERVAL_MAX)
        return false;
    for (uint32_t d = day;; d++) {
        if (mask >> weekday(d) & 1u) {
            *ret = d;
            return true;
        }
        if (weekday(d + 1) == dow)
            break; /* no day left in the week of StartDate */
    }
    uint32_t back = (weekday(day) + 7 - dow) % 7, begin = day >= back ? day - back : 0;
    bool told = r->first % WEEK_MIN == begin % 7 * DAY_MIN; /* else it was not reckoned as weeks are */
    uint32_t skip = told ? phase(begin / 7, r->period, r->first / WEEK_MIN) : 0;
    begin += 7 * (skip ? skip : r->period);
    for (*ret = begin; !(mask >> weekday(*ret) & 1u); (*ret)++)
        ;
    return true;
}

static bool first_month(const haul_recur *r, uint32_t day, uint32_t *ret)
{
    if (!haul_recur_gregorian(r) || r->period > 1200)
        return false;
    if (r->pattern == HAUL_RECUR_MONTH_NTH ? !(r->days & 0x7f) || r->nth < 1 || r->nth > 5
                                           : r->day < 1 || r->day > 31)
        return false;
    uint32_t month = months_of(day);
    *ret = day_in_month(r, month);
    if (*ret == day)
        return true;
    uint32_t skip = phase(month, r->period, months_of(r->first / DAY_MIN));
    if (skip || *ret < day)
        *ret = day_in_month(r, month + (skip ? skip : r->period));
    return true;
}

bool haul_recur_first(const haul_recur *r, uint32_t *ret_day)
{
    uint32_t day = r->start / DAY_MIN, found = day;
    if (!r->period || day > LAST_DAY - 1200 * 31)
        return false;
    if (r->pattern == HAUL_RECUR_DAY) {
        if (r->period < DAY_MIN || r->period / DAY_MIN > HAUL_RECUR_INTERVAL_MAX)
            return false;
    } else if (is_month(r) ? !first_month(r, day, &found) : !first_week(r, day, &found)) {
        return false;
    }
    *ret_day = found;
    return true;
}

static const char weekday_names[7][3] = {"SU", "MO", "TU", "WE", "TH", "FR", "SA"};

static void add_days(haul_str *to, uint32_t mask)
{
    const char *between = ";BYDAY=";
    for (unsigned i = 0; i < 7; i++) {
        if (!(mask >> i & 1u))
            continue;
        haul_str_addf(to, "%s%s", between, weekday_names[i]);
        between = ",";
    }
}

static void add_month_day(const haul_recur *r, bool yearly, int month, haul_str *to)
{
    bool always = r->day <= 28 || (yearly && month != 2 && (int)r->day <= month_length(1601, month));
    if (r->pattern == HAUL_RECUR_MONTH_END || (r->day == 31 && !always)) {
        haul_str_addz(to, ";BYMONTHDAY=-1");
    } else if (always) {
        haul_str_addf(to, ";BYMONTHDAY=%u", r->day);
    } else {
        for (unsigned d = 28; d <= r->day; d++)
            haul_str_addf(to, "%s%u", d == 28 ? ";BYMONTHDAY=" : ",", d);
        haul_str_addz(to, ";BYSETPOS=-1");
    }
}

static void add_nth(const haul_recur *r, haul_str *to)
{
    uint32_t mask = r->days & 0x7f;
    int nth = r->nth == 5 ? -1 : (int)r->nth;
    if (mask & (mask - 1)) {
        add_days(to, mask);
        haul_str_addf(to, ";BYSETPOS=%d", nth);
        return;
    }
    for (unsigned i = 0; i < 7; i++)
        if (mask >> i & 1u)
            haul_str_addf(to, ";BYDAY=%d%s", nth, weekday_names[i]);
}

static void add_month(const haul_recur *r, uint32_t first_day, haul_str *to)
{
    int y, month, d;
    haul_recur_civil(first_day, &y, &month, &d);
    bool yearly = r->frequency == HAUL_RECUR_YEARLY && r->period % 12 == 0;
    uint32_t interval = yearly ? r->period / 12 : r->period;
    haul_str_addf(to, "FREQ=%s", yearly ? "YEARLY" : "MONTHLY");
    if (interval > 1)
        haul_str_addf(to, ";INTERVAL=%u", interval);
    if (yearly)
        haul_str_addf(to, ";BYMONTH=%d", month);
    if (r->pattern == HAUL_RECUR_MONTH_NTH || r->pattern == HAUL_RECUR_HJ_MONTH_NTH)
        add_nth(r, to);
    else
        add_month_day(r, yearly, month, to);
}

void haul_recur_rule(const haul_recur *r, uint32_t first_day, haul_str *to)
{
    if (is_month(r)) {
        add_month(r, first_day, to);
    } else {
        uint32_t interval = r->pattern == HAUL_RECUR_DAY ? r->period / DAY_MIN : r->period;
        haul_str_addf(to, "FREQ=%s", r->pattern == HAUL_RECUR_DAY ? "DAILY" : "WEEKLY");
        if (interval > 1)
            haul_str_addf(to, ";INTERVAL=%u", interval);
        if (r->pattern == HAUL_RECUR_WEEK)
            add_days(to, r->days & 0x7f);
        /* Where the week begins matters only when weeks are left out. */
        if (r->pattern == HAUL_RECUR_WEEK && interval > 1)
            haul_str_addf(to, ";WKST=%s", weekday_names[r->first_dow < 7 ? r->first_dow : 0]);
    }
    if (r->end_type == HAUL_RECUR_END_COUNT && r->count && r->count <= INT32_MAX)
        haul_str_addf(to, ";COUNT=%u", r->count);
}

bool haul_recur_until(const haul_recur *r)
{
    return r->end_type == HAUL_RECUR_END_DATE && r->end < HAUL_RECUR_NEVER && r->end >= r->start;
}
