#include "imap/grammar.h"

#include "base/time.h"
#include "base/utf.h"

#include <stdlib.h>
#include <string.h>

#define DATE_LEAST (INT64_C(86400) * HAUL_US)            /* 1970-01-02: the day before means "now" to some */
#define DATE_MOST  ((INT64_C(2145916800) - 1) * HAUL_US) /* 2037-12-31 23:59:59 */
#define ZONE_MOST  (14 * 60)
#define DATE_CHARS 26u

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

bool haul_imap_is_keyword_safe(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!haul_is_alpha((unsigned char)p[i]) && !haul_is_digit(p[i]) && (!p[i] || !strchr("$_.-", p[i])))
            return false;
    return n > 0 && n <= HAUL_IMAP_KEYWORD_MAX;
}

bool haul_imap_astring(const char *p, size_t n, bool utf8, haul_str *to)
{
    if (utf8 && !haul_utf8_valid(p, n))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!p[i] || p[i] == '\r' || p[i] == '\n' || (!utf8 && (unsigned char)p[i] > 127))
            return false;
    haul_str_addc(to, '"');
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '"' || p[i] == '\\')
            haul_str_addc(to, '\\');
        haul_str_addc(to, p[i]);
    }
    haul_str_addc(to, '"');
    return true;
}

/* ── dates ── */

static int64_t clamp(int64_t v, int64_t least, int64_t most)
{
    return v < least ? least : v > most ? most : v;
}

int64_t haul_imap_date_clamp(int64_t us)
{
    return clamp(us, DATE_LEAST, DATE_MOST) / HAUL_US * HAUL_US;
}

void haul_imap_date_write(int64_t us, int tz_min, char to[HAUL_IMAP_DATE_LEN], bool *ret_clamped)
{
    haul_civil c;
    int64_t at = haul_imap_date_clamp(us) / HAUL_US;
    int zone = (int)clamp(tz_min, -ZONE_MOST, ZONE_MOST);
    int64_t local = at + zone * INT64_C(60);
    *ret_clamped = us < DATE_LEAST || us > DATE_MOST + HAUL_US - 1;
    if (local < DATE_LEAST / HAUL_US || local > DATE_MOST / HAUL_US) {
        local = at;
        zone = 0;
    }
    haul_civil_from(local, &c);
    haul_auto_str text = {0};
    haul_str_addf(&text, "%02d-%.3s-%04d %02d:%02d:%02d %c%02d%02d", c.day, months + 3 * (c.month - 1),
                  c.year, c.hour, c.minute, c.second, zone < 0 ? '-' : '+', abs(zone) / 60, abs(zone) % 60);
    memcpy(to, text.p, DATE_CHARS + 1);
}

/* n digits at p as a number, -1 when they are not. A blank may stand for a leading zero where `blank` is set. */
static int number(const char *p, size_t n, bool blank)
{
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        if (blank && i == 0 && p[0] == ' ')
            continue;
        if (!haul_is_digit(p[i]))
            return -1;
        v = v * 10 + (p[i] - '0');
    }
    return v;
}

static int month_of(const char *p)
{
    for (int i = 0; i < 12; i++)
        if (haul_istarts(p, 3, (const char[4]){months[3 * i], months[3 * i + 1], months[3 * i + 2], 0}))
            return i + 1;
    return 0;
}

bool haul_imap_date_read(const char *p, size_t n, int64_t *ret_us, int *ret_tz_min)
{
    static const char shape[] = "..-...-.... ..:..:.. .....";
    for (size_t i = 0; i < DATE_CHARS; i++)
        if (n != DATE_CHARS || (shape[i] != '.' && p[i] != shape[i]))
            return false;
    haul_civil c = {.year = number(p + 7, 4, false),
                    .month = month_of(p + 3),
                    .day = number(p, 2, true),
                    .hour = number(p + 12, 2, false),
                    .minute = number(p + 15, 2, false),
                    .second = number(p + 18, 2, false)};
    int hours = number(p + 22, 2, false), minutes = number(p + 24, 2, false);
    if (!haul_civil_ok(&c) || hours < 0 || minutes < 0 || minutes > 59 || (p[21] != '+' && p[21] != '-'))
        return false;
    int zone = (hours * 60 + minutes) * (p[21] == '-' ? -1 : 1);
    *ret_us = (haul_civil_to(&c) - zone * INT64_C(60)) * HAUL_US;
    *ret_tz_min = zone;
    return true;
}
