#include "base/hash.h"
#include "base/time.h"
#include "base/utf.h"
#include "mime/ical_parts.h"
#include "mime/lids.h"

#include <string.h>

/* MS-OXOCAL 2.2.1.27: 16 octets of class id, the instance's day (4), creation time (8), zeros (8), size (4), data. */
#define GOID_HEAD 40u

enum {
    TAG_SUBJECT = 0x0037,
    TAG_START = 0x0060,
    TAG_END = 0x0061,
    TAG_CREATION_TIME = 0x3007,
    TAG_SEARCH_KEY = 0x300b,
    TAG_MESSAGE_ID = 0x1035,
};

static bool goid_of(const haul_bag *b, haul_span *ret)
{
    return haul_prop_bin(haul_bag_lid(b, HAUL_PSET_MEETING, HAUL_LID_GLOBAL_OBJECT_ID), ret) &&
           ret->len >= GOID_HEAD;
}

static const char *hex(haul_ical *c, const void *p, size_t n)
{
    char *z = haul_arena_alloc(c->a, 2 * n + 1);
    haul_hex(z, p, n);
    for (char *at = z; *at; at++)
        *at = (char)(*at >= 'a' ? *at - 32 : *at);
    return z;
}

/* MS-OXCICAL 2.1.3.1.1.20.26: a foreign UID is kept behind "vCal-Uid" and 01 00 00 00; else the id in hex, with the
 * day of the instance zeroed so that a series and its exceptions share it. */
static const char *from_goid(haul_ical *c, haul_span g)
{
    static const char mark[12] = {'v', 'C', 'a', 'l', '-', 'U', 'i', 'd', 1, 0, 0, 0};
    if (g.len > GOID_HEAD + sizeof mark && !memcmp(g.p + GOID_HEAD, mark, sizeof mark)) {
        const char *uid = g.p + GOID_HEAD + sizeof mark;
        size_t n = strnlen(uid, g.len - GOID_HEAD - sizeof mark);
        haul_auto_str clean = {0};
        haul_utf8_clean(&clean, uid, n, true);
        const char *z = haul_ical_clean(c, haul_strz(&clean));
        if (*z)
            return z;
    }
    char *copy = haul_arena_strn(c->a, g.p, g.len);
    memset(copy + 16, 0, 4);
    return hex(c, copy, g.len);
}

/* An item without any id: what it was made with. The node alone is another item's in another store. */
static uint64_t own_digest(const haul_bag *b)
{
    static const uint16_t tags[] = {TAG_CREATION_TIME, TAG_SUBJECT, TAG_START, TAG_END};
    uint64_t digest = 0;
    for (size_t i = 0; i < HAUL_COUNT(tags); i++) {
        const haul_prop *p = haul_bag_get(b, tags[i]);
        digest = haul_fnv64(p ? p->p : NULL, p ? p->n : 0, digest + i + 1);
    }
    return digest;
}

const char *haul_ical_uid(haul_ical *c, const haul_bag *b)
{
    haul_span id;
    const haul_prop *clean = haul_bag_lid(b, HAUL_PSET_MEETING, HAUL_LID_CLEAN_GLOBAL_OBJECT_ID);
    if (goid_of(b, &id) || (haul_prop_bin(clean, &id) && id.len >= GOID_HEAD))
        return from_goid(c, id);
    if (haul_prop_bin(haul_bag_lid(b, HAUL_PSET_COMMON, HAUL_LID_TASK_GLOBAL_ID), &id) && id.len)
        return hex(c, id.p, id.len < 64 ? id.len : 64);
    if (haul_prop_bin(haul_bag_get(b, TAG_SEARCH_KEY), &id) && id.len)
        return haul_arena_printf(c->a, "%s@mailhaul", hex(c, id.p, id.len < 64 ? id.len : 64));
    const char *message = haul_ical_clean(c, haul_bag_str(b, TAG_MESSAGE_ID, c->a));
    if (message && *message)
        return message;
    return haul_arena_printf(c->a, "%016llx-%llx@mailhaul", (unsigned long long)own_digest(b),
                             (unsigned long long)c->o->node);
}

bool haul_ical_instance_day(const haul_bag *b, haul_civil *ret)
{
    haul_span g;
    if (!goid_of(b, &g))
        return false;
    const uint8_t *p = (const uint8_t *)g.p + 16;
    haul_civil c = {p[0] << 8 | p[1], p[2], p[3], 0, 0, 0, 0};
    if (!c.year || !haul_civil_ok(&c))
        return false;
    *ret = c;
    return true;
}
