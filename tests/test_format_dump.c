/* docs/formats/dump.md, rule by rule: the lines of one small mailbox, whole. */
#include "pipe/job.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char sample[] = "From alice@example.org Fri May 23 16:35:53 2025\n"
                             "From: Alice <alice@example.org>\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nDate: "
                             "Fri, 23 May 2025 18:35:53 +0200\n"
                             "Message-ID: <1@example.org>\nStatus: RO\nX-Keywords: work\n\nHello.\n\n";

static char *dump(const char *name, haul_totals *t)
{
    static char source[4096], target[4096];
    snprintf(source, sizeof(source), "%s", testing_path("box.mbox"));
    snprintf(target, sizeof(target), "%s", testing_path("%s", name));
    testing_write(source, sample, sizeof(sample) - 1);
    const char *sources[] = {source, NULL};
    haul_err e = {0};
    haul_job job = {
        .command = "convert", .sources = sources, .target = target, .to = haul_format_find("dump")};
    cr_assert_eq(haul_convert(&job, t, NULL, &e), HAUL_OK, "%s", e.text);
    return testing_read(target, NULL);
}

/* [dump-1] to [dump-4]: order of lines, order of fields, nulls kept. */
Test(dump, lines_are_whole_and_in_order)
{
    haul_totals t;
    char *text = dump("a.jsonl", &t);
    json_t *folder = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
    cr_assert_not_null(folder);
    cr_expect_str_eq(json_string_value(json_object_get(folder, "type")), "folder");
    cr_expect_str_eq(json_string_value(json_object_get(folder, "folder")), "box");
    json_t *m = json_loads(strchr(text, '\n') + 1, 0, NULL);
    cr_assert_not_null(m);
    static const char *const want[][2] = {
        {"type", "message"},
        {"folder", "box"},
        {"key", "box.mbox@0"},
        {"kind", "mail"},
        {"message_id", "<1@example.org>"},
        {"subject", "Gr\xc3\xbc\xc3\x9f"
                    "e"},
        {"sender", "alice@example.org"},
        {"received", "2025-05-23T16:35:53+00:00"},
        {"sent", "2025-05-23T18:35:53+02:00"},
        {"flags", "seen"},
        {"final_eol", "yes"},
        {"sha256", "d140717b6a7e6e18b9eaa993be3bbfe867d1af009edce3e9f930dc8b053af228"},
    };
    for (size_t i = 0; i < HAUL_COUNT(want); i++)
        cr_expect_str_eq(json_string_value(json_object_get(m, want[i][0])), want[i][1], "%s", want[i][0]);
    cr_expect_eq(json_integer_value(json_object_get(m, "crlf")), 0);
    cr_expect_eq(json_integer_value(json_object_get(m, "lf")), 8);
    cr_expect_str_eq(json_string_value(json_array_get(json_object_get(m, "keywords"), 0)), "work");
    cr_expect_eq(json_array_size(json_object_get(m, "issues")), 0);
    json_decref(folder);
    json_decref(m);
    free(text);
}

/* [dump-6] */
Test(dump, same_input_same_octets)
{
    haul_totals t;
    setenv("TZ", "Asia/Tokyo", 1);
    char *a = dump("a.jsonl", &t);
    setenv("TZ", "America/New_York", 1);
    char *b = dump("b.jsonl", &t);
    cr_expect_str_eq(a, b);
    free(a);
    free(b);
}

Test(dump, a_second_run_adds_nothing)
{
    haul_totals t;
    char *a = dump("a.jsonl", &t);
    cr_expect_eq(t.stored, 1);
    char *b = dump("a.jsonl", &t);
    cr_expect_eq(t.already_stored, 1);
    cr_expect_str_eq(a, b);
    free(a);
    free(b);
}
