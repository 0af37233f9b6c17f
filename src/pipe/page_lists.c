/* Sources, exceptions, issues, digests: rows of text. On narrow pages the cells of a row stand below one another. */
#include "pipe/page_parts.h"

#include <stdlib.h>
#include <string.h>

static void code(haul_str *to, const char *z)
{
    haul_str_addz(to, "<code>");
    haul_page_text(to, z, strlen(z));
    haul_str_addz(to, "</code>");
}

/* A cell with the text of a member, named for narrow pages. */
static void text_cell(haul_str *to, const json_t *o, const char *key, const char *label)
{
    haul_str_addf(to, "<td data-label='%s'>", label);
    haul_page_bdi(to, o, key);
    haul_str_addz(to, "</td>");
}

/* ── sources ── */

typedef struct source_columns {
    bool custodian, items, size;
} source_columns;

static source_columns columns_of(const json_t *list)
{
    source_columns c = {0};
    size_t i = 0;
    const json_t *o = NULL;
    json_array_foreach(list, i, o)
    {
        c.custodian |= *haul_json_text(o, "custodian") != '\0';
        c.items |= json_is_integer(json_object_get(o, "items"));
        c.size |= json_is_integer(json_object_get(o, "size"));
    }
    return c;
}

static void source_name(haul_str *to, const json_t *o)
{
    haul_str_addz(to, "<tr><th scope='row'>");
    haul_page_bdi(to, o, "path");
    if (*haul_json_text(o, "sha256")) {
        haul_str_addz(to, "<p class='digest'>SHA-256 ");
        code(to, haul_json_text(o, "sha256"));
        haul_str_addz(to, "</p>");
    }
    if (*haul_json_text(o, "error")) {
        haul_str_addz(to, "<p class='bad'>Not read to its end: ");
        haul_page_bdi(to, o, "error");
        haul_str_addz(to, "</p>");
    }
    haul_str_addz(to, "</th>");
}

static void source_row(haul_str *to, const json_t *o, source_columns c)
{
    source_name(to, o);
    text_cell(to, o, "format", "Format");
    if (c.custodian)
        text_cell(to, o, "custodian", "Custodian");
    if (c.items) {
        haul_str_addz(to, "<td class='n' data-label='Items'>");
        haul_page_number(to, haul_json_number(o, "items"));
        haul_str_addz(to, "</td>");
    }
    if (c.size) {
        haul_str_addz(to, "<td class='n' data-label='Size'>");
        haul_page_size(to, haul_json_number(o, "size"));
        haul_str_addz(to, "</td>");
    }
    haul_str_addz(to, "</tr>\n");
}

void haul_page_sources(haul_str *to, const json_t *facts)
{
    const json_t *list = json_object_get(facts, "sources"), *o = NULL;
    source_columns c = columns_of(list);
    size_t i = 0;
    if (!json_array_size(list))
        return;
    haul_page_section(to, "sources", "Sources");
    haul_page_table(to, "stack sources", "Sources", "What was read, in this order");
    haul_str_addf(
        to, "<thead><tr><th scope='col'>Source</th><th scope='col'>Format</th>%s%s%s</tr></thead>\n<tbody>\n",
        c.custodian ? "<th scope='col'>Custodian</th>" : "",
        c.items ? "<th scope='col' class='n'>Items</th>" : "",
        c.size ? "<th scope='col' class='n'>Size</th>" : "");
    json_array_foreach(list, i, o)
    {
        if (i < HAUL_PAGE_SOURCES)
            source_row(to, o, c);
    }
    haul_str_addz(to, "</tbody>\n");
    haul_page_table_end(to);
    haul_page_more(to, json_array_size(list), HAUL_PAGE_SOURCES, "sources", "report.json");
    haul_page_section_end(to);
}

/* ── exceptions ── */

static void where(haul_str *to, const json_t *o)
{
    static const char *const keys[] = {"custodian", "source", "folder", "place"};
    const char *between = "<p class='where'>";
    for (size_t i = 0; i < HAUL_COUNT(keys); i++) {
        if (!*haul_json_text(o, keys[i]))
            continue;
        haul_str_addz(to, between);
        haul_page_bdi(to, o, keys[i]);
        between = " · ";
    }
    if (*between != '<')
        haul_str_addz(to, "</p>");
}

static void exception_row(haul_str *to, const json_t *o)
{
    const char *docid = haul_json_text(o, "docid"), *item = haul_json_text(o, "item_id"),
               *issue = haul_json_text(o, "issue");
    haul_issue_id id;
    haul_str_addz(to, "<tr><th scope='row'>");
    if (*docid || *item)
        code(to, *docid ? docid : item);
    else
        haul_str_addz(to, "a source");
    where(to, o);
    haul_str_addz(to, "</th><td data-label='What'><strong>");
    haul_page_bdi(to, o, "kind");
    haul_str_addz(to, "</strong>");
    if (*issue) {
        haul_str_addf(to, " <span>%s</span> ", haul_issue_find(issue, &id) ? haul_issue_text(id) : "");
        code(to, issue);
    }
    if (*haul_json_text(o, "detail")) {
        haul_str_addz(to, "<p class='where'>");
        haul_page_bdi(to, o, "detail");
        haul_str_addz(to, "</p>");
    }
    haul_str_addz(to, "</td>");
    text_cell(to, o, "disposition", "Disposition");
    haul_str_addz(to, "</tr>\n");
}

static void kinds_line(haul_str *to, const json_t *kinds)
{
    const char *kind = NULL, *between = "<p>";
    json_t *n = NULL;
    json_object_foreach(json_object_get(kinds, "exceptions_kinds"), kind, n)
    {
        haul_str_addz(to, between);
        haul_page_number(to, (uint64_t)json_integer_value(n));
        haul_str_addc(to, ' ');
        haul_page_text(to, kind, strlen(kind));
        between = ", ";
    }
    if (*between == ',')
        haul_str_addz(to, ".</p>\n");
}

void haul_page_exceptions(haul_str *to, const json_t *facts)
{
    const json_t *list = json_object_get(facts, "exceptions"), *o = NULL;
    size_t i = 0, n = json_array_size(list), shown = n < HAUL_PAGE_EXCEPTIONS ? n : HAUL_PAGE_EXCEPTIONS;
    uint64_t total = haul_json_number(facts, "exceptions_total");
    if (!list && !total)
        return;
    total = total < n ? n : total;
    haul_page_section(to, "exceptions", "Exceptions");
    if (!total)
        haul_str_addz(to, "<p>None.</p>\n");
    kinds_line(to, facts);
    if (n) {
        haul_page_table(to, "stack exceptions", "Exceptions",
                        "Items and sources that are not whole, and what became of them");
        haul_str_addz(to, "<thead><tr><th scope='col'>Item</th><th scope='col'>What</th><th "
                          "scope='col'>Disposition</th></tr></thead>\n"
                          "<tbody>\n");
        json_array_foreach(list, i, o)
        {
            if (i < shown)
                exception_row(to, o);
        }
        haul_str_addz(to, "</tbody>\n");
        haul_page_table_end(to);
    }
    haul_page_more(to, total, shown, "", "<code>exceptions.csv</code>");
    haul_page_section_end(to);
}

/* ── issues ── */

static void issue_row(haul_str *to, haul_issue_id id, uint64_t n)
{
    const char *severity = haul_severity_name(haul_issue_severity(id));
    haul_str_addf(to, "<tr><td class='severity %s'>%s</td><th scope='row'>", severity, severity);
    haul_page_plain(to, haul_issue_text(id), strlen(haul_issue_text(id)));
    haul_str_addf(to, " <code>%s</code></th><td class='n'>", haul_issue_name(id));
    haul_page_number(to, n);
    haul_str_addz(to, "</td></tr>\n");
}

void haul_page_issues(haul_str *to, const json_t *facts)
{
    const json_t *counts = json_object_get(facts, "issues");
    if (!json_is_object(counts))
        return;
    haul_page_section(to, "issues", "What was noticed");
    if (!json_object_size(counts)) {
        haul_str_addz(to, "<p>Nothing.</p>\n");
        haul_page_section_end(to);
        return;
    }
    haul_page_table(to, "issues", "What was noticed",
                    "Damage: not whole, or not stored. Loss: what the target cannot hold. Repair: changed so "
                    "that it can. Guess: the "
                    "likely reading of several. Note: nothing was changed or lost.");
    haul_str_addz(to, "<thead><tr><th scope='col'>Severity</th><th scope='col'>What</th><th scope='col' "
                      "class='n'>Count</th></tr></thead>"
                      "\n<tbody>\n");
    for (int s = HAUL_DAMAGE; s >= HAUL_NOTE; s--)
        for (int i = 0; i < HAUL_ISSUE_COUNT; i++) {
            uint64_t n = haul_json_number(counts, haul_issue_name((haul_issue_id)i));
            if (n && (int)haul_issue_severity((haul_issue_id)i) == s)
                issue_row(to, (haul_issue_id)i, n);
        }
    haul_str_addz(to, "</tbody>\n");
    haul_page_table_end(to);
    haul_page_section_end(to);
}

/* ── digests ── */

void haul_page_digests(haul_str *to, const json_t *facts)
{
    const json_t *list = json_object_get(facts, "digests"), *row = NULL;
    size_t i = 0, n = json_array_size(list), shown = n < HAUL_PAGE_DIGESTS ? n : HAUL_PAGE_DIGESTS;
    uint64_t total = haul_json_number(facts, "digests_total");
    if (!n)
        return;
    haul_page_section(to, "digests", "Digests");
    haul_page_table(to, "stack", "Digests", "SHA-256 of files, in hex");
    haul_str_addz(to,
                  "<thead><tr><th scope='col'>File</th><th scope='col'>SHA-256</th></tr></thead>\n<tbody>\n");
    json_array_foreach(list, i, row)
    {
        const char *file = json_string_value(json_array_get(row, 0)),
                   *digest = json_string_value(json_array_get(row, 1));
        if (i >= shown)
            break;
        haul_str_addz(to, "<tr><th scope='row'>");
        haul_page_bdiz(to, file ? file : "");
        haul_str_addz(to, "</th><td class='digest'>");
        code(to, digest ? digest : "");
        haul_str_addz(to, "</td></tr>\n");
    }
    haul_str_addz(to, "</tbody>\n");
    haul_page_table_end(to);
    haul_page_more(to, total < n ? n : total, shown, "", "<code>manifest-sha256.txt</code>");
    haul_page_section_end(to);
}
