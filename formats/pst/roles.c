/* What a folder is for, from entry ids: never from its name, which is in the language of whoever made the store. */
#include "pst.h"

#include <string.h>

#define ENTRY_LENGTH 24u /* flags 4, provider 16, node id 4: MS-PST 2.4.3.2 */

enum { /* MS-OXPROPS; MS-OXOSFLD 2.2.3 and 2.2.4 */
    IPM_SUBTREE = 0x35e0,
    IPM_OUTBOX = 0x35e2,
    IPM_WASTEBASKET = 0x35e3,
    IPM_SENT = 0x35e4,
    IPM_APPOINTMENT = 0x36d0,
    IPM_CONTACT = 0x36d1,
    IPM_JOURNAL = 0x36d2,
    IPM_NOTE = 0x36d3,
    IPM_TASK = 0x36d4,
    IPM_DRAFTS = 0x36d7,
    ADDITIONAL_REN = 0x36d8,
};
#define REN_JUNK 4u /* of PidTagAdditionalRenEntryIds, MS-OXOSFLD 2.2.4 */

uint32_t haul_pst_entry(const void *p, size_t n)
{
    const uint8_t *o = p;
    if (n < ENTRY_LENGTH)
        return 0;
    uint32_t nid = (uint32_t)o[20] | (uint32_t)o[21] << 8 | (uint32_t)o[22] << 16 | (uint32_t)o[23] << 24;
    return n == ENTRY_LENGTH && HAUL_NID_TYPE(nid) == HAUL_NID_FOLDER ? nid : 0;
}

static uint32_t entry_of(const haul_bag *b, uint16_t id)
{
    haul_span s;
    return haul_prop_bin(haul_bag_get(b, id), &s) ? haul_pst_entry(s.p, s.len) : 0;
}

void haul_pst_role_set(haul_pst_roles *r, uint32_t nid, haul_role role)
{
    if (!nid || r->n == HAUL_PST_ROLES_MAX || haul_pst_role_of(r, nid) != HAUL_ROLE_NONE)
        return;
    r->v[r->n].nid = nid;
    r->v[r->n++].role = role;
}

haul_role haul_pst_role_of(const haul_pst_roles *r, uint32_t nid)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->v[i].nid == nid)
            return r->v[i].role;
    return HAUL_ROLE_NONE;
}

bool haul_pst_role_taken(const haul_pst_roles *r, haul_role role)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->v[i].role == role)
            return true;
    return false;
}

void haul_pst_roles_store(haul_pst_roles *r, const haul_bag *store)
{
    r->subtree = entry_of(store, IPM_SUBTREE);
    haul_pst_role_set(r, entry_of(store, IPM_OUTBOX), HAUL_ROLE_OUTBOX);
    haul_pst_role_set(r, entry_of(store, IPM_WASTEBASKET), HAUL_ROLE_TRASH);
    haul_pst_role_set(r, entry_of(store, IPM_SENT), HAUL_ROLE_SENT);
}

bool haul_pst_roles_folder(haul_pst_roles *r, const haul_bag *b)
{
    static const struct {
        uint16_t id;
        haul_role role;
    } rows[] = {
        {IPM_APPOINTMENT, HAUL_ROLE_CALENDAR}, {IPM_CONTACT, HAUL_ROLE_CONTACTS}, {IPM_JOURNAL, HAUL_ROLE_JOURNAL},
        {IPM_NOTE, HAUL_ROLE_NOTES},           {IPM_TASK, HAUL_ROLE_TASKS},       {IPM_DRAFTS, HAUL_ROLE_DRAFTS},
    };
    haul_prop junk;
    bool any = false;
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        uint32_t nid = entry_of(b, rows[i].id);
        any = any || nid;
        if (!haul_pst_role_taken(r, rows[i].role))
            haul_pst_role_set(r, nid, rows[i].role);
    }
    if (haul_multi_at(haul_bag_get(b, ADDITIONAL_REN), REN_JUNK, &junk) && !haul_pst_role_taken(r, HAUL_ROLE_JUNK))
        haul_pst_role_set(r, haul_pst_entry(junk.p, junk.n), HAUL_ROLE_JUNK);
    return any;
}

haul_role haul_pst_role_class(const char *class)
{
    static const struct {
        const char *class;
        haul_role role;
    } rows[] = {
        {"IPF.Appointment", HAUL_ROLE_CALENDAR}, {"IPF.Contact", HAUL_ROLE_CONTACTS}, {"IPF.Task", HAUL_ROLE_TASKS},
        {"IPF.StickyNote", HAUL_ROLE_NOTES},     {"IPF.Journal", HAUL_ROLE_JOURNAL},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows) && class; i++)
        if (haul_icmp(class, rows[i].class) == 0)
            return rows[i].role;
    return HAUL_ROLE_NONE;
}
