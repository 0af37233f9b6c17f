/* Tables with a bar in each row: kinds, sizes, correspondents; and key words. The numbers stand beside the bars. */
#include "pipe/page_parts.h"

#include <string.h>

/* What is there is seen: a part is never less than half a per cent. */
static void width(haul_str *to, uint64_t part, uint64_t of)
{
    bool sliver = part && part < of / 200;
    haul_page_percent(to, sliver ? 1 : part, sliver ? 200 : of);
}

/* first and second: parts of `of` that stand one behind the other. */
static void bar_cell(haul_str *to, uint64_t first, uint64_t second, uint64_t of)
{
    haul_str_addz(to, "<td class='b'><svg xmlns='http://www.w3.org/2000/svg' class='bar' aria-hidden='true' "
                      "width='100%' height='12'>");
    haul_str_addz(to, "<rect height='12' width='");
    width(to, first, of);
    haul_str_addz(to, "'/>");
    if (second) {
        haul_str_addz(to, "<rect class='second' height='12' x='");
        haul_page_percent(to, first, of);
        haul_str_addz(to, "' width='");
        width(to, second, of);
        haul_str_addz(to, "'/>");
    }
    haul_str_addz(to, "</svg></td>");
}

static void number_cell(haul_str *to, uint64_t n)
{
    haul_str_addz(to, n ? "<td class='n'>" : "<td class='n zero'>");
    haul_page_number(to, n);
    haul_str_addz(to, "</td>");
}

static void size_rows(haul_str *to, const json_t *sizes, uint64_t max)
{
    size_t i = 0;
    const json_t *o = NULL;
    json_array_foreach(sizes, i, o)
    {
        haul_str_addz(to, "<tr><th scope='row'>");
        haul_page_bdi(to, o, "label");
        haul_str_addz(to, "</th>");
        bar_cell(to, haul_json_number(o, "items"), 0, max);
        number_cell(to, haul_json_number(o, "items"));
        haul_str_addz(to, haul_json_number(o, "items") ? "<td class='n'>" : "<td class='n zero'>");
        haul_page_size(to, haul_json_number(o, "octets"));
        haul_str_addz(to, "</td></tr>\n");
    }
}

static void sizes(haul_str *to, const json_t *list)
{
    uint64_t max = 0, items = 0, octets = 0;
    size_t i = 0;
    const json_t *o = NULL;
    json_array_foreach(list, i, o)
    {
        uint64_t n = haul_json_number(o, "items");
        max = n > max ? n : max;
        items += n;
        octets += haul_json_number(o, "octets");
    }
    haul_page_table(to, "bars", "Sizes", "Items by size");
    haul_str_addz(
        to,
        "<thead><tr><th scope='col'>Size</th><td></td><th scope='col' class='n'>Items</th><th scope='col' "
        "class='n'>Together</th></tr></thead>\n<tbody>\n");
    size_rows(to, list, max);
    haul_str_addz(to, "</tbody>\n<tfoot><tr><th scope='row'>Total</th><td></td>");
    number_cell(to, items);
    haul_str_addz(to, "<td class='n'>");
    haul_page_size(to, octets);
    haul_str_addz(to, "</td></tr></tfoot>\n");
    haul_page_table_end(to);
}

static void kinds(haul_str *to, const json_t *of)
{
    uint64_t max = 0, items = 0;
    for (int k = 0; k < HAUL_KIND_COUNT; k++) {
        uint64_t n = haul_json_number(of, haul_kind_name((haul_kind)k));
        max = n > max ? n : max;
        items += n;
    }
    haul_page_table(to, "bars", "Kinds", "Items by kind");
    haul_str_addz(to, "<thead><tr><th scope='col'>Kind</th><td></td><th scope='col' "
                      "class='n'>Items</th></tr></thead>\n<tbody>\n");
    for (int k = 0; k < HAUL_KIND_COUNT; k++) {
        const char *name = haul_kind_name((haul_kind)k);
        if (!haul_json_number(of, name))
            continue;
        haul_str_addf(to, "<tr><th scope='row'>%s</th>", name);
        bar_cell(to, haul_json_number(of, name), 0, max);
        number_cell(to, haul_json_number(of, name));
        haul_str_addz(to, "</tr>\n");
    }
    haul_str_addz(to, "</tbody>\n<tfoot><tr><th scope='row'>Total</th><td></td>");
    number_cell(to, items);
    haul_str_addz(to, "</tr></tfoot>\n");
    haul_page_table_end(to);
}

void haul_page_kinds(haul_str *to, const json_t *stats)
{
    const json_t *of = json_object_get(stats, "kinds"), *list = json_object_get(stats, "sizes");
    if (!json_object_size(of) && !json_array_size(list))
        return;
    haul_page_section(to, "kinds", "Kinds and sizes");
    haul_str_addz(to, "<div class='pair'>\n");
    if (json_object_size(of))
        kinds(to, of);
    if (json_array_size(list))
        sizes(to, list);
    haul_str_addz(to, "</div>\n");
    haul_page_section_end(to);
}

static void people_rows(haul_str *to, const json_t *list)
{
    size_t i = 0;
    const json_t *o = NULL;
    uint64_t max = 0;
    json_array_foreach(list, i, o)
    {
        uint64_t n = haul_json_number(o, "sent") + haul_json_number(o, "received");
        max = n > max ? n : max;
    }
    json_array_foreach(list, i, o)
    {
        uint64_t sent = haul_json_number(o, "sent"), received = haul_json_number(o, "received");
        haul_str_addz(to, "<tr><th scope='row'>");
        haul_page_bdi(to, o, "address");
        haul_str_addz(to, "</th>");
        bar_cell(to, sent, received, max);
        number_cell(to, sent);
        number_cell(to, received);
        haul_str_addz(to, "</tr>\n");
    }
}

void haul_page_people(haul_str *to, const json_t *stats)
{
    const json_t *list = json_object_get(stats, "correspondents");
    if (!json_array_size(list))
        return;
    haul_page_section(to, "people", "Correspondents");
    haul_page_table(to, "bars people", "Correspondents",
                    "The addresses named in most items. <span class='key'></span> Sent: items with the "
                    "address in From or Sender. "
                    "<span class='key second'></span> Received: with it in To, Cc or Bcc.");
    haul_str_addz(
        to,
        "<thead><tr><th scope='col'>Address</th><td></td><th scope='col' class='n'>Sent</th><th scope='col' "
        "class='n'>Received</th></tr></thead>\n<tbody>\n");
    people_rows(to, list);
    haul_str_addz(to, "</tbody>\n");
    haul_page_table_end(to);
    haul_page_more(to, haul_json_number(stats, "addresses"), json_array_size(list), "addresses", NULL);
    haul_page_section_end(to);
}

void haul_page_terms(haul_str *to, const json_t *facts)
{
    const json_t *list = json_object_get(facts, "terms"), *o = NULL;
    size_t i = 0;
    if (!json_array_size(list))
        return;
    haul_page_section(to, "terms", "Key words");
    haul_page_table(to, "words", "Key words", "Items that hold a key word, and how often it occurs in them");
    haul_str_addz(
        to, "<thead><tr><th scope='col'>Key word</th><th scope='col' class='n'>Items</th><th scope='col' "
            "class='n'>Hits</th></tr></thead>\n<tbody>\n");
    json_array_foreach(list, i, o)
    {
        if (i == HAUL_PAGE_TERMS)
            break;
        haul_str_addz(to, "<tr><th scope='row'>");
        haul_page_bdi(to, o, "term");
        haul_str_addz(to, "</th>");
        number_cell(to, haul_json_number(o, "items"));
        number_cell(to, haul_json_number(o, "hits"));
        haul_str_addz(to, "</tr>\n");
    }
    haul_str_addz(to, "</tbody>\n");
    haul_page_table_end(to);
    haul_page_more(to, json_array_size(list), HAUL_PAGE_TERMS, "key words", "report.json");
    haul_page_section_end(to);
}
