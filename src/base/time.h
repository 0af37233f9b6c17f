/* Civil time without the host's zone or locale. Instants are int64_t microseconds since 1970 UTC;
 * zones are int16_t minutes east of UTC. */
#ifndef HAUL_BASE_TIME_H
#define HAUL_BASE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HAUL_US INT64_C(1000000)
/* Instants outside 1900-01-01 .. 9999-12-31 are treated as unreadable. */
#define HAUL_TIME_MIN (INT64_C(-2208988800) * HAUL_US)
#define HAUL_TIME_MAX (INT64_C(253402300799) * HAUL_US)

typedef struct haul_civil {
    int year, month, day;     /* month and day from 1 */
    int hour, minute, second; /* second 0..60 */
    int weekday;              /* 0 = Sunday; filled by haul_civil_from, ignored by haul_civil_to */
} haul_civil;

/* Seconds since 1970 of a civil UTC time; proleptic Gregorian. Fields must be in range. */
int64_t haul_civil_to(const haul_civil *c);
void haul_civil_from(int64_t seconds, haul_civil *ret);
bool haul_civil_ok(const haul_civil *c); /* all fields in range for their month */

/* "2025-05-23T16:35:53Z" (NUL included: 21 octets, years up to 9999), fractions dropped. */
#define HAUL_ISO_LEN 32
void haul_iso_format(char to[HAUL_ISO_LEN], int64_t us);
/* The same of the clock, for reports and logs: nothing else that is written may depend on it. */
void haul_iso_now(char to[HAUL_ISO_LEN]);
/* The same instant shown in a zone: "2025-05-23T18:35:53+02:00". */
void haul_iso_format_tz(char to[HAUL_ISO_LEN], int64_t us, int tz_min);
/* YYYY-MM-DD, or with T or blank and HH:MM[:SS][Z|+hh:mm]. No zone means UTC. */
bool haul_iso_parse(const char *z, int64_t *ret_us);
/* "Fri May 23 16:35:53 2025" in UTC: asctime without the newline (RFC 4155 From_ lines). 25 octets. */
void haul_asctime(char to[HAUL_ISO_LEN], int64_t us);

#endif
