#include "cli/cmd.h"
#include "cli/result.h"

#include <stdlib.h>

static void value_text(const json_t *difference, const char *key, haul_str *to)
{
    const json_t *v = json_object_get(difference, key);
    if (!v || json_is_null(v))
        return;
    haul_str_addf(to, " %s ", key);
    if (json_is_string(v)) {
        haul_text_clean(to, *json_string_value(v) ? json_string_value(v) : "none");
        return;
    }
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    haul_text_clean(to, text ? text : "?");
    free(text);
}

/* Where only one side exists, "found" is a sentence: "missing: INBOX/12.eml: recorded, but not in the target" */
static void state_text(const json_t *difference, haul_str *to)
{
    haul_str_addz(to, ": ");
    haul_text_clean(to, haul_json_text(difference, "found"));
}

/* "flags: INBOX/12.eml <id@host> recorded seen found seen flagged" */
static void difference_text(const json_t *d, haul_str *to)
{
    const char *place = haul_json_text(d, "place"), *message_id = haul_json_text(d, "message_id");
    haul_text_clean(to, haul_json_text(d, "kind"));
    haul_str_addz(to, ": ");
    haul_text_clean(to, *place ? place : haul_json_text(d, "id"));
    if (*message_id) {
        haul_str_addc(to, ' ');
        haul_text_clean(to, message_id);
    }
    if (json_is_null(json_object_get(d, "recorded")) && *haul_json_text(d, "found")) {
        state_text(d, to);
    } else {
        value_text(d, "recorded", to);
        value_text(d, "found", to);
    }
    haul_str_addc(to, '\n');
}

static void differences_text(uint64_t n, haul_str *to)
{
    haul_str_addz(to, " agree, ");
    if (n)
        haul_text_number(to, n);
    haul_str_addz(to, n == 1 ? " difference\n" : n ? " differences\n" : "no difference\n");
}

static void all_text(const json_t *o, haul_str *to)
{
    json_t *list = json_object_get(o, "differences"), *d = NULL;
    size_t i = 0;
    json_array_foreach(list, i, d) difference_text(d, to);
    if (json_is_true(json_object_get(o, "truncated")))
        haul_str_addz(to, "there are more differences than these\n");
    haul_text_number(to, haul_json_number(o, "checked"));
    haul_str_addz(to, " items checked, ");
    haul_text_number(to, haul_json_number(o, "agree"));
    differences_text(haul_json_number(o, "differ"), to);
}

haul_rc haul_cmd_verify(const haul_args *a, int *ret_status, haul_err *e)
{
    haul_request r;
    haul_auto_str s = {0};
    json_t *o = NULL;
    haul_rc rc = haul_request_init(&r, a, e);
    if (rc == HAUL_OK)
        rc = haul_verify(&r.job, &o, e);
    haul_bar_end(&r.bar);
    if (o) {
        all_text(o, &s);
        rc = haul_result_print(&r, o, &s, rc, e);
    }
    *ret_status = haul_rc_exit(rc);
    json_decref(o);
    haul_request_done(&r);
    return rc;
}
