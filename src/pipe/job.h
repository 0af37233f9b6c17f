/* One run: what the command line asks of the pipeline, and what comes back. The cli fills a haul_job
 * and calls haul_convert, haul_inspect or haul_verify; the pipeline prints nothing. */
#ifndef HAUL_PIPE_JOB_H
#define HAUL_PIPE_JOB_H

#include "model/format.h"
#include "pipe/custodian.h"
#include "pipe/terms.h"

#include <jansson.h>
#include <signal.h>

typedef struct haul_map_rule { /* --map 'FROM=TO': the folder FROM and all below it go to TO */
    const char *from, *to;     /* paths as haul_folders_path writes them */
} haul_map_rule;

typedef struct haul_filter {
    bool has_since, has_until;
    int64_t since_us, until_us; /* of the received time, else the sent time: since <= t < until */
    const char *const
        *folders; /* --folder GLOBs over source paths; any may match; NULL-ended or NULL = all */
    const char *const *not_folders;
    unsigned kinds;    /* bit per haul_kind; 0 = all */
    uint64_t max_size; /* octets; 0 = no limit */
    /* Asked once the body is read (pipe/select.h). */
    const char *const *parties; /* --party: haul_party_ok each; any may be in it; NULL-ended or NULL = all */
    const haul_terms *terms;    /* --term: any may be in it; NULL = all */
} haul_filter;

typedef struct haul_totals {
    uint64_t found, stored, filtered, duplicate, failed, already_stored;
    uint64_t damaged; /* items with an issue of severity DAMAGE, failed ones included */
    uint64_t octets;  /* of stored bodies */
    uint64_t issues[HAUL_ISSUE_COUNT];
} haul_totals;

/* Seen by --progress. Called often; the callee decides when to draw. */
typedef struct haul_progress {
    haul_totals totals;
    uint64_t octets_read;  /* of the source, so far */
    uint64_t octets_total; /* 0 = unknown */
    const char *folder;    /* being read, "" at first */
    const char *phase;     /* "reading", "syncing", "verifying" */
} haul_progress;

typedef struct haul_job {
    const char *command;          /* "convert" */
    const char *const *sources;   /* paths, NULL-ended */
    const char *target;           /* path, or URL of a remote format; NULL for inspect */
    const haul_format *from, *to; /* NULL = detect / by name of target */
    const haul_values *values;    /* options of formats */
    haul_filter filter;
    const haul_custodians *custodians; /* whose items they are; NULL = nothing was said of it */
    const haul_map_rule *rules;
    size_t n_rules;
    const char *prefix; /* --prefix, NULL = none */
    bool dedupe, dry_run, merge;
    bool full;      /* verify: compare the octets of a server's messages, too */
    bool repair;    /* what the target would not take is mended where it can be; else such an item fails */
    bool pim_files; /* calendars and address books go to TARGET.pim as well */
    const char *state_dir;   /* --state, NULL = as haul_state_path says */
    const char *const *said; /* the command line as it was said, NULL-ended, for the log; or NULL */
    const char *audit_dir;   /* directory of audit.jsonl; NULL = no log is kept */
    const char *report;      /* --report FILE: a further copy of report.json; NULL = none */
    struct haul_stats
        *stats; /* inspect: figures for a page are wanted; NULL = none, and no body is read for them */
    unsigned commit_items;                                         /* items a batch; 0 = the default */
    void (*progress)(void *ctx, const haul_progress *p);           /* may be NULL */
    void (*message)(void *ctx, haul_severity s, const char *text); /* for stderr; may be NULL */
    void *ctx;
    haul_ask ask;                /* for secrets of a remote target */
    volatile sig_atomic_t *stop; /* set by SIGINT/SIGTERM: finish the item, commit, return E_INTERRUPTED */
} haul_job;

/* Read, map, store, journal, report. *ret_totals is filled even on failure. HAUL_OK also when items
 * failed or were damaged: the exit status follows from totals (haul_totals_exit). ret_report may be
 * NULL; else *ret_report is the report.json object (a new reference) whenever one was made. */
HAUL_MUST_USE haul_rc haul_convert(const haul_job *job, haul_totals *ret_totals, json_t **ret_report,
                                   haul_err *e);
/* Whether at least one source can be opened and is of a known format: a run that has nothing to read makes no target. What is
 * wrong with the first one where none is. haul_convert asks this itself. */
HAUL_MUST_USE haul_rc haul_sources_readable(const haul_job *job, haul_err *e);
int haul_totals_exit(const haul_totals *t); /* 0 or 1 */

/* Inventory without bodies: *ret is an object {version, sources:[{path, format, folders:[{path, role,
 * messages, octets, unseen, flagged, oldest, newest, kinds{}}], totals{}, issues{}}], totals{}}. With job->stats every
 * message is read, and *ret has stats{} (haul_stats_json) as well. */
HAUL_MUST_USE haul_rc haul_inspect(const haul_job *job, json_t **ret, haul_err *e);

/* Read the target again and compare it with the journal, and with the sources when given. *ret: {version,
 * target, checked, agree, differences:[{kind, folder, id, place, message_id, recorded, found}], truncated}.
 * HAUL_OK: all agrees · HAUL_E_DIFFERS: see *ret. */
HAUL_MUST_USE haul_rc haul_verify(const haul_job *job, json_t **ret, haul_err *e);

#endif
