#include "cli/preflight.h"

#include "cli/args.h"
#include "cli/result.h"
#include "mime/faults.h"

#include <string.h>

static const char *sentence(const char *name)
{
    for (unsigned bit = 1; bit <= HAUL_FAULT_QUOTA; bit <<= 1)
        if (strcmp(haul_fault_name(bit), name) == 0)
            return haul_fault_text(bit);
    return "";
}

static void faults(const json_t *all, const char *key, haul_str *to)
{
    haul_table t = {.columns = 3, .right = 2, .indent = 2};
    const char *name;
    json_t *one;
    void *at = json_object_iter((json_t *)(uintptr_t)all);
    for (; at; at = json_object_iter_next((json_t *)(uintptr_t)all, at)) {
        name = json_object_iter_key(at);
        one = json_object_iter_value(at);
        if (!haul_json_number(one, key))
            continue;
        haul_table_cell(&t, name);
        haul_table_number(&t, haul_json_number(one, key));
        haul_table_cell(&t, sentence(name));
    }
    haul_table_print(&t, to);
    haul_str_done(&t.cells);
}

/* "Inbox: Subject: reason", by Message-ID where there is no subject. */
static void named(const json_t *list, uint64_t total, const char *why, haul_str *to)
{
    size_t i = 0;
    json_t *o = NULL;
    json_array_foreach(list, i, o)
    {
        const char *name = haul_json_text(o, "subject");
        if (!*name)
            name = haul_json_text(o, "message_id");
        haul_str_addz(to, "  ");
        haul_text_clean(to, haul_json_text(o, "folder"));
        haul_str_addz(to, ": ");
        haul_text_clean(to, *name ? name : "(no subject)");
        haul_str_addz(to, ": ");
        haul_text_clean(to, haul_json_text(o, why));
        haul_str_addc(to, '\n');
    }
    if (total <= json_array_size(list))
        return;
    haul_str_addz(to, "  … and ");
    haul_text_number(to, total - json_array_size(list));
    haul_str_addz(to, " more\n");
}

static void part(const json_t *p, const char *key, const char *list, const char *why, const char *what,
                 haul_str *to)
{
    uint64_t n = haul_json_number(p, key);
    if (!n)
        return;
    haul_str_addz(to, "preflight: ");
    haul_say_count(to, n, "item");
    haul_str_addf(to, " %s\n", what);
    faults(json_object_get(p, "faults"), key, to);
    named(json_object_get(p, list), n, why, to);
}

static bool mends_any(const json_t *p)
{
    for (unsigned bit = 1; bit <= HAUL_FAULT_QUOTA; bit <<= 1) {
        const json_t *one = json_object_get(json_object_get(p, "faults"), haul_fault_name(bit));
        if (bit & HAUL_FAULTS_MENDED && haul_json_number(one, "refused"))
            return true;
    }
    return false;
}

void haul_preflight_text(const haul_job *job, const json_t *report, haul_str *to)
{
    const json_t *p = json_object_get(report, "preflight");
    part(p, "refused", "items", "reason", "would not be sent", to);
    part(p, "repaired", "repairs", "detail", "would be changed so that the target takes them", to);
    if (!job->repair && mends_any(p))
        haul_str_addf(to, "--%s mends what can be mended of these\n", haul_opts[HAUL_OPT_REPAIR].name);
}
