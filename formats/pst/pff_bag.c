/* A record set of libpff as a property bag. Values are taken as they are stored: libpff's own conversions cost a third of
 * the run and know fewer character sets. */
#include "pff.h"

#include "base/charset.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_OCTETS 4096u /* UTF-8 of a named property's name */

/* ── names of named properties, each converted once ── */

static size_t slot_of(const haul_pff *s, const libpff_name_to_id_map_entry_t *key)
{
    size_t at = (size_t)(((uintptr_t)key >> 4) * UINT64_C(0x9e3779b97f4a7c15));
    for (;; at++) {
        at &= s->n_slots - 1;
        if (!s->names[at].key || s->names[at].key == key)
            return at;
    }
}

static void grow_names(haul_pff *s)
{
    haul_pff_name *old = s->names;
    size_t n = s->n_slots;
    s->n_slots = n ? n * 2 : 256;
    s->names = haul_calloc(s->n_slots, sizeof(*s->names));
    for (size_t i = 0; i < n; i++)
        if (old[i].key)
            s->names[slot_of(s, old[i].key)] = old[i];
    free(old);
}

static const char *utf8_name(haul_pff *s, libpff_name_to_id_map_entry_t *entry)
{
    size_t n = 0;
    if (libpff_name_to_id_map_entry_get_utf8_string_size(entry, &n, NULL) != 1 || n < 2 ||
        n > NAME_MAX_OCTETS)
        return NULL;
    char *text = haul_arena_calloc(&s->arena, n + 1);
    return libpff_name_to_id_map_entry_get_utf8_string(entry, (uint8_t *)text, n, NULL) == 1 ? text : NULL;
}

const haul_pff_name *haul_pff_name_of(haul_pff *s, libpff_name_to_id_map_entry_t *entry)
{
    uint8_t type = 0;
    if (s->n_names * 2 >= s->n_slots)
        grow_names(s);
    haul_pff_name *name = &s->names[slot_of(s, entry)];
    if (name->key)
        return name;
    s->n_names++;
    *name = (haul_pff_name){.key = entry, .set = HAUL_PSET_OTHER};
    if (libpff_name_to_id_map_entry_get_guid(entry, name->guid, sizeof(name->guid), NULL) == 1)
        name->set = haul_pset_find(name->guid);
    if (libpff_name_to_id_map_entry_get_type(entry, &type, NULL) != 1)
        return name;
    if (type == LIBPFF_NAME_TO_ID_MAP_ENTRY_TYPE_STRING)
        name->name = utf8_name(s, entry);
    else
        libpff_name_to_id_map_entry_get_number(entry, &name->lid, NULL);
    return name;
}

/* ── values ── */

/* What is never stored empty: then libpff did not find it. */
static bool is_doubtful(uint32_t id)
{
    static const uint16_t ids[] = {0x0037, 0x007d, 0x0c1f, 0x1000, 0x1009, 0x1013, 0x1035, 0x3001};
    for (size_t i = 0; i < HAUL_COUNT(ids); i++)
        if (ids[i] == id)
            return true;
    return false;
}

static void lost_value(haul_pff *s, uint16_t id, uint16_t type, const char *why)
{
    if (s->pst.msg)
        haul_msg_issue(s->pst.msg, HAUL_ISSUE_PST_PROPERTY_LOST, "property 0x%04x of type 0x%04x: %s", id,
                       type, why);
}

static void take(haul_pff *s, libpff_record_entry_t *entry, uint16_t skip, haul_arena *a, haul_bag *ret)
{
    uint32_t id = 0, type = 0;
    size_t n = 0;
    libpff_name_to_id_map_entry_t *named = NULL;
    if (libpff_record_entry_get_entry_type(entry, &id, NULL) != 1 ||
        libpff_record_entry_get_value_type(entry, &type, NULL) != 1 || id > 0xffff || type > 0xffff ||
        (id == skip && skip))
        return;
    haul_prop p = {.id = (uint16_t)id, .type = (uint16_t)type};
    if (libpff_record_entry_get_data_size(entry, &n, NULL) != 1)
        n = 0;
    if (n > HAUL_PROP_MAX) {
        lost_value(s, p.id, p.type, "it is larger than any value that is read");
        return;
    }
    if (id >= 0x8000 && libpff_record_entry_get_name_to_id_map_entry(entry, &named, NULL) == 1) {
        const haul_pff_name *name = haul_pff_name_of(s, named);
        p.set = name->set;
        p.lid = name->lid;
        p.name = name->name;
        p.guid = haul_arena_alloc(a, sizeof(name->guid));
        memcpy((void *)(uintptr_t)p.guid, name->guid, sizeof(name->guid));
    }
    uint8_t *value = haul_arena_alloc(a, n + 1);
    if (n && libpff_record_entry_get_data(entry, value, n, NULL) != 1)
        n = 0;
    s->doubt = s->doubt || (!n && is_doubtful(id));
    p.p = value;
    p.n = haul_direct_bare(p.type, value, n);
    if (!haul_bag_add(ret, a, &p))
        lost_value(s, p.id, p.type, "the object has too many properties");
}

haul_rc haul_pff_bag(haul_pff *s, libpff_item_t *item, int i, uint16_t skip, haul_arena *a, haul_bag *ret,
                     haul_err *e)
{
    libpff_error_t *error = NULL;
    libpff_record_set_t *set = NULL;
    uint32_t nid = 0;
    int n = 0;
    libpff_item_get_identifier(item, &nid, NULL);
    if (libpff_item_get_record_set_by_index(item, i, &set, &error) != 1 ||
        libpff_record_set_get_number_of_entries(set, &n, &error) != 1)
        return haul_pff_fail(e, HAUL_SKIP, &error, "its properties cannot be read", nid);
    for (int k = 0; k < n; k++) {
        libpff_record_entry_t *entry = NULL;
        if (libpff_record_set_get_entry_by_index(set, k, &entry, NULL) == 1)
            take(s, entry, skip, a, ret);
    }
    return HAUL_OK;
}
