/* What a run says of itself: items.jsonl while it goes, report.json at its end. Schema: docs/report.md. */
#ifndef HAUL_PIPE_REPORT_H
#define HAUL_PIPE_REPORT_H

#include "pipe/job.h"
#include "pipe/journal.h"

#define HAUL_REPORT_VERSION     1
#define HAUL_REPORT_NOTICES_MAX 10000u /* issues of sources and folders listed one by one; all are counted */

typedef enum haul_status_id {
    HAUL_STORED,
    HAUL_FILTERED,
    HAUL_DUPLICATE,
    HAUL_FAILED,
    HAUL_ALREADY_STORED,
    HAUL_STATUS_COUNT
} haul_status_id;
const char *haul_status_name(haul_status_id s); /* "already_stored" */

typedef struct haul_folder_count { /* one source folder */
    const char *source, *path, *target;
    haul_role role;
    uint64_t found, by_status[HAUL_STATUS_COUNT];
    uint64_t pending; /* stored since the last commit */
} haul_folder_count;

typedef struct haul_item_line { /* one line of items.jsonl; NULL and absent fields are left out or null */
    const haul_msg *msg;
    const char *folder; /* source path */
    haul_status_id status;
    const char *stored_as;    /* place in the target */
    const char *duplicate_of; /* place of the other */
    const char *reason;       /* which filter, or the error's text */
    const uint8_t *sha256;    /* NULL when not known */
    uint64_t size;
    bool has_size;
} haul_item_line;

/* Text for Jansson, which refuses malformed UTF-8 (it becomes U+FFFD here); NULL gives null. */
json_t *haul_json_from_text(const char *z);
void haul_json_set_u64(json_t *o, const char *key, uint64_t n); /* at most what Jansson holds, INT64_MAX */
void haul_json_set_time(json_t *o, const char *key, bool has,
                        int64_t us); /* "2019-12-31T23:59:59Z", or null */
/* A member of an object: 0 or "" when it is absent or of another type. */
uint64_t haul_json_number(const json_t *o, const char *key);
const char *haul_json_text(const json_t *o, const char *key);

typedef struct haul_report haul_report;

/* items: path of items.jsonl, NULL for none (dry run). */
HAUL_MUST_USE haul_rc haul_report_open(const haul_job *job, const char *items, haul_report **ret,
                                       haul_err *e);
void haul_report_free(haul_report *r);
HAUL_DEFINE_AUTO(haul_report, haul_report_free)

/* A source: its name is unique in the run: what the journal (NULL = none) knows its real path by, else its
 * label, "label#2"… A name that an earlier run gave to another path, which is still there, is that one's: files of two people may be
 * called the same. Where nothing is there any more, this one is taken to be it, moved: *ret_was is that path, else NULL. With ret_was NULL
 * one that is still there may be a copy of this one.
 * Returned texts live with the report. _keep_source remembers the name of the last one. */
const char *haul_report_source(haul_report *r, haul_journal *j, const char *path, const char *label,
                               const char **ret_was);
HAUL_MUST_USE haul_rc haul_report_keep_source(haul_report *r, haul_journal *j, haul_err *e);
void haul_report_source_format(haul_report *r, const char *format); /* of the last one; one for each pass */
/* Of the last one, where a log is kept: its size and digest before it was read (io/digest.h), and whose it is, or NULL. */
void haul_report_source_facts(haul_report *r, uint64_t size, const char *sha256, const char *custodian);
void haul_report_source_failed(haul_report *r, const char *text); /* of the last one */
/* Count of a source folder; stays valid until the report is freed. */
haul_folder_count *haul_report_folder(haul_report *r, const char *path, haul_role role);
void haul_report_notice(haul_report *r, const char *source, haul_issue_id id, const char *detail);
HAUL_MUST_USE haul_rc haul_report_item(haul_report *r, const haul_item_line *line, haul_err *e);
/* The journal has all items so far. */
HAUL_MUST_USE haul_rc haul_report_commit(haul_report *r, haul_err *e);
/* The run ends without a commit: what was stored since the last one counts as failed. Returns how many. */
uint64_t haul_report_roll_back(haul_report *r);
/* report.json as an object (new reference). failure: text of what ended the run, or NULL. */
json_t *haul_report_json(haul_report *r, const haul_totals *t, const haul_format *to, const char *failure);
/* Write it to state/report.json (state may be NULL) and to job->report. */
HAUL_MUST_USE haul_rc haul_report_write(haul_report *r, const json_t *json, const char *state, haul_err *e);

#endif
