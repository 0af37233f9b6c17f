/* Where mail is received. MAPI, "Receive Folders" and IMsgStore::GetReceiveFolder. */
#include "engine.h"

#include "base/str.h"

#include <string.h>

#define FOLDER 0x6605u /* node id; not in MS-OXPROPS, seen in PSTs and OSTs */
#define CLASS  0x001au /* PidTagMessageClass; none = "", which all others fall back to */
#define MAIL   "IPM.Note"

/* How much of the class of mail this one says; 0: mail is not of it. */
static size_t fits(const char *z)
{
    size_t n = z ? strlen(z) : 0;
    if (n == 0)
        return 1;
    bool is = n < sizeof(MAIL) && haul_istarts(MAIL, sizeof(MAIL) - 1, z) && (MAIL[n] == '.' || !MAIL[n]);
    return is ? 1 + n : 0;
}

void haul_pst_receiver_row(haul_pst_receiver *r, const haul_bag *row, haul_arena *a)
{
    size_t n = fits(haul_bag_str(row, CLASS, a));
    if (n <= r->fits)
        return;
    r->fits = n;
    r->nid = (uint32_t)haul_prop_int_or(haul_bag_get(row, FOLDER), 0);
}
