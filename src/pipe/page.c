#include "pipe/page_parts.h"

#include "io/atomic.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nothing is loaded, run or sent: a browser holds the page to that whatever it says. */
#define POLICY "default-src 'none'; style-src 'unsafe-inline'"

static void title(haul_str *to, const json_t *facts)
{
    const char *z = haul_json_text(facts, "title");
    haul_page_plain(to, *z ? z : "Report", strlen(*z ? z : "Report"));
}

static void head(haul_str *to, const json_t *facts)
{
    haul_str_addz(to, "<!DOCTYPE html>\n<html lang='en' xmlns='http://www.w3.org/1999/xhtml'>\n<head>\n<meta "
                      "charset='utf-8'/>\n"
                      "<meta http-equiv='Content-Security-Policy' content=\"" POLICY "\"/>\n"
                      "<meta name='viewport' content='width=device-width, initial-scale=1'/>\n"
                      "<meta name='color-scheme' content='light dark'/>\n<meta name='referrer' "
                      "content='no-referrer'/>\n<title>");
    title(to, facts);
    haul_str_addz(to, "</title>\n<style>\n");
    for (const char *const *z = haul_page_style; *z; z++)
        haul_str_addz(to, *z);
    haul_str_addz(to, "</style>\n</head>\n<body>\n");
}

static void facts_list(haul_str *to, const json_t *list)
{
    size_t i = 0;
    const json_t *row = NULL;
    if (!json_array_size(list))
        return;
    haul_str_addz(to, "<dl class='facts'>\n");
    json_array_foreach(list, i, row)
    {
        const char *name = json_string_value(json_array_get(row, 0)),
                   *value = json_string_value(json_array_get(row, 1));
        haul_str_addz(to, "<div><dt>");
        haul_page_text(to, name ? name : "", name ? strlen(name) : 0);
        haul_str_addz(to, "</dt><dd>");
        haul_page_bdiz(to, value ? value : "");
        haul_str_addz(to, "</dd></div>\n");
    }
    haul_str_addz(to, "</dl>\n");
}

static void header(haul_str *to, const json_t *facts)
{
    haul_str_addz(to, "<header>\n<h1>");
    haul_page_bdiz(to, *haul_json_text(facts, "title") ? haul_json_text(facts, "title") : "Report");
    haul_str_addz(to, "</h1>\n");
    if (*haul_json_text(facts, "subtitle")) {
        haul_str_addz(to, "<p class='subtitle'>");
        haul_page_bdi(to, facts, "subtitle");
        haul_str_addz(to, "</p>\n");
    }
    facts_list(to, json_object_get(facts, "facts"));
    haul_str_addz(to, "</header>\n");
}

/* ── totals ── */

static uint64_t total_at(const json_t *list, size_t i)
{
    json_int_t n = json_integer_value(json_array_get(json_array_get(list, i), 1));
    return n > 0 ? (uint64_t)n : 0;
}

static void term(haul_str *to, const json_t *list, size_t i)
{
    const char *name = json_string_value(json_array_get(json_array_get(list, i), 0));
    haul_str_addf(to, "<span class='term%s'>", i ? "" : " whole");
    if (i)
        haul_str_addf(to, "<span class='op'>%s</span> ", i == 1 ? "=" : "+");
    haul_str_addz(to, "<strong>");
    haul_page_number(to, total_at(list, i));
    haul_str_addz(to, "</strong> <span class='of'>");
    haul_page_text(to, name ? name : "", name ? strlen(name) : 0);
    haul_str_addz(to, "</span></span>\n");
}

static void totals(haul_str *to, const json_t *facts)
{
    const json_t *list = json_object_get(facts, "totals");
    size_t n = json_array_size(list);
    uint64_t sum = 0;
    if (!n)
        return;
    haul_page_section(to, "totals", "Totals");
    haul_str_addz(to, "<p class='sum'>\n");
    for (size_t i = 0; i < n; i++) {
        term(to, list, i);
        sum += i ? total_at(list, i) : 0;
    }
    haul_str_addz(to, "</p>\n");
    if (n > 1 && sum != total_at(list, 0)) {
        haul_str_addz(to, "<p class='bad'>These numbers do not add up: the sum is ");
        haul_page_number(to, sum);
        haul_str_addz(to, ".</p>\n");
    }
    haul_page_section_end(to);
}

static void verify(haul_str *to, const json_t *facts)
{
    const json_t *lines = json_object_get(facts, "verify"), *line = NULL;
    size_t i = 0;
    if (!json_array_size(lines))
        return;
    haul_page_section(to, "verify", "How to verify");
    haul_str_addz(to, "<pre tabindex='0'>");
    json_array_foreach(lines, i, line)
    {
        const char *z = json_string_value(line) ? json_string_value(line) : "";
        haul_str_addz(to, *z == '#' ? "<span class='remark'>" : "");
        haul_page_text(to, z, strlen(z));
        haul_str_addz(to, *z == '#' ? "</span>\n" : "\n");
    }
    haul_str_addz(to, "</pre>\n");
    haul_page_section_end(to);
}

static void footer(haul_str *to, const json_t *facts)
{
    haul_str_addz(to, "<footer>\n<p>");
    haul_page_bdi(to, facts, "program");
    if (*haul_json_text(facts, "generated")) {
        haul_str_addz(to, " · ");
        haul_page_bdi(to, facts, "generated");
    }
    haul_str_addz(to, " · Sizes in powers of 1000.</p>\n</footer>\n");
}

haul_rc haul_page_write(const json_t *facts, haul_out *out, haul_err *e)
{
    haul_auto_str page = {0};
    const json_t *stats = json_object_get(facts, "stats");
    head(&page, facts);
    header(&page, facts);
    haul_str_addz(&page, "<main>\n");
    totals(&page, facts);
    haul_page_sources(&page, facts);
    haul_page_folders(&page, facts);
    haul_page_months(&page, stats);
    haul_page_kinds(&page, stats);
    haul_page_people(&page, stats);
    haul_page_terms(&page, facts);
    haul_page_exceptions(&page, facts);
    haul_page_issues(&page, facts);
    haul_page_digests(&page, facts);
    verify(&page, facts);
    haul_str_addz(&page, "</main>\n");
    footer(&page, facts);
    haul_str_addz(&page, "</body>\n</html>\n");
    return haul_out_write(out, page.p, page.len, e);
}

/* ── as a file ── */

typedef struct keeper {
    haul_out out;
    haul_str text;
} keeper;

static haul_rc keep(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    haul_str_add(&((keeper *)o)->text, p, n);
    return HAUL_OK;
}

/* The directory of path, open, and the name in it. */
static haul_rc open_place(const char *path, int *ret_dir, const char **ret_name, haul_err *e)
{
    haul_auto_str parent = {0};
    struct stat st;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (!*name)
        return haul_fail(e, HAUL_E_TARGET, "'%s' is no name of a file", path);
    haul_str_add(&parent, slash ? path : ".", slash ? (size_t)(slash - path) + 1 : 1);
    haul_auto_fd int dir = open(parent.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "%s", parent.p);
    /* A device, a pipe or a link would be replaced by the file, not written to. */
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))
        return haul_fail(e, HAUL_E_TARGET, "'%s' is there and is no regular file", path);
    *ret_dir = dir;
    *ret_name = name;
    dir = -1;
    return HAUL_OK;
}

haul_rc haul_page_check_place(const char *path, haul_err *e)
{
    haul_auto_fd int dir = -1;
    const char *name = NULL;
    haul_rc rc = open_place(path, &dir, &name, e);
    if (rc == HAUL_OK && faccessat(dir, ".", W_OK, AT_EACCESS) != 0)
        rc = haul_fail_sys(e, HAUL_E_TARGET, "%s", path);
    return rc;
}

haul_rc haul_page_save(const json_t *facts, const char *path, haul_err *e)
{
    keeper k = {.out = {keep}};
    haul_auto_fd int dir = -1;
    const char *name = NULL;
    haul_rc rc = open_place(path, &dir, &name, e);
    if (rc == HAUL_OK)
        rc = haul_page_write(facts, &k.out, e);
    if (rc == HAUL_OK)
        rc = haul_write_file(dir, name, k.text.p, k.text.len, e);
    haul_str_done(&k.text);
    return rc;
}
