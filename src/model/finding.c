#include "model/finding.h"

typedef struct finding_row {
    const char *name;
    haul_severity severity;
    const char *text;
} finding_row;

static const finding_row rows[HAUL_FINDING_COUNT] = {
#define HAUL_FINDING(id, name, severity, text) [HAUL_FINDING_##id] = {name, HAUL_##severity, text},
#include "model/finding.def"
#undef HAUL_FINDING
};

const char *haul_finding_name(haul_finding_id id)
{
    return rows[id].name;
}

const char *haul_finding_text(haul_finding_id id)
{
    return rows[id].text;
}

haul_severity haul_finding_severity(haul_finding_id id)
{
    return rows[id].severity;
}
