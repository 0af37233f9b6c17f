#include "check.h"

#include "mime/prop.h"

#define DETAIL 100u

/* Against MS-PST, as all stores do that Outlook wrote:
 * - PidTagReplItemid (0x0e30) is PtypBinary, and not PtypInteger32 as in 2.4.4; so ids of columns are compared, without types;
 * - PidTagMessageStatus (0x0e17) of 2.4.5.1.1 is in no message: it is calculated (2.5.2.3, SPGET_MSGSTATUS);
 * - OSTs have neither the folders' entry ids in the store nor PidTagLastModificationTime (0x3008) in messages. */

static const uint32_t of_store[] = {0x0ff90102, 0x3001001f, 0x35e00102, 0x35e30102, 0x35e70102};

static const uint32_t of_folder[] = {0x3001001f, 0x36020003, 0x36030003, 0x360a000b};

static const uint32_t of_message[] = {0x001a001f, 0x0e070003, 0x0e080003, 0x30070040, 0x300b0102, 0x30080040};

static const uint32_t of_attachment[] = {0x0e200003, 0x37050003, 0x370b0003};

static const uint32_t hierarchy[] = {0x0e300102, 0x0e330014, 0x0e340102, 0x0e380003, 0x3001001f,
                                     0x36020003, 0x36030003, 0x360a000b, 0x3613001f, 0x66350003,
                                     0x66360003, 0x67f20003, 0x67f30003};

static const uint32_t contents[] = {
    0x00170003, 0x001a001f, 0x00360003, 0x0037001f, 0x00390040, 0x0042001f, 0x0057000b,
    0x0058000b, 0x0070001f, 0x00710102, 0x0e03001f, 0x0e04001f, 0x0e060040, 0x0e070003,
    0x0e080003, 0x0e170003, 0x0e300102, 0x0e330014, 0x0e340102, 0x0e380003, 0x0e3c0102,
    0x0e3d0102, 0x10970003, 0x30080040, 0x65c60003, 0x67f20003, 0x67f30003,
};

static const uint32_t associated[] = {0x001a001f, 0x0e070003, 0x0e170003, 0x3001001f, 0x67f20003,
                                      0x67f30003, 0x6800001f, 0x6803000b, 0x68051003, 0x70030003,
                                      0x70040102, 0x70050102, 0x7006001f, 0x70070003};

static const uint32_t search[] = {
    0x00170003, 0x001a001f, 0x00360003, 0x0037001f, 0x0042001f, 0x0057000b,
    0x0e03001f, 0x0e04001f, 0x0e05001f, 0x0e060040, 0x0e070003, 0x0e080003,
    0x0e170003, 0x0e2a000b, 0x30080040, 0x67f10003, 0x67f20003, 0x67f30003,
};

static const uint32_t recipients[] = {0x0c150003, 0x0e0f000b, 0x0ff90102, 0x0ffe0003, 0x0fff0102,
                                      0x3001001f, 0x3002001f, 0x3003001f, 0x300b0102, 0x39000003,
                                      0x39ff001f, 0x3a40000b, 0x67f20003, 0x67f30003};

static const uint32_t attachments[] = {0x0e200003, 0x3704001f, 0x37050003,
                                       0x370b0003, 0x67f20003, 0x67f30003};

#define OST_STORE   2u /* of those, in an OST */
#define OST_MESSAGE 5u

#define SCHEMA(tags_, section_)                                                                              \
    (haul_pstc_schema)                                                                                       \
    {                                                                                                        \
        .tags = (tags_), .n = HAUL_COUNT(tags_), .section = (section_)                                       \
    }

static haul_pstc_schema schema_of(uint32_t nid)
{
    if (nid == HAUL_PSTC_STORE)
        return SCHEMA(of_store, "2.4.3.1");
    if (nid == HAUL_PSTC_RECIPIENTS)
        return SCHEMA(recipients, "2.4.5.3.1");
    if (nid == HAUL_PSTC_ATTACHMENTS)
        return SCHEMA(attachments, "2.4.6.1.1");
    switch (nid & 0x1f) {
    case HAUL_NTYPE_FOLDER:
    case HAUL_NTYPE_SEARCH:
        return SCHEMA(of_folder, "2.4.4.1.1");
    case HAUL_NTYPE_MESSAGE:
    case HAUL_NTYPE_ASSOCIATED:
        return SCHEMA(of_message, "2.4.5.1.1");
    case HAUL_NTYPE_ATTACHMENT:
        return SCHEMA(of_attachment, "2.4.6.2.1");
    case HAUL_NTYPE_HIERARCHY:
        return SCHEMA(hierarchy, "2.4.4.4.1");
    case HAUL_NTYPE_CONTENTS:
        return SCHEMA(contents, "2.4.4.5.1");
    case HAUL_NTYPE_ASSOC_CONTENTS:
        return SCHEMA(associated, "2.4.4.6.1");
    case HAUL_NTYPE_SEARCH_CONTENTS:
        return SCHEMA(search, "2.4.8.6.2.1");
    default:
        return (haul_pstc_schema){0};
    }
}

haul_pstc_schema haul_pstc_schema_of(const haul_pst_check *c, uint32_t nid)
{
    haul_pstc_schema s = schema_of(nid);
    if (c->ost && s.tags == of_store)
        s.n = OST_STORE;
    if (c->ost && s.tags == of_message)
        s.n = OST_MESSAGE;
    return s;
}

static bool is_string(uint32_t type)
{
    return type == HAUL_PT_UNICODE || type == HAUL_PT_STRING8;
}

uint32_t haul_pstc_schema_bit(const haul_pstc_schema *s, uint32_t tag, bool types)
{
    for (unsigned i = 0; i < s->n; i++) {
        uint32_t want = s->tags[i];
        if (want >> 16 != tag >> 16)
            continue;
        if (!types || want == tag || (is_string(want & 0xffff) && is_string(tag & 0xffff)))
            return UINT32_C(1) << i;
    }
    return 0;
}

void haul_pstc_schema_judge(haul_pst_check *c, const haul_pstc_schema *s, uint32_t seen, haul_finding_id id)
{
    haul_auto_str missing = {0};
    for (unsigned i = 0; i < s->n && missing.len < DETAIL; i++)
        if (!(seen & UINT32_C(1) << i))
            haul_str_addf(&missing, "0x%04x ", s->tags[i] >> 16);
    if (missing.len)
        haul_pst_say(c, id, HAUL_NOWHERE, 0, "%sof MS-PST %s", haul_strz(&missing), s->section);
}
