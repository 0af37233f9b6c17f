/* Recipients are named twice: in the properties of the message, for people to read, and in a table of its subnodes. */
#include "engine.h"
#include "rescue_pairs.h"
#include "table.h"

#include "base/hash.h"
#include "mime/prop.h"
#include "mime/tags.h"

#include <string.h>

#define KINDS    3u /* of recipients, MS-OXOMSG 2.2.3.1: 1 To, 2 Cc, 3 Bcc */
#define TEXT_MAX (64u * 1024u)
#define ROWS_MAX 10000u

static const uint16_t displayed[KINDS] = {0x0e04, 0x0e03, 0x0e02}; /* PidTagDisplayTo, Cc, Bcc */

/* Names may have a "; " in them, which is also what lies between names: both sides are cut at it. Outlook may show them without
 * their quotes and in other case. */
static haul_span bare(haul_span name)
{
    name = haul_span_trim(name);
    while (name.len && strchr("'\"", name.p[0]))
        name = (haul_span){name.p + 1, name.len - 1};
    while (name.len && strchr("'\"", name.p[name.len - 1]))
        name.len--;
    return name;
}

static uint64_t names_in(haul_str *s, size_t kind)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < s->len; i++)
        s->p[i] = (char)haul_lower(s->p[i]);
    for (size_t at = 0; at < s->len;) {
        const char *cut = memchr(s->p + at, ';', s->len - at);
        size_t end = cut ? (size_t)(cut - s->p) : s->len;
        haul_span name = bare((haul_span){s->p + at, end - at});
        if (name.len)
            sum += haul_fnv64(name.p, name.len, kind + 1);
        at = end + 1;
    }
    return sum;
}

/* ── of a message ── */

/* False: it is there, and cannot be read. */
static bool add_displayed(haul_props *p, size_t kind, haul_arena *a, bool *said, uint64_t *sum)
{
    haul_props_entry entry;
    haul_span value;
    haul_auto_str text = {0};
    haul_bag none = {0};
    if (haul_props_find(p, displayed[kind], &entry, NULL) != HAUL_OK)
        return true;
    if (haul_props_take(p, &entry, TEXT_MAX, a, &value, NULL) != HAUL_OK)
        return false;
    haul_prop prop = {.type = entry.type, .p = (const uint8_t *)value.p, .n = value.len};
    *said = haul_prop_text(&none, &prop, &text, NULL);
    *sum += names_in(&text, kind);
    return *said;
}

bool haul_people_named(haul_props *message, uint64_t *ret)
{
    haul_arena a = {0};
    bool fine = true, said = false;
    *ret = 0;
    for (size_t kind = 0; fine && kind < KINDS; kind++)
        fine = add_displayed(message, kind, &a, &said, ret);
    haul_arena_done(&a);
    return fine && said;
}

/* ── of a table ── */

static uint64_t row_of(haul_tc *t, haul_arena *a)
{
    haul_bag none = {0};
    haul_auto_str name = {0};
    size_t kind = KINDS;
    for (size_t i = 0; i < t->n_columns; i++) {
        haul_prop p;
        if ((t->columns[i].id != HAUL_TAG_RECIPIENT_TYPE && t->columns[i].id != HAUL_TAG_DISPLAY_NAME) ||
            haul_tc_cell(t, i, TEXT_MAX, a, &p, NULL) != HAUL_OK)
            continue;
        if (p.id == HAUL_TAG_DISPLAY_NAME)
            (void)haul_prop_text(&none, &p, &name, NULL);
        else if (p.n == 4 && p.p[0] >= 1 && p.p[0] <= KINDS)
            kind = p.p[0] - 1u;
    }
    return kind < KINDS ? names_in(&name, kind) : 0;
}

static bool add_rows(haul_nodes *n, const haul_node *table, uint64_t *sum)
{
    haul_tc t = {0};
    haul_tc_row row;
    haul_arena a = {0};
    haul_rc rc = haul_tc_open(&t, n, table, NULL);
    for (size_t i = 0; rc == HAUL_OK && i < ROWS_MAX; i++) {
        rc = haul_tc_next(&t, &row, NULL);
        if (rc == HAUL_OK)
            *sum += row_of(&t, &a);
    }
    haul_tc_done(&t);
    haul_arena_done(&a);
    return rc == HAUL_END;
}

bool haul_people_listed(haul_nodes *n, const haul_node_list *subnodes, uint64_t *ret)
{
    const haul_node *table = haul_nodes_list_find(subnodes, HAUL_NID_RECIPIENTS);
    *ret = 0;
    return !table || add_rows(n, table, ret);
}
