/* Recurrence blobs of Outlook: RecurrencePattern (tasks) and AppointmentRecurrencePattern with its exceptions.
 * Source: MS-OXOCAL 2.2.1.44. Dates and times are minutes since 1601-01-01 in the item's own zone. */
#ifndef HAUL_MIME_RECUR_H
#define HAUL_MIME_RECUR_H

#include "base/arena.h"
#include "base/str.h"

#define HAUL_RECUR_DATES_MAX    65536u /* deleted or modified instances in one blob */
#define HAUL_RECUR_INTERVAL_MAX 9999u  /* days or weeks from one instance to the next; Outlook allows 999 */
#define HAUL_RECUR_NEVER        0x5AE980DFu /* as EndDate: no end; 0x5AE980E0 and above too */

enum { /* haul_recur.frequency */
       HAUL_RECUR_DAILY = 0x200a,
       HAUL_RECUR_WEEKLY = 0x200b,
       HAUL_RECUR_MONTHLY = 0x200c,
       HAUL_RECUR_YEARLY = 0x200d,
};
enum { /* haul_recur.pattern */
       HAUL_RECUR_DAY = 0,
       HAUL_RECUR_WEEK = 1,
       HAUL_RECUR_MONTH = 2,
       HAUL_RECUR_MONTH_NTH = 3,
       HAUL_RECUR_MONTH_END = 4,
       HAUL_RECUR_HJ_MONTH = 10,
       HAUL_RECUR_HJ_MONTH_NTH = 11,
       HAUL_RECUR_HJ_MONTH_END = 12,
};
enum { /* haul_recur.end_type; anything else means no end */
       HAUL_RECUR_END_DATE = 0x2021,
       HAUL_RECUR_END_COUNT = 0x2022,
};
enum { /* haul_recur_exception.flags: what differs from the series */
       HAUL_RECUR_X_SUBJECT = 0x0001,
       HAUL_RECUR_X_MEETING = 0x0002,
       HAUL_RECUR_X_DELTA = 0x0004,
       HAUL_RECUR_X_REMINDER = 0x0008,
       HAUL_RECUR_X_LOCATION = 0x0010,
       HAUL_RECUR_X_BUSY = 0x0020,
       HAUL_RECUR_X_ATTACHMENT = 0x0040,
       HAUL_RECUR_X_SUBTYPE = 0x0080,
       HAUL_RECUR_X_COLOR = 0x0100,
       HAUL_RECUR_X_BODY = 0x0200,
};
enum {                                /* haul_recur.got: how far a blob could be read */
       HAUL_RECUR_GOT_PATTERN = 1,    /* up to FirstDOW */
       HAUL_RECUR_GOT_DATES = 2,      /* deleted and modified instances, StartDate, EndDate */
       HAUL_RECUR_GOT_TIMES = 4,      /* StartTimeOffset, EndTimeOffset */
       HAUL_RECUR_GOT_EXCEPTIONS = 8, /* all of ExceptionInfo */
       HAUL_RECUR_GOT_EXTENDED = 16,  /* all of ExtendedException: Unicode texts */
};

typedef struct haul_recur_exception { /* texts are borrowed from the blob */
    uint32_t start, end, original;
    uint16_t flags;
    haul_span subject8, location8;   /* in the code page of whoever wrote it */
    haul_span subject16, location16; /* UTF-16LE; p is NULL where the blob has none */
    uint32_t meeting_type, reminder_delta, reminder_set, busy, attachment, subtype, color;
} haul_recur_exception;

typedef struct haul_recur {
    unsigned got;
    uint16_t frequency, pattern, calendar;
    uint32_t first, period, sliding;
    uint32_t days; /* WEEK, MONTH_NTH: bit 0 = Sunday … bit 6 = Saturday */
    uint32_t day;  /* MONTH, MONTH_END: day of the month */
    uint32_t nth;  /* MONTH_NTH: 1..4, 5 = last */
    uint32_t end_type, count, first_dow;
    uint32_t *deleted, *modified; /* days as minutes: deleted has the original days of modified ones too */
    size_t n_deleted, n_modified;
    uint32_t start, end;               /* midnight of the first and last day */
    uint32_t start_offset, end_offset; /* minutes from that midnight */
    haul_recur_exception *exceptions;
    size_t n_exceptions;
} haul_recur;

/* Read a blob; lists come from a. appointment: an AppointmentRecurrencePattern is expected, else what follows the
 * RecurrencePattern is not looked at. False when it is damaged: ret->got says what came before the damage and may be
 * used. All of *ret is written. */
bool haul_recur_parse(const void *p, size_t n, bool appointment, haul_arena *a, haul_recur *ret);

/* The other way: append the blob of a rule of the Gregorian calendar. Exceptions are written with their times alone. */
void haul_recur_write(const haul_recur *r, bool appointment, haul_str *to);

/* True when the rule counts months of the Gregorian calendar, or no months at all. */
bool haul_recur_gregorian(const haul_recur *r);
/* The first day, in days since 1601-01-01, on which the rule falls at or after StartDate. False when the rule makes
 * no sense (no days, a period of 0, or one beyond all years) or has no Gregorian form. Needs PATTERN and DATES. */
bool haul_recur_first(const haul_recur *r, uint32_t *ret_day);
/* The rule as an RFC 5545 RECUR value without UNTIL, appended. first_day: of haul_recur_first. COUNT is part of it.
 * Days 29 to 31 mean the last day of shorter months (MS-OXOCAL 2.2.1.44.1), which BYMONTHDAY alone would leave out. */
void haul_recur_rule(const haul_recur *r, uint32_t first_day, haul_str *to);
/* The rule ends on a day: StartDate of the last instance is r->end. */
bool haul_recur_until(const haul_recur *r);

/* Days since 1601-01-01 of a civil date and back. */
uint32_t haul_recur_day(int year, int month, int day);
void haul_recur_civil(uint32_t day, int *ret_year, int *ret_month, int *ret_day);

#endif
