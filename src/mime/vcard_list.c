#include "mime/lids.h"
#include "mime/vcard_parts.h"

#include <string.h>

#define MEMBERS_MAX 65536u /* of one stream; one that says more is not read */

static uint32_t little(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* WrappedEntryId (MS-OXOCNTC 2.2.2.2.4.1.1): flags, provider, a type whose low half says what is inside. */
enum { WRAPPED_HEAD = 21, WRAPPED_CONTACT = 3, WRAPPED_LIST = 4, WRAPPED_USER = 5, WRAPPED_USERS = 6 };

static const char *what(haul_span id)
{
    static const uint8_t provider[16] = {0xc0, 0x91, 0xad, 0xd3, 0x51, 0x9d, 0xcf, 0x11,
                                         0xa4, 0xa9, 0x00, 0xaa, 0x00, 0x47, 0xfa, 0xa4};
    if (id.len < WRAPPED_HEAD || memcmp(id.p + 4, provider, sizeof(provider)) != 0)
        return NULL;
    switch (id.p[20] & 0x0f) {
    case WRAPPED_CONTACT:
        return "contact";
    case WRAPPED_LIST:
        return "list";
    case WRAPPED_USER:
        return "user";
    case WRAPPED_USERS:
        return "users";
    default:
        return NULL;
    }
}

static bool read_id(haul_card *c, haul_span id, haul_addr *ret)
{
    return id.len && haul_addr_entry_id(id.p, id.len, c->o->props.codepage, &c->m->arena, ret);
}

/* The one-off entry id tells name and address even where the other one only points to an item of the store. */
static haul_addr resolve(haul_card *c, haul_span id, haul_span one_off)
{
    haul_addr a = {0}, b = {0};
    (void)read_id(c, one_off, &a);
    if (!a.smtp && read_id(c, id, &b)) {
        a.smtp = b.smtp;
        a.name = a.name ? a.name : b.name;
        a.other = a.other ? a.other : b.other;
    }
    if (!a.smtp && a.name && haul_addr_ok(a.name))
        a.smtp = a.name;
    return a;
}

static void member(haul_card *c, haul_span id, haul_span one_off)
{
    haul_addr a = resolve(c, id, one_off);
    haul_vcard_start(&c->w, a.smtp ? "MEMBER" : "X-MEMBER");
    if (a.smtp) {
        haul_vcard_param(&c->w, "X-NAME", a.name && strcmp(a.name, a.smtp) != 0 ? a.name : NULL);
        haul_vcard_raw(&c->w, ":");
        haul_vcard_mailto(&c->w, a.smtp);
    } else {
        haul_vcard_list(&c->w, "X-KIND", what(id));
        haul_vcard_param(&c->w, "X-ADDRESS", a.other);
        haul_vcard_raw(&c->w, ":");
        haul_vcard_text(&c->w, a.name ? a.name : a.other ? a.other : "(no name)");
        haul_msg_issue(c->m, HAUL_ISSUE_MAPI_LIST_MEMBER_UNRESOLVED, "%s", a.name ? a.name : "");
    }
    haul_vcard_end(&c->w);
}

/* ── PidLidDistributionListStream (MS-OXOCNTC 2.2.2.2.4) ── */

#define STREAM_HEAD 28u /* version, reserved, build, flags, count, three total sizes */
#define STREAM_LAST 8u  /* two terminators */

static bool take(haul_span *in, haul_span *ret)
{
    uint32_t n;
    if (in->len < 4 || (n = little((const uint8_t *)in->p)) > in->len - 4)
        return false;
    *ret = (haul_span){in->p + 4, n};
    in->p += 4 + (size_t)n;
    in->len -= 4 + (size_t)n;
    return true;
}

/* Each member: entry id, one-off entry id, more; all with their sizes in front. write false: look only. */
static bool stream(haul_card *c, haul_span in, bool write)
{
    haul_span id, one_off, more;
    if (in.len < STREAM_HEAD)
        return false;
    uint32_t count = little((const uint8_t *)in.p + 12);
    in.p += STREAM_HEAD;
    in.len -= STREAM_HEAD;
    if (count > MEMBERS_MAX || count > in.len / 12)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (!take(&in, &id) || !take(&in, &one_off) || !take(&in, &more))
            return false;
        if (write)
            member(c, id, one_off);
    }
    return count > 0;
}

static haul_span at(const haul_prop *p, size_t i)
{
    haul_prop one;
    haul_span v = {0};
    if (haul_multi_at(p, i, &one))
        (void)haul_prop_bin(&one, &v);
    return v;
}

/* Two lists of which entries at one place are one member (MS-OXOCNTC 2.2.2.2.2). */
static void members(haul_card *c)
{
    const haul_prop *ids = haul_bag_lid(&c->o->props, HAUL_PSET_ADDRESS, HAUL_LID_LIST_MEMBERS);
    const haul_prop *one_offs = haul_bag_lid(&c->o->props, HAUL_PSET_ADDRESS, HAUL_LID_LIST_ONE_OFF_MEMBERS);
    size_t n = haul_multi_count(ids), k = haul_multi_count(one_offs);
    for (size_t i = 0; i < n || i < k; i++)
        member(c, at(ids, i), at(one_offs, i));
    if (n && k && k != n)
        haul_msg_issue(c->m, HAUL_ISSUE_MAPI_LIST_UNEVEN, "%zu and %zu members", n, k);
}

void haul_card_group(haul_card *c)
{
    haul_span v;
    const haul_prop *p = haul_bag_lid(&c->o->props, HAUL_PSET_ADDRESS, 0x8064);
    haul_card_line(c, "X-FILE-AS", NULL, haul_card_lid(c, HAUL_PSET_ADDRESS, HAUL_LID_FILE_UNDER));
    if (haul_prop_bin(p, &v) && stream(c, v, false))
        (void)stream(c, v, true);
    else
        members(c);
}
