/* The tables of a PST whose columns are given (MS-PST 2.4.4.4 to 2.4.6, 3.12). */
#ifndef HAUL_FORMATS_PST_PUT_TEMPLATES_H
#define HAUL_FORMATS_PST_PUT_TEMPLATES_H

#include "put_ltp.h"

typedef enum haul_pstw_template_id {
    HAUL_PSTW_T_HIERARCHY,
    HAUL_PSTW_T_CONTENTS,
    HAUL_PSTW_T_ASSOC,
    HAUL_PSTW_T_SEARCH,
    HAUL_PSTW_T_RECEIVE,
    HAUL_PSTW_T_QUEUE,
    HAUL_PSTW_T_ATTACHMENTS,
    HAUL_PSTW_T_RECIPIENTS,
    HAUL_PSTW_T_6B6,
    HAUL_PSTW_T_6D7,
    HAUL_PSTW_T_6F8,
    HAUL_PSTW_T_COUNT
} haul_pstw_template_id;

typedef struct haul_pstw_template {
    uint32_t nid; /* of the empty table every store has; in a message, of its own one */
    const haul_pstw_column *columns;
    size_t n;
} haul_pstw_template;

extern const haul_pstw_template haul_pstw_templates[HAUL_PSTW_T_COUNT];

#endif
