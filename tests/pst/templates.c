#include "pst/templates.h"

/* Columns as an empty store made by Outlook lays them out: tag, ibData, iBit. */
#define C(tag_, at_, bit_)                                                                                   \
    {                                                                                                        \
        .tag = (tag_), .at = (at_), .bit = (bit_)                                                            \
    }

static const haul_tc_column hierarchy[] = {
    C(0x0e300102, 20, 6),  C(0x0e330014, 24, 7),  C(0x0e340102, 32, 8),  C(0x0e380003, 36, 9),
    C(0x3001001f, 8, 2),   C(0x36020003, 12, 3),  C(0x36030003, 16, 4),  C(0x360a000b, 52, 5),
    C(0x3613001f, 40, 10), C(0x66350003, 44, 11), C(0x66360003, 48, 12), C(0x67f20003, 0, 0),
    C(0x67f30003, 4, 1),
};

static const haul_tc_column contents[] = {
    C(0x00170003, 20, 5),   C(0x001a001f, 12, 3),   C(0x00360003, 60, 15),  C(0x0037001f, 28, 7),
    C(0x00390040, 40, 9),   C(0x0042001f, 24, 6),   C(0x0057000b, 120, 13), C(0x0058000b, 121, 14),
    C(0x0070001f, 68, 17),  C(0x00710102, 72, 18),  C(0x0e03001f, 56, 12),  C(0x0e04001f, 52, 11),
    C(0x0e060040, 32, 8),   C(0x0e070003, 16, 4),   C(0x0e080003, 48, 10),  C(0x0e170003, 8, 2),
    C(0x0e300102, 92, 22),  C(0x0e330014, 96, 23),  C(0x0e340102, 104, 24), C(0x0e380003, 116, 27),
    C(0x0e3c0102, 112, 26), C(0x0e3d0102, 108, 25), C(0x10970003, 64, 16),  C(0x30080040, 84, 21),
    C(0x30130102, 76, 19),  C(0x65c60003, 80, 20),  C(0x67f20003, 0, 0),    C(0x67f30003, 4, 1),
};

static const haul_tc_column assoc[] = {
    C(0x001a001f, 12, 3),  C(0x0e070003, 16, 4),  C(0x0e170003, 8, 2),   C(0x3001001f, 20, 5),
    C(0x67f20003, 0, 0),   C(0x67f30003, 4, 1),   C(0x6800001f, 44, 11), C(0x6803000b, 56, 12),
    C(0x68051003, 48, 13), C(0x682f001f, 52, 14), C(0x70030003, 24, 6),  C(0x70040102, 28, 7),
    C(0x70050102, 32, 8),  C(0x7006001f, 36, 9),  C(0x70070003, 40, 10),
};

static const haul_tc_column search[] = {
    C(0x00170003, 28, 7),  C(0x001a001f, 20, 5),  C(0x00360003, 60, 16), C(0x0037001f, 36, 9),
    C(0x0042001f, 32, 8),  C(0x0057000b, 72, 14), C(0x0058000b, 73, 15), C(0x0e03001f, 56, 13),
    C(0x0e04001f, 52, 12), C(0x0e05001f, 12, 3),  C(0x0e060040, 40, 10), C(0x0e070003, 24, 6),
    C(0x0e080003, 48, 11), C(0x0e170003, 16, 4),  C(0x0e2a000b, 74, 17), C(0x30080040, 64, 18),
    C(0x67f10003, 8, 2),   C(0x67f20003, 0, 0),   C(0x67f30003, 4, 1),
};

static const haul_tc_column receive[] = {
    C(0x001a001f, 12, 3),
    C(0x66050003, 8, 2),
    C(0x67f20003, 0, 0),
    C(0x67f30003, 4, 1),
};

static const haul_tc_column queue[] = {
    C(0x00390040, 16, 4), C(0x0e100003, 12, 3), C(0x0e140003, 8, 2), C(0x67f20003, 0, 0), C(0x67f30003, 4, 1),
};

static const haul_tc_column attachments[] = {
    C(0x0e200003, 12, 3), C(0x3704001f, 20, 5), C(0x37050003, 16, 4),
    C(0x370b0003, 8, 2),  C(0x67f20003, 0, 0),  C(0x67f30003, 4, 1),
};

static const haul_tc_column recipients[] = {
    C(0x0c150003, 24, 7), C(0x0e0f000b, 48, 2),  C(0x0ff90102, 32, 9),  C(0x0ffe0003, 36, 10),
    C(0x0fff0102, 16, 5), C(0x3001001f, 20, 6),  C(0x3002001f, 8, 3),   C(0x3003001f, 12, 4),
    C(0x300b0102, 28, 8), C(0x39000003, 40, 11), C(0x39ff001f, 44, 13), C(0x3a40000b, 49, 12),
    C(0x67f20003, 0, 0),  C(0x67f30003, 4, 1),
};

static const haul_tc_column t6b6[] = {
    C(0x0e330014, 8, 2), C(0x0e370102, 16, 3), C(0x0e380003, 20, 4), C(0x67f20003, 0, 0), C(0x67f30003, 4, 1),
};

static const haul_tc_column t6d7[] = {
    C(0x001a001f, 36, 8), C(0x0e300102, 16, 4), C(0x0e310102, 12, 3),
    C(0x0e330014, 28, 7), C(0x0e340102, 24, 6), C(0x0e380003, 20, 5),
    C(0x0e3e0102, 8, 2),  C(0x67f20003, 0, 0),  C(0x67f30003, 4, 1),
};

static const haul_tc_column t6f8[] = {
    C(0x0e330014, 16, 3),
    C(0x30070040, 8, 2),
    C(0x67f20003, 0, 0),
    C(0x67f30003, 4, 1),
};

const haul_template haul_templates[HAUL_T_COUNT] = {
    [HAUL_T_HIERARCHY] = {0x60d, hierarchy, HAUL_COUNT(hierarchy)},
    [HAUL_T_CONTENTS] = {0x60e, contents, HAUL_COUNT(contents)},
    [HAUL_T_ASSOC] = {0x60f, assoc, HAUL_COUNT(assoc)},
    [HAUL_T_SEARCH] = {0x610, search, HAUL_COUNT(search)},
    [HAUL_T_RECEIVE] = {0x62b, receive, HAUL_COUNT(receive)},
    [HAUL_T_QUEUE] = {0x64c, queue, HAUL_COUNT(queue)},
    [HAUL_T_ATTACHMENTS] = {0x671, attachments, HAUL_COUNT(attachments)},
    [HAUL_T_RECIPIENTS] = {0x692, recipients, HAUL_COUNT(recipients)},
    [HAUL_T_6B6] = {0x6b6, t6b6, HAUL_COUNT(t6b6)},
    [HAUL_T_6D7] = {0x6d7, t6d7, HAUL_COUNT(t6d7)},
    [HAUL_T_6F8] = {0x6f8, t6f8, HAUL_COUNT(t6f8)},
};
