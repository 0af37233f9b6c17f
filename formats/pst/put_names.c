#include "put_names.h"

#include "base/hash.h"
#include "mime/put.h"
#include "ndb.h"
#include "put_le.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS      251u
#define FIRST_ID     0x8000u
#define FIRST_BUCKET 0x1000u
#define FIRST_STREAM 3u /* wGuid: 0 none, 1 PS_MAPI, 2 PS_PUBLIC_STRINGS, then the GUID stream (2.4.7.1) */

static const uint8_t ps_mapi[16] = {0x28, 0x03, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46};
static const uint8_t ps_public[16] = {0x29, 0x03, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46};
static const uint8_t ps_internet[16] = {0x86, 0x03, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46};

static bool same_name(const haul_pstw_name *n, const uint8_t guid[16], uint32_t lid, const char *name)
{
    if (memcmp(n->guid, guid, 16) != 0 || !n->name != !name)
        return false;
    return name ? strcmp(n->name, name) == 0 : n->lid == lid;
}

static size_t slot_of(const haul_pstw_names *m, const uint8_t guid[16], uint32_t lid, const char *name)
{
    uint64_t h = haul_fnv64(guid, 16, 0);
    h = name ? haul_fnv64(name, strlen(name), h) : haul_fnv64(&lid, sizeof(lid), h);
    size_t at = (size_t)(h % m->n_slots);
    while (m->slots[at] && !same_name(&m->v[m->slots[at] - 1], guid, lid, name))
        at = (at + 1) % m->n_slots;
    return at;
}

static void fill_slots(haul_pstw_names *m)
{
    memset(m->slots, 0, m->n_slots * sizeof(*m->slots));
    for (size_t i = 0; i < m->n; i++)
        m->slots[slot_of(m, m->v[i].guid, m->v[i].lid, m->v[i].name)] = (uint32_t)(i + 1);
}

static void grow(haul_pstw_names *m)
{
    if (m->n < m->cap)
        return;
    m->cap = m->cap ? m->cap * 2 : 64;
    m->v = haul_realloc(m->v, m->cap * sizeof(*m->v));
    m->n_slots = m->cap * 2;
    m->slots = haul_realloc(m->slots, m->n_slots * sizeof(*m->slots));
    fill_slots(m);
}

uint16_t haul_pstw_names_id(haul_pstw_names *m, const uint8_t guid[16], uint32_t lid, const char *name,
                            bool *ret_new)
{
    grow(m);
    size_t at = slot_of(m, guid, lid, name);
    *ret_new = !m->slots[at];
    if (m->slots[at])
        return (uint16_t)(FIRST_ID + m->slots[at] - 1);
    if (m->n == HAUL_PSTW_NAMES_MAX)
        return 0;
    haul_pstw_name *n = &m->v[m->n];
    *n = (haul_pstw_name){.name = name ? haul_strdup(name) : NULL, .lid = lid};
    memcpy(n->guid, guid, 16);
    m->text += name ? strlen(name) : 0;
    m->slots[at] = (uint32_t)++m->n;
    return (uint16_t)(FIRST_ID + m->n - 1);
}

void haul_pstw_names_cut(haul_pstw_names *m, size_t n)
{
    if (n >= m->n)
        return;
    for (size_t i = n; i < m->n; i++) {
        m->text -= m->v[i].name ? strlen(m->v[i].name) : 0;
        free(m->v[i].name);
    }
    m->n = n;
    fill_slots(m);
}

/* wGuid of a set, which is put into the stream when it is not there. */
static unsigned guid_index(haul_str *guids, const uint8_t guid[16])
{
    if (memcmp(guid, ps_mapi, 16) == 0)
        return 1;
    if (memcmp(guid, ps_public, 16) == 0)
        return 2;
    for (size_t i = 0; i < guids->len / 16; i++)
        if (memcmp(guids->p + 16 * i, guid, 16) == 0)
            return (unsigned)(FIRST_STREAM + i);
    haul_str_add(guids, guid, 16);
    return (unsigned)(FIRST_STREAM + guids->len / 16 - 1);
}

/* Put a string into the string stream (2.4.7.3): length, UTF-16, padded to 4. Returns its offset; *ret_crc is its hash. */
static uint32_t add_string(haul_str *strings, const char *name, uint32_t *ret_crc)
{
    haul_auto_str wide = {0};
    haul_utf16_add(&wide, name, strlen(name));
    uint8_t length[4];
    haul_put32(length, wide.len);
    uint32_t at = (uint32_t)strings->len;
    haul_str_add(strings, length, 4);
    haul_str_add(strings, wide.p, wide.len);
    while (strings->len % 4)
        haul_str_addc(strings, 0);
    *ret_crc = haul_nodes_checksum((const uint8_t *)haul_strz(&wide), wide.len);
    return at;
}

typedef struct streams {
    haul_str guids, entries, strings, buckets[BUCKETS];
} streams;

static void add_name(streams *s, const haul_pstw_name *n, size_t index)
{
    uint8_t entry[8]; /* NAMEID (2.4.7.1) */
    uint32_t hash = n->lid, id = n->lid;
    if (n->name)
        id = add_string(&s->strings, n->name, &hash);
    uint32_t set = guid_index(&s->guids, n->guid) << 1 | (n->name ? 1u : 0u);
    haul_put32(entry, id);
    haul_put16(entry + 4, set);
    haul_put16(entry + 6, index);
    haul_str_add(&s->entries, entry, 8);
    haul_put32(entry, hash); /* in the buckets a string is named by its CRC (2.4.7.5) */
    haul_str_add(&s->buckets[(hash ^ set) % BUCKETS], entry, 8);
}

haul_pstw_object haul_pstw_names_put(haul_pstw_names *m, haul_pstw_ndb *n)
{
    streams *s = haul_calloc(1, sizeof(*s));
    bool added;
    /* libpff refuses a store with an empty stream */
    haul_pstw_names_id(m, ps_internet, 0, "content-class", &added);
    for (size_t i = 0; i < m->n; i++)
        add_name(s, &m->v[i], i);
    haul_pstw_pc pc;
    haul_pstw_pc_init(&pc, n);
    haul_pstw_pc_u32(&pc, 0x00010003, BUCKETS);
    haul_pstw_pc_add(&pc, 0x00020102, s->guids.p, s->guids.len);
    haul_pstw_pc_add(&pc, 0x00030102, s->entries.p, s->entries.len);
    haul_pstw_pc_add(&pc, 0x00040102, s->strings.p, s->strings.len);
    for (unsigned i = 0; i < BUCKETS; i++) {
        haul_str *b = &s->buckets[i];
        if (b->len)
            haul_pstw_pc_add(&pc, (FIRST_BUCKET + i) << 16 | HAUL_PT_BINARY, b->p, b->len);
        haul_str_done(b);
    }
    haul_str_done(&s->guids);
    haul_str_done(&s->entries);
    haul_str_done(&s->strings);
    free(s);
    return haul_pstw_pc_end(&pc);
}

void haul_pstw_names_done(haul_pstw_names *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->v[i].name);
    free(m->v);
    free(m->slots);
    *m = (haul_pstw_names){0};
}
