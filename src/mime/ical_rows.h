/* Properties of Outlook in iCalendar, one by one: for the writer and the reader of calendar objects. */
#ifndef HAUL_MIME_ICAL_ROWS_H
#define HAUL_MIME_ICAL_ROWS_H

#include "mime/prop.h"

/* ical_say.c: how X-MICROSOFT- and X-MS-OLK- properties are stored (MS-OXCICAL 2.1.3.1.1.20). */
typedef enum haul_x_type { HAUL_X_INT, HAUL_X_BOOL, HAUL_X_TEXT, HAUL_X_UTC, HAUL_X_BUSY } haul_x_type;
typedef struct haul_x_row {
    const char *name;
    haul_pset set;
    uint32_t lid;
    haul_x_type type;
} haul_x_row;
const haul_x_row *haul_ical_x_rows(size_t *ret_n);
/* 0 FREE … 4 WORKINGELSEWHERE; -1 = no such name. */
int haul_ical_busy(const char *name);

#endif
