/* The tables of a PST whose columns are given (MS-PST 2.4.4.4 to 2.4.6, 3.12). */
#ifndef HAUL_MADE_TEMPLATES_H
#define HAUL_MADE_TEMPLATES_H

#include "pst/ltp.h"

typedef enum haul_template_id {
    HAUL_T_HIERARCHY,
    HAUL_T_CONTENTS,
    HAUL_T_ASSOC,
    HAUL_T_SEARCH,
    HAUL_T_RECEIVE,
    HAUL_T_QUEUE,
    HAUL_T_ATTACHMENTS,
    HAUL_T_RECIPIENTS,
    HAUL_T_6B6,
    HAUL_T_6D7,
    HAUL_T_6F8,
    HAUL_T_COUNT
} haul_template_id;

typedef struct haul_template {
    uint32_t nid; /* of the empty table every store has; in a message, of its own one */
    const haul_tc_column *columns;
    size_t n;
} haul_template;

extern const haul_template haul_templates[HAUL_T_COUNT];

#endif
