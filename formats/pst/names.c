#include "names.h"

#include "engine.h"

#include <stdlib.h>
#include <string.h>

#define ENTRY    8u    /* NAMEID, 2.4.7.1 */
#define NAME_MAX 4096u /* octets of one name */

enum { STREAM_GUID = 2, STREAM_ENTRY, STREAM_STRING }; /* 2.4.7.2 to 2.4.7.4 */

/* wGuid 1 and 2 (2.4.7.1): PS_MAPI, PS_PUBLIC_STRINGS; they are not in the stream. */
static const uint8_t fixed[3][16] = {
    {0},
    {0x28, 0x03, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46},
    {0x29, 0x03, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46},
};

static haul_rc stream(haul_names *m, haul_props *p, uint16_t id, haul_span *ret, haul_err *e)
{
    haul_props_entry entry = {0};
    haul_rc rc = haul_props_find(p, id, &entry, e);
    if (rc == HAUL_END) /* nothing of that kind is named */
        return HAUL_OK;
    return rc == HAUL_OK ? haul_props_take(p, &entry, HAUL_NAMES_MAX, &m->arena, ret, e) : rc;
}

haul_rc haul_names_open(haul_names *m, haul_nodes *n, haul_err *e)
{
    haul_node node = {0};
    haul_props p = {0};
    haul_rc rc = haul_nodes_find(n, HAUL_NID_NAMES, &node, e);
    if (rc != HAUL_OK)
        return rc;
    rc = haul_props_open(&p, n, &node, e);
    if (rc == HAUL_OK)
        rc = stream(m, &p, STREAM_GUID, &m->guids, e);
    if (rc == HAUL_OK)
        rc = stream(m, &p, STREAM_ENTRY, &m->entries, e);
    if (rc == HAUL_OK)
        rc = stream(m, &p, STREAM_STRING, &m->strings, e);
    haul_props_done(&p);
    return rc;
}

void haul_names_done(haul_names *m)
{
    haul_arena_done(&m->arena);
    free(m->known);
    *m = (haul_names){0};
}

static const uint8_t *guid_of(haul_names *m, unsigned index)
{
    uint8_t *to = haul_arena_calloc(&m->arena, 16);
    size_t at = index < HAUL_COUNT(fixed) ? 0 : (index - HAUL_COUNT(fixed)) * 16u;
    if (index < HAUL_COUNT(fixed))
        memcpy(to, fixed[index], 16);
    else if (at + 16 <= m->guids.len)
        memcpy(to, m->guids.p + at, 16);
    return to;
}

/* Length, then UTF-16 (2.4.7.4). */
static const char *name_at(haul_names *m, uint32_t at)
{
    if (m->strings.len < 4 || at > m->strings.len - 4)
        return NULL;
    const uint8_t *p = (const uint8_t *)m->strings.p + at;
    uint32_t n = haul_nodes32(p);
    if (n > m->strings.len - 4 - at || n > NAME_MAX)
        return NULL;
    haul_prop text = {.type = HAUL_PT_UNICODE, .p = p + 4, .n = n};
    haul_bag none = {0};
    return haul_prop_str(&none, &text, &m->arena);
}

/* The entry with that number: most often it is where its number says. */
static const uint8_t *entry_of(const haul_names *m, uint32_t number)
{
    const uint8_t *v = (const uint8_t *)m->entries.p;
    size_t n = m->entries.len / ENTRY;
    if (number < n && haul_nodes16(v + ENTRY * number + 6) == number)
        return v + ENTRY * number;
    for (size_t i = 0; i < n; i++)
        if (haul_nodes16(v + ENTRY * i + 6) == number)
            return v + ENTRY * i;
    return NULL;
}

static void look_up(haul_names *m, haul_prop *to, uint32_t number)
{
    const uint8_t *v = entry_of(m, number);
    to->id = (uint16_t)(0x8000u + number);
    if (!v)
        return;
    uint32_t kind = haul_nodes16(v + 4);
    to->guid = guid_of(m, kind >> 1);
    to->set = haul_pset_find(to->guid);
    if (kind & 1)
        to->name = name_at(m, haul_nodes32(v));
    else
        to->lid = haul_nodes32(v);
    if (kind & 1 && !to->name) { /* not number 0 of the set */
        to->set = HAUL_PSET_NONE;
        to->guid = NULL;
    }
}

bool haul_names_find(haul_names *m, haul_prop *p)
{
    uint32_t number = p->id - 0x8000u;
    if (!m->known)
        m->known = haul_calloc(0x8000, sizeof(*m->known));
    haul_prop *known = &m->known[number & 0x7fff];
    if (!known->id)
        look_up(m, known, number & 0x7fff);
    p->set = known->set;
    p->lid = known->lid;
    p->name = known->name;
    p->guid = known->guid;
    return known->guid != NULL;
}

static bool is_whole(const haul_names *m, const uint8_t *entry)
{
    uint32_t kind = haul_nodes16(entry + 4), at = haul_nodes32(entry);
    size_t set = kind >> 1;
    bool text = !(kind & 1) || (m->strings.len >= 4 && at <= m->strings.len - 4);
    return text && (set < HAUL_COUNT(fixed) || (set - HAUL_COUNT(fixed) + 1) * 16 <= m->guids.len);
}

size_t haul_names_odd(const haul_names *m)
{
    size_t odd = 0;
    for (size_t i = 0; i + ENTRY <= m->entries.len; i += ENTRY)
        odd += !is_whole(m, (const uint8_t *)m->entries.p + i);
    return m->entries.len ? odd : m->guids.len || m->strings.len;
}
