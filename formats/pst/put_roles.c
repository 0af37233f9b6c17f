/* Which properties name the folders with a use. Source: MS-OXOSFLD 2.2.3, 2.2.4; MS-PST 2.4.3. */
#include "put_le.h"
#include "put_parts.h"

#include <string.h>

#define REN_COUNT 5u
#define REN_JUNK  4u /* of PidTagAdditionalRenEntryIds */

static const struct {
    uint32_t tag;
    haul_role role;
    bool store;
} roles[] = {
    {0x35e20102, HAUL_ROLE_OUTBOX, true},    {0x35e40102, HAUL_ROLE_SENT, true},
    {0x36d00102, HAUL_ROLE_CALENDAR, false}, {0x36d10102, HAUL_ROLE_CONTACTS, false},
    {0x36d20102, HAUL_ROLE_JOURNAL, false},  {0x36d30102, HAUL_ROLE_NOTES, false},
    {0x36d40102, HAUL_ROLE_TASKS, false},    {0x36d70102, HAUL_ROLE_DRAFTS, false},
};

void haul_pstw_entry_id(const uint8_t record_key[16], uint32_t nid, uint8_t ret[HAUL_PSTW_ENTRY_ID])
{
    memset(ret, 0, 4);
    memcpy(ret + 4, record_key, 16);
    haul_put32(ret + 20, nid);
}

uint32_t haul_pstw_role(const haul_pstw *s, haul_role role)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].role == role)
            return s->v[i].nid;
    return 0;
}

static void put_entry(const haul_pstw *s, haul_pstw_pc *to, uint32_t tag, uint32_t nid)
{
    uint8_t id[HAUL_PSTW_ENTRY_ID];
    haul_pstw_entry_id(s->key, nid, id);
    haul_pstw_pc_add(to, tag, id, sizeof(id));
}

/* PidTagAdditionalRenEntryIds: a multi-value, one place a role, empty where there is none. */
static void put_junk(const haul_pstw *s, haul_pstw_pc *to, uint32_t junk)
{
    uint8_t v[4 + 4 * REN_COUNT + HAUL_PSTW_ENTRY_ID];
    haul_put32(v, REN_COUNT);
    for (size_t i = 0; i < REN_COUNT; i++)
        haul_put32(v + 4 + 4 * i, 4 + 4 * REN_COUNT);
    haul_pstw_entry_id(s->key, junk, v + 4 + 4 * REN_JUNK + 4);
    haul_pstw_pc_add(to, 0x36d81102, v, sizeof(v));
}

void haul_pstw_put_roles(const haul_pstw *s, haul_pstw_pc *to, bool store)
{
    uint32_t valid = 0x89, trash = haul_pstw_role(s, HAUL_ROLE_TRASH),
             junk = haul_pstw_role(s, HAUL_ROLE_JUNK);
    for (size_t i = 0; i < HAUL_COUNT(roles); i++) {
        uint32_t nid = haul_pstw_role(s, roles[i].role);
        if (nid && roles[i].store == store)
            put_entry(s, to, roles[i].tag, nid);
    }
    if (!store) {
        if (junk)
            put_junk(s, to, junk);
        return;
    }
    put_entry(s, to, 0x35e00102, HAUL_PSTW_TOP);
    put_entry(s, to, 0x35e30102, trash ? trash : HAUL_PSTW_TRASH);
    put_entry(s, to, 0x35e70102, HAUL_PSTW_FINDER);
    valid |= haul_pstw_role(s, HAUL_ROLE_INBOX) ? 0x02 : 0;
    valid |= haul_pstw_role(s, HAUL_ROLE_OUTBOX) ? 0x04 : 0;
    valid |= haul_pstw_role(s, HAUL_ROLE_SENT) ? 0x10 : 0;
    haul_pstw_pc_u32(to, 0x35df0003, valid); /* PidTagValidFolderMask: which of the entry ids are */
}
