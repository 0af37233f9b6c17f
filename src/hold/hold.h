/* The command hold: one pass over the sources into a package, then its load files, tag files, report and seal. docs/hold.md. */
#ifndef HAUL_HOLD_HOLD_H
#define HAUL_HOLD_HOLD_H

#include "pipe/job.h"

/* What the user said of the package; NULL = nothing: what an earlier run over it said holds. */
typedef struct haul_hold {
    haul_job *job; /* to and audit_dir are set by haul_hold_run */
    const char *matter, *custodian, *description, *organization, *contact;
    const char *time_zone;    /* of load files: "UTC", "+01:00" */
    const char *dat_encoding; /* "utf-8", "cp1252" */
    bool include_source;
} haul_hold;

/* "UTC", "Z", "+HH:MM", "-HHMM" into minutes east of UTC; false for anything else. */
bool haul_hold_zone(const char *said, int *ret_min);

/* Whether a run over this job would look for duplicates in a way that a dry run cannot: by MIH, or within one custodian's mail. The
 * counts of a dry run have none of them. */
bool haul_hold_dry_is_blind(const haul_job *job);

/* As haul_convert. A package is sealed when everything that could be read is in it: also when a source was lost half-way, which
 * is an exception; not when the run was stopped or the target failed. *ret_sealed tells. One run at a time: HAUL_E_STATE. */
HAUL_MUST_USE haul_rc haul_hold_run(haul_hold *h, haul_totals *ret_totals, json_t **ret_report,
                                    bool *ret_sealed, haul_err *e);

#endif
