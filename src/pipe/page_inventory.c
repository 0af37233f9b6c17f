/* From an inventory (inspect) to the facts of its page. */
#include "base/figures.h"
#include "pipe/page_parts.h"

#include <string.h>

static void add_fact(json_t *list, const char *name, const char *value)
{
    json_t *row = json_array();
    json_array_append_new(row, json_string(name));
    json_array_append_new(row, haul_json_from_text(value));
    json_array_append_new(list, row);
}

static void add_number(json_t *list, const char *name, uint64_t n)
{
    haul_auto_str text = {0};
    haul_text_number(&text, n);
    add_fact(list, name, haul_strz(&text));
}

static void add_day(json_t *list, const char *name, const char *iso)
{
    haul_auto_str day = {0};
    haul_str_add(&day, iso, strcspn(iso, "T"));
    if (day.len)
        add_fact(list, name, day.p);
}

static json_t *facts_of(const json_t *totals)
{
    json_t *list = json_array();
    haul_auto_str size = {0};
    haul_text_size(&size, haul_json_number(totals, "octets"));
    add_fact(list, "Size", size.p);
    add_day(list, "Oldest", haul_json_text(totals, "oldest"));
    add_day(list, "Newest", haul_json_text(totals, "newest"));
    if (haul_json_number(totals, "flags_known"))
        add_number(list, "Unread", haul_json_number(totals, "unseen"));
    add_number(list, "Flagged", haul_json_number(totals, "flagged"));
    add_number(list, "Damaged", haul_json_number(totals, "damaged"));
    return list;
}

static void add_total(json_t *list, const char *name, uint64_t n)
{
    json_t *row = json_array(), *cell = json_object();
    haul_json_set_u64(cell, "n", n);
    json_array_append_new(row, json_string(name));
    json_array_append(row, json_object_get(cell, "n"));
    json_array_append_new(list, row);
    json_decref(cell);
}

static json_t *totals_of(const json_t *totals)
{
    json_t *list = json_array();
    uint64_t read = haul_json_number(totals, "messages"), failed = haul_json_number(totals, "failed");
    add_total(list, "found", read + failed);
    add_total(list, "can be read", read);
    add_total(list, "cannot be read", failed);
    return list;
}

static void copy(json_t *to, const json_t *from, const char *const *keys)
{
    for (; *keys; keys++)
        json_object_set(to, *keys, json_object_get(from, *keys)); /* an absent one is not set */
}

/* What failed before its folder was known. */
static void add_folderless(json_t *list, const json_t *source)
{
    const json_t *folder = NULL;
    size_t i = 0;
    uint64_t failed = haul_json_number(json_object_get(source, "totals"), "failed");
    json_array_foreach(json_object_get(source, "folders"), i, folder)
    {
        failed -= haul_json_number(folder, "failed");
    }
    if (!failed)
        return;
    json_t *o = json_object();
    json_object_set(o, "source", json_object_get(source, "path"));
    json_object_set_new(o, "path", json_null());
    haul_json_set_u64(o, "failed", failed);
    json_array_append_new(list, o);
}

static void add_folders(json_t *list, const json_t *source)
{
    static const char *const keys[] = {"path",   "role",   "messages", "failed", "flagged",
                                       "octets", "oldest", "newest",   NULL};
    static const char *const unread[] = {"unseen", NULL};
    const json_t *folder = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(source, "folders"), i, folder)
    {
        json_t *o = json_object();
        json_object_set(o, "source", json_object_get(source, "path"));
        copy(o, folder, keys);
        if (haul_json_number(folder, "flags_known")) /* else the source does not say */
            copy(o, folder, unread);
        json_array_append_new(list, o);
    }
    add_folderless(list, source);
}

static void add_source(json_t *list, const json_t *source)
{
    static const char *const keys[] = {"path", "format", "error", NULL};
    const json_t *totals = json_object_get(source, "totals");
    json_t *o = json_object();
    copy(o, source, keys);
    haul_json_set_u64(o, "items", haul_json_number(totals, "messages") + haul_json_number(totals, "failed"));
    haul_json_set_u64(o, "size", haul_json_number(totals, "octets"));
    json_array_append_new(list, o);
}

static void add_issues(json_t *to, const json_t *source)
{
    const char *id = NULL;
    json_t *n = NULL;
    json_object_foreach(json_object_get(source, "issues"), id, n)
    {
        haul_json_set_u64(to, id, haul_json_number(to, id) + (uint64_t)json_integer_value(n));
    }
}

static json_t *title_of(const json_t *sources)
{
    haul_auto_str title = {0};
    const char *path = haul_json_text(json_array_get(sources, 0), "path"), *slash = strrchr(path, '/');
    if (json_array_size(sources) == 1)
        haul_str_addf(&title, "Inventory of %s", slash && slash[1] ? slash + 1 : path);
    else
        haul_str_addf(&title, "Inventory of %zu sources", json_array_size(sources));
    return haul_json_from_text(title.p);
}

json_t *haul_page_of_inventory(const json_t *inventory)
{
    const json_t *list = json_object_get(inventory, "sources"), *source = NULL,
                 *all = json_object_get(inventory, "totals");
    json_t *o = json_object(), *sources = json_array(), *folders = json_array(), *issues = json_object();
    size_t i = 0;
    json_array_foreach(list, i, source)
    {
        add_source(sources, source);
        add_folders(folders, source);
        add_issues(issues, source);
    }
    json_object_set_new(o, "title", title_of(list));
    json_object_set_new(o, "subtitle", json_string("What is in it, before anything is converted"));
    json_object_set_new(o, "program", json_string("mailhaul " HAUL_VERSION));
    json_object_set_new(o, "facts", facts_of(all));
    json_object_set_new(o, "totals", totals_of(all));
    json_object_set(o, "stats", json_object_get(inventory, "stats"));
    json_object_set_new(o, "sources", sources);
    json_object_set_new(o, "folders", folders);
    json_object_set_new(o, "issues", issues);
    return o;
}
