/* Issues: what was repaired, guessed, lost or damaged, by stable id (issue.def). */
#ifndef HAUL_MODEL_ISSUE_H
#define HAUL_MODEL_ISSUE_H

#include <stdbool.h>
#include <stddef.h>

typedef enum haul_severity { HAUL_NOTE, HAUL_GUESS, HAUL_REPAIR, HAUL_LOSS, HAUL_DAMAGE } haul_severity;

typedef enum haul_issue_id {
#define HAUL_ISSUE(id, name, severity, text) HAUL_ISSUE_##id,
#include "model/issue.def"
#undef HAUL_ISSUE
    HAUL_ISSUE_COUNT
} haul_issue_id;

typedef struct haul_issue { /* one occurrence */
    haul_issue_id id;
    const char *detail; /* what and where, "" when the sentence says it all */
    struct haul_issue *next;
} haul_issue;

const char *haul_issue_name(haul_issue_id id); /* "mbox.ambiguous-split" */
const char *haul_issue_text(haul_issue_id id); /* the sentence */
haul_severity haul_issue_severity(haul_issue_id id);
const char *haul_severity_name(haul_severity s); /* "note" … "damage" */
/* False when no issue has that name. */
bool haul_issue_find(const char *name, haul_issue_id *ret);

#endif
