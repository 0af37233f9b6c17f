/* Findings: what a check of a source's structure can say, by stable id (finding.def). */
#ifndef HAUL_MODEL_FINDING_H
#define HAUL_MODEL_FINDING_H

#include "base/err.h"
#include "model/issue.h"

#include <signal.h>
#include <stdint.h>

typedef enum haul_finding_id {
#define HAUL_FINDING(id, name, severity, text) HAUL_FINDING_##id,
#include "model/finding.def"
#undef HAUL_FINDING
    HAUL_FINDING_COUNT
} haul_finding_id;

#define HAUL_FINDINGS_SAME 1000u /* occurrences of one finding in a file that are listed */
#define HAUL_NOWHERE       UINT64_MAX
#define HAUL_DETAIL_TEXT   160u /* octets of a detail, NUL included */

typedef struct haul_finding { /* one occurrence */
    haul_finding_id id;
    uint64_t offset; /* octet in the file; HAUL_NOWHERE = none */
    uint64_t node;   /* 0 = none */
    uint64_t block;  /* id of a block or page; 0 = none */
    char detail[HAUL_DETAIL_TEXT];
} haul_finding;

typedef struct haul_checking { /* one file that is checked */
    int fd;                    /* of a regular file, borrowed, read only */
    uint64_t size;
    void (*found)(void *ctx, const haul_finding *f);
    void *ctx;
    const volatile sig_atomic_t *stop; /* checked now and then; or NULL */
} haul_checking;

const char *haul_finding_name(haul_finding_id id); /* "pst.page-crc" */
const char *haul_finding_text(haul_finding_id id); /* the sentence */
haul_severity haul_finding_severity(haul_finding_id id);

#endif
