/* One tolerant scanner for both orders of date. It collects what tokens say and accepts the sum only
 * when day, month, year and time form an instant that exists. */
#include "mime/date.h"

#include "base/time.h"

#include <string.h>

typedef struct parts {
    int day, month, year; /* -1 = not seen */
    int hour, minute, second;
    int tz;
    bool has_time, has_zone, has_weekday, pm, am;
    bool from_line; /* of an mbox: words that are no zone we know may stand before the year */
    size_t skipped; /* of them */
    size_t used;    /* end of the last token that belongs to the date */
} parts;

#define SKIPPED_MAX 3u /* "Eastern Standard Time" */

typedef struct zone_name {
    char name[6];
    int16_t minutes;
} zone_name;

/* RFC 5322 4.3 and those that mail in the wild writes; ambiguous ones (IST, BST) take the common reading. */
static const zone_name zones[] = {
    {"UT", 0},      {"UTC", 0},    {"GMT", 0},    {"Z", 0},      {"WET", 0},    {"EST", -300}, {"EDT", -240},
    {"CST", -360},  {"CDT", -300}, {"MST", -420}, {"MDT", -360}, {"PST", -480}, {"PDT", -420}, {"AKST", -540},
    {"AKDT", -480}, {"HST", -600}, {"CET", 60},   {"MET", 60},   {"CEST", 120}, {"MEST", 120}, {"MESZ", 120},
    {"MEZ", 60},    {"WEST", 60},  {"BST", 60},   {"EET", 120},  {"EEST", 180}, {"MSK", 180},  {"MSD", 240},
    {"JST", 540},   {"KST", 540},  {"AEST", 600}, {"AEDT", 660}, {"AWST", 480}, {"ACST", 570}, {"NZST", 720},
    {"NZDT", 780},  {"SGT", 480},  {"HKT", 480},
};

static int find_name(const char *p, size_t n, const char *names, size_t count)
{
    if (n < 3)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (haul_lower(p[0]) == names[i * 3] && haul_lower(p[1]) == names[i * 3 + 1] &&
            haul_lower(p[2]) == names[i * 3 + 2])
            return (int)i;
    return -1;
}

static bool take_zone_name(parts *d, const char *p, size_t n)
{
    if (d->has_zone && haul_span_is((haul_span){p, n}, "DST")) { /* "MET DST" */
        d->tz += 60;
        return true;
    }
    for (size_t i = 0; i < HAUL_COUNT(zones); i++)
        if (haul_span_is((haul_span){p, n}, zones[i].name)) {
            if (!d->has_zone)
                d->tz = zones[i].minutes;
            return d->has_zone = true;
        }
    return false;
}

/* A word: weekday, month, zone, AM/PM. False when it is none of them. */
static bool take_word(parts *d, const char *p, size_t n)
{
    int month = find_name(p, n, "janfebmaraprmayjunjulaugsepoctnovdec", 12);
    if (month >= 0 && n <= 9) {
        if (d->month >= 0)
            return false;
        d->month = month + 1;
        return true;
    }
    if (n <= 9 && find_name(p, n, "sunmontuewedthufrisat", 7) >= 0)
        return !d->has_weekday && (d->has_weekday = true);
    if (n == 2 && d->has_time && haul_lower(p[1]) == 'm' && strchr("ap", haul_lower(p[0]))) {
        d->pm = haul_lower(p[0]) == 'p';
        return d->am = true;
    }
    return d->has_time && take_zone_name(d, p, n);
}

static int number(const char *p, size_t n)
{
    int v = 0;
    for (size_t i = 0; i < n; i++)
        v = v * 10 + (p[i] - '0');
    return v;
}

static size_t digits(const char *p, size_t n)
{
    size_t i = 0;
    while (i < n && haul_is_digit(p[i]))
        i++;
    return i;
}

/* hh:mm[:ss[.fraction]], or hh.mm.ss; returns its length, 0 when malformed. */
static size_t take_time(parts *d, const char *p, size_t n, char colon)
{
    int v[3] = {0, 0, 0};
    size_t at = 0, fields = 0;
    while (fields < 3) {
        size_t len = digits(p + at, n - at);
        if (len < 1 || len > 2)
            return 0;
        v[fields++] = number(p + at, len);
        at += len;
        if (at + 1 >= n || p[at] != colon || fields == 3 || !haul_is_digit(p[at + 1]))
            break;
        at++;
    }
    if (fields < 2 || d->has_time)
        return 0;
    if (at < n && fields == 3 && p[at] == '.')
        at += 1 + digits(p + at + 1, n - at - 1);
    d->hour = v[0];
    d->minute = v[1];
    d->second = v[2];
    d->has_time = true;
    return at;
}

/* +hhmm, -hhmm, +hh:mm, and +h after a zone name ("GMT+1"); returns its length, 0 when it is none. Out-of-range zones count as 0 (RFC 5322 3.3). */
static size_t take_offset(parts *d, const char *p, size_t n)
{
    size_t len = digits(p + 1, n - 1);
    int hours, minutes;
    size_t used = 1 + len;
    if (len == 4) {
        hours = number(p + 1, 2);
        minutes = number(p + 3, 2);
    } else if (len == 2 && n >= 6 && p[3] == ':' && digits(p + 4, n - 4) >= 2) {
        hours = number(p + 1, 2);
        minutes = number(p + 4, 2);
        used = 6;
    } else if (len && len <= 2 && d->has_zone && d->tz == 0) {
        hours = number(p + 1, len);
        minutes = 0;
    } else {
        return 0;
    }
    bool sane = hours <= 23 && minutes <= 59;
    d->tz = sane ? (p[0] == '-' ? -1 : 1) * (hours * 60 + minutes) : 0;
    d->has_zone = true;
    return used;
}

/* A number: day or year, by what is still missing. */
static bool take_number(parts *d, const char *p, size_t n)
{
    if (n == 4 && d->year < 0) {
        d->year = number(p, 4);
        return true;
    }
    if (n == 5 && d->year < 0 && memcmp(p, "191", 3) == 0) { /* 1900 + "100": the year 2000 got it wrong */
        d->year = 2000 + number(p + 3, 2);
        return true;
    }
    if (n > 3)
        return false;
    int v = number(p, n);
    if (d->day < 0 && n <= 2) {
        d->day = v;
        return true;
    }
    if (d->year >= 0 || n < 2)
        return false;
    d->year = n == 3 ? 1900 + v : v < 50 ? 2000 + v : 1900 + v; /* RFC 5322 4.3 */
    return true;
}

/* YYYY-MM-DD at p. */
static size_t take_iso_date(parts *d, const char *p, size_t n)
{
    if (n < 10 || digits(p, 4) != 4 || p[4] != '-' || digits(p + 5, 2) != 2 || p[7] != '-' ||
        digits(p + 8, 2) != 2 || d->year >= 0 || d->day >= 0 || d->month >= 0)
        return 0;
    d->year = number(p, 4);
    d->month = number(p + 5, 2);
    d->day = number(p + 8, 2);
    return 10;
}

/* Octets of the comment at p, nested, quoted-pairs stepped over; n when it does not close. */
static size_t skip_comment(const char *p, size_t n)
{
    size_t depth = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\\')
            i++;
        else if (p[i] == '(')
            depth++;
        else if (p[i] == ')' && --depth == 0)
            return i + 1;
    }
    return n;
}

static bool is_gap(char c)
{
    return c == ' ' || c == '\t' || c == ',' || c == '\r' || c == '\n' || c == '.' || c == ';';
}

/* "14.35.53", as some locales write the time after day and month. */
static bool is_dotted_time(const parts *d, const char *p, size_t n)
{
    return !d->has_time && d->day >= 0 && d->month >= 0 && n >= 8 && digits(p, 2) == 2 && p[2] == '.' &&
           digits(p + 3, 2) == 2 && p[5] == '.' && digits(p + 6, 2) == 2 && (n == 8 || !haul_is_digit(p[8]));
}

/* One token that starts with a digit; its length, 0 when it does not belong to a date. */
static size_t take_digits(parts *d, const char *p, size_t n)
{
    size_t len = digits(p, n);
    if (len < n && p[len] == ':')
        return take_time(d, p, n, ':');
    if (is_dotted_time(d, p, n))
        return take_time(d, p, n, '.');
    size_t iso = take_iso_date(d, p, n);
    if (iso)
        return iso + (iso < n && p[iso] == 'T' ? 1 : 0);
    if (!take_number(d, p, len))
        return 0;
    return len + (len < n && p[len] == '-' && d->year < 0 ? 1 : 0); /* 23-May-2025 */
}

static size_t take_token(parts *d, const char *p, size_t n)
{
    if (haul_is_digit(*p))
        return take_digits(d, p, n);
    if ((*p == '+' || *p == '-') && n > 1)
        return d->has_time ? take_offset(d, p, n) : (*p == '-' && d->day >= 0 ? 1 : 0);
    if (!haul_is_alpha(*p))
        return 0;
    size_t len = 1;
    while (len < n && haul_is_alpha(p[len]))
        len++;
    if (!take_word(d, p, len))
        return 0;
    return len + (len < n && p[len] == '-' && d->year < 0 && !d->has_time ? 1 : 0);
}

/* A word between the time and the year of a From_ line is a zone, known or not; its length. [mbox-11] */
static size_t skip_zone(parts *d, const char *p, size_t n)
{
    size_t len = 0;
    if (!d->from_line || !d->has_time || d->year >= 0 || d->skipped >= SKIPPED_MAX)
        return 0;
    while (len < n && p[len] != ' ' && p[len] != '\t')
        len++;
    d->skipped++;
    return len > digits(p, len) ? len : 0;
}

static bool complete(const parts *d)
{
    return d->day >= 0 && d->month >= 0 && d->year >= 0;
}

/* Take tokens until one does not belong. */
static void scan(parts *d, const char *p, size_t n, bool from_line)
{
    *d = (parts){.day = -1, .month = -1, .year = -1, .from_line = from_line};
    for (size_t at = 0; at < n;) {
        if (is_gap(p[at])) {
            at++;
        } else if (p[at] == '(') {
            at += skip_comment(p + at, n - at);
            if (complete(d) && p[at - 1] == ')')
                d->used = at;
        } else {
            size_t len = take_token(d, p + at, n - at);
            if (!len)
                len = skip_zone(d, p + at, n - at);
            if (!len)
                return;
            at += len;
            d->used = at;
        }
    }
}

static bool instant(const parts *d, int64_t *ret_us, int16_t *ret_tz)
{
    haul_civil c = {.year = d->year,
                    .month = d->month,
                    .day = d->day,
                    .hour = d->hour,
                    .minute = d->minute,
                    .second = d->second};
    if (d->am && c.hour <= 12)
        c.hour = c.hour % 12 + (d->pm ? 12 : 0);
    if (!complete(d) || d->year < 1900 || !haul_civil_ok(&c))
        return false;
    int64_t us = (haul_civil_to(&c) - (int64_t)d->tz * 60) * HAUL_US;
    if (us < HAUL_TIME_MIN || us > HAUL_TIME_MAX)
        return false;
    *ret_us = us;
    *ret_tz = (int16_t)d->tz;
    return true;
}

bool haul_date_parse(const char *p, size_t n, int64_t *ret_us, int16_t *ret_tz)
{
    parts d;
    scan(&d, p, n, false);
    return instant(&d, ret_us, ret_tz);
}

bool haul_date_asctime(const char *p, size_t n, int64_t *ret_us, int16_t *ret_tz, size_t *ret_used)
{
    parts d;
    scan(&d, p, n, true);
    if (!d.has_time || !instant(&d, ret_us, ret_tz))
        return false;
    *ret_used = d.used;
    return true;
}

void haul_date_format(haul_str *to, int64_t us, int tz_min)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    haul_civil c;
    int64_t seconds = us >= 0 ? us / HAUL_US : -((-us + HAUL_US - 1) / HAUL_US);
    haul_civil_from(seconds + (int64_t)tz_min * 60, &c);
    int zone = tz_min < 0 ? -tz_min : tz_min;
    haul_str_addf(to, "%.3s, %02d %.3s %04d %02d:%02d:%02d %c%02d%02d", days + c.weekday * 3, c.day,
                  months + (c.month - 1) * 3, c.year, c.hour, c.minute, c.second, tz_min < 0 ? '-' : '+',
                  zone / 60, zone % 60);
}
