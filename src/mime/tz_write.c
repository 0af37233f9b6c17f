/* Time zones as Outlook stores them, written. MS-OXOCAL 2.2.1.39, 2.2.1.41, MS-DTYP 2.3.13. */
#include "mime/put.h"
#include "mime/tz.h"

#include <string.h>

static void add_change(const haul_tz_change *c, haul_str *to)
{
    const int v[] = {c->year, c->month, c->weekday, c->day, c->hour, c->minute, c->second, 0};
    for (size_t i = 0; i < HAUL_COUNT(v); i++)
        haul_le_add(to, c->month ? (uint64_t)v[i] : 0, 2);
}

/* UTC = local time + bias, in minutes. */
static void add_biases(const haul_tz_rule *r, haul_str *to)
{
    haul_le_add(to, (uint64_t)(int64_t)(-r->standard / 60), 4);
    haul_le_add(to, 0, 4);
    haul_le_add(to, (uint64_t)(int64_t)((r->standard - r->daylight) / 60), 4);
}

void haul_tz_struct_write(const haul_tz *z, haul_str *to)
{
    const haul_tz_rule *r = &z->rules[z->n - 1];
    add_biases(r, to);
    haul_le_add(to, 0, 2);
    add_change(&r->to_standard, to);
    haul_le_add(to, 0, 2);
    add_change(&r->to_daylight, to);
}

void haul_tz_definition_write(const haul_tz *z, bool recurs, haul_str *to)
{
    haul_auto_str name = {0};
    haul_utf16_add(&name, z->id, strlen(z->id));
    haul_le_add(to, 0x0102, 2); /* versions 2 and 1 */
    haul_le_add(to, 6 + name.len, 2);
    haul_le_add(to, 2, 2);
    haul_le_add(to, name.len / 2, 2);
    haul_str_add(to, haul_strz(&name), name.len);
    haul_le_add(to, z->n, 2);
    for (size_t i = 0; i < z->n; i++) {
        const haul_tz_rule *r = &z->rules[i];
        bool last = i + 1 == z->n;
        haul_le_add(to, 0x0102, 2);
        haul_le_add(to, 0x3e, 2);
        haul_le_add(to, (last ? 2u : 0u) | (last && recurs ? 1u : 0u), 2); /* effective; of the recurrence */
        haul_le_add(to, (uint64_t)r->year, 2);
        haul_le_add(to, 0, 8);
        haul_le_add(to, 0, 6);
        add_biases(r, to);
        add_change(&r->to_standard, to);
        add_change(&r->to_daylight, to);
    }
}
