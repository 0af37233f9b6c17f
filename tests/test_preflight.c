/* Runs into a target with limits: what it does not take fails with its reason or is repaired, the rest goes on; then
 * verify holds the target against what was stored. The target is eml, with limits put on at open. */
#include "mime/faults.h"
#include "pipe/preflight.h"

#include "testing.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static haul_limits limits;
static const haul_sink_ops *real;
static const char *refused; /* a Message-ID that the target itself does not take */

static haul_rc limited_open(haul_sink *s, const char *target, const haul_tokens *resume, haul_err *e)
{
    s->limits = limits;
    return real->open(s, target, resume, e);
}

static haul_rc limited_message(haul_sink *s, uint32_t id, const haul_msg *m, haul_err *e)
{
    haul_err why;
    if (!refused || !m->message_id || strcmp(m->message_id, refused) != 0)
        return real->message(s, id, m, e);
    haul_fail(&why, HAUL_SKIP, "NO not today");
    haul_sink_receipt(s, m, "", HAUL_SKIP, &why);
    return HAUL_OK;
}

static const haul_format *limited(void)
{
    static haul_format format;
    static haul_sink_ops ops;
    format = *haul_format_find("eml");
    real = format.sink;
    ops = *real;
    ops.open = limited_open;
    ops.message = limited_message;
    format.sink = &ops;
    return &format;
}

static const char source_text[] = "From a Mon Jan  1 00:00:00 2024\n"
                                  "Message-ID: <good@x>\nSubject: good\n\nbody\n\n"
                                  "From a Mon Jan  1 00:00:00 2024\n"
                                  "Message-ID: <nul@x>\nSubject: nul\n\nbo\0dy\n\n"
                                  "From a Mon Jan  1 00:00:00 2024\n"
                                  "Message-ID: <high@x>\nSubject: caf\xe9\n\nbody\n\n"
                                  "From a Mon Jan  1 00:00:00 2024\n"
                                  "Message-ID: <large@x>\nSubject: large\n\n"
                                  "0123456789012345678901234567890123456789012345678901234567890123456789\n"
                                  "0123456789012345678901234567890123456789012345678901234567890123456789\n\n"
                                  "From a Mon Jan  1 00:00:00 2024\n"
                                  "Message-ID: <last@x>\nSubject: last\n\nbody\n\n";

typedef struct run {
    haul_totals totals;
    json_t *report;
    char *items;
} run;

static haul_job job_of(bool repair)
{
    static const char *sources[2];
    static haul_values *values;
    const char *source = testing_path("in.mbox");
    testing_write(source, source_text, sizeof(source_text) - 1);
    sources[0] = source;
    values = values ? values : haul_values_new();
    return (haul_job){.command = "convert",
                      .sources = sources,
                      .target = testing_path("out"),
                      .to = limited(),
                      .values = values,
                      .repair = repair};
}

static run convert_to(const char *target, bool repair)
{
    haul_job job = job_of(repair);
    job.target = target;
    haul_err e = {0};
    run r = {0};
    cr_assert_eq(haul_convert(&job, &r.totals, &r.report, &e), HAUL_OK, "%s", e.text);
    r.items = testing_read(testing_path("%s/.mailhaul/items.jsonl", strrchr(target, '/') + 1), NULL);
    cr_expect_eq(r.totals.found, r.totals.stored + r.totals.failed + r.totals.already_stored);
    return r;
}

static run convert(bool repair)
{
    return convert_to(testing_path("out"), repair);
}

static void run_done(run *r)
{
    json_decref(r->report);
    free(r->items);
}

static void expect_counts(const run *r, uint64_t stored, uint64_t failed, uint64_t already)
{
    cr_expect_eq(r->totals.stored, stored, "stored %llu", (unsigned long long)r->totals.stored);
    cr_expect_eq(r->totals.failed, failed, "failed %llu", (unsigned long long)r->totals.failed);
    cr_expect_eq(r->totals.already_stored, already);
}

static long long number(const json_t *o, const char *a, const char *b)
{
    const json_t *v = json_object_get(o, a);
    return json_integer_value(b ? json_object_get(v, b) : v);
}

static void expect_verified(void)
{
    haul_job job = job_of(false);
    haul_err e = {0};
    json_t *result = NULL;
    job.command = "verify";
    cr_expect_eq(haul_verify(&job, &result, &e), HAUL_OK, "%s", e.text);
    cr_expect_eq(number(result, "differ", NULL), 0);
    json_decref(result);
}

Test(preflight, what_is_not_taken_fails_with_its_reason)
{
    limits = (haul_limits){.faults = HAUL_FAULT_NUL | HAUL_FAULT_HEADER_8BIT | HAUL_FAULT_TOO_LARGE,
                           .size_max = 120};
    run r = convert(false);
    const json_t *p = json_object_get(r.report, "preflight");
    expect_counts(&r, 2, 3, 0);
    cr_expect_eq(r.totals.issues[HAUL_ISSUE_TARGET_REFUSED], 3);
    cr_expect(strstr(r.items, "\"reason\":\"the target does not take it: 1 NUL octet\""), "%s", r.items);
    cr_expect(strstr(r.items, "the target does not take it: 8-bit octets in Subject"), "%s", r.items);
    cr_expect(strstr(r.items, "the server takes 120 octets"), "%s", r.items);
    cr_expect_eq(number(p, "refused", NULL), 3);
    cr_expect_eq(number(p, "size_max", NULL), 120);
    cr_expect(json_is_null(json_object_get(p, "line_max")));
    cr_expect_eq(number(json_object_get(p, "faults"), "nul", "refused"), 1);
    cr_expect_eq(number(json_object_get(p, "faults"), "8-bit-header", "refused"), 1);
    const json_t *first = json_array_get(json_object_get(p, "items"), 0);
    cr_expect_str_eq(json_string_value(json_object_get(first, "subject")), "nul");
    cr_expect_str_eq(json_string_value(json_object_get(first, "folder")), "in");
    run_done(&r);
}

Test(preflight, repaired_they_are_stored_once_and_verify_agrees)
{
    limits = (haul_limits){.faults = HAUL_FAULT_NUL | HAUL_FAULT_HEADER_8BIT};
    for (int i = 0; i < 2; i++) {
        run r = convert(true);
        expect_counts(&r, i ? 0 : 5, 0, i ? 5 : 0);
        cr_expect_eq(r.totals.issues[HAUL_ISSUE_MSG_REPAIRED], i ? 0 : 2);
        cr_expect_eq(number(json_object_get(r.report, "preflight"), "repaired", NULL), i ? 0 : 2);
        cr_expect(i || strstr(r.items, "\"id\":\"msg.repaired\",\"detail\":\"written anew: Subject\""), "%s",
                  r.items);
        run_done(&r);
        expect_verified(); /* the target against what was stored, the source against what it has */
    }
}

/* The digest in items.jsonl and in the report stays the source's. */
Test(preflight, the_original_s_digest_is_reported)
{
    limits = (haul_limits){0};
    run plain = convert(false);
    char *before = strstr(plain.items, "<nul@x>");
    before = before ? strstr(before, "\"sha256\":") : NULL;
    cr_assert(before);
    limits = (haul_limits){.faults = HAUL_FAULT_NUL};
    run repaired = convert_to(testing_path("again"), true);
    char *now = strstr(repaired.items, "<nul@x>");
    now = now ? strstr(now, "\"sha256\":") : NULL;
    cr_assert(now);
    cr_expect_eq(strncmp(before, now, 70), 0, "%.80s\n%.80s", before, now);
    run_done(&plain);
    run_done(&repaired);
}

/* Grown beyond another limit by its repair: refused after all. */
Test(preflight, a_repair_that_does_not_fit_is_refused)
{
    limits = (haul_limits){.faults = HAUL_FAULT_NUL | HAUL_FAULT_TOO_LARGE, .size_max = 60};
    run r = convert(true);
    cr_expect(strstr(r.items, "1 NUL octet; repaired, it still has: "), "%s", r.items);
    run_done(&r);
}

/* One that no longer fits fails, smaller ones still go; what the target refuses by itself takes no room. */
Test(preflight, room_of_the_account)
{
    limits = (haul_limits){.faults = HAUL_FAULT_QUOTA, .room = 210};
    run r = convert(false); /* 48, 49, 50, large: 188, 48 octets */
    expect_counts(&r, 4, 1, 0);
    cr_expect(strstr(r.items, "octets, the account has room for "), "%s", r.items);
    cr_expect_eq(number(json_object_get(r.report, "preflight"), "room", NULL), 210);
    run_done(&r);
}

Test(preflight, room_comes_back_when_the_target_refuses)
{
    limits = (haul_limits){.faults = HAUL_FAULT_QUOTA, .room = 150};
    refused = "<good@x>";
    run r = convert(false);
    expect_counts(&r, 3, 2, 0); /* nul, high and last are stored; good is refused, large does not fit */
    cr_expect(strstr(r.items, "NO not today"), "%s", r.items);
    run_done(&r);
}

Test(preflight, a_target_without_limits_has_no_preflight)
{
    limits = (haul_limits){0};
    run r = convert(true);
    expect_counts(&r, 5, 0, 0);
    cr_expect_null(json_object_get(r.report, "preflight"));
    run_done(&r);
}

/* ── a dry run, driven by hand: nothing goes to the sink ── */

static haul_msg *message(const char *p, size_t n)
{
    haul_msg *m = haul_msg_new();
    m->body = haul_spool_new(true);
    m->folder = 0;
    m->source = "s";
    m->subject = "x";
    cr_assert_eq(haul_out_write(haul_spool_out(m->body), p, n, NULL), HAUL_OK);
    cr_assert_eq(haul_msg_freeze(m, NULL), HAUL_OK);
    return m;
}

static void dry(bool repair, haul_rc want, unsigned set)
{
    haul_job job = {.command = "convert", .dry_run = true, .repair = repair};
    haul_folder_count counted = {0};
    haul_run_folder folder = {.path = "F", .count = &counted};
    haul_run r = {.job = &job, .to = limited(), .by_folder = &folder, .folders = {.n = 1}};
    r.sink.limits = (haul_limits){.faults = HAUL_FAULT_NUL};
    cr_assert_eq(haul_report_open(&job, NULL, &r.report, NULL), HAUL_OK);
    for (unsigned i = 0; i < 25; i++) {
        r.msg = message("A: b\n\nx\0", 8);
        uint64_t size = r.msg->size;
        cr_expect_eq(haul_preflight_message(&r, NULL), want);
        cr_expect_eq(r.msg->set & HAUL_SET_REPAIRED, set);
        cr_expect_eq(r.msg->size, size);
        cr_expect_eq(memcmp(r.msg->sha256, r.msg->stored_sha256, HAUL_SHA256_LEN) == 0, !set);
        haul_msg_unref(r.msg);
    }
    json_t *o = json_object();
    haul_preflight_report(&r, o);
    const json_t *p = json_object_get(o, "preflight");
    cr_expect_eq(number(p, repair ? "repaired" : "refused", NULL), 25);
    cr_expect_eq(json_array_size(json_object_get(p, repair ? "repairs" : "items")), HAUL_PREFLIGHT_NAMED);
    cr_expect_eq(r.totals.failed, repair ? 0 : 25);
    json_decref(o);
    haul_preflight_free(r.preflight);
    haul_report_free(r.report);
}

Test(preflight, a_dry_run_counts_and_names)
{
    dry(false, HAUL_END, 0);
    dry(true, HAUL_OK, HAUL_SET_REPAIRED);
}
