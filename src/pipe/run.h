/* The state of one run, shared by the loop (convert.c), the target side (store.c) and nobody else. */
#ifndef HAUL_PIPE_RUN_H
#define HAUL_PIPE_RUN_H

#include "io/digest.h"
#include "pipe/audit.h"
#include "pipe/journal.h"
#include "pipe/map.h"
#include "pipe/pim.h"
#include "pipe/report.h"
#include "pipe/select.h"

#include <glib.h>

#define HAUL_COMMIT_ITEMS  4096u                         /* a batch ends after so many items … */
#define HAUL_COMMIT_OCTETS (UINT64_C(256) * 1024 * 1024) /* … or so many octets */

typedef struct haul_run_folder { /* by source folder id */
    haul_mapped to;
    bool mapped;
    const char *path;     /* source path */
    const char *left_out; /* the filter that leaves it out, or NULL */
    haul_folder_count *count;
} haul_run_folder;

typedef struct haul_preflight haul_preflight;

#define HAUL_EARLY_MAX 8u
typedef struct haul_early { /* a notice from before the report was open */
    haul_issue_id id;
    char *detail;
} haul_early;

typedef struct haul_run {
    const haul_job *job;
    const haul_format *to;
    haul_totals totals;
    haul_journal *journal; /* a private copy in a dry run */
    haul_map *map;
    haul_report *report;
    haul_audit *audit; /* NULL: no log is kept */
    haul_str log_line;
    haul_source_digest source_before;
    bool source_digested; /* source_before is of the source at hand */
    haul_early early[HAUL_EARLY_MAX];
    unsigned n_early;
    haul_sink sink;
    haul_tokens *tokens;
    haul_pim *pim;             /* NULL: not asked for */
    haul_preflight *preflight; /* NULL: the target takes everything, or no message has come yet */
    haul_str pim_dir;
    haul_select *select; /* NULL: no filter needs a body */
    bool refused;        /* the sink did not take r->msg */
    haul_msg *msg;
    bool owed; /* r->msg was found, and is neither accounted for nor held by the sink */
    haul_progress progress;
    haul_str state; /* state directory */
    /* of the source being read */
    const char *source, *source_path; /* its name, and as the user gave it */
    haul_reader reader;
    haul_folders folders;
    haul_run_folder *by_folder;
    haul_arena paths;
    /* of the batch */
    unsigned batch_items;
    uint64_t batch_octets;
    unsigned batch_limit;
    GHashTable
        *flying; /* --dedupe with a sink that gives receipts late: digests since the last settled commit */
    /* What a receipt could not report upwards: the sink's callbacks return nothing. */
    haul_rc deferred;
    haul_err deferred_err;
} haul_run;

/* Open target, journal and sink; nothing is touched in a dry run. */
HAUL_MUST_USE haul_rc haul_store_open(haul_run *r, haul_err *e);
/* Map a source folder, declare it to the sink, remember its name. Once per source folder. */
HAUL_MUST_USE haul_rc haul_store_folder(haul_run *r, uint32_t folder, haul_err *e);
/* Give the frozen r->msg to the sink. */
HAUL_MUST_USE haul_rc haul_store_message(haul_run *r, haul_err *e);
/* settle: wait for every receipt; else those that a sink gives late may stay out. */
HAUL_MUST_USE haul_rc haul_store_commit(haul_run *r, bool settle, haul_err *e);
/* Before anything is accounted for that no receipt tells of: items come in the order of the source. */
HAUL_MUST_USE haul_rc haul_store_receipts(haul_run *r, haul_err *e);
/* Files that the target has become, by the journal; most targets are one. */
unsigned haul_store_files(const haul_run *r);
/* The run ends without a commit: the receipts that are out. */
void haul_store_give_up(haul_run *r, haul_rc rc, const haul_err *why);
/* Before the journal is asked for this digest (--dedupe): a message that has it may be without a receipt. */
HAUL_MUST_USE haul_rc haul_store_know(haul_run *r, const uint8_t *sha256, haul_err *e);
/* m is not stored, for this reason: accounted for as failed. */
HAUL_MUST_USE haul_rc haul_store_refused(haul_run *r, const haul_msg *m, const haul_err *why, haul_err *e);
/* Finish the sink and commit; then nothing more may be stored. */
HAUL_MUST_USE haul_rc haul_store_finish(haul_run *r, haul_err *e);
void haul_store_close(haul_run *r);

/* The id of m (m->source, key and fingerprint are set): stable across runs. salt: a SHA-256 that makes
 * the id of a later version of the same item, or NULL. */
void haul_run_make_id(haul_msg *m, const uint8_t *salt);

/* Keywords sorted and joined by line ends, as the journal keeps them. */
void haul_keywords_text(const haul_msg *m, haul_str *to);

/* Count and report an issue of a source (NULL: of the target) rather than of an item. */
void haul_run_notice(haul_run *r, const char *source, haul_issue_id id, const char *detail);
/* Write what was noticed before the report was open to it (NULL: it was never opened). */
void haul_run_early(haul_run *r, haul_report *report);

/* ── log.c: the run's events, where a log is kept ── */
HAUL_MUST_USE haul_rc haul_log_open(haul_run *r, haul_err *e);
/* Before anything of a source is read, and when nothing more is: its size and digest. */
HAUL_MUST_USE haul_rc haul_log_source(haul_run *r, const char *path, bool closed, haul_err *e);
HAUL_MUST_USE haul_rc haul_log_item(haul_run *r, const haul_item_line *line, haul_err *e);
/* After the journal's transaction, which has `items` more. */
HAUL_MUST_USE haul_rc haul_log_commit(haul_run *r, uint64_t items, haul_err *e);
/* The run's last event; rc and why: how it ends. */
HAUL_MUST_USE haul_rc haul_log_end(haul_run *r, haul_rc rc, const haul_err *why, haul_err *e);

/* Count and report one item. */
HAUL_MUST_USE haul_rc haul_run_account(haul_run *r, const haul_item_line *line, haul_err *e);

#endif
