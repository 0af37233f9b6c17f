#include "cli/cmd.h"
#include "cli/text.h"

#include <string.h>

static const char *yes(bool b)
{
    return b ? "yes" : "no";
}

static void flags_cell(unsigned flags, haul_table *t)
{
    haul_auto_str s = {0};
    if (flags == HAUL_FLAG_ALL)
        haul_str_addz(&s, "all");
    else
        haul_flags_text(flags, &s);
    haul_table_cell(t, s.len ? s.p : "no");
}

static void one_format(const haul_format *f, haul_table *t)
{
    haul_table_cell(t, f->name);
    haul_table_cell(t, f->reader && f->schemes ? "verify" : yes(f->reader));
    haul_table_cell(t, yes(f->sink));
    haul_table_cell(t, yes(f->keeps_received));
    haul_table_cell(t, yes(f->keeps_keywords));
    haul_table_cell(t, yes(f->keeps_folders));
    haul_table_cell(t, yes(f->keeps_empty_folders));
    flags_cell(f->keeps_flags, t);
}

static void table(haul_str *to)
{
    static const char *const heads[] = {"FORMAT",   "READ",    "WRITE",         "RECEIVED TIME",
                                        "KEYWORDS", "FOLDERS", "EMPTY FOLDERS", "FLAGS"};
    haul_table t = {.columns = HAUL_COUNT(heads)};
    for (size_t i = 0; i < HAUL_COUNT(heads); i++)
        haul_table_cell(&t, heads[i]);
    for (size_t f = 0; haul_formats[f]; f++)
        one_format(haul_formats[f], &t);
    haul_table_print(&t, to);
    haul_str_done(&t.cells);
}

static void option_text(const haul_format_option *o, haul_str *to)
{
    bool flag = haul_option_is_flag(o), optional = haul_option_is_optional(o);
    haul_str_addf(to, "  --%s", o->name);
    if (!flag)
        haul_str_addf(to, optional ? "%s" : " %s", optional ? "[=X]" : o->choices ? o->choices : "X");
    if (*o->value && !flag)
        haul_str_addf(to, " (default %s)", o->value);
    haul_str_addz(to, "\n      ");
    haul_text_wrap(to, o->help, 6, 6, 80);
}

/* "imaps://user@host[:port][/Folder] or imap://…" */
static void url_text(const haul_format *f, haul_str *to)
{
    size_t n = strcspn(f->schemes, "|");
    haul_str_addf(to, "  a target is of this format when it is a URL %.*s://user@host[:port][/Folder]",
                  (int)n, f->schemes);
    for (const char *p = f->schemes + n; *p; p += strcspn(p, "|")) {
        p++;
        haul_str_addf(to, " or %.*s://…", (int)strcspn(p, "|"), p);
    }
    haul_str_addc(to, '\n');
}

static void details(const haul_format *f, haul_str *to)
{
    haul_str_addf(to, "\n%s: %s\n", f->name, f->title);
    if (f->sink && f->schemes)
        url_text(f, to);
    if (f->sink && f->suffixes && *f->suffixes) {
        haul_str_addz(to, "  a target is of this format when its name ends in ");
        for (const char *p = f->suffixes; *p; p++)
            *p == '|' ? haul_str_addz(to, " or ") : haul_str_addc(to, *p);
        haul_str_addc(to, '\n');
    }
    for (const haul_format_option *o = f->options; o && o->name; o++)
        option_text(o, to);
}

/* "a|b|c" as a list. */
static json_t *list_json(const char *z)
{
    json_t *list = json_array();
    for (const char *c = z; c && *c; c += strcspn(c, "|"), c += *c == '|')
        json_array_append_new(list, json_stringn(c, strcspn(c, "|")));
    return list;
}

static json_t *options_json(const haul_format *f)
{
    json_t *list = json_array();
    for (const haul_format_option *o = f->options; o && o->name; o++)
        json_array_append_new(list, json_pack("{s:s, s:o, s:s, s:s}", "name", o->name, "choices",
                                              list_json(o->choices), "default", o->value, "help", o->help));
    return list;
}

static json_t *flags_json(unsigned flags)
{
    json_t *list = json_array();
#define X(id, bit, name)                                                                                     \
    if (flags & (bit))                                                                                       \
        json_array_append_new(list, json_string(name));
    HAUL_FLAG_LIST(X)
#undef X
    return list;
}

static json_t *format_json(const haul_format *f)
{
    json_t *o = json_pack("{s:s, s:s, s:b, s:b, s:s}", "name", f->name, "title", f->title, "reads",
                          f->reader && !f->schemes, "writes", f->sink != NULL, "suffixes",
                          f->suffixes ? f->suffixes : "");
    json_object_set_new(o, "keeps",
                        json_pack("{s:o, s:b, s:b, s:b, s:b}", "flags", flags_json(f->keeps_flags),
                                  "keywords", f->keeps_keywords, "received", f->keeps_received, "folders",
                                  f->keeps_folders, "empty_folders", f->keeps_empty_folders));
    json_object_set_new(o, "schemes", list_json(f->schemes));
    json_object_set_new(o, "options", options_json(f));
    return o;
}

static haul_rc print_json(haul_err *e)
{
    json_t *list = json_array(), *o = json_pack("{s:i, s:o}", "version", 1, "formats", list);
    for (size_t f = 0; haul_formats[f]; f++)
        json_array_append_new(list, format_json(haul_formats[f]));
    haul_rc rc = haul_print_json(o, e);
    json_decref(o);
    return rc;
}

haul_rc haul_cmd_formats(const haul_args *a, int *ret_status, haul_err *e)
{
    haul_auto_str s = {0};
    *ret_status = 0;
    if (haul_args_get(a, HAUL_OPT_JSON))
        return print_json(e);
    table(&s);
    for (size_t f = 0; haul_formats[f]; f++)
        details(haul_formats[f], &s);
    return haul_print(&s, e);
}
