/* Any octets as a manifest, as bag-info.txt and as a log. */
#include "fuzz.h"

#include "hold/bag.h"
#include "pipe/audit.h"

static void check_path(const haul_bag_list *l)
{
    const char *path = l->entry.path.p;
    check(*path && *path != '/' && !strstr(path, "//"));
    check(strcmp(path, "..") != 0 && strncmp(path, "../", 3) != 0 && !strstr(path, "/../"));
    check((strncmp(path, "data/", 5) == 0) == l->payload);
}

/* What is taken is what we would write. */
static void manifest(const uint8_t *data, size_t size, bool payload)
{
    haul_auto(haul_in) *in = haul_in_from_mem(data, size, 0);
    haul_bag_list l = {.in = in, .payload = payload};
    haul_auto_str again = {0}, last = {0};
    const char *fault = NULL;
    uint64_t at = 0;
    while (haul_bag_next(&l, &fault, NULL) == HAUL_OK) {
        uint64_t end = haul_in_offset(in);
        check(end > at);
        if (!fault) {
            haul_str_clear(&again);
            haul_bag_line(&again, l.entry.sha256, l.entry.path.p);
            check(again.len == end - at && memcmp(again.p, data + at, again.len) == 0);
            check_path(&l);
            check(strcmp(haul_strz(&last), l.entry.path.p) < 0);
            haul_str_clear(&last);
            haul_str_addz(&last, l.entry.path.p);
        }
        at = end;
    }
    check(haul_in_offset(in) == size);
    haul_bag_list_done(&l);
}

static haul_rc see_line(void *ctx, const json_t *line, haul_err *e)
{
    uint64_t *n = ctx;
    (void)e;
    check(json_integer_value(json_object_get(line, "seq")) == (json_int_t)++ * n);
    check(json_is_string(json_object_get(line, "event")) && json_is_string(json_object_get(line, "prev")));
    return HAUL_OK;
}

/* Whole and in single octets: the same verdict. Every line that is taken is JSON. */
static void chain(const uint8_t *data, size_t size)
{
    haul_audit_check whole, steps;
    uint64_t lines = 0;
    haul_auto(haul_in) *in = haul_in_from_mem(data, size, 0), *slow = haul_in_from_mem(data, size, 1);
    check(haul_audit_follow_in(in, &whole, see_line, &lines, NULL) == HAUL_OK);
    check(haul_audit_follow_in(slow, &steps, NULL, NULL, NULL) == HAUL_OK);
    check(lines == whole.head.count && whole.head.count == steps.head.count);
    check(whole.bad_line == steps.bad_line && whole.offset == steps.offset && whole.torn == steps.torn);
    check(strcmp(whole.reason, steps.reason) == 0);
    check(whole.bad_line == 0 || whole.bad_line == whole.head.count + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const labels[] = {"Bag-Type", "Payload-Oxum", "a"};
    manifest(data, size, true);
    manifest(data, size, false);
    chain(data, size);
    for (size_t i = 0; i < HAUL_COUNT(labels); i++) {
        haul_auto_str value = {0};
        (void)haul_bag_field((const char *)data, size, labels[i], &value);
        check(value.len <= size);
    }
    return 0;
}
