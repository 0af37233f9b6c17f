/* Recurrence blobs and time zone definitions of any octets: nothing read past the end, every rule that is given out is
 * one that libical reads, and its first day is one on which it falls. */
#include "fuzz.h"

#include "mime/recur.h"
#include "mime/tz.h"

#include <libical/ical.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check_span(const char *p, size_t size, haul_span s)
{
    check(!s.p || (s.p >= p && s.p + s.len <= p + size));
}

static void check_recur(const char *p, size_t size, bool appointment, haul_arena *a)
{
    haul_recur r;
    uint32_t first;
    bool whole = haul_recur_parse(p, size, appointment, a, &r);
    check(!whole || (r.got & HAUL_RECUR_GOT_DATES));
    for (size_t i = 0; i < r.n_exceptions; i++) {
        check_span(p, size, r.exceptions[i].subject8);
        check_span(p, size, r.exceptions[i].subject16);
        check_span(p, size, r.exceptions[i].location16);
    }
    if (!(r.got & HAUL_RECUR_GOT_PATTERN) || !haul_recur_first(&r, &first))
        return;
    haul_auto_str rule = {0};
    haul_recur_rule(&r, first, &rule);
    check(first >= r.start / 1440);
    check(icalrecurrencetype_from_string(haul_strz(&rule)).freq != ICAL_NO_RECURRENCE);
}

static void check_zone(const haul_tz *z)
{
    check(z->n && *z->id);
    for (int64_t t = -2000000000; t < 4000000000; t += 12345678) {
        int offset = haul_tz_offset(z, t);
        check(offset >= -172800 && offset <= 172800);
        (void)haul_tz_offset_local(z, t + offset);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *p = malloc(size + 1); /* its own block: the sanitizer sees every octet too far */
    haul_arena a = {0};
    haul_tz zone;
    memcpy(p, data, size);
    check_recur(p, size, true, &a);
    check_recur(p, size, false, &a);
    if (haul_tz_definition(p, size, &a, &zone))
        check_zone(&zone);
    if (haul_tz_struct(p, size, NULL, &a, &zone))
        check_zone(&zone);
    haul_arena_done(&a);
    free(p);
    return 0;
}
