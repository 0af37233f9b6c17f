#include "base/time.h"

#include "base/str.h"

#include <string.h>
#include <time.h>

#define DAY   INT64_C(86400)
#define ERA   INT64_C(146097) /* days in 400 Gregorian years */
#define EPOCH INT64_C(719468) /* days from 0000-03-01 to 1970-01-01 */

/* Floor division: instants before 1970 belong to the second, minute and day they are in. */
static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Years are counted from March, so that the leap day is the last of its year. */
int64_t haul_civil_to(const haul_civil *c)
{
    int64_t y = c->month > 2 ? c->year : c->year - INT64_C(1);
    int64_t m = (c->month + 9) % 12;
    int64_t era = floor_div(y, 400), yoe = y - era * 400;
    int64_t doy = (153 * m + 2) / 5 + c->day - 1;
    int64_t days = era * ERA + yoe * 365 + yoe / 4 - yoe / 100 + doy - EPOCH;
    return days * DAY + c->hour * INT64_C(3600) + c->minute * INT64_C(60) + c->second;
}

void haul_civil_from(int64_t seconds, haul_civil *ret)
{
    int64_t days = floor_div(seconds, DAY), rest = seconds - days * DAY;
    int64_t z = days + EPOCH, era = floor_div(z, ERA), doe = z - era * ERA;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), m = (5 * doy + 2) / 153;
    ret->day = (int)(doy - (153 * m + 2) / 5 + 1);
    ret->month = (int)(m < 10 ? m + 3 : m - 9);
    ret->year = (int)(yoe + era * 400 + (ret->month <= 2));
    ret->hour = (int)(rest / 3600);
    ret->minute = (int)(rest / 60 % 60);
    ret->second = (int)(rest % 60);
    ret->weekday = (int)(((days + 4) % 7 + 7) % 7);
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

bool haul_civil_ok(const haul_civil *c)
{
    return c->year >= 1 && c->year <= 9999 && c->month >= 1 && c->month <= 12 && c->day >= 1 &&
           c->day <= month_days(c->year, c->month) && c->hour >= 0 && c->hour <= 23 && c->minute >= 0 &&
           c->minute <= 59 && c->second >= 0 && c->second <= 60;
}

static char *put(char *to, int digits, int v, char after)
{
    for (int i = digits; i-- > 0; v /= 10)
        to[i] = (char)('0' + v % 10);
    to[digits] = after;
    return to + digits + 1;
}

/* The civil time to show for an instant, kept within the years that four digits hold. */
static void show(int64_t us, int tz_min, haul_civil *ret)
{
    if (us < HAUL_TIME_MIN)
        us = HAUL_TIME_MIN;
    if (us > HAUL_TIME_MAX)
        us = HAUL_TIME_MAX;
    int64_t seconds = floor_div(us, HAUL_US) + tz_min * INT64_C(60);
    if (seconds > HAUL_TIME_MAX / HAUL_US)
        seconds = HAUL_TIME_MAX / HAUL_US;
    haul_civil_from(seconds, ret);
}

static char *put_date_time(char *to, const haul_civil *c)
{
    to = put(to, 4, c->year, '-');
    to = put(to, 2, c->month, '-');
    to = put(to, 2, c->day, 'T');
    to = put(to, 2, c->hour, ':');
    to = put(to, 2, c->minute, ':');
    return put(to, 2, c->second, 'Z');
}

void haul_iso_format(char to[HAUL_ISO_LEN], int64_t us)
{
    haul_civil c;
    show(us, 0, &c);
    *put_date_time(to, &c) = '\0';
}

void haul_iso_format_tz(char to[HAUL_ISO_LEN], int64_t us, int tz_min)
{
    haul_civil c;
    show(us, tz_min, &c);
    int east = tz_min < 0 ? -tz_min : tz_min;
    char *sign = put_date_time(to, &c) - 1;
    *sign = tz_min < 0 ? '-' : '+';
    (void)put(put(sign + 1, 2, east / 60, ':'), 2, east % 60, '\0');
}

/* The octet `before`, unless it is 0, and then exactly `digits` digits. */
static bool take(const char **z, char before, int digits, int *ret)
{
    const char *p = *z;
    if (before && *p++ != before)
        return false;
    int v = 0;
    for (int i = 0; i < digits; i++, p++) {
        if (!haul_is_digit((unsigned char)*p))
            return false;
        v = v * 10 + (*p - '0');
    }
    *z = p;
    *ret = v;
    return true;
}

/* "", "Z" or "+hh:mm", to the end of the text. */
static bool take_zone(const char *z, int *ret_min)
{
    *ret_min = 0;
    if (*z == '\0' || strcmp(z, "Z") == 0)
        return true;
    int sign = *z == '-' ? -1 : 1, hours, minutes;
    if (*z != '+' && *z != '-')
        return false;
    z++;
    if (!take(&z, 0, 2, &hours) || !take(&z, ':', 2, &minutes) || *z || hours > 23 || minutes > 59)
        return false;
    *ret_min = sign * (hours * 60 + minutes);
    return true;
}

bool haul_iso_parse(const char *z, int64_t *ret_us)
{
    haul_civil c = {0};
    int zone = 0;
    if (!take(&z, 0, 4, &c.year) || !take(&z, '-', 2, &c.month) || !take(&z, '-', 2, &c.day))
        return false;
    if (*z) {
        if (*z != 'T' && *z != 't' && *z != ' ')
            return false;
        z++;
        if (!take(&z, 0, 2, &c.hour) || !take(&z, ':', 2, &c.minute))
            return false;
        if ((*z == ':' && !take(&z, ':', 2, &c.second)) || !take_zone(z, &zone))
            return false;
    }
    if (!haul_civil_ok(&c))
        return false;
    int64_t us = (haul_civil_to(&c) - zone * INT64_C(60)) * HAUL_US;
    if (us < HAUL_TIME_MIN || us > HAUL_TIME_MAX)
        return false;
    *ret_us = us;
    return true;
}

void haul_asctime(char to[HAUL_ISO_LEN], int64_t us)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    haul_civil c;
    show(us, 0, &c);
    memcpy(to, days + c.weekday * 3, 3);
    to[3] = ' ';
    memcpy(to + 4, months + (c.month - 1) * 3, 3);
    to[7] = ' ';
    char *at = put(to + 8, 2, c.day, ' ');
    if (to[8] == '0')
        to[8] = ' ';
    at = put(at, 2, c.hour, ':');
    at = put(at, 2, c.minute, ':');
    at = put(at, 2, c.second, ' ');
    (void)put(at, 4, c.year, '\0');
}

void haul_iso_now(char to[HAUL_ISO_LEN])
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_REALTIME, &t);
    haul_iso_format(to, (int64_t)t.tv_sec * HAUL_US);
}
