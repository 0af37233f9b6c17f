#include "hold/csv.h"

#include "hold/load.h"

#include <inttypes.h>
#include <string.h>

static void next_field(haul_csv *w)
{
    if (w->line.len)
        haul_str_addc(&w->line, ',');
}

void haul_csv_put(haul_csv *w, const char *z)
{
    next_field(w);
    haul_str_addc(&w->line, '"');
    for (size_t n; *z; z += n) {
        n = strcspn(z, "\"");
        haul_str_add(&w->line, z, n);
        if (z[n] == '"') {
            haul_str_addz(&w->line, "\"\"");
            n++;
        }
    }
    haul_str_addc(&w->line, '"');
}

void haul_csv_put_u64(haul_csv *w, uint64_t v)
{
    next_field(w);
    haul_str_addf(&w->line, "\"%" PRIu64 "\"", v);
}

haul_rc haul_csv_end(haul_csv *w, haul_err *e)
{
    haul_str_addz(&w->line, "\r\n");
    haul_rc rc = haul_out_write(w->to, w->line.p, w->line.len, e);
    haul_str_clear(&w->line);
    return rc;
}

haul_rc haul_csv_record(haul_csv *w, const char *const *v, size_t n, haul_err *e)
{
    for (size_t i = 0; i < n; i++)
        haul_csv_put(w, v[i]);
    return haul_csv_end(w, e);
}

void haul_csv_done(haul_csv *w)
{
    haul_str_done(&w->line);
}

/* ── items.csv ── */

typedef struct items {
    haul_csv csv;
    haul_str scratch;
} items;

static haul_rc put_item(void *ctx, const haul_load_row *r, haul_err *e)
{
    items *w = ctx;
    for (haul_load_field f = 0; f < HAUL_LOAD_COUNT; f++)
        haul_csv_put(&w->csv, haul_load_value(f, r, &w->scratch));
    return haul_csv_end(&w->csv, e);
}

haul_rc haul_load_csv(haul_catalog *c, const haul_case *k, haul_out *to, haul_err *e)
{
    items w = {.csv = {.to = to}};
    for (haul_load_field f = 0; f < HAUL_LOAD_COUNT; f++)
        haul_csv_put(&w.csv, haul_load_name(f));
    haul_rc rc = haul_csv_end(&w.csv, e);
    if (rc == HAUL_OK)
        rc = haul_load_each(c, k, put_item, &w, e);
    haul_csv_done(&w.csv);
    haul_str_done(&w.scratch);
    return rc;
}
