#include "model/issue.h"

#include "base/attr.h"

#include <string.h>

typedef struct issue_row {
    const char *name;
    haul_severity severity;
    const char *text;
} issue_row;

static const issue_row rows[HAUL_ISSUE_COUNT] = {
#define HAUL_ISSUE(id, name, severity, text) [HAUL_ISSUE_##id] = {name, HAUL_##severity, text},
#include "model/issue.def"
#undef HAUL_ISSUE
};

const char *haul_issue_name(haul_issue_id id)
{
    return rows[id].name;
}

const char *haul_issue_text(haul_issue_id id)
{
    return rows[id].text;
}

haul_severity haul_issue_severity(haul_issue_id id)
{
    return rows[id].severity;
}

const char *haul_severity_name(haul_severity s)
{
    static const char *const names[] = {"note", "guess", "repair", "loss", "damage"};
    return (size_t)s < HAUL_COUNT(names) ? names[s] : "damage";
}

bool haul_issue_find(const char *name, haul_issue_id *ret)
{
    for (size_t i = 0; i < HAUL_ISSUE_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0) {
            *ret = (haul_issue_id)i;
            return true;
        }
    return false;
}
