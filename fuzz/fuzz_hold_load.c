/* Any octets as a load file or tag file of a package that verify reads: the first octet says which. */
#include "fuzz.h"

#include "hold/check.h"

enum { EDRM = 2, EAXS = 3 };
static const struct {
    const char *path;
    haul_check_reader *read;
} readers[] = {{HAUL_CHECK_DAT, haul_check_dat},   {"mailbag.csv", haul_check_csv},
               {"load/edrm.xml", haul_check_edrm}, {"load/eaxs.xml", haul_check_eaxs},
               {"report.json", haul_check_report}, {HAUL_AUDIT_FILE, haul_check_log}};

/* How many differences there are. Every text of them is UTF-8: it goes into JSON, and to people. */
static uint64_t read_as(size_t which, const uint8_t *data, size_t size, size_t step)
{
    const haul_package_job job = {.dir = ""};
    haul_check c = {.job = &job, .differences = json_array(), .origins = json_object()};
    haul_auto(haul_in) *in = haul_in_from_mem(data, size, step);
    check(haul_check_lists_open(&c, NULL) == HAUL_OK);
    c.seen.mailbag = HAUL_CHECK_UNKNOWN;
    check(readers[which].read(&c, in, readers[which].path, NULL) == HAUL_OK);
    check(haul_check_left(&c, NULL) == HAUL_OK);
    char *text = json_dumps(c.differences, JSON_COMPACT);
    check(text && haul_utf8_valid(text, strlen(text)));
    free(text);
    haul_check_lists_close(&c);
    json_decref(c.differences);
    json_decref(c.origins);
    json_decref(c.report);
    return c.differ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t which = data[0] % HAUL_COUNT(readers);
    uint64_t whole = read_as(which, data + 1, size - 1, 0), steps = read_as(which, data + 1, size - 1, 1);
    check(whole == steps || which == EDRM || which == EAXS); /* libxml2 sees more or less before a fault */
    return 0;
}
