/* Header sections, dates, decoded words and flags of any octets: nothing read past the end, text always UTF-8. */
#include "fuzz.h"

#include "base/time.h"
#include "mime/date.h"
#include "mime/header.h"
#include "mime/status.h"

static void check_date(const char *p, size_t n)
{
    int64_t us = 0;
    int16_t tz = 0;
    size_t used = 0;
    if (haul_date_parse(p, n, &us, &tz))
        check(us >= HAUL_TIME_MIN && us <= HAUL_TIME_MAX && tz > -1440 && tz < 1440);
    if (haul_date_asctime(p, n, &us, &tz, &used))
        check(us >= HAUL_TIME_MIN && us <= HAUL_TIME_MAX && used <= n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *p = malloc(size + 1); /* its own block: the sanitizer sees every octet too far */
    memcpy(p, data, size);
    haul_msg *m = haul_msg_new();
    haul_status status = {0};
    haul_auto_str text = {0};
    size_t length = haul_header_length(p, size);
    check(length <= size);
    haul_header_fill(m, p, size, true);
    check_text(m->subject);
    check_text(m->sender);
    check_text(m->message_id);
    haul_status_parse(p, length ? length : size, &status);
    haul_status_apply(&status, m, true);
    for (size_t i = 0; i < m->n_keywords; i++)
        check_text(m->keywords[i]);
    haul_header_decode((haul_span){p, size}, &text);
    check_text(text.p);
    check_date(p, size);
    haul_status_done(&status);
    haul_msg_unref(m);
    free(p);
    return 0;
}
