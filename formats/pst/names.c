#include "names.h"

#include <string.h>

#define NODE_NAMES 0x61u /* MS-PST 2.4.1 */
#define ENTRY      8u    /* NAMEID, 2.4.7.1 */
#define NAME_MAX   4096u /* octets of one name */

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
    haul_rc rc = haul_nodes_find(n, NODE_NAMES, &node, e);
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
    *m = (haul_names){0};
}

static const uint8_t *guid_of(const haul_names *m, unsigned index, haul_arena *a)
{
    uint8_t *to = haul_arena_calloc(a, 16);
    size_t at = index < HAUL_COUNT(fixed) ? 0 : (index - HAUL_COUNT(fixed)) * 16u;
    if (index < HAUL_COUNT(fixed))
        memcpy(to, fixed[index], 16);
    else if (at + 16 <= m->guids.len)
        memcpy(to, m->guids.p + at, 16);
    return to;
}

/* Length, then UTF-16 (2.4.7.4). */
static const char *name_at(const haul_names *m, uint32_t at, haul_arena *a)
{
    if (m->strings.len < 4 || at > m->strings.len - 4)
        return NULL;
    const uint8_t *p = (const uint8_t *)m->strings.p + at;
    uint32_t n = haul_nodes32(p);
    if (n > m->strings.len - 4 - at || n > NAME_MAX)
        return NULL;
    haul_prop text = {.type = HAUL_PT_UNICODE, .p = p + 4, .n = n};
    haul_bag none = {0};
    return haul_prop_str(&none, &text, a);
}

bool haul_names_find(const haul_names *m, haul_prop *p, haul_arena *a)
{
    for (size_t i = 0; i + ENTRY <= m->entries.len; i += ENTRY) {
        const uint8_t *v = (const uint8_t *)m->entries.p + i;
        uint32_t kind = haul_nodes16(v + 4);
        if (p->id - 0x8000u != haul_nodes16(v + 6))
            continue;
        p->guid = guid_of(m, kind >> 1, a);
        p->set = haul_pset_find(p->guid);
        if (kind & 1)
            p->name = name_at(m, haul_nodes32(v), a);
        else
            p->lid = haul_nodes32(v);
        return true;
    }
    return false;
}
