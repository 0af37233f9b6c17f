/* The tree of folders: a table, indented by depth, with sums. */
#include "model/folder.h"
#include "pipe/page_parts.h"

#include <stdlib.h>
#include <string.h>

typedef enum cell { COUNT, SIZE, DATE } cell;

typedef struct column {
    const char *key, *heading;
    cell type;
    bool always; /* also when all of it is 0 */
} column;

static const column columns[] = {
    {"found", "Found", COUNT, true},        {"messages", "Messages", COUNT, true},
    {"items", "Items", COUNT, true},        {"stored", "Stored", COUNT, true},
    {"filtered", "Filtered", COUNT, false}, {"duplicate", "Duplicate", COUNT, false},
    {"failed", "Failed", COUNT, false},     {"already_stored", "Already stored", COUNT, false},
    {"unseen", "Unread", COUNT, false},     {"flagged", "Flagged", COUNT, false},
    {"octets", "Size", SIZE, true},         {"oldest", "Oldest", DATE, false},
    {"newest", "Newest", DATE, false},
};
#define COLUMNS HAUL_COUNT(columns)

typedef struct folders {
    const json_t **v; /* as a tree, those of one source side by side */
    size_t n, shown;
    bool has[COLUMNS];
    size_t n_columns;                     /* that have anything */
    uint64_t sum[COLUMNS], rest[COLUMNS]; /* of all; of those that are not shown */
    bool by_source;
} folders;

static int by_path(const void *a, const void *b)
{
    const json_t *x = *(const json_t *const *)a, *y = *(const json_t *const *)b;
    bool no_x = !json_is_string(json_object_get(x, "path")),
         no_y = !json_is_string(json_object_get(y, "path"));
    if (no_x || no_y) /* what is in no folder comes last */
        return no_x - no_y;
    return haul_path_order(haul_json_text(x, "path"), haul_json_text(y, "path"));
}

static void sort(folders *f)
{
    for (size_t from = 0, to = 0; from < f->n; from = to) {
        const char *source = haul_json_text(f->v[from], "source");
        while (to < f->n && strcmp(haul_json_text(f->v[to], "source"), source) == 0)
            to++;
        f->by_source |= to < f->n;
        qsort(f->v + from, to - from, sizeof(*f->v), by_path);
    }
}

static void measure(folders *f)
{
    for (size_t i = 0; i < f->n; i++)
        for (size_t c = 0; c < COLUMNS; c++) {
            const json_t *value = json_object_get(f->v[i], columns[c].key);
            uint64_t n = haul_json_number(f->v[i], columns[c].key);
            f->has[c] |= columns[c].type == DATE ? json_is_string(value)
                                                 : json_is_integer(value) && (n || columns[c].always);
            f->sum[c] += n;
            f->rest[c] += i >= f->shown ? n : 0;
        }
    for (size_t c = 0; c < COLUMNS; c++)
        f->n_columns += f->has[c];
}

static void collect(folders *f, const json_t *list)
{
    size_t i = 0;
    const json_t *row = NULL;
    f->v = haul_calloc(json_array_size(list) + 1, sizeof(*f->v));
    json_array_foreach(list, i, row)
    {
        f->v[f->n++] = row;
    }
    f->shown = f->n < HAUL_PAGE_FOLDERS ? f->n : HAUL_PAGE_FOLDERS;
    sort(f);
    measure(f);
}

static void head(const folders *f, haul_str *to)
{
    haul_str_addz(to, "<thead><tr><th scope='col'>Folder</th>");
    for (size_t c = 0; c < COLUMNS; c++)
        if (f->has[c])
            haul_str_addf(to, "<th scope='col' class='n'>%s</th>", columns[c].heading);
    haul_str_addz(to, "</tr></thead>\n");
}

static void number_cell(const column *c, uint64_t n, haul_str *to)
{
    haul_str_addz(to, n ? "<td class='n'>" : "<td class='n zero'>");
    if (c->type == SIZE)
        haul_page_size(to, n);
    else
        haul_page_number(to, n);
    haul_str_addz(to, "</td>");
}

static void cells(const folders *f, const json_t *row, haul_str *to)
{
    for (size_t c = 0; c < COLUMNS; c++) {
        const json_t *value = json_object_get(row, columns[c].key);
        if (!f->has[c])
            continue;
        if (columns[c].type != DATE && json_is_integer(value)) {
            number_cell(&columns[c], haul_json_number(row, columns[c].key), to);
        } else if (columns[c].type == DATE && json_is_string(value)) {
            haul_str_addz(to, "<td class='n'>");
            haul_page_date(to, json_string_value(value));
            haul_str_addz(to, "</td>");
        } else {
            haul_str_addz(to, "<td class='n zero'>–</td>");
        }
    }
    haul_str_addz(to, "</tr>\n");
}

static void sums(const folders *f, const char *name, const uint64_t *v, haul_str *to)
{
    haul_str_addf(to, "<tr><th scope='row'>%s</th>", name);
    for (size_t c = 0; c < COLUMNS; c++)
        if (f->has[c] && columns[c].type != DATE)
            number_cell(&columns[c], v[c], to);
        else if (f->has[c])
            haul_str_addz(to, "<td></td>");
    haul_str_addz(to, "</tr>\n");
}

/* True when path lies below the folder `top`. */
static bool is_below(const char *path, const char *top)
{
    size_t n = strlen(top);
    return strncmp(path, top, n) == 0 && path[n] == '/';
}

/* One name of a path without its escapes; several names, of which no folder is listed, as they are. */
static void add_name(const char *rest, haul_str *to)
{
    haul_auto_str name = {0};
    for (const char *c = rest; *c; c++) {
        if (*c == '/') {
            haul_page_bdiz(to, rest);
            return;
        }
        if (*c == '\\' && c[1])
            c++;
        haul_str_addc(&name, *c);
    }
    haul_page_bdiz(to, haul_strz(&name));
}

typedef struct chain { /* the listed folders that hold the row, from the top */
    const char *v[HAUL_FOLDER_DEPTH_MAX];
    size_t n;
} chain;

static void name_cell(chain *up, const json_t *row, haul_str *to)
{
    const char *path = haul_json_text(row, "path"), *role = haul_json_text(row, "role");
    while (up->n && !is_below(path, up->v[up->n - 1]))
        up->n--;
    if (!json_is_string(json_object_get(row, "path"))) {
        haul_str_addz(to, "<tr><th scope='row'><em>in no folder</em></th>");
        return;
    }
    haul_str_addf(to, "<tr><th scope='row' style='--d:%u' title='", (unsigned)up->n);
    haul_page_plain(to, path, strlen(path));
    haul_str_addz(to, "'>");
    add_name(up->n ? path + strlen(up->v[up->n - 1]) + 1 : path, to);
    if (*role) {
        haul_str_addz(to, " <span class='role'>");
        haul_page_text(to, role, strlen(role));
        haul_str_addz(to, "</span>");
    }
    haul_str_addz(to, "</th>");
    if (up->n < HAUL_FOLDER_DEPTH_MAX)
        up->v[up->n++] = path;
}

static void source_row(const folders *f, const char *source, haul_str *to)
{
    haul_str_addf(to, "<tr class='group'><th scope='rowgroup' colspan='%zu'>", f->n_columns + 1);
    haul_page_bdiz(to, source);
    haul_str_addz(to, "</th></tr>\n");
}

static void body(const folders *f, haul_str *to)
{
    chain up = {.n = 0};
    const char *source = NULL;
    for (size_t i = 0; i < f->shown; i++) {
        const char *of = haul_json_text(f->v[i], "source");
        if (!source || strcmp(of, source) != 0) {
            haul_str_addz(to, source ? "</tbody>\n<tbody>\n" : "<tbody>\n");
            up.n = 0;
            if (f->by_source)
                source_row(f, of, to);
            source = of;
        }
        name_cell(&up, f->v[i], to);
        cells(f, f->v[i], to);
    }
    haul_str_addz(to, "</tbody>\n<tfoot>\n");
}

void haul_page_folders(haul_str *to, const json_t *facts)
{
    folders f = {.n = 0};
    const json_t *list = json_object_get(facts, "folders");
    if (!json_array_size(list))
        list = json_object_get(json_object_get(facts, "stats"), "folders");
    if (!json_array_size(list))
        return;
    collect(&f, list);
    haul_page_section(to, "folders", "Folders");
    haul_page_table(to, "tree", "Folders",
                    "Items of each folder, without those of the folders below it. Dates are in UTC.");
    head(&f, to);
    body(&f, to);
    if (f.shown < f.n) {
        haul_auto_str rest = {0};
        haul_str_addf(&rest, "%zu more folders", f.n - f.shown);
        sums(&f, rest.p, f.rest, to);
    }
    sums(&f, "Total", f.sum, to);
    haul_str_addz(to, "</tfoot>\n");
    haul_page_table_end(to);
    haul_page_section_end(to);
    free(f.v);
}
