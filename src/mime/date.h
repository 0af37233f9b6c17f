/* Dates as mail writes them. */
#ifndef HAUL_MIME_DATE_H
#define HAUL_MIME_DATE_H

#include "base/str.h"

/* RFC 5322 3.3 and 4.3 (obsolete zones, two-digit years), comments, missing seconds or weekday, asctime
 * order, as tolerant as mail in the wild needs. -0000 and unknown zones give tz 0. False when no instant
 * can be read; out-of-range fields are not wrapped into other days. */
bool haul_date_parse(const char *p, size_t n, int64_t *ret_us, int16_t *ret_tz);

/* The date part of an mbox From_ line (after the address): "Fri May 23 16:35:53 2025", with a zone name or
 * offset before or after the year, "+0000 2025" as Gmail writes, without seconds, two-digit year, and
 * trailing text such as "remote from host". Zone absent: UTC (RFC 4155).
 * *ret_used: octets of p up to the end of the date. */
bool haul_date_asctime(const char *p, size_t n, int64_t *ret_us, int16_t *ret_tz, size_t *ret_used);

/* "Fri, 23 May 2025 18:35:53 +0200" (RFC 5322). */
void haul_date_format(haul_str *to, int64_t us, int tz_min);

#endif
