#include "cli/cmd.h"
#include "cli/result.h"
#include "pipe/check.h"

#include <string.h>

#include <inttypes.h>

static bool number(const json_t *f, const char *key, uint64_t *ret)
{
    const json_t *v = json_object_get(f, key);
    *ret = (uint64_t)json_integer_value(v);
    return json_is_integer(v);
}

static void place_text(const json_t *f, haul_str *to)
{
    uint64_t v;
    if (number(f, "offset", &v))
        haul_str_addf(to, ", octet %" PRIu64, v);
    if (number(f, "node", &v))
        haul_str_addf(to, ", node 0x%" PRIx64, v);
    if (number(f, "block", &v))
        haul_str_addf(to, ", block 0x%" PRIx64, v);
}

static const char *sentence(const char *id)
{
    for (int i = 0; i < HAUL_FINDING_COUNT; i++)
        if (strcmp(haul_finding_name((haul_finding_id)i), id) == 0)
            return haul_finding_text((haul_finding_id)i);
    return "";
}

/* "  damage pst.page-crc, octet 1024, node 0x21: the checksum of a page is wrong (of type 0x81)" */
static void finding_text(const json_t *f, haul_str *to)
{
    const char *id = haul_json_text(f, "id"), *detail = haul_json_text(f, "detail");
    haul_str_addf(to, "  %s %s", haul_json_text(f, "severity"), id);
    place_text(f, to);
    haul_str_addf(to, ": %s", sentence(id));
    if (*detail) {
        haul_str_addz(to, " (");
        haul_text_clean(to, detail);
        haul_str_addc(to, ')');
    }
    haul_str_addc(to, '\n');
}

static void store_text(const json_t *o, haul_str *to)
{
    const json_t *findings = json_object_get(o, "findings");
    const char *format = haul_json_text(o, "format"), *error = haul_json_text(o, "error");
    size_t i = 0, n = json_array_size(findings);
    json_t *f = NULL;
    haul_text_clean(to, haul_json_text(o, "path"));
    haul_str_addf(to, " (%s): ", *format ? format : "format unknown");
    if (*error)
        haul_str_addz(to, "cannot be checked\n");
    else if (!n)
        haul_str_addz(to, "clean\n");
    else
        haul_str_addf(to, "%zu %s\n", n, n == 1 ? "finding" : "findings");
    json_array_foreach(findings, i, f) finding_text(f, to);
    if (json_is_true(json_object_get(o, "truncated")))
        haul_str_addz(to, "  there are more than these\n");
}

static void all_text(const json_t *o, haul_str *to)
{
    json_t *s = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(o, "stores"), i, s) store_text(s, to);
}

haul_rc haul_cmd_check(const haul_args *a, int *ret_status, haul_err *e)
{
    haul_request r;
    haul_auto_str s = {0};
    json_t *o = NULL;
    haul_rc rc = haul_request_init(&r, a, e);
    if (rc == HAUL_OK) {
        const haul_check_job job = {.stores = r.job.sources, .stop = r.job.stop};
        rc = haul_check_stores(&job, &o, e);
        all_text(o, &s);
        rc = haul_result_print(&r, o, &s, rc, e);
        *ret_status = haul_json_number(json_object_get(o, "totals"), "damage") ? 1 : 0;
    }
    json_decref(o);
    haul_request_done(&r);
    return rc;
}
