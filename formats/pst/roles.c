/* What a folder is for, from entry ids: never from its name, which is in the language of whoever made the store. */
#include "pst.h"

#include <string.h>

#define ENTRY_LENGTH 24u /* flags 4, provider 16, node id 4: MS-PST 2.4.3.2 */
#define EXCHANGE_LENGTH                                                                                      \
    46u /* flags 4, provider 16, type 2, database 16, counter 6, padding 2: MS-OXCDATA 2.2.4.1 */
#define EXCHANGE_TYPE 1u /* of a folder in a private mailbox */

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
       OST_FOLDER_ID = 0x67f4, /* replica 2, counter 6: what Exchange calls the folder; not in MS-OXPROPS */
};
#define REN_JUNK 4u /* of PidTagAdditionalRenEntryIds, MS-OXOSFLD 2.2.4 */

static uint64_t counter(const uint8_t *p)
{
    uint64_t n = 0;
    for (size_t i = 0; i < 6; i++)
        n = n << 8 | p[i];
    return n;
}

haul_pst_key haul_pst_entry(const void *p, size_t n)
{
    const uint8_t *o = p;
    if (n == EXCHANGE_LENGTH && o[20] == EXCHANGE_TYPE && !o[21])
        return HAUL_PST_KEY_EXCHANGE | counter(o + 38);
    if (n != ENTRY_LENGTH)
        return 0;
    uint32_t nid = (uint32_t)o[20] | (uint32_t)o[21] << 8 | (uint32_t)o[22] << 16 | (uint32_t)o[23] << 24;
    return HAUL_NID_TYPE(nid) == HAUL_NID_FOLDER ? nid : 0;
}

haul_pst_key haul_pst_folder_id(const haul_bag *folder)
{
    const haul_prop *p = haul_bag_get(folder, OST_FOLDER_ID);
    if (!p || p->type != HAUL_PT_I64 || p->n != 8)
        return 0;
    return (p->p[0] || p->p[1] ? HAUL_PST_KEY_EXCHANGE : HAUL_PST_KEY_LOCAL) | counter(p->p + 2);
}

static haul_pst_key entry_of(const haul_bag *b, uint16_t id)
{
    haul_span s;
    return haul_prop_bin(haul_bag_get(b, id), &s) ? haul_pst_entry(s.p, s.len) : 0;
}

void haul_pst_role_set(haul_pst_roles *r, haul_pst_key key, haul_role role)
{
    if (!key || r->n == HAUL_PST_ROLES_MAX || haul_pst_role_of(r, key) != HAUL_ROLE_NONE ||
        haul_pst_role_taken(r, role))
        return;
    r->v[r->n].key = key;
    r->v[r->n++].role = role;
}

haul_role haul_pst_role_of(const haul_pst_roles *r, haul_pst_key key)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->v[i].key == key)
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

void haul_pst_roles_ost(haul_pst_roles *r)
{
    enum { SUBTREE = 10, WASTEBASKET, INBOX, OUTBOX, SENT };
    if (!r->subtree)
        r->subtree = HAUL_PST_KEY_LOCAL | SUBTREE;
    haul_pst_role_set(r, HAUL_PST_KEY_LOCAL | WASTEBASKET, HAUL_ROLE_TRASH);
    haul_pst_role_set(r, HAUL_PST_KEY_LOCAL | INBOX, HAUL_ROLE_INBOX);
    haul_pst_role_set(r, HAUL_PST_KEY_LOCAL | OUTBOX, HAUL_ROLE_OUTBOX);
    haul_pst_role_set(r, HAUL_PST_KEY_LOCAL | SENT, HAUL_ROLE_SENT);
}

bool haul_pst_roles_folder(haul_pst_roles *r, const haul_bag *b)
{
    static const struct {
        uint16_t id;
        haul_role role;
    } rows[] = {
        {IPM_APPOINTMENT, HAUL_ROLE_CALENDAR}, {IPM_CONTACT, HAUL_ROLE_CONTACTS},
        {IPM_JOURNAL, HAUL_ROLE_JOURNAL},      {IPM_NOTE, HAUL_ROLE_NOTES},
        {IPM_TASK, HAUL_ROLE_TASKS},           {IPM_DRAFTS, HAUL_ROLE_DRAFTS},
    };
    haul_prop junk;
    bool any = false;
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_pst_key key = entry_of(b, rows[i].id);
        any = any || key;
        haul_pst_role_set(r, key, rows[i].role);
    }
    if (haul_multi_at(haul_bag_get(b, ADDITIONAL_REN), REN_JUNK, &junk))
        haul_pst_role_set(r, haul_pst_entry(junk.p, junk.n), HAUL_ROLE_JUNK);
    return any;
}

haul_role haul_pst_role_class(const char *class)
{
    static const struct {
        const char *class;
        haul_role role;
    } rows[] = {
        {"IPF.Appointment", HAUL_ROLE_CALENDAR}, {"IPF.Contact", HAUL_ROLE_CONTACTS},
        {"IPF.Task", HAUL_ROLE_TASKS},           {"IPF.StickyNote", HAUL_ROLE_NOTES},
        {"IPF.Journal", HAUL_ROLE_JOURNAL},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows) && class; i++)
        if (haul_icmp(class, rows[i].class) == 0)
            return rows[i].role;
    return HAUL_ROLE_NONE;
}
