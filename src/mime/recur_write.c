/* Recurrence blobs, written. MS-OXOCAL 2.2.1.44. */
#include "mime/put.h"
#include "mime/recur.h"

#define READER_VERSION  0x3004u
#define READER_VERSION2 0x3006u
#define WRITER_VERSION2 0x3009u

static void add_pattern(const haul_recur *r, haul_str *to)
{
    haul_le_add(to, READER_VERSION, 2);
    haul_le_add(to, READER_VERSION, 2);
    haul_le_add(to, r->frequency, 2);
    haul_le_add(to, r->pattern, 2);
    haul_le_add(to, r->calendar, 2);
    haul_le_add(to, r->first, 4);
    haul_le_add(to, r->period, 4);
    haul_le_add(to, r->sliding, 4);
    if (r->pattern == HAUL_RECUR_WEEK || r->pattern == HAUL_RECUR_MONTH_NTH)
        haul_le_add(to, r->days, 4);
    if (r->pattern == HAUL_RECUR_MONTH || r->pattern == HAUL_RECUR_MONTH_END)
        haul_le_add(to, r->day, 4);
    if (r->pattern == HAUL_RECUR_MONTH_NTH)
        haul_le_add(to, r->nth, 4);
    haul_le_add(to, r->end_type, 4);
    haul_le_add(to, r->count, 4);
    haul_le_add(to, r->first_dow, 4);
}

static void add_list(const uint32_t *v, size_t n, haul_str *to)
{
    haul_le_add(to, n, 4);
    for (size_t i = 0; i < n; i++)
        haul_le_add(to, v[i], 4);
}

void haul_recur_write(const haul_recur *r, bool appointment, haul_str *to)
{
    add_pattern(r, to);
    add_list(r->deleted, r->n_deleted, to);
    add_list(r->modified, r->n_modified, to);
    haul_le_add(to, r->start, 4);
    haul_le_add(to, r->end, 4);
    if (!appointment)
        return;
    haul_le_add(to, READER_VERSION2, 4);
    haul_le_add(to, WRITER_VERSION2, 4);
    haul_le_add(to, r->start_offset, 4);
    haul_le_add(to, r->end_offset, 4);
    haul_le_add(to, r->n_exceptions, 2);
    for (size_t i = 0; i < r->n_exceptions; i++) {
        haul_le_add(to, r->exceptions[i].start, 4);
        haul_le_add(to, r->exceptions[i].end, 4);
        haul_le_add(to, r->exceptions[i].original, 4);
        haul_le_add(to, 0, 2); /* nothing but its time differs */
    }
    haul_le_add(to, 0, 4); /* ReservedBlock1Size */
    for (size_t i = 0; i < r->n_exceptions; i++) {
        haul_le_add(to, 4, 4); /* ChangeHighlight */
        haul_le_add(to, 0, 4);
        haul_le_add(to, 0, 4); /* ReservedBlockEE1Size */
    }
    haul_le_add(to, 0, 4); /* ReservedBlock2Size */
}
